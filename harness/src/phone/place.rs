//! Where a phone is, and what it needs of that: the seam between a phone's calls and a host or a browser's tab.

use std::io;
use std::net::SocketAddrV4;

use super::audio::CallAudio;
use super::call::LegId;
use super::settings::PhoneSettings;
use crate::sip::Transport;
use crate::sip::ua::Ending;
use crate::world::Random;

/// What a phone needs of where it is. Whatever takes time is told later, as a [`Finding`].
pub(super) trait Place {
    /// Writes down what the phone says of itself.
    fn claim(&self, kind: &'static str, fields: &[(&'static str, &str)]);
    /// What a server is called.
    fn name_of(&self, server: SocketAddrV4) -> String {
        server.to_string()
    }
    /// A stream of random numbers for one concern.
    fn random(&self, concern: &str) -> Random;
    /// What stands in its Via: the host and port that it can be reached at.
    fn sent_by(&self) -> String;
    /// The URI that it registers.
    fn contact(&self, settings: &PhoneSettings) -> String;
    /// The URI that those hear whom it talks to.
    fn contact_in_calls(&self, settings: &PhoneSettings) -> String {
        self.contact(settings)
    }
    /// What tells this device from the user's others (RFC 5626 4.1): a URN.
    fn instance(&self, settings: &PhoneSettings) -> String;
    /// True if it's somewhere else than it says.
    fn has_moved(&self) -> bool;
    /// From now on it says where it is.
    fn settle(&self);
    /// Remembers whether the account is on, and a password that was typed in.
    fn remember(&self, on: bool, password: Option<&str>);
    /// Looks for the domain's servers: [`Finding::Servers`].
    fn look_up(&self, settings: &PhoneSettings);
    /// Gets what a call needs: [`Finding::Ready`].
    fn prepare(&self, leg: LegId, wanted: Wanted);
    /// The audio of an incoming call is asked for when it's answered only.
    fn asks_when_answering(&self) -> bool {
        false
    }
}

/// A number as the URN of a UUID, of version 4.
pub(super) fn urn(number: u128) -> String {
    let hex = format!("{number:032x}");
    format!("urn:uuid:{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Where a call is to go.
pub(super) enum Wanted {
    /// It came in.
    Nowhere,
    /// To these.
    Known(Vec<SocketAddrV4>),
    /// To who is found at that name.
    Find { host: String, port: Option<u16>, transport: Transport },
}

/// Why there's no audio, or no way, for a call.
pub(super) struct Unready {
    /// What the screen says.
    pub(super) why: String,
    /// What who called is told.
    pub(super) status: u16,
    /// How a call of ours ends that couldn't begin.
    pub(super) ending: Ending,
}

impl From<io::Error> for Unready {
    fn from(error: io::Error) -> Unready {
        Unready { why: error.to_string(), status: 500, ending: Ending::Refused(404) }
    }
}

/// What a call needs: its audio, and where it goes (nowhere for one that came in).
pub(super) struct Ready {
    pub(super) audio: Box<dyn CallAudio>,
    pub(super) ways: Vec<SocketAddrV4>,
}

/// What a phone waited for.
pub(super) enum Finding {
    /// The servers of the account's domain.
    Servers(io::Result<Vec<SocketAddrV4>>),
    /// What a call needs.
    Ready { leg: LegId, outcome: Result<Ready, Unready> },
    /// A description that was asked for is complete.
    Described(LegId),
    /// How the packets of a call fare.
    Media { leg: LegId, state: MediaState },
}

/// How the packets of a call fare, as far as its transport knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaState {
    /// They arrive.
    Well,
    /// The other side hasn't been heard for a while.
    Unsteady,
    /// There's no way to it.
    Lost,
    /// The other side has taken its leave of the media.
    Closed,
}
