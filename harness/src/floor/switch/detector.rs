//! Telling people from answering machines, by what they sound like.
//!
//! Three things are listened for, and nothing else is known of who answered:
//!
//! - A short greeting ("Hello?") and then silence is a person: at most [`greeting`](DetectorSettings::greeting) of
//!   sound, from the first on, and then [`silence`](DetectorSettings::silence). It's told when that silence is over,
//!   about 0.8 s after she has finished.
//! - A beep is a machine: one tone, from 400 Hz up, for [`beep`](DetectorSettings::beep). It's told 0.2 to 0.3 s after
//!   the beep has begun, and the playout buffer's 60 ms.
//! - Nothing at all for [`hesitation`](DetectorSettings::hesitation) is told as that.
//!
//! Who does none of it for [`patience`](DetectorSettings::patience) is taken for a person, since nobody is to be hung up on
//! who might be one. So whoever goes on talking is a person after 10 s, and so is a machine that greets for longer, or
//! has no beep. A machine that pauses after a first brief word is taken for a person too.

use std::time::Duration;

use crate::media::{FRAME, FRAME_TIME};
use crate::trace::SimTime;
use crate::world::audio::{RATE, goertzel};

/// How a detector judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectorSettings {
    /// A person greets no longer than this.
    pub greeting: Duration,
    /// And then waits for so long, at least.
    pub silence: Duration,
    /// Who hasn't said anything for so long won't.
    pub hesitation: Duration,
    /// A beep lasts so long, at least: it's heard in steps of 100 ms.
    pub beep: Duration,
    /// After that it's a person.
    pub patience: Duration,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        DetectorSettings {
            greeting: Duration::from_millis(1_800),
            silence: Duration::from_millis(800),
            hesitation: Duration::from_secs(4),
            beep: Duration::from_millis(200),
            patience: Duration::from_secs(10),
        }
    }
}

/// Who has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A person, as far as can be told.
    Human,
    /// A machine.
    Machine,
    /// Nobody says anything.
    Silence,
}

/// The stretch in which a tone is looked for: 100 ms, in which tones 10 Hz apart differ.
const WINDOW: usize = 5 * FRAME;
/// Below that it's silence: -46 dB of full scale, in mean square.
const QUIET: f64 = 150.0 * 150.0;
/// Lower tones are hums, and pairs of tones that lie close together.
const LOWEST: f64 = 400.0;
/// A tone has this share of what's heard while it sounds; of a pair of voice's tones each has half.
const SHARE: f64 = 0.7;
/// A tone is the same as long as it differs by less.
const SAME: f64 = 15.0;

/// Listens to one call, from its answer on.
///
/// ```
/// use busyhour::floor::switch::detector::{Detector, DetectorSettings, Verdict};
/// use busyhour::trace::SimTime;
///
/// let mut detector = Detector::new(DetectorSettings::default(), SimTime::ZERO);
/// let verdict = (1..).find_map(|n| {
///     // She says "Hello?" for 600 ms.
///     let frame = if n <= 30 { [2_000; 160] } else { [0; 160] };
///     let now = SimTime(n * 20_000_000);
///     detector.hear(now, Some(&frame)).map(|verdict| (verdict, now.as_nanos() / 1_000_000))
/// });
/// assert_eq!(verdict, Some((Verdict::Human, 1_400)));
/// ```
#[derive(Debug, Clone)]
pub struct Detector {
    settings: DetectorSettings,
    began: SimTime,
    /// The first utterance: when it began, and up to when it was heard.
    greeting: Option<(SimTime, SimTime)>,
    /// It was too long for a person's.
    too_long: bool,
    last_frame: Option<SimTime>,
    window: Vec<i16>,
    /// A tone, and for how long it has been heard.
    tone: Option<(f64, Duration)>,
    decided: bool,
}

impl Detector {
    /// One that hears nothing yet.
    pub fn new(settings: DetectorSettings, now: SimTime) -> Detector {
        Detector {
            settings,
            began: now,
            greeting: None,
            too_long: false,
            last_frame: None,
            window: Vec::with_capacity(WINDOW),
            tone: None,
            decided: false,
        }
    }

    /// What is heard now: a frame, or nothing. Says once who it is.
    pub fn hear(&mut self, now: SimTime, frame: Option<&[i16; FRAME]>) -> Option<Verdict> {
        if self.decided {
            return None;
        }
        let verdict = self.judge(now, frame);
        self.decided = verdict.is_some();
        verdict
    }

    fn judge(&mut self, now: SimTime, frame: Option<&[i16; FRAME]>) -> Option<Verdict> {
        if self.beeps(now, frame) {
            return Some(Verdict::Machine);
        }
        if self.greeted_briefly(now, frame.is_some_and(is_loud)) || now.since(self.began) >= self.settings.patience {
            return Some(Verdict::Human);
        }
        let hesitates = self.greeting.is_none() && now.since(self.began) >= self.settings.hesitation;
        hesitates.then_some(Verdict::Silence)
    }

    fn greeted_briefly(&mut self, now: SimTime, loud: bool) -> bool {
        match &mut self.greeting {
            None if loud => self.greeting = Some((now, now + FRAME_TIME)),
            Some((since, until)) if !self.too_long => {
                if loud {
                    *until = now + FRAME_TIME;
                    self.too_long = until.since(*since) > self.settings.greeting;
                } else {
                    return (now + FRAME_TIME).since(*until) >= self.settings.silence;
                }
            }
            _ => {}
        }
        false
    }

    fn beeps(&mut self, now: SimTime, frame: Option<&[i16; FRAME]>) -> bool {
        let Some(frame) = frame else { return false };
        // A frame follows the last one, give or take a rounding; else a tone can't be followed through the gap.
        let follows = self.last_frame.replace(now).is_some_and(|last| now.since(last) < FRAME_TIME * 3 / 2);
        if !follows {
            self.window.clear();
            self.tone = None;
        }
        self.window.extend_from_slice(frame);
        if self.window.len() < WINDOW {
            return false;
        }
        let heard = pure_tone(&self.window);
        self.window.clear();
        self.tone = heard.map(|hz| match self.tone {
            Some((known, lasts)) if (known - hz).abs() < SAME => (known, lasts + 5 * FRAME_TIME),
            _ => (hz, 5 * FRAME_TIME),
        });
        self.tone.is_some_and(|(_, lasts)| lasts >= self.settings.beep)
    }
}

/// The sum of the samples' squares.
fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

fn is_loud(frame: &[i16; FRAME]) -> bool {
    energy(frame) > QUIET * FRAME as f64
}

/// The frequency of a tone that is all that's heard.
///
/// Which one it would be is told by three samples in a row: of a sine, the outer two add up to the middle one times
/// twice the cosine of its step. Whether it's there is then asked of Goertzel.
fn pure_tone(samples: &[i16]) -> Option<f64> {
    let total = energy(samples);
    if total <= QUIET * samples.len() as f64 {
        return None;
    }
    let (mut product, mut square) = (0.0, 0.0);
    for three in samples.windows(3) {
        let [before, middle, after] = [three[0], three[1], three[2]].map(f64::from);
        product += middle * (before + after);
        square += middle * middle;
    }
    let cosine = product / (2.0 * square);
    if square == 0.0 || cosine.abs() >= 1.0 {
        return None;
    }
    let hz = cosine.acos() / std::f64::consts::TAU * f64::from(RATE);
    // A sine of amplitude a: Goertzel says a², in parts of full scale, and its mean square is half of that.
    let mean_square = total / samples.len() as f64 / f64::from(1 << 15).powi(2);
    (hz >= LOWEST && goertzel(samples, hz) / 2.0 >= SHARE * mean_square).then_some(hz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;
    use crate::media::tone::{Voice, music};
    use crate::pbx::customer::{AnsweringMachine, BEEP_HZ, EarlyMedia};
    use crate::world::audio::Sound;

    const FRAME_NS: u64 = 20_000_000;

    /// What a detector says of that, and after how many milliseconds. The sound goes through μ-law.
    fn verdict(said: impl Fn(u64) -> Option<[i16; FRAME]>) -> (Verdict, u64) {
        let mut detector = Detector::new(DetectorSettings::default(), SimTime::ZERO);
        (1..)
            .find_map(|n| {
                let frame = said((n - 1) * 20).map(|frame| {
                    let mut coded = Vec::new();
                    Codec::Pcmu.encode(&frame, &mut coded);
                    let mut heard = [0; FRAME];
                    Codec::Pcmu.decode_into(&coded, &mut heard);
                    heard
                });
                detector.hear(SimTime(n * FRAME_NS), frame.as_ref()).map(|verdict| (verdict, n * 20))
            })
            .unwrap()
    }

    fn at(sound: &Sound, ms: u64) -> [i16; FRAME] {
        let mut frame = [0; FRAME];
        sound.fill(ms * 8, &mut frame);
        frame
    }

    fn tone(hz: f64) -> Sound {
        Sound::Tones { hz: [hz; 2], level: 0.1 }
    }

    #[test]
    fn a_machine_is_one_from_its_beep_on() {
        let machine = AnsweringMachine::default();
        let greets = machine.greets_for.as_millis() as u64;
        let said = |ms| Some(if ms < greets { at(&machine.greeting(), ms) } else { at(&machine.beep(), ms - greets) });
        let (verdict, after) = verdict(said);
        assert_eq!(verdict, Verdict::Machine);
        assert!((greets + 200..=greets + 300).contains(&after), "{after}");
    }

    /// The default machine's greeting is 8 s long: one that is longer than the patience is a person to us.
    #[test]
    fn a_machine_that_greets_for_too_long_is_taken_for_a_person() {
        let machine = AnsweringMachine::default();
        let said = |greets: u64| {
            move |ms| Some(if ms < greets { at(&machine.greeting(), ms) } else { at(&machine.beep(), ms - greets) })
        };
        assert_eq!(verdict(said(9_600)).0, Verdict::Machine);
        assert_eq!(verdict(said(9_900)), (Verdict::Human, 10_000));
    }

    #[test]
    fn a_short_greeting_and_silence_is_a_person() {
        let voice = Voice::number(7).sound();
        let greets = |long: u64| {
            let voice = voice.clone();
            move |ms| Some(if ms < long { at(&voice, ms) } else { [0; FRAME] })
        };
        assert_eq!(verdict(greets(600)), (Verdict::Human, 1_400));
        assert_eq!(verdict(greets(1_800)), (Verdict::Human, 2_600));
        assert_eq!(verdict(greets(1_820)), (Verdict::Human, 10_000), "too long for a greeting");
        // Where silence is suppressed nothing comes.
        let voice = voice.clone();
        assert_eq!(verdict(move |ms| (ms < 600).then(|| at(&voice, ms))), (Verdict::Human, 1_400));
    }

    #[test]
    fn who_goes_on_talking_is_a_person_in_the_end_and_who_says_nothing_is_nobody() {
        for number in 0..200 {
            let voice = Voice::number(number).sound();
            assert_eq!(verdict(move |ms| Some(at(&voice, ms))), (Verdict::Human, 10_000), "voice {number}");
        }
        assert_eq!(verdict(|_| None), (Verdict::Silence, 4_000));
        let late = Voice::number(3).sound();
        assert_eq!(verdict(|ms| (ms >= 3_980).then(|| at(&late, ms))).0, Verdict::Human);
        assert_eq!(verdict(|ms| (ms >= 4_000).then(|| at(&late, ms))), (Verdict::Silence, 4_000));
        // The tones that lie close together, and every pair of a keypad's.
        for pair in [EarlyMedia::Ringback.sound(), EarlyMedia::Announcement.sound(), music()] {
            assert_eq!(verdict(|ms| Some(at(&pair, ms))).0, Verdict::Human, "{pair:?}");
        }
        for hz in [[697.0, 1_209.0], [941.0, 1_336.0], [852.0, 1_477.0]] {
            let pair = Sound::Tones { hz, level: 0.3 };
            assert_eq!(verdict(|ms| Some(at(&pair, ms))), (Verdict::Human, 10_000), "{hz:?}");
        }
    }

    #[test]
    fn a_beep_is_a_tone_that_lasts() {
        for hz in [420.0, 1_000.0, 1_400.0, 2_000.0, BEEP_HZ] {
            let beep = tone(hz);
            assert_eq!(verdict(|ms| Some(at(&beep, ms))), (Verdict::Machine, 200), "{hz}");
        }
        let hum = tone(100.0);
        assert_eq!(verdict(|ms| Some(at(&hum, ms))).0, Verdict::Human);
        // A chirp of 150 ms, once a second, is none: nor is a tone that changes.
        let voice = tone(1_000.0);
        let chirps = |ms| Some(if ms % 1_000 < 150 { at(&voice, ms) } else { at(&Voice::number(3).sound(), ms) });
        assert_eq!(verdict(chirps).0, Verdict::Human);
        let changes = |ms| Some(at(&tone(600.0 + (ms / 100) as f64 * 20.0), ms));
        assert_eq!(verdict(changes).0, Verdict::Human);
    }

    #[test]
    fn it_says_it_once() {
        let mut detector = Detector::new(DetectorSettings::default(), SimTime::ZERO);
        assert_eq!(detector.hear(SimTime(3_999_999_999), None), None);
        assert_eq!(detector.hear(SimTime(4_000_000_000), None), Some(Verdict::Silence));
        assert_eq!(detector.hear(SimTime(10_020_000_000), None), None);
    }
}
