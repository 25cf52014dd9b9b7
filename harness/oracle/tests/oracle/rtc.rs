//! WebRTC by hand: WebSocket frames, ICE checks, DTLS records and SRTP packets.

use busyhour_trace::{Event, SimTime, Source};
use sha2::{Digest, Sha256};

use crate::packets::{ACK, FIN, SYN};
use crate::play::{Play, address};
pub use crate::sealer::{Sealer, rtp};

/// A host and a port.
pub type End = (&'static str, u16);

/// A WebSocket between a browser and a server.
pub struct Socket {
    pub client: End,
    pub server: End,
    said: [u32; 2],
}

impl Socket {
    pub fn open(play: &mut Play, client: End, server: End) -> Socket {
        let mut socket = Socket { client, server, said: [100, 900] };
        play.stream(client, server, 100, SYN, b"");
        play.stream(server, client, 900, SYN | ACK, b"");
        socket.said = [101, 901];
        socket.bytes(
            play,
            true,
            b"GET / HTTP/1.1\r\nHost: pbx\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        socket.bytes(
            play,
            false,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: y\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
        );
        socket
    }

    pub fn bytes(&mut self, play: &mut Play, by_client: bool, bytes: &[u8]) {
        self.flagged(play, by_client, ACK, bytes);
    }

    fn flagged(&mut self, play: &mut Play, by_client: bool, flags: u8, bytes: &[u8]) {
        let (from, to) = if by_client { (self.client, self.server) } else { (self.server, self.client) };
        let said = &mut self.said[usize::from(!by_client)];
        play.stream(from, to, *said, flags, bytes);
        *said += bytes.len() as u32;
    }

    /// The number of the next byte that a side says.
    pub fn next(&self, by_client: bool) -> u32 {
        self.said[usize::from(!by_client)]
    }

    /// Somebody says something of SIP.
    pub fn say(&mut self, play: &mut Play, by_client: bool, text: &str) {
        self.bytes(play, by_client, &frame(0x81, by_client, text.as_bytes()));
    }

    /// The client closes, as a browser does.
    pub fn close(&mut self, play: &mut Play) {
        self.bytes(play, true, &frame(0x88, true, &1001u16.to_be_bytes()));
        self.finish(play);
    }

    /// The client's end goes away without a word.
    pub fn finish(&mut self, play: &mut Play) {
        self.flagged(play, true, ACK | FIN, b"");
    }
}

/// A frame, masked or not.
pub fn frame(first: u8, is_masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..126 => bytes.push(mask | short as u8),
        long => {
            bytes.push(mask | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
    }
    let key = [0x11, 0x22, 0x33, 0x44];
    if is_masked {
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// A STUN message with attributes.
pub fn stun(kind: u16, transaction: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(0x2112_a442u32.to_be_bytes());
    bytes.extend([transaction; 12]);
    bytes.extend(body);
    bytes
}

/// An address as STUN XORs it.
pub fn xored(end: End) -> Vec<u8> {
    let ip: std::net::Ipv4Addr = address(end.0).parse().unwrap();
    let mut bytes = vec![0, 1];
    bytes.extend((end.1 ^ 0x2112).to_be_bytes());
    bytes.extend((u32::from(ip) ^ 0x2112_a442).to_be_bytes());
    bytes
}

pub fn record(content: u8, epoch: u16, fragment: &[u8]) -> Vec<u8> {
    let mut bytes = vec![content, 0xfe, 0xfd];
    bytes.extend(epoch.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0, 1]);
    bytes.extend((fragment.len() as u16).to_be_bytes());
    bytes.extend(fragment);
    bytes
}

/// A handshake message, or a fragment of it.
pub fn handshake(kind: u8, number: u16, body: &[u8], piece: std::ops::Range<usize>) -> Vec<u8> {
    let three = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let mut bytes = vec![kind];
    bytes.extend(three(body.len()));
    bytes.extend(number.to_be_bytes());
    bytes.extend(three(piece.start));
    bytes.extend(three(piece.len()));
    bytes.extend(&body[piece]);
    record(22, 0, &bytes)
}

pub fn whole(kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
    handshake(kind, number, body, 0..body.len())
}

/// A hello with that random.
pub fn hello(random: [u8; 32]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend(random);
    body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body
}

/// A message with one certificate.
pub fn certificate(der: &[u8]) -> Vec<u8> {
    let three = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    [three(der.len() + 3), three(der.len()), der.to_vec()].concat()
}

pub fn fingerprint(der: &[u8]) -> String {
    let digits: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    digits.join(":")
}

/// A receiver's report.
pub fn report(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes
}

/// ICE, DTLS and SRTP between two: the first is the browser, the DTLS client and full ICE.
#[derive(Clone)]
pub struct Peers {
    pub ends: [End; 2],
    pub fragments: [String; 2],
    /// The certificates that they present, and those that their descriptions tell of.
    pub certificates: [Vec<u8>; 2],
    pub described: [Vec<u8>; 2],
    pub randoms: [[u8; 32]; 2],
    pub sealers: [Sealer; 2],
    pub sequence: [u16; 2],
    pub ssrc: [u32; 2],
    /// The relay that the browser has, if it has one.
    pub relay: Option<Relay>,
}

/// A browser's address on a relay, and the channel to its peer.
#[derive(Clone, Copy)]
pub struct Relay {
    pub server: End,
    pub relayed: End,
    pub channel: u16,
}

impl Relay {
    /// The browser is lent the address, and binds the channel.
    pub fn allocate(&self, play: &mut Play, client: End, peer: End, seconds: u32) {
        play.send(client, self.server, &stun(0x0003, 1, &[(0x0019, &[17, 0, 0, 0])]));
        let lifetime = seconds.to_be_bytes();
        let granted: [(u16, &[u8]); 3] =
            [(0x0016, &xored(self.relayed)), (0x0020, &xored(client)), (0x000d, &lifetime)];
        play.send(self.server, client, &stun(0x0103, 1, &granted));
        let number = [self.channel.to_be_bytes(), [0, 0]].concat();
        play.send(client, self.server, &stun(0x0009, 2, &[(0x000c, &number), (0x0012, &xored(peer))]));
        play.send(self.server, client, &stun(0x0109, 2, &[]));
    }

    pub fn wrap(&self, bytes: &[u8]) -> Vec<u8> {
        [&self.channel.to_be_bytes()[..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }
}

impl Peers {
    pub fn new(name: &str, browser: End, other: End) -> Peers {
        let seed = name.bytes().fold(7u8, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte));
        let of = |side: u8| format!("certificate of {name} {side}").into_bytes();
        Peers {
            ends: [browser, other],
            fragments: [format!("{name}B"), format!("{name}G")],
            certificates: [of(0), of(1)],
            described: [of(0), of(1)],
            randoms: [[seed; 32], [seed.wrapping_add(1); 32]],
            sealers: [Sealer::new(seed.is_multiple_of(2), seed), Sealer::new(seed.is_multiple_of(2), seed ^ 0x77)],
            sequence: [1, 1],
            ssrc: [u32::from(seed) << 8 | 1, u32::from(seed) << 8 | 2],
            relay: None,
        }
    }

    /// What a side's description says.
    pub fn description(&self, side: usize) -> String {
        let (ip, port) = (address(self.ends[side].0), self.ends[side].1);
        let lite = if side == 1 { "a=ice-lite\r\n" } else { "" };
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nt=0 0\r\n{lite}m=audio {port} UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 {ip}\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:secret\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\n",
            self.fragments[side],
            fingerprint(&self.described[side])
        )
    }

    pub fn send(&self, play: &mut Play, side: usize, bytes: &[u8]) {
        let Some(relay) = self.relay else { return play.send(self.ends[side], self.ends[1 - side], bytes) };
        if side == 0 {
            play.send(self.ends[0], relay.server, &relay.wrap(bytes));
            play.send(relay.relayed, self.ends[1], bytes);
        } else {
            play.send(self.ends[1], relay.relayed, bytes);
            play.send(relay.server, self.ends[0], &relay.wrap(bytes));
        }
    }

    /// The check that a side sends.
    pub fn request(&self, side: usize) -> Vec<u8> {
        let name = format!("{}:{}", self.fragments[1 - side], self.fragments[side]);
        stun(0x0001, 7, &[(0x0006, name.as_bytes()), (0x802a, &[0; 8]), (0x0025, b""), (0x0008, &[0; 20])])
    }

    /// The answer to the other's check.
    pub fn success(&self, side: usize) -> Vec<u8> {
        stun(0x0101, 7, &[(0x0020, &xored(self.ends[1 - side])), (0x0008, &[0; 20])])
    }

    /// The browser checks, and the other answers.
    pub fn check(&self, play: &mut Play) {
        self.send(play, 0, &self.request(0));
        self.send(play, 1, &self.success(1));
    }

    pub fn hellos(&self, play: &mut Play) {
        self.send(play, 0, &whole(1, 0, &hello(self.randoms[0])));
        let mut flight = whole(2, 0, &hello(self.randoms[1]));
        let message = certificate(&self.certificates[1]);
        let half = message.len() / 2;
        flight.extend(handshake(11, 1, &message, 0..half));
        self.send(play, 1, &flight);
        self.send(play, 1, &handshake(11, 1, &message, half..message.len()));
        self.send(play, 0, &whole(11, 1, &certificate(&self.certificates[0])));
    }

    pub fn finish(&self, play: &mut Play) {
        for side in [0, 1] {
            let mut flight = record(20, 0, &[1]);
            flight.extend(record(22, 1, &[0xaa; 40]));
            self.send(play, side, &flight);
        }
    }

    /// Both claim their keys.
    pub fn claim(&self, play: &mut Play) {
        for (side, claim) in self.claims().into_iter().enumerate() {
            play.event(claim, Some(self.ends[side].0));
        }
    }

    /// What both claim, on no host yet.
    pub fn claims(&self) -> [Event; 2] {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let end = |end: End| format!("{}:{}", address(end.0), end.1);
        [0, 1].map(|side| {
            let profile = if self.sealers[0].is_gcm { "aead-aes-128-gcm" } else { "aes128-cm-sha1-80" };
            Event::new(SimTime::ZERO, Source::Claim, "webrtc-keys")
                .with("local", end(self.ends[side]))
                .with("remote", end(self.ends[1 - side]))
                .with("profile", profile)
                .with("client_random", hex(&self.randoms[0]))
                .with("server_random", hex(&self.randoms[1]))
                .with("master_secret", hex(&[9; 48]))
                .with("client_key", hex(&self.sealers[0].key))
                .with("client_salt", hex(&self.sealers[0].salt))
                .with("server_key", hex(&self.sealers[1].key))
                .with("server_salt", hex(&self.sealers[1].salt))
        })
    }

    /// All of it, up to where media may flow.
    pub fn connect(&self, play: &mut Play) {
        self.check(play);
        self.hellos(play);
        self.finish(play);
        self.claim(play);
    }

    /// The next frame of a side, encrypted.
    pub fn next(&mut self, side: usize) -> Vec<u8> {
        let packet = self.sealers[side].seal(&rtp(self.ssrc[side], self.sequence[side], 0x55), 0);
        self.sequence[side] += 1;
        packet
    }

    pub fn frame(&mut self, play: &mut Play, side: usize) {
        let packet = self.next(side);
        self.send(play, side, &packet);
    }

    /// Both talk for so many seconds, ten frames each, and check every five.
    pub fn talk(&mut self, play: &mut Play, seconds: u64) {
        for tenth in 0..seconds * 10 {
            if tenth % 50 == 0 {
                self.check(play);
            }
            self.frame(play, 0);
            self.frame(play, 1);
            play.wait(100);
        }
        self.send(play, 0, &self.sealers[0].seal_control(&report(self.ssrc[0]), u32::from(self.sequence[0])));
    }
}
