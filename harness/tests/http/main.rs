//! HTTP/1.1 between hosts of a universe (RFC 9110, RFC 9112).

mod answers;
mod connections;
mod support;
mod trouble;
