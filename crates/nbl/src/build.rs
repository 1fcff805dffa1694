//! From a chain of guest buffers to a frame: the hottest function of the switch.
#![allow(unsafe_code)]

use ndis::{
    Ieee8021QNetBufferListInfo, NetBufferListFilteringInfo, TcpIpChecksumNetBufferListInfo,
    TcpLargeSendNetBufferListInfo,
};
use shmem::{GuestMemory, OutOfMemory};

use crate::LOOKAHEAD;
use crate::frame::Nbl;
use crate::handle::to_ndis;
use crate::pool::{Piece, Pool};

/// The shortest frame: an Ethernet header.
const SHORTEST_FRAME: u32 = 14;

/// Why a chain of buffers is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// It ends within the header in front of the frame.
    #[error("it has {len} bytes, less than its header of {header}")]
    TooShort {
        /// Bytes of the chain.
        len: u64,
        /// Bytes of the header.
        header: usize,
    },
    /// The frame is shorter than an Ethernet header.
    #[error("a frame of {len} bytes is shorter than an Ethernet header")]
    RuntFrame {
        /// Bytes of the frame.
        len: u32,
    },
    /// The frame is longer than any may be.
    #[error("a frame of {len} bytes or more, of which at most {max} are possible")]
    TooLong {
        /// Bytes counted so far.
        len: u64,
        /// The most.
        max: u32,
    },
    /// A buffer is not in the guest's memory.
    #[error(transparent)]
    OutsideMemory(#[from] OutOfMemory),
    /// The pool is used up in this burst.
    #[error("the pool has no frame or no segment left")]
    PoolExhausted,
}

impl Pool {
    /// Describes the frame that lies in `chain`, buffers of (guest address, bytes), behind a header that
    /// is read into `header`. Its first [`LOOKAHEAD`] bytes are copied to the host, the rest is described
    /// where it lies; each guest byte is read once.
    ///
    /// # Errors
    /// [`BuildError`], with nothing taken from the pool.
    #[inline]
    pub fn build(
        &self,
        memory: &GuestMemory,
        chain: impl IntoIterator<Item = (u64, u32)>,
        header: &mut [u8],
        max: u32,
    ) -> Result<Nbl<'_>, BuildError> {
        let pieces_taken = self.pieces_taken();
        let nbl = self.take_frame().ok_or(BuildError::PoolExhausted)?;
        let built = describe(self, nbl, memory, chain, header, max);
        if built.is_err() {
            self.untake_frame(pieces_taken);
        }
        built.map(|()| nbl)
    }
}

#[inline]
fn describe(
    pool: &Pool,
    nbl: Nbl<'_>,
    memory: &GuestMemory,
    chain: impl IntoIterator<Item = (u64, u32)>,
    header: &mut [u8],
    max: u32,
) -> Result<(), BuildError> {
    let limit = u64::from(max) + header.len() as u64;
    let (mut total, mut header_read, mut lookahead_read) = (0, 0, 0);
    let mut last = nbl.lookahead_piece();
    for (mut gpa, mut len) in chain {
        total += u64::from(len);
        if total > limit {
            return Err(BuildError::TooLong {
                len: total - header.len() as u64,
                max,
            });
        }
        while len > 0 && lookahead_read < LOOKAHEAD {
            let wanted = (header.len() - header_read + LOOKAHEAD - lookahead_read) as u32;
            let window = match memory.window(gpa, len.min(wanted)) {
                Ok(window) => window,
                // Into a neighbouring region, perhaps: as far as this one goes.
                Err(_) => memory.window(gpa, memory.locate(gpa, len.min(wanted))?.len)?,
            };
            let in_header = window.read(&mut header[header_read..]);
            header_read += in_header;
            let mut read = in_header;
            if let Some(rest) = window.narrow(in_header, window.len() - in_header) {
                // SAFETY: the lookahead buffer has LOOKAHEAD bytes that are the pool's own; the frame is being
                // built, so no slice of it is out.
                let lookahead = nbl.read(|frame| unsafe {
                    std::slice::from_raw_parts_mut(frame.lookahead_at.as_ptr(), LOOKAHEAD)
                });
                let n = rest.read(&mut lookahead[lookahead_read..]);
                lookahead_read += n;
                read += n;
            }
            gpa = gpa.wrapping_add(read as u64);
            len -= read as u32;
        }
        while len > 0 {
            let place = memory.locate(gpa, len)?;
            let piece = pool
                .take_piece(to_ndis(place.handle), place.offset, place.len)
                .ok_or(BuildError::PoolExhausted)?;
            // SAFETY: both are pieces of the borrowed pool, to which no reference exists.
            unsafe { link(last, piece.as_ptr()) };
            last = piece.as_ptr();
            gpa = gpa.wrapping_add(u64::from(place.len));
            len -= place.len;
        }
    }
    if header_read < header.len() {
        return Err(BuildError::TooShort {
            len: total,
            header: header.len(),
        });
    }
    let data = (total - header.len() as u64) as u32;
    if data < SHORTEST_FRAME {
        return Err(BuildError::RuntFrame { len: data });
    }
    let has_more = data as usize > LOOKAHEAD;
    nbl.write(|frame| {
        frame.nbl.NblFlags = 0;
        frame.nbl.Status = ndis::NDIS_STATUS_SUCCESS;
        for slot in [
            TcpIpChecksumNetBufferListInfo,
            TcpLargeSendNetBufferListInfo,
            Ieee8021QNetBufferListInfo,
            NetBufferListFilteringInfo,
        ] {
            frame.nbl.NetBufferListInfo[slot] = std::ptr::null_mut();
        }
        frame.nb.stDataLength = data as usize;
        frame.lookahead.segment.SharedMemoryLength = lookahead_read as u32;
        frame.lookahead.mdl.ByteCount = lookahead_read as u32;
        if !has_more {
            frame.lookahead.segment.NextSharedMemorySegment = std::ptr::null_mut();
            frame.lookahead.mdl.Next = std::ptr::null_mut();
        }
    });
    Ok(())
}

/// Puts `next` behind `last` in both chains.
///
/// # Safety
/// Both are pieces of one pool that is borrowed, and no reference to either exists.
#[inline]
unsafe fn link(last: *mut Piece, next: *mut Piece) {
    // SAFETY: the caller's.
    unsafe {
        (*last).segment.NextSharedMemorySegment = &raw mut (*next).segment;
        (*last).mdl.Next = &raw mut (*next).mdl;
    }
}
