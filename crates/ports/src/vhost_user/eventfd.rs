//! Kick and call: the two eventfds of a ring, both made by the VMM.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Takes a file that a VMM says is an eventfd, or says what it is instead. It is set non-blocking, so
/// that a counter that the VMM has filled to the brim cannot stop a worker.
pub(super) fn checked(file: File) -> Result<OwnedFd, String> {
    let fd = OwnedFd::from(file);
    let what = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())
        .map_err(|error| format!("cannot be examined: {error}"))?;
    if what.as_bytes() != b"anon_inode:[eventfd]" {
        return Err(format!("is not an eventfd but {}", what.to_string_lossy()));
    }
    let flags = fcntl_getfl(&fd).map_err(|error| format!("cannot be examined: {error}"))?;
    fcntl_setfl(&fd, flags | OFlags::NONBLOCK)
        .map_err(|error| format!("cannot be set non-blocking: {error}"))?;
    Ok(fd)
}

/// Where to notify a guest. A VMM may change it while the ring runs (QEMU does, when a guest masks an
/// interrupt), which must not cost the ring a frame: so it is shared with the ring, not part of it.
#[derive(Debug, Default)]
pub(super) struct Call(Mutex<Option<OwnedFd>>);

impl Call {
    pub(super) fn set(&self, fd: Option<OwnedFd>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fd;
    }

    /// Notifies the guest. Without an eventfd the guest polls.
    pub(super) fn ring(&self) {
        if let Some(fd) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // A full counter means that a notification is already waiting to be seen.
            let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
        }
    }
}

/// Where a guest notifies us.
#[derive(Debug)]
pub(super) enum Kick {
    /// No fd: the ring is to be polled for ever.
    Poll,
    /// An eventfd that the guest writes.
    Fd(OwnedFd),
}

impl Kick {
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Poll => None,
            Self::Fd(fd) => Some(fd.as_fd()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};

    #[test]
    fn only_an_eventfd_is_taken_for_one() {
        assert!(checked(File::from(eventfd(0, EventfdFlags::CLOEXEC).unwrap())).is_ok());
        let refused = checked(File::open("/dev/null").unwrap()).unwrap_err();
        assert!(refused.contains("/dev/null"), "{refused}");
    }

    #[test]
    fn a_counter_filled_to_the_brim_does_not_block_the_caller() {
        let fd = checked(File::from(eventfd(0, EventfdFlags::CLOEXEC).unwrap())).unwrap();
        rustix::io::write(&fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        let call = Call::default();
        call.set(Some(fd));
        call.ring();
    }
}
