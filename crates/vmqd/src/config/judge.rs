//! Collects what is wrong, with the place it was given at.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use vmq::{Mac, VlanTest};

use super::rejected::{Mistake, Rejected, Source};
use super::schema;

/// Where a value was given.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(Range<usize>),
    Option(&'static str),
}

/// What has been seen so far, and everything wrong with it.
pub(super) struct Judge<'a> {
    source: Option<&'a Source>,
    rejected: Rejected,
    pub(super) names: HashMap<String, Place>,
    pub(super) sockets: HashMap<PathBuf, Place>,
    pub(super) filters: HashMap<Mac, Vec<(VlanTest, Place)>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(source: Option<&'a Source>) -> Self {
        Self {
            source,
            rejected: Rejected::default(),
            names: HashMap::new(),
            sockets: HashMap::new(),
            filters: HashMap::new(),
        }
    }

    /// Notes that the value of `field`, given at `place`, is wrong.
    pub(super) fn object(
        &mut self,
        place: &Place,
        field: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let mistake = Mistake {
            problem: problem.into(),
            remedy: remedy.into(),
        };
        match (place, self.source) {
            (Place::File(span), Some(source)) => {
                self.rejected.add_at(source, span.clone(), field, mistake)
            }
            (Place::File(_), None) => self.rejected.add_option(field, &mistake),
            (Place::Option(option), _) => self.rejected.add_option(option, &mistake),
        }
    }

    /// The value that the word `text` stands for, if it is one of those known: word, meaning, value.
    pub(super) fn choice<T: Copy>(
        &mut self,
        place: &Place,
        field: &str,
        text: &str,
        known: &[(&str, &str, T)],
    ) -> Option<T> {
        if let Some((.., value)) = known.iter().find(|(word, ..)| *word == text) {
            return Some(*value);
        }
        let words: Vec<_> = known.iter().map(|(word, ..)| *word).collect();
        let near = schema::did_you_mean(text, &words);
        let key = field.rsplit('.').next().unwrap_or(field);
        self.object(
            place,
            field,
            format!("unknown {key} `{text}`"),
            near + &schema::choices(known),
        );
        None
    }

    /// `in line 3` or `with --port`.
    pub(super) fn told(&self, place: &Place) -> String {
        match (place, self.source) {
            (Place::File(span), Some(source)) => {
                format!("in line {}", source.position(span.start).0)
            }
            (Place::File(_), None) => "in the file".to_owned(),
            (Place::Option(option), _) => format!("with {option}"),
        }
    }

    /// `value`, if nothing was wrong.
    pub(super) fn verdict<T>(self, value: T) -> Result<T, Rejected> {
        if self.rejected.is_empty() {
            Ok(value)
        } else {
            Err(self.rejected)
        }
    }
}
