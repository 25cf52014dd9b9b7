//! The witnesses of SIP and of media, each in both directions: what breaks its rule, and what looks alike and doesn't.
//! All witnesses listen to every play, so that no other one may complain.

use busyhour_trace::{Event, Loss, SimTime, Source, Stage};

use crate::packets::{ACK, RST, SYN, tcp};
use crate::play::{Call, Play, register, registered};

const ANSWERED: &str = "every_request_is_answered";
const ACKED: &str = "every_2xx_to_invite_is_acknowledged";
const LEGS: &str = "when_one_leg_ends_the_other_ends";
const CSEQ: &str = "cseq_grows_and_tags_stay";
const ZOMBIES: &str = "no_zombie_calls";
const BINDINGS: &str = "bindings_expire";
const HEARD: &str = "established_means_heard";
const QUIET: &str = "after_the_end_no_rtp";
const SECRET: &str = "no_password_on_a_wire";
const TIMERS: &str = "retransmissions_follow_their_timers";

#[test]
fn a_plain_call_breaks_nothing_and_most_rules_were_judged() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    call.connect(&mut play);
    play.talk(&call, 5);
    call.hang_up(&mut play, "bob");
    let verdicts = play.ends_later();
    for witness in [ANSWERED, ACKED, CSEQ, ZOMBIES, HEARD, QUIET, TIMERS] {
        if witness != TIMERS {
            verdicts.holds(witness);
        }
    }
}

// RFC 3261 8.2, 17.2.

#[test]
fn a_request_that_nobody_answers_breaks_the_rule_36_seconds_later() {
    for (millis, judged) in [(35_990, 0), (36_010, 1)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        // Bob's phone speaks SIP, and then forgets to.
        play.say("bob", "alice", &call.reply("OPTIONS", "bob", 481));
        let options = call.request("OPTIONS", "alice");
        for gap in [0, 500, 1_000, 2_000, 4_000, 4_000] {
            play.wait(gap);
            play.say("alice", "bob", &options);
        }
        play.wait(millis - 11_505 - 1);
        let verdicts = play.ends();
        assert_eq!(verdicts.judged(ANSWERED), judged);
        if judged == 1 {
            verdicts.breaks(ANSWERED, "OPTIONS arrived at bob and wasn't answered");
        }
    }
}

#[test]
fn a_request_that_never_arrived_or_reached_one_who_was_down_needs_no_answer() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    let bye = call.request("BYE", "alice");
    for gap in [0, 500, 1_000, 2_000, 4_000] {
        play.wait(gap);
        play.lose("alice", "bob", &bye);
    }
    let verdicts = play.ends_later();
    assert_eq!((verdicts.told().as_str(), verdicts.judged(ANSWERED)), ("", 0));

    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    let bye = call.request("BYE", "alice");
    play.say("alice", "bob", &bye);
    play.wait(400);
    play.world("crash", "bob");
    play.wait(100);
    play.lose("alice", "bob", &bye);
    play.wait(5_000);
    play.world("restart", "bob");
    play.ends_later().excuses(ANSWERED, "down");
}

#[test]
fn an_invite_may_ring_for_long_unless_it_was_cancelled() {
    let mut play = Play::new();
    let call = Call::new("c1", "alice", "bob");
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(180));
    play.wait(100_000);
    play.say("alice", "bob", &call.cancel());
    play.say("bob", "alice", &call.answer_cancel(200));
    play.ends_later().breaks(ANSWERED, "INVITE was cancelled at bob and got no final response");

    let mut play = Play::new();
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(180));
    play.wait(100_000);
    play.say("alice", "bob", &call.cancel());
    play.say("bob", "alice", &call.answer_cancel(200));
    play.say("bob", "alice", &call.answer(487));
    play.say_twice("alice", "bob", &call.ack_refusal(), 3_000);
    play.ends_later().holds(ANSWERED);
}

#[test]
fn what_the_network_brings_twice_is_one_request() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    play.say_twice("alice", "bob", &call.invite(), 30);
    play.say_twice("bob", "alice", &call.answer(200), 40);
    play.say_twice("alice", "bob", &call.ack(), 50);
    play.say_twice("alice", "bob", &call.ack(), 50);
    play.talk(&call, 4);
    play.say_twice("bob", "alice", &call.request("BYE", "bob"), 100);
    play.say_twice("alice", "bob", &call.reply("BYE", "bob", 200), 5_000);
    let verdicts = play.ends_later();
    verdicts.holds(ANSWERED);
}

#[test]
fn noise_and_malformed_requests_are_nobodys_business() {
    let mut play = Play::new();
    let call = Call::new("c1", "alice", "server");
    for noise in [
        "\r\n\r\n",
        "INVITE",
        "INVITE sip:x SIP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\u{0}\u{1}",
        "OPTIONS sip:x SIP/2.0",
    ] {
        play.say("alice", "server", noise);
    }
    play.say("alice", "server", &call.invite().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"));
    play.say("alice", "server", &call.invite().replace("z9hG4bK", "old"));
    play.say("alice", "server", &call.invite().replace("Content-Length: ", "Content-Length: 9"));
    let verdicts = play.ends_later();
    assert_eq!(verdicts.judged(ANSWERED), 0);
    let told = verdicts.told();
    // A request without the cookie is regular SIP for the timers: its sender has to send it again.
    assert!(told.lines().all(|line| line.starts_with(TIMERS)), "{told}");
}

// RFC 3261 13.2.2.4, 13.3.1.4.

#[test]
fn a_2xx_without_ack_breaks_the_rule_on_both_sides_unless_the_call_is_torn_down() {
    let unacknowledged = |acks: bool, tears_down: bool| {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        play.say("alice", "bob", &call.invite());
        for gap in [0, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000] {
            play.wait(gap);
            play.say("bob", "alice", &call.answer(200));
            if acks {
                play.lose("alice", "bob", &call.ack());
            }
        }
        play.wait(500);
        if tears_down {
            call.hang_up(&mut play, "bob");
        }
        play.ends_later()
    };
    unacknowledged(true, true).holds(ACKED);
    unacknowledged(true, false)
        .breaks(ACKED, "bob sent a 2xx to an INVITE at 0.001000s, got no ACK, and hasn't sent a BYE");
    // Who was hung up on after half a minute was to say it before.
    unacknowledged(false, true)
        .breaks(ACKED, "a 2xx to an INVITE of alice arrived at 0.002000s, and it has sent no ACK");
    let told = unacknowledged(false, false).told();
    assert!(told.contains("a 2xx to an INVITE of alice arrived") && told.contains("bob sent a 2xx"), "{told}");
}

#[test]
fn who_is_hung_up_on_before_the_ack_owes_none_and_nor_does_who_has_crashed_since_the_invite() {
    // Bob says it ten times, in 27.5 s.
    let answers = |play: &mut Play, call: &Call| {
        for gap in [0, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000] {
            play.wait(gap);
            play.say("bob", "alice", &call.answer(200));
        }
    };
    // Half a minute after it came first, or a millisecond less.
    for (wait, fine) in [(2_489, true), (2_490, false)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        play.say("alice", "bob", &call.invite());
        answers(&mut play, &call);
        play.wait(wait);
        call.hang_up(&mut play, "bob");
        let verdicts = play.ends_later();
        if fine { verdicts.holds(ACKED) } else { verdicts.breaks(ACKED, "and it has sent no ACK") }
    }
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    play.say("alice", "bob", &call.invite());
    play.world("crash", "alice");
    play.wait(100);
    play.world("restart", "alice");
    play.wait(100);
    answers(&mut play, &call);
    play.wait(4_500);
    call.hang_up(&mut play, "bob");
    play.ends_later().excuses(ACKED, "crashed since it sent the INVITE");
}

#[test]
fn each_2xx_of_a_fork_and_each_repetition_wants_its_ack() {
    let mut play = Play::new();
    let call = Call::new("c1", "alice", "bob");
    let mut second = Call { to_tag: "other".into(), ..call.clone() };
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(200));
    play.lose("alice", "bob", &call.ack());
    play.wait(499);
    // It comes again, and alice doesn't say it again.
    play.say("bob", "alice", &call.answer(200));
    play.wait(999);
    play.say("bob", "alice", &call.answer(200));
    let _ = second.request("BYE", "alice");
    let told = play.ends_later().told();
    assert!(told.contains("a 2xx to an INVITE of alice arrived at 0.502000s, and it has sent no ACK"), "{told}");
}

#[test]
fn a_2xx_after_the_invite_has_timed_out_is_excused() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    for gap in [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        play.wait(gap);
        play.lose("alice", "bob", &call.invite());
    }
    play.wait(1_000);
    play.say("bob", "alice", &call.answer(200));
    call.hang_up(&mut play, "bob");
    play.ends_later().excuses(ACKED, "timed out");
}

// RFC 3261 6, 15.

/// Alice calls bob through the server: the two legs.
fn legs() -> (Call, Call) {
    let a = Call { to_user: "bob".into(), ..Call::new("a1", "alice", "server") };
    let b = Call { from_user: "alice".into(), ..Call::new("b1", "server", "bob") };
    (a, b)
}

fn bridge(play: &mut Play, a: &Call, b: &Call) {
    play.say("alice", "server", &a.invite());
    play.say("server", "alice", &a.answer(100));
    play.say("server", "bob", &b.invite());
    play.say("bob", "server", &b.answer(180));
    play.say("server", "alice", &a.answer(180));
    play.wait(2_000);
    play.say("bob", "server", &b.answer(200));
    play.say("server", "bob", &b.ack());
    play.say("server", "alice", &a.answer(200));
    play.say("alice", "server", &a.ack());
    for _ in 0..40 {
        for call in [a, b] {
            play.frame((call.caller, call.caller_port), (call.callee, call.callee_port), false);
            play.frame((call.callee, call.callee_port), (call.caller, call.caller_port), false);
        }
        play.wait(100);
    }
}

#[test]
fn a_leg_that_stays_when_the_other_ends_breaks_the_rule() {
    let (mut a, mut b) = legs();
    let mut play = Play::new();
    bridge(&mut play, &a, &b);
    b.hang_up(&mut play, "bob");
    play.wait(30_000);
    a.hang_up(&mut play, "server");
    play.ends_later().holds(LEGS);

    for by in ["alice", "bob"] {
        let (mut a, mut b) = legs();
        let mut play = Play::new();
        bridge(&mut play, &a, &b);
        if by == "alice" {
            a.hang_up(&mut play, "alice")
        } else {
            b.hang_up(&mut play, "bob")
        }
        play.ends_later().breaks(LEGS, "is still up, whose other leg ended at");
    }
}

#[test]
fn a_transfer_a_crash_and_a_call_in_the_partys_name_untie_legs() {
    let (a, mut b) = legs();
    let mut play = Play::new();
    bridge(&mut play, &a, &b);
    play.say("bob", "server", &b.request("REFER", "bob"));
    play.say("server", "bob", &b.reply("REFER", "bob", 202));
    b.hang_up(&mut play, "bob");
    play.ends_later().excuses(LEGS, "transferred");

    let (a, mut b) = legs();
    let mut play = Play::new();
    bridge(&mut play, &a, &b);
    b.hang_up(&mut play, "bob");
    play.world("crash", "server");
    play.world("restart", "server");
    play.ends_later().excuses(LEGS, "down");

    // The queue gives alice to carol when bob has hung up.
    let (a, mut b) = legs();
    let mut c = Call { from_user: "alice".into(), ..Call::new("c9", "server", "carol") };
    let mut play = Play::new();
    bridge(&mut play, &a, &b);
    b.hang_up(&mut play, "bob");
    c.connect(&mut play);
    play.talk(&c, 4);
    c.hang_up(&mut play, "carol");
    play.ends_later().excuses(LEGS, "taken elsewhere");
}

#[test]
fn a_leg_that_rings_on_after_the_caller_has_gone_breaks_the_rule() {
    let play = |cancels: bool, rings: bool| {
        let (a, b) = legs();
        let mut play = Play::new();
        play.say("alice", "server", &a.invite());
        play.say("server", "alice", &a.answer(100));
        play.say("server", "bob", &b.invite());
        if rings {
            play.say("bob", "server", &b.answer(180));
        }
        play.wait(100);
        play.say("alice", "server", &a.cancel());
        play.say("server", "alice", &a.answer_cancel(200));
        play.say("server", "alice", &a.answer(487));
        play.say("alice", "server", &a.ack_refusal());
        if cancels {
            play.say("server", "bob", &b.cancel());
            play.say("bob", "server", &b.answer_cancel(200));
            play.say("bob", "server", &b.answer(487));
            play.say("server", "bob", &b.ack_refusal());
        }
        play.ends_later()
    };
    play(true, true).holds(LEGS);
    play(false, true).breaks(LEGS, "server's leg to bob is still up");
    // Nobody has answered at all: it ends by itself. (Who left it unanswered is told, and that it wasn't repeated.)
    assert!(!play(false, false).told().contains(LEGS));
}

#[test]
fn calls_that_arent_in_the_callers_name_and_two_calls_of_one_caller_are_no_pair() {
    let (mut a, b) = legs();
    let mut stranger = Call { from_user: "support".into(), ..b };
    let mut play = Play::new();
    bridge(&mut play, &a, &stranger);
    stranger.hang_up(&mut play, "bob");
    let verdicts = play.ends_later();
    assert_eq!((verdicts.told().as_str(), verdicts.judged(LEGS)), ("", 0));

    // A queue answers alice first, and calls bob afterwards.
    let (_, b) = legs();
    let mut play = Play::new();
    a = Call::new("a1", "alice", "server");
    a.connect(&mut play);
    play.talk(&a, 4);
    let mut b = b;
    b.connect(&mut play);
    play.talk(&b, 4);
    b.hang_up(&mut play, "bob");
    let verdicts = play.ends_later();
    assert_eq!((verdicts.told().as_str(), verdicts.judged(LEGS)), ("", 0));
}

// RFC 3261 8.1.1.7, 8.2.6.2, 12.2.1.1, 13.2.2.4.

#[test]
fn a_number_that_doesnt_grow_breaks_the_rule() {
    for (cseq, fine) in [(2, false), (3, false), (4, true)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        call.cseq = 2;
        play.say("alice", "bob", &call.request("INFO", "alice"));
        play.say("bob", "alice", &call.reply("INFO", "alice", 200));
        call.cseq = cseq;
        play.say("alice", "bob", &call.request_with("BYE", "alice", cseq));
        play.say("bob", "alice", &call.reply("BYE", "alice", 200));
        let verdicts = play.ends_later();
        if fine {
            verdicts.holds(CSEQ);
        } else {
            verdicts.breaks(CSEQ, &format!("alice sent BYE with CSeq {cseq} after one with 3"));
        }
    }
}

#[test]
fn an_ack_has_its_invites_number_and_a_reboot_may_count_from_one() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(200));
    play.say("alice", "bob", &call.ack());
    call.cseq = 5;
    play.say("alice", "bob", &call.ack());
    call.cseq = 1;
    play.talk(&call, 4);
    call.hang_up(&mut play, "bob");
    play.ends_later().breaks(CSEQ, "alice sent ACK with CSeq 5, and no INVITE of it has that number");

    let mut play = Play::new();
    for (number, reboots) in [(7, false), (8, true), (1, false)] {
        play.say("alice", "server", &register("alice", "alice", number, 60));
        play.say("server", "alice", &registered("alice", "alice", number, &[("alice", 60)]));
        if reboots {
            play.world("crash", "alice");
            play.wait(1_000);
            play.world("restart", "alice");
        }
    }
    play.ends_later().holds(CSEQ);

    let mut play = Play::new();
    for number in [7, 6] {
        play.say("alice", "server", &register("alice", "alice", number, 60));
        play.say("server", "alice", &registered("alice", "alice", number, &[("alice", 60)]));
    }
    play.ends_later().breaks(CSEQ, "alice sent REGISTER with CSeq 6 after one with 7");
}

#[test]
fn a_response_mirrors_its_request_and_keeps_its_tag() {
    let mut play = Play::new();
    let call = Call::new("c1", "alice", "bob");
    let other = Call { to_tag: "other".into(), ..call.clone() };
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &other.answer(180));
    play.say("bob", "alice", &call.answer(486));
    play.say("alice", "bob", &call.ack_refusal());
    play.ends_later().breaks(CSEQ, "bob's 486 to INVITE has another To tag than its response before");

    let mut play = Play::new();
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(486).replace("5060;branch", "5062;branch"));
    play.say("alice", "bob", &call.ack_refusal());
    play.ends_later().breaks(CSEQ, "bob's 486 to INVITE has another Via list than the request");

    let mut play = Play::new();
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(486).replace(";branch=", ";received=10.0.0.1;rport=5060;branch="));
    play.say("alice", "bob", &call.ack_refusal());
    play.ends_later().holds(CSEQ);
}

#[test]
fn a_side_keeps_its_tag_in_a_dialog_and_an_older_request_may_be_sent_again_after_a_newer_one() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    call.connect(&mut play);
    play.talk(&call, 4);
    let first = call.request("NOTIFY", "alice");
    let older = call.clone();
    let second = call.request("NOTIFY", "alice");
    play.lose("alice", "bob", &first);
    play.say("alice", "bob", &second);
    play.say("bob", "alice", &call.reply("NOTIFY", "alice", 200));
    play.wait(500);
    play.say("alice", "bob", &first);
    play.say("bob", "alice", &older.reply("NOTIFY", "alice", 200));
    play.ends_later().holds(CSEQ);

    for by in ["alice", "bob"] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        let own = if by == "alice" { call.from_tag.clone() } else { call.to_tag.clone() };
        let other = if by == "alice" { "bob" } else { "alice" };
        let changed = |text: String| text.replace(&format!("tag={own}"), "tag=another");
        play.say(by, other, &changed(call.request("INFO", by)));
        play.say(other, by, &changed(call.reply("INFO", by, 481)));
        play.ends_later().breaks(CSEQ, &format!("{by} sent INFO in a dialog with another From tag than its own there"));
    }
}

#[test]
fn requests_go_along_the_route_that_was_recorded() {
    for (route, fine) in [
        ("Route: <sip:p2.sim;lr>, <sip:p1.sim;lr=on>\r\n", true),
        ("Route: <sip:p1.sim;lr>\r\nRoute: <sip:p2.sim;lr>\r\n", false),
        ("", false),
    ] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.record_route = "Record-Route: <sip:p1.sim;lr>, <sip:p2.sim;lr>\r\n";
        call.route = route;
        call.connect(&mut play);
        play.talk(&call, 4);
        call.hang_up(&mut play, "alice");
        let verdicts = play.ends_later();
        if fine {
            verdicts.holds(CSEQ);
        } else {
            verdicts.breaks(CSEQ, "alice's ACK doesn't go along the dialog's route set");
        }
    }
}

// RFC 3261 9.1, 15, 17.2.1.

#[test]
fn who_refuses_to_be_hung_up_on_is_a_zombie() {
    for (status, fine) in [(200, true), (403, false), (481, true), (500, true)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        play.say("alice", "bob", &call.request("BYE", "alice"));
        play.say("bob", "alice", &call.reply("BYE", "alice", status));
        let verdicts = play.ends_later();
        if fine { verdicts.holds(ZOMBIES) } else { verdicts.breaks(ZOMBIES, "bob refused to be hung up on, with 403") }
    }
}

#[test]
fn nothing_new_begins_in_a_dialog_that_is_over() {
    for (method, by, fine) in [("INFO", "alice", false), ("INFO", "bob", false), ("NOTIFY", "bob", true)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        call.hang_up(&mut play, "alice");
        let other = if by == "alice" { "bob" } else { "alice" };
        play.say(by, other, &call.request(method, by));
        play.say(other, by, &call.reply(method, by, 481));
        let verdicts = play.ends_later();
        if fine { verdicts.holds(ZOMBIES) } else { verdicts.breaks(ZOMBIES, "in a dialog that is over for it") }
    }
    // What crosses the BYE isn't new.
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    call.connect(&mut play);
    play.talk(&call, 4);
    play.say("bob", "alice", &call.request("INFO", "bob"));
    let bye = call.request("BYE", "alice");
    play.say("alice", "bob", &bye);
    play.say("alice", "bob", &call.reply("INFO", "bob", 481));
    play.say("bob", "alice", &call.request("BYE", "bob"));
    play.say("alice", "bob", &call.reply("BYE", "bob", 200));
    play.say("bob", "alice", &call.reply("BYE", "alice", 481));
    play.ends_later().holds(ZOMBIES);
}

// RFC 3261 12.2.1.2; RFC 3311 5.1 and RFC 6086 4.2.2: the answer to UPDATE and INFO says whether there is a dialog.
// RFC 5057 5.2: what a subscription's NOTIFY is told is its own affair.

#[test]
fn who_is_told_that_there_is_no_dialog_begins_nothing_in_it() {
    for (method, status, fine) in [
        ("UPDATE", 481, false),
        ("INFO", 481, false),
        ("UPDATE", 200, true),
        ("INFO", 500, true),
        ("NOTIFY", 481, true),
        ("OPTIONS", 481, true),
    ] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        play.say("alice", "bob", &call.request(method, "alice"));
        play.say("bob", "alice", &call.reply(method, "alice", status));
        play.say("alice", "bob", &call.request("INFO", "alice"));
        play.say("bob", "alice", &call.reply("INFO", "alice", 200));
        let verdicts = play.ends_later();
        if fine {
            verdicts.holds(ZOMBIES);
        } else {
            verdicts.breaks(ZOMBIES, "alice sent a new INFO in a dialog that is over for it: it was told 481");
        }
    }
    // A BYE is what's left to say, and says no more than that.
    for method in ["UPDATE", "INFO"] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        play.say("alice", "bob", &call.request(method, "alice"));
        play.say("bob", "alice", &call.reply(method, "alice", 481));
        play.say("alice", "bob", &call.request("BYE", "alice"));
        play.say("bob", "alice", &call.reply("BYE", "alice", 481));
        play.ends_later().holds(ZOMBIES);
    }
}

#[test]
fn an_invite_has_one_outcome() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    play.say("alice", "bob", &call.invite());
    play.say("bob", "alice", &call.answer(200));
    play.say("alice", "bob", &call.ack());
    play.say("bob", "alice", &call.answer(487));
    play.talk(&call, 4);
    call.hang_up(&mut play, "alice");
    play.ends_later().breaks(ZOMBIES, "bob answered an INVITE with 487 after it had answered 200");
}

#[test]
fn a_call_that_was_cancelled_and_answered_is_hung_up() {
    for hangs_up in [true, false] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        play.say("alice", "bob", &call.invite());
        play.say("bob", "alice", &call.answer(180));
        let cancel = call.cancel();
        play.lose("alice", "bob", &cancel);
        play.say("bob", "alice", &call.answer(200));
        play.say("alice", "bob", &call.ack());
        play.wait(400);
        play.wait(99);
        play.say("alice", "bob", &cancel);
        play.say("bob", "alice", &call.answer_cancel(200));
        play.talk(&call, 4);
        if hangs_up {
            call.hang_up(&mut play, "alice");
            play.ends_later().holds(ZOMBIES);
        } else {
            play.ends_later()
                .breaks(ZOMBIES, "alice has cancelled a call, was answered at 0.003000s, and hasn't hung up");
        }
    }
}

#[test]
fn of_two_answers_one_stays() {
    for hangs_up in [true, false] {
        let mut play = Play::new();
        let call = Call::new("c1", "alice", "bob");
        let mut second = Call { to_tag: "other".into(), ..call.clone() };
        play.say("alice", "bob", &call.invite());
        play.say("bob", "alice", &call.answer(200));
        play.say("alice", "bob", &call.ack());
        play.say("bob", "alice", &second.answer(200));
        play.say("alice", "bob", &second.ack());
        play.talk(&call, 4);
        if hangs_up {
            second.hang_up(&mut play, "alice");
        }
        let told = play.ends_later().told();
        // One host that answers twice with two tags is a matter of tags.
        let rest: Vec<_> = told.lines().filter(|line| !line.starts_with(CSEQ)).collect();
        if hangs_up {
            assert_eq!(rest, Vec::<&str>::new());
        } else {
            assert!(rest.len() == 1 && rest[0].contains("2 answers to one call of alice are up"), "{told}");
        }
    }
}

// RFC 3261 10.2.2, 10.3, 16.5.

#[test]
fn a_call_to_a_binding_that_is_gone_breaks_the_rule() {
    for (wait, fine) in [(59_000, true), (60_900, true), (61_100, false)] {
        let mut play = Play::new();
        play.say("bob", "server", &register("bob", "bob", 1, 60));
        play.say("server", "bob", &registered("bob", "bob", 1, &[("bob", 60)]));
        play.wait(wait);
        let mut call = Call::new("c1", "server", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        call.hang_up(&mut play, "bob");
        let verdicts = play.ends_later();
        if fine {
            verdicts.holds(BINDINGS);
        } else {
            verdicts
                .breaks(BINDINGS, "server sent a call to sip:bob@10.0.0.3, a binding that is gone since 60.001000s");
        }
    }
}

#[test]
fn what_was_taken_back_is_gone_and_what_was_refreshed_is_not() {
    for (again, kept, fine) in [(0, &[][..], false), (60, &[("bob", 60)][..], true)] {
        let mut play = Play::new();
        play.say("bob", "server", &register("bob", "bob", 1, 60));
        play.say("server", "bob", &registered("bob", "bob", 1, &[("bob", 60)]));
        play.wait(50_000);
        play.say("bob", "server", &register("bob", "bob", 2, again));
        play.say("server", "bob", &registered("bob", "bob", 2, kept));
        play.wait(20_000);
        let mut call = Call::new("c1", "server", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        call.hang_up(&mut play, "bob");
        let verdicts = play.ends_later();
        if fine { verdicts.holds(BINDINGS) } else { verdicts.breaks(BINDINGS, "a binding that is gone since 50.") }
    }
}

#[test]
fn a_call_that_fails_at_dead_contacts_only_breaks_the_rule() {
    for tries_both in [false, true] {
        let mut play = Play::new();
        play.say("bob", "server", &register("bob", "bob", 1, 600));
        play.say("server", "bob", &registered("bob", "bob", 1, &[("bob", 600)]));
        play.say("carol", "server", &register("bob", "carol", 1, 600));
        play.say("server", "carol", &registered("bob", "carol", 1, &[("bob", 600), ("carol", 600)]));
        play.world("crash", "bob");
        play.wait(1_000);
        let (a, b) = legs();
        let c = Call { from_user: "alice".into(), to_user: "bob".into(), ..Call::new("c9", "server", "carol") };
        play.say("alice", "server", &a.invite());
        play.say("server", "alice", &a.answer(100));
        play.lose("server", "bob", &b.invite());
        if tries_both {
            play.say("server", "carol", &c.invite());
            play.say("carol", "server", &c.answer(486));
            play.say("server", "carol", &c.ack_refusal());
        }
        for gap in [500, 1_000, 2_000, 4_000, 8_000, 16_000] {
            play.wait(gap);
            play.lose("server", "bob", &b.invite());
        }
        play.wait(500);
        play.say("server", "alice", &a.answer(480));
        play.say("alice", "server", &a.ack_refusal());
        let verdicts = play.ends_later();
        if tries_both {
            verdicts.holds(BINDINGS);
        } else {
            verdicts.breaks(BINDINGS, "server tried a call at dead contacts only and answered 480");
        }
    }
}

// RFC 3264 5.1, 7.

#[test]
fn a_call_that_isnt_heard_breaks_the_rule_after_three_seconds() {
    for (ends, fine) in [(2_990, true), (3_010, false)] {
        let mut play = Play::new();
        let call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        // Only alice is heard.
        play.frame(("alice", call.caller_port), ("bob", call.callee_port), false);
        play.wait(ends);
        let verdicts = play.ends();
        if fine {
            assert_eq!((verdicts.told().as_str(), verdicts.judged(HEARD)), ("", 0));
        } else {
            verdicts.breaks(HEARD, "no media has arrived at alice's 10.0.0.1:");
        }
    }
}

#[test]
fn a_hold_a_fault_a_crash_and_a_quick_end_excuse_silence() {
    let silent = |before: &dyn Fn(&mut Play, &mut Call), after: &dyn Fn(&mut Play, &mut Call)| {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        before(&mut play, &mut call);
        call.connect(&mut play);
        after(&mut play, &mut call);
        play.ends_later()
    };
    let nothing = |_: &mut Play, _: &mut Call| {};
    let held = silent(&|_, call| call.direction = "sendonly", &nothing);
    assert_eq!((held.told().as_str(), held.judged(HEARD)), ("", 0));
    let lossy = |play: &mut Play, call: &mut Call| {
        play.frame(("alice", call.caller_port), ("bob", call.callee_port), true);
        play.frame(("bob", call.callee_port), ("alice", call.caller_port), false);
    };
    silent(&nothing, &lossy).excuses(HEARD, "lost media");
    let cut = |play: &mut Play, _: &mut Call| {
        let cut = Event::new(SimTime::ZERO, Source::World, "cut").with("cut", 1u64);
        let hosts = |name: &str| vec![name.to_owned()];
        play.event(cut.with("from", hosts("alice")).with("to", hosts("carol")).with("protocol", "udp"), None);
    };
    silent(&cut, &nothing).excuses(HEARD, "cut");
    silent(&nothing, &|play, _| play.world("sleep", "bob")).excuses(HEARD, "slept");
    silent(&nothing, &|play, call| call.hang_up(play, "alice")).excuses(HEARD, "ended");
}

// RFC 3261 15.

#[test]
fn media_after_the_end_breaks_the_rule_a_second_later() {
    // A second to notice, and another until it's clear that no other call has the port.
    for (wait, again, fine) in [(990, 1_010, true), (1_010, 990, true), (1_010, 1_010, false)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        call.connect(&mut play);
        play.talk(&call, 4);
        call.hang_up(&mut play, "alice");
        for wait in [wait, again] {
            play.wait(wait);
            play.frame(("bob", call.callee_port), ("alice", call.caller_port), false);
        }
        let verdicts = play.ends_later();
        if fine { verdicts.holds(QUIET) } else { verdicts.breaks(QUIET, "bob still sends media from 10.0.0.3:") }
    }
}

#[test]
fn a_port_that_serves_another_call_may_go_on() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    call.connect(&mut play);
    play.talk(&call, 4);
    call.hang_up(&mut play, "alice");
    let mut next =
        Call { callee_port: call.callee_port, caller_port: call.caller_port, ..Call::new("c2", "alice", "bob") };
    play.wait(5_000);
    next.connect(&mut play);
    play.talk(&next, 4);
    next.hang_up(&mut play, "bob");
    play.ends_later().holds(QUIET);
}

// RFC 3261 22, RFC 7616 5.1.

#[test]
fn a_secret_in_any_payload_breaks_the_rule() {
    let digest = "0123456789abcdef0123456789abcdef";
    let secret = Event::new(SimTime::ZERO, Source::Step, "secret").with("value", "Tr0ub4dor&3");
    let secret = secret.with("ha1", vec![digest.to_owned()]);
    let hides = |text: &str, fine: bool| {
        let mut play = Play::new();
        play.say("alice", "bob", "X: Tr0ub4dor&3, before it was a secret");
        play.event(secret.clone(), Some("alice"));
        play.say("alice", "bob", text);
        let verdicts = play.ends();
        if fine { verdicts.holds(SECRET) } else { verdicts.breaks(SECRET, "packet #2 shows") }
    };
    hides("Authorization: Basic Tr0ub4dor&3", false);
    hides("Tr0ub4dor&3", false);
    hides("password=Tr0ub4dor&3;", false);
    hides("0123456789ABCDEF0123456789ABCDEF", false);
    hides("tr0ub4dor&3 in another case, Tr0ub4dor&4", true);
    hides("0123456789abcdef0123456789abcde", true);

    let mut play = Play::new();
    play.event(secret.clone(), Some("alice"));
    play.stream(("alice", 40_000), ("bob", 80), 100, SYN, b"");
    play.stream(("alice", 40_000), ("bob", 80), 101, ACK, b"POST / pass=Tr0ub");
    play.stream(("alice", 40_000), ("bob", 80), 118, ACK, b"4dor&3 and more");
    play.stream(("alice", 40_000), ("bob", 80), 133, ACK, b" and more");
    let verdicts = play.ends();
    verdicts.breaks(SECRET, "packet #3 shows a password");
    assert_eq!(verdicts.told().lines().count(), 1);
}

#[test]
fn a_short_secret_stands_alone_or_isnt_looked_for() {
    for (value, text, fine) in [("s3cr3t", "xs3cr3ty", true), ("s3cr3t", "x=s3cr3t;", false), ("1234", "1234", true)] {
        let mut play = Play::new();
        play.event(Event::new(SimTime::ZERO, Source::Step, "secret").with("value", value), None);
        play.event(Event::new(SimTime::ZERO, Source::Claim, "secret").with("value", "claimed-secret"), None);
        play.say("alice", "bob", text);
        play.say("alice", "bob", "claimed-secret");
        assert_eq!(play.ends().told().is_empty(), fine, "{value} in {text}");
    }
}

// RFC 3261 17, 13.3.1.4.

#[test]
fn a_request_is_sent_again_at_its_time_and_the_same() {
    let repeats = |method: &str, gaps: &[u64]| {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        let text = if method == "INVITE" { call.invite() } else { call.request(method, "alice") };
        for gap in gaps {
            play.wait(*gap);
            play.lose("alice", "bob", &text);
        }
        play.ends_later()
    };
    repeats("INVITE", &[0, 500, 1_000, 2_000, 4_000, 8_000, 16_000]).holds(TIMERS);
    repeats("OPTIONS", &[0, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000]).holds(TIMERS);
    repeats("INVITE", &[0, 1_000, 2_500]).holds(TIMERS);
    repeats("INVITE", &[0, 495]).holds(TIMERS);
    repeats("INVITE", &[0, 494]).breaks(TIMERS, "alice sent its INVITE again after 494ms, before 500ms");
    repeats("INVITE", &[0, 500, 1_000, 2_000, 4_000, 4_000]).breaks(TIMERS, "after 4s, before 8s");
    repeats("OPTIONS", &[0, 500, 500]).breaks(TIMERS, "alice sent its OPTIONS again after 500ms, before 1s");
    repeats("OPTIONS", &[0]).breaks(TIMERS, "alice heard nothing of its request of 0.000000s and never sent it again");

    let mut play = Play::new();
    let call = Call::new("c1", "alice", "bob");
    play.lose("alice", "bob", &call.invite());
    play.wait(500);
    play.lose("alice", "bob", &call.invite().replace("Max-Forwards: 70", "Max-Forwards: 69"));
    play.ends_later().breaks(TIMERS, "alice sent another INVITE of the same branch");
}

#[test]
fn a_recorded_message_that_somebody_plays_and_a_sleeper_follow_no_timers() {
    let mut play = Play::new();
    let call = Call::new("c1", "alice", "bob");
    play.lose("alice", "bob", &call.invite().replace("UDP 10.0.0.1", "UDP 192.0.2.1"));
    play.ends_later().excuses(TIMERS, "Via");

    let mut play = Play::new();
    play.lose("alice", "bob", &call.invite());
    play.wait(100);
    play.world("sleep", "alice");
    play.wait(60_000);
    play.world("wake", "alice");
    play.ends_later().excuses(TIMERS, "asleep");
}

#[test]
fn a_request_that_the_network_brings_twice_may_be_answered_twice() {
    for (answers, fine) in [(2, true), (3, false)] {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        let bye = call.request("BYE", "alice");
        play.say_twice("alice", "bob", &bye, 0);
        for _ in 0..answers {
            play.say("bob", "alice", &call.reply("BYE", "alice", 200));
        }
        let verdicts = play.ends_later();
        if fine { verdicts.holds(TIMERS) } else { verdicts.breaks(TIMERS, "nobody had asked again") }
    }
}

#[test]
fn nothing_is_sent_again_after_its_answer() {
    let after = |status: u16, millis: u64, fine: bool| {
        let mut play = Play::new();
        let call = Call::new("c1", "alice", "bob");
        play.say("alice", "bob", &call.invite());
        play.wait(499 - millis);
        play.say("bob", "alice", &call.answer(status));
        play.wait(millis);
        play.say("alice", "bob", &call.invite());
        play.say("bob", "alice", &call.answer(486));
        play.say("alice", "bob", &call.ack_refusal());
        let verdicts = play.ends_later();
        if fine { verdicts.holds(TIMERS) } else { verdicts.breaks(TIMERS, "again though it had got an answer") }
    };
    after(100, 5, true);
    after(100, 11, false);
    after(486, 11, false);
}

#[test]
fn a_2xx_is_sent_again_at_its_time_until_the_ack() {
    let repeats = |gaps: &[u64], then: u64| {
        let mut play = Play::new();
        let mut call = Call::new("c1", "alice", "bob");
        play.say("alice", "bob", &call.invite());
        play.say("bob", "alice", &call.answer(180));
        for gap in gaps {
            play.wait(*gap);
            play.lose("bob", "alice", &call.answer(200));
        }
        play.wait(then);
        play.say("bob", "alice", &call.answer(200));
        play.say("alice", "bob", &call.ack());
        play.talk(&call, 4);
        call.hang_up(&mut play, "alice");
        play.ends_later()
    };
    repeats(&[0, 500, 1_000, 2_000, 4_000], 4_000).holds(TIMERS);
    repeats(&[0, 500, 900], 3_000).breaks(TIMERS, "bob sent its 200 to INVITE again after 900ms, before 1s");

    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    call.connect(&mut play);
    play.wait(500);
    play.say("bob", "alice", &call.answer(200));
    play.say("alice", "bob", &call.ack());
    play.talk(&call, 4);
    call.hang_up(&mut play, "alice");
    play.ends_later().breaks(TIMERS, "bob sent its 200 to INVITE again though it was acknowledged at");

    // A response is sent again when the request is.
    let mut play = Play::new();
    let bye = call.request("BYE", "alice");
    play.say("alice", "bob", &bye);
    play.lose("bob", "alice", &call.reply("BYE", "alice", 481));
    play.wait(499);
    play.say("alice", "bob", &bye);
    play.say("bob", "alice", &call.reply("BYE", "alice", 481));
    let mut again = play;
    again.wait(100);
    again.say("bob", "alice", &call.reply("BYE", "alice", 481));
    again.ends_later().breaks(TIMERS, "bob sent its 481 to BYE again, and nobody had asked again");
}

// RFC 3261 18.3, 17.1.1.2: no timer A over TCP; a connection that breaks excuses.

#[test]
fn a_call_over_tcp_is_understood_and_a_broken_connection_excuses() {
    let mut play = Play::new();
    let mut call = Call::new("c1", "alice", "bob");
    let (a, b) = (("alice", 40_000), ("bob", 5060));
    let options = call.request("OPTIONS", "alice").replace("UDP", "TCP");
    let reply = call.reply("OPTIONS", "alice", 200).replace("UDP", "TCP");
    play.stream(a, b, 99, SYN, b"");
    play.stream(b, a, 499, SYN | ACK, b"");
    let (one, two) = options.as_bytes().split_at(100);
    play.stream(a, b, 100, ACK, one);
    play.stream(a, b, 200, ACK, two);
    play.stream(b, a, 500, ACK, reply.as_bytes());
    let end = 100 + options.len() as u32;
    let next = call.request("OPTIONS", "alice").replace("UDP", "TCP");
    play.stream(a, b, end, ACK, next.as_bytes());
    let mut silent = play;
    silent.wait(100);
    silent.stream(b, a, 500 + reply.len() as u32, RST | ACK, b"");
    let verdicts = silent.ends_later();
    verdicts.excuses(ANSWERED, "TCP connection");
    assert_eq!(verdicts.judged(ANSWERED), 1);
}

// RFC 3261 13.3.1.4, over TCP too; RFC 9293 3.4: what comes behind a lost segment waits for it.

#[test]
fn a_2xx_over_tcp_is_sent_again_after_its_ack_only_where_the_connection_lost_something() {
    for is_lossy in [false, true] {
        let mut play = Play::new();
        let call = Call::new("c1", "alice", "bob");
        let (a, b) = (("alice", 40_000), ("bob", 5_060));
        let mut said = [100u32, 500];
        play.stream(a, b, 99, SYN, b"");
        play.stream(b, a, 499, SYN | ACK, b"");
        let mut say = |play: &mut Play, side: usize, text: String| {
            let (from, to) = if side == 0 { (a, b) } else { (b, a) };
            let text = text.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
            play.stream(from, to, said[side], ACK, text.as_bytes());
            said[side] += text.len() as u32;
        };
        say(&mut play, 0, call.invite());
        say(&mut play, 1, call.answer(200));
        if is_lossy {
            let (id, bytes) = (play.number(), tcp("10.0.0.1:40000", "10.0.0.3:5060", 700, ACK, b""));
            play.see(id, Stage::Sent, "alice", "bob", &bytes);
            play.see(id, Stage::Lost(Loss::Corrupt), "alice", "bob", &bytes);
        }
        say(&mut play, 0, call.ack());
        play.wait(500);
        say(&mut play, 1, call.answer(200));
        say(&mut play, 0, call.ack());
        play.talk(&call, 7);
        let verdicts = play.ends();
        if is_lossy {
            verdicts.excuses(TIMERS, "TCP connection was in trouble");
        } else {
            verdicts.breaks(TIMERS, "bob sent its 200 to INVITE again though it was acknowledged at");
        }
    }
}
