//! The program as a child process.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) fn vmq() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmq"));
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs to the end and gives exit code, stdout and stderr.
pub(crate) fn ended(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        status.code().expect("an exit code, not a signal"),
        text(stdout),
        text(stderr),
    )
}

/// A switch that runs until dropped.
pub(crate) struct Switch {
    pub(crate) child: Child,
    pub(crate) dir: PathBuf,
    _scratch: Option<TempDir>,
}

impl Switch {
    /// A switch that was started otherwise.
    pub(crate) fn from_child(child: Child, dir: &Path) -> Self {
        Self {
            child,
            dir: dir.to_path_buf(),
            _scratch: None,
        }
    }

    /// Starts a switch with these arguments in a fresh directory and waits until it says `ready`.
    pub(crate) fn start(args: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut switch = Self::start_in(&scratch.path().join("run"), args);
        switch._scratch = Some(scratch);
        switch
    }

    pub(crate) fn start_in(dir: &Path, args: &[&str]) -> Self {
        let mut command = vmq();
        command.args(["run", "--dir"]).arg(dir).args(args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut switch = Self {
            child,
            dir: dir.to_path_buf(),
            _scratch: None,
        };
        let ready = switch.line();
        assert!(
            ready.contains(" ready: "),
            "{ready}{}",
            switch.rest_of_stderr()
        );
        switch
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while line.last() != Some(&b'\n') && stdout.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    fn rest_of_stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = self.child.kill();
            stderr.read_to_string(&mut text).unwrap();
        }
        text
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What the switch logs until a line has `last` in it, or all if it ends before.
    pub(crate) fn log_until(&mut self, last: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let (mut said, mut byte) = (Vec::new(), [0]);
        let is_last =
            |said: &[u8]| said.ends_with(b"\n") && String::from_utf8_lossy(said).contains(last);
        while !is_last(&said) && stderr.read(&mut byte).unwrap() == 1 {
            said.push(byte[0]);
        }
        String::from_utf8(said).unwrap()
    }

    /// Sends `signal` and gives the exit code, or fails if the switch goes on for ten seconds.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the switch goes on after {signal:?}");
    }

    pub(crate) fn ask(&self, args: &[&str]) -> (i32, String, String) {
        ended(vmq().args(args).arg("--dir").arg(&self.dir))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
