#![allow(unused_variables, unused_imports, clippy::unused_async)]
use std::time::Duration;
use busyhour::webhook::event::EventKind;
use super::*;
use crate::argument::{self, *};
use crate::phrase::StepResult;
use crate::scene::Scene;

impl Scene {
    pub(crate) async fn log_in(&mut self, who: &argument::Agent, campaign: Option<&str>, tab: usize) -> StepResult { Err(later()) }
    pub(crate) async fn log_in_over(&mut self, who: &argument::Agent, campaign: Option<&str>, over: Duration) -> StepResult { Err(later()) }
    pub(crate) async fn log_out(&mut self, who: &argument::Agent) -> StepResult { Err(later()) }
    pub(crate) async fn become_ready(&mut self, who: &argument::Agent) -> StepResult { Err(later()) }
    pub(crate) async fn pause(&mut self, who: &argument::Agent, code: Option<&str>) -> StepResult { Err(later()) }
    pub(crate) async fn is_ready(&mut self, who: &argument::Agent, campaign: Option<&str>) -> StepResult { Err(later()) }
    pub(crate) async fn is_talking_to(&mut self, who: &argument::Agent, lead: u64) -> StepResult { Err(later()) }
    pub(crate) async fn save_disposition(&mut self, who: &argument::Agent, code: &str, callback: Option<Callback>, how: Saving) -> StepResult { Err(later()) }
    pub(crate) async fn listen_in(&mut self, supervisor: &str, who: &argument::Agent, how: Listening) -> StepResult { Err(later()) }
    pub(crate) async fn is_in_state(&mut self, who: &argument::Agent, state: AgentState, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn is_paused_with(&mut self, who: &argument::Agent, code: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn is_logged_out(&mut self, who: &argument::Agent, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn screen_shows(&mut self, who: &argument::Agent, state: AgentState, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn tab_is_disabled(&mut self, tab: &AgentTab, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn callback_rings(&mut self, lead: u64, who: &argument::Agent, wanted: bool, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn callback_is_due(&mut self, lead: u64, who: &argument::Agent, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn session_lasted(&mut self, who: &argument::Agent, whole: Duration, parts: Breakdown) -> StepResult { Err(later()) }
    pub(crate) async fn screen_opened(&mut self, who: &argument::Agent, url: &str, times: Option<u64>, within: Option<Duration>) -> StepResult { Err(later()) }
}
