//! House lints: what fmt and clippy cannot know about this house.
//!
//! Five rules: a file stays short, `unsafe` lives in its rooms, imports run downwards, certain words stay outside, and the
//! documents name files and tests that are there. Invariant: a rule for code looks at it with comments and string literals blanked,
//! so a rule may be talked about but not broken.

use std::fs;
use std::process::Command;

mod papers;
mod proofs;
mod rooms;
mod source;

use source::{blank_comments_and_strings, words};

/// Above this a file is probably two rooms.
const LINES_ALARM: usize = 600;

/// Rooms that may hold `unsafe`; everything else forbids it.
const UNSAFE_ROOMS: &[&str] = &[
    "crates/shmem/",
    "crates/nbl/",
    "crates/ndis/src/view/",
    "crates/ndis/src/ffi",
    "crates/ndis/tests/",
    "crates/ndis/examples/",
    "fuzz/fuzz_targets/ndis_view",
    // Pointers to functions that are unsafe to call.
    "crates/ndis/src/handlers",
    "crates/testkit/src/alloc",
];

/// A word and what to do instead.
const FORBIDDEN_WORDS: &[(&str, &str)] = &[
    ("master", "say frontend"),
    ("slave", "say backend"),
    ("whitelist", "say allowed"),
    ("blacklist", "say denied"),
    ("util", "name it for what it provides"),
    ("utils", "name it for what it provides"),
    ("helper", "name it for what it provides"),
    ("helpers", "name it for what it provides"),
    ("manager", "name it for what it does"),
    ("get", "a getter is named for what it returns"),
];

/// Judges every file that git knows.
pub(crate) fn judge_tree() -> Result<(), String> {
    let mut complaints = rooms::judge()?;
    let mut names = proofs::Names::default();
    for path in tracked("*.rs")? {
        let text = read(&path)?;
        complaints.extend(judge(&path, &text));
        names.add(&path, &text);
    }
    let tree = tracked("*")?;
    for path in tree.iter().filter(|path| path.ends_with(".md")) {
        let text = read(path)?;
        complaints.extend(papers::judge(path, &text, &tree));
        complaints.extend(names.judge(path, &text));
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(format!("{} complaints", complaints.len()))
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// Paths of the files in the tree, tracked or about to be.
fn tracked(pattern: &str) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
            pattern,
        ])
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(listed
        .lines()
        .filter(|path| fs::exists(path).unwrap_or(false))
        .map(str::to_owned)
        .collect())
}

fn judge(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_ALARM {
        complaints.push(format!(
            "{path}: {lines} lines, more than {LINES_ALARM}: probably two rooms"
        ));
    }
    let may_be_unsafe = UNSAFE_ROOMS.iter().any(|room| path.starts_with(room));
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let code = blank_comments_and_strings(text);
    let is_shared_room = UNSAFE_ROOMS
        .iter()
        .any(|room| room.starts_with(path.split("src/").next().unwrap_or(path)));
    if is_root && !is_shared_room && !code.contains("#![forbid(unsafe_code)]") {
        complaints.push(format!("{path}: lacks #![forbid(unsafe_code)]"));
    }
    let mut names_are_foreign = false;
    for (number, line) in code.lines().enumerate() {
        // The methods of a trait are named by whoever made the trait. rustfmt puts block ends of items into the first column.
        if line.starts_with("impl") || line.starts_with('}') {
            names_are_foreign = line.contains(" for ");
        }
        let place = format!("{path}:{}", number + 1);
        if !may_be_unsafe && words(line).any(|word| word == "unsafe") {
            complaints.push(format!(
                "{place}: unsafe outside its rooms ({})",
                UNSAFE_ROOMS.join(", ")
            ));
        }
        if line.contains("#[ignore") {
            complaints.push(format!(
                "{place}: an ignored test proves nothing; mend it or remove it"
            ));
        }
        if names_are_foreign {
            continue;
        }
        complaints
            .extend(forbidden(line).map(|(word, advice)| format!("{place}: {word:?}: {advice}")));
    }
    complaints
}

/// Forbidden words that this line declares: naming is ours, using another crate's names is not.
fn forbidden(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let named: Vec<String> = declarations(line)
        .iter()
        .flat_map(|name| parts(name))
        .collect();
    FORBIDDEN_WORDS
        .iter()
        .copied()
        .filter(move |(word, _)| named.iter().any(|part| part == word))
}

/// Names that a line declares: items, fields and bindings.
fn declarations(line: &str) -> Vec<String> {
    const INTRODUCERS: &[&str] = &[
        "fn",
        "mod",
        "struct",
        "enum",
        "trait",
        "type",
        "const",
        "static",
        "let",
        "mut",
        "macro_rules",
    ];
    let words: Vec<&str> = words(line).collect();
    let mut names: Vec<String> = words
        .windows(2)
        .filter(|pair| INTRODUCERS.contains(&pair[0]))
        .map(|pair| pair[1].to_owned())
        .collect();
    let before_colon = line.split(':').next().unwrap_or_default().trim();
    let field = before_colon.strip_prefix("pub ").unwrap_or(before_colon);
    if line.contains(':') && source::is_identifier(field) {
        names.push(field.to_owned());
    }
    names
}

/// The words a name is made of: `SNAKE_CASE`, `snake_case` and `CamelCase` alike.
fn parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for piece in name.split('_') {
        let mut part = String::new();
        let mut after_lower = false;
        for letter in piece.chars() {
            if letter.is_uppercase() && after_lower {
                parts.push(std::mem::take(&mut part));
            }
            after_lower = letter.is_lowercase();
            part.extend(letter.to_lowercase());
        }
        parts.push(part);
    }
    // A getter is one only where `get` stands first; `bytes_get` or `target` are other words.
    if let Some(rest) = parts.get_mut(1..) {
        rest.iter_mut()
            .filter(|part| *part == "get")
            .for_each(String::clear);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(line: &str) -> usize {
        judge("crates/vmq/src/table.rs", line).len()
    }

    #[test]
    fn names_that_the_house_does_not_use_are_complained_about() {
        assert_eq!(complaints("fn get_queue() {}"), 1);
        assert_eq!(complaints("struct PortManager;"), 1);
        assert_eq!(complaints("mod utils;"), 1);
        assert_eq!(complaints("    pub slave: u32,"), 1);
        assert_eq!(complaints("#[ignore]"), 1);
    }

    #[test]
    fn names_of_others_and_talk_are_left_alone() {
        assert_eq!(complaints("let target = map.get(&key);"), 0);
        assert_eq!(complaints("// the frontend was once called master"), 0);
        assert_eq!(complaints(r#"let text = "no helper here";"#), 0);
        assert_eq!(complaints("use vmm_sys_util::eventfd::EventFd;"), 0);
    }

    #[test]
    fn methods_of_a_trait_are_named_by_its_maker() {
        let method = "    fn get_features(&self) {}\n}\n";
        assert_eq!(
            complaints(&format!("impl Backend for Session {{\n{method}")),
            0
        );
        assert_eq!(complaints(&format!("impl Session {{\n{method}")), 1);
    }

    #[test]
    fn unsafe_is_found_outside_its_rooms_only() {
        assert_eq!(complaints("let x = unsafe { read(p) };"), 1);
        assert_eq!(complaints("// unsafe is not wanted here"), 0);
        assert_eq!(
            judge("crates/shmem/src/copy.rs", "unsafe { read(p) }").len(),
            0
        );
    }

    #[test]
    fn a_crate_root_forbids_unsafe_unless_it_is_one_of_the_rooms() {
        assert_eq!(judge("crates/vmq/src/lib.rs", "//! A crate.\n").len(), 1);
        assert_eq!(
            judge("crates/vmq/src/lib.rs", "#![forbid(unsafe_code)]\n").len(),
            0
        );
        assert_eq!(judge("crates/nbl/src/lib.rs", "//! A crate.\n").len(), 0);
        // A room may be a folder of its crate: the rest of the crate is none.
        assert_eq!(
            judge("crates/ndis/src/mdl.rs", "unsafe { read(p) }").len(),
            1
        );
    }

    #[test]
    fn a_file_over_the_alarm_is_complained_about() {
        assert_eq!(
            judge("crates/vmq/src/table.rs", &"\n".repeat(LINES_ALARM)).len(),
            0
        );
        assert_eq!(
            judge("crates/vmq/src/table.rs", &"\n".repeat(LINES_ALARM + 1)).len(),
            1
        );
    }
}
