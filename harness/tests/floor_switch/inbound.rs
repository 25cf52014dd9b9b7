//! Calls that come in.

use std::time::Duration;

use busyhour::floor::switch::{LegId, Order, Report};
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::phone::{LineState, Phone, PhoneSettings};
use busyhour::sip::ua::Ending;

use crate::scene::*;

const FIRST: LegId = LegId(LegId::INCOMING);

fn incoming(n: u64, from: &str, dialed: &str) -> Report {
    Report::Incoming { leg: LegId(LegId::INCOMING + n), from: from.into(), dialed: dialed.into() }
}

#[test]
fn who_calls_is_told_by_her_number_and_the_one_that_she_dialed() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        floor.carrier.place_call(MARY, SALES);
        floor.pass(1).await;
        floor.carrier.place_call(NICK, SERVICE);
        floor.pass(1).await;
        assert_eq!(floor.reports(), [incoming(0, MARY, SALES), incoming(1, NICK, SERVICE)]);
        floor.order(Order::Answer { leg: FIRST });
        floor.joins(FIRST, ROOM);
        floor.pass(1).await;
        assert_eq!(floor.reports(), [Report::Answered { leg: FIRST }]);
        let mary = floor.carrier.devices(MARY);
        assert_eq!(floor.heard(&[alice.host(), &mary]).await, [[3], [1]]);
        // Nick waits with music, which is an answer too.
        let second = LegId(LegId::INCOMING + 1);
        floor.order(Order::Answer { leg: second });
        floor.order(Order::Park { leg: second, music: true });
        floor.pass(1).await;
        let nick = floor.carrier.devices(NICK);
        assert_eq!(floor.heard(&[alice.host(), &nick]).await, [vec![3], NOBODY]);
        assert!(floor.is_loud(&nick));
        floor.hangs_up(FIRST);
        floor.joins(second, ROOM);
        floor.pass(1).await;
        assert_eq!(floor.heard(&[alice.host(), &nick]).await, [[4], [1]]);
        floor.carrier.hang_up(NICK).unwrap();
        floor.pass(1).await;
        assert_eq!(
            floor.reports(),
            [
                Report::Answered { leg: second },
                Report::Ended { leg: FIRST, why: "hung up".into() },
                Report::Ended { leg: second, why: "bye".into() }
            ]
        );
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}

#[test]
fn who_gives_up_or_is_refused_was_never_answered() {
    scene(|mut floor| async move {
        floor.mary(Customer::default().waiting_for(Duration::from_secs(5)));
        floor.carrier.place_call(MARY, SALES);
        floor.pass(10).await;
        let given_up = Report::Failed { leg: FIRST, status: 487, cause: None };
        assert_eq!(floor.reports(), [incoming(0, MARY, SALES), given_up]);
        floor.carrier.place_call(NICK, SALES);
        floor.pass(1).await;
        let second = LegId(LegId::INCOMING + 1);
        floor.order(Order::Refuse { leg: second, status: 486 });
        floor.pass(1).await;
        let refused = Report::Failed { leg: second, status: 486, cause: None };
        assert_eq!(floor.reports(), [incoming(1, NICK, SALES), refused]);
        assert_eq!(floor.carrier.calls(NICK)[0].ending, Some(Ending::Refused(486)));
        // One that's hung up on before the answer.
        floor.carrier.place_call(NICK, SALES);
        floor.pass(1).await;
        floor.reports();
        let third = LegId(LegId::INCOMING + 2);
        floor.hangs_up(third);
        floor.pass(1).await;
        assert_eq!(floor.reports(), [Report::Failed { leg: third, status: 480, cause: None }]);
        floor.nothing_is_left().await;
    });
}

/// An extension calls the floor as well.
#[test]
fn an_agent_calls_the_floor_by_its_name() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        alice.dial("floor").unwrap();
        floor.pass(1).await;
        assert_eq!(floor.reports(), [incoming(0, "alice", "floor")]);
        floor.order(Order::Answer { leg: FIRST });
        floor.pass(1).await;
        assert_eq!(alice.screen().lines[0].state, LineState::Talking);
        // She holds it, and takes it back: that's hers to do.
        floor.joins(FIRST, ROOM);
        let customer = floor.reaches_after_answer().await;
        alice.hold().unwrap();
        floor.pass(2).await;
        assert_eq!(floor.heard(&[alice.host()]).await, [NOBODY]);
        alice.resume().unwrap();
        floor.pass(2).await;
        assert_eq!(floor.heard(&[alice.host()]).await, [[3]]);
        floor.hangs_up(customer);
        alice.hang_up().unwrap();
        floor.nothing_is_left().await;
    });
}

impl Floor {
    async fn reaches_after_answer(&mut self) -> LegId {
        self.reports();
        self.reaches(MARY, ROOM).await
    }
}

/// Whoever comes past the server was let in by nobody.
#[test]
fn who_calls_the_switch_itself_is_refused() {
    scene(|mut floor| async move {
        let mallory = Phone::install(&floor.u.host("mallory"), PhoneSettings::hardphone("mallory", "x", "pbx.test"));
        floor.pass(1).await;
        mallory.dial(&format!("sip:floor@{}:5060", floor.host.address())).unwrap();
        floor.pass(2).await;
        assert_eq!(mallory.screen().lines[0].state, LineState::Ended { reason: Ending::Refused(403) });
        assert_eq!(floor.reports(), []);
        floor.nothing_is_left().await;
    });
}
