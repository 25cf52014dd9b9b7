//! How a phone is set up, and what it does wrong.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::webphone::WebphoneBehaviour;
use crate::media::Codec;
use crate::sip::Transport;
use crate::sip::transaction::Timers;
use crate::sip::ua::{Quirks, SessionSettings};

/// What kind of phone it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// A telephone on a desk: it runs as long as it has power.
    Hardphone,
    /// The same on a computer, which sleeps and changes networks. It looks out for both.
    Softphone,
    /// A page in a browser's tab.
    Webphone,
}

/// Whether a phone answers by itself. One that is in a call doesn't: nobody is put on hold by a phone's own decision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AutoAnswer {
    /// Somebody has to press the button.
    #[default]
    Never,
    /// Whoever calls.
    Always,
    /// Only calls from that user, as From names her: the floor, which calls an agent's phone when she logs in.
    From(String),
}

impl AutoAnswer {
    /// Whether a call from that user is answered.
    pub fn answers(&self, caller: &str) -> bool {
        match self {
            AutoAnswer::Never => false,
            AutoAnswer::Always => true,
            AutoAnswer::From(user) => user == caller,
        }
    }
}

/// How a phone is provisioned: what somebody typed into it once, which a power cut doesn't take away.
#[derive(Debug, Clone)]
pub struct PhoneSettings {
    /// Its user: what stands before the `@`.
    pub user: String,
    /// The password that goes with it.
    pub password: String,
    /// The SIP domain. Its servers are found by DNS: SRV records in their order, or else its address.
    pub domain: String,
    /// A server to use instead of those that DNS names.
    pub proxy: Option<SocketAddrV4>,
    /// The name that those see whom it calls; empty: none.
    pub display_name: String,
    /// What kind of phone it is.
    pub model: Model,
    /// What carries its messages.
    pub transport: Transport,
    /// The port that it listens on.
    pub port: u16,
    /// What it speaks, best first.
    pub codecs: Vec<Codec>,
    /// For how long it registers each time.
    pub expires: Duration,
    /// How many calls it has room for. With two, a second caller is heard to ring while the first one talks.
    pub lines: usize,
    /// How often it sends a few bytes that keep a NAT's binding, or show that a connection is dead (RFC 5626 3.5).
    pub keepalive: Option<Duration>,
    /// It answers by itself, perhaps.
    pub auto_answer: AutoAnswer,
    /// Session timers (RFC 4028).
    pub session: SessionSettings,
    /// The timers of its transactions.
    pub timers: Timers,
    /// Its behaviour above SIP, and what is wrong with it.
    pub behaviour: Behaviour,
    /// What its SIP stack does wrong.
    pub quirks: Quirks,
}

impl PhoneSettings {
    /// A hardphone as it comes out of the box.
    ///
    /// ```
    /// use busyhour::phone::PhoneSettings;
    ///
    /// let settings = PhoneSettings::hardphone("alice", "secret", "pbx.test");
    /// assert_eq!(settings.expires.as_secs(), 300);
    /// assert_eq!(settings.lines, 2);
    /// ```
    pub fn hardphone(user: &str, password: &str, domain: &str) -> PhoneSettings {
        PhoneSettings {
            user: user.to_owned(),
            password: password.to_owned(),
            domain: domain.to_owned(),
            proxy: None,
            display_name: String::new(),
            model: Model::Hardphone,
            transport: Transport::Udp,
            port: 5060,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            expires: Duration::from_secs(300),
            lines: 2,
            keepalive: Some(Duration::from_secs(25)),
            auto_answer: AutoAnswer::Never,
            session: SessionSettings::default(),
            timers: Timers::default(),
            behaviour: Behaviour::default(),
            quirks: Quirks::default(),
        }
    }

    /// A softphone as it's installed.
    pub fn softphone(user: &str, password: &str, domain: &str) -> PhoneSettings {
        PhoneSettings { model: Model::Softphone, ..PhoneSettings::hardphone(user, password, domain) }
    }

    /// The address of record: `sip:alice@pbx.test`.
    pub fn aor(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

/// What a phone does above its SIP stack: each step of it can be slowed, or withheld. By default it does what a good
/// product does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// How long it takes from power to a dial tone. When it's installed it has long been on.
    pub boot_time: Duration,
    /// How long it takes from there, or from the button, to the first REGISTER.
    pub registers_after: Duration,
    /// It lets its registration run out, and doesn't notice.
    pub never_refreshes: bool,
    /// Switched off, it leaves its binding at the registrar.
    pub forgets_to_unregister: bool,
    /// It stays with the first server, however dead.
    pub never_fails_over: bool,
    /// It doesn't notice that its computer slept, or has another address.
    pub never_notices_moves: bool,
    /// How long it takes from an INVITE to the ring.
    pub rings_after: Duration,
    /// It takes no notice of calls.
    pub never_rings: bool,
    /// How long it takes from the button, or from the ring if it answers by itself, to the answer.
    pub answers_after: Duration,
    /// A BYE is nothing to it: the call goes on, and the BYE isn't answered.
    pub ignores_bye: bool,
    /// It goes on sending audio when the other side has hung up.
    pub keeps_sending_audio_after_bye: bool,
    /// It sends no audio in a call.
    pub sends_no_audio: bool,
    /// It calls nobody on somebody else's behalf: a REFER is declined.
    pub refuses_transfers: bool,
    /// When its transfer has succeeded, it stays in the call.
    pub clings_after_transfer: bool,
    /// What only a phone in a browser can do wrong.
    pub web: WebphoneBehaviour,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            boot_time: Duration::from_secs(2),
            registers_after: Duration::ZERO,
            never_refreshes: false,
            forgets_to_unregister: false,
            never_fails_over: false,
            never_notices_moves: false,
            rings_after: Duration::ZERO,
            never_rings: false,
            answers_after: Duration::ZERO,
            ignores_bye: false,
            keeps_sending_audio_after_bye: false,
            sends_no_audio: false,
            refuses_transfers: false,
            clings_after_transfer: false,
            web: WebphoneBehaviour::default(),
        }
    }
}
