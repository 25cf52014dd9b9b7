//! How a user agent is, and what it does wrong.

use std::time::Duration;

use super::super::digest::Credentials;
use super::super::transaction::Timers;

/// Whether provisional responses are acknowledged (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReliableProvisionals {
    /// Never.
    No,
    /// Where the other side supports it.
    #[default]
    Supported,
    /// A caller asks for it, and calls nobody who can't.
    Required,
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// The interval that we ask for; without it we ask for none but respect the other side's.
    pub interval: Option<Duration>,
    /// The shortest that we accept.
    pub least: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        SessionSettings { interval: Some(Duration::from_secs(1_800)), least: Duration::from_secs(90) }
    }
}

/// How a user agent is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands in Via: the address and port that it listens on.
    pub sent_by: String,
    /// Its name, in User-Agent.
    pub user_agent: String,
    /// The timers of its transactions.
    pub timers: Timers,
    /// With what it answers challenges.
    pub credentials: Option<Credentials>,
    /// PRACK.
    pub reliable_provisionals: ReliableProvisionals,
    /// Session timers.
    pub session: SessionSettings,
    /// An offer within a call that has to wait isn't made again as it was: its owner takes it back
    /// ([`Event::OfferPostponed`](super::Event::OfferPostponed)), and makes another when it's time
    /// ([`Event::OfferWanted`](super::Event::OfferWanted)).
    pub renews_offers: bool,
    /// What it does wrong.
    pub quirks: Quirks,
}

impl Settings {
    /// The settings of a well-behaved user agent that listens there.
    pub fn at(sent_by: impl Into<String>) -> Settings {
        Settings {
            sent_by: sent_by.into(),
            user_agent: "busyhour".into(),
            timers: Timers::default(),
            credentials: None,
            reliable_provisionals: ReliableProvisionals::default(),
            session: SessionSettings::default(),
            renews_offers: false,
            quirks: Quirks::default(),
        }
    }
}

/// What a user agent does wrong: nothing, by default. Tests turn these on to see that somebody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// It acts on no request, and answers none.
    pub deaf: bool,
    /// It never acknowledges a 2xx.
    pub never_acknowledges: bool,
    /// It forgets to hang up: a call ends without a BYE or a CANCEL.
    pub never_hangs_up: bool,
    /// A call that's answered although it was cancelled goes on: it's acknowledged, and not hung up.
    pub keeps_what_it_cancelled: bool,
    /// It repeats its 2xx every 50 ms.
    pub repeats_hastily: bool,
    /// It doesn't care whether its 2xx is acknowledged: it neither repeats it nor hangs up.
    pub never_repeats_its_answer: bool,
    /// Its requests in a dialog count backwards.
    pub counts_backwards: bool,
    /// Its requests in a dialog don't follow the route that was recorded.
    pub ignores_routes: bool,
    /// Its requests in a dialog have another tag each.
    pub changes_its_tag: bool,
    /// It takes a second offer while its own is open, and answers it as if nothing were.
    pub ignores_glare: bool,
    /// It sends 2xx to a fork that lost no ACK and no BYE.
    pub forgets_lost_forks: bool,
}
