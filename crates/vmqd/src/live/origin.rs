//! Where the running configuration came from, and goes when it is saved.
//!
//! Invariant: the file is at every moment what it was or what it is to be, whole: the new text is written beside it, made
//! durable and put in its place by one rename. Whoever edited the file since it was read loses nothing: it is not written
//! over then.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};

use super::Live;
use crate::cli::RunArgs;
use crate::config::{self, Changes, Rejected};

/// The command line that a switch was started with, and its file as it was read or written last.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) args: RunArgs,
    pub(crate) text: Option<String>,
}

/// Why the file was not read again and applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReloadError {
    #[error("there is no file to read: start the switch with --config FILE")]
    NoFile,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

/// Why what runs was not written to the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SaveError {
    #[error("there is no file to save to: start the switch with --config FILE")]
    NoFile,
    #[error(
        "{} was changed since the switch read it, and would lose that: have it read with `vmq reload` first, or undo it",
        .0.display()
    )]
    Edited(PathBuf),
    #[error("cannot save: {0}")]
    Text(#[from] config::SaveError),
    #[error("{}: cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: cannot be written: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl Live {
    /// Reads the file again, with the command line as it was, and applies it: all or nothing. What was changed while the
    /// switch ran and not saved is undone by that.
    pub(crate) fn reload(&self) -> Result<Changes, ReloadError> {
        let mut running = self.running();
        let origin = running.origin.as_ref();
        let args = origin.filter(|origin| origin.args.config.is_some());
        let args = args.ok_or(ReloadError::NoFile)?.args.clone();
        let loaded = config::load(&args)?;
        let changes = self
            .become_of(&mut running, loaded.config)
            .map_err(|mistakes| loaded.document.reject(&mistakes))?;
        let text = loaded.text;
        running.origin = Some(Origin { args, text });
        Ok(changes)
    }

    /// Writes what runs to the file, so that it is there again after a restart. The path of the file.
    pub(crate) fn save(&self) -> Result<PathBuf, SaveError> {
        let mut running = self.running();
        let config = self.config();
        let origin = running.origin.as_mut().ok_or(SaveError::NoFile)?;
        let path = origin.args.config.clone().ok_or(SaveError::NoFile)?;
        let known = origin.text.clone().unwrap_or_default();
        let failed = |error| SaveError::Read {
            path: path.clone(),
            error,
        };
        // A symbolic link stays one.
        let target = fs::canonicalize(&path).map_err(failed)?;
        if fs::read_to_string(&target).map_err(failed)? != known {
            return Err(SaveError::Edited(path));
        }
        let text = config::rewrite(&origin.args, &known, &config)?;
        if text != known {
            replace(&target, &text).map_err(|error| SaveError::Write {
                path: path.clone(),
                error,
            })?;
            origin.text = Some(text);
        }
        Ok(path)
    }
}

/// Puts a file with this text in the place of one that is there, with its permissions.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let old = fs::metadata(path)?;
    let mut new = tempfile::Builder::new()
        .prefix(".vmq-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(dir)?;
    new.write_all(text.as_bytes())?;
    // Only root may give a file away; for all others the owner is the same anyway, or they could not have read it.
    let _ = fchown(
        new.as_file(),
        Some(Uid::from_raw(old.uid())),
        Some(Gid::from_raw(old.gid())),
    );
    new.as_file().set_permissions(old.permissions())?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    // The name is durable when the directory is.
    File::open(dir)?.sync_all()
}
