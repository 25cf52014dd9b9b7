//! One state per agent.
//!
//! An agent is READY, QUEUE, INCALL, PAUSED or CLOSER (domain Part 2, "Agent row & states"), and of what a status
//! doesn't tell there are DEAD, of INCALL, and DISPO, of PAUSED. She waits (READY, or CLOSER where customers call in)
//! without a call, and is in QUEUE and INCALL with one. From one state she gets to the next:
//!
//! - waiting to QUEUE, to INCALL, by a call that is routed to her; INCALL to DEAD and back, by the customer;
//! - to PAUSED of any state but DISPO by lagging (pause code LAGGED, thirty seconds of silence);
//! - by what her screen asks: PAUSED to waiting (`VDADready`) and back (`VDADpause`), either to INCALL by dialing, INCALL
//!   and DEAD to DISPO (`hangup`, `transfer`), and a call or its DISPO to waiting or PAUSED (`updateDISPO`);
//! - a colleague who is asked for advice is paused (CONSLT), and then waits again or is given the call.
//!
//! And she is in one session: a second login disables the first one's screen (`DEAD_VLA`), which is shown no state any
//! more.
//!
//! Judged are the answers to screens that show a state. What a screen doesn't see between two answers may have happened.
//! Not judged: screens that were disabled; answers that a later request's has overtaken.

use rustc_hash::FxHashMap;

use crate::surroundings::Surroundings;
use crate::web::{Screen, Shown, Web};
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct OneStatePerAgent {
    judgement: Judgement,
    sessions: FxHashMap<String, Session>,
    /// The session that each agent has begun last.
    newest: FxHashMap<String, String>,
    /// What screens have asked since their last answer.
    asked: FxHashMap<String, Vec<(u64, Asks)>>,
    /// A colleague was asked for advice.
    consults: bool,
}

#[derive(Debug)]
struct Session {
    state: State,
    code: String,
    /// The request by which another session took its place.
    retired: Option<u64>,
    is_disabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Queue,
    InCall,
    Dead,
    Dispo,
    Paused,
}

use State::{Dead, Dispo, InCall, Paused, Queue, Waits};

/// What a screen can ask that changes a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Ready,
    Pause,
    Dial,
    Leave,
    Dispose,
}

fn asks(action: &str) -> Option<Asks> {
    Some(match action {
        "VDADready" => Asks::Ready,
        "VDADpause" | "callAGENT" => Asks::Pause,
        "manDiaLnextCaLL" | "manDiaLonly" => Asks::Dial,
        "hangup" | "transfer" => Asks::Leave,
        "updateDISPO" => Asks::Dispose,
        _ => return None,
    })
}

/// Ways that nobody's screen asks for.
const BY_ITSELF: [(State, State); 4] = [(Waits, Queue), (Queue, InCall), (InCall, Dead), (Dead, InCall)];
/// Where lagging leads to PAUSED.
const LAGS: [(State, State); 4] = [(Waits, Paused), (Queue, Paused), (InCall, Paused), (Dead, Paused)];
/// The ways of an adviser.
const ADVISES: [(State, State); 3] = [(Waits, Paused), (Paused, Waits), (Paused, Queue)];

fn ways(asks: Asks) -> &'static [(State, State)] {
    match asks {
        Asks::Ready => &[(Paused, Waits)],
        Asks::Pause => &[(Waits, Paused)],
        Asks::Dial => &[(Paused, InCall), (Waits, InCall)],
        Asks::Leave => &[(InCall, Dispo), (Dead, Dispo)],
        Asks::Dispose => &[
            (InCall, Waits),
            (Dead, Waits),
            (Dispo, Waits),
            (Paused, Waits),
            (InCall, Paused),
            (Dead, Paused),
            (Dispo, Paused),
        ],
    }
}

/// True if one can get from the one state to the other by these ways.
fn leads(from: State, to: State, ways: &[(State, State)]) -> bool {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(here) = reached.get(next).copied() {
        next += 1;
        for (_, there) in ways.iter().filter(|(start, _)| *start == here) {
            if !reached.contains(there) {
                reached.push(*there);
            }
        }
    }
    reached.contains(&to)
}

/// The state that is shown; or what's wrong with it.
fn state(shown: &Shown) -> Result<State, String> {
    let Shown { status, sub_status, call_id, .. } = shown;
    match (&**status, &**sub_status, call_id.is_empty()) {
        ("READY" | "CLOSER", "", true) => Ok(Waits),
        ("READY" | "CLOSER", "", false) => Err(format!("waits for a call ({status}) and has {call_id}")),
        ("QUEUE", "", false) => Ok(Queue),
        ("INCALL", "", false) => Ok(InCall),
        ("INCALL", "DEAD", false) => Ok(Dead),
        ("QUEUE" | "INCALL", "" | "DEAD", true) => Err(format!("is {status} and has no call")),
        ("PAUSED", "", _) => Ok(Paused),
        ("PAUSED", "DISPO", _) => Ok(Dispo),
        (_, "", _) => Err(format!("is {status:?}, which is no state")),
        _ => Err(format!("is {status} and {sub_status}, which is no state")),
    }
}

fn name(state: State) -> &'static str {
    match state {
        Waits => "waiting",
        Queue => "QUEUE",
        InCall => "INCALL",
        Dead => "DEAD",
        Dispo => "DISPO",
        Paused => "PAUSED",
    }
}

impl Witness for OneStatePerAgent {
    fn name(&self) -> &'static str {
        "one_state_per_agent"
    }

    fn rule(&self) -> &'static str {
        "an agent has one session and one state, and gets from it to such as can follow (VICIdial, vicidial_live_agents \
         and vdc_db_query.php)"
    }

    fn asked(&mut self, web: &Web<'_>, _around: &Surroundings) {
        let Some(order) = web.order else { return };
        let (Some(action), Some(session)) = (order.get("ACTION"), order.get("session_name")) else { return };
        self.consults |= action == "transfer";
        if let Some(asks) = asks(action) {
            self.asked.entry(session.to_owned()).or_default().push((web.number, asks));
        }
    }

    fn screen(&mut self, screen: &Screen<'_>, _around: &Surroundings) {
        let Screen { session: name_of_session, user, shown, .. } = *screen;
        if user.is_empty() || shown.session.is_empty() {
            return;
        }
        if shown.session == "disabled" {
            if let Some(session) = self.sessions.get_mut(name_of_session)
                && !std::mem::replace(&mut session.is_disabled, true)
            {
                self.judgement.exempt("the screen is disabled");
            }
            return;
        }
        if screen.is_overtaken {
            self.judgement.exempt("a later request was answered before");
            return;
        }
        self.judgement.judged += 1;
        let now = match state(shown) {
            Ok(now) => now,
            Err(what) => {
                self.judgement.violate(screen.at, format!("{user} {what}"), [screen.packet]);
                return;
            }
        };
        if screen.action == "login" && shown.is_ok {
            let before = self.newest.insert(user.to_owned(), name_of_session.to_owned());
            if let Some(before) = before.and_then(|before| self.sessions.get_mut(&before)) {
                before.retired.get_or_insert(screen.number);
            }
        }
        let asked = self.asked.get_mut(name_of_session);
        let asked: Vec<Asks> = asked
            .map(|asked| {
                let until = asked.partition_point(|(number, _)| *number <= screen.number);
                asked.drain(..until).map(|(_, asks)| asks).collect()
            })
            .unwrap_or_default();
        let Some(session) = self.sessions.get_mut(name_of_session) else {
            let code = shown.pause_code.clone();
            let session = Session { state: now, code, retired: None, is_disabled: false };
            self.sessions.insert(name_of_session.to_owned(), session);
            return;
        };
        if session.retired.is_some_and(|retired| retired < screen.number) || session.is_disabled {
            let what = format!("{user} is shown {} in a session that is over: she has another", name(now));
            self.judgement.violate(screen.at, what, [screen.packet]);
            return;
        }
        let before = session.state;
        if before != now {
            let mut open = BY_ITSELF.to_vec();
            asked.iter().for_each(|asks| open.extend(ways(*asks)));
            if shown.pause_code == "LAGGED" || session.code == "LAGGED" {
                open.extend(LAGS);
            }
            if self.consults || session.code == "CONSLT" || shown.pause_code == "CONSLT" {
                open.extend(ADVISES);
            }
            if !leads(before, now, &open) {
                let what = format!("{user} got from {} to {}, and no way leads there", name(before), name(now));
                self.judgement.violate(screen.at, what, [screen.packet]);
            }
            session.state = now;
        }
        shown.pause_code.clone_into(&mut session.code);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
