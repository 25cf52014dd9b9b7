//! What's left over when a call has ended: a gateway's leg, and an address on a relay. RFC 8445 section 12; RFC 8656
//! sections 3.2, 7 and 7.2.

use busyhour_trace::{Event, SimTime, Source};

use crate::play::{Call, Play, Verdicts};
use crate::rtc::{End, Peers, Relay, Socket, record, stun};

const OUTLIVES: &str = "nothing_outlives_its_call";
const ALICE: End = ("alice", 4_000);
const SERVER: End = ("server", 5_000);

/// Alice's webphone talks with the server for some seconds.
struct Talk {
    play: Play,
    socket: Socket,
    peers: Peers,
    call: Call,
}

fn begins(relay: Option<Relay>) -> Talk {
    let mut play = Play::new();
    let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
    let mut peers = Peers::new("c1", ALICE, SERVER);
    let mut call = Call::new("c1", "alice", "server");
    let mut offer = peers.description(0);
    if let Some(relay) = relay {
        relay.allocate(&mut play, ALICE, SERVER, 600);
        let (ip, port) = (crate::play::address(relay.relayed.0), relay.relayed.1);
        offer += &format!("a=candidate:1 1 udp 1 {ip} {port} typ relay raddr 10.0.0.1 rport 4000\r\n");
        peers.relay = Some(relay);
    }
    call.descriptions = [Some(offer), Some(peers.description(1))];
    socket.say(&mut play, true, &call.invite());
    Talk { play, socket, peers, call }
}

fn talks(relay: Option<Relay>) -> Talk {
    let mut talk = begins(relay);
    let Talk { play, socket, peers, call } = &mut talk;
    socket.say(play, false, &call.answer(200));
    socket.say(play, true, &call.ack());
    peers.connect(play);
    peers.talk(play, 6);
    talk
}

impl Talk {
    /// One side hangs up, and is answered.
    fn hangs_up(&mut self, by: &'static str) {
        let bye = self.call.request("BYE", by);
        self.socket.say(&mut self.play, by == "alice", &bye);
        self.socket.say(&mut self.play, by != "alice", &self.call.reply("BYE", by, 200));
    }
}

/// After the call's end, by whomever, the browser still checks; so many milliseconds later the server shows itself.
fn shows(by: &'static str, later: u64, how: impl Fn(&mut Talk)) -> Verdicts {
    let mut talk = talks(None);
    talk.hangs_up(by);
    talk.play.wait(later);
    how(&mut talk);
    talk.play.ends_later()
}

#[test]
fn a_leg_that_shows_itself_after_the_end_of_its_call_breaks_the_rule() {
    type Way = (fn(&mut Talk), &'static str);
    let ways: [Way; 4] = [
        (
            |talk| talk.peers.check(&mut talk.play),
            "server still answers checks at 10.0.0.2:5000, by a leg whose call ended",
        ),
        (|talk| talk.peers.send(&mut talk.play, 1, &talk.peers.request(1)), "server still checks at"),
        (|talk| talk.peers.frame(&mut talk.play, 1), "server still sends media at"),
        (|talk| talk.peers.send(&mut talk.play, 1, &record(23, 1, &[7; 40])), "server still sends data at"),
    ];
    for by in ["alice", "server"] {
        for (how, says) in ways {
            shows(by, 1_500, how).holds(OUTLIVES);
            shows(by, 2_500, how).breaks(OUTLIVES, says);
        }
        // What the browser does is another rule's.
        shows(by, 2_500, |talk| talk.peers.send(&mut talk.play, 0, &talk.peers.request(0))).holds(OUTLIVES);
    }
}

#[test]
fn a_bye_without_an_answer_ends_a_leg_after_32_seconds() {
    let after = |millis| {
        let mut talk = talks(None);
        let bye = talk.call.request("BYE", "server");
        talk.socket.say(&mut talk.play, false, &bye);
        talk.play.wait(millis);
        // An entry of the log is an occasion to look at what is due.
        talk.play.event(Event::new(SimTime::ZERO, Source::Claim, "idle"), None);
        talk.play.wait(2_500);
        talk.peers.check(&mut talk.play);
        talk.play.ends_later()
    };
    // That it has no answer is another rule's.
    assert!(!after(30_000).told().contains(OUTLIVES));
    let told = after(33_000).told();
    assert!(told.contains(OUTLIVES) && told.contains("server still answers checks"), "{told}");
}

#[test]
fn a_refused_call_leaves_no_leg_and_one_that_is_asked_for_again_has_one() {
    let refused = |again: bool, status| {
        let Talk { mut play, mut socket, peers, call } = begins(None);
        peers.check(&mut play);
        socket.say(&mut play, false, &call.answer(status));
        socket.say(&mut play, true, &call.ack_refusal());
        if again {
            socket.say(&mut play, true, &call.invite());
            socket.say(&mut play, false, &call.answer(200));
        }
        play.wait(2_500);
        peers.check(&mut play);
        play.ends_later()
    };
    // Nothing of the server's was described: nobody knows whose leg it is.
    assert_eq!(refused(false, 486).judged(OUTLIVES), 0);
    assert!(!refused(true, 407).told().contains(OUTLIVES));
}

/// A page that was left: a DTLS alert, and no BYE.
#[test]
fn a_leg_whose_other_side_has_closed_it_is_over() {
    let alerted = |epoch, millis| {
        let mut talk = talks(None);
        talk.peers.send(&mut talk.play, 0, &record(21, epoch, &[0; 26]));
        talk.play.wait(millis);
        talk.peers.frame(&mut talk.play, 1);
        talk.play.ends()
    };
    alerted(1, 2_500).breaks(OUTLIVES, "by a leg whose other side has closed it");
    assert!(!alerted(1, 1_500).told().contains(OUTLIVES));
    assert!(!alerted(0, 2_500).told().contains(OUTLIVES), "anybody can say that");
}

#[test]
fn a_server_that_was_down_since_is_exempt() {
    let mut talk = talks(None);
    talk.hangs_up("alice");
    talk.play.world("crash", "server");
    talk.play.world("restart", "server");
    talk.play.wait(2_500);
    talk.peers.check(&mut talk.play);
    talk.play.ends_later().excuses(OUTLIVES, "its host was down, asleep or moved");
}

fn relay() -> Relay {
    Relay { server: ("standby", 3_478), relayed: ("standby", 49_200), channel: 0x4001 }
}

/// Alice asks for so many seconds more, and gets them.
fn refreshes(play: &mut Play, transaction: u8, seconds: u32) {
    let lifetime = seconds.to_be_bytes();
    play.send(ALICE, relay().server, &stun(0x0004, transaction, &[(0x000d, &lifetime)]));
    play.send(relay().server, ALICE, &stun(0x0104, transaction, &[(0x000d, &lifetime)]));
}

#[test]
fn an_address_that_is_refreshed_after_the_end_of_its_call_breaks_the_rule() {
    let after = |ends: bool, millis: u64, seconds: u32| {
        let mut talk = talks(Some(relay()));
        if ends {
            talk.hangs_up("alice");
        }
        talk.play.wait(millis);
        refreshes(&mut talk.play, 9, seconds);
        talk.play.ends()
    };
    after(true, 45_000, 600).breaks(OUTLIVES, "alice refreshes 10.0.0.5:49200 on a relay, though its call ended at");
    after(true, 45_000, 0).holds(OUTLIVES);
    // A request that was on its way.
    after(true, 35_000, 600).holds(OUTLIVES);
    assert!(!after(false, 45_000, 600).told().contains(OUTLIVES), "the call is up");
}

#[test]
fn an_address_that_is_left_to_expire_breaks_nothing() {
    let mut talk = talks(Some(relay()));
    talk.hangs_up("alice");
    let judged = |mut play: Play, millis| {
        play.wait(millis);
        let verdicts = play.ends();
        verdicts.holds(OUTLIVES);
        verdicts.judged(OUTLIVES)
    };
    let expired = judged(talk.play, 700_000);
    let mut talk = talks(Some(relay()));
    talk.hangs_up("alice");
    assert_eq!(judged(talk.play, 100_000) + 1, expired, "it's still lent");
}

#[test]
fn a_relay_that_refreshes_what_is_over_breaks_the_rule() {
    let after = |millis: u64, given_back: bool| {
        let mut play = Play::new();
        relay().allocate(&mut play, ALICE, SERVER, 600);
        if given_back {
            refreshes(&mut play, 8, 0);
        }
        play.wait(millis);
        refreshes(&mut play, 9, 600);
        play.ends()
    };
    after(599_000, false).holds(OUTLIVES);
    after(602_000, false).breaks(OUTLIVES, "standby refreshes 10.0.0.5:49200, which was over");
    after(39_000, true).holds(OUTLIVES);
    after(41_000, true).breaks(OUTLIVES, "standby refreshes 10.0.0.5:49200, which was over");
}

#[test]
fn an_address_that_no_call_told_of_is_exempt() {
    let mut play = Play::new();
    relay().allocate(&mut play, ALICE, SERVER, 600);
    refreshes(&mut play, 9, 0);
    play.ends().excuses(OUTLIVES, "no SIP message told of that address on a relay");
}
