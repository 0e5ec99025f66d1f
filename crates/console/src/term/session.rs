//! The session: raw mode and the alternate screen, entered once and left exactly once.
//!
//! Dropping the session restores the terminal, so that every way out of the console does: return,
//! error, signal, and a panic that unwinds.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{
    BaudRate, FlushArg, SetArg, Termios, cfmakeraw, tcflush, tcgetattr, tcsetattr,
};

/// Why the console cannot have the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// There is none.
    #[error(
        "the console needs a terminal, and there is none here. Over SSH use `ssh -t`; in scripts \
         use `cupola node list --json`, or give orders to `cupola --plain`"
    )]
    NoTerminal,
    /// There is one that cannot move its cursor.
    #[error(
        "the console needs a terminal that can move its cursor, and TERM=dumb says that this one \
         cannot. Set TERM to what it is, such as `linux` or `vt220`, or use `cupola --plain`, \
         which does the same in lines"
    )]
    DumbTerminal,
    /// There is one, but it refuses.
    #[error("the terminal cannot be set up: {0}")]
    Io(#[from] io::Error),
}

/// Reports of presses and of the wheel alone, in numbers (xterm's modes 1000 and 1006).
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// How long the terminal may take for the bytes that make it as it was.
const PATIENCE_MS: u16 = 300;

/// Owns the terminal while the console runs.
pub(crate) struct Session {
    tty: File,
    before: Termios,
    active: bool,
    mouse: bool,
}

impl Session {
    /// Looks whether there is a terminal to take over, and touches nothing.
    ///
    /// # Errors
    /// When there is none, or one that cannot move its cursor.
    pub(crate) fn look() -> Result<(), SessionError> {
        if !io::stdin().is_terminal() && !io::stdout().is_terminal() {
            return Err(SessionError::NoTerminal);
        }
        refuse_dumb(std::env::var("TERM").ok().as_deref())
    }

    /// Opens the controlling terminal and takes it over, with its mouse where that is wanted.
    ///
    /// # Errors
    /// When there is no terminal, or it cannot be set up.
    pub(crate) fn enter(mouse: bool) -> Result<Self, SessionError> {
        Self::look()?;
        let tty = open()?;
        let before = tcgetattr(&tty).map_err(io::Error::from)?;
        let mut session = Self {
            tty,
            before,
            active: false,
            mouse,
        };
        session.take()?;
        Ok(session)
    }

    /// A handle to read from or write to the terminal.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.tty.try_clone()
    }

    /// How many bits a second the line carries, where it is a serial line and says so.
    pub(crate) fn bits_per_second(&self) -> Option<u32> {
        let name = nix::unistd::ttyname(&self.tty).ok()?;
        let name = name.file_name()?.to_str()?;
        let serial = ["ttyS", "ttyUSB", "ttyAMA", "ttyACM", "hvc"];
        serial.iter().find(|start| name.starts_with(**start))?;
        // The constants of baud rates are not their numbers; those of all usual rates are.
        match nix::sys::termios::cfgetospeed(&self.before) {
            BaudRate::B300 => Some(300),
            BaudRate::B1200 => Some(1_200),
            BaudRate::B2400 => Some(2_400),
            BaudRate::B4800 => Some(4_800),
            BaudRate::B9600 => Some(9_600),
            BaudRate::B19200 => Some(19_200),
            BaudRate::B38400 => Some(38_400),
            BaudRate::B57600 => Some(57_600),
            BaudRate::B115200 => Some(115_200),
            _ => None,
        }
    }

    /// Drops what the terminal has not taken, so that it can be given back.
    pub(crate) fn drop_output(&self) {
        // A terminal that refuses even this is gone.
        let _ = tcflush(&self.tty, FlushArg::TCOFLUSH);
    }

    /// Gives the terminal back, stops the process as Ctrl-Z does, and takes it over again.
    ///
    /// # Errors
    /// When the terminal cannot be set up again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.restore();
        raise(Signal::SIGTSTP)?;
        self.take()
    }

    /// Gives the terminal back; a second call does nothing.
    pub(crate) fn restore(&mut self) {
        if !std::mem::take(&mut self.active) {
            return;
        }
        // On the way out there is nobody left to tell that the terminal does not take it.
        // Neither may wait for a line that takes nothing.
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &self.before);
        let mut line = [PollFd::new(self.tty.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut line, PATIENCE_MS).is_ok_and(|ready| ready > 0) {
            let _ = self.leave();
        }
    }

    fn take(&mut self) -> io::Result<()> {
        let mut raw = self.before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.tty, SetArg::TCSADRAIN, &raw)?;
        self.active = true;
        let mut bytes = Vec::new();
        queue!(
            bytes,
            EnterAlternateScreen,
            EnableBracketedPaste,
            Clear(ClearType::All),
            Hide
        )?;
        if self.mouse {
            bytes.extend_from_slice(MOUSE_ON);
        }
        self.tty.write_all(&bytes)
    }

    fn leave(&mut self) -> io::Result<()> {
        let mut bytes = b"\x1b[0m".to_vec();
        if self.mouse {
            bytes.extend_from_slice(MOUSE_OFF);
        }
        queue!(bytes, DisableBracketedPaste)?;
        // The Linux console has no alternate screen: leave a clean one behind.
        queue!(bytes, Clear(ClearType::All), MoveTo(0, 0))?;
        queue!(bytes, LeaveAlternateScreen, Show)?;
        self.tty.write_all(&bytes)?;
        self.tty.flush()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Without cursor movement a screen is a heap of escape sequences.
fn refuse_dumb(term: Option<&str>) -> Result<(), SessionError> {
    match term {
        Some("dumb") => Err(SessionError::DumbTerminal),
        Some(_) | None => Ok(()),
    }
}

/// The controlling terminal, or the terminal on standard input where there is none.
fn open() -> io::Result<File> {
    let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
    tty.or_else(|_| io::stdin().as_fd().try_clone_to_owned().map(File::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_is_refused_and_told_what_else_there_is() {
        let error = refuse_dumb(Some("dumb")).expect_err("refused").to_string();
        assert!(error.contains("cupola --plain"), "{error}");
        for term in [None, Some("linux"), Some("vt100")] {
            assert!(refuse_dumb(term).is_ok(), "{term:?}");
        }
    }
}
