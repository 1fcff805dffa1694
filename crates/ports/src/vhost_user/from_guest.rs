//! The transmit queue of a guest (virtio 1.2 5.1.6.2) as the switch's source of frames.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nbl::{BuildError, NblQueue};
use shmem::GuestMemory;
use switch::{DropReason, Fault, FromGuest, MAX_FRAME, Pull};
use virtq::{Chain, Ring, Used};

use super::eventfd::{Call, Kick};
use super::header;

/// A running from-guest ring. Belongs to one worker, so nothing here is locked or shared.
pub(super) struct FromGuestRing {
    ring: Ring,
    memory: Arc<GuestMemory>,
    kick: Kick,
    call: Arc<Call>,
    chain: Chain,
    /// Heads of chains taken whose frames wait for a receiver's buffers, oldest first. They are read
    /// anew at the next pull: a second reading is judged like the first, nothing is carried over.
    held: Vec<u16>,
    used: Vec<Used>,
    /// Times that the ring fell quiet without ever having had a chain; `None` once it had one, or where the memory is
    /// known to be the guest's.
    quiet_unused: Option<u32>,
}

/// How often a ring in blank memory may fall quiet before one more kick means that its memory is not shared: after it was
/// started, and after the kick that VMMs give it then. The next is the driver's, who kicks only when there is something to
/// see, and with event index only once.
const QUIET_AT_START: u32 = 2;

impl FromGuestRing {
    pub(super) fn new(
        ring: Ring,
        memory: Arc<GuestMemory>,
        memory_is_blank: bool,
        kick: Kick,
        call: Arc<Call>,
    ) -> Self {
        Self {
            ring,
            memory,
            kick,
            call,
            chain: Chain::new(),
            held: Vec::with_capacity(nbl::BURST),
            used: Vec::with_capacity(2 * nbl::BURST),
            quiet_unused: memory_is_blank.then_some(0),
        }
    }

    /// Ends the ring: frames still held are given back undelivered. Returns where the guest's next
    /// chain stands, for GET_VRING_BASE.
    pub(super) fn finish(mut self) -> (u16, Kick) {
        for head in self.held.drain(..) {
            self.used.push(Used { head, written: 0 });
        }
        self.flush();
        (self.ring.next_avail(), self.kick)
    }

    /// Describes the chain at hand as a frame. `Ok(None)` when it is dropped here, its buffers given back.
    #[inline]
    fn describe<'p>(
        &mut self,
        head: u16,
        pull: &Pull<'_, 'p>,
    ) -> Result<Option<nbl::Nbl<'p>>, Refusal> {
        if !self.chain.writable().is_empty() {
            return Err(Refusal::Fault(Fault::new(format_args!(
                "its transmit queue has a chain with device-writable buffers (head {head})"
            ))));
        }
        let mut header = [0; header::LEN];
        let buffers = self
            .chain
            .readable()
            .iter()
            .map(|buffer| (buffer.gpa, buffer.len));
        match pull
            .pool
            .build(&self.memory, buffers, &mut header, MAX_FRAME)
        {
            Ok(frame) if header::is_plain(&header) => {
                frame.set_token(u64::from(head));
                Ok(Some(frame))
            }
            Ok(_) => Ok(self.drop(head, pull, DropReason::OffloadNotNegotiated)),
            Err(BuildError::RuntFrame { .. }) => Ok(self.drop(head, pull, DropReason::Runt)),
            Err(BuildError::PoolExhausted) => Err(Refusal::NoRoom),
            Err(error) => Err(Refusal::Fault(Fault::new(format_args!(
                "its transmit queue has a bad chain (head {head}): {error}"
            )))),
        }
    }

    fn drop<T>(&mut self, head: u16, pull: &Pull<'_, '_>, reason: DropReason) -> Option<T> {
        pull.lane.dropped(reason, 1);
        self.used.push(Used { head, written: 0 });
        None
    }

    /// One burst out of the ring. What is read while the memory vanishes makes no sense; [`FromGuest::pull`] says so.
    fn take<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let mut frames = NblQueue::new();
        let mut bytes = 0;
        let mut again = 0;
        while again < self.held.len() && bytes < pull.bytes {
            let head = self.held[again];
            self.ring
                .chain_at(head, &self.memory, &mut self.chain)
                .map_err(ring_fault)?;
            match self.describe(head, &pull) {
                Ok(frame) => {
                    if let Some(frame) = frame {
                        bytes += frame.data_len();
                        frames.push(frame);
                    }
                }
                Err(Refusal::NoRoom) => break,
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
            again += 1;
        }
        self.held.drain(..again);
        while self.held.is_empty()
            && frames.len() < pull.frames
            && self.used.len() < nbl::BURST
            && bytes < pull.bytes
        {
            if !self
                .ring
                .next(&self.memory, &mut self.chain)
                .map_err(ring_fault)?
            {
                break;
            }
            self.quiet_unused = None;
            let head = self.chain.head();
            match self.describe(head, &pull) {
                Ok(frame) => {
                    if let Some(frame) = frame {
                        bytes += frame.data_len();
                        frames.push(frame);
                    }
                }
                Err(Refusal::NoRoom) if frames.is_empty() => {
                    return Err(Fault::new(
                        "its transmit queue has a chain of more buffers than a frame can have",
                    ));
                }
                Err(Refusal::NoRoom) => {
                    self.ring.untake(1);
                    break;
                }
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        if frames.is_empty() {
            self.flush();
        }
        Ok(frames)
    }

    fn flush(&mut self) {
        if self.used.is_empty() {
            return;
        }
        let lease = self.ring.lease(self.used.len() as u16);
        self.ring.complete(lease, &self.used);
        self.used.clear();
        if self.ring.needs_call() {
            self.call.ring();
        }
    }
}

/// Why a chain became no frame.
enum Refusal {
    /// The worker's pool is used up: the chain's turn comes with the next burst.
    NoRoom,
    Fault(Fault),
}

impl FromGuest for FromGuestRing {
    fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let taken = self.take(pull);
        // Zeros in place of a ring look like a violation, but they are not the guest's doing.
        if self.memory.is_lost() {
            return Err(Fault::new(
                "its memory is gone: the file behind it was truncated",
            ));
        }
        let was_quiet = self.quiet_unused.unwrap_or(0);
        if taken.is_ok() && was_quiet >= QUIET_AT_START {
            return Err(Fault::new(
                "its guest kicks, but what it sends is not to be seen: start the VMM with memory that is shared \
                 (QEMU: -object memory-backend-memfd,share=on; see `vmq attach`)",
            ));
        }
        taken
    }

    fn complete(&mut self, done: &NblQueue<'_>) -> Result<(), Fault> {
        self.used.extend(done.iter().map(|frame| Used {
            head: frame.token() as u16,
            written: 0,
        }));
        self.flush();
        Ok(())
    }

    fn hold(&mut self, waiting: &NblQueue<'_>) {
        let held_before = self.held.len();
        self.held
            .extend(waiting.iter().map(|frame| frame.token() as u16));
        // What could not even be pulled again is younger than what was.
        self.held.rotate_left(held_before);
    }

    fn has_more(&self) -> bool {
        // A ring that lies is found out by the pull.
        self.ring.pending() != Ok(0)
    }

    fn arm(&mut self) -> bool {
        let has_work = match self.kick {
            Kick::Poll => true,
            Kick::Fd(_) => self.ring.arm(),
        };
        if let Some(quiet) = self.quiet_unused.as_mut().filter(|_| !has_work) {
            *quiet += 1;
        }
        has_work
    }

    fn disarm(&mut self) {
        self.ring.disarm();
    }

    fn kick(&self) -> Option<BorrowedFd<'_>> {
        self.kick.fd()
    }
}

fn ring_fault(error: virtq::RingError) -> Fault {
    Fault::new(format_args!("its transmit queue breaks the rules: {error}"))
}
