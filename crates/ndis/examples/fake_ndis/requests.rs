//! The driver above: requests about queues and filters, as NDIS hands them to a miniport; F4.

use std::collections::BTreeSet;
use std::mem::{size_of, size_of_val};
use std::ptr::addr_of_mut;

use ndis::ffi::*;
use ndis::*;

use super::{Ndis, Queue};

/// A request with its buffer. The miniport gets a pointer to the first member.
#[repr(C)]
pub(super) struct Request {
    oid: NDIS_OID_REQUEST,
    buffer: Buffer,
}

/// The structures that the requests of this fake carry.
#[repr(C)]
union Buffer {
    queue: NDIS_RECEIVE_QUEUE_PARAMETERS,
    complete: Complete,
    filter: Filter,
    clear: NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
    free: NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Complete {
    array: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
    element: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Filter {
    parameters: NDIS_RECEIVE_FILTER_PARAMETERS,
    field: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS,
}

fn header(revision: UCHAR, size: USHORT) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: revision,
        Size: size,
    }
}

impl Ndis {
    /// Allocates a queue whose indications belong on one processor.
    pub(crate) fn allocate_queue(
        &self,
        processor: u32,
        flags: ULONG,
        lookahead: ULONG,
    ) -> Result<ULONG, NDIS_STATUS> {
        let mut parameters = NDIS_RECEIVE_QUEUE_PARAMETERS::zeroed();
        parameters.Header = header(
            NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1,
        );
        let mut state = self.state.borrow_mut();
        state.last_queue += 1;
        let queue = state.last_queue;
        parameters.QueueId = queue;
        parameters.QueueType = NdisReceiveQueueTypeVMQueue;
        parameters.Flags = flags;
        parameters.ProcessorAffinity.Mask = 1 << processor;
        parameters.NumSuggestedReceiveBuffers = 8;
        parameters.LookaheadSize = lookahead;
        let known = Queue {
            affinity: 1 << processor,
            flags,
            filters: BTreeSet::new(),
            is_complete: false,
            freeing: None,
            is_dma_stopped: false,
        };
        state.queues.insert(queue, known);
        drop(state);
        let status = self.method(
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
            Buffer { queue: parameters },
            size_of_val(&parameters),
        );
        if status == NDIS_STATUS_SUCCESS {
            Ok(queue)
        } else {
            self.state.borrow_mut().queues.remove(&queue);
            Err(status)
        }
    }

    /// Says that the queue's parameters are final; the miniport allocates its memory (M9).
    pub(crate) fn complete_allocation(&self, queue: ULONG) -> NDIS_STATUS {
        let element_size = size_of::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS>();
        let mut complete = Complete {
            array: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY::zeroed(),
            element: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS::zeroed(),
        };
        complete.array.Header = header(
            1,
            NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
        );
        complete.array.FirstElementOffset = size_of_val(&complete.array) as ULONG;
        complete.array.NumElements = 1;
        complete.array.ElementSize = element_size as ULONG;
        complete.element.Header = header(1, element_size as USHORT);
        complete.element.QueueId = queue;
        let (status, answer) = self.ask(
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
            Buffer { complete },
            size_of_val(&complete),
        );
        // SAFETY: the miniport answered in the structure that it was given.
        let of_queue = unsafe { answer.complete.element.CompletionStatus };
        if status == NDIS_STATUS_SUCCESS && of_queue == NDIS_STATUS_SUCCESS {
            self.with(queue, |known| known.is_complete = true);
        }
        if status == NDIS_STATUS_SUCCESS {
            of_queue
        } else {
            status
        }
    }

    /// Sets a filter on a destination MAC; NDIS chooses its id (T9).
    pub(crate) fn set_filter(&self, queue: ULONG, mac: [u8; 6]) -> Result<ULONG, NDIS_STATUS> {
        let filter = {
            let mut state = self.state.borrow_mut();
            state.last_filter += 1;
            state.last_filter
        };
        let mut parameters = NDIS_RECEIVE_FILTER_PARAMETERS::zeroed();
        parameters.Header = header(1, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1);
        parameters.FilterType = NdisReceiveFilterTypeVMQueue;
        parameters.QueueId = queue;
        parameters.FilterId = filter;
        parameters.FieldParametersArrayNumElements = 1;
        let mut field = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS::zeroed();
        field.Header = header(1, NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1);
        field.FrameHeader = NdisFrameHeaderMac;
        field.ReceiveFilterTest = NdisReceiveFilterTestEqual;
        field.HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress;
        field.FieldValue.FieldByteArrayValue[..6].copy_from_slice(&mac);
        parameters.FieldParametersArrayElementSize = size_of_val(&field) as ULONG;
        let filter_of = Filter { parameters, field };
        let start = &filter_of as *const _ as usize;
        let offset = &filter_of.field as *const _ as usize - start;
        let mut filter_of = filter_of;
        filter_of.parameters.FieldParametersArrayOffset = offset as ULONG;
        // Indications may begin while this request is in progress (Q8).
        self.with(queue, |known| {
            known.filters.insert(filter);
        });
        let status = self.method(
            OID_RECEIVE_FILTER_SET_FILTER,
            Buffer { filter: filter_of },
            size_of_val(&filter_of),
        );
        if status == NDIS_STATUS_SUCCESS {
            return Ok(filter);
        }
        self.with(queue, |known| {
            known.filters.remove(&filter);
        });
        Err(status)
    }

    pub(crate) fn clear_filter(&self, queue: ULONG, filter: ULONG) -> NDIS_STATUS {
        let mut clear = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS::zeroed();
        clear.Header = header(1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
        clear.QueueId = queue;
        clear.FilterId = filter;
        let status = self.method(
            OID_RECEIVE_FILTER_CLEAR_FILTER,
            Buffer { clear },
            size_of_val(&clear),
        );
        self.with(queue, |known| {
            known.filters.remove(&filter);
        });
        status
    }

    /// Frees a queue: SUCCESS, or PENDING until its last list is back (F2). NDIS refuses what F4 forbids before the miniport sees it.
    pub(crate) fn free_queue(&self, queue: ULONG) -> NDIS_STATUS {
        {
            let mut state = self.state.borrow_mut();
            let known = state.queues.get(&queue);
            let what = match known {
                _ if queue == NDIS_DEFAULT_RECEIVE_QUEUE_ID => "the default queue is not freed",
                None => "there is no such queue to free",
                Some(known) if !known.filters.is_empty() => "a queue with filters is not freed",
                Some(known) if known.freeing.is_some() => "the queue is being freed already",
                Some(_) => "",
            };
            if !what.is_empty() {
                state.broken("F4", what);
                return NDIS_STATUS_INVALID_PARAMETER;
            }
        }
        let mut free = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS::zeroed();
        free.Header = header(1, NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1);
        free.QueueId = queue;
        let request = request(
            NdisRequestSetInformation,
            OID_RECEIVE_FILTER_FREE_QUEUE,
            Buffer { free },
            size_of_val(&free),
        );
        let request = Box::into_raw(request);
        self.with(queue, |known| known.freeing = Some(request));
        let status = self.call(request);
        if status != NDIS_STATUS_PENDING {
            if self
                .state
                .borrow()
                .queues
                .get(&queue)
                .map_or(false, |known| known.freeing.is_some())
            {
                self.freed(queue, request, status);
            } else {
                let what = "FREE_QUEUE was completed, and then answered as if it had not been";
                self.state.borrow_mut().broken("F2", what);
            }
        }
        status
    }

    fn method(&self, oid: ULONG, buffer: Buffer, length: usize) -> NDIS_STATUS {
        self.ask(oid, buffer, length).0
    }

    fn ask(&self, oid: ULONG, buffer: Buffer, length: usize) -> (NDIS_STATUS, Buffer) {
        let request = Box::into_raw(request(NdisRequestMethod, oid, buffer, length));
        let status = self.call(request);
        assert_ne!(
            status, NDIS_STATUS_PENDING,
            "this fake waits for FREE_QUEUE only"
        );
        // SAFETY: the request was boxed above, and is answered.
        (status, unsafe { Box::from_raw(request) }.buffer)
    }

    fn call(&self, request: *mut Request) -> NDIS_STATUS {
        // SAFETY: the request is live until it is answered, and points to its own buffer.
        unsafe {
            (*request).oid.DATA.InformationBuffer = addr_of_mut!((*request).buffer).cast();
        }
        match self.miniport.get() {
            // SAFETY: as above.
            Some(miniport) => unsafe { (miniport.oid_request)(miniport.context, request.cast()) },
            None => NDIS_STATUS_ADAPTER_NOT_READY,
        }
    }

    fn with(&self, queue: ULONG, change: impl FnOnce(&mut Queue)) {
        if let Some(known) = self.state.borrow_mut().queues.get_mut(&queue) {
            change(known);
        }
    }
}

fn request(kind: NDIS_REQUEST_TYPE, oid: ULONG, buffer: Buffer, length: usize) -> Box<Request> {
    let mut request = NDIS_OID_REQUEST::zeroed();
    request.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_OID_REQUEST,
        Revision: NDIS_OID_REQUEST_REVISION_1,
        Size: NDIS_SIZEOF_OID_REQUEST_REVISION_1,
    };
    request.RequestType = kind;
    request.DATA.Oid = oid;
    request.DATA.InputBufferLength = length as ULONG;
    if kind == NdisRequestMethod {
        request.DATA.OutputBufferLength = length as ULONG;
    }
    Box::new(Request {
        oid: request,
        buffer,
    })
}
