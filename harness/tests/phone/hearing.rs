//! Who hears whom, judged by the samples that reach the loudspeakers: each speaks with a voice of its own.

use std::time::Duration;

use busyhour::media::cadence;
use busyhour::media::tone::{Voice, present};
use busyhour::phone::{Phone, TransferState};
use busyhour::{Universe, simulate};

use crate::{connect, hardphone, seconds, straight};

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

fn voice(user: &str) -> Voice {
    let number = PEOPLE.iter().position(|other| *other == user).unwrap();
    Voice::number(u32::try_from(number).unwrap())
}

/// Phones of three people who speak without a pause.
fn three(u: &Universe) -> [Phone; 3] {
    PEOPLE.map(|user| {
        let phone = hardphone(u, user);
        phone.host().room().say(voice(user).sound());
        phone
    })
}

/// Who is heard all through a second, after what changed has settled.
async fn heard_by(u: &Universe, phones: &[&Phone]) -> Vec<Vec<&'static str>> {
    cadence::attend(u.now() + Duration::from_secs(3));
    seconds(u, 2).await;
    let from = u.now();
    seconds(u, 1).await;
    let heard = |phone: &&Phone| {
        let samples = phone.host().room().heard(from, u.now()).unwrap();
        let voices = present(&samples, &PEOPLE.map(voice));
        PEOPLE.into_iter().filter(|user| voices.contains(&voice(user))).collect()
    };
    phones.iter().map(heard).collect()
}

#[test]
fn in_a_call_each_hears_the_other_and_afterwards_nobody() {
    simulate(1, |u| async move {
        let [alice, bob, carol] = three(&u);
        connect(&u, &alice, &bob).await;
        assert_eq!(heard_by(&u, &[&alice, &bob, &carol]).await, [vec!["bob"], vec!["alice"], vec![]]);
        assert!(alice.audio().unwrap().mos_heard > 4.0);
        bob.hang_up().unwrap();
        assert_eq!(heard_by(&u, &[&alice, &bob]).await, [[""; 0]; 2]);
    });
}

#[test]
fn on_hold_neither_hears_the_other() {
    simulate(1, |u| async move {
        let [alice, bob, _carol] = three(&u);
        connect(&u, &alice, &bob).await;
        alice.hold().unwrap();
        assert_eq!(heard_by(&u, &[&alice, &bob]).await, [[""; 0]; 2]);
        alice.resume().unwrap();
        assert_eq!(heard_by(&u, &[&alice, &bob]).await, [["bob"], ["alice"]]);
    });
}

#[test]
fn who_waits_hears_nothing_of_the_other_call() {
    simulate(1, |u| async move {
        let [alice, bob, carol] = three(&u);
        connect(&u, &alice, &bob).await;
        connect(&u, &carol, &bob).await;
        let heard = heard_by(&u, &[&alice, &bob, &carol]).await;
        assert_eq!(heard, [vec![], vec!["carol"], vec!["bob"]]);
        bob.hang_up().unwrap();
        bob.resume().unwrap();
        let heard = heard_by(&u, &[&alice, &bob, &carol]).await;
        assert_eq!(heard, [vec!["bob"], vec!["alice"], vec![]]);
    });
}

#[test]
fn after_a_transfer_the_two_who_are_left_hear_each_other() {
    for attended in [false, true] {
        simulate(1, move |u| async move {
            let [alice, bob, carol] = three(&u);
            connect(&u, &alice, &bob).await;
            if attended {
                alice.consult(&straight(&carol)).unwrap();
            } else {
                alice.transfer(&straight(&carol)).unwrap();
            }
            seconds(&u, 1).await;
            carol.answer().unwrap();
            seconds(&u, 1).await;
            if attended {
                let heard = heard_by(&u, &[&alice, &bob, &carol]).await;
                assert_eq!(heard, [vec!["carol"], vec![], vec!["alice"]]);
                alice.complete_transfer().unwrap();
            }
            let heard = heard_by(&u, &[&alice, &bob, &carol]).await;
            assert_eq!(heard, [vec![], vec!["carol"], vec!["bob"]]);
            assert_eq!(alice.screen().transfer, Some(TransferState::Done));
        });
    }
}
