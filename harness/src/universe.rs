//! A universe, from birth to outcome: the kernel and the network put together on a thread of their own.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::net::{DNS_HOST, Net, Network, PacketCounts, profile::Profiles};
use crate::trace::{Digest, Event, Log, PacketSeen, PcapngWriter, RunHash, SimTime, Source};
use crate::world::thread::{Plan, live_through, on_fresh_thread};
use crate::world::{CastError, Cause, Fault, FaultId, FaultOutcome, Host, Kernel, Limits, Mode, Random, Tap};

/// The true time of day at a universe's birth unless it's set: Monday 2026-11-23, 09:00 in New York.
pub const DEFAULT_BIRTH: u64 = 1_795_442_400;

/// How much of the log a failed simulation shows.
const LAST_WORDS: usize = 20;

/// Runs a simulation from one seed and returns what it returned.
///
/// The closure gets the [`Universe`] and runs inside it, on a fresh thread: machines, sockets and timers are simulated,
/// an hour passes in an instant, and the same seed gives the same run, byte for byte.
///
/// ```
/// # #[cfg(tokio_unstable)] {
/// use std::time::Duration;
///
/// // A sender that repeats itself until it hears an answer, over a network that loses every other packet.
/// let attempts = busyhour::simulate(7, |u| async move {
///     let (alice, server) = (u.host("alice"), u.host("server"));
///     u.network().between(&alice, &server).loses(0.5).unwrap();
///
///     server.boot(|server| async move {
///         let socket = server.udp(5060).await.unwrap();
///         while let Ok((question, from)) = socket.recv().await {
///             socket.send_to(question, from).await.unwrap();
///         }
///     });
///
///     let socket = alice.udp(0).await.unwrap();
///     let server = (server.address(), 5060);
///     for attempt in 1.. {
///         socket.send_to(&b"are you there?"[..], std::net::SocketAddrV4::new(server.0, server.1)).await.unwrap();
///         if tokio::time::timeout(Duration::from_millis(500), socket.recv()).await.is_ok() {
///             return attempt;
///         }
///     }
///     unreachable!()
/// });
/// assert!(attempts >= 1);
/// # }
/// ```
///
/// # Panics
/// The run failed: a task panicked, something real was opened, a deadline passed. The message has the seed.
pub fn simulate<T, F, Fut>(seed: u64, scenario: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let outcome = Universe::seeded(seed).run(scenario);
    match outcome.result {
        Ok(value) => value,
        Err(cause) => {
            let log = outcome.log.to_text();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
            panic!("seed {seed}, at {} of simulated time: {cause}\nthe log's end:\n{last}", outcome.ended_at)
        }
    }
}

/// The handle of a universe: who lives in it, and what a test does to it.
#[derive(Clone)]
pub struct Universe {
    kernel: Rc<Kernel>,
    net: Rc<Net>,
}

impl Universe {
    /// Prepares a simulated universe.
    pub fn seeded(seed: u64) -> Builder {
        Builder::new(Mode::Simulated, seed)
    }

    /// Prepares a universe of real parts (law 4): real sockets on loopback addresses, the real clock.
    pub fn live() -> Builder {
        Builder::new(Mode::Live, 0)
    }

    /// Adds a machine.
    ///
    /// # Panics
    /// There is one of that name. [`Universe::try_host`] returns that as an error.
    pub fn host(&self, name: &str) -> Host {
        self.try_host(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds a machine.
    ///
    /// # Errors
    /// There is one of that name, or it's empty.
    pub fn try_host(&self, name: &str) -> Result<Host, CastError> {
        Ok(Host::of(&*self.kernel.add_host(name)?))
    }

    /// The machine called `name`.
    pub fn find_host(&self, name: &str) -> Option<Host> {
        self.kernel.find_host(name).map(|state| Host::of(&state))
    }

    /// What a test does to the network.
    pub fn network(&self) -> Network {
        Network(self.net.clone())
    }

    /// The universe's seed.
    pub fn seed(&self) -> u64 {
        self.kernel.seed()
    }

    /// Simulated or live.
    pub fn mode(&self) -> Mode {
        self.kernel.mode()
    }

    /// The moment that it is.
    pub fn now(&self) -> SimTime {
        self.kernel.now()
    }

    /// Lets time pass.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// A stream of random numbers of the test's own: it moves nobody else's.
    pub fn random(&self, concern: &str) -> Random {
        self.kernel.stream(&format!("test {concern}"))
    }

    /// Writes down what a person does: a step.
    pub fn note(&self, kind: &'static str, fields: impl FnOnce(Event) -> Event) {
        self.kernel.record(fields(Event::new(self.kernel.now(), Source::Step, kind)));
    }

    /// The log so far, as text.
    pub fn log_text(&self) -> String {
        self.kernel.read_log(Log::to_text)
    }

    /// A fault, with what it has hit so far.
    pub fn fault(&self, id: FaultId) -> Fault {
        self.kernel.faults.all().swap_remove(id.0 as usize)
    }

    /// The faults so far, with what they hit.
    pub fn faults(&self) -> Vec<Fault> {
        self.kernel.faults.all()
    }
}

impl fmt::Debug for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kernel.fmt(f)
    }
}

/// A universe that isn't born yet: see [`Universe::seeded`].
pub struct Builder {
    mode: Mode,
    seed: u64,
    wall_at_birth: u64,
    limits: Limits,
    profiles: Profiles,
    hash: RunHash,
    taps: Vec<Box<dyn Tap + Send>>,
    files: Option<PathBuf>,
}

impl Builder {
    fn new(mode: Mode, seed: u64) -> Builder {
        Builder {
            mode,
            seed,
            wall_at_birth: DEFAULT_BIRTH * 1_000_000_000,
            limits: Limits::default(),
            profiles: Profiles::builtin(),
            hash: RunHash::default(),
            taps: Vec::new(),
            files: None,
        }
    }

    /// Sets the true time of day at the universe's birth, in seconds since 1970.
    #[must_use]
    pub fn born_at(mut self, unix_seconds: u64) -> Builder {
        self.wall_at_birth = unix_seconds * 1_000_000_000;
        self
    }

    /// Sets how much the run may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// Ends the run with an error at this moment of simulated time.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.limits.deadline = deadline;
        self
    }

    /// Sets which access networks are known by name.
    #[must_use]
    pub fn profiles(mut self, profiles: Profiles) -> Builder {
        self.profiles = profiles;
        self
    }

    /// Sets the hash to go on with: one that keeps a trail, for instance.
    #[must_use]
    pub fn hash(mut self, hash: RunHash) -> Builder {
        self.hash = hash;
        self
    }

    /// Adds somebody who sees all packets and events. To get at what it saw, give an `Arc<Mutex<..>>` and keep one.
    #[must_use]
    pub fn tap(mut self, tap: impl Tap + Send + 'static) -> Builder {
        self.taps.push(Box::new(tap));
        self
    }

    /// Writes every packet into a capture that Wireshark opens: when it arrived or was lost, the lost ones marked.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn capture(self, file: impl AsRef<Path>) -> io::Result<Builder> {
        let writer = PcapngWriter::new(BufWriter::new(File::create(file)?), self.wall_at_birth, "busyhour")?;
        Ok(self.tap(Capture(Some(writer))))
    }

    /// Sets the folder in which live hosts keep their files, each in a folder of its own name. Simulated ones have
    /// disks.
    #[must_use]
    pub fn files(mut self, folder: impl Into<PathBuf>) -> Builder {
        self.files = Some(folder.into());
        self
    }

    /// Lives the universe through: `scenario` runs inside it, on a fresh thread.
    pub fn run<T, F, Fut>(self, scenario: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(Universe) -> Fut + Send + 'static,
        Fut: Future<Output = T>,
    {
        let seed = self.seed;
        let limits = self.limits.clone();
        let lived = on_fresh_thread(&limits, move |pulse| self.live(pulse, scenario));
        lived.unwrap_or_else(|cause| Outcome {
            result: Err(cause),
            seed,
            hash: RunHash::default(),
            ended_at: SimTime::ZERO,
            packets: PacketCounts::default(),
            faults: Vec::new(),
            log: Log::default(),
        })
    }

    fn live<T, F, Fut>(self, pulse: std::sync::Arc<crate::world::thread::Pulse>, scenario: F) -> Outcome<T>
    where
        F: FnOnce(Universe) -> Fut,
        Fut: Future<Output = T>,
    {
        let Builder { mode, seed, wall_at_birth, limits, profiles, hash, taps, files } = self;
        let files = files.unwrap_or_else(|| std::env::temp_dir().join(format!("busyhour-{}", std::process::id())));
        let taps = taps.into_iter().map(|tap| tap as Box<dyn Tap>).collect();
        let plan = Plan { mode, seed, wall_at_birth, limits };
        let mut finished = None;
        let mut born = None;
        let (kernel, result) = live_through(
            &plan,
            pulse.clone(),
            || {
                let kernel = Kernel::new(mode, seed, wall_at_birth, hash, taps, pulse, files);
                let net = Net::new(kernel.clone(), profiles);
                kernel.connect_network(net.clone());
                crate::world::kernel::set_kernel(Some(kernel.clone()));
                crate::net::set_net(Some(net.clone()));
                let universe = Universe { kernel: kernel.clone(), net: net.clone() };
                if mode == Mode::Simulated {
                    tokio::task::spawn_local(net.clone().run());
                    universe.host(DNS_HOST).boot({
                        let zone = net.zone();
                        move |host| crate::net::serve_names(host, zone.clone())
                    });
                }
                born = Some(net);
                // Called where a panic of it is caught.
                (kernel, async move { scenario(universe).await })
            },
            |kernel| {
                kernel.settle_faults();
                finished = Some(kernel.now());
            },
        );
        let net = born.expect("the universe was born");
        let ended_at = finished.expect("the universe has ended");
        let packets = net.finish(ended_at);
        let (log, hash) = kernel.finish(ended_at);
        kernel.disconnect_network();
        crate::net::set_net(None);
        Outcome { result, seed, hash, ended_at, packets, faults: kernel.faults.all(), log }
    }
}

/// A capture that fills while the universe lives.
struct Capture(Option<PcapngWriter<BufWriter<File>>>);

impl Tap for Capture {
    fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log) {
        let writer = self.0.as_mut().expect("nothing is seen after the end");
        writer.packet(seen, log).unwrap_or_else(|error| panic!("the capture can't be written: {error}"));
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {
        let writer = self.0.take().expect("a run ends once");
        writer.finish().unwrap_or_else(|error| panic!("the capture can't be written: {error}"));
    }
}

/// How a universe ended, and what it leaves behind.
pub struct Outcome<T> {
    /// What the scenario returned, or why the run ended before.
    pub result: Result<T, Cause>,
    /// The seed.
    pub seed: u64,
    /// The run's hash.
    pub hash: RunHash,
    /// How long it lived.
    pub ended_at: SimTime,
    /// How many packets became what.
    pub packets: PacketCounts,
    /// Every fault, with what it hit.
    pub faults: Vec<Fault>,
    /// The event log.
    pub log: Log,
}

impl<T> Outcome<T> {
    /// The value of the run's hash.
    pub fn digest(&self) -> Digest {
        self.hash.digest()
    }

    /// The faults that met nothing: a scenario that has one proves nothing by it (law 6).
    pub fn faults_that_met_nothing(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.outcome() == FaultOutcome::MetNothing)
    }
}

impl<T> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("failed", &self.result.as_ref().err())
            .field("seed", &self.seed)
            .field("hash", &self.digest())
            .field("ended_at", &self.ended_at)
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}
