//! A small fake of NDIS around one VMQ miniport: the driver above, the shared memory provider, and a referee.
//!
//! ```text
//!   driver above   allocate_queue, set_filter, ... free_queue, return_lists, send, halt      (requests)
//!   ───────────────────────────────────────────┬──────────────────────────────────────
//!   referee                                    │  every call in both directions is held against R1-R6, X1 and F1-F8
//!   ───────────────────────────────────────────┼──────────────────────────────────────
//!   miniport        its four entry points ◄────┘──► NdisAllocateSharedMemory, NdisMIndicate..., (calls)
//! ```
//!
//! The miniport is an ordinary driver: it calls `ndis::ffi`, whose symbols `calls` defines, with the handle of the adapter, which is a
//! pointer to [`Ndis`]. A broken rule is written down as a [`Violation`] and does not end the run, so that a test can ask for it.
//!
//! Invariant: no borrow of the state is held while a driver is called, since it calls back.

// Each program that has this module uses a part of it.
#![allow(dead_code)]

mod calls;
mod indication;
mod requests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::null_mut;

use ndis::ffi::{NDIS_OID_REQUEST, NDIS_PORT_NUMBER};
use ndis::view::{Block, Chain, NblQueue};
use ndis::*;

/// A miniport's entry points, as NDIS_MINIPORT_DRIVER_CHARACTERISTICS has them.
#[derive(Clone, Copy)]
pub(crate) struct Miniport {
    pub(crate) context: NDIS_HANDLE,
    pub(crate) oid_request:
        unsafe extern "system" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST) -> NDIS_STATUS,
    pub(crate) return_lists: unsafe extern "system" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, ULONG),
    pub(crate) send_lists:
        unsafe extern "system" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, NDIS_PORT_NUMBER, ULONG),
    pub(crate) halt: unsafe extern "system" fn(NDIS_HANDLE),
}

/// A rule that somebody broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// What a driver above does with lists that are indicated to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Copies them and returns them before the indication is over.
    ReturnsAtOnce,
    /// Keeps them until [`Ndis::return_all`].
    Keeps,
}

/// NDIS with one adapter.
pub(crate) struct Ndis {
    miniport: Cell<Option<Miniport>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    processor: u32,
    receiver: Option<Receiver>,
    queues: BTreeMap<ULONG, Queue>,
    /// Every id that was ever given out; ids of freed queues stay in it.
    last_queue: ULONG,
    last_filter: ULONG,
    blocks: BTreeMap<usize, Shared>,
    last_block: usize,
    /// Lists that are above, by address, with the queue that they were indicated for.
    outstanding: BTreeMap<usize, ULONG>,
    /// Lists that are being sent, by address, with the queue that they are sent on.
    sends: BTreeMap<usize, ULONG>,
    received: Vec<Received>,
    is_halting: bool,
    violations: Vec<Violation>,
}

/// A frame as the driver above got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) queue: ULONG,
    pub(crate) bytes: Vec<u8>,
}

struct Queue {
    affinity: KAFFINITY,
    flags: ULONG,
    filters: BTreeSet<ULONG>,
    is_complete: bool,
    /// The request that frees it, while it is under way.
    freeing: Option<*mut requests::Request>,
    is_dma_stopped: bool,
}

/// A block of shared memory.
struct Shared {
    queue: ULONG,
    handle: NDIS_HANDLE,
    base: *mut [u8],
    /// What was in it when DMA was said to have stopped.
    at_stop: Option<Vec<u8>>,
}

impl Shared {
    fn length(&self) -> usize {
        // SAFETY: as below.
        unsafe { &*self.base }.len()
    }

    fn bytes(&self) -> Vec<u8> {
        // SAFETY: the fake allocated it and has not freed it; it and its driver are on one thread.
        unsafe { &*self.base }.to_vec()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: `base` came from a box, and is freed here only.
        drop(unsafe { Box::from_raw(self.base) });
    }
}

impl Ndis {
    /// NDIS with an adapter that has no driver yet. The default queue is there (Q1).
    pub(crate) fn new() -> Box<Self> {
        let default = Queue {
            affinity: KAFFINITY::MAX,
            flags: 0,
            filters: BTreeSet::new(),
            is_complete: true,
            freeing: None,
            is_dma_stopped: false,
        };
        let mut state = State::default();
        state.queues.insert(NDIS_DEFAULT_RECEIVE_QUEUE_ID, default);
        Box::new(Self {
            miniport: Cell::new(None),
            state: RefCell::new(state),
        })
    }

    /// The adapter's handle.
    pub(crate) fn adapter(&self) -> NDIS_HANDLE {
        (self as *const Self as *mut Self).cast()
    }

    pub(crate) fn register(&self, miniport: Miniport) {
        self.miniport.set(Some(miniport));
    }

    /// Chooses what happens to lists that are indicated from here on.
    pub(crate) fn receive_by(&self, receiver: Receiver) {
        self.state.borrow_mut().receiver = Some(receiver);
    }

    /// Lets `work` run on a processor, as an interrupt's deferred call would.
    pub(crate) fn run_on(&self, processor: u32, work: impl FnOnce()) {
        let before = std::mem::replace(&mut self.state.borrow_mut().processor, processor);
        work();
        self.state.borrow_mut().processor = before;
    }

    /// What was broken since the last time this was asked.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        std::mem::take(&mut self.state.borrow_mut().violations)
    }

    /// Frames that came up since the last time this was asked.
    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.borrow_mut().received)
    }

    /// Lists that are above.
    pub(crate) fn outstanding(&self) -> Vec<*mut NET_BUFFER_LIST> {
        let state = self.state.borrow();
        state.outstanding.keys().map(|at| *at as *mut _).collect()
    }

    /// Blocks of shared memory that are allocated.
    pub(crate) fn blocks(&self) -> usize {
        self.state.borrow().blocks.len()
    }

    /// Returns everything that is above, one call for each queue, as R5 wants it under SINGLE_QUEUE.
    pub(crate) fn return_all(&self) {
        let mut by_queue = BTreeMap::<ULONG, Vec<_>>::new();
        for (at, queue) in &self.state.borrow().outstanding {
            by_queue.entry(*queue).or_default().push(*at as *mut _);
        }
        for lists in by_queue.into_values() {
            self.return_lists(&lists, NDIS_RETURN_FLAGS_SINGLE_QUEUE);
        }
    }

    /// Returns lists to the miniport, as the driver above does.
    pub(crate) fn return_lists(&self, lists: &[*mut NET_BUFFER_LIST], flags: ULONG) {
        let mut queues = BTreeSet::new();
        let mut ours = Vec::new();
        for list in lists {
            let mut state = self.state.borrow_mut();
            match state.outstanding.remove(&(*list as usize)) {
                Some(queue) => {
                    queues.insert(queue);
                    ours.push(*list);
                }
                // SAFETY: whoever returns a list has it.
                None if unsafe { (**list).SourceHandle } != self.adapter() => {
                    state.broken("F6", "a list of another adapter was returned to this one");
                }
                None => state.broken("R4", "a list was returned that nobody above has"),
            }
        }
        if flags & NDIS_RETURN_FLAGS_SINGLE_QUEUE != 0 && queues.len() > 1 {
            let what = format!("SINGLE_QUEUE, but the lists returned are of queues {queues:?}");
            self.state.borrow_mut().broken("R5", what);
        }
        if let (Some(miniport), false) = (self.miniport.get(), ours.is_empty()) {
            // SAFETY: the lists are the miniport's, and nobody above has them any more.
            unsafe { (miniport.return_lists)(miniport.context, chain(&ours), flags) };
        }
    }

    /// Sends lists on the queues that they name, which need not exist any more (F7).
    pub(crate) fn send(&self, lists: &[*mut NET_BUFFER_LIST]) {
        let mut queues = BTreeSet::new();
        for list in lists {
            let mut state = self.state.borrow_mut();
            // SAFETY: the list is the sender's.
            let named = unsafe { NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&**list) }.into();
            let is_there = state.queues.contains_key(&named);
            let queue = if is_there {
                named
            } else {
                NDIS_DEFAULT_RECEIVE_QUEUE_ID
            };
            queues.insert(queue);
            state.sends.insert(*list as usize, queue);
        }
        let flags = if queues.len() > 1 {
            0
        } else {
            NDIS_SEND_FLAGS_SINGLE_QUEUE
        };
        if let Some(miniport) = self.miniport.get() {
            // SAFETY: the lists are the sender's, and handed over.
            unsafe { (miniport.send_lists)(miniport.context, chain(lists), 0, flags) };
        }
        let mut state = self.state.borrow_mut();
        for list in lists {
            if state.sends.remove(&(*list as usize)).is_some() {
                let what =
                    "a sent list did not come back; one of an unknown queue is sent on queue 0";
                state.broken("F7", what);
            }
        }
    }

    /// Frees all queues, halts the miniport, and looks at what it left (F5).
    pub(crate) fn halt(&self) {
        let queues: Vec<_> = {
            let state = self.state.borrow();
            let all = state.queues.iter().skip(1);
            all.filter(|(_, known)| known.freeing.is_none())
                .map(|(queue, _)| *queue)
                .collect()
        };
        for queue in queues {
            let filters = self.state.borrow().queues[&queue].filters.clone();
            for filter in filters {
                self.clear_filter(queue, filter);
            }
            self.free_queue(queue);
        }
        self.return_all();
        self.state.borrow_mut().is_halting = true;
        if let Some(miniport) = self.miniport.take() {
            // SAFETY: nothing of the miniport is called after.
            unsafe { (miniport.halt)(miniport.context) };
        }
        let left = self.blocks();
        if left > 0 {
            let what = format!("{left} blocks are left after the adapter was halted");
            self.state.borrow_mut().broken("F5", what);
        }
    }

    fn block_of(&self, handle: NDIS_HANDLE) -> Option<Block> {
        let state = self.state.borrow();
        let block = state.blocks.values().find(|block| block.handle == handle)?;
        Some(Block {
            base: block.base.cast(),
            length: block.length() as u64,
        })
    }
}

impl State {
    fn broken(&mut self, rule: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.violations.push(Violation { rule, what });
    }
}

/// The adapter that a driver names by its handle.
///
/// # Safety
/// `handle` came from [`Ndis::adapter`] of one that lives.
unsafe fn adapter<'a>(handle: NDIS_HANDLE) -> &'a Ndis {
    // SAFETY: the caller's.
    unsafe { &*handle.cast::<Ndis>() }
}

/// Links lists that are in no chain to one.
fn chain(lists: &[*mut NET_BUFFER_LIST]) -> *mut NET_BUFFER_LIST {
    for (at, list) in lists.iter().enumerate() {
        let next = lists.get(at + 1).copied().unwrap_or(null_mut());
        // SAFETY: the lists are handed over, and nobody else has them.
        unsafe { (**list).Next = next };
    }
    lists.first().copied().unwrap_or(null_mut())
}

/// Takes a chain apart: its lists, each of which ends its own.
fn apart(lists: *mut NET_BUFFER_LIST) -> Vec<*mut NET_BUFFER_LIST> {
    // SAFETY: a driver handed the chain over.
    let mut queue =
        unsafe { NblQueue::from_raw(lists, 0) }.expect("a chain that was walked before");
    std::iter::from_fn(|| Some(queue.pop_front()?.into_raw())).collect()
}

/// A chain that is looked at while it is being handed over.
///
/// # Safety
/// As for [`Chain::from_raw`].
unsafe fn look<'a>(lists: *mut NET_BUFFER_LIST, flags: ULONG) -> Chain<'a> {
    // SAFETY: the caller's.
    unsafe { Chain::from_raw(lists, flags) }
}
