//! Machines that were booting their ramdisk when the service died: their firmware may have asked
//! while nobody answered, and given up. Nobody would know before the callback time-out; so a machine
//! that shows no sign of its boot for a while after the start is started again, which is safe as
//! long as no agent has called.

use std::time::Duration;

use cupola_api::event::{EventKind, Severity};
use cupola_api::id::NodeId;
use jiff::Timestamp;

use crate::conductor::Conductor;
use crate::conductor::error::WorkResult;
use crate::conductor::flow::Look;
use crate::conductor::wait::waiting_flow;
use crate::conductor::work::Work;
use crate::store::StoredNode;
use crate::store::patience::patiently;

/// Events of a node among which the last sign of its boot is looked for.
const LOOK_BACK: u32 = 50;

impl Conductor {
    /// Watches over the boot of a machine that waits for its ramdisk.
    pub(super) fn watch_boot(&self, node: &StoredNode) {
        let limit = self.options().boot_wait_after_restart;
        if limit.is_zero() || waiting_flow(node.provision_state).is_none() {
            return;
        }
        let (conductor, id) = (self.clone(), node.uuid);
        let watch = async move {
            let stop = conductor.inner.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                done = conductor.boot_watched(id, limit) => if let Err(error) = done {
                    tracing::warn!(%error, node = %id, "the machine's boot is not watched over");
                },
            }
        };
        let end = self.inner.stop.clone();
        self.inner.tracker.spawn(patiently(end, watch));
    }

    async fn boot_watched(&self, id: NodeId, limit: Duration) -> WorkResult<()> {
        let work = Work::new(self.clone(), id);
        let started = Timestamp::now();
        let mut waiting_since = None;
        let mut told = false;
        loop {
            let node = work.node().await?;
            let Some(flow) = waiting_flow(node.provision_state) else {
                return Ok(());
            };
            let Some((current, since)) = work.booting_step(flow, &node).await? else {
                return Ok(());
            };
            // What began to wait after the start is not ours to watch.
            if *waiting_since.get_or_insert(since) != since {
                return Ok(());
            }
            let sign = self.last_boot_contact(id).await?;
            let silent_since = sign.unwrap_or(started).max(started);
            let silent = Timestamp::now().duration_since(silent_since);
            let silent = Duration::try_from(silent).unwrap_or_default();
            if let Some(left) = limit.checked_sub(silent).filter(|left| !left.is_zero()) {
                tokio::time::sleep(left).await;
                continue;
            }
            if !told {
                let text = format!(
                    "the machine has shown no sign of its boot for {} s since the service was \
                     started again; step {} starts again",
                    silent.as_secs(),
                    current.record.name()
                );
                work.log(Severity::Warning, text);
                told = true;
            }
            self.go_on(&work, flow, &current, Look::Again).await?;
            // Nothing has begun when the node is held or all workers are busy just now.
            tokio::time::sleep(self.options().follow_interval).await;
        }
    }

    async fn last_boot_contact(&self, id: NodeId) -> WorkResult<Option<Timestamp>> {
        let told = self.events().timeline(id, None, LOOK_BACK).await?;
        let contact = told
            .iter()
            .rev()
            .find(|event| matches!(event.kind, EventKind::BootContact { .. }));
        Ok(contact.map(|event| event.at))
    }
}
