//! Field tests: one field of a frame's Ethernet header, how it is compared, and with what (T4).
//!
//! Every field is a number here, an address too (its first octet is the highest byte), so the three comparisons are the same
//! for all of them. A frame without a tag has VLAN id 0 and priority 0, as a frame's 802.1Q slot has it.

use crate::id::VlanId;
use crate::mac::Mac;

/// What filters can test of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whom it is for.
    pub destination: Mac,
    /// Whom it is from.
    pub source: Mac,
    /// The VLAN id of its tag, 0 without one.
    pub vlan: VlanId,
    /// The priority of its tag, 0 without one.
    pub priority: u8,
    /// Its EtherType, which stands behind the tag if there is one.
    pub protocol: u16,
}

/// How many a frame is addressed to, `NDIS_MAC_PACKET_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// One.
    Unicast = ndis::NdisMacPacketTypeUnicast as u8,
    /// A group.
    Multicast = ndis::NdisMacPacketTypeMulticast as u8,
    /// All.
    Broadcast = ndis::NdisMacPacketTypeBroadcast as u8,
}

/// A field of the Ethernet header, `NDIS_MAC_HEADER_FIELD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Field {
    /// Destination address, 48 bits.
    Destination = ndis::NdisMacHeaderFieldDestinationAddress,
    /// Source address, 48 bits.
    Source = ndis::NdisMacHeaderFieldSourceAddress,
    /// EtherType, 16 bits.
    Protocol = ndis::NdisMacHeaderFieldProtocol,
    /// VLAN id, 12 bits.
    Vlan = ndis::NdisMacHeaderFieldVlanId,
    /// Priority, 3 bits.
    Priority = ndis::NdisMacHeaderFieldPriority,
    /// How many the frame is addressed to: a [`PacketType`].
    PacketType = ndis::NdisMacHeaderFieldPacketType,
}

/// How a field is compared, `NDIS_RECEIVE_FILTER_TEST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// It equals this number.
    Equal(u64),
    /// Its bits under `mask` equal `result`.
    MaskEqual {
        /// Which bits count.
        mask: u64,
        /// What they are.
        result: u64,
    },
    /// It is another than this number.
    NotEqual(u64),
}

/// A test of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldTest {
    /// The field.
    pub field: Field,
    /// The comparison.
    pub test: Test,
}

impl Facts {
    /// How many the frame is addressed to.
    pub fn packet_type(&self) -> PacketType {
        if self.destination.is_broadcast() {
            PacketType::Broadcast
        } else if self.destination.is_multicast() {
            PacketType::Multicast
        } else {
            PacketType::Unicast
        }
    }

    /// A field as a number.
    fn value(&self, field: Field) -> u64 {
        match field {
            Field::Destination => self.destination.number(),
            Field::Source => self.source.number(),
            Field::Protocol => self.protocol.into(),
            Field::Vlan => self.vlan.0.into(),
            Field::Priority => self.priority.into(),
            Field::PacketType => self.packet_type() as u64,
        }
    }
}

impl Field {
    /// All fields, in the order of their numbers.
    pub const ALL: [Field; 6] = [
        Field::Destination,
        Field::Source,
        Field::Protocol,
        Field::Vlan,
        Field::Priority,
        Field::PacketType,
    ];

    /// Its bit in the capabilities' `SupportedMacHeaderFields`.
    pub const fn capability(self) -> u32 {
        1 << (self as i32 - 1)
    }

    /// How wide it is.
    pub const fn bits(self) -> u32 {
        match self {
            Field::Destination | Field::Source => 48,
            Field::Protocol => 16,
            Field::Vlan => 12,
            Field::Priority => 3,
            Field::PacketType => 2,
        }
    }

    /// Whether it is one of the two addresses.
    pub(crate) const fn is_address(self) -> bool {
        matches!(self, Field::Destination | Field::Source)
    }
}

impl Test {
    /// Its bit in the capabilities' `SupportedFilterTests`.
    pub const fn capability(self) -> u32 {
        match self {
            Test::Equal(_) => ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
            Test::MaskEqual { .. } => {
                ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED
            }
            Test::NotEqual(_) => ndis::NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED,
        }
    }

    fn passes(self, value: u64) -> bool {
        match self {
            Test::Equal(wanted) => value == wanted,
            Test::MaskEqual { mask, result } => value & mask == result,
            Test::NotEqual(unwanted) => value != unwanted,
        }
    }
}

impl FieldTest {
    /// Whether a frame passes.
    pub fn passes(&self, frame: &Facts) -> bool {
        self.test.passes(frame.value(self.field))
    }

    /// Whether its numbers fit the field, and some frame passes. No tag names VLAN 0, so no test asks for it by Equal (T6).
    pub(crate) fn is_sound(&self) -> bool {
        let fits = |number: u64| number >> self.field.bits() == 0;
        match self.test {
            Test::Equal(0) => !matches!(self.field, Field::Vlan | Field::PacketType),
            Test::Equal(number) | Test::NotEqual(number) => fits(number),
            Test::MaskEqual { mask, result } => fits(mask) && result & !mask == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Facts = Facts {
        destination: Mac([0x52, 0x54, 0, 0, 0, 1]),
        source: Mac([0x52, 0x54, 0, 0, 0, 2]),
        vlan: VlanId(7),
        priority: 5,
        protocol: 0x0800,
    };

    fn passes(field: Field, test: Test) -> bool {
        FieldTest { field, test }.passes(&FRAME)
    }

    #[test]
    fn t4_each_field_is_compared_in_each_way() {
        let values = [
            (Field::Destination, 0x5254_0000_0001),
            (Field::Source, 0x5254_0000_0002),
            (Field::Protocol, 0x0800),
            (Field::Vlan, 7),
            (Field::Priority, 5),
            (Field::PacketType, 1),
        ];
        for (field, value) in values {
            assert!(passes(field, Test::Equal(value)), "{field:?}");
            assert!(!passes(field, Test::Equal(value ^ 1)), "{field:?}");
            assert!(!passes(field, Test::NotEqual(value)), "{field:?}");
            assert!(passes(field, Test::NotEqual(value ^ 1)), "{field:?}");
            for mask in [1, 3, value] {
                let result = value & mask;
                assert!(passes(field, Test::MaskEqual { mask, result }));
                let result = result ^ 1;
                assert!(!passes(field, Test::MaskEqual { mask, result }));
            }
        }
    }

    #[test]
    fn a_frame_is_for_one_for_a_group_or_for_all() {
        let to = |destination| {
            Facts {
                destination,
                ..FRAME
            }
            .packet_type()
        };
        assert_eq!(to(FRAME.destination), PacketType::Unicast);
        assert_eq!(to(Mac([1, 0, 0x5e, 0, 0, 1])), PacketType::Multicast);
        assert_eq!(to(Mac::BROADCAST), PacketType::Broadcast);
    }

    #[test]
    fn a_test_that_no_frame_can_pass_or_fail_is_not_sound() {
        let is_sound = |field, test| FieldTest { field, test }.is_sound();
        for field in Field::ALL {
            let most = (1 << field.bits()) - 1;
            assert!(is_sound(field, Test::Equal(most)) && is_sound(field, Test::NotEqual(most)));
            assert!(!is_sound(field, Test::Equal(most + 1)), "{field:?}");
            assert!(!is_sound(field, Test::NotEqual(most + 1)), "{field:?}");
            let masked = |mask, result| is_sound(field, Test::MaskEqual { mask, result });
            assert!(masked(most, 1) && masked(1, 1) && masked(0, 0));
            assert!(!masked(most + 1, 0) && !masked(1, 2), "{field:?}");
        }
        assert!(!is_sound(Field::Vlan, Test::Equal(0)));
        assert!(!is_sound(Field::PacketType, Test::Equal(0)));
        assert!(is_sound(Field::Priority, Test::Equal(0)));
    }

    #[test]
    fn the_capability_bits_are_those_of_ndis() {
        let bits = Field::ALL.map(Field::capability);
        assert_eq!(bits, [1, 2, 4, 8, 16, 32]);
        let masked = Test::MaskEqual { mask: 0, result: 0 };
        let bits = [Test::Equal(0), masked, Test::NotEqual(0)].map(Test::capability);
        assert_eq!(bits, [1, 2, 4]);
    }
}
