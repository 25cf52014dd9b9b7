//! How a tab ends, on the wire: a test a row of the table in the domain's facts, part 5.
//!
//! [measured] when which frame leaves after a close, a crash, a reload, navigation, a killed browser; what a page can
//! still say in pagehide. [modelled] the lid, the lost address, the power cut: what follows from the host's own ends.

use std::collections::BTreeSet;
use std::time::Duration;

use busyhour::phone::browser::{BrowserError, BrowserSettings, WebEvent};

use super::support::{MINUTE, SECOND, Scene, Script, scene, scene_with, when};

const GOODBYES: [&str; 4] = ["beforeunload", "pagehide", "hidden", "unload"];

/// What left, without acknowledgements of what the server says to a connection that is gone.
fn said(scene: &Scene, since: busyhour::trace::SimTime) -> Vec<String> {
    scene.words_since(since).into_iter().filter(|what| what != "RST").collect()
}

/// [measured] no SIP, Close 1001 and FIN 20 to 130 ms later.
#[test]
fn a_closed_tab_says_nothing_and_its_connection_closes_with_1001() {
    let mut delays = BTreeSet::new();
    for seed in 0..8 {
        delays.insert(scene_with(seed, BrowserSettings::default(), |scene| async move {
            let tab = scene.registered().await;
            let closed = scene.now();
            tab.close().unwrap();
            assert_eq!(scene.diary(), GOODBYES);
            assert!(!tab.is_open() && !tab.has_page() && !scene.browser.is_running());
            assert_eq!(tab.close(), Err(BrowserError::NoTab));
            scene.seconds(60).await;
            assert_eq!(said(&scene, closed), ["close 1001", "FIN"]);
            assert_eq!(scene.heard()[0], "close 1001");
            assert_eq!(scene.diary(), GOODBYES, "nothing of it runs any more");
            let left = scene.left_since(closed);
            assert!((20..=130).contains(&when(&left, "close 1001")), "{left:?}");
            assert_eq!(when(&left, "close 1001"), when(&left, "FIN"));
            when(&left, "close 1001")
        }));
    }
    assert!(delays.len() > 4, "it isn't the same each time: {delays:?}");
}

/// The server echoes the Close to a connection that nobody has any more [measured: client RST].
#[test]
fn what_the_server_answers_to_the_last_close_is_reset() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let closed = scene.now();
        tab.close().unwrap();
        scene.seconds(5).await;
        assert_eq!(scene.words_since(closed).last().map(String::as_str), Some("RST"));
    });
}

/// [measured] the BYE got out 4 of 4 times; the un-REGISTER is challenged, and nobody is left to answer that.
#[test]
fn what_a_page_says_in_pagehide_leaves_but_no_answer_reaches_it() {
    scene(|scene| async move {
        let site = scene.phone(|web, event, socket| {
            if let (WebEvent::PageHide { .. }, Some(socket)) = (event, socket) {
                web.socket_send(socket, "BYE").unwrap();
                web.socket_send(socket, "REGISTER").unwrap();
            }
            if let (WebEvent::SocketMessage { .. }, Some(socket)) = (event, socket) {
                web.socket_send(socket, "REGISTER with an answer to the challenge").unwrap();
            }
        });
        let tab = scene.opened(&site).await;
        let closed = scene.now();
        tab.close().unwrap();
        scene.seconds(5).await;
        assert_eq!(said(&scene, closed), ["text BYE", "text REGISTER", "close 1001", "FIN"]);
        assert_eq!(when(&scene.left_since(closed), "text BYE"), 0);
        assert_eq!(scene.heard()[..2], ["BYE", "REGISTER"]);
        assert_eq!(scene.diary(), GOODBYES, "neither the 200 nor the 401 is heard");
    });
}

/// What a page asks for when it's told to go is for a page that isn't there any more.
#[test]
fn a_timer_that_is_set_in_pagehide_never_fires() {
    scene(|scene| async move {
        let site = scene.phone(|web, event, _| {
            if matches!(event, WebEvent::PageHide { .. } | WebEvent::Unload) {
                web.set_timeout(Duration::ZERO);
                web.get_user_media();
                web.reload();
            }
        });
        let tab = scene.opened(&site).await;
        tab.close().unwrap();
        scene.seconds(60).await;
        assert_eq!(scene.diary(), GOODBYES);
    });
}

/// [measured] 1001 and FIN at +29 to 58 ms; the fresh page registers at about +0.12 s.
#[test]
fn a_reloaded_page_is_a_fresh_one_on_a_fresh_connection() {
    for seed in 0..8 {
        scene_with(seed, BrowserSettings::default(), |scene| async move {
            let tab = scene.registered().await;
            let reloaded = scene.now();
            tab.reload().unwrap();
            assert!(tab.is_open() && !tab.has_page(), "it's being loaded");
            scene.seconds(5).await;
            assert_eq!(scene.diary()[..4], GOODBYES);
            assert_eq!(scene.diary()[4..], ["load", "open sip"]);
            let left = scene.left_since(reloaded);
            assert!((29..=58).contains(&when(&left, "close 1001")), "{left:?}");
            assert!((80..=140).contains(&when(&left, "text REGISTER")), "{left:?}");
            assert!(tab.has_page());
        });
    }
}

#[test]
fn a_tab_that_is_closed_while_it_loads_loads_nothing() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        tab.reload().unwrap();
        scene.ms(20).await;
        tab.close().unwrap();
        scene.forget();
        scene.seconds(5).await;
        assert!(scene.diary().is_empty());
    });
}

/// [measured] as a reload, and nobody registers.
#[test]
fn a_tab_that_goes_elsewhere_has_no_page_until_it_comes_back() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let left = scene.now();
        tab.navigate_away().unwrap();
        scene.seconds(5).await;
        assert_eq!(scene.diary(), GOODBYES);
        assert_eq!(said(&scene, left), ["close 1001", "FIN"]);
        assert!((29..=58).contains(&when(&scene.left_since(left), "close 1001")));
        assert!(tab.is_open() && !tab.has_page() && !tab.has_crashed());
        scene.forget();
        tab.navigate_back().unwrap();
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["load", "open sip"]);
    });
}

/// [measured] 1001 at +52 ms.
#[test]
fn a_crashed_page_hears_nothing_and_its_browser_closes_for_it() {
    scene(|scene| async move {
        let site = scene.phone(|web, event, socket| {
            if let (WebEvent::PageHide { .. }, Some(socket)) = (event, socket) {
                web.socket_send(socket, "BYE").unwrap();
            }
        });
        let tab = scene.opened(&site).await;
        let crashed = scene.now();
        tab.crash().unwrap();
        scene.seconds(5).await;
        assert!(scene.diary().is_empty());
        assert_eq!(said(&scene, crashed), ["close 1001", "FIN"]);
        assert_eq!(when(&scene.left_since(crashed), "close 1001"), 52);
        assert!(tab.is_open() && tab.has_crashed(), "the tab is there, and says that it's sorry");
        assert_eq!(tab.crash(), Err(BrowserError::NoPage));
        tab.reload().unwrap();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "open sip"]);
        assert!(!tab.has_crashed());
    });
}

/// [measured] still 1001 and FIN, at +80 ms.
#[test]
fn a_killed_browser_still_closes_its_connections() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let killed = scene.now();
        scene.browser.kill().unwrap();
        assert!(!tab.is_open() && scene.browser.tabs().is_empty());
        assert_eq!(scene.browser.kill(), Err(BrowserError::NotRunning));
        scene.seconds(5).await;
        assert!(scene.diary().is_empty());
        assert_eq!(said(&scene, killed), ["close 1001", "FIN"]);
        assert_eq!(when(&scene.left_since(killed), "close 1001"), 80);
    });
}

/// [measured] FIN without a Close, at +72 ms.
#[test]
fn when_all_processes_are_killed_nobody_is_left_to_say_close() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let killed = scene.now();
        // What the page had said in that moment is lost with the process that was to send it.
        tab.press(|page: &mut Script, web| web.socket_send(page.socket.get().unwrap(), "too late").unwrap());
        scene.browser.kill_all().unwrap();
        scene.seconds(5).await;
        assert!(scene.diary().is_empty());
        assert_eq!(said(&scene, killed), ["FIN"]);
        assert_eq!(when(&scene.left_since(killed), "FIN"), 72);
        assert_eq!(scene.heard(), ["lost"]);
    });
}

#[test]
fn a_killed_browser_opens_again_at_once_and_nothing_of_the_old_one_comes_in_between() {
    scene(|scene| async move {
        let old = scene.registered().await;
        scene.browser.kill().unwrap();
        let tab = scene.browser.reopen().unwrap();
        scene.seconds(5).await;
        assert!(tab.has_page() && !old.is_open());
        assert_eq!(scene.diary(), ["load", "open sip"]);
        assert_eq!(scene.browser.tabs().len(), 1);
        // And the process that was killed takes nothing along.
        scene.seconds(600).await;
        assert!(scene.browser.is_running() && tab.has_page());
    });
}

/// A farewell that was on its way is cut short when nobody is left to say it.
#[test]
fn a_close_that_is_not_said_yet_is_never_said_once_all_processes_are_killed() {
    scene(|scene| async move {
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        let phone = scene.registered().await;
        let closed = scene.now();
        phone.close().unwrap();
        scene.browser.kill_all().unwrap();
        scene.seconds(5).await;
        assert_eq!(said(&scene, closed), ["FIN"]);
        assert!(!tab.is_open());
    });
}

/// [measured] nothing at all leaves. [modelled] then everything at once.
#[test]
fn a_closed_lid_sends_nothing_and_everything_is_late_when_it_opens() {
    scene(|scene| async move {
        let site = scene.phone(|web, event, socket| match (event, socket) {
            (WebEvent::Load, _) => {
                web.set_timeout(30 * SECOND);
                web.set_timeout(20 * SECOND);
                web.set_interval(10 * SECOND);
            }
            (WebEvent::Timer(_), Some(socket)) => web.socket_send(socket, "keepalive").unwrap(),
            _ => {}
        });
        let tab = scene.opened(&site).await;
        let asleep = scene.now();
        scene.alice.pause();
        assert_eq!(tab.close(), Err(BrowserError::Asleep));
        assert_eq!(tab.press(|_: &mut Script, _| ()), None);
        scene.seconds(120).await;
        assert!(scene.left_since(asleep).is_empty() && scene.diary().is_empty());
        let awake = scene.now();
        scene.alice.resume();
        scene.ms(100).await;
        assert_eq!(scene.diary(), ["timer"; 3], "the interval fires once, not twelve times");
        assert_eq!(said(&scene, awake), ["text keepalive"; 3]);
        assert!(scene.diary_since(awake).iter().all(|(after, _)| *after <= 1));
        assert_eq!(scene.heard(), ["keepalive"; 3], "the connection is the same");
    });
}

/// [modelled] as the systems of most desks do: the connection dies with its address, and the page is told.
#[test]
fn a_lost_address_ends_its_connections_and_the_page_learns_of_both() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let moved = scene.now();
        scene.u.network().move_host(&scene.alice, "4g").unwrap();
        scene.seconds(5).await;
        let mut heard = scene.diary();
        heard.sort();
        assert_eq!(heard, ["close 1006 unclean", "error", "offline", "online"]);
        let (error, close) =
            (when(&scene.diary_since(moved), "error"), when(&scene.diary_since(moved), "close 1006 unclean"));
        assert!(error <= close && close <= 2_000);
        assert!(tab.has_page());
        assert!(tab.press(|_: &mut Script, web| web.is_online()).unwrap());
    });
}

/// The other of the pair: on Linux nobody cuts it, and nobody notices.
#[test]
fn a_connection_that_survives_its_address_is_half_open() {
    let settings = BrowserSettings { drops_lost_addresses: false, ..BrowserSettings::default() };
    scene_with(1, settings, |scene| async move {
        let tab = scene.registered().await;
        scene.u.network().move_host(&scene.alice, "4g").unwrap();
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["offline", "online"]);
        tab.press(|page: &mut Script, web| web.socket_send(page.socket.get().unwrap(), "echo").unwrap());
        scene.seconds(60).await;
        assert_eq!(scene.diary(), ["offline", "online"]);
        assert!(scene.heard().is_empty());
    });
}

/// [modelled] a machine without power sends nothing; nobody opens the browser for its user when it's back.
#[test]
fn a_power_cut_takes_the_browser_and_it_stays_away_until_somebody_opens_it() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let cut = scene.now();
        scene.alice.crash();
        assert!(!tab.is_open() && !tab.has_page() && !scene.browser.is_running());
        assert_eq!(tab.page(|_: &Script| ()), None, "the screen is dark");
        assert_eq!(scene.browser.reopen().map(|_| ()), Err(BrowserError::Off));
        scene.seconds(30).await;
        scene.alice.restart();
        scene.seconds(30).await;
        assert!(scene.left_since(cut).is_empty() && scene.diary().is_empty());
        assert!(!scene.browser.is_running());
        let tab = scene.browser.reopen().unwrap();
        scene.seconds(1).await;
        assert!(tab.has_page());
        assert_eq!(scene.diary(), ["load", "open sip"]);
    });
}

/// A second tab is a page of its own, with a connection of its own, and the first goes on.
#[test]
fn a_second_tab_is_another_page_and_the_first_stays_behind_it() {
    scene(|scene| async move {
        let site = scene.phone(|_, _, _| {});
        let first = scene.opened(&site).await;
        let opened = scene.now();
        let second = scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        assert!(first.has_page() && second.has_page() && first.is_hidden() && !second.is_hidden());
        assert_eq!(scene.diary(), ["hidden", "load", "open sip"]);
        assert_eq!(scene.words_since(opened).iter().filter(|what| *what == "SYN").count(), 1);
        second.close().unwrap();
        assert!(first.has_page() && !first.is_hidden() && scene.browser.is_running(), "the first is seen again");
    });
}

/// A page may do it too, and its handler comes to its end first.
#[test]
fn a_page_that_closes_or_reloads_itself_finishes_its_handler() {
    scene(|scene| async move {
        let site = scene.phone(|web, event, socket| {
            if let (WebEvent::SocketMessage { .. }, Some(socket)) = (event, socket) {
                web.close();
                web.socket_send(socket, "last words").unwrap();
            }
        });
        let tab = scene.opened(&site).await;
        tab.press(|page: &mut Script, web| web.socket_send(page.socket.get().unwrap(), "echo").unwrap());
        scene.seconds(1).await;
        assert!(!tab.is_open());
        assert_eq!(scene.heard()[..3], ["echo", "last words", "close 1001"]);

        scene.forget();
        let tab = scene.browser.open(&scene.site(|_, _| {})).unwrap();
        tab.press(|_: &mut Script, web| web.reload()).unwrap();
        assert!(!tab.has_page());
        scene.u.sleep(MINUTE).await;
        assert_eq!(scene.diary(), ["beforeunload", "pagehide", "hidden", "unload", "load"]);
    });
}

/// The end is the same, byte for byte, for the same seed.
#[test]
fn the_same_seed_ends_a_tab_in_the_same_moment() {
    let run = || {
        scene_with(5, BrowserSettings::default(), |scene| async move {
            let tab = scene.registered().await;
            tab.reload().unwrap();
            scene.seconds(5).await;
            tab.close().unwrap();
            scene.seconds(5).await;
            scene.left_since(busyhour::trace::SimTime::ZERO)
        })
    };
    assert_eq!(run(), run());
}
