//! Handing a call on: blind, after a consultation, and on somebody else's behalf (RFC 3515, RFC 5589).

use std::time::Duration;

use super::call::{AfterHold, LegId, Stage};
use super::core::{Core, Due};
use super::screen::TransferState;
use crate::sip::ua::{CallId, Ending};
use crate::sip::{Message, Name, Uri};
use crate::trace::SimTime;

/// Who was asked to call somebody has this long to tell what became of it: longer than a phone rings.
const PATIENCE: Duration = Duration::from_secs(75);

/// A transfer of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    /// The call that is handed on.
    leg: LegId,
    /// The consultation that it's joined with.
    joined_with: Option<LegId>,
    /// If it fails, the call comes off the hold that it was put on for it.
    resumes: bool,
    pub(super) state: TransferState,
}

/// A call that waits while somebody else is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consultation {
    first: LegId,
    second: LegId,
}

impl Core {
    fn under_way(&self) -> Option<Transfer> {
        self.transfer.filter(|transfer| transfer.state == TransferState::Trying)
    }

    pub(super) fn transfer_button(&mut self, now: SimTime, to: &str) -> bool {
        let Some(target) = self.target_of(to) else { return false };
        let Some((id, we_hold)) = self.active().filter(|leg| leg.stage == Stage::Up).map(|leg| (leg.id, leg.we_hold))
        else {
            return false;
        };
        if self.under_way().is_some() || self.is_offline() {
            return false;
        }
        self.hand_on(now, id, target, !we_hold);
        true
    }

    /// A blind transfer. Who is handed on waits on hold for it.
    fn hand_on(&mut self, now: SimTime, id: LegId, target: String, resumes: bool) {
        self.transfer = Some(Transfer { leg: id, joined_with: None, resumes, state: TransferState::Trying });
        let refer_to = format!("<{target}>");
        let Some(leg) = self.leg(id) else { return };
        if leg.we_hold {
            if let Some(call) = leg.call {
                self.refer(now, call, &refer_to);
            }
        } else {
            leg.after_hold = Some(AfterHold { refer_to });
            self.set_hold(now, id, true);
        }
    }

    pub(super) fn refer(&mut self, now: SimTime, call: CallId, refer_to: &str) {
        let referred_by = format!("<{}>", self.settings.borrow().aor());
        self.ua.refer(now, call, refer_to, &referred_by);
        if let Some(leg) = self.leg_of(call).map(|leg| leg.id) {
            self.set(now + PATIENCE, Due::Transfer(leg));
        }
    }

    pub(super) fn consult_button(&mut self, now: SimTime, to: &str) -> bool {
        let Some(target) = self.target_of(to) else { return false };
        let Some(first) = self.active().filter(|leg| leg.stage == Stage::Up).map(|leg| leg.id) else { return false };
        if self.legs.len() >= self.settings.borrow().lines || self.under_way().is_some() {
            return false;
        }
        self.hold_others(now, None);
        self.transfer = None;
        let second = self.call_out(target, Vec::new(), None);
        self.consultation = Some(Consultation { first, second });
        self.selected = Some(second);
        true
    }

    pub(super) fn complete_button(&mut self, now: SimTime) -> bool {
        let Some(Consultation { first, second }) = self.consultation else { return false };
        if self.under_way().is_some() || self.is_offline() {
            return false;
        }
        let first_call = self.leg(first).and_then(|leg| leg.call);
        let Some(leg) = self.leg(second) else { return false };
        let target = leg.dialed.as_ref().map(|dialed| dialed.target.clone()).unwrap_or_default();
        let (stage, second_call) = (leg.stage, leg.call);
        let Some(first_call) = first_call else { return false };
        if stage != Stage::Up {
            // Nobody there to be joined with: as if it had been handed on without asking.
            self.consultation = None;
            self.end(now, second);
            self.hand_on(now, first, target, true);
            return true;
        }
        let Some(replaces) = second_call.and_then(|call| self.ua.replaces(call)) else { return false };
        self.transfer =
            Some(Transfer { leg: first, joined_with: Some(second), resumes: false, state: TransferState::Trying });
        self.refer(now, first_call, &format!("<{target}?Replaces={}>", escape_header(&replaces)));
        true
    }

    pub(super) fn take_back_button(&mut self, now: SimTime) -> bool {
        let Some(Consultation { first, second }) = self.consultation else { return false };
        if self.leg(first).is_none() {
            return false;
        }
        self.consultation = None;
        self.end(now, second);
        self.resume(now, first);
        true
    }

    pub(super) fn refer_answered(&mut self, now: SimTime, call: CallId, status: u16) {
        if status >= 300 {
            self.transfer_over(now, call, status);
        }
    }

    pub(super) fn notified(&mut self, now: SimTime, call: CallId, status: u16, last: bool) {
        if last {
            self.transfer_over(now, call, status);
        }
    }

    pub(super) fn transfer_unanswered(&mut self, now: SimTime, leg: LegId) {
        if let Some(call) = self.leg(leg).and_then(|leg| leg.call) {
            self.transfer_over(now, call, 408);
        }
    }

    /// What became of it is known.
    fn transfer_over(&mut self, now: SimTime, call: CallId, status: u16) {
        let Some(id) = self.leg_of(call).map(|leg| leg.id) else { return };
        let Some(transfer) = self.under_way().filter(|transfer| transfer.leg == id) else { return };
        self.stop(Due::Transfer(id));
        if (200..300).contains(&status) {
            self.transfer = Some(Transfer { state: TransferState::Done, ..transfer });
            self.consultation = None;
            self.message = "transferred".into();
            if !self.behaviour().clings_after_transfer {
                self.end(now, id);
                if let Some(other) = transfer.joined_with {
                    self.end(now, other);
                }
            }
        } else {
            self.transfer_failed(transfer, status);
            if transfer.resumes {
                self.resume(now, id);
            }
        }
    }

    fn transfer_failed(&mut self, transfer: Transfer, status: u16) {
        self.transfer = Some(Transfer { state: TransferState::Failed(status), ..transfer });
        self.message = format!("transfer failed: {status} {}", crate::sip::reason(status));
    }

    /// A call has ended: a transfer may have hung on it.
    pub(super) fn leg_closed(&mut self, _now: SimTime, id: LegId, ending: &Ending, never_answered: bool) {
        self.stop(Due::Transfer(id));
        if let Some(transfer) = self.under_way().filter(|transfer| transfer.leg == id) {
            // It ended before anybody told what became of it.
            self.transfer_failed(transfer, 487);
        }
        let Some(Consultation { first, second }) = self.consultation else { return };
        if id == first {
            self.consultation = None;
        } else if id == second
            && never_answered
            && let Ending::Refused(status) = ending
        {
            // Nobody to hand the call on to. It still waits.
            let transfer = Transfer { leg: first, joined_with: None, resumes: false, state: TransferState::Trying };
            self.transfer_failed(transfer, *status);
        }
    }

    /// The other side asks us to call somebody. A phone obeys, and reports.
    pub(super) fn referred(&mut self, now: SimTime, call: CallId, request: &Message) {
        let target = request.refer_to().ok().map(|refer_to| Core::split_headers(refer_to.uri.raw));
        let target = target.filter(|(uri, _)| Uri::read(uri).is_ok_and(|uri| uri.is_sip()));
        let room = self.legs.len() <= self.settings.borrow().lines;
        let (Some((target, mut headers)), true, false) = (target, room, self.behaviour().refuses_transfers) else {
            return self.ua.refuse_refer(now, call, request, 603);
        };
        // Only what a transfer needs: a stranger doesn't write the rest of our INVITE.
        headers.retain(|(name, _)| name.eq_ignore_ascii_case("Replaces"));
        if let Some(by) = request.first(Name::ReferredBy) {
            headers.push((Name::ReferredBy.as_str().to_owned(), by.to_owned()));
        }
        self.ua.accept_refer(now, call, request);
        // The buttons mean the new call: if it comes to nothing, the old one again.
        let id = self.call_out(target, headers, Some(call));
        self.selected = Some(id);
    }
}

/// A header's value as a URI carries it (RFC 3261 19.1.1): what isn't unreserved is escaped.
fn escape_header(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 16);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
