//! The floor's server process: HTTP in front, the books on the disk, the switch and the senders behind.
//!
//! - `engine`: the core with its store and its senders: what an input changes is on the disk before anything of it is let
//!   out, be it a reply, an order or an event.
//! - `service`: HTTP, port 80: the screens' requests and both APIs.
//!
//! A process that has stopped (the host crashed, the disk refused) leaves nothing behind but its store; the next one
//! begins from that, with a switch that knows no call.

mod engine;
mod service;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

pub(in crate::floor) use engine::{Engine, Stopped};

use super::settings::FloorSettings;
use super::switch::{Switch, SwitchSettings};
use crate::webhook::contract::Contracts;
use crate::webhook::sender::Endpoint;
use crate::world::Host;

/// How long a process that has stopped waits before it begins again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the floor's processes and those who administrate them have in common.
pub(in crate::floor) struct Shared {
    pub host: Host,
    pub settings: RefCell<FloorSettings>,
    pub switch: SwitchSettings,
    pub contracts: RefCell<Contracts>,
    /// Who is told of something, by the hook's name.
    pub endpoints: RefCell<Vec<Destination>>,
    pub running: RefCell<Option<Rc<Engine>>>,
    /// Why there's none.
    pub broken: RefCell<String>,
}

/// Where a hook leads.
#[derive(Clone)]
pub(in crate::floor) struct Destination {
    pub hook: String,
    pub endpoint: Endpoint,
    pub durable: bool,
}

/// A life of the floor on its host. The books are there at once.
pub(in crate::floor) fn boot(shared: Rc<Shared>) -> impl Future<Output = ()> + 'static {
    let mut engine = begin(&shared);
    async move {
        loop {
            let why = match &engine {
                Some(engine) => {
                    let Err(error) = live(&shared, engine).await;
                    error.to_string()
                }
                None => shared.broken.borrow().clone(),
            };
            shared.host.claim("floor-stopped", |event| event.with("why", why.as_str()));
            shared.running.borrow_mut().take();
            drop(engine);
            shared.host.sleep(AGAIN).await;
            engine = begin(&shared);
        }
    }
}

fn begin(shared: &Rc<Shared>) -> Option<Rc<Engine>> {
    let engine = Engine::open(shared);
    let engine = match engine {
        Ok(engine) => Some(Rc::new(engine)),
        Err(why) => {
            *shared.broken.borrow_mut() = why;
            None
        }
    };
    shared.running.borrow_mut().clone_from(&engine);
    engine
}

/// Works until something fails.
async fn live(shared: &Rc<Shared>, engine: &Rc<Engine>) -> io::Result<Infallible> {
    let switch = Switch::open(&shared.host, shared.switch.clone()).await?;
    let serving = engine.clone();
    let http = crate::http::serve(&shared.host, 80, move |request| service::answer(serving.clone(), request));
    let durable = engine.clone();
    tokio::select! {
        biased;
        done = engine.run(switch) => done,
        done = http => done,
        done = engine.outbox.run(async move |rows| durable.save(rows)) => Err(ended(done)),
        done = engine.urls.run(async |_| Ok(())) => Err(ended(done)),
    }
}

fn ended(done: io::Result<()>) -> io::Error {
    done.err().unwrap_or_else(|| io::Error::other("the sender has ended"))
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> io::Error {
        io::Error::other(stopped.to_string())
    }
}
