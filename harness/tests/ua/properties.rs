//! Whatever a wire loses, repeats or delays, and whenever the two act: both sides end in the same place.

use std::time::Duration;

use busyhour::sip::ua::{Ending, Event};
use proptest::prelude::*;

use crate::pair::{ANSWER, Fate, OFFER, Pair, Side};

/// What somebody does at some moment of a call.
#[derive(Debug, Clone, Copy)]
enum Act {
    Rings,
    Answers,
    Rejects,
    Ends(Side),
    Offers(Side),
    Updates(Side),
    Refers(Side),
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let side = prop_oneof![Just(Side::A), Just(Side::B)];
    let act = prop_oneof![
        2 => Just(Act::Rings),
        4 => Just(Act::Answers),
        1 => Just(Act::Rejects),
        2 => side.clone().prop_map(Act::Ends),
        3 => side.clone().prop_map(Act::Offers),
        2 => side.clone().prop_map(Act::Updates),
        1 => side.prop_map(Act::Refers),
    ];
    proptest::collection::vec((0u64..4_000, act), 1..12)
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        3 => Just(Fate::Lost),
        2 => Just(Fate::ArrivesTwice),
        2 => (1u64..1_500).prop_map(|ms| Fate::Late(Duration::from_millis(ms))),
    ];
    proptest::collection::vec(fate, 0..40)
}

/// Plays a call: the first messages meet those fates, whatever comes later arrives.
fn play(acts: &[(u64, Act)], fates: Vec<Fate>) -> Pair {
    let mut pair = Pair::new();
    let mut fates = fates.into_iter();
    pair.fate(move |_, _, _| fates.next().unwrap_or(Fate::Arrives));
    let a = pair.call();
    let agree = |ua: &mut busyhour::sip::ua::UserAgent, now, (_, event): (Side, &Event)| match event {
        Event::Offered { call, .. } => ua.answer_offer(now, *call, Some(ANSWER.into())),
        Event::Referred { call, request } => {
            ua.accept_refer(now, *call, request);
            ua.notify(now, *call, 200);
        }
        _ => {}
    };
    let mut acts = acts.to_vec();
    acts.sort_by_key(|(at, _)| *at);
    let begun = pair.now;
    for (at, act) in acts {
        let due = begun + Duration::from_millis(at);
        pair.run_with(due.since(pair.now), agree);
        let now = pair.now;
        let b = pair.events.iter().find_map(|(side, event)| match event {
            Event::Incoming { call, .. } if *side == Side::B => Some(*call),
            _ => None,
        });
        let of = |side: Side| if side == Side::A { Some(a) } else { b };
        match act {
            Act::Rings => b.into_iter().for_each(|b| pair.b.ring(now, b, 180, None)),
            Act::Answers => b.into_iter().for_each(|b| pair.b.accept(now, b, Some(ANSWER.into()))),
            Act::Rejects => b.into_iter().for_each(|b| pair.b.reject(now, b, 486, &[])),
            Act::Ends(side) => of(side).into_iter().for_each(|call| pair.ua(side).end(now, call)),
            Act::Offers(side) => {
                of(side).into_iter().for_each(|call| pair.ua(side).offer(now, call, Some(OFFER.into())));
            }
            Act::Updates(side) => {
                of(side).into_iter().for_each(|call| pair.ua(side).update(now, call, Some(OFFER.into())));
            }
            Act::Refers(side) => of(side).into_iter().for_each(|call| {
                pair.ua(side).refer(now, call, "<sip:carol@10.0.0.3>", "<sip:x@10.0.0.1>");
            }),
        }
    }
    // Long enough for every timer of a transaction to have gone off twice.
    pair.run_with(Duration::from_secs(200), agree);
    // A phone doesn't ring for ever: a caller who gave up while nothing was heard can't even cancel (9.1).
    let now = pair.now;
    let incoming: Vec<_> = pair
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Incoming { call, .. } => Some(*call),
            _ => None,
        })
        .collect();
    incoming.into_iter().for_each(|call| pair.b.reject(now, call, 480, &[]));
    pair.run_with(Duration::from_secs(200), agree);
    pair
}

/// True for an ending after which the other side has no call either.
fn is_over_there_too(ending: &Ending) -> bool {
    !matches!(ending, Ending::Lost | Ending::Unacknowledged | Ending::SessionExpired)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_end_in_the_same_place(acts in acts(), fates in fates()) {
        let mut pair = play(&acts, fates);
        let (a_up, b_up) = (pair.a.calls(), pair.b.calls());
        prop_assert!(a_up <= 1 && b_up <= 1);
        prop_assert_eq!(a_up, b_up, "{:#?}", pair.talk());
        for side in [Side::A, Side::B] {
            prop_assert!(pair.endings(side).len() <= 1, "{:?}: {:?}", side, pair.endings(side));
        }
        // Whoever is left hangs up, and then there is nothing: no call, no transaction, no timer that waits for ever.
        let now = pair.now;
        let ids: Vec<_> = pair.events.iter().filter_map(|(side, event)| match event {
            Event::Incoming { call, .. } => Some((*side, *call)),
            _ => None,
        }).collect();
        for (side, call) in ids {
            pair.ua(side).end(now, call);
        }
        pair.run(Duration::from_secs(200));
        if b_up == 1 {
            prop_assert!(pair.endings(Side::A).iter().all(is_over_there_too));
        }
        prop_assert_eq!((pair.b.calls(), pair.b.transactions()), (0, 0), "{:#?}", pair.talk());
        if a_up == 0 || b_up == 1 {
            prop_assert_eq!((pair.a.calls(), pair.a.transactions()), (0, 0), "{:#?}", pair.talk());
        }
    }

    #[test]
    fn the_same_play_is_the_same_talk(acts in acts(), fates in fates()) {
        prop_assert_eq!(play(&acts, fates.clone()).talk(), play(&acts, fates).talk());
    }
}
