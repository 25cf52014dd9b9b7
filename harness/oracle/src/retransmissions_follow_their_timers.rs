//! Retransmissions follow their timers.
//!
//! Over UDP a client sends its request again until it hears something: an INVITE after T1, each time twice as long
//! (RFC 3261 section 17.1.1.2, timer A), anything else likewise but never longer than T2 (17.1.2.2, timer E). A server
//! sends the final response to an INVITE again after T1, twice as long each time up to T2, until the ACK comes
//! (17.2.1, timer G, and 13.3.1.4 for a 2xx, over TCP too); otherwise it repeats a response only when the request
//! comes again. What is sent again is the same, byte for byte. After the answer that ends it, nothing is sent again.
//!
//! T1 is 500 ms; a longer one is allowed (17.1.1.1), so slowness isn't judged, but for this: whoever heard nothing has
//! sent at least once more after 4 s.
//!
//! Judged are requests and final responses to INVITE over UDP, and 2xx to INVITE over TCP. Not judged, and counted as
//! exempt: hosts that were down, asleep or moved; those whose TCP connection lost a segment, which may keep an ACK from
//! them that has reached their host; those whom the network has told that nobody is there; what a proxy passes on; what
//! isn't regular SIP; requests whose Via names another than their sender, as those do that somebody recorded and plays;
//! challenges that are asked for again, whose nonce may be another.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::dues::{Dues, T1, T2};
use crate::hearing::{Carrier, Dialog, Heard};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// What a timer may be early: ours are whole milliseconds.
const EARLY: Duration = Duration::from_millis(5);
/// What a program may take to notice an answer.
const NOTICE: Duration = Duration::from_millis(10);
/// Whoever hears nothing has sent again by then.
const LAZY: Duration = Duration::from_secs(4);
/// Nothing is sent again after this.
const OVER: Duration = Duration::from_secs(40);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct RetransmissionsFollowTheirTimers {
    judgement: Judgement,
    requests: FxHashMap<Key, Request>,
    answers: FxHashMap<Key, Answers>,
    /// Whose ACK is whose: the INVITEs that got a 2xx, with their numbers.
    accepted: FxHashMap<Dialog, Vec<(u32, Key)>>,
    lazy: Dues<(Key, bool)>,
    forget: Dues<(Key, bool)>,
}

/// The host, the branch, the method.
type Key = (HostId, u64, u64);

/// What a client sends.
#[derive(Debug)]
struct Request {
    is_invite: bool,
    call: u64,
    cseq: u32,
    there: SocketAddrV4,
    over: Carrier,
    digest: u64,
    first: SimTime,
    last: SimTime,
    packet: PacketId,
    count: u32,
    /// When something came that ends its retransmissions.
    heard: Option<SimTime>,
    /// When any response came.
    any: bool,
}

/// What a server answers.
#[derive(Debug)]
struct Answers {
    is_invite: bool,
    cseq: u32,
    call: u64,
    /// How often the request came since the last answer.
    asked: u32,
    sent: Option<Sent>,
    acknowledged: Option<SimTime>,
}

/// A final response.
#[derive(Debug)]
struct Sent {
    status: u16,
    dialog: Dialog,
    over: Carrier,
    peer: Option<HostId>,
    digest: u64,
    first: SimTime,
    packet: PacketId,
    /// When it was last sent without being asked for.
    last: SimTime,
    /// How often it was sent without being asked for.
    count: u32,
    /// How often it was sent in all.
    all: u32,
    over_and_done: bool,
}

impl Default for RetransmissionsFollowTheirTimers {
    fn default() -> Self {
        RetransmissionsFollowTheirTimers {
            judgement: Judgement::default(),
            requests: FxHashMap::default(),
            answers: FxHashMap::default(),
            accepted: FxHashMap::default(),
            lazy: Dues::after(LAZY),
            forget: Dues::after(OVER),
        }
    }
}

/// How long a timer that doubles from T1 runs the `count`th time.
fn interval(count: u32, longest: Duration) -> Duration {
    T1.saturating_mul(1u32.checked_shl(count - 1).unwrap_or(u32::MAX)).min(longest)
}

impl Witness for RetransmissionsFollowTheirTimers {
    fn name(&self) -> &'static str {
        "retransmissions_follow_their_timers"
    }

    fn rule(&self) -> &'static str {
        "what is sent again is the same, is sent after T1 and then ever later, and not after its answer \
         (RFC 3261 sections 13.3.1.4 and 17, timers A, E and G)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        match (heard.is_sent(), heard.is_request()) {
            (_, true) if heard.method == Method::Ack => {
                if heard.has_arrived() {
                    self.acknowledged(heard);
                }
            }
            (true, true) => self.request(heard, around),
            (false, true) => {
                self.asked(heard);
                if heard.method == Method::Bye {
                    self.over_and_done(heard);
                }
            }
            (true, false) if heard.is_final() => self.answer(heard, around),
            (true, false) => {}
            (false, false) => self.response(heard),
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, (key, is_client))) = self.lazy.pop(now) {
            if is_client {
                self.lazy_client(at, key, around);
            } else {
                self.lazy_server(at, key, around);
            }
        }
        while let Some((at, (key, is_client))) = self.forget.pop(now) {
            if is_client {
                self.requests.remove(&key);
                continue;
            }
            let Some(answers) = self.answers.get(&key) else { continue };
            match &answers.sent {
                Some(sent) if at.since(sent.first) >= OVER => {
                    if let Some(accepted) = self.accepted.get_mut(&sent.dialog) {
                        accepted.retain(|(_, other)| *other != key);
                        if accepted.is_empty() {
                            self.accepted.remove(&sent.dialog);
                        }
                    }
                    self.answers.remove(&key);
                }
                _ => self.forget.push(now, (key, false)),
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl RetransmissionsFollowTheirTimers {
    fn request(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if heard.method == Method::Bye {
            self.over_and_done(heard);
        }
        if !heard.message.is_regular() {
            self.judgement.exempt("it isn't regular SIP");
            return;
        }
        if heard.is_forwarding || heard.has_passed_others {
            self.judgement.exempt("a proxy passed it on");
            return;
        }
        let own = heard.message.via().and_then(|via| via.host().parse::<Ipv4Addr>().ok());
        if own != Some(*heard.here.ip()) {
            self.judgement.exempt("its Via names another than its sender");
            return;
        }
        let (key, digest) = (heard.transaction(), xxh3_64(heard.message.raw()));
        let is_invite = heard.method == Method::Invite;
        let fresh = || Request {
            is_invite,
            call: heard.call,
            cseq: heard.cseq,
            there: heard.there,
            over: heard.over,
            digest,
            first: heard.at,
            last: heard.at,
            packet: heard.packet,
            count: 1,
            heard: None,
            any: false,
        };
        let Some(request) = self.requests.get_mut(&key) else {
            self.requests.insert(key, fresh());
            self.lazy.push(heard.at, (key, true));
            self.forget.push(heard.at, (key, true));
            return;
        };
        let is_other = request.call != heard.call || request.cseq != heard.cseq;
        if is_other
            || request.there != heard.there
            || request.over != heard.over
            || around.disturbed(key.0, request.first)
        {
            // Somebody else's, sent to another server, or from another life.
            *request = Request { any: true, ..fresh() };
            return;
        }
        let (name, verb) = (around.name(heard.host), heard.verb());
        let gap = heard.at.since(request.last);
        let longest = if is_invite { Duration::MAX } else { T2 };
        let least = interval(request.count, longest);
        let what = if request.digest != digest {
            Some(format!(
                "{name} sent another {verb} of the same branch in packet {} than in {}",
                heard.packet, request.packet
            ))
        } else if request.over.is_stream() {
            Some(format!("{name} sent its {verb} again over TCP"))
        } else if let Some(answered) = request.heard
            && heard.at > answered + NOTICE
        {
            Some(format!("{name} sent its {verb} again though it had got an answer at {answered}"))
        } else if gap + EARLY < least {
            Some(format!("{name} sent its {verb} again after {gap:?}, before {least:?}"))
        } else {
            None
        };
        request.count += 1;
        request.last = heard.at;
        self.judgement.judged += 1;
        if let Some(what) = what {
            let first = request.packet;
            self.judgement.violate(heard.at, what, [first, heard.packet]);
        }
    }

    fn response(&mut self, heard: &Heard<'_>) {
        let Some(request) = self.requests.get_mut(&heard.transaction()) else { return };
        if request.cseq != heard.cseq || request.call != heard.call || !heard.message.is_regular() {
            return;
        }
        request.any = true;
        if request.is_invite || heard.is_final() {
            request.heard.get_or_insert(heard.at);
        }
    }

    fn lazy_client(&mut self, at: SimTime, key: Key, around: &Surroundings) {
        let Some(request) = self.requests.get(&key) else { return };
        if request.any || request.over.is_stream() || request.count > 1 {
            return;
        }
        let (host, first, packet) = (key.0, request.first, request.packet);
        if around.disturbed(host, first) {
            self.judgement.exempt("its host was down, asleep or moved");
        } else if around.told_unreachable(host, first) {
            self.judgement.exempt("the network told its sender that nobody is there");
        } else {
            self.judgement.judged += 1;
            let what = format!("{} heard nothing of its request of {first} and never sent it again", around.name(host));
            self.judgement.violate(at, what, [packet]);
        }
    }

    /// A request has come to a server, perhaps again.
    fn asked(&mut self, heard: &Heard<'_>) {
        let key = heard.transaction();
        let is_invite = heard.method == Method::Invite;
        let fresh = Answers { is_invite, cseq: heard.cseq, call: heard.call, asked: 1, sent: None, acknowledged: None };
        match self.answers.get_mut(&key) {
            Some(answers) if answers.cseq == heard.cseq && answers.call == heard.call => answers.asked += 1,
            Some(answers) => *answers = fresh,
            None => {
                self.answers.insert(key, fresh);
                self.forget.push(heard.at, (key, false));
            }
        }
    }

    /// A server sends a final response, perhaps again.
    fn answer(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if heard.is_forwarding {
            return;
        }
        let key = heard.transaction();
        let Some(answers) = self.answers.get_mut(&key) else { return };
        if answers.cseq != heard.cseq || answers.call != heard.call {
            return;
        }
        let asked = answers.asked > 0;
        answers.asked = answers.asked.saturating_sub(1);
        let digest = xxh3_64(heard.message.raw());
        let fresh = || Sent {
            status: heard.status,
            dialog: heard.dialog(),
            over: heard.over,
            peer: heard.peer,
            digest,
            first: heard.at,
            packet: heard.packet,
            last: heard.at,
            count: 1,
            all: 1,
            over_and_done: false,
        };
        let is_accepted = answers.is_invite && heard.accepts(Method::Invite);
        let Some(sent) = &mut answers.sent else {
            answers.sent = Some(fresh());
            if is_accepted {
                self.accepted.entry(heard.dialog()).or_default().push((heard.cseq, key));
                self.lazy.push(heard.at, (key, false));
            }
            return;
        };
        if sent.status != heard.status || sent.dialog != heard.dialog() || around.disturbed(key.0, sent.first) {
            // Two outcomes of one request are another witness's affair.
            *sent = Sent { over_and_done: true, ..fresh() };
            return;
        }
        let (name, verb, status) = (around.name(heard.host), heard.verb(), heard.status);
        let gap = heard.at.since(sent.last);
        let least = interval(sent.count, T2);
        let is_challenge = matches!(status, 401 | 407);
        let what = if sent.digest != digest && !(asked && is_challenge) {
            Some(format!(
                "{name} sent another {status} to the same {verb} in packet {} than in {}",
                heard.packet, sent.packet
            ))
        } else if asked {
            None
        } else if !answers.is_invite {
            Some(format!("{name} sent its {status} to {verb} again, and nobody had asked again"))
        } else if let Some(acknowledged) = answers.acknowledged
            && heard.at > acknowledged + NOTICE
        {
            // A segment that was lost shortly before, be it a bare acknowledgement, may hold up what came behind it.
            let before = SimTime(sent.first.0.saturating_sub(LAZY.as_nanos() as u64));
            if sent.over.is_stream() && around.tcp_in_trouble(heard.host, sent.peer, before) {
                self.judgement.exempt("its TCP connection was in trouble");
                (sent.all, sent.count, sent.last) = (sent.all + 1, sent.count + 1, heard.at);
                return;
            }
            Some(format!("{name} sent its {status} to INVITE again though it was acknowledged at {acknowledged}"))
        } else if gap + EARLY < least {
            Some(format!("{name} sent its {status} to INVITE again after {gap:?}, before {least:?}"))
        } else {
            None
        };
        sent.all += 1;
        if !asked {
            sent.count += 1;
            sent.last = heard.at;
        }
        self.judgement.judged += 1;
        if let Some(what) = what {
            let first = sent.packet;
            self.judgement.violate(heard.at, what, [first, heard.packet]);
        }
    }

    fn acknowledged(&mut self, heard: &Heard<'_>) {
        // A refusal's ACK has the INVITE's branch, a 2xx's has one of its own (section 17.1.1.3).
        let key = heard.transaction();
        let key = if self.answers.contains_key(&key) {
            key
        } else {
            let accepted = self.accepted.get(&heard.dialog());
            let meant = accepted.and_then(|accepted| accepted.iter().find(|(cseq, _)| *cseq == heard.cseq));
            let Some((_, key)) = meant else { return };
            *key
        };
        if let Some(answers) = self.answers.get_mut(&key) {
            answers.acknowledged.get_or_insert(heard.at);
        }
    }

    /// A BYE: what it ends needn't be sent again.
    fn over_and_done(&mut self, heard: &Heard<'_>) {
        for (_, key) in self.accepted.get(&heard.dialog()).into_iter().flatten() {
            if let Some(sent) = self.answers.get_mut(key).and_then(|answers| answers.sent.as_mut()) {
                sent.over_and_done = true;
            }
        }
    }

    fn lazy_server(&mut self, at: SimTime, key: Key, around: &Surroundings) {
        let Some(answers) = self.answers.get(&key) else { return };
        let Some(sent) = &answers.sent else { return };
        self.judgement.judged += 1;
        if sent.all > 1 || sent.over_and_done || answers.acknowledged.is_some() {
            return;
        }
        let (host, first, packet) = (key.0, sent.first, sent.packet);
        if around.disturbed(host, first) {
            self.judgement.exempt("its host was down, asleep or moved");
        } else if around.told_unreachable(host, first) {
            self.judgement.exempt("the network told its sender that nobody is there");
        } else if sent.over.is_stream() && around.tcp_in_trouble(host, sent.peer, first) {
            self.judgement.exempt("its TCP connection was in trouble");
        } else {
            let what = format!("{} got no ACK for its 2xx of {first} and never sent it again", around.name(host));
            self.judgement.violate(at, what, [packet]);
        }
    }
}
