//! The configuration file and what runs: one made of the other, either way.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Kind, Problem};
use super::reply::{JsonAnswer, Reply};
use super::request::Asked;
use crate::config::Changes;
use crate::live::{Live, ReloadError, SaveError};

/// Where it was saved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Saved {
    pub(crate) file: PathBuf,
}

impl JsonAnswer for Changes {}
impl JsonAnswer for Saved {}

pub(super) fn reload(live: &Live, _: Asked) -> Result<Reply<Changes>, Problem> {
    Ok(Reply::Is(live.reload()?))
}

pub(super) fn save(live: &Live, _: Asked) -> Result<Reply<Saved>, Problem> {
    Ok(Reply::Is(Saved { file: live.save()? }))
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        Self::new(Kind::Conflict, error.to_string(), "")
    }
}

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        Self::new(Kind::Conflict, error.to_string(), "")
    }
}
