//! How the firmware of a node starts it, as far as anybody has said.

use cupola_api::agent::BootMode;
use cupola_api::node::{Node, Object};
use serde_json::Value;

/// The boot mode that the instance, the node or the last inspection says; `None` when nobody does.
#[must_use]
pub fn boot_mode(node: &Node) -> Option<BootMode> {
    let said = capability(&node.instance_info, "boot_mode")
        .or_else(|| capability(&node.properties, "boot_mode"))
        .or_else(|| node.boot_mode.clone())
        .or_else(|| {
            let seen = node.driver_internal_info.get("inspected_boot_mode");
            seen.and_then(Value::as_str).map(str::to_owned)
        })?;
    match said.as_str() {
        "bios" => Some(BootMode::Bios),
        "uefi" => Some(BootMode::Uefi),
        _ => None,
    }
}

/// A capability out of `capabilities`: an object, JSON text, or `key:value,key:value`.
#[must_use]
pub fn capability(object: &Object, name: &str) -> Option<String> {
    match object.get("capabilities")? {
        Value::Object(map) => map.get(name).map(plain),
        Value::String(text) => match serde_json::from_str::<Object>(text) {
            Ok(map) => map.get(name).map(plain),
            Err(_) => text.split(',').find_map(|pair| {
                let (key, value) = pair.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            }),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_way_to_write_capabilities() {
        for written in [
            json!("boot_option:local, boot_mode:bios"),
            json!({"boot_mode": "bios"}),
            json!("{\"boot_mode\": \"bios\"}"),
        ] {
            let mut node = Node::default();
            node.properties
                .insert("capabilities".to_owned(), written.clone());
            assert_eq!(boot_mode(&node), Some(BootMode::Bios), "{written}");
        }
        assert_eq!(boot_mode(&Node::default()), None);
    }
}
