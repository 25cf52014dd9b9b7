//! No index is sent twice.
//!
//! Key, SSRC and index make the nonce of an SRTP packet, and of an SRTCP one: two packets that share it give away what
//! they have in common (RFC 3711 section 9.1, the two-time pad; of AES-GCM also the key of its tags, RFC 7714 section
//! 10.1). What's sent again is sent as it was.
//!
//! Judged is each packet that a host sends and that a recorded key opens: whose index it is the tag tells. A packet that
//! is the same to the last byte may be sent again, and is passed on by a relay. What comes more than a thousand packets
//! later can't be compared and is taken for another: nobody repeats that for good. There are no exemptions.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::hearing::Secured;
use crate::numbers::Numbers;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// So many packets of a stream are remembered, to compare others with them.
const REMEMBERED: u64 = 1_024;

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoIndexIsSentTwice {
    judgement: Judgement,
    /// By key, SSRC, and whether it's control.
    streams: FxHashMap<(u32, u32, bool), Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    sent: Numbers,
    /// Index and digest, at the index modulo [`REMEMBERED`].
    last: Vec<(u64, u64)>,
}

impl Witness for NoIndexIsSentTwice {
    fn name(&self) -> &'static str {
        "no_index_is_sent_twice"
    }

    fn rule(&self) -> &'static str {
        "no SSRC and index is sent twice under one key with other bytes (RFC 3711 section 9.1)"
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        let Some(opened) = secured.opened else { return };
        self.judgement.judged += 1;
        let (number, digest) = (opened.index.number, xxh3_64(secured.bytes));
        let stream = self.streams.entry((opened.key, opened.index.ssrc, secured.is_control)).or_default();
        let slot = (number % REMEMBERED) as usize;
        if !stream.sent.contains(number) {
            stream.sent.add(number);
            if stream.last.len() <= slot {
                stream.last.resize(slot + 1, (u64::MAX, 0));
            }
            stream.last[slot] = (number, digest);
            return;
        }
        if stream.last.get(slot) == Some(&(number, digest)) {
            return;
        }
        let place = &secured.place;
        let what = format!(
            "{} sends index {number} of SSRC {:08x} again under the same key, with other bytes",
            around.name(place.host),
            opened.index.ssrc
        );
        self.judgement.violate(place.at, what, [place.packet]);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
