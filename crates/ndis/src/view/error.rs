//! What is wrong with a chain or a structure, and with which member of it.

use core::fmt;

/// A member that does not hold what its structure promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewError {
    /// The member as Windows spells it, `STRUCTURE.Member`.
    pub member: &'static str,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// The chain that it links comes back to an element that was there before.
    Cyclic,
    /// The chain that it links goes on after the most elements it may have.
    TooLong {
        /// The most elements.
        limit: usize,
    },
    /// It is NULL where something is promised.
    Null,
    /// It is an address at which no such structure can lie.
    Misaligned,
    /// It is more than there is.
    Beyond {
        /// What it says (or, of two members that add up, what they say together).
        value: u64,
        /// The most that it may say.
        limit: u64,
    },
    /// It is less than is needed.
    Below {
        /// What it says.
        value: u64,
        /// The least that it may say.
        least: u64,
    },
    /// It says something else than the members that it repeats.
    Disagrees {
        /// What it says.
        value: u64,
        /// What the others say.
        others: u64,
    },
    /// It names something that nobody knows.
    Unknown {
        /// What it says.
        value: u64,
    },
    /// The bytes that it leads to have no address in system space.
    NotMapped,
}

impl ViewError {
    pub(super) const fn new(member: &'static str, wrong: Wrong) -> Self {
        Self { member, wrong }
    }

    pub(super) const fn null(member: &'static str) -> Self {
        Self::new(member, Wrong::Null)
    }

    pub(super) const fn beyond(member: &'static str, value: u64, limit: u64) -> Self {
        Self::new(member, Wrong::Beyond { value, limit })
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member;
        match self.wrong {
            Wrong::Cyclic => write!(f, "{member} leads back into its own chain"),
            Wrong::TooLong { limit } => {
                write!(
                    f,
                    "{member} goes on after {limit} elements, the most allowed"
                )
            }
            Wrong::Null => write!(f, "{member} is NULL where something is promised"),
            Wrong::Misaligned => write!(f, "{member} is no address of such a structure"),
            Wrong::Beyond { value, limit } => {
                write!(f, "{member} is {value}, more than the {limit} there are")
            }
            Wrong::Below { value, least } => {
                write!(f, "{member} is {value}, less than the {least} needed")
            }
            Wrong::Disagrees { value, others } => {
                write!(f, "{member} is {value}, but the others make it {others}")
            }
            Wrong::Unknown { value } => write!(f, "{member} is {value}, which names nothing known"),
            Wrong::NotMapped => write!(f, "{member} has no address: the bytes are not mapped"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_error_says_the_member_and_what_is_wrong_with_it() {
        let text = ViewError::beyond("NET_BUFFER.DataLength", 1514, 1500).to_string();
        assert_eq!(
            text,
            "NET_BUFFER.DataLength is 1514, more than the 1500 there are"
        );
    }
}
