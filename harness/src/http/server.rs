//! The serving end: whole requests in, answers out.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddrV4;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use crate::net::{TcpListener, TcpStream};
use crate::world::Host;

/// A request that has arrived as a whole.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The request; its URI is what stood in the request line.
    pub request: Request<Bytes>,
    /// Whose connection it came by.
    pub from: SocketAddrV4,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// An answer.
    Reply(Response<Bytes>),
    /// The connection is reset (RST); nothing is answered.
    Reset,
    /// The connection is closed (FIN); nothing is answered.
    Close,
    /// Nothing happens any more on this connection.
    Hang,
    /// The answer's head and so many bytes of its body; then the connection is closed.
    CutBody {
        /// The answer, were it whole.
        response: Response<Bytes>,
        /// How many bytes of the body get out.
        after: usize,
    },
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Answer {
        Answer::Reply(response)
    }
}

/// Serves connections on a port until the host dies.
///
/// A handler that has begun goes on to its end, whether or not its client is still there. Requests of one connection
/// come one after the other. Dropped, it closes its port and all its connections.
///
/// # Errors
/// The port is taken, or the host has crashed.
pub async fn serve<H, F>(host: &Host, port: u16, handler: H) -> io::Result<Infallible>
where
    H: Fn(Incoming) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    serve_on(host, host.listen(port).await?, handler).await
}

/// Serves the connections of a listener: [`serve`], where it matters that the port is open by now.
///
/// # Errors
/// The host has crashed.
pub async fn serve_on<H, F>(host: &Host, listener: TcpListener, handler: H) -> io::Result<Infallible>
where
    H: Fn(Incoming) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    let handler = Rc::new(handler);
    let open = Open::default();
    for number in 0u64.. {
        let (stream, from) = listener.accept().await?;
        let (handler, connections) = (handler.clone(), open.0.clone());
        let task = host.spawn(async move {
            converse(stream, from, handler).await;
            connections.borrow_mut().remove(&number);
        });
        open.0.borrow_mut().insert(number, task.abort_handle());
    }
    unreachable!("nobody accepts 2^64 connections")
}

/// The connections of a server: they end with it.
#[derive(Default)]
struct Open(Rc<RefCell<BTreeMap<u64, AbortHandle>>>);

impl Drop for Open {
    fn drop(&mut self) {
        for task in std::mem::take(&mut *self.0.borrow_mut()).into_values() {
            task.abort();
        }
    }
}

/// A connection, from its first request to its end.
async fn converse<H, F>(stream: TcpStream, from: SocketAddrV4, handler: Rc<H>)
where
    H: Fn(Incoming) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    let reset = Rc::new(Cell::new(false));
    let wants_reset = reset.clone();
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (handler, reset) = (handler.clone(), wants_reset.clone());
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| BrokenOff)?.to_bytes();
            match handler(Incoming { request: Request::from_parts(head, body), from }).await {
                Answer::Reply(response) => Ok(response.map(|body| Reply::Whole(Some(body)))),
                Answer::CutBody { response, after } => Ok(response.map(|body| Reply::cut(body, after))),
                Answer::Close => Err(BrokenOff),
                Answer::Reset => {
                    reset.set(true);
                    Err(BrokenOff)
                }
                Answer::Hang => pending().await,
            }
        })
    });
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        // A client that has gone mustn't take the handler with it.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    if poll_fn(|cx| connection.poll_without_shutdown(cx)).await.is_err() && reset.get() {
        connection.into_parts().io.into_inner().reset();
    }
}

/// There's no answer, or no more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection breaks off here")]
struct BrokenOff;

/// An answer's body on its way out.
enum Reply {
    Whole(Option<Bytes>),
    /// Its beginning, and how long it promises to be.
    Cut {
        first: Option<Bytes>,
        promised: u64,
        flushed: bool,
    },
}

impl Reply {
    fn cut(body: Bytes, after: usize) -> Reply {
        let first = body.slice(..after.min(body.len()));
        // One that would be whole is cut all the same: it promises a byte more.
        let promised = body.len().max(first.len() + 1) as u64;
        Reply::Cut { first: Some(first).filter(|first| !first.is_empty()), promised, flushed: false }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Reply::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Reply::Cut { first, flushed, .. } => {
                if let Some(first) = first.take() {
                    return Poll::Ready(Some(Ok(Frame::data(first))));
                }
                if !std::mem::replace(flushed, true) {
                    // hyper sends what it has whenever there's nothing more at the moment, and never after an error.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Reply::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Reply::Whole(body) => body.as_ref().map_or(0, |body| body.len() as u64),
            Reply::Cut { promised, .. } => *promised,
        })
    }
}
