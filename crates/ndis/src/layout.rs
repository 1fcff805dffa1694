//! The datasheet notation in which every structure of this crate is written down, and the proof that goes with it.
//!
//! A structure that is one byte off is worse than none: it compiles, and corrupts. So a definition carries its Windows
//! offsets beside its members, `[64-bit | 32-bit]`, and does not compile where they are not true. The offsets follow from
//! the members' sizes and alignments by the rule that defines `repr(C)` (next multiple of the member's alignment); size and
//! alignment are the compiler's own. The rule stands here because `offset_of!` is younger (1.77) than the compilers we
//! serve, and measuring a member's address in a constant takes `unsafe` without it. `tests/reference` measures the
//! addresses instead, and compares them with figures that do not come from here.
//!
//! A member that only later NDIS versions have names their feature, `[64 | 40, "ndis630"]`, and so does the size that the
//! structure has with it, `("ndis630" 72 | 44)`. Versions add up: the last one that is switched on holds.

/// The offset of a member that needs `align` when the members before it end at `end`: the `repr(C)` rule.
// Compilers before 1.64 overlook that it is used, since it is used only by constants without a name.
#[allow(dead_code)]
pub(crate) const fn next_offset(end: usize, align: usize) -> usize {
    (end + align - 1) / align * align
}

/// The figure for the target: Windows has one layout for all 64-bit processors and one for 32-bit x86.
pub(crate) const fn for_target(on_64: usize, on_32: usize) -> usize {
    if cfg!(target_pointer_width = "64") {
        on_64
    } else {
        on_32
    }
}

/// All bits zero, which is a value of every type that structures here are made of.
pub(crate) trait Zeroed {
    /// That value.
    const ZEROED: Self;
}

macro_rules! zero {
    ($($number:ty),+) => { $( impl Zeroed for $number { const ZEROED: Self = 0; } )+ };
}

zero!(u8, u16, u32, u64, usize, i16, i32, i64);

impl<T> Zeroed for *mut T {
    const ZEROED: Self = core::ptr::null_mut();
}

impl<T> Zeroed for Option<T> {
    const ZEROED: Self = None;
}

impl<T: Zeroed + Copy, const N: usize> Zeroed for [T; N] {
    const ZEROED: Self = [T::ZEROED; N];
}

/// `layout! { struct NAME [size 64 | 32, align 64 | 32] { [offset 64 | offset 32] member: type, ... } }`
macro_rules! layout {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident [
            size $size64:literal | $size32:literal $(($since:literal $later64:literal | $later32:literal))*,
            align $align64:literal | $align32:literal
        ] {
            $(
                $(#[$member_attribute:meta])*
                [$offset64:literal | $offset32:literal $(, $from:literal)?] pub $member:ident: $type:ty,
            )+
        }
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $(
                $(#[$member_attribute])*
                $(#[cfg(feature = $from)])?
                pub $member: $type,
            )+
        }

        impl $name {
            /// All bits zero.
            pub const fn zeroed() -> Self {
                <Self as $crate::layout::Zeroed>::ZEROED
            }
        }

        impl $crate::layout::Zeroed for $name {
            const ZEROED: Self = Self {
                $(
                    $(#[cfg(feature = $from)])?
                    $member: <$type as $crate::layout::Zeroed>::ZEROED,
                )+
            };
        }

        // Sizes of versions that a later one overrides are read by nobody.
        #[allow(unused_variables)]
        const _: () = {
            let end = 0;
            $(
                $(#[cfg(feature = $from)])?
                let offset = $crate::layout::next_offset(end, core::mem::align_of::<$type>());
                $(#[cfg(feature = $from)])?
                assert!(
                    offset == $crate::layout::for_target($offset64, $offset32),
                    concat!(stringify!($name), ".", stringify!($member), " is not where Windows has it")
                );
                $(#[cfg(feature = $from)])?
                let end = offset + core::mem::size_of::<$type>();
            )+
            let size = $crate::layout::for_target($size64, $size32);
            $(
                #[cfg(feature = $since)]
                let size = $crate::layout::for_target($later64, $later32);
            )*
            assert!(
                core::mem::align_of::<$name>() == $crate::layout::for_target($align64, $align32),
                concat!(stringify!($name), " is not aligned as on Windows")
            );
            assert!(
                core::mem::size_of::<$name>() == size
                    && size == $crate::layout::next_offset(end, core::mem::align_of::<$name>()),
                concat!(stringify!($name), " has not the size it has on Windows")
            );
        };
    };
}

/// `accessors! { STRUCTURE: READ, WRITE: member: type; ... }`: what C has as one macro that can be assigned through.
macro_rules! accessors {
    ($structure:ident: $( $(#[$attribute:meta])* $read:ident, $write:ident: $member:ident: $type:ty; )+) => {
        $(
            $(#[$attribute])*
            #[inline]
            pub const fn $read(of: &$structure) -> $type {
                of.$member
            }

            #[doc = concat!("Assigns through [`", stringify!($read), "`].")]
            #[inline]
            pub fn $write(of: &mut $structure, value: $type) {
                of.$member = value;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::next_offset;

    #[test]
    fn the_repr_c_rule_leaves_a_fitting_member_and_moves_a_misaligned_one() {
        assert_eq!(next_offset(0, 8), 0);
        assert_eq!(next_offset(12, 8), 16);
        assert_eq!(next_offset(16, 8), 16);
        assert_eq!(next_offset(17, 1), 17);
        assert_eq!(next_offset(40, 16), 48);
    }
}
