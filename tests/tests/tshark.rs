//! The captures beside failed scenarios, read by tshark: what busyhour calls SIP, RTP, HTTP, a WebSocket or DTLS is that
//! to a program that nobody here wrote.
//!
//! Needs tshark. Without it each test says what it skips and passes; with `BUSYHOUR_INTEROP=required` in the environment
//! it fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use busyhour_scenarios::outcome::Verdict;
use busyhour_scenarios::run::Job;
use busyhour_scenarios::stage::{Stage as _, UniverseStage};
use busyhour_scenarios::suite::{Choice, Suite};
use busyhour_scenarios::vocabulary::Vocabulary;

/// Both fail at their last step, when all is said.
const FEATURE: &str = r#"Feature: Captures

  Scenario: A sale
    Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm
    And renewals sends "disposition.saved" to crm by the "standard" sender
    And alice is talking to lead 1001
    When 1 second passes
    And alice saves disposition "SALE"
    And alice logs out
    Then crm got 9 deliveries of "disposition.saved" for lead 1001 within 30 seconds

  Scenario: A webphone
    Given agent alice with a webphone
    And agent bob with a hardphone
    And every agent's phone registers
    When alice calls bob
    And bob answers
    Then alice and bob hear each other within 5 seconds
    And bob's phone rings
"#;

/// True if there's a tshark. Without one the test is skipped aloud, or fails where it's required.
fn tshark_or_skip(what: &str) -> bool {
    let version = Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = version.is_ok_and(|status| status.success());
    if !there {
        let required = std::env::var("BUSYHOUR_INTEROP").is_ok_and(|wish| wish == "required");
        assert!(!required, "no tshark is installed (Debian: apt-get install tshark)");
        eprintln!("SKIPPED: {what} was NOT checked: no tshark is installed (Debian: apt-get install tshark)");
    }
    there
}

/// The record of a scenario that has failed.
fn failed(name: &str) -> PathBuf {
    static RECORDS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let records = RECORDS.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tshark");
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("captures.feature");
        std::fs::write(&file, FEATURE).unwrap();
        let suite = Suite::load(&[file], &Vocabulary::of_this_build()).unwrap();
        let cases = suite.chosen(&Choice { tags: None, name: None });
        cases
            .iter()
            .map(|case| {
                let result = UniverseStage::default().perform(&Job::new(case, 0, &home));
                assert_eq!(result.verdict, Verdict::Failed, "{}: {:?}", case.title(), result.reasons);
                let last = result.account.steps.last().unwrap();
                assert!(last.failure.is_some(), "{} fails at its last step: {:#?}", case.title(), result.account.steps);
                (case.title(), result.account.record_folder.unwrap())
            })
            .collect()
    });
    records[name].clone()
}

/// How many packets of a capture are so, by tshark's own filter, with those options.
fn count(capture: &Path, options: &[&str], filter: &str) -> usize {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(options).args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "tshark refuses {}: {said}", capture.display());
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn the_capture_beside_a_failed_scenario_is_sip_rtp_and_http_to_tshark() {
    if !tshark_or_skip("a capture's SIP, RTP and HTTP") {
        return;
    }
    let capture = failed("A sale").join("wire.pcapng");
    let of = |filter: &str| count(&capture, &[], filter);
    assert!(of("sip.Method == \"INVITE\"") > 0 && of("sip.Status-Code == 200") > 0);
    assert!(of("sdp.media.media == \"audio\"") > 0, "and so are the bodies");
    let (rtp, frames) = (of("rtp"), of("rtp && frame.len == 200"));
    assert!(rtp > 50 && frames > 50, "{rtp} RTP packets, {frames} with 20 ms of G.711");
    assert!(of("rtp.p_type == 0") > 50, "known by the SDP, not guessed");
    assert!(of("http.request.method == \"POST\" && json") >= 1, "the webhook");
    assert!(of("http.response.code == 200") >= 1, "and its answer");
    let strangers = "udp && data && !(udp.port == 5060)";
    assert_eq!(of(strangers), 0, "nothing but SIP's keep-alives is unknown to it");
    assert_eq!(of("_ws.malformed || ip.checksum.status == \"Bad\""), 0);
}

#[test]
fn a_webphones_sip_is_read_out_of_its_websocket() {
    if !tshark_or_skip("SIP in a WebSocket") {
        return;
    }
    let capture = failed("A webphone").join("wire.pcapng");
    let of = |filter: &str| count(&capture, &[], filter);
    assert_eq!(of("http.response.code == 101"), 1, "the handshake");
    assert!(of("websocket && sip.Method == \"INVITE\"") >= 1);
    assert!(of("websocket && sip.Status-Code == 200") >= 1);
    assert!(of("websocket.mask == 1 && sip.Method == \"REGISTER\"") >= 1, "masked, as a browser's are (RFC 6455 5.3)");
}

/// draft-ietf-tls-keylogfile: a Finished is the first that is encrypted.
#[test]
fn dtls_opens_with_the_keys_beside_the_capture_and_not_without_them() {
    if !tshark_or_skip("DTLS and its keys") {
        return;
    }
    let folder = failed("A webphone");
    let keys = format!("tls.keylog_file:{}", folder.join("wire.keys").display());
    // What SDP announces, tshark takes for two conversations of one direction each, and DTLS needs both.
    let whole = ["-o", "sdp.establish_conversation:FALSE"];
    let finished = |options: &[&str]| count(&folder.join("wire.pcapng"), options, "dtls.handshake.type == 20");
    assert!(count(&folder.join("wire.pcapng"), &[], "dtls.handshake.type == 1") >= 1, "a ClientHello");
    let with_keys = [&whole[..], &["-o", &keys]].concat();
    assert_eq!((finished(&whole), finished(&with_keys)), (0, 2), "one of each side");
}

#[test]
fn the_second_capture_is_rtp_in_the_clear_without_a_word_to_tshark() {
    if !tshark_or_skip("the decrypted RTP") {
        return;
    }
    let folder = failed("A webphone");
    let capture = folder.join("wire-decrypted.pcapng");
    let of = |filter: &str| count(&capture, &[], filter);
    let (rtp, all) = (of("rtp"), of("frame"));
    assert!(rtp > 50 && rtp + of("rtcp") + of("sap") == all, "{rtp} of {all} packets are RTP");
    assert_eq!(of("srtp.enc_payload"), 0, "nothing is encrypted there");
    assert_eq!(of("rtp.payload"), rtp);
    assert_eq!(of("sap"), of("sap && frame.comment contains \"sent by nobody\""), "what was never sent says so");
    // Silence in G.711 isn't all zeros, and neither is speech; noise would be any byte.
    assert_eq!(of("rtp.p_type == 0 && frame.len == 200"), of("rtp.p_type == 0"));
}
