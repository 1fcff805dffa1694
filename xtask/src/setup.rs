//! What the tests need from the system, and how to get it on Debian.
//!
//! Invariant: after a sound setup every program that a test calls is there, so no test has a reason to skip itself.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::step::Report;

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Cargo's own tools that the tests call: name, version.
const CARGO_TOOLS: &[(&str, &str)] = &[("deny", "0.20.2"), ("fuzz", "0.13.2")];

/// Debian packages by name.
const PACKAGES: &[&str] = &[
    "binutils-mingw-w64-x86-64",
    "busybox-static",
    "cpio",
    "curl",
    "dpdk-dev",
    "ethtool",
    "g++",
    "gcc-mingw-w64-i686-win32",
    "gcc-mingw-w64-x86-64-win32",
    "iperf3",
    "kmod",
    "libstd-rust-dev-wasm32",
    "libstd-rust-dev-windows",
    "mingw-w64-i686-dev",
    "mingw-w64-x86-64-dev",
    "python3",
    "python3-venv",
    "qemu-system-x86",
    "rustc",
    "util-linux",
    "valgrind",
    "wine",
    "wine64",
    "xz-utils",
];

/// DPDK's drivers carry the ABI's number in their packages' names, which differs between Debian's releases.
const NUMBERED_PACKAGES: &[&str] = &["librte-mempool-ring", "librte-net-virtio"];

/// Programs that the tests call, and the package that brings each.
const PROGRAMS: &[(&str, &str)] = &[
    ("busybox", "busybox-static"),
    ("cpio", "cpio"),
    ("curl", "curl"),
    ("depmod", "kmod"),
    ("c++", "g++"),
    ("dpdk-testpmd", "dpdk-dev"),
    ("ethtool", "ethtool"),
    ("i686-w64-mingw32-gcc", "gcc-mingw-w64-i686-win32"),
    ("iperf3", "iperf3"),
    ("python3", "python3"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("setpriv", "util-linux"),
    ("valgrind", "valgrind"),
    ("wine", "wine"),
    ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"),
    ("x86_64-w64-mingw32-ld", "binutils-mingw-w64-x86-64"),
];

/// Installs what is missing; a machine that has everything is left alone and needs neither root nor network.
pub(crate) fn steps() -> Report {
    let mut report = Report::default();
    let missing = missing_packages();
    if !missing.is_empty() {
        println!("missing packages: {}", missing.join(" "));
        install(&mut report);
    }
    report.call("programs present", require_programs);
    for (tool, version) in CARGO_TOOLS {
        if require_cargo_tool(tool).is_err() {
            report.run(
                &format!("install cargo-{tool}"),
                LIMIT,
                Command::new("cargo")
                    .args(["install", "--locked", "--version", version])
                    .arg(format!("cargo-{tool}")),
            );
        }
    }
    if report.is_sound() {
        schemathesis(&mut report);
    }
    report
}

/// Schemathesis in an environment of its own, in the versions that are written down, unless those are there already.
fn schemathesis(report: &mut Report) {
    const FOLDER: &str = "target/schemathesis";
    const WANTED: &str = "e2e/schemathesis/requirements.txt";
    let installed = format!("{FOLDER}/installed.txt");
    let wanted = fs::read(WANTED).unwrap_or_default();
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return;
    }
    // Of an environment that is half there nothing is of use.
    let _ = fs::remove_dir_all(FOLDER);
    report.run(
        "python environment",
        LIMIT,
        Command::new("python3").args(["-m", "venv", FOLDER]),
    );
    report.run(
        "install schemathesis",
        LIMIT,
        Command::new(format!("{FOLDER}/bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .args(["--requirement", WANTED]),
    );
    if report.is_sound() {
        report.call("schemathesis", || {
            fs::write(&installed, &wanted).map_err(|error| format!("{installed}: {error}"))
        });
    }
}

/// Fails with what to do where `cargo TOOL` is not installed.
pub(crate) fn require_cargo_tool(tool: &str) -> Result<(), String> {
    match quiet("cargo", &[tool, "--version"]) {
        Some(_) => Ok(()),
        None => Err(format!("cargo-{tool} is missing: run `cargo xtask setup`")),
    }
}

fn install(report: &mut Report) {
    if quiet("apt-get", &["--version"]).is_none() {
        let missing = missing_packages().join(" ");
        report.call("packages", || {
            Err(format!(
                "no apt-get on this system; install what Debian calls {missing}"
            ))
        });
        return;
    }
    report.run("apt-get update", LIMIT, apt().arg("update"));
    // Only now are the numbered names known for certain.
    let missing = missing_packages();
    report.run(
        "apt-get install",
        LIMIT,
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    );
    report.call("packages", || match missing_packages().as_slice() {
        [] => Ok(()),
        still => Err(format!("apt-get could not install {}", still.join(" "))),
    });
}

fn apt() -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("apt-get");
        sudo
    };
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn missing_packages() -> Vec<String> {
    let installed = quiet(
        "dpkg-query",
        &["--show", "--showformat", "${Package} ${db:Status-Status}\n"],
    )
    .unwrap_or_default();
    let installed: Vec<&str> = installed
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    let plain = PACKAGES
        .iter()
        .filter(|name| !installed.contains(name))
        .map(|name| (*name).to_owned());
    let numbered = NUMBERED_PACKAGES
        .iter()
        .filter(|stem| !installed.iter().any(|name| is_numbered(stem, name)))
        .map(|stem| {
            newest(
                stem,
                &quiet("apt-cache", &["pkgnames", stem]).unwrap_or_default(),
            )
        });
    plain.chain(numbered).collect()
}

/// `stem` followed by the highest number known, or by a placeholder where apt knows none yet.
fn newest(stem: &str, names: &str) -> String {
    let number = |name: &str| name[stem.len()..].parse::<u32>().ok();
    let known = names.lines().filter(|name| is_numbered(stem, name));
    known
        .max_by_key(|name| number(name))
        .map_or_else(|| format!("{stem}<N>"), str::to_owned)
}

fn is_numbered(stem: &str, name: &str) -> bool {
    name.strip_prefix(stem)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn require_programs() -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps some of these in sbin, which is not on everybody's PATH; the tests look there too.
    let folders: Vec<_> = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .collect();
    let absent: Vec<String> = PROGRAMS
        .iter()
        .filter(|(program, _)| !folders.iter().any(|folder| folder.join(program).exists()))
        .map(|(program, package)| format!("{program} (package {package})"))
        .collect();
    if absent.is_empty() {
        Ok(())
    } else {
        Err(format!("missing: {}", absent.join(", ")))
    }
}

/// Output of a command that is only asked something; `None` if it fails or does not exist.
fn quiet(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_package_is_told_from_its_namesakes() {
        assert!(is_numbered("librte-net-virtio", "librte-net-virtio23"));
        assert!(!is_numbered("librte-net-virtio", "librte-net-virtio"));
        assert!(!is_numbered(
            "librte-net-virtio",
            "librte-net-virtio-extra23"
        ));
    }

    #[test]
    fn the_newest_of_several_numbers_is_taken() {
        let names = "librte-net-vhost23\nlibrte-net-vhost-user1\nlibrte-net-vhost25\n";
        assert_eq!(newest("librte-net-vhost", names), "librte-net-vhost25");
        assert_eq!(newest("librte-net-vhost", ""), "librte-net-vhost<N>");
    }
}
