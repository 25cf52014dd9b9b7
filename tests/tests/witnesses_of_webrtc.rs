//! The witnesses of WebRTC, with peers of ours in universes: none complains where a peer does what the RFCs say, by
//! whatever way it goes, and each one notices the quirk that it's there for. The descriptions go by hand.

use std::fs::{self, File};
use std::io::BufReader;
use std::net::SocketAddrV4;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::sdp::{Local, Setup, Source};
use busyhour::media::tone::Voice;
use busyhour::media::turn::{PORT, StunTurnServer, TurnAccount, TurnSettings, TurnTransport};
use busyhour::media::webrtc::{Certificate, Peer, PeerSettings, Reach, SrtpProfile};
use busyhour::media::{AudioLine, Codec};
use busyhour::net::nat::NatKind;
use busyhour::trace::{MediaKeys, PcapngReader, PcapngWriter};
use busyhour::world::{Host, Random};
use busyhour_oracle::Panel;
use busyhour_oracle::decryption::Decryption;
use busyhour_oracle::read::rtp;
use busyhour_tests::Listening;

const ENCRYPTED: &str = "webrtc_media_is_encrypted";
const INDEX: &str = "no_index_is_sent_twice";
const RANDOMS: &str = "no_two_handshakes_share_randoms";
const DTLS: &str = "no_media_before_dtls";
const CONSENT: &str = "without_consent_no_media";
const RELAYING: &str = "no_relaying_after_expiry";

/// One side of a call, with a voice of its own.
struct End {
    peer: Peer,
    line: AudioLine,
    local: Local,
}

impl End {
    async fn on(host: &Host, voice: u32, mut settings: PeerSettings, offers: bool) -> End {
        settings.transport.controlling = offers;
        let random = |concern: &str| host.random(|random| Random::stream(random.next_u64(), concern));
        let peer = Peer::open(host, settings, Certificate::generate(), random("peer")).await.unwrap();
        let line = AudioLine::over(&peer, host, random("line"));
        let mut local = Local::new([0, 0, 0, 0].into(), 9, 1);
        local.codecs = vec![Codec::Pcmu];
        let name = host.name().to_owned();
        local.source =
            Some(Source { ssrc: line.ssrc(), cname: name.clone(), stream: name, track: "microphone".to_owned() });
        host.room().say(Voice::number(voice).sound());
        End { peer, line, local }
    }
}

/// One offers, the other answers, each with all its candidates.
async fn join(caller: &mut End, callee: &mut End) {
    caller.peer.gathered().await;
    callee.peer.gathered().await;
    for end in [&mut *caller, &mut *callee] {
        end.local.secure = Some(end.peer.secure(Setup::Actpass));
        end.local.data = true;
    }
    let offer = caller.local.offer();
    let (answer, theirs) = callee.local.answer(&offer).unwrap();
    let ours = caller.local.agree(&answer).unwrap();
    for (end, agreed) in [(caller, ours), (callee, theirs)] {
        let agreed = agreed.unwrap();
        end.local.settle(&agreed);
        end.peer.use_data();
        end.line.connect(agreed.remote());
        end.peer.connect(agreed.secure.as_ref().unwrap(), agreed.dtls_client);
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What the witnesses say of a story: the complaints, a line each.
fn story<F, Fut>(tell: F) -> (String, Panel)
where
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let ears = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let outcome = Universe::seeded(1).tap(Arc::clone(&ears)).run(tell);
    outcome.result.unwrap();
    let panel = std::mem::replace(&mut ears.lock().unwrap().0, Panel::new(Vec::new()));
    let mut told = String::new();
    for witness in panel.witnesses() {
        for violation in &witness.judgement().violations {
            told.push_str(&format!("{}: {} {}\n", witness.name(), violation.at, violation.what));
        }
    }
    (told, panel)
}

/// A call between two with these settings, and what comes after its first seconds.
fn call(bends: fn(&mut PeerSettings)) -> (String, Panel) {
    story(move |u| async move {
        let mut settings = PeerSettings::default();
        bends(&mut settings);
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        // Far enough from each other that frames are due before the handshake is done.
        u.network().between(&alice, &bob).has_jitter(Duration::from_millis(150), Duration::from_millis(1)).unwrap();
        let mut alice = End::on(&alice, 0, settings, true).await;
        let mut bob = End::on(&bob, 1, PeerSettings::default(), false).await;
        join(&mut alice, &mut bob).await;
        u.sleep(secs(10)).await;
        // Bob is gone without a word.
        drop(bob);
        u.sleep(secs(50)).await;
        alice.line.close().await;
        alice.peer.close();
        u.sleep(secs(5)).await;
    })
}

fn judged(panel: &Panel, names: &[&str]) {
    for name in names {
        assert!(panel.get(name).unwrap().judgement().judged > 0, "{name} has judged nothing");
    }
}

#[track_caller]
fn breaks(told: &str, name: &str, says: &str) {
    assert!(told.contains(says), "{told}");
    assert!(told.lines().all(|line| line.starts_with(&format!("{name}: "))), "{told}");
}

/// With both profiles; and when one side vanishes.
#[test]
fn peers_in_health_break_nothing() {
    let profiles: [fn(&mut PeerSettings); 2] = [
        |settings| settings.transport.profiles = vec![SrtpProfile::AeadAes128Gcm],
        |settings| settings.transport.profiles = vec![SrtpProfile::Aes128CmSha1_80],
    ];
    for profile in profiles {
        let (told, panel) = call(profile);
        assert_eq!(told, "");
        judged(&panel, &[ENCRYPTED, INDEX, RANDOMS, DTLS, CONSENT]);
    }
}

/// RFC 8827 6.5, RFC 5764 4.1, RFC 7675 5.1, RFC 3711 9.1.
#[test]
fn each_quirk_of_a_peer_is_noticed_by_its_witness() {
    let (told, _) = call(|settings| settings.transport.quirks.plain_rtp = true);
    assert!(told.contains("alice sends media from") && told.contains("that isn't encrypted"), "{told}");
    let (told, _) = call(|settings| settings.transport.quirks.sends_before_dtls = true);
    assert!(told.lines().any(|line| line.starts_with(DTLS)), "{told}");
    let (told, _) = call(|settings| settings.transport.quirks.keeps_sending_without_consent = true);
    breaks(&told, CONSENT, "alice sends");
    let (told, _) = call(|settings| settings.transport.quirks.repeats_index = true);
    breaks(&told, INDEX, "alice sends index");
}

/// RFC 5246 7.4.1.2.
#[test]
fn a_peer_that_repeats_its_randoms_is_noticed_at_its_second_call() {
    let (told, _) = story(|u| async move {
        let mut settings = PeerSettings::default();
        settings.transport.quirks.repeats_random = true;
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        for _ in 0..2 {
            let mut caller = End::on(&alice, 0, settings.clone(), true).await;
            let mut callee = End::on(&bob, 1, PeerSettings::default(), false).await;
            join(&mut caller, &mut callee).await;
            u.sleep(secs(5)).await;
            for end in [&caller, &callee] {
                end.line.close().await;
                end.peer.close();
            }
            u.sleep(secs(1)).await;
        }
    });
    breaks(&told, RANDOMS, "alice begins a handshake with a random");
}

/// RFC 8656, over UDP and over TCP, and with a NAT box before it.
#[test]
fn by_a_relay_the_same_holds() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let (told, panel) = story(move |u| async move {
            let (alice, bob, server) = (u.host("alice"), u.host("bob"), u.host("turn"));
            let _turn = StunTurnServer::install(&server, TurnSettings::new("turn.test").user("user", "secret"));
            u.network().put_behind(&alice, u.network().nat("a box", NatKind::Symmetric, None));
            let address = SocketAddrV4::new(server.address(), PORT);
            let account =
                TurnAccount { server: address, transport, user: "user".to_owned(), password: "secret".to_owned() };
            let reach = Reach { stun: Some(address), turn: vec![account], only_relay: true };
            let settings = PeerSettings { reach, ..PeerSettings::default() };
            let mut alice = End::on(&alice, 0, settings, true).await;
            let mut bob = End::on(&bob, 1, PeerSettings::default(), false).await;
            join(&mut alice, &mut bob).await;
            u.sleep(secs(40)).await;
            for end in [&alice, &bob] {
                end.line.close().await;
                end.peer.close();
            }
            u.sleep(secs(5)).await;
        });
        assert_eq!(told, "", "{transport:?}");
        judged(&panel, &[ENCRYPTED, INDEX, RANDOMS, DTLS, CONSENT, RELAYING]);
        let media = panel.get(ENCRYPTED).unwrap().judgement().judged;
        assert!(media > 500, "{media} packets of two sides in 40 seconds");
    }
}

/// The capture of a call and what its parties claim are enough to listen to it: in the second capture stands the media,
/// in the clear. (Both stay in cargo's folder for tests, with a key log that opens the DTLS connection for `tshark`.)
#[test]
fn a_capture_and_the_claimed_keys_are_enough_to_listen() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let of = |name: &str| folder.join(name);
    let universe = Universe::seeded(1).capture(of("webrtc.pcapng")).unwrap();
    let outcome = universe.run(|u| async move {
        let mut alice = End::on(&u.host("alice"), 0, PeerSettings::default(), true).await;
        let mut bob = End::on(&u.host("bob"), 1, PeerSettings::default(), false).await;
        join(&mut alice, &mut bob).await;
        u.sleep(secs(10)).await;
        alice.peer.close();
        bob.peer.close();
    });
    outcome.result.unwrap();
    let keys = MediaKeys::all(&outcome.log);
    assert!(keys.len() >= 2, "both claim theirs");
    fs::write(of("webrtc.keys"), MediaKeys::key_log(&keys)).unwrap();
    let mut decryption = Decryption::new(&keys);
    let mut clear = PcapngWriter::new(File::create(of("webrtc-decrypted.pcapng")).unwrap(), 0, "in the clear").unwrap();
    let mut frames = 0;
    for packet in PcapngReader::new(BufReader::new(File::open(of("webrtc.pcapng")).unwrap())) {
        for packet in decryption.packet(&packet.unwrap()) {
            clear.copy(packet.at_ns, &packet.bytes, &packet.comment).unwrap();
            // Behind IP and UDP.
            match rtp::read(&packet.bytes[28..]) {
                Some(rtp::Packet::Rtp(rtp)) => {
                    assert_eq!((rtp.payload_type, rtp.payload.len()), (0, 160));
                    frames += 1;
                }
                other => assert!(matches!(other, Some(rtp::Packet::Rtcp(_))), "{other:?}"),
            }
        }
    }
    clear.finish().unwrap();
    assert!((500..1_000).contains(&frames), "{frames} frames of two voices in ten seconds");
}
