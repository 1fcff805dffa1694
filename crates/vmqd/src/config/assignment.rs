//! `KEY=VALUE` of the command line.

use std::str::FromStr;

/// A key with the dots between its parts, and the text that is to be its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// As it was written.
    word: String,
    /// Where the `=` is.
    at: usize,
}

/// Why a word is no assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it KEY=VALUE, such as dhcp_guard=true")]
pub(crate) struct NoAssignment;

impl Assignment {
    pub(crate) fn word(&self) -> &str {
        &self.word
    }

    /// The parts of the key.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.word[..self.at].split('.').collect()
    }

    /// What stands behind the `=`.
    pub(crate) fn text(&self) -> &str {
        &self.word[self.at + 1..]
    }
}

impl FromStr for Assignment {
    type Err = NoAssignment;

    fn from_str(word: &str) -> Result<Self, NoAssignment> {
        match word.find('=') {
            None | Some(0) => Err(NoAssignment),
            Some(at) => Ok(Self {
                word: word.to_owned(),
                at,
            }),
        }
    }
}
