//! One line of text that is typed, with a cursor in it.

use unicode_width::UnicodeWidthChar;

use crate::key::Key;

/// The longest text that is taken, in characters.
const MAX: usize = 4096;

/// One line of text.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct LineEdit {
    before: String,
    after: String,
}

// What is typed may be a secret.
impl std::fmt::Debug for LineEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LineEdit(..)")
    }
}

impl LineEdit {
    /// A line with this text, the cursor at its end.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            before: text.to_owned(),
            after: String::new(),
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// Whether there is no text.
    pub(crate) const fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// How many characters there are.
    pub(crate) fn len(&self) -> usize {
        self.before.chars().count() + self.after.chars().count()
    }

    /// How many columns are before the cursor.
    pub(crate) fn column(&self) -> usize {
        self.before
            .chars()
            .filter_map(UnicodeWidthChar::width)
            .sum()
    }

    /// How many characters are before the cursor.
    pub(crate) fn position(&self) -> usize {
        self.before.chars().count()
    }

    /// Takes a key; false when it means nothing here.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        match key {
            Key::Char(c) => self.insert(c),
            Key::Backspace => drop(self.before.pop()),
            Key::Delete => self.after = self.after.chars().skip(1).collect(),
            Key::Left => {
                if let Some(c) = self.before.pop() {
                    self.after.insert(0, c);
                }
            }
            Key::Right => {
                let mut rest = self.after.chars();
                self.before.extend(rest.next());
                self.after = rest.collect();
            }
            Key::Home | Key::Ctrl('a') => {
                self.after = self.text();
                self.before.clear();
            }
            Key::End | Key::Ctrl('e') => {
                self.before = self.text();
                self.after.clear();
            }
            Key::Ctrl('u') => self.before.clear(),
            Key::Ctrl('k') => self.after.clear(),
            Key::Ctrl('w') => {
                let kept = self.before.trim_end();
                let cut = kept.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.before.truncate(cut);
            }
            Key::Ctrl(_)
            | Key::Alt(_)
            | Key::Enter
            | Key::Esc
            | Key::Tab
            | Key::BackTab
            | Key::Insert
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::F(_) => return false,
        }
        true
    }

    /// Inserts a pasted text; line breaks become blanks, other control characters vanish.
    pub(crate) fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars() {
            self.insert(if c == '\n' || c == '\t' { ' ' } else { c });
        }
    }

    fn insert(&mut self, c: char) {
        if !c.is_control() && self.len() < MAX {
            self.before.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::keys;

    #[test]
    fn edits() {
        let mut line = LineEdit::default();
        for key in keys("10.0.0.15<left><bs>2<end>5<home>x<c-e>!") {
            assert!(line.key(key), "{key}");
        }
        assert_eq!(line.text(), "x10.0.0.255!");
        line.key(Key::Ctrl('u'));
        line.paste("a\nb\x07\n");
        assert_eq!(line.text(), "a b");
        line.key(Key::Ctrl('w'));
        assert_eq!(line.text(), "a ");
        assert!(!line.key(Key::Up));
    }
}
