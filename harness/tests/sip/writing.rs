//! What's written is read back, and answers carry what RFC 3261 8.2.6 has them carry.

use busyhour::sip::{Message, Method, Name, Writer, answer_unreadable, reason};

use crate::{fixture, request};

const CALL: &str = "\
v: SIP/2.0/UDP p;branch=z9hG4bK2, SIP/2.0/UDP a;branch=z9hG4bK1
Record-Route: <sip:p;lr>
f: Alice <sip:alice@a>;tag=1
t: sip:bob@b
i: c@a
CSeq: 314 INVITE
Timestamp: 54
Subject: lunch";

#[test]
fn a_request_reads_as_it_was_written() {
    let raw = Writer::request(Method::Message, "sip:bob@10.0.0.2:5070")
        .header(Name::Via, "SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1")
        .header(Name::CSeq, format_args!("{} {}", 7, Method::Message))
        .header("X-Mood", String::from("good"))
        .body("text/plain", b"hello\xff");
    assert_eq!(
        raw,
        &b"MESSAGE sip:bob@10.0.0.2:5070 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1\r\nCSeq: 7 MESSAGE\r\n\
          X-Mood: good\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\xff"[..]
    );
    let message = Message::read(raw.clone()).unwrap();
    assert_eq!((message.raw(), message.body()), (&raw, &b"hello\xff"[..]));
    assert_eq!(message.named("x-mood"), Some("good"));
}

#[test]
fn a_response_has_its_own_words() {
    assert_eq!(Writer::response(600, "No way").end(), "SIP/2.0 600 No way\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(Writer::response(200, "").end(), "SIP/2.0 200 \r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn an_answer_takes_over_what_the_rfc_wants() {
    let request = request(CALL);
    let ringing = Writer::answer(&request, 180, reason(180), Some("x")).end();
    assert_eq!(
        ringing,
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP p;branch=z9hG4bK2, SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
         From: Alice <sip:alice@a>;tag=1\r\n\
         To: sip:bob@b;tag=x\r\n\
         Call-ID: c@a\r\n\
         CSeq: 314 INVITE\r\n\
         Record-Route: <sip:p;lr>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    Message::read(ringing).unwrap().check().unwrap();
}

#[test]
fn record_route_goes_into_what_makes_a_dialog_and_timestamp_into_a_100() {
    let invite = request(CALL);
    for (status, record_route, timestamp) in [
        (100, false, true),
        (101, true, false),
        (199, true, false),
        (200, true, false),
        (299, true, false),
        (300, false, false),
        (486, false, false),
    ] {
        let answer = Message::read(Writer::answer(&invite, status, reason(status), Some("x")).end()).unwrap();
        assert_eq!(answer.first(Name::RecordRoute).is_some(), record_route, "{status}");
        assert_eq!(answer.first(Name::Timestamp).is_some(), timestamp, "{status}");
        assert_eq!((answer.status(), answer.method()), (Some(status), Method::Invite));
    }
    let options = Writer::request(Method::Options, "sip:b").header(Name::RecordRoute, "<sip:p>").end();
    let answer = Message::read(Writer::answer(&Message::read(options).unwrap(), 200, "OK", None).end()).unwrap();
    assert_eq!(answer.first(Name::RecordRoute), None);
}

#[test]
fn a_tag_that_is_there_stays() {
    let within = request(&CALL.replace("t: sip:bob@b", "t: <sip:bob@b>;tag=old"));
    let answer = |request: &Message, tag| Message::read(Writer::answer(request, 200, "OK", tag).end()).unwrap();
    assert_eq!(answer(&within, Some("new")).first(Name::To), Some("<sip:bob@b>;tag=old"));
    assert_eq!(answer(&within, None).to().unwrap().tag(), Some("old"));
    assert_eq!(answer(&request(CALL), None).to().unwrap().tag(), None);
    // A tag of the URI is none of the header's.
    let uri = request(&CALL.replace("t: sip:bob@b", "t: <sip:bob@b;tag=uri>"));
    assert_eq!(answer(&uri, Some("new")).to().unwrap().tag(), Some("new"));
}

#[test]
fn a_value_never_ends_its_line() {
    let raw = Writer::response(200, "OK\r\nX: y").header("Subject", "a\r\nEvil: 1\n\nb").end();
    let message = Message::read(raw).unwrap();
    assert_eq!((message.named("Evil"), message.named("X")), (None, None));
    assert_eq!(message.first(Name::Subject), Some("a  Evil: 1  b"));
}

#[test]
fn headers_are_copied_as_they_stand() {
    let from = request("Via: SIP/2.0/UDP a\r\n ;branch=1\nX-One: 1\nX-Two: 2");
    let copy = Writer::response(200, "OK").copy(&from, Name::Via).copy(&from, Name::Other).end();
    assert_eq!(
        copy,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n ;branch=1\r\nX-One: 1\r\nX-Two: 2\r\nContent-Length: 0\r\n\r\n"
    );
}

// RFC 4475 3.1.2: 400 is due to what can't be read, and goes where its Vias say
#[test]
fn what_can_not_be_read_is_answered() {
    let answered = |name: &str| {
        let raw = fixture("rfc4475", name);
        let error = Message::read(raw.clone()).unwrap_err();
        answer_unreadable(&raw, &error, "mine").map(|answer| Message::read(answer).unwrap())
    };
    for name in ["clerr", "ncl", "lwsruri", "lwsstart", "trws", "mcl01"] {
        let answer = answered(name).unwrap();
        answer.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((answer.status(), answer.to().unwrap().tag().is_some()), (Some(400), true), "{name}");
    }
    let version = answered("badvers").unwrap();
    assert_eq!((version.status(), version.to().unwrap().tag()), (Some(505), Some("mine")));
    assert!(answered("bigcode").is_none(), "a response gets no response");
    let error = Message::read("BYE sip:a@b SIP/2.0\r\nTo").unwrap_err();
    assert_eq!(answer_unreadable(b"BYE sip:a@b SIP/2.0\r\nTo", &error, "x"), None, "it doesn't say to whom");
}

#[test]
fn every_status_has_words() {
    assert_eq!((reason(200), reason(487), reason(606)), ("OK", "Request Terminated", "Not Acceptable"));
    assert_eq!(
        (reason(199 - 1), reason(299), reason(599), reason(699)),
        ("Progress", "Success", "Server Error", "Global Failure")
    );
    assert_eq!(reason(0), "Unknown");
}
