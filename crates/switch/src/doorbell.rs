//! How a worker sleeps and is woken, left to whoever owns the file descriptors.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// Names a from-guest ring to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u32);

/// A worker's bell: it rings when a guest kicks a ring that asked for it, or when [`Waker::wake`] is
/// called. A bell that rang while nobody waited rings at the next wait.
pub trait Doorbell: Send {
    /// Rings for `token` whenever `kick` is written. `kick` is an eventfd that nobody reads.
    ///
    /// # Errors
    /// The operating system's, for instance when `kick` cannot be waited for.
    fn watch(&mut self, token: Token, kick: BorrowedFd<'_>) -> std::io::Result<()>;

    /// Undoes [`Doorbell::watch`].
    fn unwatch(&mut self, kick: BorrowedFd<'_>);

    /// Waits at most `timeout` (for ever if `None`) and names every ring that was kicked.
    fn wait(&mut self, timeout: Option<Duration>, rung: &mut dyn FnMut(Token));

    /// A handle that ends a wait from another thread.
    fn waker(&self) -> Arc<dyn Waker>;
}

/// Ends a worker's wait.
pub trait Waker: Send + Sync {
    /// Makes the bell ring.
    fn wake(&self);
}
