//! REFER, NOTIFY and Replaces (RFC 3515, RFC 3891).

use std::time::Duration;

use busyhour::sip::ua::{Event, Outgoing};

use crate::pair::{OFFER, Pair, Side};

const SECOND: Duration = Duration::from_secs(1);

fn obedient(pair: &mut Pair, outcome: u16) {
    pair.run_with(5 * SECOND, move |ua, now, (_, event)| {
        if let Event::Referred { call, request } = event {
            ua.accept_refer(now, *call, request);
            ua.notify(now, *call, outcome);
        }
    });
}

fn news(pair: &Pair) -> Vec<(u16, bool)> {
    let of = |event: &Event| match event {
        Event::Notified { status, last, .. } => Some((*status, *last)),
        _ => None,
    };
    pair.events.iter().filter(|(side, _)| *side == Side::A).filter_map(|(_, event)| of(event)).collect()
}

/// jambonz#217: who asks for a transfer hears what became of it, and knows when no more will come.
#[test]
fn a_transfer_is_accepted_and_its_outcome_reported() {
    for outcome in [200, 486] {
        let mut pair = Pair::new();
        let (a, _) = pair.talking();
        let now = pair.now;
        pair.a.refer(now, a, "<sip:carol@10.0.0.3>", "<sip:a@10.0.0.1>");
        obedient(&mut pair, outcome);
        assert_eq!(news(&pair), [(100, false), (outcome, true)]);
        assert!(pair.events.iter().any(|(_, event)| matches!(event, Event::ReferAnswered { status: 202, .. })));
        assert_eq!((pair.a.calls(), pair.b.calls()), (1, 1), "a transfer by itself ends no call");
    }
}

/// siphon-sip#295: a NOTIFY with a BYE right behind it. Whoever hangs up after the report reports first.
#[test]
fn a_report_right_before_the_bye_is_heard() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let now = pair.now;
    pair.a.refer(now, a, "<sip:carol@10.0.0.3>", "<sip:a@10.0.0.1>");
    pair.run_with(5 * SECOND, |ua, now, (side, event)| {
        if let (Side::B, Event::Referred { call, request }) = (side, event) {
            ua.accept_refer(now, *call, request);
            ua.notify(now, *call, 200);
            ua.end(now, *call);
        }
    });
    assert_eq!(news(&pair), [(100, false), (200, true)]);
    assert_eq!((pair.a.calls(), pair.b.calls()), (0, 0));
}

#[test]
fn a_refused_transfer_leaves_the_call_as_it_is() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let now = pair.now;
    pair.a.refer(now, a, "<sip:nobody@10.0.0.3>", "<sip:a@10.0.0.1>");
    pair.run_with(SECOND, |ua, now, (_, event)| {
        if let Event::Referred { call, request } = event {
            ua.refuse_refer(now, *call, request, 603);
        }
    });
    assert!(pair.events.iter().any(|(_, event)| matches!(event, Event::ReferAnswered { status: 603, .. })));
    assert_eq!((pair.a.calls(), pair.b.calls()), (1, 1));
}

fn call_with_replaces(pair: &mut Pair, replaces: String) {
    let flow = pair.flow_to(Side::B);
    let outgoing = Outgoing::new("sip:b@10.0.0.2:5060", "<sip:c@10.0.0.1>", "<sip:c@10.0.0.1:5060>", flow);
    let now = pair.now;
    pair.a.call(now, outgoing.offering(OFFER).with("Replaces", replaces));
    pair.run(SECOND);
}

/// RFC 3891 section 3: the INVITE names the call that it takes the place of.
#[test]
fn an_invite_that_replaces_a_call_says_which() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let replaces = pair.a.replaces(a).expect("the call is up");
    call_with_replaces(&mut pair, replaces);
    let named = pair.events.iter().find_map(|(_, event)| match event {
        Event::Incoming { replaces: Some(call), .. } => Some(*call),
        _ => None,
    });
    assert_eq!(named, Some(b));
}

#[test]
fn an_invite_that_replaces_a_call_which_is_not_there_is_refused() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let replaces = pair.a.replaces(a).unwrap().replace("to-tag=", "to-tag=other");
    call_with_replaces(&mut pair, replaces);
    assert_eq!(pair.times(Side::B, "481 INVITE").len(), 1);
}

#[test]
fn an_early_only_replacement_of_a_call_that_is_up_is_busy() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let replaces = format!("{};early-only", pair.a.replaces(a).unwrap());
    call_with_replaces(&mut pair, replaces);
    assert_eq!(pair.times(Side::B, "486 INVITE").len(), 1);
}
