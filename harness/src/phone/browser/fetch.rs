//! Fetching: HTTP/1.1 as a page has it.

use bytes::Bytes;

/// What a page asks a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// `http://host:port/path`, by name or address.
    pub url: String,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether it goes on when the tab is gone.
    pub keepalive: bool,
}

impl FetchRequest {
    /// A GET.
    pub fn get(url: impl Into<String>) -> FetchRequest {
        FetchRequest {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            keepalive: false,
        }
    }

    /// A POST with a body of some type.
    pub fn post(url: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> FetchRequest {
        let request = FetchRequest { method: "POST".to_owned(), body: body.into(), ..FetchRequest::get(url) };
        request.header("Content-Type", content_type)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> FetchRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets it outlive the tab.
    #[must_use]
    pub fn keepalive(mut self) -> FetchRequest {
        self.keepalive = true;
        self
    }
}

/// What a server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// Its status.
    pub status: u16,
    /// The status's words.
    pub status_text: String,
    /// Its header fields, in their order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl FetchResponse {
    /// Whether the status is 200 to 299.
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header field, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server can't be reached, or what it says is no HTTP. Pages see no more than `TypeError: Failed to fetch`.
    #[error("failed to fetch: {0}")]
    Network(String),
    /// The page has given it up.
    #[error("the request was aborted")]
    Aborted,
}
