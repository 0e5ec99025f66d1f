//! The thread that writes the terminal, so that keys are taken while the line is slow or stands.
//!
//! It holds one frame. Who draws asks first whether the last frame has gone out; until then frames are
//! skipped, and the next one shows what is true by then.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// Takes bytes for the terminal and never waits.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
    idle: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    writing: bool,
    ends: bool,
}

impl Pending {
    const fn is_idle(&self) -> bool {
        self.bytes.is_empty() && !self.writing
    }
}

impl Writer {
    /// Starts the thread. It ends when the terminal takes no more, or is told to.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("terminal-output".to_owned())
            .spawn(move || of_thread.write(&mut out))?;
        Ok(Self { shared })
    }

    /// The same on a terminal.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn on(tty: File) -> io::Result<Self> {
        Self::start(tty)
    }

    /// Whether the terminal has taken everything.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.pending.lock().is_idle()
    }

    /// Waits until the terminal has taken everything.
    pub(crate) async fn idle(&self) {
        while !self.is_idle() {
            self.shared.idle.notified().await;
        }
    }

    /// Waits at most so long until the terminal has taken everything.
    pub(crate) fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut pending = self.shared.pending.lock();
        while !pending.is_idle() {
            if self
                .shared
                .changed
                .wait_until(&mut pending, deadline)
                .timed_out()
            {
                break;
            }
        }
        pending.is_idle()
    }

    /// Drops what has not been begun, and lets the thread end.
    pub(crate) fn end(&self) {
        let mut pending = self.shared.pending.lock();
        pending.bytes.clear();
        pending.ends = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn write(&self, out: &mut impl Write) {
        loop {
            let mut pending = self.pending.lock();
            while pending.bytes.is_empty() && !pending.ends {
                self.changed.wait(&mut pending);
            }
            if pending.ends {
                return;
            }
            let bytes = std::mem::take(&mut pending.bytes);
            pending.writing = true;
            drop(pending);
            // A terminal that is lost is noticed by the thread that reads it.
            let outcome = out.write_all(&bytes).and_then(|()| out.flush());
            let mut pending = self.pending.lock();
            pending.writing = false;
            pending.ends |= outcome.is_err();
            drop(pending);
            self.changed.notify_all();
            self.idle.notify_one();
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = self.shared.pending.lock();
        if !pending.ends {
            pending.bytes.extend_from_slice(bytes);
        }
        self.shared.changed.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A line that takes nothing until it is told to.
    struct Stuck(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_stands_holds_nobody_up() {
        let (go, wait) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let mut writer = Writer::start(Stuck(wait, tell)).expect("a thread");
        writer.write_all(b"frame").expect("taken at once");
        assert!(!writer.is_idle());
        assert!(!writer.settle(Duration::from_millis(10)));
        go.send(()).expect("the thread waits");
        assert!(writer.settle(Duration::from_secs(10)));
        assert_eq!(told.recv().expect("written"), b"frame");
        writer.end();
    }
}
