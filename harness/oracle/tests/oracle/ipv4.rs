//! IPv4 as RFC 791 has it: section 3.1 (the header), section 3.2 (fragments, and how they become whole).

use busyhour_oracle::read::ipv4::{self, Packet, Reassembly};
use busyhour_oracle::read::{Fault, Layer};
use busyhour_trace::SimTime;

use crate::packets::{ALICE, Piece, SERVER, ipv4, udp, udp_in_two};

#[test]
fn a_packet_reads_as_what_was_written() {
    let bytes = ipv4(17, ALICE, SERVER, Piece { identification: 7, offset: 16, more: true }, b"12345678");
    let packet = Packet::read(&bytes).unwrap();
    assert_eq!((packet.source, packet.destination, packet.protocol, packet.ttl), (ALICE, SERVER, ipv4::UDP, 64));
    assert_eq!((packet.identification, packet.fragment_offset, packet.more_fragments), (7, 16, true));
    assert_eq!((packet.payload, packet.dont_fragment, packet.is_fragment()), (&b"12345678"[..], false, true));
    assert!(packet.checksum_is_right());
}

#[test]
fn a_flipped_bit_anywhere_in_the_header_is_seen_in_its_checksum() {
    let good = udp("10.0.0.1:5060", "10.0.0.2:5060", b"x");
    // Version, header length and total length have errors of their own.
    for place in (1..2).chain(4..20) {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        if let Ok(packet) = Packet::read(&bytes) {
            assert!(!packet.checksum_is_right(), "byte {place}");
        }
    }
}

#[test]
fn what_a_link_adds_behind_a_packet_is_not_payload() {
    let mut bytes = udp("10.0.0.1:5060", "10.0.0.2:5060", b"x");
    bytes.extend([0; 17]);
    assert_eq!(Packet::read(&bytes).unwrap().payload.len(), 9);
}

#[test]
fn options_are_header_not_payload() {
    let mut bytes = udp("10.0.0.1:5060", "10.0.0.2:5060", b"x");
    bytes[0] = 0x46;
    bytes[3] += 4;
    bytes.splice(20..20, [1, 1, 1, 0]);
    let packet = Packet::read(&bytes).unwrap();
    assert_eq!((packet.header.len(), packet.payload.len()), (24, 9));
}

#[test]
fn each_way_of_being_no_packet_has_its_name_and_place() {
    let good = udp("10.0.0.1:5060", "10.0.0.2:5060", b"x");
    let bent = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        for (place, byte) in changes {
            bytes[*place] = *byte;
        }
        let error = Packet::read(&bytes).unwrap_err();
        assert_eq!(error.layer, Layer::Ipv4);
        (error.offset, error.fault)
    };
    let cut = |length: usize| Packet::read(&good[..length]).unwrap_err().fault;
    assert_eq!(cut(0), Fault::Truncated { needed: 20, found: 0 });
    assert_eq!(cut(19), Fault::Truncated { needed: 20, found: 19 });
    assert_eq!(cut(20), Fault::Truncated { needed: 29, found: 20 });
    assert_eq!(cut(28), Fault::Truncated { needed: 29, found: 28 });
    assert_eq!(bent(&[(0, 0x65)]), (0, Fault::Version(6)));
    assert_eq!(bent(&[(0, 0x44)]), (0, Fault::HeaderLength(16)));
    assert_eq!(bent(&[(0, 0x4f)]), (0, Fault::Truncated { needed: 60, found: 29 }));
    assert_eq!(bent(&[(3, 19)]), (2, Fault::Length(19)));
    assert_eq!(bent(&[(6, 0x20)]), (6, Fault::FragmentLength(9)));
    assert_eq!(bent(&[(6, 0x1f), (7, 0xff)]), (6, Fault::FragmentEnd(65_537)));
    assert_eq!(
        Packet::read(&good[..28]).unwrap_err().to_string(),
        "IPv4 at byte 2: 29 bytes are announced or needed, 28 are there",
    );
}

/// The largest datagram has 65,535 bytes with its header: its payload may end at 65,515 and not behind.
#[test]
fn a_fragment_may_end_where_the_largest_datagram_ends_and_no_later() {
    let piece = Piece { identification: 1, offset: 65_512, more: false };
    assert!(Packet::read(&ipv4(17, ALICE, SERVER, piece, &[0; 3])).is_ok());
    let error = Packet::read(&ipv4(17, ALICE, SERVER, piece, &[0; 4])).unwrap_err();
    assert_eq!(error.fault, Fault::FragmentEnd(65_516));
}

/// Pushes pieces of one datagram a millisecond apart; gives the payload if one became whole.
fn assembled(pieces: &[(u16, bool, &[u8])]) -> Option<Vec<u8>> {
    let mut reassembly = Reassembly::default();
    let mut whole = None;
    for (n, (offset, more, payload)) in (0..).zip(pieces) {
        let bytes = ipv4(17, ALICE, SERVER, Piece { identification: 9, offset: *offset, more: *more }, payload);
        let datagram = reassembly.push(SimTime(n * 1_000_000), &Packet::read(&bytes).unwrap());
        whole = whole.or(datagram.map(|datagram| datagram.payload.into_owned()));
    }
    whole
}

const A: &[u8] = b"aaaaaaaa";
const B: &[u8] = b"bbbbbbbb";
const C: &[u8] = b"ccc";

#[test]
fn fragments_become_whole_in_any_order() {
    let pieces = [(0, true, A), (8, true, B), (16, false, C)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let whole = assembled(&order.map(|n: usize| pieces[n]));
        assert_eq!(whole.as_deref(), Some(&b"aaaaaaaabbbbbbbbccc"[..]), "{order:?}");
    }
}

#[test]
fn a_datagram_without_one_of_its_fragments_never_is_whole() {
    assert_eq!(assembled(&[(0, true, A), (16, false, C)]), None);
    assert_eq!(assembled(&[(0, true, A), (8, true, B)]), None);
    assert_eq!(assembled(&[(8, true, B), (16, false, C)]), None);
}

#[test]
fn a_repeated_fragment_is_ignored_and_an_overlapping_one_spoils_the_datagram() {
    assert!(assembled(&[(0, true, A), (0, true, A), (8, true, B), (16, false, C)]).is_some());
    assert_eq!(assembled(&[(0, true, A), (0, true, B), (8, true, B), (16, false, C)]), None);
    assert_eq!(assembled(&[(0, true, b"aaaaaaaabbbbbbbb"), (8, true, B), (16, false, C)]), None);
    assert_eq!(assembled(&[(8, true, B), (0, true, b"aaaaaaaabbbbbbbb"), (16, false, C)]), None);
}

#[test]
fn nothing_belongs_to_a_datagram_behind_its_last_fragment() {
    assert_eq!(assembled(&[(16, false, C), (24, true, B), (0, true, A), (8, true, B)]), None);
    assert_eq!(assembled(&[(24, true, B), (16, false, C), (0, true, A), (8, true, B)]), None);
    assert_eq!(assembled(&[(16, false, C), (24, false, C), (0, true, A), (8, true, B)]), None);
}

#[test]
fn fragments_of_different_datagrams_do_not_mix() {
    let [one, two] = udp_in_two("10.0.0.1:5060", "10.0.0.2:5060", &[7; 30], 1, 24);
    let [_, other] = udp_in_two("10.0.0.1:5060", "10.0.0.2:5060", &[8; 30], 2, 24);
    let mut reassembly = Reassembly::default();
    let mut push = |bytes: &[u8]| reassembly.push(SimTime::ZERO, &Packet::read(bytes).unwrap()).is_some();
    assert!(!push(&one));
    assert!(!push(&other));
    assert!(push(&two));
    assert_eq!(reassembly.waiting(), 1);
}

#[test]
fn a_fragment_is_waited_for_thirty_seconds_and_no_longer() {
    let [one, two] = udp_in_two("10.0.0.1:5060", "10.0.0.2:5060", &[7; 30], 1, 24);
    let after = |nanos: u64| {
        let mut reassembly = Reassembly::default();
        assert!(reassembly.push(SimTime::ZERO, &Packet::read(&one).unwrap()).is_none());
        reassembly.push(SimTime(nanos), &Packet::read(&two).unwrap()).is_some()
    };
    assert!(after(30_000_000_000));
    assert!(!after(30_000_000_001));
}
