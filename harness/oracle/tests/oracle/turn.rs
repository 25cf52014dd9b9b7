//! TURN: what it wraps reaches the witnesses of media, and what it lends has an end.

use crate::play::{Play, Verdicts};
use crate::rtc::{End, Peers, Relay, rtp, stun, xored};
use crate::webrtc;

const RELAYING: &str = "no_relaying_after_expiry";
const HEARD: &str = "established_means_heard";
const ENCRYPTED: &str = "webrtc_media_is_encrypted";

const ALICE: End = ("alice", 4_000);
const SERVER: End = ("server", 5_000);

fn relay() -> Relay {
    Relay { server: ("standby", 3_478), relayed: ("standby", 49_200), channel: 0x4001 }
}

#[test]
fn a_call_by_a_relay_is_judged_as_one_without() {
    let of = |bends: bool| {
        let mut play = Play::new();
        let (mut call, mut peers) = webrtc::call("c1");
        peers.relay = Some(relay());
        call.connect(&mut play);
        relay().allocate(&mut play, ALICE, SERVER, 600);
        peers.connect(&mut play);
        peers.talk(&mut play, 10);
        if bends {
            peers.send(&mut play, 0, &rtp(9, 9, 1));
        }
        call.hang_up(&mut play, "alice");
        play.ends_later()
    };
    let rules = [HEARD, ENCRYPTED, RELAYING, "no_index_is_sent_twice", "without_consent_no_media"];
    let more = ["no_media_before_dtls", "no_two_handshakes_share_randoms", "fingerprints_match"];
    let verdicts = of(false);
    for rule in rules.into_iter().chain(more) {
        verdicts.holds(rule);
    }
    of(true).breaks(ENCRYPTED, "alice sends media from 10.0.0.1:4000 to 10.0.0.2:5000 that isn't encrypted");
}

/// What comes from the peer, so many milliseconds after the address was lent for ten minutes.
fn passes_on(millis: u64, between: impl Fn(&mut Play), to_client: bool) -> Verdicts {
    let mut play = Play::new();
    relay().allocate(&mut play, ALICE, SERVER, 600);
    let begun = play.now();
    between(&mut play);
    // The last answer is sent a millisecond before it has arrived.
    play.wait(millis - (play.now() - begun).as_millis() as u64 - 1);
    if to_client {
        play.send(relay().server, ALICE, &relay().wrap(b"hello"));
    } else {
        play.send(relay().relayed, SERVER, b"hello");
    }
    play.ends()
}

/// The channel is bound again every so often.
fn renewed(play: &mut Play) {
    for _ in 0..2 {
        play.wait(250_000);
        let number = [0x40, 0x01, 0, 0];
        play.send(ALICE, relay().server, &stun(0x0009, 3, &[(0x000c, &number), (0x0012, &xored(SERVER))]));
        play.send(relay().server, ALICE, &stun(0x0109, 3, &[]));
    }
}

// RFC 8656 3.2, 7.2, 9.

#[test]
fn an_allocation_ends_when_its_time_is_over_and_goes_on_when_it_was_refreshed() {
    for to_client in [true, false] {
        passes_on(599_000, renewed, to_client).holds(RELAYING);
        passes_on(602_000, renewed, to_client).breaks(RELAYING, "which was lent until 600.0");
        let refreshed = |play: &mut Play| {
            renewed(play);
            play.send(ALICE, relay().server, &stun(0x0004, 4, &[(0x000d, &600u32.to_be_bytes())]));
            play.send(relay().server, ALICE, &stun(0x0104, 4, &[(0x000d, &600u32.to_be_bytes())]));
        };
        passes_on(602_000, refreshed, to_client).holds(RELAYING);
    }
}

#[test]
fn what_was_given_back_is_over_at_once() {
    let given_back = |play: &mut Play| {
        play.send(ALICE, relay().server, &stun(0x0004, 4, &[(0x000d, &[0; 4])]));
        play.send(relay().server, ALICE, &stun(0x0104, 4, &[(0x000d, &[0; 4])]));
    };
    passes_on(900, given_back, false).holds(RELAYING);
    passes_on(1_100, given_back, false).breaks(RELAYING, "standby passes on something to 10.0.0.2:5000");
}

#[test]
fn a_permission_ends_after_five_minutes_and_one_that_never_was_is_none() {
    passes_on(300_500, |_| {}, false).holds(RELAYING);
    passes_on(301_500, |_| {}, false).breaks(RELAYING, "permitted to that peer until 300.0");
    let mut play = Play::new();
    relay().allocate(&mut play, ALICE, SERVER, 600);
    play.send(relay().relayed, ("bob", 5_000), b"hello");
    play.ends().breaks(RELAYING, "never permitted to that peer");
}

#[test]
fn indications_wrap_as_channels_do() {
    let mut play = Play::new();
    let (call, mut peers) = webrtc::call("c1");
    call.connect(&mut play);
    relay().allocate(&mut play, ALICE, SERVER, 600);
    peers.relay = Some(relay());
    peers.connect(&mut play);
    // Each side's first frames go by indications.
    let own = peers.next(0);
    play.send(ALICE, relay().server, &stun(0x0016, 8, &[(0x0012, &xored(SERVER)), (0x0013, &own)]));
    play.send(relay().relayed, SERVER, &own);
    let theirs = peers.next(1);
    play.send(SERVER, relay().relayed, &theirs);
    play.send(relay().server, ALICE, &stun(0x0017, 9, &[(0x0012, &xored(SERVER)), (0x0013, &theirs)]));
    play.wait(10_000);
    let verdicts = play.ends();
    verdicts.holds(HEARD);
    assert!(verdicts.judged(ENCRYPTED) == 2, "{}", verdicts.judged(ENCRYPTED));
}

#[test]
fn turn_by_tcp_is_read_from_its_stream() {
    let mut play = Play::new();
    let (call, mut peers) = webrtc::call("c1");
    call.connect(&mut play);
    // Only what a client and a relay say to each other goes by TCP.
    let mut connection = Connection::open(&mut play);
    let mut tcp = |play: &mut Play, by_client: bool, bytes: &[u8]| connection.say(play, by_client, bytes);
    tcp(&mut play, true, &stun(0x0003, 1, &[(0x0019, &[17, 0, 0, 0])]));
    let granted: [(u16, &[u8]); 2] = [(0x0016, &xored(relay().relayed)), (0x000d, &[0, 0, 2, 0x58])];
    tcp(&mut play, false, &stun(0x0103, 1, &granted));
    tcp(&mut play, true, &stun(0x0009, 2, &[(0x000c, &[0x40, 1, 0, 0]), (0x0012, &xored(SERVER))]));
    tcp(&mut play, false, &stun(0x0109, 2, &[]));
    let mut send = |play: &mut Play, side: usize, bytes: &[u8]| {
        if side == 0 {
            tcp(play, true, &relay().wrap(bytes));
            play.send(relay().relayed, SERVER, bytes);
        } else {
            play.send(SERVER, relay().relayed, bytes);
            tcp(play, false, &relay().wrap(bytes));
        }
    };
    let silent = Peers { relay: None, ..peers.clone() };
    send(&mut play, 0, &silent.request(0));
    send(&mut play, 1, &silent.success(1));
    for side in [0, 1] {
        send(&mut play, side, &crate::rtc::record(22, 1, &[0xaa; 40]));
    }
    silent.claim(&mut play);
    for side in [0, 1] {
        let frame = peers.next(side);
        send(&mut play, side, &frame);
    }
    play.wait(10_000);
    let verdicts = play.ends();
    verdicts.holds(HEARD);
    assert_eq!(verdicts.judged("without_consent_no_media"), 2);
}

#[test]
fn allocations_over_udp_and_tcp_whose_ports_are_the_same_are_two() {
    let lent = [("standby", 49_200), ("standby", 49_201)];
    let granted = |relayed| stun(0x0103, 1, &[(0x0016, &xored(relayed)), (0x000d, &600u32.to_be_bytes())]);
    let ask = stun(0x0003, 1, &[(0x0019, &[17, 0, 0, 0])]);
    // Over which of the two the peer is permitted, and by which its packet comes.
    for (permitted, by) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
        let mut play = Play::new();
        let mut connection = Connection::open(&mut play);
        let mut say = |play: &mut Play, over: usize, by_client: bool, bytes: &[u8]| match (over, by_client) {
            (0, true) => play.send(ALICE, relay().server, bytes),
            (0, false) => play.send(relay().server, ALICE, bytes),
            (_, by_client) => connection.say(play, by_client, bytes),
        };
        for (over, relayed) in lent.into_iter().enumerate() {
            say(&mut play, over, true, &ask);
            say(&mut play, over, false, &granted(relayed));
        }
        say(&mut play, permitted, true, &stun(0x0008, 2, &[(0x0012, &xored(SERVER))]));
        say(&mut play, permitted, false, &stun(0x0108, 2, &[]));
        say(&mut play, by, false, &stun(0x0017, 9, &[(0x0012, &xored(SERVER)), (0x0013, b"hello")]));
        play.send(lent[by], SERVER, b"hello");
        let verdicts = play.ends();
        if permitted == by {
            verdicts.holds(RELAYING);
            assert_eq!(verdicts.judged(RELAYING), 2);
        } else {
            verdicts.breaks(RELAYING, "never permitted to that peer");
        }
    }
}

/// A TCP connection between the client and the relay, with the ports that both have for UDP too.
struct Connection {
    said: [u32; 2],
}

impl Connection {
    fn open(play: &mut Play) -> Connection {
        play.stream(ALICE, relay().server, 10, crate::packets::SYN, b"");
        play.stream(relay().server, ALICE, 20, crate::packets::SYN | crate::packets::ACK, b"");
        Connection { said: [11, 21] }
    }

    /// In two segments, of which neither holds it whole.
    fn say(&mut self, play: &mut Play, by_client: bool, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let (from, to) = if by_client { (ALICE, relay().server) } else { (relay().server, ALICE) };
        let (begin, end) = bytes.split_at(bytes.len() / 2);
        for piece in [begin, end] {
            let own = &mut self.said[usize::from(!by_client)];
            play.stream(from, to, *own, crate::packets::ACK, piece);
            *own += piece.len() as u32;
        }
    }
}
