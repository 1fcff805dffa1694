//! What a lookup costs as the number of filters grows, and what control pays for it.
//!
//! `cargo run --release -p vmq --example lookup_speed`
//!
//! Lookups, in nanoseconds each: the same address again and again; known addresses in random order, which the caches do
//! not hold when there are many; the same, but each question waiting for the answer before, so that the processor cannot
//! work on several at once; unknown addresses. Control: learning an address, compiling the table after a change, looking
//! for addresses to forget.
//!
//! Then what filters cost that are not exact and are tried one by one: a frame that passes none of them and goes by a learned
//! filter, so all are tried, and one that goes by an exact filter with a lower id, so none is.

use std::hint::black_box;
use std::time::{Duration, Instant};

use vmq::{
    Affinity, AllocateQueue, Binding, Capabilities, Criteria, Engine, Facts, Field, FieldTest,
    Filter, Learned, Mac, QueueId, Settings, Table, Test, Tick, VlanId, VlanTest,
};

/// Of these, the best run of `A_RUN` lookups counts: short enough that a busy machine leaves some undisturbed.
const LOOKUPS: usize = 1 << 22;
const A_RUN: usize = 1 << 15;
const QUEUES: u16 = 64;
const RUNS: usize = 20;

const CAPABILITIES: Capabilities = Capabilities {
    learned_per_queue: 200_000,
    filter_tests: u32::MAX,
    mac_fields: u32::MAX,
    ..Capabilities::new(QUEUES, 200_000)
};
const BY: Binding = Binding(0);
const HASH_SEED: u64 = 0x0123_4567_89ab_cdef;

/// A frame, but for whom it is for.
const FRAME: Facts = Facts {
    destination: Mac([0; 6]),
    source: Mac([0x52, 0, 0, 0, 0, 3]),
    vlan: VlanId::UNTAGGED,
    priority: 0,
    protocol: 0x0800,
};

fn main() {
    println!(" filters  same key   random  chained  unknown     learn     compile         age");
    for filters in [2, 16, 128, 1000, 10_000, 100_000] {
        exact(filters);
    }
    println!("\n general  none passes  not tried");
    for filters in [0, 1, 2, 4, 8, 16, 64] {
        general(filters);
    }
}

/// One row: so many filters that a hash finds.
fn exact(filters: usize) {
    let mut numbers = Numbers(0x5eed);
    let addresses: Vec<_> = (0..filters).map(|_| numbers.address()).collect();
    let same = vec![addresses[0]; LOOKUPS];
    let random: Vec<_> = (0..LOOKUPS)
        .map(|_| addresses[numbers.below(filters)])
        .collect();
    let unknown: Vec<_> = (0..LOOKUPS).map(|_| numbers.address()).collect();

    let mut engine = Engine::new(CAPABILITIES, Settings::default(), HASH_SEED);
    let learn = learn(&mut engine, &addresses) / filters as u32;
    let table = engine.table();
    println!(
        "{filters:>8}  {:>8.1} {:>8.1} {:>8.1} {:>8.1} {learn:>9.0?} {:>11.1?} {:>11.1?}",
        per_lookup(&table, ask, &same),
        per_lookup(&table, ask, &random),
        per_lookup(&table, ask_chained, &random),
        per_lookup(&table, ask, &unknown),
        best_of(|| compile(&mut engine)),
        best_of(|| timed(|| assert!(engine.age(Tick(1)).is_empty()))),
    );
}

/// One row: so many filters that are tried one by one, each with two tests the second of which fails.
fn general(filters: usize) {
    let mut engine = Engine::new(CAPABILITIES, Settings::default(), HASH_SEED);
    let known = (VlanId::UNTAGGED, Mac([0x52, 0, 0, 0, 0, 1]));
    let learned = (VlanId::UNTAGGED, Mac([0x52, 0, 0, 0, 0, 2]));
    let exact = Filter {
        mac: known.1,
        vlan: VlanTest::UntaggedOrZero,
    };
    learn(&mut engine, &[learned]);
    let mut set = |criteria: Criteria| {
        let set = engine.set_filter(BY, QueueId(1), criteria);
        set.expect("a free filter")
    };
    set(exact.into());
    for number in 0..filters as u64 {
        let source = Test::NotEqual(number);
        let protocol = Test::Equal(u64::from(FRAME.protocol) + 1 + number);
        let fields = [(Field::Source, source), (Field::Protocol, protocol)];
        let fields = fields.map(|(field, test)| FieldTest { field, test });
        set(Criteria::new(fields.into(), false));
    }
    let table = engine.table();
    println!(
        "{filters:>8}  {:>11.1} {:>10.1}",
        per_lookup(&table, classify, &vec![learned; LOOKUPS]),
        per_lookup(&table, classify, &vec![known; LOOKUPS]),
    );
}

/// Nanoseconds, in the best of the runs.
fn per_lookup(table: &Table, run: fn(&Table, &[(VlanId, Mac)]), asked: &[(VlanId, Mac)]) -> f64 {
    let runs = asked
        .chunks_exact(A_RUN)
        .map(|asked| timed(|| run(table, asked)));
    runs.min().unwrap_or_default().as_secs_f64() * 1e9 / A_RUN as f64
}

fn ask(table: &Table, addresses: &[(VlanId, Mac)]) {
    for (vlan, mac) in addresses {
        black_box(table.lookup(*vlan, *mac));
    }
}

fn classify(table: &Table, addresses: &[(VlanId, Mac)]) {
    for (vlan, destination) in addresses {
        let facts = || Facts {
            destination: *destination,
            vlan: *vlan,
            ..FRAME
        };
        black_box(table.classify(*vlan, *destination, facts));
    }
}

fn ask_chained(table: &Table, addresses: &[(VlanId, Mac)]) {
    let mut previous = 0;
    for (vlan, mac) in addresses {
        // Always 0, which the compiler cannot know.
        let nothing = (black_box(previous) >> 32) as u16;
        let hit = table.lookup(VlanId(vlan.0 ^ nothing), *mac);
        previous = hit.map_or(0, |hit| u64::from(hit.queue.0));
    }
    black_box(previous);
}

/// Time to learn all addresses, each the first time.
fn learn(engine: &mut Engine, addresses: &[(VlanId, Mac)]) -> Duration {
    let parameters = AllocateQueue {
        queue_name: String::from("queue"),
        vm_name: String::from("vm"),
        processor_affinity: Affinity { group: 0, mask: 1 },
        ..AllocateQueue::default()
    };
    let allocate = |_| {
        engine
            .allocate_queue(BY, parameters.clone())
            .expect("a free queue")
    };
    let queues: Vec<QueueId> = (0..QUEUES).map(allocate).collect();
    engine.allocation_complete(BY, &queues, |_, _| Ok(()));
    timed(|| {
        for (queue, (vlan, mac)) in queues.iter().cycle().zip(addresses) {
            assert_eq!(engine.learn(*queue, *vlan, *mac, Tick(0)), Learned::New);
        }
    })
}

/// Time to compile after one change.
fn compile(engine: &mut Engine) -> Duration {
    let filter = Filter {
        mac: Mac([0xfe; 6]),
        vlan: VlanTest::UntaggedOrZero,
    };
    let filter = engine
        .set_filter(BY, QueueId(1), filter)
        .expect("a free filter");
    let elapsed = timed(|| drop(black_box(engine.table())));
    engine
        .clear_filter(BY, QueueId(1), filter)
        .expect("the filter just set");
    elapsed
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn best_of(mut run: impl FnMut() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().unwrap_or_default()
}

/// Xorshift64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn address(&mut self) -> (VlanId, Mac) {
        let [a, b, c, d, e, vlan, ..] = self.next().to_le_bytes();
        (VlanId(u16::from(vlan % 4)), Mac([0x52, a, b, c, d, e]))
    }
}
