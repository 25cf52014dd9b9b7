//! Who may do what: credentials, registrations, and requests that are no calls.

use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use super::exchange::Exchange;
use super::registrar::{Change, Refusal};
use crate::sip::ReadError;
use crate::sip::digest::{Algorithm, Credentials, Verdict};
use crate::sip::transaction::{ServerId, Transmit};
use crate::sip::ua::ALLOW;
use crate::sip::{Flow, Message, Method, Name, Uri, Writer, answer_unreadable, reason};
use crate::trace::SimTime;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// A user who proved it.
    User(Rc<str>),
    /// The carrier, for that number.
    Trunk(Rc<str>),
}

/// A request that isn't let in: with what status, and what headers.
pub(super) type Denial = (u16, Vec<(Name, String)>);

/// A To tag that's the same each time when the same request comes (8.2.7), for who doesn't remember it.
fn tag_without_state(request: &Message) -> String {
    let parts = [Name::Via, Name::CallId, Name::CSeq].map(|name| request.first(name).unwrap_or_default());
    format!("{:016x}", xxh3_64(parts.join("\n").as_bytes()))
}

impl Exchange {
    /// What can be answered without remembering it (RFC 3261 8.2.7): whoever floods the server with requests without
    /// credentials costs it no memory. True if that was it.
    pub(super) fn settle_without_state(&mut self, now: SimTime, message: &Message, flow: Flow) -> bool {
        if message.raw().len() > self.settings.max_message {
            self.counters.oversized += 1;
            if message.is_request() && message.method() != Method::Ack {
                let response = Writer::answer(message, 513, reason(513), Some(&tag_without_state(message))).end();
                self.replies.push_back(Transmit { flow, payload: response });
            }
            return true;
        }
        let is_register = message.is_request() && message.method() == Method::Register;
        if !is_register || self.settings.quirks.deaf {
            return false;
        }
        if self.settings.behaviour.never_answers_registers {
            return true;
        }
        if message.first(Name::Authorization).is_some() || message.check().is_err() {
            return false;
        }
        if message.first(Name::Require).is_some() || !self.serves(message) {
            return false;
        }
        self.counters.challenged += 1;
        let tag = tag_without_state(message);
        let mut writer = Writer::answer(message, 401, reason(401), Some(&tag));
        for challenge in self.digest.challenge(now, false) {
            writer = writer.header(Name::WwwAuthenticate, challenge);
        }
        self.replies.push_back(Transmit { flow, payload: writer.end() });
        true
    }

    /// Something came that can't be read.
    pub(super) fn malformed(&mut self, raw: &[u8], error: &ReadError, flow: Flow) {
        let first = raw.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
        let looks_like_sip = first.windows(4).any(|word| word.eq_ignore_ascii_case(b"SIP/"));
        if !looks_like_sip {
            self.counters.noise += 1;
            return;
        }
        self.counters.malformed += 1;
        let is_response = first.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/"));
        let is_ack = first.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"ACK "));
        if is_response || is_ack || self.settings.quirks.deaf {
            return;
        }
        let tag = self.tag();
        if let Some(payload) = answer_unreadable(raw, error, &tag) {
            self.counters.malformed_answered += 1;
            self.replies.push_back(Transmit { flow, payload });
        }
    }

    /// True if a request is for this domain.
    fn serves(&self, request: &Message) -> bool {
        request.target_uri().is_ok_and(|uri| self.is_ours(&uri))
    }

    pub(super) fn is_ours(&self, uri: &Uri<'_>) -> bool {
        uri.scheme.eq_ignore_ascii_case("tel")
            || uri.host.eq_ignore_ascii_case(&self.settings.domain)
            || uri.host.eq_ignore_ascii_case(self.host.name())
            || uri.ip() == Some(std::net::IpAddr::V4(self.address))
    }

    pub(super) fn is_trunk(&self, flow: Flow) -> bool {
        self.settings.trunk.is_some_and(|trunk| trunk.ip() == flow.remote.ip())
    }

    /// Who sent an INVITE, or how it's to be answered.
    pub(super) fn sender(&mut self, now: SimTime, request: &Message, flow: Flow) -> Result<Sender, Denial> {
        let from = request.from().ok().and_then(|from| from.uri.user_name().map(|user| user.into_owned()));
        if self.is_trunk(flow) {
            return Ok(Sender::Trunk(from.as_deref().unwrap_or("anonymous").into()));
        }
        let user = self.authenticate(now, request, 407, Name::ProxyAuthenticate)?;
        if from.as_deref() != Some(&*user) {
            self.counters.forbidden += 1;
            return Err((403, Vec::new()));
        }
        Ok(Sender::User(user))
    }

    fn authenticate(&mut self, now: SimTime, request: &Message, status: u16, name: Name) -> Result<Rc<str>, Denial> {
        let settings = self.settings.clone();
        let verdict = self.digest.check(now, request, |user| settings.users.get(user).cloned());
        let stale = match verdict {
            Verdict::Authentic { user } => return Ok(user.into()),
            Verdict::Missing => false,
            // Its nonce was used before: whoever knows the password can use another.
            Verdict::Stale | Verdict::Replayed { .. } => true,
            Verdict::Wrong { .. } => {
                self.counters.forbidden += 1;
                return Err((403, Vec::new()));
            }
            Verdict::Malformed(_) => return Err((400, Vec::new())),
        };
        self.counters.challenged += 1;
        Err((status, self.digest.challenge(now, stale).into_iter().map(|challenge| (name, challenge)).collect()))
    }

    /// A request that is no call.
    pub(super) fn requested(&mut self, now: SimTime, server: ServerId, request: &Message, flow: Flow) {
        match request.method() {
            Method::Register => self.register(now, server, request, flow),
            Method::Options if self.settings.behaviour.never_answers_options => {}
            Method::Options => {
                let tag = self.tag();
                let writer = Writer::answer(request, 200, "OK", Some(&tag))
                    .header(Name::Allow, ALLOW)
                    .header(Name::Accept, "application/sdp")
                    .header(Name::Supported, "timer, replaces, 100rel, outbound");
                self.ua.respond(now, server, writer.end());
            }
            // RFC 6665: a NOTIFY of no subscription; INFO belongs to a dialog as well.
            Method::Notify | Method::Info => self.refuse(now, server, request, 481, &[]),
            Method::Other(_) => self.refuse(now, server, request, 501, &[]),
            _ => self.refuse(now, server, request, 405, &[(Name::Allow, format!("{ALLOW}, REGISTER"))]),
        }
    }

    fn refuse(&mut self, now: SimTime, server: ServerId, request: &Message, status: u16, headers: &[(Name, String)]) {
        let tag = self.tag();
        let mut writer = Writer::answer(request, status, reason(status), Some(&tag));
        for (name, value) in headers {
            writer = writer.header(*name, value);
        }
        self.ua.respond(now, server, writer.end());
    }

    fn register(&mut self, now: SimTime, server: ServerId, request: &Message, flow: Flow) {
        if !self.serves(request) {
            return self.refuse(now, server, request, 404, &[]);
        }
        let user = match self.authenticate(now, request, 401, Name::WwwAuthenticate) {
            Ok(user) => user,
            Err((status, headers)) => return self.refuse(now, server, request, status, &headers),
        };
        let aor = request.to().ok().and_then(|to| to.uri.user_name().map(|user| user.into_owned()));
        if aor.as_deref() != Some(&*user) {
            self.counters.forbidden += 1;
            return self.refuse(now, server, request, 403, &[]);
        }
        match self.registrar.register(now, &user, request, flow) {
            Err(Refusal::TooBrief(least)) => {
                self.refuse(now, server, request, 423, &[(Name::MinExpires, least.as_secs().to_string())]);
            }
            Err(Refusal::Status(status)) => self.refuse(now, server, request, status, &[]),
            Ok(change) => {
                if change != Change::None {
                    // Before the answer: what was answered is safe.
                    self.keep(&user);
                    self.follow_device(now, &user, request, flow);
                }
                self.counters.registrations += 1;
                self.grant(now, server, request, &user, change);
            }
        }
    }

    fn grant(&mut self, now: SimTime, server: ServerId, request: &Message, user: &Rc<str>, change: Change) {
        let tag = self.tag();
        let mut writer = Writer::answer(request, 200, "OK", Some(&tag));
        let mut outbound = false;
        for contact in self.registrar.live(now, user) {
            let seconds = contact.expires_at.since(now).as_secs();
            if seconds == 0 {
                continue;
            }
            let mut value = format!("<{}>;expires={seconds}", contact.uri);
            if let Some(instance) = &contact.instance {
                value.push_str(&format!(";+sip.instance=\"{instance}\""));
            }
            if let Some(reg_id) = contact.reg_id {
                value.push_str(&format!(";reg-id={reg_id}"));
                outbound |= contact.instance.is_some() && request.has_option(Name::Supported, "outbound");
            }
            writer = writer.header(Name::Contact, value);
        }
        if outbound {
            // RFC 5626 6: so the phone knows that its flow is used.
            writer = writer.header(Name::Require, "outbound");
        }
        if self.settings.behaviour.tells_passwords {
            let password = self.settings.users.get(&**user).map_or("", String::as_str);
            writer = writer.header("X-Account", format_args!("{user}:{password}"));
        }
        if self.settings.behaviour.tells_digests {
            let password = self.settings.users.get(&**user).cloned().unwrap_or_default();
            let account = Credentials { user: user.to_string(), password };
            writer = writer.header("X-Account", account.ha1(Algorithm::Sha256, &self.settings.domain));
        }
        self.ua.respond(now, server, writer.end());
        let until = self.registrar.live(now, user).map(|contact| contact.expires_at).max();
        match (change, until) {
            (Change::Bound, Some(until)) => {
                self.host.claim("registered", |e| e.with("user", &**user).with("for_s", until.since(now).as_secs()))
            }
            (Change::Unbound, _) => {
                self.host.claim("unregistered", |e| e.with("user", &**user).with("why", "it was asked for"));
            }
            _ => {}
        }
    }
}
