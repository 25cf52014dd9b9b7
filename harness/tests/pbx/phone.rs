//! A phone of the tests: a user agent and its transports, with every button and every event in the open.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use busyhour::media::sdp::{Agreed, Local, Secure, Setup, restarts, secure_of};
use busyhour::media::webrtc::{Certificate, Peer, PeerSettings, TransportSettings};
use busyhour::media::{AudioLine, Codec, Direction};
use busyhour::sip::digest::Credentials;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{CallId, Ending, Event, Outgoing, Request, RequestMethod, Settings, UserAgent};
use busyhour::sip::{Flow, Message, Transport};
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};
use bytes::Bytes;
use tokio::sync::Notify;

/// What a phone does when it's called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing but 100: a hand does the rest.
    Waits,
    Rings,
    Answers,
    Refuses(u16),
}

struct State {
    ua: UserAgent,
    /// Of a phone that is a page: the WebRTC of its calls.
    media: BTreeMap<CallId, Media>,
    /// The connection that it has now.
    connection: Option<Flow>,
    cut: bool,
    forgives_plain_rtp: bool,
    holds_on: bool,
    seen: Vec<(SimTime, Event)>,
    manner: Manner,
    local: Local,
}

#[derive(Clone)]
pub struct Phone {
    pub host: Host,
    pub user: String,
    transport: Transport,
    server: SocketAddrV4,
    contact: Rc<str>,
    state: Rc<RefCell<State>>,
    wake: Rc<Notify>,
    cseq: Rc<Cell<u32>>,
    call_id: Rc<RefCell<String>>,
}

impl Phone {
    /// A phone over UDP, at port 5060 of that host.
    pub async fn on(host: &Host, server: &Host, user: &str) -> Phone {
        Phone::over(host, server, user, Transport::Udp, 5060).await
    }

    pub async fn over(host: &Host, server: &Host, user: &str, transport: Transport, port: u16) -> Phone {
        let ports = match transport {
            Transport::Udp => Ports { udp: Some(port), ..Ports::default() },
            Transport::Tcp => Ports { tcp: Some(port), ..Ports::default() },
            Transport::Ws => Ports::default(),
        };
        let mut transports = Transports::open(host, ports).await.unwrap();
        let is_page = transport == Transport::Ws;
        // RFC 7118 5: a browser doesn't know where it is, and nobody could connect to it.
        let sent_by = if is_page { format!("{}.invalid", host.name()) } else { format!("{}:{port}", host.address()) };
        let mut settings = Settings::at(sent_by.clone());
        settings.credentials = Some(Credentials { user: user.to_owned(), password: format!("{user}'s secret") });
        let random = host.random(|random| random.next_u64());
        let ua = UserAgent::new(settings, Random::stream(random, "phone"));
        let local = Local::new(host.address(), 4000, 1);
        let state = State {
            ua,
            media: BTreeMap::new(),
            connection: None,
            cut: false,
            forgives_plain_rtp: false,
            holds_on: false,
            seen: Vec::new(),
            manner: Manner::Answers,
            local,
        };
        let state = Rc::new(RefCell::new(state));
        let wake = Rc::new(Notify::new());
        let parameter = match transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Ws => ";transport=ws",
        };
        let contact = format!("sip:{user}@{sent_by}{parameter}");
        let server_port = if is_page { 8080 } else { 5060 };
        let phone = Phone {
            host: host.clone(),
            user: user.to_owned(),
            transport,
            server: SocketAddrV4::new(server.address(), server_port),
            contact: contact.into(),
            state: state.clone(),
            wake: wake.clone(),
            cseq: Rc::default(),
            call_id: Rc::new(RefCell::new(format!("{user}-{}-{port}", host.name()))),
        };
        let me = host.clone();
        host.spawn(async move {
            loop {
                let due = {
                    let mut state = state.borrow_mut();
                    if std::mem::take(&mut state.cut)
                        && let Some(flow) = state.connection.take()
                    {
                        transports.close(flow);
                        if !std::mem::take(&mut state.holds_on) {
                            state.ua.flow_failed(me.now(), flow);
                        }
                    }
                    work(&mut state, me.now());
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
                            Received::Connected { flow } => state.connection = Some(flow),
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

    /// A page with WebRTC, over a WebSocket. It answers nothing by itself.
    pub async fn page(host: &Host, server: &Host, user: &str) -> Phone {
        let page = Phone::over(host, server, user, Transport::Ws, 0).await;
        page.manner(Manner::Waits);
        page
    }

    /// Closes its connection, as a browser does whose tab is closed. Whatever it has to say goes by another one.
    pub fn loses_its_connection(&self) {
        self.state.borrow_mut().cut = true;
        self.wake.notify_one();
    }

    /// The same, and it goes on to wait for answers: it will have another connection soon.
    pub fn holds_on_without_its_connection(&self) {
        self.state.borrow_mut().holds_on = true;
        self.loses_its_connection();
    }

    /// Its tab is closed: the connection goes, and its WebRTC without a word.
    pub fn is_closed(&self) {
        self.state.borrow_mut().media.clear();
        self.loses_its_connection();
    }

    /// Its tab goes to another page: the WebRTC is closed as it should be, and no BYE is sent.
    pub fn is_navigated_away(&self) {
        for media in std::mem::take(&mut self.state.borrow_mut().media).into_values() {
            media.peer.close();
        }
        self.loses_its_connection();
    }

    /// Registers as a device (RFC 5626), by the connection that it has or another one.
    pub async fn register_device(&self) -> Message {
        let device = format!(";+sip.instance=\"<urn:uuid:{}>\";reg-id=1", self.host.name());
        let contact = format!("<{}>{device}", self.contact);
        self.register_with(&[("Contact", &contact), ("Expires", "120"), ("Supported", "path, outbound")]).await
    }

    async fn open_media(&self) -> Media {
        let random = self.host.random(|random| random.next_u64());
        let settings = PeerSettings {
            transport: TransportSettings { controlling: true, ..TransportSettings::default() },
            ..PeerSettings::default()
        };
        let random = Random::stream(random, "media");
        let peer = Peer::open(&self.host, settings, Certificate::generate(), random.clone()).await.unwrap();
        peer.gathered().await;
        let line = AudioLine::over(&peer, &self.host, random);
        Media { line, local: Local::new(self.host.address(), 9, 1), peer, remote: None }
    }

    /// Calls with WebRTC.
    pub async fn calls_by_webrtc(&self, to: &str) -> CallId {
        self.invites_by_webrtc(self.outgoing(to)).await
    }

    pub async fn invites_by_webrtc(&self, outgoing: Outgoing) -> CallId {
        let mut media = self.open_media().await;
        let outgoing = outgoing.offering(media.offer(Direction::SendRecv));
        let call = self.act(|ua, now| ua.call(now, outgoing));
        self.state.borrow_mut().media.insert(call, media);
        call
    }

    /// Answers with WebRTC.
    pub async fn answers_by_webrtc(&self, call: CallId) {
        let offer = self.offer_of(call);
        let mut media = self.open_media().await;
        let answer = media.answer(&offer).expect("it is offered WebRTC");
        self.state.borrow_mut().media.insert(call, media);
        self.act(|ua, now| ua.accept(now, call, Some(answer)));
    }

    /// What a call of this page has of WebRTC.
    pub fn media<R>(&self, call: CallId, look: impl FnOnce(&mut Media) -> R) -> R {
        look(self.state.borrow_mut().media.get_mut(&call).expect("the call has WebRTC"))
    }

    /// Offers a session of another direction: holds, resumes.
    pub fn offers_by_webrtc(&self, call: CallId, direction: Direction) {
        let offer = self.media(call, |media| media.offer(direction));
        self.act(|ua, now| ua.offer(now, call, Some(offer)));
    }

    /// An answer of plain RTP is no reason for alarm.
    pub fn forgives_plain_rtp(&self) {
        self.state.borrow_mut().forgives_plain_rtp = true;
    }

    /// Hangs up, and closes its WebRTC.
    pub fn hangs_up_properly(&self, call: CallId) {
        self.hangs_up(call);
        let media = self.state.borrow_mut().media.remove(&call);
        if let Some(media) = media {
            media.peer.close();
        }
    }

    pub fn manner(&self, manner: Manner) -> &Phone {
        self.state.borrow_mut().manner = manner;
        self
    }

    pub fn speaks_only(&self, codec: Codec) -> &Phone {
        self.state.borrow_mut().local.codecs = vec![codec];
        self
    }

    /// Presses a button.
    pub fn act<R>(&self, button: impl FnOnce(&mut UserAgent, SimTime) -> R) -> R {
        let result = button(&mut self.state.borrow_mut().ua, self.host.now());
        self.wake.notify_one();
        result
    }

    pub fn flow(&self) -> Flow {
        Flow::to(self.transport, self.server)
    }

    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// The REGISTERs from now on have another Call-ID, as after a reboot.
    pub fn forgets_its_call_id(&self) {
        self.call_id.borrow_mut().push('x');
    }

    /// Sends a REGISTER with these headers, and waits for what it comes to.
    pub async fn register_with(&self, headers: &[(&str, &str)]) -> Message {
        self.cseq.set(self.cseq.get() + 10);
        let aor = format!("<sip:{}@pbx.test>", self.user);
        let request = Request {
            method: RequestMethod::Register,
            target: "sip:pbx.test".to_owned(),
            to: aor.clone(),
            from: aor,
            flow: self.flow(),
            call_id: self.call_id.borrow().clone(),
            cseq: self.cseq.get(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: None,
        };
        let wanted = self.act(|ua, now| ua.request(now, request));
        self.until("an answer to REGISTER", |event| match event {
            Event::Response { id, outcome, .. } if *id == wanted => Some(outcome.clone()),
            _ => None,
        })
        .await
        .unwrap()
    }

    pub async fn register(&self) -> u16 {
        self.register_for(300).await
    }

    pub async fn register_for(&self, seconds: u32) -> u16 {
        let contact = format!("<{}>", self.contact);
        let answer = self.register_with(&[("Contact", &contact), ("Expires", &seconds.to_string())]).await;
        answer.status().unwrap()
    }

    pub fn outgoing(&self, to: &str) -> Outgoing {
        let from = format!("\"{0}\" <sip:{0}@pbx.test>", self.user);
        let outgoing = Outgoing::new(format!("sip:{to}@pbx.test"), from, format!("<{}>", self.contact), self.flow());
        let offer = self.state.borrow().local.offer();
        outgoing.offering(offer)
    }

    pub fn calls(&self, to: &str) -> CallId {
        let outgoing = self.outgoing(to);
        self.act(|ua, now| ua.call(now, outgoing))
    }

    pub fn answers(&self, call: CallId) {
        let offer = self.offer_of(call);
        let answer = self.state.borrow().local.answer(&offer).unwrap().0;
        self.act(|ua, now| ua.accept(now, call, Some(answer)));
    }

    pub fn hangs_up(&self, call: CallId) {
        self.act(|ua, now| ua.end(now, call));
    }

    /// Offers a session of another direction: holds, resumes.
    pub fn offers(&self, call: CallId, direction: Direction) {
        let offer = self.description(direction);
        self.act(|ua, now| ua.offer(now, call, Some(offer)));
    }

    pub fn description(&self, direction: Direction) -> Bytes {
        let mut state = self.state.borrow_mut();
        state.local.version += 1;
        state.local.direction = direction;
        state.local.offer()
    }

    /// The offer that a call came with.
    pub fn offer_of(&self, wanted: CallId) -> Bytes {
        self.seen(|event| match event {
            Event::Incoming { call, request, .. } if *call == wanted => Some(request.body_bytes()),
            _ => None,
        })
        .expect("the call came in")
    }

    /// Looks through what has happened.
    pub fn seen<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.state.borrow().seen.iter().find_map(|(_, event)| pick(event))
    }

    pub fn count(&self, pick: impl Fn(&Event) -> bool) -> usize {
        self.state.borrow().seen.iter().filter(|(_, event)| pick(event)).count()
    }

    /// Forgets what has happened.
    pub fn looks_away(&self) {
        self.state.borrow_mut().seen.clear();
    }

    /// Waits until something has happened: it's found among all that has.
    pub async fn until<T>(&self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        self.within(what, 200, pick).await
    }

    pub async fn within<T>(&self, what: &str, seconds: u64, pick: impl Fn(&Event) -> Option<T>) -> T {
        for _ in 0..seconds * 1_000 {
            if let Some(found) = self.seen(&pick) {
                return found;
            }
            self.host.sleep(Duration::from_millis(1)).await;
        }
        panic!("{} waits for {what} in vain; it saw {:#?}", self.user, self.state.borrow().seen)
    }

    /// The call that comes in.
    pub async fn rings(&self) -> CallId {
        self.until("a call", |event| match event {
            Event::Incoming { call, .. } => Some(*call),
            _ => None,
        })
        .await
    }

    /// Our call is answered: with what.
    pub async fn is_answered(&self, wanted: CallId) -> Message {
        self.until("an answer", |event| match event {
            Event::Answered { call, response, .. } if *call == wanted => Some(response.clone()),
            _ => None,
        })
        .await
    }

    pub async fn is_confirmed(&self, wanted: CallId) {
        self.until("an ACK", |event| matches!(event, Event::Confirmed { call, .. } if *call == wanted).then_some(()))
            .await;
    }

    pub async fn ends(&self, wanted: CallId) -> Ending {
        self.until("the end", |event| match event {
            Event::Ended { call, ending, .. } if *call == wanted => Some(ending.clone()),
            _ => None,
        })
        .await
    }

    pub fn has_ended(&self, wanted: CallId) -> bool {
        self.seen(|event| matches!(event, Event::Ended { call, .. } if *call == wanted).then_some(())).is_some()
    }

    pub fn dialogs(&self) -> usize {
        self.state.borrow().ua.calls()
    }
}

/// A page's side of a call.
pub struct Media {
    pub peer: Peer,
    pub line: AudioLine,
    local: Local,
    /// The transport that the other side described.
    remote: Option<Secure>,
}

impl Media {
    pub fn offer(&mut self, direction: Direction) -> Bytes {
        self.local.secure = Some(self.peer.secure(Setup::Actpass));
        self.local.direction = direction;
        self.local.version += 1;
        self.local.offer()
    }

    fn answer(&mut self, offer: &[u8]) -> Option<Bytes> {
        let offered = secure_of(offer).unwrap();
        if self.remote.as_ref().zip(offered.as_ref()).is_some_and(|(known, offered)| restarts(known, offered)) {
            self.peer.restart();
        }
        self.local.secure = Some(self.peer.secure(Setup::Active));
        self.local.version += 1;
        let (body, agreed) = self.local.answer(offer).unwrap();
        self.take(agreed?);
        Some(body)
    }

    /// False if it's an answer of something else.
    fn agree(&mut self, answer: &[u8]) -> bool {
        match self.local.agree(answer) {
            Ok(Some(agreed)) => {
                self.take(agreed);
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, agreed: Agreed) {
        self.local.settle(&agreed);
        let remote = agreed.secure.as_ref().expect("it is WebRTC");
        self.peer.connect(remote, agreed.dtls_client);
        self.remote = Some(remote.clone());
        self.line.connect(agreed.remote());
    }
}

/// What a phone does by itself.
fn work(state: &mut State, now: SimTime) {
    while let Some(event) = state.ua.poll_event() {
        match &event {
            Event::Incoming { call, request, .. } => match state.manner {
                Manner::Waits => {}
                Manner::Rings => state.ua.ring(now, *call, 180, None),
                Manner::Refuses(status) => state.ua.reject(now, *call, status, &[]),
                Manner::Answers => {
                    let answer = if request.body().is_empty() {
                        Some(state.local.offer())
                    } else {
                        state
                            .local
                            .answer(request.body())
                            .unwrap()
                            .1
                            .map(|_| state.local.answer(request.body()).unwrap().0)
                    };
                    match answer {
                        Some(answer) => state.ua.accept(now, *call, Some(answer)),
                        None => state.ua.reject(now, *call, 488, &[]),
                    }
                }
            },
            Event::Offered { call, request } if state.media.contains_key(call) => {
                let media = state.media.get_mut(call).expect("it's there");
                let body = if request.body().is_empty() {
                    Some(media.offer(Direction::SendRecv))
                } else {
                    media.answer(request.body())
                };
                match body {
                    Some(body) => state.ua.answer_offer(now, *call, Some(body)),
                    None => state.ua.refuse_offer(now, *call, 488),
                }
            }
            Event::Answered { call, response, wants_answer: false } | Event::OfferAnswered { call, response }
                if state.media.contains_key(call) && !response.body().is_empty() =>
            {
                let agreed = state.media.get_mut(call).expect("it's there").agree(response.body());
                assert!(agreed || state.forgives_plain_rtp, "it is answered with WebRTC");
            }
            Event::Progress { call, response } if !response.body().is_empty() => {
                if let Some(media) = state.media.get_mut(call) {
                    media.agree(response.body());
                }
            }
            Event::Ended { call, .. } => {
                if let Some(media) = state.media.remove(call) {
                    media.peer.close();
                }
            }
            Event::Offered { call, request } => {
                let body = if request.body().is_empty() {
                    state.local.offer()
                } else {
                    state.local.answer(request.body()).unwrap().0
                };
                state.ua.answer_offer(now, *call, Some(body));
            }
            Event::Answered { call, response, wants_answer: true } => {
                let answer = state.local.answer(response.body()).unwrap().0;
                state.ua.acknowledge(*call, Some(answer));
            }
            _ => {}
        }
        state.seen.push((now, event));
    }
}
