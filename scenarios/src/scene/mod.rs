//! The scene of a scenario: its universe, and who plays in it by which name.
//!
//! - [`machines`]: bare machines, for scenarios of the network.
//! - [`center`]: the contact center, which is there as soon as somebody speaks of it: servers, carrier, customers, agents.
//! - `calls`: what people do with their phones, and what is seen of it.
//! - `audio`: who is heard by whom.
//! - `faults`: the faults that are aimed at messages of SIP, and at audio.
//! - `browser`: what people do with their browsers and the computers under them; `messages`: a page of ours in them.
//! - `floor`: campaigns, leads, agents at their screens, webhooks and APIs.
//! - `webrtc`: which way media takes, and whether others can read it; the TURN server.

mod audio;
pub(crate) mod browser;
mod calls;
pub(crate) mod center;
mod faults;
pub(crate) mod floor;
mod machines;
mod messages;
mod service;
pub(crate) mod webrtc;

use std::time::Duration;

use busyhour::Universe;
use busyhour::net::{Between, DNS_HOST};
use busyhour::trace::SimTime;
use busyhour::webhook::contract::Contracts;
use busyhour::world::Host;

use crate::World;
use crate::argument::{Amount, Link, Party, Route};
use crate::phrase::{StepFailure, StepResult};
use crate::similar;
use crate::wiretap::SharedWiretap;

use self::center::Center;
pub(crate) use self::machines::Answer;
use self::machines::Machine;
pub use self::service::{Elsewhere, ServerChoice};

/// How long a step waits for an outcome, good or bad.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How often a check that waits looks again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How soon a check looks again that has waited so long: who waits for days for a sender to give up needn't look a
/// hundred times a second.
fn look_again(waited: Duration) -> Duration {
    match waited.as_secs() {
        0..300 => LOOK_AGAIN,
        300..3_600 => Duration::from_millis(200),
        _ => Duration::from_secs(10),
    }
}

/// What the steps of a scenario share: see [`World`].
///
/// A step of another crate reaches the universe through it:
///
/// ```
/// use std::net::SocketAddrV4;
///
/// use busyhour_scenarios::{StepFailure, StepResult, World};
/// use cucumber::when;
///
/// #[when(expr = "{word} waves to {word} after a second")]
/// async fn waves(world: &mut World, from: String, to: String) -> StepResult {
///     let scene = world.scene()?;
///     let (from, to) = (scene.host(&from)?, scene.host(&to)?);
///     scene.universe.sleep(std::time::Duration::from_secs(1)).await;
///     let failed = |error: std::io::Error| StepFailure::because(format!("{} can't wave: {error}", from.name()));
///     let socket = from.udp(0).await.map_err(failed)?;
///     socket.send_to(&b"hello"[..], SocketAddrV4::new(to.address(), 4000)).await.map_err(failed)?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Scene {
    /// The universe: its time, its network and its faults, and hosts of your own.
    pub universe: Universe,
    machines: Vec<Machine>,
    batches: u32,
    center: Option<Center>,
    service: ServerChoice,
    wiretap: Option<SharedWiretap>,
    contracts: Contracts,
}

impl World {
    /// The scene that the scenario plays in.
    ///
    /// # Errors
    /// The step isn't played in a universe.
    pub fn scene(&mut self) -> Result<&mut Scene, StepFailure> {
        self.filled::<Scene>().ok_or_else(|| StepFailure::because("this step needs a universe, and there is none"))
    }

    /// The contact center of the scene.
    ///
    /// # Errors
    /// The step isn't played in a universe.
    pub(crate) fn center(&mut self) -> Result<&mut Center, StepFailure> {
        self.scene()?.center()
    }
}

/// So much of what was heard is kept for the record of a failure; a speaker remembers no more than that by itself.
const LAST_HEARD: Duration = Duration::from_secs(10);

/// What somebody has heard last.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// Who: a name that's good for a file.
    pub(crate) by: String,
    /// The samples, 8,000 a second.
    pub(crate) samples: Vec<i16>,
}

impl Scene {
    /// The scene in `universe`, with nobody there yet.
    pub fn new(universe: Universe) -> Scene {
        Scene::with_server(universe, ServerChoice::Ours)
    }

    /// The scene in `universe`, with that one as the SIP server.
    pub fn with_server(universe: Universe, service: ServerChoice) -> Scene {
        let contracts = Contracts::builtin();
        Scene { universe, machines: Vec::new(), batches: 0, center: None, service, wiretap: None, contracts }
    }

    /// With these senders, by whose contracts webhooks may be told.
    pub(crate) fn with_senders(mut self, contracts: Contracts) -> Scene {
        self.contracts = contracts;
        self
    }

    /// With a tap on its wire, for checks of what was seen there.
    pub(crate) fn tapped(mut self, wiretap: SharedWiretap) -> Scene {
        self.wiretap = Some(wiretap);
        self
    }

    /// What each party has heard in the last seconds, as far as its speaker played anything.
    pub(crate) fn recordings(&self) -> Vec<Recording> {
        let to = self.universe.now();
        let from = SimTime(to.as_nanos().saturating_sub(LAST_HEARD.as_nanos() as u64));
        let ears = self.center.iter().flat_map(Center::everybody);
        let hosts = ears.flat_map(|ear| ear.hosts);
        let heard = hosts.filter_map(|host| {
            let samples = host.room().heard(from, to).ok()?;
            let silent = samples.iter().all(|sample| *sample == 0);
            (!silent).then(|| Recording { by: host.name().to_owned(), samples })
        });
        heard.collect()
    }

    /// The contact center. It's implied: the first who speaks of it finds it there.
    pub(crate) fn center(&mut self) -> Result<&mut Center, StepFailure> {
        if self.center.is_none() {
            self.center = Some(Center::new(&self.universe, self.service.clone(), self.contracts.clone())?);
        }
        Ok(self.center.as_mut().expect("it was just made"))
    }

    /// A new host for somebody of that name: there is one namespace.
    fn new_host(&self, name: &str, what: &str) -> Result<Host, StepFailure> {
        if name == DNS_HOST {
            let why = format!("`{name}` is the host that answers for names: call the {what} something else");
            return Err(StepFailure::because(why));
        }
        if self.center.as_ref().and_then(Center::place).is_some_and(|place| place.has_campaign(name)) {
            return Err(StepFailure::because(format!("{name} is a campaign: call the {what} something else")));
        }
        self.universe.try_host(name).map_err(|error| StepFailure::because(error.to_string()))
    }

    /// The host of the machine or the agent of that name; an agent's is that of the first phone.
    ///
    /// # Errors
    /// Nobody has that name.
    pub fn host(&self, name: &str) -> Result<Host, StepFailure> {
        let hosts = self.hosts_of(name)?;
        Ok(hosts.into_iter().next().expect("whoever has a name has a host"))
    }

    /// The hosts of whoever has that name: an agent has one for each phone.
    fn hosts_of(&self, name: &str) -> Result<Vec<Host>, StepFailure> {
        if let Some(machine) = self.machines.iter().find(|machine| machine.host.name() == name) {
            return Ok(vec![machine.host.clone()]);
        }
        let hosts = self.center.as_ref().and_then(|center| center.hosts_of(name));
        hosts.ok_or_else(|| self.nobody(name))
    }

    /// The machine of that name.
    pub(crate) fn machine(&self, name: &str) -> Result<Machine, StepFailure> {
        let found = self.machines.iter().find(|machine| machine.host.name() == name);
        found.cloned().ok_or_else(|| match self.center.as_ref().is_some_and(|center| center.hosts_of(name).is_some()) {
            true => StepFailure::because(format!("{name} is {}, and this is done by machines", self.what_is(name))),
            false => self.nobody(name),
        })
    }

    fn nobody(&self, name: &str) -> StepFailure {
        let machines = self.machines.iter().map(|machine| machine.host.name());
        let agents = self.center.iter().flat_map(Center::names);
        let receivers = self.center.iter().flat_map(Center::receivers);
        nobody(name, &machines.chain(agents).chain(receivers).collect::<Vec<_>>())
    }

    /// What somebody is who has a name in the contact center.
    fn what_is(&self, name: &str) -> &'static str {
        match self.center.as_ref().is_some_and(|center| center.is_agent(name)) {
            true => "an agent",
            false => "a webhook receiver",
        }
    }

    /// An agent's name that nobody has may be a machine's.
    pub(crate) fn check_agent(&self, name: &str) -> StepResult {
        if self.center.as_ref().is_some_and(|center| center.is_agent(name)) {
            return Ok(());
        }
        if self.center.as_ref().is_some_and(|center| center.hosts_of(name).is_some()) {
            return Err(StepFailure::because(format!("{name} is a webhook receiver, and this is done by agents")));
        }
        match self.machines.iter().any(|machine| machine.host.name() == name) {
            true => Err(StepFailure::because(format!("{name} is a machine, and this is done by agents"))),
            false => Err(self.nobody(name)),
        }
    }

    /// The hosts of a party.
    pub(crate) fn hosts(&mut self, party: &Party) -> Result<Vec<Host>, StepFailure> {
        if let Party::Named(name) = party {
            return self.hosts_of(name);
        }
        // Nobody who looks at bare machines means a contact center.
        if self.center.is_none() && !self.machines.is_empty() {
            return Err(StepFailure::because(match party {
                Party::EveryAgent => "there are no agents here: this place has machines only".to_owned(),
                role => format!("{role} isn't here: this place has machines only"),
            }));
        }
        if *party == Party::TurnServer {
            return Ok(vec![self.center()?.turn_host()?]);
        }
        self.center()?.hosts(party)
    }

    /// A stretch of the network.
    pub(crate) fn link(&mut self, link: &Link) -> Result<Between, StepFailure> {
        match link {
            Link::Every => Ok(self.universe.network().everywhere()),
            Link::On(route) => self.route(route),
        }
    }

    /// The network between two parties.
    pub(crate) fn route(&mut self, route: &Route) -> Result<Between, StepFailure> {
        let network = self.universe.network();
        Ok(match route {
            Route::Between(a, b) => network.between_groups(&self.hosts(a)?, &self.hosts(b)?),
            Route::From(from, to) => network.one_way_groups(&self.hosts(from)?, &self.hosts(to)?),
        })
    }
}

/// What is said of a name that nobody has, where these are known.
fn nobody(name: &str, names: &[&str]) -> StepFailure {
    let nearest = names
        .iter()
        .min_by_key(|known| similar::distance(name, known))
        .filter(|known| similar::distance(name, known) * 2 <= name.chars().count());
    let hint = match (nearest, names) {
        (Some(nearest), _) => format!("; did you mean {nearest}?"),
        (None, [only]) => format!("; there is {only}"),
        (None, []) => "; nobody has been named yet: `Given machines a and b` names two machines, `Given agents alice \
                       and bob with hardphones` two agents"
            .to_owned(),
        (None, several) => format!("; there are {}", several.join(", ")),
    };
    StepFailure::because(format!("nobody here is called {name}{hint}"))
}

/// Judges a count, now or while time goes by.
///
/// With `within`, too many fail as soon as they're there, and an amount that more can't spoil passes as soon as it is
/// reached; any other waits the whole time, since one more might still come.
pub(crate) async fn judge_amount(
    universe: &Universe,
    amount: Amount,
    of: u64,
    within: Option<Duration>,
    count: impl Fn() -> u64,
    what: &str,
) -> StepResult {
    let began = universe.now();
    let deadline = began + within.unwrap_or(Duration::ZERO);
    loop {
        let seen = count();
        let wrong = || StepFailure::differs(format!("{amount} {what}"), format!("{seen}"));
        if amount.is_exceeded_by(seen) {
            return Err(wrong());
        }
        let settled = matches!(amount, Amount::AtLeast(_)) && amount.admits(seen, of);
        if settled || universe.now() >= deadline {
            return if amount.admits(seen, of) { Ok(()) } else { Err(wrong()) };
        }
        let soon = look_again(universe.now().since(began));
        universe.sleep(soon.min(deadline.since(universe.now()))).await;
    }
}

/// Judges a count that rises and falls, such as how many contacts there are.
///
/// With `within`, an exact one must be right when the time is over, and fails as soon as it grows beyond; one that was
/// beyond it from the start has that time to come down.
pub(crate) async fn judge_level(
    universe: &Universe,
    amount: Amount,
    within: Option<Duration>,
    count: impl Fn() -> u64,
    what: &str,
) -> StepResult {
    let began = universe.now();
    let deadline = began + within.unwrap_or(Duration::ZERO);
    let wrong = |seen: u64| StepFailure::differs(format!("{amount} {what}"), format!("{seen}"));
    let mut was_in_bounds = !amount.is_exceeded_by(count());
    loop {
        let seen = count();
        let exceeded = amount.is_exceeded_by(seen);
        if exceeded && was_in_bounds && within.is_some() {
            return Err(wrong(seen));
        }
        was_in_bounds |= !exceeded;
        let settled = matches!(amount, Amount::AtLeast(_)) && amount.admits(seen, seen);
        if settled || universe.now() >= deadline {
            return if amount.admits(seen, seen) { Ok(()) } else { Err(wrong(seen)) };
        }
        let soon = look_again(universe.now().since(began));
        universe.sleep(soon.min(deadline.since(universe.now()))).await;
    }
}

/// Waits until `holds`, at most `within`; without it, asks once.
pub(crate) async fn wait_until(universe: &Universe, within: Option<Duration>, mut holds: impl FnMut() -> bool) -> bool {
    let began = universe.now();
    let deadline = began + within.unwrap_or(Duration::ZERO);
    loop {
        if holds() {
            return true;
        }
        if universe.now() >= deadline {
            return false;
        }
        let soon = look_again(universe.now().since(began));
        universe.sleep(soon.min(deadline.since(universe.now()))).await;
    }
}
