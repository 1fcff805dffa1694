//! The hash that spreads filters over the table.
//!
//! Guests choose their MAC addresses, so a fixed function would let one of them prepare addresses that all land in one
//! place and slow every lookup down. The engine is given a seed that guests do not know; both the value mixed in and the
//! multiplier come from it, and folding the 128-bit product lets every key bit reach every index bit.

/// A hash function chosen by a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeededHash {
    mask: u64,
    multiplier: u64,
}

impl SeededHash {
    pub(crate) const fn new(seed: u64) -> SeededHash {
        let mask = splitmix(seed);
        // Odd, so that no key bit is multiplied away.
        let multiplier = splitmix(mask) | 1;
        SeededHash { mask, multiplier }
    }

    /// Every bit of the result is fit to be part of an index.
    #[inline]
    pub(crate) const fn of(self, key: u64) -> u64 {
        let product = (key ^ self.mask) as u128 * self.multiplier as u128;
        let folded = product as u64 ^ (product >> 64) as u64;
        folded ^ (folded >> 29)
    }
}

/// One step of the SplitMix64 generator: seeds that differ in one bit give unrelated words.
const fn splitmix(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
