//! Instructions that the hot path takes for a frame, counted by callgrind and held to a bound.
//!
//! A count is the same on a noisy machine as on a quiet one, so a regression is seen where times would not show it. It says
//! nothing of caches and of memory: `cargo run --release -p bench` measures those, see docs/performance.md.

use std::process::Command;
use std::time::Duration;

use crate::step::Report;

/// The most instructions a frame may take, by ring and bytes of the frame: what was counted, and a twentieth more. Who makes
/// the path shorter lowers its bound; who has a reason to make it longer says it where he raises it.
const BOUNDS: &[(&str, u32, f64)] = &[
    ("split", 60, 462.0),
    ("split", 1514, 719.0),
    ("packed", 60, 514.0),
    ("packed", 1514, 771.0),
];

/// Bursts of the two runs. The longer one differs from the shorter by the hot path alone.
const BURSTS: [u32; 2] = [500, 2500];
const FRAMES_A_BURST: u32 = 32;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Builds the program that is counted and counts it.
pub(crate) fn steps() -> Report {
    let mut report = build();
    if report.is_sound() {
        report.call("instructions a frame", judge);
    }
    report
}

/// Builds the program that is counted.
pub(crate) fn build() -> Report {
    let mut report = Report::default();
    report.run(
        "hot path",
        BUILD_LIMIT,
        Command::new("cargo")
            .args(["build", "--release", "--package", "bench"])
            .args(["--bin", "hot_path"]),
    );
    report
}

/// Instructions that a frame of `len` bytes takes in such rings, with what else is to be said to the program.
pub(crate) fn a_frame(ring: &str, len: u32, more: &[&str]) -> Result<f64, String> {
    let [shorter, longer] = BURSTS.map(|bursts| count(ring, len, bursts, more));
    let frames = (BURSTS[1] - BURSTS[0]) * FRAMES_A_BURST;
    Ok((longer? - shorter?) as f64 / f64::from(frames))
}

fn judge() -> Result<(), String> {
    let mut over = Vec::new();
    for &(ring, len, bound) in BOUNDS {
        let counted = a_frame(ring, len, &[])?;
        println!(
            "{ring:<6} {len:>5} bytes: {counted:>6.1} instructions a frame, at most {bound:.0}"
        );
        if counted > bound {
            over.push(format!("{ring} {len}: {counted:.1} > {bound:.0}"));
        }
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the hot path has become longer: {}",
            over.join(", ")
        ))
    }
}

/// Instructions of the turns of a run, those of the guests left out. What other threads do meanwhile takes longer on a busy machine
/// and is not counted.
fn count(ring: &str, len: u32, bursts: u32, more: &[&str]) -> Result<u64, String> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let output = Command::new("valgrind")
        // A turn switches counting on. The guests act in a turn of theirs, and switch it off for so long.
        .args(["--tool=callgrind", "--toggle-collect=switch::turn::run"])
        .arg("--toggle-collect=*Guests*act*")
        .arg(format!(
            "--callgrind-out-file={target}/callgrind.{ring}.{len}"
        ))
        .arg(format!("{target}/release/hot_path"))
        .args(["--ring", ring, "--len", &len.to_string()])
        .args(["--bursts", &bursts.to_string()])
        .args(more)
        .output()
        .map_err(|error| format!("cannot start valgrind: {error}; run `cargo xtask setup`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    collected(&said)
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("valgrind counted nothing: {said}"))
}

/// The sum in callgrind's closing lines.
fn collected(said: &str) -> Option<u64> {
    let sum = said.split("Collected :").nth(1)?;
    sum.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_sum_is_found_among_its_lines() {
        let said = "==7== Events    : Ir\n==7== Collected : 12538278\n==7== \n";
        assert_eq!(collected(said), Some(12_538_278));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
