//! Asking a server that has no events what has changed.
//!
//! Ironic has neither a stream nor conditional requests. A small fleet is listed each time; of a large
//! one only the nodes that were changed or made last, and now and then all of them, which finds what
//! is gone. The pause grows with the time that the server takes, so that it is busy with one console for
//! a tenth of its time at most.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::cupola::NodeSummary;
use cupola_api::event::{Event, EventId, EventKind};
use cupola_api::id::NodeId;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::event::Changes;
use crate::summary;

/// The shortest pause between two questions.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause is so many times as long as the answer took.
const REST: u32 = 10;
/// Up to so many nodes are listed each time; of more, so many of the last ones.
const PAGE: u32 = 100;
/// A large fleet is listed as a whole this often at most.
const WHOLE: Duration = Duration::from_secs(60);
/// What caused an event that was found by comparing.
const CAUSE: &str = "seen by asking";

/// What is known of the nodes of a server.
pub(crate) struct Poller {
    client: Client,
    known: HashMap<NodeId, NodeSummary>,
    /// Which fields the server knows.
    fields: summary::Fields,
    listed: Instant,
    took: Duration,
    pause: Duration,
}

impl Poller {
    /// Nothing is known yet.
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            known: HashMap::new(),
            fields: summary::Fields::default(),
            listed: Instant::now(),
            took: Duration::ZERO,
            pause: PAUSE,
        }
    }

    /// How long to wait until the next question.
    pub(crate) const fn pause(&self) -> Duration {
        self.pause
    }

    /// All nodes.
    ///
    /// # Errors
    /// As every call of the client.
    pub(crate) async fn all(&mut self) -> Result<Vec<NodeSummary>, ClientError> {
        let start = Instant::now();
        let nodes = summary::from_nodes(&self.client, &mut self.fields).await?;
        self.listed = Instant::now();
        self.took = start.elapsed();
        self.rest(self.took);
        self.known = nodes.iter().map(|n| (n.uuid, n.clone())).collect();
        Ok(nodes)
    }

    fn rest(&mut self, took: Duration) {
        self.pause = (took * REST).clamp(PAUSE, LONGEST_PAUSE);
    }

    /// What has changed since the last question.
    ///
    /// # Errors
    /// As every call of the client.
    pub(crate) async fn changes(&mut self) -> Result<Changes, ClientError> {
        let is_large = self.known.len() > PAGE as usize;
        let is_due = self.listed.elapsed() > WHOLE.max(self.took * REST);
        if is_large && !is_due {
            let start = Instant::now();
            if let Some(latest) = self.latest().await? {
                self.rest(start.elapsed());
                return Ok(self.compared(latest));
            }
        }
        let before = std::mem::take(&mut self.known);
        let nodes = match self.all().await {
            Ok(nodes) => nodes,
            Err(error) => {
                self.known = before;
                return Err(error);
            }
        };
        let there: HashSet<NodeId> = nodes.iter().map(|node| node.uuid).collect();
        self.known = before;
        let mut changes = self.compared(nodes);
        changes.deleted = self
            .known
            .keys()
            .copied()
            .filter(|id| !there.contains(id))
            .collect();
        self.known.retain(|id, _| there.contains(id));
        Ok(changes)
    }

    /// The nodes that were changed or made last; nothing where there may be more of them. Ironic sorts
    /// by these times and does not show them in lists: where the last of a page is as it was known, what
    /// comes after it is too.
    async fn latest(&self) -> Result<Option<Vec<NodeSummary>>, ClientError> {
        let mut found = Vec::new();
        for key in ["updated_at", "created_at"] {
            let page = summary::latest(&self.client, self.fields, key, PAGE).await?;
            let is_known = |node: &NodeSummary| self.known.get(&node.uuid) == Some(node);
            if !page.last().is_some_and(is_known) {
                return Ok(None);
            }
            found.extend(page);
        }
        Ok(Some(found))
    }

    /// Those that are not as they were known; they are known from now on.
    fn compared(&mut self, nodes: Vec<NodeSummary>) -> Changes {
        let mut changes = Changes::default();
        let now = Timestamp::now();
        for node in nodes {
            let before = self.known.get(&node.uuid);
            if before == Some(&node) {
                continue;
            }
            if let Some(before) = before {
                events(before, &node, now, &mut changes.events);
            }
            self.known.insert(node.uuid, node.clone());
            changes.nodes.push(node);
        }
        changes
    }
}

/// What must have happened between two answers. Steps between them are not seen.
fn events(before: &NodeSummary, node: &NodeSummary, now: Timestamp, out: &mut Vec<Event>) {
    let mut kinds = Vec::new();
    let cause = || CAUSE.to_owned();
    if before.provision_state != node.provision_state {
        kinds.push(EventKind::Transition {
            from: before.provision_state,
            to: node.provision_state,
            cause: cause(),
        });
    }
    if before.power_state != node.power_state {
        kinds.push(EventKind::Power {
            state: summary::power_word(node.power_state).to_owned(),
            cause: cause(),
        });
    }
    if before.maintenance != node.maintenance {
        kinds.push(EventKind::Maintenance {
            on: node.maintenance,
            reason: None,
        });
    }
    let after = out.last().map_or(0, |event| event.id.0 + 1);
    for (id, kind) in (now.as_microsecond().max(after)..).zip(kinds) {
        out.push(Event {
            id: EventId(id),
            at: now,
            node: Some(node.uuid),
            kind,
        });
    }
}

#[cfg(test)]
mod tests {
    use cupola_api::client::remote::RemoteTransport;
    use cupola_api::state::provision::ProvisionState;

    use super::*;
    use crate::testing::summary as node;

    #[test]
    fn what_differs_is_told_with_what_must_have_happened() {
        let nobody = RemoteTransport::new("http://127.0.0.1:9").unwrap();
        let mut poller = Poller::new(Client::new(nobody));
        let first = vec![
            node(1, "a", ProvisionState::Available),
            node(2, "b", ProvisionState::Enroll),
        ];
        assert_eq!(poller.compared(first.clone()).nodes.len(), 2);
        assert_eq!(poller.compared(first).nodes.len(), 0);
        let mut later = node(1, "a", ProvisionState::Deploying);
        later.maintenance = true;
        let changes = poller.compared(vec![later]);
        assert_eq!((changes.nodes.len(), changes.events.len()), (1, 2));
        let ids: HashSet<EventId> = changes.events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), 2);
        assert!(changes.events.iter().any(|event| matches!(
            event.kind,
            EventKind::Transition {
                from: ProvisionState::Available,
                to: ProvisionState::Deploying,
                ..
            }
        )));
    }
}
