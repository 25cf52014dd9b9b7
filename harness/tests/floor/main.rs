//! The whole floor: its process, the agents' screens and phones, the server, the carrier, a CRM. What's seen is what
//! screens show, what rooms hear, what the books hold, what the CRM got.

mod agent_api;
mod crashes;
mod first_call;
mod forms;
mod leaving;
mod non_agent_api;
mod page;
mod scene;
#[path = "../surroundings/mod.rs"]
mod surroundings;
mod ways;
mod webhooks;
mod work;
