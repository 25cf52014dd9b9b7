//! G.711: eight bits a sample, by the μ-law or the A-law.

/// What a sample of silence is in μ-law.
pub const MU_LAW_SILENCE: u8 = 0xFF;
/// The other code that is silence in μ-law.
const MU_LAW_MINUS_ZERO: u8 = 0x7F;
/// What a sample of silence is in A-law.
pub const A_LAW_SILENCE: u8 = 0xD5;

/// A codec of G.711, as SDP and RTP name it (RFC 3551).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// μ-law: North America, Japan.
    Pcmu,
    /// A-law: everywhere else.
    Pcma,
}

impl Codec {
    /// Both, in the order in which we offer them.
    pub const ALL: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    /// Its static RTP payload type (RFC 3551 6).
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// Which one a payload type means.
    pub fn of_payload_type(payload_type: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.payload_type() == payload_type)
    }

    /// Its name in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// Which one an SDP name means, in any case.
    pub fn of_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// One sample of silence.
    pub fn silence(self) -> u8 {
        match self {
            Codec::Pcmu => MU_LAW_SILENCE,
            Codec::Pcma => A_LAW_SILENCE,
        }
    }

    /// Appends the samples, encoded.
    ///
    /// ```
    /// use busyhour::media::Codec;
    ///
    /// let mut bytes = Vec::new();
    /// Codec::Pcmu.encode(&[0, 1000, -1000], &mut bytes);
    /// assert_eq!(bytes, [0xFF, 0xCE, 0x4E]);
    /// assert_eq!(Codec::Pcmu.decode(0xCE), 988, "the nearest of the 256 levels");
    /// ```
    pub fn encode(self, samples: &[i16], out: &mut Vec<u8>) {
        let before = out.len();
        out.resize(before + samples.len(), self.silence());
        if samples.iter().all(|&sample| sample == 0) {
            // A room in which nobody speaks.
            return;
        }
        let codes = out[before..].iter_mut().zip(samples);
        match self {
            Codec::Pcmu => codes.for_each(|(code, &sample)| *code = mu_law(sample)),
            Codec::Pcma => codes.for_each(|(code, &sample)| *code = a_law(sample)),
        }
    }

    /// Writes the codes that decoded and encoded samples have: their own, but for the second of μ-law's two zeros.
    pub fn code_again(self, codes: &[u8], out: &mut [u8]) {
        let zero = match self {
            Codec::Pcmu => MU_LAW_MINUS_ZERO,
            Codec::Pcma => A_LAW_SILENCE,
        };
        for (again, &code) in out.iter_mut().zip(codes) {
            *again = if code == zero { self.silence() } else { code };
        }
    }

    /// One sample, decoded.
    pub fn decode(self, byte: u8) -> i16 {
        self.levels()[usize::from(byte)]
    }

    /// Decodes as many samples as both slices have.
    pub fn decode_into(self, bytes: &[u8], out: &mut [i16]) {
        let levels = self.levels();
        for (sample, &byte) in out.iter_mut().zip(bytes) {
            *sample = levels[usize::from(byte)];
        }
    }

    /// What each byte is, decoded.
    pub fn levels(self) -> &'static [i16; 256] {
        match self {
            Codec::Pcmu => &MU_LAW,
            Codec::Pcma => &A_LAW,
        }
    }

    /// What each byte of this codec becomes in the `other` one.
    pub fn into_other(self, other: Codec) -> &'static [u8; 256] {
        match (self, other) {
            (Codec::Pcmu, Codec::Pcma) => &MU_TO_A,
            (Codec::Pcma, Codec::Pcmu) => &A_TO_MU,
            _ => &SAME,
        }
    }
}

static MU_LAW: [i16; 256] = levels(true);
static A_LAW: [i16; 256] = levels(false);
static MU_TO_A: [u8; 256] = translation(true);
static A_TO_MU: [u8; 256] = translation(false);
static SAME: [u8; 256] = {
    let mut same = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        same[byte] = byte as u8;
        byte += 1;
    }
    same
};

/// A number above zero as a float has it: how far its highest bit stands from another one's, and the four bits behind it.
/// That is what both laws code a sample by, in their order too. No loop and no table, so that a compiler can do many
/// samples at once.
fn segment_and_step(magnitude: i32, lowest_segment: u32) -> u32 {
    // Behind the exponent of an f32, whose zero is 127, stand 23 bits of its fraction.
    ((magnitude as f32).to_bits() >> 19).wrapping_sub((127 + lowest_segment) << 4)
}

/// As [`to_mu_law`] has it.
fn mu_law(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + BIAS;
    let sign = (sample >> 8) as u8 & 0x80;
    // The bias keeps the highest bit at 7 or above.
    !(sign | segment_and_step(magnitude, 7) as u8)
}

/// As [`to_a_law`] has it.
fn a_law(sample: i16) -> u8 {
    // What is below zero is mirrored, all bits of it inverted.
    let magnitude = i32::from(sample ^ (sample >> 15)) >> 3;
    let linear = (magnitude >> 1) as u8;
    let code = if magnitude < 32 { linear } else { segment_and_step(magnitude, 4) as u8 };
    let sign = !((sample >> 8) as u8) & 0x80;
    (sign | code) ^ 0x55
}

const fn levels(mu_law: bool) -> [i16; 256] {
    let mut levels = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        levels[byte] = if mu_law { from_mu_law(byte as u8) } else { from_a_law(byte as u8) };
        byte += 1;
    }
    levels
}

const fn translation(from_mu: bool) -> [u8; 256] {
    let mut bytes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        bytes[byte] = if from_mu { to_a_law(from_mu_law(byte as u8)) } else { to_mu_law(from_a_law(byte as u8)) };
        byte += 1;
    }
    bytes
}

/// Half a step of the finest μ-law segment, on the 16-bit scale: what makes its segments powers of two.
const BIAS: i32 = 132;
/// The largest magnitude of μ-law: G.711's 8159 on its 14-bit scale.
const MU_CLIP: i32 = 32_635;

const fn from_mu_law(byte: u8) -> i16 {
    // All bits travel inverted.
    let byte = !byte;
    let (segment, step) = ((byte >> 4) & 7, (byte & 0x0F) as i32);
    let magnitude = (((step << 3) + BIAS) << segment) - BIAS;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

const fn to_mu_law(sample: i16) -> u8 {
    let sample = sample as i32;
    let (sign, magnitude) = if sample < 0 { (0x80, -sample) } else { (0, sample) };
    let biased = (if magnitude > MU_CLIP { MU_CLIP } else { magnitude }) + BIAS;
    // The segment is where the highest bit stands; the bias keeps it at bit 7 or above.
    let segment = 24 - biased.leading_zeros();
    let step = (biased >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn from_a_law(byte: u8) -> i16 {
    // The even bits travel inverted.
    let byte = byte ^ 0x55;
    let (segment, step) = ((byte >> 4) & 7, (byte & 0x0F) as i32);
    // Levels stand in the middle of their step.
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    (if byte & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

const fn to_a_law(sample: i16) -> u8 {
    let sample = sample as i32;
    // On the 13-bit scale; the negative ones are mirrored, so that -1 falls into the first step below zero.
    let (sign, magnitude) = if sample < 0 { (0, (-sample - 1) >> 3) } else { (0x80, sample >> 3) };
    let magnitude = if magnitude < 0 { 0 } else { magnitude };
    let segment = if magnitude < 32 { 0 } else { 27 - magnitude.leading_zeros() };
    let step = if segment == 0 { magnitude >> 1 } else { magnitude >> segment } & 0x0F;
    (sign | (segment << 4) as u8 | step as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 tables 1a to 2b: the first and last character signals of both signs, and their levels on the 16-bit scale.
    #[test]
    fn the_ends_of_the_scales_are_g711s() {
        for (byte, level) in
            [(0xFF, 0), (0x7F, 0), (0x80, 32_124), (0x00, -32_124), (0xFE, 8), (0xF0, 120), (0xEF, 132)]
        {
            assert_eq!(Codec::Pcmu.decode(byte), level, "mu-law {byte:#04x}");
        }
        for (byte, level) in [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0xC5, 264), (0xF5, 528)] {
            assert_eq!(Codec::Pcma.decode(byte), level, "A-law {byte:#04x}");
        }
    }

    #[test]
    fn every_level_is_encoded_as_itself() {
        for codec in Codec::ALL {
            for byte in 0..=255 {
                let mut again = Vec::new();
                codec.encode(&[codec.decode(byte)], &mut again);
                // μ-law has two zeros.
                let same = if (codec, byte) == (Codec::Pcmu, 0x7F) { 0xFF } else { byte };
                assert_eq!(again, [same], "{codec:?} {byte:#04x}");
                codec.code_again(&[byte], &mut again);
                assert_eq!(again, [same], "{codec:?} {byte:#04x}");
            }
        }
    }

    #[test]
    fn every_sample_is_coded_as_the_law_says() {
        for sample in i16::MIN..=i16::MAX {
            let mut codes = Vec::new();
            Codec::Pcmu.encode(&[sample, 1], &mut codes);
            Codec::Pcma.encode(&[sample, 1], &mut codes);
            assert_eq!((codes[0], codes[2]), (to_mu_law(sample), to_a_law(sample)), "{sample}");
        }
    }

    #[test]
    fn no_sample_moves_further_than_half_its_step() {
        for sample in i16::MIN..=i16::MAX {
            for codec in Codec::ALL {
                let mut byte = Vec::new();
                codec.encode(&[sample], &mut byte);
                let error = (i32::from(codec.decode(byte[0])) - i32::from(sample)).abs();
                // A step is at most 1/16 of the (biased) magnitude, and 16 on the 16-bit scale at least; the clip comes on top.
                let clipped = i32::from(sample).abs() > 32_124;
                let half = ((i32::from(sample).abs() + BIAS) / 32 + 1).max(8) + if clipped { 644 } else { 0 };
                assert!(error <= half, "{codec:?}: {sample} became {} off", error);
            }
        }
    }

    #[test]
    fn silence_is_silent_and_the_laws_translate() {
        for codec in Codec::ALL {
            assert!(codec.decode(codec.silence()).abs() <= 8);
        }
        let there = Codec::Pcmu.into_other(Codec::Pcma);
        assert_eq!(there[usize::from(MU_LAW_SILENCE)], A_LAW_SILENCE);
        for byte in 0..=255u8 {
            let (before, after) = (Codec::Pcmu.decode(byte), Codec::Pcma.decode(there[usize::from(byte)]));
            assert!((i32::from(before) - i32::from(after)).abs() <= i32::from(before).abs() / 16 + 16);
        }
        assert_eq!(Codec::Pcma.into_other(Codec::Pcma)[0x42], 0x42);
    }
}
