//! The witnesses of the floor and of its webhooks: each one notices what it's there for, and holds its tongue otherwise.
//!
//! The floor is the host `server`, its customers are behind `carrier`, the CRM is `carol`, and `standby` is a stranger.

use busyhour_trace::{Event, SimTime, Source};

use crate::play::{Call, Play, Verdicts};

const STATE: &str = "one_state_per_agent";
const AGENT: &str = "no_agent_in_two_calls";
const LEAD: &str = "no_lead_in_two_calls";
const BLOCKED: &str = "no_do_not_call_number_dialed";
const DISPOSITION: &str = "one_disposition_for_each_call";
const PLACED: &str = "calls_placed_are_accounted_for";
const TIME: &str = "session_time_adds_up";
const DROPS: &str = "drop_rate_within_target";
const LOST: &str = "no_event_lost_at_rest";
const ONCE: &str = "effects_exactly_once";
const FORGED: &str = "no_forged_effect";

const CUSTOMER: &str = "15551230001";

/// Nothing of that witness, which has judged something. Others listen too: these plays leave out what isn't theirs.
#[track_caller]
fn silent(verdicts: &Verdicts, name: &str) {
    let told = verdicts.told();
    assert!(!told.lines().any(|line| line.starts_with(&format!("{name}: "))), "{told}");
    assert!(verdicts.judged(name) > 0, "{name} has judged nothing");
}

#[track_caller]
fn fires(verdicts: &Verdicts, name: &str, says: &str) {
    let told = verdicts.told();
    assert!(told.lines().any(|line| line.starts_with(&format!("{name}: ")) && line.contains(says)), "{told}");
}

/// A connection on which one asks and the other answers.
struct Talk {
    ends: [(&'static str, u16); 2],
    sequences: [u32; 2],
}

impl Talk {
    fn open(play: &mut Play, client: (&'static str, u16), server: (&'static str, u16)) -> Talk {
        let mut talk = Talk { ends: [client, server], sequences: [1_000, 9_000] };
        talk.say(play, 0, 0x02, b"");
        talk.say(play, 1, 0x12, b"");
        talk
    }

    fn say(&mut self, play: &mut Play, side: usize, flags: u8, bytes: &[u8]) {
        play.stream(self.ends[side], self.ends[1 - side], self.sequences[side], flags, bytes);
        self.sequences[side] += bytes.len() as u32 + u32::from(flags & 0x02 != 0);
    }

    fn ask(&mut self, play: &mut Play, method: &str, target: &str, body: &str) {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.say(play, 0, 0x18, text.as_bytes());
    }

    fn answer(&mut self, play: &mut Play, status: u16, body: &str) {
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.say(play, 1, 0x18, text.as_bytes());
    }
}

/// What a screen is shown.
fn shown(status: &str, sub: &str, call: &str, customer: &str) -> String {
    let (lead, number) = match call {
        "" => (0, ""),
        "M1" => (1_001, CUSTOMER),
        _ => (1_002, "15551230002"),
    };
    format!(
        r#"{{"result":"ok","session":"ok","status":"{status}","sub_status":"{sub}","pause_code":"","lead_id":{lead},"call_id":"{call}","phone_number":"{number}","customer":"{customer}"}}"#
    )
}

fn ready() -> String {
    shown("READY", "", "", "")
}

fn in_call(call: &str) -> String {
    shown("INCALL", "", call, "LIVE")
}

fn disposing(call: &str) -> String {
    shown("PAUSED", "DISPO", call, "")
}

const DISABLED: &str = r#"{"result":"ok","session":"disabled","status":"","sub_status":"","call_id":""}"#;

/// An agent's screen.
struct Screen {
    talk: Talk,
    session: String,
}

impl Screen {
    fn log_in(play: &mut Play, host: &'static str, user: &str, session: &str) -> Screen {
        let mut talk = Talk::open(play, (host, 40_000 + session.len() as u16), ("server", 80));
        let form = format!("ACTION=login&user={user}&pass=secret&campaign=renewals");
        talk.ask(play, "POST", "/agc/vdc_db_query.php", &form);
        let answer = shown("PAUSED", "", "", "").replacen('{', &format!(r#"{{"session_name":"{session}","#), 1);
        talk.answer(play, 200, &answer);
        Screen { talk, session: session.to_owned() }
    }

    fn asks(&mut self, play: &mut Play, form: &str) {
        let form = format!("ACTION={form}&session_name={}", self.session);
        self.talk.ask(play, "POST", "/agc/vdc_db_query.php", &form);
    }

    fn does(&mut self, play: &mut Play, form: &str, shown: &str) {
        self.asks(play, form);
        self.talk.answer(play, 200, shown);
        play.wait(900);
    }

    fn polls(&mut self, play: &mut Play, shown: &str) {
        self.does(play, "poll", shown);
    }
}

fn step(play: &mut Play, event: Event) {
    play.event(event, Some("server"));
}

fn setting(kind: &'static str) -> Event {
    Event::new(SimTime::ZERO, Source::Step, kind)
}

/// A floor of that profile.
fn floor(profile: &str, quirks: &[&str]) -> Play {
    let mut play = Play::new();
    let quirks: Vec<String> = quirks.iter().map(ToString::to_string).collect();
    step(&mut play, setting("floor").with("profile", profile).with("quirks", quirks));
    play
}

/// Alice has the customer of the call M1 on the line.
fn talking(play: &mut Play) -> Screen {
    let mut alice = Screen::log_in(play, "alice", "alice", "s1");
    alice.does(play, "VDADready", &ready());
    alice.polls(play, &in_call("M1"));
    alice
}

fn customer(id: &str, number: &str) -> Call {
    Call { to_user: number.into(), ..Call::new(id, "server", "carrier") }
}

/// The floor calls a customer, and he answers.
fn answered(play: &mut Play, id: &str, number: &str) -> Call {
    let call = customer(id, number);
    play.say("server", "carrier", &call.invite());
    play.say("carrier", "server", &call.answer(200));
    play.say("server", "carrier", &call.ack());
    call
}

// Domain Part 2, "Agent row & states".

#[test]
fn an_agent_gets_from_state_to_state_as_she_may() {
    let mut play = floor("vicidial", &[]);
    let mut alice = talking(&mut play);
    alice.polls(&mut play, &shown("INCALL", "DEAD", "M1", "ENDED"));
    alice.does(&mut play, "hangup", &disposing("M1"));
    alice.does(&mut play, "updateDISPO&dispo_choice=NI&call_id=M1", &ready());
    // Between two polls a call may have come and gone to her screen at once.
    alice.polls(&mut play, &shown("INCALL", "DEAD", "M2", "ENDED"));
    alice.does(&mut play, "updateDISPO&dispo_choice=NI&call_id=M2&pause=Y", &shown("PAUSED", "", "", ""));
    silent(&play.ends_later(), STATE);
}

#[test]
fn a_way_that_nobody_has_asked_for_is_noticed() {
    for (from, to) in [
        // The call has vanished, a disposition has, and a pause has ended by itself.
        (in_call("M1"), ready()),
        (in_call("M1"), disposing("M1")),
        (disposing("M1"), ready()),
        (shown("PAUSED", "", "", ""), ready()),
    ] {
        let mut play = floor("vicidial", &[]);
        let mut alice = talking(&mut play);
        match &*from {
            from if from == disposing("M1") => alice.does(&mut play, "hangup", from),
            from if from == shown("PAUSED", "", "", "") => {
                alice.does(&mut play, "updateDISPO&dispo_choice=NI&call_id=M1&pause=Y", from);
            }
            _ => {}
        }
        alice.polls(&mut play, &to);
        fires(&play.ends_later(), STATE, "no way leads there");
    }
}

#[test]
fn what_is_no_state_is_noticed() {
    for (wrong, says) in [
        (shown("READY", "", "M1", "LIVE"), "waits for a call (READY) and has M1"),
        (shown("INCALL", "", "", ""), "is INCALL and has no call"),
        (shown("READY", "DISPO", "", ""), "is READY and DISPO"),
        (shown("BUSY", "", "", ""), "is \"BUSY\", which is no state"),
    ] {
        let mut play = floor("vicidial", &[]);
        let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
        alice.polls(&mut play, &wrong);
        fires(&play.ends_later(), STATE, says);
    }
}

/// Most polls say what the last one said, and are answered alike: none of them is missed for that.
#[test]
fn each_of_many_equal_polls_is_heard_also_when_segments_cut_it() {
    let mut play = floor("vicidial", &[]);
    let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
    alice.does(&mut play, "VDADready", &ready());
    (0..3).for_each(|_| alice.polls(&mut play, &ready()));
    let poll = "ACTION=poll&session_name=s1";
    let head = format!("POST /agc/vdc_db_query.php HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", poll.len());
    alice.talk.say(&mut play, 0, 0x18, head.as_bytes());
    alice.talk.say(&mut play, 0, 0x18, poll.as_bytes());
    alice.talk.answer(&mut play, 200, &shown("BUSY", "", "", ""));
    let verdicts = play.ends_later();
    assert_eq!(verdicts.judged(STATE), 6);
    fires(&verdicts, STATE, "is \"BUSY\", which is no state");
}

#[test]
fn who_logs_in_again_disables_her_first_screen() {
    for disables in [true, false] {
        let mut play = floor("vicidial", &[]);
        let mut first = Screen::log_in(&mut play, "alice", "alice", "s1");
        first.does(&mut play, "VDADready", &ready());
        Screen::log_in(&mut play, "bob", "alice", "s2x");
        first.polls(&mut play, &if disables { DISABLED.to_owned() } else { ready() });
        let verdicts = play.ends_later();
        if disables {
            silent(&verdicts, STATE);
            assert_eq!(verdicts.exempt(STATE), [("the screen is disabled".to_owned(), 1)]);
        } else {
            fires(&verdicts, STATE, "in a session that is over");
        }
    }
}

/// FreeSWITCH#2540: who was reserved for one call gets another.
#[test]
fn an_agent_whose_customer_is_still_there_gets_no_other() {
    for hangs_up in [true, false] {
        let mut play = floor("vicidial", &[]);
        let mut call = answered(&mut play, "c1", CUSTOMER);
        let mut alice = talking(&mut play);
        if hangs_up {
            call.hang_up(&mut play, "server");
        }
        alice.does(&mut play, "updateDISPO&dispo_choice=NI&call_id=M1", &ready());
        alice.polls(&mut play, &in_call("M2"));
        let verdicts = play.ends_later();
        if hangs_up {
            silent(&verdicts, AGENT);
        } else {
            fires(&verdicts, AGENT, "alice has M2, and the customer 15551230001 of M1 is still there");
        }
    }
}

/// juspay/clairvoyance#667: overlapping runs.
#[test]
fn a_number_is_called_again_when_its_call_is_over() {
    for waits in [true, false] {
        let mut play = floor("vicidial", &[]);
        let mut call = answered(&mut play, "c1", CUSTOMER);
        if waits {
            call.hang_up(&mut play, "carrier");
        }
        answered(&mut play, "c2", CUSTOMER);
        let verdicts = play.ends_later();
        if waits {
            silent(&verdicts, LEAD);
        } else {
            fires(&verdicts, LEAD, "15551230001 is called, and is in a call since");
        }
    }
}

/// asterisk#176: two agents have one customer.
#[test]
fn a_lead_is_on_the_line_of_one_agent() {
    for keeps in [false, true] {
        let mut play = floor("vicidial", &[]);
        let mut alice = talking(&mut play);
        let mut bob = Screen::log_in(&mut play, "bob", "bob", "s2x");
        bob.does(&mut play, "VDADready", &ready());
        bob.polls(&mut play, &in_call("M1"));
        alice.does(&mut play, "poll", &if keeps { in_call("M1") } else { shown("INCALL", "", "M1", "ENDED") });
        let verdicts = play.ends_later();
        if keeps {
            fires(&verdicts, LEAD, "alice and bob both have lead 1001 on the line");
        } else {
            silent(&verdicts, LEAD);
        }
    }
}

#[test]
fn a_number_that_somebody_has_blocked_is_not_dialed() {
    for (number, dialed_before) in [(CUSTOMER, false), (CUSTOMER, true), ("15551230002", false)] {
        let mut play = floor("vicidial", &[]);
        if dialed_before {
            answered(&mut play, "c1", number).hang_up(&mut play, "carrier");
        }
        step(&mut play, setting("do-not-call").with("number", CUSTOMER));
        play.wait(1_000);
        if !dialed_before {
            answered(&mut play, "c2", number).hang_up(&mut play, "carrier");
        }
        let verdicts = play.ends_later();
        if number == CUSTOMER && !dialed_before {
            fires(&verdicts, BLOCKED, "15551230001 is called, and is on the do-not-call list since");
        } else {
            silent(&verdicts, BLOCKED);
        }
    }
}

#[test]
fn a_number_that_an_agent_has_blocked_is_not_dialed() {
    for (status, is_blocked) in [("DNC", true), ("NI", false)] {
        let mut play = floor("vicidial", &[]);
        let mut alice = talking(&mut play);
        alice.does(&mut play, &format!("updateDISPO&dispo_choice={status}&call_id=M1"), &ready());
        answered(&mut play, "c2", CUSTOMER);
        let verdicts = play.ends_later();
        if is_blocked {
            fires(&verdicts, BLOCKED, "is on the do-not-call list");
        } else {
            silent(&verdicts, BLOCKED);
        }
    }
}

#[test]
fn of_each_call_is_said_once_what_became_of_it() {
    let mut play = floor("vicidial", &[]);
    let mut alice = talking(&mut play);
    alice.does(&mut play, "hangup", &disposing("M1"));
    alice.does(&mut play, "updateDISPO&dispo_choice=NI&call_id=M1", &ready());
    silent(&play.ends_later(), DISPOSITION);

    let mut play = floor("vicidial", &[]);
    let mut alice = talking(&mut play);
    alice.polls(&mut play, &ready());
    fires(&play.ends_later(), DISPOSITION, "alice has left M1 behind, and never said what became of it");
}

/// The quirk forbids the rule, and is named; an idempotent floor may say ok as often as it's asked.
#[test]
fn a_second_ok_is_a_second_disposition_if_it_changes_anything_and_no_quirk_forbids_the_rule() {
    let with_urls = ready().replacen('{', r#"{"urls":[7],"#, 1);
    for (profile, quirks, second, answer, fires_with) in [
        ("vicidial", &["saves-twice"][..], "SALE", &with_urls, None),
        ("vicidial", &["saves-twice"], "NI", &ready(), None),
        ("vicidial", &[], "SALE", &ready(), None),
        ("vicidial", &[], "SALE", &with_urls, Some("SALE, then SALE")),
        ("vicidial", &[], "NI", &ready(), Some("SALE, then NI")),
        ("modern", &[], "SALE", &ready(), None),
        ("modern", &[], "SALE", &with_urls, Some("SALE, then SALE")),
    ] {
        let mut play = floor(profile, quirks);
        let mut alice = talking(&mut play);
        for status in ["SALE", second] {
            alice.does(&mut play, &format!("updateDISPO&dispo_choice={status}&call_id=M1"), answer);
        }
        let verdicts = play.ends_later();
        match fires_with {
            Some(says) => {
                let says = format!("alice's disposition of M1 was saved twice: {says}");
                fires(&verdicts, DISPOSITION, &says);
            }
            None => silent(&verdicts, DISPOSITION),
        }
        let exempt = verdicts.exempt(DISPOSITION);
        assert_eq!(exempt.len(), quirks.len(), "{exempt:?}");
        assert!(exempt.iter().all(|(why, count)| why.contains("saves-twice") && *count == 1), "{exempt:?}");
    }
}

#[test]
fn who_has_vanished_is_excused_from_saying_it() {
    let mut play = floor("vicidial", &["leads-left-in-call"]);
    talking(&mut play);
    play.wait(60_000);
    Screen::log_in(&mut play, "alice", "alice", "s2x");
    let verdicts = play.ends_later();
    assert!(!verdicts.told().contains(DISPOSITION), "{}", verdicts.told());
    assert_eq!(verdicts.exempt(DISPOSITION), [("its agent has vanished: ERI".to_owned(), 1)]);
}

#[test]
fn who_answers_is_with_somebody_or_dropped() {
    for fate in ["agent", "drop", "limbo"] {
        let mut play = floor("vicidial", &[]);
        let mut call = answered(&mut play, "c1", CUSTOMER);
        match fate {
            "agent" => drop(talking(&mut play)),
            "drop" => {
                play.wait(5_000);
                call.hang_up(&mut play, "server");
            }
            _ => {}
        }
        play.wait(100_000);
        if fate == "agent" {
            call.hang_up(&mut play, "server");
        }
        let verdicts = play.ends_later();
        if fate == "limbo" {
            fires(&verdicts, PLACED, "15551230001 has answered at");
        } else {
            silent(&verdicts, PLACED);
        }
    }
}

#[test]
fn what_rings_is_given_up_some_day() {
    for gives_up in [true, false] {
        let mut play = floor("vicidial", &[]);
        let call = customer("c1", CUSTOMER);
        play.say("server", "carrier", &call.invite());
        play.say("carrier", "server", &call.answer(180));
        play.wait(60_000);
        if gives_up {
            play.say("server", "carrier", &call.cancel());
            play.say("carrier", "server", &call.answer_cancel(200));
            play.say("carrier", "server", &call.answer(487));
            play.say("server", "carrier", &call.ack_refusal());
        }
        play.wait(200_000);
        let verdicts = play.ends_later();
        if gives_up {
            silent(&verdicts, PLACED);
        } else {
            fires(&verdicts, PLACED, "nothing has become of it");
        }
    }
}

/// The record of a session of 10 s: a pause and a wait.
fn session(waiting: i64, began: i64) -> Verdicts {
    let mut play = floor("vicidial", &[]);
    let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
    (0..10).for_each(|_| alice.polls(&mut play, &ready()));
    let stretch = |id: i64, began: i64, ended: i64, paused: i64, waiting: i64| {
        let event = Event::new(SimTime::ZERO, Source::Claim, "agent-log").with("id", id).with("agent", "alice");
        let event = event.with("session", "s1").with("began", began).with("ended", ended).with("paused", paused);
        event.with("waiting", waiting).with("talking", 0).with("dead", 0).with("wrapping", 0)
    };
    step(&mut play, stretch(1, 50_000, 52_000, 2_000, 0));
    step(&mut play, stretch(2, began, 59_000, 0, waiting));
    alice.does(&mut play, "userLOGout", DISABLED);
    play.ends_later()
}

#[test]
fn the_record_of_a_session_has_all_of_its_time() {
    silent(&session(7_000, 52_000), TIME);
    fires(&session(6_000, 52_000), TIME, "has 6000 ms in a stretch of 7000 ms");
    fires(&session(6_000, 53_000), TIME, "misses 1000 ms between two stretches");
    fires(&session(4_000, 55_000), TIME, "and its record has 6000 ms");
}

/// So many of 100 customers who answer are dropped.
fn drops(method: &str, dropped: usize) -> Verdicts {
    let mut play = floor("vicidial", &[]);
    step(&mut play, setting("campaign").with("name", "renewals").with("method", method).with("drop_target", "0.03"));
    let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
    for number in 0..100 {
        let phone = format!("1555000{number:04}");
        let mut call = answered(&mut play, &format!("c{number}"), &phone);
        play.wait(5_000);
        if number >= dropped {
            let shown = in_call("M1").replace(CUSTOMER, &phone);
            alice.polls(&mut play, &shown);
        }
        call.hang_up(&mut play, "server");
    }
    play.ends_later()
}

/// FCC DA-03-2832; one drop more than the share is chance.
#[test]
fn a_predictive_dialer_keeps_its_target() {
    silent(&drops("predictive", 4), DROPS);
    fires(&drops("predictive", 5), DROPS, "renewals has dropped 5 of 100 answered calls, 5.0%: more than 3%");
    let by_choice = drops("ratio", 50);
    assert_eq!((by_choice.told().contains(DROPS), by_choice.judged(DROPS)), (false, 0));
}

const SALE: &str = r#"{"id":"evt_1","type":"disposition.saved","timestamp":"2026-11-23T14:00:00Z","sequence":1,"data":{"lead_id":"1001","call_id":"M1","status":"SALE"}}"#;

/// A floor that tells the CRM of dispositions, by a contract that tries a 5xx so often.
fn telling(tries: u64) -> Play {
    let mut play = floor("vicidial", &[]);
    hook(&mut play, "h", ("disposition.saved", "screen"), "/hook", tries);
    play
}

/// The CRM is to be told of that event.
fn hook(play: &mut Play, name: &str, (event, trigger): (&str, &str), path: &str, tries: u64) {
    let hook = setting("hook").with("name", name).with("campaign", "renewals").with("event", event);
    let hook = hook.with("url", format!("http://carol{path}")).with("sender", "x").with("trigger", trigger);
    let hook = hook.with("spent_after_ms", 100_000).with("tries", vec![format!("5xx={tries}")]);
    step(play, hook.with("disables", 0).with("fallback", 0));
}

/// A floor of one campaign that tells the CRM of that.
fn telling_of(profile: &str, event: (&str, &str)) -> Play {
    let mut play = floor(profile, &[]);
    let lists = vec!["101".to_owned()];
    step(&mut play, setting("campaign").with("name", "renewals").with("method", "ratio").with("lists", lists));
    hook(&mut play, "h", event, "/hook", 1);
    play
}

fn event(kind: &str, data: &str) -> String {
    format!(
        r#"{{"id":"evt_{kind}","type":"{kind}","timestamp":"2026-11-23T14:00:00Z","sequence":1,"data":{{{data}}}}}"#
    )
}

/// How much was judged of the last rule, if it's broken by that, or by nothing.
#[track_caller]
fn lost(play: Play, says: Option<&str>) -> u64 {
    let verdicts = play.ends_later();
    match says {
        Some(says) => fires(&verdicts, LOST, says),
        None => silent(&verdicts, LOST),
    }
    verdicts.judged(LOST)
}

/// Alice saves a sale.
fn sale(play: &mut Play) {
    let mut alice = talking(play);
    alice.does(play, "updateDISPO&dispo_choice=SALE&call_id=M1&lead_id=1001", &ready());
}

/// Somebody delivers something to the CRM.
fn deliver(play: &mut Play, from: (&'static str, u16), body: &str, status: u16) {
    let mut talk = Talk::open(play, from, ("carol", 80));
    talk.ask(play, "POST", "/hook", body);
    talk.answer(play, status, "OK");
}

/// Domain Part 2, Webhooks: the tab that's closed between the two steps.
#[test]
fn what_was_saved_is_told() {
    let mut play = telling(1);
    sale(&mut play);
    deliver(&mut play, ("server", 50_001), SALE, 200);
    silent(&play.ends_later(), LOST);

    let mut play = telling(1);
    sale(&mut play);
    fires(&play.ends_later(), LOST, "and disposition.saved to http://carol/hook was never sent");
}

#[test]
fn a_receiver_that_refuses_is_told_as_often_as_the_contract_says() {
    for (tries, excused) in [(1, true), (2, false)] {
        let mut play = telling(tries);
        sale(&mut play);
        deliver(&mut play, ("server", 50_001), SALE, 500);
        play.wait(200_000);
        let verdicts = play.ends_later();
        if excused {
            assert!(!verdicts.told().contains(LOST), "{}", verdicts.told());
            assert_eq!(verdicts.exempt(LOST), [("the contract has given up".to_owned(), 1)]);
        } else {
            fires(&verdicts, LOST, "was tried 1 times, and never again");
        }
    }
}

/// A lead is there once the API has said so, and once however often it says so (the modern profile is idempotent).
#[test]
fn a_lead_that_was_added_is_told() {
    let added = |says: &str, told: Option<&str>| {
        let mut play = telling_of("modern", ("lead.added", "at-once"));
        let mut talk = Talk::open(&mut play, ("bob", 50_100), ("server", 80));
        for _ in 0..2 {
            talk.ask(&mut play, "GET", "/vicidial/non_agent_api.php?function=add_lead&phone_number=1", "");
            talk.answer(&mut play, 200, says);
        }
        if let Some(lead) = told {
            let data = format!(r#""lead_id":"{lead}""#);
            deliver(&mut play, ("server", 50_001), &event("lead.added", &data), 200);
        }
        play
    };
    let success = "SUCCESS: add_lead LEAD HAS BEEN ADDED - 15551230009|crm|101|1003|-5.00\n";
    assert_eq!(lost(added(success, Some("1003")), None), 1);
    assert_eq!(lost(added(success, None), Some("lead 1003 was added at ")), 1);
    lost(added(success, Some("1004")), Some("lead 1003 was added at "));
    // Another campaign's list, and a lead that wasn't taken.
    for nothing in
        [&*success.replace("|101|", "|102|"), "ERROR: add_lead DUPLICATE PHONE NUMBER IN SYSTEM - 1|101|1003|101\n"]
    {
        assert_eq!(added(nothing, None).ends_later().judged(LOST), 0, "{nothing}");
    }
}

#[test]
fn a_call_that_an_agent_gets_is_told_when_the_customer_is_there() {
    let starts = |profile: &str, customer: &str, is_told: bool| {
        let mut play = telling_of(profile, ("call.started", "at-once"));
        let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
        alice.does(&mut play, "manDiaLonly", &shown("INCALL", "", "M1", customer));
        if is_told {
            deliver(&mut play, ("server", 50_001), &event("call.started", r#""call_id":"M1""#), 200);
        }
        play
    };
    assert_eq!(lost(starts("modern", "LIVE", true), None), 1);
    lost(starts("modern", "LIVE", false), Some("M1 began with alice at "));
    assert_eq!(starts("modern", "DIALING", false).ends_later().judged(LOST), 0, "he hasn't answered");
    assert_eq!(starts("vicidial", "LIVE", false).ends_later().judged(LOST), 0, "it has no URL for that");
}

#[test]
fn a_call_that_has_ended_is_told() {
    let ends = |trigger: &str, has_agent: bool, told: Option<&str>| {
        let mut play = telling_of("modern", ("call.ended", trigger));
        let mut call = answered(&mut play, "c1", CUSTOMER);
        if has_agent {
            let mut alice = talking(&mut play);
            call.hang_up(&mut play, "carrier");
            alice.polls(&mut play, &shown("INCALL", "DEAD", "M1", "ENDED"));
            (0..5).for_each(|_| alice.polls(&mut play, &shown("INCALL", "DEAD", "M1", "ENDED")));
        } else {
            play.wait(5_000);
            call.hang_up(&mut play, "server");
        }
        if let Some(data) = told {
            deliver(&mut play, ("server", 50_001), &event("call.ended", data), 200);
        }
        play
    };
    assert_eq!(lost(ends("at-once", true, Some(r#""call_id":"M1""#)), None), 1);
    lost(ends("at-once", true, None), Some("M1 ended at "));
    lost(ends("at-once", true, Some(r#""call_id":"M2""#)), Some("M1 ended at "));
    let of_mary = r#""call_id":"V9","phone_number":"15551230001""#;
    for trigger in ["at-once", "no-agent"] {
        assert_eq!(lost(ends(trigger, false, Some(of_mary)), None), 1);
        lost(ends(trigger, false, None), Some("the call of 15551230001 ended at "));
        lost(ends(trigger, false, Some(&of_mary.replace("0001", "0002"))), Some("the call of 15551230001 ended at "));
    }
    assert_eq!(ends("no-agent", true, None).ends_later().judged(LOST), 0, "an agent had it");
}

#[test]
fn what_becomes_of_an_agent_is_told() {
    let pauses = |told: &[[&str; 3]]| {
        let mut play = telling_of("modern", ("agent.state_changed", "at-once"));
        let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
        let lunch = shown("PAUSED", "", "", "").replace(r#""pause_code":"""#, r#""pause_code":"LUNCH""#);
        alice.does(&mut play, "VDADready", &ready());
        alice.does(&mut play, "VDADpause&pause_code=LUNCH", &lunch);
        for (port, [status, sub, code]) in told.iter().enumerate() {
            let data = format!(r#""agent":"alice","status":"{status}","sub_status":"{sub}","pause_code":"{code}""#);
            deliver(&mut play, ("server", 50_001 + port as u16), &event("agent.state_changed", &data), 200);
        }
        play
    };
    let (logged_in, ready, lunch) = (["PAUSED", "", ""], ["READY", "", ""], ["PAUSED", "", "LUNCH"]);
    assert_eq!(lost(pauses(&[logged_in, ready, lunch]), None), 3);
    assert_eq!(lost(pauses(&[logged_in, lunch]), Some("alice became READY at ")), 3);
    lost(pauses(&[logged_in, ["CLOSER", "", ""], lunch]), Some("alice became READY at "));
    lost(pauses(&[logged_in, ready, ["PAUSED", "", "TEA"]]), Some("alice became PAUSED LUNCH at "));
    lost(pauses(&[logged_in, ready, ["PAUSED", "DISPO", "LUNCH"]]), Some("alice became PAUSED LUNCH at "));
}

/// That she paused an hour ago doesn't tell that she pauses now.
#[test]
fn what_was_told_before_is_no_news_of_what_came_after() {
    for told_again in [true, false] {
        let mut play = telling_of("modern", ("agent.state_changed", "at-once"));
        let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
        let mut becomes = |play: &mut Play, action: &str, status: &str, port: Option<u16>| {
            alice.does(play, action, &shown(status, "", "", ""));
            if let Some(port) = port {
                let data = format!(r#""agent":"alice","status":"{status}","sub_status":"","pause_code":"""#);
                deliver(play, ("server", port), &event("agent.state_changed", &data), 200);
            }
        };
        becomes(&mut play, "poll", "PAUSED", Some(50_001));
        becomes(&mut play, "VDADready", "READY", Some(50_002));
        becomes(&mut play, "VDADpause", "PAUSED", told_again.then_some(50_003));
        assert_eq!(lost(play, (!told_again).then_some("alice became PAUSED at ")), 3);
    }
}

/// VICIdial's URLs don't say which event they tell: the path does.
#[test]
fn a_url_for_one_event_does_not_stand_for_another() {
    for (paths, stands) in [(["/start", "/dispo"], false), (["/hook", "/hook"], true)] {
        let mut play = telling_of("vicidial", ("call.ended", "no-agent"));
        hook(&mut play, "h", ("call.started", "at-once"), paths[0], 1);
        hook(&mut play, "d", ("disposition.saved", "screen"), paths[1], 1);
        let mut alice = Screen::log_in(&mut play, "alice", "alice", "s1");
        alice.does(&mut play, "VDADready", &ready());
        let call = in_call("M1").replace("\"M1\"", "\"V1\"");
        alice.polls(&mut play, &call);
        alice.does(&mut play, "updateDISPO&dispo_choice=SALE&call_id=V1&lead_id=1001", &ready());
        let mut talk = Talk::open(&mut play, ("server", 50_001), ("carol", 80));
        talk.ask(&mut play, "GET", &format!("{}?call_id=V1&dispo=SALE", paths[1]), "");
        talk.answer(&mut play, 200, "OK");
        assert_eq!(lost(play, (!stands).then_some("V1 began with alice at ")), 2);
    }
}

/// The CRM says that it has done something.
fn effect(play: &mut Play, number: i64, key: &str, synced: bool) {
    if synced {
        let sync = Event::new(SimTime::ZERO, Source::World, "disk-sync").with("path", "crm.0");
        play.event(sync.with("length", 100 * number), Some("carol"));
    }
    let claim = Event::new(SimTime::ZERO, Source::Claim, "effect").with("what", "sale").with("key", key);
    let claim = claim.with("lead_id", "1001").with("value", "").with("number", number).with("again", 0);
    play.event(claim.with("path", "crm.0").with("length", 100 * number), Some("carol"));
}

#[test]
fn an_effect_takes_place_once() {
    let mut play = telling(9);
    deliver(&mut play, ("server", 50_001), SALE, 200);
    effect(&mut play, 1, "M1", true);
    // Told again after a crash.
    effect(&mut play, 1, "M1", true);
    effect(&mut play, 2, "M2", true);
    silent(&play.ends_later(), ONCE);

    let mut play = telling(9);
    deliver(&mut play, ("server", 50_001), SALE, 500);
    effect(&mut play, 1, "M1", true);
    deliver(&mut play, ("server", 50_002), SALE, 200);
    effect(&mut play, 2, "M1", true);
    let verdicts = play.ends_later();
    fires(&verdicts, ONCE, "carol has done sale M1 of lead 1001 twice");
    silent(&verdicts, FORGED);
}

#[test]
fn what_the_disk_does_not_confirm_is_no_effect() {
    let mut play = telling(9);
    effect(&mut play, 1, "M1", false);
    let verdicts = play.ends_later();
    assert_eq!(verdicts.exempt(ONCE), [("no disk confirms the claim".to_owned(), 1)]);
}

#[test]
fn what_is_acknowledged_is_done() {
    let mut play = telling(9);
    deliver(&mut play, ("server", 50_001), SALE, 200);
    effect(&mut play, 1, "M1", true);
    deliver(&mut play, ("server", 50_002), &SALE.replace("evt_1", "evt_2").replace("M1", "M2"), 200);
    fires(&play.ends_later(), ONCE, "carol has acknowledged the sale of M2");
}

/// flipper#1022: a replay window without an end.
#[test]
fn what_a_stranger_posts_has_no_effect() {
    for (genuine, strange, effects, fails) in
        [(1, 1, 1, None), (1, 1, 2, Some("replayed")), (0, 1, 1, Some("forged")), (2, 0, 2, None)]
    {
        let mut play = telling(9);
        for port in 0..genuine {
            deliver(&mut play, ("server", 50_001 + port), SALE, 200);
        }
        for port in 0..strange {
            deliver(&mut play, ("standby", 50_001 + port), SALE, 200);
        }
        for number in 1..=effects {
            effect(&mut play, number, "M1", true);
        }
        let verdicts = play.ends_later();
        match fails {
            Some(kind) => fires(&verdicts, FORGED, &format!("carol has done sale M1 for a {kind} request")),
            None => silent(&verdicts, FORGED),
        }
    }
}
