//! Without consent, no media.
//!
//! Who sends media to an address has to be told again and again that it's wanted there: consent expires 30 seconds after
//! the last valid answer to an ICE check of that pair of addresses, and then nothing may be sent but checks (RFC 7675
//! section 5.1). A side that is ICE-lite sends no checks; it goes by those of the other side (section 5.1, and RFC 8445
//! section 11), which must have come within the same time.
//!
//! Judged is each packet of media and control, and each DTLS record with data, that a host sends from where ICE was
//! seen: by the answers that have arrived, or, at a host that never checked anything in that session, by the checks that
//! have. Thirty seconds and one more. A pair is complained of once until it's agreed on again. Not judged is what a relay
//! passes on; exempt is the first second after a host woke up.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{HostId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::hearing::{Check, Pair, Place, Record, Secured};
use crate::read::dtls::Content;
use crate::read::stun::Class;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// RFC 7675 section 5.1.
const CONSENT: Duration = Duration::from_secs(30);
/// How long whoever sends may need to notice.
const MARGIN: Duration = Duration::from_secs(1);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct WithoutConsentNoMedia {
    judgement: Judgement,
    pairs: FxHashMap<Pair, State>,
    /// Where a host checks: it isn't lite.
    checking: FxHashSet<(HostId, SocketAddrV4)>,
    /// Where ICE was seen at all.
    known: FxHashSet<(HostId, SocketAddrV4)>,
}

#[derive(Debug, Default)]
struct State {
    /// When a check was last answered.
    answered: Option<SimTime>,
    /// When the other side last checked.
    checked: Option<SimTime>,
    is_told: bool,
}

impl Witness for WithoutConsentNoMedia {
    fn name(&self) -> &'static str {
        "without_consent_no_media"
    }

    fn rule(&self) -> &'static str {
        "nothing is sent to an address from which no answer to an ICE check has come for 30 seconds (RFC 7675 section \
         5.1)"
    }

    fn check(&mut self, check: &Check<'_>, _around: &Surroundings) {
        let place = &check.place;
        let is_check = check.stun.class == Class::Request && check.stun.fragments().is_some();
        if is_check {
            self.known.insert((place.host, place.here));
        }
        match (check.stun.class, place.is_sent()) {
            (Class::Request, true) if is_check => {
                self.checking.insert((place.host, place.here));
            }
            (Class::Request, false) if is_check => {
                let state = self.pairs.entry(place.pair()).or_default();
                (state.checked, state.is_told) = (Some(place.at), false);
            }
            (Class::Success, false) => {
                let state = self.pairs.entry(place.pair()).or_default();
                (state.answered, state.is_told) = (Some(place.at), false);
            }
            _ => {}
        }
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        if record.place.is_sent() && record.record.content == Content::Data {
            self.sends(&record.place, "data", around);
        }
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        self.sends(&secured.place, if secured.is_control { "control" } else { "media" }, around);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl WithoutConsentNoMedia {
    fn sends(&mut self, place: &Place, kind: &str, around: &Surroundings) {
        if around.is_relayed(place.here) {
            return;
        }
        let here = (place.host, place.here);
        let state = match self.pairs.get_mut(&place.pair()) {
            Some(state) => state,
            // DTLS without ICE is nobody's business here.
            None if !self.known.contains(&here) => return,
            None => self.pairs.entry(place.pair()).or_default(),
        };
        self.judgement.judged += 1;
        let is_fresh = |last: Option<SimTime>| last.is_some_and(|last| place.at <= last + CONSENT + MARGIN);
        if is_fresh(state.answered) {
            return;
        }
        let last = if self.checking.contains(&here) { state.answered } else { state.checked };
        if is_fresh(last) || state.is_told {
            return;
        }
        state.is_told = true;
        if around.disturbed(place.host, SimTime(place.at.0.saturating_sub(MARGIN.as_nanos() as u64))) {
            return self.judgement.exempt("its host has just woken up");
        }
        let since = last.map_or("never agreed to it".to_owned(), |last| format!("last agreed to it at {last}"));
        let what =
            format!("{} sends {kind} from {} to {}, who {since}", around.name(place.host), place.here, place.there);
        self.judgement.violate(place.at, what, [place.packet]);
    }
}
