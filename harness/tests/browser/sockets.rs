//! WebSockets as a page sees them: RFC 6455, and HTML's section on them for the order of events.
//!
//! [modelled] Chrome's limits: 60 s for an answer to a Close, 240 s for a handshake.

use std::time::Duration;

use busyhour::phone::browser::{Data, Exception, ReadyState, SocketId, Tab, WebEvent};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::support::{Say, Scene, Script, scene, when};

fn state(tab: &Tab) -> ReadyState {
    tab.press(|page: &mut Script, web| web.socket_state(page.socket.get().unwrap())).unwrap()
}

fn with_socket<R>(tab: &Tab, act: impl FnOnce(&busyhour::phone::browser::Web, SocketId) -> R) -> R {
    tab.press(|page: &mut Script, web| act(web, page.socket.get().unwrap())).unwrap()
}

/// A page that does nothing by itself.
fn blank(scene: &Scene) -> Tab {
    scene.browser.open(&scene.site(|_, _| {})).unwrap()
}

fn connect(tab: &Tab, url: &str, protocols: &[&str]) -> SocketId {
    tab.press(|page: &mut Script, web| {
        let socket = web.web_socket(url, protocols).unwrap();
        page.socket.set(Some(socket));
        socket
    })
    .unwrap()
}

#[test]
fn text_and_binary_messages_go_both_ways_in_their_order() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        assert_eq!(state(&tab), ReadyState::Open);
        with_socket(&tab, |web, socket| {
            web.socket_send(socket, "a").unwrap();
            web.socket_send(socket, Data::Binary(Bytes::from_static(&[0, 255, 7]))).unwrap();
            web.socket_send(socket, "").unwrap();
            web.socket_send(socket, "echo").unwrap();
        });
        scene.server_says(&Say::Message(Message::binary(vec![1, 2])));
        scene.seconds(1).await;
        assert_eq!(scene.heard(), ["a", "binary of 3", "", "echo"]);
        assert_eq!(scene.diary(), ["binary of 2", "message echo"]);
    });
}

#[test]
fn a_server_is_reached_by_its_name_as_by_its_address() {
    scene(|scene| async move {
        let tab = blank(&scene);
        connect(&tab, "ws://server:8080/any/path?token=1", &["sip"]);
        assert_eq!(state(&tab), ReadyState::Connecting);
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "open sip"]);
        let words = scene.words_since(busyhour::trace::SimTime::ZERO);
        assert!(words.contains(&"GET /any/path?token=1 HTTP/1.1".to_owned()), "{words:?}");
    });
}

/// RFC 6455 section 4.1: the server picks one of those that were offered.
#[test]
fn a_server_that_picks_no_subprotocol_fails_the_connection_if_one_was_offered() {
    scene(|scene| async move {
        let tab = blank(&scene);
        connect(&tab, &scene.url(), &["xmpp"]);
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "error", "close 1006 unclean"]);
        scene.forget();
        connect(&tab, &scene.url(), &["xmpp", "sip"]);
        scene.seconds(1).await;
        assert_eq!((scene.heard(), scene.diary()), (vec!["xmpp, sip".into()], vec!["open sip".into()]));
        scene.forget();
        connect(&tab, &scene.url(), &[]);
        scene.seconds(1).await;
        assert_eq!((scene.heard(), scene.diary()), (vec!["no subprotocol".into()], vec!["open".into()]));
    });
}

#[test]
fn where_nobody_listens_or_nobody_is_it_fails_with_1006_after_an_error() {
    scene(|scene| async move {
        let tab = blank(&scene);
        connect(&tab, &format!("ws://{}:81/", scene.server.address()), &[]);
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "error", "close 1006 unclean"]);
        assert_eq!(state(&tab), ReadyState::Closed);
        scene.forget();
        connect(&tab, "ws://nobody.test/", &[]);
        scene.seconds(15).await;
        assert_eq!(scene.diary(), ["error", "close 1006 unclean"]);
    });
}

#[test]
fn what_a_page_may_not_say_is_an_exception_of_the_name_that_browsers_give_it() {
    scene(|scene| async move {
        let tab = blank(&scene);
        let url = scene.url();
        let open = |url: &str, protocols: &[&str]| {
            tab.press(|_: &mut Script, web| web.web_socket(url, protocols).map_err(|error| error.kind)).unwrap()
        };
        assert_eq!(open("http://server/", &[]), Err(Exception::Syntax));
        assert_eq!(open("wss://server/", &[]), Err(Exception::NotSupported));
        assert_eq!(open(&url, &["sip", "sip"]), Err(Exception::Syntax));
        assert_eq!(open(&url, &["s p"]), Err(Exception::Syntax));
        connect(&tab, &url, &["sip"]);
        let send = with_socket(&tab, |web, socket| web.socket_send(socket, "too early"));
        assert_eq!(send.unwrap_err().kind, Exception::InvalidState);
        let close = |code, reason: &str| {
            with_socket(&tab, |web, socket| web.socket_close(socket, code, reason).map_err(|error| error.kind))
        };
        for code in [1001, 1006, 2999, 5000] {
            assert_eq!(close(Some(code), ""), Err(Exception::InvalidAccess), "{code}");
        }
        assert_eq!(close(Some(3000), &"x".repeat(124)), Err(Exception::Syntax));
        scene.seconds(1).await;
        assert_eq!(state(&tab), ReadyState::Open);
        assert_eq!(close(Some(4999), &"x".repeat(123)), Ok(()));
        scene.seconds(1).await;
        assert_eq!(state(&tab), ReadyState::Closed);
    });
}

#[test]
fn a_page_that_closes_hears_the_servers_code_and_that_it_was_clean() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        with_socket(&tab, |web, socket| web.socket_close(socket, None, "").unwrap());
        assert_eq!(state(&tab), ReadyState::Closing);
        with_socket(&tab, |web, socket| web.socket_send(socket, "too late").unwrap());
        assert_eq!(with_socket(&tab, |web, socket| web.socket_buffered_amount(socket)), 8, "counted, and never sent");
        scene.seconds(3).await;
        assert_eq!(scene.diary(), ["close 1005 clean"], "a Close without a code is answered by one without");
        assert_eq!(scene.heard()[0], "close");
        assert!(!scene.heard().contains(&"too late".to_owned()));
    });
}

#[test]
fn a_server_that_closes_is_answered_and_its_code_is_heard() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        let closed = scene.now();
        let frame = CloseFrame { code: 4001.into(), reason: "restarting".into() };
        scene.server_says(&Say::Message(Message::Close(Some(frame))));
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["close 4001 restartingclean"]);
        assert_eq!(scene.words_since(closed)[0], "close 4001");
        assert_eq!(state(&tab), ReadyState::Closed);
    });
}

#[test]
fn a_connection_that_ends_without_a_close_is_an_error_and_1006() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        scene.server_says(&Say::HangUp);
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["error", "close 1006 unclean"]);
        assert_eq!(state(&tab), ReadyState::Closed);
    });
}

/// RFC 6455 section 7.1.7: a client that fails a connection may say why.
#[test]
fn what_breaks_the_protocol_is_answered_by_1002_and_what_is_no_text_by_1007() {
    for (raw, code) in [(&b"\xf1\x00"[..], 1002), (b"\x81\x81abcdx", 1002), (b"\x81\x02\xff\xfe", 1007)] {
        scene(move |scene| async move {
            let _tab = scene.registered().await;
            let broken = scene.now();
            scene.server_says(&Say::Raw(raw));
            scene.seconds(5).await;
            assert_eq!(scene.diary(), ["error", "close 1006 unclean"], "{raw:?}");
            let left = scene.words_since(broken);
            assert_eq!(left[0], format!("close {code}"), "{raw:?}: {left:?}");
        });
    }
}

#[test]
fn a_connection_that_is_given_up_while_it_begins_never_opens() {
    scene(|scene| async move {
        let tab = blank(&scene);
        connect(&tab, &scene.url(), &["sip"]);
        with_socket(&tab, |web, socket| web.socket_close(socket, Some(1000), "").unwrap());
        scene.seconds(5).await;
        assert_eq!(scene.diary(), ["load", "error", "close 1006 unclean"]);
    });
}

/// Half-open: TCP alone knows, and it's patient.
#[test]
fn a_cut_connection_looks_open_and_what_is_sent_piles_up() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        scene.u.network().between(&scene.alice, &scene.server).cut();
        scene.u.sleep(Duration::from_secs(120)).await;
        assert_eq!(state(&tab), ReadyState::Open);
        let buffered = |tab: &Tab| with_socket(tab, |web, socket| web.socket_buffered_amount(socket));
        assert_eq!(buffered(&tab), 0);
        with_socket(&tab, |web, socket| web.socket_send(socket, "x".repeat(1000)).unwrap());
        scene.seconds(5).await;
        let one = buffered(&tab);
        for _ in 0..400 {
            with_socket(&tab, |web, socket| web.socket_send(socket, "x".repeat(1000)).unwrap());
        }
        scene.seconds(5).await;
        let many = buffered(&tab);
        assert!(one <= 1000 && many >= 200_000, "{one}, then {many}: the system takes some, and no more");
        assert_eq!(state(&tab), ReadyState::Open);
        assert!(scene.diary().is_empty(), "{:?}", scene.diary());
        // It ends when TCP gives up (15 minutes), and not before.
        scene.u.sleep(Duration::from_secs(1_000)).await;
        assert_eq!(scene.diary(), ["error", "close 1006 unclean"]);
    });
}

#[test]
fn a_close_that_nobody_answers_ends_after_a_minute() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        scene.u.network().between(&scene.alice, &scene.server).cut();
        let closed = scene.now();
        with_socket(&tab, |web, socket| web.socket_close(socket, Some(1000), "").unwrap());
        scene.seconds(59).await;
        assert!(scene.diary().is_empty());
        scene.seconds(2).await;
        assert_eq!(scene.diary(), ["close 1006 unclean"]);
        assert_eq!(when(&scene.diary_since(closed), "close 1006 unclean"), 60_000);
    });
}

#[test]
fn messages_that_come_after_the_pages_close_are_not_shown_to_it() {
    scene(|scene| async move {
        let tab = scene.registered().await;
        with_socket(&tab, |web, socket| {
            web.socket_send(socket, "echo").unwrap();
            web.socket_close(socket, Some(1000), "").unwrap();
        });
        scene.seconds(3).await;
        assert_eq!(scene.diary(), ["close 1000 clean"]);
    });
}

#[test]
fn a_page_may_have_many_connections_and_each_is_its_own() {
    scene(|scene| async move {
        let tab = blank(&scene);
        let sockets: Vec<SocketId> = (0..3).map(|_| connect(&tab, &scene.url(), &["sip"])).collect();
        scene.seconds(1).await;
        assert_eq!(scene.diary(), ["load", "open sip", "open sip", "open sip"]);
        tab.press(|_: &mut Script, web| web.socket_close(sockets[1], Some(1000), "").unwrap());
        scene.seconds(3).await;
        let states =
            tab.press(|_: &mut Script, web| sockets.iter().map(|socket| web.socket_state(*socket)).collect::<Vec<_>>());
        assert_eq!(states.unwrap(), [ReadyState::Open, ReadyState::Closed, ReadyState::Open]);
    });
}

/// A page that kept its window somewhere can't do anything by it once it's gone.
#[test]
fn the_window_of_a_page_that_is_gone_does_nothing() {
    scene(|scene| async move {
        let kept = std::rc::Rc::new(std::cell::RefCell::new(None));
        let keep = kept.clone();
        let site = scene.phone(move |web, event, socket| {
            if let (WebEvent::SocketOpen { .. }, Some(socket)) = (event, socket) {
                *keep.borrow_mut() = Some((web.clone(), socket));
            }
        });
        let tab = scene.opened(&site).await;
        tab.crash().unwrap();
        let crashed = scene.now();
        let (web, socket) = kept.borrow_mut().take().unwrap();
        web.socket_send(socket, "from the grave").unwrap();
        web.web_socket(&scene.url(), &["sip"]).unwrap();
        web.set_timeout(Duration::ZERO);
        web.fetch(busyhour::phone::browser::FetchRequest::get("http://server:8080/"));
        assert!(!web.send_beacon(&scene.url(), vec![0; 100_000]));
        web.local_storage_set("a", "b").unwrap();
        assert_eq!((web.socket_state(socket), web.local_storage_get("a")), (ReadyState::Closed, None));
        scene.seconds(5).await;
        let left: Vec<String> = scene.words_since(crashed).into_iter().filter(|what| what != "RST").collect();
        assert_eq!(left, ["close 1001", "FIN"]);
        assert!(scene.diary().is_empty());
    });
}
