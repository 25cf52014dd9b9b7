//! SIP over WebSocket (RFC 7118) for a stack that has none of its own: descriptions go through as they are.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use busyhour::media::Direction;
use busyhour::sip::digest::Credentials;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{CallId, Ending, Event, Outgoing, Request, RequestMethod, Settings, UserAgent};
use busyhour::sip::{Flow, Message, Transport};
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};
use tokio::sync::Notify;

use crate::{DOMAIN, PATIENCE, Progress, Stack};

struct State {
    ua: UserAgent,
    stack: Stack,
    call: Option<CallId>,
    seen: Vec<Event>,
}

/// A user with a webphone, in one call at a time.
pub struct Webphone {
    host: Host,
    user: String,
    contact: String,
    flow: Flow,
    state: Rc<RefCell<State>>,
    wake: Rc<Notify>,
}

impl Webphone {
    pub(crate) async fn open(host: &Host, server: &Host, user: &str, password: &str, stack: Stack) -> Webphone {
        let mut transports = Transports::open(host, Ports::default()).await.expect("it needs no port");
        // RFC 7118 5: nobody could connect to a page, so it says no address.
        let sent_by = format!("{user}.invalid");
        let mut settings = Settings::at(sent_by.clone());
        settings.credentials = Some(Credentials { user: user.to_owned(), password: password.to_owned() });
        let seed = host.random(|random| random.next_u64());
        let ua = UserAgent::new(settings, Random::stream(seed, "webphone"));
        let state = Rc::new(RefCell::new(State { ua, stack, call: None, seen: Vec::new() }));
        let wake = Rc::new(Notify::new());
        let phone = Webphone {
            host: host.clone(),
            user: user.to_owned(),
            contact: format!("<sip:{user}@{sent_by};transport=ws>"),
            flow: Flow::to(Transport::Ws, SocketAddrV4::new(server.address(), 8080)),
            state: state.clone(),
            wake: wake.clone(),
        };
        let me = host.clone();
        host.spawn(async move {
            loop {
                let due = {
                    let mut state = state.borrow_mut();
                    state.work(me.now());
                    while let Some(transmit) = state.ua.poll_transmit() {
                        transports.send(transmit);
                    }
                    state.ua.poll_timeout()
                };
                let wait = due.map_or(Duration::from_secs(3_600), |due| due.since(me.now()));
                let sleep = pin!(me.sleep(wait));
                tokio::select! {
                    biased;
                    received = transports.receive() => {
                        let mut state = state.borrow_mut();
                        match received {
                            Received::Message { message, flow } => state.ua.receive(me.now(), message, flow),
                            Received::Broken { flow, .. } => state.ua.flow_failed(me.now(), flow),
                            _ => {}
                        }
                    }
                    () = wake.notified() => {}
                    () = sleep => state.borrow_mut().ua.handle_timeout(me.now()),
                }
            }
        });
        phone
    }

    fn act<R>(&self, button: impl FnOnce(&mut State, SimTime) -> R) -> R {
        let result = button(&mut self.state.borrow_mut(), self.host.now());
        self.wake.notify_one();
        result
    }

    async fn until<T>(&self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        let begun = self.host.now();
        loop {
            {
                let seen = &self.state.borrow().seen;
                if let Some(found) = seen.iter().find_map(&pick) {
                    return found;
                }
                assert!(self.host.now().since(begun) < PATIENCE, "{} waits for {what} in vain: {seen:#?}", self.user);
            }
            self.host.sleep(Duration::from_millis(10)).await;
        }
    }

    fn call(&self) -> CallId {
        self.state.borrow().call.expect("there is a call")
    }

    /// Registers as a device (RFC 5626): the status that it comes to.
    pub(crate) async fn register(&self) -> u16 {
        let aor = format!("<sip:{}@{DOMAIN}>", self.user);
        let contact =
            format!("{};+sip.instance=\"<urn:uuid:0a5c1d6e-52c8-4c0d-9e0b-6d7f6c1a2b3d>\";reg-id=1", self.contact);
        let headers = [("Contact", contact.as_str()), ("Expires", "120"), ("Supported", "path, outbound")];
        let request = Request {
            method: RequestMethod::Register,
            target: format!("sip:{DOMAIN}"),
            to: aor.clone(),
            from: aor,
            flow: self.flow,
            call_id: format!("{}-registers", self.user),
            cseq: 1,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: None,
        };
        let wanted = self.act(|state, now| state.ua.request(now, request));
        let answer = |event: &Event| match event {
            Event::Response { id, outcome, .. } if *id == wanted => Some(outcome.clone()),
            _ => None,
        };
        let answer = self.until("an answer to REGISTER", answer).await;
        answer.ok().and_then(|answer| answer.status()).expect("the server answers")
    }

    /// Calls a user with what the stack offers, and gives the stack the answer.
    pub(crate) async fn calls(&self, to: &str) {
        let from = format!("<sip:{}@{DOMAIN}>", self.user);
        let outgoing = Outgoing::new(format!("sip:{to}@{DOMAIN}"), from, self.contact.clone(), self.flow);
        let call = self.act(|state, now| {
            let call = state.ua.call(now, outgoing.offering(state.stack.offer(Direction::SendRecv)));
            state.call = Some(call);
            call
        });
        self.until("an answer", |event| matches!(event, Event::Answered { call: it, .. } if *it == call).then_some(()))
            .await;
    }

    /// Waits for a call, and answers it as the stack does.
    pub(crate) async fn answers(&self) {
        let offered = |event: &Event| match event {
            Event::Incoming { call, request, .. } => Some((*call, text(request))),
            _ => None,
        };
        let (call, offer) = self.until("a call", offered).await;
        self.act(|state, now| {
            state.call = Some(call);
            let answer = state.stack.answer(&offer);
            state.ua.accept(now, call, Some(answer.into()));
        });
        let confirmed = |event: &Event| matches!(event, Event::Confirmed { call: it, .. } if *it == call).then_some(());
        self.until("an ACK", confirmed).await;
    }

    /// Offers a session of another direction: holds, resumes. Returns when the stack has the answer.
    pub(crate) async fn offers(&self, direction: Direction) {
        let call = self.call();
        self.act(|state, now| {
            state.seen.retain(|event| !matches!(event, Event::OfferAnswered { .. }));
            let offer = state.stack.offer(direction);
            state.ua.offer(now, call, Some(offer.into()));
        });
        self.until("an answer to a re-INVITE", |event| match event {
            Event::OfferAnswered { call: it, .. } if *it == call => Some(()),
            Event::OfferRefused { status, .. } => panic!("the re-INVITE is refused with {status}"),
            _ => None,
        })
        .await;
    }

    pub(crate) fn hangs_up(&self) {
        let call = self.call();
        self.act(|state, now| state.ua.end(now, call));
    }

    /// How the call ended.
    pub(crate) async fn ends(&self) -> Ending {
        let call = self.call();
        self.until("the end", |event| match event {
            Event::Ended { call: it, ending, .. } if *it == call => Some(ending.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) fn progress(&self) -> Progress {
        self.state.borrow().stack.progress()
    }

    /// Closes the stack. Of the SIP side the connection stays, as in a tab that's open.
    pub(crate) fn close(self) {
        let idle = Stack::start(|_, _| ());
        std::mem::replace(&mut self.state.borrow_mut().stack, idle).close();
    }
}

fn text(message: &Message) -> String {
    String::from_utf8(message.body().to_vec()).expect("a description is text")
}

impl State {
    /// What it does by itself.
    fn work(&mut self, now: SimTime) {
        while let Some(event) = self.ua.poll_event() {
            match &event {
                Event::Incoming { call, .. } => self.ua.ring(now, *call, 180, None),
                Event::Answered { response, .. } | Event::OfferAnswered { response, .. } => {
                    self.stack.agree(&text(response));
                }
                Event::Offered { call, request } => {
                    let answer = self.stack.answer(&text(request));
                    self.ua.answer_offer(now, *call, Some(answer.into()));
                }
                _ => {}
            }
            self.seen.push(event);
        }
    }
}
