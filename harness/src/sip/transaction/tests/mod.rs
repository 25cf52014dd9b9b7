//! The machines, driven directly: each timer in pairs, a nanosecond before it and when it's due.

mod client;
mod lossy;
mod manager;
mod server;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::{ClientId, ServerId, TransactionEvent, Transactions};
use crate::sip::{ConnectionId, Flow, Message, Method, Name, Transport, Writer};
use crate::trace::SimTime;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const T4: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(32);
const BIT: Duration = Duration::from_nanos(1);

fn at(after: Duration) -> SimTime {
    SimTime::ZERO + after
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn place(last: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), port)
}

fn udp() -> Flow {
    Flow::udp(place(9, 5060))
}

fn tcp() -> Flow {
    Flow { connection: Some(ConnectionId(7)), ..Flow::to(Transport::Tcp, place(9, 5060)) }
}

fn ws() -> Flow {
    Flow { connection: Some(ConnectionId(8)), ..Flow::to(Transport::Ws, place(9, 5060)) }
}

fn request(method: Method<'_>, branch: &str) -> Message {
    request_from(method, &format!("SIP/2.0/UDP 10.0.0.1:5060;branch={branch}"))
}

fn request_from(method: Method<'_>, via: &str) -> Message {
    let writer = Writer::request(method, "sip:bob@10.0.0.9")
        .header(Name::Via, via)
        .header(Name::MaxForwards, 70)
        .header(Name::Route, "<sip:proxy.test;lr>")
        .header(Name::Route, "<sip:10.0.0.9;lr>")
        .header(Name::From, "<sip:alice@pbx.test>;tag=a1")
        .header(Name::To, "<sip:bob@pbx.test>")
        .header(Name::CallId, "call-1")
        .header(Name::CSeq, format_args!("42 {}", method.as_str()));
    Message::read(writer.end()).unwrap()
}

fn answer(request: &Message, status: u16) -> Message {
    let tag = (status > 100).then_some("b1");
    Message::read(Writer::answer(request, status, crate::sip::reason(status), tag).end()).unwrap()
}

/// An ACK as a client's transaction makes it: the INVITE's own branch.
fn ack(invite: &Message) -> Message {
    request_from(Method::Ack, invite.first(Name::Via).unwrap())
}

fn sent(transactions: &mut Transactions) -> Vec<Message> {
    std::iter::from_fn(|| transactions.poll_transmit())
        .map(|transmit| Message::read(transmit.payload).expect("what is sent can be read"))
        .collect()
}

fn heard(transactions: &mut Transactions) -> Vec<TransactionEvent> {
    std::iter::from_fn(|| transactions.poll_event()).collect()
}

/// The statuses of the responses among what's to be known, all of which are responses to `client`.
fn statuses(transactions: &mut Transactions, client: ClientId) -> Vec<u16> {
    heard(transactions)
        .into_iter()
        .map(|event| match event {
            TransactionEvent::Response { client: whose, response, .. } => {
                assert_eq!(whose, client);
                response.status().unwrap()
            }
            other => panic!("a response, not {other:?}"),
        })
        .collect()
}

/// Nothing is sent and nothing is to be known.
#[track_caller]
fn assert_silent(transactions: &mut Transactions) {
    let sent = sent(transactions);
    assert!(sent.is_empty(), "nothing is sent: {sent:?}");
    let heard = heard(transactions);
    assert!(heard.is_empty(), "nothing is to be known: {heard:?}");
}

/// The clock says that something is due at `due`, and nothing happens before.
#[track_caller]
fn assert_next(transactions: &mut Transactions, due: Duration) {
    assert_eq!(transactions.poll_timeout(), Some(at(due)));
    transactions.handle_timeout(SimTime(at(due).0 - 1));
    assert_silent(transactions);
    assert_eq!(transactions.poll_timeout(), Some(at(due)));
    transactions.handle_timeout(at(due));
}

/// A request comes in; its transaction.
#[track_caller]
fn comes(transactions: &mut Transactions, when: Duration, request: &Message, flow: Flow) -> ServerId {
    transactions.receive(at(when), request.clone(), flow);
    match transactions.poll_event() {
        Some(TransactionEvent::Request { server, request: told, flow: whence }) => {
            assert_eq!((told.raw(), whence), (request.raw(), flow));
            server
        }
        other => panic!("a request, not {other:?}"),
    }
}
