//! What a request of an API asks.

use std::collections::BTreeMap;

use crate::http::Request;
use bytes::Bytes;

/// The parameters of a request: those of its query and those of its form; the latter count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Those of an HTTP request.
    pub fn of(request: &Request<Bytes>) -> Params {
        let query = request.uri().query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(request.body()));
        Params(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A parameter; empty when it isn't given.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A parameter that's given and not empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// Whether it says Y or YES.
    pub fn is_yes(&self, name: &str) -> bool {
        matches!(self.get(name), "Y" | "YES")
    }

    /// A number that's given and is one.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Params {
    fn from(pairs: [(&str, &str); N]) -> Params {
        Params(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
