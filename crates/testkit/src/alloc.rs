//! Counts the allocations of one thread, so that "the turn does not allocate" is a test and not a hope.
//!
//! A program that wants to count installs the allocator itself:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: testkit::alloc::Counting = testkit::alloc::Counting;
//!
//! let count = testkit::alloc::measure(|| drop(std::hint::black_box(Box::new(1u8))));
//! assert_eq!(count.allocations, 1);
//! ```
//!
//! Invariant: counting neither allocates nor locks, and one thread's counters see nothing of another thread. Kept
//! libraries were weighed first: one installs its allocator into every program that merely links it (and this crate is
//! linked into the product's demonstration), the other counts the whole process, in which a test harness has threads of
//! its own.

// `GlobalAlloc` is an unsafe trait; there is no safe way to be an allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

/// The system's allocator with a count per thread in front.
#[derive(Debug, Default)]
pub struct Counting;

/// What one thread did to the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Blocks asked for, growing an old one included.
    pub allocations: u64,
    /// Blocks given back.
    pub frees: u64,
    /// Bytes asked for.
    pub bytes: u64,
}

/// Runs `work` and says what it did to the heap on this thread. Calls may be nested.
///
/// # Panics
///
/// If [`Counting`] is not this program's global allocator: a count that is always zero proves nothing.
pub fn measure(work: impl FnOnce()) -> Count {
    assert!(
        is_installed(),
        "testkit::alloc::Counting is not the global allocator of this program: add a #[global_allocator] static"
    );
    let before = so_far();
    work();
    let after = so_far();
    Count {
        allocations: after.allocations - before.allocations,
        frees: after.frees - before.frees,
        bytes: after.bytes - before.bytes,
    }
}

/// Whether this program counts at all, found out by an allocation that is then not counted.
pub fn is_installed() -> bool {
    let before = so_far();
    drop(black_box(Box::new(0u8)));
    let counted = so_far() != before;
    COUNT.set(before);
    counted
}

/// Everything this thread has done to the heap since it began.
pub fn so_far() -> Count {
    COUNT.get()
}

thread_local! {
    // Const and without a destructor: reading it neither allocates nor registers anything, at any moment of a thread's life.
    static COUNT: Cell<Count> = const {
        Cell::new(Count { allocations: 0, frees: 0, bytes: 0 })
    };
}

#[inline]
fn count(allocations: u64, frees: u64, bytes: usize) {
    COUNT.with(|cell| {
        let old = cell.get();
        cell.set(Count {
            allocations: old.allocations + allocations,
            frees: old.frees + frees,
            bytes: old.bytes + bytes as u64,
        });
    });
}

// SAFETY: every method hands its arguments unchanged to `System`, which keeps the contract, and returns what `System`
// returned; counting touches nothing but a plain thread-local word and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size());
        // SAFETY: the caller owes us what `System::alloc` asks of its caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size());
        // SAFETY: the caller owes us what `System::alloc_zeroed` asks of its caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 1, size);
        // SAFETY: the caller owes us what `System::realloc` asks of its caller, and `block` came from `System`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 1, 0);
        // SAFETY: the caller owes us what `System::dealloc` asks of its caller, and `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn a_box_is_one_allocation_and_one_free() {
        let count = measure(|| drop(black_box(Box::new([0u8; 24]))));
        assert_eq!(
            count,
            Count {
                allocations: 1,
                frees: 1,
                bytes: 24
            }
        );
    }

    #[test]
    fn growing_a_vector_counts_and_pushing_within_its_capacity_does_not() {
        let mut vector = Vec::with_capacity(4);
        let within = measure(|| vector.extend_from_slice(black_box(&[1u8, 2, 3, 4])));
        let beyond = measure(|| vector.push(5));
        assert_eq!(within, Count::default());
        assert_eq!((beyond.allocations, beyond.frees), (1, 1));
    }

    #[test]
    fn another_threads_allocations_are_not_ours() {
        let (start, started) = std::sync::mpsc::sync_channel::<()>(0);
        let (end, ended) = std::sync::mpsc::sync_channel::<u64>(1);
        let thread = std::thread::spawn(move || {
            started.recv().expect("the test lives");
            let count = measure(|| {
                for _ in 0..1000 {
                    drop(black_box(Box::new(0u64)));
                }
            });
            end.send(count.allocations).expect("the test lives");
        });
        let mut theirs = 0;
        let ours = measure(|| {
            start.send(()).expect("the thread lives");
            // Not `recv`: a channel that blocks may allocate for its waiter, which would be ours.
            theirs = loop {
                match ended.try_recv() {
                    Ok(count) => break count,
                    Err(_) => std::hint::spin_loop(),
                }
            };
        });
        thread.join().expect("the thread does not panic");
        assert_eq!(theirs, 1000);
        assert!(ours.allocations < 10, "{ours:?}");
    }

    #[test]
    fn measures_may_be_nested() {
        let mut inner = Count::default();
        let outer = measure(|| {
            drop(black_box(Box::new(1u8)));
            inner = measure(|| drop(black_box(Box::new(2u8))));
        });
        assert_eq!(inner.allocations, 1);
        assert_eq!(outer.allocations, 2);
    }
}
