//! The inspect interface `agent`: a ramdisk posts what it finds (wire reference §16.3, hooks
//! `ramdisk-error`, `validate-interfaces`, `ports` and `architecture`).

use async_trait::async_trait;
use cupola_api::MacAddress;
use cupola_api::agent::{InspectionData, Inventory};
use cupola_api::node::{Node, Object};
use cupola_api::resource::NodeInventory;
use serde_json::{Value, json};

use crate::interface::{
    Changes, DriverError, FoundPort, Hardware, Inspect, Inspection, InspectionStart,
    RamdiskPurpose, Result, Task, capability,
};

/// Inspects with a ramdisk.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentInspect;

/// Where the BMC addresses of the node are kept while it waits.
const BMC_ADDRESSES: &str = "lookup_bmc_addresses";

#[async_trait]
impl Inspect for AgentInspect {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        hardware.boot.validate_inspection(task)
    }

    async fn start(&self, task: &Task, hardware: &Hardware) -> Result<InspectionStart> {
        hardware
            .boot
            .prepare_ramdisk(task, hardware, RamdiskPurpose::Inspect)
            .await?;
        let addresses: Vec<Value> = task
            .node()
            .driver_info
            .iter()
            .filter(|(key, _)| key.ends_with("_address"))
            .filter_map(|(_, value)| value.as_str())
            .filter(|text| {
                let address: Option<std::net::IpAddr> = text.parse().ok();
                address.is_some_and(|a| !a.is_loopback())
            })
            .map(Value::from)
            .collect();
        task.record(Changes::none().internal(BMC_ADDRESSES, addresses))
            .await?;
        hardware.restart(task).await?;
        Ok(InspectionStart::Wait {
            what: "ramdisk to post its inventory".to_owned(),
        })
    }

    async fn process(&self, task: &Task, _: &Hardware, data: Object) -> Result<Inspection> {
        let mut plugin_data = data.clone();
        let kept = plugin_data.shift_remove("inventory");
        plugin_data.shift_remove("logs");
        let read: InspectionData = serde_json::from_value(Value::Object(data))
            .map_err(|error| failed(&format!("the inventory cannot be read: {error}")))?;
        if let Some(error) = read.error.filter(|e| !e.is_empty()) {
            return Err(failed(&format!("the ramdisk reported: {error}")));
        }
        if read.inventory.cpu.architecture.is_empty() {
            return Err(failed("the inventory has no cpu.architecture"));
        }
        let ports = found_ports(&read.inventory, read.boot_interface.as_deref())?;
        let macs: Vec<Value> = ports.iter().map(|p| json!(p.address)).collect();
        plugin_data.insert("macs".to_owned(), Value::Array(macs));
        Ok(Inspection {
            changes: found_properties(&task.node(), &read.inventory, read.root_disk.as_ref()),
            ports,
            inventory: NodeInventory {
                inventory: match kept {
                    Some(Value::Object(object)) => object,
                    _ => Object::new(),
                },
                plugin_data,
            },
        })
    }

    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        task.record(Changes::none().internal(BMC_ADDRESSES, Value::Null))
            .await?;
        let is_left = super::fast_track::is_able(&task.node(), &hardware.settings.agent);
        if hardware.settings.inspection.power_off && !is_left {
            hardware.power_off(task).await?;
        }
        hardware.boot.clean_up_ramdisk(task).await
    }
}

fn failed(why: &str) -> DriverError {
    DriverError::StepFailed(why.to_owned())
}

/// Ports for the interface that it booted from, or for all when nobody knows which that was.
fn found_ports(inventory: &Inventory, boot_interface: Option<&str>) -> Result<Vec<FoundPort>> {
    let booted = boot_interface
        .or(inventory.boot.pxe_interface.as_deref())
        .and_then(boot_address);
    let mut ports = Vec::new();
    for interface in &inventory.interfaces {
        let Ok(address) = interface.mac_address.parse::<MacAddress>() else {
            continue;
        };
        let pxe_enabled = booted.is_none_or(|b| b == address);
        if pxe_enabled && !ports.iter().any(|p: &FoundPort| p.address == address) {
            ports.push(FoundPort {
                address,
                pxe_enabled,
            });
        }
    }
    if ports.is_empty() {
        return Err(failed("the inventory has no usable network interface"));
    }
    Ok(ports)
}

/// `BOOTIF` may have the hardware type in front: `01-52-54-00-ab-cd-ef`.
fn boot_address(text: &str) -> Option<MacAddress> {
    text.parse().ok().or_else(|| {
        let (kind, rest) = text.split_once(['-', ':'])?;
        (kind.len() == 2).then(|| rest.parse().ok()).flatten()
    })
}

fn found_properties(
    node: &Node,
    inventory: &Inventory,
    root_disk: Option<&cupola_api::agent::BlockDevice>,
) -> Changes {
    let mut changes = Changes::none();
    let mut set = |key: &str, value: Value| {
        changes.properties.insert(key.to_owned(), value);
    };
    set("cpu_arch", json!(inventory.cpu.architecture));
    // What an operator has written down is not corrected behind his back.
    let absent = |key: &str| !node.properties.contains_key(key);
    if absent("cpus") && inventory.cpu.count > 0 {
        set("cpus", json!(inventory.cpu.count));
    }
    let memory = inventory.memory.physical_mb.or_else(|| {
        let total = inventory.memory.total?;
        Some(total >> 20)
    });
    if let Some(megabytes) = memory.filter(|_| absent("memory_mb")) {
        set("memory_mb", json!(megabytes));
    }
    if let Some(disk) = root_disk.filter(|_| absent("local_gb")) {
        // One GiB is left for partitioning, as the reference does.
        set("local_gb", json!((disk.size >> 30).saturating_sub(1)));
    }
    match inventory.boot.current_boot_mode.as_deref() {
        Some(mode) => {
            if let Some(capabilities) = with_boot_mode(&node.properties, mode) {
                changes
                    .properties
                    .insert("capabilities".to_owned(), capabilities);
            }
            changes.internal("inspected_boot_mode", mode)
        }
        None => changes,
    }
}

/// The capabilities with the boot mode that was found, as the reference's hook `boot-mode` writes
/// them; `None` where the operator has said a boot mode, or has written what nobody can add to.
fn with_boot_mode(properties: &Object, mode: &str) -> Option<Value> {
    if capability(properties, "boot_mode").is_some() {
        return None;
    }
    match properties.get("capabilities") {
        None | Some(Value::Null) => Some(json!(format!("boot_mode:{mode}"))),
        Some(Value::String(text)) if text.is_empty() => Some(json!(format!("boot_mode:{mode}"))),
        Some(Value::String(text)) if !text.starts_with('{') => {
            Some(json!(format!("{text},boot_mode:{mode}")))
        }
        Some(Value::Object(map)) => {
            let mut map = map.clone();
            map.insert("boot_mode".to_owned(), json!(mode));
            Some(Value::Object(map))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::agent::NetworkInterface;

    fn inventory(macs: &[&str]) -> Inventory {
        let interfaces = macs.iter().map(|mac| NetworkInterface {
            mac_address: (*mac).to_owned(),
            ..NetworkInterface::default()
        });
        Inventory {
            interfaces: interfaces.collect(),
            ..Inventory::default()
        }
    }

    #[test]
    fn only_the_interface_that_it_booted_from_becomes_a_port() {
        let found = inventory(&["52:54:00:00:00:01", "52:54:00:00:00:02"]);
        let ports = found_ports(&found, Some("01-52-54-00-00-00-02")).unwrap();
        assert_eq!(ports.len(), 1);
        assert_eq!(ports[0].address.to_string(), "52:54:00:00:00:02");
        assert_eq!(found_ports(&found, None).unwrap().len(), 2);
    }

    #[test]
    fn the_boot_mode_is_added_to_what_the_operator_has_written() {
        let added = |written: Value| {
            let properties = json!({"capabilities": written});
            with_boot_mode(properties.as_object().unwrap(), "bios")
        };
        assert_eq!(added(json!(null)), Some(json!("boot_mode:bios")));
        assert_eq!(added(json!("a:b")), Some(json!("a:b,boot_mode:bios")));
        let object = json!({"a": "b", "boot_mode": "bios"});
        assert_eq!(added(json!({"a": "b"})), Some(object));
        assert_eq!(added(json!("boot_mode:uefi,a:b")), None);
    }

    #[test]
    fn a_machine_without_interfaces_fails() {
        assert!(found_ports(&inventory(&["nonsense"]), None).is_err());
    }
}
