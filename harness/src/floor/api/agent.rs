//! The Agent API: `/agc/api.php`.

use super::{Params, has_valid_source, identify, may_use, moment};
use crate::floor::core::{AuthError, Core, External, ExternalError, ExternalRequest, LeadId, Now};

/// What comes after `ERROR: ` or `SUCCESS: `.
type Outcome = Result<String, String>;

pub(super) fn answer(core: &mut Core, now: Now, params: &Params) -> String {
    match execute(core, now, params) {
        Ok(line) => format!("SUCCESS: {line}\n"),
        Err(line) => format!("ERROR: {line}\n"),
    }
}

fn execute(core: &mut Core, now: Now, params: &Params) -> Outcome {
    let (function, value, agent) = (params.get("function"), params.get("value"), params.get("agent_user"));
    if !has_valid_source(params) {
        return Err(format!("Invalid Source - {}", params.get("source")));
    }
    let user = match identify(core, now, params) {
        Ok(user) => user,
        Err(error) => {
            let why = if error == AuthError::LockedOut { "LOCK" } else { "BAD" };
            let (user, pass) = (params.get("user"), params.get("pass"));
            return Err(format!("Invalid Username/Password: |{user}|{pass}|0|0|{why}|"));
        }
    };
    if !may_use(&user, function) {
        return Err(format!(
            "auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION - {value}|{}|{function}|{}",
            user.user, user.group
        ));
    }
    if agent.is_empty() {
        return Err(if is_known(function) {
            format!("{function} not valid - {value}|{agent}")
        } else {
            "NO FUNCTION SPECIFIED".to_owned()
        });
    }
    let epoch = now.wall / 1_000;
    match function {
        "external_hangup" if value == "1" => {
            pass_on(core, now, agent, External::HangUp)?;
            Ok(format!("external_hangup function set - {value}|{agent}"))
        }
        "external_status" if !value.is_empty() && value.len() <= 6 => {
            let callback_at = match params.given("callback_datetime") {
                None => None,
                Some(text) => Some(
                    moment(core, now, text).ok_or_else(|| format!("external_status not valid - {value}|{agent}"))?,
                ),
            };
            let only_me = params.get("callback_type") == "USERONLY";
            let status = value.to_owned();
            let comments: String = params.get("callback_comments").chars().take(200).collect();
            pass_on(core, now, agent, External::Status { status, callback_at, only_me, comments })?;
            Ok(format!("external_status function set - {value}|{agent}"))
        }
        "external_pause" if matches!(value, "PAUSE" | "RESUME") => {
            let what = if value == "PAUSE" { External::Pause { code: None } } else { External::Resume };
            pass_on(core, now, agent, what)?;
            Ok(format!("external_pause function set - {value}|{epoch}|{agent}"))
        }
        "pause_code" if !value.is_empty() => {
            logged_in(core, now, agent)?;
            if value.len() > 6 {
                return Err(format!("pause_code not valid - {agent}|{value}"));
            }
            if core.agent_status(now, agent).is_none_or(|status| status.status != "PAUSED") {
                return Err(format!("pause_code error - agent is not paused - {agent}"));
            }
            pass_on(core, now, agent, External::Pause { code: Some(value.to_owned()) })?;
            Ok(format!("pause_code function sent - {agent}"))
        }
        "logout" if value == "LOGOUT" => {
            pass_on(core, now, agent, External::Logout)?;
            Ok(format!("logout function set - {value}|{epoch}|{agent}"))
        }
        "external_dial" => external_dial(core, now, params, agent),
        "park_call" => {
            let what = match value {
                "PARK_CUSTOMER" => External::Park,
                "GRAB_CUSTOMER" => External::Grab,
                "HANGUP_XFER_GRAB_CUSTOMER" => External::Transfer { how: "take_back".to_owned(), to: String::new() },
                _ => return Err(format!("park_call not valid - {value}|{agent}")),
            };
            pass_on_or(core, now, agent, what, |error| {
                matches!(error, ExternalError::NoCall(_)).then_some("does not have a lead on their screen")
            })?;
            Ok(format!("park_call function set - {value}|{agent}"))
        }
        "transfer_conference" => transfer_conference(core, now, params, agent),
        "send_dtmf" => {
            // P and S stand for # and *, Q for a second of silence.
            let digits: String = value.chars().filter(|digit| *digit != 'Q').collect();
            let digits = digits.replace('P', "#").replace('S', "*");
            if digits.is_empty() || !digits.chars().all(|digit| digit.is_ascii_digit() || "#*ABCD".contains(digit)) {
                return Err(format!("send_dtmf not valid - {value}|{agent}"));
            }
            pass_on(core, now, agent, External::Digits { digits })?;
            Ok(format!("send_dtmf function set - {value}|{agent}"))
        }
        "call_agent" => {
            logged_in(core, now, agent)?;
            if value != "CALL" {
                return Err(format!("call_agent not valid - {agent}|{value}"));
            }
            pass_on(core, now, agent, External::CallPhone)?;
            Ok(format!("call_agent function sent - {agent}"))
        }
        _ if is_known(function) => Err(format!("{function} not valid - {value}|{agent}")),
        _ => Err("NO FUNCTION SPECIFIED".to_owned()),
    }
}

fn is_known(function: &str) -> bool {
    matches!(
        function,
        "external_hangup"
            | "external_status"
            | "external_pause"
            | "external_dial"
            | "pause_code"
            | "logout"
            | "park_call"
            | "transfer_conference"
            | "send_dtmf"
            | "call_agent"
    )
}

fn logged_in(core: &Core, now: Now, agent: &str) -> Result<(), String> {
    if core.user(agent).is_none() {
        return Err(format!("no user found - {agent}"));
    }
    if core.agent_status(now, agent).is_none() {
        return Err(format!("agent_user is not logged in - {agent}"));
    }
    Ok(())
}

fn pass_on(core: &mut Core, now: Now, agent: &str, what: External) -> Result<(), String> {
    pass_on_or(core, now, agent, what, |_| None)
}

/// The same by a function that has words of its own for some of what may be in the way.
fn pass_on_or(
    core: &mut Core,
    now: Now,
    agent: &str,
    what: External,
    own_words: impl Fn(&ExternalError) -> Option<&'static str>,
) -> Result<(), String> {
    logged_in(core, now, agent)?;
    core.external(now, ExternalRequest { user: agent.to_owned(), what }).map_err(|error| {
        match (own_words(&error), error) {
            (Some(words), _) => format!("agent_user {words} - {agent}"),
            (None, ExternalError::NotLoggedIn(agent)) => format!("agent_user is not logged in - {agent}"),
            (None, ExternalError::NoCall(agent)) => format!("agent_user does not have a live call - {agent}"),
            (None, ExternalError::ScreenGone(agent, ms)) => {
                format!("agent_user screen is not responding - {agent}|{}", ms / 1_000)
            }
            (None, ExternalError::WrongState(agent, status)) => {
                format!("agent_user is not able to do that - {agent}|{status}")
            }
        }
    })
}

fn external_dial(core: &mut Core, now: Now, params: &Params, agent: &str) -> Outcome {
    let value = params.get("value");
    let phone_code = params.given("phone_code").unwrap_or("1");
    let (search, preview, focus) = (params.get("search"), params.get("preview"), params.get("focus"));
    let not_valid = || format!("external_dial not valid - {value}|{phone_code}|{search}|{agent}");
    logged_in(core, now, agent)?;
    let lead = match params.given("lead_id") {
        None => None,
        Some(text) => {
            let lead = text.parse().ok().map(LeadId).filter(|lead| core.lead(*lead).is_some());
            Some(lead.ok_or_else(|| format!("lead_id is not valid - {agent}|{text}"))?)
        }
    };
    // Whether to look for the lead, to show it first, to come to the front: each is YES or NO. Here nothing is shown first.
    if [search, preview, focus].iter().any(|flag| flag.len() < 2) || preview == "YES" {
        return Err(not_valid());
    }
    let is_number = (2..=18).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = match value {
        "MANUALNEXT" => String::new(),
        _ if lead.is_some() || is_number => value.to_owned(),
        _ => return Err(not_valid()),
    };
    let dial = External::Dial { number, lead, new: search == "NO" };
    pass_on_or(core, now, agent, dial, |error| {
        matches!(error, ExternalError::WrongState(..)).then_some("is not paused")
    })?;
    let vendor = params.get("vendor_id");
    let epoch = now.wall / 1_000;
    let (prefix, alias) = (params.get("dial_prefix"), params.get("group_alias"));
    Ok(format!(
        "external_dial function set - {value}|{agent}|{phone_code}|{search}|{preview}|{focus}|{vendor}|{epoch}|{prefix}|{alias}||"
    ))
}

fn transfer_conference(core: &mut Core, now: Now, params: &Params, agent: &str) -> Outcome {
    let (value, to) = (params.get("value"), params.get("phone_number"));
    let how = match value {
        "BLIND_TRANSFER" | "LOCAL_CLOSER" => "blind",
        "DIAL_WITH_CUSTOMER" => "conference",
        "PARK_CUSTOMER_DIAL" => "consult",
        "LEAVE_3WAY_CALL" => "complete",
        "HANGUP_XFER" => "take_back",
        "HANGUP_BOTH" => "hang_up",
        "LEAVE_VM" => return Err(format!("transfer_conference not valid - {value}|{agent}")),
        _ => return Err(format!("value is not valid - {value}|{agent}")),
    };
    if matches!(how, "blind" | "conference" | "consult") && to.is_empty() {
        return Err(format!("transfer_conference not valid - {value}|{agent}"));
    }
    let call = core.agent_status(now, agent).and_then(|status| status.call).map(|call| call.0).unwrap_or_default();
    pass_on(core, now, agent, External::Transfer { how: how.to_owned(), to: to.to_owned() })?;
    let (ingroup, consultative) = (params.get("ingroup_choices"), params.get("consultative"));
    Ok(format!("transfer_conference function set - {value}|{ingroup}|{to}|{consultative}|{agent}|{call}|"))
}
