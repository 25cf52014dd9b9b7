//! Timers and the life of a page that nobody sees.
//!
//! HTML's timers; Chrome 88's throttling [read: developer.chrome.com/blog/timer-throttling-in-chrome-88]; [modelled]
//! that a page is frozen only where a setting says so.

use std::time::Duration;

use busyhour::phone::browser::{BrowserSettings, WebEvent};

use super::support::{MINUTE, SECOND, Scene, Script, scene, scene_with};

/// Seconds at which the page's timers fired, after a moment.
fn fired(scene: &Scene, since: busyhour::trace::SimTime) -> Vec<f64> {
    scene.diary_since(since).iter().filter(|(_, what)| what == "timer").map(|(ms, _)| *ms as f64 / 1000.0).collect()
}

fn interval(scene: &Scene, every: Duration) -> busyhour::phone::browser::Site {
    scene.site(move |web, event| {
        if matches!(event, WebEvent::Load) {
            web.set_interval(every);
        }
    })
}

#[test]
fn a_pages_timers_fire_when_they_are_due_and_a_cleared_one_never() {
    scene(|scene| async move {
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        let now = scene.now();
        tab.press(|_: &mut Script, web| {
            let cleared = web.set_timeout(2 * SECOND);
            web.set_timeout(3 * SECOND);
            web.set_timeout(SECOND);
            web.clear_timer(cleared);
        });
        scene.seconds(10).await;
        assert_eq!(fired(&scene, now), [1.0, 3.0]);
    });
}

#[test]
fn a_hidden_pages_timers_run_on_whole_seconds_and_catch_up_when_it_is_seen() {
    scene(|scene| async move {
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        scene.ms(99).await;
        tab.set_background(true).unwrap();
        let hidden = scene.now();
        assert_eq!(hidden.0 / 1_000_000, 100);
        tab.press(|_: &mut Script, web| {
            web.set_timeout(Duration::from_millis(100));
            web.set_timeout(Duration::from_millis(950));
        });
        scene.ms(1_200).await;
        assert_eq!(fired(&scene, hidden), [0.9]);
        tab.set_background(false).unwrap();
        scene.ms(1).await;
        assert_eq!(fired(&scene, hidden), [0.9, 1.2], "it's overdue: it fires when the page is seen");
    });
}

/// Five minutes is the boundary, and a chain of five timers the other.
#[test]
fn after_five_minutes_in_the_background_a_chain_of_timers_runs_once_a_minute() {
    scene(|scene| async move {
        let tab = scene.browser.open(&interval(&scene, 10 * SECOND)).unwrap();
        tab.set_background(true).unwrap();
        let hidden = scene.now();
        scene.u.sleep(10 * MINUTE).await;
        let fired = fired(&scene, hidden);
        let (before, after): (Vec<f64>, Vec<f64>) = fired.iter().partition(|at| **at < 299.9);
        assert_eq!(before.len(), 29, "{before:?}");
        let gaps: Vec<f64> = after.windows(2).map(|two| (two[1] - two[0]).round()).collect();
        assert_eq!(gaps, [60.0; 4], "{after:?}");
        let tick = scene.diary().len();
        tab.set_background(false).unwrap();
        scene.seconds(60).await;
        assert!(scene.diary().len() >= tick + 6, "seen again, it runs as before");
    });
}

#[test]
fn a_single_timer_is_late_by_a_second_at_most_however_long_the_page_is_hidden() {
    scene(|scene| async move {
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        tab.set_background(true).unwrap();
        scene.u.sleep(10 * MINUTE).await;
        let set = scene.now();
        tab.press(|_: &mut Script, web| {
            web.set_timeout(Duration::from_millis(12_300));
        });
        scene.u.sleep(MINUTE).await;
        let fired = fired(&scene, set);
        assert!(fired.len() == 1 && (12.3..=13.3).contains(&fired[0]), "{fired:?}");
    });
}

#[test]
fn where_throttling_is_off_a_hidden_page_runs_as_a_seen_one() {
    let settings = BrowserSettings { throttling: false, ..BrowserSettings::default() };
    scene_with(1, settings, |scene| async move {
        let tab = scene.browser.open(&interval(&scene, Duration::from_millis(100))).unwrap();
        tab.set_background(true).unwrap();
        scene.u.sleep(10 * MINUTE).await;
        let fired = scene.diary().iter().filter(|what| *what == "timer").count();
        assert!((5_990..=6_000).contains(&fired), "ten times a second: {fired}");
    });
}

/// Nothing of a frozen page runs, whatever comes; all of it waits.
#[test]
fn a_frozen_page_hears_everything_that_came_in_between_when_it_is_resumed() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        tab.press(|page: &mut Script, web| {
            web.socket_send(page.socket.get().unwrap(), "echo").unwrap();
            web.set_timeout(SECOND);
        });
        tab.freeze().unwrap();
        assert_eq!(scene.diary(), ["hidden", "freeze"]);
        scene.seconds(60).await;
        assert_eq!(scene.heard(), ["echo"], "what it had said has left");
        assert_eq!(scene.diary(), ["hidden", "freeze"]);
        tab.resume().unwrap();
        scene.ms(2).await;
        assert_eq!(scene.diary(), ["hidden", "freeze", "resume", "message echo", "timer"]);
        tab.freeze().unwrap();
        scene.forget();
        tab.set_background(false).unwrap();
        assert_eq!(scene.diary(), ["resume", "visible"], "a page that is seen runs");
    });
}

#[test]
fn a_browser_that_freezes_hidden_pages_does_so_after_its_time_and_not_before() {
    let settings = BrowserSettings { freeze_after: Some(5 * MINUTE), ..BrowserSettings::default() };
    scene_with(1, settings, |scene| async move {
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        scene.ms(1).await;
        tab.set_background(true).unwrap();
        scene.u.sleep(5 * MINUTE - SECOND).await;
        assert_eq!(scene.diary(), ["load", "hidden"]);
        scene.seconds(2).await;
        assert_eq!(scene.diary(), ["load", "hidden", "freeze"]);
        // A frozen page isn't asked when it's closed.
        tab.close().unwrap();
        assert_eq!(scene.diary(), ["load", "hidden", "freeze"]);
    });
}

/// Handlers run one at a time: what a handler causes is heard after it.
#[test]
fn a_pages_handlers_run_one_at_a_time_and_their_commands_in_order() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        tab.press(|page: &mut Script, web| {
            let socket = page.socket.get().unwrap();
            for number in 0..5 {
                web.socket_send(socket, format!("{number}")).unwrap();
            }
            web.socket_close(socket, Some(3000), "enough").unwrap();
        });
        scene.seconds(1).await;
        assert_eq!(scene.heard()[..6], ["0", "1", "2", "3", "4", "close 3000 enough"]);
        assert_eq!(scene.diary(), ["close 3000 enoughclean"]);
    });
}
