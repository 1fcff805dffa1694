//! One descriptor of a split ring, as a host value (virtio 1.2 section 2.7.5).
//!
//! ```text
//! word 0   gpa
//! word 1   len (32) | flags (16) | next (16)       little-endian, from the low end
//! ```

use crate::Buf;

/// Bytes of a descriptor in memory.
pub(super) const BYTES: usize = 16;

/// The chain goes on at `next`.
const NEXT: u16 = 1;
/// The buffer is the device's to write.
const WRITE: u16 = 2;
/// The buffer is a table of descriptors.
const INDIRECT: u16 = 4;

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
        let [low, high] = [0, 8].map(|at| std::array::from_fn(|i| bytes[at + i]));
        Self::from_words([low, high].map(u64::from_ne_bytes))
    }

    /// What it names.
    #[inline]
    pub(super) fn buf(self) -> Buf {
        Buf {
            gpa: self.gpa,
            len: self.rest as u32,
        }
    }

    /// Where the chain goes on, if it does.
    #[inline]
    pub(super) fn next(self) -> Option<u16> {
        self.has(NEXT).then_some((self.rest >> 48) as u16)
    }

    /// Whether it is a whole chain by itself, as most are.
    #[inline]
    pub(super) fn is_single(self) -> bool {
        !self.has(NEXT | INDIRECT) & (self.rest as u32 != 0)
    }

    #[inline]
    pub(super) fn is_writable(self) -> bool {
        self.has(WRITE)
    }

    #[inline]
    pub(super) fn is_indirect(self) -> bool {
        self.has(INDIRECT)
    }

    /// Whether it has any of `flags`.
    #[inline]
    fn has(self, flags: u16) -> bool {
        self.rest & u64::from(flags) << 32 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_gpa_len_flags_next_little_endian() {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
        bytes[8..12].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        bytes[12..14].copy_from_slice(&(NEXT | WRITE).to_le_bytes());
        bytes[14..].copy_from_slice(&0x0102_u16.to_le_bytes());
        let descriptor = Descriptor::from_bytes(bytes);
        assert_eq!(
            descriptor.buf(),
            Buf {
                gpa: 0x1122_3344_5566_7788,
                len: 0xdead_beef
            }
        );
        assert_eq!(descriptor.next(), Some(0x0102));
        assert!(descriptor.is_writable());
        assert!(!descriptor.is_indirect());
    }

    #[test]
    fn next_means_nothing_without_its_flag() {
        assert_eq!(
            Descriptor::from_words([0, (7_u64 << 48).to_le()]).next(),
            None
        );
    }
}
