//! The software path of one worker: a frame's bytes once more in the host's memory, and the finished frames made of them.
//!
//! ```text
//! sender's memory ─ copied ─▶ copy ─ judged, cut ─▶ shop: [head│data][head│data]... ─▶ receive buffers
//! ```
//!
//! Finished frames are described like any guest's: the shop is memory with addresses from 0 on, registered as a block.
//! Everything is allocated at start. A large frame becomes as many finished ones at a time as the shop holds; which come
//! next is the caller's to remember.

use std::sync::Arc;

use nbl::{Nbl, NblQueue, Pool, TransferError};
use shmem::{BlockTable, GuestMemory, Handle, MapError, Mapping, Region};
use vmq::Usage;

use super::Unfit;
use super::segment::{Cut, MAX_HEAD, fill_checksum};
use super::work::Offload;
use crate::MAX_FRAME;

/// Room for the largest frame, in segments of a usual size.
const ROOM: usize = 2 * MAX_FRAME as usize;
const _: () = assert!(ROOM > MAX_FRAME as usize + MAX_HEAD);

/// Segments of finished frames and of the buffers that they go to.
const PIECES: usize = 1024;

pub(crate) struct Finisher {
    copy: Box<[u8]>,
    mapping: Arc<Mapping>,
    memory: GuestMemory,
    pool: Pool,
    /// What was taken last: its bytes in `copy`, and what is to be done with them.
    at_hand: Option<(usize, Offload)>,
}

/// Why a frame is not finished.
pub(crate) enum Unfinished {
    /// It does not allow what its sender asks.
    Unfit,
    /// Its memory is gone.
    Lost(TransferError),
}

impl From<Unfit> for Unfinished {
    fn from(_: Unfit) -> Self {
        Self::Unfit
    }
}

impl Finisher {
    /// `register` has the host's memory registered as a block; `unmapped` says what it is that there is none.
    pub(crate) fn new<E>(
        unmapped: impl Fn(MapError) -> E,
        mut register: impl FnMut(Usage, &Arc<Mapping>) -> Result<Handle, E>,
    ) -> Result<Self, E> {
        let mapping = Mapping::anonymous(ROOM).map_err(&unmapped)?;
        let region = Region {
            gpa: 0,
            uva: 0,
            len: ROOM as u64,
            mapping: mapping.clone(),
            mapping_offset: 0,
            handles: vec![register(Usage::Other, &mapping)?],
        };
        let Ok(memory) = GuestMemory::new(vec![region]) else {
            unreachable!("one region, mapped and registered just now, makes sense")
        };
        let mut pool = Pool::new(nbl::BURST, PIECES).map_err(unmapped)?;
        let lookahead = register(Usage::ReceiveLookahead, pool.lookahead())?;
        pool.set_lookahead_handle(lookahead);
        Ok(Self {
            copy: vec![0; MAX_FRAME as usize].into(),
            mapping,
            memory,
            pool,
            at_hand: None,
        })
    }

    /// Copies and judges a frame, and says how many finished ones it becomes.
    pub(crate) fn take(
        &mut self,
        blocks: &BlockTable,
        frame: Nbl<'_>,
        offload: Offload,
    ) -> Result<usize, Unfinished> {
        self.at_hand = None;
        let len = nbl::read(blocks, frame, &mut self.copy).map_err(Unfinished::Lost)?;
        let bytes = &mut self.copy[..len];
        let frames = match offload.cutting {
            Some(cutting) => Cut::new(bytes, offload, cutting)?.segments(),
            None => {
                fill_checksum(bytes, offload.checksum)?;
                1
            }
        };
        self.at_hand = Some((len, offload));
        Ok(frames)
    }

    /// Finished frames of the one at hand, from the `next`th on: all, or as many as there is room for. They last until the
    /// next call.
    pub(crate) fn make(&mut self, next: usize) -> Batch<'_> {
        self.pool.reset();
        let mut batch = Batch {
            pool: &self.pool,
            frames: NblQueue::new(),
        };
        let Some((len, offload)) = self.at_hand else {
            return batch;
        };
        let bytes = &self.copy[..len];
        let mut shop = Shop {
            mapping: &self.mapping,
            memory: &self.memory,
            used: 0,
        };
        match offload.cutting {
            Some(cutting) => {
                if let Ok(cut) = Cut::new(bytes, offload, cutting) {
                    shop.segments(&cut, next, &mut batch);
                }
            }
            None => {
                shop.put(bytes, &[], &mut batch);
            }
        }
        batch
    }
}

/// Finished frames, in the pool that they are in.
pub(crate) struct Batch<'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) frames: NblQueue<'p>,
}

/// The shop, filled from the front.
struct Shop<'a> {
    mapping: &'a Mapping,
    memory: &'a GuestMemory,
    used: usize,
}

impl Shop<'_> {
    fn segments(&mut self, cut: &Cut<'_>, next: usize, batch: &mut Batch<'_>) {
        let mut head = [0; MAX_HEAD];
        for segment in next..cut.segments() {
            let data = cut.data(segment);
            if batch.pool.frames_left() == 0 || ROOM - self.used < MAX_HEAD + data.len() {
                return;
            }
            let len = cut.head(segment, &mut head);
            self.put(&head[..len], data, batch);
        }
    }

    /// Lays one frame down and describes it.
    fn put(&mut self, head: &[u8], data: &[u8], batch: &mut Batch<'_>) {
        let len = head.len() + data.len();
        let Some(place) = self.mapping.window(self.used as u64, len) else {
            return;
        };
        place.write(head);
        if let Some(behind) = place.narrow(head.len(), data.len()) {
            behind.write(data);
        }
        let chain = [(self.used as u64, len as u32)];
        let Ok(frame) = batch.pool.build(self.memory, chain, 0, MAX_FRAME) else {
            return;
        };
        batch.frames.push(frame);
        // Each frame begins a cache line.
        self.used = (self.used + len).next_multiple_of(64);
    }
}
