//! The two eventfds of a ring: the guest kicks, the device calls.
//!
//! Invariant: both are counters that never block, so taking and giving is safe from any thread at any time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// A ring's kick and call.
pub struct Events {
    kick: OwnedFd,
    call: OwnedFd,
}

impl Events {
    pub(super) fn new() -> io::Result<Events> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Events {
            kick: eventfd(0, flags)?,
            call: eventfd(0, flags)?,
        })
    }

    /// The eventfd that the guest kicks, for the backend.
    pub fn kick_fd(&self) -> BorrowedFd<'_> {
        self.kick.as_fd()
    }

    /// The eventfd that the backend calls.
    pub fn call_fd(&self) -> BorrowedFd<'_> {
        self.call.as_fd()
    }

    /// Kicks the device, whether it wants to or not.
    pub fn kick(&self) {
        add_one(&self.kick);
    }

    /// Calls the guest, as a device does.
    pub fn call(&self) {
        add_one(&self.call);
    }

    /// Takes all kicks so far and gives their number, as a device does.
    pub fn take_kicks(&self) -> u64 {
        take(&self.kick)
    }

    /// Takes all calls so far and gives their number.
    pub fn take_calls(&self) -> u64 {
        take(&self.call)
    }

    /// Sleeps until there is a call or `deadline` has come. Gives whether there is one; it is not taken.
    pub fn wait_call(&self, deadline: Instant) -> bool {
        wait(&self.call, deadline)
    }

    /// Sleeps until there is a kick or `deadline` has come. Gives whether there is one; it is not taken.
    pub fn wait_kick(&self, deadline: Instant) -> bool {
        wait(&self.kick, deadline)
    }
}

fn add_one(event: &OwnedFd) {
    match rustix::io::write(event, &1u64.to_ne_bytes()) {
        // A counter that is full (a backend that never reads) has been rung well enough.
        Ok(_) | Err(Errno::AGAIN) => {}
        Err(error) => panic!("an eventfd of our own cannot be written: {error}"),
    }
}

fn take(event: &OwnedFd) -> u64 {
    let mut count = [0; 8];
    match rustix::io::read(event, &mut count) {
        Ok(_) => u64::from_ne_bytes(count),
        Err(Errno::AGAIN) => 0,
        Err(error) => panic!("an eventfd of our own cannot be read: {error}"),
    }
}

fn wait(event: &OwnedFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(event, PollFlags::IN)];
        match poll(&mut fds, Some(&timespec(left))) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(error) => panic!("an eventfd of our own cannot be polled: {error}"),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
