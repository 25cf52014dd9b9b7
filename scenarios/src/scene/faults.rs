//! Faults that are aimed: at a message of SIP, and at audio.
//!
//! The network knows no telephony: it's told here which packets are meant.

use std::time::Duration;

use busyhour::net::Only;
use busyhour::net::packet::{Packet, Protocol};

use super::Scene;
use super::center::SIP;
use crate::argument::{MessageName, Ordinal, Route, Way};
use crate::phrase::StepResult;
use busyhour::media::cadence;

/// True if a packet begins with that message: a datagram is one, and over TCP a segment begins with it, for whoever
/// writes a message to a connection writes it whole.
fn begins_with(packet: &Packet, name: &MessageName) -> bool {
    let line = first_line(packet.payload());
    match name {
        MessageName::Method(method) => line
            .strip_prefix(method.as_bytes())
            .is_some_and(|rest| rest.starts_with(b" ") && rest.ends_with(b" SIP/2.0")),
        MessageName::Status(status) => {
            line.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.get(..3)) == Some(status.to_string().as_bytes())
        }
    }
}

fn first_line(payload: &[u8]) -> &[u8] {
    let end = payload.iter().position(|byte| *byte == b'\n').unwrap_or(payload.len());
    let line = &payload[..end];
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Scene {
    /// Loses one message of those to come; repetitions count.
    pub(crate) fn lose(&mut self, which: Ordinal, message: MessageName, way: &Way, what: &str) -> StepResult {
        let (from, to) = match way {
            Way::From(party) => (self.hosts(party)?, Vec::new()),
            Way::To(party) => (Vec::new(), self.hosts(party)?),
        };
        self.universe.network().lose(which.0, &from, &to, what, move |packet| begins_with(packet, &message));
        Ok(())
    }

    /// Cuts audio, and nothing else: every datagram that isn't SIP's.
    pub(crate) async fn cut_audio(&mut self, route: &Route, lasts: Option<Duration>) -> StepResult {
        cadence::under_fault();
        let only = Only { protocol: Some(Protocol::Udp), but_port: Some(SIP), ..Only::default() };
        let cut = self.route(route)?.cut_only(only);
        if let Some(lasts) = lasts {
            self.universe.sleep(lasts).await;
            self.universe.network().lift(cut);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busyhour::net::packet::Body;
    use bytes::Bytes;

    fn packet(payload: &'static str) -> Packet {
        let at = |text: &str| text.parse().expect("an address");
        Packet {
            id: busyhour::trace::PacketId(0),
            src: at("10.0.0.1:5060"),
            dst: at("10.0.0.2:5060"),
            ident: 0,
            body: Body::Udp(Bytes::from_static(payload.as_bytes())),
            fragment: None,
            corrupt: None,
        }
    }

    #[test]
    fn a_message_is_known_by_its_first_line_and_nothing_else() {
        let method = |name: &str| MessageName::Method(name.to_owned());
        assert!(begins_with(&packet("ACK sip:bob@10.0.0.2 SIP/2.0\r\nVia: x\r\n\r\n"), &method("ACK")));
        assert!(!begins_with(&packet("ACKNOWLEDGE sip:bob@10.0.0.2 SIP/2.0\r\n\r\n"), &method("ACK")));
        assert!(!begins_with(&packet("BYE sip:ACK@10.0.0.2 SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n"), &method("ACK")));
        assert!(!begins_with(&packet("ACK \u{1}\u{2}"), &method("ACK")), "no SIP at all");
        assert!(begins_with(&packet("SIP/2.0 200 OK\r\n\r\n"), &MessageName::Status(200)));
        assert!(!begins_with(&packet("SIP/2.0 202 Accepted\r\n\r\n"), &MessageName::Status(200)));
        assert!(!begins_with(&packet(""), &MessageName::Status(200)));
    }
}
