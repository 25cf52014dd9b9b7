//! What an answer means to a sender.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::http::Answer;
use busyhour::webhook::sender::Disabled;

use crate::support::{
    DAY, HOUR, MINUTE, SECOND, a_sender, always, contract, endpoint, preset, receiver, seconds, status, tell,
    with_header,
};

#[test]
fn an_answer_one_moment_before_the_time_out_is_a_success_and_one_after_it_comes_too_late() {
    for (takes, expected) in [(4_990, 1), (5_010, 2)] {
        busyhour::simulate(1, move |u| async move {
            let slow = move |number, _: &_| (Duration::from_millis(if number == 1 { takes } else { 0 }), status(200));
            let (_, journal) = receiver(&u, "crm", slow);
            let sender =
                a_sender(&u, endpoint("http://crm/", contract("[[retry]]\non = [\"no answer\"]\nwaits = [\"1s\"]")));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(HOUR).await;
            assert_eq!(journal.borrow().len(), expected, "{takes} ms");
            assert_eq!(sender.with(|dispatcher, _| dispatcher.tally("crm")).map(|tally| tally.delivered), Some(1));
        });
    }
}

/// DIDWW: 3 s for the connection, 10 s for the answer; Dialpad counts failed connections by themselves.
#[test]
fn a_receiver_that_is_cut_off_costs_the_connections_time_out() {
    busyhour::simulate(1, |u| async move {
        let (crm, journal) = always(&u, "crm", status(200));
        let sender = a_sender(&u, endpoint("http://crm/", preset("dialpad")));
        u.sleep(SECOND).await;
        let floor = u.find_host("floor").expect("it's there");
        u.network().between(&floor, &crm).cut();
        tell(&sender, 1);
        u.sleep(HOUR).await;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
        assert_eq!((tally.attempts, tally.given_up), (3, 1), "two more connections, not three");
        assert_eq!(journal.borrow().len(), 0);
    });
}

#[test]
fn a_refused_connection_is_fatal_to_wget_and_is_tried_again_by_the_standard() {
    busyhour::simulate(1, |u| async move {
        u.host("crm");
        let sender = a_sender(&u, endpoint("http://crm/", preset("vicidial-no-agent")));
        sender.with(|dispatcher, _| dispatcher.add_endpoint("standard", endpoint("http://crm/", preset("standard"))));
        sender.with(|dispatcher, now| {
            for name in ["crm", "standard"] {
                dispatcher.enqueue(now, name, crate::support::event(1, now)).expect("it takes it");
            }
        });
        u.sleep(HOUR).await;
        let attempts = |name: &str| sender.with(|dispatcher, _| dispatcher.tally(name)).expect("it's there").attempts;
        assert_eq!((attempts("crm"), attempts("standard")), (1, 4));
    });
}

#[test]
fn redirects_are_followed_as_often_as_the_contract_does() {
    for (follows, expected) in [(0, vec!["/a"]), (1, vec!["/a", "/b"]), (2, vec!["/a", "/b", "/c"])] {
        busyhour::simulate(1, move |u| async move {
            let (_, journal) = receiver(&u, "crm", |_, incoming| {
                let answer = match incoming.request.uri().path() {
                    "/a" => with_header(302, "Location", "/b"),
                    "/b" => with_header(307, "Location", "http://crm/c"),
                    _ => status(200),
                };
                (Duration::ZERO, answer)
            });
            let sender = a_sender(&u, endpoint("http://crm/a", contract(&format!("follow_redirects = {follows}"))));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(HOUR).await;
            let journal = journal.borrow();
            let paths: Vec<&str> = journal.iter().map(|(_, incoming)| incoming.request.uri().path()).collect();
            assert_eq!(paths, expected);
            let methods: Vec<&str> = journal.iter().map(|(_, incoming)| incoming.request.method().as_str()).collect();
            assert_eq!(methods[1..], vec!["GET"; methods.len() - 1], "302 makes a GET of it, 307 keeps that");
            let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
            assert_eq!((tally.attempts, tally.delivered), (1, u64::from(follows == 2)));
        });
    }
}

#[test]
fn a_307_keeps_method_and_body() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = receiver(&u, "crm", |number, _| {
            (Duration::ZERO, if number == 1 { with_header(308, "Location", "/new") } else { status(200) })
        });
        let sender = a_sender(&u, endpoint("http://crm/old", contract("follow_redirects = 1")));
        u.sleep(SECOND).await;
        tell(&sender, 1);
        u.sleep(SECOND).await;
        let journal = journal.borrow();
        let (one, other) = (&journal[0].1.request, &journal[1].1.request);
        assert_eq!((other.uri().path(), other.method(), other.body()), ("/new", one.method(), one.body()));
    });
}

/// The time of an attempt is the contract's, however many hosts it's sent on to: curl's and wget's, too, go by the whole.
/// What a host's clock shows, even when somebody sets it meanwhile, isn't how long something takes.
#[test]
fn the_redirects_of_an_attempt_share_its_time() {
    for (name, total) in [("twilio", 15_000), ("vicidial-dispo", 60_000)] {
        for minutes_off in [0, 10, -10_i32] {
            // Two redirects, and an answer after the same time: the third part of what there is, or a bit more.
            for (each, delivered) in [(total / 3 - 100, true), (total / 3 + 100, false)] {
                busyhour::simulate(1, move |u| async move {
                    let (_, journal) = receiver(&u, "crm", move |_, incoming| {
                        let answer = match incoming.request.uri().path() {
                            "/a" => with_header(302, "Location", "/b"),
                            "/b" => with_header(307, "Location", "http://crm/c"),
                            _ => status(200),
                        };
                        (Duration::from_millis(each), answer)
                    });
                    let sender = a_sender(&u, endpoint("http://crm/a", preset(name)));
                    u.sleep(SECOND).await;
                    let floor = u.find_host("floor").expect("it's there");
                    let began = u.now();
                    tell(&sender, 1);
                    u.sleep(Duration::from_millis(each / 2)).await;
                    if minutes_off > 0 {
                        floor.set_clock_ahead(minutes_off.unsigned_abs() * MINUTE);
                    } else if minutes_off < 0 {
                        floor.set_clock_behind(minutes_off.unsigned_abs() * MINUTE);
                    }
                    sender.until(|dispatcher| dispatcher.pending() == 0).await;
                    let took = u.now().since(began).as_millis() as u64;
                    let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
                    let what = format!("{name}, {minutes_off} min, {each} ms each: {took} ms");
                    assert_eq!((tally.attempts, tally.delivered), (1, u64::from(delivered)), "{what}");
                    assert_eq!(journal.borrow().len(), 3, "{what}");
                    let expected = if delivered { 3 * each } else { total };
                    assert!((expected..expected + 50).contains(&took), "{what}, and not {expected}");
                });
            }
        }
    }
}

/// Twilio: `ct`, `rt`, `tt` in milliseconds, `rc` tries more after the failures that `rp` names. An attempt of a receiver
/// that hangs takes `rt`; all of them together take `tt` at most, and 15 s in any case.
#[test]
fn a_urls_fragment_overrides_what_twilio_waits_for() {
    let cases: [(&str, &[u64], u64); 6] = [
        ("", &[0], 15_000),
        ("#rt=4000", &[0], 4_000),
        ("#rt=4000&rp=rt", &[0, 4], 8_000),
        ("#rt=4000&rp=ct,rt&rc=2", &[0, 4, 8], 12_000),
        ("#rt=4000&rp=all&rc=5", &[0, 4, 8, 12], 15_000),
        ("#rt=4000&rp=rt&rc=5&tt=6000", &[0, 4], 6_000),
    ];
    for (fragment, attempts, took) in cases {
        busyhour::simulate(1, move |u| async move {
            let (_, journal) = always(&u, "crm", Answer::Hang);
            let sender = a_sender(&u, endpoint(&format!("http://crm/hook{fragment}"), preset("twilio")));
            u.sleep(SECOND).await;
            let began = u.now();
            tell(&sender, 1);
            sender.until(|dispatcher| dispatcher.pending() == 0).await;
            let millis = u.now().since(began).as_millis() as u64;
            assert!((took..took + 100).contains(&millis), "{fragment}: {millis} ms");
            assert_eq!(seconds(&journal), attempts, "{fragment}");
            assert!(journal.borrow().iter().all(|(_, incoming)| incoming.request.uri() == "/hook"), "{fragment}");
        });
    }
}

#[test]
fn a_connection_is_waited_for_as_long_as_the_fragment_says() {
    for (fragment, attempts, took) in [("", 2, 10), ("#ct=1000", 2, 2), ("#ct=1000&rc=4", 5, 5), ("#rc=5", 3, 15)] {
        busyhour::simulate(1, move |u| async move {
            let (crm, _) = always(&u, "crm", status(200));
            let sender = a_sender(&u, endpoint(&format!("http://crm/hook{fragment}"), preset("twilio")));
            u.sleep(SECOND).await;
            let floor = u.find_host("floor").expect("it's there");
            u.network().between(&floor, &crm).cut();
            let began = u.now();
            tell(&sender, 1);
            sender.until(|dispatcher| dispatcher.pending() == 0).await;
            let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
            let seconds = u.now().since(began).as_secs_f64().round() as u64;
            assert_eq!((tally.attempts, seconds), (attempts, took), "{fragment}");
        });
    }
}

#[test]
fn an_override_that_is_wrong_lets_nothing_out() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(200));
        let sender = a_sender(&u, endpoint("http://crm/hook#rc=9", preset("twilio")));
        u.sleep(SECOND).await;
        tell(&sender, 1);
        u.sleep(HOUR).await;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
        assert_eq!((journal.borrow().len(), tally.given_up), (0, 1));
    });
}

/// RFC 9110, section 10.2.3: seconds or a date. A shorter wait than the schedule's isn't asked for.
#[test]
fn a_longer_wait_that_the_receiver_asks_for_is_kept_where_the_contract_honours_it() {
    // The universe's birth is Monday 2026-11-23, 14:00:00 GMT.
    for (asks, honoured) in [("120", 120), ("2", 5), ("Mon, 23 Nov 2026 14:10:01 GMT", 600), ("soon", 5)] {
        for honours in [true, false] {
            busyhour::simulate(1, move |u| async move {
                let (_, journal) = receiver(&u, "crm", move |number, _| {
                    (Duration::ZERO, if number == 1 { with_header(429, "Retry-After", asks) } else { status(200) })
                });
                let lines = format!("retry_after = {honours}\n[[retry]]\non = [\"429\"]\nwaits = [\"5s\"]");
                let sender = a_sender(&u, endpoint("http://crm/", contract(&lines)));
                u.sleep(SECOND).await;
                tell(&sender, 1);
                u.sleep(HOUR).await;
                assert_eq!(seconds(&journal), [0, if honours { honoured } else { 5 }], "{asks}");
            });
        }
    }
}

#[test]
fn gone_disables_the_endpoint_of_a_contract_that_says_so_and_nothing_more_comes() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(410));
        let sender = a_sender(&u, endpoint("http://crm/", preset("standard")));
        u.sleep(SECOND).await;
        tell(&sender, 1);
        u.sleep(SECOND).await;
        assert_eq!(sender.with(|dispatcher, _| dispatcher.disabled("crm")), Some(Disabled::Gone));
        let refused = sender.with(|dispatcher, now| dispatcher.enqueue(now, "crm", crate::support::event(2, now)));
        assert_eq!(refused.expect_err("it's disabled").to_string(), "the endpoint \"crm\" is disabled");
        u.sleep(10 * DAY).await;
        assert_eq!(journal.borrow().len(), 1);
        sender.with(|dispatcher, _| dispatcher.enable("crm")).expect("it's there");
        tell(&sender, 3);
        u.sleep(SECOND).await;
        assert_eq!(journal.borrow().len(), 2);
        assert!(u.log_text().contains("webhook-disabled endpoint=crm why=Gone"), "{}", u.log_text());
    });
}

/// Svix: five days of failures and nothing else, and the clock starts once two of them lie 12 hours apart within 24.
#[test]
fn svix_disables_after_five_days_of_failures() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(500));
        let sender = a_sender(&u, endpoint("http://crm/", preset("svix")));
        u.sleep(SECOND).await;
        // An event each hour fails at once and again later: the clock starts after 12 hours.
        let mut disabled_after = None;
        for hour in 0..24 * 7 {
            let taken = sender.with(|dispatcher, now| dispatcher.enqueue(now, "crm", crate::support::event(hour, now)));
            u.sleep(HOUR).await;
            if taken.is_err() && disabled_after.is_none() {
                disabled_after = Some(hour);
            }
        }
        let hours = disabled_after.expect("it's disabled");
        assert!((132..=134).contains(&hours), "12 hours and 5 days: {hours}");
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
        assert_eq!((tally.pending, tally.delivered, tally.given_up), (0, 0, hours as u64), "what waited is given up");
        assert_eq!(journal.borrow().len() as u64, tally.attempts);
    });
}

#[test]
fn one_success_starts_the_five_days_anew() {
    busyhour::simulate(1, |u| async move {
        let works = Rc::new(Cell::new(false));
        let answers = works.clone();
        receiver(&u, "crm", move |_, _| (Duration::ZERO, status(if answers.get() { 200 } else { 500 })));
        let sender = a_sender(&u, endpoint("http://crm/", preset("svix")));
        u.sleep(SECOND).await;
        for hour in 0..24 * 10 {
            works.set(hour == 24 * 5);
            tell(&sender, hour);
            u.sleep(HOUR).await;
        }
        assert_eq!(sender.with(|dispatcher, _| dispatcher.disabled("crm")), None);
    });
}

/// Shopify removes the subscription when an event has failed nine times.
#[test]
fn shopify_disables_an_endpoint_that_an_event_was_given_up_for() {
    busyhour::simulate(1, |u| async move {
        always(&u, "crm", status(500));
        let sender = a_sender(&u, endpoint("http://crm/", preset("shopify")));
        u.sleep(SECOND).await;
        tell(&sender, 1);
        u.sleep(4 * HOUR - MINUTE).await;
        assert_eq!(sender.with(|dispatcher, _| dispatcher.disabled("crm")), None);
        tell(&sender, 2);
        u.sleep(2 * MINUTE).await;
        assert_eq!(sender.with(|dispatcher, _| dispatcher.disabled("crm")), Some(Disabled::Exhausted));
        assert_eq!(sender.with(|dispatcher, _| dispatcher.pending()), 0, "the second is given up with it");
    });
}

/// VICIdial logs an empty answer as an error; the request isn't repeated.
#[test]
fn an_empty_answer_is_no_success_where_something_is_expected() {
    for (answer, delivered) in [(status(200), 1), (with_header(200, "X-Empty", "yes"), 0), (status(404), 0)] {
        busyhour::simulate(1, {
            let answer: &'static Answer = Box::leak(Box::new(answer));
            move |u| async move {
                let (_, journal) = always(&u, "crm", answer.clone());
                let sender = a_sender(&u, endpoint("http://crm/", preset("vicidial-dispo")));
                u.sleep(SECOND).await;
                tell(&sender, 1);
                u.sleep(HOUR).await;
                let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
                assert_eq!((journal.borrow().len(), tally.delivered, tally.given_up), (1, delivered, 1 - delivered));
            }
        });
    }
}
