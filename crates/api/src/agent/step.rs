//! In-band steps: what an agent can do in cleaning, deployment and service, and the commands that
//! ask for the list and run one. Which steps run, and in which order, is the conductor's business.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which kind of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepFlow {
    /// Automated and manual cleaning.
    Clean,
    /// Deployment.
    Deploy,
    /// Service of an active node.
    Service,
}

impl StepFlow {
    /// The word in command names and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Deploy => "deploy",
            Self::Service => "service",
        }
    }

    /// Key of the steps in the result of `get_<flow>_steps`.
    pub const fn steps_key(self) -> &'static str {
        match self {
            Self::Clean => "clean_steps",
            Self::Deploy => "deploy_steps",
            Self::Service => "service_steps",
        }
    }

    /// Key of the step in the result of `execute_<flow>_step`, and on the node.
    pub const fn step_key(self) -> &'static str {
        match self {
            Self::Clean => "clean_step",
            Self::Deploy => "deploy_step",
            Self::Service => "service_step",
        }
    }

    /// Key of the outcome in the result of `execute_<flow>_step`.
    pub const fn result_key(self) -> &'static str {
        match self {
            Self::Clean => "clean_result",
            Self::Deploy => "deploy_result",
            Self::Service => "service_result",
        }
    }

    /// Key of the hardware managers' versions in the parameters of `execute_<flow>_step`.
    pub const fn version_key(self) -> &'static str {
        match self {
            Self::Clean => "clean_version",
            Self::Deploy => "deploy_version",
            Self::Service => "service_version",
        }
    }
}

impl fmt::Display for StepFlow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A step as an agent offers it, or as the conductor asks for it (then with `args`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepDescription {
    /// The interface it belongs to: `deploy`, `raid`, …
    pub interface: String,
    /// Its name.
    pub step: String,
    /// Higher runs earlier; 0 runs only on request. Absent in manual steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Whether the machine has to reboot afterwards.
    #[serde(default)]
    pub reboot_requested: bool,
    /// Whether it may be stopped half-way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abortable: Option<bool>,
    /// Its arguments, described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argsinfo: Option<BTreeMap<String, ArgInfo>>,
    /// Its arguments, given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Map<String, Value>>,
    /// Keys of other servers and agents, given back as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An argument of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ArgInfo {
    /// What it means.
    #[serde(default)]
    pub description: String,
    /// Whether the step refuses to run without it.
    #[serde(default)]
    pub required: bool,
}

/// The result of `get_<flow>_steps`. Its key for the steps depends on the flow: see
/// [`StepList::to_result`] and [`StepList::from_result`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepList {
    /// Steps by hardware manager.
    pub steps: BTreeMap<String, Vec<StepDescription>>,
    /// Version by hardware manager; `execute_<flow>_step` has to repeat it.
    pub hardware_manager_version: BTreeMap<String, String>,
}

const VERSION_KEY: &str = "hardware_manager_version";

impl StepList {
    /// The list as the command's result.
    pub fn to_result(&self, flow: StepFlow) -> serde_json::Result<Map<String, Value>> {
        let mut result = Map::new();
        result.insert(
            flow.steps_key().to_owned(),
            serde_json::to_value(&self.steps)?,
        );
        result.insert(
            VERSION_KEY.to_owned(),
            serde_json::to_value(&self.hardware_manager_version)?,
        );
        Ok(result)
    }

    /// The list out of a command's result; absent keys are empty.
    pub fn from_result(flow: StepFlow, result: &Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            steps: read_or_default(result.get(flow.steps_key()))?,
            hardware_manager_version: read_or_default(result.get(VERSION_KEY))?,
        })
    }
}

fn read_or_default<T: for<'de> Deserialize<'de> + Default>(
    value: Option<&Value>,
) -> serde_json::Result<T> {
    match value {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value),
    }
}

/// Parameters of `get_<flow>_steps`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GetStepsParams {
    /// The whole node.
    #[serde(default)]
    pub node: Map<String, Value>,
    /// Its ports.
    #[serde(default)]
    pub ports: Vec<Value>,
}

/// Parameters of `execute_<flow>_step`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExecuteStepParams {
    /// The step, with its `args`.
    pub step: StepDescription,
    /// The whole node.
    #[serde(default)]
    pub node: Map<String, Value>,
    /// Its ports.
    #[serde(default)]
    pub ports: Vec<Value>,
    /// What `get_<flow>_steps` said, under the key of the flow; null or absent: not checked.
    #[serde(
        default,
        alias = "clean_version",
        alias = "deploy_version",
        alias = "service_version",
        skip_serializing
    )]
    pub version: Option<BTreeMap<String, String>>,
}

impl ExecuteStepParams {
    /// The parameters as the command's `params`, the version under the key of the flow.
    pub fn to_params(&self, flow: StepFlow) -> serde_json::Result<Map<String, Value>> {
        let mut params = Map::new();
        params.insert("step".to_owned(), serde_json::to_value(&self.step)?);
        params.insert("node".to_owned(), Value::Object(self.node.clone()));
        params.insert("ports".to_owned(), Value::Array(self.ports.clone()));
        params.insert(
            flow.version_key().to_owned(),
            serde_json::to_value(&self.version)?,
        );
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_list_survives_the_wire() {
        let mut list = StepList::default();
        list.steps.insert(
            "GenericHardwareManager".to_owned(),
            vec![StepDescription {
                interface: "deploy".to_owned(),
                step: "erase_devices_metadata".to_owned(),
                priority: Some(99),
                abortable: Some(true),
                ..StepDescription::default()
            }],
        );
        list.hardware_manager_version
            .insert("GenericHardwareManager".to_owned(), "1.0".to_owned());
        let result = list.to_result(StepFlow::Clean).unwrap();
        assert!(result.contains_key("clean_steps"));
        assert_eq!(
            StepList::from_result(StepFlow::Clean, &result).unwrap(),
            list
        );
        assert!(
            StepList::from_result(StepFlow::Deploy, &result)
                .unwrap()
                .steps
                .is_empty()
        );
    }

    #[test]
    fn the_version_is_read_under_each_flow_s_key() {
        for flow in [StepFlow::Clean, StepFlow::Deploy, StepFlow::Service] {
            let params = ExecuteStepParams {
                version: Some(BTreeMap::from([("M".to_owned(), "1.0".to_owned())])),
                ..ExecuteStepParams::default()
            };
            let wire = Value::Object(params.to_params(flow).unwrap());
            let read: ExecuteStepParams = serde_json::from_value(wire).unwrap();
            assert_eq!(read.version, params.version);
        }
    }
}
