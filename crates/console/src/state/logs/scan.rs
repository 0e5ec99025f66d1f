//! The lines of a log that have a text: the log is read through once, page by page, and only they are
//! kept.

use std::collections::VecDeque;

use cupola_api::cupola::LogPage;

use crate::state::watching::viewer::Pattern;

/// At most so many lines are kept; more are found by a longer text.
const MOST: usize = 5000;

/// Those that were found so far.
#[derive(Debug)]
pub(crate) struct Filtered {
    pattern: Pattern,
    lines: VecDeque<(u64, String)>,
    next: u64,
    /// Whether the log has been read to its end, or enough was found.
    pub(crate) complete: bool,
    /// The first line on the screen.
    pub(crate) top: usize,
}

impl Filtered {
    /// Nothing found yet; the log is to be asked for from its first line.
    pub(crate) const fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            lines: VecDeque::new(),
            next: 0,
            complete: false,
            top: 0,
        }
    }

    /// Whether this page is what it waits for.
    pub(crate) fn awaits(&self, page: &LogPage) -> bool {
        !self.complete && page.first == self.next
    }

    /// Takes a page; the line from which on the server is to be asked next.
    pub(crate) fn take(&mut self, page: LogPage) -> Option<u64> {
        let count = page.lines.len() as u64;
        for (number, line) in (page.first..).zip(page.lines) {
            if self.pattern.matches(&line) && self.lines.len() < MOST {
                self.lines.push_back((number, line));
            }
        }
        self.next += count;
        self.complete = page.end || count == 0 || self.is_full();
        (!self.complete).then_some(self.next)
    }

    /// Whether no more is looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= MOST
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        self.pattern.text()
    }

    /// Those on a screen of so many rows, with their numbers.
    pub(crate) fn visible(&self, height: usize) -> impl Iterator<Item = (u64, &str)> {
        let lines = self.lines.iter().skip(self.top).take(height);
        lines.map(|(number, line)| (*number, line.as_str()))
    }

    /// Moves by so many lines.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let last = self.lines.len().saturating_sub(height);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// The next one that has this, or the one before, from a line on.
    pub(crate) fn seek(&self, pattern: &Pattern, from: u64, down: bool) -> Option<u64> {
        let has = |(_, line): &&(u64, String)| pattern.matches(line);
        let found = if down {
            self.lines.iter().filter(has).find(|(at, _)| *at > from)
        } else {
            self.lines
                .iter()
                .rev()
                .filter(has)
                .find(|(at, _)| *at < from)
        };
        found.map(|(at, _)| *at)
    }

    /// Brings a line to the screen.
    pub(crate) fn show(&mut self, number: u64, height: usize) {
        let at = self.lines.iter().position(|(n, _)| *n >= number);
        let last = self.lines.len().saturating_sub(height);
        self.top = at.unwrap_or(last).saturating_sub(height / 3).min(last);
    }
}
