//! One switch is turned wrong, and one witness complains: the one whose rule it is.

use std::time::Duration;

use busyhour::Universe;
use busyhour::phone::Phone;

use crate::proxy;
use crate::stage::{Cast, SECOND, Stage, complaints, judged};

/// The names of those who complain of a story in which the cast is changed so.
fn broken<F, Fut>(change: fn(&mut Cast), story: F) -> Vec<String>
where
    F: FnOnce(Universe, Cast) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let oracles = judged(1, move |u| async move {
        let mut cast = Cast::healthy();
        change(&mut cast);
        story(u, cast).await;
    });
    let complaints = complaints(&oracles);
    eprintln!("{complaints:#?}");
    complaints.into_iter().map(|(name, _)| name).collect()
}

/// The switch makes that witness complain and no other; without the switch none does.
fn breaks<F, Fut>(name: &str, change: fn(&mut Cast), story: F)
where
    F: FnOnce(Universe, Cast) -> Fut + Send + Clone + 'static,
    Fut: Future<Output = ()>,
{
    assert_eq!(broken(|_| {}, story.clone()), Vec::<String>::new(), "with nothing wrong");
    assert_eq!(broken(change, story), [name]);
}

/// Alice calls bob and hangs up; then everything has time to end.
async fn a_call(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    // Who doesn't hear, doesn't ring.
    stage.alice.dial("bob").unwrap();
    stage.seconds(1).await;
    let _ = stage.bob.answer();
    stage.seconds(5).await;
    let _ = stage.alice.hang_up();
    stage.seconds(45).await;
}

/// The same, and it's bob who hangs up.
async fn a_call_that_bob_ends(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    stage.call(&stage.alice, &stage.bob, 5).await;
    stage.bob.hang_up().unwrap();
    stage.seconds(45).await;
}

/// In which alice has something more to ask for than a call.
async fn a_hold(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    stage.call(&stage.alice, &stage.bob, 4).await;
    stage.alice.hold().unwrap();
    stage.seconds(2).await;
    let _ = stage.bob.hang_up();
    stage.seconds(45).await;
}

/// The same, without a server: between the two is a proxy that records its route.
async fn a_hold_by_a_proxy(u: Universe, mut cast: Cast) {
    let (alice, bob) = (u.host("alice-at-home"), u.host("bob-at-home"));
    let users = [("alice".to_owned(), alice.address()), ("bob".to_owned(), bob.address())];
    let proxy = proxy::install(&u, users.into());
    (cast.alice.proxy, cast.bob.proxy) = (Some(proxy), Some(proxy));
    let (alice, bob) = (Phone::install(&alice, cast.alice), Phone::install(&bob, cast.bob));
    u.sleep(SECOND).await;
    alice.dial("bob").unwrap();
    u.sleep(SECOND).await;
    bob.answer().unwrap();
    u.sleep(4 * SECOND).await;
    alice.hold().unwrap();
    u.sleep(2 * SECOND).await;
    bob.hang_up().unwrap();
    u.sleep(45 * SECOND).await;
}

/// Bob's phone is so far away that its answer meets others on the way.
async fn a_call_from_afar(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    let way = u.network().between(stage.server.host(), stage.bob.host());
    way.has_latency(Duration::from_millis(200)).unwrap();
    stage.call(&stage.alice, &stage.bob, 5).await;
    stage.alice.hang_up().unwrap();
    stage.seconds(45).await;
}

/// One ACK to bob is lost.
async fn a_lost_ack(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    stage.lose(1, stage.server.host(), stage.bob.host(), "ACK ");
    stage.call(&stage.alice, &stage.bob, 8).await;
    stage.alice.hang_up().unwrap();
    stage.seconds(45).await;
}

/// Every ACK to bob is lost.
async fn no_ack_arrives(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    // Of 11 answers.
    for which in 1..=20 {
        stage.lose(which, stage.server.host(), stage.bob.host(), "ACK ");
    }
    stage.call(&stage.alice, &stage.bob, 60).await;
    let _ = stage.alice.hang_up();
    stage.seconds(45).await;
}

/// Alice, who calls bob without a server, gives up in the moment in which he answers.
async fn an_answer_too_late(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    let Stage { alice, bob, .. } = &stage;
    u.network().between(alice.host(), bob.host()).has_latency(Duration::from_millis(200)).unwrap();
    alice.dial(&format!("sip:bob@{}:5060", bob.host().address())).unwrap();
    stage.seconds(2).await;
    bob.answer().unwrap();
    stage.millis(100).await;
    alice.hang_up().unwrap();
    stage.seconds(45).await;
}

/// Bob's phone loses its power, and its registration runs out; only then it's called.
async fn a_call_to_a_dead_phone(u: Universe, mut cast: Cast) {
    cast.server.expires = 20 * SECOND;
    let stage = Stage::registered(&u, cast).await;
    stage.bob.host().crash();
    stage.seconds(30).await;
    stage.alice.dial("bob").unwrap();
    stage.seconds(45).await;
}

/// Bob switches his phone's account off, and carol is called, who has taken his account.
async fn a_call_to_who_has_another_phone(u: Universe, mut cast: Cast) {
    // Carol's phone is bob's second one.
    (cast.carol.user, cast.carol.password) = (cast.bob.user.clone(), cast.bob.password.clone());
    let carol = u.host("bob-2");
    let settings = std::mem::replace(&mut cast.carol, Cast::healthy().carol);
    let stage = Stage::registered(&u, cast).await;
    stage.bob.unregister().unwrap();
    let second = Phone::install(&carol, settings);
    second.register().unwrap();
    stage.seconds(2).await;
    stage.alice.dial("bob").unwrap();
    stage.seconds(1).await;
    let _ = second.answer().or_else(|_| stage.bob.answer());
    stage.seconds(5).await;
    stage.alice.hang_up().unwrap();
    stage.seconds(45).await;
}

/// Alice calls bob and carol, and bob is the first to answer.
async fn a_call_to_two(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    stage.alice.dial("sales").unwrap();
    stage.seconds(1).await;
    stage.bob.answer().unwrap();
    stage.seconds(45).await;
    stage.alice.hang_up().unwrap();
    stage.seconds(10).await;
}

#[test]
fn a_deaf_phone_is_noticed() {
    breaks("every_request_is_answered", |cast| cast.bob.quirks.deaf = true, a_call);
}

#[test]
fn a_phone_that_ignores_a_bye_is_noticed() {
    breaks("every_request_is_answered", |cast| cast.bob.behaviour.ignores_bye = true, a_call);
}

#[test]
fn a_caller_that_never_acknowledges_is_noticed() {
    breaks(
        "every_2xx_to_invite_is_acknowledged",
        |cast| cast.alice.quirks.never_acknowledges = true,
        a_call_of_a_minute,
    );
}

#[test]
fn a_server_that_never_acknowledges_is_noticed() {
    breaks(
        "every_2xx_to_invite_is_acknowledged",
        |cast| cast.server.quirks.never_acknowledges = true,
        a_call_of_a_minute,
    );
}

#[test]
fn a_callee_that_isnt_acknowledged_and_doesnt_hang_up_is_noticed() {
    breaks("every_2xx_to_invite_is_acknowledged", |cast| cast.bob.quirks.never_hangs_up = true, no_ack_arrives);
}

#[test]
fn a_server_that_forgets_the_other_leg_is_noticed() {
    let name = "when_one_leg_ends_the_other_ends";
    breaks(name, |cast| cast.server.behaviour.forgets_the_other_leg = true, a_call);
    breaks(name, |cast| cast.server.behaviour.forgets_the_other_leg = true, a_call_that_bob_ends);
}

#[test]
fn a_server_that_rings_on_is_noticed() {
    breaks("when_one_leg_ends_the_other_ends", |cast| cast.server.behaviour.rings_on = true, a_call_to_two);
}

#[test]
fn a_phone_that_counts_backwards_is_noticed() {
    breaks("cseq_grows_and_tags_stay", |cast| cast.alice.quirks.counts_backwards = true, a_hold);
}

#[test]
fn a_phone_that_changes_its_tag_is_noticed() {
    breaks("cseq_grows_and_tags_stay", |cast| cast.alice.quirks.changes_its_tag = true, a_hold);
}

#[test]
fn a_phone_that_ignores_routes_is_noticed() {
    breaks("cseq_grows_and_tags_stay", |cast| cast.alice.quirks.ignores_routes = true, a_hold_by_a_proxy);
}

#[test]
fn a_phone_that_keeps_a_call_which_it_had_cancelled_is_noticed() {
    breaks("no_zombie_calls", |cast| cast.alice.quirks.keeps_what_it_cancelled = true, an_answer_too_late);
}

#[test]
fn a_server_that_calls_expired_bindings_is_noticed() {
    breaks("bindings_expire", |cast| cast.server.behaviour.serves_expired_bindings = true, a_call_to_a_dead_phone);
}

#[test]
fn a_server_that_calls_the_dead_is_noticed() {
    let calls_the_dead = |cast: &mut Cast| cast.server.behaviour.calls_the_dead = true;
    breaks("bindings_expire", calls_the_dead, a_call_to_who_has_another_phone);
}

#[test]
fn a_phone_without_a_voice_is_noticed() {
    breaks("established_means_heard", |cast| cast.bob.behaviour.sends_no_audio = true, a_call);
}

#[test]
fn a_server_that_relays_one_way_or_none_is_noticed() {
    breaks("established_means_heard", |cast| cast.server.behaviour.relays_one_way = true, a_call);
    breaks("established_means_heard", |cast| cast.server.behaviour.relays_nothing = true, a_call);
}

#[test]
fn a_phone_that_talks_on_after_the_end_is_noticed() {
    breaks("after_the_end_no_rtp", |cast| cast.bob.behaviour.keeps_sending_audio_after_bye = true, a_call);
}

#[test]
fn a_server_that_relays_after_the_end_is_noticed() {
    breaks("after_the_end_no_rtp", |cast| cast.server.behaviour.relays_after_the_end = true, a_call);
}

#[test]
fn a_server_that_tells_passwords_is_noticed() {
    breaks("no_password_on_a_wire", |cast| cast.server.behaviour.tells_passwords = true, a_call);
}

/// The digest is as good as the password (RFC 7616 section 5.12).
#[test]
fn a_server_that_tells_digests_of_passwords_is_noticed() {
    breaks("no_password_on_a_wire", |cast| cast.server.behaviour.tells_digests = true, a_call);
}

#[test]
fn a_phone_that_repeats_hastily_is_noticed() {
    breaks("retransmissions_follow_their_timers", |cast| cast.bob.quirks.repeats_hastily = true, a_call_from_afar);
}

#[test]
fn a_phone_that_never_repeats_its_answer_is_noticed() {
    breaks("retransmissions_follow_their_timers", |cast| cast.bob.quirks.never_repeats_its_answer = true, a_lost_ack);
}

/// Alice calls bob; they talk for longer than anybody waits for an ACK.
async fn a_call_of_a_minute(u: Universe, cast: Cast) {
    let stage = Stage::registered(&u, cast).await;
    stage.call(&stage.alice, &stage.bob, 60).await;
    let _ = stage.alice.hang_up();
    stage.seconds(10).await;
}
