//! Each arrival was sent, once, and is what was sent (RFC 791 section 1.4; RFC 3022 section 4 for what NAT changes).

use busyhour_oracle::NothingUnsentArrives;
use busyhour_trace::{Loss, PacketId, Stage};

use crate::packets::{ACK, ALICE, Piece, SERVER, Scene, ipv4, port_unreachable, tcp, udp, udp_in_two};

fn scene() -> Scene<NothingUnsentArrives> {
    Scene::new()
}

fn ring() -> Vec<u8> {
    udp("10.0.0.1:5060", "10.0.0.2:5060", b"RING")
}

const COPY: Stage = Stage::Copied { of: PacketId(0) };

#[test]
fn what_was_sent_may_arrive_once_and_not_twice() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.arrived(0, &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (1, ""));
    scene.arrived(0, &ring());
    assert_eq!(scene.judgement().judged, 2);
    insta::assert_snapshot!(scene.violations(), @"0.003000s packet #0 arrived, though it had arrived or was lost before [PacketId(0)]");
}

#[test]
fn what_nobody_sent_may_not_arrive() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.arrived(1, &ring());
    insta::assert_snapshot!(scene.violations(), @"0.002000s packet #1 arrived, and nobody sent it [PacketId(1)]");
}

#[test]
fn what_was_lost_may_not_arrive() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.lost(0, Loss::Random, &ring());
    scene.arrived(0, &ring());
    insta::assert_snapshot!(scene.violations(), @"0.003000s packet #0 arrived, though it had arrived or was lost before [PacketId(0)]");
}

#[test]
fn a_copy_may_arrive_besides_its_original_and_also_when_that_is_lost() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.see(1, COPY, "alice", "server", &ring());
    scene.lost(0, Loss::Random, &ring());
    scene.arrived(1, &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (2, ""));
    scene.arrived(1, &ring());
    assert_eq!(scene.judgement().count(), 1);
}

#[test]
fn a_copy_must_be_of_what_was_sent_and_the_same() {
    let mut scene = scene();
    scene.see(1, COPY, "alice", "server", &ring());
    scene.sent(0, &ring());
    scene.see(2, COPY, "alice", "server", &udp("10.0.0.1:5060", "10.0.0.2:5060", b"WRONG"));
    insta::assert_snapshot!(scene.violations(), @"
    0.001000s packet #1 is a copy of #0, which was never sent [PacketId(1)]
    0.003000s packet #2, a copy of #0, isn't the same as its original [PacketId(0), PacketId(2)]
    ");
}

#[test]
fn a_copy_of_a_packet_that_has_landed_is_not_compared_and_that_is_said() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.arrived(0, &ring());
    scene.see(1, COPY, "alice", "server", &ring());
    scene.arrived(1, &ring());
    assert_eq!(scene.violations(), "");
    assert_eq!(scene.judgement().exemptions.len(), 1);
}

/// What `sent` may become on its way without being another packet.
fn may_become(sent: &[u8], arrived: &[u8]) -> bool {
    let mut scene = scene();
    scene.sent(0, sent);
    scene.arrived(0, arrived);
    scene.judgement().count() == 0
}

#[test]
fn nat_may_change_addresses_ports_ttl_and_checksums() {
    let behind = udp("192.168.1.10:5060", "10.0.0.2:5060", b"REGISTER");
    let mut before = udp("203.0.113.5:61000", "10.0.0.2:5060", b"REGISTER");
    before[8] = 60;
    assert!(may_become(&behind, &before));
    let behind = tcp("192.168.1.10:40000", "10.0.0.2:80", 7, ACK, b"GET /");
    assert!(may_become(&behind, &tcp("203.0.113.5:61000", "10.0.0.2:8080", 7, ACK, b"GET /")));
    let news = |about: &str| port_unreachable(&udp(about, "10.0.0.2:5060", b"REGISTER"));
    assert!(may_become(&news("203.0.113.5:61000"), &news("192.168.1.10:5060")));
}

#[test]
fn nothing_else_may_change() {
    let sent = udp("10.0.0.1:5060", "10.0.0.2:5060", b"REGISTER");
    assert!(!may_become(&sent, &udp("10.0.0.1:5060", "10.0.0.2:5060", b"REGISTEr")));
    assert!(!may_become(&sent, &udp("10.0.0.1:5060", "10.0.0.2:5060", b"REGISTE")));
    assert!(!may_become(&udp("10.0.0.1:1", "10.0.0.2:2", b""), &udp("10.0.0.1:1", "10.0.0.2:2", b"x")));
    let sent = tcp("10.0.0.1:40000", "10.0.0.2:80", 7, ACK, b"GET /");
    assert!(!may_become(&sent, &tcp("10.0.0.1:40000", "10.0.0.2:80", 8, ACK, b"GET /")));
    assert!(!may_become(&sent, &tcp("10.0.0.1:40000", "10.0.0.2:80", 7, ACK | 1, b"GET /")));
    assert!(!may_become(&sent, &tcp("10.0.0.1:40000", "10.0.0.2:80", 7, ACK, b"GET ?")));
    let other = ipv4(99, ALICE, SERVER, Piece::default(), b"payload");
    assert!(!may_become(&other, &ipv4(98, ALICE, SERVER, Piece::default(), b"payload")));
    assert!(!may_become(&other, &ipv4(99, ALICE, SERVER, Piece::default(), b"Payload")));
    assert!(!may_become(b"no packet", b"no packey"));
    assert!(may_become(b"no packet", b"no packet"));
}

#[test]
fn each_fragment_is_a_packet_of_its_own_and_keeps_its_place() {
    let [one, two] = udp_in_two("192.168.1.10:5060", "10.0.0.2:5060", &[7; 64], 1, 40);
    let [nat_one, nat_two] = udp_in_two("203.0.113.5:61000", "10.0.0.2:5060", &[7; 64], 1, 40);
    assert!(may_become(&one, &nat_one));
    assert!(may_become(&two, &nat_two));
    let [_, elsewhere] = udp_in_two("192.168.1.10:5060", "10.0.0.2:5060", &[7; 56], 1, 32);
    assert_eq!(two[20..], elsewhere[20..], "only the place differs");
    assert!(!may_become(&two, &elsewhere));
}

#[test]
fn what_is_still_on_its_way_at_the_end_is_no_arrival() {
    let mut scene = scene();
    scene.sent(0, &ring());
    scene.lost(0, Loss::StillInFlight, &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (0, ""));
}
