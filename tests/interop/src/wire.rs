//! What goes to a stack, as its address sees it: whatever the stack makes of it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use busyhour::trace::{Event, Log, PacketSeen, SimTime, Stage};
use busyhour::world::Tap;

const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

#[derive(Debug, Default)]
struct Count {
    to: Option<Ipv4Addr>,
    srtp: u64,
}

/// Counts the SRTP packets that are sent to an address.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Count>>);

impl Wire {
    pub fn watch(&self, address: Ipv4Addr) {
        self.0.lock().expect("nobody panics with it").to = Some(address);
    }

    pub fn packets(&self) -> u64 {
        self.0.lock().expect("nobody panics with it").srtp
    }
}

/// The SSRC of a datagram of RTP or SRTP, which isn't encrypted (RFC 3711 3.1). STUN and DTLS begin otherwise (RFC 7983 7),
/// and RTCP's second octet is 192 to 223 (RFC 5761 4).
fn ssrc_of(datagram: &[u8]) -> Option<u32> {
    let is_rtp = datagram.len() >= 12 && datagram[0] >> 6 == 2 && !(192..=223).contains(&datagram[1]);
    is_rtp.then(|| u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]))
}

impl Tap for Wire {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        let mut count = self.0.lock().expect("nobody panics with it");
        let bytes = seen.bytes;
        let Some(header) = bytes.first().map(|first| usize::from(first & 0xF) * 4) else { return };
        let is_sent_there = seen.stage == Stage::Sent
            && bytes.get(9) == Some(&UDP)
            && count.to.is_some_and(|to| bytes.get(16..20) == Some(&to.octets()[..]));
        if is_sent_there && bytes.get(header + UDP_HEADER..).and_then(ssrc_of).is_some() {
            count.srtp += 1;
        }
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}
