//! The rescue interface `agent`: the agent in the ramdisk sets the password and leaves the machine
//! to whoever logs in (wire reference §17.5).

use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::Secret;
use cupola_api::agent::CommandName;
use cupola_api::node::Object;
use cupola_api::state::power::PowerTarget;
use serde_json::json;

use super::AgentClients;
use crate::interface::{Changes, Hardware, Outcome, RamdiskPurpose, Rescue, Result, Task};

/// Rescues with a ramdisk.
#[derive(Debug)]
pub struct AgentRescue {
    clients: Arc<AgentClients>,
}

impl AgentRescue {
    /// The interface.
    #[must_use]
    pub const fn new(clients: Arc<AgentClients>) -> Self {
        Self { clients }
    }
}

#[async_trait]
impl Rescue for AgentRescue {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "rescue_kernel",
                "Path or file:// URL of the rescue kernel on the conductor's host. Optional: else \
                 the configured one, else the deployment kernel.",
            ),
            (
                "rescue_ramdisk",
                "Path or file:// URL of the rescue ramdisk on the conductor's host. Optional: else \
                 the configured one, else the deployment ramdisk.",
            ),
        ]
    }

    fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.boot.validate_rescue(task)
    }

    async fn rescue(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        hardware.boot.clean_up_instance(task).await?;
        hardware
            .boot
            .prepare_ramdisk(task, hardware, RamdiskPurpose::Rescue)
            .await?;
        hardware.restart(task).await?;
        Ok(Outcome::wait_for_ramdisk())
    }

    async fn finish(&self, task: &Task, hardware: &Hardware, hash: &Secret) -> Result<()> {
        let node = task.node();
        let agent = self.clients.of(&node, &hardware.settings.agent)?;
        let mut params = Object::new();
        params.insert("rescue_password".to_owned(), json!(hash.expose()));
        params.insert("hashed".to_owned(), json!(true));
        agent.run(CommandName::FinalizeRescue, params, true).await?;
        // The agent ends its API now: nothing of it is good for anything any more.
        self.clients.forget(node.uuid);
        task.record(Changes::none().without_agent()).await?;
        self.clean_up(task, hardware).await
    }

    async fn unrescue(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.clients.forget(task.node().uuid);
        if !task.node().disable_power_off {
            hardware.set_power(task, PowerTarget::Off).await?;
        }
        hardware.boot.clean_up_ramdisk(task).await?;
        hardware.boot.prepare_instance(task, hardware).await?;
        hardware.power_on(task).await.map(drop)
    }

    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.boot.clean_up_ramdisk(task).await
    }
}
