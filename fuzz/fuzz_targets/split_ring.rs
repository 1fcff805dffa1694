//! A split ring over memory that the fuzzer writes, before and between the device's steps.
//!
//! Whatever the memory says, a step ends in a chain that keeps the rules or in an error, and the ring's own accounts add up.
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

/// Where the areas lie when they lie apart.
const TABLE: u64 = 0;
const AVAIL: u64 = 0x200;
const USED: u64 = 0x300;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    size: Size,
    areas: Areas,
    next_avail: u16,
    event_idx: bool,
    indirect: bool,
    /// The avail index in memory is where the device goes on.
    starts_in_step: bool,
    steps: Vec<Step>,
    memory: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Size {
    Shift(u8),
    Any(u16),
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
    /// The driver writes a word anywhere.
    Poke {
        at: u16,
        word: u16,
    },
    /// The driver writes a descriptor that is not all nonsense.
    Describe {
        index: u8,
        gpa: u16,
        len: u16,
        flags: u8,
        next: u8,
    },
    /// The driver makes a head available, as it should.
    Add {
        head: u16,
    },
    Reopen,
}

/// The most chains of a burst.
const BURST: usize = 8;

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
    next_avail: u16,
    /// Chains taken, by head, that no lease counts.
    taken: Vec<u16>,
    /// Of these, the latest, which were taken one after the other.
    returnable: usize,
    /// In order of leasing, with whether it is complete.
    leases: Vec<(Lease, Vec<u16>, bool)>,
}

impl Port {
    fn open(layout: &Layout, memory: &'static GuestMemory) -> Option<Self> {
        let ring = open(layout, memory)?;
        let next_avail = layout.base as u16;
        Some(Self {
            memory,
            chains: Chains::new(BURST, ring.size()),
            ring,
            next_avail,
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
                self.next_avail = self.next_avail.wrapping_sub(n as u16);
            }
            Step::Lease(n) => {
                let n = usize::from(n).min(self.taken.len());
                let heads: Vec<_> = self.taken.drain(..n).collect();
                self.returnable = self.returnable.min(self.taken.len());
                let lease = self.ring.lease(heads.iter().copied());
                assert_eq!(usize::from(lease.count()), n);
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
            Step::Arm => {
                self.ring.arm();
            }
            Step::Disarm => self.ring.disarm(),
            Step::Poke { at, word } => words.write(usize::from(at) % words.count(), word),
            Step::Describe {
                index,
                gpa,
                len,
                flags,
                next,
            } => {
                let size = layout.size;
                let at = (layout.desc_uva - UVA) as usize / 2
                    + 8 * usize::from(u16::from(index) & (size - 1));
                let descriptor = [
                    gpa,
                    0,
                    0,
                    0,
                    len,
                    0,
                    u16::from(flags & 7),
                    u16::from(next) & (size - 1),
                ];
                for (word, i) in descriptor.into_iter().zip(0..) {
                    words.write(at + i, word);
                }
            }
            Step::Add { head } => {
                let avail = (layout.avail_uva - UVA) as usize / 2;
                let idx = words.read(avail + 1);
                words.write(
                    avail + 2 + usize::from(idx & (layout.size - 1)),
                    head & (layout.size - 1),
                );
                words.write(avail + 1, idx.wrapping_add(1));
            }
            Step::Reopen => {
                self.ring = open(
                    &Layout {
                        base: self.next_avail.into(),
                        ..*layout
                    },
                    self.memory,
                )?;
                self.taken.clear();
                self.returnable = 0;
                self.leases.clear();
            }
        }
        let leased: usize = self.leases.iter().map(|(_, heads, _)| heads.len()).sum();
        assert_eq!(
            usize::from(self.ring.in_flight()),
            self.taken.len() + leased
        );
        assert!(self.ring.in_flight() <= self.ring.size());
        assert_eq!(self.ring.base(), u32::from(self.next_avail));
        Some(())
    }

    fn take(&mut self, max: usize) {
        self.chains.clear();
        let judged = self.ring.take(self.memory, max, &mut self.chains);
        match judged {
            Ok(taken) => assert_eq!(taken, self.chains.len()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        for chain in self.chains.iter() {
            let bufs = || chain.readable().iter().chain(chain.writable());
            let bytes: u64 = bufs().map(|buf| u64::from(buf.len)).sum();
            assert!(bufs().all(|buf| buf.len > 0));
            assert!((1..=1 << 32).contains(&bytes));
            assert!(bufs().count() <= usize::from(self.ring.size()));
            assert!(chain.head() < self.ring.size());
            self.taken.push(chain.head());
        }
        self.returnable += self.chains.len();
        self.next_avail = self.next_avail.wrapping_add(self.chains.len() as u16);
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
    assert!(
        ring.size() == layout.size
            && ring.size().is_power_of_two()
            && ring.size() <= virtq::MAX_SIZE
    );
    Some(ring)
}

fuzz_target!(|input: Input<'_>| {
    let (memory, words) = &*MEMORY;
    let size = match input.size {
        Size::Shift(shift) => 1 << (shift % 5),
        Size::Any(size) => size,
    };
    let is_apart = matches!(input.areas, Areas::Apart);
    let [desc_uva, avail_uva, used_uva] = match input.areas {
        Areas::Apart => [TABLE, AVAIL, USED].map(|at| UVA + at),
        Areas::Anywhere(at) => at.map(|at| UVA + u64::from(at) % LEN as u64),
        Areas::Wild(uva) => uva,
    };
    for at in 0..words.count() {
        let byte = |at: usize| input.memory.get(at).copied().unwrap_or(0);
        words.write(at, u16::from_le_bytes([byte(2 * at), byte(2 * at + 1)]));
    }
    let Input {
        next_avail,
        event_idx,
        indirect,
        ..
    } = input;
    let layout = Layout {
        size,
        desc_uva,
        avail_uva,
        used_uva,
        packed: false,
        base: next_avail.into(),
        event_idx,
        indirect,
    };
    let avail = avail_uva.wrapping_sub(UVA) as usize / 2;
    if input.starts_in_step && avail < LEN / 2 - 1 {
        words.write(avail + 1, next_avail);
    }
    let Some(mut port) = Port::open(&layout, memory) else {
        assert!(
            !is_apart || size > 16 || !size.is_power_of_two(),
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
