//! The E-model (G.107): how speech that lost packets is rated.
//!
//! R = R0 - Is - Id - Ie,eff + A with the defaults of G.107 is 93.2 - Ie,eff: what is judged is listening (MOS-LQ), so
//! Id, the delay's part, is 0.
//!
//! Ie,eff = Ie + (95 - Ie) · Ppl / (Ppl / BurstR + Bpl). G.711 itself impairs nothing: Ie = 0. Its robustness Bpl stands
//! in G.113 Appendix I (02/2001): 4.3 where lost packets are left silent, 25.1 where they're concealed as G.711 Appendix
//! I does it. Both figures are quoted from implementations that cite that table, not read in the Recommendation itself.
//! The [jitter buffer](super::jitter) conceals by that method (pitch periods repeated, overlapped at both seams, fading
//! to nothing in 60 ms), so 25.1 is what holds for it. A gap that it can't conceal for want of a later packet is longer
//! than its depth: BurstR makes that dearer.

/// What is left of R where nothing is lost.
pub const CEILING: f64 = 93.2;
/// G.113 Appendix I: G.711 with the concealment of its Appendix I.
pub const BPL_CONCEALED: f64 = 25.1;
/// G.113 Appendix I: G.711 without concealment.
pub const BPL_SILENT: f64 = 4.3;

/// The rating of speech of which a share (0 to 1) was lost, in bursts so many times as long as chance would make them.
///
/// ```
/// use busyhour::media::mos;
///
/// assert_eq!(mos::rating(0.0, 1.0, mos::BPL_CONCEALED), 93.2);
/// assert!(mos::score(mos::rating(0.05, 1.0, mos::BPL_CONCEALED)) > 3.8);
/// assert!(mos::score(mos::rating(0.05, 1.0, mos::BPL_SILENT)) < 2.4);
/// ```
pub fn rating(lost_share: f64, burst_ratio: f64, bpl: f64) -> f64 {
    let percent = lost_share.clamp(0.0, 1.0) * 100.0;
    CEILING - 95.0 * percent / (percent / burst_ratio.max(1.0) + bpl)
}

/// The mean opinion score that a rating means (G.107 Annex B), from 1 to 4.5.
pub fn score(rating: f64) -> f64 {
    if rating <= 0.0 {
        1.0
    } else if rating >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concealed(percent: f64) -> f64 {
        score(rating(percent / 100.0, 1.0, BPL_CONCEALED))
    }

    /// G.107 Annex B: R = 93.2 is 4.41.
    #[test]
    fn undisturbed_g711_scores_4_41_and_loss_costs() {
        assert!((concealed(0.0) - 4.41).abs() < 0.005);
        // Ie,eff = 95 * 5 / (5 + 25.1) = 15.78, R = 77.42.
        assert!((rating(0.05, 1.0, BPL_CONCEALED) - 77.419).abs() < 0.001);
        assert!((concealed(5.0) - 3.923).abs() < 0.005, "{}", concealed(5.0));
        assert!(concealed(20.0) < 2.7);
    }

    #[test]
    fn bursts_cost_more_than_the_same_loss_by_chance() {
        assert!(rating(0.05, 2.0, BPL_CONCEALED) < rating(0.05, 1.0, BPL_CONCEALED));
        assert_eq!(rating(0.05, 0.5, BPL_CONCEALED), rating(0.05, 1.0, BPL_CONCEALED), "nothing is better than chance");
    }

    #[test]
    fn scores_stay_between_1_and_4_5() {
        for (rating, expected) in [(-20.0, 1.0), (0.0, 1.0), (0.1, 1.0), (100.0, 4.5), (120.0, 4.5)] {
            assert!((score(rating) - expected).abs() < 0.005, "{rating}: {}", score(rating));
        }
        assert!(score(50.0) > score(49.0));
    }
}
