//! What a crash leaves: bindings if they're kept, no call, and the books.

use std::time::Duration;

use busyhour::pbx::CallEnding;
use busyhour::simulate;
use busyhour::sip::Transport;
use busyhour::sip::ua::Ending;

use crate::phone::Phone;
use crate::{install, registered, settings};

#[test]
fn bindings_survive_a_crash_where_they_are_kept() {
    for keeps in [true, false] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.keeps_registrations = keeps;
            let server = install(&u, settings).await;
            let bob = registered(&u, &server, "bob").await;
            let carol = Phone::over(&u.host("carol"), server.host(), "carol", Transport::Tcp, 5060).await;
            carol.register().await;
            let dave = registered(&u, &server, "dave").await;
            dave.register_for(0).await;
            let before = server.contacts("bob");
            server.host().crash();
            u.sleep(Duration::from_secs(5)).await;
            assert_eq!(server.contacts("bob"), []);
            server.host().restart();
            u.sleep(Duration::from_millis(10)).await;
            assert_eq!(server.contacts("bob"), if keeps { before } else { vec![] });
            // Her connection died with the process, and what was taken back stays so.
            assert_eq!(server.contacts("carol"), []);
            assert_eq!(server.contacts("dave"), []);
            let alice = registered(&u, &server, "alice").await;
            let out = alice.calls("bob");
            if keeps {
                alice.is_answered(out).await;
            } else {
                assert_eq!(alice.ends(out).await, Ending::Refused(480));
            }
            let _ = bob;
        });
    }
}

#[test]
fn a_binding_that_expired_while_the_server_was_down_is_not_served() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let bob = registered(&u, &server, "bob").await;
        bob.register_for(60).await;
        server.host().crash();
        u.sleep(Duration::from_secs(60)).await;
        server.host().restart();
        u.sleep(Duration::from_millis(10)).await;
        assert_eq!(server.contacts("bob"), []);
    });
}

/// RFC 3261 12.2.2: a server that has forgotten a call says so, and the phones hang up.
#[test]
fn a_restarted_server_knows_no_call_and_says_so() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        server.host().crash();
        server.host().restart();
        u.sleep(Duration::from_millis(10)).await;
        assert_eq!(server.calls(), []);
        alice.offers(out, busyhour::media::Direction::SendOnly);
        assert_eq!(alice.ends(out).await, Ending::Lost);
        assert_eq!(server.records().len(), 1);
        assert_eq!(server.records()[0].ending, CallEnding::ServerRestarted);
        let _ = inside;
    });
}
