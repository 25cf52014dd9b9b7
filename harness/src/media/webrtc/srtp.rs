//! SRTP both ways (RFC 3711, RFC 7714), with a replay window of our own.
//!
//! rtc-srtp's own window is moved by the first packet of a source before its tag was checked: one forged packet, and
//! the real ones are too old. Ours learns from authenticated packets alone (RFC 3711 3.3.2).

use super::transport::{Keys, SrtpProfile};
use bytes::{Bytes, BytesMut};
use rtc_crypto::RTCCrypto;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

/// RFC 3711 3.3.2 asks for 64 at least; a link that reorders a second of audio at 50 packets a second stays in 128.
const WINDOW: u64 = 128;

/// Unauthenticated packets may claim any source; only sources that proved themselves are kept, and no peer has more
/// than a handful.
const SOURCES: usize = 64;

/// The SRTP contexts of one association.
pub(super) struct Srtp {
    sends: Context,
    receives: Context,
    rtp: Vec<(u32, Window)>,
    rtcp: Vec<(u32, Window)>,
    profile: SrtpProfile,
}

impl Srtp {
    /// None: those aren't keys of that profile.
    pub fn new(keys: &Keys, crypto: &dyn RTCCrypto) -> Option<Srtp> {
        let profile = match keys.profile {
            SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let context = |(key, salt): &(Vec<u8>, Vec<u8>)| Context::new(key, salt, profile, None, None, crypto).ok();
        Some(Srtp {
            sends: context(&keys.local)?,
            receives: context(&keys.remote)?,
            rtp: Vec::new(),
            rtcp: Vec::new(),
            profile: keys.profile,
        })
    }

    /// Encrypts an RTP packet. None: it's none, or the keys are used up.
    pub fn protect(&mut self, packet: &[u8]) -> Option<Bytes> {
        is_rtp(packet).then(|| self.sends.encrypt_rtp(packet).ok().map(BytesMut::freeze)).flatten()
    }

    /// Encrypts an RTCP packet.
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Option<Bytes> {
        is_rtcp(packet).then(|| self.sends.encrypt_rtcp(packet).ok().map(BytesMut::freeze)).flatten()
    }

    /// Decrypts an SRTP packet. None: a replay, too old, or not the peer's.
    pub fn unprotect(&mut self, packet: &[u8]) -> Option<Bytes> {
        if !is_rtp(packet) || packet.len() < 12 + self.profile.tag() {
            return None;
        }
        let ssrc = u32::from_be_bytes(packet[8..12].try_into().ok()?);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let known = self.rtp.iter().position(|(source, _)| *source == ssrc);
        let index = match known {
            Some(known) => self.rtp[known].1.estimate(sequence),
            None => u64::from(sequence),
        };
        if known.is_some_and(|known| self.rtp[known].1.refuses(index)) {
            return None;
        }
        let plain = self.receives.decrypt_rtp(packet).ok()?;
        accept(&mut self.rtp, known, ssrc, index);
        Some(plain.freeze())
    }

    /// Decrypts an SRTCP packet.
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Option<Bytes> {
        // Header and sender, the index with its E bit, the tag.
        let tag = self.profile.tag();
        if !is_rtcp(packet) || packet.len() < 8 + 4 + tag {
            return None;
        }
        let ssrc = u32::from_be_bytes(packet[4..8].try_into().ok()?);
        // The index is the last word under GCM (RFC 7714 9.2), and before the tag else (RFC 3711 3.4).
        let at = match self.profile {
            SrtpProfile::AeadAes128Gcm => packet.len() - 4,
            SrtpProfile::Aes128CmSha1_80 => packet.len() - tag - 4,
        };
        let index = u64::from(u32::from_be_bytes(packet[at..at + 4].try_into().ok()?) & 0x7fff_ffff);
        let known = self.rtcp.iter().position(|(source, _)| *source == ssrc);
        if known.is_some_and(|known| self.rtcp[known].1.refuses(index)) {
            return None;
        }
        let plain = self.receives.decrypt_rtcp(packet).ok()?;
        accept(&mut self.rtcp, known, ssrc, index);
        Some(plain.freeze())
    }
}

impl SrtpProfile {
    /// How long its tag is.
    fn tag(self) -> usize {
        match self {
            SrtpProfile::AeadAes128Gcm => 16,
            SrtpProfile::Aes128CmSha1_80 => 10,
        }
    }
}

fn accept(sources: &mut Vec<(u32, Window)>, known: Option<usize>, ssrc: u32, index: u64) {
    match known {
        Some(known) => sources[known].1.accept(index),
        None => {
            if sources.len() == SOURCES {
                sources.remove(0);
            }
            sources.push((ssrc, Window { highest: index, seen: 1 }));
        }
    }
}

/// Version 2, and not in the range that multiplexed RTCP has (RFC 5761 4).
pub(super) fn is_rtp(packet: &[u8]) -> bool {
    packet.len() >= 12 && packet[0] >> 6 == 2 && !(192..=223).contains(&packet[1])
}

/// Version 2, and in that range.
pub(super) fn is_rtcp(packet: &[u8]) -> bool {
    packet.len() >= 8 && packet[0] >> 6 == 2 && (192..=223).contains(&packet[1])
}

/// Which indices of a source were there.
struct Window {
    highest: u64,
    /// Bit n: the index n below the highest was there.
    seen: u128,
}

impl Window {
    /// The index that a sequence number means (RFC 3711 3.3.1): the one that lies nearest to the highest.
    fn estimate(&self, sequence: u16) -> u64 {
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        // Below the first index of all there is none: it's then 2^16 - 1 at most, and its tag won't fit.
        self.highest.checked_add_signed(i64::from(ahead)).unwrap_or_else(|| u64::from(sequence))
    }

    fn refuses(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            Some(age) => age >= WINDOW || self.seen >> age & 1 == 1,
            None => false,
        }
    }

    fn accept(&mut self, index: u64) {
        match index.checked_sub(self.highest) {
            Some(ahead) => {
                self.seen = if ahead >= WINDOW { 0 } else { self.seen << ahead };
                self.seen |= 1;
                self.highest = index;
            }
            None => self.seen |= 1 << (self.highest - index).min(WINDOW - 1),
        }
    }
}
