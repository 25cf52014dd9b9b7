//! What a receiver does with a request.

use std::time::Duration;

use bytes::Bytes;
use wiremock::Request;

use crate::http::{Answer, HeaderName, HeaderValue, Response, StatusCode};

/// An answer, or what happens in its place. wiremock's `ResponseTemplate` can say the first half of it.
///
/// ```
/// use busyhour::webhook::receiver::Reply;
/// use std::time::Duration;
///
/// let late = Reply::status(200).body("thanks").after(Duration::from_secs(40));
/// let busy = Reply::status(429).header("Retry-After", "120");
/// let gone = Reply::reset();
/// # let _ = (late, busy, gone);
/// ```
#[derive(Debug, Clone)]
pub struct Reply {
    response: Response<Bytes>,
    ending: Ending,
    delay: Duration,
    work_done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    Cut(usize),
    Reset,
    Close,
    Hang,
}

impl Reply {
    fn ending(ending: Ending) -> Reply {
        Reply { response: Response::default(), ending, delay: Duration::ZERO, work_done: false }
    }

    /// An answer with this status.
    ///
    /// # Panics
    /// It's no status: 100 to 999 are.
    pub fn status(status: u16) -> Reply {
        let mut reply = Reply::ending(Ending::Whole);
        let status = StatusCode::from_u16(status);
        *reply.response.status_mut() = status.unwrap_or_else(|_| panic!("there is no such HTTP status"));
        reply
    }

    /// The connection is reset.
    pub fn reset() -> Reply {
        Reply::ending(Ending::Reset)
    }

    /// The connection is closed.
    pub fn close() -> Reply {
        Reply::ending(Ending::Close)
    }

    /// Nothing comes any more.
    pub fn hang() -> Reply {
        Reply::ending(Ending::Hang)
    }

    /// The work is done, and then the connection is reset: whoever asked never learns.
    pub fn work_done_reply_lost() -> Reply {
        Reply { work_done: true, ..Reply::ending(Ending::Reset) }
    }

    /// The same with a header.
    ///
    /// # Panics
    /// Name or value can't stand in a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        let name: HeaderName = name.parse().unwrap_or_else(|_| panic!("{name:?} is no header's name"));
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| panic!("{value:?} is no header's value"));
        self.response.headers_mut().append(name, value);
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Reply {
        *self.response.body_mut() = body.into();
        self
    }

    /// The same with a body of JSON.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Reply {
        self.header("Content-Type", "application/json").body(value.to_string())
    }

    /// The same, so much later in the universe's time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Only so many bytes of the body come, then the connection is closed.
    #[must_use]
    pub fn cut_body(mut self, after: usize) -> Reply {
        self.ending = Ending::Cut(after);
        self
    }

    /// Whether the work that the request asks for is done all the same.
    pub fn is_work_done(&self) -> bool {
        self.work_done
    }

    /// How much later it comes.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// In a word or two, for a journal: `200`, `reset`.
    pub fn in_words(&self) -> String {
        match self.ending {
            Ending::Whole => self.response.status().as_u16().to_string(),
            Ending::Cut(after) => format!("{} cut after {after} bytes", self.response.status().as_u16()),
            Ending::Reset => "reset".to_owned(),
            Ending::Close => "closed".to_owned(),
            Ending::Hang => "hangs".to_owned(),
        }
    }

    /// What goes to the wire, its delay aside.
    pub fn into_answer(self) -> Answer {
        match self.ending {
            Ending::Whole => Answer::Reply(self.response),
            Ending::Cut(after) => Answer::CutBody { response: self.response, after },
            Ending::Reset => Answer::Reset,
            Ending::Close => Answer::Close,
            Ending::Hang => Answer::Hang,
        }
    }
}

/// Who has a reply to a request: a [`Reply`], or a function that makes one.
pub trait Respond {
    /// The reply to this request.
    fn respond(&self, request: &Request) -> Reply;
}

impl Respond for Reply {
    fn respond(&self, _: &Request) -> Reply {
        self.clone()
    }
}

impl<F: Fn(&Request) -> Reply> Respond for F {
    fn respond(&self, request: &Request) -> Reply {
        self(request)
    }
}
