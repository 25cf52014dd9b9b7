//! Two transports on a wire with latency, loss, copies and disorder: ICE (RFC 8445), consent (RFC 7675), DTLS (RFC 6347,
//! 5764), SRTP (RFC 3711).

use busyhour::media::sdp::{Secure, Setup};
use busyhour::media::webrtc::{
    Candidate, CandidateAddress, CandidateKind, Certificate, Clock, DtlsState, IceState, Keys, Selected, SrtpProfile,
    Transport, TransportEvent, TransportQuirks, TransportSettings,
};
use busyhour::trace::SimTime;
use busyhour::world::Random;
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddrV4;
use std::time::Duration;

type Flying = (SimTime, u64, SocketAddrV4, SocketAddrV4, Bytes);

/// What becomes of a datagram: the moment, from, to, its bytes. False: it's lost.
type Verdict = Box<dyn FnMut(SimTime, SocketAddrV4, SocketAddrV4, &[u8]) -> bool>;

struct Wire {
    now: SimTime,
    latency: Duration,
    jitter: Duration,
    loss: f64,
    copies: f64,
    verdict: Option<Verdict>,
    random: Random,
    flying: BinaryHeap<Reverse<Flying>>,
    sent: Vec<(SimTime, SocketAddrV4, SocketAddrV4, Bytes)>,
}

struct End {
    address: SocketAddrV4,
    transport: Transport,
    events: Vec<(SimTime, TransportEvent)>,
    /// It was switched off: nothing goes in or comes out.
    vanished: bool,
}

struct Pair {
    wire: Wire,
    ends: [End; 2],
}

const A: usize = 0;
const B: usize = 1;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn address(end: usize) -> SocketAddrV4 {
    if end == A { "10.0.0.1:4000".parse().unwrap() } else { "10.0.0.2:5000".parse().unwrap() }
}

/// What a description would say of a transport.
fn described(transport: &Transport, candidates: &[Candidate], lite: bool) -> Secure {
    let (ufrag, pwd) = transport.credentials();
    Secure {
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
        fingerprint: transport.fingerprint(),
        setup: Setup::Actpass,
        candidates: candidates.to_vec(),
        end_of_candidates: true,
        lite,
        trickle: false,
    }
}

fn full() -> [TransportSettings; 2] {
    [TransportSettings { controlling: true, ..TransportSettings::default() }, TransportSettings::default()]
}

impl Pair {
    fn new(seed: u64, settings: [TransportSettings; 2]) -> Pair {
        let now = SimTime::ZERO + secs(100.0);
        let clock = Clock::at(now);
        let mut random = Random::stream(seed, "ends");
        let mut index = 0;
        let ends = settings.map(|settings| {
            let address = address(index);
            index += 1;
            let mut transport = Transport::new(clock, now, settings, Certificate::generate(), &mut random);
            transport.add_local(now, Candidate::host(address), address);
            End { address, transport, events: Vec::new(), vanished: false }
        });
        let wire = Wire {
            now,
            latency: secs(0.02),
            jitter: Duration::ZERO,
            loss: 0.0,
            copies: 0.0,
            verdict: None,
            random: Random::stream(seed, "wire"),
            flying: BinaryHeap::new(),
            sent: Vec::new(),
        };
        Pair { wire, ends }
    }

    fn lossy(seed: u64, loss: f64) -> Pair {
        let mut pair = Pair::new(seed, full());
        pair.wire.loss = loss;
        pair
    }

    /// Both have the other's description; A begins DTLS.
    fn introduce(&mut self, lite: [bool; 2]) {
        let now = self.wire.now;
        let described = [A, B]
            .map(|end| described(&self.ends[end].transport, &[Candidate::host(self.ends[end].address)], lite[end]));
        self.ends[A].transport.start(now, &described[B], true);
        self.ends[B].transport.start(now, &described[A], false);
        self.pump();
    }

    /// Connected, 2 s after the start.
    fn connected(seed: u64, settings: [TransportSettings; 2]) -> Pair {
        let mut pair = Pair::new(seed, settings);
        let lite = [A, B].map(|end| pair.ends[end].address.port() == 0);
        pair.introduce(lite);
        pair.run(secs(2.0));
        assert!(pair.is_connected(), "{:?}", pair.states());
        pair
    }

    fn states(&self) -> [(IceState, DtlsState); 2] {
        [A, B].map(|end| (self.ends[end].transport.ice(), self.ends[end].transport.dtls()))
    }

    fn is_connected(&self) -> bool {
        self.states() == [(IceState::Connected, DtlsState::Connected); 2]
    }

    fn pump(&mut self) {
        let Wire { now, latency, jitter, loss, copies, verdict, random, flying, sent } = &mut self.wire;
        for end in &mut self.ends {
            while let Some(event) = end.transport.poll_event() {
                end.events.push((*now, event));
            }
            while let Some(datagram) = end.transport.poll_transmit() {
                if end.vanished {
                    continue;
                }
                sent.push((*now, datagram.local, datagram.to, datagram.payload.clone()));
                let passes = verdict.as_mut().is_none_or(|it| it(*now, datagram.local, datagram.to, &datagram.payload));
                let times = if passes { 1 + usize::from(random.chance(*copies)) } else { 0 };
                for _ in 0..times {
                    if random.chance(*loss) {
                        continue;
                    }
                    let delay = *latency + jitter.mul_f64(random.unit());
                    let number = flying.len() as u64 + sent.len() as u64 * 4;
                    flying.push(Reverse((*now + delay, number, datagram.local, datagram.to, datagram.payload.clone())));
                }
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        self.run_until(duration, |_| false);
    }

    /// Runs for so long, or until `done`. True: it was done.
    fn run_until(&mut self, duration: Duration, done: impl Fn(&Pair) -> bool) -> bool {
        let end = self.wire.now + duration;
        self.pump();
        let mut rounds = 0;
        while !done(self) {
            rounds += 1;
            assert!(rounds < 200_000, "it never comes to rest: {:?}", self.states());
            let timers = self.ends.iter().filter(|end| !end.vanished).filter_map(|end| end.transport.poll_timeout());
            let next = timers.chain(self.wire.flying.peek().map(|Reverse(it)| it.0)).min().unwrap_or(end);
            if next >= end {
                self.wire.now = end;
                return false;
            }
            self.wire.now = self.wire.now.max(next);
            let now = self.wire.now;
            while self.wire.flying.peek().is_some_and(|Reverse(it)| it.0 <= now) {
                let Some(Reverse((_, _, from, to, payload))) = self.wire.flying.pop() else { break };
                if let Some(end) = self.ends.iter_mut().find(|end| end.address == to && !end.vanished) {
                    end.transport.handle_datagram(now, to, from, &payload);
                }
                self.pump();
            }
            for end in self.ends.iter_mut().filter(|end| !end.vanished) {
                if end.transport.poll_timeout().is_some_and(|due| due <= now) {
                    end.transport.handle_timeout(now);
                }
            }
            self.pump();
        }
        true
    }

    fn keys(&self, end: usize) -> Vec<Keys> {
        let keys = self.ends[end].events.iter().filter_map(|(_, event)| match event {
            TransportEvent::Keys(keys) => Some(keys.clone()),
            _ => None,
        });
        keys.collect()
    }

    fn when(&self, end: usize, wanted: &TransportEvent) -> Option<SimTime> {
        self.ends[end].events.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at)
    }
}

/// RFC 6347 4.2.4, and the target of the driver around rtc-dtls's lost retransmissions.
#[test]
fn both_ends_connect_within_a_minute_whatever_a_lossy_wire_eats() {
    for (loss, wanted) in [(0.0, 200), (0.1, 200), (0.3, 190)] {
        let mut times = Vec::new();
        let mut late = Vec::new();
        for seed in 0..200 {
            let mut pair = Pair::lossy(seed, loss);
            pair.introduce([false; 2]);
            match pair.run_until(secs(60.0), Pair::is_connected) {
                true => times.push(pair.wire.now.since(SimTime::ZERO + secs(100.0))),
                false => late.push((seed, pair.states())),
            }
        }
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64();
        println!(
            "loss {:.0}%: {} of 200 within 60 s; median {:.2} s, 95% {:.2} s, slowest {:.2} s; not: {late:?}",
            loss * 100.0,
            times.len(),
            at(0.5),
            at(0.95),
            at(1.0)
        );
        assert!(times.len() >= wanted, "{loss}: {late:?}");
    }
}
