//! Shared memory handles in their two forms: NDIS's pointer-sized one and `shmem`'s.

use ndis::NDIS_HANDLE;
use shmem::Handle;

/// As it stands in a segment. On 32-bit hosts a handle's upper half does not fit, and resolves to nothing.
#[inline]
pub(crate) fn to_ndis(handle: Handle) -> NDIS_HANDLE {
    std::ptr::without_provenance_mut(handle.to_bits() as usize)
}

/// As `shmem` resolves it. `None` for NULL, which NDIS gives to memory that no allocation names (M4): here
/// every block has a handle, so NULL names nothing.
#[inline]
pub(crate) fn from_ndis(handle: NDIS_HANDLE) -> Option<Handle> {
    Handle::from_bits(handle.addr() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_a_null_handle_names_no_block() {
        assert_eq!(from_ndis(std::ptr::null_mut()), None);
    }

    #[test]
    fn a_handle_survives_the_way_through_a_segment() {
        let handle = Handle::from_bits(7 << 32 | 3).unwrap();
        assert_eq!(from_ndis(to_ndis(handle)), Some(handle));
    }
}
