//! Themes: a style for each role, from a TOML file. Screens know roles, never colours.

mod colour;
mod file;

use cupola_api::event::Severity;
use cupola_api::state::provision::ProvisionState;
use ratatui::style::{Color, Modifier, Style};

use super::glyphs::Glyphs;
use crate::term::capabilities::{Capabilities, Characters, Colours};
use file::{File, ROLES, Spec};

/// The themes that come with the program, by name.
pub(super) const BUILT_IN: [(&str, &str); 7] = [
    ("default", include_str!("../../../../themes/default.toml")),
    ("256", include_str!("../../../../themes/256.toml")),
    ("light", include_str!("../../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../../themes/high-contrast.toml"),
    ),
    (
        "deuteranopia",
        include_str!("../../../../themes/deuteranopia.toml"),
    ),
    (
        "tritanopia",
        include_str!("../../../../themes/tritanopia.toml"),
    ),
    ("mono", include_str!("../../../../themes/mono.toml")),
];

/// Text with less contrast than this is hard to read (WCAG 2.2, 1.4.3 for large text).
const LEAST_CONTRAST: f64 = 3.0;

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThemeError {
    /// Neither a built-in name nor a file.
    #[error("there is no theme {0:?}: use {names}, or the path of a TOML file", names = names().join(", "))]
    Unknown(String),
    /// The file cannot be read.
    #[error("theme {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Something in the file makes no sense.
    #[error("theme {path}, line {line}: {what}")]
    Wrong {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The key, what is wrong with it, and what is allowed.
        what: String,
    },
}

/// The names of the themes that come with the program.
pub(crate) fn names() -> [&'static str; 7] {
    BUILT_IN.map(|(name, _)| name)
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
    /// Dark modules of a QR code, which no theme changes: black ink is what phones read. None where
    /// there are no colours.
    pub(crate) ink: Option<Style>,
    /// Whether the whole row under the cursor is painted, and not its name alone: that takes more bytes.
    pub(crate) paints_rows: bool,
    /// What is hard to read in it.
    pub(crate) warnings: Vec<String>,
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
        let fitting = match capabilities.colours {
            Colours::Mono => "mono",
            Colours::Sixteen | Colours::Indexed | Colours::True => "default",
        };
        let file = file::find(name.unwrap_or(fitting))?;
        let glyphs = match capabilities.characters {
            _ if ascii => Glyphs::ASCII,
            Characters::Ascii => Glyphs::ASCII,
            Characters::Cp437 => Glyphs::CP437,
            Characters::Utf8 => Glyphs::LINES,
        };
        Ok(Self::from_file(&file, glyphs, capabilities.colours))
    }

    fn from_file(file: &File, glyphs: Glyphs, colours: Colours) -> Self {
        // A role that names no background stands on that of the text, not on the terminal's own.
        let ground = file.role("text").bg;
        let spec = |role: &str| {
            let spec = file.role(role);
            let own = matches!(role, "title" | "selected" | "key" | "input");
            let bg = if spec.bg == Color::Reset && !own {
                ground
            } else {
                spec.bg
            };
            Spec { bg, ..spec }
        };
        let role = |role: &str| style(spec(role), ground, colours);
        let hard = ROLES.iter().filter_map(|role| {
            let Spec { fg, bg, .. } = spec(role);
            let contrast = colour::contrast(fg, bg);
            (contrast < LEAST_CONTRAST && (fg, bg) != (Color::Reset, Color::Reset)).then(|| {
                format!("{role} is hard to read: contrast {contrast:.1}, {LEAST_CONTRAST} at least")
            })
        });
        let selected = role("selected");
        Self {
            name: file.name.clone(),
            text: role("text"),
            muted: role("muted"),
            title: role("title"),
            header: role("header"),
            // A VGA console draws bold black as grey: what is selected sheds the bold of its cells.
            selected: if file.role("selected").bold {
                selected
            } else {
                selected.remove_modifier(Modifier::BOLD)
            },
            mark: role("mark"),
            border: role("border"),
            key: role("key"),
            key_label: role("key_label"),
            disabled: role("disabled"),
            input: role("input"),
            good: role("good"),
            busy: role("busy"),
            waiting: role("waiting"),
            warning: role("warning"),
            failed: role("failed"),
            off: role("off"),
            glyphs,
            // Bright white is a colour that old terminals do not know as a ground.
            ink: (colours != Colours::Mono).then(|| Style::new().fg(Color::Black).bg(Color::Gray)),
            paints_rows: colours > Colours::Sixteen,
            warnings: hard.collect(),
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

fn style(spec: Spec, ground: Color, colours: Colours) -> Style {
    let mut modifier = Modifier::empty();
    modifier.set(Modifier::BOLD, spec.bold);
    modifier.set(Modifier::UNDERLINED, spec.underlined);
    // Without colours a ground of its own is the reverse of the terminal's.
    let own_ground = colours == Colours::Mono && spec.bg != ground && spec.bg != Color::Reset;
    modifier.set(Modifier::REVERSED, spec.reversed || own_ground);
    Style::new()
        .fg(colour::down(spec.fg, colours))
        .bg(colour::down(spec.bg, colours))
        .add_modifier(modifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::capabilities;

    const EVERY: [Colours; 4] = [
        Colours::Mono,
        Colours::Sixteen,
        Colours::Indexed,
        Colours::True,
    ];

    fn load(name: &str, colours: Colours) -> Theme {
        let capabilities = capabilities::detect(|_| None);
        let capabilities = Capabilities {
            colours,
            ..capabilities
        };
        Theme::load(Some(name), false, &capabilities).expect("a theme")
    }

    #[test]
    fn every_built_in_theme_can_be_read_and_be_told_from_its_ground() {
        for (name, _) in BUILT_IN {
            for colours in EVERY {
                let theme = load(name, colours);
                assert_eq!(theme.name, name);
                assert_eq!(theme.warnings, Vec::<String>::new(), "{name}");
                assert_ne!(theme.selected, theme.text, "{name} {colours:?}");
                assert_ne!(theme.title, theme.text, "{name} {colours:?}");
            }
        }
    }

    #[test]
    fn sixteen_colours_are_never_more() {
        for (name, _) in BUILT_IN {
            let theme = load(name, Colours::Sixteen);
            for style in [
                theme.text,
                theme.good,
                theme.failed,
                theme.waiting,
                theme.selected,
            ] {
                for colour in [style.fg, style.bg].into_iter().flatten() {
                    let more = matches!(colour, Color::Rgb(..) | Color::Indexed(_));
                    assert!(!more, "{name}: {colour}");
                }
            }
        }
    }

    #[test]
    fn high_contrast_is_what_the_guidelines_call_enhanced() {
        let file = file::find("high-contrast").expect("built in");
        let ground = file.role("text").bg;
        for role in ROLES {
            let Spec { fg, bg, .. } = file.role(role);
            let bg = if bg == Color::Reset { ground } else { bg };
            let contrast = colour::contrast(fg, bg);
            assert!(contrast >= 7.0, "{role}: {contrast}");
        }
    }

    #[test]
    fn an_unknown_theme_says_what_there_is() {
        let error = file::find("neon").expect_err("no such theme").to_string();
        assert!(
            error.contains("mono") && error.contains("tritanopia"),
            "{error}"
        );
    }
}
