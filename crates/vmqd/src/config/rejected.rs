//! What is wrong with a configuration, said so that it can be put right: where, which field, what,
//! and what to do.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use crate::output::{DIM, ERROR};

/// The text of a configuration file and its name.
#[derive(Clone, Debug)]
pub(super) struct Source {
    name: String,
    text: String,
}

/// A configuration that is not taken, with everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejected {
    findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
struct Finding {
    /// Where in the file; what stands in no file comes last.
    at: usize,
    message: String,
    excerpt: Option<Excerpt>,
}

/// The line of a finding, and which of its characters are meant.
#[derive(Clone, Debug)]
struct Excerpt {
    number: usize,
    line: String,
    marked: Range<usize>,
}

impl Source {
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            name: path.display().to_string(),
            text,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let (number, column) = self.position(span.start);
        let line = self
            .text
            .lines()
            .nth(number - 1)
            .unwrap_or_default()
            .replace('\t', " ");
        let (last_line, last_column) = self.position(span.end);
        let end = if last_line == number {
            last_column
        } else {
            line.chars().count() + 1
        };
        Excerpt {
            number,
            line,
            marked: column - 1..(end - 1).max(column),
        }
    }
}

impl Rejected {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let mut rejected = Self::default();
        rejected.add(format!("{}: cannot be read: {error}", path.display()));
        rejected
    }

    /// One mistake in the file, at these bytes.
    pub(super) fn at(source: &Source, span: Range<usize>, said: &str) -> Self {
        let mut rejected = Self::default();
        rejected.add_at(source, span, said);
        rejected
    }

    pub(super) fn add_at(&mut self, source: &Source, span: Range<usize>, said: &str) {
        let (line, column) = source.position(span.start);
        self.add_finding(Finding {
            at: span.start,
            message: format!("{}:{line}:{column}: {said}", source.name),
            excerpt: Some(source.excerpt(&span)),
        });
    }

    /// A mistake that stands in no file.
    pub(super) fn add(&mut self, said: String) {
        self.add_finding(Finding {
            at: usize::MAX,
            message: said,
            excerpt: None,
        });
    }

    /// In the order of the file.
    fn add_finding(&mut self, finding: Finding) {
        let at = self
            .findings
            .partition_point(|other| other.at <= finding.at);
        self.findings.insert(at, finding);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Everything that is wrong, each with the line it stands in.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Finding {
            message, excerpt, ..
        } in &self.findings
        {
            writeln!(out, "{ERROR}error:{ERROR:#} {message}")?;
            if let Some(Excerpt {
                number,
                line,
                marked,
            }) = excerpt
            {
                let margin = number.to_string().len();
                let (before, carets) = (" ".repeat(marked.start), "^".repeat(marked.len()));
                writeln!(out, "{DIM}{:margin$} |{DIM:#}", "")?;
                writeln!(out, "{DIM}{number} |{DIM:#} {line}")?;
                writeln!(
                    out,
                    "{DIM}{:margin$} |{DIM:#} {before}{ERROR}{carets}{ERROR:#}",
                    ""
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.findings.iter().enumerate() {
            let newline = if at > 0 { "\n" } else { "" };
            write!(f, "{newline}{}", finding.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let source = Source::new(Path::new("vmq.toml"), text.to_owned());
        let rejected = Rejected::at(&source, span, "port.name: it is wrong: write it right");
        let mut out = anstream::StripStream::new(Vec::new());
        rejected.write(&mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn the_place_is_named_and_shown() {
        assert_eq!(
            shown("[[port]]\nname = \"é\"\n", 16..20),
            "error: vmq.toml:2:8: port.name: it is wrong: write it right\n  |\n2 | name = \"é\"\n  |        ^^^\n"
        );
    }

    #[test]
    fn a_place_at_the_very_end_is_shown_too() {
        assert_eq!(
            shown("name = ", 7..7),
            "error: vmq.toml:1:8: port.name: it is wrong: write it right\n  |\n1 | name = \n  |        ^\n"
        );
        assert!(shown("", 0..0).starts_with("error: vmq.toml:1:1:"));
    }

    #[test]
    fn of_a_value_over_several_lines_the_first_is_shown() {
        let text = "cpus = [\n  0,\n  0,\n]\n";
        assert!(
            shown(text, 7..20).contains("1 | cpus = [\n  |        ^\n"),
            "{}",
            shown(text, 7..20)
        );
    }
}
