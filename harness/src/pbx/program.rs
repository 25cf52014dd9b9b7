//! The server's program: its sockets, and the loop that feeds the exchange.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::exchange::{Chore, Counters, Exchange};
use super::gate::Gate;
use super::records::Records;
use super::settings::{MediaPath, ServerSettings};
use crate::media::webrtc::Certificate;
use crate::media::{Conference, MemberId, Relay};
use crate::sip::Transport;
use crate::sip::transport::{Ports, Received, Transports};
use crate::sip::ua::CallId;
use crate::trace::SimTime;
use crate::world::kernel::kernel_here;
use crate::world::{Host, Random};

/// A call, and the transfer of one, take a relay each; more than these never begin at one message.
const SPARE_RELAYS: usize = 2;
/// A timer far away: nothing is due.
const LONG: Duration = Duration::from_secs(3_600);

/// What the program shares with its operator's hand and view.
pub(super) struct Shared {
    pub settings: ServerSettings,
    pub exchange: Option<Exchange>,
}

/// Runs the server until its host crashes.
pub(super) async fn serve(host: Host, shared: Rc<RefCell<Shared>>) {
    let (ports, mut events) = {
        let mut shared = shared.borrow_mut();
        // The books survive a crash, and nothing else that's in memory.
        let (mut records, counters) = match shared.exchange.take() {
            Some(last) => (last.records, last.counters),
            None => (Records::default(), Counters::default()),
        };
        records.end_all(host.now());
        let settings = &shared.settings;
        let ports = Ports { udp: settings.udp, tcp: settings.tcp, ws: settings.ws };
        let (reporter, events) = unbounded_channel();
        let exchange = Exchange::new(&host, settings, records, counters, reporter);
        shared.exchange = Some(exchange);
        (ports, events)
    };
    // Without sockets there is no server; a host that crashed meanwhile has none.
    let Ok(mut transports) = Transports::open(&host, ports).await else { return };
    let mut timer = pin!(tokio::time::sleep(LONG));
    let mut armed: Option<SimTime> = None;
    loop {
        refill(&host, &shared).await;
        while let Some(chore) = with(&shared, |exchange| exchange.chores.pop_front()) {
            run(&host, &shared, chore).await;
        }
        let due = {
            let mut shared = shared.borrow_mut();
            let Some(exchange) = &mut shared.exchange else { return };
            while let Some(transmit) = exchange.poll_transmit() {
                let flow = transmit.flow;
                if flow.transport == Transport::Ws && flow.connection.is_none() {
                    // RFC 7118: a browser listens nowhere. What it had opened is gone, and nobody opens it for it.
                    exchange.broken(host.now(), flow);
                } else {
                    transports.send(transmit);
                }
            }
            // What came of those.
            if !exchange.chores.is_empty() {
                continue;
            }
            exchange.poll_timeout()
        };
        if let Some(due) = due
            && armed.is_none_or(|armed| due < armed)
        {
            timer.as_mut().reset(kernel_here().instant(due));
            armed = Some(due);
        }
        tokio::select! {
            biased;
            received = transports.receive() => {
                let now = host.now();
                with(&shared, |exchange| take(exchange, now, received));
            }
            Some((call, event)) = events.recv() => {
                let now = host.now();
                with(&shared, |exchange| exchange.gate_happened(now, call, &event));
            }
            () = timer.as_mut() => {
                armed = None;
                timer.as_mut().reset(kernel_here().instant(host.now() + LONG));
                let now = host.now();
                with(&shared, |exchange| exchange.handle_timeout(now));
            }
        }
    }
}

fn with<R>(shared: &RefCell<Shared>, work: impl FnOnce(&mut Exchange) -> R) -> R {
    work(shared.borrow_mut().exchange.as_mut().expect("the program runs, so there is an exchange"))
}

fn take(exchange: &mut Exchange, now: SimTime, received: Received) {
    match received {
        Received::Message { message, flow } => exchange.receive(now, message, flow),
        Received::Malformed { raw, error, flow } => exchange.malformed(&raw, &error, flow),
        Received::Broken { flow, .. } => exchange.broken(now, flow),
        Received::Ping { .. } | Received::Pong { .. } | Received::Connected { .. } => {}
    }
}

/// Opens relays ahead of the calls that will need them.
async fn refill(host: &Host, shared: &RefCell<Shared>) {
    loop {
        let wanted = with(shared, |exchange| {
            let settings = &exchange.settings;
            let relays = settings.media == MediaPath::Relay || (settings.webrtc && settings.ws.is_some());
            (relays && exchange.spare.len() < SPARE_RELAYS).then(|| exchange.random.next_u64())
        });
        let Some(seed) = wanted else { return };
        // A host that is out of ports has none for the next call either: that one is answered 503.
        let Ok(relay) = Relay::open(host, Random::stream(seed, "relay")).await else { return };
        relay.set_timeout(None);
        with(shared, |exchange| exchange.spare.push(relay));
    }
}

async fn run(host: &Host, shared: &RefCell<Shared>, chore: Chore) {
    match chore {
        Chore::Admit { call, request } => {
            let gate = open_gate(host, shared).await;
            with(shared, |exchange| exchange.gate_ready(host.now(), call, *request, gate));
        }
        Chore::Ring { dial, phone, invitation } => {
            let gate = open_gate(host, shared).await;
            with(shared, |exchange| exchange.ring_ready(host.now(), dial, phone, &invitation, gate));
        }
        Chore::TakeOver { calls, then } => {
            let mut gates = Vec::with_capacity(calls.len());
            for call in calls {
                gates.push((call, open_gate(host, shared).await));
            }
            with(shared, |exchange| exchange.taken_over(host.now(), gates, then));
        }
        Chore::Join { call, room } => {
            let member = join(host, shared, call, &room).await;
            let left = with(shared, |exchange| settle(exchange, host.now(), call, member));
            if let Some(member) = left {
                leave(shared, &room, member).await;
            }
        }
        Chore::Leave { room, member } => leave(shared, &room, member).await,
    }
}

/// A WebRTC end for a party.
async fn open_gate(host: &Host, shared: &RefCell<Shared>) -> Option<Gate> {
    let (settings, certificate, seed) = with(shared, |exchange| {
        let certificate = exchange.certificate.get_or_insert_with(Certificate::generate).clone();
        (exchange.settings.clone(), certificate, exchange.random.next_u64())
    });
    Gate::open(host, &settings, certificate, Random::stream(seed, "gate")).await
}

fn settle(exchange: &mut Exchange, now: SimTime, call: CallId, member: Option<MemberId>) -> Option<MemberId> {
    let left = exchange.joined(now, call, member);
    exchange.work(now);
    left
}

async fn join(host: &Host, shared: &RefCell<Shared>, call: CallId, room: &Rc<str>) -> Option<MemberId> {
    let known = with(shared, |exchange| exchange.room(room));
    let conference = match known {
        Some(conference) => conference,
        None => {
            let seed = with(shared, |exchange| exchange.random.next_u64());
            let conference = Conference::open(host, Random::stream(seed, "room")).await.ok()?;
            with(shared, |exchange| exchange.rooms.insert(room.clone(), conference.clone()));
            conference
        }
    };
    let peer = with(shared, |exchange| {
        exchange.legs.get(&call).and_then(|leg| leg.line.gate.as_ref()).map(|gate| gate.peer().clone())
    });
    match peer {
        Some(peer) => Some(conference.join_over(&peer)),
        None => conference.join().await.ok(),
    }
}

async fn leave(shared: &RefCell<Shared>, room: &Rc<str>, member: MemberId) {
    let Some(conference) = with(shared, |exchange| exchange.room(room)) else { return };
    conference.leave(member).await;
    if conference.members() == 0 {
        with(shared, |exchange| exchange.rooms.remove(room));
        conference.close().await;
    }
}
