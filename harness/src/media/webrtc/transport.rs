//! One ICE session with its DTLS association and its SRTP, sans-I/O.

use super::{Candidate, CandidateKind, Certificate, Clock, Fingerprint, Secure};
use crate::trace::SimTime;
use crate::world::Random;
use bytes::Bytes;
use std::net::SocketAddrV4;
use std::time::Duration;

/// How SRTP protects packets (RFC 5764, RFC 7714).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpProfile {
    /// AES-128 in GCM: what browsers prefer.
    AeadAes128Gcm,
    /// AES-128 in counter mode with 80 bits of HMAC-SHA1: what everybody must have.
    Aes128CmSha1_80,
}

impl SrtpProfile {
    /// The name in the record: `aead-aes-128-gcm` or `aes128-cm-sha1-80`.
    pub fn as_str(self) -> &'static str {
        match self {
            SrtpProfile::AeadAes128Gcm => "aead-aes-128-gcm",
            SrtpProfile::Aes128CmSha1_80 => "aes128-cm-sha1-80",
        }
    }
}

/// Wrong behaviour on demand, for the tests of those who must notice it. All off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransportQuirks {
    /// RTP and RTCP leave as they are, never encrypted.
    pub plain_rtp: bool,
    /// RTP leaves in the clear as long as DTLS isn't done, once ICE has a path.
    pub sends_before_dtls: bool,
    /// RTP goes on when the peer's consent is lost.
    pub keeps_sending_without_consent: bool,
    /// Every eighth packet is followed by another one of the same index with other bytes.
    pub repeats_index: bool,
    /// Any certificate of the peer is good.
    pub ignores_fingerprint: bool,
    /// Every handshake uses the same randoms.
    pub repeats_random: bool,
}

/// How a [`Transport`] behaves.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// This end nominates the pair: the offerer does, unless it's lite.
    pub controlling: bool,
    /// ICE-lite: answers checks, sends none.
    pub lite: bool,
    /// What this end can do, preferred first.
    pub profiles: Vec<SrtpProfile>,
    /// Without a sign of life for so long the state is [`IceState::Disconnected`].
    pub disconnected_after: Duration,
    /// Without a sign of life for so long the state is [`IceState::Failed`].
    pub failed_after: Duration,
    /// Without a valid answer for so long consent is lost (RFC 7675 5.1).
    pub consent: Duration,
    /// Between consent checks, give or take a fifth.
    pub check_every: Duration,
    /// Without any working pair for so long ICE has failed.
    pub connects_within: Duration,
    /// Wrong behaviour on demand.
    pub quirks: TransportQuirks,
}

impl Default for TransportSettings {
    fn default() -> TransportSettings {
        TransportSettings {
            controlling: false,
            lite: false,
            profiles: vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80],
            disconnected_after: Duration::from_secs(5),
            failed_after: Duration::from_secs(15),
            consent: Duration::from_secs(30),
            check_every: Duration::from_millis(2500),
            connects_within: Duration::from_secs(30),
            quirks: TransportQuirks::default(),
        }
    }
}

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// The base that it's sent from: the address of a socket, or a relayed address.
    pub local: SocketAddrV4,
    /// Where it goes.
    pub to: SocketAddrV4,
    /// What it says.
    pub payload: Bytes,
}

/// How far ICE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IceState {
    /// Nothing is known of the peer.
    New,
    /// Looking for a pair that works.
    Checking,
    /// A pair is in use.
    Connected,
    /// The pair in use is silent.
    Disconnected,
    /// No pair works. Only a restart helps.
    Failed,
    /// Closed by this end.
    Closed,
}

/// How far DTLS is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DtlsState {
    /// Not begun.
    New,
    /// Shaking hands.
    Connecting,
    /// Keys are known.
    Connected,
    /// Closed, by either end.
    Closed,
    /// The handshake failed, or the peer isn't who its description says.
    Failed,
}

/// What a DTLS handshake yields.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// How SRTP protects.
    pub profile: SrtpProfile,
    /// The DTLS client's random.
    pub client_random: [u8; 32],
    /// The DTLS server's random.
    pub server_random: [u8; 32],
    /// The DTLS master secret.
    pub master_secret: [u8; 48],
    /// The SRTP master key and salt of what this end sends.
    pub local: (Vec<u8>, Vec<u8>),
    /// The SRTP master key and salt of what the peer sends.
    pub remote: (Vec<u8>, Vec<u8>),
    /// This end was the DTLS client.
    pub is_client: bool,
}

impl std::fmt::Debug for Keys {
    /// Secrets don't belong into messages, not even simulated ones: they'd drown what the message is about.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("profile", &self.profile)
            .field("is_client", &self.is_client)
            .finish_non_exhaustive()
    }
}

/// What happened on a [`Transport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportEvent {
    /// ICE's state is another.
    Ice(IceState),
    /// DTLS's state is another.
    Dtls(DtlsState),
    /// Another pair is in use.
    Selected(Selected),
    /// The handshake is done: [`DtlsState::Connected`] follows.
    Keys(Keys),
    /// An RTP packet of the peer, decrypted and no replay.
    Rtp(Bytes),
    /// An RTCP packet of the peer, decrypted and no replay.
    Rtcp(Bytes),
    /// Application data of the peer.
    Data(Bytes),
    /// The peer said `close_notify`.
    PeerClosed,
    /// The peer has shown no consent for too long (RFC 7675): nothing more is sent.
    ConsentLost,
}

/// The pair in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// What kind of candidate this end uses.
    pub local: CandidateKind,
    /// What kind of candidate the peer uses.
    pub remote: CandidateKind,
    /// Where datagrams are sent from.
    pub local_base: SocketAddrV4,
    /// Where they go.
    pub remote_address: SocketAddrV4,
}

/// One ICE session with its DTLS association and its SRTP: one component (RTP and RTCP multiplexed), one bundle.
pub struct Transport {}

impl Transport {
    /// A transport that knows nothing of its peer yet. Its credentials come from `random`.
    pub fn new(
        clock: Clock,
        now: SimTime,
        settings: TransportSettings,
        certificate: Certificate,
        random: &mut Random,
    ) -> Transport {
        unimplemented!()
    }

    /// The ICE user fragment and password of this end.
    pub fn credentials(&self) -> (&str, &str) {
        unimplemented!()
    }

    /// The fingerprint of this end's certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        unimplemented!()
    }

    /// Adds a candidate of this end. `base` is the address it's sent from: the socket's, or the relayed address itself.
    pub fn add_local(&mut self, now: SimTime, candidate: Candidate, base: SocketAddrV4) {
        unimplemented!()
    }

    /// Adds a candidate of the peer, before or after [`start`](Self::start). Names and TCP are ignored.
    pub fn add_remote(&mut self, now: SimTime, candidate: &Candidate) {
        unimplemented!()
    }

    /// Begins, or goes on, with what the peer's description says. The same again is harmless; other credentials say
    /// that the peer has restarted ICE, which DTLS and SRTP survive.
    pub fn start(&mut self, now: SimTime, remote: &Secure, dtls_client: bool) {
        unimplemented!()
    }

    /// Restarts ICE: new credentials, the same local candidates. Media goes on meanwhile; the checks begin with the
    /// peer's new credentials.
    pub fn restart(&mut self, now: SimTime) {
        unimplemented!()
    }

    /// Forgets the local candidates of a base: that socket is gone.
    pub fn forget_local(&mut self, base: SocketAddrV4) {
        unimplemented!()
    }

    /// Takes a datagram that `from` sent to the base `local`. Any bytes are safe; what is nobody's is ignored.
    pub fn handle_datagram(&mut self, now: SimTime, local: SocketAddrV4, from: SocketAddrV4, datagram: &[u8]) {
        unimplemented!()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        unimplemented!()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        unimplemented!()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        unimplemented!()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        unimplemented!()
    }

    /// Sends an RTP packet; false when none may be sent (no keys yet, consent lost, closed).
    pub fn send_rtp(&mut self, now: SimTime, packet: &[u8]) -> bool {
        unimplemented!()
    }

    /// Sends an RTCP packet; false when none may be sent.
    pub fn send_rtcp(&mut self, now: SimTime, packet: &[u8]) -> bool {
        unimplemented!()
    }

    /// Sends application data over DTLS; false when none may be sent.
    pub fn send_data(&mut self, now: SimTime, record: &[u8]) -> bool {
        unimplemented!()
    }

    /// Says `close_notify`, and nothing more after it.
    pub fn close(&mut self, now: SimTime) {
        unimplemented!()
    }

    /// How far ICE is.
    pub fn ice(&self) -> IceState {
        unimplemented!()
    }

    /// How far DTLS is.
    pub fn dtls(&self) -> DtlsState {
        unimplemented!()
    }

    /// The pair in use.
    pub fn selected(&self) -> Option<Selected> {
        unimplemented!()
    }

    /// When the peer last showed itself by an authenticated check or answer.
    pub fn last_heard(&self) -> Option<SimTime> {
        unimplemented!()
    }
}
