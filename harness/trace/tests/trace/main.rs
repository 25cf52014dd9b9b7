//! What a universe leaves behind, a file a subject.

mod divergence;
mod event;
mod hash;
mod packets;
mod pcapng;
mod record;
mod replay;
