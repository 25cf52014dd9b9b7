//! Steps, bound to what they do, or told why they can't be.
//!
//! A step reads like a phrase of this build, like the step of another crate, or like a phrase of a
//! [`Phrasebook`]; it must be exactly one. The last is bound down to the phrases that it's made of.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use gherkin::StepType;
use rustc_hash::FxHashMap;

use crate::feature;
use crate::phrase::{Attachment, Kind, Phrase, keyword_word};
use crate::phrasebook::{Composed, Composite, Phrasebook};
use crate::problem::Lead;
use crate::scan;
use crate::script::{self, ScriptStep};
use crate::similar::Nearest;
use crate::vocabulary::{self, Bound, Found, Vocabulary};

/// Why a step can't be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// In one sentence.
    pub(crate) sentence: String,
    /// What the offers are.
    pub(crate) lead: Lead,
    /// What to write instead.
    pub(crate) offers: Vec<String>,
    /// Which byte of the step's words it's about, if it's not all of them.
    pub(crate) at: Option<usize>,
    /// Whether it's about the words themselves, which an outline doesn't show.
    pub(crate) of_words: bool,
}

impl Misfit {
    /// With nothing to offer.
    pub(crate) fn plain(sentence: impl Into<String>) -> Misfit {
        Misfit::write(sentence, Vec::new())
    }

    fn write(sentence: impl Into<String>, offers: Vec<String>) -> Misfit {
        Misfit { sentence: sentence.into(), lead: Lead::Write, offers, at: None, of_words: false }
    }

    fn nearest(sentence: impl Into<String>, offers: Vec<String>) -> Misfit {
        Misfit { lead: Lead::Nearest, ..Misfit::write(sentence, offers) }
    }
}

/// Binds steps to the phrases of a build and of a book.
pub(crate) struct Binder<'a> {
    vocabulary: &'a Vocabulary,
    phrasebook: &'a Phrasebook,
    /// Made when the first thing is amiss: a file in order needs none.
    nearest: OnceCell<Nearest>,
    /// What was bound so far: the steps of a background come by once for each scenario.
    bound: RefCell<FxHashMap<(StepType, bool, String), Bound>>,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary, phrasebook: &'a Phrasebook) -> Binder<'a> {
        Binder { vocabulary, phrasebook, nearest: OnceCell::new(), bound: RefCell::default() }
    }

    /// Does anything read like these words, under whatever keyword?
    pub(crate) fn knows(&self, words: &str) -> bool {
        let known = |keyword| !matches!(self.vocabulary.find(&step_under(keyword, words)), Found::Nothing);
        !self.phrasebook.find(words).is_empty()
            || [StepType::Given, StepType::When, StepType::Then].map(known).contains(&true)
    }

    /// Steps that are like these words.
    pub(crate) fn offers(&self, meant: &str) -> Vec<String> {
        let nearest = self.nearest.get_or_init(|| {
            let own = self.phrasebook.phrases().map(|phrase| (phrase.bare(), phrase.offer()));
            Nearest::of(vocabulary::built_in()).and(own)
        });
        nearest.to(meant).into_iter().map(str::to_owned).collect()
    }

    /// What a step does, bound; `background` is where it stands.
    pub(crate) fn bind(&self, step: &gherkin::Step, background: bool) -> Result<Bound, Vec<Misfit>> {
        let bare = step.table.is_none() && step.docstring.is_none();
        let key = bare.then(|| (step.ty, background, step.value.clone()));
        if let Some(bound) = key.as_ref().and_then(|key| self.bound.borrow().get(key).cloned()) {
            return Ok(bound);
        }
        let bound = self.bind_within(step, background, &mut Vec::new())?;
        // The step of another crate is handed the very step that calls it.
        if let Some(key) = key.filter(|_| !matches!(bound, Bound::Foreign(..))) {
            self.bound.borrow_mut().insert(key, bound.clone());
        }
        Ok(bound)
    }

    fn bind_within(
        &self,
        step: &gherkin::Step,
        background: bool,
        chain: &mut Vec<Arc<Composite>>,
    ) -> Result<Bound, Vec<Misfit>> {
        let own = self.phrasebook.find(&step.value);
        let found = self.vocabulary.find(step);
        let bound = match (found, own.as_slice()) {
            (Found::One(bound), []) => *bound,
            (Found::Nothing, []) => return Err(vec![self.undefined(step)]),
            (Found::Nothing, [(composite, words)]) => {
                return self.compose(composite, words, step, background, chain).map(Bound::Composed);
            }
            (found, own) => {
                let built_in = match found {
                    Found::Nothing => Vec::new(),
                    Found::One(bound) => vec![self.name_of(&bound)],
                    Found::Several(names) => names,
                };
                let own = own.iter().map(|(composite, _)| format!("{} ({})", composite.phrase, composite.place()));
                let sentence = "several phrases read like this, and it must be one".to_owned();
                let offers = built_in.into_iter().chain(own).collect();
                return Err(vec![Misfit { lead: Lead::Either, ..Misfit::write(sentence, offers) }]);
            }
        };
        if let Bound::Phrase(phrase, matches) = &bound {
            let misfits = match stands(step, phrase) {
                Some(misfit) => vec![misfit],
                None => match misread(step, matches.arguments().map(|(kind, words)| (kind.read, words))) {
                    misread if misread.is_empty() => hangs_apart(step, phrase.attachment).into_iter().collect(),
                    misread => misread,
                },
            };
            if !misfits.is_empty() {
                return Err(misfits);
            }
        }
        Ok(bound)
    }

    fn name_of(&self, bound: &Bound) -> String {
        match bound {
            Bound::Phrase(phrase, _) => vocabulary::shown(phrase.expression),
            Bound::Foreign(..) => "the step of another crate".to_owned(),
            Bound::Composed(composed) => composed.phrase.phrase.clone(),
        }
    }

    /// A phrase of a book, bound down to its steps.
    fn compose(
        &self,
        composite: &Arc<Composite>,
        words: &[String],
        step: &gherkin::Step,
        background: bool,
        chain: &mut Vec<Arc<Composite>>,
    ) -> Result<Arc<Composed>, Vec<Misfit>> {
        if chain.iter().any(|earlier| Arc::ptr_eq(earlier, composite)) {
            let sentence = format!("`{}` ({}) is made of itself", composite.phrase, composite.place());
            return Err(vec![Misfit::write(sentence, Vec::new())]);
        }
        if self.phrasebook.is_broken(composite) {
            return Err(Vec::new());
        }
        let typed = composite.parameters().iter().zip(words).filter_map(|(parameter, words)| {
            let kind = parameter.kind?;
            Some((kind.read, words.as_str()))
        });
        let misread = misread(step, typed);
        if !misread.is_empty() {
            return Err(misread);
        }
        if let Some(misfit) = hangs_apart(step, Attachment::None) {
            return Err(vec![misfit]);
        }
        chain.push(Arc::clone(composite));
        let mut steps = Vec::new();
        let mut misfits = Vec::new();
        let mut whole = true;
        for line in composite.steps() {
            let filled = composite.filled(line, words);
            match self.bind_within(&filled, background, chain) {
                Ok(bound) => steps.push(ScriptStep {
                    keyword: filled.keyword,
                    counts_as: filled.ty,
                    text: filled.value,
                    file: Arc::clone(&composite.file),
                    line: line.line,
                    column: line.column,
                    background,
                    bound,
                }),
                Err(inner) => {
                    whole = false;
                    misfits.extend(inner.into_iter().map(|misfit| {
                        let said = format!("`{} {}` ({}:{})", filled.keyword, filled.value, composite.file, line.line);
                        Misfit {
                            sentence: format!("in {said}: {}", misfit.sentence),
                            at: None,
                            of_words: false,
                            ..misfit
                        }
                    }));
                }
            }
        }
        chain.pop();
        if !whole {
            return Err(misfits);
        }
        let composed = Composed { phrase: Arc::clone(composite), steps };
        match composed_stands(step, &composed) {
            Some(misfit) => Err(vec![misfit]),
            None => Ok(Arc::new(composed)),
        }
    }

    fn undefined(&self, step: &gherkin::Step) -> Misfit {
        let words = step.value.as_str();
        if !feature::placeholders(words).is_empty() {
            let outline = "a placeholder is filled from the examples of a `Scenario Outline`";
            return Misfit::nearest(format!("no phrase reads like this; {outline}"), self.offers(words));
        }
        if let Some((before, _)) = words.split_once(" #")
            && self.knows(before.trim_end())
        {
            let offers = vec![format!("{} {}", step.keyword.trim(), before.trim_end())];
            return Misfit::write("a comment stands on a line of its own, not behind a step", offers);
        }
        if let Some((straight, what)) = straightened(words)
            && self.knows(&straight)
        {
            let offers = vec![format!("{} {straight}", step.keyword.trim())];
            return Misfit::write(format!("no phrase reads like this: {what}"), offers);
        }
        // A step of another crate is registered under one keyword alone.
        for other in [StepType::Given, StepType::When, StepType::Then] {
            if !matches!(self.vocabulary.find(&gherkin::Step { ty: other, ..step.clone() }), Found::Nothing) {
                let (known, here) = (keyword_word(other), keyword_word(step.ty));
                let sentence = format!("this step is known under {known} alone, and here it stands under {here}");
                return Misfit::write(sentence, vec![format!("{known} {words}")]);
            }
        }
        let offers = self.offers(words);
        let sentence = match offers.is_empty() {
            true => "no phrase reads like this; `busyhour steps` lists them all",
            false => "no phrase reads like this",
        };
        Misfit { of_words: true, ..Misfit::nearest(sentence, offers) }
    }
}

/// Words as somebody may have meant them whose editor has put other signs in their place, and what those are.
fn straightened(words: &str) -> Option<(String, String)> {
    let mut what = None;
    let mut straight = String::new();
    for sign in words.chars() {
        let (instead, why) = match sign {
            ' ' if straight.ends_with(' ') => (None, "two spaces stand where one belongs".to_owned()),
            ' ' => (Some(' '), String::new()),
            sign if sign.is_whitespace() => {
                (Some(' ').filter(|_| !straight.ends_with(' ')), format!("{} stands in it", scan::called(sign)))
            }
            '“' | '”' | '„' | '«' | '»' | '‟' => {
                (Some('"'), format!("`{sign}` stands in it, where `\"` belongs"))
            }
            '’' | '‘' | '`' | '´' => (Some('\''), format!("`{sign}` stands in it, where `'` belongs")),
            sign => (Some(sign), String::new()),
        };
        straight.extend(instead);
        what = what.or(Some(why).filter(|why| !why.is_empty()));
    }
    let bare = straight.trim_end_matches(['.', ',', ';', ':', '!', '?']).trim_end();
    if bare.len() < straight.len() {
        let end = &straight[bare.len()..];
        what = what.or(Some(format!("a step ends without a `{}`", end.trim())));
        straight.truncate(bare.len());
    }
    Some((straight, what?))
}

fn step_under(keyword: StepType, words: &str) -> gherkin::Step {
    gherkin::Step::builder().keyword(keyword_word(keyword).to_owned()).ty(keyword).value(words.to_owned()).build()
}

/// Why a phrase can't stand under the keyword of its step.
fn stands(step: &gherkin::Step, phrase: &Phrase) -> Option<Misfit> {
    if phrase.kind.stands_under(step.ty) {
        return None;
    }
    let twin = phrase.twin.map(str::to_owned);
    let moved = format!("{} {}", keyword_word(phrase.kind.home()), step.value);
    let sentence = out_of_place(phrase.kind, step.ty);
    Some(Misfit::write(sentence, twin.into_iter().chain([moved]).collect()))
}

fn out_of_place(kind: Kind, under: StepType) -> String {
    match (kind, under) {
        (Kind::Checks, _) => {
            format!("this phrase checks, and checks stand under Then, not under {}", keyword_word(under))
        }
        (kind, StepType::Then) => {
            format!("this phrase {}: under Then it would make it so instead of asking whether it is", kind.word())
        }
        (kind, _) => {
            format!("this phrase {} the scene, and stands under Given, not under {}", kind.word(), keyword_word(under))
        }
    }
}

/// Why a phrase of several steps can't stand under the keyword of its step.
fn composed_stands(step: &gherkin::Step, composed: &Composed) -> Option<Misfit> {
    let leaves: Vec<&ScriptStep> = script::leaves(&composed.steps).collect();
    let asks = leaves.iter().all(|leaf| leaf.counts_as == StepType::Then);
    let needs_given = |leaf: &&ScriptStep| {
        leaf.counts_as == StepType::Given
            && matches!(&leaf.bound, Bound::Phrase(phrase, _) if !phrase.kind.stands_under(StepType::When))
    };
    let sets_up = leaves.iter().any(needs_given);
    let (kind, home) = match (asks, sets_up) {
        (true, _) => (Kind::Checks, StepType::Then),
        (_, true) => (Kind::Arranges { around: false }, StepType::Given),
        _ => (Kind::Acts, StepType::When),
    };
    if kind.stands_under(step.ty) {
        return None;
    }
    let offers = vec![format!("{} {}", keyword_word(home), step.value)];
    Some(Misfit::write(out_of_place(kind, step.ty), offers))
}

/// Reads every argument once, so that a bad one is told with its column before anything runs.
fn misread<'m>(
    step: &gherkin::Step,
    arguments: impl Iterator<Item = (fn(&str) -> Result<String, crate::argument::ArgumentError>, &'m str)>,
) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut from = 0;
    for (read, words) in arguments {
        let at = step.value[from..].find(words).map_or(from, |at| from + at);
        from = at + words.len();
        if let Err(error) = read(words) {
            let blank = words.len() - words.trim_start().len();
            let misfit = Misfit::write(error.to_string(), Vec::new());
            misfits.push(Misfit { at: Some(at + blank), of_words: true, ..misfit });
        }
    }
    misfits
}

/// Why what hangs below a step doesn't belong there, or what's missing.
fn hangs_apart(step: &gherkin::Step, attachment: Attachment) -> Option<Misfit> {
    let sentence = match (attachment, step.table.is_some(), step.docstring.is_some()) {
        (Attachment::None | Attachment::Text, true, _) => "this phrase has no use for a table below it",
        (Attachment::None | Attachment::Table, _, true) => "this phrase has no use for a text below it",
        (Attachment::Table, false, _) => "this phrase needs a table below it",
        (Attachment::Text, _, false) => "this phrase needs a text below it",
        _ => return None,
    };
    Some(Misfit::write(sentence, Vec::new()))
}
