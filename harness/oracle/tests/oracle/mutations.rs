//! Any bytes are input: 40,000 bent packets go through every reader and every witness, and none panics.
//!
//! Goal: no index, subtraction or allocation follows a number that a packet announces without a check. Method: good
//! packets of every kind, each bent in one to four places (a byte set, a bit flipped, a cut, a piece doubled) by a
//! generator with a fixed seed, so that a failure repeats.

use busyhour_oracle::Panel;
use busyhour_oracle::read::http::{Connection, read_request, read_response};
use busyhour_oracle::read::ipv4::{self, Packet, Reassembly};
use busyhour_oracle::read::sip::{Message, Name, Uri};
use busyhour_oracle::read::stream::{Flow, Streams};
use busyhour_oracle::read::{icmp, rtp, sdp, tcp, udp};
use busyhour_trace::{Event, HostId, Log, Loss, PacketId, PacketSeen, SimTime, Source, Stage};

use crate::packets::{ACK, FIN, RST, SYN, port_unreachable, tcp as tcp_packet, udp as udp_packet, udp_in_two};
use crate::play::{Call, register, registered};

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
    packets.extend(udp_in_two("10.0.0.1:5060", "10.0.0.2:5060", &[7; 64], 1, 40));
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
    let good = good_packets();
    let mut n = 0;
    while n < 2 * MUTATIONS {
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
