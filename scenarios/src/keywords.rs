//! The keywords of feature files in every language.
//!
//! The reader of Gherkin knows them and tells nobody. They stand in `languages.txt`, a language a line: its code, then
//! the words for feature, background, rule, scenario, outline, examples, Given, When, Then, And and But. A test compares them
//! with the reader's.

use std::sync::LazyLock;

/// What a keyword of a section opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Before the first keyword, and the prose below `Feature:`.
    Feature,
    /// The prose below `Rule:`.
    Rule,
    /// A background.
    Background,
    /// A scenario or an outline.
    Steps,
    /// The rows of an outline.
    Examples,
}

/// In the order of the columns of the list.
const SECTIONS: [Section; 6] =
    [Section::Feature, Section::Background, Section::Rule, Section::Steps, Section::Steps, Section::Examples];
/// Where the keywords of steps begin among the columns.
const STEPS: usize = 6;
const COLUMNS: usize = 11;
const OUTLINE: usize = 4;

type Words = Vec<&'static str>;

static LANGUAGES: LazyLock<Vec<(&'static str, Vec<Words>)>> = LazyLock::new(|| {
    let lines = include_str!("languages.txt").lines();
    let read = |line: &'static str| {
        let mut columns = line.split(';');
        let language = columns.next().unwrap_or_default();
        (language, columns.map(|words| words.split('|').collect()).collect())
    };
    lines.map(read).collect()
});

/// The keywords of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keywords {
    language: &'static str,
    columns: &'static [Words],
}

impl Keywords {
    /// Those of a language.
    pub fn of(language: &str) -> Option<Keywords> {
        let (language, columns) = LANGUAGES.iter().find(|(known, _)| *known == language)?;
        Some(Keywords { language, columns })
    }

    /// Those that hold where nothing is said.
    pub fn english() -> Keywords {
        Keywords::of("en").expect("English is among the languages")
    }

    /// Whether they are those.
    pub fn are_english(&self) -> bool {
        self.language == "en"
    }

    fn first(&self, column: usize) -> &'static str {
        self.columns[column][0].trim()
    }

    /// The word for a feature.
    pub fn feature(&self) -> &'static str {
        self.first(0)
    }

    /// The word for a scenario.
    pub fn scenario(&self) -> &'static str {
        // `Example` is the older word, and nobody's first.
        if self.are_english() { "Scenario" } else { self.first(3) }
    }

    /// The word for Given.
    pub fn given(&self) -> &'static str {
        self.first(STEPS)
    }

    /// The word for one of `Given`, `When` and `Then`; any other is left as it is.
    pub fn step<'w>(&self, english: &'w str) -> &'w str {
        match ["Given", "When", "Then"].iter().position(|word| *word == english) {
            Some(at) => self.first(STEPS + at),
            None => english,
        }
    }

    /// Whether a section of that keyword is an outline.
    pub fn opens_outline(&self, keyword: &str) -> bool {
        self.columns[OUTLINE].contains(&keyword)
    }

    /// The keywords of sections.
    pub fn sections(&self) -> impl Iterator<Item = &'static str> {
        self.columns[..STEPS].iter().flatten().copied()
    }

    /// The keywords of steps, without the blank behind them.
    pub fn steps(&self) -> impl Iterator<Item = &'static str> {
        self.columns[STEPS..COLUMNS].iter().flatten().map(|word| word.trim())
    }

    /// What a line opens that begins with the keyword of a section.
    pub fn section_of(&self, line: &str) -> Option<Section> {
        let opens =
            |words: &Words| words.iter().any(|word| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')));
        self.columns[..STEPS].iter().position(opens).map(|column| SECTIONS[column])
    }

    /// What stands behind the keyword of a step; nothing if a line begins with none, or if nothing stands behind it.
    pub fn behind<'l>(&self, line: &'l str) -> Option<&'l str> {
        let words = self.columns[STEPS..COLUMNS].iter().flatten();
        // `Gegeben sei` is the beginning of `Gegeben seien`.
        let rests = words.filter_map(|word| line.strip_prefix(*word)).filter(|rest| !rest.trim().is_empty());
        rests.min_by_key(|rest| rest.len())
    }

    /// Is that a keyword of a step, and no more?
    pub fn is_step_keyword(&self, word: &str) -> bool {
        self.steps().any(|keyword| keyword == word)
    }

    /// The keywords of steps as a sentence names them: one of each.
    pub fn listed(&self) -> String {
        let each: Vec<&str> = (STEPS..COLUMNS).map(|column| self.first(column)).collect();
        format!("{} or *", each.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gherkin::{Feature, GherkinEnv};

    #[test]
    fn every_keyword_of_every_language_is_what_the_reader_takes_it_for() {
        for (language, columns) in LANGUAGES.iter() {
            assert!(gherkin::is_language_supported(language), "{language}");
            assert_eq!(columns.len(), COLUMNS, "{language}");
            let keywords = Keywords::of(language).unwrap();
            let parse = |feature: &str, scenario: &str, step: &str, examples: &str| {
                let text = format!("# language: {language}\n{feature}: f\n{scenario}: s\n{step}x\n{examples}");
                Feature::parse(text, GherkinEnv::default())
            };
            let (feature, scenario, given) = (columns[0][0], columns[3][0], columns[STEPS][0]);
            // The reader takes a keyword for a shorter one that it begins with, where that stands before it in its list:
            // the Javanese `Contone` for `Conto`.
            let readable = |column: usize| {
                let all = &columns[column];
                let begun = |word: &&&str| !all.iter().any(|other| other != *word && word.starts_with(other));
                all.iter().filter(begun).collect::<Vec<_>>()
            };
            for word in readable(0) {
                assert!(parse(word, scenario, given, "").is_ok(), "{language}: {word}");
            }
            for word in readable(3).into_iter().chain(readable(OUTLINE)) {
                let read = parse(feature, word, given, "");
                let read = read.unwrap_or_else(|error| panic!("{language}: {word}: {error}"));
                assert_eq!(read.scenarios[0].steps.len(), 1, "{language}: {word}");
                assert_eq!(keywords.section_of(&format!("{word}: x")), Some(Section::Steps), "{language}: {word}");
            }
            for word in readable(5) {
                let read = parse(feature, columns[OUTLINE][0], given, &format!("{word}:\n| a |\n| 1 |\n"));
                let read = read.unwrap_or_else(|error| panic!("{language}: {word}: {error}"));
                assert_eq!(read.scenarios[0].examples.len(), 1, "{language}: {word}");
            }
            for word in columns[STEPS..].iter().flatten() {
                let read = parse(feature, scenario, word, "");
                let read = read.unwrap_or_else(|error| panic!("{language}: {word}: {error}"));
                assert_eq!(read.scenarios[0].steps.len(), 1, "{language}: {word}");
                assert_eq!(keywords.behind(&format!("{word}x")), Some("x"), "{language}: {word}");
            }
        }
    }

    #[test]
    fn a_step_is_what_begins_with_a_whole_keyword() {
        let german = Keywords::of("de").unwrap();
        assert_eq!(german.behind("Gegeben seien zwei"), Some("zwei"));
        assert_eq!(german.behind("Wenns regnet"), None);
        assert_eq!(german.behind("Wenn "), None);
        assert_eq!(Keywords::of("ja").unwrap().behind("もしx"), Some("x"), "no blank where none is written");
        assert_eq!(german.listed(), "Angenommen, Wenn, Dann, Und, Aber or *");
    }
}
