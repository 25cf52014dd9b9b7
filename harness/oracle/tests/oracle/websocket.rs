//! WebSocket (RFC 6455), STUN (RFC 8489) and DTLS (RFC 6347), as their readers see them, and SIP that comes in frames.

use busyhour_oracle::read::dtls::{Assembly, Content, Handshake, records};
use busyhour_oracle::read::stun::{self, ChannelData, Class, Message, Method};
use busyhour_oracle::read::websocket::{Item, Reader, begins_like_handshake, read_request, read_response};

use crate::play::{Call, Play};
use crate::rtc::{Socket, certificate, frame, handshake, hello, record, stun as message, whole, xored};

const ANSWERED: &str = "every_request_is_answered";

// RFC 6455 5.4, 5.5.

#[test]
fn a_message_in_fragments_is_one_and_control_may_stand_between() {
    let mut reader = Reader::default();
    let pieces =
        [frame(0x01, true, b"INV"), frame(0x89, true, b"x"), frame(0x00, false, b"I"), frame(0x80, true, b"TE")];
    let items: Vec<Item> = pieces.iter().map(|piece| reader.next(piece).unwrap().unwrap().0).collect();
    assert_eq!(items[..3], [Item::Fragment, Item::Ping, Item::Fragment]);
    assert_eq!(items[3], Item::Message { is_text: true, is_masked: true, payload: b"INVITE".to_vec() });
}

#[test]
fn lengths_of_all_three_kinds_are_read_and_no_frame_before_it_is_whole() {
    for length in [0usize, 125, 126, 65_535] {
        let payload = vec![7; length];
        let bytes = frame(0x82, true, &payload);
        let (item, taken) = Reader::default().next(&bytes).unwrap().unwrap();
        assert_eq!((item, taken), (Item::Message { is_text: false, is_masked: true, payload }, bytes.len()));
        for end in [0, 1, 3, 5, bytes.len() - 1] {
            assert_eq!(Reader::default().next(&bytes[..end]).unwrap(), None, "{length} {end}");
        }
    }
    let mut long = vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
    long.resize(10 + 65_536, 9);
    assert_eq!(Reader::default().next(&long).unwrap().unwrap().1, long.len());
    assert!(Reader::default().next(&[0x82, 127, 0xff, 0, 0, 0, 0, 1, 0, 0]).is_err(), "nobody sends that much");
}

#[test]
fn what_no_frame_may_be_is_unreadable() {
    // A reserved bit; an unknown kind; control that is long, or in fragments; a continuation of nothing.
    let long = frame(0x89, false, &[0; 126]);
    for bad in [&[0xc1, 0][..], &[0x83, 0], &[0x8b, 0], &long, &[0x09, 0], &[0x80, 0]] {
        assert!(Reader::default().next(bad).is_err(), "{bad:?}");
    }
    let mut reader = Reader::default();
    reader.next(&frame(0x01, false, b"a")).unwrap();
    assert!(reader.next(&frame(0x01, false, b"b")).is_err(), "another one before the first is whole");
    let close = Reader::default().next(&frame(0x88, false, &[0x03, 0xe9, b'x'])).unwrap().unwrap().0;
    assert_eq!(close, Item::Close { code: Some(1001) });
    assert_eq!(Reader::default().next(&[0x88, 0]).unwrap().unwrap().0, Item::Close { code: None });
}

#[test]
fn a_handshake_names_its_subprotocol_and_what_is_none_is_none() {
    let asks = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: sip, xmpp\r\n\r\n";
    let (read, length) = read_request(asks).unwrap().unwrap();
    assert_eq!((read.protocols, length), (vec!["sip".to_owned(), "xmpp".to_owned()], asks.len()));
    assert_eq!(read_request(&asks[..40]).unwrap(), None);
    assert!(read_request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_err());
    assert!(read_response(b"HTTP/1.1 400 Bad\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n").is_err());
    assert!(!begins_like_handshake(b"POST / HTTP/1.1"));
}

#[test]
fn sip_in_frames_is_heard_masked_in_fragments_and_cut_by_segments() {
    let heard = |pieces: &dyn Fn(&str) -> Vec<Vec<u8>>| {
        let mut play = Play::new();
        let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
        let mut call = Call::new("c1", "alice", "server");
        for piece in pieces(&call.request("OPTIONS", "alice")) {
            socket.bytes(&mut play, true, &piece);
        }
        socket.say(&mut play, false, &call.reply("OPTIONS", "alice", 200));
        play.ends_later()
    };
    heard(&|text| vec![frame(0x81, true, text.as_bytes())]).holds(ANSWERED);
    heard(&|text| {
        let (one, two) = text.as_bytes().split_at(100);
        vec![frame(0x01, true, one), frame(0x89, true, b""), frame(0x80, true, two)]
    })
    .holds(ANSWERED);
    heard(&|text| {
        let bytes = [frame(0x82, true, b"\r\n\r\n"), frame(0x81, true, text.as_bytes())].concat();
        bytes.chunks(50).map(<[u8]>::to_vec).collect()
    })
    .holds(ANSWERED);
    // What isn't SIP is nobody's business.
    let other = heard(&|_| vec![frame(0x81, true, b"{\"type\":\"state\"}")]);
    assert_eq!((other.told().as_str(), other.judged(ANSWERED)), ("", 0));
}

#[test]
fn a_request_in_a_frame_that_nobody_answers_breaks_the_rule() {
    let mut play = Play::new();
    let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
    let mut call = Call::new("c1", "alice", "server");
    socket.say(&mut play, true, &call.request("OPTIONS", "alice"));
    socket.say(&mut play, false, &call.reply("INFO", "alice", 481));
    play.ends_later().breaks(ANSWERED, "OPTIONS arrived at server and wasn't answered");
}

// RFC 8489 5, 14; RFC 8656 12.

#[test]
fn stuns_attributes_are_read_and_those_behind_the_integrity_are_not() {
    let peer = xored(("bob", 4_242));
    let bytes = message(
        0x0113,
        3,
        &[(0x0009, &[0, 0, 4, 38]), (0x000d, &[0, 0, 2, 0x58]), (0x0016, &peer), (0x0008, &[0; 20]), (0x0012, &peer)],
    );
    let read = Message::read(&bytes).unwrap();
    assert_eq!((read.class, read.method, read.error), (Class::Error, Method::Allocate, Some(438)));
    assert_eq!((read.lifetime, read.is_signed, read.peers.len()), (Some(600), true, 0));
    assert_eq!(read.relayed.unwrap().to_string(), "10.0.0.3:4242");
    for end in 0..bytes.len() {
        assert!(Message::read(&bytes[..end]).is_err());
    }
    let check = message(0x0001, 3, &[(0x0006, b"their:mine"), (0x8029, &[0; 8]), (0x0025, b"")]);
    let read = Message::read(&check).unwrap();
    assert_eq!((read.fragments(), read.controlling, read.nominates), (Some(("their", "mine")), Some(false), true));
    assert_eq!(Message::read(&message(0x0016, 1, &[(0x0013, b"data")])).unwrap().data, Some(&b"data"[..]));
}

#[test]
fn channel_data_is_padded_on_a_stream_and_not_in_a_datagram() {
    let bytes = [0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
    assert_eq!(ChannelData::read(&bytes[..9]), Some(ChannelData { number: 0x4001, data: &[1, 2, 3, 4, 5] }));
    assert_eq!(ChannelData::read(&bytes[..8]), None);
    assert_eq!(stun::framed_length(&bytes).unwrap(), Some(12));
    assert_eq!(stun::framed_length(&bytes[..3]).unwrap(), None);
    assert_eq!(stun::framed_length(&message(0x0101, 1, &[(0x0020, &[0; 8])])).unwrap(), Some(32));
    assert!(stun::framed_length(b"<html> and so on").is_err());
}

// RFC 6347 4.1, 4.2.

#[test]
fn handshake_messages_are_put_together_in_any_order_and_more_than_once() {
    let body = certificate(&[7; 500]);
    let mut assembly = Assembly::default();
    let mut take = |bytes: &[u8]| {
        let records: Vec<_> = records(bytes).collect();
        records.iter().flat_map(|record| assembly.take(record)).collect::<Vec<_>>()
    };
    assert_eq!(take(&handshake(11, 2, &body, 300..body.len())), []);
    assert_eq!(take(&handshake(11, 2, &body, 0..200)), []);
    let whole_one = take(&handshake(11, 2, &body, 150..320));
    let [Handshake::Certificate { fingerprint }] = whole_one[..] else { panic!("{whole_one:?}") };
    let digits: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(digits.join(":"), crate::rtc::fingerprint(&[7; 500]));
    let both = [whole(1, 0, &hello([3; 32])), record(20, 0, &[1]), record(22, 1, &[9; 40])].concat();
    let kinds: Vec<_> = records(&both).map(|record| (record.content, record.epoch)).collect();
    assert_eq!(kinds, [(Content::Handshake, 0), (Content::ChangeCipherSpec, 0), (Content::Handshake, 1)]);
    assert_eq!(take(&both), [Handshake::ClientHello { random: [3; 32], has_cookie: false }]);
    let mut bent = handshake(11, 3, &body, 0..200);
    bent[13 + 6] = 0xff;
    assert_eq!(take(&bent), [], "a piece beyond the end");
}
