//! Rescue: from the verb over the ramdisk to `rescue`, or to `rescue failed`; and back to `active`.
//!
//! The password is hashed before anything else; the node keeps the hash alone, sealed like all of
//! `instance_info`, and only until the ramdisk has it.

use cupola_api::Secret;
use cupola_api::cupola::Waiting;
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::{Fault, Node};
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::interface::{Changes, DriverError, Hardware, Outcome, Rescue, Task};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

use super::Conductor;
use super::diagnosis::Situation;
use super::error::{WorkError, WorkResult};
use super::locks::Held;
use super::logs::Ended;
use super::password;
use super::wait::{self, after};
use super::work::Work;
use crate::config::HashAlgorithm;
use crate::store::StoredNode;

/// Where the password's hash is kept in `instance_info`, as upstream names it.
const HASH_KEY: &str = "hashed_rescue_password";

impl Conductor {
    /// Checks everything that can be checked before the answer, then starts.
    pub(super) async fn start_rescue(
        &self,
        held: &Held,
        request: &ProvisionRequest,
    ) -> Result<(), ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        check_maintenance(&node, "rescue")?;
        validate(work, "rescue").await?;
        let given = request.rescue_password.as_deref().unwrap_or_default();
        let hash = hash(given, self.options().rescue_password_hash_algorithm).await?;
        let verb = ProvisionVerb::Rescue;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            node.last_error = None;
            Changes::none().without_agent().apply(node);
            node.instance_info
                .insert(HASH_KEY.to_owned(), Value::from(hash.expose()));
        })
        .await?;
        Ok(())
    }

    /// As [`Conductor::start_rescue`], for the way back.
    pub(super) async fn start_unrescue(&self, held: &Held) -> Result<(), ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        check_maintenance(&node, "unrescue")?;
        validate(work, "unrescue").await?;
        let verb = ProvisionVerb::Unrescue;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            node.last_error = None;
            Changes::none().without_agent().apply(node);
        })
        .await?;
        Ok(())
    }

    /// Looks whether the ramdisk that a rescue waits for has come, and goes on if so.
    pub(super) async fn wake_rescue(&self, id: NodeId) -> WorkResult<()> {
        let work = Work::new(self.clone(), id);
        let node = work.node().await?;
        let waits = |node: &StoredNode| {
            node.provision_state == ProvisionState::RescueWait
                && !node.maintenance
                && wait::is_over(node)
        };
        if !waits(&node) {
            return Ok(());
        }
        let Some(worker) = self.inner.workers.for_heartbeat() else {
            return Ok(());
        };
        // Held by another: that one looks again when it gives the lock back.
        let Ok(held) = self.try_lock(id).await else {
            return Ok(());
        };
        let resumed = match held.work.node().await {
            Ok(node) if waits(&node) => held
                .work
                .transition(
                    Event::Resume,
                    Actor::Conductor,
                    "the ramdisk has called",
                    |node| {
                        wait::forget(node);
                    },
                )
                .await
                .map(|_| true),
            Ok(_) => Ok(false),
            Err(error) => Err(error.into()),
        };
        match resumed {
            Ok(true) => self.spawn(held, worker, |work| async move {
                work.finish_rescue().await;
            }),
            Ok(false) => Box::pin(self.release(held)).await,
            Err(error) => {
                Box::pin(self.release(held)).await;
                return Err(error);
            }
        }
        Ok(())
    }
}

fn check_maintenance(node: &Node, what: &str) -> Result<(), ApiFault> {
    if node.maintenance {
        return Err(ApiFault::bad_request(format!(
            "The {what} operation can't be performed on node {} because it's in maintenance mode.",
            node.uuid
        )));
    }
    Ok(())
}

async fn validate(work: &Work, what: &str) -> Result<(), ApiFault> {
    let (task, hardware) = work.hardware().await?;
    let checked = hardware
        .power
        .validate(&task)
        .and_then(|()| rescue_of(&task, &hardware)?.validate(&task, &hardware));
    checked.map_err(|error| {
        let node = task.node();
        let instance = node
            .instance_uuid
            .map_or_else(|| "None".to_owned(), |id| id.to_string());
        ApiFault::internal(format!(
            "Failed to {what} instance {instance} for node {}: Validation failed. Error: {error}",
            node.uuid
        ))
    })
}

fn rescue_of(task: &Task, hardware: &Hardware) -> Result<Arc<dyn Rescue>, DriverError> {
    hardware
        .rescue
        .clone()
        .ok_or_else(|| DriverError::Unsupported {
            driver: task.node().driver.clone(),
            what: "rescue".to_owned(),
        })
}

/// Hashing takes a while on purpose: it is done off the runtime.
async fn hash(password: &str, algorithm: HashAlgorithm) -> Result<Secret, ApiFault> {
    let password = Secret::new(password);
    let hashing = move || password::hash(&password, algorithm);
    match tokio::task::spawn_blocking(hashing).await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(ApiFault::internal(error.to_string())),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

fn forget_password(node: &mut Node) {
    node.instance_info.shift_remove(HASH_KEY);
}

impl Work {
    /// Boots the rescue ramdisk. Safe to repeat.
    pub(super) async fn run_rescue(&self) {
        let started = async {
            let (task, hardware) = self.hardware().await?;
            let rescue = rescue_of(&task, &hardware)?;
            rescue
                .rescue(&task, &hardware)
                .await
                .map_err(WorkError::from)
        };
        match started.await {
            Ok(Outcome::Done(changes)) => match self.apply(&changes).await {
                Ok(()) => self.finish_rescue().await,
                Err(error) => {
                    let text = self.explained(&error.to_string(), Situation::Failed).await;
                    self.fail_rescue(&text).await;
                }
            },
            Ok(Outcome::Wait {
                what,
                until,
                limit,
                changes,
            }) => {
                let limit = limit.unwrap_or(self.conductor().options().rescue_callback_timeout);
                let since = Timestamp::now();
                let waits = async {
                    self.apply(&changes).await?;
                    let waiting = Waiting {
                        what,
                        since,
                        deadline: after(since, limit),
                    };
                    self.set_progress(Some(waiting), None).await?;
                    self.transition(Event::Wait, Actor::Conductor, "waits", |node| {
                        wait::remember(node, until, since);
                    })
                    .await
                };
                if let Err(error) = waits.await {
                    let text = self.explained(&error.to_string(), Situation::Failed).await;
                    self.fail_rescue(&text).await;
                }
            }
            Err(error) => {
                let text = self.explained(&error.to_string(), Situation::Failed).await;
                self.fail_rescue(&text).await;
            }
        }
    }

    /// Gives the ramdisk its password.
    async fn finish_rescue(&self) {
        let finished = async {
            let (task, hardware) = self.hardware().await?;
            let kept = task.node();
            let kept = kept.instance_info.get(HASH_KEY).and_then(Value::as_str);
            let hash = kept.map(Secret::from).ok_or_else(|| {
                WorkError::failed("the password is not kept any more; start the rescue again")
            })?;
            rescue_of(&task, &hardware)?
                .finish(&task, &hardware, &hash)
                .await?;
            self.set_progress(None, None).await?;
            self.transition(Event::Done, Actor::Conductor, "rescued", |node| {
                forget_password(node);
            })
            .await
        };
        if let Err(error) = finished.await {
            let text = self.explained(&error.to_string(), Situation::Failed).await;
            self.fail_rescue(&text).await;
        }
    }

    /// Boots the instance again. Safe to repeat.
    pub(super) async fn run_unrescue(&self) {
        let done = async {
            let (task, hardware) = self.hardware().await?;
            rescue_of(&task, &hardware)?
                .unrescue(&task, &hardware)
                .await?;
            self.transition(Event::Done, Actor::Conductor, "unrescued", |node| {
                Changes::none().without_agent().apply(node);
            })
            .await
        };
        if let Err(error) = done.await
            && !self.is_stopping()
        {
            let text = format!("Failed to unrescue: {error}");
            let text = self.explained(&text, Situation::Failed).await;
            self.fail("rescue", &text, |node| {
                Changes::none().without_agent().apply(node);
            })
            .await;
        }
    }

    /// Ends a rescue that failed: the machine is off, the password forgotten.
    pub(super) async fn fail_rescue(&self, text: &str) {
        if self.is_stopping() {
            return;
        }
        self.collect_logs("rescue", Ended::Badly).await;
        if let Err(error) = self.end_ramdisk(true).await {
            let text = format!("could not clean up after the rescue: {error}");
            self.log(Severity::Warning, text);
        }
        self.fail("rescue", &format!("Failed to rescue: {text}"), |node| {
            forget_password(node);
            wait::forget(node);
            Changes::none().without_agent().apply(node);
        })
        .await;
    }

    async fn end_ramdisk(&self, power_off: bool) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        if power_off {
            hardware.power_off(&task).await?;
        }
        rescue_of(&task, &hardware)?
            .clean_up(&task, &hardware)
            .await?;
        Ok(())
    }

    /// Cleans up after an abort. What cannot be taken back puts the node into maintenance: the
    /// ramdisk with a way in may still be served.
    pub(super) async fn clean_up_rescue(&self) {
        let cleaned = self.end_ramdisk(false).await;
        let ended = self
            .modify(|node| {
                forget_password(node);
                if let Err(error) = &cleaned {
                    node.maintenance = true;
                    node.fault = Some(Fault::RescueAbortFailure);
                    node.maintenance_reason =
                        Some(format!("Failed to clean up rescue after abort: {error}"));
                }
            })
            .await;
        if let Err(error) = ended {
            tracing::warn!(%error, node = %self.id(), "abort could not be completed");
        }
    }
}
