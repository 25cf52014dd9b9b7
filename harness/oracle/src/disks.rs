//! What disks confirm: how far a host's files have been synced.

use busyhour_trace::{Event, HostId, Source};
use rustc_hash::FxHashMap;

/// How far each file was synced, by what the world says of it (`disk-sync`).
#[derive(Debug, Default)]
pub(crate) struct Disks(FxHashMap<(HostId, String), i64>);

impl Disks {
    /// Takes an entry of the log.
    pub(crate) fn event(&mut self, event: &Event) {
        if let (Source::World, "disk-sync", Some(host)) = (event.source, &*event.kind, event.host) {
            let path = event.text("path").unwrap_or_default().to_owned();
            self.0.insert((host, path), event.number("length").unwrap_or(0));
        }
    }

    /// True if what a claim says stands in a file (`path`, `length`) was synced before. What a compaction has written
    /// anew was synced under another name.
    pub(crate) fn confirm(&self, host: HostId, claim: &Event) -> bool {
        let (path, length) = (claim.text("path").unwrap_or_default(), claim.number("length").unwrap_or(0));
        if path.is_empty() {
            return false;
        }
        let of_host = self.0.iter().filter(|((of, _), _)| *of == host);
        of_host.map(|(_, synced)| *synced).any(|synced| synced >= length)
    }
}
