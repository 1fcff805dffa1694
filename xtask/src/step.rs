//! Steps with a limit in time, and the report that they add up to.
//!
//! Invariant: a step that failed is counted as a failure even if no test said so, and after a failed step only steps that
//! do not build on it may follow; the caller decides with [`Report::is_sound`].

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What has been done so far.
#[derive(Default)]
pub(crate) struct Report {
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    tests: Tally,
    failure: Option<String>,
}

/// Tests counted from the closing lines of `cargo test`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Report {
    /// Runs one command to its end or to its limit; its output is seen as it comes.
    pub(crate) fn run(&mut self, name: &str, limit: Duration, command: &mut Command) {
        println!("\n== {name}");
        let start = Instant::now();
        let (tests, failure) = match supervise(limit, command) {
            Ok(tests) => (tests, None),
            Err((tests, reason)) => (tests, Some(reason)),
        };
        self.note(Done {
            name: name.into(),
            took: start.elapsed(),
            tests,
            failure,
        });
    }

    /// Runs a step that is a function of ours.
    pub(crate) fn call(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let start = Instant::now();
        let failure = step().err();
        self.note(Done {
            name: name.into(),
            took: start.elapsed(),
            tests: Tally::default(),
            failure,
        });
    }

    /// True while nothing has failed.
    pub(crate) fn is_sound(&self) -> bool {
        self.done.iter().all(|step| step.failure.is_none())
    }

    /// Takes another report's steps over.
    pub(crate) fn append(&mut self, other: Report) {
        self.done.extend(other.done);
    }

    /// Prints the summary; the last line is `N passed, N failed` wherever tests were run.
    pub(crate) fn conclude(self) -> ExitCode {
        println!("\n== summary");
        let mut total = Tally::default();
        for step in &self.done {
            let tests = match step.tests {
                Tally {
                    passed: 0,
                    failed: 0,
                } => String::new(),
                Tally { passed, failed } => format!(", {passed} tests passed, {failed} failed"),
            };
            let verdict = match &step.failure {
                None => "ok".to_owned(),
                Some(reason) => format!("FAILED ({reason})"),
            };
            println!(
                "{:<28} {verdict}, {:.0} s{tests}",
                step.name,
                step.took.as_secs_f64()
            );
            total.passed += step.tests.passed;
            total.failed += step.tests.failed.max(u64::from(step.failure.is_some()));
        }
        if total.passed > 0 || total.failed > 0 {
            println!("{} passed, {} failed", total.passed, total.failed);
        }
        if total.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn note(&mut self, done: Done) {
        if let Some(reason) = &done.failure {
            println!("== {} FAILED: {reason}", done.name);
        }
        self.done.push(done);
    }
}

fn supervise(limit: Duration, command: &mut Command) -> Result<Tally, (Tally, String)> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| (Tally::default(), format!("cannot start {program}: {error}")))?;
    let (lines, incoming) = mpsc::channel();
    let stdout = child.stdout.take().expect("stdout is piped");
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + limit;
    let mut tally = Tally::default();
    loop {
        match incoming.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => tally.add(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                end_tree(child.id());
                let _ = child.wait();
                return Err((
                    tally,
                    format!("not done after {} s, ended", limit.as_secs()),
                ));
            }
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(tally),
        Ok(status) => Err((tally, format!("{program}: {status}"))),
        Err(error) => Err((tally, format!("waiting for {program}: {error}"))),
    }
}

impl Tally {
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in rest.split([';', '.']) {
            match part.split_whitespace().collect::<Vec<_>>()[..] {
                [count, "passed"] => self.passed += count.parse().unwrap_or(0),
                [count, "failed"] => self.failed += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Ends a process that we started and what it started in turn, children first found, each by its id.
fn end_tree(root: u32) {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&pid) = tree.get(next) {
        next += 1;
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        tree.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    for pid in tree
        .into_iter()
        .filter_map(|pid| Pid::from_raw(pid.cast_signed()))
    {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_cargo_test_are_counted() {
        let mut tally = Tally::default();
        tally.add("running 3 tests");
        tally.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(
            tally,
            Tally {
                passed: 14,
                failed: 3
            }
        );
    }

    #[test]
    fn a_step_that_hangs_is_ended_with_its_children() {
        let mut report = Report::default();
        let start = Instant::now();
        report.run(
            "hang",
            Duration::from_millis(300),
            Command::new("sh").args(["-c", "sleep 60; echo never"]),
        );
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(!report.is_sound());
    }

    #[test]
    fn a_failed_command_makes_the_report_unsound() {
        let mut report = Report::default();
        report.run("true", Duration::from_secs(10), &mut Command::new("true"));
        assert!(report.is_sound());
        report.run("false", Duration::from_secs(10), &mut Command::new("false"));
        assert!(!report.is_sound());
    }
}
