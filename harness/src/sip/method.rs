//! Methods.

use std::fmt;

/// What a request asks for. Methods are told apart by case (RFC 3261 7.1).
///
/// ```
/// use busyhour::sip::Method;
/// assert_eq!(Method::of("INVITE"), Method::Invite);
/// assert_eq!(Method::of("invite"), Method::Other("invite"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method<'a> {
    /// Begins or changes a session (RFC 3261).
    Invite,
    /// Acknowledges the final response to an INVITE (RFC 3261).
    Ack,
    /// Ends a session (RFC 3261).
    Bye,
    /// Gives a request up that waits (RFC 3261).
    Cancel,
    /// Says where somebody is (RFC 3261).
    Register,
    /// Asks what the other can (RFC 3261).
    Options,
    /// Acknowledges a provisional response (RFC 3262).
    Prack,
    /// Changes a session that may not be answered yet (RFC 3311).
    Update,
    /// Sends the other somewhere (RFC 3515).
    Refer,
    /// Tells a subscriber (RFC 6665).
    Notify,
    /// Asks to be told (RFC 6665).
    Subscribe,
    /// Carries what an application has to say in a dialog (RFC 6086).
    Info,
    /// An instant message (RFC 3428).
    Message,
    /// Publishes a state (RFC 3903).
    Publish,
    /// One that nobody here knows.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// The methods that have a name here.
    pub const KNOWN: [Method<'static>; 14] = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Register,
        Method::Options,
        Method::Prack,
        Method::Update,
        Method::Refer,
        Method::Notify,
        Method::Subscribe,
        Method::Info,
        Method::Message,
        Method::Publish,
    ];

    /// The method of that name.
    #[inline]
    pub fn of(name: &'a str) -> Method<'a> {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "REGISTER" => Method::Register,
            "OPTIONS" => Method::Options,
            "PRACK" => Method::Prack,
            "UPDATE" => Method::Update,
            "REFER" => Method::Refer,
            "NOTIFY" => Method::Notify,
            "SUBSCRIBE" => Method::Subscribe,
            "INFO" => Method::Info,
            "MESSAGE" => Method::Message,
            "PUBLISH" => Method::Publish,
            other => Method::Other(other),
        }
    }

    /// As it's written.
    pub fn as_str(&self) -> &'a str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Prack => "PRACK",
            Method::Update => "UPDATE",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Info => "INFO",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other(name) => name,
        }
    }

    /// True if a 2xx to it makes a dialog: INVITE, SUBSCRIBE, REFER.
    pub fn makes_a_dialog(&self) -> bool {
        matches!(self, Method::Invite | Method::Subscribe | Method::Refer)
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
