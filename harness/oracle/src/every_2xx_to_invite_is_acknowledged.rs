//! Every 2xx to an INVITE is acknowledged, or the call is torn down.
//!
//! Who gets a 2xx to its INVITE sends an ACK, whatever it wants next: a second 2xx of a fork and one that crossed a
//! CANCEL too (RFC 3261 section 13.2.2.4). It sends it again each time when the 2xx comes again. Who sent the 2xx and
//! gets no ACK for 64*T1 ends the session with a BYE (13.3.1.4). That BYE is no excuse for whoever has had the 2xx for
//! almost as long and never acknowledged it.
//!
//! Judged are 2xx to INVITE, once where they arrived and once where they were sent. Not judged, and counted as exempt:
//! hosts that were down, asleep or moved meanwhile; TCP connections in trouble; proxies; a 2xx that comes after its
//! INVITE has timed out or was refused. Any other BYE, either way, ends the matter.

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;

use std::time::Duration;

use crate::dues::{Dues, OVERDUE, PATIENCE};
use crate::hearing::{Carrier, Dialog, Heard};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// Whoever has had a 2xx for so long, and is hung up on only then, was to acknowledge it.
const AMPLE: Duration = Duration::from_secs(30);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct Every2xxToInviteIsAcknowledged {
    judgement: Judgement,
    /// INVITEs that were sent, by host and branch.
    invites: FxHashMap<(HostId, u64), Invite>,
    answers: FxHashMap<Dialog, Vec<Answer>>,
    dues: Dues<(Dialog, u64)>,
    rounds: u64,
    forget: Dues<(HostId, u64)>,
}

#[derive(Debug)]
struct Invite {
    life: u32,
    sent: SimTime,
    has_heard: bool,
    refused: bool,
    over: bool,
}

/// A 2xx.
#[derive(Debug)]
struct Answer {
    /// The INVITE's number.
    cseq: u32,
    /// True if the host sent it, false if it got it.
    sent: bool,
    since: SimTime,
    /// When the INVITE was sent, or else the same.
    asked: SimTime,
    packet: PacketId,
    over: Carrier,
    /// The host's own.
    port: u16,
    peer: Option<HostId>,
    state: State,
    /// Which waiting for an ACK this is.
    round: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Acknowledged,
    TornDown,
}

impl Default for Every2xxToInviteIsAcknowledged {
    fn default() -> Self {
        Every2xxToInviteIsAcknowledged {
            judgement: Judgement::default(),
            invites: FxHashMap::default(),
            answers: FxHashMap::default(),
            rounds: 0,
            dues: Dues::after(OVERDUE),
            forget: Dues::after(OVERDUE),
        }
    }
}

impl Witness for Every2xxToInviteIsAcknowledged {
    fn name(&self) -> &'static str {
        "every_2xx_to_invite_is_acknowledged"
    }

    fn rule(&self) -> &'static str {
        "who gets a 2xx to its INVITE sends an ACK, each time, and who sent it and gets none for 64*T1 sends a BYE \
         (RFC 3261 sections 13.2.2.4 and 13.3.1.4)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        match heard.method {
            Method::Invite if heard.is_request() => self.invite(heard),
            Method::Invite => self.response(heard),
            Method::Ack => self.acknowledged(heard),
            // A BYE tears it down when it's said, not when it's answered.
            Method::Bye if heard.is_request() => self.torn_down(heard),
            _ => {}
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, (dialog, round))) = self.dues.pop(now) {
            self.judge(at, dialog, round, around);
        }
        while let Some((_, invite)) = self.forget.pop(now) {
            self.invites.remove(&invite);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl Every2xxToInviteIsAcknowledged {
    fn invite(&mut self, heard: &Heard<'_>) {
        if heard.is_sent() && !heard.has_passed_others {
            let invite = Invite { life: heard.life, sent: heard.at, has_heard: false, refused: false, over: false };
            self.invites.entry((heard.host, heard.branch)).or_insert(invite);
        }
    }

    fn response(&mut self, heard: &Heard<'_>) {
        if heard.is_forwarding {
            return;
        }
        if heard.is_sent() {
            if heard.accepts(Method::Invite) {
                self.wait(heard, heard.at);
            }
            return;
        }
        let Some(invite) = self.invites.get_mut(&(heard.host, heard.branch)) else { return };
        let too_late = !invite.has_heard && heard.at > invite.sent + PATIENCE;
        let (asked, refused) = (invite.sent, invite.refused);
        let from_before = invite.life != heard.life;
        invite.has_heard = true;
        if heard.is_final() {
            if !std::mem::replace(&mut invite.over, true) {
                self.forget.push(heard.at, (heard.host, heard.branch));
            }
            invite.refused |= heard.status >= 300;
        }
        if !heard.accepts(Method::Invite) {
            return;
        }
        if from_before {
            self.judgement.exempt("its host has crashed since it sent the INVITE");
            return;
        }
        if too_late || refused {
            self.judgement.exempt("the 2xx came after its INVITE had timed out or was refused");
            return;
        }
        self.wait(heard, asked);
    }

    /// A 2xx was sent or has arrived, perhaps again.
    fn wait(&mut self, heard: &Heard<'_>, asked: SimTime) {
        let dialog = heard.dialog();
        let (since, packet, over, peer) = (heard.at, heard.packet, heard.over, heard.peer);
        let (cseq, sent, port, round) = (heard.cseq, heard.is_sent(), heard.here.port(), self.rounds);
        let state = State::Waiting;
        let answers = self.answers.entry(dialog).or_default();
        match answers.iter_mut().find(|answer| answer.cseq == cseq && answer.sent == sent) {
            None => answers.push(Answer { cseq, sent, since, asked, packet, over, port, peer, state, round }),
            // Who gets it once more acknowledges it once more.
            Some(answer) if !sent && answer.state == State::Acknowledged => {
                (answer.state, answer.since, answer.packet, answer.round) = (state, since, packet, round);
            }
            Some(_) => return,
        }
        self.rounds += 1;
        self.dues.push(heard.at, (dialog, round));
    }

    fn acknowledged(&mut self, heard: &Heard<'_>) {
        let Some(answers) = self.answers.get_mut(&heard.dialog()) else { return };
        for answer in answers {
            // Who sends the ACK got the 2xx.
            let is_meant = answer.cseq == heard.cseq && answer.sent == heard.has_arrived();
            if is_meant && answer.state == State::Waiting {
                answer.state = State::Acknowledged;
            }
        }
    }

    fn torn_down(&mut self, heard: &Heard<'_>) {
        for answer in self.answers.get_mut(&heard.dialog()).into_iter().flatten() {
            let was_ample = !answer.sent && heard.has_arrived() && heard.at >= answer.since + AMPLE;
            if !(was_ample && answer.state == State::Waiting) {
                answer.state = State::TornDown;
            }
        }
    }

    fn judge(&mut self, at: SimTime, dialog: Dialog, round: u64, around: &Surroundings) {
        let Some(answers) = self.answers.get_mut(&dialog) else { return };
        let Some(place) = answers.iter().position(|answer| answer.round == round) else { return };
        let answer = answers.swap_remove(place);
        if answers.is_empty() {
            self.answers.remove(&dialog);
        }
        let host = dialog.host;
        let missing = answer.state == State::Waiting;
        let in_trouble = answer.over.is_stream() && around.tcp_in_trouble(host, answer.peer, answer.asked);
        if missing && around.disturbed(host, answer.since) {
            self.judgement.exempt("its host was down, asleep or moved");
        } else if missing && around.forwards(host, dialog.call) {
            self.judgement.exempt("a proxy passed it on");
        } else if missing && around.socket_gone(host, answer.port, answer.since) {
            self.judgement.exempt("its host has closed a socket");
        } else if missing && in_trouble {
            self.judgement.exempt("its TCP connection was in trouble");
        } else {
            self.judgement.judged += 1;
            if missing {
                let (name, since) = (around.name(host), answer.since);
                let what = if answer.sent {
                    format!("{name} sent a 2xx to an INVITE at {since}, got no ACK, and hasn't sent a BYE")
                } else {
                    format!("a 2xx to an INVITE of {name} arrived at {since}, and it has sent no ACK")
                };
                self.judgement.violate(at, what, [answer.packet]);
            }
        }
    }
}
