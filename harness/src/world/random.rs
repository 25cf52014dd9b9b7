//! Seeded randomness, one stream a concern.
//!
//! Every concern (the network, the faults, each host) draws from a stream of its own, so that a draw added to one
//! moves no other. A stream is xoshiro256++, seeded from the universe's seed and the concern's name; both algorithms
//! are fixed here, so that no dependency's update changes what a seed means.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of random numbers.
///
/// ```
/// use busyhour::world::Random;
///
/// let mut network = Random::stream(7, "network");
/// let mut again = Random::stream(7, "network");
/// assert_eq!(network.next_u64(), again.next_u64());
/// assert_ne!(Random::stream(7, "faults").next_u64(), Random::stream(7, "network").next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of `concern` in the universe of `seed`.
    pub fn stream(seed: u64, concern: &str) -> Random {
        let mut mix = xxh3_64_with_seed(concern.as_bytes(), seed);
        // SplitMix64, as xoshiro's authors advise for seeding: it never yields four zeros in a row.
        let state = std::array::from_fn(|_| {
            mix = mix.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = mix;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Random { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// True with probability `p`. Zero and below never draw, so that a fault of zero percent moves no other draw.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.unit() < p
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        // Lemire's multiply-shift; its bias is under 2^-32 for every bound that we use.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a seed are a promise: replay lines in bug reports stand on them.
    #[test]
    fn a_seed_means_the_same_numbers_for_ever() {
        let mut random = Random::stream(42, "network");
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(drawn, [16_382_266_661_546_573_487, 17_467_630_008_947_849_826, 571_191_733_022_732_322]);
    }

    #[test]
    fn a_chance_of_zero_draws_nothing() {
        let (mut one, mut other) = (Random::stream(1, "x"), Random::stream(1, "x"));
        assert!(!one.chance(0.0));
        assert_eq!(one.next_u64(), other.next_u64());
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let mut random = Random::stream(3, "below");
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[random.below(7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}
