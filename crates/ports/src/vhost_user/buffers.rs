//! The usual receive buffers: chains of one buffer that lies in one block. Loops of their own, free of whatever else chains can
//! be, which end before the first of another kind.

use nbl::{Nbl, Pool, ReceiveChain};
use shmem::Lookup;
use switch::{Filled, Reservation};
use virtq::{Buf, Chains};

use super::header;

/// Frames, the chains that they are to go into, and where that is written down.
pub(super) struct Places<'a, 'p, C> {
    pub(super) pool: &'p Pool,
    pub(super) frames: nbl::Iter<'p>,
    pub(super) chains: C,
    pub(super) filled: &'a mut [Filled],
    /// The number of the first frame in the reservation.
    pub(super) first: u16,
}

impl<'p, C: Iterator<Item = (u16, Option<Buf>)>> Places<'_, 'p, C> {
    /// Attaches to each of the first frames the buffer of the chain beside it, as long as the frame fits. Says how many.
    #[inline(never)]
    pub(super) fn attach<'m>(
        self,
        memory: impl Lookup<'m>,
        header: impl Fn(Nbl<'p>) -> [u8; header::LEN],
    ) -> u16 {
        let mut number = self.first;
        let places = self.chains.zip(self.filled);
        for (frame, ((head, only), filled)) in self.frames.zip(places) {
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
            *filled = Filled {
                id: head,
                frame: number,
                bytes,
            };
            number += 1;
        }
        number - self.first
    }
}

/// A frame that is spread over several buffers.
pub(super) struct Spread<'p> {
    pub(super) pool: &'p Pool,
    /// Its buffers so far.
    pub(super) receive: ReceiveChain<'p>,
    /// What of it and its header has no buffer yet, in bytes.
    pub(super) missing: u32,
    /// How many buffers those are.
    pub(super) taken: u16,
}

impl Spread<'_> {
    /// Adds the buffers of `chains`, one after the other, and notes them in `filled` as those of the frame with that number in
    /// the reservation. Says how many.
    #[inline(never)]
    pub(super) fn over<'m>(
        &mut self,
        memory: impl Lookup<'m>,
        chains: impl Iterator<Item = (u16, Option<Buf>)>,
        filled: &mut [Filled],
        number: u16,
    ) -> u16 {
        let before = self.taken;
        let most = Reservation::MAX_BUFFERS_A_FRAME - usize::from(before);
        for ((head, only), filled) in chains.zip(filled).take(most) {
            let Some(buffer) = only.filter(|_| self.missing > 0) else {
                break;
            };
            let bytes = buffer.len.min(self.missing);
            let Some(extent) = memory.extent(buffer.gpa, bytes) else {
                break;
            };
            let Some(piece) = extent.whole() else { break };
            if !self
                .receive
                .push(self.pool, piece.handle, piece.offset, bytes)
            {
                break;
            }
            *filled = Filled {
                id: head,
                frame: number,
                bytes,
            };
            self.missing -= bytes;
            self.taken += 1;
        }
        self.taken - before
    }
}

/// Starts to bring the first lines of all buffers into the cache.
#[inline(never)]
pub(super) fn prefetch<'m>(memory: impl Lookup<'m>, chains: &Chains) {
    for (_, only) in chains.only_writable_from(0) {
        if let Some(buffer) = only
            && let Some(extent) = memory.extent(buffer.gpa, buffer.len)
        {
            extent.window().prefetch_write();
        }
    }
}
