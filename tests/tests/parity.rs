//! Law 4: one actor, two worlds. A client and a server over UDP, TCP, HTTP and WebSocket, with files, names and
//! timers, written once, run on simulated parts and on real ones.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::trace::{Event, Log, PacketSeen, SimTime, Stage};
use busyhour::world::audio::{Sound, goertzel, wav};
use busyhour::world::{Host, Mode, Tap};
use busyhour::{Builder, Universe};
use busyhour_tests::{fetch, serve_http, serve_websocket, websocket_echo};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const UDP: u16 = 5060;
const TCP: u16 = 5061;

/// Upper-cases what it gets over UDP, and keeps a journal.
async fn shout(host: Host) {
    let socket = host.udp(UDP).await.unwrap();
    while let Ok((text, from)) = socket.recv().await {
        host.disk().append("journal/heard.txt", &text).unwrap();
        host.disk().sync("journal/heard.txt").unwrap();
        socket.send_to(text.to_ascii_uppercase(), from).await.unwrap();
    }
}

/// Reverses a line over TCP.
async fn reverse(host: Host) {
    let listener = host.listen(TCP).await.unwrap();
    while let Ok((mut stream, _)) = listener.accept().await {
        host.spawn(async move {
            let mut line = vec![0; 5];
            stream.read_exact(&mut line).await.unwrap();
            line.reverse();
            stream.write_all(&line).await.unwrap();
            stream.shutdown().await.unwrap();
        });
    }
}

/// The client's story: what it saw, as lines.
async fn visit(client: Host, server: Host) -> Vec<String> {
    let mut seen = Vec::new();
    let address = client.resolve("server").await.unwrap()[0];
    assert_eq!(address, server.address());
    let at = |port| SocketAddrV4::new(address, port);

    let socket = client.udp(0).await.unwrap();
    for word in ["hello", "world"] {
        socket.send_to(word.as_bytes(), at(UDP)).await.unwrap();
        let (echo, from) = socket.recv().await.unwrap();
        assert_eq!(from, at(UDP));
        seen.push(String::from_utf8(echo.to_vec()).unwrap());
    }

    let mut stream = client.connect(("server", TCP)).await.unwrap();
    assert_eq!((stream.peer_addr(), *stream.local_addr().ip()), (at(TCP), client.address()));
    stream.write_all(b"stressed"[..5].as_ref()).await.unwrap();
    let mut reversed = String::new();
    stream.read_to_string(&mut reversed).await.unwrap();
    seen.push(reversed);

    let refused = client.connect(at(9)).await.unwrap_err();
    seen.push(format!("{:?}", refused.kind()));

    let (status, body) = fetch(&client, at(80), "/hello", Bytes::new()).await.unwrap();
    seen.push(format!("{status} {}", String::from_utf8_lossy(&body)));
    seen.extend(websocket_echo(&client, at(81), &["one", "two"]).await.unwrap());

    let disk = client.disk();
    disk.write("notes/a.txt", "first").unwrap();
    disk.append("notes/a.txt", " and second").unwrap();
    disk.write_at("notes/a.txt", 0, "F").unwrap();
    disk.rename("notes/a.txt", "notes/b.txt").unwrap();
    disk.sync_all().unwrap();
    let mut middle = [0; 6];
    assert_eq!(disk.read_at("notes/b.txt", 10, &mut middle).unwrap(), 6);
    seen.push(String::from_utf8(disk.read("notes/b.txt").unwrap()).unwrap());
    seen.push(format!(
        "{:?} {:?} {}",
        disk.list("").unwrap(),
        disk.read("gone.txt").unwrap_err().kind(),
        disk.len("notes/b.txt").unwrap()
    ));
    disk.remove("notes/b.txt").unwrap();
    seen.push(format!("{:?}", disk.list("notes").unwrap()));

    let before = client.now();
    client.sleep(Duration::from_millis(30)).await;
    let slept = client.now() - before;
    assert!((Duration::from_millis(30)..Duration::from_secs(5)).contains(&slept), "{slept:?}");
    seen
}

#[derive(Default)]
struct Sightings {
    sent: usize,
    arrived: usize,
}

impl Tap for Sightings {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        match seen.stage {
            Stage::Sent => self.sent += 1,
            Stage::Arrived => self.arrived += 1,
            _ => {}
        }
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

fn story(builder: Builder) -> Vec<String> {
    let taps = Arc::new(Mutex::new(Sightings::default()));
    let outcome = builder.deadline(Duration::from_secs(60)).tap(taps.clone()).run(|u| async move {
        let (client, server) = (u.host("client"), u.host("server"));
        server.boot(shout);
        server.boot(reverse);
        server.boot(serve_http);
        server.boot(serve_websocket);
        u.sleep(Duration::from_millis(50)).await;
        let visitor = client.clone();
        let mut seen = client.spawn(visit(visitor, server.clone())).await.unwrap();
        seen.push(String::from_utf8(server.disk().read("journal/heard.txt").unwrap()).unwrap());
        assert_eq!(u.mode() == Mode::Live, server.address().is_loopback());
        seen
    });
    let sightings = taps.lock().unwrap();
    assert!(sightings.sent > 10 && sightings.arrived > 10, "the taps saw {} and {}", sightings.sent, sightings.arrived);
    outcome.result.unwrap_or_else(|cause| panic!("{cause}\n{}", outcome.log.to_text()))
}

#[test]
fn a_client_and_a_server_live_the_same_story_simulated_and_for_real() {
    let folder = std::env::temp_dir().join(format!("busyhour-parity-{}", std::process::id()));
    let simulated = story(Universe::seeded(1));
    let live = story(Universe::live().files(&folder));
    assert!(folder.join("server/journal/heard.txt").exists(), "live files are real");
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(simulated, live);
    assert_eq!(simulated[..3], ["HELLO", "WORLD", "serts"]);
}

#[test]
fn live_has_no_faults_of_its_own() {
    let outcome = Universe::live().run(|u| async move {
        u.host("server").crash();
    });
    let failure = outcome.result.unwrap_err().to_string();
    assert!(failure.contains("live has no faults of its own: can't crash server"), "{failure}");
}

/// A phone-like program: says what its microphone hears to a speaker elsewhere, 20 ms at a time.
async fn speak(host: Host, to: SocketAddrV4) {
    let microphone = host.microphone();
    let socket = host.udp(0).await.unwrap();
    while let Ok(frame) = microphone.read(160).await {
        let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        socket.send_to(bytes, to).await.unwrap();
    }
}

async fn listen(host: Host) {
    let socket = host.udp(4000).await.unwrap();
    while let Ok((bytes, _)) = socket.recv().await {
        let frame: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        host.speaker().play(&frame).unwrap();
    }
}

/// Tones of level 0.3 show (0.3 / 2)² at each of their frequencies: 0.0225.
fn has_tone(samples: &[i16], hz: f64) -> bool {
    goertzel(samples, hz) > 0.01
}

/// What was said into one host's microphone is what is heard at another's speaker, and a microphone that's unplugged
/// in between says nothing more.
#[test]
fn what_is_said_on_one_host_is_heard_on_another() {
    busyhour_tests::lived(1, |u| async move {
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        alice.room().say(Sound::Tones { hz: [697.0, 1209.0], level: 0.3 });
        bob.boot(listen);
        let to = SocketAddrV4::new(bob.address(), 4000);
        alice.boot(move |alice| speak(alice, to));
        u.sleep(Duration::from_secs(2)).await;
        let second = |from: u64| (SimTime(from * 1_000_000_000), SimTime((from + 1) * 1_000_000_000));
        let (from, to) = second(1);
        let heard = bob.room().heard(from, to).unwrap();
        assert_eq!(heard.len(), 8000);
        assert!(has_tone(&heard, 697.0) && has_tone(&heard, 1209.0) && !has_tone(&heard, 941.0));
        alice.room().unplug_microphone();
        u.sleep(Duration::from_secs(3)).await;
        let (from, to) = second(4);
        assert!(bob.room().heard(from, to).unwrap().iter().all(|sample| *sample == 0));
    });
}

#[test]
fn live_microphones_and_speakers_are_wav_files() {
    let folder = std::env::temp_dir().join(format!("busyhour-sound-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("alice")).unwrap();
    let mut said = vec![0; 8000];
    Sound::Tones { hz: [697.0, 1209.0], level: 0.3 }.fill(0, &mut said);
    std::fs::write(folder.join("alice/microphone.wav"), wav::write(&said)).unwrap();
    let outcome = Universe::live().files(&folder).run(|u| async move {
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        bob.boot(listen);
        u.sleep(Duration::from_millis(20)).await;
        let to = SocketAddrV4::new(bob.address(), 4000);
        alice.boot(move |alice| speak(alice, to));
        u.sleep(Duration::from_millis(600)).await;
    });
    outcome.result.unwrap();
    let heard = wav::read(&std::fs::read(folder.join("bob/speaker.wav")).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    // A machine that has other things to do leaves gaps; somewhere two frames in a row are whole.
    let whole = |heard: &[i16]| has_tone(heard, 697.0) && has_tone(heard, 1209.0) && !has_tone(heard, 941.0);
    assert!(heard.windows(320).step_by(40).any(whole), "{} samples, none of them whole", heard.len());
}
