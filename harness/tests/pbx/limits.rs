//! What a server must survive: too many calls, things that are no SIP, SIP that's wrong.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::net::UdpSocket;
use busyhour::pbx::Server;
use busyhour::sip::ua::{Ending, Event};
use busyhour::sip::{Message, Name};
use busyhour::{Universe, simulate};

use crate::phone::Manner;
use crate::{install, nothing_is_left, registered, settings};

struct Stranger {
    socket: UdpSocket,
    server: SocketAddrV4,
}

impl Stranger {
    async fn of(u: &Universe, server: &Server) -> Stranger {
        let socket = u.host("mallory").udp(5060).await.unwrap();
        Stranger { socket, server: SocketAddrV4::new(server.host().address(), 5060) }
    }

    async fn says(&self, what: impl Into<Vec<u8>>) -> Option<Message> {
        self.socket.send_to(what.into(), self.server).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(200), self.socket.recv()).await.ok()?;
        Some(Message::read(answer.unwrap().0).unwrap())
    }

    fn request(&self, method: &str, more: &str) -> String {
        format!(
            "{method} sip:bob@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{method}{}\r\n\
             From: <sip:mallory@pbx.test>;tag=1\r\nTo: <sip:bob@pbx.test>\r\nCall-ID: {method}{}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n",
            self.socket.local_addr(),
            more.len(),
            more.len()
        )
    }
}

#[test]
fn one_call_more_than_the_most_is_answered_503_and_after_an_end_there_is_room() {
    simulate(1, |u| async move {
        let mut settings = settings();
        settings.max_calls = Some(1);
        let server = install(&u, settings).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let carol = registered(&u, &server, "carol").await;
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let refused = carol.calls("bob");
        assert_eq!(carol.ends(refused).await, Ending::Refused(503));
        let retry_after = carol.seen(|event| match event {
            Event::Ended { message: Some(message), .. } => message.first(Name::RetryAfter).map(str::to_owned),
            _ => None,
        });
        assert_eq!(retry_after.as_deref(), Some("10"));
        assert_eq!(server.counters().overloaded, 1);
        alice.hangs_up(out);
        alice.ends(out).await;
        u.sleep(Duration::from_secs(1)).await;
        let out = carol.calls("bob");
        carol.is_answered(out).await;
        carol.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

#[test]
fn what_is_no_sip_is_counted_and_not_answered() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let stranger = Stranger::of(&u, &server).await;
        for noise in [&b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n"[..], b"\x00\x01\x02\x03", b"hello", b"\xff\xfe\r\n\r\n"] {
            assert!(stranger.says(noise).await.is_none());
        }
        assert_eq!(server.counters().noise, 4);
        assert_eq!(server.counters().malformed, 0);
        registered(&u, &server, "alice").await;
    });
}

#[test]
fn malformed_requests_are_answered_where_an_answer_can_be_addressed() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let stranger = Stranger::of(&u, &server).await;
        let bad = stranger.request("OPTIONS", "").replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS");
        assert_eq!(stranger.says(bad).await.unwrap().status(), Some(400));
        let old = stranger.request("OPTIONS", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia");
        assert_eq!(stranger.says(old).await.unwrap().status(), Some(505));
        // An ACK and a response are never answered.
        let ack = stranger.request("ACK", "").replace("CSeq: 1 ACK", "CSeq: one ACK");
        assert!(stranger.says(ack).await.is_none());
        assert!(stranger.says(&b"SIP/2.0 200 OK\r\nVia: what\r\n\r\n"[..]).await.is_none());
    });
}

#[test]
fn methods_that_are_not_served_are_refused_each_in_its_way() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let stranger = Stranger::of(&u, &server).await;
        for (method, status) in
            [("OPTIONS", 200), ("MESSAGE", 405), ("PUBLISH", 405), ("DANCE", 501), ("BYE", 481), ("INFO", 481)]
        {
            let answer = stranger.says(stranger.request(method, "")).await.unwrap();
            assert_eq!(answer.status(), Some(status), "{method}");
            assert_eq!(answer.first(Name::Allow).is_some(), matches!(status, 200 | 405), "{method}");
        }
        // RFC 3261 8.2.2.3.
        let answer = stranger.says(stranger.request("OPTIONS", "Require: teleport\r\n")).await.unwrap();
        assert_eq!((answer.status(), answer.first(Name::Unsupported)), (Some(420), Some("teleport")));
    });
}

#[test]
fn a_message_of_the_most_bytes_is_served_and_one_with_more_is_too_large() {
    simulate(1, |u| async move {
        let mut settings = settings();
        settings.max_message = 1_000;
        let server = install(&u, settings).await;
        let stranger = Stranger::of(&u, &server).await;
        let bare = stranger.request("OPTIONS", "Subject: \r\n").len();
        for (size, status) in [(1_000, 200), (1_001, 513)] {
            // The branch and the Call-ID name the size of what's added, with two more digits then.
            let subject = format!("Subject: {}\r\n", "x".repeat(size - bare - 2));
            let request = stranger.request("OPTIONS", &subject);
            assert_eq!(request.len(), size);
            assert_eq!(stranger.says(request).await.unwrap().status(), Some(status), "{size}");
        }
        assert_eq!(server.counters().oversized, 1);
    });
}

/// 200 calls come and go; at the end the books agree with what the phones saw.
#[test]
fn the_books_add_up() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let mut talked = 0;
        for round in 0..40u64 {
            bob.manner(match round % 4 {
                0 | 1 => Manner::Answers,
                2 => Manner::Refuses(486),
                _ => Manner::Rings,
            });
            bob.looks_away();
            let out = alice.calls("bob");
            match round % 4 {
                0 | 1 => {
                    alice.is_answered(out).await;
                    let inside = bob.rings().await;
                    bob.is_confirmed(inside).await;
                    u.sleep(Duration::from_millis(1_000 + round * 10)).await;
                    talked += 1;
                    if round % 4 == 0 { alice.hangs_up(out) } else { bob.hangs_up(inside) }
                }
                2 => {}
                _ => {
                    bob.rings().await;
                    alice.hangs_up(out);
                }
            }
            alice.ends(out).await;
        }
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
        let records = server.records();
        assert_eq!(records.len(), 40);
        assert_eq!(records.iter().filter(|record| record.answered.is_some()).count(), talked);
        let sum: Duration = records.iter().map(busyhour::pbx::CallRecord::talked).sum();
        let expected: u64 = (0..40).filter(|round| round % 4 < 2).map(|round| 1_000 + round * 10).sum();
        let sum = sum.as_millis() as u64;
        assert!((expected - 200..expected + 200).contains(&sum), "{sum} ms, expected {expected} ms");
    });
}

/// RFC 3261 16.3: a contact that leads back to the server is a loop, and one round is enough to see it.
#[test]
fn a_call_that_comes_back_to_the_server_is_a_loop() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.register_for(0).await;
        let back = format!("<sip:bob@{}:5060>", server.host().address());
        bob.register_with(&[("Contact", &back)]).await;
        let out = alice.calls("bob");
        assert_eq!(alice.ends(out).await, Ending::Refused(480));
        assert_eq!(server.counters().calls, 3, "hers, challenged and proved, and once around");
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// What the oracles' tests turn wrong.
#[test]
fn each_switch_of_the_signalling_does_what_it_says() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let stranger = Stranger::of(&u, &server).await;
        let alice = registered(&u, &server, "alice").await;
        server.change(|settings| settings.behaviour.tells_passwords = true);
        let contact = format!("<{}>", alice.contact());
        let answer = alice.register_with(&[("Contact", &contact)]).await;
        assert_eq!(answer.named("X-Account"), Some("alice:alice's secret"));
        server.change(|settings| settings.behaviour.never_answers_options = true);
        assert!(stranger.says(stranger.request("OPTIONS", "")).await.is_none());
        server.change(|settings| settings.behaviour.never_answers_registers = true);
        let register = stranger.request("REGISTER", "").replace("sip:bob@pbx.test SIP", "sip:pbx.test SIP");
        assert!(stranger.says(register.clone()).await.is_none());
        server.change(|settings| settings.behaviour = busyhour::pbx::Behaviour::default());
        assert_eq!(stranger.says(register).await.unwrap().status(), Some(401));
    });
}

/// A server whose fork goes on ringing after an answer, and one that never says how a transfer went.
#[test]
fn losers_that_ring_on_and_transfers_without_a_word() {
    simulate(1, |u| async move {
        let server = install(&u, settings().hunt_group("sales", &["bob", "carol"])).await;
        let alice = registered(&u, &server, "alice").await;
        let (bob, carol) = (registered(&u, &server, "bob").await, registered(&u, &server, "carol").await);
        server.change(|settings| {
            settings.behaviour.rings_on = true;
            settings.behaviour.never_notifies = true;
        });
        carol.manner(Manner::Rings);
        let out = alice.calls("sales");
        alice.is_answered(out).await;
        let inside = carol.rings().await;
        u.sleep(Duration::from_secs(30)).await;
        assert!(!carol.has_ended(inside));
        alice.act(|ua, now| ua.refer(now, out, "<sip:zoe@pbx.test>", "<sip:alice@pbx.test>"));
        u.sleep(Duration::from_secs(10)).await;
        assert_eq!(alice.count(|event| matches!(event, Event::Notified { last: true, .. })), 0);
        let _ = bob;
    });
}
