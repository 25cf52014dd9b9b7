//! An hour of a hundred agents, and where its CPU time goes.
//!
//! The oracles' part is the difference of two runs of the same universe, with them and without. The other parts are
//! counted on the wire, and each count is multiplied with what one of its kind costs, as measured on its own:
//!
//! - a poll: agents who are paused, once polling each second and once each two seconds; the difference in CPU time by the
//!   difference in requests. Both ends, TCP and the wire are in it.
//! - a packet of media: the same minutes' work with every frame and with `auto`; the difference by the difference in
//!   packets.
//! - a packet of SIP: calls through the server, as `bench sip` makes them, by their packets.
//!
//! What's left is the rest: the dialer and the books, the disk, webhooks and the CRM, the people, idle timers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::media::{Cadence, cadence};
use busyhour::trace::{Event, Log, PacketSeen, SimTime, Stage};
use busyhour::world::{Tap, process_cpu_time};
use busyhour::{Outcome, Universe};
use busyhour_oracle::Panel;

use super::center::{AGENTS, CAMPAIGN, Center, Setup};
use crate::bench::measure::{Measurement, forget_peak};
use crate::bench::sip;

/// How often a screen polls.
const REFRESH: Duration = Duration::from_secs(1);
/// How long the paused agents sit there, and how long every frame is sent, where only the cost of one counts.
const UNIT: Duration = Duration::from_secs(60);

/// What crossed the wire.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Requests of the screens: polls, but for some that log in or save.
    polls: u64,
    sip: u64,
    media: u64,
    http: u64,
    other: u64,
}

/// A tap that counts, and has the panel of oracles behind it if they are to watch.
struct Counter {
    counts: Counts,
    panel: Option<Panel>,
}

impl Counter {
    fn count(&mut self, packet: &[u8]) {
        let header = usize::from(packet[0] & 15) * 4;
        let Some(ports) = packet.get(header..header + 4) else { return self.counts.other += 1 };
        let ports = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
        match packet[9] {
            17 if ports.contains(&5060) => self.counts.sip += 1,
            17 if !ports.contains(&53) => self.counts.media += 1,
            6 => {
                self.counts.http += 1;
                let data = header + usize::from(packet.get(header + 12).map_or(0, |offset| offset >> 4)) * 4;
                self.counts.polls += u64::from(packet.get(data..).is_some_and(|data| data.starts_with(b"POST /agc/")));
            }
            _ => self.counts.other += 1,
        }
    }
}

impl Tap for Counter {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        if seen.stage == Stage::Sent {
            self.count(seen.bytes);
        }
        if let Some(panel) = &mut self.panel {
            panel.packet(seen);
        }
    }

    fn event(&mut self, event: &Event, log: &Log) {
        if let Some(panel) = &mut self.panel {
            panel.event(event, log);
        }
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        if let Some(panel) = &mut self.panel {
            panel.finish(at);
        }
    }
}

/// What is to be run.
#[derive(Debug, Clone, Copy)]
struct Run {
    time: Duration,
    cadence: Cadence,
    oracles: bool,
    setup: Setup,
}

impl Run {
    fn work(time: Duration, cadence: Cadence, oracles: bool) -> Run {
        Run { time, cadence, oracles, setup: Setup { refresh: REFRESH, dials: true } }
    }

    fn paused(refresh: Duration) -> Run {
        let setup = Setup { refresh, dials: false };
        Run { time: UNIT, cadence: Cadence::Auto, oracles: false, setup }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
struct Result {
    /// CPU seconds of the hour; building the center and logging in left out.
    cpu: f64,
    /// The same, of all.
    whole: f64,
    counts: Counts,
    packets: u64,
    placed: u64,
    answered: u64,
    dropped: u64,
    delivered: u64,
    sales: u64,
}

fn minus(one: Counts, other: Counts) -> Counts {
    Counts {
        polls: one.polls - other.polls,
        sip: one.sip - other.sip,
        media: one.media - other.media,
        http: one.http - other.http,
        other: one.other - other.other,
    }
}

/// Lives a run through. Its rules are kept, or it ends here.
fn live(run: Run) -> Result {
    let panel = run.oracles.then(Panel::always_on);
    let counter = Arc::new(Mutex::new(Counter { counts: Counts::default(), panel }));
    let counting = Arc::clone(&counter);
    let before = process_cpu_time();
    let outcome: Outcome<Result> = Universe::seeded(1).tap(Arc::clone(&counter)).run(move |u| async move {
        cadence::set(run.cadence);
        let mut center = Center::open(&u, run.setup).await;
        let began = process_cpu_time();
        let counted = counting.lock().expect("nobody panics here").counts;
        if run.setup.dials {
            center.work(run.time).await;
        } else {
            u.sleep(run.time).await;
        }
        let cpu = (process_cpu_time() - began).as_secs_f64();
        let counts = minus(counting.lock().expect("nobody panics here").counts, counted);
        let stats = center.floor.stats(CAMPAIGN);
        assert_eq!(center.server.zombies(), 0, "no call is left by its ends");
        Result {
            cpu,
            whole: 0.0,
            counts,
            packets: 0,
            placed: stats.placed,
            answered: stats.answered,
            dropped: stats.dropped,
            delivered: center.delivered(),
            sales: center.crm.all_sales() as u64,
        }
    });
    let whole = (process_cpu_time() - before).as_secs_f64();
    let result = outcome.result.unwrap_or_else(|cause| panic!("the bench failed: {cause}"));
    if let Some(panel) = &counter.lock().expect("nobody panics here").panel {
        let broken: Vec<String> = panel
            .oracles()
            .into_iter()
            .filter(|oracle| !oracle.violations.is_empty())
            .map(|oracle| format!("{}: {} ({})", oracle.name, oracle.violations[0].what, oracle.violations.len()))
            .collect();
        assert!(broken.is_empty(), "a bench must keep the rules: {broken:#?}");
    }
    Result { whole, packets: outcome.packets.sent, ..result }
}

fn line(name: &str, run: Run, result: Result) -> Measurement {
    let cpu = Duration::from_secs_f64(result.cpu);
    Measurement::new(name, 2 * AGENTS + 4, run.time, cpu, result.packets)
        .with("opening_cpu_s", result.whole - result.cpu)
        .with("polls", result.counts.polls as f64)
        .with("sip_packets", result.counts.sip as f64)
        .with("media_packets", result.counts.media as f64)
        .with("tcp_packets", result.counts.http as f64)
        .with("calls_placed", result.placed as f64)
        .with("calls_answered", result.answered as f64)
        .with("calls_dropped", result.dropped as f64)
        .with("events_delivered", result.delivered as f64)
        .with("sales", result.sales as f64)
}

fn minutes(minutes: u32) -> Duration {
    Duration::from_secs(60) * minutes
}

/// The hour once, with the oracles or without.
pub fn once(of: u32, watched: bool) -> Measurement {
    let run = Run::work(minutes(of), Cadence::Auto, watched);
    line(&format!("{of} minutes of 100 agents"), run, live(run))
}

/// The hour with its oracles, and its parts.
pub fn run(of: u32, mut print: impl FnMut(&Measurement)) {
    let run = Run::work(minutes(of), Cadence::Auto, true);
    forget_peak();
    let all = live(run);
    let mut watched = line(&format!("{of} minutes of 100 agents"), run, all);
    let unwatched = Run { oracles: false, ..run };
    let bare = live(unwatched);
    let per = |one: Result, other: Result, count: &dyn Fn(&Counts) -> u64| {
        (one.cpu - other.cpu) / (count(&one.counts) - count(&other.counts)) as f64
    };
    let poll = per(live(Run::paused(REFRESH)), live(Run::paused(2 * REFRESH)), &|counts| counts.polls);
    let (full, sparing) = (Run::work(UNIT, Cadence::Full, false), Run::work(UNIT, Cadence::Auto, false));
    let (every_frame, some_frames) = (live(full), live(sparing));
    let frame = per(every_frame, some_frames, &|counts| counts.media);
    let message = 1.0 / sip::through_the_server(false).packets_per_cpu_s;
    let (polls, media, messages) =
        (poll * bare.counts.polls as f64, frame * bare.counts.media as f64, message * bare.counts.sip as f64);
    for (name, seconds) in [
        ("cpu_s_polls", polls),
        ("cpu_s_media", media),
        ("cpu_s_sip", messages),
        ("cpu_s_oracles", all.cpu - bare.cpu),
        ("cpu_s_rest", bare.cpu - polls - media - messages),
    ] {
        watched = watched.with(name, seconds);
    }
    watched = watched
        .with("us_a_poll", poll * 1e6)
        .with("us_a_media_packet", frame * 1e6)
        .with("us_a_sip_packet", message * 1e6)
        .noting("rules watched; oracles by two runs, the others by count and unit cost".to_owned());
    print(&watched);
    print(&line("the same, rules not watched", unwatched, bare));
    print(&line("one of its minutes, media full", full, every_frame));
    print(&line("one of its minutes, media auto", sparing, some_frames));
}
