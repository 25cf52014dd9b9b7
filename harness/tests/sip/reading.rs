//! What other readers were seen to get wrong, and the edges beside it.

use busyhour::sip::{Address, CSeq, Field, Message, Method, Name, Problem, Via};

use crate::request;

const SOUND: &str = "\
Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1
From: <sip:alice@example.com>;tag=a
To: <sip:bob@example.com>
Call-ID: 1
CSeq: 1 INVITE";

fn with(line: &str) -> Message {
    request(&format!("{SOUND}\n{line}"))
}

fn refusal(raw: &str) -> (Field, Problem, Option<u16>) {
    let error = Message::read(raw.to_owned()).unwrap_err();
    (error.field(), error.problem(), error.status().map(|(status, _)| status))
}

#[test]
fn the_sound_message_is_sound() {
    let message = request(SOUND);
    message.check().unwrap();
    assert!(message.is_request());
    assert_eq!((message.method(), message.target(), message.status()), (Method::Invite, "sip:bob@example.com", None));
    assert_eq!((message.reason(), message.body()), ("", &b""[..]));
}

// RFC 3261 18.3
#[test]
fn content_length_cuts_a_datagram() {
    let read = |length: &str, body: &str| {
        let headers = SOUND.replace('\n', "\r\n");
        Message::read(format!("INVITE sip:b@c SIP/2.0\r\n{headers}\r\n{length}\r\n{body}"))
    };
    assert_eq!(read("Content-Length: 3\r\n", "abcdef").unwrap().body(), b"abc");
    assert_eq!(read("Content-Length: 6\r\n", "abcdef").unwrap().body(), b"abcdef");
    assert_eq!(read("Content-Length: 7\r\n", "abcdef").unwrap_err().problem(), Problem::BodyTooShort);
    assert_eq!(read("l: 0\r\n", "abcdef").unwrap().body(), b"");
    assert_eq!(read("", "abcdef").unwrap().body(), b"abcdef");
    assert_eq!(read("Content-Length: 4294967295\r\n", "").unwrap_err().problem(), Problem::BodyTooShort);
    assert_eq!(read("Content-Length: 4294967296\r\n", "").unwrap_err().problem(), Problem::NumberTooLarge);
    assert_eq!(read("Content-Length: \r\n", "").unwrap_err().problem(), Problem::NotANumber);
    assert_eq!(read("Content-Length: 3\r\nl: 4\r\n", "abcd").unwrap_err().problem(), Problem::Repeated);
    let twice = read("Content-Length: 3\r\nl: 3\r\n", "abcd").unwrap();
    assert_eq!((twice.body(), twice.check().unwrap_err().problem()), (&b"abc"[..], Problem::Repeated));
    let whole = read("Content-Length: 3\r\n", "abcdef").unwrap();
    assert!(whole.raw().ends_with(b"\r\n\r\nabc") && whole.body_bytes() == "abc");
}

// RFC 3261 19.1.1
#[test]
fn semicolons_and_percent_signs_stand_in_a_user() {
    let message = with("Contact: <sip:a;b=c%3B@host>, <sip:;@host>");
    let contacts = message.contacts().unwrap();
    assert_eq!((contacts[0].uri.user, contacts[0].uri.host), (Some("a;b=c%3B"), "host"));
    assert_eq!(contacts[0].uri.user_name().unwrap(), "a;b=c;");
    assert_eq!(contacts[1].uri.user, Some(";"));
    assert!(contacts.iter().all(|contact| contact.uri.params.is_empty()));
    assert!(with("Contact: <sip:a%3@host>").contacts().is_err(), "an escape has two digits");
    assert!(with("Contact: <sip:a%zz@host>").contacts().is_err());
}

// RFC 3261 25.1: quoted-string
#[test]
fn brackets_commas_and_quotes_stand_in_a_quoted_name() {
    let message = with(r#"Contact: "a <sip:x@y>, b" <sip:one@h>;q=1, "c \"d\\" <sip:two@h> , three <sip:three@h>"#);
    let contacts = message.contacts().unwrap();
    let names: Vec<_> = contacts.iter().map(|contact| contact.display_name().into_owned()).collect();
    assert_eq!(names, ["a <sip:x@y>, b", r#"c "d\"#, "three"]);
    let users: Vec<_> = contacts.iter().map(|contact| contact.uri.user.unwrap()).collect();
    assert_eq!(users, ["one", "two", "three"]);
    assert_eq!((contacts[0].q(), contacts[1].q()), (Some(1000), None));
}

// RFC 3261 7.3.1
#[test]
fn lists_are_read_over_lines_and_commas() {
    let message = request(
        "Via: SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b:5061 ;branch=2\nX: y\nv: SIP/2.0/WS c;branch=3;rport\n\
         Route: <sip:r1;lr>,<sip:r2;lr>\nRoute: <sip:r3>\nRecord-Route: <sip:q1>",
    );
    let vias: Vec<_> = message.vias().unwrap().iter().map(|via| (via.transport, via.host, via.branch())).collect();
    assert_eq!(vias, [("UDP", "a", Some("1")), ("TCP", "b", Some("2")), ("WS", "c", Some("3"))]);
    assert_eq!(message.via().unwrap().branch(), Some("1"));
    let routes: Vec<_> = message.routes().unwrap().iter().map(|route| route.uri.host).collect();
    assert_eq!(routes, ["r1", "r2", "r3"]);
    assert_eq!(message.record_routes().unwrap().len(), 1);
    assert_eq!(message.all(Name::Route).count(), 2);
}

// RFC 3261 7.3.3 and its extensions
#[test]
fn compact_names_are_the_long_ones() {
    for (compact, long) in [
        ("v", Name::Via),
        ("f", Name::From),
        ("t", Name::To),
        ("i", Name::CallId),
        ("m", Name::Contact),
        ("l", Name::ContentLength),
        ("c", Name::ContentType),
        ("e", Name::ContentEncoding),
        ("k", Name::Supported),
        ("s", Name::Subject),
        ("o", Name::Event),
        ("r", Name::ReferTo),
        ("b", Name::ReferredBy),
        ("x", Name::SessionExpires),
        ("u", Name::AllowEvents),
    ] {
        assert_eq!(Name::of(compact), long);
        assert_eq!(Name::of(&compact.to_uppercase()), long);
        assert_eq!(Name::of(&long.as_str().to_uppercase()), long);
    }
    assert_eq!((Name::of("z"), Name::of(""), Name::of("Vi")), (Name::Other, Name::Other, Name::Other));
    let message =
        request("v: SIP/2.0/UDP h;branch=z\nf: <sip:a@b>;tag=1\nt: <sip:c@d>\ni: 5\nCSeq: 1 INVITE\nk: timer,100rel");
    message.check().unwrap();
    assert!(message.has_option(Name::Supported, "100rel") && message.has_option(Name::Supported, "TIMER"));
    assert_eq!(message.headers().next().unwrap().raw_name, "v");
}

// RFC 3261 7.3.1
#[test]
fn a_fold_is_a_space_and_white_space_around_the_colon_is_none() {
    let message = with("Subject  \t:\r\n  one\r\n\ttwo \r\n three  ");
    let header = message.headers().find(|header| header.name == Name::Subject).unwrap();
    assert_eq!((header.raw_name, &*header.unfolded()), ("Subject", "one two three"));
    assert_eq!(message.first(Name::Subject), Some("one\r\n\ttwo \r\n three"));
    let folded = with("Contact:\r\n <sip:a@b>\r\n ;expires\r\n = 5\r\n ,\r\n <sip:c@d>");
    assert_eq!(folded.contacts().unwrap()[0].expires(), Some(5));
    assert_eq!(folded.contacts().unwrap().len(), 2);
}

#[test]
fn a_parameter_has_white_space_around_its_equals_sign() {
    let via = Via::read("SIP / 2.0 / UDP  h : 5070 ; branch = z9hG4bK1 ; rport ; received\t=\t10.0.0.9").unwrap();
    assert_eq!((via.branch(), via.port), (Some("z9hG4bK1"), Some(5070)));
    assert_eq!((via.rport(), via.received()), (Some(None), Some("10.0.0.9")));
    // An empty value is none: RFC 3261's grammar wants one behind the sign.
    assert!(Via::read("SIP/2.0/UDP h;branch=").is_err());
    assert!(Via::read("SIP/2.0/UDP h;branch= ;rport").is_err());
    assert_eq!(Via::read("SIP/2.0/UDP h;rport=5070").unwrap().rport(), Some(Some(5070)));
    assert_eq!(Via::read("SIP/2.0/UDP h").unwrap().rport(), None);
}

// RFC 3261 20
#[test]
fn without_brackets_parameters_are_the_headers() {
    let address = Address::read("sip:a@b;tag=1;x").unwrap();
    assert_eq!((address.uri.raw, address.tag()), ("sip:a@b", Some("1")));
    let address = Address::read("<sip:a@b;tag=1>;tag=2").unwrap();
    assert_eq!((address.uri.params.value("tag"), address.tag()), (Some("1"), Some("2")));
    for refused in
        ["sip:a@b?x=y", "sip:a,b@c", "sip:a;b@c", "Bob sip:a@b", "\"Bob\" sip:a@b", "<sip:a@b", "sip:a@b>", ""]
    {
        assert!(Address::read(refused).is_err(), "{refused}");
    }
}

// RFC 3966
#[test]
fn telephone_numbers_are_uris() {
    let message = with("Contact: <tel:+1-201-555-0123;phone-context=example.com>;expires=7, tel:112");
    let contacts = message.contacts().unwrap();
    assert_eq!((contacts[0].uri.scheme, contacts[0].uri.user), ("tel", Some("+1-201-555-0123")));
    assert_eq!(contacts[0].uri.params.value("phone-context"), Some("example.com"));
    assert_eq!((contacts[0].uri.host, contacts[0].expires()), ("", Some(7)));
    assert_eq!(contacts[1].uri.user, Some("112"));
}

// RFC 5626 4.1
#[test]
fn an_instance_is_quoted_and_has_brackets() {
    let message = with(
        "Contact: <sip:a@b;ob>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";expires=60",
    );
    let contact = message.contacts().unwrap()[0];
    assert_eq!(contact.instance().unwrap(), "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>");
    assert_eq!((contact.reg_id(), contact.expires()), (Some(1), Some(60)));
}

#[test]
fn a_body_is_any_bytes_and_headers_are_text() {
    let mut raw = b"INFO sip:a@b SIP/2.0\r\nSubject: caf\xc3\xa9\r\nContent-Length: 4\r\n\r\n".to_vec();
    raw.extend_from_slice(b"\xff\x00\xc3\r");
    let message = Message::read(raw).unwrap();
    assert_eq!((message.first(Name::Subject), message.body()), (Some("café"), &b"\xff\x00\xc3\r"[..]));
    let error = Message::read(&b"INFO sip:a@b SIP/2.0\r\nSubject: caf\xe9\r\n\r\n"[..]).unwrap_err();
    assert_eq!((error.field(), error.problem(), error.offset()), (Field::Headers, Problem::NotUtf8, 34));
    assert_eq!(error.status(), Some((400, "Bad Request")));
}

// RFC 3261 7.2
#[test]
fn status_lines() {
    let read = |line: &str| Message::read(format!("{line}\r\nCSeq: 1 BYE\r\n\r\n"));
    let busy = read("SIP/2.0 486 Out to lunch: back at 2").unwrap();
    assert_eq!((busy.status(), busy.reason()), (Some(486), "Out to lunch: back at 2"));
    assert_eq!((busy.is_request(), busy.method(), busy.target()), (false, Method::Bye, ""));
    assert_eq!(read("SIP/2.0 200").unwrap().reason(), "");
    assert_eq!(read("sip/2.0 699  x ").unwrap().reason(), " x ");
    for status in ["099", "700", "20", "2000", "2x0", "", "-20", " 200"] {
        let error = read(&format!("SIP/2.0 {status} OK")).unwrap_err();
        assert_eq!((error.problem(), error.status()), (Problem::UnknownStatus, None), "{status}");
    }
    assert_eq!(read("SIP/1.0 200 OK").unwrap_err().problem(), Problem::UnknownVersion);
}

// RFC 3261 7.1
#[test]
fn request_lines() {
    let read = |line: &str| Message::read(format!("{line}\r\nCSeq: 1 BYE\r\n\r\n"));
    assert_eq!(read("FOO-bar% sip:a@b sip/2.0").unwrap().method(), Method::Other("FOO-bar%"));
    assert_eq!(read("invite sip:a@b SIP/2.0").unwrap().method(), Method::Other("invite"), "methods have case");
    for (line, problem, status) in [
        ("BYE sip:a@b SIP/3.0", Problem::UnknownVersion, Some(505)),
        ("ACK sip:a@b SIP/3.0", Problem::UnknownVersion, None),
        ("BYE  SIP/2.0", Problem::StraySpace, Some(400)),
        ("BYE SIP/2.0", Problem::StraySpace, Some(400)),
        ("BYE\tsip:a@b SIP/2.0", Problem::Unexpected, Some(400)),
        ("B<E sip:a@b SIP/2.0", Problem::Unexpected, Some(400)),
        (" BYE sip:a@b SIP/2.0", Problem::Unexpected, Some(400)),
        ("GET / HTTP/1.1", Problem::NotSip, None),
        ("hello", Problem::NotSip, None),
        ("", Problem::CutShort, None),
    ] {
        let error = read(line).unwrap_err();
        let error = (error.problem(), error.status().map(|(status, _)| status));
        // An empty first line is a line break before a message.
        let expected = if line.is_empty() { (Problem::NotSip, None) } else { (problem, status) };
        assert_eq!(error, expected, "{line:?}");
    }
}

#[test]
fn what_is_no_sip_is_told_apart_from_what_is_cut_short() {
    assert_eq!(refusal(""), (Field::StartLine, Problem::NotSip, None));
    assert_eq!(refusal("\r\n\r\n"), (Field::StartLine, Problem::NotSip, None));
    assert_eq!(refusal("\0\u{1}\u{2}"), (Field::StartLine, Problem::NotSip, None));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0"), (Field::StartLine, Problem::CutShort, None));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r"), (Field::StartLine, Problem::CutShort, None));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\n\n"), (Field::StartLine, Problem::LineEnd, Some(400)));
    assert_eq!(refusal("ACK sip:a@b SIP/2.0\n\n"), (Field::StartLine, Problem::LineEnd, None));
    assert_eq!(refusal("SIP/2.0 200 O\rK\r\n\r\n"), (Field::StartLine, Problem::LineEnd, None));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\n"), (Field::Headers, Problem::CutShort, Some(400)));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\nTo: x\r\n"), (Field::Headers, Problem::CutShort, Some(400)));
    assert_eq!(refusal("ACK sip:a@b SIP/2.0\r\nTo: x\r\n"), (Field::Headers, Problem::CutShort, None));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\nTo: x\n\r\n"), (Field::Headers, Problem::LineEnd, Some(400)));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\nTo: x\ry\r\n\r\n"), (Field::Headers, Problem::LineEnd, Some(400)));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\nTo\r\n\r\n"), (Field::Headers, Problem::NoHeaderName, Some(400)));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\n: x\r\n\r\n"), (Field::Headers, Problem::NoHeaderName, Some(400)));
    assert_eq!(refusal("BYE sip:a@b SIP/2.0\r\n To: x\r\n\r\n"), (Field::Headers, Problem::NoHeaderName, Some(400)));
}

// RFC 3261 7.5
#[test]
fn line_breaks_before_a_message_are_skipped() {
    let message = Message::read("\r\n\r\nBYE sip:a@b SIP/2.0\r\nTo: x\r\n\r\n").unwrap();
    assert!(message.raw().starts_with(b"BYE"));
    assert_eq!(message.first(Name::To), Some("x"));
}

#[test]
fn headers_keep_their_order_and_their_spelling() {
    let message = with("X-b: 1\nx-A: 2\nX-B: 3");
    let names: Vec<_> = message.headers().map(|header| header.raw_name).collect();
    assert_eq!(names, ["Via", "From", "To", "Call-ID", "CSeq", "X-b", "x-A", "X-B", "Max-Forwards", "Content-Length"]);
    assert_eq!((message.named("x-B"), message.named("X-a"), message.named("x-c")), (Some("1"), Some("2"), None));
    assert_eq!(message.named("to"), message.first(Name::To));
}

#[test]
fn more_headers_than_usual_are_all_there() {
    for count in [17, 18, 100] {
        let lines: Vec<String> = (0..count).map(|number| format!("X-{number}: {number}")).collect();
        let message = with(&lines.join("\n"));
        assert_eq!(message.headers().count(), count + 7);
        assert_eq!(message.named("X-0"), Some("0"));
        assert_eq!(message.named(&format!("X-{}", count - 1)), Some(&*format!("{}", count - 1)));
        message.check().unwrap();
    }
}

// RFC 3261 8.1.1.5
#[test]
fn a_sequence_number_is_below_2_to_the_31() {
    assert_eq!(CSeq::read("2147483647 BYE").unwrap().number, 2_147_483_647);
    assert_eq!(CSeq::read("2147483648 BYE").unwrap_err().problem(), Problem::NumberTooLarge);
    for refused in ["", "BYE", "1", "1 ", "x BYE", "1 BYE x", "-1 BYE", "1\u{a0}BYE"] {
        assert!(CSeq::read(refused).is_err(), "{refused}");
    }
}

// RFC 3261 10.2.2
#[test]
fn a_star_is_no_contact_and_all_of_them() {
    let star = with("Contact: *");
    assert!(star.contact_is_star() && star.contacts().unwrap().is_empty());
    star.check().unwrap();
    assert!(!request(SOUND).contact_is_star());
    assert!(!with("Contact: <sip:*@b>").contact_is_star());
    assert!(with("Contact: *, <sip:a@b>").contacts().is_err());
}

// RFC 3261 20.10
#[test]
fn a_preference_is_between_0_and_1() {
    let q = |value: &str| Address::read(&format!("<sip:a@b>;q={value}")).ok().and_then(|address| address.q());
    assert_eq!(
        (q("0"), q("0.5"), q("0.123"), q("1"), q("1.000")),
        (Some(0), Some(500), Some(123), Some(1000), Some(1000))
    );
    assert_eq!((q("1.001"), q("2"), q("0.1234"), q("x"), q("0.x")), (None, None, None, None, None));
}

// RFC 3261 8.1.1
#[test]
fn each_mandatory_header_is_missed_and_none_may_come_twice() {
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq] {
        let without: Vec<&str> = SOUND.lines().filter(|line| !line.starts_with(&format!("{name}:"))).collect();
        let error = request(&without.join("\n")).check().unwrap_err();
        assert_eq!((error.field(), error.problem()), (Field::Header(name), Problem::Missing));
        assert_eq!(error.status(), Some((400, "Bad Request")));
        let line = SOUND.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        let twice = with(line).check();
        if name == Name::Via {
            assert_eq!(twice, Ok(()));
        } else {
            assert_eq!(twice.unwrap_err().problem(), Problem::Repeated, "{name}");
        }
    }
    assert_eq!(with("Max-Forwards: 1").check().unwrap_err().field(), Field::Header(Name::MaxForwards));
}

#[test]
fn values_that_are_there_are_judged() {
    for (line, problem) in [
        ("Expires: x", Problem::NotANumber),
        ("Contact: <sip:>", Problem::NotAHost),
        ("Contact: <sip:a@>", Problem::NotAHost),
        ("Contact: <sip:@b>", Problem::UriCharacter),
        ("Contact: <sip:a@b:65536>", Problem::NotAPort),
        ("Contact: <sip:a@b:>", Problem::NotAPort),
        ("Contact: <sip:a@b@c>", Problem::UriCharacter),
        ("Contact: <sip:a@b/c>", Problem::UriCharacter),
        ("Contact: <sip:a b@c>", Problem::UriCharacter),
        ("Contact: <sip:ä@b>", Problem::UriCharacter),
        ("Contact: <sip:a@b;c=ä>", Problem::UriCharacter),
        ("Contact: <1sip:a@b>", Problem::NoScheme),
        ("Contact: <sip:a@b", Problem::UnclosedBracket),
        ("Contact: <sip:a@b> x", Problem::Unexpected),
        ("Contact: <sip:a@b>,", Problem::NoScheme),
        ("Route: \"x <sip:a@b>", Problem::UnclosedQuote),
        ("Refer-To: nobody", Problem::NoScheme),
        ("Date: Sat, 13 Nov 2010 24:00:00 GMT", Problem::NotADate),
        ("Date: Sat, 13 Nov 2010 23:29:00", Problem::NotADate),
    ] {
        let message = with(line);
        let error = message.check().unwrap_err();
        assert_eq!(error.problem(), problem, "{line}: {error}");
        assert!(message.raw()[error.offset()..].len() < 60 + line.len(), "{line}: {error}");
    }
    with("Date: Sat, 13 Nov 2010 23:29:00 GMT\nExpires: 99999999999").check().unwrap();
}

#[test]
fn an_error_tells_field_place_and_reason() {
    let error = with("Contact: <sip:a@b:x>").check().unwrap_err();
    assert_eq!(error.to_string(), "Contact (byte 189): the port isn't one of 0 to 65535");
}

#[test]
fn a_call_id_is_one_word() {
    assert_eq!(request("Call-ID: a@b\nX: y").call_id(), Ok("a@b"));
    assert!(request("Call-ID: a b").call_id().is_err());
    assert!(request("Call-ID:").call_id().is_err());
}

#[test]
fn clones_share_the_bytes() {
    let message = request(SOUND);
    assert_eq!(message.clone().raw().as_ptr(), message.raw().as_ptr());
}
