//! `vmq reload` and `vmq save`: the configuration file and what runs, one made of the other.

use std::io::Write;

use super::{open, print_json};
use crate::cli::{Lasting, Show};
use crate::control::Client;
use crate::failure::Failure;
use crate::output::DIM;

/// Has the file read again and says what that changed.
pub(crate) fn reload(show: &Show) -> Result<(), Failure> {
    let changes = open(&show.reach)?.reload()?;
    let mut out = anstream::stdout().lock();
    match show.json {
        true => print_json(&mut out, &changes)?,
        false => writeln!(out, "{changes}")?,
    }
    Ok(out.flush()?)
}

/// Has what runs written to the file and says which that is.
pub(crate) fn save(show: &Show) -> Result<(), Failure> {
    let saved = open(&show.reach)?.save()?;
    let mut out = anstream::stdout().lock();
    match show.json {
        true => print_json(&mut out, &saved)?,
        false => writeln!(out, "saved to {}", saved.file.display())?,
    }
    Ok(out.flush()?)
}

/// Saves after a change, if that is asked for. What cannot be saved stays changed.
pub(super) fn save_if(
    lasting: &Lasting,
    client: &Client,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if !lasting.save {
        return Ok(());
    }
    let saved = client.save().map_err(Failure::NotSaved)?;
    Ok(writeln!(
        out,
        "{DIM}saved to {}{DIM:#}",
        saved.file.display()
    )?)
}
