//! Descriptions of plain RTP.

use bytes::Bytes;

use super::*;
use crate::media::Codec;

fn alice() -> Local {
    Local::new([10, 0, 0, 1].into(), 4000, 11)
}

fn bob() -> Local {
    Local { version: 3, ..Local::new([10, 0, 0, 2].into(), 5000, 22) }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_offer_is_byte_for_byte_what_its_session_and_version_make_it() {
    let expected = "v=0\r\no=- 11 12 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(text(&Local { version: 12, ..alice() }.offer()), expected);
}

/// RFC 3264 6.1: a dynamic payload type means in the answer what it means in the offer.
#[test]
fn the_first_codec_that_both_speak_is_chosen_with_the_offers_payload_types() {
    let offer = "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 18 97 0 96\nc=IN IP4 10.0.0.9\n\
        a=rtpmap:97 pcma/8000/1\na=rtpmap:96 Telephone-Event/8000\na=ptime:30\n";
    let (answer, agreed) = bob().answer(offer.as_bytes()).unwrap();
    let agreed = agreed.unwrap();
    assert_eq!((agreed.codec, agreed.telephone_event, agreed.ptime), (Codec::Pcma, Some(96), 30));
    assert_eq!(agreed.remote.to_string(), "10.0.0.9:4000");
    assert!(text(&answer).contains("m=audio 5000 RTP/AVP 97 96\r\na=rtpmap:97 PCMA/8000\r\n"), "{}", text(&answer));
    let only_mu = Local { codecs: vec![Codec::Pcmu], telephone_event: None, ..bob() };
    let agreed = only_mu.answer(offer.as_bytes()).unwrap().1.unwrap();
    assert_eq!((agreed.codec, agreed.telephone_event), (Codec::Pcmu, None));
}

/// RFC 3264 6: each medium is answered in its place, the ones that won't do with port 0.
#[test]
fn what_we_cannot_do_is_refused() {
    let head = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n";
    let mixed = format!(
        "{head}m=video 6000 RTP/AVP 31\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0\r\nm=audio 4004 RTP/AVP 0\r\n"
    );
    let (answer, agreed) = bob().answer(mixed.as_bytes()).unwrap();
    let ports: Vec<u16> = Description::read(&answer).unwrap().media.iter().map(|media| media.port).collect();
    assert_eq!((ports, agreed.unwrap().remote.port()), (vec![0, 0, 5000, 0], 4002));
    let foreign = format!("{head}m=audio 4000 RTP/AVP 9 18\r\n");
    let (answer, agreed) = bob().answer(foreign.as_bytes()).unwrap();
    assert_eq!(agreed, None);
    assert!(text(&answer).ends_with("m=audio 0 RTP/AVP 9 18\r\n"));
    assert_eq!(alice().agree(&answer), Ok(None));
    // PCMU at another rate is another codec.
    let wide = format!("{head}m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n");
    assert_eq!(bob().answer(wide.as_bytes()).unwrap().1, None);
}

/// RFC 3264 6.1, 8.4: every pair of wishes, and both see the same thing.
#[test]
fn both_sides_agree_on_the_direction_whatever_each_wants() {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    for (wish, other) in all.into_iter().flat_map(|wish| all.map(|other| (wish, other))) {
        for old_hold in [false, true] {
            let offerer = Local { direction: wish, old_hold, ..alice() };
            let answerer = Local { direction: other, ..bob() };
            let (answer, theirs) = answerer.answer(&offerer.offer()).unwrap();
            let (ours, theirs) = (offerer.agree(&answer).unwrap().unwrap(), theirs.unwrap());
            assert_eq!(ours.direction.reversed(), theirs.direction, "{wish:?} and {other:?}");
            assert_eq!(theirs.direction, wish.reversed().and(other));
            assert_eq!(theirs.held(), !(wish.receives() && other.sends()));
        }
    }
}

#[test]
fn an_address_of_zeros_is_hold_as_well() {
    let held = Local { direction: Direction::SendOnly, old_hold: true, ..alice() }.offer();
    assert!(text(&held).contains("c=IN IP4 0.0.0.0\r\n") && text(&held).contains("o=- 11 11 IN IP4 10.0.0.1\r\n"));
    let plain = text(&held).replace("a=sendonly", "a=sendrecv");
    assert_eq!(bob().answer(plain.as_bytes()).unwrap().1.unwrap().direction, Direction::RecvOnly);
}

#[test]
fn what_we_do_not_know_is_kept() {
    let text = "v=0\r\no=alice 1 2 IN IP4 host.example\r\ns=A call\r\ni=about\r\nc=IN IP4 10.0.0.1\r\nb=AS:64\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nb=AS:32\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n";
    let description = Description::read(text.as_bytes()).unwrap();
    assert_eq!(description.write(), text.as_bytes());
    assert_eq!(
        description.origin().unwrap(),
        Origin { user: "alice", session: 1, version: 2, address: "host.example" }
    );
    assert_eq!(description.media[0].attribute("mid"), Some("0"));
    assert_eq!(description.audio(), None);
}

#[test]
fn what_is_no_description_is_refused() {
    assert_eq!(Description::read(&[0xFF]), Err(SdpError::NotText));
    assert_eq!(Description::read(b"hello"), Err(SdpError::Line { line: 1, text: "hello".into() }));
    assert_eq!(Description::read(b"v=1\r\n"), Err(SdpError::Line { line: 1, text: "v=1".into() }));
    assert_eq!(Description::read(b"v=0\r\ns=-\r\nt=0 0\r\n"), Err(SdpError::Missing('o')));
    let media = b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio many RTP/AVP 0\r\n";
    assert!(matches!(Description::read(media), Err(SdpError::Line { line: 5, .. })));
    let two = b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n";
    assert_eq!(alice().agree(two), Err(SdpError::Media { offered: 1, answered: 0 }));
}
