//! Which connection a request goes by.

use std::collections::BTreeSet;

use busyhour::http::{Answer, Client, Response};
use bytes::Bytes;

use crate::support::{Journal, SECOND, a_server, ask, ok};

fn ports(journal: &Journal) -> usize {
    journal.borrow().iter().map(|(_, incoming)| incoming.from.port()).collect::<BTreeSet<u16>>().len()
}

#[test]
fn a_client_that_keeps_its_connections_needs_one_and_another_one_each_time() {
    for (keeps, expected) in [(true, 1), (false, 5)] {
        busyhour::simulate(1, move |u| async move {
            let (_, journal) = a_server(&u, |_| ok("fine")).await;
            let host = u.host("client");
            let client = if keeps { Client::keeping(&host) } else { Client::new(&host) };
            for _ in 0..5 {
                assert_eq!(ask(&client, "/").await.as_deref(), Ok("fine"));
                u.sleep(SECOND).await;
            }
            assert_eq!(ports(&journal), expected);
            let closes =
                journal.borrow().iter().filter(|(_, one)| one.request.headers().contains_key("connection")).count();
            assert_eq!(closes, if keeps { 0 } else { 5 });
            drop(client);
            u.sleep(SECOND).await;
            assert_eq!(host.socket_count(), 0);
        });
    }
}

#[test]
fn two_requests_at_once_need_two_connections_which_are_kept() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = a_server(&u, |_| ok("fine")).await;
        let client = Client::keeping(&u.host("client"));
        for _ in 0..3 {
            let (one, other) = tokio::join!(ask(&client, "/a"), ask(&client, "/b"));
            assert_eq!((one.as_deref(), other.as_deref()), (Ok("fine"), Ok("fine")));
        }
        assert_eq!(ports(&journal), 2);
    });
}

#[test]
fn a_kept_connection_that_its_server_has_closed_is_replaced() {
    busyhour::simulate(1, |u| async move {
        let answer = |number| match number {
            1 => Response::builder().header("Connection", "close").body(Bytes::from("bye")).expect("an answer").into(),
            _ => ok("fine"),
        };
        let (server, journal) = a_server(&u, answer).await;
        let client = Client::keeping(&u.host("client"));
        assert_eq!(ask(&client, "/").await.as_deref(), Ok("bye"));
        assert_eq!(ask(&client, "/").await.as_deref(), Ok("fine"));
        assert_eq!(ports(&journal), 2);
        server.crash();
        u.sleep(SECOND).await;
        server.restart();
        u.sleep(SECOND).await;
        // The new life knows nothing of the old connection, and says so; the request isn't sent twice by itself.
        assert!(ask(&client, "/").await.is_err());
        assert_eq!(ask(&client, "/").await.as_deref(), Ok("fine"));
    });
}

#[test]
fn an_answer_that_breaks_off_takes_its_connection_with_it() {
    busyhour::simulate(1, |u| async move {
        let answer = |number| match number {
            2 => Answer::CutBody { response: Response::new("hello".into()), after: 2 },
            _ => ok("fine"),
        };
        let (_, journal) = a_server(&u, answer).await;
        let client = Client::keeping(&u.host("client"));
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(ask(&client, "/").await.is_ok());
        }
        assert_eq!(answers, [true, false, true, true]);
        assert_eq!(ports(&journal), 2);
    });
}
