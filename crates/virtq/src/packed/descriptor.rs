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
    pub(super) buf: Buf,
    pub(super) id: u16,
    flags: u16,
}

impl Descriptor {
    /// From the two words as they lie in memory.
    #[inline]
    pub(super) fn from_words(gpa: u64, rest: u64) -> Self {
        let rest = u64::from_le(rest);
        Self {
            buf: Buf {
                gpa: u64::from_le(gpa),
                len: rest as u32,
            },
            id: (rest >> 32) as u16,
            flags: (rest >> 48) as u16,
        }
    }

    /// From its bytes in memory.
    #[inline]
    pub(super) fn from_bytes(bytes: [u8; BYTES]) -> Self {
        let [gpa, rest] =
            [0, 8].map(|at| u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i])));
        Self::from_words(gpa, rest)
    }

    /// The second word of a used descriptor, as it lies in memory, in a round of this wrap counter.
    #[inline]
    pub(super) fn used_word(used: Used, wrap: bool) -> u64 {
        let round = if wrap { AVAIL | USED } else { 0 };
        let flags = round | if used.written > 0 { WRITE } else { 0 };
        let word = u64::from(used.written) | u64::from(used.head) << 32 | u64::from(flags) << 48;
        word.to_le()
    }

    /// Whether a second word, as it lies in memory, says that the driver made its descriptor available in a round of this
    /// wrap counter.
    #[inline]
    pub(super) fn is_available(rest: u64, wrap: bool) -> bool {
        let flags = (u64::from_le(rest) >> 48) as u16;
        flags & (AVAIL | USED) == if wrap { AVAIL } else { USED }
    }

    /// Whether it is a whole chain by itself, as most are.
    #[inline]
    pub(super) fn is_single(self) -> bool {
        self.flags & (NEXT | INDIRECT) == 0 && self.buf.len != 0
    }

    #[inline]
    pub(super) fn goes_on(self) -> bool {
        self.flags & NEXT != 0
    }

    #[inline]
    pub(super) fn is_writable(self) -> bool {
        self.flags & WRITE != 0
    }

    #[inline]
    pub(super) fn is_indirect(self) -> bool {
        self.flags & INDIRECT != 0
    }
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
        assert_eq!((descriptor.buf, descriptor.id), (buf, 0x0102));
        assert!(descriptor.goes_on() && descriptor.is_writable());
        assert!(!descriptor.is_indirect() && !descriptor.is_single());
    }

    // Virtio 1.2 section 2.8.1.
    #[test]
    fn the_two_flags_differ_if_available_and_are_equal_if_used() {
        for wrap in [false, true] {
            for (avail, used) in [(false, false), (false, true), (true, false), (true, true)] {
                let flags = if avail { AVAIL } else { 0 } | if used { USED } else { 0 };
                let word = (u64::from(flags) << 48).to_le();
                let is_available = avail == wrap && used != wrap;
                assert_eq!(Descriptor::is_available(word, wrap), is_available);
            }
            let used = Used {
                head: 7,
                written: 0,
            };
            let word = Descriptor::used_word(used, wrap);
            let expected = if wrap { AVAIL | USED } else { 0 };
            assert_eq!(
                u64::from_le(word),
                7 << 32 | u64::from(expected) << 48,
                "nothing written, so no write flag"
            );
            assert!(
                !Descriptor::is_available(word, wrap) && !Descriptor::is_available(word, !wrap)
            );
        }
    }
}
