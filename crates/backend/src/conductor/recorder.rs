//! Where a driver's changes and events go: the store and the node's timeline.

use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::cupola::StepSummary;
use cupola_api::event::{EventKind, Severity};
use cupola_api::node::Node;
use cupola_api::state::power::PowerTarget;
use cupola_drivers::interface::{BmcCommand, Changes, DriverError, PowerSet, Recorder, Result};
use parking_lot::Mutex;

use super::work::Work;
use crate::store::{Progress, StoredNode};

/// The recorder of one task.
pub(super) struct TaskRecorder {
    work: Work,
    progress: Mutex<Progress>,
}

impl TaskRecorder {
    pub(super) fn new(work: Work, node: &StoredNode) -> Self {
        Self {
            work,
            progress: Mutex::new(node.progress.clone()),
        }
    }
}

#[async_trait]
impl Recorder for TaskRecorder {
    async fn record(&self, changes: Changes) -> Result<Arc<Node>> {
        let mut before = None;
        let stored = self
            .work
            .make(&changes, |node| before = node.power_state)
            .await
            .map_err(|error| DriverError::NotRecorded(error.to_string()))?;
        let power = stored.power_state.filter(|now| Some(*now) != before);
        if let Some(state) = power.filter(|_| changes.power_state.is_some()) {
            self.work.publish(EventKind::Power {
                state: state.as_str().to_owned(),
                cause: "provisioning".to_owned(),
            });
        }
        Ok(Arc::new(stored.node.clone()))
    }

    async fn power_set(&self, target: PowerTarget, moment: PowerSet) {
        match self.work.node().await {
            Ok(node) => self.work.notifier().power(&node, target, moment),
            Err(error) => {
                tracing::warn!(%error, node = %self.work.id(), "change of power could not be told");
            }
        }
    }

    fn bmc_command(&self, command: &BmcCommand<'_>) {
        let (message, remedy) = match command.outcome {
            Ok(message) => (message, None),
            Err(trouble) => (trouble.message, Some(trouble.remedy.to_owned())),
        };
        self.work.publish(EventKind::BmcCommand {
            command: command.name.to_owned(),
            ok: command.outcome.is_ok(),
            message: message.to_owned(),
            duration_ms: u64::try_from(command.took.as_millis()).unwrap_or(u64::MAX),
            rung: Some(command.rung),
            remedy,
        });
    }

    fn log(&self, severity: Severity, source: &str, text: &str) {
        self.work
            .conductor()
            .events()
            .log(Some(self.work.id()), severity, source, text);
    }

    fn progress(&self, percent: Option<u8>, message: &str) {
        let progress = {
            let mut progress = self.progress.lock();
            let Some(step) = progress.step.clone() else {
                return;
            };
            self.work.publish(EventKind::StepProgress {
                step: step.step.clone(),
                percent,
                message: message.to_owned(),
            });
            if step.percent == percent {
                return;
            }
            progress.step = Some(StepSummary { percent, ..step });
            progress.clone()
        };
        // A method that reports progress does not wait for the database; a lost one is followed by
        // the next.
        let work = self.work.clone();
        tokio::spawn(async move {
            let Ok(node) = work.node().await else { return };
            let now = node.progress.step.as_ref().map(|step| &step.step);
            if now != progress.step.as_ref().map(|step| &step.step) {
                return;
            }
            let _ = work.set_progress(progress.waiting, progress.step).await;
        });
    }
}
