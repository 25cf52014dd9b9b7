//! No do-not-call number is dialed.
//!
//! A number on the do-not-call list gets no call of a campaign that heeds the list (domain Part 2, "Lead statuses": DNCL;
//! FCC 47 CFR 64.1200(d)), by the dialer or by hand. A number is on it from the moment that somebody puts it there (the
//! step `do-not-call`), or that an agent's disposition DNC was saved: its answer has left the floor.
//!
//! Judged are the calls that floors place. Not judged: where a campaign of the floor doesn't heed the list, since an INVITE
//! doesn't tell its campaign.

use busyhour_trace::SimTime;
use rustc_hash::FxHashMap;

use crate::floor::{Leg, LegChange};
use crate::surroundings::Surroundings;
use crate::web::Screen;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoDoNotCallNumberDialed {
    judgement: Judgement,
    /// The numbers that agents have put on the list, and when.
    told: FxHashMap<String, SimTime>,
    /// The customer whom each session had last, and his call.
    customers: FxHashMap<String, (String, String)>,
}

impl Witness for NoDoNotCallNumberDialed {
    fn name(&self) -> &'static str {
        "no_do_not_call_number_dialed"
    }

    fn rule(&self) -> &'static str {
        "a number on the do-not-call list isn't dialed (VICIdial, DNCL; 47 CFR 64.1200(d))"
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if screen.action == "updateDISPO" && shown.is_ok && screen.form.get("dispo_choice") == Some("DNC") {
            let heeded = around.floor().campaigns().iter().all(|campaign| campaign.uses_dnc);
            let call = screen.form.get("call_id");
            let customer = self.customers.get(screen.session);
            if let Some((number, _)) = customer.filter(|(_, known)| heeded && call.is_none_or(|call| call == known)) {
                self.told.entry(number.clone()).or_insert(screen.at);
            }
        }
        if !shown.phone_number.is_empty() {
            let number = shown.phone_number.trim_start_matches('+');
            match self.customers.get_mut(screen.session) {
                Some(known) if known.1 == shown.call_id => {}
                Some(known) => *known = (number.to_owned(), shown.call_id.clone()),
                None => {
                    let customer = (number.to_owned(), shown.call_id.clone());
                    self.customers.insert(screen.session.to_owned(), customer);
                }
            }
        }
    }

    fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange, around: &Surroundings) {
        if change != LegChange::Placed {
            return;
        }
        self.judgement.judged += 1;
        let since = around.floor().blocked(&leg.number).or_else(|| self.told.get(&leg.number).copied());
        let Some(since) = since.filter(|since| *since < at) else { return };
        if around.floor().campaigns().iter().any(|campaign| !campaign.uses_dnc) {
            self.judgement.exempt("a campaign doesn't heed the do-not-call list");
        } else {
            let what = format!("{} is called, and is on the do-not-call list since {since}", leg.number);
            self.judgement.violate(at, what, [leg.packet]);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
