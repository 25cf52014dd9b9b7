//! Where packets go to and whose are taken: symmetric RTP (RFC 4961), for peers behind NAT.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::trace::SimTime;

/// A source that was silent so long may be another's place, if that one goes on with the same SSRC: a NAT has bound it
/// anew.
const REBOUND: Duration = Duration::from_millis(60);
/// After so much silence anybody may take its place.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// Who is listened to and sent to at one port.
#[derive(Debug, Clone)]
pub(super) struct Latch {
    described: SocketAddrV4,
    learns: bool,
    source: Option<Source>,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    address: SocketAddrV4,
    ssrc: u32,
    last: SimTime,
}

impl Latch {
    /// The other side is where its description says, or, if it `learns`, where its packets come from.
    pub(super) fn new(described: SocketAddrV4, learns: bool) -> Latch {
        Latch { described, learns, source: None }
    }

    /// A description came, the same or another one. What was learned holds on if the address is the same, and where the
    /// new one is the old hold's.
    pub(super) fn describe(&mut self, described: SocketAddrV4, learns: bool) {
        if described != self.described && !described.ip().is_unspecified() {
            self.source = None;
        }
        self.described = described;
        self.learns = learns;
    }

    /// Whether a packet is the other side's. The first that comes wins.
    pub(super) fn takes(&mut self, now: SimTime, from: SocketAddrV4, ssrc: u32) -> bool {
        if !self.learns {
            // Without symmetric RTP another port is no matter, another machine is.
            let known = self.described.ip().is_unspecified() || from.ip() == self.described.ip();
            if known {
                self.source = Some(Source { address: from, ssrc, last: now });
            }
            return known;
        }
        let taken = match self.source {
            None => true,
            Some(source) if source.address == from => true,
            Some(source) => {
                let silent = now.since(source.last);
                silent >= GIVEN_UP || (ssrc == source.ssrc && silent >= REBOUND)
            }
        };
        if taken {
            self.source = Some(Source { address: from, ssrc, last: now });
        }
        taken
    }

    /// Where packets go to, if anywhere.
    pub(super) fn to(&self) -> Option<SocketAddrV4> {
        if self.learns
            && let Some(source) = self.source
        {
            return Some(source.address);
        }
        Some(self.described).filter(|address| !address.ip().is_unspecified() && address.port() != 0)
    }

    /// Where packets come from.
    pub(super) fn source(&self) -> Option<SocketAddrV4> {
        self.source.map(|source| source.address)
    }
}

/// Where reports go to: the port after the media's.
pub(super) fn reports_at(media: SocketAddrV4) -> SocketAddrV4 {
    SocketAddrV4::new(*media.ip(), media.port().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddrV4 {
        address.parse().unwrap()
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn the_first_source_wins_while_it_speaks() {
        let mut latch = Latch::new(at("10.0.0.1:4000"), true);
        assert_eq!(latch.to(), Some(at("10.0.0.1:4000")));
        assert!(latch.takes(SimTime(0), at("9.9.9.9:700"), 1));
        assert_eq!(latch.to(), Some(at("9.9.9.9:700")));
        assert!(!latch.takes(SimTime(20 * MS), at("6.6.6.6:1"), 2));
        assert_eq!(latch.to(), Some(at("9.9.9.9:700")));
    }

    /// In pairs: just before and at the moment when another is believed.
    #[test]
    fn a_rebound_source_is_followed_soon_and_a_stranger_after_a_second() {
        for (ssrc, after) in [(1, 60 * MS), (2, 1_000 * MS)] {
            let mut latch = Latch::new(at("10.0.0.1:4000"), true);
            latch.takes(SimTime(0), at("9.9.9.9:700"), 1);
            assert!(!latch.takes(SimTime(after - 1), at("9.9.9.9:701"), ssrc));
            assert!(latch.takes(SimTime(after), at("9.9.9.9:701"), ssrc));
            assert_eq!(latch.to(), Some(at("9.9.9.9:701")));
        }
    }

    #[test]
    fn a_new_description_begins_anew_and_hold_by_zeros_does_not() {
        let mut latch = Latch::new(at("10.0.0.1:4000"), true);
        latch.takes(SimTime(0), at("9.9.9.9:700"), 1);
        latch.describe(at("0.0.0.0:4000"), true);
        assert_eq!(latch.source(), Some(at("9.9.9.9:700")));
        latch.describe(at("10.0.0.2:4000"), true);
        assert_eq!(latch.to(), Some(at("10.0.0.2:4000")));
    }

    #[test]
    fn who_does_not_learn_sends_where_he_is_told_and_hears_that_machine_only() {
        let mut latch = Latch::new(at("10.0.0.1:4000"), false);
        assert!(latch.takes(SimTime(0), at("10.0.0.1:4444"), 1));
        assert!(!latch.takes(SimTime(0), at("10.0.0.3:4000"), 1));
        assert_eq!(latch.to(), Some(at("10.0.0.1:4000")));
        latch.describe(at("0.0.0.0:4000"), false);
        assert_eq!(latch.to(), None);
    }
}
