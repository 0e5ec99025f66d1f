//! What commands print: lines, tables, JSON. The only place that writes to standard output.
//!
//! Names, descriptions and errors come from elsewhere: what would act on the terminal is taken out of
//! all text here. JSON is for programs and goes out as it is.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::Failure;
use crate::ui::text::harmless;

/// Prints one line; a reader who went away is no failure.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn line(text: &str) -> io::Result<()> {
    write_line(&harmless(text))
}

/// Prints a question, after which the answer is typed.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn prompt(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", harmless(text))?;
    out.flush()
}

/// Prints a text of several lines, such as a file.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn lines(text: &str) -> io::Result<()> {
    write_line(&harmless_lines(text))
}

/// Prints a program text as it is: it is made here, and another program reads it.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn script(text: &str) -> io::Result<()> {
    write_line(text)
}

fn write_line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // A reader such as `head` has seen enough: that is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints an error to standard error; a closed standard error is nobody's fault.
pub(crate) fn error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "cupola: {}", harmless_lines(text));
}

/// Files, and errors of configuration files, which show the place, have several lines.
fn harmless_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(harmless).collect();
    lines.join("\n")
}

/// Prints a note for a person to standard error, so that it does not mix with data.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn json_line(value: &impl Serialize) -> io::Result<()> {
    write_line(&serde_json::to_string(value)?)
}

/// Prints a value as JSON for scripts.
///
/// # Errors
/// When nobody reads any more.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    Ok(write_line(&text)?)
}

/// A table for people: columns as wide as their widest cell, the last one unpadded.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self {
            rows: vec![heads.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        let clean = |cell: String| harmless(&cell).into_owned();
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// The table as text, one line per row.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let padded = |row: &Vec<String>| {
            let mut text = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let gap = width.saturating_sub(cell.width()) + 2;
                text.push_str(cell);
                text.push_str(&" ".repeat(gap));
            }
            text.trim_end().to_owned()
        };
        self.rows.iter().map(padded).collect()
    }

    /// Prints it.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn print(&self) -> io::Result<()> {
        self.lines().iter().try_for_each(|text| line(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_does_not_act_on_the_terminal() {
        let mut table = Table::new(&["FIELD", "VALUE"]);
        table.row(vec![
            "description".to_owned(),
            "a\x1b[2J\x07\u{202e}b".to_owned(),
        ]);
        assert_eq!(table.lines()[1], "description  a [2J  b");
        assert_eq!(harmless_lines("key\x1b\n  ^ here"), "key \n  ^ here");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(vec!["a-long-name".to_owned(), "active".to_owned()]);
        table.row(vec!["b".to_owned(), "enroll".to_owned()]);
        assert_eq!(
            table.lines(),
            [
                "NAME         STATE",
                "a-long-name  active",
                "b            enroll"
            ]
        );
    }
}
