//! ICMP's "destination unreachable" (RFC 792): which packet couldn't be delivered.

use busyhour_oracle::read::Fault;
use busyhour_oracle::read::icmp::{self, Message};
use busyhour_oracle::read::ipv4::Packet;

use crate::packets::{SERVER, port_unreachable, udp, udp_in_two};

#[test]
fn port_unreachable_names_both_ends_of_the_datagram() {
    let bytes = port_unreachable(&udp("10.0.0.1:5060", "10.0.0.2:5061", &[1; 400]));
    let message = Message::read(Packet::read(&bytes).unwrap().payload).unwrap();
    assert!(message.checksum_is_right());
    assert_eq!((message.kind, message.code), (icmp::UNREACHABLE, icmp::PORT));
    let about = message.unreachable().unwrap();
    assert_eq!((about.packet.destination, about.ports, about.next_hop_mtu), (SERVER, Some((5060, 5061)), None));
}

#[test]
fn a_later_fragment_has_no_ports() {
    let [_, later] = udp_in_two("10.0.0.1:5060", "10.0.0.2:5061", &[1; 400], 3, 200);
    let bytes = port_unreachable(&later);
    let message = Message::read(Packet::read(&bytes).unwrap().payload).unwrap();
    assert_eq!(message.unreachable().unwrap().ports, None);
}

#[test]
fn fragmentation_needed_tells_the_next_hops_mtu() {
    let about = udp("10.0.0.1:5060", "10.0.0.2:5061", &[1; 400]);
    let mut bytes = vec![3, 4, 0, 0, 0, 0, 0x05, 0x14];
    bytes.extend(&about[..28]);
    assert_eq!(Message::read(&bytes).unwrap().unreachable().unwrap().next_hop_mtu, Some(1300));
}

#[test]
fn another_message_is_about_no_packet() {
    let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    let message = Message::read(&echo).unwrap();
    assert!(message.unreachable().is_none() && message.checksum_is_right());
}

#[test]
fn a_quotation_that_is_too_short_says_where() {
    let about = udp("10.0.0.1:5060", "10.0.0.2:5061", &[1; 400]);
    let cut = |length: usize| {
        let mut bytes = vec![3, 3, 0, 0, 0, 0, 0, 0];
        bytes.extend(&about[..length]);
        Message::read(&bytes).map(|_| ()).map_err(|error| (error.offset, error.fault))
    };
    assert_eq!(cut(28), Ok(()));
    assert_eq!(cut(27), Err((28, Fault::Truncated { needed: 8, found: 7 })));
    assert_eq!(cut(19), Err((8, Fault::Truncated { needed: 20, found: 19 })));
    let seven = [3, 3, 0, 0, 0, 0, 0];
    assert_eq!(Message::read(&seven).unwrap_err().fault, Fault::Truncated { needed: 8, found: 7 });
}
