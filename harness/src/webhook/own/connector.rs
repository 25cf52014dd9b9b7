//! How a developer's own HTTP client reaches others: over its host's sockets.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Describe};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;
use tower_service::Service;

use crate::http::Uri;
use crate::net::TcpStream;
use crate::world::Host;

/// Opens connections from a host, for hyper-util's `Client` and whatever else takes a tower service from a `Uri` to a
/// connection. `http` only: there's no TLS.
///
/// ```
/// use busyhour::webhook::own;
/// use busyhour::webhook::receiver::{Receiver, Reply, matchers::path};
/// use bytes::Bytes;
/// use http_body_util::Empty;
///
/// # #[cfg(tokio_unstable)] {
/// let status = busyhour::simulate(1, |u| async move {
///     let api = Receiver::install(&u.host("api"), 80);
///     api.given(path("/leads/1001")).respond_with(Reply::status(200)).expect(1);
///
///     let client = own::client::<Empty<Bytes>>(&u.host("crm"));
///     client.get("http://api/leads/1001".parse().unwrap()).await.unwrap().status()
/// });
/// assert_eq!(status, 200);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Connector {
    host: Host,
}

impl Connector {
    /// Opens connections from this host.
    pub fn new(host: &Host) -> Connector {
        Connector { host: host.clone() }
    }
}

/// hyper-util's client on a host's sockets.
pub fn client<B>(host: &Host) -> Client<Connector, B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build(Connector::new(host))
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let host = self.host.clone();
        // A task, because hyper-util wants a future that could be sent elsewhere. This one stays.
        Connecting(self.host.spawn(async move {
            let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{uri}: {what}"));
            if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
                return Err(bad("only http can be spoken here"));
            }
            let name = uri.host().ok_or_else(|| bad("there's no host in it"))?;
            let port = uri.port_u16().unwrap_or(80);
            let stream = match name.parse() {
                Ok(address) => host.connect(std::net::SocketAddrV4::new(address, port)).await?,
                Err(_) => host.connect((name, port)).await?,
            };
            Ok(Connection(TokioIo::new(stream)))
        }))
    }
}

/// A connection that's being opened.
pub struct Connecting(JoinHandle<io::Result<Connection>>);

impl Future for Connecting {
    type Output = io::Result<Connection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined.unwrap_or_else(|gone| Err(io::Error::other(gone))))
    }
}

/// Nobody waits for it any more: it isn't opened.
impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection as hyper wants it.
pub struct Connection(TokioIo<TcpStream>);

impl Describe for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl Write for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
