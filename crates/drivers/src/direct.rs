//! The deploy interface `direct`: the agent writes the image to the disk (wire reference §17.3).
//!
//! This file is the table of steps and what each of them does; how the agent is asked is in
//! [`in_band`], what it is told to write in [`image`]. In which order steps run, and what happens
//! when one fails, is the conductor's.

mod given_checksum;
pub mod image;
mod in_band;
mod local_image;
mod logs;

use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::agent::{BootMode, BootloaderParams, CommandName, PartitionUuids, StepFlow};
use cupola_api::event::Severity;
use cupola_api::node::Object;
use cupola_api::state::power::{PowerState, PowerTarget};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::agent::{AgentClients, fast_track};
use crate::interface::{
    Changes, Deploy, DriverError, Hardware, Outcome, RamdiskPurpose, Result, Step, Task, boot_mode,
};
pub use local_image::LocalImages;

const PROPERTIES: &[(&str, &str)] = &[
    (
        "agent_verify_ca",
        "Who signs the certificate of an agent that sends none in its heartbeat: true for the \
         authorities that this host trusts, false for anybody, else the path of a PEM file. \
         Optional.",
    ),
    (
        "deploy_forces_oob_reboot",
        "Whether the machine is powered off by its BMC instead of by the agent at the end of a \
         deploy. Optional.",
    ),
    (
        "image_download_source",
        "http: the agent downloads images from where they are; local: from the conductor's host, \
         which downloads them once for all. Optional.",
    ),
    (
        "image_http_proxy",
        "URL of a proxy for HTTP that the agent shall download through. Optional.",
    ),
    (
        "image_https_proxy",
        "URL of a proxy for HTTPS that the agent shall download through. Optional.",
    ),
    (
        "image_no_proxy",
        "Hosts, with commas, that the agent shall not ask through the proxy. Optional.",
    ),
];

/// Writes images through the agent.
pub struct DirectDeploy {
    clients: Arc<AgentClients>,
    images: LocalImages,
}

impl DirectDeploy {
    /// The interface; `images` serves what lies on this host.
    #[must_use]
    pub const fn new(clients: Arc<AgentClients>, images: LocalImages) -> Self {
        Self { clients, images }
    }

    async fn boot_ramdisk(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        if runs_already(task, hardware) {
            return Ok(Outcome::done());
        }
        hardware
            .boot
            .prepare_ramdisk(task, hardware, RamdiskPurpose::Deploy)
            .await?;
        hardware.restart(task).await?;
        Ok(Outcome::wait_for_ramdisk())
    }

    async fn write_image(&self, task: &Task, hardware: &Hardware, step: &Step) -> Result<Outcome> {
        let mut step = step.clone();
        step.args = image::write_image_args(&task.node(), &hardware.settings)?;
        in_band::execute(&self.clients, task, hardware, StepFlow::Deploy, &step).await
    }

    async fn prepare_instance_boot(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let node = task.node();
        let agent = self.clients.of(&node, &hardware.settings.agent)?;
        let uuids = agent
            .run(CommandName::GetPartitionUuids, Object::new(), true)
            .await?;
        let uuids: PartitionUuids = uuids
            .result_object()
            .and_then(|object| serde_json::from_value(Value::Object(object.clone())).ok())
            .unwrap_or_default();
        let whole_disk = image::is_whole_disk(&node);
        let mode = boot_mode(&node);
        // A whole-disk image brings its BIOS loader; under UEFI the firmware has to learn of it.
        if !(whole_disk && mode == Some(BootMode::Bios)) {
            let params = BootloaderParams {
                root_uuid: (!whole_disk).then(|| uuids.root_uuid.clone()).flatten(),
                efi_system_part_uuid: (!whole_disk)
                    .then(|| uuids.efi_system_partition_uuid.clone())
                    .flatten(),
                prep_boot_part_uuid: (!whole_disk)
                    .then(|| uuids.prep_boot_partition_uuid.clone())
                    .flatten(),
                target_boot_mode: mode,
            };
            agent
                .run(CommandName::InstallBootloader, object(&params)?, false)
                .await?;
        }
        task.record(Changes::none().internal("root_uuid_or_disk_id", uuids.root_uuid))
            .await?;
        hardware.boot.prepare_instance(task, hardware).await
    }

    /// Ends the agent of a machine that must not be powered off: it flushes the disks and gives up
    /// the network.
    async fn lock_agent(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let node = task.node();
        let agent = self.clients.of(&node, &hardware.settings.agent)?;
        agent.run(CommandName::Sync, Object::new(), true).await?;
        if let Err(error) = agent
            .send(CommandName::Lockdown, Object::new(), false)
            .await
        {
            let text = format!("{error}; the machine is reset through the BMC all the same");
            task.recorder().log(Severity::Warning, "agent", &text);
        }
        self.clients.forget(node.uuid);
        task.record(Changes::none().without_agent()).await
    }

    /// Ends the agent, and with it the machine. Safe to repeat: a machine that is off is done.
    async fn tear_down_agent(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let node = task.node();
        let out_of_band = node
            .driver_info
            .get("deploy_forces_oob_reboot")
            .is_some_and(is_true);
        let settings = &hardware.settings.agent;
        if node.disable_power_off {
            return self.lock_agent(task, hardware).await;
        }
        let asked = match self.clients.of(&node, settings) {
            Ok(agent) if out_of_band => agent
                .run(CommandName::Sync, Object::new(), true)
                .await
                .map(drop),
            Ok(agent) => agent
                .send(CommandName::PowerOff, Object::new(), false)
                .await
                .map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = &asked {
            let text = format!("{error}; powering off through the BMC instead");
            task.recorder().log(Severity::Warning, "agent", &text);
        }
        let gone = asked.is_ok() && !out_of_band && powered_off(task, hardware).await?;
        self.clients.forget(node.uuid);
        if gone {
            let off = Changes::none().power(PowerState::Off).without_agent();
            return task.record(off).await;
        }
        hardware.set_power(task, PowerTarget::Off).await.map(drop)
    }
}

/// Whether the ramdisk runs already and is used as it is.
fn runs_already(task: &Task, hardware: &Hardware) -> bool {
    let alive = fast_track::is_alive(&task.node(), &hardware.settings.agent);
    if alive {
        let text = "the ramdisk is running: it is used without a reboot (fast track)";
        task.recorder().log(Severity::Info, "conductor", text);
    }
    alive
}

/// Waits for a machine that was asked to power itself off.
async fn powered_off(task: &Task, hardware: &Hardware) -> Result<bool> {
    let settings = &hardware.settings.agent;
    let end = Instant::now() + settings.power_off_wait;
    let mut pause = Duration::from_millis(250).min(settings.power_off_interval);
    loop {
        if hardware.power.state(task).await? == Some(PowerState::Off) {
            return Ok(true);
        }
        if Instant::now() + pause >= end {
            return Ok(false);
        }
        task.sleep(pause, "the machine to power itself off").await?;
        pause = (pause * 2).min(settings.power_off_interval);
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::String(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn object(value: &impl serde::Serialize) -> Result<Object> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Object::new()),
        Err(error) => Err(DriverError::Local(error.to_string())),
    }
}

#[async_trait]
impl Deploy for DirectDeploy {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    async fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.boot.validate(task)?;
        image::validate(&task.node())?;
        self.images.check(&task.node()).await
    }

    async fn prepare(&self, task: &Task, _: &Hardware) -> Result<()> {
        let node = task.node();
        image::validate(&node)?;
        let changes = match self.images.publish(&node).await? {
            Some(published) => Changes::none()
                .instance("image_url", published.url)
                .internal(image::SERVED_ALGORITHM, published.algorithm.name())
                .internal(image::SERVED_CHECKSUM, published.checksum),
            None => Changes::none()
                .instance("image_url", image::source(&node)?)
                .internal(image::SERVED_ALGORITHM, Value::Null)
                .internal(image::SERVED_CHECKSUM, Value::Null),
        };
        let image_type = if image::is_whole_disk(&node) {
            "whole-disk"
        } else {
            "partition"
        };
        task.record(
            changes
                .instance("image_type", image_type)
                .internal("is_whole_disk_image", image::is_whole_disk(&node)),
        )
        .await
    }

    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        match flow {
            StepFlow::Deploy => [
                ("deploy", 100, false),
                ("write_image", 80, true),
                ("prepare_instance_boot", 60, true),
                ("tear_down_agent", 40, false),
                ("switch_to_tenant_network", 30, false),
                ("boot_instance", 20, false),
            ]
            .into_iter()
            .map(|(name, priority, requires_ramdisk)| Step {
                requires_ramdisk,
                ..Step::new("deploy", name, priority)
            })
            .collect(),
            StepFlow::Clean | StepFlow::Service => Vec::new(),
        }
    }

    async fn agent_steps(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
    ) -> Result<Vec<Step>> {
        in_band::steps(&self.clients, task, hardware, flow).await
    }

    async fn execute(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome> {
        if flow != StepFlow::Deploy || step.interface != "deploy" {
            return in_band::execute(&self.clients, task, hardware, flow, step).await;
        }
        match step.step.as_str() {
            "deploy" => self.boot_ramdisk(task, hardware).await,
            "write_image" => self.write_image(task, hardware, step).await,
            "prepare_instance_boot" => {
                self.prepare_instance_boot(task, hardware).await?;
                Ok(Outcome::done())
            }
            "tear_down_agent" => {
                self.tear_down_agent(task, hardware).await?;
                // It is on the disk, and nobody is left who would ask for it again.
                self.images.withdraw(&task.node()).await;
                Ok(Outcome::done())
            }
            // The network interface is `noop`: there is nothing to switch.
            "switch_to_tenant_network" => Ok(Outcome::done()),
            "boot_instance" => {
                hardware.power_on(task).await?;
                Ok(Outcome::done())
            }
            _ => in_band::execute(&self.clients, task, hardware, flow, step).await,
        }
    }

    async fn poll(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome> {
        in_band::poll(&self.clients, task, hardware, flow, step).await
    }

    async fn prepare_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        let erase = json!({
            "agent_erase_devices_iterations": 1,
            "agent_erase_devices_zeroize": true,
            "agent_continue_if_secure_erase_failed": false,
            "agent_continue_if_ata_erase_failed": false,
            "agent_enable_nvme_secure_erase": true,
            "agent_enable_ata_secure_erase": true,
            "disk_erasure_concurrency": 4,
            "agent_erase_skip_read_only": false,
        });
        let mut changes = Changes::none();
        if let Value::Object(erase) = erase {
            changes.driver_internal_info = erase;
        }
        task.record(changes).await?;
        if runs_already(task, hardware) {
            return Ok(Outcome::done());
        }
        hardware
            .boot
            .prepare_ramdisk(task, hardware, RamdiskPurpose::Clean)
            .await?;
        hardware.restart(task).await?;
        Ok(Outcome::wait_for_ramdisk())
    }

    async fn tear_down_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        if !fast_track::is_alive(&task.node(), &hardware.settings.agent) {
            self.clients.forget(task.node().uuid);
            hardware.power_off(task).await?;
        }
        hardware.boot.clean_up_ramdisk(task).await
    }

    async fn prepare_service(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        if runs_already(task, hardware) {
            return Ok(Outcome::done());
        }
        hardware.boot.clean_up_instance(task).await?;
        hardware
            .boot
            .prepare_ramdisk(task, hardware, RamdiskPurpose::Service)
            .await?;
        hardware.restart(task).await?;
        Ok(Outcome::wait_for_ramdisk())
    }

    async fn tear_down_service(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.clients.forget(task.node().uuid);
        if !task.node().disable_power_off {
            hardware.set_power(task, PowerTarget::Off).await?;
        }
        hardware.boot.clean_up_ramdisk(task).await?;
        hardware.boot.prepare_instance(task, hardware).await?;
        hardware.power_on(task).await.map(drop)
    }

    async fn collect_logs(&self, task: &Task, hardware: &Hardware) -> Result<Option<Vec<u8>>> {
        let agent = self.clients.of(&task.node(), &hardware.settings.agent)?;
        logs::collect(&agent).await.map(Some)
    }

    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let node = task.node();
        self.clients.forget(node.uuid);
        self.images.withdraw(&node).await;
        hardware.boot.clean_up_ramdisk(task).await
    }

    async fn tear_down(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.power_off(task).await?;
        hardware.boot.clean_up_instance(task).await
    }
}
