//! A floor that starts again: what its books tell, and what no book can: its calls are gone.

use super::Core;
use super::calls::{CallId, Direction};
use super::clock::Now;
use super::leads::Taken;
use super::table::RestoreError;
use crate::floor::settings::FloorSettings;
use crate::world::Random;

impl Core {
    /// With the rows (table, key, value) that former lives have committed. Rooms and legs of a former life are gone, so
    /// its calls are over: an agent who had one is told that her customer has gone, a customer whom no agent had was
    /// dropped, and a call that only rang has had no answer. Sessions go on: the screens know their names.
    pub fn restore<'a>(
        settings: FloorSettings,
        now: Now,
        random: Random,
        rows: impl IntoIterator<Item = (&'a str, &'a str, &'a [u8])>,
    ) -> Result<Core, RestoreError> {
        let mut core = Core::empty(settings, random);
        for (table, key, value) in rows {
            match table {
                "floor" => core.meta.load(key, value)?,
                "lead" => core.leads.load(key, value)?,
                "hopper" => core.hopper.load(key, value)?,
                "dnc" => core.dnc.load(key, value)?,
                "callback" => core.callbacks.load(key, value)?,
                "call" => core.calls.load(key, value)?,
                "session" => core.sessions.load(key, value)?,
                "agent_log" => core.agent_log.load(key, value)?,
                "user" => core.users.load(key, value)?,
                "url" => core.urls.load(key, value)?,
                "dialer" => core.dialers.load(key, value)?,
                "request" => core.requests.load(key, value)?,
                // Somebody else's, in the same store.
                _ => {}
            }
        }
        core.calls.index();
        core.begin_life();
        for lead in core.hopper.leads() {
            core.leads.take(lead, Taken::Hopper);
        }
        core.sessions.begin_anew(now.at);
        let rooms: Vec<_> = core.sessions.iter().map(|session| session.room).collect();
        for room in rooms {
            core.legs.room_was(room);
        }
        core.close_calls_of_former_life(now);
        let records: Vec<_> = core.calls.records().cloned().collect();
        for record in &records {
            core.count_logged(record);
        }
        core.keep_rounds(now);
        Ok(core)
    }

    fn close_calls_of_former_life(&mut self, now: Now) {
        let open: Vec<CallId> =
            self.calls.records().filter(|record| record.ended.is_none()).map(|record| record.id.clone()).collect();
        for id in open {
            let Some(record) = self.calls.edit_record(&id) else { continue };
            record.ended = Some(now.wall);
            "CRASH".clone_into(&mut record.ended_by);
            // What an agent had, she says herself; what she had said already stays.
            if record.routed.is_none() && record.status.is_empty() {
                let status = match (record.answered.is_some(), record.direction) {
                    (_, Direction::Inbound | Direction::Transfer) => "XDROP",
                    (true, _) => "DROP",
                    (false, _) => "NA",
                };
                status.clone_into(&mut record.status);
                self.lead_of_call(now, &id, status, None);
            }
            self.tell_call_ended(now, &id);
        }
    }
}
