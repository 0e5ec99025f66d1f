//! The arguments that operations take in the query, and the microversion that brought each (wire
//! reference §6).

use crate::microversion::Microversion;

/// What an argument holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Any text.
    Text,
    /// A number of at least 1.
    Number,
    /// One of the words for true and false.
    Boolean,
    /// A UUID.
    Uuid,
    /// Texts with commas between them, or the argument several times.
    List,
}

/// One argument of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// The microversion that brought it.
    pub since: Microversion,
    /// What it holds.
    pub kind: ArgumentKind,
}

const fn argument(minor: u16, name: &'static str, kind: ArgumentKind) -> Argument {
    Argument {
        name,
        since: Microversion::new(minor),
        kind,
    }
}

use ArgumentKind::{Boolean, List, Number, Text, Uuid};

/// A page of a list.
pub(super) const PAGE: &[Argument] = &[
    argument(1, "limit", Number),
    argument(1, "marker", Text),
    argument(1, "sort_key", Text),
    argument(1, "sort_dir", Text),
];

/// Which fields are shown.
pub(super) const FIELDS: &[Argument] = &[argument(1, "fields", List)];

/// The same, from 1.8 on.
pub(super) const FIELDS_1_8: &[Argument] = &[argument(8, "fields", List)];

/// The same, from 1.77 on.
pub(super) const FIELDS_1_77: &[Argument] = &[argument(77, "fields", List)];

/// Whether all fields are shown. Below 1.43 its value `true` is refused.
pub(super) const DETAIL: &[Argument] = &[argument(1, "detail", Boolean)];

/// Which nodes are listed.
pub(super) const NODE_FILTER: &[Argument] = &[
    argument(1, "chassis_uuid", Uuid),
    argument(1, "instance_uuid", Uuid),
    argument(1, "associated", Boolean),
    argument(1, "maintenance", Boolean),
    argument(1, "description_contains", Text),
    argument(1, "retired", Boolean),
    argument(1, "project", Text),
    argument(9, "provision_state", Text),
    argument(16, "driver", Text),
    argument(21, "resource_class", Text),
    argument(42, "fault", Text),
    argument(46, "conductor_group", Text),
    argument(49, "conductor", Text),
    argument(50, "owner", Text),
    argument(65, "lessee", Text),
    argument(82, "shard", List),
    argument(82, "sharded", Boolean),
    argument(83, "include_children", Boolean),
    argument(83, "parent_node", Text),
    argument(104, "instance_name", Text),
];

/// Which ports are listed.
pub(super) const PORT_FILTER: &[Argument] = &[
    argument(1, "node", Text),
    argument(1, "node_uuid", Uuid),
    argument(1, "address", Text),
    argument(1, "conductor_groups", List),
    argument(1, "description_contains", Text),
    argument(24, "portgroup", Text),
    argument(82, "shard", List),
];

/// Which ports of a node are listed.
pub(super) const NODE_PORT_FILTER: &[Argument] =
    &[argument(1, "address", Text), argument(1, "node_uuid", Uuid)];

/// Which port groups are listed.
pub(super) const PORTGROUP_FILTER: &[Argument] = &[
    argument(1, "node", Text),
    argument(1, "address", Text),
    argument(1, "conductor_groups", List),
    argument(106, "shard", List),
];

/// Whose volumes are listed; below a node upstream takes it and passes it over.
pub(super) const NODE_OF_VOLUME: &[Argument] = &[argument(1, "node", Text)];

/// Which allocations are listed.
pub(super) const ALLOCATION_FILTER: &[Argument] = &[
    argument(1, "node", Text),
    argument(1, "resource_class", Text),
    argument(1, "state", Text),
    argument(60, "owner", Text),
];

/// Which runbooks are listed.
pub(super) const RUNBOOK_FILTER: &[Argument] = &[argument(1, "project", Boolean)];

/// Which inspection rules are listed.
pub(super) const RULE_FILTER: &[Argument] = &[argument(1, "phase", Text)];

/// Which drivers are listed, and how.
pub(super) const DRIVERS: &[Argument] =
    &[argument(30, "type", Text), argument(30, "detail", Boolean)];

/// A node that is not in the path; where one is, upstream takes them and passes them over.
pub(super) const NODE: &[Argument] = &[argument(1, "node", Text), argument(1, "node_uuid", Text)];

/// Whether a change of driver takes the new driver's interfaces.
pub(super) const RESET_INTERFACES: &[Argument] = &[argument(45, "reset_interfaces", Boolean)];

/// Why a node goes into maintenance; upstream takes it here as well.
pub(super) const REASON: &[Argument] = &[argument(1, "reason", Text)];

/// The device that a node boots from, given in the query.
pub(super) const BOOT_DEVICE: &[Argument] = &[
    argument(1, "boot_device", Text),
    argument(1, "persistent", Boolean),
];

/// How an agent finds its node.
pub(super) const LOOKUP: &[Argument] = &[
    argument(1, "addresses", List),
    argument(1, "node_uuid", Text),
];

/// Whose inspection goes on.
pub(super) const NODE_UUID: &[Argument] = &[argument(1, "node_uuid", Text)];

/// How BIOS settings are shown.
pub(super) const BIOS: &[Argument] = &[
    argument(74, "detail", Boolean),
    argument(74, "fields", List),
];

/// Whose events are followed.
pub(super) const EVENTS: &[Argument] = &[argument(1, "node", Text)];

/// Whether a serial console is taken from another session.
pub(super) const SERIAL: &[Argument] = &[argument(1, "take_over", Boolean)];

/// Which part of a timeline is shown.
pub(super) const TIMELINE: &[Argument] =
    &[argument(1, "after", Number), argument(1, "limit", Number)];

/// Which lines of a log are shown.
pub(super) const LINES: &[Argument] = &[argument(1, "from", Number), argument(1, "count", Number)];

/// Whether a console is enabled; upstream takes it here as well.
pub(super) const ENABLED: &[Argument] = &[argument(1, "enabled", Boolean)];

/// What is to be reached; upstream takes it here as well.
pub(super) const TARGET: &[Argument] = &[argument(1, "target", Text)];

/// A vendor's method that is not in the path.
pub(super) const METHOD: &[Argument] = &[argument(1, "method", Text)];

/// The state of a lamp; upstream takes it here as well.
pub(super) const STATE: &[Argument] = &[argument(1, "state", Text)];

/// Which virtual drives are emptied.
pub(super) const DEVICE_TYPES: &[Argument] = &[argument(1, "device_types", List)];
