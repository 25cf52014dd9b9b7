//! A screen's requests, the poll of each second first of all.

use super::Core;
use super::agent_log::Phase;
use super::calls::CallId;
use super::clock::Now;
use super::screen::{Action, DueCallback, Screen, ScreenReply, ScreenRequest};
use super::sessions::{Customer, Phone, Session, Status, Sub};
use crate::floor::switch::{LegId, Order, Part};

/// On so many polls a customer has to be gone until her agent is told.
const DEAD_POLLS: u8 = 2;

impl Core {
    /// A screen asks something.
    pub fn screen(&mut self, now: Now, request: ScreenRequest) -> ScreenReply {
        if let Action::Poll { executed } = request.action {
            return self.poll(now, &request.session, executed);
        }
        let reply = match request.action {
            Action::Login { user, password, campaign } => {
                let mut reply = self.log_in(now, &user, &password, &campaign);
                reply.screen =
                    reply.session_name.as_ref().and_then(|_| self.sessions.get(&user)).map(|s| self.shown(s));
                reply
            }
            // The screen may come with its URLs when its session is over already.
            Action::RunUrls { ids } => {
                let mut reply = self.run_urls(&ids);
                reply.screen = self.sessions.named(&request.session).map(|session| self.shown(session));
                reply
            }
            action => match self.sessions.seen(&request.session, now.at).map(|session| session.user.clone()) {
                Some(user) => {
                    let mut reply = self.act(now, &user, action);
                    reply.screen = Some(match self.sessions.named(&request.session) {
                        Some(session) => self.shown(session),
                        None => disabled(),
                    });
                    reply
                }
                None => ScreenReply {
                    screen: Some(disabled()),
                    ..ScreenReply::refused("the session is over: there's a newer login, or it was logged out")
                },
            },
        };
        self.keep_rounds(now);
        reply
    }

    fn poll(&mut self, now: Now, name: &str, executed: u64) -> ScreenReply {
        let Some(session) = self.sessions.seen(name, now.at) else {
            return ScreenReply { screen: Some(disabled()), ..ScreenReply::done() };
        };
        let executes = session.wanted.first().is_some_and(|wanted| wanted.id <= executed);
        let mut died = false;
        if session.status == Status::InCall && session.sub == Sub::None && session.customer == Customer::Ended {
            session.dead_polls += 1;
            died = session.dead_polls >= DEAD_POLLS;
        }
        let (queued, waits) = (session.status == Status::Queue, session.waits());
        if executes || died || queued || waits {
            let (user, campaign) = (session.user.clone(), session.campaign.clone());
            if executes {
                self.sessions.edit(&user, |session| session.wanted.retain(|wanted| wanted.id > executed));
            }
            if died {
                self.stand(now, &user, Status::InCall, Sub::Dead, "", |_| {});
                self.phase(now, &user, Phase::Dead);
            }
            if queued {
                self.picks_up(now, &user);
            }
            if waits && self.could_help(&campaign) {
                self.route(now, &campaign);
            }
        }
        let screen = self.sessions.named(name).map(|session| self.shown(session));
        ScreenReply { screen, ..ScreenReply::done() }
    }

    fn act(&mut self, now: Now, user: &str, action: Action) -> ScreenReply {
        match action {
            Action::Login { .. } | Action::Poll { .. } | Action::RunUrls { .. } => ScreenReply::done(),
            Action::Ready => self.ready(now, user),
            Action::Pause { code } => self.pause(now, user, code),
            Action::Dial(dialed) => self.dial_by_hand(now, user, dialed),
            Action::HangUp => self.hang_up_customer(now, user),
            Action::Dispose(disposition) => self.dispose(now, user, disposition),
            Action::Park => self.park(user),
            Action::Grab => self.grab(user),
            Action::Digits { digits } => match self.live_leg(user) {
                Some(leg) => {
                    self.orders.push_back(Order::Digits { leg, digits });
                    ScreenReply::done()
                }
                None => ScreenReply::refused("there's no customer on the line"),
            },
            Action::Transfer(transfer) => self.transfer(now, user, transfer),
            Action::Callbacks => {
                let due = self.callbacks.due_for(user).map(|callback| DueCallback {
                    callback_id: callback.id.0,
                    lead_id: callback.lead.0,
                    phone_number: self
                        .leads
                        .get(callback.lead)
                        .map(|lead| lead.phone_number.clone())
                        .unwrap_or_default(),
                    at: callback.at,
                    comments: callback.comments.clone(),
                });
                ScreenReply { callback_list: due.collect(), ..ScreenReply::done() }
            }
            Action::Lead { lead } => match self.leads.get(lead) {
                Some(_) => {
                    let call = self.calls.of_lead(lead).last();
                    ScreenReply { fields: self.lead_data(lead, call).into_iter().collect(), ..ScreenReply::done() }
                }
                None => ScreenReply::refused(format!("there's no lead {lead}")),
            },
            Action::CallPhone => self.call_phone_again(now, user),
            Action::Logout => self.log_out(now, user),
        }
    }

    fn ready(&mut self, now: Now, user: &str) -> ScreenReply {
        let Some(session) = self.sessions.get(user) else { return ScreenReply::done() };
        if session.waits() {
            return ScreenReply::done();
        }
        if session.call.is_some() {
            return ScreenReply::refused("the call isn't done with: it needs a disposition");
        }
        if session.advises.is_some() {
            return ScreenReply::refused("a colleague is being advised");
        }
        if !self.settings.quirks.calls_to_empty_rooms && !matches!(session.phone, Phone::There(_)) {
            return ScreenReply::refused("the phone isn't in the session");
        }
        // The stretch goes on: VICIdial's rows have a pause, then a wait, then a call.
        self.phase(now, user, Phase::Waiting);
        self.become_ready(now, user);
        ScreenReply::done()
    }

    /// Pauses an agent now, or after the call that she has.
    pub(super) fn pause(&mut self, now: Now, user: &str, code: Option<String>) -> ScreenReply {
        let Some(session) = self.sessions.get(user) else { return ScreenReply::done() };
        let code = code.unwrap_or_default();
        if session.call.is_some() {
            self.sessions.edit(user, |session| session.pause_next = Some(code));
            return ScreenReply::done();
        }
        if session.advises.is_some() || (session.status == Status::Paused && session.pause_code == code) {
            return ScreenReply::done();
        }
        self.stretch(now, user, Phase::Paused, &code);
        self.stand(now, user, Status::Paused, Sub::None, &code, |_| {});
        ScreenReply::done()
    }

    fn park(&mut self, user: &str) -> ScreenReply {
        match (self.live_leg(user), self.sessions.get(user)) {
            (Some(leg), Some(session)) if session.customer == Customer::Live => {
                self.orders.push_back(Order::Park { leg, music: true });
                self.sessions.edit(user, |session| session.customer = Customer::Parked);
                ScreenReply::done()
            }
            _ => ScreenReply::refused("there's no customer on the line"),
        }
    }

    fn grab(&mut self, user: &str) -> ScreenReply {
        match (self.live_leg(user), self.sessions.get(user)) {
            (Some(leg), Some(session)) if session.customer == Customer::Parked => {
                let room = session.room;
                self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
                self.sessions.edit(user, |session| session.customer = Customer::Live);
                ScreenReply::done()
            }
            _ => ScreenReply::refused("no customer is parked"),
        }
    }

    /// The leg of the customer whom an agent has, and who is there.
    pub(super) fn live_leg(&self, user: &str) -> Option<LegId> {
        let session = self.sessions.get(user)?;
        if !matches!(session.customer, Customer::Live | Customer::Parked) {
            return None;
        }
        self.calls.get(session.call.as_ref()?).map(|call| call.leg)
    }

    /// What's shown of a session.
    fn shown(&self, session: &Session) -> Screen {
        let third = match &session.third {
            None => "",
            Some(third) if third.answered => "LIVE",
            Some(_) => "DIALING",
        };
        let customer = match &session.customer {
            Customer::None => "",
            Customer::Dialing => "DIALING",
            Customer::Live => "LIVE",
            Customer::Parked => "PARKED",
            Customer::Ended => "ENDED",
            Customer::Failed(status) => status,
        };
        // A screen shows a call from when it has picked it up; the offer alone it doesn't know.
        Screen {
            session: "ok".to_owned(),
            status: session.status.name().to_owned(),
            sub_status: session.sub.name().to_owned(),
            pause_code: session.pause_code.clone(),
            lead_id: session.lead.map_or(0, |lead| lead.0),
            call_id: session.call.as_ref().map_or_else(String::new, |CallId(call)| call.clone()),
            phone_number: session.phone_number.clone(),
            customer: customer.to_owned(),
            third: third.to_owned(),
            phone_in_session: matches!(session.phone, Phone::There(_)),
            callbacks: self.callbacks.count_due_for(&session.user),
            pop_url: session.pop_url.clone(),
            wanted: session.wanted.clone(),
        }
    }
}

/// What a screen is shown whose session is over.
fn disabled() -> Screen {
    Screen { session: "disabled".to_owned(), ..Screen::default() }
}
