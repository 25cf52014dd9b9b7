//! The async `webrtc` crate calls a hardphone through our gateway leg, and is called: real sockets on loopback, real time.
//!
//! It's a whole peer connection with the API that browsers have, as its users would write a softphone with it: its own
//! offer and answer, gathering, interceptors, RTCP, and timers of a real runtime. Since it stands on the same `rtc` crates
//! as our transport, it's no witness for ICE, DTLS and SRTP: str0m is. What it shows is that somebody else's descriptions
//! and ours mean the same, at set-up, hold, resume and the end, whoever offers.
//!
//! `cargo test --locked --test webrtc` in `tests/interop`. It needs nothing but loopback.

use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour_interop::{Command, Progress, Stack, Told, calls_a_hardphone, is_called_by_a_hardphone};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription,
};
use webrtc::rtp_transceiver::RTCRtpTransceiverDirection;
use webrtc::runtime::{Runtime, default_runtime};

/// A packet every 20 ms.
const PACKET: Duration = Duration::from_millis(20);
/// How long a command may wait.
const NAP: Duration = Duration::from_millis(5);
const SSRC: u32 = 7_777;

/// What the peer connection tells.
struct Listener {
    runtime: Arc<dyn Runtime>,
    progress: Arc<Mutex<Progress>>,
    gathered: Arc<Notify>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Listener {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.progress.lock().expect("nobody panics with it").connected = true;
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let progress = self.progress.clone();
        self.runtime.spawn(Box::pin(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    progress.lock().expect("nobody panics with it").hears(&packet.payload);
                }
            }
        }));
    }
}

fn pcmu() -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec { mime_type: "audio/PCMU".to_owned(), clock_rate: 8_000, ..RTCRtpCodec::default() };
    RTCRtpCodecParameters { rtp_codec, payload_type: 0 }
}

fn microphone() -> Arc<dyn TrackLocal> {
    let rtp_coding_parameters = RTCRtpCodingParameters { ssrc: Some(SSRC), ..RTCRtpCodingParameters::default() };
    let codec = pcmu().rtp_codec;
    let coding = RTCRtpEncodingParameters { rtp_coding_parameters, codec, ..RTCRtpEncodingParameters::default() };
    let (stream, track, label) = ("stream".to_owned(), "track".to_owned(), "microphone".to_owned());
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(stream, track, label, RtpCodecKind::Audio, vec![coding])))
}

fn direction(ours: busyhour::media::Direction) -> RTCRtpTransceiverDirection {
    use busyhour::media::Direction as Ours;
    match ours {
        Ours::SendRecv => RTCRtpTransceiverDirection::Sendrecv,
        Ours::SendOnly => RTCRtpTransceiverDirection::Sendonly,
        Ours::RecvOnly => RTCRtpTransceiverDirection::Recvonly,
        Ours::Inactive => RTCRtpTransceiverDirection::Inactive,
    }
}

fn webrtc_at(address: Ipv4Addr) -> Stack {
    Stack::start(move |commands, progress| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(live(address, commands, progress)).expect("the webrtc crate finds nothing wrong");
    })
}

async fn live(
    address: Ipv4Addr,
    commands: Receiver<Command>,
    progress: Arc<Mutex<Progress>>,
) -> webrtc::error::Result<()> {
    let mut engine = MediaEngine::default();
    engine.register_codec(pcmu(), RtpCodecKind::Audio)?;
    let runtime = default_runtime().expect("it has tokio's");
    let gathered = Arc::new(Notify::new());
    let listener = Listener { runtime: runtime.clone(), progress: progress.clone(), gathered: gathered.clone() };
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_handler(Arc::new(listener))
        .with_runtime(runtime)
        .with_udp_addrs(vec![format!("{address}:0")])
        .build()
        .await?;
    let track = microphone();
    connection.add_track(track.clone()).await?;
    let mut packets = tokio::time::interval(PACKET);
    let mut naps = tokio::time::interval(NAP);
    loop {
        tokio::select! {
            _ = packets.tick() => speak(&*track, &progress).await?,
            _ = naps.tick() => match commands.try_recv() {
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => return connection.close().await,
                Ok(command) => obey(&connection, &gathered, command).await?,
                Err(TryRecvError::Empty) => {}
            },
        }
    }
}

/// Does as it's told. What asks may have given up: then nobody waits for the reply.
async fn obey(connection: &impl PeerConnection, gathered: &Notify, command: Command) -> webrtc::error::Result<()> {
    match command {
        Command::Offer(wanted, reply) => {
            for transceiver in connection.get_transceivers().await {
                transceiver.set_direction(direction(wanted)).await?;
            }
            let offer = connection.create_offer(None).await?;
            let _ = reply.send(described(connection, gathered, offer).await?);
        }
        Command::Agree(answer, reply) => {
            connection.set_remote_description(RTCSessionDescription::answer(answer)?).await?;
            let _ = reply.send(());
        }
        Command::Answer(offer, reply) => {
            connection.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
            let answer = connection.create_answer(None).await?;
            let _ = reply.send(described(connection, gathered, answer).await?);
        }
        Command::Close => unreachable!("that ends its life"),
    }
    Ok(())
}

/// Our side's description, as soon as it has all candidates. Those of the first one are those of each.
async fn described(
    connection: &impl PeerConnection,
    gathered: &Notify,
    description: RTCSessionDescription,
) -> webrtc::error::Result<String> {
    let is_first = connection.local_description().await.is_none();
    connection.set_local_description(description).await?;
    if is_first {
        gathered.notified().await;
    }
    Ok(connection.local_description().await.expect("it was set").sdp)
}

/// Sends a packet, if there is anybody to hear it.
async fn speak(track: &dyn TrackLocal, progress: &Mutex<Progress>) -> webrtc::error::Result<()> {
    let (payload, number) = {
        let mut progress = progress.lock().expect("nobody panics with it");
        if !progress.connected {
            return Ok(());
        }
        (progress.speaks(), progress.sent)
    };
    let header = rtp::header::Header {
        version: 2,
        payload_type: 0,
        sequence_number: number as u16,
        timestamp: number as u32 * 160,
        ssrc: SSRC,
        ..rtp::header::Header::default()
    };
    track.write_rtp(rtp::Packet { header, payload: payload.into() }).await
}

#[test]
fn the_webrtc_crate_calls_a_hardphone() {
    calls_a_hardphone(webrtc_at);
}

/// Our lite end offers, so that this one controls (RFC 8445 6.1.1). Its API doesn't tell that the other end has closed
/// DTLS.
#[test]
fn a_hardphone_calls_the_webrtc_crate() {
    is_called_by_a_hardphone(Told::BySipAlone, webrtc_at);
}
