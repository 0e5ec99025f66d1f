//! Forms: fields below each other, one of them with the focus.

use crate::given;
use crate::key::Key;

use super::line_edit::LineEdit;

/// What a field holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text.
    Text(LineEdit),
    /// A text that is never shown.
    Hidden(LineEdit),
    /// One of several.
    Choice {
        /// What there is to choose from.
        options: Vec<String>,
        /// Which one is chosen.
        chosen: usize,
    },
    /// Yes or no.
    Switch(bool),
}

/// What stands in the barcode that a field is filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// Any text.
    Text,
    /// A MAC address.
    Mac,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its label.
    pub(crate) label: &'static str,
    /// What it is for, shown while it has the focus.
    pub(crate) hint: &'static str,
    /// What it holds.
    pub(crate) value: Value,
    /// What a barcode in it says.
    pub(crate) label_of: Label,
    /// What is wrong with it.
    pub(crate) error: Option<String>,
}

impl Field {
    /// A field for a text.
    pub(crate) fn text(label: &'static str, hint: &'static str, text: &str) -> Self {
        Self::new(label, hint, Value::Text(LineEdit::new(text)))
    }

    /// A field for a MAC address.
    pub(crate) fn mac(label: &'static str, hint: &'static str) -> Self {
        Self {
            label_of: Label::Mac,
            ..Self::text(label, hint, "")
        }
    }

    /// A field for a text that is never shown.
    pub(crate) fn hidden(label: &'static str, hint: &'static str) -> Self {
        Self::new(label, hint, Value::Hidden(LineEdit::default()))
    }

    /// A field for a choice.
    pub(crate) fn choice(label: &'static str, hint: &'static str, options: Vec<String>) -> Self {
        Self::new(label, hint, Value::Choice { options, chosen: 0 })
    }

    /// A field for yes or no.
    pub(crate) const fn switch(label: &'static str, hint: &'static str, on: bool) -> Self {
        Self::new(label, hint, Value::Switch(on))
    }

    /// Gives it another text; a choice or a switch has none.
    pub(crate) fn fill(&mut self, text: &str) {
        if let Value::Text(line) | Value::Hidden(line) = &mut self.value {
            *line = LineEdit::new(text);
        }
        self.error = None;
    }

    /// Whether it holds what a person typed, not chose.
    pub(crate) const fn is_typed(&self) -> bool {
        match self.value {
            Value::Text(_) | Value::Hidden(_) => true,
            Value::Choice { .. } | Value::Switch(_) => false,
        }
    }

    const fn new(label: &'static str, hint: &'static str, value: Value) -> Self {
        Self {
            label,
            hint,
            value,
            label_of: Label::Text,
            error: None,
        }
    }
}

/// What a key did to a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was taken.
    Taken,
    /// The form is done.
    Submitted,
    /// It means nothing here.
    Ignored,
}

/// Fields below each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The fields.
    pub(crate) fields: Vec<Field>,
    /// Which one has the focus.
    pub(crate) focus: usize,
}

impl Form {
    /// A form with these fields.
    pub(crate) const fn new(fields: Vec<Field>) -> Self {
        Self { fields, focus: 0 }
    }

    /// Takes a key. Enter goes on to the next field and submits on the last one.
    pub(crate) fn key(&mut self, key: Key) -> Outcome {
        match key {
            Key::Up | Key::BackTab => self.focus = self.focus.saturating_sub(1),
            Key::Down | Key::Tab => self.forward(),
            Key::Enter if self.focus + 1 >= self.fields.len() => return Outcome::Submitted,
            Key::Enter => self.forward(),
            Key::Ctrl('s') | Key::F(8) => return Outcome::Submitted,
            other => return self.edit(other),
        }
        Outcome::Taken
    }

    fn edit(&mut self, key: Key) -> Outcome {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Outcome::Ignored;
        };
        let taken = match &mut field.value {
            Value::Text(line) | Value::Hidden(line) => line.key(key),
            Value::Choice { options, chosen } => match key {
                Key::Left => {
                    *chosen = chosen
                        .checked_sub(1)
                        .unwrap_or(options.len().saturating_sub(1));
                    true
                }
                Key::Right | Key::Char(' ') => {
                    *chosen = (*chosen + 1) % options.len().max(1);
                    true
                }
                _ => false,
            },
            Value::Switch(on) => {
                let taken = matches!(key, Key::Left | Key::Right | Key::Char(' '));
                *on ^= taken;
                taken
            }
        };
        if taken {
            field.error = None;
            Outcome::Taken
        } else {
            Outcome::Ignored
        }
    }

    fn forward(&mut self) {
        self.focus = (self.focus + 1).min(self.fields.len().saturating_sub(1));
    }

    /// Gives a field another text.
    pub(crate) fn set(&mut self, label: &str, text: &str) {
        if let Some(field) = self.fields.iter_mut().find(|f| f.label == label) {
            field.fill(text);
        }
    }

    /// Takes a pasted text.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(field) = self.fields.get_mut(self.focus)
            && let Value::Text(line) | Value::Hidden(line) = &mut field.value
        {
            line.paste(text);
            field.error = None;
        }
    }

    /// Takes the burst of a barcode scanner, which was typed into the field with the focus, as a whole:
    /// it replaces what stood there, unless it only goes on with it. The next field gets the focus;
    /// the form is never submitted. Tells whether it was the last field; nothing where the field
    /// takes no scans.
    pub(crate) fn scanned(&mut self, text: &str, fresh: bool) -> Option<bool> {
        let field = self.fields.get_mut(self.focus)?;
        let Value::Text(line) = &mut field.value else {
            return None;
        };
        let mac = match field.label_of {
            Label::Mac => given::mac(text).ok().map(|mac| mac.to_string()),
            Label::Text => None,
        };
        match mac {
            Some(mac) => *line = LineEdit::new(&mac),
            None if fresh => *line = LineEdit::new(given::label(text)),
            None => {}
        }
        field.error = None;
        let is_last = self.focus + 1 >= self.fields.len();
        self.forward();
        Some(is_last)
    }

    /// The text of a field, without blanks around it; of a choice, what is chosen.
    pub(crate) fn text(&self, label: &str) -> String {
        match self.field(label).map(|f| &f.value) {
            Some(Value::Text(line)) => line.text().trim().to_owned(),
            Some(Value::Hidden(line)) => line.text(),
            Some(Value::Choice { options, chosen }) => {
                options.get(*chosen).cloned().unwrap_or_default()
            }
            Some(Value::Switch(_)) | None => String::new(),
        }
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, label: &str) -> bool {
        matches!(
            self.field(label).map(|f| &f.value),
            Some(Value::Switch(true))
        )
    }

    /// Says what is wrong with a field and gives it the focus.
    pub(crate) fn complain(&mut self, label: &str, error: impl Into<String>) {
        let Some(at) = self.fields.iter().position(|f| f.label == label) else {
            return;
        };
        self.focus = at;
        if let Some(field) = self.fields.get_mut(at) {
            field.error = Some(error.into());
        }
    }

    fn field(&self, label: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.label == label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::keys;

    #[test]
    fn a_scan_replaces_goes_on_and_never_submits() {
        let fields = || vec![Field::mac("MAC", ""), Field::text("Serial number", "", "")];
        let mut form = Form::new(fields());
        for key in keys("52:54MAC: 5254.00AB.CDEF") {
            form.key(key);
        }
        assert_eq!(form.scanned("MAC: 5254.00AB.CDEF", true), Some(false));
        assert_eq!(
            (form.text("MAC").as_str(), form.focus),
            ("52:54:00:ab:cd:ef", 1)
        );
        for key in keys("S/N: CZ1234") {
            form.key(key);
        }
        assert_eq!(form.scanned("S/N: CZ1234", true), Some(true));
        assert_eq!(
            (form.text("Serial number").as_str(), form.focus),
            ("CZ1234", 1)
        );
        // What a slow line delivered in pieces stays as it was typed.
        let mut pieces = Form::new(vec![Field::text("Address", "", "10.0.0.117")]);
        assert_eq!(pieces.scanned("0.0.117", false), Some(true));
        assert_eq!(pieces.text("Address"), "10.0.0.117");
        let mut hidden = Form::new(vec![Field::hidden("Password", "")]);
        assert_eq!(hidden.scanned("secret", true), None);
    }

    #[test]
    fn a_form_is_filled_in_with_the_keyboard() {
        let mut form = Form::new(vec![
            Field::choice("Driver", "", vec!["ipmi".to_owned(), "fake".to_owned()]),
            Field::text("Address", "", ""),
            Field::switch("Inspect", "", true),
        ]);
        let mut last = Outcome::Ignored;
        for key in keys("<right><enter>10.0.0.1 <tab><space><enter>") {
            last = form.key(key);
        }
        assert_eq!(last, Outcome::Submitted);
        assert_eq!(form.text("Driver"), "fake");
        assert_eq!(form.text("Address"), "10.0.0.1");
        assert!(!form.is_on("Inspect"));
        form.complain("Address", "does not answer");
        assert_eq!(form.focus, 1);
        form.key(Key::Char('9'));
        assert_eq!(form.fields[1].error, None);
    }
}
