//! The token that clients on TCP have to show: whoever can read its file may control the switch.
//!
//! Invariants
//! * It comes from a file that nobody but its owner can read or write, and the owner is the switch's user or root.
//! * How long a comparison takes says nothing of how much of a guess was right.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

/// Whom a file's mode lets in besides its owner.
const OTHERS: u32 = 0o077;

/// Fewer characters could be guessed.
const MIN_CHARACTERS: usize = 32;

/// More fit into no reasonable header.
const MAX_CHARACTERS: usize = 1024;

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

/// Why a file holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TokenError {
    #[error("{} cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is no file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} belongs to user {owner}, not to the switch's user or root", path.display())]
    Owner { path: PathBuf, owner: u32 },
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    Mode { path: PathBuf, mode: u32 },
    #[error("{} holds no token", .0.display())]
    NoToken(PathBuf),
}

impl TokenError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Read { path, .. } | Self::NotAFile(path) | Self::NoToken(path) => format!(
                "make one with `(umask 077; openssl rand -hex 32 > {0})`: one line of {MIN_CHARACTERS} to {MAX_CHARACTERS} letters, digits and - . _ ~ + /",
                crate::attach::shell_word(&path.to_string_lossy())
            ),
            Self::Owner { .. } => "make a file of your own".to_owned(),
            Self::Mode { path, .. } => format!(
                "run `chmod 600 {}`, and make a new token if others have read it",
                crate::attach::shell_word(&path.to_string_lossy())
            ),
        }
    }
}

impl Token {
    /// Reads the token in `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let own = || path.to_path_buf();
        let failed = |error| TokenError::Read { path: own(), error };
        // A FIFO would keep us waiting for its writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(path)
            .map_err(failed)?;
        check(path, &file)?;
        let mut text = String::new();
        // One more than allowed, to see that it is too long; line ends come on top.
        let read = file
            .take(MAX_CHARACTERS as u64 + 3)
            .read_to_string(&mut text);
        match read {
            Ok(_) => Self::parse(text.trim_end_matches(['\r', '\n'])),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(failed(error)),
        }
        .ok_or_else(|| TokenError::NoToken(own()))
    }

    /// Whether `guess` is the token.
    pub(super) fn is(&self, guess: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(guess).into()
    }

    /// A token as a header can carry it (RFC 6750, 2.1).
    fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let characters = text.trim_end_matches('=');
        let is_token = (MIN_CHARACTERS..=MAX_CHARACTERS).contains(&text.len())
            && !characters.is_empty()
            && characters.bytes().all(is_allowed);
        is_token.then(|| Self(text.to_owned()))
    }
}

/// Asks the open file, not its path: what is judged is what is read.
fn check(path: &Path, file: &File) -> Result<(), TokenError> {
    let path = || path.to_path_buf();
    let found = file.metadata().map_err(|error| TokenError::Read {
        path: path(),
        error,
    })?;
    if !found.is_file() {
        return Err(TokenError::NotAFile(path()));
    }
    let own = rustix::process::geteuid().as_raw();
    if ![own, 0].contains(&found.uid()) {
        return Err(TokenError::Owner {
            path: path(),
            owner: found.uid(),
        });
    }
    if found.mode() & OTHERS != 0 {
        return Err(TokenError::Mode {
            path: path(),
            mode: found.mode() & 0o7777,
        });
    }
    Ok(())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn file(text: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    fn read(text: &[u8]) -> Result<Token, TokenError> {
        let (_dir, path) = file(text, 0o600);
        Token::read(&path)
    }

    #[test]
    fn a_token_is_one_line_of_a_file() {
        for text in [
            TOKEN.to_owned(),
            format!("{TOKEN}\n"),
            format!("{TOKEN}\r\n"),
        ] {
            let token = read(text.as_bytes()).unwrap();
            assert!(token.is(TOKEN.as_bytes()));
        }
        assert!(read(format!("{}\n", "a".repeat(MAX_CHARACTERS)).as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in [
            String::new(),
            "short".to_owned(),
            "=".repeat(40),
            format!("{TOKEN} {TOKEN}"),
            format!("{TOKEN}\n{TOKEN}"),
            "a".repeat(MAX_CHARACTERS + 1),
        ] {
            assert!(
                matches!(read(text.as_bytes()), Err(TokenError::NoToken(_))),
                "{text:?}"
            );
        }
        assert!(matches!(read(&[0xff; 40]), Err(TokenError::NoToken(_))));
    }

    #[test]
    fn a_file_that_others_can_open_is_refused() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
            let (_dir, path) = file(TOKEN.as_bytes(), mode);
            let error = Token::read(&path).unwrap_err();
            assert!(matches!(error, TokenError::Mode { .. }), "{error}");
            assert!(error.to_string().ends_with(&format!("(mode {mode:04o})")));
        }
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let error = Token::read(dir.path()).unwrap_err();
        assert!(matches!(error, TokenError::NotAFile(_)), "{error}");
        let fifo = dir.path().join("fifo");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        let error = Token::read(&fifo).unwrap_err();
        assert!(matches!(error, TokenError::NotAFile(_)), "{error}");
        let error = Token::read(&dir.path().join("nothing")).unwrap_err();
        assert!(error.remedy().contains("openssl rand -hex 32"), "{error}");
    }

    #[test]
    fn only_the_whole_token_is_right() {
        let token = read(TOKEN.as_bytes()).unwrap();
        assert!(!token.is(b"") && !token.is(&TOKEN.as_bytes()[..31]));
        assert!(!token.is(format!("{TOKEN}0").as_bytes()));
        assert!(!token.is(TOKEN.to_uppercase().as_bytes()));
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(
            format!("{:?}", read(TOKEN.as_bytes()).unwrap()),
            "Token(..)"
        );
    }
}
