//! The floor of the contact center: campaigns and leads, agents at their screens, receivers of webhooks, and whoever calls
//! the APIs.
//!
//! - `setup`: what was arranged. `people`: what agents do at their screens, and what is seen of them.
//! - `dialer`: the dialer and the leads. `apis`: the CRM that calls the floor, and a poller.
//! - `webhooks`: receivers, the sender, strangers.

mod apis;
mod dialer;
mod people;
mod setup;
mod webhooks;

use std::time::Duration;

use busyhour::webhook::event::EventKind;

use crate::argument::{Argument as _, LeadName, Number};
use crate::phrase::StepFailure;

fn later() -> StepFailure {
    StepFailure::because("the floor isn't in this build")
}

/// How a campaign's dialer works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialing {
    /// So many lines an agent.
    Ratio(f64),
    /// As many as the drop rate allows.
    Predictive,
    /// Agents dial by hand.
    Manual,
}

/// A lead that's to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeadRow {
    /// Its number.
    pub(crate) id: u64,
    /// Where she's called.
    pub(crate) phone_number: String,
    /// Whatever else is known.
    pub(crate) fields: Vec<(String, String)>,
}

impl LeadRow {
    /// The leads of a table, whose heading names their fields.
    pub(crate) fn of_table(rows: &[Vec<String>]) -> Result<Vec<LeadRow>, StepFailure> {
        let Some((heading, rows)) = rows.split_first() else {
            return Err(StepFailure::because("the table has no heading: it begins with lead_id and phone_number"));
        };
        let column = |name: &str| {
            let found = heading.iter().position(|one| one == name);
            found.ok_or_else(|| StepFailure::because(format!("the table of leads has no column `{name}`")))
        };
        let (id, number) = (column("lead_id")?, column("phone_number")?);
        let read = |row: &Vec<String>| {
            let LeadName(lead) = LeadName::read(&row[id])?;
            let Number(phone_number) = Number::read(&format!("{:?}", row[number]))?;
            let others = heading.iter().zip(row).enumerate().filter(|(at, _)| *at != id && *at != number);
            let fields = others.map(|(_, (name, value))| (name.clone(), value.clone())).collect();
            Ok(LeadRow { id: lead, phone_number, fields })
        };
        rows.iter().map(read).collect()
    }
}

/// The parameters of a table: a row each, with an optional heading `parameter`, `value`.
pub(crate) fn parameters_of(table: Option<&[Vec<String>]>) -> Result<Vec<(String, String)>, StepFailure> {
    let rows = table.unwrap_or_default();
    let has_heading = rows.first().is_some_and(|row| row.first().is_some_and(|first| first == "parameter"));
    let read = |row: &Vec<String>| match row.as_slice() {
        [name, value] => Ok((name.clone(), value.clone())),
        _ => Err(StepFailure::because("each row of this table has two cells: a parameter and its value")),
    };
    rows.iter().skip(usize::from(has_heading)).map(read).collect()
}

/// What customers do of whom nothing else is said, as shares of all; the others never answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shares {
    pub(crate) answer: f64,
    pub(crate) busy: f64,
    pub(crate) machine: f64,
}

/// A callback that an agent schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Callback {
    /// In how long.
    pub(crate) after: Duration,
    /// She alone calls.
    pub(crate) only_me: bool,
}

/// How a disposition is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// As it's meant.
    Once,
    /// By an impatient click.
    Twice,
    /// In the last moment.
    AndClosesTheTab,
}

/// How a supervisor listens in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// Nobody hears her.
    Silently,
    /// The agent hears her.
    Whispering,
    /// All hear her.
    Barging,
}

/// What becomes of a delivery on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The work is done, and the sender never learns of it.
    ReplyLost,
    /// Two copies are worked on at once.
    TwiceAtOnce,
    /// It waits until the next one has come.
    HeldBack,
}

/// Which deliveries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deliveries {
    /// All that came, of that event, for that lead.
    Reached {
        /// Of which event.
        event: Option<EventKind>,
        /// For which lead.
        lead: Option<u64>,
    },
    /// Those that were accepted.
    Accepted,
    /// Those that were rejected.
    Rejected,
}
