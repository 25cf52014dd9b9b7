//! What these tests share.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::http::{self, Answer, Client, Incoming, Limits, Request, Response, SendError};
use busyhour::trace::SimTime;
use busyhour::world::Host;
use bytes::Bytes;

pub const SECOND: Duration = Duration::from_secs(1);
pub const LIMITS: Limits = Limits { connect: Duration::from_secs(5), answer: None, total: Duration::from_secs(15) };

/// What a server got, and when.
pub type Journal = Rc<RefCell<Vec<(SimTime, Incoming)>>>;

pub fn ok(body: &'static str) -> Answer {
    Response::new(Bytes::from_static(body.as_bytes())).into()
}

/// A server that answers each request by what `answer` says, and writes them all down.
pub async fn a_server(u: &Universe, answer: impl Fn(usize) -> Answer + Copy + 'static) -> (Host, Journal) {
    let (server, journal) = (u.host("server"), Journal::default());
    let written = journal.clone();
    server.boot(move |host| {
        let written = written.clone();
        async move {
            let clock = host.clone();
            let handler = move |incoming: Incoming| {
                written.borrow_mut().push((clock.now(), incoming));
                let answer = answer(written.borrow().len());
                async move { answer }
            };
            let _ = http::serve(&host, 80, handler).await;
        }
    });
    u.sleep(Duration::from_millis(1)).await;
    (server, journal)
}

pub fn get(path: &str) -> Request<Bytes> {
    Request::get(format!("http://server{path}")).body(Bytes::new()).expect("a request")
}

pub async fn ask(client: &Client, path: &str) -> Result<String, SendError> {
    let response = client.send(get(path), LIMITS).await?;
    Ok(String::from_utf8_lossy(response.body()).into_owned())
}
