//! What these tests share.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::tone::{self, Voice};
use busyhour::media::{AudioLine, Codec, Remote};
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};

/// Enough voices for every test; whoever isn't in it must not be heard.
pub fn voices() -> Vec<Voice> {
    (0..20).map(Voice::number).collect()
}

/// A host that speaks with the voice of a number, and its line.
pub async fn party(u: &Universe, name: &str, voice: u32) -> (Host, AudioLine) {
    let host = u.host(name);
    let line = line_of(&host).await;
    host.room().say(Voice::number(voice).sound());
    (host, line)
}

pub async fn line_of(host: &Host) -> AudioLine {
    AudioLine::open(host, host, Random::stream(7, host.name())).await.expect("a host that runs has ports")
}

pub fn pcmu(address: SocketAddrV4) -> Remote {
    Remote::new(address, Codec::Pcmu).with_events(101)
}

pub fn talk(one: &AudioLine, other: &AudioLine) {
    one.connect(pcmu(other.address()));
    other.connect(pcmu(one.address()));
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The moment so long before now.
pub fn ago(u: &Universe, by: Duration) -> SimTime {
    SimTime(u.now().0 - by.as_nanos() as u64)
}

pub const NOBODY: [u32; 0] = [];

/// Which voices were heard at a host in that time.
pub fn heard(host: &Host, from: SimTime, to: SimTime) -> Vec<u32> {
    let samples = host.room().heard(from, to).expect("a speaker remembers that much");
    let heard = tone::ever(&samples, &voices());
    (0..20).filter(|&number| heard.contains(&Voice::number(number))).collect()
}

/// Which voices are heard at a host in the next half second.
pub async fn hears(u: &Universe, host: &Host) -> Vec<u32> {
    let from = u.now();
    u.sleep(ms(500)).await;
    heard(host, from, u.now())
}
