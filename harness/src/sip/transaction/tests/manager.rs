//! What tells transactions apart (RFC 3261 sections 17.1.3 and 17.2.3), CANCEL (section 9), and the books.

use super::*;
use crate::sip::transaction::Timers;

#[test]
fn responses_find_their_request_by_branch_and_method() {
    let mut transactions = Transactions::new(Timers::default());
    // A CANCEL has the branch of what it cancels (section 9.1).
    let invite = request(Method::Invite, "z9hG4bK-1");
    let cancel = request(Method::Cancel, "z9hG4bK-1");
    let other = request(Method::Invite, "z9hG4bK-2");
    let ids = [&invite, &cancel, &other].map(|one| transactions.request(SimTime::ZERO, one.clone(), udp()));
    for (request, id) in [(&other, ids[2]), (&cancel, ids[1]), (&invite, ids[0])] {
        transactions.receive(at(millis(1)), answer(request, 200), udp());
        assert_eq!(statuses(&mut transactions, id), [200]);
    }
    transactions.receive(at(millis(1)), answer(&request(Method::Bye, "z9hG4bK-1"), 200), udp());
    transactions.receive(at(millis(1)), answer(&request(Method::Invite, "z9hG4bK-3"), 200), udp());
    let heard = heard(&mut transactions);
    assert!(matches!(heard[..], [TransactionEvent::Stray { .. }, TransactionEvent::Stray { .. }]), "{heard:?}");
}

#[test]
fn a_request_is_another_if_branch_sent_by_or_method_are() {
    let mut transactions = Transactions::new(Timers::default());
    let vias = [
        (Method::Options, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-1"),
        (Method::Options, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-2"),
        (Method::Options, "SIP/2.0/UDP 10.0.0.1:5061;branch=z9hG4bK-1"),
        (Method::Options, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-1"),
        (Method::Options, "SIP/2.0/UDP phone.test:5060;branch=z9hG4bK-1"),
        (Method::Info, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-1"),
    ];
    for (method, via) in vias {
        comes(&mut transactions, Duration::ZERO, &request_from(method, via), udp());
    }
    assert_eq!(transactions.live(), vias.len());
    // Another source, more parameters, other letters of the host's name: still the same request.
    for (method, via) in vias {
        let via = format!("{};received=1.2.3.4", via.replace("phone", "PHONE"));
        transactions.receive(at(millis(1)), request_from(method, &via), Flow::udp(place(55, 5)));
    }
    assert_silent(&mut transactions);
    assert_eq!(transactions.live(), vias.len());
}

/// Section 17.2.3 for RFC 2543's clients, whose branches mean nothing: target, tag, Call-ID, CSeq and Via.
#[test]
fn without_a_magic_cookie_the_request_itself_is_compared() {
    for via in ["SIP/2.0/UDP 10.0.0.1", "SIP/2.0/UDP 10.0.0.1;branch=1", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK"] {
        let mut transactions = Transactions::new(Timers::default());
        let invite = request_from(Method::Invite, via);
        let server = comes(&mut transactions, Duration::ZERO, &invite, udp());
        transactions.receive(at(millis(1)), invite.clone(), udp());
        assert_silent(&mut transactions);
        let raw = String::from_utf8(invite.raw().to_vec()).unwrap();
        for (what, other) in [("call-1", "call-2"), ("42 INV", "43 INV"), ("tag=a1", "tag=a2"), ("bob@10", "eve@10")] {
            let another = Message::read(raw.replace(what, other)).unwrap();
            comes(&mut transactions, millis(2), &another, udp());
        }
        transactions.respond(at(millis(3)), server, answer(&invite, 486));
        sent(&mut transactions);
        transactions.receive(at(millis(4)), ack(&invite), udp());
        transactions.handle_timeout(at(millis(199)));
        assert_silent(&mut transactions);
    }
}

/// Whoever answers requests says 400 then, not this layer.
#[test]
fn a_request_without_a_readable_via_is_handed_on_once() {
    let mut transactions = Transactions::new(Timers::default());
    let broken = request_from(Method::Options, "nonsense");
    let server = comes(&mut transactions, Duration::ZERO, &broken, udp());
    transactions.receive(at(millis(1)), broken.clone(), udp());
    assert_silent(&mut transactions);
    transactions.respond(at(millis(2)), server, answer(&broken, 400));
    assert_eq!(sent(&mut transactions).len(), 1);
}

/// Section 9.2: the CANCEL is a transaction of its own, and names the INVITE's.
#[test]
fn a_cancel_is_told_with_the_invite_that_it_means() {
    let mut transactions = Transactions::new(Timers::default());
    let invite = request(Method::Invite, "z9hG4bK-1");
    let server = comes(&mut transactions, Duration::ZERO, &invite, udp());
    let cancel = request(Method::Cancel, "z9hG4bK-1");
    transactions.receive(at(millis(1)), cancel.clone(), udp());
    let Some(TransactionEvent::Cancel { server: own, invite: meant, .. }) = transactions.poll_event() else {
        panic!("a CANCEL is told");
    };
    assert_eq!(meant, Some(server));
    assert_ne!(own, server);
    transactions.respond(at(millis(2)), own, answer(&cancel, 200));
    transactions.respond(at(millis(2)), server, answer(&invite, 487));
    let sent_now: Vec<_> = sent(&mut transactions).iter().map(|m| m.status().unwrap()).collect();
    assert_eq!(sent_now, [200, 487]);
    transactions.receive(at(millis(3)), cancel, udp());
    assert_eq!(sent(&mut transactions)[0].status(), Some(200));

    for nothing in ["z9hG4bK-2", "z9hG4bK-3"] {
        // An OPTIONS can't be cancelled.
        comes(&mut transactions, millis(3), &request(Method::Options, nothing), udp());
        transactions.receive(at(millis(4)), request(Method::Cancel, nothing), udp());
        let heard = heard(&mut transactions);
        assert!(matches!(heard[..], [TransactionEvent::Cancel { invite: None, .. }]), "{heard:?}");
    }
}

#[test]
fn what_has_no_transaction_is_just_sent() {
    let mut transactions = Transactions::new(Timers::default());
    let ack = request(Method::Ack, "z9hG4bK-1");
    transactions.send(ack.raw().clone(), tcp());
    let transmit = transactions.poll_transmit().unwrap();
    assert_eq!((&transmit.payload, transmit.flow), (ack.raw(), tcp()));
    assert_eq!((transactions.live(), transactions.poll_timeout()), (0, None));
}

#[test]
#[should_panic(expected = "a branch of its own")]
fn a_branch_that_is_in_use_is_a_bug_of_whoever_uses_it_again() {
    let mut transactions = Transactions::new(Timers::default());
    for _ in 0..2 {
        transactions.request(SimTime::ZERO, request(Method::Options, "z9hG4bK-1"), udp());
    }
}

#[test]
fn all_times_follow_the_settings() {
    let timers = Timers { t1: millis(10), t2: millis(15), t4: millis(7), c: millis(2_000) };
    let mut transactions = Transactions::new(timers);
    let options = request(Method::Options, "z9hG4bK-1");
    transactions.request(SimTime::ZERO, options.clone(), udp());
    sent(&mut transactions);
    for due in [10, 25, 40] {
        assert_next(&mut transactions, millis(due));
        sent(&mut transactions);
    }
    transactions.receive(at(millis(41)), answer(&options, 200), udp());
    heard(&mut transactions);
    sent(&mut transactions);
    assert_next(&mut transactions, millis(48));
    assert_eq!(transactions.live(), 0);
}

/// A host that was asleep wakes late: it doesn't send all at once what it missed.
#[test]
fn a_late_wake_up_repeats_once_and_counts_from_then() {
    let mut transactions = Transactions::new(Timers::default());
    transactions.request(SimTime::ZERO, request(Method::Options, "z9hG4bK-1"), udp());
    sent(&mut transactions);
    transactions.handle_timeout(at(millis(20_000)));
    assert_eq!(sent(&mut transactions).len(), 1);
    assert_eq!(transactions.poll_timeout(), Some(at(millis(21_000))));
    let mut transactions = Transactions::new(Timers::default());
    transactions.request(SimTime::ZERO, request(Method::Options, "z9hG4bK-1"), udp());
    sent(&mut transactions);
    transactions.handle_timeout(at(millis(50_000)));
    assert!(sent(&mut transactions).is_empty(), "it's over");
    assert!(matches!(heard(&mut transactions)[..], [TransactionEvent::TimedOut { .. }]));
    assert_eq!(transactions.live(), 0);
}

/// Over connections a transaction is gone long before its timer B would have rung: the clocks of the dead aren't kept.
#[test]
fn memory_is_in_proportion_to_what_lives() {
    let mut transactions = Transactions::new(Timers::default());
    for number in 0..10_000u64 {
        let options = request(Method::Options, &format!("z9hG4bK-{number}"));
        let now = at(millis(number));
        transactions.request(now, options.clone(), tcp());
        transactions.receive(now, answer(&options, 200), tcp());
        let server = comes_behind_the_answer(&mut transactions, now, &options);
        transactions.respond(now, server, answer(&options, 200));
        sent(&mut transactions);
        heard(&mut transactions);
    }
    assert_eq!(transactions.live(), 0);
    assert!(transactions.desk.alarms.len() <= 64, "{} clocks", transactions.desk.alarms.len());
    // With one that lives at the top, those behind it are found out as well.
    let first = transactions.request(at(millis(10_000)), request(Method::Invite, "z9hG4bK-long"), tcp());
    for number in 0..10_000u64 {
        let options = request(Method::Options, &format!("z9hG4bK-{number}"));
        let now = at(millis(10_001 + number));
        transactions.request(now, options.clone(), tcp());
        transactions.receive(now, answer(&options, 200), tcp());
        sent(&mut transactions);
        heard(&mut transactions);
    }
    assert_eq!(transactions.live(), 1);
    assert!(transactions.desk.alarms.len() <= 128, "{} clocks", transactions.desk.alarms.len());
    transactions.forget(first);
}

fn comes_behind_the_answer(transactions: &mut Transactions, now: SimTime, request: &Message) -> ServerId {
    transactions.receive(now, request.clone(), tcp());
    loop {
        if let Some(TransactionEvent::Request { server, .. }) = transactions.poll_event() {
            return server;
        }
    }
}
