//! RFC 3261 sections 17.2.1 and 17.2.2, RFC 6026 section 7.1.

use super::*;
use crate::sip::transaction::Timers;

fn asked(method: Method<'_>, flow: Flow) -> (Transactions, Message, ServerId) {
    let mut transactions = Transactions::new(Timers::default());
    let request = request(method, "z9hG4bK-s1");
    let server = comes(&mut transactions, Duration::ZERO, &request, flow);
    assert_silent(&mut transactions);
    (transactions, request, server)
}

// --- INVITE ------------------------------------------------------------------------------------------------------

/// Section 17.2.1: unless its user is known to answer within 200 ms.
#[test]
fn an_invite_that_is_thought_about_for_200_milliseconds_is_answered_by_100() {
    for flow in [udp(), tcp(), ws()] {
        let (mut transactions, invite, _) = asked(Method::Invite, flow);
        assert_next(&mut transactions, millis(200));
        let transmit = transactions.poll_transmit().unwrap();
        assert_eq!(transmit.flow, flow);
        let trying = Message::read(transmit.payload).unwrap();
        assert_eq!(trying.status(), Some(100));
        assert_eq!(trying.to().unwrap().tag(), None);
        for name in [Name::Via, Name::From, Name::CallId, Name::CSeq] {
            assert_eq!(trying.first(name), invite.first(name));
        }
        assert_eq!(transactions.poll_timeout(), None, "it's its user's turn, however long that takes");
    }
}

#[test]
fn no_100_comes_behind_an_answer() {
    for status in [101, 180, 200, 486] {
        let (mut transactions, invite, server) = asked(Method::Invite, tcp());
        transactions.respond(at(millis(200) - BIT), server, answer(&invite, status));
        assert_eq!(sent(&mut transactions)[0].status(), Some(status));
        transactions.handle_timeout(at(millis(200)));
        assert_silent(&mut transactions);
    }
}

#[test]
fn a_repeated_invite_hears_the_last_provisional_response_again() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.receive(at(millis(100)), invite.clone(), udp());
    assert_silent(&mut transactions);
    for status in [180, 183] {
        transactions.respond(at(millis(150)), server, answer(&invite, status));
        assert_eq!(sent(&mut transactions)[0].status(), Some(status));
    }
    transactions.receive(at(millis(500)), invite.clone(), udp());
    let sent = sent(&mut transactions);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].status(), Some(183));
    assert_silent(&mut transactions);
}

/// Timer G: T1, doubling up to T2. Timer H: 64*T1.
#[test]
fn a_refusal_is_repeated_until_32_seconds_are_over_and_then_its_ack_is_missing() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.respond(SimTime::ZERO, server, answer(&invite, 486));
    assert_eq!(sent(&mut transactions).len(), 1);
    for due in [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500] {
        assert_next(&mut transactions, millis(due));
        let sent = sent(&mut transactions);
        assert_eq!(sent.len(), 1, "at {due} ms");
        assert_eq!(sent[0].status(), Some(486));
    }
    assert_next(&mut transactions, PATIENCE);
    let heard = heard(&mut transactions);
    assert!(matches!(heard[..], [TransactionEvent::AckMissing { server: whose }] if whose == server));
    assert!(sent(&mut transactions).is_empty());
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
}

#[test]
fn over_a_connection_a_refusal_is_sent_once_and_its_ack_waited_for_as_long() {
    for flow in [tcp(), ws()] {
        let (mut transactions, invite, server) = asked(Method::Invite, flow);
        transactions.respond(SimTime::ZERO, server, answer(&invite, 486));
        assert_eq!(sent(&mut transactions).len(), 1);
        assert_next(&mut transactions, PATIENCE);
        assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::AckMissing { .. }]));
        assert!(sent(&mut transactions).is_empty());
        assert_eq!(transactions.live(), 0);
    }
}

/// Timer I: T4 over UDP.
#[test]
fn an_ack_ends_the_repeating_and_repeated_ones_are_swallowed_for_5_seconds() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.respond(SimTime::ZERO, server, answer(&invite, 486));
    sent(&mut transactions);
    // A repeated INVITE has the refusal repeated.
    transactions.receive(at(millis(300)), invite.clone(), udp());
    assert_eq!(sent(&mut transactions)[0].status(), Some(486));
    transactions.receive(at(millis(400)), ack(&invite), udp());
    assert_silent(&mut transactions);
    transactions.receive(at(millis(500)), invite.clone(), udp());
    transactions.receive(at(millis(400) + T4 - BIT), ack(&invite), udp());
    assert_silent(&mut transactions);
    assert_next(&mut transactions, millis(400) + T4);
    assert_silent(&mut transactions);
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    transactions.receive(at(millis(400) + T4), ack(&invite), udp());
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::Ack { .. }]));
}

#[test]
fn over_a_connection_an_ack_ends_it_at_once() {
    for flow in [tcp(), ws()] {
        let (mut transactions, invite, server) = asked(Method::Invite, flow);
        transactions.respond(SimTime::ZERO, server, answer(&invite, 486));
        sent(&mut transactions);
        transactions.receive(at(millis(400)), ack(&invite), flow);
        assert_silent(&mut transactions);
        assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    }
}

/// RFC 6026 section 7.1: timer L, over connections too. Its user repeats the 2xx (13.3.1.4), and hears the ACK.
#[test]
fn an_accepted_invite_swallows_its_repetitions_and_lets_2xx_through_for_32_seconds() {
    for flow in [udp(), tcp(), ws()] {
        let (mut transactions, invite, server) = asked(Method::Invite, flow);
        let accepted = answer(&invite, 200);
        transactions.respond(SimTime::ZERO, server, accepted.clone());
        assert_eq!(sent(&mut transactions).len(), 1);
        transactions.receive(at(T1), invite.clone(), flow);
        assert_silent(&mut transactions);
        transactions.respond(at(PATIENCE - BIT), server, accepted.clone());
        assert_eq!(sent(&mut transactions)[0].raw(), accepted.raw());
        for late in [180, 486] {
            transactions.respond(at(PATIENCE - BIT), server, answer(&invite, late));
        }
        assert_silent(&mut transactions);
        assert_next(&mut transactions, PATIENCE);
        assert_silent(&mut transactions);
        assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
        transactions.respond(at(PATIENCE), server, accepted);
        assert_silent(&mut transactions);
    }
}

/// The ACK of a 2xx has a branch of its own (13.2.2.4); that of an RFC 2543 client hasn't.
#[test]
fn the_ack_of_a_2xx_is_told_whatever_its_branch() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.respond(SimTime::ZERO, server, answer(&invite, 200));
    sent(&mut transactions);
    for ack in [request(Method::Ack, "z9hG4bK-another"), ack(&invite)] {
        transactions.receive(at(T1), ack.clone(), udp());
        let heard = heard(&mut transactions);
        assert!(matches!(&heard[..], [TransactionEvent::Ack { request, .. }] if request.raw() == ack.raw()));
    }
    assert_eq!(transactions.live(), 1);
}

#[test]
fn an_ack_of_nothing_yet_is_swallowed() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.receive(at(millis(1)), ack(&invite), udp());
    assert_silent(&mut transactions);
    transactions.respond(at(millis(2)), server, answer(&invite, 180));
    sent(&mut transactions);
    transactions.receive(at(millis(3)), ack(&invite), udp());
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 1);
}

#[test]
fn the_first_refusal_stands() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.respond(SimTime::ZERO, server, answer(&invite, 486));
    sent(&mut transactions);
    for late in [180, 200, 603] {
        transactions.respond(at(millis(1)), server, answer(&invite, late));
    }
    assert_silent(&mut transactions);
    transactions.handle_timeout(at(T1));
    assert_eq!(sent(&mut transactions)[0].status(), Some(486));
}

// --- other requests ----------------------------------------------------------------------------------------------

/// Timer J: 64*T1 over UDP.
#[test]
fn a_repeated_request_hears_the_last_response_again_for_32_seconds() {
    let (mut transactions, options, server) = asked(Method::Options, udp());
    transactions.receive(at(T1), options.clone(), udp());
    assert_silent(&mut transactions);
    for (when, status) in [(600, 100), (700, 200)] {
        transactions.respond(at(millis(when)), server, answer(&options, status));
        assert_eq!(sent(&mut transactions)[0].status(), Some(status));
        transactions.receive(at(millis(when + 50)), options.clone(), udp());
        let sent = sent(&mut transactions);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].status(), Some(status));
    }
    transactions.respond(at(millis(800)), server, answer(&options, 500));
    assert_silent(&mut transactions);
    transactions.receive(at(millis(700) + PATIENCE - BIT), options.clone(), udp());
    assert_eq!(sent(&mut transactions)[0].status(), Some(200));
    assert_next(&mut transactions, millis(700) + PATIENCE);
    assert_silent(&mut transactions);
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    // Then it's a new request.
    comes(&mut transactions, millis(700) + PATIENCE, &options, udp());
}

#[test]
fn over_a_connection_a_final_response_ends_it_at_once() {
    for flow in [tcp(), ws()] {
        let (mut transactions, options, server) = asked(Method::Options, flow);
        transactions.respond(at(millis(1)), server, answer(&options, 100));
        transactions.respond(at(millis(2)), server, answer(&options, 200));
        assert_eq!(sent(&mut transactions).len(), 2);
        assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
    }
}

/// RFC 4320 section 4.2: the client's timer F has rung by then, and its last repetition has arrived; an answer would be
/// one to nobody.
#[test]
fn a_request_that_nobody_answers_is_over_after_37_seconds() {
    for (flow, provisional) in [(udp(), false), (tcp(), false), (udp(), true)] {
        let (mut transactions, options, server) = asked(Method::Options, flow);
        if provisional {
            transactions.respond(at(millis(1)), server, answer(&options, 100));
            sent(&mut transactions);
        }
        assert_next(&mut transactions, PATIENCE + T4);
        assert_silent(&mut transactions);
        assert_eq!(transactions.live(), 0);
        transactions.respond(at(PATIENCE + T4), server, answer(&options, 200));
        assert_silent(&mut transactions);
    }
}

// --- broken connections ------------------------------------------------------------------------------------------

#[test]
fn what_was_answered_finally_ends_with_its_connection_and_what_wasnt_is_still_its_users() {
    let (mut transactions, invite, server) = asked(Method::Invite, tcp());
    transactions.flow_failed(at(millis(1)), tcp());
    assert_eq!(transactions.live(), 1);
    transactions.respond(at(millis(2)), server, answer(&invite, 486));
    assert_eq!(sent(&mut transactions).len(), 1);
    transactions.flow_failed(at(millis(3)), tcp());
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 0);
}

/// Who sent a request by UDP may have another socket by now, behind the same address.
#[test]
fn an_unreachable_address_ends_no_servers_transaction() {
    let (mut transactions, invite, server) = asked(Method::Invite, udp());
    transactions.respond(at(millis(2)), server, answer(&invite, 486));
    sent(&mut transactions);
    transactions.flow_failed(at(millis(3)), udp());
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), 1);
}
