//! The referee of receive indications: R1 to R4, R6, F8.

use std::collections::BTreeSet;

use ndis::view::{Nbl, ViewError};
use ndis::*;

use super::{apart, look, Ndis, Received, Receiver};

impl Ndis {
    /// Takes a chain that the miniport indicates, judges it, and lets the driver above have it.
    pub(super) fn indicated(&self, lists: *mut NET_BUFFER_LIST, count: ULONG, flags: ULONG) {
        // SAFETY: the miniport promises a sound chain; this walk is what finds out.
        let view = unsafe { look(lists, flags) };
        let mut queues = BTreeSet::new();
        let mut walked = 0;
        for nbl in view {
            match nbl {
                Ok(nbl) => {
                    walked += 1;
                    queues.insert(ULONG::from(nbl.queue_id()));
                    self.judge(nbl, flags);
                }
                Err(error) => return self.refuse(error),
            }
        }
        if walked != count {
            let what = format!("{walked} lists were indicated as {count}");
            self.state.borrow_mut().broken("R4", what);
        }
        self.judge_queues(&queues, flags);
        self.hand_up(lists, flags);
    }

    fn judge(&self, nbl: Nbl<'_>, flags: ULONG) {
        let queue = ULONG::from(nbl.queue_id());
        // SAFETY: the walk has met it.
        let (source, list) = (
            unsafe { (*nbl.as_ptr()).SourceHandle },
            nbl.as_ptr() as usize,
        );
        let mut state = self.state.borrow_mut();
        if source != self.adapter() {
            state.broken("R1", "SourceHandle is not the adapter's");
        }
        if nbl.filter_id() != 0 {
            state.broken("R1", format!("FilterId is {}, not 0", nbl.filter_id()));
        }
        if state.outstanding.contains_key(&list) {
            state.broken("R4", "a list was indicated that is above already");
        }
        let processor = state.processor;
        match state.queues.get(&queue) {
            None => state.broken("R1", format!("QueueId {queue} is no queue")),
            Some(known) => {
                let is_freeing = known.freeing.is_some() || known.is_dma_stopped;
                let is_running = known.is_complete && (queue == 0 || !known.filters.is_empty());
                let is_its_processor = known.affinity >> processor & 1 == 1;
                if is_freeing {
                    state.broken(
                        "F8",
                        format!("queue {queue} is being freed: recycle, do not indicate"),
                    );
                } else if !is_running {
                    state.broken("Q7", format!("queue {queue} is not running"));
                }
                if !is_its_processor {
                    let what = format!("queue {queue} was indicated on processor {processor}");
                    state.broken("R6", what);
                }
            }
        }
        drop(state);
        for frame in nbl.frames() {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return self.refuse(error),
            };
            // SAFETY: the walk has met it.
            let is_null = unsafe { (*frame.as_ptr()).SharedMemoryInfo }.is_null();
            let mut state = self.state.borrow_mut();
            if is_null && queue != 0 {
                state.broken("R1", "a frame of a VM queue has no SharedMemoryInfo");
            }
            if is_null && flags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID != 0 {
                state.broken("R2", "SHARED_MEMORY_INFO_VALID, but a frame has none");
                continue;
            }
            drop(state);
            let checked = frame.check();
            let checked =
                checked.and_then(|()| frame.check_shared_memory(|handle| self.block_of(handle)));
            if let Err(error) = checked {
                self.refuse(error);
            }
        }
    }

    fn judge_queues(&self, queues: &BTreeSet<ULONG>, flags: ULONG) {
        let mut state = self.state.borrow_mut();
        let is_single = flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE != 0;
        let wants_single = queues.iter().any(|queue| {
            let known = state.queues.get(queue);
            known.map_or(false, |known| {
                known.flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION != 0
            })
        });
        if wants_single && (queues.len() > 1 || !is_single) {
            let what =
                format!("lists of queues {queues:?} in one indication, SINGLE_QUEUE {is_single}");
            state.broken("R3", what);
        } else if is_single && queues.len() > 1 {
            state.broken(
                "R3",
                format!("SINGLE_QUEUE, but the lists are of queues {queues:?}"),
            );
        }
    }

    /// The driver above copies each frame. Under RESOURCES that is all, and the lists are the miniport's again (R4).
    fn hand_up(&self, lists: *mut NET_BUFFER_LIST, flags: ULONG) {
        // SAFETY: the chain was walked to its end.
        for nbl in unsafe { look(lists, flags) }.into_iter().flatten() {
            let queue = ULONG::from(nbl.queue_id());
            for frame in nbl.frames().flatten() {
                let mut bytes = vec![0; frame.data_length() as usize];
                if frame.copy_to(0, &mut bytes).is_ok() {
                    let received = Received { queue, bytes };
                    self.state.borrow_mut().received.push(received);
                }
            }
        }
        if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
            return;
        }
        let lists = apart(lists);
        let mut state = self.state.borrow_mut();
        for list in &lists {
            // SAFETY: it is above now.
            let queue = unsafe { NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&**list) };
            state.outstanding.insert(*list as usize, queue.into());
        }
        let receiver = state.receiver;
        drop(state);
        if receiver != Some(Receiver::Keeps) {
            self.return_lists(&lists, 0);
        }
    }

    /// A structure that is not sound (B1, B4 and the like).
    fn refuse(&self, error: ViewError) {
        self.state.borrow_mut().broken("B4", error.to_string());
    }
}
