//! `busyhour steps`: the phrases of this build, and those of the books beside the features.

mod markdown;
pub mod vscode;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::argument;
use crate::beside;
use crate::phrase::{Attachment, Kind, Phrase, keyword_word};
use crate::phrasebook::{Composite, PHRASES, Phrasebook};
use crate::problem::Problem;
use crate::similar::{self, Nearest};
use crate::vocabulary::{self, ForeignStep, SUBJECTS, Subject, Vocabulary};

/// The phrases of the books in a folder and below it, each once. A folder that isn't there has none.
///
/// # Errors
/// What's wrong with the books.
pub fn books_below(folder: &Path, vocabulary: &Vocabulary) -> Result<Vec<Arc<Composite>>, Vec<Problem>> {
    let mut phrases: Vec<Arc<Composite>> = Vec::new();
    let mut problems: BTreeSet<Problem> = BTreeSet::new();
    for folder in folders_with_books(folder) {
        let book = Phrasebook::of_folder(&folder, vocabulary);
        problems.extend(book.problems().iter().cloned());
        for phrase in book.shared() {
            if !phrases.iter().any(|known| known.place() == phrase.place()) {
                phrases.push(phrase);
            }
        }
    }
    if problems.is_empty() { Ok(phrases) } else { Err(problems.into_iter().collect()) }
}

fn folders_with_books(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if !beside::in_force(folder, PHRASES, Path::is_file).is_empty() {
        found.push(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut below: Vec<PathBuf> = entries.filter(|path| path.is_dir() && !path.is_symlink()).collect();
    below.sort();
    for folder in below {
        found.extend(folders_with_books(&folder));
    }
    found
}

/// The phrases that somebody looks for: all, or those with some words.
pub struct Sought<'a> {
    whole: bool,
    subjects: Vec<(&'static Subject, Vec<&'static Phrase>)>,
    own: Vec<&'a Composite>,
    foreign: Vec<&'a ForeignStep>,
}

impl<'a> Sought<'a> {
    /// The phrases that have all of these words, wherever: in themselves, their explanation, their examples.
    pub fn new(vocabulary: &'a Vocabulary, own: &'a [Arc<Composite>], words: &[String]) -> Sought<'a> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let has = |text: String| {
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let subjects = SUBJECTS.iter().map(|subject| {
            let phrases = subject.phrases.iter().filter(|phrase| has(all_of(phrase))).collect();
            (subject, phrases)
        });
        Sought {
            whole: words.is_empty(),
            subjects: subjects.filter(|(_, phrases): &(_, Vec<_>)| !phrases.is_empty()).collect(),
            own: own.iter().map(|phrase| &**phrase).filter(|phrase| has(all_of_own(phrase))).collect(),
            foreign: vocabulary.foreign().iter().filter(|step| has(step.pattern.clone())).collect(),
        }
    }

    /// True if no phrase has them.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.own.is_empty() && self.foreign.is_empty()
    }

    /// What is said to somebody who looked for these words and found nothing.
    pub fn missed(&self, words: &[String]) -> String {
        let mut said = format!("busyhour: no phrase has {}", words.join(" and "));
        let near = Nearest::of(vocabulary::built_in());
        let mut near: Vec<String> = near.to(&words.join(" ")).into_iter().map(str::to_owned).collect();
        if near.is_empty() {
            // A word that nobody says may be one that's misspelt.
            let known: BTreeSet<String> = vocabulary::built_in().flat_map(|phrase| words_of(&all_of(phrase))).collect();
            near = words
                .iter()
                .filter_map(|word| {
                    let far = |known: &&String| similar::distance(&word.to_lowercase(), known);
                    known.iter().min_by_key(far).filter(|known| far(known) <= 2).cloned()
                })
                .collect();
        }
        match near.as_slice() {
            [] => said.push_str("; `busyhour steps` lists them all\n"),
            near => {
                said.push_str("; nearest:\n");
                near.iter().for_each(|offer| said.push_str(&format!("  {offer}\n")));
            }
        }
        said
    }

    /// The list for people: by subject, then what's made of others, then the steps of other crates, then what may stand in
    /// the gaps.
    pub fn listed(&self) -> String {
        let mut out = String::new();
        for (subject, phrases) in &self.subjects {
            out.push_str(&format!("{}\n\n", subject.title));
            phrases.iter().for_each(|phrase| out.push_str(&entry(phrase)));
        }
        let mut file = None;
        for phrase in &self.own {
            if file.replace(&phrase.file) != Some(&phrase.file) {
                out.push_str(&format!("{}\n\n", phrase.file));
            }
            out.push_str(&own_entry(phrase));
        }
        if !self.foreign.is_empty() {
            out.push_str("Steps of other crates in this build\n\n");
            for step in &self.foreign {
                out.push_str(&format!("  {} /{}/\n      {}\n\n", step.keyword, step.pattern, step.location));
            }
        }
        let kinds = self.kinds();
        if !kinds.is_empty() {
            out.push_str("What may stand in the gaps\n\n");
        }
        for (name, doc) in kinds {
            out.push_str(&format!("  {:11} {doc}\n", format!("{{{name}}}")));
        }
        if self.whole {
            out.push_str(BESIDE);
        }
        out
    }

    /// The page of all of them.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// The kinds of arguments that the phrases have, with what may be written there.
    fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        let expressions: Vec<&str> =
            self.subjects.iter().flat_map(|(_, phrases)| phrases).map(|phrase| phrase.expression).collect();
        let own = self.own.iter().map(|phrase| phrase.expression());
        let all: Vec<&str> = expressions.into_iter().chain(own).collect();
        let used = |name: &str| all.iter().any(|expression| expression.contains(&format!("{{{name}}}")));
        let kinds = argument::KINDS.iter().filter(|kind| kind.shown.is_none() && used(kind.name));
        kinds.map(|kind| (kind.name, kind.doc)).collect()
    }
}

fn all_of(phrase: &Phrase) -> String {
    let examples = phrase.examples().chain(phrase.sought_as.iter().copied());
    let parts = [phrase.expression, phrase.doc].into_iter().chain(examples);
    format!("{} {}", vocabulary::shown(phrase.expression), parts.collect::<Vec<_>>().join(" "))
}

fn all_of_own(phrase: &Composite) -> String {
    let steps: Vec<String> = phrase.shown_steps().collect();
    format!("{} {} {}", phrase.phrase, phrase.doc.as_deref().unwrap_or_default(), steps.join(" "))
}

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|sign: char| !sign.is_alphanumeric());
    words.filter(|word| word.chars().count() > 2).map(str::to_lowercase).collect()
}

/// Of what kind a phrase is, and under which keywords it stands.
fn kind_of(phrase: &Phrase) -> String {
    let under = match phrase.kind {
        Kind::Arranges { around: true } | Kind::Acts => "Given, When",
        Kind::Waits => "Given, When, Then",
        kind => keyword_word(kind.home()),
    };
    format!("{} ({under})", phrase.kind.word())
}

fn below(phrase: &Phrase) -> &'static str {
    match phrase.attachment {
        Attachment::None => "",
        Attachment::Table => " With a table below it.",
        Attachment::Text => " With a text below it.",
    }
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

  Built in: "dialpad", "didww", "github", "shopify", "standard", "standard-v1a", "stripe", "svix", "twilio",
  "vicidial-dispo", "vicidial-no-agent". A folder `senders` beside the feature files adds to them or overrides them, a
  file each; copy one of fixtures/senders, or begin with this:

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

Phrases of your own

  A file `phrases.toml` beside the feature files has phrases that are made of others, in whatever language. A gap is called
  like what it reads, or has a name of its own before that; under any other name it takes whatever words stand there:

      # features/phrases.toml
      [[phrase]]
      phrase = "{agent} sells to lead {lead} after {talk:duration}"
      doc = "A call with a sale at its end."
      steps = [
        "When the dialer calls lead {lead}",
        "And {talk} pass",
        "And {agent} saves disposition \"SALE\"",
      ]
"#;

fn entry(phrase: &Phrase) -> String {
    let mut entry = format!("  {}\n", vocabulary::shown(phrase.expression));
    entry.push_str(&format!("      {}: {}{}\n", kind_of(phrase), phrase.doc, below(phrase)));
    for example in phrase.examples() {
        entry.push_str(&format!("      {example}\n"));
    }
    entry.push('\n');
    entry
}

fn own_entry(phrase: &Composite) -> String {
    let mut entry = format!("  {}\n", phrase.phrase);
    if let Some(doc) = &phrase.doc {
        entry.push_str(&format!("      {doc}\n"));
    }
    entry.push_str(&format!("      is, by {}:\n", phrase.place()));
    for step in phrase.shown_steps() {
        entry.push_str(&format!("        {step}\n"));
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

    #[test]
    fn the_phrase_that_is_shown_can_be_copied() {
        let folder = std::env::temp_dir().join(format!("busyhour-phrases-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("phrases.toml"), file_shown("features/phrases.toml")).unwrap();
        let phrases = books_below(&folder, &Vocabulary::of_this_build());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(phrases.unwrap()[0].doc.as_deref(), Some("A call with a sale at its end."));
    }

    fn one_line(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_phrase_is_listed_with_kind_doc_and_examples() {
        let vocabulary = Vocabulary::of_this_build();
        insta::assert_snapshot!(Sought::new(&vocabulary, &[], &[]).listed());
    }
}
