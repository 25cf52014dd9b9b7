//! HTTP/1.1 as RFC 9112 has it: section 3 and 4 (start lines), 5 (fields), 6 (bodies), 7.1 (chunks), 9.3 (pipelines).

use busyhour_oracle::read::Fault;
use busyhour_oracle::read::http::{Connection, LONGEST_LINE, Response, read_request, read_response};
use busyhour_oracle::read::stream::{Flow, Streams};
use busyhour_oracle::read::tcp::Segment;
use busyhour_trace::{PacketId, SimTime};

use crate::packets::{ACK, FIN, SYN, bare_tcp};

const POST: &[u8] =
    b"POST /hook?a=1 HTTP/1.1\r\nHost: crm.test\r\nX-Id:  7 \r\nx-id: 8\r\nContent-Length: 4\r\n\r\nbody";

#[test]
fn a_request_reads_as_what_was_written() {
    let (request, length) = read_request(POST).unwrap().unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str(), request.minor), ("POST", "/hook?a=1", 1));
    assert_eq!(request.message.all("X-ID").collect::<Vec<_>>(), [b"7", b"8"]);
    assert_eq!((request.message.text("host"), request.message.text("none")), (Some("crm.test"), None));
    assert_eq!((&request.message.body[..], length), (&b"body"[..], POST.len()));
}

#[test]
fn a_request_is_read_when_its_last_byte_is_there_and_not_before() {
    for length in 0..POST.len() {
        assert_eq!(read_request(&POST[..length]), Ok(None), "{length} bytes");
    }
    let more = [POST, b"GET"].concat();
    assert_eq!(read_request(&more).unwrap().unwrap().1, POST.len());
}

#[test]
fn empty_lines_before_a_request_are_ignored() {
    let (request, length) = read_request(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
    assert_eq!((request.method.as_str(), request.minor, length), ("GET", 0, 22));
}

#[test]
fn a_chunked_body_is_read_without_its_frames_and_with_its_trailers() {
    let bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n\
        5;name=value\r\nhello\r\n00b \r\n, there yes\r\n0\r\nChecksum: 12\r\n\r\nrest";
    let (request, length) = read_request(bytes).unwrap().unwrap();
    assert_eq!(request.message.body, b"hello, there yes");
    assert_eq!((request.message.trailers[0].name.as_str(), &bytes[length..]), ("Checksum", &b"rest"[..]));
    for length in 0..length {
        assert_eq!(read_request(&bytes[..length]), Ok(None), "{length} bytes");
    }
}

fn response(bytes: &[u8], method: &str, ended: bool) -> Option<(Response, usize)> {
    read_response(bytes, method, ended).unwrap()
}

#[test]
fn a_response_reads_as_what_was_written() {
    let bytes = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 9\r\nContent-Length: 2\r\n\r\nnoGET";
    let (read, length) = response(bytes, "GET", false).unwrap();
    assert_eq!((read.status, read.reason.as_str(), &read.message.body[..]), (503, "Service Unavailable", &b"no"[..]));
    assert_eq!(&bytes[length..], b"GET");
    assert_eq!(response(b"HTTP/1.1 204\r\n\r\n", "GET", false).unwrap().0.reason, "");
}

#[test]
fn a_body_without_a_length_goes_on_to_the_streams_end() {
    let bytes = b"HTTP/1.0 200 OK\r\n\r\nall of it";
    assert_eq!(response(bytes, "GET", false), None);
    assert_eq!(response(bytes, "GET", true).unwrap().0.message.body, b"all of it");
}

#[test]
fn some_responses_have_no_body_whatever_they_announce() {
    let with = |status: &str| format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n").into_bytes();
    for (status, method) in [("100", "GET"), ("204", "GET"), ("304", "GET"), ("200", "HEAD")] {
        let (read, length) = response(&with(status), method, false).unwrap();
        assert_eq!((read.message.body.len(), length), (0, with(status).len()), "{status} to {method}");
    }
    assert_eq!(response(&with("200"), "GET", false), None);
    assert!(response(b"HTTP/1.1 200 OK\r\n\r\n\x16tls", "CONNECT", false).is_some());
}

#[test]
fn each_way_of_being_no_message_has_its_name_and_place() {
    let request = |bytes: &[u8]| read_request(bytes).map_err(|error| (error.offset, error.fault)).unwrap_err();
    let with = |fields: &str| request(format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes());
    assert_eq!(request(b"GET  / HTTP/1.1\r\n"), (0, Fault::StartLine));
    assert_eq!(request(b"G(T / HTTP/1.1\r\n"), (0, Fault::StartLine));
    assert_eq!(request(b"GET /\x01 HTTP/1.1\r\n"), (4, Fault::StartLine));
    assert_eq!(request(b"GET / HTTP/2.0\r\n"), (6, Fault::HttpVersion));
    assert_eq!(with("no colon"), (17, Fault::HeaderField));
    assert_eq!(with("Host : crm"), (17, Fault::HeaderField));
    assert_eq!(with("Host: crm\r\n folded: yes"), (28, Fault::HeaderField));
    assert_eq!(with("Host: c\rrm"), (24, Fault::HeaderField));
    assert_eq!(with(": nameless"), (17, Fault::HeaderField));
    assert_eq!(with("Content-Length: 4x"), (17, Fault::ContentLength));
    assert_eq!(with("Content-Length: +4"), (17, Fault::ContentLength));
    assert_eq!(with("Content-Length:"), (17, Fault::ContentLength));
    assert_eq!(with("Content-Length: 18446744073709551616"), (17, Fault::ContentLength));
    assert_eq!(with("Content-Length: 4\r\nContent-Length: 5"), (17, Fault::ContentLength));
    assert_eq!(with("Content-Length: 4\r\nTransfer-Encoding: chunked"), (17, Fault::Framing));
    assert_eq!(with("Transfer-Encoding: gzip, chunked"), (17, Fault::Framing));
    assert_eq!(with("Transfer-Encoding: chunked\r\n\r\nx"), (47, Fault::Chunk));
    assert_eq!(with("Transfer-Encoding: chunked\r\n\r\n1\r\nab"), (51, Fault::Chunk));
    let answer = |bytes: &[u8]| read_response(bytes, "GET", false).unwrap_err().fault;
    assert_eq!(answer(b"HTTP/1.1 2x0 OK\r\n"), Fault::StartLine);
    assert_eq!(answer(b"HTTP/1.1 2000\r\n"), Fault::StartLine);
    assert_eq!(answer(b"HTTP/3.1 200 OK\r\n"), Fault::HttpVersion);
    assert_eq!(answer(b"SIP/2.0\r\n"), Fault::StartLine);
}

#[test]
fn equal_lengths_are_one_length() {
    let bytes = b"POST / HTTP/1.1\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(read_request(bytes).unwrap().unwrap().0.message.body, b"ok");
}

#[test]
fn the_longest_line_is_read_and_a_longer_one_is_refused() {
    let line = |length: usize| vec![b'a'; length];
    assert_eq!(read_request(&line(LONGEST_LINE + 1)), Ok(None));
    assert_eq!(read_request(&line(LONGEST_LINE + 2)).unwrap_err().fault, Fault::LineTooLong(LONGEST_LINE));
    let fitting = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(LONGEST_LINE - 14));
    assert!(read_request(fitting.as_bytes()).unwrap().is_some());
    let longer = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(LONGEST_LINE - 13));
    assert!(read_request(longer.as_bytes()).is_err());
}

/// A connection whose two directions are fed by a test.
struct Talk {
    streams: Streams,
    flow: Flow,
    sequence: [u32; 2],
    packets: u64,
    connection: Connection,
}

impl Talk {
    fn new() -> Talk {
        let flow = Flow { from: "10.0.0.1:49152".parse().unwrap(), to: "10.0.0.2:80".parse().unwrap() };
        let connection = Connection::default();
        let mut talk = Talk { streams: Streams::default(), flow, sequence: [100, 900], packets: 0, connection };
        talk.segment(0, SYN, b"");
        talk.segment(1, SYN | ACK, b"");
        talk
    }

    fn segment(&mut self, side: usize, flags: u8, payload: &[u8]) {
        let flow = if side == 0 { self.flow } else { self.flow.reversed() };
        let bytes = bare_tcp(flow.from, flow.to, self.sequence[side], flags, payload);
        let at = SimTime(self.packets * 10);
        self.streams.segment(at, PacketId(self.packets), flow, &Segment::read(&bytes).unwrap());
        self.packets += 1;
        self.sequence[side] += payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
    }

    /// Reads on: what was answered, as `GET /a 200`.
    fn read(&mut self) -> Result<String, Fault> {
        let (requests, responses) = self.streams.both_mut(self.flow).unwrap();
        let result = self.connection.advance(requests, responses);
        let answered = self.connection.take_answered();
        let lines = answered.iter().map(|exchange| {
            let status = exchange.response.as_ref().unwrap().status;
            let interim: String = exchange.interim.iter().map(|response| format!("{} ", response.status)).collect();
            format!("{} {} {interim}{status}", exchange.request.method, exchange.request.target)
        });
        let lines = lines.collect::<Vec<_>>().join(", ");
        result.map(|()| lines).map_err(|error| error.fault)
    }

    fn asks(&mut self, bytes: &[u8]) -> Result<String, Fault> {
        self.segment(0, ACK, bytes);
        self.read()
    }

    fn answers(&mut self, bytes: &[u8]) -> Result<String, Fault> {
        self.segment(1, ACK, bytes);
        self.read()
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let mut talk = Talk::new();
    assert_eq!(talk.asks(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HT"), Ok(String::new()));
    assert_eq!(talk.connection.unanswered().count(), 2);
    assert_eq!(talk.answers(OK), Ok("GET /a 200".into()));
    assert_eq!(talk.answers(&[b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", OK].concat()), Ok("GET /b 404".into()));
    assert_eq!(talk.asks(b"TP/1.1\r\n\r\n"), Ok("GET /c 200".into()));
}

#[test]
fn an_exchange_knows_the_packets_that_brought_it() {
    let mut talk = Talk::new();
    talk.asks(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n").unwrap();
    talk.asks(b"{}").unwrap();
    talk.segment(1, ACK, &OK[..10]);
    talk.segment(1, ACK, &OK[10..]);
    let (requests, responses) = talk.streams.both_mut(talk.flow).unwrap();
    talk.connection.advance(requests, responses).unwrap();
    let exchange = &talk.connection.take_answered()[0];
    assert_eq!(exchange.request_began, Some((SimTime(20), PacketId(2))));
    assert_eq!(exchange.request_ended, Some((SimTime(30), PacketId(3))));
    assert_eq!(exchange.response_ended, Some((SimTime(50), PacketId(5))));
}

#[test]
fn an_interim_response_is_not_the_answer() {
    let mut talk = Talk::new();
    talk.asks(b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(talk.answers(b"HTTP/1.1 100 Continue\r\n\r\n"), Ok(String::new()));
    assert_eq!(talk.answers(OK), Ok("POST /a 100 200".into()));
}

#[test]
fn after_a_switch_the_bytes_belong_to_the_other_protocol() {
    let mut talk = Talk::new();
    let upgrade = b"GET /ws HTTP/1.1\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(talk.asks(&[upgrade, &b"\x81\x02hi"[..]].concat()), Ok(String::new()));
    assert!(!talk.connection.has_switched());
    assert_eq!(talk.answers(b"HTTP/1.1 101 Switching\r\n\r\n\x81\x02ho"), Ok("GET /ws 101".into()));
    assert!(talk.connection.has_switched());
    assert_eq!(talk.streams.get(talk.flow).unwrap().bytes(), b"\x81\x02hi");
    assert_eq!(talk.streams.get(talk.flow.reversed()).unwrap().bytes(), b"\x81\x02ho");
}

#[test]
fn after_a_refused_switch_the_next_request_is_read() {
    let mut talk = Talk::new();
    talk.asks(b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\n\r\nGET /b HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(talk.connection.unanswered().count(), 1);
    assert_eq!(talk.answers(&[OK, OK].concat()), Ok("GET /ws 200, GET /b 200".into()));
}

#[test]
fn a_response_that_nobody_asked_for_is_an_error_once_no_request_can_come() {
    let mut talk = Talk::new();
    assert_eq!(talk.answers(OK), Ok(String::new()));
    talk.segment(0, ACK | FIN, b"");
    assert_eq!(talk.read(), Err(Fault::Unasked));
}

#[test]
fn what_was_answered_before_an_error_is_not_lost() {
    let mut talk = Talk::new();
    talk.asks(b"GET /a HTTP/1.1\r\n\r\n").unwrap();
    talk.segment(1, ACK, &[OK, b"nonsense\r\n"].concat());
    talk.segment(0, ACK, b"GET /b HTTP/1.1\r\n\r\n");
    let (requests, responses) = talk.streams.both_mut(talk.flow).unwrap();
    assert!(talk.connection.advance(requests, responses).is_err());
    assert_eq!(talk.connection.take_answered().len(), 1);
    assert_eq!(talk.connection.unanswered().count(), 1);
}

#[test]
fn a_closed_stream_ends_a_body_without_a_length() {
    let mut talk = Talk::new();
    talk.asks(b"GET /a HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(talk.answers(b"HTTP/1.0 200 OK\r\n\r\nsome"), Ok(String::new()));
    talk.segment(1, ACK | FIN, b" more");
    assert_eq!(talk.read(), Ok("GET /a 200".into()));
}
