//! The configuration file as it is written: keys, types, and where each value stands.
//!
//! Values stay text here. What they mean is judged in [`super::plan`], which can then say where.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::rejected::{Mistake, Rejected, Source};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) switch: Switch,
    pub(super) api: Option<Spanned<Api>>,
    #[serde(default)]
    pub(super) port: Vec<Spanned<Port>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) dir: Option<Spanned<String>>,
    pub(super) cpus: Option<Spanned<Cpus>>,
    pub(super) mtu: Option<Spanned<i64>>,
    pub(super) when_full: Option<Spanned<String>>,
    pub(super) idle: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) token_file: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Port {
    pub(super) name: Option<Spanned<String>>,
    pub(super) mode: Option<Spanned<String>>,
    pub(super) socket: Option<Spanned<String>>,
    pub(super) mac: Option<Spanned<Macs>>,
    pub(super) vlan: Option<Spanned<i64>>,
    pub(super) mtu: Option<Spanned<i64>>,
    pub(super) when_full: Option<Spanned<String>>,
}

/// `"0,2-3"` or `[0, 2, 3]`.
#[derive(Debug)]
pub(super) enum Cpus {
    Text(String),
    Numbers(Vec<usize>),
}

/// One address or a list of them.
#[derive(Debug)]
pub(super) enum Macs {
    One(String),
    List(Vec<Spanned<String>>),
}

/// Reads the file's text; the first mistake ends it.
pub(super) fn parse(source: &Source) -> Result<File, Rejected> {
    toml::from_str(source.text()).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let field = DeTable::parse(source.text())
            .ok()
            .and_then(|table| path_to(table.get_ref(), &span))
            .unwrap_or_default();
        let mistake = unknown_key(error.message()).unwrap_or_else(|| Mistake {
            problem: error.message().to_owned(),
            remedy: match field.as_str() {
                "port" => "write [[port]], once for each port".to_owned(),
                _ => String::new(),
            },
        });
        Rejected::at(source, span, &field, mistake)
    })
}

/// Makes more of serde's "unknown field `nmae`, expected one of `name`, `mode`": its words between
/// backticks are the key that was found and those that are known.
fn unknown_key(message: &str) -> Option<Mistake> {
    let mut words = message
        .strip_prefix("unknown field ")?
        .split('`')
        .skip(1)
        .step_by(2);
    let found = words.next()?;
    let known: Vec<_> = words.collect();
    Some(Mistake {
        problem: format!("unknown key `{found}`"),
        remedy: format!(
            "{}known keys here: {}",
            did_you_mean(found, &known),
            known.join(", ")
        ),
    })
}

/// `did you mean `name`? `, or nothing if no word is near.
pub(super) fn did_you_mean(found: &str, known: &[&str]) -> String {
    let distance = |word: &&&str| strsim::osa_distance(found, word);
    match known.iter().min_by_key(distance) {
        Some(word) if distance(&word) <= 2 && distance(&word) < found.chars().count() => {
            format!("did you mean `{word}`? ")
        }
        _ => String::new(),
    }
}

/// `write "hold" (...) or "drop" (...)`: the words of a setting, each with its meaning.
pub(super) fn choices<T>(known: &[(&str, &str, T)]) -> String {
    let written = |(word, meaning, _): &(&str, &str, T)| format!("\"{word}\" ({meaning})");
    let words: Vec<_> = known.iter().map(written).collect();
    format!("write {}", words.join(" or "))
}

/// The dotted path to the key or value at `span`.
fn path_to(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (key, value) in table {
        if key.span() == *span {
            return Some(key.get_ref().to_string());
        }
        let below = path_into(value, span);
        if let Some(path) = below {
            return Some(if path.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{}.{path}", key.get_ref())
            });
        }
    }
    None
}

fn path_into(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    let inside = match value.get_ref() {
        DeValue::Table(table) => path_to(table, span),
        DeValue::Array(items) => items.iter().find_map(|item| path_into(item, span)),
        _ => None,
    };
    inside.or_else(|| (value.span() == *span).then(String::new))
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Cpus;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of CPUs like \"0,2-3\" or [0, 2, 3]")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cpus, E> {
                Ok(Cpus::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Cpus, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = items.next_element()? {
                    numbers.push(number);
                }
                Ok(Cpus::Numbers(numbers))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Macs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Macs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a MAC address like \"52:54:00:12:34:56\" or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Macs, E> {
                Ok(Macs::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Macs, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Macs::List(list))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
