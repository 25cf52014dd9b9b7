//! Senders keep their contracts (domain facts: the vendors' documents that `fixtures/senders` name).

mod answers;
mod endpoints;
mod load;
mod presets;
mod queue;
mod requests;
mod schedules;
mod support;
