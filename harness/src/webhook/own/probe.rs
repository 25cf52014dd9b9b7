//! How a developer's own receiver says what it has done in the world.

use std::io;

use serde::{Deserialize, Serialize};

use crate::world::Host;

/// Where the names go.
const FILE: &str = "probe.effects";

/// Names the effects of a receiver that busyhour knows nothing of: `probe.effect("sale", "call-17")` where the sale is
/// counted. That is what "exactly once" is judged by.
///
/// Each name is written to the host's disk and synced, then claimed in the log as a CRM's effects are, with the file and
/// its length: so the disk can confirm it. It's cheap to clone, and can be an axum handler's state.
#[derive(Debug, Clone)]
pub struct Probe {
    host: Host,
}

/// An effect, as it was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// What it is: `sale`.
    pub what: String,
    /// Equal for what should be one effect: an event's id, a call.
    pub key: String,
    /// Whose record it concerns, if that was said.
    pub lead_id: String,
}

impl Probe {
    /// A probe in the program on this host.
    pub fn new(host: &Host) -> Probe {
        Probe { host: host.clone() }
    }

    /// An effect has taken place.
    ///
    /// # Errors
    /// The host's disk refuses, or it has crashed.
    pub fn effect(&self, what: &str, key: &str) -> io::Result<()> {
        self.effect_on("", what, key)
    }

    /// An effect on a lead has taken place.
    ///
    /// # Errors
    /// As [`Probe::effect`].
    pub fn effect_on(&self, lead_id: &str, what: &str, key: &str) -> io::Result<()> {
        let named = Named { what: what.into(), key: key.into(), lead_id: lead_id.into() };
        let mut line = serde_json::to_vec(&named).expect("texts can be written");
        line.push(b'\n');
        let disk = self.host.disk();
        disk.append(FILE, line)?;
        disk.sync(FILE)?;
        let length = disk.len(FILE)?;
        self.host.claim("effect", |event| {
            let event = event.with("what", what).with("key", key).with("lead_id", lead_id).with("value", "");
            // No two names end at the same place of the file.
            event.with("number", length).with("again", 0u8).with("path", FILE).with("length", length)
        });
        Ok(())
    }

    /// Every effect that was named, also before a crash: what's on the disk. For tests and steps.
    pub fn effects(&self) -> Vec<Named> {
        let text = self.host.disk().read(FILE).unwrap_or_default();
        // A line that a crash has torn was never claimed.
        text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// How often an effect was named.
    pub fn count(&self, what: &str, key: &str) -> usize {
        self.effects().iter().filter(|named| named.what == what && named.key == key).count()
    }
}
