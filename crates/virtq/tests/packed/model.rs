//! The ring against a model so plain that it is right by sight: lists of chains that move from one to the next, and slots that
//! are counted from the beginning.
//!
//! ```text
//! free ids ──add──> available ──take──> taken ──lease, complete──> seen ──reap──> free ids
//!                              <──untake──
//! ```

use std::collections::{BTreeSet, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;
use virtq::{Buf, Layout, Lease, Ring, Used};

use crate::guest::{DESC, DISABLE, Desc, ENABLE, FREE, GPA, Guest, INDIRECT, NEXT, WRITE, take};

/// Room for the indirect table of each id.
const TABLE_ROOM: u64 = 16 * 8;

#[derive(Clone, Debug)]
enum Step {
    /// Make a chain available, as a list or as a table.
    Add {
        readable: Vec<u32>,
        writable: Vec<u32>,
        indirect: bool,
        id: usize,
    },
    Take {
        max: usize,
    },
    Untake {
        n: usize,
    },
    Lease {
        which: Vec<usize>,
    },
    Complete {
        which: usize,
        written: u32,
    },
    Reap,
    NeedsCall,
    /// How the driver wants its next call: always, never, or at a slot as far from where it reaps.
    WantCalls {
        how: u32,
        distance: u32,
    },
    Arm,
    Disarm,
    /// The ring is stopped while nothing is in flight, and started again where it stood.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lens = || vec(1_u32..100_000, 0..4);
    let step = prop_oneof![
        8 => (lens(), lens(), any::<bool>(), any::<usize>())
            .prop_map(|(readable, writable, indirect, id)| Step::Add { readable, writable, indirect, id }),
        6 => (0_usize..6).prop_map(|max| Step::Take { max }),
        2 => (0_usize..4).prop_map(|n| Step::Untake { n }),
        4 => vec(any::<usize>(), 0..5).prop_map(|which| Step::Lease { which }),
        6 => (any::<usize>(), any::<u32>()).prop_map(|(which, written)| Step::Complete { which, written }),
        3 => Just(Step::Reap),
        3 => Just(Step::NeedsCall),
        2 => (0_u32..3, 0_u32..6).prop_map(|(how, distance)| Step::WantCalls { how, distance }),
        2 => Just(Step::Arm),
        1 => Just(Step::Disarm),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..200)
}

#[derive(Clone, Debug, PartialEq)]
struct Expected {
    id: u16,
    readable: Vec<Buf>,
    writable: Vec<Buf>,
    slots: u32,
}

struct OpenLease {
    lease: Lease,
    chains: Vec<Expected>,
    done: Option<Vec<Used>>,
}

struct World {
    guest: Guest,
    event_idx: bool,
    ring: Ring,
    free_ids: Vec<u16>,
    free_slots: u32,
    available: VecDeque<Expected>,
    /// In the order of taking; the last `returnable` were taken one after the other, and none since was leased.
    taken: Vec<Expected>,
    returnable: usize,
    leases: VecDeque<OpenLease>,
    /// With the first slot of each.
    seen: VecDeque<(u32, Expected, Used)>,
    /// Slots that the driver reaped, and those that it could.
    reaped: u32,
    visible: u32,
    /// Slots that became visible since calls were last asked about; `None` before the first time.
    unannounced: Option<BTreeSet<u32>>,
    wish: u32,
    wanted: u32,
    /// What the device last said: it sleeps and nothing was there.
    sleeps: bool,
}

impl World {
    fn new(size: u16, start: u32, event_idx: bool) -> Self {
        let guest = Guest::new(size);
        guest.added.set(start);
        let layout = Layout {
            base: guest.base(start),
            event_idx,
            ..guest.layout()
        };
        let ring = Ring::open(&layout, &guest.memory).unwrap();
        Self {
            guest,
            event_idx,
            ring,
            free_ids: (0..size).collect(),
            free_slots: size.into(),
            available: VecDeque::new(),
            taken: Vec::new(),
            returnable: 0,
            leases: VecDeque::new(),
            seen: VecDeque::new(),
            reaped: start,
            visible: start,
            unannounced: None,
            wish: ENABLE,
            wanted: start,
            sleeps: false,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Add {
                readable,
                writable,
                indirect,
                id,
            } => self.add(&readable, &writable, indirect, id),
            Step::Take { max } => self.take(max),
            Step::Untake { n } => self.untake(n),
            Step::Lease { which } => self.lease(&which),
            Step::Complete { which, written } => self.complete(which, written),
            Step::Reap => self.reap(),
            Step::NeedsCall => self.needs_call(),
            Step::WantCalls { how, distance } => {
                self.wanted = self.reaped + distance;
                self.wish = [ENABLE, DISABLE, DESC][how as usize];
                let event = self.wish | self.guest.event(self.wanted);
                self.guest.set_driver_event(event);
            }
            Step::Arm => {
                let is_there = self.ring.arm();
                assert_eq!(is_there, !self.available.is_empty());
                self.sleeps = !is_there;
                let next = self.guest.added.get() - self.slots_available();
                let wish = if self.event_idx {
                    DESC | self.guest.event(next)
                } else {
                    ENABLE
                };
                assert_eq!(self.guest.device_event(), wish);
            }
            Step::Disarm => {
                self.ring.disarm();
                self.sleeps = false;
                assert_eq!(self.guest.device_event(), DISABLE);
            }
            Step::Reopen => self.reopen(),
        }
        let open = self.leases.iter().filter(|lease| lease.done.is_none());
        let leased: usize = open.map(|lease| lease.chains.len()).sum();
        let in_flight = usize::from(self.ring.in_flight());
        assert_eq!(in_flight, self.taken.len() + leased);
        assert_eq!(self.ring.has_pending(), !self.available.is_empty());
        let next = self.guest.added.get() - self.slots_available();
        let base = self.guest.event(self.visible) << 16 | self.guest.event(next);
        assert_eq!(self.ring.base(), base);
    }

    fn slots_available(&self) -> u32 {
        self.available.iter().map(|chain| chain.slots).sum()
    }

    fn add(&mut self, readable: &[u32], writable: &[u32], indirect: bool, id: usize) {
        let count = readable.len() + writable.len();
        let slots = if indirect { 1 } else { count as u32 };
        if count == 0 || count > usize::from(self.guest.size) || slots > self.free_slots {
            return;
        }
        let id = self.free_ids.swap_remove(id % self.free_ids.len());
        let buf = |&len: &u32| Buf {
            gpa: u64::from(len) * 0x1_0001,
            len,
        };
        let chain = Expected {
            id,
            readable: readable.iter().map(buf).collect(),
            writable: writable.iter().map(buf).collect(),
            slots,
        };
        let readable = chain.readable.iter().map(|buf| (buf, 0));
        let writable = chain.writable.iter().map(|buf| (buf, WRITE));
        let mut descs: Vec<_> = readable
            .chain(writable)
            .map(|(buf, flags)| Desc {
                gpa: buf.gpa,
                // Only the last descriptor's id counts.
                ..Desc::new(buf.len, flags, 0xffff)
            })
            .collect();
        if indirect {
            let table = FREE + TABLE_ROOM * u64::from(id);
            for (desc, index) in descs.iter().zip(0..) {
                self.guest.describe_at(table, index, *desc);
            }
            descs = vec![Desc {
                gpa: GPA + table,
                ..Desc::new(16 * count as u32, INDIRECT, id)
            }];
        } else {
            descs[count - 1].id = id;
            let (_, rest) = descs.split_last_mut().expect("count is not zero");
            rest.iter_mut().for_each(|desc| desc.flags |= NEXT);
        }
        let before = self.guest.added.get();
        self.guest.add(&descs);
        self.free_slots -= slots;
        self.available.push_back(chain);
        if self.sleeps {
            let event = self.guest.device_event();
            assert!(
                event == ENABLE || event == DESC | self.guest.event(before),
                "the device sleeps, and this chain wakes nobody"
            );
            self.sleeps = false;
        }
    }

    fn take(&mut self, max: usize) {
        let taken = take(&mut self.ring, &self.guest, max).expect("the driver is honest");
        assert_eq!(taken.len(), max.min(self.available.len()));
        for (id, readable, writable) in taken {
            let expected = self.available.pop_front().expect("counted");
            assert_eq!(
                (id, &readable, &writable),
                (expected.id, &expected.readable, &expected.writable)
            );
            self.taken.push(expected);
            self.returnable += 1;
        }
        if self.available.is_empty() {
            assert_eq!(self.ring.posted(), self.ring.seen());
        }
    }

    fn untake(&mut self, n: usize) {
        let n = n.min(self.returnable);
        let back = self.taken.split_off(self.taken.len() - n);
        self.ring.untake(back.iter().map(|chain| chain.id));
        back.into_iter()
            .rev()
            .for_each(|chain| self.available.push_front(chain));
        self.returnable -= n;
        // A sleeper that gives chains back knows of them.
        self.sleeps &= n == 0;
    }

    fn lease(&mut self, which: &[usize]) {
        let mut chains = Vec::new();
        for which in which {
            if self.taken.is_empty() {
                break;
            }
            let at = which % self.taken.len();
            chains.push(self.taken.remove(at));
            self.returnable = self.returnable.min(self.taken.len() - at);
        }
        let lease = self.ring.lease(chains.iter().map(|chain| chain.id));
        let slots: u32 = chains.iter().map(|chain| chain.slots).sum();
        assert_eq!(u32::from(lease.count()), slots);
        if chains.is_empty() {
            // A lease of nothing holds nobody up, complete or not.
            return;
        }
        self.leases.push_back(OpenLease {
            lease: Lease::from(u64::from(lease)),
            chains,
            done: None,
        });
    }

    fn complete(&mut self, which: usize, written: u32) {
        let mut open: Vec<_> = self
            .leases
            .iter_mut()
            .filter(|lease| lease.done.is_none())
            .collect();
        if open.is_empty() {
            return;
        }
        let at = which % open.len();
        let open = &mut open[at];
        let used = |chain: &Expected| Used {
            head: chain.id,
            written,
        };
        let entries: Vec<_> = open.chains.iter().map(used).collect();
        self.ring.complete(open.lease, entries.iter().copied());
        open.done = Some(entries);
        while self
            .leases
            .front()
            .is_some_and(|lease| lease.done.is_some())
        {
            let lease = self.leases.pop_front().expect("seen");
            for (chain, used) in lease.chains.into_iter().zip(lease.done.expect("seen")) {
                let first = self.visible;
                self.visible += chain.slots;
                if let Some(unannounced) = &mut self.unannounced {
                    unannounced.extend(first..self.visible);
                }
                self.seen.push_back((first, chain, used));
            }
        }
        let next = self.guest.used(self.visible);
        let is_in_flight = self.visible < self.guest.added.get();
        assert!(
            next.is_none() || !is_in_flight,
            "more is seen than is complete"
        );
    }

    fn reap(&mut self) {
        for (first, chain, used) in self.seen.drain(..) {
            assert_eq!(first, self.reaped);
            assert_eq!(self.guest.used(first), Some((used.head, used.written)));
            self.reaped += chain.slots;
            self.free_slots += chain.slots;
            self.free_ids.push(chain.id);
        }
    }

    fn needs_call(&mut self) {
        let place = |number: &u32| self.guest.place(*number);
        let wanted = match (&self.unannounced, self.wish) {
            (_, DISABLE) => false,
            (Some(passed), DESC) if self.event_idx => {
                passed.iter().map(place).any(|at| at == place(&self.wanted))
            }
            (Some(passed), _) => !passed.is_empty(),
            (None, _) => true,
        };
        assert_eq!(self.ring.needs_call(), wanted);
        self.unannounced = Some(BTreeSet::new());
    }

    fn reopen(&mut self) {
        if self.ring.in_flight() > 0 {
            return;
        }
        let layout = Layout {
            base: self.ring.base(),
            event_idx: self.event_idx,
            ..self.guest.layout()
        };
        self.ring = Ring::open(&layout, &self.guest.memory).unwrap();
        self.unannounced = None;
        self.sleeps = false;
    }
}

proptest! {
    #[test]
    fn every_chain_comes_out_once_and_comes_back_in_the_order_of_the_leases(
        steps in steps(),
        size in 1_u16..40,
        start in 0_u32..80,
        event_idx in any::<bool>(),
    ) {
        let mut world = World::new(size, start, event_idx);
        for step in steps {
            world.step(step);
        }
        // Whatever is still on its way arrives.
        world.take(64);
        world.lease(&vec![0; world.taken.len()]);
        while !world.leases.is_empty() {
            world.complete(0, 1);
        }
        world.reap();
        world.free_ids.sort_unstable();
        prop_assert_eq!(world.free_ids, (0..size).collect::<Vec<_>>());
        prop_assert_eq!((world.free_slots, world.ring.in_flight()), (size.into(), 0));
    }
}
