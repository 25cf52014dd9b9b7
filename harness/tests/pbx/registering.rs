//! RFC 3261 10.3, 22; RFC 5626: what a registrar takes, keeps and tells.

use std::time::Duration;

use busyhour::net::nat::NatKind;
use busyhour::pbx::LostConnection;
use busyhour::simulate;
use busyhour::sip::digest::Credentials;
use busyhour::sip::{Flow, Message, Name, Transport};
use busyhour::trace::SimTime;

use crate::phone::Phone;
use crate::{install, registered, settings, wait_until};

fn contacts(answer: &Message) -> Vec<String> {
    answer.contacts().unwrap().iter().map(|contact| contact.uri.raw.to_owned()).collect()
}

#[test]
fn a_phone_is_registered_with_its_password_and_not_without() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = Phone::on(&u.host("alice"), server.host(), "alice").await;
        assert_eq!(alice.register().await, 200);
        assert_eq!(server.contacts("alice").len(), 1);
        assert_eq!(server.counters().challenged, 1);

        let bob = Phone::on(&u.host("bob"), server.host(), "bob").await;
        bob.act(|ua, _| {
            ua.set_credentials(Some(Credentials { user: "bob".into(), password: "not bob's secret".into() }));
        });
        assert_eq!(bob.register().await, 403);
        assert_eq!(server.contacts("bob"), []);

        bob.act(|ua, _| ua.set_credentials(None));
        assert_eq!(bob.register().await, 401);
    });
}

/// A password proves who one is, not that one may be somebody else.
#[test]
fn nobody_registers_in_the_name_of_another() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let bob = Phone::on(&u.host("bob"), server.host(), "bob").await;
        bob.act(|ua, _| {
            ua.set_credentials(Some(Credentials { user: "alice".into(), password: "alice's secret".into() }));
        });
        assert_eq!(bob.register().await, 403);
        assert_eq!(server.contacts("bob"), []);
        assert_eq!(server.counters().forbidden, 1);
    });
}

#[test]
fn a_binding_is_served_until_it_expires_and_not_a_moment_longer() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        assert_eq!(alice.register_for(60).await, 200);
        let end = server.contacts("alice")[0].expires_at;
        assert!(end.since(u.now()) <= Duration::from_secs(60));
        wait_until(&u, SimTime(end.as_nanos() - 1_000_000)).await;
        assert_eq!(server.contacts("alice").len(), 1);
        wait_until(&u, end).await;
        assert_eq!(server.contacts("alice"), []);
    });
}

/// 10.3 step 7. A bound that's asked for is cut to the server's own.
#[test]
fn too_short_a_binding_is_refused_and_too_long_a_one_is_cut() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = Phone::on(&u.host("alice"), server.host(), "alice").await;
        let contact = format!("<{}>", alice.contact());
        let answer = alice.register_with(&[("Contact", &contact), ("Expires", "9")]).await;
        assert_eq!((answer.status(), answer.first(Name::MinExpires)), (Some(423), Some("10")));
        assert_eq!(server.contacts("alice"), []);
        assert_eq!(alice.register_for(10).await, 200);
        let answer = alice.register_with(&[("Contact", &contact), ("Expires", "3600")]).await;
        assert_eq!(answer.contacts().unwrap()[0].expires(), Some(300));
        // Without a word of it, it's the server's.
        let answer = alice.register_with(&[("Contact", &contact)]).await;
        assert_eq!(answer.contacts().unwrap()[0].expires(), Some(300));
    });
}

#[test]
fn several_contacts_each_with_its_expiry_and_a_star_that_ends_them_all() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = Phone::on(&u.host("alice"), server.host(), "alice").await;
        let both = "<sip:alice@10.9.9.1:5060>;expires=20, <sip:alice@10.9.9.2:5062>;expires=40;q=0.5";
        let answer = alice.register_with(&[("Contact", both)]).await;
        assert_eq!(contacts(&answer), ["sip:alice@10.9.9.1:5060", "sip:alice@10.9.9.2:5062"]);
        // Who registers an address that isn't its own is reached there.
        let flows: Vec<Flow> = server.contacts("alice").iter().map(|contact| contact.flow).collect();
        assert_eq!(flows[1], Flow::udp("10.9.9.2:5062".parse().unwrap()));
        // Asking changes nothing.
        assert_eq!(contacts(&alice.register_with(&[]).await).len(), 2);

        let star = alice.register_with(&[("Contact", "*"), ("Expires", "60")]).await;
        assert_eq!(star.status(), Some(400));
        assert_eq!(server.contacts("alice").len(), 2);
        let star = alice.register_with(&[("Contact", "*"), ("Expires", "0")]).await;
        assert_eq!((star.status(), contacts(&star).len()), (Some(200), 0));
        assert_eq!(server.contacts("alice"), []);
    });
}

#[test]
fn unregistering_ends_the_one_binding_that_it_names() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (desk, home) = (u.host("desk"), u.host("home"));
        let desk = Phone::on(&desk, server.host(), "alice").await;
        let home = Phone::on(&home, server.host(), "alice").await;
        assert_eq!((desk.register().await, home.register().await), (200, 200));
        assert_eq!(server.contacts("alice").len(), 2);
        assert_eq!(desk.register_for(0).await, 200);
        assert_eq!(server.contacts("alice").len(), 1);
        assert_eq!(server.contacts("alice")[0].uri, home.contact());
    });
}

/// JsSIP#929: a refresh with a new Call-ID left the old binding behind, and it was rung.
#[test]
fn a_phone_that_rebooted_takes_its_old_bindings_place() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        alice.forgets_its_call_id();
        assert_eq!(alice.register().await, 200);
        assert_eq!(server.contacts("alice").len(), 1);
    });
}

/// RFC 5626 6: the device counts, whatever its address is today.
#[test]
fn a_device_that_moved_is_the_same_device() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = Phone::on(&u.host("alice"), server.host(), "alice").await;
        let device = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";reg-id=1";
        for port in 5060..5075 {
            let contact = format!("<sip:alice@{}:{port}>{device}", alice.host.address());
            let answer = alice.register_with(&[("Contact", &contact), ("Supported", "outbound")]).await;
            assert_eq!(answer.status(), Some(200));
            assert!(answer.has_option(Name::Require, "outbound"));
        }
        assert_eq!(server.contacts("alice").len(), 1);
        let other = device.replace("e128", "e129");
        let contact = format!("<sip:alice@{}:5060>{other}", alice.host.address());
        alice.register_with(&[("Contact", &contact)]).await;
        assert_eq!(server.contacts("alice").len(), 2);
    });
}

#[test]
fn ten_contacts_are_taken_and_the_eleventh_is_refused() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = Phone::on(&u.host("alice"), server.host(), "alice").await;
        for port in 1..=10 {
            let contact = format!("<sip:alice@{}:{port}>", alice.host.address());
            assert_eq!(alice.register_with(&[("Contact", &contact)]).await.status(), Some(200), "{port}");
        }
        let contact = format!("<sip:alice@{}:11>", alice.host.address());
        assert_eq!(alice.register_with(&[("Contact", &contact)]).await.status(), Some(403));
        // A refresh of one of the ten is none too many.
        let contact = format!("<sip:alice@{}:10>", alice.host.address());
        assert_eq!(alice.register_with(&[("Contact", &contact)]).await.status(), Some(200));
        assert_eq!(server.contacts("alice").len(), 10);
    });
}

/// RFC 3581: what a phone behind a NAT says of its address means nothing outside.
#[test]
fn a_phone_behind_a_nat_is_reached_where_it_was_heard_from() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let host = u.host("alice");
        let nat = u.network().nat("alice's box", NatKind::PortRestricted, None);
        u.network().put_behind(&host, nat);
        let alice = Phone::on(&host, server.host(), "alice").await;
        assert_eq!(alice.register().await, 200);
        assert_eq!(*server.contacts("alice")[0].flow.remote.ip(), u.network().nat_address(nat));
        let bob = registered(&u, &server, "bob").await;
        let call = bob.calls("alice");
        bob.is_answered(call).await;
        let inside = alice.rings().await;
        bob.hangs_up(call);
        alice.ends(inside).await;
    });
}

/// domain.md Part 5: with lost-connection handling the binding is gone at once, without it it lives out its time.
#[test]
fn a_binding_ends_with_its_connection_if_that_is_handled() {
    for lost_connection in [LostConnection::Drops, LostConnection::KeepsUntilExpiry] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.lost_connection = lost_connection;
            let server = install(&u, settings).await;
            let host = u.host("alice");
            let alice = Phone::over(&host, server.host(), "alice", Transport::Tcp, 5060).await;
            assert_eq!(alice.register_for(60).await, 200);
            assert!(server.contacts("alice")[0].flow.connection.is_some());
            host.crash();
            host.restart();
            // The server learns of it when it next sends something there.
            let bob = registered(&u, &server, "bob").await;
            let call = bob.calls("alice");
            bob.ends(call).await;
            assert_eq!(server.contacts("alice").is_empty(), lost_connection == LostConnection::Drops);
            u.sleep(Duration::from_secs(60)).await;
            assert_eq!(server.contacts("alice"), []);
        });
    }
}

/// A flood without credentials is answered without a memory of it (RFC 3261 8.2.7).
#[test]
fn a_flood_without_credentials_costs_no_memory() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let socket = u.host("mallory").udp(5060).await.unwrap();
        let to = std::net::SocketAddrV4::new(server.host().address(), 5060);
        for number in 0..1_000 {
            let request = format!(
                "REGISTER sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{number};rport\r\n\
                 From: <sip:alice@pbx.test>;tag=1\r\nTo: <sip:alice@pbx.test>\r\nCall-ID: {number}\r\n\
                 CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:alice@10.0.0.66>\r\nContent-Length: 0\r\n\r\n",
                socket.local_addr()
            );
            socket.send_to(request, to).await.unwrap();
            if number % 50 == 0 {
                u.sleep(Duration::from_millis(5)).await;
            }
        }
        u.sleep(Duration::from_secs(1)).await;
        assert_eq!(server.transactions(), 0);
        assert!(server.counters().challenged > 500, "{:?}", server.counters());
        assert_eq!(server.contacts("alice"), []);
        // And who has a password is served.
        registered(&u, &server, "alice").await;
    });
}

/// The switches of a registrar that calls the dead.
#[test]
fn a_server_that_calls_the_dead_does_so_only_with_its_switch_turned() {
    use busyhour::pbx::Behaviour;
    use busyhour::sip::ua::{Ending, Event};
    let dead_are_called = |behaviour: Behaviour| {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.behaviour = behaviour;
            let server = install(&u, settings).await;
            let bob = registered(&u, &server, "bob").await;
            bob.register_for(10).await;
            u.sleep(Duration::from_secs(11)).await;
            let alice = registered(&u, &server, "alice").await;
            let out = alice.calls("bob");
            u.sleep(Duration::from_secs(1)).await;
            let refused = alice.has_ended(out) && alice.ends(out).await == Ending::Refused(480);
            let rang = bob.count(|event| matches!(event, Event::Incoming { .. })) > 0;
            assert_ne!(refused, rang);
            rang
        })
    };
    assert!(!dead_are_called(Behaviour::default()));
    assert!(dead_are_called(Behaviour { serves_expired_bindings: true, ..Behaviour::default() }));
    assert!(dead_are_called(Behaviour { calls_the_dead: true, ..Behaviour::default() }));
}

/// Who has registered before goes on with the nonce he knows; a restarted server calls it stale, and he tries once more.
#[test]
fn a_restarted_server_takes_a_refresh_with_an_old_nonce_after_one_more_challenge() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        assert_eq!(alice.register().await, 200);
        assert_eq!(server.counters().challenged, 1, "the second used the first's nonce");
        server.host().crash();
        server.host().restart();
        u.sleep(Duration::from_millis(10)).await;
        assert_eq!(alice.register().await, 200);
        assert_eq!(server.counters().challenged, 2);
    });
}
