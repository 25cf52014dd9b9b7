//! The webphone: a page in a browser's tab, written against the Web APIs alone.
//!
//! It's the same phone as on a desk (`core`, `call`, `account`, `transfer`), at another place: messages go by a
//! WebSocket (RFC 7118), a call's audio is an RTCPeerConnection's, and what must outlive the page is in the profile's
//! store. A good client by default: it registers its flow (RFC 5626), notices a connection that's dead, comes back with
//! patience, and takes its calls along.
//!
//! - [`WebphoneSettings`], [`WebphoneBehaviour`]: what the page is made with, and what it does wrong.
//! - `page`: the page: what happens to it, and what it does; `line`: its connection to the server.
//! - `tab`: what the phone needs of the tab it's in; `audio`: a call's audio.

mod audio;
mod line;
mod page;
mod settings;
mod tab;

pub(super) use page::{Provision, Webphone};
pub use settings::{Instance, Recovery, WebphoneBehaviour, WebphoneSettings};
