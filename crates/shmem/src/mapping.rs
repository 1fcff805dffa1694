//! One mapped range: made from a file that a frontend gave us, or host memory of our own.
//!
//! Invariant: from [`Mapping::map`] to drop, `len` bytes from `start` on are mapped shared, readable and writable, and the
//! SIGBUS guard watches them. They are unmapped nowhere but in drop; see the crate's words on who may still look then.

#![allow(unsafe_code, reason = "UNSAFETY: mmap and munmap")]

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::fs::{FileType, MemfdFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::sigbus::Watch;
use crate::window::Window;

/// A range of mapped memory. Unmapped when the last owner drops it.
pub struct Mapping {
    /// Dropped before the pages, so that the guard never watches what is not ours any more.
    watch: Watch,
    start: NonNull<u8>,
    len: u64,
    _pages: Pages,
}

// SAFETY: a mapping gives out windows and arrays only, and those may be used from any thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; its own fields never change.
unsafe impl Sync for Mapping {}

/// Why memory cannot be mapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Nothing to map.
    #[error("a mapping of no bytes at all was asked for")]
    Empty,
    /// No address could reach the end of it.
    #[error("{len:#x} bytes from offset {offset:#x} on are more than can be addressed")]
    TooLarge {
        /// Into the file, in bytes.
        offset: u64,
        /// In bytes.
        len: u64,
    },
    /// The file ends before the range does: touching the rest would be fatal.
    #[error(
        "the file has {file_len:#x} bytes, but {len:#x} bytes from offset {offset:#x} on were asked for; \
         the file must be as large as the memory it backs"
    )]
    FileTooSmall {
        /// Into the file, in bytes.
        offset: u64,
        /// In bytes.
        len: u64,
        /// In bytes.
        file_len: u64,
    },
    /// Opened read-only, or sealed against writing.
    #[error(
        "the file cannot be mapped writable and shared; it must be open for writing and not sealed against it"
    )]
    NotWritable,
    /// A pipe, a socket, a directory or the like.
    #[error(
        "this kind of file cannot be mapped; guest memory must be a memfd, a hugetlbfs file or a regular file"
    )]
    NotMappable,
    /// The pool of huge pages has not enough left for a hugetlbfs file.
    #[error(
        "the system has not enough free huge pages of {page:#x} bytes to map {len:#x} bytes; see /proc/meminfo"
    )]
    NoHugePages {
        /// In bytes, whole pages.
        len: u64,
        /// In bytes.
        page: u64,
    },
    /// The operating system said no for another reason.
    #[error("the memory cannot be mapped: {0}")]
    System(#[from] io::Error),
}

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset` on: shared, readable and writable.
    ///
    /// Neither needs to be aligned: what is mapped are the whole pages around the range (huge pages, for hugetlbfs), what
    /// can be reached is the range.
    ///
    /// # Errors
    /// See [`MapError`]; nothing is mapped then.
    pub fn map(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<Arc<Mapping>, MapError> {
        if len == 0 {
            return Err(MapError::Empty);
        }
        let file = File::of(fd)?;
        file.require(offset, len)?;
        let extent = Extent::around(offset, len, file.page)?;
        let pages = Pages::shared(fd, extent).map_err(|error| file.explain(error, extent))?;
        Self::over(pages, extent.lead, len)
    }

    /// Maps `len` bytes of zeros that are this process's own, in bytes.
    ///
    /// # Errors
    /// [`MapError::Empty`], or what the operating system says.
    pub fn anonymous(len: usize) -> Result<Arc<Mapping>, MapError> {
        if len == 0 {
            return Err(MapError::Empty);
        }
        let extent = Extent::around(0, len as u64, rustix::param::page_size() as u64)?;
        let pages = Pages::private(extent).map_err(io::Error::from)?;
        Self::over(pages, extent.lead, len as u64)
    }

    /// Whether the file behind it was cut short under us. Its bytes are zeros of our own then, and nothing written to it
    /// reaches the guest any more.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.watch.is_lost()
    }

    /// Its length in bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The `len` bytes from the `offset`th on; `None` if the mapping does not have all of them.
    #[inline]
    pub fn window(&self, offset: u64, len: usize) -> Option<Window<'_>> {
        let base = self.at(offset, len as u64)?;
        // SAFETY: `at` has checked the bounds, and the window borrows from us, who keep the range mapped.
        Some(unsafe { Window::new(base, len) })
    }

    /// Where it begins, for the owner of host-private memory ([`Mapping::anonymous`]) who reads it by reference. Guest memory
    /// must not be touched through it: no reference may point there.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// Where the `offset`th byte is, if the `len` bytes from there on are all here.
    #[inline]
    pub(crate) fn at(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        let end = offset.checked_add(len)?;
        // SAFETY: an offset of at most `len` stays inside the range or just behind it.
        (end <= self.len).then(|| unsafe { self.start.add(offset as usize) })
    }

    #[inline]
    pub(crate) fn lost(&self) -> &'static AtomicBool {
        self.watch.lost()
    }

    fn over(pages: Pages, lead: usize, len: u64) -> Result<Arc<Mapping>, MapError> {
        // SAFETY: the pages are ours, and the watch is dropped before they are.
        let watch = unsafe { Watch::over(pages.base.as_ptr().addr(), pages.len) }?;
        // SAFETY: the range starts `lead` bytes into the pages that were mapped around it.
        let start = unsafe { pages.base.add(lead) };
        Ok(Arc::new(Self {
            watch,
            start,
            len,
            _pages: pages,
        }))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("len", &self.len)
            .field("is_lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}

/// Makes a file in memory of `len` zero bytes, which can be mapped and shared with another process. It may be sealed.
///
/// # Errors
/// What the operating system says.
pub fn memfd(name: &str, len: u64) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&fd, len)?;
    Ok(fd)
}

/// What matters of a file that is to be mapped.
struct File {
    /// `None` for devices, which do not say.
    len: Option<u64>,
    /// What it is mapped by, in bytes.
    page: u64,
    is_huge: bool,
}

impl File {
    fn of(fd: BorrowedFd<'_>) -> Result<File, MapError> {
        let stat = rustix::fs::fstat(fd).map_err(io::Error::from)?;
        let is_regular = FileType::from_raw_mode(stat.st_mode).is_file();
        let is_huge = is_regular && is_hugetlbfs(fd)?;
        let page = if is_huge {
            stat.st_blksize as u64
        } else {
            rustix::param::page_size() as u64
        };
        Ok(File {
            len: is_regular.then_some(stat.st_size as u64),
            page,
            is_huge,
        })
    }

    fn require(&self, offset: u64, len: u64) -> Result<(), MapError> {
        let end = offset
            .checked_add(len)
            .ok_or(MapError::TooLarge { offset, len })?;
        match self.len {
            Some(file_len) if end > file_len => Err(MapError::FileTooSmall {
                offset,
                len,
                file_len,
            }),
            _ => Ok(()),
        }
    }

    fn explain(&self, error: Errno, extent: Extent) -> MapError {
        match error {
            Errno::ACCESS | Errno::PERM => MapError::NotWritable,
            Errno::NODEV => MapError::NotMappable,
            Errno::NOMEM if self.is_huge => MapError::NoHugePages {
                len: extent.len as u64,
                page: self.page,
            },
            other => MapError::System(other.into()),
        }
    }
}

fn is_hugetlbfs(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let statfs = rustix::fs::fstatfs(fd)?;
    Ok(statfs.f_type as u64 & 0xffff_ffff == libc::HUGETLBFS_MAGIC as u64 & 0xffff_ffff)
}

/// The whole pages around a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// Where they start in the file, in bytes.
    offset: u64,
    /// In bytes.
    len: usize,
    /// From their start to the range's, in bytes.
    lead: usize,
}

impl Extent {
    fn around(offset: u64, len: u64, page: u64) -> Result<Extent, MapError> {
        let too_large = || MapError::TooLarge { offset, len };
        let start = offset - offset % page;
        let end = offset
            .checked_add(len)
            .and_then(|end| end.checked_next_multiple_of(page))
            .ok_or_else(too_large)?;
        let bytes = isize::try_from(end - start).map_err(|_| too_large())?;
        Ok(Extent {
            offset: start,
            len: bytes as usize,
            lead: (offset - start) as usize,
        })
    }
}

/// Mapped pages, unmapped on drop.
struct Pages {
    base: NonNull<u8>,
    len: usize,
}

impl Pages {
    fn shared(fd: BorrowedFd<'_>, extent: Extent) -> Result<Pages, Errno> {
        // SAFETY: without a fixed address nothing that exists is touched.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                extent.len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                extent.offset,
            )
        }?;
        Self::at(base, extent)
    }

    fn private(extent: Extent) -> Result<Pages, Errno> {
        // SAFETY: without a fixed address nothing that exists is touched.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                extent.len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        Self::at(base, extent)
    }

    fn at(base: *mut libc::c_void, extent: Extent) -> Result<Pages, Errno> {
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Pages {
            base,
            len: extent.len,
        })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: we mapped exactly these pages, and the crate's words say why nobody looks at them any more. A failure
        // would leave them mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests;
