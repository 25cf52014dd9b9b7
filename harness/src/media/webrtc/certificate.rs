//! What an endpoint shows in the DTLS handshake.

use super::Fingerprint;
use rtc_dtls::crypto::Certificate as DtlsCertificate;
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// A self-signed ECDSA P-256 certificate with its key, as a browser makes one: cheap to clone, made once a browser
/// profile or server process.
///
/// Its entropy is the thread's: inside a universe it is the same in every run of a seed.
#[derive(Debug, Clone)]
pub struct Certificate(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    dtls: DtlsCertificate,
    fingerprint: Fingerprint,
}

impl Certificate {
    /// A new certificate with a new key.
    pub fn generate() -> Certificate {
        unimplemented!()
    }

    /// The SHA-256 of the certificate (RFC 8122), as descriptions carry it.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }
}
