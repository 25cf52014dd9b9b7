//! Customers: people and machines at the other end of the carrier, and what they do when they're called.

use std::time::Duration;

use crate::world::audio::{RATE, Sound};

/// What a customer does when she's called, and in the call.
///
/// ```
/// use std::time::Duration;
/// use busyhour::pbx::customer::{Behaviour, Reaction};
///
/// let busy = Behaviour::busy();
/// let brief = Behaviour::answers_after(Duration::from_secs(3)).talking_for(Duration::from_secs(10));
/// assert_eq!(busy.reaction, Reaction::Refuses(busyhour::pbx::customer::Refusal::BUSY));
/// assert_eq!(brief.talks_for, Some(Duration::from_secs(10)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// What she does when she's called.
    pub reaction: Reaction,
    /// How long she talks before she hangs up; until the other side hangs up, if nothing is said.
    pub talks_for: Option<Duration>,
    /// What is heard before she answers or the call is refused, if anything is: a carrier plays it.
    pub early_media: Option<EarlyMedia>,
    /// How long she waits for an answer when she calls; as long as it takes, if nothing is said.
    pub waits_for: Option<Duration>,
}

/// What comes of a call to a customer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// She answers, so long after the call has reached the carrier.
    Answers {
        /// So long after.
        after: Duration,
    },
    /// It rings until the caller gives up.
    NeverAnswers,
    /// It rings, and she declines the call so long after it has reached the carrier.
    Declines {
        /// So long after.
        after: Duration,
    },
    /// It's refused without ringing.
    Refuses(Refusal),
    /// A machine answers: a greeting, a beep, and then it records until it's full.
    AnsweringMachine,
}

/// How a call is refused: the SIP status, and the cause in the telephone network (ITU-T Q.850) that it stands for
/// (RFC 3398 section 7.2.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The cause, as a Reason header names it (RFC 3326).
    pub cause: u8,
}

/// Every cause that a refusal of ours stands for, with its name in Q.850.
const CAUSES: [(u16, u8, &str); 12] = [
    (404, 1, "Unallocated (unassigned) number"),
    (486, 17, "User busy"),
    (480, 18, "No user responding"),
    (603, 21, "Call rejected"),
    (403, 21, "Call rejected"),
    (410, 22, "Number changed"),
    (502, 27, "Destination out of order"),
    (484, 28, "Invalid number format (address incomplete)"),
    (503, 34, "No circuit/channel available"),
    (500, 41, "Temporary failure"),
    (488, 65, "Bearer capability not implemented"),
    (504, 102, "Recovery on timer expiry"),
];

impl Refusal {
    /// The line is busy.
    pub const BUSY: Refusal = Refusal { status: 486, cause: 17 };
    /// She pressed the red button: the network knows that it was she, so it's 603 and not 403.
    pub const DECLINED: Refusal = Refusal { status: 603, cause: 21 };
    /// Nobody has that number.
    pub const UNALLOCATED: Refusal = Refusal { status: 404, cause: 1 };
    /// That's no number.
    pub const NO_NUMBER: Refusal = Refusal { status: 484, cause: 28 };
    /// The carrier has no line left.
    pub const CONGESTION: Refusal = Refusal { status: 503, cause: 34 };
    /// No codec is shared.
    pub const NO_CODEC: Refusal = Refusal { status: 488, cause: 65 };

    /// The refusal with that status.
    ///
    /// # Panics
    /// It refuses nothing.
    pub fn with_status(status: u16) -> Refusal {
        assert!((300..700).contains(&status), "{status} refuses no call");
        let known = CAUSES.iter().find(|(known, ..)| *known == status);
        // 127: Q.850 leaves what's meant to whoever says it.
        Refusal { status, cause: known.map_or(127, |(_, cause, _)| *cause) }
    }

    /// As a Reason header has it.
    pub fn reason(self) -> String {
        reason(self.cause)
    }
}

/// A Reason header's value for a Q.850 cause.
pub(super) fn reason(cause: u8) -> String {
    let name = match cause {
        16 => "Normal call clearing",
        _ => CAUSES.iter().find(|(_, known, _)| *known == cause).map_or("Interworking, unspecified", |(.., name)| name),
    };
    format!("Q.850;cause={cause};text=\"{name}\"")
}

/// What the network plays before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyMedia {
    /// The tone that says it rings.
    Ringback,
    /// Somebody says why the call can't be put through; then it's refused, where it is refused.
    Announcement,
}

/// How long an announcement takes.
pub const ANNOUNCEMENT: Duration = Duration::from_secs(4);

impl EarlyMedia {
    /// What is heard. No voice: its tones lie under the lowest of theirs, so nobody takes it for somebody.
    pub fn sound(self) -> Sound {
        match self {
            EarlyMedia::Ringback => Sound::Tones { hz: [340.0, 380.0], level: 0.1 },
            EarlyMedia::Announcement => Sound::Tones { hz: [200.0, 240.0], level: 0.1 },
        }
    }
}

/// How an answering machine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweringMachine {
    /// How long it rings first.
    pub answers_after: Duration,
    /// How long it greets.
    pub greets_for: Duration,
    /// How long it beeps.
    pub beeps_for: Duration,
    /// How long it records before it hangs up.
    pub records_for: Duration,
}

impl Default for AnsweringMachine {
    fn default() -> AnsweringMachine {
        AnsweringMachine {
            answers_after: Duration::from_secs(4),
            greets_for: Duration::from_secs(8),
            beeps_for: Duration::from_millis(500),
            records_for: Duration::from_secs(60),
        }
    }
}

/// A machine's beep: above every voice.
pub const BEEP_HZ: f64 = 3_500.0;
/// A machine's greeting: under every voice, as it's nobody's own.
pub const GREETING_HZ: [f64; 2] = [240.0, 280.0];

impl AnsweringMachine {
    /// How long it's on the line.
    pub fn talks_for(self) -> Duration {
        self.greets_for + self.beeps_for + self.records_for
    }

    /// The greeting and the beep, and silence from then on.
    pub fn sound(self) -> Sound {
        let samples = |time: Duration| (time.as_millis() as usize) * RATE as usize / 1_000;
        let (greeting, beep) = (samples(self.greets_for), samples(self.beeps_for));
        let mut recording = vec![0; greeting + beep];
        Sound::Tones { hz: GREETING_HZ, level: 0.1 }.fill(0, &mut recording[..greeting]);
        Sound::Tones { hz: [BEEP_HZ; 2], level: 0.1 }.fill(0, &mut recording[greeting..]);
        Sound::Recording(recording.into())
    }
}

impl Default for Behaviour {
    /// She answers after two seconds, and talks until she's hung up on.
    fn default() -> Behaviour {
        Behaviour::answers_after(Duration::from_secs(2))
    }
}

impl Behaviour {
    fn reacting(reaction: Reaction) -> Behaviour {
        Behaviour { reaction, talks_for: None, early_media: None, waits_for: None }
    }

    /// She answers, so long after the call has reached the carrier.
    pub fn answers_after(after: Duration) -> Behaviour {
        Behaviour::reacting(Reaction::Answers { after })
    }

    /// She's on the phone already.
    pub fn busy() -> Behaviour {
        Behaviour::reacting(Reaction::Refuses(Refusal::BUSY))
    }

    /// It rings until the caller gives up.
    pub fn never_answers() -> Behaviour {
        Behaviour::reacting(Reaction::NeverAnswers)
    }

    /// It rings, and two seconds after she's called she presses the red button.
    pub fn rejects() -> Behaviour {
        Behaviour::reacting(Reaction::Declines { after: Duration::from_secs(2) })
    }

    /// She has a machine that answers.
    pub fn answering_machine() -> Behaviour {
        Behaviour::reacting(Reaction::AnsweringMachine)
    }

    /// Nobody has that number any more.
    pub fn disconnected() -> Behaviour {
        Behaviour::reacting(Reaction::Refuses(Refusal::UNALLOCATED))
    }

    /// There's no line to her left.
    pub fn congested() -> Behaviour {
        Behaviour::reacting(Reaction::Refuses(Refusal::CONGESTION))
    }

    /// The same, and she hangs up when she has talked for so long.
    #[must_use]
    pub fn talking_for(mut self, time: Duration) -> Behaviour {
        self.talks_for = Some(time);
        self
    }

    /// The same, and the carrier lets the caller hear something before there's an answer (183 with a session).
    #[must_use]
    pub fn with_early_media(mut self, media: EarlyMedia) -> Behaviour {
        self.early_media = Some(media);
        self
    }

    /// The same, and when she calls she gives up after ringing for so long.
    #[must_use]
    pub fn waiting_for(mut self, time: Duration) -> Behaviour {
        self.waits_for = Some(time);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::audio::goertzel;

    #[test]
    fn each_refusal_names_the_cause_that_it_stands_for() {
        assert_eq!(Refusal::with_status(503), Refusal::CONGESTION);
        assert_eq!(Refusal::with_status(404), Refusal::UNALLOCATED);
        assert_eq!(Refusal::with_status(486).reason(), "Q.850;cause=17;text=\"User busy\"");
        assert_eq!(Refusal::with_status(600).reason(), "Q.850;cause=127;text=\"Interworking, unspecified\"");
        assert_eq!(reason(16), "Q.850;cause=16;text=\"Normal call clearing\"");
    }

    #[test]
    fn a_machine_greets_for_eight_seconds_beeps_and_is_silent() {
        let machine = AnsweringMachine::default();
        let mut samples = vec![0; 9 * RATE as usize];
        machine.sound().fill(0, &mut samples);
        let heard = |from_ms: usize, hz: f64| goertzel(&samples[from_ms * 8..from_ms * 8 + 800], hz) > 0.001;
        assert!(heard(0, 240.0) && heard(7_900, 280.0) && !heard(8_000, 240.0));
        assert!(!heard(7_900, BEEP_HZ) && heard(8_000, BEEP_HZ) && heard(8_400, BEEP_HZ));
        assert!(samples[8_500 * 8..].iter().all(|sample| *sample == 0));
        assert_eq!(machine.talks_for(), Duration::from_millis(68_500));
    }
}
