//! Shell completions and manual pages, made of the command line's own definition.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vmq", &mut text);
    print(&text)
}

/// Prints the manual page, or writes those of all commands to a directory.
pub(crate) fn manual(dir: Option<&Path>) -> Result<(), Failure> {
    let command = Cli::command().disable_help_subcommand(true);
    if let Some(dir) = dir {
        fs::create_dir_all(dir)?;
        return Ok(clap_mangen::generate_to(command, dir)?);
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    print(&text)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::{Command, ValueEnum};

    use super::*;

    /// Every command, by the words that lead to it.
    fn commands(command: &Command, words: &str, found: &mut Vec<String>) {
        found.push(words.to_owned());
        for below in command.get_subcommands() {
            commands(below, &format!("{words} {}", below.get_name()), found);
        }
    }

    fn all() -> Vec<String> {
        let mut found = Vec::new();
        commands(&Cli::command(), "vmq", &mut found);
        assert!(found.len() > 10, "{found:?}");
        found
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let dir = tempfile::tempdir().unwrap();
        manual(Some(dir.path())).unwrap();
        let mut pages: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort();
        let mut expected: Vec<_> = all()
            .iter()
            .map(|words| format!("{}.1", words.replace(' ', "-")))
            .collect();
        expected.sort();
        assert_eq!(pages, expected);
        let page = fs::read_to_string(dir.path().join("vmq-queue-list.1")).unwrap();
        assert!(page.contains("interval") && page.contains("vmq"), "{page}");
    }

    #[test]
    fn completions_know_every_command() {
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "vmq", &mut text);
            let text = String::from_utf8(text).unwrap();
            for words in all() {
                let last = words.rsplit(' ').next().unwrap();
                assert!(text.contains(last), "{shell}: {words}");
            }
        }
    }
}
