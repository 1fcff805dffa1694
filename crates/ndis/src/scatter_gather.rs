//! Scatter-gather lists: what a device does DMA with. In a NET_BUFFER a pointer to one shares its storage with
//! `SharedMemoryInfo`.

use crate::basic::{NDIS_PHYSICAL_ADDRESS, ULONG, ULONG_PTR};

layout! {
    /// One physically contiguous range. NDIS 6.0. Page: SCATTER_GATHER_ELEMENT.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SCATTER_GATHER_ELEMENT [size 24 | 16, align 8 | 8] {
        /// Physical address of the range.
        [0 | 0] pub Address: NDIS_PHYSICAL_ADDRESS,
        /// Bytes in the range.
        [8 | 8] pub Length: ULONG,
        /// Reserved.
        [16 | 12] pub Reserved: ULONG_PTR,
    }
}

layout! {
    /// Head of a list of ranges; the ranges follow it. Reserve [`SCATTER_GATHER_LIST::bytes_for`] bytes for one: some
    /// headers declare one element inside the structure and some none, and only the offset of `Elements` is common.
    /// NDIS 6.0. Page: SCATTER_GATHER_LIST.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SCATTER_GATHER_LIST [size 16 | 8, align 8 | 8] {
        /// Ranges that follow.
        [0 | 0] pub NumberOfElements: ULONG,
        /// Reserved.
        [8 | 4] pub Reserved: ULONG_PTR,
        /// Where the first range begins.
        [16 | 8] pub Elements: [SCATTER_GATHER_ELEMENT; 0],
    }
}

impl SCATTER_GATHER_LIST {
    /// Bytes that a list of `elements` ranges takes; `None` when that overflows.
    pub const fn bytes_for(elements: usize) -> Option<usize> {
        // The head's size is the offset of `Elements`, which has no size of its own.
        match elements.checked_mul(core::mem::size_of::<SCATTER_GATHER_ELEMENT>()) {
            Some(ranges) => ranges.checked_add(core::mem::size_of::<SCATTER_GATHER_LIST>()),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scatter_gather_list_of_one_is_as_large_as_the_header_that_declares_one_element() {
        let windows = if cfg!(target_pointer_width = "64") {
            40
        } else {
            24
        };
        assert_eq!(SCATTER_GATHER_LIST::bytes_for(1), Some(windows));
        assert_eq!(SCATTER_GATHER_LIST::bytes_for(usize::MAX), None);
    }
}
