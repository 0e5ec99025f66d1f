//! Work on one node: reading it, changing it, moving its state, telling what happened.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::cupola::{StepSummary, Waiting};
use cupola_api::event::{EventKind, Severity};
use cupola_api::id::{HistoryId, NodeId};
use cupola_api::node::Node;
use cupola_api::resource::HistoryEntry;
use cupola_api::state::provision::ProvisionState;
use cupola_api::state::transition::{self, Actor, Event};
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use cupola_drivers::interface::{Changes, Hardware, Task};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Conductor;
use super::error::{WorkError, WorkResult};
use super::recorder::TaskRecorder;
use crate::notifications::{Moved, Notifier};
use crate::store::{Revision, StoreError, StoredNode};

/// How long a piece of work may take that has no limit of its own.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// How long a move of the state waits for its event to be kept.
const FLUSH: Duration = Duration::from_secs(1);

/// Work on one node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Work {
    conductor: Conductor,
    id: NodeId,
    cancel: CancellationToken,
}

impl Work {
    pub(super) fn new(conductor: Conductor, id: NodeId) -> Self {
        let cancel = conductor.inner.stop.child_token();
        Self {
            conductor,
            id,
            cancel,
        }
    }

    pub(super) const fn id(&self) -> NodeId {
        self.id
    }

    pub(super) const fn conductor(&self) -> &Conductor {
        &self.conductor
    }

    /// Whether an error is only the service stopping: then nothing is failed, for the work goes on
    /// at the next start.
    pub(super) fn is_stopping(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(super) async fn node(&self) -> Result<Arc<StoredNode>, StoreError> {
        self.conductor.store().node_by_id(self.id).await
    }

    /// Changes the node as it is now, and tells whoever watches.
    pub(super) async fn modify(
        &self,
        change: impl FnMut(&mut Node) + Send,
    ) -> Result<Arc<StoredNode>, StoreError> {
        let stored = self.conductor.store().modify_node(self.id, change).await?;
        self.conductor.events().node_changed(&stored);
        Ok(stored)
    }

    pub(super) async fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        if !changes.is_empty() {
            self.make(changes, |_| {}).await?;
        }
        Ok(())
    }

    /// Makes changes of a driver: what is kept beside the node, then the node. `look` sees the node
    /// as it was.
    pub(super) async fn make(
        &self,
        changes: &Changes,
        mut look: impl FnMut(&Node) + Send,
    ) -> Result<Arc<StoredNode>, StoreError> {
        if let Some(settings) = &changes.bios {
            let store = self.conductor.store();
            store.put_bios_settings(self.id, settings).await?;
        }
        self.modify(|node| {
            look(node);
            changes.apply(node);
        })
        .await
    }

    /// Moves the provision state by the table, together with other changes of the node.
    pub(super) async fn transition(
        &self,
        event: Event,
        actor: Actor,
        cause: &str,
        mut change: impl FnMut(&mut Node) + Send,
    ) -> WorkResult<Arc<StoredNode>> {
        let mut moved = Err(WorkError::failed("the node was not read"));
        let mut target = None;
        // To the microsecond, as it is stored.
        let micros = Timestamp::now().as_microsecond();
        let now = Timestamp::from_microsecond(micros).unwrap_or_else(|_| Timestamp::now());
        crash_point(CrashPoint::TransitionDue);
        let stored = self
            .modify(|node| {
                let from = node.provision_state;
                // An attempt whose answer was lost with the database has moved it already.
                if let Ok((_, to)) = &moved
                    && from == *to
                    && node.provision_updated_at == Some(now)
                {
                    return;
                }
                moved = match transition::next(from, event, actor) {
                    Some(to) => {
                        target = node.target_provision_state;
                        change(node);
                        enter(node, from, to, now);
                        Ok((from, to))
                    }
                    None => Err(WorkError::State { from, event }),
                };
            })
            .await?;
        let (from, to) = moved?;
        crash_point(CrashPoint::TransitionWritten);
        let cause = cause.to_owned();
        self.publish(EventKind::Transition { from, to, cause });
        let before = Moved {
            event,
            state: from,
            target,
        };
        self.notifier().provision(&stored, before);
        self.conductor.record_serial(&stored);
        // So a process that dies has at the most its last move missing in the timeline.
        self.conductor.events().flush_within(FLUSH).await;
        Ok(stored)
    }

    /// What the node waits for and which step runs, kept for whoever looks.
    pub(super) async fn set_progress(
        &self,
        waiting: Option<Waiting>,
        step: Option<StepSummary>,
    ) -> Result<Revision, StoreError> {
        let stored = self
            .conductor
            .store()
            .set_progress(self.id, waiting, step)
            .await?;
        self.conductor.events().node_changed(&stored);
        Ok(stored.revision)
    }

    pub(super) fn publish(&self, kind: EventKind) {
        self.conductor.events().publish(Some(self.id), kind);
    }

    /// Who is told of the node outside of the service.
    pub(super) fn notifier(&self) -> &Notifier {
        self.conductor.events().notifier()
    }

    pub(super) fn log(&self, severity: Severity, text: impl Into<String>) {
        self.conductor
            .events()
            .log(Some(self.id), severity, "conductor", text);
    }

    /// Adds to the node's history.
    pub(super) async fn history(&self, severity: &str, kind: &str, event: &str) {
        let now = Timestamp::now();
        let node = self.node().await.ok();
        let since = node.as_ref().and_then(|node| node.provision_updated_at);
        let entry = HistoryEntry {
            uuid: HistoryId::random(),
            created_at: Some(now),
            severity: Some(severity.to_owned()),
            event: Some(event.to_owned()),
            event_type: Some(kind.to_owned()),
            conductor: Some(self.conductor.host().to_owned()),
            user: None,
            state: node.as_ref().map(|n| n.provision_state.as_str().to_owned()),
            target_provision_state: node
                .and_then(|n| n.target_provision_state)
                .map(|state| state.as_str().to_owned()),
            duration_seconds: since.map(|since| now.duration_since(since).as_secs_f64()),
        };
        if let Err(error) = self.conductor.store().add_history(self.id, entry).await {
            tracing::warn!(%error, node = %self.id, "history could not be written");
        }
    }

    /// Sets `last_error`, and keeps it in history and timeline.
    pub(super) async fn note_error(&self, kind: &str, text: &str) {
        self.log(Severity::Error, text);
        self.history("ERROR", kind, text).await;
        let noted = self
            .modify(|node| node.last_error = Some(text.to_owned()))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, node = %self.id, "last_error could not be written");
        }
    }

    /// Moves to the failed state with an error.
    pub(super) async fn fail(
        &self,
        kind: &str,
        text: &str,
        mut change: impl FnMut(&mut Node) + Send,
    ) {
        self.log(Severity::Error, text);
        self.history("ERROR", kind, text).await;
        let failed = self
            .transition(Event::Fail, Actor::Conductor, "failed", |node| {
                node.last_error = Some(text.to_owned());
                change(node);
            })
            .await;
        if let Err(error) = failed {
            tracing::error!(%error, node = %self.id, "node could not be moved to its failed state");
        }
        let _ = self.set_progress(None, None).await;
    }

    /// The node's interfaces, and a task for them on the node as it is now.
    pub(super) async fn hardware(&self) -> WorkResult<(Task, Hardware)> {
        let stored = self.node().await?;
        let hardware = self.conductor.registry().hardware(&stored)?;
        let ports = self.conductor.store().ports_of(self.id).await?;
        let recorder = TaskRecorder::new(self.clone(), &stored);
        let task = Task::new(
            Arc::new(stored.node.clone()),
            ports,
            Instant::now() + LONGEST,
            self.cancel.clone(),
            Arc::new(recorder),
        );
        Ok((task, hardware))
    }
}

/// What goes with every change of state.
fn enter(node: &mut Node, from: ProvisionState, to: ProvisionState, now: Timestamp) {
    use ProvisionState as S;
    node.provision_state = to;
    node.provision_updated_at = Some(now);
    let manual = node
        .driver_internal_info
        .get("declarative_cleaning")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let cleans = |state: S| {
        matches!(
            state,
            S::Cleaning | S::CleanWait | S::CleanHold | S::CleanFailed
        )
    };
    // One that has failed has forgotten already whose it was.
    let manual = manual || cleans(from) && node.target_provision_state == Some(S::Manageable);
    node.target_provision_state = if cleans(to) && manual {
        Some(S::Manageable)
    } else if to == S::Error {
        None
    } else {
        to.target()
    };
    match to {
        S::Inspecting if from != S::InspectWait => {
            node.inspection_started_at = Some(now);
            node.inspection_finished_at = None;
        }
        S::InspectFailed => node.inspection_started_at = None,
        S::Manageable if matches!(from, S::Inspecting | S::InspectWait) => {
            node.inspection_started_at = None;
            node.inspection_finished_at = Some(now);
        }
        _ => {}
    }
}
