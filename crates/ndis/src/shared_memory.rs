//! NET_BUFFER_SHARED_MEMORY, the structure this whole project stands on, and its accessors.
//!
//! One of them says "these bytes of the frame are at this offset of that block of shared memory, and the frame goes on
//! there". A NET_BUFFER holds the first of a NULL-terminated chain of them:
//!
//! ```text
//! NET_BUFFER.SharedMemoryInfo --> { next, flags, handle of block 1, offset, length }
//!                                    |
//!                                    +--> { next, flags, handle of block 2, offset, length } --> NULL
//! ```
//!
//! The structure is plain data: nothing here follows a pointer or trusts a handle. Who walks a chain must bound the
//! walk; who resolves a handle must check it; `SharedMemoryLength` is the room of the segment, not the length of the
//! frame, which is NET_BUFFER's `DataLength`.

use crate::basic::{NDIS_HANDLE, ULONG};

layout! {
    /// One piece of a frame in shared memory. NDIS 6.20. Page: NET_BUFFER_SHARED_MEMORY.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_SHARED_MEMORY [size 32 | 20, align 8 | 4] {
        /// The frame's next piece, or NULL after the last.
        [0 | 0] pub NextSharedMemorySegment: *mut NET_BUFFER_SHARED_MEMORY,
        /// Reserved: write 0, carry along what you find, do not interpret it.
        [8 | 4] pub SharedMemoryFlags: ULONG,
        /// Names the block of shared memory. It is the handle for data, not the one that frees the allocation.
        /// On Windows NULL is legal ([`NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED`](crate::NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED)).
        [16 | 8] pub SharedMemoryHandle: NDIS_HANDLE,
        /// Bytes from the beginning of the block to the beginning of the piece.
        [24 | 12] pub SharedMemoryOffset: ULONG,
        /// Bytes that the piece has room for.
        [28 | 16] pub SharedMemoryLength: ULONG,
    }
}

accessors! {
    NET_BUFFER_SHARED_MEMORY:
    /// The frame's next piece, or NULL. NDIS 6.20. Page: NET_BUFFER_SHARED_MEM_NEXT_SEGMENT.
    NET_BUFFER_SHARED_MEM_NEXT_SEGMENT, NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT:
        NextSharedMemorySegment: *mut NET_BUFFER_SHARED_MEMORY;
    /// The reserved flags; 0 is the only value with a meaning. NDIS 6.20. Page: NET_BUFFER_SHARED_MEM_FLAGS.
    NET_BUFFER_SHARED_MEM_FLAGS, NET_BUFFER_SHARED_MEM_SET_FLAGS: SharedMemoryFlags: ULONG;
    /// The handle of the block that holds the piece. NDIS 6.20. Page: NET_BUFFER_SHARED_MEM_HANDLE.
    NET_BUFFER_SHARED_MEM_HANDLE, NET_BUFFER_SHARED_MEM_SET_HANDLE: SharedMemoryHandle: NDIS_HANDLE;
    /// Bytes from the beginning of the block to the piece. NDIS 6.20. Page: NET_BUFFER_SHARED_MEM_OFFSET.
    NET_BUFFER_SHARED_MEM_OFFSET, NET_BUFFER_SHARED_MEM_SET_OFFSET: SharedMemoryOffset: ULONG;
    /// Bytes that the piece has room for. NDIS 6.20. Page: NET_BUFFER_SHARED_MEM_LENGTH.
    NET_BUFFER_SHARED_MEM_LENGTH, NET_BUFFER_SHARED_MEM_SET_LENGTH: SharedMemoryLength: ULONG;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED;
    use core::mem::size_of;
    use core::ptr::null_mut;

    fn sample(next: *mut NET_BUFFER_SHARED_MEMORY) -> NET_BUFFER_SHARED_MEMORY {
        NET_BUFFER_SHARED_MEMORY {
            NextSharedMemorySegment: next,
            SharedMemoryFlags: 0xA5A5_0001,
            SharedMemoryHandle: 0x1234 as NDIS_HANDLE,
            SharedMemoryOffset: 0xFFFF_F000,
            SharedMemoryLength: 0x0000_1000,
        }
    }

    #[test]
    fn the_five_members_lie_in_order_without_overlap_where_windows_has_them() {
        let s = NET_BUFFER_SHARED_MEMORY::zeroed();
        let start = &s as *const _ as usize;
        let measured = [
            &s.NextSharedMemorySegment as *const _ as usize - start,
            &s.SharedMemoryFlags as *const _ as usize - start,
            &s.SharedMemoryHandle as *const _ as usize - start,
            &s.SharedMemoryOffset as *const _ as usize - start,
            &s.SharedMemoryLength as *const _ as usize - start,
            size_of::<NET_BUFFER_SHARED_MEMORY>(),
        ];
        let windows = if cfg!(target_pointer_width = "64") {
            [0, 8, 16, 24, 28, 32]
        } else {
            [0, 4, 8, 12, 16, 20]
        };
        assert_eq!(measured, windows);
    }

    #[test]
    fn each_accessor_macro_reads_its_own_member() {
        let mut next = NET_BUFFER_SHARED_MEMORY::zeroed();
        let s = sample(&mut next);
        assert_eq!(
            NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&s),
            s.NextSharedMemorySegment
        );
        assert_eq!(NET_BUFFER_SHARED_MEM_FLAGS(&s), s.SharedMemoryFlags);
        assert_eq!(NET_BUFFER_SHARED_MEM_HANDLE(&s), s.SharedMemoryHandle);
        assert_eq!(NET_BUFFER_SHARED_MEM_OFFSET(&s), s.SharedMemoryOffset);
        assert_eq!(NET_BUFFER_SHARED_MEM_LENGTH(&s), s.SharedMemoryLength);
    }

    #[test]
    fn each_setter_changes_its_own_member_and_no_other() {
        let mut next = NET_BUFFER_SHARED_MEMORY::zeroed();
        let want = sample(&mut next);
        let zero = NET_BUFFER_SHARED_MEMORY::zeroed();

        let mut s = zero;
        NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT(&mut s, want.NextSharedMemorySegment);
        assert_eq!(
            s,
            NET_BUFFER_SHARED_MEMORY {
                NextSharedMemorySegment: want.NextSharedMemorySegment,
                ..zero
            }
        );
        let mut s = zero;
        NET_BUFFER_SHARED_MEM_SET_FLAGS(&mut s, want.SharedMemoryFlags);
        assert_eq!(
            s,
            NET_BUFFER_SHARED_MEMORY {
                SharedMemoryFlags: want.SharedMemoryFlags,
                ..zero
            }
        );
        let mut s = zero;
        NET_BUFFER_SHARED_MEM_SET_HANDLE(&mut s, want.SharedMemoryHandle);
        assert_eq!(
            s,
            NET_BUFFER_SHARED_MEMORY {
                SharedMemoryHandle: want.SharedMemoryHandle,
                ..zero
            }
        );
        let mut s = zero;
        NET_BUFFER_SHARED_MEM_SET_OFFSET(&mut s, want.SharedMemoryOffset);
        assert_eq!(
            s,
            NET_BUFFER_SHARED_MEMORY {
                SharedMemoryOffset: want.SharedMemoryOffset,
                ..zero
            }
        );
        let mut s = zero;
        NET_BUFFER_SHARED_MEM_SET_LENGTH(&mut s, want.SharedMemoryLength);
        assert_eq!(
            s,
            NET_BUFFER_SHARED_MEMORY {
                SharedMemoryLength: want.SharedMemoryLength,
                ..zero
            }
        );
    }

    #[test]
    fn a_fresh_segment_ends_its_chain_with_flags_zero() {
        let s = NET_BUFFER_SHARED_MEMORY::zeroed();
        assert!(NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&s).is_null());
        assert_eq!(NET_BUFFER_SHARED_MEM_FLAGS(&s), 0);
        assert_eq!(
            NET_BUFFER_SHARED_MEM_HANDLE(&s),
            NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED
        );
    }

    #[test]
    fn segments_link_into_a_null_terminated_list() {
        let mut third = NET_BUFFER_SHARED_MEMORY {
            SharedMemoryOffset: 3,
            ..NET_BUFFER_SHARED_MEMORY::zeroed()
        };
        let mut second = NET_BUFFER_SHARED_MEMORY {
            SharedMemoryOffset: 2,
            ..NET_BUFFER_SHARED_MEMORY::zeroed()
        };
        let mut first = NET_BUFFER_SHARED_MEMORY {
            SharedMemoryOffset: 1,
            ..NET_BUFFER_SHARED_MEMORY::zeroed()
        };
        let (at_second, at_third): (*mut _, *mut _) = (&mut second, &mut third);
        NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT(&mut first, at_second);
        NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT(&mut second, at_third);

        // Walked by comparing addresses: this crate follows no pointer.
        let all = [&first, &second, &third];
        let mut met = [0; 3];
        let mut at: *const NET_BUFFER_SHARED_MEMORY = all[0];
        let mut steps = 0;
        while let Some(segment) = all.iter().find(|s| core::ptr::eq(**s, at)) {
            met[steps] = NET_BUFFER_SHARED_MEM_OFFSET(segment);
            steps += 1;
            at = NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(segment);
        }
        assert_eq!((met, steps), ([1, 2, 3], 3));
        assert_eq!(at, null_mut());
    }
}
