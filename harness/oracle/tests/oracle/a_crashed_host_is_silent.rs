//! Between its crash and its restart a host sends nothing and nothing arrives at it; likewise in its sleep
//! (Cristian 1991: crash failures).

use busyhour_oracle::ACrashedHostIsSilent;
use busyhour_trace::{Event, Loss, SimTime, Source, Stage};

use crate::packets::{Scene, udp};

type Silence = Scene<ACrashedHostIsSilent>;

fn happens(scene: &mut Silence, kind: &'static str, host: &str) {
    let host = scene.host(host);
    scene.event(Event::new(SimTime::ZERO, Source::World, kind).on(host));
}

fn ring() -> Vec<u8> {
    udp("10.0.0.1:5060", "10.0.0.2:5060", b"RING")
}

#[test]
fn nothing_leaves_or_reaches_a_host_that_is_down_or_asleep() {
    for (ends, begins, state) in [("crash", "restart", "down"), ("sleep", "wake", "asleep")] {
        let mut scene = Silence::new();
        scene.sent(0, &ring());
        scene.see(1, Stage::Arrived, "server", "alice", &ring());
        happens(&mut scene, ends, "alice");
        assert_eq!((scene.judgement().judged, scene.violations().as_str()), (1, ""));
        scene.sent(2, &ring());
        scene.see(3, Stage::Arrived, "server", "alice", &ring());
        happens(&mut scene, begins, "alice");
        scene.sent(4, &ring());
        scene.see(5, Stage::Arrived, "server", "alice", &ring());
        let expected = format!(
            "0.004000s packet #2 left alice, which is {state} since 0.003000s [PacketId(2)]\n\
             0.005000s packet #3 arrived at alice, which is {state} since 0.003000s [PacketId(3)]",
        );
        assert_eq!((scene.judgement().judged, scene.violations()), (1, expected));
    }
}

#[test]
fn what_it_sent_before_may_arrive_be_copied_or_be_lost_and_others_may_talk() {
    let mut scene = Silence::new();
    scene.sent(0, &ring());
    scene.sent(1, &ring());
    happens(&mut scene, "crash", "alice");
    scene.see(2, Stage::Copied { of: busyhour_trace::PacketId(0) }, "alice", "server", &ring());
    scene.arrived(0, &ring());
    scene.lost(1, Loss::Random, &ring());
    scene.see(3, Stage::Sent, "server", "crm", &ring());
    scene.see(3, Stage::Arrived, "server", "crm", &ring());
    scene.see(4, Stage::Lost(Loss::HostDown), "server", "alice", &ring());
    assert_eq!(scene.violations(), "");
}

#[test]
fn what_no_host_sends_breaks_no_silence() {
    let mut scene = Silence::new();
    happens(&mut scene, "crash", "alice");
    scene.see(0, Stage::Sent, "nobody", "server", &ring());
    assert_eq!(scene.violations(), "");
}

#[test]
fn a_host_that_crashes_in_its_sleep_is_silent_until_it_restarts() {
    let mut scene = Silence::new();
    happens(&mut scene, "sleep", "alice");
    happens(&mut scene, "crash", "alice");
    happens(&mut scene, "wake", "alice");
    scene.sent(0, &ring());
    assert_eq!(scene.judgement().count(), 1);
    happens(&mut scene, "sleep", "alice");
    happens(&mut scene, "restart", "alice");
    scene.sent(1, &ring());
    assert_eq!((scene.judgement().judged, scene.judgement().count()), (3, 1));
}

#[test]
fn every_crash_is_a_silence_and_a_second_one_without_a_restart_is_not() {
    let mut scene = Silence::new();
    for kind in ["crash", "crash", "restart", "crash"] {
        happens(&mut scene, kind, "crm");
    }
    assert_eq!(scene.judgement().judged, 2);
    scene.see(0, Stage::Arrived, "alice", "crm", &ring());
    assert_eq!(scene.violations(), "0.005000s packet #0 arrived at crm, which is down since 0.004000s [PacketId(0)]");
}

#[test]
fn only_the_worlds_word_counts() {
    for source in [Source::Claim, Source::Step] {
        let mut scene = Silence::new();
        let alice = scene.host("alice");
        scene.event(Event::new(SimTime::ZERO, source, "crash").on(alice));
        scene.sent(0, &ring());
        assert_eq!((scene.judgement().judged, scene.violations().as_str()), (0, ""), "{source}");
        happens(&mut scene, "crash", "alice");
        scene.event(Event::new(SimTime::ZERO, source, "restart").on(alice));
        scene.sent(1, &ring());
        assert_eq!(scene.judgement().count(), 1, "{source}");
    }
}

#[test]
fn a_crash_of_nobody_is_a_violation() {
    let mut scene = Silence::new();
    scene.event(Event::new(SimTime::ZERO, Source::World, "crash"));
    assert_eq!(scene.violations(), "0.001000s the world's `crash` names no host []");
}
