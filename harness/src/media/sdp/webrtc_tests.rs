//! Offers and answers of WebRTC (RFC 8829, RFC 8839, RFC 8842, RFC 9143), with the offers of other implementations as
//! they look on the wire. None of them was recorded: each is put together in that implementation's manner.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::Codec;
use crate::media::webrtc::{Candidate, CandidateAddress, CandidateKind, Protocol};
use crate::world::Random;

const HASH: &str = "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";

/// Chrome, as it's just after `createOffer`: nothing gathered, and codecs that nobody asked for.
const CHROME: &str = "v=0\r\no=- 4215775240449105457 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g0P\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 HASH\r\na=setup:actpass\r\na=mid:0\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\n\
    a=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\na=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\na=ssrc:3570614608 msid:stream track\r\n";

/// Firefox tells of its certificate for the whole session.
const FIREFOX: &str = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 7611270185262354404 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=sendrecv\r\na=fingerprint:sha-256 HASH\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n\
    m=audio 51472 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\nc=IN IP4 192.0.2.9\r\n\
    a=candidate:0 1 UDP 2122252543 4ef3d4e3-6a1c-4c5b-9d51-b3e2b0a1f6aa.local 51472 typ host\r\n\
    a=candidate:1 1 TCP 2105524479 4ef3d4e3-6a1c-4c5b-9d51-b3e2b0a1f6aa.local 9 typ host tcptype active\r\n\
    a=candidate:2 1 UDP 1686052863 192.0.2.9 51472 typ srflx raddr 0.0.0.0 rport 0\r\n\
    a=sendrecv\r\na=end-of-candidates\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\na=fmtp:101 0-15\r\n\
    a=ice-pwd:2a7c4b0fd3f1e7a8b6c5d4e3f2a1b0c9\r\na=ice-ufrag:7ec0e1a5\r\na=mid:0\r\na=msid:{stream} {track}\r\na=rtcp-mux\r\n\
    a=rtpmap:109 opus/48000/2\r\na=rtpmap:9 G722/8000/1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000/1\r\na=setup:actpass\r\na=ssrc:1020304050 cname:{cname}\r\n";

/// The `webrtc` crate: both components as candidates, and it may have a second fingerprint.
const WEBRTC_RS: &str = "v=0\r\no=- 8213417395401725043 1733400000 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=fingerprint:sha-1 00:11:22\r\na=fingerprint:SHA-256 HASH\r\na=extmap-allow-mixed\r\na=group:BUNDLE 0 1\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\na=ice-ufrag:oPqRsTuVwXyZaBcD\r\n\
    a=ice-pwd:AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEf\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=sendrecv\r\na=candidate:2230659126 1 udp 2130706431 10.0.0.7 40107 typ host\r\n\
    a=candidate:2230659126 2 udp 2130706431 10.0.0.7 40107 typ host\r\n\
    a=candidate:9 1 udp 2130706431 fd00::7 40107 typ host ufrag oPqR network-cost 10\r\na=end-of-candidates\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:1\r\na=sendrecv\r\n\
    a=sctp-port:5000\r\na=max-message-size:1073741823\r\na=ice-ufrag:oPqRsTuVwXyZaBcD\r\na=ice-pwd:AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEf\r\n";

/// str0m, as an ICE-lite server that asks for data before audio.
const STR0M: &str = "v=0\r\no=str0m-0.25.0 5058682828002148772 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE dat aud\r\n\
    a=msid-semantic:WMS *\r\na=ice-lite\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:dat\r\n\
    a=candidate:1 1 udp 2130706175 203.0.113.5 3478 typ host\r\na=end-of-candidates\r\na=ice-ufrag:S5hk\r\n\
    a=ice-pwd:0zV2Yu5o7tGyrLbY4b5nhz\r\na=ice-options:ice2 trickle\r\na=fingerprint:sha-256 HASH\r\na=setup:passive\r\n\
    a=sctp-port:5000\r\na=max-message-size:262144\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 96 8\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:S5hk\r\n\
    a=ice-pwd:0zV2Yu5o7tGyrLbY4b5nhz\r\na=fingerprint:sha-256 HASH\r\na=setup:passive\r\na=mid:aud\r\na=recvonly\r\n\
    a=rtcp-mux\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n";

/// JsSIP waits for all candidates: Chrome's offer with those, and with the address of one.
fn jssip() -> String {
    let candidates = "a=candidate:1467250027 1 udp 2122260223 192.168.1.20 46243 typ host generation 0 network-id 1 network-cost 10\r\n\
        a=candidate:1853887674 1 udp 1518280447 198.51.100.20 36768 typ srflx raddr 192.168.1.20 rport 46243 generation 0\r\n\
        a=candidate:435653019 1 tcp 1845501695 192.168.1.20 9 typ host tcptype active generation 0\r\n\
        a=candidate:750991856 1 udp 25108223 203.0.113.30 58779 typ relay raddr 198.51.100.20 rport 36768 generation 0\r\n";
    let offer = offered(CHROME).replace("m=audio 9 ", "m=audio 58779 ").replacen(
        "c=IN IP4 0.0.0.0",
        "c=IN IP4 203.0.113.30",
        1,
    );
    offer.replace("a=ice-ufrag", &format!("{candidates}a=ice-ufrag"))
}

fn offered(text: &str) -> String {
    text.replace("HASH", HASH)
}

fn secure(name: u8) -> Secure {
    Secure {
        ufrag: format!("uf{name:02}"),
        pwd: format!("password-{name:02}-of-its-length").replace('-', "/"),
        fingerprint: Fingerprint::sha256([name; 32]),
        setup: Setup::Actpass,
        candidates: Vec::new(),
        end_of_candidates: false,
        lite: false,
        trickle: false,
    }
}

/// A browser that has gathered what it will.
fn alice() -> Local {
    let host: std::net::SocketAddrV4 = "10.0.0.1:40000".parse().unwrap();
    let mapped = "198.51.100.1:50000".parse().unwrap();
    let transport = Secure {
        candidates: vec![Candidate::host(host), Candidate::server_reflexive(mapped, host)],
        end_of_candidates: true,
        trickle: true,
        ..secure(1)
    };
    let source = Source { ssrc: 7, cname: "alice".into(), stream: "s".into(), track: "t".into() };
    Local { secure: Some(transport), source: Some(source), ..Local::new([10, 0, 0, 1].into(), 0, 11) }
}

/// A gateway.
fn bob() -> Local {
    let transport = Secure {
        candidates: vec![Candidate::host("203.0.113.2:20000".parse().unwrap())],
        end_of_candidates: true,
        lite: true,
        setup: Setup::Passive,
        ..secure(2)
    };
    Local { secure: Some(transport), ..Local::new([203, 0, 113, 2].into(), 0, 22) }
}

fn both(local: Local) -> Local {
    Local { data: true, ..local }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n")
}

fn heads(description: &[u8]) -> Vec<String> {
    let description = Description::read(description).unwrap();
    let head = |media: &Media| {
        format!("{} {} {} {}", media.kind, media.port, media.formats.join(" "), media.attribute("mid").unwrap_or("-"))
    };
    description.media.iter().map(head).collect()
}

fn answered(local: &Local, offer: &str) -> (Bytes, Agreed) {
    let (answer, agreed) = local.answer(offer.as_bytes()).unwrap();
    (answer, agreed.unwrap())
}

#[test]
fn an_offer_and_its_answer_look_like_this() {
    let offer = alice().offer();
    insta::assert_snapshot!("an_offer", text(&offer));
    let (answer, agreed) = bob().answer(&offer).unwrap();
    insta::assert_snapshot!("an_answer", text(&answer));
    let (theirs, ours) = (agreed.unwrap(), alice().agree(&answer).unwrap().unwrap());
    assert_eq!((theirs.secure.as_ref(), ours.dtls_client), (alice().secure.as_ref(), true));
    assert_eq!(ours.secure, bob().secure);
    assert_eq!((theirs.dtls_client, theirs.ssrc, ours.ssrc), (false, Some(7), None));
    assert_eq!((ours.codec, ours.telephone_event, ours.direction), (Codec::Pcmu, Some(101), Direction::SendRecv));
    assert_eq!(ours.remote.to_string(), "203.0.113.2:20000");
}

#[test]
fn a_hold_a_restart_and_an_offer_of_data_alone_look_like_this() {
    let (answer, _) = bob().answer(&alice().offer()).unwrap();
    let mut caller = alice();
    caller.settle(&alice().agree(&answer).unwrap().unwrap());
    caller.version += 1;
    let held = Local { direction: Direction::SendOnly, old_hold: true, ..caller.clone() }.offer();
    insta::assert_snapshot!("a_hold", text(&held));
    caller.version += 1;
    let again = Secure { candidates: vec![Candidate::host("10.9.9.9:41000".parse().unwrap())], ..secure(9) };
    insta::assert_snapshot!("a_restart", text(&Local { secure: Some(again), ..caller }.offer()));
    let data = Local { audio: false, data: true, secure: Some(Secure { trickle: true, ..secure(1) }), ..alice() };
    insta::assert_snapshot!("an_offer_of_data_alone", text(&data.offer()));
    insta::assert_snapshot!("an_offer_of_both", text(&both(alice()).offer()));
}

/// RFC 7874 3: G.711 is what every browser has. Opus is read, and declined; events are only taken at our rate.
#[test]
fn chromes_offer_is_answered_with_what_we_speak() {
    let (answer, agreed) = answered(&bob(), &offered(CHROME));
    insta::assert_snapshot!("an_answer_to_chrome", text(&answer));
    assert_eq!((agreed.codec, agreed.payload_type, agreed.telephone_event), (Codec::Pcmu, 0, Some(126)));
    assert_eq!((agreed.direction, agreed.held(), agreed.ssrc), (Direction::SendRecv, false, Some(3_570_614_608)));
    let theirs = agreed.secure.unwrap();
    assert_eq!((theirs.ufrag.as_str(), theirs.pwd.as_str()), ("F7gI", "x9cml/YzichV2+XlhiMu8g0P"));
    assert_eq!(
        (theirs.setup, theirs.trickle, theirs.lite, theirs.end_of_candidates),
        (Setup::Actpass, true, false, false)
    );
    assert_eq!((theirs.fingerprint.algorithm.as_str(), theirs.fingerprint.to_string().as_str()), ("sha-256", HASH));
    // The one at the wrong rate stands first, or alone.
    let swapped =
        offered(CHROME).replace("110 126", "126 110").replace("telephone-event/48000", "telephone-event/16000");
    assert_eq!(answered(&bob(), &swapped).1.telephone_event, Some(126));
    let alone = offered(CHROME).replace(" 126\r\n", "\r\n");
    let (answer, agreed) = answered(&bob(), &alone);
    assert_eq!((agreed.telephone_event, heads(&answer)), (None, vec!["audio 20000 0 0".to_owned()]));
    let opus = offered(CHROME).replace("111 63 9 0 8 13 110 126", "111 63");
    let (answer, agreed) = bob().answer(opus.as_bytes()).unwrap();
    assert_eq!((agreed, heads(&answer)), (None, vec!["audio 0 111 63 0".to_owned()]));
    assert!(!text(&answer).contains("BUNDLE"));
}

#[test]
fn firefoxs_offer_is_read_with_what_it_tells_of_the_whole_session() {
    let (answer, agreed) = answered(&bob(), &offered(FIREFOX));
    assert_eq!(heads(&answer), ["audio 20000 0 101 0"]);
    assert_eq!((agreed.telephone_event, agreed.remote.to_string().as_str()), (Some(101), "192.0.2.9:51472"));
    let theirs = agreed.secure.unwrap();
    assert_eq!(theirs.fingerprint.to_string(), HASH);
    assert!(theirs.trickle && theirs.end_of_candidates);
    let usable: Vec<_> = theirs.candidates.iter().filter_map(Candidate::ip).map(|ip| ip.to_string()).collect();
    assert_eq!((theirs.candidates.len(), usable), (3, vec!["192.0.2.9:51472".to_owned()]));
    assert_eq!(theirs.candidates[1].protocol, Protocol::Tcp);
}

/// RFC 8122 5: of several fingerprints any may be used; every implementation knows SHA-256.
#[test]
fn the_webrtc_crates_offer_is_read_with_the_fingerprint_that_everybody_knows() {
    let (answer, agreed) = answered(&both(bob()), &offered(WEBRTC_RS));
    assert_eq!(heads(&answer), ["audio 20000 0 0", "application 20000 webrtc-datachannel 1"]);
    assert!(agreed.audio && agreed.data);
    let theirs = agreed.secure.unwrap();
    assert_eq!((theirs.fingerprint.algorithm.as_str(), theirs.candidates.len()), ("sha-256", 3));
    assert_eq!(theirs.candidates[2].address, CandidateAddress::Name("fd00::7".into(), 40107));
    // Who wants no data refuses that section, in its place.
    let (answer, agreed) = answered(&bob(), &offered(WEBRTC_RS));
    assert_eq!(heads(&answer), ["audio 20000 0 0", "application 0 webrtc-datachannel 1"]);
    assert!(!agreed.data && text(&answer).contains("a=group:BUNDLE 0\n"));
    // And who wants no audio the other; the answer's candidates stand in the section that's left.
    let (answer, agreed) = answered(&Local { audio: false, ..both(bob()) }, &offered(WEBRTC_RS));
    assert_eq!(heads(&answer), ["audio 0 0 8 0", "application 20000 webrtc-datachannel 1"]);
    assert!(!agreed.audio && agreed.data && agreed.direction == Direction::Inactive);
    assert!(text(&answer).contains("a=group:BUNDLE 1\n") && text(&answer).contains("a=candidate:"));
}

#[test]
fn str0ms_offer_is_answered_in_its_order() {
    let (answer, agreed) = answered(&both(alice()), &offered(STR0M));
    assert_eq!(heads(&answer), ["application 50000 webrtc-datachannel dat", "audio 50000 8 aud"]);
    assert!(text(&answer).contains("a=group:BUNDLE dat aud\n"));
    assert_eq!((agreed.codec, agreed.direction, agreed.dtls_client), (Codec::Pcma, Direction::SendOnly, true));
    assert_eq!((agreed.audio, agreed.data, agreed.telephone_event), (true, true, None));
    let theirs = agreed.secure.unwrap();
    assert!(theirs.lite && theirs.trickle && theirs.candidates.len() == 1);
}

#[test]
fn jssips_offer_comes_with_all_its_candidates() {
    let offer = jssip();
    let (_, agreed) = answered(&bob(), &offer);
    assert_eq!(agreed.remote.to_string(), "203.0.113.30:58779");
    let candidates = agreed.secure.unwrap().candidates;
    let kinds: Vec<_> = candidates.iter().map(|candidate| (candidate.kind, candidate.ip().is_some())).collect();
    let expected = [
        (CandidateKind::Host, true),
        (CandidateKind::ServerReflexive, true),
        (CandidateKind::Host, false),
        (CandidateKind::Relay, true),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(secure_of(offer.as_bytes()).unwrap().unwrap().candidates, candidates);
}

/// RFC 3264 6.1: what one sends the other receives. 0.0.0.0 is no hold here: it's who has no candidate yet.
#[test]
fn holds_are_answered_by_what_they_are_and_the_way_back_is_open() {
    let pairs =
        [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")];
    let (mut local, mut version) = (bob(), 1);
    for (offer, answer) in pairs.into_iter().chain(pairs.into_iter().rev()) {
        version += 1;
        let text_of_offer = offered(CHROME).replace("a=sendrecv", &format!("a={offer}"));
        let text_of_offer = text_of_offer.replace("457 2 IN", &format!("457 {version} IN"));
        let (body, agreed) = answered(&local, &text_of_offer);
        assert!(text(&body).contains(&format!("\na={answer}\n")), "{offer}: {}", text(&body));
        assert_eq!(agreed.direction.as_str(), answer);
        local.settle(&agreed);
    }
}

/// RFC 8829 5.2.1: who sends nothing has no stream to tell of.
#[test]
fn only_who_sends_tells_of_its_stream() {
    for (direction, told) in [(Direction::SendRecv, true), (Direction::SendOnly, true), (Direction::RecvOnly, false)] {
        let offer = text(&Local { direction, ..alice() }.offer());
        assert_eq!((offer.contains("a=msid:s t"), offer.contains("a=ssrc:7 cname:alice")), (told, told));
    }
}

/// RFC 3264 8, RFC 8829 5.2.2: a section stays what it is, where it is.
#[test]
fn whoever_offers_next_keeps_the_sections_and_their_names() {
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n";
    let offer =
        offered(STR0M).replace("BUNDLE dat aud", "BUNDLE dat v aud").replace("m=audio", &format!("{video}m=audio"));
    let mut local = both(alice());
    let (answer, agreed) = answered(&local, &offer);
    let expected = ["application 50000 webrtc-datachannel dat", "video 0 96 v", "audio 50000 8 aud"];
    assert_eq!(heads(&answer), expected);
    assert!(text(&answer).contains("a=group:BUNDLE dat aud\n"));
    local.settle(&agreed);
    local.version += 1;
    let next = local.offer();
    assert_eq!(heads(&next), ["application 50000 webrtc-datachannel dat", "video 0 96 v", "audio 50000 0 8 101 aud"]);
    assert_eq!(Description::read(&next).unwrap().origin().unwrap().version, 12);
    // The same by a side that only offered: first audio, then data as well, then data alone.
    let mut caller = alice();
    let (answer, _) = both(bob()).answer(&caller.offer()).unwrap();
    caller.settle(&caller.agree(&answer).unwrap().unwrap());
    let caller = both(caller);
    let (answer, agreed) = both(bob()).answer(&caller.offer()).unwrap();
    assert_eq!(heads(&answer), ["audio 20000 0 101 0", "application 20000 webrtc-datachannel 1"]);
    let (theirs, ours) = (agreed.unwrap(), caller.agree(&answer).unwrap().unwrap());
    assert!(theirs.data && ours.data && ours.audio);
    let mut caller = Local { audio: false, ..caller };
    caller.settle(&ours);
    assert_eq!(heads(&caller.offer()), ["audio 0 0 101 0", "application 50000 webrtc-datachannel 1"]);
    let (answer, _) = both(bob()).answer(&caller.offer()).unwrap();
    let ours = caller.agree(&answer).unwrap().unwrap();
    assert!(!ours.audio && ours.data);
}

/// RFC 9143 7.2: the second section has no address of its own until the other side agreed to share the first one's.
#[test]
fn a_new_offer_gives_one_address_once() {
    let (answer, _) = both(bob()).answer(&both(alice()).offer()).unwrap();
    let mut caller = both(alice());
    assert_eq!(heads(&caller.offer())[1], "application 9 webrtc-datachannel 1");
    caller.settle(&caller.agree(&answer).unwrap().unwrap());
    assert_eq!(heads(&caller.offer())[1], "application 50000 webrtc-datachannel 1");
}

#[test]
fn sections_that_share_no_transport_with_the_first_are_refused() {
    for offer in [offered(WEBRTC_RS).replace("BUNDLE 0 1", "BUNDLE 0"), offered(WEBRTC_RS).replace("a=group", "a=loop")]
    {
        let (answer, agreed) = answered(&both(bob()), &offer);
        assert_eq!(heads(&answer), ["audio 20000 0 0", "application 0 webrtc-datachannel 1"]);
        assert!(agreed.audio && !agreed.data);
    }
    // So in an answer.
    let (answer, _) = both(bob()).answer(&both(alice()).offer()).unwrap();
    let apart = text(&answer).replace("BUNDLE 0 1", "BUNDLE 0");
    assert!(!both(alice()).agree(apart.as_bytes()).unwrap().unwrap().data);
    assert!(both(alice()).agree(&answer).unwrap().unwrap().data);
}

/// RFC 9143 6: port 0 isn't always a refusal.
#[test]
fn a_section_that_only_exists_in_the_bundle_is_no_refused_one() {
    let (head, data) =
        offered(WEBRTC_RS).split_once("m=application 9").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    // It doesn't repeat what the first one tells of the transport.
    let data = data.split_once("a=sctp-port").unwrap().1.split_once("a=ice-ufrag").unwrap().0.to_owned();
    let bare = |flag: &str| {
        format!("{head}m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n{flag}a=sctp-port{data}")
    };
    assert!(answered(&both(bob()), &bare("a=bundle-only\r\n")).1.data);
    assert!(!answered(&both(bob()), &bare("")).1.data);
    let (_, agreed) = answered(&Local { audio: false, ..both(bob()) }, &bare("a=bundle-only\r\n"));
    assert_eq!(agreed.secure.unwrap().ufrag, "oPqRsTuVwXyZaBcD");
}

/// RFC 8839 4.4.1.1.1.
#[test]
fn a_restart_is_seen_by_other_credentials_alone() {
    let old = secure(1);
    assert!(!restarts(&old, &Secure { candidates: alice().secure.unwrap().candidates, lite: true, ..old.clone() }));
    assert!(restarts(&old, &Secure { ufrag: "other".into(), ..old.clone() }));
    assert!(restarts(&old, &Secure { pwd: "another/password/as/long".into(), ..old.clone() }));
}

/// RFC 8842 5.3, RFC 4145 4: what either side says of who begins, and who does.
#[test]
fn the_dtls_client_is_who_both_say_it_is() {
    let offer = |setup: &str| offered(CHROME).replace("a=setup:actpass\r\n", setup);
    let cases = [
        ("a=setup:actpass\r\n", Setup::Actpass, true),
        ("a=setup:actpass\r\n", Setup::Active, true),
        ("a=setup:actpass\r\n", Setup::Passive, false),
        ("a=setup:active\r\n", Setup::Active, false),
        ("a=setup:passive\r\n", Setup::Passive, true),
        // Who doesn't say is active in an offer.
        ("", Setup::Actpass, false),
    ];
    for (said, wish, client) in cases {
        let mut local = bob();
        local.secure.as_mut().unwrap().setup = wish;
        let (answer, agreed) = answered(&local, &offer(said));
        assert_eq!(agreed.dtls_client, client, "{said}{wish:?}");
        let word = if client { "a=setup:active\n" } else { "a=setup:passive\n" };
        assert!(text(&answer).contains(word));
    }
    let local = bob();
    let refused = |said: &str| local.answer(offer(said).as_bytes()).unwrap_err();
    assert_eq!(refused("a=setup:holdconn\r\n"), SdpError::Attribute("setup", "holdconn".into()));
    assert_eq!(refused("a=setup:perhaps\r\n"), SdpError::Attribute("setup", "perhaps".into()));
    let (answer, _) = bob().answer(&alice().offer()).unwrap();
    let agree = |wish: Setup, said: &str| {
        let mut caller = alice();
        caller.secure.as_mut().unwrap().setup = wish;
        let answer = text(&answer).replace("a=setup:passive\n", said);
        caller.agree(answer.as_bytes()).map(|agreed| agreed.unwrap().dtls_client)
    };
    assert_eq!(agree(Setup::Actpass, "a=setup:active\n"), Ok(false));
    assert_eq!(agree(Setup::Active, "a=setup:passive\n"), Ok(true));
    assert_eq!(agree(Setup::Actpass, ""), Ok(true));
    for (wish, said) in [(Setup::Actpass, "actpass"), (Setup::Active, "active"), (Setup::Passive, "passive")] {
        let refused = agree(wish, &format!("a=setup:{said}\n"));
        assert_eq!(refused, Err(SdpError::Attribute("setup", said.to_owned())));
    }
}

/// RFC 8842 5.3: an association that stands keeps its roles, whoever offers again.
#[test]
fn the_roles_of_dtls_stay_when_the_other_side_offers_again() {
    let (answer, _) = Local { secure: Some(secure(2)), ..bob() }.answer(&alice().offer()).unwrap();
    let mut caller = alice();
    caller.settle(&caller.agree(&answer).unwrap().unwrap());
    let again = Local { secure: Some(secure(2)), ..bob() }.offer();
    let (answer, agreed) = caller.answer(&again).unwrap();
    assert!(!agreed.unwrap().dtls_client && text(&answer).contains("a=setup:passive\n"));
    assert!(alice().answer(&again).unwrap().1.unwrap().dtls_client);
}

#[test]
fn what_a_section_lacks_is_named() {
    for (line, attribute) in [
        ("a=ice-ufrag:F7gI\r\n", "ice-ufrag"),
        ("a=ice-pwd:x9cml/YzichV2+XlhiMu8g0P\r\n", "ice-pwd"),
        ("a=fingerprint:sha-256 HASH\r\n", "fingerprint"),
        ("a=rtcp-mux\r\n", "rtcp-mux"),
    ] {
        let offer = offered(&CHROME.replace(line, ""));
        let lacks = SdpError::Lacks { section: "audio".into(), attribute };
        assert_eq!(bob().answer(offer.as_bytes()), Err(lacks.clone()));
        assert_eq!(lacks.to_string(), format!("the audio section has no a={attribute}"));
        let transport = secure_of(offer.as_bytes());
        assert_eq!(transport.is_err(), attribute != "rtcp-mux", "{transport:?}");
    }
    for (good, bad, attribute) in [
        ("F7gI", "F7g", "ice-ufrag"),
        ("F7gI", "F7g;", "ice-ufrag"),
        ("x9cml/YzichV2+XlhiMu8g0P", "x9cml/YzichV2+XlhiMu8", "ice-pwd"),
        ("sha-256 6B:8B", "sha-256 6B:8", "fingerprint"),
        ("sha-256 6B:8B", "sha-256 6B:+B", "fingerprint"),
    ] {
        let refused = bob().answer(offered(CHROME).replace(good, bad).as_bytes()).unwrap_err();
        assert!(matches!(refused, SdpError::Attribute(one, _) if one == attribute), "{refused}");
    }
    // A section that is refused anyway may lack whatever it likes.
    let video = format!("{}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", offered(CHROME));
    assert!(answered(&bob(), &video).1.audio);
}

#[test]
fn plain_rtp_and_webrtc_refuse_each_other() {
    let plain = Local::new([10, 0, 0, 5].into(), 4000, 5);
    let (answer, agreed) = plain.answer(offered(CHROME).as_bytes()).unwrap();
    assert_eq!(agreed, None);
    assert!(text(&answer).ends_with("m=audio 0 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\n"), "{}", text(&answer));
    let (answer, agreed) = alice().answer(&plain.offer()).unwrap();
    assert_eq!((agreed, heads(&answer)), (None, vec!["audio 0 0 8 101 -".to_owned()]));
    assert_eq!(secure_of(&plain.offer()), Ok(None));
    assert_eq!(secure_of(&answer), Ok(None));
    // Data needs WebRTC.
    assert_eq!(Local { data: true, ..plain.clone() }.offer(), plain.offer());
}

#[test]
fn other_names_of_the_same_protocol_are_answered_by_the_same_name() {
    for name in ["UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF"] {
        let (answer, _) = answered(&bob(), &offered(CHROME).replace("UDP/TLS/RTP/SAVPF", name));
        assert_eq!(Description::read(&answer).unwrap().media[0].protocol, name);
    }
}

/// RFC 8841 5.1: everybody has port 5000 within DTLS; another would have to be told to the association.
#[test]
fn data_on_another_port_of_sctp_is_refused() {
    let local = Local { audio: false, ..both(bob()) };
    assert!(answered(&local, &offered(WEBRTC_RS).replace("a=sctp-port:5000\r\n", "")).1.data);
    let other = offered(WEBRTC_RS).replace("sctp-port:5000", "sctp-port:5001");
    assert_eq!(local.answer(other.as_bytes()).unwrap().1, None);
}

fn address() -> impl Strategy<Value = std::net::SocketAddrV4> {
    (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| std::net::SocketAddrV4::new(ip.into(), port))
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let named = ("[a-z0-9]{1,12}\\.local", any::<u16>(), any::<u32>());
    prop_oneof![
        address().prop_map(Candidate::host),
        (address(), any::<u16>()).prop_map(|(address, preference)| Candidate::host(address).preferred(preference)),
        (address(), address()).prop_map(|(address, base)| Candidate::server_reflexive(address, base)),
        (address(), address()).prop_map(|(address, mapped)| Candidate::relay(address, mapped)),
        named.prop_map(|(name, port, priority)| Candidate {
            address: CandidateAddress::Name(name, port),
            protocol: Protocol::Tcp,
            kind: CandidateKind::PeerReflexive,
            priority,
            ..Candidate::host("10.0.0.1:1".parse().unwrap())
        }),
    ]
}

fn transport() -> impl Strategy<Value = Secure> {
    let setup = prop::sample::select(vec![Setup::Actpass, Setup::Active, Setup::Passive]);
    let texts = ("[A-Za-z0-9+/]{4,40}", "[A-Za-z0-9+/]{22,60}", any::<[u8; 32]>(), setup);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (texts, prop::collection::btree_set(candidate(), 0..5), flags).prop_map(
        |((ufrag, pwd, hash, setup), candidates, (end_of_candidates, lite, trickle))| Secure {
            ufrag,
            pwd,
            fingerprint: Fingerprint::sha256(hash),
            setup,
            candidates: candidates.into_iter().collect(),
            end_of_candidates,
            lite,
            trickle,
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back_the_same(ours in transport(), theirs in transport(), audio: bool, data: bool) {
        let local = Local { audio: audio || !data, data, secure: Some(ours.clone()), ..alice() };
        let offer = local.offer();
        prop_assert_eq!(Description::read(&offer).unwrap().write(), offer.clone());
        prop_assert_eq!(secure_of(&offer).unwrap(), Some(ours));
        let other = both(Local { secure: Some(theirs.clone()), ..bob() });
        let (answer, agreed) = other.answer(&offer).unwrap();
        let (here, there) = (local.agree(&answer).unwrap().unwrap(), agreed.unwrap());
        prop_assert_eq!((here.audio, here.data), (local.audio, local.data));
        prop_assert_eq!((there.audio, there.data), (local.audio, local.data));
        prop_assert_eq!(here.direction, there.direction.reversed());
        prop_assert_ne!(here.dtls_client, there.dtls_client);
        prop_assert_eq!(there.secure.as_ref(), local.secure.as_ref());
        let answered = if there.dtls_client { Setup::Active } else { Setup::Passive };
        prop_assert_eq!(here.secure, Some(Secure { setup: answered, ..theirs }));
    }

    #[test]
    fn a_candidate_reads_back_the_same(candidate in candidate()) {
        let line = candidate.to_string();
        prop_assert_eq!(Candidate::read(&line), Ok(candidate.clone()));
        prop_assert_eq!(Candidate::read(&format!("a={line} generation 0 ufrag x")), Ok(candidate));
    }
}

/// Lines swapped, doubled, cut off, bytes changed: a description may be refused, and nothing worse.
#[test]
fn no_damage_to_a_description_makes_us_stumble() {
    let mut random = Random::stream(1, "mutations");
    let written = [both(alice()).offer(), both(bob()).answer(&both(alice()).offer()).unwrap().0];
    let mut texts: Vec<Vec<u8>> = [CHROME, FIREFOX, WEBRTC_RS, STR0M].map(|one| offered(one).into_bytes()).to_vec();
    texts.extend(written.map(|one| one.to_vec()));
    let mut understood = 0;
    for _ in 0..20_000 {
        let mut text = texts[random.below(texts.len() as u64) as usize].clone();
        for _ in 0..=random.below(4) {
            let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let (one, other) = (random.below(lines.len() as u64) as usize, random.below(lines.len() as u64) as usize);
            let line = &mut lines[one];
            let at = random.below(line.len() as u64 + 1) as usize;
            match random.below(6) {
                0 => lines.swap(one, other),
                1 => drop(lines.remove(one)),
                2 => lines[one] = lines[other].clone(),
                3 => line.truncate(at),
                4 => line.insert(at, b" :/=0-a"[random.below(7) as usize]),
                _ if at < line.len() => line[at] = random.next_u64() as u8 & 0x7F,
                _ => {}
            }
            text = lines.join(&b'\n');
        }
        for local in [both(alice()), bob(), Local::new([10, 0, 0, 5].into(), 4000, 5)] {
            if let Ok((answer, agreed)) = local.answer(&text) {
                let answer = Description::read(&answer).unwrap();
                assert_eq!(answer.media.len(), Description::read(&text).unwrap().media.len());
                understood += u32::from(agreed.is_some());
                let mut local = local.clone();
                if let Some(agreed) = agreed {
                    local.settle(&agreed);
                    // What is wanted and was not offered comes behind.
                    assert!(Description::read(&local.offer()).unwrap().media.len() >= answer.media.len());
                }
            }
            let _ = (local.agree(&text), secure_of(&text));
        }
    }
    assert!(understood > 5000, "{understood}");
}
