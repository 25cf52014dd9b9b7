//! TCP streams put together from segments, as a receiver does it (RFC 9293 sections 3.4 and 3.10.7.4): whatever the
//! order and the overlaps, each byte once; FIN and RST end it.

use std::net::SocketAddrV4;

use busyhour_oracle::read::stream::{End, Flow, Stream, Streams};
use busyhour_oracle::read::tcp::Segment;
use busyhour_trace::{PacketId, SimTime};

use crate::packets::{ACK, FIN, RST, SYN, bare_tcp};

/// A connection from alice to the server, whose first sequence numbers wrap around soon.
struct Wire {
    streams: Streams,
    flow: Flow,
    packets: u64,
}

/// The number of alice's SYN: her tenth byte has the number 3.
const ISN: u32 = u32::MAX - 6;

impl Wire {
    fn new() -> Wire {
        let from: SocketAddrV4 = "10.0.0.1:49152".parse().unwrap();
        let to: SocketAddrV4 = "10.0.0.2:80".parse().unwrap();
        let mut wire = Wire { streams: Streams::default(), flow: Flow { from, to }, packets: 0 };
        wire.alice(ISN, SYN, b"");
        wire
    }

    fn along(&mut self, flow: Flow, sequence: u32, flags: u8, payload: &[u8]) -> &mut Wire {
        let bytes = bare_tcp(flow.from, flow.to, sequence, flags, payload);
        let at = SimTime(self.packets * 10);
        self.streams.segment(at, PacketId(self.packets), flow, &Segment::read(&bytes).unwrap());
        self.packets += 1;
        self
    }

    fn alice(&mut self, sequence: u32, flags: u8, payload: &[u8]) -> &mut Wire {
        self.along(self.flow, sequence, flags, payload)
    }

    fn server(&mut self, sequence: u32, flags: u8, payload: &[u8]) -> &mut Wire {
        self.along(self.flow.reversed(), sequence, flags, payload)
    }

    /// Data of alice's at a place in her stream.
    fn data(&mut self, place: u32, payload: &[u8]) -> &mut Wire {
        self.alice(ISN.wrapping_add(1 + place), ACK, payload)
    }

    fn fin(&mut self, place: u32, payload: &[u8]) -> &mut Wire {
        self.alice(ISN.wrapping_add(1 + place), ACK | FIN, payload)
    }

    fn stream(&self) -> &Stream {
        self.streams.get(self.flow).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.stream().bytes()).unwrap()
    }
}

#[test]
fn segments_in_order_are_the_stream_also_when_numbers_wrap_around() {
    let mut wire = Wire::new();
    wire.data(0, b"hello ").data(6, b"there ").data(12, b"alice");
    assert_eq!(wire.text(), "hello there alice");
    assert!(!wire.stream().has_gap());
}

#[test]
fn every_order_of_the_segments_gives_the_same_stream() {
    let pieces: [(u32, &[u8]); 4] = [(0, b"hello "), (6, b"there "), (12, b"alice"), (17, b"!")];
    let mut orders = 0;
    for order in 0..256usize {
        let order: Vec<usize> = (0..4).map(|n| order >> (2 * n) & 3).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted == [0, 1, 2, 3] {
            let mut wire = Wire::new();
            for n in &order {
                wire.data(pieces[*n].0, pieces[*n].1);
            }
            assert_eq!(wire.text(), "hello there alice!", "{order:?}");
            assert!(wire.stream().conflicts().is_empty() && !wire.stream().has_gap());
            orders += 1;
        }
    }
    assert_eq!(orders, 24);
}

#[test]
fn what_comes_too_early_waits_for_what_is_missing() {
    let mut wire = Wire::new();
    wire.data(6, b"there");
    assert_eq!((wire.text(), wire.stream().has_gap()), ("", true));
    wire.data(0, b"hello ");
    assert_eq!((wire.text(), wire.stream().has_gap()), ("hello there", false));
}

#[test]
fn a_retransmission_brings_only_what_is_new() {
    let mut wire = Wire::new();
    wire.data(0, b"hello ")
        .data(0, b"hello ")
        .data(3, b"lo there")
        .data(8, b"e")
        .data(19, b"z!")
        .data(10, b"e alice, z");
    assert_eq!(wire.text(), "hello there alice, z!");
    wire.data(19, b"z!");
    assert_eq!(wire.text(), "hello there alice, z!");
    assert!(wire.stream().conflicts().is_empty());
}

#[test]
fn longer_and_shorter_early_pieces_at_one_place_keep_every_byte() {
    let mut wire = Wire::new();
    wire.data(2, b"cd").data(2, b"cdef").data(2, b"c").data(0, b"ab");
    assert_eq!(wire.text(), "abcdef");
    assert!(wire.stream().conflicts().is_empty());
}

#[test]
fn a_byte_that_comes_again_as_another_is_a_conflict_and_the_first_one_stands() {
    let mut wire = Wire::new();
    wire.data(0, b"hello").data(0, b"heLlo there");
    assert_eq!(wire.text(), "hello there");
    assert_eq!(wire.stream().conflicts(), [(2, PacketId(2))]);
    wire.data(20, b"abc").data(20, b"aXc");
    assert_eq!(wire.stream().conflicts()[1..], [(21, PacketId(4))]);
}

#[test]
fn consumed_bytes_are_gone_and_what_was_brought_by_whom_is_known_of_the_others() {
    let mut wire = Wire::new();
    wire.data(0, b"hello ").data(6, b"there");
    let flow = wire.flow;
    assert_eq!(wire.stream().brought(5), Some((SimTime(10), PacketId(1))));
    assert_eq!(wire.stream().brought(6), Some((SimTime(20), PacketId(2))));
    assert_eq!(wire.stream().brought(11), None);
    wire.streams.get_mut(flow).unwrap().consume(4);
    assert_eq!((wire.text(), wire.stream().consumed()), ("o there", 4));
    assert_eq!(wire.stream().brought(3), None);
    assert_eq!(wire.stream().brought(4), Some((SimTime(10), PacketId(1))));
    // A retransmission that begins among the consumed bytes brings its news, and no conflict that nobody can see.
    wire.data(2, b"XXo there!");
    assert_eq!(wire.text(), "o there!");
    assert!(wire.stream().conflicts().is_empty());
    wire.data(2, b"XXo_there!");
    assert_eq!(wire.stream().conflicts(), [(5, PacketId(4))]);
}

#[test]
fn a_stream_is_finished_once_every_byte_before_its_fin_is_there() {
    let mut wire = Wire::new();
    wire.data(0, b"a").fin(2, b"c");
    assert_eq!((wire.stream().end(), wire.stream().has_gap()), (None, true));
    wire.data(1, b"b");
    assert_eq!((wire.text(), wire.stream().end()), ("abc", Some(End::Finished(SimTime(30)))));
    wire.fin(2, b"c");
    assert_eq!(wire.stream().end(), Some(End::Finished(SimTime(30))));
    assert!(wire.stream().conflicts().is_empty());
}

#[test]
fn nothing_comes_after_a_fin() {
    let mut wire = Wire::new();
    wire.fin(0, b"abc").data(2, b"cd");
    assert_eq!(wire.text(), "abc");
    assert_eq!(wire.stream().conflicts(), [(3, PacketId(2))]);
    let mut wire = Wire::new();
    wire.data(0, b"abc").fin(2, b"");
    assert_eq!((wire.stream().end(), wire.stream().conflicts()), (None, &[(2, PacketId(2))][..]));
}

#[test]
fn a_reset_from_either_side_ends_both_directions() {
    for from_alice in [true, false] {
        let mut wire = Wire::new();
        wire.server(500, SYN | ACK, b"").data(0, b"abc").server(501, ACK, b"x");
        if from_alice {
            wire.alice(ISN.wrapping_add(4), RST, b"");
        } else {
            wire.server(502, RST, b"");
        }
        let reset = Some(End::Reset(SimTime(40)));
        assert_eq!(wire.stream().end(), reset);
        assert_eq!(wire.streams.get(wire.flow.reversed()).unwrap().end(), reset);
        wire.data(3, b"def");
        assert_eq!((wire.text(), wire.streams.strays()), ("abc", 1));
    }
}

#[test]
fn a_reset_counts_from_the_next_expected_byte_on_and_not_before() {
    let mut wire = Wire::new();
    wire.data(0, b"abc").alice(ISN.wrapping_add(3), RST, b"");
    assert_eq!((wire.stream().end(), wire.streams.strays()), (None, 1));
    wire.alice(ISN.wrapping_add(4), RST, b"");
    assert!(wire.stream().end().is_some());
}

#[test]
fn a_refused_connection_is_reset_though_the_refuser_never_spoke() {
    let mut wire = Wire::new();
    wire.server(0, RST | ACK, b"");
    assert_eq!(wire.stream().end(), Some(End::Reset(SimTime(10))));
}

#[test]
fn the_same_syn_again_is_a_retransmission_and_another_one_another_connection() {
    let mut wire = Wire::new();
    wire.data(0, b"abc").alice(ISN, SYN, b"");
    assert_eq!(wire.text(), "abc");
    wire.alice(7_000, SYN, b"").alice(7_001, ACK, b"new");
    assert_eq!(wire.text(), "new");
    assert_eq!(wire.streams.iter().count(), 2);
}

#[test]
fn ports_that_are_used_again_after_the_end_begin_another_stream_even_with_the_same_number() {
    let mut wire = Wire::new();
    wire.fin(0, b"abc").alice(ISN, SYN, b"");
    assert_eq!((wire.text(), wire.stream().end()), ("", None));
}

#[test]
fn data_without_a_beginning_belongs_to_no_stream() {
    let mut wire = Wire::new();
    wire.server(77, ACK, b"").server(77, ACK, b"stray");
    assert_eq!(wire.streams.strays(), 1);
    assert!(wire.streams.get(wire.flow.reversed()).is_none());
}

#[test]
fn a_keep_alive_probe_from_before_the_next_byte_changes_nothing() {
    let mut wire = Wire::new();
    wire.alice(ISN, ACK, b"\0");
    assert_eq!((wire.text(), wire.stream().conflicts().len(), wire.stream().has_gap()), ("", 0, false));
    wire.data(0, b"abc").data(2, b"");
    assert_eq!(wire.text(), "abc");
}

#[test]
fn data_on_a_syn_is_read() {
    let mut wire = Wire::new();
    wire.server(500, SYN | ACK, b"hello");
    assert_eq!(wire.streams.get(wire.flow.reversed()).unwrap().bytes(), b"hello");
}

#[test]
fn both_directions_are_found_from_either_end_and_only_if_both_are_there() {
    let mut wire = Wire::new();
    let (flow, back) = (wire.flow, wire.flow.reversed());
    assert!(wire.streams.both_mut(flow).is_none() && wire.streams.both_mut(back).is_none());
    wire.server(500, SYN | ACK, b"pong").data(0, b"ping");
    // Other connections lie between the two directions.
    let other = Flow { from: "10.0.0.1:50000".parse().unwrap(), to: flow.to };
    wire.along(other, 7, SYN, b"other");
    let (along, against) = wire.streams.both_mut(flow).unwrap();
    assert_eq!((along.bytes(), against.bytes()), (&b"ping"[..], &b"pong"[..]));
    let (along, against) = wire.streams.both_mut(back).unwrap();
    assert_eq!((along.bytes(), against.bytes()), (&b"pong"[..], &b"ping"[..]));
    assert!(wire.streams.both_mut(other).is_none());
}
