//! Filters as they might be asked for: exact ones, and tests of any field in any way.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vmq::{Field, FieldTest, Filter, Mac, Test, VlanId, VlanTest};

use crate::naive::{Asked, MACS, VLANS};

pub(crate) fn vlan() -> impl Strategy<Value = VlanId> {
    select(VLANS.as_slice())
}

pub(crate) fn mac() -> impl Strategy<Value = Mac> {
    select(MACS.as_slice())
}

fn exact() -> impl Strategy<Value = Asked> {
    let test = prop_oneof![
        Just(VlanTest::UntaggedOrZero),
        vlan().prop_map(VlanTest::Id),
        Just(VlanTest::Any),
    ];
    (mac(), test).prop_map(|(mac, vlan)| Filter { mac, vlan }.into())
}

/// A test whose numbers are those of frames that occur, now and then one that is too wide.
fn field_test() -> impl Strategy<Value = FieldTest> {
    let number = move |field: Field| match field {
        Field::Destination | Field::Source => mac().prop_map(Mac::number).boxed(),
        Field::Vlan => vlan().prop_map(|vlan| vlan.0.into()).boxed(),
        Field::Protocol => select(vec![0x0800, 0x0806, 0x1_0800]).boxed(),
        Field::Priority | Field::PacketType => (0..9_u64).boxed(),
    };
    let test = move |field| {
        let (equal, not_equal, result) = (number(field), number(field), number(field));
        let mask = prop_oneof![number(field), Just(1), Just((1 << field.bits()) - 1)];
        prop_oneof![
            equal.prop_map(Test::Equal),
            not_equal.prop_map(Test::NotEqual),
            (mask, result).prop_map(|(mask, result)| Test::MaskEqual {
                mask,
                result: result & mask
            }),
        ]
    };
    let fields = select(Field::ALL.as_slice());
    fields.prop_flat_map(move |field| test(field).prop_map(move |test| FieldTest { field, test }))
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let general = (vec(field_test(), 0..4), prop::bool::weighted(0.2)).prop_map(
        |(fields, is_untagged_or_zero)| Asked {
            fields,
            is_untagged_or_zero,
        },
    );
    prop_oneof![3 => exact(), 1 => general]
}
