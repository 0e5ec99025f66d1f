//! The thread that reads the terminal.
//!
//! It waits in `poll(2)`, so that a terminal that went away is noticed at once and never spun on.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::burst::Burst;
use super::decode::{Decoder, Input};

/// How long the rest of a sequence may take; a byte at 1200 baud takes 8 ms.
const SEQUENCE_TIMEOUT_MS: u16 = 50;

/// Starts reading. The thread ends when the terminal is lost or nobody listens.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn spawn(tty: File, out: mpsc::Sender<Input>) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("terminal-input".to_owned())
        .spawn(move || {
            // Nobody listens any more when sending fails: the console is on its way out.
            let _ = read(tty, &out);
        })
        .map(drop)
}

fn read(mut tty: File, out: &mpsc::Sender<Input>) -> Result<(), mpsc::error::SendError<Input>> {
    let mut decoder = Decoder::default();
    let mut burst = Burst::default();
    let mut buffer = [0; 1024];
    loop {
        let timeout = if decoder.is_pending() {
            PollTimeout::from(SEQUENCE_TIMEOUT_MS)
        } else {
            PollTimeout::NONE
        };
        match ready(&tty, timeout) {
            Ready::Bytes => match tty.read(&mut buffer) {
                Ok(0) => return out.blocking_send(Input::Lost),
                Ok(n) => {
                    let at = Instant::now();
                    for input in decoder.push(buffer.get(..n).unwrap_or_default()) {
                        out.blocking_send(burst.take(input, at))?;
                    }
                }
                Err(error) if retry(&error) => {}
                Err(_) => return out.blocking_send(Input::Lost),
            },
            Ready::Nothing => {
                if let Some(input) = decoder.flush() {
                    out.blocking_send(burst.take(input, Instant::now()))?;
                }
            }
            Ready::Lost => return out.blocking_send(Input::Lost),
        }
    }
}

fn retry(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

enum Ready {
    Bytes,
    Nothing,
    Lost,
}

fn ready(tty: &File, timeout: PollTimeout) -> Ready {
    let mut fds = [PollFd::new(tty.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(0) | Err(Errno::EINTR) => Ready::Nothing,
        Err(_) => Ready::Lost,
        Ok(_) => {
            let [fd] = fds;
            let events = fd.revents().unwrap_or(PollFlags::empty());
            let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
            if events.intersects(gone) {
                Ready::Lost
            } else {
                Ready::Bytes
            }
        }
    }
}
