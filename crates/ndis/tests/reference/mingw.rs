//! The lists against C: each structure's size, alignment and offsets and each constant, as C compilers for 64-bit and 32-bit
//! Windows see them, in mingw-w64's own headers for what these declare and in `tests/c` for the rest.
//!
//! Which names a set of headers declares is asked of the preprocessor, so nothing has to be remembered here: a name that a
//! later mingw-w64 declares is compared from then on.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The C compiler for each width, and the Debian package that brings it.
const COMPILERS: [(&str, &str); 2] = [
    ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"),
    ("i686-w64-mingw32-gcc", "gcc-mingw-w64-i686-win32"),
];

/// The lines of mingw-w64's `ndis.h` that define constants of ours. That header cannot be compiled whole (it declares an
/// enumeration that it also includes), but its preprocessor lines stand for themselves.
fn defines(compiler: &str, package: &str, path: &Path) -> String {
    std::fs::write(path, "#include <ndis.h>\n").expect("the generated C");
    let output = run(compile(compiler, path).args(["-E", "-dM"]), package);
    let ours: BTreeSet<&str> = crate::constants::constants()
        .iter()
        .map(|it| it.name)
        .collect();
    let lines = output.lines().filter(|line| {
        line.split_whitespace()
            .nth(1)
            .map_or(false, |name| ours.contains(name))
    });
    lines.fold(
        "#include <ntstatus.h>\ntypedef int NDIS_STATUS;\n".to_owned(),
        |text, line| {
            text + "#ifndef "
                + line.split_whitespace().nth(1).unwrap_or_default()
                + "\n"
                + line
                + "\n#endif\n"
        },
    )
}

/// Headers that go together. Those of programs and those of drivers exclude each other.
#[derive(Clone)]
struct Headers {
    name: &'static str,
    text: String,
    /// What at least is compared in them.
    structures: usize,
    constants: usize,
}

const VERSION: usize = if cfg!(feature = "ndis682") {
    682
} else if cfg!(feature = "ndis680") {
    680
} else if cfg!(feature = "ndis650") {
    650
} else if cfg!(feature = "ndis630") {
    630
} else {
    620
};

fn headers() -> Vec<Headers> {
    // mingw-w64 knows NDIS up to 6.30; in later versions some structures have more members than it declares.
    let known = if VERSION > 620 {
        "0x06020000\n#define NDIS_SUPPORT_NDIS630 1"
    } else {
        "0x06010000"
    };
    let versions = format!(
        "#define NTDDI_VERSION {known}\n#define _WIN32_WINNT 0x0602\n#define NDIS_SUPPORT_NDIS6 1\n\
         #define NDIS_SUPPORT_NDIS61 1\n#define NDIS_SUPPORT_NDIS620 1\n"
    );
    vec![
        Headers {
            name: "for programs",
            text: format!(
                "{versions}#include <winsock2.h>\n#include <ws2tcpip.h>\n#include <windows.h>\n#include <winternl.h>\n\
                 #include <ifdef.h>\n#include <ntddndis.h>\n"
            ),
            structures: 19,
            constants: 140,
        },
        Headers {
            name: "for drivers",
            text: "#include <wdm.h>\n".to_owned(),
            structures: 7,
            constants: 58,
        },
        Headers {
            name: "tests/c",
            text: format!("#define NDIS_VERSION {VERSION}\n#include \"ndis_structures.h\"\n"),
            structures: 32,
            constants: 19,
        },
    ]
}

/// mingw-w64 declares this one as of 6.30; `tests/c` has it as of later versions.
fn is_older(headers: &Headers, structure: &str) -> bool {
    headers.name == "for programs" && structure == "NDIS_RECEIVE_QUEUE_PARAMETERS" && VERSION > 630
}

fn is_structure(name: &str) -> bool {
    crate::all_structures().iter().any(|it| it.name == name)
}

/// Some headers count one element in and some none; what is common is the offsets.
fn ends_in_a_list(structure: &str) -> bool {
    structure == "SCATTER_GATHER_LIST"
}

/// Unions inside NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, where their offsets and its size are compared.
const NAMELESS_IN_C: &[&str] = &[
    "NDIS_RECEIVE_FILTER_HEADER_FIELD",
    "NDIS_RECEIVE_FILTER_FIELD_VALUE",
    "NDIS_RECEIVE_FILTER_RESULT_VALUE",
];

#[test]
fn c_compilers_agree_with_every_entry_that_their_headers_declare() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mingw-{VERSION}"));
    std::fs::create_dir_all(&folder).expect("a folder for the generated C");
    for (width, (compiler, package)) in COMPILERS.iter().enumerate() {
        let (mut compared, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        for (number, headers) in headers().iter().enumerate() {
            let path = folder.join(format!("{compiler}-{number}.c"));
            let mut headers = headers.clone();
            if headers.name == "for drivers" {
                headers.text += &defines(compiler, package, &path);
            }
            let headers = &headers;
            let declared = declared(compiler, package, &path, &headers.text);
            let (checks, structures, constants) = checks(headers, &declared, width);
            let text = format!("{}#include <stddef.h>\n{checks}", headers.text);
            std::fs::write(&path, text).expect("the generated C");
            run(
                compile(compiler, &path).args(["-fsyntax-only", "-std=gnu11"]),
                package,
            );
            println!(
                "{compiler}, {}: {} structures, {} constants",
                headers.name,
                structures.len(),
                constants.len()
            );
            assert!(
                structures.len() >= headers.structures && constants.len() >= headers.constants,
                "{compiler}: headers {} declare fewer names than they used to",
                headers.name
            );
            if headers.name != "tests/c" {
                foreign.extend(structures.iter().chain(&constants).cloned());
            }
            compared.extend(structures);
            compared.extend(constants);
        }
        println!(
            "{compiler}: {} names compared with C, of them with mingw-w64's headers {} structures and {} others",
            compared.len(),
            foreign.iter().filter(|name| is_structure(name)).count(),
            foreign.iter().filter(|name| !is_structure(name)).count()
        );
        let forgotten: Vec<&str> = crate::all_structures()
            .iter()
            .map(|it| it.name)
            .filter(|name| !compared.contains(*name) && !NAMELESS_IN_C.contains(name))
            .collect();
        assert!(
            forgotten.is_empty(),
            "no headers declare {forgotten:?}: add them to tests/c"
        );
    }
}

/// The names in what the preprocessor makes of the headers.
fn declared(compiler: &str, package: &str, path: &Path, text: &str) -> BTreeSet<String> {
    std::fs::write(path, text).expect("the generated C");
    let mut command = compile(compiler, path);
    let output = run(command.args(["-E", "-dD", "-P"]), package);
    let mut names = BTreeSet::new();
    for line in output.lines() {
        let mut words = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty());
        match line.strip_prefix("#define ") {
            // A name that is defined as nothing declares nothing, nor does one with parameters.
            Some(definition) => {
                let name = words.nth(1).unwrap_or_default();
                let value = definition.strip_prefix(name).unwrap_or_default();
                if value.starts_with(' ') && !value.trim().is_empty() {
                    names.insert(name.to_owned());
                }
            }
            None if line.starts_with('#') => {}
            None => names.extend(words.map(str::to_owned)),
        }
    }
    names
}

/// Assertions for C, and the names that are in them.
fn checks(
    headers: &Headers,
    declared: &BTreeSet<String>,
    width: usize,
) -> (String, Vec<String>, Vec<String>) {
    let mut text = String::new();
    let (mut structures, mut constants) = (Vec::new(), Vec::new());
    for structure in crate::all_structures()
        .into_iter()
        .chain(crate::names::types())
    {
        let name = structure.name;
        if !declared.contains(name) || is_older(headers, name) {
            continue;
        }
        if !structure.members.is_empty() {
            structures.push(name.to_owned());
        }
        if !ends_in_a_list(name) {
            assertion(
                &mut text,
                &format!("sizeof({name}) == {}", structure.size[width]),
            );
            if !structure.members.is_empty() {
                assertion(
                    &mut text,
                    &format!("_Alignof({name}) == {}", structure.align[width]),
                );
            }
        }
        for member in &structure.members {
            assertion(
                &mut text,
                &format!(
                    "offsetof({name}, {}) == {}",
                    member.name, member.offset[width]
                ),
            );
        }
    }
    for constant in crate::constants::constants() {
        if declared.contains(constant.name) {
            constants.push(constant.name.to_owned());
            assertion(
                &mut text,
                &format!(
                    "(unsigned)({}) == {:#x}U",
                    constant.name, constant.value[width]
                ),
            );
        }
    }
    (text, structures, constants)
}

fn assertion(text: &mut String, fact: &str) {
    writeln!(text, "_Static_assert({fact}, \"{fact}\");").expect("a string takes everything");
}

fn compile(compiler: &str, path: &Path) -> Command {
    let root = PathBuf::from("/usr").join(compiler.trim_end_matches("-gcc"));
    let mut command = Command::new(compiler);
    command
        .arg("-w")
        .arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/tests/c"))
        .arg("-idirafter")
        .arg(root.join("include/ddk"))
        .arg(path);
    command
}

fn run(command: &mut Command, package: &str) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: install {package}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
