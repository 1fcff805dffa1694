//! The sockets on which ports listen, by path.
//!
//! A socket outlives the port's thread that serves it: a port that is replaced by another with the same socket leaves no
//! moment in which a VMM finds nobody there.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::sockets::{self, SocketError, SocketFile};

#[derive(Default)]
pub(super) struct Sockets(HashMap<PathBuf, (UnixListener, SocketFile)>);

impl Sockets {
    /// Binds those of `paths` that are not bound, or none; those that are new.
    pub(super) fn open<'p, T>(
        &mut self,
        paths: impl Iterator<Item = (&'p Path, T)> + Clone,
    ) -> Result<Vec<PathBuf>, (SocketError, T)> {
        let new = |(path, _): &(&Path, T)| !self.0.contains_key(*path);
        // All are looked at before the first is bound.
        for (path, whose) in paths.clone().filter(new) {
            sockets::check_bindable(path).map_err(|error| (error, whose))?;
        }
        let mut bound = Vec::new();
        for (path, whose) in paths.filter(new) {
            match sockets::bind(path) {
                Ok(socket) => bound.push((path.to_path_buf(), socket)),
                Err(error) => return Err((error, whose)),
            }
        }
        let paths = bound.iter().map(|(path, _)| path.clone()).collect();
        self.0.extend(bound);
        Ok(paths)
    }

    /// The socket at `path`, for a port's thread.
    pub(super) fn listener(&self, path: &Path) -> io::Result<UnixListener> {
        let (listener, _) = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        listener.try_clone()
    }

    /// Closes all but these.
    pub(super) fn keep(&mut self, paths: &HashSet<PathBuf>) {
        self.0.retain(|path, _| paths.contains(path));
    }

    /// Closes these; how many of them were open.
    pub(super) fn close(&mut self, paths: &[PathBuf]) -> usize {
        let before = self.0.len();
        self.0.retain(|path, _| !paths.contains(path));
        before - self.0.len()
    }
}
