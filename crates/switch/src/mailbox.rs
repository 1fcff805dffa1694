//! What control tells a worker. Taken between turns, acknowledged when it is in force.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use crate::PortId;
use crate::doorbell::Waker;
use crate::ring::Ring;
use crate::snapshot::Snapshot;

pub(crate) enum Command {
    /// Act on this from the next turn on. The acknowledgement says that the last copy made under the
    /// one before is over.
    Snapshot(Arc<Snapshot>, Sender<()>),
    /// Take a from-guest ring, or give it back with the reason.
    Attach(Box<Ring>, Sender<Result<(), (Box<Ring>, io::Error)>>),
    /// Give the from-guest ring of a port's pair back, with the frames it holds. `None` if there is none.
    Detach(PortId, usize, Sender<Option<Box<Ring>>>),
    /// As `Detach`, for good.
    End(PortId, usize, Sender<Option<Box<Ring>>>),
    /// End.
    Stop,
}

/// A worker's mailbox.
pub(crate) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    pending: AtomicBool,
    waker: Arc<dyn Waker>,
}

impl Mailbox {
    pub(crate) fn new(waker: Arc<dyn Waker>) -> Self {
        Self {
            commands: Mutex::default(),
            pending: AtomicBool::new(false),
            waker,
        }
    }

    pub(crate) fn post(&self, command: Command) {
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
        self.pending.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// One relaxed load a turn while nothing has come.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }

    /// Everything that has come, oldest first.
    pub(crate) fn take(&self) -> Vec<Command> {
        // Cleared before the list is emptied: a command posted in between is found at the next turn.
        self.pending.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
