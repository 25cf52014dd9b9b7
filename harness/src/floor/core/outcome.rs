//! What a call that wasn't answered has come to: VICIdial's statuses for SIP's and Q.850's answers.

/// The lead's status after a call that failed. VICIdial has it from Asterisk's DIALSTATUS and hang-up cause: BUSY is AB,
/// CHANUNAVAIL and CONGESTION with cause 1 are ADC, CONGESTION with 19, 21, 34 or 38 is ADCT, NOANSWER is NA.
pub(super) fn of_failure(status: u16, cause: Option<u8>) -> &'static str {
    match (status, cause.or_else(|| usual_cause(status))) {
        // It rang as long as it may, or we gave up: nobody was there, whatever the cause says.
        (408 | 487, _) => "NA",
        // It couldn't even be placed, or our own server doesn't take our calls.
        (0 | 401 | 403 | 407, _) => "LRERR",
        (_, Some(17)) => "AB",
        (_, Some(1 | 22 | 27 | 28)) => "ADC",
        (480, Some(18 | 19)) | (_, Some(18)) => "NA",
        (_, Some(19 | 21 | 34 | 38)) => "ADCT",
        (500.., _) => "ADCT",
        _ => "ADC",
    }
}

/// The cause that stands for a SIP status when none is told: Asterisk's table.
fn usual_cause(status: u16) -> Option<u8> {
    Some(match status {
        404 | 485 | 604 => 1,
        486 | 600 => 17,
        408 => 18,
        480 => 19,
        603 => 21,
        410 => 22,
        502 => 27,
        484 => 28,
        503 => 34,
        500 => 38,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::of_failure;

    /// FastAGI_log's map of dial statuses, each by the SIP answer that leads to it.
    #[test]
    fn every_refusal_has_its_status() {
        for (status, cause, expected) in [
            (486, Some(17), "AB"),
            (600, None, "AB"),
            (404, Some(1), "ADC"),
            (404, None, "ADC"),
            (410, None, "ADC"),
            (603, Some(21), "ADCT"),
            (503, None, "ADCT"),
            (503, Some(34), "ADCT"),
            (480, Some(18), "NA"),
            (408, None, "NA"),
            (487, None, "NA"),
            (487, Some(17), "NA"),
            (0, None, "LRERR"),
            (403, None, "LRERR"),
        ] {
            assert_eq!(of_failure(status, cause), expected, "{status} with cause {cause:?}");
        }
    }

    /// A carrier that says 503 for a number that doesn't exist tells by its cause what it means.
    #[test]
    fn a_cause_outweighs_the_status() {
        assert_eq!(of_failure(503, Some(1)), "ADC");
        assert_eq!(of_failure(503, Some(17)), "AB");
    }
}
