//! The collected logs of one node, and the one that is read: of it only the lines around those on
//! the screen are here, the rest stays on the server.

mod scan;

use std::collections::{BTreeMap, VecDeque};

use cupola_api::cupola::{AgentLog, LogPage};
use jiff::Timestamp;

use super::watching::viewer::Pattern;
use crate::event::Answer;

pub(crate) use scan::Filtered;

/// At most so many lines are held.
const WINDOW: usize = 3000;
/// So many lines are searched at once towards the beginning.
const PAGE: u64 = 1000;
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
    /// Only the lines that have a text, where that was asked for.
    pub(crate) filtered: Option<Filtered>,
    /// Marked lines, and when they were marked.
    pub(crate) marks: BTreeMap<u64, Timestamp>,
    /// The line that was searched for and found.
    pub(crate) hit: Option<u64>,
    /// Whether a search ended without a line, and whether it went down.
    pub(crate) missed: Option<bool>,
    /// What is searched for in lines that are still on their way.
    seek: Option<Seek>,
    lines: VecDeque<String>,
    first: u64,
    /// Whether the last line that is held is the last one there is.
    complete: bool,
    loading: bool,
    to_end: bool,
}

/// A search in lines that are still on their way.
#[derive(Debug)]
struct Seek {
    pattern: Pattern,
    down: bool,
    /// The first line on the screen when it began.
    from: u64,
}

/// What became of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The line is on the screen.
    Found,
    /// The server is to be asked from this line on.
    Ask(u64),
    /// It goes on when lines come that were asked for already.
    Waits,
    /// There is none.
    None,
}

impl Open {
    /// A log of which nothing has been read yet; its first lines are to be asked for.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            top: 0,
            error: None,
            filtered: None,
            marks: BTreeMap::new(),
            hit: None,
            missed: None,
            seek: None,
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

    /// The lines on a screen of so many rows, with their numbers.
    pub(crate) fn visible(&self, height: usize) -> Box<dyn Iterator<Item = (u64, &str)> + '_> {
        if let Some(filtered) = &self.filtered {
            return Box::new(filtered.visible(height));
        }
        let from = self.top.max(self.first);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let lines = self.lines.iter().skip(skip).take(height);
        Box::new((from..).zip(lines.map(String::as_str)))
    }

    /// Whether lines that should be on the screen are still on their way.
    pub(crate) fn is_loading(&self) -> bool {
        match &self.filtered {
            Some(filtered) => !filtered.complete,
            None => self.loading,
        }
    }

    /// Whether lines are being searched through.
    pub(crate) const fn is_seeking(&self) -> bool {
        self.seek.is_some()
    }

    /// Moves by so many lines, to an end with the extreme numbers; the line from which on the
    /// server is to be asked.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) -> Option<u64> {
        self.hit = None;
        self.seek = None;
        if let Some(filtered) = &mut self.filtered {
            filtered.scroll(by, height);
            return None;
        }
        self.to_end = by == isize::MAX;
        let step = by.unsigned_abs() as u64;
        self.top = if by < 0 {
            self.top.saturating_sub(step)
        } else {
            self.top.saturating_add(step).min(self.last_top(height))
        };
        self.wanted(height)
    }

    /// Shows only the lines that have this, or all; the line from which on the server is to be
    /// asked.
    pub(crate) fn filter(&mut self, pattern: Option<Pattern>, height: usize) -> Option<u64> {
        self.hit = None;
        self.seek = None;
        self.filtered = pattern.map(Filtered::new);
        match &self.filtered {
            Some(_) => Some(0),
            None => self.wanted(height),
        }
    }

    /// Goes to the next line that has this, or the one before.
    pub(crate) fn seek(&mut self, pattern: &Pattern, down: bool, height: usize) -> Sought {
        self.to_end = false;
        if let Some(filtered) = &mut self.filtered {
            let before = if down { None } else { Some(u64::MAX) };
            let from = self.hit.or(before);
            let found = match from {
                Some(from) => filtered.seek(pattern, from, down),
                None => filtered.visible(usize::MAX).map(|(at, _)| at).next(),
            };
            let Some(found) = found else {
                return Sought::None;
            };
            self.hit = Some(found);
            filtered.show(found, height);
            return Sought::Found;
        }
        let found = match self.hit {
            Some(hit) if down => self.find(pattern, hit + 1, true),
            Some(hit) => self.find(pattern, hit, false),
            None if down => self.find(pattern, self.top, true),
            None => self.find(pattern, self.top, false),
        };
        if let Some(at) = found {
            self.show(at, height);
            return Sought::Found;
        }
        if (down && self.complete) || (!down && self.first == 0) || self.error.is_some() {
            return Sought::None;
        }
        self.seek = Some(Seek {
            pattern: pattern.clone(),
            down,
            from: self.top,
        });
        if self.loading {
            return Sought::Waits;
        }
        self.loading = true;
        Sought::Ask(self.further(down))
    }

    /// The line from which on what comes next is asked for.
    fn further(&mut self, down: bool) -> u64 {
        if down {
            return self.held();
        }
        // What is searched comes before what is held, which is read again when it is wanted.
        self.hit = Some(self.first);
        self.lines.clear();
        self.complete = false;
        self.first = self.first.saturating_sub(PAGE);
        self.first
    }

    /// The first held line from `from` on that has this, or the last one before it.
    fn find(&self, pattern: &Pattern, from: u64, down: bool) -> Option<u64> {
        let mut lines = (self.first..).zip(&self.lines);
        if down {
            let mut after = lines.filter(|(at, _)| *at >= from);
            return after
                .find(|(_, line)| pattern.matches(line))
                .map(|(at, _)| at);
        }
        let before = lines
            .by_ref()
            .take_while(|(at, _)| *at < from)
            .filter(|(_, line)| pattern.matches(line));
        before.last().map(|(at, _)| at)
    }

    fn show(&mut self, at: u64, height: usize) {
        self.hit = Some(at);
        let third = height as u64 / 3;
        self.top = at
            .saturating_sub(third)
            .min(self.last_top(height))
            .max(self.first);
    }

    /// Goes to the next marked line, from the last one to the first.
    pub(crate) fn go_to_mark(&mut self, height: usize) -> Option<(u64, Option<u64>)> {
        self.to_end = false;
        let here = self.hit.unwrap_or(self.top);
        let after = self.marks.range(here + 1..).next();
        let at = *after.or_else(|| self.marks.first_key_value())?.0;
        if let Some(filtered) = &mut self.filtered {
            filtered.show(at, height);
            self.hit = Some(at);
            return Some((at, None));
        }
        self.hit = Some(at);
        self.top = at.saturating_sub(height as u64 / 3);
        Some((at, self.wanted(height)))
    }

    /// Marks the line that was found, else the first one on the screen.
    pub(crate) fn mark(&mut self, now: Timestamp) {
        let top = self.visible(1).next().map(|(at, _)| at);
        let at = self.hit.or(top).unwrap_or(self.top);
        if self.marks.remove(&at).is_none() {
            self.marks.insert(at, now);
        }
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
        let page = match answer {
            Ok(page) => page,
            Err(why) => {
                self.loading = false;
                self.seek = None;
                self.error = Some(why);
                return None;
            }
        };
        if let Some(filtered) = self.filtered.as_mut().filter(|f| f.awaits(&page)) {
            return filtered.take(page);
        }
        self.loading = false;
        // An answer to a question of before the last jump is not what is waited for.
        if page.first == self.held() {
            self.complete = page.end;
            self.lines.extend(page.lines);
            if let Some(from) = self.seek_on(height) {
                return Some(from);
            }
            if self.to_end {
                self.top = self.last_top(height);
            }
            while self.lines.len() > WINDOW && self.first < self.top {
                self.lines.pop_front();
                self.first += 1;
            }
        }
        self.wanted(height)
    }

    /// Goes on with a search in what has come.
    fn seek_on(&mut self, height: usize) -> Option<u64> {
        let began = self.seek.take()?;
        let down = began.down;
        let outcome = self.seek(&began.pattern, down, height);
        if let Some(seek) = &mut self.seek {
            seek.from = began.from;
        }
        match outcome {
            Sought::Ask(from) => {
                if down {
                    // What was searched goes, so that little is held.
                    let keep = u64::try_from(height).unwrap_or(u64::MAX);
                    self.top = self.held().saturating_sub(keep).max(self.top);
                    while self.lines.len() > WINDOW && self.first < self.top {
                        self.lines.pop_front();
                        self.first += 1;
                    }
                }
                Some(from)
            }
            Sought::None => {
                // Nothing was found: the reader is where he was.
                self.missed = Some(down);
                self.hit = None;
                self.top = began.from;
                self.wanted(height)
            }
            Sought::Found | Sought::Waits => None,
        }
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
            .filter_map(|(_, line)| line.parse().ok())
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

    fn sought(log: &mut Open, pattern: &str, down: bool) -> Option<u64> {
        let pattern = Pattern::new(pattern).expect("a pattern");
        match log.seek(&pattern, down, 20) {
            Sought::Ask(from) => feed(log, Some(from)),
            Sought::Found | Sought::Waits => {}
            Sought::None => return None,
        }
        log.hit.filter(|_| !log.is_seeking())
    }

    #[test]
    fn a_search_goes_through_what_is_not_held_and_back() {
        let mut log = Open::new("x".to_owned());
        feed(&mut log, Some(0));
        assert_eq!(sought(&mut log, "7000", true), Some(7000));
        assert!(shown(&log).contains(&7000));
        assert!(log.lines.len() <= WINDOW + 1000);
        assert_eq!(sought(&mut log, "123", false), Some(6123));
        assert_eq!(sought(&mut log, "0042", false), None, "no line has it");
        assert_eq!(log.missed, Some(false));
    }

    #[test]
    fn only_what_has_a_text_is_kept_of_the_whole_log() {
        let mut log = Open::new("x".to_owned());
        feed(&mut log, Some(0));
        let wanted = log.filter(Pattern::new("777"), 20);
        feed(&mut log, wanted);
        let filtered = log.filtered.as_ref().expect("a filter");
        assert!(filtered.complete);
        assert_eq!(filtered.len(), 19);
        assert_eq!(shown(&log)[..3], [777, 1777, 2777]);
        let wanted = log.filter(None, 20);
        feed(&mut log, wanted);
        assert_eq!(shown(&log)[0], 0);
    }

    #[test]
    fn marks_are_gone_back_to() {
        let mut log = Open::new("x".to_owned());
        feed(&mut log, Some(0));
        let wanted = log.scroll(500, 20);
        feed(&mut log, wanted);
        log.mark(Timestamp::UNIX_EPOCH);
        let wanted = log.scroll(isize::MAX, 20);
        feed(&mut log, wanted);
        let (at, wanted) = log.go_to_mark(20).expect("a mark");
        feed(&mut log, wanted);
        assert_eq!(at, 500);
        assert!(shown(&log).contains(&500));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_asks_no_more() {
        let mut log = Open::new("x".to_owned());
        assert_eq!(log.take(Err("gone".to_owned()), 20), None);
        assert_eq!(log.error.as_deref(), Some("gone"));
        assert_eq!(log.scroll(1, 20), None);
    }
}
