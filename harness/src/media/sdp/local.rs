//! What one side says of itself, and what an offer and its answer come to (RFC 3264).

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::description::{DATA_FORMAT, DATA_PROTOCOL, PLAIN_PROTOCOL, SCTP_PORT, SECURE_PROTOCOL};
use super::{Description, Direction, Media, SdpError, Secure, Setup, TELEPHONE_EVENT, secure};
use crate::media::Codec;
use crate::media::stream::Remote;
use crate::media::webrtc::data;

/// The port of who has none (RFC 8839 4.2.1.2).
const DISCARD: u16 = 9;
/// The address of who has none.
const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, DISCARD);

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
    /// Says hold the old way, by the address 0.0.0.0 (RFC 2543), where it wouldn't listen. Only plain RTP knows it.
    pub old_hold: bool,
    /// It wants audio.
    pub audio: bool,
    /// It wants data channels. Only WebRTC has them.
    pub data: bool,
    /// It speaks WebRTC, and this is its transport; none: plain RTP. Each refuses the other.
    pub secure: Option<Secure>,
    /// The stream that its audio is, as WebRTC tells of it.
    pub source: Option<Source>,
    /// The session's sections so far, none at first: [`Local::settle`] keeps them. A later offer has the same ones in
    /// the same order (RFC 3264 8), and the same mids.
    pub sections: Vec<Section>,
    /// Its part in the DTLS association that stands, which a later answer keeps (RFC 8842 5.3); none at first.
    pub dtls_client: Option<bool>,
}

/// A stream of audio, as `a=ssrc` and `a=msid` tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its SSRC: [`Stream::ssrc`](crate::media::Stream::ssrc).
    pub ssrc: u32,
    /// What its reports call it.
    pub cname: String,
    /// The MediaStream that it's in.
    pub stream: String,
    /// The track that it is.
    pub track: String,
}

/// What a section of a session is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Our audio.
    Audio,
    /// Our data channels.
    Data,
    /// Nothing: it was refused.
    Nothing,
}

/// A section of a session, as it must stand in each further offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it's there for.
    pub carries: Carries,
    /// Its name in the session.
    pub mid: Option<String>,
    /// As it stands in the description that this is known from: a refused one is repeated with its `m=` line.
    pub media: Media,
}

/// What an offer and its answer came to, from this side's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where packets go to; meaningless where nothing is sent, and in WebRTC, where ICE finds out.
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
    /// There is audio. If not, what is said of it means nothing, and the direction is inactive.
    pub audio: bool,
    /// There are data channels.
    pub data: bool,
    /// The other side's transport; none: plain RTP.
    pub secure: Option<Secure>,
    /// This side begins the DTLS handshake.
    pub dtls_client: bool,
    /// The SSRC that the other side will send with, if it tells.
    pub ssrc: Option<u32>,
    /// The session's sections, for [`Local::sections`].
    pub sections: Vec<Section>,
}

impl Agreed {
    /// The other end, for an [`AudioLine`](super::AudioLine) to be connected to.
    pub fn remote(&self) -> Remote {
        let &Agreed { remote, codec, payload_type, telephone_event, direction, .. } = self;
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
            audio: true,
            data: false,
            secure: None,
            source: None,
            sections: Vec::new(),
            dtls_client: None,
        }
    }

    /// What was agreed on holds for what is described from now on: the sections keep their places and names, and DTLS
    /// its roles.
    pub fn settle(&mut self, agreed: &Agreed) {
        self.sections.clone_from(&agreed.sections);
        self.dtls_client = agreed.secure.as_ref().map(|_| agreed.dtls_client);
    }

    /// The offer.
    pub fn offer(&self) -> Bytes {
        let codecs: Vec<(u8, Codec)> = self.codecs.iter().map(|&codec| (codec.payload_type(), codec)).collect();
        let sections = self.sections_to_offer();
        let mut place = self.secure.as_ref().map(|secure| Place::first(secure.setup, self.sections.is_empty()));
        let media = sections.iter().map(|section| match section.carries {
            Carries::Audio => self.audio(section, &codecs, self.telephone_event, self.direction, place.as_mut()),
            Carries::Data => self.channels(section, place.as_mut()),
            Carries::Nothing => self.refusal(section),
        });
        let media = media.collect();
        let used = sections.iter().filter(|section| section.carries != Carries::Nothing);
        let bundle = used.filter_map(|section| section.mid.clone()).collect();
        self.description(media, self.direction, bundle).write()
    }

    /// The answer to an offer, and what it comes to; nothing if no medium of it will do: the answer refuses each then,
    /// and 488 says the same.
    ///
    /// # Errors
    /// The offer can't be read, or a section of WebRTC that would do lacks what it can't do without.
    pub fn answer(&self, offer: &[u8]) -> Result<(Bytes, Option<Agreed>), SdpError> {
        let offer = Description::read(offer)?;
        let (sections, agreed) = self.common(&offer, None)?;
        let setup = agreed.as_ref().map(|agreed| if agreed.dtls_client { Setup::Active } else { Setup::Passive });
        let mut place = setup.map(|setup| Place::first(setup, false));
        let media = sections.iter().map(|section| match (section.carries, &agreed) {
            (Carries::Audio, Some(agreed)) => {
                let event = self.telephone_event.and(section.media.telephone_event());
                let codecs = [(agreed.payload_type, agreed.codec)];
                self.audio(section, &codecs, event, agreed.direction, place.as_mut())
            }
            (Carries::Data, Some(_)) => self.channels(section, place.as_mut()),
            _ => self.refusal(section),
        });
        let media = media.collect();
        let used = |mid: &str| {
            let of_mid = |section: &&Section| section.mid.as_deref() == Some(mid);
            sections.iter().find(of_mid).is_some_and(|section| section.carries != Carries::Nothing)
        };
        let group = offer.bundles().into_iter().find(|group| group.iter().any(|mid| used(mid))).unwrap_or_default();
        let bundle = group.into_iter().filter(|mid| used(mid)).map(str::to_owned).collect();
        let direction = agreed.as_ref().map_or(self.direction, |agreed| agreed.direction);
        Ok((self.description(media, direction, bundle).write(), agreed))
    }

    /// What our offer came to, when its answer is here; nothing if the answer refuses it.
    ///
    /// # Errors
    /// The answer can't be read, or isn't one to it.
    pub fn agree(&self, answer: &[u8]) -> Result<Option<Agreed>, SdpError> {
        let answer = Description::read(answer)?;
        let offered = self.sections_to_offer();
        if answer.media.len() != offered.len() {
            return Err(SdpError::Media { offered: offered.len(), answered: answer.media.len() });
        }
        Ok(self.common(&answer, Some(&offered))?.1)
    }

    /// The sections of our next offer: those of the session, and those that are wanted and not among them.
    fn sections_to_offer(&self) -> Vec<Section> {
        let mut sections = self.sections.clone();
        for section in &mut sections {
            if !self.wants(section.carries) {
                section.carries = Carries::Nothing;
            }
        }
        for carries in [Carries::Audio, Carries::Data] {
            if self.wants(carries) && !sections.iter().any(|section| section.carries == carries) {
                let is_free = |mid: &String| sections.iter().all(|section| section.mid.as_ref() != Some(mid));
                let mid = self.secure.as_ref().and_then(|_| (0..).map(|mid: u32| mid.to_string()).find(is_free));
                let (kind, protocol) = match carries {
                    Carries::Data => ("application", DATA_PROTOCOL),
                    _ if self.secure.is_some() => ("audio", SECURE_PROTOCOL),
                    _ => ("audio", PLAIN_PROTOCOL),
                };
                let media = Media { kind: kind.to_owned(), protocol: protocol.to_owned(), ..Media::default() };
                sections.push(Section { carries, mid, media });
            }
        }
        sections
    }

    fn wants(&self, carries: Carries) -> bool {
        match carries {
            Carries::Audio => self.audio,
            Carries::Data => self.data && self.secure.is_some(),
            Carries::Nothing => false,
        }
    }

    /// What the sections of the other side's description are there for, and what they come to. `offered` are ours, if
    /// it's an answer.
    fn common(
        &self,
        theirs: &Description,
        offered: Option<&[Section]>,
    ) -> Result<(Vec<Section>, Option<Agreed>), SdpError> {
        let mut agreed: Option<Agreed> = None;
        // Where the one transport that we have is told of.
        let mut carrier: Option<usize> = None;
        let mut sections = Vec::with_capacity(theirs.media.len());
        for (index, media) in theirs.media.iter().enumerate() {
            let ours = offered.map(|offered| &offered[index]);
            let mut carries = self.purpose(theirs, media);
            if ours.is_some_and(|ours| ours.carries != carries)
                || carrier.is_some_and(|carrier| !theirs.are_bundled(&theirs.media[carrier], media))
                || sections.iter().any(|section: &Section| section.carries == carries)
            {
                carries = Carries::Nothing;
            }
            let heard = if carries == Carries::Audio { self.choose(theirs, media) } else { None };
            if carries == Carries::Audio && heard.is_none() {
                carries = Carries::Nothing;
            }
            if carries != Carries::Nothing {
                let agreed = match &mut agreed {
                    Some(agreed) => agreed,
                    None => agreed.insert(self.transport(theirs, media, offered.is_some())?),
                };
                carrier = carrier.or(Some(index));
                match heard {
                    Some(heard) => {
                        if self.secure.is_some() && !media.flag("rtcp-mux") {
                            return Err(SdpError::Lacks { section: media.kind.clone(), attribute: "rtcp-mux" });
                        }
                        *agreed = Agreed {
                            data: agreed.data,
                            secure: agreed.secure.take(),
                            dtls_client: agreed.dtls_client,
                            ..heard
                        };
                    }
                    None => agreed.data = true,
                }
            }
            // A name that the other side forgot is still the name.
            let mid = media.attribute("mid").map(|mid| mid.trim().to_owned());
            let mid = mid.or_else(|| ours.and_then(|ours| ours.mid.clone()));
            sections.push(Section { carries, mid, media: media.clone() });
        }
        if let Some(agreed) = &mut agreed {
            agreed.sections.clone_from(&sections);
        }
        Ok((sections, agreed))
    }

    /// What a section of theirs can be to us.
    fn purpose(&self, theirs: &Description, media: &Media) -> Carries {
        if !theirs.is_offered(media) {
            return Carries::Nothing;
        }
        let carries = match &self.secure {
            None if media.is_audio() => Carries::Audio,
            Some(_) if media.is_secure_audio() => Carries::Audio,
            Some(_) if media.is_data() => Carries::Data,
            _ => Carries::Nothing,
        };
        if self.wants(carries) { carries } else { Carries::Nothing }
    }

    /// What a session without audio or data comes to: just the transport that a section of theirs tells of.
    fn transport(&self, theirs: &Description, media: &Media, is_answer: bool) -> Result<Agreed, SdpError> {
        let (mut secure, mut dtls_client) = (None, false);
        if let Some(ours) = &self.secure {
            let theirs = secure::transport(theirs, media, if is_answer { Setup::Passive } else { Setup::Active })?;
            let impossible = || SdpError::Attribute("setup", theirs.setup.as_str().to_owned());
            dtls_client = match (theirs.setup, is_answer) {
                (Setup::Active, true) if ours.setup != Setup::Active => false,
                (Setup::Passive, true) if ours.setup != Setup::Passive => true,
                (Setup::Active, false) => false,
                (Setup::Passive, false) => true,
                (Setup::Actpass, false) => self.dtls_client.unwrap_or(ours.setup != Setup::Passive),
                _ => return Err(impossible()),
            };
            secure = Some(theirs);
        }
        Ok(Agreed {
            remote: theirs.address_of(media).unwrap_or(NOWHERE),
            codec: Codec::Pcmu,
            payload_type: Codec::Pcmu.payload_type(),
            telephone_event: None,
            direction: Direction::Inactive,
            ptime: self.ptime,
            audio: false,
            data: false,
            secure,
            dtls_client,
            ssrc: None,
            sections: Vec::new(),
        })
    }

    /// What a section of audio that the other side describes comes to, but for its transport.
    fn choose(&self, theirs: &Description, media: &Media) -> Option<Agreed> {
        let is_secure = self.secure.is_some();
        // WebRTC's address says little: ICE finds out.
        let remote = theirs.address_of(media).or(is_secure.then_some(NOWHERE))?;
        // The first of theirs that we speak: whoever offers says what he prefers (RFC 3264 6.1).
        let (payload_type, codec) = media.payload_types().find_map(|payload_type| {
            let codec = media.codec(payload_type).filter(|codec| self.codecs.contains(codec))?;
            Some((payload_type, codec))
        })?;
        Some(Agreed {
            remote,
            codec,
            payload_type,
            telephone_event: self.telephone_event.and(media.telephone_event()),
            direction: theirs.direction_of(media).reversed().and(self.direction),
            ptime: media.ptime().unwrap_or(20),
            audio: true,
            data: false,
            secure: None,
            dtls_client: false,
            ssrc: media.ssrc(),
            sections: Vec::new(),
        })
    }

    fn audio(
        &self,
        section: &Section,
        codecs: &[(u8, Codec)],
        telephone_event: Option<u8>,
        direction: Direction,
        place: Option<&mut Place>,
    ) -> Media {
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
        if self.secure.is_some() {
            attributes.push("rtcp-mux".to_owned());
            // Only who sends has a stream to tell of (RFC 8829 5.2.1).
            if let Some(Source { ssrc, cname, stream, track }) = self.source.as_ref().filter(|_| direction.sends()) {
                attributes.push(format!("msid:{stream} {track}"));
                attributes.push(format!("ssrc:{ssrc} cname:{cname}"));
            }
        }
        self.section(section, formats, attributes, place)
    }

    fn channels(&self, section: &Section, place: Option<&mut Place>) -> Media {
        let attributes = vec![format!("sctp-port:{SCTP_PORT}"), format!("max-message-size:{}", data::MAX_MESSAGE)];
        self.section(section, vec![DATA_FORMAT.to_owned()], attributes, place)
    }

    /// A section with what is said of its transport.
    fn section(
        &self,
        Section { mid, media: Media { kind, protocol, .. }, .. }: &Section,
        formats: Vec<String>,
        mut attributes: Vec<String>,
        place: Option<&mut Place>,
    ) -> Media {
        let (mut port, mut lines) = (self.port, Vec::new());
        if let (Some(secure), Some(place)) = (&self.secure, place) {
            port = self.destination().port();
            if !place.is_first && place.is_new {
                // Until the other side bundles them, no two sections share an address (RFC 9143 7.2), and we have one.
                port = DISCARD;
                lines.push(('c', format!("IN IP4 {}", Ipv4Addr::UNSPECIFIED)));
            }
            let named = mid.iter().map(|mid| format!("mid:{mid}"));
            attributes.splice(0..0, named);
            attributes.extend(secure.attributes(place.setup, place.is_first));
            place.is_first = false;
        }
        Media { kind: kind.clone(), port, protocol: protocol.clone(), formats, lines, attributes }
    }

    /// A medium as it's refused: as it was offered, with port 0 (RFC 3264 6).
    fn refusal(&self, Section { mid, media, .. }: &Section) -> Media {
        let named = mid.iter().filter(|_| self.secure.is_some()).map(|mid| format!("mid:{mid}"));
        Media { port: 0, lines: Vec::new(), attributes: named.collect(), ..media.clone() }
    }

    /// The address that a description gives for those who don't read candidates: the one that works most often
    /// (RFC 8839 4.2.1.2).
    fn destination(&self) -> SocketAddrV4 {
        let Some(secure) = &self.secure else { return SocketAddrV4::new(self.address, self.port) };
        let reachable = secure.candidates.iter().filter(|candidate| candidate.ip().is_some());
        let chosen = reachable.min_by_key(|candidate| candidate.kind.type_preference());
        chosen.and_then(|candidate| candidate.ip()).unwrap_or(NOWHERE)
    }

    fn description(&self, media: Vec<Media>, direction: Direction, bundle: Vec<String>) -> Description {
        let Local { address, session, version, .. } = self;
        let deaf = self.old_hold && self.secure.is_none() && !direction.receives();
        let connection = if deaf { Ipv4Addr::UNSPECIFIED } else { *self.destination().ip() };
        let lines = [
            ('v', "0".to_owned()),
            ('o', format!("- {session} {version} IN IP4 {address}")),
            ('s', "-".to_owned()),
            ('c', format!("IN IP4 {connection}")),
            ('t', "0 0".to_owned()),
        ];
        let mut attributes = Vec::new();
        if let Some(secure) = &self.secure {
            if !bundle.is_empty() {
                attributes.push(format!("group:BUNDLE {}", bundle.join(" ")));
            }
            attributes.extend(secure.session_attributes());
        }
        Description { lines: lines.into(), attributes, media }
    }
}

/// Where a section stands among those that share the transport.
struct Place {
    setup: Setup,
    /// It's the one that tells of the candidates.
    is_first: bool,
    /// The other side hasn't agreed to share yet.
    is_new: bool,
}

impl Place {
    fn first(setup: Setup, is_new: bool) -> Place {
        Place { setup, is_first: true, is_new }
    }
}
