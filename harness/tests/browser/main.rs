//! The browser, by its pages, its tabs and the packets that leave its computer.

mod describing;
mod ends;
mod fetching;
mod lifecycle;
mod microphone;
mod sockets;
mod storing;
mod support;
