//! CPU lists as the kernel writes them (`0,2-3`) and whether we may run there.
//!
//! A worker pinned to a CPU that is missing or forbidden would fail after the sockets were bound, so
//! the list is judged before anything starts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Write};
use std::fs;

use rustix::thread::CpuSet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Why a CPU list cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CpuError {
    #[error("the list is empty: write it like 0,2-3")]
    Empty,
    #[error("`{0}` is neither a CPU number nor a range: write it like 0,2-3")]
    Syntax(String),
    #[error("the range {0}-{1} runs backwards")]
    Backwards(usize, usize),
    #[error("CPU {0} is in it twice: a worker needs a CPU of its own")]
    Twice(usize),
    #[error("CPU {cpu} does not exist or is offline: this machine has {online}")]
    Missing { cpu: usize, online: CpuList },
    #[error("this process may not run on CPU {cpu}: its affinity is {allowed}")]
    Forbidden { cpu: usize, allowed: CpuList },
    #[error("the allowed CPUs cannot be read: {0}")]
    Affinity(rustix::io::Errno),
}

/// CPU numbers in the order they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuList(pub(crate) Vec<usize>);

impl CpuList {
    /// Reads `0,2-3`.
    pub(crate) fn parse(text: &str) -> Result<Self, CpuError> {
        if text.trim().is_empty() {
            return Err(CpuError::Empty);
        }
        let mut cpus = Vec::new();
        for item in text.split(',').map(str::trim) {
            let number = |digits: &str| -> Result<usize, CpuError> {
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                let number = plain.then(|| digits.parse().ok()).flatten();
                // Bounded by what an affinity mask holds, so that a range cannot exhaust memory.
                number
                    .filter(|n| *n < CpuSet::MAX_CPU)
                    .ok_or_else(|| CpuError::Syntax(item.to_owned()))
            };
            match item.split_once('-') {
                None => cpus.push(number(item)?),
                Some((first, last)) => {
                    let (first, last) = (number(first)?, number(last)?);
                    if last < first {
                        return Err(CpuError::Backwards(first, last));
                    }
                    cpus.extend(first..=last);
                }
            }
            // One of them is there twice then, and the list may be very long.
            if cpus.len() > CpuSet::MAX_CPU {
                break;
            }
        }
        Self(cpus).without_repeats()
    }

    fn without_repeats(self) -> Result<Self, CpuError> {
        let mut seen = HashSet::new();
        match self.0.iter().find(|cpu| !seen.insert(**cpu)) {
            Some(cpu) => Err(CpuError::Twice(*cpu)),
            None if self.0.is_empty() => Err(CpuError::Empty),
            None => Ok(self),
        }
    }

    /// Checks that every CPU exists and that this process may run there.
    pub(crate) fn check_usable(&self) -> Result<(), CpuError> {
        let mask = rustix::thread::sched_getaffinity(None).map_err(CpuError::Affinity)?;
        let allowed = Self(
            (0..CpuSet::MAX_CPU)
                .filter(|cpu| mask.is_set(*cpu))
                .collect(),
        );
        let online = fs::read_to_string("/sys/devices/system/cpu/online");
        let online = online.ok().and_then(|text| Self::parse(text.trim()).ok());
        self.check_against(online.as_ref(), &allowed)
    }

    fn check_against(&self, online: Option<&Self>, allowed: &Self) -> Result<(), CpuError> {
        for &cpu in &self.0 {
            if let Some(online) = online
                && !online.0.contains(&cpu)
            {
                return Err(CpuError::Missing {
                    cpu,
                    online: online.clone(),
                });
            }
            if !allowed.0.contains(&cpu) {
                return Err(CpuError::Forbidden {
                    cpu,
                    allowed: allowed.clone(),
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        while let Some(&first) = rest.first() {
            let run = rest
                .iter()
                .enumerate()
                .take_while(|(at, cpu)| **cpu == first + at)
                .count();
            if rest.len() < self.0.len() {
                f.write_char(',')?;
            }
            match run {
                1 => write!(f, "{first}")?,
                _ => write!(f, "{first}-{}", first + run - 1)?,
            }
            rest = &rest[run..];
        }
        Ok(())
    }
}

impl Serialize for CpuList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CpuList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = CpuList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of CPUs like \"0,2-3\" or [0, 2, 3]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CpuList, E> {
                CpuList::parse(text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<CpuList, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = items.next_element::<u16>()? {
                    numbers.push(number.into());
                }
                let list = CpuList(numbers).without_repeats();
                list.map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for CpuList {
    fn schema_name() -> Cow<'static, str> {
        "CpuList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let most = CpuSet::MAX_CPU - 1;
        json_schema!({
            "description": "CPUs, as text or as numbers",
            "oneOf": [
                { "type": "string", "pattern": "^[0-9]{1,3}(-[0-9]{1,3})?(,[0-9]{1,3}(-[0-9]{1,3})?)*$" },
                {
                    "type": "array",
                    "items": { "type": "integer", "minimum": 0, "maximum": most },
                    "minItems": 1,
                    "uniqueItems": true
                }
            ],
            "examples": ["0,2-3"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<usize>, CpuError> {
        CpuList::parse(text).map(|list| list.0)
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(list("0"), Ok(vec![0]));
        assert_eq!(list("0,2-4"), Ok(vec![0, 2, 3, 4]));
        assert_eq!(list("3, 1"), Ok(vec![3, 1]));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "a",
            "1,",
            "-1",
            "1-",
            "+1",
            "1-2-3",
            "1024",
            "0-99999999999999999999",
        ] {
            assert!(
                matches!(list(text), Err(CpuError::Syntax(_))),
                "{text}: {:?}",
                list(text)
            );
        }
        assert_eq!(list(" "), Err(CpuError::Empty));
        assert_eq!(list("3-1"), Err(CpuError::Backwards(3, 1)));
        assert_eq!(list("0-2,1"), Err(CpuError::Twice(1)));
    }

    #[test]
    fn a_list_is_shown_as_it_is_read() {
        for text in ["0", "0-1", "0,2-3,7", "5,1-2"] {
            assert_eq!(CpuList::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_cpu_must_exist_and_be_allowed() {
        let [online, allowed] = ["0-3", "0-1"].map(|text| CpuList::parse(text).unwrap());
        let check = |text| {
            CpuList::parse(text)
                .unwrap()
                .check_against(Some(&online), &allowed)
        };
        assert_eq!(check("0-1"), Ok(()));
        assert_eq!(
            check("0,2"),
            Err(CpuError::Forbidden {
                cpu: 2,
                allowed: allowed.clone()
            })
        );
        assert_eq!(
            check("1,4"),
            Err(CpuError::Missing {
                cpu: 4,
                online: online.clone()
            })
        );
    }
}
