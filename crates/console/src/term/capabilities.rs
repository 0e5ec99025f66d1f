//! What this terminal can show, decided from the environment alone: asking a terminal can hang on
//! a serial line.

use std::time::Duration;

/// Which characters can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characters {
    /// Lines and blocks, all of them in code page 437, which the fonts of the Linux console and of
    /// VGA text mode hold.
    Lines,
    /// ASCII alone.
    Ascii,
}

/// What this terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Which characters can be drawn.
    pub(crate) characters: Characters,
    /// Whether there are colours.
    pub(crate) colours: bool,
    /// At least this much time is between two frames.
    pub(crate) frame_interval: Duration,
}

/// Terminals that are known to have neither colours nor more than ASCII.
const PLAIN: &[&str] = &[
    "dumb", "vt52", "vt100", "vt102", "vt220", "ansi-m", "unknown",
];

/// Decides from environment variables.
pub(crate) fn detect(variable: impl Fn(&str) -> Option<String>) -> Capabilities {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let terminal = set("TERM").unwrap_or_else(|| "unknown".to_owned());
    let plain = PLAIN.contains(&terminal.as_str());
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"));
    // Without any locale a Linux console or a modern emulator speaks UTF-8 all the same.
    let utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8") || locale == "c" || locale == "posix"
    });
    Capabilities {
        characters: if plain || !utf8 || terminal == "ansi" {
            Characters::Ascii
        } else {
            Characters::Lines
        },
        colours: !plain && set("NO_COLOR").is_none(),
        frame_interval: Duration::from_millis(if plain {
            150
        } else if set("SSH_CONNECTION").is_some() {
            33
        } else {
            16
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &'static [(&'static str, &'static str)]) -> Capabilities {
        detect(move |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_crash_cart_has_lines_and_colours() {
        let got = with(&[("TERM", "linux")]);
        assert_eq!(got.characters, Characters::Lines);
        assert!(got.colours);
    }

    #[test]
    fn a_serial_terminal_has_neither() {
        let got = with(&[("TERM", "vt220"), ("LANG", "C.UTF-8")]);
        assert_eq!(got.characters, Characters::Ascii);
        assert!(!got.colours);
    }

    #[test]
    fn a_latin1_locale_is_ascii_and_no_color_is_heard() {
        let got = with(&[
            ("TERM", "xterm"),
            ("LANG", "de_DE.ISO-8859-1"),
            ("NO_COLOR", "1"),
        ]);
        assert_eq!(got.characters, Characters::Ascii);
        assert!(!got.colours);
    }
}
