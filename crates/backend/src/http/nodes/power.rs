//! `PUT /v1/nodes/{node}/states/power` (wire reference §11.1).

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_api::state::provision::ProvisionState;
use http::StatusCode;
use serde_json::Value;

use super::super::answer::{Answer, empty, located};
use super::super::body::Size;
use super::super::call::Call;
use super::super::repr::repr;

/// Starts a power change.
pub(in super::super) async fn change(call: &mut Call, node: &str) -> Answer {
    let body = call.members(&["target", "timeout"], Size::Usual).await?;
    let target = target_text(&body)?;
    let stored = call.node(node).await?;
    let timeout = check_version(&body, &target, call.version)?;
    let target = check(&stored, &target)?;
    call.state.rpc.power(stored.uuid, target, timeout).await?;
    let location = call.url(format_args!("nodes/{node}/states"));
    located(empty(StatusCode::ACCEPTED), &location)
}

fn target_text(body: &Object) -> Result<String, ApiFault> {
    match body.get("target") {
        Some(Value::String(target)) => Ok(target.clone()),
        Some(other) => {
            let text = format!("Expected string for target: {}", repr(other));
            Err(ApiFault::bad_request(text))
        }
        None => Err(ApiFault::bad_request("Missing mandatory parameter: target")),
    }
}

/// The timeout in seconds, when the version knows timeouts.
fn check_version(
    body: &Object,
    target: &str,
    version: Microversion,
) -> Result<Option<u32>, ApiFault> {
    let timeout = body.get("timeout").filter(|t| !t.is_null());
    let is_soft = matches!(
        PowerTarget::parse(target),
        Some(PowerTarget::SoftOff | PowerTarget::SoftReboot)
    );
    if (is_soft || timeout.is_some()) && version < Microversion::new(27) {
        return Err(ApiFault::not_acceptable());
    }
    let Some(timeout) = timeout else {
        return Ok(None);
    };
    let seconds = match timeout {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => match text.trim().parse() {
            Ok(number) => Some(number),
            Err(_) => {
                let text = format!("Expected an integer for timeout: {text}");
                return Err(ApiFault::bad_request(text));
            }
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    seconds
        .and_then(|s| u32::try_from(s).ok())
        .filter(|s| *s >= 1)
        .map(Some)
        .ok_or_else(|| ApiFault::bad_request("timeout has to be positive integer"))
}

/// The whole seconds of a number, where it has any.
fn whole(number: f64) -> Option<i64> {
    let text = format!("{:.0}", number.trunc());
    text.parse().ok()
}

fn check(node: &Node, target: &str) -> Result<PowerTarget, ApiFault> {
    let state = node.power_state.map_or("None", PowerState::as_str);
    let Some(parsed) = PowerTarget::parse(target) else {
        return Err(ApiFault::invalid_state_requested(target, node.uuid, state));
    };
    if matches!(
        node.provision_state,
        ProvisionState::Cleaning | ProvisionState::CleanWait
    ) {
        let state = node.provision_state.as_str();
        return Err(ApiFault::invalid_state_requested(target, node.uuid, state));
    }
    if node.disable_power_off && parsed.reached() == PowerState::Off {
        return Err(ApiFault::conflict(
            "Failed to set node power state to power off.",
        ));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
    use serde_json::json;

    #[test]
    fn soft_targets_and_timeouts_came_with_1_27() {
        let seen = |body: Value, minor| {
            let body = body.as_object().cloned().unwrap_or_default();
            let target = target_text(&body).unwrap_or_default();
            check_version(&body, &target, Microversion::new(minor)).map_err(|f| f.status)
        };
        assert_eq!(seen(json!({"target": "soft power off"}), 26), Err(406));
        assert_eq!(
            seen(json!({"target": "power on", "timeout": 5}), 26),
            Err(406)
        );
        assert_eq!(
            seen(json!({"target": "power on", "timeout": 5}), 27),
            Ok(Some(5))
        );
        assert_eq!(
            seen(json!({"target": "power on", "timeout": 0}), 27),
            Err(400)
        );
        assert_eq!(
            seen(json!({"target": "power on", "timeout": "x"}), 27),
            Err(400)
        );
    }

    #[test]
    fn what_is_refused() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let status = |node: &Node, target: &str| check(node, target).map_err(|f| f.status);
        assert_eq!(status(&node, "explode"), Err(400));
        assert_eq!(status(&node, "power off"), Ok(PowerTarget::Off));
        node.disable_power_off = true;
        assert_eq!(status(&node, "soft power off"), Err(409));
        assert_eq!(status(&node, "rebooting"), Ok(PowerTarget::Reboot));
        node.provision_state = ProvisionState::CleanWait;
        assert_eq!(status(&node, "power on"), Err(400));
    }
}
