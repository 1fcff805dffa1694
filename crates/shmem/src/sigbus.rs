//! Survives a file that shrinks under a mapping.
#![allow(unsafe_code)]
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

const PLACES: usize = 64 * 1024;

struct Place {
    start: AtomicUsize,
    len: AtomicUsize,
    lost: AtomicPtr<AtomicBool>,
}

static PLACES_TABLE: [Place; PLACES] = [const { Place { start: AtomicUsize::new(0), len: AtomicUsize::new(0), lost: AtomicPtr::new(std::ptr::null_mut()) } }; PLACES];
static INSTALL: Once = Once::new();

pub(crate) fn guard(start: usize, len: usize, lost: &AtomicBool) {
    INSTALL.call_once(install);
    for place in &PLACES_TABLE {
        if place.lost.load(Ordering::Relaxed).is_null()
            && place.lost.compare_exchange(std::ptr::null_mut(), std::ptr::from_ref(lost).cast_mut(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            place.len.store(len, Ordering::SeqCst);
            place.start.store(start, Ordering::SeqCst);
            return;
        }
    }
}

pub(crate) fn unguard(start: usize) {
    for place in &PLACES_TABLE {
        if place.start.load(Ordering::SeqCst) == start {
            place.start.store(0, Ordering::SeqCst);
            place.lost.store(std::ptr::null_mut(), Ordering::SeqCst);
            return;
        }
    }
}

fn install() {
    // SAFETY: a handler that only touches atomics and mmap.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn handle(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid siginfo.
    let address = unsafe { (*info).si_addr() } as usize;
    for place in &PLACES_TABLE {
        let start = place.start.load(Ordering::SeqCst);
        let len = place.len.load(Ordering::SeqCst);
        if start != 0 && address.wrapping_sub(start) < len {
            let lost = place.lost.load(Ordering::SeqCst);
            if !lost.is_null() {
                // SAFETY: guarded mappings are alive.
                unsafe { (*lost).store(true, Ordering::SeqCst) };
            }
            // SAFETY: replaces our own mapping in place.
            unsafe {
                libc::mmap(start as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE, -1, 0);
            }
            return;
        }
    }
    // SAFETY: back to the default: the fault repeats and ends the process.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}
