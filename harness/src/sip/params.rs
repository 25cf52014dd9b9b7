//! Parameters: `;name=value;name`.

use std::fmt;

use super::text::{Cursor, Flaw, TOKEN, VALUE};
use super::{Problem, text, values};

/// The parameters of a URI or of a header's value, as they stand.
///
/// ```
/// use busyhour::sip::Via;
/// let via = Via::read("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1").unwrap();
/// assert_eq!(via.params.get("rport"), Some(None));
/// assert_eq!(via.params.value("Branch"), Some("z9hG4bK1"));
/// assert!(!via.params.has("received"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Parameters of a URI, which has looked at its characters.
    pub(super) fn of_uri(text: &'a str) -> Params<'a> {
        Params(text)
    }

    /// Reads the parameters of a header's value up to what can't be one.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Params<'a>, Flaw> {
        let start = cursor.at();
        while cursor.eat_spaced(b';') {
            if cursor.take(TOKEN).is_empty() {
                return Err(cursor.flaw(Problem::Unexpected));
            }
            if cursor.eat_spaced(b'=') {
                if cursor.peek() == Some(b'"') {
                    cursor.quoted()?;
                } else if cursor.take(VALUE).is_empty() {
                    return Err(cursor.flaw(Problem::Unexpected));
                }
            }
        }
        Ok(Params(cursor.since(start)))
    }

    /// They as they stand, from the first semicolon on.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Of the parameter called `name`: nothing if it isn't there, `Some(None)` if it has no value.
    #[inline]
    pub fn get(&self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the parameter called `name`, with its quotes if it has some.
    #[inline]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).flatten()
    }

    /// The value of the parameter called `name` without quotes and backslashes.
    pub fn unquoted(&self, name: &str) -> Option<std::borrow::Cow<'a, str>> {
        self.value(name).map(values::unquote)
    }

    /// True if there is a parameter called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Each with its value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            loop {
                cursor.skip_space();
                if !cursor.eat(b';') {
                    return None;
                }
                let name = text::trim(cursor.take_until(b"=;"));
                let value = cursor.eat(b'=').then(|| {
                    cursor.skip_space();
                    if cursor.peek() == Some(b'"') {
                        let start = cursor.at();
                        let quoted = cursor.quoted();
                        cursor.take_until(b";");
                        quoted.unwrap_or(cursor.since(start))
                    } else {
                        text::trim(cursor.take_until(b";"))
                    }
                });
                if !name.is_empty() {
                    return Some((name, value));
                }
            }
        })
    }
}

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
