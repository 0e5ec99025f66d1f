//! Every route of the wire reference (§3), at the version below the one that brought it, at that
//! version and at the newest; and every kind of identifier a path may hold.

use super::super::case::{Body, Case, Chapter, Request, Version};
use super::{around, json, node, post};

/// A route: its method, its path below `/v1/`, since when it is there, and a body that is right.
type Route = (&'static str, &'static str, u16, &'static str);

const ROUTES: &[Route] = &[
    ("GET", "nodes", 1, ""),
    ("GET", "nodes/detail", 1, ""),
    ("GET", "nodes?detail=true", 43, ""),
    ("GET", "nodes/$node", 1, ""),
    ("GET", "nodes/$node?fields=uuid", 8, ""),
    (
        "PATCH",
        "nodes/$node",
        1,
        r#"[{"op":"add","path":"/extra/a","value":1}]"#,
    ),
    ("GET", "nodes/validate?node_uuid=$node", 1, ""),
    ("GET", "nodes/validate?node=$$node", 5, ""),
    ("GET", "nodes/$node/validate", 1, ""),
    ("PUT", "nodes/$node/maintenance", 1, r#"{"reason":"x"}"#),
    ("DELETE", "nodes/$node/maintenance", 1, ""),
    ("GET", "nodes/$node/states", 1, ""),
    ("GET", "nodes/$node/states", 12, ""),
    ("GET", "nodes/$node/states", 75, ""),
    (
        "PUT",
        "nodes/$node/states/raid",
        12,
        r#"{"logical_disks":[{"size_gb":1,"raid_level":"0"}]}"#,
    ),
    ("GET", "nodes/$node/states/console", 1, ""),
    (
        "PUT",
        "nodes/$node/states/console",
        1,
        r#"{"enabled":false}"#,
    ),
    (
        "PUT",
        "nodes/$node/states/boot_mode",
        76,
        r#"{"target":"uefi"}"#,
    ),
    (
        "PUT",
        "nodes/$node/states/secure_boot",
        76,
        r#"{"target":true}"#,
    ),
    ("GET", "nodes/$node/management/boot_device", 1, ""),
    (
        "PUT",
        "nodes/$node/management/boot_device",
        1,
        r#"{"boot_device":"pxe"}"#,
    ),
    ("GET", "nodes/$node/management/boot_device/supported", 1, ""),
    ("PUT", "nodes/$node/management/inject_nmi", 29, "{}"),
    ("GET", "nodes/$node/management/indicators", 63, ""),
    (
        "GET",
        "nodes/$node/management/indicators/led@system",
        63,
        "",
    ),
    (
        "PUT",
        "nodes/$node/management/indicators/led@system",
        63,
        r#"{"state":"on"}"#,
    ),
    ("GET", "nodes/$node/vendor_passthru/methods", 1, ""),
    (
        "POST",
        "nodes/$node/vendor_passthru/second_method",
        1,
        r#"{"bar":"kazoo"}"#,
    ),
    (
        "POST",
        "nodes/$node/vendor_passthru?method=third_method_sync",
        1,
        r#"{"bar":"meow"}"#,
    ),
    ("GET", "nodes/$node/vendor_passthru", 1, ""),
    ("GET", "nodes/$node/ports", 1, ""),
    ("GET", "nodes/$node/ports/detail", 1, ""),
    ("GET", "nodes/$node/portgroups", 24, ""),
    ("GET", "nodes/$node/portgroups/detail", 24, ""),
    ("GET", "nodes/$node/vifs", 28, ""),
    ("POST", "nodes/$node/vifs", 28, r#"{"id":"vif1"}"#),
    ("DELETE", "nodes/$node/vifs/vif1", 28, ""),
    ("GET", "nodes/$node/traits", 37, ""),
    (
        "PUT",
        "nodes/$node/traits",
        37,
        r#"{"traits":["CUSTOM_B","CUSTOM_A"]}"#,
    ),
    ("PUT", "nodes/$node/traits/CUSTOM_C", 37, ""),
    ("DELETE", "nodes/$node/traits/CUSTOM_C", 37, ""),
    ("DELETE", "nodes/$node/traits", 37, ""),
    ("GET", "nodes/$node/volume", 32, ""),
    ("GET", "nodes/$node/volume/connectors", 32, ""),
    ("GET", "nodes/$node/volume/targets", 32, ""),
    ("GET", "nodes/$node/bios", 40, ""),
    ("GET", "nodes/$node/bios/setting", 40, ""),
    ("GET", "nodes/$node/bios?detail=true", 74, ""),
    ("GET", "nodes/$node/bios?fields=name", 74, ""),
    ("GET", "nodes/$node/allocation", 52, ""),
    ("DELETE", "nodes/$node/allocation", 52, ""),
    ("GET", "nodes/$node/history", 78, ""),
    ("GET", "nodes/$node/history/$unknown", 78, ""),
    ("GET", "nodes/$node/inventory", 81, ""),
    ("GET", "nodes/$node/children", 83, ""),
    ("GET", "nodes/$node/firmware", 86, ""),
    (
        "POST",
        "nodes/$node/vmedia",
        89,
        r#"{"device_type":"cdrom","image_url":"http://h/i"}"#,
    ),
    ("DELETE", "nodes/$node/vmedia", 89, ""),
    (
        "DELETE",
        "nodes/$node/vmedia?device_types=cdrom,disk",
        89,
        "",
    ),
    ("GET", "nodes/$node/vmedia", 93, ""),
    (
        "PUT",
        "nodes/$node/states/power",
        1,
        r#"{"target":"power on"}"#,
    ),
    (
        "PUT",
        "nodes/$node/states/power",
        27,
        r#"{"target":"power off","timeout":5}"#,
    ),
    ("GET", "ports", 1, ""),
    ("GET", "ports/$port", 1, ""),
    (
        "PATCH",
        "ports/$port",
        1,
        r#"[{"op":"add","path":"/extra/a","value":1}]"#,
    ),
    ("GET", "portgroups", 23, ""),
    ("GET", "portgroups/detail", 23, ""),
    ("GET", "portgroups/$unknown", 23, ""),
    ("PATCH", "portgroups/$unknown", 23, "[]"),
    ("DELETE", "portgroups/$unknown", 23, ""),
    ("GET", "portgroups/$unknown/ports", 24, ""),
    ("GET", "chassis", 1, ""),
    ("GET", "chassis/detail", 1, ""),
    ("GET", "chassis/$unknown", 1, ""),
    ("GET", "chassis/$unknown/nodes", 1, ""),
    ("GET", "drivers", 1, ""),
    ("GET", "drivers", 14, ""),
    ("GET", "drivers?type=dynamic", 30, ""),
    ("GET", "drivers?type=classic", 30, ""),
    ("GET", "drivers?type=x", 30, ""),
    ("GET", "drivers?detail=true", 30, ""),
    ("GET", "drivers?detail=true", 33, ""),
    ("GET", "drivers?detail=true", 38, ""),
    ("GET", "drivers?detail=true", 40, ""),
    ("GET", "drivers?detail=true", 86, ""),
    ("GET", "drivers?fields=name", 77, ""),
    ("GET", "drivers?fields=nope", 77, ""),
    ("GET", "drivers?fields=name&detail=true", 77, ""),
    ("GET", "drivers?foo=1", 1, ""),
    ("GET", "drivers/fake-hardware", 1, ""),
    ("GET", "drivers/fake-hardware", 30, ""),
    ("GET", "drivers/fake-hardware?fields=name,hosts", 77, ""),
    ("GET", "drivers/no-such", 1, ""),
    ("GET", "drivers/fake-hardware/properties", 1, ""),
    ("GET", "drivers/no-such/properties", 1, ""),
    ("GET", "drivers/properties?driver_name=fake-hardware", 1, ""),
    (
        "GET",
        "drivers/fake-hardware/raid/logical_disk_properties",
        12,
        "",
    ),
    (
        "GET",
        "drivers/no-such/raid/logical_disk_properties",
        12,
        "",
    ),
    (
        "GET",
        "drivers/fake-hardware/vendor_passthru/methods",
        1,
        "",
    ),
    ("GET", "drivers/no-such/vendor_passthru/methods", 1, ""),
    ("GET", "drivers/fake-hardware/vendor_passthru/nope", 1, ""),
    ("GET", "conductors", 49, ""),
    ("GET", "conductors?detail=true", 49, ""),
    ("GET", "conductors?fields=hostname,alive", 49, ""),
    ("GET", "conductors?fields=nope", 49, ""),
    ("GET", "conductors?limit=1", 49, ""),
    ("GET", "conductors?marker=nope", 49, ""),
    ("GET", "conductors?sort_key=hostname", 49, ""),
    ("GET", "conductors?sort_key=nope", 49, ""),
    ("GET", "conductors?sort_key=alive", 49, ""),
    ("GET", "conductors/conductor-1", 49, ""),
    ("GET", "conductors/conductor-1?fields=drivers", 49, ""),
    ("GET", "conductors/no-such", 49, ""),
    ("GET", "shards", 82, ""),
    ("GET", "shards?foo=1", 82, ""),
    ("GET", "allocations", 52, ""),
    ("GET", "allocations/$unknown", 52, ""),
    (
        "POST",
        "allocations",
        52,
        r#"{"resource_class":"none-such","uuid":"$new"}"#,
    ),
    ("PATCH", "allocations/$unknown", 57, "[]"),
    ("DELETE", "allocations/$unknown", 52, ""),
    ("GET", "deploy_templates", 55, ""),
    ("GET", "deploy_templates/$unknown", 55, ""),
    (
        "POST",
        "deploy_templates",
        55,
        r#"{"uuid":"$new","name":"CUSTOM_NEW","steps":[{"interface":"deploy","step":"a","args":{},"priority":1}]}"#,
    ),
    ("PATCH", "deploy_templates/$unknown", 55, "[]"),
    ("DELETE", "deploy_templates/$unknown", 55, ""),
    ("GET", "runbooks", 92, ""),
    ("GET", "runbooks/$unknown", 92, ""),
    (
        "POST",
        "runbooks",
        92,
        r#"{"uuid":"$new","name":"CUSTOM_NEW","steps":[{"interface":"deploy","step":"a","args":{},"order":1}]}"#,
    ),
    ("PATCH", "runbooks/$unknown", 92, "[]"),
    ("DELETE", "runbooks/$unknown", 92, ""),
    ("GET", "runbooks/$unknown/traits", 112, ""),
    ("GET", "inspection_rules", 96, ""),
    ("GET", "inspection_rules/$unknown", 96, ""),
    (
        "POST",
        "inspection_rules",
        96,
        r#"{"uuid":"$new","actions":[{"op":"fail","args":{"msg":"x"}}]}"#,
    ),
    ("PATCH", "inspection_rules/$unknown", 96, "[]"),
    ("DELETE", "inspection_rules/$unknown", 96, ""),
    ("GET", "volume", 32, ""),
    ("GET", "volume/connectors", 32, ""),
    ("GET", "volume/connectors/$unknown", 32, ""),
    ("PATCH", "volume/connectors/$unknown", 32, "[]"),
    ("DELETE", "volume/connectors/$unknown", 32, ""),
    ("GET", "volume/targets", 32, ""),
    ("GET", "volume/targets/$unknown", 32, ""),
    ("PATCH", "volume/targets/$unknown", 32, "[]"),
    ("DELETE", "volume/targets/$unknown", 32, ""),
    (
        "POST",
        "events",
        54,
        r#"{"events":[{"event":"network.bind_port","port_id":"$unknown","mac_address":"52:54:00:00:00:01","status":"ACTIVE"}]}"#,
    ),
    ("GET", "lookup?node_uuid=$node", 22, ""),
    (
        "POST",
        "heartbeat/$node",
        22,
        r#"{"callback_url":"https://h:9999/","agent_version":"1.0","agent_token":"x"}"#,
    ),
    (
        "POST",
        "continue_inspection?node_uuid=$node",
        84,
        r#"{"inventory":{"interfaces":[{"mac_address":"52:54:00:00:00:01"}]}}"#,
    ),
];

/// Paths with a place for the identifier of a node.
const WITH_NODE: [&str; 28] = [
    "GET nodes/*",
    "GET nodes/*/states",
    "GET nodes/*/validate",
    "GET nodes/*/ports",
    "GET nodes/*/portgroups",
    "GET nodes/*/traits",
    "GET nodes/*/vifs",
    "GET nodes/*/volume",
    "GET nodes/*/volume/targets",
    "GET nodes/*/bios",
    "GET nodes/*/history",
    "GET nodes/*/inventory",
    "GET nodes/*/children",
    "GET nodes/*/firmware",
    "GET nodes/*/allocation",
    "GET nodes/*/states/console",
    "GET nodes/*/management/boot_device",
    "GET nodes/*/management/boot_device/supported",
    "GET nodes/*/management/indicators",
    "GET nodes/*/vendor_passthru/methods",
    "GET nodes/*/vmedia",
    "PUT nodes/*/maintenance",
    "DELETE nodes/*/maintenance",
    "PUT nodes/*/states/power",
    "PUT nodes/*/states/provision",
    "PUT nodes/*/traits/CUSTOM_X",
    "DELETE nodes/*/traits/CUSTOM_X",
    "POST heartbeat/*",
];

const IDENTIFIERS: [&str; 6] = [
    "$unknown",
    "no-such",
    "a%20b",
    "$$node",
    "$$node.json",
    "%F0%9F%98%80",
];

fn request(route: &Route) -> Request {
    let (method, path, _, body) = *route;
    let mut request = Request::new(method, format!("/v1/{path}"));
    if !body.is_empty() {
        request.body = Body::Json(json(body));
    }
    request
}

fn preparation() -> Vec<Case> {
    vec![
        node("node", ""),
        post(
            "/v1/ports",
            r#"{"uuid":"$port","address":"$#port","node_uuid":"$node"}"#,
        )
        .into(),
    ]
}

/// The routes by version.
pub(super) fn chapter() -> Chapter {
    let mut cases = Vec::new();
    for route in ROUTES {
        let request = request(route);
        for minor in around(route.2) {
            cases.push(Case::from(request.clone().at(minor)).passing());
        }
        cases.push(Case::from(request.clone().version(Version::None)).passing());
        // Methods that a path does not take.
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let is_route = ROUTES.iter().any(|r| r.0 == method && r.1 == route.1);
            let destroys = method == "DELETE" && matches!(route.1, "nodes/$node" | "ports/$port");
            if !is_route && !destroys && !route.1.contains('?') {
                let request = Request::new(method, format!("/v1/{}", route.1));
                cases.push(Case::from(request).passing());
            }
        }
    }
    Chapter {
        name: "routes",
        preparation: preparation(),
        cases,
    }
}

/// The identifiers in paths.
pub(super) fn identifiers() -> Chapter {
    let mut cases = Vec::new();
    for path in WITH_NODE {
        let (method, path) = path.split_once(' ').unwrap_or(("GET", path));
        for identifier in IDENTIFIERS {
            let path = format!("/v1/{}", path.replace('*', identifier));
            let mut request = Request::new(method, path);
            if path_takes_target(&request.path) {
                request = request.json(json(r#"{"target":"power on"}"#));
            } else if request.path.contains("heartbeat") {
                let body = r#"{"callback_url":"https://h/","agent_version":"1","agent_token":"x"}"#;
                request = request.json(json(body));
            } else if method == "PUT" && request.path.ends_with("maintenance") {
                request = request.json(json("{}"));
            }
            cases.push(request.clone().into());
            if identifier.ends_with(".json") {
                cases.push(request.at(90).into());
            }
        }
    }
    Chapter {
        name: "identifiers",
        preparation: preparation(),
        cases,
    }
}

fn path_takes_target(path: &str) -> bool {
    path.ends_with("/states/power") || path.ends_with("/states/provision")
}
