//! The ring against a model so plain that it is right by sight: lists of chains that move from one to the next.
//!
//! ```text
//! free descriptors ──add──> available ──take──> taken ──lease, complete──> published ──reap──> free descriptors
//!                                    <──untake──
//! ```

use std::collections::{BTreeSet, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;
use virtq::{Buf, Chain, Chains, Layout, Lease, Ring, Used};

use crate::guest::{Desc, FREE, GPA, Guest, INDIRECT, NEXT, WRITE};

/// Room for the indirect table of each head.
const TABLE_ROOM: u64 = 16 * 8;

#[derive(Clone, Debug)]
enum Step {
    /// Make a chain available; the last `indirect` buffers through a table.
    Add {
        readable: Vec<u32>,
        writable: Vec<u32>,
        indirect: usize,
    },
    Take {
        max: usize,
    },
    Untake {
        n: u16,
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
    /// How far from the used index the driver wants its next call, and its flag.
    WantCalls {
        distance: u16,
        flag: bool,
    },
    Arm,
    Disarm,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lens = || vec(1_u32..100_000, 0..4);
    let step = prop_oneof![
        8 => (lens(), lens(), 0_usize..8).prop_map(|(readable, writable, indirect)| Step::Add { readable, writable, indirect }),
        8 => (0_usize..5).prop_map(|max| Step::Take { max }),
        2 => (0_u16..4).prop_map(|n| Step::Untake { n }),
        4 => vec(any::<usize>(), 0..5).prop_map(|which| Step::Lease { which }),
        6 => (any::<usize>(), any::<u32>()).prop_map(|(which, written)| Step::Complete { which, written }),
        3 => Just(Step::Reap),
        3 => Just(Step::NeedsCall),
        2 => (0_u16..6, any::<bool>()).prop_map(|(distance, flag)| Step::WantCalls { distance: distance.wrapping_sub(2), flag }),
        2 => Just(Step::Arm),
        1 => Just(Step::Disarm),
    ];
    vec(step, 1..200)
}

#[derive(Clone, Debug, PartialEq)]
struct Expected {
    head: u16,
    readable: Vec<Buf>,
    writable: Vec<Buf>,
    /// Descriptors of the ring's table that it occupies.
    descriptors: Vec<u16>,
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
    free: Vec<u16>,
    available: VecDeque<Expected>,
    /// In the order of taking; the last `returnable` were taken one after the other, and none since was leased.
    taken: Vec<Expected>,
    returnable: usize,
    leases: VecDeque<OpenLease>,
    published: VecDeque<(Expected, Used)>,
    reaped: u16,
    /// Used indices that became visible since calls were last asked about; `None` before the first time.
    unannounced: Option<BTreeSet<u16>>,
    used_event: u16,
    no_interrupt: bool,
    /// What the device last said: it sleeps and nothing was there.
    sleeps: bool,
    no_notify: bool,
}

impl World {
    fn new(size: u16, start: u16, event_idx: bool) -> Self {
        let guest = Guest::new(size);
        guest.set_avail_idx(start);
        guest.set_used_idx(start);
        guest.set_used_event(start);
        let layout = Layout {
            base: start.into(),
            event_idx,
            ..guest.layout()
        };
        let ring = Ring::open(&layout, &guest.memory).unwrap();
        Self {
            guest,
            event_idx,
            ring,
            free: (0..size).collect(),
            available: VecDeque::new(),
            taken: Vec::new(),
            returnable: 0,
            leases: VecDeque::new(),
            published: VecDeque::new(),
            reaped: start,
            unannounced: None,
            used_event: start,
            no_interrupt: false,
            sleeps: false,
            no_notify: false,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Add {
                readable,
                writable,
                indirect,
            } => self.add(&readable, &writable, indirect),
            Step::Take { max } => self.take(max),
            Step::Untake { n } => self.untake(n),
            Step::Lease { which } => self.lease(&which),
            Step::Complete { which, written } => self.complete(which, written),
            Step::Reap => self.reap(),
            Step::NeedsCall => self.needs_call(),
            Step::WantCalls { distance, flag } => {
                self.used_event = self.guest.used_idx().wrapping_add(distance);
                self.no_interrupt = flag;
                if self.event_idx {
                    self.guest.set_used_event(self.used_event);
                }
                self.guest.set_avail_flags(u16::from(flag));
            }
            Step::Arm => {
                let is_there = self.ring.arm();
                assert_eq!(is_there, !self.available.is_empty());
                self.sleeps = !is_there;
                self.no_notify = false;
            }
            Step::Disarm => {
                self.ring.disarm();
                self.no_notify = !self.event_idx;
                self.sleeps = self.sleeps && self.event_idx;
            }
        }
        let leased: usize = self.leases.iter().map(|lease| lease.chains.len()).sum();
        assert_eq!(
            usize::from(self.ring.in_flight()),
            self.taken.len() + leased
        );
        assert_eq!(self.ring.has_pending(), !self.available.is_empty());
        assert_eq!(self.guest.used_flags(), u16::from(self.no_notify));
    }

    fn add(&mut self, readable: &[u32], writable: &[u32], indirect: usize) {
        let count = readable.len() + writable.len();
        let indirect = indirect.min(count);
        let direct = count - indirect + usize::from(indirect > 0);
        if count == 0 || count > usize::from(self.guest.size) || direct > self.free.len() {
            return;
        }
        let buf = |len| Buf {
            gpa: u64::from(len) * 0x1_0001,
            len,
        };
        let expected = |descriptors: Vec<u16>| Expected {
            head: descriptors[0],
            readable: readable.iter().copied().map(buf).collect(),
            writable: writable.iter().copied().map(buf).collect(),
            descriptors,
        };
        let chain = expected(self.free.drain(..direct).collect());
        let flags = (0..count).map(|i| if i < readable.len() { 0 } else { WRITE });
        let descs: Vec<_> = chain
            .readable
            .iter()
            .chain(&chain.writable)
            .zip(flags)
            .map(|(buf, flags)| Desc {
                gpa: buf.gpa,
                ..Desc::new(buf.len, flags, 0)
            })
            .collect();
        let (in_ring, in_table) = descs.split_at(count - indirect);
        let mut in_ring = in_ring.to_vec();
        if indirect > 0 {
            let table = FREE + TABLE_ROOM * u64::from(chain.head);
            for (desc, i) in in_table.iter().zip(0..) {
                let link = if usize::from(i) + 1 < indirect {
                    NEXT
                } else {
                    0
                };
                self.guest.describe_at(
                    table,
                    i,
                    Desc {
                        flags: desc.flags | link,
                        next: i + 1,
                        ..*desc
                    },
                );
            }
            in_ring.push(Desc {
                gpa: GPA + table,
                ..Desc::new(16 * indirect as u32, INDIRECT, 0)
            });
        }
        for (i, desc) in in_ring.iter().enumerate() {
            let next = chain.descriptors.get(i + 1).copied();
            let link = if next.is_some() { NEXT } else { 0 };
            let next = next.unwrap_or(0xffff);
            self.guest.describe(
                chain.descriptors[i],
                Desc {
                    flags: desc.flags | link,
                    next,
                    ..*desc
                },
            );
        }
        let before = self.guest.avail_idx();
        self.guest.add(chain.head);
        self.available.push_back(chain);
        if self.sleeps {
            let kicks = if self.event_idx {
                self.guest.avail_event() == before
            } else {
                self.guest.used_flags() & 1 == 0
            };
            assert!(kicks, "the device sleeps, and this chain wakes nobody");
            self.sleeps = false;
        }
    }

    fn take(&mut self, max: usize) {
        let mut chains = Chains::new(8, self.guest.size);
        let taken = self
            .ring
            .take(&self.guest.memory, max, &mut chains)
            .expect("the driver is honest");
        assert_eq!(taken, max.min(self.available.len()));
        assert_eq!(taken, chains.len());
        for (chain, expected) in chains.iter().zip(self.available.drain(..taken)) {
            assert_is(chain, &expected);
            self.taken.push(expected);
        }
        self.returnable += taken;
    }

    fn untake(&mut self, n: u16) {
        let n = usize::from(n).min(self.returnable);
        let back = self.taken.split_off(self.taken.len() - n);
        self.ring.untake(back.iter().map(|chain| chain.head));
        for chain in back.into_iter().rev() {
            self.available.push_front(chain);
        }
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
        let lease = self
            .ring
            .lease(chains.iter().map(|chain: &Expected| chain.head));
        assert_eq!(usize::from(lease.count()), chains.len());
        if chains.is_empty() {
            // A lease of nothing holds nobody up, complete or not.
            return;
        }
        self.leases.push_back(OpenLease {
            lease,
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
        let entries: Vec<_> = open
            .chains
            .iter()
            .map(|chain| Used {
                head: chain.head,
                written,
            })
            .collect();
        self.ring.complete(open.lease, entries.iter().copied());
        open.done = Some(entries);
        while self
            .leases
            .front()
            .is_some_and(|lease| lease.done.is_some())
        {
            let lease = self.leases.pop_front().expect("seen");
            for published in lease.chains.into_iter().zip(lease.done.expect("seen")) {
                let index = self.reaped.wrapping_add(self.published.len() as u16);
                self.published.push_back(published);
                if let Some(unannounced) = &mut self.unannounced {
                    unannounced.insert(index);
                }
            }
        }
        assert_eq!(
            self.guest.used_idx(),
            self.reaped.wrapping_add(self.published.len() as u16)
        );
    }

    fn reap(&mut self) {
        for (chain, used) in self.published.drain(..) {
            assert_eq!(
                self.guest.used(self.reaped),
                (u32::from(used.head), used.written)
            );
            self.reaped = self.reaped.wrapping_add(1);
            self.free.extend(chain.descriptors);
        }
    }

    /// The driver asked to be called when the element at `used_event` becomes visible.
    fn needs_call(&mut self) {
        let wanted = match &self.unannounced {
            Some(published) if self.event_idx => published.contains(&self.used_event),
            Some(published) => !published.is_empty() && !self.no_interrupt,
            None => self.event_idx || !self.no_interrupt,
        };
        assert_eq!(self.ring.needs_call(), wanted);
        self.unannounced = Some(BTreeSet::new());
    }
}

fn assert_is(chain: Chain<'_>, expected: &Expected) {
    assert_eq!(chain.head(), expected.head);
    assert_eq!(chain.readable(), expected.readable);
    assert_eq!(chain.writable(), expected.writable);
}

proptest! {
    #[test]
    fn every_chain_comes_out_once_and_comes_back_in_publish_order(
        steps in steps(),
        size_shift in 0_u32..6,
        start in prop_oneof![Just(0_u16), 0xffe0..=0xffff_u16],
        event_idx in any::<bool>(),
    ) {
        let mut world = World::new(1 << size_shift, start, event_idx);
        for step in steps {
            world.step(step);
        }
        // Whatever is still on its way arrives.
        while !world.available.is_empty() {
            world.take(3);
        }
        world.lease(&vec![0; world.taken.len()]);
        while !world.leases.is_empty() {
            world.complete(0, 1);
        }
        world.reap();
        world.free.sort_unstable();
        let all: Vec<_> = (0..1 << size_shift).collect();
        prop_assert_eq!(world.free, all);
        prop_assert_eq!(world.ring.in_flight(), 0);
    }
}
