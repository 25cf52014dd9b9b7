//! What agents' screens showed, as spans.

use busyhour_trace::{HostId, SimTime};

use super::exchanges::Showed;

/// An agent's state, for as long as her screen showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// From then...
    pub begin: SimTime,
    /// ... to then.
    pub end: SimTime,
    /// The agent.
    pub agent: String,
    /// Where her screen is.
    pub host: Option<HostId>,
    /// READY, INCALL, PAUSED, ...
    pub status: String,
}

/// Spans of what was showed: a state lasts until the screen shows another.
pub(super) fn states(showed: Vec<Showed>, end: SimTime) -> Vec<State> {
    let mut states: Vec<State> = Vec::new();
    for one in showed {
        let last = states.iter_mut().rev().find(|state| state.agent == one.user);
        if let Some(last) = last {
            if last.status == one.status {
                continue;
            }
            last.end = one.at;
        }
        states.push(State { begin: one.at, end, agent: one.user, host: one.host, status: one.status });
    }
    states.retain(|state| state.status != "LOGGED OUT" && state.end > state.begin);
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_the_screen_shows_another_and_ends_with_the_session() {
        let showed = |at, status: &str| Showed { at: SimTime(at), user: "a".into(), host: None, status: status.into() };
        let all = vec![showed(1, "PAUSED"), showed(2, "PAUSED"), showed(5, "READY"), showed(9, "LOGGED OUT")];
        let spans: Vec<(u64, u64, String)> =
            states(all, SimTime(20)).into_iter().map(|state| (state.begin.0, state.end.0, state.status)).collect();
        assert_eq!(spans, [(1, 5, "PAUSED".to_owned()), (5, 9, "READY".to_owned())]);
    }
}
