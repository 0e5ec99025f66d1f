//! Themes: a style for each role, from a TOML file. Screens know roles, never colours.

use std::path::Path;

use cupola_api::event::Severity;
use cupola_api::state::provision::ProvisionState;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::glyphs::Glyphs;
use crate::term::capabilities::{Capabilities, Characters};

const BUILT_IN: [&str; 3] = [
    include_str!("../../../../themes/default.toml"),
    include_str!("../../../../themes/light.toml"),
    include_str!("../../../../themes/mono.toml"),
];

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThemeError {
    /// Neither a built-in name nor a file.
    #[error("there is no theme {0:?}: use default, light, mono, or the path of a TOML file")]
    Unknown(String),
    /// The file cannot be read.
    #[error("theme {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// A style as a theme file has it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Spec {
    fg: Colour,
    bg: Colour,
    bold: bool,
    underlined: bool,
    reversed: bool,
}

/// The colours that every colour terminal has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Colour {
    #[default]
    Default,
    Black,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    Gray,
    DarkGray,
    LightRed,
    LightGreen,
    LightYellow,
    LightBlue,
    LightMagenta,
    LightCyan,
    White,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    text: Spec,
    muted: Spec,
    title: Spec,
    header: Spec,
    selected: Spec,
    mark: Spec,
    border: Spec,
    key: Spec,
    key_label: Spec,
    disabled: Spec,
    input: Spec,
    good: Spec,
    busy: Spec,
    waiting: Spec,
    warning: Spec,
    failed: Spec,
    off: Spec,
}

/// A style for each role, and the characters to draw with.
#[derive(Clone, Debug)]
pub(crate) struct Theme {
    /// Its name.
    pub(crate) name: String,
    /// Plain text.
    pub(crate) text: Style,
    /// Labels and what matters less.
    pub(crate) muted: Style,
    /// The title bar.
    pub(crate) title: Style,
    /// Heads of columns and sections.
    pub(crate) header: Style,
    /// The row or choice under the cursor.
    pub(crate) selected: Style,
    /// The mark of a marked row.
    pub(crate) mark: Style,
    /// Borders.
    pub(crate) border: Style,
    /// A key in the key bar.
    pub(crate) key: Style,
    /// What a key does.
    pub(crate) key_label: Style,
    /// What cannot be done now.
    pub(crate) disabled: Style,
    /// A field that is typed into.
    pub(crate) input: Style,
    /// As it should be.
    pub(crate) good: Style,
    /// Work is going on.
    pub(crate) busy: Style,
    /// Something is awaited.
    pub(crate) waiting: Style,
    /// Look at this.
    pub(crate) warning: Style,
    /// It went wrong.
    pub(crate) failed: Style,
    /// Powered off, at rest.
    pub(crate) off: Style,
    /// The characters to draw with.
    pub(crate) glyphs: Glyphs,
}

impl Theme {
    /// Loads a theme by its built-in name or from a file; without a name the one that fits.
    ///
    /// # Errors
    /// When there is no such theme, or its file is wrong.
    pub(crate) fn load(
        name: Option<&str>,
        ascii: bool,
        capabilities: &Capabilities,
    ) -> Result<Self, ThemeError> {
        let fitting = if capabilities.colours {
            "default"
        } else {
            "mono"
        };
        let name = name.unwrap_or(fitting);
        let file = find(name)?;
        let glyphs = if ascii || capabilities.characters == Characters::Ascii {
            Glyphs::ASCII
        } else {
            Glyphs::LINES
        };
        Ok(Self::from_file(file, glyphs))
    }

    fn from_file(file: File, glyphs: Glyphs) -> Self {
        let File {
            name,
            text,
            muted,
            title,
            header,
            selected,
            mark,
            border,
            key,
            key_label,
            disabled,
            input,
            good,
            busy,
            waiting,
            warning,
            failed,
            off,
        } = file;
        // A role that names no background stands on that of the text, not on the terminal's own.
        let ground = text.bg;
        let on_ground = |spec: Spec| Spec {
            bg: match spec.bg {
                Colour::Default => ground,
                named => named,
            },
            ..spec
        };
        let [muted, header, mark, border, key_label, disabled] =
            [muted, header, mark, border, key_label, disabled].map(on_ground);
        let [good, busy, waiting, warning, failed, off] =
            [good, busy, waiting, warning, failed, off].map(on_ground);
        Self {
            name,
            text: text.style(),
            muted: muted.style(),
            title: title.style(),
            header: header.style(),
            // A VGA console draws bold black as grey: what is selected sheds the bold of its cells.
            selected: if selected.bold {
                selected.style()
            } else {
                selected.style().remove_modifier(Modifier::BOLD)
            },
            mark: mark.style(),
            border: border.style(),
            key: key.style(),
            key_label: key_label.style(),
            disabled: disabled.style(),
            input: input.style(),
            good: good.style(),
            busy: busy.style(),
            waiting: waiting.style(),
            warning: warning.style(),
            failed: failed.style(),
            off: off.style(),
            glyphs,
        }
    }

    /// The style of a provision state.
    pub(crate) const fn state(&self, state: ProvisionState) -> Style {
        if state.is_failed() {
            self.failed
        } else if state.is_working() {
            self.busy
        } else if state.is_waiting() {
            self.waiting
        } else {
            match state {
                ProvisionState::Active | ProvisionState::Available => self.good,
                ProvisionState::CleanHold
                | ProvisionState::DeployHold
                | ProvisionState::ServiceHold
                | ProvisionState::Rescue => self.warning,
                _ => self.text,
            }
        }
    }

    /// The style of a line of this severity.
    pub(crate) const fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Debug => self.muted,
            Severity::Info => self.text,
            Severity::Warning => self.warning,
            Severity::Error => self.failed,
        }
    }
}

fn find(name: &str) -> Result<File, ThemeError> {
    let built_in = BUILT_IN
        .iter()
        .filter_map(|text| toml::from_str::<File>(text).ok());
    if let Some(file) = built_in.into_iter().find(|file| file.name == name) {
        return Ok(file);
    }
    if !Path::new(name).exists() {
        return Err(ThemeError::Unknown(name.to_owned()));
    }
    let unreadable = |reason: String| ThemeError::Unreadable {
        path: name.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(name).map_err(|e| unreadable(e.to_string()))?;
    toml::from_str(&text).map_err(|e| unreadable(e.to_string()))
}

impl Spec {
    fn style(self) -> Style {
        let mut modifier = Modifier::empty();
        modifier.set(Modifier::BOLD, self.bold);
        modifier.set(Modifier::UNDERLINED, self.underlined);
        modifier.set(Modifier::REVERSED, self.reversed);
        Style::new()
            .fg(self.fg.terminal())
            .bg(self.bg.terminal())
            .add_modifier(modifier)
    }
}

impl Colour {
    const fn terminal(self) -> Color {
        match self {
            Self::Default => Color::Reset,
            Self::Black => Color::Black,
            Self::Red => Color::Red,
            Self::Green => Color::Green,
            Self::Yellow => Color::Yellow,
            Self::Blue => Color::Blue,
            Self::Magenta => Color::Magenta,
            Self::Cyan => Color::Cyan,
            Self::Gray => Color::Gray,
            Self::DarkGray => Color::DarkGray,
            Self::LightRed => Color::LightRed,
            Self::LightGreen => Color::LightGreen,
            Self::LightYellow => Color::LightYellow,
            Self::LightBlue => Color::LightBlue,
            Self::LightMagenta => Color::LightMagenta,
            Self::LightCyan => Color::LightCyan,
            Self::White => Color::White,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_can_be_read() {
        for text in BUILT_IN {
            let file: File = toml::from_str(text).expect("a theme");
            assert_eq!(find(&file.name).expect("found by its name").name, file.name);
        }
    }

    #[test]
    fn an_unknown_theme_says_what_there_is() {
        let error = find("neon").expect_err("no such theme").to_string();
        assert!(error.contains("mono"), "{error}");
    }
}
