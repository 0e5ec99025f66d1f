//! What became of a run, as a text to read and as CSV (RFC 4180) for other programs.

use std::fmt::Write;

use jiff::Timestamp;

use super::{Entry, Run};
use crate::describe;

/// The report of a run: CSV where the file's name ends so, else a text.
pub(crate) fn report(run: &Run, file: &str, now: Timestamp) -> String {
    if file.ends_with(".csv") {
        csv(run, now)
    } else {
        text(run, now)
    }
}

fn took(entry: &Entry, now: Timestamp) -> String {
    let took = entry.took(now).map(|took| took.as_millis());
    let took = took.and_then(|ms| u64::try_from(ms).ok());
    took.map(describe::duration).unwrap_or_default()
}

fn text(run: &Run, now: Timestamp) -> String {
    let counts = run.counts();
    let mut out = format!(
        "{}, asked for at {}: {} reached, {} failed, {} not sent, {} left out\n\n",
        run.name,
        run.begun,
        counts.reached,
        counts.failed,
        counts.skipped + counts.waiting,
        run.left_out.len()
    );
    for entry in &run.entries {
        let reason = entry.outcome.reason().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}  {}  {}  {}  {reason}",
            entry.name,
            entry.node,
            entry.outcome.word(),
            took(entry, now)
        );
    }
    for (name, why) in &run.left_out {
        let _ = writeln!(out, "{name}  left out: {why}");
    }
    out
}

fn csv(run: &Run, now: Timestamp) -> String {
    let mut out = String::from("name,uuid,action,outcome,reason,sent,seconds\r\n");
    let mut line = |cells: [&str; 7]| {
        out.push_str(&cells.map(cell).join(","));
        out.push_str("\r\n");
    };
    for entry in &run.entries {
        let seconds = entry
            .took(now)
            .map(|took| format!("{:.1}", took.as_secs_f64()));
        line([
            &entry.name,
            &entry.node.to_string(),
            entry.action.name(),
            &entry.outcome.word().to_ascii_lowercase(),
            entry.outcome.reason().unwrap_or_default(),
            &entry.sent.map(|at| at.to_string()).unwrap_or_default(),
            &seconds.unwrap_or_default(),
        ]);
    }
    for (name, why) in &run.left_out {
        line([name, "", run.name, "left out", why, "", ""]);
    }
    out
}

/// A cell, quoted where it must be. What a spreadsheet would take for a formula is kept a text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cell_is_read_back_by_any_reader_of_csv(texts in prop::collection::vec(".*", 1..5)) {
            // A byte order mark at the very start of a file is none of its first cell.
            let texts: Vec<String> = ["name".to_owned()].into_iter().chain(texts).collect();
            let line = texts.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            if let Some(record) = reader.records().next() {
                let record = record.expect("a record");
                prop_assert_eq!(record.len(), texts.len());
                for (read, text) in record.iter().zip(&texts) {
                    prop_assert!(read == text || read.strip_prefix('\'') == Some(text));
                }
            }
        }
    }
}
