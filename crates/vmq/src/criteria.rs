//! What a filter asks of a frame: all of its field tests must pass (T1). Fields without a test are not looked at.
//!
//! Two forms, told apart when the filter is set. An exact [`Filter`] (Equal on one station's address, and one of the VLAN
//! tests of T6) is found by its hash; anything else is tried frame by frame, in the order of filter ids.
//!
//! ```
//! use vmq::{Criteria, Field, FieldTest, Filter, Test, VlanId, VlanTest};
//!
//! let mac = "52:54:00:00:00:01".parse()?;
//! let to_mac = FieldTest { field: Field::Destination, test: Test::Equal(0x5254_0000_0001) };
//! let on_vlan = FieldTest { field: Field::Vlan, test: Test::Equal(7) };
//! let exact = Criteria::new(vec![on_vlan, to_mac], false);
//! assert_eq!(exact.exact(), Some(Filter { mac, vlan: VlanTest::Id(VlanId(7)) }));
//! let ip = FieldTest { field: Field::Protocol, test: Test::Equal(0x0800) };
//! assert_eq!(Criteria::new(vec![to_mac, ip], true).exact(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use crate::capabilities::Offer;
use crate::field::{Facts, Field, FieldTest, Test};
use crate::filter::{Filter, VlanTest};
use crate::id::VlanId;
use crate::mac::Mac;
use crate::status::NdisStatus;
use crate::version::NdisVersion;

/// All tests of one filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Criteria(Form);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Exact(Filter),
    General {
        fields: Arc<[FieldTest]>,
        is_untagged_or_zero: bool,
    },
}

/// The most field tests of one filter; there are six fields.
pub(crate) const MAX_TESTS: usize = 16;

impl Criteria {
    /// The tests of a filter. `is_untagged_or_zero` is the flag of that name, which NDIS has on the test of an address: no
    /// tag, or a tag with VLAN id 0.
    pub fn new(fields: Vec<FieldTest>, is_untagged_or_zero: bool) -> Criteria {
        Criteria(match exact(&fields, is_untagged_or_zero) {
            Some(filter) => Form::Exact(filter),
            None => Form::General {
                fields: fields.into(),
                is_untagged_or_zero,
            },
        })
    }

    /// The exact filter that they are, if they are one.
    pub fn exact(&self) -> Option<Filter> {
        match self.0 {
            Form::Exact(filter) => Some(filter),
            Form::General { .. } => None,
        }
    }

    /// The field tests one by one; those of an exact filter begin with the address.
    pub fn fields(&self) -> impl Iterator<Item = FieldTest> {
        let (exact, general) = match &self.0 {
            Form::Exact(filter) => (Some(*filter), &[][..]),
            Form::General { fields, .. } => (None, &fields[..]),
        };
        let vlan = |vlan| match vlan {
            VlanTest::Id(id) => Some(equal(Field::Vlan, id.0.into())),
            VlanTest::UntaggedOrZero | VlanTest::Any => None,
        };
        let exact = exact.into_iter().flat_map(move |filter| {
            let mac = equal(Field::Destination, filter.mac.number());
            std::iter::once(mac).chain(vlan(filter.vlan))
        });
        exact.chain(general.iter().copied())
    }

    /// Whether only frames without a tag, or with VLAN id 0, can pass.
    pub fn is_untagged_or_zero(&self) -> bool {
        match self.0 {
            Form::Exact(filter) => filter.vlan == VlanTest::UntaggedOrZero,
            Form::General {
                is_untagged_or_zero,
                ..
            } => is_untagged_or_zero,
        }
    }

    /// Whether a frame passes all tests.
    pub fn accepts(&self, frame: &Facts) -> bool {
        match &self.0 {
            Form::Exact(filter) => filter.accepts(frame.vlan, frame.destination),
            Form::General {
                fields,
                is_untagged_or_zero,
            } => {
                fields.iter().all(|test| test.passes(frame))
                    && !(*is_untagged_or_zero && frame.vlan != VlanId::UNTAGGED)
            }
        }
    }

    /// Whether nothing is asked of the VLAN.
    pub(crate) fn leaves_vlan_open(&self) -> bool {
        !self.is_untagged_or_zero() && self.fields().all(|test| test.field != Field::Vlan)
    }

    /// Whether such a filter can be had: every test is offered (T4, T8) and sound, the flag stands at an address and not
    /// beside a test of the VLAN, and in the mode of NDIS 6.20 something is asked of the VLAN (T6).
    pub(crate) fn check(&self, offer: &Offer) -> Result<(), NdisStatus> {
        let told = offer.current();
        let count = self.fields().count();
        let is_offered = |test: FieldTest| {
            test.is_sound()
                && told.mac_fields & test.field.capability() != 0
                && told.filter_tests & test.test.capability() != 0
                && !names_group(test)
        };
        let has = |wanted: fn(Field) -> bool| self.fields().any(|test| wanted(test.field));
        let flag_fits = !self.is_untagged_or_zero()
            || has(Field::is_address) && !has(|field| field == Field::Vlan);
        let vlan_fits = offer.has_version(NdisVersion::V6_30) || !self.leaves_vlan_open();
        if (1..=MAX_TESTS).contains(&count)
            && self.fields().all(is_offered)
            && flag_fits
            && vlan_fits
        {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }
}

impl From<Filter> for Criteria {
    fn from(filter: Filter) -> Criteria {
        Criteria(Form::Exact(filter))
    }
}

/// The exact filter that these tests are.
fn exact(fields: &[FieldTest], is_untagged_or_zero: bool) -> Option<Filter> {
    let (destination, vlan) = match fields {
        [only] => (only, None),
        [first, second] if first.field == Field::Destination => (first, Some(second)),
        [first, second] => (second, Some(first)),
        _ => return None,
    };
    let equal = |test: &FieldTest, field| match test.test {
        Test::Equal(number) if test.field == field && test.is_sound() => Some(number),
        _ => None,
    };
    let mac = Mac::from_number(equal(destination, Field::Destination)?);
    let vlan = match vlan {
        Some(test) if !is_untagged_or_zero => {
            VlanTest::Id(VlanId(equal(test, Field::Vlan)? as u16))
        }
        Some(_) => return None,
        None if is_untagged_or_zero => VlanTest::UntaggedOrZero,
        None => VlanTest::Any,
    };
    Some(Filter { mac, vlan })
}

/// Filters are for machines: none asks for one group's address.
fn names_group(test: FieldTest) -> bool {
    let FieldTest { field, test } = test;
    match test {
        Test::Equal(number) => field.is_address() && Mac::from_number(number).is_multicast(),
        Test::MaskEqual { .. } | Test::NotEqual(_) => false,
    }
}

fn equal(field: Field, number: u64) -> FieldTest {
    let test = Test::Equal(number);
    FieldTest { field, test }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

    fn to_mac() -> FieldTest {
        equal(Field::Destination, MAC.number())
    }

    fn not(field: Field, number: u64) -> FieldTest {
        let test = Test::NotEqual(number);
        FieldTest { field, test }
    }

    #[test]
    fn tests_that_are_an_exact_filter_are_known_as_one() {
        let vlan = || equal(Field::Vlan, 7);
        let exact = |fields, flag| {
            Criteria::new(fields, flag)
                .exact()
                .map(|filter| filter.vlan)
        };
        assert_eq!(exact(vec![to_mac()], false), Some(VlanTest::Any));
        assert_eq!(exact(vec![to_mac()], true), Some(VlanTest::UntaggedOrZero));
        let id = Some(VlanTest::Id(VlanId(7)));
        assert_eq!(exact(vec![to_mac(), vlan()], false), id);
        assert_eq!(exact(vec![vlan(), to_mac()], false), id);
        for (fields, flag) in [
            (vec![], false),
            (vec![vlan()], false),
            (vec![to_mac(), vlan()], true),
            (vec![to_mac(), to_mac()], false),
            (vec![vlan(), vlan()], false),
            (vec![to_mac(), equal(Field::Vlan, 0)], false),
            (vec![to_mac(), equal(Field::Vlan, 0x1_0007)], false),
            (
                vec![equal(Field::Destination, 1 << 48 | MAC.number())],
                false,
            ),
            (vec![not(Field::Destination, MAC.number())], false),
            (vec![to_mac(), not(Field::Vlan, 7)], false),
            (vec![equal(Field::Source, MAC.number())], false),
            (vec![to_mac(), vlan(), equal(Field::Priority, 1)], false),
        ] {
            assert_eq!(exact(fields.clone(), flag), None, "{fields:?}, {flag}");
        }
    }

    #[test]
    fn what_was_asked_for_can_be_read_again() {
        for vlan in [
            VlanTest::Any,
            VlanTest::UntaggedOrZero,
            VlanTest::Id(VlanId(7)),
        ] {
            let criteria = Criteria::from(Filter { mac: MAC, vlan });
            let again = Criteria::new(criteria.fields().collect(), criteria.is_untagged_or_zero());
            assert_eq!(again, criteria);
            assert_eq!(criteria.leaves_vlan_open(), vlan == VlanTest::Any);
        }
        let fields = vec![not(Field::Vlan, 7), to_mac(), equal(Field::Priority, 1)];
        let criteria = Criteria::new(fields.clone(), false);
        assert!(criteria.fields().eq(fields));
        assert!(!criteria.leaves_vlan_open());
    }
}
