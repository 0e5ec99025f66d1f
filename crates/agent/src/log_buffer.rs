//! The agent's own log lines, the last ones in memory: what `log.collect_system_logs` sends.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is kept, in bytes; the oldest goes first.
const LIMIT: usize = 512 * 1024;

/// A bounded log in memory. Cheap to clone; all clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct LogBuffer(Arc<Mutex<VecDeque<u8>>>);

impl LogBuffer {
    /// What is kept, whole lines.
    pub fn contents(&self) -> Vec<u8> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.iter().copied().collect()
    }

    /// Adds a line.
    pub fn line(&self, text: &str) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(text.as_bytes());
        bytes.push_back(b'\n');
        if bytes.len() > LIMIT {
            let excess = bytes.len() - LIMIT;
            let cut = bytes.iter().skip(excess).position(|byte| *byte == b'\n');
            let cut = cut.map_or(bytes.len(), |at| excess + at + 1);
            bytes.drain(..cut);
        }
    }
}

impl Write for LogBuffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(data);
        self.line(text.trim_end_matches('\n'));
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_whole_lines() {
        let log = LogBuffer::default();
        for number in 0..100_000 {
            log.line(&format!("line {number}"));
        }
        let contents = String::from_utf8(log.contents()).unwrap();
        assert!(contents.len() <= LIMIT);
        assert!(contents.starts_with("line "));
        assert!(contents.ends_with("line 99999\n"));
    }
}
