//! The audio of one call: what is offered, what was agreed on, and the line that carries it.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use super::settings::Behaviour;
use crate::media::sdp::{Agreed, Local};
use crate::media::{self, AudioLine, Codec, Direction, StreamStats};
use crate::trace::SimTime;
use crate::world::{Host, Random};

pub(super) struct Audio {
    line: AudioLine,
    local: Local,
    /// It was described before: the next description is another version.
    described: bool,
    /// The direction of our offer that isn't answered yet.
    offered: Direction,
    agreed: Option<Agreed>,
}

impl Audio {
    pub(super) async fn open(
        host: &Host,
        codecs: Vec<Codec>,
        behaviour: Behaviour,
        mut random: Random,
    ) -> io::Result<Audio> {
        // A session's number fits a signed 64-bit one everywhere.
        let session = random.next_u64() >> 2;
        let line = AudioLine::open(host, host, random).await?;
        let mut local = Local::new(host.address(), line.port(), session);
        local.codecs = codecs;
        let audio = Audio { line, local, described: false, offered: Direction::SendRecv, agreed: None };
        audio.behave(behaviour);
        Ok(audio)
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        self.line.behave(media::Behaviour {
            keep_sending_after_close: behaviour.keeps_sending_audio_after_bye,
            dumb: behaviour.sends_no_audio,
            ..media::Behaviour::default()
        });
    }

    fn describe(&mut self, address: Ipv4Addr, direction: Direction) {
        if self.described {
            self.local.version += 1;
        }
        self.described = true;
        self.local.address = address;
        self.local.direction = direction;
    }

    /// An offer of ours.
    pub(super) fn offer(&mut self, address: Ipv4Addr, direction: Direction) -> Bytes {
        self.describe(address, direction);
        self.offered = direction;
        self.local.offer()
    }

    /// What our offer came to. Some(held): they've us on hold, or not. None: it's no answer that we could use.
    pub(super) fn agree(&mut self, answer: &[u8], early: bool) -> Option<bool> {
        let agreed = self.local.agree(answer).ok()??;
        // Who offers to send nothing doesn't learn whether the other side would have listened.
        let held = if self.offered.sends() { !agreed.direction.sends() } else { self.held() };
        self.agreed = Some(agreed);
        self.connect(early);
        Some(held)
    }

    /// Our answer to an offer, and whether it puts us on hold. None: we have nothing in common.
    pub(super) fn answer(&mut self, offer: &[u8], address: Ipv4Addr, wanted: Direction) -> Option<(Bytes, bool)> {
        let before = (self.local.version, self.described);
        self.describe(address, wanted);
        match self.local.answer(offer) {
            Ok((answer, Some(agreed))) => {
                let held = !agreed.direction.sends();
                self.agreed = Some(agreed);
                self.connect(false);
                Some((answer, held))
            }
            _ => {
                (self.local.version, self.described) = before;
                None
            }
        }
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

    /// The call is answered by what was agreed on before.
    pub(super) fn confirm(&self) {
        self.connect(false);
    }

    /// Silence for who is on hold.
    pub(super) fn mute(&self, muted: bool) {
        self.line.mute(muted);
    }

    /// False if the other side takes no digits.
    pub(super) fn press(&self, digits: &str) -> bool {
        let takes_digits = self.agreed.as_ref().is_some_and(|agreed| agreed.telephone_event.is_some());
        if takes_digits {
            self.line.send_digits(digits);
        }
        takes_digits
    }

    pub(super) fn digits(&self) -> String {
        self.line.digits()
    }

    pub(super) fn stats(&self) -> StreamStats {
        self.line.stats()
    }

    /// For how long nothing has come that should have.
    pub(super) fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.line.silent_for(now)
    }

    /// The call is over.
    pub(super) fn close(self, host: &Host) {
        let line = self.line;
        host.spawn(async move { line.close().await });
    }
}
