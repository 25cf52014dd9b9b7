//! The event log: a line an entry, whatever its fields hold.

use busyhour_trace::{Event, HostId, Log, SimTime, Source};

#[test]
fn a_field_that_could_be_misread_is_quoted_and_a_line_stays_a_line() {
    let mut log = Log::default();
    for text in ["plain", "", "two words", "a=b", "say \"hi\"", "one\ntwo", "one\rtwo", "bell\u{7}"] {
        log.push(Event::new(SimTime::ZERO, Source::Claim, "said").with("text", text));
    }
    assert_eq!(log.to_text().lines().count(), log.events().len());
    insta::assert_snapshot!(log.to_text(), @r#"
    0.000000s  claim  -             said text=plain
    0.000000s  claim  -             said text=""
    0.000000s  claim  -             said text="two words"
    0.000000s  claim  -             said text="a=b"
    0.000000s  claim  -             said text="say \"hi\""
    0.000000s  claim  -             said text="one\ntwo"
    0.000000s  claim  -             said text="one\rtwo"
    0.000000s  claim  -             said text="bell\u{7}"
    "#);
}

#[test]
fn a_host_is_found_by_its_name_and_named_by_its_number() {
    let mut log = Log::default();
    let (alice, crm) = (log.name_host("alice"), log.name_host("crm"));
    assert_eq!((log.host_called("alice"), log.host_called("crm")), (Some(alice), Some(crm)));
    assert_eq!(log.host_called("mallory"), None);
    assert_eq!((log.host_name(crm), log.host_name(HostId(2))), ("crm", "?"));
}

#[test]
fn a_field_is_read_as_what_it_is_and_as_nothing_else() {
    let event = Event::new(SimTime::ZERO, Source::World, "cut")
        .with("cut", 7u64)
        .with("protocol", "udp")
        .with("from", vec!["alice".to_owned()]);
    assert_eq!((event.number("cut"), event.text("cut"), event.list("cut")), (Some(7), None, None));
    assert_eq!((event.number("protocol"), event.text("protocol")), (None, Some("udp")));
    assert_eq!(event.list("from"), Some(&["alice".to_owned()][..]));
    assert_eq!(event.number("none"), None);
}
