//! NET_BUFFER_LISTs that are owned, in a queue linked through their own `Next`.
//!
//! Invariant: from `first` there are `len` lists, the last of which is `last` and links to NULL. It is established by
//! [`NblQueue::from_raw`], which walks the chain once, and kept by everything else without walking: no safe code can
//! change a link. So walks along a queue need no check for loops.
//!
//! Frames belong to somebody who waits for them. A queue that is dropped gives nothing back, since it cannot know to whom: end each
//! by [`NblQueue::into_raw`] and the call that returns, completes or indicates it.

// UNSAFETY: one of the two places that take a raw chain; relinks lists that are owned.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use super::error::{ViewError, Wrong};
use super::list::{Bounds, Chain, Nbl};
use super::move_start::FramesMut;
use super::raw::{self, Link};
use super::LONGEST;
use crate::basic::{ULONG, USHORT};
use crate::net_buffer_list::NET_BUFFER_LIST;

/// A FIFO of lists that are owned.
#[derive(Debug)]
#[must_use = "frames that nobody returns are lost to their owner"]
pub struct NblQueue {
    ends: Option<(NonNull<NET_BUFFER_LIST>, NonNull<NET_BUFFER_LIST>)>,
    len: usize,
    /// Whether `SharedMemoryInfo` counts in all of them.
    shared_memory: bool,
}

// SAFETY: it owns its lists, and owners may hand them from thread to thread, as NDIS itself does.
unsafe impl Send for NblQueue {}

impl NblQueue {
    /// An empty queue.
    #[inline]
    pub const fn new() -> Self {
        Self {
            ends: None,
            len: 0,
            shared_memory: false,
        }
    }

    /// Takes the chain from `first` (or NULL) on over, with the flags of the call that brought it; see [`Chain::from_raw`].
    /// The only operation of a queue that walks it all.
    ///
    /// # Safety
    /// The promises of [the module](super#what-the-caller-promises) hold until the lists leave the queue, and the lists are the
    /// caller's to give: until then nobody else reads or writes them.
    ///
    /// # Errors
    /// The chain of lists is not sound. Nothing was changed, and it is the caller's still.
    pub unsafe fn from_raw(
        first: *mut NET_BUFFER_LIST,
        receive_flags: ULONG,
    ) -> Result<Self, ViewError> {
        // SAFETY: the caller's.
        let chain = unsafe { Chain::from_raw(first, receive_flags) };
        let mut last = None;
        let mut len = 0;
        for nbl in chain {
            last = NonNull::new(nbl?.as_ptr());
            len = usize::saturating_add(len, 1);
        }
        Ok(Self {
            ends: NonNull::new(first).and_then(|first| Some((first, last?))),
            len,
            shared_memory: Bounds::from_flags(receive_flags).shared_memory,
        })
    }

    /// Gives the chain up: its head, or NULL if there is none.
    #[inline]
    pub fn into_raw(self) -> *mut NET_BUFFER_LIST {
        self.ends
            .map_or(ptr::null_mut(), |(first, _)| first.as_ptr())
    }

    /// Lists in the queue.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// Whether SHARED_MEMORY_INFO_VALID may be said of the whole queue: it was said of each part (R2).
    #[inline]
    pub fn is_shared_memory_valid(&self) -> bool {
        self.shared_memory
    }

    /// Puts a list at the end.
    #[inline]
    pub fn push(&mut self, nbl: OwnedNbl) {
        self.append(NblQueue {
            ends: Some((nbl.at, nbl.at)),
            len: 1,
            shared_memory: nbl.shared_memory,
        });
    }

    /// Puts all of `other` at the end, in its order; its length does not matter.
    #[inline]
    pub fn append(&mut self, other: NblQueue) {
        match (self.ends, other.ends) {
            (Some((first, last)), Some((next, end))) => {
                // SAFETY: `last` is live and owned.
                unsafe { raw::set_next(last.as_ptr(), next.as_ptr()) };
                self.ends = Some((first, end));
                self.len = self.len.saturating_add(other.len);
                self.shared_memory &= other.shared_memory;
            }
            (None, Some(_)) => *self = other,
            (_, None) => {}
        }
    }

    /// Takes the list at the front.
    #[inline]
    pub fn pop_front(&mut self) -> Option<OwnedNbl> {
        let mut cursor = self.cursor();
        cursor.step();
        let (at, _) = cursor.split().ends?;
        Some(OwnedNbl {
            at,
            shared_memory: self.shared_memory,
        })
    }

    /// Takes the longest run of lists off the front that have one key, and says the key.
    pub fn pop_run<K: PartialEq>(
        &mut self,
        mut key: impl FnMut(Nbl<'_>) -> K,
    ) -> Option<(K, NblQueue)> {
        let mut cursor = self.cursor();
        let of_run = key(cursor.peek()?);
        cursor.step();
        while cursor.peek().map_or(false, |nbl| key(nbl) == of_run) {
            cursor.step();
        }
        Some((of_run, cursor.split()))
    }

    /// A place in the queue, at its front, where it can be split.
    #[inline]
    pub fn cursor(&mut self) -> Cursor<'_> {
        Cursor {
            behind: None,
            ahead: self.ends.map(|(first, _)| first),
            passed: 0,
            queue: self,
        }
    }

    /// The lists, to be read.
    #[inline]
    pub fn iter(&self) -> QueueIter<'_> {
        QueueIter {
            next: self.ends.map(|(first, _)| first),
            left: self.len,
            bounds: self.bounds(),
            owner: PhantomData,
        }
    }

    /// The lists.
    #[inline]
    pub fn iter_mut(&mut self) -> QueueIterMut<'_> {
        QueueIterMut {
            lists: self.iter(),
            owner: PhantomData,
        }
    }

    #[inline]
    fn bounds(&self) -> Bounds {
        Bounds {
            limit: LONGEST,
            shared_memory: self.shared_memory,
        }
    }
}

impl Default for NblQueue {
    fn default() -> Self {
        Self::new()
    }
}

/// A place between two lists of a queue.
#[derive(Debug)]
pub struct Cursor<'q> {
    queue: &'q mut NblQueue,
    behind: Option<NonNull<NET_BUFFER_LIST>>,
    ahead: Option<NonNull<NET_BUFFER_LIST>>,
    passed: usize,
}

impl Cursor<'_> {
    /// The list behind the place.
    #[inline]
    pub fn peek(&self) -> Option<Nbl<'_>> {
        // SAFETY: lists of the queue are live while it is borrowed.
        Some(unsafe { Nbl::new(self.ahead?.as_ptr(), self.queue.bounds()) })
    }

    /// Goes on by one list, if there is one.
    #[inline]
    pub fn step(&mut self) {
        if let Some(at) = self.ahead {
            // SAFETY: as for `peek`.
            self.ahead = NonNull::new(unsafe { Link::next(at.as_ptr()) });
            self.behind = Some(at);
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// Cuts the queue at this place: what lies before it is taken off and returned, the rest stays. The length of neither
    /// matters.
    #[inline]
    pub fn split(self) -> NblQueue {
        let queue = self.queue;
        match (queue.ends, self.behind) {
            (Some((first, last)), Some(behind)) => {
                // SAFETY: `behind` is live and owned.
                unsafe { raw::set_next(behind.as_ptr(), ptr::null_mut()) };
                queue.ends = self.ahead.map(|ahead| (ahead, last));
                queue.len = queue.len.saturating_sub(self.passed);
                NblQueue {
                    ends: Some((first, behind)),
                    len: self.passed,
                    shared_memory: queue.shared_memory,
                }
            }
            _ => NblQueue::new(),
        }
    }
}

/// One list that is owned, in no queue.
#[derive(Debug)]
#[must_use = "a frame that nobody returns is lost to its owner"]
pub struct OwnedNbl {
    at: NonNull<NET_BUFFER_LIST>,
    shared_memory: bool,
}

// SAFETY: as for `NblQueue`.
unsafe impl Send for OwnedNbl {}

impl OwnedNbl {
    /// Takes one list over, which must be in no chain.
    ///
    /// # Safety
    /// As for [`NblQueue::from_raw`].
    ///
    /// # Errors
    /// `nbl` is NULL, no address of a list, or linked to another.
    pub unsafe fn from_raw(
        nbl: *mut NET_BUFFER_LIST,
        receive_flags: ULONG,
    ) -> Result<Self, ViewError> {
        // SAFETY: the caller's.
        let mut queue = unsafe { NblQueue::from_raw(nbl, receive_flags) }?;
        if queue.len > 1 {
            let wrong = Wrong::TooLong { limit: 1 };
            return Err(ViewError::new(NET_BUFFER_LIST::NEXT, wrong));
        }
        queue
            .pop_front()
            .ok_or_else(|| ViewError::null("NET_BUFFER_LIST"))
    }

    /// Gives the list up.
    #[inline]
    pub fn into_raw(self) -> *mut NET_BUFFER_LIST {
        self.at.as_ptr()
    }

    /// The list, to be read.
    #[inline]
    pub fn view(&self) -> Nbl<'_> {
        let bounds = Bounds {
            limit: LONGEST,
            shared_memory: self.shared_memory,
        };
        // SAFETY: it is live while it is owned.
        unsafe { Nbl::new(self.at.as_ptr(), bounds) }
    }

    /// The list.
    #[inline]
    pub fn borrow_mut(&mut self) -> NblMut<'_> {
        NblMut {
            nbl: self.view(),
            owner: PhantomData,
        }
    }
}

/// One list, borrowed from its owner.
#[derive(Debug)]
pub struct NblMut<'a> {
    nbl: Nbl<'a>,
    owner: PhantomData<&'a mut NET_BUFFER_LIST>,
}

impl NblMut<'_> {
    /// The list, to be read.
    #[inline]
    pub fn view(&self) -> Nbl<'_> {
        self.nbl
    }

    /// Says which VM queue the frames belong to, leaving the filter.
    #[inline]
    pub fn set_queue_id(&mut self, queue: USHORT) {
        // SAFETY: the list is live and owned while it is borrowed.
        unsafe {
            let mut info = raw::filtering_info(self.nbl.as_ptr());
            info.SetQueueId(queue);
            raw::set_filtering_info(self.nbl.as_ptr(), info);
        }
    }

    /// Says which filter the frames passed, leaving the VM queue.
    #[inline]
    pub fn set_filter_id(&mut self, filter: USHORT) {
        // SAFETY: as for `set_queue_id`.
        unsafe {
            let mut info = raw::filtering_info(self.nbl.as_ptr());
            info.SetFilterId(filter);
            raw::set_filtering_info(self.nbl.as_ptr(), info);
        }
    }

    /// The frames; see [`Nbl::frames`].
    #[inline]
    pub fn frames_mut(&mut self) -> FramesMut<'_> {
        // SAFETY: the list is borrowed exclusively.
        unsafe { FramesMut::new(self.nbl.frames()) }
    }
}

/// The lists of a queue, to be read.
#[derive(Clone, Debug)]
pub struct QueueIter<'q> {
    next: Option<NonNull<NET_BUFFER_LIST>>,
    left: usize,
    bounds: Bounds,
    owner: PhantomData<&'q NblQueue>,
}

impl<'q> Iterator for QueueIter<'q> {
    type Item = Nbl<'q>;

    #[inline]
    fn next(&mut self) -> Option<Nbl<'q>> {
        let at = self.next?;
        self.left = self.left.saturating_sub(1);
        // SAFETY: lists of the queue are live while it is borrowed.
        unsafe {
            self.next = NonNull::new(Link::next(at.as_ptr()));
            Some(Nbl::new(at.as_ptr(), self.bounds))
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// The lists of a queue.
#[derive(Debug)]
pub struct QueueIterMut<'q> {
    lists: QueueIter<'q>,
    owner: PhantomData<&'q mut NblQueue>,
}

impl<'q> Iterator for QueueIterMut<'q> {
    type Item = NblMut<'q>;

    #[inline]
    fn next(&mut self) -> Option<NblMut<'q>> {
        Some(NblMut {
            nbl: self.lists.next()?,
            owner: PhantomData,
        })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lists.size_hint()
    }
}
