//! Messages with bytes changed, cut, doubled and swapped: whatever comes, it's read or refused in bounded time, nothing
//! panics, and what reads and is written again header by header reads alike. Five seconds' worth, or as many as
//! BUSYHOUR_MUTATION_SECONDS says.

use busyhour::sip::{
    Address, Field, Framed, Framer, LONGEST_MESSAGE, Message, Method, Name, Uri, Via, Writer, answer_unreadable,
    unescape,
};
use busyhour::world::Random;

use crate::{fixture, fixtures};

/// How many mutations are a second's worth of CPU, unoptimised and on a slow machine.
const PER_SECOND: u64 = 120_000;

/// What a mutation likes to put in: what the grammar turns on.
const SPICE: [&[u8]; 28] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n ",
    b"\r\n\r\n",
    b":",
    b";",
    b",",
    b"=",
    b"<",
    b">",
    b"\"",
    b"\\",
    b"@",
    b"?",
    b"%",
    b"%00",
    b"[",
    b"]",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"sip:",
    b"SIP/2.0",
    b"99999999999999999999",
    b"\r\nl: 3",
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in ["rfc4475", "rfc5118"] {
        seeds.extend(fixtures(folder).iter().map(|name| fixture(folder, name).to_vec()));
    }
    seeds
}

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = pick(random, seeds).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let end = (at + random.below(20) as usize).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => {
                bytes.drain(at..end);
            }
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes.truncate(at),
            4 => {
                let other = pick(random, seeds);
                let from = random.below(other.len() as u64) as usize;
                bytes.splice(at..end, other[from..(from + 80).min(other.len())].iter().copied());
            }
            _ => {
                let spice = SPICE[random.below(SPICE.len() as u64) as usize];
                bytes.splice(at..end, spice.iter().copied());
            }
        }
    }
    bytes
}

fn pick<'a>(random: &mut Random, seeds: &'a [Vec<u8>]) -> &'a Vec<u8> {
    &seeds[random.below(seeds.len() as u64) as usize]
}

/// Asks a message for all it has.
fn ask(message: &Message) {
    let length = message.raw().len();
    let in_bounds = |error: busyhour::sip::ReadError| {
        assert!(error.offset() <= length, "{error}");
        assert!(message.is_request() || error.status().is_none(), "{error}");
        assert_ne!(error.field(), Field::Value, "{error}");
    };
    assert_eq!(message.is_request(), message.status().is_none());
    let _ = (message.method(), message.reason(), message.target(), message.content_type());
    let _ = message.target_uri().map(|uri| look_at(&uri)).map_err(in_bounds);
    let _ = message.vias().map(|vias| {
        for via in &vias {
            let _ = (via.branch(), via.received_ip(), via.rport(), via.sent_by().to_string());
            // What was understood can be said again.
            let said = via.to_string();
            let again = Via::read(&said).unwrap_or_else(|error| panic!("{said}: {error}"));
            assert_eq!((again.host, again.branch()), (via.host, via.branch()));
        }
        assert_eq!(message.via().unwrap(), vias[0]);
    });
    for address in [message.from(), message.to(), message.refer_to()] {
        let _ = address.map(|address| look_at_address(&address)).map_err(in_bounds);
    }
    for addresses in [message.contacts(), message.routes(), message.record_routes()] {
        let _ = addresses.map(|addresses| addresses.iter().for_each(look_at_address)).map_err(in_bounds);
    }
    let _ = message.call_id().map(drop).map_err(in_bounds);
    let _ = message.cseq().map(drop).map_err(in_bounds);
    let _ = message.max_forwards().map(drop).map_err(in_bounds);
    let _ = message.expires().map(drop).map_err(in_bounds);
    let _ = message.check().map_err(in_bounds);
    let _ = (message.has_option(Name::Supported, "x"), message.contact_is_star(), message.named("X"));
    // What it holds beside its bytes is bounded by them: the shortest line is a letter, a colon and a line break.
    assert!(message.headers().count() * 4 <= length);
    for header in message.headers() {
        assert!(!header.unfolded().contains('\n'));
        assert_eq!(header.value.trim_matches([' ', '\t', '\r', '\n']), header.value);
    }
    assert!(message.raw().ends_with(message.body()));
}

fn look_at_address(address: &Address<'_>) {
    let _ = (address.tag(), address.expires(), address.q(), address.instance(), address.display_name());
    look_at(&address.uri);
    let said = address.to_string();
    let again = Address::read(&said).unwrap_or_else(|error| panic!("{said}: {error}"));
    assert_eq!((again.uri, again.tag()), (address.uri, address.tag()));
}

fn look_at(uri: &Uri<'_>) {
    assert!(uri.same_as(uri), "{uri} is itself");
    let _ = (uri.ip(), uri.user_name(), unescape(uri.headers), uri.params.has("lr"));
    assert_eq!(Uri::read(uri.raw).as_ref(), Ok(uri));
}

/// Writes a message again, header by header.
fn rewrite(message: &Message) -> Message {
    let mut writer = match message.status() {
        Some(status) => Writer::response(status, message.reason()),
        None => Writer::request(message.method(), message.target()),
    };
    for header in message.headers() {
        if !matches!(header.name, Name::ContentLength | Name::ContentType) {
            writer = writer.header(header.raw_name, header.value);
        }
    }
    let raw = match message.content_type() {
        Some(content_type) => writer.body(content_type, message.body()),
        None => writer.end(),
    };
    Message::read(raw.clone()).unwrap_or_else(|error| panic!("{error}: {raw:?}"))
}

/// The text with one space wherever there are some: a fold that is written again is spaces.
fn words(text: &str) -> String {
    text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

type Parts = (String, String, Option<u16>, Vec<(String, Option<String>)>);

fn vias(message: &Message) -> Option<Vec<Parts>> {
    let parts = |via: &Via<'_>| {
        let params = via.params.iter().map(|(name, value)| (name.to_owned(), value.map(words))).collect();
        (via.transport.to_owned(), via.host.to_owned(), via.port, params)
    };
    message.vias().ok().map(|vias| vias.iter().map(parts).collect())
}

fn assert_alike(message: &Message, again: &Message) {
    assert_eq!((message.status(), message.reason()), (again.status(), again.reason()));
    assert_eq!((message.method(), message.target()), (again.method(), again.target()));
    assert_eq!(vias(message), vias(again));
    assert_eq!(message.call_id().ok(), again.call_id().ok());
    assert_eq!(message.cseq().ok(), again.cseq().ok());
    assert_eq!(message.contacts().is_ok(), again.contacts().is_ok());
    assert_eq!(message.from().is_ok(), again.from().is_ok());
    if let (Ok(from), Ok(again)) = (message.from(), again.from()) {
        assert_eq!((from.uri, from.tag()), (again.uri, again.tag()));
    }
    let words = |message: &Message| -> Vec<(Name, String)> {
        let others = message.headers().filter(|header| !matches!(header.name, Name::ContentLength | Name::ContentType));
        others
            .map(|header| (header.name, header.value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
            .collect()
    };
    assert_eq!(words(message), words(again));
    if message.content_type().is_some() {
        assert_eq!(message.body(), again.body());
    }
}

#[test]
fn whatever_comes_is_read_or_refused() {
    let seconds = match std::env::var("BUSYHOUR_MUTATION_SECONDS") {
        Ok(seconds) => seconds.parse().expect("BUSYHOUR_MUTATION_SECONDS is a whole number"),
        Err(_) => 5,
    };
    let seeds = seeds();
    let mut random = Random::stream(4475, "datagrams");
    let (mut read, mut sound, mut refused, mut answered) = (0u64, 0u64, 0u64, 0u64);
    for _ in 0..seconds * PER_SECOND {
        let raw = mutate(&mut random, &seeds);
        match Message::read(raw.clone()) {
            Ok(message) => {
                read += 1;
                ask(&message);
                assert_alike(&message, &rewrite(&message));
                if message.is_request() && message.method() != Method::Ack {
                    let answer = Message::read(Writer::answer(&message, 400, "Bad Request", Some("t")).end()).unwrap();
                    assert_eq!(answer.vias().ok(), message.vias().ok());
                }
                sound += u64::from(message.check().is_ok());
            }
            Err(error) => {
                refused += 1;
                assert!(error.offset() <= raw.len(), "{error}");
                if let Some(answer) = answer_unreadable(&raw, &error, "t") {
                    answered += 1;
                    // What it carries over may be nonsense, but it goes somewhere.
                    assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\n\r\n"));
                }
            }
        }
    }
    // A run that never came to one of these would have shown nothing.
    for (what, count) in [("read", read), ("sound", sound), ("refused", refused), ("answered", answered)] {
        assert!(count > seconds * PER_SECOND / 50, "only {count} were {what}");
    }
}

#[test]
fn a_stream_of_anything_ends_in_messages_or_in_an_error() {
    let seeds = seeds();
    let mut random = Random::stream(5118, "streams");
    let (mut messages, mut lost) = (0, 0);
    for _ in 0..2_000 {
        let mut framer = if random.below(2) == 0 { Framer::accepted() } else { Framer::opened() };
        for _ in 0..4 {
            let raw = mutate(&mut random, &seeds);
            for segment in raw.chunks(1 + random.below(400) as usize) {
                framer.push(segment);
                while let Some(next) = framer.next() {
                    match next {
                        Ok(Framed::Message(message)) => {
                            messages += 1;
                            assert!(message.raw().len() <= LONGEST_MESSAGE);
                        }
                        Ok(Framed::Ping | Framed::Pong) => {}
                        Err(_) => assert!(!framer.refused().is_empty()),
                    }
                }
            }
        }
        lost += u32::from(framer.is_lost());
    }
    assert!(messages > 500 && lost > 500, "{messages} messages, {lost} lost streams");
}
