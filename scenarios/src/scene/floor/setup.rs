//! What was arranged: the profile, the time, campaigns, lines, leads, and what customers do.

use std::time::Duration;

use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::settings::{Campaign, InboundLine, Method};
use busyhour::pbx::customer::Behaviour;

use super::{Dialing, LeadRow, Shares};
use crate::argument::{self, LocalTime, ProfileName, Zone};
use crate::phrase::{StepFailure, StepResult};
use crate::scene::{Scene, wait_until};

/// As many lines an agent as a predictive dialer may use.
const PREDICTIVE_MAX: f64 = 3.0;
/// How often somebody who saves the same after each call looks at her screen.
const GLANCE: Duration = Duration::from_millis(250);
/// A scenario begins at the moment that it names, give or take what came before.
const LATE: u64 = 2;

impl Scene {
    /// Whose behaviour the floor has.
    pub(crate) fn floor_profile(&mut self, profile: ProfileName) -> StepResult {
        self.center()?.set_profile(profile)
    }

    /// What time it is when the scenario begins: the universe was born then. Here it's seen that it was.
    pub(crate) fn it_is(&mut self, time: LocalTime, zone: Zone) -> StepResult {
        let (offset, wanted) = zone.at(time);
        let host = self.center()?.clock();
        let now = host.wall_clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        if !(wanted..=wanted + LATE).contains(&now) {
            let why = "a scenario has one beginning: say what time it is once, and before anything takes time";
            return Err(StepFailure::because(why));
        }
        self.center()?.hangs_clocks(offset);
        Ok(())
    }

    /// Adds a campaign, or gives one of that name another way to dial.
    pub(crate) async fn add_campaign(&mut self, name: &str, dialing: Dialing) -> StepResult {
        let is_somebodys = self.hosts_of(name).is_ok() || self.universe.find_host(name).is_some();
        if is_somebodys {
            return Err(StepFailure::because(format!(
                "{name} is somebody's name already: call the campaign otherwise"
            )));
        }
        let floor = self.floor().await?;
        let place = self.place()?;
        if place.campaigns.iter().any(|known| known == name) {
            return Err(StepFailure::because(format!("there is a campaign called {name} already")));
        }
        place.campaigns.push(name.to_owned());
        floor.campaign(match dialing {
            Dialing::Ratio(level) => Campaign::new(name, level),
            Dialing::Manual => Campaign::manual(name),
            Dialing::Predictive => {
                Campaign { method: Method::Predictive { most: PREDICTIVE_MAX }, ..Campaign::new(name, 1.0) }
            }
        });
        let outside = &mut self.center()?.outside;
        let (leads, blocked) = (std::mem::take(&mut outside.early_leads), std::mem::take(&mut outside.early_dnc));
        self.add_leads(Some(name), leads).await?;
        for lead in blocked {
            self.do_not_call(lead).await?;
        }
        Ok(())
    }

    /// Machines are told from people.
    pub(crate) async fn detects_machines(&mut self, campaign: &str) -> StepResult {
        let campaign = self.campaign(Some(campaign))?;
        let floor = self.floor().await?;
        Ok(floor.change_campaign(&campaign, |campaign| campaign.detects_machines = true)?)
    }

    /// A number that customers can call.
    pub(crate) async fn add_inbound_line(&mut self, number: &str, campaign: &str) -> StepResult {
        let campaign = self.campaign(Some(campaign))?;
        let floor = self.floor().await?;
        self.center()?.brings_in(number, super::FLOOR);
        floor.inbound_line(InboundLine::new(number, &campaign));
        Ok(())
    }

    /// How long callers wait, and where they go then.
    pub(crate) async fn callers_wait(&mut self, number: &str, longest: Duration, then_to: &str) -> StepResult {
        let floor = self.floor().await?;
        let mut line = None;
        floor.configure(|settings| line = settings.inbound.iter().find(|line| line.number == number).cloned());
        let Some(line) = line else {
            let why = format!(
                "nobody answers at {number:?}: `Given an inbound line {number:?} that rings campaign renewals` says who does"
            );
            return Err(StepFailure::because(why));
        };
        self.center()?.seat(then_to)?;
        floor.inbound_line(InboundLine { wait_at_most: longest, then_to: Some(then_to.to_owned()), ..line });
        Ok(())
    }

    /// Adds leads to a campaign's list.
    pub(crate) async fn add_leads(&mut self, campaign: Option<&str>, rows: Vec<LeadRow>) -> StepResult {
        let is_early = self.center()?.place().is_none_or(|place| place.campaigns.is_empty());
        if campaign.is_none() && is_early {
            self.center()?.outside.early_leads.extend(rows);
            return Ok(());
        }
        let campaign = self.campaign(campaign)?;
        let floor = self.floor().await?;
        let list = floor.list_of(&campaign)?;
        let shares = self.place()?.shares;
        for row in rows {
            let mut lead = AddLead { id: Some(LeadId(row.id)), ..AddLead::new(list, &row.phone_number) };
            for (name, value) in row.fields {
                match name.as_str() {
                    "status" => lead.status = Some(value),
                    "vendor_lead_code" => lead.vendor_lead_code = value,
                    "phone_code" => lead.phone_code = value,
                    _ => lead.fields.push((name, value)),
                }
            }
            floor.lead(lead)?;
            if let Some(shares) = shares {
                self.draw(&row.phone_number, shares)?;
            }
        }
        Ok(())
    }

    /// Nobody may call a lead any more.
    pub(crate) async fn do_not_call(&mut self, lead: u64) -> StepResult {
        let outside = &mut self.center()?.outside;
        if outside.early_leads.iter().any(|row| row.id == lead) {
            outside.early_dnc.push(lead);
            return Ok(());
        }
        let floor = self.floor().await?;
        let number = self.lead(lead).await?.lead.phone_number;
        Ok(floor.do_not_call(&number)?)
    }

    /// What customers do of whom nothing else is said.
    pub(crate) async fn every_customer(&mut self, after: Duration, talks_for: Duration) -> StepResult {
        self.center()?.default_customer(Behaviour::answers_after(after).talking_for(talks_for));
        Ok(())
    }

    /// What each of them does is drawn.
    pub(crate) async fn shares_of_customers(&mut self, shares: Shares) -> StepResult {
        let floor = self.floor().await?;
        self.place()?.shares = Some(shares);
        let all = |core: &busyhour::floor::core::Core, _| {
            core.leads().map(|lead| lead.phone_number.clone()).collect::<Vec<_>>()
        };
        let numbers = floor.see(all).unwrap_or_default();
        numbers.iter().try_for_each(|number| self.draw(number, shares))
    }

    /// Draws what a customer does, from a stream of her own: another lead more changes nobody else.
    fn draw(&mut self, number: &str, shares: Shares) -> StepResult {
        let lot = self.universe.random(&format!("customer {number}")).unit();
        let Shares { answer, busy, machine } = shares;
        let behaviour = if lot < answer {
            return Ok(());
        } else if lot < answer + busy {
            Behaviour::busy()
        } else if lot < answer + busy + machine {
            Behaviour::answering_machine()
        } else {
            Behaviour::never_answers()
        };
        let center = self.center()?;
        if center.is_told_of(number) {
            return Ok(());
        }
        center.customer_behaves(number, behaviour)
    }

    /// From now on somebody saves the same after each call.
    pub(crate) async fn saves_after_each_call(
        &mut self,
        who: &argument::Agent,
        code: &str,
        after: Duration,
    ) -> StepResult {
        self.floor().await?;
        for agent in self.agents(who)? {
            let (universe, code) = (self.universe.clone(), code.to_owned());
            // A person, and no program: she looks at the screen and presses its button.
            tokio::task::spawn_local(async move {
                loop {
                    let is_over = || matches!(agent.shows(agent.session_tab().unwrap_or(0)).as_str(), "DEAD" | "DISPO");
                    universe.sleep(GLANCE).await;
                    if !is_over() {
                        continue;
                    }
                    universe.sleep(after.saturating_sub(GLANCE)).await;
                    if !is_over() {
                        continue;
                    }
                    // Without a screen there's nothing to press, and she looks again.
                    let _ = agent.press_in_session("save a disposition", |screen, web| {
                        screen.save_disposition(web, &code, None);
                    });
                    wait_until(&universe, Some(super::SCREEN), || !is_over()).await;
                }
            });
        }
        Ok(())
    }

    /// Leads of a status are dialed again.
    pub(crate) async fn recycle(&mut self, campaign: &str, status: &str, after: Duration) -> StepResult {
        let campaign = self.campaign(Some(campaign))?;
        let floor = self.floor().await?;
        Ok(floor.recycle(&campaign, status, after)?)
    }

    /// What screens open when a call starts.
    pub(crate) async fn pops(&mut self, campaign: &str, url: &str) -> StepResult {
        let campaign = self.campaign(Some(campaign))?;
        let floor = self.floor().await?;
        Ok(floor.change_campaign(&campaign, |campaign| campaign.pop_url = Some(url.to_owned()))?)
    }
}
