//! Concealment of what was lost, by the method of G.711 Appendix I: the last pitch period is repeated, its seams
//! overlapped, and fades to nothing within 60 ms. Unlike the Appendix's it doesn't hold every frame back by 3.75 ms to
//! smooth the way into the gap; the loop's own seam and the way out are.

use std::ops::Range;

use super::{FRAME, Frame};

/// The shortest pitch period that is looked for: 5 ms, 200 Hz.
const SHORTEST: usize = 40;
/// The longest: 15 ms, 66 Hz.
const LONGEST: usize = 120;
/// Over how many samples periods are compared: 20 ms.
const COMPARED: usize = 160;
/// How much a gap is concealed from.
const HISTORY: usize = LONGEST + COMPARED;
/// Nothing fades in the first 10 ms; from then on a fifth in each 10 ms.
const TEN_MS: usize = 80;

/// What is played and was last, and what to play for want of more.
#[derive(Debug, Clone, Default)]
pub struct Concealer {
    /// The frame that is being made and the two before it, in turn: nothing is copied to be remembered.
    frames: [Frame; 3],
    /// Which of them is being made.
    making: usize,
    /// One period, whose end flows into its beginning.
    period: Vec<f64>,
    /// How many samples of the gap are concealed.
    concealed: usize,
}

impl Concealer {
    /// How long a gap can be concealed, in samples: 60 ms.
    pub const LONGEST_GAP: usize = 6 * TEN_MS;

    /// Begins the next frame.
    pub fn begin(&mut self) {
        *self.frame() = Frame::Silence;
    }

    /// The frame that is being made.
    pub fn frame(&mut self) -> &mut Frame {
        &mut self.frames[self.making]
    }

    /// The frame is made and played, lost or not: the next gap is concealed from it.
    pub fn played(&mut self) -> &Frame {
        let played = self.making;
        self.making = (played + 1) % self.frames.len();
        &self.frames[played]
    }

    /// Makes up these samples of the frame, the next ones of a gap.
    pub fn conceal(&mut self, window: Range<usize>) {
        if self.concealed == 0 {
            self.find_period();
        }
        for n in window {
            let made_up = self.next().round() as i16;
            self.frame().samples_mut()[n] = made_up;
            self.concealed += 1;
        }
    }

    /// Some of a gap went by in silence: what is concealed of the rest is as faint as if nothing had.
    pub fn skip(&mut self, samples: usize) {
        if self.concealed == 0 {
            self.find_period();
        }
        self.concealed = (self.concealed + samples).min(Concealer::LONGEST_GAP);
    }

    /// The gap is over, and these are the frame's first samples behind it: the made-up ones fade into them.
    pub fn resume(&mut self, good: Range<usize>) {
        if self.concealed == 0 {
            return;
        }
        // A quarter of a period, and 4 ms more for each 10 ms of gap, 10 ms at most.
        let longer = self.concealed.saturating_sub(TEN_MS) / TEN_MS * 32;
        let seam = (self.period.len() / 4 + longer).min(TEN_MS).min(good.len());
        for n in 0..seam {
            let share = (n + 1) as f64 / (seam + 1) as f64;
            let made_up = self.next();
            self.concealed += 1;
            let sample = &mut self.frame().samples_mut()[good.start + n];
            *sample = (f64::from(*sample) * share + made_up * (1.0 - share)).round() as i16;
        }
        self.concealed = 0;
    }

    /// There is no gap any more, and none needs a way out: silence was meant.
    pub fn forget_gap(&mut self) {
        self.concealed = 0;
    }

    /// The gap is over without a seam: what comes isn't what went before.
    pub fn forget(&mut self) {
        *self = Concealer::default();
    }

    fn next(&self) -> f64 {
        let faded = self.concealed.saturating_sub(TEN_MS) as f64 / (5 * TEN_MS) as f64;
        if faded >= 1.0 || self.period.is_empty() {
            return 0.0;
        }
        self.period[self.concealed % self.period.len()] * (1.0 - faded)
    }

    /// The newest samples of the two frames that were played last.
    fn history(&self) -> [i16; HISTORY] {
        let of = |ago: usize| self.frames[(self.making + self.frames.len() - ago) % self.frames.len()].samples();
        let mut history = [0; HISTORY];
        let (before, last) = history.split_at_mut(HISTORY - FRAME);
        before.copy_from_slice(&of(2)[2 * FRAME - HISTORY..]);
        last.copy_from_slice(&of(1));
        history
    }

    fn find_period(&mut self) {
        let history = self.history();
        let newest = &history[HISTORY - COMPARED..];
        let mut best = (f64::MIN, SHORTEST);
        for lag in SHORTEST..=LONGEST {
            let before = &history[HISTORY - COMPARED - lag..][..COMPARED];
            let (mut product, mut energy) = (0i64, 1i64);
            for (&one, &other) in newest.iter().zip(before) {
                product += i64::from(one) * i64::from(other);
                energy += i64::from(other) * i64::from(other);
            }
            let likeness = product as f64 / (energy as f64).sqrt();
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        let lag = best.1;
        self.period.clear();
        self.period.extend(history[HISTORY - lag..].iter().map(|&sample| f64::from(sample)));
        let seam = lag / 4;
        for n in 0..seam {
            let share = (n + 1) as f64 / (seam + 1) as f64;
            let before = f64::from(history[HISTORY - lag - seam + n]);
            let last = &mut self.period[lag - seam + n];
            *last = *last * (1.0 - share) + before * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::audio::{Sound, goertzel};

    /// 100 Hz and 500 Hz: one period is 80 samples.
    const HUM: Sound = Sound::Tones { hz: [100.0, 500.0], level: 0.5 };

    fn after_half_a_second() -> Concealer {
        let mut concealer = Concealer::default();
        for n in 0..25 {
            HUM.fill(n * FRAME as u64, concealer.frame().samples_mut());
            concealer.played();
        }
        concealer
    }

    /// The next so many samples of a gap.
    fn made_up(concealer: &mut Concealer, samples: usize) -> Vec<i16> {
        let mut made_up = Vec::new();
        while made_up.len() < samples {
            concealer.conceal(0..FRAME);
            made_up.extend_from_slice(concealer.frame().samples_mut());
        }
        made_up
    }

    #[test]
    fn a_periodic_sound_goes_on_in_step_and_fades_in_60_ms() {
        let mut concealer = after_half_a_second();
        let mut said = [0; 640];
        HUM.fill(25 * FRAME as u64, &mut said);
        let made_up = made_up(&mut concealer, 640);
        for n in 0..80 {
            assert!(
                (i32::from(said[n]) - i32::from(made_up[n])).abs() < 40,
                "sample {n}: {} and {}",
                said[n],
                made_up[n]
            );
        }
        let power = |samples: &[i16]| goertzel(samples, 500.0);
        let (whole, half) = (power(&said[..80]), power(&made_up[240..320]));
        assert!((half / whole - 0.25).abs() < 0.02, "in the fourth 10 ms half as strong: {}", half / whole);
        assert!(made_up[480..].iter().all(|&sample| sample == 0));
        assert!(made_up[470..480].iter().any(|&sample| sample != 0));
    }

    #[test]
    fn what_follows_a_gap_is_faded_into() {
        let mut concealer = after_half_a_second();
        concealer.conceal(0..FRAME);
        concealer.played();
        HUM.fill(26 * FRAME as u64, concealer.frame().samples_mut());
        let said = *concealer.frame().samples_mut();
        concealer.resume(0..FRAME);
        let good = *concealer.frame().samples_mut();
        assert_ne!(good[..20], said[..20]);
        assert_eq!(good[80..], said[80..], "10 ms at most");
        concealer.resume(0..FRAME);
        assert_eq!(*concealer.frame().samples_mut(), good, "where there was no gap nothing is done");
    }

    #[test]
    fn out_of_silence_comes_silence() {
        assert_eq!(made_up(&mut Concealer::default(), 320), [0; 320]);
    }
}
