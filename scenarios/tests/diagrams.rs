//! A sequence diagram tells what the packets told: these universes have no SIP stack in them, but people who send
//! what they like, so that each thing a diagram shows is there on purpose.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::trace::SimTime;
use busyhour::world::Host;
use busyhour_scenarios::diagram::{Collector, Diagram, Focus};

const PORT: u16 = 5060;

/// What was said in a universe.
fn diagram<Fut: Future<Output = ()>>(scenario: impl FnOnce(Universe) -> Fut + Send + 'static) -> Diagram {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let outcome = Universe::seeded(1).tap(Arc::clone(&collector)).run(scenario);
    if let Err(cause) = outcome.result {
        panic!("{cause}");
    }
    std::mem::take(&mut *collector.lock().unwrap()).into_diagram(&outcome.log)
}

/// Somebody who says what she likes.
struct Person {
    host: Host,
    signalling: busyhour::net::UdpSocket,
    media: busyhour::net::UdpSocket,
    sequence: u16,
}

impl Person {
    async fn named(universe: &Universe, name: &str) -> Person {
        let host = universe.host(name);
        let signalling = host.udp(PORT).await.unwrap();
        let media = host.udp(40_000).await.unwrap();
        Person { host, signalling, media, sequence: 0 }
    }

    async fn says(&self, to: &Person, bytes: impl Into<Vec<u8>>) {
        let address = SocketAddrV4::new(to.host.address(), PORT);
        self.signalling.send_to(bytes.into(), address).await.unwrap();
    }

    async fn speaks(&mut self, to: &Person, packets: u16) {
        for _ in 0..packets {
            self.sequence += 1;
            let mut packet = vec![0x80, 0];
            packet.extend(self.sequence.to_be_bytes());
            packet.resize(172, 0);
            self.media.send_to(packet, SocketAddrV4::new(to.host.address(), 40_000)).await.unwrap();
            self.host.sleep(Duration::from_millis(20)).await;
        }
    }
}

fn sdp(direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na={direction}\r\n"
    )
}

/// A message of a call: the start line, the CSeq, and what else there is.
fn message(start: &str, cseq: &str, call: &str, rest: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{cseq}\r\nFrom: <sip:alice@pbx.test>;tag=1\r\n\
         To: <sip:bob@pbx.test>{tag}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n{rest}{kind}Content-Length: {length}\r\n\r\n{body}",
        tag = if start.starts_with("INVITE") && rest.is_empty() { "" } else { ";tag=2" },
        length = body.len(),
    )
}

async fn a_moment(universe: &Universe) {
    universe.sleep(Duration::from_millis(10)).await;
}

#[test]
fn a_call_is_told_message_by_message_with_its_audio_its_losses_and_its_repetitions() {
    let diagram = diagram(|u| async move {
        let (mut alice, mut bob) = (Person::named(&u, "alice").await, Person::named(&u, "bob").await);
        let invite = message("INVITE sip:bob@10.0.0.2 SIP/2.0", "1 INVITE", "a", "", &sdp("sendrecv"));
        u.network().lose(1, &[alice.host.clone()], &[], "the next packet from alice is lost", |_| true);
        alice.says(&bob, invite.clone()).await;
        u.sleep(Duration::from_millis(500)).await;
        alice.says(&bob, invite).await;
        a_moment(&u).await;
        bob.says(&alice, message("SIP/2.0 180 Ringing", "1 INVITE", "a", "", "")).await;
        a_moment(&u).await;
        bob.says(&alice, message("SIP/2.0 200 OK", "1 INVITE", "a", "", &sdp("sendrecv"))).await;
        a_moment(&u).await;
        alice.says(&bob, message("ACK sip:bob@10.0.0.2 SIP/2.0", "1 ACK", "a", "", "")).await;
        for _ in 0..100 {
            alice.speaks(&bob, 1).await;
            bob.speaks(&alice, 1).await;
        }
        let held = message("INVITE sip:bob@10.0.0.2 SIP/2.0", "2 INVITE", "a", "Subject: hold\r\n", &sdp("sendonly"));
        alice.says(&bob, held).await;
        a_moment(&u).await;
        bob.says(&alice, message("SIP/2.0 200 OK", "2 INVITE", "a", "", &sdp("recvonly"))).await;
        alice.speaks(&bob, 60).await;
        // They hang up at once.
        alice.says(&bob, message("BYE sip:bob@10.0.0.2 SIP/2.0", "3 BYE", "a", "", "")).await;
        bob.says(&alice, message("BYE sip:alice@10.0.0.1 SIP/2.0", "1 BYE", "a", "", "")).await;
        u.sleep(Duration::from_secs(1)).await;
        bob.host.crash();
    });
    insta::assert_snapshot!(diagram.whole());
}

#[test]
fn what_is_no_sip_is_told_as_it_is_and_keepalives_are_not() {
    let diagram = diagram(|u| async move {
        let (alice, bob) = (Person::named(&u, "alice").await, Person::named(&u, "bob").await);
        alice.says(&bob, "\r\n\r\n").await;
        alice.says(&bob, "GET / HTTP/1.1\r\n\r\n").await;
        alice.says(&bob, message("BYE sip:bob@10.0.0.2 SIP/2.0", "1 INVITE", "a", "", "")).await;
        let nobody = SocketAddrV4::new([10, 0, 9, 9].into(), PORT);
        let lost = message("OPTIONS sip:bob@10.0.9.9 SIP/2.0", "1 OPTIONS", "b", "", "");
        alice.signalling.send_to(lost.into_bytes(), nobody).await.unwrap();
        a_moment(&u).await;
    });
    insta::assert_snapshot!(diagram.whole());
}

#[test]
fn messages_of_a_connection_are_told_whole_and_once_however_they_are_cut_up() {
    let diagram = diagram(|u| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        bob.boot(|bob| async move {
            let listener = bob.listen(PORT).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
        });
        a_moment(&u).await;
        let mut stream = alice.connect(SocketAddrV4::new(bob.address(), PORT)).await.unwrap();
        let one = message("REGISTER sip:pbx.test SIP/2.0", "1 REGISTER", "r", "", "");
        let other =
            message("REGISTER sip:pbx.test SIP/2.0", "2 REGISTER", "r", "Authorization: x\r\nExpires: 0\r\n", "");
        let both = format!("{one}{other}").into_bytes();
        let (first, rest) = both.split_at(one.len() + 40);
        stream.write_all(first).await.unwrap();
        stream.flush().await.unwrap();
        u.sleep(Duration::from_millis(100)).await;
        // The end of the second message is lost once, and sent again by TCP: the message arrives.
        u.network().lose(1, &[alice.clone()], &[], "the next packet from alice is lost", |_| true);
        stream.write_all(rest).await.unwrap();
        stream.shutdown().await.unwrap();
        u.sleep(Duration::from_secs(5)).await;
    });
    insta::assert_snapshot!(diagram.whole());
}

#[test]
fn audio_that_a_cut_swallows_is_told_apart_from_audio_that_arrives() {
    let diagram = diagram(|u| async move {
        let (mut alice, bob) = (Person::named(&u, "alice").await, Person::named(&u, "bob").await);
        alice.says(&bob, message("ACK sip:bob@10.0.0.2 SIP/2.0", "1 ACK", "a", "", "")).await;
        alice.speaks(&bob, 100).await;
        u.network().between(&alice.host, &bob.host).cut();
        alice.speaks(&bob, 150).await;
        u.network().between(&alice.host, &bob.host).heal();
        alice.speaks(&bob, 100).await;
    });
    insta::assert_snapshot!(diagram.whole());
}

/// So many calls between others, and one between alice and bob at the end.
fn crowd(others: u32) -> Diagram {
    diagram(move |u| async move {
        let (alice, bob) = (Person::named(&u, "alice").await, Person::named(&u, "bob").await);
        let (carol, dave) = (Person::named(&u, "carol").await, Person::named(&u, "dave").await);
        for call in 0..others {
            let ring = message("OPTIONS sip:dave@10.0.0.2 SIP/2.0", "1 OPTIONS", &format!("c{call}"), "", "");
            carol.says(&dave, ring).await;
            a_moment(&u).await;
        }
        for number in 0..others {
            let number = format!("{number} INFO");
            alice.says(&bob, message("INFO sip:bob@10.0.0.2 SIP/2.0", &number, "a", "", "")).await;
            a_moment(&u).await;
        }
    })
}

#[test]
fn the_part_that_matters_is_about_those_whom_the_failure_names() {
    let diagram = crowd(20);
    let at = SimTime(400_000_000_000);
    let of = |text: &str| {
        let focus = Focus { at: SimTime(250_000_000), text: text.to_owned(), packets: Vec::new() };
        diagram.part(&focus).join("\n")
    };
    let (alices, carols, everybodys) = (of("alice is in no call"), of("dave is registered"), of("nothing is lost"));
    assert!(alices.contains("INFO") && !alices.contains("carol"), "{alices}");
    assert!(carols.contains("OPTIONS") && !carols.contains("alice"), "{carols}");
    assert!(everybodys.contains("INFO"), "{everybodys}");
    // What was over long ago is of no interest.
    let late = diagram.part(&Focus { at, text: "alice is in no call".into(), packets: Vec::new() });
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn sixty_lines_are_shown_and_a_sixty_first_makes_a_gap_in_the_middle() {
    let part = |others: u32| {
        let at = SimTime(200_000_000_000);
        crowd(others).part(&Focus { at, text: "alice".into(), packets: Vec::new() })
    };
    let whole = part(59);
    assert_eq!((whole.len(), whole.iter().any(|line| line.contains("left out"))), (60, false));
    let cut = part(60);
    assert_eq!((cut.len(), cut[9].trim()), (59, "... 3 messages left out ..."));
    let cut = part(180);
    assert_eq!((cut.len(), cut[9].trim()), (59, "... 123 messages left out ..."));
    assert!(cut[58].contains("INFO"), "the end, where the failure is, is kept");
}

#[test]
fn a_run_of_ten_thousand_messages_keeps_its_beginning_and_its_end() {
    let text = crowd(5_000).whole();
    assert!(text.contains("messages were not kept"), "the middle is left out");
    assert!(text.lines().count() < 9_000);
}
