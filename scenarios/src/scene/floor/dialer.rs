#![allow(unused_variables, unused_imports, clippy::unused_async)]
use std::time::Duration;
use busyhour::webhook::event::EventKind;
use super::*;
use crate::argument::{self, *};
use crate::phrase::StepResult;
use crate::scene::Scene;

impl Scene {
    pub(crate) async fn dialer_runs(&mut self, lasts: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn dialer_stops(&mut self) -> StepResult { Err(later()) }
    pub(crate) async fn dialer_calls(&mut self, lead: u64) -> StepResult { Err(later()) }
    pub(crate) async fn dial_by_hand(&mut self, who: &argument::Agent, lead: u64) -> StepResult { Err(later()) }
    pub(crate) async fn customer_calls(&mut self, customer: &Customer, number: &str) -> StepResult { Err(later()) }
    pub(crate) async fn was_dialed(&mut self, lead: u64, times: u64, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn no_lead_was_dialed_twice(&mut self) -> StepResult { Err(later()) }
    pub(crate) async fn customers_wait(&mut self, amount: Amount, campaign: Option<&str>, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn drop_rate_is_at_most(&mut self, campaign: Option<&str>, share: Share) -> StepResult { Err(later()) }
    pub(crate) async fn lead_has_status(&mut self, lead: u64, status: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn leads_have_status(&mut self, amount: Amount, status: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn leads_with_number(&mut self, amount: Amount, number: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn is_blocked(&mut self, lead: u64, within: Option<Duration>) -> StepResult { Err(later()) }
}
