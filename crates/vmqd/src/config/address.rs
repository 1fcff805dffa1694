//! A receive filter as it is asked for: a machine's address, on every VLAN or on one.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use switch::policy::{VlanMode, filter_in};
use vmq::{Filter, Mac, VlanId, VlanTest};

use crate::mac;

/// `{ mac = "52:54:00:12:34:56", vlan = 12 }`, or the address alone. Also `vlan = "untagged"`; without it on every VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AddressFilter {
    pub(crate) mac: Mac,
    pub(crate) vlan: VlanTest,
}

const UNTAGGED: &str = "untagged";

impl AddressFilter {
    /// As a port of this VLAN mode has it: in its own VLAN, where it is in one only.
    pub(crate) fn within(self, mode: &VlanMode) -> Self {
        let Filter { mac, vlan } = filter_in(mode, self.into());
        Self { mac, vlan }
    }

    /// Whether some frame is for both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let either_is_any = [self.vlan, other.vlan].contains(&VlanTest::Any);
        self.mac == other.mac && (self.vlan == other.vlan || either_is_any)
    }
}

impl From<AddressFilter> for Filter {
    fn from(AddressFilter { mac, vlan }: AddressFilter) -> Self {
        Self { mac, vlan }
    }
}

/// As it is shown: `52:54:00:12:34:56 vlan 12`.
impl fmt::Display for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vlan {
            VlanTest::Any => write!(f, "{}", self.mac),
            VlanTest::UntaggedOrZero => write!(f, "{} {UNTAGGED}", self.mac),
            VlanTest::Id(id) => write!(f, "{} vlan {id}", self.mac),
        }
    }
}

impl Serialize for AddressFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_vlan = self.vlan != VlanTest::Any;
        let mut table = serializer.serialize_struct("AddressFilter", 1 + usize::from(has_vlan))?;
        table.serialize_field("mac", &self.mac)?;
        match has_vlan {
            true => table.serialize_field("vlan", &Vlan(self.vlan))?,
            false => table.skip_field("vlan")?,
        }
        table.end()
    }
}

impl<'de> Deserialize<'de> for AddressFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = AddressFilter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address like \"52:54:00:12:34:56\" or { mac = \"...\", vlan = 12 }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AddressFilter, E> {
                let mac = station(text)?;
                let vlan = VlanTest::Any;
                Ok(AddressFilter { mac, vlan })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AddressFilter, A::Error> {
                let (mut mac, mut vlan) = (None, VlanTest::Any);
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Mac => mac = Some(map.next_value::<Station>()?.0),
                        Key::Vlan => vlan = map.next_value::<Vlan>()?.0,
                    }
                }
                let mac = mac.ok_or_else(|| de::Error::missing_field("mac"))?;
                Ok(AddressFilter { mac, vlan })
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Mac,
    Vlan,
}

/// The address of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Station(pub(crate) Mac);

impl<'de> Deserialize<'de> for Station {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        station(&text).map(Self)
    }
}

fn station<E: de::Error>(text: &str) -> Result<Mac, E> {
    mac::station(text).map_err(|error| E::custom(format!("`{text}`: {error}")))
}

/// `12`, `"untagged"`, or nothing for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vlan(pub(crate) VlanTest);

impl Vlan {
    pub(crate) const ANY: Self = Self(VlanTest::Any);

    pub(crate) fn is_any(&self) -> bool {
        *self == Self::ANY
    }
}

/// As a table has it.
impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            VlanTest::Any => f.write_str("any"),
            VlanTest::UntaggedOrZero => f.write_str(UNTAGGED),
            VlanTest::Id(VlanId(id)) => write!(f, "{id}"),
        }
    }
}

/// As the command line has it.
impl FromStr for Vlan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.parse::<i64>() {
            Ok(number) => Self::deserialize(number.into_deserializer()),
            Err(_) => Self::deserialize(text.into_deserializer()),
        };
        read.map_err(|error: de::value::Error| error.to_string())
    }
}

impl Default for Vlan {
    fn default() -> Self {
        Self::ANY
    }
}

impl Serialize for Vlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            VlanTest::Any => serializer.serialize_unit(),
            VlanTest::UntaggedOrZero => serializer.serialize_str(UNTAGGED),
            VlanTest::Id(id) => id.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Vlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Vlan;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a VLAN, 1 to 4094, or \"untagged\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vlan, E> {
                match text {
                    UNTAGGED => Ok(Vlan(VlanTest::UntaggedOrZero)),
                    _ => Err(E::custom(format!(
                        "there is no VLAN `{text}`: use 1 to 4094, or untagged"
                    ))),
                }
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vlan, E> {
                // 0 is "untagged" and 4095 is reserved (IEEE 802.1Q, 9.6).
                match u16::try_from(number) {
                    Ok(id @ 1..=4094) => Ok(Vlan(VlanTest::Id(VlanId(id)))),
                    _ => Err(E::custom(format!(
                        "there is no VLAN {number}: use 1 to 4094, or leave it out for every VLAN"
                    ))),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vlan, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Vlan, E> {
                Ok(Vlan(VlanTest::Any))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for AddressFilter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AddressFilter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mac = generator.subschema_for::<Station>();
        let vlan = generator.subschema_for::<Vlan>();
        json_schema!({
            "description": "a machine's address, on every VLAN or on one",
            "oneOf": [mac.clone(), {
                "type": "object",
                "properties": { "mac": mac, "vlan": vlan },
                "required": ["mac"],
                "additionalProperties": false
            }]
        })
    }
}

impl JsonSchema for Station {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Station".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a machine's address",
            "pattern": "^[0-9a-fA-F][02468aceACE]((:[0-9a-fA-F]{2}){5}|(-[0-9a-fA-F]{2}){5})$",
            "not": { "pattern": "^00([:-]00){5}$" },
            "examples": ["52:54:00:12:34:56"]
        })
    }
}

impl JsonSchema for Vlan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Vlan".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<VlanId>();
        json_schema!({
            "description": "one VLAN, `untagged`, or `null` for any",
            "oneOf": [id, { "const": UNTAGGED }, { "type": "null" }]
        })
    }
}
