//! The dialer and the leads: what is called, and what came of it.

use std::time::Duration;

use busyhour::floor::core::LeadId;
use busyhour::floor::{Floor, LeadView};
use busyhour::pbx::carrier::CallState;

use super::super::{PATIENCE, Scene, judge_amount, judge_level, wait_until};
use super::{BREATH, SCREEN};
use crate::argument::{self, Amount, Customer, Share};
use crate::phrase::{StepFailure, StepResult};

impl Scene {
    /// A lead, as the floor's books have it.
    pub(super) async fn lead(&mut self, lead: u64) -> Result<LeadView, StepFailure> {
        self.place()?;
        let floor = self.floor().await?;
        floor.lead_view(LeadId(lead)).ok_or_else(|| {
            let why = match floor.is_running() {
                true => {
                    format!("there is no lead {lead}: `Given a lead {lead} with phone number \"15551230001\"` adds it")
                }
                false => "the floor doesn't run, so nobody can look into its books".to_owned(),
            };
            StepFailure::because(why)
        })
    }

    /// The campaign that dials a lead.
    pub(super) async fn campaign_of_lead(&mut self, lead: u64) -> Result<String, StepFailure> {
        let list = self.lead(lead).await?.lead.list;
        let floor = self.floor().await?;
        let of_list = |core: &busyhour::floor::core::Core, _| {
            let mut campaigns = core.settings().campaigns.iter();
            campaigns.find(|campaign| campaign.lists.contains(&list)).map(|campaign| campaign.name.clone())
        };
        let found = floor.see(of_list).flatten();
        found.ok_or_else(|| StepFailure::because(format!("lead {lead} is in list {list}, which no campaign dials")))
    }

    // --- deeds ---------------------------------------------------------------------------------------------------

    /// The dialers run: for that time, or until the end.
    pub(crate) async fn dialer_runs(&mut self, lasts: Option<Duration>) -> StepResult {
        let floor = self.floor().await?;
        let campaigns = self.place()?.campaigns.clone();
        if campaigns.is_empty() {
            return Err(super::no_campaign());
        }
        self.center()?.open();
        for campaign in &campaigns {
            floor.dialer_on(campaign)?;
        }
        let Some(lasts) = lasts else {
            self.place()?.runs_on = true;
            return Ok(());
        };
        self.universe.sleep(lasts).await;
        if !self.place()?.runs_on {
            campaigns.iter().for_each(|campaign| floor.dialer_off(campaign));
        }
        Ok(())
    }

    /// The dialers stop.
    pub(crate) async fn dialer_stops(&mut self) -> StepResult {
        let floor = self.floor().await?;
        let place = self.place()?;
        place.runs_on = false;
        place.campaigns.iter().for_each(|campaign| floor.dialer_off(campaign));
        Ok(())
    }

    /// The dialer calls one lead.
    pub(crate) async fn dialer_calls(&mut self, lead: u64) -> StepResult {
        let campaign = self.campaign_of_lead(lead).await?;
        let floor = self.floor().await?;
        let call = floor.dial_lead(&campaign, LeadId(lead))?;
        let has_come_to_something = || {
            let record = floor.see(|core, _| core.call_record(&call).cloned()).flatten();
            record.is_none_or(|record| record.routed.is_some() || record.ended.is_some())
        };
        wait_until(&self.universe, Some(SCREEN), has_come_to_something).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// An agent dials a lead by her screen.
    pub(crate) async fn dial_by_hand(&mut self, who: &argument::Agent, lead: u64) -> StepResult {
        self.lead(lead).await?;
        let argument::Agent::Named(name) = who else {
            return Err(StepFailure::because("one agent dials one lead: name her"));
        };
        self.check_agent(name)?;
        let whom = self.what_to_dial(name, lead).await?;
        let agent = self.agents(who)?.remove(0);
        agent.press_in_session("dial by hand", |screen, web| screen.dial(web, whom))?;
        self.universe.sleep(BREATH).await;
        let tab = agent.session_tab().unwrap_or(0);
        let is_busy = || agent.shown(tab, busyhour::floor::screen::AgentScreen::is_busy).unwrap_or_default();
        wait_until(&self.universe, Some(PATIENCE), || !is_busy()).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// A customer calls.
    pub(crate) async fn customer_calls(&mut self, customer: &Customer, number: &str) -> StepResult {
        let Customer::At(from) = customer else {
            let why = "say which customer calls: `the customer at \"15551230009\" calls \"8005550100\"`";
            return Err(StepFailure::because(why));
        };
        if self.center()?.place().is_some() {
            self.floor().await?;
        }
        let center = self.center()?;
        center.seat(from)?;
        let carrier = center.carrier();
        carrier.place_call(from, number);
        let began = || carrier.calls(from).last().is_some_and(|call| call.state != CallState::Trying);
        wait_until(&self.universe, Some(PATIENCE), began).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    // --- what is seen --------------------------------------------------------------------------------------------

    /// A lead has that status.
    pub(crate) async fn lead_has_status(&mut self, lead: u64, status: &str, within: Option<Duration>) -> StepResult {
        self.lead(lead).await?;
        let floor = self.floor().await?;
        let seen = || floor.lead_view(LeadId(lead)).map(|view| view.lead.status);
        if wait_until(&self.universe, within, || seen().as_deref() == Some(status)).await {
            return Ok(());
        }
        let seen = seen().map_or_else(|| "nobody can look into its books".to_owned(), |seen| format!("{seen:?}"));
        Err(StepFailure::differs(format!("lead {lead} with status {status:?}"), seen))
    }

    /// So many leads have that status.
    pub(crate) async fn leads_have_status(
        &mut self,
        amount: Amount,
        status: &str,
        within: Option<Duration>,
    ) -> StepResult {
        self.place()?;
        let floor = self.floor().await?;
        if floor.see(|core, _| core.leads().next().is_none()).unwrap_or(true) {
            return Err(StepFailure::because("there are no leads, so none can have a status"));
        }
        let count = || floor.leads_with_status(status).len() as u64;
        judge_level(&self.universe, amount, within, count, &format!("leads with status {status:?}")).await
    }

    /// So many leads have that number.
    pub(crate) async fn leads_with_number(
        &mut self,
        amount: Amount,
        number: &str,
        within: Option<Duration>,
    ) -> StepResult {
        self.place()?;
        let floor = self.floor().await?;
        let count = || floor.leads_with_number(number).len() as u64;
        judge_amount(&self.universe, amount, 0, within, count, &format!("leads with phone number {number:?}")).await
    }

    /// Nobody may call a lead.
    pub(crate) async fn is_blocked(&mut self, lead: u64, within: Option<Duration>) -> StepResult {
        self.lead(lead).await?;
        let floor = self.floor().await?;
        let is_blocked = || floor.lead_view(LeadId(lead)).is_some_and(|view| view.blocked);
        if wait_until(&self.universe, within, is_blocked).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("lead {lead} blocked as do-not-call"), "its number may be called".to_owned()))
    }

    /// A lead was called that often.
    pub(crate) async fn was_dialed(&mut self, lead: u64, times: u64, within: Option<Duration>) -> StepResult {
        self.lead(lead).await?;
        let floor = self.floor().await?;
        let count = || floor.lead_view(LeadId(lead)).map_or(0, |view| view.dialed as u64);
        judge_amount(&self.universe, Amount::Exactly(times), 0, within, count, &format!("calls to lead {lead}")).await
    }

    /// No lead was called twice.
    pub(crate) async fn no_lead_was_dialed_twice(&mut self) -> StepResult {
        self.place()?;
        let floor = self.floor().await?;
        if !self.place()?.has_had_calls() {
            return Err(StepFailure::because("no lead was dialed at all"));
        }
        let twice = floor.dialed_more_than_once();
        if twice.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = twice.iter().take(10).map(|lead| lead.to_string()).collect();
        let seen = format!("{} were, among them {}", twice.len(), all.join(", "));
        Err(StepFailure::differs("no lead dialed more than once".to_owned(), seen))
    }

    /// So many customers wait.
    pub(crate) async fn customers_wait(
        &mut self,
        amount: Amount,
        campaign: Option<&str>,
        within: Option<Duration>,
    ) -> StepResult {
        let campaign = self.campaign(campaign)?;
        let floor = self.floor().await?;
        let count = || floor.waiting(&campaign) as u64;
        // Somebody who has waited long enough is no queue that grew: what counts is how it is in the end.
        if wait_until(&self.universe, within, || amount.admits(count(), 0)).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("{amount} customers waiting for {campaign}"), format!("{}", count())))
    }

    /// So many of the answered calls were dropped, at most.
    pub(crate) async fn drop_rate_is_at_most(&mut self, campaign: Option<&str>, share: Share) -> StepResult {
        let campaign = self.campaign(campaign)?;
        let floor: Floor = self.floor().await?;
        let stats = floor.stats(&campaign);
        if stats.answered == 0 {
            return Err(StepFailure::because(format!("no call of {campaign} was answered, so none could be dropped")));
        }
        if stats.drop_rate() <= share.probability() {
            return Ok(());
        }
        let seen = format!("{} of {} answered calls were dropped", stats.dropped, stats.answered);
        Err(StepFailure::differs(format!("a drop rate of at most {}%", share.probability() * 100.0), seen))
    }
}
