//! Bindings on disk, a file a user: a crash takes none that was answered with 200.

use std::fmt::Write;
use std::rc::Rc;

use super::registrar::{Contact, Registrar};
use super::settings::{LostConnection, ServerSettings};
use crate::sip::{Flow, Transport};
use crate::trace::SimTime;
use crate::world::Host;

const FOLDER: &str = "registrations/";

/// A file's name: a user's may have any sign in it.
fn path(user: &str) -> String {
    let mut path = FOLDER.to_owned();
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02x}");
        }
    }
    path
}

/// Writes a user's bindings down, safely. A disk that refuses is no reason to refuse the phone: it's lost at the next
/// crash then.
pub(super) fn keep(host: &Host, user: &str, contacts: &[Contact]) {
    let disk = host.disk();
    let path = path(user);
    if contacts.is_empty() {
        if disk.exists(&path) {
            // The removal is a change of names: the next sync of anything makes it safe, and this is one.
            let _ = disk.write(&path, b"\n").and_then(|()| disk.sync(&path)).and_then(|()| disk.remove(&path));
        }
        return;
    }
    let mut text = format!("{user}\n");
    for contact in contacts {
        let flow = contact.flow;
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            contact.expires_at.as_nanos(),
            flow.transport.parameter(),
            flow.remote,
            contact.q,
            contact.reg_id.map_or(String::new(), |id| id.to_string()),
            contact.instance.as_deref().unwrap_or_default(),
            contact.cseq,
            contact.call_id,
            contact.uri,
        );
    }
    let _ = disk.write(&path, text).and_then(|()| disk.sync(&path));
}

fn read(line: &str) -> Option<Contact> {
    let mut parts = line.split('\t');
    let mut next = || parts.next();
    let expires_at = SimTime(next()?.parse().ok()?);
    let transport = Transport::named(next()?)?;
    // A connection dies with the process; perhaps the phone listens for another one.
    let flow = Flow { transport, remote: next()?.parse().ok()?, connection: None };
    let q = next()?.parse().ok()?;
    let reg_id = next()?.parse().ok();
    let instance = next().filter(|instance| !instance.is_empty()).map(str::to_owned);
    let cseq = next()?.parse().ok()?;
    let call_id = next()?.to_owned();
    let uri = next()?.to_owned();
    Some(Contact { uri, flow, expires_at, instance, reg_id, q, call_id, cseq })
}

/// What the last life wrote down.
pub(super) fn restore(host: &Host, settings: &ServerSettings, registrar: &mut Registrar) {
    let disk = host.disk();
    let now = host.now();
    for file in disk.list(FOLDER).unwrap_or_default() {
        let Some(text) = disk.read(&file).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { continue };
        let mut lines = text.lines();
        let Some(user) = lines.next().filter(|user| settings.users.contains_key(*user)) else { continue };
        let mut contacts: Vec<Contact> = lines.filter_map(read).collect();
        contacts.retain(|contact| {
            let lost = contact.flow.transport != Transport::Udp && settings.lost_connection == LostConnection::Drops;
            contact.expires_at > now && !lost
        });
        if !contacts.is_empty() {
            registrar.restore(&Rc::from(user), contacts);
        }
    }
}
