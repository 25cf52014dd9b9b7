//! The audio of one call: what is offered, what was agreed on, and what carries it.

use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::settings::Behaviour;
use crate::media::sdp::{Agreed, Local};
use crate::media::webrtc::CandidateKind;
use crate::media::{self, AudioLine, Codec, Direction, StreamStats};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// A description of ours.
pub(super) enum Described {
    /// Here it is.
    Now(Bytes),
    /// Not all that belongs into it is known yet: [`Finding::Described`](super::place::Finding::Described) tells when
    /// [`CallAudio::description`] has it.
    Soon,
}

/// The audio of one call, whatever carries it. Hold is the answer's or the offer's direction.
pub(super) trait CallAudio {
    /// A test has changed its mind.
    fn behave(&self, behaviour: Behaviour);
    /// An offer of ours.
    fn offer(&mut self, direction: Direction) -> Described;
    /// An offer that tells the other side where we are now.
    fn renew(&mut self, direction: Direction) -> Described {
        self.offer(direction)
    }
    /// Our answer to an offer, and whether it puts us on hold. None: we have nothing in common.
    fn answer(&mut self, offer: &[u8], wanted: Direction) -> Option<(Described, bool)>;
    /// What was to come soon, if it's complete.
    fn description(&mut self) -> Option<Bytes> {
        None
    }
    /// What our offer came to. Some(held): they've us on hold, or not. None: it's no answer that we could use.
    fn agree(&mut self, answer: &[u8], early: bool) -> Option<bool>;
    /// Our offer was refused, or has to wait: all is as it was before.
    fn refused(&mut self) {}
    /// The call is answered by what was agreed on before.
    fn confirm(&mut self);
    /// Without an answer that can be used there's no point in the call.
    fn needs_agreement(&self) -> bool {
        false
    }
    /// Silence for who is on hold.
    fn mute(&self, muted: bool);
    /// False if the other side takes no digits.
    fn press(&self, digits: &str) -> bool;
    /// The digits that came so far.
    fn digits(&self) -> String;
    /// Writes to the other side, past the audio. False if there's no way to.
    fn write(&self, _text: &str) -> bool {
        false
    }
    /// What the other side wrote so far.
    fn messages(&self) -> Vec<String> {
        Vec::new()
    }
    /// By which candidates packets go, if that's how their way was found: ours, and the other side's.
    fn way(&self) -> Option<(CandidateKind, CandidateKind)> {
        None
    }
    /// What is measured.
    fn stats(&self) -> Option<StreamStats>;
    /// For how long nothing has come that should have.
    fn silent_for(&self, now: SimTime) -> Option<Duration>;
    /// What who talks should know: the microphone is gone.
    fn trouble(&self) -> Option<String> {
        None
    }
    /// The call is over.
    fn close(self: Box<Self>);
}

/// RTP from a host's own ports.
pub(super) struct LineAudio {
    host: Host,
    /// Where the phone says it is.
    address: Rc<Cell<Ipv4Addr>>,
    line: AudioLine,
    local: Local,
    /// It was described before: the next description is another version.
    described: bool,
    /// The direction of our offer that isn't answered yet.
    offered: Direction,
    agreed: Option<Agreed>,
}

impl LineAudio {
    pub(super) async fn open(
        host: &Host,
        address: Rc<Cell<Ipv4Addr>>,
        codecs: Vec<Codec>,
        behaviour: Behaviour,
        mut random: Random,
    ) -> io::Result<LineAudio> {
        // A session's number fits a signed 64-bit one everywhere.
        let session = random.next_u64() >> 2;
        let line = AudioLine::open(host, host, random).await?;
        let mut local = Local::new(host.address(), line.port(), session);
        local.codecs = codecs;
        let audio = LineAudio {
            host: host.clone(),
            address,
            line,
            local,
            described: false,
            offered: Direction::SendRecv,
            agreed: None,
        };
        audio.behave(behaviour);
        Ok(audio)
    }

    fn describe(&mut self, direction: Direction) {
        if self.described {
            self.local.version += 1;
        }
        self.described = true;
        self.local.address = self.address.get();
        self.local.direction = direction;
    }

    fn held(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| !agreed.direction.sends())
    }

    fn connect(&self, early: bool) {
        if let Some(agreed) = &self.agreed {
            let remote = agreed.remote();
            self.line.connect(if early { remote.early() } else { remote });
        }
    }
}

impl CallAudio for LineAudio {
    fn behave(&self, behaviour: Behaviour) {
        self.line.behave(media::Behaviour {
            keep_sending_after_close: behaviour.keeps_sending_audio_after_bye,
            dumb: behaviour.sends_no_audio,
            ..media::Behaviour::default()
        });
    }

    fn offer(&mut self, direction: Direction) -> Described {
        self.describe(direction);
        self.offered = direction;
        Described::Now(self.local.offer())
    }

    fn answer(&mut self, offer: &[u8], wanted: Direction) -> Option<(Described, bool)> {
        let before = (self.local.version, self.described);
        self.describe(wanted);
        match self.local.answer(offer) {
            Ok((answer, Some(agreed))) => {
                let held = !agreed.direction.sends();
                self.agreed = Some(agreed);
                self.connect(false);
                Some((Described::Now(answer), held))
            }
            _ => {
                (self.local.version, self.described) = before;
                None
            }
        }
    }

    fn agree(&mut self, answer: &[u8], early: bool) -> Option<bool> {
        let agreed = self.local.agree(answer).ok()??;
        // Who offers to send nothing doesn't learn whether the other side would have listened.
        let held = if self.offered.sends() { !agreed.direction.sends() } else { self.held() };
        self.agreed = Some(agreed);
        self.connect(early);
        Some(held)
    }

    fn confirm(&mut self) {
        self.connect(false);
    }

    fn mute(&self, muted: bool) {
        self.line.mute(muted);
    }

    fn press(&self, digits: &str) -> bool {
        let takes_digits = self.agreed.as_ref().is_some_and(|agreed| agreed.telephone_event.is_some());
        if takes_digits {
            self.line.send_digits(digits);
        }
        takes_digits
    }

    fn digits(&self) -> String {
        self.line.digits()
    }

    fn stats(&self) -> Option<StreamStats> {
        Some(self.line.stats())
    }

    fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.line.silent_for(now)
    }

    fn close(self: Box<Self>) {
        let (host, line) = (self.host, self.line);
        host.spawn(async move { line.close().await });
    }
}
