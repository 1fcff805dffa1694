//! Imports run downwards only: each crate may name the rooms listed for it and no others.

use std::fs;

/// A room and the rooms it may import. Any room's tests may use `testkit`, and `testkit`'s own may use any room: its doubles
/// are tried against the real thing.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ndis", &[]),
    ("shmem", &[]),
    ("nbl", &["ndis", "shmem"]),
    ("vmq", &["ndis"]),
    ("virtq", &["shmem"]),
    ("switch", &["nbl", "ndis", "vmq", "shmem"]),
    ("ports", &["switch", "nbl", "ndis", "virtq", "vmq", "shmem"]),
    ("testkit", &["shmem"]),
    (
        "vmqd",
        &[
            "ports", "switch", "nbl", "ndis", "virtq", "vmq", "shmem", "testkit",
        ],
    ),
];

pub(super) fn judge() -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for entry in fs::read_dir("crates")
        .map_err(|error| format!("crates: {error}"))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path().join("Cargo.toml");
        let manifest =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        complaints.extend(judge_manifest(&name, &manifest));
    }
    complaints.sort();
    Ok(complaints)
}

fn judge_manifest(name: &str, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(room, _)| *room == name) else {
        return vec![format!(
            "crates/{name}: a room that the house does not know; say what it may import in xtask's lints"
        )];
    };
    let mut complaints = Vec::new();
    let mut section = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim().to_owned();
            continue;
        }
        let import = line.split(['.', '=', ' ']).next().unwrap_or_default();
        let is_room = ALLOWED.iter().any(|(room, _)| *room == import);
        let for_tests = section == "[dev-dependencies]" && [name, import].contains(&"testkit");
        if is_room && section.ends_with("dependencies]") && !for_tests && !allowed.contains(&import)
        {
            complaints.push(format!(
                "crates/{name}: imports {import}, which does not lie below it"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_upwards_is_complained_about() {
        assert_eq!(
            judge_manifest("virtq", "[dependencies]\nshmem.workspace = true\n").len(),
            0
        );
        assert_eq!(
            judge_manifest("virtq", "[dependencies]\nswitch.workspace = true\n").len(),
            1
        );
        assert_eq!(
            judge_manifest("shmem", "[dependencies]\nvirtq = { path = \"../virtq\" }\n").len(),
            1
        );
    }

    #[test]
    fn tests_may_use_the_testkit() {
        assert_eq!(
            judge_manifest("ports", "[dev-dependencies]\ntestkit.workspace = true\n").len(),
            0
        );
        assert_eq!(
            judge_manifest("ports", "[dependencies]\ntestkit.workspace = true\n").len(),
            1
        );
        assert_eq!(
            judge_manifest("testkit", "[dev-dependencies]\nvirtq.workspace = true\n").len(),
            0
        );
    }

    #[test]
    fn every_listed_room_imports_only_rooms_that_stand_before_it() {
        for (at, (room, allowed)) in ALLOWED.iter().enumerate() {
            for import in *allowed {
                assert!(
                    ALLOWED[..at].iter().any(|(before, _)| before == import),
                    "{room} imports {import} from above"
                );
            }
        }
    }
}
