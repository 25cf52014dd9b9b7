//! The switch's task: its sockets, its user agent, its rooms.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::detector::Detector;
use super::leg::{Detection, Leg, LegEar, Stage};
use super::{LegId, Order, Part, Report, RoomId, Shared, SwitchSettings};
use crate::media::sdp::Local;
use crate::media::tone::music;
use crate::media::{Conference, HeardBy, MemberId};
use crate::sip::digest::Credentials;
use crate::sip::transaction::{ServerId, Transmit};
use crate::sip::transport::{Ports, Received, Transports};
use crate::sip::ua::{
    ALLOW, CallId, Ending, Event, Outgoing, Registration, RegistrationSettings, RegistrationState, RequestId, Settings,
    UserAgent,
};
use crate::sip::{Flow, Message, Method, Name, Writer, answer_unreadable, escape_user, quote, reason};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// The refusal of a call that we gave up.
const GIVEN_UP: u16 = 487;
/// Q.850: no answer from user (user alerted).
const NO_ANSWER: u8 = 19;
/// It couldn't be placed at all.
const UNPLACED: u16 = 0;

/// What a leg waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    /// It has rung for long enough.
    GiveUp,
    /// Is there still something to be heard?
    Listen,
}

pub(super) struct Program {
    host: Host,
    shared: Rc<Shared>,
    settings: SwitchSettings,
    transports: Transports,
    ua: UserAgent,
    random: Random,
    registration: Registration,
    /// The REGISTER that's on its way.
    request: Option<RequestId>,
    legs: BTreeMap<LegId, Leg>,
    calls: FxHashMap<CallId, LegId>,
    rooms: BTreeMap<RoomId, Conference>,
    alarms: BTreeMap<(SimTime, u64), (LegId, Alarm)>,
    number: u64,
    incoming: u64,
}

impl Program {
    pub(super) async fn open(host: &Host, settings: SwitchSettings, shared: Rc<Shared>) -> io::Result<Program> {
        let ports = Ports { udp: Some(settings.port), ..Ports::default() };
        let transports = Transports::open(host, ports).await?;
        let mut random = Random::stream(host.random(Random::next_u64), "switch");
        let sent_by = format!("{}:{}", host.address(), settings.port);
        let credentials = Credentials { user: settings.user.clone(), password: settings.password.clone() };
        let ua = UserAgent::new(
            Settings {
                user_agent: "busyhour floor".into(),
                credentials: Some(credentials),
                timers: settings.timers,
                ..Settings::at(sent_by.as_str())
            },
            Random::stream(random.next_u64(), "user agent"),
        );
        let user = escape_user(&settings.user).into_owned();
        let registration = RegistrationSettings {
            aor: format!("sip:{user}@{}", settings.domain),
            registrar: format!("sip:{}", settings.domain),
            contact: format!("sip:{user}@{sent_by}"),
            expires: settings.expires,
            // Its address is what it's known by: the next life takes the binding over.
            instance: None,
        };
        let mut registration = Registration::new(registration, &mut random);
        registration.register(host.now());
        Ok(Program {
            host: host.clone(),
            shared,
            settings,
            transports,
            ua,
            random,
            registration,
            request: None,
            legs: BTreeMap::new(),
            calls: FxHashMap::default(),
            rooms: BTreeMap::new(),
            alarms: BTreeMap::new(),
            number: 0,
            incoming: 0,
        })
    }

    /// Runs until the switch is dropped, or its host crashes.
    pub(super) async fn run(mut self) {
        loop {
            self.register();
            self.digest_events().await;
            while let Some(transmit) = self.ua.poll_transmit() {
                self.transports.send(transmit);
            }
            self.shared.legs.set(self.legs.len());
            self.shared.rooms.set(self.rooms.len());
            let wake = self.next_wake();
            tokio::select! {
                biased;
                received = self.transports.receive() => self.receive(received),
                () = self.shared.ordered.notified() => {}
                () = sleep_until(&self.host, wake) => self.ua.handle_timeout(self.host.now()),
            }
            self.digest_events().await;
            self.ring_alarms();
            self.obey_orders().await;
        }
    }

    fn now(&self) -> SimTime {
        self.host.now()
    }

    fn next_wake(&mut self) -> Option<SimTime> {
        let alarm = self.alarms.keys().next().map(|(at, _)| *at);
        let registration = self.registration.poll_timeout().filter(|_| self.request.is_none());
        [self.ua.poll_timeout(), alarm, registration].into_iter().flatten().min()
    }

    fn receive(&mut self, received: Received) {
        let now = self.now();
        match received {
            Received::Message { message, flow } => self.ua.receive(now, message, flow),
            Received::Broken { flow, .. } => self.ua.flow_failed(now, flow),
            Received::Malformed { raw, error, flow } => {
                let tag = format!("{:016x}", self.random.next_u64());
                if let Some(payload) = answer_unreadable(&raw, &error, &tag) {
                    self.transports.send(Transmit { flow, payload });
                }
            }
            Received::Ping { .. } | Received::Pong { .. } | Received::Connected { .. } => {}
        }
    }

    fn server(&self) -> Flow {
        Flow::udp(self.settings.server)
    }

    // --- the account ---------------------------------------------------------------------------------------------

    fn register(&mut self) {
        let (now, flow) = (self.now(), self.server());
        if self.request.is_none()
            && let Some(request) = self.registration.next(now, flow)
        {
            self.request = Some(self.ua.request(now, request));
        }
        self.shared.registered.set(self.registration.is_registered(now));
    }

    fn is_ours(&self, flow: Flow) -> bool {
        flow.remote.ip() == self.settings.server.ip()
    }

    /// A request outside of calls: the server asks if we're there.
    fn asked(&mut self, server: ServerId, request: &Message) {
        let status = if request.method() == Method::Options { 200 } else { 405 };
        let tag = format!("{:016x}", self.random.next_u64());
        let response = Writer::answer(request, status, reason(status), Some(&tag)).header(Name::Allow, ALLOW).end();
        self.ua.respond(self.now(), server, response);
    }

    // --- what happens --------------------------------------------------------------------------------------------

    async fn digest_events(&mut self) {
        while let Some(event) = self.ua.poll_event() {
            match event {
                Event::Incoming { call, request, flow, replaces } => {
                    self.called(call, &request, flow, replaces.is_some()).await;
                }
                Event::Progress { call, response } => self.progress(call, &response),
                Event::Answered { call, response, wants_answer } => self.answered(call, &response, wants_answer),
                Event::Confirmed { call, body } => self.confirmed(call, body.as_deref()),
                Event::Offered { call, request } => self.offered(call, &request),
                Event::Ended { call, ending, message } => self.ended(call, &ending, message.as_ref()),
                Event::Request { server, request, .. } => self.asked(server, &request),
                Event::Response { id, outcome, .. } if self.request == Some(id) => {
                    self.request = None;
                    self.registration.answered(self.now(), &outcome, &mut self.random);
                    if let RegistrationState::Refused(status) = self.registration.state() {
                        self.host.claim("failed", |event| {
                            event.with("why", format!("the switch isn't let in: {status} {}", reason(status)))
                        });
                    }
                }
                // Whom we talk to is the core's affair.
                Event::Referred { call, request } => self.ua.refuse_refer(self.now(), call, &request, 403),
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

    fn leg_of(&mut self, call: CallId) -> Option<(LegId, &mut Leg)> {
        let id = *self.calls.get(&call)?;
        self.legs.get_mut(&id).map(|leg| (id, leg))
    }

    async fn called(&mut self, call: CallId, request: &Message, flow: Flow, replaces: bool) {
        let now = self.now();
        if !self.is_ours(flow) || replaces {
            // Who comes past the server was let in by nobody.
            return self.ua.reject(now, call, 403, &[]);
        }
        let user = |address: Option<std::borrow::Cow<'_, str>>| address.map(|user| user.into_owned());
        let from = user(request.from().ok().and_then(|from| from.uri.user_name())).unwrap_or_default();
        let to = user(request.to().ok().and_then(|to| to.uri.user_name()));
        let target = user(request.target_uri().ok().and_then(|uri| uri.user_name()));
        let dialed = to.or(target).unwrap_or_default();
        let Some(mut leg) = self.open_leg(call, Stage::Coming).await else {
            return self.ua.reject(now, call, 503, &[]);
        };
        if request.body().is_empty() {
            leg.offers = true;
            leg.description = Some(leg.local.offer());
        } else if !leg.answer(request.body()) {
            self.dispose(leg);
            return self.ua.reject(now, call, 488, &[]);
        }
        let id = LegId(LegId::INCOMING + self.incoming);
        self.incoming += 1;
        self.put_leg(id, leg);
        self.ua.ring(now, call, 180, None);
        self.shared.tell(Report::Incoming { leg: id, from, dialed });
    }

    fn progress(&mut self, call: CallId, response: &Message) {
        let Some((id, leg)) = self.leg_of(call) else { return };
        if !response.body().is_empty() && leg.agree(response.body()) {
            leg.connect();
        }
        if leg.stage == Stage::Calling {
            leg.stage = Stage::Ringing;
            self.shared.tell(Report::Ringing { leg: id });
        }
    }

    fn answered(&mut self, call: CallId, response: &Message, wants_answer: bool) {
        let now = self.now();
        if wants_answer {
            // We always offer.
            self.ua.acknowledge(call, None);
        }
        let Some((id, leg)) = self.leg_of(call) else { return self.ua.end(now, call) };
        if !response.body().is_empty() && !leg.agree(response.body()) || leg.remote.is_none() {
            self.ua.end_because(now, call, "SIP;cause=488;text=\"the answer fits nothing that was offered\"");
            return self.close(id, Report::Failed { leg: id, status: 488, cause: None });
        }
        self.forget_alarms(id);
        self.is_up(id);
    }

    /// Both talk from now on.
    fn is_up(&mut self, id: LegId) {
        let now = self.now();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.stage = Stage::Up;
        leg.connect();
        let mut detection = leg.detection.borrow_mut();
        if matches!(*detection, Detection::Wanted) {
            *detection = Detection::Runs(Detector::new(self.settings.detector, now));
        }
        drop(detection);
        if let Some(after) = self.settings.rtp_timeout {
            self.set_alarm(now + after, id, Alarm::Listen);
        }
        self.shared.tell(Report::Answered { leg: id });
    }

    /// An ACK may carry the answer to our offer.
    fn confirmed(&mut self, call: CallId, body: Option<&[u8]>) {
        let now = self.now();
        let Some((id, leg)) = self.leg_of(call) else { return };
        if !std::mem::take(&mut leg.offers) {
            return;
        }
        if !body.is_some_and(|body| leg.agree(body)) {
            self.ua.end(now, call);
            return self.close(id, Report::Ended { leg: id, why: "lost".into() });
        }
        leg.connect();
    }

    /// The other side changes the session: hold, resume, another address.
    fn offered(&mut self, call: CallId, request: &Message) {
        let now = self.now();
        let Some((_, leg)) = self.leg_of(call) else { return self.ua.refuse_offer(now, call, 481) };
        leg.local.version += 1;
        if request.body().is_empty() {
            leg.offers = true;
            leg.description = Some(leg.local.offer());
        } else if leg.answer(request.body()) {
            leg.connect();
        } else {
            return self.ua.refuse_offer(now, call, 488);
        }
        let description = leg.description.clone();
        self.ua.answer_offer(now, call, description);
    }

    fn ended(&mut self, call: CallId, ending: &Ending, message: Option<&Message>) {
        let Some((id, leg)) = self.leg_of(call) else { return };
        let is_up = leg.stage == Stage::Up;
        let cause = message.and_then(q850_cause);
        let failed = |status| Report::Failed { leg: id, status, cause };
        let report = match ending {
            Ending::Refused(status) => failed(*status),
            Ending::Cancelled | Ending::Abandoned => failed(GIVEN_UP),
            Ending::Rejected(status) => failed(*status),
            _ if !is_up => failed(480),
            Ending::PeerHungUp => Report::Ended { leg: id, why: "bye".into() },
            Ending::HungUp => Report::Ended { leg: id, why: "hung up".into() },
            Ending::Unacknowledged | Ending::SessionExpired | Ending::Lost => {
                Report::Ended { leg: id, why: "lost".into() }
            }
        };
        self.close(id, report);
    }

    // --- alarms --------------------------------------------------------------------------------------------------

    fn set_alarm(&mut self, at: SimTime, leg: LegId, alarm: Alarm) {
        self.number += 1;
        self.alarms.insert((at, self.number), (leg, alarm));
    }

    fn forget_alarms(&mut self, leg: LegId) {
        self.alarms.retain(|_, (owner, _)| *owner != leg);
    }

    fn ring_alarms(&mut self) {
        let now = self.now();
        while let Some(entry) = self.alarms.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (id, alarm) = entry.remove();
            let Some(leg) = self.legs.get(&id) else { continue };
            let call = leg.call;
            match alarm {
                Alarm::GiveUp => {
                    self.ua.end(now, call);
                    self.close(id, Report::Failed { leg: id, status: GIVEN_UP, cause: Some(NO_ANSWER) });
                }
                Alarm::Listen => {
                    let Some(after) = self.settings.rtp_timeout else { continue };
                    let silent = leg.conference.silent_for(leg.member, now).unwrap_or_default();
                    if silent < after {
                        self.set_alarm(now + (after - silent).max(Duration::from_secs(1)), id, Alarm::Listen);
                        continue;
                    }
                    self.ua.end_because(now, call, "SIP;cause=408;text=\"no RTP\"");
                    self.close(id, Report::Ended { leg: id, why: "lost".into() });
                }
            }
        }
    }

    // --- orders --------------------------------------------------------------------------------------------------

    async fn obey_orders(&mut self) {
        loop {
            let Some(order) = self.shared.orders.borrow_mut().pop_front() else { return };
            match order {
                Order::Call { leg, to, from, timeout } => self.call(leg, &to, from.as_deref(), timeout).await,
                Order::Answer { leg } => self.answer(leg),
                Order::Refuse { leg, status } => self.refuse(leg, status),
                Order::Join { leg, room, part } => self.join(leg, room, part).await,
                Order::Park { leg, music } => self.park(leg, music).await,
                Order::HangUp { leg } => self.hang_up(leg),
                Order::Digits { leg, digits } => {
                    if let Some(leg) = self.legs.get(&leg) {
                        leg.conference.send_digits(leg.member, &digits);
                    }
                }
                Order::Detect { leg } => {
                    let now = self.now();
                    if let Some(leg) = self.legs.get(&leg) {
                        *leg.detection.borrow_mut() = match leg.stage {
                            Stage::Up => Detection::Runs(Detector::new(self.settings.detector, now)),
                            _ => Detection::Wanted,
                        };
                        leg.conference.listen_again();
                    }
                }
                Order::CloseRoom { room } => self.close_room(room),
            }
        }
    }

    async fn call(&mut self, id: LegId, to: &str, from: Option<&str>, timeout: Option<Duration>) {
        assert!(id.0 < LegId::INCOMING, "{id} is ordered to call, and its number is one of those who call us");
        assert!(!self.legs.contains_key(&id), "{id} is ordered to call {to}, and is in a call");
        let now = self.now();
        let target = if to.starts_with("sip:") {
            to.to_owned()
        } else {
            format!("sip:{}@{}", escape_user(to), self.settings.domain)
        };
        // Who is called through the server is known by its account alone; the number that's shown is said beside it.
        let account = escape_user(&self.settings.user).into_owned();
        let display = from.map(|number| format!("{} ", quote(number))).unwrap_or_default();
        let name = format!("{display}<sip:{account}@{}>", self.settings.domain);
        let contact = format!("<sip:{account}@{}>", self.ua.settings().sent_by);
        let mut outgoing = Outgoing::new(target, name, contact, self.server());
        if let Some(number) = from {
            let number = escape_user(number);
            // RFC 3325 section 9.1: the server trusts us with that.
            outgoing = outgoing.with("P-Asserted-Identity", format!("<sip:{number}@{}>", self.settings.domain));
        }
        // The call's number is known to the user agent once it has begun, and it can't begin without ports.
        let Some(place) = self.open_place().await else {
            return self.shared.tell(Report::Failed { leg: id, status: UNPLACED, cause: None });
        };
        let local = self.describe(&place);
        let offer = local.offer();
        let call = self.ua.call(now, outgoing.offering(offer.clone()));
        let mut leg = new_leg(call, Stage::Calling, place, local);
        leg.description = Some(offer);
        self.put_leg(id, leg);
        if let Some(timeout) = timeout {
            self.set_alarm(now + timeout, id, Alarm::GiveUp);
        }
    }

    fn answer(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.stage == Stage::Coming) else { return };
        let (call, description) = (leg.call, leg.description.clone());
        self.ua.accept(self.now(), call, description);
        self.is_up(id);
    }

    fn refuse(&mut self, id: LegId, status: u16) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.stage == Stage::Coming) else { return };
        let call = leg.call;
        self.ua.reject(self.now(), call, status, &[]);
        self.close(id, Report::Failed { leg: id, status, cause: None });
    }

    fn hang_up(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, stage) = (leg.call, leg.stage);
        self.ua.end(self.now(), call);
        // It's over for whoever hung up, whatever the other side says to it.
        self.close(
            id,
            match stage {
                Stage::Up => Report::Ended { leg: id, why: "hung up".into() },
                Stage::Calling | Stage::Ringing => Report::Failed { leg: id, status: GIVEN_UP, cause: None },
                Stage::Coming => Report::Failed { leg: id, status: 480, cause: None },
            },
        );
    }

    async fn join(&mut self, id: LegId, room: RoomId, part: Part) {
        if !self.legs.contains_key(&id) {
            return;
        }
        let conference = match self.rooms.get(&room) {
            Some(conference) => conference.clone(),
            None => {
                let Some(conference) = self.open_conference().await else { return };
                self.rooms.insert(room, conference.clone());
                conference
            }
        };
        self.move_leg(id, conference, Some(room), part);
    }

    async fn park(&mut self, id: LegId, wants_music: bool) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.room.is_some() {
            let Some(conference) = self.open_conference().await else { return };
            self.move_leg(id, conference, None, Part::Talks);
        }
        if let Some(leg) = self.legs.get(&id) {
            leg.conference.play(leg.member, wants_music.then(music));
        }
    }

    fn move_leg(&mut self, id: LegId, conference: Conference, room: Option<RoomId>, part: Part) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.part = part;
        if let Some(member) = leg.conference.move_to(leg.member, &conference) {
            leg.member = member;
            leg.conference = conference;
            leg.room = room;
            leg.conference.play(leg.member, None);
        }
        if let Some(room) = room {
            self.say_who_hears_whom(room);
        }
    }

    /// Somebody has come: what she's there for, and who whispers to her.
    fn say_who_hears_whom(&self, room: RoomId) {
        for leg in self.legs.values().filter(|leg| leg.room == Some(room)) {
            let heard_by = match leg.part {
                Part::Talks => HeardBy::All,
                Part::Listens => HeardBy::Nobody,
                Part::Whispers { to } => match self.legs.get(&to).filter(|to| to.room == Some(room)) {
                    Some(to) => HeardBy::Only(to.member),
                    None => HeardBy::Nobody,
                },
            };
            leg.conference.set_heard_by(leg.member, heard_by);
        }
    }

    fn close_room(&mut self, room: RoomId) {
        let inside: Vec<LegId> =
            self.legs.iter().filter(|(_, leg)| leg.room == Some(room)).map(|(id, _)| *id).collect();
        for id in inside {
            self.hang_up(id);
        }
        self.rooms.remove(&room);
    }

    // --- legs ----------------------------------------------------------------------------------------------------

    async fn open_conference(&mut self) -> Option<Conference> {
        let random = Random::stream(self.random.next_u64(), "room");
        Conference::open(&self.host, random).await.ok()
    }

    /// A place of one's own, with ports.
    async fn open_place(&mut self) -> Option<(Conference, MemberId)> {
        let conference = self.open_conference().await?;
        let member = conference.join().await.ok()?;
        Some((conference, member))
    }

    fn describe(&mut self, place: &(Conference, MemberId)) -> Local {
        let session = self.random.next_u64() >> 2;
        let mut local = Local::new(self.host.address(), place.0.port(place.1), session);
        local.codecs.clone_from(&self.settings.codecs);
        local
    }

    async fn open_leg(&mut self, call: CallId, stage: Stage) -> Option<Leg> {
        let place = self.open_place().await?;
        let local = self.describe(&place);
        Some(new_leg(call, stage, place, local))
    }

    fn put_leg(&mut self, id: LegId, leg: Leg) {
        let ear = LegEar { leg: id, detection: leg.detection.clone(), shared: self.shared.clone() };
        leg.conference.set_ear(leg.member, Some(Box::new(ear)));
        self.calls.insert(leg.call, id);
        self.legs.insert(id, leg);
    }

    /// A leg is over, and that's told.
    fn close(&mut self, id: LegId, report: Report) {
        let Some(leg) = self.legs.remove(&id) else { return };
        self.calls.remove(&leg.call);
        self.forget_alarms(id);
        self.dispose(leg);
        self.shared.tell(report);
    }

    fn dispose(&self, leg: Leg) {
        self.host.spawn(async move { leg.conference.leave(leg.member).await });
    }
}

fn new_leg(call: CallId, stage: Stage, place: (Conference, MemberId), local: Local) -> Leg {
    let (conference, member) = place;
    Leg {
        call,
        stage,
        room: None,
        part: Part::Talks,
        conference,
        member,
        local,
        description: None,
        remote: None,
        offers: false,
        detection: Rc::new(RefCell::default()),
    }
}

async fn sleep_until(host: &Host, at: Option<SimTime>) {
    match at {
        Some(at) => host.sleep(at.since(host.now())).await,
        None => pending().await,
    }
}

/// The cause in the telephone network that a message names (RFC 3326): `Q.850;cause=17;text="User busy"`.
fn q850_cause(message: &Message) -> Option<u8> {
    message.all(Name::Reason).find_map(cause_of)
}

/// Of several reasons in a line, each has a protocol of its own.
fn cause_of(line: &str) -> Option<u8> {
    line.split(',').find_map(|reason| {
        let mut parts = reason.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("Q.850") {
            return None;
        }
        let (_, cause) = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| {
            let name = name.trim();
            name.eq_ignore_ascii_case("cause")
        })?;
        cause.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::cause_of;

    /// RFC 3326 section 2: several values may stand in one line, of which a protocol has one.
    #[test]
    fn the_cause_is_the_one_of_the_telephone_network() {
        for (line, cause) in [
            ("Q.850;cause=17;text=\"User busy\"", Some(17)),
            ("q.850 ; cause = 1", Some(1)),
            ("SIP;cause=486;text=\"Busy, here\", Q.850;cause=34", Some(34)),
            ("Q.850;text=\"cause=3\"", None),
            ("SIP;cause=480", None),
            ("Q.850;cause=999", None),
            ("", None),
        ] {
            assert_eq!(cause_of(line), cause, "{line}");
        }
    }
}
