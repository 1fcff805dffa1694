//! What is wrong with a configuration: which value, what is wrong with it, and what to do.
//!
//! A mistake names the value by its path and knows nothing of files. Where that value was given is what
//! [`Document`](super::Document) knows; an API names the path itself.

use std::borrow::Cow;
use std::fmt;

use vmq::NdisStatus;

/// The way to a value: `port[3].mtu`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<Step>);

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(Cow<'static, str>),
    Index(usize),
}

/// What is wrong with a value and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) path: Path,
    /// Whose value it is, such as ``port `web` ``; empty for the switch's own.
    pub(crate) owner: String,
    pub(crate) problem: String,
    /// The value that it clashes with.
    pub(crate) other: Option<Path>,
    pub(crate) remedy: String,
    pub(crate) kind: Kind,
    /// What the engine answered, if it was the engine that refused.
    pub(crate) status: Option<NdisStatus>,
}

/// Which sort of mistake, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The value is none, or none that can be.
    Wrong,
    /// It names something that is not there.
    Unknown,
    /// It belongs to another.
    Taken,
    /// What is to go is in use.
    InUse,
    /// It cannot change while the switch runs.
    Fixed,
    /// The operating system or the switch did not do it.
    System,
}

/// Everything that is wrong; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

impl Path {
    pub(crate) fn key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    pub(crate) fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Its keys, without the indexes: `port.mtu`.
    pub(crate) fn field(&self) -> String {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) => None,
        });
        keys.collect::<Vec<_>>().join(".")
    }

    /// The last of its keys.
    pub(super) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) => None,
        })
    }

    /// The way on from `base`, if this leads through it.
    pub(crate) fn below(&self, base: &Path) -> Option<Path> {
        self.0
            .strip_prefix(base.0.as_slice())
            .map(|rest| Path(rest.to_vec()))
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at > 0 => write!(f, ".{key}")?,
                Step::Key(key) => f.write_str(key)?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Mistake {
    pub(crate) fn new(
        path: Path,
        kind: Kind,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path,
            owner: String::new(),
            problem: problem.into(),
            other: None,
            remedy: remedy.into(),
            kind,
            status: None,
        }
    }

    /// Field, problem and remedy in one line; `place` says where the other value stands.
    pub(super) fn say(&self, field: &str, place: impl Fn(&Path) -> String) -> String {
        let mut problem = self.problem.clone();
        let other = self.other.as_ref().map(place).unwrap_or_default();
        if !other.is_empty() {
            problem = format!("{problem}, {other}");
        }
        let parts = [field, &problem, &self.remedy];
        let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join(": ")
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

/// ``port `web`: mtu: there is no MTU of 3 bytes: use 68 to 65535``
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.path.steps();
        let own = match steps {
            [Step::Key(_), Step::Index(_), rest @ ..] if !self.owner.is_empty() => rest,
            _ => steps,
        };
        let field = own.iter().cloned().collect::<Path>().to_string();
        let parts = [self.owner.clone(), field];
        let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&self.say(&said.join(": "), |_| String::new()))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            let newline = if at > 0 { "\n" } else { "" };
            write!(f, "{newline}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
