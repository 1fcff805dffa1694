//! What the lists are made of. Each entry is three things at once: an assertion that the crate agrees, made by the compiler
//! for the target's own pointer width; a measurement of the crate's members; and figures for both widths, for C compilers.

/// A structure and what was measured of it.
pub(crate) struct Structure {
    pub(crate) name: &'static str,
    /// On 64-bit and on 32-bit Windows.
    pub(crate) size: [usize; 2],
    pub(crate) align: [usize; 2],
    pub(crate) members: Vec<Member>,
}

/// A member of a structure.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) offset: [usize; 2],
    /// Where the crate has it, by its address.
    pub(crate) measured: usize,
}

/// A constant, on 64-bit and on 32-bit Windows; what is longer than 32 bits there is cut.
pub(crate) struct Constant {
    pub(crate) name: &'static str,
    pub(crate) value: [u32; 2],
}

/// Which of two figures is the target's.
pub(crate) const HERE: usize = if cfg!(target_pointer_width = "64") {
    0
} else {
    1
};

#[rustfmt::skip]
macro_rules! structures {
    ($(
        $name:ident [
            size $size64:literal | $size32:literal $(($since:literal $later64:literal | $later32:literal))*,
            align $align64:literal | $align32:literal
        ] { $( $member:ident [$offset64:literal | $offset32:literal $(, $from:literal)?], )+ }
    )+) => {
        $( const _: () = {
            assert!(core::mem::align_of::<ndis::$name>() == [$align64, $align32][crate::facts::HERE]);
            // Sizes of versions that a later one overrides are read by nobody.
            #[allow(unused_variables)]
            let size = [$size64, $size32];
            $( #[cfg(feature = $since)] let size = [$later64, $later32]; )*
            assert!(core::mem::size_of::<ndis::$name>() == size[crate::facts::HERE]);
        }; )+

        /// The structures of this list.
        pub(crate) fn structures() -> Vec<Structure> {
            vec![ $( {
                #[allow(unused_variables)]
                let size = [$size64, $size32];
                $( #[cfg(feature = $since)] let size = [$later64, $later32]; )*
                let it = ndis::$name::zeroed();
                let members = vec![ $(
                    $(#[cfg(feature = $from)])?
                    crate::facts::Member {
                        name: stringify!($member),
                        offset: [$offset64, $offset32],
                        measured: &it.$member as *const _ as usize - &it as *const _ as usize,
                    },
                )+ ];
                Structure { name: stringify!($name), size, align: [$align64, $align32], members }
            }, )+ ]
        }
    };
}

#[rustfmt::skip]
macro_rules! constants {
    ($( $(#[$attribute:meta])* $name:ident = $value64:literal $(| $value32:literal)?; )+) => {
        $( $(#[$attribute])* const _: () = assert!(
            ndis::$name as u32 == [$value64, constants!(@ $value64 $(, $value32)?)][crate::facts::HERE],
            concat!(stringify!($name), " has not the value that the reference has")
        ); )+

        /// The constants of this list.
        pub(crate) fn constants() -> Vec<Constant> {
            vec![ $(
                $(#[$attribute])*
                Constant { name: stringify!($name), value: [$value64, constants!(@ $value64 $(, $value32)?)] },
            )+ ]
        }
    };
    (@ $both:literal) => { $both };
    (@ $on_64:literal, $on_32:literal) => { $on_32 };
}

#[rustfmt::skip]
macro_rules! types {
    ($( $name:ident $size64:literal | $size32:literal, )+) => {
        $( const _: () = assert!(core::mem::size_of::<ndis::$name>() == [$size64, $size32][crate::facts::HERE]); )+

        /// Types that are other names.
        pub(crate) fn types() -> Vec<Structure> {
            vec![ $( Structure {
                name: stringify!($name),
                size: [$size64, $size32],
                align: [core::mem::align_of::<ndis::$name>(); 2],
                members: Vec::new(),
            }, )+ ]
        }
    };
}

#[rustfmt::skip]
macro_rules! macros {
    ($( $name:ident, )+) => {
        /// C's macros and inline functions; that each is named here proves that it is there.
        pub(crate) fn macros() -> Vec<&'static str> {
            $( let _ = &ndis::$name; )+
            vec![ $( stringify!($name), )+ ]
        }
    };
}

#[rustfmt::skip]
macro_rules! setters {
    ($( $name:ident, )+) => {
        /// What assigns through a macro.
        pub(crate) fn setters() -> Vec<&'static str> {
            $( let _ = &ndis::$name; )+
            vec![ $( stringify!($name), )+ ]
        }
    };
}
