//! What tables do not think of: paths, arguments, versions and bodies drawn and put together at
//! random, from a seed.

use super::super::case::{Body, Case, Chapter, LATEST, Request};
use super::{json, node, post};

/// How many requests are drawn.
const COUNT: usize = 300;

const PATHS: [&str; 30] = [
    "nodes",
    "nodes/detail",
    "nodes/$node",
    "nodes/$$node",
    "nodes/$unknown",
    "nodes/$node/states",
    "nodes/$node/ports",
    "nodes/$node/traits",
    "nodes/$node/validate",
    "nodes/$node/history",
    "nodes/$node/portgroups",
    "nodes/$node/volume/targets",
    "nodes/$node/bios",
    "nodes/$node/vifs",
    "nodes/$node/children",
    "nodes/$node/inventory",
    "nodes/$node/firmware",
    "ports",
    "ports/detail",
    "ports/$port",
    "portgroups",
    "chassis",
    "drivers",
    "drivers/fake-hardware",
    "conductors",
    "allocations",
    "deploy_templates",
    "runbooks",
    "volume/connectors",
    "shards",
];

const ARGUMENTS: [&str; 24] = [
    "limit=1",
    "limit=0",
    "sort_key=uuid",
    "sort_dir=desc",
    "fields=uuid",
    "fields=name,extra",
    "detail=true",
    "detail=false",
    "marker=$node",
    "marker=$port",
    "node=$node",
    "node_uuid=$node",
    "address=$#port",
    "maintenance=false",
    "associated=true",
    "provision_state=enroll",
    "driver=fake-hardware",
    "owner=me",
    "conductor_group=",
    "fault=none",
    "retired=no",
    "type=dynamic",
    "foo=%20",
    "fields=links",
];

const BODIES: [&str; 10] = [
    "{}",
    "[]",
    r#"{"target":"power on"}"#,
    r#"{"target":"manage"}"#,
    r#"{"driver":"nope"}"#,
    r#"{"node_uuid":"$unknown"}"#,
    r#"[{"op":"add","path":"/extra/r","value":1}]"#,
    r#"[{"op":"remove","path":"/extra/none"}]"#,
    r#"{"name":"CUSTOM_X"}"#,
    r#"{"traits":["CUSTOM_X"]}"#,
];

/// SplitMix64: a sequence that is the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).unwrap_or_default()).copied()
    }
}

/// The chapter.
pub(super) fn chapter(seed: u64) -> Chapter {
    let mut draw = Draw(seed);
    let cases = (0..COUNT).filter_map(|_| drawn(&mut draw)).collect();
    Chapter {
        name: "mixed",
        preparation: vec![
            node("node", ""),
            post(
                "/v1/ports",
                r#"{"uuid":"$port","address":"$#port","node_uuid":"$node"}"#,
            )
            .into(),
        ],
        cases,
    }
}

fn drawn(draw: &mut Draw) -> Option<Case> {
    let method = draw.one(&["GET", "GET", "GET", "GET", "POST", "PUT", "PATCH"])?;
    let mut path = format!("/v1/{}", draw.one(&PATHS)?);
    let arguments = if method == "GET" { draw.below(4) } else { 0 };
    for index in 0..arguments {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(draw.one(&ARGUMENTS)?);
    }
    let minor = u16::try_from(1 + draw.below(u64::from(LATEST))).unwrap_or(LATEST);
    let mut request = Request::new(method, path).at(minor);
    if method != "GET" {
        request.body = Body::Json(json(draw.one(&BODIES)?));
    }
    Some(Case::from(request).passing())
}
