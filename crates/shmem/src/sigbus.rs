//! Survival of a file that shrinks under a mapping.
//!
//! A frontend can truncate its memory file whenever it likes, and whoever touches the missing pages gets SIGBUS, which ends
//! a process. Instead, a fault inside a watched mapping marks that mapping lost, puts zero pages in its place and lets the
//! access go on; its port is closed a moment later. Any other SIGBUS is none of our business: the disposition that was
//! there before us is restored, and the access faults again.
//!
//! Invariant: the handler calls nothing but atomics, `mmap`, `sigaction` and `raise`. The list of watches only grows, its
//! nodes are never freed, and a slot is trusted only if its version did not move while it was read.
//!
//! The handler is installed with the first mapping. Who blocks SIGBUS in a thread that touches guest memory, or replaces
//! the handler later, gives up this protection.

#![allow(unsafe_code, reason = "UNSAFETY: a signal handler")]

use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, fence};

use libc::{c_int, c_void, siginfo_t};

/// Whether any mapping was ever lost: until then, nobody has to ask which.
static ANY_LOST: AtomicBool = AtomicBool::new(false);

/// Whether the mapping that a flag ([`Watch::lost`]) belongs to is lost. One look at memory that is always at hand, in a
/// process that never lost any.
#[inline]
pub(crate) fn is_lost(flag: &AtomicBool) -> bool {
    ANY_LOST.load(Relaxed) && flag.load(Relaxed)
}

/// One range under guard. Dropping it ends that.
pub(crate) struct Watch {
    slot: &'static Slot,
}

impl Watch {
    /// Guards `len` bytes from address `start` on.
    ///
    /// # Errors
    /// What the operating system says to the first one, which installs the handler.
    ///
    /// # Safety
    /// They must be whole pages, mapped by the caller and unmapped only after the watch is dropped: a fault there makes us
    /// map zero pages over all of them.
    pub(crate) unsafe fn over(start: usize, len: usize) -> io::Result<Watch> {
        install()?;
        let slot = claim();
        slot.lost.store(false, Relaxed);
        slot.publish(start, len);
        Ok(Watch { slot })
    }

    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        // Not looked at before the bytes that the caller has read already: if those were our zeros, this must say so.
        fence(Acquire);
        self.slot.lost.load(Relaxed)
    }

    /// The flag itself, for those who look often. It means this mapping for as long as that exists.
    #[inline]
    pub(crate) fn lost(&self) -> &'static AtomicBool {
        &self.slot.lost
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.slot.publish(0, 0);
        self.slot.is_taken.store(false, Release);
    }
}

/// Where a watched range is written down.
struct Slot {
    is_taken: AtomicBool,
    lost: AtomicBool,
    /// Odd while `start` and `len` are being changed.
    version: AtomicUsize,
    start: AtomicUsize,
    /// 0: nothing is watched.
    len: AtomicUsize,
}

impl Slot {
    const fn vacant() -> Slot {
        Slot {
            is_taken: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            version: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
        }
    }

    /// Only whoever has taken the slot may do this.
    fn publish(&self, start: usize, len: usize) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        self.start.store(start, Relaxed);
        self.len.store(len, Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// The watched range if `address` is in it. A slot that changes meanwhile is not the one: the range of a thread that
    /// faults does not change, for that thread has a window into it.
    fn range_around(&self, address: usize) -> Option<(usize, usize)> {
        let version = self.version.load(Acquire);
        let start = self.start.load(Relaxed);
        let len = self.len.load(Relaxed);
        fence(Acquire);
        let is_steady = version.is_multiple_of(2) && self.version.load(Relaxed) == version;
        (is_steady && address.wrapping_sub(start) < len).then_some((start, len))
    }
}

const SLOTS: usize = 64;

/// Part of the list of slots.
struct Chunk {
    slots: [Slot; SLOTS],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Chunk {
        Chunk {
            slots: [const { Slot::vacant() }; SLOTS],
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn next(&self) -> Option<&'static Chunk> {
        // SAFETY: a chunk that was ever linked stays for good.
        unsafe { self.next.load(Acquire).as_ref() }
    }

    /// The chunk behind this one, which is made if it is not there.
    fn next_or_new(&self) -> &'static Chunk {
        if let Some(next) = self.next() {
            return next;
        }
        let new = Box::into_raw(Box::new(Chunk::new()));
        match self
            .next
            .compare_exchange(ptr::null_mut(), new, Release, Acquire)
        {
            // SAFETY: linked just now, and never freed.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: ours was not linked, so nobody knows it; theirs was.
                unsafe {
                    drop(Box::from_raw(new));
                    &*theirs
                }
            }
        }
    }
}

static FIRST: Chunk = Chunk::new();

/// Takes a vacant slot.
fn claim() -> &'static Slot {
    let mut chunk: &'static Chunk = &FIRST;
    loop {
        let vacant = chunk.slots.iter().find(|slot| {
            slot.is_taken
                .compare_exchange(false, true, Acquire, Relaxed)
                .is_ok()
        });
        if let Some(slot) = vacant {
            return slot;
        }
        chunk = chunk.next_or_new();
    }
}

/// What was there before us.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            replace_handler().map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))
        })
        .map_err(io::Error::from_raw_os_error)
}

fn replace_handler() -> io::Result<()> {
    // SAFETY: all zeros is a value of this C structure.
    let mut previous: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: only asks, and writes to a structure of the right type.
    check(unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &mut previous) })?;
    PREVIOUS.get_or_init(|| previous);
    // SAFETY: all zeros is a value of this C structure: no flags, an empty mask.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_sigbus as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO demands and does only what a handler may.
    check(unsafe { libc::sigaction(libc::SIGBUS, &ours, ptr::null_mut()) })
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: errno is this thread's own; the interrupted code must find it as it was.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: with SA_SIGINFO the kernel passes a valid structure.
    let info = unsafe { &*info };
    // SAFETY: the bytes are there with every code, and are an address with those that matter.
    let address = unsafe { info.si_addr() };
    if !recover(info.si_code, address.addr()) {
        step_aside(signal, info.si_code);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Whether the fault was a watched mapping's and is mended.
fn recover(code: c_int, address: usize) -> bool {
    if !is_missing_page(code) {
        return false;
    }
    let mut chunk = Some(&FIRST);
    while let Some(here) = chunk {
        for slot in &here.slots {
            if let Some((start, len)) = slot.range_around(address) {
                // Before the zeros appear: who has read zeros and asks afterwards must hear that they are not the guest's.
                slot.lost.store(true, SeqCst);
                ANY_LOST.store(true, SeqCst);
                return put_zeros(start, len);
            }
        }
        chunk = here.next();
    }
    false
}

/// Whether the code says that a page could not be had. A misaligned access, for one, would only fault again.
fn is_missing_page(code: c_int) -> bool {
    matches!(
        code,
        libc::BUS_ADRERR | libc::BUS_OBJERR | libc::BUS_MCEERR_AR | libc::BUS_MCEERR_AO
    )
}

fn put_zeros(start: usize, len: usize) -> bool {
    // SAFETY: whoever watches the range has said that all of it is theirs to be mapped over.
    let mapped = unsafe {
        libc::mmap(
            ptr::without_provenance_mut(start),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    mapped != libc::MAP_FAILED
}

/// Restores what was there before us and has it see this signal.
fn step_aside(signal: c_int, code: c_int) {
    if let Some(previous) = PREVIOUS.get() {
        // SAFETY: the structure came from the same call.
        unsafe { libc::sigaction(signal, previous, ptr::null_mut()) };
    }
    // A fault comes again by itself; a signal that somebody sent does not.
    if code <= 0 {
        // SAFETY: may be called from a handler; delivered when we return.
        unsafe { libc::raise(signal) };
    }
}

#[cfg(test)]
mod tests {
    use crate::Mapping;

    use super::*;

    /// A sent signal has its sender's ids where an address would be.
    #[test]
    fn only_missing_pages_are_mended() {
        let mapping = Mapping::anonymous(10_000).unwrap();
        let address = mapping.as_ptr().as_ptr().addr();
        let others = [
            libc::BUS_ADRALN,
            libc::SI_USER,
            libc::SI_QUEUE,
            libc::SI_TKILL,
        ];
        for code in others {
            assert!(!recover(code, address));
        }
        assert!(!mapping.is_lost());
        assert!(recover(libc::BUS_ADRERR, address));
        assert!(mapping.is_lost());
    }

    #[test]
    fn all_pages_of_a_range_are_watched_and_none_beside() {
        let slot = Slot::vacant();
        let (start, len) = (0x10_0000, 3 * 4096);
        slot.publish(start, len);
        let range = Some((start, len));
        assert_eq!(slot.range_around(start), range);
        assert_eq!(slot.range_around(start + len - 1), range);
        assert_eq!(slot.range_around(start + len), None);
        assert_eq!(slot.range_around(start - 1), None);
        assert_eq!(slot.range_around(0), None);
    }

    #[test]
    fn a_slot_that_is_being_changed_is_not_trusted() {
        let slot = Slot::vacant();
        assert_eq!(slot.range_around(0), None);
        slot.publish(4096, 4096);
        assert_eq!(slot.range_around(5000), Some((4096, 4096)));
        slot.version.fetch_add(1, Relaxed);
        assert_eq!(slot.range_around(5000), None);
        slot.version.fetch_add(1, Relaxed);
        slot.publish(0, 0);
        assert_eq!(slot.range_around(5000), None);
    }
}
