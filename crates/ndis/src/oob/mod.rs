//! What the out-of-band slots hold: one module for each kind of fact.
//!
//! These structures are stored **in** the slot, not pointed to, so each is exactly as large as a pointer and goes there
//! and back by `to_slot` and `from_slot`. In C they are unions of bit fields over the slot's word; here the word is the
//! one member, `Value`, and every bit field a getter and a setter named like it (`Transmit.IsIPv4` becomes
//! `Transmit_IsIPv4` and `SetTransmit_IsIPv4`). Bit fields are counted from the lowest bit. A setter changes its own bits
//! only and, as in C, drops what does not fit.

/// `slot_info! { struct NAME { field, set_field: first bit, width; ... flag field, set_field: bit; } }`
macro_rules! slot_info {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_attribute:meta])*
                $field:ident, $set_field:ident: $kind:tt $first:literal $(.. $end:literal)?;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The slot's word.
            pub Value: $crate::basic::ULONG_PTR,
        }

        const _: () = assert!(
            core::mem::size_of::<$name>() == core::mem::size_of::<$crate::basic::PVOID>()
                && core::mem::align_of::<$name>() == core::mem::align_of::<$crate::basic::PVOID>(),
            concat!(stringify!($name), " does not fill a slot")
        );

        impl $name {
            /// Nothing said: what an empty slot holds.
            pub const fn zeroed() -> Self {
                Self { Value: 0 }
            }

            /// Reads a slot of a NET_BUFFER_LIST.
            #[inline]
            pub fn from_slot(slot: $crate::basic::PVOID) -> Self {
                Self { Value: slot as $crate::basic::ULONG_PTR }
            }

            /// The word to store in the slot.
            #[inline]
            pub const fn to_slot(self) -> $crate::basic::PVOID {
                self.Value as $crate::basic::PVOID
            }

            $( slot_info!(@ $kind $(#[$field_attribute])* $field, $set_field, $first $(, $end)?); )+
        }
    };
    (@ bits $(#[$attribute:meta])* $field:ident, $set_field:ident, $first:literal, $end:literal) => {
        slot_info!(@ number [$crate::basic::ULONG] $(#[$attribute])* $field, $set_field, $first, $end);
    };
    (@ short $(#[$attribute:meta])* $field:ident, $set_field:ident, $first:literal, $end:literal) => {
        slot_info!(@ number [$crate::basic::USHORT] $(#[$attribute])* $field, $set_field, $first, $end);
    };
    (@ number [$type:ty] $(#[$attribute:meta])* $field:ident, $set_field:ident, $first:literal, $end:literal) => {
        $(#[$attribute])*
        #[inline]
        pub const fn $field(self) -> $type {
            $crate::oob::bits(self.Value, $first, $end - $first) as $type
        }

        #[doc = concat!("Sets [`Self::", stringify!($field), "`].")]
        #[inline]
        pub fn $set_field(&mut self, value: $type) {
            self.Value = $crate::oob::with_bits(self.Value, $first, $end - $first, value as $crate::basic::ULONG_PTR);
        }
    };
    (@ flag $(#[$attribute:meta])* $field:ident, $set_field:ident, $first:literal) => {
        $(#[$attribute])*
        #[inline]
        pub const fn $field(self) -> bool {
            $crate::oob::bits(self.Value, $first, 1) != 0
        }

        #[doc = concat!("Sets or clears [`Self::", stringify!($field), "`].")]
        #[inline]
        pub fn $set_field(&mut self, value: bool) {
            self.Value = $crate::oob::with_bits(self.Value, $first, 1, value as $crate::basic::ULONG_PTR);
        }
    };
}

mod checksum;
mod coalesced;
mod filtering;
mod hash;
mod segmentation;
mod virtual_network;
mod vlan;

pub use checksum::*;
pub use coalesced::*;
pub use filtering::*;
pub use hash::*;
pub use segmentation::*;
pub use virtual_network::*;
pub use vlan::*;

use crate::basic::ULONG_PTR;

const fn mask(width: u32) -> ULONG_PTR {
    (1 << width) - 1
}

const fn bits(word: ULONG_PTR, first: u32, width: u32) -> ULONG_PTR {
    (word >> first) & mask(width)
}

const fn with_bits(word: ULONG_PTR, first: u32, width: u32, value: ULONG_PTR) -> ULONG_PTR {
    (word & !(mask(width) << first)) | ((value & mask(width)) << first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_a_bit_field_keeps_its_neighbours_and_drops_what_does_not_fit() {
        let all = ULONG_PTR::MAX;
        assert_eq!(with_bits(all, 4, 12, 0), all & !0xFFF0);
        assert_eq!(with_bits(0, 4, 12, 0xF_FFFF), 0xFFF0);
        assert_eq!(bits(0xABCD, 4, 12), 0xABC);
    }

    #[test]
    fn an_info_survives_its_slot() {
        let info = NDIS_NET_BUFFER_LIST_8021Q_INFO { Value: 0xFFFF };
        assert_eq!(
            NDIS_NET_BUFFER_LIST_8021Q_INFO::from_slot(info.to_slot()),
            info
        );
        assert!(NDIS_NET_BUFFER_LIST_8021Q_INFO::zeroed()
            .to_slot()
            .is_null());
    }
}
