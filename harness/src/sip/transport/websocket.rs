//! A WebSocket's task (RFC 7118): each of its messages is one of SIP.

use std::net::SocketAddrV4;
use std::pin::pin;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use super::{HANDSHAKE, Line, News, PING, PONG};
use crate::net::TcpStream;
use crate::sip::{Framed, LONGEST_MESSAGE};

/// The subprotocol's name.
const SUBPROTOCOL: &str = "sip";
const PROTOCOL_HEADER: &str = "Sec-WebSocket-Protocol";

fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LONGEST_MESSAGE)).max_frame_size(Some(LONGEST_MESSAGE))
}

/// Opens a WebSocket and serves it.
pub(super) async fn open(line: Line, remote: SocketAddrV4) {
    let stream = match line.host.connect(remote).await {
        Ok(stream) => stream,
        Err(error) => return line.report(News::Closed(line.id, error.to_string())),
    };
    match in_time(&line, begin(stream, remote)).await {
        Ok(socket) => run(line, socket).await,
        Err(why) => line.report(News::Closed(line.id, why)),
    }
}

async fn begin(stream: TcpStream, remote: SocketAddrV4) -> Result<WebSocketStream<TcpStream>, String> {
    let say = |error: tungstenite::Error| error.to_string();
    let mut request = format!("ws://{remote}/").into_client_request().map_err(say)?;
    request.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from_static(SUBPROTOCOL));
    let begun = tokio_tungstenite::client_async_with_config(request, stream, Some(config())).await;
    let (socket, response) = begun.map_err(say)?;
    if speaks_sip(response.headers().get_all(PROTOCOL_HEADER)) {
        Ok(socket)
    } else {
        Err("the server doesn't speak SIP on its WebSockets".to_owned())
    }
}

/// Serves a connection that came in, once its client has asked for SIP.
pub(super) async fn serve(line: Line, stream: TcpStream) {
    // Its error is what the trait of the library says, large as it is.
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if !speaks_sip(request.headers().get_all(PROTOCOL_HEADER)) {
            let mut refusal = ErrorResponse::new(Some("the subprotocol here is sip (RFC 7118)\n".to_owned()));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            return Err(refusal);
        }
        response.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    let begun = async {
        let begun = tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(config())).await;
        begun.map_err(|error| error.to_string())
    };
    match in_time(&line, begun).await {
        Ok(socket) => run(line, socket).await,
        Err(why) => line.report(News::Closed(line.id, why)),
    }
}

/// Browsers may offer several subprotocols, with commas or in several headers.
fn speaks_sip<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>) -> bool {
    let offers = headers.into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offers.map(str::trim).any(|offer| offer.eq_ignore_ascii_case(SUBPROTOCOL))
}

async fn in_time<T>(line: &Line, handshake: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let handshake = pin!(handshake);
    tokio::select! {
        biased;
        begun = handshake => begun,
        () = line.host.sleep(HANDSHAKE) => Err("the WebSocket didn't begin in time".to_owned()),
    }
}

async fn run(mut line: Line, socket: WebSocketStream<TcpStream>) {
    line.report(News::Opened(line.id));
    let (sink, stream) = socket.split();
    let (id, reporter) = (line.id, line.reporter.clone());
    let report = |news| {
        // Nobody listens once the transports are dropped.
        let _ = reporter.send(news);
    };
    let why = {
        let reading = pin!(read_all(stream, |raw| {
            report(if raw == PING {
                News::Framed(id, Framed::Ping)
            } else if raw == PONG {
                News::Framed(id, Framed::Pong)
            } else {
                match crate::sip::Message::read(raw.clone()) {
                    Ok(message) => News::Framed(id, Framed::Message(message)),
                    Err(error) => News::Malformed(id, raw, error),
                }
            });
        }));
        let writing = pin!(write_all(sink, &mut line.mail));
        tokio::select! {
            biased;
            why = reading => Some(why),
            done = writing => done.err().map(|error| error.to_string()),
        }
    };
    if let Some(why) = why {
        report(News::Closed(id, why));
    }
}

/// Returns why nothing more comes.
async fn read_all(mut stream: SplitStream<WebSocketStream<TcpStream>>, report: impl Fn(Bytes)) -> String {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Text(text)) => report(text.into()),
            Ok(Message::Binary(bytes)) => report(bytes),
            // The library answers pings and closings itself.
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
    "the other end has closed the WebSocket".to_owned()
}

/// Writes until there'll be nothing more, then takes its leave.
async fn write_all(
    mut sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    mail: &mut UnboundedReceiver<Bytes>,
) -> Result<(), tungstenite::Error> {
    while let Some(payload) = mail.recv().await {
        // What isn't text must be binary.
        let message = match Utf8Bytes::try_from(payload.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(payload),
        };
        sink.send(message).await?;
    }
    sink.close().await
}
