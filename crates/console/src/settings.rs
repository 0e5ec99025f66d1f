//! `console.toml`: what a person has set for the console. Each room of the console has its own
//! section. The service's own configuration is elsewhere (`cupola.toml`).

mod safety;
pub(crate) mod save;
mod wrong;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Deserialize;

use crate::command::{self, Keymap, Written};
use crate::state::field::Field;
use crate::state::view::{self, View};
pub(crate) use safety::{Profile, SafetySettings};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file is named, and cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It is no TOML, or says something that means nothing.
    #[error("{path}:{line}: {reason}")]
    Wrong {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what may stand there.
        reason: String,
    },
    /// There is no such profile.
    #[error("there is no profile {name}: {known}")]
    NoProfile {
        /// The one that is wanted.
        name: String,
        /// Those that there are, or how one is made.
        known: String,
    },
    /// It could not be changed.
    #[error("{path} cannot be written: {reason}")]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// `[views.NAME]`: ways to look at the node list.
    pub(crate) views: BTreeMap<String, View>,
    /// `[columns]`: the columns of lists.
    pub(crate) columns: Columns,
    /// `[list]`: the node list.
    pub(crate) list: ListSettings,
    /// `[terminal]`: what the terminal is asked for.
    pub(crate) terminal: TerminalSettings,
    /// `[keys]`: the keys of commands, by their names.
    pub(crate) keys: BTreeMap<String, Written>,
    /// The keys in force.
    #[serde(skip)]
    pub(crate) keymap: Keymap,
    /// `[aliases]`: other names of commands, with their arguments.
    pub(crate) aliases: BTreeMap<String, String>,
    /// `[safety]`: what keeps from harm.
    pub(crate) safety: SafetySettings,
    /// `[profiles.NAME]`: the services.
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// `[columns]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Columns {
    /// Those of the node list; none for those that fit the screen.
    #[serde(deserialize_with = "view::fields")]
    pub(crate) nodes: Vec<Field>,
}

/// `[terminal]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TerminalSettings {
    /// Whether the mouse is heard.
    pub(crate) mouse: bool,
}

/// `[list]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListSettings {
    /// Whether the list of a remote service is kept on disk for the next start.
    pub(crate) remember: bool,
}

impl Default for ListSettings {
    fn default() -> Self {
        Self { remember: true }
    }
}

/// Where the file is: as it is named, else below the directory for configuration.
pub(crate) fn place(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let directories = etcetera::choose_base_strategy().ok()?;
    Some(directories.config_dir().join("cupola/console.toml"))
}

impl Settings {
    /// Reads the file, where there is one; one that is named must be there.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, SettingsError> {
        match (place(named), named) {
            (Some(file), Some(_)) => Self::read(&file),
            (Some(file), None) if file.exists() => Self::read(&file),
            (Some(_) | None, _) => Ok(Self::default()),
        }
    }

    fn read(file: &Path) -> Result<Self, SettingsError> {
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|e| SettingsError::Unreadable {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        Self::parse(&text).map_err(|(line, reason)| SettingsError::Wrong { path, line, reason })
    }

    /// Reads a text; of an error the line and what is wrong there.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut settings: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let reason = wrong::said(text, at, error.message());
            (before.matches('\n').count() + 1, reason)
        })?;
        settings.keymap = Keymap::new(&settings.keys).map_err(|conflict| {
            let why = format!("keys.{}: {}", conflict.name, conflict.why);
            (line_of(text, "keys", &conflict.name), why)
        })?;
        for (name, stands_for) in &settings.aliases {
            settings
                .check_alias(name, stands_for)
                .map_err(|why| (line_of(text, "aliases", name), why))?;
        }
        Ok(settings)
    }

    fn check_alias(&self, name: &str, stands_for: &str) -> Result<(), String> {
        let wrong = |why: &str| Err(format!("aliases.{name}: {why}"));
        if name.is_empty() || name.contains(char::is_whitespace) {
            return wrong("a name is one word");
        }
        if command::all().any(|entry| entry.names.contains(&name)) {
            return wrong("there is a command of this name");
        }
        match command::parse(stands_for) {
            Ok(_) => Ok(()),
            Err(why) => wrong(&why),
        }
    }

    /// The text with the alias at its start replaced by what it stands for.
    pub(crate) fn expand(&self, text: &str) -> String {
        let text = text.trim_start();
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match self.aliases.get(name) {
            Some(stands_for) => format!("{stands_for} {rest}").trim_end().to_owned(),
            None => text.to_owned(),
        }
    }
}

/// The line on which a key of a table stands, from 1.
fn line_of(text: &str, table: &str, key: &str) -> usize {
    let mut inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.trim_matches(['[', ']']).trim() == table;
        } else if inside
            && line
                .split('=')
                .next()
                .is_some_and(|k| k.trim().trim_matches('"') == key)
        {
            return number;
        }
    }
    1
}

#[cfg(test)]
mod tests;
