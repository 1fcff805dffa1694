//! Settings as they are written on the command line, `KEY=VALUE`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config;

/// One setting of a port or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// With dots: `bandwidth.from_guest.maximum`.
    pub(super) key: String,
    /// Empty for what is unset.
    pub(super) text: String,
    /// It is what it is without being asked for.
    pub(super) is_default: bool,
}

/// All settings but the name.
pub(super) fn of<T: Serialize + Default>(thing: &T) -> Vec<Word> {
    let [thing, default] = [thing, &T::default()].map(|thing| {
        let mut words = Vec::new();
        if let Ok(Value::Object(members)) = serde_json::to_value(thing) {
            walk(&members, "", &mut words);
        }
        words
    });
    let words = thing.into_iter().filter(|(key, _)| key != "name");
    words
        .map(|(key, text)| Word {
            is_default: text.is_empty() || default.contains(&(key.clone(), text.clone())),
            key,
            text,
        })
        .collect()
}

fn walk(members: &Map<String, Value>, path: &str, words: &mut Vec<(String, String)>) {
    for (key, value) in members {
        let path = match path {
            "" => key.clone(),
            _ => format!("{path}.{key}"),
        };
        match value {
            Value::Object(members) => walk(members, &path, words),
            _ => words.push((path, text(value))),
        }
    }
}

/// The text that stands for a value: that of a list of plain ones is `a,b`, else what the file has.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // Nothing behind the `=` would be the default, which may be another.
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => {
            let plain = items.iter().map(plain);
            match plain.collect::<Option<Vec<_>>>() {
                Some(texts) => texts.join(","),
                None => config::toml_text(value),
            }
        }
        _ => value.to_string(),
    }
}

fn plain(item: &Value) -> Option<&str> {
    match item {
        Value::String(text) => Some(text),
        Value::Object(members) if members.len() == 1 => members.get("mac")?.as_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;
    use crate::config::tests::any;
    use crate::config::{Document, NetworkConfig, PortConfig, Rejected};

    /// What the words say of a thing of this name.
    fn read<T: DeserializeOwned>(name: &str, words: &[Word]) -> Result<T, Rejected> {
        let mut document = Document::of_json(&json!({ "name": name }));
        for Word { key, text, .. } in words.iter().filter(|word| !word.text.is_empty()) {
            document.assign(&format!("{key}={text}").parse().unwrap());
        }
        let mut rejected = Rejected::default();
        let read = document.read(&mut rejected);
        read.filter(|_| rejected.is_empty()).ok_or(rejected)
    }

    fn shown<T: Serialize + Default>(thing: &T) -> Vec<String> {
        let words = of(thing).into_iter().filter(|word| !word.is_default);
        words
            .map(|Word { key, text, .. }| format!("{key}={text}"))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_shown_of_a_setting_can_be_set(config in any::config()) {
            for port in &config.ports {
                let again: PortConfig = read(&port.name, &of(port)).unwrap();
                prop_assert_eq!(&again, port);
                let mut asked_for = of(port);
                asked_for.retain(|word| !word.is_default);
                let again: PortConfig = read(&port.name, &asked_for).unwrap();
                prop_assert_eq!(&again, port);
            }
            for network in &config.networks {
                let again: NetworkConfig = read(&network.name, &of(network)).unwrap();
                prop_assert_eq!(&again, network);
            }
        }
    }

    #[test]
    fn only_what_was_asked_for_is_no_default() {
        assert_eq!(shown(&PortConfig::named("web")), [""; 0]);
        let port = json!({
            "name": "web", "vlan": { "trunk": { "allowed": "10,12-20", "native": 10 } },
            "filters": ["52:54:00:00:00:10", { "mac": "52:54:00:00:00:11" }], "dhcp_guard": true,
            "rules": [{ "action": "deny", "protocol": 6 }],
        });
        let mut rejected = Rejected::default();
        let port: PortConfig = Document::of_json(&port).read(&mut rejected).unwrap();
        assert_eq!(
            shown(&port),
            [
                "dhcp_guard=true",
                "filters=52:54:00:00:00:10,52:54:00:00:00:11",
                "rules=[{ action = \"deny\", direction = \"both\", protocol = 6 }]",
                "vlan.trunk.allowed=10,12-20",
                "vlan.trunk.native=10",
            ]
        );
    }
}
