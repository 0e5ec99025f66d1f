//! Steps: the units of which a deploy or a cleaning is made (wire reference §19).

use std::time::Duration;

use cupola_api::agent::StepDescription;
use cupola_api::node::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Changes;

/// Whether a step may be repeated when nobody knows whether it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// Running it twice does what running it once does.
    Safe,
    /// A person has to look first.
    #[default]
    Ask,
}

/// Where a step runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepSource {
    /// In the conductor, by an interface of the node.
    #[default]
    Conductor,
    /// In the agent.
    Agent,
}

/// One step, with what is needed to run it, to order it, and to go on after a crash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The interface it belongs to, such as `deploy`.
    pub interface: String,
    /// Its name.
    pub step: String,
    /// Higher runs earlier; 0 runs only when asked for.
    pub priority: i64,
    /// Its arguments.
    #[serde(default)]
    pub args: Object,
    /// Names of arguments that it refuses to run without, and of those it knows besides; `None`
    /// when it does not say.
    #[serde(default)]
    pub argsinfo: Option<std::collections::BTreeMap<String, cupola_api::agent::ArgInfo>>,
    /// Whether it may be stopped while the node waits for it.
    #[serde(default)]
    pub abortable: bool,
    /// Whether it needs the agent.
    #[serde(default)]
    pub requires_ramdisk: bool,
    /// Whether the machine has to reboot afterwards.
    #[serde(default)]
    pub reboot_requested: bool,
    /// Whether a user asked for it.
    #[serde(default)]
    pub requested: bool,
    /// Whether it may be repeated when nobody knows whether it ran.
    #[serde(default)]
    pub retry: Retry,
    /// Where it runs.
    #[serde(default)]
    pub source: StepSource,
    /// Whether it runs on child nodes instead: on these, or on all when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_child_nodes: Option<Vec<cupola_api::id::NodeId>>,
}

impl Step {
    /// A step of the conductor's that is safe to repeat.
    #[must_use]
    pub fn new(interface: &str, step: &str, priority: i64) -> Self {
        Self {
            interface: interface.to_owned(),
            step: step.to_owned(),
            priority,
            abortable: true,
            retry: Retry::Safe,
            ..Self::default()
        }
    }

    /// A step that an agent offers.
    #[must_use]
    pub fn from_agent(description: StepDescription) -> Self {
        // Erasing again ends in the same disk; what other steps of an agent do twice nobody knows.
        let retry = if description.step.starts_with("erase_") {
            Retry::Safe
        } else {
            Retry::Ask
        };
        Self {
            interface: description.interface,
            step: description.step,
            requested: false,
            priority: description.priority.unwrap_or(0),
            args: description.args.unwrap_or_default(),
            argsinfo: description.argsinfo,
            abortable: description.abortable.unwrap_or(false),
            requires_ramdisk: true,
            reboot_requested: description.reboot_requested,
            retry,
            source: StepSource::Agent,
            on_child_nodes: None,
        }
    }

    /// `interface.step`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.interface, self.step)
    }

    /// The step as an agent is told to run it.
    #[must_use]
    pub fn to_agent(&self) -> StepDescription {
        StepDescription {
            interface: self.interface.clone(),
            step: self.step.clone(),
            priority: Some(self.priority),
            reboot_requested: self.reboot_requested,
            abortable: Some(self.abortable),
            argsinfo: None,
            args: (!self.args.is_empty()).then(|| self.args.clone()),
            extra: Object::new(),
        }
    }

    /// The step as `clean_step` and `deploy_step` of a node show it; arguments that could hold
    /// secrets are left out.
    #[must_use]
    pub fn to_node_field(&self) -> Object {
        let mut object = Object::new();
        object.insert("interface".to_owned(), json!(self.interface));
        object.insert("step".to_owned(), json!(self.step));
        object.insert("priority".to_owned(), json!(self.priority));
        object.insert("abortable".to_owned(), json!(self.abortable));
        object.insert("argsinfo".to_owned(), Value::Null);
        object
    }

    /// Whether the step is this one.
    #[must_use]
    pub fn is(&self, interface: &str, step: &str) -> bool {
        self.interface == interface && self.step == step
    }
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// The ramdisk's first heartbeat. The step is done then.
    Agent,
    /// The next heartbeat of the agent. The step is done then.
    Heartbeat,
    /// A user who lets the node go on. The step is done then; the node is held meanwhile.
    Unhold,
    /// The agent's command that this step has sent. The conductor follows its progress.
    Command,
    /// The hardware, for a time; then the step is done.
    Timer {
        /// How long, in milliseconds.
        milliseconds: u64,
    },
}

/// How a step ended, or for what it waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done(Changes),
    /// It goes on without the conductor.
    Wait {
        /// What a person reads, such as `agent to finish write_image`.
        what: String,
        /// What ends the wait.
        until: WaitFor,
        /// How long at the most; `None`: the callback time-out of the phase.
        limit: Option<Duration>,
        /// What has changed so far.
        changes: Changes,
    },
}

impl Outcome {
    /// Done, with nothing to change.
    #[must_use]
    pub fn done() -> Self {
        Self::Done(Changes::none())
    }

    /// Waits for the ramdisk to call.
    #[must_use]
    pub fn wait_for_ramdisk() -> Self {
        Self::Wait {
            what: "ramdisk to call".to_owned(),
            until: WaitFor::Agent,
            limit: None,
            changes: Changes::none(),
        }
    }

    /// Waits for the agent's command.
    #[must_use]
    pub fn wait_for_command(step: &Step) -> Self {
        Self::Wait {
            what: format!("agent to finish {}", step.step),
            until: WaitFor::Command,
            limit: None,
            changes: Changes::none(),
        }
    }
}
