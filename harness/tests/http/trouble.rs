//! A client or a server that goes away in between.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::http::{self, Client, Limits, SendError};
use busyhour::world::{Host, process_cpu_time};
use busyhour::{Outcome, Universe};

use crate::support::{LIMITS, SECOND, a_server, ask, get, ok};

/// A receiver's slow handler does its work although the sender has stopped waiting: that's how duplicates are made.
#[test]
fn a_handler_goes_on_to_its_end_when_its_client_has_gone() {
    busyhour::simulate(1, |u| async move {
        let done = Rc::new(Cell::new(0));
        let works = done.clone();
        u.host("server").boot(move |host| {
            let works = works.clone();
            async move {
                let worker = host.clone();
                let handler = move |_| {
                    let (worker, works) = (worker.clone(), works.clone());
                    async move {
                        worker.sleep(40 * SECOND).await;
                        works.set(works.get() + 1);
                        ok("done")
                    }
                };
                let _ = http::serve(&host, 80, handler).await;
            }
        });
        u.sleep(SECOND).await;
        let client = Client::new(&u.host("client"));
        assert!(matches!(client.send(get("/"), LIMITS).await, Err(SendError::NoAnswer { .. })));
        u.sleep(24 * SECOND).await;
        assert_eq!(done.get(), 0);
        u.sleep(2 * SECOND).await;
        assert_eq!(done.get(), 1, "40 s after the request came");
    });
}

#[test]
fn a_server_that_is_dropped_closes_its_port_and_its_connections() {
    busyhour::simulate(1, |u| async move {
        let server = u.host("server");
        let host = server.clone();
        let serving = server.spawn(async move { http::serve(&host, 80, |_| async { ok("fine") }).await });
        u.sleep(SECOND).await;
        let client = Client::keeping(&u.host("client"));
        assert_eq!(ask(&client, "/").await.as_deref(), Ok("fine"));
        serving.abort();
        u.sleep(SECOND).await;
        assert_eq!(server.socket_count(), 0);
        assert!(matches!(ask(&client, "/").await, Err(SendError::Refused(_))));
    });
}

#[test]
fn a_server_that_crashes_before_it_answers_is_waited_for() {
    busyhour::simulate(1, |u| async move {
        let (server, _) = a_server(&u, |_| http::Answer::Hang).await;
        let client = Client::new(&u.host("client"));
        let crash = async {
            u.sleep(SECOND).await;
            server.crash();
        };
        let (answer, ()) = tokio::join!(client.send(get("/"), LIMITS), crash);
        assert!(matches!(answer, Err(SendError::NoAnswer { .. })), "a crash says nothing: {answer:?}");
    });
}

fn polls(seed: u64, agents: usize, seconds: u64) -> Outcome<usize> {
    Universe::seeded(seed).run(move |u| async move {
        let hosts: Vec<Host> = (0..agents).map(|number| u.host(&format!("agent-{number}"))).collect();
        let (_, journal) = a_server(&u, |_| ok(r#"{"result":"ok","status":"READY"}"#)).await;
        for host in hosts {
            host.boot(|host| async move {
                let client = Client::keeping(&host);
                let limits = Limits::new(5 * SECOND, 10 * SECOND);
                loop {
                    client.send(get("/agc/vdc_db_query.php?ACTION=poll"), limits).await.expect("an answer");
                    host.sleep(SECOND).await;
                }
            });
        }
        u.sleep(Duration::from_secs(seconds)).await;
        journal.borrow().len()
    })
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_the_wire() {
    let (one, other) = (polls(3, 3, 20), polls(3, 3, 20));
    assert_eq!(one.digest(), other.digest());
    assert_eq!(one.result.ok(), Some(60));
}

/// A hundred agents' screens, a poll a second each. What it costs is printed; that it happened is asserted.
#[test]
fn a_hundred_screens_poll_for_a_minute() {
    let before = process_cpu_time();
    let polls = polls(1, 100, 60).result.expect("no trouble");
    let each = (process_cpu_time() - before) / u32::try_from(polls).expect("not so many");
    println!("{polls} polls, {each:?} of CPU each, both ends and the wire");
    assert!((5_900..=6_000).contains(&polls), "{polls}");
}
