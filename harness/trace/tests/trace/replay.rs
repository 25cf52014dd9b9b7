//! A capture that is replayed shows what the taps saw, in the same order.

use busyhour_trace::replay::Capture;
use busyhour_trace::{Log, Loss, PacketId, PacketSeen, PcapngWriter, SimTime, Stage};

const EPOCH_NS: u64 = 1_795_442_400_000_000_000;

type Sighting = (u64, u64, Stage, Option<String>);

/// What is seen again of those sightings.
fn again(sightings: &[(u64, u64, Stage)]) -> Vec<Sighting> {
    let mut log = Log::default();
    let (alice, server) = (log.name_host("alice"), log.name_host("server"));
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
    for (at, id, stage) in sightings {
        let (from, to) = (Some(alice), Some(server));
        let seen = PacketSeen { at: SimTime(*at), id: PacketId(*id), stage: *stage, from, to, bytes: &[0x45; 20] };
        capture.packet(&seen, &log).unwrap();
    }
    let file = capture.finish().unwrap();
    let mut seen_again = Vec::new();
    Capture::read(&file[..], EPOCH_NS, &log).unwrap().replay(|seen| {
        let to = seen.to.map(|host| log.host_name(host).to_owned());
        seen_again.push((seen.at.0, seen.id.0, seen.stage, to));
    });
    seen_again
}

#[test]
fn packets_that_overtake_copies_and_losses_are_seen_as_they_were() {
    let sightings = [
        (0, 1, Stage::Sent),
        (5, 2, Stage::Sent),
        (5, 3, Stage::Copied { of: PacketId(2) }),
        (7, 2, Stage::Arrived),
        // What arrives is the cause of what is sent at that moment.
        (7, 4, Stage::Sent),
        (7, 4, Stage::Lost(Loss::Cut)),
        (9, 1, Stage::Arrived),
        (9, 3, Stage::Lost(Loss::BufferFull)),
    ];
    let seen: Vec<_> = again(&sightings).into_iter().map(|(at, id, stage, _)| (at, id, stage)).collect();
    assert_eq!(seen, sightings);
}

#[test]
fn every_reason_of_a_loss_is_read_back() {
    for loss in Loss::ALL {
        let seen = again(&[(1, 1, Stage::Sent), (2, 1, Stage::Lost(loss))]);
        assert_eq!(seen[1], (2, 1, Stage::Lost(loss), Some("server".to_owned())));
    }
}

#[test]
fn a_packet_that_was_seen_at_its_end_alone_has_left_at_that_moment() {
    let seen = again(&[(3, 9, Stage::Arrived)]);
    assert_eq!(seen.iter().map(|one| (one.0, one.2)).collect::<Vec<_>>(), [(3, Stage::Sent), (3, Stage::Arrived)]);
}

#[test]
fn a_capture_by_somebody_else_is_an_error_that_names_the_packet() {
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
    capture.copy(EPOCH_NS, &[0x45; 20], "hello").unwrap();
    let error = Capture::read(&capture.finish().unwrap()[..], EPOCH_NS, &Log::default()).unwrap_err();
    assert_eq!(error.to_string(), "packet 1 of the capture says \"hello\", not what became of it");
}
