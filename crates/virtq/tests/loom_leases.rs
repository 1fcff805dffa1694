//! Workers that share one to-guest ring, in every order of events that the memory model allows.
//!
//! Reserve under the lock, fill outside it, complete under it again, publish in order: the guest, which knows only the used
//! index, must find every place before it filled, by whichever worker and however late.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p virtq --release --test loom_leases`

#![cfg(loom)]

use loom::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use virtq::Leases;

/// The used index starts here, so that it wraps around on its way.
const START: u16 = 0xffff;

struct Shared {
    leases: Mutex<Leases>,
    /// How often each place was filled. Relaxed like the copies they stand for: only the lock and the used index order them.
    places: [AtomicU8; 4],
    used_idx: AtomicU16,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            leases: Mutex::new(Leases::new(START)),
            places: std::array::from_fn(|_| AtomicU8::new(0)),
            used_idx: AtomicU16::new(START),
        })
    }

    fn place(index: u16) -> usize {
        usize::from(index.wrapping_sub(START))
    }

    /// What a worker does with each burst.
    fn deliver(&self, count: u16) {
        let lease = self.leases.lock().unwrap().lease(count);
        for i in 0..count {
            let place = Self::place(lease.start().wrapping_add(i));
            let filled = self.places[place].load(Ordering::Relaxed);
            self.places[place].store(filled + 1, Ordering::Relaxed);
        }
        let mut leases = self.leases.lock().unwrap();
        if leases.complete(lease).expect("a lease completed once") > 0 {
            self.used_idx.store(leases.published(), Ordering::Release);
        }
    }

    /// What the guest does at any moment. Gives the used index it saw.
    fn reap(&self) -> u16 {
        let used_idx = self.used_idx.load(Ordering::Acquire);
        for place in 0..Self::place(used_idx) {
            let filled = self.places[place].load(Ordering::Relaxed);
            assert_eq!(filled, 1, "published before it was filled, or filled twice");
        }
        used_idx
    }
}

#[test]
fn what_is_published_is_filled_whoever_publishes_it() {
    loom::model(|| {
        let shared = Shared::new();
        let workers = [1, 2].map(|count| {
            let shared = shared.clone();
            thread::spawn(move || shared.deliver(count))
        });
        shared.reap();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(
            shared.reap(),
            START.wrapping_add(3),
            "all is published in the end"
        );
    });
}

#[test]
fn three_workers_publish_in_the_order_of_their_leases() {
    loom::model(|| {
        let shared = Shared::new();
        let workers = [1, 2].map(|count| {
            let shared = shared.clone();
            thread::spawn(move || shared.deliver(count))
        });
        shared.deliver(1);
        let seen = shared.reap();
        for worker in workers {
            worker.join().unwrap();
        }
        let all = shared.reap();
        assert_eq!(all, START.wrapping_add(4));
        assert!(
            Shared::place(seen) <= Shared::place(all),
            "the index only grows"
        );
    });
}
