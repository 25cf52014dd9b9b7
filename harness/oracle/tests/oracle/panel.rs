//! The panel: every witness hears everything once, and a scenario's `@breaks:NAME` passes only if NAME fired and
//! nobody else did.

use busyhour_oracle::witness::LISTED;
use busyhour_oracle::{Judgement, Panel, Wants, Witness};
use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime, Source, Stage};

use crate::packets::udp;

fn log() -> Log {
    let mut log = Log::default();
    log.name_host("alice");
    log.name_host("server");
    log
}

fn show(panel: &mut Panel, at: u64, id: u64, stage: Stage) {
    let log = log();
    let bytes = udp("10.0.0.1:5060", "10.0.0.2:5060", b"RING");
    let (from, to) = (log.host_called("alice"), log.host_called("server"));
    panel.packet(&PacketSeen { at: SimTime(at), id: PacketId(id), stage, from, to, bytes: &bytes });
}

fn crash(panel: &mut Panel, at: u64) {
    let mut log = log();
    log.push(Event::new(SimTime(at), Source::World, "crash").on(log.host_called("alice").unwrap()));
    panel.event(log.events().last().unwrap(), &log);
}

/// A universe in which something arrives that nobody sent.
fn with_an_unsent_arrival() -> Panel {
    let mut panel = Panel::always_on();
    show(&mut panel, 1_000_000, 0, Stage::Sent);
    show(&mut panel, 2_000_000, 0, Stage::Arrived);
    show(&mut panel, 3_000_000, 1, Stage::Arrived);
    panel
}

fn verdict(panel: &Panel, breaks: &[&str]) -> String {
    let breaks: Vec<String> = breaks.iter().map(ToString::to_string).collect();
    panel.verdict(&breaks).unwrap().to_string()
}

#[test]
fn a_broken_rule_fails_a_scenario() {
    let mut panel = with_an_unsent_arrival();
    insta::assert_snapshot!(verdict(&panel, &[]), @"nothing_unsent_arrives is broken, at 0.003000s: packet #1 arrived, and nobody sent it; the rule: what arrives was sent, and unchanged but for addresses, ports, TTL and checksums (RFC 791 section 1.4; RFC 3022 section 4)");
    show(&mut panel, 4_000_000, 2, Stage::Arrived);
    assert!(verdict(&panel, &[]).contains("(and once more);"));
    show(&mut panel, 5_000_000, 3, Stage::Arrived);
    assert!(verdict(&panel, &[]).contains("(and 2 times more);"));
}

#[test]
fn a_scenario_that_is_to_break_a_rule_passes_only_if_it_does() {
    let broken = with_an_unsent_arrival();
    assert_eq!(verdict(&broken, &["nothing_unsent_arrives"]), "");
    assert_eq!(verdict(&broken, &["nothing-unsent-arrives", "nothing_unsent_arrives"]), "");
    let mut held = Panel::always_on();
    show(&mut held, 1_000_000, 0, Stage::Sent);
    show(&mut held, 2_000_000, 0, Stage::Arrived);
    insta::assert_snapshot!(verdict(&held, &["nothing_unsent_arrives", "nothing_crosses_a_cut"]), @"
    nothing_unsent_arrives was to be broken, and held (judged: 1)
    nothing_crosses_a_cut was to be broken, and wasn't: it judged nothing at all
    ");
}

#[test]
fn another_witness_that_fires_is_still_a_failure() {
    let mut panel = with_an_unsent_arrival();
    crash(&mut panel, 4_000_000);
    show(&mut panel, 5_000_000, 4, Stage::Sent);
    assert_eq!(panel.verdict(&[]).unwrap().complaints.len(), 2);
    insta::assert_snapshot!(verdict(&panel, &["nothing_unsent_arrives"]), @"a_crashed_host_is_silent is broken, at 0.005000s: packet #4 left alice, which is down since 0.004000s; the rule: between its crash and its restart a host sends nothing and nothing arrives at it, and likewise in its sleep (Cristian 1991: crash failures)");
    assert_eq!(verdict(&panel, &["nothing_unsent_arrives", "a_crashed_host_is_silent"]), "");
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest_names() {
    let panel = Panel::always_on();
    let said = |name: &str| panel.verdict(&[name.to_owned()]).unwrap_err().to_string();
    let errors =
        [said("nothing_unsent_arives"), said("crashed_host"), said("a_cut"), said("at_most_one_sale"), said("")];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    no invariant is called "nothing_unsent_arives"; did you mean nothing_unsent_arrives?
    no invariant is called "crashed_host"; did you mean a_crashed_host_is_silent?
    no invariant is called "a_cut"; did you mean nothing_crosses_a_cut?
    no invariant is called "at_most_one_sale"
    no invariant is called ""
    "#);
    assert!(panel.get("nothing_crosses_a_cut").is_ok());
}

#[test]
fn the_record_has_every_witness_with_its_rule_also_those_that_judged_nothing() {
    let oracles = with_an_unsent_arrival().oracles();
    let lines = oracles.iter().map(|o| format!("{}: {}; judged {}, {}", o.name, o.rule, o.judged, o.violations.len()));
    let lines = lines.collect::<Vec<_>>();
    insta::assert_snapshot!(lines.join("\n"), @"
    nothing_unsent_arrives: what arrives was sent, and unchanged but for addresses, ports, TTL and checksums (RFC 791 section 1.4; RFC 3022 section 4); judged 2, 1
    nothing_crosses_a_cut: while a network is cut, every message from the one side to the other is lost (Gilbert and Lynch 2002, section 2.3); judged 0, 0
    a_crashed_host_is_silent: between its crash and its restart a host sends nothing and nothing arrives at it, and likewise in its sleep (Cristian 1991: crash failures); judged 0, 0
    every_request_is_answered: a request that arrives is answered within 64*T1, and an INVITE that was cancelled gets its final response (RFC 3261 sections 8.2, 9.2 and 17.2); judged 0, 0
    every_2xx_to_invite_is_acknowledged: who gets a 2xx to its INVITE sends an ACK, each time, and who sent it and gets none for 64*T1 sends a BYE (RFC 3261 sections 13.2.2.4 and 13.3.1.4); judged 0, 0
    when_one_leg_ends_the_other_ends: when one leg of a call through a back-to-back user agent ends, the other is ended within 64*T1 (RFC 3261 sections 6 and 15); judged 0, 0
    cseq_grows_and_tags_stay: CSeq grows from request to request, tags stay, a response has its request's Vias, and a dialog's requests go along its routes (RFC 3261 sections 8.1.1.7, 8.2.6.2, 10.2, 12.2.1.1 and 13.2.2.4); judged 0, 0
    no_zombie_calls: a call that one side ends is over for both, an INVITE has one outcome, and no call stays up that nobody wants (RFC 3261 sections 9.1, 12.2.1.2, 13.2.2.4, 15 and 17.2.1); judged 0, 0
    bindings_expire: no call goes to a binding that has expired or was taken back, and none fails at dead contacts while a living one is registered (RFC 3261 sections 10.2.2, 10.3 and 16.5); judged 0, 0
    established_means_heard: three seconds after a call was established both ways, media has arrived at both places that its descriptions name (RFC 3264 sections 5.1 and 7); judged 0, 0
    after_the_end_no_rtp: a second after a BYE was answered, nobody sends media from the call's ports (RFC 3261 section 15); judged 0, 0
    no_password_on_a_wire: neither a password nor its H(user:realm:password) is sent in the clear (RFC 3261 section 22; RFC 7616 section 5.1); judged 0, 0
    retransmissions_follow_their_timers: what is sent again is the same, is sent after T1 and then ever later, and not after its answer (RFC 3261 sections 13.3.1.4 and 17, timers A, E and G); judged 0, 0
    webrtc_media_is_encrypted: media between a browser and whoever talks with it is SRTP under keys that DTLS agreed on (RFC 8827 section 6.5; RFC 5764); judged 0, 0
    no_index_is_sent_twice: no SSRC and index is sent twice under one key with other bytes (RFC 3711 section 9.1); judged 0, 0
    no_two_handshakes_share_randoms: each DTLS handshake has randoms of its own (RFC 5246 sections 7.4.1.2 and 7.4.1.3); judged 0, 0
    no_media_before_dtls: nobody sends media before the DTLS handshake is done (RFC 5763 section 5; RFC 5764 section 4.1); judged 0, 0
    fingerprints_match: the certificate in the DTLS handshake is the one whose fingerprint the description gives, or the connection isn't used (RFC 8122 section 6.2; RFC 5763 section 5); judged 0, 0
    without_consent_no_media: nothing is sent to an address from which no answer to an ICE check has come for 30 seconds (RFC 7675 section 5.1); judged 0, 0
    a_gone_tab_is_not_rung: no call goes to a WebSocket that is over, or to a contact that was registered by it (RFC 7118 section 5.1; RFC 5626 sections 5.3 and 7); judged 0, 0
    a_gone_tab_ends_its_calls: a call with a tab that's gone ends for the other side: at once after its DTLS alert, five seconds after the last ICE check once its WebSocket is over, thirty seconds after the last check otherwise (RFC 3261 section 15; RFC 7675 section 5.1); judged 0, 0
    no_relaying_after_expiry: a relay passes nothing on for an allocation that has expired or was given back, and nothing without a permission (RFC 8656 sections 3.2, 7.2 and 9); judged 0, 0
    nothing_outlives_its_call: when a call is over its gateway leg neither checks, answers nor sends, and its address on a relay isn't refreshed any more (RFC 8445 section 12; RFC 8656 sections 3.2, 7 and 7.2); judged 0, 0
    one_contact_per_tab: a registrar keeps one binding of a user per instance and reg-id, and one per WebSocket (RFC 5626 section 6); judged 0, 0
    one_state_per_agent: an agent has one session and one state, and gets from it to such as can follow (VICIdial, vicidial_live_agents and vdc_db_query.php); judged 0, 0
    no_agent_in_two_calls: before an agent is given another call, the customer of her last one is gone or given away (VICIdial, agi-VDAD_ALL_outbound.agi: only agents without a lead are taken); judged 0, 0
    no_lead_in_two_calls: a lead is in one call at a time (VICIdial, AST_VDauto_dial.pl: the hopper gives a lead out once); judged 0, 0
    no_do_not_call_number_dialed: a number on the do-not-call list isn't dialed (VICIdial, DNCL; 47 CFR 64.1200(d)); judged 0, 0
    one_disposition_for_each_call: of each call that an agent has had is said once what became of it (VICIdial, updateDISPO and dispo_set_twice); judged 0, 0
    calls_placed_are_accounted_for: of each call that is placed something becomes, and who answers gets an agent or is dropped (VICIdial, dial_timeout and drop_call_seconds); judged 0, 0
    session_time_adds_up: an agent's session is as long as the pauses, waits, talks and wrap-ups of its record (VICIdial, vicidial_agent_log); judged 0, 0
    drop_rate_within_target: a predictive dialer drops no more of the answered calls than its target says (VICIdial, adaptive_dropped_percentage; FCC DA-03-2832); judged 0, 0
    no_event_lost_at_rest: what was saved at the source is at the receiver once the schedule has run out, unless the contract gives it up (Standard Webhooks 1.0.0; VICIdial, CALL_URL_FEATURES); judged 0, 0
    effects_exactly_once: what a webhook tells is done once, however often it's delivered, and what was acknowledged is done (Standard Webhooks 1.0.0, webhook-id as the idempotency key); judged 0, 0
    no_forged_effect: what a stranger posts to a receiver has no effect, forged or replayed (Standard Webhooks 1.0.0, verification and tolerance); judged 0, 0
    ");
}

#[test]
fn the_first_violations_are_listed_and_all_are_counted() {
    let mut judgement = Judgement::default();
    for n in 0..LISTED as u64 {
        judgement.violate(SimTime(n), "again", []);
    }
    assert_eq!((judgement.violations.len(), judgement.unlisted), (LISTED, 0));
    judgement.violate(SimTime(LISTED as u64), "again", []);
    assert_eq!((judgement.violations.len(), judgement.unlisted, judgement.count()), (LISTED, 1, LISTED as u64 + 1));
}

/// Writes down what it hears.
#[derive(Debug, Default)]
struct Clerk {
    has_enough: bool,
    judgement: Judgement,
}

impl Witness for Clerk {
    fn name(&self) -> &'static str {
        "clerk"
    }

    fn rule(&self) -> &'static str {
        "everything is heard once"
    }

    fn packet(&mut self, seen: &PacketSeen<'_>) -> Wants {
        self.judgement.violate(seen.at, format!("{:?}", seen.stage), []);
        if self.has_enough { Wants::NoMore } else { Wants::Next }
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.judgement.violate(event.at, log.line(event).trim(), []);
    }

    fn finish(&mut self, at: SimTime) {
        self.judgement.violate(at, "the end", []);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

#[test]
fn every_witness_hears_everything_once_and_in_order() {
    let mut panel = Panel::new(vec![Box::<Clerk>::default()]);
    show(&mut panel, 1, 0, Stage::Sent);
    crash(&mut panel, 2);
    show(&mut panel, 3, 0, Stage::Arrived);
    panel.finish(SimTime(4));
    let heard = panel.get("clerk").unwrap().judgement().violations.iter().map(|v| format!("{} {}", v.at.0, v.what));
    insta::assert_snapshot!(heard.collect::<Vec<_>>().join("\n"), @"
    1 Sent
    2 0.000000s  world  alice         crash
    3 Arrived
    4 the end
    ");
}

#[test]
fn a_witness_that_wants_no_more_packets_is_spared_them() {
    for (has_enough, heard) in [(true, vec![1, 3, 4]), (false, vec![1, 2, 3, 4])] {
        let mut panel = Panel::new(vec![Box::new(Clerk { has_enough, ..Clerk::default() })]);
        show(&mut panel, 1, 0, Stage::Sent);
        show(&mut panel, 2, 0, Stage::Arrived);
        crash(&mut panel, 3);
        panel.finish(SimTime(4));
        let clerk = panel.get("clerk").unwrap();
        assert_eq!(clerk.judgement().violations.iter().map(|v| v.at.0).collect::<Vec<_>>(), heard);
    }
}

#[test]
#[should_panic(expected = "two witnesses are called clerk")]
fn no_two_witnesses_share_a_name() {
    Panel::new(vec![Box::<Clerk>::default(), Box::<Clerk>::default()]);
}
