//! The receive queue of a guest (virtio 1.2 5.1.6.3, 5.1.6.4) as the switch's sink of frames.
//!
//! Several workers may fill it at once: buffers are reserved and handed over under a lock, and filled
//! outside it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nbl::{Nbl, NblQueue, Pool, ReceiveChain};
use shmem::{GuestMemory, Lookup};
use switch::offload::Offloads;
use switch::{Fault, Filled, Reservation, ToGuest};
use virtq::{Buf, Chain, Chains, Lease, Ring, Used};

use super::eventfd::Call;
use super::header;

/// A running to-guest ring.
pub(super) struct ToGuestRing {
    state: Mutex<State>,
    memory: Arc<GuestMemory>,
    call: Arc<Call>,
    mergeable: bool,
    accepts: Offloads,
}

struct State {
    ring: Ring,
    /// Chains taken for the reservation that is being made.
    chains: Chains,
    /// How many of them are in use.
    spent: usize,
}

/// Why a frame got no buffers.
enum NoRoom {
    /// The guest has posted too few; more may come.
    NotNow,
    /// This frame fits in none.
    Never,
    Fault(Fault),
}

impl ToGuestRing {
    pub(super) fn new(
        mut ring: Ring,
        memory: Arc<GuestMemory>,
        call: Arc<Call>,
        mergeable: bool,
        accepts: Offloads,
    ) -> Self {
        // Who has frames for the guest looks for its buffers: a kick would cost it a system call for nothing.
        ring.disarm();
        let state = Mutex::new(State {
            chains: Chains::new(nbl::BURST, ring.size()),
            ring,
            spent: 0,
        });
        Self {
            state,
            memory,
            call,
            mergeable,
            accepts,
        }
    }

    /// Where the guest's next buffer stands, for GET_VRING_BASE. No worker may be filling the ring.
    pub(super) fn base(&self) -> u32 {
        self.lock().ring.base()
    }

    fn still_there(&self) -> Result<(), Fault> {
        if self.memory.is_lost() {
            return Err(Fault::new(
                "its memory is gone: the file behind it was truncated",
            ));
        }
        Ok(())
    }

    /// A panic while the lock was held closed the port it came from; the ring's state is whole, for it
    /// changes only by calls that do not panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The usual case: takes for each of the first frames one chain of one buffer in one block, as long as that is what there
    /// is. Says how many frames have found room.
    #[inline]
    fn receive_singly<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<usize, Fault> {
        let State { ring, chains, .. } = state;
        let taken = ring.take(&self.memory, frames.len(), chains);
        let has_offloads = reservation.has_offloads();
        let places = Places {
            pool,
            frames,
            chains,
            filled: reservation.vacant(),
        };
        let undone = |frame| header::to_guest(frame, 1);
        let plain = |_| header::plain(1);
        let done = match (self.memory.single(), has_offloads) {
            (Some(memory), false) => places.attach(memory, plain),
            (Some(memory), true) => places.attach(memory, undone),
            (None, false) => places.attach(&*self.memory, plain),
            (None, true) => places.attach(&*self.memory, undone),
        };
        reservation.note_singly(done);
        state.spent = done.into();
        taken.map(|_| done.into()).map_err(ring_fault)
    }

    /// Takes buffers for one frame and the virtio-net header in front of it. The chains taken are noted in `reservation`
    /// whether or not the frame finds room; `frames` are still to come, this one included.
    #[inline]
    fn receive<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frame: Nbl<'p>,
        frames: usize,
        reservation: &mut Reservation,
    ) -> Result<(), NoRoom> {
        let mut receive = ReceiveChain::new();
        let mut missing = header::LEN as u32 + frame.data_len();
        let mut taken = 0;
        while missing > 0 {
            if usize::from(taken) == Reservation::MAX_BUFFERS_A_FRAME {
                return Err(NoRoom::Never);
            }
            if reservation.is_full() {
                return Err(NoRoom::NotNow);
            }
            let chain = state.next(&self.memory, frames)?;
            taken += 1;
            let head = chain.head();
            if !chain.readable().is_empty() {
                return Err(NoRoom::Fault(Fault::new(format_args!(
                    "its receive queue has a chain with device-readable buffers (head {head})"
                ))));
            }
            let before = receive.len_bytes();
            for &buffer in chain.writable() {
                let len = buffer.len.min(missing);
                missing -= len;
                let described = self.describe(pool, Buf { len, ..buffer }, &mut receive);
                if described.is_err() {
                    // Noted all the same, for it was taken.
                    reservation.note(head, 0);
                }
                described?;
            }
            reservation.note(head, receive.len_bytes() - before);
            if missing > 0 && !self.mergeable {
                return Err(NoRoom::Never);
            }
        }
        frame.set_receive_behind(&header::to_guest(frame, taken), receive);
        Ok(())
    }

    /// Adds one receive buffer's bytes, as segments of the blocks they lie in, and starts to bring the first of them into
    /// the cache.
    #[inline]
    fn describe<'p>(
        &self,
        pool: &'p Pool,
        buffer: Buf,
        receive: &mut ReceiveChain<'p>,
    ) -> Result<(), NoRoom> {
        let Buf { mut gpa, mut len } = buffer;
        while len > 0 {
            let (piece, window) = self.memory.find(gpa, len).map_err(outside)?;
            window.prefetch_write();
            if !receive.push(pool, piece.handle, piece.offset, piece.len) {
                return Err(NoRoom::NotNow);
            }
            gpa += u64::from(piece.len);
            len -= piece.len;
        }
        Ok(())
    }
}

impl ToGuest for ToGuestRing {
    fn accepts(&self) -> Offloads {
        self.accepts
    }

    fn reserve<'p>(
        &self,
        pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), Fault> {
        let mut state = self.lock();
        let state = &mut *state;
        let (singly, mut end) = match self.receive_singly(state, pool, frames, reservation) {
            Ok(done) => (done, Ok(())),
            Err(fault) => (frames.len(), Err(fault)),
        };
        let mut left = frames.len() - singly;
        let others = (left > 0).then(|| frames.iter().skip(singly));
        for frame in others.into_iter().flatten() {
            let noted = reservation.buffers().len();
            match self.receive(state, pool, frame, left, reservation) {
                Ok(()) => {
                    reservation.next_frame();
                    left -= 1;
                    continue;
                }
                Err(NoRoom::Fault(fault)) => end = Err(fault),
                Err(NoRoom::Never) => {}
                // Nothing but this frame holds the ring's buffers or the pool's: no more will come.
                Err(NoRoom::NotNow) if noted == 0 && state.is_all_taken(reservation) => {}
                Err(NoRoom::NotNow) => {
                    reservation.ran_out_at(state.ring.seen());
                    state.give_back(reservation, noted);
                    break;
                }
            }
            state.give_back(reservation, noted);
            if end.is_err() {
                break;
            }
            frame.set_receive(None);
            reservation.misfit();
            left -= 1;
        }
        state.give_back(reservation, reservation.buffers().len());
        if !reservation.buffers().is_empty() {
            let heads = reservation.buffers().iter().map(|filled| filled.id);
            reservation.set_ticket(state.ring.lease(heads).into());
        }
        // A ring whose memory is gone reads as one without buffers, or as one that breaks every rule.
        self.still_there().and(end)
    }

    fn posted(&self) -> u16 {
        self.lock().ring.posted()
    }

    fn publish(&self, reservation: &Reservation) -> Result<bool, Fault> {
        let needs_call = {
            let ring = &mut self.lock().ring;
            let used = reservation.buffers().iter().map(|filled| Used {
                head: filled.id,
                written: filled.bytes,
            });
            ring.complete(Lease::from(reservation.ticket()), used);
            ring.needs_call()
        };
        if needs_call {
            self.call.ring();
        }
        self.still_there().map(|()| needs_call)
    }
}

impl State {
    /// The next chain, of those taken or of up to `most` taken now.
    #[inline]
    fn next(&mut self, memory: &GuestMemory, most: usize) -> Result<Chain<'_>, NoRoom> {
        if self.spent == self.chains.len() {
            self.chains.clear();
            self.spent = 0;
            let taken = self.ring.take(memory, most, &mut self.chains);
            if taken.map_err(|error| NoRoom::Fault(ring_fault(error)))? == 0 {
                return Err(NoRoom::NotNow);
            }
        }
        self.spent += 1;
        Ok(self.chains.chain(self.spent - 1))
    }

    /// Gives the ring back what was taken beyond the first `keep` buffers noted, and forgets those.
    fn give_back(&mut self, reservation: &mut Reservation, keep: usize) {
        self.ring.untake(self.chains.heads(self.spent));
        self.chains.clear();
        self.spent = 0;
        let noted = &reservation.buffers()[keep..];
        self.ring.untake(noted.iter().map(|filled| filled.id));
        reservation.forget(noted.len());
    }

    /// Whether the buffers noted are all that the ring can ever have.
    fn is_all_taken(&self, reservation: &Reservation) -> bool {
        reservation.buffers().len() == usize::from(self.ring.size())
    }
}

/// Frames, the chains that they are to go into, and where that is written down.
struct Places<'a, 'p> {
    pool: &'p Pool,
    frames: &'a NblQueue<'p>,
    chains: &'a Chains,
    filled: &'a mut [Filled],
}

impl<'p> Places<'_, 'p> {
    /// Attaches to each of the first frames the only buffer of the chain beside it, as long as there is just one and the frame
    /// fits. A loop of its own, free of whatever else frames and chains can be.
    #[inline(never)]
    fn attach<'m>(
        self,
        memory: impl Lookup<'m>,
        header: impl Fn(Nbl<'p>) -> [u8; header::LEN],
    ) -> u16 {
        let mut done = 0;
        let places = self.chains.only_writable().zip(self.filled);
        for (frame, ((head, only), filled)) in self.frames.iter().zip(places) {
            let bytes = header::LEN as u32 + frame.data_len();
            let Some(buffer) = only.filter(|buffer| buffer.len >= bytes) else {
                break;
            };
            let Some(extent) = memory.extent(buffer.gpa, bytes) else {
                break;
            };
            let Some(piece) = extent.whole() else { break };
            if !frame.receive_into(self.pool, &header(frame), piece) {
                break;
            }
            extent.window().prefetch_write();
            *filled = Filled {
                id: head,
                frame: done,
                bytes,
            };
            done += 1;
        }
        done
    }
}

fn outside(error: shmem::OutOfMemory) -> NoRoom {
    NoRoom::Fault(Fault::new(format_args!(
        "its receive queue has a buffer outside its memory: {error}"
    )))
}

#[cold]
fn ring_fault(error: virtq::RingError) -> Fault {
    Fault::new(format_args!("its receive queue breaks the rules: {error}"))
}
