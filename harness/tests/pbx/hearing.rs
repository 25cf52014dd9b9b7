//! Real phones, real audio: who hears whom, through the relay, on hold, after a transfer, in a room, behind NAT; and
//! who notices that nobody is heard.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::media::cadence;
use busyhour::media::tone::{Voice, present};
use busyhour::net::nat::NatKind;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::pbx::{Behaviour, CallEnding, Carrier, CarrierSettings, Hold, Server, ServerSettings};
use busyhour::phone::{LineState, Phone, PhoneSettings, Registration, TransferState};
use busyhour::trace::SimTime;
use busyhour::world::Host;
use busyhour::{Universe, simulate};

use crate::{install, settings};

pub(crate) const NUMBER: &str = "15551230001";
/// Nobody is heard.
pub(crate) const NOBODY: Vec<u32> = Vec::new();

pub(crate) fn voice(number: u32) -> Voice {
    Voice::number(number)
}

/// A hardphone on that host, switched on and registered; its user speaks with the voice of that number.
pub(crate) async fn phone_on(u: &Universe, host: &Host, server: &Server, user: &str, number: u32) -> Phone {
    let mut settings = PhoneSettings::hardphone(user, &format!("{user}'s secret"), "pbx.test");
    settings.proxy = Some(SocketAddrV4::new(server.host().address(), 5060));
    host.room().say(voice(number).sound());
    let phone = Phone::install(host, settings);
    u.sleep(Duration::from_millis(10)).await;
    phone.register().unwrap();
    u.sleep(Duration::from_secs(1)).await;
    assert_eq!(phone.screen().registration, Registration::Registered);
    phone
}

pub(crate) async fn phone(u: &Universe, server: &Server, user: &str, number: u32) -> Phone {
    phone_on(u, &u.host(user), server, user, number).await
}

/// Whose voices sound at each of these ears, all through 400 ms.
pub(crate) async fn heard(u: &Universe, ears: &[&Host]) -> Vec<Vec<u32>> {
    cadence::attend(u.now() + Duration::from_secs(1));
    u.sleep(Duration::from_secs(1)).await;
    let voices: Vec<Voice> = (1..=4).map(voice).collect();
    let at_ear = |host: &&Host| {
        let present = present(&last_samples(u, host), &voices);
        (1..=4).filter(|number| present.contains(&voice(*number))).collect()
    };
    ears.iter().map(at_ear).collect()
}

pub(crate) fn last_samples(u: &Universe, host: &Host) -> Vec<i16> {
    let from = SimTime(u.now().as_nanos() - 400_000_000);
    host.room().heard(from, u.now()).unwrap()
}

pub(crate) fn is_loud(u: &Universe, host: &Host) -> bool {
    last_samples(u, host).iter().any(|sample| sample.abs() > 500)
}

pub(crate) async fn seconds(u: &Universe, seconds: u64) {
    u.sleep(Duration::from_secs(seconds)).await;
}

async fn talk(u: &Universe, caller: &Phone, callee: &Phone) {
    caller.dial(&callee.settings().user).unwrap();
    seconds(u, 1).await;
    callee.answer().unwrap();
    seconds(u, 2).await;
}

#[test]
fn two_hear_each_other_and_who_is_held_hears_music() {
    for hold in [Hold::Music, Hold::Silence] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.hold = hold;
            let server = install(&u, settings).await;
            let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            talk(&u, &alice, &bob).await;
            assert_eq!(heard(&u, &[alice.host(), bob.host()]).await, [vec![2], vec![1]]);
            alice.hold().unwrap();
            seconds(&u, 2).await;
            assert_eq!(heard(&u, &[alice.host(), bob.host()]).await, [NOBODY, NOBODY]);
            assert_eq!(is_loud(&u, bob.host()), hold == Hold::Music);
            assert!(!is_loud(&u, alice.host()));
            alice.resume().unwrap();
            seconds(&u, 2).await;
            assert_eq!(heard(&u, &[alice.host(), bob.host()]).await, [vec![2], vec![1]]);
            bob.hang_up().unwrap();
            seconds(&u, 2).await;
            assert_eq!((is_loud(&u, alice.host()), is_loud(&u, bob.host())), (false, false));
            assert_eq!(server.zombies(), 0);
        });
    }
}

#[test]
fn after_a_transfer_the_two_others_hear_each_other_and_nobody_hears_the_transferor() {
    for attended in [false, true] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            let carol = phone(&u, &server, "carol", 3).await;
            talk(&u, &alice, &bob).await;
            if attended {
                alice.consult("carol").unwrap();
                seconds(&u, 1).await;
                carol.answer().unwrap();
                seconds(&u, 2).await;
                assert_eq!(heard(&u, &[alice.host(), carol.host()]).await, [vec![3], vec![1]]);
                alice.complete_transfer().unwrap();
            } else {
                alice.transfer("carol").unwrap();
                seconds(&u, 1).await;
                carol.answer().unwrap();
            }
            seconds(&u, 3).await;
            assert_eq!(heard(&u, &[bob.host(), carol.host()]).await, [vec![3], vec![2]], "attended: {attended}");
            assert_eq!(alice.screen().transfer, Some(TransferState::Done));
            assert_eq!(alice.screen().calls().count(), 0);
            bob.hang_up().unwrap();
            seconds(&u, 1).await;
            assert_eq!(carol.screen().calls().count(), 0);
            assert_eq!(server.zombies(), 0);
        });
    }
}

#[test]
fn all_hear_all_in_a_room_and_who_is_transferred_into_it_too() {
    simulate(1, |u| async move {
        let server = install(&u, settings().room("8600051")).await;
        let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        let carol = phone(&u, &server, "carol", 3).await;
        alice.dial("8600051").unwrap();
        bob.dial("8600051").unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[alice.host(), bob.host()]).await, [vec![2], vec![1]]);
        let dave = phone(&u, &server, "dave", 4).await;
        talk(&u, &dave, &carol).await;
        dave.transfer("8600051").unwrap();
        seconds(&u, 3).await;
        assert_eq!(server.members("8600051"), 3);
        assert_eq!(heard(&u, &[alice.host()]).await, [vec![2, 3]]);
        assert_eq!(heard(&u, &[carol.host()]).await, [vec![1, 2]]);
        assert_eq!(dave.screen().calls().count(), 0);
    });
}

/// rvoip#50, rtpengine#1354: each behind a NAT of its own, whose addresses mean nothing outside.
#[test]
fn two_behind_nat_hear_each_other() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let mut phones = Vec::new();
        for (number, user) in [(1, "alice"), (2, "bob")] {
            let host = u.host(user);
            let nat = u.network().nat(&format!("{user}'s box"), NatKind::Symmetric, None);
            u.network().put_behind(&host, nat);
            phones.push(phone_on(&u, &host, &server, user, number).await);
        }
        talk(&u, &phones[0], &phones[1]).await;
        seconds(&u, 1).await;
        assert_eq!(heard(&u, &[phones[0].host(), phones[1].host()]).await, [vec![2], vec![1]]);
    });
}

/// A dead phone is noticed by its silence; one on hold is not dead (siphon-ai#402, sipsorcery#884, freeswitch#1947).
#[test]
fn silence_ends_a_call_and_hold_does_not() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        talk(&u, &alice, &bob).await;
        alice.hold().unwrap();
        seconds(&u, 300).await;
        assert_eq!(server.calls().len(), 1);
        alice.resume().unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[bob.host()]).await, [vec![1]]);
        bob.host().crash();
        seconds(&u, 55).await;
        assert_eq!(server.calls().len(), 1);
        seconds(&u, 10).await;
        assert_eq!(server.calls(), []);
        assert_eq!(alice.screen().calls().count(), 0);
        assert_eq!(server.records()[0].ending, CallEnding::NoAudio);
    });
}

pub(crate) async fn with_customer(
    u: &Universe,
    settings: ServerSettings,
    customer: Customer,
) -> (Server, Carrier, Host) {
    let host = u.host("carrier");
    let mut settings = settings;
    settings.trunk = Some(SocketAddrV4::new(host.address(), 5060));
    settings.inbound.insert("8005550100".into(), "bob".into());
    let server = install(u, settings).await;
    let home = u.host("customer");
    home.room().say(voice(4).sound());
    let carrier_settings = CarrierSettings {
        servers: vec![SocketAddrV4::new(server.host().address(), 5060)],
        ..CarrierSettings::default()
    };
    let universe = u.clone();
    let carrier = Carrier::install(&host, carrier_settings, move |number| universe.host(&format!("customer-{number}")));
    carrier.customer(NUMBER, home.clone(), customer);
    (server, carrier, home)
}

#[test]
fn a_customer_is_called_heard_and_transferred() {
    simulate(1, |u| async move {
        let answers = Customer::answers_after(Duration::from_secs(2));
        let (server, carrier, home) = with_customer(&u, settings(), answers).await;
        let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        alice.dial(NUMBER).unwrap();
        seconds(&u, 6).await;
        assert_eq!(heard(&u, &[alice.host(), &home]).await, [vec![4], vec![1]]);
        alice.press("1234").unwrap();
        seconds(&u, 3).await;
        assert_eq!(carrier.digits_received(NUMBER), "1234");
        alice.transfer("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[bob.host(), &home]).await, [vec![4], vec![2]]);
        carrier.hang_up(NUMBER).unwrap();
        seconds(&u, 2).await;
        assert_eq!(bob.screen().calls().count(), 0);
        assert_eq!(server.zombies(), 0);
        assert_eq!(server.records().len(), 2);
    });
}

#[test]
fn a_customer_calls_and_what_refuses_a_call_is_told() {
    simulate(1, |u| async move {
        let (server, carrier, home) = with_customer(&u, settings(), Customer::busy()).await;
        let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
        alice.dial(NUMBER).unwrap();
        seconds(&u, 3).await;
        carrier.behave(NUMBER, Customer::disconnected());
        alice.dial(NUMBER).unwrap();
        seconds(&u, 3).await;
        carrier.answer_next_with(503, 1);
        alice.dial(NUMBER).unwrap();
        seconds(&u, 3).await;
        let endings: Vec<CallEnding> = server.records().iter().map(|record| record.ending).collect();
        assert_eq!(endings, [486, 404, 503].map(CallEnding::Refused));

        carrier.place_call(NUMBER, "8005550100");
        seconds(&u, 2).await;
        bob.answer().unwrap();
        seconds(&u, 3).await;
        assert_eq!(heard(&u, &[bob.host(), &home]).await, [vec![4], vec![2]]);
        assert_eq!(bob.screen().calls().next().unwrap().peer, NUMBER);
    });
}

/// The switches that the oracles' tests turn: each does what it says, and nothing of it happens by default.
#[test]
fn each_switch_turned_wrong_is_heard_or_seen() {
    let run = |behaviour: Behaviour| {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.behaviour = behaviour;
            let server = install(&u, settings).await;
            let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            talk(&u, &alice, &bob).await;
            let hears = heard(&u, &[alice.host(), bob.host()]).await;
            bob.hang_up().unwrap();
            seconds(&u, 2).await;
            let still = alice.screen().lines.iter().any(|line| line.state == LineState::Talking);
            (hears, still, server.zombies())
        })
    };
    assert_eq!(run(Behaviour::default()), (vec![vec![2], vec![1]], false, 0));
    assert_eq!(run(Behaviour { relays_one_way: true, ..Behaviour::default() }), (vec![vec![], vec![1]], false, 0));
    assert_eq!(run(Behaviour { relays_nothing: true, ..Behaviour::default() }), (vec![vec![], vec![]], false, 0));
    assert_eq!(
        run(Behaviour { forgets_the_other_leg: true, ..Behaviour::default() }),
        (vec![vec![2], vec![1]], true, 1)
    );
}

#[test]
fn a_server_that_sends_audio_after_the_end_is_one_with_its_switch_turned() {
    let sent_after = |relays_after_the_end: bool| {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.behaviour.relays_after_the_end = relays_after_the_end;
            let server = install(&u, settings).await;
            let (alice, bob) = (phone(&u, &server, "alice", 1).await, phone(&u, &server, "bob", 2).await);
            u.network().count_pairs(true);
            talk(&u, &alice, &bob).await;
            bob.hang_up().unwrap();
            seconds(&u, 2).await;
            let before = u.network().counts_between(server.host(), alice.host()).sent;
            seconds(&u, 10).await;
            u.network().counts_between(server.host(), alice.host()).sent - before
        })
    };
    assert!(sent_after(true) > 40);
    assert!(sent_after(false) < 10);
}
