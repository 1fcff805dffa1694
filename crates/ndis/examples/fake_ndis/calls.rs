//! The functions of NDIS that a miniport calls, and the referee of freeing and of sends: F1 to F3, F5, F7, X1.

use std::collections::btree_map::Entry;
use std::collections::BTreeSet;

use ndis::ffi::*;
use ndis::*;

use super::requests::Request;
use super::{adapter, apart, Ndis, Shared};

// SAFETY, for each function below: a driver calls NDIS with the handle of its adapter and with pointers to what they say.

#[no_mangle]
unsafe extern "system" fn NdisAllocateSharedMemory(
    handle: NDIS_HANDLE,
    parameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
    allocation: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    // SAFETY: as above.
    let (ndis, parameters, allocation) =
        unsafe { (adapter(handle), &mut *parameters, &mut *allocation) };
    let mut state = ndis.state.borrow_mut();
    *allocation = std::ptr::null_mut();
    if parameters.Length == 0 || !state.queues.contains_key(&parameters.QueueId) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    state.last_block += 16;
    let (key, base) = (
        0xA0_0000 + state.last_block,
        Box::into_raw(vec![0; parameters.Length as usize].into_boxed_slice()),
    );
    let shared = Shared {
        queue: parameters.QueueId,
        handle: (0x50_0000 + state.last_block) as NDIS_HANDLE,
        base,
        at_stop: None,
    };
    parameters.SharedMemoryHandle = shared.handle;
    parameters.VirtualAddress = base.cast();
    *allocation = key as NDIS_HANDLE;
    state.blocks.insert(key, shared);
    NDIS_STATUS_SUCCESS
}

#[no_mangle]
unsafe extern "system" fn NdisFreeSharedMemory(handle: NDIS_HANDLE, allocation: NDIS_HANDLE) {
    // SAFETY: as above.
    let ndis = unsafe { adapter(handle) };
    let mut state = ndis.state.borrow_mut();
    let block = match state.blocks.entry(allocation as usize) {
        Entry::Occupied(block) => block.remove(),
        Entry::Vacant(_) => {
            return state.broken("M3", "NdisFreeSharedMemory takes the allocation's handle");
        }
    };
    let queue = block.queue;
    if state
        .outstanding
        .values()
        .any(|outstanding| *outstanding == queue)
    {
        let what = format!("memory of queue {queue} was freed before all its lists were back");
        state.broken("F1", what);
    }
    let is_dma_stopped = state
        .queues
        .get(&queue)
        .map_or(true, |known| known.is_dma_stopped);
    if queue == 0 && !state.is_halting {
        state.broken(
            "F5",
            "memory of the default queue was freed before the halt",
        );
    } else if queue != 0 && !is_dma_stopped {
        let what = format!("memory of queue {queue} was freed before DMA was said to have stopped");
        state.broken("F1", what);
    }
    if block
        .at_stop
        .as_ref()
        .map_or(false, |before| *before != block.bytes())
    {
        let what = format!("memory of queue {queue} changed after DMA was said to have stopped");
        state.broken("F3", what);
    }
}

#[no_mangle]
unsafe extern "system" fn NdisMIndicateReceiveNetBufferLists(
    handle: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _port: NDIS_PORT_NUMBER,
    count: ULONG,
    flags: ULONG,
) {
    // SAFETY: as above.
    unsafe { adapter(handle) }.indicated(lists, count, flags);
}

#[no_mangle]
unsafe extern "system" fn NdisMSendNetBufferListsComplete(
    handle: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: as above.
    let ndis = unsafe { adapter(handle) };
    let mut queues = BTreeSet::new();
    for list in apart(lists) {
        let mut state = ndis.state.borrow_mut();
        match state.sends.remove(&(list as usize)) {
            Some(queue) => {
                queues.insert(queue);
            }
            None => state.broken("X1", "a list was completed that nobody sent"),
        }
        // SAFETY: it is the sender's again, who waits in `Ndis::send`.
        if unsafe { (*list).Status } != NDIS_STATUS_SUCCESS {
            state.broken(
                "F7",
                "a sent list failed; one of an unknown queue is sent on queue 0",
            );
        }
    }
    if flags & NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE != 0 && queues.len() > 1 {
        let what = format!("SINGLE_QUEUE, but the lists completed were sent on queues {queues:?}");
        ndis.state.borrow_mut().broken("X1", what);
    }
}

#[no_mangle]
unsafe extern "system" fn NdisMIndicateStatusEx(
    handle: NDIS_HANDLE,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    // SAFETY: as above.
    let (ndis, indication) = unsafe { (adapter(handle), &*indication) };
    if indication.StatusCode != NDIS_STATUS_RECEIVE_QUEUE_STATE {
        return;
    }
    // SAFETY: the status says which structure it is.
    let queue_state = unsafe { &*indication.StatusBuffer.cast::<NDIS_RECEIVE_QUEUE_STATE>() };
    if queue_state.QueueState == NdisReceiveQueueOperationalStateDmaStopped {
        ndis.dma_stopped(queue_state.QueueId);
    }
}

#[no_mangle]
unsafe extern "system" fn NdisMOidRequestComplete(
    handle: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    // SAFETY: as above.
    let ndis = unsafe { adapter(handle) };
    let pending = ndis
        .state
        .borrow()
        .queues
        .iter()
        .find_map(|(queue, known)| {
            let freeing = known.freeing?;
            (freeing.cast() == request).then_some((*queue, freeing))
        });
    match pending {
        Some((queue, request)) => ndis.freed(queue, request, status),
        None => {
            let what = "a request was completed that is not pending";
            ndis.state.borrow_mut().broken("F2", what);
        }
    }
}

impl Ndis {
    fn dma_stopped(&self, queue: ULONG) {
        let mut state = self.state.borrow_mut();
        match state.queues.get_mut(&queue) {
            Some(known) if known.is_dma_stopped => {
                state.broken(
                    "F2",
                    format!("DmaStopped of queue {queue} was indicated twice"),
                );
            }
            Some(known) if known.freeing.is_none() => {
                state.broken(
                    "F1",
                    format!("DmaStopped of queue {queue}, which nobody frees"),
                );
            }
            Some(known) => known.is_dma_stopped = true,
            None => state.broken("F1", format!("DmaStopped of queue {queue}, which is none")),
        }
        for block in state
            .blocks
            .values_mut()
            .filter(|block| block.queue == queue)
        {
            block.at_stop = Some(block.bytes());
        }
    }

    /// The end of FREE_QUEUE, at once or later: what F1 and F2 want done must be done.
    pub(super) fn freed(&self, queue: ULONG, request: *mut Request, status: NDIS_STATUS) {
        let mut state = self.state.borrow_mut();
        let is_dma_stopped = state
            .queues
            .get(&queue)
            .map_or(false, |known| known.is_dma_stopped);
        if !is_dma_stopped {
            let what = format!("queue {queue} was freed, but DmaStopped was not indicated before");
            state.broken("F2", what);
        }
        if status != NDIS_STATUS_SUCCESS {
            state.broken(
                "F2",
                format!("queue {queue} was freed with {}", status_name(status)),
            );
        }
        if state
            .outstanding
            .values()
            .any(|outstanding| *outstanding == queue)
        {
            state.broken("F1", format!("queue {queue} was freed with lists above"));
        }
        if state.blocks.values().any(|block| block.queue == queue) {
            state.broken(
                "F1",
                format!("queue {queue} was freed, but its memory was not"),
            );
        }
        state.queues.remove(&queue);
        drop(state);
        // SAFETY: the request was boxed when it was made, and the miniport has answered it.
        drop(unsafe { Box::from_raw(request) });
    }
}
