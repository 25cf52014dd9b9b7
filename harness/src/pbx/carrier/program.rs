//! The program that runs on a carrier's host.

use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::{Book, CallState, CallView, Direction, Order, Shared};
use crate::media::sdp::{Agreed, Local, SdpError};
use crate::media::{AudioLine, LineEvent, Remote};
use crate::pbx::customer::{ANNOUNCEMENT, Behaviour, Reaction, Refusal};
use crate::sip::transport::{Ports, Received, Transports};
use crate::sip::ua::{ALLOW, CallId, Ending, Event, Outgoing, Settings, UserAgent};
use crate::sip::{Flow, Message, Method, Name, Writer, answer_unreadable, reason};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// Runs a carrier until its host crashes.
pub(super) async fn run(host: Host, shared: Rc<Shared>) {
    shared.forget_the_last_life();
    let settings = shared.settings.borrow().clone();
    let ports = Ports { udp: Some(settings.port), ..Ports::default() };
    let mut transports = match Transports::open(&host, ports).await {
        Ok(transports) => transports,
        Err(error) => return host.claim("failed", |event| event.with("why", error.to_string())),
    };
    let ua = UserAgent::new(
        Settings {
            user_agent: "busyhour carrier".into(),
            reliable_provisionals: settings.reliable_provisionals,
            quirks: settings.quirks,
            ..Settings::at(format!("{}:{}", host.address(), settings.port))
        },
        Random::stream(host.random(Random::next_u64), "carrier"),
    );
    let mut program =
        Program { host: host.clone(), shared, ua, live: BTreeMap::new(), alarms: BTreeMap::new(), number: 0 };
    loop {
        program.digest_events().await;
        while let Some(transmit) = program.ua.poll_transmit() {
            transports.send(transmit);
        }
        let wake = program.next_wake();
        tokio::select! {
            biased;
            received = transports.receive() => {
                let now = host.now();
                match received {
                    Received::Message { message, flow } => program.ua.receive(now, message, flow),
                    Received::Broken { flow, .. } => program.ua.flow_failed(now, flow),
                    Received::Malformed { raw, error, flow } => {
                        let tag = format!("{:016x}", host.random(Random::next_u64));
                        if let Some(payload) = answer_unreadable(&raw, &error, &tag) {
                            transports.send(crate::sip::transaction::Transmit { flow, payload });
                        }
                    }
                    Received::Ping { .. } | Received::Pong { .. } | Received::Connected { .. } => {}
                }
            }
            () = program.shared.ordered.notified() => {}
            () = sleep_until(&host, wake) => program.ua.handle_timeout(host.now()),
        }
        program.ring_alarms().await;
        program.obey_orders().await;
    }
}

async fn sleep_until(host: &Host, at: Option<SimTime>) {
    match at {
        Some(at) => host.sleep(at.since(host.now())).await,
        None => pending().await,
    }
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    /// The number is found: it rings, or something is played.
    Ring,
    Answer,
    /// A machine has greeted.
    Beep,
    Refuse(Refusal),
    HangUp,
}

/// A call that isn't over.
struct Live {
    /// Its place in the books.
    book: usize,
    number: String,
    behaviour: Behaviour,
    line: AudioLine,
    /// Listens to the line for whether anything is heard at all.
    listener: Option<AbortHandle>,
    local: Local,
    /// The session, as the 183 and the 200 describe it.
    description: Option<Bytes>,
    /// The other side's session.
    remote: Option<Remote>,
    /// The offer is ours, and its answer comes with the ACK.
    offers: bool,
    /// Servers that are left to try, if this one fails.
    servers_left: Vec<std::net::SocketAddrV4>,
}

struct Program {
    host: Host,
    shared: Rc<Shared>,
    ua: UserAgent,
    live: BTreeMap<CallId, Live>,
    alarms: BTreeMap<(SimTime, u64), (CallId, Alarm)>,
    number: u64,
}

impl Shared {
    /// Calls of a life before this one ended with it, and nobody was told.
    fn forget_the_last_life(&self) {
        self.orders.borrow_mut().clear();
        let now = self.host.now();
        for book in self.calls.borrow_mut().iter_mut().filter(|book| book.view.state != CallState::Ended) {
            book.close(now, Ending::Lost);
        }
    }
}

impl Book {
    fn close(&mut self, now: SimTime, ending: Ending) {
        self.view = self.seen();
        self.line = None;
        self.view.state = CallState::Ended;
        self.view.ended = Some(now);
        self.view.ending = Some(ending);
    }
}

impl Program {
    fn now(&self) -> SimTime {
        self.host.now()
    }

    fn next_wake(&mut self) -> Option<SimTime> {
        let alarm = self.alarms.keys().next().map(|(at, _)| *at);
        match (self.ua.poll_timeout(), alarm) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn set_alarm(&mut self, at: SimTime, call: CallId, alarm: Alarm) {
        self.number += 1;
        self.alarms.insert((at, self.number), (call, alarm));
    }

    fn forget_alarms(&mut self, call: CallId) {
        self.alarms.retain(|_, (owner, _)| *owner != call);
    }

    async fn digest_events(&mut self) {
        while let Some(event) = self.ua.poll_event() {
            match event {
                Event::Incoming { call, request, replaces, .. } => {
                    self.called(call, &request, replaces.is_some()).await
                }
                Event::Progress { call, response } => self.progress(call, &response),
                Event::Answered { call, response, .. } => self.answered(call, &response),
                Event::Confirmed { call, body } => self.confirmed(call, body.as_ref()),
                Event::Offered { call, request } => self.offered(call, &request),
                Event::Ended { call, ending, .. } => self.ended(call, ending).await,
                // A customer's line can do nothing of the kind.
                Event::Referred { call, request } => self.ua.refuse_refer(self.host.now(), call, &request, 403),
                Event::Request { server, request, .. } => self.asked(server, &request),
                Event::Response { .. }
                | Event::OfferAnswered { .. }
                | Event::OfferRefused { .. }
                | Event::OfferPostponed { .. }
                | Event::OfferWanted { .. }
                | Event::ReferAnswered { .. }
                | Event::Notified { .. }
                | Event::Info { .. } => {}
            }
        }
    }

    /// A request outside of calls: the server asks if the trunk is up.
    fn asked(&mut self, server: crate::sip::transaction::ServerId, request: &Message) {
        let status = if request.method() == Method::Options { 200 } else { 405 };
        let tag = format!("{:016x}", self.host.random(Random::next_u64));
        let response = Writer::answer(request, status, reason(status), Some(&tag)).header(Name::Allow, ALLOW).end();
        self.ua.respond(self.host.now(), server, response);
    }

    /// Somebody calls a customer.
    async fn called(&mut self, call: CallId, request: &Message, replaces: bool) {
        let now = self.now();
        let dialed = request.target_uri().ok().and_then(|uri| uri.user_name().map(|user| user.into_owned()));
        let number = dialed.as_deref().and_then(digits_of);
        let other = request.from().ok().and_then(|from| from.uri.user_name().map(|user| user.into_owned()));
        let shown = number.clone().or(dialed).unwrap_or_default();
        let is_busy = self.live.values().any(|live| live.number == shown);
        let book = self.write_down(&shown, other.unwrap_or_default(), Direction::ToCustomer);
        let Some(number) = number else { return self.refuse(call, book, Refusal::NO_NUMBER) };
        if let Some(refusal) = self.shared.refusal() {
            return self.refuse(call, book, refusal);
        }
        if replaces {
            return self.refuse(call, book, Refusal::with_status(403));
        }
        if is_busy {
            return self.refuse(call, book, Refusal::BUSY);
        }
        let devices = self.shared.devices(&number);
        let behaviour = self.shared.behaviour(&number);
        if let (Reaction::Refuses(refusal), None) = (&behaviour.reaction, behaviour.early_media) {
            return self.refuse(call, book, *refusal);
        }
        let Some((line, local)) = self.open_line(&devices).await else {
            return self.refuse(call, book, Refusal::with_status(500));
        };
        let mut live = Live {
            book,
            number,
            behaviour,
            line,
            listener: None,
            local,
            description: None,
            remote: None,
            offers: request.body().is_empty(),
            servers_left: Vec::new(),
        };
        if live.offers {
            live.description = Some(live.local.offer());
        } else {
            match live.answer(request.body()) {
                Ok(true) => {}
                Ok(false) => return self.refuse_line(call, live, Refusal::NO_CODEC),
                Err(_) => return self.refuse_line(call, live, Refusal::with_status(400)),
            }
        }
        self.watch(&mut live);
        let ring_at = now + self.shared.settings.borrow().post_dial_delay;
        let machine = self.shared.settings.borrow().machine;
        let (decided_at, alarm) = match live.behaviour.reaction {
            Reaction::Answers { after } => (Some(now + after), Alarm::Answer),
            Reaction::AnsweringMachine => (Some(now + machine.answers_after), Alarm::Answer),
            Reaction::Declines { after } => (Some(now + after), Alarm::Refuse(Refusal::DECLINED)),
            Reaction::Refuses(refusal) => (Some(ring_at + ANNOUNCEMENT), Alarm::Refuse(refusal)),
            Reaction::NeverAnswers => (None, Alarm::Ring),
        };
        // Who answers before it rings is never heard ringing.
        if decided_at.is_none_or(|at| at >= ring_at) {
            self.set_alarm(ring_at, call, Alarm::Ring);
        }
        if let Some(at) = decided_at {
            self.set_alarm(at, call, alarm);
        }
        self.live.insert(call, live);
    }

    fn write_down(&mut self, number: &str, other: String, direction: Direction) -> usize {
        let began = self.now();
        let (side, name) = match direction {
            Direction::ToCustomer => ("to", &other),
            Direction::FromCustomer => ("from", &other),
        };
        self.host.claim("call-began", |event| {
            event.with("customer", number).with("direction", side).with("other", name.as_str())
        });
        let view = CallView {
            number: number.to_owned(),
            other,
            direction,
            state: CallState::Trying,
            held: false,
            began,
            answered: None,
            ended: None,
            ending: None,
            digits: String::new(),
            audio: None,
        };
        let mut calls = self.shared.calls.borrow_mut();
        calls.push(Book { view, line: None });
        calls.len() - 1
    }

    async fn open_line(&self, devices: &Host) -> Option<(AudioLine, Local)> {
        let random = Random::stream(self.host.random(Random::next_u64), "line");
        let line = AudioLine::open(&self.host, devices, random).await.ok()?;
        line.set_timeout(self.shared.settings.borrow().rtp_timeout);
        let session = self.host.random(Random::next_u64) >> 2;
        let mut local = Local::new(self.host.address(), line.port(), session);
        local.codecs.clone_from(&self.shared.settings.borrow().codecs);
        Some((line, local))
    }

    /// Puts a call's line into the books, and listens to it.
    fn watch(&self, live: &mut Live) {
        self.shared.calls.borrow_mut()[live.book].line = Some(live.line.clone());
        let (line, shared, book) = (live.line.clone(), Rc::clone(&self.shared), live.book);
        let listener = self.host.spawn(async move {
            loop {
                if let LineEvent::Timeout { .. } = line.event().await {
                    return shared.order(Order::Silent(book));
                }
            }
        });
        live.listener = Some(listener.abort_handle());
    }

    fn refuse(&mut self, call: CallId, book: usize, refusal: Refusal) {
        let headers = [(Name::Reason, refusal.reason())];
        self.ua.reject(self.host.now(), call, refusal.status, &headers);
        self.close_book(book, Ending::Rejected(refusal.status));
    }

    /// Refuses a call whose line is open.
    fn refuse_line(&mut self, call: CallId, live: Live, refusal: Refusal) {
        self.refuse(call, live.book, refusal);
        self.close_line(live);
    }

    fn close_line(&self, live: Live) {
        if let Some(listener) = live.listener {
            listener.abort();
        }
        self.host.spawn(async move { live.line.close().await });
    }

    fn close_book(&mut self, book: usize, ending: Ending) {
        let now = self.now();
        let mut calls = self.shared.calls.borrow_mut();
        let book = &mut calls[book];
        if book.view.state == CallState::Ended {
            return;
        }
        let how = format!("{ending:?}");
        book.close(now, ending);
        let number = book.view.number.clone();
        drop(calls);
        self.host.claim("call-ended", |event| event.with("customer", number).with("ending", how));
    }

    fn set_state(&self, book: usize, state: CallState) {
        let mut calls = self.shared.calls.borrow_mut();
        let view = &mut calls[book].view;
        if view.state == CallState::Ended {
            return;
        }
        view.state = state;
        if state == CallState::Talking && view.answered.is_none() {
            view.answered = Some(self.host.now());
            let number = view.number.clone();
            drop(calls);
            self.host.claim("call-answered", |event| event.with("customer", number));
        }
    }

    async fn ring_alarms(&mut self) {
        let now = self.now();
        while let Some(entry) = self.alarms.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (call, alarm) = entry.remove();
            self.alarm(call, alarm).await;
        }
    }

    async fn alarm(&mut self, call: CallId, alarm: Alarm) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&call) else { return };
        match alarm {
            Alarm::Ring => {
                let book = live.book;
                match live.behaviour.early_media {
                    None => self.ua.ring(now, call, 180, None),
                    Some(media) => {
                        self.ua.ring(now, call, 183, live.description.clone());
                        live.line.play(Some(media.sound()));
                        if let Some(remote) = &live.remote {
                            live.line.connect(remote.early());
                        }
                    }
                }
                self.set_state(book, CallState::Ringing);
            }
            Alarm::Answer => {
                let (book, machine) = (live.book, self.shared.settings.borrow().machine);
                let is_machine = live.behaviour.reaction == Reaction::AnsweringMachine;
                live.line.play(is_machine.then(|| machine.greeting()));
                if let Some(remote) = &live.remote {
                    live.line.connect(*remote);
                }
                let talks_for = live.behaviour.talks_for.or(is_machine.then(|| machine.talks_for()));
                self.ua.accept(now, call, live.description.clone());
                self.set_state(book, CallState::Talking);
                if is_machine {
                    self.set_alarm(now + machine.greets_for, call, Alarm::Beep);
                }
                if let Some(time) = talks_for {
                    self.set_alarm(now + time, call, Alarm::HangUp);
                }
            }
            Alarm::Beep => live.line.play(Some(self.shared.settings.borrow().machine.beep())),
            Alarm::Refuse(refusal) => {
                let live = self.live.remove(&call).expect("it was there a moment ago");
                self.refuse_line(call, live, refusal);
            }
            Alarm::HangUp => self.ua.end(now, call),
        }
    }

    async fn obey_orders(&mut self) {
        loop {
            let Some(order) = self.shared.orders.borrow_mut().pop_front() else { return };
            match order {
                Order::HangUp(number) => {
                    let calls: Vec<CallId> =
                        self.live.iter().filter(|(_, live)| live.number == number).map(|(call, _)| *call).collect();
                    for call in calls {
                        self.hang_up(call);
                    }
                }
                Order::PlaceCall { from, to } => self.place_call(&from, &to).await,
                Order::Silent(book) => {
                    let call = self.live.iter().find(|(_, live)| live.book == book).map(|(call, _)| *call);
                    if let Some(call) = call {
                        self.ua.end(self.host.now(), call);
                    }
                }
            }
        }
    }

    fn hang_up(&mut self, call: CallId) {
        let Some(live) = self.live.get(&call) else { return };
        let (direction, state) = {
            let calls = self.shared.calls.borrow();
            (calls[live.book].view.direction, calls[live.book].view.state)
        };
        if direction == Direction::ToCustomer && state != CallState::Talking {
            let live = self.live.remove(&call).expect("it was there a moment ago");
            return self.refuse_line(call, live, Refusal::DECLINED);
        }
        self.ua.end(self.host.now(), call);
    }

    /// A customer calls the contact center.
    async fn place_call(&mut self, from: &str, to: &str) {
        let book = self.write_down(from, to.to_owned(), Direction::FromCustomer);
        let mut servers = self.shared.settings.borrow().servers.clone();
        servers.reverse();
        let devices = self.shared.devices(from);
        let line = self.open_line(&devices).await;
        let (Some(server), Some((line, local))) = (servers.pop(), line) else {
            return self.close_book(book, Ending::Refused(503));
        };
        let behaviour = self.shared.behaviour(from);
        let waits_for = behaviour.waits_for;
        let mut live = Live {
            book,
            number: from.to_owned(),
            behaviour,
            line,
            listener: None,
            description: Some(local.offer()),
            local,
            remote: None,
            offers: true,
            servers_left: servers,
        };
        self.watch(&mut live);
        let call = self.invite(live, to, server);
        if let Some(time) = waits_for {
            self.set_alarm(self.now() + time, call, Alarm::HangUp);
        }
    }

    fn invite(&mut self, live: Live, to: &str, server: std::net::SocketAddrV4) -> CallId {
        let own = &self.ua.settings().sent_by;
        let from = &live.number;
        let outgoing = Outgoing::new(
            format!("sip:{to}@{server}"),
            format!("<sip:{from}@{own}>"),
            format!("<sip:{from}@{own}>"),
            Flow::udp(server),
        )
        .offering(live.description.clone().unwrap_or_default())
        .with("P-Asserted-Identity", format!("<sip:{from}@{own}>"));
        let call = self.ua.call(self.host.now(), outgoing);
        self.live.insert(call, live);
        call
    }

    fn progress(&mut self, call: CallId, response: &Message) {
        let Some(live) = self.live.get_mut(&call) else { return };
        if !response.body().is_empty()
            && live.agree(response.body())
            && let Some(remote) = &live.remote
        {
            live.line.connect(remote.early());
        }
        let book = live.book;
        self.set_state(book, CallState::Ringing);
    }

    fn answered(&mut self, call: CallId, response: &Message) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&call) else { return };
        if !response.body().is_empty() && !live.agree(response.body()) {
            // There's nothing to say to each other.
            return self.ua.end(now, call);
        }
        if let Some(remote) = &live.remote {
            live.line.connect(*remote);
        }
        let (book, talks_for) = (live.book, live.behaviour.talks_for);
        // She got through: there's nothing to give up any more.
        self.forget_alarms(call);
        self.set_state(book, CallState::Talking);
        if let Some(time) = talks_for {
            self.set_alarm(now + time, call, Alarm::HangUp);
        }
    }

    /// An ACK may carry the answer to our offer.
    fn confirmed(&mut self, call: CallId, body: Option<&Bytes>) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&call) else { return };
        if !std::mem::take(&mut live.offers) {
            return;
        }
        if !body.is_some_and(|body| live.agree(body)) {
            return self.ua.end(now, call);
        }
        if let Some(remote) = &live.remote {
            live.line.connect(*remote);
        }
        self.note_hold(call);
    }

    /// The other side changes the session: hold, resume, another address.
    fn offered(&mut self, call: CallId, request: &Message) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&call) else { return };
        live.local.version += 1;
        if request.body().is_empty() {
            live.offers = true;
            live.description = Some(live.local.offer());
        } else if live.answer(request.body()).ok() != Some(true) {
            return self.ua.refuse_offer(now, call, 488);
        } else if let Some(remote) = &live.remote {
            live.line.connect(*remote);
        }
        let description = live.description.clone();
        self.ua.answer_offer(now, call, description);
        self.note_hold(call);
    }

    fn note_hold(&self, call: CallId) {
        let Some(live) = self.live.get(&call) else { return };
        let held = live.remote.as_ref().is_some_and(|remote| !remote.direction.sends());
        self.shared.calls.borrow_mut()[live.book].view.held = held;
    }

    async fn ended(&mut self, call: CallId, ending: Ending) {
        let Some(mut live) = self.live.remove(&call) else { return self.forget_alarms(call) };
        if matches!(ending, Ending::Refused(408 | 500 | 503))
            && let Some(server) = live.servers_left.pop()
        {
            let to = self.shared.calls.borrow()[live.book].view.other.clone();
            live.local.version += 1;
            live.description = Some(live.local.offer());
            let next = self.invite(live, &to, server);
            // She waits no longer for it.
            self.alarms.values_mut().filter(|(owner, _)| *owner == call).for_each(|(owner, _)| *owner = next);
            return;
        }
        self.forget_alarms(call);
        self.close_book(live.book, ending);
        self.close_line(live);
    }
}

impl Live {
    /// Answers an offer; false if no codec is shared.
    fn answer(&mut self, offer: &[u8]) -> Result<bool, SdpError> {
        let (description, agreed) = self.local.answer(offer)?;
        self.description = Some(description);
        Ok(self.take(agreed))
    }

    /// Takes the answer to our offer; false if it makes no session.
    fn agree(&mut self, answer: &[u8]) -> bool {
        self.local.agree(answer).is_ok_and(|agreed| self.take(agreed))
    }

    fn take(&mut self, agreed: Option<Agreed>) -> bool {
        let is_some = agreed.is_some();
        if let Some(agreed) = agreed {
            self.remote = Some(agreed.remote());
        }
        is_some
    }
}

/// A dialed number's digits, without a plus and without what people write between them; nothing if it isn't one.
fn digits_of(dialed: &str) -> Option<String> {
    let dialed = dialed.split(';').next().unwrap_or(dialed);
    let bare = dialed.strip_prefix('+').unwrap_or(dialed);
    let digits: String = bare.chars().filter(|sign| !matches!(sign, '-' | '.' | '(' | ')' | ' ')).collect();
    (digits.len() >= 3 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::digits_of;

    /// RFC 3966 section 5.1.1: visual separators mean nothing.
    #[test]
    fn a_number_is_its_digits() {
        for written in ["15551230001", "+15551230001", "+1-555-123-0001", "1.(555)1230001;phone-context=+1"] {
            assert_eq!(digits_of(written).as_deref(), Some("15551230001"), "{written}");
        }
        assert_eq!((digits_of("911").as_deref(), digits_of("91")), (Some("911"), None));
        assert_eq!((digits_of("alice"), digits_of("")), (None, None));
    }
}
