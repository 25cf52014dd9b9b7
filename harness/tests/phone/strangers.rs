//! What other products do and our phones don't: early media, an INVITE without an offer, requests out of the blue.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use busyhour::phone::{LineState, Phone};
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{CallId, Ending, Event, Outgoing, Request, RequestMethod, Settings, UserAgent};
use busyhour::sip::{Flow, Name};
use busyhour::world::Host;
use busyhour::{Universe, simulate};

use crate::{calls, hardphone, one, seconds, states};

/// A bare user agent on a host: what it does is the test's affair.
struct Stranger {
    host: Host,
    ua: Rc<RefCell<UserAgent>>,
    events: Rc<RefCell<Vec<Event>>>,
    /// How many datagrams came to its audio port.
    audio: Rc<RefCell<u64>>,
}

/// Where it takes audio.
const AUDIO: u16 = 40_000;

impl Stranger {
    fn at(u: &Universe, name: &str) -> Stranger {
        let host = u.host(name);
        let random = u.random(name);
        let ua = UserAgent::new(Settings::at(format!("{}:5060", host.address())), random);
        let (ua, events, audio) = (Rc::new(RefCell::new(ua)), Rc::new(RefCell::default()), Rc::new(RefCell::default()));
        let stranger = Stranger { host: host.clone(), ua: ua.clone(), events: events.clone(), audio: audio.clone() };
        host.boot(move |host| {
            let (ua, events, audio) = (ua.clone(), events.clone(), audio.clone());
            async move {
                let ears = host.udp(AUDIO).await.unwrap();
                host.spawn(async move {
                    while ears.recv().await.is_ok() {
                        *audio.borrow_mut() += 1;
                    }
                });
                run(host, ua, events).await;
            }
        });
        stranger
    }

    fn description(&self, direction: &str) -> Bytes {
        let at = self.host.address();
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 {at}\r\ns=-\r\nc=IN IP4 {at}\r\nt=0 0\r\nm=audio {AUDIO} RTP/AVP 0\r\na={direction}\r\n"
        );
        text.into()
    }

    /// The call that came in.
    fn incoming(&self) -> CallId {
        let events = self.events.borrow();
        let call = events.iter().find_map(|event| match event {
            Event::Incoming { call, .. } => Some(*call),
            _ => None,
        });
        call.expect("nobody calls")
    }

    fn call(&self, to: &Phone, offer: Option<Bytes>) -> CallId {
        let flow = Flow::udp(SocketAddrV4::new(to.host().address(), 5060));
        let contact = format!("<sip:stranger@{}:5060>", self.host.address());
        let target = crate::straight(to);
        let mut outgoing = Outgoing::new(target, "<sip:stranger@elsewhere.test>", contact, flow);
        outgoing.offer = offer;
        self.ua.borrow_mut().call(self.host.now(), outgoing)
    }

    fn saw(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.borrow().iter().any(wanted)
    }
}

async fn run(host: Host, ua: Rc<RefCell<UserAgent>>, events: Rc<RefCell<Vec<Event>>>) {
    let mut transports = Transports::open(&host, Ports { udp: Some(5060), ..Ports::default() }).await.unwrap();
    loop {
        loop {
            let transmit = ua.borrow_mut().poll_transmit();
            let Some(transmit) = transmit else { break };
            transports.send(transmit);
        }
        while let Some(event) = ua.borrow_mut().poll_event() {
            events.borrow_mut().push(event);
        }
        tokio::select! {
            biased;
            received = transports.receive() => {
                if let Received::Message { message, flow } = received {
                    ua.borrow_mut().receive(host.now(), message, flow);
                }
            }
            () = host.sleep(Duration::from_millis(20)) => ua.borrow_mut().handle_timeout(host.now()),
        }
    }
}

/// RFC 3960: what the network plays before an answer is heard, and it isn't a call yet.
#[test]
fn early_media_is_heard_before_the_answer() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        alice.dial(&format!("sip:x@{}", stranger.host.address())).unwrap();
        seconds(&u, 1).await;
        let call = stranger.incoming();
        stranger.ua.borrow_mut().ring(u.now(), call, 183, Some(stranger.description("sendrecv")));
        seconds(&u, 20).await;
        assert_eq!(calls(&alice.screen()), one("x", LineState::RingingThere));
        assert_eq!(alice.screen().message, "", "nothing is missed before the answer");
        stranger.ua.borrow_mut().accept(u.now(), call, None);
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("x", LineState::Talking));
        let before = *stranger.audio.borrow();
        seconds(&u, 1).await;
        assert!(*stranger.audio.borrow() > before, "the early description stands when the answer has none");
    });
}

/// RFC 3261 13.2.1: the offer is in the 2xx, the answer in the ACK.
#[test]
fn an_invite_without_an_offer_is_answered_with_one() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        let call = stranger.call(&alice, None);
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 1).await;
        assert!(stranger.saw(|event| matches!(event, Event::Answered { wants_answer: true, .. })));
        assert_eq!(*stranger.audio.borrow(), 0);
        stranger.ua.borrow_mut().acknowledge(call, Some(stranger.description("sendrecv")));
        seconds(&u, 1).await;
        assert!(*stranger.audio.borrow() > 0);
        // The same in a re-INVITE: it asks what we can, and then holds us.
        stranger.ua.borrow_mut().offer(u.now(), call, None);
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("stranger", LineState::Talking));
    });
}

#[test]
fn a_caller_that_offers_sendonly_has_us_on_hold_from_the_start() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        stranger.call(&alice, Some(stranger.description("sendonly")));
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("stranger", LineState::HeldByPeer));
        assert_eq!(*stranger.audio.borrow(), 0);
    });
}

#[test]
fn an_offer_that_is_nonsense_is_488() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        stranger.call(&alice, Some(Bytes::from_static(b"v=0\r\nm=video 9 RTP/AVP 31\r\n")));
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 1).await;
        assert!(stranger.saw(|event| matches!(event, Event::Ended { ending: Ending::Refused(488), .. })));
        assert_eq!(states(&alice), [LineState::Ended { reason: Ending::Rejected(488) }]);
    });
}

/// RFC 3261 11.2: OPTIONS is answered as an INVITE would be.
#[test]
fn options_says_what_a_call_would_meet() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        let ask = |number: u32| {
            let flow = Flow::udp(SocketAddrV4::new(alice.host().address(), 5060));
            let request = Request {
                method: RequestMethod::Options,
                target: crate::straight(&alice),
                to: format!("<{}>", crate::straight(&alice)),
                from: "<sip:stranger@elsewhere.test>".into(),
                flow,
                call_id: format!("options-{number}"),
                cseq: number,
                headers: Vec::new(),
                body: None,
            };
            stranger.ua.borrow_mut().request(u.now(), request);
        };
        let statuses = || -> Vec<u16> {
            let events = stranger.events.borrow();
            let responses = events.iter().filter_map(|event| match event {
                Event::Response { outcome: Ok(response), .. } => Some(response),
                _ => None,
            });
            responses
                .inspect(|response| assert!(response.first(Name::Allow).is_some()))
                .filter_map(|r| r.status())
                .collect()
        };
        ask(1);
        seconds(&u, 1).await;
        assert_eq!(statuses(), [200]);
        for _ in 0..2 {
            stranger.call(&alice, Some(stranger.description("sendrecv")));
        }
        seconds(&u, 1).await;
        ask(2);
        seconds(&u, 1).await;
        assert_eq!(statuses(), [200, 486]);
    });
}

/// Nobody needs to read what isn't SIP.
#[test]
fn noise_on_its_port_does_not_disturb_a_phone() {
    simulate(1, |u| async move {
        let (alice, stranger) = (hardphone(&u, "alice"), Stranger::at(&u, "stranger"));
        seconds(&u, 1).await;
        let socket = stranger.host.udp(0).await.unwrap();
        let to = SocketAddrV4::new(alice.host().address(), 5060);
        for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\0\0\0", b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", b"\r\n", b""] {
            socket.send_to(Bytes::from_static(noise), to).await.unwrap();
        }
        stranger.call(&alice, Some(stranger.description("sendrecv")));
        seconds(&u, 1).await;
        assert!(alice.screen().rings());
    });
}
