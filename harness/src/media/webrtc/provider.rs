//! The cryptography underneath: ring's, whose entropy is the thread's and so, inside a universe, its seed's.

use rtc_crypto::providers::RingProvider;
use rtc_crypto::{CryptoError, RTCCrypto, RTCCryptoProvider, RTCRandom};
use std::sync::Arc;

/// The usual provider.
pub(super) fn provider() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(RingProvider::new())
}

/// A provider whose random source says the same bytes every time, for the tests of who must notice that.
pub(super) fn repeating() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(Repeating(RingProvider::new()))
}

struct Repeating(RingProvider);

impl RTCCryptoProvider for Repeating {
    fn name(&self) -> &'static str {
        "repeating"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self.0.crypto()
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for Repeating {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        output.fill(0x5a);
        Ok(())
    }
}
