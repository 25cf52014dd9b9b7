//! Offers within a call: hold, glare, and what comes at a bad moment (RFC 3261 section 14, RFC 3311).

use std::time::Duration;

use busyhour::sip::ua::{Event, Quirks};

use crate::pair::{ANSWER, Fate, OFFER, Pair, Side};

const SECOND: Duration = Duration::from_secs(1);

/// Each side agrees to whatever it's offered.
fn agreeable(pair: &mut Pair, time: Duration) {
    pair.run_with(time, |ua, now, (_, event)| {
        if let Event::Offered { call, .. } = event {
            ua.answer_offer(now, *call, Some(ANSWER.into()));
        }
    });
}

fn answered(pair: &Pair, by: Side) -> usize {
    pair.events.iter().filter(|(side, event)| *side == by && matches!(event, Event::OfferAnswered { .. })).count()
}

#[test]
fn an_offer_within_a_call_is_answered_and_acknowledged() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let (now, before) = (pair.now, pair.said.len());
    pair.a.offer(now, a, Some(OFFER.into()));
    agreeable(&mut pair, SECOND);
    assert_eq!(pair.talk()[before..], ["A INVITE", "B 200 INVITE", "A ACK"]);
    assert_eq!(answered(&pair, Side::A), 1);
}

/// pjproject#3886, JsSIP#771: both put the other on hold at once. Each gets a 491, waits in its own band, and both
/// offers come through in the end.
#[test]
fn offers_that_cross_are_both_made_again_and_the_owner_of_the_call_id_waits_longer() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.b.offer(now, b, Some(ANSWER.into()));
    agreeable(&mut pair, 10 * SECOND);
    assert_eq!((answered(&pair, Side::A), answered(&pair, Side::B)), (1, 1));
    let begun = now.as_nanos() / 1_000_000;
    let again = |side: Side| *pair.times(side, "INVITE").last().unwrap() - begun;
    // 20 ms for the 491 to come, then 2.1 s to 4 s for the owner, 0 s to 2 s for the other (14.1).
    assert!((2_120..=4_020).contains(&again(Side::A)), "{}", again(Side::A));
    assert!((20..=2_020).contains(&again(Side::B)), "{}", again(Side::B));
    assert_eq!(pair.times(Side::A, "491 INVITE").len() + pair.times(Side::B, "491 INVITE").len(), 2);
}

#[test]
fn who_ignores_glare_answers_an_offer_while_its_own_is_open() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.b.set_quirks(Quirks { ignores_glare: true, ..Quirks::default() });
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.b.offer(now, b, Some(ANSWER.into()));
    agreeable(&mut pair, SECOND);
    assert!(pair.times(Side::B, "491 INVITE").is_empty());
}

/// baresip/re#1071, section 14.2: a second INVITE before the first is answered: 500, and when to come again.
#[test]
fn a_second_offer_before_the_first_is_answered_is_refused_for_a_while() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.run(SECOND / 2);
    let offered = pair.events.iter().find_map(|(side, event)| match event {
        Event::Offered { request, .. } if *side == Side::B => Some(request.clone()),
        _ => None,
    });
    let text = String::from_utf8(offered.unwrap().raw().to_vec()).unwrap();
    let next = text.replacen("z9hG4bK", "z9hG4bKnext", 1).replacen("CSeq: 2 INVITE", "CSeq: 3 INVITE", 1);
    let (now, flow) = (pair.now, pair.flow_to(Side::A));
    pair.b.receive(now, busyhour::sip::Message::read(next).unwrap(), flow);
    pair.run(SECOND / 2);
    // A, who never sent it, acknowledges nothing, so the refusal comes more than once.
    assert!(!pair.times(Side::B, "500 INVITE").is_empty(), "{:?}", pair.talk());
}

/// pjproject#1725: the answer to an offer comes again while another is under way: it's acknowledged all the same.
#[test]
fn a_repeated_answer_to_an_offer_is_acknowledged_again() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.lose(Side::A, "ACK", 2);
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    agreeable(&mut pair, 5 * SECOND);
    assert_eq!(pair.times(Side::A, "ACK").len(), 4, "the first call's, and three of the offer's");
    assert!(pair.endings(Side::A).is_empty() && pair.endings(Side::B).is_empty());
}

/// SIP.js#685: an offer that's refused leaves the session as it was, and the call up.
#[test]
fn a_refused_offer_is_reported_and_the_call_goes_on() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.run(SECOND / 2);
    let now = pair.now;
    pair.b.refuse_offer(now, b, 488);
    pair.run(SECOND);
    assert!(pair.events.iter().any(|(_, event)| matches!(event, Event::OfferRefused { status: 488, .. })));
    assert_eq!((pair.a.calls(), pair.b.calls()), (1, 1));
}

/// 12.2.1.2: a dialog whose request times out is over.
#[test]
fn an_offer_that_nobody_answers_ends_the_call() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.fate(|side, _, _| if side == Side::B { Fate::Lost } else { Fate::Arrives });
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.run(31 * SECOND);
    assert!(pair.endings(Side::A).is_empty());
    pair.run(70 * SECOND);
    assert_eq!(pair.endings(Side::A).len(), 1);
}

/// RFC 3311 5.2: UPDATE is answered at once, and has no ACK.
#[test]
fn an_update_is_an_offer_without_an_ack() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let (now, before) = (pair.now, pair.said.len());
    pair.a.update(now, a, Some(OFFER.into()));
    agreeable(&mut pair, SECOND);
    assert_eq!(pair.talk()[before..], ["A UPDATE", "B 200 UPDATE"]);
    assert_eq!(answered(&pair, Side::A), 1);
}

#[test]
fn an_offer_made_while_another_is_open_follows_it() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.a.offer(now, a, Some(ANSWER.into()));
    agreeable(&mut pair, 5 * SECOND);
    assert_eq!(answered(&pair, Side::A), 2);
    assert_eq!(pair.times(Side::B, "491 INVITE").len(), 0, "one after the other");
}

#[test]
fn an_offer_made_while_another_is_open_follows_it_even_if_that_is_refused() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.a.offer(now, a, Some(ANSWER.into()));
    pair.run(SECOND / 2);
    let now = pair.now;
    pair.b.refuse_offer(now, b, 488);
    agreeable(&mut pair, 5 * SECOND);
    assert_eq!(answered(&pair, Side::A), 1);
}

#[test]
fn who_hangs_up_answers_the_offer_that_is_open() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let now = pair.now;
    pair.a.offer(now, a, Some(OFFER.into()));
    pair.run(SECOND / 2);
    let now = pair.now;
    pair.b.end(now, b);
    pair.run(SECOND);
    assert_eq!(pair.times(Side::B, "487 INVITE").len(), 1, "{:?}", pair.talk());
}
