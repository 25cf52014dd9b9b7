//! A phone's buttons.

use super::core::Core;
use super::{Body, Phone, desk};
use crate::trace::SimTime;
use crate::world::Power;

/// A button that can't be pressed now, and what is seen instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{phone}'s phone can't {button}: it shows {seen}")]
pub struct NoSuchButton {
    /// Whose phone.
    pub phone: String,
    /// What was to be done: `answer`, `hang up`.
    pub button: &'static str,
    /// What the screen shows.
    pub seen: String,
}

/// The buttons. Each returns at once; what comes of it is on the [screen](Phone::screen).
impl Phone {
    /// Switches the account on: from now on the phone keeps itself registered, after a power cut too.
    ///
    /// # Errors
    /// The screen is dark.
    pub fn register(&self) -> Result<(), NoSuchButton> {
        self.switch_on(None)
    }

    /// Types that password in and switches the account on.
    ///
    /// # Errors
    /// The screen is dark.
    pub fn register_with(&self, password: &str) -> Result<(), NoSuchButton> {
        self.switch_on(Some(password))
    }

    fn switch_on(&self, password: Option<&str>) -> Result<(), NoSuchButton> {
        if self.host.power() != Power::Up {
            return Err(self.no_such("register"));
        }
        if let Body::Desk(_) = self.body {
            // One that still boots finds it on its disk.
            desk::save(&self.host, true, password);
        }
        let pressed = self.touch(|core, now| {
            if core.is_page() {
                core.place.remember(true, password);
            }
            core.switch_on(now, password);
        });
        match (pressed, &self.body) {
            (None, Body::Tab { .. }) => Err(self.no_such("register")),
            _ => Ok(()),
        }
    }

    /// Switches the account off.
    ///
    /// # Errors
    /// The screen is dark, or the account isn't on.
    pub fn unregister(&self) -> Result<(), NoSuchButton> {
        self.press_button("unregister", |core, now| {
            let was_on = core.switch_off(now);
            if was_on {
                core.place.remember(false, None);
            }
            was_on
        })
    }

    /// Dials a number, a user's name, or a full address, which is called without a server:
    /// `sip:bob@10.0.0.3:5060`. Who is talked to is put on hold.
    ///
    /// # Errors
    /// The screen is dark, all lines are busy, or that's no number.
    pub fn dial(&self, number: &str) -> Result<(), NoSuchButton> {
        self.press_button("dial", |core, now| core.dial(now, number))
    }

    /// Answers the call that rings. Who is talked to is put on hold.
    ///
    /// # Errors
    /// Nothing rings.
    pub fn answer(&self) -> Result<(), NoSuchButton> {
        self.press_button("answer", |core, now| core.answer_button(now))
    }

    /// Rejects the call that rings (486).
    ///
    /// # Errors
    /// Nothing rings.
    pub fn reject(&self) -> Result<(), NoSuchButton> {
        self.press_button("reject", |core, now| core.reject_button(now))
    }

    /// Hangs up, or gives up calling.
    ///
    /// # Errors
    /// There is no call.
    pub fn hang_up(&self) -> Result<(), NoSuchButton> {
        self.press_button("hang up", |core, now| core.hang_up(now))
    }

    /// Puts the other side on hold.
    ///
    /// # Errors
    /// Nobody is talked to, or it's on hold already.
    pub fn hold(&self) -> Result<(), NoSuchButton> {
        self.press_button("hold", |core, now| core.hold_button(now))
    }

    /// Takes the other side off hold. Who is talked to meanwhile is put on hold.
    ///
    /// # Errors
    /// Nobody is on hold.
    pub fn resume(&self) -> Result<(), NoSuchButton> {
        self.press_button("resume", |core, now| core.resume_button(now))
    }

    /// Hands the call on to somebody without asking (a blind transfer). If it fails, the call is there again.
    ///
    /// # Errors
    /// There is no answered call, a transfer is under way, or that's no number.
    pub fn transfer(&self, to: &str) -> Result<(), NoSuchButton> {
        self.press_button("transfer", |core, now| core.transfer_button(now, to))
    }

    /// Puts the call on hold and calls somebody to ask first.
    ///
    /// # Errors
    /// There is no answered call, no second line is free, or that's no number.
    pub fn consult(&self, to: &str) -> Result<(), NoSuchButton> {
        self.press_button("consult", |core, now| core.consult_button(now, to))
    }

    /// Connects the first call with who was consulted. While it still rings there, the call is handed on blindly.
    ///
    /// # Errors
    /// Nobody is consulted.
    pub fn complete_transfer(&self) -> Result<(), NoSuchButton> {
        self.press_button("complete the transfer", Core::complete_button)
    }

    /// Drops the consultation, and takes the first call off hold.
    ///
    /// # Errors
    /// No call waits behind a consultation.
    pub fn take_back(&self) -> Result<(), NoSuchButton> {
        self.press_button("take the call back", Core::take_back_button)
    }

    /// Presses digits in a call (RFC 4733).
    ///
    /// # Errors
    /// Nobody is talked to.
    pub fn press(&self, digits: &str) -> Result<(), NoSuchButton> {
        self.press_button("press digits", |core, _| core.press_digits(digits))
    }

    /// Writes to who is talked to, by the call's data channel.
    ///
    /// # Errors
    /// Nobody is talked to, or the call has no data channel that's open.
    pub fn write(&self, text: &str) -> Result<(), NoSuchButton> {
        self.press_button("write", |core, _| core.write(text))
    }

    fn no_such(&self, button: &'static str) -> NoSuchButton {
        NoSuchButton { phone: self.host.name().to_owned(), button, seen: self.screen().to_string() }
    }

    /// Does what a button does; false says that it can't be pressed now.
    fn press_button(
        &self,
        button: &'static str,
        act: impl FnOnce(&mut Core, SimTime) -> bool,
    ) -> Result<(), NoSuchButton> {
        let pressed = self.touch(act) == Some(true);
        if pressed { Ok(()) } else { Err(self.no_such(button)) }
    }
}
