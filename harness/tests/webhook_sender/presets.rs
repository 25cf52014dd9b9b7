//! The table of the presets, and that it stands in the documentation as it is.

use std::fs;
use std::path::Path;

use busyhour::webhook::contract::{BodyForm, Contract, Contracts, Failure, MethodRule, Order, Success};
use busyhour::webhook::schedule::{Waits, short};
use busyhour::webhook::signature::Scheme;

fn timeouts(contract: &Contract) -> String {
    let limits = contract.limits;
    let connect = (limits.connect < limits.total).then(|| format!("connect {}", short(limits.connect)));
    let answer = limits.answer.map(|answer| format!("answer {}", short(answer)));
    let tries = if contract.budget == Some(limits.total) { "all tries" } else { "all" };
    let total = limits.answer.is_none().then(|| format!("{} in {tries}", short(limits.total)));
    [connect, answer, total].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn failures(on: &[Failure]) -> String {
    if on.len() == Failure::ALL.len() {
        return "all".to_owned();
    }
    let is_connection = Failure::CONNECTION.iter().all(|one| on.contains(one));
    let names = on.iter().filter(|one| !is_connection || !Failure::CONNECTION.contains(one)).map(|one| one.name());
    is_connection.then_some("connection").into_iter().chain(names).collect::<Vec<_>>().join(", ")
}

fn retries(contract: &Contract) -> String {
    let rules = contract.retries.iter().map(|rule| {
        let kind = match rule.schedule.waits {
            Waits::List(_) => "",
            Waits::Exponential { .. } => " (exponential)",
            Waits::Linear { .. } => " (linear)",
        };
        format!("{}: {}{kind}", failures(&rule.on), rule.schedule)
    });
    let rules: Vec<String> = rules.collect();
    if rules.is_empty() { "none".to_owned() } else { rules.join("; ") }
}

fn further(contract: &Contract) -> String {
    let mut words = Vec::new();
    if contract.follow_redirects > 0 {
        words.push(format!("follows {} redirects", contract.follow_redirects));
    }
    if contract.retry_after {
        words.push("honours Retry-After".to_owned());
    }
    if contract.gone_disables {
        words.push("410 disables".to_owned());
    }
    if let Some(after) = contract.disable.after {
        words.push(format!("{} of failures disable", short(after)));
    }
    if contract.disable.exhausted {
        words.push("an event given up disables".to_owned());
    }
    if contract.keeps_url {
        words.push("retries keep their URL".to_owned());
    }
    if contract.fallback {
        words.push("then the fallback URL".to_owned());
    }
    if contract.url_overrides {
        words.push("the URL's fragment overrides".to_owned());
    }
    if contract.order == Order::InOrder {
        words.push("in order".to_owned());
    }
    if !contract.rotation_overlap.is_zero() {
        words.push(format!("two secrets for {}", short(contract.rotation_overlap)));
    }
    words.join(", ")
}

fn row(contract: &Contract) -> [String; 6] {
    let method = match contract.method {
        MethodRule::Get => "GET",
        MethodRule::Post => "POST",
        MethodRule::ByUrl => "GET or POST",
    };
    let body = match (contract.body, contract.signature) {
        (_, Scheme::Dialpad) => "JSON in a token",
        (BodyForm::Json, _) => "JSON",
        (BodyForm::Form, _) => "form",
        (BodyForm::Query, _) => "query",
    };
    let success = match contract.success {
        Success::Any2xx => "2xx",
        Success::Only200 => "200",
        Success::WithBody => "2xx with a body",
        Success::AnyAnswer => "any answer",
    };
    let sends = format!("{method}, {body}, {}", timeouts(contract));
    let signature = if contract.signature == Scheme::None { "none" } else { contract.signature.name() };
    [contract.name.clone(), sends, success.into(), retries(contract), signature.into(), further(contract)]
}

fn table() -> String {
    let contracts = Contracts::builtin();
    let head = ["sender", "sends", "success", "tries again after", "signature", "and"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(contracts.iter().map(row)).collect();
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn sources() -> String {
    let contracts = Contracts::builtin();
    let lines = contracts.iter().map(|contract| {
        let Contract { name, about, source, assumed, .. } = contract;
        let assumed = if assumed.is_empty() { "nothing".to_owned() } else { assumed.join("; ") };
        format!("{name}: {about}\n  by {source}\n  assumed: {assumed}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_presets() {
    insta::assert_snapshot!("presets", table());
    insta::assert_snapshot!("sources", sources());
}

/// What stands in a snapshot's file.
fn snapshot(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webhook_sender/snapshots");
    let path = folder.join(format!("webhook_sender__presets__{name}.snap"));
    let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.splitn(3, "---\n").nth(2).expect("a head between dashes").trim_end().to_owned()
}

#[test]
fn the_tables_in_the_documentation_are_the_snapshots() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks.md")).expect("a page");
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let tables: Vec<&str> = blocks.iter().filter_map(|block| block.strip_prefix("text\n")).map(str::trim_end).collect();
    for name in ["presets", "sources"] {
        let table = snapshot(name);
        assert!(tables.contains(&table.as_str()), "docs/webhooks.md lacks what {name} has:\n{table}");
    }
}

#[test]
fn every_file_of_the_folder_is_a_preset_of_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/senders");
    let mut contracts = Contracts::builtin();
    let count = contracts.with_folder(&folder).expect("good files");
    assert_eq!(count, Contracts::builtin().iter().count());
    assert_eq!(contracts, Contracts::builtin(), "what's compiled in is what's there");
    for contract in contracts.iter() {
        assert!(folder.join(format!("{}.toml", contract.name)).exists(), "{}", contract.name);
        assert!(!contract.source.is_empty() && !contract.about.is_empty(), "{}", contract.name);
    }
}
