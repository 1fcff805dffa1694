//! Changes of the configuration that runs, and why one is refused.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::problem::{Kind, MemberError, Problem};
use crate::config::{self, Config, Mistake, Mistakes, Path, Step};
use crate::live::Live;

/// Why a change is not made.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Of the configuration that would be.
    Mistakes(Mistakes),
    Problem(Problem),
}

impl From<Mistakes> for Refusal {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Applies what `change` makes of the configuration that runs: all of it, or nothing. It says where in the configuration the
/// request's body went, for what is wrong with it.
pub(super) fn edit<T>(
    live: &Live,
    change: impl FnOnce(&mut Config, &mut Option<Path>) -> Result<T, Refusal>,
) -> Result<T, Problem> {
    let mut place = None;
    match live.change(|config| change(config, &mut place)) {
        Ok((made, _)) => Ok(made),
        Err(Refusal::Problem(problem)) => Err(problem),
        Err(Refusal::Mistakes(mistakes)) => Err(Problem::of(&mistakes, place.as_ref())),
    }
}

impl Problem {
    /// What is wrong with a configuration, told to who sent the part of it that is at `place`. Who sent none of it asks for
    /// something that cannot be as things are.
    pub(super) fn of(mistakes: &Mistakes, place: Option<&Path>) -> Self {
        let is_senseless = |mistake: &Mistake| mistake.kind == config::Kind::Wrong;
        let kind = match place.is_some() && mistakes.0.iter().any(is_senseless) {
            true => Kind::Invalid,
            false => Kind::Conflict,
        };
        let status = mistakes.0.iter().find_map(|mistake| mistake.status);
        let errors: Vec<_> = mistakes
            .0
            .iter()
            .map(|mistake| member_error(mistake, place))
            .collect();
        let (detail, remedy) = match &errors[..] {
            [error] => (error.detail.clone(), error.remedy.clone()),
            errors => (format!("{} members are wrong", errors.len()), None),
        };
        Self {
            ndis_status: status.map(|status| status.to_string().into()),
            errors,
            ..Self::new(kind, detail, remedy.unwrap_or_default())
        }
    }
}

fn member_error(mistake: &Mistake, place: Option<&Path>) -> MemberError {
    // Of two values that clash the one that was sent is told, whichever was noticed second.
    let own = [Some(&mistake.path), mistake.other.as_ref()];
    let mut own = own.into_iter().flatten();
    let own = own.find_map(|path| path.below(place?));
    let detail = match &own {
        Some(_) => mistake.problem.clone(),
        None => Mistake {
            remedy: String::new(),
            ..mistake.clone()
        }
        .to_string(),
    };
    MemberError {
        pointer: own.map(|path| pointer(&path)),
        detail,
        remedy: Some(mistake.remedy.clone()).filter(|remedy| !remedy.is_empty()),
    }
}

/// The way to a value as a URI fragment (RFC 6901, 6).
fn pointer(path: &Path) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let steps = path.steps().iter().map(|step| match step {
        Step::Index(index) => format!("/{index}"),
        Step::Key(key) => {
            let key = key.replace('~', "~0").replace('/', "~1");
            format!("/{}", utf8_percent_encode(&key, ESCAPED))
        }
    });
    format!("#{}", steps.collect::<String>())
}
