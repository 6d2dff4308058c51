//! A random generator that yields the same numbers in a repeated run.

/// SplitMix64 by Sebastiano Vigna (prng.di.unimi.it): one word of state, good enough for dice, predictable.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 up to but not including `below`, uniformly distributed; `None` if `below` is 0.
    pub(crate) fn number(&mut self, below: u64) -> Option<u64> {
        // The highest words do not fill a whole multiple of `below`; using them would favour small numbers.
        let uneven = (u64::MAX.checked_rem(below)? + 1) % below;
        loop {
            let word = self.word();
            if word <= u64::MAX - uneven {
                return Some(word % below);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_those_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        let words: Vec<u64> = (0..3).map(|_| random.word()).collect();
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn there_is_no_number_below_zero() {
        assert_eq!(Random::new(1).number(0), None);
        assert_eq!(Random::new(1).number(1), Some(0));
        assert!(Random::new(1).number(u64::MAX).is_some());
    }

    #[test]
    fn all_faces_of_a_die_come_up() {
        let mut random = Random::new(7);
        let mut faces = [0; 6];
        for _ in 0..6000 {
            faces[usize::try_from(random.number(6).unwrap()).unwrap()] += 1;
        }
        assert!(faces.iter().all(|count| (850..1150).contains(count)), "{faces:?}");
    }

    proptest! {
        #[test]
        fn numbers_are_below_and_repeat(seed: u64, below in 1_u64..) {
            let number = Random::new(seed).number(below).unwrap();
            prop_assert!(number < below);
            prop_assert_eq!(Random::new(seed).number(below), Some(number));
        }
    }
}
