//! str0m calls a hardphone through our gateway leg, and is called: real sockets on loopback, real time.
//!
//! str0m shares no line with the crates that our WebRTC stands on: it has its own ICE (`is`), DTLS (`dimpl`), SRTP and
//! SDP, on aws-lc-rs. So it's the independent witness that what we say is ICE, DTLS and SRTP, and not just something
//! that we understand ourselves: it checks our lite candidate and our fingerprint, shakes hands, decrypts the hardphone's
//! voice and encrypts its own, and takes part in hold, resume and the end. As answerer and as offerer.
//!
//! `cargo test --locked --test str0m` in `tests/interop`. It needs nothing but loopback.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use busyhour_interop::{Command, Progress, Stack, Told, calls_a_hardphone, is_called_by_a_hardphone};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// A packet every 20 ms.
const PACKET: Duration = Duration::from_millis(20);
/// How long a command may wait while nothing else happens.
const NAP: Duration = Duration::from_millis(5);

/// One str0m with its socket.
struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    progress: Arc<Mutex<Progress>>,
    next_packet: Instant,
    samples: u64,
}

fn direction(ours: busyhour::media::Direction) -> Direction {
    use busyhour::media::Direction as Ours;
    match ours {
        Ours::SendRecv => Direction::SendRecv,
        Ours::SendOnly => Direction::SendOnly,
        Ours::RecvOnly => Direction::RecvOnly,
        Ours::Inactive => Direction::Inactive,
    }
}

fn str0m_at(address: Ipv4Addr) -> Stack {
    Stack::start(move |commands, progress| Peer::open(address, progress).live(&commands))
}

impl Peer {
    fn open(address: Ipv4Addr, progress: Arc<Mutex<Progress>>) -> Peer {
        let socket = UdpSocket::bind((address, 0)).expect("a loopback address can be bound");
        let address = socket.local_addr().expect("it's bound");
        let mut rtc = Rtc::builder().clear_codecs().enable_pcmu(true, false).build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("it's an address"));
        let next_packet = Instant::now();
        Peer { rtc, socket, address, mid: None, pending: None, progress, next_packet, samples: 0 }
    }

    fn live(mut self, commands: &Receiver<Command>) {
        loop {
            let due = self.drain();
            match commands.try_recv() {
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => {
                    // It may be closed already, by the other end.
                    let _ = self.rtc.close();
                    self.drain();
                    return;
                }
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => self.wait(due),
            }
        }
    }

    /// Sends what there is to send, and says when the next thing is due.
    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("str0m finds nothing wrong") {
                Output::Timeout(due) => return due,
                Output::Transmit(datagram) => {
                    self.socket.send_to(&datagram.contents, datagram.destination).expect("loopback takes it");
                }
                Output::Event(event) => self.notice(event),
            }
        }
    }

    fn notice(&mut self, event: Event) {
        let mut progress = self.progress.lock().expect("nobody panics with it");
        match event {
            Event::Connected => progress.connected = true,
            Event::Closed => progress.closed = true,
            Event::MediaAdded(added) => self.mid = Some(added.mid),
            Event::MediaData(data) => progress.hears(&data.data),
            _ => {}
        }
    }

    fn obey(&mut self, command: Command) {
        // What asks may have given up: then nobody waits for the reply.
        match command {
            Command::Offer(wanted, reply) => {
                let mut change = self.rtc.sdp_api();
                match self.mid {
                    Some(mid) => change.set_direction(mid, direction(wanted)),
                    None => self.mid = Some(change.add_media(MediaKind::Audio, direction(wanted), None, None, None)),
                }
                let (offer, pending) = change.apply().expect("something has changed");
                self.pending = Some(pending);
                let _ = reply.send(offer.to_sdp_string());
            }
            Command::Agree(answer, reply) => {
                let answer = SdpAnswer::from_sdp_string(&answer).expect("str0m reads our answer");
                let pending = self.pending.take().expect("it's the answer to an offer");
                self.rtc.sdp_api().accept_answer(pending, answer).expect("str0m takes our answer");
                let _ = reply.send(());
            }
            Command::Answer(offer, reply) => {
                let offer = SdpOffer::from_sdp_string(&offer).expect("str0m reads our offer");
                let answer = self.rtc.sdp_api().accept_offer(offer).expect("str0m takes our offer");
                let _ = reply.send(answer.to_sdp_string());
            }
            Command::Close => unreachable!("that ends its life"),
        }
    }

    /// Waits for a datagram, a deadline of str0m's or the next packet to send, and lets one of them happen.
    fn wait(&mut self, due: Instant) {
        let now = Instant::now();
        if now >= self.next_packet {
            self.next_packet += PACKET;
            return self.speak(now);
        }
        let wait = due.min(self.next_packet).saturating_duration_since(now).clamp(Duration::from_millis(1), NAP);
        self.socket.set_read_timeout(Some(wait)).expect("it isn't zero");
        let mut buffer = [0; 2_000];
        match self.socket.recv_from(&mut buffer) {
            Ok((length, source)) => {
                let Ok(contents) = buffer[..length].try_into() else { return };
                let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).expect("str0m takes it");
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.rtc.handle_input(Input::Timeout(Instant::now())).expect("str0m takes it");
            }
            Err(error) => panic!("the socket: {error}"),
        }
    }

    /// The next packet, if there is anybody to hear it.
    fn speak(&mut self, now: Instant) {
        let mut progress = self.progress.lock().expect("nobody panics with it");
        let writer = self.mid.filter(|_| progress.connected && !progress.closed).and_then(|mid| self.rtc.writer(mid));
        let Some(writer) = writer else { return };
        let pt = writer.payload_params().next().expect("PCMU was agreed on").pt();
        let time = MediaTime::new(self.samples, Frequency::EIGHT_KHZ);
        self.samples += 160;
        writer.write(pt, now, time, progress.speaks()).expect("str0m sends it");
    }
}

/// RFC 8445, 5763, 3711: str0m offers, so it's the full, controlling agent and the DTLS client of our lite end.
#[test]
fn str0m_calls_a_hardphone() {
    calls_a_hardphone(str0m_at);
}

/// Our lite end offers (RFC 8445 6.1.1), and str0m is told of the end by DTLS too.
#[test]
fn a_hardphone_calls_str0m() {
    is_called_by_a_hardphone(Told::ByDtls, str0m_at);
}
