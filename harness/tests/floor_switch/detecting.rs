//! People and machines, told apart by what's heard of them.

use std::time::Duration;

use busyhour::floor::switch::{LegId, Order, Report};
use busyhour::media::tone::Voice;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::world::audio::Sound;

use crate::scene::*;

/// What's told of a customer who is called with a detector, and how long after the answer.
async fn detected(floor: &mut Floor, behaviour: Customer, says: Option<Duration>) -> (Report, Duration) {
    let mary = floor.mary(behaviour);
    let leg = floor.calls(MARY);
    floor.order(Order::Detect { leg });
    let answered = loop {
        floor.pass_ms(10).await;
        if let Some((at, _)) = floor.told.iter().find(|(_, report)| *report == (Report::Answered { leg })) {
            break *at;
        }
    };
    if let Some(says) = says {
        let mut hello = vec![0; says.as_millis() as usize * 8];
        Voice::number(3).sound().fill(0, &mut hello);
        mary.room().say(Sound::Recording(hello.into()));
    }
    floor.pass(20).await;
    let is_verdict =
        |report: &Report| matches!(report, Report::Human { .. } | Report::Machine { .. } | Report::Silent { .. });
    let verdicts: Vec<_> = floor.told.drain(..).filter(|(_, report)| is_verdict(report)).collect();
    let [(at, verdict)] = <[_; 1]>::try_from(verdicts).expect("it's told once");
    floor.hangs_up(leg);
    floor.pass(1).await;
    floor.reports();
    (verdict, at.since(answered))
}

#[test]
fn a_machine_is_known_by_its_beep_and_a_person_by_her_brief_greeting() {
    scene(|mut floor| async move {
        let seconds = |from: f64, to: f64| Duration::from_secs_f64(from)..Duration::from_secs_f64(to);
        // The machine greets for 8 s.
        let (verdict, after) = detected(&mut floor, Customer::answering_machine(), None).await;
        assert_eq!(verdict, Report::Machine { leg: LegId(1) });
        assert!(seconds(8.2, 8.5).contains(&after), "{after:?}");
        let hello = Some(Duration::from_millis(700));
        let (verdict, after) = detected(&mut floor, Customer::default(), hello).await;
        assert_eq!(verdict, Report::Human { leg: LegId(2) });
        assert!(seconds(1.5, 1.7).contains(&after), "{after:?}");
        let (verdict, after) = detected(&mut floor, Customer::default(), Some(Duration::ZERO)).await;
        assert_eq!(verdict, Report::Silent { leg: LegId(3) });
        assert!(seconds(4.0, 4.3).contains(&after), "{after:?}");
        // She goes on and on: the one who won't be taken for a machine.
        floor.carrier.devices(MARY).room().say(Voice::number(3).sound());
        let (verdict, after) = detected(&mut floor, Customer::default(), None).await;
        assert_eq!(verdict, Report::Human { leg: LegId(4) });
        assert!(seconds(10.0, 10.3).contains(&after), "{after:?}");
        floor.nothing_is_left().await;
    });
}

/// The agent may hear the machine herself meanwhile: wherever the leg is, its samples are listened to.
#[test]
fn a_machine_is_detected_in_the_agents_room_too() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        floor.mary(Customer::answering_machine());
        let leg = floor.calls(MARY);
        floor.pass(6).await;
        floor.joins(leg, ROOM);
        floor.order(Order::Detect { leg });
        floor.pass(9).await;
        assert_eq!(floor.reports(), [Report::Ringing { leg }, Report::Answered { leg }, Report::Machine { leg }]);
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}
