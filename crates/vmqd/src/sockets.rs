//! The sockets of a switch as files: who may open them, whose they are, and when they go.
//!
//! Invariants
//! * A socket is never open to others, not even between `bind` and `chmod`: its mode is set before it
//!   has a name.
//! * Only a socket on which nobody listens is replaced. Whatever else stands at the path stays.
//! * What was bound here is removed when its [`SocketFile`] is dropped, unless someone has put
//!   something else there meanwhile.
//! * One switch a directory: it holds a lock on the directory itself, which the kernel drops with the
//!   process, so that two switches that start at once cannot both replace the same stale sockets.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Bytes of a path that fit into a socket address beside its closing zero (`sun_path`, unix(7)).
pub(crate) const MAX_PATH: usize = 107;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;

/// Why a socket cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SocketError {
    #[error("cannot create the directory {}: {error}", dir.display())]
    Directory { dir: PathBuf, error: io::Error },
    #[error("another switch runs on {}: stop it, or give this one a directory of its own with --dir", .0.display())]
    DirectoryInUse(PathBuf),
    #[error("cannot lock the directory {}: {error}", dir.display())]
    Lock { dir: PathBuf, error: Errno },
    #[error("another program listens on {}: stop it, or give this port another socket", .0.display())]
    Live(PathBuf),
    #[error("{} is in the way and is no socket: move it away", .0.display())]
    NotASocket(PathBuf),
    #[error("{} is a socket of another kind or owner ({error}): move it away", path.display())]
    Foreign { path: PathBuf, error: Errno },
    #[error("cannot make the socket {}: {error}", path.display())]
    Bind { path: PathBuf, error: io::Error },
}

/// A switch's directory, held by this process alone.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    _lock: File,
}

impl RunDirectory {
    /// Creates the directory, open to its owner only, unless it is there, and takes it.
    pub(crate) fn claim(dir: &Path) -> Result<Self, SocketError> {
        let failed = |error| SocketError::Directory {
            dir: dir.to_path_buf(),
            error,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed)?;
        let lock = File::open(dir).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(SocketError::DirectoryInUse(dir.to_path_buf())),
            Err(error) => Err(SocketError::Lock {
                dir: dir.to_path_buf(),
                error,
            }),
        }
    }
}

/// A socket's file. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode of what we bound.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether `path` can be bound: free, or a socket that nobody listens on.
pub(crate) fn check_bindable(path: &Path) -> Result<(), SocketError> {
    match occupant(path)? {
        Occupant::Nobody | Occupant::Stale => Ok(()),
    }
}

/// Whether `path` is what a port that connects may meet: nothing yet, or a socket.
pub(crate) fn check_connectable(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            Err(SocketError::NotASocket(path.to_path_buf()))
        }
        _ => Ok(()),
    }
}

/// Binds and listens, for the owner only. A stale socket is replaced.
pub(crate) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let failed = |error: io::Error| SocketError::Bind {
        path: path.to_path_buf(),
        error,
    };
    if matches!(occupant(path)?, Occupant::Stale) {
        fs::remove_file(path).map_err(failed)?;
    }
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    );
    let socket = socket.map_err(|error| failed(error.into()))?;
    // On Linux the mode of an unbound socket is the mode that its file is created with.
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
    let address = SocketAddrUnix::new(path).map_err(|error| failed(error.into()))?;
    rustix::net::bind(&socket, &address).map_err(|error| failed(error.into()))?;
    let file = SocketFile {
        path: path.to_path_buf(),
        identity: identity(path).map_err(failed)?,
    };
    rustix::net::listen(&socket, BACKLOG).map_err(|error| failed(error.into()))?;
    Ok((UnixListener::from(socket), file))
}

/// True if the path fits into a socket address.
pub(crate) fn fits(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() <= MAX_PATH
}

enum Occupant {
    Nobody,
    Stale,
}

fn occupant(path: &Path) -> Result<Occupant, SocketError> {
    let own = || path.to_path_buf();
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nobody),
        Err(error) => return Err(SocketError::Bind { path: own(), error }),
        Ok(found) => found,
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket(own()));
    }
    match connect(path) {
        // A full backlog is somebody who listens, if slowly.
        Ok(()) | Err(Errno::AGAIN) => Err(SocketError::Live(own())),
        Err(Errno::CONNREFUSED) => Ok(Occupant::Stale),
        Err(Errno::NOENT) => Ok(Occupant::Nobody),
        Err(error) => Err(SocketError::Foreign { path: own(), error }),
    }
}

fn connect(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_socket_is_for_its_owner_only_and_goes_with_its_file() {
        let dir = scratch();
        let path = dir.path().join("p0.sock");
        let (listener, file) = bind(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        UnixStream::connect(&path).unwrap();
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = scratch();
        let path = dir.path().join("p0.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        check_bindable(&path).unwrap();
        let (_listener, _file) = bind(&path).unwrap();
        assert!(matches!(check_bindable(&path), Err(SocketError::Live(_))));
        assert!(matches!(bind(&path), Err(SocketError::Live(_))));
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_full_backlog_is_a_live_socket() {
        let dir = scratch();
        let path = dir.path().join("p0.sock");
        let (_listener, _file) = bind(&path).unwrap();
        let mut waiting = Vec::new();
        for _ in 0..=BACKLOG {
            waiting.push(UnixStream::connect(&path).unwrap());
        }
        assert_eq!(connect(&path), Err(Errno::AGAIN));
        assert!(matches!(check_bindable(&path), Err(SocketError::Live(_))));
    }

    #[test]
    fn whatever_is_no_stream_socket_stays_where_it_is() {
        let dir = scratch();
        let file = dir.path().join("file");
        fs::write(&file, "mine").unwrap();
        assert!(matches!(bind(&file), Err(SocketError::NotASocket(_))));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        assert!(matches!(bind(&link), Err(SocketError::NotASocket(_))));
        let datagram = dir.path().join("datagram");
        let _open = UnixDatagram::bind(&datagram).unwrap();
        assert!(matches!(bind(&datagram), Err(SocketError::Foreign { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

    #[test]
    fn a_socket_that_someone_else_put_there_is_not_removed() {
        let dir = scratch();
        let path = dir.path().join("p0.sock");
        let (_listener, file) = bind(&path).unwrap();
        let (_other, _theirs) = {
            fs::remove_file(&path).unwrap();
            bind(&path).unwrap()
        };
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_directory_is_made_for_its_owner_only_and_taken_once() {
        let dir = scratch();
        let path = dir.path().join("a/b");
        let claim = RunDirectory::claim(&path).unwrap();
        assert_eq!((mode(&path), mode(&dir.path().join("a"))), (0o700, 0o700));
        assert!(matches!(
            RunDirectory::claim(&path),
            Err(SocketError::DirectoryInUse(_))
        ));
        drop(claim);
        RunDirectory::claim(&path).unwrap();
    }

    #[test]
    fn a_path_of_107_bytes_fits_and_one_more_does_not() {
        let path = PathBuf::from("/".to_owned() + &"a".repeat(MAX_PATH - 1));
        assert!(fits(&path) && SocketAddrUnix::new(&path).is_ok());
        let path = PathBuf::from("/".to_owned() + &"a".repeat(MAX_PATH));
        assert!(!fits(&path));
    }
}
