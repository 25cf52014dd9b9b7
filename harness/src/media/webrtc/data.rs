//! Data channels: SCTP in DTLS records (RFC 8261), and how a channel is opened and closed on it (RFC 8831, RFC 8832).

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ServerConfig, StreamEvent, TimerConfig, TransportConfig,
    max_payload_size_for_mtu,
};
use rtc_shared::TransportProtocol;

use super::clock::Clock;
use crate::trace::SimTime;

/// The largest packet: it fits a DTLS record in a datagram of 1200 bytes, whichever cipher is used.
pub const MTU: usize = 1200 - 64;

/// The largest message that is sent, and taken: what a description without `a=max-message-size` allows (RFC 8841 6.1).
pub const MAX_MESSAGE: usize = 65536;

/// SCTP wants addresses; inside of DTLS there are none.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
/// Stream 65535 doesn't exist (RFC 8832 6).
const LAST_STREAM: u16 = 65534;

/// How long an answer is waited for before a packet is repeated, at first and at most (RFC 9260 16).
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// RFC 8832 8.2.1.
const MESSAGE_OPEN: u8 = 0x03;
const MESSAGE_ACK: u8 = 0x02;

/// A channel: its stream's number (RFC 8832 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u16);

impl Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// What happened on the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataEvent {
    /// A channel may be sent on: one of ours, or one that the other side opened.
    Open {
        /// Which.
        id: ChannelId,
        /// What its opener calls it.
        label: String,
    },
    /// A message came, whole.
    Message {
        /// On which channel.
        id: ChannelId,
        /// It's text: a page gets a string.
        text: bool,
        /// What it says.
        payload: Bytes,
    },
    /// A channel is closed, by either side, or with the whole association.
    Closed {
        /// Which.
        id: ChannelId,
    },
}

/// Why a channel can't be opened, or a message not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// There's none with this number, or it's closed.
    #[error("data channel {0} is closed")]
    Closed(ChannelId),
    /// All numbers are taken, or the association is over.
    #[error("no further data channel can be opened")]
    Full,
    /// A message is longer than what the other side takes.
    #[error("a message of {0} bytes is more than a data channel takes")]
    TooLong(usize),
}

/// The data channels of one peer, sans-I/O: ordered and reliable ones.
///
/// ```
/// use busyhour::media::webrtc::{Clock, DataChannels, DataEvent};
/// use busyhour::trace::SimTime;
///
/// let now = SimTime::ZERO;
/// let clock = Clock::new(std::time::Instant::now(), now);
/// let (mut alice, mut bob) = (DataChannels::new(clock, now, true), DataChannels::new(clock, now, false));
/// let chat = alice.open(now, "chat")?;
/// alice.send_text(now, chat, "hello")?;
/// for _ in 0..8 {
///     while let Some(packet) = alice.poll_transmit() {
///         bob.receive(now, &packet);
///     }
///     while let Some(packet) = bob.poll_transmit() {
///         alice.receive(now, &packet);
///     }
/// }
/// assert_eq!(bob.poll_event(), Some(DataEvent::Open { id: chat, label: "chat".into() }));
/// assert_eq!(bob.poll_event(), Some(DataEvent::Message { id: chat, text: true, payload: "hello".into() }));
/// # Ok::<(), busyhour::media::webrtc::DataError>(())
/// ```
pub struct DataChannels {
    clock: Clock,
    endpoint: Endpoint,
    /// Just one, once it stands. Before, the side that waits for it makes another one of each INIT that comes, as it
    /// can't know which of its answers arrives.
    associations: Vec<(AssociationHandle, Association)>,
    state: State,
    channels: BTreeMap<ChannelId, Channel>,
    /// The stream of our next channel. None is used twice: a late packet about its former life could end its second.
    next: Option<u16>,
    /// What is to be sent as soon as the association stands.
    waiting: VecDeque<(ChannelId, Ppid, Bytes)>,
    packets: VecDeque<Bytes>,
    /// What we said to the other side's closing, as long as it hasn't said that it knows.
    resets: Vec<Reset>,
    events: VecDeque<DataEvent>,
}

/// A packet that closes our direction of a stream after the other side closed its own. The association sends it once:
/// its timer knows nothing of it.
struct Reset {
    request: u32,
    packet: Bytes,
    due: Instant,
    wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    Over,
}

#[derive(Debug)]
struct Channel {
    label: String,
    /// We have closed it, and the other side hasn't yet.
    closing: bool,
    /// Bytes of messages that aren't acknowledged.
    buffered: usize,
    /// The same of what isn't a message's own: the opening, and the byte that stands for an empty one.
    overhead: usize,
}

impl DataChannels {
    /// The channels that there are.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.keys().copied()
    }

    /// Those of a peer whose DTLS handshake is done. The DTLS client begins the association, and opens the even streams
    /// (RFC 8832 6). The entropy that SCTP wants is the universe's.
    pub fn new(clock: Clock, now: SimTime, is_client: bool) -> DataChannels {
        let mut config = EndpointConfig::new();
        config.max_payload_size(max_payload_size_for_mtu(MTU as u32));
        // Whether the path is lost is ICE's to say. Without this the association falls silent for ever when five
        // repetitions in a row are lost.
        let timers =
            TimerConfig { max_t3_rtx_retrans: usize::MAX, max_reconfig_retrans: usize::MAX, ..TimerConfig::default() };
        let transport = TransportConfig::default().with_max_message_size(MAX_MESSAGE as u32).with_timer_config(timers);
        let server = (!is_client).then(|| Arc::new(ServerConfig::new(transport.clone())));
        let mut endpoint = Endpoint::new(NOBODY, TransportProtocol::UDP, Arc::new(config), server);
        let associations = if is_client {
            let first = endpoint.connect(clock.instant(now), ClientConfig::new(transport), NOBODY);
            vec![first.expect("an endpoint without associations has room for one")]
        } else {
            Vec::new()
        };
        let mut channels = DataChannels {
            clock,
            endpoint,
            associations,
            state: State::Connecting,
            channels: BTreeMap::new(),
            next: Some(u16::from(!is_client)),
            waiting: VecDeque::new(),
            packets: VecDeque::new(),
            resets: Vec::new(),
            events: VecDeque::new(),
        };
        channels.work(clock.instant(now));
        channels
    }

    /// Opens a channel. It's open as soon as the association stands; what is sent before waits for that.
    ///
    /// # Errors
    /// There's no room for it.
    pub fn open(&mut self, now: SimTime, label: &str) -> Result<ChannelId, DataError> {
        let stream = self.next.filter(|_| self.state != State::Over).ok_or(DataError::Full)?;
        self.next = stream.checked_add(2).filter(|&next| next <= LAST_STREAM);
        let id = ChannelId(stream);
        let label = label.to_owned();
        let open = write_open(&label).ok_or(DataError::TooLong(label.len()))?;
        if self.state == State::Connected {
            self.events.push_back(DataEvent::Open { id, label: label.clone() });
        }
        let overhead = open.len();
        self.channels.insert(id, Channel { label, closing: false, buffered: 0, overhead });
        self.put(now, id, Ppid::Dcep, open);
        Ok(id)
    }

    /// Sends text.
    ///
    /// # Errors
    /// The channel is closed, or the text too long.
    pub fn send_text(&mut self, now: SimTime, id: ChannelId, text: &str) -> Result<(), DataError> {
        self.message(now, id, text.as_bytes(), Ppid::String, Ppid::StringEmpty)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The channel is closed, or they're too many.
    pub fn send(&mut self, now: SimTime, id: ChannelId, bytes: &[u8]) -> Result<(), DataError> {
        self.message(now, id, bytes, Ppid::Binary, Ppid::BinaryEmpty)
    }

    fn message(&mut self, now: SimTime, id: ChannelId, bytes: &[u8], some: Ppid, none: Ppid) -> Result<(), DataError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(DataError::TooLong(bytes.len()));
        }
        let channel = self.channels.get_mut(&id).filter(|channel| !channel.closing).ok_or(DataError::Closed(id))?;
        channel.buffered += bytes.len();
        // SCTP knows no empty message: a byte that nobody reads stands for it (RFC 8831 6.6).
        let (ppid, bytes) = if bytes.is_empty() {
            channel.overhead += 1;
            (none, Bytes::from_static(&[0]))
        } else {
            (some, Bytes::copy_from_slice(bytes))
        };
        self.put(now, id, ppid, bytes);
        Ok(())
    }

    /// Closes a channel: what was sent arrives before.
    pub fn close(&mut self, now: SimTime, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id).filter(|channel| !channel.closing) else { return };
        channel.closing = true;
        let now = self.clock.instant(now);
        if self.state == State::Connected {
            if self.reset(now, id) {
                self.work(now);
            } else {
                self.forget(id);
            }
        } else if !self.waiting.iter().any(|(one, ..)| *one == id) {
            self.forget(id);
        }
    }

    /// How many bytes of a channel's messages the other side hasn't acknowledged.
    pub fn buffered(&self, id: ChannelId) -> usize {
        self.channels.get(&id).map_or(0, |channel| channel.buffered)
    }

    /// What a channel is called by who opened it.
    pub fn label(&self, id: ChannelId) -> Option<&str> {
        self.channels.get(&id).map(|channel| channel.label.as_str())
    }

    /// Takes a packet that came in a DTLS record.
    pub fn receive(&mut self, now: SimTime, packet: &[u8]) {
        let now = self.clock.instant(now);
        self.resets.retain(|reset| !answers(packet, reset.request));
        let Some((handle, event)) = self.endpoint.handle(now, NOBODY, None, Bytes::copy_from_slice(packet)) else {
            return;
        };
        match event {
            // An INIT that comes late, or again: its sender knows by now which association it's in.
            DatagramEvent::NewAssociation(_) if self.state != State::Connecting => {}
            DatagramEvent::NewAssociation(association) => self.associations.push((handle, association)),
            DatagramEvent::AssociationEvent(event) => {
                let known = self.associations.iter_mut().find(|(one, _)| *one == handle);
                if let Some((_, association)) = known {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.work(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        let now = self.clock.instant(now);
        for (_, association) in &mut self.associations {
            association.handle_timeout(now);
        }
        for reset in self.resets.iter_mut().filter(|reset| reset.due <= now) {
            self.packets.push_back(reset.packet.clone());
            reset.wait = (reset.wait * 2).min(LONGEST_WAIT);
            reset.due = now + reset.wait;
        }
        self.work(now);
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let due = self.associations.iter().filter_map(|(_, association)| association.poll_timeout());
        let due = due.chain(self.resets.iter().map(|reset| reset.due)).min();
        due.map(|instant| self.clock.time(instant))
    }

    /// The next packet, for a DTLS record of its own.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.packets.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        self.events.pop_front()
    }

    /// Sends a message, now or as soon as it can be.
    fn put(&mut self, now: SimTime, id: ChannelId, ppid: Ppid, bytes: Bytes) {
        let now = self.clock.instant(now);
        match self.state {
            State::Connecting => self.waiting.push_back((id, ppid, bytes)),
            State::Connected => {
                self.write(now, id, ppid, &bytes);
                self.work(now);
            }
            State::Over => {}
        }
    }

    fn write(&mut self, now: Instant, id: ChannelId, ppid: Ppid, bytes: &Bytes) {
        let Some((_, association)) = self.associations.first_mut() else { return };
        let is_new = ppid == Ppid::Dcep && bytes.first() == Some(&MESSAGE_OPEN);
        let stream = if is_new { association.open_stream(id.0, Ppid::Binary) } else { association.stream(id.0) };
        // A stream that the other side has just reset takes nothing more, as if it had come a little later.
        let _ = stream.and_then(|mut stream| stream.write_chunk_with_ppi(now, bytes, ppid));
    }

    /// Says to the other side that nothing more comes on a stream (RFC 6525). False: there's none.
    fn reset(&mut self, now: Instant, id: ChannelId) -> bool {
        let Some((_, association)) = self.associations.first_mut() else { return false };
        association.stream(id.0).and_then(|mut stream| stream.close(now)).is_ok()
    }

    fn forget(&mut self, id: ChannelId) {
        if self.channels.remove(&id).is_some() {
            self.events.push_back(DataEvent::Closed { id });
        }
    }

    /// Lets the associations tell what happened, until there's nothing more, and collects their packets.
    fn work(&mut self, now: Instant) {
        let mut ended = Vec::new();
        loop {
            let told =
                self.associations.iter_mut().enumerate().find_map(|(index, (_, one))| Some((index, one.poll()?)));
            let Some((index, event)) = told else { break };
            match event {
                Event::Connected => self.connected(now, index),
                Event::HandshakeFailed { .. } => self.over(),
                Event::AssociationLost { id, .. } => {
                    let id = ChannelId(id);
                    if self.channels.get(&id).is_some_and(|channel| !channel.closing) {
                        ended.push(id);
                    }
                    self.forget(id);
                }
                Event::Stream(StreamEvent::Readable { id }) => self.read(now, index, ChannelId(id)),
                Event::Stream(StreamEvent::BufferedAmountReleased { id, n_bytes }) => {
                    if let Some(channel) = self.channels.get_mut(&ChannelId(id)) {
                        let overhead = n_bytes.min(channel.overhead);
                        channel.overhead -= overhead;
                        channel.buffered = channel.buffered.saturating_sub(n_bytes - overhead);
                    }
                }
                _ => {}
            }
        }
        let told = self.packets.len();
        self.collect(now);
        // The other side has closed these, and waits for us to do the same (RFC 8831 6.7). The association does that by
        // itself, but not where the request overtook the last message: then the stream is made again, just to end it.
        for id in ended {
            let mut sent = self.packets.iter().skip(told);
            if let Some((request, packet)) = sent.find_map(|packet| Some((reset_of(packet, id)?, packet.clone()))) {
                self.resets.push(Reset { request, packet, due: now + FIRST_WAIT, wait: FIRST_WAIT });
                continue;
            }
            if let Some((_, association)) = self.associations.first_mut().filter(|(_, one)| !one.is_closed()) {
                let _ = association.open_stream(id.0, Ppid::Binary).and_then(|mut stream| stream.close(now));
            }
            self.collect(now);
        }
        if self.state == State::Connected && self.associations.iter().all(|(_, association)| association.is_closed()) {
            self.over();
        }
    }

    fn collect(&mut self, now: Instant) {
        for (_, association) in &mut self.associations {
            // We know our streams by what comes on them.
            while association.accept_stream().is_some() {}
            while association.poll_endpoint_event().is_some() {}
            while let Some(transmit) = association.poll_transmit(now) {
                if let Payload::RawEncode(packets) = transmit.message {
                    self.packets.extend(packets);
                }
            }
        }
    }

    fn connected(&mut self, now: Instant, index: usize) {
        if self.state != State::Connecting {
            return;
        }
        self.state = State::Connected;
        let chosen = self.associations.swap_remove(index);
        self.associations = vec![chosen];
        for (id, ppid, bytes) in std::mem::take(&mut self.waiting) {
            let is_open = ppid == Ppid::Dcep && bytes.first() == Some(&MESSAGE_OPEN);
            self.write(now, id, ppid, &bytes);
            if let Some(channel) = self.channels.get(&id).filter(|_| is_open) {
                self.events.push_back(DataEvent::Open { id, label: channel.label.clone() });
            }
        }
        let closing: Vec<ChannelId> =
            self.channels.iter().filter(|(_, channel)| channel.closing).map(|(&id, _)| id).collect();
        for id in closing {
            self.reset(now, id);
        }
    }

    /// Nothing comes and goes any more.
    fn over(&mut self) {
        self.state = State::Over;
        self.waiting.clear();
        self.resets.clear();
        while let Some((&id, _)) = self.channels.first_key_value() {
            self.forget(id);
        }
    }

    /// Takes the messages that are whole on a stream.
    fn read(&mut self, now: Instant, index: usize, id: ChannelId) {
        loop {
            let (_, association) = &mut self.associations[index];
            let Ok(mut stream) = association.stream(id.0) else { return };
            match stream.read_sctp() {
                Ok(Some(message)) => {
                    let ppid = message.ppi;
                    let payload = message.to_payload(usize::MAX).unwrap_or_default().freeze();
                    self.take(now, id, ppid, payload);
                }
                Ok(None) => return,
                // We closed it, and what still comes can't be read. The association would now wait for that before it
                // lets the other side close too: for us it's closed.
                Err(_) => return self.forget(id),
            }
        }
    }

    fn take(&mut self, now: Instant, id: ChannelId, ppid: Ppid, payload: Bytes) {
        if ppid == Ppid::Dcep {
            if let Some(label) = read_open(&payload) {
                self.opened(now, id, label);
            }
            return;
        }
        // Nobody knows what a message is about that comes on a channel which was never opened.
        if !self.channels.contains_key(&id) {
            return;
        }
        let (text, payload) = match ppid {
            Ppid::String => (true, payload),
            Ppid::StringEmpty => (true, Bytes::new()),
            Ppid::Binary => (false, payload),
            Ppid::BinaryEmpty => (false, Bytes::new()),
            _ => return,
        };
        self.events.push_back(DataEvent::Message { id, text, payload });
    }

    /// The other side opens a channel.
    fn opened(&mut self, now: Instant, id: ChannelId, label: String) {
        let ours = self.next.unwrap_or(LAST_STREAM) % 2;
        if id.0 % 2 == ours || self.channels.contains_key(&id) {
            // RFC 8832 6: it's our side's to open, or in use.
            if !self.channels.contains_key(&id) {
                self.reset(now, id);
            }
            return;
        }
        let ack = Bytes::from_static(&[MESSAGE_ACK]);
        self.channels.insert(id, Channel { label: label.clone(), closing: false, buffered: 0, overhead: ack.len() });
        self.events.push_back(DataEvent::Open { id, label });
        match self.state {
            State::Connected => self.write(now, id, Ppid::Dcep, &ack),
            _ => self.waiting.push_back((id, Ppid::Dcep, ack)),
        }
    }
}

impl fmt::Debug for DataChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannels").field("state", &self.state).field("channels", &self.channels).finish()
    }
}

/// DATA_CHANNEL_OPEN of an ordered, reliable channel without a protocol (RFC 8832 5.1); none for a label that's too long.
fn write_open(label: &str) -> Option<Bytes> {
    let length = u16::try_from(label.len()).ok()?;
    let mut open = Vec::with_capacity(12 + label.len());
    open.put_u8(MESSAGE_OPEN);
    // Reliable; priority 256: normal (RFC 8831 6.4); no limit to repetitions.
    open.put_u8(0);
    open.put_u16(256);
    open.put_u32(0);
    open.put_u16(length);
    open.put_u16(0);
    open.put_slice(label.as_bytes());
    Some(open.into())
}

/// The label of a DATA_CHANNEL_OPEN; none if it isn't one.
fn read_open(message: &[u8]) -> Option<String> {
    let (head, rest) = message.split_first_chunk::<12>()?;
    if head[0] != MESSAGE_OPEN {
        return None;
    }
    let label = usize::from(u16::from_be_bytes([head[8], head[9]]));
    let protocol = usize::from(u16::from_be_bytes([head[10], head[11]]));
    if rest.len() < label + protocol {
        return None;
    }
    String::from_utf8(rest[..label].to_vec()).ok()
}

/// The number of the request in a packet that says that nothing more comes on a stream: an Outgoing SSN Reset Request
/// (RFC 6525 4.1).
fn reset_of(packet: &[u8], id: ChannelId) -> Option<u32> {
    reconfigurations(packet).find_map(|(kind, request)| {
        let streams = request.get(12..)?;
        let names = kind == 13 && streams.chunks_exact(2).any(|stream| stream == id.0.to_be_bytes());
        names.then(|| number(request))?
    })
}

/// Whether a packet answers a request of this number (RFC 6525 4.4).
fn answers(packet: &[u8], request: u32) -> bool {
    reconfigurations(packet).any(|(kind, answer)| kind == 16 && number(answer) == Some(request))
}

fn number(parameter: &[u8]) -> Option<u32> {
    parameter.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The parameters of a packet's RE-CONFIG chunks (RFC 6525 3.1).
fn reconfigurations(packet: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let chunks = parts(packet.get(12..).unwrap_or_default(), |head| u16::from(head[0]));
    chunks
        .filter(|(kind, _)| *kind == 130)
        .flat_map(|(_, chunk)| parts(chunk, |head| u16::from_be_bytes([head[0], head[1]])))
}

/// The chunks of a packet, or the parameters of a chunk: each has its length behind its kind, and is padded to 4 bytes.
fn parts(mut bytes: &[u8], kind: fn([u8; 4]) -> u16) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let head = *bytes.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let body = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind(head), body))
    })
}

#[cfg(test)]
mod tests;
