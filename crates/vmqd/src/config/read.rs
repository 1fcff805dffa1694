//! From a document to a value: everything in it that is no key, no value or not there is named at once.
//!
//! serde stops at the first mistake. So what was wrong is taken out of the tree and the rest is read again, until nothing is
//! wrong any more; that something is missing where something was taken out is no mistake of its own.

use serde::de::DeserializeOwned;

use super::document::{Document, Place};
use super::mistake::{Kind, Mistake, Mistakes, Path};
use super::reader::{ReadError, What, listed};
use super::rejected::Rejected;

/// The most mistakes that are named; who has made more will look again anyway.
const MAX_MISTAKES: usize = 50;

impl Document {
    /// Reads what it can, and adds what is wrong with the rest to `rejected`. `None` if nothing is left.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, rejected: &mut Rejected) -> Option<T> {
        let (value, found) = self.gather();
        for (mistake, place) in &found {
            self.object(mistake, place, rejected);
        }
        value
    }

    /// The value that it is, or everything that is wrong with it.
    pub(crate) fn value<T: DeserializeOwned>(mut self) -> Result<T, Mistakes> {
        let (value, found) = self.gather();
        match value {
            Some(value) if found.is_empty() => Ok(value),
            _ => Err(Mistakes(
                found.into_iter().map(|(mistake, _)| mistake).collect(),
            )),
        }
    }

    /// What can be read, and each mistake with its place.
    fn gather<T: DeserializeOwned>(&mut self) -> (Option<T>, Vec<(Mistake, Place)>) {
        let mut found = Vec::new();
        // Each mistake takes out one value and the one that lacks it at most.
        for _ in 0..2 * MAX_MISTAKES {
            let error = match T::deserialize(&self.root) {
                Ok(value) => {
                    self.root.close_gaps();
                    return (Some(value), found);
                }
                Err(error) => error,
            };
            let path: Path = error.steps().collect();
            let is_consequence = self.node(&path).is_some_and(|node| node.is_torn);
            if !is_consequence {
                found.push(self.mistake(&error, path.clone()));
            }
            if self.tear(&path).is_none() {
                break;
            }
        }
        (None, found)
    }

    /// Takes out what is at `path`; `None` if that is all there is.
    fn tear(&mut self, path: &Path) -> Option<()> {
        let (last, way) = path.steps().split_last()?;
        self.node_mut(&way.iter().cloned().collect())?.tear(last);
        Some(())
    }

    fn mistake(&self, error: &ReadError, path: Path) -> (Mistake, Place) {
        let name = path.last_key().unwrap_or("setting").to_owned();
        let mut place = self.place(&path).clone();
        let (path, problem, remedy) = match &error.what {
            What::UnknownKey { key, known } => {
                place = self.key_place(&path).unwrap_or(&place).clone();
                let near = did_you_mean(key, known);
                let remedy = format!("{near}known keys here: {}", known.join(", "));
                (path, format!("unknown key `{key}`"), remedy)
            }
            What::Missing(key) => {
                let remedy = format!("add {key} = ...");
                (path.key(*key), "it is not there".to_owned(), remedy)
            }
            What::UnknownWord { word, known } => {
                let quoted: Vec<_> = known.iter().map(|word| format!("\"{word}\"")).collect();
                let quoted: Vec<_> = quoted.iter().map(String::as_str).collect();
                let near = did_you_mean(word, known);
                let remedy = format!("{near}write {}", listed(&quoted));
                (path, format!("unknown {name} `{word}`"), remedy)
            }
            What::Said(text) => {
                let remedy = match (path.steps().len(), name.as_str()) {
                    (1, "port" | "network") => format!("write [[{name}]], once for each {name}"),
                    _ => String::new(),
                };
                (path, text.clone(), remedy)
            }
        };
        (Mistake::new(path, Kind::Wrong, problem, remedy), place)
    }
}

/// `did you mean `name`? `, or nothing if no word is near.
fn did_you_mean(found: &str, known: &[&str]) -> String {
    let distance = |word: &&&str| strsim::osa_distance(found, word);
    match known.iter().min_by_key(distance) {
        Some(word) if distance(&word) <= 2 && distance(&word) < found.chars().count() => {
            format!("did you mean `{word}`? ")
        }
        _ => String::new(),
    }
}
