//! Session timers (RFC 4028).

use std::time::Duration;

use busyhour::sip::ua::{Ending, Event, SessionSettings, Settings};

use crate::pair::{ANSWER, Fate, Pair, Side};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn pair_with(interval: u64, least_of_b: u64) -> Pair {
    let session = |interval: Option<u64>, least: u64| SessionSettings {
        interval: interval.map(Duration::from_secs),
        least: Duration::from_secs(least),
    };
    let a = Settings { session: session(Some(interval), 90), ..Settings::at("10.0.0.1:5060") };
    let b = Settings { session: session(None, least_of_b), ..Settings::at("10.0.0.2:5060") };
    Pair::with(a, b)
}

/// Section 7.2: the refresher refreshes at half of the interval, and one refresh carries the session on.
#[test]
fn a_session_is_refreshed_at_half_of_its_interval_by_one_side_alone() {
    let mut pair = pair_with(120, 90);
    let _ = pair.talking();
    let up = pair.times(Side::B, "200 INVITE")[0] + 10;
    pair.run_to(up + 59_999);
    assert!(pair.times(Side::A, "UPDATE").is_empty());
    pair.run_to(up + 60_000);
    assert_eq!(pair.times(Side::A, "UPDATE").len(), 1);
    pair.run_to(up + 299_000);
    assert_eq!(pair.times(Side::A, "UPDATE").len(), 4, "each a minute and a round trip after the one before");
    assert!(pair.times(Side::B, "UPDATE").is_empty(), "Telephone#180: both refresh");
    assert!(pair.endings(Side::A).is_empty() && pair.endings(Side::B).is_empty());
}

/// drachtio#375, section 10: the side that doesn't refresh hangs up a third of the interval, at most 32 s, before the
/// end.
#[test]
fn a_session_that_nobody_refreshes_is_ended_before_its_interval_is_over() {
    let mut pair = pair_with(90, 90);
    let _ = pair.talking();
    let answered = pair.times(Side::B, "200 INVITE")[0];
    pair.fate(|side, _, _| if side == Side::A { Fate::Lost } else { Fate::Arrives });
    pair.run_to(answered + 59_999);
    assert!(pair.times(Side::B, "BYE").is_empty());
    pair.run(MS);
    assert_eq!(pair.times(Side::B, "BYE").len(), 1);
    pair.run(60 * SECOND);
    assert_eq!(pair.endings(Side::B), [Ending::SessionExpired]);
}

/// Section 6: an interval that's too small for the other side is asked for again, larger.
#[test]
fn an_interval_that_is_too_small_is_asked_for_again() {
    let mut pair = pair_with(90, 200);
    pair.call();
    pair.run(SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 422 INVITE", "A ACK", "A INVITE", "B 100 INVITE"]);
    let asked = pair.events.iter().find_map(|(_, event)| match event {
        Event::Incoming { request, .. } => request.named("Session-Expires").map(str::to_owned),
        _ => None,
    });
    assert_eq!(asked.as_deref(), Some("200"));
}

#[test]
fn an_interval_of_exactly_the_least_is_taken() {
    let mut pair = pair_with(90, 90);
    pair.call();
    pair.run(100 * MS);
    assert_eq!(pair.talk(), ["A INVITE"]);
    let (now, b) = (pair.now, pair.incoming());
    pair.b.accept(now, b, Some(ANSWER.into()));
    pair.run(SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 200 INVITE", "A ACK"]);
}
