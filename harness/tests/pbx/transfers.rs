//! Transfers that the server carries out (RFC 3515, 3891, 5589), and what becomes of each of the three.

use std::time::Duration;

use busyhour::media::Direction;
use busyhour::pbx::{CallEnding, MediaPath, Server};
use busyhour::sip::ua::{CallId, Ending, Event};
use busyhour::{Universe, simulate};

use crate::phone::{Manner, Phone};
use crate::{install, nothing_is_left, registered, settings};

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the transferor was told last.
async fn is_told(phone: &Phone) -> u16 {
    phone
        .until("how the transfer went", |event| match event {
            Event::Notified { status, last: true, .. } => Some(*status),
            _ => None,
        })
        .await
}

/// Two in a call, the second held by the first.
async fn talking(u: &Universe, server: &Server) -> (Phone, Phone, CallId, CallId) {
    let (alice, bob) = (registered(u, server, "alice").await, registered(u, server, "bob").await);
    let out = alice.calls("bob");
    alice.is_answered(out).await;
    let inside = bob.rings().await;
    bob.is_confirmed(inside).await;
    alice.offers(out, Direction::SendOnly);
    alice.until("hold", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
    u.sleep(second(1)).await;
    (alice, bob, out, inside)
}

fn refer(phone: &Phone, call: CallId, to: &str) {
    let by = format!("<sip:{}@pbx.test>", phone.user);
    phone.act(|ua, now| ua.refer(now, call, &format!("<sip:{to}@pbx.test>"), &by));
}

pub(crate) fn refer_to_call(phone: &Phone, call: CallId, to: &str, other: CallId) {
    let by = format!("<sip:{}@pbx.test>", phone.user);
    phone.act(|ua, now| {
        let replaces = ua.replaces(other).unwrap().replace(';', "%3B").replace('=', "%3D");
        ua.refer(now, call, &format!("<sip:{to}@pbx.test?Replaces={replaces}>"), &by);
    });
}

#[test]
fn a_blind_transfer_joins_the_two_and_lets_the_transferor_go() {
    for path in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.media = path;
            let server = install(&u, settings).await;
            let (alice, bob, out, inside) = talking(&u, &server).await;
            let carol = registered(&u, &server, "carol").await;
            bob.looks_away();
            refer(&alice, out, "carol");
            assert_eq!(is_told(&alice).await, 200);
            let third = carol.rings().await;
            assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
            // Who was on hold is so no more.
            let offer = bob
                .until("the offer that ends the hold", |event| match event {
                    Event::Offered { request, .. } => Some(request.body_bytes()),
                    _ => None,
                })
                .await;
            assert!(!String::from_utf8_lossy(&offer).contains("sendonly"));
            u.sleep(second(5)).await;
            assert_eq!(server.calls().len(), 1);
            assert!(!bob.has_ended(inside));
            carol.hangs_up(third);
            assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
            nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
            let endings: Vec<CallEnding> = server.records().iter().map(|record| record.ending).collect();
            assert_eq!(endings, [CallEnding::Transferred, CallEnding::CalleeHungUp]);
        });
    }
}

/// siphon-sip#220: the transferor's BYE killed the survivor. She may hang up at any moment.
#[test]
fn whenever_the_transferor_hangs_up_the_others_stay() {
    for millis in [1, 5, 20, 1_500, 4_000] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob, out, inside) = talking(&u, &server).await;
            let carol = registered(&u, &server, "carol").await;
            carol.manner(Manner::Rings);
            refer(&alice, out, "carol");
            u.sleep(Duration::from_millis(millis)).await;
            let third = carol.rings().await;
            alice.hangs_up(out);
            u.sleep(second(1)).await;
            carol.answers(third);
            carol.is_confirmed(third).await;
            u.sleep(second(5)).await;
            assert!(!bob.has_ended(inside), "after {millis} ms");
            bob.hangs_up(inside);
            carol.ends(third).await;
            nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
        });
    }
}

#[test]
fn a_transfer_to_nobody_fails_and_the_call_stays() {
    for (target, manner, status) in [
        ("zoe", Manner::Answers, 404),
        ("dave", Manner::Answers, 480),
        ("carol", Manner::Refuses(486), 486),
        ("carol", Manner::Refuses(603), 603),
        ("carol", Manner::Rings, 480),
    ] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob, out, inside) = talking(&u, &server).await;
            let carol = registered(&u, &server, "carol").await;
            carol.manner(manner);
            refer(&alice, out, target);
            assert_eq!(is_told(&alice).await, status, "{target} {manner:?}");
            assert!(!alice.has_ended(out) && !bob.has_ended(inside));
            alice.looks_away();
            alice.offers(out, Direction::SendRecv);
            alice.until("the call back", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
            alice.hangs_up(out);
            bob.ends(inside).await;
            nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
        });
    }
}

/// She hung up before it failed: it comes back to her.
#[test]
fn a_failed_transfer_comes_back_to_a_transferor_who_has_gone() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        let carol = registered(&u, &server, "carol").await;
        carol.manner(Manner::Rings);
        refer(&alice, out, "carol");
        let third = carol.rings().await;
        alice.hangs_up(out);
        alice.ends(out).await;
        carol.act(|ua, now| ua.reject(now, third, 486, &[]));
        let back = alice.rings().await;
        alice.is_confirmed(back).await;
        u.sleep(second(2)).await;
        assert!(!bob.has_ended(inside));
        alice.hangs_up(back);
        bob.ends(inside).await;
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

#[test]
fn the_survivor_hangs_up_while_it_rings_and_the_transferor_hears_of_it() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        let carol = registered(&u, &server, "carol").await;
        carol.manner(Manner::Rings);
        refer(&alice, out, "carol");
        let third = carol.rings().await;
        bob.hangs_up(inside);
        assert_eq!(is_told(&alice).await, 487);
        alice.ends(out).await;
        assert_eq!(carol.ends(third).await, Ending::Cancelled);
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

/// She talks to carol first, then joins the two.
#[test]
fn an_attended_transfer_joins_the_two_others() {
    for path in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.media = path;
            let server = install(&u, settings).await;
            let (alice, bob, out, inside) = talking(&u, &server).await;
            let carol = registered(&u, &server, "carol").await;
            let consultation = alice.calls("carol");
            alice.is_answered(consultation).await;
            let third = carol.rings().await;
            u.sleep(second(5)).await;
            refer_to_call(&alice, out, "carol", consultation);
            assert_eq!(is_told(&alice).await, 200);
            alice.ends(out).await;
            alice.ends(consultation).await;
            u.sleep(second(5)).await;
            assert!(!bob.has_ended(inside) && !carol.has_ended(third));
            let calls = server.calls();
            assert_eq!(calls.len(), 1);
            assert_eq!((&*calls[0].caller, calls[0].callee.as_deref()), ("carol", Some("bob")));
            bob.hangs_up(inside);
            assert_eq!(carol.ends(third).await, Ending::PeerHungUp);
            nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
        });
    }
}

/// Before carol has answered (RFC 5589 7.3: "semi-attended").
#[test]
fn an_attended_transfer_while_it_rings_gives_the_answer_to_the_one_who_waits() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        let carol = registered(&u, &server, "carol").await;
        carol.manner(Manner::Rings);
        let consultation = alice.calls("carol");
        let third = carol.rings().await;
        u.sleep(second(1)).await;
        refer_to_call(&alice, out, "carol", consultation);
        alice.ends(consultation).await;
        u.sleep(second(1)).await;
        assert!(!carol.has_ended(third));
        carol.answers(third);
        assert_eq!(is_told(&alice).await, 200);
        alice.ends(out).await;
        u.sleep(second(5)).await;
        assert!(!bob.has_ended(inside) && !carol.has_ended(third));
        carol.hangs_up(third);
        bob.ends(inside).await;
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

/// Nobody joins calls that aren't hers.
#[test]
fn a_transfer_that_names_somebody_elses_call_fails() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        let (carol, dave) = (registered(&u, &server, "carol").await, registered(&u, &server, "dave").await);
        let other = carol.calls("dave");
        carol.is_answered(other).await;
        let replaces = carol.act(|ua, _| ua.replaces(other)).unwrap().replace(';', "%3B").replace('=', "%3D");
        alice.act(|ua, now| {
            ua.refer(now, out, &format!("<sip:dave@pbx.test?Replaces={replaces}>"), "<sip:alice@pbx.test>");
        });
        assert_eq!(is_told(&alice).await, 481);
        assert!(!alice.has_ended(out) && !bob.has_ended(inside) && !carol.has_ended(other));
        alice.hangs_up(out);
        carol.hangs_up(other);
        nothing_is_left(&u, &server, &[&alice, &bob, &carol, &dave]).await;
    });
}

/// RFC 3891: a phone's INVITE takes another's place.
#[test]
fn an_invite_with_replaces_takes_over_a_call() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        let carol = registered(&u, &server, "carol").await;
        let replaces = alice.act(|ua, _| ua.replaces(out)).unwrap();
        let outgoing = carol.outgoing("bob").with("Replaces", replaces);
        let taken = carol.act(|ua, now| ua.call(now, outgoing));
        carol.is_answered(taken).await;
        alice.ends(out).await;
        u.sleep(second(3)).await;
        assert!(!bob.has_ended(inside));
        bob.hangs_up(inside);
        carol.ends(taken).await;
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

#[test]
fn a_transfer_into_a_room() {
    simulate(1, |u| async move {
        let server = install(&u, settings().room("8600051")).await;
        let (alice, bob, out, inside) = talking(&u, &server).await;
        refer(&alice, out, "8600051");
        assert_eq!(is_told(&alice).await, 200);
        alice.ends(out).await;
        u.sleep(second(2)).await;
        assert_eq!(server.members("8600051"), 1);
        assert!(!bob.has_ended(inside));
        bob.hangs_up(inside);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}
