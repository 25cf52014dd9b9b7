//! Provisional responses that are acknowledged (RFC 3262).

use std::time::Duration;

use busyhour::sip::ua::{Ending, Event, ReliableProvisionals, Settings};

use crate::pair::{ANSWER, Fate, Pair, Side};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn ringing(description: bool) -> (Pair, busyhour::sip::ua::CallId) {
    let mut pair = Pair::new();
    pair.call();
    pair.run(50 * MS);
    let (now, b) = (pair.now, pair.incoming());
    pair.b.ring(now, b, 183, description.then(|| ANSWER.into()));
    (pair, b)
}

#[test]
fn a_provisional_response_is_acknowledged_by_a_prack() {
    let (mut pair, _) = ringing(false);
    pair.run(SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 183 INVITE", "A PRACK", "B 200 PRACK"]);
}

/// Section 3: it goes out again at T1, doubling, until its PRACK comes.
#[test]
fn a_provisional_response_comes_again_until_its_prack_does_and_counts_once() {
    let (mut pair, _) = ringing(false);
    pair.fate(|side, _, what| if side == Side::A && what == "PRACK" { Fate::Lost } else { Fate::Arrives });
    pair.run(5 * SECOND);
    assert_eq!(pair.gaps(Side::B, "183 INVITE"), [500, 1_000, 2_000]);
    let told = pair.events.iter().filter(|(_, event)| matches!(event, Event::Progress { .. })).count();
    assert_eq!(told, 1);
}

/// Section 3: after 64*T1 without a PRACK the INVITE is refused with a 5xx.
#[test]
fn without_a_prack_the_call_is_refused_after_32_seconds_and_not_before() {
    let (mut pair, _) = ringing(false);
    pair.fate(|side, _, what| if side == Side::A && what == "PRACK" { Fate::Lost } else { Fate::Arrives });
    pair.run(32 * SECOND - MS);
    assert!(pair.endings(Side::B).is_empty());
    pair.run(2 * MS);
    assert_eq!(pair.endings(Side::B), [Ending::Rejected(500)]);
}

/// Section 5: an answer in a provisional response must be acknowledged before the call may be.
#[test]
fn an_answer_waits_for_the_prack_of_an_early_one() {
    let (mut pair, b) = ringing(true);
    let now = pair.now;
    pair.b.accept(now, b, None);
    pair.run(SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 183 INVITE", "A PRACK", "B 200 PRACK", "B 200 INVITE", "A ACK"]);
}

#[test]
fn two_provisional_responses_go_one_after_the_other() {
    let (mut pair, b) = ringing(false);
    let now = pair.now;
    pair.b.ring(now, b, 180, None);
    pair.run(SECOND);
    assert_eq!(
        pair.talk(),
        ["A INVITE", "B 183 INVITE", "A PRACK", "B 200 PRACK", "B 180 INVITE", "A PRACK", "B 200 PRACK"]
    );
}

#[test]
fn nobody_acknowledges_for_a_caller_who_does_not_know_how() {
    let plain = Settings { reliable_provisionals: ReliableProvisionals::No, ..Settings::at("10.0.0.1:5060") };
    let mut pair = Pair::with(plain, Settings::at("10.0.0.2:5060"));
    pair.call();
    pair.run(50 * MS);
    let (now, b) = (pair.now, pair.incoming());
    pair.b.ring(now, b, 180, None);
    pair.run(5 * SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 180 INVITE"]);
}
