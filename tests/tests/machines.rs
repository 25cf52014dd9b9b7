//! What a machine has beside its sockets: a disk that survives crashes as disks do, and names.

use std::io::ErrorKind;
use std::time::Duration;

use busyhour::world::FaultOutcome;
use busyhour_tests::lived;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_was_synced_survives_a_crash_and_what_wasnt_may_not() {
    let mut lost = 0;
    for seed in 0..20 {
        lost += lived(seed, |u| async move {
            let crm = u.host("crm");
            let disk = crm.disk();
            disk.write("sales.log", "one sale\n").unwrap();
            disk.sync("sales.log").unwrap();
            disk.append("sales.log", "another sale\n").unwrap();
            crm.crash();
            assert_eq!(disk.read("sales.log").unwrap_err().kind(), ErrorKind::ConnectionAborted);
            crm.restart();
            let kept = String::from_utf8(crm.disk().read("sales.log").unwrap()).unwrap();
            assert!("one sale\nanother sale\n".starts_with(&kept) && kept.starts_with("one sale\n"), "{kept:?}");
            usize::from(kept == "one sale\n")
        })
        .result
        .unwrap();
    }
    assert!((1..20).contains(&lost), "the seed decides: {lost} of 20 lost the second sale");
}

#[test]
fn a_full_disk_and_a_broken_one_have_hit_once_a_write_met_them() {
    let outcome = lived(1, |u| async move {
        let (full, broken, idle) = (u.host("full"), u.host("broken"), u.host("idle"));
        full.limit_disk(10);
        full.disk().write("a", "0123456789").unwrap();
        assert_eq!(full.disk().append("a", "x").unwrap_err().kind(), ErrorKind::StorageFull);
        broken.fail_disk(1, ErrorKind::Other);
        assert!(broken.disk().write("a", "x").is_err());
        broken.disk().write("a", "x").unwrap();
        idle.fail_disk(1, ErrorKind::Other);
    });
    let outcomes: Vec<_> = outcome.faults.iter().map(|fault| fault.outcome()).collect();
    assert_eq!(outcomes, [FaultOutcome::Hit, FaultOutcome::Hit, FaultOutcome::MetNothing]);
}

#[test]
fn names_are_asked_for_over_the_wire_and_services_come_in_their_order() {
    let outcome = lived(1, |u| async move {
        let (a, one, two) = (u.host("a"), u.host("sip1"), u.host("sip2"));
        assert_eq!(a.resolve("sip1").await.unwrap(), [one.address()]);
        assert_eq!(a.resolve("SIP2").await.unwrap(), [two.address()]);
        let error = a.resolve("nobody").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::NotFound, "there is no host called \"nobody\"")
        );
        u.network().announce("_sip._udp.example.test", 20, 0, 5060, "sip2").unwrap();
        u.network().announce("_sip._udp.example.test", 10, 0, 5070, "sip1").unwrap();
        let services = a.resolve_service("_sip._udp.example.test").await.unwrap();
        let found: Vec<_> = services.iter().map(|s| (s.priority, s.port, s.target.as_str(), s.addresses[0])).collect();
        assert_eq!(found, [(10, 5070, "sip1", one.address()), (20, 5060, "sip2", two.address())]);
    });
    assert_eq!(outcome.packets.sent, 8, "a question and an answer each");
}

/// glibc asks twice and waits five seconds each time.
#[test]
fn a_lost_question_is_asked_again_and_a_cut_off_resolver_gives_up_after_10_seconds() {
    lived(1, |u| async move {
        let a = u.host("a");
        let dns = u.find_host("dns").unwrap();
        u.network()
            .lose(1, std::slice::from_ref(&a), std::slice::from_ref(&dns), "the first question is lost", |_| true);
        let before = u.now();
        a.resolve("a").await.unwrap();
        assert_eq!((u.now() - before).as_secs(), 5);
        u.network().between(&a, &dns).cut();
        let before = u.now();
        assert_eq!(a.resolve("a").await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(u.now() - before, 10 * SECOND);
    });
}
