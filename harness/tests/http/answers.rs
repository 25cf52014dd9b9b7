//! What gets across, and what becomes of a request.

use std::time::Duration;

use busyhour::http::{Answer, Client, Limits, Request, Response, SendError, Waiting};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{LIMITS, SECOND, a_server, ask, get, ok};

#[test]
fn a_whole_request_reaches_the_handler_and_a_whole_answer_comes_back() {
    busyhour::simulate(1, |u| async move {
        let answer = |_| {
            let response = Response::builder().status(202).header("X-Request", "17");
            Answer::from(response.body(Bytes::from(vec![b'y'; 200_000])).expect("an answer"))
        };
        let (_, journal) = a_server(&u, answer).await;
        let client = u.host("client");
        let body = Bytes::from(vec![b'x'; 300_000]);
        let request = Request::post("http://server/hook?a=1&b=%20").header("X-Id", "evt").body(body.clone());
        let response = Client::new(&client).send(request.expect("a request"), LIMITS).await.expect("an answer");
        assert_eq!((response.status().as_u16(), response.body().len()), (202, 200_000));
        assert_eq!(response.headers()["x-request"], "17");
        assert!(!response.headers().contains_key("date"), "nobody reads a clock for it");

        let journal = journal.borrow();
        let (_, incoming) = &journal[0];
        assert_eq!(incoming.request.uri(), "/hook?a=1&b=%20", "as the request line has it");
        assert_eq!((incoming.request.method().as_str(), incoming.request.body()), ("POST", &body));
        assert_eq!(incoming.request.headers()["x-id"], "evt");
        assert_eq!(incoming.request.headers()["host"], "server");
        assert_eq!(*incoming.from.ip(), client.address());
    });
}

#[test]
fn each_way_not_to_answer_is_seen_for_what_it_is() {
    for (answer, expected) in [
        (Answer::Reset, SendError::Reset),
        (Answer::Close, SendError::Closed),
        (Answer::Hang, SendError::NoAnswer { waiting: Waiting::Answer, within: 15 * SECOND }),
        (Answer::CutBody { response: Response::new("hello".into()), after: 3 }, SendError::Cut),
        (Answer::CutBody { response: Response::new("hello".into()), after: 0 }, SendError::Cut),
        (Answer::CutBody { response: Response::new("hello".into()), after: 99 }, SendError::Cut),
        (Answer::CutBody { response: Response::new("".into()), after: 0 }, SendError::Cut),
    ] {
        let (error, took) = busyhour::simulate(1, {
            let answer = answer.clone();
            |u| async move {
                let answer: &'static Answer = Box::leak(Box::new(answer));
                a_server(&u, move |_| answer.clone()).await;
                let client = Client::new(&u.host("client"));
                let before = u.now();
                (ask(&client, "/").await.expect_err("no answer"), u.now().since(before))
            }
        });
        assert_eq!(error, expected, "{answer:?}");
        let expected = if matches!(answer, Answer::Hang) { 15 * SECOND } else { Duration::ZERO };
        assert!(took >= expected && took < expected + SECOND / 10, "{answer:?} took {took:?}");
    }
}

#[test]
fn a_cut_answer_has_its_head_and_so_many_bytes() {
    busyhour::simulate(1, |u| async move {
        let answer = |_| Answer::CutBody { response: Response::new("hello".into()), after: 3 };
        let (server, _) = a_server(&u, answer).await;
        let client = u.host("client");
        let mut stream = client.connect(("server", 80)).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n").await.expect("it's written");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it ends in a FIN");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhel"), "{text:?}");
        assert!(text.contains("Content-Length: 5\r\n"), "it promises more: {text:?}");
        drop(stream);
        u.sleep(SECOND).await;
        assert_eq!((client.socket_count(), server.socket_count()), (0, 1), "the listener is left");
    });
}

#[test]
fn after_a_reset_nothing_is_left_of_the_connection_at_either_end() {
    busyhour::simulate(1, |u| async move {
        let (server, _) = a_server(&u, |_| Answer::Reset).await;
        let client = u.host("client");
        let mut stream = client.connect(("server", 80)).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n").await.expect("it's written");
        let error = stream.read_u8().await.expect_err("nothing comes").kind();
        assert_eq!(error, std::io::ErrorKind::ConnectionReset);
        drop(stream);
        u.sleep(SECOND).await;
        assert_eq!((client.socket_count(), server.socket_count()), (0, 1), "the listener is left");
    });
}

#[test]
fn limits_are_those_of_the_connection_of_the_answer_and_of_the_whole() {
    busyhour::simulate(1, |u| async move {
        let (server, _) = a_server(&u, |_| Answer::Hang).await;
        let host = u.host("client");
        let client = Client::new(&host);
        let limits = Limits { connect: 3 * SECOND, answer: Some(10 * SECOND), total: 13 * SECOND };
        let error = async |limits| {
            let before = u.now();
            let error = client.send(get("/"), limits).await.expect_err("no answer");
            (error, u.now().since(before).as_secs_f64().round() as u64)
        };
        let no = |waiting, seconds| SendError::NoAnswer { waiting, within: seconds * SECOND };
        assert_eq!(error(limits).await, (no(Waiting::Answer, 10), 10));
        assert_eq!(error(Limits { answer: None, ..limits }).await, (no(Waiting::Answer, 13), 13));
        u.network().between(&host, &server).cut();
        assert_eq!(error(limits).await, (no(Waiting::Connection, 3), 3));
        assert_eq!(error(Limits { total: 2 * SECOND, ..limits }).await, (no(Waiting::Connection, 2), 2));
    });
}

#[test]
fn one_who_is_not_there_refuses_and_one_without_a_name_is_not_found() {
    busyhour::simulate(1, |u| async move {
        let server = u.host("server");
        let client = Client::new(&u.host("client"));
        let error = ask(&client, "/").await.expect_err("nobody listens");
        assert_eq!(error, SendError::Refused(format!("nobody listens at {}:80", server.address())));
        let send = async |url: &str| {
            let request = Request::get(url).body(Bytes::new()).expect("a request");
            client.send(request, LIMITS).await.expect_err("no answer").to_string()
        };
        assert_eq!(send("http://nowhere/").await, "there is no host called \"nowhere\"");
        assert_eq!(send("https://server/").await, "https://server/ needs TLS, which isn't simulated");
        assert!(send("/hook").await.starts_with("/hook is no address of a server"));
    });
}

#[test]
fn what_is_no_http_is_malformed_and_what_ends_before_it_began_is_closed() {
    for (text, expected) in [
        ("SIP/2.0 200 OK\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nContent-Le", Some(SendError::Closed)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Some(SendError::Cut)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Some(SendError::Cut)),
    ] {
        let error = busyhour::simulate(1, move |u| async move {
            u.host("server").boot(move |server| async move {
                let listener = server.listen(80).await.expect("a port");
                while let Ok((mut stream, _)) = listener.accept().await {
                    let _ = stream.read_u8().await;
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(text.as_bytes()).await;
                }
            });
            ask(&Client::new(&u.host("client")), "/").await.expect_err("no answer")
        });
        match expected {
            Some(expected) => assert_eq!(error, expected, "{text:?}"),
            None => assert!(matches!(error, SendError::Malformed(_)), "{text:?}: {error:?}"),
        }
    }
}

#[test]
fn what_is_no_request_never_reaches_the_handler() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = a_server(&u, |_| ok("fine")).await;
        let client = u.host("client");
        for text in ["nonsense\r\n\r\n", "POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\nhalf"] {
            let mut stream = client.connect(("server", 80)).await.expect("a connection");
            stream.write_all(text.as_bytes()).await.expect("it's written");
            stream.shutdown().await.expect("it's closed");
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            assert!(!answer.contains("200"), "{answer:?}");
        }
        assert_eq!(journal.borrow().len(), 0, "half a request is none");
    });
}
