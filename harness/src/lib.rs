//! busyhour rehearses a contact center's worst hour in a second, the same way every time.
//!
//! A universe is made from one seed: machines, sockets, clocks, files and audio devices are simulated, packets cross
//! a simulated network with loss, partitions, NAT and crashes, and the same seed gives the same bytes on every wire.
//! Start at [`simulate`].
//!
//! # The laws
//!
//! Code that breaks one is a defect, whatever the tests say.
//!
//! 1. **One universe, one thread, one seed.** Time, entropy and the order of events come from the seed alone
//!    ([`world`]).
//! 2. **Time is an argument.** Protocol cores do no I/O and never read a clock: `now` and bytes go in; bytes, timers
//!    and events come out.
//! 3. **Everything crosses the wire.** Actors share no memory and no channel ([`net`]). Two doors go past the wire, for
//!    steps and tests only: a person's hand, and a view of what a screen shows or a store holds.
//! 4. **One actor, two worlds.** A program gets a [`world::Host`] and can't tell a simulated machine from a real one.
//!    Live mode has no faults of its own.
//! 5. **The witness shares no code with the accused.** Oracles depend on [`trace`] alone and read packets with readers
//!    of their own. An entry of the event log is the world's, a step or a claim; nobody believes a claim.
//! 6. **Nothing passes vacuously.** A fault that was installed must be hit ([`world::Faults`]).
//! 7. **A failure is a gift, so wrap it.** It comes with its seed, a line that replays it, and what was on the wire.
//!
//! # The map
//!
//! A room may use only the rooms above it.
//!
//! - [`trace`]: the event log, the packet taps, the run's hash, the run record.
//! - [`world`]: seed, thread, clock, entropy, scheduler, hosts. Knows no telephony.
//! - [`net`]: sockets, wire, links, faults, NAT, partitions; simulated or live. Knows no telephony.
//! - [`http`]: HTTP/1.1 over a host's sockets, both ends.
//! - [`store`]: durable tables on a host's disk. Knows no telephony.
//! - [`sip`]: codec, transactions, dialogs and calls, digest; UDP, TCP and WebSocket.
//! - [`media`]: G.711, RTP and RTCP, digits, playout, the E-model, SDP, voices; a phone's line, a server's relay and
//!   its conference rooms.
//! - [`webhook`]: senders as contracts, signatures, receivers.
//! - [`phone`]: hardphones, softphones, and webphones in a browser, with buttons and a screen.
//! - [`pbx`]: the SIP server, the carrier and its customers.
//! - [`floor`]: campaigns, leads, the dialer, agents and their screens.
//! - [`universe`](Universe): all of that put together.
//!
//! # What is not simulated
//!
//! IPv4 only, and no TLS. TCP is turmoil-net's, which has no congestion control, no keep-alive probes and no
//! FIN_WAIT_2 timeout; loss reaches it as delay, each attempt a packet of its own.

#[cfg(not(tokio_unstable))]
compile_error!(
    "busyhour needs tokio's seeded scheduler: put `rustflags = [\"--cfg\", \"tokio_unstable\"]` under [build] in \
     .cargo/config.toml. RUSTFLAGS in the environment overrides that file: add `--cfg tokio_unstable` there too."
);
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
compile_error!("busyhour answers libc's clocks and entropy itself, which it can on Linux with glibc only");

pub use busyhour_trace as trace;

pub mod floor;
pub mod http;
pub mod media;
pub mod net;
pub mod pbx;
pub mod phone;
pub mod sip;
pub mod store;
mod universe;
pub mod webhook;
pub mod world;

pub use universe::{Builder, DEFAULT_BIRTH, Outcome, Universe, simulate};
