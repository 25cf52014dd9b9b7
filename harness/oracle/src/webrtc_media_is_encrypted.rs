//! Media of WebRTC is always encrypted.
//!
//! Between a browser and whoever talks with it media is SRTP under keys that DTLS agreed on, and nothing else (RFC 8827
//! section 6.5: media traffic must not be sent over plain RTP or RTCP). Each packet of media or control that a host
//! sends from where ICE or DTLS was seen opens with one of the keys that were recorded: a false key opens none. And
//! nothing that looks like RTP leaves a place that a description names for SRTP (RFC 5764 section 8), whatever was seen
//! there.
//!
//! Judged is each packet that is sent, and each pair of addresses is complained of once. Not judged is what a relay
//! passes on: it was judged where it was sent. There are no exemptions: keys that nobody recorded are as bad as none.

use std::net::SocketAddrV4;

use busyhour_trace::{HostId, Stage};
use rustc_hash::FxHashSet;

use crate::hearing::{Frame, Heard, Secured};
use crate::read::srtp::header_length;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Wants, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct WebrtcMediaIsEncrypted {
    judgement: Judgement,
    /// The places that hosts have named for SRTP.
    places: FxHashSet<(HostId, SocketAddrV4)>,
    told: FxHashSet<(HostId, SocketAddrV4, SocketAddrV4)>,
}

/// True if RTP or RTCP is as long as it is without a tag: frames of G.711 are of whole tens of milliseconds, a digit
/// has four bytes, and control says how long it is.
fn looks_plain(bytes: &[u8], is_control: bool) -> bool {
    if is_control {
        let mut rest = bytes;
        while let [_, _, high, low, ..] = *rest {
            let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
            let Some(behind) = rest.get(length..) else { return false };
            rest = behind;
        }
        return rest.is_empty();
    }
    let Some(payload) = header_length(bytes).map(|begin| bytes.len() - begin) else { return false };
    let is_g711 = matches!(bytes[1] & 0x7f, 0 | 8);
    (is_g711 && payload > 0 && payload.is_multiple_of(80)) || payload == 4
}

impl WebrtcMediaIsEncrypted {
    fn hear(&mut self, frame: &Frame<'_>, around: &Surroundings) {
        if frame.is_secured || self.places.is_empty() || frame.stage != Stage::Sent {
            return;
        }
        let Some(host) = frame.from else { return };
        if !self.places.contains(&(host, frame.source)) {
            return;
        }
        self.judgement.judged += 1;
        if self.told.insert((host, frame.source, frame.destination)) {
            let what = format!(
                "{} sends media from {}, which its description names for SRTP, to {}, and it isn't encrypted",
                around.name(host),
                frame.source,
                frame.destination
            );
            self.judgement.violate(frame.at, what, [frame.packet]);
        }
    }
}

impl Witness for WebrtcMediaIsEncrypted {
    fn name(&self) -> &'static str {
        "webrtc_media_is_encrypted"
    }

    fn rule(&self) -> &'static str {
        "media between a browser and whoever talks with it is SRTP under keys that DTLS agreed on (RFC 8827 section \
         6.5; RFC 5764)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        if !heard.is_sent() {
            return;
        }
        let Some(audio) = heard.audio else { return };
        let Some(place) = audio.place() else { return };
        if audio.is_secured_by_dtls() {
            self.places.insert((heard.host, place));
        } else if !self.places.is_empty() {
            self.places.remove(&(heard.host, place));
        }
    }

    fn media(&mut self, frame: &Frame<'_>, around: &Surroundings) -> Wants {
        self.hear(frame, around);
        Wants::Next
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        let place = &secured.place;
        if around.is_relayed(place.here) {
            return;
        }
        self.judgement.judged += 1;
        if secured.opened.is_some() || !self.told.insert((place.host, place.here, place.there)) {
            return;
        }
        let kind = if secured.is_control { "control" } else { "media" };
        let which = if looks_plain(secured.bytes, secured.is_control) {
            "that isn't encrypted"
        } else {
            "that no recorded key opens"
        };
        let what = format!("{} sends {kind} from {} to {} {which}", around.name(place.host), place.here, place.there);
        self.judgement.violate(place.at, what, [place.packet]);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
