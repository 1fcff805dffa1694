//! A frontend cuts the file behind its memory short while traffic flows: its own memory is lost, and nothing else is.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: faults are provoked outside of every mapping"
)]

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shmem::{BlockError, BlockRegistry, GuestMemory, Mapping, Region, Window};

const LEN: usize = 64 << 10;
const PAGE: usize = 4096;

fn shared(len: usize) -> (OwnedFd, Arc<Mapping>) {
    let file = shmem::memfd("shmem-test", len as u64).unwrap();
    let mapping = Mapping::map(file.as_fd(), 0, len as u64).unwrap();
    (file, mapping)
}

fn cut(file: &OwnedFd, len: usize) {
    rustix::fs::ftruncate(file, len as u64).unwrap();
}

fn bytes(window: Window<'_>) -> Vec<u8> {
    let mut bytes = vec![0xaa; window.len()];
    window.read(&mut bytes);
    bytes
}

#[test]
fn traffic_goes_on_when_a_file_is_cut_short_under_it() {
    let (file, victim) = shared(LEN);
    let (_other_file, other) = shared(2 * LEN);
    let guard = other.window(LEN as u64, LEN).unwrap();
    guard.write(&[0x5a; LEN]);
    let mut registry = BlockRegistry::new();
    let lost = registry.register(&victim, 0, LEN as u64)[0];
    let kept = registry.register(&other, 0, LEN as u64)[0];
    let table = registry.snapshot();
    let rounds = AtomicU64::new(0);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut frame = [1; 1500];
            let deadline = Instant::now() + Duration::from_secs(20);
            while Instant::now() < deadline {
                for offset in (0..(LEN - frame.len()) as u32).step_by(1999) {
                    let len = frame.len() as u32;
                    let there = table.window(kept, offset, len).unwrap();
                    match table.window(lost, offset, len) {
                        Ok(here) => {
                            here.write(&frame);
                            here.copy_to(there);
                            there.copy_to(here);
                            here.read(&mut frame);
                        }
                        Err(error) => return Some(error),
                    }
                }
                rounds.fetch_add(1, Ordering::Relaxed);
            }
            None
        });
        while rounds.load(Ordering::Relaxed) < 3 && !traffic.is_finished() {
            thread::yield_now();
        }
        assert!(!victim.is_lost());
        cut(&file, 0);
        assert_eq!(traffic.join().unwrap(), Some(BlockError::Lost));
    });
    assert!(victim.is_lost() && !other.is_lost());
    let refused = table.window(lost, 0, 1).map(Window::len);
    assert_eq!(refused, Err(BlockError::Lost));
    let refused = registry.snapshot().window(lost, 0, 1).map(Window::len);
    assert_eq!(refused, Err(BlockError::Lost));
    assert!(table.window(kept, 0, 1).is_ok());
    assert_eq!(bytes(guard), [0x5a; LEN]);
}

#[test]
fn lost_memory_is_zeros_of_our_own() {
    let (file, mapping) = shared(LEN);
    let window = mapping.window(0, LEN).unwrap();
    window.write(&[7; LEN]);
    cut(&file, 0);
    assert!(!mapping.is_lost(), "nobody has looked yet");
    assert_eq!(bytes(window), [0; LEN]);
    assert!(mapping.is_lost());
    window.write(&[8; LEN]);
    cut(&file, LEN);
    assert_eq!(bytes(window), [8; LEN]);
    let again = Mapping::map(file.as_fd(), 0, LEN as u64).unwrap();
    assert_eq!(bytes(again.window(0, LEN).unwrap()), [0; LEN]);
    assert!(mapping.is_lost() && !again.is_lost());
}

#[test]
fn a_file_may_shrink_as_long_as_nobody_misses_the_pages() {
    let (file, mapping) = shared(LEN);
    mapping.window(0, PAGE).unwrap().write(&[7; PAGE]);
    cut(&file, PAGE);
    assert_eq!(bytes(mapping.window(0, PAGE).unwrap()), [7; PAGE]);
    assert!(!mapping.is_lost());
    // The missing page brings down the whole mapping: half of a guest's memory is of no use.
    assert_eq!(bytes(mapping.window(PAGE as u64, 1).unwrap()), [0]);
    assert!(mapping.is_lost());
    assert_eq!(bytes(mapping.window(0, PAGE).unwrap()), [0; PAGE]);
}

#[test]
fn every_way_to_touch_a_missing_page_is_survived() {
    type Touch = fn(Window<'_>, &GuestMemory);
    let touches: [(&str, Touch); 7] = [
        ("read", |window, _| drop(bytes(window))),
        ("write", |window, _| {
            assert_eq!(window.write(&[1; 100]), 100)
        }),
        ("read a word", |window, _| {
            assert_eq!(window.read_word::<u32>(3), Some(0));
        }),
        ("copy to itself", |window, _| {
            assert_eq!(window.copy_to(window), LEN)
        }),
        ("load of a ring's word", |_, memory| {
            assert_eq!(memory.array_at_uva::<u16>(0, 8).unwrap().load_acquire(7), 0);
        }),
        ("store of a ring's word", |_, memory| {
            let array = memory.array_at_gpa::<u64>(0x1000, 8).unwrap();
            array.store_release(7, 1);
            assert_eq!(array.read(7), 1);
            assert!(array.is_lost());
        }),
        ("copy from elsewhere", |window, _| {
            let source = Mapping::anonymous(LEN).unwrap();
            source.window(0, LEN).unwrap().copy_to(window);
        }),
    ];
    for (name, touch) in touches {
        let (file, mapping) = shared(LEN);
        let region = Region {
            gpa: 0x1000,
            uva: 0,
            len: LEN as u64,
            mapping: mapping.clone(),
            mapping_offset: 0,
            handles: Vec::new(),
        };
        let memory = GuestMemory::new(vec![region]).unwrap();
        cut(&file, 0);
        assert!(!memory.is_lost(), "{name}");
        touch(mapping.window(0, LEN).unwrap(), &memory);
        assert!(memory.is_lost(), "{name}");
    }
}

#[test]
fn a_prefetch_of_a_missing_page_is_no_fault() {
    let (file, mapping) = shared(LEN);
    cut(&file, 0);
    let window = mapping.window(0, LEN).unwrap();
    window.prefetch();
    window.prefetch_write();
    assert!(!mapping.is_lost());
}

#[test]
fn threads_that_fault_at_the_same_moment_all_go_on() {
    for _ in 0..50 {
        let (file, mapping) = shared(LEN);
        let together = Barrier::new(4);
        thread::scope(|scope| {
            for number in 0..4 {
                let (mapping, together) = (&mapping, &together);
                scope.spawn(move || {
                    let window = mapping.window(number * PAGE as u64, PAGE).unwrap();
                    together.wait();
                    window.write(&[number as u8; PAGE]);
                    bytes(window)
                });
            }
            cut(&file, 0);
        });
        drop(bytes(mapping.window(0, LEN).unwrap()));
        assert!(mapping.is_lost());
    }
}

/// More mappings than one chunk of the guard's list holds, made and dropped by several threads at once.
#[test]
fn any_number_of_mappings_is_guarded() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let all: Vec<_> = (0..100).map(|_| shared(PAGE)).collect();
                    for (index, (file, mapping)) in all.iter().enumerate() {
                        if index % 3 == 0 {
                            cut(file, 0);
                        }
                        assert_eq!(bytes(mapping.window(0, 1).unwrap()), [0]);
                    }
                    for (index, (_, mapping)) in all.iter().enumerate() {
                        assert_eq!(mapping.is_lost(), index % 3 == 0, "mapping {index}");
                    }
                }
            });
        }
    });
}

/// A range whose start is not a page's is guarded like any other, and is lost as a whole with its page.
#[test]
fn a_mapping_from_inside_a_page_on_is_guarded() {
    let file = shmem::memfd("shmem-test", LEN as u64).unwrap();
    let mapping = Mapping::map(file.as_fd(), 100, PAGE as u64).unwrap();
    cut(&file, 0);
    assert_eq!(bytes(mapping.window(0, PAGE).unwrap()), [0; PAGE]);
    assert!(mapping.is_lost());
}

/// What children do, each in a process of its own: their names, as `in_a_child` takes them.
const CHILDREN: &[(&str, fn())] = &[
    ("fault elsewhere", fault_elsewhere),
    ("fault where a mapping was", fault_where_a_mapping_was),
    ("signal from somebody", signal_from_somebody),
    (
        "fault under an earlier handler",
        fault_under_an_earlier_handler,
    ),
    ("survive", survive),
];

const CHILD: &str = "SHMEM_TEST_CHILD";
const EARLIER_HANDLER: i32 = 42;

/// Not a test of its own: what [`in_a_child`] runs.
#[test]
fn child() {
    let Ok(name) = std::env::var(CHILD) else {
        return;
    };
    let (_, act) = CHILDREN.iter().find(|(known, _)| *known == name).unwrap();
    act();
}

fn in_a_child(name: &str) -> ExitStatus {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("panicked"),
        "{output:?}"
    );
    output.status
}

/// Maps a page of a file behind the guard's back, at `address` if it is not null, and reads it when it is gone.
fn fault_behind_the_guard(address: *mut u8) {
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let file = shmem::memfd("shmem-test", PAGE as u64).unwrap();
    let fixed = if address.is_null() {
        MapFlags::empty()
    } else {
        MapFlags::FIXED_NOREPLACE
    };
    // SAFETY: replaces nothing that exists.
    let page = unsafe {
        mmap(
            address.cast(),
            PAGE,
            ProtFlags::READ,
            MapFlags::SHARED | fixed,
            &file,
            0,
        )
    };
    cut(&file, 0);
    // SAFETY: mapped just now; it faults, which is the point.
    unsafe { ptr::read_volatile(page.unwrap().cast::<u8>()) };
}

fn fault_elsewhere() {
    let (_file, _mapping) = shared(LEN);
    fault_behind_the_guard(ptr::null_mut());
}

fn fault_where_a_mapping_was() {
    let (file, mapping) = shared(PAGE);
    let address = mapping.as_ptr().as_ptr();
    drop((file, mapping));
    fault_behind_the_guard(address);
}

/// Ends the process in a way of its own at SIGBUS. The first mapping is made later.
fn handle_sigbus_first() {
    extern "C" fn handler(_signal: i32) {
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(EARLIER_HANDLER) };
    }
    // SAFETY: the handler does what a handler may.
    unsafe { libc::signal(libc::SIGBUS, handler as extern "C" fn(i32) as usize) };
}

fn fault_under_an_earlier_handler() {
    handle_sigbus_first();
    survive();
    fault_behind_the_guard(ptr::null_mut());
}

fn signal_from_somebody() {
    use rustix::process::{Signal, getpid, kill_process};
    handle_sigbus_first();
    survive();
    kill_process(getpid(), Signal::BUS).unwrap();
    thread::sleep(Duration::from_secs(10));
}

fn survive() {
    let (file, mapping) = shared(LEN);
    cut(&file, 0);
    drop(bytes(mapping.window(0, LEN).unwrap()));
    assert!(mapping.is_lost());
}

#[test]
fn a_child_that_only_loses_memory_lives() {
    assert!(in_a_child("survive").success());
}

#[test]
fn a_fault_outside_of_every_mapping_still_ends_the_process() {
    assert_eq!(in_a_child("fault elsewhere").signal(), Some(libc::SIGBUS));
}

#[test]
fn an_address_is_no_longer_guarded_when_its_mapping_is_gone() {
    let status = in_a_child("fault where a mapping was");
    assert_eq!(status.signal(), Some(libc::SIGBUS));
}

#[test]
fn a_fault_that_is_not_ours_goes_to_the_handler_before_us() {
    let status = in_a_child("fault under an earlier handler");
    assert_eq!(status.code(), Some(EARLIER_HANDLER));
}

#[test]
fn a_signal_that_somebody_sent_goes_to_the_handler_before_us() {
    let status = in_a_child("signal from somebody");
    assert_eq!(status.code(), Some(EARLIER_HANDLER));
}

#[test]
fn lost_memory_is_unmapped_like_any_other() {
    let file = shmem::memfd("shmem-test-lost", PAGE as u64).unwrap();
    let mapping = Mapping::map(file.as_fd(), 0, PAGE as u64).unwrap();
    let maps = || fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps().contains("shmem-test-lost"));
    cut(&file, 0);
    drop(bytes(mapping.window(0, 1).unwrap()));
    assert!(!maps().contains("shmem-test-lost"));
    drop(mapping);
}
