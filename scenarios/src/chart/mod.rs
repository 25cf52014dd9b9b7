//! A chart of one run: everything that happened, on one clock, made from the run's record alone.
//!
//! The record's capture is sighted again ([`busyhour_trace::replay`]) by the same collector that draws
//! [diagrams](crate::diagram), by a reader of HTTP, and by one of audio; the event log tells what people and the world did.
//! A lane is a party; an arrow is a message on its way, or a try of it; a band is audio one way, or a state that an
//! agent's screen showed.
//!
//! - [`Chart::text`]: the diagram that a run leaves in its record.
//! - [`mermaid`]: a sequence diagram for whatever shows Mermaid.
//! - [`svg`]: a picture that stands alone.
//! - [`crate::report_html`]: a page to look around in.

mod audio;
mod doings;
mod exchanges;
mod http;
pub mod mermaid;
mod shape;
mod states;
pub mod svg;

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use busyhour_trace::record::{self, Record, RecordError};
use busyhour_trace::replay::Capture;
use busyhour_trace::{HostId, Log, Loss, PacketId, SimTime, Stage};

pub use audio::{Band, Window};
pub use doings::{Doing, Manner};
pub use states::State;

use crate::diagram::collect as seen;
use crate::diagram::rows::What;
use crate::diagram::{Collector, Diagram};

/// What an arrow speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// SIP, over whatever carries it.
    Sip,
    /// What opens and closes a WebSocket.
    WebSocket,
    /// How media finds its way and gets its keys: ICE, TURN, DTLS.
    Media,
    /// A webhook, and the answer to it.
    Webhook,
    /// Any other HTTP.
    Http,
    /// An agent's screen asks the floor.
    Screen,
    /// A connection that isn't made at once, or not at all.
    Tcp,
}

impl Protocol {
    /// All of them, in the order in which they're listed.
    pub const ALL: [Protocol; 7] = [
        Protocol::Sip,
        Protocol::WebSocket,
        Protocol::Media,
        Protocol::Webhook,
        Protocol::Http,
        Protocol::Screen,
        Protocol::Tcp,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Sip => "SIP",
            Protocol::WebSocket => "WebSocket",
            Protocol::Media => "ICE, DTLS, TURN",
            Protocol::Webhook => "Webhooks",
            Protocol::Http => "HTTP",
            Protocol::Screen => "Agent screens",
            Protocol::Tcp => "TCP connects",
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nobody knows.
    OnItsWay,
    /// It arrived then.
    Arrived(SimTime),
    /// It never did.
    Lost(Loss),
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// What it speaks.
    pub protocol: Protocol,
    /// Who sent it; nobody if it was the network itself.
    pub from: Option<HostId>,
    /// Who was to get it, where that is known.
    pub to: Option<HostId>,
    /// When it left.
    pub sent: SimTime,
    /// What became of it.
    pub fate: Fate,
    /// What it says, in a few words.
    pub label: String,
    /// What is to be said of it.
    pub remarks: Vec<String>,
    /// The message's text; empty if there's none to show.
    pub text: String,
    /// It was sent before.
    pub repeated: bool,
    /// It was TCP that sent it again; whoever speaks knows nothing of it.
    pub by_tcp: bool,
    /// The network made it.
    pub copied: bool,
    /// Which call or connection it belongs to: those of one protocol are told apart by it.
    pub call: Option<usize>,
    /// The arrow that it answers.
    pub reply_to: Option<usize>,
    /// The packet that carried it, or its end.
    pub packet: PacketId,
}

impl Arrow {
    fn new(
        protocol: Protocol,
        from: Option<HostId>,
        to: Option<HostId>,
        sent: SimTime,
        fate: Fate,
        label: String,
        packet: PacketId,
    ) -> Arrow {
        Arrow {
            protocol,
            from,
            to,
            sent,
            fate,
            label,
            remarks: Vec::new(),
            text: String::new(),
            repeated: false,
            by_tcp: false,
            copied: false,
            call: None,
            reply_to: None,
            packet,
        }
    }

    /// Why it was lost, if it was.
    pub fn lost(&self) -> Option<Loss> {
        match self.fate {
            Fate::Lost(loss) => Some(loss),
            Fate::OnItsWay => Some(Loss::StillInFlight),
            Fate::Arrived(_) => None,
        }
    }

    /// When it arrived; when it left, if it never did.
    pub fn ended(&self) -> SimTime {
        match self.fate {
            Fate::Arrived(at) => at,
            _ => self.sent,
        }
    }

    /// What stands behind its label: how often it was sent, what became of it.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.copied {
            told.push("copied by the network".to_owned());
        }
        if self.repeated {
            told.push(if self.by_tcp { "again, by TCP" } else { "again" }.to_owned());
        }
        told.extend(self.lost().map(|loss| format!("lost: {loss}")));
        told.extend(self.remarks.iter().cloned());
        told
    }
}

/// One run, on one clock.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The record that it was made from.
    pub record: Record,
    /// Where that is.
    pub folder: PathBuf,
    /// Those who say or hear something, or to whom something is done, in the order in which they appear.
    pub parties: Vec<HostId>,
    /// The messages, by the time at which they left.
    pub arrows: Vec<Arrow>,
    /// Audio.
    pub bands: Vec<Band>,
    /// What agents' screens showed.
    pub states: Vec<State>,
    /// What the world did.
    pub doings: Vec<Doing>,
    /// So many messages in the middle of a long run aren't kept.
    pub left_out: usize,
    diagram: Diagram,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The record can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The capture can't be read.
    #[error("reading {}: {source}", file.display())]
    Capture {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The capture is larger than asked for.
    #[error("{}: a capture of {bytes} bytes is too large to be drawn", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// How large it is.
        bytes: u64,
    },
}

impl Chart {
    /// The chart of the run whose record is in `folder`.
    ///
    /// ```no_run
    /// use busyhour_scenarios::chart::{Chart, svg};
    ///
    /// let chart = Chart::load("target/busyhour/features-calls/a-lost-ack-1f20ce/seed-0".as_ref())?;
    /// let lost = chart.arrows.iter().filter(|arrow| arrow.lost().is_some());
    /// println!("{} of {} messages were lost", lost.count(), chart.arrows.len());
    /// std::fs::write("lost-ack.svg", svg::svg(&chart))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the record can't be read.
    pub fn load(folder: &Path) -> Result<Chart, ChartError> {
        Chart::load_up_to(folder, u64::MAX)
    }

    /// The same, unless its capture is larger than `bytes_max`.
    ///
    /// # Errors
    /// If the record can't be read, or its capture is too large.
    pub fn load_up_to(folder: &Path, bytes_max: u64) -> Result<Chart, ChartError> {
        let record = Record::load(folder)?;
        let log = record.log(folder)?;
        let file = folder.join(record::WIRE);
        let trouble = |source| ChartError::Capture { file: file.clone(), source };
        let capture = if record.files.iter().any(|name| name == record::WIRE) {
            let bytes = fs::metadata(&file).map_err(trouble)?.len();
            if bytes > bytes_max {
                return Err(ChartError::TooLarge { file, bytes });
            }
            let input = BufReader::new(File::open(&file).map_err(trouble)?);
            Capture::read(input, epoch_ns(&record), &log).map_err(trouble)?
        } else {
            Capture::default()
        };
        Ok(Chart::of(record, folder.to_owned(), &log, &capture))
    }

    fn of(record: Record, folder: PathBuf, log: &Log, capture: &Capture) -> Chart {
        let mut collector = Collector::default();
        let mut web = http::Web::default();
        capture.replay(|seen| {
            collector.packet(seen);
            web.packet(seen);
        });
        let mut audio = audio::Audio::default();
        let mut strikes = Vec::new();
        capture.ends(|seen, sent| {
            audio.ended(seen, sent);
            if seen.stage == Stage::Lost(Loss::Aimed) {
                strikes.push((seen.at, seen.from, seen.to));
            }
        });
        let diagram = collector.into_diagram(log);
        let (arrows, left_out) = said(&diagram);
        let (exchanged, showed) = exchanges::drawn(&web);
        let arrows = together(arrows, exchanged);
        let end = record.simulated;
        let doings = doings::doings(&record, log, &strikes, end);
        let states = states::states(showed, end);
        let bands = audio.bands();
        let parties = parties(&arrows, &bands, &states, &doings);
        Chart { record, folder, parties, arrows, bands, states, doings, left_out, diagram }
    }

    /// The sequence diagram of its SIP, as a run leaves it in its record.
    pub fn text(&self) -> String {
        self.diagram.whole()
    }

    /// A party's name.
    pub fn name(&self, host: HostId) -> &str {
        self.record.hosts.get(usize::from(host.0)).map_or("?", String::as_str)
    }

    /// A party's lane.
    pub fn lane(&self, host: Option<HostId>) -> Option<usize> {
        let host = host?;
        self.parties.iter().position(|party| *party == host)
    }
}

/// The universe's birth, in nanoseconds since 1970.
fn epoch_ns(record: &Record) -> u64 {
    let born = record.parameters.iter().find(|parameter| parameter.name == "born_at");
    born.and_then(|born| born.value.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1_000_000_000)
}

/// The messages of a diagram, and how many it has left out.
fn said(diagram: &Diagram) -> (Vec<Arrow>, usize) {
    let mut arrows = Vec::new();
    let mut left_out = 0;
    for row in &diagram.rows {
        let said = match &row.what {
            What::Message(said) => said,
            What::Gap(count) => {
                left_out += count;
                continue;
            }
            _ => continue,
        };
        let kept = &diagram.kept[said.seen];
        let fate = |fate| match fate {
            seen::Fate::OnItsWay => Fate::OnItsWay,
            seen::Fate::Arrived(at) => Fate::Arrived(at),
            seen::Fate::Lost(loss) => Fate::Lost(loss),
        };
        let protocol = match &kept.told {
            None => Protocol::Sip,
            Some(told) if told.starts_with("WebSocket") => Protocol::WebSocket,
            Some(_) => Protocol::Media,
        };
        // What an arrow says of itself stands beside its label.
        let label = said.label.replace(" (again)", "").replace(" (copied by the network)", "");
        // Each time that it was sent is an arrow: what is lost of a connection comes again, and later.
        let first = if kept.again.is_empty() { kept.fate } else { kept.first };
        let arrow = Arrow {
            remarks: said.remarks.clone(),
            text: http::shown(&kept.raw),
            repeated: said.again && !kept.copied,
            copied: kept.copied,
            call: said.call,
            ..Arrow::new(protocol, said.from, said.to, kept.sent, fate(first), label, said.packet)
        };
        let again = kept.again.iter().map(|again| {
            let fate = fate(again.fate);
            let (sent, packet) = (again.sent, again.packet);
            Arrow { repeated: true, by_tcp: true, sent, fate, packet, ..arrow.clone() }
        });
        let again: Vec<Arrow> = again.collect();
        arrows.push(arrow);
        arrows.extend(again);
    }
    (arrows, left_out)
}

/// Both by the time at which they left; what answers what is known by its place.
fn together(said: Vec<Arrow>, exchanged: Vec<Arrow>) -> Vec<Arrow> {
    let offset = said.len();
    let mut arrows: Vec<(usize, Arrow)> = said.into_iter().chain(exchanged).enumerate().collect();
    arrows.sort_by_key(|(place, arrow)| (arrow.sent, arrow.packet, *place));
    let mut places = vec![0; arrows.len()];
    for (now, (before, _)) in arrows.iter().enumerate() {
        places[*before] = now;
    }
    let moved = |(place, mut arrow): (usize, Arrow)| {
        // Those of a diagram answer nothing that's known here.
        arrow.reply_to = arrow.reply_to.filter(|_| place >= offset).map(|to| places[to + offset]);
        arrow
    };
    arrows.into_iter().map(moved).collect()
}

/// Everybody who is in a chart, in the order in which they appear.
fn parties(arrows: &[Arrow], bands: &[Band], states: &[State], doings: &[Doing]) -> Vec<HostId> {
    let mut appear: Vec<(SimTime, HostId)> = Vec::new();
    for arrow in arrows {
        appear.extend(arrow.from.map(|host| (arrow.sent, host)));
        appear.extend(arrow.to.map(|host| (arrow.sent, host)));
    }
    appear.extend(bands.iter().flat_map(|band| [(band.begin, band.from), (band.begin, band.to)]));
    appear.extend(states.iter().filter_map(|state| Some((state.begin, state.host?))));
    appear.extend(doings.iter().flat_map(|doing| doing.hosts.iter().map(|host| (doing.begin, *host))));
    appear.sort_by_key(|(at, _)| *at);
    let mut parties: Vec<HostId> = Vec::new();
    for (_, host) in appear {
        if !parties.contains(&host) {
            parties.push(host);
        }
    }
    parties
}
