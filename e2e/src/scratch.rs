//! A test's own folder: sockets, configuration, logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// How much of each log a failed test shows.
const TAIL_LINES: usize = 40;

/// Removed when dropped; a failing test first prints the end of each log in it. Declare it before the processes that write
/// into it, so that it goes last.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A fresh folder with a short path: a socket's path has to fit into 108 bytes.
    ///
    /// # Panics
    ///
    /// If the folder cannot be made.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vmq-e2e-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path }
    }

    /// Path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn print_logs(&self) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                print_tail(&path);
            }
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_logs();
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn print_tail(path: &Path) {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("---- end of {} ({} lines)", path.display(), lines.len());
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        eprintln!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_is_gone_after_its_test() {
        let scratch = Scratch::new();
        let file = scratch.file("x.log");
        fs::write(&file, "line\n").unwrap();
        drop(scratch);
        assert!(!file.exists());
    }
}
