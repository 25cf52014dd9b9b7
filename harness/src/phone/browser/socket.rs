//! WebSockets (RFC 6455), as a page has them. The connection is the browser's, not the page's: it outlives the page by
//! the moment that it takes to say that the page is gone.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::error::{Exception, WebError};
use super::event::{Data, ReadyState, SocketId, WebEvent};
use super::url::Url;
use super::window::Window;
use crate::net::TcpStream;
use crate::trace::SimTime;
use crate::world::Host;

/// How long a handshake may take: Chrome's limit.
const HANDSHAKE: Duration = Duration::from_secs(240);
/// How long the other end has to answer a Close: Chrome's limit.
const CLOSING: Duration = Duration::from_secs(60);
/// How long it has to close the connection then: Chrome's limit.
const HANGING: Duration = Duration::from_secs(2);
/// What a message may have, in bytes.
const LONGEST_MESSAGE: usize = 16 << 20;
/// RFC 6455 section 5.5: a control frame has 125 bytes, two of which are the code.
const LONGEST_REASON: usize = 123;
/// No code was in the Close; no Close came (section 7.4.1).
const NO_STATUS: u16 = 1005;
const ABNORMAL: u16 = 1006;

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

/// How a connection ends when its page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The browser says Close 1001 and closes it, so much later.
    GoingAway(Duration),
    /// The system closes it, so much later: nobody is left who could say anything.
    Cut(Duration),
    /// The computer has lost its address: the page is told.
    AddressLost,
}

enum Order {
    Send(Data),
    Close(Option<u16>, String),
}

/// A WebSocket, as the page's calls see it.
pub(super) struct Socket {
    id: SocketId,
    host: Host,
    page: Weak<Window>,
    state: Cell<ReadyState>,
    buffered: Cell<u64>,
    orders: RefCell<VecDeque<Order>>,
    /// How it ends, and when.
    ending: Cell<Option<(Ending, SimTime)>>,
    /// Rings when there's an order; the other when it ends.
    ordered: Notify,
    ended: Notify,
    /// The address that it's connected from.
    local: Cell<Option<Ipv4Addr>>,
}

impl Socket {
    /// `new WebSocket(url, protocols)`.
    pub(super) fn open(
        window: &Rc<Window>,
        id: SocketId,
        url: &str,
        protocols: &[&str],
    ) -> Result<Rc<Socket>, WebError> {
        let url = Url::read(url, "ws", "wss")?;
        for (place, protocol) in protocols.iter().enumerate() {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if protocol.is_empty() || !protocol.bytes().all(is_token) || protocols[..place].contains(protocol) {
                return Err(Exception::Syntax.because(format!("{protocol:?} is no subprotocol, or is named twice")));
            }
        }
        let socket = Rc::new(Socket {
            id,
            host: window.host.clone(),
            page: Rc::downgrade(window),
            state: Cell::new(ReadyState::Connecting),
            buffered: Cell::new(0),
            orders: RefCell::default(),
            ending: Cell::new(None),
            ordered: Notify::new(),
            ended: Notify::new(),
            local: Cell::new(None),
        });
        let handshake = Handshake {
            url,
            protocols: protocols.join(", "),
            origin: window.origin.to_string(),
            user_agent: window.profile.settings.user_agent.clone(),
        };
        window.host.spawn(run(window.host.clone(), socket.clone(), handshake));
        Ok(socket)
    }

    pub(super) fn state(&self) -> ReadyState {
        self.state.get()
    }

    pub(super) fn buffered(&self) -> u64 {
        self.buffered.get()
    }

    pub(super) fn send(&self, data: Data) -> Result<(), WebError> {
        let length = data.len() as u64;
        match self.state.get() {
            ReadyState::Connecting => return Err(Exception::InvalidState.because("the WebSocket isn't open yet")),
            ReadyState::Open => self.order(Order::Send(data)),
            ReadyState::Closing | ReadyState::Closed => {}
        }
        // What's dropped is counted too, and stays so.
        self.buffered.set(self.buffered.get() + length);
        Ok(())
    }

    pub(super) fn close(&self, code: Option<u16>, reason: &str) -> Result<(), WebError> {
        if let Some(code) = code.filter(|code| *code != 1000 && !(3000..=4999).contains(code)) {
            return Err(
                Exception::InvalidAccess.because(format!("a page may close with 1000 or 3000 to 4999, not {code}"))
            );
        }
        if reason.len() > LONGEST_REASON {
            return Err(Exception::Syntax.because(format!("a reason has {LONGEST_REASON} bytes at most")));
        }
        if matches!(self.state.get(), ReadyState::Connecting | ReadyState::Open) {
            self.state.set(ReadyState::Closing);
            // A reason needs a code to stand behind.
            let code = code.or((!reason.is_empty()).then_some(1000));
            self.order(Order::Close(code, reason.to_owned()));
        }
        Ok(())
    }

    fn order(&self, order: Order) {
        self.orders.borrow_mut().push_back(order);
        self.ordered.notify_one();
    }

    /// Its page is gone, or its address.
    pub(super) fn end(&self, ending: Ending) {
        // A farewell can still be cut short; every other end is one for good.
        match (self.ending.get(), ending) {
            (None, _) | (Some((Ending::GoingAway(_), _)), Ending::Cut(_)) => {}
            _ => return,
        }
        let after = match ending {
            Ending::GoingAway(after) => after,
            Ending::Cut(after) => {
                self.orders.borrow_mut().clear();
                after
            }
            Ending::AddressLost => Duration::ZERO,
        };
        self.ending.set(Some((ending, self.host.now() + after)));
        self.ended.notify_one();
    }

    /// The address that it's connected from, once it is.
    pub(super) fn local(&self) -> Option<Ipv4Addr> {
        self.local.get()
    }

    /// Waits for the end that comes from outside.
    async fn ending(&self) -> Ending {
        loop {
            let Some((ending, at)) = self.ending.get() else {
                self.ended.notified().await;
                continue;
            };
            let left = at.since(self.host.now());
            if left.is_zero() {
                return ending;
            }
            tokio::select! {
                biased;
                // It may end otherwise, and sooner.
                () = self.ended.notified() => {}
                () = self.host.sleep(left) => {}
            }
        }
    }

    /// The page closes it before it is there.
    async fn given_up(&self) {
        while self.state.get() == ReadyState::Connecting {
            self.ordered.notified().await;
        }
    }

    fn tell(&self, event: WebEvent) {
        if let Some(window) = self.page.upgrade() {
            window.post(event);
        }
    }

    fn fail(&self) {
        self.tell(WebEvent::SocketError { socket: self.id });
        self.over(ABNORMAL, String::new(), false);
    }

    fn over(&self, code: u16, reason: String, clean: bool) {
        self.state.set(ReadyState::Closed);
        self.tell(WebEvent::SocketClose { socket: self.id, code, reason, clean });
    }
}

/// How the connection came to its end.
enum End {
    /// The other end has said Close: its code and reason.
    Said(u16, String),
    /// It's gone without a word, or can't be written to.
    Lost,
    /// What came breaks the protocol: the code that says how.
    Broken(CloseCode),
    /// Nobody answered our Close.
    Unanswered,
    /// From outside.
    Ended(Ending),
}

struct Handshake {
    url: Url,
    protocols: String,
    origin: String,
    user_agent: String,
}

/// A WebSocket's life.
async fn run(host: Host, socket: Rc<Socket>, handshake: Handshake) {
    let opened = {
        let opening = pin!(open(&host, &socket, &handshake));
        tokio::select! {
            biased;
            ending = socket.ending() => {
                if ending == Ending::AddressLost {
                    socket.fail();
                }
                return;
            }
            () = socket.given_up() => None,
            opened = opening => opened,
            () = host.sleep(HANDSHAKE) => None,
        }
    };
    let Some((stream, protocol)) = opened else { return socket.fail() };
    socket.state.set(ReadyState::Open);
    socket.tell(WebEvent::SocketOpen { socket: socket.id, protocol });
    let (mut sink, stream) = stream.split();
    let mut hanging = None;
    let end = {
        let reading = pin!(read_all(&socket, stream, &mut hanging));
        let writing = pin!(write_all(&host, &socket, &mut sink));
        tokio::select! {
            biased;
            ending = socket.ending() => End::Ended(ending),
            end = reading => end,
            end = writing => end,
        }
    };
    match end {
        End::Said(code, reason) => {
            socket.state.set(ReadyState::Closing);
            // Ours answers it: the library has it ready. The server closes first (section 7.1.1).
            let hung_up = pin!(hang_up(&mut sink, &mut hanging));
            tokio::select! {
                biased;
                () = hung_up => {}
                () = host.sleep(HANGING) => {}
                _ = socket.ending() => return,
            }
            socket.over(code, reason, true);
        }
        End::Lost => socket.fail(),
        End::Broken(code) => {
            socket.fail();
            say_close(&host, &socket, &mut sink, code).await;
        }
        End::Unanswered => socket.over(ABNORMAL, String::new(), false),
        End::Ended(Ending::AddressLost) => socket.fail(),
        End::Ended(Ending::GoingAway(_)) => say_close(&host, &socket, &mut sink, CloseCode::Away).await,
        End::Ended(Ending::Cut(_)) => {}
    }
}

/// Connects and shakes hands: the socket, and the subprotocol that the server picked. None: it failed, and no page ever
/// learns why.
async fn open(host: &Host, socket: &Socket, handshake: &Handshake) -> Option<(WebSocketStream<TcpStream>, String)> {
    let Handshake { url, protocols, origin, user_agent } = handshake;
    let stream = host.connect((url.host.as_str(), url.port)).await.ok()?;
    socket.local.set(Some(*stream.local_addr().ip()));
    let mut request = format!("ws://{}{}", url.authority(), url.path).into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("Origin", HeaderValue::from_str(origin).ok()?);
    headers.insert("User-Agent", HeaderValue::from_str(user_agent).ok()?);
    if !protocols.is_empty() {
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_str(protocols).ok()?);
    }
    let config =
        WebSocketConfig::default().max_message_size(Some(LONGEST_MESSAGE)).max_frame_size(Some(LONGEST_MESSAGE));
    // A server that picks none of the subprotocols, or another one, fails it (section 4.1): the library looks.
    let (stream, response) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.ok()?;
    let picked = response.headers().get("Sec-WebSocket-Protocol").and_then(|value| value.to_str().ok());
    Some((stream, picked.unwrap_or_default().to_owned()))
}

/// Reads until the other end says Close, or can't be read any more.
async fn read_all(
    socket: &Socket,
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    hanging: &mut Option<SplitStream<WebSocketStream<TcpStream>>>,
) -> End {
    loop {
        let data = match stream.next().await {
            Some(Ok(Message::Text(text))) => Data::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => Data::Binary(bytes),
            Some(Ok(Message::Close(frame))) => {
                *hanging = Some(stream);
                let said = frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                let (code, reason) = said.unwrap_or((NO_STATUS, String::new()));
                return End::Said(code, reason);
            }
            // The library answers pings.
            Some(Ok(_)) => continue,
            Some(Err(Error::Protocol(error))) if !is_loss(&error) => return End::Broken(CloseCode::Protocol),
            Some(Err(Error::Utf8(_))) => return End::Broken(CloseCode::Invalid),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => return End::Broken(CloseCode::Size),
            Some(Err(_)) | None => return End::Lost,
        };
        // Between the page's Close and the server's, messages still come (HTML: only while it's open are they shown).
        if socket.state.get() == ReadyState::Open {
            socket.tell(WebEvent::SocketMessage { socket: socket.id, data });
        }
    }
}

fn is_loss(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    matches!(error, tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
}

/// Carries out what the page orders, in its order.
async fn write_all(host: &Host, socket: &Socket, sink: &mut Sink) -> End {
    loop {
        let order = socket.orders.borrow_mut().pop_front();
        match order {
            Some(Order::Send(data)) => {
                let length = data.len() as u64;
                let message = match data {
                    Data::Text(text) => Message::Text(text.into()),
                    Data::Binary(bytes) => Message::Binary(bytes),
                };
                if sink.send(message).await.is_err() {
                    return End::Lost;
                }
                socket.buffered.set(socket.buffered.get() - length);
            }
            Some(Order::Close(code, reason)) => {
                let frame = code.map(|code| CloseFrame { code: code.into(), reason: Utf8Bytes::from(reason) });
                let answer = async {
                    let sent = sink.send(Message::Close(frame)).await;
                    if sent.is_ok() { std::future::pending().await } else { End::Lost }
                };
                return tokio::select! {
                    biased;
                    end = answer => end,
                    () = host.sleep(CLOSING) => End::Unanswered,
                };
            }
            None => socket.ordered.notified().await,
        }
    }
}

/// Sends what is left to send, and reads until the server has closed the connection.
async fn hang_up(sink: &mut Sink, stream: &mut Option<SplitStream<WebSocketStream<TcpStream>>>) {
    // Written, or in vain: either way it's over.
    let _ = sink.flush().await;
    if let Some(stream) = stream {
        while let Some(Ok(_)) = stream.next().await {}
    }
}

/// Says Close behind what the page had sent, and doesn't wait for an answer.
async fn say_close(host: &Host, socket: &Socket, sink: &mut Sink, code: CloseCode) {
    let farewell = pin!(async {
        loop {
            let order = socket.orders.borrow_mut().pop_front();
            let sent = match order {
                Some(Order::Send(Data::Text(text))) => sink.send(Message::Text(text.into())).await,
                Some(Order::Send(Data::Binary(bytes))) => sink.send(Message::Binary(bytes)).await,
                Some(Order::Close(..)) | None => {
                    let frame = CloseFrame { code, reason: Utf8Bytes::default() };
                    let _ = sink.send(Message::Close(Some(frame))).await;
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    tokio::select! {
        biased;
        () = farewell => {}
        // A network that takes nothing more doesn't hold the connection for ever.
        () = host.sleep(HANGING) => {}
    }
}
