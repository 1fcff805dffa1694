//! Structures that live as long as the arena, and that anything may be linked to.

use std::cell::UnsafeCell;

use ndis::{
    MDL, MDL_SOURCE_IS_NONPAGED_POOL, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_SHARED_MEMORY,
};

/// Arrays of the four structures of a chain, and of bytes, reached by pointer only.
pub(crate) struct Arena {
    lists: Box<[UnsafeCell<NET_BUFFER_LIST>]>,
    frames: Box<[UnsafeCell<NET_BUFFER>]>,
    mdls: Box<[UnsafeCell<MDL>]>,
    segments: Box<[UnsafeCell<NET_BUFFER_SHARED_MEMORY>]>,
    bytes: Box<[UnsafeCell<u8>]>,
}

fn cells<T: Copy>(zero: T, count: usize) -> Box<[UnsafeCell<T>]> {
    (0..count).map(|_| UnsafeCell::new(zero)).collect()
}

impl Arena {
    /// Everything zero, nothing linked. Byte i is i, modulo 251.
    pub(crate) fn new(lists: usize, frames: usize, pieces: usize, bytes: usize) -> Self {
        Self {
            lists: cells(NET_BUFFER_LIST::zeroed(), lists),
            frames: cells(NET_BUFFER::zeroed(), frames),
            mdls: cells(MDL::zeroed(), pieces),
            segments: cells(NET_BUFFER_SHARED_MEMORY::zeroed(), pieces),
            bytes: (0..bytes)
                .map(|at| UnsafeCell::new((at % 251) as u8))
                .collect(),
        }
    }

    pub(crate) fn list(&self, at: usize) -> *mut NET_BUFFER_LIST {
        self.lists[at].get()
    }

    pub(crate) fn frame(&self, at: usize) -> *mut NET_BUFFER {
        self.frames[at].get()
    }

    pub(crate) fn mdl(&self, at: usize) -> *mut MDL {
        self.mdls[at].get()
    }

    pub(crate) fn segment(&self, at: usize) -> *mut NET_BUFFER_SHARED_MEMORY {
        self.segments[at].get()
    }

    pub(crate) fn bytes(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.bytes.as_ptr())
    }

    /// Links the first `count` lists, in order.
    pub(crate) fn link_lists(&self, count: usize) {
        for at in 1..count {
            unsafe { (*self.list(at - 1)).Next = self.list(at) };
        }
    }

    /// Lets an MDL describe bytes of the arena.
    pub(crate) fn describe(&self, mdl: usize, start: usize, count: u32) {
        assert!(start + count as usize <= self.bytes.len());
        unsafe {
            let mdl = &mut *self.mdl(mdl);
            mdl.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
            mdl.MappedSystemVa = self.bytes().add(start).cast();
            mdl.ByteCount = count;
        }
    }

    /// One list with one frame over MDLs of `sizes` bytes, one after the other from the beginning of the bytes, whose data is
    /// `length` bytes from `offset` on. Segments lie beside the MDLs, in a block that begins where the bytes do.
    pub(crate) fn frame_over(sizes: &[u32], offset: u32, length: u32) -> Self {
        let arena = Self::new(1, 1, sizes.len(), sizes.iter().sum::<u32>() as usize);
        let mut start = 0;
        for (at, size) in sizes.iter().enumerate() {
            arena.describe(at, start as usize, *size);
            unsafe {
                (*arena.segment(at)).SharedMemoryOffset = start;
                (*arena.segment(at)).SharedMemoryLength = *size;
                if at > 0 {
                    (*arena.mdl(at - 1)).Next = arena.mdl(at);
                    (*arena.segment(at - 1)).NextSharedMemorySegment = arena.segment(at);
                }
            }
            start += size;
        }
        unsafe {
            (*arena.list(0)).FirstNetBuffer = arena.frame(0);
            let frame = &mut *arena.frame(0);
            frame.DataOffset = offset;
            frame.stDataLength = length as usize;
            if !sizes.is_empty() {
                frame.MdlChain = arena.mdl(0);
                frame.SharedMemoryInfo = arena.segment(0);
                let (mut current, mut left) = (0, offset);
                while left >= sizes[current] && current + 1 < sizes.len() {
                    left -= sizes[current];
                    current += 1;
                }
                frame.CurrentMdl = arena.mdl(current);
                frame.CurrentMdlOffset = left;
            }
        }
        arena
    }
}
