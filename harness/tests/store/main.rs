//! Tables on a disk that crashes, fills up and fails: what was committed is there, and nothing else is.

use std::io::ErrorKind;
use std::ops::Bound;

use busyhour::store::{Batch, Store, StoreError};
use busyhour::world::{Disk, FaultOutcome, Host, Point};
use busyhour::{Universe, simulate};

const FILE: &str = "books.store";

fn open(host: &Host) -> Store {
    Store::open(host.disk(), "books").unwrap()
}

fn rows(store: &Store, table: &str) -> Vec<(String, String)> {
    store.iter(table).map(|(key, value)| (key.to_owned(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn power_cut(host: &Host) {
    host.crash();
    host.restart();
}

#[test]
fn what_was_committed_is_there_after_a_crash() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        let mut store = open(&host);
        store.commit(Batch::new().put("leads", "1002", b"NEW").put("leads", "1001", b"NEW")).unwrap();
        store.commit(Batch::new().put("leads", "1001", b"SALE").put("agents", "alice", b"READY")).unwrap();
        store.commit(Batch::new().remove("leads", "1002").remove("leads", "1003")).unwrap();
        assert_eq!(store.get("leads", "1001"), Some(&b"SALE"[..]));
        power_cut(&host);
        let store = open(&host);
        assert_eq!(rows(&store, "leads"), [pair("1001", "SALE")]);
        assert_eq!(rows(&store, "agents"), [pair("alice", "READY")]);
        assert_eq!((store.count("leads"), store.count("nobody")), (1, 0));
    });
}

#[test]
fn rows_come_in_the_order_of_their_keys_and_by_bounds_and_prefixes() {
    simulate(1, |u| async move {
        let mut store = open(&u.host("clerk"));
        let batch =
            ["b/2", "a/1", "b/1", "c", "b"].into_iter().fold(Batch::new(), |batch, key| batch.put("t", key, key));
        store.commit(batch).unwrap();
        let keys = |from, to| store.range("t", (from, to)).map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
        assert_eq!(keys(Bound::Unbounded, Bound::Unbounded), ["a/1", "b", "b/1", "b/2", "c"]);
        assert_eq!(keys(Bound::Excluded("b"), Bound::Included("b/2")), ["b/1", "b/2"]);
        assert_eq!(keys(Bound::Included("c"), Bound::Included("a")), [""; 0], "the wrong way round");
        assert_eq!(keys(Bound::Excluded("b"), Bound::Excluded("b")), [""; 0]);
        let below: Vec<&str> = store.starting("t", "b/").map(|(key, _)| key).collect();
        assert_eq!(below, ["b/1", "b/2"]);
    });
}

/// A clerk who commits number after number, each replacing the one before, and says when each is committed.
fn count_up(host: &Host, acknowledged: std::rc::Rc<std::cell::Cell<u32>>) {
    host.boot(move |host| {
        let acknowledged = acknowledged.clone();
        async move {
            let Ok(mut store) = Store::open(host.disk(), "books") else { return };
            for number in acknowledged.get() + 1..=12 {
                // Longer than a sector, so that it can be torn.
                let long = format!("{number}{}", " ".repeat(700));
                if store.commit(Batch::new().put("t", "number", number.to_string()).put("t", "long", long)).is_err() {
                    return;
                }
                acknowledged.set(number);
                tokio::task::yield_now().await;
            }
        }
    });
}

/// The last number that's there after a crash at this point, the last that was acknowledged before, and whether the
/// crash came.
fn crashed_at(seed: u64, point: Point) -> (u32, u32, bool) {
    simulate(seed, move |u| async move {
        let host = u.host("clerk");
        let fault = host.crash_after(point);
        let acknowledged = std::rc::Rc::default();
        count_up(&host, std::rc::Rc::clone(&acknowledged));
        u.sleep(std::time::Duration::from_secs(1)).await;
        let before = acknowledged.get();
        if u.fault(fault).outcome() != FaultOutcome::Hit {
            return (before, before, false);
        }
        // Whoever counts has no more to do in the next life.
        acknowledged.set(99);
        host.restart();
        let store = open(&host);
        let there = store.get("t", "number").map_or(0, |text| String::from_utf8_lossy(text).parse().unwrap());
        let long = store.get("t", "long").map(|text| String::from_utf8_lossy(text).trim_end().to_owned());
        assert_eq!(long.unwrap_or("0".to_owned()), there.to_string(), "a transaction is made wholly or not at all");
        (there, before, true)
    })
}

#[test]
fn a_crash_after_any_poll_or_sync_loses_nothing_that_was_acknowledged() {
    let mut points = 0;
    for kind in [Point::Poll, Point::Sync] {
        for seed in 0..4 {
            for k in 0.. {
                let (there, acknowledged, hit) = crashed_at(seed, kind(k));
                assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}");
                if !hit {
                    assert_eq!((there, acknowledged), (12, 12));
                    break;
                }
                points += 1;
            }
        }
    }
    println!("the clerk was crashed at {points} points");
    assert!(points > 4 * 20, "{points}");
}

/// The disk's bytes after three commits, and where each ends.
fn three_commits(u: &Universe) -> (Host, Vec<u8>, Vec<u64>) {
    let host = u.host("clerk");
    let mut store = open(&host);
    let commit = |store: &mut Store, value: &str| store.commit(Batch::new().put("t", value, value)).unwrap().length;
    let ends = ["one", "two", "three"].map(|value| commit(&mut store, value)).to_vec();
    (host.clone(), host.disk().read(FILE).unwrap(), ends)
}

#[test]
fn a_journal_that_breaks_off_anywhere_holds_what_was_whole() {
    simulate(1, |u| async move {
        let (host, bytes, ends) = three_commits(&u);
        for length in 0..bytes.len() {
            host.disk().write(FILE, &bytes[..length]).unwrap();
            let store = open(&host);
            let whole = ends.iter().filter(|end| **end <= length as u64).count();
            assert_eq!(store.count("t"), whole, "cut after {length} of {} bytes", bytes.len());
            // And it goes on from there.
            let mut store = store;
            store.commit(Batch::new().put("more", "x", b"y")).unwrap();
            assert_eq!((open(&host).count("t"), open(&host).count("more")), (whole, 1));
        }
    });
}

#[test]
fn space_that_was_given_and_never_written_is_no_damage() {
    simulate(1, |u| async move {
        let (host, bytes, _) = three_commits(&u);
        host.disk().set_len(FILE, bytes.len() as u64 + 700).unwrap();
        assert_eq!(open(&host).count("t"), 3);
        assert_eq!(host.disk().read(FILE).unwrap(), bytes, "what wasn't of use is cut off");
    });
}

#[test]
fn damage_before_the_end_is_refused_and_says_where() {
    simulate(1, |u| async move {
        let (host, bytes, ends) = three_commits(&u);
        for place in 0..ends[1] as usize {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            host.disk().write(FILE, damaged).unwrap();
            let error = Store::open(host.disk(), "books").expect_err("a bit was flipped");
            let header = b"busyhour store 1\n".len();
            let begins = [header as u64, ends[0]];
            match error {
                StoreError::NoStore { .. } => assert!(place < header, "at {place}"),
                StoreError::Damaged { offset, length, .. } => {
                    let begin = begins.into_iter().rfind(|begin| *begin <= place as u64).unwrap();
                    assert_eq!((offset, length), (begin, bytes.len() as u64), "at {place}");
                }
                StoreError::Disk { .. } => panic!("{error}"),
            }
        }
        let mut missing = bytes.clone();
        missing.drain(17..ends[0] as usize);
        host.disk().write(FILE, missing).unwrap();
        let said = Store::open(host.disk(), "books").expect_err("the first is missing").to_string();
        assert!(said.starts_with("the store books.store is damaged at byte 17 of "), "{said}");
        assert!(said.ends_with("a transaction is missing before this one"), "{said}");
    });
}

#[test]
fn what_is_no_store_is_left_alone() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        host.disk().write(FILE, b"dear diary, ...... today nothing happened").unwrap();
        assert!(matches!(Store::open(host.disk(), "books"), Err(StoreError::NoStore { .. })));
        assert_eq!(&host.disk().read(FILE).unwrap()[..4], b"dear");
    });
}

#[test]
fn a_full_disk_refuses_a_transaction_whole_and_takes_the_next_that_fits() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        let mut store = open(&host);
        store.commit(Batch::new().put("t", "a", b"1")).unwrap();
        host.limit_disk(store.receipt().length + 100);
        let large = Batch::new().put("t", "a", b"2").put("t", "b", vec![b'x'; 1000]);
        assert_eq!(store.commit(large).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(rows(&store, "t"), [pair("a", "1")]);
        store.commit(Batch::new().put("t", "b", b"2")).unwrap();
        power_cut(&host);
        assert_eq!(rows(&open(&host), "t"), [pair("a", "1"), pair("b", "2")]);
    });
}

#[test]
fn a_transaction_that_a_broken_disk_refused_is_never_found_again() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        let mut store = open(&host);
        store.commit(Batch::new().put("t", "a", b"1")).unwrap();
        for value in ["2", "3", "4"] {
            host.fail_disk(1, ErrorKind::Other);
            store.commit(Batch::new().put("t", "a", value)).unwrap_err();
        }
        store.commit(Batch::new().put("t", "b", b"5")).unwrap();
        power_cut(&host);
        assert_eq!(rows(&open(&host), "t"), [pair("a", "1"), pair("b", "5")]);
    });
}

/// Rows that are written over and over leave a journal that's long; it's written anew, and a crash at any sync of that
/// finds all.
#[test]
fn a_journal_that_has_grown_long_is_written_anew() {
    fn write_over(u: &Universe, times: u32) -> (Host, Store) {
        let host = u.host("clerk");
        let mut store = open(&host);
        for number in 1..=times {
            let done = store.commit(Batch::new().put("t", "number", number.to_string()).put("t", "pad", vec![0; 900]));
            if done.is_err() {
                break;
            }
        }
        (host, store)
    }
    let syncs = simulate(1, |u| async move {
        let (host, store) = write_over(&u, 500);
        assert!(host.disk().len(FILE).unwrap() < 70_000, "{:?}", store.receipt());
        assert_eq!(host.disk().len(FILE).unwrap(), store.receipt().length);
        assert_eq!(host.disk().list("").unwrap(), [FILE]);
        u.log_text().matches("disk-sync").count()
    });
    assert!(syncs > 505, "each commit, and the fresh journals: {syncs}");
    for seed in 0..3 {
        for k in 60..90 {
            simulate(seed, move |u| async move {
                let host = u.host("clerk");
                let fault = host.crash_after(Point::Sync(k));
                let (acknowledged, done) = {
                    let mut store = open(&host);
                    let mut last = 0;
                    for number in 1..=100 {
                        let batch = Batch::new().put("t", "number", number.to_string()).put("t", "pad", vec![0; 900]);
                        match store.commit(batch) {
                            Ok(_) if u.fault(fault).hits == 0 => last = number,
                            _ => break,
                        }
                    }
                    (last, u.fault(fault).hits)
                };
                assert_eq!(done, 1);
                host.restart();
                let there: i32 = String::from_utf8_lossy(open(&host).get("t", "number").unwrap()).parse().unwrap();
                assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}, sync {k}");
            });
        }
    }
}

/// What an effect's claim stands on.
#[test]
fn the_log_says_how_far_a_file_was_synced() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        let mut store = open(&host);
        let receipt = store.commit(Batch::new().put("t", "a", b"1")).unwrap();
        assert_eq!(receipt, store.receipt());
        let line = format!("disk-sync path={} length={}", receipt.path, receipt.length);
        let log = u.log_text();
        assert!(log.lines().any(|entry| entry.contains("clerk") && entry.contains(&line)), "{log}");
        // Nothing to commit is nothing to sync.
        let before = u.log_text().len();
        assert_eq!(store.commit(Batch::new()).unwrap(), receipt);
        assert_eq!(u.log_text().len(), before);
    });
}

#[test]
fn a_store_ends_with_its_hosts_life() {
    simulate(1, |u| async move {
        let host = u.host("clerk");
        let disk: Disk = host.disk();
        let mut store = Store::open(disk, "books").unwrap();
        power_cut(&host);
        assert!(store.commit(Batch::new().put("t", "a", b"1")).is_err());
        assert_eq!(open(&host).count("t"), 0);
    });
}
