//! Any bytes are input: 80,000 bent packets go through every reader and every witness, and none panics.
//!
//! Goal: no index, subtraction or allocation follows a number that a packet announces without a check. Method: good
//! packets of every kind, each bent in one to four places (a byte set, a bit flipped, a cut, a piece doubled) by a
//! generator with a fixed seed, so that a failure repeats.

use busyhour_oracle::Panel;
use busyhour_oracle::read::http::{Connection, read_request, read_response};
use busyhour_oracle::read::ipv4::{self, Packet, Reassembly};
use busyhour_oracle::read::sip::{Message, Name, Uri};
use busyhour_oracle::read::stream::{Flow, Streams};
use busyhour_oracle::read::{dtls, icmp, rtp, sdp, srtp, stun, tcp, udp, websocket};
use busyhour_trace::{Event, HostId, Log, Loss, PacketId, PacketSeen, SimTime, Source, Stage};

use crate::packets::{ACK, FIN, RST, SYN, port_unreachable, tcp as tcp_packet, udp as udp_packet, udp_in_two};
use crate::play::{Call, register, registered};
use crate::rtc::{Peers, Relay, certificate, frame, handshake, hello, record, stun as stun_message, whole, xored};

const MUTATIONS: u64 = 20_000;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn bend(&mut self, bytes: &mut Vec<u8>) {
        let place = self.below(bytes.len());
        match self.below(6) {
            _ if bytes.is_empty() => bytes.push(self.next() as u8),
            0 | 1 => bytes[place] = self.next() as u8,
            2 => bytes[place] ^= 1 << self.below(8),
            3 => bytes[place] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            4 => bytes.truncate(place),
            _ => {
                let piece = bytes[place..].to_vec();
                bytes.extend(piece);
            }
        }
    }
}

const REQUEST: &[u8] =
    b"POST /hook HTTP/1.1\r\nHost: crm\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Upgrade\r\n\r\nhello";

fn good_packets() -> Vec<Vec<u8>> {
    let (client, server) = ("10.0.0.1:49152", "10.0.0.2:80");
    let sip = udp_packet("10.0.0.1:5060", "10.0.0.2:5060", b"OPTIONS sip:server SIP/2.0\r\n\r\n");
    let mut packets = vec![
        tcp_packet(client, server, 100, SYN, b""),
        tcp_packet(server, client, 900, SYN | ACK, b""),
        tcp_packet(client, server, 101, ACK, &REQUEST[..30]),
        tcp_packet(client, server, 131, ACK, &REQUEST[30..]),
        tcp_packet(server, client, 901, ACK, RESPONSE),
        tcp_packet(client, server, 101 + REQUEST.len() as u32, ACK | FIN, b""),
        tcp_packet(server, client, 901 + RESPONSE.len() as u32, RST, b""),
        port_unreachable(&sip),
        sip,
    ];
    let mut call = Call::new("c1", "alice", "server");
    let lines = [
        (true, call.invite()),
        (false, call.answer(180)),
        (false, call.answer(200)),
        (true, call.ack()),
        (true, call.request("BYE", "alice")),
        (false, call.reply("BYE", "alice", 200)),
        (true, register("alice", "alice", 1, 60)),
        (false, registered("alice", "alice", 1, &[("alice", 60)])),
    ];
    for (from_alice, text) in lines {
        let (from, to) = ("10.0.0.1:5060", "10.0.0.2:5060");
        let (from, to) = if from_alice { (from, to) } else { (to, from) };
        packets.push(udp_packet(from, to, text.as_bytes()));
    }
    packets.push(udp_packet("10.0.0.1:40000", "10.0.0.2:40000", &[0x80; 172]));
    let text = call.request("OPTIONS", "alice");
    packets.push(tcp_packet("10.0.0.1:40000", "10.0.0.2:5060", 6, SYN, b""));
    packets.push(tcp_packet("10.0.0.1:40000", "10.0.0.2:5060", 7, ACK, text.as_bytes()));
    packets.extend(webrtc_packets());
    packets.extend(udp_in_two("10.0.0.1:5060", "10.0.0.2:5060", &[7; 64], 1, 40));
    packets
}

/// A WebSocket, and ICE, DTLS, SRTP and TURN between alice and the server.
fn webrtc_packets() -> Vec<Vec<u8>> {
    let (client, server) = ("10.0.0.1:50000", "10.0.0.2:8080");
    let asks = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    let agrees = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    let text = frame(0x81, true, register("alice", "alice", 2, 60).as_bytes());
    let mut packets = vec![
        tcp_packet(client, server, 10, SYN, b""),
        tcp_packet(server, client, 20, SYN, b""),
        tcp_packet(client, server, 11, ACK, asks),
        tcp_packet(server, client, 21, ACK, agrees),
        tcp_packet(client, server, 11 + asks.len() as u32, ACK, &text),
        tcp_packet(server, client, 21 + agrees.len() as u32, ACK, &frame(0x88, false, &[3, 0xe9])),
    ];
    let mut peers = Peers::new("c1", ("alice", 4_000), ("server", 5_000));
    let message = certificate(&peers.certificates[1]);
    let relay = Relay { server: ("server", 3_478), relayed: ("server", 49_200), channel: 0x4001 };
    let (alice, bob, turn) = ("10.0.0.1:4000", "10.0.0.2:5000", "10.0.0.2:3478");
    let control = peers.sealers[0].seal_control(&crate::rtc::report(1), 5);
    for (from, to, bytes) in [
        (alice, bob, peers.request(0)),
        (bob, alice, peers.success(1)),
        (alice, bob, whole(1, 0, &hello([1; 32]))),
        (bob, alice, handshake(11, 1, &message, 0..10)),
        (bob, alice, handshake(11, 1, &message, 10..message.len())),
        (alice, bob, record(22, 1, &[7; 40])),
        (alice, bob, peers.next(0)),
        (alice, bob, control),
        (alice, turn, stun_message(0x0003, 1, &[])),
        (turn, alice, stun_message(0x0103, 1, &[(0x0016, &xored(relay.relayed)), (0x000d, &[0, 0, 2, 0x58])])),
        (alice, turn, stun_message(0x0009, 2, &[(0x000c, &[0x40, 1, 0, 0]), (0x0012, &xored(("bob", 9)))])),
        (turn, alice, stun_message(0x0109, 2, &[])),
        (alice, turn, relay.wrap(&peers.next(0))),
        (alice, turn, stun_message(0x0016, 3, &[(0x0012, &xored(("bob", 9))), (0x0013, &peers.next(0))])),
    ] {
        packets.push(udp_packet(from, to, &bytes));
    }
    packets
}

/// Everything that reads packets, kept through the whole test so that bent packets meet each other.
struct Readers {
    reassembly: Reassembly,
    streams: Streams,
    connection: Connection,
    panel: Panel,
    read: [u64; 5],
}

impl Readers {
    fn take(&mut self, n: u64, bytes: &[u8]) {
        let (at, id) = (SimTime(n * 1_000_000), PacketId(n));
        let stages = [Stage::Sent, Stage::Copied { of: PacketId(n / 2) }, Stage::Arrived, Stage::Lost(Loss::Cut)];
        for stage in stages {
            let (from, to) = (Some(HostId((n % 3) as u16)), Some(HostId((n % 2) as u16)));
            self.panel.packet(&PacketSeen { at, id, stage, from, to, bytes });
        }
        let _ = Packet::read_beginning(bytes).map(|packet| packet.checksum_is_right());
        let Ok(packet) = Packet::read(bytes) else { return };
        self.read[0] += 1;
        packet.checksum_is_right();
        let Some(ip) = self.reassembly.push(at, &packet) else { return };
        match ip.protocol {
            ipv4::UDP => {
                if let Ok(datagram) = udp::Datagram::read(&ip.payload) {
                    self.read[1] += 1;
                    datagram.checksum_is_right(&ip);
                }
            }
            ipv4::ICMP => {
                if let Ok(message) = icmp::Message::read(&ip.payload) {
                    self.read[2] += 1;
                    message.checksum_is_right();
                }
            }
            _ => {
                if let Ok(segment) = tcp::Segment::read(&ip.payload) {
                    self.read[3] += 1;
                    segment.checksum_is_right(&ip);
                    let end = |ip, port| std::net::SocketAddrV4::new(ip, port);
                    let from = end(ip.source, segment.source_port);
                    let to = end(ip.destination, segment.destination_port);
                    self.streams.segment(at, id, Flow { from, to }, &segment);
                    self.talk();
                }
            }
        }
    }

    fn talk(&mut self) {
        let flow = Flow { from: "10.0.0.1:49152".parse().unwrap(), to: "10.0.0.2:80".parse().unwrap() };
        let Some((asks, answers)) = self.streams.both_mut(flow) else { return };
        if self.connection.advance(asks, answers).is_err() || self.connection.has_switched() {
            self.connection = Connection::default();
            asks.consume(asks.bytes().len());
            answers.consume(answers.bytes().len());
        }
        self.read[4] += self.connection.take_answered().len() as u64;
    }
}

#[test]
fn no_bytes_make_a_reader_or_a_witness_panic() {
    let mut log = Log::default();
    for name in ["alice", "server", "crm"] {
        log.name_host(name);
    }
    let mut dice = Dice(7);
    let mut readers = Readers {
        reassembly: Reassembly::default(),
        streams: Streams::default(),
        connection: Connection::default(),
        panel: Panel::always_on(),
        read: [0; 5],
    };
    let everybody = || log.hosts().to_vec();
    let cut = Event::new(SimTime::ZERO, Source::World, "cut").with("from", everybody()).with("to", everybody());
    readers.panel.event(&cut.with("cut", 1u64).with("protocol", "udp").with("port", 5060u16), &log);
    for claim in Peers::new("c1", ("alice", 4_000), ("server", 5_000)).claims() {
        readers.panel.event(&claim.on(HostId(0)), &log);
    }
    let good = good_packets();
    let mut n = 0;
    while n < 4 * MUTATIONS {
        for packet in &good {
            let mut bytes = packet.clone();
            // Most packets of a round stay good, so that the bent ones meet streams and datagrams that are open.
            if dice.below(3) == 0 {
                for _ in 0..=dice.below(4) {
                    dice.bend(&mut bytes);
                }
                n += 1;
            }
            readers.take(readers.read[0] + n, &bytes);
        }
    }
    readers.panel.finish(SimTime(u64::MAX));
    // The bending left enough for every reader to get past its first check.
    assert!(readers.read.iter().all(|count| *count > 1_000), "{:?}", readers.read);
}

#[test]
fn no_bytes_make_the_http_reader_panic() {
    let mut dice = Dice(11);
    for n in 0..MUTATIONS {
        let mut bytes = if n % 2 == 0 { REQUEST.to_vec() } else { RESPONSE.to_vec() };
        for _ in 0..=dice.below(4) {
            dice.bend(&mut bytes);
        }
        let whole = read_request(&bytes).is_ok_and(|read| read.is_some_and(|(_, length)| length > bytes.len()));
        assert!(!whole, "no request is longer than its bytes");
        for method in ["GET", "HEAD", "CONNECT"] {
            let read = read_response(&bytes, method, n % 3 == 0);
            assert!(!read.is_ok_and(|read| read.is_some_and(|(_, length)| length > bytes.len())));
        }
    }
}

#[test]
fn no_bytes_make_the_sip_reader_panic() {
    let mut dice = Dice(13);
    let call = Call::new("c1", "alice", "bob");
    let texts = [call.invite(), call.answer(200), registered("alice", "alice", 1, &[("alice", 60), ("bob", 1)])];
    let (mut readable, mut regular) = (0, 0);
    for n in 0..MUTATIONS {
        let mut bytes = texts[n as usize % texts.len()].clone().into_bytes();
        for _ in 0..=dice.below(4) {
            dice.bend(&mut bytes);
        }
        if let Ok(Some((_, length))) = Message::read_framed(&bytes) {
            assert!(length <= bytes.len());
        }
        rtp::read(&bytes);
        let Ok(message) = Message::read(&bytes) else { continue };
        readable += 1;
        regular += u64::from(message.is_regular());
        let contacts = message.contacts().filter_map(|contact| Uri::read(contact.uri)).count();
        let lists = [Name::Route, Name::Contact, Name::Via].map(|name| message.values(name).count());
        assert!(contacts <= lists[1] && message.vias().count() <= lists[2]);
        let _ = (message.to_string(), message.rack(), message.replaces(), message.sdp().and_then(sdp::Audio::read));
    }
    assert!(readable > MUTATIONS / 4 && regular > 0 && regular < readable, "{readable} {regular}");
}

#[test]
fn no_bytes_make_the_readers_of_webrtc_panic() {
    let mut dice = Dice(17);
    let mut peers = Peers::new("c1", ("alice", 4_000), ("server", 5_000));
    let message = certificate(&[7; 300]);
    let control = peers.sealers[0].seal_control(&crate::rtc::report(1), 5);
    let texts = [
        frame(0x01, true, b"OPTIONS"),
        frame(0x80, false, &[7; 300]),
        peers.request(0),
        handshake(11, 1, &message, 0..200),
        handshake(11, 1, &message, 100..message.len()),
        peers.next(0),
        control,
        peers.description(0).into_bytes(),
    ];
    let mut reader = websocket::Reader::default();
    let mut assembly = dtls::Assembly::default();
    let profile = if peers.sealers[0].is_gcm { srtp::Profile::AesGcm } else { srtp::Profile::AesCm };
    let mut session = srtp::Session::new(profile, &peers.sealers[0].key, &peers.sealers[0].salt).unwrap();
    let mut read = [0u64; 5];
    for n in 0..MUTATIONS {
        let whole = &texts[n as usize % texts.len()];
        let mut bytes = whole.clone();
        for _ in 0..=dice.below(4) {
            dice.bend(&mut bytes);
        }
        match reader.next(&bytes) {
            Ok(Some((_, length))) => {
                assert!(length <= bytes.len());
                read[0] += 1;
            }
            Ok(None) => {}
            Err(_) => reader = websocket::Reader::default(),
        }
        read[1] += u64::from(stun::Message::read(&bytes).is_ok());
        let _ = (stun::framed_length(&bytes), stun::ChannelData::read(&bytes));
        for record in dtls::records(&bytes) {
            read[2] += assembly.take(&record).len() as u64;
        }
        let mut opened = Vec::new();
        let is_open =
            session.open_rtp(&bytes, &mut opened).is_some() | session.open_rtcp(&bytes, &mut opened).is_some();
        read[3] += u64::from(is_open);
        assert!(!is_open || bytes == *whole, "no bent packet opens");
        read[4] += u64::from(sdp::Secure::read(&bytes).is_some_and(|secure| secure.sha256().is_some()));
    }
    assert!(read[..3].iter().all(|count| *count > 100) && read[4] > 100, "{read:?}");
}
