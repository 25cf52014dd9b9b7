//! Calls from INVITE to BYE (RFC 3261 sections 9, 13, 15).

use std::time::Duration;

use busyhour::sip::ua::{Ending, Event, Quirks, Settings};

use crate::pair::{ANSWER, Fate, Pair, Side};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_call_is_made_answered_and_ended_and_leaves_nothing_behind() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let now = pair.now;
    pair.a.end(now, a);
    pair.run(60 * SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 200 INVITE", "A ACK", "A BYE", "B 200 BYE"]);
    assert_eq!(pair.endings(Side::A), [Ending::HungUp]);
    assert_eq!(pair.endings(Side::B), [Ending::PeerHungUp]);
    assert!(pair.is_quiet());
}

/// 13.3.1.4: the 2xx goes out again at T1, doubling to T2, over every transport.
#[test]
fn a_lost_ack_makes_the_answer_come_again_until_it_is_heard() {
    let mut pair = Pair::new();
    pair.lose(Side::A, "ACK", 3);
    let (_, _) = pair.talking();
    pair.run(10 * SECOND);
    assert_eq!(pair.gaps(Side::B, "200 INVITE"), [500, 1_000, 2_000]);
    assert_eq!(pair.times(Side::A, "ACK").len(), 4, "each answer is acknowledged");
    assert!(pair.endings(Side::A).is_empty() && pair.endings(Side::B).is_empty());
}

/// 13.3.1.4: without an ACK for 64*T1 the call is torn down. One side thinks that it talks, so it's told by a BYE.
#[test]
fn an_answer_that_nobody_acknowledges_is_taken_back_after_32_seconds_and_not_before() {
    let settings = |ip| Settings::at(format!("{ip}:5060"));
    let deaf = Settings { quirks: Quirks { never_acknowledges: true, ..Quirks::default() }, ..settings("10.0.0.1") };
    let mut pair = Pair::with(deaf, settings("10.0.0.2"));
    let (_, _) = pair.talking();
    let answered = pair.times(Side::B, "200 INVITE")[0];
    pair.run_to(answered + 31_999);
    assert!(pair.times(Side::B, "BYE").is_empty());
    pair.run(MS);
    assert_eq!(pair.times(Side::B, "BYE").len(), 1);
    pair.run(SECOND);
    assert_eq!(pair.endings(Side::B), [Ending::Unacknowledged]);
    assert_eq!(pair.endings(Side::A), [Ending::PeerHungUp]);
    let gaps = [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000];
    assert_eq!(pair.gaps(Side::B, "200 INVITE")[..9], gaps[..9]);
}

/// 15: whoever was called may not hang up before the ACK.
#[test]
fn who_answers_and_hangs_up_at_once_waits_for_the_ack() {
    let mut pair = Pair::new();
    pair.call();
    pair.run(50 * MS);
    let (now, b) = (pair.now, pair.incoming());
    pair.b.accept(now, b, Some(ANSWER.into()));
    pair.b.end(now, b);
    pair.run(SECOND);
    assert_eq!(pair.talk(), ["A INVITE", "B 200 INVITE", "A ACK", "B BYE", "A 200 BYE"]);
}

/// 9.1: no CANCEL before a provisional response; the INVITE is given up with the first that comes.
#[test]
fn a_call_given_up_before_anything_was_heard_is_cancelled_with_the_first_sign_of_life() {
    let mut pair = Pair::new();
    pair.lose(Side::A, "INVITE", 1);
    let a = pair.call();
    let now = pair.now;
    pair.a.end(now, a);
    pair.run(400 * MS);
    assert_eq!(pair.talk(), ["A INVITE"]);
    pair.run(SECOND);
    assert_eq!(
        pair.talk(),
        ["A INVITE", "A INVITE", "B 100 INVITE", "A CANCEL", "B 200 CANCEL", "B 487 INVITE", "A ACK"]
    );
    assert_eq!(pair.endings(Side::A), [Ending::Abandoned]);
    assert_eq!(pair.endings(Side::B), [Ending::Cancelled]);
    pair.run(60 * SECOND);
    assert!(pair.is_quiet());
}

/// JsSIP#597, pjproject#3234: CANCEL and 200 cross on the wire. The call exists at the called side, so it's ended by
/// a BYE after its ACK.
#[test]
fn a_cancel_that_crosses_the_answer_is_followed_by_ack_and_bye() {
    let mut pair = Pair::new();
    let a = pair.call();
    pair.run(50 * MS);
    let (now, b) = (pair.now, pair.incoming());
    pair.b.ring(now, b, 180, None);
    pair.run(50 * MS);
    let now = pair.now;
    pair.a.end(now, a);
    pair.b.accept(now, b, Some(ANSWER.into()));
    pair.run(SECOND);
    let talk = pair.talk();
    assert_eq!(talk[talk.len() - 6..].iter().filter(|line| *line == "A ACK").count(), 1);
    assert!(talk.contains(&"A CANCEL".to_owned()) && talk.contains(&"B 200 CANCEL".to_owned()), "{talk:?}");
    assert!(talk.contains(&"A BYE".to_owned()) && talk.contains(&"B 200 BYE".to_owned()), "{talk:?}");
    assert_eq!(pair.endings(Side::A), [Ending::Abandoned]);
    assert_eq!(pair.endings(Side::B), [Ending::PeerHungUp]);
    pair.run(60 * SECOND);
    assert!(pair.is_quiet());
}

/// 9.1: the other side may never say anything after a CANCEL; after 64*T1 the call counts as cancelled.
#[test]
fn a_cancelled_call_of_which_nothing_is_heard_is_over_after_32_seconds_and_not_before() {
    let mut pair = Pair::new();
    let a = pair.call();
    pair.run(500 * MS);
    pair.fate(|side, _, _| if side == Side::B { Fate::Lost } else { Fate::Arrives });
    let now = pair.now;
    pair.a.end(now, a);
    pair.run(32 * SECOND - MS);
    assert!(pair.endings(Side::A).is_empty());
    pair.run(2 * MS);
    assert_eq!(pair.endings(Side::A), [Ending::Abandoned]);
}

/// siphon-sip#134: BYE against BYE. Both are answered, and both sides end at once.
#[test]
fn when_both_hang_up_at_once_both_byes_are_answered() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let now = pair.now;
    pair.a.end(now, a);
    pair.b.end(now, b);
    pair.run(SECOND);
    assert_eq!(pair.endings(Side::A), [Ending::HungUp]);
    assert_eq!(pair.endings(Side::B), [Ending::HungUp]);
    assert_eq!(pair.times(Side::A, "BYE").len() + pair.times(Side::B, "BYE").len(), 2);
    let answers = pair.said.iter().filter(|said| said.what.ends_with(" BYE")).count();
    assert_eq!(answers, 2, "{:?}", pair.talk());
    pair.run(60 * SECOND);
    assert!(pair.is_quiet());
}

/// pjproject#3541: one INVITE that arrives by two ways is one call; the second is told so (8.2.2.2).
#[test]
fn an_invite_that_comes_by_two_ways_is_merged() {
    let mut pair = Pair::new();
    let mut invite = None;
    pair.call();
    pair.run(50 * MS);
    pair.events.iter().for_each(|(_, event)| {
        if let Event::Incoming { request, .. } = event {
            invite = Some(request.clone());
        }
    });
    let invite = invite.expect("B was called");
    let other = String::from_utf8(invite.raw().to_vec()).unwrap().replacen("branch=z9hG4bK", "branch=z9hG4bKother", 1);
    let (now, flow) = (pair.now, pair.flow_to(Side::A));
    pair.b.receive(now, busyhour::sip::Message::read(other).unwrap(), flow);
    pair.run(100 * MS);
    assert!(pair.talk().contains(&"B 482 INVITE".to_owned()), "{:?}", pair.talk());
    assert_eq!(pair.b.calls(), 1);
}

/// JsSIP#114: two phones answer one INVITE behind a forking proxy. The second is acknowledged and hung up on.
#[test]
fn of_two_forks_that_answer_the_second_gets_an_ack_and_a_bye() {
    let mut pair = Pair::new();
    let (_, _) = pair.talking();
    // As a second phone behind a forking proxy would answer: the same answer with another tag.
    let answer = pair.events.iter().find_map(|(side, event)| match event {
        Event::Answered { response, .. } if *side == Side::A => Some(response.clone()),
        _ => None,
    });
    let answer = String::from_utf8(answer.unwrap().raw().to_vec()).unwrap();
    let to = answer.lines().find(|line| line.starts_with("To:")).unwrap().to_owned();
    let other = answer.replace(&to, &format!("{}fork", to.trim_end()));
    let (now, flow) = (pair.now, pair.flow_to(Side::B));
    let before = pair.said.len();
    pair.a.receive(now, busyhour::sip::Message::read(other).unwrap(), flow);
    pair.settle();
    assert_eq!(pair.talk()[before..], ["A ACK", "A BYE"]);
    assert_eq!(pair.a.calls(), 1, "the first is still up");
}

#[test]
fn a_request_for_a_call_that_nobody_knows_is_refused_with_481() {
    let mut pair = Pair::new();
    let (_, b) = pair.talking();
    let (now, a_calls) = (pair.now, pair.a.calls());
    // A forgets the call, as a process does that was killed.
    assert_eq!(a_calls, 1);
    pair.a = busyhour::sip::ua::UserAgent::new(Settings::at("10.0.0.1:5060"), busyhour::world::Random::stream(2, "a"));
    pair.b.end(now, b);
    pair.run(SECOND);
    assert_eq!(pair.talk()[pair.said.len() - 2..], ["B BYE", "A 481 BYE"]);
    assert_eq!(pair.endings(Side::B), [Ending::HungUp]);
}

/// 12.2.2: a request that comes late is out of order, and one with a gap in the numbers is in order.
#[test]
fn a_request_with_a_lower_number_than_the_last_is_out_of_order() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.a.set_quirks(Quirks { counts_backwards: true, ..Quirks::default() });
    let now = pair.now;
    pair.a.offer(now, a, Some(ANSWER.into()));
    pair.run(100 * MS);
    assert!(pair.talk().contains(&"B 500 INVITE".to_owned()), "{:?}", pair.talk());
}
