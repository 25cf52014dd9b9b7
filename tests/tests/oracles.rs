//! Each witness is shown to fire in a universe, by a switch that breaks the kernel's own rules, and to hold in one
//! where nothing is broken.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::net::Sabotage;
use busyhour::trace::{Event, Log, PacketSeen, SimTime};
use busyhour::world::Tap;
use busyhour::{Outcome, Universe};
use busyhour_oracle::Panel;

const SECOND: Duration = Duration::from_secs(1);

struct Listening(Panel);

impl Tap for Listening {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        self.0.packet(seen);
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.0.event(event, log);
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        self.0.finish(at);
    }
}

/// Two hosts that talk, a cut between them, and a crash: what each witness judged and how often its rule was broken.
fn judged(sabotage: Option<Sabotage>) -> Vec<(String, bool, u64)> {
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let outcome: Outcome<()> = Universe::seeded(1).tap(panel.clone()).run(move |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(|b| async move {
            let socket = b.udp(9).await.unwrap();
            while let Ok((question, from)) = socket.recv().await {
                let _ = socket.send_to(question, from).await;
            }
        });
        u.network().between(&a, &b).duplicates(0.2).unwrap();
        if let Some(sabotage) = sabotage {
            u.network().sabotage(sabotage);
        }
        let to = SocketAddrV4::new(b.address(), 9);
        a.boot(move |a| async move {
            let socket = a.udp(0).await.unwrap();
            loop {
                socket.send_to(&b"are you there?"[..], to).await.unwrap();
                a.sleep(Duration::from_millis(100)).await;
            }
        });
        u.sleep(5 * SECOND).await;
        u.network().between(&a, &b).cut();
        u.sleep(5 * SECOND).await;
        u.network().between(&a, &b).heal();
        b.crash();
        u.sleep(5 * SECOND).await;
        b.restart();
        b.pause();
        u.sleep(5 * SECOND).await;
        b.resume();
        u.sleep(5 * SECOND).await;
    });
    outcome.result.unwrap();
    let panel = panel.lock().unwrap();
    panel.0.oracles().into_iter().map(|oracle| (oracle.name, !oracle.violations.is_empty(), oracle.judged)).collect()
}

fn broken(sabotage: Option<Sabotage>) -> Vec<String> {
    judged(sabotage).into_iter().filter(|(_, broken, _)| *broken).map(|(name, ..)| name).collect()
}

#[test]
fn nothing_is_broken_where_nothing_is_sabotaged_and_every_witness_has_judged_something() {
    let judged = judged(None);
    let wire = ["nothing_unsent_arrives", "nothing_crosses_a_cut", "a_crashed_host_is_silent"];
    for (name, broken, judged) in judged {
        // Nobody speaks SIP here.
        assert_eq!((broken, judged > 0), (false, wire.contains(&name.as_str())), "{name}: judged {judged}");
    }
}

#[test]
fn a_packet_that_nobody_sent_is_noticed() {
    assert_eq!(broken(Some(Sabotage::DeliverUnsent)), ["nothing_unsent_arrives"]);
}

#[test]
fn a_packet_through_a_cut_is_noticed() {
    assert_eq!(broken(Some(Sabotage::LeakThroughCuts)), ["nothing_crosses_a_cut"]);
}

#[test]
fn a_packet_to_a_crashed_host_is_noticed() {
    assert_eq!(broken(Some(Sabotage::DeliverToTheDead)), ["a_crashed_host_is_silent"]);
}
