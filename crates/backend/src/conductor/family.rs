//! Parents and children among nodes (`parent_node`): steps of a parent that run on its children,
//! and power that a child gets through its parent (wire reference §19 and §12). What a step or a
//! change of power does to one node is told elsewhere.

use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_drivers::interface::{Hardware, Outcome, Step, Task};
use serde_json::Value;

use super::error::{WorkError, WorkResult};
use super::flow::Flow;
use super::locks::Held;
use super::steps::{self, Reserved};
use super::work::Work;
use crate::store::NodeFilter;

/// Whether a child's power does not come from its parent.
fn has_own_power(node: &Node) -> bool {
    match node.driver_info.get("has_dedicated_power_supply") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

/// What is told of a relative that somebody else works on.
fn locked(node: NodeId, kind: &str, relative: NodeId) -> WorkError {
    WorkError::failed(format!(
        "Node {node} {kind} {relative} is presently locked and we are unable to perform any action \
         on it at this time. Please retry after the current operation is completed."
    ))
}

impl Work {
    /// Runs a step of this node on its children, one after the other: on those named, or on all.
    pub(super) async fn run_on_children(
        &self,
        flow: Flow,
        step: &Step,
        only: &[NodeId],
    ) -> WorkResult<Outcome> {
        for child in self
            .children(|node| only.is_empty() || only.contains(&node.uuid))
            .await?
        {
            let held = self.take(child, "child_node").await?;
            let ran = Box::pin(held.work.run_as_child(flow, step)).await;
            self.conductor().release(held).await;
            ran.map_err(|error| {
                WorkError::failed(format!(
                    "While executing step {} on child node {child}: {error}",
                    step.name()
                ))
            })?;
        }
        Ok(Outcome::done())
    }

    async fn run_as_child(&self, flow: Flow, step: &Step) -> WorkResult<()> {
        let target = match Reserved::of(step) {
            Some(Reserved::PowerOn) => Some(PowerTarget::On),
            Some(Reserved::PowerOff) => Some(PowerTarget::Off),
            Some(Reserved::Reboot) => Some(PowerTarget::Reboot),
            Some(Reserved::Hold | Reserved::Wait) => {
                return Err(WorkError::failed(
                    "only the parent can be held or wait: leave execute_on_child_nodes out",
                ));
            }
            None => None,
        };
        if let Some(target) = target {
            return self.change_power(target, None).await;
        }
        let (task, hardware) = self.hardware().await?;
        let known = hardware.steps(flow.steps());
        if !known
            .iter()
            .any(|known| known.is(&step.interface, &step.step))
        {
            let text = format!("node does not support this step: {}", step.name());
            return Err(WorkError::failed(text));
        }
        let asked = Step {
            on_child_nodes: None,
            ..step.clone()
        };
        let described = steps::checked(&[asked], &known, false).map_err(WorkError::failed)?;
        for step in &described {
            match hardware.execute(&task, flow.steps(), step).await? {
                Outcome::Done(changes) => self.apply(&changes).await?,
                Outcome::Wait { what, .. } => {
                    return Err(WorkError::failed(format!(
                        "the step goes on by itself ({what}), which a step on a child node must \
                         not; run it on the child itself"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Changes the power of this node, and what has to go with it: a parent that feeds it is
    /// powered on before it, children that it feeds are powered off before it.
    pub(super) async fn set_power(
        &self,
        task: &Task,
        hardware: &Hardware,
        target: PowerTarget,
    ) -> WorkResult<()> {
        match target {
            PowerTarget::On => {
                let node = task.node();
                if let Some(parent) = node.parent_node.filter(|_| !has_own_power(&node)) {
                    self.power_on_parent(parent.into()).await?;
                }
            }
            PowerTarget::Off => self.power_off_children(task, hardware).await?,
            PowerTarget::SoftOff | PowerTarget::Reboot | PowerTarget::SoftReboot => {}
        }
        hardware.set_power(task, target).await?;
        Ok(())
    }

    async fn power_on_parent(&self, parent: NodeId) -> WorkResult<()> {
        if self.power_of(parent).await? == Some(PowerState::On) {
            return Ok(());
        }
        let held = self.take(parent, "parent_node").await?;
        let done = Box::pin(held.work.change_power(PowerTarget::On, None)).await;
        self.conductor().release(held).await;
        done
    }

    async fn power_off_children(&self, task: &Task, hardware: &Hardware) -> WorkResult<()> {
        let fed = self.children(|node| !has_own_power(node)).await?;
        // What is off already has nothing to feed.
        if fed.is_empty() || hardware.power.state(task).await? == Some(PowerState::Off) {
            return Ok(());
        }
        let mut taken = Vec::new();
        let done = self.power_off_all(fed, &mut taken).await;
        for held in taken {
            self.conductor().release(held).await;
        }
        done
    }

    /// All are taken before the first is powered off: either every one goes off or none.
    async fn power_off_all(&self, nodes: Vec<NodeId>, taken: &mut Vec<Held>) -> WorkResult<()> {
        for child in nodes {
            if self.power_of(child).await? != Some(PowerState::Off) {
                taken.push(self.take(child, "child_node").await?);
            }
        }
        for held in &*taken {
            if held.work.node().await?.disable_power_off {
                return Err(WorkError::failed(format!(
                    "child node {} must not be powered off (disable_power_off)",
                    held.work.id()
                )));
            }
        }
        for held in &*taken {
            Box::pin(held.work.change_power(PowerTarget::Off, None)).await?;
        }
        Ok(())
    }

    async fn power_of(&self, relative: NodeId) -> WorkResult<Option<PowerState>> {
        let work = Self::new(self.conductor().clone(), relative);
        let (task, hardware) = work.hardware().await?;
        Ok(hardware.power.state(&task).await?)
    }

    async fn take(&self, relative: NodeId, kind: &str) -> WorkResult<Held> {
        let taken = self.conductor().lock(relative).await;
        taken.map_err(|fault| match fault.status {
            409 => locked(self.id(), kind, relative),
            _ => WorkError::failed(fault.message),
        })
    }

    async fn children(&self, wanted: impl Fn(&Node) -> bool) -> WorkResult<Vec<NodeId>> {
        let of_this = NodeFilter {
            parent_node: Some(self.id().0),
            ..NodeFilter::default()
        };
        let children = self.conductor().store().nodes(of_this).await?;
        let wanted = children.iter().filter(|child| wanted(&child.node));
        Ok(wanted.map(|child| child.node.uuid).collect())
    }
}
