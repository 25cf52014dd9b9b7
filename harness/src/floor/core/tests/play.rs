//! A switch, screens and customers as scripts: seconds are free.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::floor::core::{
    Action, AddLead, Core, Disposition, LeadId, Now, Occurred, Screen, ScreenReply, ScreenRequest,
};
use crate::floor::settings::{Campaign, FloorSettings, User};
use crate::floor::switch::{LegId, Order, Part, Report, RoomId};
use crate::trace::SimTime;
use crate::world::Random;

/// 2026-11-23 09:00 in New York.
pub const OPENING: u64 = 1_795_442_400_000;

/// What somebody does who is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Script {
    /// Answers, and talks that long or until hung up on.
    Answers(f64, Option<f64>),
    /// Refuses with a status and a cause.
    Refuses(u16, Option<u8>),
    /// Lets it ring.
    Never,
    /// A machine answers.
    Machine,
}

#[derive(Debug, Clone)]
pub struct Leg {
    pub to: String,
    pub answered: bool,
    pub room: Option<(RoomId, Part)>,
    pub music: bool,
    machine: bool,
}

pub struct AgentScreen {
    pub session: String,
    /// The tab is open and polls.
    pub open: bool,
    next_poll: SimTime,
    pub executed: u64,
    pub last: Option<Screen>,
    /// Saves this so many seconds after her customer has gone.
    pub saves: Option<(&'static str, f64)>,
    save_at: Option<SimTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Report(LegId, u8, String, u16, Option<u8>),
}

/// The rows that were committed, by table and key.
type Disk = BTreeMap<(String, String), Vec<u8>>;

pub struct Play {
    pub core: Core,
    pub settings: FloorSettings,
    pub now: Now,
    pub scripts: BTreeMap<String, Script>,
    pub otherwise: Script,
    pub legs: BTreeMap<LegId, Leg>,
    pub screens: BTreeMap<String, AgentScreen>,
    pub orders: Vec<Order>,
    pub events: Vec<Occurred>,
    pub disk: Disk,
    /// Every state of the disk, if it's to be remembered.
    pub snapshots: Option<Vec<(Now, Disk)>>,
    due: BTreeSet<(SimTime, u64, Next)>,
    sequence: u64,
    incoming: u64,
}

pub fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

const ANSWERED: u8 = 1;
const RINGING: u8 = 0;
const FAILED: u8 = 2;
const ENDED: u8 = 3;
const HUMAN: u8 = 4;
const MACHINE: u8 = 5;

impl Play {
    pub fn new(change: impl FnOnce(&mut FloorSettings)) -> Play {
        let mut settings = FloorSettings::default();
        let mut renewals = Campaign::new("renewals", 1.0);
        renewals.lists = vec![101];
        settings.campaigns.push(renewals);
        for agent in ["alice", "bob", "carol"] {
            settings.users.push(User::agent(agent, "secret"));
        }
        change(&mut settings);
        let now = Now { at: SimTime::ZERO, wall: OPENING };
        let core = Core::new(settings.clone(), now, Random::stream(7, "floor"));
        let mut play = Play {
            core,
            settings,
            now,
            scripts: BTreeMap::new(),
            otherwise: Script::Answers(2.0, None),
            legs: BTreeMap::new(),
            screens: BTreeMap::new(),
            orders: Vec::new(),
            events: Vec::new(),
            disk: BTreeMap::new(),
            snapshots: None,
            due: BTreeSet::new(),
            sequence: 0,
            incoming: LegId::INCOMING,
        };
        play.pump();
        play
    }

    /// With leads 1001 and so on, whose numbers end in 1001 and so on.
    pub fn with_leads(mut self, count: u64) -> Play {
        for n in 0..count {
            self.add_lead(1001 + n);
        }
        self
    }

    pub fn add_lead(&mut self, id: u64) {
        let lead = AddLead { id: Some(LeadId(id)), ..AddLead::new(101, &number(id)) };
        self.core.add_lead(self.now, "fixture", lead).unwrap();
        self.pump();
    }

    pub fn script(&mut self, lead: u64, script: Script) {
        self.scripts.insert(number(lead), script);
    }

    fn later(&mut self, seconds: f64, leg: LegId, what: u8, detail: &str, status: u16, cause: Option<u8>) {
        self.sequence += 1;
        let next = Next::Report(leg, what, detail.to_owned(), status, cause);
        self.due.insert((self.now.at + s(seconds), self.sequence, next));
    }

    /// Commits, then lets out what the last input has caused.
    pub fn pump(&mut self) {
        let changes = self.core.take_changes();
        let changed = !changes.is_empty();
        for change in changes {
            let key = (change.table.to_owned(), change.key);
            match change.value {
                Some(value) => drop(self.disk.insert(key, value)),
                None => drop(self.disk.remove(&key)),
            }
        }
        if changed && let Some(snapshots) = &mut self.snapshots {
            snapshots.push((self.now, self.disk.clone()));
        }
        while let Some(event) = self.core.poll_event() {
            self.events.push(event);
        }
        while let Some(order) = self.core.poll_order() {
            self.orders.push(order.clone());
            self.obey(order);
        }
        self.judge();
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Call { leg, to, timeout, .. } => {
                let is_phone = to.bytes().any(|byte| byte.is_ascii_alphabetic());
                let otherwise = if is_phone { Script::Answers(0.05, None) } else { self.otherwise };
                let script = self.scripts.get(&to).copied().unwrap_or(otherwise);
                let machine = script == Script::Machine;
                self.legs.insert(leg, Leg { to, answered: false, room: None, music: false, machine });
                match script {
                    Script::Answers(after, talks) => {
                        self.later(0.02, leg, RINGING, "", 0, None);
                        self.later(after, leg, ANSWERED, "", 0, None);
                        if let Some(talks) = talks {
                            self.later(after + talks, leg, ENDED, "bye", 0, None);
                        }
                    }
                    Script::Machine => self.later(3.0, leg, ANSWERED, "", 0, None),
                    Script::Refuses(status, cause) => self.later(0.3, leg, FAILED, "", status, cause),
                    Script::Never => {
                        self.later(0.02, leg, RINGING, "", 0, None);
                        if let Some(timeout) = timeout {
                            self.later(timeout.as_secs_f64(), leg, FAILED, "", 487, None);
                        }
                    }
                }
            }
            Order::Answer { leg } => self.later(0.01, leg, ANSWERED, "", 0, None),
            Order::Refuse { leg, .. } => drop(self.legs.remove(&leg)),
            Order::Join { leg, room, part } => {
                let Some(found) = self.legs.get_mut(&leg) else { return };
                assert!(found.answered, "{leg} joins {room} before it has answered");
                found.room = Some((room, part));
                found.music = false;
            }
            Order::Park { leg, music } => {
                let Some(found) = self.legs.get_mut(&leg) else { return };
                assert!(found.answered, "{leg} is parked before it has answered");
                found.room = None;
                found.music = music;
            }
            Order::HangUp { leg } => self.end(leg),
            Order::Detect { leg } => {
                let machine = self.legs.get(&leg).is_some_and(|leg| leg.machine);
                self.later(1.0, leg, if machine { MACHINE } else { HUMAN }, "", 0, None);
            }
            Order::CloseRoom { room } => {
                let there: Vec<LegId> = self
                    .legs
                    .iter()
                    .filter(|(_, leg)| leg.room.as_ref().is_some_and(|(in_room, _)| *in_room == room))
                    .map(|(id, _)| *id)
                    .collect();
                for leg in there {
                    self.end(leg);
                }
            }
            Order::Digits { .. } => {}
        }
    }

    fn end(&mut self, leg: LegId) {
        let Some(found) = self.legs.get(&leg) else { return };
        let answered = found.answered;
        self.due.retain(|(_, _, Next::Report(other, ..))| *other != leg);
        if answered {
            self.later(0.001, leg, ENDED, "hung up", 0, None);
        } else {
            self.later(0.001, leg, FAILED, "", 487, None);
        }
    }

    /// The customer of a number hangs up.
    pub fn hangs_up(&mut self, number: &str) {
        let leg = self.leg(number).expect("that number is in no call");
        self.due.retain(|(_, _, Next::Report(other, ..))| *other != leg);
        self.later(0.0, leg, ENDED, "bye", 0, None);
        self.run(0.001);
    }

    /// The leg to, or from, a number or user.
    pub fn leg(&self, to: &str) -> Option<LegId> {
        self.legs.iter().rfind(|(_, leg)| leg.to == to).map(|(id, _)| *id)
    }

    /// Who hears whom: in one room, by names.
    pub fn together(&self, one: &str, other: &str) -> bool {
        let room = |name: &str| self.leg(name).and_then(|leg| self.legs[&leg].room).map(|(room, _)| room);
        room(one).is_some() && room(one) == room(other)
    }

    /// Somebody calls the floor.
    pub fn calls_in(&mut self, from: &str, dialed: &str) {
        let leg = LegId(self.incoming);
        self.incoming += 1;
        self.legs.insert(leg, Leg { to: from.to_owned(), answered: false, room: None, music: false, machine: false });
        self.core.report(self.now, Report::Incoming { leg, from: from.to_owned(), dialed: dialed.to_owned() });
        self.pump();
    }

    /// Lets so many seconds pass.
    pub fn run(&mut self, seconds: f64) {
        let end = self.now.at + s(seconds);
        loop {
            let report = self.due.first().map(|(at, ..)| *at);
            let timer = self.core.poll_timeout();
            let screens = self.screens.values().filter(|screen| screen.open);
            let poll =
                screens.map(|screen| screen.save_at.map_or(screen.next_poll, |at| at.min(screen.next_poll))).min();
            let Some(next) = [report, timer, poll].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.advance(next);
            if report == Some(next) {
                let Some((_, _, next)) = self.due.pop_first() else { unreachable!() };
                self.happens(next);
            } else if timer == Some(next) {
                self.core.handle_timeout(self.now);
            } else {
                self.screen_acts();
            }
            self.pump();
        }
        self.advance(end);
    }

    fn advance(&mut self, to: SimTime) {
        let passed = to.since(self.now.at);
        self.now.at = to;
        // In whole milliseconds from the beginning, so that no fraction is lost.
        self.now.wall = self.now.wall.max(OPENING + to.as_nanos() / 1_000_000);
        assert!(passed < Duration::from_secs(10 * 86_400), "nothing happened for ten days");
    }

    fn happens(&mut self, Next::Report(leg, what, why, status, cause): Next) {
        let Some(found) = self.legs.get_mut(&leg) else { return };
        let report = match what {
            RINGING => Report::Ringing { leg },
            ANSWERED => {
                found.answered = true;
                Report::Answered { leg }
            }
            HUMAN => Report::Human { leg },
            MACHINE => Report::Machine { leg },
            FAILED => Report::Failed { leg, status, cause },
            _ => Report::Ended { leg, why },
        };
        if matches!(what, FAILED | ENDED) {
            self.legs.remove(&leg);
        }
        self.core.report(self.now, report);
    }

    fn screen_acts(&mut self) {
        let now = self.now.at;
        let due = |screen: &AgentScreen| {
            screen.open && (screen.next_poll <= now || screen.save_at.is_some_and(|at| at <= now))
        };
        let Some(user) = self.screens.iter().find(|(_, screen)| due(screen)).map(|(user, _)| user.clone()) else {
            return;
        };
        let screen = self.screens.get_mut(&user).unwrap();
        if screen.save_at.is_some_and(|at| at <= now) {
            screen.save_at = None;
            let status = screen.saves.expect("it was to be saved").0;
            self.dispose(&user, status);
            return;
        }
        screen.next_poll = now + s(1.0);
        self.poll(&user);
    }

    /// The screen of an agent polls.
    pub fn poll(&mut self, user: &str) -> Screen {
        let screen = &self.screens[user];
        let action = Action::Poll { executed: screen.executed };
        let reply = self.core.screen(self.now, ScreenRequest { session: screen.session.clone(), action });
        self.pump();
        let shown = reply.screen.expect("a poll shows how the agent stands");
        let now = self.now.at;
        let screen = self.screens.get_mut(user).unwrap();
        if let Some((_, after)) = screen.saves {
            let over = !shown.call_id.is_empty() && matches!(&*shown.customer, "ENDED" | "") && shown.status != "QUEUE";
            if over && screen.save_at.is_none() {
                screen.save_at = Some(now + s(after));
            }
        }
        screen.last = Some(shown.clone());
        shown
    }

    pub fn act(&mut self, user: &str, action: Action) -> ScreenReply {
        let session = self.screens.get(user).map(|screen| screen.session.clone()).unwrap_or_default();
        self.act_as(&session, action)
    }

    pub fn act_as(&mut self, session: &str, action: Action) -> ScreenReply {
        let reply = self.core.screen(self.now, ScreenRequest { session: session.to_owned(), action });
        self.pump();
        reply
    }

    pub fn log_in(&mut self, user: &str) -> String {
        let login = Action::Login { user: user.into(), password: "secret".into(), campaign: "renewals".into() };
        let reply = self.act_as("", login);
        let session = reply.session_name.unwrap_or_else(|| panic!("{user} can't log in: {:?}", reply.error));
        let next_poll = self.now.at + s(1.0);
        let saves = self.screens.get(user).and_then(|screen| screen.saves);
        let screen = AgentScreen {
            session: session.clone(),
            open: true,
            next_poll,
            executed: 0,
            last: None,
            saves,
            save_at: None,
        };
        self.screens.insert(user.to_owned(), screen);
        self.run(0.5);
        session
    }

    pub fn ready(&mut self, user: &str) {
        self.log_in(user);
        let reply = self.act(user, Action::Ready);
        assert!(reply.is_ok(), "{user} can't become ready: {:?}", reply.error);
    }

    pub fn dispose(&mut self, user: &str, status: &str) -> ScreenReply {
        let disposition = Disposition { status: status.to_owned(), ..Disposition::default() };
        self.act(user, Action::Dispose(disposition))
    }

    pub fn closes_tab(&mut self, user: &str) {
        self.screens.get_mut(user).unwrap().open = false;
    }

    pub fn dialer_calls(&mut self, lead: u64) {
        self.core.call_lead(self.now, "renewals", LeadId(lead)).unwrap();
        self.pump();
    }

    pub fn runs_dialer(&mut self) {
        self.core.run_dialer(self.now, "renewals").unwrap();
        self.pump();
    }

    /// An agent in a call with a lead.
    pub fn talking(&mut self, user: &str, lead: u64) {
        self.ready(user);
        self.dialer_calls(lead);
        self.run(4.0);
        assert_eq!(self.status(user), "INCALL");
        assert!(self.together(user, &number(lead)));
    }

    pub fn status(&self, user: &str) -> &'static str {
        self.core.agent_status(self.now, user).map_or("", |agent| agent.status)
    }

    pub fn lead_status(&self, lead: u64) -> &str {
        &self.core.lead(LeadId(lead)).expect("there's such a lead").status
    }

    /// The numbers that were called, in order.
    pub fn dialed(&self) -> Vec<&str> {
        self.orders
            .iter()
            .filter_map(|order| match order {
                Order::Call { to, .. } if to.starts_with('1') => Some(to.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The floor's machine crashes and starts again: what wasn't committed is gone, and so is every leg.
    pub fn crashes(&mut self) {
        self.restart_from(self.disk.clone());
    }

    pub fn restart_from(&mut self, disk: Disk) {
        self.disk = disk;
        self.legs.clear();
        self.due.clear();
        let rows = self.disk.iter().map(|((table, key), value)| (table.as_str(), key.as_str(), value.as_slice()));
        self.core = Core::restore(self.settings.clone(), self.now, Random::stream(8, "floor"), rows).unwrap();
        self.pump();
    }

    /// What must hold after every input.
    fn judge(&self) {
        let agents = self.core.logged_in_agents(self.now, None);
        let mut calls = BTreeSet::new();
        for agent in &agents {
            if let Some(call) = &agent.call {
                assert!(calls.insert(call.clone()), "{call} is with two agents");
            }
        }
        let mut leads = BTreeSet::new();
        for record in self.core.running_calls() {
            assert!(leads.insert(record.lead), "lead {} is in two calls", record.lead);
        }
    }
}

pub fn number(lead: u64) -> String {
    format!("1555123{lead:04}")
}
