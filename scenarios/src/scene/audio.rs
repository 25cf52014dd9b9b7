//! Who is heard by whom: judged on the samples that reached a speaker.
//!
//! Everybody speaks a pair of tones of their own into every microphone that they have. Somebody is heard if their tones
//! were there for most of the last half second; a voice that shouldn't be heard is heard if it was there for a tenth.

use std::time::Duration;

use busyhour::trace::SimTime;
use busyhour::world::Host;

use super::Scene;
use super::center::Ear;
use crate::argument::{Agent, Customer, Score, Speaker};
use crate::phrase::{StepFailure, StepResult};
use busyhour::media::cadence;
use busyhour::media::tone::{self, Voice};

/// A check without `within` listens for this long.
const LISTEN: Duration = Duration::from_secs(1);
/// Whether somebody is heard is judged over the last half second...
const WINDOW: Duration = Duration::from_millis(500);
/// ...in pieces of a tenth.
const PIECE: Duration = Duration::from_millis(100);
/// In so many of the five pieces who is heard must be: a lost packet or two tear a hole that nobody minds.
const PIECES_MIN: usize = 3;
/// What was on its way when the step began, in the network and in jitter buffers, is over after this.
const DRAIN: Duration = Duration::from_millis(300);

/// What went into somebody's ears between two moments: each of the devices that they have.
fn pieces(ear: &Ear, from: SimTime, to: SimTime) -> impl Iterator<Item = Vec<i16>> {
    let of_host = move |host: &Host| {
        let room = host.room();
        let mut pieces = Vec::new();
        let mut at = from;
        while at + PIECE <= to {
            // Nobody asks for what is longer ago than a room remembers: ten seconds.
            pieces.push(room.heard(at, at + PIECE).unwrap_or_default());
            at += PIECE;
        }
        pieces
    };
    ear.hosts.iter().flat_map(of_host).collect::<Vec<_>>().into_iter()
}

/// True if that voice was in somebody's ear for most of that time.
fn is_heard(ear: &Ear, voice: Voice, from: SimTime, to: SimTime) -> bool {
    let with = pieces(ear, from, to).filter(|piece| !tone::present(piece, &[voice]).is_empty()).count();
    with >= PIECES_MIN
}

/// Which of these voices were in somebody's ear at all.
fn ever_heard(ear: &Ear, voices: &[Voice], from: SimTime, to: SimTime) -> Vec<Voice> {
    let mut heard: Vec<Voice> = ear
        .hosts
        .iter()
        .flat_map(|host| tone::ever(&host.room().heard(from, to).unwrap_or_default(), voices))
        .collect();
    heard.sort_unstable();
    heard.dedup();
    heard
}

impl Scene {
    /// Who is meant: an agent or several, a customer.
    fn ears(&mut self, who: &Speaker) -> Result<Vec<Ear>, StepFailure> {
        self.center()?.open();
        match who {
            Speaker::Agent(agent) => {
                let names: Vec<String> = self.agents(agent)?.into_iter().map(|agent| agent.name).collect();
                let everybody = self.center()?.everybody();
                Ok(everybody.into_iter().filter(|ear| names.contains(&ear.name)).collect())
            }
            Speaker::Customer(customer) => {
                let center = self.center()?;
                let number = center.number_of(customer)?;
                Ok(vec![center.customers_ear(&number)])
            }
        }
    }

    /// An agent who is named before the customer, `alice and the customer`, says whose customer that is, in either order.
    fn name_agents_first(&mut self, who: [&Speaker; 2]) -> StepResult {
        for speaker in who {
            if let Speaker::Agent(agent @ Agent::Named(_)) = speaker {
                self.agents(agent)?;
            }
        }
        Ok(())
    }

    /// One hears the other.
    pub(crate) async fn hears(&mut self, who: &Speaker, whom: &Speaker, within: Option<Duration>) -> StepResult {
        self.name_agents_first([whom, who])?;
        let (ears, voices) = (self.ears(who)?, self.ears(whom)?);
        let pairs = pairs(&ears, &voices);
        self.listen(&pairs, &[], within).await
    }

    /// Each hears the other, and neither hears anybody else.
    pub(crate) async fn hear_each_other(&mut self, a: &Speaker, b: &Speaker, within: Option<Duration>) -> StepResult {
        self.name_agents_first([a, b])?;
        let (a, b) = (self.ears(a)?, self.ears(b)?);
        let mut all = pairs(&a, &b);
        all.extend(pairs(&b, &a));
        if all.is_empty() {
            return Err(StepFailure::because("somebody hears somebody else: name two"));
        }
        let everybody = self.center()?.everybody();
        self.listen(&all, &everybody, within).await
    }

    /// Waits until each first one hears the second; of `strangers` they may hear only those whom they should.
    async fn listen(&mut self, pairs: &[(Ear, Ear)], strangers: &[Ear], within: Option<Duration>) -> StepResult {
        let began = self.universe.now();
        let deadline = began + within.unwrap_or(LISTEN).max(LISTEN);
        attend(deadline);
        loop {
            self.universe.sleep(PIECE).await;
            let now = self.universe.now();
            // Before half a second is over there's nothing to judge: what was heard before the step doesn't count.
            if now.since(began) < WINDOW {
                continue;
            }
            let from = SimTime(now.0 - u64::try_from(WINDOW.as_nanos()).unwrap_or(0));
            let deaf: Vec<&(Ear, Ear)> =
                pairs.iter().filter(|(ear, other)| !is_heard(ear, other.voice, from, now)).collect();
            let intruders = intruders(pairs, strangers, from, now);
            if deaf.is_empty() && intruders.is_empty() {
                return Ok(());
            }
            if now >= deadline {
                let wanted = pairs.iter().map(|(ear, other)| format!("{} hears {}", ear.name, other.name));
                let seen = deaf.iter().map(|(ear, other)| {
                    format!("{} doesn't hear {}{}", ear.name, other.name, self.heard_instead(ear, from, now))
                });
                let seen: Vec<String> = seen.chain(intruders).collect();
                return Err(StepFailure::differs(wanted.collect::<Vec<_>>().join(", "), seen.join(", ")));
            }
        }
    }

    fn heard_instead(&self, ear: &Ear, from: SimTime, to: SimTime) -> String {
        let everybody = self.center.as_ref().map(|center| center.everybody()).unwrap_or_default();
        let voices: Vec<Voice> = everybody.iter().map(|one| one.voice).collect();
        let heard = ever_heard(ear, &voices, from, to);
        let names: Vec<&str> =
            everybody.iter().filter(|one| heard.contains(&one.voice)).map(|one| one.name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(" but {}", names.join(" and ")) }
    }

    /// One doesn't hear the other.
    pub(crate) async fn does_not_hear(
        &mut self,
        who: &Speaker,
        whom: &Speaker,
        within: Option<Duration>,
    ) -> StepResult {
        self.name_agents_first([whom, who])?;
        let (ears, others) = (self.ears(who)?, self.ears(whom)?);
        self.silence(&ears, &others, within).await
    }

    /// Somebody hears no voice for a second.
    pub(crate) async fn hears_nobody(&mut self, who: &Speaker, within: Option<Duration>) -> StepResult {
        let ears = self.ears(who)?;
        let everybody = self.center()?.everybody();
        self.silence(&ears, &everybody, within).await
    }

    /// Waits for a second in which none of these ears hears any of those voices.
    async fn silence(&mut self, ears: &[Ear], voices: &[Ear], within: Option<Duration>) -> StepResult {
        let began = self.universe.now();
        let first = began + DRAIN;
        let deadline = began + within.unwrap_or(Duration::ZERO).max(DRAIN + LISTEN);
        attend(deadline);
        self.universe.sleep(DRAIN).await;
        let mut quiet_since = first;
        let mut last = Vec::new();
        loop {
            self.universe.sleep(PIECE).await;
            let now = self.universe.now();
            let from = SimTime(now.0 - u64::try_from(PIECE.as_nanos()).unwrap_or(0));
            let heard = ears.iter().flat_map(|ear| voices.iter().map(move |other| (ear, other)));
            let heard: Vec<String> = heard
                .filter(|(ear, other)| ear.name != other.name)
                .filter(|(ear, other)| !ever_heard(ear, &[other.voice], from, now).is_empty())
                .map(|(ear, other)| format!("{} hears {}", ear.name, other.name))
                .collect();
            if !heard.is_empty() {
                (quiet_since, last) = (now, heard);
            }
            if now.since(quiet_since) >= LISTEN {
                return Ok(());
            }
            if now >= deadline {
                let who: Vec<&str> = ears.iter().map(|ear| ear.name.as_str()).collect();
                let whom = match voices {
                    [one] => one.name.as_str(),
                    _ => "any voice",
                };
                return Err(StepFailure::differs(
                    format!("a second in which {} doesn't hear {whom}", who.join(" and ")),
                    last.join(", "),
                ));
            }
        }
    }

    /// How good the audio is that somebody hears.
    pub(crate) async fn scores(&mut self, who: &Agent, score: Score) -> StepResult {
        for agent in self.agents(who)? {
            let stats = agent.devices.iter().filter_map(|device| device.phone.audio()).find(|stats| stats.received > 0);
            let Some(stats) = stats else {
                return Err(StepFailure::because(format!("{} has heard no audio: {}", agent.name, agent.seen())));
            };
            if !score.admits(stats.mos_heard) {
                return Err(StepFailure::differs(format!("a score of {score}"), format!("{:.2}", stats.mos_heard)));
            }
        }
        Ok(())
    }

    /// The digits that somebody received in the last call are those.
    pub(crate) async fn received_digits(
        &mut self,
        who: &Speaker,
        digits: &str,
        within: Option<Duration>,
    ) -> StepResult {
        let received: Box<dyn Fn() -> String> = match who {
            Speaker::Agent(agent) => {
                let agents = self.agents(agent)?;
                let devices: Vec<_> = agents.into_iter().flat_map(|agent| agent.devices).collect();
                Box::new(move || {
                    let received = devices.iter().map(|device| device.phone.digits_received());
                    received.filter(|digits| !digits.is_empty()).collect::<Vec<_>>().join(" and ")
                })
            }
            Speaker::Customer(customer) => {
                let number = self.number_at_the_carrier(customer)?;
                let carrier = self.center()?.carrier();
                Box::new(move || carrier.digits_received(&number))
            }
        };
        if super::wait_until(&self.universe, within, || received() == digits).await {
            return Ok(());
        }
        let seen = received();
        let seen = if seen.is_empty() { "no digits".to_owned() } else { format!("{seen:?}") };
        Err(StepFailure::differs(format!("the digits {digits:?}"), seen))
    }

    fn number_at_the_carrier(&mut self, customer: &Customer) -> Result<String, StepFailure> {
        self.center()?.number_of(customer)
    }
}

/// Every frame of every call flows until then, and a little longer.
fn attend(until: SimTime) {
    cadence::attend(until + LISTEN);
}

/// Who should hear whom: everybody of the first everybody of the second, nobody themselves.
fn pairs(ears: &[Ear], others: &[Ear]) -> Vec<(Ear, Ear)> {
    let all = ears.iter().flat_map(|ear| others.iter().map(move |other| (ear.clone(), other.clone())));
    all.filter(|(ear, other)| ear.name != other.name).collect()
}

/// Whom somebody hears whom they shouldn't, themselves among them: an echo is nobody's voice to hear.
fn intruders(pairs: &[(Ear, Ear)], strangers: &[Ear], from: SimTime, to: SimTime) -> Vec<String> {
    let mut ears: Vec<&Ear> = Vec::new();
    for (ear, _) in pairs {
        if !ears.iter().any(|known| known.name == ear.name) {
            ears.push(ear);
        }
    }
    let mut intruders = Vec::new();
    for ear in ears {
        let welcome = |voice: Voice| pairs.iter().any(|(one, other)| one.name == ear.name && other.voice == voice);
        for stranger in strangers.iter().filter(|stranger| !welcome(stranger.voice)) {
            if !ever_heard(ear, &[stranger.voice], from, to).is_empty() {
                intruders.push(format!("{} hears {} too", ear.name, stranger.name));
            }
        }
    }
    intruders
}
