//! The run record: written whole or not at all, the same bytes for the same run, and read back with errors that say
//! what is wrong, and where.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use busyhour_trace::record::{
    Exemption, Fault, FaultKind, FaultOutcome, Named, Oracle, Seeds, Step, StepStatus, Verdict, Violation,
};
use busyhour_trace::{
    Digest, Event, Log, MediaKeys, PacketId, PacketSeen, PcapngReader, PcapngWriter, Record, RecordError, RecordWriter,
    SimTime, Source, Stage,
};

use crate::packets::{ALICE, SERVER, udp};

const EPOCH_NS: u64 = 1_795_442_400_000_000_000;

/// A folder of the test's own, and the record's place in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    (folder, run)
}

fn story() -> (Record, Log) {
    let mut log = Log::default();
    let alice = log.name_host("alice");
    log.name_host("server");
    log.push(Event::new(SimTime(0), Source::Step, "registers").on(alice));
    log.push(
        Event::new(SimTime(2_000_000_000), Source::World, "cut")
            .with("from", vec!["alice".to_owned()])
            .with("to", vec!["server".to_owned()])
            .with("cut", 1u64),
    );
    log.push(Event::new(SimTime(2_500_000_000), Source::Claim, "gave-up").on(alice).with("why", "no answer, \"408\""));

    let seed = Seeds { run: 0, scenario: 17_293_822_569_102_704_641 };
    let mut record = Record::new("features/registration.feature", "A cut network", seed);
    record.product.build = "4eca908".to_owned();
    record.line = 12;
    record.example = vec![Named::new("phone", "hardphone")];
    record.tags = vec!["smoke".to_owned()];
    record.parameters = vec![Named::new("jitter", "20 ms"), Named::new("agents", 3)];
    record.profiles = vec!["vicidial".to_owned()];
    record.verdict = Verdict::Failed;
    record.reasons = vec!["alice's phone was never registered".to_owned()];
    record.hash = Digest(0xfeed);
    record.simulated = SimTime(3_000_000_000);
    record.packets.count(Stage::Sent);
    record.packets.count(Stage::Arrived);
    record.steps = vec![
        Step {
            keyword: "Given".to_owned(),
            text: "agent alice with a hardphone".to_owned(),
            file: "features/registration.feature".to_owned(),
            line: 13,
            status: StepStatus::Failed,
            started_at: Some(SimTime(0)),
            ended_at: Some(SimTime(5_000_000_000)),
            message: Some("no answer within 5 s".to_owned()),
            depth: 0,
        },
        Step {
            keyword: "Then".to_owned(),
            text: "alice's phone is registered".to_owned(),
            file: "features/registration.feature".to_owned(),
            line: 14,
            status: StepStatus::Skipped,
            started_at: None,
            ended_at: None,
            message: None,
            depth: 0,
        },
    ];
    record.faults = vec![Fault {
        id: 0,
        what: "the network from alice to the server is cut".to_owned(),
        kind: FaultKind::Aimed,
        installed_at: SimTime(2_000_000_000),
        seen: 0,
        hits: 0,
        outcome: FaultOutcome::MetNothing,
    }];
    record.oracles = vec![Oracle {
        name: "nothing_crosses_a_cut".to_owned(),
        rule: "what is cut is cut".to_owned(),
        judged: 2,
        violations: vec![Violation {
            at: SimTime(2_100_000_000),
            what: "packet #9 crossed".to_owned(),
            packets: vec![PacketId(9)],
        }],
        unlisted: 0,
        exemptions: vec![Exemption { why: "a fragment without ports".to_owned(), count: 1 }],
    }];
    record.replay = "busyhour run features/registration.feature:12 --seed 0".to_owned();
    (record, log)
}

fn write(folder: &Path) -> Record {
    let (record, log) = story();
    let mut writer = RecordWriter::create(folder).unwrap();
    let mut capture = writer.capture(EPOCH_NS, "seed 0").unwrap();
    let bytes = udp(ALICE, SERVER, b"REGISTER");
    let seen = PacketSeen {
        at: SimTime(1_000_000),
        id: PacketId(0),
        stage: Stage::Arrived,
        from: log.host_called("alice"),
        to: log.host_called("server"),
        bytes: &bytes,
    };
    capture.packet(&seen, &log).unwrap();
    capture.finish().unwrap();
    writeln!(writer.file("diagram.txt").unwrap(), "alice -> server").unwrap();
    writer.finish(record, &log).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What `error` says, with the test's own folder left out.
fn said(error: &RecordError, folder: &Path) -> String {
    error.to_string().replace(folder.to_str().unwrap(), "RUN")
}

#[test]
fn record_json_reads_like_this() {
    let (_keep, run) = place();
    write(&run);
    insta::assert_snapshot!(fs::read_to_string(run.join("record.json")).unwrap());
}

#[test]
fn the_event_log_is_one_object_a_line_with_its_hosts_name() {
    let (_keep, run) = place();
    write(&run);
    insta::assert_snapshot!(fs::read_to_string(run.join("events.ndjson")).unwrap(), @r#"
    {"at":0,"source":"step","host":"alice","kind":"registers"}
    {"at":2000000000,"source":"world","kind":"cut","fields":{"from":["alice"],"to":["server"],"cut":1}}
    {"at":2500000000,"source":"claim","host":"alice","kind":"gave-up","fields":{"why":"no answer, \"408\""}}
    "#);
}

#[test]
fn the_event_log_for_people_reads_like_this() {
    let (_keep, run) = place();
    write(&run);
    insta::assert_snapshot!(fs::read_to_string(run.join("events.txt")).unwrap(), @r#"
    0.000000s  step   alice         registers
    2.000000s  world  -             cut from=[alice] to=[server] cut=1
    2.500000s  claim  alice         gave-up why="no answer, \"408\""
    "#);
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let (_keep, run) = place();
    let written = write(&run);
    let read = Record::load(&run).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.files, ["diagram.txt", "events.ndjson", "events.txt", "wire.pcapng"]);
    assert_eq!(read.log(&run).unwrap(), story().1);
}

#[test]
fn two_runs_of_one_seed_leave_the_same_bytes() {
    let (_keep, one) = place();
    let (_keep_too, other) = place();
    write(&one);
    write(&other);
    assert_eq!(names(&one), ["diagram.txt", "events.ndjson", "events.txt", "record.json", "wire.pcapng"]);
    assert_eq!(names(&one), names(&other));
    for name in names(&one) {
        assert_eq!(fs::read(one.join(&name)).unwrap(), fs::read(other.join(&name)).unwrap(), "{name}");
    }
}

#[test]
fn until_it_is_finished_only_the_part_is_there() {
    let (keep, run) = place();
    let mut writer = RecordWriter::create(&run).unwrap();
    writer.file("diagram.txt").unwrap();
    assert_eq!(names(keep.path()), ["run.part"]);
    let (record, log) = story();
    writer.finish(record, &log).unwrap();
    assert_eq!(names(keep.path()), ["run"]);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let (keep, run) = place();
    drop(RecordWriter::create(&run).unwrap());
    assert_eq!(names(keep.path()), Vec::<String>::new());
}

#[test]
fn what_a_killed_run_left_is_swept_away_by_the_next() {
    let (keep, run) = place();
    let part = keep.path().join("run.part");
    fs::create_dir(&part).unwrap();
    fs::write(part.join("rest"), "half a rec").unwrap();
    write(&run);
    assert_eq!(names(keep.path()), ["run"]);
    assert!(!run.join("rest").exists());
}

#[test]
fn a_record_stays_until_the_one_that_takes_its_place_is_whole() {
    let (keep, run) = place();
    write(&run);
    fs::write(run.join("old"), "").unwrap();
    let writer = RecordWriter::create(&run).unwrap();
    assert!(Record::load(&run).is_ok(), "the old one is there while the new one is written");
    let (record, log) = story();
    writer.finish(record, &log).unwrap();
    assert!(!run.join("old").exists());
    assert_eq!(names(keep.path()), ["run"]);
}

#[test]
fn a_folder_that_is_no_record_is_left_alone() {
    let (_keep, run) = place();
    fs::create_dir(&run).unwrap();
    fs::write(run.join("thesis.tex"), "").unwrap();
    let error = RecordWriter::create(&run).unwrap_err();
    assert_eq!(said(&error, &run), "RUN: in the way, and no run record: it has no record.json");
    assert_eq!(names(&run), ["thesis.tex"]);
}

#[test]
fn a_further_file_has_a_plain_name_that_is_not_taken() {
    let (_keep, run) = place();
    let mut writer = RecordWriter::create(&run).unwrap();
    writer.file("a.svg").unwrap();
    for (name, why) in [
        ("", "it must be a plain name"),
        ("../a", "it must be a plain name"),
        (".hidden", "it must be a plain name"),
        ("record.json", "the record has that file already"),
        ("events.ndjson", "the record has that file already"),
        ("a.svg", "the record has that file already"),
    ] {
        let error = writer.file(name).unwrap_err().to_string();
        assert_eq!(error, format!("{name:?} can't be a file of a record: {why}"));
    }
}

/// What `Record::load`, and if that succeeds the log's, says of a record of which one file was changed.
fn complaint(file: &str, change: impl Fn(String) -> String) -> String {
    let (_keep, run) = place();
    write(&run);
    let path = run.join(file);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text, "the change changed nothing");
    fs::write(&path, changed).unwrap();
    let error = match Record::load(&run) {
        Err(error) => error,
        Ok(record) => record.log(&run).unwrap_err(),
    };
    said(&error, &run)
}

#[test]
fn a_record_that_can_not_be_read_says_what_is_wrong_and_where() {
    let complaints = [
        complaint("record.json", |text| text.replace("\"format\": 2", "\"format\": 3")),
        complaint("record.json", |text| text.replace("\"format\": 2,", "")),
        complaint("record.json", |text| text.replace("\"scenario\": \"17293822569102704641\"", "\"scenario\": \"-1\"")),
        complaint("record.json", |text| text.replace("\"verdict\": \"failed\"", "\"verdict\": \"maybe\"")),
        complaint("record.json", |text| text.replace("\"line\": 14", "\"line\": \"14\"")),
        complaint("record.json", |text| text[..text.len() / 2].to_owned()),
        complaint("events.ndjson", |text| text.replace("world", "gossip")),
        complaint("events.ndjson", |text| text.replace("\"why\":", "\"why\" ")),
        complaint("events.ndjson", |text| text.replace("alice\",\"kind\":\"gave-up", "mallory\",\"kind\":\"gave-up")),
        complaint("events.ndjson", |text| text.replace("{\"at\":2500000000", "{\"at\":1500000000")),
    ];
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    RUN/record.json: this record has format 3, this build reads 2
    RUN/record.json, line 114, column 1: missing field `format`
    RUN/record.json, line 24, column 3: a seed is a number below 2^64, not "-1"
    RUN/record.json, line 38, column 20: unknown variant `maybe`, expected one of `passed`, `failed`, `not-exercised`
    RUN/record.json, line 69, column 18: invalid type: string "14", expected u32
    RUN/record.json, line 62, column 4: EOF while parsing an object
    RUN/events.ndjson, line 2, column 34: unknown variant `gossip`, expected one of `world`, `step`, `claim`
    RUN/events.ndjson, line 3, column 83: expected `:`
    RUN/events.ndjson, line 3: no host is called "mallory"
    RUN/events.ndjson, line 3, column 1: this event is older than the one before it
    "#);
}

#[test]
fn a_missing_file_is_named() {
    let (keep, run) = place();
    assert_eq!(said(&Record::load(&run).unwrap_err(), &run), "RUN/record.json: no such file; a run record has one");
    write(&run);
    fs::remove_file(run.join("wire.pcapng")).unwrap();
    assert_eq!(said(&Record::load(&run).unwrap_err(), &run), "RUN/wire.pcapng: no such file; a run record has one");
    drop(keep);
}

#[test]
fn a_field_of_a_later_build_is_no_error() {
    let (_keep, run) = place();
    write(&run);
    let path = run.join("record.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('{', "{ \"mood\": \"good\",", 1)).unwrap();
    assert!(Record::load(&run).is_ok());
}

/// What a party claims of its media's keys, but for what's left out.
fn claim(at: u64, without: &str) -> Event {
    let fields = [
        ("local", "10.0.0.1:4000"),
        ("remote", "10.0.0.2:5000"),
        ("profile", "aes128-cm-sha1-80"),
        ("client_random", "c1"),
        ("server_random", "51"),
        ("master_secret", "aa"),
        ("client_key", "01"),
        ("client_salt", "02"),
        ("server_key", "03"),
        ("server_salt", "04"),
    ];
    let claim = Event::new(SimTime(at), Source::Claim, "webrtc-keys");
    fields.iter().filter(|(name, _)| *name != without).fold(claim, |claim, (name, value)| claim.with(*name, *value))
}

#[test]
fn claimed_keys_are_in_the_record_and_what_says_too_little_or_is_no_claim_is_not() {
    let (_keep, run) = place();
    let (record, mut log) = story();
    let alice = log.host_called("alice").unwrap();
    let begin = log.events().last().unwrap().at.0;
    log.push(claim(begin, "").on(alice));
    log.push(claim(begin + 1, "server_salt").on(alice));
    log.push(Event { source: Source::World, ..claim(begin + 2, "").on(alice) });
    log.push(claim(begin + 3, ""));
    log.push(claim(begin + 4, "").on(log.host_called("server").unwrap()));
    RecordWriter::create(&run).unwrap().finish(record, &log).unwrap();
    let keys = Record::load(&run).unwrap().keys;
    let who: Vec<(u64, &str, &str)> = keys.iter().map(|keys| (keys.at.0, &*keys.host, &*keys.client_key)).collect();
    assert_eq!(who, [(begin, "alice", "01"), (begin + 4, "server", "01")]);
    assert_eq!(MediaKeys::key_log(&keys), "CLIENT_RANDOM c1 aa\n", "a connection is in the key log once");
    assert_eq!(keys, MediaKeys::all(&log));
}

#[test]
fn a_file_that_is_written_can_be_read_while_the_record_is_not_finished() {
    let (_keep, run) = place();
    let (record, log) = story();
    let mut writer = RecordWriter::create(&run).unwrap();
    let mut capture = writer.capture(EPOCH_NS, "seed 0").unwrap();
    capture.copy(EPOCH_NS + 5, &udp(ALICE, SERVER, b"odd"), "arrived: alice -> server").unwrap();
    capture.finish().unwrap();
    let packets: Vec<_> = PcapngReader::new(writer.written("wire.pcapng").unwrap()).collect::<Result<_, _>>().unwrap();
    assert_eq!((packets.len(), packets[0].at_ns), (1, EPOCH_NS + 5));
    assert_eq!(packets[0].bytes, udp(ALICE, SERVER, b"odd"));
    writer.capture_called("wire-decrypted.pcapng", 0, "").unwrap().finish().unwrap();
    writer.finish(record, &log).unwrap();
    assert!(names(&run).contains(&"wire-decrypted.pcapng".to_owned()));
}

#[test]
fn a_capture_that_is_cut_anywhere_is_an_error_or_ends_early() {
    let mut capture = PcapngWriter::new(Vec::new(), 0, "x").unwrap();
    for n in 0..3 {
        capture.copy(n, &[0x45; 33], "arrived: a -> b").unwrap();
    }
    let file = capture.finish().unwrap();
    let read = |bytes: &[u8]| PcapngReader::new(bytes).take_while(Result::is_ok).count();
    assert_eq!(read(&file), 3);
    for end in 0..file.len() {
        assert!(read(&file[..end]) < 3);
    }
    let mut bent = file.clone();
    bent[4..8].copy_from_slice(&3u32.to_le_bytes());
    assert!(PcapngReader::new(&bent[..]).next().unwrap().is_err(), "a block shorter than its head");
}
