//! What a stream says, coded.

use super::{Codec, FRAME};

/// Voices go round in so many frames: [`Sound::Tones`](crate::world::audio::Sound::Tones) mostly begin anew after 100 ms.
const ROUND: u64 = 5;

/// Codes frames of samples, and remembers the last round: a frame that is said again needn't be coded again.
#[derive(Debug, Clone, Default)]
pub(super) struct Coder {
    round: [Option<Box<Coded>>; ROUND as usize],
}

#[derive(Debug, Clone)]
struct Coded {
    codec: Codec,
    samples: [i16; FRAME],
    codes: [u8; FRAME],
}

impl Coder {
    /// Appends the code of the samples that are the stream's `frame`th.
    pub(super) fn encode(&mut self, frame: u64, codec: Codec, samples: &[i16; FRAME], out: &mut Vec<u8>) {
        let place = &mut self.round[(frame % ROUND) as usize];
        if let Some(known) = place.as_ref().filter(|known| known.codec == codec && known.samples == *samples) {
            out.extend_from_slice(&known.codes);
            return;
        }
        let before = out.len();
        codec.encode(samples, out);
        let codes = out[before..].try_into().expect("a code for each sample");
        // Boxes are used again.
        let coded = Coded { codec, samples: *samples, codes };
        match place {
            Some(known) => **known = coded,
            None => *place = Some(Box::new(coded)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_said_again_has_the_same_code_and_another_has_its_own() {
        let mut coder = Coder::default();
        let (low, loud) = ([100; FRAME], [20_000; FRAME]);
        let mut last_differs = low;
        last_differs[FRAME - 1] = 20_000;
        let said = [
            (0, Codec::Pcmu, low),
            (5, Codec::Pcmu, low),
            (10, Codec::Pcma, low),
            (15, Codec::Pcma, loud),
            (16, Codec::Pcma, low),
            (20, Codec::Pcma, last_differs),
            (21, Codec::Pcma, low),
            (26, Codec::Pcma, last_differs),
        ];
        for (frame, codec, samples) in said {
            let (mut by_it, mut plainly) = (vec![9], vec![9]);
            coder.encode(frame, codec, &samples, &mut by_it);
            codec.encode(&samples, &mut plainly);
            assert_eq!(by_it, plainly, "{frame} in {codec:?}");
        }
    }
}
