//! A WebRTC stack that isn't ours, on a thread of its own.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use busyhour::media::{Codec, Direction};

use crate::{EAR, alices_voice};

/// How long a stack may think about a description. It gathers nothing but an address of its own machine.
const THOUGHT: Duration = Duration::from_secs(10);
/// A packet's worth of audio, in samples.
const FRAME: usize = 160;

/// What a stack is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Describe a session of that direction, with all candidates.
    Offer(Direction, Sender<String>),
    /// Take the answer to what it offered.
    Agree(String, Sender<()>),
    /// Answer an offer.
    Answer(String, Sender<String>),
    /// Close everything, and return.
    Close,
}

/// Whether a stack tells its user that the other end has closed DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It does.
    ByDtls,
    /// It doesn't: its user knows by SIP alone.
    BySipAlone,
}

/// How far a stack has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// ICE and DTLS are done.
    pub connected: bool,
    /// The other end has closed DTLS.
    pub closed: bool,
    /// How many packets were given to it to send, connected.
    pub sent: u64,
    /// How many packets came out of it.
    pub received: u64,
    /// What was in the last of them.
    pub heard: Vec<i16>,
    last: VecDeque<i16>,
}

impl Progress {
    /// A packet of PCMU came out.
    pub fn hears(&mut self, payload: &[u8]) {
        self.received += 1;
        self.last.extend(payload.iter().map(|&byte| Codec::Pcmu.decode(byte)));
        let surplus = self.last.len().saturating_sub(EAR.as_millis() as usize * 8);
        self.last.drain(..surplus);
    }

    /// The payload of the next packet to send: alice's voice in PCMU.
    pub fn speaks(&mut self) -> Vec<u8> {
        let mut samples = [0; FRAME];
        alices_voice().sound().fill(self.sent * FRAME as u64, &mut samples);
        let mut payload = Vec::with_capacity(FRAME);
        Codec::Pcmu.encode(&samples, &mut payload);
        self.sent += 1;
        payload
    }
}

/// The handle of a stack.
pub struct Stack {
    commands: Sender<Command>,
    progress: Arc<Mutex<Progress>>,
    thread: Option<JoinHandle<()>>,
}

impl Stack {
    /// Starts one: `live` runs on a thread of its own until it's told to close.
    pub fn start(live: impl FnOnce(Receiver<Command>, Arc<Mutex<Progress>>) + Send + 'static) -> Stack {
        let (commands, told) = channel();
        let progress = Arc::new(Mutex::new(Progress::default()));
        let shared = progress.clone();
        let thread = std::thread::spawn(move || live(told, shared));
        Stack { commands, progress, thread: Some(thread) }
    }

    fn ask<T>(&self, what: &str, command: impl FnOnce(Sender<T>) -> Command) -> T {
        let (reply, answer) = channel();
        self.commands.send(command(reply)).unwrap_or_else(|_| panic!("{what}: the stack is gone"));
        answer.recv_timeout(THOUGHT).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    pub(crate) fn offer(&self, direction: Direction) -> String {
        self.ask("an offer", |reply| Command::Offer(direction, reply))
    }

    pub(crate) fn agree(&self, answer: &str) {
        self.ask("taking an answer", |reply| Command::Agree(answer.to_owned(), reply));
    }

    pub(crate) fn answer(&self, offer: &str) -> String {
        self.ask("an answer", |reply| Command::Answer(offer.to_owned(), reply))
    }

    pub(crate) fn progress(&self) -> Progress {
        let progress = self.lock();
        Progress { heard: progress.last.iter().copied().collect(), last: VecDeque::new(), ..*progress }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("the stack's thread doesn't panic with it")
    }

    /// Closes it, and waits until its thread has ended.
    pub(crate) fn close(mut self) {
        let _ = self.commands.send(Command::Close);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the stack doesn't panic");
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close);
    }
}
