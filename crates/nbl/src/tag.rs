//! A frame with another VLAN tag, or with none: a second frame that stands for the first.
//!
//! ```text
//! as sent    [ addresses │ tag │ rest of the lookahead ]──▶ segments in the guest's memory
//!                 │                 │                          ▲
//!                 ▼ copied          ▼ copied                   │ shared
//! untagged   [ addresses │ rest of the lookahead ]─────────────┘     slot 4: the tag
//! ```
//!
//! The frame itself stays as it was judged, for those who get it so. Only the lookahead is copied; what lies behind it is
//! described once. NDIS calls such a frame a clone: it names the first in `ParentNetBufferList`, and has its token, so
//! that to complete or to hold it is to complete or to hold the first.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: fills one structure after another's example"
)]

use std::ptr::{self, NonNull};

use ndis::NDIS_NET_BUFFER_LIST_8021Q_INFO;
use shmem::BlockTable;

use crate::LOOKAHEAD;
use crate::build::start_over;
use crate::frame::Frame;
use crate::nbl::Nbl;
use crate::pool::Pool;
use crate::transfer::read_behind;

/// A VLAN tag as it stands behind a frame's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its type: [`Tag::CUSTOMER`] or [`Tag::SERVICE`].
    pub kind: u16,
    /// Priority (3 bits), drop eligibility (1) and VLAN (12).
    pub tci: u16,
}

impl Tag {
    /// The type of IEEE 802.1Q's customer tag, the usual one.
    pub const CUSTOMER: u16 = 0x8100;
    /// The type of IEEE 802.1ad's service tag, the outer one of a frame that has two.
    pub const SERVICE: u16 = 0x88a8;

    /// Bytes of a tag.
    pub const LEN: usize = 4;

    /// The outer tag of the frame that begins with these bytes. One behind which there is no type is none.
    #[inline]
    pub fn of(frame: &[u8]) -> Option<Self> {
        let [k0, k1, t0, t1, _, _] = *frame.get(ADDRESSES..)?.first_chunk()?;
        let (kind, tci) = (u16::from_be_bytes([k0, k1]), u16::from_be_bytes([t0, t1]));
        Self::is_kind(kind).then_some(Self { kind, tci })
    }

    /// Whether a frame's type says that there is a tag.
    #[inline]
    pub const fn is_kind(ether_type: u16) -> bool {
        matches!(ether_type, Self::CUSTOMER | Self::SERVICE)
    }

    /// The VLAN in it; 0 is "priority only".
    #[inline]
    pub const fn vlan(self) -> u16 {
        self.tci & 0xfff
    }

    /// The same tag with another VLAN: priority and drop eligibility are kept.
    #[must_use]
    pub const fn with_vlan(self, vlan: u16) -> Self {
        Self {
            kind: self.kind,
            tci: self.tci & 0xf000 | vlan & 0xfff,
        }
    }

    /// As it travels beside a frame.
    pub fn info(self) -> NDIS_NET_BUFFER_LIST_8021Q_INFO {
        let mut info = NDIS_NET_BUFFER_LIST_8021Q_INFO::zeroed();
        info.SetUserPriority(u32::from(self.tci >> 13));
        info.SetCanonicalFormatId(self.tci & 1 << 12 != 0);
        info.SetVlanId(self.vlan().into());
        info
    }

    fn bytes(self) -> [u8; Self::LEN] {
        let [k0, k1] = self.kind.to_be_bytes();
        let [t0, t1] = self.tci.to_be_bytes();
        [k0, k1, t0, t1]
    }
}

/// Bytes in front of a frame's outer tag.
const ADDRESSES: usize = 12;

/// Most bytes of a lookahead with a tag put in.
pub(crate) const MAX_HEAD: usize = LOOKAHEAD + Tag::LEN;

impl Pool {
    /// The frame with `tag` as its outer tag, or with none, in place of the outer tag that it has. A tag that is taken out
    /// travels beside the frame (T7, slot 4); what else is said of the frame out of band is said of this one too, and
    /// offsets into it are as they were.
    ///
    /// `None` when the pool has no copy left in this burst, when the frame is not what was built, or its memory is gone.
    pub fn retagged<'p>(
        &'p self,
        blocks: &BlockTable,
        frame: Nbl<'p>,
        tag: Option<Tag>,
    ) -> Option<Nbl<'p>> {
        if frame.parent().is_some() {
            return None;
        }
        let had = Tag::of(frame.lookahead());
        let copy = self.take_copy()?;
        let (addresses, rest) = frame.lookahead().split_at_checked(ADDRESSES)?;
        let rest = &rest[had.map_or(0, |_| Tag::LEN)..];
        let put = tag.map(Tag::bytes);
        let put = put.as_ref().map_or(&[][..], |tag| &tag[..]);
        let head = addresses.len() + put.len() + rest.len();
        let behind = (frame.data_len() as usize).saturating_sub(frame.lookahead().len());
        let mut last = [0; Tag::LEN];
        // A frame that fits into a lookahead is all in it: the bytes that the tag kept out are fetched.
        let fetched = if head + behind <= LOOKAHEAD {
            behind
        } else {
            0
        };
        let last = last.get_mut(..fetched)?;
        if read_behind(blocks, frame, last).ok()? < fetched {
            return None;
        }
        start_over(copy, (head + behind) as u32, ptr::null_mut());
        fill(copy, &[addresses, put, rest, last]);
        share(copy, frame, (head + fetched) as u32, behind > fetched);
        // SAFETY: filled just now, in a pool that is borrowed.
        let copy = unsafe { Nbl::new(copy) };
        copy.set_token(frame.token());
        if let Some(port) = frame.source_port() {
            copy.set_source_port(port);
        }
        copy.set_queue_id(frame.queue_id());
        copy.set_checksum(frame.checksum());
        copy.set_large_send(frame.large_send());
        copy.set_udp_segmentation(frame.udp_segmentation());
        if let Some((value, kind)) = frame.hash() {
            copy.set_hash(value, kind);
        }
        if let Some(had) = had.filter(|_| tag.is_none()) {
            copy.set_vlan(had.info());
        }
        Some(copy)
    }
}

/// Writes the lookahead of a copy.
fn fill(copy: NonNull<Frame>, pieces: &[&[u8]; 4]) {
    let mut at = 0;
    for piece in pieces {
        // A lookahead has at most LOOKAHEAD bytes, and one tag is all that was added.
        let room = (MAX_HEAD - at).min(piece.len());
        // SAFETY: from the MDL's address on, MAX_HEAD bytes of the pool's mapping are this copy's alone. It was not handed
        // out yet, so nobody looks at them; the source is another frame's.
        unsafe {
            let head = (*copy.as_ptr()).mdl.MappedSystemVa.cast::<u8>();
            head.add(at).copy_from_nonoverlapping(piece.as_ptr(), room);
        }
        at += room;
    }
}

/// Lets the chains of a copy, of whose bytes the first `len` are its own, go on where those of `frame` do if it has more.
fn share(copy: NonNull<Frame>, frame: Nbl<'_>, len: u32, has_more: bool) {
    let (copy, from) = (copy.as_ptr(), frame.at());
    // SAFETY: both are frames of pools that are borrowed for as long as the copy is; no reference to either exists.
    unsafe {
        let next = ((*from).mdl.Next, (*from).segment.NextSharedMemorySegment);
        let (mdl, segment) = if has_more {
            next
        } else {
            (ptr::null_mut(), ptr::null_mut())
        };
        (*copy).mdl.ByteCount = len;
        (*copy).mdl.Next = mdl;
        (*copy).segment.SharedMemoryLength = len;
        (*copy).segment.NextSharedMemorySegment = segment;
        (*copy).nbl.ParentNetBufferList = frame.as_link();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_stands_in_a_frame() {
        let mut frame = [2; 18];
        for (kind, tag) in [
            ([0x81, 0], Some(Tag::CUSTOMER)),
            ([0x88, 0xa8], Some(Tag::SERVICE)),
            ([8, 0], None),
        ] {
            frame[12..16].copy_from_slice(&[kind[0], kind[1], 0xf1, 0x23]);
            let tag = tag.map(|kind| Tag { kind, tci: 0xf123 });
            assert_eq!(Tag::of(&frame), tag);
            assert_eq!(Tag::of(&frame[..17]), None, "the type behind it is missing");
        }
        let tag = Tag {
            kind: Tag::CUSTOMER,
            tci: 0xb123,
        };
        assert_eq!(tag.vlan(), 0x123);
        assert_eq!(tag.with_vlan(0xfff).tci, 0xbfff);
        let info = tag.info();
        assert_eq!(
            (info.VlanId(), info.UserPriority(), info.CanonicalFormatId()),
            (0x123, 5, true)
        );
    }
}
