//! A capture's encrypted media in the clear: what's opened, under which addresses, and what isn't there.

use busyhour_oracle::decryption::{Announcer, Decryption};
use busyhour_oracle::read::{ipv4, rtp, udp};
use busyhour_trace::pcapng::Captured;
use busyhour_trace::{MediaKeys, SimTime};

use crate::packets::udp;
use crate::rtc::{Peers, Relay, report, rtp as plain, stun, xored};

fn peers() -> Peers {
    Peers::new("c1", ("alice", 4_000), ("server", 5_000))
}

fn keys(peers: &Peers) -> MediaKeys {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    MediaKeys {
        at: SimTime::ZERO,
        host: "alice".into(),
        local: "10.0.0.1:4000".into(),
        remote: "10.0.0.2:5000".into(),
        profile: if peers.sealers[0].is_gcm { "aead-aes-128-gcm" } else { "aes128-cm-sha1-80" }.into(),
        client_random: "01".into(),
        server_random: "02".into(),
        master_secret: "03".into(),
        client_key: hex(&peers.sealers[0].key),
        client_salt: hex(&peers.sealers[0].salt),
        server_key: hex(&peers.sealers[1].key),
        server_salt: hex(&peers.sealers[1].salt),
    }
}

fn captured(from: &str, to: &str, payload: &[u8]) -> Captured {
    Captured { at_ns: 7, comment: "arrived: alice -> server".into(), bytes: udp(from, to, payload) }
}

/// From, to and payload of a packet in the clear, whose sums are right.
fn read(clear: &Captured) -> (String, String, Vec<u8>) {
    let packet = ipv4::Packet::read(&clear.bytes).unwrap();
    assert!(packet.checksum_is_right());
    let datagram = udp::Datagram::read(packet.payload).unwrap();
    let end = |ip, port: u16| format!("{ip}:{port}");
    (
        end(packet.source, datagram.source_port),
        end(packet.destination, datagram.destination_port),
        datagram.payload.to_vec(),
    )
}

#[test]
fn media_and_control_come_out_as_they_went_in_and_everything_else_stays_out() {
    let peers = peers();
    let mut decryption = Decryption::new(&[keys(&peers)]);
    let (alice, server) = ("10.0.0.1:4000", "10.0.0.2:5000");
    let frame = plain(1, 7, 0x55);
    let clear = decryption.packet(&captured(alice, server, &peers.sealers[0].seal(&frame, 0)));
    assert_eq!((clear[0].at_ns, clear[0].comment.as_str()), (7, "arrived: alice -> server"));
    assert_eq!(read(&clear[0]), (alice.into(), server.into(), frame.clone()));
    assert!(matches!(rtp::read(&frame), Some(rtp::Packet::Rtp(_))));
    let control = decryption.packet(&captured(server, alice, &peers.sealers[1].seal_control(&report(9), 3)));
    assert_eq!(read(&control[0]), (server.into(), alice.into(), report(9)));
    // Media in the clear, checks, and what another key protects.
    for other in [frame.clone(), peers.request(0), Peers::new("x7", peers.ends[0], peers.ends[1]).next(0)] {
        assert_eq!(decryption.packet(&captured(alice, server, &other)), []);
    }
    // Both parties claim the same keys; one of them is enough, and a second does no harm.
    let mut twice = Decryption::new(&[keys(&peers), keys(&peers)]);
    assert_eq!(twice.packet(&captured(alice, server, &peers.sealers[0].seal(&frame, 0))).len(), 1);
}

#[test]
fn what_turn_wraps_stands_under_the_peers_address_also_behind_a_nat() {
    let peers = peers();
    let mut decryption = Decryption::new(&[keys(&peers)]);
    // The relay sees the client at its NAT box's address.
    let (inside, outside, relay) = ("10.0.0.1:4000", "203.0.113.9:61000", "10.0.0.5:3478");
    let of = Relay { server: ("standby", 3_478), relayed: ("standby", 49_200), channel: 0x4001 };
    let number = [0x40, 1, 0, 0];
    let asks = stun(0x0009, 2, &[(0x000c, &number), (0x0012, &xored(("server", 5_000)))]);
    assert_eq!(decryption.packet(&captured(outside, relay, &asks)), []);
    assert_eq!(decryption.packet(&captured(relay, inside, &stun(0x0109, 2, &[]))), []);
    let frame = plain(1, 7, 0x55);
    let wrapped = of.wrap(&peers.sealers[0].seal(&frame, 0));
    let clear = decryption.packet(&captured(outside, relay, &wrapped));
    assert_eq!(read(&clear[0]), (outside.into(), "10.0.0.2:5000".into(), frame.clone()));
    assert!(clear[0].comment.ends_with("(by TURN)"));
    let back = of.wrap(&peers.sealers[1].seal(&frame, 0));
    let clear = decryption.packet(&captured(relay, inside, &back));
    assert_eq!(read(&clear[0]), ("10.0.0.2:5000".into(), inside.into(), frame));
}

/// RFC 2974: an announcement goes to 224.2.127.254:9875, and holds the session as SDP behind the type of its payload.
#[test]
fn each_receiver_of_media_is_announced_once_and_before_the_first_that_it_gets() {
    let (alice, server) = ("10.0.0.1:4000", "10.0.0.2:5000");
    let mut announcer = Announcer::default();
    let told = announcer.before(&captured(alice, server, &plain(1, 7, 0x55))).expect("nobody knows the server yet");
    let (from, to, payload) = read(&told);
    assert_eq!((from.as_str(), to.as_str()), ("10.0.0.2:9875", "224.2.127.254:9875"));
    let text = String::from_utf8_lossy(&payload[8..]).into_owned();
    assert!(text.starts_with("application/sdp\0v=0\r\n"), "{text:?}");
    assert!(text.contains("c=IN IP4 10.0.0.2\r\n") && text.contains("m=audio 5000 RTP/AVP 0 8 101\r\n"), "{text:?}");
    assert_eq!(told.at_ns, 7, "at the time of the packet that it stands before");
    assert!(told.comment.starts_with("sent by nobody"), "{}", told.comment);
    assert_eq!(announcer.before(&captured(alice, server, &plain(1, 8, 0x55))), None);
    assert!(announcer.before(&captured(server, alice, &plain(1, 7, 0x55))).is_some(), "the other way is another");
}
