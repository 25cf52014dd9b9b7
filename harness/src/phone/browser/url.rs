//! Addresses of servers, as a page writes them.

use super::error::{Exception, WebError};

/// An absolute URL of a scheme without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
    default_port: bool,
}

impl Url {
    /// Reads `plain://host:port/path?query`; `tls` is the scheme's name with TLS, which there isn't here.
    pub(super) fn read(url: &str, plain: &str, tls: &str) -> Result<Url, WebError> {
        let bad = |why: &str| Exception::Syntax.because(format!("{url:?} is no address of a server: {why}"));
        let Some((scheme, rest)) = url.split_once("://") else { return Err(bad("write it with its scheme")) };
        if scheme.eq_ignore_ascii_case(tls) {
            return Err(Exception::NotSupported.because(format!("there's no TLS here: write {plain}, not {tls}")));
        }
        if !scheme.eq_ignore_ascii_case(plain) {
            return Err(bad(&format!("its scheme isn't {plain}")));
        }
        if !is_printable(url) || url.contains(' ') {
            return Err(bad("it has a blank in it"));
        }
        if rest.contains('#') {
            return Err(bad("it has a fragment"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(bad("it has a user in it"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| bad("its port is no number up to 65535"))?)),
            None => (authority, None),
        };
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
            return Err(bad("it names no host"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url {
            host: host.to_owned(),
            port: port.unwrap_or(80),
            path,
            default_port: port.is_none_or(|port| port == 80),
        })
    }

    /// Host and port, as the Host header has them.
    pub(super) fn authority(&self) -> String {
        if self.default_port { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Where a redirect goes: a whole address, a path, or another name in the same folder.
    pub(super) fn join(&self, location: &str) -> String {
        if location.contains("://") {
            return location.to_owned();
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let folder = self.path.split('?').next().unwrap_or("/");
            let folder = &folder[..=folder.rfind('/').unwrap_or(0)];
            format!("{folder}{location}")
        };
        format!("http://{}{path}", self.authority())
    }
}

/// Whether text has no control characters in it.
pub(super) fn is_printable(text: &str) -> bool {
    // Nearly all that's asked for is ASCII, whose controls are told without decoding it.
    text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ws(url: &str) -> Result<Url, Exception> {
        Url::read(url, "ws", "wss").map_err(|error| error.kind)
    }

    #[test]
    fn addresses_are_read_by_name_or_number_with_a_port_and_a_path_or_without() {
        let url = ws("ws://pbx.test:8080/sip?a=b").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("pbx.test", 8080, "/sip?a=b"));
        assert_eq!(url.authority(), "pbx.test:8080");
        let url = ws("WS://10.0.0.2").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("10.0.0.2", 80, "/"));
        assert_eq!(url.authority(), "10.0.0.2");
        assert_eq!(ws("ws://pbx.test?a").unwrap().path, "/?a");
    }

    #[test]
    fn what_is_no_address_is_refused_by_the_name_that_browsers_give_it() {
        for bad in [
            "pbx.test:8080",
            "http://pbx.test",
            "ws://",
            "ws://:80",
            "ws://a:x",
            "ws://a:65536",
            "ws://a/#b",
            "ws://a b/",
            "ws://u@a/",
        ] {
            assert_eq!(ws(bad), Err(Exception::Syntax), "{bad}");
        }
        assert_eq!(ws("wss://pbx.test"), Err(Exception::NotSupported));
    }

    #[test]
    fn a_redirect_may_be_an_address_a_path_or_a_name() {
        let url = Url::read("http://a:81/x/y?z=/q", "http", "https").unwrap();
        assert_eq!(url.join("http://b/"), "http://b/");
        assert_eq!(url.join("/p"), "http://a:81/p");
        assert_eq!(url.join("p"), "http://a:81/x/p");
    }
}
