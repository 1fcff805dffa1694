//! Coarse time, given by the caller.
//!
//! The engine reads no clock, so a test can let a year pass in a microsecond. Arithmetic saturates: time that seems to run
//! backwards between two threads makes an age of zero, never a huge one.

/// A moment, in seconds since a start that the caller chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u32);

impl Tick {
    /// The moment `seconds` after the caller's start.
    pub const fn new(seconds: u32) -> Tick {
        Tick(seconds)
    }

    /// Seconds since the caller's start.
    pub const fn value(self) -> u32 {
        self.0
    }

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
pub struct Span(u32);

impl Span {
    /// A span of `seconds`.
    pub const fn new(seconds: u32) -> Span {
        Span(seconds)
    }

    /// Its length in seconds.
    pub const fn value(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_runs_backwards_makes_no_age() {
        assert_eq!(Tick::new(5).since(Tick::new(9)), Span::new(0));
        assert_eq!(Tick::new(9).since(Tick::new(5)), Span::new(4));
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(
            Tick::new(u32::MAX - 1).after(Span::new(300)),
            Tick::new(u32::MAX)
        );
    }
}
