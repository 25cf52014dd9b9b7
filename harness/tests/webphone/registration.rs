//! The account in a tab: RFC 7118 5, RFC 5626 4.2.

use std::time::Duration;

use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{Phone, Registration};
use busyhour::simulate;

use crate::relay::Relay;
use crate::{DOMAIN, is_registered, seconds, server, settings, webphone, within};

#[test]
fn without_a_tab_the_screen_is_dark_and_says_so() {
    simulate(1, |u| async move {
        let server = server(&u);
        let browser = Browser::install(&u.host("alice"), BrowserSettings::default());
        let alice = Phone::webphone(&browser, settings("alice", server.host()));
        seconds(&u, 2).await;
        assert!(!alice.screen().power);
        assert_eq!(alice.screen().message, "no tab");
        assert_eq!(alice.dial("bob").unwrap_err().seen, "a dark screen, \"no tab\"");
        assert!(alice.register().is_err());
        alice.open_tab().unwrap();
        seconds(&u, 2).await;
        assert!(is_registered(&alice));
    });
}

#[test]
fn a_page_registers_as_soon_as_it_is_loaded() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        assert!(is_registered(&alice), "{alice:?}");
        let contacts = server.contacts("alice");
        assert_eq!(contacts.len(), 1);
        // RFC 5626 4.1, 4.2: which device, and which of its flows.
        assert!(contacts[0].instance.as_deref().is_some_and(|urn| urn.starts_with("<urn:uuid:")), "{contacts:?}");
        assert_eq!(contacts[0].reg_id, Some(1));
        assert_eq!(contacts[0].expires_at.since(u.now()).as_secs(), 119);
    });
}

/// RFC 7118 5.1, 5.2: a page has no address that anybody could connect to.
#[test]
fn what_a_page_says_of_itself_names_no_address() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = webphone(&u, "alice", &relay.host);
        seconds(&u, 1).await;
        let (_, request) = relay.requests("REGISTER").remove(0);
        let via = request.via().unwrap();
        assert!(via.host.ends_with(".invalid"), "{}", via.host);
        let contact = alice.contact().unwrap();
        assert_eq!(contact, format!("sip:alice@{};transport=ws", via.host));
        let text = String::from_utf8(request.raw().to_vec()).unwrap();
        assert!(text.contains(";+sip.instance=\"<urn:uuid:"), "{text}");
        assert!(text.contains(";reg-id=1"), "{text}");
        assert!(text.contains("Supported: path, outbound\r\n"), "{text}");
        assert!(text.contains("SIP/2.0/WS "), "{text}");
    });
}

#[test]
fn a_wrong_password_is_seen_on_the_screen_and_not_tried_again() {
    simulate(1, |u| async move {
        let server = server(&u);
        let browser = Browser::install(&u.host("alice"), BrowserSettings::default());
        let mut wrong = settings("alice", server.host());
        wrong.phone.password = "wrong".into();
        let alice = Phone::webphone(&browser, wrong);
        alice.open_tab().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Refused(403));
        let asked = server.counters().forbidden;
        seconds(&u, 3_600).await;
        assert_eq!(server.counters().forbidden, asked);
        // The right one, typed in, is kept for the next page.
        alice.register_with("secret").unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(&alice));
        alice.tab().unwrap().reload().unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(&alice));
    });
}

/// Bugs of refreshes that come too late (Metaswitch/sprout#1200, SIP.js#868).
#[test]
fn a_binding_is_refreshed_well_before_its_end_and_by_the_same_call_id() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let _alice = webphone(&u, "alice", &relay.host);
        seconds(&u, 1_000).await;
        let all = relay.requests("REGISTER");
        assert!(all.len() > 8, "{}", all.len());
        assert!(all.windows(2).all(|pair| pair[1].0.since(pair[0].0) < Duration::from_secs(90)));
        let id = all[0].1.call_id().unwrap().to_owned();
        assert!(all.iter().all(|(_, request)| request.call_id().unwrap() == id));
    });
}

/// The server may grant less than was asked for: what it granted counts.
#[test]
fn the_shorter_of_what_was_asked_and_granted_is_what_counts() {
    simulate(1, |u| async move {
        let server = server(&u);
        server.set_expires(Duration::from_secs(30));
        let alice = webphone(&u, "alice", server.host());
        for _ in 0..300 {
            seconds(&u, 1).await;
            assert_eq!(server.contacts("alice").len(), 1, "at {:?}", u.now());
        }
        assert!(is_registered(&alice));
    });
}

#[test]
fn switched_off_it_takes_its_binding_back_and_stays_off_when_it_is_loaded_again() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        alice.unregister().unwrap();
        seconds(&u, 1).await;
        assert!(server.contacts("alice").is_empty());
        assert_eq!(alice.screen().registration, Registration::Off);
        alice.tab().unwrap().reload().unwrap();
        seconds(&u, 2).await;
        assert!(server.contacts("alice").is_empty());
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(&alice));
    });
}

#[test]
fn who_comes_to_a_server_without_websockets_says_that_none_answers() {
    simulate(1, |u| async move {
        let nobody = u.host("server");
        let alice = webphone(&u, "alice", &nobody);
        assert!(
            within(&u, Duration::from_secs(15), || { alice.screen().registration == Registration::Unreachable })
                .await
                .is_some()
        );
        assert_eq!(alice.dial(&format!("bob@{DOMAIN}")), Ok(()));
        seconds(&u, 1).await;
        assert_eq!(alice.screen().message, "no connection to the server");
    });
}
