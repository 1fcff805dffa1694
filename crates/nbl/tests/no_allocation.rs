//! After [`Pool::new`] nothing is allocated: not for a frame, a chain, a queue, a classifier or a copy.

use nbl::{BURST, Classifier, NblQueue, Pool, ReceiveChain, transfer};
use shmem::{BlockRegistry, GuestMemory, Mapping, Region};
use testkit::alloc::{Count, Counting, measure};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEMORY: usize = 1 << 20;

#[test]
fn a_burst_does_not_allocate() {
    let mut registry = BlockRegistry::new();
    let mapping = Mapping::anonymous(MEMORY).unwrap();
    let handles = registry.register(&mapping, 0, MEMORY as u64);
    let to = handles[0];
    let region = Region {
        gpa: 0,
        uva: 0,
        len: MEMORY as u64,
        mapping,
        mapping_offset: 0,
        handles,
    };
    let memory = GuestMemory::new(vec![region]).unwrap();
    let mut pool = Pool::new(BURST, 1024).unwrap();
    let lookahead = registry.register(pool.lookahead(), 0, pool.lookahead().len());
    pool.set_lookahead_handle(lookahead[0]);
    let blocks = registry.snapshot();

    let mut copied = 0;
    let heap = measure(|| {
        for _ in 0..3 {
            pool.reset();
            let mut burst = NblQueue::new();
            let mut classes = Classifier::new();
            for frame in 0..BURST as u64 {
                let chain = [(frame * 4096, 412), (frame * 4096 + 1000, 1114)];
                burst.push(pool.build(&memory, chain, 12, 1514).unwrap());
            }
            assert!(
                pool.build(&memory, [(0, 100)], 12, 1514).is_err(),
                "errors included"
            );
            while let Some(frame) = burst.front() {
                let mut run = burst.split_behind(frame, 1);
                assert!(classes.append(frame.token() as u32 % 5, &mut run).is_ok());
            }
            for (_, mut frames) in classes.drain() {
                pool.rewind_receive();
                while let Some(frame) = frames.pop_front() {
                    let mut receive = ReceiveChain::new();
                    assert!(
                        receive.push(&pool, to, 2048, 1000) && receive.push(&pool, to, 8192, 514)
                    );
                    frame.set_receive(Some(receive));
                    copied += transfer(&blocks, frame, receive).unwrap();
                }
            }
        }
    });
    assert_eq!(copied, 3 * BURST as u32 * 1514);
    assert_eq!(heap, Count::default());
}
