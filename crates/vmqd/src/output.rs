//! How text for people looks: the few colours in use and tables whose columns line up.
//!
//! Colours are written always and taken out by `anstream` where they do not belong: when the output is
//! no terminal, or `NO_COLOR` is set.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const HEAD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Which edge of its column a cell stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One cell: its text, without any escape sequence, and its style.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

/// A table with a bold heading.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [(&'static str, Align); N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: [Cell; N]) {
        self.rows.push(row);
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: [usize; N] = std::array::from_fn(|at| {
            let cells = self.rows.iter().map(|row| row[at].text.chars().count());
            cells.chain([self.columns[at].0.len()]).max().unwrap_or(0)
        });
        let heading = self.columns.map(|(title, _)| Cell::styled(title, HEAD));
        for row in std::iter::once(&heading).chain(&self.rows) {
            let last = row
                .iter()
                .rposition(|cell| !cell.text.is_empty())
                .unwrap_or(0);
            for (at, cell) in row.iter().enumerate().take(last + 1) {
                let (style, text) = (cell.style, &cell.text);
                let pad = widths[at] - text.chars().count();
                let (before, after) = match self.columns[at].1 {
                    Align::Left => (0, if at == last { 0 } else { pad }),
                    Align::Right => (pad, 0),
                };
                let gap = if at == last { "" } else { "  " };
                write!(
                    out,
                    "{:before$}{style}{text}{style:#}{:after$}{gap}",
                    "", ""
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// `1234567` as `1 234 567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes with three significant digits: `999 B`, `1.50 MB`.
pub(crate) fn bytes(n: u64) -> String {
    scaled(n, "B", ["kB", "MB", "GB", "TB", "PB", "EB"])
}

fn scaled(n: u64, one: &str, units: [&str; 6]) -> String {
    if n < 1000 {
        return format!("{n} {one}");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = n as f64;
    let mut unit = one;
    for next in units {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.digits$} {unit}")
}

/// A number of bits a second with three significant digits: `940 Mbit/s`.
pub(crate) fn bits_per_second(bits: f64) -> String {
    let units = ["kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", "Ebit/s"];
    // A cast ends at the ends of its type.
    scaled(bits.round() as u64, "bit/s", units)
}

/// A span of time as people say it: `42 s`, `3 min 20 s`, `5 h 7 min`, `12 d 3 h`.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1 000");
        assert_eq!(grouped(12_345_678), "12 345 678");
        assert_eq!(grouped(u64::MAX), "18 446 744 073 709 551 615");
    }

    #[test]
    fn bytes_keep_three_digits_at_every_unit_boundary() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.00 kB");
        assert_eq!(bytes(9_994), "9.99 kB");
        assert_eq!(bytes(9_999), "10.0 kB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(1_500_000_000), "1.50 GB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
    }

    #[test]
    fn bits_have_the_units_of_bytes() {
        assert_eq!(bits_per_second(0.4), "0 bit/s");
        assert_eq!(bits_per_second(940_000_000.0), "940 Mbit/s");
        assert_eq!(bits_per_second(f64::NAN), "0 bit/s");
    }

    #[test]
    fn spans_have_at_most_two_units() {
        assert_eq!(span(42), "42 s");
        assert_eq!(span(200), "3 min 20 s");
        assert_eq!(span(18_420), "5 h 7 min");
        assert_eq!(span(12 * 86_400 + 3 * 3600 + 59), "12 d 3 h");
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let mut table = Table::new([
            ("PORT", Align::Left),
            ("FRAMES", Align::Right),
            ("NOTE", Align::Left),
        ]);
        table.push(["p0".into(), "1 000".into(), "ok".into()]);
        table.push(["uplink".into(), "7".into(), "".into()]);
        let mut out = anstream::StripStream::new(Vec::new());
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(
            text,
            "PORT    FRAMES  NOTE\np0       1 000  ok\nuplink       7\n"
        );
    }
}
