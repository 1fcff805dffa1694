//! Waiting for a fact, with a limit.

use std::thread;
use std::time::{Duration, Instant};

/// Asks until the answer is `Some`.
///
/// # Panics
///
/// When `limit` has passed: the test fails with `what` it waited for.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
