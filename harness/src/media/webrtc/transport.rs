//! One ICE session with its DTLS association and its SRTP, sans-I/O.
//!
//! Datagrams are told apart by their first byte (RFC 7983). Nothing but checks leaves before ICE has a pair, no media
//! before DTLS is done, and nothing at all after the end. A restart begins another generation of ICE beside the one in
//! use, which goes on until the new one has its pair (RFC 8445 9).

use super::consent::{Consent, Patience, Standing, credentials};
use super::dtls::{Dtls, DtlsEvent};
use super::ice::Finder;
use super::provider::provider;
use super::srtp::{self, Srtp};
use super::stun::{self, Check, Credentials};
use super::{Candidate, CandidateKind, Certificate, Clock};
use crate::media::sdp::{Fingerprint, Secure};
use crate::trace::SimTime;
use crate::world::Random;
use bytes::{Bytes, BytesMut};
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::message::{CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message};
use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

/// The priority that checks ask a peer-reflexive candidate to have (RFC 8445 7.1.1).
const CHECK_PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;

/// So many addresses of a peer are remembered as proven.
const PROVEN: usize = 32;

/// So many requests are kept for when the peer's description is here.
const MOST_EARLY: usize = 32;

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
    /// The fingerprint that it tells of isn't its certificate's.
    pub describes_another_certificate: bool,
    /// When it's closed it keeps its addresses on relays, and goes on refreshing them.
    pub keeps_relays: bool,
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

/// A pair of addresses: ours, and the peer's.
type Pair = (SocketAddrV4, SocketAddrV4);

/// What one pair of credentials leads to.
struct Generation {
    local: Credentials,
    remote: Option<Credentials>,
    /// Looks for a pair. None: it was found, ICE failed, or this end is lite.
    finder: Option<Finder>,
    /// The pair in use.
    consent: Option<Consent>,
    checking_since: Option<SimTime>,
    standing: Standing,
    /// Pairs that the peer showed itself on.
    proven: Vec<Pair>,
    /// What the peer sees our packets come from.
    mapped: Vec<(Pair, SocketAddrV4)>,
    /// Requests from before the peer's description was here, one a pair.
    early: Vec<(Pair, Vec<u8>)>,
}

impl Generation {
    fn prove(&mut self, pair: Pair) {
        if !self.proven.contains(&pair) {
            if self.proven.len() == PROVEN {
                self.proven.remove(0);
            }
            self.proven.push(pair);
        }
    }

    fn note_mapped(&mut self, pair: Pair, mapped: SocketAddrV4) {
        if let Some((_, known)) = self.mapped.iter_mut().find(|(known, _)| *known == pair) {
            *known = mapped;
        } else if self.mapped.len() < PROVEN {
            self.mapped.push((pair, mapped));
        }
    }

    fn fail(&mut self) {
        self.standing = Standing::Failed;
        self.finder = None;
        if let Some(consent) = &mut self.consent {
            consent.give_up();
        }
    }
}

/// One ICE session with its DTLS association and its SRTP: one component (RTP and RTCP multiplexed), one bundle.
///
/// The caller owns sockets and time. It hands over every datagram and every [`handle_timeout`](Self::handle_timeout)
/// that is due, and takes what there is to send and to know until there's no more:
///
/// ```
/// use busyhour::media::sdp::{Secure, Setup};
/// use busyhour::media::webrtc::{Candidate, Certificate, Clock, DtlsState, Transport, TransportSettings};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let (mut now, mut random) = (SimTime::ZERO, Random::stream(7, "webrtc"));
/// let clock = Clock::new(std::time::Instant::now(), now);
/// let mut ends = ["10.0.0.1:4000", "10.0.0.2:5000"].map(|address| {
///     let settings = TransportSettings { controlling: address.starts_with("10.0.0.1"), ..TransportSettings::default() };
///     let mut end = Transport::new(clock, now, settings, Certificate::generate(), &mut random);
///     let address = address.parse().unwrap();
///     end.add_local(now, Candidate::host(address), address);
///     (address, end)
/// });
/// let described = ends.each_ref().map(|(address, end)| Secure {
///     ufrag: end.credentials().0.to_owned(),
///     pwd: end.credentials().1.to_owned(),
///     fingerprint: end.fingerprint(),
///     setup: Setup::Active,
///     candidates: vec![Candidate::host(*address)],
///     end_of_candidates: true,
///     lite: false,
///     trickle: false,
/// });
/// ends[0].1.start(now, &described[1], true);
/// ends[1].1.start(now, &described[0], false);
/// while ends.iter().any(|(_, end)| end.dtls() != DtlsState::Connected) {
///     now = ends.iter().filter_map(|(_, end)| end.poll_timeout()).min().unwrap().max(now);
///     ends.iter_mut().for_each(|(_, end)| end.handle_timeout(now));
///     for (from, to) in [(0, 1), (1, 0), (0, 1), (1, 0)] {
///         while let Some(datagram) = ends[from].1.poll_transmit() {
///             ends[to].1.handle_datagram(now, datagram.to, datagram.local, &datagram.payload);
///         }
///     }
/// }
/// assert!(ends[0].1.send_data(now, b"hello"));
/// ```
pub struct Transport {
    clock: Clock,
    settings: TransportSettings,
    certificate: Certificate,
    random: Random,
    provider: Arc<dyn RTCCryptoProvider>,
    tie_breaker: u64,
    controlling: bool,
    locals: Vec<(Candidate, SocketAddrV4)>,
    remotes: Vec<Candidate>,
    current: Generation,
    /// The one before a restart, in use until the current one has a pair.
    previous: Option<Generation>,
    ice: IceState,
    dtls: Option<Dtls>,
    dtls_state: DtlsState,
    promised: Option<Fingerprint>,
    /// Where the handshake comes from as long as no pair is selected.
    handshake_pair: Option<Pair>,
    srtp: Option<Srtp>,
    selected: Option<Selected>,
    last_heard: Option<SimTime>,
    settled: SimTime,
    protected: u64,
    out: VecDeque<Datagram>,
    events: VecDeque<TransportEvent>,
}

impl Transport {
    /// A transport that knows nothing of its peer yet. Its credentials come from `random`.
    pub fn new(
        clock: Clock,
        now: SimTime,
        settings: TransportSettings,
        certificate: Certificate,
        random: &mut Random,
    ) -> Transport {
        let mut random = Random::stream(random.next_u64(), "transport");
        let provider = provider();
        let controlling = settings.controlling && !settings.lite;
        let current = generation(clock, now, &provider, controlling, settings.lite, &[], &mut random);
        Transport {
            clock,
            certificate,
            tie_breaker: random.next_u64(),
            random,
            provider,
            controlling,
            locals: Vec::new(),
            remotes: Vec::new(),
            current,
            previous: None,
            ice: IceState::New,
            dtls: None,
            dtls_state: DtlsState::New,
            promised: None,
            handshake_pair: None,
            srtp: None,
            selected: None,
            last_heard: None,
            settled: now,
            protected: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            settings,
        }
    }

    /// The ICE user fragment and password of this end. They are others after a restart, of this end or of the peer's.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.current.local.ufrag, &self.current.local.pwd)
    }

    /// The fingerprint of this end's certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fingerprint = self.certificate.fingerprint().clone();
        if self.settings.quirks.describes_another_certificate {
            fingerprint.bytes.reverse();
        }
        fingerprint
    }

    /// Adds a candidate of this end. `base` is the address it's sent from: the socket's, or the relayed address itself.
    pub fn add_local(&mut self, now: SimTime, candidate: Candidate, base: SocketAddrV4) {
        if self.is_closed() || self.locals.iter().any(|(known, at)| known.address == candidate.address && *at == base) {
            return;
        }
        let is_redundant = is_redundant(&candidate, base, &self.locals);
        if let Some(finder) = self.current.finder.as_mut().filter(|_| !is_redundant) {
            finder.add_local(&candidate);
        }
        self.locals.push((candidate, base));
        self.settle(now);
    }

    /// Adds a candidate of the peer, before or after [`start`](Self::start). Names and TCP are ignored.
    pub fn add_remote(&mut self, now: SimTime, candidate: &Candidate) {
        if self.is_closed() || candidate.ip().is_none() || self.remotes.contains(candidate) {
            return;
        }
        if let Some(finder) = &mut self.current.finder {
            finder.add_remote(candidate);
        }
        self.remotes.push(candidate.clone());
        self.reselect();
        self.settle(now);
    }

    /// Begins, or goes on, with what the peer's description says, its candidates included. The same again is harmless;
    /// other credentials say that the peer has restarted ICE, which DTLS and SRTP survive: this end's
    /// [`credentials`](Self::credentials) are new ones then too, if it hasn't restarted itself. Another fingerprint
    /// begins another DTLS association (RFC 8842 4).
    pub fn start(&mut self, now: SimTime, remote: &Secure, dtls_client: bool) {
        if self.is_closed() {
            return;
        }
        let theirs = Credentials { ufrag: remote.ufrag.clone(), pwd: remote.pwd.clone() };
        if self.current.remote.as_ref().is_some_and(|known| *known != theirs) {
            self.restart(now);
        }
        if self.current.remote.is_none() {
            // RFC 8445 6.1.1: of a full and a lite end the full one controls.
            self.controlling = !self.settings.lite && (self.settings.controlling || remote.lite);
            if let Some(finder) = &mut self.current.finder {
                finder.start(now, self.controlling, &theirs);
            }
            self.current.remote = Some(theirs);
            self.current.checking_since = Some(now);
            if self.promised.as_ref() != Some(&remote.fingerprint) {
                self.promised = Some(remote.fingerprint.clone());
                self.srtp = None;
                let (clock, certificate, settings) = (self.clock, &self.certificate, &self.settings);
                self.dtls = Some(Dtls::new(clock, now, dtls_client, certificate, settings, &remote.fingerprint));
            }
        }
        for candidate in &remote.candidates {
            self.add_remote(now, candidate);
        }
        for (pair, request) in std::mem::take(&mut self.current.early) {
            self.handle_stun(now, pair, &request);
        }
        self.settle(now);
    }

    /// Restarts ICE: new credentials, the same local candidates. Media goes on meanwhile; the checks begin with the
    /// peer's new credentials.
    pub fn restart(&mut self, now: SimTime) {
        if self.is_closed() {
            return;
        }
        let (clock, lite) = (self.clock, self.settings.lite);
        let (provider, locals, random) = (&self.provider, &self.locals, &mut self.random);
        let next = generation(clock, now, provider, self.controlling, lite, locals, random);
        let mut last = std::mem::replace(&mut self.current, next);
        if last.consent.is_some() {
            last.finder = None;
            self.previous = Some(last);
        }
        self.remotes.clear();
        self.settle(now);
    }

    /// Forgets the local candidates of a base: that socket is gone, nothing is sent from it any more.
    pub fn forget_local(&mut self, base: SocketAddrV4) {
        self.locals.retain(|(_, at)| *at != base);
    }

    /// Takes a datagram that `from` sent to the base `local`. Any bytes are safe; what is nobody's is ignored.
    pub fn handle_datagram(&mut self, now: SimTime, local: SocketAddrV4, from: SocketAddrV4, datagram: &[u8]) {
        if self.is_closed() {
            return;
        }
        match datagram.first() {
            Some(0..=3) => self.handle_stun(now, (local, from), datagram),
            Some(20..=63) => self.handle_dtls(now, (local, from), datagram),
            Some(128..=191) => self.handle_media(now, datagram),
            _ => {}
        }
    }

    fn handle_stun(&mut self, now: SimTime, pair: Pair, datagram: &[u8]) {
        let Some(mut message) = stun::read(datagram) else { return };
        if message.typ.class == CLASS_REQUEST {
            self.asked(now, pair, &mut message);
        } else if message.typ.class == CLASS_SUCCESS_RESPONSE {
            self.answered(now, pair, &mut message);
        }
        self.settle(now);
    }

    /// A request of the peer (RFC 8445 7.3). Who has our description may ask before we have its own: that's kept for then,
    /// or a peer behind a NAT whose addresses can't be told beforehand would be met too late.
    fn asked(&mut self, now: SimTime, pair: Pair, request: &mut Message) {
        let crypto = self.provider.crypto();
        let current = &mut self.current;
        if current.remote.is_none()
            && stun::is_for(request, &current.local, None)
            && stun::is_authentic(crypto, request, &current.local.pwd)
        {
            current.early.retain(|(known, _)| *known != pair);
            if current.early.len() < MOST_EARLY {
                current.early.push((pair, request.raw.clone()));
            }
            return;
        }
        let generations = std::iter::once(&mut self.current).chain(&mut self.previous);
        let mine = generations
            .enumerate()
            .find(|(_, it)| it.remote.is_some() && stun::is_for(request, &it.local, it.remote.as_ref()));
        let Some((age, generation)) = mine else { return };
        if generation.standing == Standing::Failed || !stun::is_authentic(crypto, request, &generation.local.pwd) {
            return;
        }
        self.last_heard = Some(now);
        generation.prove(pair);
        if let Some(finder) = &mut generation.finder {
            return finder.handle(now, pair.0, pair.1, &request.raw);
        }
        if let Some(payload) = stun::success(crypto, request, pair.1, &generation.local) {
            self.out.push_back(Datagram { local: pair.0, to: pair.1, payload });
        }
        let moves = match &mut generation.consent {
            Some(consent) if is_of(&consent.path, pair) => {
                consent.asked(now);
                false
            }
            // The peer has another pair: because it says so, or because its address has changed (a NAT's mapping was
            // lost), which shows when the old one is silent.
            Some(consent) => match self.controlling {
                false => stun::nominates(request),
                true => consent.is_doubtful(now),
            },
            None => self.settings.lite && stun::nominates(request),
        };
        if moves && age == 0 {
            self.select(now, pair);
        }
    }

    /// An answer of the peer (RFC 8445 7.2.5): to a check of consent, or to one of the finder's.
    fn answered(&mut self, now: SimTime, pair: Pair, answer: &mut Message) {
        let crypto = self.provider.crypto();
        let id = answer.transaction_id.0;
        for generation in std::iter::once(&mut self.current).chain(&mut self.previous) {
            let Some(remote) = &generation.remote else { continue };
            let awaited = generation.consent.as_ref().is_some_and(|it| is_of(&it.path, pair) && it.awaits(&id));
            if !awaited && generation.finder.is_none() || !stun::is_authentic(crypto, answer, &remote.pwd) {
                continue;
            }
            self.last_heard = Some(now);
            generation.prove(pair);
            if let Some(mapped) = stun::mapped(answer) {
                generation.note_mapped(pair, mapped);
            }
            match (&mut generation.consent, &mut generation.finder) {
                (Some(consent), _) if awaited => consent.answered(now, &mut self.random),
                (_, Some(finder)) => finder.handle(now, pair.0, pair.1, &answer.raw),
                _ => {}
            }
            self.reselect();
            return;
        }
    }

    fn handle_dtls(&mut self, now: SimTime, pair: Pair, datagram: &[u8]) {
        // Only who has shown by a check to be the peer may shake hands: anybody else could spoil the handshake.
        let mut generations = std::iter::once(&self.current).chain(&self.previous);
        if !generations.any(|generation| generation.proven.contains(&pair)) {
            return;
        }
        let Some(dtls) = &mut self.dtls else { return };
        self.handshake_pair = Some(pair);
        dtls.handle(now, datagram);
        self.settle(now);
    }

    fn handle_media(&mut self, now: SimTime, datagram: &[u8]) {
        if self.settings.quirks.plain_rtp {
            // Two ends with this quirk understand each other.
            self.events.push_back(match srtp::is_rtcp(datagram) {
                true => TransportEvent::Rtcp(Bytes::copy_from_slice(datagram)),
                false => TransportEvent::Rtp(Bytes::copy_from_slice(datagram)),
            });
            return;
        }
        let Some(srtp) = self.srtp.as_mut().filter(|_| self.dtls_state == DtlsState::Connected) else { return };
        let event = match srtp::is_rtcp(datagram) {
            true => srtp.unprotect_rtcp(datagram).map(TransportEvent::Rtcp),
            false => srtp.unprotect(datagram).map(TransportEvent::Rtp),
        };
        let Some(event) = event else { return };
        self.events.push_back(event);
        for generation in std::iter::once(&mut self.current).chain(&mut self.previous) {
            if let Some(consent) = &mut generation.consent {
                consent.sign(now);
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.is_closed() {
            return;
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        if self.is_closed() {
            return None;
        }
        let generations = std::iter::once(&self.current).chain(&self.previous);
        let consents = generations.filter_map(|it| it.consent.as_ref()?.due(self.settled));
        let gives_up = match (&self.current.consent, self.current.checking_since) {
            (None, Some(since)) if self.current.standing != Standing::Failed => {
                Some(since + self.settings.connects_within)
            }
            _ => None,
        };
        let finder = self.current.finder.as_ref().and_then(Finder::due);
        let dtls = self.dtls.as_ref().and_then(Dtls::due);
        consents.chain(gives_up).chain(finder).chain(dtls).min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        loop {
            let datagram = self.out.pop_front()?;
            if self.locals.iter().any(|(_, base)| *base == datagram.local) {
                return Some(datagram);
            }
        }
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Sends an RTP packet; false when none may be sent (no keys yet, a silent path, consent lost, closed).
    pub fn send_rtp(&mut self, now: SimTime, packet: &[u8]) -> bool {
        self.send_media(now, packet, Srtp::protect)
    }

    /// Sends an RTCP packet; false when none may be sent.
    pub fn send_rtcp(&mut self, now: SimTime, packet: &[u8]) -> bool {
        self.send_media(now, packet, Srtp::protect_rtcp)
    }

    fn send_media(&mut self, now: SimTime, packet: &[u8], protect: fn(&mut Srtp, &[u8]) -> Option<Bytes>) -> bool {
        let quirks = self.settings.quirks;
        let Some(pair) = self.way(now).filter(|_| !self.is_closed()) else { return false };
        let payload = match &mut self.srtp {
            _ if quirks.plain_rtp => Some(Bytes::copy_from_slice(packet)),
            Some(srtp) if self.dtls_state == DtlsState::Connected => protect(srtp, packet),
            None if quirks.sends_before_dtls => Some(Bytes::copy_from_slice(packet)),
            _ => None,
        };
        let Some(payload) = payload else { return false };
        self.push(pair, payload);
        self.protected += 1;
        if quirks.repeats_index && self.protected.is_multiple_of(8) && srtp::is_rtp(packet) {
            let mut other = BytesMut::from(packet);
            if let (Some(last), Some(srtp)) = (other.last_mut(), &mut self.srtp) {
                *last ^= 0x55;
                if let Some(payload) = protect(srtp, &other) {
                    self.push(pair, payload);
                }
            }
        }
        true
    }

    /// Sends application data over DTLS; false when none may be sent.
    pub fn send_data(&mut self, now: SimTime, record: &[u8]) -> bool {
        if self.is_closed() || self.way(now).is_none() {
            return false;
        }
        let sent = self.dtls.as_mut().is_some_and(|dtls| dtls.send(now, record));
        self.flush_dtls(now);
        sent
    }

    /// Says `close_notify`, and nothing more after it.
    pub fn close(&mut self, now: SimTime) {
        if self.is_closed() {
            return;
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
        self.flush_dtls(now);
        (self.ice, self.dtls_state) = (IceState::Closed, DtlsState::Closed);
        (self.dtls, self.srtp, self.selected, self.previous) = (None, None, None, None);
        (self.current.finder, self.current.consent) = (None, None);
        self.events.clear();
    }

    fn is_closed(&self) -> bool {
        self.ice == IceState::Closed
    }

    /// How far ICE is.
    pub fn ice(&self) -> IceState {
        self.ice
    }

    /// How far DTLS is.
    pub fn dtls(&self) -> DtlsState {
        self.dtls_state
    }

    /// The pair in use.
    pub fn selected(&self) -> Option<Selected> {
        self.selected
    }

    /// When the peer last showed itself by an authenticated check or answer.
    pub fn last_heard(&self) -> Option<SimTime> {
        self.last_heard
    }

    /// Another pair is in use.
    fn select(&mut self, now: SimTime, (local_base, remote_address): Pair) {
        let path = Selected { local: CandidateKind::Host, remote: CandidateKind::Host, local_base, remote_address };
        match &mut self.current.consent {
            Some(consent) => consent.moved(now, path),
            None => {
                let patience = Patience {
                    check_every: self.settings.check_every,
                    disconnected_after: self.settings.disconnected_after,
                    // A lite end has nothing but consent to judge by.
                    failed_after: if self.settings.lite { self.settings.consent } else { self.settings.failed_after },
                    consent: self.settings.consent,
                };
                let consent = Consent::new(now, path, patience, self.settings.lite, &mut self.random);
                self.current.consent = Some(consent);
            }
        }
        self.current.finder = None;
        self.previous = None;
        self.reselect();
    }

    /// What the pair in use is may only be known later: when the peer says where our packets come from, or trickles the
    /// candidate that its packets came from (RFC 8445 7.2.5.3.1, 7.3.1.3).
    fn reselect(&mut self) {
        let Some(consent) = &mut self.current.consent else { return };
        let path = &mut consent.path;
        let pair = (path.local_base, path.remote_address);
        let is_relayed = self.locals.iter().any(|(it, base)| *base == pair.0 && it.kind == CandidateKind::Relay);
        let mapped = self.current.mapped.iter().find(|(known, _)| *known == pair).map(|(_, mapped)| *mapped);
        path.local = match mapped.filter(|mapped| *mapped != pair.0) {
            _ if is_relayed => CandidateKind::Relay,
            None => CandidateKind::Host,
            Some(mapped) => match self.locals.iter().any(|(it, _)| it.ip() == Some(mapped)) {
                true => CandidateKind::ServerReflexive,
                false => CandidateKind::PeerReflexive,
            },
        };
        let known = self.remotes.iter().find(|it| it.ip() == Some(pair.1));
        path.remote = known.map_or(CandidateKind::PeerReflexive, |candidate| candidate.kind);
        if self.selected != Some(*path) {
            self.selected = Some(*path);
            self.events.push_back(TransportEvent::Selected(*path));
        }
    }

    /// Where media may be sent now. A browser stops when its checks stay without answers, long before consent ends; a
    /// lite end can't know before that.
    fn way(&self, now: SimTime) -> Option<Pair> {
        let mut consents =
            std::iter::once(&self.current).chain(&self.previous).filter_map(|it| Some((it, it.consent.as_ref()?)));
        let allowed = consents.clone().find(|(generation, consent)| match generation.standing {
            _ if consent.expires() <= now => false,
            Standing::Good => true,
            Standing::Silent => self.settings.lite,
            Standing::Failed => false,
        });
        let anyway = || consents.next().filter(|_| self.settings.quirks.keeps_sending_without_consent);
        allowed.or_else(anyway).map(|(_, consent)| (consent.path.local_base, consent.path.remote_address))
    }

    fn push(&mut self, (local, to): Pair, payload: Bytes) {
        self.out.push_back(Datagram { local, to, payload });
    }

    /// Brings everything up to now: the search, consent, the states, the handshake.
    fn settle(&mut self, now: SimTime) {
        if self.is_closed() {
            return;
        }
        self.settled = now;
        let out = &mut self.out;
        let found =
            self.current.finder.as_mut().and_then(|finder| finder.drive(now, |datagram| out.push_back(datagram)));
        if let Some(pair) = found {
            self.select(now, pair);
        }
        self.settle_consent(now);
        self.settle_ice(now);
        if let Some(dtls) = &mut self.dtls
            && self.ice == IceState::Connected
        {
            dtls.begin(now);
        }
        self.flush_dtls(now);
    }

    fn settle_consent(&mut self, now: SimTime) {
        let mut lost = 0;
        let mut kept = 0;
        for generation in std::iter::once(&mut self.current).chain(&mut self.previous) {
            let Some(consent) = &mut generation.consent else { continue };
            if consent.expires() <= now {
                lost += usize::from(!std::mem::replace(&mut consent.lost, true));
            } else {
                kept += 1;
            }
            if generation.standing != Standing::Failed {
                generation.standing = consent.standing(now);
            }
            if generation.standing == Standing::Failed {
                generation.fail();
                continue;
            }
            let Some(id) = consent.check(now, &mut self.random) else { continue };
            let check = Check {
                id,
                controlling: self.controlling,
                tie_breaker: self.tie_breaker,
                priority: CHECK_PRIORITY,
                nominates: self.controlling,
            };
            let Some(remote) = &generation.remote else { continue };
            if let Some(payload) = stun::request(self.provider.crypto(), check, &generation.local, remote) {
                let (local, to) = (consent.path.local_base, consent.path.remote_address);
                self.out.push_back(Datagram { local, to, payload });
            }
        }
        if lost > 0 && kept == 0 {
            self.events.push_back(TransportEvent::ConsentLost);
        }
    }

    fn settle_ice(&mut self, now: SimTime) {
        let as_state = |standing| match standing {
            Standing::Good => IceState::Connected,
            Standing::Silent => IceState::Disconnected,
            Standing::Failed => IceState::Failed,
        };
        let current = &mut self.current;
        let state = match (&current.consent, current.checking_since, &self.previous) {
            (Some(_), ..) => as_state(current.standing),
            (None, Some(since), _) if since + self.settings.connects_within <= now => {
                current.fail();
                self.previous = None;
                IceState::Failed
            }
            (None, Some(_), _) => IceState::Checking,
            // Between a restart and the peer's answer to it the old pair is what there is.
            (None, None, Some(previous)) => as_state(previous.standing),
            (None, None, None) => self.ice,
        };
        if state != self.ice {
            self.ice = state;
            self.events.push_back(TransportEvent::Ice(state));
        }
    }

    /// Takes what DTLS has to say and to tell.
    fn flush_dtls(&mut self, now: SimTime) {
        let way = self.way(now).or(self.handshake_pair.filter(|_| self.current.consent.is_none()));
        let Some(dtls) = &mut self.dtls else { return };
        while let Some(payload) = dtls.poll_transmit() {
            if let Some((local, to)) = way {
                self.out.push_back(Datagram { local, to, payload });
            }
        }
        if dtls.state() == DtlsState::Connecting && self.dtls_state != DtlsState::Connecting {
            self.dtls_state = DtlsState::Connecting;
            self.events.push_back(TransportEvent::Dtls(self.dtls_state));
        }
        let mut failed = false;
        while let Some(event) = dtls.poll_event() {
            match event {
                DtlsEvent::Connected(keys) => {
                    self.srtp = Srtp::new(&keys, self.provider.crypto());
                    self.events.push_back(TransportEvent::Keys(*keys));
                }
                DtlsEvent::Data(data) => self.events.push_back(TransportEvent::Data(data)),
                DtlsEvent::PeerClosed => self.events.push_back(TransportEvent::PeerClosed),
                DtlsEvent::Failed => failed = true,
            }
        }
        let state = if failed { DtlsState::Failed } else { dtls.state() };
        if state != self.dtls_state {
            self.dtls_state = state;
            self.events.push_back(TransportEvent::Dtls(state));
        }
    }
}

/// A new generation, with the local candidates.
fn generation(
    clock: Clock,
    now: SimTime,
    provider: &Arc<dyn RTCCryptoProvider>,
    controlling: bool,
    lite: bool,
    locals: &[(Candidate, SocketAddrV4)],
    random: &mut Random,
) -> Generation {
    let local = credentials(random);
    let mut finder = match lite {
        true => None,
        false => Finder::new(clock, now, Arc::clone(provider), controlling, &local),
    };
    if let Some(finder) = &mut finder {
        for (index, (candidate, base)) in locals.iter().enumerate() {
            if !is_redundant(candidate, *base, &locals[..index]) {
                finder.add_local(candidate);
            }
        }
    }
    Generation {
        local,
        remote: None,
        finder,
        consent: None,
        checking_since: None,
        standing: Standing::Good,
        proven: Vec::new(),
        mapped: Vec::new(),
        early: Vec::new(),
    }
}

/// Checks of a reflexive candidate leave from its base, as those of its host candidate do (RFC 8445 6.1.2.4).
fn is_redundant(candidate: &Candidate, base: SocketAddrV4, locals: &[(Candidate, SocketAddrV4)]) -> bool {
    let is_reflexive = matches!(candidate.kind, CandidateKind::ServerReflexive | CandidateKind::PeerReflexive);
    is_reflexive && locals.iter().any(|(known, at)| known.kind == CandidateKind::Host && *at == base)
}

fn is_of(path: &Selected, pair: Pair) -> bool {
    (path.local_base, path.remote_address) == pair
}
