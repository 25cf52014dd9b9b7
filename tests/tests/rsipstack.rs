//! A stack that no one here wrote against ours, inside the universe: rsipstack 0.7 as a caller and as a callee, over
//! datagrams that are lost and over a TCP connection, with the witnesses listening.

use std::future::Future;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
