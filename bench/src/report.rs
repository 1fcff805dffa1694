//! Figures for people, for scripts and for documents: a table, JSON, a chart.

use std::fmt::Write;

use serde_json::{Value, json};

/// What a measurement found.
pub struct Table {
    /// What was measured.
    pub title: String,
    /// Names of the columns, units included, and how many digits after the point are worth printing.
    pub columns: Vec<(&'static str, usize)>,
    /// Each line's name and its figures; NaN where there is none.
    pub rows: Vec<(String, Vec<f64>)>,
    /// What to know when reading it.
    pub notes: Vec<String>,
}

impl Table {
    /// A table without lines.
    pub fn new(title: impl Into<String>, columns: &[(&'static str, usize)]) -> Table {
        Table {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One more line.
    pub fn row(&mut self, name: impl Into<String>, figures: &[f64]) {
        debug_assert_eq!(figures.len(), self.columns.len());
        self.rows.push((name.into(), figures.to_vec()));
    }

    /// For people, and for Markdown.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<Vec<String>> = Vec::new();
        let head = self.columns.iter().map(|(name, _)| (*name).to_owned());
        lines.push([String::new()].into_iter().chain(head).collect());
        for (name, figures) in &self.rows {
            let cells = figures
                .iter()
                .zip(&self.columns)
                .map(|(figure, (_, digits))| {
                    if figure.is_nan() {
                        "-".to_owned()
                    } else {
                        format!("{figure:.digits$}")
                    }
                });
            lines.push([name.clone()].into_iter().chain(cells).collect());
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..=self.columns.len())
            .map(|at| width(at).unwrap_or(0))
            .collect();
        let mut text = format!("{}\n\n", self.title);
        for (number, line) in lines.iter().enumerate() {
            for (at, cell) in line.iter().enumerate() {
                let width = widths[at];
                // Names to the left, figures to the right.
                let _ = if at == 0 {
                    write!(text, "| {cell:<width$} ")
                } else {
                    write!(text, "| {cell:>width$} ")
                };
            }
            text.push_str("|\n");
            if number == 0 {
                for (at, width) in widths.iter().enumerate() {
                    let _ = write!(
                        text,
                        "|{}{}",
                        "-".repeat(width + 1),
                        if at == 0 { "-" } else { ":" }
                    );
                }
                text.push_str("|\n");
            }
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }

    /// For scripts.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(name, figures)| {
                let mut row = serde_json::Map::from_iter([("what".to_owned(), json!(name))]);
                for (figure, (column, _)) in figures.iter().zip(&self.columns) {
                    row.insert((*column).to_owned(), json!(figure));
                }
                Value::Object(row)
            })
            .collect();
        json!({ "title": self.title, "rows": rows, "notes": self.notes })
    }

    /// The first column as horizontal bars, in SVG.
    pub fn to_svg(&self) -> String {
        const BAR: usize = 20;
        const LABEL: usize = 210;
        const LENGTH: f64 = 380.0;
        let figures =
            |(_, figures): &(String, Vec<f64>)| figures.first().copied().filter(|f| f.is_finite());
        let most = self
            .rows
            .iter()
            .filter_map(figures)
            .fold(f64::MIN_POSITIVE, f64::max);
        let (unit, digits) = self.columns.first().copied().unwrap_or(("", 0));
        let height = 44 + BAR * self.rows.len();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"8\" y=\"20\" font-weight=\"bold\">{}: {}</text>\n",
            escaped(&self.title),
            escaped(unit)
        );
        for (at, row) in self.rows.iter().enumerate() {
            let Some(figure) = figures(row) else { continue };
            let (top, length) = (34 + BAR * at, figure / most * LENGTH);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LABEL}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{figure:.digits$}</text>",
                LABEL - 6,
                top + 13,
                escaped(&row.0),
                top + 2,
                BAR - 5,
                if row.0.starts_with("vmq") {
                    "#2a6f97"
                } else {
                    "#8fb8d0"
                },
                LABEL as f64 + length + 5.0,
                top + 13,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Rates < ours", &[("Mframe/s", 1), ("µs", 2)]);
        table.row("vmq 64", &[20.04, 0.5]);
        table.row("other", &[10.0, f64::NAN]);
        table
    }

    #[test]
    fn the_table_is_markdown_and_says_what_is_missing() {
        let text = table().to_text();
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines[0], "|        | Mframe/s |   µs |");
        assert_eq!(lines[1], "|--------|---------:|-----:|");
        assert_eq!(lines[2], "| vmq 64 |     20.0 | 0.50 |");
        assert_eq!(lines[3], "| other  |     10.0 |    - |");
    }

    #[test]
    fn scripts_find_figures_by_their_columns() {
        let json = table().to_json();
        assert_eq!(json["rows"][0]["Mframe/s"], 20.04);
        assert!(json["rows"][1]["µs"].is_null());
    }

    #[test]
    fn the_longest_bar_is_the_largest_figure_and_text_is_escaped() {
        let svg = table().to_svg();
        assert!(svg.contains("Rates &lt; ours"));
        assert!(svg.contains("width=\"380.0\"") && svg.contains("width=\"189.6\""));
    }
}
