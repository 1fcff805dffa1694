//! The receive queue of a guest (virtio 1.2 5.1.6.3, 5.1.6.4) as the switch's sink of frames.
//!
//! Several workers may fill it at once: buffers are reserved and handed over under a lock, and filled
//! outside it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nbl::{Nbl, NblQueue, Pool, ReceiveChain};
use shmem::GuestMemory;
use switch::offload::Offloads;
use switch::{Fault, Reservation, ToGuest};
use virtq::{Buf, Chain, Chains, Lease, Ring, Used};

use super::buffers::{Places, Spread, prefetch};
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
    /// Chains taken and not completed: those of the reservation that is being made, and a stock for the next one. What a frame
    /// waits for is then no more than the copy: where its buffer lies is known, and the buffer's lines are at hand.
    chains: Chains,
    /// How many of them are in use, from the first on.
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
        let state = &mut *self.lock();
        state.clear_stock();
        state.ring.base()
    }

    /// Takes the next chains, if there is none in stock, and starts to bring their buffers' first lines into the cache. What is
    /// wrong with them is found when they are wanted.
    #[inline]
    fn restock(&self, state: &mut State) {
        if state.spent < state.chains.len() || state.take(&self.memory, nbl::BURST).is_err() {
            return;
        }
        match self.memory.single() {
            Some(memory) => prefetch(memory, &state.chains),
            None => prefetch(&*self.memory, &state.chains),
        }
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

    /// The usual case: for each of the first frames one chain of one buffer in one block, as long as that is what there is. Says
    /// how many frames have found room.
    #[inline]
    fn receive_singly<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<usize, Fault> {
        let mut done = 0;
        loop {
            let left = frames.len() - done;
            if state.spent == state.chains.len() && state.take(&self.memory, left)? == 0 {
                return Ok(done);
            }
            let attached = self.attach(state, pool, frames.iter_from(done), reservation);
            done += attached;
            if done == frames.len() || state.spent < state.chains.len() {
                return Ok(done);
            }
        }
    }

    #[inline]
    fn attach<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frames: nbl::Iter<'p>,
        reservation: &mut Reservation,
    ) -> usize {
        let has_offloads = reservation.has_offloads();
        let first = reservation.frames();
        let places = Places {
            pool,
            frames,
            chains: state.chains.only_writable_from(state.spent),
            filled: reservation.vacant(),
            first,
        };
        let undone = |frame| header::to_guest(frame, 1);
        let plain = |_| header::plain(1);
        let attached = match (self.memory.single(), has_offloads) {
            (Some(memory), false) => places.attach(memory, plain),
            (Some(memory), true) => places.attach(memory, undone),
            (None, false) => places.attach(&*self.memory, plain),
            (None, true) => places.attach(&*self.memory, undone),
        };
        reservation.note_singly(attached);
        state.spent += usize::from(attached);
        attached.into()
    }

    /// Frames behind the first `done`: whatever they need. `Err` is the receiver's fault.
    #[inline(never)]
    fn receive_others<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frames: nbl::Iter<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), Fault> {
        for frame in frames {
            let noted = reservation.buffers().len();
            match self.receive(state, pool, frame, reservation) {
                Ok(()) => {
                    reservation.next_frame();
                    continue;
                }
                Err(NoRoom::Fault(fault)) => {
                    state.give_back(reservation, noted);
                    return Err(fault);
                }
                Err(NoRoom::Never) => {}
                // Nothing but this frame holds the ring's buffers or the pool's: no more will come.
                Err(NoRoom::NotNow) if noted == 0 && state.is_all_taken(reservation) => {}
                Err(NoRoom::NotNow) => {
                    reservation.ran_out_at(state.ring.seen());
                    state.give_back(reservation, noted);
                    return Ok(());
                }
            }
            state.give_back(reservation, noted);
            frame.set_receive(None);
            reservation.misfit();
        }
        Ok(())
    }

    /// Takes buffers for one frame and the virtio-net header in front of it. The chains taken are noted in `reservation`
    /// whether or not the frame finds room.
    #[inline]
    fn receive<'p>(
        &self,
        state: &mut State,
        pool: &'p Pool,
        frame: Nbl<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), NoRoom> {
        let mut spread = Spread {
            pool,
            receive: ReceiveChain::new(),
            missing: header::LEN as u32 + frame.data_len(),
            taken: 0,
        };
        while spread.missing > 0 {
            if self.mergeable && self.spread(state, &mut spread, reservation) > 0 {
                continue;
            }
            if usize::from(spread.taken) == Reservation::MAX_BUFFERS_A_FRAME {
                return Err(NoRoom::Never);
            }
            if reservation.is_full() {
                return Err(NoRoom::NotNow);
            }
            let chain = state.next(&self.memory)?;
            spread.taken += 1;
            let head = chain.head();
            if !chain.readable().is_empty() {
                return Err(NoRoom::Fault(Fault::new(format_args!(
                    "its receive queue has a chain with device-readable buffers (head {head})"
                ))));
            }
            let before = spread.receive.len_bytes();
            for &buffer in chain.writable() {
                let len = buffer.len.min(spread.missing);
                spread.missing -= len;
                let described = self.describe(pool, Buf { len, ..buffer }, &mut spread.receive);
                if described.is_err() {
                    // Noted all the same, for it was taken.
                    reservation.note(head, 0);
                }
                described?;
            }
            reservation.note(head, spread.receive.len_bytes() - before);
            if spread.missing > 0 && !self.mergeable {
                return Err(NoRoom::Never);
            }
        }
        frame.set_receive_behind(&header::to_guest(frame, spread.taken), spread.receive);
        Ok(())
    }

    /// Spreads a frame over the next chains in stock, as long as they are of one buffer in one block. Says over how many.
    #[inline]
    fn spread(
        &self,
        state: &mut State,
        spread: &mut Spread<'_>,
        reservation: &mut Reservation,
    ) -> u16 {
        let number = reservation.frames();
        let chains = state.chains.only_writable_from(state.spent);
        let filled = reservation.vacant();
        let added = match self.memory.single() {
            Some(memory) => spread.over(memory, chains, filled, number),
            None => spread.over(&*self.memory, chains, filled, number),
        };
        reservation.note_more(added);
        state.spent += usize::from(added);
        added
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
        let state = &mut *self.lock();
        let end = match self.receive_singly(state, pool, frames, reservation) {
            Ok(done) if done == frames.len() => Ok(()),
            Ok(done) => self.receive_others(state, pool, frames.iter_from(done), reservation),
            Err(fault) => Err(fault),
        };
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
            let state = &mut *self.lock();
            let used = reservation.buffers().iter().map(|filled| Used {
                head: filled.id,
                written: filled.bytes,
            });
            state.ring.complete(Lease::from(reservation.ticket()), used);
            let needs_call = state.ring.needs_call();
            self.restock(state);
            needs_call
        };
        if needs_call {
            self.call.ring();
        }
        self.still_there().map(|()| needs_call)
    }
}

impl State {
    /// The next chain, of those taken or of those that are taken now.
    #[inline]
    fn next(&mut self, memory: &GuestMemory) -> Result<Chain<'_>, NoRoom> {
        if self.spent == self.chains.len() {
            let taken = self.take(memory, nbl::BURST);
            if taken.map_err(NoRoom::Fault)? == 0 {
                return Err(NoRoom::NotNow);
            }
        }
        self.spent += 1;
        Ok(self.chains.chain(self.spent - 1))
    }

    /// Takes up to `most` chains, now that those taken before are all in use.
    #[inline]
    fn take(&mut self, memory: &GuestMemory, most: usize) -> Result<usize, Fault> {
        self.chains.clear();
        self.spent = 0;
        let taken = self.ring.take(memory, most, &mut self.chains);
        taken.map_err(ring_fault)
    }

    /// Gives the ring back what of the buffers noted is beyond the first `keep`, and forgets those. Chains can be given back in
    /// the order in which they were taken only, so the stock goes first.
    fn give_back(&mut self, reservation: &mut Reservation, keep: usize) {
        self.clear_stock();
        let noted = &reservation.buffers()[keep..];
        self.ring.untake(noted.iter().map(|filled| filled.id));
        reservation.forget(noted.len());
    }

    /// Gives the ring back what was taken and is not in use.
    fn clear_stock(&mut self) {
        self.ring.untake(self.chains.heads(self.spent));
        self.chains.clear();
        self.spent = 0;
    }

    /// Whether the buffers noted are all that the ring can ever have.
    fn is_all_taken(&self, reservation: &Reservation) -> bool {
        reservation.buffers().len() == usize::from(self.ring.size())
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
