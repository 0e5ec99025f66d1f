//! What goes with a request and comes with its answer: which resource, or which members.

use super::kind::{self, Kind, Rule};
use crate::allocation::ALLOCATIONS;
use crate::chassis::CHASSIS as CHASSIS_TABLE;
use crate::collection::Collection;
use crate::deploy_template::DEPLOY_TEMPLATES;
use crate::inspection_rule::INSPECTION_RULES;
use crate::node::Field;
use crate::portgroup::PORTGROUPS;
use crate::runbook::RUNBOOKS;
use crate::volume_connector::VOLUME_CONNECTORS;
use crate::volume_target::VOLUME_TARGETS;
use crate::{node, port};

/// A kind of resource: its fields, and what those hold that a client may write.
#[derive(Debug)]
pub struct Resource {
    /// Its name.
    pub name: &'static str,
    /// The member that a list of them has.
    pub collection: &'static str,
    /// Every field.
    pub fields: &'static [Field],
    /// What the writable ones hold.
    pub rules: &'static [Rule],
    /// The fields that must be given when one is made.
    pub required: &'static [&'static str],
}

impl Resource {
    const fn of(name: &'static str, collection: &Collection) -> Self {
        Self {
            name,
            collection: collection.name,
            fields: collection.fields,
            rules: collection.kinds,
            required: collection.required,
        }
    }
}

/// What the body of a request holds.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// The fields of a new resource.
    New(&'static Resource),
    /// A JSON patch of a resource.
    Patch(&'static Resource),
    /// These members; those of the first list must be there.
    Members(&'static [Rule], &'static [Rule]),
    /// An object that the operation knows.
    Object,
}

/// What the answer holds when all went well.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Nothing, with this status.
    Nothing(u16),
    /// A resource, with this status.
    One(u16, &'static Resource),
    /// A page of a list.
    Page(&'static Resource),
    /// An object, with this status.
    Object(u16),
    /// Something that is no JSON.
    Other,
}

/// Nodes.
pub(super) const NODE: &Resource = &Resource {
    name: "node",
    collection: "nodes",
    fields: node::FIELDS,
    rules: kind::NODE,
    required: &["driver"],
};

/// Ports.
pub(super) const PORT: &Resource = &Resource {
    name: "port",
    collection: "ports",
    fields: port::FIELDS,
    rules: kind::PORT,
    required: &["address", "node_uuid"],
};

/// Chassis.
pub(super) const CHASSIS: &Resource = &Resource::of("chassis", &CHASSIS_TABLE);

/// Port groups.
pub(super) const PORTGROUP: &Resource = &Resource::of("portgroup", &PORTGROUPS);

/// Volume connectors.
pub(super) const VOLUME_CONNECTOR: &Resource =
    &Resource::of("volume_connector", &VOLUME_CONNECTORS);

/// Volume targets.
pub(super) const VOLUME_TARGET: &Resource = &Resource::of("volume_target", &VOLUME_TARGETS);

/// Deploy templates.
pub(super) const DEPLOY_TEMPLATE: &Resource = &Resource::of("deploy_template", &DEPLOY_TEMPLATES);

/// Allocations.
pub(super) const ALLOCATION: &Resource = &Resource::of("allocation", &ALLOCATIONS);

/// Runbooks.
pub(super) const RUNBOOK: &Resource = &Resource::of("runbook", &RUNBOOKS);

/// Inspection rules.
pub(super) const INSPECTION_RULE: &Resource = &Resource::of("inspection_rule", &INSPECTION_RULES);

/// Why a node goes into maintenance.
pub(super) const REASON: Body = Body::Members(&[], &[("reason", Kind::Text(usize::MAX))]);

/// A power state to be reached.
pub(super) const POWER: Body = Body::Members(
    &[("target", Kind::RequiredText)],
    &[("timeout", Kind::OptionalNumber)],
);

/// A device to boot from.
pub(super) const BOOT_DEVICE: Body = Body::Members(
    &[("boot_device", Kind::RequiredText)],
    &[("persistent", Kind::OptionalBoolean)],
);

/// A verb, and what it wants to know.
pub(super) const PROVISION: Body = Body::Members(
    &[("target", Kind::RequiredText)],
    &[
        ("configdrive", Kind::Any),
        ("clean_steps", Kind::Any),
        ("deploy_steps", Kind::Any),
        ("service_steps", Kind::Any),
        ("rescue_password", Kind::Text(usize::MAX)),
        ("disable_ramdisk", Kind::OptionalBoolean),
        ("runbook", Kind::Text(usize::MAX)),
    ],
);

/// A network interface; it may have other members, which are for whoever plumbs the network.
pub(super) const VIF: Body = Body::Object;

/// All traits of a node.
pub(super) const TRAITS: Body = Body::Members(&[("traits", Kind::Any)], &[]);

/// Whether a console is enabled.
pub(super) const CONSOLE: Body = Body::Members(&[("enabled", Kind::Boolean(false))], &[]);

/// What is sent to a serial console: characters in base64, or a break.
pub(super) const SERIAL: Body = Body::Members(
    &[],
    &[
        ("data", Kind::Text(usize::MAX)),
        ("break", Kind::OptionalBoolean),
    ],
);

/// A boot mode.
pub(super) const TARGET_NAME: Body = Body::Members(&[("target", Kind::RequiredText)], &[]);

/// Whether Secure Boot is on.
pub(super) const SECURE_BOOT: Body = Body::Members(&[("target", Kind::Boolean(false))], &[]);

/// The state of a lamp.
pub(super) const STATE: Body = Body::Members(&[("state", Kind::RequiredText)], &[]);

/// An image for a virtual drive.
pub(super) const VIRTUAL_MEDIA: Body = Body::Members(
    &[
        ("device_type", Kind::RequiredText),
        ("image_url", Kind::RequiredText),
    ],
    &[("image_download_source", Kind::Text(255))],
);

/// What other services tell.
pub(super) const EXTERNAL_EVENTS: Body = Body::Members(&[("events", Kind::FilledList)], &[]);
