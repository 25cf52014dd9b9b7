//! What somebody may have meant: words that are nearly keywords, steps that are nearly phrases.

use std::collections::BTreeMap;

use crate::phrase::Phrase;

/// How many phrases are offered at most.
const OFFERS_MAX: usize = 3;
/// Below this likeness a phrase is not offered: a far-fetched offer misleads more than none.
const LIKENESS_MIN: f64 = 0.34;

/// Words that are in every sentence and tell two of them apart by nothing.
const SMALL_WORDS: &[&str] =
    &["the", "a", "an", "is", "are", "was", "were", "of", "to", "and", "for", "i", "it", "in", "on"];

/// How many signs must be typed, dropped, changed or swapped with their neighbour to make one word of the other.
pub fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = above[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

/// The words of a step as they count for likeness: numbers are all alike, and so is all quoted text; plural and
/// singular are one.
fn words(text: &str) -> Vec<String> {
    let mut unquoted = String::new();
    for (index, part) in text.split('"').enumerate() {
        unquoted.push_str(if index % 2 == 0 { part } else { " ~ " });
    }
    unquoted
        .split(|sign: char| !(sign.is_alphanumeric() || sign == '~'))
        .filter(|word| !word.is_empty() && *word != "s")
        .map(|word| {
            if word.starts_with(|sign: char| sign.is_ascii_digit()) {
                return "#".to_owned();
            }
            let word = word.to_lowercase();
            match word.strip_suffix('s') {
                Some(stem) if stem.len() > 2 && !stem.ends_with('s') => stem.to_owned(),
                _ => word,
            }
        })
        .collect()
}

/// Looks for the phrases that are nearest to what somebody wrote.
pub struct Nearest {
    /// Each wording by which a phrase may be looked for, and the phrase by its place among the offers.
    wordings: Vec<(Vec<String>, usize)>,
    /// How each phrase is offered.
    offers: Vec<String>,
    /// In how many phrases a word occurs: a word that all have tells nothing.
    phrases_with: BTreeMap<String, usize>,
}

impl Nearest {
    /// Of these phrases.
    pub fn of(phrases: impl Iterator<Item = &'static Phrase>) -> Nearest {
        let mut nearest = Nearest { wordings: Vec::new(), offers: Vec::new(), phrases_with: BTreeMap::new() };
        for phrase in phrases {
            // An example stands behind its keyword, a wording that people look for doesn't.
            let examples = phrase.examples().filter_map(|example| example.split_once(' ').map(|(_, rest)| rest));
            nearest
                .add(examples.chain(phrase.sought_as.iter().copied()).map(words).collect(), phrase.example.to_owned());
        }
        nearest
    }

    /// And of these, each a wording and how it's offered.
    pub fn and(mut self, others: impl Iterator<Item = (String, String)>) -> Nearest {
        for (wording, offer) in others {
            self.add(vec![words(&wording)], offer);
        }
        self
    }

    fn add(&mut self, wordings: Vec<Vec<String>>, offer: String) {
        let mut distinct: Vec<_> = wordings.iter().flatten().collect();
        distinct.sort();
        distinct.dedup();
        for word in distinct {
            *self.phrases_with.entry(word.clone()).or_default() += 1;
        }
        let at = self.offers.len();
        self.offers.push(offer);
        self.wordings.extend(wordings.into_iter().map(|words| (words, at)));
    }

    /// The phrases most like `text` (a step without its keyword), the likest first, each once and as it's offered.
    pub fn to(&self, text: &str) -> Vec<&str> {
        let asked = words(text);
        let mut found: Vec<(f64, usize)> = Vec::new();
        for (wording, phrase) in &self.wordings {
            let likeness = self.likeness(&asked, wording);
            match found.iter_mut().find(|(_, other)| other == phrase) {
                Some((best, _)) => *best = best.max(likeness),
                None => found.push((likeness, *phrase)),
            }
        }
        // The sort is stable: phrases that are equally near stay in the order of the lists.
        found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let best = found.first().map_or(0.0, |(likeness, _)| *likeness);
        let near = found.into_iter().filter(|(likeness, _)| *likeness >= LIKENESS_MIN && *likeness >= best * 0.75);
        near.map(|(_, phrase)| self.offers[phrase].as_str()).take(OFFERS_MAX).collect()
    }

    fn weight(&self, word: &str) -> f64 {
        if SMALL_WORDS.contains(&word) {
            return 0.1;
        }
        // A word that no phrase has is most often a name, which counts for little.
        self.phrases_with.get(word).map_or(0.3, |count| 1.0 / (*count as f64).sqrt())
    }

    /// Twice the weight of the words that both have, by the weight of all words of both.
    fn likeness(&self, asked: &[String], wording: &[String]) -> f64 {
        let mut left: Vec<&String> = wording.iter().collect();
        let mut shared = 0.0;
        for word in asked {
            let at = left.iter().position(|other| *other == word).or_else(|| {
                let near = |other: &&String| word.len() > 4 && other.len() > 4 && distance(word, other) <= 1;
                left.iter().position(near)
            });
            if let Some(at) = at {
                shared += self.weight(left.remove(at));
            }
        }
        let total = asked.iter().chain(wording).map(|word| self.weight(word)).sum::<f64>();
        if total == 0.0 { 0.0 } else { 2.0 * shared / total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary;

    #[test]
    fn a_distance_counts_swapped_neighbours_as_one_slip() {
        assert_eq!(distance("Given", "Given"), 0);
        assert_eq!(distance("Givn", "Given"), 1);
        assert_eq!(distance("Gievn", "Given"), 1);
        assert_eq!(distance("", "When"), 4);
    }

    #[test]
    fn what_people_write_finds_what_they_meant() {
        let nearest = Nearest::of(vocabulary::built_in());
        let said: Vec<String> = [
            "wait 90 seconds",
            "I wait for 3 minutes",
            "the network between bob and the server drops 10% of packets",
            "the network between alice and the server looses 5% of packets",
            "b received 950 datagrams",
            "a gets \"/hello\" from b",
            "machine crash",
            "the network is partitioned",
            "the weather is fine",
        ]
        .iter()
        .map(|text| {
            let offers: Vec<_> = nearest.to(text).iter().map(|offer| format!("\n    {offer}")).collect();
            format!("{text}{}", offers.concat())
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
