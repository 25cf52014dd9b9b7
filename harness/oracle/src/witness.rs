//! What a witness is, and the panel that hears all of them.

use std::fmt;

use busyhour_trace::record::{Exemption, Oracle, Violation};
use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime};

use crate::floor::{Leg, LegChange};
use crate::hearing::{Check, Frame, Heard, Hearing, Payload, Place, Record, Relaying, Secured, SocketChange, Sound};
use crate::surroundings::Surroundings;
use crate::web::{Knock, Screen, Web};
use crate::{
    ACrashedHostIsSilent, AGoneTabEndsItsCalls, AGoneTabIsNotRung, AfterTheEndNoRtp, BindingsExpire,
    CallsPlacedAreAccountedFor, CseqGrowsAndTagsStay, DropRateWithinTarget, EffectsExactlyOnce, EstablishedMeansHeard,
    Every2xxToInviteIsAcknowledged, EveryRequestIsAnswered, FingerprintsMatch, NoAgentInTwoCalls,
    NoDoNotCallNumberDialed, NoEventLostAtRest, NoForgedEffect, NoIndexIsSentTwice, NoLeadInTwoCalls,
    NoMediaBeforeDtls, NoPasswordOnAWire, NoRelayingAfterExpiry, NoTwoHandshakesShareRandoms, NoZombieCalls,
    NothingCrossesACut, NothingOutlivesItsCall, NothingUnsentArrives, OneContactPerTab, OneDispositionForEachCall,
    OneStatePerAgent, RetransmissionsFollowTheirTimers, SessionTimeAddsUp, WebrtcMediaIsEncrypted,
    WhenOneLegEndsTheOtherEnds, WithoutConsentNoMedia,
};

/// Watches over one rule.
///
/// It learns of the universe by packets and by the log's entries, in the order in which they happened. It builds on
/// what the *world* did ([`Source::World`](busyhour_trace::Source::World)), on a *step* where its documentation says
/// so, and never on a *claim*: with a claim it may only confront whoever made it.
pub trait Witness: fmt::Debug + Send {
    /// Its name, as `@breaks:NAME` says it: the name of its file.
    fn name(&self) -> &'static str;
    /// The rule in a sentence, with its citation.
    fn rule(&self) -> &'static str;
    /// A packet was seen at the wire's tap. There are millions, and most witnesses want none of them.
    fn packet(&mut self, _seen: &PacketSeen<'_>) -> Wants {
        Wants::NoMore
    }
    /// A SIP message has left a host or reached one. Each packet is read once for all: see [`crate::hearing`].
    fn message(&mut self, _heard: &Heard<'_>, _around: &Surroundings) {}
    /// An RTP packet was sent, has arrived or was lost. Most packets are that, and most witnesses want none of them.
    fn media(&mut self, _frame: &Frame<'_>, _around: &Surroundings) -> Wants {
        Wants::NoMore
    }
    /// A host sent something over UDP or TCP that isn't RTP.
    fn payload(&mut self, _payload: &Payload<'_>) {}
    /// An ICE check, or the answer to one, has left a host or reached one.
    fn check(&mut self, _check: &Check<'_>, _around: &Surroundings) {}
    /// A DTLS record has left a host or reached one.
    fn record(&mut self, _record: &Record<'_>, _around: &Surroundings) {}
    /// A host sent media or control from where ICE or DTLS had been before.
    fn secured(&mut self, _secured: &Secured<'_>, _around: &Surroundings) {}
    /// A WebSocket opens or ends, at one of its hosts.
    fn socket(&mut self, _place: &Place, _change: SocketChange, _around: &Surroundings) {}
    /// A relay (TURN) grants something, or passes something on.
    fn relay(&mut self, _place: &Place, _relaying: &Relaying, _around: &Surroundings) {}
    /// A request has reached its server.
    fn asked(&mut self, _web: &Web<'_>, _around: &Surroundings) {}
    /// The answer to a request has left its server.
    fn answered(&mut self, _web: &Web<'_>, _around: &Surroundings) {}
    /// An agent's screen was told something.
    fn screen(&mut self, _screen: &Screen<'_>, _around: &Surroundings) {}
    /// A host wants a connection.
    fn knock(&mut self, _knock: &Knock) {}
    /// Something became of a customer's call with a floor; before the message that made it so is heard.
    fn leg(&mut self, _at: SimTime, _leg: &Leg, _change: LegChange, _around: &Surroundings) {}
    /// An entry was written to the log; `log` has the hosts' names.
    fn event(&mut self, _event: &Event, _log: &Log) {}
    /// Everything before `now` was heard: before each message, before each entry of the log, and at the end. What was
    /// due before `now` can be judged.
    fn due(&mut self, _now: SimTime, _around: &Surroundings) {}
    /// The run is over, and this is how things stand: before [`finish`](Witness::finish).
    fn ending(&mut self, _at: SimTime, _around: &Surroundings) {}
    /// The run is over. What isn't due yet isn't judged.
    fn finish(&mut self, _at: SimTime) {}
    /// What it has to say so far.
    fn judgement(&self) -> &Judgement;
}

/// Whether a witness wants to be shown the next one, too: one that forgot to say so would judge nothing, so it's the
/// answer to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// It does.
    Next,
    /// Neither that nor any other.
    NoMore,
}

/// So many violations are listed; more are counted. A broken kernel breaks a rule with every packet.
pub const LISTED: usize = 1_000;

/// What a witness says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// How much it judged; of what, its documentation says. A witness that judged nothing has proved nothing.
    pub judged: u64,
    /// Where the rule was broken: the first [`LISTED`] times.
    pub violations: Vec<Violation>,
    /// How many violations more there were.
    pub unlisted: u64,
    /// What it didn't judge, and why.
    pub exemptions: Vec<Exemption>,
}

impl Judgement {
    /// The rule was broken.
    pub fn violate(&mut self, at: SimTime, what: impl Into<String>, packets: impl Into<Vec<PacketId>>) {
        if self.violations.len() < LISTED {
            self.violations.push(Violation { at, what: what.into(), packets: packets.into() });
        } else {
            self.unlisted += 1;
        }
    }

    /// Something wasn't judged.
    pub fn exempt(&mut self, why: &str) {
        match self.exemptions.iter_mut().find(|exemption| exemption.why == why) {
            Some(exemption) => exemption.count += 1,
            None => self.exemptions.push(Exemption { why: why.to_owned(), count: 1 }),
        }
    }

    /// True if the rule was broken.
    pub fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }

    /// How often the rule was broken.
    pub fn count(&self) -> u64 {
        self.violations.len() as u64 + self.unlisted
    }
}

/// Shows something to those who want it, by their places; who doesn't is left out from now on.
fn show(wanting: &mut Vec<usize>, mut to: impl FnMut(usize) -> Wants) {
    let mut next = 0;
    while let Some(place) = wanting.get(next) {
        match to(*place) {
            Wants::Next => next += 1,
            Wants::NoMore => drop(wanting.remove(next)),
        }
    }
}

/// All witnesses of a universe: fed once, heard together.
///
/// ```
/// use busyhour_oracle::Panel;
/// use busyhour_trace::SimTime;
///
/// let mut panel = Panel::always_on();
/// panel.finish(SimTime::ZERO);
/// assert!(panel.verdict(&[])?.passed());
///
/// let verdict = panel.verdict(&["nothing_crosses_a_cut".to_owned()])?;
/// assert_eq!(
///     verdict.to_string(),
///     "nothing_crosses_a_cut was to be broken, and wasn't: it judged nothing at all",
/// );
///
/// let typo = panel.verdict(&["nothing_crosses_the_cut".to_owned()]).unwrap_err();
/// assert_eq!(
///     typo.to_string(),
///     "no invariant is called \"nothing_crosses_the_cut\"; did you mean nothing_crosses_a_cut?",
/// );
/// # Ok::<(), busyhour_oracle::UnknownWitness>(())
/// ```
#[derive(Debug)]
pub struct Panel {
    witnesses: Vec<Box<dyn Witness>>,
    /// The places of those that want packets, and of those that want media.
    seeing: Vec<usize>,
    listening: Vec<usize>,
    hearing: Hearing,
}

impl Panel {
    /// The witnesses of the rules that hold in every universe.
    pub fn always_on() -> Panel {
        Panel::new(vec![
            Box::<NothingUnsentArrives>::default(),
            Box::<NothingCrossesACut>::default(),
            Box::<ACrashedHostIsSilent>::default(),
            Box::<EveryRequestIsAnswered>::default(),
            Box::<Every2xxToInviteIsAcknowledged>::default(),
            Box::<WhenOneLegEndsTheOtherEnds>::default(),
            Box::<CseqGrowsAndTagsStay>::default(),
            Box::<NoZombieCalls>::default(),
            Box::<BindingsExpire>::default(),
            Box::<EstablishedMeansHeard>::default(),
            Box::<AfterTheEndNoRtp>::default(),
            Box::<NoPasswordOnAWire>::default(),
            Box::<RetransmissionsFollowTheirTimers>::default(),
            Box::<WebrtcMediaIsEncrypted>::default(),
            Box::<NoIndexIsSentTwice>::default(),
            Box::<NoTwoHandshakesShareRandoms>::default(),
            Box::<NoMediaBeforeDtls>::default(),
            Box::<FingerprintsMatch>::default(),
            Box::<WithoutConsentNoMedia>::default(),
            Box::<AGoneTabIsNotRung>::default(),
            Box::<AGoneTabEndsItsCalls>::default(),
            Box::<NoRelayingAfterExpiry>::default(),
            Box::<NothingOutlivesItsCall>::default(),
            Box::<OneContactPerTab>::default(),
            Box::<OneStatePerAgent>::default(),
            Box::<NoAgentInTwoCalls>::default(),
            Box::<NoLeadInTwoCalls>::default(),
            Box::<NoDoNotCallNumberDialed>::default(),
            Box::<OneDispositionForEachCall>::default(),
            Box::<CallsPlacedAreAccountedFor>::default(),
            Box::<SessionTimeAddsUp>::default(),
            Box::<DropRateWithinTarget>::default(),
            Box::<NoEventLostAtRest>::default(),
            Box::<EffectsExactlyOnce>::default(),
            Box::<NoForgedEffect>::default(),
        ])
    }

    /// A panel of these witnesses.
    ///
    /// # Panics
    /// If two have the same name.
    pub fn new(witnesses: Vec<Box<dyn Witness>>) -> Panel {
        let mut panel =
            Panel { witnesses: Vec::new(), seeing: Vec::new(), listening: Vec::new(), hearing: Hearing::default() };
        for witness in witnesses {
            panel.add(witness);
        }
        panel
    }

    /// One more witness.
    ///
    /// # Panics
    /// If another one has its name.
    pub fn add(&mut self, witness: Box<dyn Witness>) {
        let name = witness.name();
        assert!(self.witnesses.iter().all(|other| other.name() != name), "two witnesses are called {name}");
        self.witnesses.push(witness);
        self.place_all();
    }

    fn place_all(&mut self) {
        self.seeing = (0..self.witnesses.len()).collect();
        self.listening = self.seeing.clone();
    }

    /// Without the witness of that name, where its rule can't be judged.
    #[must_use]
    pub fn without(mut self, name: &str) -> Panel {
        self.witnesses.retain(|witness| witness.name() != name);
        self.place_all();
        self
    }

    /// Shows a packet to all.
    pub fn packet(&mut self, seen: &PacketSeen<'_>) {
        let Panel { witnesses, seeing, listening, hearing } = self;
        show(seeing, |place| witnesses[place].packet(seen));
        hearing.packet(seen, &mut |sound, around| match sound {
            Sound::Message(heard) => {
                for witness in witnesses.iter_mut() {
                    witness.due(heard.at, around);
                    witness.message(&heard, around);
                }
            }
            Sound::Media(frame) => show(listening, |place| witnesses[place].media(frame, around)),
            Sound::Payload(payload) => {
                for witness in witnesses.iter_mut() {
                    witness.payload(&payload);
                }
            }
            Sound::Check(check) => {
                for witness in witnesses.iter_mut() {
                    witness.check(&check, around);
                }
            }
            Sound::Record(record) => {
                for witness in witnesses.iter_mut() {
                    witness.record(&record, around);
                }
            }
            Sound::Secured(secured) => {
                for witness in witnesses.iter_mut() {
                    witness.secured(&secured, around);
                }
            }
            Sound::Socket(place, change) => {
                for witness in witnesses.iter_mut() {
                    witness.due(place.at, around);
                    witness.socket(&place, change, around);
                }
            }
            Sound::Asked(web) => {
                for witness in witnesses.iter_mut() {
                    witness.due(web.at, around);
                    witness.asked(&web, around);
                }
            }
            Sound::Answered(web) => {
                for witness in witnesses.iter_mut() {
                    witness.answered(&web, around);
                }
            }
            Sound::Screen(screen) => {
                for witness in witnesses.iter_mut() {
                    witness.screen(&screen, around);
                }
            }
            Sound::Knock(knock) => {
                for witness in witnesses.iter_mut() {
                    witness.knock(&knock);
                }
            }
            Sound::Leg(leg, change, at) => {
                for witness in witnesses.iter_mut() {
                    witness.due(at, around);
                    witness.leg(at, leg, change, around);
                }
            }
            Sound::Relay(place, relaying) => {
                for witness in witnesses.iter_mut() {
                    witness.relay(&place, &relaying, around);
                }
            }
        });
    }

    /// Shows an entry of the log to all.
    pub fn event(&mut self, event: &Event, log: &Log) {
        self.due(event.at);
        self.hearing.event(event, log);
        for witness in &mut self.witnesses {
            witness.event(event, log);
        }
    }

    /// Tells all that the run is over.
    pub fn finish(&mut self, at: SimTime) {
        self.due(at);
        for witness in &mut self.witnesses {
            witness.ending(at, &self.hearing.surroundings);
            witness.finish(at);
        }
    }

    fn due(&mut self, now: SimTime) {
        for witness in &mut self.witnesses {
            witness.due(now, &self.hearing.surroundings);
        }
    }

    /// The witnesses, in their order.
    pub fn witnesses(&self) -> impl Iterator<Item = &dyn Witness> {
        self.witnesses.iter().map(|witness| &**witness)
    }

    /// The witness called `name`; `-` stands for `_`.
    pub fn get(&self, name: &str) -> Result<&dyn Witness, UnknownWitness> {
        let plain = name.replace('-', "_");
        self.witnesses()
            .find(|witness| witness.name() == plain)
            .ok_or_else(|| UnknownWitness { name: name.to_owned(), nearest: self.nearest(&plain) })
    }

    /// What the panel says of a scenario whose tags `@breaks:NAME` name these: each of them must be broken, and no
    /// other may be.
    pub fn verdict(&self, breaks: &[String]) -> Result<Verdict, UnknownWitness> {
        let mut wanted = Vec::new();
        for name in breaks {
            wanted.push(self.get(name)?.name());
        }
        let complaints = self.witnesses().filter_map(|witness| {
            let (name, judgement) = (witness.name(), witness.judgement());
            match (wanted.contains(&name), judgement.violations.first()) {
                (true, None) => Some(Complaint::NotBroken { name, judged: judgement.judged }),
                (false, Some(first)) => {
                    let (rule, count) = (witness.rule(), judgement.count());
                    Some(Complaint::Broken { name, rule, first: first.clone(), count })
                }
                _ => None,
            }
        });
        Ok(Verdict { complaints: complaints.collect() })
    }

    /// What every witness says, for the run record.
    pub fn oracles(&self) -> Vec<Oracle> {
        let oracle = |witness: &dyn Witness| {
            let Judgement { judged, violations, unlisted, exemptions } = witness.judgement().clone();
            let (name, rule) = (witness.name().to_owned(), witness.rule().to_owned());
            Oracle { name, rule, judged, violations, unlisted, exemptions }
        };
        self.witnesses().map(oracle).collect()
    }

    /// The names that somebody who wrote `name` may have meant, the likeliest first.
    fn nearest(&self, name: &str) -> Vec<&'static str> {
        let mut near: Vec<(usize, &'static str)> = self
            .witnesses()
            .map(|witness| (edits(name, witness.name()), witness.name()))
            .filter(|(edits, known)| *edits <= known.len() / 3 || (name.len() >= 4 && known.contains(name)))
            .collect();
        near.sort_unstable();
        near.truncate(3);
        near.into_iter().map(|(_, known)| known).collect()
    }
}

/// How many letters must be added, left out or changed to make `b` of `a` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A tag names an invariant that nobody watches over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWitness {
    /// The name.
    pub name: String,
    /// The names that may have been meant, the likeliest first.
    pub nearest: Vec<&'static str>,
}

impl std::error::Error for UnknownWitness {}

impl fmt::Display for UnknownWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no invariant is called {:?}", self.name)?;
        if !self.nearest.is_empty() {
            write!(f, "; did you mean {}?", self.nearest.join(" or "))?;
        }
        Ok(())
    }
}

/// What the panel says: nothing, or its complaints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The complaints, in the witnesses' order.
    pub complaints: Vec<Complaint>,
}

impl Verdict {
    /// True without a complaint.
    pub fn passed(&self) -> bool {
        self.complaints.is_empty()
    }
}

impl fmt::Display for Verdict {
    /// A line a complaint; nothing without any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, complaint) in self.complaints.iter().enumerate() {
            let separator = if place > 0 { "\n" } else { "" };
            write!(f, "{separator}{complaint}")?;
        }
        Ok(())
    }
}

/// A scenario fails for what a witness said, or didn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    /// A rule was broken.
    Broken {
        /// The witness.
        name: &'static str,
        /// Its rule.
        rule: &'static str,
        /// How it was broken first.
        first: Violation,
        /// How often it was broken.
        count: u64,
    },
    /// A rule was to be broken, and wasn't.
    NotBroken {
        /// The witness.
        name: &'static str,
        /// How much it judged.
        judged: u64,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::Broken { name, rule, first, count } => {
                write!(f, "{name} is broken, at {}: {}", first.at, first.what)?;
                match count {
                    1 => {}
                    2 => f.write_str(" (and once more)")?,
                    _ => write!(f, " (and {} times more)", count - 1)?,
                }
                write!(f, "; the rule: {rule}")
            }
            Complaint::NotBroken { name, judged: 0 } => {
                write!(f, "{name} was to be broken, and wasn't: it judged nothing at all")
            }
            Complaint::NotBroken { name, judged } => {
                write!(f, "{name} was to be broken, and held (judged: {judged})")
            }
        }
    }
}
