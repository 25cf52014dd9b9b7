//! One end of a call's audio: what goes out and what comes in, without any I/O.

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;

use super::coder::Coder;
use super::dtmf;
use super::jitter::{Buffer, Depth, Playout};
use super::mos;
use super::noise;
use super::rtcp::{self, Report, Rtcp};
use super::rtp::{Arrival, HEADER, Packet, Reception, RtpError};
use super::sdp::{self, Direction};
use super::{Codec, FRAME, Frame};
use crate::trace::SimTime;
use crate::world::Random;

/// How long a frame lasts.
pub const FRAME_TIME: Duration = Duration::from_millis(20);
/// How long a source must be silent before another takes its place, unless a new description says so.
const SILENT_ENOUGH: Duration = Duration::from_millis(60);
/// Silence that comes no more often is what is sent to who is alone; twice in a row it's no accident.
const SELDOM: Duration = Duration::from_millis(700);
const NO_ACCIDENT: u8 = 2;
const NANOS_OF_A_SAMPLE: u64 = 125_000;

/// The other end, as an offer and its answer have it. Directions are always our own side's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Where its packets go.
    pub address: SocketAddrV4,
    /// What it speaks.
    pub codec: Codec,
    /// The payload type of that: the codec's static one, mostly.
    pub payload_type: u8,
    /// The payload type of digits, if it takes any.
    pub telephone_event: Option<u8>,
    /// Which way audio flows.
    pub direction: Direction,
    /// Symmetric RTP (RFC 4961): what is sent goes to where packets come from, as soon as some do.
    pub latch: bool,
    /// Whether the call is answered: while it rings (early media, perhaps), silence isn't counted.
    pub answered: bool,
}

impl Remote {
    /// One in an answered call, both ways, without digits and without latching.
    pub fn new(address: SocketAddrV4, codec: Codec) -> Remote {
        let direction = Direction::SendRecv;
        let payload_type = codec.payload_type();
        Remote { address, codec, payload_type, telephone_event: None, direction, latch: false, answered: true }
    }

    /// It takes digits with this payload type.
    #[must_use]
    pub fn with_events(self, payload_type: u8) -> Remote {
        Remote { telephone_event: Some(payload_type), ..self }
    }

    /// Audio flows this way, from our side's view.
    #[must_use]
    pub fn with_direction(self, direction: Direction) -> Remote {
        Remote { direction, ..self }
    }

    /// What is sent goes to where packets come from.
    #[must_use]
    pub fn latching(self) -> Remote {
        Remote { latch: true, ..self }
    }

    /// The call isn't answered yet.
    #[must_use]
    pub fn early(self) -> Remote {
        Remote { answered: false, ..self }
    }

    /// Which codec audio of a payload type is. Whoever offers two may be sent either.
    pub(super) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        if payload_type == self.payload_type { Some(self.codec) } else { Codec::of_payload_type(payload_type) }
    }

    /// Whether a payload type means digits: theirs, or the one that we offer ourselves.
    pub(super) fn is_event(&self, payload_type: u8) -> bool {
        self.telephone_event.is_some_and(|event| payload_type == event || payload_type == sdp::TELEPHONE_EVENT)
    }
}

/// What a stream has sent and heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamStats {
    /// Packets sent.
    pub sent: u64,
    /// Packets that came, repeated ones not counted.
    pub received: u64,
    /// Packets that didn't.
    pub lost: u64,
    /// Packets that came again.
    pub repeated: u64,
    /// Packets that came when they had been due.
    pub late: u64,
    /// The interarrival jitter (RFC 3550 6.4.1).
    pub jitter: Duration,
    /// How deep the playout buffer is.
    pub depth: Duration,
    /// The share of packets that weren't there when they were due, from 0 to 1.
    pub loss_share: f64,
    /// How many times longer the gaps are than chance makes them.
    pub burst_ratio: f64,
    /// What is heard here scores so much (MOS-LQ).
    pub mos_heard: f64,
    /// What the other end hears, by its reports; none came yet otherwise.
    pub mos_told: Option<f64>,
    /// The round trip, by its reports.
    pub round_trip: Option<Duration>,
    /// How many sources were heard, one after the other.
    pub sources: u32,
}

/// What a datagram was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Audio, or a part of a digit that's known.
    Media,
    /// A digit, at its first packet.
    Digit(char),
    /// It came before, or belongs to nobody who is listened to.
    Ignored,
    /// No RTP.
    Not(RtpError),
}

/// Both directions of a call's audio at one end: law 2's part of a [line](super::AudioLine).
///
/// ```
/// use busyhour::media::{Codec, Heard, Remote, Stream};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let remote = Remote::new("10.0.0.2:4000".parse()?, Codec::Pcmu);
/// let (mut alice, mut bob) = (Stream::new(Random::stream(1, "a"), "alice"), Stream::new(Random::stream(1, "b"), "bob"));
/// alice.connect(SimTime::ZERO, &remote);
/// bob.connect(SimTime::ZERO, &remote);
/// let packet = alice.frame_to_send(SimTime::ZERO, &[1000; 160]).unwrap();
/// assert_eq!(bob.receive(SimTime::ZERO, packet), Heard::Media);
/// assert_eq!(bob.frame_to_play(SimTime(40_000_000)), None, "not yet");
/// assert_eq!(bob.frame_to_play(SimTime(60_000_000)), Some([988; 160]));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    random: Random,
    name: String,
    remote: Option<Remote>,

    ssrc: u32,
    sequence: u16,
    /// The timestamp of the universe's birth.
    clock: u32,
    last_sent: Option<SimTime>,
    sent: u64,
    octets: u64,
    keys: dtmf::Sender,
    coder: Coder,

    source: Option<Reception>,
    /// Another that may take the source's place: who, and its next number.
    candidate: Option<(u32, u16)>,
    last_heard: SimTime,
    /// The number of the last packet of audio, and how many packets of silence came so seldom that nobody listens there.
    last_number: u64,
    seldom: u8,
    expects_since: Option<SimTime>,
    buffer: Buffer,
    noise: Option<noise::Description>,
    /// What was last heard of it.
    hiss: Frame,
    events: dtmf::Receiver,
    digits: String,
    before: Totals,

    next_report: Option<SimTime>,
    reported: bool,
    /// The other's last sender report: the middle of its NTP time, and when it came.
    last_report: Option<(u32, SimTime)>,
    told: Option<(Report, SimTime)>,
    round_trip: Option<Duration>,
}

/// What earlier sources add to the statistics.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    received: u64,
    lost: u64,
    repeated: u64,
    sources: u32,
}

impl Stream {
    /// One that isn't connected yet. `name` is told in its reports (CNAME).
    pub fn new(mut random: Random, name: &str) -> Stream {
        let (ssrc, start) = (random.next_u64(), random.next_u64());
        Stream {
            random,
            name: name.to_owned(),
            remote: None,
            ssrc: ssrc as u32,
            // RFC 3711 3.3.1: in the lower half, so that who misses the first packets of an encrypted stream doesn't miss
            // a rollover too.
            sequence: start as u16 & 0x7FFF,
            clock: (start >> 32) as u32,
            last_sent: None,
            sent: 0,
            octets: 0,
            keys: dtmf::Sender::default(),
            coder: Coder::default(),
            source: None,
            candidate: None,
            last_heard: SimTime::ZERO,
            last_number: 0,
            seldom: 0,
            expects_since: None,
            buffer: Buffer::default(),
            noise: None,
            hiss: Frame::Silence,
            events: dtmf::Receiver::default(),
            digits: String::new(),
            before: Totals::default(),
            next_report: None,
            reported: false,
            last_report: None,
            told: None,
            round_trip: None,
        }
    }

    /// Its playout buffer is so deep.
    #[must_use]
    pub fn with_depth(mut self, depth: Depth) -> Stream {
        self.buffer = Buffer::new(depth);
        self
    }

    /// An offer was answered: from now on it's so.
    pub fn connect(&mut self, now: SimTime, remote: &Remote) {
        let before = self.remote.replace(*remote);
        if before.is_some_and(|before| before.address != remote.address) {
            // Somebody else may be there now, with numbers of his own.
            self.forget_source();
        }
        if !remote.direction.receives() {
            self.buffer.restart();
        }
        let expects = remote.answered && remote.direction.receives();
        self.expects_since = expects.then_some(now);
        if remote.telephone_event.is_none() {
            self.keys.clear();
        }
        if self.next_report.is_none() {
            self.next_report = Some(now + rtcp::interval(true, &mut self.random));
        }
    }

    /// Nothing is sent or played until it's connected again.
    pub fn disconnect(&mut self) {
        self.remote = None;
        self.expects_since = None;
        self.next_report = None;
        self.keys.clear();
        self.forget_source();
    }

    /// Whether that is what it's connected to already.
    pub(super) fn is_connected_to(&self, remote: &Remote) -> bool {
        self.remote.as_ref() == Some(remote)
    }

    /// Whether nothing has come lately but silence, and seldom: nobody listens there. Another packet says otherwise.
    pub(super) fn is_unheard(&self) -> bool {
        self.seldom >= NO_ACCIDENT
    }

    fn forget_source(&mut self) {
        self.seldom = 0;
        if let Some(source) = self.source.take() {
            self.before.received += source.received();
            self.before.lost += source.lost();
            self.before.repeated += source.repeated();
        }
        self.candidate = None;
        self.noise = None;
        self.buffer.restart();
        self.events.clear();
    }

    /// Who it is on the wire.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Presses a key for 100 ms, after those that are pressed already. Nothing, if the other end takes no digits.
    pub fn press(&mut self, digit: char) {
        self.press_for(digit, Duration::from_nanos(u64::from(dtmf::PRESS) * NANOS_OF_A_SAMPLE));
    }

    /// Presses a key for as long as that.
    pub fn press_for(&mut self, digit: char, duration: Duration) {
        if self.remote.is_some_and(|remote| remote.telephone_event.is_some()) {
            self.keys
                .press(digit, u32::try_from(duration.as_nanos() / u128::from(NANOS_OF_A_SAMPLE)).unwrap_or(u32::MAX));
        }
    }

    /// Whether digits wait to be sent, or are being sent: each frame is needed then.
    pub fn is_pressing(&self) -> bool {
        !self.keys.is_idle()
    }

    /// The digits that came so far.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Whether frames are wanted of it now.
    pub fn sends(&self) -> bool {
        self.remote.is_some_and(|remote| remote.direction.sends())
    }

    /// When it last sent a packet.
    pub fn last_sent(&self) -> Option<SimTime> {
        self.last_sent
    }

    /// The packet for the frame that ends now; none if nothing is to be sent.
    pub fn frame_to_send(&mut self, now: SimTime, samples: &[i16; FRAME]) -> Option<Bytes> {
        let frame = now.0 / FRAME_TIME.as_nanos() as u64;
        self.packet_to_send(now, |coder, codec, out| coder.encode(frame, codec, samples, out))
    }

    /// The same for a frame that was heard elsewhere.
    pub(super) fn frame_to_hand_on(&mut self, now: SimTime, frame: &Frame) -> Option<Bytes> {
        self.packet_to_send(now, |_, codec, out| frame.encode(codec, out))
    }

    fn packet_to_send(&mut self, now: SimTime, encode: impl FnOnce(&mut Coder, Codec, &mut Vec<u8>)) -> Option<Bytes> {
        let remote = self.remote.as_ref().filter(|remote| remote.direction.sends())?;
        let timestamp = self.clock.wrapping_add((now.0 / NANOS_OF_A_SAMPLE) as u32);
        let event = remote.telephone_event.and_then(|event| Some((event, self.keys.frame(timestamp)?)));
        let mut datagram = Vec::with_capacity(HEADER + FRAME);
        match event {
            Some((payload_type, packet)) => {
                datagram.extend_from_slice(&self.header(payload_type, packet.timestamp, packet.marker));
                datagram.extend_from_slice(&packet.payload.write());
            }
            None => {
                // A talkspurt begins where frames were left out (RFC 3551 4.1).
                let spurt = self.last_sent.is_none_or(|last| now.since(last) > FRAME_TIME + FRAME_TIME / 2);
                datagram.extend_from_slice(&self.header(remote.payload_type, timestamp, spurt));
                encode(&mut self.coder, remote.codec, &mut datagram);
            }
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.last_sent = Some(now);
        self.sent += 1;
        self.octets += (datagram.len() - HEADER) as u64;
        Some(datagram.into())
    }

    /// The header of the next packet.
    fn header(&self, payload_type: u8, timestamp: u32, marker: bool) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = timestamp.to_be_bytes();
        let [w0, w1, w2, w3] = self.ssrc.to_be_bytes();
        [2 << 6, u8::from(marker) << 7 | payload_type, s0, s1, t0, t1, t2, t3, w0, w1, w2, w3]
    }

    /// Takes a datagram in.
    pub fn receive(&mut self, now: SimTime, datagram: Bytes) -> Heard {
        let packet = match Packet::read(datagram) {
            Ok(packet) => packet,
            Err(error) => return Heard::Not(error),
        };
        let Some(remote) = self.remote else { return Heard::Ignored };
        let is_event = remote.is_event(packet.payload_type);
        let is_noise = sdp::is_noise(packet.payload_type);
        let codec = remote.codec_of(packet.payload_type);
        if !is_event && !is_noise && codec.is_none() {
            return Heard::Ignored;
        }
        let Some(number) = self.number_of(now, &packet) else { return Heard::Ignored };
        let pause = now.since(std::mem::replace(&mut self.last_heard, now));
        let before = std::mem::replace(&mut self.last_number, number);
        let silence = codec.filter(|_| !is_event).map(Codec::silence);
        // What is lost makes a pause too.
        let is_seldom = pause >= SELDOM
            && number == before + 1
            && silence.is_some_and(|silence| packet.payload.iter().all(|&byte| byte == silence));
        self.seldom = if is_seldom { self.seldom.saturating_add(1) } else { 0 };
        if is_event {
            self.buffer.pass(number);
            return match self.events.receive(packet.timestamp, &packet.payload) {
                Some(digit) => {
                    self.digits.push(digit);
                    Heard::Digit(digit)
                }
                None => Heard::Media,
            };
        }
        let source = self.source.as_mut().expect("a packet that has a number has a source");
        source.time(now.0 / NANOS_OF_A_SAMPLE, packet.timestamp);
        if is_noise {
            self.noise = noise::Description::read(&packet.payload);
            self.buffer.pass(number);
        } else if let Some(codec) = codec {
            self.noise = None;
            if remote.direction.receives() {
                self.buffer.insert(now, number, packet.timestamp, codec, packet.payload);
            }
        }
        Heard::Media
    }

    /// The number of a packet, counted on across wraps; none if it came before or isn't the source's.
    fn number_of(&mut self, now: SimTime, packet: &Packet) -> Option<u64> {
        let Some(source) = self.source.as_mut() else {
            return Some(self.begin(packet));
        };
        let restarted = if source.ssrc == packet.ssrc {
            match source.count(packet.sequence) {
                Arrival::New(number) | Arrival::Reordered(number) => {
                    self.candidate = None;
                    return Some(number);
                }
                Arrival::Repeated => return None,
                Arrival::Restarted => true,
            }
        } else {
            false
        };
        // Two in a row are somebody (RFC 3550 A.1), and he's listened to when the one before is silent.
        let two_in_a_row = self.candidate == Some((packet.ssrc, packet.sequence));
        self.candidate = Some((packet.ssrc, packet.sequence.wrapping_add(1)));
        if two_in_a_row && (restarted || now.since(self.last_heard) >= SILENT_ENOUGH) {
            self.forget_source();
            return Some(self.begin(packet));
        }
        None
    }

    fn begin(&mut self, packet: &Packet) -> u64 {
        self.before.sources += 1;
        self.source = Some(Reception::new(packet.ssrc, packet.sequence));
        0x1_0000 + u64::from(packet.sequence)
    }

    /// The frame that is heard from now on; none if nothing is to be played: nothing was sent for it, or nothing came.
    pub fn frame_to_play(&mut self, now: SimTime) -> Option<[i16; FRAME]> {
        self.frame_heard(now).map(Frame::samples)
    }

    /// The same, as it came.
    pub(super) fn frame_heard(&mut self, now: SimTime) -> Option<&Frame> {
        self.remote.as_ref().filter(|remote| remote.direction.receives())?;
        let frame = self.buffer.frame(now);
        frame.or_else(|| {
            self.hiss = Frame::Samples(self.noise.as_ref()?.frame(&mut self.random));
            Some(&self.hiss)
        })
    }

    /// When [`frame_to_play`](Stream::frame_to_play) may find something, at the earliest; none if nothing waits.
    pub fn next_to_play(&self) -> Option<SimTime> {
        if self.noise.is_some() { Some(SimTime::ZERO) } else { self.buffer.next_due() }
    }

    /// For how long nothing has come though something should; none while nothing is expected: on hold, while it rings,
    /// and while it isn't connected.
    pub fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.expects_since.map(|since| now.since(since.max(self.last_heard)))
    }

    /// Counts quality anew: what is heard is scored from now on.
    pub fn score_anew(&mut self) {
        self.buffer.playout = Playout::default();
    }

    /// What was sent and heard.
    pub fn stats(&self) -> StreamStats {
        let playout = &self.buffer.playout;
        let (share, bursts) = (playout.missing_share(), playout.burst_ratio());
        let score = |share, bursts| mos::score(mos::rating(share, bursts, mos::BPL_CONCEALED));
        let source = self.source.as_ref();
        let samples = source.map_or(0.0, Reception::jitter);
        StreamStats {
            sent: self.sent,
            received: self.before.received + source.map_or(0, Reception::received),
            lost: self.before.lost + source.map_or(0, Reception::lost),
            repeated: self.before.repeated + source.map_or(0, Reception::repeated),
            late: playout.late,
            jitter: Duration::from_nanos((samples * NANOS_OF_A_SAMPLE as f64) as u64),
            depth: self.buffer.depth(),
            loss_share: share,
            burst_ratio: bursts,
            mos_heard: score(share, bursts),
            mos_told: self.told.map(|(report, _)| {
                let lost = f64::from(report.lost.max(0));
                score(lost / (self.sent.max(1) as f64), 1.0)
            }),
            round_trip: self.round_trip,
            sources: self.before.sources,
        }
    }

    /// When the next report is due.
    pub fn report_due(&self) -> Option<SimTime> {
        self.next_report
    }

    /// The report, if one is due by now.
    pub fn report_to_send(&mut self, now: SimTime) -> Option<Bytes> {
        if now < self.next_report? {
            return None;
        }
        self.next_report = Some(now + rtcp::interval(false, &mut self.random));
        let report = self.report(now);
        Some(rtcp::write(&[report, Rtcp::Names(vec![(self.ssrc, self.name.clone())])]))
    }

    /// The farewell; none if nothing was ever sent (RFC 3550 6.3.7).
    pub fn goodbye(&mut self, now: SimTime) -> Option<Bytes> {
        if self.sent == 0 && !self.reported {
            return None;
        }
        let report = self.report(now);
        let name = Rtcp::Names(vec![(self.ssrc, self.name.clone())]);
        Some(rtcp::write(&[report, name, Rtcp::Bye { ssrcs: vec![self.ssrc], reason: None }]))
    }

    fn report(&mut self, now: SimTime) -> Rtcp {
        let reports: Vec<Report> =
            self.source.as_mut().map(|source| reception_report(source, self.last_report, now)).into_iter().collect();
        // Who has sent since the report before the last is a sender (6.4); a whole interval is close enough for two.
        let sends = self.last_sent.is_some_and(|last| now.since(last) < 2 * rtcp::MINIMUM);
        self.reported = true;
        if sends {
            Rtcp::Sender {
                ssrc: self.ssrc,
                ntp: rtcp::ntp(now),
                timestamp: self.clock.wrapping_add((now.0 / NANOS_OF_A_SAMPLE) as u32),
                packets: self.sent as u32,
                octets: self.octets as u32,
                reports,
            }
        } else {
            Rtcp::Receiver { ssrc: self.ssrc, reports }
        }
    }

    /// Takes a report in; true if the source says farewell.
    pub fn receive_report(&mut self, now: SimTime, datagram: &Bytes) -> bool {
        let Ok(compound) = rtcp::read(datagram) else { return false };
        let mut farewell = false;
        for packet in compound {
            match packet {
                Rtcp::Sender { ssrc, ntp, reports, .. } => {
                    if self.source.as_ref().is_none_or(|source| source.ssrc == ssrc) {
                        self.last_report = Some((rtcp::middle(ntp), now));
                    }
                    self.take_reports(now, &reports);
                }
                Rtcp::Receiver { reports, .. } => self.take_reports(now, &reports),
                Rtcp::Bye { ssrcs, .. } => {
                    farewell |= self.source.as_ref().is_some_and(|source| ssrcs.contains(&source.ssrc));
                }
                Rtcp::Names(_) | Rtcp::Other(..) => {}
            }
        }
        farewell
    }

    fn take_reports(&mut self, now: SimTime, reports: &[Report]) {
        for report in reports.iter().filter(|report| report.ssrc == self.ssrc) {
            self.told = Some((*report, now));
            self.round_trip = report.round_trip(now).or(self.round_trip);
        }
    }
}

fn reception_report(source: &mut Reception, last: Option<(u32, SimTime)>, now: SimTime) -> Report {
    let since = last.map_or(0, |(_, came)| (now.since(came).as_nanos() * 65_536 / 1_000_000_000) as u32);
    Report {
        ssrc: source.ssrc,
        fraction_lost: source.fraction_lost(),
        lost: i32::try_from(source.lost()).unwrap_or(i32::MAX),
        highest: source.highest(),
        jitter: source.jitter() as u32,
        last_report: last.map_or(0, |(middle, _)| middle),
        since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: [i16; FRAME] = [1_000; FRAME];

    fn ms(at: u64) -> SimTime {
        SimTime(at * 1_000_000)
    }

    fn remote() -> Remote {
        Remote::new("10.0.0.2:4000".parse().unwrap(), Codec::Pcmu).with_events(101)
    }

    fn stream(name: &str) -> Stream {
        let mut stream = Stream::new(Random::stream(4, name), name);
        stream.connect(ms(0), &remote());
        stream
    }

    /// Frames from one to the other, `kept` tells which arrive; how many were played.
    fn talk(from: &mut Stream, to: &mut Stream, begin: u64, frames: u64, kept: impl Fn(u64) -> bool) -> u32 {
        let mut played = 0;
        for n in begin..begin + frames {
            let packet = from.frame_to_send(ms(n * 20), &LOUD).unwrap();
            if kept(n) {
                to.receive(ms(n * 20 + 5), packet);
            }
            played += u32::from(to.frame_to_play(ms(n * 20 + 5)).is_some());
        }
        played
    }

    #[test]
    fn frames_are_numbered_and_timed_and_a_spurt_is_marked() {
        let mut alice = stream("alice");
        let packets: Vec<Packet> =
            [0, 20, 40, 240].map(|at| Packet::read(alice.frame_to_send(ms(at), &LOUD).unwrap()).unwrap()).into();
        let steps: Vec<(u16, u32, bool)> = packets
            .iter()
            .map(|packet| {
                let (sequence, timestamp) = (packets[0].sequence, packets[0].timestamp);
                (packet.sequence.wrapping_sub(sequence), packet.timestamp.wrapping_sub(timestamp), packet.marker)
            })
            .collect();
        assert_eq!(steps, [(0, 0, true), (1, 160, false), (2, 320, false), (3, 320 + 1_600, true)]);
    }

    #[test]
    fn loss_lowers_the_score_by_the_e_model() {
        let (mut alice, mut bob) = (stream("alice"), stream("bob"));
        talk(&mut alice, &mut bob, 0, 2_000, |n| n % 20 != 19);
        let stats = bob.stats();
        assert!((stats.loss_share - 0.05).abs() < 0.001 && stats.lost == 99, "{stats:?}");
        assert!((stats.mos_heard - 3.92).abs() < 0.02, "{stats:?}");
        assert_eq!(stats.jitter, Duration::ZERO);
        bob.score_anew();
        talk(&mut alice, &mut bob, 2_000, 200, |_| true);
        assert!(bob.stats().mos_heard > 4.3);
    }

    #[test]
    fn digits_go_in_the_place_of_audio_and_are_no_loss() {
        let (mut alice, mut bob) = (stream("alice"), stream("bob"));
        "12#".chars().for_each(|digit| alice.press(digit));
        talk(&mut alice, &mut bob, 0, 60, |n| n % 5 != 0);
        assert_eq!((bob.digits(), alice.is_pressing()), ("12#", false));
        let mut bob = stream("bob");
        alice.press('7');
        talk(&mut alice, &mut bob, 60, 60, |_| true);
        assert_eq!((bob.digits(), bob.stats().loss_share), ("7", 0.0));
        // Who takes none is sent none.
        alice.connect(ms(5_000), &Remote { telephone_event: None, ..remote() });
        alice.press('8');
        assert!(!alice.is_pressing());
    }

    /// asterisk#710, siphon-ai#402: neither ringing nor hold is silence.
    #[test]
    fn silence_counts_only_where_something_is_expected() {
        let mut bob = Stream::new(Random::stream(1, "bob"), "bob");
        assert_eq!(bob.silent_for(ms(9_000)), None);
        bob.connect(ms(0), &remote().early());
        assert_eq!(bob.silent_for(ms(9_000)), None, "it rings");
        bob.connect(ms(10_000), &remote());
        assert_eq!(bob.silent_for(ms(12_000)), Some(Duration::from_secs(2)), "since it was answered");
        let packet = stream("alice").frame_to_send(ms(13_000), &LOUD).unwrap();
        bob.receive(ms(13_000), packet);
        assert_eq!(bob.silent_for(ms(14_000)), Some(Duration::from_secs(1)));
        for direction in [Direction::SendOnly, Direction::Inactive] {
            bob.connect(ms(15_000), &remote().with_direction(direction));
            assert_eq!(bob.silent_for(ms(99_000)), None, "{direction:?}");
        }
        bob.connect(ms(100_000), &remote().with_direction(Direction::RecvOnly));
        assert_eq!(bob.silent_for(ms(100_500)), Some(Duration::from_millis(500)), "music should come");
    }

    #[test]
    fn another_source_is_heard_once_the_first_is_silent() {
        let (mut alice, mut carol, mut bob) = (stream("alice"), stream("carol"), stream("bob"));
        talk(&mut alice, &mut bob, 0, 50, |_| true);
        // Both at once: who was there first is heard.
        for n in 50..60 {
            let (one, other) =
                (alice.frame_to_send(ms(n * 20), &LOUD).unwrap(), carol.frame_to_send(ms(n * 20), &LOUD).unwrap());
            assert_eq!(bob.receive(ms(n * 20), one), Heard::Media);
            assert_eq!(bob.receive(ms(n * 20), other), Heard::Ignored);
        }
        let played = talk(&mut carol, &mut bob, 60, 50, |_| true);
        assert!(played >= 43, "{played}");
        let stats = bob.stats();
        assert_eq!((stats.sources, stats.lost), (2, 0), "nobody counts the change as loss");
        assert_eq!(stats.received, 60 + 48, "two went by until she was believed");
    }

    #[test]
    fn a_new_description_lets_another_source_in_at_once() {
        let (mut alice, mut carol, mut bob) = (stream("alice"), stream("carol"), stream("bob"));
        talk(&mut alice, &mut bob, 0, 50, |_| true);
        bob.connect(ms(1_000), &Remote { address: "10.0.0.3:5000".parse().unwrap(), ..remote() });
        talk(&mut carol, &mut bob, 50, 1, |_| true);
        assert_eq!(bob.stats().received, 51);
    }

    #[test]
    fn comfort_noise_fills_the_silence_that_it_describes() {
        let (mut alice, mut bob) = (stream("alice"), stream("bob"));
        talk(&mut alice, &mut bob, 0, 5, |_| true);
        let last = Packet::read(alice.frame_to_send(ms(100), &LOUD).unwrap()).unwrap();
        let noise = Packet { payload_type: 13, payload: noise::Description::white(40).write(), ..last };
        bob.receive(ms(100), noise.write());
        let frames: Vec<_> = (6..20).filter_map(|n| bob.frame_to_play(ms(n * 20))).collect();
        assert_eq!(frames.len(), 14);
        assert!(frames[13].iter().any(|&sample| sample != 0) && frames[13].iter().all(|&sample| sample.abs() < 600));
        assert_eq!(bob.stats().loss_share, 0.0);
    }

    /// RFC 3550 6.4.1: loss, jitter and the round trip come back with the reports.
    #[test]
    fn each_learns_from_reports_what_the_other_hears() {
        let (mut alice, mut bob) = (stream("alice"), stream("bob"));
        for n in 0..1_000 {
            let now = ms(n * 20);
            let packet = alice.frame_to_send(now, &LOUD).unwrap();
            if n % 10 != 5 {
                bob.receive(now + Duration::from_millis(30), packet);
            }
            if let Some(report) = alice.report_to_send(now) {
                bob.receive_report(now + Duration::from_millis(30), &report);
            }
            if let Some(report) = bob.report_to_send(now) {
                assert!(matches!(rtcp::read(&report).unwrap()[0], Rtcp::Receiver { .. }), "bob says nothing");
                alice.receive_report(now + Duration::from_millis(30), &report);
            }
        }
        let stats = alice.stats();
        assert!(stats.round_trip.unwrap().abs_diff(Duration::from_millis(60)) < Duration::from_millis(1), "{stats:?}");
        assert!((3.2..3.6).contains(&stats.mos_told.unwrap()), "{stats:?}");
        let bye = alice.goodbye(ms(20_000)).unwrap();
        assert!(bob.receive_report(ms(20_000), &bye));
        assert_eq!(Stream::new(Random::stream(1, "x"), "x").goodbye(ms(1)), None);
    }
}
