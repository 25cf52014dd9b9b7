//! What a server adds to the Via of a request that comes (RFC 3261 section 18.2.1, RFC 3581 section 4).

use std::net::Ipv4Addr;

use bytes::{Bytes, BytesMut};

use crate::sip::{Flow, Message, Name};

/// The request with its source written into its first Via: `received` if the Via names another host or asks for the
/// port, `rport` if it asks. What it says itself in their place is overwritten. Everything else stays as it was, byte
/// by byte, and so do responses, and requests whose Via can't be read.
///
/// ```
/// use busyhour::sip::{Flow, Message};
/// use busyhour::sip::transport::stamp;
///
/// let request = Message::read("OPTIONS sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP phone.test;rport;branch=z9hG4bK1\r\n\r\n");
/// let stamped = stamp(request.unwrap(), Flow::udp("203.0.113.9:40000".parse().unwrap()));
/// assert_eq!(stamped.via().unwrap().received(), Some("203.0.113.9"));
/// assert_eq!(stamped.via().unwrap().rport(), Some(Some(40000)));
/// ```
pub fn stamp(message: Message, flow: Flow) -> Message {
    stamped(&message, flow).unwrap_or(message)
}

fn stamped(message: &Message, flow: Flow) -> Option<Message> {
    if !message.is_request() {
        return None;
    }
    let via = message.via().ok()?;
    let asks_for_port = via.params.has("rport");
    let is_elsewhere = via.host.parse::<Ipv4Addr>() != Ok(*flow.remote.ip());
    if !asks_for_port && !is_elsewhere && !via.params.has("received") {
        return None;
    }
    let text = message.listed(Name::Via).next()?;
    // Where it stands in the message: it's a part of it.
    let raw = message.raw();
    let start = (text.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
    let end = start.checked_add(text.len()).filter(|end| *end <= raw.len())?;

    let mut new = BytesMut::with_capacity(raw.len() + 48);
    new.extend_from_slice(&raw[..start]);
    for (place, part) in parts(text).enumerate() {
        let name = part.split('=').next().unwrap_or_default().trim();
        if place == 0 {
            new.extend_from_slice(part.trim_end().as_bytes());
        } else if !name.eq_ignore_ascii_case("received") && !name.eq_ignore_ascii_case("rport") {
            new.extend_from_slice(b";");
            new.extend_from_slice(part.trim().as_bytes());
        }
    }
    if is_elsewhere || asks_for_port {
        new.extend_from_slice(format!(";received={}", flow.remote.ip()).as_bytes());
    }
    if asks_for_port {
        new.extend_from_slice(format!(";rport={}", flow.remote.port()).as_bytes());
    }
    new.extend_from_slice(&raw[end..]);
    Message::read(Bytes::from(new)).ok()
}

/// What stands between semicolons that aren't in a quoted string.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' => return !quoted,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped_via(via: &str, source: &str) -> String {
        let request = format!("OPTIONS sip:pbx SIP/2.0\r\n{via}\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi");
        let message = stamp(Message::read(request).unwrap(), Flow::udp(source.parse().unwrap()));
        let text = String::from_utf8(message.raw().to_vec()).unwrap();
        assert!(text.starts_with("OPTIONS sip:pbx SIP/2.0\r\n"), "{text}");
        assert!(text.ends_with("\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi"), "{text}");
        assert_eq!(message.body(), b"hi");
        text.lines().nth(1).unwrap().to_owned()
    }

    /// RFC 3581 section 4 with its example: both, whatever the host, once rport is asked for.
    #[test]
    fn who_asks_for_its_port_is_told_address_and_port() {
        assert_eq!(
            stamped_via("Via: SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff", "192.0.2.1:9988"),
            "Via: SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKkjshdyff;received=192.0.2.1;rport=9988"
        );
        assert_eq!(
            stamped_via("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport", "192.0.2.1:5060"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=192.0.2.1;rport=5060"
        );
    }

    /// RFC 3261 section 18.2.1: a name, or another address.
    #[test]
    fn who_sends_from_elsewhere_is_told_from_where() {
        let same = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1";
        assert_eq!(stamped_via(same, "192.0.2.1:5060"), same);
        // The port alone is nobody's business who doesn't ask.
        assert_eq!(stamped_via(same, "192.0.2.1:5061"), same);
        assert_eq!(stamped_via(same, "192.0.2.2:5060"), format!("{same};received=192.0.2.2"));
        let name = "Via: SIP/2.0/TCP pc.example.test;branch=z9hG4bK1";
        assert_eq!(stamped_via(name, "192.0.2.1:5060"), format!("{name};received=192.0.2.1"));
    }

    #[test]
    fn only_the_first_of_several_vias_is_touched_and_nobody_stamps_himself() {
        assert_eq!(
            stamped_via("v: SIP/2.0/UDP a;x=\";rport\" ; rport, SIP/2.0/UDP b;rport", "192.0.2.1:9"),
            "v: SIP/2.0/UDP a;x=\";rport\";received=192.0.2.1;rport=9, SIP/2.0/UDP b;rport"
        );
        assert_eq!(
            stamped_via("Via: SIP/2.0/UDP 192.0.2.1;received=10.9.9.9;branch=z9hG4bK1", "192.0.2.1:9"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"
        );
        assert_eq!(
            stamped_via("Via: SIP/2.0/UDP a;received=10.9.9.9;rport=7;branch=z9hG4bK1", "192.0.2.1:9"),
            "Via: SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.1;rport=9"
        );
    }

    #[test]
    fn responses_and_unreadable_vias_stay_as_they_are() {
        for raw in [
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP elsewhere;rport\r\nContent-Length: 0\r\n\r\n",
            "OPTIONS sip:pbx SIP/2.0\r\nVia: nonsense\r\nContent-Length: 0\r\n\r\n",
            "OPTIONS sip:pbx SIP/2.0\r\nContent-Length: 0\r\n\r\n",
        ] {
            let message = stamp(Message::read(raw).unwrap(), Flow::udp("192.0.2.1:9".parse().unwrap()));
            assert_eq!(message.raw(), raw);
        }
    }
}
