//! How a server is set up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::time::Duration;

use crate::sip::digest::Algorithm;
use crate::sip::transaction::Timers;
use crate::sip::ua::{Quirks, SessionSettings};

/// What a held party hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// A chord that is nobody's voice.
    #[default]
    Music,
    /// Nothing.
    Silence,
}

/// Which way the audio of a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaPath {
    /// Through the server: each party sends to it and hears from it, whatever NAT is between.
    #[default]
    Relay,
    /// From phone to phone, between two that speak plain RTP or two that speak WebRTC. Where one of each meet, and in
    /// conference rooms, it's through the server all the same; and for whoever speaks WebRTC and is transferred.
    Direct,
}

/// What becomes of the bindings that came by a connection when that is lost. Both were seen with real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostConnection {
    /// They stay until they expire: calls fork to them meanwhile, and fail there at once.
    KeepsUntilExpiry,
    /// They are gone with it.
    #[default]
    Drops,
}

/// A server's set-up: what an administrator provisions. It survives a crash.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The SIP domain that it serves.
    pub domain: String,
    /// Who may register, with their passwords.
    pub users: BTreeMap<String, String>,
    /// The digest algorithms that it offers, the preferred one first.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
    /// The port for datagrams.
    pub udp: Option<u16>,
    /// The port for TCP.
    pub tcp: Option<u16>,
    /// The port for WebSockets.
    pub ws: Option<u16>,
    /// How long a binding lasts if nobody asks for less, and at most.
    pub expires: Duration,
    /// The shortest binding that it takes; for less it answers 423.
    pub least_expires: Duration,
    /// So many bindings a user may have.
    pub max_contacts: usize,
    /// What becomes of bindings whose connection is lost.
    pub lost_connection: LostConnection,
    /// Who offers WebRTC, or is called over a WebSocket, is spoken to in WebRTC; else such an offer is refused with 488.
    pub webrtc: bool,
    /// How long a party that speaks WebRTC may show no sign of life (RFC 7675) before its call is ended. Where its media goes
    /// past the server, that's how long it may be without its WebSocket.
    pub consent: Duration,
    /// Bindings survive a crash.
    pub keeps_registrations: bool,
    /// How long a call rings before it's given up.
    pub ring_timeout: Duration,
    /// Groups that ring all their members at once.
    pub hunt_groups: BTreeMap<String, Vec<String>>,
    /// Conference rooms, by their numbers.
    pub rooms: BTreeSet<String>,
    /// What a held party hears.
    pub hold: Hold,
    /// How long a party that should be heard may be silent before the call is ended.
    pub rtp_timeout: Option<Duration>,
    /// More calls than that are answered 503.
    pub max_calls: Option<usize>,
    /// The carrier's address: where numbers are called, and from where calls come that need no password.
    pub trunk: Option<SocketAddrV4>,
    /// Numbers that the carrier calls, and the users, groups and rooms behind them.
    pub inbound: BTreeMap<String, String>,
    /// The caller's number towards the carrier, for users that aren't numbers themselves.
    pub outbound_number: Option<String>,
    /// Users whom the server believes which number they call by (P-Asserted-Identity, RFC 3325 section 5): that one is
    /// the caller's towards the carrier.
    pub trusted: BTreeSet<String>,
    /// Which way audio takes.
    pub media: MediaPath,
    /// Messages that are larger are answered 513.
    pub max_message: usize,
    /// The timers of its transactions.
    pub timers: Timers,
    /// Session timers.
    pub session: SessionSettings,
    /// What its user agent does wrong.
    pub quirks: Quirks,
    /// What it does wrong itself.
    pub behaviour: Behaviour,
}

impl ServerSettings {
    /// A well-behaved server for that domain, without users.
    pub fn new(domain: impl Into<String>) -> ServerSettings {
        ServerSettings {
            domain: domain.into(),
            users: BTreeMap::new(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            udp: Some(5060),
            tcp: Some(5060),
            ws: Some(8080),
            expires: Duration::from_secs(300),
            least_expires: Duration::from_secs(10),
            max_contacts: 10,
            lost_connection: LostConnection::default(),
            webrtc: true,
            consent: Duration::from_secs(30),
            keeps_registrations: true,
            ring_timeout: Duration::from_secs(60),
            hunt_groups: BTreeMap::new(),
            rooms: BTreeSet::new(),
            hold: Hold::default(),
            rtp_timeout: Some(Duration::from_secs(60)),
            max_calls: None,
            trunk: None,
            inbound: BTreeMap::new(),
            outbound_number: None,
            trusted: BTreeSet::new(),
            media: MediaPath::default(),
            max_message: 32 * 1024,
            timers: Timers::default(),
            session: SessionSettings::default(),
            quirks: Quirks::default(),
            behaviour: Behaviour::default(),
        }
    }

    /// With one more user.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> ServerSettings {
        self.users.insert(name.into(), password.into());
        self
    }

    /// With the account of a floor: a user who may call by any number.
    #[must_use]
    pub fn switch(mut self, name: impl Into<String>, password: impl Into<String>) -> ServerSettings {
        let name = name.into();
        self.trusted.insert(name.clone());
        self.user(name, password)
    }

    /// With a group that rings all of these.
    #[must_use]
    pub fn hunt_group(mut self, name: impl Into<String>, members: &[&str]) -> ServerSettings {
        self.hunt_groups.insert(name.into(), members.iter().map(|&member| member.to_owned()).collect());
        self
    }

    /// With a conference room.
    #[must_use]
    pub fn room(mut self, number: impl Into<String>) -> ServerSettings {
        self.rooms.insert(number.into());
        self
    }
}

/// What a server does wrong: nothing, by default. Tests turn these on to see that somebody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// It calls bindings whose time is over.
    pub serves_expired_bindings: bool,
    /// It prefers bindings that are gone, expired or taken back, to those that are alive.
    pub calls_the_dead: bool,
    /// It keeps a binding whose connection is lost, and rings it by a datagram to where the connection came from.
    pub rings_gone_tabs: bool,
    /// Each contact is a device of its own to it, whatever instance it names.
    pub ignores_instances: bool,
    /// When one side of a call ends, it doesn't tell the other.
    pub forgets_the_other_leg: bool,
    /// It goes on sending audio when a call is over.
    pub relays_after_the_end: bool,
    /// It relays audio from the caller to the callee only.
    pub relays_one_way: bool,
    /// It doesn't relay audio at all.
    pub relays_nothing: bool,
    /// It never answers OPTIONS.
    pub never_answers_options: bool,
    /// It never answers REGISTER.
    pub never_answers_registers: bool,
    /// It writes passwords into its answers.
    pub tells_passwords: bool,
    /// It writes their digests into its answers, which are as good.
    pub tells_digests: bool,
    /// It accepts a transfer and never says what became of it.
    pub never_notifies: bool,
    /// When a call was answered, it goes on ringing the other phones.
    pub rings_on: bool,
    /// It doesn't notice when a party's WebRTC is over: not by DTLS, not by a lost WebSocket, not by silence.
    pub never_notices_lost_media: bool,
    /// It keeps the WebRTC end of a call when that is over.
    pub keeps_peers_open: bool,
    /// The fingerprint in its descriptions isn't that of its certificate.
    pub describes_another_certificate: bool,
    /// It answers an offer of encrypted audio as if it were one of plain RTP.
    pub answers_webrtc_in_plain_rtp: bool,
}
