//! What agents do at their screens, what is seen of it, and who listens in.

use std::time::Duration;

use busyhour::floor::core::{CallbackStatus, CallbackWish, Dialed, LeadId, Monitoring, Recipient, Transfer};
use busyhour::floor::screen::AgentScreen;
use busyhour::phone::Registration;

use super::super::center::Agent;
use super::super::{LOOK_AGAIN, PATIENCE, Scene, wait_until};
use super::{BREATH, Callback, Listening, SCREEN, SUPERVISOR, Saving};
use crate::argument::{self, AgentPhone, AgentState, AgentTab, Breakdown, Callee, Customer, PhoneKind, Speaker};
use crate::phrase::{StepFailure, StepResult};

/// What a session's record may be off by.
const TOLERANCE: Duration = Duration::from_secs(2);
/// How long a lead's phone may ring, and the call take its way, before an agent talks to her.
const TALKING: Duration = Duration::from_secs(30);

fn named(name: &str) -> argument::Agent {
    argument::Agent::Named(name.to_owned())
}

fn minutes(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1_000.0)
}

impl Scene {
    /// The agents, as they are now.
    fn agents_now(&mut self, names: &[String]) -> Result<Vec<Agent>, StepFailure> {
        let center = self.center()?;
        Ok(center.agents.iter().filter(|agent| names.contains(&agent.name)).cloned().collect())
    }

    /// The agents who have screens.
    async fn at_screens(&mut self, who: &argument::Agent) -> Result<Vec<Agent>, StepFailure> {
        if let argument::Agent::Named(name) = who {
            self.check_agent(name)?;
        }
        self.floor().await?;
        self.agents(who)
    }

    /// Presses a button on each screen, and waits until the floor has answered.
    async fn press_screens(
        &mut self,
        who: &argument::Agent,
        deed: &str,
        button: impl Fn(&mut AgentScreen, &busyhour::phone::browser::Web),
    ) -> StepResult {
        let agents = self.at_screens(who).await?;
        for agent in &agents {
            agent.press_in_session(deed, &button)?;
        }
        self.until_answered(&agents).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Waits until no screen waits for an answer to what was pressed.
    async fn until_answered(&self, agents: &[Agent]) {
        // The page sends when its event is handled.
        self.universe.sleep(LOOK_AGAIN).await;
        let busy = |agent: &Agent| (0..2).any(|tab| agent.shown(tab, AgentScreen::is_busy).unwrap_or_default());
        wait_until(&self.universe, Some(SCREEN), || !agents.iter().any(busy)).await;
    }

    // --- sessions ------------------------------------------------------------------------------------------------

    /// Agents log in.
    pub(crate) async fn log_in(&mut self, who: &argument::Agent, campaign: Option<&str>, tab: usize) -> StepResult {
        let campaign = self.campaign(campaign)?;
        let agents = self.at_screens(who).await?;
        self.open_screens(&agents, tab).await?;
        let names: Vec<String> = agents.into_iter().map(|agent| agent.name).collect();
        let agents = self.agents_now(&names)?;
        for agent in &agents {
            agent.press(tab, "log in", |screen, web| screen.log_in(web, &campaign))?;
        }
        self.until_answered(&agents).await;
        let floor = self.floor().await?;
        // A refusal is an outcome; a session has begun when her phone is in it.
        let has_outcome = |agent: &Agent| {
            let is_in = agent.shown(tab, AgentScreen::is_logged_in).unwrap_or_default();
            !is_in || floor.agent(&agent.name).is_some_and(|status| status.phone_in_session)
        };
        wait_until(&self.universe, Some(SCREEN), || agents.iter().all(has_outcome)).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Agents log in one after the other.
    pub(crate) async fn log_in_over(
        &mut self,
        who: &argument::Agent,
        campaign: Option<&str>,
        over: Duration,
    ) -> StepResult {
        let names: Vec<String> = self.at_screens(who).await?.into_iter().map(|agent| agent.name).collect();
        let began = self.universe.now();
        let each = over / u32::try_from(names.len()).unwrap_or(u32::MAX).max(1);
        for (number, name) in (0u32..).zip(&names) {
            let due = began + each * number;
            self.universe.sleep(due.since(self.universe.now())).await;
            self.log_in(&named(name), campaign, 0).await?;
        }
        let end = began + over;
        self.universe.sleep(end.since(self.universe.now())).await;
        Ok(())
    }

    /// Agents log out.
    pub(crate) async fn log_out(&mut self, who: &argument::Agent) -> StepResult {
        self.press_screens(who, "log out", |screen, web| screen.log_out(web)).await
    }

    /// Agents become ready.
    pub(crate) async fn become_ready(&mut self, who: &argument::Agent) -> StepResult {
        self.press_screens(who, "become ready", |screen, web| screen.ready(web)).await
    }

    /// Agents pause.
    pub(crate) async fn pause(&mut self, who: &argument::Agent, code: Option<&str>) -> StepResult {
        self.press_screens(who, "pause", |screen, web| screen.pause(web, code)).await
    }

    /// All that it takes to be ready.
    pub(crate) async fn is_ready(&mut self, who: &argument::Agent, campaign: Option<&str>) -> StepResult {
        let campaign = self.campaign(campaign)?;
        let agents = self.at_screens(who).await?;
        for agent in &agents {
            let settled = |agent: &Agent| agent.devices[0].phone.screen().registration == Registration::Registered;
            if !settled(agent) {
                self.register(&AgentPhone { agent: named(&agent.name), device: 0 }, None).await?;
            }
            let agent = self.agents_now(std::slice::from_ref(&agent.name))?.remove(0);
            if agent.session_tab().is_none() {
                self.log_in(&named(&agent.name), Some(&campaign), 0).await?;
            }
        }
        self.become_ready(who).await?;
        let floor = self.floor().await?;
        let names: Vec<String> = agents.into_iter().map(|agent| agent.name).collect();
        let agents = self.agents_now(&names)?;
        let waits = |agent: &Agent| {
            let status = floor.agent(&agent.name);
            status.is_some_and(|status| ["READY", "CLOSER"].contains(&status.status) && status.phone_in_session)
        };
        if wait_until(&self.universe, Some(SCREEN), || agents.iter().all(waits)).await {
            return Ok(());
        }
        let wrong: Vec<String> = agents.iter().filter(|agent| !waits(agent)).map(|agent| self.stands(agent)).collect();
        Err(StepFailure::differs(format!("{who} ready"), wrong.join("; ")))
    }

    /// All that it takes to talk to a lead.
    pub(crate) async fn is_talking_to(&mut self, who: &argument::Agent, lead: u64) -> StepResult {
        let argument::Agent::Named(name) = who else {
            return Err(StepFailure::because("one agent talks to one lead: name her"));
        };
        let floor = self.floor().await?;
        let number = self.lead(lead).await?.lead.phone_number;
        let campaign = self.campaign_of_lead(lead).await?;
        self.is_ready(who, Some(&campaign)).await?;
        floor.dial_lead(&campaign, LeadId(lead))?;
        let has_it =
            || floor.agent(name).is_some_and(|status| status.lead == Some(LeadId(lead)) && status.call.is_some());
        let shows = |agent: &Agent| agent.shows(agent.session_tab().unwrap_or(0)) == "INCALL";
        let agent = self.agents_now(std::slice::from_ref(name))?.remove(0);
        if !wait_until(&self.universe, Some(TALKING), || has_it() && shows(&agent)).await {
            let status = floor.lead_view(LeadId(lead)).map_or_else(String::new, |view| view.lead.status);
            let seen = format!("{}, and lead {lead} is {status:?}", self.stands(&agent));
            return Err(StepFailure::differs(format!("{name} in a call with lead {lead}"), seen));
        }
        let (agent, customer) = (Speaker::Agent(who.clone()), Speaker::Customer(Customer::At(number)));
        self.hear_each_other(&agent, &customer, Some(PATIENCE)).await
    }

    // --- with a customer on the line -----------------------------------------------------------------------------

    /// True if an agent has a customer on the line, so that her verbs are her screen's buttons.
    pub(in crate::scene) fn has_a_customer(&self, agent: &str) -> bool {
        let place = self.center.as_ref().and_then(|center| center.place());
        place.is_some_and(|place| place.is_talking(agent))
    }

    /// Those who are meant are agents with customers on the line: then their screens are used. Either all are or none.
    pub(in crate::scene) fn by_screen(&mut self, who: &argument::Agent) -> Result<bool, StepFailure> {
        if self.center.as_ref().is_none_or(|center| center.place().is_none()) {
            return Ok(false);
        }
        let names: Vec<String> = self.names_of(who)?;
        let with_customer = names.iter().filter(|name| self.has_a_customer(name)).count();
        let in_wrap_up = names.iter().filter(|name| self.is_in_a_dead_call(name)).count();
        Ok(with_customer + in_wrap_up == names.len() && !names.is_empty())
    }

    fn is_in_a_dead_call(&self, agent: &str) -> bool {
        let place = self.center.as_ref().and_then(|center| center.place());
        place.and_then(|place| place.agent(agent)).is_some_and(|status| status.sub_status == "DEAD")
    }

    /// Hangs up on customers.
    pub(in crate::scene) async fn hang_up_by_screen(&mut self, who: &argument::Agent) -> StepResult {
        self.press_screens(who, "hang up", |screen, web| screen.hang_up(web)).await
    }

    /// Puts customers aside, or takes them back.
    pub(in crate::scene) async fn hold_by_screen(&mut self, who: &argument::Agent, on: bool) -> StepResult {
        let deed = if on { "put the call on hold" } else { "take the call off hold" };
        let press = |screen: &mut AgentScreen, web: &busyhour::phone::browser::Web| match on {
            true => screen.hold(web),
            false => screen.unhold(web),
        };
        self.press_screens(who, deed, press).await
    }

    /// Sends digits to customers.
    pub(in crate::scene) async fn press_by_screen(&mut self, who: &argument::Agent, digits: &str) -> StepResult {
        self.press_screens(who, "send digits", |screen, web| screen.digits(web, digits)).await
    }

    /// Gives customers away.
    pub(in crate::scene) async fn transfer_by_screen(
        &mut self,
        who: &argument::Agent,
        transfer: Transfer,
    ) -> StepResult {
        self.press_screens(who, "transfer the call", |screen, web| screen.transfer(web, transfer.clone())).await
    }

    /// What is dialed by a screen that hands a call on.
    pub(in crate::scene) fn third(&mut self, who: &argument::Agent, callee: &Callee) -> Result<String, StepFailure> {
        if let Callee::Agent(name) = callee {
            self.check_agent(name)?;
        }
        let center = self.center()?;
        let number = center.number_to_dial(callee)?;
        if let argument::Agent::Named(name) = who {
            center.link(name, &number);
        }
        Ok(number)
    }

    // --- dispositions --------------------------------------------------------------------------------------------

    /// Agents save what became of their calls.
    pub(crate) async fn save_disposition(
        &mut self,
        who: &argument::Agent,
        code: &str,
        callback: Option<Callback>,
        how: Saving,
    ) -> StepResult {
        let agents = self.at_screens(who).await?;
        let has_call = |agent: &Agent| {
            let place = agent.session_tab().unwrap_or(0);
            let has_one = agent.shown(place, |screen| screen.screen().is_some_and(|shown| shown.lead_id != 0));
            has_one.unwrap_or_default()
        };
        wait_until(&self.universe, Some(SCREEN), || agents.iter().all(has_call)).await;
        for agent in &agents {
            let place = agent.session_tab().unwrap_or(0);
            if !has_call(agent) {
                let seen = format!("{} can't save a disposition: her screen shows {}", agent.name, agent.shows(place));
                return Err(StepFailure::because(seen));
            }
            let wish = callback.map(|callback| {
                let host = agent.computer.as_ref().map_or(&agent.devices[0].host, |computer| &computer.host);
                let now = host.wall_clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                let at = u64::try_from((now + callback.after).as_millis()).unwrap_or(u64::MAX);
                CallbackWish { at, only_me: callback.only_me, ..CallbackWish::default() }
            });
            agent.press_in_session("save a disposition", |screen, web| {
                screen.save_disposition(web, code, wish.clone());
                if how == Saving::Twice {
                    screen.save_disposition(web, code, wish);
                }
            })?;
            if how == Saving::AndClosesTheTab {
                self.end_tab(&named(&agent.name), place, crate::scene::browser::Ending::Closed).await?;
            }
        }
        if how == Saving::AndClosesTheTab {
            self.universe.sleep(BREATH).await;
            return Ok(());
        }
        self.until_answered(&agents).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    // --- supervisors ---------------------------------------------------------------------------------------------

    /// A supervisor, whose phone is there when it's first needed, is called into an agent's room.
    pub(crate) async fn listen_in(&mut self, supervisor: &str, who: &argument::Agent, how: Listening) -> StepResult {
        let argument::Agent::Named(agent) = who else {
            return Err(StepFailure::because("one agent is listened to at a time: name her"));
        };
        self.check_agent(agent)?;
        let floor = self.floor().await?;
        if self.hosts_of(supervisor).is_err() {
            self.add_agent(supervisor, PhoneKind::Hardphone)?;
            let center = self.center()?;
            if let Some(sam) = center.agents.iter_mut().find(|agent| agent.name == supervisor) {
                sam.is_supervisor = true;
            }
            let user = busyhour::floor::settings::User::agent(supervisor, &format!("{supervisor}-screen-1"));
            floor.user(busyhour::floor::settings::User { level: SUPERVISOR, ..user });
            self.register(&AgentPhone { agent: named(supervisor), device: 0 }, None).await?;
        }
        self.check_agent(supervisor)?;
        let how = match how {
            Listening::Silently => Monitoring::Listen,
            Listening::Whispering => Monitoring::Whisper,
            Listening::Barging => Monitoring::Barge,
        };
        floor.monitor(supervisor, agent, how)?;
        let listener = self.agents_now(&[supervisor.to_owned()])?.remove(0);
        let is_there = || listener.devices.iter().any(|device| device.phone.screen().answered().next().is_some());
        if !wait_until(&self.universe, Some(PATIENCE), is_there).await {
            let why = format!("{supervisor}'s phone was not connected with {agent}'s session: {}", listener.seen());
            return Err(StepFailure::because(why));
        }
        self.center()?.link(supervisor, agent);
        self.center()?.last_named = Some(agent.clone());
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    // --- what is seen --------------------------------------------------------------------------------------------

    /// How an agent stands, in words.
    fn stands(&self, agent: &Agent) -> String {
        let place = self.center.as_ref().and_then(|center| center.place());
        let status = place.and_then(|place| place.agent(&agent.name));
        let Some(status) = status else {
            return format!("{} is not logged in, and her screen shows {}", agent.name, agent.shows(0));
        };
        let mut words = format!("{} is {:?}", agent.name, status.status);
        if !status.sub_status.is_empty() {
            words.push_str(&format!(" ({})", status.sub_status));
        }
        if !status.pause_code.is_empty() {
            words.push_str(&format!(" with pause code {:?}", status.pause_code));
        }
        if !status.phone_in_session {
            words.push_str(", her phone isn't in the session");
        }
        let tab = agent.session_tab().unwrap_or(0);
        format!("{words}, and her screen shows {}", agent.shows(tab))
    }

    /// Asks something of each agent's row until it's so.
    async fn await_status(
        &mut self,
        who: &argument::Agent,
        wanted: String,
        within: Option<Duration>,
        holds: impl Fn(Option<&busyhour::floor::core::AgentStatus>) -> bool,
    ) -> StepResult {
        self.place()?;
        let agents = self.at_screens(who).await?;
        let floor = self.floor().await?;
        let is_so = |agent: &Agent| holds(floor.agent(&agent.name).as_ref());
        if wait_until(&self.universe, within, || agents.iter().all(is_so)).await {
            return Ok(());
        }
        let wrong: Vec<String> = agents.iter().filter(|agent| !is_so(agent)).map(|agent| self.stands(agent)).collect();
        Err(StepFailure::differs(format!("{who} {wanted}"), wrong.join("; ")))
    }

    /// Agents are in that state.
    pub(crate) async fn is_in_state(
        &mut self,
        who: &argument::Agent,
        state: AgentState,
        within: Option<Duration>,
    ) -> StepResult {
        let is_so = |status: Option<&busyhour::floor::core::AgentStatus>| {
            status.is_some_and(|status| state.is_shown_by(status.status, status.sub_status))
        };
        self.await_status(who, state.to_string(), within, is_so).await
    }

    /// Agents are paused for that reason.
    pub(crate) async fn is_paused_with(
        &mut self,
        who: &argument::Agent,
        code: &str,
        within: Option<Duration>,
    ) -> StepResult {
        self.await_status(who, format!("paused with pause code {code:?}"), within, |status| {
            status.is_some_and(|status| status.status == "PAUSED" && status.pause_code == code)
        })
        .await
    }

    /// Agents have no session.
    pub(crate) async fn is_logged_out(&mut self, who: &argument::Agent, within: Option<Duration>) -> StepResult {
        for name in self.names_of(who)? {
            if !self.place()?.has_had_a_session(&name) {
                return Err(StepFailure::because(format!("{name} has never logged in, so she can't be logged out")));
            }
        }
        self.await_status(who, "logged out".to_owned(), within, |status| status.is_none()).await
    }

    /// Screens show that.
    pub(crate) async fn screen_shows(
        &mut self,
        who: &argument::Agent,
        state: AgentState,
        within: Option<Duration>,
    ) -> StepResult {
        let agents = self.at_screens(who).await?;
        let shows = |agent: &Agent| agent.shows(agent.session_tab().unwrap_or(0)) == state.as_str();
        if wait_until(&self.universe, within, || agents.iter().all(shows)).await {
            return Ok(());
        }
        let wrong: Vec<String> = agents.iter().filter(|agent| !shows(agent)).map(|agent| self.stands(agent)).collect();
        Err(StepFailure::differs(format!("{who}'s agent screen showing {state}"), wrong.join("; ")))
    }

    /// A screen says that its session is over.
    pub(crate) async fn tab_is_disabled(&mut self, tab: &AgentTab, within: Option<Duration>) -> StepResult {
        let agents = self.at_screens(&tab.agent).await?;
        let is_disabled = |agent: &Agent| agent.shown(tab.tab, AgentScreen::is_disabled).unwrap_or_default();
        if wait_until(&self.universe, within, || agents.iter().all(is_disabled)).await {
            return Ok(());
        }
        let wrong = agents.iter().filter(|agent| !is_disabled(agent));
        let wrong: Vec<String> = wrong.map(|agent| format!("it shows {}", agent.shows(tab.tab))).collect();
        Err(StepFailure::differs(format!("{tab} disabled"), wrong.join("; ")))
    }

    /// How often a screen has opened a URL.
    pub(crate) async fn screen_opened(
        &mut self,
        who: &argument::Agent,
        url: &str,
        times: Option<u64>,
        within: Option<Duration>,
    ) -> StepResult {
        for agent in self.at_screens(who).await? {
            let opened = || {
                let of_tab = |tab: usize| agent.shown(tab, |screen| screen.opened_urls().to_vec()).unwrap_or_default();
                (0..2).flat_map(of_tab).collect::<Vec<String>>()
            };
            let count = || opened().iter().filter(|one| *one == url).count() as u64;
            let amount = times.map_or(argument::Amount::AtLeast(1), argument::Amount::Exactly);
            let what = format!("openings of {url:?} by {}'s agent screen", agent.name);
            let judged = super::super::judge_amount(&self.universe, amount, 0, within, count, &what).await;
            if judged.is_err() {
                let all = opened();
                let seen = if all.is_empty() { "it opened nothing".to_owned() } else { format!("it opened {all:?}") };
                return Err(StepFailure::differs(format!("{amount} {what}"), seen));
            }
        }
        Ok(())
    }

    // --- callbacks -----------------------------------------------------------------------------------------------

    /// Whether an agent has got the callback of a lead: the lead was dialed for it, and connected to her.
    pub(crate) async fn callback_rings(
        &mut self,
        lead: u64,
        who: &argument::Agent,
        wanted: bool,
        within: Option<Duration>,
    ) -> StepResult {
        let floor = self.floor().await?;
        let callback = self.last_callback(lead).await?;
        let names = self.names_of(who)?;
        let rang = |name: &String| {
            let calls = floor.calls(LeadId(lead));
            calls.iter().any(|call| call.began >= callback.at && call.user == *name && call.routed.is_some())
        };
        let seen = || {
            let calls = floor.calls(LeadId(lead));
            let after: Vec<_> = calls.iter().filter(|call| call.began >= callback.at).collect();
            match after.last() {
                None => format!("lead {lead} was not dialed since the callback was due"),
                Some(call) if call.user.is_empty() => format!("lead {lead} was dialed for nobody"),
                Some(call) => format!("lead {lead} was dialed for {}", call.user),
            }
        };
        if wanted {
            return match wait_until(&self.universe, within, || names.iter().all(rang)).await {
                true => Ok(()),
                false => Err(StepFailure::differs(format!("the callback for lead {lead} rings {who}"), seen())),
            };
        }
        match wait_until(&self.universe, within, || names.iter().any(rang)).await {
            false => Ok(()),
            true => Err(StepFailure::differs(format!("the callback for lead {lead} doesn't ring {who}"), seen())),
        }
    }

    async fn last_callback(&mut self, lead: u64) -> Result<busyhour::floor::core::Callback, StepFailure> {
        self.lead(lead).await?;
        let callback = self.floor().await?.callbacks(LeadId(lead)).pop();
        callback.ok_or_else(|| StepFailure::because(format!("no callback was scheduled for lead {lead}")))
    }

    /// Whether an agent is alerted of a callback of her own.
    pub(crate) async fn callback_is_due(
        &mut self,
        lead: u64,
        who: &argument::Agent,
        within: Option<Duration>,
    ) -> StepResult {
        self.last_callback(lead).await?;
        let agents = self.at_screens(who).await?;
        let floor = self.floor().await?;
        let is_due = |agent: &Agent| {
            let is_hers = floor.callbacks(LeadId(lead)).iter().any(|callback| {
                let is_live = callback.status == CallbackStatus::Live && callback.recipient == Recipient::UserOnly;
                is_live && callback.user == agent.name
            });
            let tab = agent.session_tab().unwrap_or(0);
            let shown = agent.shown(tab, |screen| screen.screen().is_some_and(|shown| shown.callbacks > 0));
            is_hers && shown.unwrap_or_default()
        };
        if wait_until(&self.universe, within, || agents.iter().all(is_due)).await {
            return Ok(());
        }
        let callbacks = floor.callbacks(LeadId(lead));
        let state = callbacks.last().map_or("gone", |callback| callback.status.name());
        let wrong = agents.iter().filter(|agent| !is_due(agent)).map(|agent| self.stands(agent));
        let seen = format!("it is {state}; {}", wrong.collect::<Vec<_>>().join("; "));
        Err(StepFailure::differs(format!("the callback for lead {lead} due for {who}"), seen))
    }

    /// What is dialed by hand: the callback that is due for her, if there's one.
    pub(super) async fn what_to_dial(&mut self, agent: &str, lead: u64) -> Result<Dialed, StepFailure> {
        let callbacks = self.floor().await?.callbacks(LeadId(lead));
        let hers = callbacks.iter().find(|callback| {
            callback.status == CallbackStatus::Live
                && callback.recipient == Recipient::UserOnly
                && callback.user == agent
        });
        Ok(hers.map_or(Dialed::Lead(LeadId(lead)), |callback| Dialed::Callback(callback.id)))
    }

    // --- the record ----------------------------------------------------------------------------------------------

    /// What the record of an agent's last session says.
    pub(crate) async fn session_lasted(
        &mut self,
        who: &argument::Agent,
        whole: Duration,
        parts: Breakdown,
    ) -> StepResult {
        let floor = self.floor().await?;
        for name in self.names_of(who)? {
            let Some(session) = floor.session_times(&name).pop() else {
                return Err(StepFailure::because(format!(
                    "{name} has never logged in, so there is no session of hers"
                )));
            };
            let times = session.times;
            let total = times.total();
            let length = session.ended.map_or(total, |ended| ended.saturating_sub(session.began));
            let seen = format!(
                "{} in all: {} in calls, {} in wrap-up, {} waiting, {} paused",
                minutes(length),
                minutes(times.talking),
                minutes(times.wrap_up()),
                minutes(times.waiting),
                minutes(times.paused)
            );
            let is_about = |ms: u64, wanted: Duration| Duration::from_millis(ms).abs_diff(wanted) <= TOLERANCE;
            let wanted = [
                (Some(whole), length, "in all"),
                (parts.calls, times.talking, "in calls"),
                (parts.wrap_up, times.wrap_up(), "in wrap-up"),
                (parts.waiting, times.waiting, "waiting"),
                (parts.paused, times.paused, "paused"),
            ];
            let wrong = wanted.iter().find(|(wanted, ms, _)| wanted.is_some_and(|wanted| !is_about(*ms, wanted)));
            if let Some((Some(wanted), _, what)) = wrong {
                let wanted = format!("{name}'s session with {} {what}", busyhour::world::in_words(*wanted));
                return Err(StepFailure::differs(wanted, seen));
            }
            if !is_about(total, Duration::from_millis(length)) {
                return Err(StepFailure::differs("a session whose parts add up to its length".to_owned(), seen));
            }
        }
        Ok(())
    }
}
