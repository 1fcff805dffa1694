//! What the documents call a proof is one: each test they name, as `room::test`, is a test of that room.

use std::collections::HashSet;

use super::source::{blank_comments_and_strings, is_identifier};

/// What can be named in a room: its tests, and its modules.
#[derive(Default)]
pub(super) struct Names(HashSet<(String, String)>);

impl Names {
    /// Takes note of one file of Rust.
    pub(super) fn add(&mut self, path: &str, text: &str) {
        let Some(room) = room_of(path) else {
            return;
        };
        let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let module = module.rsplit('/').next().unwrap_or(module);
        let tests = tests(text).into_iter().map(|test| (room.to_owned(), test));
        self.0.extend(tests);
        self.0.insert((room.to_owned(), module.to_owned()));
    }

    /// Judges one Markdown file, once all of the tree is known.
    pub(super) fn judge(&self, path: &str, text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let dead = named(line).filter(|(room, name)| {
                self.is_room(room) && !self.0.contains(&((*room).to_owned(), (*name).to_owned()))
            });
            complaints.extend(
                dead.map(|(room, name)| {
                    format!("{path}:{}: {room} has no test {name}", number + 1)
                }),
            );
        }
        complaints
    }

    fn is_room(&self, name: &str) -> bool {
        self.0.iter().any(|(room, _)| room == name)
    }
}

/// The crate that a file belongs to.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("crates/").unwrap_or(path);
    inside.split_once('/').map(|(room, _)| room)
}

/// Names in code quotes with one room before them, written as functions and modules are.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|name| name.split_once("::"))
        .filter(|(_, name)| is_identifier(name) && !name.contains(char::is_uppercase))
}

/// Functions that are run as tests: those with the attribute, and those in a `proptest!`, which gives it to them.
fn tests(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_attributed = false;
    let mut properties_end: Option<String> = None;
    for line in blank_comments_and_strings(text).lines() {
        let code = line.trim();
        if code == "proptest! {" {
            let indent = &line[..line.len() - line.trim_start().len()];
            properties_end = Some(format!("{indent}}}"));
        } else if properties_end.as_deref() == Some(line) {
            properties_end = None;
        }
        let name = code
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
            .map(|(name, _)| name);
        match name {
            Some(name) if is_attributed || properties_end.is_some() => tests.push(name.to_owned()),
            _ => {}
        }
        is_attributed =
            code == "#[test]" || is_attributed && (code.is_empty() || code.starts_with("#["));
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
fn prepared() {}
#[test]
#[should_panic]
/// Why.
fn plain() {
    fn within() {}
}
mod tests {
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        fn any(seed: u64) {
        }
    }
    fn after() {}
    // #[test]
    fn talked_about() {}
}
";

    #[test]
    fn tests_are_told_from_other_functions() {
        assert_eq!(tests(FILE), ["plain", "any"]);
    }

    #[test]
    fn a_test_that_is_not_there_is_complained_about() {
        let mut names = Names::default();
        names.add("crates/vmq/src/table.rs", FILE);
        names.add("e2e/tests/many/mod.rs", "#[test]\nfn whole() {}\n");
        let complaints = |text| names.judge("docs/ndis-mapping.md", text).len();
        assert_eq!(complaints("`vmq::plain`, `vmq::any`, `e2e::whole`"), 0);
        assert_eq!(complaints("module `vmq::table`, type `vmq::Table`"), 0);
        assert_eq!(complaints("`std::mem` and `vmq::table::found`"), 0);
        assert_eq!(complaints("`vmq::plane` and `e2e::plain`"), 2);
        assert_eq!(complaints("`vmq::prepared`"), 1);
    }
}
