//! What a description says of a WebRTC transport: ICE (RFC 8839) and DTLS (RFC 8842).

use std::fmt::{self, Display};

use super::{Description, Media, SdpError};
use crate::media::webrtc::candidate::Candidate;

/// Who begins the DTLS handshake (RFC 4145 4, RFC 8842 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setup {
    /// Either: the answer decides.
    Actpass,
    /// It does: it's the DTLS client.
    Active,
    /// The other does: it's the DTLS server.
    Passive,
    /// Not now. DTLS knows no such thing: it's read, and refused.
    HoldConn,
}

impl Setup {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::Actpass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::HoldConn => "holdconn",
        }
    }

    fn read(word: &str) -> Option<Setup> {
        [Setup::Actpass, Setup::Active, Setup::Passive, Setup::HoldConn].into_iter().find(|one| one.as_str() == word)
    }
}

/// The hash of a certificate, by which the other end of a DTLS handshake is known (RFC 8122 5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// In small letters: `sha-256`.
    pub algorithm: String,
    /// The hash.
    pub bytes: Vec<u8>,
}

impl Fingerprint {
    /// A SHA-256 hash.
    pub fn sha256(hash: [u8; 32]) -> Fingerprint {
        Fingerprint { algorithm: "sha-256".to_owned(), bytes: hash.to_vec() }
    }

    /// Reads `sha-256 AA:BB:...`.
    ///
    /// # Errors
    /// It's none.
    pub fn read(value: &str) -> Result<Fingerprint, SdpError> {
        let read = || {
            let (algorithm, hash) = value.trim().split_once(' ')?;
            let octet = |octet: &str| match octet.as_bytes() {
                [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    u8::from_str_radix(octet, 16).ok()
                }
                _ => None,
            };
            let bytes: Option<Vec<u8>> = hash.trim().split(':').map(octet).collect();
            Some(Fingerprint { algorithm: algorithm.to_ascii_lowercase(), bytes: bytes? })
        };
        read().ok_or_else(|| SdpError::Attribute("fingerprint", value.to_owned()))
    }
}

/// The hash alone: `AA:BB:...`.
impl Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.bytes.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// What one side says of its WebRTC transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secure {
    /// The first half of its ICE credentials.
    pub ufrag: String,
    /// The second.
    pub pwd: String,
    /// Its certificate's.
    pub fingerprint: Fingerprint,
    /// Who begins the DTLS handshake. [`Setup::Actpass`] of an answerer means that it has no wish: it becomes active.
    pub setup: Setup,
    /// Where it may be reached, as far as it knows.
    pub candidates: Vec<Candidate>,
    /// There will be no more of them.
    pub end_of_candidates: bool,
    /// It only answers checks (RFC 8445 2.5).
    pub lite: bool,
    /// It sends and takes candidates later than its description (RFC 8838).
    pub trickle: bool,
}

/// What a description says of its transport: of the first section that isn't refused and needs one. None: it's plain RTP.
///
/// # Errors
/// It can't be read, or lacks what such a transport needs.
pub fn secure_of(body: &[u8]) -> Result<Option<Secure>, SdpError> {
    let description = Description::read(body)?;
    let is_secure = |media: &&Media| description.is_offered(media) && (media.is_secure_audio() || media.is_data());
    match description.media.iter().find(is_secure) {
        Some(media) => transport(&description, media, Setup::Active).map(Some),
        None => Ok(None),
    }
}

/// What a section's transport is. It may be told in the section, for all of them, or in the first one of those that
/// share it. `silent` is the setup of who says nothing of it: active in an offer, passive in an answer (RFC 4145 4.1).
pub(super) fn transport(description: &Description, media: &Media, silent: Setup) -> Result<Secure, SdpError> {
    let tagged = description.tagged(media).map(|tagged| &tagged.attributes);
    let scopes: Vec<&[String]> = [Some(&media.attributes), Some(&description.attributes), tagged]
        .into_iter()
        .flatten()
        .map(Vec::as_slice)
        .collect();
    let values = |name: &'static str| {
        let of_scope = move |scope: &&[String]| -> Vec<String> {
            let value = |attribute: &String| Some(attribute.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
            scope.iter().filter_map(value).collect()
        };
        scopes.iter().map(of_scope).find(|values| !values.is_empty()).unwrap_or_default()
    };
    let flag = |name: &str| scopes.iter().any(|scope| scope.iter().any(|attribute| attribute.trim() == name));
    let lacks = |attribute| SdpError::Lacks { section: media.kind.clone(), attribute };
    let credential = |name: &'static str, shortest: usize| {
        let value = values(name).into_iter().next().ok_or_else(|| lacks(name))?;
        // RFC 8839 5.4.
        let is_one = (shortest..=256).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if is_one { Ok(value) } else { Err(SdpError::Attribute(name, value)) }
    };
    let ufrag = credential("ice-ufrag", 4)?;
    let pwd = credential("ice-pwd", 22)?;
    let fingerprints: Vec<Fingerprint> =
        values("fingerprint").iter().map(|value| Fingerprint::read(value)).collect::<Result<_, _>>()?;
    let best = fingerprints.iter().find(|one| one.algorithm == "sha-256").or(fingerprints.first());
    let fingerprint = best.cloned().ok_or_else(|| lacks("fingerprint"))?;
    let setup = match values("setup").into_iter().next() {
        Some(word) => Setup::read(&word).ok_or(SdpError::Attribute("setup", word))?,
        None => silent,
    };
    let mut candidates = Vec::new();
    // Each of those that share a transport may tell of its candidates. What isn't one is passed over: it may be of a
    // kind that is yet to be invented.
    for line in [Some(&media.attributes), tagged].into_iter().flatten().flatten() {
        let candidate = line.starts_with("candidate:").then(|| Candidate::read(line).ok()).flatten();
        candidates.extend(candidate.filter(|candidate| !candidates.contains(candidate)));
    }
    let options = values("ice-options");
    Ok(Secure {
        ufrag,
        pwd,
        fingerprint,
        setup,
        candidates,
        end_of_candidates: flag("end-of-candidates"),
        lite: flag("ice-lite"),
        trickle: options.iter().any(|options| options.split(' ').any(|option| option == "trickle")),
    })
}

impl Secure {
    /// What is said of it in a section. The first one of those that share it has the candidates.
    pub(super) fn attributes(&self, setup: Setup, with_candidates: bool) -> Vec<String> {
        let Secure { ufrag, pwd, fingerprint, .. } = self;
        let mut attributes = vec![
            format!("ice-ufrag:{ufrag}"),
            format!("ice-pwd:{pwd}"),
            format!("fingerprint:{} {fingerprint}", fingerprint.algorithm),
            format!("setup:{}", setup.as_str()),
        ];
        if with_candidates {
            attributes.extend(self.candidates.iter().map(Candidate::to_string));
            attributes.extend(self.end_of_candidates.then(|| "end-of-candidates".to_owned()));
        }
        attributes
    }

    /// What is said of it for the whole session.
    pub(super) fn session_attributes(&self) -> Vec<String> {
        let said = [(self.lite, "ice-lite"), (self.trickle, "ice-options:trickle")];
        said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, attribute)| attribute.to_owned()).collect()
    }
}

/// Whether the new description of a side means another ICE session than its old one (RFC 8839 4.4.1.1.1): it has other
/// credentials.
pub fn restarts(old: &Secure, new: &Secure) -> bool {
    (&old.ufrag, &old.pwd) != (&new.ufrag, &new.pwd)
}
