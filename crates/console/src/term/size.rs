//! How large the terminal is. A serial line says 0x0: then it is asked, then guessed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::layout::Size;

use super::decode::{Decoder, Input};

/// What a terminal has that says nothing.
const FALLBACK: Size = Size::new(80, 24);
/// How long a terminal may take to say where its cursor is.
const PROBE: Duration = Duration::from_secs(1);

/// The size as the kernel knows it; nothing when it does not.
pub(crate) fn from_kernel() -> Option<Size> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    (columns > 0 && rows > 0).then_some(Size::new(columns, rows))
}

/// The size from `COLUMNS` and `LINES`, else 80x24.
pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Size {
    let number = |name: &str| variable(name)?.parse().ok().filter(|n| *n > 0);
    match (number("COLUMNS"), number("LINES")) {
        (Some(columns), Some(rows)) => Size::new(columns, rows),
        _ => FALLBACK,
    }
}

/// Asks the terminal itself, by moving its cursor as far as it goes. Call it before anything else
/// reads the terminal.
pub(crate) fn probe(tty: &mut File) -> Option<Size> {
    tty.write_all(b"\x1b7\x1b[999;999H\x1b[6n\x1b8").ok()?;
    let deadline = Instant::now() + PROBE;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 64];
    loop {
        let left = deadline.checked_duration_since(Instant::now())?;
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(tty.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout).ok()? == 0 {
            return None;
        }
        let n = tty.read(&mut buffer).ok().filter(|n| *n > 0)?;
        for input in decoder.push(buffer.get(..n)?) {
            if let Input::Position(rows, columns) = input {
                return Some(Size::new(columns, rows));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_helps_and_nonsense_does_not() {
        let environment = |columns: &'static str| {
            move |name: &str| Some(if name == "COLUMNS" { columns } else { "50" }.to_owned())
        };
        assert_eq!(from_environment(environment("132")), Size::new(132, 50));
        assert_eq!(from_environment(environment("0")), FALLBACK);
        assert_eq!(from_environment(|_| None), FALLBACK);
    }
}
