//! Messages on a stream (RFC 3261 18.3), and the keep-alives between them (RFC 5626 4.4.1).

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

use super::message::{asks_for_an_answer, content_length};
use super::{Field, Message, Name, Problem, ReadError};

/// The most that the first line and the headers may have.
pub const LONGEST_HEAD: usize = 64 * 1024;
/// The most that a message may have on a stream.
pub const LONGEST_MESSAGE: usize = 1024 * 1024;

/// What was cut from a stream.
#[derive(Debug, Clone)]
pub enum Framed {
    /// A message.
    Message(Message),
    /// Two line breaks: the other end wants to know if this one is there. One line break is the answer.
    Ping,
    /// One line break: the answer to a ping.
    Pong,
}

/// Which end of a connection this is: keep-alives come from the end that opened it, and go back from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Opened,
    Accepted,
}

/// Cuts a stream into messages. Content-Length is mandatory there.
///
/// A message that can't be read is an error, and the next is looked for behind it, as long as it's known where that
/// begins; else [`Framer::is_lost`], and the connection is of no more use.
///
/// ```
/// use busyhour::sip::{Framed, Framer};
///
/// let mut framer = Framer::accepted();
/// framer.push(b"\r\n\r");
/// assert!(framer.next().is_none());
/// framer.push(b"\n");
/// assert!(matches!(framer.next(), Some(Ok(Framed::Ping))));
/// ```
#[derive(Debug)]
pub struct Framer {
    end: End,
    pending: BytesMut,
    /// So far there's no end of the headers in `pending`.
    searched: usize,
    /// How long the message in front is, if that's known.
    whole: Option<usize>,
    refused: Bytes,
    lost: bool,
}

impl Framer {
    /// For a connection that the other end opened: it sends pings.
    pub fn accepted() -> Framer {
        Framer::new(End::Accepted)
    }

    /// For a connection that this end opened: it gets pongs.
    pub fn opened() -> Framer {
        Framer::new(End::Opened)
    }

    fn new(end: End) -> Framer {
        Framer { end, pending: BytesMut::new(), searched: 0, whole: None, refused: Bytes::new(), lost: false }
    }

    /// Takes what has arrived. Call [`Framer::next`] until there's nothing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.lost {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// The next thing on the stream, if it's whole.
    #[allow(clippy::should_implement_trait, reason = "there may be more after nothing")]
    pub fn next(&mut self) -> Option<Result<Framed, ReadError>> {
        if self.lost {
            return None;
        }
        if self.pending.starts_with(b"\r") {
            match self.keep_alive() {
                KeepAlive::Is(framed) => return Some(Ok(framed)),
                KeepAlive::MayBe => return None,
                KeepAlive::Isnt => {}
            }
        }
        let whole = match self.whole() {
            Ok(whole) => whole?,
            Err(error) => return Some(Err(self.lose(error))),
        };
        if self.pending.len() < whole {
            return None;
        }
        self.whole = None;
        self.searched = 0;
        let raw = self.pending.split_to(whole).freeze();
        Some(Message::read(raw.clone()).map(Framed::Message).inspect_err(|_| self.refused = raw))
    }

    /// The bytes that the last error was about.
    pub fn refused(&self) -> &Bytes {
        &self.refused
    }

    /// True if it isn't known any more where a message begins.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    fn lose(&mut self, error: ReadError) -> ReadError {
        self.lost = true;
        self.refused = self.pending.split().freeze();
        // A first line that can't be read explains the rest, and tells whether there's anybody to answer.
        match Message::read(self.refused.clone()) {
            Err(own) if !matches!(own.field(), Field::Headers | Field::Header(_) | Field::Body) => own,
            _ if asks_for_an_answer(&self.refused) => error.due(),
            _ => error,
        }
    }

    fn keep_alive(&mut self) -> KeepAlive {
        let (length, framed) = match (self.end, &self.pending[..]) {
            (End::Opened, [b'\r', b'\n', ..]) => (2, Framed::Pong),
            (End::Accepted, [b'\r', b'\n', b'\r', b'\n', ..]) => (4, Framed::Ping),
            (_, [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r']) => return KeepAlive::MayBe,
            (_, [b'\r', b'\n', ..]) => {
                // RFC 3261 7.5: line breaks before a message are ignored.
                self.pending.advance(2);
                return KeepAlive::Isnt;
            }
            _ => return KeepAlive::Isnt,
        };
        self.pending.advance(length);
        KeepAlive::Is(framed)
    }

    /// How long the message in front is, once its headers are there.
    fn whole(&mut self) -> Result<Option<usize>, ReadError> {
        if self.whole.is_none() {
            let Some(head) = self.head()? else { return Ok(None) };
            let whole = head.saturating_add(announced(&self.pending[..head])?);
            if whole > LONGEST_MESSAGE {
                return Err(ReadError::new(Field::Body, Problem::TooLong, head));
            }
            self.whole = Some(whole);
        }
        Ok(self.whole)
    }

    /// How long the first line and the headers are, with the empty line.
    fn head(&mut self) -> Result<Option<usize>, ReadError> {
        let from = self.searched.saturating_sub(3);
        let found = memmem::find(&self.pending[from..], b"\r\n\r\n").map(|at| from + at + 4);
        self.searched = self.pending.len();
        if found.unwrap_or(self.searched) > LONGEST_HEAD {
            return Err(ReadError::new(Field::Headers, Problem::TooLong, LONGEST_HEAD));
        }
        Ok(found)
    }
}

enum KeepAlive {
    Is(Framed),
    MayBe,
    Isnt,
}

/// What the Content-Length in `head` says.
fn announced(head: &[u8]) -> Result<usize, ReadError> {
    let field = Field::Header(Name::ContentLength);
    let mut length = None;
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &head[at..]).map(|end| at + end) {
        let line = &head[at..end];
        if let Some(colon) = memchr(b':', line)
            && std::str::from_utf8(line[..colon].trim_ascii_end()).map(Name::of) == Ok(Name::ContentLength)
        {
            let told = content_length(line[colon + 1..].trim_ascii(), at + colon + 1)?;
            if length.is_some_and(|earlier| earlier != told) {
                return Err(ReadError::new(field, Problem::Repeated, at));
            }
            length = Some(told);
        }
        at = end + 1;
    }
    match length {
        Some(length) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
        None => Err(ReadError::new(field, Problem::Missing, head.len())),
    }
}
