//! What is different between two configurations: all that has to be done to come from one to the other.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mistake::{Kind, Mistake, Mistakes, Path};
use super::wanted::{Config, DEFAULT_NETWORK, NetworkConfig, PortConfig};

/// What is to be added, changed and removed. Ports are settled: what the switch says for them is in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Difference {
    pub(crate) networks: Delta<NetworkConfig>,
    pub(crate) ports: Delta<PortConfig>,
}

/// Of one list of named things.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta<T> {
    pub(crate) added: Vec<T>,
    /// As each was and as it is to be.
    pub(crate) changed: Vec<(T, T)>,
    pub(crate) removed: Vec<T>,
    /// How many stay as they are.
    pub(crate) unchanged: usize,
}

/// What a change did, for people and programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Changes {
    pub(crate) networks: ChangesOf,
    pub(crate) ports: ChangesOf,
}

/// By name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ChangesOf {
    pub(crate) added: Vec<String>,
    /// With the keys that have other values.
    pub(crate) changed: BTreeMap<String, Vec<String>>,
    pub(crate) removed: Vec<String>,
    /// How many stayed as they are.
    pub(crate) unchanged: usize,
}

/// Something with a name of its own.
pub(crate) trait Named: Clone + PartialEq + Serialize {
    fn name(&self) -> &str;
}

impl Difference {
    pub(crate) fn between(before: &Config, after: &Config) -> Self {
        let networks = [before, after].map(networks);
        let ports = [before, after].map(|config| {
            let ports = config.ports.iter();
            ports.map(|port| config.settled(port)).collect::<Vec<_>>()
        });
        Self {
            networks: Delta::between(&networks[0], &networks[1]),
            ports: Delta::between(&ports[0], &ports[1]),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.networks.is_nothing() && self.ports.is_nothing()
    }

    pub(crate) fn changes(&self) -> Changes {
        Changes {
            networks: self.networks.changes(),
            ports: self.ports.changes(),
        }
    }
}

impl Config {
    /// What of `self` is not as in `running` and cannot be changed while the switch runs.
    pub(crate) fn fixed(&self, running: &Self) -> Result<(), Mistakes> {
        let fixed = |config: &Self| {
            let Self { switch, api, .. } = config;
            let said = |value: Option<String>| value.unwrap_or_else(|| "unset".to_owned());
            let (listen, token_file) = match api.clone() {
                Some(api) => (api.listen, api.token_file),
                None => (None, None),
            };
            let token_file = token_file.map(|path| path.display().to_string());
            [
                (["switch", "dir"], switch.dir.display().to_string()),
                (
                    ["switch", "cpus"],
                    said(switch.cpus.as_ref().map(ToString::to_string)),
                ),
                (
                    ["switch", "idle"],
                    format!("{:?}", switch.idle).to_lowercase(),
                ),
                (["api", "listen"], said(listen)),
                (["api", "token_file"], said(token_file)),
            ]
        };
        let differ = fixed(running).into_iter().zip(fixed(self));
        let mistakes: Vec<_> = differ
            .filter(|(before, after)| before != after)
            .map(|(([table, key], before), (_, after))| {
                Mistake::new(
                    Path::default().key(table).key(key),
                    Kind::Fixed,
                    format!("it is {before} and cannot become {after} while the switch runs"),
                    "put it back, or restart the switch",
                )
            })
            .collect();
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

impl<T: Named> Delta<T> {
    fn between(before: &[T], after: &[T]) -> Self {
        let by_name = |things: &[T]| -> HashMap<String, T> {
            let named = things.iter().map(|thing| (thing.name().to_owned(), thing));
            named.map(|(name, thing)| (name, thing.clone())).collect()
        };
        let (known, wanted) = (by_name(before), by_name(after));
        let mut delta = Self::default();
        for thing in after {
            match known.get(thing.name()) {
                None => delta.added.push(thing.clone()),
                Some(before) if before == thing => delta.unchanged += 1,
                Some(before) => delta.changed.push((before.clone(), thing.clone())),
            }
        }
        let is_gone = |thing: &&T| !wanted.contains_key(thing.name());
        delta.removed.extend(before.iter().filter(is_gone).cloned());
        delta
    }

    fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    fn changes(&self) -> ChangesOf {
        let names = |things: &[T]| things.iter().map(|thing| thing.name().to_owned()).collect();
        let changed = self.changed.iter().map(|(before, after)| {
            let keys = changed_keys(before, after);
            (after.name().to_owned(), keys)
        });
        ChangesOf {
            added: names(&self.added),
            changed: changed.collect(),
            removed: names(&self.removed),
            unchanged: self.unchanged,
        }
    }
}

impl<T> Default for Delta<T> {
    fn default() -> Self {
        Self {
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            unchanged: 0,
        }
    }
}

impl Named for NetworkConfig {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for PortConfig {
    fn name(&self) -> &str {
        &self.name
    }
}

/// All networks, with the one that is always there.
fn networks(config: &Config) -> Vec<NetworkConfig> {
    let mut networks = config.networks.clone();
    if config.network(DEFAULT_NETWORK).is_none() {
        networks.push(NetworkConfig {
            name: DEFAULT_NETWORK.to_owned(),
            ..NetworkConfig::default()
        });
    }
    networks
}

/// The keys at the top that have other values.
pub(crate) fn changed_keys<T: Serialize>(before: &T, after: &T) -> Vec<String> {
    let [before, after] = [before, after].map(|value| match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    });
    let differs = |key: &&String| before.get(*key) != after.get(*key);
    after.keys().filter(differs).cloned().collect()
}

/// `ports: web added, db changed (mtu), 3 unchanged`
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("networks", &self.networks), ("ports", &self.ports)];
        let said: Vec<_> = parts
            .iter()
            .filter(|(_, changes)| changes.is_something())
            .map(|(what, changes)| format!("{what}: {changes}"))
            .collect();
        match said.len() {
            0 => f.write_str("nothing changed"),
            _ => f.write_str(&said.join("; ")),
        }
    }
}

impl ChangesOf {
    fn is_something(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }
}

impl fmt::Display for ChangesOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.added {
            write!(f, "{name} added, ")?;
        }
        for (name, keys) in &self.changed {
            write!(f, "{name} changed ({}), ", keys.join(", "))?;
        }
        for name in &self.removed {
            write!(f, "{name} removed, ")?;
        }
        write!(f, "{} unchanged", self.unchanged)
    }
}

#[cfg(test)]
mod tests;
