//! The readers and the witnesses, a file a subject.

mod calls;
mod decryption;
mod floor;
mod http;
mod icmp;
mod ipv4;
mod leftovers;
mod media;
mod mutations;
mod packets;
mod panel;
mod play;
mod rtc;
mod sealer;
mod sip;
mod stream;
mod tabs;
mod tcp_and_udp;
mod turn;
mod webrtc;
mod websocket;

mod a_crashed_host_is_silent;
mod nothing_crosses_a_cut;
mod nothing_unsent_arrives;
