//! A place in a packed ring: an index and the wrap counter of the round (virtio 1.2 section 2.8.1).
//!
//! ```text
//! bit 15   14 .. 0
//! wrap     index       in event suppression structures and, twice, in what SET_VRING_BASE carries
//! ```

/// `Copy`, and so small that loops keep it in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) index: u16,
    pub(super) wrap: bool,
}

impl Position {
    /// Of the low 16 bits.
    #[inline]
    pub(super) fn from_word(word: u32) -> Position {
        Position {
            index: word as u16 & 0x7fff,
            wrap: word & 0x8000 != 0,
        }
    }

    #[inline]
    pub(super) fn to_word(self) -> u32 {
        u32::from(self.index) | u32::from(self.wrap) << 15
    }

    /// `slots` further on in a ring of `size`; at most one round.
    #[inline]
    pub(super) fn after(self, slots: u16, size: u16) -> Position {
        let index = self.index + slots;
        if index < size {
            return Position { index, ..self };
        }
        Position {
            index: index - size,
            wrap: !self.wrap,
        }
    }

    /// `slots` back; at most one round.
    #[inline]
    pub(super) fn before(self, slots: u16, size: u16) -> Position {
        if slots <= self.index {
            return Position {
                index: self.index - slots,
                ..self
            };
        }
        Position {
            index: self.index + size - slots,
            wrap: !self.wrap,
        }
    }

    /// How many slots it is further on than `other`: two rounds are told apart from none by nobody.
    #[inline]
    pub(super) fn since(self, other: Position, size: u16) -> u32 {
        let size = u32::from(size);
        let round = if self.wrap == other.wrap { 2 } else { 1 };
        let ahead = u32::from(self.index) + round * size - u32::from(other.index);
        ahead % (2 * size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All places of two rounds, in order.
    fn rounds(size: u16) -> Vec<Position> {
        let round = |wrap| (0..size).map(move |index| Position { index, wrap });
        round(true).chain(round(false)).collect()
    }

    #[test]
    fn two_rounds_are_a_circle() {
        for size in [1, 2, 3, 5, 8] {
            let all = rounds(size);
            for (at, position) in all.iter().enumerate() {
                for slots in 0..=size {
                    let further = all[(at + usize::from(slots)) % all.len()];
                    assert_eq!(position.after(slots, size), further);
                    assert_eq!(further.before(slots, size), *position);
                }
                for (other, ahead) in all.iter().cycle().skip(at).zip(0..u32::from(2 * size)) {
                    assert_eq!(other.since(*position, size), ahead);
                }
            }
        }
    }

    #[test]
    fn a_word_is_the_index_and_the_wrap_counter_above_it() {
        let position = Position {
            index: 0x1234,
            wrap: true,
        };
        assert_eq!(position.to_word(), 0x9234);
        assert_eq!(Position::from_word(0xffff_9234), position);
        assert!(!Position::from_word(0x1234).wrap);
    }
}
