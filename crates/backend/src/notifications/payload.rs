//! What is told of a resource: for each kind the fields of Ironic 39's payload and its version, and
//! how one is made of the resource. Secrets never get in: what Ironic withholds is withheld here.
//!
//! Not the messages around payloads: those are in [`super::message`].

use cupola_api::node::Object;
use cupola_api::secret::{mask, mask_instance_info};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What stands for a field that is withheld whole.
const REDACTED: &str = "** Value redacted: not published on the notification bus. **";

/// A payload of Ironic's.
#[derive(Debug)]
pub(crate) struct Payload {
    /// The resource in the name of an event.
    pub(crate) object: &'static str,
    /// The name of the versioned object.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// Its fields that others have too.
    common: &'static [&'static str],
    /// Its own fields.
    own: &'static [&'static str],
}

/// What is told of every node.
const NODE_FIELDS: &[&str] = &[
    "bios_interface",
    "boot_interface",
    "boot_mode",
    "clean_step",
    "conductor_group",
    "console_enabled",
    "console_interface",
    "created_at",
    "deploy_interface",
    "deploy_step",
    "description",
    "disable_power_off",
    "driver",
    "extra",
    "fault",
    "inspect_interface",
    "inspection_finished_at",
    "inspection_started_at",
    "instance_uuid",
    "last_error",
    "lessee",
    "maintenance",
    "maintenance_reason",
    "management_interface",
    "name",
    "network_interface",
    "owner",
    "power_interface",
    "power_state",
    "properties",
    "protected",
    "protected_reason",
    "provision_state",
    "provision_updated_at",
    "raid_interface",
    "rescue_interface",
    "resource_class",
    "retired",
    "retired_reason",
    "secure_boot",
    "storage_interface",
    "target_power_state",
    "target_provision_state",
    "traits",
    "updated_at",
    "uuid",
    "vendor_interface",
];

macro_rules! payloads {
    ($($(#[$doc:meta])* $id:ident: $object:literal, $name:literal $version:literal, $common:expr, $own:expr;)*) => {
        $($(#[$doc])* pub(crate) static $id: Payload = Payload {
            object: $object,
            name: $name,
            version: $version,
            common: $common,
            own: $own,
        };)*

        /// All of them.
        #[cfg(test)]
        pub(crate) static ALL: &[&Payload] = &[$(&$id),*];
    };
}

const TIMES: &[&str] = &["created_at", "updated_at", "uuid"];

payloads! {
    /// A node whose maintenance or console changes.
    NODE: "node", "NodePayload" "1.17", NODE_FIELDS, &[];
    /// A node that is made, changed or deleted.
    NODE_CRUD: "node", "NodeCRUDPayload" "1.15", NODE_FIELDS,
        &["chassis_uuid", "driver_info", "instance_info"];
    /// A node whose power is changed.
    NODE_POWER: "node", "NodeSetPowerStatePayload" "1.17", NODE_FIELDS, &["to_power"];
    /// A node whose power was found to be another than was known.
    NODE_POWER_CORRECTED: "node", "NodeCorrectedPowerStatePayload" "1.17", NODE_FIELDS,
        &["from_power"];
    /// A node whose provision state was moved.
    NODE_PROVISION: "node", "NodeSetProvisionStatePayload" "1.18", NODE_FIELDS,
        &["driver_internal_info", "event", "instance_info", "previous_provision_state",
          "previous_target_provision_state"];
    /// A port.
    PORT: "port", "PortCRUDPayload" "1.8", TIMES,
        &["address", "available_for_dynamic_portgroup", "category", "description", "extra",
          "is_smartnic", "local_link_connection", "name", "node_uuid", "physical_network",
          "portgroup_uuid", "pxe_enabled", "vendor"];
    /// A port group.
    PORTGROUP: "portgroup", "PortgroupCRUDPayload" "1.3", TIMES,
        &["address", "category", "dynamic_portgroup", "extra", "mode", "name", "node_uuid",
          "physical_network", "properties", "standalone_ports_supported"];
    /// A chassis.
    CHASSIS: "chassis", "ChassisCRUDPayload" "1.0", TIMES, &["description", "extra"];
    /// A volume connector.
    VOLUME_CONNECTOR: "volumeconnector", "VolumeConnectorCRUDPayload" "1.0", TIMES,
        &["connector_id", "extra", "node_uuid", "type"];
    /// A volume target.
    VOLUME_TARGET: "volumetarget", "VolumeTargetCRUDPayload" "1.0", TIMES,
        &["boot_index", "extra", "node_uuid", "properties", "volume_id", "volume_type"];
    /// An allocation.
    ALLOCATION: "allocation", "AllocationCRUDPayload" "1.1", TIMES,
        &["candidate_nodes", "extra", "last_error", "name", "node_uuid", "owner",
          "resource_class", "state", "traits"];
    /// A deploy template.
    DEPLOY_TEMPLATE: "deploytemplate", "DeployTemplateCRUDPayload" "1.0", TIMES,
        &["extra", "name", "steps"];
    /// A runbook.
    RUNBOOK: "runbook", "RunbookCRUDPayload" "1.1", TIMES,
        &["description", "disable_ramdisk", "extra", "name", "owner", "public", "steps", "traits"];
    /// An inspection rule.
    INSPECTION_RULE: "inspectionrule", "InspectionRuleCRUDPayload" "1.0", TIMES,
        &["actions", "conditions", "description", "phase", "priority", "scope", "sensitive"];
}

impl Payload {
    /// That of the small resources of a collection, by its path below `/v1`.
    pub(crate) fn of_collection(path: &str) -> Option<&'static Self> {
        Some(match path {
            "allocations" => &ALLOCATION,
            "chassis" => &CHASSIS,
            "deploy_templates" => &DEPLOY_TEMPLATE,
            "inspection_rules" => &INSPECTION_RULE,
            "portgroups" => &PORTGROUP,
            "runbooks" => &RUNBOOK,
            "volume/connectors" => &VOLUME_CONNECTOR,
            "volume/targets" => &VOLUME_TARGET,
            _ => return None,
        })
    }

    /// The fields, in no order that means anything.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.common.iter().chain(self.own).copied()
    }

    /// The versioned object of a resource; `also` are fields that the resource has not itself, or
    /// has otherwise.
    pub(crate) fn of(&self, resource: &impl Serialize, also: &[(&'static str, Value)]) -> Value {
        let mut members = match serde_json::to_value(resource) {
            Ok(Value::Object(members)) => members,
            // A resource is always an object.
            Ok(_) | Err(_) => Map::new(),
        };
        for (name, value) in also {
            members.insert((*name).to_owned(), value.clone());
        }
        withhold(self, &mut members);
        let mut data = Map::new();
        for name in self.fields() {
            let mut value = members.remove(name).unwrap_or_default();
            if name.ends_with("_at") {
                shorten(&mut value);
            }
            data.insert(name.to_owned(), value);
        }
        json!({
            "ironic_object.name": self.name,
            "ironic_object.namespace": "ironic",
            "ironic_object.version": self.version,
            "ironic_object.data": data,
        })
    }
}

/// Takes out what subscribers may not see, whom only the broker has let in.
fn withhold(payload: &Payload, members: &mut Object) {
    for name in ["driver_info", "driver_internal_info", "instance_info"] {
        if let Some(Value::Object(inner)) = members.get_mut(name) {
            if name == "instance_info" {
                mask_instance_info(inner);
            } else {
                mask(inner);
            }
        }
    }
    let redacted = || json!({ "redacted_contents": REDACTED });
    if payload.name == VOLUME_TARGET.name
        && let Some(Value::Object(properties)) = members.get("properties")
        && !properties.is_empty()
    {
        members.insert("properties".to_owned(), redacted());
    }
    if payload.name == INSPECTION_RULE.name && members.get("sensitive") == Some(&Value::Bool(true))
    {
        for name in ["actions", "conditions"] {
            members.insert(name.to_owned(), json!([redacted()]));
        }
    }
}

/// Times are told to the second.
fn shorten(value: &mut Value) {
    let time = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    if let Some(time) = time {
        *value = Value::from(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
    use cupola_api::chassis::Chassis;
    use cupola_api::node::Node;
    use cupola_api::volume_target::VolumeTarget;

    fn data(payload: &Payload, resource: &impl Serialize) -> Value {
        payload.of(resource, &[])["ironic_object.data"].clone()
    }

    /// Each field of a payload is one of the resource, or one that is given besides.
    #[test]
    fn every_field_is_known() {
        let node = serde_json::to_value(Node::default()).unwrap();
        let besides = [
            "to_power",
            "from_power",
            "event",
            "previous_provision_state",
            "previous_target_provision_state",
        ];
        let nodes = ALL.iter().filter(|payload| payload.object == "node");
        for payload in nodes {
            for field in payload.fields() {
                let known = node.get(field).is_some() || besides.contains(&field);
                assert!(known, "{}: {field}", payload.name);
            }
        }
        assert_eq!(NODE.fields().count(), 47);
        for payload in ALL {
            let mut fields: Vec<&str> = payload.fields().collect();
            let count = fields.len();
            fields.sort_unstable();
            fields.dedup();
            assert_eq!(fields.len(), count, "{}", payload.name);
        }
    }

    #[test]
    fn the_fields_of_small_resources_are_those_of_their_tables() {
        use cupola_api::collection::Collection;
        let tables: [&Collection; 8] = [
            &cupola_api::allocation::ALLOCATIONS,
            &cupola_api::chassis::CHASSIS,
            &cupola_api::deploy_template::DEPLOY_TEMPLATES,
            &cupola_api::inspection_rule::INSPECTION_RULES,
            &cupola_api::portgroup::PORTGROUPS,
            &cupola_api::runbook::RUNBOOKS,
            &cupola_api::volume_connector::VOLUME_CONNECTORS,
            &cupola_api::volume_target::VOLUME_TARGETS,
        ];
        for table in tables {
            let payload = Payload::of_collection(table.path).expect(table.path);
            // Ironic's API never shows the scope of a rule, nor lets it be set: it is null.
            for field in payload.fields().filter(|field| *field != "scope") {
                assert!(table.field(field).is_some(), "{}: {field}", payload.name);
            }
        }
    }

    #[test]
    fn the_envelope_is_ironics() {
        let chassis =
            json!({"uuid": NodeId::random(), "created_at": "2026-11-23T06:41:00.123456Z"});
        let chassis: Chassis = serde_json::from_value(chassis).unwrap();
        let told = CHASSIS.of(&chassis, &[]);
        assert_eq!(told["ironic_object.name"], "ChassisCRUDPayload");
        assert_eq!(told["ironic_object.namespace"], "ironic");
        assert_eq!(told["ironic_object.version"], "1.0");
        let data = &told["ironic_object.data"];
        assert_eq!(data["created_at"], "2026-11-23T06:41:00Z");
        assert_eq!(data["updated_at"], Value::Null);
        assert_eq!(told.as_object().map(Map::len), Some(4));
    }

    #[test]
    fn secrets_are_not_told() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let put = |object: &mut Object, name: &str| {
            object.insert(name.to_owned(), Value::from("hunter2"));
        };
        put(&mut node.driver_info, "ipmi_password");
        put(&mut node.driver_internal_info, "agent_secret_token");
        put(&mut node.instance_info, "image_url");
        put(&mut node.instance_info, "configdrive");
        for payload in ALL.iter().filter(|payload| payload.object == "node") {
            let text = payload.of(&node, &[]).to_string();
            assert!(!text.contains("hunter2"), "{}", payload.name);
        }
        assert_eq!(
            data(&NODE_CRUD, &node)["driver_info"]["ipmi_password"],
            "******"
        );
        let mut target = VolumeTarget::new(NodeId::random(), "iscsi", 0, "v");
        assert_eq!(data(&VOLUME_TARGET, &target)["properties"], json!({}));
        put(&mut target.properties, "target_portal");
        let told = data(&VOLUME_TARGET, &target);
        assert_eq!(told["properties"]["redacted_contents"], REDACTED);
        let rule = json!({"sensitive": true, "actions": [{"op": "fail"}], "conditions": []});
        let told = data(&INSPECTION_RULE, &rule);
        assert_eq!(told["actions"], json!([{ "redacted_contents": REDACTED }]));
        assert_eq!(told["actions"], told["conditions"]);
    }
}
