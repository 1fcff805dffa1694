//! The transmit queue of a guest (virtio 1.2 5.1.6.2) as the switch's source of frames.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nbl::{BuildError, Nbl, NblQueue};
use shmem::{GuestMemory, Lookup};
use switch::offload::{Offload, Offloads};
use switch::{DropReason, Fault, FromGuest, MAX_FRAME, Pull};
use virtq::{Chain, Chains, Ring, Used};

use super::eventfd::{Call, Kick};
use super::header;

/// A running from-guest ring. Belongs to one worker, so nothing here is locked or shared.
pub(super) struct FromGuestRing {
    ring: Ring,
    memory: Arc<GuestMemory>,
    kick: Kick,
    call: Arc<Call>,
    /// Chains taken and not completed: those of the burst at hand, or between two bursts those whose frames are held.
    chains: Chains,
    /// How many of them, from the first on, were described as frames or dropped in the burst at hand.
    described: usize,
    /// Which of these are held for a receiver's buffers, and how many segments of each were delivered.
    held: Vec<(usize, u16)>,
    /// Of each chain that was held: how many segments were delivered.
    delivered: [u16; nbl::BURST],
    /// What the guest may leave undone.
    offloads: Offloads,
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
        offloads: Offloads,
        kick: Kick,
        call: Arc<Call>,
    ) -> Self {
        Self {
            chains: Chains::new(nbl::BURST, ring.size()),
            ring,
            memory,
            kick,
            call,
            described: 0,
            held: Vec::with_capacity(nbl::BURST),
            delivered: [0; nbl::BURST],
            offloads,
            used: Vec::with_capacity(2 * nbl::BURST),
            quiet_unused: memory_is_blank.then_some(0),
        }
    }

    /// Ends the ring: frames still held are given back undelivered. Returns where the guest's next
    /// chain stands, for GET_VRING_BASE.
    pub(super) fn finish(mut self) -> (u32, Kick) {
        self.settle();
        let undelivered = |head| Used { head, written: 0 };
        self.used.extend(self.chains.heads(0).map(undelivered));
        if !self.used.is_empty() {
            self.hand_back_dropped();
            self.call_if_wanted();
        }
        (self.ring.base(), self.kick)
    }

    /// Forgets the chains of the last burst but those that are held.
    #[inline]
    fn settle(&mut self) {
        let described = std::mem::take(&mut self.described);
        if self.held.is_empty() && described == self.chains.len() {
            self.chains.clear();
        } else {
            // What was held before and found no room in the last burst is younger than what is held since.
            let younger = described..self.chains.len();
            for index in younger {
                self.held.push((index, self.delivered[index]));
            }
            for (at, (_, delivered)) in self.held.iter().enumerate() {
                self.delivered[at] = *delivered;
            }
            self.chains
                .keep(self.held.drain(..).map(|(index, _)| index));
        }
    }

    /// One burst out of the ring. What is read while the memory vanishes makes no sense; [`FromGuest::pull`] says so.
    fn take<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        self.settle();
        let held = self.chains.len();
        if held == 0 {
            self.ring
                .take(&self.memory, pull.frames, &mut self.chains)
                .map_err(ring_fault)?;
        }
        if self.chains.is_empty() {
            return Ok(NblQueue::new());
        }
        self.quiet_unused = None;
        let mut frames = NblQueue::new();
        let mut bytes = 0;
        if held == 0 {
            let singly = Singly {
                chains: &self.chains,
                pull: &pull,
                offloads: self.offloads,
                dropped: &mut self.used,
            };
            (self.described, bytes) = match self.memory.single() {
                Some(memory) => singly.describe(memory, &mut frames),
                None => singly.describe(&*self.memory, &mut frames),
            };
        }
        if self.described < self.chains.len() {
            self.describe_others(&pull, held, bytes, &mut frames)?;
        }
        if held == 0 && self.described < self.chains.len() {
            self.ring.untake(self.chains.heads(self.described));
            self.chains.truncate(self.described);
        }
        if frames.is_empty() && !self.used.is_empty() {
            self.hand_back_dropped();
            self.call_if_wanted();
        }
        Ok(frames)
    }

    /// Describes what is left of the chains, of whatever kind, as far as `pull` has room.
    #[inline(never)]
    fn describe_others<'p>(
        &mut self,
        pull: &Pull<'_, 'p>,
        held: usize,
        mut bytes: u32,
        frames: &mut NblQueue<'p>,
    ) -> Result<(), Fault> {
        for (index, chain) in (self.described..).zip(self.chains.from(self.described)) {
            if bytes >= pull.bytes {
                break;
            }
            match describe(&self.memory, chain, pull, self.offloads) {
                Ok(frame) => {
                    if held > 0 && self.delivered[index] > 0 {
                        Offload::set_delivered(frame, self.delivered[index]);
                    }
                    frame.set_token(token(index, chain.head()));
                    bytes += frame.data_len();
                    frames.push(frame);
                }
                Err(Refusal::Drop(reason)) => {
                    pull.lane.dropped(reason, 1);
                    self.used.push(Used {
                        head: chain.head(),
                        written: 0,
                    });
                }
                Err(Refusal::NoRoom) if index == 0 => {
                    return Err(Fault::new(
                        "its transmit queue has a chain of more buffers than a frame can have",
                    ));
                }
                Err(Refusal::NoRoom) => break,
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
            self.described = index + 1;
        }
        Ok(())
    }

    /// Gives back the chains of frames that were dropped here.
    #[cold]
    fn hand_back_dropped(&mut self) {
        let lease = self.ring.lease(self.used.iter().map(|used| used.head));
        self.ring.complete(lease, self.used.drain(..));
    }

    /// Whether the guest has kicked often, and nothing was ever to be seen in blank memory.
    #[inline]
    fn kicks_in_vain(&self) -> bool {
        self.quiet_unused
            .is_some_and(|kicks| kicks >= QUIET_AT_START)
    }

    /// True when the guest was notified.
    #[inline]
    fn call_if_wanted(&mut self) -> bool {
        let needs_call = self.ring.needs_call();
        if needs_call {
            self.call.ring();
        }
        needs_call
    }
}

/// Why a chain became no frame.
enum Refusal {
    /// It is none that can be delivered.
    Drop(DropReason),
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
        if taken.is_ok() && self.kicks_in_vain() {
            return Err(Fault::new(
                "its guest kicks, but what it sends is not to be seen: start the VMM with memory that is shared \
                 (QEMU: -object memory-backend-memfd,share=on; see `vmq attach`)",
            ));
        }
        taken
    }

    fn complete(&mut self, done: &NblQueue<'_>) -> Result<bool, Fault> {
        if !self.used.is_empty() {
            self.hand_back_dropped();
        }
        let head = |frame: Nbl<'_>| frame.token() as u16;
        let lease = self.ring.lease(done.iter().map(head));
        let used = |head| Used { head, written: 0 };
        self.ring.complete(lease, done.iter().map(head).map(used));
        Ok(self.call_if_wanted())
    }

    fn hold(&mut self, waiting: &NblQueue<'_>) {
        self.held.extend(waiting.iter().map(|frame| {
            let index = (frame.token() >> 16) as usize;
            (index, Offload::delivered(frame))
        }));
        // Frames to several receivers come in the order of the receivers; they are pulled again in the order they were sent.
        self.held.sort_unstable();
    }

    fn has_more(&self) -> bool {
        // A ring that lies is found out by the pull, and so is one whose frames cannot be seen.
        self.ring.has_pending() || self.kicks_in_vain()
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

/// The usual case: chains of one buffer in one region.
struct Singly<'a, 'p> {
    chains: &'a Chains,
    pull: &'a Pull<'a, 'p>,
    offloads: Offloads,
    dropped: &'a mut Vec<Used>,
}

impl<'p> Singly<'_, 'p> {
    /// Describes the first chains as frames, as long as they are of that kind. Says how many of them were described or dropped,
    /// and the bytes of the frames. Loops of their own, free of whatever else chains can be.
    #[inline(never)]
    fn describe<'m>(self, memory: impl Lookup<'m>, frames: &mut NblQueue<'p>) -> (usize, u32) {
        prefetch(memory, self.chains);
        let mut row = self.pull.pool.row();
        let mut described = NblQueue::new();
        let (mut count, mut bytes) = (0, 0);
        for (head, only) in self.chains.only_readable() {
            let Some(buffer) = only.filter(|_| bytes < self.pull.bytes) else {
                break;
            };
            let Some(extent) = memory.extent(buffer.gpa, buffer.len) else {
                break;
            };
            let Ok(frame) = row.build(extent, header::LEN, MAX_FRAME) else {
                break;
            };
            frame.set_token(token(count, head));
            count += 1;
            if !header::is_plain(&frame.front())
                && let Err(reason) = note_offload(frame, self.pull, self.offloads)
            {
                self.pull.lane.dropped(reason, 1);
                self.dropped.push(Used { head, written: 0 });
                let mut before;
                (before, row) = row.end_before_last();
                described.append(&mut before);
                continue;
            }
            bytes += frame.data_len();
        }
        described.append(&mut row.end());
        *frames = described;
        (count, bytes)
    }
}

/// Starts to bring the first lines of all frames into the cache: the waits for them run side by side, where one frame after
/// the other they would add up.
#[inline]
fn prefetch<'m>(memory: impl Lookup<'m>, chains: &Chains) {
    for (index, (_, only)) in chains.only_readable().enumerate() {
        let first = only.or_else(|| chains.chain(index).readable().first().copied());
        if let Some(first) = first
            && let Some(extent) = memory.extent(first.gpa, first.len)
        {
            extent.window().prefetch();
        }
    }
}

/// Describes a chain as a frame.
fn describe<'p>(
    memory: &GuestMemory,
    chain: Chain<'_>,
    pull: &Pull<'_, 'p>,
    offloads: Offloads,
) -> Result<Nbl<'p>, Refusal> {
    let head = chain.head();
    let Some(buffers) = chain.all_readable() else {
        return Err(has_writable(head));
    };
    let buffers = buffers.iter().map(|buffer| (buffer.gpa, buffer.len));
    let built = pull.pool.build(memory, buffers, header::LEN, MAX_FRAME);
    match built {
        Ok(frame) if header::is_plain(&frame.front()) => Ok(frame),
        Ok(frame) => note_offload(frame, pull, offloads)
            .map(|()| frame)
            .map_err(Refusal::Drop),
        Err(error) => Err(no_frame(&error, head)),
    }
}

#[cold]
fn has_writable(head: u16) -> Refusal {
    Refusal::Fault(Fault::new(format_args!(
        "its transmit queue has a chain with device-writable buffers (head {head})"
    )))
}

#[cold]
fn no_frame(error: &BuildError, head: u16) -> Refusal {
    match error {
        BuildError::RuntFrame { .. } => Refusal::Drop(DropReason::Runt),
        BuildError::PoolExhausted => Refusal::NoRoom,
        error => Refusal::Fault(Fault::new(format_args!(
            "its transmit queue has a bad chain (head {head}): {error}"
        ))),
    }
}

/// Notes what the header of a frame leaves undone.
#[inline(never)]
fn note_offload<'p>(
    frame: Nbl<'p>,
    pull: &Pull<'_, 'p>,
    negotiated: Offloads,
) -> Result<(), DropReason> {
    let header = frame.front();
    header::from_guest(&header, negotiated, frame.lookahead(), frame.data_len())?.note(frame);
    pull.offloads.set(true);
    Ok(())
}

/// A frame's token: which chain of the burst it lies in, and the driver's name of that.
#[inline]
fn token(index: usize, head: u16) -> u64 {
    (index as u64) << 16 | u64::from(head)
}

fn ring_fault(error: virtq::RingError) -> Fault {
    Fault::new(format_args!("its transmit queue breaks the rules: {error}"))
}
