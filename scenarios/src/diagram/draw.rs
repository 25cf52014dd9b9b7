//! Drawing rows with signs that every terminal has.

use busyhour_trace::{HostId, SimTime};

use super::Diagram;
use super::rows::{Row, Said, What};
use crate::report::clock_shown;

/// More hosts than this are told line by line: nobody follows so many columns.
const COLUMNS_MAX: usize = 7;
/// The least distance of two columns.
const COLUMN_MIN: usize = 16;
/// A longer label pushes no column further out.
const LABEL_MAX: usize = 44;
/// The width of the time in front.
const CLOCK: usize = 12;

/// The columns of a drawing.
pub(super) struct Columns {
    hosts: Vec<HostId>,
    names: Vec<String>,
    /// Where each stands; empty if there are too many of them.
    places: Vec<usize>,
}

impl Columns {
    /// Columns for those who say something in these rows, in the order in which they appear.
    pub(super) fn of(diagram: &Diagram, rows: &[&Row]) -> Columns {
        let mut hosts: Vec<HostId> = Vec::new();
        let mut appear = |host: Option<HostId>| {
            if let Some(host) = host
                && !hosts.contains(&host)
            {
                hosts.push(host);
            }
        };
        for row in rows {
            match &row.what {
                What::Message(said) => {
                    appear(said.from);
                    appear(said.to);
                }
                What::Audio(audio) => {
                    appear(Some(audio.from));
                    appear(Some(audio.to));
                }
                _ => {}
            }
        }
        let names: Vec<String> = hosts.iter().map(|host| diagram.name(*host)).collect();
        let mut columns = Columns { hosts, names, places: Vec::new() };
        if columns.hosts.len() <= COLUMNS_MAX {
            columns.place(rows);
        }
        columns
    }

    fn place(&mut self, rows: &[&Row]) {
        let count = self.hosts.len();
        let mut distances = vec![COLUMN_MIN; count.saturating_sub(1)];
        for (index, distance) in distances.iter_mut().enumerate() {
            *distance = (*distance).max((self.names[index].len() + self.names[index + 1].len()) / 2 + 3);
        }
        // The narrow arrows first: what they need a wide one has already.
        let mut spans: Vec<(usize, usize, usize)> = Vec::new();
        for row in rows {
            let (ends, label) = match &row.what {
                What::Message(said) => ((said.from, said.to), said.label.clone()),
                What::Audio(audio) => ((Some(audio.from), Some(audio.to)), super::told::audio_label(audio)),
                _ => continue,
            };
            let (Some(from), Some(to)) = (self.index(ends.0), self.index(ends.1)) else { continue };
            let needed = label.chars().count().min(LABEL_MAX) + 8;
            spans.push((from.min(to), from.max(to), needed));
        }
        spans.sort_by_key(|(low, high, _)| high - low);
        for (low, high, needed) in spans {
            let there: usize = distances[low..high].iter().sum();
            if let Some(last) = distances[low..high].last_mut() {
                *last += needed.saturating_sub(there);
            }
        }
        let first = CLOCK + 3 + self.names.first().map_or(0, |name| name.chars().count() / 2);
        self.places = vec![first];
        for distance in distances {
            self.places.push(self.places[self.places.len() - 1] + distance);
        }
    }

    fn index(&self, host: Option<HostId>) -> Option<usize> {
        self.hosts.iter().position(|one| Some(*one) == host)
    }

    /// The line of names.
    pub(super) fn head(&self) -> Option<String> {
        if self.places.is_empty() || self.hosts.is_empty() {
            return None;
        }
        let mut line = Line::default();
        for (place, name) in self.places.iter().zip(&self.names) {
            line.put(place.saturating_sub(name.chars().count() / 2), name);
        }
        Some(line.text())
    }

    fn lifelines(&self, at: SimTime) -> Line {
        let mut line = Line::default();
        line.put(0, &format!("{:>CLOCK$}", clock_shown(at)));
        for place in &self.places {
            line.put(*place, "|");
        }
        line
    }

    /// A row's line.
    pub(super) fn line(&self, row: &Row) -> String {
        match &row.what {
            What::Message(said) => self.message(row.at, said),
            What::Audio(audio) => {
                let label = super::told::audio_label(audio);
                let remark = super::told::audio_remark(audio);
                let ends = (self.index(Some(audio.from)), self.index(Some(audio.to)));
                let tips = match (audio.both, audio.heard) {
                    (true, _) => ('<', '>'),
                    (false, false) => ('|', 'x'),
                    (false, true) => ('|', '>'),
                };
                match (ends, self.places.is_empty()) {
                    ((Some(from), Some(to)), false) if from != to => {
                        let mut line = self.lifelines(row.at);
                        self.arrow(&mut line, (from, to), '=', tips, &label);
                        line.end_with(&remark);
                        line.text()
                    }
                    _ => {
                        let (from, to) = (self.name(ends.0), self.name(ends.1));
                        joined(row.at, &format!("{from} -> {to}: {label}"), &remark)
                    }
                }
            }
            What::Step(text) => format!("{:>CLOCK$}  -- {text}", clock_shown(row.at)),
            What::World(text, _) => format!("{:>CLOCK$}  *** {text}", clock_shown(row.at)),
            What::Gap(count) => format!("{:>CLOCK$}  ... {count} messages were not kept ...", ""),
        }
    }

    fn name(&self, index: Option<usize>) -> &str {
        index.map_or("nobody", |index| &self.names[index])
    }

    fn message(&self, at: SimTime, said: &Said) -> String {
        let ends = (self.index(said.from), self.index(said.to));
        let mut remarks = said.remarks.clone();
        remarks.extend(said.lost.map(|why| format!("lost: {why}")));
        let remark = remarks.join("; ");
        match (ends, self.places.is_empty()) {
            ((Some(from), Some(to)), false) if from != to => {
                let mut line = self.lifelines(at);
                let tip = if said.lost.is_some() { 'x' } else { '>' };
                self.arrow(&mut line, (from, to), '-', ('|', tip), &said.label);
                line.end_with(&remark);
                line.text()
            }
            _ => {
                let arrow = if said.lost.is_some() { "-x" } else { "->" };
                let (from, to) = (self.name(ends.0), self.name(ends.1));
                joined(at, &format!("{from} {arrow} {to}: {}", said.label), &remark)
            }
        }
    }

    /// An arrow between two columns; a lost one ends before it's there.
    fn arrow(&self, line: &mut Line, ends: (usize, usize), shaft: char, tips: (char, char), label: &str) {
        let (from, to) = (self.places[ends.0], self.places[ends.1]);
        let (low, high) = (from.min(to) + 1, from.max(to) - 1);
        let rightwards = to > from;
        for place in low..=high {
            line.set(place, shaft);
        }
        let tip = match (tips.1, rightwards) {
            ('>', false) => '<',
            (tip, _) => tip,
        };
        let back = match (tips.0, rightwards) {
            ('<', true) => Some('<'),
            ('<', false) => Some('>'),
            _ => None,
        };
        let (front, rear) = if rightwards { (high, low) } else { (low, high) };
        let mut room = (low, high);
        if tip == 'x' {
            // It gets most of the way: three blanks are left in front of the column that it never reaches.
            for step in 0..3 {
                line.set(if rightwards { high - step } else { low + step }, ' ');
            }
            let end = if rightwards { high - 3 } else { low + 3 };
            line.set(end, 'x');
            room = if rightwards { (low, end) } else { (end, high) };
        } else {
            line.set(front, tip);
        }
        if let Some(back) = back {
            line.set(rear, back);
        }
        let space = (room.1 - room.0 + 1).saturating_sub(4);
        let label: String = label.chars().take(space.saturating_sub(2)).collect();
        let label = format!(" {label} ");
        let begin = room.0 + (room.1 - room.0 + 1 - label.chars().count().min(room.1 - room.0 + 1)) / 2;
        line.put(begin, &label);
    }
}

fn joined(at: SimTime, text: &str, remark: &str) -> String {
    let remark = if remark.is_empty() { String::new() } else { format!("  {remark}") };
    format!("{:>CLOCK$}  {text}{remark}", clock_shown(at))
}

/// A line of signs.
#[derive(Default)]
struct Line(Vec<char>);

impl Line {
    fn set(&mut self, place: usize, sign: char) {
        if self.0.len() <= place {
            self.0.resize(place + 1, ' ');
        }
        self.0[place] = sign;
    }

    fn put(&mut self, place: usize, text: &str) {
        for (offset, sign) in text.chars().enumerate() {
            self.set(place + offset, sign);
        }
    }

    fn end_with(&mut self, remark: &str) {
        if !remark.is_empty() {
            let end = self.0.len();
            self.put(end + 2, remark);
        }
    }

    fn text(&self) -> String {
        let text: String = self.0.iter().collect();
        text.trim_end().to_owned()
    }
}
