//! How a browser is set up.

use std::time::Duration;

/// Whether a site may listen to the microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permission {
    /// It may.
    #[default]
    Granted,
    /// It may not.
    Denied,
    /// The user is asked, and the answer remembered.
    Ask,
}

/// When a page may play sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Autoplay {
    /// Once the user has clicked or typed in it, or while it listens to the microphone: Chrome's policy.
    #[default]
    AfterGesture,
    /// Always: a policy that companies set for their own sites.
    Always,
}

/// How a browser is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSettings {
    /// Whether sites may listen to the microphone, where the user hasn't said otherwise.
    pub microphone: Permission,
    /// When a page may play sound.
    pub autoplay: Autoplay,
    /// Whether timers of hidden pages are slowed down.
    pub throttling: bool,
    /// After how long a hidden page that neither plays nor calls is frozen; never, by default.
    pub freeze_after: Option<Duration>,
    /// Whether connections of an address that the computer has lost are cut off at once, as on Windows and macOS. On
    /// Linux they stay half-open.
    pub drops_lost_addresses: bool,
    /// What it says of itself to servers.
    pub user_agent: String,
}

impl Default for BrowserSettings {
    fn default() -> BrowserSettings {
        BrowserSettings {
            microphone: Permission::Granted,
            autoplay: Autoplay::AfterGesture,
            throttling: true,
            freeze_after: None,
            drops_lost_addresses: true,
            user_agent: "busyhour browser".to_owned(),
        }
    }
}
