//! The last resort against a test that hangs.
//!
//! Every wait in this crate has its own limit; the watchdog is there for those that nobody thought of. It ends the
//! processes that the tests of this program have started and then the program itself, which fails the run.

use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

static STARTED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Armed while it lives.
#[derive(Debug)]
pub struct Watchdog {
    disarm: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Gives the calling test `limit` from now.
    pub fn arm(limit: Duration) -> Self {
        let (disarm, disarmed) = mpsc::channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let thread = thread::spawn(move || {
            if disarmed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!(
                    "watchdog: {test} has not ended after {limit:?}; ending it and all that it started"
                );
                for group in lock().drain(..) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                std::process::exit(1);
            }
        });
        Self {
            disarm: Some(disarm),
            thread: Some(thread),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.disarm.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Remembers a process group for as long as it may run.
pub(crate) fn remember(group: Pid) {
    lock().push(group);
}

/// Forgets it once it is known to be gone, for its number may be given away again.
pub(crate) fn forget(group: Pid) {
    lock().retain(|known| *known != group);
}

fn lock() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    STARTED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
