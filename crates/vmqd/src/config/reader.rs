//! Reads values out of a document: a serde deserializer over its tree, whose errors say which value they are about.
//!
//! What a word of the command line is depends on what is wanted, and serde says what is wanted: `100M` is a number where a
//! number is read, `a,b` a list where a list is read.

use std::fmt::{self, Display};
use std::iter::Enumerate;
use std::{slice, str};

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::document::{Entry, Node, Place, Value};
use super::mistake::Step;
use super::units;

/// Why a value cannot be read, and which it is.
#[derive(Clone, Debug)]
pub(super) struct ReadError {
    /// The way to it, last step first.
    way: Vec<Step>,
    pub(super) what: What,
}

/// What is wrong with it.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// There is no such key.
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    /// A table lacks this key.
    Missing(&'static str),
    /// The word is none of these.
    UnknownWord {
        word: String,
        known: &'static [&'static str],
    },
    /// Anything else, in words.
    Said(String),
}

impl ReadError {
    fn said(text: impl Into<String>) -> Self {
        Self {
            way: Vec::new(),
            what: What::Said(text.into()),
        }
    }

    fn inside(mut self, step: Step) -> Self {
        self.way.push(step);
        self
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.way.iter().rev().cloned()
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: Display>(text: T) -> Self {
        Self::said(text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = match expected.starts_with("struct ") {
            true => "a table",
            false => &expected,
        };
        Self::said(format!("found {found}, expected {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let key = key.to_owned();
        Self {
            way: Vec::new(),
            what: What::UnknownKey { key, known },
        }
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        let word = word.to_owned();
        Self {
            way: Vec::new(),
            what: What::UnknownWord { word, known },
        }
    }

    fn missing_field(key: &'static str) -> Self {
        Self {
            way: Vec::new(),
            what: What::Missing(key),
        }
    }
}

impl Node {
    /// A number of the width that is wanted.
    fn integer(&self, least: i128, most: i128) -> Result<i128, ReadError> {
        let number = match &self.value {
            Value::Integer(number) => *number,
            Value::Word(text) => read_number(text)?,
            // In JSON the schema says what is what.
            Value::Text(text) if matches!(self.place, Place::File(_)) => read_number(text)?,
            _ => return Err(self.mismatch("a whole number")),
        };
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(ReadError::said(format!(
                "{number} is out of range: use {least} to {most}"
            )))
        }
    }

    fn float(&self) -> Result<f64, ReadError> {
        match &self.value {
            Value::Float(number) => Ok(*number),
            #[expect(clippy::cast_precision_loss, reason = "what is wanted is a float")]
            Value::Integer(number) => Ok(*number as f64),
            Value::Word(text) => text
                .parse()
                .map_err(|_| ReadError::said(format!("`{text}` is no number: write it like 2.5"))),
            _ => Err(self.mismatch("a number")),
        }
    }

    fn is_true(&self) -> Result<bool, ReadError> {
        match &self.value {
            Value::Bool(is_true) => Ok(*is_true),
            Value::Word(text) => match text.as_str() {
                "true" | "on" | "yes" => Ok(true),
                "false" | "off" | "no" => Ok(false),
                _ => Err(ReadError::said(format!(
                    "`{text}` is neither: write true or false"
                ))),
            },
            _ => Err(self.mismatch("true or false")),
        }
    }

    fn mismatch(&self, wanted: &str) -> ReadError {
        let found = match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(is_true) => format!("`{is_true}`"),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(number) => format!("the number {number}"),
            Value::Text(text) | Value::Word(text) => format!("the text {text:?}"),
            Value::Odd(what) => (*what).to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
            Value::Gone => "nothing".to_owned(),
        };
        ReadError::said(format!("found {found}, expected {wanted}"))
    }
}

fn read_number(text: &str) -> Result<i128, ReadError> {
    units::number(text).ok_or_else(|| {
        ReadError::said(format!(
            "`{text}` is no whole number: write it like 1500, 100M or 64Ki"
        ))
    })
}

macro_rules! integers {
    ($($method:ident => $visit:ident, $kind:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let number = self.integer(<$kind>::MIN.into(), <$kind>::MAX.into())?;
            visitor.$visit(number as $kind)
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = ReadError;

    integers! {
        deserialize_i8 => visit_i8, i8;
        deserialize_i16 => visit_i16, i16;
        deserialize_i32 => visit_i32, i32;
        deserialize_i64 => visit_i64, i64;
        deserialize_u8 => visit_u8, u8;
        deserialize_u16 => visit_u16, u16;
        deserialize_u32 => visit_u32, u32;
        deserialize_u64 => visit_u64, u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(is_true) => visitor.visit_bool(*is_true),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => Err(self.mismatch("a smaller number")),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) | Value::Word(text) => visitor.visit_borrowed_str(text),
            Value::Odd(_) | Value::Gone => Err(self.mismatch("a setting")),
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Table(entries) => visitor.visit_map(Entries::new(entries, None)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_bool(self.is_true()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::Text(text) | Value::Word(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.mismatch("a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Word(text) => visitor.visit_seq(Words(text.split(','))),
            _ => Err(self.mismatch("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.table() {
            Some(entries) => visitor.visit_map(Entries::new(entries, None)),
            None => Err(self.mismatch("a table")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.table() {
            Some(entries) => visitor.visit_map(Entries::new(entries, Some(keys))),
            None => Err(self.mismatch(&format!("a table with {}", listed(keys)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::Text(text) | Value::Word(text) => visitor.visit_enum(Variant {
                key: text,
                content: None,
            }),
            Value::Table(entries) => {
                let only = |mut entries: Vec<&'de Entry>| match entries.len() {
                    1 => entries.pop(),
                    _ => None,
                };
                let newest = entries.iter().filter(|entry| entry.is_new).collect();
                let chosen = only(entries.iter().collect()).or_else(|| only(newest));
                let Some(Entry { key, node, .. }) = chosen else {
                    return Err(self.mismatch(&format!("one of {}", listed(known))));
                };
                visitor.visit_enum(Variant {
                    key,
                    content: Some(node),
                })
            }
            _ => Err(self.mismatch(&format!("one of {}", listed(known)))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// `a, b or c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

struct Items<'de>(Enumerate<slice::Iter<'de, Node>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some((at, item)) = self.0.find(|(_, item)| !item.is_gone()) else {
            return Ok(None);
        };
        let value = seed.deserialize(item).map(Some);
        value.map_err(|error| error.inside(Step::Index(at)))
    }
}

/// The parts of a word that is a list.
struct Words<'de>(str::Split<'de, char>);

impl<'de> SeqAccess<'de> for Words<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        self.0
            .next()
            .map(|word| seed.deserialize(StrDeserializer::new(word.trim())))
            .transpose()
    }
}

struct Entries<'de> {
    entries: slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
    /// What is known here, if a struct is read.
    keys: Option<&'static [&'static str]>,
}

impl<'de> Entries<'de> {
    fn new(entries: &'de [Entry], keys: Option<&'static [&'static str]>) -> Self {
        Self {
            entries: entries.iter(),
            current: None,
            keys,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some(entry);
        let key = StrDeserializer::<ReadError>::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|mut error| {
            // A struct in parts knows only its part's keys.
            if let (What::UnknownKey { known, .. }, Some(keys)) = (&mut error.what, self.keys) {
                *known = keys;
            }
            error.inside(Step::Key(entry.key.clone().into()))
        })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let entry = self.current.take().expect("a key was read before");
        seed.deserialize(&entry.node)
            .map_err(|error| error.inside(Step::Key(entry.key.clone().into())))
    }
}

/// A setting with variants: a word, or a table with one key.
struct Variant<'de> {
    key: &'de str,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let key = StrDeserializer::<ReadError>::new(self.key);
        let value = seed
            .deserialize(key)
            .map_err(|error| match (error.what, self.content) {
                (What::UnknownWord { word: key, known }, Some(_)) => {
                    let step = Step::Key(self.key.to_owned().into());
                    let what = What::UnknownKey { key, known };
                    ReadError { what, ..error }.inside(step)
                }
                (what, _) => ReadError { what, ..error },
            })?;
        Ok((value, self))
    }
}

impl<'de> Variant<'de> {
    fn content<T>(
        self,
        read: impl FnOnce(&'de Node) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let key = self.key;
        match self.content {
            Some(node) => {
                read(node).map_err(|error| error.inside(Step::Key(key.to_owned().into())))
            }
            None => Err(ReadError::said(format!(
                "`{key}` needs more: write {{ {key} = ... }}"
            ))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None => Ok(()),
            Some(node) => Err(node.mismatch("the word alone")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        self.content(|node| seed.deserialize(node))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content(|node| node.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content(|node| node.deserialize_struct("", keys, visitor))
    }
}
