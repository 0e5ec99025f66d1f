//! `GET /v1/nodes/{node}/states` (wire reference §5.1).

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ok};
use super::super::call::Call;
use super::super::text::time_value;

/// The states of a node.
pub(in super::super) async fn show(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("console_enabled", json!(node.console_enabled));
    put("last_error", json!(node.last_error));
    put("power_state", json!(node.power_state));
    put("target_power_state", json!(node.target_power_state));
    put(
        "provision_state",
        json!(node.provision_state.seen_at(call.version)),
    );
    put("target_provision_state", json!(node.target_provision_state));
    put(
        "provision_updated_at",
        time_value(node.provision_updated_at),
    );
    if call.is_since(12) {
        put("raid_config", json!(node.raid_config));
        put("target_raid_config", json!(node.target_raid_config));
    }
    if call.is_since(75) {
        put("boot_mode", json!(node.boot_mode));
        put("secure_boot", json!(node.secure_boot));
    }
    ok(&body)
}
