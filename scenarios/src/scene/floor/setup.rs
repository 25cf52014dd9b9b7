#![allow(unused_variables, unused_imports, clippy::unused_async)]
use std::time::Duration;
use busyhour::webhook::event::EventKind;
use super::*;
use crate::argument::{self, *};
use crate::phrase::StepResult;
use crate::scene::Scene;

impl Scene {
    pub(crate) fn floor_profile(&mut self, profile: ProfileName) -> StepResult { Err(later()) }
    pub(crate) fn it_is(&mut self, time: LocalTime, zone: Zone) -> StepResult { Err(later()) }
    pub(crate) fn add_campaign(&mut self, name: &str, dialing: Dialing) -> StepResult { Err(later()) }
    pub(crate) fn detects_machines(&mut self, campaign: &str) -> StepResult { Err(later()) }
    pub(crate) fn add_inbound_line(&mut self, number: &str, campaign: &str) -> StepResult { Err(later()) }
    pub(crate) fn callers_wait(&mut self, number: &str, longest: Duration, then_to: &str) -> StepResult { Err(later()) }
    pub(crate) fn add_leads(&mut self, campaign: Option<&str>, rows: Vec<LeadRow>) -> StepResult { Err(later()) }
    pub(crate) fn do_not_call(&mut self, lead: u64) -> StepResult { Err(later()) }
    pub(crate) fn every_customer(&mut self, after: Duration, talks_for: Duration) -> StepResult { Err(later()) }
    pub(crate) fn shares_of_customers(&mut self, shares: Shares) -> StepResult { Err(later()) }
    pub(crate) fn saves_after_each_call(&mut self, who: &argument::Agent, code: &str, after: Duration) -> StepResult { Err(later()) }
    pub(crate) fn recycle(&mut self, campaign: &str, status: &str, after: Duration) -> StepResult { Err(later()) }
    pub(crate) fn pops(&mut self, campaign: &str, url: &str) -> StepResult { Err(later()) }
}
