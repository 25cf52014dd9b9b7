//! Two peers on one network: what connects them, and how it ends.

use busyhour::media::webrtc::{DataEvent, DtlsState, IceState, PeerEvent};

use crate::support::{End, exchange, join, secs, talk};

/// RFC 8445, RFC 5764: checks, the handshake, and audio both ways.
#[test]
fn two_peers_hear_each_other() {
    busyhour::simulate(1, |u| async move {
        let mut alice = End::new(&u, "alice", 0, true).await;
        let mut bob = End::new(&u, "bob", 1, false).await;
        join(&mut alice, &mut bob).await;
        u.sleep(secs(2)).await;
        for end in [&alice, &bob] {
            assert_eq!(
                (end.peer.ice(), end.peer.dtls()),
                (IceState::Connected, DtlsState::Connected),
                "{:?}",
                end.host
            );
        }
        assert_eq!(talk(&u, &alice, &bob).await, [true, true]);
    });
}

/// The end of a call by its page: the DTLS alert tells the other side at once (domain fact: a reload's).
#[test]
fn who_closes_is_missed_at_once_and_who_vanishes_after_fifteen_seconds() {
    for closes in [true, false] {
        busyhour::simulate(1, move |u| async move {
            let mut alice = End::new(&u, "alice", 0, true).await;
            let mut bob = End::new(&u, "bob", 1, false).await;
            join(&mut alice, &mut bob).await;
            u.sleep(secs(3)).await;
            bob.events();
            if closes {
                alice.line.close().await;
                alice.peer.close();
            } else {
                drop(alice);
            }
            u.sleep(std::time::Duration::from_millis(100)).await;
            assert_eq!(bob.events().contains(&PeerEvent::PeerClosed), closes);
            if !closes {
                u.sleep(secs(4)).await;
                assert_eq!(bob.peer.ice(), IceState::Connected);
                u.sleep(secs(3)).await;
                assert_eq!(bob.peer.ice(), IceState::Disconnected);
                u.sleep(secs(10)).await;
                assert_eq!(bob.peer.ice(), IceState::Failed);
            }
        });
    }
}

/// RFC 8831, RFC 8832: text and bytes, both ways, on one transport with the audio.
#[test]
fn a_data_channel_carries_text_and_bytes_beside_the_audio() {
    busyhour::simulate(1, |u| async move {
        let mut alice = End::new(&u, "alice", 0, true).await;
        let mut bob = End::new(&u, "bob", 1, false).await;
        (alice.local.data, bob.local.data) = (true, true);
        join(&mut alice, &mut bob).await;
        u.sleep(secs(1)).await;
        let channel = alice.peer.open_channel("chat").expect("the handshake is done");
        assert!(alice.peer.send_text(channel, "hello"));
        u.sleep(secs(1)).await;
        assert!(bob.peer.send_bytes(channel, b"\x00\x01"));
        u.sleep(secs(1)).await;
        let said = |end: &End| -> Vec<(bool, Vec<u8>)> {
            let message = |event| match event {
                PeerEvent::Channel(DataEvent::Message { text, payload, .. }) => Some((text, payload.to_vec())),
                _ => None,
            };
            end.events().into_iter().filter_map(message).collect()
        };
        assert_eq!(said(&bob), [(true, b"hello".to_vec())]);
        assert_eq!(said(&alice), [(false, vec![0, 1])]);
        assert_eq!(talk(&u, &alice, &bob).await, [true, true]);
    });
}

/// RFC 8445 9: an ICE restart after the network changed; DTLS and SRTP go on.
#[test]
fn a_restart_finds_the_way_from_another_address() {
    busyhour::simulate(1, |u| async move {
        let mut alice = End::new(&u, "alice", 0, true).await;
        let mut bob = End::new(&u, "bob", 1, false).await;
        join(&mut alice, &mut bob).await;
        u.sleep(secs(3)).await;
        let before = alice.peer.selected().unwrap().local_base;
        u.network().move_host(&alice.host, "office LAN").unwrap();
        u.sleep(secs(2)).await;
        assert_eq!(talk(&u, &alice, &bob).await, [false, false]);
        alice.peer.restart();
        bob.peer.restart();
        alice.peer.gathered().await;
        bob.peer.gathered().await;
        exchange(&mut alice, &mut bob);
        u.sleep(secs(2)).await;
        assert_ne!(alice.peer.selected().unwrap().local_base, before);
        assert_eq!(talk(&u, &alice, &bob).await, [true, true]);
        let shakes = |end: &End| end.events().iter().filter(|event| matches!(event, PeerEvent::Dtls(_))).count();
        assert_eq!((shakes(&alice), shakes(&bob)), (2, 2), "one handshake, as before");
    });
}
