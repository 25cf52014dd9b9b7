//! Consent freshness (RFC 7675): whether the peer still wants what is sent to it.
//!
//! Only an authenticated answer to a check of our own renews consent, from where the check went. A lite end sends no
//! checks: it judges by the peer's authenticated requests, for who asks on this pair is there to be sent to.

use super::stun::Credentials;
use super::transport::Selected;
use crate::trace::SimTime;
use crate::world::Random;
use std::time::Duration;

/// An unanswered check is followed by the next one after so long, as browsers do on a path that may be broken. In RFC
/// 8489's words it's the first RTO: answers that take longer still count.
const IMPATIENT: Duration = Duration::from_millis(500);

/// A path is given the chance of so many impatient checks before it counts as silent.
const CHANCES: u32 = 5;

/// So many checks may be answered late.
const PENDING: usize = 16;

/// How it stands with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Answers come.
    Good,
    /// Answers have stayed out for a while.
    Silent,
    /// Too long.
    Failed,
}

/// How long silence may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub check_every: Duration,
    pub disconnected_after: Duration,
    pub failed_after: Duration,
    pub consent: Duration,
}

/// The consent of one pair.
#[derive(Debug)]
pub(super) struct Consent {
    pub path: Selected,
    patience: Patience,
    /// The last answer; of a lite end the last request.
    granted: SimTime,
    /// The last authenticated packet of any kind.
    sign: SimTime,
    /// The first check that wasn't answered since.
    unanswered: Option<SimTime>,
    pending: Vec<[u8; 12]>,
    /// None: a lite end.
    next: Option<SimTime>,
    /// Consent was lost, and it was said.
    pub lost: bool,
}

impl Consent {
    pub fn new(now: SimTime, path: Selected, patience: Patience, lite: bool, random: &mut Random) -> Consent {
        let next = (!lite).then(|| now + jittered(patience.check_every, random));
        Consent { path, patience, granted: now, sign: now, unanswered: None, pending: Vec::new(), next, lost: false }
    }

    /// Any authenticated packet of the peer.
    pub fn sign(&mut self, now: SimTime) {
        self.sign = now;
    }

    /// An authenticated request of the peer on this pair.
    pub fn asked(&mut self, now: SimTime) {
        self.sign = now;
        if self.next.is_none() {
            self.granted = now;
        }
    }

    /// Whether this check is one of ours that waits for its answer.
    pub fn awaits(&self, id: &[u8; 12]) -> bool {
        self.pending.contains(id)
    }

    /// An authenticated answer to a check that waited for it.
    pub fn answered(&mut self, now: SimTime, random: &mut Random) {
        self.pending.clear();
        self.unanswered = None;
        self.granted = now;
        self.sign = now;
        self.next = Some(now + jittered(self.patience.check_every, random));
    }

    /// A check has been without an answer for a moment.
    pub fn is_doubtful(&self, now: SimTime) -> bool {
        self.unanswered.is_some_and(|since| since + 2 * IMPATIENT <= now)
    }

    /// Other news of the same peer: the pair is another one, the checks go there, and begin at once.
    pub fn moved(&mut self, now: SimTime, path: Selected) {
        self.path = path;
        match self.next {
            Some(_) => self.next = Some(now),
            None => self.granted = now,
        }
    }

    /// Whether a check is to be sent; if so, it's taken as sent with this id.
    pub fn check(&mut self, now: SimTime, random: &mut Random) -> Option<[u8; 12]> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        let mut id = [0; 12];
        random.fill(&mut id);
        if self.pending.len() == PENDING {
            self.pending.remove(0);
        }
        self.pending.push(id);
        self.unanswered.get_or_insert(now);
        self.next = Some(now + IMPATIENT);
        Some(id)
    }

    /// Nothing more is checked.
    pub fn give_up(&mut self) {
        self.next = self.next.map(|_| SimTime(u64::MAX));
    }

    /// When silence becomes [`Standing::Silent`] and [`Standing::Failed`], if nothing comes.
    fn limits(&self) -> Option<(SimTime, SimTime)> {
        let patience = &self.patience;
        if self.next.is_none() {
            return Some((self.granted + patience.disconnected_after, self.granted + patience.failed_after));
        }
        // With media the peer's end shows at once, and the clock starts there. Without, the last answer is as late as
        // anybody knows of; then the checks that follow need their chance. With the peer's packets coming and no answer
        // (one way is broken), it's the first check without an answer that tells.
        let unanswered = self.unanswered?;
        let since = self.sign.min(unanswered);
        let fair = unanswered + IMPATIENT * CHANCES;
        Some(((since + patience.disconnected_after).max(fair), (since + patience.failed_after).max(fair)))
    }

    pub fn standing(&self, now: SimTime) -> Standing {
        match self.limits() {
            Some((_, failed)) if failed <= now => Standing::Failed,
            Some((silent, _)) if silent <= now => Standing::Silent,
            _ => Standing::Good,
        }
    }

    /// When consent ends, if nothing comes.
    pub fn expires(&self) -> SimTime {
        self.granted + self.patience.consent
    }

    /// The next moment at which something is to be done or decided.
    pub fn due(&self, now: SimTime) -> Option<SimTime> {
        let (silent, failed) = self.limits().unzip();
        let expiry = (!self.lost).then(|| self.expires());
        let coming = [silent, failed].into_iter().flatten().filter(|at| *at > now);
        coming.chain(self.next.filter(|at| at.as_nanos() != u64::MAX)).chain(expiry).min()
    }
}

/// RFC 7675 5.1: each interval is 0.8 to 1.2 of the usual one, so that checks don't fall into step.
fn jittered(interval: Duration, random: &mut Random) -> Duration {
    let thousandth = interval.as_nanos() as u64 / 1000;
    Duration::from_nanos(thousandth * (800 + random.below(401)))
}

/// Credentials of an ICE generation (RFC 8839 5.4): at least 4 and 22 characters, of which we take browsers' lengths.
pub(super) fn credentials(random: &mut Random) -> Credentials {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut word =
        |length: usize| -> String { (0..length).map(|_| char::from(ALPHABET[random.below(64) as usize])).collect() };
    Credentials { ufrag: word(4), pwd: word(24) }
}
