//! What a lookup costs, and a compilation, as the number of filters grows.
//!
//! `cargo run --release -p vmq --example lookup_speed`
//!
//! Three ways to ask: the same address again and again, known addresses in random order (more of them than the caches
//! hold, when there are many filters), and unknown addresses. "chained" makes each question depend on the answer before, so
//! that the processor cannot work on several at once.

use std::hint::black_box;
use std::time::{Duration, Instant};

use vmq::{
    Affinity, AllocateQueue, Capabilities, Engine, Filter, Learned, Mac, QueueId, Span, Table,
    Tick, VlanId, VlanTest,
};

const LOOKUPS: usize = 1 << 22;
const QUEUES: u16 = 64;

fn main() {
    println!(
        "{:>8}  {:>22}  {:>22}  {:>22}  {:>10}",
        "filters", "same key", "random order", "unknown", "compile"
    );
    println!(
        "{:>8}  {:>22}  {:>22}  {:>22}",
        "", "ns (chained)", "ns (chained)", "ns (chained)"
    );
    for filters in [2, 1000, 100_000] {
        let mut numbers = Numbers(0x5eed);
        let addresses: Vec<_> = (0..filters).map(|_| numbers.address()).collect();
        let mut engine = engine_with(&addresses);
        let table = engine.table();

        let same = vec![addresses[0]; LOOKUPS];
        let random: Vec<_> = (0..LOOKUPS)
            .map(|_| addresses[numbers.below(filters)])
            .collect();
        let unknown: Vec<_> = (0..LOOKUPS).map(|_| numbers.address()).collect();
        let cells = [&same, &random, &unknown].map(|asked| {
            format!(
                "{:.1} ({:.1})",
                best_of(|| ask(&table, asked)),
                best_of(|| ask_chained(&table, asked))
            )
        });
        let compile = compile_time(&mut engine);
        println!(
            "{filters:>8}  {:>22}  {:>22}  {:>22}  {compile:>10.1?}",
            cells[0], cells[1], cells[2]
        );
    }
}

fn engine_with(addresses: &[(VlanId, Mac)]) -> Engine {
    let capabilities = Capabilities {
        num_queues: QUEUES,
        max_filters: 200_000,
        learned_per_queue: 200_000,
        max_age: Span(300),
    };
    let mut engine = Engine::new(capabilities, 0x0123_4567_89ab_cdef);
    let queues: Vec<QueueId> = (0..QUEUES)
        .map(|_| engine.allocate_queue(queue()).expect("a free queue"))
        .collect();
    engine.allocation_complete(&queues);
    for (index, (vlan, mac)) in addresses.iter().enumerate() {
        let learned = engine.learn(queues[index % queues.len()], *vlan, *mac, Tick(0));
        assert_ne!(
            std::mem::discriminant(&learned),
            std::mem::discriminant(&Learned::Known)
        );
    }
    engine
}

fn queue() -> AllocateQueue {
    AllocateQueue {
        queue_name: String::from("queue"),
        vm_name: String::from("vm"),
        flags: 0,
        processor_affinity: Affinity { group: 0, mask: 1 },
    }
}

fn ask(table: &Table, addresses: &[(VlanId, Mac)]) {
    for (vlan, mac) in addresses {
        black_box(table.lookup(*vlan, *mac));
    }
}

fn ask_chained(table: &Table, addresses: &[(VlanId, Mac)]) {
    let mut previous = 0;
    for (vlan, mac) in addresses {
        // Always 0, which the compiler cannot know.
        let nothing = black_box(previous) >> 31 >> 1;
        let hit = table.lookup(VlanId(vlan.0 ^ nothing as u16), *mac);
        previous = hit.map_or(0, |hit| u64::from(hit.entry));
    }
    black_box(previous);
}

/// Nanoseconds a lookup in the best of five runs.
fn best_of(run: impl Fn()) -> f64 {
    let runs = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    runs.min().unwrap_or_default().as_secs_f64() * 1e9 / LOOKUPS as f64
}

/// The best of five compilations, each after one change.
fn compile_time(engine: &mut Engine) -> Duration {
    let mac = Mac([0x52, 0x54, 0, 0xff, 0xff, 0xff]);
    let runs = (0..5).map(|_| {
        let filter = Filter {
            mac,
            vlan: VlanTest::UntaggedOrZero,
        };
        let filter = engine
            .set_filter(QueueId(1), filter)
            .expect("a free filter");
        let start = Instant::now();
        black_box(engine.table());
        let elapsed = start.elapsed();
        engine
            .clear_filter(QueueId(1), filter)
            .expect("the filter just set");
        elapsed
    });
    runs.min().unwrap_or_default()
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
