//! What is wrong with a file, in words that show nothing of what stands in it.

use std::fmt::Display;

use super::FIELDS;

/// Letters by which a misspelt field may differ from the one that is meant.
const MISSPELT: usize = 2;

/// A place and what is wrong there, with the field where it is known.
pub(super) fn at(text: &str, line: u64, column: u64, problem: impl Display) -> String {
    match field(text, line, column) {
        Some(field) => format!("line {line}, column {column}: {field}: {problem}"),
        None => format!("line {line}, column {column}: {problem}"),
    }
}

/// What to say of a field that there is not: its text may be a value at the wrong place.
pub(super) fn unknown_field(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let near = FIELDS
        .iter()
        .map(|field| (distance(field, &text), field))
        .filter(|(distance, field)| *distance <= MISSPELT && *distance < field.len())
        .min();
    match near {
        Some((_, field)) => format!("there is no such field; is {field} meant?"),
        None => format!("there is no such field; there are {}", FIELDS.join(", ")),
    }
}

/// The last field that is named on a line up to a column, counted from 1.
fn field(text: &str, line: u64, column: u64) -> Option<&'static str> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).unwrap_or(usize::MAX);
    let line = text.lines().nth(line)?;
    let named = FIELDS.iter().filter_map(|field| {
        let named = |(at, _): &(usize, &str)| {
            let head = line.get(..*at).unwrap_or_default();
            let tail = line.get(at + field.len()..).unwrap_or_default();
            let before = head.chars().next_back();
            head.chars().count() < column
                && before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                && tail.trim_start_matches(['"', '\'', ' ']).starts_with(':')
        };
        let (at, _) = line.rmatch_indices(field).find(named)?;
        Some((at, *field))
    });
    named.max().map(|(_, field)| field)
}

/// Letters to insert, remove or replace on the way from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (number, a) in (1..).zip(from.chars()) {
        let mut next = vec![number];
        let mut left = number;
        for (b, above) in to.iter().zip(row.windows(2)) {
            let [corner, up] = above else { continue };
            left = (corner + usize::from(a != *b)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_told_from_a_value() {
        assert!(unknown_field("pasword").contains("is password meant"));
        assert!(unknown_field("MACS").contains("is macs meant"));
        assert!(!unknown_field("s3cr3t").contains("s3cr3t"));
    }

    #[test]
    fn the_field_before_a_place() {
        let text = "- name: u1\n  port: nine\n- {user: a, \"password\" : 1}";
        assert_eq!(field(text, 2, 9), Some("port"));
        assert_eq!(field(text, 3, 24), Some("password"));
        assert_eq!(field(text, 9, 1), None);
    }
}
