//! A service behind a host's port.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::http::{Request, Response};
use crate::world::Host;

type Trouble = Box<dyn Error + Send + Sync>;

/// Serves a tower service at a port until the host dies: an axum `Router`, say. Bodies are streams, both ways.
///
/// Each connection has a clone of the service. There's no `Date` header: hyper's is of the real clock.
///
/// ```
/// use axum::Router;
/// use axum::routing::post;
/// use busyhour::http::{Client, Limits, Request};
/// use busyhour::webhook::own;
/// use bytes::Bytes;
///
/// # #[cfg(tokio_unstable)] {
/// let answer = busyhour::simulate(1, |u| async move {
///     own::install(&u.host("crm"), 80, |_| Router::new().route("/hook", post(|body: String| async move { body })));
///     let request = Request::post("http://crm/hook").body(Bytes::from("hello")).unwrap();
///     Client::new(&u.host("sender")).send(request, Limits::default()).await.unwrap().into_body()
/// });
/// assert_eq!(answer, "hello");
/// # }
/// ```
///
/// # Errors
/// The port is taken, or the host has crashed.
pub async fn serve<S, B>(host: &Host, port: u16, service: S) -> io::Result<Infallible>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<Trouble>,
    S::Future: 'static,
    B: Body + 'static,
    B::Error: Into<Trouble>,
{
    let listener = host.listen(port).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = Rc::new(RefCell::new(service.clone()));
        let serving = service_fn(move |request| {
            let service = service.clone();
            async move {
                poll_fn(|cx| service.borrow_mut().poll_ready(cx)).await.map_err(Into::into)?;
                let called = service.borrow_mut().call(request);
                called.await.map_err(Into::<Trouble>::into)
            }
        });
        let connection = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), serving);
        // A connection that breaks is the client's affair; the service has seen it as its body's or its own error.
        host.spawn(async move { drop(connection.await) });
    }
}

/// Installs a service on a host: `make` makes it now, and a fresh one whenever the host restarts. What it should still
/// know then belongs on the host's disk.
pub fn install<S, B>(host: &Host, port: u16, make: impl Fn(Host) -> S + 'static)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<Trouble>,
    S::Future: 'static,
    B: Body + 'static,
    B::Error: Into<Trouble>,
{
    host.boot(move |host| {
        let service = make(host.clone());
        async move {
            let Err(error) = serve(&host, port, service).await;
            assert!(host.check_alive().is_err(), "{} can't serve port {port}: {error}", host.name());
        }
    });
}
