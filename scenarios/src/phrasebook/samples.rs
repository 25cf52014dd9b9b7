//! A book tried out: each of its phrases with words in its gaps that are known to fit, so that what's wrong with one is found
//! though nobody uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Composite, Line, Phrasebook};
use crate::binder::{Binder, Misfit};
use crate::problem::{Place, Problem};
use crate::vocabulary::{self, Bound, Found, Vocabulary};

/// So many examples of a kind are enough.
const SAMPLES_MAX: usize = 6;

/// For each kind of argument, some words that it reads.
struct Samples(BTreeMap<&'static str, Vec<String>>);

impl Samples {
    /// From the examples of the built-in phrases.
    fn of(vocabulary: &Vocabulary) -> Samples {
        let mut samples: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for example in vocabulary::built_in().flat_map(|phrase| phrase.examples()) {
            let Found::One(bound) = vocabulary.find(&vocabulary::step_of(example)) else { continue };
            let Bound::Phrase(_, matches) = *bound else { continue };
            for (kind, words) in matches.arguments() {
                let of_kind = samples.entry(kind.name).or_default();
                // An optional tail is tried out as it is when it's there. `every agent` isn't everywhere one agent is.
                let is_good = !words.is_empty() && !words.starts_with("every ");
                if is_good && !of_kind.iter().any(|known| known == words) {
                    of_kind.push(words.to_owned());
                }
            }
        }
        for of_kind in samples.values_mut() {
            // Who is called by one letter, or by what she is, fits in fewer places than who has a name: `a's phone`.
            of_kind.sort_by_key(|words| {
                words.contains(' ') || (words.len() == 1 && words.starts_with(char::is_alphabetic))
            });
            of_kind.truncate(SAMPLES_MAX);
        }
        Samples(samples)
    }

    /// Words for a gap of that kind, other than these if there are others: one who calls and one who is called are two.
    fn of_kind(&self, kind: &str, taken: &[String]) -> String {
        let Some(all) = self.0.get(kind) else { return String::new() };
        all.iter().find(|words| !taken.contains(words)).or(all.first()).cloned().unwrap_or_default()
    }

    /// All that could stand in a gap that takes any words.
    fn all(&self) -> Vec<String> {
        // Two of each kind, for two gaps of one kind.
        let some = self.0.values().flat_map(|words| words.iter().take(2));
        let mut all: Vec<String> = some.map(|words| words.trim().to_owned()).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// What's wrong with the phrases of a book, each told at its own place, with the place of the phrase.
pub(super) fn problems(book: &Phrasebook, vocabulary: &Vocabulary) -> Vec<(String, Problem)> {
    let samples = Samples::of(vocabulary);
    let binder = Binder::new(vocabulary, book);
    let mut problems = Vec::new();
    let chains = chains(book, &samples);
    for phrase in book.phrases.iter().filter(|phrase| !phrase.broken) {
        let of_phrase = |line: usize, column: usize, source: String, misfit: Misfit| Problem {
            place: Place { file: phrase.file.to_string(), line, column },
            source,
            sentence: misfit.sentence,
            lead: misfit.lead,
            offers: misfit.offers,
        };
        let fitting = fitting(phrase, &samples);
        if let Found::One(_) | Found::Several(_) =
            vocabulary.find(&vocabulary::step_of(&format!("Given {}", said(phrase, &fitting))))
        {
            let misfit = Misfit::plain("a phrase of busyhour reads like this already: say it otherwise");
            problems.push((phrase.place(), of_phrase(phrase.line, phrase.column, phrase.source.clone(), misfit)));
            continue;
        }
        if let Some(chain) = chains.iter().find(|chain| Arc::ptr_eq(&chain[0], phrase)) {
            let names: Vec<String> = chain.iter().map(|one| format!("`{}` ({})", one.phrase, one.place())).collect();
            let sentence = format!("this phrase is made of itself: {}", names.join(" -> "));
            let misfit = Misfit::plain(sentence);
            let problem = of_phrase(phrase.line, phrase.column, phrase.source.clone(), misfit);
            // None on the circle can be used, and it's told once.
            problems.extend(chain.iter().map(|member| (member.place(), problem.clone())));
            continue;
        }
        if chains.iter().flatten().any(|one| Arc::ptr_eq(one, phrase)) {
            continue;
        }
        for line in &phrase.steps {
            let Err(misfits) = tried(&binder, phrase, line, &fitting, &samples) else { continue };
            // What is wrong inside of a phrase of the same book is told there.
            for misfit in misfits.into_iter().filter(|misfit| !misfit.sentence.starts_with("in `")) {
                let with = match filled_differs(phrase, line, &fitting) {
                    Some(words) => format!("{}; it was tried as `{words}`", misfit.sentence),
                    None => misfit.sentence.clone(),
                };
                let source = line.source.clone();
                problems.push((
                    phrase.place(),
                    of_phrase(line.line, line.column, source, Misfit { sentence: with, ..misfit }),
                ));
            }
        }
    }
    problems
}

/// Words for each gap of a phrase; nothing yet for those that take any.
fn fitting(phrase: &Composite, samples: &Samples) -> Vec<Option<String>> {
    let mut taken: Vec<String> = Vec::new();
    let fitting = phrase.parameters.iter().map(|parameter| {
        let words = samples.of_kind(parameter.kind?.name, &taken);
        taken.push(words.clone());
        Some(words)
    });
    fitting.collect()
}

fn words(fitting: &[Option<String>], any: &str) -> Vec<String> {
    fitting.iter().map(|words| words.clone().unwrap_or_else(|| any.to_owned())).collect()
}

/// The phrase itself as a step would say it.
fn said(phrase: &Composite, fitting: &[Option<String>]) -> String {
    let line = Line {
        keyword: String::new(),
        counts_as: gherkin::StepType::Given,
        words: super::read::GAP.replace_all(&phrase.phrase, "{$1}").into_owned(),
        table: None,
        line: 0,
        column: 0,
        source: String::new(),
    };
    phrase.filled(&line, &words(fitting, "these words")).value
}

fn filled_differs(phrase: &Composite, line: &Line, fitting: &[Option<String>]) -> Option<String> {
    let filled = phrase.filled(line, &words(fitting, "these words")).value;
    (filled != line.words).then_some(filled)
}

/// Binds one step of a phrase, with whatever words do it in the gaps that take any.
fn tried(
    binder: &Binder<'_>,
    phrase: &Composite,
    line: &Line,
    fitting: &[Option<String>],
    samples: &Samples,
) -> Result<(), Vec<Misfit>> {
    let names = super::read::gaps(&line.words).collect::<Vec<_>>();
    let free: Vec<usize> = (0..fitting.len())
        .filter(|at| fitting[*at].is_none() && names.contains(&phrase.parameters[*at].name.as_str()))
        .collect();
    let bind = |words: &[String]| {
        // Where it stands is asked of the steps that use it.
        binder.bind(&phrase.filled(line, words), false).map(|_| ())
    };
    let first = bind(&words(fitting, "these words"));
    if free.is_empty() || first.is_ok() {
        return first;
    }
    let all = samples.all();
    if all.iter().any(|any| bind(&words(fitting, any)).is_ok()) {
        return Ok(());
    }
    // Two gaps of different kinds; with three nobody can try them all, and what's wrong is told where it's used.
    match free.as_slice() {
        [_] => first,
        [one, other] => {
            let mut filled = words(fitting, "");
            for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
                (filled[*one], filled[*other]) = (a.clone(), b.clone());
                if bind(&filled).is_ok() {
                    return Ok(());
                }
            }
            first
        }
        _ => Ok(()),
    }
}

/// Each way in which a phrase is made of itself, with the phrase at both ends; each circle once.
fn chains(book: &Phrasebook, samples: &Samples) -> Vec<Vec<Arc<Composite>>> {
    let made_of = |phrase: &Arc<Composite>| -> Vec<Arc<Composite>> {
        let words = words(&fitting(phrase, samples), "these words");
        let steps = phrase.steps.iter().flat_map(|line| book.find(&phrase.filled(line, &words).value));
        steps.map(|(inner, _)| inner).collect()
    };
    let edges: Vec<(Arc<Composite>, Vec<Arc<Composite>>)> =
        book.phrases.iter().map(|phrase| (Arc::clone(phrase), made_of(phrase))).collect();
    let of = |phrase: &Arc<Composite>| edges.iter().find(|(one, _)| Arc::ptr_eq(one, phrase)).map(|(_, inner)| inner);
    let mut found: Vec<Vec<Arc<Composite>>> = Vec::new();
    for (start, _) in &edges {
        if found.iter().flatten().any(|one| Arc::ptr_eq(one, start)) {
            continue;
        }
        let mut ways: Vec<Vec<Arc<Composite>>> = vec![vec![Arc::clone(start)]];
        let mut seen: Vec<Arc<Composite>> = Vec::new();
        while let Some(way) = ways.pop() {
            let last = way.last().expect("a way begins somewhere");
            for inner in of(last).into_iter().flatten() {
                if Arc::ptr_eq(inner, start) {
                    found.push(way.iter().cloned().chain([Arc::clone(start)]).collect());
                    ways.clear();
                    break;
                }
                if !seen.iter().any(|one| Arc::ptr_eq(one, inner)) {
                    seen.push(Arc::clone(inner));
                    ways.push(way.iter().cloned().chain([Arc::clone(inner)]).collect());
                }
            }
        }
    }
    found
}
