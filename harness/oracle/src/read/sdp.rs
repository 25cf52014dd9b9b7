//! Session descriptions (RFC 8866), as far as the witnesses need them: where audio is wanted, how and which way.

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
}
