//! What these tests share: a computer with a browser, a server with WebSockets, a page that does what a test says, and
//! somebody who looks at the wire.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::TcpStream;
use busyhour::phone::browser::{Browser, BrowserSettings, Data, Page, Site, SocketId, Tab, Web, WebEvent};
use busyhour::trace::{Event, HostId, Log, PacketSeen, SimTime, Stage};
use busyhour::world::{Host, Tap};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

pub const ORIGIN: &str = "http://phone.test";
pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);

/// Milliseconds between two moments.
pub fn ms(from: SimTime, to: SimTime) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap()
}

/// What TCP segments say that leave hosts.
#[derive(Default)]
pub struct Wire(Vec<(SimTime, HostId, String)>);

impl Tap for Wire {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        let (Stage::Sent, Some(from)) = (seen.stage, seen.from) else { return };
        let packet = seen.bytes;
        if packet[9] != 6 {
            return;
        }
        let tcp = &packet[usize::from(packet[0] & 15) * 4..];
        let (flags, payload) = (tcp[13], &tcp[usize::from(tcp[12] >> 4) * 4..]);
        let mut say = |what: String| self.0.push((seen.at, from, what));
        if flags & 2 != 0 {
            say("SYN".to_owned());
        }
        read_payload(payload, &mut say);
        if flags & 4 != 0 {
            say("RST".to_owned());
        } else if flags & 1 != 0 {
            say("FIN".to_owned());
        }
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

/// Frames of WebSockets (RFC 6455 section 5.2), or the first line of something else.
fn read_payload(mut payload: &[u8], say: &mut impl FnMut(String)) {
    while let [first, second, rest @ ..] = payload {
        let kind = match first {
            0x81 => "text",
            0x82 => "binary",
            0x88 => "close",
            0x89 => "ping",
            0x8a => "pong",
            _ => return say(String::from_utf8_lossy(payload).lines().next().unwrap_or_default().to_owned()),
        };
        let (length, rest) = match second & 127 {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => return say(format!("{kind}, long")),
            short => (usize::from(short), rest),
        };
        let (mask, rest) = if second & 128 == 0 { ([0; 4], rest) } else { (rest[..4].try_into().unwrap(), &rest[4..]) };
        if rest.len() < length {
            return say(format!("{kind}, long"));
        }
        let (content, after) = rest.split_at(length);
        let content: Vec<u8> = content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        say(match content.as_slice() {
            [high, low, ..] if kind == "close" => format!("close {}", u16::from_be_bytes([*high, *low])),
            _ => format!("{kind} {}", String::from_utf8_lossy(&content)).trim_end().to_owned(),
        });
        payload = after;
    }
}

/// What a page heard, and when.
pub type Diary = Rc<RefCell<Vec<(SimTime, String)>>>;

/// What a page does when it hears something.
type Act = Rc<dyn Fn(&Web, &WebEvent)>;

/// A page that writes down what it hears, and does what a test says.
pub struct Script {
    diary: Diary,
    act: Act,
    /// The socket that it works with.
    pub socket: Rc<Cell<Option<SocketId>>>,
}

impl Page for Script {
    fn handle(&mut self, web: &Web, event: WebEvent) {
        self.diary.borrow_mut().push((web.now(), in_words(&event)));
        (self.act)(web, &event);
    }
}

fn in_words(event: &WebEvent) -> String {
    match event {
        WebEvent::SocketOpen { protocol, .. } => format!("open {protocol}").trim_end().to_owned(),
        WebEvent::SocketMessage { data: Data::Text(text), .. } => format!("message {text}"),
        WebEvent::SocketMessage { data, .. } => format!("binary of {}", data.len()),
        WebEvent::SocketError { .. } => "error".to_owned(),
        WebEvent::SocketClose { code, reason, clean, .. } => {
            format!("close {code} {reason}{}", if *clean { "clean" } else { "unclean" })
        }
        WebEvent::Timer(_) => "timer".to_owned(),
        WebEvent::VisibilityChange { hidden } => (if *hidden { "hidden" } else { "visible" }).to_owned(),
        WebEvent::PageHide { .. } => "pagehide".to_owned(),
        WebEvent::UserMedia { outcome: Ok(_), .. } => "microphone".to_owned(),
        WebEvent::UserMedia { outcome: Err(error), .. } => error.name().to_owned(),
        WebEvent::TrackEnded { .. } => "track ended".to_owned(),
        WebEvent::LockGranted { .. } => "lock".to_owned(),
        WebEvent::Storage { key, value } => format!("storage {key:?} {value:?}"),
        WebEvent::Fetched { outcome: Ok(response), .. } => format!("fetched {} {}", response.status, response.text()),
        WebEvent::Fetched { outcome: Err(error), .. } => error.to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What the server does on its connections, when a test says so.
#[derive(Clone)]
pub enum Say {
    Message(Message),
    Raw(&'static [u8]),
    HangUp,
}

/// The computer, the server, and the wire between.
pub struct Scene {
    pub u: Universe,
    pub alice: Host,
    pub server: Host,
    pub browser: Browser,
    pub diary: Diary,
    /// What the server has heard.
    pub heard: Diary,
    connections: Rc<RefCell<Vec<UnboundedSender<Say>>>>,
    wire: Arc<Mutex<Wire>>,
}

/// Plays a scene with a browser that is set up so.
pub fn scene_with<T, Fut>(seed: u64, settings: BrowserSettings, play: impl FnOnce(Scene) -> Fut + Send + 'static) -> T
where
    T: Send + 'static,
    Fut: Future<Output = T>,
{
    let wire = Arc::new(Mutex::new(Wire::default()));
    let tap = wire.clone();
    let outcome = Universe::seeded(seed).tap(tap).run(move |u| async move {
        let (alice, server) = (u.host("alice"), u.host("server"));
        let heard = Diary::default();
        let connections: Rc<RefCell<Vec<UnboundedSender<Say>>>> = Rc::default();
        server.boot({
            let (heard, connections) = (heard.clone(), Rc::clone(&connections));
            move |host| serve(host, heard.clone(), connections.clone())
        });
        u.sleep(MS).await;
        let browser = Browser::install(&alice, settings);
        let diary = Diary::default();
        play(Scene { u, alice, server, browser, diary, heard, connections, wire }).await
    });
    match outcome.result {
        Ok(value) => value,
        Err(cause) => panic!("seed {seed}: {cause}\n{}", outcome.log.to_text()),
    }
}

pub fn scene<T, Fut>(play: impl FnOnce(Scene) -> Fut + Send + 'static) -> T
where
    T: Send + 'static,
    Fut: Future<Output = T>,
{
    scene_with(1, BrowserSettings::default(), play)
}

impl Scene {
    pub fn now(&self) -> SimTime {
        self.u.now()
    }

    pub async fn ms(&self, millis: u64) {
        self.u.sleep(Duration::from_millis(millis)).await;
    }

    pub async fn seconds(&self, seconds: u64) {
        self.u.sleep(Duration::from_secs(seconds)).await;
    }

    pub fn url(&self) -> String {
        format!("ws://{}:8080/", self.server.address())
    }

    /// A site whose pages do this.
    pub fn site(&self, act: impl Fn(&Web, &WebEvent) + 'static) -> Site {
        let (diary, act) = (self.diary.clone(), Rc::new(act));
        Site::new(ORIGIN, move || Script { diary: diary.clone(), act: act.clone(), socket: Rc::default() })
    }

    /// A site whose pages open a WebSocket, register on it, and do this besides.
    pub fn phone(&self, act: impl Fn(&Web, &WebEvent, Option<SocketId>) + 'static) -> Site {
        let (diary, url, act) = (self.diary.clone(), self.url(), Rc::new(act));
        Site::new(ORIGIN, move || {
            let (url, act, socket) = (url.clone(), act.clone(), Rc::new(Cell::new(None)));
            let of_page = socket.clone();
            let act = Rc::new(move |web: &Web, event: &WebEvent| {
                match event {
                    WebEvent::Load => socket.set(Some(web.web_socket(&url, &["sip"]).unwrap())),
                    WebEvent::SocketOpen { socket, .. } => web.socket_send(*socket, "REGISTER").unwrap(),
                    _ => {}
                }
                act(web, event, socket.get());
            });
            Script { diary: diary.clone(), act, socket: of_page }
        })
    }

    /// A tab with such a page, which is there and has registered. The diaries begin anew.
    pub async fn registered(&self) -> Tab {
        self.opened(&self.phone(|_, _, _| {})).await
    }

    pub async fn opened(&self, site: &Site) -> Tab {
        let tab = self.browser.open(site).unwrap();
        self.seconds(1).await;
        assert_eq!(self.heard(), ["sip", "REGISTER"], "{:?}", self.diary());
        self.forget();
        tab
    }

    pub fn forget(&self) {
        self.diary.borrow_mut().clear();
        self.heard.borrow_mut().clear();
    }

    /// What the page heard.
    pub fn diary(&self) -> Vec<String> {
        self.diary.borrow().iter().map(|(_, what)| what.clone()).collect()
    }

    /// What the page heard, and how many milliseconds after a moment.
    pub fn diary_since(&self, since: SimTime) -> Vec<(u64, String)> {
        self.diary.borrow().iter().map(|(at, what)| (ms(since, *at), what.clone())).collect()
    }

    /// What the server heard.
    pub fn heard(&self) -> Vec<String> {
        self.heard.borrow().iter().map(|(_, what)| what.clone()).collect()
    }

    /// What the server says on all its connections.
    pub fn server_says(&self, what: &Say) {
        for connection in self.connections.borrow().iter() {
            let _ = connection.send(what.clone());
        }
    }

    /// What left the computer since a moment, and how many milliseconds after it.
    pub fn left_since(&self, since: SimTime) -> Vec<(u64, String)> {
        let wire = self.wire.lock().unwrap();
        let mine = wire.0.iter().filter(|(at, from, _)| *from == self.alice.id() && *at >= since);
        mine.map(|(at, _, what)| (ms(since, *at), what.clone())).collect()
    }

    /// The same without the times.
    pub fn words_since(&self, since: SimTime) -> Vec<String> {
        self.left_since(since).into_iter().map(|(_, what)| what).collect()
    }
}

/// When something is told first, and that it is told.
pub fn when(told: &[(u64, String)], what: &str) -> u64 {
    told.iter().find(|(_, other)| other == what).unwrap_or_else(|| panic!("no {what:?} in {told:?}")).0
}

/// A server of WebSockets for SIP: it echoes `echo`, answers `REGISTER`s that come again by `401`, and hears the rest.
async fn serve(host: Host, heard: Diary, connections: Rc<RefCell<Vec<UnboundedSender<Say>>>>) {
    let listener = host.listen(8080).await.unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (sender, orders) = unbounded_channel();
        connections.borrow_mut().push(sender);
        host.spawn(connection(host.clone(), stream, heard.clone(), orders));
    }
}

async fn connection(host: Host, stream: TcpStream, heard: Diary, mut orders: UnboundedReceiver<Say>) {
    let hear = |what: String| heard.borrow_mut().push((host.now(), what));
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request.headers().get("Sec-WebSocket-Protocol").and_then(|value| value.to_str().ok());
        hear(offered.unwrap_or("no subprotocol").to_owned());
        if offered.is_some_and(|offered| offered.split(", ").any(|one| one == "sip")) {
            response.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        }
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else {
        return hear("no handshake".to_owned());
    };
    let mut registered = false;
    loop {
        let message = tokio::select! {
            biased;
            order = orders.recv() => {
                match order {
                    Some(Say::Message(message)) => { let _ = socket.send(message).await; }
                    Some(Say::Raw(bytes)) => { let _ = socket.get_mut().write_all(bytes).await; }
                    Some(Say::HangUp) | None => return,
                }
                continue;
            }
            message = socket.next() => message,
        };
        let answer = match message {
            Some(Ok(Message::Text(text))) => {
                hear(text.as_str().to_owned());
                match text.as_str() {
                    "REGISTER" if std::mem::replace(&mut registered, true) => "401",
                    "echo" => "echo",
                    "BYE" => "200",
                    _ => continue,
                }
            }
            Some(Ok(Message::Binary(bytes))) => {
                hear(format!("binary of {}", bytes.len()));
                continue;
            }
            Some(Ok(Message::Close(frame))) => {
                hear(frame.map_or("close".to_owned(), |frame| {
                    format!("close {} {}", u16::from(frame.code), frame.reason).trim_end().to_owned()
                }));
                continue;
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) => return hear("lost".to_owned()),
            None => return hear("over".to_owned()),
        };
        if socket.send(Message::text(answer)).await.is_err() {
            return hear("lost".to_owned());
        }
    }
}
