//! What an endpoint shows in the DTLS handshake.

use super::provider::provider;
use crate::media::sdp::Fingerprint;
use rtc_dtls::crypto::Certificate as DtlsCertificate;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::rc::Rc;

/// A self-signed ECDSA P-256 certificate with its key, as a browser makes one: cheap to clone, made once a browser
/// profile or server process.
///
/// Its entropy is the thread's: inside a universe it is the same in every run of a seed.
///
/// ```
/// use busyhour::media::webrtc::Certificate;
///
/// let certificate = Certificate::generate();
/// assert_eq!(certificate.fingerprint().algorithm, "sha-256");
/// assert_ne!(certificate.fingerprint(), Certificate::generate().fingerprint());
/// ```
#[derive(Debug, Clone)]
pub struct Certificate(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    dtls: DtlsCertificate,
    fingerprint: Fingerprint,
}

impl Certificate {
    /// A new certificate with a new key.
    ///
    /// # Panics
    /// When the platform has no entropy: there is no safe way to go on.
    pub fn generate() -> Certificate {
        // Browsers write no name that says anything into it; who it is says the fingerprint.
        let dtls = DtlsCertificate::generate_self_signed(vec!["WebRTC".to_owned()], provider().crypto())
            .expect("ring makes P-256 keys and signs with them wherever there is entropy");
        let fingerprint = Fingerprint::sha256(Sha256::digest(&dtls.certificate[0]).into());
        Certificate(Rc::new(Inner { dtls, fingerprint }))
    }

    /// The SHA-256 of the certificate (RFC 8122), as descriptions carry it.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    pub(super) fn dtls(&self) -> &DtlsCertificate {
        &self.0.dtls
    }
}

/// Whether a certificate (DER) is the one that a description promised. A hash that is weak or unknown promises nothing
/// (RFC 8122 5).
pub(super) fn matches(promised: &Fingerprint, certificate: &[u8]) -> bool {
    match promised.algorithm.as_str() {
        "sha-256" => promised.bytes == Sha256::digest(certificate).as_slice(),
        "sha-384" => promised.bytes == Sha384::digest(certificate).as_slice(),
        "sha-512" => promised.bytes == Sha512::digest(certificate).as_slice(),
        _ => false,
    }
}
