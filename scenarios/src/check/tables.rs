//! Tables with wrong columns, or with cells that can't stand in theirs.

use crate::argument::{Argument, LeadName, Number};
use crate::script::ScriptStep;
use crate::similar;
use crate::vocabulary::Bound;

/// What the leads of a table are told apart and called by.
const LEAD_COLUMNS: [&str; 2] = ["lead_id", "phone_number"];

/// What's wrong with a table.
pub(super) struct Wrong {
    /// In which row; the heading is row 0.
    pub(super) row: usize,
    /// In which cell, by what stands there.
    pub(super) cell: Option<String>,
    /// What's wrong.
    pub(super) sentence: String,
}

/// What's wrong with the table below a step, if anything is.
pub(super) fn wrong(step: &ScriptStep) -> Option<Wrong> {
    let Bound::Phrase(phrase, matches) = &step.bound else { return None };
    let rows = matches.table()?;
    if phrase.expression.starts_with("these leads") { of_leads(rows) } else { of_parameters(rows) }
}

fn of_leads(rows: &[Vec<String>]) -> Option<Wrong> {
    let (heading, rows) = rows.split_first()?;
    for column in LEAD_COLUMNS {
        if heading.iter().any(|name| name == column) {
            continue;
        }
        let near = heading.iter().filter(|name| !LEAD_COLUMNS.contains(&name.as_str()));
        let near = near.map(|name| (similar::distance(&name.to_lowercase(), column), name)).min();
        let near = near.filter(|(distance, _)| *distance <= 3).map(|(_, name)| name.clone());
        let hint = near.as_ref().map(|name| format!("; is it `{name}`?")).unwrap_or_default();
        let sentence = format!("the table of leads has no column `{column}`{hint}");
        return Some(Wrong { row: 0, cell: near, sentence });
    }
    let twice = heading.iter().enumerate().find(|(at, name)| heading[..*at].contains(name));
    if let Some((_, name)) = twice {
        let sentence = format!("the table has two columns `{name}`");
        return Some(Wrong { row: 0, cell: Some(name.clone()), sentence });
    }
    if rows.is_empty() {
        return Some(Wrong { row: 0, cell: None, sentence: "this table has no row below its heading".to_owned() });
    }
    let column = |name: &str| heading.iter().position(|one| one == name);
    let (id, number) = (column(LEAD_COLUMNS[0])?, column(LEAD_COLUMNS[1])?);
    let mut seen: Vec<&String> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (id, number) = (row.get(id)?, row.get(number)?);
        let amiss = match (LeadName::read(id), Number::read(&format!("{number:?}"))) {
            (Err(error), _) => Some((id, error.to_string())),
            (_, Err(error)) => Some((number, error.to_string())),
            _ if seen.contains(&id) => Some((id, format!("there are two leads {id} in this table"))),
            _ => None,
        };
        seen.push(id);
        if let Some((cell, sentence)) = amiss {
            return Some(Wrong { row: at + 1, cell: Some(cell.clone()), sentence });
        }
    }
    None
}

fn of_parameters(rows: &[Vec<String>]) -> Option<Wrong> {
    let at = rows.iter().position(|row| row.len() != 2)?;
    let sentence = "each row of this table has two cells: a parameter and its value".to_owned();
    Some(Wrong { row: at, cell: None, sentence })
}
