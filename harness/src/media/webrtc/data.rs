//! Data channels: SCTP in DTLS records (RFC 8261), and how a channel is opened and closed on it (RFC 8831, RFC 8832).

use std::fmt::{self, Display};

use bytes::Bytes;

use super::clock::Clock;
use crate::trace::SimTime;

/// The largest packet: it fits a DTLS record in a datagram of 1200 bytes, whichever cipher is used.
pub const MTU: usize = 1200 - 64;

/// The largest message that is sent, and taken: what a description without `a=max-message-size` allows (RFC 8841 6.1).
pub const MAX_MESSAGE: usize = 65536;

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
pub struct DataChannels {
    clock: Clock,
}

impl DataChannels {
    /// Those of a peer whose DTLS handshake is done. The DTLS client begins the association and opens the even streams
    /// (RFC 8832 6).
    pub fn new(clock: Clock, now: SimTime, is_client: bool) -> DataChannels {
        let _ = (now, is_client);
        DataChannels { clock }
    }

    /// Opens a channel. What is sent on it before it's open waits until the association stands.
    ///
    /// # Errors
    /// There's no room for it.
    pub fn open(&mut self, now: SimTime, label: &str) -> Result<ChannelId, DataError> {
        let _ = (self.clock.instant(now), label);
        unimplemented!()
    }

    /// Sends text.
    ///
    /// # Errors
    /// The channel is closed, or the text too long.
    pub fn send_text(&mut self, now: SimTime, id: ChannelId, text: &str) -> Result<(), DataError> {
        let _ = (now, id, text);
        unimplemented!()
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The channel is closed, or they're too many.
    pub fn send(&mut self, now: SimTime, id: ChannelId, bytes: &[u8]) -> Result<(), DataError> {
        let _ = (now, id, bytes);
        unimplemented!()
    }

    /// Closes a channel: what was sent arrives before.
    pub fn close(&mut self, now: SimTime, id: ChannelId) {
        let _ = (now, id);
        unimplemented!()
    }

    /// How many bytes of a channel's messages the other side hasn't acknowledged.
    pub fn buffered(&self, id: ChannelId) -> usize {
        let _ = id;
        unimplemented!()
    }

    /// Takes a packet that came in a DTLS record.
    pub fn receive(&mut self, now: SimTime, packet: &[u8]) {
        let _ = (now, packet);
        unimplemented!()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        let _ = now;
        unimplemented!()
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        unimplemented!()
    }

    /// The next packet, for a DTLS record of its own.
    pub fn poll_transmit(&mut self, now: SimTime) -> Option<Bytes> {
        let _ = now;
        unimplemented!()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        unimplemented!()
    }
}
