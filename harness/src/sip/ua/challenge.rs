//! Challenges: the same request again, with credentials (RFC 3261 22.2).

use super::super::transaction::ClientId;
use super::super::{Message, Method, Name, Writer};
use super::{Purpose, UserAgent, written};
use crate::trace::SimTime;

/// So often a request is sent again, even if each challenge looks new: a server that challenges for ever is no reason
/// to try for ever.
const PATIENCE: u8 = 3;

impl UserAgent {
    /// Credentials for a request that wasn't challenged yet, where an earlier one was.
    pub(super) fn authorization(&mut self, method: Method<'_>, target: &str) -> Option<(Name, String)> {
        let credentials = self.credentials.as_mut()?;
        let name = credentials.header()?;
        Some((name, credentials.authorize(method.as_str(), target, &[])?))
    }

    /// Answers a challenge by sending the request again. False if that's hopeless, or nobody has credentials.
    pub(super) fn answer_challenge(&mut self, now: SimTime, client: ClientId, response: &Message) -> bool {
        let cnonce = self.token();
        let Some(pending) = self.pending.get(&client) else { return false };
        let Some(credentials) = &mut self.credentials else { return false };
        if pending.challenged >= PATIENCE {
            return false;
        }
        let request = pending.request.clone();
        let (purpose, flow, challenged) = (pending.purpose, pending.flow, pending.challenged);
        let Ok(authorization) = credentials.challenged(response, request.method().as_str(), request.target(), cnonce)
        else {
            return false;
        };
        let Ok(cseq) = request.cseq().map(|cseq| cseq.number) else { return false };
        let again = self.again(&request, cseq + 1, flow, &[authorization]);
        self.pending.remove(&client);
        let new = self.transactions.request(now, again.clone(), flow);
        let follows = super::Pending { purpose, request: again.clone(), flow, challenged: challenged + 1 };
        self.pending.insert(new, follows);
        self.sent_again(purpose, new, again, cseq + 1);
        true
    }

    /// The same request with another number, another branch and other headers of those names.
    pub(super) fn again(
        &mut self,
        request: &Message,
        cseq: u32,
        flow: super::Flow,
        other: &[(Name, String)],
    ) -> Message {
        let method = request.method();
        let are_credentials = |name: Name| matches!(name, Name::Authorization | Name::ProxyAuthorization);
        // Whoever asks anew doesn't want the old ones, whichever header they came in: a 407 may follow what was sent
        // unasked because of an earlier 401.
        let new_credentials = other.iter().any(|(name, _)| are_credentials(*name));
        let mut writer = Writer::request(method, request.target()).header(Name::Via, self.via(flow));
        for header in request.headers() {
            writer = match header.name {
                Name::Via | Name::ContentLength | Name::ContentType => writer,
                Name::CSeq => writer.header(Name::CSeq, format_args!("{cseq} {method}")),
                name if new_credentials && are_credentials(name) => writer,
                name if name != Name::Other && other.iter().any(|(other, _)| *other == name) => writer,
                _ => writer.header(header.raw_name, header.value),
            };
        }
        for (name, value) in other {
            writer = writer.header(*name, value);
        }
        written(match request.content_type() {
            Some(content_type) => writer.body(content_type, request.body()),
            None => writer.end(),
        })
    }

    /// A call's own memory of what it sent follows.
    pub(super) fn sent_again(&mut self, purpose: Purpose, client: ClientId, request: Message, cseq: u32) {
        let (Purpose::Invite(id) | Purpose::Offer(id) | Purpose::Bye(id) | Purpose::Refer(id) | Purpose::Other(id)) =
            purpose
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.cseq = call.cseq.max(cseq);
        if let Purpose::Invite(_) = purpose {
            debug_assert_eq!(request.method(), Method::Invite);
            call.client = Some(client);
            call.invite = request;
        }
    }
}
