//! The witnesses of browser tabs: of what a server owes when one is gone, and of what it keeps of one that's there.

use busyhour_trace::{Event, Loss, SimTime, Source, Stage};

use crate::packets::tcp;
use crate::play::{Call, Play, Verdicts, address, register, registered};
use crate::rtc::{Peers, Socket, record};

const RUNG: &str = "a_gone_tab_is_not_rung";
const ENDED: &str = "a_gone_tab_ends_its_calls";
const ONE: &str = "one_contact_per_tab";
const LEGS: &str = "when_one_leg_ends_the_other_ends";
const SECRET: &str = "no_password_on_a_wire";

/// Alice's webphone calls bob by the server.
struct Talk {
    play: Play,
    socket: Socket,
    peers: Peers,
    b: Call,
}

fn talk() -> Talk {
    let mut play = Play::new();
    let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
    let mut peers = Peers::new("c1", ("alice", 4_000), ("server", 5_000));
    let mut a = Call { to_user: "bob".into(), ..Call::new("a1", "alice", "server") };
    a.descriptions = [Some(peers.description(0)), Some(peers.description(1))];
    let b = Call { from_user: "alice".into(), ..Call::new("b1", "server", "bob") };
    socket.say(&mut play, true, &a.invite());
    socket.say(&mut play, false, &a.answer(100));
    play.say("server", "bob", &b.invite());
    play.say("bob", "server", &b.answer(200));
    play.say("server", "bob", &b.ack());
    socket.say(&mut play, false, &a.answer(200));
    socket.say(&mut play, true, &a.ack());
    peers.connect(&mut play);
    play.talk(&b, 4);
    peers.talk(&mut play, 6);
    peers.check(&mut play);
    Talk { play, socket, peers, b }
}

/// What's said when the tab's end is told so, and the server hangs up on bob so many milliseconds later.
fn ends(how: impl Fn(&mut Talk), millis: u64) -> Verdicts {
    let mut talk = talk();
    how(&mut talk);
    let Talk { mut play, mut b, .. } = talk;
    play.wait(millis);
    // Whatever is due is due before it.
    b.hang_up(&mut play, "server");
    play.ends_later()
}

#[test]
fn a_call_by_websocket_that_is_hung_up_breaks_nothing() {
    let Talk { mut play, mut socket, mut b, .. } = talk();
    b.hang_up(&mut play, "bob");
    let mut a = Call { to_user: "bob".into(), ..Call::new("a1", "alice", "server") };
    socket.say(&mut play, false, &a.request("BYE", "server"));
    socket.say(&mut play, true, &a.reply("BYE", "server", 200));
    socket.close(&mut play);
    play.ends_later().holds(LEGS);
}

// RFC 7675 5.1; the times are those that a server's own signals allow.

#[test]
fn each_kind_of_end_has_its_time() {
    let alert = |talk: &mut Talk| {
        talk.peers.send(&mut talk.play, 0, &record(21, 1, &[0xaa; 20]));
        talk.socket.close(&mut talk.play);
    };
    // With and without a Close frame.
    let closed = |talk: &mut Talk| talk.socket.close(&mut talk.play);
    let killed = |talk: &mut Talk| talk.socket.finish(&mut talk.play);
    type How = fn(&mut Talk);
    let kinds: [(How, u64, &str); 3] = [
        (alert, 2_000, "its DTLS alert came"),
        (closed, 7_000, "its WebSocket was over"),
        (killed, 7_000, "its WebSocket was over"),
    ];
    for (how, due, sign) in kinds {
        let good = ends(how, due - 100);
        good.holds(ENDED);
        good.excuses(LEGS, "its WebSocket was gone");
        ends(how, due + 100).breaks(ENDED, sign);
    }
}

#[test]
fn a_lid_that_is_closed_ends_the_call_when_consent_is_over() {
    for (millis, breaks) in [(31_900, false), (32_100, true)] {
        let Talk { mut play, socket, mut b, .. } = talk();
        play.world("sleep", "alice");
        play.wait(millis);
        b.hang_up(&mut play, "server");
        // The webphone's leg is hung up on as well, and nobody hears it.
        let mut a = Call { to_user: "bob".into(), ..Call::new("a1", "alice", "server") };
        socket.say_in_vain(&mut play, &a.request("BYE", "server"));
        let verdicts = play.ends_later();
        if breaks { verdicts.breaks(ENDED, "its last ICE check came") } else { verdicts.holds(ENDED) }
    }
}

#[test]
fn who_connects_again_and_goes_on_is_not_gone() {
    let Talk { mut play, mut socket, mut peers, mut b } = talk();
    socket.close(&mut play);
    let mut socket = Socket::open(&mut play, ("alice", 50_001), ("server", 8_080));
    let mut a = Call { to_user: "bob".into(), ..Call::new("a1", "alice", "server") };
    a.descriptions = [Some(peers.description(0)), Some(peers.description(1))];
    a.cseq = 2;
    socket.say(&mut play, true, &a.invite().replace("<sip:bob@sim>", "<sip:bob@sim>;tag=a1t"));
    socket.say(&mut play, false, &a.answer(200));
    socket.say(&mut play, true, &a.ack());
    peers.talk(&mut play, 40);
    b.hang_up(&mut play, "bob");
    socket.say(&mut play, false, &a.request("BYE", "server"));
    socket.say(&mut play, true, &a.reply("BYE", "server", 200));
    let verdicts = play.ends_later();
    assert_eq!((verdicts.told().as_str(), verdicts.judged(ENDED)), ("", 0));
}

// RFC 7118 5.1, RFC 5626 5.3.

/// Alice registers by a WebSocket, which then ends; the server calls her, by it or by another way.
fn rings(closes: bool, by_socket: bool, before: impl Fn(&mut Play)) -> Verdicts {
    let mut play = Play::new();
    let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
    socket.say(&mut play, true, &register("alice", "alice", 1, 600));
    socket.say(&mut play, false, &registered("alice", "alice", 1, &[("alice", 600)]));
    if closes {
        socket.close(&mut play);
    }
    play.wait(200);
    before(&mut play);
    let call = Call::new("r1", "server", "alice");
    if by_socket {
        socket.say_in_vain(&mut play, &call.invite());
    } else {
        play.lose("server", "alice", &call.invite());
    }
    play.ends()
}

#[test]
fn a_call_to_a_websocket_that_is_over_breaks_the_rule_and_so_does_one_into_the_void() {
    rings(false, true, |_| {}).holds(RUNG);
    rings(true, true, |_| {}).breaks(RUNG, "server sends a call for sip:alice@10.0.0.1 by a WebSocket that is over");
    rings(true, false, |_| {}).breaks(RUNG, "to a contact whose WebSocket is over since");
}

#[test]
fn who_has_registered_by_another_websocket_since_can_be_rung() {
    let again = |play: &mut Play| {
        let mut socket = Socket::open(play, ("alice", 50_001), ("server", 8_080));
        socket.say(play, true, &register("alice", "alice", 2, 600));
        socket.say(play, false, &registered("alice", "alice", 2, &[("alice", 600)]));
    };
    rings(true, false, again).holds(RUNG);
}

#[test]
fn a_server_that_is_set_to_keep_contacts_is_excused() {
    let setting = |play: &mut Play| {
        let entry = Event::new(SimTime::ZERO, Source::Step, "server-setting");
        play.event(entry.with("lost_connection", "keeps-until-expiry"), Some("server"));
    };
    rings(true, false, setting).excuses(RUNG, "set to keep the contacts");
    let claim = |play: &mut Play| {
        let entry = Event::new(SimTime::ZERO, Source::Claim, "server-setting");
        play.event(entry.with("lost_connection", "keeps-until-expiry"), Some("server"));
    };
    rings(true, false, claim).breaks(RUNG, "whose WebSocket is over");
}

// RFC 5626 6.

#[test]
fn two_bindings_of_one_instance_break_the_rule_and_two_of_two_do_not() {
    let listed = |first: &str, second: &str| {
        let mut play = Play::new();
        let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
        socket.say(&mut play, true, &register("alice", "alice", 1, 600));
        let list = registered("alice", "alice", 1, &[("alice", 600), ("carol", 600)]);
        let with = |host: &str, params: &str| {
            let contact = format!("<sip:alice@{}:5060>", address(host));
            (contact.clone(), format!("{contact};{params}"))
        };
        let (a, b) = (with("alice", first), with("carol", second));
        socket.say(&mut play, false, &list.replace(&a.0, &a.1).replace(&b.0, &b.1));
        play.ends()
    };
    let of = |number: u32, flow: u32| format!("+sip.instance=\"<urn:uuid:{number}>\";reg-id={flow}");
    listed(&of(1, 1), &of(1, 1))
        .breaks(ONE, "server keeps two contacts of one instance and reg-id: sip:alice@10.0.0.1");
    listed(&of(1, 1), &of(1, 2)).holds(ONE);
    listed(&of(1, 1), &of(2, 1)).holds(ONE);
}

#[test]
fn two_contacts_by_one_websocket_break_the_rule_and_one_that_was_taken_back_does_not() {
    let second = |kept: &[(&str, u32)]| {
        let mut play = Play::new();
        let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
        socket.say(&mut play, true, &register("alice", "alice", 1, 600));
        socket.say(&mut play, false, &registered("alice", "alice", 1, &[("alice", 600)]));
        socket.say(&mut play, true, &register("alice", "carol", 1, 600));
        socket.say(&mut play, false, &registered("alice", "carol", 1, kept));
        play.ends()
    };
    second(&[("alice", 600), ("carol", 600)]).breaks(ONE, "two contacts by one WebSocket");
    second(&[("carol", 600)]).holds(ONE);
}

#[test]
fn a_password_is_found_behind_a_frames_mask() {
    for (text, breaks) in
        [("OPTIONS sip:hunter2.hunter2 SIP/2.0\r\n\r\n", true), ("OPTIONS sip:x SIP/2.0\r\n\r\n", false)]
    {
        let mut play = Play::new();
        play.event(Event::new(SimTime::ZERO, Source::World, "secret").with("value", "hunter2.hunter2"), None);
        let mut socket = Socket::open(&mut play, ("alice", 50_000), ("server", 8_080));
        socket.say(&mut play, true, text);
        let verdicts = play.ends();
        if breaks { verdicts.breaks(SECRET, "shows a password") } else { verdicts.holds(SECRET) }
    }
}

impl Socket {
    /// The server says something that doesn't arrive.
    fn say_in_vain(&self, play: &mut Play, text: &str) {
        let ends = [self.server, self.client].map(|(host, port)| format!("{}:{port}", address(host)));
        let frame = crate::rtc::frame(0x81, false, text.as_bytes());
        let (id, bytes) = (play.number(), tcp(&ends[0], &ends[1], self.next(false), 16, &frame));
        play.see(id, Stage::Sent, "server", "alice", &bytes);
        play.see(id, Stage::Lost(Loss::HostAsleep), "server", "alice", &bytes);
    }
}
