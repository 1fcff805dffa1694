//! What time it is. Tests of this crate set the time themselves, each on its own thread.

use std::time::Instant;

#[inline]
pub(crate) fn now() -> Instant {
    #[cfg(test)]
    if let Some(now) = tests::NOW.get() {
        return now;
    }
    Instant::now()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    thread_local! {
        pub(super) static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    /// Stops the clock of this thread, and gives what it shows.
    pub(crate) fn stop() -> Instant {
        let now = now();
        NOW.set(Some(now));
        now
    }

    /// Lets time pass on a clock that was stopped.
    pub(crate) fn pass(time: Duration) {
        NOW.set(Some(now() + time));
    }
}
