#![allow(unused_variables, unused_imports, clippy::unused_async)]
use std::time::Duration;
use busyhour::webhook::event::EventKind;
use super::*;
use crate::argument::{self, *};
use crate::phrase::StepResult;
use crate::scene::Scene;

impl Scene {
    pub(crate) async fn call_non_agent_api(&mut self, function: &str, parameters: Vec<(String, String)>) -> StepResult { Err(later()) }
    pub(crate) async fn call_agent_api(&mut self, function: &str, who: &argument::Agent, parameters: Vec<(String, String)>) -> StepResult { Err(later()) }
    pub(crate) async fn repeat_api_call(&mut self) -> StepResult { Err(later()) }
    pub(crate) fn lose_next_api_reply(&mut self) -> StepResult { Err(later()) }
    pub(crate) async fn api_answers(&mut self, begins: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn api_does_not_answer(&mut self) -> StepResult { Err(later()) }
    pub(crate) fn add_poller(&mut self, lead: u64, every: Duration) -> StepResult { Err(later()) }
    pub(crate) fn webhook_was_first(&mut self) -> StepResult { Err(later()) }
}
