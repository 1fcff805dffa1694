//! The crate against figures that do not come from it.
//!
//! The lists here are the reference: every structure, constant, type and macro, with sizes, offsets and values as public
//! headers, symbol files and documentation of Windows have them. The compiler compares the crate with them for the target it
//! compiles for, the tests measure the members' addresses, and `mingw` has C compilers compare the same lists with headers
//! that others wrote. A name in the crate that is in no list fails; so does a name in a list that the crate lacks.
//!
//! ```text
//!            lists (this folder)
//!           /        |          \
//!   the crate   mingw-w64's     C declarations of what
//!   (rustc)     own headers     those headers lack (tests/c)
//! ```

// Where no C compiler runs, its figures are read by nobody.
#![cfg_attr(windows, allow(dead_code))]

#[macro_use]
mod facts;
mod constants;
// Under Wine there is neither the source nor a C compiler, and both are the same everywhere.
#[cfg(not(windows))]
mod declared;
mod frames;
#[cfg(not(windows))]
mod mingw;
mod names;
mod requests;

use facts::{Structure, HERE};

fn all_structures() -> Vec<Structure> {
    frames::structures()
        .into_iter()
        .chain(requests::structures())
        .collect()
}

#[test]
fn every_member_lies_where_the_reference_has_it() {
    let mut measured = 0;
    for structure in all_structures() {
        for member in &structure.members {
            assert_eq!(
                member.measured, member.offset[HERE],
                "{}.{}",
                structure.name, member.name
            );
            measured += 1;
        }
    }
    println!(
        "{} structures, {} members",
        all_structures().len(),
        measured
    );
    assert!(measured > 200, "only {measured} members were measured");
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_list_heads_second_word_is_on_64_bit_only() {
    let head = ndis::SLIST_HEADER::zeroed();
    assert_eq!(
        &head.Region as *const _ as usize - &head as *const _ as usize,
        8
    );
}

#[test]
fn memory_of_the_hal_has_no_handle() {
    assert!(ndis::NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED.is_null());
}

#[test]
fn the_guids_are_the_references() {
    let text = |guid: ndis::GUID| {
        let tail: String = guid
            .Data4
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!(
            "{:08x}-{:04x}-{:04x}-{tail}",
            guid.Data1, guid.Data2, guid.Data3
        )
    };
    for (guid, first) in [
        (
            ndis::GUID_NDIS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
            "3f2c1419",
        ),
        (ndis::GUID_NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS, "3f2c141a"),
        (ndis::GUID_NDIS_RECEIVE_FILTER_ENUM_QUEUES, "3f2c141b"),
        (ndis::GUID_NDIS_RECEIVE_FILTER_QUEUE_PARAMETERS, "3f2c141c"),
        (ndis::GUID_NDIS_RECEIVE_FILTER_ENUM_FILTERS, "3f2c141d"),
        (ndis::GUID_NDIS_RECEIVE_FILTER_PARAMETERS, "3f2c141e"),
    ] {
        assert_eq!(text(guid), format!("{first}-83bc-11dd-94b8001d09162bc3"));
    }
    assert_eq!(
        text(ndis::GUID_RECEIVE_FILTER_CURRENT_CAPABILITIES),
        "4054e80f-2bc1-4ccc-b0334abc0c4a1e8c"
    );
}

/// Both are for readers; that they are true is for us.
#[test]
#[cfg(all(feature = "ndis630", not(feature = "ndis650")))]
fn the_papers_count_and_name_what_the_lists_have() {
    let readme = include_str!("../../README.md");
    for (what, count) in [
        ("structures", all_structures().len()),
        ("constants", constants::constants().len()),
        ("macros", names::macros().len()),
        ("types", names::types().len()),
    ] {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| {what}")))
            .unwrap_or_else(|| panic!("the README has no row for {what}"));
        assert!(
            row.contains(&format!("| {count} | {count} |")),
            "{count} {what}, but: {row}"
        );
    }
    let table = include_str!("../../src/macros.md");
    for name in names::macros().into_iter().chain(names::setters()) {
        assert!(
            table.contains(&format!("`{name}`")) || table.contains(&format!("`fn@{name}`")),
            "{name} is missing from the table of macros"
        );
    }
}
