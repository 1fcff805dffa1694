//! Whether a frame passes a filter, said as plainly as the documents say it: field by field, on bits written out.

use vmq::{Capabilities, Facts, Field, FieldTest, Filter, Mac, Test, VlanId, VlanTest};

/// A filter as it is asked for: its field tests, and the flag UNTAGGED_OR_ZERO.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) fields: Vec<FieldTest>,
    pub(crate) is_untagged_or_zero: bool,
}

impl From<Filter> for Asked {
    fn from(filter: Filter) -> Asked {
        let destination = FieldTest {
            field: Field::Destination,
            test: Test::Equal(bits(&filter.mac.0)),
        };
        let mut fields = vec![destination];
        if let VlanTest::Id(VlanId(id)) = filter.vlan {
            fields.push(FieldTest {
                field: Field::Vlan,
                test: Test::Equal(id.into()),
            });
        }
        Asked {
            fields,
            is_untagged_or_zero: filter.vlan == VlanTest::UntaggedOrZero,
        }
    }
}

impl Asked {
    pub(crate) fn accepts(&self, frame: &Facts) -> bool {
        if self.is_untagged_or_zero && frame.vlan.0 != 0 {
            return false;
        }
        for FieldTest { field, test } in &self.fields {
            let value = field_of(*field, frame);
            let passes = match *test {
                Test::Equal(number) => value == number,
                Test::NotEqual(number) => value != number,
                Test::MaskEqual { mask, result } => (0..64).all(|bit| {
                    let bit_of = |number: u64| number >> bit & 1;
                    (bit_of(mask) & bit_of(value)) == bit_of(result)
                }),
            };
            if !passes {
                return false;
            }
        }
        true
    }

    /// As an exact filter, if these tests are one in either order.
    pub(crate) fn exact(&self) -> Option<Filter> {
        let only = |wanted: Field| {
            let mut of_field = self.fields.iter().filter(|test| test.field == wanted);
            match (of_field.next()?.test, of_field.next()) {
                (Test::Equal(number), None) => Some(number),
                _ => None,
            }
        };
        let [.., a, b, c, d, e, f] = only(Field::Destination)?.to_be_bytes();
        let mac = Mac([a, b, c, d, e, f]);
        let vlan = match (self.fields.len(), self.is_untagged_or_zero) {
            (1, true) => VlanTest::UntaggedOrZero,
            (1, false) => VlanTest::Any,
            (2, false) => VlanTest::Id(VlanId(only(Field::Vlan)? as u16)),
            _ => return None,
        };
        Some(Filter { mac, vlan })
    }

    /// T4, T6, T8 in the mode of NDIS 6.30 with everything switched on, and that each test can pass.
    pub(crate) fn is_sound(&self, capabilities: &Capabilities) -> bool {
        let is_sound = |FieldTest { field, test }: &FieldTest| {
            let (comparison, numbers) = match *test {
                Test::Equal(number) => (1, [number, 0]),
                Test::MaskEqual { mask, result } => (2, [mask, result]),
                Test::NotEqual(number) => (4, [number, 0]),
            };
            let width = match field {
                Field::Destination | Field::Source => 48,
                Field::Protocol => 16,
                Field::Vlan => 12,
                Field::Priority => 3,
                Field::PacketType => 2,
            };
            let is_possible = match *test {
                Test::Equal(number) => match field {
                    Field::Destination | Field::Source => number >> 40 & 1 == 0,
                    Field::Vlan | Field::PacketType => number != 0,
                    Field::Protocol | Field::Priority => true,
                },
                Test::MaskEqual { mask, result } => mask | result == mask,
                Test::NotEqual(_) => true,
            };
            (capabilities.filter_tests | 1) & comparison != 0
                && (capabilities.mac_fields | 1 | 8) & 1 << (*field as u32 - 1) != 0
                && numbers.iter().all(|number| *number < 1 << width)
                && is_possible
        };
        let tests = |wanted: Field| self.fields.iter().any(|test| test.field == wanted);
        let is_flag_sound = !self.is_untagged_or_zero
            || (tests(Field::Destination) || tests(Field::Source)) && !tests(Field::Vlan);
        !self.fields.is_empty()
            && self.fields.len() <= 16
            && self.fields.iter().all(is_sound)
            && is_flag_sound
    }
}

fn field_of(field: Field, frame: &Facts) -> u64 {
    match field {
        Field::Destination => bits(&frame.destination.0),
        Field::Source => bits(&frame.source.0),
        Field::Protocol => bits(&frame.protocol.to_be_bytes()),
        Field::Vlan => bits(&frame.vlan.0.to_be_bytes()),
        Field::Priority => bits(&[frame.priority]),
        Field::PacketType => match frame.destination.0 {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => 3,
            [first, ..] if first % 2 == 1 => 2,
            _ => 1,
        },
    }
}

/// Bytes as they stand on the wire, as one number.
fn bits(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}
