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
use busyhour::pbx::{LostConnection, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::phone::{LineState, Phone, PhoneSettings};
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
const FINGERPRINTS: &str = "fingerprints_match";
const RUNG: &str = "a_gone_tab_is_not_rung";
const ENDED: &str = "a_gone_tab_ends_its_calls";
const ONE: &str = "one_contact_per_tab";
const OUTLIVES: &str = "nothing_outlives_its_call";

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

// With a server whose gateway has webphones on one side: what it owes to those who are on the other.

/// What's wrong in an office.
#[derive(Clone)]
struct Office {
    server: ServerSettings,
    webphone: WebphoneSettings,
}

/// A server, alice's webphone, and bob's phone on his desk.
struct Staff {
    _server: Server,
    alice: Phone,
    bob: Phone,
}

impl Staff {
    async fn is_there(u: &Universe, bends: impl FnOnce(&mut Office)) -> Staff {
        let (server, laptop, desk) = (u.host("server"), u.host("alice"), u.host("bob"));
        let mut office = Office {
            server: ServerSettings::new("pbx.test").user("alice", "secret").user("bob", "secret"),
            webphone: WebphoneSettings::new("alice", "secret", "pbx.test")
                .at(format!("ws://{}:8080/", server.address())),
        };
        bends(&mut office);
        let _server = Server::install(&server, office.server);
        let alice = Phone::webphone(&Browser::install(&laptop, BrowserSettings::default()), office.webphone);
        alice.open_tab().unwrap();
        let mut settings = PhoneSettings::hardphone("bob", "secret", "pbx.test");
        settings.proxy = Some(SocketAddrV4::new(server.address(), 5060));
        let bob = Phone::install(&desk, settings);
        bob.register().unwrap();
        alice.host().room().say(Voice::number(0).sound());
        bob.host().room().say(Voice::number(1).sound());
        u.sleep(secs(2)).await;
        Staff { _server, alice, bob }
    }

    /// One calls the other, who answers. They talk for five seconds.
    async fn talk(&self, u: &Universe, caller: &Phone) {
        let callee = if std::ptr::eq(caller, &self.alice) { &self.bob } else { &self.alice };
        caller.dial(callee.host().name()).unwrap();
        u.sleep(secs(2)).await;
        callee.answer().unwrap();
        u.sleep(secs(5)).await;
        assert!(caller.screen().calls().any(|line| line.state == LineState::Talking), "{caller:?}");
    }
}

/// Bob rings alice twice: when her tab is open, and when it has been closed.
fn rings(bends: fn(&mut Office)) -> (String, Panel) {
    story(move |u| async move {
        let staff = Staff::is_there(&u, bends).await;
        staff.talk(&u, &staff.bob).await;
        staff.bob.hang_up().unwrap();
        u.sleep(secs(2)).await;
        staff.alice.tab().unwrap().close().unwrap();
        u.sleep(secs(1)).await;
        staff.bob.dial("alice").unwrap();
        u.sleep(secs(40)).await;
    })
}

/// RFC 5626 5.3, RFC 7118 5.1.
#[test]
fn a_server_that_rings_a_tab_that_is_gone_is_noticed() {
    let (told, panel) = rings(|_| {});
    assert_eq!(told, "");
    judged(&panel, &[RUNG]);
    let (told, _) = rings(|office| office.server.behaviour.rings_gone_tabs = true);
    breaks(&told, RUNG, "server sends a call for sip:alice@");
}

/// RFC 3261 15, RFC 7675 5.1: alice's tab ends in the middle of a call, by each kind of end that the wire tells of.
#[test]
fn a_server_that_does_not_notice_the_end_of_a_tab_is_noticed() {
    type End = fn(&Phone);
    let ends: [(&str, End); 3] = [
        ("its DTLS alert came", |alice| alice.tab().unwrap().navigate_away().unwrap()),
        ("its WebSocket was over", |alice| alice.tab().unwrap().close().unwrap()),
        ("its last ICE check came", |alice| alice.host().pause()),
    ];
    for (sign, end) in ends {
        let told = |bends: fn(&mut Office)| {
            story(move |u| async move {
                let staff = Staff::is_there(&u, bends).await;
                staff.talk(&u, &staff.alice).await;
                end(&staff.alice);
                u.sleep(secs(40)).await;
            })
        };
        let (healthy, panel) = told(|_| {});
        assert_eq!(healthy, "", "{sign}");
        judged(&panel, &[ENDED]);
        let (told, _) = told(|office| office.server.behaviour.never_notices_lost_media = true);
        breaks(&told, ENDED, sign);
    }
}

/// RFC 5626 6: a page that was loaded again is the same device, at a server that keeps what it had.
#[test]
fn a_registrar_that_keeps_two_contacts_of_a_tab_is_noticed() {
    let told = |bends: fn(&mut Office)| {
        story(move |u| async move {
            let keeps = |office: &mut Office| {
                office.server.lost_connection = LostConnection::KeepsUntilExpiry;
                bends(office);
            };
            let staff = Staff::is_there(&u, keeps).await;
            staff.alice.tab().unwrap().reload().unwrap();
            u.sleep(secs(5)).await;
        })
    };
    let (healthy, panel) = told(|_| {});
    assert_eq!(healthy, "");
    judged(&panel, &[ONE]);
    let (told, _) = told(|office| office.server.behaviour.ignores_instances = true);
    breaks(&told, ONE, "server keeps two contacts of one instance and reg-id");
}

/// RFC 8122 6.2: who presents another certificate is noticed, and so is who doesn't mind.
#[test]
fn a_gateway_whose_certificate_is_not_that_of_its_description_is_noticed() {
    let told = |bends: fn(&mut Office)| {
        story(move |u| async move {
            let staff = Staff::is_there(&u, bends).await;
            staff.alice.dial("bob").unwrap();
            u.sleep(secs(2)).await;
            staff.bob.answer().unwrap();
            u.sleep(secs(10)).await;
            // If it's still up.
            let _ = staff.alice.hang_up();
            u.sleep(secs(40)).await;
        })
    };
    let (healthy, panel) = told(|_| {});
    assert_eq!(healthy, "");
    judged(&panel, &[FINGERPRINTS]);
    let presents = "server presents a certificate from";
    let (strict, _) = told(|office| office.server.behaviour.describes_another_certificate = true);
    // She goes no further, so that bob hears nothing.
    assert!(strict.contains(&format!("{FINGERPRINTS}: ")) && strict.contains(presents), "{strict}");
    assert!(!strict.contains("alice goes on at"), "{strict}");
    let (lax, _) = told(|office| {
        office.server.behaviour.describes_another_certificate = true;
        office.webphone.rtc.transport.quirks.ignores_fingerprint = true;
    });
    breaks(&lax, FINGERPRINTS, presents);
    assert!(lax.contains("alice goes on at"), "{lax}");
}

/// RFC 8445 12: a page that doesn't care for a BYE goes on checking. A gateway leg that is closed doesn't answer; one that
/// was left open does.
#[test]
fn a_gateway_leg_that_is_left_over_is_noticed() {
    let told = |bends: fn(&mut Office)| {
        story(move |u| async move {
            let haunts = |office: &mut Office| {
                office.webphone.phone.behaviour.keeps_sending_audio_after_bye = true;
                bends(office);
            };
            let staff = Staff::is_there(&u, haunts).await;
            staff.talk(&u, &staff.alice).await;
            staff.bob.hang_up().unwrap();
            u.sleep(secs(20)).await;
        })
    };
    let (closed, panel) = told(|_| {});
    assert!(!closed.contains(OUTLIVES), "{closed}");
    judged(&panel, &[OUTLIVES]);
    let (open, _) = told(|office| office.server.behaviour.keeps_peers_open = true);
    assert!(open.contains(&format!("{OUTLIVES}: ")) && open.contains("server still answers checks at"), "{open}");
}

/// RFC 8656 7: alice's call by a relay is over, and its address there is given back, or held for ever.
#[test]
fn an_address_on_a_relay_that_outlives_its_call_is_noticed() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let told = |keeps_relays: bool| {
            story(move |u| async move {
                let host = u.host("turn");
                let _turn = StunTurnServer::install(&host, TurnSettings::new("turn.test").user("user", "secret"));
                let server = SocketAddrV4::new(host.address(), PORT);
                let account = TurnAccount { server, transport, user: "user".to_owned(), password: "secret".to_owned() };
                let by_relay = |office: &mut Office| {
                    office.webphone.rtc.reach = Reach { stun: None, turn: vec![account], only_relay: true };
                    office.webphone.rtc.transport.quirks.keeps_relays = keeps_relays;
                };
                let staff = Staff::is_there(&u, by_relay).await;
                staff.talk(&u, &staff.alice).await;
                staff.bob.hang_up().unwrap();
                // Addresses are lent for ten minutes.
                u.sleep(secs(700)).await;
            })
        };
        let (given_back, panel) = told(false);
        assert_eq!(given_back, "", "{transport:?}");
        judged(&panel, &[OUTLIVES, RELAYING]);
        let (kept, _) = told(true);
        breaks(&kept, OUTLIVES, "alice refreshes");
    }
}
