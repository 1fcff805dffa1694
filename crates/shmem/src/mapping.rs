//! One mapped range of a file that is shared with a VMM.
#![allow(unsafe_code)]
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Why a range could not be mapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Empty or overflowing range.
    #[error("a range of {len:#x} bytes at offset {offset:#x} cannot be mapped")]
    BadRange {
        /// Offset in the file.
        offset: u64,
        /// Length.
        len: u64,
    },
    /// The file ends before the range does.
    #[error("the file has {size:#x} bytes, the range ends at {end:#x}")]
    FileTooSmall {
        /// Size of the file.
        size: u64,
        /// End of the range.
        end: u64,
    },
    /// The operating system refused.
    #[error("cannot be mapped shared and writable: {0}")]
    Os(#[from] io::Error),
}

/// One mapped range.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    whole: NonNull<u8>,
    whole_len: usize,
    len: u64,
    lost: AtomicBool,
}

// SAFETY: the pointers are only used through windows, which copy.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset`.
    pub fn map(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<Arc<Self>, MapError> {
        let bad = MapError::BadRange { offset, len };
        let Some(end) = offset.checked_add(len).filter(|_| len > 0) else { return Err(bad) };
        let stat = rustix::fs::fstat(fd).map_err(io::Error::from)?;
        let size = stat.st_size as u64;
        if size < end {
            return Err(MapError::FileTooSmall { size, end });
        }
        let page = (stat.st_blksize as u64).max(rustix::param::page_size() as u64);
        let skip = offset % page;
        let Ok(whole_len) = usize::try_from((len + skip).next_multiple_of(page)) else { return Err(bad) };
        // SAFETY: a new mapping at an address the kernel chooses.
        let whole = unsafe {
            mmap(std::ptr::null_mut(), whole_len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, fd, offset - skip)
        }
        .map_err(io::Error::from)?;
        Ok(Self::own(whole.cast(), whole_len, skip as usize, len))
    }

    /// Host-private memory.
    pub fn anonymous(len: usize) -> Result<Arc<Self>, MapError> {
        if len == 0 {
            return Err(MapError::BadRange { offset: 0, len: 0 });
        }
        // SAFETY: a new mapping at an address the kernel chooses.
        let whole = unsafe {
            mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        }
        .map_err(io::Error::from)?;
        Ok(Self::own(whole.cast(), len, 0, len as u64))
    }

    fn own(whole: *mut u8, whole_len: usize, skip: usize, len: u64) -> Arc<Self> {
        let whole = NonNull::new(whole).expect("mmap gives no null");
        // SAFETY: skip < whole_len.
        let base = unsafe { whole.add(skip) };
        let mapping = Arc::new(Self { base, whole, whole_len, len, lost: AtomicBool::new(false) });
        crate::sigbus::guard(whole.as_ptr() as usize, whole_len, &mapping.lost);
        mapping
    }

    /// True when the file was truncated under us.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        crate::sigbus::unguard(self.whole.as_ptr() as usize);
        // SAFETY: ours, and no window is left: each borrows or owns this mapping.
        let _ = unsafe { munmap(self.whole.as_ptr().cast(), self.whole_len) };
    }
}

/// An anonymous file of `len` bytes.
pub fn memfd(name: &str, len: u64) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(fd.as_fd(), len)?;
    Ok(fd)
}
