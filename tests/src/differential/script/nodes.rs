//! Nodes: making, changing, listing and filtering them.

use super::super::case::{Case, Chapter};
use super::resource::{Field, Resource, Sort, field, given};
use super::{create, get, lists, node, patch};

const FIELDS: &[Field] = &[
    field(1, "driver", Sort::Text, r#""fake-hardware""#),
    field(
        1,
        "driver_info",
        Sort::Object,
        r#"{"fake_key":"v","some_password":"hunter2"}"#,
    ),
    field(
        1,
        "properties",
        Sort::Object,
        r#"{"cpus":2,"capabilities":"boot_mode:uefi"}"#,
    ),
    field(1, "extra", Sort::Object, r#"{"a":1}"#),
    field(
        1,
        "instance_info",
        Sort::Object,
        r#"{"image_source":"http://h/i","configdrive":"x"}"#,
    ),
    field(1, "instance_uuid", Sort::Uuid, r#""$instance""#),
    field(1, "chassis_uuid", Sort::Uuid, r#""$chassis""#),
    field(1, "maintenance", Sort::Boolean, "true"),
    given(1, "console_enabled", Sort::Boolean, "true"),
    field(5, "name", Sort::Text, r#""$$renamed""#),
    field(20, "network_interface", Sort::Interface, r#""noop""#),
    field(21, "resource_class", Sort::Text, r#""large""#),
    field(31, "boot_interface", Sort::Interface, r#""fake""#),
    field(31, "console_interface", Sort::Interface, r#""no-console""#),
    field(31, "deploy_interface", Sort::Interface, r#""direct""#),
    field(31, "inspect_interface", Sort::Interface, r#""no-inspect""#),
    field(31, "management_interface", Sort::Interface, r#""fake""#),
    field(31, "power_interface", Sort::Interface, r#""fake""#),
    field(31, "raid_interface", Sort::Interface, r#""no-raid""#),
    field(31, "vendor_interface", Sort::Interface, r#""no-vendor""#),
    field(33, "storage_interface", Sort::Interface, r#""noop""#),
    field(38, "rescue_interface", Sort::Interface, r#""fake""#),
    field(40, "bios_interface", Sort::Interface, r#""no-bios""#),
    field(46, "conductor_group", Sort::Text, r#""""#),
    field(47, "automated_clean", Sort::Boolean, "false"),
    field(50, "owner", Sort::Text, r#""me""#),
    field(51, "description", Sort::Text, r#""a node""#),
    field(61, "retired", Sort::Boolean, "true"),
    field(61, "retired_reason", Sort::Text, r#""old""#),
    field(65, "lessee", Sort::Text, r#""you""#),
    field(
        66,
        "network_data",
        Sort::Object,
        r#"{"links":[],"networks":[]}"#,
    ),
    given(75, "boot_mode", Sort::Text, r#""uefi""#),
    given(75, "secure_boot", Sort::Boolean, "true"),
    field(82, "shard", Sort::Text, r#""s1""#),
    field(83, "parent_node", Sort::Uuid, r#""$other""#),
    field(
        86,
        "firmware_interface",
        Sort::Interface,
        r#""no-firmware""#,
    ),
    field(95, "disable_power_off", Sort::Boolean, "true"),
    field(104, "instance_name", Sort::Text, r#""vm1""#),
    field(48, "protected", Sort::Boolean, "false"),
    field(48, "protected_reason", Sort::Text, r#""why""#),
];

const NODE: Resource = Resource {
    collection: "nodes",
    since: 1,
    minimal: r#"{"driver":"fake-hardware"}"#,
    fields: FIELDS,
    read_only: &[
        "provision_state",
        "power_state",
        "last_error",
        "traits",
        "reservation",
        "maintenance_reason",
        "links",
        "created_at",
        "health",
        "driver_internal_info",
        "allocation_uuid",
    ],
    others: &[
        (1, "uuid"),
        (1, "created_at"),
        (1, "updated_at"),
        (1, "power_state"),
        (1, "target_power_state"),
        (1, "provision_state"),
        (1, "target_provision_state"),
        (1, "provision_updated_at"),
        (1, "last_error"),
        (1, "maintenance_reason"),
        (1, "reservation"),
        (1, "ports"),
        (1, "links"),
        (1, "id"),
        (3, "driver_internal_info"),
        (6, "inspection_started_at"),
        (7, "clean_step"),
        (12, "raid_config"),
        (12, "target_raid_config"),
        (14, "states"),
        (24, "portgroups"),
        (32, "volume"),
        (37, "traits"),
        (42, "fault"),
        (44, "deploy_step"),
        (49, "conductor"),
        (52, "allocation_uuid"),
        (87, "service_step"),
        (109, "health"),
    ],
};

/// Filters of the node list: since when, and values.
const FILTERS: &[(u16, &str, &[&str])] = &[
    (1, "chassis_uuid", &["$unknown", "x", ""]),
    (1, "instance_uuid", &["$instance", "$unknown", "x"]),
    (1, "associated", &["true", "false", "maybe"]),
    (1, "maintenance", &["true", "0", "x"]),
    (
        9,
        "provision_state",
        &["enroll", "available", "deleted", "x", "", "ENROLL"],
    ),
    (16, "driver", &["fake-hardware", "ipmi", "x"]),
    (21, "resource_class", &["large", "x", ""]),
    (42, "fault", &["power failure", "none", "x"]),
    (46, "conductor_group", &["", "g1"]),
    (49, "conductor", &["conductor-1", "x"]),
    (50, "owner", &["me", "x"]),
    (51, "description_contains", &["first", "x"]),
    (61, "retired", &["true", "false", "x"]),
    (65, "lessee", &["you", "x"]),
    (60, "project", &["me", "x"]),
    (82, "shard", &["s1", "s1,s2", "x"]),
    (82, "sharded", &["true", "false", "x"]),
    (83, "include_children", &["true", "false", "x"]),
    (83, "parent_node", &["$it", "$unknown", "x"]),
    (104, "instance_name", &["vm1", "x"]),
];

/// Names: right, wrong, and at the edge of what a version takes.
const NAMES: [&str; 18] = [
    "a_b",
    "a.b~c_d-e",
    "a b",
    "",
    "ports",
    "detail",
    "states",
    "maintenance",
    "validate",
    "management",
    "vendor_passthru",
    "x.json",
    "-a",
    "a-",
    ".",
    "ä",
    "a/b",
    "123",
];

/// The chapters.
pub(super) fn chapters() -> Vec<Chapter> {
    vec![
        Chapter {
            name: "nodes-read",
            preparation: vec![
                node("it", ""),
                node(
                    "other",
                    r#""resource_class":"large","shard":"s1","lessee":"you","description":"the first one",
                       "instance_info":{"display_name":"vm1","image_url":"http://u:p@h/i"},
                       "instance_uuid":"$instance","properties":{"cpus":2},
                       "driver_info":{"some_password":"hunter2"},"retired":true,"extra":{"é":"ü"}"#,
                ),
                node("child", r#""parent_node":"$it""#),
                node("third", r#""maintenance":true"#),
            ],
            cases: reads(),
        },
        Chapter {
            name: "nodes-create",
            preparation: vec![node("it", ""), node("other", "")],
            cases: creations(),
        },
        Chapter {
            name: "nodes-patch",
            preparation: vec![node("it", ""), node("other", "")],
            cases: patches(),
        },
    ]
}

fn reads() -> Vec<Case> {
    let mut cases = lists::cases(&NODE);
    let mut filters = Vec::new();
    for (since, name, values) in FILTERS {
        for value in *values {
            filters.push(get(format!("/v1/nodes?{name}={value}")));
        }
        let value = values.first().copied().unwrap_or_default();
        if *since > 1 {
            filters.push(get(format!("/v1/nodes?{name}={value}")).at(since - 1));
        }
        filters.push(get(format!("/v1/nodes?{name}={value}")).at(*since));
        filters.push(get(format!("/v1/nodes/detail?{name}={value}&limit=1")));
    }
    for query in [
        "limit=1&driver=fake-hardware",
        "limit=1&fields=uuid,name",
        "limit=1&detail=true",
        "limit=1&associated=false&sort_key=name&sort_dir=desc",
        "limit=2&maintenance=false&resource_class=large",
        "instance_uuid=$instance&limit=1",
        "maintenance=true&associated=true",
        "parent_node=$$it",
    ] {
        filters.push(get(format!("/v1/nodes?{query}")));
    }
    for path in ["$$it", "$$it.json", "$$other"] {
        for minor in [1, 4, 5, 90, 91, 115] {
            filters.push(get(format!("/v1/nodes/{path}")).at(minor));
        }
    }
    cases.splice(0..0, filters.into_iter().map(Case::from));
    cases
}

fn creations() -> Vec<Case> {
    let mut cases = create::cases(&NODE);
    for name in NAMES {
        for minor in [5, 9, 10, 115] {
            let body = format!(r#"{{"uuid":"$new","driver":"fake-hardware","name":"{name}"}}"#);
            cases.push(Case::from(super::post("/v1/nodes", &body).at(minor)).passing());
        }
    }
    for body in [
        r#"{"driver":"fake-hardware","name":"$$it"}"#,
        r#"{"driver":"nope"}"#,
        r#"{"driver":"fake-hardware","conductor_group":"none-such"}"#,
        r#"{"driver":"fake-hardware","parent_node":"$$it"}"#,
        r#"{"driver":"fake-hardware","network_data":{"links":[]}}"#,
        r#"{"driver":"fake-hardware","network_data":{"links":[],"networks":[],"x":1}}"#,
        r#"{"driver":"fake-hardware","network_data":{"links":[{"id":"l"}],"networks":[]}}"#,
        r#"{"driver":"fake-hardware","instance_info":{"display_name":"vm9"}}"#,
        r#"{"driver":"fake-hardware","instance_name":"vm9","instance_info":{"display_name":"vm8"}}"#,
        r#"{"driver":"fake-hardware","boot_interface":"ipmitool"}"#,
        r#"{"driver":"fake-hardware","power_interface":"ipmitool"}"#,
        r#"{"driver":"fake-hardware","owner":null}"#,
    ] {
        cases.push(Case::from(super::post("/v1/nodes", body)).passing());
    }
    for minor in [1, 2, 4, 10, 11, 115] {
        let request = super::post("/v1/nodes", r#"{"uuid":"$new","driver":"fake-hardware"}"#);
        cases.push(Case::from(request.at(minor)).passing());
    }
    cases
}

/// Further patches of `$it`, in their order: query and document.
const PATCHES: &[(&str, &str)] = &[
    (
        "?reset_interfaces=true",
        r#"[{"op":"replace","path":"/driver","value":"fake-hardware"}]"#,
    ),
    (
        "?reset_interfaces=true",
        r#"[{"op":"replace","path":"/extra","value":{}}]"#,
    ),
    ("?reset_interfaces=true", "[]"),
    ("?reset_interfaces=maybe", "[]"),
    ("?reset_interfaces=false", "[]"),
    ("?foo=1", "[]"),
    ("", r#"[{"op":"replace","path":"/name","value":"$$other"}]"#),
    (
        "",
        r#"[{"op":"replace","path":"/instance_uuid","value":"$instance"},{"op":"replace","path":"/name","value":"$$both"}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/instance_uuid","value":"$another"}]"#,
    ),
    ("", r#"[{"op":"remove","path":"/instance_uuid"}]"#),
    (
        "",
        r#"[{"op":"replace","path":"/maintenance","value":true},{"op":"replace","path":"/maintenance","value":false}]"#,
    ),
    ("", r#"[{"op":"replace","path":"/protected","value":true}]"#),
    (
        "",
        r#"[{"op":"replace","path":"/protected_reason","value":"x"}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/retired_reason","value":"x"}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/retired","value":true},{"op":"replace","path":"/retired_reason","value":"x"}]"#,
    ),
    ("", r#"[{"op":"replace","path":"/retired","value":false}]"#),
    (
        "",
        r#"[{"op":"replace","path":"/parent_node","value":"$it"}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/parent_node","value":"$$other"}]"#,
    ),
    ("", r#"[{"op":"replace","path":"/driver","value":"nope"}]"#),
    (
        "",
        r#"[{"op":"replace","path":"/driver_info","value":{"some_password":"******"}}]"#,
    ),
    (
        "",
        r#"[{"op":"add","path":"/driver_info/deep","value":{"auth_token":"x","plain":"y"}}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/network_data","value":{"links":[]}}]"#,
    ),
    (
        "",
        r#"[{"op":"add","path":"/instance_info/display_name","value":"vm7"}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/instance_name","value":null}]"#,
    ),
    (
        "",
        r#"[{"op":"replace","path":"/resource_class","value":"other"}]"#,
    ),
    (
        "",
        r#"[{"op":"add","path":"/properties/capabilities","value":"a:b"}]"#,
    ),
];

fn patches() -> Vec<Case> {
    let mut cases = patch::cases(&NODE);
    let change = |query: &str, document: &str| {
        let path = format!("/v1/nodes/$it{query}");
        super::super::case::Request::new("PATCH", path).json(super::json(document))
    };
    for name in NAMES {
        for minor in [5, 9, 10, 115] {
            let document = format!(r#"[{{"op":"replace","path":"/name","value":"{name}"}}]"#);
            cases.push(change("", &document).at(minor).into());
        }
    }
    for (query, document) in PATCHES {
        let case = Case::from(change(query, document));
        // What is given by its name is refused where it changes something.
        let orphan = change("", r#"[{"op":"remove","path":"/parent_node"}]"#);
        cases.push(if document.contains("/parent_node") {
            case.before(vec![orphan])
        } else {
            case
        });
    }
    for (minor, query) in [
        (44, "?reset_interfaces=true"),
        (45, "?reset_interfaces=true"),
    ] {
        let document = r#"[{"op":"replace","path":"/driver","value":"fake-hardware"}]"#;
        cases.push(change(query, document).at(minor).into());
    }
    for minor in [24, 25] {
        cases.push(
            change("", r#"[{"op":"remove","path":"/chassis_uuid"}]"#)
                .at(minor)
                .into(),
        );
    }
    cases
}
