//! Charts are made from records alone, and show what happened: read each snapshot as somebody who wasn't there.

use std::fs;
use std::path::PathBuf;

use busyhour_scenarios::chart::{Chart, Fate, Manner, Protocol, mermaid, svg};
use busyhour_scenarios::records;
use busyhour_scenarios::report_html::{Entry, Gathered, of_records};

use crate::stage::{case, out, perform};

/// RFC 6455 7.1.1, and what a browser does with a tab that's closed: the page has no time to say BYE.
const CLOSED_TAB: &str = "Given agent alice with a webphone
    And agent bob with a hardphone
    And every agent's phone registers
    And bob calls alice
    And alice answers
    And 2 seconds pass
    When alice closes the tab
    Then the call has ended for everybody within 10 seconds";

const ONE_WAY: &str = "Given agents alice and bob with hardphones
    And every agent's phone registers
    And alice calls bob
    And bob answers
    When the network from alice to the server is cut for 10 seconds
    Then alice and bob hear each other within 3 seconds";

const LOST_REPLY: &str = "Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number \"15551230001\"
    And a webhook receiver crm
    And renewals sends \"disposition.saved\" to crm by the \"standard\" sender
    And alice is talking to lead 1001
    And the reply to the next delivery is lost
    When alice saves disposition \"SALE\"
    Then crm got at least 2 deliveries of \"disposition.saved\" for lead 1001 within 1 day";

/// The record of a scenario of these steps.
fn record(test: &str, steps: &str) -> PathBuf {
    let (job, result) = perform(test, &case("", steps), 0);
    assert!(result.account.record_folder.is_some(), "{:?}", result.reasons);
    job.record_folder
}

fn chart(test: &str, steps: &str) -> Chart {
    Chart::load(&record(test, steps)).unwrap()
}

#[test]
fn what_is_drawn_from_the_record_is_what_the_run_has_drawn() {
    for (test, steps) in [("chart-tab", CLOSED_TAB), ("chart-cut", ONE_WAY), ("chart-hook", LOST_REPLY)] {
        let folder = record(test, steps);
        let drawn = fs::read_to_string(folder.join("diagram.txt")).unwrap();
        assert_eq!(Chart::load(&folder).unwrap().text(), drawn, "{test}");
    }
}

#[test]
fn a_closed_tab_in_mermaid() {
    insta::assert_snapshot!(mermaid::mermaid(&chart("mermaid-tab", CLOSED_TAB)));
}

#[test]
fn a_reply_that_is_lost_in_mermaid() {
    insta::assert_snapshot!(mermaid::mermaid(&chart("mermaid-hook", LOST_REPLY)));
}

#[test]
fn a_one_way_cut_as_svg() {
    insta::assert_snapshot!(svg::svg(&chart("svg-cut", ONE_WAY)));
}

#[test]
fn a_cut_is_a_span_with_what_it_hit_and_audio_tells_when_it_was_gone() {
    let chart = chart("chart-span", ONE_WAY);
    let [cut] = chart.doings.as_slice() else { panic!("{:?}", chart.doings) };
    assert_eq!(cut.what, "the network alice -> server is cut");
    assert_eq!(cut.end.unwrap().since(cut.begin).as_secs(), 10);
    assert_eq!(cut.hosts.iter().map(|host| chart.name(*host)).collect::<Vec<_>>(), ["server", "alice"]);
    let ways = |from: &str, to: &str| {
        chart.bands.iter().find(|band| chart.name(band.from) == from && chart.name(band.to) == to).unwrap()
    };
    let (swallowed, heard) = (ways("alice", "server"), ways("server", "alice"));
    assert!(swallowed.lost > 0 && heard.lost == 0, "{swallowed:?}");
    let gone = swallowed.windows.iter().find(|window| window.arrived == 0).unwrap();
    assert!((9..=10).contains(&gone.width.as_secs()), "{gone:?}");
    // G.107: what loses all is rated 17, which is 1.2.
    assert!(gone.mos() < 1.2 && heard.mos() > 4.4, "{} {}", gone.mos(), heard.mos());
}

/// Nothing lifts an impairment: it lasts to the end. An aimed fault lasts until it strikes, an access network until the
/// next one, a clock's fault until it's set anew.
#[test]
fn every_fault_is_a_span_from_where_it_began_to_where_the_record_says_that_it_ended() {
    let steps = "Given agents alice and bob with hardphones
    And alice is on \"hotel wifi\"
    And the first \"200\" from bob is lost
    And every agent's phone registers
    When every network loses 5% of packets
    And the network between bob and the server has 20 ms latency
    And bob's clock is 10 minutes ahead
    And alice calls bob
    And bob answers
    And bob's clock is 5 minutes behind
    And the network between bob and the server is cut for 2 seconds
    And 1 second passes
    Then alice's phone is registered";
    let chart = chart("chart-spans", steps);
    let end = chart.record.simulated;
    let told: Vec<String> = chart
        .doings
        .iter()
        .map(|doing| {
            let hosts: Vec<&str> = doing.hosts.iter().map(|host| chart.name(*host)).collect();
            format!("{:?} {hosts:?} {}", doing.manner, doing.told(end))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let find = |words: &str| chart.doings.iter().find(|doing| doing.what.contains(words)).unwrap();
    assert_eq!(find("every network loses").end, Some(end));
    let (wrong, again) = (find("10 minutes ahead"), find("5 minutes behind"));
    assert_eq!((wrong.end, again.end), (Some(again.begin), Some(end)), "one clock has one fault at a time");
    let aimed = find("200");
    let struck = chart.arrows.iter().find(|arrow| arrow.lost() == Some(busyhour_trace::Loss::Aimed)).unwrap();
    assert!(aimed.manner == Manner::Aim && aimed.end.unwrap() >= struck.sent, "{aimed:?} {struck:?}");
}

/// RFC 6298: what is lost of a connection is sent again when nothing says that it came. Each try is an arrow.
#[test]
fn a_message_whose_segment_was_lost_is_a_broken_arrow_and_its_repetition_another() {
    let steps = "Given agents alice and bob with webphones
    And every agent's phone registers
    When every network loses 30% of packets
    And alice calls bob
    And 20 seconds pass
    Then alice's webphone is connected to the server";
    let chart = chart("chart-segments", steps);
    let sip: Vec<_> = chart.arrows.iter().filter(|arrow| arrow.protocol == Protocol::Sip).collect();
    let again: Vec<_> = sip.iter().filter(|arrow| arrow.by_tcp).collect();
    assert!(again.len() > 1, "{} of {} were sent again", again.len(), sip.len());
    for arrow in &again {
        let before = sip.iter().filter(|other| other.text == arrow.text && other.sent < arrow.sent);
        let before: Vec<_> = before.filter(|other| (other.from, other.to) == (arrow.from, arrow.to)).collect();
        assert!(!before.is_empty(), "what comes again was there before: {arrow:?}");
        let Some(first) = before.first().filter(|first| !first.by_tcp) else { panic!("{before:?}") };
        assert_eq!((&first.label, first.call), (&arrow.label, arrow.call));
        assert_eq!(arrow.told()[0], "again, by TCP");
    }
    let lost = sip.iter().filter(|arrow| !arrow.by_tcp && arrow.lost().is_some());
    let mended = lost.filter(|lost| {
        let arrived = |other: &&busyhour_scenarios::chart::Arrow| {
            other.by_tcp && other.text == lost.text && matches!(other.fate, Fate::Arrived(_))
        };
        again.iter().any(|other| arrived(other))
    });
    assert!(mended.count() > 0, "a first try was lost, and a later one arrived");
    let unknown: Vec<_> = sip.iter().filter(|arrow| arrow.fate == Fate::OnItsWay).collect();
    assert!(unknown.is_empty(), "of each packet the record knows what became of it: {unknown:?}");
}

#[test]
fn a_delivery_that_was_never_answered_comes_again_and_says_so() {
    let chart = chart("chart-attempts", LOST_REPLY);
    let hooks: Vec<_> = chart.arrows.iter().filter(|arrow| arrow.protocol == Protocol::Webhook).collect();
    let told: Vec<String> = hooks.iter().map(|arrow| format!("{} {:?}", arrow.label, arrow.remarks)).collect();
    assert_eq!(
        told,
        [
            "POST /hook disposition.saved [\"never answered\"]",
            "connection reset []",
            "POST /hook disposition.saved [\"attempt 2\"]",
            "200 OK []"
        ]
    );
    assert!(
        hooks[0].text.starts_with("POST /hook HTTP/1.1\n") && hooks[0].text.contains("\"lead_id\""),
        "{}",
        hooks[0].text
    );
    let states: Vec<&str> = chart.states.iter().map(|state| state.status.as_str()).collect();
    assert!(states.contains(&"INCALL") && states.contains(&"READY"), "{states:?}");
}

#[test]
fn nothing_in_a_scenario_ends_the_script_that_holds_it() {
    let folder = record(
        "chart-names",
        "Given machines a and b\n    When a sends 3 datagrams to b\n    Then b received all of them",
    );
    let mut found = records::below(&folder).unwrap();
    found[0].record.scenario = "</script><!-- <b>".to_owned();
    let page = of_records(&[&found[0]], &folder);
    assert_eq!(page.matches("</script>").count(), 3, "the run's, the chart's and the page's own");
    assert!(page.contains(r"\u003c/script>\u003c!-- \u003cb>"));
}

#[test]
fn a_page_takes_the_charts_of_failed_scenarios_and_says_of_each_other_why_it_is_not_there() {
    let folder = record("chart-left-out", ONE_WAY);
    let found = records::below(&folder).unwrap();
    let mut gathered = Gathered::default();
    let kept = Entry::of_record(&found[0]);
    let dropped = Entry { folder: None, title: "dropped".to_owned(), ..kept.clone() };
    gathered.add(dropped);
    gathered.add(kept);
    let page = gathered.page(&out("chart-left-out"));
    assert!(!page.contains("id=\"chart-0\"") && page.contains("id=\"chart-1\""));
    assert!(page.contains("\"missing\":\"no record was kept of this run\""));
    assert!(page.contains("\"folder\":\"features-f/"), "links lead from the page to the record");
}

#[test]
fn thousands_that_passed_are_counted_and_every_one_that_failed_is_listed_first() {
    let folder = record(
        "chart-many",
        "Given machines a and b\n    When a sends 3 datagrams to b\n    Then b received all of them",
    );
    let found = records::below(&folder).unwrap();
    let passed = Entry { folder: None, ..Entry::of_record(&found[0]) };
    let mut gathered = Gathered::default();
    for seed in 0..2_005 {
        gathered.add(Entry { seed, ..passed.clone() });
    }
    gathered.add(Entry { kind: busyhour_scenarios::report_html::Kind::Failed, seed: 2_005, ..passed });
    let page = gathered.page(&folder);
    assert!(page.contains("\"passed\":2005,") && page.contains("\"failed\":1,") && page.contains("\"unlisted\":5,"));
    assert!(page.contains("\"seeds\":2006,"));
}
