//! The first entry in which two runs differ is found and told in a sentence that a person can act on.

use std::fs;

use busyhour_trace::{
    Event, Log, Loss, PacketId, RunHash, SimTime, Source, Stage, Trail, TrailError, first_difference,
};

use crate::packets::{ALICE, SERVER, tcp, udp};

/// A run that a test can bend at one place.
struct Run {
    hash: RunHash,
    log: Log,
}

impl Run {
    fn new() -> Run {
        let mut log = Log::default();
        log.name_host("crm");
        Run { hash: RunHash::with_trail(), log }
    }

    fn udp(mut self, at: u64, id: u64, payload: &[u8]) -> Run {
        let mut packet = udp(ALICE, SERVER, payload);
        // Without the checksum, only the payload's own bytes tell two payloads of one length apart.
        packet[26..28].fill(0);
        self.hash.sent(SimTime(at), PacketId(id), &packet[..28], payload);
        self
    }

    fn syn(mut self, at: u64, id: u64) -> Run {
        self.hash.sent(SimTime(at), PacketId(id), &tcp(ALICE, SERVER, 1000, 2, b""), b"");
        self
    }

    fn fate(mut self, at: u64, id: u64, stage: Stage) -> Run {
        self.hash.fate(SimTime(at), PacketId(id), stage);
        self
    }

    fn crash(mut self, at: u64, life: u64) -> Run {
        self.log.push(
            Event::new(SimTime(at), Source::World, "crash").on(self.log.host_called("crm").unwrap()).with("life", life),
        );
        self.hash.event(&self.log);
        self
    }

    fn trail(mut self) -> Trail {
        self.hash.take_trail().unwrap()
    }
}

fn told(one: Run, other: Run) -> String {
    first_difference(&one.trail(), &other.trail()).expect("they differ").to_string()
}

/// 1,203 entries that are the same in every run.
fn beginning() -> Run {
    (0..1203).fold(Run::new(), |run, n| run.udp(n * 1_000_000, n, b"the same"))
}

#[test]
fn equal_runs_have_no_difference() {
    assert_eq!(
        first_difference(&beginning().crash(9_000_000_000, 1).trail(), &beginning().crash(9_000_000_000, 1).trail()),
        None
    );
    assert_eq!(first_difference(&Trail::default(), &Trail::default()), None);
}

#[test]
fn a_difference_is_told_with_what_each_run_did() {
    let at = 1_204_000_000;
    let sentences = [
        told(beginning().udp(at, 1203, &[1; 172]), beginning().syn(at, 1203)),
        told(beginning().udp(at, 1203, &[1; 172]), beginning().udp(at, 1203, &[2; 172])),
        told(beginning().udp(at, 1203, b"x"), beginning().udp(at + 1, 1203, b"x")),
        told(beginning().udp(at, 1203, b"x"), beginning().udp(at, 1204, b"x")),
        told(
            beginning().fate(at, 7, Stage::Lost(Loss::Random)),
            beginning().fate(at, 7, Stage::Copied { of: PacketId(6) }),
        ),
        told(beginning().fate(at, 9_999, Stage::Arrived), beginning().crash(at, 1)),
        told(beginning().crash(at, 1), beginning().crash(at, 2)),
        told(beginning(), beginning().crash(at, 1)),
        told(beginning().crash(at, 1), beginning()),
        told(Run::new().crash(at, 1), Run::new()),
    ];
    insta::assert_snapshot!(sentences.join("\n"), @"
    event 1,204 differs: at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 172 bytes, against at 1.204000s TCP 10.0.0.1:49152 -> 10.0.0.2:80, 0 bytes
    event 1,204 differs: at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 172 bytes, but with other bytes
    event 1,204 differs: at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 1 byte, but at 1204000000 ns, against 1204000001 ns
    event 1,204 differs: at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 1 byte, but as #1203, against #1204
    event 1,204 differs: at 1.204000s packet #7 lost: dropped at random (UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 8 bytes), against at 1.204000s packet #7, a copy of #6 (UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 8 bytes)
    event 1,204 differs: at 1.204000s packet #9999 arrived, against at 1.204000s world crm crash life=1
    event 1,204 differs: at 1.204000s world crm crash life=1, against at 1.204000s world crm crash life=2
    event 1,204 differs: nothing, the run ended after 1,203 events, against at 1.204000s world crm crash life=1
    event 1,204 differs: at 1.204000s world crm crash life=1, against nothing: the other run ended after 1,203 events
    event 1 differs: at 1.204000s world crm crash life=1, against nothing: the other run ended after 0 events
    ");
}

#[test]
fn what_became_of_a_copy_is_told_as_of_its_original() {
    let copied = || Run::new().syn(0, 5).udp(1, 6, b"ring").fate(2, 7, Stage::Copied { of: PacketId(6) });
    let told = told(copied().fate(3, 7, Stage::Arrived), copied().fate(3, 7, Stage::Lost(Loss::HostDown)));
    insta::assert_snapshot!(told, @"event 4 differs: at 0.000000s packet #7 arrived (UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 4 bytes), against at 0.000000s packet #7 lost: the receiver was down (UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 4 bytes)");
}

#[test]
fn the_first_difference_counts_not_a_later_one() {
    let one = Run::new().udp(1, 0, b"a").udp(2, 1, b"a").udp(3, 2, b"a").trail();
    let other = Run::new().udp(1, 0, b"a").udp(2, 1, b"b").udp(3, 2, b"b").trail();
    assert_eq!(first_difference(&one, &other).unwrap().number, 2);
}

#[test]
fn a_trail_comes_back_from_its_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail");
    let trail = beginning().fate(2_000_000_000, 3, Stage::Lost(Loss::StillInFlight)).crash(3_000_000_000, 1).trail();
    trail.save(&file).unwrap();
    let back = Trail::load(&file).unwrap();
    assert_eq!(back.len(), 1205);
    assert_eq!(first_difference(&trail, &back), None);
    // An event's words come back too.
    let other = beginning().fate(2_000_000_000, 3, Stage::Lost(Loss::StillInFlight)).crash(3_000_000_000, 2).trail();
    let told = first_difference(&back, &other).unwrap().to_string();
    assert!(told.contains("crash life=1, against"), "{told}");
}

#[test]
fn a_file_that_is_no_trail_is_refused_with_its_name_and_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail");
    let error = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = Trail::load(&file).unwrap_err().to_string();
        error.replace(file.to_str().unwrap(), "FILE")
    };
    let trail = Run::new().fate(1, 3, Stage::Lost(Loss::Random)).crash(2, 1).trail();
    trail.save(&file).unwrap();
    let good = fs::read(&file).unwrap();
    let bent = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    let first = 16 + 8;
    let sentences = [
        error(b"GIF89a"),
        error(b"busyhour trail 2"),
        error(&good[..40]),
        error(&good[..good.len() - 1]),
        error(&[&good[..], b"!"].concat()),
        error(&bent(first + 22, 5)),
        error(&bent(first + 23, 14)),
        error(&bent(first + 32 + 24, 1)),
        error(&bent(good.len() - 1, 0xff)),
        error(&bent(16, 0xff)),
    ];
    insta::assert_snapshot!(sentences.join("\n"), @r#"
    FILE: no trail that this build reads: it begins with "GIF89a", not "busyhour trail 1"
    FILE: no trail that this build reads: it begins with "busyhour trail 2", not "busyhour trail 1"
    FILE: the file ends here, at byte 40
    FILE: the file ends here, at byte 139
    FILE: more bytes than the trail has, at byte 140
    FILE: an entry of no known kind, at byte 24
    FILE: a loss for no known reason, at byte 24
    FILE: an event out of order, at byte 56
    FILE: a line that isn't UTF-8, at byte 92
    FILE: an entry of no known kind, at byte 88
    "#);
    assert!(matches!(Trail::load(&folder.path().join("none")), Err(TrailError::Io { .. })));
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail");
    Run::new().fate(1, 3, Stage::Lost(Loss::Random)).crash(2, 1).udp(3, 4, b"x").trail().save(&file).unwrap();
    let good = fs::read(&file).unwrap();
    for place in 16..good.len() {
        for byte in [0, 1, 5, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[place] = byte;
            fs::write(&file, &bytes).unwrap();
            if let Ok(trail) = Trail::load(&file) {
                // Whatever was read can also be told.
                let _ = first_difference(&trail, &Trail::default()).map(|difference| difference.to_string());
            }
        }
    }
}
