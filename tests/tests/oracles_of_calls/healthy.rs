//! Stories in which nobody does anything wrong.

use busyhour::Universe;

use crate::stage::{Cast, NUMBER, Stage, complaints, judged};

/// An hour's worth of what happens to phones, in two minutes.
async fn a_morning(u: Universe) {
    let stage = Stage::registered(&u, Cast::healthy()).await;
    let Stage { server, alice, bob, carol, carrier, .. } = &stage;

    // Call, hold, resume, hang up.
    stage.call(alice, bob, 4).await;
    alice.hold().unwrap();
    stage.seconds(5).await;
    alice.resume().unwrap();
    stage.seconds(4).await;
    bob.hang_up().unwrap();
    stage.seconds(1).await;

    // Refused, given up, and not there.
    carol.dial("bob").unwrap();
    stage.seconds(1).await;
    bob.reject().unwrap();
    stage.seconds(1).await;
    carol.dial("bob").unwrap();
    stage.seconds(1).await;
    carol.hang_up().unwrap();
    stage.seconds(1).await;
    carol.dial("nobody").unwrap();
    stage.seconds(2).await;

    // Lost are an ACK, a 200 and a BYE.
    stage.lose(1, alice.host(), server.host(), "ACK ");
    stage.lose(1, bob.host(), server.host(), "SIP/2.0 200 OK");
    stage.call(alice, bob, 4).await;
    stage.lose(1, server.host(), bob.host(), "BYE ");
    alice.hang_up().unwrap();
    stage.seconds(2).await;

    // A group whose members both are called, and a transfer.
    alice.dial("sales").unwrap();
    stage.seconds(1).await;
    bob.answer().unwrap();
    stage.seconds(4).await;
    bob.transfer("carol").unwrap();
    stage.seconds(1).await;
    carol.answer().unwrap();
    stage.seconds(4).await;
    alice.hang_up().unwrap();
    stage.seconds(1).await;

    // The carrier, both ways.
    alice.dial(NUMBER).unwrap();
    stage.seconds(6).await;
    carrier.hang_up(NUMBER).unwrap();
    stage.seconds(1).await;
    carrier.place_call(NUMBER, "8005550100");
    stage.seconds(2).await;
    bob.answer().unwrap();
    stage.seconds(4).await;
    bob.hang_up().unwrap();
    stage.seconds(1).await;

    // A cut, and a power cut.
    stage.call(alice, bob, 4).await;
    let between = u.network().between(alice.host(), server.host());
    between.cut();
    stage.seconds(3).await;
    between.heal();
    carol.host().crash();
    stage.seconds(3).await;
    carol.host().restart();
    stage.seconds(4).await;
    bob.hang_up().unwrap();
    stage.seconds(1).await;

    for phone in [alice, bob, carol] {
        phone.unregister().unwrap();
    }
    stage.seconds(45).await;
}

/// Rules of browsers, which nobody has this morning: tests/tests/witnesses_of_webrtc.rs and the features exercise them.
const OF_WEBRTC: [&str; 11] = [
    "a_gone_tab_ends_its_calls",
    "a_gone_tab_is_not_rung",
    "fingerprints_match",
    "no_index_is_sent_twice",
    "no_media_before_dtls",
    "no_relaying_after_expiry",
    "no_two_handshakes_share_randoms",
    "nothing_outlives_its_call",
    "one_contact_per_tab",
    "webrtc_media_is_encrypted",
    "without_consent_no_media",
];

/// Those that judge nothing where there's no floor.
const OF_THE_FLOOR: [&str; 11] = [
    "one_state_per_agent",
    "no_agent_in_two_calls",
    "no_lead_in_two_calls",
    "no_do_not_call_number_dialed",
    "one_disposition_for_each_call",
    "calls_placed_are_accounted_for",
    "session_time_adds_up",
    "drop_rate_within_target",
    "no_event_lost_at_rest",
    "effects_exactly_once",
    "no_forged_effect",
];

#[test]
fn nobody_complains_of_a_morning_without_mistakes_and_every_witness_has_judged_something() {
    for seed in 0..5 {
        let oracles = judged(seed, a_morning);
        assert_eq!(complaints(&oracles), [], "seed {seed}");
        let elsewhere = |name: &str| OF_WEBRTC.contains(&name) || OF_THE_FLOOR.contains(&name);
        for oracle in oracles.into_iter().filter(|oracle| !elsewhere(&oracle.name)) {
            assert!(
                oracle.judged > 0,
                "seed {seed}: {} judged nothing; it exempts {:?}",
                oracle.name,
                oracle.exemptions
            );
        }
    }
}
