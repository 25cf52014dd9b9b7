#![allow(unused_variables, unused_imports, clippy::unused_async)]
use std::time::Duration;
use busyhour::webhook::event::EventKind;
use super::*;
use crate::argument::{self, *};
use crate::phrase::StepResult;
use crate::scene::Scene;

impl Scene {
    pub(crate) fn add_receiver(&mut self, name: &str, careful: bool) -> StepResult { Err(later()) }
    pub(crate) fn verifies_signatures(&mut self, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) fn sends(&mut self, campaign: &str, event: EventKind, receiver: &str, preset: Option<&str>) -> StepResult { Err(later()) }
    pub(crate) fn receiver_answers(&mut self, receiver: &str, status: u16, count: u32) -> StepResult { Err(later()) }
    pub(crate) fn receiver_takes(&mut self, receiver: &str, time: Duration) -> StepResult { Err(later()) }
    pub(crate) fn receiver_answers_at_once(&mut self, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) fn receiver_goes_down(&mut self, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) fn receiver_comes_back(&mut self, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) fn ask_of_next_delivery(&mut self, what: Asked) -> StepResult { Err(later()) }
    pub(crate) async fn replay_last_delivery(&mut self, after: Duration) -> StepResult { Err(later()) }
    pub(crate) async fn post_forged(&mut self, event: EventKind, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) async fn post_changed(&mut self) -> StepResult { Err(later()) }
    pub(crate) fn rotate_secret(&mut self) -> StepResult { Err(later()) }
    pub(crate) fn learn_secret(&mut self, receiver: &str) -> StepResult { Err(later()) }
    pub(crate) async fn counts_deliveries(&mut self, receiver: &str, amount: Amount, what: Deliveries, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) fn both_carry_the_same_id(&mut self) -> StepResult { Err(later()) }
    pub(crate) async fn recorded_sales(&mut self, receiver: &str, amount: Amount, lead: u64, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn record_says(&mut self, receiver: &str, lead: u64, status: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn sender_gave_up(&mut self, receiver: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn sender_disabled(&mut self, receiver: &str, within: Option<Duration>) -> StepResult { Err(later()) }
    pub(crate) async fn no_event_is_lost(&mut self, within: Option<Duration>) -> StepResult { Err(later()) }
}
