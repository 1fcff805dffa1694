//! Coarse time, given by the caller.
//!
//! The engine reads no clock, so a test can let a year pass in a microsecond. Arithmetic saturates: time that seems to run
//! backwards between two threads makes an age of zero, never a huge one.

/// A moment, in seconds since a start that the caller chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u32);

impl Tick {
    /// How long ago `earlier` was; zero if it is not earlier.
    pub const fn since(self, earlier: Tick) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` after this one, or the end of time.
    pub const fn after(self, span: Span) -> Tick {
        Tick(self.0.saturating_add(span.0))
    }
}

/// A length of time, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_runs_backwards_makes_no_age() {
        assert_eq!(Tick(5).since(Tick(9)), Span(0));
        assert_eq!(Tick(9).since(Tick(5)), Span(4));
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(Tick(u32::MAX - 1).after(Span(300)), Tick(u32::MAX));
    }
}
