//! The hash that spreads filters over the table.
//!
//! Guests choose their MAC addresses, so a fixed function would let one of them prepare addresses that all land in one
//! place and slow every lookup down. The engine is given a seed that guests do not know, and all that is mixed into a key
//! comes from it. Two multiplications are needed: with one alone, folded or not, patterned addresses (VLANs counted up,
//! octets counted up) fall into visible lattices for some seeds.

/// A hash function chosen by a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeededHash {
    mask: u64,
    first: u64,
    second: u64,
}

impl SeededHash {
    pub(crate) const fn new(seed: u64) -> SeededHash {
        let mask = splitmix(seed);
        // Odd, so that no key bit is multiplied away.
        let first = splitmix(mask) | 1;
        let second = splitmix(first) | 1;
        SeededHash {
            mask,
            first,
            second,
        }
    }

    /// Every bit of the result is fit to be part of an index.
    #[inline]
    pub(crate) const fn of(self, key: u64) -> u64 {
        let product = (key ^ self.mask) as u128 * self.first as u128;
        let folded = product as u64 ^ (product >> 64) as u64;
        let mixed = folded.wrapping_mul(self.second);
        mixed ^ (mixed >> 32)
    }
}

/// One step of the SplitMix64 generator: seeds that differ in one bit give unrelated words.
const fn splitmix(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that come in patterns: counted up, counted up elsewhere, far apart, one bit each.
    fn patterns() -> [(&'static str, Vec<u64>); 4] {
        let count = 1 << 14;
        [
            (
                "counted up",
                (0..count).map(|n| 0x0152_5400_0000 + n).collect(),
            ),
            (
                "VLANs",
                (0..count).map(|n| (n << 48) | 0x0152_5400_0001).collect(),
            ),
            ("far apart", (0..count).map(|n| n << 24).collect()),
            (
                "products",
                (0..count)
                    .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .collect(),
            ),
        ]
    }

    #[test]
    fn patterns_spread_like_chance() {
        for seed in 0..8 {
            for (name, keys) in patterns() {
                let mut lines = vec![0_u32; keys.len() / 2];
                for key in &keys {
                    lines[SeededHash::new(seed).of(*key) as usize % (keys.len() / 2)] += 1;
                }
                // Chi-squared over 2^13 lines has mean 2^13 and deviation 2^7: six deviations either way.
                let squares: u64 = lines.iter().map(|count| u64::from(*count).pow(2)).sum();
                let chi_squared = squares as f64 / 2.0 - keys.len() as f64;
                assert!(
                    (chi_squared - 8192.0).abs() < 6.0 * 128.0,
                    "{name}, seed {seed}: {chi_squared}"
                );
            }
        }
    }

    #[test]
    fn each_key_bit_reaches_each_index_bit() {
        let hash = SeededHash::new(1);
        for bit in 0..64 {
            let mut flips = [0_u32; 24];
            for sample in 0..256_u64 {
                let key = sample.wrapping_mul(0xd134_2543_de82_ef95);
                let changed = hash.of(key) ^ hash.of(key ^ 1 << bit);
                for (index, count) in flips.iter_mut().enumerate() {
                    *count += (changed >> index) as u32 & 1;
                }
            }
            assert!(
                flips.iter().all(|count| (32..=224).contains(count)),
                "key bit {bit}: {flips:?}"
            );
        }
    }

    /// Without the mask, twice the key gives twice the hash for every seed: a relation that guests could build on.
    #[test]
    fn related_keys_have_unrelated_hashes() {
        let hash = SeededHash::new(5);
        let is_doubled = |key: &u64| hash.of(2 * key) >> 33 == hash.of(*key) << 1 >> 33;
        let doubled = (1..1000)
            .map(|n| 0x5254_0000_0001 * n)
            .filter(is_doubled)
            .count();
        assert_eq!(doubled, 0);
    }

    #[test]
    fn another_seed_is_another_function() {
        let [one, other] = [SeededHash::new(1), SeededHash::new(2)];
        let same = (0..1 << 16)
            .filter(|key| one.of(*key) as u16 == other.of(*key) as u16)
            .count();
        assert!(
            same < 16,
            "{same} of 65 536 keys have the same place, about one is expected"
        );
    }
}
