//! The page.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::form;
use crate::floor::core::{
    Action, CallId, CallbackWish, Dialed, Disposition, DueCallback, External, LeadId, Screen, ScreenReply,
    ScreenRequest, Transfer, Wanted,
};
use crate::phone::browser::{FetchError, FetchRequest, FetchResponse, Page, RequestId, Site, TimerId, Web, WebEvent};
use crate::trace::SimTime;

/// More requests than that a browser doesn't have under way to one server (Chrome): a poll too many is left out.
const UNDER_WAY: usize = 6;

/// What the page is made with.
#[derive(Debug, Clone)]
pub struct ScreenSettings {
    /// Where the floor is: `http://floor`.
    pub floor: String,
    /// Who sits before it.
    pub user: String,
    /// Her password.
    pub password: String,
    /// How often it asks how she stands: VICIdial's `refresh_interval`.
    pub refresh: Duration,
    /// It says which call a disposition is of, so that a second copy can be told from a second call. VICIdial's doesn't.
    pub names_calls: bool,
}

impl ScreenSettings {
    /// VICIdial's screen.
    pub fn new(floor: impl Into<String>, user: &str, password: &str) -> ScreenSettings {
        ScreenSettings {
            floor: floor.into(),
            user: user.to_owned(),
            password: password.to_owned(),
            refresh: Duration::from_millis(1_000),
            names_calls: false,
        }
    }

    /// One that names calls.
    #[must_use]
    pub fn naming_calls(self) -> ScreenSettings {
        ScreenSettings { names_calls: true, ..self }
    }
}

/// Something that the screen has put before its agent's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// When.
    pub at: SimTime,
    /// What.
    pub text: String,
}

/// What a request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Purpose {
    Login,
    Poll,
    Dispose,
    Logout,
    /// Something that the Agent API wants.
    Wanted(u64),
    Pop,
    Other,
}

#[derive(Debug)]
struct Asked {
    /// Replies may overtake each other: an older one doesn't change what's shown.
    number: u64,
    purpose: Purpose,
}

/// The agent's screen: what's in the tab. Who has the tab presses its buttons by
/// [`Tab::press`](crate::phone::browser::Tab::press) and looks at it by [`Tab::page`](crate::phone::browser::Tab::page).
#[derive(Debug)]
pub struct AgentScreen {
    settings: Rc<ScreenSettings>,
    session: Option<String>,
    shown: Option<Screen>,
    /// The number of the request whose reply is shown.
    shown_number: u64,
    /// That reply's text, if it's a poll's: as long as the same comes again, there's nothing to do.
    told: Bytes,
    next_number: u64,
    asked: BTreeMap<RequestId, Asked>,
    polls: Option<TimerId>,
    /// What the Agent API wants and hasn't been carried out; the last that came; the last that was carried out.
    wanted: VecDeque<Wanted>,
    taken: u64,
    executed: u64,
    popped: String,
    opened: Vec<String>,
    alerts: Vec<Alert>,
    callbacks: Vec<DueCallback>,
    fields: Vec<(String, String)>,
    disabled: bool,
    /// The Agent API has logged her out: she goes when her call has its disposition.
    leaves: bool,
}

impl AgentScreen {
    /// The site that gives such pages.
    pub fn site(settings: ScreenSettings) -> Site {
        let settings = Rc::new(settings);
        let origin = settings.floor.clone();
        Site::new(&origin, move || AgentScreen::new(settings.clone()))
    }

    fn new(settings: Rc<ScreenSettings>) -> AgentScreen {
        AgentScreen {
            settings,
            session: None,
            shown: None,
            shown_number: 0,
            told: Bytes::new(),
            next_number: 0,
            asked: BTreeMap::new(),
            polls: None,
            wanted: VecDeque::new(),
            taken: 0,
            executed: 0,
            popped: String::new(),
            opened: Vec::new(),
            alerts: Vec::new(),
            callbacks: Vec::new(),
            fields: Vec::new(),
            disabled: false,
            leaves: false,
        }
    }

    // --- what it shows ---------------------------------------------------------------------------------------------

    /// In a word: `LOGIN` before anybody has logged in, `DISABLED` when the session is somebody else's, else the
    /// sub-status (DEAD, DISPO) or the status.
    pub fn shows(&self) -> &str {
        match &self.shown {
            _ if self.disabled => "DISABLED",
            None => "LOGIN",
            Some(screen) if !screen.sub_status.is_empty() => &screen.sub_status,
            Some(screen) => &screen.status,
        }
    }

    /// Everything that the floor told last, in a session.
    pub fn screen(&self) -> Option<&Screen> {
        self.shown.as_ref()
    }

    /// Whether somebody is logged in here, as far as the page knows.
    pub fn is_logged_in(&self) -> bool {
        self.session.is_some() && !self.disabled
    }

    /// Whether the session is over for this page: its agent has logged in elsewhere.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// The URLs that it has opened for calls, in their order.
    pub fn opened_urls(&self) -> &[String] {
        &self.opened
    }

    /// What it has put before its agent's eyes, in its order.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// The callbacks that were due when they were last asked for.
    pub fn callbacks(&self) -> &[DueCallback] {
        &self.callbacks
    }

    /// The fields of the lead that was last asked for.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Whether an answer of the floor is still awaited, to anything but a poll.
    pub fn is_busy(&self) -> bool {
        self.asked.values().any(|asked| !matches!(asked.purpose, Purpose::Poll | Purpose::Pop))
    }

    // --- its buttons -----------------------------------------------------------------------------------------------

    /// Logs in.
    pub fn log_in(&mut self, web: &Web, campaign: &str) {
        let ScreenSettings { user, password, .. } = &*self.settings;
        let (user, password, campaign) = (user.clone(), password.clone(), campaign.to_owned());
        self.session = None;
        self.told = Bytes::new();
        self.disabled = false;
        self.ask(web, Purpose::Login, Action::Login { user, password, campaign }, false);
    }

    /// Becomes ready.
    pub fn ready(&mut self, web: &Web) {
        self.press(web, Action::Ready);
    }

    /// Pauses.
    pub fn pause(&mut self, web: &Web, code: Option<&str>) {
        self.press(web, Action::Pause { code: code.map(str::to_owned) });
    }

    /// Hangs up on the customer.
    pub fn hang_up(&mut self, web: &Web) {
        self.press(web, Action::HangUp);
    }

    /// Puts the customer aside.
    pub fn hold(&mut self, web: &Web) {
        self.press(web, Action::Park);
    }

    /// Takes the customer back.
    pub fn unhold(&mut self, web: &Web) {
        self.press(web, Action::Grab);
    }

    /// Gives the customer away, or asks somebody about it.
    pub fn transfer(&mut self, web: &Web, transfer: Transfer) {
        self.press(web, Action::Transfer(transfer));
    }

    /// Sends digits to the customer.
    pub fn digits(&mut self, web: &Web, digits: &str) {
        self.press(web, Action::Digits { digits: digits.to_owned() });
    }

    /// Dials by hand.
    pub fn dial(&mut self, web: &Web, whom: Dialed) {
        self.press(web, Action::Dial(whom));
    }

    /// Asks which callbacks are due.
    pub fn list_callbacks(&mut self, web: &Web) {
        self.press(web, Action::Callbacks);
    }

    /// Asks for a lead's fields.
    pub fn look_up(&mut self, web: &Web, lead: LeadId) {
        self.press(web, Action::Lead { lead });
    }

    /// Has her own phone called again.
    pub fn call_phone(&mut self, web: &Web) {
        self.press(web, Action::CallPhone);
    }

    /// Saves what became of the call; in a live call that hangs up first. What's saved is on its way when the tab is
    /// closed: only what would follow isn't. Without a call nothing is sent.
    pub fn save_disposition(&mut self, web: &Web, status: &str, callback: Option<CallbackWish>) {
        self.dispose(web, status, callback, false, Purpose::Dispose);
    }

    /// The same, and pauses.
    pub fn save_disposition_and_pause(&mut self, web: &Web, status: &str, callback: Option<CallbackWish>) {
        self.dispose(web, status, callback, true, Purpose::Dispose);
    }

    /// Logs out.
    pub fn log_out(&mut self, web: &Web) {
        if self.has_live_customer() {
            return self.alert(web, "STILL A LIVE CALL! You must hang it up before you can log out.");
        }
        self.ask(web, Purpose::Logout, Action::Logout, false);
    }

    // --- the rest --------------------------------------------------------------------------------------------------

    fn dispose(&mut self, web: &Web, status: &str, callback: Option<CallbackWish>, pause: bool, purpose: Purpose) {
        let Some(screen) = self.shown.as_ref().filter(|screen| screen.lead_id != 0) else {
            // VICIdial's event of the same name: there's no lead any more, so nothing is sent.
            return self.alert(web, "dispo_set_twice: there is no call to disposition.");
        };
        let disposition = Disposition {
            status: status.to_owned(),
            call: (self.settings.names_calls && !screen.call_id.is_empty()).then(|| CallId(screen.call_id.clone())),
            lead: Some(LeadId(screen.lead_id)),
            callback,
            comments: String::new(),
            // Whoever is about to be logged out gets no other call.
            pause: pause || self.leaves,
        };
        self.ask(web, purpose, Action::Dispose(disposition), true);
    }

    fn press(&mut self, web: &Web, action: Action) {
        self.ask(web, Purpose::Other, action, false);
    }

    /// A call, or one that waits for its disposition.
    fn has_call(&self) -> bool {
        self.shown.as_ref().is_some_and(|screen| screen.lead_id != 0)
    }

    fn has_live_customer(&self) -> bool {
        let customer = self.shown.as_ref().map(|screen| screen.customer.as_str());
        matches!(customer, Some("DIALING" | "LIVE" | "PARKED"))
    }

    fn alert(&mut self, web: &Web, text: impl Into<String>) {
        let text = text.into();
        web.console("screen-alert", |event| event.with("text", text.as_str()));
        self.alerts.push(Alert { at: web.now(), text });
    }

    fn ask(&mut self, web: &Web, purpose: Purpose, action: Action, outlives_the_tab: bool) {
        if purpose != Purpose::Login && !self.is_logged_in() {
            return self.alert(web, "Nobody is logged in here.");
        }
        self.next_number += 1;
        let request = ScreenRequest { session: self.session.clone().unwrap_or_default(), action };
        let url = format!("{}{}", self.settings.floor, form::PATH);
        let mut fetch =
            FetchRequest::post(url, "application/x-www-form-urlencoded; charset=UTF-8", form::write(&request));
        fetch.keepalive = outlives_the_tab;
        let id = web.fetch(fetch);
        self.asked.insert(id, Asked { number: self.next_number, purpose });
    }

    fn poll(&mut self, web: &Web) {
        if self.is_logged_in() && self.asked.len() < UNDER_WAY {
            self.ask(web, Purpose::Poll, Action::Poll { executed: self.executed }, false);
        }
    }

    fn fetched(&mut self, web: &Web, asked: Asked, outcome: Result<FetchResponse, FetchError>) {
        let is_poll = asked.purpose == Purpose::Poll;
        let reply = match &outcome {
            Ok(_) if asked.purpose == Purpose::Pop => return,
            Ok(response) if is_poll && response.ok() && response.body == self.told => {
                self.shown_number = self.shown_number.max(asked.number);
                return;
            }
            Ok(response) if response.ok() => serde_json::from_slice::<ScreenReply>(&response.body)
                .map_err(|error| format!("The server's answer makes no sense: {error}.")),
            Ok(response) => Err(format!("The server answers {} {}.", response.status, response.status_text)),
            Err(error) => Err(format!("The server doesn't answer: {error}.")),
        };
        match reply {
            Ok(reply) => {
                let asks_for_nothing = reply.urls.is_empty();
                self.replied(web, &asked, reply);
                if asked.number == self.shown_number {
                    let poll = outcome.ok().filter(|_| is_poll && asks_for_nothing);
                    self.told = poll.map_or_else(Bytes::new, |response| response.body);
                }
            }
            // The next poll is due soon.
            Err(_) if is_poll => {}
            Err(why) => {
                self.alert(web, why);
                if let Purpose::Wanted(id) = asked.purpose {
                    self.carried_out(web, id);
                }
            }
        }
    }

    fn replied(&mut self, web: &Web, asked: &Asked, reply: ScreenReply) {
        let is_ok = reply.is_ok();
        if let Some(why) = &reply.error
            && asked.purpose != Purpose::Poll
        {
            self.alert(web, why.clone());
        }
        if is_ok && asked.purpose == Purpose::Logout {
            return self.ends(web);
        }
        if asked.purpose == Purpose::Login && is_ok {
            self.session = reply.session_name;
            (self.taken, self.executed) = (0, 0);
            self.leaves = false;
            self.wanted.clear();
            self.popped.clear();
            if self.polls.is_none() {
                self.polls = Some(web.set_interval(self.settings.refresh));
            }
        }
        if !reply.urls.is_empty() {
            self.ask(web, Purpose::Other, Action::RunUrls { ids: reply.urls }, false);
        }
        if !reply.callback_list.is_empty() {
            self.callbacks = reply.callback_list;
        }
        if !reply.fields.is_empty() {
            self.fields = reply.fields;
        }
        if let Some(screen) = reply.screen
            && asked.number > self.shown_number
            && self.session.is_some()
        {
            self.shown_number = asked.number;
            self.show(web, screen);
        }
        if let Purpose::Wanted(id) = asked.purpose {
            self.carried_out(web, id);
        }
    }

    fn show(&mut self, web: &Web, screen: Screen) {
        if screen.session != "ok" {
            self.disabled = true;
            self.stop_polling(web);
            return self
                .alert(web, "Your session has been disabled: you are logged in somewhere else, or were logged out.");
        }
        let had = self.shown.as_ref().map_or(0, |before| before.callbacks);
        if screen.callbacks > had {
            let text = match screen.callbacks {
                1 => "A callback is due for you.".to_owned(),
                count => format!("{count} callbacks are due for you."),
            };
            self.alert(web, text);
        }
        if !screen.pop_url.is_empty() && screen.status == "INCALL" && screen.call_id != self.popped {
            self.popped.clone_from(&screen.call_id);
            self.opened.push(screen.pop_url.clone());
            let id = web.fetch(FetchRequest::get(&screen.pop_url));
            self.asked.insert(id, Asked { number: 0, purpose: Purpose::Pop });
        }
        let new: Vec<Wanted> = screen.wanted.iter().filter(|wanted| wanted.id > self.taken).cloned().collect();
        self.shown = Some(screen);
        if let Some(last) = new.last() {
            self.taken = last.id;
        }
        if self.leaves && !self.has_call() {
            self.leaves = false;
            self.log_out(web);
        }
        let idle = self.wanted.is_empty();
        self.wanted.extend(new);
        if idle {
            self.carry_out_next(web);
        }
    }

    /// What the Agent API wants is done one thing after the other, in its order.
    fn carry_out_next(&mut self, web: &Web) {
        let Some(Wanted { id, what }) = self.wanted.front().cloned() else { return };
        let purpose = Purpose::Wanted(id);
        let action = match what {
            External::HangUp => Action::HangUp,
            External::Status { status, callback_at, only_me, comments } => {
                let callback = callback_at.map(|at| CallbackWish { at, only_me, comments });
                if self.shown.as_ref().is_none_or(|screen| screen.lead_id == 0) {
                    self.alert(web, "dispo_set_twice: there is no call to disposition.");
                    return self.carried_out(web, id);
                }
                return self.dispose(web, &status, callback, false, purpose);
            }
            External::Pause { code } => Action::Pause { code },
            External::Resume => Action::Ready,
            External::Dial { lead: Some(lead), .. } => Action::Dial(Dialed::Lead(lead)),
            External::Dial { number, lead: None, .. } if number.is_empty() => Action::Dial(Dialed::Next),
            External::Dial { number, lead: None, new: true } => Action::Dial(Dialed::NewLead(number)),
            External::Dial { number, lead: None, new: false } => Action::Dial(Dialed::Number(number)),
            External::Logout => {
                self.carried_out(web, id);
                // From outside she's logged out when she has said what became of the call.
                self.leaves = self.has_call();
                if !self.leaves {
                    self.log_out(web);
                }
                return;
            }
            External::Transfer { how, .. } if how == "hang_up" => Action::HangUp,
            External::Transfer { how, to } => match form::transfer(&how, &to) {
                Some(transfer) => Action::Transfer(transfer),
                None => return self.carried_out(web, id),
            },
            External::Park => Action::Park,
            External::Grab => Action::Grab,
            External::Digits { digits } => Action::Digits { digits },
            External::CallPhone => Action::CallPhone,
        };
        self.ask(web, purpose, action, false);
    }

    fn carried_out(&mut self, web: &Web, id: u64) {
        self.executed = self.executed.max(id);
        if self.wanted.front().is_some_and(|wanted| wanted.id == id) {
            self.wanted.pop_front();
            self.carry_out_next(web);
        }
    }

    fn stop_polling(&mut self, web: &Web) {
        if let Some(timer) = self.polls.take() {
            web.clear_timer(timer);
        }
    }

    fn ends(&mut self, web: &Web) {
        self.stop_polling(web);
        self.session = None;
        self.shown = None;
        self.told = Bytes::new();
        self.asked.retain(|_, asked| asked.purpose == Purpose::Pop);
    }

    /// As VICIdial's does it: with a customer on the line there's but an alert, that nobody will see.
    fn unloaded(&mut self, web: &Web) {
        if !self.is_logged_in() {
            return;
        }
        if self.has_live_customer() {
            return self.alert(web, "STILL A LIVE CALL! You must hang it up before you can log out.");
        }
        self.ask(web, Purpose::Logout, Action::Logout, true);
    }
}

impl Page for AgentScreen {
    fn handle(&mut self, web: &Web, event: WebEvent) {
        match event {
            WebEvent::Timer(timer) if self.polls == Some(timer) => self.poll(web),
            WebEvent::Fetched { request, outcome } => {
                if let Some(asked) = self.asked.remove(&request) {
                    self.fetched(web, asked, outcome);
                }
            }
            WebEvent::Unload => self.unloaded(web),
            _ => {}
        }
    }
}
