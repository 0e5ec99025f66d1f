//! What a machine writes to its serial console while its node is deployed, cleaned, inspected or
//! rescued, kept beside the ramdisk's logs. Only what the machine writes: nothing that is typed.
//! Whatever fails here is told on the timeline and fails nothing else.

use std::time::Duration;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::serial::{SerialItem, SerialLink, SerialSignal};
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Hold;
use crate::agent_logs::{AgentLogs, LogAbout, Recording};
use crate::conductor::Conductor;
use crate::conductor::work::Work;
use crate::rpc::SerialFollow;
use crate::store::StoredNode;

/// How long output is collected before it is written.
const COLLECT: Duration = Duration::from_secs(1);
/// How long a deployed machine's own first boot is recorded as well.
const FIRST_BOOT: Duration = Duration::from_secs(60);

/// A recording that goes on.
#[derive(Debug)]
pub(in crate::conductor) struct Running {
    label: &'static str,
    end: CancellationToken,
}

/// What is being done with a machine in this state that is worth recording.
const fn phase(state: ProvisionState) -> Option<&'static str> {
    use ProvisionState as S;
    match state {
        S::Deploying | S::DeployWait | S::DeployHold => Some("deploy"),
        S::Cleaning | S::CleanWait | S::CleanHold => Some("clean"),
        S::Inspecting | S::InspectWait => Some("inspect"),
        S::Rescuing | S::RescueWait => Some("rescue"),
        S::Servicing | S::ServiceWait | S::ServiceHold => Some("service"),
        _ => None,
    }
}

impl Conductor {
    /// Begins or ends a recording as the node's state says.
    pub(in crate::conductor) fn record_serial(&self, node: &StoredNode) {
        let options = &self.options().serial;
        let Some(logs) = self
            .options()
            .agent_logs
            .logs
            .clone()
            .filter(|_| options.record)
        else {
            return;
        };
        let label = phase(node.provision_state);
        let mut recordings = self.inner.recordings.lock();
        let running = recordings.get(&node.uuid);
        if running.map(|running| running.label) == label {
            return;
        }
        if let Some(running) = recordings.remove(&node.uuid) {
            if node.provision_state == ProvisionState::Active && running.label == "deploy" {
                self.end_later(running.end);
            } else {
                running.end.cancel();
            }
        }
        let Some(label) = label else { return };
        let end = self.inner.stop.child_token();
        let running = Running {
            label,
            end: end.clone(),
        };
        recordings.insert(node.uuid, running);
        drop(recordings);
        let (conductor, id, instance) = (self.clone(), node.uuid, node.instance_uuid);
        let most = options.record_size.saturating_mul(1024);
        self.inner.tracker.spawn(async move {
            let tape = Tape {
                work: Work::new(conductor.clone(), id),
                file: None,
                logs,
                instance,
                label,
                most,
                pending: Vec::new(),
            };
            conductor.record(id, tape, end).await;
        });
    }

    /// Ends the recording of a node that is gone.
    pub(in crate::conductor) fn end_recording(&self, node: NodeId) {
        if let Some(running) = self.inner.recordings.lock().remove(&node) {
            running.end.cancel();
        }
    }

    /// Lets a recording go on over the first boot of what was deployed.
    fn end_later(&self, end: CancellationToken) {
        self.inner.tracker.spawn(async move {
            let over = tokio::time::timeout(FIRST_BOOT, end.cancelled()).await;
            if over.is_err() {
                end.cancel();
            }
        });
    }

    async fn record(&self, id: NodeId, mut tape: Tape, end: CancellationToken) {
        let held = tokio::select! {
            () = end.cancelled() => return,
            held = self.hold_serial(id) => held,
        };
        let Some(hold) = held else { return };
        tape.run(&hold, &end).await;
        drop(hold);
        tape.flush().await;
        tape.finish().await;
    }
}

/// Where a recording is written.
struct Tape {
    work: Work,
    logs: AgentLogs,
    instance: Option<Uuid>,
    label: &'static str,
    /// The most that is kept.
    most: usize,
    file: Option<Recording>,
    pending: Vec<u8>,
}

impl Tape {
    async fn run(&mut self, hold: &Hold, end: &CancellationToken) {
        let mut place = SerialFollow {
            watcher: Uuid::nil(),
            user: None,
            after: Some(hold.session().end()),
            state: 0,
            take_over: false,
        };
        let mut told = false;
        let mut due = Instant::now() + COLLECT;
        loop {
            let next = tokio::select! {
                () = end.cancelled() => return,
                next = hold.session().next(&place, due) => next,
            };
            let Some(batch) = next else { return };
            place.after = Some(batch.next);
            place.state = batch.state;
            for item in batch.items {
                self.take(item, &mut told);
            }
            if Instant::now() >= due {
                self.flush().await;
                due = Instant::now() + COLLECT;
            }
        }
    }

    fn take(&mut self, item: SerialItem, told: &mut bool) {
        match item {
            SerialItem::Output { characters, .. } => self.pending.extend(characters),
            SerialItem::Signal { signal, .. } => self.pending.extend(match signal {
                SerialSignal::Break => &b"\r\n[break]\r\n"[..],
                SerialSignal::Overrun => b"\r\n[characters were lost at the BMC]\r\n",
                SerialSignal::Refused => b"",
            }),
            SerialItem::Missed { .. } => self
                .pending
                .extend(b"\r\n[characters were lost: the disk was too slow]\r\n"),
            SerialItem::State(state) => {
                if let SerialLink::Waiting { why, .. } = state.link
                    && !std::mem::replace(told, true)
                {
                    let text = format!("the serial console cannot be recorded now: {why}");
                    self.work.log(Severity::Info, text);
                }
            }
            SerialItem::End(_) => {}
        }
    }

    /// Writes what has come.
    async fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        let begun = self.file.take();
        let is_new = begun.is_none();
        let (logs, most) = (self.logs.clone(), self.most);
        let (node, instance, label) = (self.work.id(), self.instance, self.label);
        let written = tokio::task::spawn_blocking(move || {
            let about = LogAbout {
                node,
                instance,
                label,
            };
            let mut file = match begun {
                Some(file) => file,
                None => logs.record(about, Timestamp::now(), most)?,
            };
            file.append(&pending)?;
            Ok::<_, crate::agent_logs::LogError>(file)
        });
        match written.await {
            Ok(Ok(file)) => {
                if is_new {
                    let text = format!("the serial console is recorded in {}", file.name());
                    self.work.log(Severity::Info, text);
                }
                self.file = Some(file);
            }
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(error) => self.failed(&error.to_string()),
        }
    }

    async fn finish(self) {
        let Some(file) = self.file else { return };
        let finished = tokio::task::spawn_blocking(move || file.finish()).await;
        if let Ok(Err(error)) = finished {
            tracing::warn!(%error, "a recorded serial console could not be cut to its size");
        }
    }

    fn failed(&self, why: &str) {
        let text = format!("the serial console could not be recorded: {why}");
        self.work.log(Severity::Warning, text);
    }
}
