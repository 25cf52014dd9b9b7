//! The witnesses of WebRTC media, each in both directions: what breaks its rule, and what looks alike and doesn't. All
//! witnesses listen to every play, so that no other one may complain.

use crate::play::{Call, Play, Verdicts};
use crate::rtc::{Peers, record, report, rtp, whole};

const ENCRYPTED: &str = "webrtc_media_is_encrypted";
const INDEX: &str = "no_index_is_sent_twice";
const RANDOMS: &str = "no_two_handshakes_share_randoms";
const DTLS: &str = "no_media_before_dtls";
const FINGERPRINTS: &str = "fingerprints_match";
const CONSENT: &str = "without_consent_no_media";
const HEARD: &str = "established_means_heard";
const QUIET: &str = "after_the_end_no_rtp";

/// Alice's browser and the server, and the call between them, whose descriptions are of WebRTC.
pub fn call(name: &str) -> (Call, Peers) {
    let peers = Peers::new(name, ("alice", 4_000), ("server", 5_000));
    let mut call = Call::new(name, "alice", "server");
    call.descriptions = [Some(peers.description(0)), Some(peers.description(1))];
    (call, peers)
}

/// The first frame of a browser, in a play of which it decides what comes before.
fn with(before: impl Fn(&mut Play, &mut Peers)) -> Verdicts {
    let mut play = Play::new();
    let (call, mut peers) = call("c1");
    call.connect(&mut play);
    before(&mut play, &mut peers);
    play.wait(10_000);
    play.ends()
}

#[test]
fn a_call_in_health_breaks_nothing_and_every_rule_was_judged() {
    // Both protection profiles.
    for name in ["c1", "c2"] {
        let mut play = Play::new();
        let (mut call, mut peers) = call(name);
        call.connect(&mut play);
        peers.connect(&mut play);
        peers.talk(&mut play, 40);
        call.hang_up(&mut play, "alice");
        let verdicts = play.ends_later();
        for witness in [ENCRYPTED, INDEX, RANDOMS, DTLS, FINGERPRINTS, CONSENT, HEARD, QUIET] {
            verdicts.holds(witness);
        }
    }
    let profiles: Vec<bool> = ["c1", "c2"].map(|name| call(name).1.sealers[0].is_gcm).into();
    assert_ne!(profiles[0], profiles[1], "both profiles are played");
}

// RFC 8827 6.5.

#[test]
fn media_that_is_not_encrypted_breaks_the_rule_with_ice_before_it_or_without() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        peers.talk(play, 5);
        peers.send(play, 1, &rtp(9, 9, 0x55));
    });
    verdicts.breaks(ENCRYPTED, "server sends media from 10.0.0.2:5000 to 10.0.0.1:4000 that isn't encrypted");
    let verdicts = with(|play, peers| {
        peers.connect(play);
        peers.talk(play, 5);
        peers.send(play, 0, &report(9));
    });
    verdicts.breaks(ENCRYPTED, "alice sends control from 10.0.0.1:4000 to 10.0.0.2:5000 that isn't encrypted");

    let mut play = Play::new();
    let (call, _) = call("c1");
    call.connect(&mut play);
    play.frame(("alice", 4_000), ("bob", 6_000), false);
    assert!(play.ends().told().contains("10.0.0.1:4000, which its description names for SRTP"));
}

#[test]
fn a_false_key_opens_nothing_and_nor_does_none() {
    let of = |claims: bool, bends: fn(&mut Peers)| {
        with(|play, peers| {
            peers.check(play);
            peers.hellos(play);
            peers.finish(play);
            let mut false_ones = peers.clone();
            bends(&mut false_ones);
            if claims {
                false_ones.claim(play);
            }
            peers.talk(play, 1);
        })
        .told()
    };
    let unopened = |told: &str| told.matches("that no recorded key opens").count();
    assert_eq!(unopened(&of(true, |_| {})), 0);
    assert_eq!(unopened(&of(false, |_| {})), 2, "one a side");
    assert_eq!(unopened(&of(true, |peers| peers.sealers[0].key[3] ^= 1)), 1);
    assert_eq!(unopened(&of(true, |peers| peers.sealers[1].salt[3] ^= 1)), 1);
}

#[test]
fn the_rollover_counter_is_followed() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        for sequence in 65_530..65_545u32 {
            let packet = peers.sealers[0].seal(&rtp(1, sequence as u16, 1), sequence >> 16);
            peers.send(play, 0, &packet);
        }
        peers.talk(play, 5);
    });
    verdicts.holds(ENCRYPTED);
}

// RFC 3711 9.1.

#[test]
fn an_index_may_be_sent_again_with_the_same_bytes_and_no_others() {
    let twice = |again: fn(&Peers) -> Vec<u8>| {
        with(|play, peers| {
            peers.connect(play);
            peers.talk(play, 5);
            peers.send(play, 0, &again(peers));
        })
    };
    twice(|peers| peers.sealers[0].seal(&rtp(peers.ssrc[0], 7, 0x55), 0)).holds(INDEX);
    twice(|peers| peers.sealers[0].seal(&rtp(peers.ssrc[0], 7, 0x56), 0)).breaks(INDEX, "index 7 of SSRC");
    twice(|peers| peers.sealers[0].seal(&rtp(peers.ssrc[0] + 9, 7, 0x56), 0)).holds(INDEX);
}

#[test]
fn an_index_that_comes_again_much_later_is_another_packet() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        let first = peers.sealers[0].seal(&rtp(1, 100, 0x55), 0);
        peers.send(play, 0, &first);
        for sequence in 101..1_130 {
            let packet = peers.sealers[0].seal(&rtp(1, sequence, 0x55), 0);
            peers.send(play, 0, &packet);
        }
        peers.send(play, 0, &first);
        peers.talk(play, 5);
    });
    verdicts.breaks(INDEX, "index 100 of SSRC 00000001 again");
}

// RFC 5246 7.4.1.2.

#[test]
fn two_handshakes_with_one_random_break_the_rule_and_one_that_is_repeated_does_not() {
    let second = |same: bool| {
        with(|play, peers| {
            peers.connect(play);
            peers.hellos(play);
            let mut other = Peers::new("x7", ("bob", 4_000), ("server", 5_002));
            if same {
                // The first four bytes are the time.
                other.randoms[1][4..].copy_from_slice(&peers.randoms[0][4..]);
            }
            other.connect(play);
            peers.talk(play, 5);
        })
    };
    second(false).holds(RANDOMS);
    second(true).breaks(RANDOMS, "server begins a handshake with a random that alice had in another one");
}

// RFC 5763 5.

#[test]
fn who_sends_before_the_others_finished_has_come_breaks_the_rule() {
    let early = |finished: bool, side: usize| {
        with(|play, peers| {
            peers.check(play);
            peers.hellos(play);
            peers.claim(play);
            if finished {
                peers.finish(play);
            }
            peers.frame(play, side);
            peers.finish(play);
            peers.talk(play, 5);
        })
    };
    for (side, who) in [(0, "alice"), (1, "server")] {
        early(true, side).holds(DTLS);
        early(false, side).breaks(DTLS, &format!("{who} sends media from"));
    }
}

#[test]
fn the_handshake_of_another_call_on_the_same_port_is_not_this_ones() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        peers.talk(play, 5);
        let mut next = Peers::new("zz", peers.ends[0], peers.ends[1]);
        next.check(play);
        next.hellos(play);
        next.claim(play);
        next.frame(play, 0);
    });
    assert!(verdicts.told().contains("alice sends media from 10.0.0.1:4000"), "{}", verdicts.told());
}

// RFC 8122 6.2.

#[test]
fn a_certificate_that_the_description_does_not_tell_of_breaks_the_rule() {
    let mut play = Play::new();
    let (call, mut peers) = call("c1");
    call.connect(&mut play);
    peers.certificates[1] = b"somebody else's".to_vec();
    peers.connect(&mut play);
    peers.talk(&mut play, 7);
    let told = play.ends().told();
    assert!(told.contains("server presents a certificate from 10.0.0.2:5000 that isn't the one of its"), "{told}");
    assert!(told.contains("alice goes on at 10.0.0.1:4000 with somebody whose certificate"), "{told}");
    assert!(told.lines().all(|line| line.starts_with(FINGERPRINTS)), "{told}");
}

#[test]
fn who_goes_no_further_with_a_false_certificate_is_right() {
    let mut play = Play::new();
    let (call, mut peers) = call("c1");
    call.connect(&mut play);
    peers.certificates[1] = b"somebody else's".to_vec();
    peers.check(&mut play);
    peers.hellos(&mut play);
    peers.send(&mut play, 0, &record(21, 0, &[2, 42]));
    play.wait(10_000);
    let told = play.ends().told();
    let own: Vec<&str> = told.lines().filter(|line| line.starts_with(FINGERPRINTS)).collect();
    assert_eq!(own.len(), 1, "{told}");
    assert!(own[0].contains("server presents"), "{told}");
}

#[test]
fn a_session_that_nobody_described_by_sip_is_excused() {
    let mut play = Play::new();
    let mut peers = Peers::new("c1", ("alice", 4_000), ("bob", 5_000));
    peers.connect(&mut play);
    peers.talk(&mut play, 7);
    play.ends().excuses(FINGERPRINTS, "no SIP message described");
}

// RFC 7675 5.1.

#[test]
fn thirty_seconds_after_the_last_answer_media_must_have_stopped() {
    for (millis, breaks) in [(30_990, false), (31_010, true)] {
        let verdicts = with(|play, peers| {
            peers.connect(play);
            peers.talk(play, 5);
            peers.check(play);
            let answered = play.now();
            // It goes on asking, and nobody answers.
            for _ in 0..6 {
                play.wait(5_000);
                play.send_in_vain(peers.ends[0], peers.ends[1], &peers.request(0));
            }
            play.wait(millis - (play.now() - answered).as_millis() as u64);
            peers.frame(play, 0);
        });
        if breaks { verdicts.breaks(CONSENT, "alice sends media from") } else { verdicts.holds(CONSENT) }
    }
}

#[test]
fn a_lite_side_goes_by_the_checks_that_come_and_a_full_one_does_not() {
    let only_asked = |side: usize| {
        with(|play, peers| {
            peers.connect(play);
            peers.talk(play, 5);
            for _ in 0..8 {
                play.wait(5_000);
                // Asked by the other side, and asking in vain.
                play.send_in_vain(peers.ends[0], peers.ends[1], &peers.request(0));
                peers.send(play, 1 - side, &peers.request(1 - side));
            }
            peers.frame(play, side);
        })
    };
    only_asked(1).holds(CONSENT);
    only_asked(0).breaks(CONSENT, "alice sends media from");
}

#[test]
fn an_address_that_never_agreed_gets_no_media() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        peers.talk(play, 5);
        let packet = peers.next(0);
        play.send(peers.ends[0], ("bob", 7_000), &packet);
    });
    verdicts.breaks(CONSENT, "to 10.0.0.3:7000, who never agreed to it");
}

// RFC 3264 5.1, of sessions.

#[test]
fn an_established_call_whose_media_no_key_opens_or_that_has_none_is_not_heard() {
    let deaf = |talks: [bool; 2]| {
        with(|play, peers| {
            peers.connect(play);
            for side in [0, 1].into_iter().filter(|side| talks[*side]) {
                peers.frame(play, side);
            }
        })
    };
    deaf([true, true]).holds(HEARD);
    deaf([true, false]).breaks(HEARD, "no media that a key opens has arrived at alice");
    deaf([false, true]).breaks(HEARD, "no media that a key opens has arrived at server");
}

// RFC 3261 15.

#[test]
fn after_the_end_a_browser_is_quiet_too() {
    for (millis, breaks) in [(900, false), (1_100, true)] {
        let mut play = Play::new();
        let (mut call, mut peers) = call("c1");
        call.connect(&mut play);
        peers.connect(&mut play);
        peers.talk(&mut play, 5);
        call.hang_up(&mut play, "server");
        play.wait(millis);
        peers.frame(&mut play, 0);
        play.wait(1_100);
        if breaks {
            peers.frame(&mut play, 0);
        }
        let verdicts = play.ends();
        if breaks {
            verdicts.breaks(QUIET, "alice still sends media from 10.0.0.1:4000")
        } else {
            verdicts.holds(QUIET)
        }
    }
}

#[test]
fn a_copy_of_what_no_key_opens_is_not_heard_either() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        peers.frame(play, 0);
        let mut packet = peers.next(1);
        *packet.last_mut().unwrap() ^= 1;
        peers.send(play, 1, &packet);
        peers.send(play, 1, &whole(1, 3, &[]));
    });
    let told = verdicts.told();
    assert!(told.contains("no media that a key opens has arrived at alice"), "{told}");
    assert!(
        told.contains("server sends media from 10.0.0.2:5000 to 10.0.0.1:4000 that no recorded key opens"),
        "{told}"
    );
}

// RFC 1035 4.1.1: the number of a question is any, and its answer begins with it.

#[test]
fn an_answer_of_dns_is_no_media_whatever_its_number_is() {
    let verdicts = with(|play, peers| {
        peers.connect(play);
        let (phone, names) = (peers.ends[0], ("carrier", 53));
        // As RTP begins, RTCP, a record of DTLS and the data of a channel.
        for number in [[0x80, 0x00], [0xbf, 200], [22, 0xfe], [0x40, 0x01]] {
            let message = |flags: u8| [&number[..], &[flags, 0, 0, 1, 0, 1, 0, 0, 0, 0, 3], b"pbx", &[0; 40]].concat();
            for from in [("alice", 40_000), phone] {
                play.send(from, names, &message(1));
                play.send(names, from, &message(0x81));
                play.send_in_vain(names, from, &message(0x81));
            }
        }
        peers.talk(play, 5);
    });
    for rule in [ENCRYPTED, DTLS, CONSENT] {
        verdicts.holds(rule);
    }
}
