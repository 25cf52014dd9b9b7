//! The sample CRM against what senders, networks, strangers and power cuts do to it; and the naive one, which shows
//! that each of these would do harm.

mod crash;
mod polling;

use std::time::{Duration, UNIX_EPOCH};

use busyhour::http::{Client, HeaderValue, Limits, Request, SendError, header};
use busyhour::webhook::crm::{Crm, CrmSettings, Verdict};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::receiver::Reply;
use busyhour::webhook::signature::{Parts, Scheme, Secret};
use busyhour::world::Host;
use busyhour::{Universe, simulate};
use bytes::Bytes;

const URL: &str = "http://crm/hook";
const SECOND: Duration = Duration::from_secs(1);
const BORN: u64 = busyhour::DEFAULT_BIRTH * 1000;

fn disposed(id: &str, sequence: u64, status: &str) -> Event {
    Event::new(id, EventKind::DispositionSaved, BORN + sequence * 1000)
        .numbered(sequence)
        .with("lead_id", "1001")
        .with("call_id", format!("M{sequence}"))
        .with("status", status)
}

fn unsigned(event: &Event) -> Request<Bytes> {
    Request::post(URL).header(header::CONTENT_TYPE, "application/json").body(event.to_json()).unwrap()
}

fn secret(word: &str) -> Secret {
    Secret::new(word)
}

/// Signs a request by Standard Webhooks, now by the host's clock.
fn signed(by: &Host, event: &Event, secret: &Secret) -> Request<Bytes> {
    let now = by.wall_clock().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut request = unsigned(event);
    let body = request.body().clone();
    let parts = Parts { id: &event.id, url: URL, content_type: "application/json", body: &body };
    request.headers_mut().extend(Scheme::Standard.sign(now, std::slice::from_ref(secret), &parts).headers);
    request
}

async fn send(from: &Host, request: Request<Bytes>) -> Result<u16, SendError> {
    let limits = Limits::new(SECOND, 30 * SECOND);
    Client::new(from).send(request, limits).await.map(|answer| answer.status().as_u16())
}

async fn tell(from: &Host, event: &Event) -> u16 {
    send(from, unsigned(event)).await.unwrap()
}

fn place(u: &Universe, settings: CrmSettings) -> (Crm, Host) {
    (Crm::install(&u.host("crm"), settings), u.host("sender"))
}

fn verdicts(crm: &Crm) -> Vec<Verdict> {
    crm.deliveries(None, None).into_iter().map(|delivery| delivery.verdict).collect()
}

/// What a story leaves in the correct CRM and in the naive one: sales and status of lead 1001.
fn both<F: Future<Output = ()> + 'static>(story: fn(Universe, Crm, Host) -> F) -> [(usize, Option<String>); 2] {
    [CrmSettings::default(), CrmSettings::naive()].map(|settings| {
        simulate(1, move |u| async move {
            let (crm, sender) = place(&u, settings);
            story(u.clone(), crm.clone(), sender).await;
            u.sleep(SECOND).await;
            (crm.sales("1001"), crm.status("1001"))
        })
    })
}

fn left(sales: usize, status: &str) -> (usize, Option<String>) {
    (sales, Some(status.to_owned()))
}

/// Domain: group J 73, 74.
#[test]
fn copies_of_an_event_count_once() {
    let left_behind = both(|_, crm, sender| async move {
        for _ in 0..46 {
            assert_eq!(tell(&sender, &disposed("evt_1", 1, "SALE")).await, 200);
        }
        let deliveries = crm.deliveries(Some(EventKind::DispositionSaved), Some("1001"));
        assert!(deliveries.iter().all(|one| one.is_accepted() && one.id.as_deref() == Some("evt_1")));
        assert_eq!(deliveries.len(), 46);
        assert!(crm.deliveries(Some(EventKind::CallEnded), None).is_empty());
        assert!(crm.deliveries(None, Some("1002")).is_empty());
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(46, "SALE")]);
}

/// Domain: group J 76: both copies pass the check before either is written down.
#[test]
fn two_copies_at_the_same_instant_count_once() {
    let left_behind = both(|_, crm, sender| async move {
        crm.double_next();
        tell(&sender, &disposed("evt_1", 1, "SALE")).await;
        assert_eq!(crm.deliveries(None, None).len(), 2);
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(2, "SALE")]);
}

/// Domain: group J 77, 78.
#[test]
fn an_older_event_never_overwrites_a_newer_one() {
    let left_behind = both(|_, _, sender| async move {
        tell(&sender, &disposed("evt_2", 2, "SALE")).await;
        tell(&sender, &disposed("evt_1", 1, "NI")).await;
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(1, "NI")]);
    // The same where the sender tells times and no numbers.
    let left_behind = both(|_, _, sender| async move {
        tell(&sender, &Event { sequence: 0, ..disposed("evt_2", 2, "SALE") }).await;
        tell(&sender, &Event { sequence: 0, ..disposed("evt_1", 1, "NI") }).await;
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(1, "NI")]);
}

#[test]
fn a_newer_event_overwrites_an_older_one() {
    let left_behind = both(|_, _, sender| async move {
        tell(&sender, &disposed("evt_1", 1, "NI")).await;
        tell(&sender, &disposed("evt_2", 2, "SALE")).await;
        tell(&sender, &disposed("evt_3", 3, "DNC")).await;
    });
    assert_eq!(left_behind, [left(1, "DNC"), left(1, "DNC")]);
}

#[test]
fn a_delivery_thats_held_back_comes_after_the_next_and_does_no_harm() {
    let left_behind = both(|_, crm, sender| async move {
        crm.hold_next();
        let (late, event) = (sender.clone(), disposed("evt_1", 1, "NI"));
        let first = sender.spawn(async move { tell(&late, &event).await });
        sender.sleep(SECOND).await;
        assert_eq!(verdicts(&crm), [Verdict::Waits]);
        tell(&sender, &disposed("evt_2", 2, "SALE")).await;
        assert_eq!(first.await.unwrap(), 200);
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(1, "NI")]);
}

#[test]
fn one_call_is_one_sale_whichever_events_tell_of_it() {
    let left_behind = both(|_, _, sender| async move {
        let saved = disposed("evt_1", 1, "SALE");
        tell(&sender, &saved).await;
        let closed = Event { id: "evt_2".into(), kind: EventKind::SaleClosed, sequence: 2, ..saved };
        tell(&sender, &closed).await;
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(2, "SALE")]);
    let two_calls = both(|_, _, sender| async move {
        tell(&sender, &disposed("evt_1", 1, "SALE")).await;
        tell(&sender, &disposed("evt_2", 2, "SALE")).await;
    });
    assert_eq!(two_calls, [left(2, "SALE"), left(2, "SALE")]);
}

/// Domain: Part 2, Webhooks: no id, no signature, no time; and a repeated RUNurls sends again.
#[test]
fn a_vicidial_url_that_comes_twice_counts_once() {
    let left_behind = both(|_, crm, sender| async move {
        for _ in 0..2 {
            let url = format!("{URL}?lead_id=1001&dispo=SALE&call_id=M1123090001&user=alice");
            assert_eq!(send(&sender, Request::get(url).body(Bytes::new()).unwrap()).await, Ok(200));
        }
        let deliveries = crm.deliveries(Some(EventKind::DispositionSaved), Some("1001"));
        assert_eq!(deliveries.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), [None, None]);
        assert_eq!(deliveries[0].key.as_deref(), Some("M1123090001/SALE"));
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(2, "SALE")]);
}

/// The reply is never empty: VICIdial takes an empty 200 for an error (Part 2, measured).
#[test]
fn the_answer_has_a_body_and_comes_before_the_work() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        let answer =
            Client::new(&sender).send(unsigned(&disposed("evt_1", 1, "SALE")), Limits::default()).await.unwrap();
        assert!(!answer.body().is_empty());
        u.sleep(SECOND).await;
        assert_eq!((crm.waiting(), crm.sales("1001"), crm.all_sales()), (0, 1, 1));
        let effects: Vec<_> =
            crm.effects().into_iter().map(|effect| (effect.number, effect.what, effect.key)).collect();
        assert_eq!(effects, [(1, "sale".to_owned(), "M1".to_owned()), (2, "status".to_owned(), "evt_1".to_owned())]);
    });
}

#[test]
fn elsewhere_and_nonsense_are_turned_away() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        let to = |url: &str, body: &'static str| Request::post(url).body(Bytes::from(body)).unwrap();
        assert_eq!(send(&sender, to("http://crm/elsewhere", "{}")).await, Ok(404));
        assert!(crm.deliveries(None, None).is_empty());
        assert_eq!(send(&sender, to(URL, "{\"id\":")).await, Ok(400));
        assert!(crm.deliveries(None, None)[0].is_rejected());
        assert_eq!(crm.effects(), []);
    });
}

#[test]
fn it_fails_before_the_work_as_often_as_it_was_told() {
    let left_behind = both(|_, crm, sender| async move {
        crm.answers(500, 2);
        let event = disposed("evt_1", 1, "SALE");
        assert_eq!(
            [tell(&sender, &event).await, tell(&sender, &event).await, tell(&sender, &event).await],
            [500, 500, 200]
        );
        assert_eq!(verdicts(&crm)[..2], [Verdict::Failed("500".into()), Verdict::Failed("500".into())]);
        crm.replies(Reply::reset(), 5);
        send(&sender, unsigned(&disposed("evt_2", 2, "DNC"))).await.unwrap_err();
        crm.at_once();
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(1, "SALE")]);
}

#[test]
fn a_lost_reply_means_the_work_is_done() {
    let left_behind = both(|_, crm, sender| async move {
        crm.lose_reply_of_next();
        let event = disposed("evt_1", 1, "SALE");
        assert_eq!(send(&sender, unsigned(&event)).await, Err(SendError::Reset));
        assert_eq!(crm.sales("1001"), 1, "when the sender learns that it's lost, it's done");
        assert_eq!(tell(&sender, &event).await, 200);
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(2, "SALE")]);
}

#[test]
fn a_slow_one_works_first_and_replies_late() {
    let left_behind = both(|u, crm, sender| async move {
        crm.takes(40 * SECOND);
        let event = disposed("evt_1", 1, "SALE");
        let before = u.now();
        assert!(matches!(send(&sender, unsigned(&event)).await, Err(SendError::NoAnswer { .. })));
        assert!(u.now().since(before) >= 29 * SECOND);
        assert_eq!(crm.sales("1001"), 1);
        crm.at_once();
        let before = u.now();
        assert_eq!(tell(&sender, &event).await, 200);
        assert!(u.now().since(before) < SECOND);
    });
    assert_eq!(left_behind, [left(1, "SALE"), left(2, "SALE")]);
}

#[test]
fn one_thats_down_refuses_until_its_back() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        crm.down();
        u.sleep(SECOND).await;
        let event = disposed("evt_1", 1, "SALE");
        assert!(matches!(send(&sender, unsigned(&event)).await, Err(SendError::Refused(_))));
        crm.up();
        u.sleep(SECOND).await;
        assert_eq!(tell(&sender, &event).await, 200);
        assert_eq!(verdicts(&crm), [Verdict::Accepted]);
    });
}

/// A sender must not believe that it's taken: the disk is full.
#[test]
fn what_cant_be_written_down_isnt_acknowledged() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        assert_eq!(tell(&sender, &disposed("evt_1", 1, "NI")).await, 200);
        u.sleep(SECOND).await;
        crm.host().limit_disk(1);
        assert_eq!(tell(&sender, &disposed("evt_2", 2, "SALE")).await, 503);
        crm.host().limit_disk(1 << 30);
        assert_eq!(tell(&sender, &disposed("evt_2", 2, "SALE")).await, 200);
        u.sleep(SECOND).await;
        assert_eq!((crm.sales("1001"), crm.status("1001").as_deref()), (1, Some("SALE")));
    });
}

fn believing(word: &str) -> CrmSettings {
    CrmSettings::default().verifying(Scheme::Standard, secret(word))
}

#[test]
fn a_forged_or_changed_delivery_has_no_effect() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, believing("ours"));
        let event = disposed("evt_1", 1, "SALE");
        assert_eq!(tell(&sender, &event).await, 401, "no signature");
        assert_eq!(send(&sender, signed(&sender, &event, &secret("theirs"))).await, Ok(401), "another secret");
        let mut changed = signed(&sender, &event, &secret("ours"));
        *changed.body_mut() = disposed("evt_1", 1, "DNC").to_json();
        assert_eq!(send(&sender, changed).await, Ok(401));
        let mut renamed = signed(&sender, &event, &secret("ours"));
        renamed.headers_mut().insert("webhook-id", HeaderValue::from_static("evt_9"));
        assert_eq!(send(&sender, renamed).await, Ok(401));
        u.sleep(SECOND).await;
        assert_eq!(crm.effects(), []);
        assert!(crm.deliveries(None, None).iter().all(|one| one.is_rejected()));
        assert_eq!(send(&sender, signed(&sender, &event, &secret("ours"))).await, Ok(200));
        u.sleep(SECOND).await;
        assert_eq!(crm.sales("1001"), 1);
    });
}

/// Domain: group J 80. The tolerance is five minutes both ways.
#[test]
fn a_replay_after_ten_minutes_is_rejected_and_an_early_one_is_a_repetition() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, believing("ours"));
        send(&sender, signed(&sender, &disposed("evt_1", 1, "SALE"), &secret("ours"))).await.unwrap();
        let copy = crm.deliveries(None, None)[0].request.clone();
        let copy = || {
            let mut copy = copy.clone();
            *copy.uri_mut() = URL.parse().unwrap();
            copy
        };
        u.sleep(Duration::from_secs(299)).await;
        assert_eq!(send(&sender, copy()).await, Ok(200));
        u.sleep(Duration::from_secs(301)).await;
        assert_eq!(send(&sender, copy()).await, Ok(401));
        let why = Verdict::Rejected("it was signed too long ago".to_owned());
        assert_eq!(verdicts(&crm), [Verdict::Accepted, Verdict::Repeated, why]);
        assert_eq!(crm.sales("1001"), 1);
    });
}

#[test]
fn a_clock_thats_ten_minutes_off_rejects_what_is_true() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, believing("ours"));
        crm.host().set_clock_ahead(Duration::from_secs(600));
        let request = signed(&sender, &disposed("evt_1", 1, "SALE"), &secret("ours"));
        assert_eq!(send(&sender, request).await, Ok(401));
        crm.host().set_clock_behind(Duration::from_secs(600));
        let request = signed(&sender, &disposed("evt_1", 1, "SALE"), &secret("ours"));
        assert_eq!(send(&sender, request).await, Ok(401));
        assert_eq!(verdicts(&crm)[1], Verdict::Rejected("it was signed in the future".to_owned()));
    });
}

#[test]
fn a_new_secret_is_believed_once_its_learned() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, believing("old"));
        let event = disposed("evt_1", 1, "SALE");
        assert_eq!(send(&sender, signed(&sender, &event, &secret("new"))).await, Ok(401));
        crm.learn_secret(secret("new"));
        assert_eq!(send(&sender, signed(&sender, &event, &secret("new"))).await, Ok(200));
        assert_eq!(send(&sender, signed(&sender, &event, &secret("old"))).await, Ok(200));
    });
}

/// Each scheme's body is read, and verified as it came.
#[test]
fn every_scheme_is_understood() {
    for scheme in Scheme::ALL {
        simulate(1, move |u| async move {
            let ours = scheme.draw_secret(&mut u.random("secret"));
            let (crm, sender) = place(&u, CrmSettings::default().verifying(scheme, ours.for_receiver()));
            let event = disposed("evt_1", 1, "SALE");
            let now = sender.wall_clock().duration_since(UNIX_EPOCH).unwrap().as_secs();
            let body = event.to_json();
            let parts = Parts { id: "evt_1", url: URL, content_type: "application/json", body: &body };
            let signature = scheme.sign(now, &[ours], &parts);
            let mut request = unsigned(&event);
            request.headers_mut().extend(signature.headers);
            if let Some(body) = signature.body {
                *request.body_mut() = body;
            }
            if let Some(url) = signature.url {
                *request.uri_mut() = url.parse().unwrap();
            }
            assert_eq!(send(&sender, request).await, Ok(200), "{scheme}");
            u.sleep(SECOND).await;
            assert_eq!(crm.sales("1001"), 1, "{scheme}");
            // Who doesn't verify understands it all the same.
            crm.change(|settings| settings.verifies = None);
            let mut again = crm.deliveries(None, None)[0].request.clone();
            *again.uri_mut() = URL.parse().unwrap();
            assert_eq!(send(&sender, again).await, Ok(200), "{scheme}");
            assert_eq!(verdicts(&crm), [Verdict::Accepted, Verdict::Repeated], "{scheme}");
        });
    }
}
