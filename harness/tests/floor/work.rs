//! A day's work: the dialer, callbacks, calls by hand, the inbound queue, hold, transfers, listening in.

use busyhour::floor::core::{CallbackWish, Dialed, Monitoring, Transfer};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::InboundLine;
use busyhour::pbx::customer::Behaviour as Customer;

use crate::scene::{Center, LEAD, MARY, NICK, OTHER, SALES, scene};

fn in_an_hour(center: &Center) -> u64 {
    center.floor.see(|_, now| now.wall).unwrap() + 3_600_000
}

#[test]
fn the_dialer_dials_what_its_agents_can_take_and_writes_down_what_became_of_it() {
    scene(|center| async move {
        center.behaves(NICK, Customer::busy());
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        center.floor.dialer_on("renewals").unwrap();
        center.pass(10).await;
        assert_eq!(alice.shows(), "INCALL");
        assert_eq!(center.floor.lead_view(OTHER).unwrap().dialed, 0, "she's busy");
        alice.press(AgentScreen::hang_up);
        center.pass(2).await;
        assert_eq!(alice.shows(), "DISPO");
        alice.saves("NI");
        center.pass(10).await;
        assert_eq!((center.status(LEAD), center.status(OTHER)), ("NI".to_owned(), "AB".to_owned()));
        assert!(center.floor.dialed_more_than_once().is_empty());
        assert_eq!(alice.shows(), "READY");
        center.floor.dialer_off("renewals");
        center.only_sessions_are_left(1).await;
        let times = center.floor.session_times("alice").pop().unwrap();
        let now = center.floor.see(|_, now| now.wall).unwrap();
        assert_eq!(times.times.total(), now - times.began, "the record adds up");
    });
}

#[test]
fn nobody_on_the_do_not_call_list_is_dialed() {
    scene(|center| async move {
        center.floor.do_not_call(MARY).unwrap();
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        assert!(center.floor.dial_lead("renewals", LEAD).is_err());
        center.floor.dialer_on("renewals").unwrap();
        center.pass(10).await;
        assert_eq!(alice.screen().unwrap().phone_number, NICK);
        assert!(center.floor.lead_view(LEAD).unwrap().blocked);
        assert_eq!(center.floor.lead_view(LEAD).unwrap().dialed, 0);
    });
}

#[test]
fn a_callback_for_anyone_is_dialed_when_its_hour_has_come() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let wish = CallbackWish { at: in_an_hour(&center), ..CallbackWish::default() };
        alice.press(|screen, web| screen.save_disposition(web, "CALLBK", Some(wish)));
        center.pass(2).await;
        assert_eq!(center.status(LEAD), "CBHOLD");
        center.pass(3_500).await;
        assert_eq!(center.floor.lead_view(LEAD).unwrap().dialed, 1);
        center.pass(180).await;
        assert_eq!(center.floor.lead_view(LEAD).unwrap().dialed, 2);
        assert_eq!(alice.shows(), "INCALL");
    });
}

#[test]
fn a_callback_for_one_agent_alerts_her_screen_and_she_dials() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let wish = CallbackWish { at: in_an_hour(&center), only_me: true, ..CallbackWish::default() };
        alice.press(|screen, web| screen.save_disposition_and_pause(web, "CALLBK", Some(wish)));
        center.pass(3_500).await;
        assert_eq!(alice.alerts(), Vec::<String>::new());
        center.pass(180).await;
        assert_eq!(alice.alerts(), ["A callback is due for you."]);
        assert_eq!(center.floor.lead_view(LEAD).unwrap().dialed, 1, "nobody dials it for her");
        alice.press(AgentScreen::list_callbacks);
        center.pass(1).await;
        let due = alice.tab.page(|screen: &AgentScreen| screen.callbacks().to_vec()).unwrap();
        assert_eq!((due.len(), due[0].lead_id), (1, 1001));
        alice.press(|screen, web| screen.dial(web, Dialed::Lead(LEAD)));
        center.pass(5).await;
        assert_eq!(alice.shows(), "INCALL");
    });
}

#[test]
fn a_number_is_dialed_by_hand_and_becomes_a_lead() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.log_in(&alice).await;
        alice.press(|screen, web| screen.dial(web, Dialed::Number("15551230005".to_owned())));
        center.pass(1).await;
        assert_eq!(alice.screen().unwrap().customer, "DIALING");
        center.pass(4).await;
        assert_eq!((alice.shows().as_str(), alice.screen().unwrap().customer.as_str()), ("INCALL", "LIVE"));
        let nora = center.carrier.devices("15551230005");
        assert_eq!(center.heard(&[&alice.host, &nora]).await, [[7], [1]]);
        assert_eq!(center.floor.leads_with_number("15551230005").len(), 1);
        alice.saves("SALE");
        center.pass(3).await;
        assert_eq!(alice.shows(), "PAUSED", "who dials by hand pauses");
        center.only_sessions_are_left(1).await;
    });
}

#[test]
fn who_calls_in_waits_with_music_until_an_agent_is_ready() {
    scene(|center| async move {
        center.floor.inbound_line(InboundLine::new(SALES, "renewals"));
        let alice = center.agent("alice", 1).await;
        center.log_in(&alice).await;
        let mary = center.carrier.devices(MARY);
        center.carrier.place_call(MARY, SALES);
        center.pass(5).await;
        assert_eq!(center.floor.waiting("renewals"), 1);
        alice.press(AgentScreen::ready);
        center.pass(4).await;
        assert_eq!(alice.shows(), "INCALL");
        assert_eq!(alice.screen().unwrap().lead_id, 1001, "she's known by her number");
        assert_eq!(center.heard(&[&alice.host, &mary]).await, [[3], [1]]);
        alice.saves("SALE");
        center.pass(2).await;
        assert_eq!(center.status(LEAD), "SALE");
        center.only_sessions_are_left(1).await;
    });
}

#[test]
fn a_customer_on_hold_hears_no_voice_and_comes_back() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let mary = center.carrier.devices(MARY);
        alice.press(AgentScreen::hold);
        center.pass(2).await;
        assert_eq!(center.heard(&[&alice.host, &mary]).await, [Vec::<u32>::new(), Vec::new()]);
        alice.press(AgentScreen::unhold);
        center.pass(2).await;
        assert_eq!(center.heard(&[&alice.host, &mary]).await, [[3], [1]]);
        alice.press(|screen, web| screen.digits(web, "12#"));
        center.pass(2).await;
        assert_eq!(center.carrier.digits_received(MARY), "12#");
    });
}

#[test]
fn a_customer_is_given_to_a_colleague_after_asking_her() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let bob = center.agent("bob", 2).await;
        center.log_in(&bob).await;
        let mary = center.carrier.devices(MARY);
        alice.press(|screen, web| screen.transfer(web, Transfer::Consult { to: "bob".to_owned() }));
        center.pass(4).await;
        assert_eq!(center.heard(&[&alice.host, &bob.host, &mary]).await, [vec![2], vec![1], vec![]]);
        alice.press(|screen, web| screen.transfer(web, Transfer::Complete));
        center.pass(4).await;
        assert_eq!(center.heard(&[&alice.host, &bob.host, &mary]).await, [vec![], vec![3], vec![2]]);
        assert_eq!(alice.shows(), "DISPO");
    });
}

#[test]
fn a_supervisor_listens_whispers_and_barges() {
    for (how, alice_hears, mary_hears) in [
        (Monitoring::Listen, vec![3], vec![1]),
        (Monitoring::Whisper, vec![3, 5], vec![1]),
        (Monitoring::Barge, vec![3, 5], vec![1, 5]),
    ] {
        scene(move |center| async move {
            let alice = center.talking("alice").await;
            let sam = center.agent("sam", 5).await;
            let mary = center.carrier.devices(MARY);
            center.floor.monitor("sam", "alice", how).unwrap();
            center.pass(4).await;
            let heard = center.heard(&[&alice.host, &mary, &sam.host]).await;
            assert_eq!(heard, [alice_hears, mary_hears, vec![1, 3]], "{how:?}");
        });
    }
}
