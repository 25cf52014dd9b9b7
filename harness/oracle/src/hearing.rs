//! What the witnesses hear: each packet is read once, for all of them.
//!
//! A datagram that carries a SIP message, and each SIP message that a TCP stream or a WebSocket has brought whole,
//! becomes a [`Heard`]; an RTP packet becomes a [`Frame`]. A message is heard twice: when its last byte leaves its
//! sender, and when it has reached its receiver. What the network copied is heard where it arrives.
//!
//! Of HTTP, a request is heard when it has reached its server, and the answer when it has left that: see
//! [`crate::web`]. Of SIP between a floor and its customers also what becomes of each call: a [`Leg`].
//!
//! Of WebRTC: ICE checks become a [`Check`], DTLS records a [`Record`], and each SRTP or SRTCP packet that a host sends
//! becomes a [`Secured`], once: with the key of those that were claimed which opens it, or with none. What a key opens
//! is a [`Frame`] too, wherever it's seen. What a TURN client sends and gets by its relay is heard as what it wraps;
//! what the relay passes on to a peer is a packet like any other.

use std::net::SocketAddrV4;

use busyhour_trace::{Event, HostId, Log, MediaKeys, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::floor::{Leg, LegChange};
use crate::keyring::{Keyring, Opened};
use crate::read::dtls::{self, Content, Handshake};
use crate::read::rtp::{self, Rtp};
use crate::read::sdp::{Audio, Secure};
use crate::read::sip::{self, Message, Method, Name};
use crate::read::stream::{End, Flow, Streams};
use crate::read::stun::{self, ChannelData, Class};
use crate::read::websocket::{self, Item};
use crate::read::{ipv4, srtp, tcp, udp};
use crate::relays::{Grant, Relays, Seat};
use crate::surroundings::{IceSession, Surroundings};
use crate::web::{self, Knock, Said, Screen, Web};

/// Whether a host said it or was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// It has left the host.
    Sent,
    /// It has reached the host.
    Arrived,
}

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// A datagram of its own.
    Udp,
    /// A TCP stream.
    Tcp,
    /// A WebSocket (RFC 7118).
    WebSocket,
}

impl Carrier {
    /// True if it's reliable as TCP is, and ends as a connection does.
    pub fn is_stream(self) -> bool {
        self != Carrier::Udp
    }
}

/// A side of a dialog: the same dialog has another key at its other end. Tags and Call-ID are digests; no tag is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dialog {
    /// Whose side it is.
    pub host: HostId,
    /// The Call-ID.
    pub call: u64,
    /// The host's own tag.
    pub local: u64,
    /// The other's tag.
    pub remote: u64,
}

/// A SIP message that left a host or reached one.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// When.
    pub at: SimTime,
    /// The packet that brought its last byte.
    pub packet: PacketId,
    /// Sent or arrived.
    pub way: Way,
    /// Who sent it, or whom it reached.
    pub host: HostId,
    /// The host at the other end of the wire, where that is known.
    pub peer: Option<HostId>,
    /// The host's own address, as it knows it.
    pub here: SocketAddrV4,
    /// The other's address, as the host sees it.
    pub there: SocketAddrV4,
    /// What carried it.
    pub over: Carrier,
    /// The message. It has Call-ID, CSeq, From, To and a Via with a branch.
    pub message: &'a Message<'a>,
    /// Its method; a response's is that of the request.
    pub method: Method<'a>,
    /// A response's status; 0 of a request.
    pub status: u16,
    /// A digest of the Call-ID.
    pub call: u64,
    /// A digest of From's tag; 0 without one.
    pub from_tag: u64,
    /// A digest of To's tag; 0 without one.
    pub to_tag: u64,
    /// The number of CSeq.
    pub cseq: u32,
    /// A digest of the topmost Via's branch.
    pub branch: u64,
    /// The topmost Via's branch.
    pub branch_text: &'a str,
    /// What it says of audio.
    pub audio: Option<Audio<'a>>,
    /// What it says of ICE and DTLS.
    pub secure: Option<Secure<'a>>,
    /// True if it has more than one Via.
    pub has_passed_others: bool,
    /// True if the host is a proxy in this call: it sends on what others have said.
    pub is_forwarding: bool,
    /// How often the host has crashed so far.
    pub life: u32,
}

/// A digest of some text; never 0.
pub fn digest(text: &str) -> u64 {
    xxh3_64(text.as_bytes()) | 1
}

/// A digest of texts, in their order.
pub fn digest_all<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    texts.fold(0, |digest, text| xxh3_64_with_seed(text.as_bytes(), digest.wrapping_add(1)))
}

impl Heard<'_> {
    /// The method's name, or "request" of one that's none of the known ones.
    pub fn verb(&self) -> &'static str {
        verb(self.method)
    }

    /// True if the host said it.
    pub fn is_sent(&self) -> bool {
        self.way == Way::Sent
    }

    /// True if it has reached the host.
    pub fn has_arrived(&self) -> bool {
        self.way == Way::Arrived
    }

    /// True of a request.
    pub fn is_request(&self) -> bool {
        self.status == 0
    }

    /// True of a request of that method.
    pub fn is(&self, method: Method<'_>) -> bool {
        self.status == 0 && self.method == method
    }

    /// True of a 2xx response to that method.
    pub fn accepts(&self, method: Method<'_>) -> bool {
        (200..300).contains(&self.status) && self.method == method
    }

    /// True of a final response.
    pub fn is_final(&self) -> bool {
        self.status >= 200
    }

    /// The dialog that it belongs to, from the host's side.
    pub fn dialog(&self) -> Dialog {
        // Who sends a request and who gets the response is the one in From.
        let is_from = self.is_sent() == self.is_request();
        let (local, remote) = if is_from { (self.from_tag, self.to_tag) } else { (self.to_tag, self.from_tag) };
        Dialog { host: self.host, call: self.call, local, remote }
    }

    /// The host's transaction that it belongs to: by branch and method (section 17.1.3, 17.2.3); an ACK is its
    /// INVITE's.
    pub fn transaction(&self) -> (HostId, u64, u64) {
        let method = if self.method == Method::Ack { Method::Invite } else { self.method };
        (self.host, self.branch, number(method))
    }

    /// A digest of the user in To, say, or of an identity; 0 if there's none.
    pub fn user(&self, name: Name) -> u64 {
        let user = match name {
            Name::From => self.message.from().map(|from| from.user()),
            Name::To => self.message.to().map(|to| to.user()),
            _ => self.message.values(name).find_map(sip::Address::read).map(|address| address.user()),
        };
        user.filter(|user| !user.is_empty()).map_or(0, digest)
    }
}

fn verb(method: Method<'_>) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Ack => "ACK",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Register => "REGISTER",
        Method::Options => "OPTIONS",
        Method::Prack => "PRACK",
        Method::Update => "UPDATE",
        Method::Refer => "REFER",
        Method::Notify => "NOTIFY",
        Method::Subscribe => "SUBSCRIBE",
        Method::Info => "INFO",
        Method::Message => "MESSAGE",
        Method::Publish => "PUBLISH",
        Method::Other(_) => "request",
    }
}

fn number(method: Method<'_>) -> u64 {
    match method {
        Method::Invite => 0,
        Method::Ack => 1,
        Method::Bye => 2,
        Method::Cancel => 3,
        Method::Register => 4,
        Method::Options => 5,
        Method::Prack => 6,
        Method::Update => 7,
        Method::Refer => 8,
        Method::Notify => 9,
        Method::Subscribe => 10,
        Method::Info => 11,
        Method::Message => 12,
        Method::Publish => 13,
        Method::Other(name) => digest(name),
    }
}

/// An RTP packet that was sent, has arrived or was lost.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When.
    pub at: SimTime,
    /// The packet.
    pub packet: PacketId,
    /// Sent, arrived or lost.
    pub stage: Stage,
    /// Who sent it.
    pub from: Option<HostId>,
    /// Whom it reached or would have.
    pub to: Option<HostId>,
    /// The sender's address.
    pub source: SocketAddrV4,
    /// The receiver's address.
    pub destination: SocketAddrV4,
    /// It came as SRTP, and a recorded key opened it.
    pub is_secured: bool,
    /// What it is. Of SRTP the payload is there where it's sent, and is empty where it arrives.
    pub rtp: Rtp<'a>,
}

/// Where something was seen: at which end of which way.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// When.
    pub at: SimTime,
    /// The packet.
    pub packet: PacketId,
    /// Sent or arrived.
    pub way: Way,
    /// Who sent it, or whom it reached.
    pub host: HostId,
    /// The host at the other end of the wire, where that is known: the relay's, of what goes by one.
    pub peer: Option<HostId>,
    /// The host's own address, as it knows it.
    pub here: SocketAddrV4,
    /// The other's address, as the host sees it: the peer's, of what goes by a relay.
    pub there: SocketAddrV4,
    /// The relay's address, of what a TURN client sends or gets by one.
    pub relay: Option<SocketAddrV4>,
    /// What carries it: over TCP only a TURN client and its relay talk of media.
    pub over: Carrier,
}

impl Place {
    /// The pair of addresses, from the host's side, and by which relay.
    pub fn pair(&self) -> Pair {
        (self.host, self.here, self.there, self.relay.map(|relay| (relay, self.over)))
    }

    /// The end of an association with a relay, if it's one.
    pub fn seat(&self) -> Seat {
        Seat { host: self.host, here: self.here, there: self.there, over: self.over }
    }

    /// True if the host sent it.
    pub fn is_sent(&self) -> bool {
        self.way == Way::Sent
    }
}

/// A pair of addresses, from a host's side: its own, the other's, and the relay between them with what carries things
/// there.
pub type Pair = (HostId, SocketAddrV4, SocketAddrV4, Option<(SocketAddrV4, Carrier)>);

/// A STUN message of ICE: a check, or the answer to one.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Where it was seen.
    pub place: Place,
    /// The message.
    pub stun: &'a stun::Message<'a>,
}

/// A DTLS record, and the handshake messages that it made whole.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it was seen.
    pub place: Place,
    /// The record.
    pub record: dtls::Record<'a>,
    /// The messages.
    pub messages: &'a [Handshake],
}

/// Media or its control as a host sent it, where ICE or DTLS had been before: it should be SRTP.
#[derive(Debug, Clone, Copy)]
pub struct Secured<'a> {
    /// Where it was seen; always sent.
    pub place: Place,
    /// The packet as it was sent.
    pub bytes: &'a [u8],
    /// It's control: RTCP.
    pub is_control: bool,
    /// The key that opened it, if one did.
    pub opened: Option<Opened>,
}

/// Something happened to a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketChange {
    /// The server agreed to it; seen of its response.
    Opened,
    /// A Close frame with that code.
    Close(Option<u16>),
    /// A FIN, behind all that was said before it.
    Finished,
    /// An RST.
    Reset,
}

/// What a relay does for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relaying {
    /// It was granted something; seen of the relay's response.
    Granted(Grant),
    /// Something of a peer's is passed on to the client, or was meant for the client and has come there.
    ToClient {
        /// The peer.
        peer: SocketAddrV4,
    },
    /// Something of the client's goes to a peer: from the address that the relay lends, which is `here`.
    ToPeer,
}

/// What one packet brought.
#[derive(Debug)]
pub enum Sound<'a> {
    /// A SIP message.
    Message(Heard<'a>),
    /// Media.
    Media(&'a Frame<'a>),
    /// ICE.
    Check(Check<'a>),
    /// DTLS.
    Record(Record<'a>),
    /// What should be SRTP.
    Secured(Secured<'a>),
    /// A WebSocket opens or ends.
    Socket(Place, SocketChange),
    /// A relay does something.
    Relay(Place, Relaying),
    /// A request has reached its server.
    Asked(Web<'a>),
    /// An answer has left its server.
    Answered(Web<'a>),
    /// An agent's screen was told something.
    Screen(Screen<'a>),
    /// A host wants a connection.
    Knock(Knock),
    /// Something became of a customer's call with a floor.
    Leg(&'a Leg, LegChange, SimTime),
    /// What a host sent that isn't RTP, message or not: the payload of a datagram, or of one segment of a connection.
    Payload(Payload<'a>),
}

/// See [`Sound::Payload`].
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// When.
    pub at: SimTime,
    /// The packet.
    pub packet: PacketId,
    /// Who sent it.
    pub from: HostId,
    /// The bytes.
    pub bytes: &'a [u8],
    /// The connection, of a segment.
    pub connection: Option<Flow>,
}

/// The ports of names, SIP, and STUN with TURN. Media has no end there, however much a message may look like it: the
/// first two bytes of an answer of DNS, or of a connection's channel, are any.
fn is_service(port: u16) -> bool {
    matches!(port, 53 | 5_060 | 3_478)
}

/// True if media may go between these two.
fn may_be_media(source: SocketAddrV4, destination: SocketAddrV4) -> bool {
    !is_service(source.port()) && !is_service(destination.port())
}

/// Reads each packet once.
#[derive(Debug, Default)]
pub struct Hearing {
    /// What is known of the hosts and of the network.
    pub surroundings: Surroundings,
    sent: Side,
    arrived: Side,
    keyring: Keyring,
    relays: Relays,
    /// Where ICE or DTLS was seen: a host and its own address.
    secured: FxHashSet<(HostId, SocketAddrV4)>,
    /// What was sent there that no key opens, and may still arrive.
    unopened: FxHashSet<PacketId>,
    /// Handshake messages in the making, by the end and the way that they're seen at.
    handshakes: FxHashMap<(HostId, Way, SocketAddrV4, SocketAddrV4), dtls::Assembly>,
    opened: Vec<u8>,
    web: web::Listener,
}

/// What is sent, or what arrives.
#[derive(Debug, Default)]
struct Side {
    reassembly: ipv4::Reassembly,
    streams: Streams,
    /// What a connection's direction carries, once that is known.
    speech: FxHashMap<Flow, Speech>,
}

/// What a stream carries.
#[derive(Debug)]
enum Speech {
    /// SIP.
    Sip,
    /// The half of a WebSocket's handshake, not whole yet.
    Upgrade,
    /// A WebSocket, and whether its end was told.
    WebSocket(websocket::Reader, bool),
    /// STUN and channel data of TURN.
    Turn,
    /// Something else.
    Other,
}

/// The first bytes of a stream tell what it carries; none as long as they're too few.
fn speech_of(begin: &[u8]) -> Option<Speech> {
    if stun::begins_like_stun(begin) {
        return Some(Speech::Turn);
    }
    if begin.is_empty() || (begin.len() < 4_096 && begin[0] >= 4 && !begin.contains(&b'\n')) {
        return None;
    }
    if begin.len() < 8 && begin[0] < 4 {
        return None;
    }
    Some(if sip::begins_like_sip(begin) {
        Speech::Sip
    } else if websocket::begins_like_handshake(begin) {
        Speech::Upgrade
    } else {
        Speech::Other
    })
}

impl Side {
    /// Takes a segment; true if its stream may hold something to hear.
    fn segment(&mut self, at: SimTime, packet: PacketId, flow: Flow, segment: &tcp::Segment<'_>) -> bool {
        if segment.flags.syn() {
            self.speech.remove(&flow);
        }
        if matches!(self.speech.get(&flow), Some(Speech::Other)) {
            return false;
        }
        self.streams.segment(at, packet, flow, segment);
        let Some(stream) = self.streams.get_mut(flow) else { return false };
        if self.speech.contains_key(&flow) {
            return !stream.bytes().is_empty() || stream.end().is_some();
        }
        let blank = stream.bytes().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let Some(speech) = speech_of(&stream.bytes()[blank..]) else { return false };
        let carries = !matches!(speech, Speech::Other);
        self.speech.insert(flow, speech);
        if !carries {
            let all = stream.bytes().len();
            stream.consume(all);
        }
        carries
    }
}

impl Hearing {
    /// Takes an entry of the log: of the world what happened, and of anybody the keys that are claimed.
    pub fn event(&mut self, event: &Event, log: &Log) {
        self.surroundings.event(event, log);
        if let Some(keys) = MediaKeys::claimed(event, log) {
            self.keyring.learn(event.host, &keys);
        }
    }

    /// Reads a packet and tells what it brought.
    pub fn packet(&mut self, seen: &PacketSeen<'_>, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        let way = match seen.stage {
            Stage::Sent => Way::Sent,
            Stage::Arrived => Way::Arrived,
            Stage::Lost(_) => return self.lost(seen, tell),
            Stage::Copied { of } => {
                if !self.unopened.is_empty() && self.unopened.contains(&of) {
                    self.unopened.insert(seen.id);
                }
                return;
            }
        };
        let Ok(packet) = ipv4::Packet::read(seen.bytes) else { return };
        if !packet.is_fragment() {
            let (source, destination) = (packet.source, packet.destination);
            let payload = std::borrow::Cow::Borrowed(packet.payload);
            let whole = ipv4::Datagram { source, destination, protocol: packet.protocol, payload };
            return self.datagram(seen, way, &whole, tell);
        }
        let side = if way == Way::Sent { &mut self.sent } else { &mut self.arrived };
        if let Some(whole) = side.reassembly.push(seen.at, &packet) {
            self.datagram(seen, way, &whole, tell);
        }
    }

    fn lost(&mut self, seen: &PacketSeen<'_>, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        let Stage::Lost(why) = seen.stage else { return };
        let Ok(packet) = ipv4::Packet::read(seen.bytes) else { return };
        let (mut frame, mut port, mut is_transport) = (None, None, false);
        match packet.protocol {
            ipv4::TCP => self.surroundings.tcp_troubled(seen.at, seen.from, seen.to),
            ipv4::UDP if !packet.is_fragment() => {
                frame = udp::Datagram::read(packet.payload).ok().and_then(|datagram| {
                    port = Some(datagram.destination_port);
                    let ends = (
                        SocketAddrV4::new(packet.source, datagram.source_port),
                        SocketAddrV4::new(packet.destination, datagram.destination_port),
                    );
                    let bytes = datagram.payload;
                    let may_be_media = may_be_media(ends.0, ends.1);
                    is_transport = stun::begins_like_stun(bytes)
                        || (may_be_media && dtls::begins_like_dtls(bytes))
                        || (!self.relays.is_empty() && ChannelData::read(bytes).is_some());
                    read_frame(seen, ends, bytes).filter(|_| may_be_media)
                });
            }
            _ => {}
        }
        self.unopened.remove(&seen.id);
        // What sets media up is as good as media: without it there's none.
        self.surroundings.lost(seen, why, port, frame.is_some() || is_transport);
        if let Some(frame) = frame {
            tell(Sound::Media(&frame), &self.surroundings);
        }
    }

    fn datagram(
        &mut self,
        seen: &PacketSeen<'_>,
        way: Way,
        ip: &ipv4::Datagram<'_>,
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) {
        let (host, peer) = match way {
            Way::Sent => (seen.from, seen.to),
            Way::Arrived => (seen.to, seen.from),
        };
        let Some(host) = host else { return };
        let (at, packet) = (seen.at, seen.id);
        let place = |source, destination, over| {
            let (here, there) = if way == Way::Sent { (source, destination) } else { (destination, source) };
            Place { at, packet, way, host, peer, here, there, relay: None, over }
        };
        match ip.protocol {
            ipv4::UDP => {
                let Ok(datagram) = udp::Datagram::read(&ip.payload) else { return };
                let source = SocketAddrV4::new(ip.source, datagram.source_port);
                let destination = SocketAddrV4::new(ip.destination, datagram.destination_port);
                let (place, bytes) = (place(source, destination, Carrier::Udp), datagram.payload);
                if way == Way::Sent && self.surroundings.relay_of(source) == Some(host) {
                    tell(Sound::Relay(place, Relaying::ToPeer), &self.surroundings);
                }
                if self.media(seen, &place, bytes, tell) {
                    return;
                }
                if way == Way::Sent {
                    let payload = Payload { at, packet, from: host, bytes, connection: None };
                    tell(Sound::Payload(payload), &self.surroundings);
                }
                if self.transport(seen, &place, bytes, tell) {
                    return;
                }
                if sip::begins_like_sip(bytes)
                    && let Ok(message) = Message::read(bytes)
                {
                    self.message(&place, Carrier::Udp, &message, tell);
                }
            }
            ipv4::TCP => {
                let Ok(segment) = tcp::Segment::read(&ip.payload) else { return };
                let from = SocketAddrV4::new(ip.source, segment.source_port);
                let to = SocketAddrV4::new(ip.destination, segment.destination_port);
                let flow = Flow { from, to };
                if segment.flags.fin() || segment.flags.rst() {
                    self.surroundings.tcp_troubled(at, seen.from, seen.to);
                }
                if way == Way::Sent && !segment.payload.is_empty() {
                    let payload = Payload { at, packet, from: host, bytes: segment.payload, connection: Some(flow) };
                    tell(Sound::Payload(payload), &self.surroundings);
                }
                let around = &mut self.surroundings;
                let heard = web::Seen { at, packet, way, from: seen.from, to: seen.to };
                self.web.segment(heard, flow, &segment, &mut |said| match said {
                    Said::Asked(web) => tell(Sound::Asked(web), around),
                    Said::Answered(web) => tell(Sound::Answered(web), around),
                    Said::Knocked(mut knock) => {
                        // Whom a packet would have reached is known when it has; whose the address is, before.
                        knock.to = knock.to.or_else(|| around.owner(*knock.there.ip()));
                        tell(Sound::Knock(knock), around);
                    }
                    Said::Screen(screen) => {
                        around.floor_mut().serves_screens(screen.host);
                        tell(Sound::Screen(screen), around);
                    }
                });
                if self.side(way).segment(at, packet, flow, &segment) {
                    self.stream(seen, &place(from, to, Carrier::Tcp), flow, tell);
                }
            }
            ipv4::ICMP if way == Way::Arrived => self.surroundings.icmp_arrived(at, host),
            _ => {}
        }
    }

    fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::Sent => &mut self.sent,
            Way::Arrived => &mut self.arrived,
        }
    }

    /// Media, encrypted or not, and the control of encrypted media. False if the bytes are something else.
    fn media(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        bytes: &[u8],
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) -> bool {
        if bytes.len() < 2 || bytes[0] >> 6 != 2 || !may_be_media(place.here, place.there) {
            return false;
        }
        let (source, destination) = if place.is_sent() { (place.here, place.there) } else { (place.there, place.here) };
        if self.secured.is_empty() || !self.secured.contains(&(place.host, place.here)) {
            let Some(frame) = read_frame(seen, (source, destination), bytes) else { return false };
            tell(Sound::Media(&frame), &self.surroundings);
            return true;
        }
        let is_control = (192..=223).contains(&bytes[1]);
        let PacketSeen { at, id: packet, stage, from, to, .. } = *seen;
        let frame = |rtp| Frame { at, packet, stage, from, to, source, destination, is_secured: true, rtp };
        if !place.is_sent() {
            // It was opened where it was sent, and what arrives is what was sent.
            let is_open = self.unopened.is_empty() || !self.unopened.remove(&packet);
            if is_open
                && !is_control
                && let Some(rtp) = read_header(bytes)
            {
                tell(Sound::Media(&frame(rtp)), &self.surroundings);
            }
            return true;
        }
        let mut plain = std::mem::take(&mut self.opened);
        let opened = self.keyring.open(Some(place.host), place.here, place.there, bytes, &mut plain);
        tell(Sound::Secured(Secured { place: *place, bytes, is_control, opened }), &self.surroundings);
        if opened.is_none() {
            self.unopened.insert(packet);
        } else if let Some(rtp::Packet::Rtp(rtp)) = rtp::read(&plain) {
            tell(Sound::Media(&frame(rtp)), &self.surroundings);
        }
        self.opened = plain;
        true
    }

    /// What sets media up: ICE, TURN and what it wraps, DTLS. False if the bytes are something else.
    fn transport(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        bytes: &[u8],
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) -> bool {
        match bytes.first() {
            Some(0..4) if stun::begins_like_stun(bytes) => {
                if let Ok(message) = stun::Message::read(bytes) {
                    self.stun(seen, place, &message, tell);
                }
                true
            }
            Some(20..64) if dtls::begins_like_dtls(bytes) && may_be_media(place.here, place.there) => {
                self.dtls(place, bytes, tell);
                true
            }
            Some(0x40..0x50) if place.relay.is_none() && !self.relays.is_empty() => {
                let seat = place.seat();
                let Some(channel) = ChannelData::read(bytes) else { return false };
                let Some(peer) = self.relays.peer(&seat, channel.number) else { return false };
                self.wrapped(seen, place, seat, peer, channel.data, tell);
                true
            }
            _ => false,
        }
    }

    fn stun(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        message: &stun::Message<'_>,
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) {
        if message.method == stun::Method::Binding {
            if let (Class::Request, Some((receiver, sender))) = (message.class, message.fragments()) {
                let (local, remote) = if place.is_sent() { (sender, receiver) } else { (receiver, sender) };
                let session = IceSession { local: digest(local), remote: digest(remote) };
                self.surroundings.checks(place.host, place.here, session);
                self.secured.insert((place.host, place.here));
            }
            tell(Sound::Check(Check { place: *place, stun: message }), &self.surroundings);
            return;
        }
        if place.relay.is_some() {
            return;
        }
        let seat = place.seat();
        if let (Class::Indication, Some(data), Some(peer)) = (message.class, message.data, message.peers.first()) {
            self.wrapped(seen, place, seat, *peer, data, tell);
        } else if let Some(grant) = self.relays.message(seat, place.way, message) {
            let relay = if place.is_sent() { Some(place.host) } else { place.peer };
            if let (Grant::Allocated { relayed, .. }, Some(relay)) = (&grant, relay) {
                self.surroundings.lends(relay, *relayed);
            }
            tell(Sound::Relay(*place, Relaying::Granted(grant)), &self.surroundings);
        }
    }

    /// What goes between a client and its relay, and is meant for a peer or comes from one.
    fn wrapped(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        seat: Seat,
        peer: SocketAddrV4,
        data: &[u8],
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) {
        if self.relays.is_client(&seat) == Some(true) {
            let inner = Place { there: peer, relay: Some(seat.there), ..*place };
            if !self.media(seen, &inner, data, tell) {
                self.transport(seen, &inner, data, tell);
            }
        } else if place.is_sent() {
            tell(Sound::Relay(*place, Relaying::ToClient { peer }), &self.surroundings);
        }
    }

    fn dtls(&mut self, place: &Place, bytes: &[u8], tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        self.secured.insert((place.host, place.here));
        for record in dtls::records(bytes) {
            let messages = if record.content == Content::Handshake && record.epoch == 0 {
                let key = (place.host, place.way, place.here, place.there);
                self.handshakes.entry(key).or_default().take(&record)
            } else {
                Vec::new()
            };
            let record = Record { place: *place, record, messages: &messages };
            tell(Sound::Record(record), &self.surroundings);
        }
    }

    /// Hears what a stream holds whole.
    fn stream(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        flow: Flow,
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) {
        // Taken out, since hearing a message needs all of this.
        let side = self.side(place.way);
        let mut streams = std::mem::take(&mut side.streams);
        let mut speech = side.speech.remove(&flow).unwrap_or(Speech::Other);
        if let Some(stream) = streams.get_mut(flow) {
            let mut taken = 0;
            while let Some(rest) = stream.bytes().get(taken..).filter(|rest| !rest.is_empty()) {
                match self.unit(seen, place, &mut speech, rest, tell) {
                    Some(length) => taken += length,
                    None => break,
                }
            }
            if matches!(speech, Speech::Other) {
                taken = stream.bytes().len();
            }
            stream.consume(taken);
            if let (Speech::WebSocket(_, is_told @ false), Some(end)) = (&mut speech, stream.end()) {
                *is_told = true;
                let change = match end {
                    End::Finished(_) => SocketChange::Finished,
                    End::Reset(_) => SocketChange::Reset,
                };
                self.socket(place, change, tell);
            }
        }
        let side = self.side(place.way);
        side.streams = streams;
        side.speech.insert(flow, speech);
    }

    /// Hears what stands at the beginning of a stream; returns its length, or nothing if it isn't there whole.
    fn unit(
        &mut self,
        seen: &PacketSeen<'_>,
        place: &Place,
        speech: &mut Speech,
        bytes: &[u8],
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) -> Option<usize> {
        let read = match speech {
            Speech::Sip => Message::read_framed(bytes).map(|read| {
                read.map(|(message, length)| {
                    self.message(place, Carrier::Tcp, &message, tell);
                    length
                })
            }),
            Speech::Upgrade => {
                let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                let is_request = bytes[blank..].starts_with(b"GET ");
                let read = if is_request { websocket::read_request(bytes) } else { websocket::read_response(bytes) };
                read.map(|read| {
                    read.map(|(_, length)| {
                        *speech = Speech::WebSocket(websocket::Reader::default(), false);
                        if !is_request {
                            self.socket(place, SocketChange::Opened, tell);
                        }
                        length
                    })
                })
            }
            Speech::WebSocket(reader, _) => reader.next(bytes).map(|read| {
                read.map(|(item, length)| {
                    self.item(place, item, tell);
                    length
                })
            }),
            Speech::Turn => stun::framed_length(bytes).map(|length| {
                let length = length?;
                let unit = bytes.get(..length)?;
                self.transport(seen, place, unit, tell);
                Some(length)
            }),
            Speech::Other => return None,
        };
        read.unwrap_or_else(|_| {
            // Nobody knows where the next one would begin.
            *speech = Speech::Other;
            None
        })
    }

    fn item(&mut self, place: &Place, item: Item, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        match item {
            Item::Message { payload, is_masked, .. } => {
                if place.is_sent() && is_masked {
                    let Place { at, packet, host: from, .. } = *place;
                    let payload = Payload { at, packet, from, bytes: &payload, connection: None };
                    tell(Sound::Payload(payload), &self.surroundings);
                }
                if sip::begins_like_sip(&payload)
                    && let Ok(message) = Message::read(&payload)
                {
                    self.message(place, Carrier::WebSocket, &message, tell);
                }
            }
            Item::Close { code } => self.socket(place, SocketChange::Close(code), tell),
            Item::Fragment | Item::Ping | Item::Pong => {}
        }
    }

    fn socket(&mut self, place: &Place, change: SocketChange, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        let Place { at, host, here, there, .. } = *place;
        match change {
            SocketChange::Opened => self.surroundings.web_socket_opens(host, here, there),
            _ => self.surroundings.web_socket_ends(at, host, here, there),
        }
        tell(Sound::Socket(*place, change), &self.surroundings);
    }

    fn message(
        &mut self,
        place: &Place,
        over: Carrier,
        message: &Message<'_>,
        tell: &mut dyn FnMut(Sound<'_>, &Surroundings),
    ) {
        let Place { at, packet, way, host, peer, here, there, .. } = *place;
        if way == Way::Sent {
            self.surroundings.has_spoken(host, here.port());
        }
        let (Some(call), Some(cseq), Some(from), Some(to)) =
            (message.call_id(), message.cseq(), message.from(), message.to())
        else {
            return;
        };
        let Some(branch_text) = message.via().and_then(|via| via.branch()) else { return };
        let has_passed_others = message.values(Name::Via).nth(1).is_some();
        let call = digest(call);
        if way == Way::Sent && message.is_request() && has_passed_others {
            self.surroundings.has_forwarded(host, call);
        }
        let is_forwarding = self.surroundings.forwards(host, call);
        let sdp = message.sdp();
        let heard = Heard {
            at,
            packet,
            way,
            host,
            peer,
            here,
            there,
            over,
            message,
            method: message.method(),
            status: message.status().unwrap_or(0),
            call,
            from_tag: from.tag().map_or(0, digest),
            to_tag: to.tag().map_or(0, digest),
            cseq: cseq.number,
            branch: digest(branch_text),
            branch_text,
            audio: sdp.and_then(Audio::read),
            secure: sdp.and_then(Secure::read),
            has_passed_others,
            is_forwarding,
            life: self.surroundings.life(host),
        };
        if let Some((leg, change)) = self.surroundings.floor_mut().message(&heard) {
            tell(Sound::Leg(&leg, change, at), &self.surroundings);
        }
        tell(Sound::Message(heard), &self.surroundings);
    }
}

/// The RTP packet in a datagram. Short of an RTP header, or with another version, it's something else.
fn read_frame<'a>(
    seen: &PacketSeen<'_>,
    (source, destination): (SocketAddrV4, SocketAddrV4),
    payload: &'a [u8],
) -> Option<Frame<'a>> {
    let Some(rtp::Packet::Rtp(rtp)) = rtp::read(payload) else { return None };
    let PacketSeen { at, id: packet, stage, from, to, .. } = *seen;
    Some(Frame { at, packet, stage, from, to, source, destination, is_secured: false, rtp })
}

/// What an encrypted packet shows: its header.
fn read_header(bytes: &[u8]) -> Option<Rtp<'static>> {
    srtp::header_length(bytes)?;
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Some(Rtp {
        marker: bytes[1] & 0x80 != 0,
        payload_type: bytes[1] & 0x7f,
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: word(4),
        ssrc: word(8),
        payload: &[],
    })
}
