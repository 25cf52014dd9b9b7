//! SDP (RFC 8866): what a call's ends tell each other of their audio, and what they agree on (RFC 3264).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::Codec;
use super::noise;
use super::stream::Remote;

/// The payload type that we offer digits with: dynamic (RFC 3551 3), and the customary one.
pub const TELEPHONE_EVENT: u8 = 101;
/// The MIME type.
pub const CONTENT_TYPE: &str = "application/sdp";

/// Which way audio flows, from one side's view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It only sends: the other is on hold.
    SendOnly,
    /// It only listens: it's on hold.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The one of these two flags.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether this side sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether this side listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same from the other side's view.
    #[must_use]
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Its attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn of_attribute(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.as_str() == name)
    }
}

/// Why a description can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// No text.
    #[error("the description isn't UTF-8")]
    NotText,
    /// A line that isn't `x=...`, or in the wrong place.
    #[error("line {line} of the description isn't one: {text:?}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// A line that must be there.
    #[error("the description has no {0}= line")]
    Missing(char),
    /// A medium of the answer stands where none was offered, or the other way round.
    #[error("the answer has {answered} media where {offered} were offered")]
    Media {
        /// How many were offered.
        offered: usize,
        /// How many the answer has.
        answered: usize,
    },
}

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
    fn codec(&self, payload_type: u8) -> Option<Codec> {
        let Some(encoding) = self.encoding(payload_type) else { return Codec::of_payload_type(payload_type) };
        let (name, rate) = encoding.split_once('/')?;
        // One channel may be said, or not.
        if matches!(rate, "8000" | "8000/1") { Codec::of_name(name) } else { None }
    }

    fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|&format: &u8| format < 128)
    }

    fn telephone_event(&self) -> Option<u8> {
        self.payload_types().find(|&format| {
            self.encoding(format).is_some_and(|encoding| encoding.eq_ignore_ascii_case("telephone-event/8000"))
        })
    }

    fn ptime(&self) -> Option<u8> {
        self.attribute("ptime")?.trim().parse().ok()
    }

    fn is_audio(&self) -> bool {
        self.kind == "audio" && self.protocol == "RTP/AVP"
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

    /// Where a medium's packets go.
    fn address_of(&self, media: &Media) -> Option<SocketAddrV4> {
        let address = connection_in(&media.lines).or_else(|| connection_in(&self.lines))?;
        Some(SocketAddrV4::new(address, media.port))
    }

    /// Which way a medium flows, as who wrote this sees it. An address of 0.0.0.0 is the old way to say that it won't
    /// listen (RFC 3264 8.4).
    fn direction_of(&self, media: &Media) -> Direction {
        let said = direction_in(&media.attributes).or_else(|| direction_in(&self.attributes)).unwrap_or_default();
        let deaf = self.address_of(media).is_some_and(|address| address.ip().is_unspecified());
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

/// One side of a call: what it can do and wants now.
///
/// ```
/// use busyhour::media::sdp::{Direction, Local};
///
/// let alice = Local::new([10, 0, 0, 1].into(), 4000, 1);
/// let bob = Local { direction: Direction::RecvOnly, ..Local::new([10, 0, 0, 2].into(), 5000, 2) };
/// let (answer, agreed) = bob.answer(&alice.offer())?;
/// assert_eq!(agreed.unwrap().direction, Direction::RecvOnly);
/// let agreed = alice.agree(&answer)?.unwrap();
/// assert_eq!((agreed.remote.to_string().as_str(), agreed.direction), ("10.0.0.2:5000", Direction::SendOnly));
/// # Ok::<(), busyhour::media::sdp::SdpError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The address that packets reach it at.
    pub address: Ipv4Addr,
    /// The port.
    pub port: u16,
    /// Which session: the same as long as the call lasts.
    pub session: u64,
    /// Which version: one more whenever what it says changes (RFC 3264 8).
    pub version: u64,
    /// What it speaks, the preferred one first.
    pub codecs: Vec<Codec>,
    /// The payload type of digits, if it takes any.
    pub telephone_event: Option<u8>,
    /// What it wants.
    pub direction: Direction,
    /// How much audio a packet shall have, in ms.
    pub ptime: u8,
    /// Says hold the old way, by the address 0.0.0.0 (RFC 2543), where it wouldn't listen.
    pub old_hold: bool,
}

/// What an offer and its answer came to, from this side's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Where packets go to; meaningless where nothing is sent.
    pub remote: SocketAddrV4,
    /// The codec.
    pub codec: Codec,
    /// Its payload type: the static one, mostly.
    pub payload_type: u8,
    /// The payload type that digits are sent with, if the other side takes any.
    pub telephone_event: Option<u8>,
    /// Which way audio flows.
    pub direction: Direction,
    /// How much audio a packet shall have, in ms.
    pub ptime: u8,
}

impl Agreed {
    /// The other end, for an [`AudioLine`](super::AudioLine) to be connected to.
    pub fn remote(&self) -> Remote {
        let Agreed { remote, codec, payload_type, telephone_event, direction, .. } = *self;
        Remote { payload_type, telephone_event, direction, ..Remote::new(remote, codec) }
    }

    /// Whether the other side has put this one on hold: it doesn't listen.
    pub fn held(&self) -> bool {
        !self.direction.sends()
    }
}

impl Local {
    /// One that speaks PCMU and PCMA and takes digits, at an address.
    pub fn new(address: Ipv4Addr, port: u16, session: u64) -> Local {
        Local {
            address,
            port,
            session,
            version: session,
            codecs: Codec::ALL.to_vec(),
            telephone_event: Some(TELEPHONE_EVENT),
            direction: Direction::SendRecv,
            ptime: 20,
            old_hold: false,
        }
    }

    /// The offer.
    pub fn offer(&self) -> Bytes {
        let codecs: Vec<(u8, Codec)> = self.codecs.iter().map(|&codec| (codec.payload_type(), codec)).collect();
        self.description(vec![self.audio(&codecs, self.telephone_event, self.direction)], self.direction).write()
    }

    /// The answer to an offer, and what it comes to; nothing if no medium of it will do: the answer refuses each then,
    /// and 488 says the same.
    ///
    /// # Errors
    /// The offer can't be read.
    pub fn answer(&self, offer: &[u8]) -> Result<(Bytes, Option<Agreed>), SdpError> {
        let offer = Description::read(offer)?;
        let mut agreed = None;
        let media = offer.media.iter().map(|media| {
            let chosen = if agreed.is_none() { self.choose(&offer, media) } else { None };
            let Some((payload_type, event, choice)) = chosen else { return refusal(media) };
            agreed = Some(choice);
            self.audio(&[(payload_type, choice.codec)], event, choice.direction)
        });
        let media = media.collect();
        let direction = agreed.map_or(self.direction, |agreed| agreed.direction);
        Ok((self.description(media, direction).write(), agreed))
    }

    /// What our offer came to, when its answer is here; nothing if the answer refuses it.
    ///
    /// # Errors
    /// The answer can't be read, or isn't one to it.
    pub fn agree(&self, answer: &[u8]) -> Result<Option<Agreed>, SdpError> {
        let answer = Description::read(answer)?;
        if answer.media.len() != 1 {
            return Err(SdpError::Media { offered: 1, answered: answer.media.len() });
        }
        Ok(self.choose(&answer, &answer.media[0]).map(|(_, _, agreed)| agreed))
    }

    /// What a medium that the other side describes comes to: its payload types for the codec and for digits.
    fn choose(&self, theirs: &Description, media: &Media) -> Option<(u8, Option<u8>, Agreed)> {
        if !media.is_audio() || media.port == 0 {
            return None;
        }
        let remote = theirs.address_of(media)?;
        // The first of theirs that we speak: whoever offers says what he prefers (RFC 3264 6.1).
        let (payload_type, codec) = media.payload_types().find_map(|payload_type| {
            let codec = media.codec(payload_type).filter(|codec| self.codecs.contains(codec))?;
            Some((payload_type, codec))
        })?;
        let telephone_event = self.telephone_event.and(media.telephone_event());
        let direction = theirs.direction_of(media).reversed().and(self.direction);
        let ptime = media.ptime().unwrap_or(20);
        Some((payload_type, telephone_event, Agreed { remote, codec, payload_type, telephone_event, direction, ptime }))
    }

    fn audio(&self, codecs: &[(u8, Codec)], telephone_event: Option<u8>, direction: Direction) -> Media {
        let mut formats: Vec<String> = codecs.iter().map(|(payload_type, _)| payload_type.to_string()).collect();
        let mut attributes: Vec<String> =
            codecs.iter().map(|(payload_type, codec)| format!("rtpmap:{payload_type} {}/8000", codec.name())).collect();
        if let Some(event) = telephone_event {
            formats.push(event.to_string());
            attributes.push(format!("rtpmap:{event} telephone-event/8000"));
            attributes.push(format!("fmtp:{event} 0-15"));
        }
        attributes.push(format!("ptime:{}", self.ptime));
        attributes.push(direction.as_str().to_owned());
        Media {
            kind: "audio".to_owned(),
            port: self.port,
            protocol: "RTP/AVP".to_owned(),
            formats,
            lines: Vec::new(),
            attributes,
        }
    }

    fn description(&self, media: Vec<Media>, direction: Direction) -> Description {
        let Local { address, session, version, .. } = self;
        let deaf = self.old_hold && !direction.receives();
        let connection = if deaf { Ipv4Addr::UNSPECIFIED } else { *address };
        let lines = [
            ('v', "0".to_owned()),
            ('o', format!("- {session} {version} IN IP4 {address}")),
            ('s', "-".to_owned()),
            ('c', format!("IN IP4 {connection}")),
            ('t', "0 0".to_owned()),
        ];
        Description { lines: lines.into(), attributes: Vec::new(), media }
    }
}

/// A medium as an answer refuses it: as it was offered, with port 0 (RFC 3264 6).
fn refusal(offered: &Media) -> Media {
    Media { port: 0, lines: Vec::new(), attributes: Vec::new(), ..offered.clone() }
}

/// Whether a payload type can be comfort noise here.
pub fn is_noise(payload_type: u8) -> bool {
    payload_type == noise::PAYLOAD_TYPE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Local {
        Local::new([10, 0, 0, 1].into(), 4000, 11)
    }

    fn bob() -> Local {
        Local { version: 3, ..Local::new([10, 0, 0, 2].into(), 5000, 22) }
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_offer_is_byte_for_byte_what_its_session_and_version_make_it() {
        let expected = "v=0\r\no=- 11 12 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
            m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
        assert_eq!(text(&Local { version: 12, ..alice() }.offer()), expected);
    }

    /// RFC 3264 6.1: a dynamic payload type means in the answer what it means in the offer.
    #[test]
    fn the_first_codec_that_both_speak_is_chosen_with_the_offers_payload_types() {
        let offer = "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 18 97 0 96\nc=IN IP4 10.0.0.9\n\
            a=rtpmap:97 pcma/8000/1\na=rtpmap:96 Telephone-Event/8000\na=ptime:30\n";
        let (answer, agreed) = bob().answer(offer.as_bytes()).unwrap();
        let agreed = agreed.unwrap();
        assert_eq!((agreed.codec, agreed.telephone_event, agreed.ptime), (Codec::Pcma, Some(96), 30));
        assert_eq!(agreed.remote.to_string(), "10.0.0.9:4000");
        assert!(text(&answer).contains("m=audio 5000 RTP/AVP 97 96\r\na=rtpmap:97 PCMA/8000\r\n"), "{}", text(&answer));
        let only_mu = Local { codecs: vec![Codec::Pcmu], telephone_event: None, ..bob() };
        let agreed = only_mu.answer(offer.as_bytes()).unwrap().1.unwrap();
        assert_eq!((agreed.codec, agreed.telephone_event), (Codec::Pcmu, None));
    }

    /// RFC 3264 6: each medium is answered in its place, the ones that won't do with port 0.
    #[test]
    fn what_we_cannot_do_is_refused() {
        let head = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n";
        let mixed = format!(
            "{head}m=video 6000 RTP/AVP 31\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0\r\nm=audio 4004 RTP/AVP 0\r\n"
        );
        let (answer, agreed) = bob().answer(mixed.as_bytes()).unwrap();
        let ports: Vec<u16> = Description::read(&answer).unwrap().media.iter().map(|media| media.port).collect();
        assert_eq!((ports, agreed.unwrap().remote.port()), (vec![0, 0, 5000, 0], 4002));
        let foreign = format!("{head}m=audio 4000 RTP/AVP 9 18\r\n");
        let (answer, agreed) = bob().answer(foreign.as_bytes()).unwrap();
        assert_eq!(agreed, None);
        assert!(text(&answer).ends_with("m=audio 0 RTP/AVP 9 18\r\n"));
        assert_eq!(alice().agree(&answer), Ok(None));
        // PCMU at another rate is another codec.
        let wide = format!("{head}m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n");
        assert_eq!(bob().answer(wide.as_bytes()).unwrap().1, None);
    }

    /// RFC 3264 6.1, 8.4: every pair of wishes, and both see the same thing.
    #[test]
    fn both_sides_agree_on_the_direction_whatever_each_wants() {
        let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        for (wish, other) in all.into_iter().flat_map(|wish| all.map(|other| (wish, other))) {
            for old_hold in [false, true] {
                let offerer = Local { direction: wish, old_hold, ..alice() };
                let answerer = Local { direction: other, ..bob() };
                let (answer, theirs) = answerer.answer(&offerer.offer()).unwrap();
                let (ours, theirs) = (offerer.agree(&answer).unwrap().unwrap(), theirs.unwrap());
                assert_eq!(ours.direction.reversed(), theirs.direction, "{wish:?} and {other:?}");
                assert_eq!(theirs.direction, wish.reversed().and(other));
                assert_eq!(theirs.held(), !(wish.receives() && other.sends()));
            }
        }
    }

    #[test]
    fn an_address_of_zeros_is_hold_as_well() {
        let held = Local { direction: Direction::SendOnly, old_hold: true, ..alice() }.offer();
        assert!(text(&held).contains("c=IN IP4 0.0.0.0\r\n") && text(&held).contains("o=- 11 11 IN IP4 10.0.0.1\r\n"));
        let plain = text(&held).replace("a=sendonly", "a=sendrecv");
        assert_eq!(bob().answer(plain.as_bytes()).unwrap().1.unwrap().direction, Direction::RecvOnly);
    }

    #[test]
    fn what_we_do_not_know_is_kept() {
        let text = "v=0\r\no=alice 1 2 IN IP4 host.example\r\ns=A call\r\ni=about\r\nc=IN IP4 10.0.0.1\r\nb=AS:64\r\nt=0 0\r\n\
            a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nb=AS:32\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n";
        let description = Description::read(text.as_bytes()).unwrap();
        assert_eq!(description.write(), text.as_bytes());
        assert_eq!(
            description.origin().unwrap(),
            Origin { user: "alice", session: 1, version: 2, address: "host.example" }
        );
        assert_eq!(description.media[0].attribute("mid"), Some("0"));
        assert_eq!(description.audio(), None);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        assert_eq!(Description::read(&[0xFF]), Err(SdpError::NotText));
        assert_eq!(Description::read(b"hello"), Err(SdpError::Line { line: 1, text: "hello".into() }));
        assert_eq!(Description::read(b"v=1\r\n"), Err(SdpError::Line { line: 1, text: "v=1".into() }));
        assert_eq!(Description::read(b"v=0\r\ns=-\r\nt=0 0\r\n"), Err(SdpError::Missing('o')));
        let media = b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio many RTP/AVP 0\r\n";
        assert!(matches!(Description::read(media), Err(SdpError::Line { line: 5, .. })));
        let two = b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n";
        assert_eq!(alice().agree(two), Err(SdpError::Media { offered: 1, answered: 0 }));
    }
}
