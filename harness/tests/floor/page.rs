//! The page alone, before a server that answers what it's told to: what of a reply it puts on the screen.

use std::time::Duration;

use busyhour::floor::core::{Action, Screen};
use busyhour::floor::screen::{AgentScreen, ScreenSettings, form};
use busyhour::http::{Answer, Response, serve};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::simulate;
use bytes::Bytes;

const SECOND: Duration = Duration::from_secs(1);

fn reply(status: &str) -> Bytes {
    let screen = Screen { session: "ok".into(), status: status.into(), phone_in_session: true, ..Screen::default() };
    let mut line = serde_json::to_value(screen).unwrap();
    line["result"] = "ok".into();
    line["session_name"] = "s1".into();
    line.to_string().into()
}

/// Polls that say what the last one said change nothing; but what a button's answer has changed since, the next poll
/// changes back, were it with the very words of the one before.
#[test]
fn a_poll_that_repeats_an_older_one_is_shown_again_after_the_answer_to_a_button() {
    simulate(1, |u| async move {
        let (server, desk) = (u.host("floor"), u.host("desk"));
        server.boot(|server| async move {
            let served = serve(&server, 80, |incoming| async move {
                let asked = form::read(incoming.request.body()).unwrap().action;
                let status = if matches!(asked, Action::Pause { .. }) { "PAUSED" } else { "READY" };
                Answer::Reply(Response::new(reply(status)))
            });
            let _ = served.await;
        });
        u.sleep(SECOND).await;
        let browser = Browser::install(&desk, BrowserSettings::default());
        let tab = browser.open(&AgentScreen::site(ScreenSettings::new("http://floor", "alice", "secret"))).unwrap();
        let shows = || tab.page(|page: &AgentScreen| page.shows().to_owned()).unwrap();
        u.sleep(SECOND / 10).await;
        tab.press(|page: &mut AgentScreen, web| page.log_in(web, "renewals")).unwrap();
        u.sleep(3 * SECOND + SECOND / 2).await;
        assert_eq!(shows(), "READY");
        tab.press(|page: &mut AgentScreen, web| page.pause(web, None)).unwrap();
        u.sleep(SECOND / 10).await;
        assert_eq!(shows(), "PAUSED", "the button's answer");
        u.sleep(SECOND).await;
        assert_eq!(shows(), "READY", "the next poll's");
    });
}
