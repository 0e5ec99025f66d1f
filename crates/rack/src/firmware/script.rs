//! iPXE's script language, as far as boot services use it: lines of commands with `||`, `&&` and
//! `;`, labels, settings and their expansion. Pure; what the commands do is in `ipxe`.

use std::collections::HashMap;

/// The first line of every script.
const MAGIC: &str = "#!ipxe";

/// A text that is no script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The first line is missing.
    #[error("Exec format error: the script does not begin with #!ipxe")]
    NoMagic,
}

/// A script, cut into lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    lines: Vec<String>,
    labels: HashMap<String, usize>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The text is no script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some(MAGIC) {
            return Err(ScriptError::NoMagic);
        }
        let mut script = Self {
            lines: Vec::new(),
            labels: HashMap::new(),
        };
        let mut joined = String::new();
        for line in lines {
            if let Some(open) = line.strip_suffix('\\') {
                joined.push_str(open);
                continue;
            }
            joined.push_str(line);
            let line = std::mem::take(&mut joined);
            if let Some(label) = line.trim().strip_prefix(':') {
                script
                    .labels
                    .insert(label.trim().to_owned(), script.lines.len());
            } else {
                script.lines.push(line);
            }
        }
        Ok(script)
    }

    /// The line of that number.
    #[must_use]
    pub fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number).map(String::as_str)
    }

    /// The number of the line after a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<usize> {
        self.labels.get(name).copied()
    }
}

/// When a command of a line is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always: the first, and after `;`.
    Always,
    /// After `&&`: if the last command that ran succeeded.
    Succeeded,
    /// After `||`: if the last command that ran failed.
    Failed,
}

/// A command of a line; no words where a line ends with `||`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// When it is run.
    pub when: When,
    /// Name and arguments, settings not yet expanded.
    pub words: Vec<String>,
}

/// Cuts a line into commands. What follows a word that begins with `#` is a comment.
#[must_use]
pub fn commands(line: &str) -> Vec<Command> {
    let mut commands = vec![Command {
        when: When::Always,
        words: Vec::new(),
    }];
    for word in line.split_whitespace() {
        let when = match word {
            "||" => Some(When::Failed),
            "&&" => Some(When::Succeeded),
            ";" => Some(When::Always),
            _ => None,
        };
        match (when, commands.last_mut()) {
            (Some(when), _) => commands.push(Command {
                when,
                words: Vec::new(),
            }),
            (None, _) if word.starts_with('#') => break,
            (None, Some(command)) => command.words.push(word.to_owned()),
            (None, None) => {}
        }
    }
    commands
}

/// The settings of a running iPXE.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: HashMap<String, String>,
}

impl Settings {
    /// Sets a value; a type behind the name (`attempt:int32`) is left away.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = name.split(':').next().unwrap_or(name);
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// A value. A setting of the network card is found without its card (`net0/`, `netX/`).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (name, _) = name.split_once(':').unwrap_or((name, ""));
        let plain = name
            .strip_prefix("net0/")
            .or_else(|| name.strip_prefix("netX/"));
        let value = self.values.get(name).or_else(|| self.values.get(plain?));
        value.map(String::as_str)
    }

    /// Replaces each `${name}` and `${name:type}` by its value, or by nothing where there is none.
    #[must_use]
    pub fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            let value = self.get(name).unwrap_or_default();
            if name.ends_with(":hexhyp") {
                out.push_str(&value.replace(':', "-"));
            } else {
                out.push_str(value);
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_commands_with_conditions() {
        let line = commands("iseq ${a} b && goto next || # comment || more");
        let cut: Vec<_> = line.iter().map(|c| (c.when, c.words.join(" "))).collect();
        let want = [
            (When::Always, "iseq ${a} b".to_owned()),
            (When::Succeeded, "goto next".to_owned()),
            (When::Failed, String::new()),
        ];
        assert_eq!(cut, want);
    }

    #[test]
    fn labels_and_continued_lines() {
        let script = Script::parse("#!ipxe\n:start\nkernel a \\\n b\ngoto start\n").unwrap();
        assert_eq!(script.label("start"), Some(0));
        assert_eq!(script.line(0), Some("kernel a  b"));
        assert_eq!(Script::parse("<html>"), Err(ScriptError::NoMagic));
    }

    #[test]
    fn settings_are_expanded_with_their_types() {
        let mut settings = Settings::default();
        settings.set("mac", "52:54:00:00:00:01");
        settings.set("n:int32", "3");
        assert_eq!(
            settings.expand("${net0/mac:hexhyp}-${n}-${none}."),
            "52-54-00-00-00-01-3-."
        );
        assert_eq!(settings.expand("${open"), "${open");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(#!ipxe\n)?[ -~\n${}:|&\\\\]{0,200}") {
            if let Ok(script) = Script::parse(&text) {
                let settings = Settings::default();
                for number in 0.. {
                    let Some(line) = script.line(number) else { break };
                    let _ = commands(&settings.expand(line));
                }
            }
        }
    }
}
