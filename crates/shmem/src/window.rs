//! A checked piece of guest memory: base and length.
//!
//! A window is all that anybody outside this crate has of a guest's bytes. It can be copied from, copied to or narrowed,
//! and it is never a slice: the guest changes these bytes whenever it likes, which no reference of Rust's allows.
//!
//! Invariant: `len` bytes from `base` on are mapped, readable and writable for as long as `'a` lasts.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: the one place where a window's bytes are touched"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::array::Word;
use crate::copy;
use crate::mapping::Mapping;

/// A piece of mapped memory, checked once. Never a slice: the guest changes these bytes whenever it likes.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    base: NonNull<u8>,
    len: usize,
    mapping: PhantomData<&'a Mapping>,
}

// SAFETY: a window only gives access by atomics and by the copy, both of which any number of threads may do at once.
unsafe impl Send for Window<'_> {}
// SAFETY: as above; it has no interior state of its own.
unsafe impl Sync for Window<'_> {}

impl<'a> Window<'a> {
    /// # Safety
    /// `len` bytes from `base` on must lie in one mapping that stays mapped for `'a`.
    #[inline]
    pub(crate) unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base,
            len,
            mapping: PhantomData,
        }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it has no bytes at all.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The `len` bytes from the `offset`th on; `None` if this window does not have all of them.
    #[inline]
    pub fn narrow(self, offset: usize, len: usize) -> Option<Window<'a>> {
        if offset > self.len || len > self.len - offset {
            return None;
        }
        // SAFETY: the comparison says that the new window lies inside this one, so it is mapped as long.
        Some(unsafe { Window::new(self.base.add(offset), len) })
    }

    /// The first `len` bytes, or all if it does not have as many.
    #[inline]
    pub(crate) fn first(self, len: usize) -> Window<'a> {
        Self {
            len: self.len.min(len),
            ..self
        }
    }

    /// Copies the first bytes into `into`, as many as both have, and says how many that are.
    #[inline]
    pub fn read(self, into: &mut [u8]) -> usize {
        let len = into.len().min(self.len);
        // SAFETY: both sides have `len` bytes; the slice is ours alone while we borrow it.
        unsafe { copy::bytes(self.base.as_ptr(), into.as_mut_ptr(), len) };
        len
    }

    /// Copies `from` over the first bytes, as many as both have, and says how many that are.
    #[inline]
    pub fn write(self, from: &[u8]) -> usize {
        let len = from.len().min(self.len);
        // SAFETY: both sides have `len` bytes; nobody writes the slice while we borrow it.
        unsafe { copy::bytes(from.as_ptr(), self.base.as_ptr(), len) };
        len
    }

    /// Copies the first bytes over those of `dst`, as many as both have, and says how many that are.
    ///
    /// This is the one copy that a frame undergoes. If the two windows overlap, which bytes end up in the overlap is not
    /// specified; nothing else is touched.
    #[inline]
    pub fn copy_to(self, dst: Window<'_>) -> usize {
        let len = self.len.min(dst.len);
        // SAFETY: both windows have `len` bytes.
        unsafe { copy::bytes(self.base.as_ptr(), dst.base.as_ptr(), len) };
        len
    }

    /// The word in native byte order at the `offset`th byte, aligned or not; `None` if the window ends before its end.
    /// It is read once.
    #[inline]
    pub fn read_word<T: Word>(self, offset: usize) -> Option<T> {
        let word = self.narrow(offset, size_of::<T>())?;
        // SAFETY: the narrowed window has the size of `T`.
        Some(unsafe { T::load_loose(word.base.as_ptr()) })
    }

    /// Starts to bring the first bytes into the cache, to be read soon. Never faults, waits for nothing.
    #[inline]
    pub fn prefetch(self) {
        copy::prefetch(self.base.as_ptr());
    }

    /// Starts to bring the first bytes into the cache, to be written soon. Never faults, waits for nothing.
    #[inline]
    pub fn prefetch_write(self) {
        copy::prefetch_write(self.base.as_ptr());
    }
}

impl fmt::Debug for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> std::sync::Arc<Mapping> {
        let mapping = Mapping::anonymous(100).unwrap();
        let bytes: Vec<u8> = (0..100).collect();
        assert_eq!(mapping.window(0, 100).unwrap().write(&bytes), 100);
        mapping
    }

    fn bytes(window: Window<'_>) -> Vec<u8> {
        let mut bytes = vec![0; window.len()];
        assert_eq!(window.read(&mut bytes), bytes.len());
        bytes
    }

    #[test]
    fn a_window_is_never_wider_than_the_one_it_was_made_from() {
        let mapping = mapping();
        let window = mapping.window(10, 20).unwrap();
        assert_eq!(bytes(window.narrow(0, 20).unwrap()), bytes(window));
        assert_eq!(bytes(window.narrow(5, 3).unwrap()), [15, 16, 17]);
        assert!(window.narrow(20, 0).unwrap().is_empty());
        for (offset, len) in [
            (0, 21),
            (1, 20),
            (20, 1),
            (21, 0),
            (usize::MAX, 0),
            (0, usize::MAX),
            (1, usize::MAX),
            (usize::MAX, usize::MAX),
            (usize::MAX - 3, 5),
        ] {
            assert!(window.narrow(offset, len).is_none(), "{len} from {offset}");
        }
    }

    #[test]
    fn a_mapping_gives_windows_into_itself_only() {
        let mapping = mapping();
        assert_eq!(bytes(mapping.window(99, 1).unwrap()), [99]);
        assert!(mapping.window(100, 0).unwrap().is_empty());
        for (offset, len) in [
            (0, 101),
            (100, 1),
            (101, 0),
            (u64::MAX, 1),
            (u64::MAX, usize::MAX),
            (1, usize::MAX),
        ] {
            assert!(mapping.window(offset, len).is_none(), "{len} from {offset}");
        }
    }

    #[test]
    fn the_shorter_side_says_how_much_is_copied() {
        let (mapping, other) = (mapping(), Mapping::anonymous(8).unwrap());
        let (source, room) = (mapping.window(40, 20).unwrap(), other.window(0, 8).unwrap());
        let mut few = [0; 4];
        assert_eq!(source.read(&mut few), 4);
        assert_eq!(few, [40, 41, 42, 43]);
        assert_eq!(room.write(&[7; 30]), 8);
        assert_eq!(source.copy_to(room), 8);
        assert_eq!(bytes(room), [40, 41, 42, 43, 44, 45, 46, 47]);
        assert_eq!(room.copy_to(source.narrow(10, 10).unwrap()), 8);
        assert_eq!(
            bytes(source)[8..],
            [48, 49, 40, 41, 42, 43, 44, 45, 46, 47, 58, 59]
        );
        assert_eq!(copy::copy(source, room, 2), 2);
        assert_eq!(copy::copy(source, room, 100), 8);
        assert_eq!(copy::copy(source, room, 0), 0);
    }

    #[test]
    fn a_word_is_read_at_any_offset_but_not_across_the_end() {
        let mapping = mapping();
        let window = mapping.window(0, 100).unwrap();
        assert_eq!(window.read_word(3).map(u16::to_ne_bytes), Some([3, 4]));
        assert_eq!(
            window.read_word(5).map(u32::to_ne_bytes),
            Some([5, 6, 7, 8])
        );
        assert_eq!(
            window.read_word(92).map(u64::to_ne_bytes),
            Some([92, 93, 94, 95, 96, 97, 98, 99])
        );
        assert_eq!(window.read_word::<u16>(99), None);
        assert_eq!(window.read_word::<u32>(97), None);
        assert_eq!(window.read_word::<u64>(93), None);
        assert_eq!(window.read_word::<u64>(usize::MAX), None);
    }

    #[test]
    fn a_prefetch_is_a_hint_and_changes_nothing() {
        let mapping = mapping();
        let window = mapping.window(0, 100).unwrap();
        window.prefetch();
        window.prefetch_write();
        assert_eq!(bytes(window), (0..100).collect::<Vec<u8>>());
    }
}
