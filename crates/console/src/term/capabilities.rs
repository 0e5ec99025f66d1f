//! What this terminal can show, decided from the environment and from what the person says: asking
//! a terminal can hang on a serial line.

use std::time::Duration;

/// Which characters can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Characters {
    /// Everything, encoded as UTF-8; lines and blocks are those of code page 437, which the fonts of
    /// the Linux console and of VGA text mode hold.
    #[value(name = "utf8")]
    Utf8,
    /// Code page 437, a byte a character.
    Cp437,
    /// ASCII alone.
    Ascii,
}

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colours {
    /// None: bold, underlined and reversed alone.
    Mono,
    /// The sixteen of ECMA-48 and aixterm.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// Any.
    True,
}

/// What a person wants to have otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// This many colours.
    pub(crate) colours: Option<Colours>,
    /// These characters.
    pub(crate) characters: Option<Characters>,
}

/// What this terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Which characters can be drawn.
    pub(crate) characters: Characters,
    /// How many colours there are.
    pub(crate) colours: Colours,
    /// Whether a part of the screen can be scrolled (DECSTBM).
    pub(crate) scrolls: bool,
    /// Whether it is known to show a frame at once (private mode 2026).
    pub(crate) synchronised: bool,
    /// At least this much time is between two frames.
    pub(crate) frame_interval: Duration,
}

/// Terminals that are known to have neither colours nor more than ASCII.
const PLAIN: &[&str] = &[
    "dumb", "vt52", "vt100", "vt102", "vt220", "ansi-m", "unknown",
];

/// Terminals that are not known to scroll a part of their screen.
const WITHOUT_REGIONS: &[&str] = &["dumb", "vt52", "ansi", "ansi-m", "unknown"];

/// Terminals that have all colours and show a frame at once.
const MODERN: &[&str] = &[
    "xterm-kitty",
    "alacritty",
    "foot",
    "foot-extra",
    "wezterm",
    "xterm-ghostty",
    "contour",
];

/// What a frame costs on average: a change of state, or a line scrolled.
const FRAME_BYTES: u64 = 200;
/// A frame is never held back longer than this.
const LONGEST_INTERVAL: u64 = 250;

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
    let colours = match set("COLORTERM").as_deref() {
        _ if plain || set("NO_COLOR").is_some() => Colours::Mono,
        // It takes the longer codes and shows the nearest of its sixteen.
        _ if terminal == "linux" => Colours::Sixteen,
        Some("truecolor" | "24bit") => Colours::True,
        _ if MODERN.contains(&terminal.as_str()) || terminal.ends_with("-direct") => Colours::True,
        _ if terminal.contains("256color") => Colours::Indexed,
        _ => Colours::Sixteen,
    };
    Capabilities {
        characters: if plain || !utf8 || terminal == "ansi" {
            Characters::Ascii
        } else {
            Characters::Utf8
        },
        colours,
        scrolls: !WITHOUT_REGIONS.contains(&terminal.as_str()),
        synchronised: MODERN.contains(&terminal.as_str()),
        frame_interval: Duration::from_millis(if plain {
            150
        } else if set("SSH_CONNECTION").is_some() {
            33
        } else {
            16
        }),
    }
}

impl Capabilities {
    /// The same where the person does not say otherwise.
    pub(crate) fn with(self, wanted: Wanted) -> Self {
        Self {
            characters: wanted.characters.unwrap_or(self.characters),
            colours: wanted.colours.unwrap_or(self.colours),
            ..self
        }
    }

    /// The same on a serial line of so many bits a second, ten of which are a byte.
    pub(crate) fn on_line(self, bits: Option<u32>) -> Self {
        let Some(bytes) = bits.map(|bits| u64::from(bits / 10)).filter(|n| *n > 0) else {
            return self;
        };
        let millis = (FRAME_BYTES * 1000 / bytes).clamp(16, LONGEST_INTERVAL);
        Self {
            frame_interval: Duration::from_millis(millis),
            ..self
        }
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
    fn a_crash_cart_has_lines_and_sixteen_colours() {
        let got = with(&[("TERM", "linux"), ("COLORTERM", "truecolor")]);
        assert_eq!(got.characters, Characters::Utf8);
        assert_eq!(got.colours, Colours::Sixteen);
        assert!(got.scrolls && !got.synchronised);
    }

    #[test]
    fn a_serial_terminal_has_neither() {
        let got = with(&[("TERM", "vt220"), ("LANG", "C.UTF-8")]);
        assert_eq!(got.characters, Characters::Ascii);
        assert_eq!(got.colours, Colours::Mono);
        assert!(got.scrolls);
    }

    #[test]
    fn an_emulator_says_how_many_colours_it_has() {
        assert_eq!(
            with(&[("TERM", "xterm-256color")]).colours,
            Colours::Indexed
        );
        assert_eq!(with(&[("TERM", "xterm")]).colours, Colours::Sixteen);
        assert_eq!(with(&[("TERM", "foot")]).colours, Colours::True);
        let direct = with(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]);
        assert_eq!(direct.colours, Colours::True);
        assert!(!direct.synchronised);
    }

    #[test]
    fn a_latin1_locale_is_ascii_and_no_color_is_heard() {
        let got = with(&[
            ("TERM", "xterm"),
            ("LANG", "de_DE.ISO-8859-1"),
            ("NO_COLOR", "1"),
        ]);
        assert_eq!(got.characters, Characters::Ascii);
        assert_eq!(got.colours, Colours::Mono);
        let wanted = Wanted {
            colours: Some(Colours::Sixteen),
            characters: Some(Characters::Cp437),
        };
        let got = got.with(wanted);
        assert_eq!(got.colours, Colours::Sixteen);
        assert_eq!(got.characters, Characters::Cp437);
    }

    #[test]
    fn a_slow_line_gets_fewer_frames() {
        let millis = |bits| with(&[("TERM", "linux")]).on_line(bits).frame_interval;
        assert_eq!(millis(None), Duration::from_millis(16));
        assert_eq!(millis(Some(9600)), Duration::from_millis(208));
        assert_eq!(millis(Some(300)), Duration::from_millis(250));
        assert_eq!(millis(Some(115_200)), Duration::from_millis(17));
    }
}
