//! A description as it's written: its lines, read and written, with all that we don't know kept in it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::{Direction, SdpError};
use crate::media::Codec;

/// Plain RTP (RFC 3551).
pub(super) const PLAIN_PROTOCOL: &str = "RTP/AVP";
/// Audio of WebRTC, as it's offered (RFC 8834, RFC 8829 5.1.2).
pub(super) const SECURE_PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";
/// Its data channels (RFC 8841).
pub(super) const DATA_PROTOCOL: &str = "UDP/DTLS/SCTP";
/// What SCTP carries there.
pub(super) const DATA_FORMAT: &str = "webrtc-datachannel";
/// SCTP's port inside of DTLS: everybody's.
pub(super) const SCTP_PORT: u16 = 5000;

/// One medium: an `m=` line and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`.
    pub kind: String,
    /// Where; 0 refuses it.
    pub port: u16,
    /// `RTP/AVP`.
    pub protocol: String,
    /// Payload types, the preferred one first.
    pub formats: Vec<String>,
    /// Lines other than attributes (`c=`, `b=`), as they stand.
    pub lines: Vec<(char, String)>,
    /// Attributes, as they stand behind `a=`.
    pub attributes: Vec<String>,
}

impl Media {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        value_of(&self.attributes, name)
    }

    /// What a payload type is: `PCMU/8000`. Static ones need not say.
    fn encoding(&self, payload_type: u8) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| {
            let (said, encoding) = attribute.strip_prefix("rtpmap:")?.split_once(' ')?;
            (said.parse() == Ok(payload_type)).then_some(encoding.trim())
        })
    }

    /// The codec of a payload type, if it's one of ours.
    pub(super) fn codec(&self, payload_type: u8) -> Option<Codec> {
        let Some(encoding) = self.encoding(payload_type) else { return Codec::of_payload_type(payload_type) };
        let (name, rate) = encoding.split_once('/')?;
        // One channel may be said, or not.
        if matches!(rate, "8000" | "8000/1") { Codec::of_name(name) } else { None }
    }

    pub(super) fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|&format: &u8| format < 128)
    }

    /// What it has of our codecs, the preferred one first, whatever their numbers.
    pub(crate) fn codecs(&self) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for codec in self.payload_types().filter_map(|payload_type| self.codec(payload_type)) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs
    }

    /// The payload type of its digits, at the rate of our codecs.
    pub(crate) fn telephone_event(&self) -> Option<u8> {
        self.payload_types().find(|&format| {
            // Browsers offer them at the rate of each of their codecs; ours have one.
            let encoding = self.encoding(format).unwrap_or_default();
            let encoding = encoding.strip_suffix("/1").unwrap_or(encoding);
            encoding.eq_ignore_ascii_case("telephone-event/8000")
        })
    }

    pub(super) fn ptime(&self) -> Option<u8> {
        self.attribute("ptime")?.trim().parse().ok()
    }

    pub(super) fn is_audio(&self) -> bool {
        self.kind == "audio" && self.protocol == PLAIN_PROTOCOL
    }

    /// Whether it's audio under DTLS, by any of the names that RFC 8829 5.1.2 wants to be understood.
    pub(super) fn is_secure_audio(&self) -> bool {
        const NAMES: [&str; 5] =
            [SECURE_PROTOCOL, "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVP", "RTP/SAVPF"];
        self.kind == "audio" && NAMES.contains(&self.protocol.as_str())
    }

    /// Whether it's data channels that we can take.
    pub(super) fn is_data(&self) -> bool {
        self.kind == "application"
            && matches!(self.protocol.as_str(), DATA_PROTOCOL | "TCP/DTLS/SCTP")
            && self.formats.iter().any(|format| format == DATA_FORMAT)
            && self.attribute("sctp-port").is_none_or(|port| port.trim().parse() == Ok(SCTP_PORT))
    }

    /// Whether it has an attribute without a value.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.trim() == name)
    }

    /// The first SSRC that it tells of.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.attribute("ssrc")?.split(' ').next()?.parse().ok()
    }
}

fn value_of<'a>(attributes: &'a [String], name: &str) -> Option<&'a str> {
    attributes.iter().find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix(':'))
}

fn direction_in(attributes: &[String]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| Direction::of_attribute(attribute.trim()))
}

fn connection_in(lines: &[(char, String)]) -> Option<Ipv4Addr> {
    lines.iter().find_map(|(key, value)| {
        let address = value.strip_prefix("IN IP4 ").filter(|_| *key == 'c')?;
        // A multicast address may carry a TTL.
        address.split('/').next()?.trim().parse().ok()
    })
}

/// A whole description, with all that we don't know in it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The lines before the first medium other than attributes, as they stand, in order.
    pub lines: Vec<(char, String)>,
    /// The attributes before the first medium.
    pub attributes: Vec<String>,
    /// The media.
    pub media: Vec<Media>,
}

impl Description {
    /// Reads one. Lines may end with CR LF or with LF alone (RFC 8866 5).
    ///
    /// ```
    /// use busyhour::media::sdp::Description;
    ///
    /// let text = b"v=0\r\no=- 7 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    /// let description = Description::read(text)?;
    /// assert_eq!(description.origin().unwrap().version, 1);
    /// assert_eq!(description.write(), text[..]);
    /// # Ok::<(), busyhour::media::sdp::SdpError>(())
    /// ```
    ///
    /// # Errors
    /// It's none.
    pub fn read(bytes: &[u8]) -> Result<Description, SdpError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SdpError::NotText)?;
        let mut description = Description::default();
        for (line, text) in (1..).zip(text.split('\n')) {
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                continue;
            }
            let wrong = || SdpError::Line { line, text: text.to_owned() };
            let mut chars = text.chars();
            let (Some(key), Some('=')) = (chars.next(), chars.next()) else { return Err(wrong()) };
            let value = chars.as_str();
            if line == 1 && text != "v=0" {
                return Err(wrong());
            }
            match (key, description.media.last_mut()) {
                ('m', _) => description.media.push(read_media(value).ok_or_else(wrong)?),
                ('a', Some(media)) => media.attributes.push(value.to_owned()),
                (_, Some(media)) => media.lines.push((key, value.to_owned())),
                ('a', None) => description.attributes.push(value.to_owned()),
                (_, None) => description.lines.push((key, value.to_owned())),
            }
        }
        for key in ['v', 'o', 's', 't'] {
            if !description.lines.iter().any(|(one, _)| *one == key) {
                return Err(SdpError::Missing(key));
            }
        }
        Ok(description)
    }

    /// Writes it.
    pub fn write(&self) -> Bytes {
        let mut out = String::new();
        let mut section = |lines: &[(char, String)], attributes: &[String]| {
            for (key, value) in lines {
                let _ = write!(out, "{key}={value}\r\n");
            }
            for attribute in attributes {
                let _ = write!(out, "a={attribute}\r\n");
            }
        };
        section(&self.lines, &self.attributes);
        for media in &self.media {
            let Media { kind, port, protocol, formats, .. } = media;
            let head = ('m', format!("{kind} {port} {protocol} {}", formats.join(" ")));
            let lines: Vec<(char, String)> = std::iter::once(head).chain(media.lines.iter().cloned()).collect();
            section(&lines, &media.attributes);
        }
        out.into()
    }

    /// Whose description it is, and which version of it.
    pub fn origin(&self) -> Option<Origin<'_>> {
        let (_, value) = self.lines.iter().find(|(key, _)| *key == 'o')?;
        let mut words = value.split(' ');
        Some(Origin {
            user: words.next()?,
            session: words.next()?.parse().ok()?,
            version: words.next()?.parse().ok()?,
            address: words.nth(2)?,
        })
    }

    /// The first medium of audio that isn't refused.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.is_audio() && media.port != 0)
    }

    /// Whether a medium isn't refused. One with port 0 may share the address of another (RFC 9143 6).
    pub(super) fn is_offered(&self, media: &Media) -> bool {
        media.port != 0 || media.flag("bundle-only") && self.bundle_of(media).is_some()
    }

    /// The groups of media that share one transport (RFC 9143), by their mids.
    pub(super) fn bundles(&self) -> Vec<Vec<&str>> {
        let groups = self.attributes.iter().filter_map(|attribute| attribute.strip_prefix("group:BUNDLE "));
        groups.map(|mids| mids.split_ascii_whitespace().collect()).collect()
    }

    fn bundle_of(&self, media: &Media) -> Option<Vec<&str>> {
        let mid = media.attribute("mid")?.trim();
        self.bundles().into_iter().find(|group| group.contains(&mid))
    }

    /// Whether two media share one transport.
    pub(super) fn are_bundled(&self, one: &Media, other: &Media) -> bool {
        let other = other.attribute("mid").map(str::trim);
        self.bundle_of(one).zip(other).is_some_and(|(group, other)| group.contains(&other))
    }

    /// The medium that tells of the transport of its whole group: the first one (RFC 9143 7).
    pub(super) fn tagged(&self, media: &Media) -> Option<&Media> {
        let first = *self.bundle_of(media)?.first()?;
        self.media.iter().find(|media| media.attribute("mid").map(str::trim) == Some(first))
    }

    /// Where a medium's packets go.
    pub(super) fn address_of(&self, media: &Media) -> Option<SocketAddrV4> {
        let address = connection_in(&media.lines).or_else(|| connection_in(&self.lines))?;
        Some(SocketAddrV4::new(address, media.port))
    }

    /// Which way a medium flows, as who wrote this sees it. An address of 0.0.0.0 is the old way to say that it won't
    /// listen (RFC 3264 8.4).
    pub(crate) fn direction_of(&self, media: &Media) -> Direction {
        let said = direction_in(&media.attributes).or_else(|| direction_in(&self.attributes)).unwrap_or_default();
        // In WebRTC it says that no candidate is known yet.
        let deaf = media.is_audio() && self.address_of(media).is_some_and(|address| address.ip().is_unspecified());
        if deaf { said.and(Direction::SendOnly) } else { said }
    }
}

fn read_media(value: &str) -> Option<Media> {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let kind = words.next()?.to_owned();
    // `4000/2` would be two ports in a row.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let protocol = words.next()?.to_owned();
    let formats: Vec<String> = words.map(str::to_owned).collect();
    (!formats.is_empty()).then(|| Media { kind, port, protocol, formats, ..Media::default() })
}

/// An `o=` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Who, or `-`.
    pub user: &'a str,
    /// Which session.
    pub session: u64,
    /// Which version of its description.
    pub version: u64,
    /// Where it was made.
    pub address: &'a str,
}
