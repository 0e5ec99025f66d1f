//! What happened to one node: the events that are kept, and the progress of the step that runs.

use std::collections::BTreeMap;

use cupola_api::event::{Event, EventId, EventKind};

/// At most so many events are kept of one node.
const MAX: usize = 5000;

/// The events of one node, oldest first, and which part of them is on the screen.
#[derive(Debug)]
pub(crate) struct Timeline {
    events: BTreeMap<EventId, Event>,
    dropped: usize,
    /// Whether the newest event is always shown.
    pub(crate) follow: bool,
    /// How many of the newest events are below the screen, when the end is not followed.
    pub(crate) below: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            dropped: 0,
            follow: true,
            below: 0,
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
        if self.events.insert(event.id, event).is_none() && !self.follow {
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

    /// Moves by so many lines; moving to the end follows it again.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let most = self.events.len().saturating_sub(height);
        self.below = self.below.saturating_add_signed(-by).min(most);
        self.follow = self.below == 0;
    }

    /// Follows the end, or stays where it is.
    pub(crate) const fn toggle_follow(&mut self) {
        self.follow = !self.follow;
        self.below = 0;
    }

    /// The events that fit on so many lines.
    pub(crate) fn visible(&self, height: usize) -> Vec<&Event> {
        let newest = self.events.values().rev();
        let mut shown: Vec<&Event> = newest.skip(self.below).take(height).collect();
        shown.reverse();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::event::Severity;

    fn event(id: i64, kind: EventKind) -> Event {
        Event {
            id: EventId(id),
            at: jiff::Timestamp::UNIX_EPOCH,
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
