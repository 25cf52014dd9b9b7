//! The SIP reader: what RFC 3261 sections 7 and 20 let a sender write, and where a message ends (18.3).

use busyhour_oracle::read::sip::{Address, Message, Method, Name, Start, Uri, Via, begins_like_sip};

const INVITE: &str = "INVITE sip:bob@b.test SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKtop;received=10.0.0.8;rport=5061, SIP / 2.0 / TCP 10.0.0.1 ; branch=z9hG4bKlow\r\n\
    Max-Forwards: 70\r\n\
    From: \"A <\\\"lice>, jr;tag=no\" <sip:alice@a.test;x=y>;tag=a1\r\n\
    To: sip:bob@b.test;tag=b1\r\n\
    Call-ID: 1@a\r\n\
    CSeq: 7\r\n INVITE\r\n\
    Contact: <sip:alice@10.0.0.1;transport=tcp>;expires=60;+sip.instance=\"<urn:uuid:1,2;3>\", <sip:a@10.0.0.2>\r\n\
    Record-Route: <sip:p2.test;lr>, <sip:p1.test;lr>\r\n\
    Record-Route: <sip:p0.test;lr>\r\n\
    RAck: 4 7 INVITE\r\n\
    Replaces: 2@b;to-tag=t;from-tag=f\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

#[test]
fn folded_lines_several_values_and_names_with_everything_in_them_are_read() {
    let message = Message::read(INVITE.as_bytes()).unwrap();
    assert!(message.is_regular());
    assert_eq!(message.cseq().unwrap().number, 7);
    assert_eq!(message.from().unwrap().tag(), Some("a1"));
    assert_eq!(message.from().unwrap().uri, "sip:alice@a.test;x=y");
    assert_eq!((message.to().unwrap().tag(), message.to().unwrap().uri), (Some("b1"), "sip:bob@b.test"));
    let vias: Vec<_> = message.vias().map(|via| (via.transport, via.host(), via.port(), via.branch())).collect();
    let expected = [("UDP", "10.0.0.9", Some(5060), Some("z9hG4bKtop")), ("TCP", "10.0.0.1", None, Some("z9hG4bKlow"))];
    assert_eq!(vias, expected);
    let top = message.via().unwrap();
    assert_eq!((top.received(), top.param("rport")), (Some("10.0.0.8"), Some(Some("5061"))));
    let contacts: Vec<_> = message.contacts().map(|contact| (contact.uri, contact.expires())).collect();
    assert_eq!(contacts, [("sip:alice@10.0.0.1;transport=tcp", Some(60)), ("sip:a@10.0.0.2", None)]);
    let routes: Vec<_> = message.record_routes().map(|route| route.uri).collect();
    assert_eq!(routes, ["sip:p2.test;lr", "sip:p1.test;lr", "sip:p0.test;lr"]);
    assert_eq!(message.rack().map(|(rseq, cseq)| (rseq, cseq.number)), Some((4, 7)));
    assert_eq!(message.replaces(), Some(("2@b", "t", "f")));
    assert_eq!(message.sdp(), Some(&b"v=0\n"[..]));
}

#[test]
fn what_a_message_must_have_makes_it_regular() {
    let regular = |text: &str| Message::read(text.as_bytes()).map(|message| message.is_regular());
    assert_eq!(regular(INVITE), Ok(true));
    for (from, to) in [
        ("Call-ID: 1@a\r\n", ""),
        ("Call-ID: 1@a\r\n", "Call-ID: 1@a\r\ni: 2@a\r\n"),
        ("CSeq: 7\r\n INVITE", "CSeq: 7 ACK"),
        ("CSeq: 7", "CSeq: 4294967296"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: 4", "Content-Length: four"),
        ("Max-Forwards: 70", "Max-Forwards: 256"),
        ("Max-Forwards: 70", "Max-Forwards 70"),
        ("Via: SIP/2.0/UDP", "Via: SIP/7.0/UDP"),
    ] {
        let text = INVITE.replace(from, to);
        assert_ne!(text, INVITE, "{from}");
        assert_eq!(regular(&text), Ok(false), "{to}");
    }
    // An older stack's request (16.3), and a body that the datagram ends.
    assert_eq!(regular(&INVITE.replace("Max-Forwards: 70\r\n", "")), Ok(true));
    assert_eq!(regular(&INVITE.replace("Content-Length: 4\r\n", "")), Ok(true));
    // A datagram may hold more than the message (18.3).
    let longer = format!("\r\n\r\n{INVITE}junk");
    let message = Message::read(longer.as_bytes()).unwrap();
    assert_eq!((message.raw(), message.body(), message.is_regular()), (INVITE.as_bytes(), &b"v=0\n"[..], true));
}

#[test]
fn a_start_line_is_a_requests_or_a_status_line() {
    let start = |line: &str| Message::read(format!("{line}\r\n\r\n").as_bytes()).map(|m| format!("{:?}", m.start()));
    assert_eq!(start("SIP/2.0 200 OK, isn't it").unwrap(), r#"Response { status: 200, reason: "OK, isn't it" }"#);
    assert_eq!(start("SIP/2.0 180 ").unwrap(), r#"Response { status: 180, reason: "" }"#);
    assert_eq!(start("NEW! sip:x SIP/2.0").unwrap(), r#"Request { method: Other("NEW!"), target: "sip:x" }"#);
    let errors =
        ["SIP/2.0 99 Low", "SIP/2.0 700 High", "GET / HTTP/1.1", "INVITE sip:a b SIP/2.0", "RING", "SIP/3.0 200 OK"]
            .map(|line| start(line).unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"), @"
    SIP at byte 0: not a start line
    SIP at byte 0: not a start line
    SIP at byte 0: not a start line
    SIP at byte 0: not a start line
    SIP at byte 0: not a start line
    SIP at byte 0: not SIP/2.0
    ");
    assert!(Message::read(b"INVITE sip:b SIP/2.0\r\nTo: \xff\r\n\r\n").unwrap_err().to_string().contains("UTF-8"));
    assert!(Message::read(b"INVITE sip:b SIP/2.0\r\nTo: x\r\n").unwrap_err().to_string().contains("empty line"));
}

#[test]
fn a_stream_is_cut_into_messages_by_content_length() {
    let two = format!("\r\n\r\n{INVITE}{INVITE}");
    let first = two.len() - INVITE.len();
    for end in 0..first {
        assert!(Message::read_framed(&two.as_bytes()[..end]).unwrap().is_none(), "{end}");
    }
    let (message, taken) = Message::read_framed(two.as_bytes()).unwrap().unwrap();
    assert_eq!((message.raw(), taken), (INVITE.as_bytes(), first));
    let (_, taken) = Message::read_framed(&two.as_bytes()[first..]).unwrap().unwrap();
    assert_eq!(taken, INVITE.len());
    let endless = INVITE.replace("Content-Length: 4\r\n", "");
    assert!(Message::read_framed(endless.as_bytes()).unwrap_err().to_string().contains("Content-Length"));
}

#[test]
fn sip_is_told_from_other_protocols_by_its_first_line() {
    for sip in ["SIP/2.0 200 OK\r\n", "INVITE sip:b SIP/2.0\r\n", "FOO sip:b SIP/7.0"] {
        assert!(begins_like_sip(sip.as_bytes()), "{sip}");
    }
    for other in ["", "GET / HTTP/1.1\r\nX: SIP/2.0\r\n", "HTTP/1.1 200 OK\r\n", "\0\x01\0\0", "invite SIP/2.0"] {
        assert!(!begins_like_sip(other.as_bytes()), "{other}");
    }
}

#[test]
fn uris_and_addresses_come_apart() {
    let uri = |text| Uri::read(text).map(|uri| (uri.user, uri.host, uri.port, uri.params));
    assert_eq!(uri("sip:bob@b.test"), Some(("bob", "b.test", None, "")));
    assert_eq!(uri("sips:b;o?b:pw@[2001:db8::1]:5071;lr?x=y"), Some(("b;o?b", "[2001:db8::1]", Some(5071), ";lr")));
    assert_eq!(uri("SIP:10.0.0.1"), Some(("", "10.0.0.1", None, "")));
    assert_eq!(uri("tel:+1-555;phone-context=x"), Some(("+1-555", "", None, ";phone-context=x")));
    assert_eq!(uri("sip:b@:5060"), None);
    assert_eq!(uri("sip:b@h:99999"), None);
    assert_eq!(uri("mailto:b@h"), None);
    assert_eq!(Address::read("<sip:b").map(|address| address.uri), None);
    assert_eq!(Address::read("Bob <sip:b@h> ; q=\"a;tag=1\" ; TAG = t").unwrap().tag(), Some("t"));
    assert_eq!(Via::read("SIP/2.0/UDP"), None);
}

#[test]
fn many_headers_are_kept_in_their_order() {
    let mut text = String::from("SIP/2.0 200 OK\r\n");
    for n in 0..60 {
        text.push_str(&format!("v: SIP/2.0/UDP h{n};branch=z9hG4bK{n}\r\n"));
    }
    text.push_str("\r\n");
    let message = Message::read(text.as_bytes()).unwrap();
    let hosts: Vec<_> = message.vias().map(|via| via.host().to_owned()).collect();
    assert_eq!(hosts, (0..60).map(|n| format!("h{n}")).collect::<Vec<_>>());
    assert_eq!((message.method(), message.first(Name::Contact)), (Method::Other(""), None));
    assert!(matches!(message.start(), Start::Response { status: 200, .. }));
}
