//! Members of C structures, one after the other: read, written, or only measured.
//!
//! A structure names its members in order; where each stands follows from their sizes and alignments by the rule that C
//! compilers for Windows keep (the next multiple of the member's alignment). Pointers are as wide as the caller's, so one
//! description serves callers of 32 and of 64 bits. Numbers are little-endian, as on every Windows. Nothing is assumed about
//! where the buffer itself lies.

/// How wide the pointers of a caller are, which changes the layout of some structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointerWidth {
    /// 32-bit x86.
    Bits32,
    /// x86-64 and arm64.
    Bits64,
}

impl PointerWidth {
    /// The width of this build's own pointers.
    pub const NATIVE: PointerWidth = if cfg!(target_pointer_width = "64") {
        PointerWidth::Bits64
    } else {
        PointerWidth::Bits32
    };

    /// Bytes of a pointer.
    pub const fn bytes(self) -> usize {
        match self {
            PointerWidth::Bits32 => 4,
            PointerWidth::Bits64 => 8,
        }
    }
}

/// What goes along the members of a structure.
pub trait Members {
    /// The caller's pointers.
    fn width(&self) -> PointerWidth;

    /// The next bytes, which begin at a multiple of `align`.
    fn bytes(&mut self, bytes: &mut [u8], align: usize);
}

/// A kind of member.
pub trait Member {
    /// Has it read, written or measured.
    fn pass(&mut self, members: &mut impl Members);
}

macro_rules! numbers {
    ($($number:ty),+) => { $(
        impl Member for $number {
            fn pass(&mut self, members: &mut impl Members) {
                let mut bytes = self.to_le_bytes();
                members.bytes(&mut bytes, size_of::<$number>());
                *self = <$number>::from_le_bytes(bytes);
            }
        }
    )+ };
}

numbers!(u16, u32, i32, u64);

/// A word as wide as a pointer. Of a wider value a narrow caller sees the lower half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PointerSized(pub u64);

impl Member for PointerSized {
    fn pass(&mut self, members: &mut impl Members) {
        let width = members.width().bytes();
        let mut bytes = self.0.to_le_bytes();
        bytes[width..].fill(0);
        members.bytes(&mut bytes[..width], width);
        self.0 = u64::from_le_bytes(bytes);
    }
}

/// C's unions `FieldValue` and `ResultValue`: 16 bytes whose widest number has 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnionValue(pub [u8; 16]);

impl Member for UnionValue {
    fn pass(&mut self, members: &mut impl Members) {
        members.bytes(&mut self.0, 8);
    }
}

/// Reads members out of a buffer. What is behind its end is zeros.
pub(super) struct Reader<'a> {
    pub(super) from: &'a [u8],
    pub(super) at: usize,
    pub(super) width: PointerWidth,
}

impl Members for Reader<'_> {
    fn width(&self) -> PointerWidth {
        self.width
    }

    fn bytes(&mut self, bytes: &mut [u8], align: usize) {
        let start = self.at.next_multiple_of(align);
        self.at = start + bytes.len();
        match self.from.get(start..self.at) {
            Some(from) => bytes.copy_from_slice(from),
            None => bytes.fill(0),
        }
    }
}

/// Writes members into a buffer. What would be behind its end is left out.
pub(super) struct Writer<'a> {
    pub(super) to: &'a mut [u8],
    pub(super) at: usize,
    pub(super) width: PointerWidth,
}

impl Members for Writer<'_> {
    fn width(&self) -> PointerWidth {
        self.width
    }

    fn bytes(&mut self, bytes: &mut [u8], align: usize) {
        let start = self.at.next_multiple_of(align);
        self.at = start + bytes.len();
        if let Some(to) = self.to.get_mut(start..self.at) {
            to.copy_from_slice(bytes);
        }
    }
}

/// Only counts: where the members end, and what alignment the structure has.
pub(super) struct Ruler {
    pub(super) end: usize,
    pub(super) align: usize,
    pub(super) width: PointerWidth,
}

impl Members for Ruler {
    fn width(&self) -> PointerWidth {
        self.width
    }

    fn bytes(&mut self, bytes: &mut [u8], align: usize) {
        self.end = self.end.next_multiple_of(align) + bytes.len();
        self.align = self.align.max(align);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(members: &mut impl Members, values: &mut (u16, PointerSized, u32, UnionValue)) {
        values.0.pass(members);
        values.1.pass(members);
        values.2.pass(members);
        values.3.pass(members);
    }

    #[test]
    fn members_stand_where_c_puts_them_and_come_back() {
        let wide = 0x0807_0605_0403_0201;
        for (width, pointer_at, end, seen) in [
            (PointerWidth::Bits32, 4, 32, wide & 0xffff_ffff),
            (PointerWidth::Bits64, 8, 40, wide),
        ] {
            let mut values = (0x1122, PointerSized(wide), 7, UnionValue([9; 16]));
            let mut buffer = [0xee; 48];
            let to = &mut buffer;
            let mut writer = Writer { to, at: 0, width };
            pass(&mut writer, &mut values);
            assert_eq!(writer.at, end);
            let mut ruler = Ruler {
                end: 0,
                align: 1,
                width,
            };
            pass(&mut ruler, &mut values);
            assert_eq!((ruler.end, ruler.align), (end, 8));
            let after_pointer = pointer_at + width.bytes();
            assert_eq!(buffer[..2], [0x22, 0x11]);
            assert_eq!(
                buffer[pointer_at..after_pointer],
                wide.to_le_bytes()[..width.bytes()]
            );
            assert_eq!(buffer[after_pointer], 7);
            assert_eq!(buffer[end - 16..end], [9; 16]);
            assert!(buffer[end..].iter().all(|byte| *byte == 0xee));
            let mut again = Default::default();
            let from = &buffer[..];
            pass(&mut Reader { from, at: 0, width }, &mut again);
            assert_eq!(again, (0x1122, PointerSized(seen), 7, UnionValue([9; 16])));
        }
    }

    #[test]
    fn nothing_is_read_or_written_behind_the_end() {
        let width = PointerWidth::Bits64;
        let mut values = (1, PointerSized(2), 3, UnionValue([4; 16]));
        let mut buffer = [0; 12];
        let to = &mut buffer;
        pass(&mut Writer { to, at: 0, width }, &mut values);
        assert_eq!(buffer[..2], [1, 0]);
        let from = &buffer[..];
        pass(&mut Reader { from, at: 0, width }, &mut values);
        assert_eq!(values, (1, PointerSized(0), 0, UnionValue([0; 16])));
    }
}
