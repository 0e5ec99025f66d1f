//! Waits: what a node in a wait state waits for, who looks whether it has come, and what is shown
//! meanwhile. A wait is ended by a heartbeat, by a command that is followed, or by a timer; each
//! of them only says "look", and the one that gets the lock goes on.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::cupola::{StepSummary, Waiting};
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use cupola_drivers::interface::{Outcome, WaitFor};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Conductor;
use super::error::WorkResult;
use super::flow::{Current, Flow, Look};
use super::work::Work;
use crate::store::patience::patiently;
use crate::store::{StepRecord, StepState, StoredNode};

/// Where the wait is kept in `driver_internal_info`.
const WAIT_KEY: &str = "step_wait";

/// How the time of a heartbeat is written down.
pub(super) const HEARTBEAT_TIME: &str = "%Y-%m-%dT%H:%M:%S%.6f";

/// How many commands are looked at per second by all followers together.
const LOOKS_PER_SECOND: u32 = 40;

/// A wait, as it is kept with the node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct StepWait {
    until: WaitFor,
    since: Timestamp,
    /// The position of the step that waits.
    #[serde(default)]
    index: u32,
    /// Whether the step is run again when the wait is over: its agent was lost in the middle.
    #[serde(default)]
    again: bool,
}

fn wait_of(node: &Node) -> Option<StepWait> {
    let kept = node.driver_internal_info.get(WAIT_KEY)?;
    serde_json::from_value(kept.clone()).ok()
}

/// The flow that waits in this state.
pub(super) const fn waiting_flow(state: ProvisionState) -> Option<Flow> {
    match state {
        ProvisionState::DeployWait => Some(Flow::Deploy),
        ProvisionState::CleanWait => Some(Flow::Clean),
        ProvisionState::ServiceWait => Some(Flow::Service),
        _ => None,
    }
}

/// The flow whose step waits or is held in this state.
pub(super) const fn suspended_flow(state: ProvisionState) -> Option<Flow> {
    match state {
        ProvisionState::DeployHold => Some(Flow::Deploy),
        ProvisionState::CleanHold => Some(Flow::Clean),
        ProvisionState::ServiceHold => Some(Flow::Service),
        other => waiting_flow(other),
    }
}

/// Whether the agent has called since then.
fn has_called(node: &Node, since: Timestamp) -> bool {
    // Both are written in one form and in UTC: their texts are in the order of time.
    let since = since.strftime(HEARTBEAT_TIME).to_string();
    node.driver_internal_info
        .get("agent_last_heartbeat")
        .and_then(Value::as_str)
        .is_some_and(|last| last > since.as_str())
}

/// Whether a node in this state goes on when an agent calls.
pub(super) const fn awaits_agent(state: ProvisionState) -> bool {
    waiting_flow(state).is_some() || matches!(state, ProvisionState::RescueWait)
}

/// Keeps with the node what it waits for.
pub(super) fn remember(node: &mut Node, until: WaitFor, since: Timestamp) {
    let wait = StepWait {
        until,
        since,
        index: 0,
        again: false,
    };
    let wait = serde_json::to_value(wait).unwrap_or(Value::Null);
    node.driver_internal_info.insert(WAIT_KEY.to_owned(), wait);
}

/// Forgets what the node has waited for.
pub(super) fn forget(node: &mut Node) {
    node.driver_internal_info.shift_remove(WAIT_KEY);
}

/// Whether what the node waits for has come, as far as the node itself shows it.
pub(super) fn is_over(node: &Node) -> bool {
    wait_of(node).is_some_and(|wait| match wait.until {
        WaitFor::Agent => node.driver_internal_info.contains_key("agent_url"),
        WaitFor::Timer { milliseconds } => {
            let passed = Timestamp::now().duration_since(wait.since).as_millis();
            passed >= i128::from(milliseconds)
        }
        WaitFor::Heartbeat => has_called(node, wait.since),
        WaitFor::Command | WaitFor::Unhold => false,
    })
}

/// Whether the node was about to wait for the end of this step, or to go on after it, when the
/// process died that worked on it.
pub(super) fn waited_for(node: &Node, step: &StepRecord) -> bool {
    // A step that was to be held is held by being run again.
    step.state == StepState::Waiting
        && wait_of(node)
            .is_some_and(|wait| wait.index == step.index && wait.until != WaitFor::Unhold)
}

impl Work {
    /// Keeps what is waited for; with `again` the step is run once more after the wait.
    pub(super) async fn write_wait(
        &self,
        flow: Flow,
        what: String,
        until: WaitFor,
        limit: Option<Duration>,
        step: Option<StepSummary>,
        again: bool,
    ) -> WorkResult<()> {
        let since = Timestamp::now();
        let wait = StepWait {
            until,
            since,
            index: step.as_ref().map_or(0, |step| step.index),
            again,
        };
        let wait = serde_json::to_value(wait).unwrap_or(Value::Null);
        self.modify(|node| {
            node.driver_internal_info
                .insert(WAIT_KEY.to_owned(), wait.clone());
        })
        .await?;
        crash_point(CrashPoint::WaitWritten);
        let options = self.conductor().options();
        let limit = limit.unwrap_or(match flow {
            Flow::Deploy => options.deploy_callback_timeout,
            Flow::Clean => options.clean_callback_timeout,
            Flow::Service => options.service_callback_timeout,
        });
        let waiting = Waiting {
            what,
            since,
            deadline: after(since, limit),
        };
        self.set_progress(Some(waiting), step).await?;
        Ok(())
    }
}

/// The moment `limit` after `since`; none for no limit.
pub(super) fn after(since: Timestamp, limit: Duration) -> Option<Timestamp> {
    let limit = SignedDuration::try_from(limit)
        .ok()
        .filter(|l| !l.is_zero())?;
    since.checked_add(limit).ok()
}

impl Conductor {
    /// Sees to it that somebody looks whether what the node waits for has come.
    pub(super) fn arm(&self, node: &Arc<StoredNode>) {
        if !awaits_agent(node.provision_state) {
            return;
        }
        let Some(wait) = wait_of(node) else {
            return;
        };
        match wait.until {
            WaitFor::Agent => {
                // It may have called while the lock was still held.
                if node.driver_internal_info.contains_key("agent_url") {
                    self.wake_soon(node.uuid);
                }
            }
            WaitFor::Heartbeat if has_called(node, wait.since) => self.wake_soon(node.uuid),
            WaitFor::Heartbeat | WaitFor::Unhold => {}
            WaitFor::Command => self.follow(node.uuid),
            WaitFor::Timer { milliseconds } => self.time(node.uuid, wait, milliseconds),
        }
    }

    /// Goes on with the node when the time is over that it waits for. When nobody is free for it
    /// then, or it may not go on, that is tried again until it has.
    fn time(&self, id: NodeId, wait: StepWait, milliseconds: u64) {
        let timed = (id, wait.since);
        if !self.inner.timed.lock().insert(timed) {
            return;
        }
        let passed = Timestamp::now().duration_since(wait.since);
        let mut pause = Duration::from_millis(milliseconds)
            .saturating_sub(Duration::try_from(passed).unwrap_or_default());
        let conductor = self.clone();
        self.spawn_patient(async move {
            loop {
                tokio::select! {
                    () = conductor.inner.stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => conductor.wake(id).await,
                }
                let waits = conductor.store().node_by_id(id).await.is_ok_and(|node| {
                    awaits_agent(node.provision_state) && wait_of(&node) == Some(wait)
                });
                if !waits {
                    break;
                }
                pause = conductor.options().follow_interval;
            }
            conductor.inner.timed.lock().remove(&timed);
        });
    }

    /// A task of its own, which waits while the database is away.
    fn spawn_patient(&self, work: impl Future<Output = ()> + Send + 'static) {
        let end = self.inner.stop.clone();
        self.inner.tracker.spawn(patiently(end, work));
    }

    /// Looks again and again how far the agent's command is, until the node waits for it no more.
    fn follow(&self, id: NodeId) {
        if !self.inner.followed.lock().insert(id) {
            return;
        }
        let conductor = self.clone();
        self.spawn_patient(async move {
            loop {
                let count = u32::try_from(conductor.inner.followed.lock().len()).unwrap_or(1);
                // Many followers share a pace, so that a hundred deploys do not become a storm.
                let pause = conductor
                    .options()
                    .follow_interval
                    .max(Duration::from_secs(1) * count / LOOKS_PER_SECOND);
                tokio::select! {
                    () = conductor.inner.stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
                if !conductor.waits_for_command(id).await {
                    break;
                }
                conductor.wake(id).await;
            }
            conductor.inner.followed.lock().remove(&id);
            // It may have begun to wait again when this follower had looked for the last time and
            // was still the one that there is.
            if !conductor.is_stopping() && conductor.waits_for_command(id).await {
                conductor.follow(id);
            }
        });
    }

    async fn waits_for_command(&self, id: NodeId) -> bool {
        self.store().node_by_id(id).await.is_ok_and(|node| {
            waiting_flow(node.provision_state).is_some()
                && wait_of(&node).is_some_and(|wait| wait.until == WaitFor::Command)
        })
    }

    /// As [`Conductor::wake`], in a task of its own.
    pub(super) fn wake_soon(&self, id: NodeId) {
        let conductor = self.clone();
        self.spawn_patient(async move {
            conductor.wake(id).await;
        });
    }

    /// Looks whether what the node waits for has come, and goes on if so.
    pub(super) async fn wake(&self, id: NodeId) {
        if let Err(error) = self.try_wake(id).await {
            tracing::debug!(%error, node = %id, "wait looked at in vain");
        }
    }

    async fn try_wake(&self, id: NodeId) -> WorkResult<()> {
        let work = Work::new(self.clone(), id);
        let node = work.node().await?;
        if node.provision_state == ProvisionState::RescueWait {
            return self.wake_rescue(id).await;
        }
        let Some(flow) = waiting_flow(node.provision_state).filter(|_| !node.maintenance) else {
            return Ok(());
        };
        let Some((current, wait)) = work.waiting_step(flow, &node).await? else {
            return Ok(());
        };
        let look = match wait.until {
            WaitFor::Agent if wait.again => Look::Again,
            WaitFor::Agent => Look::Ended(Ok(Outcome::done())),
            WaitFor::Heartbeat if has_called(&node, wait.since) => Look::Ended(Ok(Outcome::done())),
            WaitFor::Heartbeat | WaitFor::Unhold => return Ok(()),
            WaitFor::Timer { milliseconds } => {
                let passed = Timestamp::now().duration_since(wait.since).as_millis();
                if passed < i128::from(milliseconds) {
                    return Ok(());
                }
                Look::Ended(Ok(Outcome::done()))
            }
            WaitFor::Command => match self.look_at_command(&work, flow, &node, &current).await {
                Some(look) => look,
                None => {
                    self.follow(id);
                    return Ok(());
                }
            },
        };
        self.go_on(&work, flow, &current, look).await
    }

    /// Takes a node out of its wait and goes on with it as was found, unless it waits for something
    /// else by now.
    pub(super) async fn go_on(
        &self,
        work: &Work,
        flow: Flow,
        current: &Current,
        look: Look,
    ) -> WorkResult<()> {
        let id = work.id();
        let Some(worker) = self.inner.workers.for_heartbeat() else {
            return Ok(());
        };
        // Held by another: that one looks again when it gives the lock back.
        let Ok(held) = self.try_lock(id).await else {
            return Ok(());
        };
        let again = async {
            let node = work.node().await?;
            if waiting_flow(node.provision_state) != Some(flow) {
                return Ok(None);
            }
            let now = work.waiting_step(flow, &node).await?;
            let same = now.filter(|(now, _)| {
                now.run.run == current.run.run && now.record.index == current.record.index
            });
            if same.is_some() {
                // What was waited for stays with the node until the next wait: a process that
                // starts after a crash sees by it how far this one came.
                work.transition(Event::Resume, Actor::Conductor, "goes on", |_| {})
                    .await?;
            }
            WorkResult::Ok(same)
        };
        match again.await {
            Ok(Some((current, _))) => {
                self.spawn(held, worker, move |work| async move {
                    work.resume_flow(flow, current, look).await;
                });
            }
            Ok(None) => Box::pin(self.release(held)).await,
            Err(error) => {
                Box::pin(self.release(held)).await;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Conductor {
    /// Asks how far the agent's command is, without the lock: the agent is not disturbed by it,
    /// and neither is the node. None when there is nothing to do yet.
    async fn look_at_command(
        &self,
        work: &Work,
        flow: Flow,
        node: &StoredNode,
        current: &Current,
    ) -> Option<Look> {
        match work.poll(flow, &current.step).await {
            Ok(Outcome::Wait { .. }) => {
                self.agent_answered(work.id());
                self.stalled(node).map(|error| Look::Ended(Err(error)))
            }
            Err(error) if error.is_unreachable_agent() => {
                tracing::debug!(%error, node = %work.id(), "agent could not be asked");
                self.lost_agent(work, node).await.map(Look::Lost)
            }
            // Nothing is known of the step.
            Err(error) if error.is_outage() => None,
            other => {
                self.agent_answered(work.id());
                Some(Look::Ended(other))
            }
        }
    }
}

impl Work {
    /// The step that waits for its ramdisk's first call, and since when.
    pub(super) async fn booting_step(
        &self,
        flow: Flow,
        node: &StoredNode,
    ) -> WorkResult<Option<(Current, Timestamp)>> {
        let waiting = self.waiting_step(flow, node).await?;
        let called = node.driver_internal_info.contains_key("agent_url");
        Ok(waiting
            .filter(|(_, wait)| wait.until == WaitFor::Agent && !called)
            .map(|(current, wait)| (current, wait.since)))
    }

    async fn waiting_step(
        &self,
        flow: Flow,
        node: &StoredNode,
    ) -> WorkResult<Option<(Current, StepWait)>> {
        let Some(wait) = wait_of(node) else {
            return Ok(None);
        };
        let Some(run) = self.unfinished_run(flow).await? else {
            return Ok(None);
        };
        let record = run
            .current()
            .filter(|record| record.state == StepState::Waiting)
            .cloned();
        Ok(record.map(|record| (Current::new(run, record), wait)))
    }
}
