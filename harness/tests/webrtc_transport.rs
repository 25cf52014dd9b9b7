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
    /// A is behind a NAT with this outside.
    outside: Option<SocketAddrV4>,
    random: Random,
    flying: BinaryHeap<Reverse<Flying>>,
    sent: Vec<(SimTime, SocketAddrV4, SocketAddrV4, Bytes)>,
}

struct End {
    address: SocketAddrV4,
    /// Beside that: a relayed one, or that of another network.
    others: Vec<SocketAddrV4>,
    certificate: Certificate,
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

impl End {
    fn has(&self, address: SocketAddrV4) -> bool {
        self.address == address || self.others.contains(&address)
    }

    fn rtp(&self) -> Vec<Bytes> {
        let rtp = self.events.iter().filter_map(|(_, event)| match event {
            TransportEvent::Rtp(packet) => Some(packet.clone()),
            _ => None,
        });
        rtp.collect()
    }
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe]);
    packet.extend_from_slice(&[0x7f; 160]);
    packet
}

/// A receiver report without blocks.
const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe];

fn is_stun_request(payload: &[u8]) -> bool {
    payload[..2] == [0, 1]
}

fn is_dtls(payload: &[u8]) -> bool {
    (20..=63).contains(&payload[0])
}

fn is_media(payload: &[u8]) -> bool {
    payload[0] >> 6 == 2
}

fn lite_server() -> [TransportSettings; 2] {
    let [mut client, server] = full();
    client.controlling = false; // It finds out that it has to.
    [client, TransportSettings { lite: true, controlling: true, ..server }]
}

impl Pair {
    fn new(seed: u64, settings: [TransportSettings; 2]) -> Pair {
        let now = SimTime::ZERO + secs(100.0);
        let clock = Clock::new(std::time::Instant::now(), now);
        let mut random = Random::stream(seed, "ends");
        let mut index = 0;
        let ends = settings.map(|settings| {
            let address = address(index);
            index += 1;
            let certificate = Certificate::generate();
            let mut transport = Transport::new(clock, now, settings, certificate.clone(), &mut random);
            transport.add_local(now, Candidate::host(address), address);
            End { address, others: Vec::new(), certificate, transport, events: Vec::new(), vanished: false }
        });
        let wire = Wire {
            now,
            latency: secs(0.02),
            jitter: Duration::ZERO,
            loss: 0.0,
            copies: 0.0,
            verdict: None,
            outside: None,
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
        let lite = settings.each_ref().map(|settings| settings.lite);
        let mut pair = Pair::new(seed, settings);
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
        let Wire { now, latency, jitter, loss, copies, verdict, outside, random, flying, sent } = &mut self.wire;
        for end in &mut self.ends {
            while let Some(event) = end.transport.poll_event() {
                end.events.push((*now, event));
            }
            while let Some(datagram) = end.transport.poll_transmit() {
                if end.vanished {
                    continue;
                }
                sent.push((*now, datagram.local, datagram.to, datagram.payload.clone()));
                let from = outside.filter(|_| datagram.local == address(A)).unwrap_or(datagram.local);
                let passes = verdict.as_mut().is_none_or(|it| it(*now, datagram.local, datagram.to, &datagram.payload));
                let times = if passes { 1 + usize::from(random.chance(*copies)) } else { 0 };
                for _ in 0..times {
                    if random.chance(*loss) {
                        continue;
                    }
                    let delay = *latency + jitter.mul_f64(random.unit());
                    let number = flying.len() as u64 + sent.len() as u64 * 4;
                    flying.push(Reverse((*now + delay, number, from, datagram.to, datagram.payload.clone())));
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
                // A NAT lets nobody in by the inside's address.
                let to = match self.wire.outside {
                    Some(outside) if to == outside => address(A),
                    Some(_) if to == address(A) => continue,
                    _ => to,
                };
                if let Some(end) = self.ends.iter_mut().find(|end| end.has(to) && !end.vanished) {
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

    /// Both speak for so long, a packet each 20 ms, numbered from `sequence`. How many were allowed to leave.
    fn talk(&mut self, duration: Duration, sequence: &mut u16) -> [u32; 2] {
        let (until, mut left) = (self.wire.now + duration, [0, 0]);
        while self.wire.now < until {
            for end in [A, B] {
                if self.ends[end].vanished {
                    continue;
                }
                left[end] += u32::from(self.ends[end].transport.send_rtp(self.wire.now, &rtp(*sequence)));
            }
            *sequence = sequence.wrapping_add(1);
            self.run(secs(0.02).min(until.since(self.wire.now)));
        }
        left
    }

    fn state_times(&self, end: usize, since: SimTime) -> Vec<(f64, IceState)> {
        let states = self.ends[end].events.iter().filter_map(|(at, event)| match event {
            TransportEvent::Ice(state) if *at >= since => Some((at.since(since).as_secs_f64(), *state)),
            _ => None,
        });
        states.collect()
    }

    fn sent_since(
        &self,
        since: SimTime,
        end: usize,
    ) -> impl Iterator<Item = &(SimTime, SocketAddrV4, SocketAddrV4, Bytes)> {
        self.wire.sent.iter().filter(move |it| it.0 >= since && self.ends[end].has(it.1))
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

/// RFC 8445 7.3: who was called knows us before we know her, and behind a symmetric NAT nobody could tell us beforehand
/// where she is.
#[test]
fn a_check_that_comes_before_the_peers_description_is_taken_up_when_that_is_there() {
    for asked_early in [true, false] {
        let mut pair = Pair::new(4, full());
        let ours = described(&pair.ends[A].transport, &[Candidate::host(address(A))], false);
        let theirs = described(&pair.ends[B].transport, &[], false);
        pair.ends[B].transport.start(pair.wire.now, &ours, false);
        let answered = pair.wire.now + secs(0.3);
        // From the answer on B asks no more: what it asked before has to do.
        pair.wire.verdict = Some(Box::new(move |at, from, _, payload| {
            from == address(A) || !is_stun_request(payload) || (asked_early && at < answered)
        }));
        pair.run(secs(0.3));
        pair.ends[A].transport.start(pair.wire.now, &theirs, true);
        pair.run(secs(2.0));
        assert_eq!(pair.is_connected(), asked_early, "{:?}", pair.states());
    }
}

/// RFC 6347 4.2.4, and the target of the driver around rtc-dtls's lost retransmissions.
#[test]
fn both_ends_connect_within_a_minute_whatever_a_lossy_wire_eats() {
    for (loss, wanted) in [(0.0, 200), (0.1, 200), (0.3, 190)] {
        let began = std::time::Instant::now();
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
            "loss {:.0}%: {} of 200 within 60 s; median {:.2} s, 95% {:.2} s, slowest {:.2} s; not: {late:?}; {:.2} ms each",
            loss * 100.0,
            times.len(),
            at(0.5),
            at(0.95),
            at(1.0),
            began.elapsed().as_secs_f64() * 5.0
        );
        assert!(times.len() >= wanted, "{loss}: {late:?}");
    }
}

#[test]
fn copies_and_disorder_hurt_nobody() {
    for seed in 0..20 {
        let mut pair = Pair::lossy(seed, 0.05);
        (pair.wire.copies, pair.wire.jitter) = (0.3, secs(0.06));
        pair.introduce([false; 2]);
        assert!(pair.run_until(secs(60.0), Pair::is_connected), "{seed}: {:?}", pair.states());
        (pair.wire.loss, pair.wire.now) = (0.0, pair.wire.now + secs(0.1));
        let mut sequence = 65_000;
        assert_eq!(pair.talk(secs(20.0), &mut sequence), [1000, 1000]);
        pair.run(secs(1.0));
        for end in [A, B] {
            let mut heard: Vec<u64> =
                pair.ends[end].rtp().iter().map(|it| u64::from(u16::from_be_bytes([it[2], it[3]]))).collect();
            // Nothing twice, nothing missing, and it went round.
            heard.sort_by_key(|sequence| (sequence + 65_536 - 65_000) % 65_536);
            let wanted: Vec<u64> = (0..1000).map(|n| (65_000 + n) % 65_536).collect();
            assert_eq!(heard, wanted, "{seed}");
        }
    }
}

/// RFC 5764, 7714: what one end sends the other reads, under each profile, and nobody between can.
#[test]
fn media_and_data_go_both_ways_under_either_profile() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80] {
        let settings = full().map(|settings| TransportSettings { profiles: vec![profile], ..settings });
        let mut pair = Pair::connected(1, settings);
        let now = pair.wire.now;
        for end in [A, B] {
            assert!(pair.ends[end].transport.send_rtp(now, &rtp(1)));
            assert!(pair.ends[end].transport.send_rtcp(now, &RTCP));
            assert!(pair.ends[end].transport.send_data(now, b"data"));
        }
        pair.run(secs(0.1));
        for end in [A, B] {
            assert_eq!(pair.keys(end)[0].profile, profile);
            assert!(pair.when(end, &TransportEvent::Rtp(Bytes::from(rtp(1)))).is_some());
            assert!(pair.when(end, &TransportEvent::Rtcp(Bytes::from_static(&RTCP))).is_some());
            assert!(pair.when(end, &TransportEvent::Data(Bytes::from_static(b"data"))).is_some());
            assert!(
                pair.sent_since(now, end).all(|it| !it.3.windows(4).any(|part| part == [0x7f; 4] || part == *b"data"))
            );
        }
    }
}

/// RFC 5764 4.1.1: the server chooses, by its own preference; a common profile is all it needs.
#[test]
fn the_dtls_server_chooses_the_profile() {
    use SrtpProfile::{AeadAes128Gcm as Gcm, Aes128CmSha1_80 as Cm};
    for (client, server, chosen) in [
        (vec![Gcm, Cm], vec![Cm, Gcm], Cm),
        (vec![Cm, Gcm], vec![Gcm, Cm], Gcm),
        (vec![Gcm, Cm], vec![Cm], Cm),
        (vec![Cm], vec![Gcm, Cm], Cm),
    ] {
        let [mut a, mut b] = full();
        (a.profiles, b.profiles) = (client, server);
        let pair = Pair::connected(2, [a, b]);
        assert_eq!([A, B].map(|end| pair.keys(end)[0].profile), [chosen; 2]);
    }
    let [mut a, mut b] = full();
    (a.profiles, b.profiles) = (vec![Gcm], vec![Cm]);
    let mut pair = Pair::new(2, [a, b]);
    pair.introduce([false; 2]);
    pair.run(secs(5.0));
    assert_eq!(pair.states().map(|it| it.1), [DtlsState::Failed; 2]);
}

/// RFC 6347 4.2.8 as far as a handshake goes that isn't done: its client begins anew, with a random of its own.
#[test]
fn a_client_that_begins_anew_in_the_midst_of_a_handshake_is_followed() {
    for done in [false, true] {
        let mut pair = Pair::new(25, full());
        // B's second flight never arrives, or everything does.
        pair.wire.verdict = Some(Box::new(move |_, from, _, payload| {
            done || from == address(A) || !is_dtls(payload) || payload[13] != 2
        }));
        pair.introduce([false; 2]);
        pair.run(secs(3.0));
        assert_eq!(pair.states()[B].1, if done { DtlsState::Connected } else { DtlsState::Connecting });
        // The same ICE credentials and certificate, and a handshake that knows nothing of the first.
        let (now, certificate) = (pair.wire.now, pair.ends[A].certificate.clone());
        let [settings, _] = full();
        let random = &mut Random::stream(25, "ends");
        let mut again = Transport::new(Clock::new(std::time::Instant::now(), now), now, settings, certificate, random);
        assert_eq!(again.credentials(), pair.ends[A].transport.credentials());
        again.add_local(now, Candidate::host(address(A)), address(A));
        again.start(now, &described(&pair.ends[B].transport, &[Candidate::host(address(B))], false), true);
        pair.ends[A].transport = again;
        pair.wire.verdict = None;
        pair.run(secs(5.0));
        // Where keys are agreed nobody takes them away without keys.
        assert_eq!(pair.states()[A].1, if done { DtlsState::Connecting } else { DtlsState::Connected });
        assert_eq!(pair.states()[B].1, DtlsState::Connected);
        assert_eq!(pair.keys(B).len(), 1);
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let pad = |byte: u8| (0..64).map(|i| key.get(i).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

/// RFC 5705 and 5764 4.2 by code of its own: from the master secret and the randoms follow the SRTP keys.
#[test]
fn the_keys_that_are_told_are_those_in_use() {
    let pair = Pair::connected(3, full());
    let [a, b] = [A, B].map(|end| pair.keys(end).remove(0));
    assert_eq!((a.is_client, b.is_client), (true, false));
    assert_eq!((&a.local, &a.remote), (&b.remote, &b.local));
    assert_eq!(
        (a.master_secret, a.client_random, a.server_random),
        (b.master_secret, b.client_random, b.server_random)
    );
    let seed: [&[u8]; 3] = [b"EXTRACTOR-dtls_srtp", &a.client_random, &a.server_random];
    let (mut link, mut material) = (hmac(&a.master_secret, &seed), Vec::new());
    while material.len() < 56 {
        material.extend_from_slice(&hmac(&a.master_secret, &[&link, seed[0], seed[1], seed[2]]));
        link = hmac(&a.master_secret, &[&link]);
    }
    assert_eq!((&a.local.0[..], &a.remote.0[..]), (&material[..16], &material[16..32]));
    assert_eq!((&a.local.1[..], &a.remote.1[..]), (&material[32..44], &material[44..56]));
    // They're told before anybody is told that it's connected.
    let told = pair.ends[A].events.iter().position(|it| matches!(it.1, TransportEvent::Keys(_)));
    assert!(told < pair.ends[A].events.iter().position(|it| it.1 == TransportEvent::Dtls(DtlsState::Connected)));
}

#[test]
fn no_media_leaves_before_dtls_is_done() {
    let mut pair = Pair::new(4, full());
    pair.wire.verdict = Some(Box::new(|_, _, _, payload| !is_dtls(payload)));
    pair.introduce([false; 2]);
    let mut sequence = 0;
    assert_eq!(pair.talk(secs(5.0), &mut sequence), [0, 0]);
    assert_eq!(pair.states()[A], (IceState::Connected, DtlsState::Connecting));
    assert!(!pair.ends[A].transport.send_data(pair.wire.now, b"data"));
    assert!(!pair.wire.sent.iter().any(|it| is_media(&it.3)));
    pair.wire.verdict = None;
    assert!(pair.run_until(secs(10.0), Pair::is_connected));
    assert!(pair.ends[A].transport.send_rtp(pair.wire.now, &rtp(1)));
}

/// RFC 5246 7.2.1, Part 5: a page that goes says close_notify, and the other end knows at once.
#[test]
fn a_close_is_heard_by_the_other_end_and_followed_by_silence() {
    for (closing, hearing) in [(A, B), (B, A)] {
        let mut pair = Pair::connected(5, full());
        let now = pair.wire.now;
        pair.ends[closing].transport.close(now);
        assert_eq!(pair.states()[closing], (IceState::Closed, DtlsState::Closed));
        assert!(!pair.ends[closing].transport.send_rtp(now, &rtp(1)));
        assert!(!pair.ends[closing].transport.send_rtcp(now, &RTCP));
        assert!(!pair.ends[closing].transport.send_data(now, b"data"));
        pair.run(secs(20.0));
        assert_eq!(pair.sent_since(now, closing).count(), 1, "the alert, and nothing after it");
        assert_eq!(pair.when(hearing, &TransportEvent::PeerClosed), Some(now + secs(0.02)));
        assert_eq!(pair.states()[hearing].1, DtlsState::Closed);
        assert!(!pair.ends[hearing].transport.send_rtp(now + secs(0.02), &rtp(1)));
        assert!(pair.ends[closing].transport.poll_timeout().is_none());
    }
}

/// RFC 8122 6.2, RFC 5763 5: who shows another certificate than was promised isn't let in.
#[test]
fn a_certificate_that_nobody_promised_is_refused() {
    for (liar, ignoring) in [(A, false), (B, false), (A, true), (B, true)] {
        let quirks = TransportQuirks { ignores_fingerprint: ignoring, ..TransportQuirks::default() };
        let mut pair = Pair::new(6, full().map(|settings| TransportSettings { quirks, ..settings }));
        let now = pair.wire.now;
        let mut said = [A, B].map(|end| described(&pair.ends[end].transport, &[Candidate::host(address(end))], false));
        said[liar].fingerprint = Certificate::generate().fingerprint().clone();
        pair.ends[A].transport.start(now, &said[B], true);
        pair.ends[B].transport.start(now, &said[A], false);
        pair.run(secs(5.0));
        let cheated = pair.states()[1 - liar];
        assert_eq!(cheated, (IceState::Connected, if ignoring { DtlsState::Connected } else { DtlsState::Failed }));
        assert_eq!(pair.keys(1 - liar).len(), usize::from(ignoring));
    }
}

/// RFC 7675 5.1: each interval is 0.8 to 1.2 of the usual 2.5 s, and no two alike.
#[test]
fn consent_is_asked_for_again_and_again_but_not_in_step() {
    let mut pair = Pair::connected(7, full());
    let now = pair.wire.now;
    pair.run(secs(300.0));
    for end in [A, B] {
        let checks: Vec<SimTime> =
            pair.sent_since(now, end).filter(|it| is_stun_request(&it.3)).map(|it| it.0).collect();
        let mut gaps: Vec<f64> = checks.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
        gaps.sort_by(f64::total_cmp);
        // Each interval begins with the answer to the last check, 40 ms after it.
        assert!(gaps.len() > 90 && gaps[0] >= 2.0 && gaps[gaps.len() - 1] <= 3.05, "{gaps:?}");
        assert!(gaps[gaps.len() - 1] - gaps[0] > 0.5, "{gaps:?}");
        let mut ids: Vec<&[u8]> =
            pair.sent_since(now, end).filter(|it| is_stun_request(&it.3)).map(|it| &it.3[8..20]).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), checks.len(), "each check has an id of its own");
    }
    assert!(pair.is_connected());
}

/// Part 5, a real browser's surviving peer: `disconnected` at +5.2 s, when its RTP stops; `failed` at +15 s, when its
/// checks stop too.
#[test]
fn a_peer_that_vanishes_in_a_call_is_missed_after_5_s_and_given_up_after_15() {
    for seed in 0..20 {
        let mut pair = Pair::connected(seed, full());
        let mut sequence = 0;
        pair.talk(secs(3.0 + seed as f64 / 7.0), &mut sequence);
        let gone = pair.wire.now;
        pair.ends[B].vanished = true;
        pair.talk(secs(40.0), &mut sequence);
        let states = pair.state_times(A, gone);
        let [(missed, IceState::Disconnected), (failed, IceState::Failed)] = states[..] else { panic!("{states:?}") };
        assert!((4.9..=5.7).contains(&missed), "{seed}: {missed}");
        assert!((14.9..=15.1).contains(&failed), "{seed}: {failed}");
        let last = |kind: fn(&[u8]) -> bool| {
            let at = pair.sent_since(gone, A).filter(|it| kind(&it.3)).map(|it| it.0.since(gone)).max();
            at.map(|at| at.as_secs_f64())
        };
        assert!(last(is_media).is_some_and(|at| (4.9..=5.7).contains(&at)), "{seed}: {:?}", last(is_media));
        assert!(last(is_stun_request).is_some_and(|at| (14.0..=15.1).contains(&at)), "{seed}");
        let lost = pair.when(A, &TransportEvent::ConsentLost).map(|at| at.since(gone).as_secs_f64());
        assert!(lost.is_some_and(|at| (26.9..=30.0).contains(&at)), "{seed}: {lost:?}");
    }
}

#[test]
fn a_peer_that_vanishes_in_silence_is_missed_too() {
    for seed in 0..20 {
        let mut pair = Pair::connected(seed, full());
        pair.run(secs(3.0 + seed as f64 / 7.0));
        let gone = pair.wire.now;
        pair.ends[B].vanished = true;
        pair.run(secs(40.0));
        let states = pair.state_times(A, gone);
        let [(missed, IceState::Disconnected), (failed, IceState::Failed)] = states[..] else { panic!("{states:?}") };
        assert!((2.0..=6.0).contains(&missed) && (12.0..=16.0).contains(&failed), "{seed}: {states:?}");
    }
}

/// A dead spell that's over before 15 s leaves no trace but the two states.
#[test]
fn a_peer_that_comes_back_in_time_is_connected_again() {
    let mut pair = Pair::connected(8, full());
    let gone = pair.wire.now;
    pair.wire.verdict = Some(Box::new(move |now, _, _, _| now.since(gone) > secs(9.0)));
    pair.run(secs(30.0));
    for end in [A, B] {
        let states: Vec<IceState> = pair.state_times(end, gone).into_iter().map(|it| it.1).collect();
        assert_eq!(states, [IceState::Disconnected, IceState::Connected]);
        assert_eq!(pair.keys(end).len(), 1);
    }
    assert_eq!(pair.talk(secs(1.0), &mut 0), [50, 50]);
}

/// RFC 7675 5.1: only an answer to a check of one's own says that the peer wants to be sent to. rtc-ice counts any STUN.
#[test]
fn packets_of_the_peer_are_no_consent() {
    let mut pair = Pair::connected(
        9,
        full().map(|settings| TransportSettings {
            disconnected_after: secs(300.0),
            failed_after: secs(300.0),
            ..settings
        }),
    );
    let (gone, mut sequence) = (pair.wire.now, 0);
    // A's packets are lost, B's checks, answers and media all arrive.
    pair.wire.verdict = Some(Box::new(|_, from, _, _| from != address(A)));
    pair.talk(secs(20.0), &mut sequence);
    assert!(pair.when(A, &TransportEvent::ConsentLost).is_none());
    assert_eq!(pair.states()[A].0, IceState::Connected);
    // What was an answer once is none to another check; and who puts another id on it hasn't the password.
    let old = pair
        .wire
        .sent
        .iter()
        .rev()
        .find(|it| it.1 == address(B) && it.3[..2] == [1, 1])
        .map(|it| it.3.clone())
        .unwrap();
    let forge = |pair: &mut Pair| {
        let now = pair.wire.now;
        let check = pair.sent_since(gone, A).filter(|it| is_stun_request(&it.3)).last().map(|it| it.3.clone()).unwrap();
        let mut forged = old.to_vec();
        forged[8..20].copy_from_slice(&check[8..20]);
        let end = forged.len() - 8;
        let crc = rtc_stun::fingerprint::fingerprint_value(&forged[..end]);
        forged[end + 4..].copy_from_slice(&crc.to_be_bytes());
        pair.ends[A].transport.handle_datagram(now, address(A), address(B), &forged);
        pair.ends[A].transport.handle_datagram(now, address(A), address(B), &old);
    };
    for _ in 0..15 {
        forge(&mut pair);
        pair.talk(secs(1.0), &mut sequence);
    }
    let lost = pair.when(A, &TransportEvent::ConsentLost).map(|at| at.since(gone).as_secs_f64());
    assert!(lost.is_some_and(|at| (26.9..=30.0).contains(&at)), "{lost:?}");
    let last = pair.sent_since(gone, A).filter(|it| is_media(&it.3)).map(|it| it.0).max();
    assert!(last < pair.when(A, &TransportEvent::ConsentLost));
    assert!(!pair.ends[A].rtp().is_empty());
}

/// One way is broken: browsers tell by their checks' answers, though the other's media arrives.
#[test]
fn who_gets_no_answers_is_disconnected_though_media_comes() {
    let mut pair = Pair::connected(10, full());
    let gone = pair.wire.now;
    pair.wire.verdict = Some(Box::new(|_, from, _, _| from != address(A)));
    pair.talk(secs(12.0), &mut 0);
    let states = pair.state_times(A, gone);
    assert!(matches!(states[..], [(at, IceState::Disconnected)] if (4.9..8.2).contains(&at)), "{states:?}");
}

/// RFC 8445 2.5: a lite end answers, and asks nothing.
#[test]
fn a_lite_end_sends_no_check_and_is_connected() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed, lite_server());
        pair.wire.loss = 0.1;
        pair.introduce([false, true]);
        assert!(pair.run_until(secs(30.0), Pair::is_connected), "{seed}");
        pair.wire.loss = 0.0;
        pair.run(secs(0.1));
        assert_eq!(pair.talk(secs(30.0), &mut 0), [1500, 1500]);
        assert!(!pair.sent_since(SimTime::ZERO, B).any(|it| is_stun_request(&it.3)));
        let kinds = pair.ends.each_ref().map(|end| end.transport.selected().map(|it| (it.local, it.remote)));
        assert_eq!(kinds, [Some((CandidateKind::Host, CandidateKind::Host)); 2]);
        assert!(pair.wire.now.since(pair.ends[B].transport.last_heard().unwrap()) < secs(3.1));
    }
}

/// RFC 7675 6: a lite end judges by the checks that it gets; without them its media stops at 30 s.
#[test]
fn a_lite_end_sends_until_consent_is_over() {
    let mut pair = Pair::connected(11, lite_server());
    let mut sequence = 0;
    pair.talk(secs(10.0), &mut sequence);
    let gone = pair.wire.now;
    pair.ends[A].vanished = true;
    pair.talk(secs(60.0), &mut sequence);
    let heard = pair.ends[B].transport.last_heard().unwrap();
    let since = |at: SimTime| at.since(heard).as_secs_f64();
    let states: Vec<(f64, IceState)> =
        pair.state_times(B, gone).into_iter().map(|(at, state)| (since(gone + secs(at)), state)).collect();
    let [(missed, IceState::Disconnected), (failed, IceState::Failed)] = states[..] else { panic!("{states:?}") };
    assert!((missed - 5.0).abs() < 0.001 && (failed - 30.0).abs() < 0.001, "{states:?}");
    assert_eq!(pair.when(B, &TransportEvent::ConsentLost).map(since).map(f64::round), Some(30.0));
    let last = pair.sent_since(gone, B).filter(|it| is_media(&it.3)).map(|it| since(it.0)).fold(0.0, f64::max);
    assert!((29.9..30.0).contains(&last), "{last}");
}

fn restarted(pair: &mut Pair, first: usize, candidates: [&[Candidate]; 2], lite: [bool; 2]) {
    // As an offer and its answer do: the one who restarts first, then the other, who learns it by the offer.
    let now = pair.wire.now;
    let (second, is_client) = (1 - first, |end| end == A);
    let before = pair.ends[second].transport.credentials().0.to_owned();
    pair.ends[first].transport.restart(now);
    let offer = described(&pair.ends[first].transport, candidates[first], lite[first]);
    pair.ends[second].transport.start(now, &offer, is_client(second));
    assert_ne!(pair.ends[second].transport.credentials().0, before, "the answer restarts too");
    let answer = described(&pair.ends[second].transport, candidates[second], lite[second]);
    pair.run(secs(0.3)); // The answer takes its time; checks that come before it are repeated.
    let now = pair.wire.now;
    pair.ends[first].transport.start(now, &answer, is_client(first));
    // Saying the same again restarts nothing.
    pair.ends[first].transport.start(now, &answer, is_client(first));
    pair.ends[second].transport.start(now, &offer, is_client(second));
}

/// RFC 8445 9: media goes on on the old pair until there's a new one; DTLS isn't repeated.
#[test]
fn a_restart_of_ice_is_not_heard() {
    for (first, lite) in [(A, false), (B, false), (A, true), (B, true)] {
        let settings = if lite { lite_server() } else { full() };
        let mut pair = Pair::connected(12, settings);
        let mut sequence = 0;
        pair.talk(secs(1.0), &mut sequence);
        let now = pair.wire.now;
        let candidates = [A, B].map(|end| [Candidate::host(address(end))]);
        restarted(&mut pair, first, [&candidates[A], &candidates[B]], [false, lite]);
        assert_eq!(pair.talk(secs(5.0), &mut sequence), [250, 250]);
        pair.run(secs(0.1));
        assert!(pair.is_connected());
        for end in [A, B] {
            assert_eq!(pair.ends[end].rtp().len(), 300);
            assert_eq!(pair.keys(end).len(), 1);
            let states: Vec<IceState> = pair.state_times(end, now).into_iter().map(|it| it.1).collect();
            assert!(matches!(states[..], [IceState::Checking, IceState::Connected]), "{first} {lite} {states:?}");
            assert!(!pair.sent_since(now, end).any(|it| is_dtls(&it.3)));
        }
        // Who knows the old credentials alone isn't answered any more.
        let check = pair
            .wire
            .sent
            .iter()
            .find(|it| it.1 == address(A) && is_stun_request(&it.3))
            .map(|it| it.3.clone())
            .unwrap();
        let (now, heard) = (pair.wire.now, pair.ends[B].transport.last_heard());
        pair.ends[B].transport.handle_datagram(now, address(B), address(A), &check);
        assert_eq!((pair.ends[B].transport.last_heard(), pair.ends[B].transport.poll_transmit()), (heard, None));
    }
}

/// The network is another: the old socket is gone, the new address is offered by a restart.
#[test]
fn a_restart_moves_the_call_to_another_address() {
    let mut pair = Pair::connected(13, full());
    let (mut sequence, elsewhere) = (0, "192.168.7.7:4444".parse().unwrap());
    let now = pair.wire.now;
    pair.ends[A].transport.forget_local(address(A));
    pair.ends[A].others.push(elsewhere);
    pair.ends[A].transport.add_local(now, Candidate::host(elsewhere), elsewhere);
    pair.talk(secs(7.0), &mut sequence);
    assert!(!pair.sent_since(now, A).any(|it| it.1 == address(A)), "that socket is gone");
    assert_eq!(pair.states().map(|it| it.0), [IceState::Disconnected; 2]);
    restarted(&mut pair, A, [&[Candidate::host(elsewhere)], &[Candidate::host(address(B))]], [false; 2]);
    pair.run(secs(2.0));
    assert!(pair.is_connected(), "{:?}", pair.states());
    assert_eq!(pair.ends[A].transport.selected().map(|it| it.local_base), Some(elsewhere));
    assert_eq!(pair.talk(secs(1.0), &mut sequence), [50, 50]);
    assert_eq!(pair.keys(A).len(), 1);
}

/// Candidates survive failure here; rtc-ice deletes them.
#[test]
fn a_restart_after_failure_connects_again() {
    let mut pair = Pair::connected(14, full());
    let gone = pair.wire.now;
    pair.wire.verdict = Some(Box::new(move |now, _, _, _| now.since(gone) > secs(20.0)));
    pair.run(secs(25.0));
    assert_eq!(pair.states().map(|it| it.0), [IceState::Failed; 2]);
    let candidates = [A, B].map(|end| [Candidate::host(address(end))]);
    restarted(&mut pair, B, [&candidates[A], &candidates[B]], [false; 2]);
    pair.run(secs(2.0));
    assert!(pair.is_connected(), "{:?}", pair.states());
    assert_eq!(pair.talk(secs(1.0), &mut 0), [50, 50]);
}

/// Without any pair that works ICE fails after 30 s, and not before.
#[test]
fn ice_without_a_way_fails_in_the_end() {
    let mut pair = Pair::new(15, full());
    pair.wire.loss = 1.0;
    pair.introduce([false; 2]);
    pair.run(secs(29.9));
    assert_eq!(pair.states(), [(IceState::Checking, DtlsState::New); 2]);
    pair.run(secs(0.2));
    assert_eq!(pair.states(), [(IceState::Failed, DtlsState::New); 2]);
    assert_eq!(pair.ends[A].transport.poll_timeout(), None);
}

/// RFC 8838: candidates come later; a name of mDNS never becomes one, but its owner's checks do.
#[test]
fn candidates_that_come_late_or_not_at_all() {
    let hidden =
        Candidate { address: CandidateAddress::Name("3b1c5d7e.local".to_owned(), 5000), ..Candidate::host(address(B)) };
    for trickled in [true, false] {
        let mut pair = Pair::new(16, full());
        let now = pair.wire.now;
        let said = [A, B].map(|end| described(&pair.ends[end].transport, &[], false));
        pair.ends[A].transport.start(now, &said[B], true);
        pair.ends[A].transport.add_remote(now, &hidden);
        pair.ends[B].transport.start(now, &said[A], false);
        pair.run(secs(3.0));
        assert_eq!(pair.states().map(|it| it.0), [IceState::Checking; 2]);
        assert!(pair.wire.sent.is_empty(), "nobody knows where to");
        let now = pair.wire.now;
        if trickled {
            pair.ends[A].transport.add_remote(now, &Candidate::host(address(B)));
        }
        pair.ends[B].transport.add_remote(now, &Candidate::host(address(A)));
        pair.run(secs(3.0));
        assert!(pair.is_connected());
        let remote = pair.ends[A].transport.selected().map(|it| it.remote);
        assert_eq!(remote, Some(if trickled { CandidateKind::Host } else { CandidateKind::PeerReflexive }));
    }
}

/// RFC 8445 7.2.5.3.1: what the peer sees tells what kind of address was used.
#[test]
fn a_natted_end_is_server_reflexive_if_it_said_so_and_peer_reflexive_else() {
    let outside = "198.51.100.9:61000".parse().unwrap();
    for known in [true, false] {
        let mut pair = Pair::new(17, full());
        pair.wire.outside = Some(outside);
        let now = pair.wire.now;
        let mut candidates = vec![Candidate::host(address(A))];
        if known {
            candidates.push(Candidate::server_reflexive(outside, address(A)));
            pair.ends[A].transport.add_local(now, candidates[1].clone(), address(A));
        }
        let said = [
            described(&pair.ends[A].transport, &candidates, false),
            described(&pair.ends[B].transport, &[Candidate::host(address(B))], false),
        ];
        pair.ends[A].transport.start(now, &said[B], true);
        pair.ends[B].transport.start(now, &said[A], false);
        pair.run(secs(4.0));
        assert!(pair.is_connected(), "{:?}", pair.states());
        let kind = if known { CandidateKind::ServerReflexive } else { CandidateKind::PeerReflexive };
        let selected =
            |local, remote, local_base, remote_address| Some(Selected { local, remote, local_base, remote_address });
        let found = pair.ends.each_ref().map(|end| end.transport.selected());
        assert_eq!(found[A], selected(kind, CandidateKind::Host, address(A), address(B)));
        assert_eq!(found[B], selected(CandidateKind::Host, kind, address(B), outside));
        // The NAT forgets, and gives another port: the checks carry it over.
        pair.wire.outside = Some("198.51.100.9:62000".parse().unwrap());
        pair.talk(secs(6.0), &mut 0);
        assert_eq!(pair.ends[B].transport.selected().map(|it| it.remote_address), pair.wire.outside);
        assert!(pair.is_connected());
    }
}

/// What is relayed is sent from the relayed address: the caller wraps it up for the TURN server.
#[test]
fn a_relayed_candidate_is_its_own_base() {
    let relayed = "203.0.113.5:50001".parse().unwrap();
    let mut pair = Pair::new(18, full());
    let now = pair.wire.now;
    pair.ends[A].others.push(relayed);
    pair.ends[A].transport.forget_local(address(A));
    pair.ends[A].transport.restart(now);
    let candidate = Candidate::relay(relayed, address(A));
    pair.ends[A].transport.add_local(now, candidate.clone(), relayed);
    let said = [
        described(&pair.ends[A].transport, &[candidate], false),
        described(&pair.ends[B].transport, &[Candidate::host(address(B))], false),
    ];
    pair.ends[A].transport.start(now, &said[B], true);
    pair.ends[B].transport.start(now, &said[A], false);
    pair.run(secs(4.0));
    assert!(pair.is_connected());
    assert!(pair.sent_since(now, A).all(|it| it.1 == relayed));
    let kinds = pair.ends.each_ref().map(|end| end.transport.selected().map(|it| (it.local, it.remote)));
    assert_eq!(kinds[A], Some((CandidateKind::Relay, CandidateKind::Host)));
    assert_eq!(kinds[B], Some((CandidateKind::Host, CandidateKind::Relay)));
}

/// RFC 3711 3.3.2.
#[test]
fn a_packet_is_heard_once_and_a_forged_one_never() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80] {
        let mut pair =
            Pair::connected(19, full().map(|settings| TransportSettings { profiles: vec![profile], ..settings }));
        let now = pair.wire.now;
        let mut protected = |sequence: u16| {
            assert!(pair.ends[A].transport.send_rtp(now, &rtp(sequence)));
            pair.ends[A].transport.poll_transmit().unwrap().payload
        };
        let packets: Vec<Bytes> = (0..400).map(|n| protected(1000 + n)).collect();
        assert!(pair.ends[A].transport.send_rtcp(now, &RTCP));
        let report = pair.ends[A].transport.poll_transmit().unwrap().payload;
        let mut hears = |packet: &[u8]| {
            pair.ends[B].transport.handle_datagram(now, address(B), address(A), packet);
            std::iter::from_fn(|| pair.ends[B].transport.poll_event()).count() == 1
        };
        // A forged packet, even the first of its source, changes nothing for the real ones.
        let mut forged = packets[0].to_vec();
        forged[2..4].copy_from_slice(&40_000u16.to_be_bytes());
        assert!(!hears(&forged));
        assert!(hears(&packets[0]) && !hears(&packets[0]));
        let mut touched = packets[1].to_vec();
        for at in [1, 5, 20, touched.len() - 1] {
            touched[at] ^= 1;
            assert!(!hears(&touched), "{at}");
            touched[at] ^= 1;
        }
        assert!(hears(&packets[1]));
        assert!(!hears(&packets[2][..packets[2].len() - 1]));
        // 127 late is in the window, 128 is not.
        assert!(hears(&packets[300]) && hears(&packets[300 - 127]) && !hears(&packets[300 - 128]));
        assert!(!hears(&packets[300 - 127]));
        assert!(hears(&report) && !hears(&report));
    }
}

/// RFC 3711 3.3.1: sequence numbers go round, forth and, with packets out of order, back.
#[test]
fn sequence_numbers_go_round_under_either_profile() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80] {
        let mut pair =
            Pair::connected(20, full().map(|settings| TransportSettings { profiles: vec![profile], ..settings }));
        let now = pair.wire.now;
        let began = std::time::Instant::now();
        let mut heard = 0;
        for batch in 0..14_000u32 {
            // Ten at a time, the last first.
            let mut packets: Vec<Bytes> = Vec::with_capacity(10);
            for n in 0..10 {
                assert!(pair.ends[A].transport.send_rtp(now, &rtp((batch * 10 + n + 30_000) as u16)));
                packets.extend(pair.ends[A].transport.poll_transmit().map(|it| it.payload));
            }
            for packet in packets.iter().rev() {
                pair.ends[B].transport.handle_datagram(now, address(B), address(A), packet);
                heard += u32::from(matches!(pair.ends[B].transport.poll_event(), Some(TransportEvent::Rtp(_))));
            }
        }
        println!(
            "{}: {:.2} us a packet, sent and received",
            profile.as_str(),
            began.elapsed().as_secs_f64() * 1e6 / 140_000.0
        );
        assert_eq!(heard, 140_000);
    }
}

/// Law 1: the same seed, the same bytes, keys and certificates included.
#[test]
fn the_same_seed_says_the_same_bytes() {
    let bytes = |seed: u64| {
        busyhour::simulate(seed, move |_| async move {
            let mut pair = Pair::lossy(seed, 0.1);
            pair.introduce([false; 2]);
            assert!(pair.run_until(secs(60.0), Pair::is_connected));
            pair.talk(secs(10.0), &mut 0);
            let now = pair.wire.now;
            pair.ends[A].transport.close(now);
            pair.run(secs(1.0));
            let keys = pair.keys(A).remove(0).master_secret;
            (pair.wire.sent, keys)
        })
    };
    let (once, again, other) = (bytes(21), bytes(21), bytes(22));
    assert!(once.0.len() > 1000);
    assert!(once == again);
    assert_ne!(once.1, other.1);
}

/// RFC 7983, RFC 6347 4.1.2.7: anything may come, and what isn't the peer's changes nothing.
#[test]
fn no_bytes_harm_an_end() {
    let mut random = Random::stream(23, "garbage");
    let mut pair = Pair::connected(23, full());
    pair.talk(secs(1.0), &mut 0);
    pair.run(secs(0.1));
    let now = pair.wire.now;
    let real: Vec<Bytes> = pair.wire.sent.iter().map(|it| it.3.clone()).collect();
    let sources = [address(A), "6.6.6.6:66".parse().unwrap()];
    for round in 0..60_000usize {
        let mut datagram = vec![0; random.below(300) as usize];
        random.fill(&mut datagram);
        if round % 3 > 0 {
            datagram = real[random.below(real.len() as u64) as usize].to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(datagram.len() as u64) as usize;
                match random.below(3) {
                    0 => datagram.truncate(at.max(1)),
                    1 => datagram[at] = random.next_u64() as u8,
                    _ => datagram.insert(at, random.next_u64() as u8),
                }
            }
        }
        pair.ends[B].transport.handle_datagram(now, address(B), sources[round % 2], &datagram);
    }
    pair.ends[B].events.clear();
    while pair.ends[B].transport.poll_event().is_some() {}
    while pair.ends[B].transport.poll_transmit().is_some() {}
    assert_eq!(pair.talk(secs(20.0), &mut 1000), [1000, 1000]);
    pair.run(secs(0.1));
    assert_eq!(pair.ends[B].rtp().len(), 1000);
    assert!(pair.is_connected());
    // In the midst of handshakes: those may fail, but nobody falls over.
    for seed in 0..300 {
        let mut pair = Pair::lossy(seed, 0.05);
        pair.introduce([false; 2]);
        for _ in 0..12 {
            pair.run(secs(0.02));
            let now = pair.wire.now;
            let real: Vec<Bytes> = pair.wire.sent.iter().map(|it| it.3.clone()).collect();
            for _ in 0..10 {
                let mut datagram = real[random.below(real.len() as u64) as usize].to_vec();
                let at = random.below(datagram.len() as u64) as usize;
                datagram[at] = random.next_u64() as u8;
                let to = random.below(2) as usize;
                pair.ends[to].transport.handle_datagram(now, address(to), address(1 - to), &datagram);
            }
        }
    }
}

/// Each switch does what its oracle must notice, and nothing does so by itself.
#[test]
fn wrong_behaviour_comes_on_demand() {
    let with = |quirks: TransportQuirks| full().map(|settings| TransportSettings { quirks, ..settings });
    let none = TransportQuirks::default();
    let is_plain = |it: &&(SimTime, SocketAddrV4, SocketAddrV4, Bytes)| it.3.ends_with(&[0x7f; 160]);

    let mut pair = Pair::connected(24, with(TransportQuirks { plain_rtp: true, ..none }));
    pair.talk(secs(1.0), &mut 0);
    assert_eq!(pair.wire.sent.iter().filter(is_plain).count(), 100);
    assert_eq!(pair.ends[B].rtp().len(), 50 - 1);

    let mut pair = Pair::new(24, with(TransportQuirks { sends_before_dtls: true, ..none }));
    pair.introduce([false; 2]);
    pair.talk(secs(2.0), &mut 0);
    let done = pair.when(A, &TransportEvent::Dtls(DtlsState::Connected)).unwrap();
    assert!(pair.wire.sent.iter().filter(is_plain).count() > 2);
    assert!(pair.sent_since(SimTime::ZERO, A).filter(is_plain).all(|it| it.0 <= done));

    let mut pair = Pair::connected(24, with(TransportQuirks { keeps_sending_without_consent: true, ..none }));
    pair.ends[B].vanished = true;
    assert_eq!(pair.talk(secs(60.0), &mut 0)[A], 3000);
    assert!(pair.when(A, &TransportEvent::ConsentLost).is_some());

    for repeats_index in [true, false] {
        let mut pair = Pair::connected(24, with(TransportQuirks { repeats_index, ..none }));
        pair.talk(secs(2.0), &mut 0);
        let mut media: Vec<Bytes> =
            pair.sent_since(SimTime::ZERO, A).filter(|it| is_media(&it.3)).map(|it| it.3.clone()).collect();
        media.sort();
        let twice = media.windows(2).filter(|pair| pair[0][..12] == pair[1][..12] && pair[0] != pair[1]).count();
        assert_eq!(twice, if repeats_index { 100 / 8 } else { 0 });
    }

    for repeats_random in [true, false] {
        let quirks = TransportQuirks { repeats_random, ..none };
        let randoms = [1, 2].map(|seed| Pair::connected(seed, with(quirks)).keys(A).remove(0));
        // The first four bytes are the time of day.
        assert_eq!(randoms[0].client_random[4..] == randoms[1].client_random[4..], repeats_random);
        assert_eq!(randoms[0].server_random[4..] == randoms[1].server_random[4..], repeats_random);
    }
}
