//! Voices: every party's pair of tones, and who is heard in some samples.
//!
//! A voice is two sines, one from 400 to 1,840 Hz and one from 1,860 to 3,300 Hz, on a grid of 20 Hz. Over 100 ms
//! (800 samples) all of that grid's tones are orthogonal, and the judge looks through a Hann window, whose skirts fall
//! off before the next tone: so dozens of voices are told apart at once, through μ-law and a mixer too, and a voice that
//! begins or stops in the middle doesn't splash over the others.
//!
//! The first 73 voices share no tone. Beyond, two voices share one at most, and no two voices' four tones make up a
//! third and a fourth one (numbers 0 to 656: the lines of a projective plane, from Singer's difference set): if two are
//! heard together, no other two could have been it.

use std::f64::consts::TAU;

use crate::world::audio::{RATE, Sound};

/// The shortest stretch that can be judged, in samples: 100 ms.
pub const WINDOW: usize = 800;
/// How loud a voice is: -24 dB, as speech on a line is.
const LEVEL: f64 = 0.12;
/// The lowest tone, and how far they're apart.
const LOWEST: f64 = 400.0;
const STEP: f64 = 20.0;
/// How many tones each half of the band has.
const TONES: u32 = 73;
/// A perfect difference set modulo 73: every distance but 0 appears once.
const SHIFTS: [u32; 9] = [1, 2, 4, 8, 16, 32, 37, 55, 64];
/// A tone counts if it has this share of a voice's power: what is left of one at half its amplitude. A lone frame of
/// 20 ms has less, wherever in the window it stands.
const SHARE: f64 = 0.25;

/// A party's voice.
///
/// ```
/// use busyhour::media::tone::{self, Voice};
///
/// let (alice, bob) = (Voice::number(0), Voice::number(1));
/// let mut said = [0; tone::WINDOW];
/// alice.sound().fill(0, &mut said);
/// assert_eq!(tone::present(&said, &[alice, bob]), [alice]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voice(u32);

impl Voice {
    /// How many there are.
    pub const COUNT: u32 = TONES * TONES;

    /// The voice of a number. There are 5,329; then they begin anew.
    pub fn number(number: u32) -> Voice {
        Voice(number % Voice::COUNT)
    }

    /// Its tones.
    pub fn hz(self) -> [f64; 2] {
        let (round, low) = (self.0 / TONES, self.0 % TONES);
        let shift = SHIFTS.get(round as usize).copied().unwrap_or_else(|| {
            // Those that the difference set left out, in order.
            let rest = (0..TONES).filter(|shift| !SHIFTS.contains(shift));
            rest.clone().nth(round as usize - SHIFTS.len()).unwrap_or_default()
        });
        let high = TONES + (low + shift) % TONES;
        [low, high].map(|tone| LOWEST + STEP * f64::from(tone))
    }

    /// What a microphone is fed for her to speak.
    pub fn sound(self) -> Sound {
        Sound::Tones { hz: self.hz(), level: LEVEL }
    }
}

/// Music on hold: no voice, since both its tones lie under the lowest of theirs.
pub fn music() -> Sound {
    Sound::Tones { hz: [300.0, 350.0], level: 0.1 }
}

/// Which of these voices sound in these samples, taken together. Less than [`WINDOW`] can't be judged: nobody.
pub fn present(samples: &[i16], voices: &[Voice]) -> Vec<Voice> {
    if samples.len() < WINDOW {
        return Vec::new();
    }
    let windowed = hann(samples);
    let mut strong = [None; 2 * TONES as usize];
    let enough = (LEVEL / 2.0).powi(2) * SHARE;
    let mut is_strong = |hz: f64| {
        let index = ((hz - LOWEST) / STEP) as usize;
        *strong[index].get_or_insert_with(|| power(&windowed, hz) >= enough)
    };
    voices.iter().copied().filter(|voice| voice.hz().into_iter().all(&mut is_strong)).collect()
}

/// Which of these voices sound for 100 ms anywhere in these samples. Windows overlap by half, so that none is missed
/// that lasts 150 ms.
pub fn ever(samples: &[i16], voices: &[Voice]) -> Vec<Voice> {
    let mut left = voices.to_vec();
    let mut heard = Vec::new();
    let mut at = 0;
    while at + WINDOW <= samples.len() && !left.is_empty() {
        let window = &samples[at..at + WINDOW];
        // Silence is quickly judged.
        if window.iter().any(|sample| sample.unsigned_abs() > 64) {
            let now = present(window, &left);
            left.retain(|voice| !now.contains(voice));
            heard.extend(now);
        }
        at += WINDOW / 2;
    }
    heard.sort_unstable();
    heard
}

/// The samples through a Hann window, scaled so that a tone keeps its power.
fn hann(samples: &[i16]) -> Vec<f64> {
    let turn = Rotation::new(f64::from(RATE) / samples.len() as f64);
    let mut angle = turn.start();
    samples
        .iter()
        .map(|&sample| {
            let weight = 1.0 - angle.0;
            angle = turn.next(angle);
            f64::from(sample) / 32_767.0 * weight
        })
        .collect()
}

/// How strong a tone is: the square of its amplitude (Goertzel, as [`crate::world::audio::goertzel`] has it).
fn power(samples: &[f64], hz: f64) -> f64 {
    let coefficient = 2.0 * Rotation::new(hz).cos;
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (sample + coefficient * last - before, last);
    }
    let half = samples.len() as f64 / 2.0;
    (last * last + before * before - coefficient * last * before) / (half * half)
}

/// A turn by a constant angle.
struct Rotation {
    cos: f64,
    sin: f64,
}

impl Rotation {
    /// The angle that `hz` makes in a sample. By series: the C library's cosine isn't the same everywhere.
    fn new(hz: f64) -> Rotation {
        let angle = hz / f64::from(RATE) * TAU;
        let (mut cos, mut sin, mut term) = (0.0, 0.0, 1.0);
        for n in 0..40 {
            match n % 4 {
                0 => cos += term,
                1 => sin += term,
                2 => cos -= term,
                _ => sin -= term,
            }
            term *= angle / f64::from(n + 1);
        }
        Rotation { cos, sin }
    }

    fn start(&self) -> (f64, f64) {
        (1.0, 0.0)
    }

    fn next(&self, (cos, sin): (f64, f64)) -> (f64, f64) {
        (cos * self.cos - sin * self.sin, sin * self.cos + cos * self.sin)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Codec, FRAME, mixer::Mix};
    use super::*;
    use crate::world::Random;
    use std::collections::BTreeSet;

    fn through_mu_law(samples: &[i16]) -> Vec<i16> {
        let mut bytes = Vec::new();
        Codec::Pcmu.encode(samples, &mut bytes);
        bytes.into_iter().map(|byte| Codec::Pcmu.decode(byte)).collect()
    }

    /// Each of them from a moment of its own on, encoded, mixed frame by frame, encoded again.
    fn mixed(voices: &[Voice], samples: usize) -> Vec<i16> {
        let said: Vec<Vec<i16>> = voices
            .iter()
            .zip(0u64..)
            .map(|(voice, n)| {
                let mut said = vec![0; samples];
                voice.sound().fill(n * 37, &mut said);
                through_mu_law(&said)
            })
            .collect();
        let frames = (0..samples / FRAME).flat_map(|frame| {
            let mut mix = Mix::default();
            for said in &said {
                mix.add(said[frame * FRAME..][..FRAME].try_into().unwrap());
            }
            mix.all()
        });
        through_mu_law(&frames.collect::<Vec<_>>())
    }

    fn every(numbers: impl IntoIterator<Item = u32>) -> Vec<Voice> {
        numbers.into_iter().map(Voice::number).collect()
    }

    #[test]
    fn no_two_voices_are_the_same_and_the_first_share_no_tone() {
        let all: BTreeSet<[u64; 2]> = every(0..Voice::COUNT).iter().map(|voice| voice.hz().map(f64::to_bits)).collect();
        assert_eq!(all.len(), 5_329);
        let first: BTreeSet<u64> = every(0..73).iter().flat_map(|voice| voice.hz()).map(f64::to_bits).collect();
        assert_eq!(first.len(), 146);
        assert!(every(0..Voice::COUNT).iter().flat_map(|voice| voice.hz()).all(|hz| (400.0..=3_300.0).contains(&hz)));
    }

    #[test]
    fn two_voices_never_sound_like_two_others() {
        let mut seen = BTreeSet::new();
        let voices = every(0..657);
        for (n, one) in voices.iter().enumerate() {
            for other in &voices[n + 1..] {
                let mut tones = [one.hz(), other.hz()].concat();
                tones.sort_by(f64::total_cmp);
                // Two that share a tone have three: a shared one means the same two anyway.
                assert!(seen.insert(tones.iter().map(|&hz| hz as u32).collect::<Vec<_>>()), "{one:?} with {other:?}");
            }
        }
    }

    #[test]
    fn dozens_are_told_apart_at_once_through_mu_law_and_a_mixer() {
        let speaking = every((0..73).step_by(2));
        assert_eq!(speaking.len(), 37);
        let everybody = every(0..73);
        let samples = mixed(&speaking, 4 * WINDOW);
        for at in [0, 160, 333, 800, 2_000] {
            assert_eq!(present(&samples[at..at + WINDOW], &everybody), speaking, "from {at} on");
        }
    }

    #[test]
    fn each_voice_alone_is_that_voice_and_no_other() {
        let everybody = every(0..657);
        for &voice in everybody.iter().step_by(29) {
            assert_eq!(present(&mixed(&[voice], WINDOW), &everybody), [voice]);
        }
    }

    /// What begins or stops in the middle splashes: a neighbour on the grid must not be heard for it.
    #[test]
    fn a_voice_cut_anywhere_is_nobody_else() {
        let everybody = every(0..657);
        let mut random = Random::stream(9, "cuts");
        for _ in 0..60 {
            let voice = Voice::number(random.below(657) as u32);
            let mut samples = mixed(&[voice], WINDOW);
            let (from, length) = (random.below(800) as usize, random.below(800) as usize);
            samples[from..(from + length).min(WINDOW)].fill(0);
            let heard = present(&samples, &everybody);
            assert!(heard.iter().all(|&one| one == voice), "{voice:?} cut from {from} for {length}: {heard:?}");
        }
    }

    #[test]
    fn music_and_noise_and_silence_are_nobody() {
        let everybody = every(0..Voice::COUNT);
        let mut samples = [0; WINDOW];
        assert_eq!(present(&samples, &everybody), []);
        music().fill(5, &mut samples);
        assert_eq!(present(&samples, &everybody), []);
        let mut random = Random::stream(2, "noise");
        let noise: Vec<i16> = (0..WINDOW).map(|_| random.below(4_000) as i16 - 2_000).collect();
        assert_eq!(present(&noise, &everybody), []);
        assert_eq!(present(&[0; WINDOW - 1], &everybody), []);
    }

    #[test]
    fn a_voice_is_found_wherever_it_lasts_150_ms_and_a_lone_frame_is_not_it() {
        let voice = Voice::number(12);
        for from in [0, 123, 400, 1_999] {
            for (length, expected) in [(1_200, vec![voice]), (FRAME, vec![])] {
                let mut samples = vec![0; 4_000];
                voice.sound().fill(0, &mut samples[from..from + length]);
                assert_eq!(ever(&samples, &every(0..73)), expected, "{length} from {from} on");
            }
        }
    }
}
