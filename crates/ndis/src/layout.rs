//! The datasheet notation in which every structure of this crate is written down, and the proof that goes with it.
//!
//! A structure that is one byte off is worse than none: it compiles, and corrupts. So a definition carries its Windows
//! offsets beside its members, `[64-bit | 32-bit]`, and does not compile where they are not true:
//!
//! * In every build, on every compiler since 1.63: the offsets follow from the members' sizes and alignments by the rule
//!   that defines `repr(C)` (next multiple of the member's alignment), and size and alignment are the compiler's own.
//!   The rule stands here because `offset_of!` is younger (1.77) than the compilers we serve, and measuring a member's
//!   address in a constant takes `unsafe` without it.
//! * In test builds, which are made with the workspace's own compiler: `offset_of!` as well, so that the rule itself is
//!   checked against what the compiler lays out.

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

/// `layout! { struct NAME [size 64 | 32, align 64 | 32] { [offset 64 | offset 32] member: type, ... } }`
macro_rules! layout {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident [size $size64:literal | $size32:literal, align $align64:literal | $align32:literal] {
            $(
                $(#[$member_attribute:meta])*
                [$offset64:literal | $offset32:literal] pub $member:ident: $type:ty,
            )+
        }
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $(
                $(#[$member_attribute])*
                pub $member: $type,
            )+
        }

        const _: () = {
            let end = 0;
            $(
                let offset = $crate::layout::next_offset(end, core::mem::align_of::<$type>());
                assert!(
                    offset == $crate::layout::for_target($offset64, $offset32),
                    concat!(stringify!($name), ".", stringify!($member), " is not where Windows has it")
                );
                let end = offset + core::mem::size_of::<$type>();
            )+
            assert!(
                core::mem::align_of::<$name>() == $crate::layout::for_target($align64, $align32),
                concat!(stringify!($name), " is not aligned as on Windows")
            );
            assert!(
                core::mem::size_of::<$name>() == $crate::layout::for_target($size64, $size32)
                    && core::mem::size_of::<$name>()
                        == $crate::layout::next_offset(end, core::mem::align_of::<$name>()),
                concat!(stringify!($name), " has not the size it has on Windows")
            );
        };

        #[cfg(test)]
        const _: () = {
            $(
                assert!(
                    core::mem::offset_of!($name, $member) == $crate::layout::for_target($offset64, $offset32),
                    concat!(stringify!($name), ".", stringify!($member), " is not where Windows has it")
                );
            )+
        };
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
