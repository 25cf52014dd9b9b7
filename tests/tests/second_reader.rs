//! What our actors write, readers that no one here wrote must read alike: rsip, and rsipstack's own.
//!
//! Every method, requests and responses, with the headers that phones and servers send. rsip 0.4 knows no IPv6, no
//! `tel:` and no compact names, and both stumble over a `<` or a semicolon in a quoted name, so none of those is here
//! (RFC 4475's and 5118's messages are the codec's own tests).

use busyhour::sip::{Address, Message, Method, Name, Via, Writer, quote, reason};
use busyhour::world::Random;
use bytes::Bytes;
use rsip::message::{HasHeaders, HeadersExt};
use rsip::prelude::ToTypedHeader;
use rsipstack::sip as stack;
use rsipstack::sip::HasHeaders as _;

const ROUNDS: u64 = 40;

/// A request as a phone writes it, with what varies drawn from `random`.
fn request(method: Method<'_>, random: &mut Random) -> Bytes {
    let number = random.below(10_000);
    let transport = ["UDP", "TCP", "WS"][random.below(3) as usize];
    let name = ["Alice", "Alice Agent", "Bell, Alexander"][random.below(3) as usize];
    let port = ["", ":5060", ":5070"][random.below(3) as usize];
    let mut writer = Writer::request(method, &format!("sip:{number}@pbx.example.com{port}"))
        .header(Name::Via, format_args!("SIP/2.0/{transport} 10.0.0.1:5062;branch=z9hG4bK{number};rport"));
    if random.below(2) == 0 {
        writer = writer
            .header(Name::Via, "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKp;received=192.0.2.9")
            .header(Name::RecordRoute, "<sip:10.0.0.9;lr>")
            .header(Name::Route, "<sip:10.0.0.8:5070;lr;transport=tcp>");
    }
    writer = writer
        .header(Name::MaxForwards, 70)
        .header(Name::From, format_args!("{} <sip:alice@example.com>;tag={number:x}", quote(name)))
        .header(Name::To, format_args!("<sip:{number}@pbx.example.com>"))
        .header(Name::CallId, format_args!("{number}@10.0.0.1"))
        .header(Name::CSeq, format_args!("{} {method}", number + 1))
        .header(
            Name::Contact,
            format_args!("<sip:alice@10.0.0.1:5062;transport={}>;expires=60", transport.to_lowercase()),
        )
        .header(Name::Allow, "INVITE, ACK, CANCEL, BYE")
        .header(Name::Supported, "replaces, timer")
        .header("X-Campaign", format_args!("spring {number}"));
    match random.below(2) {
        0 => writer.end(),
        _ => writer.body("application/sdp", b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n\r\nt=0 0\r\n"),
    }
}

fn ours(raw: &Bytes) -> Message {
    let message = Message::read(raw.clone()).unwrap_or_else(|error| panic!("{error}: {raw:?}"));
    message.check().unwrap_or_else(|error| panic!("{error}: {raw:?}"));
    message
}

/// Every message that's compared: requests of each method, and responses to them of every class.
fn messages() -> Vec<Bytes> {
    let mut random = Random::stream(2, "what actors write");
    let mut messages = Vec::new();
    for _ in 0..ROUNDS {
        for method in Method::KNOWN {
            let raw = request(method, &mut random);
            let asked = ours(&raw);
            for status in [100, 180, 183, 200, 202, 302, 401, 404, 486, 487, 491, 503, 603] {
                let writer = Writer::answer(&asked, status, reason(status), Some("answered"));
                messages.push(writer.header(Name::Server, "busyhour").body("text/plain", b"why"));
            }
            messages.push(raw);
        }
    }
    messages
}

/// What a reader made of an address, in words that all readers share.
type Party = (String, Option<String>, String, Option<u16>, Option<String>);

fn party(address: &Address<'_>) -> Party {
    (
        address.display_name().into_owned(),
        address.uri.user.map(str::to_owned),
        address.uri.host.to_owned(),
        address.uri.port,
        address.tag().map(str::to_owned),
    )
}

/// transport, host, port, branch
type Hop = (String, String, Option<u16>, Option<String>);

fn hop(via: &Via<'_>) -> Hop {
    (via.transport.to_owned(), via.host.to_owned(), via.port, via.branch().map(str::to_owned))
}

/// A display name without the quotes that some readers leave on.
fn bare(name: Option<&str>) -> String {
    name.unwrap_or_default().trim().trim_matches('"').to_owned()
}

#[test]
fn rsip_reads_the_same() {
    let messages = messages();
    for raw in &messages {
        let mine = ours(raw);
        let theirs = rsip::SipMessage::try_from(&raw[..]).unwrap_or_else(|error| panic!("{error}: {raw:?}"));
        match &theirs {
            rsip::SipMessage::Request(request) => {
                assert!(mine.is_request());
                assert_eq!(request.method.to_string(), mine.method().as_str());
                assert_eq!(request.uri.to_string(), mine.target());
                let target = mine.target_uri().unwrap();
                assert_eq!(request.uri.user(), target.user);
                assert_eq!(request.uri.port().map(|port| *port.value()), target.port);
            }
            rsip::SipMessage::Response(response) => {
                assert_eq!(Some(response.status_code.code()), mine.status());
            }
        }
        assert_eq!(theirs.body().as_slice(), mine.body());
        assert_eq!(theirs.call_id_header().unwrap().to_string(), format!("Call-ID: {}", mine.call_id().unwrap()));
        let cseq = theirs.cseq_header().unwrap().typed().unwrap();
        assert_eq!((cseq.seq, cseq.method.to_string()), {
            let cseq = mine.cseq().unwrap();
            (cseq.number, cseq.method.to_string())
        });
        let uri = |uri: &rsip::Uri| {
            (uri.user().map(str::to_owned), uri.host().to_string(), uri.port().map(|port| *port.value()))
        };
        let from = theirs.from_header().unwrap().typed().unwrap();
        let (user, host, port) = uri(&from.uri);
        let tag = from.tag().map(|tag| tag.value().to_owned());
        assert_eq!((bare(from.display_name.as_deref()), user, host, port, tag), party(&mine.from().unwrap()));
        let to = theirs.to_header().unwrap().typed().unwrap();
        let (user, host, port) = uri(&to.uri);
        let tag = to.tag().map(|tag| tag.value().to_owned());
        assert_eq!((bare(to.display_name.as_deref()), user, host, port, tag), party(&mine.to().unwrap()));
        let via = theirs.via_header().unwrap().typed().unwrap();
        let (_, host, port) = uri(&via.uri);
        let branch = via.branch().map(|branch| branch.value().to_owned());
        assert_eq!((via.transport.to_string(), host, port, branch), hop(&mine.via().unwrap()));
        let names: Vec<_> = theirs.headers().iter().map(|header| header.to_string()).collect();
        let mine: Vec<_> = mine.headers().map(|header| format!("{}: {}", header.raw_name, header.value)).collect();
        assert_eq!(names, mine, "the same headers in the same order");
    }
    assert!(messages.len() > 7_000);
}

#[test]
fn rsipstack_reads_the_same() {
    for raw in &messages() {
        let mine = ours(raw);
        let theirs = stack::parser::parse_message(raw).unwrap_or_else(|error| panic!("{error}: {raw:?}"));
        match &theirs {
            stack::SipMessage::Request(request) => {
                assert!(mine.is_request());
                assert_eq!(request.method.to_string(), mine.method().as_str());
                assert_eq!(request.uri.to_string(), mine.target());
                assert_eq!(request.uri.user(), mine.target_uri().unwrap().user);
                assert_eq!(request.body.as_slice(), mine.body());
            }
            stack::SipMessage::Response(response) => {
                assert_eq!(Some(response.status_code.code()), mine.status());
                assert_eq!(response.body.as_slice(), mine.body());
            }
        }
        let typed = |name: Name| mine.first(name).expect("it was written").to_owned();
        let (from, to, via) = (typed(Name::From), typed(Name::To), typed(Name::Via));
        let from = stack::typed::From::parse(&from).unwrap();
        let to = stack::typed::To::parse(&to).unwrap();
        let via = stack::typed::Via::parse(&via).unwrap();
        let tag = |params: &[stack::Param]| {
            params.iter().find_map(|param| match param {
                stack::Param::Tag(tag) => Some(tag.value().to_owned()),
                _ => None,
            })
        };
        let port = |uri: &stack::Uri| uri.host_with_port.port.as_ref().map(|port| port.value());
        let read = |name: Option<&str>, uri: &stack::Uri, params: &[stack::Param]| {
            (bare(name), uri.user().map(str::to_owned), uri.host().to_string(), port(uri), tag(params))
        };
        assert_eq!(read(from.display_name.as_deref(), &from.uri, &from.params), party(&mine.from().unwrap()));
        assert_eq!(read(to.display_name.as_deref(), &to.uri, &to.params), party(&mine.to().unwrap()));
        let branch = via.params.iter().find_map(|param| match param {
            stack::Param::Branch(branch) => Some(branch.value().to_owned()),
            _ => None,
        });
        let read = (via.transport.to_string(), via.uri.host().to_string(), port(&via.uri), branch);
        assert_eq!(read, hop(&mine.via().unwrap()));
        assert_eq!(theirs.headers().iter().count(), mine.headers().count());
    }
}

#[test]
fn a_message_comes_back_from_rsip_as_it_was() {
    for raw in &messages() {
        let mine = ours(raw);
        let theirs = rsip::SipMessage::try_from(&mine).unwrap();
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!((back.method(), back.target(), back.status()), (mine.method(), mine.target(), mine.status()));
        assert_eq!(back.body(), mine.body());
        let lines = |message: &Message| -> Vec<String> {
            let mut lines: Vec<_> =
                message.headers().map(|header| format!("{}: {}", header.raw_name, header.value)).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&back), lines(&mine));
    }
}

#[test]
fn compact_names_and_folds_and_binary_bodies_go_to_rsip_and_back() {
    let ours = Message::read(
        &b"MESSAGE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:c@d>;tag=1\r\n\
          s: lunch\r\n at noon\r\nl: 3\r\n\r\n\xff\x00\xfe"[..],
    )
    .unwrap();
    let theirs = rsip::SipMessage::try_from(&ours).unwrap();
    assert_eq!(theirs.via_header().unwrap().typed().unwrap().branch().unwrap().value(), "z9hG4bK1");
    let back = Message::try_from(&theirs).unwrap();
    assert_eq!((back.body(), back.from().unwrap().tag()), (&b"\xff\x00\xfe"[..], Some("1")));
    assert_eq!(back.first(Name::Subject), Some("lunch at noon"));
    let tel = Message::read(Writer::request(Method::Other("FOO"), "tel:1").end()).unwrap();
    assert!(rsip::SipMessage::try_from(&tel).is_err(), "rsip knows neither the method nor the scheme");
}
