//! SRTP as its sender makes it (RFC 3711, RFC 7714).

use aes::cipher::{KeyIvInit, StreamCipher};
use aes_gcm::{AeadInPlace, Aes128Gcm, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// What one side encrypts with.
#[derive(Clone)]
pub struct Sealer {
    pub is_gcm: bool,
    pub key: [u8; 16],
    pub salt: Vec<u8>,
}

impl Sealer {
    pub fn new(is_gcm: bool, seed: u8) -> Sealer {
        Sealer { is_gcm, key: [seed; 16], salt: vec![seed ^ 0x5a; if is_gcm { 12 } else { 14 }] }
    }

    fn keystream(&self, iv: [u8; 16], key: [u8; 16], bytes: &mut [u8]) {
        ctr::Ctr128BE::<aes::Aes128>::new(&key.into(), &iv.into()).apply_keystream(bytes);
    }

    fn derive<const N: usize>(&self, label: u8) -> [u8; N] {
        let mut iv = [0; 16];
        iv[..self.salt.len()].copy_from_slice(&self.salt);
        iv[7] ^= label;
        let mut out = [0; N];
        self.keystream(iv, self.key, &mut out);
        out
    }

    /// An RTP packet as SRTP, in that round of sequence numbers.
    pub fn seal(&self, rtp: &[u8], rollover: u32) -> Vec<u8> {
        let mut bytes = rtp.to_vec();
        if self.is_gcm {
            let mut nonce: [u8; 12] = self.derive(2);
            let index = [&rtp[8..12], &rollover.to_be_bytes(), &rtp[2..4]].concat();
            nonce[2..].iter_mut().zip(index).for_each(|(byte, index)| *byte ^= index);
            let cipher = Aes128Gcm::new(&self.derive::<16>(0).into());
            let tag = cipher.encrypt_in_place_detached(&nonce.into(), &rtp[..12], &mut bytes[12..]).unwrap();
            bytes.extend(tag);
            return bytes;
        }
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.derive::<14>(2));
        let index = [&rtp[8..12], &rollover.to_be_bytes(), &rtp[2..4]].concat();
        iv[4..14].iter_mut().zip(index).for_each(|(byte, index)| *byte ^= index);
        self.keystream(iv, self.derive(0), &mut bytes[12..]);
        let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(&self.derive::<20>(1)).unwrap();
        mac.update(&bytes);
        mac.update(&rollover.to_be_bytes());
        bytes.extend(&mac.finalize().into_bytes()[..10]);
        bytes
    }

    /// An RTCP packet as SRTCP.
    pub fn seal_control(&self, rtcp: &[u8], index: u32) -> Vec<u8> {
        let mut bytes = rtcp.to_vec();
        let trailer = (index | 0x8000_0000).to_be_bytes();
        if self.is_gcm {
            let mut nonce: [u8; 12] = self.derive(5);
            let place = [&rtcp[4..8], &[0, 0], &index.to_be_bytes()].concat();
            nonce[2..].iter_mut().zip(place).for_each(|(byte, index)| *byte ^= index);
            let cipher = Aes128Gcm::new(&self.derive::<16>(3).into());
            let aad = [&rtcp[..8], &trailer].concat();
            let tag = cipher.encrypt_in_place_detached(&nonce.into(), &aad, &mut bytes[8..]).unwrap();
            bytes.extend(tag);
            bytes.extend(trailer);
            return bytes;
        }
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.derive::<14>(5));
        let place = [&rtcp[4..8], &[0, 0], &index.to_be_bytes()].concat();
        iv[4..14].iter_mut().zip(place).for_each(|(byte, index)| *byte ^= index);
        self.keystream(iv, self.derive(3), &mut bytes[8..]);
        bytes.extend(trailer);
        let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(&self.derive::<20>(4)).unwrap();
        mac.update(&bytes);
        bytes.extend(&mac.finalize().into_bytes()[..10]);
        bytes
    }
}

/// A frame of G.711.
pub fn rtp(ssrc: u32, sequence: u16, sound: u8) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([sound; 160]);
    bytes
}
