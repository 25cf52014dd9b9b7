//! What every WebRTC stack that nobody here wrote is asked to do: [`calls_a_hardphone`] and [`is_called_by_a_hardphone`].
//!
//! The stack itself is in the tests, behind a [`Stack`]; its calls are made by a [`Webphone`] of SIP over WebSocket.

mod stack;
mod webphone;
mod wire;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::Direction;
use busyhour::media::cadence::{self, Cadence};
use busyhour::media::tone::{Voice, music, present};
use busyhour::pbx::{Server, ServerSettings};
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use busyhour::sip::ua::Ending;
use busyhour::trace::SimTime;
use busyhour::world::Host;
use busyhour::world::audio::{Sound, goertzel};

pub use stack::{Command, Progress, Stack, Told};
pub use webphone::Webphone;

use wire::Wire;

/// The domain that everybody here is of.
pub const DOMAIN: &str = "pbx.test";
/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of the log a failure shows.
const LAST_WORDS: usize = 30;
/// How much of what was heard last is judged.
const EAR: Duration = Duration::from_millis(400);

/// The voice of who talks by the stack.
pub fn alices_voice() -> Voice {
    Voice::number(1)
}

fn bobs_voice() -> Voice {
    Voice::number(2)
}

/// Server, hardphone, and a webphone whose WebRTC is the stack.
struct Stage {
    u: Universe,
    server: Server,
    bob: Phone,
    alice: Webphone,
    wire: Wire,
}

impl Stage {
    async fn set(u: Universe, wire: Wire, auto_answer: bool, stack: impl FnOnce(Ipv4Addr) -> Stack) -> Stage {
        cadence::set(Cadence::Full);
        let settings = ServerSettings::new(DOMAIN).user("alice", "secret").user("bob", "secret");
        let server = Server::install(&u.host("server"), settings);
        let desk = u.host("bob");
        let mut settings = PhoneSettings::hardphone("bob", "secret", DOMAIN);
        settings.proxy = Some(SocketAddrV4::new(server.host().address(), 5060));
        settings.auto_answer = if auto_answer { AutoAnswer::Always } else { AutoAnswer::Never };
        let bob = Phone::install(&desk, settings);
        desk.room().say(bobs_voice().sound());
        until(&u, "bob's phone is on", || bob.screen().power).await;
        bob.register().expect("it's on");
        until(&u, "bob is registered", || !server.contacts("bob").is_empty()).await;
        let home = u.host("alice");
        wire.watch(home.address());
        let alice = Webphone::open(&home, server.host(), "alice", "secret", stack(home.address())).await;
        assert_eq!(alice.register().await, 200);
        assert_eq!(server.contacts("alice").len(), 1);
        Stage { u, server, bob, alice, wire }
    }

    async fn until(&self, what: &str, is: impl Fn() -> bool) {
        until(&self.u, what, is).await;
    }

    /// A hundred packets each way, and each hears the other's voice.
    async fn they_talk(&self) {
        let alice = || self.alice.progress();
        self.until("the stack is connected", || alice().connected).await;
        let counts = || {
            let Progress { sent, received, .. } = alice();
            [sent, received, self.bob.audio().map_or(0, |stats| stats.received)]
        };
        let there = || counts().iter().all(|&count| count >= 100);
        within(&self.u, "100 packets have gone each way", there, || {
            format!("alice sent, alice got, bob got: {:?}", counts())
        })
        .await;
        assert_eq!(self.server.peers(), 1);
        self.until("bob hears alice", || hears(&self.u, self.bob.host(), alices_voice())).await;
        self.until("alice hears bob", || is_heard(&alice().heard, bobs_voice())).await;
    }

    /// Alice puts bob on hold and takes him back.
    async fn alice_holds_and_resumes(&self) {
        self.alice.offers(Direction::SendOnly).await;
        self.until("bob hears alice no more", || !hears(&self.u, self.bob.host(), alices_voice())).await;
        self.until("bob hears music", || is_music(&last_heard(&self.u, self.bob.host()))).await;
        self.nothing_comes_for(Duration::from_secs(1)).await;
        self.alice.offers(Direction::SendRecv).await;
        let before = self.alice.progress().received;
        self.until("bob's packets come again", || self.alice.progress().received >= before + 50).await;
        self.until("bob hears alice again", || hears(&self.u, self.bob.host(), alices_voice())).await;
        self.until("alice hears bob again", || is_heard(&self.alice.progress().heard, bobs_voice())).await;
    }

    /// The server stops sending packets to the stack, for so long at least.
    async fn nothing_comes_for(&self, quiet: Duration) {
        let begun = self.u.now();
        let (mut since, mut packets) = (begun, self.wire.packets());
        assert!(packets >= 100, "the wire is watched");
        while self.u.now().since(since) < quiet {
            assert!(self.u.now().since(begun) < PATIENCE, "on hold, and the server goes on to send: {packets} packets");
            self.u.sleep(Duration::from_millis(20)).await;
            let now_there = self.wire.packets();
            if now_there != packets {
                (since, packets) = (self.u.now(), now_there);
            }
        }
    }

    /// The call is over at every place.
    async fn nothing_is_left(self) {
        self.until("the call has ended for bob", || self.bob.screen().calls().next().is_none()).await;
        self.until("the server keeps nothing of it", || {
            self.server.calls().is_empty() && self.server.zombies() == 0 && self.server.peers() == 0
        })
        .await;
        let [record] = &self.server.records()[..] else { panic!("one call was made: {:?}", self.server.records()) };
        assert!(record.answered.is_some());
        self.alice.close();
    }
}

/// The stack offers: it calls a hardphone through the server's gateway leg, is heard and hears, holds and resumes, and
/// hangs up.
///
/// # Panics
/// It doesn't come to that.
pub fn calls_a_hardphone(stack: impl FnOnce(Ipv4Addr) -> Stack + Send + 'static) {
    in_real_life(move |u, wire| async move {
        let stage = Stage::set(u, wire, true, stack).await;
        stage.alice.calls("bob").await;
        stage.they_talk().await;
        stage.alice_holds_and_resumes().await;
        stage.alice.hangs_up();
        assert_eq!(stage.alice.ends().await, Ending::HungUp);
        stage.nothing_is_left().await;
    });
}

/// The server offers: the stack answers a hardphone's call, is heard and hears, holds and resumes, and the hardphone hangs
/// up, of which the stack hears by DTLS too where it tells.
///
/// # Panics
/// It doesn't come to that.
pub fn is_called_by_a_hardphone(told: Told, stack: impl FnOnce(Ipv4Addr) -> Stack + Send + 'static) {
    in_real_life(move |u, wire| async move {
        let stage = Stage::set(u, wire, false, stack).await;
        stage.bob.dial("alice").expect("it's on");
        stage.alice.answers().await;
        stage.they_talk().await;
        stage.alice_holds_and_resumes().await;
        stage.bob.hang_up().expect("there is a call");
        assert_eq!(stage.alice.ends().await, Ending::PeerHungUp);
        if told == Told::ByDtls {
            stage.until("the stack is told that DTLS is closed", || stage.alice.progress().closed).await;
        }
        stage.nothing_is_left().await;
    });
}

fn in_real_life<F: Future<Output = ()>>(life: impl FnOnce(Universe, Wire) -> F + Send + 'static) {
    // Of its own: what a server has registered is in its files, and another universe's phones aren't there any more.
    static LIVES: AtomicU32 = AtomicU32::new(0);
    let number = LIVES.fetch_add(1, Ordering::Relaxed);
    let files = std::env::temp_dir().join(format!("busyhour-interop-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&files);
    let wire = Wire::default();
    let universe = Universe::live().files(&files).deadline(Duration::from_secs(120)).tap(wire.clone());
    let outcome = universe.run(move |u| life(u, wire));
    let _ = std::fs::remove_dir_all(&files);
    if let Err(cause) = outcome.result {
        let log = outcome.log.to_text();
        let lines: Vec<&str> = log.lines().collect();
        panic!("{cause}\nthe log's end:\n{}", lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"));
    }
}

async fn until(u: &Universe, what: &str, is: impl Fn() -> bool) {
    within(u, what, is, String::new).await;
}

/// Waits for a condition; when patience is at its end, the state says how far it came.
async fn within(u: &Universe, what: &str, is: impl Fn() -> bool, state: impl Fn() -> String) {
    let begun = u.now();
    while !is() {
        assert!(u.now().since(begun) < PATIENCE, "{what}: not within {PATIENCE:?} {}", state());
        u.sleep(Duration::from_millis(20)).await;
    }
}

fn last_heard(u: &Universe, ear: &Host) -> Vec<i16> {
    let from = SimTime(u.now().as_nanos().saturating_sub(EAR.as_nanos() as u64));
    ear.room().heard(from, u.now()).expect("live, a room remembers everything")
}

fn hears(u: &Universe, ear: &Host, voice: Voice) -> bool {
    is_heard(&last_heard(u, ear), voice)
}

fn is_heard(samples: &[i16], voice: Voice) -> bool {
    present(samples, &[voice]) == [voice]
}

/// The server's music on hold, by half its level at least.
fn is_music(samples: &[i16]) -> bool {
    let Sound::Tones { hz, level } = music() else { unreachable!("it's a chord") };
    hz.iter().all(|&hz| goertzel(samples, hz) > (level / 4.0).powi(2))
}
