//! NET_BUFFER_LISTs that are lent.

// UNSAFETY: one of the two places that take a raw chain; reads what a walk along it has met.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use super::error::ViewError;
use super::frame::Frames;
use super::raw;
use super::runs::Runs;
use super::walk::Walk;
use super::LONGEST;
use crate::basic::{ULONG, USHORT};
use crate::flags::NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;
use crate::net_buffer_list::NET_BUFFER_LIST;

/// What holds for all of a chain: how long any of its chains may be, and whether `SharedMemoryInfo` counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) limit: usize,
    pub(super) shared_memory: bool,
}

impl Bounds {
    #[inline]
    pub(super) const fn from_flags(receive_flags: ULONG) -> Self {
        Self {
            limit: LONGEST,
            shared_memory: receive_flags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID != 0,
        }
    }
}

/// A chain of lists that somebody lends for `'a`, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    first: *mut NET_BUFFER_LIST,
    bounds: Bounds,
    owner: PhantomData<&'a NET_BUFFER_LIST>,
}

impl<'a> Chain<'a> {
    /// The chain from `first` (or NULL) on, with the flags of the call that brought it: `ReceiveFlags` of a receive
    /// indication, 0 for chains that were not received.
    ///
    /// # Safety
    /// For the lifetime that is chosen here, the promises of [the module](super#what-the-caller-promises) hold.
    #[inline]
    pub const unsafe fn from_raw(first: *mut NET_BUFFER_LIST, receive_flags: ULONG) -> Self {
        Self {
            first,
            bounds: Bounds::from_flags(receive_flags),
            owner: PhantomData,
        }
    }

    /// The same chain, where no chain (of lists, frames, MDLs or segments) may have more than `limit` elements.
    #[inline]
    #[must_use]
    pub const fn with_limit(self, limit: usize) -> Self {
        let bounds = Bounds {
            limit,
            shared_memory: self.bounds.shared_memory,
        };
        Self { bounds, ..self }
    }

    /// The lists, in order.
    #[inline]
    pub fn iter(self) -> Nbls<'a> {
        Nbls {
            // SAFETY: `from_raw` was promised that the links are sound. The first has no member that it was read from but a
            // call's argument, which has the name of the type.
            walk: unsafe { Walk::new(self.first, "NET_BUFFER_LIST", self.bounds.limit) },
            bounds: self.bounds,
        }
    }

    /// The lists as runs of neighbours that have the same key.
    #[inline]
    pub fn runs<K: PartialEq, F: FnMut(Nbl<'a>) -> K>(self, key: F) -> Runs<'a, K, F> {
        Runs::new(self.iter(), key)
    }

    /// The head of the chain, or NULL.
    #[inline]
    pub fn as_ptr(self) -> *mut NET_BUFFER_LIST {
        self.first
    }
}

impl<'a> IntoIterator for Chain<'a> {
    type Item = Result<Nbl<'a>, ViewError>;
    type IntoIter = Nbls<'a>;

    #[inline]
    fn into_iter(self) -> Nbls<'a> {
        self.iter()
    }
}

/// One list, lent.
#[derive(Clone, Copy, Debug)]
pub struct Nbl<'a> {
    at: *mut NET_BUFFER_LIST,
    bounds: Bounds,
    owner: PhantomData<&'a NET_BUFFER_LIST>,
}

impl<'a> Nbl<'a> {
    /// # Safety
    /// `at` must lead to a list that is live for the lifetime chosen here, and so must all that it links to.
    #[inline]
    pub(super) unsafe fn new(at: *mut NET_BUFFER_LIST, bounds: Bounds) -> Self {
        Self {
            at,
            bounds,
            owner: PhantomData,
        }
    }

    /// The structure.
    #[inline]
    pub fn as_ptr(self) -> *mut NET_BUFFER_LIST {
        self.at
    }

    /// The VM queue that the frames belong to; 0 is the default queue (R1).
    #[inline]
    pub fn queue_id(self) -> USHORT {
        // SAFETY: `new` was promised that the list is live.
        unsafe { raw::filtering_info(self.at) }.QueueId()
    }

    /// The filter that the frames passed; 0 under VMQ (R1).
    #[inline]
    pub fn filter_id(self) -> USHORT {
        // SAFETY: `new` was promised that the list is live.
        unsafe { raw::filtering_info(self.at) }.FilterId()
    }

    /// The frames. A list without any is an error: it promises at least one.
    #[inline]
    pub fn frames(self) -> Frames<'a> {
        // SAFETY: `new` was promised that the list and what it links to are live.
        unsafe { Frames::new(raw::first_net_buffer(self.at), self.bounds) }
    }
}

/// The lists of a chain, in order. An error is the last item.
#[derive(Clone, Debug)]
pub struct Nbls<'a> {
    walk: Walk<'a, NET_BUFFER_LIST>,
    bounds: Bounds,
}

impl<'a> Iterator for Nbls<'a> {
    type Item = Result<Nbl<'a>, ViewError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let bounds = self.bounds;
        // SAFETY: a walk meets live elements only.
        Some(self.walk.step()?.map(|at| unsafe { Nbl::new(at, bounds) }))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.walk.most()))
    }
}
