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
    out
}

fn entry(phrase: &Phrase) -> String {
    let under = match phrase.kind {
        Kind::Arranges { around: true } | Kind::Acts => "Given, When",
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

    #[test]
    fn every_phrase_is_listed_with_kind_doc_and_examples() {
        insta::assert_snapshot!(listed(&[]));
    }
}
