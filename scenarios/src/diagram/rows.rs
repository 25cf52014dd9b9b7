//! From what was kept to what is drawn: a row for each message, each stretch of audio, each thing that the world did.

use std::collections::BTreeMap;

use busyhour_oracle::read::sdp::{Audio as Sdp, Direction};
use busyhour_oracle::read::sip::{Message, Method, Name, Start};
use busyhour_trace::{Event, HostId, Log, Loss, PacketId, SimTime, Source};
use xxhash_rust::xxh3::xxh3_64;

use super::Diagram;
use super::audio::{Audio, Audios};
use super::collect::{Fate, Seen};

/// A row of a diagram.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub at: SimTime,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Message(Said),
    Audio(Audio),
    /// Something that a person did: a step.
    Step(String),
    /// Something that the world did, to those hosts.
    World(String, Vec<HostId>),
    /// So many messages are not kept.
    Gap(usize),
}

/// A message, as its arrow shows it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub from: Option<HostId>,
    pub to: Option<HostId>,
    pub label: String,
    /// What stands behind the arrow.
    pub remarks: Vec<String>,
    pub lost: Option<Loss>,
    pub packet: PacketId,
    /// The place of its Call-ID among all.
    pub call: Option<usize>,
    /// It stands outside of calls: REGISTER, OPTIONS.
    pub outside: bool,
    /// It was said before.
    pub again: bool,
    /// What it was made of, by its place among all that was kept.
    pub seen: usize,
}

/// What is known of a Call-ID.
#[derive(Debug, Clone, Default)]
pub(super) struct Leg {
    /// Users of From and To of the first message.
    pub users: [String; 2],
    pub hosts: Vec<HostId>,
    pub first: SimTime,
    pub last: SimTime,
    pub outside: bool,
}

pub(super) fn diagram(first: Vec<Seen>, last: Vec<Seen>, dropped: usize, audio: Audios, log: &Log) -> Diagram {
    let mut reading = Reading::default();
    let mut rows: Vec<Row> = Vec::new();
    let gap_at = first.len();
    let kept: Vec<Seen> = first.into_iter().chain(last).collect();
    for (index, seen) in kept.iter().enumerate() {
        if dropped > 0 && index == gap_at {
            rows.push(Row { at: seen.sent, what: What::Gap(dropped) });
        }
        let said = Said { seen: index, ..reading.message(seen) };
        rows.push(Row { at: seen.sent, what: What::Message(said) });
    }
    mark_crossings(&kept, &mut rows);
    number_calls(&reading.legs, &mut rows);
    rows.extend(audio.drawn().into_iter().map(|audio| Row { at: audio.begin, what: What::Audio(audio) }));
    // What people and the world did comes before what it brought about.
    let mut told = doings(log);
    told.append(&mut rows);
    told.sort_by_key(|row| row.at);
    Diagram { hosts: log.hosts().to_vec(), rows: told, legs: reading.legs, kept }
}

/// What the messages before a message say of it.
#[derive(Debug, Default)]
struct Reading {
    calls: BTreeMap<String, usize>,
    legs: Vec<Leg>,
    /// Who said what already.
    said: rustc_hash::FxHashSet<(Option<HostId>, u64)>,
}

impl Reading {
    fn message(&mut self, seen: &Seen) -> Said {
        let lost = match seen.fate {
            Fate::Lost(loss) => Some(loss),
            Fate::OnItsWay => Some(Loss::StillInFlight),
            Fate::Arrived(_) => None,
        };
        let mut said = Said {
            from: seen.from,
            to: seen.to,
            label: String::new(),
            remarks: Vec::new(),
            lost,
            packet: seen.packet,
            call: None,
            outside: true,
            again: false,
            seen: 0,
        };
        if seen.to.is_none() {
            said.remarks.push(format!("to {}", seen.address));
        }
        if let Some(told) = &seen.told {
            said.label = told.to_string();
            if seen.copied {
                said.label.push_str(" (copied by the network)");
            }
            return said;
        }
        let message = match Message::read(&seen.raw) {
            Ok(message) => message,
            Err(error) => {
                said.label = format!("{} bytes", seen.raw.len());
                said.remarks.push(format!("unreadable: {error}"));
                return said;
            }
        };
        said.label = label(&message);
        let again = !self.said.insert((seen.from, xxh3_64(&seen.raw)));
        said.again = again;
        if seen.copied {
            said.label.push_str(" (copied by the network)");
        } else if again {
            said.label.push_str(" (again)");
        }
        if !message.is_regular() {
            said.remarks.push("malformed".to_owned());
        }
        said.outside =
            matches!(message.method(), Method::Register | Method::Options | Method::Message | Method::Publish);
        if let Some(call_id) = message.call_id() {
            let count = self.calls.len();
            let call = *self.calls.entry(call_id.to_owned()).or_insert(count);
            if call == self.legs.len() {
                let user = |address: Option<busyhour_oracle::read::sip::Address<'_>>| {
                    address.map_or_else(String::new, |address| address.user().to_owned())
                };
                let users = [user(message.from()), user(message.to())];
                let outside = said.outside;
                self.legs.push(Leg { users, hosts: Vec::new(), first: seen.sent, last: seen.sent, outside });
            }
            let leg = &mut self.legs[call];
            leg.last = seen.sent;
            for host in [seen.from, seen.to].into_iter().flatten() {
                if !leg.hosts.contains(&host) {
                    leg.hosts.push(host);
                }
            }
            said.call = Some(call);
        }
        said
    }
}

/// What stands on a message's arrow: `INVITE bob, sdp sendonly`.
fn label(message: &Message<'_>) -> String {
    let mut extras: Vec<String> = Vec::new();
    let mut label = match message.start() {
        Start::Request { method, .. } => method.to_string(),
        Start::Response { .. } => message.to_string(),
    };
    if message.is_request() {
        let user = |value: &str| busyhour_oracle::read::sip::Uri::read(value).map(|uri| uri.user.to_owned());
        match message.method() {
            Method::Invite if message.to().is_some_and(|to| to.tag().is_none()) => {
                let called = user(message.target()).filter(|user| !user.is_empty());
                label.extend(called.map(|called| format!(" {called}")));
            }
            Method::Refer => {
                let target = message.first(Name::ReferTo).and_then(busyhour_oracle::read::sip::Address::read);
                label.extend(target.map(|target| format!(" to {}", target.user())));
                if target.is_some_and(|target| target.uri.contains("Replaces=")) {
                    extras.push("replaces".to_owned());
                }
            }
            Method::Notify => {
                let fragment = std::str::from_utf8(message.body()).unwrap_or_default();
                let status = fragment.strip_prefix("SIP/2.0 ").and_then(|rest| rest.lines().next());
                extras.extend(status.map(str::to_owned));
            }
            _ => {}
        }
        let forgets = message.expires() == Some(0) || message.contacts().any(|contact| contact.expires() == Some(0));
        if message.method() == Method::Register && forgets {
            extras.push("expires 0".to_owned());
        }
        if message.first(Name::Authorization).or(message.first(Name::ProxyAuthorization)).is_some() {
            extras.push("auth".to_owned());
        }
        if message.first(Name::Replaces).is_some() {
            extras.push("replaces".to_owned());
        }
    }
    extras.extend(message.sdp().map(session));
    for extra in extras {
        label.push_str(", ");
        label.push_str(&extra);
    }
    label
}

fn session(sdp: &[u8]) -> String {
    let Some(audio) = Sdp::read(sdp) else { return "sdp without audio".to_owned() };
    if audio.port == 0 {
        return "sdp refused".to_owned();
    }
    match audio.direction {
        Direction::SendRecv if audio.place().is_none() => "sdp held".to_owned(),
        Direction::SendRecv => "sdp".to_owned(),
        Direction::SendOnly => "sdp sendonly".to_owned(),
        Direction::RecvOnly => "sdp recvonly".to_owned(),
        Direction::Inactive => "sdp inactive".to_owned(),
    }
}

/// Marks messages that met one the other way: the races are there.
fn mark_crossings(kept: &[Seen], rows: &mut [Row]) {
    let mut said: Vec<&mut Said> = rows
        .iter_mut()
        .filter_map(|row| match &mut row.what {
            What::Message(said) => Some(said),
            _ => None,
        })
        .collect();
    for later in 1..kept.len() {
        let two = &kept[later];
        for earlier in (0..later).rev().take(16) {
            let one = &kept[earlier];
            let (Fate::Arrived(at), Fate::Arrived(_)) = (one.fate, two.fate) else { continue };
            let meets = one.from == two.to && one.to == two.from && one.from.is_some() && two.sent < at;
            if meets && said[later].call.is_some() && said[earlier].call == said[later].call {
                for index in [earlier, later] {
                    let remark = "crossing".to_owned();
                    if !said[index].remarks.contains(&remark) {
                        said[index].remarks.push(remark);
                    }
                }
            }
        }
    }
}

/// Where two hosts have several calls with each other, the arrows say which they belong to.
fn number_calls(legs: &[Leg], rows: &mut [Row]) {
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    for (call, _) in legs.iter().enumerate().filter(|(_, leg)| !leg.outside) {
        let next = numbers.len() + 1;
        numbers.insert(call, next);
    }
    let mut pairs: BTreeMap<(HostId, HostId), Vec<usize>> = BTreeMap::new();
    let pair_of = |said: &Said| {
        let (from, to) = (said.from?, said.to?);
        Some((from.min(to), from.max(to)))
    };
    let in_call = |said: &Said| said.call.filter(|call| numbers.contains_key(call));
    for row in rows.iter() {
        let What::Message(said) = &row.what else { continue };
        let (Some(pair), Some(call)) = (pair_of(said), in_call(said)) else { continue };
        let calls = pairs.entry(pair).or_default();
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    for row in rows {
        let What::Message(said) = &mut row.what else { continue };
        let (Some(pair), Some(call)) = (pair_of(said), in_call(said)) else { continue };
        if pairs[&pair].len() > 1 {
            said.label.push_str(&format!(" #{}", numbers[&call]));
        }
    }
}

/// What people and the world did.
fn doings(log: &Log) -> Vec<Row> {
    let mut rows = Vec::new();
    // Which way a cut is, by its number: the heal names only that.
    let mut cuts: BTreeMap<i64, Way> = BTreeMap::new();
    let mut events = log.events().iter().peekable();
    while let Some(event) = events.next() {
        let what = match (event.source, &*event.kind) {
            (Source::Step, _) => event.text("text").map(|text| What::Step(text.to_owned())),
            (Source::World, kind @ ("cut" | "heal")) => {
                // One cut of several ways is as many events.
                let mut ways: Vec<Way> = Vec::new();
                let mut next = Some(event);
                while let Some(one) = next {
                    let number = one.number("cut").unwrap_or_default();
                    let way = if kind == "cut" { Way::of(one, log) } else { cuts.get(&number).cloned() };
                    if let Some(way) = way {
                        cuts.insert(number, way.clone());
                        if !ways.contains(&way) {
                            ways.push(way);
                        }
                    }
                    next = events.next_if(|next| next.at == event.at && next.kind == event.kind);
                }
                let mut hosts: Vec<HostId> = ways.iter().flat_map(|way| way.hosts.clone()).collect();
                hosts.sort_unstable();
                hosts.dedup();
                let verb = if kind == "cut" { "is cut" } else { "heals" };
                (!ways.is_empty()).then(|| What::World(ways_in_words(&ways, verb), hosts))
            }
            (Source::World, _) => world(event, log).map(|text| What::World(text, event.host.into_iter().collect())),
            (Source::Claim, _) => None,
        };
        rows.extend(what.map(|what| Row { at: event.at, what }));
    }
    rows
}

/// One way of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    from: String,
    to: String,
    only: String,
    pub(crate) hosts: Vec<HostId>,
}

impl Way {
    pub(crate) fn of(event: &Event, log: &Log) -> Option<Way> {
        let (from, to) = (event.list("from")?, event.list("to")?);
        let only = match (event.text("protocol"), event.number("port")) {
            (None, None) => String::new(),
            (Some(protocol), None) => format!(" for {}", protocol.to_uppercase()),
            (None, Some(port)) => format!(" for port {port}"),
            (Some(protocol), Some(port)) => format!(" for {} port {port}", protocol.to_uppercase()),
        };
        let only = match event.number("but_port") {
            Some(port) => format!("{only} but port {port}"),
            None => only,
        };
        let hosts = from.iter().chain(to).filter_map(|name| log.host_called(name)).collect();
        Some(Way { from: from.join(", "), to: to.join(", "), only, hosts })
    }
}

pub(crate) fn ways_in_words(ways: &[Way], verb: &str) -> String {
    match ways {
        [there, back] if there.from == back.to && there.to == back.from && there.only == back.only => {
            format!("the network between {} and {} {verb}{}", there.from, there.to, there.only)
        }
        [first, .., last] if ways.len() > 3 => {
            let (from, to) = (&first.from, &first.to);
            format!(
                "the network {verb}{} in {} ways, {from} -> {to} .. {} -> {}",
                first.only,
                ways.len(),
                last.from,
                last.to
            )
        }
        _ => {
            let each: Vec<String> = ways.iter().map(|way| format!("{} -> {}", way.from, way.to)).collect();
            format!("the network {} {verb}{}", each.join(", "), ways[0].only)
        }
    }
}

/// What the world did to a host or to all, in words; nothing if it changes nothing on the wire.
pub(crate) fn world(event: &Event, log: &Log) -> Option<String> {
    let name = event.host.map_or("somebody", |host| log.host_name(host));
    Some(match &*event.kind {
        "crash" => format!("{name} crashes"),
        "restart" => format!("{name} restarts"),
        "sleep" => format!("{name} sleeps"),
        "wake" => format!("{name} wakes"),
        "address" => format!("{name} has the address {} now", event.text("address")?),
        "nat-reset" => "the NAT forgets its bindings".to_owned(),
        "clock-skew" => format!("{name}'s clock is changed"),
        "impaired" | "aimed-fault" => event.text("what")?.to_owned(),
        _ => return None,
    })
}
