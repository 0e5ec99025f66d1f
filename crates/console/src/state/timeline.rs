//! What happened to one node: the events that are kept, and the progress of the step that runs.

use std::collections::{BTreeMap, BTreeSet};

use cupola_api::event::{Event, EventId, EventKind, Severity};
use jiff::Timestamp;

use super::watching::viewer::Pattern;
use crate::describe::describe;

/// At most so many events are kept of one node.
const MAX: usize = 5000;

/// The events of one node, oldest first, and which part of them is on the screen.
#[derive(Debug)]
pub(crate) struct Timeline {
    events: BTreeMap<EventId, Event>,
    dropped: usize,
    /// Those that the filter lets through, where there is one.
    matching: Option<(Pattern, BTreeSet<EventId>)>,
    /// What happened before is not shown.
    pub(crate) since: Option<Timestamp>,
    /// What happened after is not shown.
    pub(crate) until: Option<Timestamp>,
    /// Marked events, and when they were marked.
    pub(crate) marks: BTreeMap<EventId, Timestamp>,
    /// The event that was searched for and found.
    pub(crate) hit: Option<EventId>,
    /// Whether the newest event is always shown.
    pub(crate) follow: bool,
    /// How many of the newest events are below the screen, when the end is not followed.
    pub(crate) below: usize,
    /// Whether the last trouble is to be shown once the events have come.
    pub(crate) seek_trouble: bool,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            dropped: 0,
            matching: None,
            since: None,
            until: None,
            marks: BTreeMap::new(),
            hit: None,
            follow: true,
            below: 0,
            seek_trouble: false,
        }
    }
}

impl Timeline {
    /// Takes events, in any order; one that is known already changes nothing.
    pub(crate) fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.push(event);
        }
    }

    fn push(&mut self, event: Event) {
        if let EventKind::StepProgress { step, .. } = &event.kind {
            // Only the last word of each step is worth a line.
            let step = step.clone();
            let same = |e: &Event| matches!(&e.kind, EventKind::StepProgress { step: s, .. } if *s == step);
            let old = self.events.iter().rev().take(50).find(|(_, e)| same(e));
            if let Some(id) = old.map(|(id, _)| *id) {
                self.events.remove(&id);
            }
        }
        if matches!(event.kind, EventKind::NodeChanged { .. }) {
            return;
        }
        let id = event.id;
        let is_shown = match &mut self.matching {
            Some((pattern, ids)) if pattern.matches(&describe(&event.kind).1) => ids.insert(id),
            Some(_) => false,
            None => true,
        };
        let is_new = self.events.insert(id, event).is_none();
        if is_new && is_shown && !self.follow {
            self.below += 1;
        }
        while self.events.len() > MAX {
            self.events.pop_first();
            self.dropped += 1;
        }
        self.below = self.below.min(self.events.len());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// How many old ones were let go.
    pub(crate) const fn dropped(&self) -> usize {
        self.dropped
    }

    /// All of them, oldest first.
    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.values()
    }

    /// Those that may be shown, the newest first.
    fn newest(&self) -> impl Iterator<Item = &Event> {
        let ids = self.matching.as_ref().map(|(_, ids)| ids);
        let (since, until) = (self.since, self.until);
        self.events.values().rev().filter(move |event| {
            since.is_none_or(|since| event.at >= since)
                && until.is_none_or(|until| event.at <= until)
                && ids.is_none_or(|ids| ids.contains(&event.id))
        })
    }

    /// How many may be shown.
    pub(crate) fn shown(&self) -> usize {
        self.newest().count()
    }

    /// Shows only what has this, or everything.
    pub(crate) fn filter(&mut self, pattern: Option<Pattern>) {
        self.matching = pattern.map(|pattern| {
            let fits = |event: &&Event| pattern.matches(&describe(&event.kind).1);
            let ids = self.events.values().filter(fits).map(|event| event.id);
            let ids = ids.collect();
            (pattern, ids)
        });
        self.below = 0;
        self.follow = true;
    }

    /// Goes to the next event, or the one before, that has this; false where there is none.
    pub(crate) fn seek(&mut self, pattern: &Pattern, down: bool, height: usize) -> bool {
        let has = |event: &&Event| pattern.matches(&describe(&event.kind).1);
        let found: Vec<(usize, EventId)> = self
            .newest()
            .enumerate()
            .filter(|(_, event)| has(event))
            .map(|(at, event)| (at, event.id))
            .collect();
        let here = self.hit;
        let next = match here {
            Some(here) if down => found.iter().rev().find(|(_, id)| *id > here),
            Some(here) => found.iter().find(|(_, id)| *id < here),
            None => found.iter().find(|(at, _)| *at >= self.below),
        };
        let Some((at, id)) = next.copied() else {
            return false;
        };
        self.hit = Some(id);
        self.show(at, height);
        true
    }

    /// Brings the event with so many newer ones to the middle of the screen.
    fn show(&mut self, newer: usize, height: usize) {
        self.below = newer.saturating_sub(height / 2);
        self.follow = self.below == 0;
    }

    /// Marks the lowest event on the screen, or takes its mark away; false where there is none.
    pub(crate) fn mark(&mut self, now: Timestamp) -> bool {
        let hit = self.hit;
        let lowest = self.newest().nth(self.below).map(|event| event.id);
        let Some(id) = hit.or(lowest) else {
            return false;
        };
        if self.marks.remove(&id).is_none() {
            self.marks.insert(id, now);
        }
        true
    }

    /// Goes to the marked event above, from the first one to the last; false where none is.
    pub(crate) fn go_to_mark(&mut self, height: usize) -> bool {
        let lowest = self.newest().nth(self.below).map(|event| event.id);
        let Some(here) = self.hit.or(lowest) else {
            return false;
        };
        let above = self.marks.range(..here).next_back();
        let Some(id) = above
            .or_else(|| self.marks.last_key_value())
            .map(|(id, _)| *id)
        else {
            return false;
        };
        let Some(at) = self.newest().position(|event| event.id == id) else {
            return false;
        };
        self.hit = Some(id);
        self.show(at, height);
        true
    }

    /// Moves by so many lines; moving to the end follows it again.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let most = self.shown().saturating_sub(height);
        self.below = self.below.saturating_add_signed(-by).min(most);
        self.follow = self.below == 0;
        self.hit = None;
    }

    /// Shows the last event that tells of a trouble in the middle of the screen, where there is one.
    pub(crate) fn go_to_trouble(&mut self, height: usize) {
        let is_trouble = |event: &Event| describe(&event.kind).0 >= Severity::Error;
        let is_warning = |event: &Event| describe(&event.kind).0 >= Severity::Warning;
        let found = self.newest().position(is_trouble);
        let found = found.or_else(|| self.newest().position(is_warning));
        if let Some(at) = found {
            let hit = self.newest().nth(at).map(|event| event.id);
            self.hit = hit;
            self.show(at, height);
        }
    }

    /// Follows the end, or stays where it is.
    pub(crate) const fn toggle_follow(&mut self) {
        self.follow = !self.follow;
        self.below = 0;
    }

    /// The events that fit on so many lines.
    pub(crate) fn visible(&self, height: usize) -> Vec<&Event> {
        let mut shown: Vec<&Event> = self.newest().skip(self.below).take(height).collect();
        shown.reverse();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64, kind: EventKind) -> Event {
        Event {
            id: EventId(id),
            at: Timestamp::UNIX_EPOCH,
            node: None,
            kind,
        }
    }

    fn line(id: i64) -> Event {
        let text = id.to_string();
        let source = "agent".to_owned();
        event(
            id,
            EventKind::Log {
                severity: Severity::Info,
                source,
                text,
            },
        )
    }

    #[test]
    fn the_list_and_the_stream_may_overlap() {
        let mut timeline = Timeline::default();
        timeline.extend([line(5), line(6)]);
        timeline.extend((1..=5).map(line));
        let ids: Vec<i64> = timeline.visible(100).iter().map(|e| e.id.0).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_reader_who_scrolled_back_stays_where_he_is() {
        let mut timeline = Timeline::default();
        timeline.extend((1..=100).map(line));
        timeline.scroll(-10, 20);
        let before: Vec<EventId> = timeline.visible(20).iter().map(|e| e.id).collect();
        timeline.extend([line(101)]);
        let after: Vec<EventId> = timeline.visible(20).iter().map(|e| e.id).collect();
        assert_eq!(before, after);
        timeline.scroll(1000, 20);
        assert!(timeline.follow);
        assert_eq!(timeline.visible(1)[0].id.0, 101);
    }

    #[test]
    fn what_is_searched_for_is_found_up_and_down_and_marks_are_gone_back_to() {
        let mut timeline = Timeline::default();
        timeline.extend((1..=100).map(line));
        let seven = Pattern::new("7").expect("a pattern");
        let mut found = |down| {
            assert!(timeline.seek(&seven, down, 20));
            timeline.hit.map(|id| id.0)
        };
        assert_eq!(found(false), Some(97));
        assert_eq!(found(false), Some(87));
        assert_eq!(found(true), Some(97));
        assert!(!timeline.seek(&seven, true, 20), "there is none below");
        assert!(timeline.mark(Timestamp::UNIX_EPOCH));
        timeline.scroll(isize::MIN + 1, 20);
        assert!(timeline.go_to_mark(20));
        assert_eq!(timeline.hit, Some(EventId(97)));
        assert!(timeline.visible(20).iter().any(|event| event.id.0 == 97));
    }

    #[test]
    fn a_filter_lets_through_what_comes_too_and_the_past_ends_where_it_is_said() {
        let mut timeline = Timeline::default();
        timeline.extend((1..=50).map(line));
        timeline.filter(Pattern::new("9"));
        timeline.extend([line(59), line(60)]);
        let shown = |timeline: &Timeline| -> Vec<i64> {
            timeline
                .visible(100)
                .iter()
                .map(|event| event.id.0)
                .collect()
        };
        assert_eq!(shown(&timeline), [9, 19, 29, 39, 49, 59]);
        timeline.filter(None);
        assert_eq!(timeline.shown(), 52);
        timeline.until = Timestamp::from_second(-1).ok();
        assert_eq!(timeline.shown(), 0);
    }

    #[test]
    fn progress_takes_one_line() {
        let mut timeline = Timeline::default();
        for id in 1..=30 {
            let step = "deploy.write_image".to_owned();
            let message = String::new();
            timeline.extend([event(
                id,
                EventKind::StepProgress {
                    step,
                    percent: None,
                    message,
                },
            )]);
        }
        assert_eq!(timeline.len(), 1);
    }
}
