//! Who challenges.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Algorithm, Answer, Challenge, DigestError};
use crate::sip::{Message, Name, Uri};
use crate::trace::SimTime;
use crate::world::Random;

/// What a server thinks of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It's from who it says.
    Authentic {
        /// Who that is.
        user: String,
    },
    /// It has no credentials for this realm: challenge it.
    Missing,
    /// The password is right, the nonce isn't valid any more, or never was: challenge it and say `stale`.
    Stale,
    /// The password is wrong, or there is no such user.
    Wrong {
        /// Who it says it's from.
        user: String,
    },
    /// That use of the nonce has been made before.
    Replayed {
        /// Who it says it's from.
        user: String,
    },
    /// It can't be judged: a 400 is due.
    Malformed(String),
}

/// The server's side: makes nonces, checks answers.
///
/// Nonces carry their own proof, so that a challenge costs no memory; only a nonce that was used rightly is kept, with
/// its uses, until it's too old. Nobody can forge one: it's signed with a secret drawn at the server's birth, so that a
/// server that was restarted calls its former life's nonces stale.
///
/// ```
/// use busyhour::sip::digest::{Algorithm, Client, Credentials, Server, Verdict};
/// use busyhour::sip::{Message, Method, Name, Writer};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
/// use std::time::Duration;
///
/// let mut server = Server::new("pbx", vec![Algorithm::Sha256], Duration::from_secs(300), Random::stream(1, "server"));
/// let register = |cseq: u32, header: Option<(Name, String)>| {
///     let mut writer = Writer::request(Method::Register, "sip:pbx")
///         .header(Name::Via, "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1")
///         .header(Name::From, "<sip:alice@pbx>;tag=1")
///         .header(Name::To, "<sip:alice@pbx>")
///         .header(Name::CallId, "1")
///         .header(Name::CSeq, format!("{cseq} REGISTER"));
///     if let Some((name, value)) = header {
///         writer = writer.header(name, value);
///     }
///     Message::read(writer.end()).unwrap()
/// };
/// let passwords = |user: &str| (user == "alice").then(|| "secret".to_owned());
///
/// let plain = register(1, None);
/// assert_eq!(server.check(SimTime::ZERO, &plain, passwords), Verdict::Missing);
/// let mut challenge = Writer::answer(&plain, 401, "Unauthorized", Some("2"));
/// for value in server.challenge(SimTime::ZERO, false) {
///     challenge = challenge.header(Name::WwwAuthenticate, value);
/// }
/// let challenge = Message::read(challenge.end()).unwrap();
///
/// let mut alice = Client::new(Credentials { user: "alice".into(), password: "secret".into() });
/// let answer = alice.challenged(&challenge, "REGISTER", "sip:pbx", "0a4f113b".into()).unwrap();
/// let request = register(2, Some(answer));
/// assert_eq!(server.check(SimTime::ZERO, &request, passwords), Verdict::Authentic { user: "alice".into() });
/// assert_eq!(server.check(SimTime::ZERO, &request, passwords), Verdict::Replayed { user: "alice".into() });
/// ```
#[derive(Debug)]
pub struct Server {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonce_lifetime: Duration,
    random: Random,
    secret: String,
    /// The nonces that were used, the oldest first.
    used: BTreeMap<Nonce, Uses>,
}

/// When it was made, and what tells it from others of that moment.
type Nonce = (SimTime, u64);

/// The uses of a nonce: the highest, and which of the 64 up to it. Requests overtake each other on the way.
#[derive(Debug, Default)]
struct Uses {
    highest: u32,
    seen: u64,
}

impl Uses {
    /// True the first time.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = 1u64.checked_shl(self.highest - count).unwrap_or(0);
        let is_first = count > 0 && bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        is_first
    }
}

impl Server {
    /// A server of one realm. It offers the algorithms in that order, and takes no other.
    ///
    /// # Panics
    /// No algorithm is given.
    pub fn new(
        realm: impl Into<String>,
        algorithms: Vec<Algorithm>,
        nonce_lifetime: Duration,
        mut random: Random,
    ) -> Server {
        assert!(!algorithms.is_empty(), "a challenge offers an algorithm at least");
        let secret = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
        Server { realm: realm.into(), algorithms, nonce_lifetime, random, secret, used: BTreeMap::new() }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// What to challenge with: the values of as many WWW-Authenticate or Proxy-Authenticate headers. `stale` tells that
    /// the password was right ([`Verdict::Stale`]).
    pub fn challenge(&mut self, now: SimTime, stale: bool) -> Vec<String> {
        let salt = self.random.next_u64();
        let nonce = self.nonce(now, salt);
        let challenge = |algorithm: &Algorithm| {
            let (realm, nonce) = (self.realm.clone(), nonce.clone());
            Challenge { realm, nonce, opaque: None, algorithm: *algorithm, qop_auth: true, stale }.write()
        };
        self.algorithms.iter().map(challenge).collect()
    }

    fn nonce(&self, made: SimTime, salt: u64) -> String {
        let open = format!("{:016x}{salt:016x}", made.as_nanos());
        let mut signature = Algorithm::Sha256.hash(&[&self.secret, &self.realm, &open]);
        signature.truncate(32);
        open + &signature
    }

    /// What a nonce of ours says.
    fn read_nonce(&self, nonce: &str) -> Option<Nonce> {
        let number = |range| u64::from_str_radix(nonce.get(range)?, 16).ok();
        let (made, salt) = (SimTime(number(0..16)?), number(16..32)?);
        (self.nonce(made, salt) == nonce).then_some((made, salt))
    }

    /// Judges a request by its Authorization or Proxy-Authorization headers.
    pub fn check(&mut self, now: SimTime, request: &Message, password_of: impl Fn(&str) -> Option<String>) -> Verdict {
        let answer = match self.find(request) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Verdict::Missing,
            Err(error) => return Verdict::Malformed(error.to_string()),
        };
        if !self.algorithms.contains(&answer.algorithm) {
            return Verdict::Malformed(format!("{} wasn't offered", answer.algorithm.as_str()));
        }
        if !is_target(&answer.uri, request) {
            return Verdict::Malformed(format!("the credentials are for {}, not for the Request-URI", answer.uri));
        }
        let user = answer.user.clone();
        let due = password_of(&user).map(|password| answer.due_response(&password, request.method().as_str()));
        if due.is_none_or(|due| !due.eq_ignore_ascii_case(&answer.response)) {
            return Verdict::Wrong { user };
        }
        let lives = |&(made, _): &Nonce| made <= now && now < made + self.nonce_lifetime;
        let Some(nonce) = self.read_nonce(&answer.nonce).filter(lives) else { return Verdict::Stale };
        while self.used.first_key_value().is_some_and(|(&(made, _), _)| made + self.nonce_lifetime <= now) {
            self.used.pop_first();
        }
        // Who doesn't count (RFC 2069) can use a nonce once.
        if self.used.entry(nonce).or_default().take(answer.count.unwrap_or(1)) {
            Verdict::Authentic { user }
        } else {
            Verdict::Replayed { user }
        }
    }

    /// How many nonces are remembered.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.used.len()
    }

    /// The credentials for this realm.
    fn find(&self, request: &Message) -> Result<Option<Answer>, DigestError> {
        let mut trouble = None;
        for value in request.all(Name::Authorization).chain(request.all(Name::ProxyAuthorization)) {
            match Answer::read(value) {
                Ok(answer) if answer.realm == self.realm => return Ok(Some(answer)),
                Ok(_) | Err(DigestError::OtherScheme(_)) => {}
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(None), Err)
    }
}

/// The credentials are for where the request goes.
fn is_target(uri: &str, request: &Message) -> bool {
    if uri == request.target() {
        return true;
    }
    match (Uri::read(uri), request.target_uri()) {
        (Ok(uri), Ok(target)) => uri.same_as(&target),
        _ => false,
    }
}
