//! A DTLS 1.2 association (RFC 6347) for SRTP (RFC 5764): rtc-dtls's endpoint, with a driver that survives loss.
//!
//! rtc-dtls 0.21.1 stops its retransmission timer when a peer's repeated flight reaches it, and never starts it again;
//! from then on a lost flight is lost for good. It gives up after 7 repeats, too. So the driver keeps time itself:
//!
//! - What belongs to a flight that was answered already never reaches the endpoint. It's a sign that the answer was
//!   lost: the answer goes out again (RFC 6347 4.2.4).
//! - While a flight has no answer it's repeated with back-off, by the endpoint as long as it can (it makes a fresh
//!   Finished each time), then from what was sent last.
//! - Records of epoch 0 get their numbers here, fresh ones with each repeat, so that the peer's replay window doesn't
//!   take them for copies. Epoch 0 has no keys, its numbers are in no MAC.
//! - An endpoint whose state machine is stuck is replaced while nothing is agreed: the client begins anew, and a server
//!   in the midst of a handshake takes a new ClientHello for a new beginning.

use super::certificate::matches;
use super::provider::{provider, repeating};
use super::transport::{DtlsState, Keys, SrtpProfile, TransportSettings};
use super::{Certificate, Clock};
use crate::media::sdp::Fingerprint;
use crate::trace::SimTime;
use bytes::{Bytes, BytesMut};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The first repeat comes after so long, each next one after twice the time. RFC 6347 4.2.4.1 advises a second where
/// nothing is known; RFC 9147 5.8.2 lets real-time applications have less.
const FIRST_REPEAT: Duration = Duration::from_millis(400);

/// The time between repeats grows no further.
const SLOWEST_REPEAT: Duration = Duration::from_millis(3200);

/// A peer that repeats itself is answered again no sooner than this after the last time.
const ANSWER_GAP: Duration = Duration::from_millis(100);

/// The endpoint is ruined by its eighth repeat of a flight.
const ENDPOINT_REPEATS: u32 = 6;

/// A stuck endpoint is replaced so many times.
const RENEWALS: u32 = 3;

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const USE_SRTP: u16 = 14;

/// What happened in the association.
pub(super) enum DtlsEvent {
    Connected(Box<Keys>),
    Data(Bytes),
    PeerClosed,
    Failed,
}

/// One association.
pub(super) struct Dtls {
    clock: Clock,
    settings: Setup,
    endpoint: Endpoint,
    is_client: bool,
    state: DtlsState,
    /// Numbers of epoch 0.
    sequence: u64,
    /// What was sent last, and still has no answer.
    flight: Vec<Bytes>,
    repeat_at: Option<SimTime>,
    repeat_after: Duration,
    repeats: u32,
    sent_at: SimTime,
    /// The peer's messages below this number were answered.
    answered: u16,
    /// The peer's messages below this number were seen.
    seen: u16,
    /// Of the peer's ClientHello.
    client_random: Option<[u8; 32]>,
    renewals: u32,
    out: VecDeque<Bytes>,
    events: VecDeque<DtlsEvent>,
}

/// What each endpoint of an association is made with.
struct Setup {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: rtc_dtls::crypto::Certificate,
    profiles: Vec<SrtpProfile>,
    /// None: anybody is good.
    promised: Option<Fingerprint>,
}

impl Setup {
    fn config(&self, is_client: bool, profiles: &[SrtpProfile]) -> Option<Arc<HandshakeConfig>> {
        let profiles = profiles.iter().map(|profile| match profile {
            SrtpProfile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProfile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        });
        let promised = self.promised.clone();
        let builder = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&self.provider))
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(profiles.collect())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // No authority signs these certificates: the description's fingerprint says who it is (RFC 5763 5).
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
                let shown = chain.first().map_or(&[][..], |certificate| certificate);
                match &promised {
                    Some(promised) if !matches(promised, shown) => Err(Error::ErrInvalidCertificate),
                    _ => Ok(()),
                }
            })))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // Its timer is always due, so that the driver's own decides.
            .with_flight_interval(Duration::from_nanos(1));
        builder.build(is_client, None).ok().map(Arc::new)
    }
}

/// The endpoint tells its peers apart by address; ours has one peer, wherever ICE finds it.
fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 9))
}

fn endpoint() -> Endpoint {
    Endpoint::new(SocketAddr::from(([192, 0, 2, 2], 9)), TransportProtocol::UDP, None)
}

impl Dtls {
    pub fn new(
        clock: Clock,
        now: SimTime,
        is_client: bool,
        certificate: &Certificate,
        settings: &TransportSettings,
        promised: &Fingerprint,
    ) -> Dtls {
        let provider = if settings.quirks.repeats_random { repeating() } else { provider() };
        let setup = Setup {
            provider,
            certificate: certificate.dtls().clone(),
            profiles: settings.profiles.clone(),
            promised: (!settings.quirks.ignores_fingerprint).then(|| promised.clone()),
        };
        Dtls {
            clock,
            settings: setup,
            endpoint: endpoint(),
            is_client,
            state: DtlsState::New,
            sequence: 0,
            flight: Vec::new(),
            repeat_at: None,
            repeat_after: FIRST_REPEAT,
            repeats: 0,
            sent_at: now,
            answered: 0,
            seen: 0,
            client_random: None,
            renewals: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub fn state(&self) -> DtlsState {
        self.state
    }

    /// There is a path: a client's handshake begins.
    pub fn begin(&mut self, now: SimTime) {
        if self.is_client && self.state == DtlsState::New {
            self.connect(now);
        }
    }

    fn connect(&mut self, now: SimTime) {
        self.state = DtlsState::Connecting;
        let connected = self
            .settings
            .config(true, &self.settings.profiles)
            .is_some_and(|config| self.endpoint.connect(self.clock.instant(now), peer(), config, None).is_ok());
        if !connected {
            return self.fail();
        }
        self.flush(now, true);
    }

    /// Takes a datagram of records.
    pub fn handle(&mut self, now: SimTime, datagram: &[u8]) {
        // A client that has no path yet has asked for nothing.
        if self.state > DtlsState::Connected || (self.is_client && self.state == DtlsState::New) {
            return;
        }
        let mut fresh = BytesMut::with_capacity(datagram.len());
        let mut repeated = false;
        for record in records(datagram) {
            match self.judge(now, record) {
                Judgement::Fresh => fresh.extend_from_slice(record),
                Judgement::Repeated => repeated = true,
                Judgement::Void => {}
            }
        }
        if fresh.is_empty() {
            // The client's last flight has been answered: a server that repeats itself then is merely slow.
            let may_answer = self.state == DtlsState::Connecting || !self.is_client;
            if repeated && may_answer && self.sent_at + ANSWER_GAP <= now {
                self.resend(now);
            }
            return;
        }
        let outcome = self.endpoint.read(self.clock.instant(now), peer(), None, fresh);
        self.flush(now, true);
        match outcome {
            Ok(events) => events.into_iter().for_each(|event| self.happened(event)),
            Err(Error::ErrInvalidFsmTransition) if self.state == DtlsState::Connecting => self.renew(now),
            // Before there are keys anybody may have said what broke it; but nobody can go on from there.
            Err(_) => self.fail(),
        }
    }

    fn happened(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::HandshakeComplete => {
                let keys = self.endpoint.get_connection_state(peer()).and_then(keys_of);
                let Some(keys) = keys else { return self.fail() };
                self.state = DtlsState::Connected;
                self.repeat_at = None;
                if self.is_client {
                    self.flight.clear();
                }
                self.events.push_back(DtlsEvent::Connected(Box::new(keys)));
            }
            EndpointEvent::ApplicationData(data) => self.events.push_back(DtlsEvent::Data(data.freeze())),
            EndpointEvent::PeerClosed => {
                self.end(DtlsState::Closed);
                self.events.push_back(DtlsEvent::PeerClosed);
            }
            // Whatever a later version tells beside these, nobody here waits for it.
            _ => {}
        }
    }

    /// Whether a record is news to the endpoint. Those that would only harm it never get there.
    fn judge(&mut self, now: SimTime, record: &[u8]) -> Judgement {
        let (kind, epoch, body) = (record[0], u16::from_be_bytes([record[3], record[4]]), &record[RECORD_HEADER..]);
        let connected = self.state == DtlsState::Connected;
        if !self.is_client && !connected && (epoch, kind) == (0, HANDSHAKE) {
            self.greet(now, body);
        }
        if !self.is_client && self.client_random.is_none() {
            return Judgement::Void;
        }
        match (epoch, kind) {
            (0, HANDSHAKE) => {
                let Some(highest) = highest_message(body) else { return Judgement::Void };
                self.seen = self.seen.max(highest.saturating_add(1));
                if connected || highest < self.answered { Judgement::Repeated } else { Judgement::Fresh }
            }
            // Plain records of an association that has keys can only be forged, or late (RFC 6347 4.1).
            (0, _) if connected => Judgement::Void,
            (0, CHANGE_CIPHER_SPEC) if body == [1] => Judgement::Fresh,
            // A warning that closes nothing would only be sent back. close_notify closes.
            (0, ALERT) if body.len() == 2 && (body[0] == 2 || body[1] == 0) && is_known_alert(body[1]) => {
                Judgement::Fresh
            }
            (1, HANDSHAKE) if connected => Judgement::Repeated,
            // An explicit nonce and a tag at least; what's shorter isn't encrypted.
            (1, ALERT..=APPLICATION_DATA) if body.len() > 24 => Judgement::Fresh,
            _ => Judgement::Void,
        }
    }

    /// A server reads of a ClientHello who begins, and what SRTP it can: the choice is the server's (RFC 5764 4.1.1),
    /// while rtc-dtls follows the client's order.
    fn greet(&mut self, now: SimTime, body: &[u8]) {
        let Some(hello) = ClientHello::read(body) else { return };
        if self.client_random.is_some_and(|known| known != hello.random) && hello.is_first {
            self.renew(now);
        }
        if self.client_random.is_none() {
            self.client_random = Some(hello.random);
            self.state = DtlsState::Connecting;
            let choice = self.settings.profiles.iter().find(|profile| hello.profiles.contains(&number(**profile)));
            // Without a common one the endpoint says so itself.
            let choice = choice.map_or(&self.settings.profiles[..], std::slice::from_ref);
            self.endpoint.set_server_config(self.settings.config(false, choice));
        }
    }

    /// Begins anew with another endpoint, while nothing is agreed.
    fn renew(&mut self, now: SimTime) {
        if self.renewals == RENEWALS {
            return self.fail();
        }
        self.renewals += 1;
        self.endpoint = endpoint();
        (self.flight, self.repeat_at) = (Vec::new(), None);
        (self.answered, self.seen, self.client_random) = (0, 0, None);
        if self.is_client {
            self.connect(now);
        }
    }

    /// Takes what the endpoint wants to send. What it says in answer to the peer is a new flight.
    fn flush(&mut self, now: SimTime, answer: bool) {
        let mut flight = Vec::new();
        while let Some(out) = self.endpoint.poll_transmit() {
            let datagram = out.message.freeze();
            if records(&datagram).any(|record| matches!(record[0], HANDSHAKE | CHANGE_CIPHER_SPEC)) {
                flight.push(datagram);
            } else {
                self.send_datagram(&datagram);
            }
        }
        if flight.is_empty() {
            return;
        }
        self.flight = flight;
        if answer {
            (self.repeats, self.repeat_after) = (0, FIRST_REPEAT);
            // A cookie is sent again when it's asked for again, and not before (RFC 6347 4.2.1).
            let is_cookie = self.flight[0].get(RECORD_HEADER) == Some(&HELLO_VERIFY_REQUEST);
            if is_cookie {
                self.repeat_at = None;
            } else {
                self.answered = self.seen;
                self.repeat_at = Some(now + self.repeat_after);
            }
        }
        self.resend(now);
    }

    fn resend(&mut self, now: SimTime) {
        self.sent_at = now;
        for datagram in std::mem::take(&mut self.flight) {
            self.send_datagram(&datagram);
            self.flight.push(datagram);
        }
    }

    /// Sends records, those of epoch 0 with numbers of our own.
    fn send_datagram(&mut self, datagram: &Bytes) {
        if datagram.get(3..5) == Some(&[0, 1]) {
            return self.out.push_back(datagram.clone());
        }
        let mut numbered = BytesMut::with_capacity(datagram.len());
        for record in records(datagram) {
            let start = numbered.len();
            numbered.extend_from_slice(record);
            if record[3..5] == [0, 0] {
                numbered[start + 5..start + 11].copy_from_slice(&self.sequence.to_be_bytes()[2..]);
                self.sequence += 1;
            }
        }
        self.out.push_back(numbered.freeze());
    }

    pub fn due(&self) -> Option<SimTime> {
        self.repeat_at
    }

    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.repeat_at.is_none_or(|due| due > now) {
            return;
        }
        self.repeats += 1;
        self.repeat_after = (self.repeat_after * 2).min(SLOWEST_REPEAT);
        self.repeat_at = Some(now + self.repeat_after);
        if self.repeats > ENDPOINT_REPEATS || self.endpoint.poll_timeout(&peer()).is_none() {
            return self.resend(now);
        }
        if self.endpoint.handle_timeout(peer(), self.clock.instant(now)).is_err() {
            return self.renew(now);
        }
        self.flush(now, false);
    }

    /// Sends application data.
    pub fn send(&mut self, now: SimTime, data: &[u8]) -> bool {
        let sent =
            self.state == DtlsState::Connected && self.endpoint.write(self.clock.instant(now), peer(), data).is_ok();
        self.flush(now, false);
        sent
    }

    /// Says close_notify.
    pub fn close(&mut self, now: SimTime) {
        if matches!(self.state, DtlsState::Connecting | DtlsState::Connected) {
            self.endpoint.stop(self.clock.instant(now), peer());
            self.flush(now, false);
        }
        self.end(DtlsState::Closed);
    }

    fn fail(&mut self) {
        self.end(DtlsState::Failed);
        self.events.push_back(DtlsEvent::Failed);
    }

    fn end(&mut self, state: DtlsState) {
        self.state = state;
        self.flight.clear();
        self.repeat_at = None;
    }

    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }
}

enum Judgement {
    /// The endpoint needs it.
    Fresh,
    /// It belongs to what was answered already.
    Repeated,
    /// It's nothing.
    Void,
}

/// The records of a datagram, as far as they're well-formed.
fn records(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..RECORD_HEADER)?;
        let is_dtls = (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&header[0])
            && header[1] == 0xfe
            && matches!(header[2], 0xfd | 0xff);
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let record = rest.get(..RECORD_HEADER + length).filter(|_| is_dtls)?;
        rest = &rest[RECORD_HEADER + length..];
        Some(record)
    })
}

/// The highest message number in a handshake record, if all of it is well-formed.
fn highest_message(mut body: &[u8]) -> Option<u16> {
    let mut highest = None;
    while !body.is_empty() {
        let header = body.get(..HANDSHAKE_HEADER)?;
        let u24 =
            |at: usize| usize::from(header[at]) << 16 | usize::from(header[at + 1]) << 8 | usize::from(header[at + 2]);
        let (length, offset, fragment) = (u24(1), u24(6), u24(9));
        if length > 16_384 || offset + fragment > length || (fragment == 0 && length != 0) {
            return None;
        }
        body = body.get(HANDSHAKE_HEADER + fragment..)?;
        highest = highest.max(Some(u16::from_be_bytes([header[4], header[5]])));
    }
    highest
}

/// RFC 5246 7.2, and what came later. The endpoint takes others for an error of its own.
fn is_known_alert(description: u8) -> bool {
    matches!(description, 0 | 10 | 20..=22 | 30 | 40..=51 | 60 | 70 | 71 | 80 | 90 | 100 | 110 | 115)
}

/// RFC 5764 4.1.2, RFC 7714 14.2.
fn number(profile: SrtpProfile) -> u16 {
    match profile {
        SrtpProfile::Aes128CmSha1_80 => 0x0001,
        SrtpProfile::AeadAes128Gcm => 0x0007,
    }
}

/// What the driver reads of a ClientHello.
struct ClientHello {
    random: [u8; 32],
    /// Of the handshake: the answer to a cookie is the second.
    is_first: bool,
    profiles: Vec<u16>,
}

impl ClientHello {
    /// Reads a handshake record's body that begins with a ClientHello, or the first part of one (RFC 6347 4.2.1).
    fn read(body: &[u8]) -> Option<ClientHello> {
        let header =
            body.get(..HANDSHAKE_HEADER).filter(|header| header[0] == CLIENT_HELLO && header[6..9] == [0; 3])?;
        let hello = &body[HANDSHAKE_HEADER..];
        let random = hello.get(2..34)?.try_into().ok()?;
        Some(ClientHello {
            random,
            is_first: header[4..6] == [0, 0],
            profiles: offered(&hello[34..]).unwrap_or_default(),
        })
    }
}

/// The SRTP profiles in what follows a ClientHello's random. None: there are none, or they're in another fragment.
fn offered(hello: &[u8]) -> Option<Vec<u16>> {
    let mut hello = Fields(hello);
    hello.short()?; // session
    hello.short()?; // cookie
    hello.long()?; // cipher suites
    hello.short()?; // compression methods
    let mut extensions = Fields(hello.long()?);
    loop {
        let kind = extensions.number()?;
        let mut extension = Fields(extensions.long()?);
        if kind == USE_SRTP {
            let profiles = extension.long()?.chunks_exact(2);
            return Some(profiles.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect());
        }
    }
}

/// Fields that say their length.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|number| u16::from_be_bytes([number[0], number[1]]))
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}

/// The fields of rtc-dtls's saved state, in its order: it shows its randoms and master secret in no other way. An
/// archive's layout follows from the fields alone, and it's validated when it's read, so a version that saves anything
/// else is noticed.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct SavedState {
    local_epoch: u16,
    remote_epoch: u16,
    local_random: [u8; 32],
    remote_random: [u8; 32],
    cipher_suite_id: u16,
    master_secret: Vec<u8>,
    sequence_number: u64,
    srtp_protection_profile: u16,
    peer_certificates: Vec<Vec<u8>>,
    identity_hint: Vec<u8>,
    is_client: bool,
}

fn keys_of(state: &State) -> Option<Keys> {
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => SrtpProfile::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => SrtpProfile::Aes128CmSha1_80,
        _ => return None,
    };
    // An archive must lie aligned; a Vec of bytes needn't.
    let mut saved = rkyv::util::AlignedVec::<16>::new();
    saved.extend_from_slice(&state.marshal_binary().ok()?);
    let saved = rkyv::access::<ArchivedSavedState, rkyv::rancor::Error>(&saved).ok()?;
    let is_client = state.is_client();
    let (client_random, server_random) = match is_client {
        true => (saved.local_random, saved.remote_random),
        false => (saved.remote_random, saved.local_random),
    };
    let master_secret = saved.master_secret.as_slice().try_into().ok()?;
    // RFC 5764 4.2: both keys, then both salts, the client's first.
    let (key, salt) = match profile {
        SrtpProfile::AeadAes128Gcm => (16, 12),
        SrtpProfile::Aes128CmSha1_80 => (16, 14),
    };
    let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt)).ok()?;
    let (keys, salts) = material.as_ref().split_at(2 * key);
    let client = (keys[..key].to_vec(), salts[..salt].to_vec());
    let server = (keys[key..].to_vec(), salts[salt..].to_vec());
    let (local, remote) = if is_client { (client, server) } else { (server, client) };
    Some(Keys { profile, client_random, server_random, master_secret, local, remote, is_client })
}
