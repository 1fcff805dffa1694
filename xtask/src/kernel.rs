//! What can be shown, without a Windows kernel, of `ndis` inside one.

use std::fs;
use std::process::{Command, Output};

use crate::step::Report;

const OUT: &str = "target/kernel";

/// The oldest compiler that the crate serves, and the workspace's own: each optimises in its own way.
const COMPILERS: [&str; 2] = ["/usr/bin/rustc", "rustc"];

/// What the probe's panic handler calls and nothing defines.
const NOWHERE: &str = "a_panic_can_be_reached";

pub(crate) fn steps(report: &mut Report) {
    for compiler in COMPILERS {
        report.call(&format!("ndis links without panics ({compiler})"), || {
            no_panic(compiler)
        });
    }
}

/// The probe links, and ceases to link with one panic in it. Arithmetic is checked for overflow, which a driver's build may be.
fn no_panic(compiler: &str) -> Result<(), String> {
    let out = format!(
        "{OUT}/{}",
        compiler.trim_start_matches('/').replace('/', "-")
    );
    fs::create_dir_all(&out).map_err(|error| format!("{out}: {error}"))?;
    let library = ndis_library(compiler, &out, &["-C", "panic=abort"])?;
    let link = |flags: &[&str]| {
        rustc(compiler)
            .args(["--crate-type", "bin", "--crate-name", "no_panic"])
            .args(["-C", "opt-level=3", "-C", "lto=fat", "-C", "panic=abort"])
            .args(["-C", "relocation-model=static"])
            .args([
                "-C",
                "link-args=-static -nostartfiles -Wl,--gc-sections -Wl,-e,ENTRY",
            ])
            .args(["--extern", &format!("ndis={library}"), "--out-dir", &out])
            .args(flags)
            .arg("crates/ndis/tests/no_panic/probe.rs")
            .output()
            .map_err(|error| format!("cannot start {compiler}: {error}"))
    };
    succeeded(&link(&[])?)?;
    let broken = link(&[
        "--cfg",
        "deliberate_panic",
        "-C",
        "link-arg=-Wl,-u,DELIBERATE",
    ])?;
    if broken.status.success() || !text(&broken).contains(NOWHERE) {
        return Err("the probe links with a panic in it, so that it links shows nothing".into());
    }
    Ok(())
}

/// The crate as a library for drivers; where it lies.
fn ndis_library(compiler: &str, out: &str, flags: &[&str]) -> Result<String, String> {
    let output = rustc(compiler)
        .args([
            "--crate-type",
            "rlib",
            "--crate-name",
            "ndis",
            "-D",
            "warnings",
        ])
        .args([
            "-C",
            "opt-level=3",
            "-C",
            "overflow-checks=on",
            "--out-dir",
            out,
        ])
        .args(flags)
        .arg("crates/ndis/src/lib.rs")
        .output()
        .map_err(|error| format!("cannot start {compiler}: {error}"))?;
    succeeded(&output)?;
    Ok(format!("{out}/libndis.rlib"))
}

fn rustc(compiler: &str) -> Command {
    let mut command = Command::new(compiler);
    command.args(["--edition", "2021"]);
    command
}

fn succeeded(output: &Output) -> Result<(), String> {
    if output.status.success() {
        Ok(())
    } else {
        Err(text(output))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
