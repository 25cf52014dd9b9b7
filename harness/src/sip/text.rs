//! Classes of characters, and the cursor that walks through a value.

use super::error::Problem;

/// RFC 3261 25.1 `token`.
pub(super) const TOKEN: u8 = 1;
/// A host name or an IPv4 address; the underscore isn't in the grammar, and is in many names.
pub(super) const HOST: u8 = 2;
/// What stands unescaped in a URI's user part, the password's colon included.
pub(super) const USER: u8 = 4;
/// What stands unescaped in a SIP URI's parameters and headers.
pub(super) const URI_PARAM: u8 = 8;
/// What stands in any URI, the percent sign included.
pub(super) const URI: u8 = 16;
/// White space, line folds included: a value is cut so that each line break in it is a fold.
pub(super) const SPACE: u8 = 32;
/// An unquoted parameter value: a token or a host. Slash and equals sign are base64's, and met in the wild.
pub(super) const VALUE: u8 = 64;
/// A URI scheme.
pub(super) const SCHEME: u8 = 128;

const fn with(mut classes: [u8; 256], class: u8, members: &[u8]) -> [u8; 256] {
    let mut at = 0;
    while at < members.len() {
        classes[members[at] as usize] |= class;
        at += 1;
    }
    classes
}

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            classes[byte] = TOKEN | HOST | USER | URI_PARAM | URI | VALUE | SCHEME;
        }
        byte += 1;
    }
    let classes = with(classes, TOKEN, b"-.!%*_+`'~");
    let classes = with(classes, HOST, b"-._");
    let classes = with(classes, USER, b"-_.!~*'()&=+$,;?/:#");
    let classes = with(classes, URI_PARAM, b"-_.!~*'()[]/:&+$;=?,");
    let classes = with(classes, URI, b"-_.!~*'();/?:@&=+$,[]#%");
    let classes = with(classes, SPACE, b" \t\r\n");
    let classes = with(classes, VALUE, b"-.!%*_+`'~[]:/=");
    with(classes, SCHEME, b"+-.")
};

/// True if `byte` is of one of the `classes`.
#[inline]
pub(super) fn is(byte: u8, classes: u8) -> bool {
    CLASSES[byte as usize] & classes != 0
}

/// True if `text` has something in it, all of the `classes`.
#[inline]
pub(super) fn all(text: &[u8], classes: u8) -> bool {
    !text.is_empty() && text.iter().all(|byte| is(*byte, classes))
}

/// The text without the white space around it.
#[inline]
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// What's wrong, and where in the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) problem: Problem,
    pub(super) at: usize,
}

/// Walks through a value. It stops before and behind ASCII characters only, so that every piece is text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// This cursor as it was at `start`.
    pub(super) fn back_to(&self, start: usize) -> Cursor<'a> {
        Cursor { text: self.text, at: start }
    }

    /// What was passed since `start`.
    #[inline]
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn flaw(&self, problem: Problem) -> Flaw {
        Flaw { problem, at: self.at }
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        self.take(SPACE);
    }

    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes an ASCII digit, if there is one.
    #[inline]
    pub(super) fn eat_digit(&mut self) -> bool {
        let found = self.peek().is_some_and(|byte| byte.is_ascii_digit());
        self.at += usize::from(found);
        found
    }

    /// Passes `byte` with white space on both sides; where it isn't, stays where it was.
    #[inline]
    pub(super) fn eat_spaced(&mut self, byte: u8) -> bool {
        let start = self.at;
        self.skip_space();
        if self.eat(byte) {
            self.skip_space();
            true
        } else {
            self.at = start;
            false
        }
    }

    /// Passes what is of the `classes`.
    #[inline]
    pub(super) fn take(&mut self, classes: u8) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && is(bytes[self.at], classes) {
            self.at += 1;
        }
        self.since(start)
    }

    /// Passes what comes before the next of `ends`, or all there is.
    #[inline]
    pub(super) fn take_until(&mut self, ends: &[u8]) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && !ends.contains(&bytes[self.at]) {
            self.at += 1;
        }
        self.since(start)
    }

    /// Passes a quoted string; it's returned with its quotes.
    pub(super) fn quoted(&mut self) -> Result<&'a str, Flaw> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                None => return Err(Flaw { problem: Problem::UnclosedQuote, at: start }),
                Some(b'\\') => at += 2,
                Some(b'"') => break,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(self.since(start))
    }
}

/// A decimal number up to `most`.
pub(super) fn number(digits: &str, most: u64) -> Result<u64, Problem> {
    match saturating_number(digits) {
        None => Err(Problem::NotANumber),
        Some(value) if value > most => Err(Problem::NumberTooLarge),
        Some(value) => Ok(value),
    }
}

/// A decimal number of any length; what doesn't fit is the largest that does.
pub(super) fn saturating_number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.bytes().try_fold(0u64, |value, byte| {
        byte.is_ascii_digit().then(|| value.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}
