//! A worker's bell: one epoll set over the kick eventfds of its rings.
//!
//! Kicks are watched edge-triggered and never read: an eventfd that is written rings again, whatever
//! its count, so a wake-up costs one system call.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use switch::{Doorbell, Token, Waker, WorkerOptions};

/// The event data that stands for the waker, which no ring's token is.
const WAKER: u64 = u64::MAX;

/// Kicks taken from the kernel at a time.
const EVENTS: usize = 64;

/// One worker for each CPU of `cpus`, pinned to it; a single unpinned one if `cpus` is empty.
///
/// # Errors
/// The operating system's, when it has no file descriptors left.
pub fn workers(cpus: &[usize]) -> io::Result<Vec<WorkerOptions>> {
    let worker = |cpu| {
        Ok(WorkerOptions {
            cpu,
            doorbell: Box::new(Epoll::new()?),
        })
    };
    if cpus.is_empty() {
        Ok(vec![worker(None)?])
    } else {
        cpus.iter().map(|&cpu| worker(Some(cpu))).collect()
    }
}

struct Epoll {
    set: OwnedFd,
    waker: Arc<EventfdWaker>,
}

impl Epoll {
    fn new() -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = Arc::new(EventfdWaker(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?));
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&set, &waker.0, epoll::EventData::new_u64(WAKER), flags)?;
        Ok(Self { set, waker })
    }
}

impl Doorbell for Epoll {
    fn watch(&mut self, token: Token, kick: BorrowedFd<'_>) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        Ok(epoll::add(
            &self.set,
            kick,
            epoll::EventData::new_u64(u64::from(token.0)),
            flags,
        )?)
    }

    fn unwatch(&mut self, kick: BorrowedFd<'_>) {
        // An fd that is not in the set rings for nobody already.
        let _ = epoll::delete(&self.set, kick);
    }

    fn wait(&mut self, timeout: Option<Duration>, rung: &mut dyn FnMut(Token)) {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        // A signal that ends the wait early is a wake-up like any other: the worker looks and waits again.
        let Ok((events, _)) = epoll::wait(&self.set, &mut events, timeout.as_ref()) else {
            return;
        };
        for event in events {
            let data = event.data.u64();
            if data != WAKER {
                rung(Token(data as u32));
            }
        }
    }

    fn waker(&self) -> Arc<dyn Waker> {
        self.waker.clone()
    }
}

struct EventfdWaker(OwnedFd);

impl Waker for EventfdWaker {
    fn wake(&self) {
        // Full (2^64 - 2 wakes nobody read) still rings: the edge is the write's, not the count's.
        let _ = rustix::io::write(self.0.as_fd(), &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(bell: &mut Epoll) -> Vec<Token> {
        let mut tokens = Vec::new();
        bell.wait(Some(Duration::ZERO), &mut |token| tokens.push(token));
        tokens
    }

    #[test]
    fn every_kick_rings_once_though_nobody_reads_it() {
        let mut bell = Epoll::new().unwrap();
        let kick = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        bell.watch(Token(3), kick.as_fd()).unwrap();
        assert_eq!(rung(&mut bell), []);
        for _ in 0..2 {
            rustix::io::write(&kick, &1u64.to_ne_bytes()).unwrap();
            assert_eq!(rung(&mut bell), [Token(3)]);
            assert_eq!(rung(&mut bell), []);
        }
        bell.unwatch(kick.as_fd());
        rustix::io::write(&kick, &1u64.to_ne_bytes()).unwrap();
        assert_eq!(rung(&mut bell), []);
    }

    #[test]
    fn a_wake_before_the_wait_ends_it() {
        let mut bell = Epoll::new().unwrap();
        bell.waker().wake();
        bell.wait(None, &mut |_| panic!("no ring was kicked"));
    }
}
