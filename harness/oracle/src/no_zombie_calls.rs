//! No zombie calls: what has ended has ended for both.
//!
//! - A BYE within a dialog is answered with 2xx, or 481 by somebody who doesn't know it (RFC 3261 section 15.1.2):
//!   nobody may refuse to be hung up on.
//! - Who has sent a BYE, has accepted one, or was told 481, begins nothing new in that dialog (15.1.1, 12.2.1.2).
//!   Subscriptions within it may live longer (RFC 5057 section 4.2).
//! - An INVITE has one outcome: after a 2xx no refusal, after a refusal no 2xx (17.2.1).
//! - Who has cancelled a call and gets a 2xx hangs up (9.1, 15), and of a fork's several 2xx one remains (13.2.2.4):
//!   after 64*T1 no such call is up.
//!
//! Judged are dialogs that ended, INVITEs that were answered, calls that were cancelled and answered, and forks that
//! were answered twice. A 2xx that nobody acknowledges and a BYE that nobody answers are other witnesses' affairs. Not
//! judged, and counted as exempt: hosts that were down, asleep or moved meanwhile; proxies.

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;

use crate::dues::{Dues, OVERDUE};
use crate::hearing::{Dialog, Heard};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

use std::time::Duration;

/// What ended this long ago isn't remembered.
const OVER: Duration = Duration::from_secs(300);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct NoZombieCalls {
    judgement: Judgement,
    dialogs: FxHashMap<Dialog, State>,
    /// The INVITEs of a caller, by host and Call-ID and its tag.
    calls: FxHashMap<(HostId, u64, u64), Call>,
    outcomes: FxHashMap<(HostId, u64), Outcome>,
    dues: Dues<(Dialog, Unwanted)>,
    forget: Dues<Forget>,
}

/// A dialog, as one side knows it.
#[derive(Debug)]
struct State {
    since: SimTime,
    packet: PacketId,
    acknowledged: bool,
    /// The highest number of a request that this side has sent.
    sent: u32,
    /// Why it's over for this side.
    over: Option<(SimTime, &'static str)>,
}

#[derive(Debug, Default)]
struct Call {
    cancelled: Option<SimTime>,
    /// The tags of those who answered.
    answered: Vec<u64>,
}

#[derive(Debug)]
struct Outcome {
    since: SimTime,
    status: u16,
    call: u64,
    cseq: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwanted {
    Cancelled,
    Forked,
}

#[derive(Debug)]
enum Forget {
    Dialog(Dialog),
    Outcome(HostId, u64),
}

impl Default for NoZombieCalls {
    fn default() -> Self {
        NoZombieCalls {
            judgement: Judgement::default(),
            dialogs: FxHashMap::default(),
            calls: FxHashMap::default(),
            outcomes: FxHashMap::default(),
            dues: Dues::after(OVERDUE),
            forget: Dues::after(OVER),
        }
    }
}

impl Witness for NoZombieCalls {
    fn name(&self) -> &'static str {
        "no_zombie_calls"
    }

    fn rule(&self) -> &'static str {
        "a call that one side ends is over for both, an INVITE has one outcome, and no call stays up that nobody wants \
         (RFC 3261 sections 9.1, 12.2.1.2, 13.2.2.4, 15 and 17.2.1)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if heard.is_forwarding || !heard.message.is_regular() {
            return;
        }
        match (heard.is_request(), heard.method) {
            (false, Method::Invite) if heard.is_final() => self.answered(heard, around),
            (false, Method::Bye) if heard.is_final() => self.bye_answered(heard, around),
            (false, Method::Update | Method::Info) => {}
            (true, Method::Cancel) if heard.is_sent() => self.cancelled(heard),
            (true, _) if heard.to_tag != 0 => self.request(heard, around),
            (true, Method::Invite) if heard.is_sent() => {
                self.calls.entry((heard.host, heard.call, heard.from_tag)).or_default();
            }
            _ => {}
        }
        // Who is told that there's no such dialog has none (12.2.1.2); a subscription's end isn't the call's.
        let ends = matches!(heard.method, Method::Invite | Method::Update | Method::Info);
        if heard.has_arrived() && heard.status == 481 && ends {
            self.ends(heard, "was told 481");
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, (dialog, unwanted))) = self.dues.pop(now) {
            self.judge(at, dialog, unwanted, around);
        }
        while let Some((_, forget)) = self.forget.pop(now) {
            match forget {
                Forget::Dialog(dialog) => {
                    self.dialogs.remove(&dialog);
                    self.calls.remove(&(dialog.host, dialog.call, dialog.local));
                }
                Forget::Outcome(host, branch) => drop(self.outcomes.remove(&(host, branch))),
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl NoZombieCalls {
    fn ends(&mut self, heard: &Heard<'_>, why: &'static str) {
        let dialog = heard.dialog();
        let Some(state) = self.dialogs.get_mut(&dialog) else { return };
        if state.over.is_none() {
            state.over = Some((heard.at, why));
            self.judgement.judged += 1;
            self.forget.push(heard.at, Forget::Dialog(dialog));
        }
    }

    fn answered(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let dialog = heard.dialog();
        let accepted = heard.accepts(Method::Invite);
        if heard.is_sent() {
            let Heard { status, call, cseq, .. } = *heard;
            let key = (heard.host, heard.branch);
            let outcome = self.outcomes.entry(key).or_insert_with(|| {
                self.judgement.judged += 1;
                self.forget.push(heard.at, Forget::Outcome(key.0, key.1));
                Outcome { since: heard.at, status, call, cseq }
            });
            let same = (outcome.call, outcome.cseq) == (call, cseq);
            if same && (outcome.status < 300) != (status < 300) && !around.disturbed(heard.host, outcome.since) {
                let name = around.name(heard.host);
                let what = format!("{name} answered an INVITE with {status} after it had answered {}", outcome.status);
                self.judgement.violate(heard.at, what, [heard.packet]);
            }
        }
        if !accepted {
            return;
        }
        if heard.has_arrived() {
            // Only a call of its own begins a dialog at who gets this; of a late one nothing is known any more.
            let Some(call) = self.calls.get_mut(&(heard.host, heard.call, heard.from_tag)) else { return };
            if !call.answered.contains(&heard.to_tag) {
                call.answered.push(heard.to_tag);
                if call.cancelled.is_some() {
                    self.dues.push(heard.at, (dialog, Unwanted::Cancelled));
                }
                if call.answered.len() > 1 {
                    self.dues.push(heard.at, (dialog, Unwanted::Forked));
                }
            }
        }
        let (since, packet) = (heard.at, heard.packet);
        let sent = if heard.has_arrived() { heard.cseq } else { 0 };
        self.dialogs.entry(dialog).or_insert(State { since, packet, acknowledged: false, sent, over: None });
    }

    fn cancelled(&mut self, heard: &Heard<'_>) {
        if heard.to_tag != 0 {
            return;
        }
        if let Some(call) = self.calls.get_mut(&(heard.host, heard.call, heard.from_tag))
            && call.cancelled.is_none()
        {
            call.cancelled = Some(heard.at);
            // They have crossed: it had been answered already.
            for remote in call.answered.clone() {
                let dialog = Dialog { remote, ..heard.dialog() };
                self.dues.push(heard.at, (dialog, Unwanted::Cancelled));
            }
        }
    }

    fn request(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let Some(state) = self.dialogs.get_mut(&heard.dialog()) else { return };
        if heard.has_arrived() {
            return;
        }
        match heard.method {
            Method::Ack => state.acknowledged = true,
            Method::Bye => {
                state.sent = state.sent.max(heard.cseq);
                self.ends(heard, "sent BYE");
            }
            // What a subscription within the dialog does, and what answers what came before the end.
            Method::Cancel | Method::Prack | Method::Notify | Method::Subscribe => {}
            _ => {
                let is_new = heard.cseq > state.sent;
                state.sent = state.sent.max(heard.cseq);
                if let (true, Some((over, why))) = (is_new, state.over)
                    && !around.disturbed(heard.host, state.since)
                {
                    let (name, verb) = (around.name(heard.host), heard.verb());
                    let what = format!("{name} sent a new {verb} in a dialog that is over for it: it {why} at {over}");
                    self.judgement.violate(heard.at, what, [heard.packet]);
                }
            }
        }
    }

    fn bye_answered(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let dialog = heard.dialog();
        let Some(state) = self.dialogs.get(&dialog) else { return };
        if heard.has_arrived() {
            return;
        }
        match heard.status {
            200..300 => self.ends(heard, "accepted a BYE"),
            // It knows nothing of such a dialog, wants to know who asks, or can't just now (12.2.2, 21.5.4).
            401 | 407 | 481 | 500..600 => {}
            status if state.over.is_none() && !around.disturbed(dialog.host, state.since) => {
                let what = format!("{} refused to be hung up on, with {status}", around.name(dialog.host));
                self.judgement.judged += 1;
                self.judgement.violate(heard.at, what, [heard.packet]);
            }
            _ => {}
        }
    }

    fn judge(&mut self, at: SimTime, dialog: Dialog, unwanted: Unwanted, around: &Surroundings) {
        let Some(state) = self.dialogs.get(&dialog) else { return };
        if around.disturbed(dialog.host, state.since) {
            self.judgement.exempt("its host was down, asleep or moved");
            return;
        }
        // Without an ACK it's the other rule's affair.
        if state.over.is_some() || !state.acknowledged {
            self.judgement.judged += u64::from(state.acknowledged);
            return;
        }
        let name = around.name(dialog.host);
        let what = match unwanted {
            Unwanted::Cancelled => {
                format!("{name} has cancelled a call, was answered at {}, and hasn't hung up", state.since)
            }
            Unwanted::Forked => {
                let call = self.calls.get(&(dialog.host, dialog.call, dialog.local));
                let is_up = |remote: &&u64| {
                    let other = self.dialogs.get(&Dialog { remote: **remote, ..dialog });
                    other.is_some_and(|other| other.over.is_none() && other.acknowledged)
                };
                let up = call.map_or(0, |call| call.answered.iter().filter(is_up).count());
                if up < 2 {
                    self.judgement.judged += 1;
                    return;
                }
                format!("{up} answers to one call of {name} are up")
            }
        };
        let packet = state.packet;
        self.judgement.judged += 1;
        self.judgement.violate(at, what, [packet]);
    }
}
