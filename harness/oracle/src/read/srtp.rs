//! SRTP and SRTCP (RFC 3711) with the two protection profiles that WebRTC has: AES-CM with HMAC-SHA1-80, and
//! AEAD_AES_128_GCM (RFC 7714).
//!
//! A [`Session`] opens what one side's master key protects. The index of a packet is estimated from what was opened
//! before (RFC 3711 section 3.3.1), and the tag tells whether key and index are right: a false key opens nothing.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128Enc, Block};
use aes_gcm::{AeadInPlace, Aes128Gcm};
use hmac::{Hmac, Mac};
use rustc_hash::FxHashMap;
use sha1::Sha1;

const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
/// The E bit and the index behind an SRTCP packet.
const TRAILER: usize = 4;
const SALT: usize = 14;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AES in counter mode, and 80 bits of HMAC-SHA1.
    AesCm,
    /// AES in Galois/counter mode, with a tag of 16 bytes.
    AesGcm,
}

impl Profile {
    /// The profile of that name: `aes128-cm-sha1-80` or `aead-aes-128-gcm`.
    pub fn of(name: &str) -> Option<Profile> {
        match name {
            "aes128-cm-sha1-80" => Some(Profile::AesCm),
            "aead-aes-128-gcm" => Some(Profile::AesGcm),
            _ => None,
        }
    }

    /// How long the tag is that stands behind a packet.
    pub fn tag(self) -> usize {
        match self {
            Profile::AesCm => 10,
            Profile::AesGcm => 16,
        }
    }

    /// How long a master salt is.
    pub fn salt(self) -> usize {
        match self {
            Profile::AesCm => 14,
            Profile::AesGcm => 12,
        }
    }
}

/// Which packet of its sender's one is: with the key and the SSRC it makes the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Index {
    /// Whose stream.
    pub ssrc: u32,
    /// Rollover counter and sequence number, or the SRTCP index.
    pub number: u64,
}

/// The keys of one direction of one kind (section 4.3).
#[derive(Clone)]
enum Lock {
    AesCm { cipher: Box<Aes128Enc>, tag: Box<Hmac<Sha1>>, salt: [u8; SALT] },
    AesGcm { cipher: Box<Aes128Gcm>, salt: [u8; 12] },
}

/// So many blocks are encrypted at once, which is faster than one after the other.
const BLOCKS: usize = 8;

/// Section 4.1.1: the bytes are combined with the encrypted numbers from `iv` on.
fn counter_mode(cipher: &Aes128Enc, iv: &[u8; 16], bytes: &mut [u8]) {
    let mut counter = u128::from_be_bytes(*iv);
    for chunk in bytes.chunks_mut(BLOCKS * 16) {
        let mut stream = [Block::default(); BLOCKS];
        let count = chunk.len().div_ceil(16);
        for block in &mut stream[..count] {
            *block = counter.to_be_bytes().into();
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(&mut stream[..count]);
        for (byte, key) in chunk.iter_mut().zip(stream.iter().flatten()) {
            *byte ^= key;
        }
    }
}

/// Section 4.3.3, at a key derivation rate of zero.
fn derive<const N: usize>(master: &Aes128Enc, salt: &[u8; SALT], label: u8) -> [u8; N] {
    let mut iv = [0; 16];
    iv[..SALT].copy_from_slice(salt);
    iv[7] ^= label;
    let mut key = [0; N];
    counter_mode(master, &iv, &mut key);
    key
}

impl Lock {
    /// The first label is that of the encryption key; those of the tag's key and the salt follow.
    fn new(profile: Profile, master: &Aes128Enc, salt: &[u8; SALT], label: u8) -> Lock {
        let key: [u8; 16] = derive(master, salt, label);
        match profile {
            Profile::AesCm => Lock::aes_cm(&key, &derive(master, salt, label + 1), derive(master, salt, label + 2)),
            Profile::AesGcm => Lock::aes_gcm(&key, derive(master, salt, label + 2)),
        }
    }

    fn aes_cm(key: &[u8; 16], tag: &[u8; 20], salt: [u8; SALT]) -> Lock {
        let tag = <Hmac<Sha1> as Mac>::new_from_slice(tag).expect("HMAC takes keys of any length");
        Lock::AesCm { cipher: Box::new(Aes128Enc::new(key.into())), tag: Box::new(tag), salt }
    }

    fn aes_gcm(key: &[u8; 16], salt: [u8; 12]) -> Lock {
        Lock::AesGcm { cipher: Box::new(Aes128Gcm::new(key.into())), salt }
    }

    /// The initialisation vector: `SSRC * 2^64 XOR index * 2^16` (RFC 3711 section 4.1.1), at its place in what the
    /// profile makes of it.
    fn nonce<const N: usize>(salt: &[u8], at: Index, gap: usize) -> [u8; N] {
        let mut nonce = [0; N];
        nonce[..salt.len()].copy_from_slice(salt);
        let ssrc = at.ssrc.to_be_bytes();
        let number = &at.number.to_be_bytes()[2..];
        for (place, byte) in ssrc.iter().chain(number).enumerate() {
            nonce[gap + place] ^= byte;
        }
        nonce
    }

    /// Opens an RTP packet whose header ends at `begin`, in place; returns how long it is without the tag.
    fn open_rtp(&self, packet: &mut [u8], begin: usize, at: Index) -> Option<usize> {
        match self {
            Lock::AesCm { cipher, tag, salt } => {
                let end = packet.len().checked_sub(Profile::AesCm.tag()).filter(|end| *end >= begin)?;
                let rollover = (at.number >> 16) as u32;
                let mut mac = (**tag).clone();
                mac.update(&packet[..end]);
                mac.update(&rollover.to_be_bytes());
                mac.verify_truncated_left(&packet[end..]).ok()?;
                counter_mode(cipher, &Lock::nonce(salt, at, 4), &mut packet[begin..end]);
                Some(end)
            }
            Lock::AesGcm { cipher, salt } => {
                let end = packet.len().checked_sub(Profile::AesGcm.tag()).filter(|end| *end >= begin)?;
                let nonce: [u8; 12] = Lock::nonce(salt, at, 2);
                let (header, rest) = packet.split_at_mut(begin);
                let (body, tag) = rest.split_at_mut(end - begin);
                cipher.decrypt_in_place_detached(&nonce.into(), header, body, (&*tag).into()).ok()?;
                Some(end)
            }
        }
    }

    /// Opens an RTCP packet in place; returns how long it is without trailer and tag.
    fn open_rtcp(&self, packet: &mut [u8], at: Index, is_encrypted: bool, trailer: [u8; TRAILER]) -> Option<usize> {
        match self {
            Lock::AesCm { cipher, tag, salt } => {
                let signed = packet.len().checked_sub(Profile::AesCm.tag())?;
                let end = signed.checked_sub(TRAILER).filter(|end| *end >= RTCP_HEADER)?;
                let mut mac = (**tag).clone();
                mac.update(&packet[..signed]);
                mac.verify_truncated_left(&packet[signed..]).ok()?;
                if is_encrypted {
                    counter_mode(cipher, &Lock::nonce(salt, at, 4), &mut packet[RTCP_HEADER..end]);
                }
                Some(end)
            }
            Lock::AesGcm { cipher, salt } => {
                // RFC 7714 section 9.2: what isn't encrypted is associated data all of it.
                let end = packet.len().checked_sub(TRAILER + Profile::AesGcm.tag())?;
                let begin = if is_encrypted { RTCP_HEADER } else { end };
                let rest = packet.len() - TRAILER;
                let (header, body) = packet[..rest].split_at_mut_checked(begin)?;
                let (body, tag) = body.split_at_mut_checked(end.checked_sub(begin)?)?;
                let associated = [&*header, &trailer].concat();
                let nonce: [u8; 12] = Lock::nonce(salt, at, 2);
                cipher.decrypt_in_place_detached(&nonce.into(), &associated, body, (&*tag).into()).ok()?;
                Some(end)
            }
        }
    }
}

/// What one side's master key protects.
///
/// ```
/// use busyhour_oracle::read::srtp::{Profile, Session};
///
/// let mut session = Session::new(Profile::AesCm, &[1; 16], &[2; 14]).unwrap();
/// let mut packet = [0x80; 40];
/// assert_eq!(session.open_rtp(&mut packet, &mut Vec::new()), None, "the tag is no tag of this key");
/// assert!(Session::new(Profile::AesGcm, &[1; 16], &[2; 14]).is_none(), "that salt is too long");
/// ```
#[derive(Clone)]
pub struct Session {
    profile: Profile,
    rtp: Lock,
    rtcp: Lock,
    /// By SSRC: the highest index that was opened.
    highest: FxHashMap<u32, u64>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("profile", &self.profile).field("highest", &self.highest).finish()
    }
}

/// Where the payload of an RTP packet begins, whose payload may be encrypted.
pub fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut begin = RTP_HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let length = packet.get(begin + 2..begin + 4)?;
        begin += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
    }
    (first >> 6 == 2 && begin <= packet.len()).then_some(begin)
}

/// The 48-bit index of a sequence number, the one that's nearest to the highest so far (section 3.3.1).
fn estimate(sequence: u16, highest: Option<u64>) -> u64 {
    let Some(highest) = highest else { return u64::from(sequence) };
    let (rollover, last) = ((highest >> 16) as i64, (highest & 0xffff) as i64);
    let sequence = i64::from(sequence);
    let rollover = if last < 0x8000 && sequence - last > 0x8000 {
        rollover - 1
    } else if last >= 0x8000 && last - 0x8000 > sequence {
        rollover + 1
    } else {
        rollover
    };
    (rollover.max(0) as u64) << 16 | sequence as u64
}

impl Session {
    /// With a master key and its salt; none if they haven't the profile's lengths.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Session> {
        let key: &[u8; 16] = key.try_into().ok()?;
        if salt.len() != profile.salt() {
            return None;
        }
        // A shorter salt stands at the front (RFC 7714 section 11).
        let mut whole = [0; SALT];
        whole[..salt.len()].copy_from_slice(salt);
        let master = Aes128Enc::new(key.into());
        let (rtp, rtcp) = (Lock::new(profile, &master, &whole, 0), Lock::new(profile, &master, &whole, 3));
        Some(Session { profile, rtp, rtcp, highest: FxHashMap::default() })
    }

    /// How it protects.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Opens an SRTP packet into `opened`, which then holds the RTP packet; none if the tag doesn't fit.
    pub fn open_rtp(&mut self, packet: &[u8], opened: &mut Vec<u8>) -> Option<Index> {
        let begin = header_length(packet)?;
        let ssrc = u32::from_be_bytes(*packet.get(8..)?.first_chunk()?);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let highest = self.highest.get(&ssrc).copied();
        let number = estimate(sequence, highest);
        let index = Index { ssrc, number };
        opened.clear();
        opened.extend_from_slice(packet);
        let length = self.rtp.open_rtp(opened, begin, index)?;
        opened.truncate(length);
        if highest.is_none_or(|highest| number > highest) {
            self.highest.insert(ssrc, number);
        }
        Some(index)
    }

    /// Opens an SRTCP packet into `opened`; none if the tag doesn't fit.
    pub fn open_rtcp(&mut self, packet: &[u8], opened: &mut Vec<u8>) -> Option<Index> {
        let ssrc = u32::from_be_bytes(*packet.get(4..)?.first_chunk()?);
        let behind = match self.profile {
            Profile::AesCm => self.profile.tag(),
            Profile::AesGcm => 0,
        };
        let at = packet.len().checked_sub(behind + TRAILER)?;
        let trailer: [u8; TRAILER] = *packet[at..].first_chunk()?;
        let word = u32::from_be_bytes(trailer);
        let index = Index { ssrc, number: u64::from(word & 0x7fff_ffff) };
        opened.clear();
        opened.extend_from_slice(packet);
        let length = self.rtcp.open_rtcp(opened, index, word >> 31 == 1, trailer)?;
        opened.truncate(length);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn array<const N: usize>(hex: &str) -> [u8; N] {
        bytes(hex).try_into().unwrap()
    }

    // RFC 3711 appendix B.3.
    #[test]
    fn keys_are_derived_as_the_appendix_says() {
        let master = Aes128Enc::new(&array("E1F97A0D3E018BE0D64FA32C06DE4139").into());
        let salt = array("0EC675AD498AFEEBB6960B3AABE6");
        assert_eq!(derive::<16>(&master, &salt, 0), array("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive::<14>(&master, &salt, 2), array("30CBBC08863D8C85D49DB34A9AE1"));
        let long = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4";
        assert_eq!(derive::<20>(&master, &salt, 1), array(long));
    }

    // RFC 3711 appendix B.2: SSRC and index are zero.
    #[test]
    fn the_keystream_of_counter_mode_is_the_appendixs() {
        let cipher = Aes128Enc::new(&array("2B7E151628AED2A6ABF7158809CF4F3C").into());
        let salt: [u8; 14] = array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
        let mut stream = [0; 48];
        let iv = Lock::nonce(&salt, Index { ssrc: 0, number: 0 }, 4);
        counter_mode(&cipher, &iv, &mut stream);
        let expected =
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream.to_vec(), bytes(expected));
    }

    fn gcm() -> Lock {
        Lock::aes_gcm(&array("000102030405060708090a0b0c0d0e0f"), array("517569642070726f2071756f"))
    }

    // RFC 7714 section 16.1.1.
    #[test]
    fn an_aead_packet_opens_as_the_rfc_says_and_no_bent_one_does() {
        let packet = bytes(
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
             36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce",
        );
        let at = Index { ssrc: 0x5501_a0b2, number: 0xf17b };
        let mut opened = packet.clone();
        let length = gcm().open_rtp(&mut opened, 12, at).unwrap();
        assert_eq!(&opened[12..length], b"Gallia est omnis divisa in partes tres");
        for place in 0..packet.len() {
            let mut bent = packet.clone();
            bent[place] ^= 1;
            assert_eq!(gcm().open_rtp(&mut bent, 12, at), None, "byte {place}");
        }
        let rolled = Index { number: 0x1_f17b, ..at };
        assert_eq!(gcm().open_rtp(&mut packet.clone(), 12, rolled), None, "the rollover counter is part of the nonce");
    }

    // RFC 7714 section 17.1 and 17.3.
    #[test]
    fn aead_control_opens_as_the_rfc_says() {
        let mut packet = bytes(
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
             0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
        let at = Index { ssrc: 0x4d61_7273, number: 0x5d4 };
        let length = gcm().open_rtcp(&mut packet, at, true, array("800005d4")).unwrap();
        let expected = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
             deadbeef deadbeef deadbeef deadbeef deadbeef";
        assert_eq!(packet[..length], bytes(expected));
    }

    #[test]
    fn an_index_is_the_nearest_to_the_highest_so_far() {
        assert_eq!(estimate(65_535, None), 65_535);
        assert_eq!(estimate(0, Some(65_535)), 65_536);
        assert_eq!(estimate(65_535, Some(65_536)), 65_535);
        assert_eq!(estimate(40_000, Some(3)), 40_000, "before the first there's no other round");
        assert_eq!(estimate(10, Some(5 << 16 | 0xfff0)), 6 << 16 | 10);
        assert_eq!(estimate(0xfff0, Some(6 << 16 | 10)), 5 << 16 | 0xfff0);
        assert_eq!(estimate(7, Some(6 << 16 | 9)), 6 << 16 | 7);
    }
}
