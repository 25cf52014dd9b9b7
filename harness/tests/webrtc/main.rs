//! WebRTC on hosts' sockets: two peers, and what is between them.

mod support;
mod talk;
