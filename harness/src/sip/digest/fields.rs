//! The `name=value, name="value"` lists of digest headers.

use super::DigestError;

/// What stands behind the scheme's name, unquoted, in its order.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(&'a str, String)>);

impl<'a> Fields<'a> {
    /// Reads a header's value, which begins with `Digest`.
    pub(super) fn read(header: &'a str) -> Result<Fields<'a>, DigestError> {
        let header = header.trim_matches(is_space);
        let (scheme, rest) = header.split_at(header.find(is_space).unwrap_or(header.len()));
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::OtherScheme(scheme.to_owned()));
        }
        let mut reader = Reader { rest: rest.trim_start_matches(is_space), whole: header.len() };
        let mut fields: Vec<(&str, String)> = Vec::new();
        while !reader.rest.is_empty() {
            let name = reader.token("the name of a parameter")?;
            reader.skip_space();
            reader.expect('=')?;
            reader.skip_space();
            let value = if reader.rest.starts_with('"') {
                reader.quoted()?
            } else {
                reader.token("a parameter's value")?.into()
            };
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(DigestError::Twice(name.to_owned()));
            }
            fields.push((name, value));
            reader.skip_space();
            if !reader.rest.is_empty() {
                reader.expect(',')?;
                // RFC 9110 section 5.6.1: an empty element of a list says nothing.
                reader.rest = reader.rest.trim_start_matches(|c| is_space(c) || c == ',');
            }
        }
        Ok(Fields(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn needed(&self, name: &'static str) -> Result<String, DigestError> {
        self.owned(name).ok_or(DigestError::Without(name))
    }
}

struct Reader<'a> {
    rest: &'a str,
    whole: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, wanted: &'static str) -> DigestError {
        DigestError::Syntax { wanted, offset: self.whole - self.rest.len() }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn expect(&mut self, wanted: char) -> Result<(), DigestError> {
        let name = if wanted == '=' { "`=`" } else { "`,`" };
        self.rest = self.rest.strip_prefix(wanted).ok_or_else(|| self.wrong(name))?;
        Ok(())
    }

    fn token(&mut self, what: &'static str) -> Result<&'a str, DigestError> {
        let end = self.rest.find(|c| is_space(c) || matches!(c, '=' | ',' | '"')).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.wrong(what));
        }
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(token)
    }

    fn quoted(&mut self) -> Result<String, DigestError> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' => value.push(characters.next().ok_or_else(|| self.wrong("the end of a quoted string"))?.1),
                character => value.push(character),
            }
        }
        Err(self.wrong("the end of a quoted string"))
    }
}

/// Folded lines may be left as they are.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Writes `name="value"`, with a comma before all but the first.
pub(super) fn quote(out: &mut String, name: &str, value: &str) {
    begin(out, name);
    out.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// Writes `name=value`.
pub(super) fn bare(out: &mut String, name: &str, value: &str) {
    begin(out, name);
    out.push_str(value);
}

fn begin(out: &mut String, name: &str) {
    out.push_str(if out.is_empty() { "Digest " } else { ", " });
    out.push_str(name);
    out.push('=');
}
