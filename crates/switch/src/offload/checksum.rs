//! The Internet checksum (RFC 1071), over bytes of the host.
//!
//! The sum is the same whichever byte order the words are read in, as long as it is put back in that order. So bytes are
//! added up as they lie, in wide words, and only numbers that go in or come out are turned round.

/// A ones' complement sum that is being made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// The sum of `bytes`; an odd one at the end counts as if a zero followed.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::default().bytes(bytes)
    }

    /// Adds bytes that begin at an even place of what is summed.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<32>();
        let mut lanes = [0u64; 8];
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<4>().0) {
                *lane += u64::from(u32::from_ne_bytes(*word));
            }
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        let mut sum = lanes.iter().fold(0, |sum, lane| end_around(sum, *lane));
        for pair in pairs {
            sum = end_around(sum, u64::from(u16::from_ne_bytes(*pair)));
        }
        if let [last] = odd {
            sum = end_around(sum, u64::from(u16::from_ne_bytes([*last, 0])));
        }
        Self(end_around(self.0, sum))
    }

    /// Adds a word of 16 bits.
    pub(crate) fn word(self, word: u16) -> Self {
        Self(end_around(self.0, u64::from(word.to_be())))
    }

    /// Takes out what is in the sum.
    pub(super) fn without(self, other: Self) -> Self {
        self.word(other.checksum())
    }

    /// Adds the length that a pseudo-header has.
    pub(crate) fn length(self, length: u32) -> Self {
        self.word((length >> 16) as u16).word(length as u16)
    }

    /// What goes into a checksum field: the complement of the sum.
    pub(crate) fn checksum(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::from_be(sum as u16)
    }
}

/// As [`Sum::checksum`], where a checksum of zero would say that none was made (RFC 768): its other form.
pub(super) fn never_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

#[inline]
fn end_around(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + u64::from(carry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As RFC 1071 words it: 16 bits at a time, each carry put back at once.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(
            Sum::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).checksum(),
            !0xddf2
        );
    }

    #[test]
    fn the_largest_sum_does_not_overflow() {
        let ones = vec![0xff; 70_000];
        assert_eq!(Sum::of(&ones).checksum(), naive(&ones));
        assert_eq!(
            Sum(u64::MAX).bytes(&ones).checksum(),
            Sum::of(&ones).checksum()
        );
    }

    proptest! {
        #[test]
        fn it_is_the_naive_sum(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(Sum::of(&bytes).checksum(), naive(&bytes));
        }

        #[test]
        fn it_can_be_made_in_pieces(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..150) {
            let (front, back) = bytes.split_at((at * 2).min(bytes.len() & !1));
            prop_assert_eq!(Sum::of(front).bytes(back).checksum(), naive(&bytes));
        }

        #[test]
        fn a_word_can_be_exchanged(mut bytes in prop::collection::vec(any::<u8>(), 4..80), old: u16, new: u16) {
            bytes[0] = 1; // Not all zero: that sum has two forms.
            bytes[2..4].copy_from_slice(&old.to_be_bytes());
            let exchanged = Sum::of(&bytes).without(Sum::default().word(old)).word(new).checksum();
            bytes[2..4].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(exchanged, naive(&bytes));
        }
    }
}
