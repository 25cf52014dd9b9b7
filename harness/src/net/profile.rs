//! Named network profiles: what a machine's access network does to its packets.
//!
//! A profile has a way up (from the machine) and a way down (to it). The path from machine a to machine b is a's way up,
//! then b's way down. The built-in ones are the files of `fixtures/networks`, compiled in; a folder of files of the
//! same form adds to them or overrides them:
//!
//! ```toml
//! name = "hotel wifi"       # how a scenario calls it; case, spaces and hyphens don't matter
//!
//! [up]                      # both ways must be there; within one, every field may be left out
//! latency_ms = 50
//! jitter_ms = 25            # up to this much more or less; at most the latency
//! loss_percent = 0.2
//! burst = { good_to_bad_percent = 0.6, bad_to_good_percent = 25, loss_good_percent = 0, loss_bad_percent = 100 }
//! duplicate_percent = 0.05
//! reorder_percent = 0.2
//! reorder_hold_ms = 30      # how long a packet is held back that others overtake; 30 if left out
//! corrupt_percent = 0
//! kbit_per_second = 2_000   # 1,000 bits each
//! queue_kb = 64             # in front of that line, 1,000 bytes each; 64 if left out
//! mtu = 1500
//!
//! [down]
//! latency_ms = 50
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::net::link::{GilbertElliott, Impairment};

/// One direction of an access network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Way {
    /// How long every packet takes.
    pub latency: Duration,
    /// How much more or less it may be.
    pub jitter: Duration,
    /// The probability that a packet is lost, each by itself.
    pub loss: f64,
    /// Losses in bursts.
    pub burst: Option<GilbertElliott>,
    /// The probability that a packet arrives twice.
    pub duplicate: f64,
    /// The probability that a packet is held back, and for how long.
    pub reorder: (f64, Duration),
    /// The probability that a bit of a packet flips.
    pub corrupt: f64,
    /// The line's rate and its queue.
    pub line: Option<Line>,
    /// The largest packet.
    pub mtu: Option<u32>,
}

/// A line of limited rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its rate.
    pub bits_per_second: u64,
    /// How much can wait in front of it.
    pub queue_bytes: u64,
}

impl Way {
    /// What to install on the segment that stands for it. What does nothing is left out, so that a plain network stays a
    /// fast one.
    pub fn impairments(&self) -> Vec<Impairment> {
        let all = [
            self.mtu.map(Impairment::Mtu),
            (self.loss > 0.0).then_some(Impairment::Loss(self.loss)),
            self.burst.map(Impairment::Burst),
            self.line
                .map(|Line { bits_per_second, queue_bytes }| Impairment::Bandwidth { bits_per_second, queue_bytes }),
            (!self.latency.is_zero()).then_some(Impairment::Latency(self.latency)),
            (!self.jitter.is_zero()).then_some(Impairment::Jitter(self.jitter)),
            (self.reorder.0 > 0.0).then_some(Impairment::Reorder { probability: self.reorder.0, hold: self.reorder.1 }),
            (self.duplicate > 0.0).then_some(Impairment::Duplicate(self.duplicate)),
            (self.corrupt > 0.0).then_some(Impairment::Corrupt(self.corrupt)),
        ];
        all.into_iter().flatten().collect()
    }
}

/// A named access network.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name, as its file spells it.
    pub name: String,
    /// From the machine.
    pub up: Way,
    /// To the machine.
    pub down: Way,
}

/// Why a folder's profiles can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A folder or file that can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: {what}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What the reader said.
        what: String,
    },
    /// A field is wrong.
    #[error("{}:{line}: {field}: {what}", file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// The field, with its table: `up.loss_percent`.
        field: String,
        /// What is wrong with it.
        what: String,
    },
}

/// There is no profile of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no network profile {asked:?}; {}", suggestion(nearest, "there are"))]
pub struct UnknownProfile {
    /// The name that was asked for.
    pub asked: String,
    /// The names nearest to it, or all names if none is near.
    pub nearest: Vec<String>,
}

/// A set of profiles, by name.
///
/// ```
/// use busyhour::net::profile::Profiles;
/// use std::time::Duration;
///
/// let profiles = Profiles::builtin();
/// assert_eq!(profiles.get("Office-LAN")?.up.latency, Duration::from_micros(500));
/// assert_eq!(
///     profiles.get("hotel wfi").unwrap_err().to_string(),
///     "there is no network profile \"hotel wfi\"; did you mean \"hotel wifi\"?",
/// );
/// # Ok::<(), busyhour::net::profile::UnknownProfile>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    /// By [`key`].
    profiles: BTreeMap<String, Profile>,
}

const BUILTIN: [(&str, &str); 5] = [
    ("4g.toml", include_str!("../../../fixtures/networks/4g.toml")),
    ("home-wifi.toml", include_str!("../../../fixtures/networks/home-wifi.toml")),
    ("hotel-wifi.toml", include_str!("../../../fixtures/networks/hotel-wifi.toml")),
    ("office-lan.toml", include_str!("../../../fixtures/networks/office-lan.toml")),
    ("satellite.toml", include_str!("../../../fixtures/networks/satellite.toml")),
];

impl Profiles {
    /// The profiles that are compiled in: "4G", "home wifi", "hotel wifi", "office LAN" and "satellite".
    pub fn builtin() -> Profiles {
        let mut profiles = Profiles { profiles: BTreeMap::new() };
        for (file, text) in BUILTIN {
            let (profile, _) = read(Path::new(file), text).expect("a test reads every built-in profile");
            profiles.profiles.insert(key(&profile.name), profile);
        }
        profiles
    }

    /// Adds the profiles of a folder: each of its `*.toml` files, in the order of their names. One of the name of a
    /// profile that is there already overrides it. Says how many there were; after an error nothing has changed.
    ///
    /// # Errors
    ///
    /// The folder or a file can't be read, a file is no profile, or two of its files have the same name in them.
    pub fn with_folder(&mut self, folder: &Path) -> Result<usize, ProfileError> {
        self.with_texts(&texts_of(folder)?)
    }

    fn with_texts(&mut self, texts: &[(PathBuf, String)]) -> Result<usize, ProfileError> {
        let mut read_so_far: BTreeMap<String, (&Path, Profile)> = BTreeMap::new();
        for (file, text) in texts {
            let (profile, line) = read(file, text)?;
            if let Some((other, _)) = read_so_far.get(&key(&profile.name)) {
                let what = format!("{} is called {:?}, too", other.display(), profile.name);
                return Err(ProfileError::Field { file: file.clone(), line, field: "name".to_owned(), what });
            }
            read_so_far.insert(key(&profile.name), (file, profile));
        }
        let count = read_so_far.len();
        self.profiles.extend(read_so_far.into_iter().map(|(key, (_, profile))| (key, profile)));
        Ok(count)
    }

    /// The profile of that name; case, spaces and hyphens don't matter.
    ///
    /// # Errors
    ///
    /// There is none; the error names the nearest.
    pub fn get(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        self.profiles.get(&key(name)).ok_or_else(|| UnknownProfile {
            asked: name.to_owned(),
            nearest: nearest(name, &self.names().collect::<Vec<_>>()),
        })
    }

    /// All names, in a fixed order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.values().map(|profile| profile.name.as_str())
    }
}

/// What of a name matters.
pub(crate) fn key(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Those of `words` that `typed` may have meant, best first; all if it's like none.
pub(crate) fn nearest(typed: &str, words: &[&str]) -> Vec<String> {
    let typed = key(typed);
    let far = typed.chars().count() / 3 + 1;
    let mut near: Vec<(usize, &str)> = words.iter().map(|word| (distance(&typed, &key(word)), *word)).collect();
    near.retain(|(distance, _)| *distance <= far);
    near.sort_unstable();
    if near.is_empty() {
        return words.iter().map(|&word| word.to_owned()).collect();
    }
    // Words at more than the best one's distance are noise beside it.
    let best = near[0].0;
    near.iter().take_while(|(distance, _)| *distance == best).map(|(_, word)| (*word).to_owned()).collect()
}

/// How many letters must be added, dropped or changed to make one word the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

/// "did you mean "x"?" for one or two words, a list for more.
pub(crate) fn suggestion(words: &[String], list: &str) -> String {
    match words {
        [one] => format!("did you mean {one:?}?"),
        [one, other] => format!("did you mean {one:?} or {other:?}?"),
        many => format!("{list} {}", many.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")),
    }
}

/// Reads a file's TOML.
pub(crate) fn parse<'a>(file: &Path, text: &'a str) -> Result<Spanned<DeTable<'a>>, ProfileError> {
    DeTable::parse(text).map_err(|error| ProfileError::Syntax {
        file: file.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    })
}

/// The texts of a folder's `*.toml` files, in the order of their names.
pub(crate) fn texts_of(folder: &Path) -> Result<Vec<(PathBuf, String)>, ProfileError> {
    let unreadable = |path: &Path, source| ProfileError::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let path = entry.map_err(|e| unreadable(folder, e))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) => Err(unreadable(&path, error)),
    };
    files.into_iter().map(read).collect()
}

/// Reads a file's text: the profile, and the line of its name.
fn read(file: &Path, text: &str) -> Result<(Profile, usize), ProfileError> {
    let document = parse(file, text)?;
    let root = Fields { file, text, path: String::new(), table: document.get_ref(), starts: 0 };
    let (mut name, mut up, mut down) = (None, None, None);
    for (field, at, value) in root.in_order() {
        match field {
            "name" => name = Some((root.name(at, value)?, root.line(at))),
            "up" => up = Some(way(&root.table_in(field, at, value)?)?),
            "down" => down = Some(way(&root.table_in(field, at, value)?)?),
            _ => return Err(root.unknown(field, at, &["name", "up", "down"])),
        }
    }
    let (name, line) = name.ok_or_else(|| root.wrong("name", 0, "is missing: how do scenarios call it?".to_owned()))?;
    let missing = |way| root.wrong(way, 0, "is missing: a profile has the tables [up] and [down]".to_owned());
    Ok((Profile { name, up: up.ok_or_else(|| missing("up"))?, down: down.ok_or_else(|| missing("down"))? }, line))
}

const WAY_FIELDS: [&str; 11] = [
    "latency_ms",
    "jitter_ms",
    "loss_percent",
    "burst",
    "duplicate_percent",
    "reorder_percent",
    "reorder_hold_ms",
    "corrupt_percent",
    "kbit_per_second",
    "queue_kb",
    "mtu",
];
const BURST_FIELDS: [&str; 4] = ["good_to_bad_percent", "bad_to_good_percent", "loss_good_percent", "loss_bad_percent"];

/// Longer than a voice frame's 20 ms, so that the next one overtakes.
const REORDER_HOLD: Duration = Duration::from_millis(30);
const QUEUE_BYTES: u64 = 64_000;

fn way(fields: &Fields<'_>) -> Result<Way, ProfileError> {
    let mut way = Way { reorder: (0.0, REORDER_HOLD), ..Way::default() };
    let (mut bits_per_second, mut queue, mut jitter_at) = (None, None, 0);
    for (field, at, value) in fields.in_order() {
        match field {
            "latency_ms" => way.latency = fields.millis(field, at, value)?,
            "jitter_ms" => (way.jitter, jitter_at) = (fields.millis(field, at, value)?, at),
            "loss_percent" => way.loss = fields.share(field, at, value)?,
            "burst" => way.burst = Some(burst(&fields.table_in(field, at, value)?)?),
            "duplicate_percent" => way.duplicate = fields.share(field, at, value)?,
            "reorder_percent" => way.reorder.0 = fields.share(field, at, value)?,
            "reorder_hold_ms" => way.reorder.1 = fields.millis(field, at, value)?,
            "corrupt_percent" => way.corrupt = fields.share(field, at, value)?,
            "kbit_per_second" => bits_per_second = Some(fields.thousands(field, at, value, 1)?),
            "queue_kb" => queue = Some((fields.thousands(field, at, value, 0)?, at)),
            "mtu" => way.mtu = Some(fields.mtu(field, at, value)?),
            _ => return Err(fields.unknown(field, at, &WAY_FIELDS)),
        }
    }
    if way.jitter > way.latency {
        let what = format!(
            "{} is more than the latency of {}: a packet would arrive before it left",
            millis_text(way.jitter),
            millis_text(way.latency)
        );
        return Err(fields.wrong("jitter_ms", jitter_at, what));
    }
    way.line = match (bits_per_second, queue) {
        (Some(bits_per_second), queue) => {
            Some(Line { bits_per_second, queue_bytes: queue.map_or(QUEUE_BYTES, |(bytes, _)| bytes) })
        }
        (None, Some((_, at))) => {
            let what = "there is no queue without a line: kbit_per_second is missing".to_owned();
            return Err(fields.wrong("queue_kb", at, what));
        }
        (None, None) => None,
    };
    Ok(way)
}

fn burst(fields: &Fields<'_>) -> Result<GilbertElliott, ProfileError> {
    let (mut good_to_bad, mut bad_to_good) = (None, None);
    let (mut loss_good, mut loss_bad) = (0.0, 1.0);
    for (field, at, value) in fields.in_order() {
        let share = fields.share(field, at, value);
        match field {
            "good_to_bad_percent" => good_to_bad = Some(share?),
            "bad_to_good_percent" => bad_to_good = Some(share?),
            "loss_good_percent" => loss_good = share?,
            "loss_bad_percent" => loss_bad = share?,
            _ => return Err(fields.unknown(field, at, &BURST_FIELDS)),
        }
    }
    let missing = |field| move || fields.wrong(field, fields.starts, "is missing".to_owned());
    Ok(GilbertElliott {
        p_good_to_bad: good_to_bad.ok_or_else(missing("good_to_bad_percent"))?,
        p_bad_to_good: bad_to_good.ok_or_else(missing("bad_to_good_percent"))?,
        loss_good,
        loss_bad,
    })
}

fn millis_text(duration: Duration) -> String {
    format!("{} ms", duration.as_secs_f64() * 1000.0)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count()
}

/// A table of a file, with what its errors need.
pub(crate) struct Fields<'a> {
    pub(crate) file: &'a Path,
    pub(crate) text: &'a str,
    /// The table's name, with those around it; nothing for the whole file.
    pub(crate) path: String,
    pub(crate) table: &'a DeTable<'a>,
    /// Where in the text the table starts.
    pub(crate) starts: usize,
}

impl<'a> Fields<'a> {
    /// Its fields, each with its place, in the order of the file: of two errors the upper one is told.
    pub(crate) fn in_order(&self) -> Vec<(&'a str, usize, &'a DeValue<'a>)> {
        let field = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let text: &'a std::borrow::Cow<'a, str> = name.get_ref();
            (text.as_ref(), name.span().start, value.get_ref())
        };
        let mut fields: Vec<_> = self.table.iter().map(field).collect();
        fields.sort_by_key(|&(_, at, _)| at);
        fields
    }

    pub(crate) fn line(&self, at: usize) -> usize {
        line_of(self.text, at)
    }

    pub(crate) fn wrong(&self, field: &str, at: usize, what: String) -> ProfileError {
        let field = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        ProfileError::Field { file: self.file.to_owned(), line: self.line(at), field, what }
    }

    pub(crate) fn unknown(&self, field: &str, at: usize, known: &[&str]) -> ProfileError {
        let what = format!("there is no such field; {}", suggestion(&nearest(field, known), "there are"));
        self.wrong(field, at, what)
    }

    pub(crate) fn wrong_type(&self, field: &str, at: usize, wanted: &str, value: &DeValue<'_>) -> ProfileError {
        self.wrong(field, at, format!("{wanted} is needed here, not a TOML {}", value.type_str()))
    }

    pub(crate) fn table_in(&self, field: &str, at: usize, value: &'a DeValue<'a>) -> Result<Fields<'a>, ProfileError> {
        let table = value.as_table().ok_or_else(|| self.wrong_type(field, at, "a table", value))?;
        let path = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        Ok(Fields { file: self.file, text: self.text, path, table, starts: at })
    }

    pub(crate) fn name(&self, at: usize, value: &DeValue<'_>) -> Result<String, ProfileError> {
        let name = value.as_str().ok_or_else(|| self.wrong_type("name", at, "a string", value))?;
        if key(name).is_empty() {
            return Err(self.wrong("name", at, format!("{name:?} is no name")));
        }
        Ok(name.to_owned())
    }

    /// A number that is neither below `least` nor above `most`.
    pub(crate) fn number(
        &self,
        field: &str,
        at: usize,
        value: &DeValue<'_>,
        (least, most): (f64, f64),
    ) -> Result<f64, ProfileError> {
        let number = match value {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number as f64)
            }
            DeValue::Float(float) => float.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => return Err(self.wrong_type(field, at, "a number", value)),
        };
        let what = match number {
            None => "is no number that a network has".to_owned(),
            Some(number) if number < 0.0 => format!("{number} is negative"),
            Some(number) if number < least => format!("{number} is under {least}"),
            Some(number) if number > most => format!("{number} is over {most}"),
            Some(number) => return Ok(number),
        };
        Err(self.wrong(field, at, what))
    }

    /// A percentage, as a probability.
    fn share(&self, field: &str, at: usize, value: &DeValue<'_>) -> Result<f64, ProfileError> {
        Ok(self.number(field, at, value, (0.0, 100.0))? / 100.0)
    }

    /// Milliseconds, a minute at most.
    fn millis(&self, field: &str, at: usize, value: &DeValue<'_>) -> Result<Duration, ProfileError> {
        let millis = self.number(field, at, value, (0.0, 60_000.0))?;
        Ok(Duration::from_nanos((millis * 1e6).round() as u64))
    }

    /// A number of thousands, `least` of them at least and a thousand million at most.
    fn thousands(&self, field: &str, at: usize, value: &DeValue<'_>, least: u8) -> Result<u64, ProfileError> {
        Ok((self.number(field, at, value, (f64::from(least), 1e9))? * 1e3).round() as u64)
    }

    fn mtu(&self, field: &str, at: usize, value: &DeValue<'_>) -> Result<u32, ProfileError> {
        if !value.is_integer() {
            return Err(self.wrong_type(field, at, "a whole number", value));
        }
        // RFC 791: every link carries 68 bytes (section 3.2), and a packet's length field ends at 65,535 (3.1).
        Ok(self.number(field, at, value, (68.0, 65_535.0))? as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a file `slow.toml` with this text.
    fn error(text: &str) -> String {
        read(Path::new("slow.toml"), text).expect_err("a bad profile").to_string()
    }

    /// The error of a profile whose way up is this.
    fn error_of_up(up: &str) -> String {
        error(&format!("name = \"slow\"\n\n[down]\n[up]\n{up}\n"))
    }

    fn way_of(up: &str) -> Way {
        let text = format!("name = \"slow\"\n[down]\n[up]\n{up}\n");
        read(Path::new("slow.toml"), &text).expect("a good profile").0.up
    }

    #[test]
    fn the_built_in_profiles_are_there_by_the_names_that_scenarios_use() {
        let profiles = Profiles::builtin();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["4G", "home wifi", "hotel wifi", "office LAN", "satellite"]);
        for name in ["office LAN", "home wifi", "hotel wifi", "4G", "satellite"] {
            let profile = profiles.get(name).expect(name);
            for impairment in [profile.up.impairments(), profile.down.impairments()].concat() {
                assert_eq!(impairment.check(), Ok(()), "{name}");
            }
        }
    }

    #[test]
    fn between_two_machines_on_the_office_lan_lies_one_millisecond_and_nothing_else() {
        let office = Profiles::builtin().get("office LAN").expect("built in").clone();
        let half = Duration::from_micros(500);
        assert_eq!(office.up.impairments(), [Impairment::Latency(half)]);
        assert_eq!(office.down.impairments(), [Impairment::Latency(half)]);
    }

    #[test]
    fn a_name_is_found_whatever_its_case_spaces_and_hyphens() {
        let profiles = Profiles::builtin();
        for name in ["hotel wifi", "Hotel WiFi", "hotel-wifi", "HOTEL_WIFI", "hotelwifi"] {
            assert_eq!(profiles.get(name).expect(name).name, "hotel wifi");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let text = |name| Profiles::builtin().get(name).expect_err("unknown").to_string();
        assert_eq!(text("sattelite"), "there is no network profile \"sattelite\"; did you mean \"satellite\"?");
        assert_eq!(text("5G"), "there is no network profile \"5G\"; did you mean \"4G\"?");
        assert_eq!(
            text("hote wifi"),
            "there is no network profile \"hote wifi\"; did you mean \"home wifi\" or \"hotel wifi\"?"
        );
        assert_eq!(text("hoel wifi"), "there is no network profile \"hoel wifi\"; did you mean \"hotel wifi\"?");
        assert_eq!(
            text("the moon"),
            "there is no network profile \"the moon\"; there are \"4G\", \"home wifi\", \"hotel wifi\", \
             \"office LAN\", \"satellite\""
        );
    }

    #[test]
    fn two_names_equally_near_are_both_offered() {
        assert_eq!(
            suggestion(&nearest("bat", &["cat", "dog", "rat"]), "there are"),
            "did you mean \"cat\" or \"rat\"?"
        );
    }

    #[test]
    fn the_distance_of_words_counts_letters() {
        let pairs = [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)];
        for (one, other, expected) in pairs {
            assert_eq!(distance(one, other), expected, "{one} and {other}");
        }
    }

    #[test]
    fn every_field_is_read_in_its_unit() {
        let way = way_of(
            "latency_ms = 20.25\njitter_ms = 5\nloss_percent = 0.5\n\
             burst = { good_to_bad_percent = 1, bad_to_good_percent = 25, loss_good_percent = 2, loss_bad_percent = 50 }\n\
             duplicate_percent = 3\nreorder_percent = 4\nreorder_hold_ms = 45\ncorrupt_percent = 100\n\
             kbit_per_second = 1_500\nqueue_kb = 12\nmtu = 1400",
        );
        let expected = Way {
            latency: Duration::from_micros(20_250),
            jitter: Duration::from_millis(5),
            loss: 0.005,
            burst: Some(GilbertElliott { p_good_to_bad: 0.01, p_bad_to_good: 0.25, loss_good: 0.02, loss_bad: 0.5 }),
            duplicate: 0.03,
            reorder: (0.04, Duration::from_millis(45)),
            corrupt: 1.0,
            line: Some(Line { bits_per_second: 1_500_000, queue_bytes: 12_000 }),
            mtu: Some(1400),
        };
        assert_eq!(way, expected);
        assert_eq!(
            way.impairments(),
            [
                Impairment::Mtu(1400),
                Impairment::Loss(0.005),
                Impairment::Burst(expected.burst.expect("just set")),
                Impairment::Bandwidth { bits_per_second: 1_500_000, queue_bytes: 12_000 },
                Impairment::Latency(Duration::from_micros(20_250)),
                Impairment::Jitter(Duration::from_millis(5)),
                Impairment::Reorder { probability: 0.04, hold: Duration::from_millis(45) },
                Impairment::Duplicate(0.03),
                Impairment::Corrupt(1.0),
            ]
        );
    }

    #[test]
    fn what_is_left_out_does_nothing_or_has_its_documented_default() {
        assert_eq!(way_of("").impairments(), []);
        assert_eq!(way_of("latency_ms = 0\nloss_percent = 0\nreorder_percent = 0").impairments(), []);
        assert_eq!(way_of("kbit_per_second = 1").line, Some(Line { bits_per_second: 1000, queue_bytes: 64_000 }));
        assert_eq!(way_of("reorder_percent = 1").reorder, (0.01, Duration::from_millis(30)));
        let burst =
            way_of("burst = { good_to_bad_percent = 1, bad_to_good_percent = 25 }").burst.expect("there is one");
        assert_eq!((burst.loss_good, burst.loss_bad), (0.0, 1.0));
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_nearest_one() {
        assert_eq!(
            error_of_up("latency_ms = 3\nlatencyms = 20"),
            "slow.toml:6: up.latencyms: there is no such field; did you mean \"latency_ms\"?"
        );
        assert_eq!(
            error_of_up("latency_ms = 3\nlos_percent = 20"),
            "slow.toml:6: up.los_percent: there is no such field; did you mean \"loss_percent\"?"
        );
        assert_eq!(error("name = \"slow\"\n[upp]\n"), "slow.toml:2: upp: there is no such field; did you mean \"up\"?");
        assert_eq!(
            error_of_up("burst = { good_to_bad = 1 }"),
            "slow.toml:5: up.burst.good_to_bad: there is no such field; there are \"good_to_bad_percent\", \
             \"bad_to_good_percent\", \"loss_good_percent\", \"loss_bad_percent\""
        );
    }

    #[test]
    fn a_number_out_of_its_range_is_refused_and_the_last_one_within_is_not() {
        assert_eq!(way_of("loss_percent = 100").loss, 1.0);
        assert_eq!(error_of_up("loss_percent = 100.1"), "slow.toml:5: up.loss_percent: 100.1 is over 100");
        assert_eq!(error_of_up("latency_ms = -3"), "slow.toml:5: up.latency_ms: -3 is negative");
        assert_eq!(way_of("latency_ms = 60_000").latency, Duration::from_secs(60));
        assert_eq!(error_of_up("latency_ms = 60001"), "slow.toml:5: up.latency_ms: 60001 is over 60000");
        assert_eq!(error_of_up("kbit_per_second = 0"), "slow.toml:5: up.kbit_per_second: 0 is under 1");
        assert_eq!((way_of("mtu = 68").mtu, way_of("mtu = 65535").mtu), (Some(68), Some(65_535)));
        assert_eq!(error_of_up("mtu = 67"), "slow.toml:5: up.mtu: 67 is under 68");
        assert_eq!(error_of_up("mtu = 65536"), "slow.toml:5: up.mtu: 65536 is over 65535");
        assert_eq!(error_of_up("loss_percent = nan"), "slow.toml:5: up.loss_percent: is no number that a network has");
        assert_eq!(error_of_up("loss_percent = inf"), "slow.toml:5: up.loss_percent: is no number that a network has");
        assert_eq!(
            error_of_up("burst = { good_to_bad_percent = 1, bad_to_good_percent = 101 }"),
            "slow.toml:5: up.burst.bad_to_good_percent: 101 is over 100"
        );
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert_eq!(
            error_of_up("latency_ms = \"20\""),
            "slow.toml:5: up.latency_ms: a number is needed here, not a TOML string"
        );
        assert_eq!(error_of_up("mtu = 1500.5"), "slow.toml:5: up.mtu: a whole number is needed here, not a TOML float");
        assert_eq!(error_of_up("burst = 3"), "slow.toml:5: up.burst: a table is needed here, not a TOML integer");
        assert_eq!(error("name = 4\n"), "slow.toml:1: name: a string is needed here, not a TOML integer");
    }

    #[test]
    fn what_must_be_there_and_is_not_is_named() {
        assert_eq!(error("[up]\n[down]\n"), "slow.toml:1: name: is missing: how do scenarios call it?");
        assert_eq!(error("name = \" - \"\n[up]\n[down]\n"), "slow.toml:1: name: \" - \" is no name");
        assert_eq!(
            error("name = \"slow\"\n[up]\n"),
            "slow.toml:1: down: is missing: a profile has the tables [up] and [down]"
        );
        assert_eq!(
            error("name = \"slow\"\n[down]\n"),
            "slow.toml:1: up: is missing: a profile has the tables [up] and [down]"
        );
        assert_eq!(
            error_of_up("burst = { good_to_bad_percent = 1 }"),
            "slow.toml:5: up.burst.bad_to_good_percent: is missing"
        );
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        assert_eq!(way_of("latency_ms = 5\njitter_ms = 5").jitter, Duration::from_millis(5));
        assert_eq!(
            error_of_up("jitter_ms = 5.5\nlatency_ms = 5"),
            "slow.toml:5: up.jitter_ms: 5.5 ms is more than the latency of 5 ms: a packet would arrive before it left"
        );
        assert_eq!(
            error_of_up("latency_ms = 5\nqueue_kb = 5"),
            "slow.toml:6: up.queue_kb: there is no queue without a line: kbit_per_second is missing"
        );
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_its_line() {
        assert_eq!(error("name = \"slow\"\n[up\n"), "slow.toml:2: unclosed table, expected `]`");
        assert!(error("name = \"slow\"\nname = \"fast\"\n").starts_with("slow.toml:2: duplicate key"));
    }

    #[test]
    fn of_two_errors_the_upper_one_is_told() {
        assert_eq!(
            error_of_up("loss_percent = -1\ncorrupt_percent = -2"),
            "slow.toml:5: up.loss_percent: -1 is negative"
        );
    }

    fn profile_called(name: &str, latency: u32) -> String {
        format!("# A comment.\nname = \"{name}\"\n[up]\nlatency_ms = {latency}\n[down]\n")
    }

    #[test]
    fn two_files_of_one_name_are_refused_and_nothing_changes() {
        let mut profiles = Profiles::builtin();
        let texts = [
            (PathBuf::from("a.toml"), profile_called("hotel wifi", 1)),
            (PathBuf::from("b.toml"), profile_called("Hotel-WiFi", 2)),
        ];
        let error = profiles.with_texts(&texts).expect_err("one name twice").to_string();
        assert_eq!(error, "b.toml:2: name: a.toml is called \"Hotel-WiFi\", too");
        assert_eq!(profiles, Profiles::builtin());
    }

    #[test]
    fn a_folders_files_are_read_in_the_order_of_their_names() {
        let folder = std::env::temp_dir().join(format!("busyhour-order-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for n in (0..20).rev() {
            std::fs::write(folder.join(format!("{n:02}.toml")), profile_called("train", n)).expect("a file");
        }
        let error = Profiles::builtin().with_folder(&folder).expect_err("one name in all of them").to_string();
        std::fs::remove_dir_all(&folder).expect("it was there");
        let (first, second) = (folder.join("00.toml"), folder.join("01.toml"));
        assert_eq!(error, format!("{}:2: name: {} is called \"train\", too", second.display(), first.display()));
    }

    #[test]
    fn a_folder_adds_profiles_and_overrides_built_in_ones() {
        let folder = std::env::temp_dir().join(format!("busyhour-profiles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("train.toml"), profile_called("train wifi", 70)).expect("a file");
        std::fs::write(folder.join("hotel.toml"), profile_called("Hotel Wifi", 99)).expect("a file");
        std::fs::write(folder.join("notes.txt"), "no profile").expect("a file");
        let mut profiles = Profiles::builtin();
        let count = profiles.with_folder(&folder);
        std::fs::remove_dir_all(&folder).expect("it was there");
        assert_eq!(count.expect("good profiles"), 2);
        let latency = |name| profiles.get(name).expect("there").up.latency.as_millis();
        assert_eq!((latency("train wifi"), latency("hotel wifi"), latency("satellite")), (70, 99, 290));
        assert_eq!(profiles.names().count(), 6);
        let gone = profiles.with_folder(&folder).expect_err("it's gone").to_string();
        assert_eq!(gone, format!("{}: No such file or directory (os error 2)", folder.display()));
    }
}
