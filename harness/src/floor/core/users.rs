//! Who may log in, and who has tried too often.

use std::collections::BTreeMap;

use super::Core;
use super::api::AuthError;
use super::clock::Now;
use super::table::{Change, RestoreError, Table};
use crate::floor::settings::User;
use crate::trace::SimTime;

/// The users that were added while the floor ran, beside those of its settings, and wrong passwords.
#[derive(Debug)]
pub(super) struct Users {
    table: Table<String, User>,
    failures: BTreeMap<String, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: SimTime,
}

impl Users {
    pub(super) fn new() -> Users {
        Users { table: Table::new("user"), failures: BTreeMap::new() }
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)
    }
}

impl Core {
    /// Whether that's the user's password. Ten wrong ones lock the name out for a quarter of an hour.
    pub fn authenticate(&mut self, now: Now, user: &str, password: &str) -> Result<User, AuthError> {
        let timing = self.settings.timing;
        if let Some(failures) = self.users.failures.get(user) {
            if now.at.since(failures.last) >= timing.lock_out {
                self.users.failures.remove(user);
            } else if failures.count >= timing.wrong_passwords {
                return Err(AuthError::LockedOut);
            }
        }
        match self.user(user).filter(|found| found.password == password).cloned() {
            Some(found) => {
                self.users.failures.remove(user);
                Ok(found)
            }
            None => {
                let failures = self.users.failures.entry(user.to_owned());
                let failures = failures.or_insert(Failures { count: 0, last: now.at });
                failures.count += 1;
                failures.last = now.at;
                Err(AuthError::Wrong)
            }
        }
    }

    /// A user.
    pub fn user(&self, user: &str) -> Option<&User> {
        let configured = self.settings.users.iter().find(|found| found.user == user);
        configured.or_else(|| self.users.table.get(&user.to_owned()))
    }

    /// Adds a user; one of that name is left as it is and given back.
    pub fn add_user(&mut self, _now: Now, user: User) -> Result<(), Box<User>> {
        if let Some(found) = self.user(&user.user) {
            return Err(Box::new(found.clone()));
        }
        self.users.table.insert(user.user.clone(), user);
        Ok(())
    }
}
