//! A capture's packets, sighted again: what a tap on the wire saw, for whoever comes when the run is over.
//!
//! A capture holds each packet once, as it arrived or was lost, and says when it was sent; a tap sees it twice. Two
//! things are not as they were: a packet is shown as it left in the form in which it arrived, which a NAT box may have
//! rewritten, and it's known from the beginning for whom it is.

use std::io::{self, Read};

use crate::event::Log;
use crate::pcapng::{Captured, PcapngReader};
use crate::tap::{HostId, Loss, PacketId, PacketSeen, Stage};
use crate::time::SimTime;

/// A packet of a capture, and what its comment tells.
#[derive(Debug, Clone)]
struct Packet {
    id: PacketId,
    sent: SimTime,
    copy_of: Option<PacketId>,
    ended: SimTime,
    fate: Stage,
    from: Option<HostId>,
    to: Option<HostId>,
    bytes: Vec<u8>,
}

/// A whole capture, to be sighted again.
///
/// ```
/// use busyhour_trace::replay::Capture;
/// use busyhour_trace::{HostId, Log, PacketId, PacketSeen, PcapngWriter, SimTime, Stage};
///
/// let mut log = Log::default();
/// let (alice, server) = (log.name_host("alice"), log.name_host("server"));
/// let mut writer = PcapngWriter::new(Vec::new(), 7_000_000_000, "").unwrap();
/// let packet = |at, stage| PacketSeen {
///     at: SimTime(at), id: PacketId(3), stage, from: Some(alice), to: Some(server), bytes: &[0x45; 20],
/// };
/// writer.packet(&packet(100, Stage::Sent), &log).unwrap();
/// writer.packet(&packet(250, Stage::Arrived), &log).unwrap();
///
/// let capture = Capture::read(&writer.finish().unwrap()[..], 7_000_000_000, &log).unwrap();
/// let mut seen = Vec::new();
/// capture.replay(|packet| seen.push((packet.at.0, packet.stage, packet.to)));
/// assert_eq!(seen, [(100, Stage::Sent, Some(server)), (250, Stage::Arrived, Some(server))]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Capture {
    packets: Vec<Packet>,
}

impl Capture {
    /// Reads the capture of a universe that was born `epoch_ns` nanoseconds after 1970, with that log.
    ///
    /// # Errors
    /// If it isn't one of ours: it can't be read, or a packet doesn't say what became of it.
    pub fn read(input: impl Read, epoch_ns: u64, log: &Log) -> io::Result<Capture> {
        let mut packets = Vec::new();
        for (index, captured) in PcapngReader::new(input).enumerate() {
            let captured = captured?;
            let packet = Packet::read(captured, epoch_ns, log, index).map_err(|comment| {
                let why = format!("packet {} of the capture says {comment:?}, not what became of it", index + 1);
                io::Error::new(io::ErrorKind::InvalidData, why)
            })?;
            packets.push(packet);
        }
        Ok(Capture { packets })
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Shows every packet as it leaves and as it ends, in the order in which that happened.
    pub fn replay(&self, mut tap: impl FnMut(&PacketSeen<'_>)) {
        let mut leaving: Vec<&Packet> = self.packets.iter().collect();
        leaving.sort_by_key(|packet| (packet.sent, packet.id));
        let mut leaving = leaving.into_iter().peekable();
        for packet in &self.packets {
            // What ends at the moment at which something else leaves may be the cause of that.
            let before =
                |other: &&Packet| other.sent < packet.ended || other.sent == packet.sent && other.id <= packet.id;
            while let Some(other) = leaving.next_if(before) {
                tap(&other.seen(other.sent, other.copy_of.map_or(Stage::Sent, |of| Stage::Copied { of })));
            }
            tap(&packet.seen(packet.ended, packet.fate));
        }
    }

    /// Shows every packet as it ends, with the moment at which it left.
    pub fn ends(&self, mut tap: impl FnMut(&PacketSeen<'_>, SimTime)) {
        for packet in &self.packets {
            tap(&packet.seen(packet.ended, packet.fate), packet.sent);
        }
    }
}

impl Packet {
    /// Reads what the capture says of a packet; an error is its comment. What says nothing of its number and its
    /// beginning was seen at its end alone.
    fn read(captured: Captured, epoch_ns: u64, log: &Log, index: usize) -> Result<Packet, String> {
        let Captured { at_ns, comment, bytes } = captured;
        let ended = SimTime(at_ns.saturating_sub(epoch_ns));
        let Some((fate, ways, rest)) = fate(&comment) else { return Err(comment) };
        let Some((from, to)) = ways.split_once(" -> ") else { return Err(comment) };
        let host = |name: &str| log.host_called(name);
        let (id, copy_of, before) = match rest {
            "" => (Some(index as u64), None, Some(0)),
            rest => story(rest),
        };
        let (Some(id), Some(before)) = (id, before) else { return Err(comment) };
        let sent = SimTime(ended.0.saturating_sub(before));
        let (from, to) = (host(from), host(to));
        Ok(Packet { id: PacketId(id), sent, copy_of: copy_of.map(PacketId), ended, fate, from, to, bytes })
    }

    fn seen(&self, at: SimTime, stage: Stage) -> PacketSeen<'_> {
        PacketSeen { at, id: self.id, stage, from: self.from, to: self.to, bytes: &self.bytes }
    }
}

/// What became of a packet, who sent it to whom, and the rest of its comment.
fn fate(comment: &str) -> Option<(Stage, &str, &str)> {
    if let Some(told) = comment.strip_prefix("arrived: ") {
        let (ways, rest) = told.find(", packet ").map_or((told, ""), |at| told.split_at(at));
        return Some((Stage::Arrived, ways, rest));
    }
    let told = comment.strip_prefix("lost: ")?;
    let loss = Loss::ALL
        .into_iter()
        .find(|loss| told.strip_prefix(loss.words()).is_some_and(|rest| rest.starts_with(" (")))?;
    let ways = &told[loss.words().len() + " (".len()..];
    let end = ways.find("), packet ").or_else(|| ways.strip_suffix(')').map(str::len))?;
    Some((Stage::Lost(loss), &ways[..end], &ways[end + 1..]))
}

/// A packet's number, what it's a copy of, and for how long it was on its way.
fn story(rest: &str) -> (Option<u64>, Option<u64>, Option<u64>) {
    let read = || {
        let (id, told) = rest.strip_prefix(", packet ")?.split_once(", ")?;
        let told = told.split(" ns before").next()?;
        let (copy_of, before) = match told.strip_prefix("sent ") {
            Some(before) => (None, before),
            None => {
                let (of, before) = told.strip_prefix("copied from ")?.split_once(' ')?;
                (Some(of.parse().ok()?), before)
            }
        };
        Some((id.parse().ok()?, copy_of, before.parse().ok()?))
    };
    read().map_or((None, None, None), |(id, copy_of, before)| (Some(id), copy_of, Some(before)))
}
