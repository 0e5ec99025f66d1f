//! Which rules a PATCH of a node must pass: most fields have one of their own (wire reference §25).

use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::patch::PatchOperation;
use cupola_api::policy::Rule;
use cupola_api::state::provision::ProvisionState;
use serde_json::Value;

use super::super::answer::Failure;
use super::super::call::Call;

/// What paths begin with, and the rule of such; the first that fits counts, so that `/driver` is that
/// of `/driver_info` only where nothing stands before it.
const PATHS: [(&str, Rule); 17] = [
    ("/instance_info", Rule::NodeUpdateInstanceInfo),
    ("/extra", Rule::NodeUpdateExtra),
    ("/driver_info", Rule::NodeUpdateDriverInfo),
    ("/properties", Rule::NodeUpdateProperties),
    ("/chassis_uuid", Rule::NodeUpdateChassisUuid),
    ("/instance_uuid", Rule::NodeUpdateInstanceUuid),
    ("/instance_name", Rule::NodeUpdateInstanceInfo),
    ("/lessee", Rule::NodeUpdateLessee),
    ("/owner", Rule::NodeUpdateOwner),
    ("/driver", Rule::NodeUpdateDriverInterfaces),
    ("/network_data", Rule::NodeUpdateNetworkData),
    ("/conductor_group", Rule::NodeUpdateConductorGroup),
    ("/name", Rule::NodeUpdateName),
    ("/retired", Rule::NodeUpdateRetired),
    ("/shard", Rule::NodeUpdateShard),
    ("/parent_node", Rule::NodeUpdateParentNode),
    ("/disable_power_off", Rule::NodeUpdateDisablePowerOff),
];

/// The words that turn automated cleaning off.
const OFF: [&str; 6] = ["0", "false", "f", "no", "n", "off"];

/// Refuses a patch that touches what the caller may not change.
pub(super) fn check(call: &Call, node: &Node, patch: &[PatchOperation]) -> Result<(), Failure> {
    for rule in rules(patch) {
        call.must_on(rule, node)?;
    }
    let sets_owner = patch.iter().any(|operation| operation.path == "/owner");
    if sets_owner
        && node.provision_state == ProvisionState::Active
        && !call.may_on(Rule::NodeUpdateOwnerProvisioned, node)
    {
        return Err(ApiFault::conflict(format!(
            "Cannot update owner of node \"{}\" while it is in state \"active\".",
            node.uuid
        ))
        .into());
    }
    Ok(())
}

/// The rules of what a patch touches, each once.
fn rules(patch: &[PatchOperation]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for rule in patch.iter().map(rule) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    if rules.is_empty() {
        rules.push(Rule::NodeUpdate);
    }
    rules
}

fn rule(operation: &PatchOperation) -> Rule {
    let path = operation.path.as_str();
    if let Some((_, rule)) = PATHS.iter().find(|(start, _)| path.starts_with(start)) {
        return *rule;
    }
    if path.ends_with("_interface") {
        return Rule::NodeUpdateDriverInterfaces;
    }
    let turns_off = match &operation.value {
        Some(Value::Bool(on)) => !on,
        Some(Value::String(word)) => OFF.contains(&word.trim().to_lowercase().as_str()),
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
    };
    if path.starts_with("/automated_clean") && turns_off {
        return Rule::NodeDisableCleaning;
    }
    Rule::NodeUpdate
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(path: &str, value: Value) -> Vec<Rule> {
        rules(&[PatchOperation::replace(path, value)])
    }

    #[test]
    fn each_field_asks_its_rule() {
        let text = || json!("x");
        assert_eq!(of("/driver_info/a", text()), [Rule::NodeUpdateDriverInfo]);
        assert_eq!(of("/driver", text()), [Rule::NodeUpdateDriverInterfaces]);
        assert_eq!(
            of("/deploy_interface", text()),
            [Rule::NodeUpdateDriverInterfaces]
        );
        assert_eq!(of("/instance_name", text()), [Rule::NodeUpdateInstanceInfo]);
        assert_eq!(of("/retired_reason", text()), [Rule::NodeUpdateRetired]);
        assert_eq!(of("/automated_clean", json!(true)), [Rule::NodeUpdate]);
        for off in [json!(false), json!("No"), json!(0)] {
            assert_eq!(of("/automated_clean", off), [Rule::NodeDisableCleaning]);
        }
        assert_eq!(of("/description", text()), [Rule::NodeUpdate]);
        assert_eq!(rules(&[]), [Rule::NodeUpdate]);
        let two = [
            PatchOperation::replace("/name", text()),
            PatchOperation::remove("/owner"),
            PatchOperation::remove("/name"),
        ];
        assert_eq!(rules(&two), [Rule::NodeUpdateName, Rule::NodeUpdateOwner]);
    }
}
