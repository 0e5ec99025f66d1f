//! Chassis, port groups, volume connectors and targets.

use super::super::case::{Case, Chapter};
use super::resource::{Resource, Sort, field};
use super::{create, get, lists, node, patch, post};

const CHASSIS: Resource = Resource {
    collection: "chassis",
    since: 1,
    minimal: "{}",
    fields: &[
        field(1, "description", Sort::Text, r#""a chassis""#),
        field(1, "extra", Sort::Object, r#"{"a":1}"#),
    ],
    read_only: &["created_at", "links", "nodes"],
    others: &[
        (1, "uuid"),
        (1, "created_at"),
        (1, "updated_at"),
        (1, "links"),
        (1, "nodes"),
    ],
};

const PORTGROUP: Resource = Resource {
    collection: "portgroups",
    since: 23,
    minimal: r#"{"node_uuid":"$node"}"#,
    fields: &[
        field(23, "address", Sort::Mac, r#""52:54:bb:00:00:09""#),
        field(23, "name", Sort::Text, r#""$$renamed""#),
        field(23, "extra", Sort::Object, r#"{"a":1}"#),
        field(23, "node_uuid", Sort::Uuid, r#""$other""#),
        field(23, "standalone_ports_supported", Sort::Boolean, "false"),
        field(26, "mode", Sort::Text, r#""802.3ad""#),
        field(26, "properties", Sort::Object, r#"{"miimon":100}"#),
        field(102, "physical_network", Sort::Text, r#""physnet1""#),
        field(103, "category", Sort::Text, r#""storage""#),
    ],
    read_only: &["internal_info", "ports", "dynamic_portgroup", "created_at"],
    others: &[
        (23, "uuid"),
        (23, "created_at"),
        (23, "internal_info"),
        (23, "ports"),
        (111, "dynamic_portgroup"),
    ],
};

const CONNECTOR: Resource = Resource {
    collection: "volume/connectors",
    since: 32,
    minimal: r#"{"node_uuid":"$node","type":"iqn","connector_id":"$$new"}"#,
    fields: &[
        field(32, "node_uuid", Sort::Uuid, r#""$other""#),
        field(32, "type", Sort::Text, r#""wwpn""#),
        field(32, "connector_id", Sort::Text, r#""iqn.x""#),
        field(32, "extra", Sort::Object, r#"{"a":1}"#),
    ],
    read_only: &["created_at", "links"],
    others: &[(32, "uuid"), (32, "created_at"), (32, "links")],
};

const TARGET: Resource = Resource {
    collection: "volume/targets",
    since: 32,
    minimal: r#"{"node_uuid":"$node","volume_type":"iscsi","volume_id":"v","boot_index":7}"#,
    fields: &[
        field(32, "node_uuid", Sort::Uuid, r#""$other""#),
        field(32, "volume_type", Sort::Text, r#""fibre_channel""#),
        field(32, "volume_id", Sort::Text, r#""w""#),
        field(32, "boot_index", Sort::Integer, "3"),
        field(
            32,
            "properties",
            Sort::Object,
            r#"{"auth_password":"hunter2","target_lun":1}"#,
        ),
        field(32, "extra", Sort::Object, r#"{"a":1}"#),
    ],
    read_only: &["created_at", "links"],
    others: &[(32, "uuid"), (32, "created_at"), (32, "links")],
};

/// The chapters.
pub(super) fn chapters() -> Vec<Chapter> {
    let of =
        |resource: &Resource, names: [&'static str; 3], preparation: &[Case], more: Vec<Case>| {
            let mut reads = more;
            reads.extend(lists::cases(resource));
            let cases = [reads, create::cases(resource), patch::cases(resource)];
            names
                .into_iter()
                .zip(cases)
                .map(|(name, cases)| Chapter {
                    name,
                    preparation: preparation.to_vec(),
                    cases,
                })
                .collect::<Vec<_>>()
        };
    let mut chapters = of(
        &CHASSIS,
        ["chassis-read", "chassis-create", "chassis-patch"],
        &[
            post("/v1/chassis", r#"{"uuid":"$it","description":"first"}"#).into(),
            post("/v1/chassis", r#"{"uuid":"$other","extra":{"a":1}}"#).into(),
            node("node", r#""chassis_uuid":"$it""#),
        ],
        nodes_of_chassis(),
    );
    chapters.extend(of(
        &PORTGROUP,
        ["portgroups-read", "portgroups-create", "portgroups-patch"],
        &[
            node("node", ""),
            node("other", ""),
            post(
                "/v1/portgroups",
                r#"{"uuid":"$it","node_uuid":"$node","name":"$$it","address":"$#it"}"#,
            )
            .into(),
            post(
                "/v1/portgroups",
                r#"{"uuid":"$second","node_uuid":"$other","mode":"802.3ad"}"#,
            )
            .into(),
            post(
                "/v1/ports",
                r#"{"uuid":"$port","address":"$#port","node_uuid":"$node","portgroup_uuid":"$it"}"#,
            )
            .into(),
        ],
        around_portgroups(),
    ));
    chapters.extend(of(
        &CONNECTOR,
        ["connectors-read", "connectors-create", "connectors-patch"],
        &[
            node("node", ""),
            node("other", ""),
            post("/v1/volume/connectors", r#"{"uuid":"$it","node_uuid":"$node","type":"iqn","connector_id":"iqn.1"}"#).into(),
            post("/v1/volume/connectors", r#"{"uuid":"$second","node_uuid":"$other","type":"ip","connector_id":"10.0.0.1","extra":{"a":1}}"#).into(),
        ],
        volumes("connectors"),
    ));
    chapters.extend(of(
        &TARGET,
        ["targets-read", "targets-create", "targets-patch"],
        &[
            node("node", ""),
            node("other", ""),
            post("/v1/volume/targets", r#"{"uuid":"$it","node_uuid":"$node","volume_type":"iscsi","volume_id":"v0","boot_index":0,"properties":{"auth_password":"hunter2"}}"#).into(),
            post("/v1/volume/targets", r#"{"uuid":"$second","node_uuid":"$other","volume_type":"iscsi","volume_id":"v1","boot_index":0}"#).into(),
        ],
        volumes("targets"),
    ));
    chapters
}

fn nodes_of_chassis() -> Vec<Case> {
    [
        "chassis/$it/nodes",
        "chassis/$it/nodes?limit=1",
        "chassis/$it/nodes?fields=uuid",
        "chassis/$it/nodes?detail=true",
        "chassis/$it/nodes/detail",
        "chassis/$unknown/nodes",
        "nodes?chassis_uuid=$it",
        "nodes?chassis_uuid=$other",
        "nodes/$node",
    ]
    .iter()
    .flat_map(|path| [get(format!("/v1/{path}")), get(format!("/v1/{path}")).at(1)])
    .map(Case::from)
    .collect()
}

fn around_portgroups() -> Vec<Case> {
    let mut requests: Vec<_> = [
        "portgroups?node=$node",
        "portgroups?node=$$node",
        "portgroups?node=$unknown",
        "portgroups?address=$#it",
        "portgroups?address=x",
        "portgroups?shard=s1",
        "portgroups?conductor_groups=g",
        "portgroups/$$it",
        "portgroups/$it/ports",
        "portgroups/$$it/ports",
        "portgroups/$it/ports/detail",
        "portgroups/$it/ports?fields=uuid",
        "portgroups/$unknown/ports",
        "nodes/$node/portgroups",
        "nodes/$node/portgroups/detail",
        "nodes/$node/portgroups?fields=uuid,name",
        "nodes/$$node/portgroups",
        "nodes/$unknown/portgroups",
        "nodes/$node/portgroups/$it",
        "ports?portgroup=$it",
        "ports?portgroup=$$it",
        "ports/$port",
    ]
    .iter()
    .flat_map(|path| {
        [
            get(format!("/v1/{path}")),
            get(format!("/v1/{path}")).at(23),
        ]
    })
    .collect();
    requests.push(get("/v1/portgroups/$it/ports").at(24));
    requests.push(get("/v1/portgroups?shard=s1").at(105));
    requests.push(get("/v1/portgroups?shard=s1").at(106));
    requests.push(post("/v1/portgroups/$it/ports", r#"{"address":"$#new"}"#));
    requests.push(post("/v1/nodes/$node/portgroups", "{}"));
    requests.into_iter().map(Case::from).collect()
}

fn volumes(kind: &str) -> Vec<Case> {
    let mut requests: Vec<_> = [
        "volume".to_owned(),
        format!("volume/{kind}?node=$node"),
        format!("volume/{kind}?node=$$node"),
        format!("volume/{kind}?node=$unknown"),
        format!("nodes/$node/volume/{kind}"),
        format!("nodes/$$node/volume/{kind}?detail=true"),
        format!("nodes/$node/volume/{kind}/$it"),
        format!("nodes/$unknown/volume/{kind}"),
        "nodes/$node/volume".to_owned(),
    ]
    .iter()
    .flat_map(|path| {
        [
            get(format!("/v1/{path}")),
            get(format!("/v1/{path}")).at(31),
        ]
    })
    .collect();
    let body = match kind {
        "connectors" => r#"{"node_uuid":"$node","type":"iqn","connector_id":"iqn.1"}"#,
        _ => r#"{"node_uuid":"$node","volume_type":"iscsi","volume_id":"v9","boot_index":0}"#,
    };
    requests.push(post(format!("/v1/volume/{kind}"), body));
    requests
        .into_iter()
        .map(|r| Case::from(r).passing())
        .collect()
}
