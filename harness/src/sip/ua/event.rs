//! What a user agent has to tell.

use bytes::Bytes;

use super::super::transaction::ServerId;
use super::super::{Flow, Message};
use super::{CallId, RequestId};

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answered in time (timers B and F).
    #[error("nobody answered in time")]
    TimedOut,
    /// There was no way to the other side, or it broke.
    #[error("there is no connection to the other side")]
    FlowFailed,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// We hung up.
    HungUp,
    /// The other side hung up.
    PeerHungUp,
    /// The other side gave up before we answered.
    Cancelled,
    /// We gave up before the other side answered.
    Abandoned,
    /// We refused with that status.
    Rejected(u16),
    /// The other side refused with that status; `408` and `503` also stand for no answer and no connection.
    Refused(u16),
    /// Our answer was never acknowledged (RFC 3261 13.3.1.4).
    Unacknowledged,
    /// Nobody refreshed the session (RFC 4028).
    SessionExpired,
    /// The other side no longer knows the call, or can't be reached.
    Lost,
}

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request came that belongs to no call. It wants [`UserAgent::respond`](super::UserAgent::respond).
    Request {
        /// Its transaction.
        server: ServerId,
        /// The request.
        request: Message,
        /// How it came.
        flow: Flow,
    },
    /// A request of ours outside of any call was answered finally, or wasn't.
    Response {
        /// Which request.
        id: RequestId,
        /// The answer.
        outcome: Result<Message, Failure>,
        /// Where the request went.
        flow: Flow,
    },
    /// Somebody calls.
    Incoming {
        /// The call.
        call: CallId,
        /// The INVITE.
        request: Message,
        /// How it came.
        flow: Flow,
        /// The call that it is to take the place of (RFC 3891).
        replaces: Option<CallId>,
    },
    /// Whom we call has something to say before an answer: it rings, or plays something.
    Progress {
        /// The call.
        call: CallId,
        /// The provisional response.
        response: Message,
    },
    /// Whom we call has answered.
    Answered {
        /// The call.
        call: CallId,
        /// The 2xx.
        response: Message,
        /// True if our INVITE had no offer, so that the answer has one:
        /// [`UserAgent::acknowledge`](super::UserAgent::acknowledge) takes ours.
        wants_answer: bool,
    },
    /// Our answer, or our answer to an offer, was acknowledged.
    Confirmed {
        /// The call.
        call: CallId,
        /// What the ACK carried: the answer to an offer of ours in the 2xx.
        body: Option<Bytes>,
    },
    /// The other side offers another session: [`UserAgent::answer_offer`](super::UserAgent::answer_offer) or
    /// [`UserAgent::refuse_offer`](super::UserAgent::refuse_offer). Without a body it asks for an offer of ours.
    Offered {
        /// The call.
        call: CallId,
        /// The re-INVITE or UPDATE.
        request: Message,
    },
    /// An offer of ours was answered.
    OfferAnswered {
        /// The call.
        call: CallId,
        /// The 2xx.
        response: Message,
    },
    /// An offer of ours was refused: the session stays as it was.
    OfferRefused {
        /// The call.
        call: CallId,
        /// With what status.
        status: u16,
    },
    /// An offer of ours can't be made now, as the other side makes one too: the session stays as it was for the time
    /// being. Only where [`Settings::renews_offers`](super::Settings::renews_offers) is set.
    OfferPostponed {
        /// The call.
        call: CallId,
    },
    /// It can be made now, as it fits what was agreed on meanwhile.
    OfferWanted {
        /// The call.
        call: CallId,
    },
    /// The other side asks us to call somebody (RFC 3515):
    /// [`UserAgent::accept_refer`](super::UserAgent::accept_refer) or
    /// [`UserAgent::refuse_refer`](super::UserAgent::refuse_refer).
    Referred {
        /// The call.
        call: CallId,
        /// The REFER.
        request: Message,
    },
    /// Our request to call somebody was accepted (202) or refused.
    ReferAnswered {
        /// The call.
        call: CallId,
        /// With what status.
        status: u16,
    },
    /// What became of our request to call somebody.
    Notified {
        /// The call.
        call: CallId,
        /// The status that the NOTIFY reports.
        status: u16,
        /// True if no more will come.
        last: bool,
    },
    /// An INFO came, and was answered.
    Info {
        /// The call.
        call: CallId,
        /// The request.
        request: Message,
    },
    /// The call is over. It's the last event of each call, and each call has one.
    Ended {
        /// The call.
        call: CallId,
        /// How.
        ending: Ending,
        /// The message that ended it: the refusal, the BYE, the CANCEL.
        message: Option<Message>,
    },
}
