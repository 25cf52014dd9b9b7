//! RFC 5118: IPv6 in SIP messages.

use std::net::IpAddr;

use busyhour::sip::{Field, Message, Problem};

use crate::{fixture, fixtures};

fn sound(name: &str) -> Message {
    let message = Message::read(fixture("rfc5118", name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    message.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    message
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

#[test]
fn all_twelve_are_here() {
    assert_eq!(fixtures("rfc5118").len(), 12);
}

// 4.1
#[test]
fn references_in_target_via_and_contact() {
    let message = sound("ipv6-good");
    let target = message.target_uri().unwrap();
    assert_eq!((target.host, target.port, target.ip()), ("[2001:db8::10]", None, address("2001:db8::10")));
    assert_eq!(message.via().unwrap().host, "[2001:db8::9:1]");
    let contacts = message.contacts().unwrap();
    assert_eq!((contacts[0].uri.user, contacts[0].uri.host), (Some("caller"), "[2001:db8::1]"));
}

// 4.2
#[test]
fn an_address_without_brackets_is_refused() {
    let error = Message::read(fixture("rfc5118", "ipv6-bad")).unwrap().check().unwrap_err();
    assert_eq!((error.field(), error.problem()), (Field::Target, Problem::NotAPort));
    assert_eq!(error.status(), Some((400, "Bad Request")));
}

// 4.3 and 4.4
#[test]
fn a_port_is_behind_the_brackets() {
    let ambiguous = sound("port-ambiguous");
    let target = ambiguous.target_uri().unwrap();
    assert_eq!((target.port, target.ip()), (None, address("2001:db8::10:5070")));
    let clear = sound("port-unambiguous");
    let target = clear.target_uri().unwrap();
    assert_eq!((target.port, target.ip()), (Some(5070), address("2001:db8::10")));
}

// 4.5
#[test]
fn received_is_read_with_brackets_and_without() {
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let message = sound(name);
        let via = message.via().unwrap();
        assert_eq!(via.received_ip(), address("2001:db8::9:255"), "{name}");
        assert!(via.branch().unwrap().starts_with("z9hG4bKas3"), "{name}");
    }
}

// 4.6 and 4.8
#[test]
fn bodies_are_left_alone() {
    assert!(sound("ipv6-in-sdp").body().windows(21).any(|line| line == b"c=IN IP6 2001:db8::20"));
    assert!(sound("mult-ip-in-sdp").body().windows(20).any(|line| line == b"c=IN IP6 2001:db8::1"));
}

// 4.7
#[test]
fn both_families_in_the_vias() {
    let message = sound("mult-ip-in-header");
    let vias = message.vias().unwrap();
    assert_eq!((vias[0].host, vias[0].port), ("[2001:db8::9:1]", Some(6050)));
    assert_eq!((vias[1].host, vias[1].port), ("192.0.2.1", None));
    assert_eq!(vias[2].received_ip(), address("192.0.2.200"));
}

// 4.9
#[test]
fn mapped_addresses() {
    let message = sound("ipv4-mapped-ipv6");
    let vias = message.vias().unwrap();
    assert_eq!((vias[0].host, vias[0].port), ("[::ffff:192.0.2.10]", Some(19823)));
    assert_eq!(message.contacts().unwrap()[0].uri.ip(), address("::ffff:192.0.2.2"));
}

// 4.10
#[test]
fn a_third_colon_before_an_ipv4_address_is_understood() {
    let tolerated = sound("ipv6-bug-abnf-3-colons");
    let correct = sound("ipv6-correct-abnf-2-colons");
    assert_eq!(tolerated.target_uri().unwrap().ip(), address("2001:db8::192.0.2.1"));
    assert!(tolerated.target_uri().unwrap().same_as(&correct.target_uri().unwrap()));
    // And nowhere else.
    for host in ["[2001:db8:::1]", "[2001::db8::1]", "[2001:db8::1", "[]", "[12345::]"] {
        assert!(busyhour::sip::Uri::read(&format!("sip:{host}")).is_err(), "{host}");
    }
}
