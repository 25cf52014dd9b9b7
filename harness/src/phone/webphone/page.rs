//! The page: what happens to it goes in, and it acts by its window.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::line::{Line, SERVER, flow_of};
use super::settings::{Instance, WebphoneSettings};
use super::tab::{InTab, Shelf, account_key};
use crate::phone::Inbox;
use crate::phone::browser::{Data, Page, RequestId, SocketId, TimerId, Web, WebEvent};
use crate::phone::core::{Core, Out};
use crate::phone::place::urn;
use crate::phone::settings::PhoneSettings;
use crate::sip::transport::Received;
use crate::sip::{Flow, Message, Transport};
use crate::trace::SimTime;
use crate::world::Random;

/// RFC 5626 4.4.1, in a message of its own each.
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";
/// A timer that comes so much late was slept through: a hidden page's come once a minute at worst.
const SLEPT: Duration = Duration::from_secs(65);
/// A lock that nobody holds is granted before that.
const LOCK: Duration = Duration::from_millis(20);

/// What the site makes its pages with.
pub(in crate::phone) struct Provision {
    /// What every phone has.
    pub(in crate::phone) phone: Rc<RefCell<PhoneSettings>>,
    /// What only a webphone has. Its `phone` is as it was at first.
    pub(in crate::phone) web: RefCell<WebphoneSettings>,
}

/// The webphone's page.
pub(in crate::phone) struct Webphone {
    provision: Rc<Provision>,
    life: Life,
}

/// How far the page is.
enum Life {
    /// Its scripts haven't run.
    Blank,
    /// It looks for an instance that no other tab has.
    Choosing(Choice),
    Running(Box<Running>),
    /// It was left.
    Left,
}

/// An instance that may be another tab's.
struct Choice {
    number: u32,
    lock: RequestId,
    timer: TimerId,
}

/// The page at work.
struct Running {
    web: Web,
    shelf: Rc<Shelf>,
    core: Core,
    line: Line,
    alarm: Option<(TimerId, SimTime)>,
    random: Random,
}

impl Webphone {
    pub(in crate::phone) fn new(provision: Rc<Provision>) -> Webphone {
        Webphone { provision, life: Life::Blank }
    }

    /// True if it was made with that.
    pub(in crate::phone) fn is_of(&self, provision: &Rc<Provision>) -> bool {
        Rc::ptr_eq(&self.provision, provision)
    }

    /// What is shown, and when.
    pub(in crate::phone) fn see<R>(&self, look: impl FnOnce(&Core, SimTime) -> R) -> Option<R> {
        match &self.life {
            Life::Running(running) => Some(look(&running.core, running.web.now())),
            _ => None,
        }
    }

    /// The user does something.
    pub(in crate::phone) fn press<R>(&mut self, act: impl FnOnce(&mut Core, SimTime) -> R) -> Option<R> {
        let Life::Running(running) = &mut self.life else { return None };
        let now = running.web.now();
        let result = act(&mut running.core, now);
        running.core.pump(now);
        running.shelf.wires.borrow().values().for_each(|wire| wire.play(&running.web));
        running.settle(now);
        Some(result)
    }

    fn load(&mut self, web: &Web) {
        let instance = self.provision.web.borrow().instance.clone();
        match instance {
            Instance::Kept => self.choose(web, 1),
            Instance::Fresh => self.run(web, urn(web.random(random_number))),
            Instance::Given(urn) => self.run(web, urn),
        }
    }

    /// Asks for the instance of that number, which another tab may have.
    fn choose(&mut self, web: &Web, number: u32) {
        let lock = web.request_lock(&self.key(number));
        let timer = web.set_timeout(LOCK);
        self.life = Life::Choosing(Choice { number, lock, timer });
    }

    fn key(&self, number: u32) -> String {
        format!("webphone:{}:instance:{number}", self.provision.phone.borrow().user)
    }

    /// While the page looks for its instance, that's all that happens to it.
    fn choosing(&mut self, web: &Web, event: &WebEvent) {
        let Life::Choosing(Choice { number, lock, timer }) = self.life else { return };
        match event {
            WebEvent::LockGranted { request } if *request == lock => {
                web.clear_timer(timer);
                let key = self.key(number);
                let instance = web.local_storage_get(&key).unwrap_or_else(|| {
                    let new = urn(web.random(random_number));
                    if let Err(error) = web.local_storage_set(&key, &new) {
                        web.console("phone-disk", |event| event.with("error", error.to_string()));
                    }
                    new
                });
                self.run(web, instance);
            }
            WebEvent::Timer(due) if *due == timer => {
                web.release_lock(lock);
                self.choose(web, number + 1);
            }
            _ => {}
        }
    }

    fn run(&mut self, web: &Web, instance: String) {
        let provision = self.provision.clone();
        let inbox = Rc::new(Inbox::default());
        let shelf = Rc::new(Shelf::new(web, inbox.clone(), provision.clone()));
        let name = web.random(|random| format!("{:012x}.invalid", random.next_u64() >> 16));
        let place = InTab { shelf: shelf.clone(), name, instance };
        let settings = provision.web.borrow();
        let random = web.random(|random| Random::stream(random.next_u64(), "recovery"));
        let core = Core::new(Box::new(place), provision.phone.clone(), inbox);
        let line = Line::new(&settings.url, &settings.standbys);
        let mut running = Running { web: web.clone(), shelf, core, line, alarm: None, random };
        let now = web.now();
        running.core.begin(now);
        let stored = web.local_storage_get(&account_key(&provision.phone.borrow().user));
        let (on, password) = match stored.as_deref().and_then(|text| text.split_once('\n')) {
            Some((state, password)) => (state == "on", (!password.is_empty()).then(|| password.to_owned())),
            None => (settings.registers_on_load, None),
        };
        if on {
            running.core.switch_on(now, password.as_deref());
        }
        running.line.connect(web, now);
        running.settle(now);
        drop(settings);
        self.life = Life::Running(Box::new(running));
    }
}

fn random_number(random: &mut Random) -> u128 {
    u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
}

impl Page for Webphone {
    fn handle(&mut self, web: &Web, event: WebEvent) {
        match &mut self.life {
            Life::Blank if matches!(event, WebEvent::Load) => self.load(web),
            Life::Choosing(_) => self.choosing(web, &event),
            Life::Running(running) => {
                let now = web.now();
                let leaves = matches!(event, WebEvent::PageHide { .. });
                running.happened(now, event);
                running.settle(now);
                if leaves {
                    self.life = Life::Left;
                }
            }
            Life::Blank | Life::Left => {}
        }
    }
}

impl Running {
    fn happened(&mut self, now: SimTime, event: WebEvent) {
        match event {
            WebEvent::SocketOpen { socket, .. } if self.line.opened(socket) => {
                self.shelf.online.set(true);
                self.core.received(now, Received::Connected { flow: flow_of(socket) });
                self.core.went_online(now, SERVER);
            }
            WebEvent::SocketMessage { socket, data } if self.line.is(socket) => self.message(now, socket, data),
            WebEvent::SocketClose { socket, .. } if self.line.is(socket) => self.lost(now, socket),
            WebEvent::Timer(timer) => self.timer(now, timer),
            WebEvent::PageHide { .. } if self.core.behaviour().web.says_goodbye => self.core.say_goodbye(now),
            WebEvent::Online => {
                self.shelf.network_changed();
                self.line.hurry(now);
                // A connection of the old network may still look alive.
                self.core.keep_alive(now);
            }
            WebEvent::Offline => self.shelf.network_changed(),
            WebEvent::Resume => self.core.keep_alive(now),
            WebEvent::UserMedia { request, outcome } => self.shelf.microphone(request, outcome),
            WebEvent::TrackEnded { track } => self.shelf.track_ended(track),
            WebEvent::DeviceChange => self.shelf.devices_changed(),
            WebEvent::Peer { peer, event } => self.shelf.peer_event(peer, event),
            _ => {}
        }
    }

    fn message(&mut self, now: SimTime, socket: SocketId, data: Data) {
        let flow = flow_of(socket);
        let raw = match data {
            Data::Text(text) => Bytes::from(text),
            Data::Binary(bytes) => bytes,
        };
        self.line.heard();
        let received = match &*raw {
            PING => {
                self.line.send(&self.web, PONG);
                Received::Ping { flow }
            }
            PONG => Received::Pong { flow },
            _ => match Message::read(raw.clone()) {
                Ok(message) => Received::Message { message, flow },
                Err(error) => Received::Malformed { raw, error, flow },
            },
        };
        self.core.received(now, received);
    }

    /// Our connection is gone, or never came to be.
    fn lost(&mut self, now: SimTime, socket: SocketId) {
        let behaviour = self.core.behaviour().web;
        let recovery = self.shelf.provision.web.borrow().recovery;
        let was_open = self.line.socket().is_some();
        self.line.lost(now, (!behaviour.never_reconnects).then_some(recovery), &mut self.random);
        self.shelf.online.set(false);
        self.core.went_offline();
        if was_open {
            let why = "the connection is gone".to_owned();
            self.core.received(now, Received::Broken { flow: flow_of(socket), why });
        }
        if self.line.failures() > 1 || behaviour.never_reconnects || !was_open {
            self.core.stays_offline(now);
        }
        if behaviour.drops_calls_with_connection {
            self.core.drop_calls(now, |_| true);
        }
    }

    fn timer(&mut self, now: SimTime, timer: TimerId) {
        if self.shelf.timer(timer) {
            return;
        }
        let Some((_, due)) = self.alarm.take_if(|(alarm, _)| *alarm == timer) else { return };
        self.core.time_passed(now);
        if now.since(due) >= SLEPT {
            self.core.keep_alive(now);
        }
        if let Some(socket) = self.line.overdue(now) {
            self.close(socket);
            self.lost(now, socket);
        }
        if self.line.is_due(now) {
            self.line.connect(&self.web, now);
        }
    }

    fn close(&self, socket: SocketId) {
        // One that's still opening is given up by it.
        if let Err(error) = self.web.socket_close(socket, None, "") {
            self.web.console("webphone-socket", |event| event.with("error", error.to_string()));
        }
    }

    /// Does all that can be done now, and sees to being called when the next thing is due.
    fn settle(&mut self, now: SimTime) {
        loop {
            self.core.settle(now);
            let outs: Vec<Out> = self.core.outs().collect();
            for out in outs {
                match out {
                    Out::Ping(_) => {
                        self.line.send(&self.web, PING);
                    }
                    Out::Close(flow) => {
                        if let Some(socket) = self.line.socket().filter(|socket| flow_of(*socket) == flow) {
                            self.close(socket);
                            self.lost(now, socket);
                        }
                    }
                }
            }
            let mut failed = false;
            while let Some(transmit) = self.core.ua.poll_transmit() {
                // Whatever connection a request came by, there's one way to the server now.
                if !self.line.send(&self.web, &transmit.payload) {
                    failed |= is_request(&transmit.payload);
                }
            }
            if !failed {
                break;
            }
            self.core.ua.flow_failed(now, Flow::to(Transport::Ws, SERVER));
        }
        if self.line.is_due(now) {
            self.line.connect(&self.web, now);
        }
        let due = [self.core.next_due(now), self.line.due()].into_iter().flatten().min();
        if self.alarm.map(|(_, at)| at) == due {
            return;
        }
        if let Some((timer, _)) = self.alarm.take() {
            self.web.clear_timer(timer);
        }
        self.alarm = due.map(|at| (self.web.set_timeout(at.since(now)), at));
    }
}

fn is_request(message: &[u8]) -> bool {
    !message.starts_with(b"SIP/2.0 ") && !message.starts_with(b"ACK ")
}
