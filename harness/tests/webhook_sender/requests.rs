//! What a request of each contract looks like.

use busyhour::http::Request;
use busyhour::webhook::event::Event;
use busyhour::webhook::sender::compose;
use busyhour::webhook::signature::{DEFAULT_TOLERANCE, Received, Secret};
use bytes::Bytes;

use crate::support::{contract, event, preset, secret};

/// The moment of the attempt: 2026-11-23T14:00:05Z; the event happened five seconds before.
const NOW: u64 = busyhour::DEFAULT_BIRTH * 1000 + 5000;

fn request(name: &str, url: &str) -> Request<Bytes> {
    let event = event(1, busyhour::DEFAULT_BIRTH * 1000);
    compose(&preset(name), url, &event, &[secret(1)], NOW, 2).expect("a request")
}

fn body(request: &Request<Bytes>) -> &str {
    std::str::from_utf8(request.body()).expect("a text")
}

#[test]
fn vicidials_url_is_filled_where_it_has_places_and_says_everything_behind_it_where_it_has_none() {
    let url = "VARhttp://crm/dispo.php?lead=--A--lead_id--B--&dispo=--A--dispo--B--&user=--A--user--B--";
    let filled = request("vicidial-dispo", url);
    assert_eq!(filled.method(), "GET");
    assert_eq!(filled.uri(), "http://crm/dispo.php?lead=1001&dispo=SALE&user=alice");
    assert_eq!((body(&filled), filled.headers().len()), ("", 0), "no signature, no id, nothing");

    let rest = "lead_id=1001&phone_number=15551230001&status=SALE&agent=alice";
    assert_eq!(request("vicidial-dispo", "http://crm/hook").uri().to_string(), format!("http://crm/hook?{rest}"));
    assert_eq!(request("vicidial-dispo", "http://crm/?a=1").uri().to_string(), format!("http://crm/?a=1&{rest}"));
}

#[test]
fn wget_gets_a_url_and_posts_to_one_that_says_so() {
    let got = request("vicidial-no-agent", "http://crm/na?lead=--A--lead_id--B--");
    assert_eq!((got.method().as_str(), got.uri().to_string().as_str()), ("GET", "http://crm/na?lead=1001"));
    let posted = request("vicidial-no-agent", "http://crm/na?lead=--A--lead_id--B-- POST");
    assert_eq!((posted.method().as_str(), posted.uri().to_string().as_str()), ("POST", "http://crm/na"));
    assert_eq!(body(&posted), "lead=1001");
    assert_eq!(posted.headers()["content-type"], "application/x-www-form-urlencoded");
}

#[test]
fn json_has_the_event_and_the_headers_are_filled() {
    let request = request("shopify", "http://crm:8080/hook");
    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(Event::from_json(request.body()).expect("an event").id, "evt_1");
    assert_eq!(request.headers()["x-shopify-topic"], "disposition.saved");
    assert_eq!(request.headers()["x-shopify-webhook-id"], "evt_1");
    assert_eq!(request.headers()["x-shopify-triggered-at"], "2026-11-23T14:00:00.000Z", "when it happened");
    assert!(request.headers().contains_key("x-shopify-hmac-sha256"));
}

#[test]
fn a_form_has_all_fields_of_the_event() {
    let request = request("twilio", "http://crm/hook");
    let expected = "id=evt_1&type=disposition.saved&timestamp=2026-11-23T14%3A00%3A00.000Z&sequence=1&agent=alice&\
                    lead_id=1001&phone_number=15551230001&status=SALE";
    assert_eq!(body(&request), expected);
    assert_eq!(request.headers()["i-twilio-idempotency-token"], "evt_1");
}

#[test]
fn a_token_is_all_that_dialpad_sends() {
    let request = request("dialpad", "http://crm/hook");
    assert_eq!(body(&request).split('.').count(), 3);
    assert_eq!(request.headers()["content-type"], "application/jwt");
}

#[test]
fn every_placeholder_of_a_header_is_filled() {
    let lines = "headers = { X-All = \"{id} {type} {sequence} {occurred_at} {timestamp} {attempt} {retry} {other}\" }";
    let event = event(7, busyhour::DEFAULT_BIRTH * 1000);
    let request = compose(&contract(lines), "http://crm/", &event, &[], NOW, 2).expect("a request");
    let expected = format!("evt_7 disposition.saved 7 2026-11-23T14:00:00.000Z {} 2 1 {{other}}", NOW / 1000);
    assert_eq!(request.headers()["x-all"], expected);
}

#[test]
fn a_url_that_is_none_is_an_error_and_no_attempt() {
    let error = compose(&preset("standard"), "http://crm /hook", &event(1, 0), &[secret(1)], NOW, 1);
    assert_eq!(error.expect_err("no URL"), "\"http://crm /hook\" is no URL: invalid uri character");
}

/// Twilio signs JSON by its hash in the URL, and a URL's fragment neither goes out nor is signed.
#[test]
fn twilios_json_has_its_hash_in_the_url_and_no_fragment_goes_out() {
    let json = contract("body = \"json\"\nsignature = \"twilio\"\nurl_overrides = true");
    let event = event(1, busyhour::DEFAULT_BIRTH * 1000);
    let request = compose(&json, "http://crm/hook?a=1#rc=2", &event, &[secret(1)], NOW, 1).expect("a request");
    let uri = request.uri().to_string();
    let (before, hash) = uri.split_once("&bodySHA256=").expect("the hash");
    assert_eq!((before, hash.len()), ("http://crm/hook?a=1", 64));
    let received = Received::of(&request);
    assert_eq!(json.signature.verify(NOW / 1000, &[secret(1)], DEFAULT_TOLERANCE, &received), Ok(()));

    let query = compose(&contract("method = \"GET\"\nbody = \"query\""), "http://crm/#top", &event, &[], NOW, 1);
    let uri = query.expect("a request").uri().to_string();
    assert!(uri.starts_with("http://crm/?id=evt_1&"), "what's told stands before a fragment: {uri}");
}

#[test]
fn a_secret_that_can_only_verify_signs_nothing() {
    let error = compose(&preset("standard-v1a"), "http://crm/", &event(1, 0), &[Secret::new("whpk_AAAA")], NOW, 1);
    assert_eq!(error.expect_err("nothing"), "standard-v1a signs, and its secret whpk_.. can't");
}
