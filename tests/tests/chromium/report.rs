//! The HTML report as somebody uses it: opened from a file, looked through by mouse and by keyboard, light and dark.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use busyhour::trace::record::{Record, RecordWriter, Seeds};
use busyhour::trace::{Log, PacketId, PacketSeen, SimTime, Stage};
use busyhour_scenarios::records;
use busyhour_scenarios::report_html::of_records;
use busyhour_scenarios::run::Job;
use busyhour_scenarios::stage::{Stage as _, UniverseStage};
use busyhour_scenarios::suite::{Choice, Suite};
use busyhour_scenarios::vocabulary::Vocabulary;
use serde_json::{Value, json};

/// The scenarios that are looked at: feature, and what stands in the scenario's name.
const LOOKED_AT: [(&str, &str); 3] = [
    ("closed_tabs", r"^The other side of a call learns of it, when alice closes the tab"),
    ("duplicate_webhooks", "^A reply that is lost makes the standard sender"),
    ("partitions", "^A call survives a cut from alice to the server"),
];
const TAB: usize = 1;
const WEBHOOK: usize = 2;
const PARTITION: usize = 3;
/// So many arrows a report must bear.
const MANY: u64 = 5_000;

fn out() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("report")
}

/// A report of three scenarios, made once for all tests.
fn report() -> &'static Path {
    static REPORT: OnceLock<PathBuf> = OnceLock::new();
    REPORT.get_or_init(|| {
        let home = out().join("three");
        let _ = std::fs::remove_dir_all(&home);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (feature, name) in LOOKED_AT {
            let file = repository.join(format!("features/{feature}.feature"));
            let suite = Suite::load(&[file], &Vocabulary::of_this_build()).unwrap();
            let choice = Choice { tags: None, name: Some(name.parse().unwrap()) };
            let cases = suite.chosen(&choice);
            assert_eq!(cases.len(), 1, "{feature}: {name}");
            let job = Job::new(&cases[0], 0, &home.join(feature));
            let result = UniverseStage::default().perform(&job);
            assert!(result.account.record_folder.is_some(), "{:?}", result.reasons);
        }
        let found = records::below(&home).unwrap();
        let page = of_records(&found.iter().collect::<Vec<_>>(), &home);
        let file = home.join("report.html");
        std::fs::write(&file, page).unwrap();
        file
    })
}

/// A datagram between two SIP ports; nobody has to check its sum.
fn datagram(from: u8, to: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to];
    packet.extend([0x13, 0xc4, 0x13, 0xc4]);
    packet.extend(((8 + payload.len()) as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    let length = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    let mut sum: u32 = packet[..20].as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    packet
}

/// A report of one scenario in which 5,000 messages are sent, every one different.
fn crowded() -> PathBuf {
    let home = out().join("crowded");
    let _ = std::fs::remove_dir_all(&home);
    let mut log = Log::default();
    let hosts: Vec<_> = ["alice", "bob", "carol", "dave", "erin", "server"].map(|name| log.name_host(name)).into();
    let mut writer = RecordWriter::create(&home.join("run")).unwrap();
    let mut capture = writer.capture(0, "many").unwrap();
    for n in 0..MANY {
        let (from, to) = (n as usize % 5, 5);
        let text = format!(
            "OPTIONS sip:server SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.{from};branch=z9hG4bK-{n}\r\nFrom: <sip:{from}@pbx.test>;tag={n}\r\n\
             To: <sip:server@pbx.test>\r\nCall-ID: {n}@pbx.test\r\nCSeq: {n} OPTIONS\r\nMax-Forwards: 70\r\nUser-Agent: busyhour\r\n\
             Contact: <sip:{from}@10.0.0.{from}:5060>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
        );
        let bytes = datagram(from as u8 + 1, to as u8 + 1, text.as_bytes());
        for (at, stage) in [(0, Stage::Sent), (2_000_000, Stage::Arrived)] {
            let at = SimTime(n * 40_000_000 + at);
            let (from, to) = (Some(hosts[from]), Some(hosts[to]));
            capture.packet(&PacketSeen { at, id: PacketId(n), stage, from, to, bytes: &bytes }, &log).unwrap();
        }
    }
    capture.finish().unwrap();
    let mut record = Record::new("features/many.feature", "Many messages", Seeds { run: 0, scenario: 0 });
    record.simulated = SimTime(MANY * 40_000_000);
    writer.finish(record, &log).unwrap();
    let found = records::below(&home).unwrap();
    let file = home.join("report.html");
    std::fs::write(&file, of_records(&found.iter().collect::<Vec<_>>(), &home)).unwrap();
    file
}

/// A report in Chromium.
struct Page {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// How many messages were in the document once it was loaded.
    messages: u64,
}

impl Page {
    /// Nothing if there's no Chromium, which is said.
    fn open(file: &Path, scenario: usize) -> Option<Page> {
        let chromium = super::chromium_or_skip("a test of the report")?;
        let mut child = Command::new("node")
            .arg(super::folder().join("report.mjs"))
            .args([chromium, format!("file://{}#{scenario}", file.display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node was there a moment ago");
        let input = child.stdin.take().expect("it's piped");
        let output = BufReader::new(child.stdout.take().expect("it's piped")).lines();
        let mut page = Page { child, input, output, messages: 0 };
        page.messages = page.answer().as_u64().expect("a count");
        Some(page)
    }

    fn answer(&mut self) -> Value {
        let line = self.output.next().expect("the driver answers").expect("in UTF-8");
        let mut answer: Value = serde_json::from_str(&line).expect("in JSON");
        assert!(answer.get("error").is_none(), "{answer}");
        answer["value"].take()
    }

    fn asks(&mut self, what: Value) -> Value {
        writeln!(self.input, "{what}").expect("the driver listens");
        self.answer()
    }

    fn says(&mut self, code: &str) -> Value {
        self.asks(json!(["evaluate", code]))
    }

    fn text(&mut self, selector: &str) -> String {
        let code = format!("document.querySelector({selector:?})?.textContent ?? ''");
        self.says(&code).as_str().unwrap_or_default().to_owned()
    }

    fn count(&mut self, selector: &str) -> u64 {
        self.says(&format!("document.querySelectorAll({selector:?}).length")).as_u64().expect("a count")
    }

    fn press(&mut self, key: &str) {
        self.asks(json!(["press", key]));
    }

    fn click(&mut self, selector: &str) {
        self.asks(json!(["click", selector]));
    }

    fn has_focus(&mut self, selector: &str) -> bool {
        self.says(&format!("document.activeElement === document.querySelector({selector:?})")) == true
    }

    /// Leaves a picture for people.
    fn picture(&mut self, name: &str) {
        self.asks(json!(["screenshot", out().join(format!("{name}.png"))]));
    }

    /// The page complained of nothing, and asked the network for nothing.
    fn is_content(&mut self) {
        assert_eq!(self.asks(json!(["errors"])), json!([]));
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "[\"quit\"]");
        // The driver closes its browser; killed, it would leave it behind.
        for _ in 0..100 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_closed_tab_is_seen_with_its_messages_its_audio_and_its_steps() {
    let Some(mut page) = Page::open(report(), TAB) else { return };
    assert!(page.messages > 10, "{}", page.messages);
    assert!(page.text("#verdict").contains("3 scenarios passed"), "{}", page.text("#verdict"));
    assert_eq!(page.count(".scenario"), 3);
    assert!(page.count("#overview rect") > 10, "the clock has ticks");
    page.says("seek(chart.doings[0][0] - 10000, true)");
    assert!(page.count(".mos") >= 2, "audio has its MOS as a line");
    assert!(page.text("#canvas").contains("alice's tab: closed"), "{}", page.text("#canvas"));
    assert!(page.text("#canvas").contains("When alice closes the tab"));
    assert!(page.text("#lanes").contains("♪ server"), "what alice hears now: {}", page.text("#lanes"));
    page.picture("closed-tab");
    page.is_content();
}

#[test]
fn a_duplicate_webhook_is_seen_with_its_attempts_and_replies() {
    let Some(mut page) = Page::open(report(), WEBHOOK) else { return };
    page.says("seek(chart.arrows.find(arrow => arrow[0] === 3)[3] - 1000, true)");
    let canvas = page.text("#canvas");
    assert!(canvas.contains("POST /hook disposition.saved"), "{canvas}");
    assert!(canvas.contains("attempt 2"), "{canvas}");
    assert!(page.count(".state") > 0, "what alice's screen shows is a bar");
    page.click(".message:has(.p3)");
    assert!(page.text("#message-text").contains("POST /hook HTTP/1.1"), "{}", page.text("#message-text"));
    page.click("#message-links button");
    assert_eq!(page.text("#message-title"), "connection reset", "its answer is one click away");
    page.press("Escape");
    page.picture("duplicate-webhook");
    page.is_content();
}

#[test]
fn a_one_way_partition_is_seen_where_it_was_with_what_it_swallowed() {
    let Some(mut page) = Page::open(report(), PARTITION) else { return };
    page.says("seek(chart.doings[0][0] - 1000, true)");
    assert!(page.text("#canvas").contains("the network alice -> server is cut"), "{}", page.text("#canvas"));
    assert!(page.count(".fault") == 1 && page.count(".loss") > 0);
    page.picture("one-way-partition");
    page.asks(json!(["scheme", "dark"]));
    page.picture("one-way-partition-dark");
    page.is_content();
}

/// What somebody asks who opens the report of a failure: what went wrong, when, and between whom.
#[test]
fn a_failure_is_told_before_all_else_and_the_chart_opens_where_it_happened() {
    let home = out().join("failed");
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).unwrap();
    let file = home.join("failed.feature");
    let feature = "Feature: f\n  Scenario: Nobody hears a tab that is closed\n    Given agents alice and dave with webphones\n    \
                   And agent carol with a hardphone\n    And every agent's phone registers\n    And alice calls carol\n    \
                   And carol answers\n    And 2 seconds pass\n    When alice closes the tab\n    \
                   Then carol hears alice within 2 seconds\n";
    std::fs::write(&file, feature).unwrap();
    let suite = Suite::load(&[file], &Vocabulary::of_this_build()).unwrap();
    let cases = suite.chosen(&Choice { tags: None, name: None });
    let result = UniverseStage::default().perform(&Job::new(&cases[0], 0, &home));
    assert!(result.failed_step().is_some(), "{:?}", result.reasons);
    let found = records::below(&home).unwrap();
    let report = home.join("report.html");
    std::fs::write(&report, of_records(&found.iter().collect::<Vec<_>>(), &home)).unwrap();
    let Some(mut page) = Page::open(&report, 1) else { return };
    let told = page.text(".culprit");
    assert!(told.contains("✗ Then carol hears alice within 2 seconds"), "{told}");
    assert!(told.contains("expected carol hears alice, saw carol doesn't hear alice"), "{told}");
    let canvas = page.text("#canvas");
    assert!(canvas.contains("alice's tab: closed"), "what led to it is in view: {canvas}");
    let in_view = "(() => { const stage = document.querySelector('#stage').getBoundingClientRect(), failed = document.querySelector('.steprow.failed').getBoundingClientRect(); return failed.top > stage.top && failed.bottom < stage.bottom; })()";
    assert_eq!(page.says(in_view), true, "and so is the step itself");
    let lanes = page.text("#lanes");
    assert!(!lanes.contains("dave") && lanes.contains("carol"), "who does nothing but register has no lane: {lanes}");
    page.says("[...document.querySelectorAll('#parties .chip')].find(chip => chip.textContent === 'dave').id = 'dave'");
    page.click("#dave");
    assert!(page.text("#lanes").contains("dave"), "until somebody asks for it");
    page.picture("failed");
    page.is_content();
}

#[test]
fn a_click_on_an_arrow_shows_the_messages_text_and_escape_takes_it_away() {
    let Some(mut page) = Page::open(report(), TAB) else { return };
    page.says("seek(chart.arrows.find(arrow => chart.texts[arrow[5]].startsWith('INVITE'))[3], true)");
    page.says("document.querySelectorAll('.message').forEach(one => { if (one.textContent.startsWith('INVITE')) one.classList.add('invite'); })");
    page.click(".message.invite");
    let text = page.text("#message-text");
    assert!(text.starts_with("INVITE sip:") && text.contains("Call-ID: ") && text.contains("m=audio"), "{text}");
    assert!(page.text("#message-facts").contains("→ server"), "{}", page.text("#message-facts"));
    page.picture("message");
    page.press("Escape");
    assert_eq!(page.says("document.querySelector('#message').hidden"), true);
    assert!(page.has_focus("#stage"), "the keyboard goes on where it was");
    page.is_content();
}

#[test]
fn messages_are_chosen_and_read_by_keyboard_alone() {
    let Some(mut page) = Page::open(report(), TAB) else { return };
    for _ in 0..60 {
        page.press("Tab");
        if page.has_focus("#stage") {
            break;
        }
    }
    assert!(page.has_focus("#stage"), "Tab comes to the messages");
    let outline = page.says("getComputedStyle(document.querySelector('#stage')).outlineStyle");
    assert_eq!(outline, "solid", "and it's seen where one is");
    page.press("ArrowDown");
    page.press("ArrowDown");
    let chosen = page.says("document.querySelector('#stage').getAttribute('aria-activedescendant')");
    let chosen = chosen.as_str().expect("one is chosen").to_owned();
    assert_eq!(page.says(&format!("document.getElementById({chosen:?}).getAttribute('aria-selected')")), "true");
    page.press("Enter");
    assert!(page.has_focus("#close") && !page.text("#message-title").is_empty());
    page.press("Escape");
    page.press("End");
    let last = page.says("document.querySelector('.message.chosen').getAttribute('aria-posinset') === document.querySelector('.message.chosen').getAttribute('aria-setsize')");
    assert_eq!(last, true, "the last one is drawn, and chosen");
    page.press("/");
    assert!(page.has_focus("#search"));
    page.is_content();
}

#[test]
fn the_slider_moves_the_clock_and_what_is_in_view() {
    let Some(mut page) = Page::open(report(), PARTITION) else { return };
    assert_eq!(page.text("#now"), "0.000 s");
    let before = page.says("document.querySelector('#stage').scrollTop").as_f64().unwrap();
    page.says("document.querySelector('#time').focus()");
    // By the keyboard it goes from event to event: a call is set up in milliseconds.
    page.press("ArrowRight");
    let first = page.says("Number(document.querySelector('#time').value)").as_u64().unwrap();
    assert!((1..20_000).contains(&first), "{first} µs");
    page.press("End");
    assert_eq!(page.text("#now"), page.text("#end"));
    let after = page.says("document.querySelector('#stage').scrollTop").as_f64().unwrap();
    assert!(after > before, "{before} {after}");
    page.says(
        "{ const time = document.querySelector('#time'); time.value = 5e6; time.dispatchEvent(new Event('input')); }",
    );
    assert_eq!(page.text("#now"), "5.000 s");
    assert!(page.text("#lanes").contains('⚡'), "who is cut off at that moment: {}", page.text("#lanes"));
    page.is_content();
}

#[test]
fn filters_hide_parties_protocols_and_scenarios_and_bring_them_back() {
    let Some(mut page) = Page::open(report(), TAB) else { return };
    let all = page.says("chart.messages.length").as_u64().unwrap();
    let lanes = page.count(".lane");
    page.says("document.querySelectorAll('#parties .chip[aria-pressed=true]')[1].id = 'chosen'");
    page.click("#chosen");
    assert_eq!(page.count(".lane") + 1, lanes, "a lane is gone");
    assert!(page.says("chart.messages.length").as_u64().unwrap() < all);
    page.click("#chosen");
    assert_eq!(page.count(".lane"), lanes);
    page.click("#protocols .chip:first-child");
    assert_eq!(page.count("#canvas .p0"), 0, "no SIP");
    page.click("#protocols .chip:first-child");
    assert_eq!(page.says("chart.messages.length").as_u64(), Some(all));
    page.asks(json!(["fill", "#search", "WEBHOOKS lost"]));
    assert_eq!(page.count(".scenario"), 1);
    page.asks(json!(["fill", "#search", "no such scenario"]));
    assert_eq!((page.count(".scenario"), page.says("document.querySelector('#none').hidden")), (0, json!(false)));
    page.asks(json!(["fill", "#search", ""]));
    page.click("#kinds .chip");
    assert_eq!(page.count(".scenario"), 0, "those that passed");
    page.is_content();
}

#[test]
fn five_thousand_arrows_are_painted_within_two_seconds_and_a_few_are_in_the_document() {
    let Some(mut page) = Page::open(&crowded(), 1) else { return };
    assert_eq!(page.says("chart.messages.length").as_u64(), Some(MANY));
    assert!((10..200).contains(&page.messages), "{} of them are in the document", page.messages);
    // Whatever else the machine does at that moment: the best of three is the page's own time.
    let mut best = f64::MAX;
    for _ in 0..3 {
        let painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
        best = best.min(page.says(painted).as_f64().expect("a time"));
        page.asks(json!(["reload"]));
    }
    println!("first paint after {best:.0} ms");
    assert!(best < 2_000.0, "first paint after {best:.0} ms");
    page.says("document.querySelector('#stage').focus()");
    page.press("End");
    assert!(page.count(".message") < 200, "the end of it is drawn, and not the rest");
    assert!(page.text(".message.chosen").contains("OPTIONS"));
    page.is_content();
}

#[test]
fn dark_is_dark_and_light_is_light_and_text_stands_out_in_both() {
    let Some(mut page) = Page::open(report(), TAB) else { return };
    // Relative luminance and contrast as WCAG 2.2 has them; 4.5 is its AA.
    let contrast = "(() => { const luminance = color => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map(c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; const style = getComputedStyle(document.body); const [page, ink] = [luminance(style.backgroundColor), luminance(style.color)]; const soft = luminance(getComputedStyle(document.querySelector('.faint')).color); const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); return [page, ratio(page, ink), ratio(page, soft)]; })()";
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        page.asks(json!(["scheme", scheme]));
        let told = page.says(contrast);
        let [luminance, ink, soft] = [0, 1, 2].map(|index| told[index].as_f64().expect("a number"));
        assert!(ink > 7.0 && soft > 4.5, "{scheme}: {ink:.1}, {soft:.1}");
        seen.push(luminance);
    }
    assert!(seen[0] > 0.8 && seen[1] < 0.05, "{seen:?}");
    page.is_content();
}
