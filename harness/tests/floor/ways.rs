//! Which event goes by which URL, and the page that says so.

use busyhour::floor::settings::{Profile, Trigger};
use busyhour::floor::urls::{NO_AGENT, table, way};
use busyhour::webhook::event::EventKind;

/// The docs say what the code does: BLESS=1 writes them anew.
#[test]
fn the_table_of_the_docs_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/webhooks.md");
    let docs = std::fs::read_to_string(path).expect("docs/webhooks.md is there");
    let (begin, end) = ("<!-- ways -->\n", "<!-- /ways -->");
    let (before, rest) = docs.split_once(begin).expect("docs/webhooks.md has a place for the table");
    let (_, after) = rest.split_once(end).expect("that place has an end");
    let wanted = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &wanted).expect("docs/webhooks.md can be written");
    } else {
        assert_eq!(docs, wanted, "run this test with BLESS=1");
    }
}

#[test]
fn an_event_that_vicidial_has_no_url_for_is_an_error_that_says_so() {
    let error = way(Profile::Vicidial, EventKind::CallEnded, None).expect_err("there's none").to_string();
    let start = "the vicidial profile can't send \"call.ended\" by a URL of its own: it has none";
    assert!(error.starts_with(start), "{error}");
    assert!(way(Profile::Vicidial, EventKind::CallEnded, Some(NO_AGENT)).is_ok());
    assert!(way(Profile::Vicidial, EventKind::CallEnded, Some("stripe")).is_err());
    assert!(way(Profile::Vicidial, EventKind::DispositionSaved, Some(NO_AGENT)).is_err());
    for event in EventKind::ALL {
        assert!(way(Profile::Modern, event, None).is_ok());
    }
}

#[test]
fn another_senders_contract_is_kept_in_the_vicidial_profile_too() {
    let way = way(Profile::Vicidial, EventKind::SaleClosed, Some("stripe")).unwrap();
    assert_eq!((way.trigger, way.sender.as_str(), way.durable), (Trigger::AtOnce, "stripe", true));
}
