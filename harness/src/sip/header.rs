//! Header names, and the headers of a message as lines.

use std::borrow::Cow;
use std::fmt;

use super::text;

/// The headers that have a name here. Case doesn't matter, and compact forms are the same headers.
///
/// ```
/// use busyhour::sip::Name;
/// assert_eq!(Name::of("call-id"), Name::CallId);
/// assert_eq!(Name::of("i"), Name::CallId);
/// assert_eq!(Name::CallId.as_str(), "Call-ID");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Where a response goes (RFC 3261).
    Via,
    /// Who asks (RFC 3261).
    From,
    /// Who is asked (RFC 3261).
    To,
    /// What belongs together (RFC 3261).
    CallId,
    /// Which request of a dialog (RFC 3261).
    CSeq,
    /// Where somebody is reached from now on (RFC 3261).
    Contact,
    /// How many hops are left (RFC 3261).
    MaxForwards,
    /// How long the body is (RFC 3261).
    ContentLength,
    /// What the body is (RFC 3261).
    ContentType,
    /// How the body is packed (RFC 3261).
    ContentEncoding,
    /// The hops to come (RFC 3261).
    Route,
    /// The hops that want to stay (RFC 3261).
    RecordRoute,
    /// Credentials for a server (RFC 3261).
    Authorization,
    /// Credentials for a proxy (RFC 3261).
    ProxyAuthorization,
    /// A server's challenge (RFC 3261).
    WwwAuthenticate,
    /// A proxy's challenge (RFC 3261).
    ProxyAuthenticate,
    /// What a server says behind a good digest (RFC 3261).
    AuthenticationInfo,
    /// How long it holds (RFC 3261).
    Expires,
    /// The shortest registration that is taken (RFC 3261).
    MinExpires,
    /// Options that the sender knows (RFC 3261).
    Supported,
    /// Options that the receiver must know (RFC 3261).
    Require,
    /// Options that proxies must know (RFC 3261).
    ProxyRequire,
    /// Required options that aren't known (RFC 3261).
    Unsupported,
    /// Methods that the sender takes (RFC 3261).
    Allow,
    /// Bodies that the sender takes (RFC 3261).
    Accept,
    /// The product that asks (RFC 3261).
    UserAgent,
    /// The product that answers (RFC 3261).
    Server,
    /// What it's about (RFC 3261).
    Subject,
    /// The event package (RFC 6665).
    Event,
    /// Where to go (RFC 3515).
    ReferTo,
    /// Who sent it there (RFC 3892).
    ReferredBy,
    /// Whether a REFER subscribes (RFC 4488).
    ReferSub,
    /// How long a session lives without a refresh (RFC 4028).
    SessionExpires,
    /// The shortest session that is taken (RFC 4028).
    MinSe,
    /// The hops to a registered contact (RFC 3327).
    Path,
    /// The provisional response that is acknowledged (RFC 3262).
    RAck,
    /// The number of a reliable provisional response (RFC 3262).
    RSeq,
    /// The dialog whose place is taken (RFC 3891).
    Replaces,
    /// When it was sent (RFC 3261).
    Date,
    /// When to try again (RFC 3261).
    RetryAfter,
    /// Why it was sent (RFC 3326).
    Reason,
    /// More about a status (RFC 3261).
    Warning,
    /// How a subscription stands (RFC 6665).
    SubscriptionState,
    /// For measuring the round trip (RFC 3261).
    Timestamp,
    /// Event packages that the sender knows (RFC 6665).
    AllowEvents,
    /// Any other: see [`Message::named`](super::Message::named).
    Other,
}

impl Name {
    /// The header of that name, in its long or its compact form.
    pub fn of(name: &str) -> Name {
        if let [letter] = name.as_bytes() {
            return Name::compact(letter.to_ascii_lowercase());
        }
        let candidates: &[Name] = match name.len() {
            2 => &[Name::To],
            3 => &[Name::Via],
            4 => &[Name::From, Name::CSeq, Name::Path, Name::RAck, Name::RSeq, Name::Date],
            5 => &[Name::Route, Name::Allow, Name::Event],
            6 => &[Name::Accept, Name::Server, Name::MinSe, Name::Reason],
            7 => &[Name::CallId, Name::Contact, Name::Expires, Name::Require, Name::Subject, Name::Warning],
            8 => &[Name::ReferTo, Name::Replaces],
            9 => &[Name::Supported, Name::ReferSub, Name::Timestamp],
            10 => &[Name::UserAgent],
            11 => &[Name::MinExpires, Name::Unsupported, Name::ReferredBy, Name::RetryAfter],
            12 => &[Name::MaxForwards, Name::ContentType, Name::RecordRoute, Name::AllowEvents],
            13 => &[Name::Authorization, Name::ProxyRequire],
            14 => &[Name::ContentLength],
            15 => &[Name::SessionExpires],
            16 => &[Name::ContentEncoding, Name::WwwAuthenticate],
            18 => &[Name::ProxyAuthenticate, Name::SubscriptionState],
            19 => &[Name::ProxyAuthorization, Name::AuthenticationInfo],
            _ => &[],
        };
        // Nearly everybody writes a name as its RFC does.
        let usual = candidates.iter().find(|candidate| candidate.as_str() == name);
        let found = usual.or_else(|| candidates.iter().find(|candidate| candidate.as_str().eq_ignore_ascii_case(name)));
        found.copied().unwrap_or(Name::Other)
    }

    fn compact(letter: u8) -> Name {
        match letter {
            b'v' => Name::Via,
            b'f' => Name::From,
            b't' => Name::To,
            b'i' => Name::CallId,
            b'm' => Name::Contact,
            b'l' => Name::ContentLength,
            b'c' => Name::ContentType,
            b'e' => Name::ContentEncoding,
            b'k' => Name::Supported,
            b's' => Name::Subject,
            b'o' => Name::Event,
            b'r' => Name::ReferTo,
            b'b' => Name::ReferredBy,
            b'x' => Name::SessionExpires,
            b'u' => Name::AllowEvents,
            _ => Name::Other,
        }
    }

    /// The long form; empty for [`Name::Other`], which has no name of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::Via => "Via",
            Name::From => "From",
            Name::To => "To",
            Name::CallId => "Call-ID",
            Name::CSeq => "CSeq",
            Name::Contact => "Contact",
            Name::MaxForwards => "Max-Forwards",
            Name::ContentLength => "Content-Length",
            Name::ContentType => "Content-Type",
            Name::ContentEncoding => "Content-Encoding",
            Name::Route => "Route",
            Name::RecordRoute => "Record-Route",
            Name::Authorization => "Authorization",
            Name::ProxyAuthorization => "Proxy-Authorization",
            Name::WwwAuthenticate => "WWW-Authenticate",
            Name::ProxyAuthenticate => "Proxy-Authenticate",
            Name::AuthenticationInfo => "Authentication-Info",
            Name::Expires => "Expires",
            Name::MinExpires => "Min-Expires",
            Name::Supported => "Supported",
            Name::Require => "Require",
            Name::ProxyRequire => "Proxy-Require",
            Name::Unsupported => "Unsupported",
            Name::Allow => "Allow",
            Name::Accept => "Accept",
            Name::UserAgent => "User-Agent",
            Name::Server => "Server",
            Name::Subject => "Subject",
            Name::Event => "Event",
            Name::ReferTo => "Refer-To",
            Name::ReferredBy => "Referred-By",
            Name::ReferSub => "Refer-Sub",
            Name::SessionExpires => "Session-Expires",
            Name::MinSe => "Min-SE",
            Name::Path => "Path",
            Name::RAck => "RAck",
            Name::RSeq => "RSeq",
            Name::Replaces => "Replaces",
            Name::Date => "Date",
            Name::RetryAfter => "Retry-After",
            Name::Reason => "Reason",
            Name::Warning => "Warning",
            Name::SubscriptionState => "Subscription-State",
            Name::Timestamp => "Timestamp",
            Name::AllowEvents => "Allow-Events",
            Name::Other => "",
        }
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Which one.
    pub name: Name,
    /// Its name as written.
    pub raw_name: &'a str,
    /// Its value as written, without the white space around it; folds are still in it.
    pub value: &'a str,
}

impl<'a> Header<'a> {
    /// The value on one line: each fold is a space (RFC 3261 7.3.1).
    pub fn unfolded(&self) -> Cow<'a, str> {
        if !self.value.contains('\n') {
            return Cow::Borrowed(self.value);
        }
        Cow::Owned(self.value.split("\r\n").map(text::trim).collect::<Vec<_>>().join(" "))
    }
}
