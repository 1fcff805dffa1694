//! A configuration as it is written, whatever it is written in: a tree in which every value knows where it was given.
//!
//! ```text
//!  file (TOML) ───────┐
//!  options of `run` ──┼──▶ Document ──▶ Config          (reader: what the keys and types are)
//!  API (JSON) ────────┤        ▲            │
//!  KEY=VALUE ─────────┘        └── Path ◀── judge       (what the values mean)
//! ```
//!
//! Invariant: a mistake found anywhere on the right is told with the place on the left.

use std::ops::Range;
use std::path::Path as FilePath;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::assignment::Assignment;
use super::mistake::{Mistake, Mistakes, Path, Step};
use super::rejected::{Rejected, Source};

/// A whole configuration or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(super) root: Node,
    /// What the places in a file are of.
    source: Option<Source>,
}

/// One value and where it was given.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// Something that was wrong has been taken out of it.
    pub(super) is_torn: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// Text of the command line: what it is depends on what is wanted.
    Word(String),
    /// What no setting is, and what it is called.
    Odd(&'static str),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// An item of a list that was wrong, so that the others keep their indexes.
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
    /// It was patched in: of several variants of a setting this one counts.
    pub(super) is_new: bool,
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// These bytes of the file.
    File(Range<usize>),
    /// This word of the command line.
    Word(String),
    /// Its path says it.
    Path,
}

impl Document {
    /// Reads the text of a file; the first mistake of syntax ends it.
    pub(crate) fn of_toml(name: &FilePath, text: String) -> Result<Self, Rejected> {
        let source = Source::new(name, text);
        let parsed = match DeTable::parse(source.text()) {
            Ok(table) => Ok(Node::of_table(table.span(), table.get_ref())),
            Err(error) => Err((error.span().unwrap_or(0..0), error.message().to_owned())),
        };
        match parsed {
            Ok(root) => Ok(Self {
                root,
                source: Some(source),
            }),
            Err((span, message)) => Err(Rejected::at(&source, span, &message)),
        }
    }

    /// A JSON value, as an API is given it.
    pub(crate) fn of_json(value: &serde_json::Value) -> Self {
        Self {
            root: Node::of_json(value),
            source: None,
        }
    }

    /// Nothing yet.
    pub(crate) fn empty() -> Self {
        Self {
            root: Node::new(Place::Path, Value::Table(Vec::new())),
            source: None,
        }
    }

    /// Puts a text where its key says, in place of what is there, with what leads to it. Empty text takes away what is there,
    /// so that the default holds.
    pub(crate) fn assign(&mut self, assignment: &Assignment) {
        let (path, text) = (assignment.path(), assignment.text());
        let Some((last, way)) = path.split_last() else {
            return;
        };
        let place = Place::Word(assignment.word().to_owned());
        let mut node = &mut self.root;
        for key in way {
            node = node.entry_or_table(key, &place);
        }
        node.remove_key(last);
        if !text.is_empty() {
            node.insert(last, Node::of_word(text, &place));
        }
    }

    /// A merge patch (RFC 7396), except that of a setting with variants the one in the patch takes the place of another, and
    /// that a key which is to go and is unknown is a mistake like any other.
    pub(crate) fn patch(&mut self, patch: &serde_json::Value) {
        self.root.patch(patch);
    }

    /// The tables of a list at the top, such as the ports.
    pub(super) fn list_mut(&mut self, key: &str, place: &Place) -> Option<&mut Vec<Node>> {
        let table = self.root.table_mut()?;
        let at = match table.iter().position(|entry| entry.key == key) {
            Some(at) => at,
            None => {
                let list = Node::new(place.clone(), Value::List(Vec::new()));
                table.push(Entry::new(key, place.clone(), list));
                table.len() - 1
            }
        };
        match &mut table[at].node.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value at `path`, if it is there.
    pub(super) fn node(&self, path: &Path) -> Option<&Node> {
        let mut node = &self.root;
        for step in path.steps() {
            node = node.child(step)?;
        }
        Some(node)
    }

    pub(super) fn node_mut(&mut self, path: &Path) -> Option<&mut Node> {
        let mut node = &mut self.root;
        for step in path.steps() {
            node = node.child_mut(step)?;
        }
        Some(node)
    }

    /// Where the value at `path` was given, or what it would be part of.
    pub(crate) fn place(&self, path: &Path) -> &Place {
        let mut node = &self.root;
        for step in path.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        &node.place
    }

    /// Where the key at the end of `path` stands.
    pub(super) fn key_place(&self, path: &Path) -> Option<&Place> {
        let (last, way) = path.steps().split_last()?;
        let parent = self.node(&way.iter().cloned().collect())?;
        match (last, &parent.value) {
            (Step::Key(key), Value::Table(entries)) => {
                let entry = entries.iter().find(|entry| entry.key == **key)?;
                Some(&entry.key_place)
            }
            _ => None,
        }
    }

    /// The mistakes with the places of this document.
    pub(crate) fn reject(&self, mistakes: &Mistakes) -> Rejected {
        let mut rejected = Rejected::default();
        self.object_all(mistakes, &mut rejected);
        rejected
    }

    /// Adds mistakes, each at the place of its value.
    pub(super) fn object_all(&self, mistakes: &Mistakes, rejected: &mut Rejected) {
        for mistake in &mistakes.0 {
            self.object(mistake, self.place(&mistake.path), rejected);
        }
    }

    /// Adds a mistake that was made at `place`.
    pub(super) fn object(&self, mistake: &Mistake, place: &Place, rejected: &mut Rejected) {
        let told = |other: &Path| self.told(other);
        match (place, &self.source) {
            (Place::File(span), Some(source)) => {
                let said = mistake.say(&mistake.path.field(), told);
                rejected.add_at(source, span.clone(), &said);
            }
            (Place::Word(word), _) => rejected.add(mistake.say(word, told)),
            _ => rejected.add(mistake.to_string()),
        }
    }

    /// `in line 3` or `with --port`, as an afterthought; nothing if the place says nothing.
    fn told(&self, path: &Path) -> String {
        match (self.place(path), &self.source) {
            (Place::File(span), Some(source)) => {
                format!("in line {}", source.position(span.start).0)
            }
            (Place::Word(word), _) => format!("with {word}"),
            _ => String::new(),
        }
    }
}

impl Node {
    pub(super) fn new(place: Place, value: Value) -> Self {
        Self {
            place,
            value,
            is_torn: false,
        }
    }

    /// A table of words, as options give it.
    pub(super) fn of_words<'a>(
        place: &Place,
        words: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut node = Self::new(place.clone(), Value::Table(Vec::new()));
        for (key, text) in words {
            node.insert(key, Self::new(place.clone(), Value::Word(text.to_owned())));
        }
        node
    }

    /// A word, or the list or table in TOML that it is.
    fn of_word(text: &str, place: &Place) -> Self {
        if !text.starts_with(['[', '{']) {
            return Self::new(place.clone(), Value::Word(text.to_owned()));
        }
        match DeValue::parse(text) {
            Ok(value) => {
                let mut node = Self::of_toml(&value);
                node.set_place(place);
                node
            }
            Err(_) => Self::new(
                place.clone(),
                Value::Odd("what is no list or table in TOML"),
            ),
        }
    }

    fn set_place(&mut self, place: &Place) {
        self.place = place.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.set_place(place)),
            Value::Table(entries) => {
                for entry in entries {
                    entry.key_place = place.clone();
                    entry.node.set_place(place);
                }
            }
            _ => {}
        }
    }

    fn of_table(span: Range<usize>, table: &DeTable<'_>) -> Self {
        let entries = table.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: Place::File(key.span()),
            node: Self::of_toml(value),
            is_new: false,
        });
        Self::new(Place::File(span), Value::Table(entries.collect()))
    }

    fn of_toml(spanned: &Spanned<DeValue<'_>>) -> Self {
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(integer) => {
                match i128::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(integer) => Value::Integer(integer),
                    Err(_) => Value::Odd("a number beyond all bounds"),
                }
            }
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(float) => Value::Float(float),
                Err(_) => Value::Odd("a number beyond all bounds"),
            },
            DeValue::Boolean(is_true) => Value::Bool(*is_true),
            DeValue::Datetime(_) => Value::Odd("a date"),
            DeValue::Array(items) => Value::List(items.iter().map(Self::of_toml).collect()),
            DeValue::Table(table) => return Self::of_table(spanned.span(), table),
        };
        Self::new(Place::File(spanned.span()), value)
    }

    pub(super) fn of_json(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;

        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(is_true) => Value::Bool(*is_true),
            Json::Number(number) => match (number.as_i128(), number.as_f64()) {
                (Some(integer), _) => Value::Integer(integer),
                // JSON knows numbers only: 12.0 is 12.
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e15 => {
                    Value::Integer(float as i128)
                }
                (None, Some(float)) => Value::Float(float),
                (None, None) => Value::Odd("a number beyond all bounds"),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Self::of_json).collect()),
            Json::Object(object) => {
                let entries = object
                    .iter()
                    .map(|(key, value)| Entry::new(key, Place::Path, Self::of_json(value)));
                Value::Table(entries.collect())
            }
        };
        Self::new(Place::Path, value)
    }

    /// The text at a key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        let entry = self.table()?.iter().find(|entry| entry.key == key)?;
        match &entry.node.value {
            Value::Text(text) | Value::Word(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    fn table_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (step, &self.value) {
            (Step::Key(key), Value::Table(entries)) => {
                let found = entries.iter().find(|entry| entry.key == **key);
                found.map(|entry| &entry.node)
            }
            (Step::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        }
    }

    fn child_mut(&mut self, step: &Step) -> Option<&mut Self> {
        match (step, &mut self.value) {
            (Step::Key(key), Value::Table(entries)) => {
                let found = entries.iter_mut().find(|entry| entry.key == **key);
                found.map(|entry| &mut entry.node)
            }
            (Step::Index(index), Value::List(items)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The table at `key`, made if there is none: what else is there gives way.
    pub(super) fn entry_or_table(&mut self, key: &str, place: &Place) -> &mut Self {
        let fresh = || Self::new(place.clone(), Value::Table(Vec::new()));
        if self.table().is_none() {
            *self = fresh();
        }
        let entries = self.table_mut().expect("it is a table now");
        let at = match entries.iter().position(|entry| entry.key == key) {
            Some(at) => at,
            None => {
                entries.push(Entry::new(key, place.clone(), fresh()));
                entries.len() - 1
            }
        };
        let entry = &mut entries[at];
        entry.is_new = true;
        if entry.node.table().is_none() {
            entry.node = fresh();
        }
        &mut entry.node
    }

    pub(super) fn insert(&mut self, key: &str, node: Node) {
        let place = node.place.clone();
        if let Some(entries) = self.table_mut() {
            entries.retain(|entry| entry.key != key);
            entries.push(Entry {
                is_new: true,
                ..Entry::new(key, place, node)
            });
        }
    }

    pub(super) fn remove_key(&mut self, key: &str) {
        if let Some(entries) = self.table_mut() {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// Takes one part out and marks the rest.
    pub(super) fn tear(&mut self, step: &Step) {
        self.is_torn = true;
        match (step, &mut self.value) {
            (Step::Key(key), Value::Table(entries)) => entries.retain(|entry| entry.key != **key),
            (Step::Index(index), Value::List(items)) => {
                if let Some(item) = items.get_mut(*index) {
                    item.value = Value::Gone;
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.value, Value::Gone)
    }

    /// Closes the gaps that [`Node::tear`] left in lists.
    pub(super) fn close_gaps(&mut self) {
        match &mut self.value {
            Value::List(items) => {
                items.retain(|item| !item.is_gone());
                items.iter_mut().for_each(Self::close_gaps);
            }
            Value::Table(entries) => {
                for entry in entries {
                    entry.node.close_gaps();
                }
            }
            _ => {}
        }
    }

    fn patch(&mut self, patch: &serde_json::Value) {
        let serde_json::Value::Object(object) = patch else {
            *self = Self::of_json(patch);
            return;
        };
        for (key, value) in object {
            let is_known = |node: &Self| node.child(&Step::Key(key.clone().into())).is_some();
            // Of a key that is not there null is kept, so that one that nobody knows is noticed.
            if value.is_null() && is_known(self) {
                self.remove_key(key);
            } else if value.is_object() {
                self.entry_or_table(key, &Place::Path).patch(value);
            } else {
                if self.table().is_none() {
                    *self = Self::new(Place::Path, Value::Table(Vec::new()));
                }
                self.insert(key, Self::of_json(value));
            }
        }
    }
}

impl Entry {
    pub(super) fn new(key: &str, key_place: Place, node: Node) -> Self {
        Self {
            key: key.to_owned(),
            key_place,
            node,
            is_new: false,
        }
    }
}
