//! Who is challenged.

use super::{Answer, Challenge, Credentials};
use crate::sip::{Message, Name};

/// So many times in a row a nonce may be called stale that was given a moment ago.
const STALE_AT_MOST: u32 = 3;

/// Why there's no answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hopeless {
    /// The answer to the challenge before was refused: user or password are wrong.
    #[error("the server refuses the password of {user:?} in the realm {realm:?}")]
    WrongPassword {
        /// Whose.
        user: String,
        /// Where.
        realm: String,
    },
    /// Each nonce is stale as soon as it's given.
    #[error("the server calls each nonce stale that it has just given")]
    EverStale,
    /// There's no challenge in the response, or none that can be answered.
    #[error("the response has no challenge that is known here: {0}")]
    NoneKnown(String),
}

/// The client's memory: answers challenges, and has the next requests go with the same nonce, counted.
///
/// Whoever uses it asks for [`Client::authorize`] before each request, and calls [`Client::challenged`] when one was
/// answered by 401 or 407; it's then sent again, with the next CSeq number, as RFC 3261 has it (section 22.2).
#[derive(Debug)]
pub struct Client {
    credentials: Credentials,
    session: Option<Session>,
    answered: Option<Answered>,
}

#[derive(Debug)]
struct Session {
    challenge: Challenge,
    name: Name,
    cnonce: String,
    count: u32,
}

/// The request whose challenge was answered last: if its repetition is challenged too, the answer was refused.
#[derive(Debug)]
struct Answered {
    call_id: String,
    number: u32,
    stale_in_a_row: u32,
}

impl Client {
    /// It has answered nothing yet.
    pub fn new(credentials: Credentials) -> Client {
        Client { credentials, session: None, answered: None }
    }

    /// Whose credentials these are.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The header that [`Client::authorize`] gives the value of: Authorization or Proxy-Authorization.
    pub fn header(&self) -> Option<Name> {
        self.session.as_ref().map(|session| session.name)
    }

    /// The value of the header that a request should go with, once a challenge was answered. The body isn't protected:
    /// `auth-int` isn't spoken here.
    pub fn authorize(&mut self, method: &str, uri: &str, _body: &[u8]) -> Option<String> {
        let session = self.session.as_mut()?;
        session.count = session.count.checked_add(1)?;
        let Session { challenge, cnonce, count, .. } = session;
        let mut answer = Answer {
            user: self.credentials.user.clone(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            response: String::new(),
            algorithm: challenge.algorithm,
            cnonce: (challenge.qop_auth || challenge.algorithm.is_sess()).then(|| cnonce.clone()),
            opaque: challenge.opaque.clone(),
            count: challenge.qop_auth.then_some(*count),
        };
        answer.response = answer.due_response(&self.credentials.password, method);
        Some(answer.write())
    }

    /// Answers the challenge of a 401 or 407: the header to send the request again with. Of several challenges the
    /// strongest is answered that is known here, of equals the first (RFC 8760 section 2.4 has servers put what they
    /// like best first).
    ///
    /// # Errors
    /// There's no sense in sending it again.
    pub fn challenged(
        &mut self,
        response: &Message,
        method: &str,
        uri: &str,
        cnonce: String,
    ) -> Result<(Name, String), Hopeless> {
        let (asks, name) = match response.status() {
            Some(407) => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => (Name::WwwAuthenticate, Name::Authorization),
        };
        let challenge = strongest(response, asks)?;
        let call_id = response.call_id().unwrap_or_default();
        let number = response.cseq().map_or(0, |cseq| cseq.number);
        let is_same_nonce = self.session.as_ref().is_some_and(|session| session.challenge.nonce == challenge.nonce);
        // Other requests with the same Call-ID may have taken the next numbers.
        let answered = self.answered.take().filter(|before| {
            before.call_id == call_id && (number == before.number + 1 || is_same_nonce && number > before.number)
        });
        let mut stale_in_a_row = 0;
        if let Some(before) = &answered {
            if !challenge.stale {
                let user = self.credentials.user.clone();
                self.session = None;
                return Err(Hopeless::WrongPassword { user, realm: challenge.realm });
            }
            stale_in_a_row = before.stale_in_a_row + 1;
            if stale_in_a_row > STALE_AT_MOST {
                self.session = None;
                return Err(Hopeless::EverStale);
            }
        }
        self.answered = Some(Answered { call_id: call_id.to_owned(), number, stale_in_a_row });
        // Each use of a nonce has a number of its own, whatever request it's for.
        let count = self.session.as_ref().filter(|_| is_same_nonce).map_or(0, |session| session.count);
        self.session = Some(Session { challenge, name, cnonce, count });
        let value = self.authorize(method, uri, b"");
        value.map(|value| (name, value)).ok_or_else(|| Hopeless::NoneKnown("its nonce is used up".to_owned()))
    }
}

/// The challenge that is best answered.
fn strongest(response: &Message, asks: Name) -> Result<Challenge, Hopeless> {
    let mut best: Option<Challenge> = None;
    let mut why = format!("it has no {}", asks.as_str());
    for value in response.all(asks) {
        match Challenge::read(value) {
            Ok(one) if best.as_ref().is_none_or(|best| strength(&one) > strength(best)) => best = Some(one),
            Ok(_) => {}
            Err(error) => why = error.to_string(),
        }
    }
    best.ok_or(Hopeless::NoneKnown(why))
}

fn strength(challenge: &Challenge) -> (bool, bool) {
    let is_sha = matches!(challenge.algorithm, super::Algorithm::Sha256 | super::Algorithm::Sha256Sess);
    (is_sha, challenge.qop_auth)
}
