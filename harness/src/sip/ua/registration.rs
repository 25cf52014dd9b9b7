//! Keeping a binding at a registrar (RFC 3261 10.2, RFC 5626).

use std::time::Duration;

use super::super::{Flow, Message, Name, Uri};
use super::outgoing::RequestMethod;
use super::{Failure, Request};
use crate::trace::SimTime;
use crate::world::Random;

/// After a failure the first wait is up to this (RFC 5626 4.5).
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// And none is longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);
/// A refresh that meets a deaf network fails after 32 s. Begun that much before the end, and a little more, another
/// one can still be in time.
const ONE_FAILURE: Duration = Duration::from_secs(37);

/// What is registered where.
#[derive(Debug, Clone)]
pub struct RegistrationSettings {
    /// The address of record: `sip:alice@pbx.test`.
    pub aor: String,
    /// The registrar: `sip:pbx.test`.
    pub registrar: String,
    /// The binding, a URI: `sip:alice@10.0.0.5:5060`.
    pub contact: String,
    /// For how long, each time.
    pub expires: Duration,
    /// What tells this device from the user's others whatever its address is (RFC 5626): a URN. The registrar replaces
    /// the binding of the same device instead of adding one.
    pub instance: Option<String>,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// Nobody asked for it, or it was taken back.
    Unregistered,
    /// It's on its way.
    Registering,
    /// It's there, up to that time.
    Registered {
        /// When the binding expires, if it isn't refreshed.
        until: SimTime,
    },
    /// The registrar refused with that status. It isn't tried again until somebody asks for it.
    Refused(u16),
    /// The registrar couldn't be reached, or has trouble: it's tried again at that time.
    Failed {
        /// When.
        again_at: SimTime,
    },
}

/// A binding that is kept alive.
#[derive(Debug)]
pub struct Registration {
    settings: RegistrationSettings,
    state: RegistrationState,
    call_id: String,
    cseq: u32,
    wanted: bool,
    /// A request is on its way: with what expiry.
    asked: Option<Duration>,
    due: Option<SimTime>,
    failures: u32,
}

impl Registration {
    /// A registration that nobody has asked for yet.
    pub fn new(settings: RegistrationSettings, random: &mut Random) -> Registration {
        Registration {
            settings,
            state: RegistrationState::Unregistered,
            call_id: format!("{:016x}", random.next_u64()),
            cseq: 1,
            wanted: false,
            asked: None,
            due: None,
            failures: 0,
        }
    }

    /// How it stands.
    pub fn state(&self) -> RegistrationState {
        self.state
    }

    /// True if there is a binding that hasn't expired, as far as we know.
    pub fn is_registered(&self, now: SimTime) -> bool {
        matches!(self.state, RegistrationState::Registered { until } if until > now)
    }

    /// From now on there should be a binding.
    pub fn register(&mut self, now: SimTime) {
        self.wanted = true;
        self.failures = 0;
        self.due = Some(now);
        if !self.is_registered(now) {
            self.state = RegistrationState::Registering;
        }
    }

    /// From now on there should be none.
    pub fn unregister(&mut self, now: SimTime) {
        self.wanted = false;
        self.due = Some(now);
    }

    /// The binding is another one now: the address has changed, or the registrar's.
    pub fn set_contact(&mut self, now: SimTime, contact: impl Into<String>) {
        self.settings.contact = contact.into();
        if self.wanted {
            self.due = Some(now);
        }
    }

    /// The next refresh asks for this long.
    pub fn set_expires(&mut self, expires: Duration) {
        self.settings.expires = expires;
    }

    /// When [`Registration::next`] will have something.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        if self.asked.is_some() { None } else { self.due }
    }

    /// The request that's due, if one is. Its outcome belongs to [`Registration::answered`].
    pub fn next(&mut self, now: SimTime, flow: Flow) -> Option<Request> {
        if self.asked.is_some() || self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        let expires = if self.wanted { self.settings.expires } else { Duration::ZERO };
        self.asked = Some(expires);
        let instance = self.settings.instance.as_ref().map(|urn| format!(";+sip.instance=\"<{urn}>\";reg-id=1"));
        let contact = format!("<{}>{}", self.settings.contact, instance.clone().unwrap_or_default());
        let mut headers = vec![
            ("Contact".to_owned(), contact),
            ("Expires".to_owned(), expires.as_secs().to_string()),
            ("Allow".to_owned(), super::ALLOW.to_owned()),
        ];
        if instance.is_some() {
            headers.push(("Supported".to_owned(), "path, outbound".to_owned()));
        }
        let aor = format!("<{}>", self.settings.aor);
        Some(Request {
            method: RequestMethod::Register,
            target: self.settings.registrar.clone(),
            to: aor.clone(),
            from: aor,
            flow,
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            headers,
            body: None,
        })
    }

    /// What became of the request.
    pub fn answered(&mut self, now: SimTime, outcome: &Result<Message, Failure>, random: &mut Random) {
        let Some(asked) = self.asked.take() else { return };
        let number = outcome.as_ref().ok().and_then(|response| response.cseq().ok()).map(|cseq| cseq.number);
        // Without an answer nobody knows how often it was repeated with credentials.
        self.cseq = number.map_or(self.cseq + 10, |number| number + 1);
        match outcome {
            Ok(response) => match response.status().unwrap_or(500) {
                200..=299 if asked.is_zero() => {
                    self.state = RegistrationState::Unregistered;
                    self.failures = 0;
                }
                200..=299 => match self.granted(response) {
                    Some(expires) if !expires.is_zero() => {
                        self.failures = 0;
                        self.state = RegistrationState::Registered { until: now + expires };
                        self.schedule(now + (expires - margin(expires)));
                    }
                    _ => self.fail(now, random, None),
                },
                423 => match response.first(Name::MinExpires).and_then(|value| value.trim().parse().ok()) {
                    Some(seconds) if Duration::from_secs(seconds) > asked => {
                        self.settings.expires = Duration::from_secs(seconds);
                        self.schedule(now);
                    }
                    _ => self.refuse(423),
                },
                status @ (408 | 430 | 480 | 500..=599) => {
                    let _ = status;
                    let wait = response
                        .first(Name::RetryAfter)
                        .and_then(|value| value.split([';', ' ', '(']).next().and_then(|seconds| seconds.parse().ok()));
                    self.fail(now, random, wait.map(Duration::from_secs));
                }
                status => self.refuse(status),
            },
            Err(_) => self.fail(now, random, None),
        }
        if !self.wanted && !asked.is_zero() {
            // Somebody changed their mind while it was on its way.
            self.due = Some(now);
        }
    }

    /// How long the registrar keeps our binding.
    fn granted(&self, response: &Message) -> Option<Duration> {
        let ours = Uri::read(&self.settings.contact).ok()?;
        let contacts = response.contacts().ok()?;
        let contact = contacts.iter().find(|contact| contact.uri.same_as(&ours))?;
        let seconds = match contact.params.value("expires") {
            Some(value) => value.parse().ok()?,
            None => response.expires().ok()??,
        };
        Some(Duration::from_secs(u64::from(seconds)))
    }

    fn schedule(&mut self, at: SimTime) {
        if self.due.is_none_or(|due| due > at) {
            self.due = Some(at);
        }
    }

    fn refuse(&mut self, status: u16) {
        self.state = RegistrationState::Refused(status);
    }

    /// Waits longer after each failure, and not as long as everybody else (RFC 5626 4.5).
    fn fail(&mut self, now: SimTime, random: &mut Random, wait: Option<Duration>) {
        let longest = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.failures += 1;
        let wait = wait.unwrap_or_else(|| longest.mul_f64(0.5 + 0.5 * random.unit()));
        // A whole millisecond, as timers keep it.
        let again_at = now + Duration::from_millis(wait.as_millis() as u64);
        self.state = RegistrationState::Failed { again_at };
        if self.wanted {
            self.schedule(again_at);
        }
    }
}

/// How long before its end a binding is refreshed.
fn margin(expires: Duration) -> Duration {
    (expires / 5).max(ONE_FAILURE.min(expires / 2))
}
