//! DNS messages, and the zone that answers them: A and SRV over UDP.
//!
//! Sans-I/O, after RFC 1035 (messages), RFC 2782 (SRV), RFC 2181 section 9 (what doesn't fit) and RFC 8020 (a name with
//! names under it exists). Names are compared and kept in lower case, without the last dot.
//!
//! The zone is authoritative for every name there is: what it doesn't know doesn't exist. It knows no aliases, no
//! recursion, no EDNS (so an answer ends at 512 bytes) and sends no SOA with a negative answer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The longest message over UDP (RFC 1035, section 4.2.1).
const LONGEST: usize = 512;
const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_A: u16 = 1;
const TYPE_SRV: u16 = 33;

// Bits of the header's second word.
const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RCODE: u16 = 0x000f;

const FORMAT_ERROR: u16 = 1;
const NO_SUCH_NAME: u16 = 3;
const NOT_IMPLEMENTED: u16 = 4;
const REFUSED: u16 = 5;

/// What is wrong with a name or a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// A name that DNS can't carry.
    #[error("{name:?} is no domain name: {why}")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The message ends too early.
    #[error("the message ends at byte {at}, in the middle of something")]
    Truncated {
        /// Its length.
        at: usize,
    },
    /// A compressed name points at itself or forward, so that reading it might never end.
    #[error("the name at byte {at} points to byte {to}, which isn't before it")]
    PointerLoop {
        /// Where the pointer is.
        at: usize,
        /// Where it points to.
        to: usize,
    },
    /// A name that breaks a rule.
    #[error("the name at byte {at} is malformed: {why}")]
    MalformedName {
        /// Where it is.
        at: usize,
        /// The rule.
        why: &'static str,
    },
    /// A record that breaks a rule.
    #[error("the record's data at byte {at} is malformed: {why}")]
    MalformedRecord {
        /// Where its data is.
        at: usize,
        /// The rule.
        why: &'static str,
    },
    /// The message is a question.
    #[error("the message is no answer")]
    NotAnAnswer,
    /// The answer is to another query.
    #[error("the answer has the id {found}, the query had {expected}")]
    OtherId {
        /// The query's id.
        expected: u16,
        /// The answer's.
        found: u16,
    },
    /// The answer is to another question.
    #[error("the answer is about {found:?}, the query was about {expected:?}")]
    OtherQuestion {
        /// The name that was asked for.
        expected: String,
        /// The name that was answered.
        found: String,
    },
    /// NXDOMAIN: the name doesn't exist.
    #[error("there is no name {0:?}")]
    NoSuchName(String),
    /// The server answered with another error.
    #[error("the server refused with response code {0}")]
    Refused(u8),
    /// The answer is longer than a datagram.
    #[error("the answer doesn't fit into a datagram")]
    TooLong,
}

/// A name as we keep it: lower case, no dot at the end; the root is empty.
fn canonical(name: &str) -> Result<String, DnsError> {
    let bad = |why| Err(DnsError::BadName { name: name.to_owned(), why });
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        return bad("it's empty");
    }
    // Each label is preceded by its length, the last one followed by the root's zero.
    if bare.len() + 2 > 255 {
        return bad("it's longer than 253 bytes");
    }
    for label in bare.split('.') {
        match label.len() {
            0 => return bad("a label is empty"),
            1..=63 if label.bytes().all(|byte| byte.is_ascii_graphic()) => {}
            1..=63 => return bad("it isn't plain ASCII"),
            _ => return bad("a label is longer than 63 bytes"),
        }
    }
    Ok(bare.to_ascii_lowercase())
}

fn write_name(message: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len()).expect("a canonical name's labels are at most 63 bytes"));
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
}

fn write_u16(message: &mut Vec<u8>, value: u16) {
    message.extend_from_slice(&value.to_be_bytes());
}

/// Reads a message from front to back.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DnsError> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let taken = taken.ok_or(DnsError::Truncated { at: self.bytes.len() })?;
        self.at += count;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, DnsError> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, DnsError> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A name, compressed or not (RFC 1035, section 4.1.4). Every pointer must lead to before the piece that it stands
    /// in, so each one leaves fewer bytes to go to, and reading ends.
    fn name(&mut self) -> Result<String, DnsError> {
        let starts = self.at;
        let malformed = |why| DnsError::MalformedName { at: starts, why };
        let (mut name, mut length) = (String::new(), 1);
        let mut piece_starts = starts;
        let mut goes_on_at = None;
        loop {
            let at = self.at;
            let count = usize::from(self.take(1)?[0]);
            match count {
                0 => break,
                1..=63 => {
                    length += 1 + count;
                    if length > 255 {
                        return Err(malformed("it's longer than 255 bytes"));
                    }
                    let label = self.take(count)?;
                    if !label.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'.') {
                        return Err(malformed("a label isn't plain ASCII"));
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
                }
                0xc0..=0xff => {
                    let to = (count & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    goes_on_at.get_or_insert(self.at);
                    if to >= piece_starts {
                        return Err(DnsError::PointerLoop { at, to });
                    }
                    (self.at, piece_starts) = (to, to);
                }
                _ => return Err(malformed("a label's length has reserved bits")),
            }
        }
        self.at = goes_on_at.unwrap_or(self.at);
        Ok(name)
    }
}

/// A question.
///
/// ```
/// use busyhour::net::dns::{Query, Zone, parse_answer};
///
/// let mut zone = Zone::default();
/// zone.a("sip.example.test", "10.0.0.5".parse()?, 60)?;
///
/// let query = Query::a(7, "SIP.example.test")?.to_bytes();
/// let answer = zone.answer(&query).expect("it's a query");
/// assert_eq!(parse_answer(&answer, 7, "sip.example.test")?.addresses[0].address.to_string(), "10.0.0.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    id: u16,
    name: String,
    kind: u16,
}

impl Query {
    /// Asks for a name's addresses.
    ///
    /// # Errors
    ///
    /// [`DnsError::BadName`].
    pub fn a(id: u16, name: &str) -> Result<Query, DnsError> {
        Ok(Query { id, name: canonical(name)?, kind: TYPE_A })
    }

    /// Asks who serves a service: `_sip._udp.example.test`.
    ///
    /// # Errors
    ///
    /// [`DnsError::BadName`].
    pub fn srv(id: u16, name: &str) -> Result<Query, DnsError> {
        Ok(Query { id, name: canonical(name)?, kind: TYPE_SRV })
    }

    /// The message. It asks for recursion, as every stub resolver does.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.name.len() + 6);
        for word in [self.id, RECURSION_DESIRED, 1, 0, 0, 0] {
            write_u16(&mut message, word);
        }
        write_name(&mut message, &self.name);
        write_u16(&mut message, self.kind);
        write_u16(&mut message, CLASS_IN);
        message
    }
}

/// An address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: Ipv4Addr,
    /// For how many seconds it may be kept.
    pub ttl: u32,
}

/// A server of a service (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The lowest is tried first.
    pub priority: u16,
    /// The share of its priority that it gets.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; empty if the service decidedly isn't there.
    pub target: String,
    /// For how many seconds it may be kept.
    pub ttl: u32,
}

/// What a server answered. All empty: the name is there, but has nothing of the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The name's addresses.
    pub addresses: Vec<Address>,
    /// The servers of the service, in the order of the message; RFC 2782 says in which order to try them.
    pub services: Vec<Service>,
    /// The addresses of other names that the server added, of the services' targets above all.
    pub additional: BTreeMap<String, Vec<Address>>,
}

/// Reads the answer to the query of `id` for `name`.
///
/// # Errors
///
/// The message is malformed or answers another query; the name doesn't exist; the server refuses; the answer is cut off.
pub fn parse_answer(bytes: &[u8], id: u16, name: &str) -> Result<Answer, DnsError> {
    let expected = canonical(name)?;
    let mut reader = Reader { bytes, at: 0 };
    let (found, flags) = (reader.u16()?, reader.u16()?);
    let [questions, answers, authorities, additionals] = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    if flags & RESPONSE == 0 {
        return Err(DnsError::NotAnAnswer);
    }
    if found != id {
        return Err(DnsError::OtherId { expected: id, found });
    }
    // A server that couldn't read the question doesn't repeat it.
    let refused = match flags & RCODE {
        0 => None,
        NO_SUCH_NAME => Some(DnsError::NoSuchName(expected.clone())),
        code => Some(DnsError::Refused(code as u8)),
    };
    if questions == 0 {
        return Err(refused.unwrap_or(DnsError::OtherQuestion { expected, found: String::new() }));
    }
    let found = reader.name()?;
    reader.take(4)?;
    if found != expected || questions != 1 {
        return Err(DnsError::OtherQuestion { expected, found });
    }
    if let Some(refused) = refused {
        return Err(refused);
    }
    if flags & TRUNCATED != 0 {
        return Err(DnsError::TooLong);
    }
    let mut answer = Answer::default();
    for _ in 0..answers {
        match read_record(&mut reader)? {
            (owner, Some(Record::A(address))) if owner == expected => answer.addresses.push(address),
            (owner, Some(Record::Srv(service))) if owner == expected => answer.services.push(service),
            _ => {}
        }
    }
    for _ in 0..authorities {
        read_record(&mut reader)?;
    }
    for _ in 0..additionals {
        if let (owner, Some(Record::A(address))) = read_record(&mut reader)? {
            answer.additional.entry(owner).or_default().push(address);
        }
    }
    Ok(answer)
}

enum Record {
    A(Address),
    Srv(Service),
}

/// A record with its owner; nothing of it where we don't know its type.
fn read_record(reader: &mut Reader<'_>) -> Result<(String, Option<Record>), DnsError> {
    let owner = reader.name()?;
    let (kind, class, ttl, length) = (reader.u16()?, reader.u16()?, reader.u32()?, reader.u16()?);
    let starts = reader.at;
    let data = reader.take(usize::from(length))?;
    let malformed = |why| DnsError::MalformedRecord { at: starts, why };
    let record = match (class, kind) {
        (CLASS_IN, TYPE_A) => {
            let octets: [u8; 4] = data.try_into().map_err(|_| malformed("an address has 4 bytes"))?;
            Some(Record::A(Address { address: Ipv4Addr::from(octets), ttl }))
        }
        (CLASS_IN, TYPE_SRV) => {
            // Only to the end of its data, but with all before it, which the target may point into.
            let mut within = Reader { bytes: &reader.bytes[..reader.at], at: starts };
            let (priority, weight, port) = (within.u16()?, within.u16()?, within.u16()?);
            let target = within.name()?;
            if within.at != reader.at {
                return Err(malformed("something follows the target"));
            }
            Some(Record::Srv(Service { priority, weight, port, target, ttl }))
        }
        _ => None,
    };
    Ok((owner, record))
}

/// All that the universe's name server knows.
///
/// ```
/// use busyhour::net::dns::{Query, Service, Zone, parse_answer};
///
/// let mut zone = Zone::default();
/// zone.a("one.example.test", "10.0.0.5".parse()?, 60)?;
/// let one = Service { priority: 10, weight: 0, port: 5060, target: "one.example.test".to_owned(), ttl: 60 };
/// zone.srv("_sip._udp.example.test", one.clone())?;
///
/// let query = Query::srv(1, "_sip._udp.example.test")?.to_bytes();
/// let answer = parse_answer(&zone.answer(&query).unwrap(), 1, "_sip._udp.example.test")?;
/// assert_eq!(answer.services, [one]);
/// assert!(answer.additional.contains_key("one.example.test"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    names: BTreeMap<String, Records>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Records {
    addresses: Vec<Address>,
    services: Vec<Service>,
}

impl Zone {
    /// Adds an address to a name. Answers keep the order.
    ///
    /// # Errors
    ///
    /// [`DnsError::BadName`].
    pub fn a(&mut self, name: &str, address: Ipv4Addr, ttl: u32) -> Result<(), DnsError> {
        self.names.entry(canonical(name)?).or_default().addresses.push(Address { address, ttl });
        Ok(())
    }

    /// Adds a server to a service. The target "." says that the service decidedly isn't there.
    ///
    /// # Errors
    ///
    /// [`DnsError::BadName`], of the name or the target.
    pub fn srv(&mut self, name: &str, service: Service) -> Result<(), DnsError> {
        let target = if service.target == "." { String::new() } else { canonical(&service.target)? };
        self.names.entry(canonical(name)?).or_default().services.push(Service { target, ..service });
        Ok(())
    }

    /// Takes a name away, with all its records, and says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        canonical(name).is_ok_and(|name| self.names.remove(&name).is_some())
    }

    /// The answer to a query: a format error to one that can't be read, nothing to what is no query at all.
    pub fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader { bytes: query, at: 0 };
        let (id, flags, questions) = (reader.u16().ok()?, reader.u16().ok()?, reader.u16().ok()?);
        reader.take(6).ok()?;
        if flags & RESPONSE != 0 {
            return None;
        }
        let kept = flags & (OPCODE | RECURSION_DESIRED) | RESPONSE;
        if flags & OPCODE != 0 {
            return Some(refusal(id, kept | NOT_IMPLEMENTED));
        }
        let Some((name, kind, class)) = (questions == 1).then(|| read_question(&mut reader)).flatten() else {
            return Some(refusal(id, kept | FORMAT_ERROR));
        };
        let mut message = Message::begin(id, kept | AUTHORITATIVE, &query[HEADER..reader.at]);
        if class != CLASS_IN {
            message.set(REFUSED);
            return Some(message.bytes);
        }
        let Some(records) = self.names.get(&name) else {
            // A name that only has names under it exists, but has no records.
            let under = format!(".{name}");
            if !self.names.keys().any(|other| other.ends_with(&under)) {
                message.set(NO_SUCH_NAME);
            }
            return Some(message.bytes);
        };
        let complete = match kind {
            TYPE_A => records.addresses.iter().all(|address| message.a(HEADER, address, ANSWERS)),
            TYPE_SRV => self.answer_services(&records.services, &mut message),
            _ => true,
        };
        if !complete {
            message.set(TRUNCATED);
        }
        Some(message.bytes)
    }

    /// Adds the services, then the addresses of their targets; those may be left off, the services not.
    fn answer_services(&self, services: &[Service], message: &mut Message) -> bool {
        let mut targets: Vec<(&str, usize)> = Vec::new();
        for service in services {
            let Some(target_at) = message.srv(service) else {
                return false;
            };
            if !targets.iter().any(|(known, _)| *known == service.target) {
                targets.push((&service.target, target_at));
            }
        }
        for (target, at) in targets {
            let addresses = self.names.get(target).map_or(&[][..], |records| &records.addresses);
            if !addresses.iter().all(|address| message.a(at, address, ADDITIONALS)) {
                break;
            }
        }
        true
    }
}

/// A question whose name isn't compressed: there is nothing yet that it could point to.
fn read_question(reader: &mut Reader<'_>) -> Option<(String, u16, u16)> {
    let starts = reader.at;
    let name = reader.name().ok()?;
    let plain = if name.is_empty() { 1 } else { name.len() + 2 };
    if reader.at - starts != plain {
        return None;
    }
    Some((name, reader.u16().ok()?, reader.u16().ok()?))
}

fn refusal(id: u16, flags: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    for word in [id, flags, 0, 0, 0, 0] {
        write_u16(&mut bytes, word);
    }
    bytes
}

/// An answer while it is written.
struct Message {
    bytes: Vec<u8>,
}

/// Where the header counts a section's records.
const ANSWERS: usize = 6;
const ADDITIONALS: usize = 10;

impl Message {
    fn begin(id: u16, flags: u16, question: &[u8]) -> Message {
        let mut bytes = refusal(id, flags);
        bytes[5] = 1;
        bytes.extend_from_slice(question);
        Message { bytes }
    }

    /// Sets bits of the flags, the response code's among them.
    fn set(&mut self, flags: u16) {
        let [high, low] = flags.to_be_bytes();
        self.bytes[2] |= high;
        self.bytes[3] |= low;
    }

    /// Adds a record, if it fits.
    fn add(&mut self, owner_at: usize, kind: u16, ttl: u32, section: usize, data: &[u8]) -> bool {
        if self.bytes.len() + 12 + data.len() > LONGEST {
            return false;
        }
        write_u16(&mut self.bytes, 0xc000 | u16::try_from(owner_at).expect("a message is at most 512 bytes long"));
        write_u16(&mut self.bytes, kind);
        write_u16(&mut self.bytes, CLASS_IN);
        self.bytes.extend_from_slice(&ttl.to_be_bytes());
        write_u16(&mut self.bytes, u16::try_from(data.len()).expect("it fits into 512 bytes"));
        self.bytes.extend_from_slice(data);
        let count = u16::from_be_bytes([self.bytes[section], self.bytes[section + 1]]) + 1;
        self.bytes[section..section + 2].copy_from_slice(&count.to_be_bytes());
        true
    }

    fn a(&mut self, owner_at: usize, address: &Address, section: usize) -> bool {
        self.add(owner_at, TYPE_A, address.ttl, section, &address.address.octets())
    }

    /// Adds a service of the question's name, if it fits, and says where its target is. RFC 2782 forbids to compress
    /// that, but others may point to it.
    fn srv(&mut self, service: &Service) -> Option<usize> {
        let mut data = Vec::with_capacity(service.target.len() + 8);
        for word in [service.priority, service.weight, service.port] {
            write_u16(&mut data, word);
        }
        write_name(&mut data, &service.target);
        let target_at = self.bytes.len() + 12 + 6;
        self.add(HEADER, TYPE_SRV, service.ttl, ANSWERS, &data).then_some(target_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Random;

    const SERVICE: &str = "_sip._udp.example.test";

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn service(priority: u16, target: &str) -> Service {
        Service { priority, weight: 5, port: 5060, target: target.to_owned(), ttl: 60 }
    }

    fn zone() -> Zone {
        let mut zone = Zone::default();
        zone.a("sip.example.test", ip(5), 60).expect("a name");
        zone.a("two.example.test", ip(6), 30).expect("a name");
        zone.a("two.example.test", ip(7), 30).expect("a name");
        zone.srv(SERVICE, service(10, "sip.example.test")).expect("a name");
        zone.srv(SERVICE, service(20, "two.example.test")).expect("a name");
        zone
    }

    fn ask(zone: &Zone, query: Query) -> Result<Answer, DnsError> {
        parse_answer(&zone.answer(&query.to_bytes()).expect("a query"), query.id, &query.name)
    }

    fn a(name: &str) -> Query {
        Query::a(1, name).expect("a name")
    }

    fn srv(name: &str) -> Query {
        Query::srv(1, name).expect("a name")
    }

    /// Sets two bytes of a message.
    fn with_u16(mut message: Vec<u8>, at: usize, value: u16) -> Vec<u8> {
        message[at..at + 2].copy_from_slice(&value.to_be_bytes());
        message
    }

    fn flags(message: &[u8]) -> u16 {
        u16::from_be_bytes([message[2], message[3]])
    }

    #[test]
    fn a_query_and_its_answer_are_these_bytes() {
        let query = Query::a(0x1234, "sip.example.test").expect("a name").to_bytes();
        let question = b"\x03sip\x07example\x04test\x00\x00\x01\x00\x01";
        assert_eq!(query, [b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", question.as_slice()].concat());
        let answer = [
            b"\x12\x34\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00",
            question.as_slice(),
            b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x05",
        ];
        assert_eq!(zone().answer(&query), Some(answer.concat()));
    }

    #[test]
    fn a_services_answer_is_these_bytes() {
        let mut zone = Zone::default();
        zone.a("a.test", ip(9), 1).expect("a name");
        zone.srv("_s.test", Service { priority: 1, weight: 2, port: 3, target: "a.test".to_owned(), ttl: 4 })
            .expect("a name");
        let answer = [
            b"\x00\x01\x85\x00\x00\x01\x00\x01\x00\x00\x00\x01".as_slice(),
            b"\x02_s\x04test\x00\x00\x21\x00\x01",
            b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x04\x00\x0e\x00\x01\x00\x02\x00\x03\x01a\x04test\x00",
            b"\xc0\x2b\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x0a\x00\x00\x09",
        ];
        assert_eq!(zone.answer(&srv("_s.test").to_bytes()), Some(answer.concat()));
    }

    #[test]
    fn a_name_has_all_its_addresses_in_order() {
        let answer = ask(&zone(), a("two.example.test")).expect("it's there");
        assert_eq!(answer.addresses, [Address { address: ip(6), ttl: 30 }, Address { address: ip(7), ttl: 30 }]);
        assert_eq!((answer.services.len(), answer.additional.len()), (0, 0));
    }

    #[test]
    fn a_service_comes_with_the_addresses_of_its_targets() {
        let answer = ask(&zone(), srv(SERVICE)).expect("it's there");
        assert_eq!(answer.services, [service(10, "sip.example.test"), service(20, "two.example.test")]);
        let addresses: Vec<(&str, usize)> = answer.additional.iter().map(|(n, a)| (n.as_str(), a.len())).collect();
        assert_eq!(addresses, [("sip.example.test", 1), ("two.example.test", 2)]);
        assert_eq!(answer.addresses, []);
    }

    #[test]
    fn two_ports_of_one_target_bring_its_address_once() {
        let mut zone = zone();
        zone.srv("_two.test", service(1, "sip.example.test")).expect("a name");
        zone.srv("_two.test", service(2, "SIP.example.test.")).expect("a name");
        let answer = ask(&zone, srv("_two.test")).expect("it's there");
        assert_eq!(answer.services.len(), 2);
        assert_eq!(answer.additional["sip.example.test"].len(), 1);
    }

    #[test]
    fn a_service_that_decidedly_is_not_there_has_an_empty_target() {
        let mut zone = Zone::default();
        zone.srv("_none.test", service(0, ".")).expect("a name");
        assert_eq!(ask(&zone, srv("_none.test")).expect("it's there").services, [service(0, "")]);
    }

    #[test]
    fn case_and_a_last_dot_make_no_difference() {
        assert_eq!(ask(&zone(), a("SIP.Example.TEST.")), ask(&zone(), a("sip.example.test")));
        let mut query = a("sip.example.test").to_bytes();
        query[13..16].copy_from_slice(b"SiP");
        let answer = zone().answer(&query).expect("a query");
        assert_eq!(&answer[13..16], b"SiP", "the question comes back as it was asked");
        assert_eq!(parse_answer(&answer, 1, "sip.example.test").expect("it's there").addresses.len(), 1);
    }

    #[test]
    fn a_name_that_is_not_there_does_not_exist() {
        let error = ask(&zone(), a("nobody.example.test")).expect_err("it isn't there");
        assert_eq!(error, DnsError::NoSuchName("nobody.example.test".to_owned()));
        let mut gone = zone();
        assert!(gone.remove("SIP.example.test"));
        assert!(!gone.remove("sip.example.test"));
        assert!(ask(&gone, a("sip.example.test")).is_err());
    }

    #[test]
    fn a_name_without_records_of_the_kind_exists_all_the_same() {
        assert_eq!(ask(&zone(), srv("sip.example.test")), Ok(Answer::default()));
        assert_eq!(ask(&zone(), a("_udp.example.test")), Ok(Answer::default()), "it has a name under it");
        assert!(ask(&zone(), a("udp.example.test")).is_err(), "that's no label of it");
        let aaaa = with_u16(a("sip.example.test").to_bytes(), 30, 28);
        assert_eq!(parse_answer(&zone().answer(&aaaa).expect("a query"), 1, "sip.example.test"), Ok(Answer::default()));
    }

    #[test]
    fn what_is_no_query_gets_no_answer_and_what_is_a_bad_one_a_refusal() {
        let query = a("sip.example.test").to_bytes();
        let code = |message: &[u8]| zone().answer(message).map(|answer| (flags(&answer) & RCODE, answer.len()));
        assert_eq!(code(&query).map(|(code, _)| code), Some(0));
        assert_eq!(code(&query[..11]), None, "shorter than a header");
        assert_eq!(code(&zone().answer(&query).expect("a query")), None, "an answer");
        assert_eq!(code(&query[..20]), Some((FORMAT_ERROR, 12)), "a name that ends early");
        assert_eq!(code(&with_u16(query.clone(), 4, 2)), Some((FORMAT_ERROR, 12)), "two questions");
        assert_eq!(code(&with_u16(query.clone(), 2, 0x2800)), Some((NOT_IMPLEMENTED, 12)), "an update");
        assert_eq!(code(&with_u16(query.clone(), 32, 3)), Some((REFUSED, query.len())), "another class");
        assert_eq!(code(&with_u16(query.clone(), 12, 0xc000)), Some((FORMAT_ERROR, 12)), "a name in the header");
    }

    #[test]
    fn a_refusal_is_read_as_one_with_or_without_the_question() {
        let query = a("sip.example.test").to_bytes();
        for bad in [with_u16(query.clone(), 2, 0x2800), with_u16(query.clone(), 32, 3)] {
            let refused = zone().answer(&bad).expect("a query");
            let code = (flags(&refused) & RCODE) as u8;
            assert_eq!(parse_answer(&refused, 1, "sip.example.test"), Err(DnsError::Refused(code)));
        }
    }

    #[test]
    fn an_answer_to_something_else_is_refused() {
        let answer = zone().answer(&a("sip.example.test").to_bytes()).expect("a query");
        let error = |id, name| parse_answer(&answer, id, name).expect_err("another query's");
        assert_eq!(error(2, "sip.example.test"), DnsError::OtherId { expected: 2, found: 1 });
        assert_eq!(
            error(1, "two.example.test").to_string(),
            "the answer is about \"sip.example.test\", the query was about \"two.example.test\""
        );
        let query = a("sip.example.test").to_bytes();
        assert_eq!(parse_answer(&query, 1, "sip.example.test"), Err(DnsError::NotAnAnswer));
    }

    #[test]
    fn records_of_other_names_are_no_answer() {
        // Whoever answers with a record of somebody else's name must not be believed.
        let mut answer = zone().answer(&a("sip.example.test").to_bytes()).expect("a query");
        answer[35] = 16; // The owner points to "example.test" now.
        assert_eq!(parse_answer(&answer, 1, "sip.example.test"), Ok(Answer::default()));
    }

    #[test]
    fn what_just_fits_into_512_bytes_is_whole_and_one_byte_more_is_cut_off() {
        // 12 bytes of header, 20 of question (a label of 14 and its length, the root, type and class), 30 records of 16.
        let with = |name: &str| {
            let mut zone = Zone::default();
            for n in 0..30 {
                zone.a(name, ip(n), 60).expect("a name");
            }
            let bytes = zone.answer(&a(name).to_bytes()).expect("a query");
            (bytes.len(), parse_answer(&bytes, 1, name).map(|answer| answer.addresses.len()))
        };
        assert_eq!(with("fourteen-bytes"), (512, Ok(30)));
        assert_eq!(with("fifteen-letters"), (513 - 16, Err(DnsError::TooLong)));
    }

    #[test]
    fn additional_addresses_that_do_not_fit_are_left_off_without_a_word() {
        let mut zone = Zone::default();
        for n in 0..12 {
            let target = format!("host{n:02}.test");
            zone.a(&target, ip(n), 60).expect("a name");
            zone.srv("_s.test", service(1, &target)).expect("a name");
        }
        let answer = ask(&zone, srv("_s.test")).expect("not cut off");
        assert_eq!(answer.services.len(), 12);
        assert!((1..12).contains(&answer.additional.len()), "{}", answer.additional.len());
        for n in 12..20 {
            zone.srv("_s.test", service(1, &format!("host{n}.test"))).expect("a name");
        }
        assert_eq!(ask(&zone, srv("_s.test")), Err(DnsError::TooLong), "services themselves are not");
    }

    #[test]
    fn a_message_that_ends_early_is_refused_wherever_it_ends() {
        let answer = zone().answer(&srv(SERVICE).to_bytes()).expect("a query");
        assert!(parse_answer(&answer, 1, SERVICE).is_ok());
        for at in 0..answer.len() {
            assert_eq!(parse_answer(&answer[..at], 1, SERVICE), Err(DnsError::Truncated { at }));
        }
    }

    #[test]
    fn pointers_lead_backwards_or_nowhere() {
        let answer = zone().answer(&a("sip.example.test").to_bytes()).expect("a query");
        let with_owner = |to: u16| parse_answer(&with_u16(answer.clone(), 34, 0xc000 | to), 1, "sip.example.test");
        assert_eq!(with_owner(12).expect("the question's name").addresses.len(), 1);
        assert_eq!(with_owner(34), Err(DnsError::PointerLoop { at: 34, to: 34 }), "at itself");
        assert_eq!(with_owner(36), Err(DnsError::PointerLoop { at: 34, to: 36 }), "forward");
        // Two pointers at each other: the first goes back, the second one forward again.
        let mut reader = Reader { bytes: b"\xc0\x02\xc0\x00", at: 2 };
        assert_eq!(reader.name(), Err(DnsError::PointerLoop { at: 0, to: 2 }));
        // A label and a pointer back to it: without the rule, a name without end.
        let mut reader = Reader { bytes: b"\x01a\xc0\x00", at: 0 };
        assert_eq!(reader.name(), Err(DnsError::PointerLoop { at: 2, to: 0 }));
    }

    #[test]
    fn a_compressed_name_is_read_to_its_end_and_no_further() {
        let mut reader = Reader { bytes: b"\x04test\x00\x03sip\xc0\x00\x03two\xc0\x06rest", at: 12 };
        assert_eq!(reader.name().as_deref(), Ok("two.sip.test"));
        assert_eq!(reader.take(4), Ok(b"rest".as_slice()));
    }

    #[test]
    fn a_name_of_255_bytes_is_read_and_a_longer_one_is_not() {
        let name = |last: u8| {
            let mut bytes = Vec::new();
            for length in [63, 63, 63, last] {
                bytes.push(length);
                bytes.extend(std::iter::repeat_n(b'x', usize::from(length)));
            }
            bytes.push(0);
            (bytes.len(), Reader { bytes: &bytes, at: 0 }.name())
        };
        let (length, longest) = name(61);
        assert_eq!((length, longest.expect("just long enough").len()), (255, 253));
        assert_eq!(name(62).1, Err(DnsError::MalformedName { at: 0, why: "it's longer than 255 bytes" }));
    }

    #[test]
    fn malformed_names_and_records_say_what_is_wrong() {
        let read = |bytes: &[u8]| Reader { bytes, at: 0 }.name().expect_err("malformed").to_string();
        assert_eq!(read(b"\x41a\x00"), "the name at byte 0 is malformed: a label's length has reserved bits");
        assert_eq!(read(b"\x03a.b\x00"), "the name at byte 0 is malformed: a label isn't plain ASCII");
        let answer = zone().answer(&a("sip.example.test").to_bytes()).expect("a query");
        let five = [with_u16(answer.clone(), 44, 5), vec![1]].concat();
        assert_eq!(
            parse_answer(&five, 1, "sip.example.test").expect_err("malformed").to_string(),
            "the record's data at byte 46 is malformed: an address has 4 bytes"
        );
        let mut zone = Zone::default();
        zone.srv("_s.test", service(1, "a.test")).expect("a name");
        let answer = zone.answer(&srv("_s.test").to_bytes()).expect("a query");
        let longer = [with_u16(answer.clone(), 35, 15), vec![0]].concat();
        assert_eq!(
            parse_answer(&longer, 1, "_s.test").expect_err("malformed").to_string(),
            "the record's data at byte 37 is malformed: something follows the target"
        );
    }

    #[test]
    fn names_that_dns_cannot_carry_are_refused() {
        let error = |name: &str| Query::a(1, name).expect_err("no name").to_string();
        assert_eq!(error(""), "\"\" is no domain name: it's empty");
        assert_eq!(error("a..b"), "\"a..b\" is no domain name: a label is empty");
        assert_eq!(error("caf\u{e9}.test"), "\"caf\u{e9}.test\" is no domain name: it isn't plain ASCII");
        assert!(Query::a(1, &"x".repeat(63)).is_ok());
        assert!(error(&"x".repeat(64)).ends_with("a label is longer than 63 bytes"));
        let labels = |last: usize| format!("{0}.{0}.{0}.{1}", "x".repeat(63), "x".repeat(last));
        assert!(Query::a(1, &labels(61)).is_ok());
        assert!(error(&labels(62)).ends_with("it's longer than 253 bytes"));
        let mut zone = Zone::default();
        assert!(zone.a("a b.test", ip(1), 1).is_err());
        assert!(zone.srv("_s.test", service(1, "a..b")).is_err());
        assert_eq!(zone, Zone::default());
    }

    #[test]
    fn two_thousand_mutations_break_nothing() {
        let zone = zone();
        let query = srv(SERVICE).to_bytes();
        let answer = zone.answer(&query).expect("a query");
        let mut random = Random::stream(8, "mutations");
        let (mut read, mut refused) = (0, 0);
        for _ in 0..2000 {
            let (mut bad_query, mut bad_answer) = (query.clone(), answer.clone());
            for _ in 0..=random.below(3) {
                for message in [&mut bad_query, &mut bad_answer] {
                    let at = random.below(message.len() as u64) as usize;
                    match random.below(4) {
                        0 => message.truncate(at.max(1)),
                        1 => message[at] = 0xc0,
                        _ => message[at] = random.next_u64() as u8,
                    }
                }
            }
            if let Some(answer) = zone.answer(&bad_query) {
                assert!((HEADER..=LONGEST).contains(&answer.len()));
            }
            match parse_answer(&bad_answer, 1, SERVICE) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(read > 100 && refused > 100, "{read} read, {refused} refused: the mutations reach both");
    }
}
