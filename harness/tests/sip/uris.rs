//! RFC 3261 19.1.4: which URIs are the same; RFC 3966 5 for numbers; escapes.

use busyhour::sip::{Address, Uri, escape_user, quote, unescape};

fn same(one: &str, other: &str) -> bool {
    let (one, other) = (Uri::read(one).unwrap(), Uri::read(other).unwrap());
    assert_eq!(one.same_as(&other), other.same_as(&one), "{one} and {other}, and the other way round");
    one.same_as(&other)
}

#[test]
fn those_that_the_rfc_calls_the_same_are() {
    for (one, other) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("SIP:a@b", "sip:a@b"),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:0db8:0::0:1]"),
        ("sip:a%7e@b", "sip:a%7E@b"),
    ] {
        assert!(same(one, other), "{one} and {other}");
    }
    // The relation isn't transitive, and the RFC says so.
    assert!(!same("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
}

#[test]
fn those_that_the_rfc_calls_different_are() {
    for (one, other) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a@b", "sip:a:secret@b"),
        ("sip:a@b?x=1&x=1&y=2", "sip:a@b?x=1&y=2&y=2"),
        ("sip:a@b?x=1", "sip:a@b?x=2"),
        ("sip:a@b;user=phone", "sip:a@b"),
        ("sip:a@b;maddr=c", "sip:a@b"),
        ("sip:a%40x@b", "sip:a%3Ax@b"),
        ("sip:a%3Bx@b", "sip:a;x@b"),
    ] {
        assert!(!same(one, other), "{one} and {other}");
    }
}

#[test]
fn numbers_are_the_same_without_their_separators() {
    assert!(same("tel:+1-201-555-0123", "tel:+1(201)555.0123"));
    assert!(same("tel:123;phone-context=A.com;x=1", "tel:123;x=1;phone-context=a.com"));
    assert!(!same("tel:123", "tel:124"));
    assert!(!same("tel:123;phone-context=a.com", "tel:123"));
    assert!(!same("tel:123", "sip:123@b"));
    assert!(same("URN:x:y", "urn:x:y") && !same("urn:x:y", "urn:x:Y"));
}

#[test]
fn what_is_escaped_comes_back() {
    for user in ["alice", "a b", "100%", "ä:@;", "a/b?c#d", "\0\u{7f}", "\"<>\""] {
        let text = format!("sip:{}@host", escape_user(user));
        let uri = Uri::read(&text).unwrap();
        assert_eq!((uri.user_name().unwrap().as_ref(), uri.password), (user, None), "{text}");
    }
    assert_eq!(unescape("%4"), "%4");
    assert_eq!(unescape("%zz%41"), "%zzA");
    assert_eq!(unescape("%ff"), "\u{fffd}");
}

#[test]
fn what_is_quoted_comes_back() {
    for name in ["", "Bob", "Bob \"B\"", "back\\slash\\", "a, <b>; c", "Ä"] {
        let text = format!("{} <sip:a@b>;tag=1", quote(name));
        let address = Address::read(&text).unwrap();
        assert_eq!((address.display_name().as_ref(), address.tag()), (name, Some("1")), "{text}");
        assert_eq!(Address::read(&address.to_string()).unwrap(), address);
    }
    assert_eq!(quote("a\r\nb"), "\"a  b\"");
}
