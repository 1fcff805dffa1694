//! One driver for each rule that breaks it, and the fake that sees it.

use std::cell::{Cell, RefCell};
use std::ptr::null_mut;

use ndis::ffi::*;
use ndis::*;

use crate::fake_ndis::{Miniport, Ndis, Receiver};

const SINGLE: ULONG = NDIS_RECEIVE_FLAGS_SINGLE_QUEUE;
const VALID: ULONG = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;
const RESOURCES: ULONG = NDIS_RECEIVE_FLAGS_RESOURCES;
const ROOM: u32 = 64;

/// A miniport that says yes to everything, leaves FREE_QUEUE pending, and does the rest as a test tells it to.
#[derive(Default)]
struct Yes {
    adapter: Cell<usize>,
    pending: Cell<usize>,
    returned: RefCell<Vec<usize>>,
    /// What becomes of sends, and the flags under which they are completed: `None` if nothing.
    send_status: Cell<Option<(NDIS_STATUS, ULONG)>>,
}

unsafe extern "system" fn oid_request(
    yes: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    unsafe {
        if (*request).DATA.Oid != OID_RECEIVE_FILTER_FREE_QUEUE {
            return NDIS_STATUS_SUCCESS;
        }
        (*yes.cast::<Yes>()).pending.set(request as usize);
    }
    NDIS_STATUS_PENDING
}

unsafe extern "system" fn return_lists(yes: NDIS_HANDLE, lists: *mut NET_BUFFER_LIST, _: ULONG) {
    for nbl in unsafe { view::Chain::from_raw(lists, 0) } {
        let list = nbl.unwrap().as_ptr() as usize;
        unsafe { (*yes.cast::<Yes>()).returned.borrow_mut().push(list) };
    }
}

unsafe extern "system" fn send_lists(
    yes: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _: NDIS_PORT_NUMBER,
    _: ULONG,
) {
    unsafe {
        let yes = &*yes.cast::<Yes>();
        if let Some((status, flags)) = yes.send_status.get() {
            (*lists).Status = status;
            NdisMSendNetBufferListsComplete(yes.adapter.get() as NDIS_HANDLE, lists, flags);
        }
    }
}

unsafe extern "system" fn halt(_: NDIS_HANDLE) {}

/// Queues 1 and 2 are running, on the processors of their numbers, with a block of memory each.
struct World {
    ndis: Box<Ndis>,
    yes: Box<Yes>,
    /// Allocation handle, data handle and address of the block of queues 0 to 2.
    blocks: Vec<(NDIS_HANDLE, NDIS_HANDLE, *mut u8)>,
    filters: Vec<ULONG>,
}

#[repr(C)]
struct Frame {
    list: NET_BUFFER_LIST,
    frame: NET_BUFFER,
    mdl: MDL,
    segment: NET_BUFFER_SHARED_MEMORY,
}

impl World {
    fn new(flags: ULONG) -> Self {
        let (ndis, yes) = (Ndis::new(), Box::<Yes>::default());
        yes.adapter.set(ndis.adapter() as usize);
        ndis.register(Miniport {
            context: (&*yes as *const Yes as *mut Yes).cast(),
            oid_request,
            return_lists,
            send_lists,
            halt,
        });
        let mut world = Self {
            ndis,
            yes,
            blocks: Vec::new(),
            filters: Vec::new(),
        };
        for queue in 1..=2 {
            assert_eq!(world.ndis.allocate_queue(queue, flags, 0), Ok(queue));
            world.filters.push(
                world
                    .ndis
                    .set_filter(queue, [2, 0, 0, 0, 0, queue as u8])
                    .unwrap(),
            );
            assert_eq!(world.ndis.complete_allocation(queue), NDIS_STATUS_SUCCESS);
        }
        for queue in 0..=2 {
            world.allocate(queue);
        }
        world.ndis.receive_by(Receiver::Keeps);
        world
    }

    fn allocate(&mut self, queue: ULONG) {
        let mut parameters = NDIS_SHARED_MEMORY_PARAMETERS::zeroed();
        (parameters.QueueId, parameters.Length) = (queue, ROOM);
        let mut allocation = null_mut();
        let status = unsafe {
            NdisAllocateSharedMemory(self.ndis.adapter(), &mut parameters, &mut allocation)
        };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        self.blocks.push((
            allocation,
            parameters.SharedMemoryHandle,
            parameters.VirtualAddress.cast(),
        ));
    }

    /// A list of a queue over all of the queue's block, which stays for the rest of the run.
    fn list(&self, queue: usize) -> *mut NET_BUFFER_LIST {
        let (_, handle, base) = self.blocks[queue];
        let frame = Box::leak(Box::new(Frame {
            list: NET_BUFFER_LIST::zeroed(),
            frame: NET_BUFFER::zeroed(),
            mdl: MDL::zeroed(),
            segment: NET_BUFFER_SHARED_MEMORY::zeroed(),
        }));
        frame.mdl.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
        frame.mdl.MappedSystemVa = base.cast();
        frame.mdl.ByteCount = ROOM;
        frame.segment.SharedMemoryHandle = handle;
        frame.segment.SharedMemoryLength = ROOM;
        frame.frame.MdlChain = &raw mut frame.mdl;
        frame.frame.CurrentMdl = frame.frame.MdlChain;
        frame.frame.SharedMemoryInfo = &raw mut frame.segment;
        frame.frame.stDataLength = ROOM as usize;
        frame.list.FirstNetBuffer = &raw mut frame.frame;
        frame.list.SourceHandle = self.ndis.adapter();
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut frame.list, queue as USHORT);
        &raw mut frame.list
    }

    fn indicate(&self, processor: u32, lists: &[*mut NET_BUFFER_LIST], flags: ULONG) {
        for pair in lists.windows(2) {
            unsafe { (*pair[0]).Next = pair[1] };
        }
        self.ndis.run_on(processor, || unsafe {
            let count = lists.len() as ULONG;
            NdisMIndicateReceiveNetBufferLists(self.ndis.adapter(), lists[0], 0, count, flags);
        });
    }

    fn start_free(&self, queue: ULONG) {
        self.ndis
            .clear_filter(queue, self.filters[queue as usize - 1]);
        assert_eq!(self.ndis.free_queue(queue), NDIS_STATUS_PENDING);
    }

    fn dma_stopped(&self, queue: ULONG) {
        let mut state = NDIS_RECEIVE_QUEUE_STATE::zeroed();
        (state.QueueId, state.QueueState) = (queue, NdisReceiveQueueOperationalStateDmaStopped);
        let mut indication = NDIS_STATUS_INDICATION::zeroed();
        indication.StatusCode = NDIS_STATUS_RECEIVE_QUEUE_STATE;
        indication.StatusBuffer = (&raw mut state).cast();
        unsafe { NdisMIndicateStatusEx(self.ndis.adapter(), &mut indication) };
    }

    fn free_memory(&self, queue: usize) {
        unsafe { NdisFreeSharedMemory(self.ndis.adapter(), self.blocks[queue].0) };
    }

    fn complete_free(&self) {
        let request = self.yes.pending.get() as *mut NDIS_OID_REQUEST;
        unsafe { NdisMOidRequestComplete(self.ndis.adapter(), request, NDIS_STATUS_SUCCESS) };
    }

    /// The rules broken since the last time, each once.
    fn broken(&self) -> Vec<&'static str> {
        let mut rules: Vec<_> = self
            .ndis
            .violations()
            .into_iter()
            .map(|broken| broken.rule)
            .collect();
        rules.dedup();
        rules
    }
}

const PER_QUEUE: ULONG = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;

#[test]
fn who_keeps_the_rules_breaks_none() {
    let world = World::new(PER_QUEUE);
    let lists = [world.list(1), world.list(1)];
    world.indicate(1, &lists, SINGLE | VALID);
    world.start_free(1);
    world.dma_stopped(1);
    world.ndis.return_all();
    assert_eq!(world.yes.returned.borrow().len(), 2);
    world.free_memory(1);
    world.complete_free();
    assert_eq!(world.broken(), [""; 0]);
}

#[test]
fn r1_a_list_names_its_queue_its_source_and_no_filter_and_has_segments() {
    type Break = fn(&mut NET_BUFFER_LIST);
    let breaks: [Break; 4] = [
        |list| list.SourceHandle = null_mut(),
        |list| NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(list, 1),
        |list| NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(list, 9),
        |list| unsafe { (*list.FirstNetBuffer).SharedMemoryInfo = null_mut() },
    ];
    for break_it in breaks {
        let world = World::new(0);
        let list = world.list(1);
        break_it(unsafe { &mut *list });
        world.indicate(1, &[list], SINGLE);
        assert_eq!(world.broken(), ["R1"]);
    }
}

#[test]
fn r2_the_flag_vouches_for_all_lists_of_the_call() {
    let world = World::new(0);
    let lists = [world.list(1), world.list(0)];
    unsafe { (*(*lists[1]).FirstNetBuffer).SharedMemoryInfo = null_mut() };
    world.indicate(1, &lists, VALID);
    assert_eq!(world.broken(), ["R2"]);
}

#[test]
fn r3_a_queue_with_indications_of_its_own_is_not_mixed() {
    let world = World::new(PER_QUEUE);
    world.indicate(1, &[world.list(1), world.list(0)], VALID);
    assert_eq!(world.broken(), ["R3"]);
    world.indicate(1, &[world.list(1)], VALID);
    assert_eq!(world.broken(), ["R3"], "SINGLE_QUEUE is not said");
    let mixing = World::new(0);
    mixing.indicate(1, &[mixing.list(1), mixing.list(0)], VALID);
    assert_eq!(mixing.broken(), [""; 0], "these queues may be mixed");
    mixing.indicate(1, &[mixing.list(1), mixing.list(0)], VALID | SINGLE);
    assert_eq!(mixing.broken(), ["R3"], "but not under SINGLE_QUEUE");
}

#[test]
fn r4_a_list_is_above_until_it_is_returned() {
    let world = World::new(0);
    let list = world.list(1);
    world.indicate(1, &[list], SINGLE | VALID);
    world.indicate(1, &[list], SINGLE | VALID);
    assert_eq!(world.broken(), ["R4"]);
}

#[test]
fn r4_under_resources_nothing_is_returned() {
    let world = World::new(0);
    let list = world.list(1);
    world.indicate(1, &[list], SINGLE | VALID | RESOURCES);
    world.indicate(1, &[list], SINGLE | VALID | RESOURCES);
    assert_eq!(
        world.broken(),
        [""; 0],
        "it is the miniport's again at once"
    );
    world.ndis.return_lists(&[list], 0);
    assert_eq!(world.broken(), ["R4"]);
    assert!(
        world.yes.returned.borrow().is_empty(),
        "and the miniport does not see it"
    );
}

#[test]
fn r5_a_return_of_a_single_queue_is_of_one() {
    let world = World::new(0);
    let lists = [world.list(1), world.list(2)];
    world.indicate(1, &lists[..1], SINGLE | VALID);
    world.indicate(2, &lists[1..], SINGLE | VALID);
    world
        .ndis
        .return_lists(&lists, NDIS_RETURN_FLAGS_SINGLE_QUEUE);
    assert_eq!(world.broken(), ["R5"]);
}

#[test]
fn r6_indications_of_a_queue_run_on_its_processor() {
    let world = World::new(0);
    world.indicate(2, &[world.list(1)], SINGLE | VALID);
    assert_eq!(world.broken(), ["R6"]);
}

#[test]
fn f1_dma_stops_before_memory_is_freed_and_memory_is_freed_before_the_queue() {
    let world = World::new(0);
    world.start_free(1);
    world.free_memory(1);
    assert_eq!(world.broken(), ["F1"], "DmaStopped comes first");

    let world = World::new(0);
    world.start_free(1);
    world.dma_stopped(1);
    world.complete_free();
    assert_eq!(world.broken(), ["F1"], "the memory is still there");

    let world = World::new(0);
    world.dma_stopped(1);
    assert_eq!(world.broken(), ["F1"], "only FREE_QUEUE stops DMA (Q10)");
}

#[test]
fn f1_memory_is_freed_when_all_lists_are_back() {
    let world = World::new(0);
    world.indicate(1, &[world.list(1)], SINGLE | VALID);
    world.start_free(1);
    world.dma_stopped(1);
    world.free_memory(1);
    assert_eq!(world.broken(), ["F1"]);
}

#[test]
fn f2_dma_stopped_is_indicated_once_and_before_completion() {
    let world = World::new(0);
    world.start_free(1);
    world.dma_stopped(1);
    world.dma_stopped(1);
    assert_eq!(world.broken(), ["F2"]);
    let world = World::new(0);
    world.start_free(1);
    world.complete_free();
    assert!(world.broken().contains(&"F2"));
    world.complete_free();
    assert_eq!(world.broken(), ["F2"], "it is not pending any more");
}

#[test]
fn f3_no_byte_changes_after_dma_was_said_to_have_stopped() {
    let world = World::new(0);
    world.start_free(1);
    world.dma_stopped(1);
    unsafe { *world.blocks[1].2.add(17) ^= 1 };
    world.free_memory(1);
    assert_eq!(world.broken(), ["F3"]);
}

#[test]
fn f4_a_queue_with_filters_an_unknown_queue_and_the_default_queue_are_not_freed() {
    let world = World::new(0);
    for queue in [1, 77, NDIS_DEFAULT_RECEIVE_QUEUE_ID] {
        assert_eq!(world.ndis.free_queue(queue), NDIS_STATUS_INVALID_PARAMETER);
        assert_eq!(world.broken(), ["F4"]);
    }
    assert_eq!(world.yes.pending.get(), 0, "the miniport has not seen it");
}

#[test]
fn f5_memory_of_the_default_queue_is_freed_at_the_halt() {
    let world = World::new(0);
    world.free_memory(0);
    assert_eq!(world.broken(), ["F5"], "not before");
    let world = World::new(0);
    world.ndis.halt();
    assert!(world.broken().contains(&"F5"), "nor never");
}

#[test]
fn f6_a_stale_return_does_not_reach_the_miniport() {
    let (old, new) = (World::new(0), World::new(0));
    let list = old.list(1);
    old.indicate(1, &[list], SINGLE | VALID);
    new.ndis.return_lists(&[list], 0);
    assert_eq!(new.broken(), ["F6"]);
    assert!(new.yes.returned.borrow().is_empty());
}

#[test]
fn f7_a_send_on_a_queue_that_is_gone_does_not_fail() {
    let world = World::new(0);
    for (status, broken) in [
        (Some((NDIS_STATUS_SUCCESS, 0)), &[][..]),
        (Some((NDIS_STATUS_INVALID_PARAMETER, 0)), &["F7"]),
        (None, &["F7"]),
    ] {
        world.yes.send_status.set(status);
        let list = world.list(1);
        unsafe { NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut *list, 0xFFFF) };
        world.ndis.send(&[list]);
        assert_eq!(world.broken(), broken);
    }
}

#[test]
fn x1_sends_are_completed_once_and_under_single_queue_for_one_queue() {
    let world = World::new(0);
    let gone = || {
        let list = world.list(0);
        unsafe { NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut *list, 9) };
        list
    };
    let single = NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE;
    for (lists, flags, broken) in [
        ([world.list(1), world.list(1)], single, &[][..]),
        ([world.list(0), gone()], single, &[]),
        ([world.list(1), world.list(2)], 0, &[]),
        ([world.list(1), world.list(2)], single, &["X1"]),
        ([world.list(1), gone()], single, &["X1"]),
    ] {
        world
            .yes
            .send_status
            .set(Some((NDIS_STATUS_SUCCESS, flags)));
        world.ndis.send(&lists);
        assert_eq!(world.broken(), broken);
        unsafe { NdisMSendNetBufferListsComplete(world.ndis.adapter(), lists[0], 0) };
        assert_eq!(world.broken(), ["X1"], "it was completed before");
    }
}

#[test]
fn f8_nothing_is_indicated_on_a_queue_that_is_being_freed() {
    let world = World::new(0);
    world.start_free(1);
    world.indicate(1, &[world.list(1)], SINGLE | VALID);
    assert_eq!(world.broken(), ["F8"]);
}

#[test]
fn b4_a_segment_beyond_its_block_is_not_believed() {
    let world = World::new(0);
    let list = world.list(1);
    unsafe { (*(*(*list).FirstNetBuffer).SharedMemoryInfo).SharedMemoryOffset = 1 };
    world.indicate(1, &[list], SINGLE | VALID);
    let broken = world.ndis.violations();
    assert_eq!(broken[0].rule, "B4");
    assert!(
        broken[0]
            .what
            .contains("NET_BUFFER_SHARED_MEMORY.SharedMemoryLength"),
        "{broken:?}"
    );
}

#[test]
fn m3_the_two_handles_of_a_block_are_not_mixed() {
    let world = World::new(0);
    unsafe { NdisFreeSharedMemory(world.ndis.adapter(), world.blocks[1].1) };
    assert_eq!(world.broken(), ["M3"]);
}

#[test]
fn q7_nothing_is_indicated_on_a_queue_without_filters() {
    let world = World::new(0);
    world.ndis.clear_filter(1, world.filters[0]);
    world.indicate(1, &[world.list(1)], SINGLE | VALID);
    assert_eq!(world.broken(), ["Q7"]);
}
