//! Structs whose keys stand in one table with those of another, as a port's own with its policy's.
//!
//! serde's own `flatten` reads everything into a buffer first, and the buffer forgets where a value stood and what word of
//! the command line it was. This one hands each value to the struct that it is for as it comes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{Error as NoValue, MapAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The part of a struct that reads its keys itself.
pub(super) trait Own: Default {
    /// Its keys.
    const KEYS: &'static [&'static str];

    /// Reads the value of one of them.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads a table into a struct of its own and one that takes the other keys. `keys` are those of both.
pub(super) fn read<'de, D, O, R>(
    deserializer: D,
    name: &'static str,
    keys: &'static [&'static str],
) -> Result<(O, R), D::Error>
where
    D: Deserializer<'de>,
    O: Own,
    R: Deserialize<'de>,
{
    deserializer.deserialize_struct(name, keys, Both(name, PhantomData))
}

/// The keys of `O` and then those of `R`.
pub(super) fn keys<O: Own, R: Deserialize<'static>>() -> Vec<&'static str> {
    O::KEYS.iter().chain(keys_of::<R>()).copied().collect()
}

/// The keys of a struct, as its derived reader asks for them.
fn keys_of<T: Deserialize<'static>>() -> &'static [&'static str] {
    let mut keys: &[&str] = &[];
    // It asks first and fails then, for there is nothing to read.
    let _ = T::deserialize(Asked(&mut keys));
    keys
}

struct Both<O, R>(&'static str, PhantomData<(O, R)>);

impl<'de, O: Own, R: Deserialize<'de>> Visitor<'de> for Both<O, R> {
    type Value = (O, R);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(O, R), A::Error> {
        let mut own = O::default();
        let rest = R::deserialize(MapAccessDeserializer::new(Rest {
            map,
            own: &mut own,
            seen: Vec::new(),
        }))?;
        Ok((own, rest))
    }
}

/// The entries that are not `O`'s; `O`'s are read on the way.
struct Rest<'o, A, O> {
    map: A,
    own: &'o mut O,
    seen: Vec<&'static str>,
}

impl<'de, A: MapAccess<'de>, O: Own> MapAccess<'de> for Rest<'_, A, O> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            let key = self.map.next_key_seed(OwnOr {
                own: O::KEYS,
                other: &mut seed,
            })?;
            match key {
                None => return Ok(None),
                Some(Key::Other(key)) => return Ok(Some(key)),
                Some(Key::Own(key)) if self.seen.contains(&key) => {
                    return Err(A::Error::duplicate_field(key));
                }
                Some(Key::Own(key)) => {
                    self.seen.push(key);
                    self.own.read(key, &mut self.map)?;
                }
            }
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

enum Key<K> {
    Own(&'static str),
    Other(K),
}

/// Reads a key, as one of `own` or as what `other` makes of it.
struct OwnOr<'o, S> {
    own: &'static [&'static str],
    other: &'o mut Option<S>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for OwnOr<'_, S> {
    type Value = Key<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for OwnOr<'_, S> {
    type Value = Key<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if let Some(key) = self.own.iter().find(|key| **key == text) {
            return Ok(Key::Own(key));
        }
        let seed = self
            .other
            .take()
            .expect("one key of the other struct a call");
        let key = serde::de::value::StrDeserializer::new(text);
        seed.deserialize(key).map(Key::Other)
    }
}

/// A deserializer that only hears which keys are asked for.
struct Asked<'k>(&'k mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = NoValue;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, NoValue> {
        *self.0 = keys;
        Err(NoValue::custom("only asked"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
        Err(NoValue::custom("only asked"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
