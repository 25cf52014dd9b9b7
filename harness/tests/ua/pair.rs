//! Two user agents and a wire between them that a test holds in its hand.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use busyhour::sip::ua::{CallId, Ending, Event, Outgoing, Settings, UserAgent};
use busyhour::sip::{Flow, Message, Transport};
use busyhour::trace::SimTime;
use busyhour::world::Random;
use bytes::Bytes;

/// A description of a session; nobody here reads it.
pub const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
/// The answer to it.
pub const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    A,
    B,
}

impl Side {
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    fn address(self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1 + self as u8), 5060)
    }
}

/// What becomes of a message on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    ArrivesTwice,
    /// It takes that much longer than the others.
    Late(Duration),
}

/// What was said: when, by whom, and its first line in short (`INVITE`, `200 INVITE`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub at: SimTime,
    pub by: Side,
    pub what: String,
    pub arrived: bool,
}

pub struct Pair {
    pub now: SimTime,
    pub a: UserAgent,
    pub b: UserAgent,
    pub transport: Transport,
    pub said: Vec<Said>,
    pub events: Vec<(Side, Event)>,
    wire: BTreeMap<(SimTime, u64), (Side, Bytes)>,
    sent: u64,
    #[allow(clippy::type_complexity)]
    fate: Box<dyn FnMut(Side, &Message, &str) -> Fate>,
    latency: Duration,
}

impl Pair {
    pub fn new() -> Pair {
        Pair::with(Settings::at("10.0.0.1:5060"), Settings::at("10.0.0.2:5060"))
    }

    pub fn with(a: Settings, b: Settings) -> Pair {
        Pair {
            now: SimTime(0),
            a: UserAgent::new(a, Random::stream(1, "a")),
            b: UserAgent::new(b, Random::stream(1, "b")),
            transport: Transport::Udp,
            said: Vec::new(),
            events: Vec::new(),
            wire: BTreeMap::new(),
            sent: 0,
            fate: Box::new(|_, _, _| Fate::Arrives),
            latency: Duration::from_millis(10),
        }
    }

    /// From now on, that decides what becomes of each message: who sent it, the message, and it in short.
    pub fn fate(&mut self, fate: impl FnMut(Side, &Message, &str) -> Fate + 'static) {
        self.fate = Box::new(fate);
    }

    /// The first `count` messages that are `what` in short get lost.
    pub fn lose(&mut self, by: Side, what: &'static str, mut count: usize) {
        self.fate(move |side, _, short| {
            if side == by && short == what && count > 0 {
                count -= 1;
                return Fate::Lost;
            }
            Fate::Arrives
        });
    }

    pub fn ua(&mut self, side: Side) -> &mut UserAgent {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    pub fn flow_to(&self, side: Side) -> Flow {
        Flow::to(self.transport, side.address())
    }

    /// A calls B.
    pub fn call(&mut self) -> CallId {
        let flow = self.flow_to(Side::B);
        let outgoing = Outgoing::new("sip:b@10.0.0.2:5060", "<sip:a@10.0.0.1>", "<sip:a@10.0.0.1:5060>", flow);
        let call = self.a.call(self.now, outgoing.offering(OFFER));
        self.settle();
        call
    }

    /// A call that is up.
    pub fn talking(&mut self) -> (CallId, CallId) {
        let a = self.call();
        self.run(Duration::from_millis(50));
        let b = self.incoming();
        let now = self.now;
        self.b.accept(now, b, Some(ANSWER.into()));
        self.run(Duration::from_millis(100));
        assert!(self.events.iter().any(|(side, event)| *side == Side::A && matches!(event, Event::Answered { .. })));
        (a, b)
    }

    /// The call that came in at B last.
    pub fn incoming(&self) -> CallId {
        let calls = self.events.iter().rev().find_map(|(side, event)| match event {
            Event::Incoming { call, .. } if *side == Side::B => Some(*call),
            _ => None,
        });
        calls.expect("nobody called B")
    }

    /// How a side's calls ended.
    pub fn endings(&self, by: Side) -> Vec<Ending> {
        let of = |event: &Event| match event {
            Event::Ended { ending, .. } => Some(ending.clone()),
            _ => None,
        };
        self.events.iter().filter(|(side, _)| *side == by).filter_map(|(_, event)| of(event)).collect()
    }

    /// When a side said that, in milliseconds.
    pub fn times(&self, by: Side, what: &str) -> Vec<u64> {
        let of = |said: &&Said| said.by == by && said.what == what;
        self.said.iter().filter(of).map(|said| said.at.as_nanos() / 1_000_000).collect()
    }

    /// The milliseconds from each time that a side said that to the next.
    pub fn gaps(&self, by: Side, what: &str) -> Vec<u64> {
        self.times(by, what).windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Lets time go by up to that moment, in milliseconds.
    pub fn run_to(&mut self, at: u64) {
        let at = SimTime(at * 1_000_000);
        self.run(at.since(self.now));
    }

    /// Everything that was said, in short and in order.
    pub fn talk(&self) -> Vec<String> {
        self.said.iter().map(|said| format!("{:?} {}", said.by, said.what)).collect()
    }

    /// Takes out what both have to say, and puts it on the wire.
    pub fn settle(&mut self) {
        for side in [Side::A, Side::B] {
            while let Some(transmit) = self.ua(side).poll_transmit() {
                let message = Message::read(transmit.payload.clone()).expect("what a user agent sends can be read");
                message.check().expect("what a user agent sends is in order");
                let what = in_short(&message);
                let fate = (self.fate)(side, &message, &what);
                self.said.push(Said { at: self.now, by: side, what, arrived: fate != Fate::Lost });
                let mut arrive = |late: Duration| {
                    self.sent += 1;
                    let at = self.now + self.latency + late;
                    self.wire.insert((at, self.sent), (side.other(), transmit.payload.clone()));
                };
                match fate {
                    Fate::Lost => {}
                    Fate::Arrives => arrive(Duration::ZERO),
                    Fate::Late(by) => arrive(by),
                    Fate::ArrivesTwice => {
                        arrive(Duration::ZERO);
                        arrive(Duration::from_millis(3));
                    }
                }
            }
            while let Some(event) = self.ua(side).poll_event() {
                self.events.push((side, event));
            }
        }
    }

    /// Lets that much time go by.
    pub fn run(&mut self, time: Duration) {
        self.run_with(time, |_, _, _| {});
    }

    /// Lets time go by; `owner` acts on each event as it comes.
    pub fn run_with(&mut self, time: Duration, mut owner: impl FnMut(&mut UserAgent, SimTime, (Side, &Event))) {
        let end = self.now + time;
        loop {
            let before = self.events.len();
            self.settle();
            for at in before..self.events.len() {
                let (side, event) = self.events[at].clone();
                let now = self.now;
                owner(self.ua(side), now, (side, &event));
            }
            if self.events.len() > before {
                continue;
            }
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let due = [arrival, self.a.poll_timeout(), self.b.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if arrival == Some(due) {
                let ((_, _), (to, bytes)) = self.wire.pop_first().expect("it was looked at a moment ago");
                let message = Message::read(bytes).expect("it could be read when it was sent");
                let (now, flow) = (self.now, self.flow_to(to.other()));
                self.ua(to).receive(now, message, flow);
            } else {
                let now = self.now;
                self.a.handle_timeout(now);
                self.b.handle_timeout(now);
            }
        }
        self.now = end;
        self.settle();
    }

    /// Nothing is left of any call at either side.
    pub fn is_quiet(&self) -> bool {
        self.a.calls() == 0 && self.b.calls() == 0 && self.a.transactions() == 0 && self.b.transactions() == 0
    }
}

/// `INVITE`, or `200 INVITE`.
pub fn in_short(message: &Message) -> String {
    match message.status() {
        Some(status) => format!("{status} {}", message.method()),
        None => message.method().to_string(),
    }
}
