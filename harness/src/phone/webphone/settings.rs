//! How a webphone is set up, and what it does wrong.

use std::time::Duration;

use crate::phone::browser::RtcConfiguration;
use crate::phone::settings::{Model, PhoneSettings};
use crate::sip::Transport;

/// What tells a tab from the user's other devices (RFC 5626 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Instance {
    /// Kept in the profile: a page that's loaded again is the same device, and a second tab another one.
    #[default]
    Kept,
    /// A new one each time the page is loaded, as JsSIP does it: the registrar can't know that it was there before.
    Fresh,
    /// That one, in every tab: a URN. Whoever registers last has it.
    Given(String),
}

/// When a connection that's lost is tried again (RFC 5626 4.5): the first time at once; after a failure a random time
/// passes, up to `first`, which doubles with each failure in a row up to `longest`. At least half of it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The wait after the first failure, at most.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl Default for Recovery {
    fn default() -> Recovery {
        Recovery { first: Duration::from_secs(30), longest: Duration::from_secs(1_800) }
    }
}

/// How a webphone is set up: what the page is made with.
#[derive(Debug, Clone)]
pub struct WebphoneSettings {
    /// What every phone has: its account, its lines, its behaviour.
    pub phone: PhoneSettings,
    /// The server's WebSocket.
    pub url: String,
    /// Servers that take over when that one is down: tried in turn with each attempt that fails.
    pub standbys: Vec<String>,
    /// Where the page comes from: pages of one origin share what the browser keeps for them.
    pub origin: String,
    /// Registers as soon as it's loaded, unless the account was switched off.
    pub registers_on_load: bool,
    /// What tells it from the user's other devices.
    pub instance: Instance,
    /// When a lost connection is tried again.
    pub recovery: Recovery,
    /// So long the page waits for the browser to find all its candidates. What is known then is what is sent.
    pub gathering: Duration,
    /// Each call has a data channel beside its audio, where the other side takes one. One that the other side opens is
    /// taken in any case.
    pub data_channel: bool,
    /// STUN and TURN, and how the transport behaves.
    pub rtc: RtcConfiguration,
}

impl WebphoneSettings {
    /// A webphone as a product delivers it, whose server listens on port 8080 of the domain.
    ///
    /// ```
    /// use busyhour::phone::webphone::WebphoneSettings;
    ///
    /// let settings = WebphoneSettings::new("alice", "secret", "pbx.test");
    /// assert_eq!(settings.url, "ws://pbx.test:8080/");
    /// assert_eq!(settings.phone.expires.as_secs(), 120);
    /// ```
    pub fn new(user: &str, password: &str, domain: &str) -> WebphoneSettings {
        WebphoneSettings {
            phone: PhoneSettings {
                model: Model::Webphone,
                transport: Transport::Ws,
                expires: Duration::from_secs(120),
                keepalive: Some(Duration::from_secs(120)),
                ..PhoneSettings::hardphone(user, password, domain)
            },
            url: format!("ws://{domain}:8080/"),
            standbys: Vec::new(),
            origin: format!("http://phone.{domain}"),
            registers_on_load: true,
            instance: Instance::default(),
            recovery: Recovery::default(),
            gathering: Duration::from_secs(5),
            data_channel: false,
            rtc: RtcConfiguration::default(),
        }
    }

    /// With a server at that address, which needs no name.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> WebphoneSettings {
        self.url = url.into();
        self
    }
}

/// What a phone in a browser does wrong: nothing, by default. Each is a habit of real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebphoneBehaviour {
    /// It never asks if its connection is still alive.
    pub never_sends_keepalives: bool,
    /// A connection that's lost stays lost.
    pub never_reconnects: bool,
    /// Its connection is back, and it never registers again (SIP.js#244).
    pub forgets_to_register_again: bool,
    /// While it has no connection it shows the registration of the last one (JsSIP#337).
    pub shows_old_registration: bool,
    /// Each refresh has a Call-ID of its own (JsSIP#929).
    pub new_call_id_each_refresh: bool,
    /// It refreshes when the binding is about to end (Metaswitch/sprout#1200).
    pub refreshes_at_the_last_moment: bool,
    /// With its connection its calls are over for it: the other side isn't told.
    pub drops_calls_with_connection: bool,
    /// Its calls go on after a reconnect, and the server isn't told by which way (ringcentral-softphone-ts#65).
    pub never_renews_calls: bool,
    /// Whatever happens to its network, its calls stay with the addresses that they began with (SIP.js#1024).
    pub never_restarts_ice: bool,
    /// A call whose packets have found no way is no trouble to it (SIP.js#436).
    pub ignores_lost_media: bool,
    /// When its page is left, it hangs up and takes its registration back; the latter is challenged, and nobody is
    /// there to answer.
    pub says_goodbye: bool,
}
