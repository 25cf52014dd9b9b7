//! UDP datagrams (RFC 768) and TCP segments (RFC 9293 section 3.1).

use busyhour_oracle::read::ipv4::{Datagram, Packet, Reassembly};
use busyhour_oracle::read::{Fault, tcp, udp};
use busyhour_trace::SimTime;

use crate::packets::{ACK, FIN, bare_tcp, bare_udp, tcp as tcp_packet, udp as udp_packet};

fn whole(bytes: &[u8]) -> Datagram<'_> {
    Reassembly::default().push(SimTime::ZERO, &Packet::read(bytes).unwrap()).unwrap()
}

#[test]
fn a_datagram_reads_as_what_was_written_and_every_flipped_bit_shows() {
    let bytes = udp_packet("10.0.0.1:5060", "10.0.0.2:5061", b"hello");
    let ip = whole(&bytes);
    let datagram = udp::Datagram::read(&ip.payload).unwrap();
    assert_eq!((datagram.source_port, datagram.destination_port, datagram.payload), (5060, 5061, &b"hello"[..]));
    assert!(datagram.checksum_is_right(&ip));
    for place in (12..bytes.len()).filter(|place| !(24..26).contains(place)) {
        let mut bent = bytes.clone();
        bent[place] ^= 0x10;
        let ip = whole(&bent);
        assert!(!udp::Datagram::read(&ip.payload).unwrap().checksum_is_right(&ip), "byte {place}");
    }
}

#[test]
fn a_sum_of_zero_says_that_none_was_computed() {
    let mut bytes = udp_packet("10.0.0.1:5060", "10.0.0.2:5061", b"hello");
    bytes[26..28].fill(0);
    let ip = whole(&bytes);
    assert!(udp::Datagram::read(&ip.payload).unwrap().checksum_is_right(&ip));
}

#[test]
fn a_datagram_that_is_none_says_why() {
    let good = bare_udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"hi");
    let fault = |bytes: &[u8]| udp::Datagram::read(bytes).unwrap_err().fault;
    let with_length = |length: u8| {
        let mut bytes = good.clone();
        bytes[5] = length;
        bytes
    };
    assert_eq!(fault(&good[..7]), Fault::Truncated { needed: 8, found: 7 });
    assert_eq!(fault(&with_length(7)), Fault::Length(7));
    assert_eq!(udp::Datagram::read(&with_length(8)).unwrap().payload, b"");
    assert_eq!(udp::Datagram::read(&with_length(10)).unwrap().payload, b"hi");
    assert_eq!(fault(&with_length(11)), Fault::Truncated { needed: 11, found: 10 });
}

#[test]
fn a_segment_reads_as_what_was_written_and_every_flipped_bit_shows() {
    let bytes = tcp_packet("10.0.0.1:49152", "10.0.0.2:80", 0x01020304, FIN | ACK, b"bye");
    let ip = whole(&bytes);
    let segment = tcp::Segment::read(&ip.payload).unwrap();
    assert_eq!((segment.source_port, segment.destination_port), (49152, 80));
    assert_eq!((segment.sequence, segment.acknowledgement, segment.window), (0x01020304, 0, 0xffff));
    assert_eq!((segment.flags.to_string().as_str(), segment.payload), ("FIN ACK", &b"bye"[..]));
    assert!(segment.checksum_is_right(&ip));
    // All but the header's length, which has errors of its own.
    for place in (12..bytes.len()).filter(|place| *place != 32) {
        let mut bent = bytes.clone();
        bent[place] ^= 0x10;
        let ip = whole(&bent);
        assert!(!tcp::Segment::read(&ip.payload).unwrap().checksum_is_right(&ip), "byte {place}");
    }
}

#[test]
fn a_segment_that_is_none_says_why() {
    let good = bare_tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), 1, ACK, b"hi");
    let error = |bytes: &[u8]| tcp::Segment::read(bytes).unwrap_err();
    assert_eq!(error(&good[..19]).fault, Fault::Truncated { needed: 20, found: 19 });
    let with_options = |length: u8, options: &[u8]| {
        let mut bytes = good.clone();
        bytes[12] = length << 4;
        bytes.splice(20..20, options.iter().copied());
        bytes
    };
    assert_eq!(error(&with_options(4, &[])).fault, Fault::HeaderLength(16));
    assert_eq!(error(&with_options(6, &[])).fault, Fault::Truncated { needed: 24, found: 22 });
    let mss = with_options(6, &[2, 4, 5, 0xb4]);
    let segment = tcp::Segment::read(&mss).unwrap();
    assert_eq!((segment.options, segment.payload), (&[2, 4, 5, 0xb4][..], &b"hi"[..]));
    assert!(tcp::Segment::read(&with_options(6, &[1, 1, 0, 99])).is_ok(), "nothing counts behind the end");
    for options in [[2, 5, 5, 0xb4], [2, 1, 0, 0], [1, 1, 1, 2]] {
        assert_eq!(error(&with_options(6, &options)).fault, Fault::Option, "{options:?}");
    }
    assert_eq!(error(&with_options(6, &[1, 2, 9, 0])).offset, 21);
}
