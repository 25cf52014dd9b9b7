//! Session descriptions (RFC 8866), as far as the witnesses need them: where audio is wanted, how and which way, and
//! what secures it.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Which way media may go, as the describing side says it (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It only sends: it holds the other.
    SendOnly,
    /// It only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// What a description says of its first audio stream.
///
/// ```
/// use busyhour_oracle::read::sdp::{Audio, Direction};
///
/// let audio = Audio::read(
///     b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
///       m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n",
/// ).unwrap();
/// assert_eq!(audio.place().unwrap().to_string(), "10.0.0.1:40000");
/// assert_eq!((audio.profile, audio.direction, audio.digits), ("RTP/AVP", Direction::SendOnly, Some(101)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audio<'a> {
    /// The address, of the stream's own `c=` line or the session's; none if it's a name or IPv6.
    pub address: Option<Ipv4Addr>,
    /// The port; zero refuses the stream (RFC 3264 section 6).
    pub port: u16,
    /// The profile: `RTP/AVP` is plain.
    pub profile: &'a str,
    /// The payload types, as written, the preferred first.
    pub formats: &'a str,
    /// Which way it may go.
    pub direction: Direction,
    /// The payload type of digits (RFC 4733).
    pub digits: Option<u8>,
}

impl<'a> Audio<'a> {
    /// Reads a description; none if it isn't one, or has no audio.
    pub fn read(bytes: &'a [u8]) -> Option<Audio<'a>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (mut session_address, mut session_direction) = (None, Direction::default());
        let mut audio: Option<Audio<'a>> = None;
        let mut elsewhere = false;
        for line in text.lines() {
            let Some((kind, value)) = line.split_once('=') else { continue };
            match kind {
                "m" if audio.is_some() => break,
                "m" => {
                    let mut words = value.split_ascii_whitespace();
                    elsewhere = words.next() != Some("audio");
                    if elsewhere {
                        continue;
                    }
                    let port = words.next()?.split('/').next()?.parse().ok()?;
                    let profile = words.next()?;
                    let formats = value.split_once(profile).map_or("", |(_, formats)| formats.trim_ascii());
                    let (address, direction) = (session_address, session_direction);
                    audio = Some(Audio { address, port, profile, formats, direction, digits: None });
                }
                _ if elsewhere => {}
                "c" => {
                    let address = value.strip_prefix("IN IP4 ").and_then(|rest| rest.trim_ascii().parse().ok());
                    match &mut audio {
                        Some(audio) => audio.address = address,
                        None => session_address = address,
                    }
                }
                "a" => {
                    let direction = match value.trim_ascii() {
                        "sendrecv" => Some(Direction::SendRecv),
                        "sendonly" => Some(Direction::SendOnly),
                        "recvonly" => Some(Direction::RecvOnly),
                        "inactive" => Some(Direction::Inactive),
                        _ => None,
                    };
                    match (direction, &mut audio) {
                        (Some(direction), Some(audio)) => audio.direction = direction,
                        (Some(direction), None) => session_direction = direction,
                        (None, Some(audio)) => {
                            if let Some((kind, "telephone-event/8000")) =
                                value.strip_prefix("rtpmap:").and_then(|map| map.trim_ascii().split_once(' '))
                            {
                                audio.digits = kind.parse().ok();
                            }
                        }
                        (None, None) => {}
                    }
                }
                _ => {}
            }
        }
        audio
    }

    /// Where it wants its audio; nowhere if the stream is refused, or on hold in the old way (`c=` of 0.0.0.0).
    pub fn place(&self) -> Option<SocketAddrV4> {
        let address = self.address.filter(|address| !address.is_unspecified())?;
        (self.port != 0).then_some(SocketAddrV4::new(address, self.port))
    }

    /// True if it's plain RTP: not encrypted, not over another transport.
    pub fn is_plain(&self) -> bool {
        self.profile == "RTP/AVP" || self.profile == "RTP/AVPF"
    }

    /// True if it wants to hear and to be heard.
    pub fn goes_both_ways(&self) -> bool {
        self.direction == Direction::SendRecv && self.place().is_some()
    }

    /// True if it's SRTP under keys that DTLS agrees on (RFC 5764 section 8).
    pub fn is_secured_by_dtls(&self) -> bool {
        matches!(self.profile, "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP")
    }
}

/// What a description says of its ICE session and its DTLS connection (RFC 8839, RFC 8842): of the session, or of the
/// first stream that isn't refused.
///
/// ```
/// use busyhour_oracle::read::sdp::Secure;
///
/// let secure = Secure::read(
///     b"v=0\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\n\
///       a=fingerprint:sha-256 0A:FF\r\na=setup:passive\r\n",
/// ).unwrap();
/// assert_eq!((secure.fragment, secure.fingerprint, secure.is_lite), ("abcd", Some(("sha-256", "0A:FF")), true));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secure<'a> {
    /// `a=ice-ufrag`.
    pub fragment: &'a str,
    /// The digest's name, and the digest of the certificate.
    pub fingerprint: Option<(&'a str, &'a str)>,
    /// Its side of ICE is lite.
    pub is_lite: bool,
}

impl<'a> Secure<'a> {
    /// Reads a description; none if it says nothing of ICE.
    pub fn read(bytes: &'a [u8]) -> Option<Secure<'a>> {
        memchr::memmem::find(bytes, b"a=ice-ufrag:")?;
        let text = std::str::from_utf8(bytes).ok()?;
        let (mut fragment, mut fingerprint, mut is_lite) = (None, None, false);
        let (mut streams, mut is_refused) = (0, false);
        for line in text.lines().map(str::trim_end) {
            if let Some(stream) = line.strip_prefix("m=") {
                // What the first stream says holds for those that are bundled with it (RFC 9143).
                streams += u32::from(streams == 0 || !is_refused);
                is_refused = stream.split_ascii_whitespace().nth(1) == Some("0");
            }
            if is_refused || streams > 1 {
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else { continue };
            if attribute == "ice-lite" {
                is_lite = true;
            } else if let Some(value) = attribute.strip_prefix("ice-ufrag:") {
                fragment = Some(value.trim_ascii());
            } else if let Some(value) = attribute.strip_prefix("fingerprint:") {
                fingerprint = value.trim_ascii().split_once(' ');
            }
        }
        Some(Secure { fragment: fragment?, fingerprint, is_lite })
    }

    /// The certificate's SHA-256, if that's what it gives.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let (name, digest) = self.fingerprint?;
        if !name.eq_ignore_ascii_case("sha-256") {
            return None;
        }
        let mut bytes = [0; 32];
        let mut digits = digest.trim_ascii().split(':');
        for byte in &mut bytes {
            *byte = u8::from_str_radix(digits.next()?, 16).ok()?;
        }
        digits.next().is_none().then_some(bytes)
    }
}

/// The addresses on relays (RFC 8839 section 5.1: candidates of that type) that a description tells of.
///
/// ```
/// use busyhour_oracle::read::sdp::relayed;
///
/// let description = b"v=0\r\na=candidate:1 1 udp 1 10.0.0.1 4000 typ host\r\n\
///     a=candidate:2 1 udp 1 198.51.100.2 49200 typ relay raddr 10.0.0.1 rport 4000\r\n";
/// assert_eq!(relayed(description).collect::<Vec<_>>(), ["198.51.100.2:49200".parse().unwrap()]);
/// ```
pub fn relayed(bytes: &[u8]) -> impl Iterator<Item = SocketAddrV4> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.lines().filter_map(|line| {
        let mut words = line.strip_prefix("a=candidate:")?.split_ascii_whitespace().skip(4);
        let (ip, port) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (words.next() == Some("typ") && words.next() == Some("relay")).then_some(SocketAddrV4::new(ip, port))
    })
}
