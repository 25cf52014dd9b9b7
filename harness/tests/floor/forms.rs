//! A screen's requests as forms.

use busyhour::floor::core::{
    Action, CallId, CallbackId, CallbackWish, Dialed, Disposition, LeadId, ScreenRequest, Transfer,
};
use busyhour::floor::screen::form::{read, write};

fn all() -> Vec<Action> {
    let to = "bob".to_owned();
    vec![
        Action::Login { user: "alice".into(), password: "a&b=c d".into(), campaign: "renewals".into() },
        Action::Poll { executed: 7 },
        Action::Ready,
        Action::Pause { code: None },
        Action::Pause { code: Some("LUNCH".into()) },
        Action::Dial(Dialed::Next),
        Action::Dial(Dialed::Lead(LeadId(1001))),
        Action::Dial(Dialed::Callback(CallbackId(3))),
        Action::Dial(Dialed::Number("15551230001".into())),
        Action::Dial(Dialed::NewLead("15551230001".into())),
        Action::HangUp,
        Action::Dispose(Disposition { status: "SALE".into(), ..Disposition::default() }),
        Action::Dispose(Disposition {
            status: "CALLBK".into(),
            call: Some(CallId("V1".into())),
            lead: Some(LeadId(1001)),
            callback: Some(CallbackWish { at: 1_795_442_400_000, only_me: true, comments: "the wife, too".into() }),
            comments: "after lunch, \u{e9}h?".into(),
            pause: true,
        }),
        Action::RunUrls { ids: vec![1, 22] },
        Action::Park,
        Action::Grab,
        Action::Digits { digits: "12#*".into() },
        Action::Transfer(Transfer::Blind { to: to.clone() }),
        Action::Transfer(Transfer::Consult { to: to.clone() }),
        Action::Transfer(Transfer::Conference { to }),
        Action::Transfer(Transfer::Complete),
        Action::Transfer(Transfer::TakeBack),
        Action::Callbacks,
        Action::Lead { lead: LeadId(1001) },
        Action::CallPhone,
        Action::Logout,
    ]
}

#[test]
fn what_a_screen_writes_is_what_the_floor_reads() {
    for action in all() {
        let session = if matches!(action, Action::Login { .. }) { String::new() } else { "s 1".to_owned() };
        let request = ScreenRequest { session, action };
        assert_eq!(read(write(&request).as_bytes()), Ok(request));
    }
}

#[test]
fn what_is_no_request_is_refused_in_a_sentence() {
    let refused = |form: &str| read(form.as_bytes()).expect_err("it's no request");
    assert_eq!(refused(""), "there's no ACTION");
    assert_eq!(refused("ACTION=dance"), "there's no ACTION dance");
    assert_eq!(refused("ACTION=updateDISPO&session_name=s"), "there's no dispo_choice");
    assert_eq!(refused("ACTION=poll&session_name=s&executed=x"), "executed is no number: x");
    assert_eq!(refused("ACTION=transfer&session_name=s&how=blind"), "there's no transfer \"blind\" to nobody");
    assert_eq!(refused("ACTION=RUNurls&session_name=s&url_ids=1,a"), "url_ids has to be numbers with commas");
}
