//! The chains of one burst, as the host sees them after they were read and judged.
//!
//! ```text
//! entries   [head 7: gpa len][head 3: three from 0 on][head 5: gpa len] ...
//!                             │
//! bufs                       [gpa len][gpa len][gpa len] ...
//! ```
//!
//! Most chains have one buffer, which stands in the chain's own entry.
//!
//! Invariant of a chain: readable buffers come first, none is empty, all of them together hold 1 to 2^32 bytes, and there are
//! at most as many as the ring has descriptors. The scratch has room for the longest chain beside a burst of usual ones, and
//! never grows.

use std::fmt;
use std::ops::Range;
use std::slice;

use crate::RingError;

/// What one descriptor names: bytes of guest memory, not yet looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buf {
    /// Guest physical address.
    pub gpa: u64,
    /// In bytes.
    pub len: u32,
}

/// Scratch for the chains of one burst, in the order in which they were taken.
pub struct Chains {
    bufs: Box<[Buf]>,
    entries: Box<[Entry]>,
    count: usize,
    /// Buffers in use: those of `count` chains and of the one that is being read.
    filled: usize,
    /// Of the chain that is being read.
    open: Open,
    longest: usize,
}

/// One chain.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The only buffer, if there is one; else the place of the first one is in `len`.
    buf: Buf,
    /// From the low end, 16 bits each: the chain's kind, the driver's name of it, and of one that has several buffers how many
    /// are readable and how many there are. One word, so that it takes one store.
    tail: u64,
}

/// One buffer to write.
const ONE_WRITABLE: u16 = 0;
/// One buffer to read.
const ONE_READABLE: u16 = 1;
/// Several buffers.
const SEVERAL: u16 = 2;

#[derive(Clone, Copy)]
struct Open {
    head: u16,
    first: usize,
    readable: usize,
    bytes: u64,
}

/// Buffers that there is room for beside the longest chain.
const USUAL: usize = 1024;

const NOTHING: Buf = Buf { gpa: 0, len: 0 };

impl Chains {
    /// Room for `chains` chains of a ring of `size` descriptors. A burst ends early when its chains have many buffers.
    #[must_use]
    pub fn new(chains: usize, size: u16) -> Self {
        let longest = usize::from(size);
        let entry = Entry::single(0, NOTHING, true);
        Self {
            bufs: vec![NOTHING; longest + longest.max(USUAL)].into(),
            entries: vec![entry; chains].into(),
            count: 0,
            filled: 0,
            open: Open {
                head: 0,
                first: 0,
                readable: 0,
                bytes: 0,
            },
            longest,
        }
    }

    /// How many there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The `index`th chain; an empty one if there are fewer.
    #[must_use]
    #[inline]
    pub fn chain(&self, index: usize) -> Chain<'_> {
        let entry = self.entries[..self.count].get(index);
        entry.map_or(Chain::EMPTY, |entry| self.chain_of(entry))
    }

    /// The chains, oldest first.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Chain<'_>> {
        self.from(0)
    }

    /// The chains from the `from`th on.
    #[inline]
    pub fn from(&self, from: usize) -> impl ExactSizeIterator<Item = Chain<'_>> {
        let entries = self.entries[..self.count].get(from..).unwrap_or_default();
        entries.iter().map(|entry| self.chain_of(entry))
    }

    #[inline]
    fn chain_of<'a>(&'a self, entry: &'a Entry) -> Chain<'a> {
        let (bufs, readable) = match entry.kind() {
            SEVERAL => (&self.bufs[entry.range()], entry.readable()),
            one => (slice::from_ref(&entry.buf), one.into()),
        };
        Chain {
            head: entry.head(),
            bufs,
            readable,
        }
    }

    /// Head and buffer of each chain that has one buffer only, to read; `None` for any other chain.
    #[inline]
    pub fn only_readable(&self) -> impl ExactSizeIterator<Item = (u16, Option<Buf>)> {
        let entries = self.entries[..self.count].iter();
        entries.map(|entry| (entry.head(), entry.only(ONE_READABLE)))
    }

    /// Head and buffer of each chain from the `from`th on that has one buffer only, to write; `None` for any other chain.
    #[inline]
    pub fn only_writable_from(
        &self,
        from: usize,
    ) -> impl ExactSizeIterator<Item = (u16, Option<Buf>)> {
        let entries = self.entries[..self.count].get(from..).unwrap_or_default();
        let entries = entries.iter();
        entries.map(|entry| (entry.head(), entry.only(ONE_WRITABLE)))
    }

    /// The drivers' names of the chains from the `from`th on.
    #[inline]
    pub fn heads(&self, from: usize) -> impl ExactSizeIterator<Item = u16> {
        let entries = self.entries[..self.count].get(from..).unwrap_or_default();
        entries.iter().map(Entry::head)
    }

    /// Forgets all of them.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
        self.filled = 0;
    }

    /// Forgets all but the first `count`.
    #[inline]
    pub fn truncate(&mut self, count: usize) {
        if count < self.count {
            self.count = count;
            let many = self.entries[..count]
                .iter()
                .rfind(|entry| entry.kind() == SEVERAL);
            self.filled = many.map_or(0, |entry| entry.range().end);
        }
    }

    /// Forgets all but those at `indices`, which ascend, and closes ranks.
    pub fn keep(&mut self, indices: impl IntoIterator<Item = usize>) {
        let (mut kept, mut filled) = (0, 0);
        for index in indices {
            if index < kept || index >= self.count {
                continue;
            }
            let mut entry = self.entries[index];
            if entry.kind() == SEVERAL {
                self.bufs.copy_within(entry.range(), filled);
                entry.buf.len = filled as u32;
                filled = entry.range().end;
            }
            self.entries[kept] = entry;
            kept += 1;
        }
        self.count = kept;
        self.filled = filled;
    }

    /// Whether one more chain finds room, however long.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.count < self.entries.len() && self.bufs.len() - self.filled >= self.longest
    }

    /// Where the next chains go, at most `max`, if they are of one buffer each; [`Chains::filled_in`] says how many came.
    #[inline]
    pub(crate) fn vacant(&mut self, max: usize) -> &mut [Entry] {
        let vacant = &mut self.entries[self.count..];
        let max = max.min(vacant.len());
        &mut vacant[..max]
    }

    #[inline]
    pub(crate) fn filled_in(&mut self, count: usize) {
        self.count += count;
    }

    /// Begins a chain. The caller asked [`Chains::has_room`].
    #[inline]
    pub(crate) fn begin(&mut self, head: u16) {
        self.open = Open {
            head,
            first: self.filled,
            readable: 0,
            bytes: 0,
        };
    }

    /// Adds a buffer to the chain that was begun. One of no bytes is passed over: some drivers make them of empty fragments,
    /// and no reader of a chain has a use for them.
    #[inline]
    pub(crate) fn push(&mut self, buf: Buf, is_writable: bool) -> Result<(), RingError> {
        if buf.len == 0 {
            return Ok(());
        }
        let Open { head, first, .. } = self.open;
        if !is_writable {
            if first + self.open.readable != self.filled {
                return Err(RingError::ReadableAfterWritable { head });
            }
            self.open.readable += 1;
        }
        self.open.bytes += u64::from(buf.len);
        if self.filled - first == self.longest {
            let size = self.longest as u16;
            return Err(RingError::TooLong { head, size });
        }
        self.bufs[self.filled] = buf;
        self.filled += 1;
        Ok(())
    }

    /// Judges the chain as a whole, once all of it is there, and counts it.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<(), RingError> {
        let Open {
            head,
            first,
            readable,
            bytes,
        } = self.open;
        match bytes {
            1..=0x1_0000_0000 => {}
            0 => return Err(RingError::Empty { head }),
            _ => return Err(RingError::TooManyBytes { head }),
        }
        let count = self.filled - first;
        self.entries[self.count] = if count == 1 {
            self.filled = first;
            Entry::single(head, self.bufs[first], readable == 0)
        } else {
            Entry::several(head, first, readable as u16, count as u16)
        };
        self.count += 1;
        Ok(())
    }

    /// Calls the chain that was finished last by another name than it was begun with.
    pub(crate) fn rename_last(&mut self, head: u16) {
        if let Some(entry) = self.entries[..self.count].last_mut() {
            entry.tail = entry.tail & !(0xffff << 16) | u64::from(head) << 16;
        }
    }

    /// Forgets the chain that was begun and not finished.
    pub(crate) fn abandon(&mut self) {
        self.filled = self.open.first;
    }
}

impl fmt::Debug for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Entry {
    /// A chain of one buffer that is not empty.
    #[inline]
    pub(crate) fn single(head: u16, buf: Buf, is_writable: bool) -> Self {
        let kind = if is_writable {
            ONE_WRITABLE
        } else {
            ONE_READABLE
        };
        Self {
            buf,
            tail: u64::from(kind) | u64::from(head) << 16,
        }
    }

    fn several(head: u16, first: usize, readable: u16, count: u16) -> Self {
        let tail = [SEVERAL, head, readable, count].map(u64::from);
        Self {
            buf: Buf {
                gpa: 0,
                len: first as u32,
            },
            tail: tail[0] | tail[1] << 16 | tail[2] << 32 | tail[3] << 48,
        }
    }

    #[inline]
    fn head(&self) -> u16 {
        (self.tail >> 16) as u16
    }

    #[inline]
    fn kind(&self) -> u16 {
        self.tail as u16
    }

    #[inline]
    fn only(&self, kind: u16) -> Option<Buf> {
        (self.kind() == kind).then_some(self.buf)
    }

    /// Of several buffers, how many are readable.
    fn readable(&self) -> usize {
        (self.tail >> 32) as u16 as usize
    }

    /// Where several buffers stand.
    fn range(&self) -> Range<usize> {
        let first = self.buf.len as usize;
        first..first + (self.tail >> 48) as usize
    }
}

/// One chain of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    head: u16,
    bufs: &'a [Buf],
    readable: usize,
}

impl<'a> Chain<'a> {
    const EMPTY: Chain<'static> = Chain {
        head: 0,
        bufs: &[],
        readable: 0,
    };

    /// The driver's name of the chain, to hand it back by.
    #[must_use]
    #[inline]
    pub fn head(self) -> u16 {
        self.head
    }

    /// The buffers that the driver wrote for us.
    #[must_use]
    #[inline]
    pub fn readable(self) -> &'a [Buf] {
        &self.bufs[..self.readable]
    }

    /// The buffers that are ours to write.
    #[must_use]
    #[inline]
    pub fn writable(self) -> &'a [Buf] {
        &self.bufs[self.readable..]
    }

    /// All buffers, if the driver wrote all of them for us.
    #[must_use]
    #[inline]
    pub fn all_readable(self) -> Option<&'a [Buf]> {
        (self.readable == self.bufs.len()).then_some(self.bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buf(len: u32) -> Buf {
        Buf { gpa: 0, len }
    }

    /// Chains of one, two, ... buffers, the first of each readable.
    fn chains(count: u16) -> Chains {
        let mut chains = Chains::new(8, 8);
        for head in 0..count {
            chains.begin(head);
            for at in 0..=head {
                chains.push(buf(u32::from(head) * 10 + 1), at > 0).unwrap();
            }
            chains.finish().unwrap();
        }
        chains
    }

    #[test]
    fn what_is_kept_closes_ranks_and_stays_the_same() {
        let all = chains(6);
        let mut kept = chains(6);
        kept.keep([1, 2, 5]);
        let expected: Vec<_> = [1, 2, 5].map(|index| all.chain(index)).to_vec();
        assert_eq!(kept.iter().collect::<Vec<_>>(), expected);
        assert_eq!(kept.filled, 2 + 3 + 6, "none of one buffer is kept");
        kept.keep([]);
        assert_eq!((kept.len(), kept.filled), (0, 0));
    }

    #[test]
    fn a_chain_that_is_abandoned_leaves_no_buffers() {
        let mut chains = chains(2);
        chains.begin(9);
        chains.push(buf(1), false).unwrap();
        chains.abandon();
        chains.vacant(1)[0] = Entry::single(7, buf(3), true);
        chains.filled_in(1);
        assert_eq!(chains.chain(2).writable(), [buf(3)]);
        let [readable, writable] = [0, 1].map(|which| {
            let only: Vec<_> = match which {
                0 => chains.only_readable().collect(),
                _ => chains.only_writable_from(0).collect(),
            };
            only
        });
        assert_eq!(readable, [(0, Some(buf(1))), (1, None), (7, None)]);
        assert_eq!(writable, [(0, None), (1, None), (7, Some(buf(3)))]);
        assert_eq!(chains.heads(1).collect::<Vec<_>>(), [1, 7]);
        chains.truncate(2);
        assert_eq!((chains.len(), chains.filled), (2, 2));
        chains.truncate(1);
        assert_eq!((chains.len(), chains.filled), (1, 0));
    }

    #[test]
    fn a_chain_that_is_not_there_is_empty() {
        assert!(chains(1).chain(1).readable().is_empty());
    }
}
