//! A packed ring over memory that the fuzzer writes, before and between the device's steps.
//!
//! Whatever the memory says, a step ends in chains that keep the rules or in an error, and the ring's own accounts add up.
//! The device's steps are those of an honest port: what a caller must not do is not tried.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shmem::{Array, GuestMemory, Mapping, Region};
use virtq::{Chains, Layout, Lease, Ring, Used};

/// Bytes of guest memory, at guest address 0 so that small numbers in descriptors hit it.
const LEN: usize = 2048;
const UVA: u64 = 0x7f00_0000_0000;
const BURST: usize = 8;

/// Where the areas lie when they lie apart.
const DESCRIPTORS: u64 = 0;
const DRIVER: u64 = 0x200;
const DEVICE: u64 = 0x208;

const NEXT: u8 = 1;
const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    size: u16,
    areas: Areas,
    base: u32,
    /// The base is one of the ring.
    is_base_sound: bool,
    event_idx: bool,
    indirect: bool,
    steps: Vec<Step>,
    memory: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Areas {
    Apart,
    /// At any offset of the memory, even over one another.
    Anywhere([u16; 3]),
    /// At any address.
    Wild([u64; 3]),
}

#[derive(Arbitrary, Debug)]
enum Step {
    Take(u8),
    Untake(u8),
    Lease(u8),
    Complete {
        which: u8,
        written: u32,
    },
    NeedsCall,
    Arm,
    Disarm,
    Posted,
    /// The driver writes a word anywhere.
    Poke {
        at: u16,
        word: u16,
    },
    /// The driver makes descriptors available in the next slots, most of them as it should.
    Add {
        gpa: u16,
        len: u16,
        id: u8,
        flags: u8,
        /// So many slots further on, or of the other round.
        skip: u8,
        other_round: bool,
    },
    Reopen,
}

static MEMORY: LazyLock<(GuestMemory, Array<u16>)> = LazyLock::new(|| {
    let mapping = Mapping::anonymous(LEN).expect("a page");
    let region = Region {
        gpa: 0,
        uva: UVA,
        len: LEN as u64,
        mapping,
        mapping_offset: 0,
        handles: Vec::new(),
    };
    let memory = GuestMemory::new(vec![region]).expect("one region overlaps nothing");
    let words = memory
        .array_at_uva(UVA, LEN / 2)
        .expect("aligned and inside");
    (memory, words)
});

struct Port {
    memory: &'static GuestMemory,
    ring: Ring,
    chains: Chains,
    /// Where the driver makes the next descriptor available: index and wrap counter.
    next: (u16, bool),
    /// Chains taken, by id, that no lease counts.
    taken: Vec<u16>,
    /// Of these, the latest, which were taken one after the other.
    returnable: usize,
    /// In order of leasing, with whether it is complete.
    leases: Vec<(Lease, Vec<u16>, bool)>,
}

impl Port {
    fn open(layout: &Layout, memory: &'static GuestMemory) -> Option<Self> {
        let ring = open(layout, memory)?;
        let base = ring.base();
        Some(Self {
            memory,
            chains: Chains::new(BURST, ring.size()),
            ring,
            next: (base as u16 & 0x7fff, base & 0x8000 != 0),
            taken: Vec::new(),
            returnable: 0,
            leases: Vec::new(),
        })
    }

    fn step(&mut self, step: &Step, words: &Array<u16>, layout: &Layout) -> Option<()> {
        match *step {
            Step::Take(n) => self.take(usize::from(n)),
            Step::Untake(n) => {
                let n = usize::from(n).min(self.returnable);
                let back = self.taken.split_off(self.taken.len() - n);
                self.ring.untake(back.into_iter());
                self.returnable -= n;
            }
            Step::Lease(n) => {
                let n = usize::from(n).min(self.taken.len());
                let heads: Vec<_> = self.taken.drain(..n).collect();
                self.returnable = self.returnable.min(self.taken.len());
                let lease = self.ring.lease(heads.iter().copied());
                assert!(usize::from(lease.count()) >= n, "a chain has a slot");
                if n > 0 {
                    self.leases
                        .push((Lease::from(u64::from(lease)), heads, false));
                }
            }
            Step::Complete { which, written } => self.complete(usize::from(which), written),
            Step::NeedsCall => {
                self.ring.needs_call();
                assert!(!self.ring.needs_call(), "nothing was published in between");
            }
            Step::Arm => assert_eq!(self.ring.arm(), self.ring.has_pending()),
            Step::Disarm => self.ring.disarm(),
            Step::Posted => {
                let more = self.ring.posted().wrapping_sub(self.ring.seen());
                assert!(more <= 1);
            }
            Step::Poke { at, word } => words.write(usize::from(at) % words.count(), word),
            Step::Add {
                gpa,
                len,
                id,
                flags,
                skip,
                other_round,
            } => {
                (0..skip % 4).for_each(|_| self.go_on());
                let round = if self.next.1 != other_round {
                    AVAIL
                } else {
                    USED
                };
                let flags = u16::from(flags & (NEXT | 6)) | round;
                let descriptor = [gpa, 0, 0, 0, len, 0, u16::from(id), flags];
                let at = (layout.desc_uva - UVA) as usize / 2 + 8 * usize::from(self.next.0);
                for (word, i) in descriptor.into_iter().zip(0..) {
                    words.write(at + i, word);
                }
                self.go_on();
            }
            Step::Reopen => {
                let base = self.ring.base();
                *self = Self::open(&Layout { base, ..*layout }, self.memory)?;
                // With chains in flight, an upper half of zero would be taken for one that says nothing.
                if base as u16 == (base >> 16) as u16 {
                    assert_eq!(self.ring.base(), base);
                }
            }
        }
        let open = self.leases.iter().filter(|(.., done)| !done);
        let leased: usize = open.map(|(_, heads, _)| heads.len()).sum();
        let in_flight = usize::from(self.ring.in_flight());
        assert_eq!(in_flight, self.taken.len() + leased);
        assert!(self.ring.in_flight() <= self.ring.size());
        let base = self.ring.base();
        assert!(
            [base, base >> 16]
                .iter()
                .all(|half| half & 0x7fff < u32::from(layout.size))
        );
        Some(())
    }

    /// The driver's next slot.
    fn go_on(&mut self) {
        let (index, wrap) = self.next;
        self.next = if index + 1 < self.ring.size() {
            (index + 1, wrap)
        } else {
            (0, !wrap)
        };
    }

    fn take(&mut self, max: usize) {
        self.chains.clear();
        let judged = self.ring.take(self.memory, max, &mut self.chains);
        match judged {
            Ok(taken) => assert_eq!(taken, self.chains.len()),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(self.ring.has_pending(), "the rule is still broken");
            }
        }
        for chain in self.chains.iter() {
            let bufs = || chain.readable().iter().chain(chain.writable());
            let bytes: u64 = bufs().map(|buf| u64::from(buf.len)).sum();
            assert!(bufs().all(|buf| buf.len > 0));
            assert!((1..=1 << 32).contains(&bytes));
            assert!(bufs().count() <= usize::from(self.ring.size()));
            assert!(chain.head() < self.ring.size());
            assert!(!self.taken.contains(&chain.head()), "one id, one chain");
            self.taken.push(chain.head());
        }
        self.returnable += self.chains.len();
    }

    fn complete(&mut self, which: usize, written: u32) {
        let mut open: Vec<_> = self.leases.iter_mut().filter(|(.., done)| !done).collect();
        if open.is_empty() {
            return;
        }
        let at = which % open.len();
        let (lease, heads, done) = &mut *open[at];
        let entries = heads.iter().map(|&head| Used { head, written });
        self.ring.complete(*lease, entries);
        *done = true;
        let published = self.leases.iter().take_while(|(.., done)| *done).count();
        self.leases.drain(..published);
    }
}

fn open(layout: &Layout, memory: &GuestMemory) -> Option<Ring> {
    let ring = Ring::open(layout, memory).ok()?;
    assert_eq!(ring.size(), layout.size);
    assert!((1..=virtq::MAX_SIZE).contains(&ring.size()));
    Some(ring)
}

fuzz_target!(|input: Input<'_>| {
    let (memory, words) = &*MEMORY;
    let is_apart = matches!(input.areas, Areas::Apart);
    let size = if is_apart {
        1 + input.size % 16
    } else {
        input.size
    };
    let [desc_uva, avail_uva, used_uva] = match input.areas {
        Areas::Apart => [DESCRIPTORS, DRIVER, DEVICE].map(|at| UVA + at),
        Areas::Anywhere(at) => at.map(|at| UVA + u64::from(at) % LEN as u64),
        Areas::Wild(uva) => uva,
    };
    for at in 0..words.count() {
        let byte = |at: usize| input.memory.get(at).copied().unwrap_or(0);
        words.write(at, u16::from_le_bytes([byte(2 * at), byte(2 * at + 1)]));
    }
    let Input {
        event_idx,
        indirect,
        ..
    } = input;
    let base = if input.is_base_sound && size > 0 {
        let half = (input.base & 0x7fff) % u32::from(size) | input.base & 0x8000;
        half << 16 | half
    } else {
        input.base
    };
    let layout = Layout {
        packed: true,
        size,
        desc_uva,
        avail_uva,
        used_uva,
        base,
        event_idx,
        indirect,
    };
    let Some(mut port) = Port::open(&layout, memory) else {
        assert!(
            !is_apart || !input.is_base_sound,
            "a sound layout is refused"
        );
        return;
    };
    for step in &input.steps {
        if port.step(step, words, &layout).is_none() {
            return;
        }
    }
});
