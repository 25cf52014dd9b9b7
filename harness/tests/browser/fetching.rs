//! fetch, sendBeacon, and what of them outlives a tab: RFC 9112 and the Fetch standard.

use std::cell::RefCell;
use std::rc::Rc;

use busyhour::phone::browser::{FetchRequest, RequestId, Tab};
use busyhour::world::Host;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{Scene, Script, scene};

type Asked = Rc<RefCell<Vec<String>>>;

/// A server that answers by path, and writes down what it was asked, whole.
fn serve(scene: &Scene) -> Asked {
    let asked = Asked::default();
    let wrote = asked.clone();
    scene.server.boot(move |host| listen(host, wrote.clone()));
    asked
}

async fn listen(host: Host, asked: Asked) {
    let listener = host.listen(80).await.unwrap();
    while let Ok((mut stream, _)) = listener.accept().await {
        let (host, asked) = (host.clone(), asked.clone());
        host.clone().spawn(async move {
            loop {
                let mut request = Vec::new();
                let whole = |request: &[u8]| {
                    let text = String::from_utf8_lossy(request).into_owned();
                    let (head, body) = text.split_once("\r\n\r\n")?;
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                    (body.len() >= length.map_or(0, |length| length.parse().unwrap())).then(|| text.clone())
                };
                let text = loop {
                    let mut buffer = [0; 4096];
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => request.extend_from_slice(&buffer[..count]),
                    }
                    if let Some(text) = whole(&request) {
                        break text;
                    }
                };
                let path = text.split(' ').nth(1).unwrap().to_owned();
                asked.borrow_mut().push(text);
                if path == "/slow" {
                    host.sleep(super::support::SECOND).await;
                }
                if stream.write_all(answer(&path)).await.is_err() || !path.starts_with("/kept") {
                    return;
                }
                if path == "/kept/briefly" {
                    host.sleep(super::support::MS).await;
                    return;
                }
            }
        });
    }
}

fn answer(path: &str) -> &'static [u8] {
    match path {
        "/length" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhelloand more",
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: r\r\n\r\n"
        }
        "/end" => b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "/continue" => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        "/empty" => b"HTTP/1.1 204 No Content\r\n\r\n",
        "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "/nonsense" => b"220 smtp.test ready\r\n",
        "/moved" => b"HTTP/1.1 302 Found\r\nLocation: /length\r\nContent-Length: 0\r\n\r\n",
        "/round" => b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n",
        "/huge" => b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "/slow" => b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow",
        "/kept" | "/kept/briefly" => b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept",
        "/kept/closed" => b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nkept",
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    }
}

fn blank(scene: &Scene) -> Tab {
    scene.browser.open(&scene.site(|_, _| {})).unwrap()
}

fn fetch(tab: &Tab, request: FetchRequest) -> RequestId {
    tab.press(|_: &mut Script, web| web.fetch(request)).unwrap()
}

/// What the page hears of an answer to a GET.
async fn got(scene: &Scene, tab: &Tab, path: &str) -> Vec<String> {
    scene.forget();
    fetch(tab, FetchRequest::get(format!("http://server{path}")));
    scene.seconds(5).await;
    scene.diary()
}

#[test]
fn an_answer_ends_where_its_head_says() {
    scene(|scene| async move {
        serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        for (path, heard) in [
            ("/length", "fetched 200 hello"),
            ("/chunked", "fetched 200 hello world"),
            ("/end", "fetched 200 until the end"),
            ("/continue", "fetched 201 "),
            ("/empty", "fetched 204 "),
            ("/nowhere", "fetched 404 "),
            ("/moved", "fetched 200 hello"),
        ] {
            assert_eq!(got(&scene, &tab, path).await, [heard], "{path}");
        }
    });
}

#[test]
fn what_is_no_answer_is_a_failure() {
    scene(|scene| async move {
        serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        for path in ["/short", "/nonsense", "/round", "/huge"] {
            let heard = got(&scene, &tab, path).await;
            assert!(heard.len() == 1 && heard[0].starts_with("failed to fetch: "), "{path}: {heard:?}");
        }
        scene.forget();
        fetch(&tab, FetchRequest::get("http://server:81/"));
        fetch(&tab, FetchRequest::get("https://server/"));
        fetch(&tab, FetchRequest::get("http://server/length").header("Evil", "a\r\nb: c"));
        scene.seconds(5).await;
        assert_eq!(scene.diary().iter().filter(|heard| heard.starts_with("failed to fetch: ")).count(), 3);
    });
}

#[test]
fn a_request_says_who_asks_and_a_page_cannot_forge_that() {
    scene(|scene| async move {
        let asked = serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        let request = FetchRequest::post("http://server/post?a=b", "application/json", "{}");
        fetch(&tab, request.header("X-Token", "t").header("Host", "bank.test").header("Origin", "http://bank.test"));
        scene.seconds(1).await;
        let asked = asked.borrow()[0].clone();
        assert!(asked.starts_with("POST /post?a=b HTTP/1.1\r\nHost: server\r\n"), "{asked}");
        for line in ["Origin: http://phone.test", "X-Token: t", "Content-Type: application/json", "Content-Length: 2"] {
            assert!(asked.contains(&format!("\r\n{line}\r\n")), "{line} in {asked}");
        }
        assert!(asked.ends_with("\r\n\r\n{}") && !asked.contains("bank.test"));
    });
}

#[test]
fn an_aborted_request_is_heard_as_that_and_once() {
    scene(|scene| async move {
        serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        let request = fetch(&tab, FetchRequest::get("http://server/slow"));
        scene.ms(500).await;
        scene.forget();
        tab.press(|_: &mut Script, web| {
            web.abort_fetch(request);
            web.abort_fetch(request);
        });
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["the request was aborted"]);
    });
}

/// The four of a pair of pairs: with keepalive or without, and while the tab or the browser ends.
#[test]
fn a_request_with_keepalive_outlives_its_tab_and_no_other_does() {
    fn arrives(keepalive: bool, kill: bool) -> usize {
        scene(move |scene| async move {
            let asked = serve(&scene);
            let tab = blank(&scene);
            scene.ms(1).await;
            let request = FetchRequest::post("http://server/outcome", "text/plain", "sale");
            fetch(&tab, if keepalive { request.keepalive() } else { request });
            if kill {
                scene.browser.kill_all().unwrap();
            } else {
                tab.close().unwrap();
            }
            scene.seconds(5).await;
            assert!(scene.diary().iter().all(|what| !what.starts_with("fetched")));
            asked.borrow().len()
        })
    }
    assert_eq!(arrives(true, false), 1);
    assert_eq!(arrives(false, false), 0);
    assert_eq!(arrives(true, true), 0);
}

#[test]
fn a_beacon_that_is_sent_in_pagehide_arrives() {
    scene(|scene| async move {
        let asked = serve(&scene);
        let site = scene.site(|web, event| {
            if matches!(event, busyhour::phone::browser::WebEvent::PageHide { .. }) {
                assert!(web.send_beacon("http://server/bye", "bye"));
                assert!(!web.send_beacon("http://server/bye", vec![0; 64 * 1024 + 1]), "too long");
            }
        });
        let tab = scene.browser.open(&site).unwrap();
        scene.seconds(1).await;
        tab.close().unwrap();
        scene.seconds(5).await;
        assert_eq!(asked.borrow().len(), 1);
        assert!(asked.borrow()[0].ends_with("\r\n\r\nbye"));
    });
}

#[test]
fn a_fetch_that_nobody_answers_is_never_over_by_itself() {
    scene(|scene| async move {
        serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        fetch(&tab, FetchRequest::get("http://server/slow"));
        scene.ms(500).await;
        scene.u.network().between(&scene.alice, &scene.server).cut();
        scene.seconds(600).await;
        assert_eq!(scene.diary(), ["load"]);
    });
}

/// RFC 9112 section 9.3: a connection serves one request after the other, until one end closes it.
#[test]
fn a_connection_is_used_again_unless_its_end_was_announced_or_has_come() {
    fn connections(path: &'static str) -> usize {
        scene(move |scene| async move {
            serve(&scene);
            let tab = blank(&scene);
            scene.ms(1).await;
            let begun = scene.now();
            for _ in 0..3 {
                assert_eq!(got(&scene, &tab, path).await, ["fetched 200 kept"]);
            }
            let syns = scene.words_since(begun).iter().filter(|what| *what == "SYN").count();
            tab.close().unwrap();
            scene.seconds(1).await;
            let fins = scene.words_since(begun).iter().filter(|what| *what == "FIN").count();
            assert_eq!(fins, syns, "none is left open when the browser ends");
            syns
        })
    }
    assert_eq!(connections("/kept"), 1);
    assert_eq!(connections("/kept/closed"), 3);
    assert_eq!(connections("/kept/briefly"), 3);
}

/// What its user sees is an answer, not a race between two ends that close.
#[test]
fn a_kept_connection_that_dies_under_a_request_is_replaced_and_the_request_sent_again() {
    scene(|scene| async move {
        let asked = serve(&scene);
        let tab = blank(&scene);
        scene.ms(1).await;
        fetch(&tab, FetchRequest::get("http://server/kept/briefly"));
        // The answer is there, the server's FIN isn't.
        while !scene.diary().contains(&"fetched 200 kept".to_owned()) {
            scene.ms(1).await;
        }
        fetch(&tab, FetchRequest::post("http://server/kept", "text/plain", "again"));
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["load", "fetched 200 kept", "fetched 200 kept"]);
        assert_eq!(asked.borrow().len(), 2);
    });
}
