//! Every request is answered.
//!
//! A server answers each request that reaches it with a final response (RFC 3261 sections 8.2 and 17.2), and an
//! INVITE with some response while its client is still there to hear it: both clients give up after 64*T1 (17.1.1.2
//! timer B, 17.1.2.2 timer F). An INVITE that was cancelled gets its final response (9.2), which a phone that rings
//! needn't give for long otherwise. What was repeated is one request (17.2.3). An ACK isn't answered.
//!
//! Judged are requests that arrived, once they are answered or overdue. Not judged, and counted as exempt: what isn't
//! regular SIP; what reached a port from which no SIP ever came; requests to a host that was down, asleep or moved
//! meanwhile, whose socket was closed, or whose TCP connection was in trouble; what a proxy passes on.

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;

use crate::dues::{Dues, OVERDUE};
use crate::hearing::{Carrier, Heard};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct EveryRequestIsAnswered {
    judgement: Judgement,
    open: FxHashMap<Key, Open>,
    dues: Dues<(Key, Due)>,
}

/// The host, the branch, the method.
type Key = (HostId, u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// 64*T1 after it arrived.
    Answer,
    /// 64*T1 after it was cancelled.
    End,
}

#[derive(Debug)]
struct Open {
    verb: &'static str,
    call: u64,
    since: SimTime,
    packet: PacketId,
    over: Carrier,
    port: u16,
    peer: Option<HostId>,
    is_invite: bool,
    has_heard: bool,
    cancelled: Option<SimTime>,
    answered: Option<SimTime>,
}

impl Default for EveryRequestIsAnswered {
    fn default() -> Self {
        let (judgement, open) = (Judgement::default(), FxHashMap::default());
        EveryRequestIsAnswered { judgement, open, dues: Dues::after(OVERDUE) }
    }
}

impl EveryRequestIsAnswered {
    fn judge(&mut self, at: SimTime, key: Key, due: Due, around: &Surroundings) {
        let Some(open) = self.open.get(&key) else { return };
        if open.answered.is_some() {
            self.open.remove(&key);
            return;
        }
        let host = key.0;
        let since = match due {
            Due::End => open.cancelled.unwrap_or(open.since),
            Due::Answer => open.since,
        };
        let what = match due {
            // A phone that rings may do so until somebody cancels.
            Due::Answer if open.is_invite && open.has_heard => return,
            Due::Answer => format!("{} arrived at {} and wasn't answered", open.verb, around.name(host)),
            Due::End => {
                format!("{} was cancelled at {} and got no final response", open.verb, around.name(host))
            }
        };
        let in_trouble = open.over.is_stream() && around.tcp_in_trouble(host, open.peer, open.since);
        let exempt = if around.disturbed(host, open.since) {
            Some("its receiver was down, asleep or moved")
        } else if around.forwards(host, open.call) {
            Some("a proxy passed it on")
        } else if in_trouble {
            Some("its TCP connection was in trouble")
        } else if around.socket_gone(host, open.port, open.since) {
            Some("its receiver has closed a socket")
        } else if !around.speaks_sip(host, open.port) && open.port != 5060 {
            Some("it reached a port at which nobody speaks SIP")
        } else {
            None
        };
        match exempt {
            Some(why) => self.judgement.exempt(why),
            None => {
                self.judgement.judged += 1;
                let packet = open.packet;
                self.judgement.violate(at, format!("{what} (it came at {since})"), [packet]);
            }
        }
        self.open.remove(&key);
    }
}

impl Witness for EveryRequestIsAnswered {
    fn name(&self) -> &'static str {
        "every_request_is_answered"
    }

    fn rule(&self) -> &'static str {
        "a request that arrives is answered within 64*T1, and an INVITE that was cancelled gets its final response \
         (RFC 3261 sections 8.2, 9.2 and 17.2)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        if heard.has_arrived() && heard.is_request() {
            self.asked(heard);
        } else if heard.is_sent() && !heard.is_request() {
            let key = heard.transaction();
            if heard.is_final() {
                // Remembered for a while: the network may bring the request once more.
                if let Some(open) = self.open.get_mut(&key)
                    && open.answered.is_none()
                {
                    open.answered = Some(heard.at);
                    self.judgement.judged += 1;
                    if heard.at > open.since + OVERDUE {
                        self.dues.push(heard.at, (key, Due::Answer));
                    }
                }
            } else if let Some(open) = self.open.get_mut(&key) {
                open.has_heard = true;
            }
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, (key, due))) = self.dues.pop(now) {
            self.judge(at, key, due, around);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl EveryRequestIsAnswered {
    fn asked(&mut self, heard: &Heard<'_>) {
        if heard.method == Method::Ack {
            return;
        }
        if !heard.message.is_regular() || !heard.branch_text.starts_with("z9hG4bK") {
            self.judgement.exempt("it isn't regular SIP");
            return;
        }
        let key = heard.transaction();
        if heard.method == Method::Cancel {
            let invite = (heard.host, heard.branch, 0);
            if let Some(open) = self.open.get_mut(&invite)
                && open.cancelled.is_none()
                && open.answered.is_none()
            {
                open.cancelled = Some(heard.at);
                self.dues.push(heard.at, (invite, Due::End));
            }
        }
        if self.open.contains_key(&key) {
            return;
        }
        let open = Open {
            verb: heard.verb(),
            call: heard.call,
            since: heard.at,
            packet: heard.packet,
            over: heard.over,
            port: heard.here.port(),
            peer: heard.peer,
            is_invite: heard.method == Method::Invite,
            has_heard: false,
            cancelled: None,
            answered: None,
        };
        self.open.insert(key, open);
        self.dues.push(heard.at, (key, Due::Answer));
    }
}
