//! A call's audio: an RTCPeerConnection, and the microphone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::tab::Shelf;
use crate::media::webrtc::{CandidateKind, ChannelId, IceState};
use crate::media::{Direction, StreamStats};
use crate::phone::audio::{CallAudio, Described};
use crate::phone::browser::peer_connection::{
    ConnectionState, IceGatheringState, OfferOptions, SdpType, SignalingState,
};
use crate::phone::browser::{
    ElementId, MediaStream, PeerConnection, PeerConnectionEvent, PeerId, TimerId, TrackId, Web,
};
use crate::phone::call::LegId;
use crate::phone::place::{Finding, MediaState};
use crate::phone::settings::Behaviour;
use crate::trace::SimTime;

/// What a page calls the data channel that it opens.
const CHANNEL: &str = "messages";

/// A call's connection, as the page keeps it: what events tell of it is written here.
pub(super) struct Wire {
    pub(super) leg: LegId,
    pub(super) connection: PeerConnection,
    /// The computer's network is another one than when it was described last.
    pub(super) is_stale: Cell<bool>,
    microphone: RefCell<MediaStream>,
    /// Nobody speaks: she's muted, or the phone is dumb.
    muted: Cell<bool>,
    dumb: Cell<bool>,
    /// Waits for candidates until then.
    waits: Cell<Option<TimerId>>,
    /// It has waited for long enough.
    enough: Cell<bool>,
    /// The other side's audio.
    heard: RefCell<Option<MediaStream>>,
    element: Cell<Option<ElementId>>,
    /// The data channel that's open.
    channel: Cell<Option<ChannelId>>,
    /// What came by it.
    messages: RefCell<Vec<String>>,
}

impl Wire {
    /// Whether the microphone ended by itself.
    pub(super) fn has_lost_microphone(&self) -> bool {
        !self.microphone.borrow().is_active()
    }

    pub(super) fn has_track(&self, track: TrackId) -> bool {
        self.microphone.borrow().audio_tracks().iter().any(|one| one.id() == track)
    }

    /// Speaks into that one from now on.
    pub(super) fn take_microphone(&self, microphone: MediaStream) {
        for track in microphone.audio_tracks() {
            self.connection.add_track(track);
        }
        *self.microphone.borrow_mut() = microphone;
        self.settle_sound();
    }

    fn settle_sound(&self) {
        self.microphone.borrow().set_enabled(!self.muted.get() && !self.dumb.get());
    }

    /// The other side is to be heard. Where the browser doesn't allow it yet, it's tried again when the user has clicked.
    pub(super) fn play(&self, web: &Web) {
        if self.element.get().is_none()
            && let Some(heard) = &*self.heard.borrow()
            && let Ok(element) = web.play(heard)
        {
            self.element.set(Some(element));
        }
    }

    /// Nobody hears the other side, since the browser doesn't allow it.
    fn is_silenced(&self) -> bool {
        self.heard.borrow().is_some() && self.element.get().is_none()
    }
}

impl Shelf {
    /// Something happened to a call's connection.
    pub(super) fn peer_event(&self, peer: PeerId, event: PeerConnectionEvent) {
        let Some(wire) = self.wires.borrow().get(&peer).cloned() else { return };
        let tell = |state| self.inbox.put(Finding::Media { leg: wire.leg, state });
        match event {
            PeerConnectionEvent::IceGatheringState(IceGatheringState::Complete) => self.described(&wire),
            PeerConnectionEvent::IceConnectionState(IceState::Disconnected) => tell(MediaState::Unsteady),
            PeerConnectionEvent::ConnectionState(ConnectionState::Connected) => tell(MediaState::Well),
            PeerConnectionEvent::ConnectionState(ConnectionState::Failed) => tell(MediaState::Lost),
            PeerConnectionEvent::ConnectionState(ConnectionState::Closed) => tell(MediaState::Closed),
            PeerConnectionEvent::Track(stream) => {
                *wire.heard.borrow_mut() = Some(stream);
                wire.play(&self.web);
            }
            PeerConnectionEvent::DataOpen(channel) | PeerConnectionEvent::DataChannel(channel, _) => {
                wire.channel.set(wire.channel.get().or(Some(channel)));
            }
            PeerConnectionEvent::DataMessage { text: true, payload, .. } => {
                wire.messages.borrow_mut().push(String::from_utf8_lossy(&payload).into_owned());
            }
            PeerConnectionEvent::DataClosed(channel) if wire.channel.get() == Some(channel) => wire.channel.set(None),
            _ => {}
        }
    }

    /// All candidates are there, or as many as there's time for.
    fn described(&self, wire: &Rc<Wire>) {
        if let Some(timer) = wire.waits.take() {
            self.patience.borrow_mut().remove(&timer);
            self.web.clear_timer(timer);
            self.inbox.put(Finding::Described(wire.leg));
        }
    }

    /// A timer is due: true if it was of a connection.
    pub(super) fn timer(&self, timer: TimerId) -> bool {
        let wire = self.patience.borrow_mut().remove(&timer);
        if let Some(wire) = &wire {
            wire.waits.set(None);
            wire.enough.set(true);
            self.inbox.put(Finding::Described(wire.leg));
        }
        wire.is_some()
    }

    /// The microphone is gone.
    pub(super) fn track_ended(&self, track: TrackId) {
        if let Some(wire) = self.wires.borrow().values().find(|wire| wire.has_track(track)) {
            self.web.console("microphone-lost", |event| event.with("call", format!("{:?}", wire.leg)));
        }
    }
}

/// The audio of a call in a browser.
pub(super) struct PeerAudio {
    shelf: Rc<Shelf>,
    peer: PeerId,
    wire: Rc<Wire>,
    /// The direction of our offer that isn't answered yet.
    offered: Direction,
    held: bool,
    /// What was answered before the call was.
    early: Option<Bytes>,
    /// It's closed, and goes on speaking.
    haunts: Cell<bool>,
}

impl PeerAudio {
    pub(super) fn new(shelf: &Rc<Shelf>, leg: LegId, microphone: MediaStream) -> Option<PeerAudio> {
        let peer = shelf.web.peer_connection(shelf.provision.web.borrow().rtc.clone());
        let connection = shelf.web.peer(peer)?;
        let wire = Rc::new(Wire {
            leg,
            connection,
            is_stale: Cell::new(false),
            microphone: RefCell::default(),
            muted: Cell::new(false),
            dumb: Cell::new(false),
            waits: Cell::new(None),
            enough: Cell::new(false),
            heard: RefCell::default(),
            element: Cell::new(None),
            channel: Cell::new(None),
            messages: RefCell::default(),
        });
        wire.take_microphone(microphone);
        if shelf.provision.web.borrow().data_channel {
            wire.connection.create_data_channel(CHANNEL);
        }
        shelf.wires.borrow_mut().insert(peer, wire.clone());
        let audio = PeerAudio {
            shelf: shelf.clone(),
            peer,
            wire,
            offered: Direction::SendRecv,
            held: false,
            early: None,
            haunts: Cell::new(false),
        };
        audio.behave(shelf.provision.phone.borrow().behaviour);
        Some(audio)
    }

    fn connection(&self) -> &PeerConnection {
        &self.wire.connection
    }

    fn describe(&mut self, direction: Direction, ice_restart: bool) -> Described {
        self.offered = direction;
        let offer = self.connection().create_offer(OfferOptions { direction, ice_restart });
        if let Err(error) = offer.and_then(|_| self.connection().set_local_description(SdpType::Offer)) {
            self.complain(&error.to_string());
        }
        self.when_complete()
    }

    /// The description, if there's nothing more to wait for.
    fn when_complete(&mut self) -> Described {
        let gathered = self.connection().ice_gathering_state() == IceGatheringState::Complete;
        self.wire.enough.set(gathered);
        if let Some(description) = self.description() {
            return Described::Now(description);
        }
        if self.wire.waits.get().is_none() {
            let timer = self.shelf.web.set_timeout(self.shelf.provision.web.borrow().gathering);
            self.wire.waits.set(Some(timer));
            self.shelf.patience.borrow_mut().insert(timer, self.wire.clone());
        }
        Described::Soon
    }

    fn complain(&self, error: &str) {
        self.shelf.web.console("webrtc-error", |event| event.with("error", error));
    }
}

impl CallAudio for PeerAudio {
    fn behave(&self, behaviour: Behaviour) {
        self.wire.dumb.set(behaviour.sends_no_audio);
        self.haunts.set(behaviour.keeps_sending_audio_after_bye);
        self.wire.settle_sound();
    }

    fn offer(&mut self, direction: Direction) -> Described {
        self.describe(direction, false)
    }

    /// ICE begins anew where the network is another one, or packets don't arrive.
    fn renew(&mut self, direction: Direction) -> Described {
        let restarts = !self.shelf.provision.phone.borrow().behaviour.web.never_restarts_ice;
        let well = self.connection().ice_connection_state() == IceState::Connected && !self.wire.is_stale.get();
        self.wire.is_stale.set(false);
        self.describe(direction, restarts && !well)
    }

    fn answer(&mut self, offer: &[u8], wanted: Direction) -> Option<(Described, bool)> {
        let connection = self.connection();
        let answered = connection.set_remote_description(SdpType::Offer, offer).and_then(|()| {
            connection.create_answer(wanted)?;
            connection.set_local_description(SdpType::Answer)
        });
        if let Err(error) = answered {
            if connection.signaling_state() == SignalingState::HaveRemoteOffer {
                // Nothing of it was agreed on.
                let _ = connection.set_remote_description(SdpType::Rollback, offer);
            }
            self.complain(&error.to_string());
            return None;
        }
        self.held = self.connection().is_held();
        Some((self.when_complete(), self.held))
    }

    fn description(&mut self) -> Option<Bytes> {
        let gathered = self.connection().ice_gathering_state() == IceGatheringState::Complete;
        if gathered || self.wire.enough.get() { self.connection().local_description() } else { None }
    }

    fn agree(&mut self, answer: &[u8], early: bool) -> Option<bool> {
        let kind = if early { SdpType::Pranswer } else { SdpType::Answer };
        if let Err(error) = self.connection().set_remote_description(kind, answer) {
            self.complain(&error.to_string());
            if !early {
                self.refused();
            }
            return None;
        }
        self.early = early.then(|| Bytes::copy_from_slice(answer));
        // Who offers to send nothing doesn't learn whether the other side would have listened.
        if self.offered.sends() {
            self.held = self.connection().is_held();
        }
        Some(self.held)
    }

    fn refused(&mut self) {
        if self.connection().signaling_state() == SignalingState::HaveLocalOffer {
            let _ = self.connection().set_local_description(SdpType::Rollback);
        }
    }

    fn confirm(&mut self) {
        if let Some(answer) = self.early.take() {
            self.agree(&answer, false);
        }
    }

    fn needs_agreement(&self) -> bool {
        true
    }

    fn mute(&self, muted: bool) {
        self.wire.muted.set(muted);
        self.wire.settle_sound();
    }

    fn press(&self, digits: &str) -> bool {
        self.connection().insert_dtmf(digits)
    }

    fn digits(&self) -> String {
        self.connection().digits()
    }

    fn write(&self, text: &str) -> bool {
        self.wire.channel.get().is_some_and(|channel| self.connection().send_text(channel, text))
    }

    fn messages(&self) -> Vec<String> {
        self.wire.messages.borrow().clone()
    }

    fn way(&self) -> Option<(CandidateKind, CandidateKind)> {
        self.connection().get_stats().pair
    }

    fn stats(&self) -> Option<StreamStats> {
        self.connection().get_stats().audio
    }

    fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.connection().silent_for(now)
    }

    fn trouble(&self) -> Option<String> {
        if self.wire.has_lost_microphone() {
            return Some("the microphone is gone: nobody hears you".to_owned());
        }
        self.wire.is_silenced().then(|| "click to hear the other side".to_owned())
    }

    fn close(self: Box<Self>) {
        if let Some(timer) = self.wire.waits.take() {
            self.shelf.patience.borrow_mut().remove(&timer);
            self.shelf.web.clear_timer(timer);
        }
        if self.haunts.get() {
            // It stays where it is, and nobody ever closes it.
            return;
        }
        self.shelf.wires.borrow_mut().remove(&self.peer);
        if let Some(element) = self.wire.element.take() {
            self.shelf.web.pause(element);
        }
        self.connection().close();
        self.wire.microphone.borrow().stop();
    }
}
