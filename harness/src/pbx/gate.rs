//! A gateway leg's end: the WebRTC transport that its party's audio comes by.
//!
//! The server is ICE-lite, so that it answers checks and makes none, and waits for the other's DTLS handshake wherever it's
//! let. What it knows of a party that has fallen silent is when that party's last check came.

use std::fmt;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use crate::media::OneStream;
use crate::media::sdp::{Agreed, Secure, Setup, restarts};
use crate::media::webrtc::transport::{DtlsState, TransportQuirks, TransportSettings};
use crate::media::webrtc::{Certificate, Peer, PeerEvent, PeerSettings};
use crate::sip::ua::CallId;
use crate::trace::SimTime;
use crate::world::{Host, Random};

use super::settings::ServerSettings;

/// How a server's end is set up.
fn settings(settings: &ServerSettings) -> PeerSettings {
    let transport = TransportSettings {
        controlling: false,
        lite: true,
        // Whoever doesn't check can't tell early.
        disconnected_after: settings.consent,
        failed_after: settings.consent,
        consent: settings.consent,
        quirks: TransportQuirks {
            describes_another_certificate: settings.behaviour.describes_another_certificate,
            ..TransportQuirks::default()
        },
        ..TransportSettings::default()
    };
    PeerSettings { transport, ..PeerSettings::default() }
}

/// A party's WebRTC transport. It's closed with its leg.
pub(super) struct Gate {
    peer: Peer,
    /// What the other side said of its transport last.
    remote: Option<Secure>,
    /// Since when it should be up: the call is answered.
    pub expected: Option<SimTime>,
    /// Tells the program what happens to it.
    watch: Option<AbortHandle>,
}

impl Gate {
    /// Opens one; none if the host has no port left.
    pub(super) async fn open(
        host: &Host,
        server: &ServerSettings,
        certificate: Certificate,
        mut random: Random,
    ) -> Option<Gate> {
        let stream = OneStream::new(&mut random, host.name());
        let peer = Peer::open(host, settings(server), certificate, random).await.ok()?;
        // It's told of before anybody speaks, and whoever speaks may change.
        peer.unite(stream);
        Some(Gate { peer, remote: None, expected: None, watch: None })
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What happens to it is told by that call's number.
    pub(super) fn watch(&mut self, call: CallId, host: &Host, events: &UnboundedSender<(CallId, PeerEvent)>) {
        let (peer, events) = (self.peer.clone(), events.clone());
        let watch = host.spawn(async move {
            loop {
                let event = peer.event().await;
                if events.send((call, event)).is_err() {
                    return;
                }
            }
        });
        self.watch = Some(watch.abort_handle());
    }

    /// Our part of an offer.
    pub(super) fn to_offer(&self) -> Secure {
        self.peer.secure(Setup::Actpass)
    }

    /// Our part of the answer to an offer with this transport. One with other credentials than before restarts ICE, and
    /// the answer has to have others too (RFC 8839 4.4.3.1.1).
    pub(super) fn to_answer(&self, offered: &Secure) -> Secure {
        if self.remote.as_ref().is_some_and(|known| restarts(known, offered)) {
            self.peer.restart();
        }
        self.peer.secure(Setup::Passive)
    }

    /// An offer was answered: the other side is there.
    pub(super) fn connect(&mut self, agreed: &Agreed) {
        if let Some(remote) = &agreed.secure {
            self.peer.connect(remote, agreed.dtls_client);
            self.remote = Some(remote.clone());
        }
    }

    /// True if it's up.
    pub(super) fn is_up(&self) -> bool {
        self.peer.dtls() == DtlsState::Connected
    }

    /// When the other side's last check came.
    pub(super) fn last_heard(&self) -> Option<SimTime> {
        self.peer.last_heard()
    }

    /// The other side is told that it's over.
    pub(super) fn close(self) {
        self.peer.close();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("remote", &self.remote).field("expected", &self.expected).finish_non_exhaustive()
    }
}
