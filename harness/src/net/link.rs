//! What a stretch of network does to packets that cross it in one direction.
//!
//! A path between two hosts is a row of [`Segment`]s: the sender's way up, the pair's own faults, the receiver's way
//! down. A packet's [`Verdict`] goes through them one after the other and gathers what becomes of it: how late it
//! arrives, whether it's lost, how often it's copied, whether its bits flip. Nothing here reads a clock or does I/O.
//!
//! # The order of things, within a segment
//!
//! 1. [`Impairment::Cut`], 2. [`Impairment::Mtu`], 3. [`Impairment::Loss`] and [`Impairment::Burst`],
//! 4. [`Impairment::Bandwidth`], 5. [`Impairment::Latency`], 6. [`Impairment::Jitter`], 7. [`Impairment::Reorder`],
//! 8. [`Impairment::Duplicate`], 9. [`Impairment::Corrupt`]; those of one number in the order of their installation.
//!
//! Impairments of one kind add up: of two losses both draw, of two bandwidths one stands behind the other. All of one
//! number meet the packet even if the first of them has stopped it, so that each fault's hits follow its own
//! probability; what comes after them doesn't (a lost packet fills no queue). A second bandwidth stands physically
//! behind the first and doesn't meet what the first dropped.
//!
//! # What is drawn
//!
//! Draws happen in that same order: a loss draws once; a burst draws once for the change of state, then once for the
//! loss; jitter, reordering and duplication draw once each; corruption draws once, and once more for the bit when it
//! hits. A probability of zero, and a jitter of zero, draw nothing.
//!
//! # In the order of arrival, not of asking
//!
//! The wire asks for the whole path when a packet is sent, so a segment that many paths share hears of packets in
//! another order than the one in which they reach it: what came by satellite is asked about long before it is there.
//! Queues and first-in-first-out order are therefore kept by the moment at which a packet enters the segment.

use std::collections::VecDeque;
use std::time::Duration;

use crate::trace::{Loss, SimTime};
use crate::world::{FaultId, Random};

/// One thing that a stretch of network does to packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Impairment {
    /// Every packet takes this long. It hits every packet.
    Latency(Duration),
    /// Every packet takes up to this much more or less, evenly spread, but none arrives before it left, and none
    /// overtakes another: a packet that would wait for the one in front of it, as in a router. It hits every packet.
    Jitter(Duration),
    /// A packet is lost with this probability, each by itself.
    Loss(f64),
    /// Packets are lost in bursts.
    Burst(GilbertElliott),
    /// With this probability a packet arrives twice. The copy travels as one with its packet: what loses the one in a
    /// later segment loses the other.
    Duplicate(f64),
    /// With this probability a packet is held back for `hold`, while others overtake it.
    Reorder {
        /// The probability.
        probability: f64,
        /// For how long; longer than the gap between packets, or nothing will overtake.
        hold: Duration,
    },
    /// With this probability a bit of the packet flips.
    Corrupt(f64),
    /// A slow line with a queue in front of it that drops what doesn't fit. It hits a packet that has to wait or is
    /// dropped; a packet that finds the line idle only takes its own time on it.
    Bandwidth {
        /// The line's rate.
        bits_per_second: u64,
        /// How many bytes can wait, the packet that is being sent not counted.
        queue_bytes: u64,
    },
    /// No packet is larger than this, its IP header included.
    Mtu(u32),
    /// Nothing passes.
    Cut,
}

/// The two-state loss model of Gilbert (1960) and Elliott (1963): a good state and a bad one, each with a loss
/// probability of its own. A link starts in the good state; each packet first moves the state, then is lost or not.
///
/// With `loss_good` 0 and `loss_bad` 1 bursts are 1/`p_bad_to_good` packets long on average.
///
/// The model was made for streams and moves with each packet. A link that nobody uses gets over a bad spell all the
/// same: a silence counts as a packet for each 20 ms of it. Otherwise TCP, which backs off, would meet the same spell
/// for minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GilbertElliott {
    /// The probability that a packet finds the link turned from good to bad.
    pub p_good_to_bad: f64,
    /// The probability that a packet finds the link turned from bad to good.
    pub p_bad_to_good: f64,
    /// The loss probability in the good state.
    pub loss_good: f64,
    /// The loss probability in the bad state.
    pub loss_bad: f64,
}

/// A silence of this length counts as a packet: that's how far apart those of a call are.
const FRAME: Duration = Duration::from_millis(20);

impl GilbertElliott {
    /// The probability that a packet finds the link in the other state, so long after the one before it.
    ///
    /// After n steps of a two-state chain with the probabilities p and r, the part (1-p-r)^n of the start is left.
    fn turns(&self, bad: bool, silence: Duration) -> f64 {
        let step = if bad { self.p_bad_to_good } else { self.p_good_to_bad };
        let steps = silence.as_nanos() / FRAME.as_nanos();
        let both = self.p_good_to_bad + self.p_bad_to_good;
        if steps <= 1 || both == 0.0 {
            return step;
        }
        let steps = i32::try_from(steps).unwrap_or(i32::MAX);
        step / both * (1.0 - (1.0 - both).powi(steps))
    }
}

/// Why an impairment can't be installed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// A probability outside of 0 to 1.
    #[error("a {what} of {value} is no probability: it must lie between 0 and 1")]
    Probability {
        /// Which one.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// A line that carries nothing.
    #[error("a bandwidth of 0 bits per second carries nothing: cut the link instead")]
    NoBandwidth,
    /// An MTU under the smallest that IPv4 knows (RFC 791, section 3.2: 68 bytes).
    #[error("an MTU of {0} bytes is less than the 68 that every IPv4 link carries")]
    TinyMtu(u32),
}

impl Impairment {
    /// Says what about it makes no sense, if something does.
    ///
    /// # Errors
    ///
    /// A probability outside of 0 to 1, a bandwidth of zero, an MTU below 68.
    pub fn check(&self) -> Result<(), Impossible> {
        let probability = |what, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(Impossible::Probability { what, value }),
        };
        match *self {
            Impairment::Latency(_) | Impairment::Jitter(_) | Impairment::Cut => Ok(()),
            Impairment::Loss(p) => probability("loss", p),
            Impairment::Duplicate(p) => probability("duplication", p),
            Impairment::Reorder { probability: p, .. } => probability("reordering", p),
            Impairment::Corrupt(p) => probability("corruption", p),
            Impairment::Burst(burst) => probability("change from good to bad", burst.p_good_to_bad)
                .and_then(|()| probability("change from bad to good", burst.p_bad_to_good))
                .and_then(|()| probability("loss in the good state", burst.loss_good))
                .and_then(|()| probability("loss in the bad state", burst.loss_bad)),
            Impairment::Bandwidth { bits_per_second: 0, .. } => Err(Impossible::NoBandwidth),
            Impairment::Bandwidth { .. } => Ok(()),
            Impairment::Mtu(bytes) if bytes < 68 => Err(Impossible::TinyMtu(bytes)),
            Impairment::Mtu(_) => Ok(()),
        }
    }
}

/// What an impairment did to a packet that it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It took effect.
    Hit,
    /// It saw the packet and left it alone: by chance, or because the packet gave it no cause.
    Spared,
}

/// What becomes of one packet, over all segments of its path.
///
/// Keep one and [`clear`](Verdict::clear) it for each packet: then no packet allocates.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Verdict {
    /// How much later than its departure it arrives.
    pub delay_ns: u64,
    /// Why it never arrives, and whose work that was.
    pub lost: Option<(Loss, FaultId)>,
    /// It's larger than this MTU, and this fault says so. Whether it is dropped, answered by ICMP or should have been
    /// sent in fragments is the wire's business (see [`Segment::mtu`]); this verdict goes no further.
    pub too_big: Option<(u32, FaultId)>,
    /// How many copies arrive beside it.
    pub copies: u32,
    /// Whose work the (last) copy is.
    pub copied_by: Option<FaultId>,
    /// It was held back, so others may overtake it; whose work that was.
    pub held_back: Option<FaultId>,
    /// A bit of it flips.
    pub corrupt: Option<Corruption>,
    /// Every fault that met it, once each.
    pub touches: Vec<(FaultId, Touch)>,
}

/// A bit that flips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corruption {
    /// A random number from which the bit's place is derived.
    pub seed: u64,
    /// Whose work it is.
    pub by: FaultId,
}

impl Corruption {
    /// Which bit flips in `length` bytes; bit 0 is the highest of the first byte. Of nothing, nothing flips.
    pub fn bit(&self, length: usize) -> Option<usize> {
        let bits = length.checked_mul(8).filter(|&bits| bits > 0)?;
        Some((self.seed % bits as u64) as usize)
    }
}

impl Verdict {
    /// Makes it ready for the next packet.
    pub fn clear(&mut self) {
        let mut touches = std::mem::take(&mut self.touches);
        touches.clear();
        *self = Verdict { touches, ..Verdict::default() };
    }

    /// Whether the packet has got through so far.
    pub fn goes_on(&self) -> bool {
        self.lost.is_none() && self.too_big.is_none()
    }

    /// Notes that `fault` met the packet. A fault of several parts counts a packet once: a hit by any is a hit.
    fn touch(&mut self, fault: FaultId, touch: Touch) {
        match self.touches.iter_mut().find(|(id, _)| *id == fault) {
            Some((_, before)) if touch == Touch::Hit => *before = Touch::Hit,
            Some(_) => {}
            None => self.touches.push((fault, touch)),
        }
    }

    fn touch_if(&mut self, fault: FaultId, hit: bool) {
        self.touch(fault, if hit { Touch::Hit } else { Touch::Spared });
    }
}

/// One direction of one stretch of network, with its impairments.
///
/// ```
/// use busyhour::net::link::{Impairment, Segment, Touch, Verdict};
/// use busyhour::trace::SimTime;
/// use busyhour::world::{FaultId, Random};
/// use std::time::Duration;
///
/// let mut segment = Segment::default();
/// segment.install(FaultId(1), Impairment::Latency(Duration::from_millis(80)))?;
/// segment.install(FaultId(2), Impairment::Loss(0.0))?;
///
/// let mut verdict = Verdict::default();
/// segment.pass(SimTime::ZERO, 200, &mut Random::stream(0, "network"), &mut verdict);
/// assert_eq!(verdict.delay_ns, 80_000_000);
/// assert_eq!(verdict.touches, [(FaultId(2), Touch::Spared), (FaultId(1), Touch::Hit)]);
/// # Ok::<(), busyhour::net::link::Impossible>(())
/// ```
#[derive(Debug, Default, Clone)]
pub struct Segment {
    /// In the order in which they meet a packet.
    installed: Vec<Installed>,
    /// The packets that jitter must keep in order; unused without jitter.
    order: Fifo,
}

#[derive(Debug, Clone)]
struct Installed {
    fault: FaultId,
    stage: Stage,
    does: Does,
}

/// The steps that a packet takes through a segment, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Cut,
    Mtu,
    Loss,
    Bandwidth,
    Latency,
    Jitter,
    Reorder,
    Duplicate,
    Corrupt,
}

/// An impairment with the state that it keeps, in the units that a packet needs.
#[derive(Debug, Clone)]
enum Does {
    Cut,
    Mtu(u32),
    Loss(f64),
    Burst { model: GilbertElliott, bad: bool, last: SimTime },
    Bandwidth(Line),
    Latency(u64),
    Jitter(u64),
    Reorder { probability: f64, hold: u64 },
    Duplicate(f64),
    Corrupt(f64),
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Segment {
    /// Adds an impairment. Several of one fault are fine: each packet counts once for it.
    ///
    /// # Errors
    ///
    /// What [`Impairment::check`] says.
    pub fn install(&mut self, fault: FaultId, impairment: Impairment) -> Result<(), Impossible> {
        impairment.check()?;
        let (stage, does) = match impairment {
            Impairment::Cut => (Stage::Cut, Does::Cut),
            Impairment::Mtu(bytes) => (Stage::Mtu, Does::Mtu(bytes)),
            Impairment::Loss(p) => (Stage::Loss, Does::Loss(p)),
            Impairment::Burst(model) => (Stage::Loss, Does::Burst { model, bad: false, last: SimTime::ZERO }),
            Impairment::Bandwidth { bits_per_second, queue_bytes } => (
                Stage::Bandwidth,
                Does::Bandwidth(Line { bits_per_second, queue_bytes, latest: 0, busy: VecDeque::new() }),
            ),
            Impairment::Latency(latency) => (Stage::Latency, Does::Latency(nanos(latency))),
            Impairment::Jitter(jitter) => (Stage::Jitter, Does::Jitter(nanos(jitter).min(u64::MAX / 4))),
            Impairment::Reorder { probability, hold } => {
                (Stage::Reorder, Does::Reorder { probability, hold: nanos(hold) })
            }
            Impairment::Duplicate(p) => (Stage::Duplicate, Does::Duplicate(p)),
            Impairment::Corrupt(p) => (Stage::Corrupt, Does::Corrupt(p)),
        };
        let place = self.installed.partition_point(|other| other.stage <= stage);
        self.installed.insert(place, Installed { fault, stage, does });
        Ok(())
    }

    /// How long a packet takes at least: what a sender would have measured.
    pub fn latency(&self) -> Duration {
        let fixed = self.installed.iter().map(|installed| match installed.does {
            Does::Latency(nanos) => nanos,
            _ => 0,
        });
        Duration::from_nanos(fixed.fold(0, u64::saturating_add))
    }

    /// Takes away everything that `fault` installed, and says how many impairments that were. A queue that goes with
    /// its line lets later packets overtake those that still wait in it.
    pub fn remove(&mut self, fault: FaultId) -> usize {
        let before = self.installed.len();
        self.installed.retain(|installed| installed.fault != fault);
        before - self.installed.len()
    }

    /// Whether nothing happens here.
    pub fn is_empty(&self) -> bool {
        self.installed.is_empty()
    }

    /// The largest packet that gets through, and the fault that says so: for whoever cuts datagrams into fragments
    /// before they're sent, and then counts the hit itself.
    pub fn mtu(&self) -> Option<(u32, FaultId)> {
        let sizes = self.installed.iter().filter_map(|installed| match installed.does {
            Does::Mtu(bytes) => Some((bytes, installed.fault)),
            _ => None,
        });
        sizes.min_by_key(|(bytes, _)| *bytes)
    }

    /// Takes a packet of `size_bytes` (IP header included) through, which left its sender at `now` and has been
    /// underway for [`Verdict::delay_ns`]. A packet that an earlier segment stopped doesn't get here. `now` never goes
    /// back.
    pub fn pass(&mut self, now: SimTime, size_bytes: u32, random: &mut Random, verdict: &mut Verdict) {
        if self.installed.is_empty() || !verdict.goes_on() {
            return;
        }
        // Later and earlier are added up by themselves: a jitter below zero must find the latency that it shortens.
        let (mut late, mut early, mut hold) = (0u64, 0u64, 0u64);
        let (mut in_order, mut stopped_at) = (false, None);
        for Installed { fault, stage, does } in &mut self.installed {
            if stopped_at.is_some_and(|stopped| stopped != *stage) {
                return;
            }
            let fault = *fault;
            match does {
                Does::Cut => {
                    verdict.touch(fault, Touch::Hit);
                    verdict.lost.get_or_insert((Loss::Cut, fault));
                }
                Does::Mtu(bytes) => {
                    let too_big = size_bytes > *bytes;
                    verdict.touch_if(fault, too_big);
                    if too_big && verdict.too_big.is_none_or(|(smallest, _)| *bytes < smallest) {
                        verdict.too_big = Some((*bytes, fault));
                    }
                }
                Does::Loss(p) => {
                    let lost = random.chance(*p);
                    verdict.touch_if(fault, lost);
                    if lost {
                        verdict.lost.get_or_insert((Loss::Random, fault));
                    }
                }
                Does::Burst { model, bad, last } => {
                    *bad ^= random.chance(model.turns(*bad, now.since(*last)));
                    *last = now;
                    let lost = random.chance(if *bad { model.loss_bad } else { model.loss_good });
                    verdict.touch_if(fault, lost);
                    if lost {
                        verdict.lost.get_or_insert((Loss::Random, fault));
                    }
                }
                Does::Bandwidth(line) => {
                    let entry = now.0.saturating_add(verdict.delay_ns);
                    match line.send(now.0, entry, size_bytes) {
                        Some((start, end)) => {
                            verdict.touch_if(fault, start > entry);
                            verdict.delay_ns = verdict.delay_ns.saturating_add(end - entry);
                        }
                        None => {
                            verdict.touch(fault, Touch::Hit);
                            verdict.lost = Some((Loss::QueueFull, fault));
                            return;
                        }
                    }
                }
                Does::Latency(latency) => {
                    verdict.touch(fault, Touch::Hit);
                    late = late.saturating_add(*latency);
                }
                Does::Jitter(jitter) => {
                    verdict.touch(fault, Touch::Hit);
                    if *jitter > 0 {
                        in_order = true;
                        let drawn = random.below(2 * *jitter + 1);
                        late = late.saturating_add(drawn.saturating_sub(*jitter));
                        early = early.saturating_add(jitter.saturating_sub(drawn));
                    }
                }
                Does::Reorder { probability, hold: longer } => {
                    let held = random.chance(*probability);
                    verdict.touch_if(fault, held);
                    if held {
                        verdict.held_back = Some(fault);
                        hold = hold.saturating_add(*longer);
                    }
                }
                Does::Duplicate(p) => {
                    let copied = random.chance(*p);
                    verdict.touch_if(fault, copied);
                    if copied {
                        verdict.copies = verdict.copies.saturating_add(1);
                        verdict.copied_by = Some(fault);
                    }
                }
                Does::Corrupt(p) => {
                    let flips = random.chance(*p);
                    verdict.touch_if(fault, flips);
                    if flips {
                        let seed = random.next_u64();
                        verdict.corrupt.get_or_insert(Corruption { seed, by: fault });
                    }
                }
            }
            if !verdict.goes_on() {
                stopped_at = Some(*stage);
            }
        }
        if stopped_at.is_some() {
            return;
        }
        let mut takes = late.saturating_sub(early);
        if in_order {
            let entry = now.0.saturating_add(verdict.delay_ns);
            let due = self.order.leave(now.0, entry, entry.saturating_add(takes), hold == 0);
            takes = due - entry;
        }
        verdict.delay_ns = verdict.delay_ns.saturating_add(takes).saturating_add(hold);
    }
}

/// First in, first out, by the moment of entry.
#[derive(Debug, Default, Clone)]
struct Fifo {
    /// (entry, due) of every packet that may still have to be waited for. Both only grow from front to back.
    in_flight: VecDeque<(u64, u64)>,
}

impl Fifo {
    /// When a packet leaves that entered at `entry` and would leave at `due` by itself: not before those that entered
    /// earlier, not after those that entered later. One that isn't `in_line` holds nobody up.
    fn leave(&mut self, now: u64, entry: u64, due: u64, in_line: bool) -> u64 {
        // A packet that has left can't be overtaken any more: nobody who enters from now on is due before now.
        while self.in_flight.front().is_some_and(|&(_, due)| due <= now) {
            self.in_flight.pop_front();
        }
        let place = match self.in_flight.back() {
            Some(&(last, _)) if last > entry => self.in_flight.partition_point(|&(other, _)| other <= entry),
            _ => self.in_flight.len(),
        };
        let not_before = place.checked_sub(1).map_or(0, |before| self.in_flight[before].1);
        let not_after = self.in_flight.get(place).map_or(u64::MAX, |&(_, due)| due);
        let due = due.max(not_before).min(not_after).max(entry);
        if in_line {
            self.in_flight.insert(place, (entry, due));
        }
        due
    }
}

/// A slow line and the queue in front of it.
#[derive(Debug, Clone)]
struct Line {
    bits_per_second: u64,
    queue_bytes: u64,
    /// When the last packet so far enters.
    latest: u64,
    /// What is being sent and what waits, in the order in which it's sent.
    busy: VecDeque<Sending>,
}

#[derive(Debug, Clone, Copy)]
struct Sending {
    entry: u64,
    start: u64,
    end: u64,
    bytes: u64,
}

impl Line {
    /// When a packet that enters at `entry` starts on the line and when its last bit has left, or nothing if the queue
    /// has no room for it.
    fn send(&mut self, now: u64, entry: u64, size_bytes: u32) -> Option<(u64, u64)> {
        while self.busy.front().is_some_and(|sending| sending.end <= now) {
            self.busy.pop_front();
        }
        let bytes = u64::from(size_bytes);
        // Two gigabytes in one packet are more than 64 bits of bit-nanoseconds hold, and more than IPv4 knows.
        let takes = bytes.checked_mul(8_000_000_000).map_or(u64::MAX, |bits| bits.div_ceil(self.bits_per_second));

        // Usually this packet is the last to enter, and goes behind everything. If it's asked about late, what enters
        // after it has its times already: it takes the first gap that is long enough.
        let (mut start, mut place) = (entry, self.busy.len());
        if entry >= self.latest {
            self.latest = entry;
            start = self.busy.back().map_or(entry, |last| entry.max(last.end));
        } else {
            for (index, sending) in self.busy.iter().enumerate() {
                if sending.start >= start.saturating_add(takes) {
                    place = index;
                    break;
                }
                start = start.max(sending.end);
            }
        }
        if start > entry {
            let ahead = self.busy.iter().filter(|sending| sending.entry <= entry && sending.start > entry);
            let waiting: u64 = ahead.map(|sending| sending.bytes).sum();
            if waiting + bytes > self.queue_bytes {
                return None;
            }
        }
        let end = start.saturating_add(takes);
        self.busy.insert(place, Sending { entry, start, end, bytes });
        Some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn at(ns: u64) -> SimTime {
        SimTime(ns)
    }

    fn segment(impairments: &[Impairment]) -> Segment {
        let mut segment = Segment::default();
        for (id, impairment) in (1..).zip(impairments) {
            segment.install(FaultId(id), *impairment).expect("a possible impairment");
        }
        segment
    }

    fn pass(segment: &mut Segment, now: u64, size: u32, random: &mut Random) -> Verdict {
        let mut verdict = Verdict::default();
        segment.pass(at(now), size, random, &mut verdict);
        verdict
    }

    /// Sends `count` packets of 200 bytes, one each `gap_ms`.
    fn stream(segment: &mut Segment, count: u64, gap_ms: u64, random: &mut Random) -> Vec<Verdict> {
        (0..count).map(|n| pass(segment, n * gap_ms * MS, 200, random)).collect()
    }

    /// Whether `hits` of `n` is within five standard deviations of what probability `p` gives: over all the tests and
    /// seeds here, chance alone fails this about once in ten thousand changes of the generator.
    fn plausible(hits: usize, n: usize, p: f64) -> bool {
        let (n, hits) = (n as f64, hits as f64);
        (hits - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt()
    }

    fn hits_of(verdicts: &[Verdict], fault: u32) -> usize {
        verdicts.iter().filter(|v| v.touches.contains(&(FaultId(fault), Touch::Hit))).count()
    }

    fn spared_by(verdicts: &[Verdict], fault: u32) -> usize {
        verdicts.iter().filter(|v| v.touches.contains(&(FaultId(fault), Touch::Spared))).count()
    }

    #[test]
    fn an_empty_segment_does_nothing_and_draws_nothing() {
        let mut random = Random::stream(1, "network");
        let mut untouched = random.clone();
        assert_eq!(pass(&mut Segment::default(), 5, 1500, &mut random), Verdict::default());
        assert_eq!(random.next_u64(), untouched.next_u64());
    }

    #[test]
    fn impairments_of_zero_draw_nothing() {
        let never = GilbertElliott { p_good_to_bad: 0.0, p_bad_to_good: 0.0, loss_good: 0.0, loss_bad: 1.0 };
        let mut segment = segment(&[
            Impairment::Latency(ms(3)),
            Impairment::Jitter(Duration::ZERO),
            Impairment::Loss(0.0),
            Impairment::Burst(never),
            Impairment::Duplicate(0.0),
            Impairment::Reorder { probability: 0.0, hold: ms(30) },
            Impairment::Corrupt(0.0),
            Impairment::Bandwidth { bits_per_second: 1_000_000, queue_bytes: 0 },
            Impairment::Mtu(1500),
        ]);
        let mut random = Random::stream(1, "network");
        let mut untouched = random.clone();
        let verdict = pass(&mut segment, 0, 1500, &mut random);
        assert_eq!(verdict.delay_ns, 3 * MS + 12 * MS);
        assert_eq!(random.next_u64(), untouched.next_u64());
    }

    #[test]
    fn latencies_add_up_within_a_segment_and_over_a_path() {
        let mut up = segment(&[Impairment::Latency(ms(3)), Impairment::Latency(ms(4))]);
        let mut down = segment(&[Impairment::Latency(ms(20))]);
        let (mut random, mut verdict) = (Random::stream(1, "network"), Verdict::default());
        up.pass(at(0), 200, &mut random, &mut verdict);
        down.pass(at(0), 200, &mut random, &mut verdict);
        assert_eq!(verdict.delay_ns, 27 * MS);
    }

    #[test]
    fn losses_come_as_often_as_they_say_and_name_their_fault() {
        for seed in 0..20 {
            let mut segment = segment(&[Impairment::Loss(0.05)]);
            let verdicts = stream(&mut segment, 4000, 20, &mut Random::stream(seed, "network"));
            let lost = verdicts.iter().filter(|v| v.lost == Some((Loss::Random, FaultId(1)))).count();
            assert!(plausible(lost, 4000, 0.05), "seed {seed}: {lost} of 4000");
            assert_eq!((hits_of(&verdicts, 1), spared_by(&verdicts, 1)), (lost, 4000 - lost), "seed {seed}");
        }
    }

    #[test]
    fn of_two_losses_both_draw_and_each_counts_its_own_hits() {
        let mut segment = segment(&[Impairment::Loss(0.3), Impairment::Loss(0.5)]);
        let verdicts = stream(&mut segment, 10_000, 20, &mut Random::stream(3, "network"));
        assert!(plausible(hits_of(&verdicts, 1), 10_000, 0.3));
        assert!(plausible(hits_of(&verdicts, 2), 10_000, 0.5), "the second meets what the first has lost, too");
        let lost = verdicts.iter().filter(|v| v.lost.is_some()).count();
        assert!(plausible(lost, 10_000, 1.0 - 0.7 * 0.5), "{lost}");
        let blamed = verdicts.iter().filter(|v| v.lost == Some((Loss::Random, FaultId(1)))).count();
        assert_eq!(blamed, hits_of(&verdicts, 1), "the first to lose it has lost it");
    }

    #[test]
    fn what_an_earlier_segment_lost_never_meets_the_next() {
        let (mut up, mut down) = (segment(&[Impairment::Loss(1.0)]), Segment::default());
        down.install(FaultId(9), Impairment::Loss(1.0)).expect("a possible impairment");
        let (mut random, mut verdict) = (Random::stream(1, "network"), Verdict::default());
        up.pass(at(0), 200, &mut random, &mut verdict);
        down.pass(at(0), 200, &mut random, &mut verdict);
        assert_eq!(verdict.touches, [(FaultId(1), Touch::Hit)]);
    }

    #[test]
    fn a_lost_packet_meets_nothing_that_comes_after_the_losses() {
        let line = Impairment::Bandwidth { bits_per_second: 8_000, queue_bytes: 0 };
        let mut segment = segment(&[Impairment::Duplicate(1.0), line, Impairment::Loss(1.0)]);
        let verdict = pass(&mut segment, 0, 200, &mut Random::stream(1, "network"));
        assert_eq!((verdict.touches.as_slice(), verdict.copies), ([(FaultId(3), Touch::Hit)].as_slice(), 0));
    }

    #[test]
    fn bursts_are_as_long_and_as_frequent_as_the_model_says() {
        // Gilbert's own case: all is lost in the bad state. Mean burst 1/r, share of time in it p/(p+r).
        let model = GilbertElliott { p_good_to_bad: 0.02, p_bad_to_good: 0.25, loss_good: 0.0, loss_bad: 1.0 };
        for seed in 0..10 {
            let mut segment = segment(&[Impairment::Burst(model)]);
            let verdicts = stream(&mut segment, 50_000, 20, &mut Random::stream(seed, "network"));
            let lost: Vec<bool> = verdicts.iter().map(|v| v.lost == Some((Loss::Random, FaultId(1)))).collect();
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            let total = lost.iter().filter(|&&l| l).count();
            assert_eq!((hits_of(&verdicts, 1), spared_by(&verdicts, 1)), (total, 50_000 - total), "seed {seed}");
            let total = total as f64;
            // A burst's length is geometric: mean 4, variance (1-r)/r^2 = 12.
            let mean = total / bursts;
            assert!((mean - 4.0).abs() < 5.0 * (12.0 / bursts).sqrt(), "seed {seed}: mean burst {mean}");
            // A burst begins in each good packet's successor with p: about 50,000 * p * r/(p+r).
            let expected = 50_000.0 * 0.02 * 0.25 / 0.27;
            assert!((bursts - expected).abs() < 5.0 * expected.sqrt(), "seed {seed}: {bursts} bursts");
        }
    }

    /// Of a bad spell of 4 packets on average, (3/4)^n lasts for n packets; the same time in silence does as much.
    #[test]
    fn a_silent_link_gets_over_a_bad_spell_as_fast_as_a_busy_one() {
        let model = GilbertElliott { p_good_to_bad: 0.0, p_bad_to_good: 0.25, loss_good: 0.0, loss_bad: 1.0 };
        assert_eq!(model.turns(true, ms(0)), 0.25);
        assert_eq!(model.turns(true, ms(20)), 0.25);
        assert!((model.turns(true, ms(40)) - (1.0 - 0.75 * 0.75)).abs() < 1e-12);
        assert!(model.turns(true, ms(10_000)) > 0.999_999);
        assert_eq!(model.turns(false, ms(10_000)), 0.0, "it never turns bad");
        let never = GilbertElliott { p_bad_to_good: 0.0, ..model };
        assert_eq!(never.turns(true, ms(10_000)), 0.0, "it never gets over it");
    }

    #[test]
    fn each_state_of_a_burst_has_a_loss_of_its_own() {
        let stays = |loss_good, loss_bad, p_good_to_bad| {
            let model = GilbertElliott { p_good_to_bad, p_bad_to_good: 0.0, loss_good, loss_bad };
            let mut segment = segment(&[Impairment::Burst(model)]);
            let verdicts = stream(&mut segment, 10_000, 20, &mut Random::stream(5, "network"));
            verdicts.iter().filter(|v| v.lost.is_some()).count()
        };
        assert!(plausible(stays(0.1, 0.9, 0.0), 10_000, 0.1), "a link that never turns bad");
        assert!(plausible(stays(0.1, 0.9, 1.0), 10_000, 0.9), "a link that turns bad with its first packet");
    }

    #[test]
    fn jitter_spreads_evenly_around_the_latency() {
        let mut segment = segment(&[Impairment::Latency(ms(80)), Impairment::Jitter(ms(20))]);
        // A second between packets: none ever waits for the one before it.
        let verdicts = stream(&mut segment, 10_000, 1000, &mut Random::stream(2, "network"));
        let delays: Vec<u64> = verdicts.iter().map(|v| v.delay_ns).collect();
        assert!(delays.iter().all(|d| (60 * MS..=100 * MS).contains(d)));
        for quarter in 0..4 {
            let range = (60 + quarter * 10) * MS..(70 + quarter * 10) * MS;
            let count = delays.iter().filter(|d| range.contains(d)).count();
            assert!(plausible(count, 10_000, 0.25), "quarter {quarter}: {count}");
        }
    }

    #[test]
    fn jitter_reaches_its_bounds_and_hits_every_packet() {
        let nanosecond = Duration::from_nanos(1);
        let mut segment = segment(&[Impairment::Latency(10 * nanosecond), Impairment::Jitter(nanosecond)]);
        let verdicts = stream(&mut segment, 100, 1, &mut Random::stream(2, "network"));
        let delays: std::collections::BTreeSet<u64> = verdicts.iter().map(|v| v.delay_ns).collect();
        assert_eq!(delays, [9, 10, 11].into());
        assert_eq!(hits_of(&verdicts, 2), 100);
    }

    #[test]
    fn jitter_never_reorders() {
        for seed in 0..10 {
            let mut segment = segment(&[Impairment::Latency(ms(50)), Impairment::Jitter(ms(50))]);
            let verdicts = stream(&mut segment, 2000, 1, &mut Random::stream(seed, "network"));
            let due: Vec<u64> = (0..).zip(&verdicts).map(|(n, v)| n * MS + v.delay_ns).collect();
            assert!(due.is_sorted(), "seed {seed}");
            assert!(due.windows(2).any(|pair| pair[0] == pair[1]), "seed {seed}: none ever had to wait");
        }
    }

    #[test]
    fn jitter_larger_than_the_latency_delivers_nothing_before_it_left() {
        let mut segment = segment(&[Impairment::Latency(ms(5)), Impairment::Jitter(ms(50))]);
        let verdicts = stream(&mut segment, 1000, 1000, &mut Random::stream(1, "network"));
        assert!(verdicts.iter().any(|v| v.delay_ns == 0), "cut off at zero");
        assert!(verdicts.iter().all(|v| v.delay_ns <= 55 * MS));
    }

    #[test]
    fn packets_keep_the_order_in_which_they_enter_whenever_they_are_asked_about() {
        // One sender is near (1 ms), one far (300 ms): the far one's packets are asked about first but enter last, and
        // must hold nobody up.
        for seed in 0..10 {
            let mut down = segment(&[Impairment::Latency(ms(30)), Impairment::Jitter(ms(30))]);
            let mut random = Random::stream(seed, "network");
            let mut crossed = Vec::new();
            for n in 0..1000 {
                let ahead = if n % 2 == 0 { 300 * MS } else { MS };
                let mut verdict = Verdict { delay_ns: ahead, ..Verdict::default() };
                down.pass(at(n * MS), 200, &mut random, &mut verdict);
                assert!(verdict.delay_ns <= ahead + 90 * MS, "seed {seed}: {n} was held up by {verdict:?}");
                crossed.push((n * MS + ahead, n * MS + verdict.delay_ns));
            }
            crossed.sort_by_key(|&(entry, _)| entry);
            assert!(crossed.is_sorted_by_key(|&(_, due)| due), "seed {seed}");
        }
    }

    #[test]
    fn a_held_back_packet_is_overtaken_and_holds_nobody_up() {
        let jittery = [Impairment::Latency(ms(10)), Impairment::Jitter(ms(1))];
        let mut segment = segment(&jittery);
        segment.install(FaultId(7), Impairment::Reorder { probability: 0.1, hold: ms(30) }).expect("possible");
        let verdicts = stream(&mut segment, 5000, 20, &mut Random::stream(4, "network"));
        let held = verdicts.iter().filter(|v| v.held_back == Some(FaultId(7))).count();
        assert_eq!(held, hits_of(&verdicts, 7));
        assert!(plausible(held, 5000, 0.1), "{held}");
        let due: Vec<u64> = (0..).zip(&verdicts).map(|(n, v)| n * 20 * MS + v.delay_ns).collect();
        for (n, pair) in due.windows(2).enumerate() {
            let overtaken = verdicts[n].held_back.is_some() && verdicts[n + 1].held_back.is_none();
            assert_eq!(pair[0] > pair[1], overtaken, "packet {n}");
        }
        let quick = verdicts.iter().filter(|v| v.held_back.is_none()).all(|v| v.delay_ns <= 11 * MS);
        assert!(quick, "nobody waits for a packet that is held back");
    }

    #[test]
    fn copies_and_flips_come_as_often_as_they_say() {
        for seed in 0..10 {
            let mut segment = segment(&[Impairment::Duplicate(0.02), Impairment::Corrupt(0.01)]);
            let verdicts = stream(&mut segment, 10_000, 20, &mut Random::stream(seed, "network"));
            let copied = verdicts.iter().filter(|v| v.copies == 1 && v.copied_by == Some(FaultId(1))).count();
            let flipped = verdicts.iter().filter(|v| v.corrupt.is_some_and(|c| c.by == FaultId(2))).count();
            assert!(plausible(copied, 10_000, 0.02), "seed {seed}: {copied} copies");
            assert!(plausible(flipped, 10_000, 0.01), "seed {seed}: {flipped} flips");
            assert_eq!((hits_of(&verdicts, 1), hits_of(&verdicts, 2)), (copied, flipped));
        }
    }

    #[test]
    fn two_duplications_make_two_copies() {
        let mut segment = segment(&[Impairment::Duplicate(1.0), Impairment::Duplicate(1.0)]);
        assert_eq!(pass(&mut segment, 0, 200, &mut Random::stream(1, "network")).copies, 2);
    }

    #[test]
    fn every_bit_of_a_packet_can_flip_and_none_beside_it() {
        let mut segment = segment(&[Impairment::Corrupt(1.0)]);
        let mut random = Random::stream(6, "network");
        let mut seen = [false; 24];
        for n in 0..1000 {
            let corruption = pass(&mut segment, n, 200, &mut random).corrupt.expect("always");
            seen[corruption.bit(3).expect("three bytes have bits")] = true;
            assert_eq!(corruption.bit(0), None);
        }
        assert_eq!(seen, [true; 24]);
    }

    #[test]
    fn a_line_takes_exactly_the_time_that_its_rate_says() {
        // 256 kbit/s: 200 bytes are 1600 bits, 6.25 ms. 3 bits/ns don't divide: rounded up, never down.
        let mut slow = segment(&[Impairment::Bandwidth { bits_per_second: 256_000, queue_bytes: 1000 }]);
        let mut random = Random::stream(1, "network");
        let delays: Vec<u64> = (0..4).map(|_| pass(&mut slow, 0, 200, &mut random).delay_ns).collect();
        assert_eq!(delays, [6_250_000, 12_500_000, 18_750_000, 25_000_000]);
        assert_eq!(pass(&mut slow, 25_000_000, 200, &mut random).delay_ns, 6_250_000, "idle again");
        let mut odd = segment(&[Impairment::Bandwidth { bits_per_second: 3_000_000_000, queue_bytes: 0 }]);
        assert_eq!(pass(&mut odd, 0, 2, &mut random).delay_ns, 6, "16 bits at 3 bits per ns");
    }

    #[test]
    fn only_a_packet_that_waits_is_hit_by_a_bandwidth() {
        let mut slow = segment(&[Impairment::Bandwidth { bits_per_second: 256_000, queue_bytes: 1000 }]);
        let mut random = Random::stream(1, "network");
        assert_eq!(pass(&mut slow, 0, 200, &mut random).touches, [(FaultId(1), Touch::Spared)]);
        assert_eq!(pass(&mut slow, 6_250_000 - 1, 200, &mut random).touches, [(FaultId(1), Touch::Hit)]);
        assert_eq!(pass(&mut slow, 12_500_000, 200, &mut random).touches, [(FaultId(1), Touch::Spared)]);
    }

    #[test]
    fn what_just_fits_into_the_queue_waits_and_one_byte_more_is_dropped() {
        let full = |size| {
            let mut slow = segment(&[Impairment::Bandwidth { bits_per_second: 256_000, queue_bytes: 600 }]);
            let mut random = Random::stream(1, "network");
            // One is being sent and doesn't count, two wait: 400 bytes.
            for _ in 0..3 {
                assert_eq!(pass(&mut slow, 0, 200, &mut random).lost, None);
            }
            pass(&mut slow, 0, size, &mut random)
        };
        assert_eq!((full(200).lost, full(200).delay_ns), (None, 25_000_000));
        assert_eq!(full(201).lost, Some((Loss::QueueFull, FaultId(1))));
        assert_eq!(full(201).touches, [(FaultId(1), Touch::Hit)]);
    }

    #[test]
    fn a_queue_has_room_again_as_soon_as_a_packet_leaves_it() {
        let mut slow = segment(&[Impairment::Bandwidth { bits_per_second: 256_000, queue_bytes: 200 }]);
        let mut random = Random::stream(1, "network");
        for _ in 0..2 {
            pass(&mut slow, 0, 200, &mut random);
        }
        assert!(pass(&mut slow, 6_250_000 - 1, 200, &mut random).lost.is_some());
        assert_eq!(pass(&mut slow, 6_250_000, 200, &mut random).lost, None);
    }

    #[test]
    fn a_packet_never_queues_behind_one_that_comes_later_by_a_longer_way() {
        let mut down = segment(&[Impairment::Bandwidth { bits_per_second: 256_000, queue_bytes: 10_000 }]);
        let mut random = Random::stream(1, "network");
        let mut far = Verdict { delay_ns: 300 * MS, ..Verdict::default() };
        down.pass(at(0), 200, &mut random, &mut far);
        let near = pass(&mut down, 0, 200, &mut random);
        assert_eq!((far.delay_ns, near.delay_ns), (306_250_000, 6_250_000));
        // 6.25 ms before the far one's turn there is room for one more; a nanosecond later there isn't.
        let mut fits = down.clone();
        assert_eq!(pass(&mut fits, 293_750_000, 200, &mut random).delay_ns, 6_250_000);
        assert_eq!(pass(&mut down, 293_750_001, 200, &mut random).delay_ns, 6_250_000 * 3 - 1);
    }

    #[test]
    fn of_two_lines_the_second_sends_what_the_first_lets_through() {
        let line = |bits_per_second| Impairment::Bandwidth { bits_per_second, queue_bytes: 200 };
        let mut both = segment(&[line(256_000), line(128_000)]);
        let mut random = Random::stream(1, "network");
        assert_eq!(pass(&mut both, 0, 200, &mut random).delay_ns, 6_250_000 + 12_500_000);
        assert_eq!(pass(&mut both, 0, 200, &mut random).delay_ns, 6_250_000 + 12_500_000 * 2);
        let third = pass(&mut both, 0, 200, &mut random);
        assert_eq!(third.lost, Some((Loss::QueueFull, FaultId(1))));
        assert_eq!(third.touches, [(FaultId(1), Touch::Hit)]);
    }

    #[test]
    fn a_packet_of_the_mtu_passes_and_one_byte_more_does_not() {
        let mut segment = segment(&[Impairment::Mtu(1500), Impairment::Mtu(1400), Impairment::Latency(ms(1))]);
        let mut random = Random::stream(1, "network");
        assert_eq!(segment.mtu(), Some((1400, FaultId(2))));
        let fits = pass(&mut segment, 0, 1400, &mut random);
        assert_eq!((fits.too_big, fits.delay_ns), (None, MS));
        let too_big = pass(&mut segment, 0, 1401, &mut random);
        assert_eq!(too_big.too_big, Some((1400, FaultId(2))));
        assert_eq!(too_big.touches, [(FaultId(1), Touch::Spared), (FaultId(2), Touch::Hit)]);
        assert!(!too_big.goes_on());
    }

    #[test]
    fn a_cut_stops_everything_without_a_draw_and_every_cut_counts() {
        let mut segment = segment(&[Impairment::Loss(0.5), Impairment::Cut, Impairment::Cut]);
        let mut random = Random::stream(1, "network");
        let mut untouched = random.clone();
        let verdict = pass(&mut segment, 0, 200, &mut random);
        assert_eq!(verdict.lost, Some((Loss::Cut, FaultId(2))));
        assert_eq!(verdict.touches, [(FaultId(2), Touch::Hit), (FaultId(3), Touch::Hit)]);
        assert_eq!(random.next_u64(), untouched.next_u64());
    }

    #[test]
    fn a_fault_that_is_removed_is_gone_and_the_others_stay() {
        let mut segment = segment(&[Impairment::Latency(ms(80)), Impairment::Cut]);
        segment.install(FaultId(1), Impairment::Jitter(ms(20))).expect("possible");
        assert_eq!(segment.remove(FaultId(1)), 2);
        assert_eq!(segment.remove(FaultId(1)), 0);
        assert!(!segment.is_empty());
        assert_eq!(segment.remove(FaultId(2)), 1);
        assert!(segment.is_empty());
    }

    #[test]
    fn a_fault_of_several_parts_meets_a_packet_once_and_hits_it_if_any_part_does() {
        let (loss, latency, corrupt) = (Impairment::Loss(0.0), Impairment::Latency(ms(1)), Impairment::Corrupt(0.0));
        for (parts, touch) in [
            ([loss, latency].as_slice(), Touch::Hit),
            (&[latency, corrupt], Touch::Hit),
            (&[loss, corrupt], Touch::Spared),
        ] {
            let mut segment = Segment::default();
            for part in parts {
                segment.install(FaultId(4), *part).expect("possible");
            }
            let verdict = pass(&mut segment, 0, 200, &mut Random::stream(1, "network"));
            assert_eq!(verdict.touches, [(FaultId(4), touch)], "{parts:?}");
        }
    }

    #[test]
    fn a_cleared_verdict_is_a_new_one() {
        let mut segment = segment(&[Impairment::Duplicate(1.0), Impairment::Corrupt(1.0), Impairment::Latency(ms(1))]);
        let mut verdict = pass(&mut segment, 0, 200, &mut Random::stream(1, "network"));
        assert_ne!(verdict, Verdict::default());
        verdict.clear();
        assert_eq!(verdict, Verdict::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |impairment: Impairment| impairment.check().expect_err("nonsense").to_string();
        assert_eq!(Impairment::Loss(1.0).check(), Ok(()));
        assert_eq!(refused(Impairment::Loss(1.01)), "a loss of 1.01 is no probability: it must lie between 0 and 1");
        assert_eq!(
            refused(Impairment::Corrupt(f64::NAN)),
            "a corruption of NaN is no probability: it must lie between 0 and 1"
        );
        assert_eq!(
            refused(Impairment::Bandwidth { bits_per_second: 0, queue_bytes: 1 }),
            "a bandwidth of 0 bits per second carries nothing: cut the link instead"
        );
        assert_eq!(Impairment::Mtu(68).check(), Ok(()));
        assert_eq!(refused(Impairment::Mtu(67)), "an MTU of 67 bytes is less than the 68 that every IPv4 link carries");
        let mut untouched = Segment::default();
        assert!(untouched.install(FaultId(1), Impairment::Loss(-0.1)).is_err());
        assert!(untouched.is_empty());
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let run = |seed| {
            let mut segment = segment(&[
                Impairment::Latency(ms(40)),
                Impairment::Jitter(ms(30)),
                Impairment::Loss(0.1),
                Impairment::Reorder { probability: 0.1, hold: ms(30) },
                Impairment::Duplicate(0.1),
                Impairment::Corrupt(0.1),
            ]);
            stream(&mut segment, 500, 5, &mut Random::stream(seed, "network"))
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn times_at_the_end_of_the_universe_do_not_overflow() {
        let mut segment = segment(&[
            Impairment::Bandwidth { bits_per_second: 1, queue_bytes: u64::MAX },
            Impairment::Latency(Duration::MAX),
            Impairment::Jitter(Duration::MAX),
            Impairment::Reorder { probability: 1.0, hold: Duration::MAX },
        ]);
        let mut random = Random::stream(1, "network");
        for now in [0, u64::MAX - 1, u64::MAX] {
            assert!(pass(&mut segment, now, u32::MAX, &mut random).delay_ns > 0 || now == u64::MAX);
        }
    }
}
