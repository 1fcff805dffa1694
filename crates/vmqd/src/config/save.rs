//! The running configuration as the text of a file: the text that is there, edited where it says something else.
//!
//! Comments, the order of tables and how numbers are written stay. What the command line gave in place of the file is not
//! written: it is given again when the switch is started again.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value,
};

use super::difference::{Difference, Named};
use super::load::read;
use super::wanted::{Config, PortConfig};
use crate::cli::RunArgs;

/// Why the running configuration is not what a file and the command line say together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SaveError {
    #[error(
        "port `{0}` was removed, but the switch was started with --port {0} and will have it again: start it without"
    )]
    OfOption(String),
    #[error("the file does not read back as what runs ({0}): please report this")]
    NotTheSame(String),
}

/// The text of a file that says with `args` what `running` is. `text` says with them what was loaded last.
pub(crate) fn rewrite(args: &RunArgs, text: &str, running: &Config) -> Result<String, SaveError> {
    let is_gone = |name: &&String| running.port(name).is_none();
    if let Some(name) = args.ports.iter().find(is_gone) {
        return Err(SaveError::OfOption(name.clone()));
    }
    let not_the_same = |why: &dyn ToString| SaveError::NotTheSame(why.to_string());
    let loaded = read(args, Some(text.to_owned())).map_err(|error| not_the_same(&error))?;
    if Difference::between(&loaded.config, running).is_nothing() {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut = text.parse().map_err(|error| not_the_same(&error))?;
    edit_list(
        &mut document,
        "network",
        &loaded.config.networks,
        &running.networks,
    );
    let is_of_file = |port: &&PortConfig| {
        let is_of_option = args.ports.contains(&port.name) && !names_port(&document, &port.name);
        !is_of_option || **port != PortConfig::named(&port.name)
    };
    let [before, after] = [&loaded.config.ports, &running.ports]
        .map(|ports| ports.iter().filter(is_of_file).cloned().collect::<Vec<_>>());
    edit_list(&mut document, "port", &before, &after);
    let text = match ends_in_crlf(text) {
        true => document.to_string().replace('\n', "\r\n"),
        false => document.to_string(),
    };
    match read(args, Some(text.clone())) {
        Ok(written) if Difference::between(&written.config, running).is_nothing() => Ok(text),
        Ok(_) => Err(not_the_same(&"other values")),
        Err(error) => Err(not_the_same(&error)),
    }
}

/// Whether every line of the text ends as Windows ends lines. What edits it knows the other end only.
fn ends_in_crlf(text: &str) -> bool {
    text.contains('\n') && text.matches('\n').count() == text.matches("\r\n").count()
}

/// Whether the file has a port of this name.
fn names_port(document: &DocumentMut, name: &str) -> bool {
    let has_name = |table: &dyn TableLike| name_of(table) == Some(name);
    match document.get("port") {
        Some(Item::ArrayOfTables(tables)) => tables.iter().any(|table| has_name(table)),
        Some(Item::Value(Value::Array(items))) => items
            .iter()
            .filter_map(Value::as_inline_table)
            .any(|table| has_name(table)),
        _ => false,
    }
}

fn name_of(table: &dyn TableLike) -> Option<&str> {
    table.get("name")?.as_str()
}

/// Edits a list of named tables, `[[port]]` or `port = [{ }]`.
fn edit_list<T: Named + Default>(document: &mut DocumentMut, key: &str, before: &[T], after: &[T]) {
    let find = |list: &[T], name: Option<&str>| -> Option<T> {
        let name = name?;
        list.iter().find(|thing| thing.name() == name).cloned()
    };
    let default = object(&T::default());
    let edit = |table: &mut dyn TableLike| {
        let name = name_of(table).map(str::to_owned);
        if let (Some(before), Some(after)) =
            (find(before, name.as_deref()), find(after, name.as_deref()))
            && before != after
        {
            edit_table(table, &object(&before), &object(&after), &default);
        }
    };
    let stays = |table: &dyn TableLike| find(after, name_of(table)).is_some();
    let is_new = |thing: &&T| find(before, Some(thing.name())).is_none();
    let added = after.iter().filter(is_new).map(object);
    match document.get_mut(key) {
        Some(Item::Value(Value::Array(items))) => {
            items.retain(|item| item.as_inline_table().is_none_or(|table| stays(table)));
            for table in items.iter_mut().filter_map(Value::as_inline_table_mut) {
                edit(table);
            }
            items.extend(added.map(|thing| {
                let mut table = InlineTable::new();
                fill(&mut table, &thing, &default);
                Value::from(table)
            }));
        }
        Some(Item::ArrayOfTables(tables)) => {
            remove(tables, stays);
            tables.iter_mut().for_each(|table| edit(table));
            tables.extend(added.map(|thing| new_table(&thing, &default)));
        }
        _ => {
            let tables: ArrayOfTables = added.map(|thing| new_table(&thing, &default)).collect();
            if !tables.is_empty() {
                document.insert(key, Item::ArrayOfTables(tables));
            }
        }
    }
}

/// Removes tables and the comment right above each. What stands above a blank line is about more than the table, and stays.
fn remove(tables: &mut ArrayOfTables, stays: impl Fn(&dyn TableLike) -> bool) {
    let mut orphaned = String::new();
    for table in tables.iter_mut() {
        let prefix = table.decor().prefix().and_then(RawString::as_str);
        let prefix = prefix.unwrap_or_default().to_owned();
        if stays(table) {
            if !orphaned.is_empty() {
                let all = format!("{orphaned}{prefix}");
                table.decor_mut().set_prefix(all);
                orphaned.clear();
            }
        } else if let Some((about_more, _)) = prefix.rsplit_once("\n\n") {
            orphaned += about_more;
            orphaned += "\n";
        }
    }
    tables.retain(|table| stays(table));
}

fn new_table(thing: &Map<String, Json>, default: &Map<String, Json>) -> Table {
    let mut table = Table::new();
    fill(&mut table, thing, default);
    table.decor_mut().set_prefix("\n");
    table
}

/// The name first, then whatever is not the default.
fn fill(table: &mut dyn TableLike, thing: &Map<String, Json>, default: &Map<String, Json>) {
    let (name, rest): (Vec<_>, Vec<_>) = thing.iter().partition(|(key, _)| *key == "name");
    for (key, value) in name.into_iter().chain(rest) {
        let is_default = default.get(key) == Some(value) && key != "name";
        if !is_default && let Some(value) = to_toml(value) {
            table.insert(key, Item::Value(value));
        }
    }
}

/// Sets what is different. Of tables that stay tables only what is different in them.
fn edit_table(
    table: &mut dyn TableLike,
    before: &Map<String, Json>,
    after: &Map<String, Json>,
    default: &Map<String, Json>,
) {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        table.remove(key);
    }
    for (key, value) in after {
        if before.get(key) == Some(value) {
            continue;
        }
        let empty = Map::new();
        let map = |json: Option<&'_ Json>| json.and_then(Json::as_object).cloned();
        let there = table.get_mut(key).and_then(Item::as_table_like_mut);
        match (there, before.get(key), value) {
            _ if default.get(key) == Some(value) => {
                table.remove(key);
            }
            (Some(inner), Some(Json::Object(before)), Json::Object(after)) => {
                let default = map(default.get(key)).unwrap_or(empty);
                edit_table(inner, before, after, &default);
            }
            _ => set(table, key, value),
        }
    }
}

/// Sets a value, with the comment that stands behind the one that it replaces.
fn set(table: &mut dyn TableLike, key: &str, value: &Json) {
    let Some(mut value) = to_toml(value) else {
        table.remove(key);
        return;
    };
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// A value as a file has it in one line.
pub(crate) fn toml_text(json: &Json) -> String {
    to_toml(json).map_or(String::new(), |value| value.to_string())
}

/// `None` for what is not there. An address without a VLAN is written as its text.
fn to_toml(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(is_true) => (*is_true).into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(float)) => float.into(),
            (None, None) => return None,
        },
        Json::String(text) => text.into(),
        Json::Array(items) => items.iter().filter_map(to_toml).collect::<Array>().into(),
        Json::Object(object) => match object.get("mac") {
            Some(Json::String(mac)) if object.len() == 1 => mac.into(),
            _ => {
                let entries = object.iter();
                let entries = entries.filter_map(|(key, value)| Some((key, to_toml(value)?)));
                entries.collect::<InlineTable>().into()
            }
        },
    })
}

fn object<T: Serialize>(thing: &T) -> Map<String, Json> {
    match serde_json::to_value(thing) {
        Ok(Json::Object(object)) => object,
        _ => Map::new(),
    }
}

impl Default for PortConfig {
    fn default() -> Self {
        Self::named("")
    }
}

#[cfg(test)]
mod tests;
