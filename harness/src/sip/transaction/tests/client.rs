//! RFC 3261 sections 17.1.1 and 17.1.2, RFC 6026 section 7.2.

use super::*;
use crate::sip::transaction::Timers;

fn calling(flow: Flow) -> (Transactions, Message, ClientId) {
    sending(Method::Invite, flow)
}

fn sending(method: Method<'_>, flow: Flow) -> (Transactions, Message, ClientId) {
    let mut transactions = Transactions::new(Timers::default());
    let request = request(method, "z9hG4bK-c1");
    let client = transactions.request(SimTime::ZERO, request.clone(), flow);
    let sent = sent(&mut transactions);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].raw(), request.raw());
    (transactions, request, client)
}

// --- INVITE ------------------------------------------------------------------------------------------------------

/// Timer A doubles without a limit: 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s. Timer B ends it.
#[test]
fn an_invite_is_repeated_at_doubling_intervals_until_32_seconds_are_over() {
    let (mut transactions, invite, client) = calling(udp());
    for due in [500, 1_500, 3_500, 7_500, 15_500, 31_500] {
        assert_next(&mut transactions, millis(due));
        let sent = sent(&mut transactions);
        assert_eq!(sent.len(), 1, "at {due} ms");
        assert_eq!(sent[0].raw(), invite.raw());
    }
    assert_next(&mut transactions, PATIENCE);
    assert!(sent(&mut transactions).is_empty());
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { client: whose }] if whose == client));
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
}

#[test]
fn over_a_connection_an_invite_is_sent_once_and_waited_for_as_long() {
    for flow in [tcp(), ws()] {
        let (mut transactions, _, client) = calling(flow);
        assert_next(&mut transactions, PATIENCE);
        let heard = heard(&mut transactions);
        assert!(matches!(heard[..], [TransactionEvent::TimedOut { client: whose }] if whose == client));
        assert!(sent(&mut transactions).is_empty());
        assert_eq!(transactions.live(), 0);
    }
}

#[test]
fn a_provisional_response_ends_the_repeating() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(T1 - BIT), answer(&invite, 100), udp());
    assert_eq!(statuses(&mut transactions, client), [100]);
    transactions.handle_timeout(at(PATIENCE));
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 1);
}

/// Section 16.6 step 11: timer C, more than three minutes. Section 16.7 step 2: 101 to 199 set it anew, a 100 doesn't.
#[test]
fn what_rings_is_waited_for_181_seconds_from_the_last_ringing_but_not_from_a_100() {
    let (mut transactions, invite, client) = calling(udp());
    let c = Timers::default().c;
    transactions.receive(at(millis(100)), answer(&invite, 100), udp());
    assert_eq!(transactions.poll_timeout(), Some(at(millis(100) + c)));
    transactions.receive(at(millis(60_000)), answer(&invite, 180), udp());
    transactions.receive(at(millis(90_000)), answer(&invite, 100), udp());
    assert_eq!(statuses(&mut transactions, client), [100, 180, 100]);
    assert_next(&mut transactions, millis(60_000) + c);
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { .. }]));
    assert!(sent(&mut transactions).is_empty());
    // It's still there for the 487 that a CANCEL makes.
    assert_eq!(transactions.live(), 1);
}

#[test]
fn after_timer_c_a_refusal_is_acknowledged_without_a_word() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(T1 / 2), answer(&invite, 180), udp());
    let c = T1 / 2 + Timers::default().c;
    transactions.handle_timeout(at(c));
    heard(&mut transactions);
    transactions.receive(at(c + T1), answer(&invite, 487), udp());
    assert_eq!(sent(&mut transactions)[0].method(), Method::Ack);
    assert_eq!(statuses(&mut transactions, client), [0u16; 0]);
    assert_next(&mut transactions, c + T1 + PATIENCE);
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);
}

#[test]
fn after_timer_c_an_acceptance_is_told_and_silence_ends_it_after_32_seconds() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(T1 / 2), answer(&invite, 180), udp());
    let c = T1 / 2 + Timers::default().c;
    transactions.handle_timeout(at(c));
    heard(&mut transactions);
    assert_next(&mut transactions, c + PATIENCE);
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);

    let (mut transactions, invite, other) = calling(udp());
    assert_eq!(client, other);
    transactions.receive(at(T1 / 2), answer(&invite, 180), udp());
    transactions.handle_timeout(at(c));
    heard(&mut transactions);
    transactions.receive(at(c + PATIENCE - BIT), answer(&invite, 200), udp());
    assert_eq!(statuses(&mut transactions, client), [200]);
}

/// Section 17.1.1.3, point by point.
#[test]
fn a_refusal_is_acknowledged_by_the_transaction_itself() {
    let mut transactions = Transactions::new(Timers::default());
    let invite = Writer::request(Method::Invite, "sip:bob@10.0.0.9;x=1")
        .header(Name::Via, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-c1, SIP/2.0/UDP upstream.test;branch=z9hG4bK-u")
        .header(Name::Via, "SIP/2.0/UDP farther.test;branch=z9hG4bK-f")
        .header(Name::MaxForwards, 9)
        .header(Name::Route, "<sip:proxy.test;lr>")
        .header(Name::Route, "<sip:second.test;lr>")
        .header(Name::From, "\"A, B\" <sip:alice@pbx.test>;tag=a1")
        .header(Name::To, "<sip:bob@pbx.test>")
        .header(Name::CallId, "call-1")
        .header(Name::CSeq, "42 INVITE")
        .header(Name::ProxyAuthorization, "Digest username=\"alice\"")
        .header(Name::Contact, "<sip:alice@10.0.0.1>")
        .body("application/sdp", b"v=0\r\n");
    let invite = Message::read(invite).unwrap();
    let client = transactions.request(SimTime::ZERO, invite.clone(), udp());
    sent(&mut transactions);
    transactions.receive(at(T1 / 2), answer(&invite, 486), Flow::udp(place(77, 7)));
    let transmit = transactions.poll_transmit().unwrap();
    assert_eq!(transmit.flow, udp(), "it goes where the INVITE went");
    let ack = String::from_utf8(transmit.payload.to_vec()).unwrap();
    assert_eq!(
        ack,
        "ACK sip:bob@10.0.0.9;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-c1\r\n\
         Max-Forwards: 70\r\n\
         Route: <sip:proxy.test;lr>\r\n\
         Route: <sip:second.test;lr>\r\n\
         From: \"A, B\" <sip:alice@pbx.test>;tag=a1\r\n\
         To: <sip:bob@pbx.test>;tag=b1\r\n\
         Call-ID: call-1\r\n\
         CSeq: 42 ACK\r\n\
         Proxy-Authorization: Digest username=\"alice\"\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(statuses(&mut transactions, client), [486]);
}

/// Timer D: 32 s over UDP.
#[test]
fn a_refusal_that_comes_again_is_acknowledged_again_and_told_once() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(millis(100)), answer(&invite, 180), udp());
    transactions.receive(at(millis(200)), answer(&invite, 486), udp());
    assert_eq!(statuses(&mut transactions, client), [180, 486]);
    let first = sent(&mut transactions);
    transactions.receive(at(millis(200) + PATIENCE - BIT), answer(&invite, 486), udp());
    assert_eq!(sent(&mut transactions)[0].raw(), first[0].raw());
    // A late one of the way there doesn't count.
    transactions.receive(at(millis(200) + PATIENCE - BIT), answer(&invite, 180), udp());
    assert_silent(&mut transactions);
    assert_next(&mut transactions, millis(200) + PATIENCE);
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);
    transactions.receive(at(millis(200) + PATIENCE), answer(&invite, 486), udp());
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::Stray { .. }]));
    assert!(sent(&mut transactions).is_empty());
}

#[test]
fn over_a_connection_a_refusal_ends_it_at_once() {
    for flow in [tcp(), ws()] {
        let (mut transactions, invite, client) = calling(flow);
        transactions.receive(at(millis(100)), answer(&invite, 486), flow);
        assert_eq!(sent(&mut transactions)[0].method(), Method::Ack);
        assert_eq!(statuses(&mut transactions, client), [486]);
        assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    }
}

/// RFC 6026 section 7.2: Accepted, timer M; each fork's 2xx and each repetition is told. It lasts 32 s over connections
/// too.
#[test]
fn each_2xx_is_told_for_32_seconds_and_nothing_else() {
    for flow in [udp(), tcp(), ws()] {
        let (mut transactions, invite, client) = calling(flow);
        transactions.receive(at(millis(100)), answer(&invite, 200), flow);
        transactions.receive(at(millis(200)), answer(&invite, 180), flow);
        transactions.receive(at(millis(300)), answer(&invite, 486), flow);
        transactions.receive(at(millis(100) + PATIENCE - BIT), answer(&invite, 202), flow);
        assert!(sent(&mut transactions).is_empty(), "whoever made the call acknowledges it");
        assert_eq!(statuses(&mut transactions, client), [200, 202]);
        assert_next(&mut transactions, millis(100) + PATIENCE);
        assert_silent(&mut transactions);
        assert_eq!(transactions.live(), 0);
        transactions.receive(at(millis(100) + PATIENCE), answer(&invite, 200), flow);
        assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::Stray { .. }]));
    }
}

/// Section 16.7 step 5: a proxy forwards a 2xx even behind a refusal. Somebody must acknowledge it and hang up.
#[test]
fn a_2xx_behind_a_refusal_is_a_stray_one() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(millis(100)), answer(&invite, 603), udp());
    assert_eq!(statuses(&mut transactions, client), [603]);
    sent(&mut transactions);
    transactions.receive(at(millis(200)), answer(&invite, 200), udp());
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::Stray { .. }]));
    assert!(sent(&mut transactions).is_empty());
}

// --- other requests ----------------------------------------------------------------------------------------------

/// Timer E: 0.5, 1, 2, 4, 4, ... s. Timer F ends it.
#[test]
fn another_request_is_repeated_every_4_seconds_at_most_until_32_are_over() {
    let (mut transactions, options, client) = sending(Method::Options, udp());
    for due in [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500] {
        assert_next(&mut transactions, millis(due));
        let sent = sent(&mut transactions);
        assert_eq!(sent.len(), 1, "at {due} ms");
        assert_eq!(sent[0].raw(), options.raw());
    }
    assert_next(&mut transactions, PATIENCE);
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { client: whose }] if whose == client));
    assert!(sent(&mut transactions).is_empty());
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
}

/// Section 17.1.2.2: timer E goes on, at T2; timer F too.
#[test]
fn a_provisional_response_slows_the_repeating_and_doesnt_end_the_waiting() {
    let (mut transactions, options, client) = sending(Method::Options, udp());
    transactions.handle_timeout(at(T1));
    assert_eq!(sent(&mut transactions).len(), 1);
    transactions.receive(at(millis(600)), answer(&options, 100), udp());
    assert_eq!(statuses(&mut transactions, client), [100]);
    for due in [1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500] {
        assert_next(&mut transactions, millis(due));
        assert_eq!(sent(&mut transactions).len(), 1, "at {due} ms");
    }
    assert_next(&mut transactions, PATIENCE);
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { .. }]));
    assert_eq!(transactions.live(), 0);
}

#[test]
fn over_a_connection_another_request_is_sent_once_and_waited_for_as_long() {
    for flow in [tcp(), ws()] {
        let (mut transactions, options, client) = sending(Method::Options, flow);
        transactions.receive(at(millis(600)), answer(&options, 100), flow);
        assert_eq!(statuses(&mut transactions, client), [100]);
        assert_next(&mut transactions, PATIENCE);
        assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { .. }]));
        assert!(sent(&mut transactions).is_empty());
        assert_eq!(transactions.live(), 0);
    }
}

/// Timer K: T4 over UDP, zero elsewhere.
#[test]
fn repeated_answers_are_swallowed_for_5_seconds() {
    let (mut transactions, options, client) = sending(Method::Options, udp());
    transactions.receive(at(millis(100)), answer(&options, 200), udp());
    assert_eq!(statuses(&mut transactions, client), [200]);
    for status in [200, 100, 404] {
        transactions.receive(at(millis(100) + T4 - BIT), answer(&options, status), udp());
    }
    assert_silent(&mut transactions);
    assert_next(&mut transactions, millis(100) + T4);
    assert_silent(&mut transactions);
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    transactions.receive(at(millis(100) + T4), answer(&options, 200), udp());
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::Stray { .. }]));
}

#[test]
fn over_a_connection_an_answer_ends_it_at_once() {
    for (flow, status) in [(tcp(), 200), (ws(), 404), (tcp(), 500)] {
        let (mut transactions, options, client) = sending(Method::Options, flow);
        transactions.receive(at(millis(100)), answer(&options, status), flow);
        assert_eq!(statuses(&mut transactions, client), [status]);
        assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    }
}

// --- broken ways and lost interest -------------------------------------------------------------------------------

#[test]
fn what_waits_for_an_answer_fails_with_its_way() {
    for method in [Method::Invite, Method::Options] {
        for (flow, failed) in [(udp(), udp()), (tcp(), tcp()), (Flow { connection: None, ..tcp() }, tcp())] {
            let (mut transactions, _, client) = sending(method, flow);
            transactions.flow_failed(at(T1), failed);
            let heard = heard(&mut transactions);
            assert!(matches!(heard[..], [TransactionEvent::FlowFailed { client: whose }] if whose == client));
            assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
        }
    }
}

#[test]
fn another_way_that_breaks_is_no_matter() {
    let other_connection = Flow { connection: Some(ConnectionId(99)), ..tcp() };
    for failed in [udp(), ws(), other_connection, Flow::to(Transport::Tcp, place(9, 5061))] {
        let (mut transactions, ..) = sending(Method::Options, tcp());
        transactions.flow_failed(at(T1), failed);
        assert_silent(&mut transactions);
        assert_eq!(transactions.live(), 1);
    }
}

/// A fork's 2xx may come another way, but nothing more is told of a refused INVITE.
#[test]
fn an_answered_request_doesnt_fail_any_more() {
    let (mut transactions, invite, _) = calling(tcp());
    transactions.receive(at(T1), answer(&invite, 200), tcp());
    heard(&mut transactions);
    transactions.flow_failed(at(T1), tcp());
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 1);

    let (mut transactions, invite, _) = calling(udp());
    transactions.receive(at(T1), answer(&invite, 486), udp());
    heard(&mut transactions);
    sent(&mut transactions);
    transactions.flow_failed(at(T1), udp());
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);
}

#[test]
fn a_forgotten_request_is_repeated_and_acknowledged_but_not_told_of() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(millis(100)), answer(&invite, 180), udp());
    transactions.forget(client);
    assert_silent(&mut transactions);
    transactions.receive(at(millis(200)), answer(&invite, 183), udp());
    transactions.receive(at(millis(300)), answer(&invite, 487), udp());
    assert!(heard(&mut transactions).is_empty());
    assert_eq!(sent(&mut transactions)[0].method(), Method::Ack);
    transactions.handle_timeout(at(millis(300) + PATIENCE));
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);

    let (mut transactions, _, client) = sending(Method::Options, udp());
    transactions.forget(client);
    transactions.handle_timeout(at(T1));
    assert_eq!(sent(&mut transactions).len(), 1);
    transactions.handle_timeout(at(PATIENCE));
    assert!(heard(&mut transactions).is_empty());
    assert_eq!(transactions.live(), 0);
}

/// RFC 3261 section 9.1: 64*T1 after a CANCEL the INVITE counts as cancelled.
#[test]
fn a_forgotten_invite_that_rings_ends_after_32_seconds() {
    let (mut transactions, invite, client) = calling(udp());
    transactions.receive(at(millis(100)), answer(&invite, 180), udp());
    transactions.forget(client);
    assert_next(&mut transactions, millis(100) + PATIENCE);
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);

    let (mut transactions, invite, client) = calling(udp());
    transactions.forget(client);
    transactions.receive(at(millis(100)), answer(&invite, 180), udp());
    assert_next(&mut transactions, millis(100) + PATIENCE);
    assert_eq!(transactions.live(), 0);
}
