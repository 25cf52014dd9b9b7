//! The floor's host loses power: after its k-th turn, packet or sync, for k = 0, 1, 2, .. until the flow ends before that.
//!
//! "Saved" is the reply that the screen has seen. What was saved is in the books of the next life; in the modern profile
//! its event is delivered, once in effect.

use busyhour::floor::settings::Profile;
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::EventKind;
use busyhour::world::{Point, Power};

use crate::scene::{Center, LEAD, MARY, unwitnessed};

/// What a run with one crash has shown.
#[derive(Debug)]
struct Shown {
    /// The crash came within the flow.
    hit: bool,
    /// The screen has seen that it's saved.
    saved: bool,
    status: String,
    sales: usize,
    deliveries: usize,
    pending: usize,
}

async fn saves_while_the_floor_crashes(center: Center, point: Point) -> Shown {
    let crm = Crm::install(&center.u.host("crm"), CrmSettings::default());
    center.floor.sends("renewals", EventKind::DispositionSaved, "http://crm/hook", None, None).unwrap();
    let alice = center.talking("alice").await;
    center.carrier.hang_up(MARY).unwrap();
    center.pass(3).await;
    let host = center.floor.host().clone();
    let fault = host.crash_after(point);
    alice.saves("SALE");
    let mut saved = false;
    for _ in 0..30 {
        center.pass_ms(10).await;
        // The reply has come, and says that there's no call any more.
        saved |= alice.screen().is_some_and(|screen| screen.lead_id == 0);
    }
    let hit = center.u.fault(fault).hits > 0;
    // The longest way: the retries of an attempt that the crash cut off. A point that the flow doesn't reach is reached by
    // what goes on all day.
    for _ in 0..400 {
        center.pass(1).await;
        if host.power() == Power::Down {
            host.restart();
        }
    }
    Shown {
        hit,
        saved,
        status: center.status(LEAD),
        sales: crm.sales("1001"),
        deliveries: crm.deliveries(None, Some("1001")).len(),
        pending: center.floor.untold(),
    }
}

fn crash_at_every(profile: Profile, point: impl Fn(u64) -> Point + Send + Copy + 'static) -> Vec<Shown> {
    let mut shown = Vec::new();
    for k in 0.. {
        let one = unwitnessed(profile, move |center| saves_while_the_floor_crashes(center, point(k)));
        assert!(!one.saved || one.status == "SALE", "saved, and lost at {:?}: {one:?}", point(k));
        if profile == Profile::Modern {
            assert_eq!(one.sales, usize::from(one.status == "SALE"), "at {:?}: {one:?}", point(k));
            assert_eq!(one.pending, 0, "at {:?}: {one:?}", point(k));
        }
        let over = !one.hit;
        shown.push(one);
        if over {
            break;
        }
        assert!(k < 500, "the flow doesn't end");
    }
    shown
}

fn judge(what: &str, shown: &[Shown], at_least: usize) {
    let points = shown.len() - 1;
    let lost = shown.iter().filter(|shown| shown.status != "SALE").count();
    let untold = shown.iter().filter(|shown| shown.status == "SALE" && shown.sales == 0).count();
    let doubled = shown.iter().filter(|shown| shown.deliveries > 1).count();
    println!(
        "{what}: {points} points; {lost} before it was saved, {untold} saved and never told, {doubled} told twice"
    );
    assert!(points >= at_least, "{what}: {points} points are too few");
    assert!(shown.last().is_some_and(|last| last.saved && last.sales == 1), "without a crash it's told");
}

#[test]
fn what_was_saved_is_there_and_told_once_whatever_turn_the_modern_floor_crashed_after() {
    judge("modern, turns", &crash_at_every(Profile::Modern, Point::Poll), 10);
}

#[test]
fn whatever_packet_it_crashed_after() {
    judge("modern, packets", &crash_at_every(Profile::Modern, Point::Packet), 10);
}

#[test]
fn and_whatever_sync() {
    judge("modern, syncs", &crash_at_every(Profile::Modern, Point::Sync), 2);
}

/// VICIdial's floor keeps the disposition as well. That somebody is told of it, it doesn't promise.
#[test]
fn the_vicidial_floor_keeps_what_was_saved_and_may_tell_nobody() {
    let shown = crash_at_every(Profile::Vicidial, Point::Packet);
    judge("vicidial, packets", &shown, 10);
    assert!(shown.iter().any(|shown| shown.status == "SALE" && shown.sales == 0), "the quirk is there");
}

/// Sessions go on over a crash: screens know their names.
#[test]
fn after_a_crash_the_screen_goes_on_and_its_customer_has_gone() {
    unwitnessed(Profile::Vicidial, |center| async move {
        let alice = center.talking("alice").await;
        center.floor.host().crash();
        center.pass(2).await;
        center.floor.host().restart();
        center.pass(5).await;
        assert_eq!(alice.shows(), "DEAD");
        alice.saves("SALE");
        center.pass(3).await;
        assert_eq!(center.status(LEAD), "SALE");
    });
}
