//! RTCPeerConnection, as a page has it.
//!
//! One audio section, one data section, BUNDLE and rtcp-mux, as webphones use it. What takes time in a browser
//! (gathering, connecting) takes time here and is told by events; what a page awaits there without anything happening
//! on a wire (`createOffer`, `setLocalDescription`) is done at once.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::media::{MediaStream, MediaStreamTrack};
use crate::media::sdp::{self, Agreed, Local, SdpError, Secure, Setup, Source};
use crate::media::webrtc::{
    Candidate, CandidateKind, Certificate, ChannelId, DataEvent, DtlsState, IceState, Peer, PeerEvent, PeerSettings,
    Reach, TransportSettings,
};
use crate::media::{self, AudioLine, Codec, Direction, LineEvent, StreamStats};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// What a page may say when it makes a connection, with what the browser knows about the servers that it names.
#[derive(Debug, Clone)]
pub struct RtcConfiguration {
    /// The page's `iceServers` and `iceTransportPolicy`.
    pub reach: Reach,
    /// Candidates are told as they're found, and the description is sent without waiting for them.
    pub trickle: bool,
    /// How the transport behaves; its times are Chrome's.
    pub transport: TransportSettings,
}

impl Default for RtcConfiguration {
    /// [measured] Chrome holds a connection for `disconnected` 5.2 to 5.4 s after the other tab was closed, and for `failed`
    /// 15.2 s after.
    fn default() -> RtcConfiguration {
        let transport = TransportSettings {
            disconnected_after: Duration::from_millis(5_250),
            failed_after: Duration::from_millis(15_200),
            ..TransportSettings::default()
        };
        RtcConfiguration { reach: Reach::default(), trickle: false, transport }
    }
}

/// What an offer or an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferOptions {
    /// Which way audio should flow.
    pub direction: Direction,
    /// New credentials, and new candidates.
    pub ice_restart: bool,
}

impl Default for OfferOptions {
    fn default() -> OfferOptions {
        OfferOptions { direction: Direction::SendRecv, ice_restart: false }
    }
}

/// Offer or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpType {
    /// An offer.
    Offer,
    /// Its answer.
    Answer,
    /// Something that may still be replaced by the answer: early media.
    Pranswer,
    /// Back to where both agreed last.
    Rollback,
}

/// How far an exchange of descriptions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignalingState {
    /// Nothing is open.
    #[default]
    Stable,
    /// Our offer waits for its answer.
    HaveLocalOffer,
    /// Their offer waits for ours.
    HaveRemoteOffer,
    /// It's closed.
    Closed,
}

/// How far the search for candidates is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IceGatheringState {
    /// It hasn't begun.
    #[default]
    New,
    /// It's going on.
    Gathering,
    /// It's over.
    Complete,
}

/// ICE and DTLS together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// Nothing has begun.
    #[default]
    New,
    /// Something is on its way.
    Connecting,
    /// Media can flow.
    Connected,
    /// The other side isn't heard of.
    Disconnected,
    /// It came to nothing.
    Failed,
    /// It's closed.
    Closed,
}

/// What a connection tells its page.
#[derive(Debug, Clone)]
pub enum PeerConnectionEvent {
    /// Another description should be exchanged.
    NegotiationNeeded,
    /// A candidate was found; none: that was the last.
    IceCandidate(Option<Candidate>),
    /// The search goes on, or is over.
    IceGatheringState(IceGatheringState),
    /// Connectivity is another.
    IceConnectionState(IceState),
    /// ICE and DTLS together are.
    ConnectionState(ConnectionState),
    /// The exchange of descriptions goes on.
    SignalingState(SignalingState),
    /// The other side's audio is there (`track`): play it, and it's heard.
    Track(MediaStream),
    /// The other side pressed a key.
    Digit(char),
    /// The other side opened a data channel.
    DataChannel(ChannelId, String),
    /// A data channel can be used.
    DataOpen(ChannelId),
    /// Something came by a data channel.
    DataMessage {
        /// The channel.
        channel: ChannelId,
        /// It's text.
        text: bool,
        /// What came.
        payload: Bytes,
    },
    /// A data channel is closed.
    DataClosed(ChannelId),
}

/// Why a call of the API failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtcError {
    /// It can't be done in this state.
    #[error("InvalidStateError: {0}")]
    InvalidState(&'static str),
    /// The description can't be used.
    #[error("InvalidAccessError: {0}")]
    InvalidAccess(String),
    /// The description can't be read.
    #[error("OperationError: {0}")]
    Operation(#[from] SdpError),
}

/// What `getStats` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RtcStats {
    /// What was sent and heard.
    pub audio: Option<StreamStats>,
    /// The kinds of the selected candidates: ours, and the other side's.
    pub pair: Option<(CandidateKind, CandidateKind)>,
}

/// An RTCPeerConnection. Cheap to clone.
///
/// Closed, it says farewell on the wire; dropped with its tab it's gone without a word.
#[derive(Clone)]
pub struct PeerConnection(Rc<Inner>);

struct Inner {
    peer: Peer,
    state: RefCell<State>,
    tasks: RefCell<Vec<AbortHandle>>,
    tell: Tell,
    /// Whose microphone and speaker.
    devices: Host,
    /// The other side's audio.
    incoming: MediaStreamTrack,
}

/// How its page is told.
pub(super) type Tell = Rc<dyn Fn(PeerConnectionEvent)>;

/// What a connection needs of the browser that it's in.
pub(super) struct Seat {
    /// The computer.
    pub(super) host: Host,
    /// The profile's certificate.
    pub(super) certificate: Certificate,
    /// What it draws from.
    pub(super) random: Random,
    /// The track that the other side's audio will be.
    pub(super) incoming: MediaStreamTrack,
    /// How its page is told.
    pub(super) tell: Tell,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.borrow_mut().drain(..).for_each(|task| task.abort());
    }
}

struct State {
    random: Random,
    local: Local,
    line: Option<AudioLine>,
    signaling: SignalingState,
    gathering: IceGatheringState,
    connection: ConnectionState,
    /// The last description of ours that was set.
    described: Option<Described>,
    /// While an exchange is open: what a rollback goes back to.
    settled: Option<Settled>,
    /// Their open offer.
    offer: Option<Bytes>,
    agreed: Option<Agreed>,
    /// The transport that they described.
    remote: Option<Secure>,
    /// What its stream is called.
    name: String,
    restart_wanted: bool,
    described_before: bool,
    heard: bool,
    /// What is sent.
    microphone: Option<MediaStreamTrack>,
    /// Data channels that the page made and that couldn't be opened yet.
    channels: Vec<String>,
    /// Those of ours that were.
    opened: Vec<ChannelId>,
}

/// What was described: rendered again, with the candidates found since, whenever it's asked for.
#[derive(Clone)]
struct Described {
    local: Local,
    /// The offer that it answers.
    answers: Option<Bytes>,
}

/// This end as both agreed on it last.
struct Settled {
    local: Local,
    described: Option<Described>,
}

impl State {
    /// An exchange begins.
    fn begin_exchange(&mut self) {
        if self.settled.is_none() {
            self.settled = Some(Settled { local: self.local.clone(), described: self.described.clone() });
        }
    }

    /// It came to nothing (RFC 9429 4.1.10.2).
    fn roll_back(&mut self) {
        let Some(Settled { local, described }) = self.settled.take() else { return };
        self.described = described;
        // What was sent has had its version (RFC 3264 8), and a data channel that the page has made is still to be
        // offered.
        let (version, data) = (self.local.version, local.data || !self.channels.is_empty());
        self.local = Local { version, data, ..local };
    }
}

impl Described {
    fn render(&self, secure: Secure) -> Result<Bytes, SdpError> {
        let local = Local { secure: Some(secure), ..self.local.clone() };
        match &self.answers {
            None => Ok(local.offer()),
            Some(offer) => Ok(local.answer(offer)?.0),
        }
    }
}

impl PeerConnection {
    /// Makes one; its sockets open with its first description.
    pub(super) fn new(seat: Seat, configuration: RtcConfiguration) -> PeerConnection {
        let Seat { host, certificate, mut random, incoming, tell } = seat;
        let RtcConfiguration { reach, trickle, transport } = configuration;
        let settings = PeerSettings { transport, reach, trickle };
        let peer = Peer::new(&host, settings, certificate, Random::stream(random.next_u64(), "peer"));
        let session = random.next_u64() >> 2;
        // RFC 8840 4.1.1: where candidates say it, the address is none and the port the discard service's.
        let mut local = Local::new([0, 0, 0, 0].into(), 9, session);
        local.codecs = vec![Codec::Pcmu, Codec::Pcma];
        let state = State {
            random,
            local,
            line: None,
            signaling: SignalingState::Stable,
            gathering: IceGatheringState::New,
            connection: ConnectionState::New,
            described: None,
            settled: None,
            offer: None,
            agreed: None,
            remote: None,
            name: format!("{session:016x}"),
            restart_wanted: false,
            described_before: false,
            heard: false,
            microphone: None,
            channels: Vec::new(),
            opened: Vec::new(),
        };
        let connection = PeerConnection(Rc::new(Inner {
            peer: peer.clone(),
            state: RefCell::new(state),
            tasks: RefCell::default(),
            tell,
            devices: host.clone(),
            incoming,
        }));
        let inner = Rc::downgrade(&connection.0);
        let watch = host.spawn(async move {
            loop {
                let event = peer.event().await;
                let Some(inner) = inner.upgrade() else { return };
                PeerConnection(inner).happened(event);
            }
        });
        connection.0.tasks.borrow_mut().push(watch.abort_handle());
        connection
    }

    fn tell(&self, event: PeerConnectionEvent) {
        (self.0.tell)(event);
    }

    // --- media ---------------------------------------------------------------------------------------------------

    /// `addTrack`: the microphone's audio is sent, and there is something to hear the other side by. Another track takes
    /// the place of the first (`replaceTrack`).
    pub fn add_track(&self, track: &MediaStreamTrack) {
        let mut state = self.0.state.borrow_mut();
        if state.signaling == SignalingState::Closed {
            return;
        }
        state.microphone = Some(track.clone());
        if state.line.is_some() {
            return self.0.settle_tracks(&state);
        }
        let random = Random::stream(state.random.next_u64(), "audio");
        let line = AudioLine::over(&self.0.peer, &self.0.devices, random);
        state.line = Some(line.clone());
        self.0.settle_tracks(&state);
        drop(state);
        let inner = Rc::downgrade(&self.0);
        let watch = self.0.devices.spawn(async move {
            loop {
                let event = line.event().await;
                let Some(inner) = inner.upgrade() else { return };
                if let LineEvent::Digit(digit) = event {
                    PeerConnection(inner).tell(PeerConnectionEvent::Digit(digit));
                }
            }
        });
        self.0.tasks.borrow_mut().push(watch.abort_handle());
    }

    /// A track of the page's was muted, stopped, or is played.
    pub(super) fn track_changed(&self, _track: &MediaStreamTrack) {
        self.0.settle_tracks(&self.0.state.borrow());
    }

    /// Whether it is why a browser keeps a page awake: it isn't closed, and has begun.
    pub(super) fn is_in_use(&self) -> bool {
        let state = self.0.state.borrow();
        state.signaling != SignalingState::Closed && state.described.is_some()
    }

    /// `sender.dtmf.insertDTMF`. False: the other side takes no digits.
    pub fn insert_dtmf(&self, digits: &str) -> bool {
        let state = self.0.state.borrow();
        let takes = state.agreed.as_ref().is_some_and(|agreed| agreed.telephone_event.is_some());
        match &state.line {
            Some(line) if takes => line.send_digits(digits),
            _ => return false,
        }
        true
    }

    /// The digits that came so far.
    pub fn digits(&self) -> String {
        self.0.state.borrow().line.as_ref().map(AudioLine::digits).unwrap_or_default()
    }

    /// For how long nothing has come though something should.
    pub fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.0.state.borrow().line.as_ref()?.silent_for(now)
    }

    /// `getStats`.
    pub fn get_stats(&self) -> RtcStats {
        RtcStats {
            audio: self.0.state.borrow().line.as_ref().map(AudioLine::stats),
            pair: self.0.peer.selected().map(|selected| (selected.local, selected.remote)),
        }
    }

    // --- descriptions --------------------------------------------------------------------------------------------

    /// `createOffer`.
    ///
    /// # Errors
    /// It's closed, or there is nothing to offer: no track and no data channel.
    pub fn create_offer(&self, options: OfferOptions) -> Result<Bytes, RtcError> {
        let mut state = self.0.state.borrow_mut();
        if state.signaling == SignalingState::Closed {
            return Err(RtcError::InvalidState("the connection is closed"));
        }
        if state.line.is_none() && !state.local.data {
            return Err(RtcError::InvalidState("there is neither a track nor a data channel to offer"));
        }
        if (options.ice_restart || state.restart_wanted) && state.remote.is_some() {
            self.0.peer.restart();
            set_gathering(&mut state, &self.0, IceGatheringState::Gathering);
        }
        state.restart_wanted = false;
        state.begin_exchange();
        self.describe(&mut state, options.direction);
        Ok(state.local.offer())
    }

    /// `createAnswer`, to the offer that was set.
    ///
    /// # Errors
    /// No offer is open, or it has nothing that this browser can.
    pub fn create_answer(&self, direction: Direction) -> Result<Bytes, RtcError> {
        let mut state = self.0.state.borrow_mut();
        let Some(offer) = state.offer.clone() else {
            return Err(RtcError::InvalidState("there is no offer to answer"));
        };
        state.begin_exchange();
        // Whatever of it is offered.
        state.local.data = true;
        self.describe(&mut state, direction);
        Ok(state.local.answer(&offer)?.0)
    }

    /// What this end can describe now.
    fn describe(&self, state: &mut State, direction: Direction) {
        state.local.direction = direction;
        state.local.audio = state.line.is_some();
        state.local.source = state.line.as_ref().map(|line| Source {
            ssrc: line.ssrc(),
            cname: state.name.clone(),
            stream: state.name.clone(),
            track: "microphone".to_owned(),
        });
        // Who answers an `actpass` begins the handshake, and roles that were settled stay: the description's machine
        // sees to it (RFC 5763 5).
        state.local.secure = Some(self.0.peer.secure(Setup::Actpass));
    }

    /// `setLocalDescription`, with what `create_offer` or `create_answer` made last.
    ///
    /// # Errors
    /// It doesn't fit the state.
    pub fn set_local_description(&self, kind: SdpType) -> Result<(), RtcError> {
        let mut guard = self.0.state.borrow_mut();
        let state = &mut *guard;
        match (kind, state.signaling) {
            (SdpType::Offer, SignalingState::Stable | SignalingState::HaveLocalOffer) => {
                version(state);
                state.described = Some(Described { local: state.local.clone(), answers: None });
                set_signaling(state, &self.0, SignalingState::HaveLocalOffer);
            }
            (SdpType::Answer, SignalingState::HaveRemoteOffer) => {
                let Some(offer) = state.offer.take() else { return Err(RtcError::InvalidState("no offer is open")) };
                version(state);
                let (_, agreed) = state.local.answer(&offer)?;
                state.described = Some(Described { local: state.local.clone(), answers: Some(offer) });
                self.agree(state, agreed)?;
                state.settled = None;
                set_signaling(state, &self.0, SignalingState::Stable);
            }
            (SdpType::Rollback, SignalingState::HaveLocalOffer) => {
                state.roll_back();
                set_signaling(state, &self.0, SignalingState::Stable);
                return Ok(());
            }
            _ => return Err(RtcError::InvalidState("that description doesn't fit the signaling state")),
        }
        if state.gathering == IceGatheringState::New {
            self.0.peer.gather();
            set_gathering(state, &self.0, IceGatheringState::Gathering);
        }
        Ok(())
    }

    /// `setRemoteDescription`.
    ///
    /// # Errors
    /// It can't be read, doesn't fit the state, is plain RTP, or has nothing that this browser can.
    pub fn set_remote_description(&self, kind: SdpType, description: &[u8]) -> Result<(), RtcError> {
        let mut guard = self.0.state.borrow_mut();
        let state = &mut *guard;
        let Some(secure) = sdp::secure_of(description)? else {
            return Err(RtcError::InvalidAccess("plain RTP: a browser speaks DTLS-SRTP only".into()));
        };
        match (kind, state.signaling) {
            (SdpType::Offer, SignalingState::Stable | SignalingState::HaveRemoteOffer) => {
                if state.remote.as_ref().is_some_and(|before| sdp::restarts(before, &secure)) {
                    self.0.peer.restart();
                    set_gathering(state, &self.0, IceGatheringState::Gathering);
                }
                state.remote = Some(secure);
                state.offer = Some(Bytes::copy_from_slice(description));
                // What both agree on is what an answer says; whether there can be one is known now.
                let mut probe = state.local.clone();
                probe.secure = Some(self.0.peer.secure(Setup::Actpass));
                probe.data = true;
                if probe.answer(description)?.1.is_none() {
                    state.offer = None;
                    return Err(RtcError::InvalidAccess("the offer has nothing that this browser can".into()));
                }
                set_signaling(state, &self.0, SignalingState::HaveRemoteOffer);
            }
            (SdpType::Answer | SdpType::Pranswer, SignalingState::HaveLocalOffer) => {
                let described = state.described.as_ref().map(|described| described.local.clone());
                let Some(local) = described else { return Err(RtcError::InvalidState("no offer is open")) };
                let agreed = local.agree(description)?;
                state.remote = Some(secure);
                if kind == SdpType::Answer && local.data && agreed.as_ref().is_some_and(|agreed| !agreed.data) {
                    // Refused: the page's channels are closed, and not offered again.
                    state.channels.clear();
                }
                self.agree(state, agreed)?;
                if kind == SdpType::Answer {
                    state.settled = None;
                    set_signaling(state, &self.0, SignalingState::Stable);
                }
            }
            (SdpType::Rollback, SignalingState::HaveRemoteOffer) => {
                state.offer = None;
                state.roll_back();
                set_signaling(state, &self.0, SignalingState::Stable);
            }
            _ => return Err(RtcError::InvalidState("that description doesn't fit the signaling state")),
        }
        Ok(())
    }

    /// Both have described themselves.
    fn agree(&self, state: &mut State, agreed: Option<Agreed>) -> Result<(), RtcError> {
        let Some(agreed) = agreed else {
            return Err(RtcError::InvalidAccess("the answer has nothing of what was offered".into()));
        };
        state.local.settle(&agreed);
        let client = agreed.dtls_client;
        state.local.data = agreed.data || !state.channels.is_empty();
        if agreed.data {
            self.0.peer.use_data();
        } else if state.agreed.as_ref().is_some_and(|before| before.data) {
            self.0.peer.end_data();
        }
        if let Some(line) = state.line.as_ref().filter(|_| agreed.audio) {
            line.connect(agreed.remote());
        }
        if agreed.audio && state.line.is_some() && !std::mem::replace(&mut state.heard, true) {
            self.tell(PeerConnectionEvent::Track(MediaStream::of([self.0.incoming.clone()])));
        }
        state.agreed = Some(agreed);
        if let Some(remote) = &state.remote {
            self.0.peer.connect(remote, client);
        }
        Ok(())
    }

    /// `localDescription`, with the candidates found so far.
    pub fn local_description(&self) -> Option<Bytes> {
        let state = self.0.state.borrow();
        let described = state.described.as_ref()?;
        described.render(self.0.peer.secure(Setup::Actpass)).ok()
    }

    /// What both agreed on last.
    pub fn agreed(&self) -> Option<Agreed> {
        self.0.state.borrow().agreed.clone()
    }

    /// True if the other side has put us on hold: it sends nothing, or wants nothing.
    pub fn is_held(&self) -> bool {
        self.0.state.borrow().agreed.as_ref().is_some_and(Agreed::held)
    }

    // --- ICE -----------------------------------------------------------------------------------------------------

    /// `addIceCandidate`.
    pub fn add_ice_candidate(&self, candidate: &Candidate) {
        self.0.peer.add_remote(candidate);
    }

    /// `restartIce`: the next offer has other credentials.
    pub fn restart_ice(&self) {
        self.0.state.borrow_mut().restart_wanted = true;
        self.tell(PeerConnectionEvent::NegotiationNeeded);
    }

    /// `iceGatheringState`.
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.0.state.borrow().gathering
    }

    /// `iceConnectionState`.
    pub fn ice_connection_state(&self) -> IceState {
        self.0.peer.ice()
    }

    /// `connectionState`.
    pub fn connection_state(&self) -> ConnectionState {
        self.0.state.borrow().connection
    }

    /// `signalingState`.
    pub fn signaling_state(&self) -> SignalingState {
        self.0.state.borrow().signaling
    }

    // --- data ----------------------------------------------------------------------------------------------------

    /// `createDataChannel`: it opens when the connection is up.
    pub fn create_data_channel(&self, label: &str) {
        let mut state = self.0.state.borrow_mut();
        let first = !std::mem::replace(&mut state.local.data, true);
        state.channels.push(label.to_owned());
        drop(state);
        self.open_channels();
        if first {
            self.tell(PeerConnectionEvent::NegotiationNeeded);
        }
    }

    /// `RTCDataChannel.send` with text.
    pub fn send_text(&self, channel: ChannelId, text: &str) -> bool {
        self.0.peer.send_text(channel, text)
    }

    /// `RTCDataChannel.send` with bytes.
    pub fn send_bytes(&self, channel: ChannelId, bytes: &[u8]) -> bool {
        self.0.peer.send_bytes(channel, bytes)
    }

    /// `RTCDataChannel.close`.
    pub fn close_channel(&self, channel: ChannelId) {
        self.0.peer.close_channel(channel);
    }

    fn open_channels(&self) {
        let mut state = self.0.state.borrow_mut();
        while let Some(label) = state.channels.first() {
            let Some(id) = self.0.peer.open_channel(label) else { return };
            state.opened.push(id);
            state.channels.remove(0);
        }
    }

    // --- the end -------------------------------------------------------------------------------------------------

    /// `close`: the other side is told. No event tells of it, as in a browser.
    pub fn close(&self) {
        let mut state = self.0.state.borrow_mut();
        state.signaling = SignalingState::Closed;
        state.connection = ConnectionState::Closed;
        let line = state.line.take();
        drop(state);
        let peer = self.0.peer.clone();
        // Whatever is left in a tab that is about to be dropped has left by then.
        self.0.devices.spawn(async move {
            if let Some(line) = line {
                line.close().await;
            }
            peer.close();
        });
    }

    fn happened(&self, event: PeerEvent) {
        match event {
            PeerEvent::Ice(state) => {
                self.tell(PeerConnectionEvent::IceConnectionState(state));
                self.settle_connection();
            }
            PeerEvent::Dtls(_) => {
                self.open_channels();
                self.settle_connection();
            }
            PeerEvent::Candidate(candidate) => self.tell(PeerConnectionEvent::IceCandidate(Some(candidate))),
            PeerEvent::Gathered => {
                self.tell(PeerConnectionEvent::IceCandidate(None));
                let mut state = self.0.state.borrow_mut();
                set_gathering(&mut state, &self.0, IceGatheringState::Complete);
            }
            PeerEvent::PeerClosed => self.settle_connection(),
            PeerEvent::ConsentLost => {}
            PeerEvent::Channel(event) => self.tell(match event {
                DataEvent::Open { id, .. } if self.0.state.borrow().opened.contains(&id) => {
                    PeerConnectionEvent::DataOpen(id)
                }
                DataEvent::Open { id, label } => PeerConnectionEvent::DataChannel(id, label),
                DataEvent::Message { id, text, payload } => {
                    PeerConnectionEvent::DataMessage { channel: id, text, payload }
                }
                DataEvent::Closed { id } => PeerConnectionEvent::DataClosed(id),
            }),
        }
    }

    /// `connectionState` as both transports make it.
    fn settle_connection(&self) {
        let (ice, dtls) = (self.0.peer.ice(), self.0.peer.dtls());
        let now = match (ice, dtls) {
            (IceState::Closed, _) | (_, DtlsState::Closed) => ConnectionState::Closed,
            (IceState::Failed, _) | (_, DtlsState::Failed) => ConnectionState::Failed,
            (IceState::Disconnected, _) => ConnectionState::Disconnected,
            (IceState::Connected, DtlsState::Connected) => ConnectionState::Connected,
            (IceState::New, DtlsState::New) => ConnectionState::New,
            _ => ConnectionState::Connecting,
        };
        let mut state = self.0.state.borrow_mut();
        if state.signaling != SignalingState::Closed && state.connection != now {
            state.connection = now;
            drop(state);
            self.tell(PeerConnectionEvent::ConnectionState(now));
        }
    }
}

/// RFC 3264 8: another description is another version.
fn version(state: &mut State) {
    if std::mem::replace(&mut state.described_before, true) {
        state.local.version += 1;
    }
}

impl Inner {
    /// What is said goes out while the microphone's track gives sound; what comes is heard while somebody plays it.
    fn settle_tracks(&self, state: &State) {
        let Some(line) = &state.line else { return };
        line.mute(!state.microphone.as_ref().is_some_and(MediaStreamTrack::gives_sound));
        let heard = self.incoming.is_played() && self.incoming.gives_sound();
        line.behave(media::Behaviour { deaf: !heard, ..media::Behaviour::default() });
    }
}

fn set_signaling(state: &mut State, inner: &Inner, signaling: SignalingState) {
    if state.signaling != signaling {
        state.signaling = signaling;
        (inner.tell)(PeerConnectionEvent::SignalingState(signaling));
    }
}

fn set_gathering(state: &mut State, inner: &Inner, gathering: IceGatheringState) {
    if state.gathering != gathering {
        state.gathering = gathering;
        (inner.tell)(PeerConnectionEvent::IceGatheringState(gathering));
    }
}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.borrow();
        f.debug_struct("PeerConnection")
            .field("signaling", &state.signaling)
            .field("connection", &state.connection)
            .finish_non_exhaustive()
    }
}
