//! What the witnesses hear: each packet is read once, for all of them.
//!
//! A datagram that carries a SIP message, and each SIP message that a TCP stream has brought whole, becomes a
//! [`Heard`]; an RTP packet becomes a [`Frame`]. A message is heard twice: when its last byte leaves its sender, and
//! when it has reached its receiver. What the network copied is heard where it arrives.

use std::net::SocketAddrV4;

use busyhour_trace::{HostId, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::read::rtp::{self, Rtp};
use crate::read::sdp::Audio;
use crate::read::sip::{self, Message, Method, Name};
use crate::read::stream::{Flow, Streams};
use crate::read::{ipv4, tcp, udp};
use crate::surroundings::Surroundings;

/// Whether a host said it or was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// It has left the host.
    Sent,
    /// It has reached the host.
    Arrived,
}

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A datagram of its own.
    Udp,
    /// A TCP stream.
    Tcp,
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
    /// What it is.
    pub rtp: Rtp<'a>,
}

/// What one packet brought.
#[derive(Debug)]
pub enum Sound<'a> {
    /// A SIP message.
    Message(Heard<'a>),
    /// Media.
    Media(Frame<'a>),
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

/// Reads each packet once.
#[derive(Debug, Default)]
pub struct Hearing {
    /// What is known of the hosts and of the network.
    pub surroundings: Surroundings,
    sent: Side,
    arrived: Side,
}

/// What is sent, or what arrives.
#[derive(Debug, Default)]
struct Side {
    reassembly: ipv4::Reassembly,
    streams: Streams,
    /// Whether a connection carries SIP, once that is known.
    carries_sip: FxHashMap<Flow, bool>,
}

impl Side {
    /// Takes a segment; true if its stream may hold SIP messages.
    fn segment(&mut self, at: SimTime, packet: PacketId, flow: Flow, segment: &tcp::Segment<'_>) -> bool {
        if segment.flags.syn() {
            self.carries_sip.remove(&flow);
        }
        if self.carries_sip.get(&flow) == Some(&false) {
            return false;
        }
        self.streams.segment(at, packet, flow, segment);
        let Some(stream) = self.streams.get_mut(flow) else { return false };
        let blank = stream.bytes().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begin = &stream.bytes()[blank..];
        if self.carries_sip.contains_key(&flow) {
            return !begin.is_empty();
        }
        if begin.is_empty() || (begin.len() < 4_096 && !begin.contains(&b'\n')) {
            return false;
        }
        let carries = sip::begins_like_sip(begin);
        self.carries_sip.insert(flow, carries);
        if !carries {
            let all = stream.bytes().len();
            stream.consume(all);
        }
        carries
    }
}

/// Where a message came along.
struct Path {
    at: SimTime,
    packet: PacketId,
    way: Way,
    host: HostId,
    peer: Option<HostId>,
    here: SocketAddrV4,
    there: SocketAddrV4,
    over: Carrier,
}

impl Hearing {
    /// Reads a packet and tells what it brought.
    pub fn packet(&mut self, seen: &PacketSeen<'_>, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        let way = match seen.stage {
            Stage::Sent => Way::Sent,
            Stage::Arrived => Way::Arrived,
            Stage::Lost(_) => return self.lost(seen, tell),
            Stage::Copied { .. } => return,
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
        let (mut frame, mut port) = (None, None);
        match packet.protocol {
            ipv4::TCP => self.surroundings.tcp_troubled(seen.at, seen.from, seen.to),
            ipv4::UDP if !packet.is_fragment() => {
                frame = udp::Datagram::read(packet.payload).ok().and_then(|datagram| {
                    port = Some(datagram.destination_port);
                    let ends = (
                        SocketAddrV4::new(packet.source, datagram.source_port),
                        SocketAddrV4::new(packet.destination, datagram.destination_port),
                    );
                    read_frame(seen, ends, datagram.payload)
                });
            }
            _ => {}
        }
        self.surroundings.lost(seen, why, port, frame.is_some());
        if let Some(frame) = frame {
            tell(Sound::Media(frame), &self.surroundings);
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
        let path = |source, destination, over| {
            let (here, there) = if way == Way::Sent { (source, destination) } else { (destination, source) };
            Path { at, packet, way, host, peer, here, there, over }
        };
        match ip.protocol {
            ipv4::UDP => {
                let Ok(datagram) = udp::Datagram::read(&ip.payload) else { return };
                let source = SocketAddrV4::new(ip.source, datagram.source_port);
                let destination = SocketAddrV4::new(ip.destination, datagram.destination_port);
                if let Some(frame) = read_frame(seen, (source, destination), datagram.payload) {
                    tell(Sound::Media(frame), &self.surroundings);
                    return;
                }
                if way == Way::Sent {
                    let bytes = datagram.payload;
                    let payload = Payload { at, packet, from: host, bytes, connection: None };
                    tell(Sound::Payload(payload), &self.surroundings);
                }
                if sip::begins_like_sip(datagram.payload)
                    && let Ok(message) = Message::read(datagram.payload)
                {
                    self.message(&path(source, destination, Carrier::Udp), &message, tell);
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
                let side = if way == Way::Sent { &mut self.sent } else { &mut self.arrived };
                if side.segment(at, packet, flow, &segment) {
                    self.stream(&path(from, to, Carrier::Tcp), flow, tell);
                }
            }
            ipv4::ICMP if way == Way::Arrived => self.surroundings.icmp_arrived(at, host),
            _ => {}
        }
    }

    /// Hears the messages that a stream holds whole.
    fn stream(&mut self, path: &Path, flow: Flow, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        // Taken out, since hearing a message needs all of this.
        let mut streams = match path.way {
            Way::Sent => std::mem::take(&mut self.sent.streams),
            Way::Arrived => std::mem::take(&mut self.arrived.streams),
        };
        if let Some(stream) = streams.get_mut(flow) {
            let mut taken = 0;
            loop {
                match Message::read_framed(&stream.bytes()[taken..]) {
                    Ok(Some((message, length))) => {
                        self.message(path, &message, tell);
                        taken += length;
                    }
                    Ok(None) => break,
                    // Nobody knows where the next one would begin.
                    Err(_) => {
                        let side = if path.way == Way::Sent { &mut self.sent } else { &mut self.arrived };
                        side.carries_sip.insert(flow, false);
                        taken = stream.bytes().len();
                        break;
                    }
                }
            }
            stream.consume(taken);
        }
        match path.way {
            Way::Sent => self.sent.streams = streams,
            Way::Arrived => self.arrived.streams = streams,
        }
    }

    fn message(&mut self, path: &Path, message: &Message<'_>, tell: &mut dyn FnMut(Sound<'_>, &Surroundings)) {
        let Path { at, packet, way, host, peer, here, there, over } = *path;
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
            audio: message.sdp().and_then(Audio::read),
            has_passed_others,
            is_forwarding,
            life: self.surroundings.life(host),
        };
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
    Some(Frame { at, packet, stage, from, to, source, destination, rtp })
}
