//! Plays: who says what to whom, as a script reads. Every line is two packets on the wire, and all witnesses listen.

use std::time::Duration;

use busyhour_oracle::Panel;
use busyhour_trace::{Event, Log, Loss, PacketId, PacketSeen, SimTime, Source, Stage};

use crate::packets::{tcp, udp};

/// The cast: each host and its address.
const CAST: [(&str, &str); 6] = [
    ("alice", "10.0.0.1"),
    ("server", "10.0.0.2"),
    ("bob", "10.0.0.3"),
    ("carol", "10.0.0.4"),
    ("standby", "10.0.0.5"),
    ("carrier", "10.0.0.6"),
];

pub fn address(host: &str) -> &'static str {
    CAST.iter().find(|(name, _)| *name == host).expect("somebody of the cast").1
}

/// A stage on which every line takes a millisecond to arrive.
pub struct Play {
    panel: Panel,
    log: Log,
    now: SimTime,
    next: u64,
}

impl Play {
    pub fn new() -> Play {
        let mut log = Log::default();
        for (name, _) in CAST {
            log.name_host(name);
        }
        let mut play = Play { panel: Panel::always_on(), log, now: SimTime::ZERO, next: 0 };
        for (name, address) in CAST {
            play.event(Event::new(SimTime::ZERO, Source::World, "joined").with("address", address), Some(name));
        }
        play
    }

    pub fn now(&self) -> SimTime {
        self.now
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    pub fn event(&mut self, event: Event, host: Option<&str>) {
        let mut event = Event { at: self.now, ..event };
        if let Some(host) = host {
            event = event.on(self.log.host_called(host).unwrap());
        }
        self.log.push(event);
        let event = self.log.events().last().unwrap();
        self.panel.event(event, &self.log);
    }

    /// The world does something to a host.
    pub fn world(&mut self, kind: &'static str, host: &str) {
        self.event(Event::new(SimTime::ZERO, Source::World, kind), Some(host));
    }

    pub fn see(&mut self, id: u64, stage: Stage, from: &str, to: &str, bytes: &[u8]) {
        let (from, to) = (self.log.host_called(from), self.log.host_called(to));
        self.panel.packet(&PacketSeen { at: self.now, id: PacketId(id), stage, from, to, bytes });
    }

    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn between(from: &str, to: &str, text: &str) -> Vec<u8> {
        udp(&format!("{}:5060", address(from)), &format!("{}:5060", address(to)), text.as_bytes())
    }

    /// Somebody says something, and the other hears it a millisecond later.
    pub fn say(&mut self, from: &str, to: &str, text: &str) {
        let (id, bytes) = (self.number(), Play::between(from, to, text));
        self.see(id, Stage::Sent, from, to, &bytes);
        self.wait(1);
        self.see(id, Stage::Arrived, from, to, &bytes);
    }

    /// Somebody says something, and the network loses it.
    pub fn lose(&mut self, from: &str, to: &str, text: &str) {
        let (id, bytes) = (self.number(), Play::between(from, to, text));
        self.see(id, Stage::Sent, from, to, &bytes);
        self.see(id, Stage::Lost(Loss::Aimed), from, to, &bytes);
    }

    /// Somebody says something, and the network brings it twice, the second time after `later` milliseconds.
    pub fn say_twice(&mut self, from: &str, to: &str, text: &str, later: u64) {
        self.say(from, to, text);
        let (id, bytes) = (self.number(), Play::between(from, to, text));
        self.see(id, Stage::Copied { of: PacketId(id - 1) }, from, to, &bytes);
        self.wait(later);
        self.see(id, Stage::Arrived, from, to, &bytes);
    }

    /// Says something over a connection, from its sequence number on.
    pub fn stream(&mut self, from: (&str, u16), to: (&str, u16), sequence: u32, flags: u8, payload: &[u8]) {
        let ends = (format!("{}:{}", address(from.0), from.1), format!("{}:{}", address(to.0), to.1));
        let (id, bytes) = (self.number(), tcp(&ends.0, &ends.1, sequence, flags, payload));
        self.see(id, Stage::Sent, from.0, to.0, &bytes);
        self.wait(1);
        self.see(id, Stage::Arrived, from.0, to.0, &bytes);
    }

    /// A datagram between two ports, that arrives a millisecond later.
    pub fn send(&mut self, from: (&str, u16), to: (&str, u16), payload: &[u8]) {
        let ends = (format!("{}:{}", address(from.0), from.1), format!("{}:{}", address(to.0), to.1));
        let (id, bytes) = (self.number(), udp(&ends.0, &ends.1, payload));
        self.see(id, Stage::Sent, from.0, to.0, &bytes);
        self.wait(1);
        self.see(id, Stage::Arrived, from.0, to.0, &bytes);
    }

    /// A datagram between two ports, that the network loses.
    pub fn send_in_vain(&mut self, from: (&str, u16), to: (&str, u16), payload: &[u8]) {
        let ends = (format!("{}:{}", address(from.0), from.1), format!("{}:{}", address(to.0), to.1));
        let (id, bytes) = (self.number(), udp(&ends.0, &ends.1, payload));
        self.see(id, Stage::Sent, from.0, to.0, &bytes);
        self.see(id, Stage::Lost(Loss::Random), from.0, to.0, &bytes);
    }

    /// A frame of audio, from a port to a port.
    pub fn frame(&mut self, from: (&str, u16), to: (&str, u16), lost: bool) {
        let mut rtp = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4];
        rtp.extend([0x55; 160]);
        let ends = (format!("{}:{}", address(from.0), from.1), format!("{}:{}", address(to.0), to.1));
        let (id, bytes) = (self.number(), udp(&ends.0, &ends.1, &rtp));
        self.see(id, Stage::Sent, from.0, to.0, &bytes);
        let stage = if lost { Stage::Lost(Loss::Random) } else { Stage::Arrived };
        self.see(id, stage, from.0, to.0, &bytes);
    }

    /// Both ends of a call talk for so many seconds, ten frames each.
    pub fn talk(&mut self, call: &Call, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.frame((call.caller, call.caller_port), (call.callee, call.callee_port), false);
            self.frame((call.callee, call.callee_port), (call.caller, call.caller_port), false);
            self.wait(100);
        }
    }

    /// The run ends now.
    pub fn ends(mut self) -> Verdicts {
        self.panel.finish(self.now);
        Verdicts(self.panel)
    }

    /// Nothing more happens for two minutes.
    pub fn ends_later(mut self) -> Verdicts {
        self.wait(120_000);
        self.ends()
    }
}

/// What the witnesses say.
pub struct Verdicts(Panel);

impl Verdicts {
    /// What was broken, a line each: the witness and what it says.
    pub fn told(&self) -> String {
        let mut told = String::new();
        for witness in self.0.witnesses() {
            for violation in &witness.judgement().violations {
                told.push_str(&format!("{}: {} {}\n", witness.name(), violation.at, violation.what));
            }
        }
        told
    }

    pub fn judged(&self, witness: &str) -> u64 {
        self.0.get(witness).unwrap().judgement().judged
    }

    /// Why a witness didn't judge something.
    pub fn exempt(&self, witness: &str) -> Vec<(String, u64)> {
        let exemptions = &self.0.get(witness).unwrap().judgement().exemptions;
        exemptions.iter().map(|exemption| (exemption.why.clone(), exemption.count)).collect()
    }

    /// Nobody complains, and the witness has judged something.
    #[track_caller]
    pub fn holds(&self, witness: &str) {
        assert_eq!(self.told(), "");
        assert!(self.judged(witness) > 0, "{witness} has judged nothing");
    }

    /// Nobody but this one complains, and it does.
    #[track_caller]
    pub fn breaks(&self, witness: &str, says: &str) {
        let told = self.told();
        assert!(told.lines().count() > 0, "{witness} is silent");
        assert!(told.lines().all(|line| line.starts_with(&format!("{witness}: "))), "{told}");
        assert!(told.contains(says), "{told}");
    }

    /// Nobody complains, and this one says why it didn't judge.
    #[track_caller]
    pub fn excuses(&self, witness: &str, why: &str) {
        assert_eq!(self.told(), "");
        let exempt = self.exempt(witness);
        assert!(exempt.iter().any(|(reason, _)| reason.contains(why)), "{exempt:?}");
    }
}

/// A call, whose lines are written for it.
#[derive(Clone)]
pub struct Call {
    pub id: String,
    pub caller: &'static str,
    pub callee: &'static str,
    pub from_tag: String,
    pub to_tag: String,
    /// The user in From.
    pub from_user: String,
    pub to_user: String,
    pub cseq: u32,
    pub callee_cseq: u32,
    pub caller_port: u16,
    pub callee_port: u16,
    pub direction: &'static str,
    pub record_route: &'static str,
    pub route: &'static str,
    /// The caller's description and the callee's, where they aren't of plain RTP.
    pub descriptions: [Option<String>; 2],
}

impl Call {
    pub fn new(id: &str, caller: &'static str, callee: &'static str) -> Call {
        let number: u16 = id.bytes().map(u16::from).sum();
        Call {
            id: id.into(),
            caller,
            callee,
            from_tag: format!("{id}f"),
            to_tag: format!("{id}t"),
            from_user: caller.into(),
            to_user: callee.into(),
            cseq: 1,
            callee_cseq: 100,
            caller_port: 10_000 + number * 4,
            callee_port: 10_002 + number * 4,
            direction: "sendrecv",
            record_route: "",
            route: "",
            descriptions: [None, None],
        }
    }

    fn sdp(&self, host: &str, port: u16) -> String {
        let (ip, direction) = (address(host), self.direction);
        if let Some(own) = &self.descriptions[usize::from(port == self.callee_port)] {
            return own.clone();
        }
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na={direction}\r\n"
        )
    }

    fn branch(&self, method: &str, cseq: u32, by: &str) -> String {
        let method = if method == "CANCEL" { "INVITE" } else { method };
        format!("z9hG4bK{}{method}{cseq}{by}", self.id)
    }

    #[expect(clippy::too_many_arguments, reason = "a message has so many parts")]
    fn write(
        &self,
        start: &str,
        method: &str,
        cseq: u32,
        by: &str,
        branch: &str,
        to_tag: &str,
        more: &str,
        sdp: &str,
    ) -> String {
        let Call { id, caller, callee, from_user, to_user, .. } = self;
        let (mut from, mut to) =
            (format!("<sip:{from_user}@sim>;tag={}", self.from_tag), format!("<sip:{to_user}@sim>"));
        if !to_tag.is_empty() {
            to = format!("{to};tag={to_tag}");
        }
        if by == *callee {
            std::mem::swap(&mut from, &mut to);
        }
        let via = address(if by == *callee { callee } else { caller });
        let body = if sdp.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
        };
        let end = if sdp.is_empty() { "Content-Length: 0\r\n\r\n" } else { "" };
        format!(
            "{start}\r\nVia: SIP/2.0/UDP {via}:5060;branch={branch}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {id}@sim\r\n\
             CSeq: {cseq} {method}\r\n{more}{end}{body}"
        )
    }

    pub fn invite(&self) -> String {
        let branch = self.branch("INVITE", self.cseq, self.caller);
        let start = format!("INVITE sip:{}@{} SIP/2.0", self.to_user, address(self.callee));
        let more = format!("Max-Forwards: 70\r\nContact: <sip:{}>\r\n{}", address(self.caller), self.record_route);
        self.write(
            &start,
            "INVITE",
            self.cseq,
            self.caller,
            &branch,
            "",
            &more,
            &self.sdp(self.caller, self.caller_port),
        )
    }

    /// A response to the last INVITE of the caller.
    pub fn answer(&self, status: u16) -> String {
        let branch = self.branch("INVITE", self.cseq, self.caller);
        let tag = if status == 100 { "" } else { &self.to_tag };
        let sdp = if (200..300).contains(&status) { self.sdp(self.callee, self.callee_port) } else { String::new() };
        let more = format!("Contact: <sip:{}>\r\n{}", address(self.callee), self.record_route);
        self.write(&format!("SIP/2.0 {status} X"), "INVITE", self.cseq, self.caller, &branch, tag, &more, &sdp)
    }

    pub fn ack(&self) -> String {
        let branch = self.branch("ACK", self.cseq, self.caller);
        self.write("ACK sip:x SIP/2.0", "ACK", self.cseq, self.caller, &branch, &self.to_tag, self.route, "")
    }

    /// The ACK of a refusal: it has the INVITE's branch.
    pub fn ack_refusal(&self) -> String {
        let branch = self.branch("INVITE", self.cseq, self.caller);
        self.write("ACK sip:x SIP/2.0", "ACK", self.cseq, self.caller, &branch, &self.to_tag, "", "")
    }

    pub fn cancel(&self) -> String {
        let branch = self.branch("CANCEL", self.cseq, self.caller);
        let start = format!("CANCEL sip:{}@{} SIP/2.0", self.to_user, address(self.callee));
        self.write(&start, "CANCEL", self.cseq, self.caller, &branch, "", "", "")
    }

    pub fn answer_cancel(&self, status: u16) -> String {
        let branch = self.branch("CANCEL", self.cseq, self.caller);
        self.write(&format!("SIP/2.0 {status} X"), "CANCEL", self.cseq, self.caller, &branch, &self.to_tag, "", "")
    }

    /// A request within the dialog, by either.
    pub fn request(&mut self, method: &str, by: &str) -> String {
        let cseq = if by == self.callee { &mut self.callee_cseq } else { &mut self.cseq };
        *cseq += 1;
        let cseq = *cseq;
        self.request_with(method, by, cseq)
    }

    pub fn request_with(&self, method: &str, by: &str, cseq: u32) -> String {
        let branch = self.branch(method, cseq, by);
        let start = format!("{method} sip:x SIP/2.0");
        self.write(&start, method, cseq, by, &branch, &self.to_tag, self.route, "")
    }

    /// A response to the last such request.
    pub fn reply(&self, method: &str, by: &str, status: u16) -> String {
        // `by` is who asked.
        let cseq = if by == self.callee { self.callee_cseq } else { self.cseq };
        let branch = self.branch(method, cseq, by);
        self.write(&format!("SIP/2.0 {status} X"), method, cseq, by, &branch, &self.to_tag, "", "")
    }

    /// Rings, is answered and acknowledged.
    pub fn connect(&self, play: &mut Play) {
        play.say(self.caller, self.callee, &self.invite());
        play.say(self.callee, self.caller, &self.answer(180));
        play.wait(2_000);
        play.say(self.callee, self.caller, &self.answer(200));
        play.say(self.caller, self.callee, &self.ack());
    }

    /// Somebody hangs up, and the other says yes.
    pub fn hang_up(&mut self, play: &mut Play, by: &'static str) {
        let other = if by == self.caller { self.callee } else { self.caller };
        play.say(by, other, &self.request("BYE", by));
        play.say(other, by, &self.reply("BYE", by, 200));
    }
}

/// A REGISTER and its answer.
pub fn register(user: &str, host: &str, number: u32, expires: u32) -> String {
    let ip = address(host);
    format!(
        "REGISTER sip:sim SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:5060;branch=z9hG4bKr{user}{host}{number}\r\n\
         From: <sip:{user}@sim>;tag=r{user}{host}\r\nTo: <sip:{user}@sim>\r\nCall-ID: r{user}{host}\r\n\
         CSeq: {number} REGISTER\r\nContact: <sip:{user}@{ip}:5060>\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The registrar's answer, with the bindings that it keeps: hosts and seconds.
pub fn registered(user: &str, host: &str, number: u32, kept: &[(&str, u32)]) -> String {
    let ip = address(host);
    let contact =
        |(host, seconds): &(&str, u32)| format!("Contact: <sip:{user}@{}:5060>;expires={seconds}\r\n", address(host));
    let contacts: String = kept.iter().map(contact).collect();
    format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {ip}:5060;branch=z9hG4bKr{user}{host}{number}\r\n\
         From: <sip:{user}@sim>;tag=r{user}{host}\r\nTo: <sip:{user}@sim>;tag=reg\r\nCall-ID: r{user}{host}\r\n\
         CSeq: {number} REGISTER\r\n{contacts}Content-Length: 0\r\n\r\n"
    )
}
