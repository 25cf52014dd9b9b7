//! Session descriptions (RFC 8866), RTP beside RTCP (RFC 5761 section 4) and digits (RFC 4733 section 2.3).

use busyhour_oracle::read::rtp::{self, Digit, Packet};
use busyhour_oracle::read::sdp::{Audio, Direction};

#[test]
fn what_stands_with_the_stream_outweighs_what_stands_with_the_session() {
    let sdp = b"v=0\nc=IN IP4 10.0.0.1\na=inactive\nm=video 9 RTP/AVP 96\nc=IN IP4 10.0.0.7\na=sendonly\n\
        m=audio 4000/2 RTP/SAVP 8 0\nc=IN IP4 10.0.0.2\na=recvonly\nm=audio 5000 RTP/AVP 0\na=sendrecv\n";
    let audio = Audio::read(sdp).unwrap();
    assert_eq!(audio.place().unwrap().to_string(), "10.0.0.2:4000");
    assert_eq!((audio.direction, audio.formats, audio.is_plain()), (Direction::RecvOnly, "8 0", false));
    let session = Audio::read(b"c=IN IP4 10.0.0.1\na=inactive\nm=audio 4000 RTP/AVP 0\n").unwrap();
    assert_eq!(
        (session.place().unwrap().to_string().as_str(), session.direction),
        ("10.0.0.1:4000", Direction::Inactive)
    );
}

#[test]
fn a_refused_stream_and_a_hold_in_the_old_way_have_no_place() {
    let place = |sdp: &str| Audio::read(sdp.as_bytes()).and_then(|audio| audio.place());
    assert!(place("c=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\n").is_some());
    assert!(place("c=IN IP4 10.0.0.1\nm=audio 0 RTP/AVP 0\n").is_none());
    assert!(place("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n").is_none());
    assert!(place("c=IN IP6 ::1\nm=audio 4000 RTP/AVP 0\n").is_none());
    assert!(Audio::read(b"v=0\n").is_none() && Audio::read(b"\xff").is_none());
    assert!(Audio::read(b"m=audio none RTP/AVP 0\n").is_none());
}

#[test]
fn rtp_and_rtcp_are_told_apart_and_anything_else_is_neither() {
    let mut bytes = vec![0xb1, 0x65, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 1, 1, 1, 1];
    bytes.extend([4, 0x8a, 0x03, 0x20, 0, 0, 3]);
    let Some(Packet::Rtp(packet)) = rtp::read(&bytes) else { panic!("it's RTP") };
    assert_eq!((packet.payload_type, packet.sequence, packet.payload), (101, 9, &[4, 0x8a, 0x03, 0x20][..]));
    let digit = Digit::read(packet.payload).unwrap();
    assert_eq!((digit.event, digit.end, digit.volume, digit.duration), (4, true, 10, 800));
    let Some(Packet::Rtcp(report)) = rtp::read(&[0x80, 200, 0, 1, 0, 0, 0, 7]) else { panic!("it's RTCP") };
    assert_eq!((report.packet_type, report.ssrc), (200, 7));
    for end in 0..bytes.len() {
        rtp::read(&bytes[..end]);
    }
    assert_eq!(rtp::read(&[0x80; 11]), None);
    assert_eq!(rtp::read(b"OPTIONS sip:b SIP/2.0"), None);
    // Padding that is longer than the packet.
    assert_eq!(rtp::read(&[0xa0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xff]), None);
}
