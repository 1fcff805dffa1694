//! Addresses and VLANs in JSON and the like: a MAC as its text, a VLAN as a number that frames can carry.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::{Mac, VlanId};

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mac, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    }
}

impl JsonSchema for Mac {
    fn schema_name() -> Cow<'static, str> {
        "Mac".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "an Ethernet address",
            "pattern": "^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$",
            "examples": ["52:54:00:12:34:56"]
        })
    }
}

impl Serialize for VlanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for VlanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VlanId, D::Error> {
        // 0 is "untagged" and 4095 is reserved (IEEE 802.1Q, 9.6).
        match i64::deserialize(deserializer)? {
            number @ 1..=4094 => Ok(VlanId(number as u16)),
            number => Err(D::Error::custom(format!(
                "there is no VLAN {number}: use 1 to 4094"
            ))),
        }
    }
}

impl JsonSchema for VlanId {
    fn schema_name() -> Cow<'static, str> {
        "VlanId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "description": "a VLAN", "minimum": 1, "maximum": 4094 })
    }
}
