//! Receive buffers of a queue, cut from shared memory.
//!
//! ```text
//! lookahead block        [ 64 ][ 64 ][ 64 ] ...           one entry a buffer
//!                          ▲ segment 0, MDL 0
//! post-lookahead block   [ backfill 64 | 1984 ][ backfill 64 | 1984 ] ...
//!                                        ▲ segment 1, MDL 1
//! ```
//!
//! Without a split there is one block, and one MDL and segment a buffer (B1). What a segment says never changes (B3); from frame to
//! frame only byte counts and lengths do.

use std::cell::UnsafeCell;
use std::ptr::addr_of_mut;

use ndis::ffi::{NdisAllocateSharedMemory, NdisFreeSharedMemory};
use ndis::view::{NblQueue, OwnedNbl, ReceiveBuffers, Segment};
use ndis::*;

/// Bytes of a buffer, and how many a queue has.
const ENTRY: u32 = 2048;
const COUNT: u32 = 8;

/// Where a list's queue stands: the miniport's own word, which nobody above may touch. Slot 14 is for those above.
const OWNER: usize = 0;

/// A queue's shared memory and the structures over it.
pub(crate) struct Buffers {
    adapter: NDIS_HANDLE,
    blocks: Vec<Block>,
    /// Where the structures live; they are reached by the pointers that lists have, so nothing here refers to them.
    _structures: Box<[UnsafeCell<Structures>]>,
    layout: ReceiveBuffers,
}

struct Block {
    allocation: NDIS_HANDLE,
    handle: NDIS_HANDLE,
    base: *mut u8,
}

/// The list is the first member, so a pointer to it is one to the buffer.
#[repr(C)]
struct Structures {
    list: NET_BUFFER_LIST,
    frame: NET_BUFFER,
    mdls: [MDL; 2],
    segments: [NET_BUFFER_SHARED_MEMORY; 2],
}

impl Buffers {
    /// Allocates a queue's memory (M9) and cuts it. The lists come as a chain of idle buffers.
    pub(crate) fn new(
        adapter: NDIS_HANDLE,
        queue: ULONG,
        lookahead: u32,
    ) -> Result<(Self, NblQueue), NDIS_STATUS> {
        let layout =
            ReceiveBuffers::new(ENTRY, lookahead, 1).ok_or(NDIS_STATUS_INVALID_PARAMETER)?;
        let mut buffers = Self {
            adapter,
            blocks: Vec::new(),
            _structures: Box::new([]),
            layout,
        };
        let usages: &[_] = match layout.segment_count() {
            1 => &[NdisSharedMemoryUsageReceive],
            _ => &[
                NdisSharedMemoryUsageReceiveLookahead,
                NdisSharedMemoryUsageReceivePostLookahead,
            ],
        };
        for (block, usage) in usages.iter().enumerate() {
            let length = layout.bytes(block, COUNT) as u32;
            buffers.allocate(queue, *usage, length)?;
        }
        let structures: Box<[_]> = (0..COUNT)
            .map(|at| UnsafeCell::new(buffers.cut(queue, at)))
            .collect();
        let mut idle = NblQueue::new();
        for cell in structures.iter() {
            let list: *mut NET_BUFFER_LIST = link(cell.get()).cast();
            // SAFETY: the structures live as long as the queue, which frees them when all lists are back.
            let list =
                unsafe { OwnedNbl::from_raw(list, NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) };
            idle.push(list.expect("a list in no chain"));
        }
        buffers._structures = structures;
        Ok((buffers, idle))
    }

    fn allocate(
        &mut self,
        queue: ULONG,
        usage: NDIS_SHARED_MEMORY_USAGE,
        length: u32,
    ) -> Result<(), NDIS_STATUS> {
        let mut parameters = NDIS_SHARED_MEMORY_PARAMETERS::zeroed();
        parameters.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1,
        };
        parameters.QueueId = queue;
        parameters.PreferredNode = MM_ANY_NODE_OK;
        parameters.Usage = usage;
        parameters.Length = length;
        let mut allocation = std::ptr::null_mut();
        // SAFETY: the adapter's handle, and pointers to what they say; no scatter-gather list is asked for.
        let status =
            unsafe { NdisAllocateSharedMemory(self.adapter, &mut parameters, &mut allocation) };
        if status != NDIS_STATUS_SUCCESS {
            return Err(status);
        }
        self.blocks.push(Block {
            allocation,
            handle: parameters.SharedMemoryHandle,
            base: parameters.VirtualAddress.cast(),
        });
        Ok(())
    }

    /// Buffer `at`, not linked yet: MDL i beside segment i.
    fn cut(&self, queue: ULONG, at: u32) -> Structures {
        let piece = |block: &Block, segment: Segment| {
            let mdl = MDL {
                MdlFlags: MDL_SOURCE_IS_NONPAGED_POOL,
                MappedSystemVa: block.base.wrapping_add(segment.offset as usize).cast(),
                ByteCount: segment.length,
                ..MDL::zeroed()
            };
            let segment = NET_BUFFER_SHARED_MEMORY {
                SharedMemoryHandle: segment.handle,
                SharedMemoryOffset: segment.offset,
                SharedMemoryLength: segment.length,
                ..NET_BUFFER_SHARED_MEMORY::zeroed()
            };
            (mdl, segment)
        };
        let none = (MDL::zeroed(), NET_BUFFER_SHARED_MEMORY::zeroed());
        let blocks = [&self.blocks[0], &self.blocks[self.blocks.len() - 1]];
        let handles = blocks.map(|block| block.handle);
        let (first, second) = self
            .layout
            .segments(at, handles)
            .expect("blocks of a few pages");
        let first = piece(blocks[0], first);
        let second = second.map_or(none, |second| piece(blocks[1], second));
        let mut list = NET_BUFFER_LIST::zeroed();
        list.SourceHandle = self.adapter;
        list.MiniportReserved[OWNER] = queue as usize as PVOID;
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut list, queue as USHORT);
        Structures {
            list,
            frame: NET_BUFFER::zeroed(),
            mdls: [first.0, second.0],
            segments: [first.1, second.1],
        }
    }

    /// Lets the hardware put a frame into a buffer: "DMA". `false` if it is too long for one.
    pub(crate) fn fill(&self, buffer: &mut OwnedNbl, frame: &[u8]) -> bool {
        if frame.len() > ENTRY as usize {
            return false;
        }
        let split = match self.layout.lookahead() as usize {
            0 => frame.len(),
            lookahead => frame.len().min(lookahead),
        };
        let (head, rest) = frame.split_at(split);
        // SAFETY: the buffer is owned and idle, it is one of `_structures`, and its MDLs were cut to hold what is put in.
        unsafe {
            let nb = (*buffer.view().as_ptr()).FirstNetBuffer;
            let first = (*nb).MdlChain;
            put(first, head);
            if !rest.is_empty() || self.layout.segment_count() > 1 {
                put((*first).Next, rest);
            }
            (*nb).CurrentMdl = first;
            (*nb).CurrentMdlOffset = 0;
            (*nb).DataOffset = 0;
            (*nb).stDataLength = frame.len();
        }
        true
    }

    /// Gives the memory back, when all lists are (F1).
    pub(crate) fn free(self) {
        for block in &self.blocks {
            // SAFETY: the handle of the allocation; nothing of the block is in use.
            unsafe { NdisFreeSharedMemory(self.adapter, block.allocation) };
        }
    }
}

/// The queue whose buffer a list is.
///
/// # Safety
/// `list` is one of a [`Buffers`]' lists.
pub(crate) unsafe fn owner(list: *mut NET_BUFFER_LIST) -> ULONG {
    // SAFETY: the caller's.
    unsafe { (*list).MiniportReserved[OWNER] as usize as ULONG }
}

fn link(at: *mut Structures) -> *mut Structures {
    // SAFETY: the structures are in their place, and nobody else knows them yet.
    let buffer = unsafe { &mut *at };
    if buffer.mdls[1].ByteCount > 0 {
        buffer.mdls[0].Next = addr_of_mut!(buffer.mdls[1]);
        buffer.segments[0].NextSharedMemorySegment = addr_of_mut!(buffer.segments[1]);
    }
    buffer.frame.MdlChain = addr_of_mut!(buffer.mdls[0]);
    buffer.frame.CurrentMdl = buffer.frame.MdlChain;
    buffer.frame.SharedMemoryInfo = addr_of_mut!(buffer.segments[0]);
    buffer.list.FirstNetBuffer = addr_of_mut!(buffer.frame);
    at
}

/// # Safety
/// The MDL's buffer has room for the bytes.
unsafe fn put(mdl: *mut MDL, bytes: &[u8]) {
    // SAFETY: the caller's.
    unsafe {
        (*mdl).ByteCount = bytes.len() as ULONG;
        let to = (*mdl).MappedSystemVa.cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
    }
}
