//! What a machine's screen shows: its last lines, and a way to wait for one.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::bmc::SerialPort;
use crate::firmware::Screen;

/// Lines that are kept; older ones scroll away.
const LINES: usize = 200;

/// A machine's screen. Clones show the same.
#[derive(Clone, Default)]
pub struct MachineScreen {
    lines: Arc<Mutex<VecDeque<String>>>,
    changed: Arc<Notify>,
    /// Where the same text goes, character by character.
    port: Option<SerialPort>,
}

impl MachineScreen {
    /// A screen whose text is written to a serial port too, as servers are set up.
    pub(super) fn on(port: SerialPort) -> Self {
        Self {
            port: Some(port),
            ..Self::default()
        }
    }

    /// Shows one more line.
    pub fn line(&self, text: &str) {
        let mut lines = self.lines.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(text.to_owned());
        drop(lines);
        self.changed.notify_waiters();
        if let Some(port) = &self.port {
            port.write(text.as_bytes());
            // A prompt ends in a blank and waits on its line.
            if !text.ends_with(' ') {
                port.write(b"\r\n");
            }
        }
    }

    /// Empties the screen, as a reset does.
    pub(super) fn clear(&self) {
        self.lines.lock().clear();
    }

    /// What is on it now, oldest line first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().iter().cloned().collect()
    }

    /// Waits until a line contains `text`, and gives that line. Put a deadline around it.
    pub async fn wait_for(&self, text: &str) -> String {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let found = self
                .lines
                .lock()
                .iter()
                .find(|line| line.contains(text))
                .cloned();
            if let Some(line) = found {
                return line;
            }
            changed.await;
        }
    }
}

impl Screen for MachineScreen {
    fn line(&self, text: &str) {
        Self::line(self, text);
    }
}
