//! Cleaning, automated and manual: from the verb or a teardown to `available` or `manageable`, or
//! to `clean failed`.

use cupola_api::agent::StepFlow;
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Fault, Node, Object};
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::agent::fast_track;
use cupola_drivers::interface::{Changes, Step};
use serde_json::Value;

use super::deploy::requested_steps;
use super::error::{WorkError, WorkResult};
use super::flow::{Flow, is_manual_clean};
use super::locks::Held;
use super::logs::Ended;
use super::work::Work;
use super::{Conductor, steps};

/// Keys of `driver_internal_info` that belong to one cleaning.
const CLEAN_KEYS: &[&str] = &[
    "step_wait",
    "abort_requested",
    "agents_lost",
    "declarative_cleaning",
    "cleaning_disable_ramdisk",
    "agent_cached_clean_steps",
];

impl Conductor {
    /// Checks everything that can be checked before the answer, then starts `provide` or `clean`;
    /// whether there are steps to run.
    pub(super) async fn start_clean(
        &self,
        held: &Held,
        verb: ProvisionVerb,
        request: &ProvisionRequest,
    ) -> Result<bool, ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        if verb == ProvisionVerb::Provide && node.retired {
            return Err(ApiFault::bad_request(format!(
                "The provide operation can't be performed on node {} because it is retired.",
                node.uuid
            )));
        }
        let manual = verb == ProvisionVerb::Clean;
        if manual {
            if node.maintenance {
                return Err(ApiFault::bad_request(format!(
                    "The cleaning operation can't be performed on node {} because it's in \
                     maintenance mode.",
                    node.uuid
                )));
            }
            self.check_concurrency(
                "cleaning",
                CLEANING_STATES,
                self.options().max_concurrent_clean,
            )
            .await?;
        }
        let (task, hardware) = work.hardware().await?;
        hardware.power.validate(&task).map_err(|error| {
            ApiFault::bad_request(format!(
                "Failed to validate power info for node {}. Error: {error}",
                node.uuid
            ))
        })?;
        if !manual && node.maintenance && !self.options().allow_provisioning_in_maintenance {
            return Err(ApiFault::bad_request(format!(
                "The provisioning operation can't be performed on node {} because it's in \
                 maintenance mode.",
                node.uuid
            )));
        }
        let requested = requested_steps(request.clean_steps.as_deref())?;
        let known = hardware.steps(StepFlow::Clean);
        let asked = request.disable_ramdisk.unwrap_or(false);
        let requested = steps::checked(&requested, &known, asked).map_err(|error| {
            ApiFault::bad_request(format!("Cannot clean node {}: {error}", node.uuid))
        })?;
        // A ramdisk that no step needs is not booted.
        let disable_ramdisk =
            asked || (manual && requested.iter().all(|step| !step.requires_ramdisk));
        let alive = fast_track::is_alive(&node, &hardware.settings.agent);
        let needed = work.begin_clean(&requested, disable_ramdisk).await?;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            prepare(node, manual, disable_ramdisk, alive);
            if manual {
                node.target_provision_state = Some(ProvisionState::Manageable);
            }
        })
        .await?;
        let kind = if manual {
            "manual_cleaning_start"
        } else {
            "automated_cleaning_start"
        };
        work.history("INFO", kind, "Cleaning starts.").await;
        Ok(needed)
    }
}

/// States that count against the limit of cleanings.
pub(super) const CLEANING_STATES: &[ProvisionState] = &[
    ProvisionState::Deleting,
    ProvisionState::Cleaning,
    ProvisionState::CleanWait,
];

/// What is forgotten and noted when cleaning starts.
pub(super) fn prepare(node: &mut Node, manual: bool, disable_ramdisk: bool, keep_agent: bool) {
    forget_clean(node);
    if !keep_agent {
        Changes::none().without_agent().apply(node);
    }
    node.last_error = None;
    if manual {
        let info = &mut node.driver_internal_info;
        info.insert("declarative_cleaning".to_owned(), Value::Bool(true));
        info.insert(
            "cleaning_disable_ramdisk".to_owned(),
            Value::Bool(disable_ramdisk),
        );
    }
}

fn forget_clean(node: &mut Node) {
    for key in CLEAN_KEYS {
        node.driver_internal_info.shift_remove(*key);
    }
    node.clean_step = Object::new();
}

impl Work {
    /// Writes the list of steps down, as far as it is known before the ramdisk runs; false when the
    /// node is not to be cleaned.
    pub(super) async fn begin_clean(
        &self,
        requested: &[Step],
        disable_ramdisk: bool,
    ) -> WorkResult<bool> {
        let node = self.node().await?;
        let (_, hardware) = self.hardware().await?;
        let manual = !requested.is_empty();
        let automated = node
            .automated_clean
            .unwrap_or(self.conductor().options().automated_clean);
        let mut list = Vec::new();
        if manual || automated {
            if !disable_ramdisk {
                list.push(steps::own(steps::START_CLEANING));
            }
            if manual {
                list.extend(requested.iter().cloned());
            } else {
                let known = hardware.steps(StepFlow::Clean);
                let settings = &hardware.settings.cleaning;
                let known = steps::with_overrides(known, StepFlow::Clean, settings);
                list.extend(steps::ordered(&known, &[]));
            }
            if !disable_ramdisk {
                list.push(steps::own(steps::END_CLEANING));
            }
        }
        let list: Vec<_> = list.iter().map(steps::to_stored).collect();
        self.conductor()
            .store()
            .begin_run(self.id(), Flow::Clean.phase(), &list)
            .await?;
        Ok(!list.is_empty())
    }

    /// Runs the cleaning that was begun; `needed` is what [`Work::begin_clean`] said.
    pub(super) async fn run_clean(&self, needed: bool) {
        let forbidden = self.node().await.is_ok_and(|node| {
            node.maintenance
                && !is_manual_clean(&node)
                && !self.conductor().options().allow_provisioning_in_maintenance
        });
        if forbidden {
            self.fail_clean("The node is in maintenance, and is not cleaned while it is.")
                .await;
        } else if needed {
            self.run_flow(Flow::Clean).await;
        } else if let Err(error) = self.finish_clean().await {
            self.note_error("cleaning", &error.to_string()).await;
        }
    }

    pub(super) async fn finish_clean(&self) -> WorkResult<()> {
        self.set_progress(None, None).await?;
        let node = self.node().await?;
        let event = if is_manual_clean(&node) || node.retired {
            Event::Manage
        } else {
            Event::Done
        };
        let kind = if is_manual_clean(&node) {
            "manual_cleaning_end"
        } else {
            "automated_cleaning_end"
        };
        self.history("INFO", kind, "Cleaning has ended.").await;
        self.transition(event, Actor::Conductor, "cleaned", forget_clean)
            .await?;
        Ok(())
    }

    /// Ends a cleaning that failed. When a step was running the node goes into maintenance: nobody
    /// knows what is on its disks.
    pub(super) async fn fail_clean(&self, text: &str) {
        self.collect_logs("clean", Ended::Badly).await;
        let ran = self
            .node()
            .await
            .is_ok_and(|node| !node.clean_step.is_empty());
        self.clean_up_clean(ran).await;
        self.fail("cleaning", text, |node| {
            let manual = is_manual_clean(node);
            forget_clean(node);
            if manual {
                node.target_provision_state = Some(ProvisionState::Manageable);
            }
            Changes::none().without_agent().apply(node);
            if ran {
                node.maintenance = true;
                node.fault = Some(Fault::CleanFailure);
                node.maintenance_reason
                    .get_or_insert_with(|| text.to_owned());
            }
        })
        .await;
        if ran {
            self.publish(cupola_api::event::EventKind::Maintenance {
                on: true,
                reason: Some(text.to_owned()),
            });
        }
    }

    /// Takes the ramdisk back; the machine stays powered when a step was running.
    pub(super) async fn clean_up_clean(&self, keep_power: bool) {
        let cleaned = async {
            let (task, hardware) = self.hardware().await?;
            if keep_power {
                hardware.boot.clean_up_ramdisk(&task).await?;
            } else {
                hardware.deploy.tear_down_cleaning(&task, &hardware).await?;
            }
            WorkResult::Ok(())
        };
        if let Err(error) = cleaned.await {
            self.log(
                Severity::Warning,
                format!("could not clean up after the cleaning: {error}"),
            );
        }
    }
}
