//! A capture's encrypted media in the clear, for whoever wants to listen to it or see it in Wireshark.
//!
//! It's made of what a run leaves behind: the capture, in which each packet stands as it arrived or was lost, and the
//! keys that were claimed. What a key opens becomes a UDP datagram of plain RTP or RTCP between the same addresses; of
//! what TURN wraps, between the client and the peer that's meant.

use std::net::SocketAddrV4;

use busyhour_trace::pcapng::Captured;
use busyhour_trace::{MediaKeys, PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::keyring::Keyring;
use crate::read::stream::{Flow, Streams};
use crate::read::stun::{self, ChannelData, Class, Method};
use crate::read::{ipv4, tcp, udp};

/// Opens a capture's packets, one after the other.
///
/// ```
/// use busyhour_oracle::decryption::Decryption;
///
/// let mut decryption = Decryption::new(&[]);
/// let packet = busyhour_trace::pcapng::Captured { at_ns: 0, comment: "arrived: a -> b".into(), bytes: vec![0x45; 40] };
/// assert!(decryption.packet(&packet).is_empty());
/// ```
#[derive(Debug)]
pub struct Decryption {
    keyring: Keyring,
    reassembly: ipv4::Reassembly,
    streams: Streams,
    /// Which TCP connections are those of TURN, once that is known.
    turn: FxHashMap<Flow, bool>,
    /// Bindings of channels that were asked for, by transaction: by whom, and what for.
    asked: FxHashMap<[u8; 12], (Flow, u16, SocketAddrV4)>,
    /// Peers by client and relay, as either sees the client, and the channel's number.
    channels: FxHashMap<(Flow, u16), SocketAddrV4>,
    opened: Vec<u8>,
}

impl Decryption {
    /// With the keys that a run's parties have claimed.
    pub fn new(keys: &[MediaKeys]) -> Decryption {
        let mut keyring = Keyring::default();
        for keys in keys {
            keyring.learn(None, keys);
        }
        Decryption {
            keyring,
            reassembly: ipv4::Reassembly::default(),
            streams: Streams::default(),
            turn: FxHashMap::default(),
            asked: FxHashMap::default(),
            channels: FxHashMap::default(),
            opened: Vec::new(),
        }
    }

    /// Takes the next packet, and returns what was encrypted in it as plain packets of its time.
    pub fn packet(&mut self, captured: &Captured) -> Vec<Captured> {
        let mut clear = Vec::new();
        let at = SimTime(captured.at_ns);
        let Ok(packet) = ipv4::Packet::read(&captured.bytes) else { return clear };
        let Some(whole) = self.reassembly.push(at, &packet) else { return clear };
        match whole.protocol {
            ipv4::UDP => {
                let Ok(datagram) = udp::Datagram::read(&whole.payload) else { return clear };
                let from = SocketAddrV4::new(whole.source, datagram.source_port);
                let to = SocketAddrV4::new(whole.destination, datagram.destination_port);
                self.unit(captured, Flow { from, to }, datagram.payload, &mut clear);
            }
            ipv4::TCP if captured.comment.starts_with("arrived") => {
                let Ok(segment) = tcp::Segment::read(&whole.payload) else { return clear };
                let from = SocketAddrV4::new(whole.source, segment.source_port);
                let to = SocketAddrV4::new(whole.destination, segment.destination_port);
                self.segment(captured, at, Flow { from, to }, &segment, &mut clear);
            }
            _ => {}
        }
        clear
    }

    fn segment(
        &mut self,
        captured: &Captured,
        at: SimTime,
        flow: Flow,
        segment: &tcp::Segment<'_>,
        clear: &mut Vec<Captured>,
    ) {
        if segment.flags.syn() {
            self.turn.remove(&flow);
        }
        if self.turn.get(&flow) == Some(&false) {
            return;
        }
        self.streams.segment(at, PacketId(0), flow, segment);
        // Taken out, since what it holds needs all of this.
        let mut streams = std::mem::take(&mut self.streams);
        if let Some(stream) = streams.get_mut(flow) {
            let mut taken = 0;
            while let Some(rest) = stream.bytes().get(taken..).filter(|rest| rest.len() >= 8) {
                let is_turn = *self.turn.entry(flow).or_insert_with(|| stun::begins_like_stun(rest));
                let length = if is_turn { stun::framed_length(rest) } else { Ok(Some(rest.len())) };
                match length {
                    Ok(Some(length)) => {
                        let Some(unit) = rest.get(..length) else { break };
                        if is_turn {
                            self.unit(captured, flow, unit, clear);
                        }
                        taken += length;
                    }
                    Ok(None) => break,
                    Err(_) => {
                        self.turn.insert(flow, false);
                        break;
                    }
                }
            }
            stream.consume(taken);
        }
        self.streams = streams;
    }

    fn unit(&mut self, captured: &Captured, flow: Flow, bytes: &[u8], clear: &mut Vec<Captured>) {
        match bytes.first() {
            Some(0x80..0xc0) => self.media(captured, flow, bytes, "", clear),
            Some(0..4) if stun::begins_like_stun(bytes) => {
                let Ok(message) = stun::Message::read(bytes) else { return };
                self.turn(captured, flow, &message, clear);
            }
            Some(0x40..0x50) if !self.channels.is_empty() => {
                let Some(ChannelData { number, data }) = ChannelData::read(bytes) else { return };
                if let Some(peer) = self.channels.get(&(flow, number)) {
                    self.media(captured, Flow { from: flow.from, to: *peer }, data, " (by TURN)", clear);
                } else if let Some(peer) = self.channels.get(&(flow.reversed(), number)) {
                    self.media(captured, Flow { from: *peer, to: flow.to }, data, " (by TURN)", clear);
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, captured: &Captured, flow: Flow, message: &stun::Message<'_>, clear: &mut Vec<Captured>) {
        let peer = message.peers.first().copied();
        match (message.class, message.method, peer) {
            (Class::Indication, Method::Send, Some(to)) => {
                let data = message.data.unwrap_or_default();
                self.media(captured, Flow { from: flow.from, to }, data, " (by TURN)", clear);
            }
            (Class::Indication, Method::Data, Some(from)) => {
                let data = message.data.unwrap_or_default();
                self.media(captured, Flow { from, to: flow.to }, data, " (by TURN)", clear);
            }
            (Class::Request, Method::ChannelBind, Some(peer)) => {
                if let Some(number) = message.channel {
                    self.asked.insert(message.transaction, (flow, number, peer));
                }
            }
            // A NAT box may stand between: the client has one address here and another there.
            (Class::Success, Method::ChannelBind, _) => {
                if let Some((asked, number, peer)) = self.asked.remove(&message.transaction) {
                    self.channels.insert((asked, number), peer);
                    self.channels.insert((flow.reversed(), number), peer);
                }
            }
            _ => {}
        }
    }

    fn media(&mut self, captured: &Captured, flow: Flow, bytes: &[u8], by: &str, clear: &mut Vec<Captured>) {
        if bytes.len() < 2 || bytes[0] >> 6 != 2 {
            return;
        }
        if self.keyring.open(None, flow.from, flow.to, bytes, &mut self.opened).is_some() {
            let comment = format!("{}{by}", captured.comment);
            clear.push(Captured { at_ns: captured.at_ns, comment, bytes: datagram_of(flow, &self.opened) });
        }
    }
}

/// Says of media in the clear that it's media, for there's no call beside it that would: without that, Wireshark takes
/// a datagram for a datagram. The announcement is SAP's (RFC 2974), with SDP: what it's for.
#[derive(Debug, Default)]
pub struct Announcer {
    announced: FxHashSet<SocketAddrV4>,
}

/// Where SAP announces, and from which port.
const SAP: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(224, 2, 127, 254), 9875);

impl Announcer {
    /// What is to stand before this packet: nothing, if its receiver was announced before. Nobody sent it, and its comment
    /// says so.
    pub fn before(&mut self, clear: &Captured) -> Option<Captured> {
        let packet = ipv4::Packet::read(&clear.bytes).ok()?;
        let datagram = udp::Datagram::read(packet.payload).ok()?;
        let to = SocketAddrV4::new(packet.destination, datagram.destination_port);
        if !self.announced.insert(to) {
            return None;
        }
        let (host, port) = (to.ip(), to.port());
        let sdp = format!(
            "v=0\r\no=- 0 0 IN IP4 {host}\r\ns=media in the clear\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\n"
        );
        // Version 1, an announcement, of an IPv4 host, neither encrypted nor compressed; each has a number of its own.
        let number = u16::try_from(self.announced.len()).unwrap_or(u16::MAX).to_be_bytes();
        let payload = [&[0x20, 0][..], &number, &host.octets(), b"application/sdp\0", sdp.as_bytes()].concat();
        let bytes = datagram_of(Flow { from: SocketAddrV4::new(*host, SAP.port()), to: SAP }, &payload);
        let comment = format!("sent by nobody: it says to whoever reads this that what goes to {to} is RTP");
        Some(Captured { at_ns: clear.at_ns, comment, bytes })
    }
}

/// An IPv4 packet with a UDP datagram, without a checksum of UDP's own (RFC 768: none was computed).
fn datagram_of(flow: Flow, payload: &[u8]) -> Vec<u8> {
    let length = |header: usize| u16::try_from(header + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = vec![0x45, 0];
    packet.extend(length(28));
    packet.extend([0, 0, 0x40, 0, 64, ipv4::UDP, 0, 0]);
    packet.extend(flow.from.ip().octets());
    packet.extend(flow.to.ip().octets());
    let sum = packet.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    packet.extend(flow.from.port().to_be_bytes());
    packet.extend(flow.to.port().to_be_bytes());
    packet.extend(length(8));
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
