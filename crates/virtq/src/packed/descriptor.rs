//! One descriptor of a packed ring, as a host value (virtio 1.2 section 2.8.13).
//!
//! ```text
//! word 0   gpa
//! word 1   len (32) | id (16) | flags (16)       little-endian, from the low end
//! ```
//!
//! Length, id and flags are one aligned word, so one load sees them as they belong together, and one store hands a chain back.

use crate::{Buf, Used};

/// Bytes of a descriptor in memory.
pub(super) const BYTES: usize = 16;

/// The list goes on in the next descriptor.
const NEXT: u16 = 1;
/// The buffer is the device's to write; of a used one, that it was written.
const WRITE: u16 = 2;
/// The buffer is a table of descriptors.
const INDIRECT: u16 = 4;
const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;

/// Read once, then judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    gpa: u64,
    /// Everything else, as the second word has it.
    rest: u64,
}

impl Descriptor {
    /// From the two words as they lie in memory.
    #[inline]
    pub(super) fn from_words(words: [u64; 2]) -> Self {
        let [gpa, rest] = words.map(u64::from_le);
        Self { gpa, rest }
    }

    /// From its bytes in memory.
    #[inline]
    pub(super) fn from_bytes(bytes: [u8; BYTES]) -> Self {
        let words = [0, 8].map(|at| u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i])));
        Self::from_words(words)
    }

    /// What all used descriptors of a round of this wrap counter have in their second word.
    #[inline]
    pub(super) fn used_round(wrap: bool) -> u64 {
        if wrap {
            u64::from(AVAIL | USED) << 48
        } else {
            0
        }
    }

    /// The second word of a used descriptor, as it lies in memory, in a [round](Self::used_round).
    #[inline]
    pub(super) fn used_word(used: Used, round: u64) -> u64 {
        let flags = if used.written > 0 { WRITE } else { 0 };
        let word = u64::from(used.written) | u64::from(used.head) << 32 | u64::from(flags) << 48;
        (word | round).to_le()
    }

    /// Whether the driver made it available in a round of this wrap counter.
    #[inline]
    pub(super) fn is_available(self, wrap: bool) -> bool {
        self.flags(AVAIL | USED) == available(wrap)
    }

    /// Whether it is available, and a whole chain by itself, as most are.
    #[inline]
    pub(super) fn is_available_single(self, wrap: bool) -> bool {
        (self.flags(AVAIL | USED | NEXT | INDIRECT) == available(wrap)) & (self.rest as u32 != 0)
    }

    /// What it names.
    #[inline]
    pub(super) fn buf(self) -> Buf {
        Buf {
            gpa: self.gpa,
            len: self.rest as u32,
        }
    }

    /// The driver's name of the chain that it ends.
    #[inline]
    pub(super) fn id(self) -> u16 {
        (self.rest >> 32) as u16
    }

    #[inline]
    pub(super) fn goes_on(self) -> bool {
        self.flags(NEXT) != 0
    }

    #[inline]
    pub(super) fn is_writable(self) -> bool {
        self.flags(WRITE) != 0
    }

    #[inline]
    pub(super) fn is_indirect(self) -> bool {
        self.flags(INDIRECT) != 0
    }

    /// Those of `wanted` that it has, where they stand in the word.
    #[inline]
    fn flags(self, wanted: u16) -> u64 {
        self.rest & u64::from(wanted) << 48
    }
}

/// What AVAIL and USED are of a descriptor that is available in a round of this wrap counter (virtio 1.2 section 2.8.1).
#[inline]
fn available(wrap: bool) -> u64 {
    u64::from(if wrap { AVAIL } else { USED }) << 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_gpa_len_id_flags_little_endian() {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
        bytes[8..12].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        bytes[12..14].copy_from_slice(&0x0102_u16.to_le_bytes());
        bytes[14..].copy_from_slice(&(NEXT | WRITE).to_le_bytes());
        let descriptor = Descriptor::from_bytes(bytes);
        let buf = Buf {
            gpa: 0x1122_3344_5566_7788,
            len: 0xdead_beef,
        };
        assert_eq!((descriptor.buf(), descriptor.id()), (buf, 0x0102));
        assert!(descriptor.goes_on() && descriptor.is_writable());
        assert!(!descriptor.is_indirect());
    }

    // Virtio 1.2 section 2.8.1.
    #[test]
    fn the_two_flags_differ_if_available_and_are_equal_if_used() {
        for wrap in [false, true] {
            for (avail, used) in [(false, false), (false, true), (true, false), (true, true)] {
                let flags = if avail { AVAIL } else { 0 } | if used { USED } else { 0 };
                let [word, more] =
                    [flags, flags | NEXT].map(|flags| (u64::from(flags) << 48 | 1).to_le());
                let is_available = avail == wrap && used != wrap;
                let [one, list, empty] = [word, more, word & !1_u64.to_le()]
                    .map(|rest| Descriptor::from_words([0, rest]));
                assert_eq!(one.is_available(wrap), is_available);
                assert_eq!(one.is_available_single(wrap), is_available);
                assert_eq!(list.is_available(wrap), is_available);
                assert!(!list.is_available_single(wrap) && !empty.is_available_single(wrap));
            }
            let used = Used {
                head: 7,
                written: 0,
            };
            let word = Descriptor::used_word(used, Descriptor::used_round(wrap));
            let expected = if wrap { AVAIL | USED } else { 0 };
            assert_eq!(
                u64::from_le(word),
                7 << 32 | u64::from(expected) << 48,
                "nothing written, so no write flag"
            );
            let used = Descriptor::from_words([0, word]);
            assert!(!used.is_available(wrap) && !used.is_available(!wrap));
        }
    }
}
