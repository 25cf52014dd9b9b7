//! The microphone, who may listen to it, and what a page may play.
//!
//! Media Capture and Streams; Chrome's autoplay policy. [modelled] how long it takes to open a microphone.

use std::cell::RefCell;
use std::rc::Rc;

use busyhour::phone::browser::{
    Autoplay, BrowserError, BrowserSettings, Exception, MediaStream, Permission, Site, WebEvent,
};

use super::support::{Scene, Script, scene, scene_with};

type Streams = Rc<RefCell<Vec<MediaStream>>>;

/// A page that asks for the microphone at once, and keeps what it gets.
fn listening(scene: &Scene) -> (Site, Streams) {
    let streams = Streams::default();
    let kept = streams.clone();
    let site = scene.site(move |web, event| match event {
        WebEvent::Load => {
            web.get_user_media();
        }
        WebEvent::UserMedia { outcome: Ok(stream), .. } => kept.borrow_mut().push(stream.clone()),
        _ => {}
    });
    (site, streams)
}

fn asks() -> BrowserSettings {
    BrowserSettings { microphone: Permission::Ask, ..BrowserSettings::default() }
}

#[test]
fn a_page_that_may_listen_gets_a_live_track_and_mutes_it_itself() {
    scene(|scene| async move {
        let (site, streams) = listening(&scene);
        scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "microphone"]);
        let stream = streams.borrow()[0].clone();
        let track = &stream.audio_tracks()[0];
        assert!(stream.is_active() && track.gives_sound());
        stream.set_enabled(false);
        assert!(track.is_live() && !track.gives_sound());
        stream.set_enabled(true);
        stream.stop();
        assert!(!stream.is_active() && !track.gives_sound());
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "microphone"], "a page isn't told what it has done itself");
    });
}

#[test]
fn a_denied_microphone_and_one_that_is_not_there_have_names_of_their_own() {
    scene(|scene| async move {
        let (site, _) = listening(&scene);
        scene.browser.set_microphone(&site, Permission::Denied);
        scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "NotAllowedError"]);
        scene.forget();
        scene.alice.room().unplug_microphone();
        scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        assert!(scene.diary().contains(&"NotFoundError".to_owned()), "{:?}", scene.diary());
    });
}

#[test]
fn a_browser_that_asks_waits_for_the_answer_and_asks_once() {
    scene_with(1, asks(), |scene| async move {
        let (site, _) = listening(&scene);
        let tab = scene.browser.open(&site).unwrap();
        scene.seconds(60).await;
        assert!(tab.asks_for_microphone());
        assert_eq!(scene.diary(), ["load"]);
        tab.answer_microphone(true).unwrap();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "microphone"]);
        assert_eq!(tab.answer_microphone(true), Err(BrowserError::NothingAsked));
        scene.forget();
        tab.reload().unwrap();
        scene.seconds(1).await;
        assert!(scene.diary().ends_with(&["load".into(), "microphone".into()]), "{:?}", scene.diary());
        // Even when its computer has been off.
        scene.alice.crash();
        scene.alice.restart();
        scene.forget();
        scene.browser.reopen().unwrap();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "microphone"]);
        // But that was for this site.
        assert_eq!(scene.browser.microphone(&site), Permission::Granted);
        let other = Site::new("http://other.test", || Nobody);
        assert_eq!(scene.browser.microphone(&other), Permission::Ask);
    });
}

struct Nobody;

impl busyhour::phone::browser::Page for Nobody {
    fn handle(&mut self, _: &busyhour::phone::browser::Web, _: WebEvent) {}
}

#[test]
fn a_no_is_remembered_as_a_yes_is() {
    scene_with(1, asks(), |scene| async move {
        let (site, _) = listening(&scene);
        let tab = scene.browser.open(&site).unwrap();
        scene.ms(10).await;
        tab.answer_microphone(false).unwrap();
        scene.ms(10).await;
        tab.reload().unwrap();
        scene.seconds(1).await;
        let denials = scene.diary().iter().filter(|what| *what == "NotAllowedError").count();
        assert_eq!(denials, 2);
        assert!(!tab.asks_for_microphone());
    });
}

/// Both tabs listen: a microphone isn't anybody's own.
#[test]
fn a_microphone_that_is_pulled_out_ends_the_tracks_of_both_tabs() {
    scene(|scene| async move {
        let (site, streams) = listening(&scene);
        scene.browser.open(&site).unwrap();
        scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        assert_eq!(streams.borrow().len(), 2);
        assert!(streams.borrow().iter().all(MediaStream::is_active));
        scene.forget();
        scene.alice.room().unplug_microphone();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["track ended", "devicechange", "track ended", "devicechange"]);
        assert!(!streams.borrow().iter().any(MediaStream::is_active));
        scene.forget();
        scene.alice.room().plug_in_microphone();
        scene.seconds(2).await;
        assert_eq!(scene.diary(), ["devicechange"; 2], "a track that has ended doesn't come back");
    });
}

#[test]
fn a_permission_that_is_taken_back_ends_the_tracks() {
    scene(|scene| async move {
        let (site, streams) = listening(&scene);
        scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        scene.browser.set_microphone(&site, Permission::Denied);
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "microphone", "track ended"]);
        assert!(!streams.borrow()[0].is_active());
    });
}

#[test]
fn a_page_that_is_gone_gets_no_microphone_that_it_had_asked_for() {
    scene_with(1, asks(), |scene| async move {
        let (site, streams) = listening(&scene);
        let tab = scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        tab.answer_microphone(true).unwrap();
        tab.crash().unwrap();
        scene.seconds(1).await;
        assert!(streams.borrow().is_empty());
        assert_eq!(scene.diary(), ["load"]);
    });
}

/// Chrome's policy, its exemption for pages that capture, and the switch that companies have.
#[test]
fn a_page_plays_nothing_until_its_user_has_done_something_unless_it_listens() {
    fn plays(autoplay: Autoplay, listens: bool) -> (Option<Exception>, Option<Exception>) {
        let settings = BrowserSettings { autoplay, ..BrowserSettings::default() };
        scene_with(1, settings, move |scene| async move {
            let tried = Rc::new(RefCell::new(Vec::new()));
            let try_it = tried.clone();
            let site = scene.site(move |web, event| match event {
                WebEvent::Load if listens => {
                    web.get_user_media();
                }
                WebEvent::Load => {
                    web.set_timeout(super::support::SECOND);
                }
                WebEvent::UserMedia { .. } | WebEvent::Timer(_) => {
                    let played = web.play(&MediaStream::default());
                    try_it.borrow_mut().push(played.err().map(|error| error.kind));
                }
                _ => {}
            });
            let tab = scene.browser.open(&site).unwrap();
            scene.seconds(2).await;
            let before = tried.borrow()[0];
            let after = tab.press(|_: &mut Script, web| web.play(&MediaStream::default()).err()).unwrap();
            (before, after.map(|error| error.kind))
        })
    }
    assert_eq!(plays(Autoplay::AfterGesture, false), (Some(Exception::NotAllowed), None));
    assert_eq!(plays(Autoplay::AfterGesture, true), (None, None));
    assert_eq!(plays(Autoplay::Always, false), (None, None));
}
