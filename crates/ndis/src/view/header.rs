//! Structures of requests as they come in a buffer: a header that says how long they are, and arrays whose elements may be
//! longer than this crate knows them.

use super::error::{ViewError, Wrong};
use crate::basic::{NDIS_OBJECT_HEADER, UCHAR, ULONG};

/// Judges a header and says which revision both sides know.
///
/// `revisions` are the revisions that the reader knows and the sizes of each, lowest first, as the `NDIS_SIZEOF_*` constants have
/// them; `available` is how many bytes there are in all. A newer revision is read as the newest that is known, if it is as long:
/// newer revisions only append.
///
/// ```
/// use ndis::view::check_header;
/// use ndis::{NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT};
///
/// let sizes = [(1, 36), (2, 44)];
/// let header = NDIS_OBJECT_HEADER { Type: NDIS_OBJECT_TYPE_DEFAULT, Revision: 3, Size: 60 };
/// assert_eq!(check_header(&header, NDIS_OBJECT_TYPE_DEFAULT, &sizes, 60), Ok(2));
/// let error = check_header(&header, NDIS_OBJECT_TYPE_DEFAULT, &sizes, 44).unwrap_err();
/// assert_eq!(error.member, "NDIS_OBJECT_HEADER.Size");
/// ```
///
/// # Errors
/// The type is another, the revision none that is known, or the size too small for it or more than is available.
pub fn check_header(
    header: &NDIS_OBJECT_HEADER,
    object_type: UCHAR,
    revisions: &[(UCHAR, usize)],
    available: usize,
) -> Result<UCHAR, ViewError> {
    if header.Type != object_type {
        let wrong = Wrong::Disagrees {
            value: header.Type.into(),
            others: object_type.into(),
        };
        return Err(ViewError::new("NDIS_OBJECT_HEADER.Type", wrong));
    }
    let known = revisions
        .iter()
        .rev()
        .find(|(revision, _)| *revision <= header.Revision);
    let (revision, least) = known.ok_or_else(|| {
        let value = header.Revision.into();
        ViewError::new("NDIS_OBJECT_HEADER.Revision", Wrong::Unknown { value })
    })?;
    let size = usize::from(header.Size);
    if size < *least {
        let wrong = Wrong::Below {
            value: size as u64,
            least: *least as u64,
        };
        return Err(ViewError::new("NDIS_OBJECT_HEADER.Size", wrong));
    }
    if size > available {
        let (value, limit) = (size as u64, available as u64);
        return Err(ViewError::beyond("NDIS_OBJECT_HEADER.Size", value, limit));
    }
    Ok(*revision)
}

/// The elements of an array in a request's buffer, by the `FirstElementOffset`, `NumElements` and `ElementSize` that its head
/// says. `least` is the size of an element as the reader knows it; a longer one is stepped over by its own size, and nothing is
/// said of alignment.
///
/// # Errors
/// An element is shorter than `least`, or the array leaves the buffer.
pub fn elements(
    buffer: &[u8],
    first: ULONG,
    count: ULONG,
    size: ULONG,
    least: usize,
) -> Result<Elements<'_>, ViewError> {
    let least = least.max(1) as u64;
    if count > 0 && u64::from(size) < least {
        let wrong = Wrong::Below {
            value: size.into(),
            least,
        };
        return Err(ViewError::new("ElementSize", wrong));
    }
    let limit = buffer.len() as u64;
    let rest = buffer
        .get(first as usize..)
        .ok_or_else(|| ViewError::beyond("FirstElementOffset", first.into(), limit))?;
    // 32 bits times 32 bits, plus 32: no overflow.
    let end = u64::from(first) + u64::from(count) * u64::from(size);
    if end > limit {
        return Err(ViewError::beyond("NumElements", end, limit));
    }
    Ok(Elements {
        rest,
        size: size as usize,
        left: count,
    })
}

/// The elements of an array, each as long as the array says. See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    size: usize,
    left: ULONG,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let element = self.rest.get(..self.size)?;
        self.rest = self.rest.get(self.size..)?;
        Some(element)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basic::NDIS_OBJECT_TYPE_DEFAULT as DEFAULT;

    const SIZES: [(UCHAR, usize); 2] = [(1, 36), (2, 44)];

    fn judge(
        object_type: UCHAR,
        revision: UCHAR,
        size: u16,
        available: usize,
    ) -> Result<UCHAR, ViewError> {
        let header = NDIS_OBJECT_HEADER {
            Type: object_type,
            Revision: revision,
            Size: size,
        };
        check_header(&header, DEFAULT, &SIZES, available)
    }

    #[test]
    fn a_header_is_read_as_the_newest_revision_that_both_know() {
        assert_eq!(judge(DEFAULT, 1, 36, 36), Ok(1));
        assert_eq!(judge(DEFAULT, 2, 44, 100), Ok(2));
        assert_eq!(judge(DEFAULT, 200, 0xFFFF, 0xFFFF), Ok(2));
    }

    #[test]
    fn a_wrong_type_revision_or_size_is_named() {
        let member = |result: Result<UCHAR, ViewError>| result.unwrap_err().member;
        assert_eq!(member(judge(0x96, 1, 36, 36)), "NDIS_OBJECT_HEADER.Type");
        assert_eq!(
            member(judge(DEFAULT, 0, 36, 36)),
            "NDIS_OBJECT_HEADER.Revision"
        );
        assert_eq!(member(judge(DEFAULT, 2, 36, 99)), "NDIS_OBJECT_HEADER.Size");
        assert_eq!(member(judge(DEFAULT, 1, 36, 35)), "NDIS_OBJECT_HEADER.Size");
        let none_known = check_header(
            &NDIS_OBJECT_HEADER {
                Type: DEFAULT,
                Revision: 1,
                Size: 4,
            },
            DEFAULT,
            &[],
            4,
        );
        assert_eq!(member(none_known), "NDIS_OBJECT_HEADER.Revision");
    }

    #[test]
    fn an_array_is_walked_by_the_size_that_it_says() {
        let buffer = [9, 1, 2, 0, 3, 4, 0];
        let mut found = elements(&buffer, 1, 2, 3, 2).unwrap();
        assert_eq!(found.next(), Some(&[1, 2, 0][..]));
        assert_eq!(found.next(), Some(&[3, 4, 0][..]));
        assert_eq!(found.next(), None);
        assert_eq!(elements(&buffer, 7, 0, 0, 8).unwrap().count(), 0);
    }

    #[test]
    fn an_array_that_leaves_its_buffer_is_refused_by_member() {
        let buffer = [0; 64];
        let member = |first, count, size| {
            elements(&buffer, first, count, size, 16)
                .unwrap_err()
                .member
        };
        assert_eq!(member(65, 0, 16), "FirstElementOffset");
        assert_eq!(member(0, 5, 16), "NumElements");
        assert_eq!(member(u32::MAX, u32::MAX, u32::MAX), "FirstElementOffset");
        assert_eq!(member(0, u32::MAX, u32::MAX), "NumElements");
        assert_eq!(member(0, 1, 15), "ElementSize");
        assert_eq!(member(0, 1, 0), "ElementSize");
    }
}
