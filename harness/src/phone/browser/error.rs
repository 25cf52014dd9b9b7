//! What a Web API throws.

/// What a call of a Web API throws: a DOMException, by its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.kind.name())]
pub struct WebError {
    /// Which exception it is.
    pub kind: Exception,
    /// What is wrong.
    pub message: String,
}

/// The names of exceptions that our Web APIs throw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// An argument can't be read.
    Syntax,
    /// It can't be done now.
    InvalidState,
    /// A close code that a page may not send.
    InvalidAccess,
    /// The user, or the browser's policy, doesn't allow it.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// The storage is full.
    QuotaExceeded,
    /// The browser can't do that.
    NotSupported,
    /// An argument makes no sense.
    Type,
    /// It failed, and nothing more is said.
    Operation,
}

impl Exception {
    /// Its name, as `error.name` has it.
    pub fn name(self) -> &'static str {
        match self {
            Exception::Syntax => "SyntaxError",
            Exception::InvalidState => "InvalidStateError",
            Exception::InvalidAccess => "InvalidAccessError",
            Exception::NotAllowed => "NotAllowedError",
            Exception::NotFound => "NotFoundError",
            Exception::QuotaExceeded => "QuotaExceededError",
            Exception::NotSupported => "NotSupportedError",
            Exception::Type => "TypeError",
            Exception::Operation => "OperationError",
        }
    }

    /// The exception, with what is wrong.
    pub fn because(self, message: impl Into<String>) -> WebError {
        WebError { kind: self, message: message.into() }
    }
}
