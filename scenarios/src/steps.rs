//! `busyhour steps`: every phrase of this build.

use crate::argument;
use crate::phrase::{Attachment, Kind, Phrase, keyword_word};
use crate::vocabulary::{self, ForeignStep, SUBJECTS};

/// The list of all phrases: by subject, then the steps of other crates, then what may stand in the gaps.
pub fn listed(foreign: &[ForeignStep]) -> String {
    let mut out = String::new();
    for subject in SUBJECTS {
        out.push_str(&format!("{}\n\n", subject.title));
        for phrase in subject.phrases {
            out.push_str(&entry(phrase));
        }
    }
    if !foreign.is_empty() {
        out.push_str("Steps of other crates in this build\n\n");
        for step in foreign {
            out.push_str(&format!("  {} /{}/\n      {}\n\n", step.keyword, step.pattern, step.location));
        }
    }
    out.push_str("What may stand in the gaps\n\n");
    let used = |name: &str| vocabulary::built_in().any(|phrase| phrase.expression.contains(&format!("{{{name}}}")));
    for kind in argument::KINDS.iter().filter(|kind| kind.shown.is_none() && used(kind.name)) {
        out.push_str(&format!("  {:11} {}\n", format!("{{{}}}", kind.name), kind.doc));
    }
    out.push_str(BESIDE);
    out
}

/// What network profiles and senders there are, and where one's own are put.
const BESIDE: &str = r#"
Network profiles

  Built in: "4G", "home wifi", "hotel wifi", "office LAN", "satellite". Case, spaces and hyphens don't matter.
  A folder `networks` beside the feature files adds to them or overrides them, a file each:

      # features/networks/my-van.toml
      name = "my van"
      [up]                        # from the machine
      latency_ms = 60
      jitter_ms = 20
      loss_percent = 1.5
      [down]                      # to the machine
      latency_ms = 40
      kbit_per_second = 4000
      queue_kb = 64

  The others: burst, duplicate_percent, reorder_percent, reorder_hold_ms, corrupt_percent, mtu.

Senders of webhooks

  Built in: "dialpad", "didww", "github", "shopify", "standard", "stripe", "svix", "twilio", "vicidial-dispo",
  "vicidial-no-agent". A folder `senders` beside the feature files adds to them or overrides them, a file each; copy one
  of fixtures/senders, or begin with this:

      # features/senders/careful.toml
      name = "careful"            # sends "disposition.saved" to crm by the "careful" sender
      about = "our own"
      source = "our runbook"
      method = "POST"
      body = "json"
      signature = "standard"
      [timeouts]
      total = "10s"
      [[retry]]
      on = ["all"]
      waits = ["10s", "1m", "1h"]
"#;

fn entry(phrase: &Phrase) -> String {
    let under = match phrase.kind {
        Kind::Arranges { around: true } | Kind::Acts => "Given, When",
        Kind::Waits => "Given, When, Then",
        kind => keyword_word(kind.home()),
    };
    let kind = format!("{} ({under})", phrase.kind.word());
    let below = match phrase.attachment {
        Attachment::None => "",
        Attachment::Table => " With a table below it.",
        Attachment::Text => " With a text below it.",
    };
    let mut entry = format!("  {}\n", vocabulary::shown(phrase.expression));
    entry.push_str(&format!("      {kind}: {}{below}\n", phrase.doc));
    for example in phrase.examples() {
        entry.push_str(&format!("      {example}\n"));
    }
    entry.push('\n');
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use busyhour::net::profile::Profiles;
    use busyhour::webhook::contract::Contracts;

    /// The file of that name that the list shows, as a person would copy it.
    fn file_shown(name: &str) -> String {
        let lines = BESIDE.lines().skip_while(|line| !line.contains(name));
        lines.take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn the_network_profiles_that_are_listed_are_those_there_are_and_the_one_that_is_shown_can_be_copied() {
        let folder = std::env::temp_dir().join(format!("busyhour-steps-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("my-van.toml"), file_shown("my-van.toml")).unwrap();
        let mut profiles = Profiles::builtin();
        let built_in: Vec<String> = profiles.names().map(|name| format!("{name:?}")).collect();
        assert!(BESIDE.contains(&format!("Built in: {}.", built_in.join(", "))), "{built_in:?}");
        let read = profiles.with_folder(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read.unwrap(), 1);
        assert!(profiles.get("my van").is_ok());
    }

    #[test]
    fn the_senders_that_are_listed_are_those_there_are_and_the_one_that_is_shown_can_be_copied() {
        let folder = std::env::temp_dir().join(format!("busyhour-senders-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("careful.toml"), file_shown("careful.toml")).unwrap();
        let mut contracts = Contracts::builtin();
        let built_in: Vec<String> = contracts.iter().map(|contract| format!("{:?}", contract.name)).collect();
        assert!(one_line(BESIDE).contains(&format!("Built in: {}.", built_in.join(", "))), "{built_in:?}");
        let read = contracts.with_folder(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read.unwrap(), 1);
        assert_eq!(contracts.get("careful").unwrap().retries[0].schedule.to_string(), "10s 1m 1h");
    }

    fn one_line(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_phrase_is_listed_with_kind_doc_and_examples() {
        insta::assert_snapshot!(listed(&[]));
    }
}
