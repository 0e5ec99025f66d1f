//! What agents call: lookup, heartbeat, continue_inspection; and events of the network service.

use super::super::case::{Case, Chapter, Version};
use super::{get, node, post};

const LOOKUPS: [&str; 16] = [
    "",
    "?addresses=",
    "?addresses=x",
    "?addresses=$#port",
    "?addresses=x,$#port",
    "?addresses=$#other",
    "?addresses=$#port,$#other",
    "?addresses=52:54:00:00:00:00",
    "?node_uuid=$node",
    "?node_uuid=$unknown",
    "?node_uuid=x",
    "?node_uuid=$$node",
    "?node_uuid=$node&addresses=$#other",
    "?foo=1",
    "?node_uuid=$node&foo=1",
    "?addresses=$#port&addresses=$#other",
];

const HEARTBEATS: [&str; 14] = [
    "{}",
    r#"{"callback_url":"https://h:9999"}"#,
    r#"{"callback_url":"https://h:9999","agent_token":"x"}"#,
    r#"{"callback_url":"https://h:9999","agent_version":"1.0"}"#,
    r#"{"callback_url":"https://h:9999","agent_version":"1.0","agent_token":"x"}"#,
    r#"{"callback_url":"https://h:9999","agent_version":"1.0","agent_token":null}"#,
    r#"{"callback_url":"http://h:9999","agent_version":"1.0","agent_token":"x"}"#,
    r#"{"callback_url":"ftp://h","agent_version":"1.0","agent_token":"x"}"#,
    r#"{"callback_url":"","agent_version":"1.0","agent_token":"x"}"#,
    r#"{"callback_url":5,"agent_version":"1.0","agent_token":"x"}"#,
    r#"{"callback_url":"https://h","agent_version":"1.0","agent_token":"x","agent_status":"end"}"#,
    r#"{"callback_url":"https://h","agent_version":"1.0","agent_token":"x","agent_status":"nope"}"#,
    r#"{"callback_url":"https://h","agent_version":"1.0","agent_token":"x","agent_verify_ca":"x"}"#,
    r#"{"callback_url":"https://h","agent_version":"1.0","agent_token":"x","foo":1}"#,
];

const INSPECTIONS: [&str; 8] = [
    "{}",
    "[]",
    r#"{"inventory":5}"#,
    r#"{"inventory":{}}"#,
    r#"{"inventory":{"interfaces":[]}}"#,
    r#"{"inventory":{"interfaces":[{}]}}"#,
    r#"{"inventory":{"interfaces":[{"mac_address":"x"}]}}"#,
    r#"{"inventory":{"interfaces":[{"mac_address":"$#port"}],"bmc_address":"10.0.0.1"},"more":1}"#,
];

const EVENTS: [&str; 12] = [
    "{}",
    r#"{"events":[]}"#,
    r#"{"events":5}"#,
    r#"{"events":[{}]}"#,
    r#"{"events":[{"event":"network.bind_port"}]}"#,
    r#"{"events":[{"event":"network.bind_port","port_id":"$unknown","mac_address":"$#port","status":"ACTIVE"}]}"#,
    r#"{"events":[{"event":"network.unbind_port","port_id":"$unknown","mac_address":"$#port","status":"DOWN","device_id":"$node","binding:host_id":"$node","binding:vnic_type":"baremetal"}]}"#,
    r#"{"events":[{"event":"network.nope","port_id":"$unknown","mac_address":"$#port","status":"ACTIVE"}]}"#,
    r#"{"events":[{"event":"network.bind_port","port_id":"x","mac_address":"$#port","status":"ACTIVE"}]}"#,
    r#"{"events":[{"event":"network.bind_port","port_id":"$unknown","mac_address":"x","status":"ACTIVE"}]}"#,
    r#"{"events":[{"event":"network.bind_port","port_id":"$unknown","mac_address":"$#port","status":"ACTIVE","foo":1}]}"#,
    r#"{"events":[],"foo":1}"#,
];

/// The chapter.
pub(super) fn chapter() -> Chapter {
    let mut cases: Vec<Case> = Vec::new();
    for query in LOOKUPS {
        cases.push(get(format!("/v1/lookup{query}")).into());
    }
    for minor in [21, 22, 61, 62] {
        cases.push(get("/v1/lookup?node_uuid=$node").at(minor).into());
    }
    for body in HEARTBEATS {
        cases.push(post("/v1/heartbeat/$node", body).into());
        cases.push(post("/v1/heartbeat/$unknown", body).into());
        for minor in [21, 22, 35, 36, 67, 71] {
            cases.push(post("/v1/heartbeat/$node", body).at(minor).into());
        }
    }
    for body in INSPECTIONS {
        for query in [
            "",
            "?node_uuid=$node",
            "?node_uuid=$unknown",
            "?node_uuid=x",
            "?foo=1",
        ] {
            cases.push(post(format!("/v1/continue_inspection{query}"), body).into());
        }
        cases.push(
            post("/v1/continue_inspection", body)
                .version(Version::None)
                .into(),
        );
        cases.push(post("/v1/continue_inspection", body).at(83).into());
    }
    for body in EVENTS {
        cases.push(post("/v1/events", body).into());
        cases.push(post("/v1/events", body).at(53).into());
    }
    Chapter {
        name: "ramdisk",
        preparation: vec![
            node("node", ""),
            node("second", ""),
            post(
                "/v1/ports",
                r#"{"uuid":"$port","address":"$#port","node_uuid":"$node"}"#,
            )
            .into(),
            post(
                "/v1/ports",
                r#"{"uuid":"$otherport","address":"$#other","node_uuid":"$second"}"#,
            )
            .into(),
        ],
        cases,
    }
}
