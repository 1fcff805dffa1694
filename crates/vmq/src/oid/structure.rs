//! Structures that open with an `NDIS_OBJECT_HEADER`: which revisions there are, how long each is, read and written.
//!
//! A newer revision only appends members. So a structure of a revision that is not known yet is read as the newest one that
//! is, if it is as long; and what is answered has the revision that was asked in.

use ndis::view::{Elements, check_header};
use ndis::{NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT};

use super::members::{Members, PointerWidth, Reader, Ruler, Writer};
use crate::status::NdisStatus;
use crate::version::NdisVersion;

/// A structure of a request or an indication, without its header.
pub trait Structure: Default {
    /// The type that its header says.
    const OBJECT_TYPE: u8 = NDIS_OBJECT_TYPE_DEFAULT;

    /// The versions of NDIS that brought its revisions, from revision 1 on.
    const REVISIONS: &'static [NdisVersion];

    /// Passes the members of a revision, in order.
    fn members(&mut self, revision: u8, members: &mut impl Members);

    /// The newest revision that a version of NDIS has; 0 if it has none.
    fn newest(version: NdisVersion) -> u8 {
        Self::REVISIONS
            .iter()
            .filter(|since| **since <= version)
            .count() as u8
    }

    /// Bytes through the last member of a revision: what the header says.
    fn size(revision: u8, width: PointerWidth) -> usize {
        measure::<Self>(revision, width).end
    }

    /// Bytes from one such structure to the next in an array.
    fn stride(revision: u8, width: PointerWidth) -> usize {
        let ruler = measure::<Self>(revision, width);
        ruler.end.next_multiple_of(ruler.align)
    }

    /// Reads one from the beginning of a buffer, and says which revision was read. `version` is the reader's.
    ///
    /// # Errors
    /// The buffer is too short for the revision (INVALID_LENGTH), its type is another (INVALID_PARAMETER), or there is no
    /// such revision (UNSUPPORTED_REVISION).
    fn read(from: &[u8], width: PointerWidth, version: NdisVersion) -> Result<(Self, u8), Refusal> {
        let newest = Self::newest(version);
        let Some(&[object_type, revision, low, high]) = from.first_chunk() else {
            return Err(Refusal::too_short(Self::size(newest, width)));
        };
        let header = NDIS_OBJECT_HEADER {
            Type: object_type,
            Revision: revision,
            Size: u16::from_le_bytes([low, high]),
        };
        let mut sizes = [(0, 0); MOST_REVISIONS];
        for (known, entry) in (1..=newest).zip(&mut sizes) {
            *entry = (known, Self::size(known, width));
        }
        let sizes = &sizes[..usize::from(newest).min(MOST_REVISIONS)];
        let judged = check_header(&header, Self::OBJECT_TYPE, sizes, from.len());
        let revision = judged.map_err(|error| match error.member {
            "NDIS_OBJECT_HEADER.Type" => NdisStatus::INVALID_PARAMETER.into(),
            "NDIS_OBJECT_HEADER.Revision" => NdisStatus::UNSUPPORTED_REVISION.into(),
            _ => Refusal::too_short(Self::size(revision.clamp(1, newest), width)),
        })?;
        let mut read = Self::default();
        let at = size_of::<NDIS_OBJECT_HEADER>();
        read.members(revision, &mut Reader { from, at, width });
        Ok((read, revision))
    }

    /// Writes one to the beginning of a buffer, header included, as far as the buffer goes; padding between members is
    /// zeros.
    fn write(mut self, to: &mut [u8], revision: u8, width: PointerWidth) {
        let size = Self::size(revision, width);
        let end = size.min(to.len());
        let to = &mut to[..end];
        to.fill(0);
        let [low, high] = (size as u16).to_le_bytes();
        let header = [Self::OBJECT_TYPE, revision, low, high];
        for (to, from) in to.iter_mut().zip(header) {
            *to = from;
        }
        let at = header.len();
        self.members(revision, &mut Writer { to, at, width });
    }

    /// The same in a buffer of its own.
    fn to_bytes(self, revision: u8, width: PointerWidth) -> Vec<u8> {
        let mut bytes = vec![0; Self::size(revision, width)];
        self.write(&mut bytes, revision, width);
        bytes
    }
}

/// How long a revision is, and how it is aligned.
fn measure<S: Structure>(revision: u8, width: PointerWidth) -> Ruler {
    let mut ruler = Ruler {
        end: size_of::<NDIS_OBJECT_HEADER>(),
        align: align_of::<NDIS_OBJECT_HEADER>(),
        width,
    };
    S::default().members(revision, &mut ruler);
    ruler
}

/// No structure here has more revisions.
const MOST_REVISIONS: usize = 3;

/// Why a request is refused, and how many bytes its buffer would have to have, if it is for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The request's status.
    pub status: NdisStatus,
    /// Bytes needed, or 0.
    pub needed: usize,
}

impl Refusal {
    /// The buffer would have to have so many bytes (C6).
    pub(super) fn too_short(needed: usize) -> Refusal {
        Refusal {
            status: NdisStatus::INVALID_LENGTH,
            needed,
        }
    }
}

impl From<NdisStatus> for Refusal {
    fn from(status: NdisStatus) -> Refusal {
        Refusal { status, needed: 0 }
    }
}

/// An array behind the structure that describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    /// Bytes from the beginning of the buffer to the first element.
    pub(super) offset: u32,
    pub(super) count: u32,
    /// Bytes from one element to the next.
    pub(super) size: u32,
}

impl Array {
    /// The elements in a buffer whose first `head` bytes are the structure, each at least `least` bytes long. The caller's
    /// elements may be longer than ours: they are stepped over by their own size.
    pub(super) fn elements(
        self,
        buffer: &[u8],
        head: usize,
        least: usize,
    ) -> Result<Elements<'_>, Refusal> {
        let is_sound = self.size as usize >= least && self.offset as usize >= head;
        let end = self.end().ok_or(NdisStatus::INVALID_PARAMETER)?;
        let offset = match self.count {
            0 => 0,
            _ if is_sound => self.offset,
            _ => return Err(NdisStatus::INVALID_PARAMETER.into()),
        };
        ndis::view::elements(buffer, offset, self.count, self.size, least)
            .map_err(|_| Refusal::too_short(end))
    }

    /// Where the array ends, if a buffer can be so long.
    pub(super) fn end(self) -> Option<usize> {
        let end = u64::from(self.offset) + u64::from(self.count) * u64::from(self.size);
        u32::try_from(end).ok().map(|end| end as usize)
    }
}
