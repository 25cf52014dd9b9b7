//! Microphones and speakers, and what is heard at them.
//!
//! All sound is 8,000 samples a second of 16 bits, one channel. A sample takes 125 microseconds of simulated time: sample
//! `n` of a device sounds from `n` times that on, so its place says when it was heard. Nothing here reads a clock.
//!
//! Whether somebody *heard* something is judged on the samples that reached her [`Speaker`], with [`goertzel`]: each
//! party speaks a pair of tones of its own ([`Sound::Tones`]).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::trace::SimTime;

/// Samples in a second.
pub const RATE: u32 = 8_000;
const NANOS_OF_A_SAMPLE: u64 = 1_000_000_000 / RATE as u64;
/// What a full-scale sine reaches.
const FULL_SCALE: f64 = 32_767.0;

/// The first sample that begins at or after a moment.
fn sample_from(at: SimTime) -> u64 {
    at.0.div_ceil(NANOS_OF_A_SAMPLE)
}

/// How many samples are over at a moment.
fn samples_until(at: SimTime) -> u64 {
    at.0 / NANOS_OF_A_SAMPLE
}

fn time_of(sample: u64) -> SimTime {
    SimTime(sample.saturating_mul(NANOS_OF_A_SAMPLE))
}

/// The sine of an angle in turns. The C library's differs in the last bit from release to release, and a run's samples
/// must not: this one is additions and multiplications alone. It's good to 10^-11.
fn sine(turns: f64) -> f64 {
    let turns = turns - turns.round();
    // To the quarter turn around zero, where few terms suffice.
    let turns = if turns.abs() > 0.25 { turns.signum() * 0.5 - turns } else { turns };
    let angle = turns * std::f64::consts::TAU;
    let square = angle * angle;
    let mut series = 1.0;
    for divisor in [210.0, 156.0, 110.0, 72.0, 42.0, 20.0, 6.0] {
        series = 1.0 - square / divisor * series;
    }
    angle * series
}

/// How many samples are turned through from an angle that was computed afresh.
const BLOCK: u64 = 160;

/// An angle's sine and cosine, turned on from sample to sample: four multiplications in the place of a series.
struct Angle {
    sine: f64,
    cosine: f64,
}

impl Angle {
    fn of(turns: f64) -> Angle {
        Angle { sine: sine(turns), cosine: sine(turns - turns.floor() + 0.25) }
    }

    fn turn(&mut self, by: &Turn) {
        let Angle { sine, cosine } = *self;
        self.sine = sine * by.0.cosine + cosine * by.0.sine;
        self.cosine = cosine * by.0.cosine - sine * by.0.sine;
    }
}

/// What an angle grows by in a sample.
struct Turn(Angle);

impl Turn {
    fn by(turns: f64) -> Turn {
        Turn(Angle::of(turns))
    }
}

/// The samples of two tones from the `first` one on.
fn tones(hz: [f64; 2], level: f64, first: u64, out: &mut [i16]) {
    let each = level * FULL_SCALE / 2.0;
    let turns = hz.map(|hz| Turn::by(hz / f64::from(RATE)));
    let mut at = first;
    let mut rest = out;
    while !rest.is_empty() {
        // A block's angles go out from its beginning, wherever the window begins: a sample is the same in
        // every window.
        let block = at - at % BLOCK;
        let count = ((block + BLOCK - at) as usize).min(rest.len());
        let (window, behind) = rest.split_at_mut(count);
        let mut angles = hz.map(|hz| Angle::of(hz * block as f64 / f64::from(RATE)));
        let turn_on = |angles: &mut [Angle; 2]| {
            angles[0].turn(&turns[0]);
            angles[1].turn(&turns[1]);
        };
        for _ in block..at {
            turn_on(&mut angles);
        }
        for sample in window {
            // Too loud is cut off, as a converter does.
            *sample = (each * (angles[0].sine + angles[1].sine)).round() as i16;
            turn_on(&mut angles);
        }
        at += count as u64;
        rest = behind;
    }
}

/// Tones of so many hertz, and their multiples, begin anew after 100 ms.
const PERIODIC: i64 = 10;
const PERIOD: usize = RATE as usize / 10;

/// In whole numbers, since a remainder of floats is no instruction but a loop.
fn is_periodic(hz: f64) -> bool {
    let whole = hz as i64;
    whole as f64 == hz && whole % PERIODIC == 0
}

thread_local! {
    /// The periods of the pairs of tones that were asked for: voices go on all day.
    static PERIODS: RefCell<FxHashMap<[u64; 3], Rc<[i16]>>> = RefCell::default();
}

/// 100 ms of two tones that are periodic in that time.
fn period_of(hz: [f64; 2], level: f64) -> Rc<[i16]> {
    let key = [hz[0].to_bits(), hz[1].to_bits(), level.to_bits()];
    let known = PERIODS.with(|periods| periods.borrow().get(&key).cloned());
    known.unwrap_or_else(|| {
        let mut period = [0; PERIOD];
        tones(hz, level, 0, &mut period);
        let period: Rc<[i16]> = period.into();
        PERIODS.with(|periods| periods.borrow_mut().insert(key, period.clone()));
        period
    })
}

/// A source of sound. Its samples depend on their place alone, so that any window of it can be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// Two sines, both of the same level.
    Tones {
        /// Their frequencies, below 4,000 Hz each.
        hz: [f64; 2],
        /// What the two together reach at most: 1 is full scale.
        level: f64,
    },
    /// A recording, played once.
    Recording(Rc<[i16]>),
}

impl Sound {
    /// Fills `out` with the samples from the `first` one on, counted from the sound's beginning.
    ///
    /// ```
    /// use busyhour::world::audio::Sound;
    ///
    /// let tones = Sound::Tones { hz: [697.0, 1209.0], level: 0.5 };
    /// let (mut whole, mut second_half) = ([0; 320], [0; 160]);
    /// tones.fill(0, &mut whole);
    /// tones.fill(160, &mut second_half);
    /// assert_eq!(whole[160..], second_half);
    /// ```
    pub fn fill(&self, first: u64, out: &mut [i16]) {
        match self {
            Sound::Silence => out.fill(0),
            Sound::Tones { hz, level } if hz.iter().all(|hz| is_periodic(*hz)) => {
                let period = period_of(*hz, *level);
                let mut at = (first % PERIOD as u64) as usize;
                let mut rest = out;
                while !rest.is_empty() {
                    let count = (PERIOD - at).min(rest.len());
                    let (window, behind) = rest.split_at_mut(count);
                    window.copy_from_slice(&period[at..at + count]);
                    (at, rest) = (0, behind);
                }
            }
            Sound::Tones { hz, level } => tones(*hz, *level, first, out),
            Sound::Recording(samples) => {
                let rest = usize::try_from(first).ok().and_then(|first| samples.get(first..)).unwrap_or_default();
                let count = rest.len().min(out.len());
                out[..count].copy_from_slice(&rest[..count]);
                out[count..].fill(0);
            }
        }
    }
}

/// The device was unplugged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the microphone is unplugged")]
pub struct DeviceLost;

/// A microphone: what is said into it, and the one stream that reads it.
///
/// ```
/// use busyhour::trace::SimTime;
/// use busyhour::world::audio::{Microphone, Sound};
///
/// let mut microphone = Microphone::default();
/// microphone.feed(Sound::Tones { hz: [440.0, 660.0], level: 0.5 }, SimTime::ZERO);
/// microphone.open(SimTime(20_000_000))?;
/// assert_eq!(microphone.read(SimTime(40_000_000), 800)?.len(), 160, "20 ms have passed: no more is there");
/// assert_eq!(microphone.read(SimTime(40_000_000), 800)?.len(), 0);
/// # Ok::<(), busyhour::world::audio::DeviceLost>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Microphone {
    /// From which sample on what is said into it; silence before.
    fed: Vec<(u64, Sound)>,
    /// From which sample on it's muted or not.
    muted: Vec<(u64, bool)>,
    unplugged: bool,
    /// The stream's next sample, if one is open.
    next: Option<u64>,
}

/// Lets `value` hold from a sample on, whatever was to hold from then on.
fn hold_from<T>(timeline: &mut Vec<(u64, T)>, sample: u64, value: T) {
    timeline.retain(|(from, _)| *from < sample);
    timeline.push((sample, value));
}

/// What holds at a sample, and until which it does.
fn held_at<T>(timeline: &[(u64, T)], sample: u64) -> (Option<&(u64, T)>, u64) {
    let after = timeline.partition_point(|(from, _)| *from <= sample);
    let until = timeline.get(after).map_or(u64::MAX, |(from, _)| *from);
    (after.checked_sub(1).map(|index| &timeline[index]), until)
}

impl Microphone {
    /// Says something into it from a moment on, instead of whatever was said. The sound begins at that moment, even if
    /// it's over and the microphone is only read later.
    pub fn feed(&mut self, sound: Sound, from: SimTime) {
        hold_from(&mut self.fed, sample_from(from), sound);
    }

    /// Mutes it from now on: silence comes out.
    pub fn mute(&mut self, now: SimTime) {
        hold_from(&mut self.muted, sample_from(now), true);
    }

    /// Lets it be heard again from now on.
    pub fn unmute(&mut self, now: SimTime) {
        hold_from(&mut self.muted, sample_from(now), false);
    }

    /// Pulls it out. The stream that reads it is lost.
    pub fn unplug(&mut self) {
        self.unplugged = true;
        self.next = None;
    }

    /// Plugs it in again. Whoever wants to read it must open it.
    pub fn plug_in(&mut self) {
        self.unplugged = false;
    }

    /// Whether it's plugged in.
    pub fn is_plugged_in(&self) -> bool {
        !self.unplugged
    }

    /// Begins to listen: what was said before now is not heard.
    ///
    /// # Errors
    ///
    /// It's unplugged.
    pub fn open(&mut self, now: SimTime) -> Result<(), DeviceLost> {
        if self.unplugged {
            return Err(DeviceLost);
        }
        self.next = Some(sample_from(now));
        Ok(())
    }

    /// How many samples a read would find.
    pub fn available(&self, now: SimTime) -> u64 {
        self.next.map_or(0, |next| samples_until(now).saturating_sub(next))
    }

    /// Reads up to so many samples, from where the last read stopped, but none that aren't over yet. The first read
    /// opens it, if nobody has, and so finds nothing.
    ///
    /// # Errors
    ///
    /// It's unplugged.
    pub fn read(&mut self, now: SimTime, samples: usize) -> Result<Vec<i16>, DeviceLost> {
        let available = usize::try_from(self.available(now)).unwrap_or(usize::MAX);
        let mut out = vec![0; samples.min(available)];
        let count = self.read_into(now, &mut out)?;
        debug_assert_eq!(count, out.len(), "as many as are available");
        Ok(out)
    }

    /// What was said from a moment on, whoever else reads: a look at the room, for programs that keep a clock of their
    /// own. What isn't over yet is told too: nobody asks for it who can't wait.
    ///
    /// # Errors
    ///
    /// It's unplugged.
    pub fn said(&mut self, from: SimTime, out: &mut [i16]) -> Result<(), DeviceLost> {
        if self.unplugged {
            return Err(DeviceLost);
        }
        let first = sample_from(from);
        self.sounds_between(first, first + out.len() as u64, out);
        // Others may look back a little further.
        self.forget_before(first.saturating_sub(u64::from(RATE)));
        Ok(())
    }

    fn sounds_between(&self, first: u64, end: u64, out: &mut [i16]) {
        let mut at = first;
        while at < end {
            let (sound, sounds_until) = held_at(&self.fed, at);
            let (muted, muted_until) = held_at(&self.muted, at);
            let until = end.min(sounds_until).min(muted_until);
            let window = &mut out[(at - first) as usize..(until - first) as usize];
            match (muted, sound) {
                (Some((_, true)), _) | (_, None) => window.fill(0),
                (_, Some((from, sound))) => sound.fill(at - from, window),
            }
            at = until;
        }
    }

    /// Drops what no later read can ask about, up to what holds at a sample.
    fn forget_before(&mut self, sample: u64) {
        let before = self.fed.partition_point(|(from, _)| *from <= sample).saturating_sub(1);
        self.fed.drain(..before);
        let before = self.muted.partition_point(|(from, _)| *from <= sample).saturating_sub(1);
        self.muted.drain(..before);
    }

    /// Reads into a buffer, as [`read`](Microphone::read) does, and says how many samples there were.
    ///
    /// # Errors
    ///
    /// It's unplugged.
    pub fn read_into(&mut self, now: SimTime, out: &mut [i16]) -> Result<usize, DeviceLost> {
        let Some(next) = self.next else {
            return self.open(now).map(|()| 0);
        };
        let count = usize::try_from(self.available(now)).unwrap_or(usize::MAX).min(out.len());
        let end = next + count as u64;
        self.sounds_between(next, end, out);
        self.next = Some(end);
        self.forget_before(end);
        Ok(count)
    }
}

/// What a speaker played so long ago that it isn't known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was played at {from} is forgotten: the speaker remembers from {kept_from} on")]
pub struct Forgotten {
    /// Since when it was asked for.
    pub from: SimTime,
    /// Since when everything is known.
    pub kept_from: SimTime,
}

/// A speaker, which remembers what it played, and when.
///
/// ```
/// use busyhour::trace::SimTime;
/// use busyhour::world::audio::Speaker;
///
/// let mut speaker = Speaker::default();
/// speaker.play(SimTime(1_000_000_000), &[7; 160]);
/// let heard = speaker.heard(SimTime(999_750_000), SimTime(1_000_250_000))?;
/// assert_eq!(heard, [0, 0, 7, 7]);
/// # Ok::<(), busyhour::world::audio::Forgotten>(())
/// ```
#[derive(Debug, Clone)]
pub struct Speaker {
    /// In order, without overlap; silence between them.
    chunks: VecDeque<Chunk>,
    /// The sample after the last one that was played.
    end: u64,
    /// How many samples are kept; all, if nothing is said.
    keeps: Option<u64>,
    /// From which sample on everything is known.
    known_from: u64,
}

#[derive(Debug, Clone)]
struct Chunk {
    start: u64,
    played: Played,
}

/// What was played at once. Codes are left as they are until somebody wants to hear them, which is seldom.
#[derive(Debug, Clone)]
enum Played {
    Samples(Box<[i16]>),
    Codes(&'static [i16; 256], Box<[u8]>),
}

impl Chunk {
    fn end(&self) -> u64 {
        let samples = match &self.played {
            Played::Samples(samples) => samples.len(),
            Played::Codes(_, codes) => codes.len(),
        };
        self.start + samples as u64
    }

    /// Copies the samples from one on.
    fn copy(&self, from: usize, out: &mut [i16]) {
        match &self.played {
            Played::Samples(samples) => out.copy_from_slice(&samples[from..from + out.len()]),
            Played::Codes(levels, codes) => {
                for (sample, &code) in out.iter_mut().zip(&codes[from..]) {
                    *sample = levels[usize::from(code)];
                }
            }
        }
    }
}

impl Default for Speaker {
    /// One that remembers ten seconds.
    fn default() -> Speaker {
        Speaker::remembering(Some(Duration::from_secs(10)))
    }
}

impl Speaker {
    /// One that remembers the newest so much of what it played, or all of it.
    pub fn remembering(newest: Option<Duration>) -> Speaker {
        let mut speaker = Speaker { chunks: VecDeque::new(), end: 0, keeps: None, known_from: 0 };
        speaker.remember(newest);
        speaker
    }

    /// Changes how much it remembers.
    pub fn remember(&mut self, newest: Option<Duration>) {
        self.keeps = newest.map(|newest| sample_from(SimTime::ZERO + newest));
        self.forget();
    }

    /// Plays samples at once, or after those that are still playing, and says from when on.
    pub fn play(&mut self, now: SimTime, samples: &[i16]) -> SimTime {
        self.put(now, Played::Samples(samples.into()))
    }

    /// The same for samples that are coded, each by a byte of which `levels` says what it sounds like.
    pub fn play_codes(&mut self, now: SimTime, levels: &'static [i16; 256], codes: &[u8]) -> SimTime {
        self.put(now, Played::Codes(levels, codes.into()))
    }

    fn put(&mut self, now: SimTime, played: Played) -> SimTime {
        let chunk = Chunk { start: self.end.max(sample_from(now)), played };
        let start = chunk.start;
        if chunk.end() > start {
            self.end = chunk.end();
            self.chunks.push_back(chunk);
            self.forget();
        }
        time_of(start)
    }

    fn forget(&mut self) {
        let Some(keeps) = self.keeps else { return };
        let horizon = self.end.saturating_sub(keeps);
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= horizon) {
            let forgotten = self.chunks.pop_front().expect("there is a first one");
            self.known_from = forgotten.end();
        }
    }

    /// When the last sample that was given to it is over.
    pub fn plays_until(&self) -> SimTime {
        time_of(self.end)
    }

    /// What was heard from one moment up to another: silence where nothing was played.
    ///
    /// # Errors
    ///
    /// Some of it is forgotten. It isn't silence: nobody knows.
    pub fn heard(&self, from: SimTime, to: SimTime) -> Result<Vec<i16>, Forgotten> {
        let (first, after) = (sample_from(from), sample_from(to));
        if after <= first {
            return Ok(Vec::new());
        }
        if first < self.known_from {
            return Err(Forgotten { from, kept_from: time_of(self.known_from) });
        }
        let mut heard = vec![0; usize::try_from(after - first).unwrap_or(usize::MAX)];
        let begin = self.chunks.partition_point(|chunk| chunk.end() <= first);
        for chunk in self.chunks.range(begin..).take_while(|chunk| chunk.start < after) {
            let (start, end) = (chunk.start.max(first), chunk.end().min(after));
            chunk.copy((start - chunk.start) as usize, &mut heard[(start - first) as usize..(end - first) as usize]);
        }
        Ok(heard)
    }
}

/// How strong a frequency is in samples: the square of its amplitude, where 1 is a full-scale sine (Goertzel, 1958).
///
/// `n` samples tell frequencies apart that lie 8,000/`n` Hz or more from each other. [`Sound::Tones`] of level `l` show
/// (`l`/2)² at both of theirs.
///
/// ```
/// use busyhour::world::audio::{Sound, goertzel};
///
/// let mut samples = [0; 3200];
/// Sound::Tones { hz: [700.0, 1200.0], level: 0.5 }.fill(0, &mut samples);
/// assert!((goertzel(&samples, 700.0) - 0.0625).abs() < 0.001);
/// assert!(goertzel(&samples, 720.0) < 0.001);
/// ```
pub fn goertzel(samples: &[i16], hz: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    // A cosine is a sine a quarter turn ahead.
    let coefficient = 2.0 * sine(hz / f64::from(RATE) + 0.25);
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        let next = f64::from(sample) / FULL_SCALE + coefficient * last - before;
        (last, before) = (next, last);
    }
    let magnitude_squared = last * last + before * before - coefficient * last * before;
    // A sine of amplitude a has the magnitude a * n / 2.
    let half = samples.len() as f64 / 2.0;
    magnitude_squared / (half * half)
}

/// Sound in files: 16-bit PCM, one channel, 8,000 samples a second (RIFF, Microsoft and IBM, 1991).
pub mod wav {
    use super::RATE;

    /// How long the header is that [`write()`] makes.
    pub const HEADER: usize = 44;

    /// Why a file can't be read as sound.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum WavError {
        /// No RIFF file of type WAVE.
        #[error("no WAV file: it begins with {0:?}, not with RIFF and WAVE")]
        NotWav(String),
        /// A chunk is missing.
        #[error("the WAV file has no {0:?} chunk")]
        NoChunk(&'static str),
        /// A chunk is longer than the file.
        #[error("the WAV file's {chunk:?} chunk says {says} bytes, and {holds} are there")]
        Truncated {
            /// Which chunk.
            chunk: String,
            /// How long it says that it is.
            says: u64,
            /// How much is there.
            holds: u64,
        },
        /// Something other than plain samples.
        #[error("the WAV file holds format {0}{name}, and only 1 (PCM) can be read", name = format_name(*.0))]
        Format(u16),
        /// Stereo, or more.
        #[error("the WAV file has {0} channels, and only 1 can be read")]
        Channels(u16),
        /// Another rate.
        #[error("the WAV file has {0} samples a second, and only {RATE} can be read")]
        Rate(u32),
        /// Other samples.
        #[error("the WAV file's samples have {0} bits, and only 16 can be read")]
        Bits(u16),
        /// An odd number of bytes.
        #[error("the WAV file's {0} bytes of sound end within a sample")]
        HalfASample(usize),
    }

    fn format_name(tag: u16) -> &'static str {
        match tag {
            3 => " (floating point)",
            6 => " (A-law)",
            7 => " (mu-law)",
            0xfffe => " (extensible)",
            _ => "",
        }
    }

    /// The header of a file of so many samples, for who writes them bit by bit.
    ///
    /// # Panics
    ///
    /// Of 2^31 samples or so, three days of sound, the format's 32 bits can't tell.
    pub fn header(samples: usize) -> [u8; HEADER] {
        let bytes = samples.checked_mul(2).and_then(|bytes| u32::try_from(bytes).ok());
        let bytes = bytes.filter(|&bytes| bytes <= u32::MAX - 36).expect("a recording is shorter than three days");
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(b"RIFF");
        header[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
        header[8..16].copy_from_slice(b"WAVEfmt ");
        header[16..20].copy_from_slice(&16u32.to_le_bytes());
        header[20..22].copy_from_slice(&1u16.to_le_bytes());
        header[22..24].copy_from_slice(&1u16.to_le_bytes());
        header[24..28].copy_from_slice(&RATE.to_le_bytes());
        header[28..32].copy_from_slice(&(RATE * 2).to_le_bytes());
        header[32..34].copy_from_slice(&2u16.to_le_bytes());
        header[34..36].copy_from_slice(&16u16.to_le_bytes());
        header[36..40].copy_from_slice(b"data");
        header[40..].copy_from_slice(&bytes.to_le_bytes());
        header
    }

    /// The file of these samples.
    ///
    /// ```
    /// use busyhour::world::audio::wav;
    ///
    /// assert_eq!(wav::read(&wav::write(&[1, -2, 3])), Ok(vec![1, -2, 3]));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`header`] does.
    pub fn write(samples: &[i16]) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER + samples.len() * 2);
        file.extend_from_slice(&header(samples.len()));
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    /// The samples of a file. Chunks that say other things are passed over.
    ///
    /// # Errors
    ///
    /// It's anything else than what [`write()`] writes, or cut off.
    pub fn read(file: &[u8]) -> Result<Vec<i16>, WavError> {
        if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
            let begins = &file[..file.len().min(12)];
            return Err(WavError::NotWav(String::from_utf8_lossy(begins).into_owned()));
        }
        let mut rest = &file[12..];
        let mut format_known = false;
        while let Some((head, after)) = rest.split_at_checked(8) {
            let (name, length) = head.split_at(4);
            let says = u32::from_le_bytes(length.try_into().expect("8 less 4 is 4")) as usize;
            let Some((content, after)) = after.split_at_checked(says) else {
                let chunk = String::from_utf8_lossy(name).into_owned();
                return Err(WavError::Truncated { chunk, says: says as u64, holds: after.len() as u64 });
            };
            match name {
                b"fmt " => {
                    check_format(content)?;
                    format_known = true;
                }
                b"data" if !format_known => return Err(WavError::NoChunk("fmt ")),
                b"data" if content.len() % 2 != 0 => return Err(WavError::HalfASample(content.len())),
                b"data" => {
                    return Ok(content.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect());
                }
                _ => {}
            }
            // Chunks begin at even places.
            rest = after.get(says % 2..).unwrap_or_default();
        }
        Err(WavError::NoChunk(if format_known { "data" } else { "fmt " }))
    }

    fn check_format(content: &[u8]) -> Result<(), WavError> {
        let [tag, channels, rate, rate_high, _, _, _, bits] = *content
            .chunks_exact(2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .take(8)
            .collect::<Vec<_>>()
            .as_slice()
        else {
            let (chunk, holds) = ("fmt ".to_owned(), content.len() as u64);
            return Err(WavError::Truncated { chunk, says: 16, holds });
        };
        let rate = u32::from(rate) | u32::from(rate_high) << 16;
        match (tag, channels, rate, bits) {
            (1, 1, RATE, 16) => Ok(()),
            (1, 1, RATE, _) => Err(WavError::Bits(bits)),
            (1, 1, _, _) => Err(WavError::Rate(rate)),
            (1, _, _, _) => Err(WavError::Channels(channels)),
            _ => Err(WavError::Format(tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> SimTime {
        SimTime(millis * 1_000_000)
    }

    fn tones(one: f64, other: f64) -> Sound {
        Sound::Tones { hz: [one, other], level: 0.5 }
    }

    fn samples(sound: &Sound, first: u64, count: usize) -> Vec<i16> {
        let mut out = vec![1; count];
        sound.fill(first, &mut out);
        out
    }

    /// A microphone that is fed from its birth and open.
    fn listening_to(sound: Sound) -> Microphone {
        let mut microphone = Microphone::default();
        microphone.feed(sound, SimTime::ZERO);
        microphone.open(SimTime::ZERO).expect("it's plugged in");
        microphone
    }

    /// The angle is turned on from sample to sample, and begins anew at fixed places: no window may see the seams.
    #[test]
    fn a_sample_is_the_same_in_every_window_and_close_to_the_sine() {
        let tones = Sound::Tones { hz: [440.0, 3_301.5], level: 1.0 };
        let far = 8_000 * 86_400;
        for first in [0, far] {
            let mut whole = [0; 1_000];
            tones.fill(first, &mut whole);
            for (from, to) in [(1, 2), (159, 161), (160, 320), (333, 1_000)] {
                let mut window = vec![0; to - from];
                tones.fill(first + from as u64, &mut window);
                assert_eq!(window, whole[from..to]);
            }
            for (n, &sample) in (first..).zip(&whole) {
                let sum: f64 = [440.0, 3_301.5].into_iter().map(|hz| sine(hz * n as f64 / 8_000.0)).sum();
                // Half a step of rounding, and what the reference itself has lost a day later.
                assert!((f64::from(sample) - sum * FULL_SCALE / 2.0).abs() < 0.51, "sample {n}");
            }
        }
    }

    #[test]
    fn what_was_said_is_told_to_all_who_look_whoever_reads() {
        let mut microphone = Microphone::default();
        microphone.feed(Sound::Recording([7; 16_000].into()), SimTime::ZERO);
        microphone.open(SimTime::ZERO).unwrap();
        let (mut one, mut other) = ([0; 160], [0; 160]);
        microphone.said(SimTime::ZERO, &mut one).unwrap();
        microphone.said(SimTime(5_000_000), &mut other).unwrap();
        assert_eq!((one, other), ([7; 160], [7; 160]));
        assert_eq!(microphone.read(SimTime(20_000_000), 160).unwrap().len(), 160, "the stream stands where it stood");
        microphone.unplug();
        assert_eq!(microphone.said(SimTime::ZERO, &mut one), Err(DeviceLost));
    }

    #[test]
    fn the_sine_is_one_over_all_quadrants() {
        for n in -4000..4000 {
            let turns = f64::from(n) / 1000.0;
            let expected = (turns * std::f64::consts::TAU).sin();
            assert!((sine(turns) - expected).abs() < 1e-11, "{turns}: {} and {expected}", sine(turns));
        }
    }

    /// Calculated with another sine than ours. Recordings and hashes stand on them.
    #[test]
    fn the_samples_of_tones_are_these_for_ever() {
        assert_eq!(samples(&tones(1000.0, 1000.0), 0, 8), [0, 11_585, 16_383, 11_585, 0, -11_585, -16_383, -11_585]);
        assert_eq!(samples(&tones(697.0, 1209.0), 8_000_000, 6), samples(&tones(697.0, 1209.0), 0, 6));
        assert_eq!(samples(&tones(697.0, 1209.0), 1001, 6), [16_043, 11_418, 1491, -6766, -8630, -4935]);
    }

    #[test]
    fn tones_reach_their_level_and_too_much_of_it_is_cut_off() {
        let peak = |level| {
            let sound = Sound::Tones { hz: [1000.0, 1000.0], level };
            samples(&sound, 0, 8).into_iter().max()
        };
        assert_eq!((peak(1.0), peak(0.1), peak(2.0)), (Some(32_767), Some(3277), Some(32_767)));
        assert_eq!(samples(&Sound::Tones { hz: [f64::NAN, f64::INFINITY], level: 1.0 }, 0, 4), [0; 4]);
    }

    #[test]
    fn a_recording_plays_once() {
        let recording = Sound::Recording(Rc::from([1, 2, 3, 4]));
        assert_eq!(samples(&recording, 0, 3), [1, 2, 3]);
        assert_eq!(samples(&recording, 2, 4), [3, 4, 0, 0]);
        assert_eq!(samples(&recording, 4, 2), [0, 0]);
        assert_eq!(samples(&recording, u64::MAX, 1), [0]);
    }

    #[test]
    fn a_read_never_gets_ahead_of_time() {
        let mut microphone = listening_to(tones(400.0, 500.0));
        assert_eq!(microphone.read(SimTime(20_000_000 - 1), 160).map(|read| read.len()), Ok(159));
        assert_eq!(microphone.read(SimTime(20_000_000), 160).map(|read| read.len()), Ok(1));
        assert_eq!(microphone.available(ms(100)), 640);
        assert_eq!(microphone.available(ms(10)), 0);
    }

    #[test]
    fn a_read_goes_on_where_the_last_one_stopped() {
        let mut microphone = listening_to(tones(400.0, 500.0));
        let mut read = Vec::new();
        for at in [20, 25, 500, 500, 500] {
            read.extend(microphone.read(ms(at), 1000).expect("plugged in"));
        }
        assert!(read == samples(&tones(400.0, 500.0), 0, 160 + 40 + 3 * 1000), "{} samples", read.len());
    }

    #[test]
    fn what_was_said_before_a_stream_opens_is_not_heard() {
        let mut microphone = Microphone::default();
        microphone.feed(tones(400.0, 500.0), SimTime::ZERO);
        assert_eq!(microphone.read(ms(1000), 160), Ok(vec![]), "the first read opens it");
        assert_eq!(microphone.read(ms(1020), 160), Ok(samples(&tones(400.0, 500.0), 8000, 160)));
        microphone.open(ms(5000)).expect("plugged in");
        assert_eq!(microphone.read(ms(5020), 160), Ok(samples(&tones(400.0, 500.0), 40_000, 160)));
    }

    #[test]
    fn a_new_sound_takes_over_at_its_moment_within_a_read() {
        let mut microphone = listening_to(Sound::Recording(Rc::from([1; 1000])));
        microphone.feed(Sound::Recording(Rc::from([2, 3])), SimTime(250_000));
        microphone.feed(Sound::Silence, SimTime(1_000_000));
        microphone.feed(Sound::Recording(Rc::from([9; 9])), SimTime(750_000));
        assert_eq!(microphone.read(ms(1), 8), Ok(vec![1, 1, 2, 3, 0, 0, 9, 9]), "the silence never came");
        assert_eq!(microphone.read(ms(2), 8), Ok(vec![9, 9, 9, 9, 9, 9, 9, 0]));
    }

    #[test]
    fn before_anything_is_said_there_is_silence() {
        let mut microphone = Microphone::default();
        microphone.feed(Sound::Recording(Rc::from([5])), ms(1));
        microphone.open(SimTime::ZERO).expect("plugged in");
        assert_eq!(microphone.read(ms(2), 16).expect("plugged in"), [[0; 8], [5, 0, 0, 0, 0, 0, 0, 0]].concat());
    }

    #[test]
    fn a_muted_microphone_is_silent_and_the_sound_goes_on_meanwhile() {
        let sound = Sound::Recording((1..=100).collect());
        let mut microphone = listening_to(sound);
        microphone.mute(SimTime(250_000));
        microphone.unmute(SimTime(500_000));
        assert_eq!(microphone.read(ms(1), 8), Ok(vec![1, 2, 0, 0, 5, 6, 7, 8]));
        microphone.mute(ms(1));
        assert_eq!(microphone.read(ms(2), 8), Ok(vec![0; 8]));
        assert_eq!(microphone.read(ms(3), 8), Ok(vec![0; 8]), "it stays muted");
    }

    #[test]
    fn an_unplugged_microphone_is_lost_until_it_is_opened_again() {
        let mut microphone = listening_to(tones(400.0, 500.0));
        microphone.unplug();
        assert_eq!(microphone.read(ms(20), 160), Err(DeviceLost));
        assert_eq!(microphone.open(ms(20)), Err(DeviceLost));
        assert!(!microphone.is_plugged_in());
        microphone.plug_in();
        microphone.open(ms(40)).expect("it's back");
        assert_eq!(microphone.read(ms(60), 1000), Ok(samples(&tones(400.0, 500.0), 320, 160)));
    }

    #[test]
    fn a_microphone_remembers_nothing_that_no_read_asks_about() {
        let mut microphone = listening_to(Sound::Silence);
        for n in 1..1000 {
            microphone.feed(tones(400.0, 500.0), ms(n * 20));
            microphone.mute(ms(n * 20));
            microphone.read(ms(n * 20 + 1), 1000).expect("plugged in");
        }
        assert!(microphone.fed.len() <= 2 && microphone.muted.len() <= 2);
    }

    #[test]
    fn gaps_between_chunks_are_silence() {
        let mut speaker = Speaker::default();
        assert_eq!(speaker.play(ms(1), &[1; 4]), ms(1));
        assert_eq!(speaker.play(ms(2), &[2; 4]), ms(2));
        let heard = speaker.heard(SimTime(750_000), SimTime(2_750_000)).expect("remembered");
        assert_eq!(heard, [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2, 0, 0]);
        assert_eq!(speaker.plays_until(), SimTime(2_500_000));
    }

    #[test]
    fn a_chunk_waits_for_the_one_that_still_plays() {
        let mut speaker = Speaker::default();
        speaker.play(ms(1), &[1; 8]);
        assert_eq!(speaker.play(ms(1), &[2; 8]), ms(2));
        assert_eq!(speaker.play(SimTime(2_500_000), &[3; 8]), ms(3));
        assert_eq!(speaker.play(SimTime(4_000_001), &[4; 8]), SimTime(4_125_000), "not before its moment");
        let heard = speaker.heard(ms(1), SimTime(4_250_000)).expect("remembered");
        assert_eq!(heard, [[1; 8].as_slice(), &[2; 8], &[3; 8], &[0, 4]].concat());
    }

    /// A code that sounds like nothing else.
    static LEVELS: [i16; 256] = {
        let mut levels = [0; 256];
        let mut code = 0;
        while code < 256 {
            levels[code] = code as i16 * -100;
            code += 1;
        }
        levels
    };

    #[test]
    fn any_window_of_what_was_played_can_be_heard() {
        let mut speaker = Speaker::default();
        let mut played = Vec::new();
        for n in 0..50 {
            if n % 3 == 1 {
                let codes: Vec<u8> = (0..160).map(|i| (n * 7 + i) as u8).collect();
                speaker.play_codes(ms(20 * n as u64), &LEVELS, &codes);
                played.extend(codes.iter().map(|&code| LEVELS[usize::from(code)]));
            } else {
                let chunk: Vec<i16> = (0..160).map(|i| n * 160 + i).collect();
                speaker.play(ms(20 * n as u64), &chunk);
                played.extend(chunk);
            }
        }
        for (first, after) in
            [(0, 8000), (159, 161), (160, 160), (170, 200), (319, 321), (1, 7999), (7999, 8000), (100, 90)]
        {
            let heard = speaker.heard(time_of(first), time_of(after)).expect("remembered");
            assert_eq!(heard, played[first as usize..after.max(first) as usize], "{first}..{after}");
        }
    }

    #[test]
    fn a_speaker_remembers_the_newest_seconds_and_does_not_take_the_rest_for_silence() {
        let mut speaker = Speaker::default();
        for n in 0..600 {
            speaker.play(ms(20 * n), &[1; 160]);
        }
        // 12 seconds were played; the newest ten begin at 2 s.
        assert_eq!(speaker.heard(ms(2000), ms(12_000)), Ok(vec![1; 80_000]));
        let forgotten = speaker.heard(SimTime(ms(2000).0 - 125_000), ms(2100)).expect_err("forgotten");
        assert_eq!(
            forgotten.to_string(),
            "what was played at 1.999875s is forgotten: the speaker remembers from 2.000000s on"
        );
        assert_eq!(speaker.chunks.len(), 500);
        speaker.remember(Some(Duration::from_secs(1)));
        assert_eq!((speaker.chunks.len(), speaker.heard(ms(2000), ms(3000)).is_ok()), (50, false));
    }

    #[test]
    fn a_speaker_that_has_forgotten_nothing_knows_of_the_silence_before() {
        let mut speaker = Speaker::default();
        speaker.play(ms(100_000), &[1; 160]);
        assert_eq!(speaker.heard(ms(0), ms(1)), Ok(vec![0; 8]));
        let mut recorder = Speaker::remembering(None);
        for n in 0..100 {
            recorder.play(ms(1000 * n), &[1; 160]);
        }
        assert_eq!(recorder.heard(ms(0), ms(1)), Ok(vec![1; 8]));
    }

    #[test]
    fn a_tone_pair_is_found_in_400_ms_and_a_neighbour_20_hz_away_is_not() {
        let mut speaker = Speaker::default();
        let mut microphone = listening_to(tones(700.0, 1220.0));
        for n in 1..=50 {
            let frame = microphone.read(ms(20 * n), 160).expect("plugged in");
            speaker.play(ms(20 * n + 60), &frame);
        }
        let heard = speaker.heard(ms(300), ms(700)).expect("remembered");
        assert_eq!(heard.len(), 3200);
        for hz in [700.0, 1220.0] {
            let power = goertzel(&heard, hz);
            assert!((power - 0.0625).abs() < 0.0005, "{hz} Hz: {power}");
            for neighbour in [hz - 20.0, hz + 20.0] {
                assert!(goertzel(&heard, neighbour) < power / 1000.0, "{neighbour} Hz beside {hz}");
            }
        }
    }

    #[test]
    fn frequencies_between_the_bins_are_told_apart_by_20_hz_too() {
        // 8,000 / 3,200 is 2.5 Hz: at 701.3 Hz the tone's skirt is widest. It's still 20 dB and more down.
        for hz in [701.3, 1333.7, 399.1] {
            let heard = samples(&tones(hz, hz), 12_345, 3200);
            let power = goertzel(&heard, hz);
            assert!((power - 0.25).abs() < 0.01, "{hz} Hz: {power}");
            for neighbour in [hz - 20.0, hz + 20.0] {
                assert!(goertzel(&heard, neighbour) < power / 100.0, "{neighbour} Hz beside {hz}");
            }
        }
    }

    #[test]
    fn in_silence_nothing_is_found() {
        assert_eq!((goertzel(&[0; 3200], 700.0), goertzel(&[], 700.0)), (0.0, 0.0));
    }

    #[test]
    fn a_wav_file_is_these_bytes() {
        let expected = [
            b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0".as_slice(),
            b"data\x04\0\0\0\x01\0\xfe\xff",
        ];
        assert_eq!(wav::write(&[1, -2]), expected.concat());
        assert_eq!(wav::read(&expected.concat()), Ok(vec![1, -2]));
    }

    #[test]
    fn other_chunks_of_a_wav_file_are_passed_over() {
        let mut file = wav::write(&[1, -2]);
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        file.extend_from_slice(b"more\x01\0\0\0");
        assert_eq!(wav::read(&file), Ok(vec![1, -2]));
    }

    #[test]
    fn a_wav_file_of_anything_else_says_what_was_found() {
        let good = wav::write(&[1, -2]);
        let error = |at: usize, bytes: &[u8]| {
            let mut file = good.clone();
            file[at..at + bytes.len()].copy_from_slice(bytes);
            wav::read(&file).expect_err("it can't be read").to_string()
        };
        assert_eq!(error(20, &[7, 0]), "the WAV file holds format 7 (mu-law), and only 1 (PCM) can be read");
        assert_eq!(error(20, &[85, 0]), "the WAV file holds format 85, and only 1 (PCM) can be read");
        assert_eq!(error(22, &[2, 0]), "the WAV file has 2 channels, and only 1 can be read");
        assert_eq!(error(24, &[0x44, 0xac]), "the WAV file has 44100 samples a second, and only 8000 can be read");
        assert_eq!(error(26, &[1]), "the WAV file has 73536 samples a second, and only 8000 can be read");
        assert_eq!(error(34, &[8, 0]), "the WAV file's samples have 8 bits, and only 16 can be read");
        assert_eq!(error(40, &[3, 0]), "the WAV file's 3 bytes of sound end within a sample");
        assert_eq!(error(40, &[5, 0]), "the WAV file's \"data\" chunk says 5 bytes, and 4 are there");
        assert_eq!(error(16, &[4, 0]), "the WAV file's \"fmt \" chunk says 16 bytes, and 4 are there");
        assert_eq!(error(36, b"date"), "the WAV file has no \"data\" chunk");
        assert_eq!(error(12, b"fmtx"), "the WAV file has no \"fmt \" chunk");
        assert_eq!(
            wav::read(b"ID3\x04").expect_err("an MP3").to_string(),
            "no WAV file: it begins with \"ID3\\u{4}\", not with RIFF and WAVE"
        );
    }

    #[test]
    fn a_wav_file_that_is_cut_off_is_refused_wherever_it_ends() {
        let good = wav::write(&[1, -2]);
        for end in 0..good.len() {
            assert!(wav::read(&good[..end]).is_err(), "{end}");
        }
    }
}
