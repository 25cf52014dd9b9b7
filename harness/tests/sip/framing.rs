//! Messages on a stream: RFC 3261 18.3 and 7.5, RFC 5626 4.4.1.

use busyhour::sip::{Field, Framed, Framer, LONGEST_HEAD, LONGEST_MESSAGE, Message, Method, Name, Problem, Writer};

fn messages() -> Vec<u8> {
    let mut stream = Vec::new();
    for (method, body) in
        [(Method::Invite, "v=0\r\n\r\nx"), (Method::Info, ""), (Method::Message, "BYE sip:a SIP/2.0\r\n\r\n")]
    {
        stream.extend_from_slice(&Writer::request(method, "sip:a@b").body("text/plain", body.as_bytes()));
    }
    stream
}

fn drain(framer: &mut Framer) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(next) = framer.next() {
        seen.push(match next {
            Ok(Framed::Message(message)) => format!("{} {}", message.method(), message.body().len()),
            Ok(Framed::Ping) => "ping".to_owned(),
            Ok(Framed::Pong) => "pong".to_owned(),
            Err(error) => format!("{:?}", error.problem()),
        });
    }
    seen
}

#[test]
fn messages_are_cut_wherever_the_segments_end() {
    let stream = messages();
    for size in [1, 2, 3, 7, 50, 100, stream.len()] {
        let mut framer = Framer::accepted();
        let mut seen = Vec::new();
        for segment in stream.chunks(size) {
            framer.push(segment);
            seen.extend(drain(&mut framer));
        }
        assert_eq!(seen, ["INVITE 8", "INFO 0", "MESSAGE 21"], "in segments of {size}");
    }
}

#[test]
fn a_message_waits_for_its_last_byte() {
    let message = Writer::request(Method::Message, "sip:a@b").body("text/plain", b"hello");
    let mut framer = Framer::opened();
    framer.push(&message[..message.len() - 1]);
    assert!(framer.next().is_none());
    framer.push(b"o");
    assert_eq!(drain(&mut framer), ["MESSAGE 5"]);
}

#[test]
fn who_was_called_gets_pings_and_who_called_gets_pongs() {
    let mut accepted = Framer::accepted();
    for segment in ["\r", "\n\r", "\n\r\n", "\r\n"] {
        accepted.push(segment.as_bytes());
    }
    assert_eq!(drain(&mut accepted), ["ping", "ping"]);
    let mut opened = Framer::opened();
    opened.push(b"\r\n\r\n\r");
    assert_eq!(drain(&mut opened), ["pong", "pong"]);
    opened.push(b"\n");
    assert_eq!(drain(&mut opened), ["pong"]);
}

#[test]
fn keep_alives_stand_between_messages() {
    let info = Writer::request(Method::Info, "sip:a@b").end();
    let mut accepted = Framer::accepted();
    accepted.push(b"\r\n\r\n");
    accepted.push(&info);
    accepted.push(b"\r\n");
    accepted.push(&info);
    assert_eq!(drain(&mut accepted), ["ping", "INFO 0", "INFO 0"], "one line break before a message is skipped");
}

#[test]
fn without_a_length_the_stream_is_lost() {
    let mut framer = Framer::accepted();
    framer.push(b"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n");
    let error = framer.next().unwrap().unwrap_err();
    assert_eq!((error.field(), error.problem()), (Field::Header(Name::ContentLength), Problem::Missing));
    assert_eq!(error.status(), Some((400, "Bad Request")));
    assert!(framer.is_lost() && framer.refused().starts_with(b"INFO"));
    framer.push(&messages());
    assert!(framer.next().is_none());
}

#[test]
fn what_is_not_sip_is_lost_without_a_word() {
    let mut framer = Framer::accepted();
    framer.push(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let error = framer.next().unwrap().unwrap_err();
    assert_eq!((error.problem(), error.status()), (Problem::NotSip, None));
    assert!(framer.is_lost());
}

#[test]
fn a_bad_message_with_a_good_length_loses_nothing_else() {
    let mut framer = Framer::accepted();
    framer.push(b"INFO  sip:a@b SIP/2.0\r\nl: 2\r\n\r\nhi");
    framer.push(&messages());
    assert_eq!(framer.next().unwrap().unwrap_err().problem(), Problem::StraySpace);
    assert!(!framer.is_lost() && framer.refused().ends_with(b"hi"));
    assert_eq!(drain(&mut framer).len(), 3);
}

#[test]
fn a_head_and_a_message_have_a_longest_length() {
    let head = |length: usize| {
        let frame = "INFO sip:a@b SIP/2.0\r\nX: \r\nContent-Length: 0\r\n\r\n".len();
        format!("INFO sip:a@b SIP/2.0\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(length - frame))
    };
    let mut framer = Framer::accepted();
    framer.push(head(LONGEST_HEAD).as_bytes());
    assert_eq!(drain(&mut framer), ["INFO 0"]);
    framer.push(head(LONGEST_HEAD + 1).as_bytes());
    let error = framer.next().unwrap().unwrap_err();
    assert_eq!((error.problem(), error.status()), (Problem::TooLong, Some((513, "Message Too Large"))));

    let announce = |length: usize| format!("INFO sip:a@b SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
    let largest = LONGEST_MESSAGE - announce(1_000_000).len();
    let mut framer = Framer::accepted();
    framer.push(announce(largest).as_bytes());
    assert!(framer.next().is_none() && !framer.is_lost(), "it waits for the body");
    let mut framer = Framer::accepted();
    framer.push(announce(largest + 1).as_bytes());
    assert_eq!(framer.next().unwrap().unwrap_err().problem(), Problem::TooLong);
}

#[test]
fn an_endless_line_is_given_up() {
    let mut framer = Framer::accepted();
    let mut pushed = 0;
    while !framer.is_lost() {
        framer.push(&[b'x'; 1000]);
        pushed += 1000;
        assert!(framer.next().is_none_or(|next| next.is_err()));
        assert!(pushed <= LONGEST_HEAD + 1000);
    }
}

#[test]
fn two_lengths_that_differ_lose_the_stream() {
    let mut framer = Framer::accepted();
    framer.push(b"INFO sip:a@b SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(framer.next().unwrap().unwrap_err().problem(), Problem::Repeated);
    assert!(framer.is_lost());
}

#[test]
fn a_framed_message_reads_as_a_datagram_does() {
    let raw = Writer::request(Method::Info, "sip:a@b").header("X", "y").body("a/b", b"c");
    let mut framer = Framer::accepted();
    framer.push(&raw);
    let Some(Ok(Framed::Message(framed))) = framer.next() else { panic!("a message was due") };
    assert_eq!(framed.raw(), Message::read(raw).unwrap().raw());
}
