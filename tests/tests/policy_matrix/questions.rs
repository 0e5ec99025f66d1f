//! What is asked of each operation, and which answer the table of rules lets expect.
//!
//! Nothing is changed on the way: who may sends a body that is no good, or that makes what is there
//! already, or changes what is so already, and does not ask for deletions; who may not sends a good one,
//! as some bodies are looked at first.

use cupola_api::contract::{Operation, Route};
use cupola_tests::oracle::{Place, is_rule, passes};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::things::Things;

/// Stands for what nothing is called.
const NOBODY: &str = "11111111-2222-4333-8444-555555555555";

/// What is on the way to things that exist.
const EXISTING: [&str; 7] = [
    "{node}",
    "{port}",
    "{portgroup}",
    "{connector}",
    "{target}",
    "{allocation}",
    "{runbook}",
];

/// The answer that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This status.
    Refusal(u16),
    /// The request is let through, whatever becomes of it.
    Through,
    /// It is, and shows or keeps what there is.
    Success,
}

impl Expected {
    pub(crate) fn is(self, got: StatusCode) -> bool {
        match self {
            Self::Refusal(status) => got == status,
            Self::Through => got != 401 && got != 403 && got.as_u16() < 500,
            Self::Success => got.is_success(),
        }
    }
}

/// A request and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// From the root, with its query.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) expected: Expected,
}

/// Somebody's roles, and where.
pub(crate) type Whose = Option<(&'static [&'static str], Place)>;

/// What somebody asks of a route; nobody in particular where `who` is none. Who `is_all` may everything.
pub(crate) fn of(things: &Things, route: &Route, who: Whose, is_all: bool) -> Vec<Question> {
    let make = |body: Option<Value>, expected: Expected| Question {
        operation: route.operation,
        method: route.method.clone(),
        path: path(things, route),
        body,
        expected,
    };
    if route.policy.is_empty() {
        return vec![make(body(things, route, true), Expected::Through)];
    }
    let Some((roles, place)) = who else {
        return vec![make(body(things, route, false), Expected::Refusal(401))];
    };
    if route.operation == Operation::UpdateNode {
        let fields = fields(things).into_iter();
        let each = fields.map(|(rule, patch)| {
            let refusal = refusal(route, rule, roles, place).filter(|_| !is_all);
            make(
                Some(patch),
                refusal.map_or(Expected::Success, Expected::Refusal),
            )
        });
        return each.collect();
    }
    let refusal = refusal(route, route.policy, roles, place).filter(|_| !is_all);
    // Nothing can be made or changed there.
    let is_nowhere = route.operation.summary().starts_with("Refused:");
    let refusal = match route.operation {
        // Who makes nodes is asked first.
        Operation::CreateChassisNode => refusal.or(Some(400)),
        _ if is_nowhere => Some(400),
        _ => refusal,
    };
    let may = refusal.is_none();
    if may && route.method == Method::DELETE {
        return Vec::new();
    }
    let last = route.path.rsplit('/').next().unwrap_or_default();
    let shows = may && route.method == Method::GET && EXISTING.contains(&last);
    let expected = match refusal {
        Some(status) => Expected::Refusal(status),
        None if shows => Expected::Success,
        None => Expected::Through,
    };
    vec![make(body(things, route, may), expected)]
}

/// The status that is expected; none where the request is let through.
fn refusal(route: &Route, rule: &str, roles: &[&str], place: Place) -> Option<u16> {
    use Operation as O;
    let of_node = ["{node}", "{port}", "{portgroup}", "{connector}", "{target}"];
    let is_made_of_node = matches!(
        route.operation,
        O::CreatePort | O::CreatePortgroup | O::CreateVolumeConnector | O::CreateVolumeTarget
    );
    let is_of_node = of_node.iter().any(|part| route.path.contains(part))
        || is_made_of_node
        || route.operation == O::ValidateNodeByArgument;
    let is_of_project =
        is_of_node || route.path.contains("{allocation}") || route.path.contains("{runbook}");
    // What is about nothing in particular belongs to no project.
    let place = match place {
        Place::Owner | Place::Lessee if !is_of_project => Place::Other,
        place => place,
    };
    let passes = |rule: &str| passes(rule, roles, place);
    if is_of_node && !passes("node:get") {
        // A node that a body names, or that an allocation is of, is asked for in the wrong way.
        let is_named = is_made_of_node || route.path == "nodes/{node}/allocation";
        return Some(if is_named { 400 } else { 404 });
    }
    if rule.starts_with("allocation:")
        && (route.path.contains("{allocation}") || route.path.contains("{node}"))
        && !passes("allocation:get")
    {
        return Some(404);
    }
    let all = format!("{rule}_all");
    let may = match route.operation {
        O::CreateNode => passes(rule) || passes("node:create:self_owned_node"),
        O::DeleteNode => passes(rule) || passes("node:delete:self_owned_node"),
        O::CreateAllocation => passes(rule) || passes("allocation:create_restricted"),
        // Without a project there is nothing of one's own to list.
        _ if is_rule(&all) && rule.ends_with(":list") => {
            passes(&all) || (place != Place::System && passes(rule))
        }
        _ => passes(rule),
    };
    (!may).then_some(403)
}

/// Where a route is, with what there is in its places.
fn path(things: &Things, route: &Route) -> String {
    let node = match route.path {
        "nodes/{node}/allocation" => &things.given,
        _ => &things.node,
    };
    let segments = route.path.split('/').map(|segment| match segment {
        "{node}" => node,
        "{port}" => &things.port,
        "{portgroup}" => &things.portgroup,
        "{connector}" => &things.connector,
        "{target}" => &things.target,
        "{allocation}" => &things.allocation,
        "{runbook}" => &things.runbook,
        other if other.starts_with('{') => NOBODY,
        other => other,
    });
    let segments: Vec<&str> = segments.collect();
    let path = segments.join("/");
    let query = match route.operation {
        Operation::ValidateNodeByArgument => format!("?node={}", things.node),
        _ if route.path.ends_with("/vendor_passthru") => "?method=none".to_owned(),
        _ => String::new(),
    };
    match path.strip_prefix('/') {
        Some(_) => format!("{path}{query}"),
        None => format!("/v1/{path}{query}"),
    }
}

/// What is sent: by who may what is no good or makes what there is, by who may not what is good.
fn body(things: &Things, route: &Route, may: bool) -> Option<Value> {
    use Operation as O;
    if ![Method::POST, Method::PUT, Method::PATCH].contains(&route.method) {
        return None;
    }
    let [port, portgroup, connector, target] = things.parts();
    match route.operation {
        O::CreatePort => return Some(port),
        O::CreatePortgroup => return Some(portgroup),
        O::CreateVolumeConnector => return Some(connector),
        O::CreateVolumeTarget => return Some(target),
        _ if may => return Some(json!({ "no_such_member": 1 })),
        _ => {}
    }
    Some(match route.operation {
        O::SetPowerState => json!({ "target": "power on" }),
        O::SetProvisionState => json!({ "target": "manage" }),
        O::SetRaidConfig => {
            json!({ "logical_disks": [{ "size_gb": 1, "raid_level": "1" }] })
        }
        O::SetConsole => json!({ "enabled": true }),
        O::SetBootMode => json!({ "target": "uefi" }),
        O::SetSecureBoot => json!({ "target": true }),
        O::SetBootDevice => json!({ "boot_device": "pxe" }),
        O::SetIndicator => json!({ "state": "ON" }),
        O::AttachVif => json!({ "id": "a" }),
        O::AttachVirtualMedia => {
            json!({ "device_type": "cdrom", "image_url": "http://192.0.2.1/image.iso" })
        }
        O::PatchVendor | O::PatchVendorByArgument => json!({}),
        _ if route.method == Method::PATCH => {
            json!([{ "op": "add", "path": "/extra/a", "value": 1 }])
        }
        _ => json!({}),
    })
}

/// The rules of a node's fields, and patches of such that change nothing.
fn fields(things: &Things) -> Vec<(&'static str, Value)> {
    let fields = [
        ("node:update_instance_info", "/instance_info/a", json!(1)),
        ("node:update_extra", "/extra/a", json!(1)),
        ("node:update:driver_info", "/driver_info/a", json!(1)),
        ("node:update:properties", "/properties/a", json!(1)),
        (
            "node:update:chassis_uuid",
            "/chassis_uuid",
            json!(things.chassis),
        ),
        (
            "node:update:instance_uuid",
            "/instance_uuid",
            json!(things.instance),
        ),
        ("node:update:lessee", "/lessee", json!(things.lessee)),
        ("node:update:owner", "/owner", json!(things.owner)),
        (
            "node:update:driver_interfaces",
            "/driver",
            json!("fake-hardware"),
        ),
        (
            "node:update:driver_interfaces",
            "/power_interface",
            json!("fake"),
        ),
        ("node:update:network_data", "/network_data", json!({})),
        ("node:update:conductor_group", "/conductor_group", json!("")),
        ("node:update:name", "/name", json!("matrix")),
        ("node:update:retired", "/retired", json!(false)),
        ("node:update:shard", "/shard", json!("s")),
        (
            "node:update:parent_node",
            "/parent_node",
            json!(things.parent),
        ),
        (
            "node:update:disable_power_off",
            "/disable_power_off",
            json!(false),
        ),
        ("node:disable_cleaning", "/automated_clean", json!(false)),
        ("node:update", "/description", json!("d")),
    ];
    let patch = |(rule, path, value): (&'static str, &str, Value)| {
        (
            rule,
            json!([{ "op": "replace", "path": path, "value": value }]),
        )
    };
    fields.into_iter().map(patch).collect()
}
