//! Values that people write as text: sets of VLANs, ranges of ports, IP prefixes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use vmq::VlanId;

/// A set of VLAN ids 1 to 4094, written `10,20-30` or `all`.
#[derive(Clone, PartialEq, Eq)]
pub struct VlanSet(Box<[u64; 64]>);

/// Ports from the first to the last, written `80` or `1024-2047`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first of them.
    pub first: u16,
    /// The last of them, not below the first.
    pub last: u16,
}

/// An IP address and how many of its leading bits count, written `10.0.0.0/8` or `2001:db8::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPrefix {
    /// Any address of it.
    pub address: IpAddr,
    /// Leading bits that count: at most 32 or 128.
    pub length: u8,
}

/// Why a text is no such value, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

impl VlanSet {
    /// No VLAN.
    #[must_use]
    pub fn none() -> Self {
        Self(Box::new([0; 64]))
    }

    /// Adds a VLAN; one that does not exist is ignored.
    pub fn insert(&mut self, vlan: VlanId) {
        if is_vlan(vlan.0) {
            self.0[usize::from(vlan.0 / 64)] |= 1 << (vlan.0 % 64);
        }
    }

    /// Whether a VLAN is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, vlan: VlanId) -> bool {
        let word = self.0.get(usize::from(vlan.0 / 64));
        word.is_some_and(|word| word >> (vlan.0 % 64) & 1 != 0)
    }

    /// The VLANs of the set, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = VlanId> + '_ {
        (1..4095).map(VlanId).filter(|vlan| self.contains(*vlan))
    }
}

impl FromStr for VlanSet {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut set = Self::none();
        let text = if text.trim() == "all" { "1-4094" } else { text };
        for part in text.split(',') {
            let (first, last) = range(part)
                .filter(|(first, last)| is_vlan(*first) && is_vlan(*last) && first <= last)
                .ok_or_else(|| {
                    ValueError(format!(
                        "`{part}` is no VLAN or range of VLANs: write 1 to 4094, like 10,20-30, or all"
                    ))
                })?;
            (first..=last).for_each(|vlan| set.insert(VlanId(vlan)));
        }
        Ok(set)
    }
}

impl fmt::Display for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().map(|vlan| vlan.0).peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            match last - first {
                0 => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VlanSet({self})")
    }
}

impl PortRange {
    /// Whether `port` is in the range.
    #[inline]
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match range(text) {
            Some((first, last)) if first <= last => Ok(Self { first, last }),
            _ => Err(ValueError(format!(
                "`{text}` is no port or range of ports: write it like 80 or 1024-2047"
            ))),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last - self.first {
            0 => write!(f, "{}", self.first),
            _ => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl IpPrefix {
    /// Whether `address` is of this prefix. IPv4 and IPv6 never match each other.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                u128::from(own.to_bits() ^ other.to_bits()) << 96
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(self.length)
    }
}

impl FromStr for IpPrefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let wrong = || {
            ValueError(format!(
                "`{text}` is no IP address or prefix: write it like 10.0.0.0/8 or 2001:db8::1"
            ))
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.trim().parse().map_err(|_| wrong())?,
            None => longest,
        };
        if length > longest {
            return Err(wrong());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.length) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => write!(f, "{}", self.address),
            (address, length) => write!(f, "{address}/{length}"),
        }
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// 0 is "untagged" and 4095 is reserved (IEEE 802.1Q, 9.6).
fn is_vlan(number: u16) -> bool {
    (1..=4094).contains(&number)
}

/// Serde and schema of a value that is written as text.
macro_rules! as_text {
    ($name:ident, $title:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $title, "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

as_text!(
    VlanSet,
    "VLANs 1 to 4094 and ranges of them",
    "^(all|[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*)$",
    "10,20-30"
);
as_text!(
    PortRange,
    "a port or a range of ports",
    "^[0-9]{1,5}(-[0-9]{1,5})?$",
    "1024-2047"
);
as_text!(
    IpPrefix,
    "an IP address or prefix",
    "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$",
    "10.0.0.0/8"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_vlans_is_written_as_it_was_read() {
        for text in ["10", "1-4094", "10,20-30,4094"] {
            assert_eq!(text.parse::<VlanSet>().unwrap().to_string(), text);
        }
        let set: VlanSet = "20-30, 10,29-31".parse().unwrap();
        assert_eq!(set.to_string(), "10,20-31");
        assert!(set.contains(VlanId(31)) && !set.contains(VlanId(32)));
        assert!(!set.contains(VlanId(u16::MAX)));
        for text in ["", "0", "4095", "5-1", "a"] {
            assert!(text.parse::<VlanSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_the_addresses_that_share_its_bits() {
        let prefix: IpPrefix = "10.1.0.0/15".parse().unwrap();
        let holds = |text: &str| prefix.contains(text.parse().unwrap());
        assert!(holds("10.0.255.1") && holds("10.1.2.3"));
        assert!(!holds("10.2.0.0") && !holds("::ffff:10.1.2.3"));
        let all: IpPrefix = "::/0".parse().unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<IpPrefix>().is_err());
        let one: IpPrefix = "2001:db8::1".parse().unwrap();
        assert_eq!(one.to_string(), "2001:db8::1");
    }

    #[test]
    fn a_range_of_ports_has_a_first_and_a_last() {
        let range: PortRange = "1024-2047".parse().unwrap();
        assert!(range.contains(1024) && range.contains(2047) && !range.contains(2048));
        assert!("9-8".parse::<PortRange>().is_err());
        assert_eq!("80".parse::<PortRange>().unwrap().to_string(), "80");
    }
}
