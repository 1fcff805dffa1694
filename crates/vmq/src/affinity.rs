//! Which processors may serve a queue.

use crate::status::NdisStatus;

/// A set of processors of one group of 64, `GROUP_AFFINITY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Which group of 64 processors.
    pub group: u16,
    /// Which processors of it.
    pub mask: u64,
}

impl Affinity {
    /// The lowest processor of the set, counted through all groups; `None` if there is none.
    pub fn first_processor(self) -> Option<u32> {
        (self.mask != 0).then(|| u32::from(self.group) * GROUP + self.mask.trailing_zeros())
    }

    /// Refused if no processor is named, or one that is not among the first `processors` (Q3).
    pub(crate) fn check(self, processors: u32) -> Result<(), NdisStatus> {
        let last =
            u32::from(self.group) * GROUP + (GROUP - 1 - self.mask.leading_zeros().min(GROUP - 1));
        if self.mask != 0 && last < processors {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }
}

/// Processors of a group.
const GROUP: u32 = u64::BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_through_all_groups() {
        let affinity = |group, mask| Affinity { group, mask };
        assert_eq!(affinity(0, 0).first_processor(), None);
        assert_eq!(affinity(0, 0b100).first_processor(), Some(2));
        assert_eq!(affinity(2, 1 << 63).first_processor(), Some(191));
    }

    #[test]
    fn q3_a_processor_that_does_not_exist_is_refused() {
        let is_sound = |group, mask| Affinity { group, mask }.check(66).is_ok();
        assert!(is_sound(0, 1) && is_sound(0, u64::MAX) && is_sound(1, 0b11));
        assert!(!is_sound(0, 0) && !is_sound(1, 0) && !is_sound(1, 0b100) && !is_sound(2, 1));
        assert!(!is_sound(u16::MAX, u64::MAX));
        let anywhere = Affinity {
            group: u16::MAX,
            mask: u64::MAX,
        };
        assert!(anywhere.check(u32::MAX).is_ok());
    }
}
