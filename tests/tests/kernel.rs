//! The kernel's promises: crash, sleep, panics, forbidden things, budgets.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::world::{Cause, Limits};
use busyhour::{Universe, simulate};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_datagram_takes_the_office_lans_millisecond() {
    simulate(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let to = SocketAddrV4::new(b.address(), 9);
        let receiver = b.udp(9).await.unwrap();
        a.udp(0).await.unwrap().send_to(&b"hello"[..], to).await.unwrap();
        let (payload, from) = receiver.recv().await.unwrap();
        assert_eq!(&payload[..], b"hello");
        assert_eq!(*from.ip(), a.address());
        assert_eq!(u.now().as_nanos(), 1_000_000);
    });
}

#[test]
fn a_panic_in_a_hosts_task_fails_the_run_and_names_the_host() {
    let outcome = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async { panic!("the disk is on fire") });
        u.sleep(SECOND).await;
    });
    match outcome.result {
        Err(Cause::Panicked { host: Some(host), message, location }) => {
            assert_eq!((host.as_str(), message.as_str()), ("crm", "the disk is on fire"));
            assert!(location.contains("kernel.rs"), "{location}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_in_a_task_that_a_library_spawned_names_the_host_as_well() {
    let outcome = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async {
            tokio::spawn(async { tokio::spawn(async { panic!("deep inside") }).await }).await.unwrap().unwrap();
        });
        u.sleep(SECOND).await;
    });
    assert!(
        matches!(&outcome.result, Err(Cause::Panicked { host: Some(host), .. }) if host == "crm"),
        "{:?}",
        outcome.result
    );
}

#[test]
fn a_real_socket_fails_the_run() {
    let outcome = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async {
            let _ = std::net::UdpSocket::bind("127.0.0.1:0");
        });
        u.sleep(SECOND).await;
    });
    assert_eq!(outcome.result, Err(Cause::Forbidden { host: Some("crm".into()), what: "a real socket" }));
}

#[test]
fn a_real_thread_and_a_blocking_task_fail_the_run() {
    let thread = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async {
            let _ = std::thread::Builder::new().spawn(|| ());
        });
        u.sleep(SECOND).await;
    });
    assert!(
        matches!(&thread.result, Err(Cause::Forbidden { host: Some(host), what }) if host == "crm" && what.contains("thread"))
    );
    let blocking = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async {
            let _ = tokio::task::spawn_blocking(|| ()).await;
        });
        u.sleep(SECOND).await;
    });
    assert!(blocking.result.is_err(), "{:?}", blocking.result);
    let sleeping = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async { std::thread::sleep(SECOND) });
        u.sleep(SECOND).await;
    });
    assert_eq!(sleeping.result, Err(Cause::Forbidden { host: Some("crm".into()), what: "a blocking sleep" }));
}

#[test]
fn a_program_that_sets_tokios_clock_forward_takes_everybody_along() {
    simulate(1, |u| async move {
        let (hasty, other) = (u.host("hasty"), u.host("other"));
        let before = std::time::Instant::now();
        let seen = hasty.clone().spawn(async move {
            hasty.now();
            tokio::time::advance(3600 * SECOND).await;
            (hasty.now().as_nanos(), before.elapsed())
        });
        assert_eq!(seen.await.unwrap(), (3_600_000_000_000, 3600 * SECOND));
        assert_eq!((u.now().as_nanos(), other.now().as_nanos()), (3_600_000_000_000, 3_600_000_000_000));
    });
}

#[test]
fn a_run_that_doesnt_end_reaches_its_deadline() {
    let outcome = Universe::seeded(1).deadline(60 * SECOND).run(|_| std::future::pending::<()>());
    assert_eq!(outcome.result, Err(Cause::Deadline { limit: 60 * SECOND }));
    assert_eq!(outcome.ended_at.as_nanos(), 60_000_000_000);
}

#[test]
fn tasks_that_wake_each_other_for_ever_are_a_livelock_with_a_name() {
    let limits = Limits { turns_in_an_instant: 100_000, ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|u| async move {
        u.host("dizzy").spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        u.sleep(SECOND).await;
    });
    assert!(
        matches!(&outcome.result, Err(Cause::Livelock { host: Some(host), .. }) if host == "dizzy"),
        "{:?}",
        outcome.result
    );
}

#[test]
fn a_loop_that_never_yields_is_noticed_from_outside_with_a_name() {
    let limits = Limits { stall: Duration::from_millis(300), ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits.clone()).run(|u| async move {
        u.host("stuck").spawn(async {
            #[expect(clippy::empty_loop, reason = "that's the disease")]
            loop {}
        });
        u.sleep(SECOND).await;
    });
    assert_eq!(outcome.result, Err(Cause::Busy { host: Some("stuck".into()), limit: limits.stall }));
}

#[test]
fn a_budget_of_events_ends_a_run_that_would_go_on_for_ever() {
    let limits = Limits { events: 50_000, ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|u| async move {
        u.host("ticker").spawn(async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        u.sleep(3600 * SECOND).await;
    });
    assert!(matches!(&outcome.result, Err(Cause::TooManyEvents { limit: 50_000, .. })), "{:?}", outcome.result);
}
