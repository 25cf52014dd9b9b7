//! What an agent's screen asks of the floor, and what it's told.

use serde::{Deserialize, Serialize};

use super::callbacks::CallbackId;
use super::calls::CallId;
use super::leads::LeadId;

/// A request of an agent's screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenRequest {
    /// The session that the login's reply named; empty at login.
    pub session: String,
    /// What's asked.
    pub action: Action,
}

/// What a screen can ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begin a session: the floor calls the agent's phone into a room of her own. She's paused with the code LOGIN.
    Login {
        /// Who.
        user: String,
        /// Her password.
        password: String,
        /// Where she'll work.
        campaign: String,
    },
    /// What there is, once a second.
    Poll {
        /// The number of the last [`External`] request that the screen has executed; 0 at first.
        executed: u64,
    },
    /// Become ready for calls.
    Ready,
    /// Pause; in a call or at its disposition: after it.
    Pause {
        /// Why: a pause code.
        code: Option<String>,
    },
    /// Dial by hand.
    Dial(Dialed),
    /// End the customer's call: the disposition is next.
    HangUp,
    /// Save the disposition of the call. In a live call it hangs up first.
    Dispose(Disposition),
    /// Have the URLs called that saving the disposition has named.
    RunUrls {
        /// Which.
        ids: Vec<u64>,
    },
    /// Put the customer aside, with music.
    Park,
    /// Take the customer back.
    Grab,
    /// Send digits to the customer.
    Digits {
        /// Which.
        digits: String,
    },
    /// Give the customer away, or ask a third for advice.
    Transfer(Transfer),
    /// The callbacks that are due for this agent.
    Callbacks,
    /// Every field of a lead.
    Lead {
        /// Which.
        lead: LeadId,
    },
    /// Call the agent's phone again, which has been lost. She's paused if she wasn't.
    CallPhone,
    /// End the session. With a customer on the line it's refused.
    Logout,
}

/// What an agent dials by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialed {
    /// The next lead of the hopper.
    Next,
    /// A lead.
    Lead(LeadId),
    /// A number; an unknown one becomes a lead.
    Number(String),
    /// A number that becomes a lead, whoever has it already.
    NewLead(String),
    /// A callback that is due.
    Callback(CallbackId),
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disposition {
    /// SALE, NI, CALLBK, ...
    pub status: String,
    /// The call; left out by VICIdial's screen, whose server takes the one that the agent has.
    pub call: Option<CallId>,
    /// The lead, if the agent's own row doesn't tell any more: the second of two copies.
    pub lead: Option<LeadId>,
    /// When and by whom the customer is to be called again, with CALLBK.
    pub callback: Option<CallbackWish>,
    /// What the agent wrote.
    pub comments: String,
    /// Pause afterwards instead of being ready.
    pub pause: bool,
}

/// A callback that an agent schedules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallbackWish {
    /// When, in unix milliseconds.
    pub at: u64,
    /// Only she will call.
    pub only_me: bool,
    /// What's to be said of it when the time has come.
    pub comments: String,
}

/// Giving the customer away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// To somebody, unasked: the agent is done with the call.
    Blind {
        /// An agent, a phone or a number.
        to: String,
    },
    /// Put the customer aside and talk to somebody.
    Consult {
        /// An agent, a phone or a number.
        to: String,
    },
    /// Customer, agent and a third all talk.
    Conference {
        /// An agent, a phone or a number.
        to: String,
    },
    /// The customer goes to whom was consulted.
    Complete,
    /// Whom was consulted goes; the customer comes back.
    TakeBack,
}

/// What's wanted of a screen by the Agent API: it executes that after its next poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum External {
    /// End the customer's call.
    HangUp,
    /// Save a disposition.
    Status {
        /// Which.
        status: String,
        /// With CALLBK: when, in unix milliseconds.
        callback_at: Option<u64>,
        /// With CALLBK: only this agent.
        only_me: bool,
        /// With CALLBK: what's to be said of it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comments: String,
    },
    /// Pause.
    Pause {
        /// Why.
        code: Option<String>,
    },
    /// Become ready.
    Resume,
    /// Dial a number by hand.
    Dial {
        /// Which.
        number: String,
        /// The lead, when it's known.
        lead: Option<LeadId>,
        /// Nobody looks for a lead with that number: it becomes a new one.
        #[serde(default)]
        new: bool,
    },
    /// Log out.
    Logout,
    /// Give the customer away.
    Transfer {
        /// `blind`, `consult`, `conference`, `complete` or `take_back`; `hang_up` on both.
        how: String,
        /// To whom.
        to: String,
    },
    /// Put the customer aside.
    Park,
    /// Take the customer back.
    Grab,
    /// Send digits to the customer.
    Digits {
        /// Which.
        digits: String,
    },
    /// Call the agent's phone again.
    CallPhone,
}

/// An [`External`] request with its number: the screen's next poll tells that it has been executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its number, which grows.
    pub id: u64,
    /// What's wanted.
    #[serde(flatten)]
    pub what: External,
}

/// What a screen is told: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenReply {
    /// Whether it was done.
    pub result: Done,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The session that a login has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// The URLs that the screen is to have called with [`Action::RunUrls`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<u64>,
    /// The callbacks that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callback_list: Vec<DueCallback>,
    /// The fields of the lead that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// How the agent stands. Every reply has it but those to nobody's session.
    #[serde(flatten)]
    pub screen: Option<Screen>,
}

/// Whether a request was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It was.
    Ok,
    /// It wasn't.
    Error,
}

/// How an agent stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Screen {
    /// `ok`, or `disabled` when she has logged in elsewhere or was logged out.
    pub session: String,
    /// READY, QUEUE, INCALL, PAUSED or CLOSER; empty for a disabled session.
    pub status: String,
    /// DEAD or DISPO, or empty.
    pub sub_status: String,
    /// Why she's paused, or empty.
    pub pause_code: String,
    /// The lead of her call or disposition; 0 without.
    pub lead_id: u64,
    /// The call, or empty.
    pub call_id: String,
    /// The customer's number, or empty.
    pub phone_number: String,
    /// How the customer's leg stands: "", DIALING, LIVE, PARKED, ENDED; for a call that failed its status in letters: AB, NA, ADC ..
    pub customer: String,
    /// How a third stands who was called: "", DIALING, LIVE.
    pub third: String,
    /// The agent's own phone is in her room.
    pub phone_in_session: bool,
    /// How many callbacks are due for her alone.
    pub callbacks: u64,
    /// What the screen opens for this call, or empty.
    pub pop_url: String,
    /// What the Agent API wants of the screen, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Wanted>,
}

/// A callback that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueCallback {
    /// The callback.
    pub callback_id: u64,
    /// The lead.
    pub lead_id: u64,
    /// The lead's number.
    pub phone_number: String,
    /// When it was due, in unix milliseconds.
    pub at: u64,
    /// What the agent wrote.
    pub comments: String,
}

impl ScreenReply {
    /// It was done.
    pub(super) fn done() -> ScreenReply {
        ScreenReply {
            result: Done::Ok,
            error: None,
            session_name: None,
            urls: Vec::new(),
            callback_list: Vec::new(),
            fields: Vec::new(),
            screen: None,
        }
    }

    /// It couldn't be done.
    pub fn refused(why: impl Into<String>) -> ScreenReply {
        ScreenReply { result: Done::Error, error: Some(why.into()), ..ScreenReply::done() }
    }

    /// It was done.
    pub fn is_ok(&self) -> bool {
        self.result == Done::Ok
    }
}
