//! How lines are looked at: wrapped or not, with which times, what is searched and what alone is
//! shown. The same for timelines and logs. Nothing here holds lines.

use cupola_api::event::Severity;
use jiff::Timestamp;

/// What is searched for: without regard to case, unless it has a capital.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    exact: bool,
}

impl Pattern {
    /// A pattern; none where nothing was typed.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let exact = text.chars().any(char::is_uppercase);
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
            exact,
        })
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a line has it.
    pub(crate) fn matches(&self, line: &str) -> bool {
        self.find(line).is_some()
    }

    /// Where a line has it first, in bytes.
    pub(crate) fn find(&self, line: &str) -> Option<(usize, usize)> {
        if self.exact || !line.is_ascii() || !self.text.is_ascii() {
            let at = line.find(&self.text)?;
            return Some((at, at + self.text.len()));
        }
        let width = self.text.len();
        let windows = line.as_bytes().windows(width);
        let mut windows = windows.enumerate();
        let (at, _) = windows.find(|(_, w)| w.eq_ignore_ascii_case(self.text.as_bytes()))?;
        Some((at, at + width))
    }
}

/// How lines are looked at.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// Whether long lines go on in the next one.
    pub(crate) wrap: bool,
    /// Whether times are told as how long ago.
    pub(crate) relative: bool,
    /// What is searched for.
    pub(crate) search: Option<Pattern>,
    /// What alone is shown.
    pub(crate) filter: Option<Pattern>,
    /// What happened before is not shown.
    pub(crate) since: Option<Timestamp>,
}

impl Default for Viewer {
    fn default() -> Self {
        Self {
            wrap: true,
            relative: false,
            search: None,
            filter: None,
            since: None,
        }
    }
}

/// How bad a line of a log is, by the word that says so.
pub(crate) fn level(line: &str) -> Severity {
    // Levels stand near the beginning; what comes after is text.
    let end = line.char_indices().nth(80).map_or(line.len(), |(at, _)| at);
    let start = line.get(..end).unwrap_or(line);
    let words = start.split(|c: char| !c.is_ascii_alphabetic());
    words.fold(Severity::Info, |known, word| {
        let found = match word {
            "ERROR" | "CRITICAL" | "FATAL" | "Traceback" | "error" | "failed" => Severity::Error,
            "WARNING" | "WARN" | "warning" => Severity::Warning,
            "DEBUG" | "TRACE" if known == Severity::Info => return Severity::Debug,
            _ => return known,
        };
        known.max(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_capital_makes_it_exact() {
        let found =
            |pattern: &str, line: &str| Pattern::new(pattern).is_some_and(|p| p.matches(line));
        assert!(found("dhcp", "DHCP 52:54:00: asks"));
        assert!(!found("Dhcp", "DHCP 52:54:00: asks"));
        assert!(!found("", "anything"));
        assert!(found("é", "blé"));
    }

    #[test]
    fn lines_say_how_bad_they_are() {
        assert_eq!(level("2026-01-01 ERROR ironic: no disk"), Severity::Error);
        assert_eq!(level("12:00 WARNING low"), Severity::Warning);
        assert_eq!(level("DEBUG x"), Severity::Debug);
        assert_eq!(level("all is well"), Severity::Info);
    }

    proptest! {
        #[test]
        fn what_is_found_is_there(pattern in "[a-zA-Zé ]{1,5}", line in "\\PC{0,40}") {
            let pattern = Pattern::new(&pattern).expect("a pattern");
            if let Some((from, to)) = pattern.find(&line) {
                let found = line.get(from..to).expect("whole characters");
                prop_assert!(found.eq_ignore_ascii_case(pattern.text()) || found == pattern.text());
            }
        }
    }
}
