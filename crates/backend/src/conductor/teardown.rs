//! Ending an instance: from the verb over the cleaning to `available`, or to `error`.

use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use cupola_api::state::provision::ProvisionVerb;
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use cupola_drivers::interface::Changes;

use super::diagnosis::Situation;
use super::error::{WorkError, WorkResult};
use super::locks::Held;
use super::work::Work;
use super::{Conductor, clean, vif};

/// Keys of `driver_internal_info` that belong to the instance.
const INSTANCE_KEYS: &[&str] = &[
    "step_wait",
    "abort_requested",
    "agents_lost",
    "service_disable_ramdisk",
    "instance",
    "root_uuid_or_disk_id",
    "is_whole_disk_image",
    "is_source_a_path",
    "deploy_boot_mode",
];

impl Conductor {
    pub(super) async fn start_teardown(
        &self,
        held: &Held,
        verb: ProvisionVerb,
    ) -> Result<(), ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        if node.protected {
            return Err(ApiFault::new(
                403,
                format!(
                    "Node {} is protected and cannot be undeployed, rebuilt or deleted",
                    node.uuid
                ),
            ));
        }
        self.check_concurrency(
            "cleaning",
            clean::CLEANING_STATES,
            self.options().max_concurrent_clean,
        )
        .await?;
        let (task, hardware) = work.hardware().await?;
        hardware.power.validate(&task).map_err(|error| {
            ApiFault::internal(format!(
                "Failed to validate power driver interface. Can not delete instance. Error: {error}"
            ))
        })?;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            node.last_error = None;
            Changes::none().without_agent().apply(node);
        })
        .await?;
        work.set_progress(None, None)
            .await
            .map_err(WorkError::from)?;
        Ok(())
    }
}

impl Work {
    /// Tears down, then cleans. Safe to repeat.
    pub(super) async fn run_teardown(&self) {
        match self.tear_down().await {
            Ok(needed) => Box::pin(self.run_clean(needed)).await,
            Err(_) if self.is_stopping() => {}
            Err(error) => {
                let text = format!("Failed to tear down: {error}");
                let text = self.explained(&text, Situation::Failed).await;
                if let Err(error) = self.end_allocation().await {
                    tracing::warn!(%error, node = %self.id(), "its allocation could not be deleted");
                }
                self.fail("unprovision", &text, forget_instance).await;
            }
        }
    }

    async fn tear_down(&self) -> WorkResult<bool> {
        let (task, hardware) = self.hardware().await?;
        hardware.deploy.clean_up(&task, &hardware).await?;
        hardware.deploy.tear_down(&task, &hardware).await?;
        let node = self.node().await?;
        vif::detach_all(self.conductor().store(), &node).await?;
        crash_point(CrashPoint::TornDown);
        self.end_allocation().await?;
        let needed = self.begin_clean(&[], false).await?;
        self.transition(Event::Clean, Actor::Conductor, "torn down", |node| {
            forget_instance(node);
            clean::prepare(node, false, false, false);
        })
        .await?;
        Ok(needed)
    }
}

fn forget_instance(node: &mut Node) {
    node.instance_info = Object::new();
    node.instance_uuid = None;
    node.allocation_uuid = None;
    node.instance_name = None;
    node.deploy_step = Object::new();
    node.service_step = Object::new();
    for key in INSTANCE_KEYS {
        node.driver_internal_info.shift_remove(*key);
    }
}
