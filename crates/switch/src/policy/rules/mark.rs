//! A ruling on its way with its frame, until the frame is over and is counted.

use nbl::Nbl;

use super::{Ruling, Way};
use crate::policy::settings::Action;

/// A ruling, small enough to be noted with its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u32);

/// Which of a frame's notes are the rulings of its sender's rules and of its receiver's.
const FROM_GUEST: usize = 0;
const TO_GUEST: usize = 1;

const DENIAL: u32 = 1 << 31;

impl Mark {
    /// No rule matched.
    pub(crate) const NONE: Self = Self(0);

    #[inline]
    pub(crate) fn of(ruling: Option<Ruling>) -> Self {
        ruling.map_or(Self::NONE, |ruling| {
            let is_denial = ruling.action == Action::Deny;
            Self((ruling.rule + 1) | if is_denial { DENIAL } else { 0 })
        })
    }

    /// Notes it with a frame.
    #[inline]
    pub(crate) fn note(self, frame: Nbl<'_>, way: Way) {
        match way {
            Way::FromGuest => frame.set_mark::<FROM_GUEST>(self.0),
            Way::ToGuest => frame.set_mark::<TO_GUEST>(self.0),
        }
    }

    /// What was noted with a frame in this burst.
    #[inline]
    pub(crate) fn noted(frame: Nbl<'_>, way: Way) -> Self {
        Self(match way {
            Way::FromGuest => frame.mark::<FROM_GUEST>(),
            Way::ToGuest => frame.mark::<TO_GUEST>(),
        })
    }

    #[inline]
    pub(crate) fn is_denial(self) -> bool {
        self.0 & DENIAL != 0
    }

    #[inline]
    pub(super) fn rule(self) -> Option<usize> {
        let number = self.0 & !DENIAL;
        number.checked_sub(1).map(|rule| rule as usize)
    }
}
