//! Allocations, deploy templates, runbooks and inspection rules.

use super::super::case::{Case, Chapter, Request};
use super::resource::{Resource, Sort, field, given};
use super::{create, get, json, lists, node, patch, post, put};

const ALLOCATION: Resource = Resource {
    collection: "allocations",
    since: 52,
    minimal: r#"{"resource_class":"none-such"}"#,
    fields: &[
        field(52, "name", Sort::Text, r#""$$renamed""#),
        field(52, "extra", Sort::Object, r#"{"a":1}"#),
        given(52, "traits", Sort::List, r#"["CUSTOM_A"]"#),
        given(52, "candidate_nodes", Sort::List, r#"["$node"]"#),
        given(60, "owner", Sort::Text, r#""me""#),
        given(58, "node", Sort::Text, r#""$unknown""#),
    ],
    read_only: &["state", "node_uuid", "last_error", "created_at"],
    others: &[
        (52, "uuid"),
        (52, "resource_class"),
        (52, "state"),
        (52, "node_uuid"),
        (52, "last_error"),
        (60, "owner"),
    ],
};

const TEMPLATE: Resource = Resource {
    collection: "deploy_templates",
    since: 55,
    minimal: r#"{"name":"CUSTOM_NEW","steps":[{"interface":"deploy","step":"a","args":{},"priority":10}]}"#,
    fields: &[
        field(55, "name", Sort::Text, r#""CUSTOM_OTHER_NAME""#),
        field(
            55,
            "steps",
            Sort::List,
            r#"[{"interface":"bios","step":"b","args":{"auth_password":"x"},"priority":0}]"#,
        ),
        field(55, "extra", Sort::Object, r#"{"a":1}"#),
        field(55, "description", Sort::Text, r#""d""#),
    ],
    read_only: &["created_at", "links"],
    others: &[(55, "uuid"), (55, "created_at"), (55, "links")],
};

const RUNBOOK: Resource = Resource {
    collection: "runbooks",
    since: 92,
    minimal: r#"{"name":"CUSTOM_NEW","steps":[{"interface":"deploy","step":"a","args":{},"order":1}]}"#,
    fields: &[
        field(92, "name", Sort::Text, r#""CUSTOM_OTHER_NAME""#),
        field(
            92,
            "steps",
            Sort::List,
            r#"[{"interface":"bios","step":"b","args":{"auth_password":"x"},"order":2}]"#,
        ),
        field(92, "extra", Sort::Object, r#"{"a":1}"#),
        field(92, "owner", Sort::Text, r#""me""#),
        field(92, "public", Sort::Boolean, "true"),
        field(92, "disable_ramdisk", Sort::Boolean, "true"),
        field(112, "description", Sort::Text, r#""d""#),
    ],
    read_only: &["traits", "created_at", "links"],
    others: &[(92, "uuid"), (92, "created_at"), (112, "traits")],
};

const RULE: Resource = Resource {
    collection: "inspection_rules",
    since: 96,
    minimal: r#"{"actions":[{"op":"fail","args":{"msg":"x"}}]}"#,
    fields: &[
        field(
            96,
            "actions",
            Sort::List,
            r#"[{"op":"set-attribute","args":{"path":"/extra/a","value":1}}]"#,
        ),
        field(
            96,
            "conditions",
            Sort::List,
            r#"[{"op":"eq","args":{"values":[1,1]}}]"#,
        ),
        field(96, "description", Sort::Text, r#""d""#),
        field(96, "phase", Sort::Text, r#""main""#),
        field(96, "priority", Sort::Integer, "5"),
        field(96, "sensitive", Sort::Boolean, "false"),
    ],
    read_only: &["created_at", "links"],
    others: &[(96, "uuid"), (96, "created_at")],
};

/// Steps of a template, or of a runbook with `order` for `priority`.
const STEPS: [&str; 16] = [
    "[]",
    "[{}]",
    r#"[{"interface":"deploy","step":"a","args":{},"priority":"7"}]"#,
    r#"[{"interface":"deploy","step":"a","args":{},"priority":-1}]"#,
    r#"[{"interface":"deploy","step":"a","args":{},"priority":"x"}]"#,
    r#"[{"interface":"deploy","step":"a","args":{},"priority":1.5}]"#,
    r#"[{"interface":"deploy","step":"a","args":null,"priority":1}]"#,
    r#"[{"interface":"deploy","step":"a","priority":1}]"#,
    r#"[{"interface":"deploy","step":"","args":{},"priority":1}]"#,
    r#"[{"interface":"deploy","step":5,"args":{},"priority":1}]"#,
    r#"[{"interface":"nope","step":"a","args":{},"priority":1}]"#,
    r#"[{"interface":"network","step":"a","args":{},"priority":1}]"#,
    r#"[{"step":"a","args":{},"priority":1}]"#,
    r#"[{"interface":"deploy","args":{},"priority":1}]"#,
    r#"[{"interface":"deploy","step":"a","args":{},"priority":1},{"interface":"deploy","step":"a","args":{},"priority":2}]"#,
    r#"[{"interface":"deploy","step":"a","args":{},"priority":1,"x":1}]"#,
];

/// Names of templates and runbooks.
const NAMES: [&str; 9] = [
    "CUSTOM_A1",
    "HW_CPU_X86_VMX",
    "HW_NO_SUCH",
    "custom_a",
    "CUSTOM_",
    "CUSTOM_a",
    "plain",
    "",
    "a b",
];

const CONDITIONS: [&str; 10] = [
    r#"{"op":"eq","args":[1,1]}"#,
    r#"{"op":"!eq","args":{"values":[1,2],"force_strings":true}}"#,
    r#"{"op":"is-none","args":{"value":"{inventory[x]}"}}"#,
    r#"{"op":"in-net","args":{"address":"10.0.0.1","subnet":"10.0.0.0/8"}}"#,
    r#"{"op":"matches","args":{"value":"a","regex":"a.*"}}"#,
    r#"{"op":"nope","args":{}}"#,
    r#"{"op":"eq","args":{"nope":1}}"#,
    r#"{"op":"eq"}"#,
    r#"{"op":"eq","args":[1,1],"loop":["a"],"multiple":"any"}"#,
    r#"{"op":"eq","args":[1,1],"multiple":"some"}"#,
];

const ACTIONS: [&str; 10] = [
    r#"{"op":"log","args":{"msg":"x","level":"info"}}"#,
    r#"{"op":"log","args":{"msg":"x","level":"nope"}}"#,
    r#"{"op":"add-trait","args":{"name":"CUSTOM_A"}}"#,
    r#"{"op":"set-capability","args":{"name":"a","value":"b"}}"#,
    r#"{"op":"set-port-attribute","args":{"port_id":"p","path":"/extra/a","value":1}}"#,
    r#"{"op":"api-call","args":{"url":"http://h/"}}"#,
    r#"{"op":"nope","args":{}}"#,
    r#"{"op":"fail","args":{}}"#,
    r#"{"op":"fail","args":{"msg":"x","more":1}}"#,
    r#"{"op":"fail"}"#,
];

/// The chapters.
pub(super) fn chapters() -> Vec<Chapter> {
    let mut chapters = Vec::new();
    let mut of = |resource: &Resource,
                  names: [&'static str; 3],
                  preparation: &[Case],
                  more: [Vec<Case>; 3]| {
        let [mut reads, mut creations, mut patches] = more;
        reads.extend(lists::cases(resource));
        creations.extend(create::cases(resource));
        patches.extend(patch::cases(resource));
        for (name, cases) in names.into_iter().zip([reads, creations, patches]) {
            let preparation = preparation.to_vec();
            chapters.push(Chapter {
                name,
                preparation,
                cases,
            });
        }
    };
    of(
        &ALLOCATION,
        ["allocations-read", "allocations-create", "allocations-patch"],
        &[
            node("node", r#""resource_class":"large""#),
            Case::from(post("/v1/allocations", r#"{"uuid":"$it","name":"$$it","resource_class":"none-such"}"#)).deciding("it"),
            Case::from(post("/v1/allocations", r#"{"uuid":"$other","resource_class":"none-other","extra":{"a":1},"traits":["CUSTOM_A"]}"#)).deciding("other"),
        ],
        allocations(),
    );
    of(
        &TEMPLATE,
        ["templates-read", "templates-create", "templates-patch"],
        &[
            post("/v1/deploy_templates", r#"{"uuid":"$it","name":"CUSTOM_IT","steps":[{"interface":"deploy","step":"a","args":{},"priority":10}]}"#).into(),
            post("/v1/deploy_templates", r#"{"uuid":"$other","name":"CUSTOM_OTHER","steps":[{"interface":"bios","step":"a","args":{"some_password":"x"},"priority":0}]}"#).into(),
        ],
        stepped("deploy_templates"),
    );
    of(
        &RUNBOOK,
        ["runbooks-read", "runbooks-create", "runbooks-patch"],
        &[
            post("/v1/runbooks", r#"{"uuid":"$it","name":"CUSTOM_IT","steps":[{"interface":"deploy","step":"a","args":{},"order":1}]}"#).into(),
            post("/v1/runbooks", r#"{"uuid":"$other","name":"CUSTOM_OTHER","steps":[{"interface":"bios","step":"a","args":{"some_password":"x"},"order":1}]}"#).into(),
        ],
        stepped("runbooks"),
    );
    of(
        &RULE,
        ["rules-read", "rules-create", "rules-patch"],
        &[
            post("/v1/inspection_rules", r#"{"uuid":"$it","actions":[{"op":"fail","args":{"msg":"x"}}],"priority":3}"#).into(),
            post("/v1/inspection_rules", r#"{"uuid":"$other","actions":[{"op":"fail","args":{"msg":"x"}}],"sensitive":true}"#).into(),
        ],
        rules(),
    );
    chapters
}

fn allocations() -> [Vec<Case>; 3] {
    let reads = [
        "allocations?node=$node",
        "allocations?node=no-such",
        "allocations?resource_class=none-such",
        "allocations?state=error",
        "allocations?state=nope",
        "allocations?owner=me",
        "allocations/$$it",
        "nodes/$node/allocation",
        "nodes/$unknown/allocation",
    ]
    .iter()
    .flat_map(|path| {
        [
            get(format!("/v1/{path}")),
            get(format!("/v1/{path}")).at(59),
        ]
    })
    .map(Case::from)
    .collect();
    let creations = [
        "{}",
        r#"{"resource_class":"none-such","name":"$$it"}"#,
        r#"{"resource_class":"none-such","candidate_nodes":["no-such"]}"#,
        r#"{"resource_class":"none-such","candidate_nodes":["$$node","$node"]}"#,
        r#"{"resource_class":"none-such","traits":["nope"]}"#,
        r#"{"node":"no-such"}"#,
        r#"{"resource_class":"none-such","name":"a b"}"#,
    ]
    .iter()
    .map(|body| Case::from(post("/v1/allocations", body)).passing())
    .collect();
    let patches = vec![
        Request::new("PATCH", "/v1/allocations/$it")
            .json(json("[]"))
            .at(56)
            .into(),
        Request::new("DELETE", "/v1/nodes/$node/allocation").into(),
        Request::new("PATCH", "/v1/allocations/$it")
            .json(json(
                r#"[{"op":"replace","path":"/resource_class","value":"x"}]"#,
            ))
            .into(),
    ];
    [reads, creations, patches]
}

fn stepped(collection: &str) -> [Vec<Case>; 3] {
    let is_runbook = collection == "runbooks";
    let adapt = |text: &str| {
        if is_runbook {
            text.replace("priority", "order")
        } else {
            text.to_owned()
        }
    };
    let path = format!("/v1/{collection}");
    let mut reads = vec![
        get(format!("{path}/CUSTOM_IT")).into(),
        get(format!("{path}/CUSTOM_NONE")).into(),
    ];
    let (mut creations, mut patches): (Vec<Case>, Vec<Case>) = (Vec::new(), Vec::new());
    let good = adapt(r#"[{"interface":"deploy","step":"a","args":{},"priority":1}]"#);
    for steps in STEPS {
        let steps = adapt(steps);
        let body = format!(r#"{{"uuid":"$new","name":"CUSTOM_NEW","steps":{steps}}}"#);
        creations.push(Case::from(post(&path, &body)).passing());
        let document = format!(r#"[{{"op":"replace","path":"/steps","value":{steps}}}]"#);
        patches.push(
            Request::new("PATCH", format!("{path}/$it"))
                .json(json(&document))
                .into(),
        );
    }
    for name in NAMES.into_iter().chain(["CUSTOM_IT"]) {
        let body = format!(r#"{{"uuid":"$new","name":"{name}","steps":{good}}}"#);
        creations.push(Case::from(post(&path, &body)).passing());
        creations.push(Case::from(post(&path, &body).at(111)).passing());
        let document = format!(r#"[{{"op":"replace","path":"/name","value":"{name}"}}]"#);
        patches.push(
            Request::new("PATCH", format!("{path}/$other"))
                .json(json(&document))
                .into(),
        );
    }
    if is_runbook {
        reads.extend(
            [
                get("/v1/runbooks/$it/traits"),
                get("/v1/runbooks/$it/traits").at(111),
                get("/v1/runbooks/$unknown/traits"),
                get("/v1/runbooks?owner=me"),
                get("/v1/runbooks?project=me"),
            ]
            .map(Case::from),
        );
        patches.extend(
            [
                put(
                    "/v1/runbooks/$it/traits",
                    r#"{"traits":["CUSTOM_A","HW_CPU_X86_VMX"]}"#,
                ),
                put("/v1/runbooks/$it/traits", r#"{"traits":["nope"]}"#),
                put("/v1/runbooks/$it/traits", "{}"),
                Request::new("PUT", "/v1/runbooks/$it/traits/CUSTOM_B"),
                Request::new("PUT", "/v1/runbooks/$it/traits/nope"),
                Request::new("DELETE", "/v1/runbooks/$it/traits/CUSTOM_B"),
                Request::new("DELETE", "/v1/runbooks/$it/traits/CUSTOM_NONE"),
            ]
            .map(Case::from),
        );
    }
    [reads, creations, patches]
}

fn rules() -> [Vec<Case>; 3] {
    let path = "/v1/inspection_rules";
    let reads = ["?phase=main", "?phase=nope", "?detail=true", "/$other"]
        .iter()
        .map(|tail| get(format!("{path}{tail}")).into())
        .collect();
    let mut creations = Vec::new();
    for condition in CONDITIONS {
        let body = format!(
            r#"{{"uuid":"$new","actions":[{{"op":"fail","args":{{"msg":"x"}}}}],"conditions":[{condition}]}}"#
        );
        creations.push(Case::from(post(path, &body)).passing());
    }
    for action in ACTIONS {
        let body = format!(r#"{{"uuid":"$new","actions":[{action}]}}"#);
        creations.push(Case::from(post(path, &body)).passing());
    }
    let patches = [
        (
            "$other",
            r#"[{"op":"replace","path":"/sensitive","value":false}]"#,
        ),
        (
            "$it",
            r#"[{"op":"replace","path":"/sensitive","value":true}]"#,
        ),
        (
            "$it",
            r#"[{"op":"replace","path":"/phase","value":"nope"}]"#,
        ),
    ]
    .map(|(rule, document)| {
        let request = Request::new("PATCH", format!("{path}/{rule}")).json(json(document));
        Case::from(request).spoiling()
    })
    .into();
    [reads, creations, patches]
}
