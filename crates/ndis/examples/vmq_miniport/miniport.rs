//! The receive path of a VMQ miniport: requests, hardware, indications, returns, and queues that are freed with lists above.
//!
//! ```text
//!            ┌──────── idle ◄──────────────── return ◄───────────────┐
//!            ▼                                                       │
//! hardware_receives ─► fill ─► ready ─► interrupt ─► indicate ─► drivers above
//!                                 └─ queue being freed: back to idle (F8)
//! ```
//!
//! Invariant: nothing of `queues` is borrowed while NDIS is called, for NDIS may call back before it returns.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::mem::{size_of, take};
use std::ptr::{addr_of_mut, null_mut};

use ndis::ffi::*;
use ndis::view::{check_header, elements, NblQueue};
use ndis::*;

use super::buffers::{owner, Buffers};

const VALID: ULONG = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;
/// Below so many idle buffers the drivers above must copy (R4).
const SCARCE: usize = 2;

/// An adapter that this driver runs.
pub(crate) struct Adapter {
    handle: NDIS_HANDLE,
    queues: RefCell<BTreeMap<ULONG, Queue>>,
}

#[derive(Default)]
struct Queue {
    lookahead: ULONG,
    filters: BTreeMap<ULONG, [u8; 6]>,
    buffers: Option<Buffers>,
    idle: NblQueue,
    ready: NblQueue,
    /// Lists that are with drivers above.
    above: usize,
    is_freeing: bool,
    /// The request that frees it, once it is answered by PENDING.
    pending: Option<*mut NDIS_OID_REQUEST>,
}

impl Adapter {
    /// What MiniportInitializeEx does: the default queue has its memory from now on (F5).
    pub(crate) fn initialize(handle: NDIS_HANDLE) -> Result<Box<Self>, NDIS_STATUS> {
        let adapter = Box::new(Self {
            handle,
            queues: RefCell::default(),
        });
        let default = Queue { ..Queue::default() };
        adapter
            .queues
            .borrow_mut()
            .insert(NDIS_DEFAULT_RECEIVE_QUEUE_ID, default);
        adapter.allocate(NDIS_DEFAULT_RECEIVE_QUEUE_ID)?;
        Ok(adapter)
    }

    /// The context that NDIS gives back to the entry points.
    pub(crate) fn context(&self) -> NDIS_HANDLE {
        (self as *const Self as *mut Self).cast()
    }

    /// The hardware has a frame: it goes to the first queue that has a filter for it (T2), or to the default queue.
    pub(crate) fn hardware_receives(&self, frame: &[u8]) -> bool {
        let mut queues = self.queues.borrow_mut();
        let is_for = |queue: &Queue| queue.filters.values().any(|mac| frame.starts_with(mac));
        let chosen = queues
            .iter()
            .find(|(_, queue)| is_for(queue) && !queue.is_freeing);
        let id = chosen.map_or(NDIS_DEFAULT_RECEIVE_QUEUE_ID, |(id, _)| *id);
        let Queue {
            buffers,
            idle,
            ready,
            ..
        } = match queues.get_mut(&id) {
            Some(queue) => queue,
            None => return false,
        };
        let (buffers, mut buffer) = match (buffers, idle.pop_front()) {
            (Some(buffers), Some(buffer)) => (buffers, buffer),
            _ => return false,
        };
        let is_filled = buffers.fill(&mut buffer, frame);
        let next = if is_filled { ready } else { idle };
        next.push(buffer);
        is_filled
    }

    /// The deferred call of a queue's interrupt, on the queue's processor (R6): indicates what is ready, this queue's and no other's (R3).
    pub(crate) fn interrupt(&self, id: ULONG) {
        let mut queues = self.queues.borrow_mut();
        let queue = match queues.get_mut(&id) {
            Some(queue) => queue,
            None => return,
        };
        let ready = take(&mut queue.ready);
        if ready.is_empty() {
            return;
        }
        let is_scarce = queue.idle.len() < SCARCE;
        let mut flags = NDIS_RECEIVE_FLAGS_SINGLE_QUEUE;
        if ready.is_shared_memory_valid() {
            flags |= VALID;
        }
        if is_scarce {
            flags |= NDIS_RECEIVE_FLAGS_RESOURCES;
        } else {
            queue.above += ready.len();
        }
        let (count, lists) = (ready.len() as ULONG, ready.into_raw());
        drop(queues);
        // SAFETY: the chain is sound and this driver's to give.
        unsafe {
            NdisMIndicateReceiveNetBufferLists(
                self.handle,
                lists,
                NDIS_DEFAULT_PORT_NUMBER,
                count,
                flags,
            );
        }
        if is_scarce {
            // SAFETY: under RESOURCES the chain is this driver's again.
            let back = unsafe { NblQueue::from_raw(lists, VALID) }.expect("as it was given");
            if let Some(queue) = self.queues.borrow_mut().get_mut(&id) {
                queue.idle.append(back);
            }
        }
    }

    fn returned(&self, mut lists: NblQueue) {
        // SAFETY: what is returned are this driver's lists.
        let key = |nbl: view::Nbl<'_>| unsafe { owner(nbl.as_ptr()) };
        while let Some((id, run)) = lists.pop_run(key) {
            let mut queues = self.queues.borrow_mut();
            let queue = match queues.get_mut(&id) {
                Some(queue) => queue,
                None => continue,
            };
            queue.above -= run.len();
            queue.idle.append(run);
            if let (0, Some(request)) = (queue.above, queue.pending) {
                drop(queues);
                self.free(id);
                // SAFETY: the request was answered by PENDING, and is not touched any more.
                unsafe { NdisMOidRequestComplete(self.handle, request, NDIS_STATUS_SUCCESS) };
            }
        }
    }

    fn allocate(&self, id: ULONG) -> Result<(), NDIS_STATUS> {
        let lookahead = self.queue(id)?.lookahead;
        let (buffers, idle) = Buffers::new(self.handle, id, lookahead)?;
        let mut queue = self.queue(id)?;
        queue.buffers = Some(buffers);
        queue.idle = idle;
        Ok(())
    }

    /// The queue's memory goes, and with it the queue (F1).
    fn free(&self, id: ULONG) {
        let queue = self.queues.borrow_mut().remove(&id);
        if let Some(buffers) = queue.and_then(|queue| {
            let _ = queue.idle.into_raw();
            queue.buffers
        }) {
            buffers.free();
        }
    }

    fn free_queue(&self, id: ULONG, request: *mut NDIS_OID_REQUEST) -> Result<(), NDIS_STATUS> {
        {
            let mut queue = self.queue(id)?;
            // From here on the hardware writes nothing into the queue's memory (F3).
            queue.is_freeing = true;
            let ready = take(&mut queue.ready);
            queue.idle.append(ready);
        }
        self.indicate_dma_stopped(id);
        let mut queue = self.queue(id)?;
        if queue.above > 0 {
            queue.pending = Some(request);
            return Err(NDIS_STATUS_PENDING);
        }
        drop(queue);
        self.free(id);
        Ok(())
    }

    fn indicate_dma_stopped(&self, id: ULONG) {
        let mut state = NDIS_RECEIVE_QUEUE_STATE::zeroed();
        state.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
            Size: NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
        };
        state.QueueId = id;
        state.QueueState = NdisReceiveQueueOperationalStateDmaStopped;
        let mut indication = NDIS_STATUS_INDICATION::zeroed();
        indication.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
            Revision: NDIS_STATUS_INDICATION_REVISION_1,
            Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
        };
        indication.SourceHandle = self.handle;
        indication.StatusCode = NDIS_STATUS_RECEIVE_QUEUE_STATE;
        indication.StatusBuffer = addr_of_mut!(state).cast();
        indication.StatusBufferSize = size_of::<NDIS_RECEIVE_QUEUE_STATE>() as ULONG;
        // SAFETY: the indication and its buffer outlive the call.
        unsafe { NdisMIndicateStatusEx(self.handle, &mut indication) };
    }

    fn request(&self, request: *mut NDIS_OID_REQUEST) -> Result<(), NDIS_STATUS> {
        // SAFETY: NDIS gives a sound request, whose buffer has as many bytes as it says.
        let (data, buffer) = unsafe {
            let data = (*request).DATA;
            let length = data.InformationBufferLength() as usize;
            (
                data,
                std::slice::from_raw_parts(data.InformationBuffer.cast::<u8>(), length),
            )
        };
        match data.Oid {
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE => {
                let sizes = [(1, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1)];
                let queue = parse(buffer, &sizes, NDIS_RECEIVE_QUEUE_PARAMETERS::zeroed())?;
                if queue.ProcessorAffinity.Mask == 0 || queue.QueueId == 0 {
                    return Err(NDIS_STATUS_INVALID_PARAMETER);
                }
                let fresh = Queue {
                    lookahead: queue.LookaheadSize,
                    ..Queue::default()
                };
                self.queues.borrow_mut().insert(queue.QueueId, fresh);
                Ok(())
            }
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => {
                self.complete(data.InformationBuffer, buffer)
            }
            OID_RECEIVE_FILTER_SET_FILTER => {
                let sizes = [(1, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1)];
                let filter = parse(buffer, &sizes, NDIS_RECEIVE_FILTER_PARAMETERS::zeroed())?;
                let mac = destination(buffer, &filter)?;
                self.queue(filter.QueueId)?
                    .filters
                    .insert(filter.FilterId, mac);
                Ok(())
            }
            OID_RECEIVE_FILTER_CLEAR_FILTER => {
                let sizes = [(1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1)];
                let clear = parse(
                    buffer,
                    &sizes,
                    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS::zeroed(),
                )?;
                let mut queue = self.queue(clear.QueueId)?;
                queue.filters.remove(&clear.FilterId);
                if queue.filters.is_empty() {
                    // Nothing is kept in a queue without filters (Q7).
                    let ready = take(&mut queue.ready);
                    queue.idle.append(ready);
                }
                Ok(())
            }
            OID_RECEIVE_FILTER_FREE_QUEUE => {
                let sizes = [(1, NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1)];
                let free = parse(buffer, &sizes, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS::zeroed())?;
                self.free_queue(free.QueueId, request)
            }
            _ => Err(NDIS_STATUS_NOT_SUPPORTED),
        }
    }

    /// Answers element by element; a bad one does not stop the others (Q12).
    fn complete(&self, answer: PVOID, buffer: &[u8]) -> Result<(), NDIS_STATUS> {
        let sizes = [(
            1,
            NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
        )];
        let zero = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY::zeroed();
        let array = parse(buffer, &sizes, zero)?;
        let least = size_of::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS>();
        let (first, count, size) = (
            array.FirstElementOffset,
            array.NumElements,
            array.ElementSize,
        );
        let array = elements(buffer, first, count, size, least)
            .map_err(|_| NDIS_STATUS_INVALID_PARAMETER)?;
        for (at, element) in (0..).zip(array) {
            let zero = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS::zeroed();
            let sizes = [(
                1,
                NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1,
            )];
            let done =
                parse(element, &sizes, zero).and_then(|element| self.allocate(element.QueueId));
            let status = done.err().unwrap_or(NDIS_STATUS_SUCCESS);
            let place = first as usize + at * size as usize + (least - size_of::<NDIS_STATUS>());
            // SAFETY: the element lies in the buffer, and CompletionStatus is its last member. `buffer` is not used after.
            unsafe {
                answer
                    .cast::<u8>()
                    .add(place)
                    .cast::<NDIS_STATUS>()
                    .write_unaligned(status)
            };
        }
        Ok(())
    }

    fn queue(&self, id: ULONG) -> Result<RefMut<'_, Queue>, NDIS_STATUS> {
        RefMut::filter_map(self.queues.borrow_mut(), |queues| queues.get_mut(&id))
            .map_err(|_| NDIS_STATUS_INVALID_PARAMETER)
    }
}

/// A structure of a request, whatever it is aligned to; members that its revision lacks stay zero.
fn parse<T: Copy>(buffer: &[u8], sizes: &[(UCHAR, USHORT)], mut into: T) -> Result<T, NDIS_STATUS> {
    let header = match *buffer {
        [object_type, revision, low, high, ..] => NDIS_OBJECT_HEADER {
            Type: object_type,
            Revision: revision,
            Size: USHORT::from_ne_bytes([low, high]),
        },
        _ => return Err(NDIS_STATUS_INVALID_LENGTH),
    };
    let sizes: Vec<_> = sizes
        .iter()
        .map(|(revision, size)| (*revision, usize::from(*size)))
        .collect();
    check_header(&header, NDIS_OBJECT_TYPE_DEFAULT, &sizes, buffer.len())
        .map_err(|_| NDIS_STATUS_INVALID_PARAMETER)?;
    let length = size_of::<T>().min(header.Size.into());
    // SAFETY: structures of requests are integers through and through, for which all bytes are values.
    unsafe { std::ptr::copy_nonoverlapping(buffer.as_ptr(), addr_of_mut!(into).cast(), length) };
    Ok(into)
}

/// The MAC that a filter asks for: one field, Equal, destination (T4).
fn destination(
    buffer: &[u8],
    filter: &NDIS_RECEIVE_FILTER_PARAMETERS,
) -> Result<[u8; 6], NDIS_STATUS> {
    let least = usize::from(NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1);
    let mut fields = elements(
        buffer,
        filter.FieldParametersArrayOffset,
        filter.FieldParametersArrayNumElements,
        filter.FieldParametersArrayElementSize,
        least,
    )
    .map_err(|_| NDIS_STATUS_INVALID_PARAMETER)?;
    let field = match (fields.next(), fields.next()) {
        (Some(field), None) => field,
        _ => return Err(NDIS_STATUS_INVALID_PARAMETER),
    };
    let sizes = [(1, NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1)];
    let field = parse(
        field,
        &sizes,
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS::zeroed(),
    )?;
    let is_mac = field.FrameHeader == NdisFrameHeaderMac
        && field.HeaderField.MacHeaderField == NdisMacHeaderFieldDestinationAddress
        && field.ReceiveFilterTest == NdisReceiveFilterTestEqual;
    let [a, b, c, d, e, f, ..] = field.FieldValue.FieldByteArrayValue;
    is_mac
        .then_some([a, b, c, d, e, f])
        .ok_or(NDIS_STATUS_INVALID_PARAMETER)
}

/// # Safety
/// `context` is [`Adapter::context`] of one that lives.
unsafe fn adapter<'a>(context: NDIS_HANDLE) -> &'a Adapter {
    // SAFETY: the caller's.
    unsafe { &*context.cast::<Adapter>() }
}

/// # Safety
/// NDIS calls it with the context and a request.
pub(crate) unsafe extern "system" fn MiniportOidRequest(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    // SAFETY: NDIS's.
    let done = unsafe { adapter(context) }.request(request);
    done.err().unwrap_or(NDIS_STATUS_SUCCESS)
}

/// # Safety
/// NDIS calls it with the context and lists of this driver.
pub(crate) unsafe extern "system" fn MiniportReturnNetBufferLists(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _flags: ULONG,
) {
    // SAFETY: NDIS's. The lists are this driver's again.
    let (adapter, lists) = unsafe { (adapter(context), NblQueue::from_raw(lists, VALID)) };
    // A chain that drivers above have broken cannot be walked, so its buffers are lost to this queue.
    if let Ok(lists) = lists {
        adapter.returned(lists);
    }
}

/// # Safety
/// NDIS calls it with the context and lists to send.
pub(crate) unsafe extern "system" fn MiniportSendNetBufferLists(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _port: NDIS_PORT_NUMBER,
    flags: ULONG,
) {
    // SAFETY: NDIS's.
    let adapter = unsafe { adapter(context) };
    let mut list = lists;
    while !list.is_null() {
        // SAFETY: the lists are this driver's until they are completed. This hardware sends from one queue, so it does not matter
        // whether the queue that a list names is still there (F7).
        unsafe {
            (*list).Status = NDIS_STATUS_SUCCESS;
            list = (*list).Next;
        }
    }
    // What was sent on one queue is completed on one (X1).
    let is_single = flags & NDIS_SEND_FLAGS_SINGLE_QUEUE != 0;
    let flags = if is_single {
        NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE
    } else {
        0
    };
    // SAFETY: the chain goes back as it came.
    unsafe { NdisMSendNetBufferListsComplete(adapter.handle, lists, flags) };
}

/// # Safety
/// NDIS calls it last, when all queues but the default queue are freed.
pub(crate) unsafe extern "system" fn MiniportHaltEx(context: NDIS_HANDLE) {
    // SAFETY: NDIS's.
    let adapter = unsafe { adapter(context) };
    let ready = adapter
        .queue(NDIS_DEFAULT_RECEIVE_QUEUE_ID)
        .map(|mut queue| take(&mut queue.ready));
    let _: *mut NET_BUFFER_LIST = ready.map_or(null_mut(), NblQueue::into_raw);
    adapter.free(NDIS_DEFAULT_RECEIVE_QUEUE_ID);
}
