//! Each button, pressed when it can't be: the error says what is seen instead, and nothing happens.

use busyhour::phone::{LineState, NoSuchButton, Phone, Registration, Screen};
use busyhour::simulate;

use crate::{calls, hardphone, millis, one, seconds, settings, straight, talking};

type Button = (&'static str, fn(&Phone) -> Result<(), NoSuchButton>);

/// All buttons but those that begin something.
const IN_A_CALL: [Button; 9] = [
    ("answer", Phone::answer),
    ("reject", Phone::reject),
    ("hang up", Phone::hang_up),
    ("hold", Phone::hold),
    ("resume", Phone::resume),
    ("transfer", |phone| phone.transfer("carol")),
    ("consult", |phone| phone.consult("carol")),
    ("complete the transfer", Phone::complete_transfer),
    ("take the call back", Phone::take_back),
];

/// Presses all of them but these; each must say that it can't be pressed.
fn none_but(phone: &Phone, works: &[&str]) {
    for (name, press) in IN_A_CALL.iter().filter(|(name, _)| !works.contains(name)) {
        let error = press(phone).expect_err(name);
        assert_eq!(error.button, *name);
        assert_eq!(error.seen, phone.screen().to_string());
    }
}

#[test]
fn an_idle_phone_has_nothing_to_answer_or_to_hang_up() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        seconds(&u, 1).await;
        none_but(&alice, &[]);
        assert!(alice.press("1").is_err());
        assert!(alice.unregister().is_err(), "the account isn't on");
        let error = alice.answer().unwrap_err().to_string();
        assert_eq!(error, "alice's phone can't answer: it shows not registered, no call");
        assert_eq!(alice.screen(), Screen { power: true, ..Screen::default() });
    });
}

#[test]
fn a_phone_that_rings_can_be_answered_or_rejected_and_nothing_else() {
    simulate(1, |u| async move {
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        none_but(&bob, &["answer", "reject"]);
        none_but(&alice, &["hang up"]);
        assert!(alice.press("1").is_err() && bob.press("1").is_err());
        assert_eq!(calls(&bob.screen()), one("alice", LineState::Ringing));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::RingingThere));
    });
}

#[test]
fn in_a_call_there_is_nothing_to_answer_resume_complete_or_take_back() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        none_but(&alice, &["hang up", "hold", "transfer", "consult"]);
        alice.hold().unwrap();
        none_but(&alice, &["hang up", "resume", "transfer", "consult"]);
        assert!(alice.press("1").is_err(), "who is on hold hears no digits");
        drop(bob);
    });
}

#[test]
fn a_button_pressed_twice_does_its_work_once() {
    simulate(1, |u| async move {
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        assert!(bob.answer().is_err());
        bob.hold().unwrap();
        assert!(bob.hold().is_err());
        seconds(&u, 5).await;
        assert_eq!(calls(&alice.screen()), one("bob", LineState::HeldByPeer));
        alice.hang_up().unwrap();
        assert!(alice.hang_up().is_err());
        seconds(&u, 1).await;
        assert_eq!(bob.screen().calls().count(), 0);
    });
}

#[test]
fn a_dark_phone_has_no_buttons() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        seconds(&u, 1).await;
        alice.host().crash();
        none_but(&alice, &[]);
        assert!(alice.register().is_err() && alice.unregister().is_err() && alice.dial("bob").is_err());
        assert_eq!(alice.register_with("x").unwrap_err().seen, "a dark screen");
        assert_eq!(alice.screen(), Screen::default());
    });
}

#[test]
fn all_lines_busy_leaves_nothing_to_dial_with() {
    simulate(1, |u| async move {
        let alice = Phone::install(&u.host("alice"), busyhour::phone::PhoneSettings { lines: 1, ..settings("alice") });
        let bob = hardphone(&u, "bob");
        seconds(&u, 1).await;
        assert!(alice.dial("").is_err() && alice.dial("   ").is_err() && alice.dial("sip:").is_err());
        alice.dial(&straight(&bob)).unwrap();
        assert!(alice.dial(&straight(&bob)).is_err());
        millis(&u, 100).await;
        assert_eq!(alice.screen().registration, Registration::Off);
        assert_eq!(calls(&alice.screen()), one("bob", LineState::RingingThere));
    });
}
