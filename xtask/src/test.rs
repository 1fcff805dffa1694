//! Everything continuous integration runs, in order.

use std::process::Command;
use std::time::Duration;

use crate::step::Report;
use crate::{abi, bound, check, kernel, setup};

/// A whole run has to end within forty minutes on two cores; each step has its share, generously cut.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const UNIT_LIMIT: Duration = Duration::from_secs(20 * 60);
const E2E_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Setup, check, unit tests, then the release binary end to end. What would be judged on rubble is not run.
pub(crate) fn steps() -> Report {
    let mut report = setup::steps();
    if !report.is_sound() {
        return report;
    }
    report.append(check::steps());
    report.run(
        "unit and integration tests",
        UNIT_LIMIT,
        Command::new("cargo")
            .args(["test", "--workspace", "--exclude", "e2e", "--no-fail-fast"])
            .args(["--features", "ndis/link"]),
    );
    report.run(
        "every interleaving (loom)",
        UNIT_LIMIT,
        // A target folder of its own: the flag would make everything else be built anew.
        Command::new("cargo")
            .args([
                "test",
                "--release",
                "--package",
                "virtq",
                "--test",
                "loom_leases",
            ])
            .args(["--target-dir", "target/loom"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_PROFILE_RELEASE_LTO", "off"),
    );
    abi::steps(&mut report);
    kernel::steps(&mut report);
    fuzz(&mut report);
    report.append(bound::steps());
    let mut binary = Report::default();
    binary.run(
        "release binary",
        BUILD_LIMIT,
        Command::new("cargo").args(["build", "--release", "--package", "vmqd"]),
    );
    binary.run(
        "guest image",
        BUILD_LIMIT,
        Command::new("e2e/guest/build.sh").arg("target/guest"),
    );
    let ready = binary.is_sound();
    report.append(binary);
    if ready {
        // One at a time: each of these tests fills both cores of a small machine by itself.
        report.run(
            "end to end",
            E2E_LIMIT,
            Command::new("cargo").args([
                "test",
                "--package",
                "e2e",
                "--no-fail-fast",
                "--",
                "--test-threads=1",
            ]),
        );
    }
    report
}

/// Each fuzz target for half a minute: enough to notice that one no longer builds or falls over at once.
fn fuzz(report: &mut Report) {
    for target in [
        "split_ring",
        "packed_ring",
        "frame_build",
        "offload",
        "ndis_view",
        "packet",
        "oid_requests",
        "config_text",
    ] {
        report.run(
            &format!("fuzz {target}"),
            UNIT_LIMIT,
            Command::new("cargo")
                .args(["fuzz", "run", target, "--", "-max_total_time=30"])
                // Sanitizers are unstable options, which a stable compiler takes only so.
                .env("RUSTC_BOOTSTRAP", "1"),
        );
    }
}
