//! Nothing in the crate is without an entry in the lists: its source is read for the names it declares.

use std::collections::BTreeSet;
use std::path::Path;

/// Ours, or proved in `main.rs` by other means than a list.
const WITHOUT_ENTRY: &[&str] = &[
    "MEMORY_ALLOCATION_ALIGNED",
    // An index in Rust, an enumeration in C.
    "NDIS_NET_BUFFER_LIST_INFO",
    "NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED",
    "UNKNOWN_STATUS_NAME",
    "status_name",
    "zeroed",
];

/// Not the reference's: the safe face, the notation, and functions that NDIS exports.
const OTHER_ROOMS: &[&str] = &["view", "layout.rs", "lib.rs", "ffi.rs", "ffi"];

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("the crate's source") {
        let path = entry.expect("the crate's source").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if OTHER_ROOMS.contains(&name.as_ref()) {
            continue;
        }
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(std::fs::read_to_string(&path).expect("the crate's source"));
        }
    }
}

/// What a source declares at the top: after `pub const`, `pub struct`, `pub type`, `pub fn`, and in the two notations that
/// name without `pub`, statuses and pairs of accessors. Methods belong to their types.
fn declares(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let mut found = BTreeSet::new();
    let mut in_impl = false;
    let mut in_pairs = false;
    for line in code.lines() {
        if line.starts_with('}') {
            in_impl = false;
            in_pairs = false;
        }
        in_impl |= line.starts_with("impl") || line.starts_with("macro_rules!");
        in_pairs |= line.starts_with("accessors!") || line.starts_with("in_slot!");
        let words: Vec<&str> = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        if in_impl || line.trim_start().starts_with("//") {
            continue;
        }
        if in_pairs {
            let pair = |word: &&&str| {
                word.starts_with("NET_BUFFER_")
                    || word.starts_with("NDIS_GET_")
                    || word.starts_with("NDIS_SET_")
            };
            if line.contains(", ") && line.trim_end().ends_with([':', ';']) {
                found.extend(
                    words
                        .iter()
                        .filter(pair)
                        .take(2)
                        .map(|word| (*word).to_owned()),
                );
            }
        }
        match words[..] {
            ["pub", "const", "fn", name, ..]
            | ["pub", "const" | "struct" | "type" | "fn", name, ..]
                if line.starts_with("pub") || line.starts_with("    pub struct") =>
            {
                found.insert(name.to_owned());
            }
            [name, value] if name.starts_with("NDIS_STATUS_") && value.starts_with("0x") => {
                found.insert(name.to_owned());
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_name_that_the_crate_declares_is_in_a_list() {
    let mut listed: BTreeSet<String> = WITHOUT_ENTRY
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    listed.extend(crate::all_structures().iter().map(|it| it.name.to_owned()));
    listed.extend(crate::names::types().iter().map(|it| it.name.to_owned()));
    listed.extend(
        crate::constants::constants()
            .iter()
            .map(|it| it.name.to_owned()),
    );
    listed.extend(crate::names::macros().iter().map(|name| (*name).to_owned()));
    listed.extend(
        crate::names::setters()
            .iter()
            .map(|name| (*name).to_owned()),
    );
    let mut code = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut code,
    );
    let elsewhere = |name: &String| {
        // Slots of the other pointer width, which the lists leave to it; GUIDs are in `main.rs`.
        name.starts_with("GUID_")
            || if cfg!(target_pointer_width = "64") {
                name.starts_with("SwitchForwardingDetail_b") || name == "NetBufferListInfoReserved4"
            } else {
                name.starts_with("Gft") || name == "SwitchForwardingDetail"
            }
    };
    let declared: BTreeSet<String> = code
        .iter()
        .flat_map(|source| declares(source))
        .filter(|name| !elsewhere(name))
        .collect();
    let forgotten: Vec<&String> = declared.difference(&listed).collect();
    assert!(forgotten.is_empty(), "in no list: {forgotten:?}");
    assert!(
        declared.len() > 400,
        "only {} names were found",
        declared.len()
    );
    println!(
        "{} structures, {} types, {} constants, {} macros, {} setters",
        crate::all_structures().len(),
        crate::names::types().len(),
        crate::constants::constants().len(),
        crate::names::macros().len(),
        crate::names::setters().len()
    );
}
