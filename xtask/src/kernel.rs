//! What can be shown, without a Windows kernel, of `ndis` inside one.

use std::fs;
use std::process::Command;

use crate::step::Report;

const OUT: &str = "target/kernel";

/// The oldest compiler that the crate serves, and the workspace's own: each optimises in its own way.
const COMPILERS: [&str; 2] = ["/usr/bin/rustc", "rustc"];

/// What the filter driver of the examples imports, and nothing else. `DbgPrint` is the kernel's, the others are NDIS's.
const IMPORTS: [&str; 5] = [
    "DbgPrint",
    "NdisFIndicateReceiveNetBufferLists",
    "NdisFRegisterFilterDriver",
    "NdisFReturnNetBufferLists",
    "NdisFSetAttributes",
];

/// What the probe's panic handler calls and nothing defines.
const NOWHERE: &str = "a_panic_can_be_reached";

pub(crate) fn steps(report: &mut Report) {
    for compiler in COMPILERS {
        report.call(&format!("ndis links without panics ({compiler})"), || {
            no_panic(compiler)
        });
    }
    report.call("ndis functions on 32 bits", on_32_bits);
    report.call("ndis examples with Debian's rustc", examples);
    report.call("ndis filter driver linked to a .sys", filter_driver);
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
        run(rustc(compiler)
            .args(["--crate-type", "bin", "--crate-name", "no_panic"])
            .args(["-C", "opt-level=3", "-C", "lto=fat", "-C", "panic=abort"])
            .args(["-C", "relocation-model=static"])
            .args([
                "-C",
                "link-args=-static -nostartfiles -Wl,--gc-sections -Wl,-e,ENTRY",
            ])
            .args(["--extern", &format!("ndis={library}"), "--out-dir", &out])
            .args(flags)
            .arg("crates/ndis/tests/no_panic/probe.rs"))
    };
    link(&[])?;
    match link(&[
        "--cfg",
        "deliberate_panic",
        "-C",
        "link-arg=-Wl,-u,DELIBERATE",
    ]) {
        Err(reason) if reason.contains(NOWHERE) => Ok(()),
        _ => Err("the probe links with a panic in it, so that it links shows nothing".into()),
    }
}

/// The layouts of what NDIS's functions take, where pointers have 32 bits: a false one does not compile.
fn on_32_bits() -> Result<(), String> {
    let features = features();
    let mut flags = vec!["--target", "wasm32-unknown-unknown"];
    flags.extend(features.iter().map(String::as_str));
    ndis_library(COMPILERS[0], &format!("{OUT}/wasm32"), &flags).map(drop)
}

/// The drivers among the examples, built by the oldest compiler, run against their fakes, which end them where a rule is broken.
fn examples() -> Result<(), String> {
    let compiler = COMPILERS[0];
    let out = format!("{OUT}/examples");
    fs::create_dir_all(&out).map_err(|error| format!("{out}: {error}"))?;
    let features = features();
    let library = ndis_library(compiler, &out, &features.each_ref().map(String::as_str))?;
    for example in ["filter_driver", "vmq_miniport"] {
        run(rustc(compiler)
            .args([
                "--extern",
                &format!("ndis={library}"),
                "--out-dir",
                &out,
                "-D",
                "warnings",
            ])
            .arg(format!("crates/ndis/examples/{example}.rs")))?;
        println!("{}", run(&mut Command::new(format!("{out}/{example}")))?);
    }
    Ok(())
}

/// The features of a build without Cargo.
fn features() -> [String; 3] {
    ["ndis620", "ndis630", "link"].map(|feature| format!("--cfg=feature={feature:?}"))
}

/// The filter driver, without `std`, linked with mingw's import libraries. It is not loaded: there is no Windows here. That it
/// links shows that `ndis::ffi` names functions that are there, and that no panic can be reached in the driver.
fn filter_driver() -> Result<(), String> {
    const TARGET: [&str; 6] = [
        "--target",
        "x86_64-pc-windows-gnu",
        "-C",
        "panic=abort",
        "-C",
        "no-redzone=yes",
    ];
    let compiler = COMPILERS[0];
    let out = format!("{OUT}/windows");
    fs::create_dir_all(&out).map_err(|error| format!("{out}: {error}"))?;
    let mut flags = TARGET.to_vec();
    let features = features();
    flags.extend(features.iter().map(String::as_str));
    let library = ndis_library(compiler, &out, &flags)?;
    let archive = format!("{out}/filter_driver.a");
    let driver = format!("{out}/filter_driver.sys");
    run(rustc(compiler)
        .args(TARGET)
        .args([
            "--crate-type",
            "staticlib",
            "--cfg",
            "driver",
            "-D",
            "warnings",
        ])
        .args([
            "-C",
            "opt-level=3",
            "-C",
            "lto=fat",
            "-C",
            "overflow-checks=on",
        ])
        .args(["--extern", &format!("ndis={library}"), "-o", &archive])
        .arg("crates/ndis/examples/filter_driver.rs"))?;
    run(Command::new("x86_64-w64-mingw32-ld")
        .args([
            "--shared",
            "--entry",
            "DriverEntry",
            "--subsystem",
            "native:10.0",
        ])
        .args(["--image-base", "0x140000000", "--dynamicbase", "--nxcompat"])
        .args(["--section-alignment", "0x1000", "--file-alignment", "0x200"])
        .args(["--gc-sections", "--exclude-all-symbols", "--strip-all"])
        .args(["-o", &driver, &archive])
        .args(["-L", "/usr/x86_64-w64-mingw32/lib", "-lndis", "-lntoskrnl"]))?;
    let listing = run(Command::new("x86_64-w64-mingw32-objdump").args(["-p", &driver]))?;
    let mut imports = imports(&listing);
    imports.sort();
    println!("{driver} imports {}", imports.join(", "));
    if imports == IMPORTS {
        Ok(())
    } else {
        Err(format!("expected imports: {}", IMPORTS.join(", ")))
    }
}

/// Names in the import tables that `objdump -p` lists: behind each library's `Member-Name` line, address, ordinal and name.
fn imports(listing: &str) -> Vec<String> {
    let mut imports = Vec::new();
    let mut in_table = false;
    for line in listing.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["vma:", "Hint/Ord", "Member-Name", ..] => in_table = true,
            [_, _, name] if in_table => imports.push(name.to_owned()),
            _ => in_table = false,
        }
    }
    imports
}

/// The crate as a library for drivers; where it lies.
fn ndis_library(compiler: &str, out: &str, flags: &[&str]) -> Result<String, String> {
    run(rustc(compiler)
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
        .arg("crates/ndis/src/lib.rs"))?;
    Ok(format!("{out}/libndis.rlib"))
}

fn rustc(compiler: &str) -> Command {
    let mut command = Command::new(compiler);
    command.args(["--edition", "2021"]);
    command
}

/// Runs a command to its end; what it said to stdout, or an error with what it said to stderr.
fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::imports;

    #[test]
    fn imports_are_the_names_of_all_tables() {
        let listing = "\tDLL Name: NDIS.SYS\n\tvma:  Hint/Ord Member-Name Bound-To\n\t60b0\t  142  NdisA\n\t60d6\t  148  NdisB\n\n \
            00006014\t00006068 00000000 00000000 00006150 000060a0\n\n\tDLL Name: ntoskrnl.exe\n\t\
            vma:  Hint/Ord Member-Name Bound-To\n\t6124\t   66  DbgPrint\n\n";
        assert_eq!(imports(listing), ["NdisA", "NdisB", "DbgPrint"]);
    }
}
