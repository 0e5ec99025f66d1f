//! The collected logs of one node, and the one that is read: of it only the lines around those on
//! the screen are here, the rest stays on the server.

use std::collections::VecDeque;

use cupola_api::cupola::{AgentLog, LogPage};

use crate::event::Answer;

/// At most so many lines are held.
const WINDOW: usize = 3000;
/// How far before the screen a window begins that is read anew.
const BEFORE: u64 = 500;

/// The logs part of the node screen.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    /// The logs, the newest first, once they are known.
    pub(crate) list: Option<Answer<Vec<AgentLog>>>,
    /// Which one is under the cursor.
    pub(crate) at: usize,
    /// The one that is read.
    pub(crate) open: Option<Open>,
}

/// A log that is read.
#[derive(Debug)]
pub(crate) struct Open {
    /// Its name.
    pub(crate) name: String,
    /// The number of the first line on the screen.
    pub(crate) top: u64,
    /// Why it cannot be read.
    pub(crate) error: Option<String>,
    lines: VecDeque<String>,
    first: u64,
    /// Whether the last line that is held is the last one there is.
    complete: bool,
    loading: bool,
    to_end: bool,
}

impl Open {
    /// A log of which nothing has been read yet; its first lines are to be asked for.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            top: 0,
            error: None,
            lines: VecDeque::new(),
            first: 0,
            complete: false,
            loading: true,
            to_end: false,
        }
    }

    fn held(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    /// How many lines there are, once the end is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.complete.then(|| self.held())
    }

    /// The lines on a screen of so many rows.
    pub(crate) fn visible(&self, height: usize) -> impl Iterator<Item = &str> {
        let skip = usize::try_from(self.top.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.lines
            .iter()
            .skip(skip)
            .take(height)
            .map(String::as_str)
    }

    /// Whether lines that should be on the screen are still on their way.
    pub(crate) fn is_loading(&self) -> bool {
        self.loading
    }

    /// Moves by so many lines, to an end with the extreme numbers; the line from which on the
    /// server is to be asked.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) -> Option<u64> {
        self.to_end = by == isize::MAX;
        let step = by.unsigned_abs() as u64;
        self.top = if by < 0 {
            self.top.saturating_sub(step)
        } else {
            self.top.saturating_add(step).min(self.last_top(height))
        };
        self.wanted(height)
    }

    /// The last line at which a screen can begin, as far as is known.
    fn last_top(&self, height: usize) -> u64 {
        self.held().saturating_sub(height as u64)
    }

    fn wanted(&mut self, height: usize) -> Option<u64> {
        if self.loading || self.error.is_some() {
            return None;
        }
        let from = if self.top < self.first {
            self.lines.clear();
            self.complete = false;
            self.first = self.top.saturating_sub(BEFORE);
            self.first
        } else if !self.complete && (self.to_end || self.top + 2 * height as u64 > self.held()) {
            self.held()
        } else {
            return None;
        };
        self.loading = true;
        Some(from)
    }

    /// Takes what the server answered; the line from which on it is to be asked next.
    pub(crate) fn take(&mut self, answer: Answer<LogPage>, height: usize) -> Option<u64> {
        self.loading = false;
        match answer {
            Err(why) => self.error = Some(why),
            // An answer to a question of before the last jump is not what is waited for.
            Ok(page) if page.first != self.held() => {}
            Ok(page) => {
                self.complete = page.end;
                self.lines.extend(page.lines);
                if self.to_end {
                    self.top = self.last_top(height);
                }
                while self.lines.len() > WINDOW && self.first < self.top {
                    self.lines.pop_front();
                    self.first += 1;
                }
            }
        }
        self.wanted(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: u64 = 10_000;

    /// What the server answers.
    fn page(first: u64) -> LogPage {
        let last = (first + 1000).min(TOTAL);
        LogPage {
            first,
            lines: (first..last).map(|n| n.to_string()).collect(),
            end: last == TOTAL,
        }
    }

    /// Answers until nothing more is asked.
    fn feed(log: &mut Open, mut wanted: Option<u64>) {
        while let Some(from) = wanted {
            wanted = log.take(Ok(page(from)), 20);
        }
    }

    fn shown(log: &Open) -> Vec<u64> {
        log.visible(20)
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    #[test]
    fn from_one_end_to_the_other_with_few_lines_in_memory() {
        let mut log = Open::new("x".to_owned());
        feed(&mut log, Some(0));
        assert_eq!(shown(&log), (0..20).collect::<Vec<_>>());
        let wanted = log.scroll(isize::MAX, 20);
        feed(&mut log, wanted);
        assert_eq!(log.total(), Some(TOTAL));
        assert_eq!(shown(&log), (TOTAL - 20..TOTAL).collect::<Vec<_>>());
        assert!(log.lines.len() <= WINDOW + 20);
        let wanted = log.scroll(-9000, 20);
        feed(&mut log, wanted);
        assert_eq!(shown(&log), (980..1000).collect::<Vec<_>>());
        let wanted = log.scroll(isize::MIN, 20);
        feed(&mut log, wanted);
        assert_eq!(shown(&log)[0], 0);
    }

    #[test]
    fn scrolling_down_asks_for_more_before_the_end_is_seen() {
        let mut log = Open::new("x".to_owned());
        feed(&mut log, Some(0));
        assert_eq!(log.scroll(900, 20), None);
        assert_eq!(log.scroll(70, 20), Some(1000));
        assert_eq!(log.scroll(5, 20), None, "it is on its way already");
    }

    #[test]
    fn what_cannot_be_read_says_why_and_asks_no_more() {
        let mut log = Open::new("x".to_owned());
        assert_eq!(log.take(Err("gone".to_owned()), 20), None);
        assert_eq!(log.error.as_deref(), Some("gone"));
        assert_eq!(log.scroll(1, 20), None);
    }
}
