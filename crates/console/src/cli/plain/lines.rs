//! Lines of standard input, read one at a time and only when one is wanted: other questions, such as
//! those of the wizard, read there too.

use std::io::{self, BufRead};

use tokio::sync::mpsc;

/// Reads lines when they are wanted.
pub(super) struct Lines {
    want: std::sync::mpsc::SyncSender<()>,
    got: mpsc::Receiver<Option<String>>,
    /// Whether a line is wanted that has not come.
    asked: bool,
}

impl Lines {
    /// Starts the thread that reads.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (want, wanted) = std::sync::mpsc::sync_channel(1);
        let (send, got) = mpsc::channel(1);
        let read = move || {
            while wanted.recv().is_ok() {
                let line = line();
                let is_last = line.is_none();
                if send.blocking_send(line).is_err() || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(read)?;
        Ok(Self {
            want,
            got,
            asked: false,
        })
    }

    /// The next line; nothing at the end of the input. Dropped, it is not lost: the next call gets it.
    pub(super) async fn next(&mut self) -> Option<String> {
        if !self.asked {
            self.asked = true;
            // The thread is gone when the input has ended, and so is what it would send.
            let _ = self.want.try_send(());
        }
        let line = self.got.recv().await.flatten();
        self.asked = false;
        line
    }
}

/// A line without its end; one that is no text is read with replacements, so that it is refused and
/// not half of it obeyed.
fn line() -> Option<String> {
    let mut bytes = Vec::new();
    match io::stdin().lock().read_until(b'\n', &mut bytes) {
        Ok(1..) => Some(String::from_utf8_lossy(&bytes).trim().to_owned()),
        Ok(0) | Err(_) => None,
    }
}
