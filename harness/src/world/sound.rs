//! A host's microphone and speaker: every sample that a party says or hears passes through them, so that "alice hears
//! bob" is a fact about samples.
//!
//! A program reads the one and plays to the other. What a microphone is fed, and what a speaker was heard to play, is
//! the world's side of the devices ([`Host::room`]): for steps and tests, never for an actor. In live mode the devices
//! are WAV files in the host's folder: `microphone.wav` is what is said, `speaker.wav` what was heard.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::trace::{HostId, SimTime};

use super::audio::{DeviceLost, Forgotten, Microphone, RATE, Sound, Speaker, wav};
use super::host::{Host, HostState, Power};
use super::kernel::{Mode, kernel_here, now_here};

/// What is said in live mode, in the host's folder.
const SAID: &str = "microphone.wav";
/// What was heard in live mode.
const HEARD: &str = "speaker.wav";

/// Both devices of a host.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    pub(crate) microphone: Microphone,
    pub(crate) speaker: Speaker,
    fed_from_file: bool,
    /// How many samples the live WAV file has.
    written: u64,
}

impl Devices {
    /// Brings a WAV file up to what was heard until then.
    fn write_heard(&mut self, file: &Path, until: SimTime) -> io::Result<()> {
        let moment = |samples: u64| SimTime(samples * 1_000_000_000 / u64::from(RATE));
        let heard =
            self.speaker.heard(moment(self.written), until).expect("a speaker that remembers all forgets nothing");
        let mut file = OpenOptions::new().create(true).truncate(self.written == 0).write(true).open(file)?;
        file.seek(SeekFrom::Start(wav::HEADER as u64 + 2 * self.written))?;
        let bytes: Vec<u8> = heard.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        file.write_all(&bytes)?;
        self.written += heard.len() as u64;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&wav::header(usize::try_from(self.written).expect("a WAV file is shorter")))
    }
}

impl Host {
    /// The microphone, as a program on the host reads it.
    pub fn microphone(&self) -> HostMicrophone {
        HostMicrophone { host: self.id(), epoch: self.epoch() }
    }

    /// The speaker, as a program on the host plays to it.
    pub fn speaker(&self) -> HostSpeaker {
        HostSpeaker { host: self.id(), epoch: self.epoch() }
    }

    /// The room that the devices stand in: what is said into the one, and heard from the other. For steps and tests.
    pub fn room(&self) -> Room {
        Room { host: self.clone() }
    }
}

fn lost(_: DeviceLost) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the microphone is gone")
}

/// The host whose devices they are, if it runs.
fn running(host: HostId, epoch: u32) -> io::Result<Rc<HostState>> {
    let state = kernel_here().host(host);
    if state.epoch() == epoch && state.power() == Power::Up {
        Ok(state)
    } else {
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the host doesn't run"))
    }
}

/// A program's hold on the host's microphone: 8,000 samples a second, 16 bits, one channel.
#[derive(Debug, Clone)]
pub struct HostMicrophone {
    host: HostId,
    epoch: u32,
}

impl HostMicrophone {
    /// The next `samples` samples, as soon as they've been said: never ahead of time. The first read opens the device.
    ///
    /// # Errors
    /// The microphone was unplugged, the host doesn't run, or (live) the WAV file can't be read.
    pub async fn read(&self, samples: usize) -> io::Result<Vec<i16>> {
        self.feed_from_file()?;
        {
            let kernel = kernel_here();
            kernel.host(self.host).devices.borrow_mut().microphone.open(kernel.now()).map_err(lost)?;
        }
        let mut read = Vec::with_capacity(samples);
        loop {
            {
                let state = running(self.host, self.epoch)?;
                let mut devices = state.devices.borrow_mut();
                read.extend(devices.microphone.read(now_here(), samples - read.len()).map_err(lost)?);
            }
            if read.len() == samples {
                return Ok(read);
            }
            let missing = (samples - read.len()) as u64;
            tokio::time::sleep(Duration::from_nanos(missing * 1_000_000_000 / u64::from(RATE))).await;
        }
    }
}

impl HostMicrophone {
    /// What was said from a moment on, at once: for a program that keeps a clock of its own, and looks when the samples
    /// are over. Several programs may.
    ///
    /// # Errors
    /// As [`HostMicrophone::read`].
    pub fn said(&self, from: SimTime, out: &mut [i16]) -> io::Result<()> {
        let state = running(self.host, self.epoch)?;
        self.feed_from_file()?;
        let said = state.devices.borrow_mut().microphone.said(from, out);
        said.map_err(lost)
    }

    /// In live mode a file is what is said.
    fn feed_from_file(&self) -> io::Result<()> {
        let kernel = kernel_here();
        if kernel.mode() == Mode::Simulated {
            return Ok(());
        }
        let state = kernel.host(self.host);
        if !std::mem::replace(&mut state.devices.borrow_mut().fed_from_file, true) {
            let file = kernel.files().join(state.name()).join(SAID);
            if file.exists() {
                let said = wav::read(&std::fs::read(&file)?).map_err(|error| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
                })?;
                state.devices.borrow_mut().microphone.feed(Sound::Recording(said.into()), kernel.now());
            }
        }
        Ok(())
    }
}

/// A program's hold on the host's speaker.
#[derive(Debug, Clone)]
pub struct HostSpeaker {
    host: HostId,
    epoch: u32,
}

impl HostSpeaker {
    /// Plays samples behind those that are still being played; says when the last of them will have been heard.
    ///
    /// # Errors
    /// The host doesn't run, or (live) the WAV file can't be written.
    pub fn play(&self, samples: &[i16]) -> io::Result<SimTime> {
        self.play_from(now_here(), samples)
    }

    /// The same, for a program that keeps a clock of its own: they sounded from a moment on that is over.
    pub(crate) fn play_from(&self, at: SimTime, samples: &[i16]) -> io::Result<SimTime> {
        self.put(|speaker| speaker.play(at, samples))
    }

    /// The same for samples that are coded, as [`Speaker::play_codes`] takes them.
    pub(crate) fn play_codes_from(
        &self,
        at: SimTime,
        levels: &'static [i16; 256],
        codes: &[u8],
    ) -> io::Result<SimTime> {
        self.put(|speaker| speaker.play_codes(at, levels, codes))
    }

    fn put(&self, play: impl FnOnce(&mut Speaker) -> SimTime) -> io::Result<SimTime> {
        let state = running(self.host, self.epoch)?;
        let mut devices = state.devices.borrow_mut();
        let kernel = kernel_here();
        if kernel.mode() == Mode::Simulated {
            return Ok(play(&mut devices.speaker));
        }
        devices.speaker.remember(None);
        let until = play(&mut devices.speaker);
        let folder = kernel.files().join(state.name());
        std::fs::create_dir_all(&folder)?;
        devices.write_heard(&folder.join(HEARD), until)?;
        Ok(until)
    }
}

/// The room around a host's devices: the world's side of them.
#[derive(Debug, Clone)]
pub struct Room {
    host: Host,
}

impl Room {
    /// From now on the microphone hears this.
    pub fn say(&self, sound: Sound) {
        let now = self.host.now();
        self.host.state().devices.borrow_mut().microphone.feed(sound, now);
    }

    /// The microphone is unplugged: who reads it gets an error.
    pub fn unplug_microphone(&self) {
        self.host.state().devices.borrow_mut().microphone.unplug();
    }

    /// The microphone is back.
    pub fn plug_in_microphone(&self) {
        self.host.state().devices.borrow_mut().microphone.plug_in();
    }

    /// What was heard in the room between two moments; gaps are silence.
    ///
    /// # Errors
    /// It's longer ago than the room remembers.
    pub fn heard(&self, from: SimTime, to: SimTime) -> Result<Vec<i16>, Forgotten> {
        self.host.state().devices.borrow().speaker.heard(from, to)
    }

    /// Remembers everything from now on, for a recording.
    pub fn remember_all(&self) {
        self.host.state().devices.borrow_mut().speaker.remember(None);
    }
}
