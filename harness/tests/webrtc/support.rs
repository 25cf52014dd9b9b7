//! What these tests share.

use std::time::Duration;

use busyhour::Universe;
use busyhour::media::sdp::{Local, Source};
use busyhour::media::tone::{self, Voice};
use busyhour::media::webrtc::{Certificate, Peer, PeerEvent, PeerSettings, Setup};
use busyhour::media::{AudioLine, Codec, cadence};
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};

/// One side of a call, with a voice of its own.
pub struct End {
    pub host: Host,
    pub peer: Peer,
    pub line: AudioLine,
    pub local: Local,
    pub voice: Voice,
}

impl End {
    /// One on a host that is there already.
    pub async fn on(host: &Host, voice: u32, mut settings: PeerSettings, offers: bool) -> End {
        settings.transport.controlling = offers;
        let random = |concern: &str| host.random(|random| Random::stream(random.next_u64(), concern));
        let peer = Peer::open(host, settings, Certificate::generate(), random("peer")).await.unwrap();
        let line = AudioLine::over(&peer, host, random("line"));
        let mut local = Local::new([0, 0, 0, 0].into(), 9, 1);
        local.codecs = vec![Codec::Pcmu];
        let name = host.name().to_owned();
        local.source =
            Some(Source { ssrc: line.ssrc(), cname: name.clone(), stream: name, track: "microphone".to_owned() });
        let voice = Voice::number(voice);
        host.room().say(voice.sound());
        End { host: host.clone(), peer, line, local, voice }
    }

    pub async fn new(u: &Universe, name: &str, voice: u32, offers: bool) -> End {
        End::on(&u.host(name), voice, PeerSettings::default(), offers).await
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<PeerEvent> {
        std::iter::from_fn(|| self.peer.poll_event()).collect()
    }
}

/// One offers, the other answers, each with all its candidates; the descriptions go by hand.
pub async fn join(caller: &mut End, callee: &mut End) {
    caller.peer.gathered().await;
    callee.peer.gathered().await;
    exchange(caller, callee);
}

/// An offer and its answer.
pub fn exchange(caller: &mut End, callee: &mut End) {
    caller.local.secure = Some(caller.peer.secure(Setup::Actpass));
    callee.local.secure = Some(callee.peer.secure(Setup::Actpass));
    let offer = caller.local.offer();
    let (answer, agreed) = callee.local.answer(&offer).unwrap();
    let theirs = agreed.unwrap();
    let ours = caller.local.agree(&answer).unwrap().unwrap();
    for (end, agreed) in [(caller, ours), (callee, theirs)] {
        end.local.settle(&agreed);
        if agreed.data {
            end.peer.use_data();
        }
        if agreed.audio {
            end.line.connect(agreed.remote());
        }
        end.peer.connect(agreed.secure.as_ref().unwrap(), agreed.dtls_client);
    }
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Whether a voice was heard at a host since then.
pub fn heard(u: &Universe, host: &Host, voice: Voice, since: SimTime) -> bool {
    let samples = host.room().heard(since, u.now()).unwrap_or_default();
    tone::ever(&samples, &[voice]).contains(&voice)
}

/// Whether both are heard by each other in the next half second.
pub async fn talk(u: &Universe, one: &End, other: &End) -> [bool; 2] {
    let since = u.now();
    cadence::attend(since + Duration::from_millis(500));
    u.sleep(Duration::from_millis(500)).await;
    [heard(u, &other.host, one.voice, since), heard(u, &one.host, other.voice, since)]
}
