//! Descriptions of RTCPeerConnections, the way back from them (RFC 9429 4.1.10.2), and candidates that come after them
//! (RFC 8838).

use std::cell::RefCell;
use std::rc::Rc;

use busyhour::media::Direction;
use busyhour::media::sdp::secure_of;
use busyhour::phone::browser::peer_connection::{ConnectionState, OfferOptions, SdpType, SignalingState};
use busyhour::phone::browser::{PeerConnection, PeerConnectionEvent, PeerId, RtcConfiguration, WebEvent};

use super::support::{Scene, scene};

/// Two connections of a page that sends the microphone's audio by each, and tells each the other's candidates.
async fn two(scene: &Scene) -> [PeerConnection; 2] {
    let made: Rc<RefCell<Vec<(PeerId, PeerConnection)>>> = Rc::default();
    let kept = made.clone();
    let site = scene.site(move |web, event| match event {
        WebEvent::Load => {
            web.get_user_media();
        }
        WebEvent::UserMedia { outcome: Ok(stream), .. } => {
            for _ in 0..2 {
                let id = web.peer_connection(RtcConfiguration { trickle: true, ..RtcConfiguration::default() });
                let connection = web.peer(id).unwrap();
                connection.add_track(&stream.audio_tracks()[0]);
                kept.borrow_mut().push((id, connection));
            }
        }
        WebEvent::Peer { peer, event: PeerConnectionEvent::IceCandidate(Some(candidate)) } => {
            for (_, other) in kept.borrow().iter().filter(|(id, _)| id != peer) {
                other.add_ice_candidate(candidate);
            }
        }
        _ => {}
    });
    scene.browser.open(&site).unwrap();
    scene.seconds(1).await;
    [0, 1].map(|index| made.borrow()[index].1.clone())
}

fn offers(connection: &PeerConnection, direction: Direction) {
    connection.create_offer(OfferOptions { direction, ice_restart: false }).unwrap();
    connection.set_local_description(SdpType::Offer).unwrap();
}

/// The offer that's open at one is answered by the other.
fn answers(one: &PeerConnection, other: &PeerConnection) {
    other.set_remote_description(SdpType::Offer, &one.local_description().unwrap()).unwrap();
    other.create_answer(Direction::SendRecv).unwrap();
    other.set_local_description(SdpType::Answer).unwrap();
    one.set_remote_description(SdpType::Answer, &other.local_description().unwrap()).unwrap();
}

#[test]
fn an_offer_that_is_rolled_back_leaves_what_was_agreed_on_and_another_can_be_taken() {
    scene(|scene| async move {
        let [one, other] = two(&scene).await;
        offers(&one, Direction::SendRecv);
        one.set_local_description(SdpType::Rollback).unwrap();
        assert_eq!((one.local_description(), one.signaling_state()), (None, SignalingState::Stable));
        offers(&one, Direction::SendRecv);
        scene.seconds(1).await;
        answers(&one, &other);
        scene.seconds(1).await;
        let agreed = one.local_description();
        // Both want to hold: neither can take the other's offer before it has taken its own back.
        offers(&one, Direction::SendOnly);
        offers(&other, Direction::SendOnly);
        assert_ne!(one.local_description(), agreed);
        let theirs = other.local_description().unwrap();
        assert!(one.set_remote_description(SdpType::Offer, &theirs).is_err());
        one.set_local_description(SdpType::Rollback).unwrap();
        assert_eq!((one.local_description(), one.signaling_state()), (agreed, SignalingState::Stable));
        answers(&other, &one);
        assert!(one.is_held() && !other.is_held());
        // Theirs is taken back the same way.
        let held = one.local_description();
        offers(&other, Direction::SendRecv);
        let theirs = other.local_description().unwrap();
        one.set_remote_description(SdpType::Offer, &theirs).unwrap();
        one.create_answer(Direction::SendRecv).unwrap();
        one.set_remote_description(SdpType::Rollback, &theirs).unwrap();
        assert_eq!((one.local_description(), one.signaling_state()), (held, SignalingState::Stable));
    });
}

/// RFC 8838, RFC 8445 9.
#[test]
fn candidates_that_follow_their_description_connect_and_a_restart_has_other_credentials() {
    scene(|scene| async move {
        let [one, other] = two(&scene).await;
        offers(&one, Direction::SendRecv);
        let bare = secure_of(&one.local_description().unwrap()).unwrap().unwrap();
        assert!(bare.candidates.is_empty() && bare.trickle && !bare.end_of_candidates);
        answers(&one, &other);
        assert_eq!(one.connection_state(), ConnectionState::New);
        scene.seconds(1).await;
        assert_eq!([one.connection_state(), other.connection_state()], [ConnectionState::Connected; 2]);
        let fragment = || secure_of(&one.local_description().unwrap()).unwrap().unwrap().ufrag;
        assert_eq!(fragment(), bare.ufrag);
        one.restart_ice();
        offers(&one, Direction::SendRecv);
        answers(&one, &other);
        assert_ne!(fragment(), bare.ufrag);
        scene.seconds(1).await;
        assert_eq!([one.connection_state(), other.connection_state()], [ConnectionState::Connected; 2]);
    });
}
