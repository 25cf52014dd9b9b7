//! Bindings that are kept alive (RFC 3261 section 10.2, RFC 5626 section 4.5).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use busyhour::sip::ua::{Failure, Registration, RegistrationSettings, RegistrationState, Request};
use busyhour::sip::{Flow, Message};
use busyhour::trace::SimTime;
use busyhour::world::Random;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

struct Phone {
    registration: Registration,
    random: Random,
    now: SimTime,
}

impl Phone {
    fn new(expires: u64) -> Phone {
        let mut random = Random::stream(7, "phone");
        let settings = RegistrationSettings {
            aor: "sip:alice@pbx.test".into(),
            registrar: "sip:pbx.test".into(),
            contact: "sip:alice@10.0.0.5:5060".into(),
            expires: Duration::from_secs(expires),
            instance: Some("urn:uuid:00000000-0000-1000-8000-000A95A0E128".into()),
        };
        Phone { registration: Registration::new(settings, &mut random), random, now: SimTime(0) }
    }

    fn next(&mut self) -> Option<Request> {
        let registrar = Flow::udp(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060));
        self.registration.next(self.now, registrar)
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn gets(&mut self, status: &str, cseq: u32, headers: &str) {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\nFrom: <sip:alice@pbx.test>;tag=1\r\n\
             To: <sip:alice@pbx.test>;tag=2\r\nCall-ID: 1\r\nCSeq: {cseq} REGISTER\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let response = Message::read(text).unwrap();
        self.registration.answered(self.now, &Ok(response), &mut self.random);
    }

    fn registered(expires: u64) -> Phone {
        let mut phone = Phone::new(expires);
        phone.registration.register(phone.now);
        let request = phone.next().expect("it registers at once");
        let contact = format!("Contact: <sip:alice@10.0.0.5:5060>;expires={expires}\r\n");
        phone.gets("200 OK", request.cseq, &contact);
        phone
    }
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[test]
fn a_registration_names_its_device_and_asks_for_its_time() {
    let mut phone = Phone::new(300);
    assert!(phone.next().is_none(), "nobody asked for it");
    phone.registration.register(phone.now);
    let request = phone.next().unwrap();
    assert_eq!(
        header(&request, "Contact"),
        "<sip:alice@10.0.0.5:5060>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1"
    );
    assert_eq!(header(&request, "Expires"), "300");
    assert!(phone.next().is_none(), "one at a time");
}

/// The refresh leaves room for one that fails, 32 s long, and another.
#[test]
fn a_binding_is_refreshed_before_its_end_with_a_margin() {
    for (expires, refresh) in [(300, 240), (120, 83), (60, 30)] {
        let mut phone = Phone::registered(expires);
        phone.wait(refresh * SECOND - MS);
        assert!(phone.next().is_none(), "{expires}");
        phone.wait(MS);
        assert!(phone.next().is_some(), "{expires}");
        assert!(phone.registration.is_registered(phone.now));
    }
}

/// rsipstack#93: what the registrar grants counts, not what was asked for.
#[test]
fn the_time_that_was_granted_counts() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.gets("200 OK", cseq, "Contact: <sip:alice@10.0.0.9>;expires=900, <sip:alice@10.0.0.5:5060>;expires=60\r\n");
    assert_eq!(phone.registration.state(), RegistrationState::Registered { until: phone.now + 60 * SECOND });
}

#[test]
fn a_registrar_that_does_not_list_our_binding_has_not_kept_it() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.gets("200 OK", cseq, "Contact: <sip:alice@10.0.0.9>;expires=900\r\n");
    assert!(matches!(phone.registration.state(), RegistrationState::Failed { .. }));
}

/// RFC 3261 10.2.8.
#[test]
fn a_time_that_is_too_short_is_asked_for_again_as_long_as_wanted() {
    let mut phone = Phone::new(30);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.gets("423 Interval Too Brief", cseq, "Min-Expires: 60\r\n");
    let again = phone.next().expect("at once");
    assert_eq!((header(&again, "Expires"), again.cseq), ("60", cseq + 1));
}

#[test]
fn a_wrong_password_is_not_tried_again_until_somebody_asks() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.gets("401 Unauthorized", cseq + 1, "");
    assert_eq!(phone.registration.state(), RegistrationState::Refused(401));
    phone.wait(3_600 * SECOND);
    assert!(phone.next().is_none());
    phone.registration.register(phone.now);
    assert_eq!(phone.next().unwrap().cseq, cseq + 2);
}

/// RFC 5626 4.5: up to 30 s, doubling, each wait between half of it and all of it, never above 30 minutes.
#[test]
fn after_an_outage_the_waits_grow_and_are_not_everybody_elses() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let mut waits = Vec::new();
    for _ in 0..10 {
        phone.next().expect("it's due");
        phone.registration.answered(phone.now, &Err(Failure::TimedOut), &mut phone.random);
        let RegistrationState::Failed { again_at } = phone.registration.state() else { panic!("it failed") };
        waits.push(again_at.since(phone.now).as_secs_f64());
        phone.now = again_at;
    }
    for (failures, wait) in waits.iter().enumerate() {
        let longest = (30.0 * f64::from(1 << failures)).min(1_800.0);
        assert!((longest / 2.0 - 0.001..=longest).contains(wait), "{failures}: {wait} of {longest}");
    }
}

#[test]
fn a_server_that_says_when_to_come_again_is_obeyed() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.gets("503 Service Unavailable", cseq, "Retry-After: 7\r\n");
    phone.wait(7 * SECOND - MS);
    assert!(phone.next().is_none());
    phone.wait(MS);
    assert!(phone.next().is_some());
}

/// sipwise/sems#12: an un-REGISTER asks for no time at all.
#[test]
fn who_unregisters_asks_for_no_time_and_stays_away() {
    let mut phone = Phone::registered(300);
    phone.registration.unregister(phone.now);
    let request = phone.next().expect("at once");
    assert_eq!(header(&request, "Expires"), "0");
    phone.gets("200 OK", request.cseq, "");
    assert_eq!(phone.registration.state(), RegistrationState::Unregistered);
    phone.wait(3_600 * SECOND);
    assert!(phone.next().is_none());
}

#[test]
fn who_changes_their_mind_while_it_is_on_its_way_is_heard() {
    let mut phone = Phone::new(300);
    phone.registration.register(phone.now);
    let cseq = phone.next().unwrap().cseq;
    phone.registration.unregister(phone.now);
    assert!(phone.next().is_none(), "one at a time");
    phone.gets("200 OK", cseq, "Contact: <sip:alice@10.0.0.5:5060>;expires=300\r\n");
    assert_eq!(header(&phone.next().unwrap(), "Expires"), "0");
}
