//! localStorage and locks: what tabs of one site share, and what outlives them.
//!
//! HTML's Web storage, Web Locks. [modelled] that a change is safe from a power cut after 5 s, and at once from
//! everything else.

use busyhour::phone::browser::{Exception, Site, Tab, WebEvent};

use super::support::{Scene, Script, scene};

fn blank(scene: &Scene) -> Tab {
    scene.browser.open(&scene.site(|_, _| {})).unwrap()
}

fn set(tab: &Tab, key: &str, value: &str) {
    tab.press(|_: &mut Script, web| web.local_storage_set(key, value)).unwrap().unwrap();
}

fn get(tab: &Tab, key: &str) -> Option<String> {
    tab.press(|_: &mut Script, web| web.local_storage_get(key)).unwrap()
}

#[test]
fn what_a_page_stores_survives_reload_crash_and_a_killed_browser() {
    scene(|scene| async move {
        let tab = blank(&scene);
        set(&tab, "instance", "urn:uuid:1");
        set(&tab, "gone", "x");
        tab.press(|_: &mut Script, web| web.local_storage_remove("gone"));
        tab.reload().unwrap();
        scene.seconds(1).await;
        assert_eq!(get(&tab, "instance").as_deref(), Some("urn:uuid:1"));
        tab.crash().unwrap();
        tab.reload().unwrap();
        scene.seconds(1).await;
        assert_eq!(get(&tab, "instance").as_deref(), Some("urn:uuid:1"));
        set(&tab, "last", "second");
        scene.browser.kill_all().unwrap();
        let tab = scene.browser.reopen().unwrap();
        assert_eq!(get(&tab, "instance").as_deref(), Some("urn:uuid:1"));
        assert_eq!(get(&tab, "last").as_deref(), Some("second"));
        assert_eq!(tab.press(|_: &mut Script, web| web.local_storage_keys()).unwrap(), ["instance", "last"]);
    });
}

/// The pair: what was synced is there; of what wasn't, the seed decides, and it's whole or not there at all.
#[test]
fn after_a_power_cut_what_was_stored_five_seconds_before_is_there() {
    for seed in 0..10 {
        super::support::scene_with(seed, busyhour::phone::browser::BrowserSettings::default(), |scene| async move {
            let tab = blank(&scene);
            set(&tab, "old", "kept");
            scene.seconds(6).await;
            set(&tab, "new", "perhaps");
            scene.alice.crash();
            scene.alice.restart();
            let tab = scene.browser.reopen().unwrap();
            assert_eq!(get(&tab, "old").as_deref(), Some("kept"));
            assert!(matches!(get(&tab, "new").as_deref(), None | Some("perhaps")));
            // Behind a torn end it goes on.
            set(&tab, "newest", "kept");
            scene.browser.kill_all().unwrap();
            let tab = scene.browser.reopen().unwrap();
            assert_eq!((get(&tab, "old").as_deref(), get(&tab, "newest").as_deref()), (Some("kept"), Some("kept")));
        });
    }
}

#[test]
fn some_power_cut_takes_what_was_stored_just_before() {
    let lost = (0..20).any(|seed| {
        super::support::scene_with(seed, busyhour::phone::browser::BrowserSettings::default(), |scene| async move {
            let tab = blank(&scene);
            set(&tab, "new", "perhaps");
            scene.seconds(4).await;
            scene.alice.crash();
            scene.alice.restart();
            let tab = scene.browser.reopen().unwrap();
            get(&tab, "new").is_none()
        })
    });
    assert!(lost, "4 s aren't 5");
}

#[test]
fn the_other_tabs_of_a_site_hear_of_a_change_and_those_of_another_site_do_not() {
    scene(|scene| async move {
        let first = blank(&scene);
        let second = blank(&scene);
        let diary = scene.diary.clone();
        let other = Site::new("http://other.test", move || Other(diary.clone()));
        scene.browser.open(&other).unwrap();
        scene.seconds(1).await;
        scene.forget();
        set(&first, "leader", "1");
        set(&first, "leader", "1");
        second.press(|_: &mut Script, web| web.local_storage_remove("leader"));
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["storage Some(\"leader\") Some(\"1\")", "storage Some(\"leader\") None"]);
        assert_eq!(get(&first, "leader"), None);
    });
}

/// A page of another site, which says what it hears of the store.
struct Other(super::support::Diary);

impl busyhour::phone::browser::Page for Other {
    fn handle(&mut self, web: &busyhour::phone::browser::Web, event: WebEvent) {
        if matches!(event, WebEvent::Storage { .. }) || web.local_storage_get("leader").is_some() {
            self.0.borrow_mut().push((web.now(), "the other site knows".to_owned()));
        }
    }
}

#[test]
fn a_site_stores_five_mebibytes_and_no_more() {
    scene(|scene| async move {
        let tab = blank(&scene);
        let store = |length: usize| {
            tab.press(|_: &mut Script, web| web.local_storage_set("k", &"x".repeat(length)).map_err(|error| error.kind))
        };
        assert_eq!(store((5 << 20) - 1), Some(Ok(())));
        assert_eq!(store(5 << 20), Some(Err(Exception::QuotaExceeded)));
        assert_eq!(get(&tab, "k").unwrap().len(), (5 << 20) - 1);
        scene.alice.limit_disk(1);
        assert_eq!(store(1), Some(Err(Exception::QuotaExceeded)), "the disk is full");
    });
}

#[test]
fn a_store_that_changes_often_does_not_fill_the_disk() {
    scene(|scene| async move {
        let tab = blank(&scene);
        for number in 0..20_000 {
            set(&tab, "n", &number.to_string());
        }
        let file = scene.alice.disk().list("browser/storage/").unwrap();
        assert_eq!(file.len(), 1);
        assert!(scene.alice.disk().len(&file[0]).unwrap() < 100_000);
        scene.browser.kill_all().unwrap();
        assert_eq!(get(&scene.browser.reopen().unwrap(), "n").as_deref(), Some("19999"));
    });
}

/// One leader at a time, and another when it's gone, however it went.
#[test]
fn a_lock_goes_to_the_next_tab_when_its_holder_gives_it_back_or_is_gone() {
    scene(|scene| async move {
        let site = scene.site(|web, event| {
            if matches!(event, WebEvent::Load) {
                web.request_lock("leader");
            }
        });
        let first = scene.browser.open(&site).unwrap();
        let second = scene.browser.open(&site).unwrap();
        let third = scene.browser.open(&site).unwrap();
        let locks = || scene.diary().iter().filter(|what| *what == "lock").count();
        scene.seconds(1).await;
        assert_eq!(locks(), 1);
        second.close().unwrap();
        scene.seconds(1).await;
        assert_eq!(locks(), 1, "one that waits is passed by");
        first.crash().unwrap();
        scene.seconds(1).await;
        assert_eq!(locks(), 2);
        first.reload().unwrap();
        scene.seconds(1).await;
        assert_eq!(locks(), 2);
        third.close().unwrap();
        scene.seconds(1).await;
        assert_eq!(locks(), 3);
        // And by its own will.
        scene.forget();
        first.press(|_: &mut Script, web| {
            let waits = web.request_lock("other");
            web.request_lock("other");
            web.release_lock(waits);
        });
        scene.seconds(1).await;
        assert_eq!(locks(), 2);
    });
}
