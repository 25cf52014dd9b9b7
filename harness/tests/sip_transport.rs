//! SIP on a host's sockets, in universes: what's lost, cut, closed, malformed or floods.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use busyhour::net::nat::NatKind;
use busyhour::sip::transaction::{Timers, TransactionEvent, Transactions, Transmit};
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::{ConnectionId, Flow, Message, Method, Name, Transport, Writer};
use busyhour::world::Host;
use busyhour::{Universe, simulate};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite;

const SECOND: Duration = Duration::from_secs(1);
const ALL: Ports = Ports { udp: Some(5060), tcp: Some(5060), ws: Some(8080) };
const KINDS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Ws];

fn port(transport: Transport) -> u16 {
    if transport == Transport::Ws { 8080 } else { 5060 }
}

fn to(transport: Transport, host: &Host) -> Flow {
    Flow::to(transport, SocketAddrV4::new(host.address(), port(transport)))
}

fn options(number: usize, transport: Transport, body: &[u8]) -> Bytes {
    let via = format!("SIP/2.0/{} phone.test;rport;branch=z9hG4bK-{number}", transport.via());
    Writer::request(Method::Options, "sip:server")
        .header(Name::Via, via)
        .header(Name::MaxForwards, 70)
        .header(Name::From, "<sip:phone@test>;tag=a")
        .header(Name::To, "<sip:server@test>")
        .header(Name::CallId, number)
        .header(Name::CSeq, format_args!("{number} OPTIONS"))
        .body("application/octet-stream", body)
}

/// Answers each request with its own body.
async fn echo(host: Host) {
    let mut transports = Transports::open(&host, ALL).await.unwrap();
    loop {
        if let Received::Message { message, flow } = transports.receive().await {
            let answer = Writer::answer(&message, 200, "OK", Some("b"));
            transports.send(Transmit { flow, payload: answer.body("application/octet-stream", message.body()) });
        }
    }
}

/// The next message, whatever else comes before.
async fn message(transports: &mut Transports) -> (Message, Flow) {
    loop {
        if let Received::Message { message, flow } = transports.receive().await {
            return (message, flow);
        }
    }
}

async fn within<T>(time: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(time, what).await.expect("it happens in time")
}

/// Nothing comes for so long.
async fn silence(transports: &mut Transports, time: Duration) {
    if let Ok(received) = tokio::time::timeout(time, transports.receive()).await {
        panic!("nothing should have come: {received:?}");
    }
}

#[test]
fn requests_and_answers_go_both_ways_over_every_transport() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        server.boot(echo);
        let mut transports = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        u.sleep(SECOND).await;
        for transport in KINDS {
            for number in 0..3 {
                let payload = options(number, transport, b"hello");
                transports.send(Transmit { flow: to(transport, &server), payload });
                let (answer, flow) = within(SECOND, message(&mut transports)).await;
                assert_eq!((answer.status(), answer.body()), (Some(200), &b"hello"[..]));
                assert_eq!((flow.transport, flow.remote), (transport, to(transport, &server).remote));
                // Section 18.2.1 and RFC 3581: the server has told where it came from.
                let via = answer.via().unwrap();
                assert_eq!(via.received(), Some(phone.address().to_string().as_str()));
                assert!(matches!(via.rport(), Some(Some(_))));
            }
        }
        assert_eq!(transports.connections(), 2, "one by TCP, one WebSocket, each used three times");
        assert_eq!(transports.local_port(Transport::Tcp), None);
        assert!(transports.local_port(Transport::Udp).is_some_and(|port| port != 0));
    });
}

/// What transactions are for: each datagram may be lost, repeated, overtaken, and each request is answered once.
#[test]
fn over_a_network_that_loses_and_repeats_each_request_is_answered() {
    for seed in 0..5 {
        let outcome = Universe::seeded(seed).run(|u| async move {
            let (phone, server) = (u.host("phone"), u.host("server"));
            let between = u.network().between(&phone, &server);
            between.loses(0.3).unwrap();
            between.duplicates(0.2).unwrap();
            between.reorders(0.2).unwrap();
            let asked = Rc::new(RefCell::new(Vec::new()));
            server.boot({
                let asked = asked.clone();
                move |host| answer_all(host, asked.clone())
            });
            u.sleep(SECOND).await;

            let mut transports = Transports::open(&phone, Ports { udp: Some(5060), ..Ports::default() }).await.unwrap();
            let mut transactions = Transactions::new(Timers::default());
            for number in 0..30 {
                let request = Message::read(options(number, Transport::Udp, b"")).unwrap();
                transactions.request(phone.now(), request, to(Transport::Udp, &server));
            }
            let mut answered = Vec::new();
            while transactions.live() > 0 {
                step(&phone, &mut transports, &mut transactions).await;
                while let Some(event) = transactions.poll_event() {
                    match event {
                        TransactionEvent::Response { response, .. } => {
                            answered.push(response.call_id().unwrap().parse::<usize>().unwrap());
                        }
                        TransactionEvent::Stray { .. } => {}
                        other => panic!("only answers come: {other:?}"),
                    }
                }
            }
            answered.sort_unstable();
            assert_eq!(answered, Vec::from_iter(0..30));
            let mut asked = asked.take();
            asked.sort_unstable();
            assert_eq!(asked, Vec::from_iter(0..30), "each is asked once");
        });
        outcome.result.as_ref().unwrap();
        assert_eq!(outcome.faults_that_met_nothing().count(), 0);
    }
}

async fn answer_all(host: Host, asked: Rc<RefCell<Vec<usize>>>) {
    let mut transports = Transports::open(&host, ALL).await.unwrap();
    let mut transactions = Transactions::new(Timers::default());
    loop {
        step(&host, &mut transports, &mut transactions).await;
        while let Some(event) = transactions.poll_event() {
            if let TransactionEvent::Request { server, request, .. } = event {
                asked.borrow_mut().push(request.call_id().unwrap().parse().unwrap());
                let answer = Message::read(Writer::answer(&request, 200, "OK", Some("b")).end()).unwrap();
                transactions.respond(host.now(), server, answer);
            }
        }
    }
}

/// Sends what's to be sent, and waits for the next thing to happen.
async fn step(host: &Host, transports: &mut Transports, transactions: &mut Transactions) {
    while let Some(transmit) = transactions.poll_transmit() {
        transports.send(transmit);
    }
    let due = transactions.poll_timeout().map(|due| due.since(host.now()));
    tokio::select! {
        biased;
        received = transports.receive() => match received {
            Received::Message { message, flow } => transactions.receive(host.now(), message, flow),
            Received::Broken { flow, .. } => transactions.flow_failed(host.now(), flow),
            _ => {}
        },
        () = host.sleep(due.unwrap_or_default()), if due.is_some() => transactions.handle_timeout(host.now()),
    }
}

#[test]
fn a_message_longer_than_a_packet_goes_by_datagrams_too() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        server.boot(echo);
        u.sleep(SECOND).await;
        let mut transports = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        let body = vec![b'x'; 9_000];
        transports.send(Transmit { flow: to(Transport::Udp, &server), payload: options(1, Transport::Udp, &body) });
        let (answer, _) = within(SECOND, message(&mut transports)).await;
        assert_eq!(answer.body(), body);
        // One that fits no datagram is reported, and the next goes on.
        let flow = to(Transport::Udp, &server);
        transports.send(Transmit { flow, payload: options(2, Transport::Udp, &vec![b'x'; 70_000]) });
        let broken = within(SECOND, transports.receive()).await;
        assert!(matches!(&broken, Received::Broken { flow: whose, .. } if *whose == flow), "{broken:?}");
        transports.send(Transmit { flow, payload: options(3, Transport::Udp, b"") });
        assert_eq!(within(SECOND, message(&mut transports)).await.0.call_id().unwrap(), "3");
    });
}

/// Line breaks keep a NAT box awake, scanners send anything.
#[test]
fn noise_is_ignored_and_nonsense_is_shown_as_it_came() {
    simulate(1, |u| async move {
        let (noise, server) = (u.host("noise"), u.host("server"));
        let mut transports = Transports::open(&server, ALL).await.unwrap();
        let socket = noise.udp(0).await.unwrap();
        let address = to(Transport::Udp, &server).remote;
        for payload in [&b""[..], b"\r\n", b"\r\n\r\n", b"\0\0\0\0"] {
            socket.send_to(payload, address).await.unwrap();
        }
        silence(&mut transports, SECOND).await;
        socket.send_to(&b"HELP\r\n\r\n\xff"[..], address).await.unwrap();
        match within(SECOND, transports.receive()).await {
            Received::Malformed { raw, flow, .. } => {
                assert_eq!((&raw[..], flow), (&b"HELP\r\n\r\n\xff"[..], Flow::udp(socket.local_addr())));
            }
            other => panic!("it can't be read: {other:?}"),
        }
        // Nobody answers: RFC 5626 has STUN for that.
        assert!(socket.try_recv().unwrap().is_none());
    });
}

#[test]
fn a_phone_behind_a_nat_box_is_told_its_outer_address() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let nat = u.network().nat("nat", NatKind::PortRestricted, None);
        u.network().put_behind(&phone, nat);
        server.boot(echo);
        u.sleep(SECOND).await;
        let mut transports = Transports::open(&phone, Ports { udp: Some(5060), ..Ports::default() }).await.unwrap();
        transports.send(Transmit { flow: to(Transport::Udp, &server), payload: options(1, Transport::Udp, b"") });
        let (answer, _) = within(SECOND, message(&mut transports)).await;
        let outer = u.network().nat_address(nat).to_string();
        assert_eq!(answer.via().unwrap().received(), Some(outer.as_str()));
    });
}

// --- streams -----------------------------------------------------------------------------------------------------

#[test]
fn messages_are_cut_from_a_stream_however_it_is_chopped() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut transports = Transports::open(&server, ALL).await.unwrap();
        let mut stream = phone.connect(to(Transport::Tcp, &server).remote).await.unwrap();
        let mut bytes = Vec::new();
        for number in 0..4 {
            bytes.extend_from_slice(&options(number, Transport::Tcp, b"body\r\n\r\n"));
        }
        // All but the last byte at once, then byte by byte.
        let (first, rest) = bytes.split_at(bytes.len() - 40);
        stream.write_all(first).await.unwrap();
        let connected = within(SECOND, transports.receive()).await;
        assert!(matches!(connected, Received::Connected { flow } if flow.remote == stream.local_addr()));
        for number in 0..3 {
            let (message, _) = within(SECOND, message(&mut transports)).await;
            assert_eq!(message.call_id().unwrap(), number.to_string());
        }
        for byte in rest {
            silence(&mut transports, Duration::from_millis(10)).await;
            stream.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(within(SECOND, message(&mut transports)).await.0.body(), b"body\r\n\r\n");
    });
}

/// RFC 5626 section 4.4.1: two line breaks ask, one answers.
#[test]
fn who_asks_if_somebody_is_there_hears_so() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let mut here = Transports::open(&phone, Ports::default()).await.unwrap();
        for transport in [Transport::Tcp, Transport::Ws] {
            let flow = to(transport, &server);
            here.ping(flow);
            let connected = within(SECOND, there.receive()).await;
            assert!(matches!(connected, Received::Connected { .. }), "{connected:?}");
            let ping = within(SECOND, there.receive()).await;
            assert!(matches!(ping, Received::Ping { flow } if flow.transport == transport), "{ping:?}");
            assert!(matches!(within(SECOND, here.receive()).await, Received::Connected { .. }));
            let pong = within(SECOND, here.receive()).await;
            assert!(matches!(pong, Received::Pong { flow: whose } if whose.remote == flow.remote), "{pong:?}");
        }
        silence(&mut here, SECOND).await;
        silence(&mut there, SECOND).await;
    });
}

#[test]
fn an_answer_goes_back_by_the_connection_and_so_does_what_is_sent_to_its_far_end() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let mut here = Transports::open(&phone, Ports::default()).await.unwrap();
        for (number, transport) in [Transport::Tcp, Transport::Ws].into_iter().enumerate() {
            here.send(Transmit { flow: to(transport, &server), payload: options(number, transport, b"") });
            let (request, flow) = within(SECOND, message(&mut there)).await;
            assert!(flow.connection.is_some());
            there.send(Transmit { flow, payload: Writer::answer(&request, 200, "OK", Some("b")).end() });
            assert_eq!(within(SECOND, message(&mut here)).await.0.status(), Some(200));
            // Nobody listens at the phone's port: only the connection leads there.
            let any = Flow { connection: None, ..flow };
            there.send(Transmit { flow: any, payload: options(7, transport, b"") });
            assert_eq!(within(SECOND, message(&mut here)).await.0.method(), Method::Options);
        }
    });
}

#[test]
fn a_connection_that_nobody_takes_is_broken_and_so_is_one_that_is_gone() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut transports = Transports::open(&phone, Ports::default()).await.unwrap();
        for transport in [Transport::Tcp, Transport::Ws] {
            let flow = to(transport, &server);
            for number in 0..3 {
                transports.send(Transmit { flow, payload: options(number, transport, b"") });
            }
            match within(SECOND, transports.receive()).await {
                Received::Broken { flow: whose, why } => {
                    assert_eq!((whose.transport, whose.remote), (transport, flow.remote));
                    assert!(why.contains("nobody listens"), "{why}");
                }
                other => panic!("nobody listens there: {other:?}"),
            }
            silence(&mut transports, SECOND).await;
            assert_eq!(transports.connections(), 0);
            let gone = Flow { connection: Some(ConnectionId(1_000)), ..flow };
            transports.send(Transmit { flow: gone, payload: options(9, transport, b"") });
            let broken = within(SECOND, transports.receive()).await;
            assert!(matches!(&broken, Received::Broken { flow: whose, .. } if *whose == gone), "{broken:?}");
        }
        let flow = to(Transport::Udp, &server);
        transports.send(Transmit { flow, payload: options(1, Transport::Udp, b"") });
        assert!(matches!(within(SECOND, transports.receive()).await, Received::Broken { .. }), "it has no UDP socket");
    });
}

/// A SYN is given up after 127 s; the transaction that waits for it has ended long before.
#[test]
fn a_cut_network_ends_a_request_by_its_own_timer_and_the_connection_by_tcps() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        server.boot(echo);
        u.sleep(SECOND).await;
        u.network().between(&phone, &server).cut();
        let mut transports = Transports::open(&phone, Ports::default()).await.unwrap();
        let mut transactions = Transactions::new(Timers::default());
        let began = phone.now();
        let request = Message::read(options(1, Transport::Tcp, b"")).unwrap();
        transactions.request(began, request, to(Transport::Tcp, &server));
        while transactions.live() > 0 {
            step(&phone, &mut transports, &mut transactions).await;
        }
        assert!(matches!(transactions.poll_event(), Some(TransactionEvent::TimedOut { .. })));
        assert_eq!(phone.now() - began, 32 * SECOND);
        assert!(matches!(within(100 * SECOND, transports.receive()).await, Received::Broken { .. }));
        assert!((127 * SECOND..128 * SECOND).contains(&(phone.now() - began)));
    });
}

#[test]
fn a_server_that_loses_power_breaks_the_connection_and_the_next_request_opens_another() {
    for transport in [Transport::Tcp, Transport::Ws] {
        simulate(1, move |u| async move {
            let (phone, server) = (u.host("phone"), u.host("server"));
            server.boot(echo);
            u.sleep(SECOND).await;
            let flow = to(transport, &server);
            let mut transports = Transports::open(&phone, Ports::default()).await.unwrap();
            let mut transactions = Transactions::new(Timers::default());
            transports.send(Transmit { flow, payload: options(1, transport, b"") });
            let (_, first) = within(SECOND, message(&mut transports)).await;
            server.crash();
            u.sleep(SECOND).await;
            server.restart();
            u.sleep(SECOND).await;
            // It doesn't know the connection any more: what comes by it is reset.
            transactions.request(phone.now(), Message::read(options(2, transport, b"")).unwrap(), flow);
            while transactions.live() > 0 {
                within(2 * SECOND, step(&phone, &mut transports, &mut transactions)).await;
            }
            assert!(matches!(transactions.poll_event(), Some(TransactionEvent::FlowFailed { .. })));
            transports.send(Transmit { flow, payload: options(3, transport, b"") });
            let (answer, second) = within(SECOND, message(&mut transports)).await;
            assert_eq!(answer.call_id().unwrap(), "3");
            assert_ne!(first, second);
            assert_eq!(transports.connections(), 1);
        });
    }
}

#[test]
fn a_host_that_loses_power_lets_go_of_all_its_ports() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        server.boot(echo);
        u.sleep(SECOND).await;
        let mut transports = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        for life in 0..3 {
            for transport in KINDS {
                transports.send(Transmit { flow: to(transport, &server), payload: options(life, transport, b"") });
                assert_eq!(within(SECOND, message(&mut transports)).await.0.status(), Some(200));
            }
            server.crash();
            assert_eq!(server.socket_count(), 0);
            server.restart();
            u.sleep(SECOND).await;
            for flow in [to(Transport::Tcp, &server), to(Transport::Ws, &server)] {
                transports.close(flow);
            }
            assert_eq!(transports.connections(), 0);
        }
    });
}

#[test]
fn what_was_sent_before_a_connection_is_closed_still_arrives() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let mut here = Transports::open(&phone, Ports::default()).await.unwrap();
        for transport in [Transport::Tcp, Transport::Ws] {
            let flow = to(transport, &server);
            for number in 0..5 {
                here.send(Transmit { flow, payload: options(number, transport, &vec![b'x'; 20_000]) });
            }
            here.close(flow);
            assert_eq!(here.connections(), 0);
            for number in 0..5 {
                let (request, _) = within(SECOND, message(&mut there)).await;
                assert_eq!(request.call_id().unwrap(), number.to_string());
            }
            let end = within(SECOND, there.receive()).await;
            assert!(matches!(&end, Received::Broken { flow, .. } if flow.transport == transport), "{end:?}");
            assert_eq!(there.connections(), 0);
            silence(&mut here, SECOND).await;
        }
        u.sleep(5 * SECOND).await;
    });
}

/// RFC 3261 section 18.3: without a length nobody knows where the next message begins. With one, the next is read.
#[test]
fn a_malformed_message_is_shown_and_ends_the_connection_only_if_its_end_is_unknown() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut transports = Transports::open(&server, ALL).await.unwrap();
        let mut stream = phone.connect(to(Transport::Tcp, &server).remote).await.unwrap();
        let nonsense = b"nonsense\r\nContent-Length: 2\r\n\r\nhi";
        stream.write_all(nonsense).await.unwrap();
        stream.write_all(&options(1, Transport::Tcp, b"")).await.unwrap();
        within(SECOND, transports.receive()).await;
        match within(SECOND, transports.receive()).await {
            Received::Malformed { raw, .. } => assert_eq!(&raw[..], nonsense),
            other => panic!("it can't be read: {other:?}"),
        }
        assert_eq!(within(SECOND, message(&mut transports)).await.0.call_id().unwrap(), "1");
        stream.write_all(b"OPTIONS sip:server SIP/2.0\r\nCall-ID: 2\r\n\r\n").await.unwrap();
        assert!(matches!(within(SECOND, transports.receive()).await, Received::Malformed { .. }));
        assert!(matches!(within(SECOND, transports.receive()).await, Received::Broken { .. }));
        assert_eq!(within(SECOND, stream.read(&mut [0; 10])).await.unwrap(), 0, "the server has hung up");
    });
}

/// Each end waits for the other to read, if it can't read while it writes.
#[test]
fn two_ends_that_both_have_much_to_say_dont_wait_for_each_other() {
    for transport in [Transport::Tcp, Transport::Ws] {
        simulate(1, move |u| async move {
            let (phone, server) = (u.host("phone"), u.host("server"));
            let mut there = Transports::open(&server, ALL).await.unwrap();
            let mut here = Transports::open(&phone, Ports::default()).await.unwrap();
            let body = vec![b'x'; 200_000];
            here.send(Transmit { flow: to(transport, &server), payload: options(0, transport, &body) });
            let (_, flow) = within(10 * SECOND, message(&mut there)).await;
            for number in 1..=20 {
                here.send(Transmit { flow: to(transport, &server), payload: options(number, transport, &body) });
                there.send(Transmit { flow, payload: options(number, transport, &body) });
            }
            for number in 1..=20 {
                let (at_here, at_there) =
                    within(100 * SECOND, async { tokio::join!(message(&mut here), message(&mut there)) }).await;
                for (arrived, _) in [at_here, at_there] {
                    assert_eq!((arrived.call_id().unwrap(), arrived.body()), (number.to_string().as_str(), &body[..]));
                }
            }
        });
    }
}

/// A user's `select!` drops the future each time that something else happens.
#[test]
fn nothing_is_lost_when_receiving_is_given_up_again_and_again() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let mut here = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        let total = 60;
        let sender = phone.spawn(async move {
            for number in 0..total {
                let transport = KINDS[number % 3];
                here.send(Transmit { flow: to(transport, &server), payload: options(number, transport, b"") });
                tokio::time::sleep(Duration::from_micros(700)).await;
            }
            // The connections live as long as it does.
            here.receive().await;
            std::future::pending::<()>().await;
        });
        let mut seen = Vec::new();
        while seen.len() < total {
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
                received = there.receive() => if let Received::Message { message, .. } = received {
                    seen.push(message.call_id().unwrap().parse::<usize>().unwrap());
                }
            }
            assert!(u.now().as_nanos() < 60_000_000_000, "only {} came", seen.len());
        }
        seen.sort_unstable();
        assert_eq!(seen, Vec::from_iter(0..total));
        sender.abort();
    });
}

#[test]
fn a_flood_on_one_transport_doesnt_shut_out_another() {
    simulate(1, |u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let mut here = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        here.send(Transmit { flow: to(Transport::Tcp, &server), payload: options(1_000, Transport::Tcp, b"") });
        within(SECOND, message(&mut there)).await;
        for number in 0..100 {
            for transport in [Transport::Udp, Transport::Tcp] {
                here.send(Transmit { flow: to(transport, &server), payload: options(number, transport, b"") });
            }
        }
        // All have come before anybody looks.
        u.sleep(SECOND).await;
        let mut of_each = [0, 0];
        for _ in 0..40 {
            let (_, flow) = within(SECOND, message(&mut there)).await;
            of_each[usize::from(flow.transport == Transport::Tcp)] += 1;
        }
        assert!(of_each.iter().all(|count| *count >= 15), "{of_each:?}");
    });
}

// --- WebSockets (RFC 7118) ---------------------------------------------------------------------------------------

#[test]
fn a_websocket_begins_only_if_both_ends_mean_sip() {
    simulate(1, |u| async move {
        let (browser, server, chat) = (u.host("browser"), u.host("server"), u.host("chat"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let address = to(Transport::Ws, &server).remote;
        for (offered, taken) in [(None, false), (Some("chat"), false), (Some("xmpp, sip"), true)] {
            let stream = browser.connect(address).await.unwrap();
            let mut request =
                tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{address}/")).unwrap();
            if let Some(offered) = offered {
                request.headers_mut().insert("Sec-WebSocket-Protocol", offered.parse().unwrap());
            }
            let handshake = tokio_tungstenite::client_async(request, stream);
            let (begun, received) = tokio::join!(within(SECOND, handshake), within(SECOND, there.receive()));
            match begun {
                Ok((_, response)) => {
                    assert!(taken, "{offered:?}");
                    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
                    assert!(matches!(received, Received::Connected { .. }));
                }
                Err(tungstenite::Error::Http(response)) => {
                    assert!(!taken, "{offered:?}");
                    assert_eq!(response.status(), 400);
                    assert!(matches!(received, Received::Broken { .. }));
                }
                Err(other) => panic!("{other}"),
            }
        }
        // A server that takes any WebSocket and says nothing of SIP.
        chat.boot(|chat| async move {
            let listener = chat.listen(8080).await.unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = tokio_tungstenite::accept_async(stream).await;
            }
        });
        u.sleep(SECOND).await;
        let mut here = Transports::open(&browser, Ports::default()).await.unwrap();
        here.send(Transmit { flow: to(Transport::Ws, &chat), payload: options(1, Transport::Ws, b"") });
        assert!(matches!(within(SECOND, here.receive()).await, Received::Broken { .. }));
    });
}

#[test]
fn text_and_binary_messages_carry_one_of_sip_each() {
    simulate(1, |u| async move {
        let (browser, server) = (u.host("browser"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let address = to(Transport::Ws, &server).remote;
        let stream = browser.connect(address).await.unwrap();
        let mut request =
            tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{address}/")).unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (mut socket, _) =
            tokio::join!(async { tokio_tungstenite::client_async(request, stream).await.unwrap().0 }, async {
                within(SECOND, there.receive()).await
            });
        let plain = options(1, Transport::Ws, b"plain");
        let binary = options(2, Transport::Ws, b"\xff\xfe");
        let text = String::from_utf8(plain.to_vec()).unwrap();
        socket.send(tungstenite::Message::text(text)).await.unwrap();
        socket.send(tungstenite::Message::binary(binary.clone())).await.unwrap();
        socket.send(tungstenite::Message::text("nonsense")).await.unwrap();
        socket.send(tungstenite::Message::Ping(Bytes::new())).await.unwrap();
        let (one, flow) = within(SECOND, message(&mut there)).await;
        assert_eq!(one.body(), b"plain");
        assert_eq!(within(SECOND, message(&mut there)).await.0.body(), b"\xff\xfe");
        let nonsense = within(SECOND, there.receive()).await;
        assert!(matches!(&nonsense, Received::Malformed { raw, .. } if raw == "nonsense"), "{nonsense:?}");
        // What we send is text where it can be.
        for payload in [&plain, &binary] {
            there.send(Transmit { flow, payload: payload.clone() });
        }
        let mut got = Vec::new();
        while got.len() < 3 {
            got.push(within(SECOND, socket.next()).await.unwrap().unwrap());
        }
        got.retain(|message| !message.is_pong());
        assert!(got[0].is_text() && got[0].clone().into_data() == plain);
        assert!(got[1].is_binary() && got[1].clone().into_data() == binary);
        socket.close(None).await.unwrap();
        assert!(matches!(within(SECOND, there.receive()).await, Received::Broken { .. }));
    });
}

#[test]
fn who_connects_and_says_nothing_is_shown_out_after_10_seconds() {
    simulate(1, |u| async move {
        let (silent, server) = (u.host("silent"), u.host("server"));
        let mut there = Transports::open(&server, ALL).await.unwrap();
        let began = u.now();
        let mut stream = silent.connect(to(Transport::Ws, &server).remote).await.unwrap();
        assert!(matches!(within(11 * SECOND, there.receive()).await, Received::Broken { .. }));
        let took = u.now() - began;
        assert!((10 * SECOND..10 * SECOND + SECOND / 100).contains(&took), "{took:?}");
        assert_eq!(within(SECOND, stream.read(&mut [0; 10])).await.unwrap(), 0);
        assert_eq!(there.connections(), 0);
    });
}

// --- worlds ------------------------------------------------------------------------------------------------------

fn a_little_of_everything(seed: u64) -> busyhour::trace::Digest {
    let outcome = Universe::seeded(seed).run(|u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        u.network().between(&phone, &server).loses(0.1).unwrap();
        server.boot(echo);
        u.sleep(SECOND).await;
        let mut transports = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        for number in 0..30 {
            let transport = KINDS[number % 3];
            transports.send(Transmit { flow: to(transport, &server), payload: options(number, transport, b"x") });
            let _ = tokio::time::timeout(SECOND, message(&mut transports)).await;
        }
    });
    outcome.result.as_ref().unwrap();
    outcome.digest()
}

#[test]
fn one_seed_puts_the_same_bytes_on_the_wire() {
    assert_eq!(a_little_of_everything(3), a_little_of_everything(3));
    assert_ne!(a_little_of_everything(3), a_little_of_everything(4));
}

/// Law 4: the same on real sockets.
#[test]
fn it_runs_on_real_sockets_too() {
    let outcome = Universe::live().run(|u| async move {
        let (phone, server) = (u.host("phone"), u.host("server"));
        let mut there = Transports::open(&server, Ports { udp: Some(0), tcp: Some(0), ws: Some(0) }).await.unwrap();
        let ports = KINDS.map(|transport| there.local_port(transport).unwrap());
        let mut here = Transports::open(&phone, Ports { udp: Some(0), ..Ports::default() }).await.unwrap();
        for (transport, port) in KINDS.into_iter().zip(ports) {
            let flow = Flow::to(transport, SocketAddrV4::new(server.address(), port));
            here.send(Transmit { flow, payload: options(1, transport, b"live") });
            let (request, whence) = within(10 * SECOND, message(&mut there)).await;
            assert_eq!(request.body(), b"live");
            there.send(Transmit { flow: whence, payload: Writer::answer(&request, 200, "OK", Some("b")).end() });
            assert_eq!(within(10 * SECOND, message(&mut here)).await.0.status(), Some(200));
        }
    });
    outcome.result.unwrap();
}
