//! Two hosts, straight to each other.

use std::net::SocketAddrV4;

use busyhour::media::tone::{self, Voice};
use busyhour::media::{
    AudioLine, Behaviour, Cadence, Codec, Direction, FRAME_TIME, LineEvent, Remote, StreamStats, cadence,
};
use busyhour::net::link::GilbertElliott;
use busyhour::net::nat::NatKind;
use busyhour::world::Random;
use busyhour::{Universe, simulate};

use crate::support::*;

#[test]
fn each_hears_the_other_and_nobody_herself() {
    simulate(1, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(200)).await;
        let from = u.now();
        assert_eq!(hears(&u, &bob).await, [0]);
        assert_eq!(heard(&alice, from, u.now()), [1]);
        assert_eq!(one.port() % 2, 0);
    });
}

#[test]
fn a_voice_is_heard_within_a_tenth_of_a_second_and_without_a_seam() {
    simulate(1, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(1_000)).await;
        let samples = bob.room().heard(ago(&u, ms(900)), u.now()).unwrap();
        let loud = samples.iter().filter(|sample| sample.unsigned_abs() > 16).count();
        assert!(loud * 100 > samples.len() * 95, "{loud} of {}", samples.len());
        for window in samples.chunks_exact(tone::WINDOW) {
            assert_eq!(tone::present(window, &voices()), [Voice::number(0)]);
        }
        drop(alice);
    });
}

/// Law 1.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| {
        let outcome = Universe::seeded(seed).run(|u| async move {
            let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
            u.network().between(&alice, &bob).loses(0.05).unwrap();
            talk(&one, &other);
            one.send_digits("12");
            u.sleep(ms(8_000)).await;
            bob.room().heard(ago(&u, ms(1_000)), u.now()).unwrap()
        });
        (outcome.digest(), outcome.result.unwrap())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).0, run(4).0);
}

async fn call_over(u: &Universe, percent: f64, seconds: u64) -> StreamStats {
    let ((alice, one), (bob, other)) = (party(u, "alice", 0).await, party(u, "bob", 1).await);
    u.network().one_way(&alice, &bob).loses(percent / 100.0).unwrap();
    cadence::under_fault();
    talk(&one, &other);
    u.sleep(ms(seconds * 1_000)).await;
    assert_eq!(hears(u, &bob).await, [0]);
    other.stats()
}

/// G.107 with Bpl 25.1: 5% by chance is 3.92, and nothing lost is 4.41.
#[test]
fn loss_scores_what_the_e_model_says() {
    for (percent, seconds, mos) in [(0.0, 10, 4.41), (5.0, 60, 3.92), (20.0, 60, 2.63)] {
        let stats = simulate(5, move |u| async move { call_over(&u, percent, seconds).await });
        assert!((stats.loss_share * 100.0 - percent).abs() < 1.5, "{stats:?}");
        assert!((stats.mos_heard - mos).abs() < 0.25, "{percent}%: {stats:?}");
        assert!(percent == 0.0 || (stats.burst_ratio - 1.0).abs() < 0.2, "{stats:?}");
    }
}

#[test]
fn bursts_score_worse_than_the_same_loss_by_chance() {
    simulate(6, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        let bursts = GilbertElliott { p_good_to_bad: 0.01, p_bad_to_good: 0.2, loss_good: 0.0, loss_bad: 1.0 };
        u.network().one_way(&alice, &bob).loses_in_bursts(bursts).unwrap();
        cadence::under_fault();
        talk(&one, &other);
        u.sleep(ms(60_000)).await;
        let stats = other.stats();
        assert!(stats.burst_ratio > 2.5, "{stats:?}");
        let by_chance = busyhour::media::mos::rating(stats.loss_share, 1.0, busyhour::media::mos::BPL_CONCEALED);
        assert!(stats.mos_heard < busyhour::media::mos::score(by_chance) - 0.2, "{stats:?}");
    });
}

#[test]
fn jitter_is_measured_and_played_out() {
    simulate(8, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        u.network().between(&alice, &bob).has_jitter(ms(80), ms(40)).unwrap();
        cadence::under_fault();
        talk(&one, &other);
        u.sleep(ms(20_000)).await;
        other.score_anew();
        u.sleep(ms(20_000)).await;
        let stats = other.stats();
        assert!(stats.jitter > ms(5) && stats.jitter < ms(60), "{stats:?}");
        assert!(stats.loss_share < 0.02 && stats.mos_heard > 4.2, "{stats:?}");
        assert!(stats.round_trip.unwrap() >= ms(150), "{stats:?}");
        assert_eq!(hears(&u, &bob).await, [0]);
        drop(alice);
    });
}

/// RFC 3264 8.4, and siphon-ai#402: hold is no silence.
#[test]
fn on_hold_nothing_flows_and_no_watchdog_bites() {
    simulate(2, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(500)).await;
        one.connect(pcmu(other.address()).with_direction(Direction::SendOnly));
        other.connect(pcmu(one.address()).with_direction(Direction::RecvOnly));
        one.play(Some(tone::music()));
        u.sleep(ms(500)).await;
        let from = u.now();
        assert_eq!(hears(&u, &bob).await, NOBODY, "music is nobody's voice");
        assert_eq!(heard(&alice, from, u.now()), NOBODY);
        let sounds = bob.room().heard(from, u.now()).unwrap();
        assert!(sounds.iter().any(|sample| sample.abs() > 1_000), "but it's heard");
        one.connect(pcmu(other.address()).with_direction(Direction::Inactive));
        other.connect(pcmu(one.address()).with_direction(Direction::Inactive));
        u.sleep(ms(200)).await;
        let sent = (one.stats().sent, other.stats().sent);
        u.sleep(ms(120_000)).await;
        assert_eq!(sent, (one.stats().sent, other.stats().sent));
        assert!(tokio::time::timeout(ms(1), one.event()).await.is_err());
        one.play(None);
        talk(&one, &other);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &alice).await, [1]);
        assert_eq!(other.stats().lost, 0);
    });
}

/// RFC 4733 2.5.1.4: the end goes out three times because packets are lost.
#[test]
fn digits_arrive_once_through_loss() {
    for seed in 0..5 {
        simulate(seed, |u| async move {
            let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
            let between = u.network().between(&alice, &bob);
            between.loses(0.2).unwrap();
            between.duplicates(0.1).unwrap();
            talk(&one, &other);
            one.send_digits("1234567890*#1122");
            u.sleep(ms(6_000)).await;
            assert_eq!(other.digits(), "1234567890*#1122");
            assert_eq!(other.event().await, LineEvent::Digit('1'));
            assert_eq!(one.digits(), "");
        });
    }
}

/// asterisk#710: a timeout counts from the answer, and only where something should come.
#[test]
fn silence_is_told_after_the_timeout_but_not_while_it_rings() {
    simulate(3, |u| async move {
        let ((_, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        one.connect(pcmu(other.address()).early());
        u.sleep(ms(60_000)).await;
        assert!(tokio::time::timeout(ms(1), one.event()).await.is_err(), "it rings");
        talk(&one, &other);
        u.sleep(ms(2_000)).await;
        bob.crash();
        let crashed = u.now();
        let LineEvent::Timeout { silent_for } = one.event().await else { panic!("a timeout") };
        assert!(silent_for >= ms(30_000) && u.now() - crashed < ms(30_200), "{silent_for:?}");
        assert!(tokio::time::timeout(ms(60_000), one.event()).await.is_err(), "once");
        assert_eq!(bob.room().heard(ago(&u, ms(100)), u.now()).unwrap(), [0; 800]);
    });
}

/// design.md, media: auto sends every frame for 5 s after a change, then one in ten, and nobody counts loss.
#[test]
fn auto_is_sparing_until_somebody_listens() {
    simulate(4, |u| async move {
        let ((_, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(5_000)).await;
        let full = one.stats().sent;
        assert!((249..=251).contains(&full), "{full}");
        u.sleep(ms(20_000)).await;
        let sparing = one.stats().sent - full;
        assert!((99..=101).contains(&sparing), "{sparing}");
        let stats = other.stats();
        assert_eq!((stats.lost, stats.loss_share, stats.late, stats.jitter), (0, 0.0, 0, ms(0)), "{stats:?}");
        let quiet = bob.room().heard(ago(&u, ms(2_000)), u.now()).unwrap();
        let loud = quiet.iter().filter(|sample| sample.unsigned_abs() > 16).count();
        assert!((1_200..=1_600).contains(&loud), "a tenth is heard, and nothing is made up: {loud}");
        cadence::attend(u.now() + ms(1_000));
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, [0]);
        let before = one.stats().sent;
        u.sleep(ms(200) + FRAME_TIME * 10 + ms(4_000)).await;
        assert!(one.stats().sent - before < 35, "and sparing again");
        one.send_digits("5");
        u.sleep(ms(1_000)).await;
        assert_eq!(other.digits(), "5");
    });
}

#[test]
fn full_and_probe_force_it() {
    for (cadence, expected) in [(Cadence::Full, 1_000), (Cadence::Probe, 100)] {
        simulate(4, move |u| async move {
            cadence::set(cadence);
            let ((_, one), (_, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
            talk(&one, &other);
            u.sleep(ms(20_000)).await;
            let sent = one.stats().sent;
            assert!(sent.abs_diff(expected) <= 1, "{cadence:?}: {sent}");
            assert_eq!(other.stats().loss_share, 0.0);
        });
    }
}

/// rtpengine#1354, rvoip#50: a NAT forgets a binding in the call, and the audio must follow.
#[test]
fn a_binding_lost_in_a_call_is_followed() {
    simulate(9, |u| async move {
        let ((alice, one), (server, other)) = (party(&u, "alice", 0).await, party(&u, "server", 1).await);
        let nat = u.network().nat("office", NatKind::Symmetric, None);
        u.network().put_behind(&alice, nat);
        let nowhere: SocketAddrV4 = SocketAddrV4::new(alice.address(), one.port());
        one.connect(pcmu(other.address()));
        other.connect(pcmu(nowhere).latching());
        u.sleep(ms(500)).await;
        assert_eq!(hears(&u, &alice).await, [1]);
        u.network().forget_bindings(nat);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &alice).await, [1]);
        assert_eq!(hears(&u, &server).await, [0]);
        assert_eq!(other.stats().sources, 1);
    });
}

#[test]
fn a_closed_line_is_silent_says_farewell_and_its_ports_are_free() {
    simulate(1, |u| async move {
        let ((alice, one), (_, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(500)).await;
        assert_eq!(alice.socket_count(), 2);
        one.close().await;
        u.sleep(ms(100)).await;
        assert_eq!(other.event().await, LineEvent::Bye);
        assert_eq!(alice.socket_count(), 0);
        let received = other.stats().received;
        u.sleep(ms(1_000)).await;
        assert_eq!(other.stats().received, received);
        drop(other);
        u.sleep(ms(100)).await;
        assert_eq!(u.find_host("bob").unwrap().socket_count(), 0);
    });
}

#[test]
fn one_that_goes_on_after_its_call_does() {
    simulate(1, |u| async move {
        let ((_, one), (_, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        one.behave(Behaviour { keep_sending_after_close: true, ..Behaviour::default() });
        one.close().await;
        drop(one);
        u.sleep(ms(2_000)).await;
        assert!(other.stats().received > 90);
    });
}

#[test]
fn a_microphone_pulled_out_is_told_and_a_muted_one_is_silent() {
    simulate(1, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        one.mute(true);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, NOBODY);
        one.mute(false);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, [0]);
        alice.room().unplug_microphone();
        assert_eq!(one.event().await, LineEvent::MicrophoneLost);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, NOBODY);
        assert!(tokio::time::timeout(ms(1_000), other.event()).await.is_err(), "silence is sent");
        alice.room().plug_in_microphone();
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, [0]);
    });
}

/// One carrier's gateway has many customers, whose handsets are hosts of their own.
#[test]
fn a_gateway_serves_many_handsets() {
    simulate(1, |u| async move {
        let (gateway, office) = (u.host("carrier"), u.host("office"));
        let mut calls = Vec::new();
        for n in 0..6 {
            let handset = u.host(&format!("customer{n}"));
            handset.room().say(Voice::number(n).sound());
            let one = AudioLine::open(&gateway, &handset, Random::stream(u64::from(n), "gateway")).await.unwrap();
            let agent = u.host(&format!("agent{n}"));
            agent.room().say(Voice::number(10 + n).sound());
            let other = AudioLine::open(&office, &agent, Random::stream(u64::from(n), "office")).await.unwrap();
            one.connect(Remote::new(other.address(), Codec::Pcma));
            other.connect(Remote::new(one.address(), Codec::Pcma));
            calls.push((handset, one, agent, other));
        }
        u.sleep(ms(1_000)).await;
        for (n, (handset, _, agent, _)) in (0..).zip(&calls) {
            assert_eq!(heard(handset, ago(&u, ms(500)), u.now()), [10 + n]);
            assert_eq!(heard(agent, ago(&u, ms(500)), u.now()), [n]);
        }
    });
}

#[test]
fn a_laptop_that_slept_is_heard_again_at_once() {
    simulate(1, |u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        u.sleep(ms(1_000)).await;
        alice.pause();
        u.sleep(ms(20_000)).await;
        assert_eq!(hears(&u, &bob).await, NOBODY);
        alice.resume();
        cadence::attend(u.now() + ms(5_000));
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &bob).await, [0]);
        assert_eq!(hears(&u, &alice).await, [1]);
        assert!(one.stats().sent < 200, "what wasn't said isn't made up for");
    });
}

/// Law 4: the same lines on real sockets, by the real clock.
#[test]
fn live_lines_hear_each_other_too() {
    let folder = std::env::temp_dir().join(format!("busyhour-media-{}", std::process::id()));
    let outcome = Universe::live().files(&folder).run(|u| async move {
        let ((alice, one), (bob, other)) = (party(&u, "alice", 0).await, party(&u, "bob", 1).await);
        talk(&one, &other);
        one.send_digits("19");
        // A machine that has other things to do leaves gaps; some half second is whole.
        for _ in 0..20 {
            let from = u.now();
            let at_bob = hears(&u, &bob).await;
            if at_bob == [0] && heard(&alice, from, u.now()) == [1] && other.digits() == "19" {
                return true;
            }
        }
        false
    });
    std::fs::remove_dir_all(&folder).ok();
    assert!(outcome.result.unwrap());
}
