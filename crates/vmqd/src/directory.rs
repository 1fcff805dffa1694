//! Which directory holds a switch's sockets, when nobody says.
//!
//! It is one that only the user can write: in a place like `/tmp` another user could be there first
//! and offer sockets of their own under our names.

use std::env;
use std::path::{Path, PathBuf};

/// Nothing says where the sockets are.
#[derive(Debug, thiserror::Error)]
#[error(
    "XDG_RUNTIME_DIR is not set, so there is no place for the sockets by default: give one with --dir DIR"
)]
pub(crate) struct NoDirectory;

/// `given` if there is one, else the default, as an absolute path: it is printed into command lines
/// that are run from elsewhere.
pub(crate) fn choose(given: Option<&Path>) -> Result<PathBuf, NoDirectory> {
    let chosen = match given {
        Some(dir) => dir.to_path_buf(),
        None => default().ok_or(NoDirectory)?,
    };
    Ok(std::path::absolute(&chosen).unwrap_or(chosen))
}

/// What has to be added to a `vmq` command line so that it finds the switch on `dir`.
pub(crate) fn option(dir: &Path) -> String {
    if default().as_deref() == Some(dir) {
        return String::new();
    }
    format!(
        " --dir {}",
        crate::attach::shell_word(&dir.to_string_lossy())
    )
}

fn default() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    default_for(runtime, rustix::process::geteuid().is_root())
}

/// The XDG base directory specification: a path that is not absolute is to be ignored.
fn default_for(runtime: Option<PathBuf>, is_root: bool) -> Option<PathBuf> {
    match runtime {
        Some(dir) if dir.is_absolute() => Some(dir.join("vmq")),
        _ => is_root.then(|| PathBuf::from("/run/vmq")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_runtime_directory_comes_first() {
        let runtime = Some(PathBuf::from("/run/user/1000"));
        assert_eq!(
            default_for(runtime.clone(), false),
            Some("/run/user/1000/vmq".into())
        );
        assert_eq!(
            default_for(runtime, true),
            Some("/run/user/1000/vmq".into())
        );
    }

    #[test]
    fn root_without_one_uses_run_and_others_must_say() {
        assert_eq!(default_for(None, true), Some("/run/vmq".into()));
        assert_eq!(default_for(None, false), None);
    }

    #[test]
    fn a_relative_runtime_directory_is_ignored() {
        assert_eq!(default_for(Some("run".into()), false), None);
    }
}
