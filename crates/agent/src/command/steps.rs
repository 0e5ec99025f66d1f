//! The steps this agent offers, as one table, and the way from a step's name to the work.

use std::collections::BTreeMap;

use cupola_api::agent::{
    ArgInfo, BlockDevice, ExecuteStepParams, RootDeviceHints, StepDescription, StepFlow, StepList,
    WriteImageArgs,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::CommandCore;
use super::table::Entry;
use crate::configdrive;
use crate::erase::{Depth, erase};
use crate::error::StepError;
use crate::guard;
use crate::image::{self, WriteContext};

/// The name under which the steps are listed: conductors and their configuration know it.
const MANAGER: &str = "GenericHardwareManager";

/// What the steps do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    EraseDevicesMetadata,
    EraseDevices,
    EraseDevicesExpress,
    WriteImage,
}

/// A row: the flow, the priority in it, and the step. All belong to the interface `deploy`.
const STEPS: &[(StepFlow, i64, Step)] = &[
    (StepFlow::Clean, 99, Step::EraseDevicesMetadata),
    (StepFlow::Clean, 10, Step::EraseDevices),
    (StepFlow::Clean, 0, Step::EraseDevicesExpress),
    (StepFlow::Deploy, 0, Step::EraseDevicesMetadata),
    (StepFlow::Deploy, 0, Step::WriteImage),
    (StepFlow::Service, 0, Step::WriteImage),
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::EraseDevicesMetadata => "erase_devices_metadata",
            Self::EraseDevices => "erase_devices",
            Self::EraseDevicesExpress => "erase_devices_express",
            Self::WriteImage => "write_image",
        }
    }

    fn arguments(self) -> Option<BTreeMap<String, ArgInfo>> {
        let argument = |description: &str, required| ArgInfo {
            description: description.to_owned(),
            required,
        };
        match self {
            Self::EraseDevicesMetadata | Self::EraseDevices | Self::EraseDevicesExpress => None,
            Self::WriteImage => Some(BTreeMap::from([
                (
                    "image_info".to_owned(),
                    argument("The image, as the conductor describes it", true),
                ),
                (
                    "configdrive".to_owned(),
                    argument("Base64 text of a gzipped config drive, or its URL", false),
                ),
            ])),
        }
    }

    fn describe(self, flow: StepFlow, priority: i64) -> StepDescription {
        StepDescription {
            interface: "deploy".to_owned(),
            step: self.name().to_owned(),
            priority: Some(priority),
            reboot_requested: false,
            abortable: (flow != StepFlow::Deploy).then_some(true),
            argsinfo: self.arguments(),
            ..StepDescription::default()
        }
    }
}

fn versions() -> BTreeMap<String, String> {
    BTreeMap::from([(MANAGER.to_owned(), "1.0".to_owned())])
}

/// The result of `get_<flow>_steps`.
pub(super) fn list(flow: StepFlow) -> Result<Value, StepError> {
    let steps = STEPS
        .iter()
        .filter(|(of, _, _)| *of == flow)
        .map(|(_, priority, step)| step.describe(flow, *priority))
        .collect();
    let list = StepList {
        steps: BTreeMap::from([(MANAGER.to_owned(), steps)]),
        hardware_manager_version: versions(),
    };
    list.to_result(flow)
        .map(Value::Object)
        .map_err(|error| StepError::Internal(error.to_string()))
}

/// `execute_<flow>_step`.
pub(super) async fn execute(
    core: &CommandCore,
    flow: StepFlow,
    params: Map<String, Value>,
    entry: &Entry,
) -> Result<Value, StepError> {
    let params = ExecuteStepParams::deserialize(Value::Object(params))
        .map_err(|error| StepError::InvalidParams(format!("execute_{flow}_step: {error}")))?;
    if params
        .version
        .as_ref()
        .is_some_and(|version| *version != versions())
    {
        return Err(StepError::VersionMismatch);
    }
    let requested = &params.step;
    let step = STEPS
        .iter()
        .find(|(of, _, step)| {
            *of == flow && requested.interface == "deploy" && requested.step == step.name()
        })
        .map(|(_, _, step)| *step)
        .ok_or_else(|| unknown_step(flow, requested))?;
    core.platform
        .report(&format!("{flow} step {}", step.name()));
    let outcome = match step {
        Step::EraseDevicesMetadata => erase_disks(core, &params.node, Depth::Metadata).await?,
        Step::EraseDevices => erase_disks(core, &params.node, Depth::Everything).await?,
        Step::EraseDevicesExpress => erase_disks(core, &params.node, Depth::Express).await?,
        Step::WriteImage => write_image(core, &params, entry).await?,
    };
    let mut shown = Map::from_iter([
        (flow.result_key().to_owned(), outcome),
        (flow.step_key().to_owned(), shown_step(requested)?),
    ]);
    shown.retain(|_, value| !value.is_null());
    Ok(Value::Object(shown))
}

async fn erase_disks(
    core: &CommandCore,
    node: &Map<String, Value>,
    depth: Depth,
) -> Result<Value, StepError> {
    let is_guarded = core.config.guard_special_filesystems;
    erase(
        core.platform.as_ref(),
        node,
        depth,
        is_guarded,
        &core.cancel,
    )
    .await
}

fn unknown_step(flow: StepFlow, requested: &StepDescription) -> StepError {
    let offered: Vec<String> = STEPS
        .iter()
        .filter(|(of, _, _)| *of == flow)
        .map(|(_, _, step)| format!("deploy.{}", step.name()))
        .collect();
    StepError::UnknownStep {
        flow: flow.as_str(),
        interface: requested.interface.clone(),
        step: requested.step.clone(),
        offered: offered.join(", "),
    }
}

/// The step as it came, without the secret and bulky part of its arguments: the conductor compares
/// it with the node's current step by interface and name.
fn shown_step(step: &StepDescription) -> Result<Value, StepError> {
    let mut step = step.clone();
    if let Some(args) = step.args.as_mut() {
        for key in ["configdrive", "image_info"] {
            args.remove(key);
        }
    }
    serde_json::to_value(step).map_err(|error| StepError::Internal(error.to_string()))
}

async fn write_image(
    core: &CommandCore,
    params: &ExecuteStepParams,
    entry: &Entry,
) -> Result<Value, StepError> {
    let args = Value::Object(params.step.args.clone().unwrap_or_default());
    let args = WriteImageArgs::deserialize(args)
        .map_err(|error| StepError::InvalidParams(format!("write_image: {error}")))?;
    let device = choose_device(core, &params.node).await?;
    guard::check(
        core.platform.as_ref(),
        &params.node,
        core.config.guard_special_filesystems,
        &device,
    )
    .await?;
    // Everything that can be refused is looked at before the first byte is written.
    let urls = args.image_info.urls.iter().map(String::as_str);
    let client = core.client_for(urls.chain(args.configdrive.as_deref()))?;
    let drive = match args
        .configdrive
        .as_ref()
        .or(args.image_info.configdrive.as_ref())
    {
        Some(value) if !value.is_empty() => Some(configdrive::fetch(&client, value).await?),
        Some(_) | None => None,
    };
    let disk = core.platform.open_disk(&device.name).await?;
    core.platform.report(&format!(
        "writing image {} to {}",
        args.image_info.id, device.name
    ));
    let policy = core.facts().policy;
    let context = WriteContext {
        client: &client,
        config: &core.config,
        policy: &policy,
        device: &device.name,
        progress: &entry.progress,
        report: &|line| core.platform.report(line),
        cancel: &core.cancel,
    };
    let mut disk = Box::pin(image::write(&context, &args.image_info, disk)).await?;
    core.learn(|facts| facts.written = Some(device.clone()));

    if let Some(drive) = drive {
        let name = device.name.clone();
        let written =
            tokio::task::spawn_blocking(move || configdrive::write(&mut *disk, &name, &drive))
                .await
                .map_err(|error| StepError::Internal(error.to_string()))?;
        let partition = written?;
        core.platform.report(&format!(
            "config drive written to partition {} of {}",
            partition.number, device.name
        ));
    }
    let text = format!(
        "image ({}) written to device {}",
        args.image_info.id, device.name
    );
    core.platform.report(&text);
    Ok(json!({ "result": format!("write_image: {text}") }))
}

/// `instance_info.root_device` goes before `properties.root_device`.
async fn choose_device(
    core: &CommandCore,
    node: &Map<String, Value>,
) -> Result<BlockDevice, StepError> {
    let hints_of = |key: &str| {
        let hints = RootDeviceHints::of_property(node.get(key)?.get("root_device"));
        Some(hints).filter(|hints| hints.as_ref().map_or(true, |hints| !hints.is_empty()))
    };
    let hints = match hints_of("instance_info").or_else(|| hints_of("properties")) {
        Some(hints) => hints?,
        None if node.is_empty() => RootDeviceHints::parse(&core.facts().hints)?,
        None => RootDeviceHints::default(),
    };
    let disks = guard::usable_disks(core.platform.as_ref(), node).await?;
    Ok(hints.select(&disks)?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_what_conductors_expect() {
        let clean = list(StepFlow::Clean).unwrap();
        let steps = clean["clean_steps"][MANAGER].as_array().unwrap();
        assert_eq!(steps[0]["step"], "erase_devices_metadata");
        assert_eq!(steps[0]["priority"], 99);
        let deploy = list(StepFlow::Deploy).unwrap();
        let write = &deploy["deploy_steps"][MANAGER][1];
        assert_eq!(write["step"], "write_image");
        assert_eq!(write["argsinfo"]["image_info"]["required"], true);
        assert_eq!(deploy["hardware_manager_version"][MANAGER], "1.0");
    }
}
