//! How a STUN and TURN server is set up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::PORT;

/// How a [`StunTurnServer`](super::StunTurnServer) is set up.
///
/// ```
/// use busyhour::media::turn::TurnSettings;
/// use std::time::Duration;
///
/// let mut settings = TurnSettings::new("turn.test").user("alice", "secret");
/// settings.quota = Some(2);
/// settings.nonce_lifetime = Duration::from_secs(60);
/// assert_eq!(settings.port, 3478);
/// assert!(TurnSettings::stun().stun_only);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnSettings {
    /// What users are asked their password for.
    pub realm: String,
    /// Users and their passwords.
    pub users: BTreeMap<String, String>,
    /// How many allocations a user may have at a time; the next is refused with 486.
    pub quota: Option<usize>,
    /// How long an allocation lasts if its client doesn't ask for more, and at least.
    pub lifetime: Duration,
    /// How long an allocation lasts at most without a refresh.
    pub longest_lifetime: Duration,
    /// How long a nonce is good; then 438.
    pub nonce_lifetime: Duration,
    /// The ports of relayed addresses.
    pub relay_ports: RangeInclusive<u16>,
    /// Whom it relays nothing to: 403. Loopback and multicast addresses are forbidden anyway.
    pub forbidden_peers: BTreeSet<Ipv4Addr>,
    /// Whether TURN's requests are refused: a server for mapped addresses alone.
    pub stun_only: bool,
    /// The port that it listens on, UDP and TCP.
    pub port: u16,
    /// For tests of those who watch it: no allocation ever ends, though its clients are told otherwise.
    pub keeps_for_ever: bool,
}

impl TurnSettings {
    /// A server of STUN and TURN without users.
    pub fn new(realm: &str) -> TurnSettings {
        TurnSettings {
            realm: realm.to_owned(),
            users: BTreeMap::new(),
            quota: None,
            lifetime: Duration::from_secs(600),
            longest_lifetime: Duration::from_secs(3_600),
            nonce_lifetime: Duration::from_secs(600),
            relay_ports: 49_152..=65_535,
            forbidden_peers: BTreeSet::new(),
            stun_only: false,
            port: PORT,
            keeps_for_ever: false,
        }
    }

    /// A server of STUN alone.
    pub fn stun() -> TurnSettings {
        TurnSettings { stun_only: true, ..TurnSettings::new("stun") }
    }

    /// One user more.
    pub fn user(mut self, name: &str, password: &str) -> TurnSettings {
        self.users.insert(name.to_owned(), password.to_owned());
        self
    }
}
