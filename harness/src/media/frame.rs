//! A frame of sound: its samples, or still the codes that came in packets.

use std::ops::Range;

use super::{Codec, FRAME};

/// 20 ms of sound. What came is left as it was coded until somebody wants its samples: most of what a room hears goes on
/// to one other, who takes the same code.
#[derive(Debug, Clone, Default)]
pub enum Frame {
    /// Nothing.
    #[default]
    Silence,
    /// What came in packets.
    Coded {
        /// How it's coded.
        codec: Codec,
        /// The codes, where it sounds.
        codes: [u8; FRAME],
        /// Where it does; silence is before and behind.
        sounds: Range<usize>,
    },
    /// Anything else.
    Samples([i16; FRAME]),
}

impl Frame {
    /// Puts in what was coded, from a sample on.
    pub fn put(&mut self, at: usize, codec: Codec, coded: &[u8]) {
        let end = at + coded.len();
        if matches!(self, Frame::Silence) {
            *self = Frame::Coded { codec, codes: [0; FRAME], sounds: at..at };
        }
        match self {
            Frame::Coded { codec: before, codes, sounds } if *before == codec && sounds.end == at => {
                codes[at..end].copy_from_slice(coded);
                sounds.end = end;
            }
            _ => codec.decode_into(coded, &mut self.samples_mut()[at..end]),
        }
    }

    /// Its codes, if it's coded all through.
    pub fn codes(&self) -> Option<(Codec, &[u8; FRAME])> {
        match self {
            Frame::Coded { codec, codes, sounds } if *sounds == (0..FRAME) => Some((*codec, codes)),
            _ => None,
        }
    }

    /// Its samples.
    pub fn samples(&self) -> [i16; FRAME] {
        let mut samples = [0; FRAME];
        match self {
            Frame::Silence => {}
            Frame::Coded { codec, codes, sounds } => {
                codec.decode_into(&codes[sounds.clone()], &mut samples[sounds.clone()]);
            }
            Frame::Samples(known) => samples = *known,
        }
        samples
    }

    /// Its samples, to be changed.
    pub fn samples_mut(&mut self) -> &mut [i16; FRAME] {
        if !matches!(self, Frame::Samples(_)) {
            *self = Frame::Samples(self.samples());
        }
        match self {
            Frame::Samples(samples) => samples,
            _ => unreachable!("it was made samples"),
        }
    }

    /// Appends it, encoded.
    ///
    /// ```
    /// use busyhour::media::{Codec, Frame};
    ///
    /// let mut frame = Frame::default();
    /// frame.put(2, Codec::Pcmu, &[0xCE, 0x4E]);
    /// assert_eq!(frame.samples()[..5], [0, 0, 988, -988, 0]);
    /// let mut coded = Vec::new();
    /// frame.encode(Codec::Pcmu, &mut coded);
    /// assert_eq!(coded[..5], [0xFF, 0xFF, 0xCE, 0x4E, 0xFF]);
    /// ```
    pub fn encode(&self, codec: Codec, out: &mut Vec<u8>) {
        match self {
            Frame::Silence => out.resize(out.len() + FRAME, codec.silence()),
            Frame::Coded { codec: known, codes, sounds } => {
                let before = out.len();
                out.resize(before + FRAME, codec.silence());
                let (codes, out) = (&codes[sounds.clone()], &mut out[before..][sounds.clone()]);
                if *known == codec {
                    codec.code_again(codes, out);
                } else {
                    let other = known.into_other(codec);
                    out.iter_mut().zip(codes).for_each(|(other_code, &code)| *other_code = other[usize::from(code)]);
                }
            }
            Frame::Samples(samples) => codec.encode(samples, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(codec: Codec, samples: &[i16; FRAME]) -> Vec<u8> {
        let mut out = Vec::new();
        codec.encode(samples, &mut out);
        out
    }

    /// Whatever the pieces are, the samples are theirs, and its code is that of its samples.
    #[test]
    fn a_frame_sounds_and_is_coded_as_its_pieces_are() {
        // All 256 codes in two frames.
        for first in [0, 96] {
            each_frame_of((first..=255).take(FRAME).collect());
        }
    }

    fn each_frame_of(bytes: Vec<u8>) {
        let one = |codec| [(codec, 0..160)].to_vec();
        let pieces = |first, second| [(first, 10..70), (second, 70..160)].to_vec();
        let [mu, a] = Codec::ALL;
        let cases = [vec![], one(mu), one(a), pieces(mu, mu), pieces(a, a), pieces(mu, a), pieces(a, mu)];
        let apart = vec![(a, 0..20), (a, 30..40)];
        for case in cases.into_iter().chain([apart]) {
            let (mut frame, mut samples) = (Frame::default(), [0; FRAME]);
            for (codec, window) in &case {
                frame.put(window.start, *codec, &bytes[window.clone()]);
                codec.decode_into(&bytes[window.clone()], &mut samples[window.clone()]);
            }
            assert_eq!(frame.samples(), samples, "{case:?}");
            if let Some((codec, codes)) = frame.codes() {
                assert_eq!(codes.map(|code| codec.decode(code)), samples, "{case:?}");
            }
            assert_eq!(frame.codes().is_some(), case.len() == 1, "{case:?}");
            for codec in Codec::ALL {
                let mut coded = vec![7];
                frame.encode(codec, &mut coded);
                assert_eq!(coded[1..], encoded(codec, &samples), "{case:?} in {codec:?}");
            }
            frame.samples_mut()[5] = 1_000;
            samples[5] = 1_000;
            assert_eq!(frame.samples(), samples, "{case:?}");
        }
    }
}
