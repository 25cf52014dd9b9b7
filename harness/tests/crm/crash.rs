//! The CRM's host is crashed after its k-th poll, its k-th packet and its k-th sync, for k = 0, 1, ... until the flow
//! ends first. Its sender keeps trying until it's acknowledged. No effect that was acknowledged is lost, none is doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use busyhour::simulate;
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::world::{FaultOutcome, Host, Point};

use super::{SECOND, disposed, place, secret, send, signed};

/// So many leads beside the one.
const OTHERS: u64 = 6;

/// Two calls of one lead, told of by three events; a status that's late; one event that's told twice. Then the sales of
/// other leads, each told of twice.
fn story() -> Vec<Event> {
    let sale = disposed("evt_3", 3, "SALE");
    let closed = Event { id: "evt_4".into(), kind: EventKind::SaleClosed, sequence: 4, ..sale.clone() };
    let mut story = vec![disposed("evt_1", 1, "SALE"), sale.clone(), disposed("evt_2", 2, "NI"), closed, sale];
    for other in 5..5 + OTHERS {
        let sale = disposed(&format!("evt_{other}"), other, "SALE").with("lead_id", other);
        story.extend([sale.clone(), sale]);
    }
    story
}

/// Tries until it's acknowledged.
async fn insist(from: Host, event: Event) {
    while send(&from, signed(&from, &event, &secret("ours"))).await != Ok(200) {
        from.sleep(2 * SECOND).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    hit: bool,
    sales: usize,
    all_sales: usize,
    status: Option<String>,
    /// The claims in the log: how many numbers each effect has.
    claims: BTreeMap<(String, String), usize>,
    /// Claims that no sync of the disk confirms.
    unconfirmed: usize,
}

fn crashed_at(seed: u64, point: Point, settings: CrmSettings) -> Seen {
    simulate(seed, move |u| async move {
        let (crm, sender) = place(&u, settings);
        let fault = crm.host().crash_after(point);
        let (from, host) = (sender.clone(), crm.host().clone());
        let telling = sender.spawn(async move {
            let mut copies = Vec::new();
            for (place, event) in story().into_iter().enumerate() {
                // Every other one isn't waited for: deliveries overlap.
                let copy = from.spawn(insist(from.clone(), event));
                if place % 2 == 0 {
                    copy.await.unwrap();
                } else {
                    copies.push(copy);
                }
            }
            for copy in copies {
                copy.await.unwrap();
            }
        });
        while !telling.is_finished() {
            u.sleep(SECOND).await;
            if host.power() == busyhour::world::Power::Down {
                u.sleep(5 * SECOND).await;
                host.restart();
            }
        }
        u.sleep(Duration::from_secs(2)).await;
        if host.power() == busyhour::world::Power::Down {
            host.restart();
            u.sleep(SECOND).await;
        }
        let hit = u.fault(fault).outcome() == FaultOutcome::Hit;
        seen(&crm, &u.log_text(), hit)
    })
}

/// What the log says, read as a stranger would.
fn seen(crm: &Crm, log: &str, hit: bool) -> Seen {
    let field = |line: &str, name: &str| {
        let value = line.split(' ').find_map(|word| word.strip_prefix(&format!("{name}=")));
        value.unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
    };
    let mut synced = BTreeSet::new();
    let mut numbers: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut unconfirmed = 0;
    for line in log.lines() {
        if line.contains("  world  crm") && line.contains(" disk-sync ") {
            synced.insert((field(line, "path"), field(line, "length")));
        }
        if line.contains("  claim  crm") && line.contains(" effect ") {
            unconfirmed += usize::from(!synced.contains(&(field(line, "path"), field(line, "length"))));
            numbers.entry((field(line, "what"), field(line, "key"))).or_default().insert(field(line, "number"));
        }
    }
    let claims = numbers.into_iter().map(|(effect, numbers)| (effect, numbers.len())).collect();
    Seen { hit, sales: crm.sales("1001"), all_sales: crm.all_sales(), status: crm.status("1001"), claims, unconfirmed }
}

fn correct() -> CrmSettings {
    CrmSettings::default().verifying(busyhour::webhook::signature::Scheme::Standard, secret("ours"))
}

fn is_well(seen: &Seen) -> bool {
    let sold: BTreeSet<String> = [1, 3].into_iter().chain(5..5 + OTHERS).map(|call| format!("M{call}")).collect();
    let claimed = seen.claims.keys().filter(|(what, _)| what == "sale").map(|(_, call)| call.clone());
    let claimed: BTreeSet<String> = claimed.collect();
    (seen.sales, seen.all_sales) == (2, sold.len())
        && seen.status.as_deref() == Some("SALE")
        && seen.unconfirmed == 0
        && claimed == sold
        && seen.claims.values().all(|numbers| *numbers == 1)
}

#[test]
fn a_crash_at_any_point_loses_no_effect_and_doubles_none() {
    let mut points = 0;
    for kind in [Point::Poll, Point::Packet, Point::Sync] {
        let mut of_kind = 0;
        for k in 0.. {
            let seen = crashed_at(k % 3, kind(k), correct());
            assert!(is_well(&seen), "{:?}: {seen:?}", kind(k));
            if !seen.hit {
                break;
            }
            of_kind += 1;
        }
        println!("{of_kind} points of the kind {:?}", kind(0));
        points += of_kind;
    }
    println!("the CRM was crashed at {points} points");
    assert!(points > 200, "{points}");
}

/// The same flow goes wrong for the naive one at some point: the test above can fail.
#[test]
fn the_naive_one_doubles_what_it_had_no_time_to_acknowledge() {
    let naive = || {
        let verifying = correct();
        CrmSettings { verifies: verifying.verifies, ..CrmSettings::naive() }
    };
    assert!(!is_well(&crashed_at(0, Point::Poll(u64::MAX), naive())), "even without a crash");
    let sales: BTreeSet<usize> = (0..12).map(|k| crashed_at(0, Point::Sync(k), naive()).sales).collect();
    assert!(sales.len() > 1, "a crash makes a difference: {sales:?}");
}
