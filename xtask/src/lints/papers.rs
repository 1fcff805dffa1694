//! What the documents say of files is true: each file they name and each relative link they make leads somewhere.

/// Judges one Markdown file; `tree` is every path that git knows.
pub(super) fn judge(path: &str, text: &str, tree: &[String]) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let dead = named_files(line)
            .filter(|name| !is_file(name, tree))
            .chain(links(line).filter(|target| !leads_somewhere(folder, target, tree)));
        complaints.extend(
            dead.map(|name| format!("{path}:{}: there is no {name:?} in the tree", number + 1)),
        );
    }
    complaints
}

/// Rust files named in code quotes.
fn named_files(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.ends_with(".rs") && !name.contains([' ', '*', '<']))
}

/// Targets of Markdown links, but for those that leave the tree or stay on the page.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

/// A file may be named by the end of its path, as far as it takes to be told from others in the sentence. `crate/src` is
/// short for `crates/crate/src`.
fn is_file(name: &str, tree: &[String]) -> bool {
    tree.iter().any(|path| {
        path.strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    })
}

fn leads_somewhere(folder: &str, target: &str, tree: &[String]) -> bool {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let target = parts.join("/");
    tree.iter()
        .any(|path| *path == target || path.starts_with(&format!("{target}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        let tree = [
            "README.md",
            "docs/architecture.md",
            "crates/shmem/src/copy.rs",
        ];
        judge("docs/architecture.md", text, &tree.map(str::to_owned)).len()
    }

    #[test]
    fn a_file_that_is_not_there_is_complained_about() {
        assert_eq!(
            complaints("the copy (`shmem/src/copy.rs`, or `copy.rs`)"),
            0
        );
        assert_eq!(complaints("the copy (`shmem/src/copies.rs`)"), 1);
        assert_eq!(complaints("half a name: `opy.rs`"), 1);
    }

    #[test]
    fn a_dead_link_is_complained_about() {
        assert_eq!(
            complaints("[start](../README.md), [rooms](#rooms), [virtio](https://x.test/y)"),
            0
        );
        assert_eq!(complaints("[gone](gone.md)"), 1);
    }
}
