//! Which fields of a node an answer shows: the set of fields by version and `fields=`, and the
//! writing of a node in that shape (wire reference §5.1). Written by hand into bytes because lists
//! of thousands of nodes are rendered from it.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::{DEFAULT_LIST_FIELDS, FIELDS, Node, find_field};

use super::text::{Secrets, key, masked, optional_time, raw, value};

/// A set of fields of [`FIELDS`], by their position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct FieldSet(u128);

impl FieldSet {
    fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    const fn contains(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }
}

// The set is a u128: a table that outgrows it must not compile.
const _: () = assert!(FIELDS.len() <= 128);

/// Fields that are lists of links and so cannot be asked for by name.
const LINK_FIELDS: [&str; 5] = ["links", "ports", "states", "portgroups", "volume"];

/// How older clients see a provision state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum StateNames {
    Before1_2,
    Before1_39,
    Today,
}

/// What an answer shows of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeShape {
    fields: FieldSet,
    states: StateNames,
    /// Whether the secrets of `driver_info` and of `instance_info` are shown.
    reveals: (bool, bool),
}

impl NodeShape {
    /// Every field of this version.
    pub(super) fn full(version: Microversion) -> Self {
        Self::of(version, |_| true)
    }

    /// What a list shows unless asked otherwise.
    pub(super) fn list(version: Microversion) -> Self {
        Self::of(version, |name| {
            name == "links" || DEFAULT_LIST_FIELDS.contains(&name)
        })
    }

    /// The fields of a `fields=` argument, and the links.
    pub(super) fn selected(names: &[String], version: Microversion) -> Result<Self, ApiFault> {
        let names: Vec<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        for name in &names {
            let is_link = name != "links" && LINK_FIELDS.contains(&name.as_str());
            let field = find_field(name).filter(|_| !is_link).ok_or_else(|| {
                ApiFault::bad_request(format!("Field {name} is not a valid field."))
            })?;
            if version < field.since {
                return Err(ApiFault::not_acceptable());
            }
        }
        Ok(Self::of(version, |field| {
            field == "links" || names.iter().any(|n| n == field)
        }))
    }

    fn of(version: Microversion, wanted: impl Fn(&str) -> bool) -> Self {
        let mut fields = FieldSet::default();
        for (index, field) in FIELDS.iter().enumerate() {
            if field.since <= version && wanted(field.name) {
                fields.insert(index);
            }
        }
        let states = if version < Microversion::new(2) {
            StateNames::Before1_2
        } else if version < Microversion::new(39) {
            StateNames::Before1_39
        } else {
            StateNames::Today
        };
        Self {
            fields,
            states,
            reveals: (false, false),
        }
    }

    /// The same with the secrets of `driver_info`, and of `instance_info`.
    pub(super) const fn revealing(mut self, driver_info: bool, instance_info: bool) -> Self {
        self.reveals = (driver_info, instance_info);
        self
    }

    /// Whether the answer names the conductor, which is computed and not part of the node.
    pub(super) fn shows_conductor(self) -> bool {
        FIELDS
            .iter()
            .position(|f| f.name == "conductor")
            .is_some_and(|index| self.fields.contains(index))
    }

    /// Writes a node as a JSON object.
    pub(super) fn write(self, out: &mut Vec<u8>, node: &Node, conductor: Option<&str>, base: &str) {
        out.push(b'{');
        for (index, field) in FIELDS.iter().enumerate() {
            if self.fields.contains(index) {
                key(out, field.name);
                self.write_field(out, field.name, node, conductor, base);
            }
        }
        out.push(b'}');
    }

    fn write_field(
        self,
        out: &mut Vec<u8>,
        name: &str,
        node: &Node,
        conductor: Option<&str>,
        base: &str,
    ) {
        match name {
            "driver_info" if self.reveals.0 => value(out, &node.driver_info),
            "instance_info" if self.reveals.1 => value(out, &node.instance_info),
            "driver_info" => masked(out, &node.driver_info, Secrets::ByName),
            "driver_internal_info" => masked(out, &node.driver_internal_info, Secrets::ByName),
            "instance_info" => masked(out, &node.instance_info, Secrets::InstanceInfo),
            "clean_step" => masked(out, &node.clean_step, Secrets::ByName),
            "deploy_step" => masked(out, &node.deploy_step, Secrets::ByName),
            "service_step" => masked(out, &node.service_step, Secrets::ByName),
            "provision_state" => value(out, &node.provision_state.seen_at(self.version())),
            "target_provision_state" => value(out, &node.target_provision_state),
            "conductor" => value(out, &conductor),
            "links" => links(out, base, node, ""),
            "ports" | "states" | "portgroups" | "volume" => links(out, base, node, name),
            "created_at" => optional_time(out, node.created_at),
            "updated_at" => optional_time(out, node.updated_at),
            "provision_updated_at" => optional_time(out, node.provision_updated_at),
            "inspection_started_at" => optional_time(out, node.inspection_started_at),
            "inspection_finished_at" => optional_time(out, node.inspection_finished_at),
            _ => write_scalar(out, name, node),
        }
    }

    /// A version that stands for all that see the same state names.
    const fn version(self) -> Microversion {
        match self.states {
            StateNames::Before1_2 => Microversion::new(1),
            StateNames::Before1_39 => Microversion::new(38),
            StateNames::Today => Microversion::MAX,
        }
    }
}

/// The fields that are written as they are.
fn write_scalar(out: &mut Vec<u8>, name: &str, node: &Node) {
    match name {
        "uuid" => value(out, &node.uuid),
        "name" => value(out, &node.name),
        "driver" => value(out, &node.driver),
        "properties" => value(out, &node.properties),
        "extra" => value(out, &node.extra),
        "instance_uuid" => value(out, &node.instance_uuid),
        "instance_name" => value(out, &node.instance_name),
        "chassis_uuid" => value(out, &node.chassis_uuid),
        "power_state" => value(out, &node.power_state),
        "target_power_state" => value(out, &node.target_power_state),
        "last_error" => value(out, &node.last_error),
        "maintenance" => value(out, &node.maintenance),
        "maintenance_reason" => value(out, &node.maintenance_reason),
        "fault" => value(out, &node.fault),
        "console_enabled" => value(out, &node.console_enabled),
        "reservation" => value(out, &node.reservation),
        "raid_config" => value(out, &node.raid_config),
        "target_raid_config" => value(out, &node.target_raid_config),
        "resource_class" => value(out, &node.resource_class),
        "traits" => value(out, &node.traits),
        "conductor_group" => value(out, &node.conductor_group),
        "automated_clean" => value(out, &node.automated_clean),
        "protected" => value(out, &node.protected),
        "protected_reason" => value(out, &node.protected_reason),
        "owner" => value(out, &node.owner),
        "lessee" => value(out, &node.lessee),
        "description" => value(out, &node.description),
        "allocation_uuid" => value(out, &node.allocation_uuid),
        "retired" => value(out, &node.retired),
        "retired_reason" => value(out, &node.retired_reason),
        "network_data" => value(out, &node.network_data),
        "boot_mode" => value(out, &node.boot_mode),
        "secure_boot" => value(out, &node.secure_boot),
        "shard" => value(out, &node.shard),
        "parent_node" => value(out, &node.parent_node),
        "disable_power_off" => value(out, &node.disable_power_off),
        "health" => value(out, &node.health),
        _ => value(out, interface(name, node)),
    }
}

/// The name of an interface; the test holds the table against it.
fn interface<'a>(name: &str, node: &'a Node) -> &'a Option<String> {
    let i = &node.interfaces;
    match name {
        "bios_interface" => &i.bios_interface,
        "boot_interface" => &i.boot_interface,
        "console_interface" => &i.console_interface,
        "deploy_interface" => &i.deploy_interface,
        "firmware_interface" => &i.firmware_interface,
        "inspect_interface" => &i.inspect_interface,
        "management_interface" => &i.management_interface,
        "network_interface" => &i.network_interface,
        "power_interface" => &i.power_interface,
        "raid_interface" => &i.raid_interface,
        "rescue_interface" => &i.rescue_interface,
        "storage_interface" => &i.storage_interface,
        "vendor_interface" => &i.vendor_interface,
        _ => &None,
    }
}

/// The two links of a node, or of one of its sub-resources.
fn links(out: &mut Vec<u8>, base: &str, node: &Node, sub: &str) {
    let slash = if sub.is_empty() { "" } else { "/" };
    let uuid = node.uuid;
    raw(
        out,
        format_args!(
            "[{{\"href\":\"{base}/v1/nodes/{uuid}{slash}{sub}\",\"rel\":\"self\"}},\
             {{\"href\":\"{base}/nodes/{uuid}{slash}{sub}\",\"rel\":\"bookmark\"}}]"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::id::NodeId;
    use cupola_api::state::provision::ProvisionState;
    use serde_json::{Value, json};

    fn node() -> Node {
        let uuid: NodeId = "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"
            .parse()
            .expect("a UUID");
        let mut node = Node::new(uuid, "ipmi".to_owned());
        node.provision_state = ProvisionState::InspectWait;
        node.driver_info
            .insert("ipmi_password".to_owned(), json!("hunter2"));
        node.instance_info
            .insert("configdrive".to_owned(), json!("H4sI"));
        for (index, slot) in interfaces(&mut node).into_iter().enumerate() {
            *slot = Some(format!("i{index}"));
        }
        node
    }

    fn interfaces(node: &mut Node) -> [&mut Option<String>; 13] {
        let i = &mut node.interfaces;
        [
            &mut i.bios_interface,
            &mut i.boot_interface,
            &mut i.console_interface,
            &mut i.deploy_interface,
            &mut i.firmware_interface,
            &mut i.inspect_interface,
            &mut i.management_interface,
            &mut i.network_interface,
            &mut i.power_interface,
            &mut i.raid_interface,
            &mut i.rescue_interface,
            &mut i.storage_interface,
            &mut i.vendor_interface,
        ]
    }

    fn shown(shape: NodeShape) -> Value {
        let mut out = Vec::new();
        shape.write(&mut out, &node(), Some("host"), "http://h:1");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn the_full_shape_is_the_resource_as_the_contract_writes_it() {
        let shown = shown(NodeShape::full(Microversion::MAX));
        let Value::Object(contract) = serde_json::to_value(node()).expect("JSON") else {
            unreachable!()
        };
        for (name, want) in contract {
            match name.as_str() {
                "driver_info" => assert_eq!(shown[&name], json!({"ipmi_password": "******"})),
                "instance_info" => assert_eq!(shown[&name], json!({"configdrive": "******"})),
                "conductor" => assert_eq!(shown[&name], "host"),
                _ => assert_eq!(shown[&name], want, "{name}"),
            }
        }
        assert_eq!(
            shown.as_object().map(serde_json::Map::len),
            Some(FIELDS.len())
        );
    }

    #[test]
    fn older_versions_see_fewer_fields_and_older_states() {
        let at = |minor| shown(NodeShape::full(Microversion::new(minor)));
        assert!(at(4).get("name").is_none());
        assert!(at(5).get("name").is_some());
        assert_eq!(at(38)["provision_state"], "inspecting");
        assert_eq!(at(39)["provision_state"], "inspect wait");
        let fields = at(1).as_object().map(serde_json::Map::len);
        assert_eq!(
            fields,
            Some(
                FIELDS
                    .iter()
                    .filter(|f| f.since == Microversion::MIN)
                    .count()
            )
        );
    }

    #[test]
    fn a_list_item_and_a_selection() {
        let item = shown(NodeShape::list(Microversion::MAX));
        let mut keys: Vec<_> = item
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k)
            .collect();
        keys.sort();
        assert_eq!(
            keys,
            [
                "instance_uuid",
                "links",
                "maintenance",
                "name",
                "power_state",
                "provision_state",
                "uuid"
            ]
        );
        assert_eq!(
            item["links"][1]["href"],
            "http://h:1/nodes/6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"
        );
        let names = ["UUID".to_owned()];
        let shape = NodeShape::selected(&names, Microversion::MAX).expect("known");
        assert_eq!(shown(shape).as_object().map(serde_json::Map::len), Some(2));
        let empty = NodeShape::selected(&[], Microversion::MAX).expect("nothing");
        assert_eq!(shown(empty).as_object().map(serde_json::Map::len), Some(1));
    }

    #[test]
    fn unknown_and_newer_fields_are_refused() {
        let status = |name: &str, minor| {
            NodeShape::selected(&[name.to_owned()], Microversion::new(minor)).map_err(|f| f.status)
        };
        assert_eq!(status("zz", 115), Err(400));
        assert_eq!(status("ports", 115), Err(400));
        assert_eq!(status("owner", 49), Err(406));
        assert!(status("owner", 50).is_ok());
    }
}
