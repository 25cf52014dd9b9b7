//! Mixing: everybody hears all the others, and nobody herself.

use super::FRAME;

/// The sum of what everybody says in one frame.
///
/// ```
/// use busyhour::media::mixer::Mix;
///
/// let (alice, bob) = ([100; 160], [20; 160]);
/// let mut mix = Mix::default();
/// mix.add(&alice);
/// mix.add(&bob);
/// assert_eq!(mix.without(&alice), bob);
/// assert_eq!(mix.all(), [120; 160]);
/// ```
#[derive(Debug, Clone)]
pub struct Mix {
    sum: [i32; FRAME],
}

impl Default for Mix {
    fn default() -> Mix {
        Mix { sum: [0; FRAME] }
    }
}

impl Mix {
    /// Adds a voice.
    pub fn add(&mut self, samples: &[i16; FRAME]) {
        for (sum, &sample) in self.sum.iter_mut().zip(samples) {
            *sum += i32::from(sample);
        }
    }

    /// Everything: what somebody hears who says nothing.
    pub fn all(&self) -> [i16; FRAME] {
        self.sum.map(saturated)
    }

    /// Everything but one of the voices that were added.
    pub fn without(&self, own: &[i16; FRAME]) -> [i16; FRAME] {
        std::array::from_fn(|n| saturated(self.sum[n] - i32::from(own[n])))
    }
}

/// Too loud is cut off, as a converter does.
fn saturated(sum: i32) -> i16 {
    sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_too_loud_is_cut_off_and_its_parts_are_not() {
        let loud = [30_000; FRAME];
        let mut mix = Mix::default();
        mix.add(&loud);
        assert_eq!(mix.all(), loud);
        mix.add(&loud);
        assert_eq!(mix.all(), [i16::MAX; FRAME]);
        assert_eq!(mix.without(&loud), loud, "cutting off comes last");
        let mut mix = Mix::default();
        mix.add(&[-30_000; FRAME]);
        mix.add(&[-2_768; FRAME]);
        assert_eq!(mix.all(), [i16::MIN; FRAME]);
        mix.add(&[-1; FRAME]);
        assert_eq!(mix.all(), [i16::MIN; FRAME]);
    }
}
