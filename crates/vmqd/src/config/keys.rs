//! The keys of a port and of a network, what each takes and what it is for: read from the types' own JSON Schema, so that
//! help and documentation cannot fall behind.

use std::fmt::Write;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::wanted::{NetworkConfig, PortConfig};

/// One setting, such as `bandwidth.from_guest.maximum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) path: String,
    /// What may stand behind the `=`.
    pub(crate) takes: String,
    pub(crate) about: String,
}

/// Every key of a port.
pub(crate) fn of_port() -> Vec<Key> {
    of::<PortConfig>()
}

/// Every key of a network.
pub(crate) fn of_network() -> Vec<Key> {
    of::<NetworkConfig>()
}

/// As part of a help text: all but the name.
pub(crate) fn help(keys: &[Key]) -> String {
    let shown = || keys.iter().filter(|key| key.path != "name");
    let width = |of: fn(&Key) -> &String| shown().map(|key| of(key).chars().count()).max();
    let (path, takes) = (width(|key| &key.path), width(|key| &key.takes));
    let (path, takes) = (path.unwrap_or(0), takes.unwrap_or(0));
    let mut text = String::from("Keys:\n");
    for key in shown() {
        let _ = writeln!(
            text,
            "  {:path$}  {:takes$}  {}",
            key.path, key.takes, key.about
        );
    }
    text.push_str(
        "\nNumbers may have a unit: 100M, 64Ki. Lists are written a,b. KEY= puts the default back. \
         Every key stands with its meaning in docs/configuration.md.",
    );
    text
}

fn of<T: JsonSchema>() -> Vec<Key> {
    let schema = schemars::schema_for!(T).to_value();
    let empty = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object);
    let walk = Walk {
        definitions: definitions.unwrap_or(&empty),
    };
    let mut keys = Vec::new();
    walk.table(&schema, "", &mut keys);
    keys
}

struct Walk<'s> {
    definitions: &'s Map<String, Value>,
}

impl Walk<'_> {
    fn table(&self, schema: &Value, path: &str, keys: &mut Vec<Key>) {
        // Of a variant's content often the variant alone says what it is.
        let otherwise = about(schema);
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, schema) in properties.into_iter().flatten() {
            let path = match path {
                "" => key.clone(),
                _ => format!("{path}.{key}"),
            };
            let about = match about(schema) {
                "" => otherwise,
                own => own,
            };
            self.value(schema, &path, about, keys);
        }
    }

    fn value(&self, schema: &Value, path: &str, about: &str, keys: &mut Vec<Key>) {
        let schema = self.resolve(schema);
        let words: Vec<_> = self.words(schema);
        let tables: Vec<_> = alternatives(schema)
            .map(|one| self.resolve(one))
            .chain([schema])
            .filter(|one| one.get("properties").is_some())
            .collect();
        if !words.is_empty() || tables.is_empty() || is_text(schema) {
            let takes = match words.is_empty() {
                true => kind(schema),
                false => words.join("|"),
            };
            keys.push(Key {
                path: path.to_owned(),
                takes,
                about: about.to_owned(),
            });
        }
        if !is_text(schema) {
            for table in tables {
                self.table(table, path, keys);
            }
        }
    }

    /// What stands behind references, and what may be null besides being null.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let named = schema.get("$ref").and_then(Value::as_str);
        let named = named.and_then(|path| self.definitions.get(path.rsplit('/').next()?));
        if let Some(named) = named {
            return self.resolve(named);
        }
        let mut real = alternatives(schema).filter(|one| one.get("type") != Some(&"null".into()));
        match (real.next(), real.next()) {
            (Some(only), None) => self.resolve(only),
            _ => schema,
        }
    }

    /// The words that it may be.
    fn words(&self, schema: &Value) -> Vec<String> {
        let listed = schema.get("enum").and_then(Value::as_array);
        let listed = listed.into_iter().flatten();
        let constants = alternatives(schema).flat_map(|one| {
            let listed = one.get("enum").and_then(Value::as_array);
            one.get("const")
                .into_iter()
                .chain(listed.into_iter().flatten())
        });
        let words = listed.chain(constants).filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    }
}

/// The schemas of which it must fit one.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["oneOf", "anyOf"].map(|key| schema.get(key).and_then(Value::as_array));
    lists.into_iter().flatten().flatten()
}

/// Something that has a short form of text as well.
fn is_text(schema: &Value) -> bool {
    alternatives(schema).any(|one| one.get("pattern").is_some())
}

fn about(schema: &Value) -> &str {
    let text = schema.get("description").and_then(Value::as_str);
    // The first paragraph.
    text.unwrap_or_default()
        .split("\n\n")
        .next()
        .unwrap_or_default()
}

fn kind(schema: &Value) -> String {
    let types: Vec<_> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => vec!["string"],
    };
    let example = schema.get("examples").and_then(|examples| examples.get(0));
    match (types[0], example.and_then(Value::as_str)) {
        (_, Some(example)) => format!("like {example}"),
        ("boolean", _) => "true|false".to_owned(),
        ("integer" | "number", _) => match range(schema) {
            (Some(least), Some(most)) => format!("{least}-{most}"),
            _ => "NUMBER".to_owned(),
        },
        ("array", _) => "LIST".to_owned(),
        _ => "TEXT".to_owned(),
    }
}

/// The least and the most that a number may be.
fn range(schema: &Value) -> (Option<&Value>, Option<&Value>) {
    let bound = |key| schema.get(key).filter(|bound| bound.is_number());
    (bound("minimum"), bound("maximum"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Document, Rejected};

    #[test]
    fn every_setting_has_a_key_and_a_meaning() {
        let keys = of_port();
        let find = |path: &str| keys.iter().find(|key| key.path == path).unwrap();
        for key in keys.iter().chain(&of_network()) {
            assert!(!key.about.is_empty(), "{}", key.path);
        }
        assert_eq!(find("dhcp_guard").takes, "true|false");
        assert_eq!(find("mode").takes, "server|client");
        assert_eq!(find("vlan").takes, "transparent|untagged");
        assert_eq!(find("vlan.access").takes, "1-4094");
        assert_eq!(find("mtu").takes, "68-65535");
        assert_eq!(find("learning.no_moves").takes, "true|false");
        assert_eq!(find("mirror.to").takes, "TEXT");
    }

    /// A port with this at this key, if it is accepted.
    fn accepts(path: &str, value: f64) -> bool {
        let mut port = serde_json::json!({ "name": "a" });
        let leaf = match value.fract() == 0.0 {
            true => serde_json::json!(value as i128 as i64),
            false => serde_json::json!(value),
        };
        let nested = path
            .rsplit('.')
            .fold(leaf, |inner, key| serde_json::json!({ key: inner }));
        port[path.split('.').next().unwrap()] = nested[path.split('.').next().unwrap()].clone();
        let mut rejected = Rejected::default();
        let read = Document::of_json(&port).read(&mut rejected);
        let ports = read.into_iter().collect();
        let config = Config {
            ports,
            ..Config::default()
        };
        let mistakes = config.judge().err().unwrap_or_default();
        let is_wrong =
            |mistake: &crate::config::Mistake| mistake.path.to_string().starts_with("port");
        rejected.is_empty() && !mistakes.0.iter().any(is_wrong)
    }

    #[test]
    fn what_the_schema_forbids_is_refused() {
        let mut bounds = 0;
        for key in of_port() {
            let Some((least, most)) = key.takes.split_once('-') else {
                continue;
            };
            let (Ok(least), Ok(most)) = (least.parse::<f64>(), most.parse::<f64>()) else {
                continue;
            };
            // The nearest that a float of this size can say.
            let more = if most > 1e15 { most * 1.01 } else { most + 1.0 };
            assert!(!accepts(&key.path, least - 1.0), "{} {least}", key.path);
            assert!(!accepts(&key.path, more), "{} {most}", key.path);
            bounds += 1;
        }
        assert!(bounds >= 15, "{bounds} keys have bounds");
    }
}
