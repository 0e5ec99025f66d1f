//! What is above the resources: discovery, version negotiation, methods, paths that are none.

use super::super::case::{Case, Chapter, Request, Version};
use super::get;

/// Versions that brought a collection to `GET /v1`, and others of interest.
const VERSIONS: [u16; 20] = [
    1, 2, 21, 22, 23, 31, 32, 48, 49, 52, 54, 55, 81, 82, 84, 91, 92, 95, 96, 115,
];

/// Values of the older header.
const HEADERS: [&str; 16] = [
    "1.1", "1.115", "1.116", "1.999", "1.0", "0.9", "2.0", "2.1", "latest", "LATEST", "one", "1",
    "1.", "1.x", "1.1.1", "-1.5",
];

/// Values of the standard header.
const STANDARD: [&str; 10] = [
    "baremetal 1.50",
    "baremetal latest",
    "compute 2.1, baremetal 1.50",
    "compute 2.1",
    "ironic 1.50",
    "baremetal 1.999",
    "baremetal",
    "1.50",
    "baremetal one",
    "baremetal 2.1",
];

const PATHS: [&str; 26] = [
    "/v2",
    "/v2/nodes",
    "/v1.0/nodes",
    "/v1/",
    "/v1/nodes/",
    "/nodes",
    "/ports",
    "/drivers",
    "/v1//nodes",
    "/v1/node",
    "/v1/nodes/detail/",
    "/v1/nodes/detail/x",
    "/v1/Nodes",
    "/v1/nodes.json",
    "/v1/drivers.json",
    "/v1/foo/bar",
    "/foo",
    "/v1/nodes/%00",
    "/v1/nodes/%ff",
    "/v1/nodes/%2e%2e",
    "/v1/shards/x",
    "/v1/states",
    "/v1/nodes/detail?limit=1",
    "/v1/ports/detail",
    "/v1/chassis/detail",
    "/v1/portgroups/detail",
];

const METHODS: [(&str, &str); 30] = [
    ("HEAD", "/"),
    ("HEAD", "/v1"),
    ("HEAD", "/v1/nodes"),
    ("POST", "/"),
    ("POST", "/v1"),
    ("PUT", "/v1/nodes"),
    ("DELETE", "/v1/nodes"),
    ("PATCH", "/v1/nodes"),
    ("PUT", "/v1/ports"),
    ("DELETE", "/v1/ports"),
    ("PATCH", "/v1/ports"),
    ("PUT", "/v1/chassis"),
    ("DELETE", "/v1/chassis"),
    ("DELETE", "/v1/portgroups"),
    ("DELETE", "/v1/allocations"),
    ("DELETE", "/v1/deploy_templates"),
    ("DELETE", "/v1/runbooks"),
    ("DELETE", "/v1/inspection_rules"),
    ("DELETE", "/v1/volume/connectors"),
    ("POST", "/v1/drivers"),
    ("DELETE", "/v1/drivers"),
    ("POST", "/v1/conductors"),
    ("POST", "/v1/shards"),
    ("GET", "/v1/events"),
    ("POST", "/v1/lookup"),
    ("GET", "/v1/heartbeat"),
    ("POST", "/v1/heartbeat"),
    ("GET", "/v1/continue_inspection"),
    ("PUT", "/v1/volume"),
    ("TRACE", "/v1/nodes"),
];

/// The chapter.
pub(super) fn chapter() -> Chapter {
    let mut cases: Vec<Case> = vec![get("/").into(), get("/").version(Version::None).into()];
    cases.push(get("/v1").version(Version::None).into());
    cases.extend(VERSIONS.iter().map(|v| get("/v1").at(*v).into()));
    for header in HEADERS {
        let version = Version::At(header.to_owned());
        cases.push(get("/v1").version(version.clone()).into());
        cases.push(get("/v1/nodes").version(version).into());
    }
    for header in STANDARD {
        let version = Version::Standard(header.to_owned());
        cases.push(get("/v1/nodes").version(version).into());
    }
    cases.push(get("/").version(Version::At("1.999".to_owned())).into());
    cases.extend(PATHS.iter().map(|path| get(*path).into()));
    cases.extend(
        METHODS
            .iter()
            .map(|(m, path)| Request::new(m, *path).into()),
    );
    for accept in [
        "*/*",
        "",
        "text/html",
        "application/xml",
        "text/plain",
        "application/json;q=0.5, text/html",
        "application/*",
    ] {
        let mut request = get("/v1/nodes");
        request.accept = accept;
        cases.push(request.into());
    }
    Chapter {
        name: "roots",
        preparation: Vec::new(),
        cases,
    }
}
