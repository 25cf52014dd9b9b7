//! Comfort noise (RFC 3389): what a listener hears while the other side is silent on purpose.

use bytes::Bytes;

use super::FRAME;
use crate::world::Random;

/// Its static payload type at 8,000 samples a second.
pub const PAYLOAD_TYPE: u8 = 13;
/// The quietest level that can be told, in decibels below overload.
const QUIETEST: u8 = 127;

/// A description of noise: its level, and how its spectrum is shaped, which we pass on but don't model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Decibels below overload.
    pub level: u8,
    /// Reflection coefficients, as quantised on the wire.
    pub spectrum: Bytes,
}

impl Description {
    /// White noise of a level.
    pub fn white(level: u8) -> Description {
        Description { level: level.min(QUIETEST), spectrum: Bytes::new() }
    }

    /// Reads a payload; none in an empty one. The top bit of the level is always 0 and not looked at.
    pub fn read(payload: &Bytes) -> Option<Description> {
        let level = payload.first()? & 0x7F;
        Some(Description { level, spectrum: payload.slice(1..) })
    }

    /// Writes the payload.
    pub fn write(&self) -> Bytes {
        let mut out = vec![self.level & 0x7F];
        out.extend(self.spectrum.as_ref());
        out.into()
    }

    /// A frame of such noise.
    pub fn frame(&self, random: &mut Random) -> [i16; FRAME] {
        // Evenly spread samples of amplitude a have the power a²/3; overload is a full-scale square wave's.
        let amplitude = (32_767.0 * decibels(self.level) * 3f64.sqrt()).min(32_767.0);
        std::array::from_fn(|_| (amplitude * (2.0 * random.unit() - 1.0)).round() as i16)
    }
}

/// The amplitude so many decibels below 1: powers by multiplication, which are the same everywhere.
fn decibels(below: u8) -> f64 {
    /// 10^(-1/20).
    const ONE: f64 = 0.891_250_938_133_745_5;
    (0..below).fold(1.0, |amplitude, _| amplitude * ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_written_as_it_was_read() {
        let payload = Bytes::from_static(&[50, 1, 2]);
        let noise = Description::read(&payload).unwrap();
        assert_eq!((noise.level, noise.write()), (50, payload));
        assert_eq!(Description::read(&Bytes::new()), None);
    }

    /// RFC 3389 3.1: the level is -dBov.
    #[test]
    fn noise_is_as_loud_as_its_level_says() {
        let mut random = Random::stream(1, "noise");
        for (level, expected) in [(40, 327.67), (60, 32.767)] {
            let frames: Vec<i16> = (0..50).flat_map(|_| Description::white(level).frame(&mut random)).collect();
            let power = frames.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / frames.len() as f64;
            assert!((power.sqrt() / expected - 1.0).abs() < 0.05, "level {level}: {}", power.sqrt());
        }
        assert_eq!(Description::white(127).frame(&mut random), [0; FRAME]);
    }
}
