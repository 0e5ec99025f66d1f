//! Provision verbs: each in each state that the fake hardware type can be brought to, at the version
//! that brought it and below; and what a verb may be sent with.

use super::super::case::{Case, Chapter, Version};
use super::{get, node, put};

/// Verbs with what they need, and since when they are there.
const VERBS: [(&str, &str, u16); 16] = [
    ("active", "", 1),
    ("deploy", "", 73),
    ("rebuild", "", 1),
    ("deleted", "", 1),
    ("undeploy", "", 73),
    ("manage", "", 4),
    ("provide", "", 4),
    ("inspect", "", 6),
    ("abort", "", 13),
    (
        "clean",
        r#","clean_steps":[{"interface":"deploy","step":"no_such_step"}]"#,
        15,
    ),
    ("adopt", "", 17),
    ("rescue", r#","rescue_password":"hunter2""#, 38),
    ("unrescue", "", 38),
    ("unhold", "", 85),
    (
        "service",
        r#","service_steps":[{"interface":"deploy","step":"no_such_step"}]"#,
        87,
    ),
    ("nope", "", 1),
];

/// States with the verbs that lead to them from `enroll`.
const STATES: [(&str, &[&str]); 5] = [
    ("verbs-enroll", &[]),
    ("verbs-manageable", &["manage"]),
    ("verbs-available", &["manage", "provide"]),
    ("verbs-active", &["manage", "provide", "active"]),
    ("verbs-rescue", &["manage", "provide", "active", "rescue"]),
];

/// Bodies that are refused, or should be, in `manageable`.
const ARGUMENTS: [&str; 48] = [
    "{}",
    "[]",
    r#""manage""#,
    r#"{"target":null}"#,
    r#"{"target":5}"#,
    r#"{"target":""}"#,
    r#"{"target":"ACTIVE"}"#,
    r#"{"target":"provide","foo":1}"#,
    r#"{"foo":1}"#,
    r#"{"target":"provide","configdrive":"http://h/c"}"#,
    r#"{"target":"provide","clean_steps":[{"interface":"deploy","step":"a"}]}"#,
    r#"{"target":"provide","deploy_steps":[{"interface":"deploy","step":"a","args":{},"priority":1}]}"#,
    r#"{"target":"provide","service_steps":[{"interface":"deploy","step":"a"}]}"#,
    r#"{"target":"provide","rescue_password":"x"}"#,
    r#"{"target":"provide","disable_ramdisk":true}"#,
    r#"{"target":"provide","runbook":"nope"}"#,
    r#"{"target":"active","configdrive":"not base64!"}"#,
    r#"{"target":"active","configdrive":{"foo":1}}"#,
    r#"{"target":"active","configdrive":{"meta_data":5}}"#,
    r#"{"target":"active","configdrive":5}"#,
    r#"{"target":"clean"}"#,
    r#"{"target":"clean","clean_steps":[]}"#,
    r#"{"target":"clean","clean_steps":"x"}"#,
    r#"{"target":"clean","clean_steps":[5]}"#,
    r#"{"target":"clean","clean_steps":[{}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy"}]}"#,
    r#"{"target":"clean","clean_steps":[{"step":"a"}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"nope","step":"a"}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":"a","args":5}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":"a","foo":1}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":""}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"vendor","step":"send_raw"}]}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":"a"}],"runbook":"nope"}"#,
    r#"{"target":"clean","runbook":"nope"}"#,
    r#"{"target":"clean","runbook":"$unknown"}"#,
    r#"{"target":"clean","runbook":5}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":"a"}],"disable_ramdisk":"maybe"}"#,
    r#"{"target":"clean","clean_steps":[{"interface":"deploy","step":"a"}],"rescue_password":"x"}"#,
    r#"{"target":"rescue"}"#,
    r#"{"target":"rescue","rescue_password":""}"#,
    r#"{"target":"rescue","rescue_password":" "}"#,
    r#"{"target":"rescue","rescue_password":5}"#,
    r#"{"target":"service"}"#,
    r#"{"target":"service","service_steps":[]}"#,
    r#"{"target":"deploy","configdrive":"http://h/c"}"#,
    r#"{"target":"deleted"}"#,
    r#"{"target":"unhold"}"#,
    r#"{"target":"abort"}"#,
];

/// What the verb of the state `available` may be sent with: since when, and the body.
const DEPLOYS: [(u16, &str); 15] = [
    (1, r#"{"target":"active","configdrive":"http://h/c"}"#),
    (1, r#"{"target":"active","configdrive":"aGVsbG8="}"#),
    (1, r#"{"target":"active","configdrive":"not base64!"}"#),
    (1, r#"{"target":"active","configdrive":""}"#),
    (1, r#"{"target":"active","configdrive":null}"#),
    (
        56,
        r#"{"target":"active","configdrive":{"meta_data":{"a":"b"}}}"#,
    ),
    (56, r#"{"target":"active","configdrive":{"meta_data":5}}"#),
    (56, r#"{"target":"active","configdrive":{"foo":1}}"#),
    (
        59,
        r#"{"target":"active","configdrive":{"vendor_data":{"a":"b"}}}"#,
    ),
    (
        69,
        r#"{"target":"active","deploy_steps":[{"interface":"deploy","step":"a","args":{},"priority":1}]}"#,
    ),
    (
        69,
        r#"{"target":"active","deploy_steps":[{"interface":"deploy","step":"a"}]}"#,
    ),
    (
        69,
        r#"{"target":"active","deploy_steps":[{"interface":"nope","step":"a","args":{},"priority":1}]}"#,
    ),
    (69, r#"{"target":"active","deploy_steps":[]}"#),
    (73, r#"{"target":"deploy","configdrive":"http://h/c"}"#),
    (
        1,
        r#"{"target":"active","clean_steps":[{"interface":"deploy","step":"a"}]}"#,
    ),
];

fn verb(body: &str) -> super::Request {
    put("/v1/nodes/$node/states/provision", body)
}

fn reached(verbs: &[&str]) -> Vec<Case> {
    // An image that nobody looks at; power that is known.
    let more = r#""rescue_interface":"fake","instance_info":{"image_source":"http://h/i","image_checksum":"0"}"#;
    let mut steps = vec![node("node", more)];
    for name in verbs {
        let more = VERBS.iter().find(|v| v.0 == *name).map_or("", |v| v.1);
        let body = format!(r#"{{"target":"{name}"{more}}}"#);
        steps.push(Case::from(verb(&body)).settling("node"));
    }
    steps
}

/// The chapters.
pub(super) fn chapters() -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = STATES
        .iter()
        .map(|(name, verbs)| Chapter {
            name,
            preparation: reached(verbs),
            cases: in_state(),
        })
        .collect();
    chapters.push(Chapter {
        name: "verbs-arguments",
        preparation: reached(&["manage"]),
        cases: ARGUMENTS
            .iter()
            .map(|body| Case::from(verb(body)).settling("node").spoiling())
            .collect(),
    });
    let mut deploys = Vec::new();
    for (since, body) in DEPLOYS {
        let mut minors = vec![since.max(2) - 1, since, 115];
        minors.dedup();
        for minor in minors {
            deploys.push(Case::from(verb(body).at(minor)).settling("node").spoiling());
        }
    }
    chapters.push(Chapter {
        name: "verbs-deploy",
        preparation: reached(&["manage", "provide"]),
        cases: deploys,
    });
    let kept = r#"[{"op":"replace","path":"/protected","value":true}]"#;
    let retired = r#"[{"op":"replace","path":"/retired","value":true}]"#;
    let patch = |document: &str| {
        super::Request::new("PATCH", "/v1/nodes/$node").json(super::json(document))
    };
    let mut guarded = reached(&["manage", "provide", "active"]);
    guarded.push(patch(kept).into());
    guarded.push(put("/v1/nodes/$node/maintenance", "{}").into());
    let mut cases: Vec<Case> = ["active", "rebuild", "deleted", "undeploy", "rescue"]
        .iter()
        .map(|name| verb(&format!(r#"{{"target":"{name}"}}"#)).into())
        .collect();
    cases.push(super::delete("/v1/nodes/$node").into());
    cases.push(patch(retired).into());
    cases.push(patch(r#"[{"op":"replace","path":"/protected_reason","value":"x"}]"#).into());
    cases.push(super::Request::new("DELETE", "/v1/nodes/$node/maintenance").into());
    for document in [
        r#"[{"op":"replace","path":"/resource_class","value":"x"}]"#,
        r#"[{"op":"replace","path":"/deploy_interface","value":"direct"}]"#,
        r#"[{"op":"replace","path":"/instance_uuid","value":"$instance"}]"#,
        r#"[{"op":"replace","path":"/extra","value":{"a":1}}]"#,
        r#"[{"op":"replace","path":"/protected","value":false}]"#,
    ] {
        cases.push(patch(document).into());
    }
    cases.push(super::delete("/v1/nodes/$node").into());
    cases.push(get("/v1/nodes/$node").into());
    chapters.push(Chapter {
        name: "verbs-guarded",
        preparation: guarded,
        cases,
    });
    chapters
}

fn in_state() -> Vec<Case> {
    let mut cases = vec![
        get("/v1/nodes/$node").into(),
        get("/v1/nodes/$node/states").into(),
        get("/v1/nodes/$node").at(1).into(),
        get("/v1/nodes").at(1).into(),
        get("/v1/nodes/$node/validate").into(),
        get("/v1/nodes/$node/history?detail=true").into(),
    ];
    for (name, more, since) in VERBS {
        let body = format!(r#"{{"target":"{name}"{more}}}"#);
        cases.push(Case::from(verb(&body)).settling("node").spoiling());
        if since > 1 {
            cases.push(Case::from(verb(&body).at(since - 1)).settling("node"));
            cases.push(
                Case::from(verb(&body).at(since))
                    .settling("node")
                    .spoiling(),
            );
        }
        if name == "manage" {
            cases.push(verb(&body).version(Version::None).into());
        }
    }
    cases.push(Case::from(super::delete("/v1/nodes/$node")).spoiling());
    cases
}
