//! Chromium: with JsSIP, over real sockets, where a page registers with our server, calls our hardphone, and its tab is
//! closed; and with the HTML report of a run.
//!
//! Needs Chromium (`CHROMIUM`, or one in the usual places), Node, and `npm ci` in `tests/chromium`. Without them the test
//! says what is missing and passes; with `BUSYHOUR_INTEROP=required` in the environment it fails.

#[path = "chromium/report.rs"]
mod report;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::tone::Voice;
use busyhour::pbx::{Server, ServerSettings};
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use serde_json::Value;

const DOMAIN: &str = "pbx.test";
const PLACES: [&str; 4] =
    ["/usr/bin/chromium", "/usr/lib/chromium/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("chromium")
}

/// Chromium, or what is missing.
fn chromium() -> Result<String, String> {
    let named = std::env::var("CHROMIUM").ok();
    let found = named.into_iter().chain(PLACES.map(String::from)).find(|place| Path::new(place).exists());
    let chromium = found.ok_or("no Chromium is installed (apt-get install chromium, or set CHROMIUM)")?;
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    if !node.is_ok_and(|status| status.success()) {
        return Err("no Node is installed".into());
    }
    if !folder().join("node_modules/jssip").exists() {
        return Err("JsSIP isn't there: run `npm ci` in tests/chromium".into());
    }
    Ok(chromium)
}

/// Chromium; without it, the test is skipped aloud, or fails where it's required.
fn chromium_or_skip(test: &str) -> Option<String> {
    match chromium() {
        Ok(chromium) => Some(chromium),
        Err(missing) if std::env::var("BUSYHOUR_INTEROP").is_ok_and(|wish| wish == "required") => panic!("{missing}"),
        Err(missing) => {
            eprintln!("SKIPPED: {test}: {missing}");
            None
        }
    }
}

/// A page in Chromium, and what drives it.
struct Page {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
}

impl Page {
    fn open(chromium: &str, url: &str, user: &str, password: &str) -> Page {
        let mut child = Command::new("node")
            .arg(folder().join("drive.mjs"))
            .args([chromium, url, user, password, DOMAIN])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node was there a moment ago");
        let input = child.stdin.take().expect("it's piped");
        let output = BufReader::new(child.stdout.take().expect("it's piped"));
        let (told, answers) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = told.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Page { child, input, answers }
    }

    /// The next answer.
    async fn answer(&self, u: &Universe) -> Value {
        for _ in 0..1_500 {
            if let Ok(answer) = self.answers.try_recv() {
                return answer;
            }
            u.sleep(Duration::from_millis(20)).await;
        }
        panic!("the page says nothing for 30 seconds");
    }

    async fn ask(&mut self, u: &Universe, command: &str) -> Value {
        writeln!(self.input, "{command}").expect("the driver listens");
        self.answer(u).await
    }

    /// Asks for statistics until they're as wanted.
    async fn stats(&mut self, u: &Universe, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut stats = Value::Null;
        for _ in 0..50 {
            stats = self.ask(u, "stats").await;
            if wanted(&stats) {
                return stats;
            }
            u.sleep(Duration::from_millis(200)).await;
        }
        panic!("it never came to that: {stats:#}");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn until(u: &Universe, what: &str, patience: Duration, is: impl Fn() -> bool) {
    let steps = patience.as_millis() / 20;
    for _ in 0..steps {
        if is() {
            return;
        }
        u.sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not within {patience:?}");
}

/// domain facts: Part 5's first row. What the page hears is counted by the browser itself (getStats).
#[test]
fn a_page_calls_a_hardphone_and_its_tab_is_closed() {
    let Some(chromium) = chromium_or_skip("a_page_calls_a_hardphone_and_its_tab_is_closed") else { return };
    let outcome = Universe::live().run(move |u| async move {
        let settings = ServerSettings::new(DOMAIN).user("alice", "secret").user("bob", "secret");
        let server = Server::install(&u.host("server"), settings);
        let desk = u.host("bob");
        let mut settings = PhoneSettings::hardphone("bob", "secret", DOMAIN);
        settings.proxy = Some(std::net::SocketAddrV4::new(server.host().address(), 5060));
        settings.auto_answer = AutoAnswer::Always;
        let bob = Phone::install(&desk, settings);
        desk.room().say(Voice::number(0).sound());
        until(&u, "bob's phone is on", Duration::from_secs(5), || bob.screen().power).await;
        bob.register().expect("it's on");
        until(&u, "bob is registered", Duration::from_secs(5), || !server.contacts("bob").is_empty()).await;

        let url = format!("ws://{}:8080/", server.host().address());
        let mut page = Page::open(&chromium, &url, "alice", "secret");
        assert_eq!(page.answer(&u).await["registered"], true, "the page registers");
        assert_eq!(server.contacts("alice").len(), 1);

        page.ask(&u, "call bob").await;
        let up = page.stats(&u, |stats| stats["received"].as_u64() > Some(100) && stats["sent"].as_u64() > Some(100));
        let stats = up.await;
        assert_eq!(stats["dtls"], "connected", "{stats:#}");
        assert!(stats["energy"].as_f64() > Some(0.0), "the page hears bob's voice: {stats:#}");
        let heard = bob.audio().expect("bob is in a call");
        assert!(heard.received > 100, "bob's phone hears the page: {heard:?}");

        page.ask(&u, "close").await;
        until(&u, "the call has ended for bob", Duration::from_secs(32), || bob.screen().calls().next().is_none())
            .await;
        until(&u, "the server keeps nothing of it", Duration::from_secs(5), || server.calls().is_empty()).await;
        page.ask(&u, "quit").await;
    });
    outcome.result.unwrap();
}
