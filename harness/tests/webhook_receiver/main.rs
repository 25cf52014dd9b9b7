//! Receivers written in wiremock's words, over the wire; and a developer's own ones.

mod own;

use std::time::Duration;

use busyhour::http::{Client, Limits, Request, Response, SendError, StatusCode};
use busyhour::webhook::receiver::matchers::{body_partial_json, header, method, path, query_param};
use busyhour::webhook::receiver::{Receiver, Reply};
use busyhour::world::{Cause, Host};
use busyhour::{Universe, simulate};
use bytes::Bytes;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn post(from: &Host, target: &str, body: &str) -> Result<Response<Bytes>, SendError> {
    let request = Request::post(format!("http://crm{target}")).header("X-Try", "1");
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    Client::new(from).send(request, Limits::new(ms(5_000), ms(60_000))).await
}

async fn status(from: &Host, target: &str) -> u16 {
    post(from, target, "{}").await.unwrap().status().as_u16()
}

#[test]
fn wiremocks_matchers_see_what_was_sent() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        crm.given(method("POST"))
            .and(path("/hook"))
            .and(query_param("list", "7"))
            .and(header("x-try", "1"))
            .and(body_partial_json(serde_json::json!({"data": {"status": "SALE"}})))
            .respond_with(Reply::status(201).header("X-Seen", "yes").body("done"))
            .expect(1);
        let answer = post(&sender, "/hook?list=7", r#"{"id":"1","data":{"status":"SALE"}}"#).await.unwrap();
        assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::CREATED, &b"done"[..]));
        assert_eq!(answer.headers()["x-seen"], "yes");
        assert!(!answer.headers().contains_key("date"), "a real clock's date would differ from run to run");
        assert_eq!(post(&sender, "/hook?list=7", r#"{"data":{"status":"NI"}}"#).await.unwrap().status(), 404);
        let received = crm.received();
        assert_eq!(received.iter().map(|one| one.answer.as_str()).collect::<Vec<_>>(), ["201", "404"]);
        assert_eq!(received.iter().map(|one| one.mock).collect::<Vec<_>>(), [Some(0), None]);
        assert_eq!(received[0].request.url.path(), "/hook");
        assert_eq!(received[0].from.ip(), &sender.address());
    });
}

#[test]
fn mocks_are_used_up_and_have_priorities() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        crm.given(method("POST")).respond_with(Reply::status(200)).expect(1);
        let failing = crm.given(method("POST")).respond_with(Reply::status(500)).up_to_n_times(2).with_priority(1);
        let statuses = [status(&sender, "/").await, status(&sender, "/").await, status(&sender, "/").await];
        assert_eq!(statuses, [500, 500, 200]);
        assert_eq!(failing.matched(), 2);
        crm.verify().unwrap();
    });
}

#[test]
fn a_reply_comes_late_by_the_universes_time() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        crm.given(path("/late")).respond_with(Reply::status(200).after(ms(40_000)));
        crm.given(path("/lost")).respond_with(Reply::reset().after(ms(7_000)));
        let before = u.now();
        assert_eq!(status(&sender, "/late").await, 200);
        let late = u.now().since(before);
        assert!((ms(40_000)..ms(40_020)).contains(&late), "{late:?}");
        let before = u.now();
        assert_eq!(post(&sender, "/lost", "").await.unwrap_err(), SendError::Reset);
        let late = u.now().since(before);
        assert!((ms(7_000)..ms(7_020)).contains(&late), "{late:?}");
    });
}

#[test]
fn what_wiremock_cant_do_looks_as_it_would_from_outside() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        let replies = [
            ("/reset", Reply::reset()),
            ("/close", Reply::close()),
            ("/hang", Reply::hang()),
            ("/cut", Reply::status(200).body("a long story").cut_body(6)),
            ("/lost", Reply::work_done_reply_lost()),
        ];
        for (target, reply) in replies {
            assert_eq!(reply.is_work_done(), target == "/lost");
            crm.given(path(target)).respond_with(reply).expect(1);
        }
        let fate = async |target: &str| post(&sender, target, "").await.unwrap_err();
        assert_eq!(fate("/reset").await, SendError::Reset);
        assert_eq!(fate("/close").await, SendError::Closed);
        assert!(matches!(fate("/hang").await, SendError::NoAnswer { .. }));
        assert_eq!(fate("/cut").await, SendError::Cut);
        assert_eq!(fate("/lost").await, SendError::Reset);
        let answers: Vec<String> = crm.received().into_iter().map(|one| one.answer).collect();
        assert_eq!(answers, ["reset", "closed", "hangs", "200 cut after 6 bytes", "reset"]);
    });
}

#[test]
fn a_receiver_thats_down_refuses_and_lets_go_of_who_is_there() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        crm.given(path("/")).respond_with(Reply::status(200));
        crm.given(path("/late")).respond_with(Reply::status(200).after(ms(10_000)));
        let from = sender.clone();
        let waiting = sender.spawn(async move { post(&from, "/late", "").await.map(|answer| answer.status()) });
        u.sleep(ms(1_000)).await;
        crm.down();
        u.sleep(ms(100)).await;
        assert!(matches!(waiting.await.unwrap().unwrap_err(), SendError::Closed | SendError::Reset));
        assert!(matches!(post(&sender, "/", "").await.unwrap_err(), SendError::Refused(_)));
        crm.up();
        u.sleep(ms(100)).await;
        assert_eq!(status(&sender, "/").await, 200);
    });
}

#[test]
fn a_receiver_is_back_after_its_hosts_crash_and_its_mocks_go_on_counting() {
    simulate(1, |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        let mock = crm.given(path("/")).respond_with(Reply::status(200)).expect(2);
        assert_eq!(status(&sender, "/").await, 200);
        crm.host().crash();
        crm.host().restart();
        assert_eq!(status(&sender, "/").await, 200);
        assert_eq!((mock.matched(), crm.received().len()), (2, 2));
        crm.reset();
        assert_eq!((status(&sender, "/").await, crm.received().len()), (404, 1));
    });
}

fn unverified(verify: bool) -> busyhour::Outcome<()> {
    Universe::seeded(1).run(move |u| async move {
        let (crm, sender) = (Receiver::install(&u.host("crm"), 80), u.host("sender"));
        crm.given(method("POST")).respond_with(Reply::status(200)).expect(2..).named("deliveries of the sale");
        assert_eq!(status(&sender, "/hook").await, 200);
        if verify {
            crm.verify().unwrap_err();
        }
    })
}

#[test]
fn a_run_whose_receiver_expected_more_has_failed_in_wiremocks_words() {
    let Err(Cause::Panicked { message, .. }) = unverified(false).result else { panic!("nothing was said") };
    let words = "crm: Verifications failed:\n- deliveries of the sale.\n\tExpected range of matching incoming requests: \
                 2 <= x\n\tNumber of matched incoming requests: 1\n\nReceived requests:\n- Request #1\n\tPOST http://crm/hook\n";
    assert!(message.starts_with(words), "{message}");
    assert!(unverified(true).result.is_ok(), "it was said before, to somebody who listened");
}
