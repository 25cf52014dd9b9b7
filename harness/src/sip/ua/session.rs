//! Session timers (RFC 4028): a call whose other end is gone without a word is noticed.

use std::time::Duration;

use bytes::Bytes;

use super::super::transaction::ClientId;
use super::super::{Message, Name, Writer};
use super::call::Call;
use super::offer::OfferOut;
use super::timers::Timer;
use super::{Ending, Purpose, UserAgent};
use crate::trace::SimTime;

/// What was agreed on.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Without one nobody refreshes.
    interval: Option<Duration>,
    we_refresh: bool,
    /// The offer to make when the one that's open is answered.
    #[allow(clippy::option_option)]
    pub next_offer: Option<Option<Bytes>>,
}

/// `Session-Expires: 1800;refresher=uac`.
fn session_expires(message: &Message) -> Option<(Duration, Option<&str>)> {
    let value = message.first(Name::SessionExpires)?;
    let mut parts = value.split(';').map(str::trim);
    let seconds = parts.next()?.parse().ok()?;
    let refresher = parts.find_map(|part| part.strip_prefix("refresher="));
    Some((Duration::from_secs(seconds), refresher))
}

impl UserAgent {
    /// The least interval that we accept, if a request asks for a smaller one and can be told so (section 9).
    pub(super) fn session_of_request_too_small(&self, request: &Message) -> Option<u64> {
        let least = self.settings.session.least;
        let (asked, _) = session_expires(request)?;
        (asked < least && request.has_option(Name::Supported, "timer")).then_some(least.as_secs())
    }

    /// A 422: the same INVITE again, with the interval that's wanted (section 7.3). True if it was sent.
    pub(super) fn session_too_small(
        &mut self,
        now: SimTime,
        call: &mut Call,
        client: ClientId,
        response: &Message,
    ) -> bool {
        let Some(least) = response.first(Name::MinSe).and_then(|value| value.trim().parse::<u64>().ok()) else {
            return false;
        };
        let Some(pending) = self.pending.get(&client) else { return false };
        let asked = session_expires(&pending.request).map_or(0, |(interval, _)| interval.as_secs());
        if asked >= least {
            // It refuses what it wants: no use.
            return false;
        }
        let (request, flow) = (pending.request.clone(), pending.flow);
        self.pending.remove(&client);
        call.cseq += 1;
        let wanted = [(Name::SessionExpires, least.to_string()), (Name::MinSe, least.to_string())];
        let again = self.again(&request, call.cseq, flow, &wanted);
        call.client = Some(self.send(now, Purpose::Invite(call.id), again.clone(), flow));
        call.invite = again;
        true
    }

    /// What a re-INVITE or UPDATE of ours says of the session.
    pub(super) fn ask_for_session(&self, call: &Call, writer: Writer) -> Writer {
        let Some(session) = &call.session else { return writer };
        let Some(interval) = session.interval else { return writer };
        let refresher = if session.we_refresh { "uac" } else { "uas" };
        writer
            .header(Name::SessionExpires, format_args!("{};refresher={refresher}", interval.as_secs()))
            .header(Name::MinSe, self.settings.session.least.as_secs())
    }

    /// The answer to a request that wants a session timer, or could have one.
    pub(super) fn grant_session(&mut self, now: SimTime, call: &mut Call, request: &Message, writer: Writer) -> Writer {
        let supports = request.has_option(Name::Supported, "timer") || request.has_option(Name::Require, "timer");
        let asked = session_expires(request);
        let interval = match (asked, self.settings.session.interval) {
            (Some((asked, _)), Some(ours)) => asked.min(ours.max(self.settings.session.least)),
            (Some((asked, _)), None) => asked,
            (None, Some(ours)) => ours,
            (None, None) => return writer,
        };
        // One who doesn't know timers can't be the refresher (section 9).
        let refresher = match asked.and_then(|(_, refresher)| refresher) {
            Some("uas") => "uas",
            _ if supports => "uac",
            _ => "uas",
        };
        call.session.get_or_insert_default().interval = Some(interval);
        self.start_session(now, call, refresher == "uas");
        let writer = writer.header(Name::SessionExpires, format_args!("{};refresher={refresher}", interval.as_secs()));
        if refresher == "uac" { writer.header(Name::Require, "timer") } else { writer }
    }

    /// The answer to a request of ours says what is agreed on.
    pub(super) fn agree_on_session(&mut self, now: SimTime, call: &mut Call, response: &Message) {
        let Some((interval, refresher)) = session_expires(response) else {
            call.session.get_or_insert_default().interval = None;
            self.timers.stop(call.id, Timer::Refresh);
            self.timers.stop(call.id, Timer::SessionExpires);
            return;
        };
        call.session.get_or_insert_default().interval = Some(interval);
        self.start_session(now, call, refresher != Some("uas"));
    }

    fn start_session(&mut self, now: SimTime, call: &mut Call, we_refresh: bool) {
        let session = call.session.get_or_insert_default();
        session.we_refresh = we_refresh;
        let Some(interval) = session.interval else { return };
        // Section 10: the refresher at half of it; the other hangs up a little before its end.
        if we_refresh {
            self.timers.set(call.id, Timer::Refresh, now + interval / 2);
        } else {
            self.timers.stop(call.id, Timer::Refresh);
        }
        let margin = Duration::from_secs(32).min(interval / 3);
        let end = if we_refresh { interval } else { interval - margin };
        self.timers.set(call.id, Timer::SessionExpires, now + end);
    }

    pub(super) fn refresh(&mut self, now: SimTime, call: &mut Call) {
        if call.offer_out.is_some() || call.offer_in.is_some() {
            // What is under way refreshes it too, if it succeeds; else we look again soon.
            return self.timers.set(call.id, Timer::Refresh, now + Duration::from_secs(5));
        }
        let update = call.takes_update;
        let description = if update { None } else { call.description.clone() };
        self.make_offer(now, call, OfferOut { description, update, waiting: false });
    }

    pub(super) fn session_expired(&mut self, now: SimTime, call: &mut Call) {
        self.bye(now, call, Ending::SessionExpired);
    }
}
