//! Capability `random`: the numbers that the test gave, then those of a generator that repeats.

use std::collections::VecDeque;

use crate::testing::world::World;

/// SplitMix64 by Sebastiano Vigna (prng.di.unimi.it), as the host uses.
#[derive(Clone, Default)]
pub(crate) struct Random {
    pub(crate) given: VecDeque<u64>,
    pub(crate) seed: u64,
}

impl Random {
    fn word(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

pub(crate) fn number(world: &mut World, below: u64) -> u64 {
    assert!(below > 0, "the module asked for a random number below 0");
    if let Some(given) = world.random.given.pop_front() {
        assert!(given < below, "the test gives the number {given}, but the module asks for one below {below}");
        return given;
    }
    // The highest words do not fill a whole multiple of `below`; they would favour small numbers.
    let uneven = (u64::MAX % below + 1) % below;
    loop {
        let word = world.random.word();
        if word <= u64::MAX - uneven {
            return word % below;
        }
    }
}
