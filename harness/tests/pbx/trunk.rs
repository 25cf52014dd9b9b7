//! Numbers, and the carrier that knows them.

use std::net::SocketAddrV4;

use busyhour::pbx::{Server, ServerSettings};
use busyhour::sip::Name;
use busyhour::sip::ua::{Ending, Event, Outgoing};
use busyhour::{Universe, simulate};

use crate::phone::{Manner, Phone};
use crate::{install, nothing_is_left, registered, settings};

const NUMBER: &str = "15551230001";

async fn with_carrier(u: &Universe, settings: ServerSettings) -> (Server, Phone) {
    let host = u.host("carrier");
    let mut settings = settings;
    settings.trunk = Some(SocketAddrV4::new(host.address(), 5060));
    settings.inbound.insert("8005550100".into(), "bob".into());
    let server = install(u, settings).await;
    let carrier = Phone::on(&host, server.host(), "carrier").await;
    (server, carrier)
}

#[test]
fn a_number_is_called_by_the_trunk_and_its_answer_is_the_callers() {
    simulate(1, |u| async move {
        let (server, carrier) = with_carrier(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        let out = alice.calls(NUMBER);
        alice.is_answered(out).await;
        let invite = carrier
            .until("the INVITE", |event| match event {
                Event::Incoming { request, .. } => Some(request.clone()),
                _ => None,
            })
            .await;
        assert_eq!(invite.target_uri().unwrap().user, Some(NUMBER));
        let inside = carrier.rings().await;
        carrier.hangs_up(inside);
        assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
        nothing_is_left(&u, &server, &[&alice, &carrier]).await;
    });
}

#[test]
fn what_the_carrier_refuses_with_reaches_the_caller_with_its_reason() {
    simulate(1, |u| async move {
        let (server, carrier) = with_carrier(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        carrier.manner(Manner::Waits);
        for (status, reason) in [(404, "Q.850;cause=1"), (486, "Q.850;cause=17"), (503, "Q.850;cause=34")] {
            carrier.looks_away();
            alice.looks_away();
            let out = alice.calls(NUMBER);
            let inside = carrier.rings().await;
            carrier.act(|ua, now| ua.reject(now, inside, status, &[(Name::Reason, reason.to_owned())]));
            assert_eq!(alice.ends(out).await, Ending::Refused(status));
            let told = alice.seen(|event| match event {
                Event::Ended { message: Some(message), .. } => message.first(Name::Reason).map(str::to_owned),
                _ => None,
            });
            assert_eq!(told.as_deref(), Some(reason));
        }
        nothing_is_left(&u, &server, &[&alice, &carrier]).await;
    });
}

#[test]
fn a_carrier_that_does_not_answer_is_out_of_service() {
    simulate(1, |u| async move {
        let (server, carrier) = with_carrier(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        carrier.host.crash();
        let out = alice.calls(NUMBER);
        assert_eq!(alice.ends(out).await, Ending::Refused(503));
        nothing_is_left(&u, &server, &[&alice]).await;
    });
}

#[test]
fn the_carrier_needs_no_password_and_reaches_whom_its_numbers_stand_for() {
    simulate(1, |u| async move {
        let (server, carrier) = with_carrier(&u, settings()).await;
        let bob = registered(&u, &server, "bob").await;
        let call = |to: &str| {
            let target = format!("sip:{to}@{}", server.host().address());
            let from = format!("<sip:{NUMBER}@carrier.test>");
            let contact = format!("<{}>", carrier.contact());
            let outgoing =
                Outgoing { offer: carrier.outgoing("x").offer, ..Outgoing::new(target, from, contact, carrier.flow()) };
            carrier.act(|ua, now| {
                ua.set_credentials(None);
                ua.call(now, outgoing)
            })
        };
        let out = call("8005550100");
        carrier.is_answered(out).await;
        let inside = bob.rings().await;
        carrier.hangs_up(out);
        bob.ends(inside).await;
        // Nobody behind it, and no way back to the carrier for strangers.
        for to in ["8005550199", "15551239999", "bob"] {
            let out = call(to);
            assert_eq!(carrier.ends(out).await, Ending::Refused(404), "{to}");
        }
        nothing_is_left(&u, &server, &[&carrier, &bob]).await;
        assert_eq!(&*server.records()[0].caller, NUMBER);
    });
}
