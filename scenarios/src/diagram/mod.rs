//! Sequence diagrams, as text: who said what to whom, drawn from the packets alone.
//!
//! A [`Collector`] is a tap that keeps what's worth drawing; a [`Diagram`] draws [all of it](Diagram::whole), or
//! [the part that matters](Diagram::part) for a failure. A column is a host, in the order in which they appear; a row
//! is a message at the moment it was sent. What was lost ends in an `x` and says why, what was sent before says
//! `(again)`, two messages that meet on the way are `crossing`, and audio is one row a stretch, encrypted or not. SIP is
//! read out of WebSockets; that one opens or closes, that ICE and DTLS begin, and what a TURN server is asked for is a row
//! each.
//!
//! ```text
//!             alice                     server
//!   0.001 s     |------ INVITE bob, sdp ---->|
//!   0.002 s     |<-- 100 Trying (INVITE) ----|
//!   1.003 s     |<-- 200 OK (INVITE), sdp ---|
//!   1.004 s     |--------- ACK ----------x   |  lost: dropped by an aimed fault
//! ```

mod audio;
pub(crate) mod collect;
mod draw;
mod focus;
pub(crate) mod rows;
mod setup;
mod told;

use busyhour_trace::HostId;

pub use collect::Collector;
pub use focus::Focus;

use self::collect::Seen;
use self::draw::Columns;
use self::rows::{Leg, Row, What};

/// Everything that there is to draw of a run.
#[derive(Debug, Clone, Default)]
pub struct Diagram {
    hosts: Vec<String>,
    pub(crate) rows: Vec<Row>,
    legs: Vec<Leg>,
    /// The messages themselves.
    pub(crate) kept: Vec<Seen>,
}

impl Diagram {
    /// True if nothing was said that a diagram shows.
    pub fn is_empty(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.what, What::Message(_)))
    }

    /// All of it, with a line's end behind each line.
    pub fn whole(&self) -> String {
        let rows: Vec<&Row> = self.rows.iter().collect();
        let mut text = String::new();
        for line in self.drawn(&rows, |_| None) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// The lines of these rows. `instead` may say what stands before a row: that some are left out.
    fn drawn(&self, rows: &[&Row], instead: impl Fn(usize) -> Option<String>) -> Vec<String> {
        let columns = Columns::of(self, rows);
        let mut lines: Vec<String> = columns.head().into_iter().collect();
        for (index, row) in rows.iter().enumerate() {
            lines.extend(instead(index));
            lines.push(columns.line(row));
        }
        lines.extend(instead(rows.len()));
        lines
    }

    fn name(&self, host: HostId) -> String {
        self.hosts.get(usize::from(host.0)).cloned().unwrap_or_else(|| format!("host {}", host.0))
    }
}
