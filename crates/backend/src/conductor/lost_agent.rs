//! Agents that were lost in the middle of a step: the machine lost power, or booted again. Whoever
//! waits for the step's command would wait for the whole callback time-out; here it is found out
//! earlier, and the ramdisk is started again for the step to be repeated, where that is safe.
//!
//! Never on a guess: an agent that only does not answer may be writing. It is lost when its machine
//! is off, when an agent asked anew which node it runs on, or when it has neither answered nor
//! called for as long as agents are told to call.

use cupola_api::agent::StepFlow;
use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::state::power::PowerState;
use cupola_drivers::interface::{Outcome, Retry, Step};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Conductor;
use super::error::{WorkError, WorkResult};
use super::flow::{Current, Flow, Next};
use super::work::Work;
use crate::store::StoredNode;

/// How often the agent of one flow may be lost before that is taken for the machine's fault.
const MOST: u64 = 2;
/// How the timeline begins to tell of a lost agent; the step and the reason follow.
pub(super) const LOST: &str = "agent lost in step ";
/// Where they are counted, in `driver_internal_info`.
const LOST_KEY: &str = "agents_lost";

/// An agent that does not answer.
#[derive(Clone, Copy)]
pub(super) struct Silence {
    since: Timestamp,
    /// When its machine was looked at last.
    looked: Timestamp,
    /// Whether an agent has asked meanwhile which node it runs on.
    anew: bool,
}

impl Silence {
    fn begins() -> Self {
        let now = Timestamp::now();
        Self {
            since: now,
            looked: now,
            anew: false,
        }
    }
}

impl Conductor {
    /// The agent has answered.
    pub(super) fn agent_answered(&self, id: NodeId) {
        self.inner.silences.lock().remove(&id);
    }

    /// An agent asks which node it runs on, of a node that has an agent already.
    pub(super) fn agent_came_anew(&self, id: NodeId) {
        let mut silences = self.inner.silences.lock();
        silences.entry(id).or_insert_with(Silence::begins).anew = true;
    }

    /// Why the node's agent, which could not be asked just now, is lost; none when that is not
    /// known, or not yet.
    pub(super) async fn lost_agent(&self, work: &Work, node: &StoredNode) -> Option<String> {
        let now = Timestamp::now();
        let patience = self.options().silent_agent_interval;
        let patience = SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
        let silence = {
            let mut silences = self.inner.silences.lock();
            let silence = silences.entry(work.id()).or_insert_with(Silence::begins);
            if now.duration_since(silence.looked) < patience {
                return None;
            }
            silence.looked = now;
            *silence
        };
        let (task, hardware) = work.hardware().await.ok()?;
        let why = match hardware.power.state(&task).await {
            Ok(Some(PowerState::Off)) => "the machine is off".to_owned(),
            Ok(Some(PowerState::On)) if silence.anew => "the machine has booted again".to_owned(),
            Ok(Some(PowerState::On)) => {
                // A heartbeat moves the time of the state.
                let heard = node.provision_updated_at.unwrap_or(silence.since);
                let silent = now.duration_since(heard.max(silence.since)).as_secs();
                let limit = self.options().agent_heartbeat_timeout;
                if u64::try_from(silent).unwrap_or(0) < limit.max(1) {
                    return None;
                }
                format!("the agent has neither answered nor called for {silent} s")
            }
            // Never act on the unknown.
            Ok(Some(PowerState::Error) | None) | Err(_) => return None,
        };
        self.agent_answered(work.id());
        Some(why)
    }
}

impl Work {
    /// Starts the ramdisk again and has the step repeated then; fails it where that is not safe.
    pub(super) async fn replace_agent(
        &self,
        flow: Flow,
        current: Current,
        why: &str,
    ) -> WorkResult<Next> {
        let name = current.record.name();
        if current.step.retry == Retry::Ask {
            let error = WorkError::failed(format!(
                "the agent was lost while it ran step {name}: {why}. Nobody knows how far it came; \
                 look at the machine, then start the action again"
            ));
            return self.failed(current, error).await;
        }
        let mut lost = 0;
        self.modify(|node| {
            let before = node.driver_internal_info.get(LOST_KEY);
            lost = before.and_then(Value::as_u64).unwrap_or(0) + 1;
            node.driver_internal_info
                .insert(LOST_KEY.to_owned(), Value::from(lost));
        })
        .await?;
        if lost > MOST {
            let error = WorkError::failed(format!(
                "the agent was lost {lost} times, last in step {name}: {why}"
            ));
            return self.failed(current, error).await;
        }
        let text = format!("{LOST}{name}: {why}; the ramdisk is started again, and then the step");
        self.log(Severity::Warning, text);
        match self.start_ramdisk(flow).await {
            Ok(Outcome::Wait {
                what,
                until,
                limit,
                changes,
            }) => {
                self.apply(&changes).await?;
                self.suspend(flow, &current, what, until, limit, true)
                    .await?;
                Ok(Next::Wait)
            }
            Ok(Outcome::Done(changes)) => {
                self.apply(&changes).await?;
                Box::pin(self.run_step(flow, current, false)).await
            }
            Err(error) => self.failed(current, error).await,
        }
    }

    async fn start_ramdisk(&self, flow: Flow) -> WorkResult<Outcome> {
        let (task, hardware) = self.hardware().await?;
        let outcome = match flow {
            Flow::Deploy => {
                let step = Step::new("deploy", "deploy", 0);
                hardware
                    .deploy
                    .execute(&task, &hardware, StepFlow::Deploy, &step)
                    .await?
            }
            Flow::Clean => hardware.deploy.prepare_cleaning(&task, &hardware).await?,
            Flow::Service => hardware.deploy.prepare_service(&task, &hardware).await?,
        };
        Ok(outcome)
    }
}
