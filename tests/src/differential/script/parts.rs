//! What belongs to a node: power, maintenance, traits, VIFs, boot devices, console, RAID, and what its
//! interfaces say.

use super::super::case::{Case, Chapter, Request};
use super::{get, json, node, put};

/// Bodies of `PUT /v1/nodes/$node/…`: the tail of the path, and the bodies.
const BODIES: &[(&str, &[&str])] = &[
    (
        "states/power",
        &[
            r#"{"target":"power on"}"#,
            r#"{"target":"power on"}"#,
            r#"{"target":"rebooting"}"#,
            r#"{"target":"soft rebooting"}"#,
            r#"{"target":"soft power off"}"#,
            r#"{"target":"power off"}"#,
            r#"{"target":"power off","timeout":1}"#,
            r#"{"target":"power on","timeout":0}"#,
            r#"{"target":"power on","timeout":-1}"#,
            r#"{"target":"power on","timeout":"x"}"#,
            r#"{"target":"power on","timeout":"5"}"#,
            r#"{"target":"power on","timeout":null}"#,
            r#"{"target":"power on","timeout":1.5}"#,
            r#"{"target":"nope"}"#,
            r#"{"target":""}"#,
            r#"{"target":5}"#,
            r#"{"target":null}"#,
            r#"{"target":["power on"]}"#,
            r#"{"target":"POWER ON"}"#,
            "{}",
            r#"{"target":"power on","foo":1}"#,
            r#"{"foo":1}"#,
            "[]",
            r#""x""#,
        ],
    ),
    (
        "maintenance",
        &[
            "{}",
            r#"{"reason":"x"}"#,
            r#"{"reason":5}"#,
            r#"{"reason":null}"#,
            r#"{"reason":""}"#,
            r#"{"foo":1}"#,
            "[]",
            r#""x""#,
        ],
    ),
    (
        "management/boot_device",
        &[
            r#"{"boot_device":"pxe"}"#,
            r#"{"boot_device":"pxe","persistent":true}"#,
            r#"{"boot_device":"pxe","persistent":"yes"}"#,
            r#"{"boot_device":"pxe","persistent":"maybe"}"#,
            r#"{"boot_device":"pxe","persistent":null}"#,
            r#"{"boot_device":"disk"}"#,
            r#"{"boot_device":"nope"}"#,
            r#"{"boot_device":5}"#,
            r#"{"boot_device":null}"#,
            "{}",
            r#"{"boot_device":"pxe","foo":1}"#,
        ],
    ),
    ("management/inject_nmi", &["{}", r#"{"foo":1}"#]),
    (
        "states/console",
        &[
            r#"{"enabled":true}"#,
            r#"{"enabled":false}"#,
            r#"{"enabled":"maybe"}"#,
            r#"{"enabled":"yes"}"#,
            r#"{"enabled":null}"#,
            "{}",
            r#"{"enabled":true,"foo":1}"#,
        ],
    ),
    (
        "states/raid",
        &[
            "{}",
            r#"{"logical_disks":[]}"#,
            r#"{"logical_disks":[{"size_gb":100,"raid_level":"1"}]}"#,
            r#"{"logical_disks":[{"size_gb":"MAX","raid_level":"JBOD","is_root_volume":true}]}"#,
            r#"{"logical_disks":[{"size_gb":0,"raid_level":"1"}]}"#,
            r#"{"logical_disks":[{"size_gb":100,"raid_level":"7"}]}"#,
            r#"{"logical_disks":[{"size_gb":100}]}"#,
            r#"{"logical_disks":[{"size_gb":100,"raid_level":"1","foo":1}]}"#,
            r#"{"foo":1}"#,
            "[]",
        ],
    ),
    (
        "states/boot_mode",
        &[
            r#"{"target":"uefi"}"#,
            r#"{"target":"bios"}"#,
            r#"{"target":"nope"}"#,
            r#"{"target":5}"#,
            "{}",
            r#"{"target":"uefi","foo":1}"#,
        ],
    ),
    (
        "states/secure_boot",
        &[
            r#"{"target":true}"#,
            r#"{"target":"no"}"#,
            r#"{"target":"nope"}"#,
            r#"{"target":5}"#,
            r#"{"target":null}"#,
            "{}",
        ],
    ),
    (
        "traits",
        &[
            r#"{"traits":["CUSTOM_A","HW_CPU_X86_VMX"]}"#,
            r#"{"traits":["CUSTOM_A","CUSTOM_A"]}"#,
            r#"{"traits":[]}"#,
            r#"{"traits":["nope"]}"#,
            r#"{"traits":["nope","custom_x"]}"#,
            r#"{"traits":["HW_NO_SUCH"]}"#,
            r#"{"traits":["CUSTOM_"]}"#,
            r#"{"traits":[5]}"#,
            r#"{"traits":"CUSTOM_A"}"#,
            r#"{"traits":null}"#,
            "{}",
            r#"{"traits":[],"foo":1}"#,
            r#"["CUSTOM_A"]"#,
        ],
    ),
    (
        "traits/CUSTOM_B",
        &["{}", r#"{"traits":["CUSTOM_A"]}"#, r#"{"foo":1}"#],
    ),
    ("traits/nope", &["{}"]),
    ("traits/HW_CPU_X86_VMX", &["{}"]),
    (
        "management/indicators/led@system",
        &[r#"{"state":"on"}"#, r#"{"state":"nope"}"#, "{}"],
    ),
    ("management/indicators/nope@nope", &[r#"{"state":"on"}"#]),
];

/// Further requests, in their order.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("POST", "vifs", r#"{"id":"v1"}"#),
    ("POST", "vifs", r#"{"id":"v1"}"#),
    ("POST", "vifs", r#"{"id":""}"#),
    ("POST", "vifs", r#"{"id":5}"#),
    ("POST", "vifs", r#"{"id":null}"#),
    ("POST", "vifs", "{}"),
    ("POST", "vifs", r#"{"id":"v1","port_uuid":"$port"}"#),
    ("POST", "vifs", r#"{"id":"v1","port_uuid":"x"}"#),
    (
        "POST",
        "vifs",
        r#"{"id":"v1","port_uuid":"$port","portgroup_uuid":"$port"}"#,
    ),
    ("POST", "vifs", r#"{"id":"v1","foo":"bar"}"#),
    ("DELETE", "vifs/v1", ""),
    ("DELETE", "vifs/none", ""),
    ("DELETE", "traits/CUSTOM_NONE", ""),
    ("DELETE", "traits/nope", ""),
    ("DELETE", "traits", ""),
    ("DELETE", "maintenance", ""),
    ("DELETE", "allocation", ""),
    ("POST", "vmedia", "{}"),
    (
        "POST",
        "vmedia",
        r#"{"device_type":"tape","image_url":"http://h/i"}"#,
    ),
    (
        "POST",
        "vmedia",
        r#"{"device_type":"cdrom","image_url":"nope"}"#,
    ),
    (
        "POST",
        "vmedia",
        r#"{"device_type":"cdrom","image_url":"http://h/i","image_download_source":"nope"}"#,
    ),
    ("DELETE", "vmedia?device_types=tape", ""),
    ("GET", "vmedia", ""),
    ("GET", "validate", ""),
    ("GET", "management/boot_device", ""),
    ("GET", "management/boot_device/supported", ""),
    ("GET", "management/indicators", ""),
    ("GET", "management/indicators/led@system", ""),
    ("GET", "management/indicators/nope@nope", ""),
    ("GET", "management/indicators/nope", ""),
    ("GET", "states/console", ""),
    ("GET", "states", ""),
    ("GET", "states?foo=1", ""),
    ("GET", "states/power", ""),
    ("GET", "states/provision", ""),
    ("GET", "history?limit=1", ""),
    ("GET", "history?detail=true", ""),
    ("GET", "history?sort_key=nope", ""),
    ("GET", "history?limit=0", ""),
    ("GET", "history/x", ""),
    ("GET", "inventory", ""),
    ("GET", "children", ""),
    ("GET", "traits", ""),
    ("GET", "vifs", ""),
    ("GET", "bios", ""),
    ("GET", "bios/nope", ""),
    ("GET", "firmware", ""),
    ("GET", "vendor_passthru/methods", ""),
    (
        "POST",
        "vendor_passthru/second_method",
        r#"{"bar":"kazoo"}"#,
    ),
    ("POST", "vendor_passthru/second_method", "{}"),
    ("GET", "vendor_passthru/second_method", ""),
    (
        "POST",
        "vendor_passthru/third_method_sync",
        r#"{"bar":"meow"}"#,
    ),
    ("POST", "vendor_passthru/nope", "{}"),
    ("POST", "vendor_passthru", "{}"),
    ("GET", "nope", ""),
    ("GET", "states/nope", ""),
    ("GET", "management", ""),
    ("GET", "management/nope", ""),
    ("GET", "volume/nope", ""),
];

/// The chapters: one node as it is enrolled, one with interfaces that do nothing.
pub(super) fn chapters() -> Vec<Chapter> {
    let mut cases: Vec<Case> = Vec::new();
    for (tail, bodies) in BODIES {
        for body in *bodies {
            let request = put(format!("/v1/nodes/$node/{tail}"), body);
            let settles = [
                "states/power",
                "states/boot_mode",
                "states/secure_boot",
                "states/console",
            ];
            cases.push(if settles.contains(tail) {
                Case::from(request).settling("node")
            } else {
                request.into()
            });
        }
        cases.push(get("/v1/nodes/$node").into());
    }
    for (method, tail, body) in REQUESTS {
        let mut request = Request::new(method, format!("/v1/nodes/$node/{tail}"));
        if !body.is_empty() {
            request = request.json(json(body));
        }
        cases.push(request.into());
    }
    vec![Chapter {
        name: "parts",
        preparation: vec![node("node", "")],
        cases,
    }]
}
