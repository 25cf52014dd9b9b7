//! Legs that speak WebRTC, between pages and whoever else there is: who hears whom, on hold, in a room, after a transfer;
//! what is agreed on, and that nothing of it is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::media::Direction;
use busyhour::media::sdp::secure_of;
use busyhour::media::webrtc::DtlsState;
use busyhour::pbx::customer::{Behaviour as Customer, EarlyMedia};
use busyhour::pbx::{Behaviour, CallEnding, MediaPath, Server, ServerSettings};
use busyhour::phone::Phone as Hardphone;
use busyhour::sip::Name;
use busyhour::sip::ua::{CallId, Ending, Event};
use busyhour::trace::{Log, PacketSeen, SimTime, Stage};
use busyhour::world::{Host, Tap};
use busyhour::{Universe, simulate};

use crate::hearing::{NOBODY, NUMBER, heard, is_loud, phone, seconds, voice, with_customer};
use crate::phone::{Manner, Phone};
use crate::transfers::refer_to_call;
use crate::{install, registered, settings};

/// A page on that host, registered; its user speaks with the voice of that number.
pub(crate) async fn page_on(u: &Universe, host: &Host, server: &Server, user: &str, number: u32) -> Phone {
    host.room().say(voice(number).sound());
    let page = Phone::page(host, server.host(), user).await;
    assert_eq!(page.register_device().await.status(), Some(200));
    u.sleep(Duration::from_millis(100)).await;
    page
}

pub(crate) async fn page(u: &Universe, server: &Server, user: &str, number: u32) -> Phone {
    page_on(u, &u.host(user), server, user, number).await
}

/// A page calls a hardphone, which answers.
pub(crate) async fn talk(u: &Universe, page: &Phone, hardphone: &Hardphone) -> CallId {
    let call = page.calls_by_webrtc(&hardphone.settings().user).await;
    seconds(u, 1).await;
    hardphone.answer().unwrap();
    page.is_answered(call).await;
    seconds(u, 2).await;
    call
}

/// A hardphone calls a page, which answers.
pub(crate) async fn talk_back(u: &Universe, hardphone: &Hardphone, page: &Phone) -> CallId {
    hardphone.dial(&page.user).unwrap();
    let call = page.rings().await;
    page.answers_by_webrtc(call).await;
    seconds(u, 2).await;
    call
}

/// When it's over: no call, no dialog, no WebRTC end.
async fn nothing_is_left(u: &Universe, server: &Server) {
    seconds(u, 40).await;
    assert_eq!((server.calls(), server.zombies(), server.peers()), (vec![], 0, 0));
    assert_eq!(server.transactions(), 0);
}

/// RFC 8445 2.5, 8842: whoever called, the server is the lite side and the DTLS server, and all of it goes by the server
/// even where audio of others doesn't.
#[test]
fn a_page_and_a_hardphone_hear_each_other_whoever_called() {
    for media in [MediaPath::Relay, MediaPath::Direct] {
        for page_calls in [true, false] {
            simulate(1, move |u| async move {
                let server = install(&u, ServerSettings { media, ..settings() }).await;
                let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
                let call = match page_calls {
                    true => talk(&u, &alice, &bob).await,
                    false => talk_back(&u, &bob, &alice).await,
                };
                assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
                assert_eq!(alice.media(call, |media| media.peer.dtls()), DtlsState::Connected);
                assert_eq!(server.peers(), 1);
                if page_calls {
                    alice.hangs_up_properly(call);
                } else {
                    bob.hang_up().unwrap();
                    alice.ends(call).await;
                }
                seconds(&u, 1).await;
                assert_eq!((server.peers(), bob.screen().calls().count()), (0, 0));
                assert_eq!(server.records()[0].ending, CallEnding::CallerHungUp);
                nothing_is_left(&u, &server).await;
            });
        }
    }
}

#[test]
fn what_the_server_says_of_itself_is_lite_passive_and_complete() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let call = alice.calls_by_webrtc("bob").await;
        seconds(&u, 1).await;
        bob.answer().unwrap();
        let answer = String::from_utf8(alice.is_answered(call).await.body().to_vec()).unwrap();
        assert!(
            ["a=ssrc:", "a=msid:"].iter().all(|told| answer.lines().any(|said| said.starts_with(told))),
            "{answer}"
        );
        for line in ["a=ice-lite", "a=setup:passive", "a=rtcp-mux", "a=end-of-candidates", "a=sendrecv"] {
            assert!(answer.lines().any(|said| said == line), "{line} in {answer}");
        }
        assert_eq!(answer.lines().filter(|line| line.starts_with("a=candidate:")).count(), 1, "{answer}");
        alice.hangs_up_properly(call);
        seconds(&u, 1).await;
        bob.dial("alice").unwrap();
        let call = alice.until("a second call", |event| match event {
            Event::Incoming { call, .. } => Some(*call),
            _ => None,
        });
        let offer = secure_of(&alice.offer_of(call.await)).unwrap().unwrap();
        assert!(offer.lite && offer.end_of_candidates);
        assert_eq!(offer.setup.as_str(), "actpass");
        bob.hang_up().unwrap();
        nothing_is_left(&u, &server).await;
    });
}

#[test]
fn two_pages_hear_each_other() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, page(&u, &server, "bob", 2).await);
        let out = alice.calls_by_webrtc("bob").await;
        let inside = bob.rings().await;
        bob.answers_by_webrtc(inside).await;
        alice.is_answered(out).await;
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&alice.host, &bob.host]).await, [vec![2], vec![1]]);
        assert_eq!(server.peers(), 2);
        bob.hangs_up_properly(inside);
        assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
        nothing_is_left(&u, &server).await;
    });
}

/// Early media, digits, and both ends of a call on the trunk.
#[test]
fn a_page_calls_a_customer_and_a_customer_calls_a_page() {
    simulate(1, |u| async move {
        let answers = Customer::answers_after(Duration::from_secs(3));
        let (server, carrier, home) = with_customer(&u, settings(), answers).await;
        let bob = page(&u, &server, "bob", 2).await;
        let call = bob.calls_by_webrtc(NUMBER).await;
        seconds(&u, 2).await;
        bob.is_answered(call).await;
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&bob.host, &home]).await, [vec![4], vec![2]]);
        bob.media(call, |media| media.line.send_digits("1234#"));
        seconds(&u, 3).await;
        assert_eq!(carrier.digits_received(NUMBER), "1234#");
        carrier.hang_up(NUMBER).unwrap();
        assert_eq!(bob.ends(call).await, Ending::PeerHungUp);
        bob.looks_away();
        carrier.place_call(NUMBER, "8005550100");
        let call = bob.rings().await;
        bob.answers_by_webrtc(call).await;
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&bob.host, &home]).await, [vec![4], vec![2]]);
        bob.hangs_up_properly(call);
        nothing_is_left(&u, &server).await;
    });
}

#[test]
fn whoever_holds_the_other_hears_music() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let call = talk(&u, &alice, &bob).await;
        alice.offers_by_webrtc(call, Direction::SendOnly);
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [NOBODY, NOBODY]);
        assert!(is_loud(&u, bob.host()) && !is_loud(&u, &alice.host));
        alice.offers_by_webrtc(call, Direction::SendRecv);
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
        bob.hold().unwrap();
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [NOBODY, NOBODY]);
        assert!(is_loud(&u, &alice.host) && !is_loud(&u, bob.host()));
        bob.resume().unwrap();
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
    });
}

/// livekit/sip#585: digits were dropped on their way through a gateway.
#[test]
fn digits_pass_both_ways() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let call = talk_back(&u, &bob, &alice).await;
        alice.media(call, |media| media.line.send_digits("42*"));
        bob.press("7#1").unwrap();
        seconds(&u, 3).await;
        assert_eq!(bob.digits_received(), "42*");
        assert_eq!(alice.media(call, |media| media.line.digits()), "7#1");
    });
}

#[test]
fn pages_and_hardphones_meet_in_a_room() {
    simulate(1, |u| async move {
        let server = install(&u, settings().room("8600051")).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let (carol, dave) = (page(&u, &server, "carol", 3).await, phone(&u, &server, "dave", 4).await);
        let one = alice.calls_by_webrtc("8600051").await;
        bob.dial("8600051").unwrap();
        alice.is_answered(one).await;
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
        // One that was in a call before comes too.
        talk_back(&u, &dave, &carol).await;
        dave.transfer("8600051").unwrap();
        seconds(&u, 3).await;
        assert_eq!((server.members("8600051"), server.peers()), (3, 2));
        assert_eq!(heard(&u, &[&alice.host, bob.host(), &carol.host]).await, [vec![2, 3], vec![1, 3], vec![1, 2]]);
        alice.is_closed();
        bob.hang_up().unwrap();
        carol.is_closed();
        nothing_is_left(&u, &server).await;
        assert_eq!(server.members("8600051"), 0);
    });
}

/// The RTP that reaches alice: SSRC, number, marker. Of SRTP that's in the clear.
#[derive(Default)]
struct Reached(Vec<(u32, u16, bool)>);

impl Tap for Reached {
    fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log) {
        // Behind IP and UDP.
        let rtp = seen.bytes.get(28..).filter(|rtp| seen.bytes[9] == 17 && rtp.len() > 12 && rtp[0] >> 6 == 2);
        let is_hers = seen.stage == Stage::Arrived && seen.to.is_some_and(|to| log.host_name(to) == "alice");
        if let (true, Some(rtp)) = (is_hers, rtp.filter(|rtp| !(192..=223).contains(&rtp[1]))) {
            let ssrc = u32::from_be_bytes([rtp[8], rtp[9], rtp[10], rtp[11]]);
            self.0.push((ssrc, u16::from_be_bytes([rtp[2], rtp[3]]), rtp[1] & 0x80 != 0));
        }
    }

    fn event(&mut self, _: &busyhour::trace::Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

/// RFC 8829 5.2.1, RFC 3550 5.1, RFC 3551 4.1: a page is told of one stream and gets that one, whoever speaks behind the
/// gateway: bob, his music, carol, a room.
#[test]
fn whoever_speaks_behind_the_gateway_its_stream_is_one() {
    let sent = Arc::new(Mutex::new(Reached::default()));
    let outcome = Universe::seeded(1).tap(sent.clone()).run(|u| async move {
        let server = install(&u, settings().room("8600051")).await;
        let alice = page(&u, &server, "alice", 1).await;
        let (bob, carol) = (phone(&u, &server, "bob", 2).await, phone(&u, &server, "carol", 3).await);
        let call = alice.calls_by_webrtc("bob").await;
        seconds(&u, 1).await;
        bob.answer().unwrap();
        let answer = alice.is_answered(call).await;
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&alice.host]).await, [vec![2]]);
        bob.hold().unwrap();
        seconds(&u, 3).await;
        assert!(is_loud(&u, &alice.host));
        bob.resume().unwrap();
        seconds(&u, 1).await;
        bob.transfer("carol").unwrap();
        seconds(&u, 1).await;
        carol.answer().unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&alice.host]).await, [vec![3]]);
        let told = carol.audio().unwrap();
        assert!(told.round_trip.is_some() || told.sent < 100, "reports go through as well: {told:?}");
        bob.dial("8600051").unwrap();
        seconds(&u, 1).await;
        carol.transfer("8600051").unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&alice.host]).await, [vec![2]]);
        let stats = alice.media(call, |media| media.line.stats());
        assert_eq!((stats.sources, stats.lost), (1, 0), "{stats:?}");
        let answer = String::from_utf8(answer.body().to_vec()).unwrap();
        let told = answer.lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse::<u32>().ok());
        told.expect("the answer tells of a stream")
    });
    let told = outcome.result.unwrap();
    let sent = &sent.lock().unwrap().0;
    let ssrcs: std::collections::BTreeSet<u32> = sent.iter().map(|(ssrc, ..)| *ssrc).collect();
    assert_eq!((ssrcs.into_iter().collect::<Vec<_>>(), sent.len() > 200), (vec![told], true), "{}", sent.len());
    assert!(sent.windows(2).all(|pair| pair[1].1 == pair[0].1.wrapping_add(1)));
    assert!((5..30).contains(&sent.iter().filter(|(.., marker)| *marker).count()));
}

/// siphon-sip#220, 295: who stays hears whom she was handed to, whichever of the three is a page, and wherever audio went
/// before.
#[test]
fn after_a_blind_transfer_the_two_others_hear_each_other() {
    for media in [MediaPath::Relay, MediaPath::Direct] {
        for survivor_is_page in [true, false] {
            simulate(1, move |u| async move {
                let server = install(&u, ServerSettings { media, ..settings() }).await;
                let transferor = phone(&u, &server, "dave", 4).await;
                let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
                if survivor_is_page {
                    talk_back(&u, &transferor, &alice).await;
                    transferor.transfer("bob").unwrap();
                    seconds(&u, 1).await;
                    bob.answer().unwrap();
                } else {
                    transferor.dial("bob").unwrap();
                    seconds(&u, 1).await;
                    bob.answer().unwrap();
                    seconds(&u, 1).await;
                    transferor.transfer("alice").unwrap();
                    let call = alice.rings().await;
                    alice.answers_by_webrtc(call).await;
                }
                seconds(&u, 3).await;
                assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
                assert_eq!(transferor.screen().calls().count(), 0);
                bob.hang_up().unwrap();
                nothing_is_left(&u, &server).await;
            });
        }
    }
}

#[test]
fn after_a_consultation_the_two_others_hear_each_other() {
    for media in [MediaPath::Relay, MediaPath::Direct] {
        for survivor_is_page in [true, false] {
            simulate(1, move |u| async move {
                let server = install(&u, ServerSettings { media, ..settings() }).await;
                let transferor = phone(&u, &server, "dave", 4).await;
                let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
                let (first, second) = if survivor_is_page { ("alice", "bob") } else { ("bob", "alice") };
                for user in [first, second] {
                    if user == first { transferor.dial(user) } else { transferor.consult(user) }.unwrap();
                    if user == "alice" {
                        let call = alice.rings().await;
                        alice.answers_by_webrtc(call).await;
                    } else {
                        seconds(&u, 1).await;
                        bob.answer().unwrap();
                    }
                    seconds(&u, 2).await;
                }
                transferor.complete_transfer().unwrap();
                seconds(&u, 3).await;
                assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]], "{media:?}");
                assert_eq!(transferor.screen().calls().count(), 0);
                bob.hang_up().unwrap();
                nothing_is_left(&u, &server).await;
            });
        }
    }
}

/// A page hands a customer over, and her end is gone with her part of the call.
#[test]
fn a_page_transfers_a_hardphone_to_another_page() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let carol = page(&u, &server, "carol", 3).await;
        let call = talk(&u, &alice, &bob).await;
        alice.act(|ua, now| ua.refer(now, call, "<sip:carol@pbx.test>", "<sip:alice@pbx.test>"));
        let third = carol.rings().await;
        carol.answers_by_webrtc(third).await;
        assert_eq!(alice.ends(call).await, Ending::PeerHungUp);
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[bob.host(), &carol.host]).await, [vec![3], vec![2]]);
        assert_eq!(server.peers(), 1);
        bob.hang_up().unwrap();
        nothing_is_left(&u, &server).await;
    });
}

/// Whoever of the fork answers has the relay's side: by WebRTC or by its ports.
#[test]
fn of_a_page_and_a_hardphone_that_ring_together_either_may_answer() {
    for page_answers in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings().hunt_group("sales", &["alice", "bob"])).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            let carol = phone(&u, &server, "carol", 3).await;
            alice.manner(Manner::Rings);
            carol.dial("sales").unwrap();
            let call = alice.rings().await;
            assert_eq!(server.peers(), 1);
            seconds(&u, 1).await;
            let ear = if page_answers {
                alice.answers_by_webrtc(call).await;
                &alice.host
            } else {
                bob.answer().unwrap();
                bob.host()
            };
            seconds(&u, 3).await;
            let number = if page_answers { 1 } else { 2 };
            assert_eq!(heard(&u, &[ear, carol.host()]).await, [vec![3], vec![number]]);
            assert_eq!(server.peers(), usize::from(page_answers));
            carol.hang_up().unwrap();
            nothing_is_left(&u, &server).await;
        });
    }
}

/// RFC 8839 4.4: other credentials restart ICE; DTLS and the call go on. And a session's refresh changes nothing.
#[test]
fn an_ice_restart_and_a_refresh_leave_the_call_as_it_was() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let call = talk(&u, &alice, &bob).await;
        let before = alice.media(call, |media| media.peer.secure(busyhour::media::sdp::Setup::Actpass).ufrag);
        let peer = alice.media(call, |media| media.peer.clone());
        peer.restart();
        peer.gathered().await;
        let after = peer.secure(busyhour::media::sdp::Setup::Actpass).ufrag;
        assert_ne!(before, after);
        let ours = |body: &[u8]| secure_of(body).unwrap().unwrap().ufrag;
        let first = ours(alice.is_answered(call).await.body());
        alice.offers_by_webrtc(call, Direction::SendRecv);
        let answer = alice
            .until("an answer", |event| match event {
                Event::OfferAnswered { response, .. } => Some(response.body_bytes()),
                _ => None,
            })
            .await;
        assert_ne!(first, ours(&answer), "the answer to a restart has other credentials");
        assert!(secure_of(&answer).unwrap().unwrap().end_of_candidates, "a server in the open has nothing to look for");
        seconds(&u, 5).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
        alice.looks_away();
        alice.act(|ua, now| ua.update(now, call, None));
        alice.until("a refresh", |event| matches!(event, Event::OfferAnswered { .. }).then_some(())).await;
        seconds(&u, 60).await;
        assert_eq!(heard(&u, &[&alice.host, bob.host()]).await, [vec![2], vec![1]]);
        alice.hangs_up_properly(call);
        nothing_is_left(&u, &server).await;
    });
}

/// What the server may not speak it refuses, and says so (RFC 3261 20.43: 302 is the transport protocol's).
#[test]
fn webrtc_is_refused_where_it_is_not_spoken() {
    simulate(1, |u| async move {
        let server = install(&u, ServerSettings { webrtc: false, ..settings() }).await;
        let (alice, _bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let call = alice.calls_by_webrtc("bob").await;
        let warning = alice
            .until("a refusal", |event| match event {
                Event::Ended { ending: Ending::Refused(488), message: Some(message), .. } => {
                    message.first(Name::Warning).map(str::to_owned)
                }
                _ => None,
            })
            .await;
        assert!(warning.starts_with("302 pbx.test "), "{warning}");
        assert!(alice.has_ended(call));
        assert_eq!(server.peers(), 0);
    });
}

/// Its switch: an offer of encrypted audio gets an answer of plain RTP, which a browser refuses.
#[test]
fn a_server_that_answers_in_plain_rtp_is_one_with_its_switch_turned() {
    let answers_in_plain_rtp = |answers_webrtc_in_plain_rtp| {
        simulate(1, move |u| async move {
            let behaviour = Behaviour { answers_webrtc_in_plain_rtp, ..Behaviour::default() };
            let server = install(&u, ServerSettings { behaviour, ..settings() }).await;
            let (alice, bob) = (page(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            alice.forgives_plain_rtp();
            let call = alice.calls_by_webrtc("bob").await;
            seconds(&u, 1).await;
            bob.answer().unwrap();
            let answer = alice.is_answered(call).await;
            String::from_utf8_lossy(answer.body()).contains(" RTP/AVP ")
        })
    };
    assert!(answers_in_plain_rtp(true));
    assert!(!answers_in_plain_rtp(false));
}

/// RFC 5589 7: she has talked to both, and they go on without her. Two ends of hers, and none afterwards.
#[test]
fn a_page_joins_her_two_calls() {
    for media in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { media, ..settings() }).await;
            let alice = page(&u, &server, "alice", 1).await;
            let (bob, carol) = (phone(&u, &server, "bob", 2).await, phone(&u, &server, "carol", 3).await);
            let first = talk(&u, &alice, &bob).await;
            alice.offers_by_webrtc(first, Direction::SendOnly);
            seconds(&u, 1).await;
            let second = talk(&u, &alice, &carol).await;
            assert_eq!(server.peers(), 2);
            alice.act(|ua, now| {
                let replaces = ua.replaces(second).unwrap().replace(';', "%3B").replace('=', "%3D");
                ua.refer(now, first, &format!("<sip:carol@pbx.test?Replaces={replaces}>"), "<sip:alice@pbx.test>");
            });
            alice.ends(first).await;
            alice.ends(second).await;
            seconds(&u, 3).await;
            assert_eq!(heard(&u, &[bob.host(), carol.host()]).await, [vec![3], vec![2]], "{media:?}");
            assert_eq!(server.peers(), 0);
            carol.hang_up().unwrap();
            nothing_is_left(&u, &server).await;
        });
    }
}

/// RFC 3891: a page picks a call up that two others had, wherever their audio went.
#[test]
fn a_page_takes_the_place_of_a_phone() {
    for media in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let server = install(&u, ServerSettings { media, ..settings() }).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, phone(&u, &server, "bob", 2).await);
            let carol = page(&u, &server, "carol", 3).await;
            let out = alice.calls("bob");
            seconds(&u, 1).await;
            bob.answer().unwrap();
            alice.is_answered(out).await;
            let replaces = alice.act(|ua, _| ua.replaces(out)).unwrap();
            let taken = carol.invites_by_webrtc(carol.outgoing("bob").with("Replaces", replaces)).await;
            carol.is_answered(taken).await;
            alice.ends(out).await;
            seconds(&u, 3).await;
            assert_eq!(heard(&u, &[&carol.host, bob.host()]).await, [vec![2], vec![3]], "{media:?}");
            bob.hang_up().unwrap();
            assert_eq!(carol.ends(taken).await, Ending::PeerHungUp);
            nothing_is_left(&u, &server).await;
        });
    }
}

/// Two pages that talk past the server.
async fn two_on_their_own(u: &Universe, server: &Server) -> (Phone, CallId, Phone, CallId) {
    let (alice, bob) = (page(u, server, "alice", 1).await, page(u, server, "bob", 2).await);
    let out = alice.calls_by_webrtc("bob").await;
    let inside = bob.rings().await;
    bob.answers_by_webrtc(inside).await;
    alice.is_answered(out).await;
    seconds(u, 2).await;
    assert_eq!(heard(u, &[&alice.host, &bob.host]).await, [vec![2], vec![1]]);
    assert_eq!(server.peers(), 0);
    (alice, out, bob, inside)
}

/// RFC 3891, where the server had nothing to do with the audio: from now on it has.
#[test]
fn a_page_takes_the_place_of_another() {
    simulate(1, |u| async move {
        let server = install(&u, ServerSettings { media: MediaPath::Direct, ..settings() }).await;
        let (alice, out, bob, inside) = two_on_their_own(&u, &server).await;
        let carol = page(&u, &server, "carol", 3).await;
        let replaces = alice.act(|ua, _| ua.replaces(out)).unwrap();
        let taken = carol.invites_by_webrtc(carol.outgoing("bob").with("Replaces", replaces)).await;
        carol.is_answered(taken).await;
        alice.ends(out).await;
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&carol.host, &bob.host]).await, [vec![2], vec![3]]);
        assert_eq!(server.peers(), 2);
        bob.hangs_up_properly(inside);
        assert_eq!(carol.ends(taken).await, Ending::PeerHungUp);
        nothing_is_left(&u, &server).await;
    });
}

/// RFC 5589 7.3: whoever still rings was offered the transport of her who goes, and is called anew with another.
#[test]
fn a_page_joins_two_of_which_one_still_rings() {
    simulate(1, |u| async move {
        let server = install(&u, ServerSettings { media: MediaPath::Direct, ..settings() }).await;
        let (alice, out, bob, inside) = two_on_their_own(&u, &server).await;
        let carol = page(&u, &server, "carol", 3).await;
        carol.manner(Manner::Rings);
        let consultation = alice.calls_by_webrtc("carol").await;
        let rang = carol.rings().await;
        seconds(&u, 1).await;
        refer_to_call(&alice, out, "carol", consultation);
        alice.ends(consultation).await;
        let another = carol.until("another call", |event| match event {
            Event::Incoming { call, .. } if *call != rang => Some(*call),
            _ => None,
        });
        let rings = another.await;
        carol.ends(rang).await;
        carol.answers_by_webrtc(rings).await;
        alice.ends(out).await;
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[&bob.host, &carol.host]).await, [vec![3], vec![2]]);
        assert_eq!(server.peers(), 2);
        carol.hangs_up_properly(rings);
        bob.ends(inside).await;
        nothing_is_left(&u, &server).await;
    });
}

/// What Chrome offers: Opus first, several rates of digits, and nothing known of its address, which isn't hold
/// (RFC 8829 5.2.1). Of it the hardphone is offered what can be passed on, and Chrome gets what was agreed.
#[test]
fn of_what_a_browser_offers_the_telephone_s_part_is_passed_on() {
    const CHROME: &str = "v=0\r\no=- 4962303333179871722 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS s\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 126 110\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
        a=ice-ufrag:Ejxc\r\na=ice-pwd:N4mYgNWT6vZ8mfRy5gmYmZNe\r\na=ice-options:trickle\r\n\
        a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n\
        a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=msid:s t\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
        a=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:13 CN/8000\r\na=rtpmap:126 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\na=ssrc:3570614608 msid:s t\r\n";
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (page(&u, &server, "alice", 1).await, registered(&u, &server, "bob").await);
        let outgoing = alice.outgoing("bob").offering(CHROME);
        let out = alice.act(|ua, now| ua.call(now, outgoing));
        let inside = bob.rings().await;
        let offer = String::from_utf8(bob.offer_of(inside).to_vec()).unwrap();
        assert!(offer.contains(" RTP/AVP 0 8 126\r\n") && offer.contains("a=sendrecv\r\n"), "{offer}");
        assert!(offer.contains("telephone-event/8000") && !offer.contains("opus"), "{offer}");
        let answer = String::from_utf8(alice.is_answered(out).await.body().to_vec()).unwrap();
        assert!(answer.contains(" UDP/TLS/RTP/SAVPF 0 126\r\n"), "{answer}");
        assert!(answer.contains("a=mid:0\r\n") && answer.contains("a=sendrecv\r\n"), "{answer}");
        // Nobody is behind it: that's noticed as ever.
        assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
        assert_eq!(server.records()[0].ending, CallEnding::NeverConnected);
        nothing_is_left(&u, &server).await;
    });
}

/// RFC 3960: what the telephone network plays before an answer is heard, by the same WebRTC as what comes after it.
#[test]
fn a_page_hears_early_media() {
    simulate(1, |u| async move {
        let answers = Customer::answers_after(Duration::from_secs(8)).with_early_media(EarlyMedia::Ringback);
        let (server, _carrier, home) = with_customer(&u, settings(), answers).await;
        let bob = page(&u, &server, "bob", 2).await;
        let call = bob.calls_by_webrtc(NUMBER).await;
        u.sleep(Duration::from_millis(1_500)).await;
        assert_eq!(heard(&u, &[&bob.host]).await, [NOBODY]);
        assert!(is_loud(&u, &bob.host), "the network's tone, and nobody's voice");
        assert_eq!(bob.seen(|event| matches!(event, Event::Answered { .. }).then_some(())), None);
        bob.is_answered(call).await;
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &[&bob.host, &home]).await, [vec![4], vec![2]]);
        assert_eq!(server.peers(), 1);
        bob.hangs_up_properly(call);
        nothing_is_left(&u, &server).await;
    });
}

/// Law 1, with a certificate and two handshakes in the bytes.
#[test]
fn the_same_seed_makes_the_same_bytes() {
    let run = |seed| {
        Universe::seeded(seed)
            .run(|u| async move {
                let server = install(&u, settings()).await;
                let (alice, bob) = (page(&u, &server, "alice", 1).await, page(&u, &server, "bob", 2).await);
                let out = alice.calls_by_webrtc("bob").await;
                let inside = bob.rings().await;
                bob.answers_by_webrtc(inside).await;
                alice.is_answered(out).await;
                seconds(&u, 5).await;
                alice.is_closed();
                assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
            })
            .hash
            .digest()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
