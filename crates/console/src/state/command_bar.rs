//! What the command bar remembers: what was typed before, and what may be typed now.

use super::complete::Completion;

/// As many lines are kept.
pub(crate) const KEPT: usize = 500;

/// What the command bar remembers.
#[derive(Debug, Default)]
pub(crate) struct CommandBar {
    /// What may be typed now.
    pub(crate) completion: Completion,
    /// What was typed before, the last line last.
    history: Vec<String>,
    /// Which line of it is shown.
    recalled: Option<usize>,
    /// What was typed before lines were recalled.
    draft: String,
}

impl CommandBar {
    /// Takes the lines of earlier runs.
    pub(crate) fn load(&mut self, lines: Vec<String>) {
        self.history = lines;
    }

    /// The bar is opened or closed: nothing is recalled, nothing offered.
    pub(crate) fn reset(&mut self) {
        self.recalled = None;
        self.draft.clear();
        self.completion = Completion::default();
    }

    /// Keeps a line; false for one that is not kept.
    pub(crate) fn remember(&mut self, line: &str) -> bool {
        let line = line.trim_end();
        if line.trim().is_empty() || !may_be_kept(line) {
            return false;
        }
        self.history.retain(|old| old != line);
        self.history.push(line.to_owned());
        let surplus = self.history.len().saturating_sub(KEPT);
        self.history.drain(..surplus);
        true
    }

    /// The line before, or after; `typed` is what stands in the bar.
    pub(crate) fn recall(&mut self, back: bool, typed: &str) -> Option<String> {
        let at = match (self.recalled, back) {
            (None, true) => {
                typed.clone_into(&mut self.draft);
                self.history.len().checked_sub(1)?
            }
            (None, false) => return None,
            (Some(at), true) => at.saturating_sub(1),
            (Some(at), false) => at + 1,
        };
        if let Some(line) = self.history.get(at) {
            self.recalled = Some(at);
            return Some(line.clone());
        }
        self.recalled = None;
        Some(std::mem::take(&mut self.draft))
    }
}

/// Whether a line may be kept: not one that begins with a blank, as in a shell, and none that may
/// hold a secret.
pub(crate) fn may_be_kept(line: &str) -> bool {
    let lower = line.to_lowercase();
    let telling = ["password", "secret", "token", "passphrase", "rescue"];
    !line.starts_with(' ') && !telling.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_what_was_typed_too() {
        let mut bar = CommandBar::default();
        assert_eq!(bar.recall(true, "x"), None);
        for line in ["sort name", "group rack", "sort name"] {
            assert!(bar.remember(line));
        }
        assert_eq!(bar.recall(true, "dr").as_deref(), Some("sort name"));
        assert_eq!(bar.recall(true, "").as_deref(), Some("group rack"));
        assert_eq!(bar.recall(true, "").as_deref(), Some("group rack"));
        assert_eq!(bar.recall(false, "").as_deref(), Some("sort name"));
        assert_eq!(bar.recall(false, "").as_deref(), Some("dr"));
        assert_eq!(bar.recall(false, ""), None);
    }

    #[test]
    fn secrets_are_not_kept_and_lines_are_bounded() {
        let mut bar = CommandBar::default();
        for line in [" sort name", "rescue n1 hunter2", "set Password=x", "  "] {
            assert!(!bar.remember(line), "{line}");
        }
        for number in 0..KEPT + 5 {
            bar.remember(&format!("node n{number}"));
        }
        assert_eq!(bar.history.len(), KEPT);
    }
}
