//! A stack that no one here wrote against ours, inside the universe: rsipstack 0.7 as a caller and as a callee, over
//! datagrams that are lost and over a TCP connection, with the witnesses listening.

use std::future::Future;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::pbx::{CallEnding, Server, ServerSettings};
use busyhour::phone::{Phone as OurPhone, PhoneSettings};
use busyhour::sip::digest::{self, Algorithm, Verdict};
use busyhour::sip::ua::{Ending, Event, Outgoing};
use busyhour::sip::{Flow, Name, Transport};
use busyhour::trace::{Digest, Event as Entry, Log, PacketSeen, SimTime};
use busyhour::world::{Host, Tap};
use busyhour::{Outcome, Universe};
use busyhour_oracle::Panel;
use busyhour_tests::agent::Agent;
use busyhour_tests::foreign::{Account, End, PATIENCE, Phone};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A session without audio: held from the start, so that nobody has to be heard.
fn description(host: &Host) -> Vec<u8> {
    let address = host.address();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\na=inactive\r\n"
    )
    .into_bytes()
}

/// What the witnesses rightly say of rsipstack 0.7.14. Its answer to a CANCEL takes another tag for the INVITE that it
/// had already answered with 180 (RFC 3261 8.2.6.2: one tag in all responses but 100).
const RSIPSTACK_BREAKS: [&str; 1] = ["rsipstack's 487 to INVITE has another To tag than its response before"];

struct Listening(Panel);

impl Tap for Listening {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        self.0.packet(seen);
    }

    fn event(&mut self, event: &Entry, log: &Log) {
        self.0.event(event, log);
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        self.0.finish(at);
    }
}

/// Runs a scenario under the witnesses' eyes; what it came to, and the run's digest.
fn watched<T, F, Fut>(seed: u64, scenario: F) -> (T, Outcome<()>)
where
    T: Send + 'static,
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let result = Arc::new(Mutex::new(None));
    let told = Arc::clone(&result);
    let outcome = Universe::seeded(seed).deadline(HOUR).tap(Arc::clone(&panel)).run(move |u| async move {
        let came_to = scenario(u).await;
        *told.lock().unwrap() = Some(came_to);
    });
    if let Err(cause) = &outcome.result {
        panic!("seed {seed}: {cause}\n{}", outcome.log.to_text());
    }
    for oracle in panel.lock().unwrap().0.oracles() {
        let broken = oracle.violations.iter().map(|violation| violation.what.as_str());
        let broken: Vec<&str> = broken.filter(|what| !RSIPSTACK_BREAKS.contains(what)).collect();
        assert!(broken.is_empty(), "seed {seed}: {}: {broken:?}", oracle.name);
    }
    (result.lock().unwrap().take().unwrap(), outcome)
}

/// How rsipstack and ours live beside each other.
#[derive(Debug, Clone, Copy)]
struct Surroundings {
    over: Transport,
    loss: f64,
    seed: u64,
}

const SURROUNDINGS: [Surroundings; 6] = [
    Surroundings { over: Transport::Udp, loss: 0.0, seed: 1 },
    Surroundings { over: Transport::Tcp, loss: 0.0, seed: 2 },
    Surroundings { over: Transport::Udp, loss: 0.05, seed: 3 },
    Surroundings { over: Transport::Tcp, loss: 0.05, seed: 4 },
    Surroundings { over: Transport::Udp, loss: 0.3, seed: 5 },
    Surroundings { over: Transport::Tcp, loss: 0.3, seed: 6 },
];

/// A scenario between rsipstack on `theirs` and a user agent of ours on `ours`, in all surroundings, each twice: the
/// same seed gives the same packets.
fn against_an_agent<A, B, FutA, FutB>(theirs: A, ours: B)
where
    A: Fn(Phone, Host) -> FutA + Send + Sync + Copy + 'static,
    B: Fn(Agent, Host, Flow) -> FutB + Send + Sync + Copy + 'static,
    FutA: Future<Output = Phone> + 'static,
    FutB: Future<Output = Agent> + 'static,
{
    for surroundings in SURROUNDINGS {
        let once = || {
            let (_, outcome) = watched(surroundings.seed, move |u| played(u, surroundings, theirs, ours));
            assert!(surroundings.loss < 0.1 || outcome.packets.lost > 0, "{surroundings:?} lost nothing");
            outcome.digest()
        };
        let digest: Digest = once();
        assert_eq!(digest, once(), "{surroundings:?}: the same seed gives the same packets");
    }
}

async fn played<A, B, FutA, FutB>(u: Universe, surroundings: Surroundings, theirs: A, ours: B)
where
    A: Fn(Phone, Host) -> FutA + 'static,
    B: Fn(Agent, Host, Flow) -> FutB + 'static,
    FutA: Future<Output = Phone> + 'static,
    FutB: Future<Output = Agent> + 'static,
{
    let Surroundings { over, loss, .. } = surroundings;
    let (phone, peer) = (u.host("rsipstack"), u.host("ours"));
    u.network().between(&phone, &peer).has_latency(Duration::from_millis(20)).unwrap();
    let there = SocketAddrV4::new(peer.address(), 5060);
    let (flow_told, flow_known) = tokio::sync::oneshot::channel();
    let agent = peer.spawn({
        let peer = peer.clone();
        async move {
            let mut agent = Agent::open(&peer).await;
            let flow: Flow = flow_known.await.unwrap();
            // A connection of theirs comes in, so that we can call by it.
            agent.linger(SECOND).await;
            let mut agent = ours(agent, peer, flow).await;
            // What is on its way arrives, what is repeated is heard, and nothing is left.
            agent.linger(2 * PATIENCE + SECOND).await;
            assert_eq!((agent.ua.calls(), agent.ua.transactions()), (0, 0), "ours keeps nothing");
        }
    });
    let caller = phone.spawn({
        let phone = phone.clone();
        let network = u.network();
        async move {
            let account = Account { user: "alice".into(), password: "wonderland".into(), domain: format!("{there}") };
            let rsipstack = Phone::open(&phone, over, there, account, description(&phone)).await.unwrap();
            if loss > 0.0 {
                network.between(&phone, &peer).loses(loss).unwrap();
            }
            let local = match over {
                Transport::Udp => SocketAddrV4::new(phone.address(), 5060),
                _ => rsipstack.local(),
            };
            flow_told.send(Flow::to(over, local)).unwrap();
            let rsipstack = theirs(rsipstack, phone.clone()).await;
            phone.sleep(2 * PATIENCE + SECOND).await;
            assert_eq!((rsipstack.calls(), rsipstack.transactions()), (0, 0), "rsipstack keeps nothing");
        }
    });
    caller.await.unwrap();
    agent.await.unwrap();
}

// RFC 3261 13 and 15: INVITE, 180, 200, ACK, and a BYE of the caller.
#[test]
fn it_calls_us_and_hangs_up() {
    against_an_agent(
        |mut phone, host| async move {
            let (call, status) = phone.call("bob").await.unwrap();
            assert_eq!(status, Some(200));
            host.sleep(10 * SECOND).await;
            call.bye().await.unwrap();
            assert_eq!(phone.ended().await, End::CallerHungUp);
            phone
        },
        |mut agent, host, _| async move {
            let (call, request, _) = agent.rings().await;
            assert_eq!(request.target_uri().unwrap().user, Some("bob"));
            agent.ua.ring(host.now(), call, 180, None);
            agent.linger(2 * SECOND).await;
            agent.ua.accept(host.now(), call, Some(description(&host).into()));
            let ending = agent.until(ending).await;
            assert_eq!(ending, Ending::PeerHungUp);
            agent
        },
    );
}

// The same with a BYE of the callee, which finds the caller by its Contact.
#[test]
fn it_calls_us_and_we_hang_up() {
    against_an_agent(
        |mut phone, _| async move {
            let (_, status) = phone.call("bob").await.unwrap();
            assert_eq!(status, Some(200));
            assert_eq!(phone.ended().await, End::CalleeHungUp);
            phone
        },
        |mut agent, host, _| async move {
            let (call, ..) = agent.rings().await;
            agent.ua.accept(host.now(), call, Some(description(&host).into()));
            agent.until(|event| matches!(event, Event::Confirmed { .. }).then_some(())).await;
            agent.linger(5 * SECOND).await;
            agent.ua.end(host.now(), call);
            assert_eq!(agent.until(ending).await, Ending::HungUp);
            agent
        },
    );
}

#[test]
fn we_call_it_and_hang_up() {
    against_an_agent(
        |mut phone, host| async move {
            let call = phone.rings().await;
            host.sleep(3 * SECOND).await;
            phone.answer(&call).unwrap();
            phone.acknowledged().await;
            assert_eq!(phone.ended().await, End::CallerHungUp);
            phone
        },
        |mut agent, host, flow| async move {
            let call = agent.ua.call(host.now(), call_to_alice(&host, flow));
            agent.until(|event| matches!(event, Event::Answered { .. }).then_some(())).await;
            agent.linger(5 * SECOND).await;
            agent.ua.end(host.now(), call);
            assert_eq!(agent.until(ending).await, Ending::HungUp);
            agent
        },
    );
}

#[test]
fn we_call_it_and_it_hangs_up() {
    against_an_agent(
        |mut phone, host| async move {
            let call = phone.rings().await;
            phone.answer(&call).unwrap();
            phone.acknowledged().await;
            host.sleep(5 * SECOND).await;
            call.bye().await.unwrap();
            assert_eq!(phone.ended().await, End::CalleeHungUp);
            phone
        },
        |mut agent, host, flow| async move {
            agent.ua.call(host.now(), call_to_alice(&host, flow));
            assert_eq!(agent.until(ending).await, Ending::PeerHungUp);
            agent
        },
    );
}

// RFC 3261 9: the CANCEL is answered, the INVITE refused with 487, and that acknowledged.
#[test]
fn it_gives_up_before_we_answer() {
    against_an_agent(
        |mut phone, host| async move {
            let call = phone.dial("bob").unwrap();
            phone.rings_there().await;
            host.sleep(4 * SECOND).await;
            call.cancel().await.unwrap();
            assert_eq!(phone.ended().await, End::Cancelled);
            phone
        },
        |mut agent, host, _| async move {
            let (call, ..) = agent.rings().await;
            // A lost 180 isn't repeated by itself (RFC 3261 13.3.1): it's said again each second.
            for _ in 0..6 {
                agent.ua.ring(host.now(), call, 180, None);
                agent.linger(SECOND / 2).await;
            }
            agent.linger(60 * SECOND).await;
            assert_eq!(agent.ua.calls(), 0, "the CANCEL came");
            agent
        },
    );
}

#[test]
fn we_give_up_before_it_answers() {
    against_an_agent(
        |mut phone, _| async move {
            phone.rings().await;
            assert_eq!(phone.ended().await, End::Cancelled);
            phone
        },
        |mut agent, host, flow| async move {
            let call = agent.ua.call(host.now(), call_to_alice(&host, flow));
            agent.until(|event| matches!(event, Event::Progress { .. }).then_some(())).await;
            agent.linger(4 * SECOND).await;
            agent.ua.end(host.now(), call);
            assert_eq!(agent.until(ending).await, Ending::Abandoned);
            agent
        },
    );
}

// RFC 3261 22.3: whoever calls is asked who it is. By MD5 alone: rsipstack 0.7.14 refuses a challenge whose algorithm
// is called SHA-256, as RFC 8760 has it.
#[test]
fn it_says_who_it_is_when_it_is_asked() {
    against_an_agent(
        |mut phone, _| async move {
            for _ in 0..2 {
                let (call, status) = phone.call("bob").await.unwrap();
                assert_eq!(status, Some(200));
                call.bye().await.unwrap();
                phone.ended().await;
            }
            phone
        },
        |mut agent, host, _| async move {
            let random = busyhour::world::Random::stream(1, "nonces");
            let mut guard = digest::Server::new("pbx", vec![Algorithm::Md5], 300 * SECOND, random);
            for _ in 0..2 {
                let (call, request, _) = agent.rings().await;
                assert_eq!(guard.check(host.now(), &request, password), Verdict::Missing);
                let challenges = guard.challenge(host.now(), false);
                let headers: Vec<(Name, String)> =
                    challenges.into_iter().map(|value| (Name::ProxyAuthenticate, value)).collect();
                agent.ua.reject(host.now(), call, 407, &headers);
                let (call, request, _) = agent.rings().await;
                let verdict = guard.check(host.now(), &request, password);
                assert_eq!(verdict, Verdict::Authentic { user: "alice".into() });
                agent.ua.accept(host.now(), call, Some(description(&host).into()));
                agent.until(|event| (ending(event)? == Ending::PeerHungUp).then_some(())).await;
            }
            agent
        },
    );
}

fn password(user: &str) -> Option<String> {
    (user == "alice").then(|| "wonderland".to_owned())
}

fn ending(event: &Event) -> Option<Ending> {
    match event {
        Event::Ended { ending, .. } => Some(ending.clone()),
        _ => None,
    }
}

fn call_to_alice(host: &Host, flow: Flow) -> Outgoing {
    let contact = match flow.transport {
        Transport::Udp => format!("<sip:bob@{}:5060>", host.address()),
        other => format!("<sip:bob@{}:5060;transport={}>", host.address(), other.parameter()),
    };
    Outgoing::new(format!("sip:alice@{}", flow.remote), "<sip:bob@pbx.test>", contact, flow).offering(description(host))
}

/// The SIP domain of our server.
const DOMAIN: &str = "pbx.test";

/// What is around rsipstack when it's a phone of our server's.
struct Center {
    u: Universe,
    server: Server,
    /// A hardphone of ours, registered.
    bob: OurPhone,
    host: Host,
    over: Transport,
    loss: f64,
}

impl Center {
    async fn open(u: Universe, over: Transport, loss: f64) -> Center {
        let (host, pbx, desk) = (u.host("rsipstack"), u.host("server"), u.host("bob"));
        u.network().everywhere().has_latency(Duration::from_millis(20)).unwrap();
        u.network().announce(&format!("_sip._udp.{DOMAIN}"), 10, 0, 5060, "server").unwrap();
        // rsipstack 0.7.14 can't read a challenge by SHA-256.
        let settings = ServerSettings { algorithms: vec![Algorithm::Md5], ..ServerSettings::new(DOMAIN) };
        let server = Server::install(&pbx, settings.user("alice", "wonderland").user("bob", "builder"));
        u.note("secret", |event| event.with("value", "wonderland"));
        u.note("secret", |event| event.with("value", "builder"));
        let bob = OurPhone::install(&desk, PhoneSettings::hardphone("bob", "builder", DOMAIN));
        u.sleep(30 * SECOND).await;
        bob.register().unwrap();
        u.sleep(5 * SECOND).await;
        assert_eq!(server.contacts("bob").len(), 1, "bob's phone is registered");
        Center { u, server, bob, host, over, loss }
    }

    /// rsipstack with that password does what `theirs` says, while we do what `ours` says; after that all is quiet.
    async fn play<A, FutA, FutB>(&self, password: &str, theirs: A, ours: FutB)
    where
        A: FnOnce(Phone, Host) -> FutA + 'static,
        FutA: Future<Output = Phone> + 'static,
        FutB: Future<Output = ()>,
    {
        let account = Account { user: "alice".into(), password: password.into(), domain: DOMAIN.into() };
        let server = SocketAddrV4::new(self.server.host().address(), 5060);
        let (host, over) = (self.host.clone(), self.over);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let (quiet, is_quiet) = tokio::sync::oneshot::channel::<()>();
        let rsipstack = self.host.spawn(async move {
            let phone = Phone::open(&host, over, server, account, description(&host)).await.unwrap();
            ready.send(()).unwrap();
            let phone = theirs(phone, host.clone()).await;
            is_quiet.await.unwrap();
            assert_eq!((phone.calls(), phone.transactions()), (0, 0), "rsipstack keeps nothing");
        });
        is_ready.await.unwrap();
        if self.loss > 0.0 {
            self.u.network().everywhere().loses(self.loss).unwrap();
        }
        ours.await;
        self.u.sleep(2 * PATIENCE + 30 * SECOND).await;
        quiet.send(()).unwrap();
        rsipstack.await.unwrap();
        assert!(self.server.calls().is_empty() && self.server.zombies() == 0, "the server keeps no call");
    }

    /// Waits until something is so, at most a minute.
    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..600 {
            if holds() {
                return;
            }
            self.u.sleep(SECOND / 10).await;
        }
        panic!("never came to pass: {what}; bob's phone shows {}", self.bob.screen());
    }
}

/// A scenario with our server, in all surroundings with a loss that phones should bear, each twice.
fn at_our_server<F, Fut>(scenario: F)
where
    F: Fn(Center) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = ()>,
{
    for Surroundings { over, loss, seed } in SURROUNDINGS.into_iter().filter(|surroundings| surroundings.loss < 0.1) {
        let once = || {
            let run = watched(seed, move |u| async move { scenario(Center::open(u, over, loss).await).await });
            run.1.digest()
        };
        let digest: Digest = once();
        assert_eq!(digest, once(), "{over} with {loss} lost: the same seed gives the same packets");
    }
}

// RFC 3261 10 and 22: a challenge, a binding, its removal.
#[test]
fn it_registers_at_our_server_and_unregisters() {
    at_our_server(|center| async move {
        let server = center.server.clone();
        center
            .play(
                "wonderland",
                move |mut phone, host| async move {
                    assert_eq!(phone.register(300).await.unwrap(), 200);
                    assert_eq!(server.contacts("alice").len(), 1);
                    host.sleep(100 * SECOND).await;
                    assert_eq!(phone.register(300).await.unwrap(), 200);
                    assert_eq!(server.contacts("alice").len(), 1, "a refresh is no other contact");
                    assert_eq!(phone.register(0).await.unwrap(), 200);
                    assert_eq!(server.contacts("alice").len(), 0);
                    phone
                },
                center.u.sleep(200 * SECOND),
            )
            .await;
    });
}

#[test]
fn it_is_refused_with_the_wrong_password() {
    at_our_server(|center| async move {
        let server = center.server.clone();
        center
            .play(
                "looking-glass",
                move |mut phone, _| async move {
                    let status = phone.register(300).await.unwrap();
                    assert!(matches!(status, 401 | 403), "{status}");
                    let (_, status) = phone.call("bob").await.unwrap();
                    assert!(matches!(status, Some(403 | 407)), "{status:?}");
                    phone.ended().await;
                    assert_eq!(server.contacts("alice").len(), 0);
                    phone
                },
                center.u.sleep(200 * SECOND),
            )
            .await;
        assert!(center.server.records().iter().all(|record| record.answered.is_none()));
    });
}

#[test]
fn it_calls_a_phone_of_ours_by_our_server_and_hangs_up() {
    at_our_server(|center| async move {
        let ours = async {
            center.until("bob's phone rings", || center.bob.screen().rings()).await;
            center.bob.answer().unwrap();
            center.until("bob's call has ended", || center.bob.screen().calls().next().is_none()).await;
        };
        center
            .play(
                "wonderland",
                |mut phone, host| async move {
                    assert_eq!(phone.register(300).await.unwrap(), 200);
                    let (call, status) = phone.call("bob").await.unwrap();
                    assert_eq!(status, Some(200));
                    host.sleep(10 * SECOND).await;
                    call.bye().await.unwrap();
                    assert_eq!(phone.ended().await, End::CallerHungUp);
                    phone
                },
                ours,
            )
            .await;
        let records = center.server.records();
        assert_eq!((records.len(), records[0].ending), (1, CallEnding::CallerHungUp), "{records:?}");
    });
}

#[test]
fn it_calls_a_phone_of_ours_that_hangs_up() {
    at_our_server(|center| async move {
        let ours = async {
            center.until("bob's phone rings", || center.bob.screen().rings()).await;
            center.bob.answer().unwrap();
            center.u.sleep(10 * SECOND).await;
            center.bob.hang_up().unwrap();
        };
        center
            .play(
                "wonderland",
                |mut phone, _| async move {
                    let (_, status) = phone.call("bob").await.unwrap();
                    assert_eq!(status, Some(200));
                    assert_eq!(phone.ended().await, End::CalleeHungUp);
                    phone
                },
                ours,
            )
            .await;
        let records = center.server.records();
        assert_eq!((records.len(), records[0].ending), (1, CallEnding::CalleeHungUp), "{records:?}");
    });
}

#[test]
fn it_is_called_by_a_phone_of_ours_and_hangs_up() {
    at_our_server(|center| async move {
        let ours = async {
            center.until("alice is registered", || center.server.contacts("alice").len() == 1).await;
            center.bob.dial("alice").unwrap();
            center.until("bob talks", || center.bob.screen().answered().next().is_some()).await;
            center.until("bob's call has ended", || center.bob.screen().calls().next().is_none()).await;
        };
        center
            .play(
                "wonderland",
                |mut phone, host| async move {
                    assert_eq!(phone.register(300).await.unwrap(), 200);
                    let call = phone.rings().await;
                    host.sleep(3 * SECOND).await;
                    phone.answer(&call).unwrap();
                    phone.acknowledged().await;
                    host.sleep(10 * SECOND).await;
                    call.bye().await.unwrap();
                    assert_eq!(phone.ended().await, End::CalleeHungUp);
                    phone
                },
                ours,
            )
            .await;
        let records = center.server.records();
        assert_eq!((records.len(), records[0].ending), (1, CallEnding::CalleeHungUp), "{records:?}");
    });
}

#[test]
fn it_is_called_by_a_phone_of_ours_that_gives_up() {
    at_our_server(|center| async move {
        let ours = async {
            center.until("alice is registered", || center.server.contacts("alice").len() == 1).await;
            center.bob.dial("alice").unwrap();
            center.u.sleep(10 * SECOND).await;
            center.bob.hang_up().unwrap();
        };
        center
            .play(
                "wonderland",
                |mut phone, _| async move {
                    assert_eq!(phone.register(300).await.unwrap(), 200);
                    phone.rings().await;
                    assert_eq!(phone.ended().await, End::Cancelled);
                    phone
                },
                ours,
            )
            .await;
        let records = center.server.records();
        assert_eq!((records.len(), records[0].ending), (1, CallEnding::Cancelled), "{records:?}");
    });
}
