//! Webphones whose media goes from browser to browser: the server carries their descriptions and nothing else, and steps in
//! where one of the two can't be the other's (RFC 8829; RFC 8839 4.4 for restarts).

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::media::cadence::{self, Cadence};
use busyhour::media::tone::{Voice, present};
use busyhour::media::webrtc::CandidateKind::Host as AtHome;
use busyhour::pbx::{CallEnding, MediaPath, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{LineState, Phone, PhoneSettings};
use busyhour::trace::SimTime;
use busyhour::{Universe, simulate};

use crate::wire::{Wire, Word};
use crate::{DOMAIN, calls, is_registered, millis, one, seconds, settings, webphone, within};

const ALICE: u32 = 0;
const BOB: u32 = 1;
const CAROL: u32 = 2;
const NOBODY: Vec<u32> = Vec::new();

fn voice(number: u32) -> Voice {
    Voice::number(number)
}

/// A server for three that stays out of the media where it can.
fn server_on(u: &Universe, media: MediaPath) -> Server {
    cadence::set(Cadence::Full);
    let users = ["alice", "bob", "carol"];
    let settings = users.into_iter().fold(ServerSettings::new(DOMAIN), |settings, user| settings.user(user, "secret"));
    Server::install(&u.host("server"), ServerSettings { media, ..settings }.room("8600"))
}

fn server(u: &Universe) -> Server {
    server_on(u, MediaPath::Direct)
}

/// A webphone whose calls have a data channel.
fn chatty(u: &Universe, user: &str, server: &Server) -> Phone {
    let provided = busyhour::phone::webphone::WebphoneSettings { data_channel: true, ..settings(user, server.host()) };
    let phone = Phone::webphone(&Browser::install(&u.host(user), BrowserSettings::default()), provided);
    phone.open_tab().unwrap();
    phone
}

/// A hardphone of that user, registered.
async fn hardphone(u: &Universe, name: &str, user: &str, server: &Server) -> Phone {
    let mut desk = PhoneSettings::hardphone(user, "secret", DOMAIN);
    desk.proxy = Some(SocketAddrV4::new(server.host().address(), 5060));
    let phone = Phone::install(&u.host(name), desk);
    seconds(u, 1).await;
    phone.register().unwrap();
    seconds(u, 1).await;
    assert!(is_registered(&phone), "{phone:?}");
    phone
}

/// One calls, the other answers, and they have found each other.
async fn call(u: &Universe, caller: &Phone, user: &str, callee: &Phone) {
    caller.dial(user).unwrap();
    seconds(u, 1).await;
    assert!(callee.screen().rings(), "{caller:?} {callee:?}");
    callee.answer().unwrap();
    seconds(u, 3).await;
}

/// Alice and bob in their browsers, in a call.
async fn talking(u: &Universe) -> (Server, Phone, Phone) {
    let server = server(u);
    let (alice, bob) = (webphone(u, "alice", server.host()), webphone(u, "bob", server.host()));
    seconds(u, 1).await;
    call(u, &alice, "bob", &bob).await;
    assert_eq!((calls(&alice), calls(&bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
    (server, alice, bob)
}

/// Whom each of them hears, when each speaks with the voice beside it.
async fn heard(u: &Universe, phones: &[(&Phone, u32)]) -> Vec<Vec<u32>> {
    for (phone, number) in phones {
        phone.host().room().say(voice(*number).sound());
    }
    cadence::attend(u.now() + Duration::from_secs(2));
    millis(u, 500).await;
    let from = u.now();
    seconds(u, 1).await;
    let numbers = [ALICE, BOB, CAROL];
    let heard = phones.iter().map(|(phone, _)| {
        let sound = phone.host().room().heard(from, u.now()).unwrap_or_default();
        let voices = present(&sound, &numbers.map(voice));
        numbers.into_iter().filter(|number| voices.contains(&voice(*number))).collect()
    });
    heard.collect()
}

async fn two_hear_each_other(u: &Universe, one: (&Phone, u32), other: (&Phone, u32)) {
    assert_eq!(heard(u, &[one, other]).await, [vec![other.1], vec![one.1]], "{:?} {:?}", one.0, other.0);
}

async fn nothing_is_left(u: &Universe, server: &Server) {
    seconds(u, 45).await;
    assert_eq!((server.calls(), server.zombies(), server.peers(), server.transactions()), (vec![], 0, 0, 0));
}

/// The bodies of a host's INVITEs and of its answers to them, but for whose they are (`o=`).
fn descriptions(wire: &Wire, phone: &Phone) -> Vec<String> {
    let body = |said: &crate::wire::Said| match &said.what {
        Word::Sip(message) if message.contains("\r\n\r\nv=0") => {
            let lines = message.split("\r\n\r\n").nth(1)?.lines().filter(|line| !line.starts_with("o="));
            Some(lines.collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    };
    let mut bodies: Vec<String> = wire.of(phone.host().id(), SimTime::ZERO).filter_map(body).collect();
    bodies.dedup();
    bodies
}

/// What the server passes on it leaves as it is, but for the origin, which is that of whom each talks to: itself.
#[test]
fn browsers_describe_themselves_to_each_other_and_the_server_carries_no_media() {
    let wire = Arc::new(Mutex::new(Wire::default()));
    let tapped = wire.clone();
    let outcome = Universe::seeded(1).tap(wire).run(|u| async move {
        let (server, alice, bob) = talking(&u).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        assert_eq!((alice.media_way(), bob.media_way()), (Some((AtHome, AtHome)), Some((AtHome, AtHome))));
        assert_eq!(server.peers(), 0);
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
        assert_eq!(server.records()[0].ending, CallEnding::CalleeHungUp);
        nothing_is_left(&u, &server).await;

        let wire = tapped.lock().unwrap();
        let (offers, answers) = (descriptions(&wire, &alice), descriptions(&wire, &bob));
        assert_eq!((offers.len(), answers.len()), (1, 1));
        let passed: Vec<String> = wire
            .of(server.host().id(), SimTime::ZERO)
            .filter_map(|said| match &said.what {
                Word::Sip(message) => Some(message.replace("\r\n", "\n")),
                _ => None,
            })
            .collect();
        for (description, to) in [(&offers[0], &bob), (&answers[0], &alice)] {
            let (first, rest) = description.split_once('\n').unwrap();
            assert_eq!(first, "v=0");
            let reached = passed.iter().any(|message| message.trim_end().ends_with(rest.trim_end()));
            assert!(reached, "{}: {rest}", to.host().name());
        }
        assert!(wire.sources(server.host().id(), SimTime::ZERO).is_empty(), "media came to the server");
    });
    outcome.result.unwrap();
}

/// The same transport goes on: nobody restarts ICE for a hold.
#[test]
fn a_hold_goes_through_and_so_does_its_end() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        for (holds, other) in [((&alice, ALICE), (&bob, BOB)), ((&bob, BOB), (&alice, ALICE))] {
            holds.0.hold().unwrap();
            seconds(&u, 2).await;
            assert_eq!(calls(holds.0)[0].1, LineState::OnHold);
            assert_eq!(calls(other.0)[0].1, LineState::HeldByPeer);
            assert_eq!(heard(&u, &[holds, other]).await, [NOBODY, NOBODY]);
            holds.0.resume().unwrap();
            seconds(&u, 2).await;
            two_hear_each_other(&u, holds, other).await;
        }
        alice.hang_up().unwrap();
        nothing_is_left(&u, &server).await;
    });
}

/// RFC 8839 4.4.1.1.1: other credentials in a re-INVITE, and in its answer.
#[test]
fn a_browser_in_another_network_restarts_ice_past_the_server() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        for moves in [&alice, &bob] {
            u.network().move_host(moves.host(), "office-lan").unwrap();
            seconds(&u, 6).await;
            two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        }
        // Whose WebSocket was lost and came back isn't missed later.
        seconds(&u, 60).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        assert_eq!(server.peers(), 0);
    });
}

/// An offer of WebRTC can be for several browsers: one answers. With a hardphone among them it can't be for all of them, so
/// that the server speaks to each, and whoever answers is heard.
#[test]
fn a_user_with_several_phones_is_reached_on_any_of_them() {
    for (hard, answers) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        simulate(1, move |u| async move {
            let server = server(&u);
            let (alice, bob) = (webphone(&u, "alice", server.host()), webphone(&u, "bob", server.host()));
            let second = match hard {
                true => hardphone(&u, "desk", "bob", &server).await,
                false => {
                    let browser = Browser::install(&u.host("laptop"), BrowserSettings::default());
                    let phone = Phone::webphone(&browser, settings("bob", server.host()));
                    phone.open_tab().unwrap();
                    phone
                }
            };
            seconds(&u, 1).await;
            alice.dial("bob").unwrap();
            seconds(&u, 1).await;
            let phones = [&bob, &second];
            assert!(phones.iter().all(|phone| phone.screen().rings()), "{bob:?} {second:?}");
            phones[answers].answer().unwrap();
            seconds(&u, 3).await;
            two_hear_each_other(&u, (&alice, ALICE), (phones[answers], BOB)).await;
            assert!(calls(phones[1 - answers]).is_empty());
            // Alice's end, and bob's if that's WebRTC, too.
            assert_eq!(server.peers(), if hard { 2 - answers } else { 0 });
            alice.hang_up().unwrap();
            nothing_is_left(&u, &server).await;
        });
    }
}

/// RFC 3515: the server carries a transfer out, and can't know yet whom the one who stays will talk to: it's to the server
/// that she talks from then on.
#[test]
fn who_is_handed_on_is_heard_by_whoever_answers() {
    for (hard, by_callee) in [(false, true), (false, false), (true, true)] {
        simulate(1, move |u| async move {
            let (server, alice, bob) = talking(&u).await;
            let (stays, leaves) = if by_callee { ((&alice, ALICE), &bob) } else { ((&bob, BOB), &alice) };
            let carol = match hard {
                true => hardphone(&u, "carol", "carol", &server).await,
                false => webphone(&u, "carol", server.host()),
            };
            seconds(&u, 1).await;
            leaves.transfer("carol").unwrap();
            seconds(&u, 2).await;
            assert!(carol.screen().rings(), "{carol:?}");
            carol.answer().unwrap();
            seconds(&u, 4).await;
            assert_eq!(calls(leaves), []);
            two_hear_each_other(&u, stays, (&carol, CAROL)).await;
            assert_eq!(server.peers(), if hard { 1 } else { 2 });
            carol.hold().unwrap();
            seconds(&u, 2).await;
            assert_eq!(calls(stays.0)[0].1, LineState::HeldByPeer);
            carol.resume().unwrap();
            seconds(&u, 2).await;
            two_hear_each_other(&u, stays, (&carol, CAROL)).await;
            stays.0.hang_up().unwrap();
            nothing_is_left(&u, &server).await;
        });
    }
}

#[test]
fn a_transfer_that_fails_leaves_the_call_as_it_was() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        let carol = webphone(&u, "carol", server.host());
        seconds(&u, 1).await;
        bob.transfer("nobody").unwrap();
        seconds(&u, 3).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        bob.transfer("carol").unwrap();
        seconds(&u, 2).await;
        carol.reject().unwrap();
        seconds(&u, 3).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        assert_eq!(server.peers(), 0);
        alice.hang_up().unwrap();
        nothing_is_left(&u, &server).await;
    });
}

/// Two calls that went past the server become one that goes by it, also where one of them did before.
#[test]
fn who_was_consulted_gets_the_call() {
    for hard in [None, Some("alice"), Some("carol")] {
        simulate(1, move |u| async move {
            let server = server(&u);
            let mut phones = Vec::new();
            for user in ["alice", "carol"] {
                phones.push(match hard == Some(user) {
                    true => hardphone(&u, user, user, &server).await,
                    false => webphone(&u, user, server.host()),
                });
            }
            let (alice, carol) = (&phones[0], &phones[1]);
            let bob = webphone(&u, "bob", server.host());
            seconds(&u, 1).await;
            call(&u, alice, "bob", &bob).await;
            bob.consult("carol").unwrap();
            seconds(&u, 1).await;
            carol.answer().unwrap();
            seconds(&u, 3).await;
            two_hear_each_other(&u, (&bob, BOB), (carol, CAROL)).await;
            bob.complete_transfer().unwrap();
            seconds(&u, 5).await;
            assert_eq!(calls(&bob), []);
            two_hear_each_other(&u, (alice, ALICE), (carol, CAROL)).await;
            assert_eq!(server.peers(), if hard.is_some() { 1 } else { 2 });
            carol.hang_up().unwrap();
            nothing_is_left(&u, &server).await;
        });
    }
}

#[test]
fn who_is_handed_on_to_a_room_is_in_it() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        let carol = webphone(&u, "carol", server.host());
        seconds(&u, 1).await;
        carol.dial("8600").unwrap();
        seconds(&u, 3).await;
        bob.transfer("8600").unwrap();
        seconds(&u, 4).await;
        two_hear_each_other(&u, (&alice, ALICE), (&carol, CAROL)).await;
        alice.hang_up().unwrap();
        carol.hang_up().unwrap();
        nothing_is_left(&u, &server).await;
    });
}

/// RFC 7675: the server sees no check. The other browser does, and hangs up when ICE has failed.
#[test]
fn a_tab_that_is_closed_ends_the_call_by_the_other_browser() {
    for callee_goes in [false, true] {
        simulate(1, move |u| async move {
            let (server, alice, bob) = talking(&u).await;
            let (goes, stays) = if callee_goes { (bob, alice) } else { (alice, bob) };
            goes.tab().unwrap().close().unwrap();
            let gone = within(&u, Duration::from_secs(20), || calls(&stays).is_empty()).await;
            assert!(gone.is_some(), "{stays:?}");
            seconds(&u, 1).await;
            assert_eq!(server.calls(), []);
            nothing_is_left(&u, &server).await;
        });
    }
}

/// DTLS says at once what a BYE would have.
#[test]
fn a_page_that_is_loaded_again_has_left_its_call() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        alice.tab().unwrap().reload().unwrap();
        let gone = within(&u, Duration::from_secs(3), || calls(&bob).is_empty()).await;
        assert!(gone.is_some(), "{bob:?}");
        seconds(&u, 2).await;
        assert!(is_registered(&alice) && calls(&alice).is_empty());
        nothing_is_left(&u, &server).await;
    });
}

/// JsSIP waits for ever. The server knows of the lost WebSocket, and waits for as long as consent lasts.
#[test]
fn a_tab_that_is_closed_ends_the_call_of_a_browser_that_does_not_mind() {
    for bob_goes_too in [false, true] {
        simulate(1, move |u| async move {
            let (server, alice, bob) = talking(&u).await;
            bob.behave(|behaviour| behaviour.web.ignores_lost_media = true);
            alice.tab().unwrap().close().unwrap();
            if bob_goes_too {
                bob.tab().unwrap().close().unwrap();
            }
            seconds(&u, 29).await;
            assert_eq!(server.calls().len(), 1);
            seconds(&u, 3).await;
            assert_eq!((server.calls(), calls(&bob)), (vec![], vec![]));
            assert_eq!(server.records()[0].ending, CallEnding::WebSocketLost);
            nothing_is_left(&u, &server).await;
        });
    }
}

/// RFC 8841: one BUNDLE of audio and data. A call past the server has both, and keeps them.
#[test]
fn a_call_has_a_data_channel_beside_its_audio() {
    for callee_too in [false, true] {
        simulate(1, move |u| async move {
            let server = server(&u);
            let alice = chatty(&u, "alice", &server);
            let bob = if callee_too { chatty(&u, "bob", &server) } else { webphone(&u, "bob", server.host()) };
            seconds(&u, 1).await;
            alice.write("too early").unwrap_err();
            call(&u, &alice, "bob", &bob).await;
            alice.write("do you see this?").unwrap();
            bob.write("I do").unwrap();
            seconds(&u, 1).await;
            assert_eq!((bob.messages(), alice.messages()), (vec!["do you see this?".into()], vec!["I do".to_owned()]));
            two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
            bob.hold().unwrap();
            seconds(&u, 2).await;
            bob.resume().unwrap();
            seconds(&u, 2).await;
            alice.write("and this?").unwrap();
            seconds(&u, 1).await;
            assert_eq!(bob.messages().len(), 2);
            two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
            // The server takes no data: the channel is closed, and audio goes on.
            let carol = webphone(&u, "carol", server.host());
            seconds(&u, 1).await;
            bob.transfer("carol").unwrap();
            seconds(&u, 2).await;
            carol.answer().unwrap();
            seconds(&u, 4).await;
            two_hear_each_other(&u, (&alice, ALICE), (&carol, CAROL)).await;
            alice.write("anybody there?").unwrap_err();
        });
    }
}

/// RFC 3264 6: port 0 refuses a section, and the others stand.
#[test]
fn the_gateway_refuses_a_data_channel_and_takes_the_audio() {
    let wire = Arc::new(Mutex::new(Wire::default()));
    let tapped = wire.clone();
    let outcome = Universe::seeded(1).tap(wire).run(|u| async move {
        let server = server_on(&u, MediaPath::Relay);
        let (alice, bob) = (chatty(&u, "alice", &server), hardphone(&u, "bob", "bob", &server).await);
        call(&u, &alice, "bob", &bob).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        alice.write("anybody there?").unwrap_err();
        alice.hold().unwrap();
        seconds(&u, 2).await;
        alice.resume().unwrap();
        seconds(&u, 2).await;
        two_hear_each_other(&u, (&alice, ALICE), (&bob, BOB)).await;
        let wire = tapped.lock().unwrap();
        let said = [descriptions(&wire, &alice), {
            let hers = wire.of(server.host().id(), SimTime::ZERO).filter(|said| said.to == alice.host().address());
            hers.filter_map(|said| match &said.what {
                Word::Sip(message) if message.contains("m=audio") => Some(message.clone()),
                _ => None,
            })
            .collect()
        }];
        let data = |text: &String| text.lines().filter(|line| line.starts_with("m=application")).count();
        assert!(said.iter().all(|side| side.len() == 3 && side.iter().all(|text| data(text) == 1)), "{said:?}");
        assert!(said[0][0].contains("m=application 9 ") && said[0][2].contains("m=application 0 "), "{said:?}");
        assert!(said[1].iter().all(|text| text.contains("m=application 0 ")));
    });
    outcome.result.unwrap();
}
