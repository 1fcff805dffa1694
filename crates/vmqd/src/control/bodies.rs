//! Bodies of requests that make or change a setting: a whole one, a whole one whose name the path has, and a patch.
//!
//! They stay JSON until the thread that carries the operation out reads them as what they are to be.

use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::request::{Body, parse_json};
use super::settings::Setting;
use crate::config::{Document, Kind, Mistake, Path};

/// A whole thing, as it is to be made.
pub(super) struct Whole<T>(Value, PhantomData<fn() -> T>);

/// As [`Whole`], but its name is in the path, and may be left out.
pub(super) struct Named<T>(Value, PhantomData<fn() -> T>);

/// A merge patch (RFC 7396), except that of a setting with variants the one that it names takes the place of another.
pub(super) struct Patch<T>(Value, PhantomData<fn() -> T>);

impl<T: DeserializeOwned> Whole<T> {
    pub(super) fn read(self) -> Result<T, Problem> {
        read(Document::of_json(&self.0))
    }
}

impl<T: Setting> Named<T> {
    pub(super) fn read(self, name: &str) -> Result<T, Problem> {
        let mut wanted = self.0;
        if let Some(members) = wanted.as_object_mut() {
            members.entry("name").or_insert_with(|| name.into());
        }
        let wanted: T = Whole(wanted, PhantomData).read()?;
        check_name(&wanted, name)?;
        Ok(wanted)
    }
}

impl<T: Setting> Patch<T> {
    /// What the patch makes of `before`.
    pub(super) fn apply(self, before: &T, name: &str) -> Result<T, Problem> {
        let before = serde_json::to_value(before).unwrap_or_default();
        let mut document = Document::of_json(&before);
        document.patch(&self.0);
        let wanted: T = read(document)?;
        check_name(&wanted, name)?;
        Ok(wanted)
    }
}

/// What a body says. What is wrong with it has its place there.
fn read<T: DeserializeOwned>(document: Document) -> Result<T, Problem> {
    let read = document.value();
    read.map_err(|mistakes| Problem::of(&mistakes, Some(&Path::default())))
}

/// Things are known by their names, so that what has another name is another thing.
fn check_name<T: Setting>(wanted: &T, name: &str) -> Result<(), Problem> {
    if wanted.name() == name {
        return Ok(());
    }
    let problem = format!("`{name}` cannot become `{}`", wanted.name());
    let remedy = "leave the name out, or make one of that name and remove this one";
    let mistake = Mistake::new(Path::default().key("name"), Kind::Fixed, problem, remedy);
    Err(Problem::of(&mistake.into(), Some(&Path::default())))
}

impl<T: DeserializeOwned + JsonSchema + 'static> Body for Whole<T> {
    const MEDIA_TYPE: Option<&'static str> = Some("application/json");

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        Ok(Self(parse_json(bytes)?, PhantomData))
    }
}

impl<T: Setting> Body for Named<T> {
    const MEDIA_TYPE: Option<&'static str> = Some("application/json");

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != "name");
        }
        schema
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        Ok(Self(parse_json(bytes)?, PhantomData))
    }
}

impl<T: Setting> Body for Patch<T> {
    const MEDIA_TYPE: Option<&'static str> = Some("application/merge-patch+json");

    fn schema(_: &mut SchemaGenerator) -> Schema {
        // What a patch takes of a type is no component: everything of it stands here.
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = T::json_schema(&mut settings.into_generator());
        if let Some(schema) = schema.as_object_mut() {
            relax(schema);
        }
        schema
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        Ok(Self(parse_json(bytes)?, PhantomData))
    }
}

/// From what something is to what a patch of it may say: any of its members, and `null` for their defaults. Lists are replaced
/// whole, and stay what they are.
fn relax(schema: &mut Map<String, Value>) {
    schema.remove("required");
    // Alternatives whose members may all be missing exclude each other no more.
    if let Some(alternatives) = schema.remove("oneOf") {
        schema.insert("anyOf".to_owned(), alternatives);
    }
    let alternatives = schema.get_mut("anyOf").and_then(Value::as_array_mut);
    for alternative in alternatives.into_iter().flatten() {
        alternative.as_object_mut().into_iter().for_each(relax);
    }
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for member in members.into_iter().flat_map(|members| members.values_mut()) {
        member.as_object_mut().into_iter().for_each(relax);
        *member = json!({ "anyOf": [member.take(), { "type": "null" }] });
    }
}
