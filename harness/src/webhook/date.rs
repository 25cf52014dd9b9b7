//! Moments as texts: RFC 3339 in payloads, RFC 9110's dates in `Retry-After`.

const DAY: u64 = 86_400_000;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that leap days come last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month < 3 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let in_year = (153 * month + 2) / 5 + day.checked_sub(1)?;
    (year * 365 + year / 4 - year / 100 + year / 400 + in_year).checked_sub(719_468)
}

/// Year, month and day of a day since 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// `2026-11-23T14:00:00.250Z`, of milliseconds since 1970.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (year, month, day) = date(unix_ms / DAY);
    let ms = unix_ms % DAY;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Reads a number that a text begins with, of so many digits, and what comes after it.
fn digits(text: &str, count: usize) -> Option<(u64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| number.parse().ok().map(|number| (number, rest))).flatten()
}

/// `hh:mm:ss`, in seconds, and what comes after it. A leap second counts as the next one.
fn time_of_day(text: &str) -> Option<(u64, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 3600 + minute * 60 + second, rest))
}

/// Milliseconds since 1970 of a moment as RFC 3339 has it, in any offset.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (seconds, mut rest) = time_of_day(rest.strip_prefix(['T', 't', ' '])?)?;
    let mut ms = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (shown, after) = fraction.split_at(count);
        ms = format!("{:0<3}", shown.get(..3).unwrap_or(shown)).parse().ok().filter(|_| count > 0)?;
        rest = after;
    }
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let local = days(year, month, day)? * DAY + seconds * 1000 + ms;
    match rest {
        "Z" | "z" => Some(local),
        _ => {
            let (hours, minutes) = digits(rest.get(1..)?, 2)?;
            let (minutes, end) = digits(minutes.strip_prefix(':')?, 2)?;
            let offset = (hours * 60 + minutes) * 60_000;
            match (rest.as_bytes()[0], end) {
                (b'+', "") => local.checked_sub(offset),
                (b'-', "") => Some(local + offset),
                _ => None,
            }
        }
    }
}

/// Seconds since 1970 of a date as HTTP has it: `Mon, 23 Nov 2026 14:00:00 GMT` (RFC 9110, section 5.6.7).
pub(crate) fn parse_http_date(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let (day, rest) = digits(rest, 2)?;
    let (month, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (year, rest) = digits(rest, 4)?;
    let (seconds, rest) = time_of_day(rest.strip_prefix(' ')?)?;
    (rest == " GMT").then(|| Some(days(year, month, day)? * 86_400 + seconds)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_442_400_250, "2026-11-23T14:00:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!((rfc3339(ms).as_str(), parse_rfc3339(text)), (text, Some(ms)));
        }
        assert_eq!(parse_rfc3339("2026-11-23T09:00:00-05:00"), Some(1_795_442_400_000));
        assert_eq!(parse_rfc3339("2026-11-23T19:30:00.5+05:30"), Some(1_795_442_400_500));
        for wrong in ["", "2026-11-23", "2026-11-23T14:00:00", "2026-13-23T14:00:00Z", "2026-11-23T24:00:00Z", "é"] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(parse_http_date("Mon, 23 Nov 2026 14:00:00 GMT"), Some(1_795_442_400));
        for wrong in ["Mon, 23 Nov 2026 14:00:00", "Mon, 3 Nov 2026 14:00:00 GMT", "Mon, 23 Nof 2026 14:00:00 GMT", "3"]
        {
            assert_eq!(parse_http_date(wrong), None, "{wrong:?}");
        }
    }
}
