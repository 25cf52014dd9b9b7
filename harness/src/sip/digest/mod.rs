//! Digest authentication (RFC 7616 as RFC 8760 brings it to SIP, with RFC 3261 section 22): MD5 and SHA-256, their
//! session variants, `qop=auth`.
//!
//! A [`Client`] answers challenges and goes on with the nonce that it got; a [`Server`] challenges and checks. Both are
//! sans-I/O (law 2).

mod client;
mod fields;
mod server;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use fields::{Fields, bare, quote};

pub use client::{Client, Hopeless};
pub use server::{Server, Verdict};

/// How an answer is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 2617's.
    Md5,
    /// With a secret that holds for a session.
    Md5Sess,
    /// RFC 8760's.
    Sha256,
    /// With a secret that holds for a session.
    Sha256Sess,
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess];

    /// As headers say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// The algorithm of that name, in either case.
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    fn is_sess(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess)
    }

    /// The hash, in hexadecimal digits, of the parts with a colon between each two.
    fn hash(self, parts: &[&str]) -> String {
        let joined = parts.join(":");
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hex(&Md5::digest(joined)),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&Sha256::digest(joined)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits make one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Who one is, and how one proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name at the server.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl Credentials {
    /// What stands for the password in every proof of it (RFC 7616 3.4.2, A1 hashed): whoever has it needs no password.
    ///
    /// ```
    /// use busyhour::sip::digest::{Algorithm, Credentials};
    ///
    /// let mufasa = Credentials { user: "Mufasa".into(), password: "Circle Of Life".into() };
    /// assert_eq!(mufasa.ha1(Algorithm::Md5, "testrealm@host.com"), "939e7578ed9e3c518a452acee763bce9");
    /// ```
    pub fn ha1(&self, algorithm: Algorithm, realm: &str) -> String {
        algorithm.hash(&[&self.user, realm, &self.password])
    }
}

impl std::fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a digest header can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Basic, Bearer and the like.
    #[error("the scheme is `{0}`, not Digest")]
    OtherScheme(String),
    /// It isn't a list of parameters.
    #[error("at byte {offset} there should be {wanted}")]
    Syntax {
        /// What was expected.
        wanted: &'static str,
        /// Where, counted from the header value's first byte.
        offset: usize,
    },
    /// A parameter is there twice.
    #[error("the parameter `{0}` is there twice")]
    Twice(String),
    /// A parameter isn't there.
    #[error("the parameter `{0}` is missing")]
    Without(&'static str),
    /// One that nobody here can compute.
    #[error("the algorithm `{0}` isn't known")]
    Algorithm(String),
    /// Protection of the body, for instance.
    #[error("the quality of protection `{0}` isn't known")]
    Qop(String),
    /// A nonce count of other than eight hexadecimal digits.
    #[error("the nonce count `{0}` isn't eight hexadecimal digits")]
    Count(String),
}

/// What a server asks: the value of a WWW-Authenticate or Proxy-Authenticate header.
///
/// ```
/// use busyhour::sip::digest::{Algorithm, Challenge};
///
/// let asked = Challenge::read(r#"Digest realm="pbx", nonce="dcd98b", algorithm=SHA-256, qop="auth,auth-int""#).unwrap();
/// assert_eq!((asked.realm.as_str(), asked.algorithm, asked.qop_auth), ("pbx", Algorithm::Sha256, true));
/// assert_eq!(asked.write(), r#"Digest realm="pbx", nonce="dcd98b", algorithm=SHA-256, qop="auth""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Which passwords are asked for.
    pub realm: String,
    /// What the answer is bound to.
    pub nonce: String,
    /// To be given back as it is.
    pub opaque: Option<String>,
    /// MD5 unless it's said.
    pub algorithm: Algorithm,
    /// The answer counts its uses of the nonce and has a nonce of its own.
    pub qop_auth: bool,
    /// The password was right; the nonce was too old.
    pub stale: bool,
}

impl Challenge {
    /// Reads a header's value.
    ///
    /// # Errors
    /// It isn't a digest challenge that can be answered.
    pub fn read(header: &str) -> Result<Challenge, DigestError> {
        let fields = Fields::read(header)?;
        let qop_auth = match fields.get("qop") {
            None => false,
            Some(offered) if offered.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) => true,
            Some(offered) => return Err(DigestError::Qop(offered.to_owned())),
        };
        Ok(Challenge {
            realm: fields.needed("realm")?,
            nonce: fields.needed("nonce")?,
            opaque: fields.owned("opaque"),
            algorithm: algorithm(&fields)?,
            qop_auth,
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// Writes a header's value.
    pub fn write(&self) -> String {
        let mut out = String::new();
        quote(&mut out, "realm", &self.realm);
        quote(&mut out, "nonce", &self.nonce);
        if let Some(opaque) = &self.opaque {
            quote(&mut out, "opaque", opaque);
        }
        bare(&mut out, "algorithm", self.algorithm.as_str());
        if self.qop_auth {
            quote(&mut out, "qop", "auth");
        }
        if self.stale {
            bare(&mut out, "stale", "true");
        }
        out
    }
}

fn algorithm(fields: &Fields<'_>) -> Result<Algorithm, DigestError> {
    let Some(name) = fields.get("algorithm") else { return Ok(Algorithm::Md5) };
    Algorithm::named(name).ok_or_else(|| DigestError::Algorithm(name.to_owned()))
}

/// What a client answers: the value of an Authorization or Proxy-Authorization header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    user: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    cnonce: Option<String>,
    opaque: Option<String>,
    /// How often the nonce was used, this time counted; with `qop=auth` only.
    count: Option<u32>,
}

impl Answer {
    fn read(header: &str) -> Result<Answer, DigestError> {
        let fields = Fields::read(header)?;
        let algorithm = algorithm(&fields)?;
        let cnonce = fields.owned("cnonce");
        let count = match fields.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let count = fields.get("nc").ok_or(DigestError::Without("nc"))?;
                let is_right = count.len() == 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit());
                let number = if is_right { u32::from_str_radix(count, 16).ok() } else { None };
                Some(number.ok_or_else(|| DigestError::Count(count.to_owned()))?)
            }
            Some(qop) => return Err(DigestError::Qop(qop.to_owned())),
        };
        if cnonce.is_none() && (count.is_some() || algorithm.is_sess()) {
            return Err(DigestError::Without("cnonce"));
        }
        Ok(Answer {
            user: fields.needed("username")?,
            realm: fields.needed("realm")?,
            nonce: fields.needed("nonce")?,
            uri: fields.needed("uri")?,
            response: fields.needed("response")?,
            algorithm,
            cnonce,
            opaque: fields.owned("opaque"),
            count,
        })
    }

    /// Writes a header's value, always in the same order.
    fn write(&self) -> String {
        let mut out = String::with_capacity(256);
        quote(&mut out, "username", &self.user);
        quote(&mut out, "realm", &self.realm);
        quote(&mut out, "nonce", &self.nonce);
        quote(&mut out, "uri", &self.uri);
        quote(&mut out, "response", &self.response);
        bare(&mut out, "algorithm", self.algorithm.as_str());
        if let Some(cnonce) = &self.cnonce {
            quote(&mut out, "cnonce", cnonce);
        }
        if let Some(opaque) = &self.opaque {
            quote(&mut out, "opaque", opaque);
        }
        if let Some(count) = self.count {
            bare(&mut out, "qop", "auth");
            bare(&mut out, "nc", &format!("{count:08x}"));
        }
        out
    }

    /// What `response` must be (RFC 7616 section 3.4.1).
    fn due_response(&self, password: &str, method: &str) -> String {
        let algorithm = self.algorithm;
        let cnonce = self.cnonce.as_deref().unwrap_or_default();
        let mut secret = algorithm.hash(&[&self.user, &self.realm, password]);
        if algorithm.is_sess() {
            secret = algorithm.hash(&[&secret, &self.nonce, cnonce]);
        }
        let request = algorithm.hash(&[method, &self.uri]);
        match self.count {
            Some(count) => {
                let count = format!("{count:08x}");
                algorithm.hash(&[&secret, &self.nonce, &count, cnonce, "auth", &request])
            }
            None => algorithm.hash(&[&secret, &self.nonce, &request]),
        }
    }
}

#[cfg(test)]
mod tests;
