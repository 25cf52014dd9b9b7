//! HTTP/1.1 over a host's sockets. Nobody but a browser's own fetch speaks HTTP by other means.
//!
//! - `server`: [`serve`] gives whole requests to a handler and writes its [`Answer`], which may be no HTTP at all.
//! - `client`: [`Client`] asks, within [`Limits`] that are arguments, and says why nothing came ([`SendError`]).
//!
//! hyper does the talking at both ends. It reads no clock (there's no `Date` field) and spawns nothing; header names
//! go out in Title-Case, as most programs write them. There's no TLS and no HTTP/2.
//!
//! ```
//! # #[cfg(tokio_unstable)] {
//! use busyhour::http::{self, Answer, Client, Limits, Request, Response};
//! use bytes::Bytes;
//!
//! let answer = busyhour::simulate(1, |u| async move {
//!     u.host("crm").boot(|crm| async move {
//!         let greet = |request: http::Incoming| async move {
//!             let text = format!("you asked for {}", request.request.uri().path());
//!             Answer::from(Response::new(Bytes::from(text)))
//!         };
//!         let _ = http::serve(&crm, 80, greet).await;
//!     });
//!     let client = Client::new(&u.host("sender"));
//!     let request = Request::get("http://crm/hook").body(Bytes::new()).unwrap();
//!     client.send(request, Limits::default()).await.unwrap().into_body()
//! });
//! assert_eq!(answer, "you asked for /hook");
//! # }
//! ```

mod client;
mod server;

pub use ::http::header;
pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

pub use client::{Client, Limits, SendError, Waiting};
pub use server::{Answer, Incoming, serve, serve_on};
