//! One disposition for each call that an agent has had, in the end.
//!
//! What became of a call is said once (domain Part 2, "Dispo": `updateDISPO`; an empty lead at a second submit is
//! `dispo_set_twice`, and nothing is sent): not never (helix-engage 72012f09: a refresh loses it), and not twice
//! (amazon-connect-streams, RestComm#2421). "Said" is the answer `ok` to `updateDISPO` on the wire.
//!
//! Judged are the calls that screens have shown. A second `ok` is a second disposition if URLs are named again for it, or
//! if it's another status and nobody said that the floor is modern; an idempotent floor may say ok as often as it's asked.
//!
//! Not judged: a second disposition on a floor with the quirk `saves-twice`, which forbids the rule's "not twice" and
//! leaves its "not never" (each is counted as an exemption: what comes of the copies is the receiver's to show); calls whose agent has vanished (another login, a session that's over, LAGGED): they become ERI, at once or,
//! with the quirk `leads-left-in-call`, at her next login; calls of which she hasn't said anything yet.

use std::time::Duration;

use busyhour_trace::{PacketId, SimTime};
use rustc_hash::FxHashMap;

use crate::dues::Dues;
use crate::surroundings::Surroundings;
use crate::web::Screen;
use crate::witness::{Judgement, Witness};

/// An answer may wait for a disk, another one for none.
const GRACE: Duration = Duration::from_secs(5);

/// Why a second disposition isn't a violation there.
const SAVES_TWICE: &str = "the floor has the quirk saves-twice, and a disposition was saved twice";

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct OneDispositionForEachCall {
    judgement: Judgement,
    calls: FxHashMap<String, Call>,
    /// The call that each session shows, and whose session it is.
    sessions: FxHashMap<String, Session>,
    left: Dues<(String, PacketId)>,
}

#[derive(Debug)]
struct Session {
    user: String,
    call: Option<String>,
    /// The last call that it showed.
    last: Option<String>,
}

#[derive(Debug)]
struct Call {
    user: String,
    saved: Vec<(String, bool)>,
    packets: Vec<PacketId>,
    is_excused: bool,
}

impl Default for OneDispositionForEachCall {
    fn default() -> Self {
        OneDispositionForEachCall {
            judgement: Judgement::default(),
            calls: FxHashMap::default(),
            sessions: FxHashMap::default(),
            left: Dues::after(GRACE),
        }
    }
}

impl OneDispositionForEachCall {
    fn saved(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let session = self.sessions.get(screen.session);
        let shown = session.and_then(|session| session.call.clone().or_else(|| session.last.clone()));
        let Some(id) = screen.form.get("call_id").filter(|id| !id.is_empty()).map(str::to_owned).or(shown) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let status = screen.form.get("dispo_choice").unwrap_or_default().to_owned();
        let names_urls = !screen.shown.urls.is_empty();
        let before = call.saved.first().cloned();
        call.saved.push((status.clone(), names_urls));
        call.packets.push(screen.packet);
        let Some((first, named)) = before else {
            self.judgement.judged += 1;
            return;
        };
        let floor = around.floor();
        if floor.has_quirk("saves-twice") {
            self.judgement.exempt(SAVES_TWICE);
            return;
        }
        let is_another = first != status && floor.profile() != "modern";
        if (names_urls && named) || is_another {
            let what = format!("{}'s disposition of {id} was saved twice: {first}, then {status}", call.user);
            self.judgement.violate(screen.at, what, call.packets.clone());
        }
    }

    /// The agent isn't there any more who could say it.
    fn vanished(&mut self, session: &str) {
        let call = self.sessions.get_mut(session).and_then(|session| session.call.take());
        let Some(call) = call.and_then(|call| self.calls.get_mut(&call)) else { return };
        if call.saved.is_empty() && !std::mem::replace(&mut call.is_excused, true) {
            self.judgement.exempt("its agent has vanished: ERI");
        }
    }
}

impl Witness for OneDispositionForEachCall {
    fn name(&self) -> &'static str {
        "one_disposition_for_each_call"
    }

    fn rule(&self) -> &'static str {
        "of each call that an agent has had is said once what became of it (VICIdial, updateDISPO and dispo_set_twice)"
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if screen.user.is_empty() {
            return;
        }
        if screen.action == "login" && shown.is_ok {
            let others =
                self.sessions.iter().filter(|(_, session)| session.user == screen.user && session.call.is_some());
            let others: Vec<String> = others.map(|(name, _)| name.clone()).collect();
            others.iter().for_each(|other| self.vanished(other));
        }
        if screen.action == "updateDISPO" && shown.is_ok {
            self.saved(screen, around);
        }
        if screen.is_overtaken {
            return;
        }
        if shown.session == "disabled" || shown.pause_code == "LAGGED" {
            self.vanished(screen.session);
            return;
        }
        let session = self.sessions.entry(screen.session.to_owned()).or_insert_with(|| Session {
            user: screen.user.to_owned(),
            call: None,
            last: None,
        });
        if session.call.as_deref().unwrap_or_default() == shown.call_id {
            return;
        }
        let now = (!shown.call_id.is_empty()).then(|| shown.call_id.clone());
        if now.is_some() {
            session.last.clone_from(&now);
        }
        let before = std::mem::replace(&mut session.call, now.clone());
        if let Some(now) = now {
            let call = Call { user: screen.user.to_owned(), saved: Vec::new(), packets: Vec::new(), is_excused: false };
            self.calls.entry(now).or_insert(call);
        }
        if let Some(before) = before
            && self.calls.get(&before).is_some_and(|call| call.saved.is_empty())
        {
            self.left.push(screen.at, (before, screen.packet));
        }
    }

    fn due(&mut self, now: SimTime, _around: &Surroundings) {
        while let Some((at, (id, packet))) = self.left.pop(now) {
            let Some(call) = self.calls.get_mut(&id).filter(|call| call.saved.is_empty() && !call.is_excused) else {
                continue;
            };
            call.is_excused = true;
            self.judgement.judged += 1;
            let what = format!("{} has left {id} behind, and never said what became of it", call.user);
            self.judgement.violate(at, what, [packet]);
        }
    }

    fn ending(&mut self, _at: SimTime, _around: &Surroundings) {
        let open = self.calls.values().filter(|call| call.saved.is_empty() && !call.is_excused).count();
        (0..open).for_each(|_| self.judgement.exempt("what became of it isn't said yet"));
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
