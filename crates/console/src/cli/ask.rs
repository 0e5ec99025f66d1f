//! Asking for a secret on the terminal, unseen.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};

use cupola_api::secret::Secret;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::Failure;

/// Asks on the controlling terminal; what is typed is not shown.
pub(crate) fn hidden(question: &str) -> Result<Secret, Failure> {
    let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut tty = tty.map_err(|_| {
        Failure::usage("a password is needed: --password-file FILE or CUPOLA_BMC_PASSWORD")
    })?;
    let before = tcgetattr(&tty).map_err(std::io::Error::from)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    silent.local_flags.insert(LocalFlags::ECHONL);
    write!(tty, "{question}")?;
    tcsetattr(&tty, SetArg::TCSAFLUSH, &silent).map_err(std::io::Error::from)?;
    let mut text = String::new();
    let read = BufReader::new(&tty).read_line(&mut text);
    tcsetattr(&tty, SetArg::TCSAFLUSH, &before).map_err(std::io::Error::from)?;
    read?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
