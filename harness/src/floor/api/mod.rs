//! The floor's two APIs, by VICIdial's parameters and lines: a request is a query or a form, an answer is plain text.
//!
//! - `non_agent`: `/vicidial/non_agent_api.php`: leads, agents, figures, users.
//! - `agent`: `/agc/api.php`: what's wanted of an agent's screen. SUCCESS there means that a flag is written, which the
//!   screen carries out after its next poll.
//! - `params`: what was asked, and who asks.
//!
//! Errors are answers, too: the status is 200 all the same (but for coffee). Passwords that are wrong too often lock
//! their user out for a while.

mod agent;
mod non_agent;
mod params;

pub(in crate::floor) use params::Params;

use super::core::{AuthError, Civil, Core, Now};
use super::settings::User;

/// Where the Non-Agent API is.
pub const NON_AGENT: &str = "/vicidial/non_agent_api.php";
/// Where the Agent API is.
pub const AGENT: &str = "/agc/api.php";

/// The release that answers.
const VERSION: &str = "2.14-200";
const BUILD: &str = "241004-1200";

/// An answer: its status and its lines.
pub(in crate::floor) type Lines = (u16, String);

/// Answers a request of the Non-Agent API.
pub(in crate::floor) fn non_agent(core: &mut Core, now: Now, params: &Params) -> Lines {
    match params.get("function") {
        function if is_coffee(function) => teapot(function),
        "version" => (200, version(core, now)),
        _ => (200, non_agent::answer(core, now, params)),
    }
}

/// Answers a request of the Agent API.
pub(in crate::floor) fn agent(core: &mut Core, now: Now, params: &Params) -> Lines {
    match params.get("function") {
        function if is_coffee(function) => teapot(function),
        "version" => (200, version(core, now)),
        _ => (200, agent::answer(core, now, params)),
    }
}

fn is_coffee(function: &str) -> bool {
    matches!(function, "coffee" | "start_coffee" | "make_coffee" | "brew_coffee")
}

fn teapot(function: &str) -> Lines {
    (418, format!("Coffee: {function}|Error 418 I'm a teapot\n"))
}

fn version(core: &Core, now: Now) -> String {
    let zone = zone(core);
    let date = on_the_wall(core, now.wall);
    let epoch = now.wall / 1_000;
    format!("VERSION: {VERSION}|BUILD: {BUILD}|DATE: {date}|EPOCH: {epoch}|DST: 0|TZ: {zone}|TZNOW: {zone}|\n")
}

/// How far ahead of UTC the floor's clock is, in hours: -5.
fn zone(core: &Core) -> String {
    let minutes = core.settings().utc_offset_minutes;
    if minutes % 60 == 0 { (minutes / 60).to_string() } else { format!("{:.2}", f64::from(minutes) / 60.0) }
}

fn on_the_wall(core: &Core, unix_ms: u64) -> String {
    Civil::of(unix_ms, core.settings().utc_offset_minutes).to_string()
}

/// A time as the APIs take it: a date and time on the floor's wall, NOW, or so many DAYS from now.
fn moment(core: &Core, now: Now, text: &str) -> Option<u64> {
    if text == "NOW" {
        return Some(now.wall);
    }
    if let Some(days) = text.strip_suffix("DAYS").or_else(|| text.strip_suffix("DAY")) {
        return Some(now.wall + days.parse::<u32>().ok().map(u64::from)? * 86_400_000);
    }
    Some(Civil::read(text)?.to_unix_ms(core.settings().utc_offset_minutes))
}

/// Who asks, if she may use the APIs at all.
fn identify(core: &mut Core, now: Now, params: &Params) -> Result<User, AuthError> {
    core.authenticate(now, params.get("user"), params.get("pass"))
}

fn may_use(user: &User, function: &str) -> bool {
    user.api && (user.api_functions.is_empty() || user.api_functions.iter().any(|allowed| allowed == function))
}

fn has_valid_source(params: &Params) -> bool {
    (1..=20).contains(&params.get("source").chars().count())
}
