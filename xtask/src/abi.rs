//! `ndis` on the compilers and targets that it is for, and beside C.
//!
//! Debian's rustc (1.63 in Debian 12) is the oldest that the crate serves and has libraries for 64-bit Windows, whose programs
//! Wine runs, and for wasm32, whose pointers and 8-byte alignments are those of 32-bit Windows. What is compiled for wasm32 is
//! not run: its proof is what the compiler asserts.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::step::Report;

const OUT: &str = "target/abi";
const LIMIT: Duration = Duration::from_secs(10 * 60);
const OLD_RUSTC: &str = "/usr/bin/rustc";
const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Features that choose the version of NDIS; each needs those before it.
const VERSIONS: [&str; 5] = ["ndis620", "ndis630", "ndis650", "ndis680", "ndis682"];

/// Libraries that Rust's standard library needs, behind one that C links.
const ON_LINUX: [&str; 3] = ["-lpthread", "-ldl", "-lm"];
const ON_WINDOWS: [&str; 5] = [
    "-lws2_32",
    "-lbcrypt",
    "-luserenv",
    "-ladvapi32",
    "-lkernel32",
];

pub(crate) fn steps(report: &mut Report) {
    for target in ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
        report.call(&format!("ndis with Debian's rustc for {target}"), || {
            every_version(target)
        });
    }
    // The default, and the newest.
    for version in [VERSIONS[1], VERSIONS[4]] {
        let out = format!("{OUT}/{WINDOWS}-{version}");
        let built = |report: &mut Report| {
            let mut sound = true;
            report.call(
                &format!("ndis for Windows ({version}), with chains from C"),
                || {
                    let done = on_windows(&out, version);
                    sound = done.is_ok();
                    done
                },
            );
            sound
        };
        if built(report) {
            for program in ["reference", "unit", "round_trip"] {
                report.run(
                    &format!("{program} under Wine ({version})"),
                    LIMIT,
                    &mut wine(&format!("{out}/{program}.exe")),
                );
            }
        }
    }
    chains_from_c(report);
}

fn every_version(target: &str) -> Result<(), String> {
    for version in VERSIONS {
        let out = format!("{OUT}/{target}-{version}");
        let library = library(OLD_RUSTC, &out, version, &["--target", target])?;
        // The lists' assertions, with the members that this version and this pointer width have.
        run(rustc(OLD_RUSTC, version)
            .args(["--target", target, "--test", "--emit", "metadata"])
            .args(["--crate-name", "reference", "--out-dir", &out])
            .args(["--extern", &format!("ndis={library}")])
            .arg("crates/ndis/tests/reference/main.rs"))?;
    }
    Ok(())
}

fn on_windows(out: &str, version: &str) -> Result<(), String> {
    let library = library(OLD_RUSTC, out, version, &["--target", WINDOWS])?;
    run(rustc(OLD_RUSTC, version)
        .args(["--target", WINDOWS, "--test", "--crate-name", "reference"])
        .args(["--extern", &format!("ndis={library}"), "--out-dir", out])
        .arg("crates/ndis/tests/reference/main.rs"))?;
    run(rustc(OLD_RUSTC, version)
        .args(["--target", WINDOWS, "--test", "--crate-name", "unit"])
        .args(["--out-dir", out])
        .arg("crates/ndis/src/lib.rs"))?;
    round_trip(
        OLD_RUSTC,
        out,
        version,
        &["--target", WINDOWS],
        Command::new("x86_64-w64-mingw32-gcc").args(["-static", "-o"]),
        &ON_WINDOWS,
    )
}

/// The round trip on Linux: with the old compiler, and with sanitizers on both sides, which also must notice.
fn chains_from_c(report: &mut Report) {
    let version = VERSIONS[1];
    let plain = format!("{OUT}/linux");
    report.call("ndis with chains from C", || {
        round_trip(
            OLD_RUSTC,
            &plain,
            version,
            &[],
            Command::new("gcc").arg("-o"),
            &ON_LINUX,
        )
    });
    report.run(
        "round_trip",
        LIMIT,
        &mut Command::new(format!("{plain}/round_trip.exe")),
    );
    let watched = format!("{OUT}/sanitized");
    report.call("ndis with chains from C, sanitized", || {
        round_trip(
            "rustc",
            &watched,
            version,
            &["-Zsanitizer=address", "-Zexternal-clangrt"],
            Command::new("gcc").args(["-fsanitize=address,undefined", "-g", "-o"]),
            &ON_LINUX,
        )
    });
    let program = format!("{watched}/round_trip.exe");
    report.run("round_trip, sanitized", LIMIT, &mut Command::new(&program));
    report.call("the sanitizer notices an overrun in Rust", || {
        match run(Command::new(&program).arg("overrun")) {
            Err(said) if said.contains("heap-buffer-overflow") => Ok(()),
            _ => Err("it does not, so the run before shows nothing".into()),
        }
    });
}

/// C's half and Rust's half of `tests/c`, in one program.
fn round_trip(
    compiler: &str,
    out: &str,
    version: &str,
    flags: &[&str],
    link: &mut Command,
    libraries: &[&str],
) -> Result<(), String> {
    let ndis = library(compiler, out, version, flags)?;
    let rust = format!("{out}/libround_trip.a");
    run(rustc(compiler, version)
        .args(["--crate-type", "staticlib", "--crate-name", "round_trip"])
        .args(["--extern", &format!("ndis={ndis}"), "-o", &rust])
        .args(flags)
        .arg("crates/ndis/tests/c/round_trip.rs"))?;
    let number = version.trim_start_matches("ndis");
    run(link
        .arg(format!("{out}/round_trip.exe"))
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-overflow"])
        .arg(format!("-DNDIS_VERSION={number}"))
        .args(["crates/ndis/tests/c/round_trip.c", &rust])
        .args(libraries))
    .map(drop)
}

/// The crate as a library; where it is.
fn library(compiler: &str, out: &str, version: &str, flags: &[&str]) -> Result<String, String> {
    fs::create_dir_all(out).map_err(|error| format!("{out}: {error}"))?;
    run(rustc(compiler, version)
        .args(["--crate-type", "rlib", "--crate-name", "ndis"])
        .args(["--out-dir", out, "-D", "warnings"])
        .args(flags)
        .arg("crates/ndis/src/lib.rs"))?;
    Ok(format!("{out}/libndis.rlib"))
}

fn rustc(compiler: &str, version: &str) -> Command {
    let mut command = Command::new(compiler);
    command.args(["--edition", "2021"]);
    let up_to = VERSIONS
        .iter()
        .position(|known| *known == version)
        .unwrap_or(0);
    for feature in &VERSIONS[..=up_to] {
        command.args(["--cfg", &format!("feature={feature:?}")]);
    }
    command
        // What cargo would say, for tests that ask.
        .env("CARGO_MANIFEST_DIR", "crates/ndis")
        .env("CARGO_TARGET_TMPDIR", OUT)
        // Sanitizers are unstable options, which a stable compiler takes only so.
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

fn wine(program: &str) -> Command {
    let mut command = Command::new("wine");
    let prefix = std::env::current_dir()
        .unwrap_or_default()
        .join(OUT)
        .join("wine");
    command
        .arg(program)
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all");
    command
}

/// Runs it to its end: what it printed, or what it complained about.
fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot start {program}: {error}: run `cargo xtask setup`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program}: {}\n{errors}", output.status))
}
