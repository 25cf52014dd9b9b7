//! A screen's requests as forms: `POST /agc/vdc_db_query.php`, by VICIdial's names for what's asked.
//!
//! | `ACTION` | asks for | with |
//! |---|---|---|
//! | `login` | a session | `user`, `pass`, `campaign` |
//! | `poll` | how the agent stands | `executed`: the last request of the Agent API that was carried out |
//! | `VDADready`, `VDADpause` | calls, none | `pause_code` |
//! | `manDiaLnextCaLL` | a call by hand | nothing: the next lead; `lead_id`, `callback_id` |
//! | `manDiaLonly` | a call by hand | `phone_number`; `lead_search` N: it becomes a new lead |
//! | `hangup`, `park`, `grab` | the customer's call | |
//! | `dtmf` | digits for the customer | `digits` |
//! | `transfer` | the customer's call | `how`: blind, consult, conference, complete, take_back; `to` |
//! | `updateDISPO` | saving what became of the call | `dispo_choice`, `lead_id`, `call_id`, `callback_at` (unix ms), `recipient`, `callback_comments`, `comments`, `pause` |
//! | `RUNurls` | the URLs that saving has named | `url_ids`: with commas |
//! | `CalLBacKLisT` | the callbacks that are due | |
//! | `LEADINFOview` | a lead's fields | `lead_id` |
//! | `callAGENT` | the agent's phone in her room again | |
//! | `userLOGout` | the session's end | |
//!
//! Each but the first has `session_name`, as the login's reply named it. The reply is a
//! [`ScreenReply`](crate::floor::core::ScreenReply), one line of JSON.

use std::borrow::Cow;

use crate::floor::core::{
    Action, CallId, CallbackId, CallbackWish, Dialed, Disposition, LeadId, ScreenRequest, Transfer,
};

/// Where screens ask.
pub const PATH: &str = "/agc/vdc_db_query.php";

/// A request as a form.
pub fn write(request: &ScreenRequest) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("ACTION", name(&request.action));
    if !request.session.is_empty() {
        form.append_pair("session_name", &request.session);
    }
    let mut put = |field: &str, value: &str| {
        form.append_pair(field, value);
    };
    match &request.action {
        Action::Login { user, password, campaign } => {
            put("user", user);
            put("pass", password);
            put("campaign", campaign);
        }
        Action::Poll { executed } => put("executed", &executed.to_string()),
        Action::Pause { code: Some(code) } => put("pause_code", code),
        Action::Dial(Dialed::Lead(lead)) => put("lead_id", &lead.to_string()),
        Action::Dial(Dialed::Callback(callback)) => put("callback_id", &callback.0.to_string()),
        Action::Dial(Dialed::Number(number)) => put("phone_number", number),
        Action::Dial(Dialed::NewLead(number)) => {
            put("phone_number", number);
            put("lead_search", "N");
        }
        Action::Digits { digits } => put("digits", digits),
        Action::Transfer(transfer) => {
            let (how, to) = way_of(transfer);
            put("how", how);
            if let Some(to) = to {
                put("to", to);
            }
        }
        Action::Dispose(disposition) => {
            put("dispo_choice", &disposition.status);
            if let Some(lead) = disposition.lead {
                put("lead_id", &lead.to_string());
            }
            if let Some(call) = &disposition.call {
                put("call_id", &call.0);
            }
            if let Some(wish) = &disposition.callback {
                put("callback_at", &wish.at.to_string());
                put("recipient", if wish.only_me { "USERONLY" } else { "ANYONE" });
                if !wish.comments.is_empty() {
                    put("callback_comments", &wish.comments);
                }
            }
            if !disposition.comments.is_empty() {
                put("comments", &disposition.comments);
            }
            if disposition.pause {
                put("pause", "Y");
            }
        }
        Action::RunUrls { ids } => {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            put("url_ids", &ids.join(","));
        }
        Action::Lead { lead } => put("lead_id", &lead.to_string()),
        Action::Pause { code: None }
        | Action::Dial(Dialed::Next)
        | Action::Ready
        | Action::HangUp
        | Action::Park
        | Action::Grab
        | Action::Callbacks
        | Action::CallPhone
        | Action::Logout => {}
    }
    form.finish()
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Login { .. } => "login",
        Action::Poll { .. } => "poll",
        Action::Ready => "VDADready",
        Action::Pause { .. } => "VDADpause",
        Action::Dial(Dialed::Number(_) | Dialed::NewLead(_)) => "manDiaLonly",
        Action::Dial(_) => "manDiaLnextCaLL",
        Action::HangUp => "hangup",
        Action::Dispose(_) => "updateDISPO",
        Action::RunUrls { .. } => "RUNurls",
        Action::Park => "park",
        Action::Grab => "grab",
        Action::Digits { .. } => "dtmf",
        Action::Transfer(_) => "transfer",
        Action::Callbacks => "CalLBacKLisT",
        Action::Lead { .. } => "LEADINFOview",
        Action::CallPhone => "callAGENT",
        Action::Logout => "userLOGout",
    }
}

fn way_of(transfer: &Transfer) -> (&'static str, Option<&str>) {
    match transfer {
        Transfer::Blind { to } => ("blind", Some(to)),
        Transfer::Consult { to } => ("consult", Some(to)),
        Transfer::Conference { to } => ("conference", Some(to)),
        Transfer::Complete => ("complete", None),
        Transfer::TakeBack => ("take_back", None),
    }
}

/// A transfer by its name.
pub(in crate::floor) fn transfer(how: &str, to: &str) -> Option<Transfer> {
    let to = to.to_owned();
    Some(match how {
        "blind" if !to.is_empty() => Transfer::Blind { to },
        "consult" if !to.is_empty() => Transfer::Consult { to },
        "conference" if !to.is_empty() => Transfer::Conference { to },
        "complete" => Transfer::Complete,
        "take_back" => Transfer::TakeBack,
        _ => return None,
    })
}

/// Reads a request.
///
/// # Errors
/// It's none: what's missing or wrong, in a sentence.
pub fn read(form: &[u8]) -> Result<ScreenRequest, String> {
    let fields: Vec<(Cow<str>, Cow<str>)> = form_urlencoded::parse(form).collect();
    // Of a field that's there twice the last is meant, as in PHP.
    let found = |field: &str| fields.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value.to_string());
    let text = |field: &str| found(field).unwrap_or_default();
    let given = |field: &str| found(field).filter(|value| !value.is_empty());
    let number = |field: &str| match given(field) {
        None => Ok(None),
        Some(value) => value.parse::<u64>().map(Some).map_err(|_| format!("{field} is no number: {value}")),
    };
    let needed = |field: &str| given(field).ok_or_else(|| format!("there's no {field}"));
    let needed_number = |field: &str| number(field)?.ok_or_else(|| format!("there's no {field}"));
    let action = match text("ACTION").as_str() {
        "login" => Action::Login { user: needed("user")?, password: text("pass"), campaign: needed("campaign")? },
        "poll" => Action::Poll { executed: number("executed")?.unwrap_or(0) },
        "VDADready" => Action::Ready,
        "VDADpause" => Action::Pause { code: given("pause_code") },
        "manDiaLonly" => {
            let number = needed("phone_number")?;
            Action::Dial(if text("lead_search") == "N" { Dialed::NewLead(number) } else { Dialed::Number(number) })
        }
        "manDiaLnextCaLL" => Action::Dial(match (number("lead_id")?, number("callback_id")?) {
            (Some(lead), _) => Dialed::Lead(LeadId(lead)),
            (None, Some(callback)) => Dialed::Callback(CallbackId(callback)),
            (None, None) => Dialed::Next,
        }),
        "hangup" => Action::HangUp,
        "updateDISPO" => {
            let callback = number("callback_at")?.map(|at| CallbackWish {
                at,
                only_me: text("recipient").eq_ignore_ascii_case("USERONLY"),
                comments: text("callback_comments"),
            });
            Action::Dispose(Disposition {
                status: needed("dispo_choice")?,
                call: given("call_id").map(CallId),
                lead: number("lead_id")?.map(LeadId),
                callback,
                comments: text("comments"),
                pause: text("pause") == "Y",
            })
        }
        "RUNurls" => {
            let ids = needed("url_ids")?;
            let ids: Result<Vec<u64>, _> = ids.split(',').map(str::parse).collect();
            Action::RunUrls { ids: ids.map_err(|_| "url_ids has to be numbers with commas".to_owned())? }
        }
        "park" => Action::Park,
        "grab" => Action::Grab,
        "dtmf" => Action::Digits { digits: needed("digits")? },
        "transfer" => {
            let how = needed("how")?;
            Action::Transfer(
                transfer(&how, &text("to")).ok_or_else(|| format!("there's no transfer {how:?} to nobody"))?,
            )
        }
        "CalLBacKLisT" => Action::Callbacks,
        "LEADINFOview" => Action::Lead { lead: LeadId(needed_number("lead_id")?) },
        "callAGENT" => Action::CallPhone,
        "userLOGout" => Action::Logout,
        "" => return Err("there's no ACTION".to_owned()),
        other => return Err(format!("there's no ACTION {other}")),
    };
    Ok(ScreenRequest { session: text("session_name"), action })
}
