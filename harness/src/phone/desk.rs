//! A phone on a host of its own: what runs there, and what it finds there.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::audio::LineAudio;
use super::call::LegId;
use super::core::{Core, Out};
use super::place::{Finding, Place, Ready, Unready, Wanted, urn};
use super::settings::PhoneSettings;
use super::{Desk, Inbox, servers};
use crate::sip::transport::{Ports, Transports};
use crate::sip::{Transport, escape_user};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// Where the phone remembers that its account is on, and a password that was typed in.
const FILE: &str = "phone/account";

/// Writes down whether the account is on. A disk that doesn't take it is no reason not to register now.
pub(super) fn save(host: &Host, on: bool, password: Option<&str>) {
    let disk = host.disk();
    let state = if on { "on" } else { "off" };
    let saved = disk.write(FILE, format!("{state}\n{}", password.unwrap_or_default())).and_then(|()| disk.sync(FILE));
    if let Err(error) = saved {
        host.claim("phone-disk", |event| event.with("error", error.to_string()));
    }
}

/// What was written down: Some if the account is on, with the password that was typed in, if one was.
#[allow(clippy::option_option)]
fn load(host: &Host) -> Option<Option<String>> {
    let file = host.disk().read(FILE).ok()?;
    let text = String::from_utf8(file).ok()?;
    let (state, password) = text.split_once('\n')?;
    (state == "on").then(|| (!password.is_empty()).then(|| password.to_owned()))
}

/// The host, as a phone sees it.
struct OnHost {
    host: Host,
    desk: Rc<Desk>,
    inbox: Rc<Inbox>,
    /// Where it says it is, which may be where it was.
    address: Rc<Cell<Ipv4Addr>>,
    port: u16,
}

impl Place for OnHost {
    fn claim(&self, kind: &'static str, fields: &[(&'static str, &str)]) {
        self.host.claim(kind, |event| fields.iter().fold(event, |event, (name, value)| event.with(*name, *value)));
    }

    fn random(&self, concern: &str) -> Random {
        self.host.random(|random| Random::stream(random.next_u64(), concern))
    }

    fn sent_by(&self) -> String {
        format!("{}:{}", self.address.get(), self.port)
    }

    fn contact(&self, settings: &PhoneSettings) -> String {
        let transport = match settings.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.parameter()),
        };
        format!("sip:{}@{}{transport}", escape_user(&settings.user), self.sent_by())
    }

    /// A UUID made of the host's name.
    fn instance(&self, settings: &PhoneSettings) -> String {
        urn(xxh3_128(format!("{}@{}", settings.user, self.host.name()).as_bytes()))
    }

    fn has_moved(&self) -> bool {
        self.host.address() != self.address.get()
    }

    fn settle(&self) {
        self.address.set(self.host.address());
    }

    fn remember(&self, on: bool, password: Option<&str>) {
        save(&self.host, on, password);
    }

    fn look_up(&self, settings: &PhoneSettings) {
        let (host, inbox) = (self.host.clone(), self.inbox.clone());
        let (domain, transport) = (settings.domain.clone(), settings.transport);
        self.host.spawn(async move {
            let found = servers::find(&host, &domain, None, transport).await;
            inbox.put(Finding::Servers(found));
        });
    }

    fn prepare(&self, leg: LegId, wanted: Wanted) {
        let (host, inbox, address) = (self.host.clone(), self.inbox.clone(), self.address.clone());
        let (codecs, behaviour) = {
            let settings = self.desk.settings.borrow();
            (settings.codecs.clone(), settings.behaviour)
        };
        let random = self.random("audio");
        self.host.spawn(async move {
            let ways = match wanted {
                Wanted::Nowhere => Ok(Vec::new()),
                Wanted::Known(ways) => Ok(ways),
                Wanted::Find { host: name, port, transport } => servers::find(&host, &name, port, transport).await,
            };
            let audio = LineAudio::open(&host, address, codecs, behaviour, random).await;
            let outcome = match (audio, ways) {
                (Ok(audio), Ok(ways)) => Ok(Ready { audio: Box::new(audio), ways }),
                (Err(error), _) | (_, Err(error)) => Err(Unready::from(error)),
            };
            inbox.put(Finding::Ready { leg, outcome });
        });
    }
}

/// Runs the phone from power to power cut.
pub(super) async fn run(host: Host, desk: Rc<Desk>) {
    let settings = desk.settings.borrow().clone();
    let life = desk.lives.get() + 1;
    desk.lives.set(life);
    // When it's installed it has been on for long.
    if life > 1 {
        host.sleep(settings.behaviour.boot_time).await;
    }
    let port = Some(settings.port);
    let ports = match settings.transport {
        Transport::Udp => Ports { udp: port, ..Ports::default() },
        Transport::Tcp => Ports { tcp: port, ..Ports::default() },
        Transport::Ws => Ports::default(),
    };
    let mut transports = match Transports::open(&host, ports).await {
        Ok(transports) => transports,
        Err(error) => {
            *desk.broken.borrow_mut() = format!("no network: {error}");
            return;
        }
    };
    let port = transports.local_port(settings.transport).unwrap_or(settings.port);
    let address = Rc::new(Cell::new(host.address()));
    let place = OnHost { host: host.clone(), desk: desk.clone(), inbox: desk.inbox.clone(), address, port };
    desk.inbox.found.borrow_mut().clear();
    let mut core = Core::new(Box::new(place), desk.settings.clone(), desk.inbox.clone());
    core.begin(host.now());
    if let Some(password) = load(&host) {
        core.switch_on(host.now(), password.as_deref());
    }
    *desk.running.borrow_mut() = Some((life, core));
    let _on = On { desk: &desk, life };
    loop {
        let Some(wake) = desk.turn(&mut transports, host.now()) else { return };
        // Far away stands for never.
        let wait = wake.map_or(Duration::from_secs(86_400), |at| at.since(host.now()));
        tokio::select! {
            biased;
            received = transports.receive() => desk.with(|core| core.received(host.now(), received)),
            () = desk.inbox.bell.notified() => {}
            () = host.sleep(wait) => desk.with(|core| core.time_passed(host.now())),
        }
    }
}

/// The phone is dark when this is gone: its life ends with its host's.
struct On<'a> {
    desk: &'a Desk,
    life: u64,
}

impl Drop for On<'_> {
    fn drop(&mut self) {
        let mut running = self.desk.running.borrow_mut();
        // The next life may have begun before the host got round to clearing up after this one.
        let gone = running.take_if(|(life, _)| *life == self.life);
        drop(running);
        drop(gone);
    }
}

impl Desk {
    fn with(&self, work: impl FnOnce(&mut Core)) {
        if let Some((_, core)) = &mut *self.running.borrow_mut() {
            work(core);
        }
    }

    /// Does all that can be done now; returns when the next thing is due. None: another life has begun.
    #[allow(clippy::option_option)]
    fn turn(&self, transports: &mut Transports, now: SimTime) -> Option<Option<SimTime>> {
        let mut running = self.running.borrow_mut();
        let (_, core) = running.as_mut()?;
        core.settle(now);
        for out in core.outs() {
            match out {
                Out::Ping(flow) => transports.ping(flow),
                Out::Close(flow) => transports.close(flow),
            }
        }
        // After the connections that are given up: nothing new should go there.
        while let Some(transmit) = core.ua.poll_transmit() {
            transports.send(transmit);
        }
        Some(core.next_due(now))
    }
}
