//! Phones that are there by a WebSocket (RFC 7118), and what becomes of their bindings, their ringing and their calls when
//! it's lost (RFC 5626; domain.md Part 5). They speak plain RTP here: WebRTC has tests of its own.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::media::Direction;
use busyhour::pbx::{CallEnding, LostConnection, Server, ServerSettings};
use busyhour::sip::ua::{Ending, Event};
use busyhour::sip::{Name, Transport};
use busyhour::{Universe, simulate};

use crate::phone::{Manner, Phone};
use crate::{install, nothing_is_left, registered};

fn settings() -> ServerSettings {
    ServerSettings { webrtc: false, ..crate::settings() }
}

/// A phone over a WebSocket, registered for two minutes as the device that its host's name says.
async fn page_on(u: &Universe, server: &Server, user: &str, host: &str) -> Phone {
    let page = Phone::over(&u.host(host), server.host(), user, Transport::Ws, 0).await;
    assert_eq!(page.register_device().await.status(), Some(200));
    page
}

async fn page(u: &Universe, server: &Server, user: &str) -> Phone {
    page_on(u, server, user, user).await
}

async fn seconds(u: &Universe, seconds: u64) {
    u.sleep(Duration::from_secs(seconds)).await;
}

/// Part 5: with lost-connection handling the contact is gone within 2 s, without it it stays until it expires, 120 s.
#[test]
fn a_closed_connection_takes_its_binding_along_or_leaves_it_until_it_expires() {
    for (lost_connection, left) in [(LostConnection::Drops, 0), (LostConnection::KeepsUntilExpiry, 1)] {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { lost_connection, ..settings() }).await;
            let alice = page(&u, &server, "alice").await;
            assert_eq!(server.contacts("alice").len(), 1);
            alice.loses_its_connection();
            seconds(&u, 2).await;
            assert_eq!(server.contacts("alice").len(), left);
            seconds(&u, 116).await;
            assert_eq!(server.contacts("alice").len(), left);
            seconds(&u, 3).await;
            assert_eq!(server.contacts("alice").len(), 0);
        });
    }
}

/// drachtio-srf#57, OpenSIPS#1035. A browser listens nowhere, so that nobody may try to connect to it.
#[test]
fn a_contact_whose_connection_is_gone_fails_at_once_and_is_not_connected_to() {
    simulate(1, |u| async move {
        let server =
            install(&u, ServerSettings { lost_connection: LostConnection::KeepsUntilExpiry, ..settings() }).await;
        let alice = page(&u, &server, "alice").await;
        let old = server.contacts("alice")[0].flow.remote;
        alice.loses_its_connection();
        seconds(&u, 2).await;
        // Somebody else listens there now.
        let listener = alice.host.listen(old.port()).await.unwrap();
        let knocked = Rc::new(Cell::new(false));
        let knocks = knocked.clone();
        alice.host.spawn(async move {
            let _ = listener.accept().await;
            knocks.set(true);
        });
        let bob = registered(&u, &server, "bob").await;
        let before = u.now();
        let out = bob.calls("alice");
        assert_eq!(bob.ends(out).await, Ending::Refused(480));
        assert!(u.now().since(before) < Duration::from_secs(1));
        // Nor when it was restarted, and remembers.
        server.host().crash();
        server.host().restart();
        seconds(&u, 1).await;
        assert_eq!(server.contacts("alice").len(), 1);
        let before = u.now();
        let out = bob.calls("alice");
        assert_eq!(bob.ends(out).await, Ending::Refused(480));
        assert!(u.now().since(before) < Duration::from_secs(1));
        assert!(!knocked.get());
        assert_eq!(bob.count(|event| matches!(event, Event::Incoming { .. })), 0);
    });
}

/// kamailio#3985: one stale location made the whole fork fail.
#[test]
fn a_stale_binding_does_not_spoil_the_one_that_lives() {
    simulate(1, |u| async move {
        let server =
            install(&u, ServerSettings { lost_connection: LostConnection::KeepsUntilExpiry, ..settings() }).await;
        let stale = page_on(&u, &server, "alice", "closed").await;
        let live = page_on(&u, &server, "alice", "open").await;
        stale.loses_its_connection();
        seconds(&u, 1).await;
        assert_eq!(server.contacts("alice").len(), 2);
        let bob = registered(&u, &server, "bob").await;
        let out = bob.calls("alice");
        bob.is_answered(out).await;
        let inside = live.rings().await;
        bob.hangs_up(out);
        live.ends(inside).await;
        nothing_is_left(&u, &server, &[&bob, &live]).await;
    });
}

/// RFC 5626 6, OpenSIPS#1035: the device's new flow takes the old one's place, and is the one that's used.
#[test]
fn who_reconnects_as_the_same_device_has_one_contact_by_the_new_connection() {
    for lost_connection in [LostConnection::Drops, LostConnection::KeepsUntilExpiry] {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { lost_connection, ..settings() }).await;
            let alice = page(&u, &server, "alice").await;
            let mut flows = vec![server.contacts("alice")[0].flow];
            for _ in 0..3 {
                alice.loses_its_connection();
                // A page that is loaded again has another Call-ID.
                alice.forgets_its_call_id();
                u.sleep(Duration::from_millis(120)).await;
                let answer = alice.register_device().await;
                assert!(answer.has_option(Name::Require, "outbound"));
                let contacts = server.contacts("alice");
                assert_eq!(contacts.len(), 1);
                assert!(!flows.contains(&contacts[0].flow));
                flows.push(contacts[0].flow);
            }
            seconds(&u, 3).await;
            assert_eq!(server.contacts("alice").len(), 1, "the last of them outlives the loss of the others");
            let bob = registered(&u, &server, "bob").await;
            let out = bob.calls("alice");
            bob.is_answered(out).await;
            bob.hangs_up(out);
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
        });
    }
}

/// comcent-ce#27. The INVITE that went by the connection can't be answered any more.
#[test]
fn what_rings_over_a_lost_connection_ends_at_once_and_the_others_ring_on() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let one = page_on(&u, &server, "alice", "one").await;
        let other = page_on(&u, &server, "alice", "other").await;
        one.manner(Manner::Rings);
        other.manner(Manner::Rings);
        let bob = registered(&u, &server, "bob").await;
        let out = bob.calls("alice");
        one.rings().await;
        let inside = other.rings().await;
        seconds(&u, 3).await;
        one.loses_its_connection();
        seconds(&u, 3).await;
        assert!(!bob.has_ended(out) && !other.has_ended(inside));
        let before = u.now();
        other.loses_its_connection();
        assert_eq!(bob.ends(out).await, Ending::Refused(480));
        assert!(u.now().since(before) < Duration::from_secs(1), "nobody waits for the ring timeout");
        nothing_is_left(&u, &server, &[&bob]).await;
    });
}

/// ringcentral-softphone-ts#65: after a reconnect the BYE went to the dead socket.
#[test]
fn requests_in_a_call_go_by_the_connection_that_its_party_has_now() {
    for by_register in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (page(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            let out = alice.calls("bob");
            alice.is_answered(out).await;
            let inside = bob.rings().await;
            bob.is_confirmed(inside).await;
            alice.loses_its_connection();
            seconds(&u, 1).await;
            if by_register {
                assert_eq!(alice.register_device().await.status(), Some(200));
            } else {
                alice.offers(out, Direction::SendRecv);
                alice.until("an answer", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
            }
            bob.offers(inside, Direction::SendOnly);
            bob.until("hold", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
            bob.hangs_up(inside);
            let before = u.now();
            assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
            assert!(u.now().since(before) < Duration::from_secs(1));
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
        });
    }
}

/// drachtio-server#53: both refreshed their session by new connections.
#[test]
fn two_that_reconnect_in_a_call_both_go_on() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice").await, page(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        for phone in [&alice, &bob] {
            phone.loses_its_connection();
            seconds(&u, 1).await;
            assert_eq!(phone.register_device().await.status(), Some(200));
        }
        for (phone, call) in [(&alice, out), (&bob, inside)] {
            phone.looks_away();
            phone.offers(call, Direction::SendRecv);
            phone.until("an answer", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
        }
        alice.hangs_up(out);
        assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// kamailio#4404: whoever talks to a party that is gone can hang up all the same.
#[test]
fn a_bye_to_a_dead_connection_holds_nobody_up() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        alice.loses_its_connection();
        seconds(&u, 1).await;
        bob.hangs_up(inside);
        assert_eq!(bob.ends(inside).await, Ending::HungUp);
        u.sleep(Duration::from_millis(500)).await;
        assert_eq!((server.calls().len(), server.zombies()), (0, 0));
        assert_eq!(server.records()[0].ending, CallEnding::CalleeHungUp);
    });
}

/// freeswitch#1558: the connection died between 180 and 200, the 200 went nowhere, and the call was cut after 32 s.
#[test]
fn an_answer_follows_a_caller_who_has_reconnected_while_it_rang() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.manner(Manner::Rings);
        let out = alice.calls("bob");
        let inside = bob.rings().await;
        seconds(&u, 2).await;
        alice.holds_on_without_its_connection();
        seconds(&u, 2).await;
        assert_eq!(alice.register_device().await.status(), Some(200));
        seconds(&u, 10).await;
        bob.answers(inside);
        bob.is_confirmed(inside).await;
        alice.is_answered(out).await;
        seconds(&u, 40).await;
        assert!(!bob.has_ended(inside));
        alice.hangs_up(out);
        assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// The same without a reconnect: a caller that's gone isn't waited for until somebody answers her.
#[test]
fn what_a_lost_caller_rings_is_told_to_stop_after_five_seconds() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.manner(Manner::Rings);
        alice.calls("bob");
        let inside = bob.rings().await;
        seconds(&u, 2).await;
        alice.loses_its_connection();
        u.sleep(Duration::from_millis(4_900)).await;
        assert!(!bob.has_ended(inside));
        u.sleep(Duration::from_millis(300)).await;
        assert_eq!(bob.ends(inside).await, Ending::Cancelled);
        assert_eq!(server.records()[0].ending, CallEnding::WebSocketLost);
        nothing_is_left(&u, &server, &[&bob]).await;
    });
}
