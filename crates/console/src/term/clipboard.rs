//! Copying through the terminal (OSC 52): the text goes to the clipboard of the person's own machine,
//! over SSH as well. What terminals multiplex is told to pass it on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest text that is copied, in bytes: xterm takes no longer string than this makes.
pub(crate) const MOST: usize = 74_994;
/// GNU screen takes no longer string than this in one device control string.
const SCREEN: usize = 250;

/// Who stands between this program and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nobody.
    Nobody,
    /// tmux, which passes on what is wrapped (`allow-passthrough`), and takes OSC 52 itself.
    Tmux,
    /// GNU screen, which passes on device control strings.
    Screen,
}

/// Why a text cannot be copied through the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClipboardError {
    /// It is too long.
    #[error("it is longer than {MOST} bytes, which terminals do not take")]
    TooLong,
    /// The terminal has no clipboard.
    #[error("this terminal has no clipboard")]
    None,
}

/// Who stands between, told by the environment; an error where the terminal is known to have no
/// clipboard: the Linux console, serial terminals.
///
/// # Errors
/// [`ClipboardError::None`].
pub(crate) fn between(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Between, ClipboardError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let terminal = set("TERM").unwrap_or_default();
    if set("TMUX").is_some() {
        Ok(Between::Tmux)
    } else if terminal.starts_with("screen") || set("STY").is_some() {
        Ok(Between::Screen)
    } else if terminal == "linux" || terminal.starts_with("vt") || terminal.starts_with("ansi") {
        Err(ClipboardError::None)
    } else {
        Ok(Between::Nobody)
    }
}

/// The bytes that copy a text.
///
/// # Errors
/// [`ClipboardError::TooLong`].
pub(crate) fn sequence(text: &str, between: Between) -> Result<Vec<u8>, ClipboardError> {
    if text.len() > MOST {
        return Err(ClipboardError::TooLong);
    }
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    Ok(match between {
        Between::Nobody => plain.into_bytes(),
        // Where passing on is not allowed tmux itself takes the plain form.
        Between::Tmux => {
            let wrapped = plain.replace('\x1b', "\x1b\x1b");
            format!("{plain}\x1bPtmux;{wrapped}\x1b\\").into_bytes()
        }
        Between::Screen => {
            let mut out = Vec::new();
            for part in plain.as_bytes().chunks(SCREEN) {
                out.extend_from_slice(b"\x1bP");
                out.extend_from_slice(part);
                out.extend_from_slice(b"\x1b\\");
            }
            out
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_as_base64_and_a_long_one_not_at_all() {
        let bytes = sequence("hello", Between::Nobody);
        assert_eq!(bytes, Ok(b"\x1b]52;c;aGVsbG8=\x07".to_vec()));
        let tmux = sequence("hello", Between::Tmux).expect("bytes");
        assert!(tmux.ends_with(b"\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\"));
        let long = "x".repeat(MOST + 1);
        assert_eq!(
            sequence(&long, Between::Nobody),
            Err(ClipboardError::TooLong)
        );
    }

    #[test]
    fn screen_gets_it_in_parts_that_it_takes() {
        let bytes = sequence(&"x".repeat(1000), Between::Screen).expect("bytes");
        let text = String::from_utf8(bytes).expect("ASCII");
        let parts: Vec<&str> = text
            .split("\x1b\\")
            .filter(|part| !part.is_empty())
            .collect();
        assert!(parts.len() > 4 && parts.iter().all(|part| part.len() <= SCREEN + 2));
        let whole: String = parts.iter().map(|part| &part[2..]).collect();
        assert_eq!(
            whole.into_bytes(),
            sequence(&"x".repeat(1000), Between::Nobody).expect("bytes")
        );
    }

    #[test]
    fn the_linux_console_has_no_clipboard() {
        let of = |term: &str, tmux: bool| {
            between(|name| match name {
                "TERM" => Some(term.to_owned()),
                "TMUX" if tmux => Some("/tmp/tmux".to_owned()),
                _ => None,
            })
        };
        assert_eq!(of("linux", false), Err(ClipboardError::None));
        assert_eq!(of("linux", true), Ok(Between::Tmux));
        assert_eq!(of("screen-256color", false), Ok(Between::Screen));
        assert_eq!(of("xterm-256color", false), Ok(Between::Nobody));
    }
}
