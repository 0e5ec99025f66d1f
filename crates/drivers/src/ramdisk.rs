//! The deploy interface `ramdisk`: the instance is a kernel and a ramdisk, or an ISO image, which the
//! machine netboots each time it starts (wire reference §20). Nothing is written to its disks, and no
//! agent takes part; cleaning and servicing are those of `direct`.

use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::agent::StepFlow;
use cupola_api::node::Node;
use cupola_api::state::power::PowerTarget;
use serde_json::Value;

use crate::direct::DirectDeploy;
use crate::interface::{Deploy, DriverError, Hardware, Outcome, Result, Step, Task};

/// Boots instances from memory.
pub struct RamdiskDeploy {
    cleaning: Arc<DirectDeploy>,
}

impl RamdiskDeploy {
    /// The interface; machines are cleaned as that one does it.
    #[must_use]
    pub const fn new(cleaning: Arc<DirectDeploy>) -> Self {
        Self { cleaning }
    }
}

/// Whether the node's instance is booted from memory.
#[must_use]
pub fn is_ramdisk_instance(node: &Node) -> bool {
    node.interfaces.deploy_interface.as_deref() == Some("ramdisk")
}

fn validate(node: &Node) -> Result<()> {
    let has = |key: &str| {
        node.instance_info
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    if has("boot_iso") && has("image_source") {
        return Err(DriverError::InvalidParameter(format!(
            "Node {} has both boot_iso and image_source in instance_info; remove one of them",
            node.uuid
        )));
    }
    if has("boot_iso") {
        return Ok(());
    }
    let missing: Vec<String> = ["kernel", "ramdisk"]
        .into_iter()
        .filter(|key| !has(key))
        .map(|key| format!("'instance_info.{key}'"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(DriverError::MissingParameter(format!(
        "Node {} failed to validate deploy image info. Some parameters were missing. Missing are: \
         [{}]; give kernel and ramdisk, or boot_iso",
        node.uuid,
        missing.join(", ")
    )))
}

#[async_trait]
impl Deploy for RamdiskDeploy {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        self.cleaning.properties()
    }

    async fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        validate(&task.node())?;
        hardware.boot.validate(task)?;
        hardware.boot.validate_instance(task)
    }

    async fn prepare(&self, task: &Task, _: &Hardware) -> Result<()> {
        validate(&task.node())
    }

    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        match flow {
            StepFlow::Deploy => vec![Step::new("deploy", "deploy", 100)],
            StepFlow::Clean | StepFlow::Service => self.cleaning.steps(flow),
        }
    }

    async fn agent_steps(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
    ) -> Result<Vec<Step>> {
        match flow {
            // No agent takes part in it.
            StepFlow::Deploy => Ok(Vec::new()),
            StepFlow::Clean | StepFlow::Service => {
                self.cleaning.agent_steps(task, hardware, flow).await
            }
        }
    }

    /// The one step of a deploy is safe to repeat: it ends with the machine started afresh.
    async fn execute(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome> {
        if flow != StepFlow::Deploy || !step.is("deploy", "deploy") {
            return self.cleaning.execute(task, hardware, flow, step).await;
        }
        hardware.set_power(task, PowerTarget::Off).await?;
        hardware.boot.prepare_instance(task, hardware).await?;
        hardware.set_power(task, PowerTarget::On).await?;
        Ok(Outcome::done())
    }

    async fn poll(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome> {
        self.cleaning.poll(task, hardware, flow, step).await
    }

    async fn prepare_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        self.cleaning.prepare_cleaning(task, hardware).await
    }

    async fn tear_down_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.cleaning.tear_down_cleaning(task, hardware).await
    }

    async fn prepare_service(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        self.cleaning.prepare_service(task, hardware).await
    }

    async fn tear_down_service(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.cleaning.tear_down_service(task, hardware).await
    }

    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.boot.clean_up_instance(task).await
    }

    async fn tear_down(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.cleaning.tear_down(task, hardware).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_instance_is_an_iso_or_a_kernel_with_its_ramdisk() {
        let check = |info: Value| {
            validate(&Node {
                instance_info: info.as_object().cloned().unwrap_or_default(),
                ..Node::default()
            })
        };
        check(json!({"boot_iso": "http://h/i.iso"})).unwrap();
        check(json!({"kernel": "file:///k", "ramdisk": "file:///r"})).unwrap();
        let error = check(json!({"kernel": "file:///k"})).unwrap_err();
        assert!(
            error.to_string().contains("['instance_info.ramdisk']"),
            "{error}"
        );
        assert!(error.is_bad_request());
        check(json!({"boot_iso": "http://h/i.iso", "image_source": "x"})).unwrap_err();
    }
}
