//! How a leg that speaks WebRTC ends when its party says nothing: each kind of end, when it's noticed, by what, and what the
//! other one is told (domain.md Part 5; freeswitch#1688, kamailio#4404, SIP.js#436).

use std::time::Duration;

use busyhour::media::Direction;
use busyhour::media::webrtc::DtlsState;
use busyhour::net::Only;
use busyhour::net::packet::Protocol;

use busyhour::pbx::{Behaviour, CallEnding, LostConnection, Server, ServerSettings};
use busyhour::sip::Name;
use busyhour::sip::ua::{CallId, Ending, Event};
use busyhour::{Universe, simulate};

use crate::gateway::{page, talk};
use crate::hearing::{self, heard, seconds};
use crate::phone::{Manner, Phone};
use crate::{install, registered, settings};

/// A page that talks to a phone of the tests.
async fn talking(u: &Universe, server: &Server) -> (Phone, Phone, CallId, CallId) {
    let (alice, bob) = (page(u, server, "alice", 1).await, registered(u, server, "bob").await);
    let out = alice.calls_by_webrtc("bob").await;
    alice.is_answered(out).await;
    let inside = bob.rings().await;
    bob.is_confirmed(inside).await;
    seconds(u, 5).await;
    assert_eq!(alice.media(out, |media| media.peer.dtls()), DtlsState::Connected);
    (alice, bob, out, inside)
}

/// The BYE that came, after how long, and why.
async fn is_told(u: &Universe, phone: &Phone, call: CallId) -> (Duration, String) {
    let before = u.now();
    let reason = phone
        .until("a BYE", |event| match event {
            Event::Ended { call: ended, ending: Ending::PeerHungUp, message: Some(bye) } if *ended == call => {
                Some(bye.first(Name::Reason).unwrap_or_default().to_owned())
            }
            _ => None,
        })
        .await;
    (u.now().since(before), reason)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

async fn nothing_is_left(u: &Universe, server: &Server) {
    seconds(u, 40).await;
    assert_eq!((server.calls(), server.zombies(), server.peers()), (vec![], 0, 0));
}

/// The table: what happens to the page, how long that takes to be noticed at least and at most, and what the books say.
#[test]
fn each_kind_of_end_is_noticed_by_its_own_sign_and_in_its_own_time() {
    type End = fn(&Phone);
    let ends: [(&str, End, Duration, Duration, CallEnding); 4] = [
        ("navigated away", Phone::is_navigated_away, ms(0), ms(300), CallEnding::DtlsClosed),
        // The last check was up to 3 s earlier.
        ("closed", Phone::is_closed, ms(1_900), ms(5_200), CallEnding::WebSocketLost),
        ("lid closed", |alice| alice.host.pause(), ms(26_900), ms(30_200), CallEnding::ConsentLost),
        ("crashed", |alice| alice.host.crash(), ms(0), ms(30_200), CallEnding::ConsentLost),
    ];
    for (what, end, least, most, ending) in ends {
        for held in [false, true] {
            simulate(1, move |u| async move {
                let server = install(&u, settings()).await;
                let (alice, bob, out, inside) = talking(&u, &server).await;
                if held {
                    alice.offers_by_webrtc(out, Direction::SendOnly);
                    seconds(&u, 5).await;
                }
                end(&alice);
                let (after, reason) = is_told(&u, &bob, inside).await;
                assert!((least..=most).contains(&after), "{what}: noticed after {after:?}");
                let record = &server.records()[0];
                // A host that crashed answers with RST where the server still speaks to it.
                let expected = if what == "crashed" { record.ending } else { ending };
                assert_eq!(record.ending, expected, "{what}");
                assert_eq!(Some(&*reason), record.ending.reason(), "{what}");
                nothing_is_left(&u, &server).await;
            });
        }
    }
}

/// siphon-ai#402, sipsorcery#884, freeswitch#1947: a watchdog killed held calls. Whoever holds shows signs of life.
#[test]
fn hold_by_either_side_lives_on() {
    for page_holds in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, hearing::phone(&u, &server, "bob", 2).await);
            let call = talk(&u, &alice, &bob).await;
            if page_holds {
                alice.offers_by_webrtc(call, Direction::SendOnly)
            } else {
                bob.hold().unwrap()
            }
            seconds(&u, 300).await;
            assert_eq!((server.calls().len(), server.peers()), (1, 1));
            if page_holds {
                alice.offers_by_webrtc(call, Direction::SendRecv)
            } else {
                bob.resume().unwrap()
            }
            seconds(&u, 3).await;
            assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
        });
    }
}

/// A page that lost its WebSocket alone is still there: its checks say so. When it has another one the call goes by that.
#[test]
fn a_lost_websocket_ends_no_call_whose_media_lives() {
    for lost_connection in [LostConnection::Drops, LostConnection::KeepsUntilExpiry] {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { lost_connection, ..settings() }).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, hearing::phone(&u, &server, "bob", 2).await);
            let call = talk(&u, &alice, &bob).await;
            alice.loses_its_connection();
            seconds(&u, 60).await;
            assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
            assert_eq!(alice.register_device().await.status(), Some(200));
            bob.hold().unwrap();
            seconds(&u, 2).await;
            assert_eq!(alice.count(|event| matches!(event, Event::Offered { .. })), 1);
            bob.hang_up().unwrap();
            assert_eq!(alice.ends(call).await, Ending::PeerHungUp);
            nothing_is_left(&u, &server).await;
        });
    }
}

/// SIP.js#436: ICE or DTLS that fails ends the call, with a reason.
#[test]
fn a_call_whose_media_never_comes_up_ends_thirty_seconds_after_its_answer() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, registered(&u, &server, "bob").await);
        u.network()
            .between(&alice.host, server.host())
            .cut_only(Only { protocol: Some(Protocol::Udp), ..Only::default() });
        alice.calls_by_webrtc("bob").await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        let (after, reason) = is_told(&u, &bob, inside).await;
        assert!((ms(29_900)..=ms(30_200)).contains(&after), "{after:?}");
        assert_eq!(server.records()[0].ending, CallEnding::NeverConnected);
        assert_eq!(Some(&*reason), CallEnding::NeverConnected.reason());
        nothing_is_left(&u, &server).await;
    });
}

/// RFC 7675 5.1 wants 30 s; an operator may want less.
#[test]
fn consent_lasts_as_long_as_it_is_set_to() {
    simulate(1, |u| async move {
        let server = install(&u, ServerSettings { consent: Duration::from_secs(10), ..settings() }).await;
        let (alice, bob, _, inside) = talking(&u, &server).await;
        alice.host.pause();
        let (after, _) = is_told(&u, &bob, inside).await;
        assert!((ms(6_900)..=ms(10_200)).contains(&after), "{after:?}");
        assert_eq!(server.records()[0].ending, CallEnding::ConsentLost);
    });
}

/// A page that rings and is closed rings no more; a page whose call rings and is closed doesn't either.
#[test]
fn a_page_that_is_closed_while_it_rings_leaves_nothing() {
    for page_calls in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, registered(&u, &server, "bob").await);
            let before;
            if page_calls {
                bob.manner(Manner::Rings);
                alice.calls_by_webrtc("bob").await;
                let inside = bob.rings().await;
                before = u.now();
                alice.is_closed();
                assert_eq!(bob.ends(inside).await, Ending::Cancelled);
                assert_eq!(server.records()[0].ending, CallEnding::WebSocketLost);
            } else {
                alice.manner(Manner::Rings);
                let out = bob.calls("alice");
                alice.rings().await;
                before = u.now();
                alice.is_closed();
                assert_eq!(bob.ends(out).await, Ending::Refused(480));
                assert!(u.now().since(before) < ms(500));
            }
            assert!(u.now().since(before) < ms(5_300));
            nothing_is_left(&u, &server).await;
        });
    }
}

/// RFC 3261 10.2.4: a page that has only made another connection registers as before, and its call rings on. One that was
/// loaded again has no calls: another Call-ID says so, and whoever rang for the page before rings no more.
#[test]
fn a_call_that_rings_for_a_page_goes_with_it_to_another_connection_but_not_to_the_next_page() {
    for reloads in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, registered(&u, &server, "bob").await);
            bob.manner(Manner::Rings);
            alice.calls_by_webrtc("bob").await;
            let inside = bob.rings().await;
            let before = u.now();
            if reloads {
                alice.is_closed();
                alice.forgets_its_call_id();
            } else {
                alice.holds_on_without_its_connection();
            }
            seconds(&u, 1).await;
            assert_eq!(alice.register_device().await.status(), Some(200));
            if reloads {
                assert_eq!(bob.ends(inside).await, Ending::Cancelled);
                assert!(u.now().since(before) < ms(5_300));
                assert_eq!(server.records()[0].ending, CallEnding::WebSocketLost);
                nothing_is_left(&u, &server).await;
            } else {
                seconds(&u, 20).await;
                assert!(!bob.has_ended(inside));
            }
        });
    }
}

/// A survivor that is gone ends the transfer, and the transferor's loss doesn't.
#[test]
fn a_page_that_is_closed_while_its_transfer_rings() {
    for survivor_is_closed in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, registered(&u, &server, "bob").await);
            let carol = registered(&u, &server, "carol").await;
            carol.manner(Manner::Rings);
            let out = alice.calls_by_webrtc("bob").await;
            alice.is_answered(out).await;
            let inside = bob.rings().await;
            bob.is_confirmed(inside).await;
            seconds(&u, 2).await;
            let (from, call) = if survivor_is_closed { (&bob, inside) } else { (&alice, out) };
            from.act(|ua, now| ua.refer(now, call, "<sip:carol@pbx.test>", "<sip:me@pbx.test>"));
            let third = carol.rings().await;
            alice.is_closed();
            if survivor_is_closed {
                assert_eq!(carol.ends(third).await, Ending::Cancelled);
                bob.ends(inside).await;
            } else {
                seconds(&u, 10).await;
                carol.answers(third);
                carol.is_confirmed(third).await;
                assert!(!bob.has_ended(inside));
                carol.hangs_up(third);
                assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
            }
            nothing_is_left(&u, &server).await;
        });
    }
}

/// The switches for the oracles' tests.
#[test]
fn a_server_that_notices_nothing_or_keeps_its_ends_open_is_one_with_its_switch_turned() {
    let after_a_closed_tab = |behaviour: Behaviour| {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { behaviour, rtp_timeout: None, ..settings() }).await;
            let (alice, _bob, _, _) = talking(&u, &server).await;
            alice.is_closed();
            seconds(&u, 120).await;
            (server.calls().len(), server.peers())
        })
    };
    assert_eq!(after_a_closed_tab(Behaviour::default()), (0, 0));
    assert_eq!(after_a_closed_tab(Behaviour { never_notices_lost_media: true, ..Behaviour::default() }), (1, 1));
    assert_eq!(after_a_closed_tab(Behaviour { keeps_peers_open: true, ..Behaviour::default() }), (0, 1));
}

/// A crash leaves none either, and who was in a call with it can call again.
#[test]
fn a_restarted_server_has_no_end_left_and_takes_calls() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob, _, _) = talking(&u, &server).await;
        server.host().crash();
        server.host().restart();
        seconds(&u, 1).await;
        assert_eq!(server.peers(), 0);
        assert_eq!(server.records()[0].ending, CallEnding::ServerRestarted);
        alice.is_closed();
        seconds(&u, 1).await;
        assert_eq!(alice.register_device().await.status(), Some(200));
        assert_eq!(bob.register().await, 200);
        bob.looks_away();
        let call = alice.calls_by_webrtc("bob").await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        seconds(&u, 3).await;
        assert_eq!(alice.media(call, |media| media.peer.dtls()), DtlsState::Connected);
        assert_eq!(server.peers(), 1);
    });
}
