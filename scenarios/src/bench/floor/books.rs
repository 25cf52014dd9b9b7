//! Campaigns with many leads: the floor's core with its store on a disk, and everybody else by rote.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::floor::core::{Action, AddLead, Core, Disposition, LeadId, Now, ScreenRequest};
use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
use busyhour::floor::switch::{LegId, Order, Report};
use busyhour::store::{Batch, Change, Store};
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};

use crate::bench::measure::{Measurement, measured};
use crate::bench::sip::universe;

const CAMPAIGN: &str = "renewals";
const LIST: u64 = 101;
const AGENTS: u64 = 20;
const LEVEL: f64 = 2.0;
/// The hopper's level. Each minute's fill brings it up to that again.
const HOPPER: usize = 400;
/// How long the agents work.
const WORK: u64 = 180;
/// How long it rings, and how long an agent talks, in seconds.
const RINGS: u64 = 10;
const TALKS: u64 = 20;
/// The shortest of so many runs counts: what others do on the machine only ever makes it longer.
const RUNS: usize = 3;
/// 2026-11-23 09:00 in New York.
const OPENING: u64 = 1_795_442_400_000;

/// The steps of a call, of which each is told by its own figure.
const STEPS: [(Step, &str); 6] = [
    (Step::Round, "us_a_call_placed"),
    (Step::Hopper, "us_a_hopper_minute"),
    (Step::Ringing, "us_a_ringing"),
    (Step::Answer, "us_an_answer"),
    (Step::Busy, "us_a_busy"),
    (Step::Disposition, "us_a_disposition"),
];

/// What is measured for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Round,
    Hopper,
    Ringing,
    Answer,
    Busy,
    Ended,
    Poll,
    Disposition,
}

/// What one run has cost.
#[derive(Debug, Clone, Default)]
struct Costs {
    load: Duration,
    first_fill: Duration,
    restore: Duration,
    /// How often, and how long in all.
    steps: BTreeMap<Step, (u64, Duration)>,
    calls: u64,
    /// All steps of the calls, the hopper's minutes left out.
    per_call: f64,
}

/// Campaigns of 1,000, 10,000 and 100,000 leads.
pub fn run(mut print: impl FnMut(&Measurement)) {
    let mut smallest = None;
    for leads in [1_000, 10_000, 100_000] {
        let runs: Vec<Costs> = (0..RUNS).map(|_| costs(leads)).collect();
        let best = |figure: &dyn Fn(&Costs) -> f64| runs.iter().map(figure).fold(f64::INFINITY, f64::min);
        let load = best(&|costs| costs.load.as_secs_f64());
        let per_call = best(&|costs| costs.per_call);
        let mut line = Measurement::new(
            &format!("a campaign of {leads} leads"),
            1,
            Duration::from_secs(WORK),
            Duration::from_secs_f64(load),
            0,
        )
        .with("load_s", load)
        .with("load_us_a_lead", load * 1e6 / leads as f64)
        .with("restart_s", best(&|costs| costs.restore.as_secs_f64()))
        .with("first_fill_ms", best(&|costs| costs.first_fill.as_secs_f64() * 1e3))
        .with("calls", best(&|costs| costs.calls as f64))
        .with("us_a_call", per_call);
        for (step, name) in STEPS {
            line = line.with(name, best(&|costs| costs.each(step)));
        }
        let note = match smallest {
            None => "core, store and disk; cpu s: the load".to_owned(),
            Some(least) => format!("a call takes {:.2} times what it takes with 1,000 leads", per_call / least),
        };
        smallest = smallest.or(Some(per_call));
        print(&line.noting(note));
    }
}

impl Costs {
    /// Microseconds of a step; of the dialer's rounds by the call that's placed.
    fn each(&self, step: Step) -> f64 {
        let (count, time) = self.steps.get(&step).copied().unwrap_or_default();
        let count = if step == Step::Round { self.calls } else { count };
        time.as_secs_f64() * 1e6 / count.max(1) as f64
    }
}

fn costs(leads: u64) -> Costs {
    let found = Arc::new(Mutex::new(Costs::default()));
    let told = Arc::clone(&found);
    universe(false, move |u| async move {
        let costs = Books::open(&u.host("floor"), leads).work();
        *told.lock().expect("nobody panics here") = costs;
    });
    let costs = found.lock().expect("nobody panics here").clone();
    assert!(costs.calls > 300, "the dialer has dialed: {}", costs.calls);
    costs
}

/// The books, and what is to come.
struct Books {
    host: Host,
    core: Core,
    store: Store,
    now: Now,
    settings: FloorSettings,
    leads: u64,
    costs: Costs,
    orders: VecDeque<Order>,
    /// The reports that are due, by the second.
    due: BTreeMap<u64, Vec<(Step, Report)>>,
    /// Each agent's session, and when she saves her disposition.
    agents: Vec<(String, Option<u64>)>,
    calls: u64,
}

impl Books {
    fn open(host: &Host, leads: u64) -> Books {
        let mut settings = FloorSettings::new(Profile::Modern);
        let mut campaign = Campaign::new(CAMPAIGN, LEVEL);
        campaign.lists = vec![LIST];
        campaign.hopper_level = Some(HOPPER);
        settings.campaigns.push(campaign);
        settings.users.extend((0..AGENTS).map(|agent| User::agent(&format!("agent{agent}"), "secret")));
        let now = Now { at: SimTime::ZERO, wall: OPENING };
        let core = Core::new(settings.clone(), now, Random::stream(7, "floor"));
        let store = Store::open(host.disk(), "floor").expect("the disk is empty");
        Books {
            host: host.clone(),
            core,
            store,
            now,
            settings,
            leads,
            costs: Costs::default(),
            orders: VecDeque::new(),
            due: BTreeMap::new(),
            agents: Vec::new(),
            calls: 0,
        }
    }

    /// An input with all that belongs to it: what it has changed is on the disk when it's over.
    fn act<R>(&mut self, input: impl FnOnce(&mut Core, Now) -> R) -> (R, Duration) {
        let (core, store, now) = (&mut self.core, &mut self.store, self.now);
        let (result, cpu) = measured(|| {
            let result = input(core, now);
            let mut batch = Batch::new();
            batch.extend(core.take_changes().into_iter().map(|change| Change {
                table: change.table.to_owned(),
                key: change.key,
                value: change.value,
            }));
            if !batch.is_empty() {
                store.commit(batch).expect("the disk takes it");
            }
            result
        });
        while self.core.poll_event().is_some() {}
        self.orders.extend(std::iter::from_fn(|| self.core.poll_order()));
        (result, cpu)
    }

    /// A step of the calls.
    fn step<R>(&mut self, step: Step, input: impl FnOnce(&mut Core, Now) -> R) -> R {
        let (result, cpu) = self.act(input);
        let (count, time) = self.costs.steps.entry(step).or_default();
        *count += 1;
        *time += cpu;
        result
    }

    fn second(&self) -> u64 {
        self.now.at.as_nanos() / 1_000_000_000
    }

    fn work(mut self) -> Costs {
        let leads = self.leads;
        let (_, load) = self.act(|core, now| {
            for number in 1..=leads {
                let lead = AddLead::new(LIST, &(15_550_000_000 + number).to_string());
                let lead = AddLead { id: Some(LeadId(number)), ..lead };
                core.add_lead(now, "admin", lead).expect("it's a new one");
            }
        });
        self.costs.load = load;
        self.log_in();
        let (done, first_fill) = self.act(|core, now| core.run_dialer(now, CAMPAIGN));
        done.expect("there's such a campaign");
        self.costs.first_fill = first_fill;
        let end = self.second() + WORK;
        while self.second() < end {
            self.now = self.now.after(Duration::from_secs(1));
            self.a_second();
        }
        self.costs.calls = self.core.campaign_stats(CAMPAIGN).placed;
        let steps = self.costs.steps.iter().filter(|(step, _)| !matches!(step, Step::Hopper | Step::Poll));
        let time: Duration = steps.map(|(_, (_, time))| *time).sum();
        self.costs.per_call = time.as_secs_f64() * 1e6 / self.costs.calls as f64;
        self.restart()
    }

    /// Everybody logs in, and her phone answers.
    fn log_in(&mut self) {
        for agent in 0..AGENTS {
            let login = Action::Login {
                user: format!("agent{agent}"),
                password: "secret".to_owned(),
                campaign: CAMPAIGN.to_owned(),
            };
            let request = ScreenRequest { session: String::new(), action: login };
            let (reply, _) = self.act(|core, now| core.screen(now, request));
            let session = reply.session_name.expect("she may log in");
            self.obey();
            self.now = self.now.after(Duration::from_millis(10));
            self.happens();
            let request = ScreenRequest { session: session.clone(), action: Action::Ready };
            assert!(self.act(|core, now| core.screen(now, request)).0.is_ok(), "her phone is in her room");
            self.agents.push((session, None));
        }
        self.due.clear();
    }

    /// Customers ring for a while: every other one is busy then.
    fn obey(&mut self) {
        let second = self.second();
        while let Some(order) = self.orders.pop_front() {
            match order {
                Order::Call { leg, to, .. } if to.starts_with("agent") => {
                    self.due.entry(second).or_default().push((Step::Poll, Report::Answered { leg }));
                }
                Order::Call { leg, .. } => self.rings(second, leg),
                Order::HangUp { leg } => {
                    let report = Report::Ended { leg, why: "bye".to_owned() };
                    self.due.entry(second + 1).or_default().push((Step::Ended, report));
                }
                _ => {}
            }
        }
    }

    fn rings(&mut self, second: u64, leg: LegId) {
        self.calls += 1;
        let outcome = match self.calls % 2 {
            0 => (Step::Busy, Report::Failed { leg, status: 486, cause: Some(17) }),
            _ => (Step::Answer, Report::Answered { leg }),
        };
        self.due.entry(second + 1).or_default().push((Step::Ringing, Report::Ringing { leg }));
        self.due.entry(second + RINGS).or_default().push(outcome);
    }

    fn happens(&mut self) {
        let later = self.due.split_off(&(self.second() + 1));
        for (step, report) in std::mem::replace(&mut self.due, later).into_values().flatten() {
            self.step(step, |core, now| core.report(now, report));
            self.obey();
        }
    }

    fn a_second(&mut self) {
        self.happens();
        if self.core.poll_timeout().is_some_and(|due| due <= self.now.at) {
            let before = self.core.campaign_stats(CAMPAIGN).hopper;
            let (_, cpu) = self.act(|core, now| core.handle_timeout(now));
            let filled = self.core.campaign_stats(CAMPAIGN).hopper > before;
            let (count, time) = self.costs.steps.entry(if filled { Step::Hopper } else { Step::Round }).or_default();
            *count += 1;
            *time += cpu;
            self.obey();
        }
        for agent in 0..self.agents.len() {
            let (session, saves) = self.agents[agent].clone();
            let poll = ScreenRequest { session: session.clone(), action: Action::Poll { executed: 0 } };
            let reply = self.step(Step::Poll, |core, now| core.screen(now, poll));
            let screen = reply.screen.expect("she's logged in");
            let has_call = screen.status == "INCALL";
            self.agents[agent].1 = match saves {
                None if has_call => Some(self.second() + TALKS),
                Some(at) if at <= self.second() => {
                    let disposition = Disposition {
                        status: "NI".to_owned(),
                        call: None,
                        lead: Some(LeadId(screen.lead_id)),
                        callback: None,
                        comments: String::new(),
                        pause: false,
                    };
                    let save = ScreenRequest { session, action: Action::Dispose(disposition) };
                    let reply = self.step(Step::Disposition, |core, now| core.screen(now, save));
                    assert!(reply.is_ok(), "{:?}", reply.error);
                    None
                }
                other => other,
            };
            self.obey();
        }
    }

    /// The next life begins from the disk.
    fn restart(self) -> Costs {
        let Books { host, settings, now, mut costs, leads, store, core, .. } = self;
        drop((store, core));
        let (core, restore) = measured(|| {
            let store = Store::open(host.disk(), "floor").expect("it was committed");
            let tables = ["floor", "lead", "hopper", "call", "session", "agent_log", "dialer"];
            let rows = tables
                .iter()
                .flat_map(|table| store.iter(table).map(move |(key, row)| (*table, key, row)))
                .collect::<Vec<_>>();
            Core::restore(settings, now, Random::stream(8, "floor"), rows).expect("its rows can be read")
        });
        assert_eq!(core.leads().count() as u64, leads, "every lead is there");
        costs.restore = restore;
        costs
    }
}
