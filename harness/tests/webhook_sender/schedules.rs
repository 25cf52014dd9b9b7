//! Each preset's attempts at a receiver that fails, to the second. Nothing else is waited for: after the last attempt
//! the test goes on for ten days in which none may come.

use std::time::Duration;

use busyhour::http::Answer;
use busyhour::webhook::sender::Tally;

use crate::support::{DAY, a_sender, always, endpoint, preset, seconds, status, tell};

/// When a preset's attempts come to a receiver that gives this answer.
fn attempts_at(name: &'static str, answer: Answer, seed: u64) -> Vec<u64> {
    let answer: &'static Answer = Box::leak(Box::new(answer));
    busyhour::simulate(seed, move |u| async move {
        let (_, journal) = always(&u, "crm", answer.clone());
        let sender = a_sender(&u, endpoint("http://crm/hook", preset(name)));
        u.sleep(Duration::from_millis(500)).await;
        tell(&sender, 1);
        u.sleep(10 * DAY).await;
        let attempts = journal.borrow().len() as u64;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm"));
        assert_eq!(tally, Some(Tally { attempts, delivered: 0, given_up: 1, pending: 0 }));
        seconds(&journal)
    })
}

/// Standard Webhooks 1.0.0, its example: 75 h 35 min 5 s in all.
#[test]
fn standard_tries_ten_times_in_75_hours_35_minutes_5_seconds() {
    let expected = [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105];
    assert_eq!(attempts_at("standard", status(500), 1), expected);
    assert_eq!(attempts_at("standard", status(404), 1), expected, "whatever isn't 2xx");
    assert_eq!(attempts_at("standard", status(302), 1), expected, "a redirect isn't followed");
    assert_eq!(attempts_at("standard-v1a", status(500), 1), expected, "whatever it's signed with");
}

/// docs.svix.com/retries: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h after each failure.
#[test]
fn svix_tries_eight_times() {
    assert_eq!(attempts_at("svix", status(500), 1), [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 99_305]);
}

/// Stripe: exponential, three days at most. The first wait and the longest are assumed.
#[test]
fn stripe_tries_for_three_days() {
    let expected =
        [0, 60, 180, 420, 900, 1_860, 3_780, 7_620, 15_300, 30_660, 61_380, 104_580, 147_780, 190_980, 234_180];
    assert_eq!(attempts_at("stripe", status(500), 1), expected);
}

/// Shopify since 2024-09-10: 8 retries in 4 hours. How they're spread is assumed.
#[test]
fn shopify_tries_eight_more_times_in_four_hours() {
    assert_eq!(attempts_at("shopify", status(500), 1), [0, 60, 180, 420, 900, 1_800, 3_600, 7_200, 14_400]);
}

#[test]
fn github_tries_once() {
    assert_eq!(attempts_at("github", status(500), 1), [0]);
    assert_eq!(attempts_at("github", Answer::Close, 1), [0]);
}

/// Twilio: the connection is tried twice, an answer is final. (There's no fallback URL here.)
#[test]
fn twilio_tries_a_connection_twice_and_takes_any_answer() {
    assert_eq!(attempts_at("twilio", Answer::Reset, 1), [0, 0]);
    assert_eq!(attempts_at("twilio", status(500), 1), [0]);
}

/// Dialpad: 2, 4, 8 s; no 4xx, not even 429; two more connections at most.
#[test]
fn dialpad_tries_again_after_two_four_and_eight_seconds() {
    assert_eq!(attempts_at("dialpad", status(500), 1), [0, 2, 6, 14]);
    assert_eq!(attempts_at("dialpad", Answer::Reset, 1), [0, 2, 6]);
    assert_eq!(attempts_at("dialpad", Answer::Hang, 1), [0, 7, 16, 29], "each takes 5 s besides");
    for final_answer in [400, 404, 410, 429] {
        assert_eq!(attempts_at("dialpad", status(final_answer), 1), [0], "{final_answer}");
    }
}

/// DIDWW: ten attempts, each wait anything from the half to the whole of 1, 2, 5, 10, 30 s, 1, 2, 5, 5 min.
#[test]
fn didww_tries_ten_times_by_waits_that_chance_shortens_to_their_half_at_most() {
    let longest: [u64; 9] = [1, 2, 5, 10, 30, 60, 120, 300, 300];
    let mut sums = [0, 0];
    for seed in 0..20 {
        let attempts = attempts_at("didww", status(404), seed);
        assert_eq!(attempts.len(), 10, "seed {seed}: {attempts:?}");
        for (pair, longest) in attempts.windows(2).zip(longest) {
            let wait = pair[1] - pair[0];
            // Both ends are rounded.
            assert!((longest / 2).saturating_sub(1) <= wait && wait <= longest + 1, "seed {seed}: {attempts:?}");
        }
        sums[0] += attempts[9];
        sums[1] += longest.iter().sum::<u64>();
    }
    let share = sums[0] as f64 / sums[1] as f64;
    assert!((0.70..0.80).contains(&share), "three quarters on the average: {share}");
}

/// PHP's file(), once; the agent screen is who asks for it again.
#[test]
fn vicidials_disposition_url_is_tried_once_whatever_happens() {
    for answer in [status(500), status(404), Answer::Close, Answer::Reset, Answer::Hang] {
        assert_eq!(attempts_at("vicidial-dispo", answer, 1), [0]);
    }
}

/// Measured with wget 1.21.3: a connection that's closed, reset or cut makes it ask again after 1, 2, 3, 4 s; 500 and
/// 503 don't. Its manual: 20 tries, waits of 10 s at most.
#[test]
fn vicidials_no_agent_url_is_tried_twenty_times_at_a_connection_that_breaks_and_once_otherwise() {
    let expected = [0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 65, 75, 85, 95, 105, 115, 125, 135, 145];
    assert_eq!(attempts_at("vicidial-no-agent", Answer::Close, 1), expected);
    assert_eq!(attempts_at("vicidial-no-agent", Answer::Reset, 1), expected);
    assert_eq!(attempts_at("vicidial-no-agent", status(500), 1), [0]);
    assert_eq!(attempts_at("vicidial-no-agent", status(503), 1), [0]);
}

/// A receiver that takes requests and never answers: each attempt takes the contract's whole time first.
#[test]
fn a_receiver_that_hangs_costs_each_attempt_its_time_out() {
    let standard = [0, 25, 345, 2_165, 9_385];
    assert_eq!(attempts_at("standard", Answer::Hang, 1)[..5], standard, "20 s each");
    assert_eq!(attempts_at("svix", Answer::Hang, 1)[..3], [0, 20, 335], "15 s each");
    assert_eq!(attempts_at("shopify", Answer::Hang, 1)[..3], [0, 65, 190], "5 s each");
    assert_eq!(attempts_at("vicidial-no-agent", Answer::Hang, 1)[..3], [0, 901, 1_803], "900 s each");
}
