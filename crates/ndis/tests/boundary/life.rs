//! The example's miniport under arbitrary requests, frames, interrupts and returns: it breaks no rule, and what is received is
//! what was sent to that queue, in order.

use std::collections::BTreeMap;

use ndis::*;
use proptest::prelude::*;

use crate::fake_ndis::{Miniport, Ndis, Receiver};
use crate::miniport::*;

#[derive(Clone, Debug)]
enum Step {
    Allocate { processor: u32, lookahead: bool },
    Receive { to: u8, length: usize },
    Interrupt { queue: ULONG },
    Keep(bool),
    ReturnAll,
    ReturnOne(usize),
    Send { on: Vec<USHORT> },
    Free { queue: ULONG },
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0_u32..4, any::<bool>()).prop_map(|(processor, lookahead)| Step::Allocate { processor, lookahead }),
        8 => (0_u8..6, 14_usize..2100).prop_map(|(to, length)| Step::Receive { to, length }),
        4 => (0_u32..6).prop_map(|queue| Step::Interrupt { queue }),
        1 => any::<bool>().prop_map(Step::Keep),
        1 => Just(Step::ReturnAll),
        2 => any::<usize>().prop_map(Step::ReturnOne),
        1 => proptest::collection::vec(0_u16..6, 1..4).prop_map(|on| Step::Send { on }),
        1 => (0_u32..6).prop_map(|queue| Step::Free { queue }),
    ]
}

fn mac(queue: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, queue]
}

/// What the driver above knows of its queues: processor and filter, while frames may come.
type Known = BTreeMap<ULONG, (u32, ULONG)>;

proptest! {
    #[test]
    fn the_miniport_keeps_the_rules_whatever_happens(steps in proptest::collection::vec(a_step(), 0..150)) {
        let ndis = Ndis::new();
        let adapter = Adapter::initialize(ndis.adapter()).expect("memory");
        ndis.register(Miniport {
            context: adapter.context(),
            oid_request: MiniportOidRequest,
            return_lists: MiniportReturnNetBufferLists,
            send_lists: MiniportSendNetBufferLists,
            halt: MiniportHaltEx,
        });
        let mut known = Known::new();
        let mut waiting = BTreeMap::<ULONG, Vec<Vec<u8>>>::new();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Allocate { processor, lookahead } if known.len() < 5 => {
                    let split = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
                    let (flags, size) = if lookahead { (split, 64) } else { (0, 0) };
                    let queue = ndis.allocate_queue(processor, flags, size).expect("a queue");
                    prop_assert_eq!(ndis.complete_allocation(queue), NDIS_STATUS_SUCCESS);
                    let filter = ndis.set_filter(queue, mac(queue as u8)).expect("a filter");
                    known.insert(queue, (processor, filter));
                }
                Step::Allocate { .. } => {}
                Step::Receive { to, length } => {
                    let mut frame: Vec<u8> = (0..length).map(|byte| (byte * 7 + at) as u8).collect();
                    frame[..6].copy_from_slice(&mac(to));
                    let queue = Some(ULONG::from(to)).filter(|queue| known.contains_key(queue)).unwrap_or(0);
                    if adapter.hardware_receives(&frame) {
                        waiting.entry(queue).or_default().push(frame);
                    }
                }
                Step::Interrupt { queue } => {
                    let processor = known.get(&queue).map_or(0, |(processor, _)| *processor);
                    ndis.run_on(processor, || adapter.interrupt(queue));
                    let received = ndis.received();
                    let wanted = waiting.remove(&queue).unwrap_or_default();
                    prop_assert!(received.iter().all(|received| received.queue == queue));
                    let received: Vec<_> = received.into_iter().map(|received| received.bytes).collect();
                    prop_assert_eq!(received, wanted);
                }
                Step::Keep(is_kept) => {
                    ndis.receive_by(if is_kept { Receiver::Keeps } else { Receiver::ReturnsAtOnce });
                }
                Step::ReturnAll => ndis.return_all(),
                Step::ReturnOne(at) => {
                    let above = ndis.outstanding();
                    if !above.is_empty() {
                        ndis.return_lists(&[above[at % above.len()]], 0);
                    }
                }
                Step::Send { on } => {
                    let mut lists = vec![NET_BUFFER_LIST::zeroed(); on.len()];
                    for (list, queue) in lists.iter_mut().zip(on) {
                        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(list, queue);
                    }
                    let sent: Vec<_> = lists.iter_mut().map(|list| list as *mut _).collect();
                    ndis.send(&sent);
                }
                Step::Free { queue } => {
                    if let Some((_, filter)) = known.remove(&queue) {
                        // What has not been indicated is recycled (F8).
                        waiting.remove(&queue);
                        ndis.clear_filter(queue, filter);
                        let status = ndis.free_queue(queue);
                        prop_assert!([NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING].contains(&status));
                    }
                }
            }
            prop_assert_eq!(ndis.violations(), []);
        }
        ndis.halt();
        prop_assert_eq!(ndis.violations(), []);
        prop_assert_eq!((ndis.blocks(), ndis.outstanding().len()), (0, 0));
    }
}
