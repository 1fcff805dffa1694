//! Shared memory handles in their two forms: NDIS's, as wide as a pointer, and `shmem`'s.
//!
//! What stands in a segment is `shmem`'s handle, bit for bit. It is no address of anything.

use ndis::NDIS_HANDLE;
use shmem::Handle;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a handle has 64 bits and must fit into a segment's NDIS_HANDLE");

/// As it stands in a segment.
#[inline]
pub(crate) fn to_ndis(handle: Handle) -> NDIS_HANDLE {
    std::ptr::without_provenance_mut(handle.to_bits() as usize)
}

/// As `shmem` resolves it. `None` for NULL, which NDIS allows for memory that comes from the HAL (M4). Here every block is
/// registered, so NULL names nothing.
#[inline]
pub(crate) fn from_ndis(handle: NDIS_HANDLE) -> Option<Handle> {
    Handle::from_bits(handle.addr() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_a_null_handle_names_no_block() {
        assert_eq!(from_ndis(ndis::NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED), None);
    }

    #[test]
    fn a_handle_survives_the_way_through_a_segment() {
        for bits in [1, 7 << 32 | 3, u64::MAX] {
            let handle = Handle::from_bits(bits).unwrap();
            assert_eq!(from_ndis(to_ndis(handle)), Some(handle));
        }
    }
}
