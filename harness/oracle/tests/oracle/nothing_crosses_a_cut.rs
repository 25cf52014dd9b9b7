//! While a network is cut, every message from the one side to the other is lost (Gilbert and Lynch 2002, section 2.3).

use busyhour_oracle::NothingCrossesACut;
use busyhour_trace::{Event, Loss, SimTime, Source, Stage};

use crate::packets::{ACK, Scene, port_unreachable, tcp, udp, udp_in_two};

fn scene() -> Scene<NothingCrossesACut> {
    Scene::new()
}

fn cut(source: Source, number: u64) -> Event {
    Event::new(SimTime::ZERO, source, "cut")
        .with("from", vec!["alice".to_owned()])
        .with("to", vec!["server".to_owned(), "crm".to_owned()])
        .with("cut", number)
}

fn heal(number: u64) -> Event {
    Event::new(SimTime::ZERO, Source::World, "heal").with("cut", number)
}

fn ring() -> Vec<u8> {
    udp("10.0.0.1:5060", "10.0.0.2:5060", b"RING")
}

#[test]
fn nothing_arrives_between_the_cut_and_its_heal() {
    let mut scene = scene();
    scene.arrived(0, &ring());
    scene.event(cut(Source::World, 1));
    scene.lost(1, Loss::Cut, &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (1, ""));
    scene.arrived(2, &ring());
    scene.event(heal(1));
    scene.arrived(3, &ring());
    assert_eq!(scene.judgement().judged, 2);
    insta::assert_snapshot!(scene.violations(), @"0.004000s packet #2 arrived across cut 1, which is open since 0.002000s [PacketId(2)]");
}

#[test]
fn a_cut_goes_one_way_and_only_between_its_hosts() {
    let mut scene = scene();
    scene.event(cut(Source::World, 1));
    scene.see(0, Stage::Arrived, "server", "alice", &ring());
    scene.see(1, Stage::Arrived, "server", "crm", &ring());
    scene.see(2, Stage::Arrived, "alice", "alice", &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (0, ""));
    scene.see(3, Stage::Arrived, "alice", "crm", &ring());
    assert_eq!((scene.judgement().judged, scene.judgement().count()), (1, 1));
}

#[test]
fn a_packet_may_be_sent_into_a_cut() {
    let mut scene = scene();
    scene.event(cut(Source::World, 1));
    scene.sent(0, &ring());
    assert_eq!((scene.judgement().judged, scene.violations().as_str()), (0, ""));
}

#[test]
fn every_cut_must_be_healed_before_anything_arrives() {
    let mut scene = scene();
    scene.event(cut(Source::World, 1));
    scene.event(cut(Source::World, 2));
    scene.event(heal(1));
    scene.arrived(0, &ring());
    assert_eq!(scene.judgement().count(), 1);
    scene.event(heal(2));
    scene.arrived(1, &ring());
    assert_eq!(scene.judgement().count(), 1);
}

#[test]
fn both_directions_may_share_a_number_and_heal_together() {
    let mut scene = scene();
    let back = Event::new(SimTime::ZERO, Source::World, "cut")
        .with("from", vec!["server".to_owned()])
        .with("to", vec!["alice".to_owned()])
        .with("cut", 1u64);
    scene.event(cut(Source::World, 1));
    scene.event(back);
    scene.arrived(0, &ring());
    scene.see(1, Stage::Arrived, "server", "alice", &ring());
    assert_eq!(scene.judgement().count(), 2);
    scene.event(heal(1));
    scene.arrived(2, &ring());
    scene.see(3, Stage::Arrived, "server", "alice", &ring());
    assert_eq!(scene.judgement().count(), 2);
}

#[test]
fn only_the_worlds_word_counts() {
    for source in [Source::Claim, Source::Step] {
        let mut scene = scene();
        scene.event(cut(source, 1));
        scene.arrived(0, &ring());
        assert_eq!((scene.judgement().judged, scene.violations().as_str()), (0, ""), "{source}");
        scene.event(cut(Source::World, 1));
        scene.event(Event { source, ..heal(1) });
        scene.arrived(1, &ring());
        assert_eq!(scene.judgement().count(), 1, "{source}");
    }
}

/// How many of these packets a cut with these further fields is meant for.
fn meant(fields: impl Fn(Event) -> Event, packets: &[Vec<u8>]) -> Vec<bool> {
    let mut scene = scene();
    scene.event(fields(cut(Source::World, 1)));
    assert_eq!(scene.violations(), "");
    let mut meant = Vec::new();
    for packet in packets {
        let before = scene.judgement().count();
        scene.arrived(meant.len() as u64, packet);
        meant.push(scene.judgement().count() > before);
        assert_eq!(scene.judgement().judged, scene.judgement().count());
    }
    meant
}

#[test]
fn a_cut_of_a_protocol_or_a_port_lets_the_others_pass() {
    let packets = [
        udp("10.0.0.1:7000", "10.0.0.2:5060", b"x"),
        udp("10.0.0.1:5060", "10.0.0.2:7000", b"x"),
        udp("10.0.0.1:7000", "10.0.0.2:7000", b"x"),
        tcp("10.0.0.1:7000", "10.0.0.2:5060", 1, ACK, b"x"),
        port_unreachable(&udp("10.0.0.1:5060", "10.0.0.2:5060", b"x")),
        b"no packet".to_vec(),
    ];
    let all = |event: Event| event;
    let udp_only = |event: Event| event.with("protocol", "udp");
    let tcp_only = |event: Event| event.with("protocol", "tcp");
    let icmp_only = |event: Event| event.with("protocol", "icmp");
    let port = |event: Event| event.with("port", 5060u16);
    let both = |event: Event| event.with("protocol", "udp").with("port", 5060u16);
    assert_eq!(meant(all, &packets), [true, true, true, true, true, true]);
    assert_eq!(meant(udp_only, &packets), [true, true, true, false, false, false]);
    assert_eq!(meant(tcp_only, &packets), [false, false, false, true, false, false]);
    assert_eq!(meant(icmp_only, &packets), [false, false, false, false, true, false]);
    assert_eq!(meant(port, &packets), [true, true, false, true, false, false]);
    assert_eq!(meant(both, &packets), [true, true, false, false, false, false]);
}

#[test]
fn a_later_fragment_is_of_the_port_that_the_first_one_had_when_it_was_sent() {
    let [one, two] = udp_in_two("10.0.0.1:7000", "10.0.0.2:5060", &[7; 64], 1, 40);
    let mut scene = scene();
    scene.event(cut(Source::World, 1).with("port", 5060u16));
    scene.sent(0, &one);
    scene.sent(1, &two);
    scene.arrived(1, &two);
    assert_eq!((scene.judgement().count(), scene.judgement().exemptions.len()), (1, 0));
}

#[test]
fn a_fragment_whose_ports_nobody_saw_is_not_judged_and_that_is_said() {
    let [_, two] = udp_in_two("10.0.0.1:7000", "10.0.0.2:5060", &[7; 64], 1, 40);
    let mut scene = scene();
    scene.event(cut(Source::World, 1).with("port", 5060u16));
    scene.arrived(1, &two);
    assert_eq!((scene.judgement().judged, scene.judgement().count()), (0, 0));
    assert_eq!(scene.judgement().exemptions[0].count, 1);
    // A cut of everything needs no port to know.
    scene.event(cut(Source::World, 2));
    scene.arrived(1, &two);
    assert_eq!((scene.judgement().judged, scene.judgement().count()), (1, 1));
}

#[test]
fn an_entry_of_the_worlds_that_can_not_be_read_is_a_violation() {
    let mut scene = scene();
    let bare = || Event::new(SimTime::ZERO, Source::World, "cut");
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    scene.event(bare());
    scene.event(bare().with("cut", "one"));
    scene.event(bare().with("cut", 1u64).with("from", "alice").with("to", names(&["server"])));
    scene.event(bare().with("cut", 1u64).with("from", names(&["alice"])).with("to", names(&["mallory"])));
    scene.event(cut(Source::World, 1).with("protocol", "sctp"));
    scene.event(cut(Source::World, 1).with("port", 65_536u64));
    scene.event(heal(1));
    scene.event(Event::new(SimTime::ZERO, Source::World, "heal"));
    insta::assert_snapshot!(scene.violations(), @r#"
    0.001000s the world's `cut` can't be read: no number `cut` []
    0.002000s the world's `cut` can't be read: no number `cut` []
    0.003000s the world's `cut` can't be read: no list `from` []
    0.004000s the world's `cut` can't be read: no host is called "mallory" []
    0.005000s the world's `cut` can't be read: `protocol` is sctp, not udp, tcp or icmp []
    0.006000s the world's `cut` can't be read: `port` is 65536, not a port's number []
    0.007000s the world's `heal` names no cut that is open []
    0.008000s the world's `heal` names no cut that is open []
    "#);
    scene.arrived(0, &ring());
    assert_eq!(scene.judgement().judged, 0);
}
