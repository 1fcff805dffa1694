//! The receive path of a VMQ miniport, against a fake of NDIS's boundary that referees it.
//!
//! Two queues for two virtual machines: one with lookahead split, one without. Frames arrive, are indicated and returned; then one
//! queue is freed while drivers above still have its lists, so that FREE_QUEUE pends until they are back.
//!
//!     cargo run --example vmq_miniport --features link

// UNSAFETY: a driver's entry points are called by NDIS with raw pointers, and call NDIS.
#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(non_snake_case)]

#[path = "vmq_miniport/buffers.rs"]
mod buffers;
mod fake_ndis;
#[path = "vmq_miniport/miniport.rs"]
mod miniport;

use fake_ndis::{Miniport, Ndis, Receiver};
use miniport::*;
use ndis::*;

const MACHINE_A: [u8; 6] = [2, 0, 0, 0, 0, 0xA];
const MACHINE_B: [u8; 6] = [2, 0, 0, 0, 0, 0xB];

fn frame(to: [u8; 6], length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..length).map(|at| at as u8).collect();
    frame[..6].copy_from_slice(&to);
    frame
}

fn main() {
    let ndis = Ndis::new();
    let adapter = Adapter::initialize(ndis.adapter()).expect("memory for the default queue");
    ndis.register(Miniport {
        context: adapter.context(),
        oid_request: MiniportOidRequest,
        return_lists: MiniportReturnNetBufferLists,
        send_lists: MiniportSendNetBufferLists,
        halt: MiniportHaltEx,
    });

    let per_queue = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
    let split = per_queue | NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
    let a = ndis
        .allocate_queue(1, split, 64)
        .expect("a queue for machine A");
    let b = ndis
        .allocate_queue(2, per_queue, 0)
        .expect("a queue for machine B");
    let filter_a = ndis.set_filter(a, MACHINE_A).expect("a filter");
    let filter_b = ndis.set_filter(b, MACHINE_B).expect("a filter");
    assert_eq!(ndis.complete_allocation(a), NDIS_STATUS_SUCCESS);
    assert_eq!(ndis.complete_allocation(b), NDIS_STATUS_SUCCESS);
    println!(
        "queues {a} and {b}, {} blocks of shared memory",
        ndis.blocks()
    );

    let sent = [
        frame(MACHINE_A, 1514),
        frame(MACHINE_A, 60),
        frame(MACHINE_B, 600),
    ];
    for frame in &sent {
        assert!(adapter.hardware_receives(frame));
    }
    ndis.run_on(1, || adapter.interrupt(a));
    ndis.run_on(2, || adapter.interrupt(b));
    let received = ndis.received();
    for (received, sent) in received.iter().zip(&sent) {
        println!(
            "queue {} received {} bytes",
            received.queue,
            received.bytes.len()
        );
        assert_eq!(received.bytes, *sent);
    }
    assert_eq!(received.len(), sent.len());

    ndis.receive_by(Receiver::Keeps);
    assert!(adapter.hardware_receives(&frame(MACHINE_B, 100)));
    ndis.run_on(2, || adapter.interrupt(b));
    ndis.clear_filter(b, filter_b);
    assert_eq!(ndis.free_queue(b), NDIS_STATUS_PENDING);
    println!(
        "queue {b} is being freed, {} lists are above",
        ndis.outstanding().len()
    );
    ndis.return_all();
    println!("they are back; {} blocks are left", ndis.blocks());

    ndis.clear_filter(a, filter_a);
    assert_eq!(ndis.free_queue(a), NDIS_STATUS_SUCCESS);
    ndis.halt();
    assert_eq!(ndis.blocks(), 0);
    assert_eq!(ndis.violations(), []);
    println!("no rule was broken");
}

#[test]
fn the_whole_life_of_two_queues_breaks_no_rule() {
    main();
}
