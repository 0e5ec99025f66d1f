//! Steps in the agent: listing, starting, following. Shared by deploying and cleaning.

use std::collections::BTreeMap;

use cupola_api::agent::{
    CommandName, CommandResult, CommandStatus, ExecuteStepParams, GetStepsParams, StepFlow,
    StepList, WriteProgress,
};
use cupola_api::event::Severity;
use cupola_api::node::{Node, Object};
use cupola_api::secret;
use serde_json::Value;

use crate::agent::{AgentClients, AgentError};
use crate::interface::{Changes, DriverError, Hardware, Outcome, Result, Step, Task};

const VERSION_KEY: &str = "hardware_manager_version";
/// What was last told of a command's trouble, in `driver_internal_info`.
const TROUBLE_KEY: &str = "agent_trouble_told";
/// Characters of it: it comes from the machine.
const TROUBLE_MOST: usize = 300;

/// Asks the agent for its steps.
pub(super) async fn steps(
    clients: &AgentClients,
    task: &Task,
    hardware: &Hardware,
    flow: StepFlow,
) -> Result<Vec<Step>> {
    let node = task.node();
    let agent = clients.of(&node, &hardware.settings.agent)?;
    let params = GetStepsParams {
        node: document(&node),
        ports: ports(task),
    };
    let name = CommandName::get_steps(flow);
    let result = agent.run(name, super::object(&params)?, true).await?;
    let unreadable = |reason: String| AgentError::Unreadable {
        command: name.to_string(),
        reason,
    };
    let empty = Object::new();
    let list = StepList::from_result(flow, result.result_object().unwrap_or(&empty))
        .map_err(|error| unreadable(error.to_string()))?;
    let version = serde_json::to_value(&list.hardware_manager_version)
        .map_err(|error| unreadable(error.to_string()))?;
    task.record(Changes::none().internal(VERSION_KEY, version))
        .await?;
    // Several hardware managers may offer a step; the agent itself picks the one that runs it.
    let mut found: Vec<Step> = Vec::new();
    for description in list.steps.into_values().flatten() {
        let step = Step::from_agent(description);
        if !found.iter().any(|f| f.is(&step.interface, &step.step)) {
            found.push(step);
        }
    }
    Ok(found)
}

/// Tells the agent to run a step.
pub(super) async fn execute(
    clients: &AgentClients,
    task: &Task,
    hardware: &Hardware,
    flow: StepFlow,
    step: &Step,
) -> Result<Outcome> {
    let node = task.node();
    let agent = clients.of(&node, &hardware.settings.agent)?;
    let version: Option<BTreeMap<String, String>> = node
        .driver_internal_info
        .get(VERSION_KEY)
        .and_then(|value| serde_json::from_value(value.clone()).ok());
    let params = ExecuteStepParams {
        step: step.to_agent(),
        node: document(&node),
        ports: ports(task),
        version,
    };
    let params = params
        .to_params(flow)
        .map_err(|error| DriverError::Local(error.to_string()))?;
    let name = CommandName::execute_step(flow);
    match agent.send(name, params, false).await {
        Ok(result) => judge(task, flow, step, &result),
        // It was told before, by a conductor that died before it could write down the answer.
        Err(AgentError::Busy) => match poll(clients, task, hardware, flow, step).await {
            Ok(outcome) => Ok(outcome),
            Err(DriverError::Agent(AgentError::NoSuchCommand { .. })) => {
                Err(AgentError::Busy.into())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}

/// Looks how far the step is.
pub(super) async fn poll(
    clients: &AgentClients,
    task: &Task,
    hardware: &Hardware,
    flow: StepFlow,
    step: &Step,
) -> Result<Outcome> {
    let node = task.node();
    let agent = clients.of(&node, &hardware.settings.agent)?;
    let commands = agent.commands().await?.commands;
    let name = CommandName::execute_step(flow).short();
    let last = commands
        .iter()
        .rev()
        .find(|command| command.command_name == name);
    match last.filter(|command| is_about(command, flow, step)) {
        Some(result) => {
            note_trouble(task, step, result).await?;
            judge(task, flow, step, result)
        }
        None => Err(AgentError::NoSuchCommand { step: step.name() }.into()),
    }
}

/// Whether a command is about this step; an agent that does not say is believed.
fn is_about(command: &CommandResult, flow: StepFlow, step: &Step) -> bool {
    let told = command.command_params.as_ref().and_then(|p| p.get("step"));
    let done = command
        .command_result
        .as_ref()
        .and_then(|r| r.get(flow.step_key()));
    match told.or(done).and_then(|s| s.get("step")) {
        Some(Value::String(name)) => *name == step.step,
        _ => true,
    }
}

fn judge(task: &Task, flow: StepFlow, step: &Step, result: &CommandResult) -> Result<Outcome> {
    if result.command_status == CommandStatus::Running {
        if let Some(progress) = result.progress() {
            task.recorder()
                .progress(progress.percent(), &progress_text(&progress));
        }
        return Ok(Outcome::wait_for_command(step));
    }
    let command = format!("{} {}", flow.as_str(), step.step);
    crate::agent::succeeded(&command, result.clone())?;
    Ok(Outcome::done())
}

/// Puts what the command stumbles over on the timeline, once however often it is asked.
async fn note_trouble(task: &Task, step: &Step, result: &CommandResult) -> Result<()> {
    let running = result.command_status == CommandStatus::Running;
    let Some(trouble) = result.trouble().filter(|_| running) else {
        return Ok(());
    };
    let text: String = trouble
        .chars()
        .filter(|c| !c.is_control())
        .take(TROUBLE_MOST)
        .collect();
    let told = Value::from(format!("{} {text}", result.id));
    if task.node().driver_internal_info.get(TROUBLE_KEY) == Some(&told) {
        return Ok(());
    }
    let line = format!("step {}: {text}", step.name());
    task.recorder().log(Severity::Warning, "agent", &line);
    task.record(Changes::none().internal(TROUBLE_KEY, told))
        .await
}

/// Such as `312 of 576 MiB, 88 MiB/s`.
fn progress_text(progress: &WriteProgress) -> String {
    let mebibytes = |bytes: u64| bytes >> 20;
    let rate = mebibytes(progress.rate);
    match progress.total {
        Some(total) => format!(
            "{} of {} MiB, {rate} MiB/s",
            mebibytes(progress.bytes),
            mebibytes(total)
        ),
        None => format!("{} MiB, {rate} MiB/s", mebibytes(progress.bytes)),
    }
}

/// The node as the agent is shown it: everything but the secrets that it does not need.
fn document(node: &Node) -> Object {
    let mut shown = node.clone();
    secret::mask(&mut shown.driver_info);
    secret::mask(&mut shown.driver_internal_info);
    for key in ["agent_verify_ca", "netboot"] {
        shown.driver_internal_info.shift_remove(key);
    }
    secret::mask_instance_info(&mut shown.instance_info);
    super::object(&shown).unwrap_or_default()
}

fn ports(task: &Task) -> Vec<Value> {
    task.ports()
        .iter()
        .filter_map(|port| serde_json::to_value(port).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_shown_no_password() {
        let mut node = Node::default();
        for object in [
            &mut node.driver_info,
            &mut node.driver_internal_info,
            &mut node.instance_info,
        ] {
            object.insert("x_password".to_owned(), Value::from("hunter2"));
            object.insert("configdrive".to_owned(), Value::from("kept"));
        }
        let text = Value::Object(document(&node)).to_string();
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn progress_is_told_in_mebibytes() {
        let progress = WriteProgress {
            bytes: 312 << 20,
            total: Some(576 << 20),
            written: 0,
            rate: 88 << 20,
        };
        assert_eq!(progress_text(&progress), "312 of 576 MiB, 88 MiB/s");
    }
}
