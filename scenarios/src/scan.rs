//! A first look at a feature file, line by line.
//!
//! The reader of Gherkin is lenient where it hurts: it takes a misspelt `Givn` for prose and leaves the scenario without
//! steps, cuts a row that is too long down to the width of its table, and tells of an error a line or a table late.
//! This look finds those with the line they stand in, and hands on a mended text, so that all other problems of the file
//! can be found in the same run. It knows the keywords of every language that the reader knows.

use std::borrow::Cow;

use crate::keywords::{Keywords, Section};
use crate::similar::distance;

/// Words that begin a line of English prose and are nearly a keyword.
const ORDINARY_WORDS: &[&str] = &[
    "the", "they", "them", "there", "these", "this", "that", "than", "thus", "thin", "an", "any", "ant", "add", "end",
    "all", "as", "at", "what", "who", "why", "where", "while", "were", "went", "hen", "men", "ten", "bus", "buy",
    "bug", "cut", "out", "put", "our", "give", "gives", "giving", "even", "seven", "driven", "hand", "band", "land",
    "sand", "even", "both", "bit", "by", "be",
];

/// What the first look found wrong in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters.
    pub column: usize,
    /// What's wrong.
    pub sentence: String,
    /// What to write instead.
    pub offer: Option<String>,
    /// The words of the step that the line may have been meant to be, to find near phrases.
    pub meant: Option<String>,
}

/// The outcome of the first look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What's wrong, in the order of lines.
    pub slips: Vec<Slip>,
    /// The text with each of those lines mended or taken out; it has as many lines as the original.
    pub mended: String,
    /// The keywords of its language.
    pub keywords: Keywords,
}

/// Looks through the text of a feature file. `known` tells whether a step without its keyword is a known phrase.
pub fn scan(source: &str, known: &dyn Fn(&str) -> bool) -> Scan {
    let mut scanner = Scanner {
        known,
        keywords: Keywords::english(),
        section: Section::Feature,
        seen_feature: false,
        scenario_before: false,
        steps_in_section: 0,
        step_may_have_text: false,
        table: None,
        fence: None,
        tags: Vec::new(),
        slips: Vec::new(),
    };
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let belong = scanner.tags_belong(line);
        if !belong {
            scanner.tags_of_nothing(&mut lines);
        }
        let instead = scanner.line(index + 1, line);
        lines.push(instead.map_or(Cow::Borrowed(line), Cow::Owned));
    }
    scanner.tags_of_nothing(&mut lines);
    scanner.slips.sort_by_key(|slip| slip.line);
    let mut mended = String::with_capacity(source.len() + 1);
    for line in &lines {
        mended.push_str(line);
        mended.push('\n');
    }
    if let Some((fence, line, column)) = scanner.fence {
        scanner.slips.push(Slip {
            line,
            column,
            sentence: format!("the text that begins here is never closed: end it with {fence} on a line of its own"),
            offer: None,
            meant: None,
        });
        mended.push_str(fence);
        mended.push('\n');
    }
    Scan { slips: scanner.slips, mended, keywords: scanner.keywords }
}

/// A keyword that somebody may have meant.
struct Near<'l> {
    distance: usize,
    keyword: &'static str,
    written: &'l str,
    rest: &'l str,
}

struct Scanner<'a> {
    known: &'a dyn Fn(&str) -> bool,
    keywords: Keywords,
    section: Section,
    seen_feature: bool,
    /// Whether a scenario stands before this line in the same rule or, outside of rules, in the same feature.
    scenario_before: bool,
    steps_in_section: usize,
    step_may_have_text: bool,
    /// The width of the table that is going on, and the line of its heading.
    table: Option<(usize, usize)>,
    /// The text that is going on: what ends it, and where it began.
    fence: Option<(&'static str, usize, usize)>,
    /// Line and column of the lines of tags for which nothing has come yet.
    tags: Vec<(usize, usize)>,
    slips: Vec<Slip>,
}

impl Scanner<'_> {
    /// Looks at one line; returns what should be read in its place.
    fn line(&mut self, number: usize, line: &str) -> Option<String> {
        let said = line.trim();
        let column = line.chars().take_while(|sign| sign.is_whitespace()).count() + 1;
        if let Some((fence, ..)) = self.fence {
            if said.contains(fence) {
                self.fence = None;
            }
            return None;
        }
        if said.is_empty() {
            return None;
        }
        if let Some(comment) = said.strip_prefix('#') {
            return self.comment(number, column, comment);
        }
        if said.starts_with('|') {
            return self.row(number, column, line);
        }
        self.table = None;
        if said.starts_with('@') {
            self.tags.push((number, column));
            return self.tags(number, line);
        }
        for fence in ["\"\"\"", "```"] {
            if let Some(rest) = said.strip_prefix(fence).filter(|_| self.step_may_have_text) {
                if !rest.contains(fence) {
                    self.fence = Some((fence, number, column));
                }
                self.step_may_have_text = false;
                return None;
            }
        }
        if let Some(section) = self.keywords.section_of(said) {
            let tagged = !std::mem::take(&mut self.tags).is_empty();
            let misplaced = self.misplaced(section, tagged);
            if !self.seen_feature && section != Section::Feature {
                let (feature, here) = (self.keywords.feature(), said.split(':').next().unwrap_or_default());
                let sentence =
                    format!("a feature file begins with `{feature}:` and a title, and this one with `{here}:`");
                self.slips.push(Slip { line: number, column, sentence, offer: None, meant: None });
                (self.section, self.seen_feature, self.steps_in_section) = (section, true, 0);
                return None;
            }
            self.section = section;
            self.seen_feature = true;
            self.steps_in_section = 0;
            self.step_may_have_text = false;
            let sentence = misplaced?.to_owned();
            self.slips.push(Slip { line: number, column, sentence, offer: None, meant: None });
            return Some(String::new());
        }
        if let Some(slip) = self.misspelt_section(number, column, said) {
            self.tags.clear();
            let instead = slip.offer.clone();
            if let Some(section) = instead.as_deref().and_then(|line| self.keywords.section_of(line)) {
                self.section = section;
                self.seen_feature |= section == Section::Feature;
                self.steps_in_section = 0;
            }
            self.step_may_have_text = false;
            self.slips.push(slip);
            return instead;
        }
        let is_step = said.starts_with("* ") || self.keywords.behind(said).is_some();
        match self.section {
            Section::Background | Section::Steps if is_step => {
                self.steps_in_section += 1;
                self.step_may_have_text = true;
                None
            }
            Section::Background | Section::Steps => self.prose_among_steps(number, column, said),
            Section::Examples => self.prose_among_examples(number, column, said, is_step),
            Section::Feature | Section::Rule => self.prose(number, column, said, is_step),
        }
    }

    /// Why a section can't begin here.
    fn misplaced(&mut self, next: Section, tagged: bool) -> Option<&'static str> {
        let late = std::mem::replace(&mut self.scenario_before, matches!(next, Section::Steps | Section::Examples));
        match next {
            Section::Feature if self.seen_feature => Some("a file holds one feature, and this is its second"),
            Section::Background if late => {
                self.scenario_before = true;
                Some("a background stands before the scenarios that it opens")
            }
            Section::Examples if !matches!(self.section, Section::Steps | Section::Examples) => {
                Some("examples stand below the steps of an outline")
            }
            Section::Background if tagged => Some("a background takes no tags: they stand before its feature or rule"),
            _ => None,
        }
    }

    /// Whether the tags before a line may go on to wait for what they belong to, or have found it.
    fn tags_belong(&self, line: &str) -> bool {
        let said = line.trim();
        self.tags.is_empty()
            || said.is_empty()
            || said.starts_with(['@', '#'])
            || self.keywords.section_of(said).is_some()
            || self.misspelt_section(0, 0, said).is_some()
    }

    /// Takes out tags that belong to nothing.
    fn tags_of_nothing(&mut self, lines: &mut [Cow<'_, str>]) {
        for (number, column) in std::mem::take(&mut self.tags) {
            // What's wrong with a tag itself is said already.
            if self.slips.iter().all(|slip| slip.line != number) {
                let sentence = "these tags belong to nothing: the feature, rule, scenario or examples that they mark stand below them";
                self.slips.push(Slip { line: number, column, sentence: sentence.to_owned(), offer: None, meant: None });
            }
            lines[number - 1] = Cow::Borrowed("");
        }
    }

    /// A line of tags.
    fn tags(&mut self, number: usize, line: &str) -> Option<String> {
        let mut mended: Vec<String> = Vec::new();
        let mut wrong: Option<(usize, String)> = None;
        let mut from = 0;
        for word in line.split_whitespace() {
            if word.starts_with('#') {
                break;
            }
            let at = from + line[from..].find(word).unwrap_or_default();
            from = at + word.len();
            let sentence = if !word.starts_with('@') {
                mended.push(format!("@{word}"));
                format!("`{word}` is no tag: a tag begins with @")
            } else if word == "@" {
                "a tag needs a name after its @".to_owned()
            } else if word.contains(',') {
                mended.extend(word.split(',').filter(|tag| tag.len() > 1).map(str::to_owned));
                "tags are parted by spaces: a comma would belong to the name".to_owned()
            } else {
                mended.push(word.to_owned());
                continue;
            };
            wrong = wrong.or(Some((line[..at].chars().count() + 1, sentence)));
        }
        let (column, sentence) = wrong?;
        let offer = mended.join(" ");
        let slip = Slip { line: number, column, sentence, offer: Some(offer.clone()), meant: None };
        self.slips.push(if offer.is_empty() { Slip { offer: None, ..slip } } else { slip });
        Some(offer)
    }

    fn comment(&mut self, number: usize, column: usize, comment: &str) -> Option<String> {
        let language = comment.trim().strip_prefix("language")?.trim().strip_prefix(':')?.trim();
        if self.seen_feature {
            return None;
        }
        if !gherkin::is_language_supported(language) {
            self.slips.push(Slip {
                line: number,
                column,
                sentence: format!("`{language}` is no language that Gherkin knows; leave the line out for English"),
                offer: Some("# language: en".to_owned()),
                meant: None,
            });
            return Some(String::new());
        }
        // A language that the reader knows, and the list doesn't, is read as English: then nothing is taken for prose.
        self.keywords = Keywords::of(language).unwrap_or_else(Keywords::english);
        None
    }

    fn row(&mut self, number: usize, column: usize, line: &str) -> Option<String> {
        let said = line.trim();
        let Some(cells) = cells(said) else {
            self.slips.push(Slip {
                line: number,
                column: column + said.chars().count(),
                sentence: "a row of a table ends with |".to_owned(),
                offer: Some(format!("{said} |")),
                meant: None,
            });
            return Some(String::new());
        };
        let Some((width, heading)) = self.table else {
            self.table = Some((cells, number));
            return None;
        };
        if cells == width {
            return None;
        }
        self.slips.push(Slip {
            line: number,
            column,
            sentence: format!("this row has {}, and its table has {width} (line {heading})", of_cells(cells)),
            offer: None,
            meant: None,
        });
        Some(String::new())
    }

    fn misspelt_section(&self, number: usize, column: usize, said: &str) -> Option<Slip> {
        let (word, rest) = said.split_once(':')?;
        let allowed = if word.len() > 5 { 2 } else { 1 };
        let (_, keyword) = self
            .keywords
            .sections()
            .map(|keyword| (distance(&word.to_lowercase(), &keyword.to_lowercase()), keyword))
            .filter(|(distance, _)| *distance <= allowed)
            .min_by_key(|(distance, _)| *distance)?;
        let offer = format!("{keyword}:{rest}");
        let sentence = format!("`{word}:` is no keyword");
        Some(Slip { line: number, column, sentence, offer: Some(offer), meant: None })
    }

    /// A line among the steps that begins with no keyword: prose below the title, or a slip.
    fn prose_among_steps(&mut self, number: usize, column: usize, said: &str) -> Option<String> {
        let among_steps = self.steps_in_section > 0;
        if let Some(slip) = self.misspelt_step(number, column, said) {
            let instead = slip.offer.clone();
            self.steps_in_section += usize::from(instead.is_some());
            self.step_may_have_text = true;
            self.slips.push(slip);
            return Some(instead.unwrap_or_default());
        }
        if !among_steps {
            return None;
        }
        self.slips.push(Slip {
            line: number,
            column,
            sentence: format!("this line is no step: a step begins with {}", self.keywords.listed()),
            offer: None,
            meant: Some(said.to_owned()),
        });
        self.step_may_have_text = true;
        Some(String::new())
    }

    /// A line that was meant as a step and doesn't begin with one of the keywords.
    fn misspelt_step(&self, number: usize, column: usize, said: &str) -> Option<Slip> {
        let slip = |sentence: String, keyword: Option<&str>, rest: &str| Slip {
            line: number,
            column,
            sentence,
            offer: keyword.map(|keyword| format!("{keyword} {rest}")),
            meant: Some(rest.to_owned()),
        };
        let begins = self.keywords.listed();
        let no_keyword = |word: &str| format!("`{word}` is no keyword: a step begins with {begins}");
        let (word, rest) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        let rest = rest.trim();
        let bare = word.trim_end_matches([':', ',']);
        if rest.is_empty() && self.keywords.is_step_keyword(bare) {
            return Some(slip(format!("nothing stands after `{word}`"), None, said));
        }
        if let Some(sign) = said[word.len()..].chars().next().filter(|sign| *sign != ' ')
            && self.keywords.is_step_keyword(word)
        {
            let sentence = format!("{} stands behind `{word}`, where a space belongs", called(sign));
            return Some(slip(sentence, Some(word), rest));
        }
        let near = self.nearest_keyword(said);
        if (self.known)(rest) {
            let keyword = near.as_ref().map_or(self.keywords.given(), |near| near.keyword);
            return Some(slip(no_keyword(word), Some(keyword), rest));
        }
        if (self.known)(said) {
            return Some(slip("this step has no keyword before it".to_owned(), Some(self.keywords.given()), said));
        }
        let near = near?;
        // In a line of prose that is wrapped, `when` or `and` may well come first; among steps nothing is prose.
        let prose = self.steps_in_section == 0
            && self.keywords.are_english()
            && ((near.distance == 0 && bare == word) || ORDINARY_WORDS.contains(&bare.to_lowercase().as_str()));
        (!prose).then(|| slip(no_keyword(near.written), Some(near.keyword), near.rest))
    }

    /// The keyword that the first words of a line are nearly: as many words as it has.
    fn nearest_keyword<'l>(&self, said: &'l str) -> Option<Near<'l>> {
        let near = self.keywords.steps().filter_map(|keyword| {
            let words = keyword.split(' ').count();
            let end = said.match_indices(' ').nth(words - 1).map_or(said.len(), |(at, _)| at);
            let (written, rest) = (&said[..end], said[end..].trim());
            let bare = written.trim_end_matches([':', ',']);
            let distance = distance(&bare.to_lowercase(), &keyword.to_lowercase());
            // Of another language nobody here knows the ordinary words, so that its short keywords must be nearer.
            let allowed = match keyword.chars().count() {
                ..=3 => 1,
                4..=5 if !self.keywords.are_english() => 1,
                _ => 2,
            };
            // A keyword of one sign is near to everything.
            (distance <= allowed && keyword.chars().count() > 2).then_some(Near { distance, keyword, written, rest })
        });
        near.min_by_key(|near| near.distance)
    }

    fn prose_among_examples(&mut self, number: usize, column: usize, said: &str, is_step: bool) -> Option<String> {
        if is_step {
            self.slips.push(Slip {
                line: number,
                column,
                sentence: "a step can't stand below Examples: the steps of an outline stand before them".to_owned(),
                offer: None,
                meant: self.keywords.behind(said).map(str::to_owned),
            });
            return Some(String::new());
        }
        None
    }

    /// A line below `Feature:` or `Rule:`, where prose stands, and before `Feature:`, where nothing does.
    fn prose(&mut self, number: usize, column: usize, said: &str, is_step: bool) -> Option<String> {
        let rest = self.keywords.behind(said).or_else(|| said.strip_prefix("* ")).unwrap_or_default();
        if is_step && (self.known)(rest.trim()) {
            self.slips.push(Slip {
                line: number,
                column,
                sentence: format!(
                    "this step belongs to no scenario: a line `{}: …` must stand before it",
                    self.keywords.scenario()
                ),
                offer: None,
                meant: None,
            });
            return Some(String::new());
        }
        if !self.seen_feature {
            self.slips.push(Slip {
                line: number,
                column,
                sentence: format!("a feature file begins with `{}:` and a title", self.keywords.feature()),
                offer: None,
                meant: None,
            });
            return Some(String::new());
        }
        None
    }
}

/// What a space is called that isn't the usual one.
pub(crate) fn called(space: char) -> &'static str {
    match space {
        '\t' => "a tab",
        '\u{a0}' | '\u{202f}' => "a no-break space",
        _ => "a space of another kind",
    }
}

fn of_cells(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

/// How many cells a row has; `None` if its last cell isn't closed. `\|` is a bar inside a cell.
fn cells(row: &str) -> Option<usize> {
    let mut bars = 0;
    let mut escaped = false;
    let mut last = ' ';
    for sign in row.chars() {
        let bar = sign == '|' && !escaped;
        bars += usize::from(bar);
        escaped = sign == '\\' && !escaped;
        last = if bar { '|' } else { ' ' };
    }
    (last == '|' && bars > 1).then(|| bars - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slips(source: &str) -> Vec<String> {
        let known = |step: &str| step == "machines a and b" || step == "a crashes";
        let scan = scan(source, &known);
        assert_eq!(scan.mended.lines().count(), source.lines().count(), "places would shift");
        scan.slips.iter().map(|slip| format!("{}:{} {}", slip.line, slip.column, slip.sentence)).collect()
    }

    fn in_scenario(lines: &str) -> Vec<String> {
        slips(&format!("Feature: f\nScenario: s\n{lines}\n"))
    }

    #[test]
    fn a_misspelt_keyword_is_a_slip_with_its_line() {
        for word in ["Givn", "given", "Given:", "GIVEN", "Gievn", "Suppose"] {
            let expected = format!("3:3 `{word}` is no keyword: a step begins with Given, When, Then, And, But or *");
            assert_eq!(in_scenario(&format!("  {word} machines a and b\n  When a crashes")), [expected]);
        }
        assert_eq!(in_scenario("Givn something that nobody knows").len(), 1);
        assert_eq!(in_scenario("Given machines a and b\nwhen something that nobody knows").len(), 1);
    }

    #[test]
    fn what_is_no_tag_is_a_slip_with_its_column() {
        let tags = |line: &str| slips(&format!("Feature: f\n{line}\nScenario: s\nGiven machines a and b\n"));
        assert_eq!(tags("@slow @fast # both"), [""; 0]);
        assert_eq!(tags("  @slow fast"), ["2:9 `fast` is no tag: a tag begins with @"]);
        assert_eq!(tags("@ @slow"), ["2:1 a tag needs a name after its @"]);
        assert_eq!(tags("@slow, @fast"), ["2:1 tags are parted by spaces: a comma would belong to the name"]);
        let known = |step: &str| step == "machines a and b";
        let mended = |line: &str| scan(&format!("Feature: f\n{line}\nScenario: s\nGiven x\n"), &known).mended;
        assert!(mended("@a,@b fast @").contains("\n@a @b @fast\n"), "{}", mended("@a,@b fast @"));
    }

    #[test]
    fn tags_belong_to_what_stands_below_them() {
        let nothing =
            "these tags belong to nothing: the feature, rule, scenario or examples that they mark stand below them";
        let scenario = "Scenario: s\nGiven machines a and b\n";
        assert_eq!(slips(&format!("@f\n# note\n\nFeature: f\n@s\n@t\n{scenario}")), [""; 0]);
        assert_eq!(slips(&format!("Feature: f\n{scenario}@late\n")), [format!("4:1 {nothing}")]);
        assert_eq!(slips(&format!("Feature: f\n{scenario}@in\nGiven a crashes\n")), [format!("4:1 {nothing}")]);
        let background = "a background takes no tags: they stand before its feature or rule";
        assert_eq!(
            slips(&format!("Feature: f\n@b\nBackground:\nGiven a crashes\n{scenario}")),
            [format!("3:1 {background}")]
        );
    }

    #[test]
    fn a_file_begins_with_its_feature() {
        let slips = slips("Scenario: s\nGiven machines a and b\n");
        assert_eq!(slips, ["1:1 a feature file begins with `Feature:` and a title, and this one with `Scenario:`"]);
    }

    #[test]
    fn a_space_that_is_none_is_named() {
        for (sign, name) in [("\t", "a tab"), ("\u{a0}", "a no-break space"), ("\u{2003}", "a space of another kind")] {
            let expected = format!("3:1 {name} stands behind `Given`, where a space belongs");
            assert_eq!(in_scenario(&format!("Given{sign}machines a and b\nAnd a crashes")), [expected]);
        }
    }

    #[test]
    fn prose_below_a_title_is_no_slip() {
        for prose in [
            "The caller hears nothing.",
            "An agent's phone that loses its network\nand comes back is found again.",
            "What happens\nwhen the link is cut?",
            "Any packet may be lost.",
        ] {
            assert_eq!(in_scenario(&format!("{prose}\nGiven machines a and b")), [""; 0], "{prose}");
        }
    }

    #[test]
    fn a_step_without_a_keyword_is_a_slip() {
        assert_eq!(in_scenario("machines a and b"), ["3:1 this step has no keyword before it"]);
        assert_eq!(
            in_scenario("Given machines a and b\nOops it did it again"),
            ["4:1 this line is no step: a step begins with Given, When, Then, And, But or *"]
        );
        assert_eq!(in_scenario("Given machines a and b\nThen"), ["4:1 nothing stands after `Then`"]);
    }

    #[test]
    fn a_ragged_row_is_a_slip_in_its_own_line_be_it_short_or_long() {
        let table = |row: &str| in_scenario(&format!("Given x\n  | a | b |\n  # a comment\n  {row}\n"));
        assert_eq!(table("| 1 |"), ["6:3 this row has 1 cell, and its table has 2 (line 4)"]);
        assert_eq!(table("| 1 | 2 | 3 |"), ["6:3 this row has 3 cells, and its table has 2 (line 4)"]);
        assert_eq!(table("| 1 | 2"), ["6:10 a row of a table ends with |"]);
        assert_eq!(table(r"| 1 | a \| b |"), [""; 0]);
    }

    #[test]
    fn a_misspelt_section_is_a_slip() {
        assert_eq!(slips("Feature: f\nScenrio: s\nGiven x"), ["2:1 `Scenrio:` is no keyword"]);
        assert_eq!(slips("Feture: f\nScenario: s\nGiven x"), ["1:1 `Feture:` is no keyword"]);
        assert_eq!(slips("Feature: f\nscenario: s\nGiven x"), ["2:1 `scenario:` is no keyword"]);
        assert_eq!(slips("Feature: f\nNote: prose may hold colons\nScenario: s\nGiven x"), [""; 0]);
    }

    #[test]
    fn a_section_in_the_wrong_place_is_a_slip() {
        let background = "Background:\nGiven x";
        let scenario = |name: &str| format!("Scenario: {name}\nGiven x");
        assert_eq!(
            slips(&format!("Feature: f\n{}\n{background}", scenario("s"))),
            ["4:1 a background stands before the scenarios that it opens"]
        );
        assert_eq!(slips(&format!("Feature: f\n{background}\n{}\nRule: r\n{background}", scenario("s"))), [""; 0]);
        assert_eq!(slips("Feature: f\nFeature: g"), ["2:1 a file holds one feature, and this is its second"]);
        assert_eq!(slips("Feature: f\nExamples:\n| a |"), ["2:1 examples stand below the steps of an outline"]);
    }

    #[test]
    fn a_step_outside_of_any_scenario_is_a_slip() {
        assert_eq!(
            slips("Feature: f\n  Given machines a and b\n"),
            ["2:3 this step belongs to no scenario: a line `Scenario: …` must stand before it"]
        );
        assert_eq!(slips("Feature: f\n  When the network is down, people wait.\n"), [""; 0]);
    }

    #[test]
    fn the_inside_of_a_text_is_not_looked_at() {
        assert_eq!(in_scenario("Given x\n\"\"\"\nGivn y\n| 1 |\n| 1 | 2 |\n\"\"\"\nWhen a crashes"), [""; 0]);
        let open = slips("Feature: f\nScenario: s\nGiven x\n");
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn a_text_that_is_never_closed_is_a_slip_where_it_begins() {
        let scan = scan("Feature: f\nScenario: s\nGiven x\n  \"\"\"\nGivn y\n", &|_| false);
        assert_eq!((scan.slips[0].line, scan.slips[0].column), (4, 3));
    }

    #[test]
    fn an_unknown_language_is_a_slip_and_a_known_one_keeps_its_keywords() {
        assert_eq!(slips("# language: xx\nFeature: f\n").len(), 1);
        assert_eq!(slips("# language: tr\nÖzellik: a\nSenaryo: b\nDiyelim ki x\n"), [""; 0]);
    }

    #[test]
    fn a_misspelt_keyword_of_another_language_is_a_slip_and_never_taken_for_prose() {
        let german = |lines: &str| slips(&format!("# language: de\nFunktion: f\nSzenario: s\n{lines}\n"));
        let begins = "a step begins with Angenommen, Wenn, Dann, Und, Aber or *";
        assert_eq!(german("Angenommen x\nWenn y\nDann z"), [""; 0]);
        assert_eq!(german("Angenomen es regnet\nWenn y"), [format!("4:1 `Angenomen` is no keyword: {begins}")]);
        assert_eq!(german("Gegeben sein Maschinen\nWenn y"), [format!("4:1 `Gegeben sein` is no keyword: {begins}")]);
        assert_eq!(german("Given machines a and b\nWenn y"), [format!("4:1 `Given` is no keyword: {begins}")]);
        assert_eq!(german("Der Kunde legt auf.\nWenn y"), [""; 0], "prose");
        assert_eq!(slips("# language: de\nFunktion: f\nSzenrio: s\nWenn y"), ["3:1 `Szenrio:` is no keyword"]);
    }
}
