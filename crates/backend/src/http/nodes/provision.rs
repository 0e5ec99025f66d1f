//! `PUT /v1/nodes/{node}/states/provision` (wire reference §10): the checks of its form, in the
//! order of §10.2. What the interfaces say to it, the lock and the work are the conductor's.

use base64::Engine;
use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use cupola_api::policy::Rule;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState as S, ProvisionVerb as V};
use cupola_api::state::transition::{Actor, next};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::super::answer::{Answer, Failure, empty, located};
use super::super::arguments::boolean_word;
use super::super::body::Size;
use super::super::call::Call;
use super::super::repr::repr;
use super::super::runbooks;

mod step_list;

const MEMBERS: &[&str] = &[
    "target",
    "configdrive",
    "clean_steps",
    "deploy_steps",
    "service_steps",
    "rescue_password",
    "disable_ramdisk",
    "runbook",
];

/// Starts what a verb asks for.
pub(in super::super) async fn change(call: &mut Call, node: &str) -> Answer {
    let mut body = call.members(MEMBERS, Size::Provision).await?;
    body.retain(|_, value| !value.is_null());
    if !body.contains_key("target") {
        return Err(ApiFault::bad_request("Missing mandatory parameter: target").into());
    }
    check_types(&mut body)?;
    let mut request: ProvisionRequest = serde_json::from_value(Value::Object(body))
        .map_err(|e| ApiFault::bad_request(format!("Schema error for provision state: {e}")))?;
    let stored = call.node(node).await?;
    let verb = check_verb(&stored, &request, call.version)?;
    check_step_rules(call, &stored, &request)?;
    check_first(&stored, &request, verb, call.version)?;
    if let Some(name) = request.runbook.take() {
        check_runbook(verb, call.version)?;
        let runbook = runbooks::usable(call, &name).await?;
        runbooks::apply(&runbook, &stored, verb, call.version, &mut request)?;
        runbooks::check_use(call, &runbook, &stored)?;
    }
    check_rest(&stored, &request, verb, call.version)?;
    check_children(call, &request).await?;
    call.state.rpc.provision(stored.uuid, verb, request).await?;
    let location = call.url(format_args!("nodes/{node}/states"));
    located(empty(StatusCode::ACCEPTED), &location)
}

/// Steps that a request lists itself have rules of their own, and so may have each of them.
fn check_step_rules(call: &Call, node: &Node, request: &ProvisionRequest) -> Result<(), ApiFault> {
    if request.runbook.is_some() {
        return Ok(());
    }
    let lists = |steps: &Option<Vec<Value>>| steps.as_ref().is_some_and(|s| !s.is_empty());
    if lists(&request.clean_steps) {
        call.must_on(Rule::NodeSetProvisionStateCleanSteps, node)?;
    }
    if lists(&request.service_steps) {
        call.must_on(Rule::NodeSetProvisionStateServiceSteps, node)?;
    }
    let all = [
        &request.deploy_steps,
        &request.clean_steps,
        &request.service_steps,
    ];
    let steps = all.into_iter().flatten().flatten();
    // What is no step is refused as such afterwards.
    let named =
        steps.filter_map(|step| Some((step["interface"].as_str()?, step["step"].as_str()?)));
    call.must_run(named, Some(node))
}

/// Checks that the child nodes that steps name are there, and that the caller may do this to each.
async fn check_children(call: &Call, request: &ProvisionRequest) -> Result<(), Failure> {
    let lists = [&request.clean_steps, &request.service_steps];
    for step in lists.into_iter().flatten().flatten() {
        if step.get("execute_on_child_nodes") != Some(&Value::Bool(true)) {
            continue;
        }
        let named = step.get("limit_child_node_execution");
        for entry in named.and_then(Value::as_array).into_iter().flatten() {
            let uuid = entry.as_str().filter(|t| Uuid::try_parse(t).is_ok());
            let Some(uuid) = uuid else {
                let name = step.get("step").and_then(Value::as_str);
                let text = format!(
                    "Invalid entry detected for execute_on_child_node parameter in step {}.",
                    name.unwrap_or_default()
                );
                return Err(ApiFault::bad_request(text).into());
            };
            call.node(uuid).await?;
        }
    }
    Ok(())
}

/// Checks what each member is, in Ironic's words; those that may be secret are not shown.
fn check_types(body: &mut Object) -> Result<(), ApiFault> {
    let bad = |text: String| Err(ApiFault::bad_request(text));
    if let Some(target) = body.get("target").filter(|t| !t.is_string()) {
        return bad(format!("Expected string for target: {}", repr(target)));
    }
    for name in ["clean_steps", "deploy_steps", "service_steps"] {
        if body.get(name).is_some_and(|steps| !steps.is_array()) {
            return bad(format!(
                "Expected types <class 'NoneType'>, <class 'list'> for {name}"
            ));
        }
    }
    if body.get("rescue_password").is_some_and(|p| !p.is_string()) {
        return bad("Expected string for rescue_password".to_owned());
    }
    if let Some(runbook) = body.get("runbook").filter(|r| !r.is_string()) {
        let shown = repr(runbook);
        return bad(format!(
            "Expected types <class 'NoneType'>, <class 'str'> for runbook: {shown}"
        ));
    }
    // An empty one is none.
    if body.get("configdrive").is_some_and(|drive| drive == "") {
        body.shift_remove("configdrive");
    }
    let drive = body.get("configdrive");
    if drive.is_some_and(|drive| !drive.is_string() && !drive.is_object()) {
        return bad(
            "Expected types <class 'NoneType'>, <class 'dict'>, <class 'str'> for configdrive"
                .to_owned(),
        );
    }
    if let Some(disable) = body.get_mut("disable_ramdisk")
        && !disable.is_boolean()
    {
        let word = disable
            .as_str()
            .map_or_else(|| disable.to_string(), str::to_owned);
        *disable = Value::from(boolean_word("disable_ramdisk", &word)?);
    }
    Ok(())
}

/// What is looked at before a runbook.
fn check_first(
    node: &Node,
    request: &ProvisionRequest,
    verb: V,
    version: Microversion,
) -> Result<(), ApiFault> {
    let uuid = node.uuid;
    check_allowed(request)?;
    if node.maintenance && matches!(verb, V::Active | V::Rebuild) {
        return Err(ApiFault::bad_request(format!(
            "The provisioning operation can't be performed on node {uuid} because it's in \
             maintenance mode."
        )));
    }
    check_state(node, verb)?;
    check_configdrive(request, verb, version)
}

/// What is looked at after it.
fn check_rest(
    node: &Node,
    request: &ProvisionRequest,
    verb: V,
    version: Microversion,
) -> Result<(), ApiFault> {
    let uuid = node.uuid;
    check_disable_ramdisk(request, verb, version)?;
    check_steps(request, verb, version)?;
    check_password(request, verb)?;
    check_late_versions(node, verb, version)?;
    if node.protected && matches!(verb, V::Deleted | V::Undeploy | V::Rebuild) {
        return Err(ApiFault::new(
            403,
            format!("Node {uuid} is protected and cannot be undeployed, rebuilt or deleted"),
        ));
    }
    if node.retired && verb == V::Provide {
        return Err(ApiFault::bad_request(format!(
            "The provide operation can't be performed on node {uuid} because it is retired."
        )));
    }
    Ok(())
}

/// Reads the verb. Those that are gated only after the state check are not refused here.
fn check_verb(
    node: &Node,
    request: &ProvisionRequest,
    version: Microversion,
) -> Result<V, ApiFault> {
    let state = node.provision_state.as_str();
    let unknown = || ApiFault::invalid_state_requested(&request.target, node.uuid, state);
    let verb = V::parse(&request.target).ok_or_else(unknown)?;
    if version < verb.since() && !matches!(verb, V::Unhold | V::Service) {
        return Err(ApiFault::not_acceptable());
    }
    Ok(verb)
}

/// Refuses steps that must not be run on demand (`[api]disallow_*_steps`, default).
fn check_allowed(request: &ProvisionRequest) -> Result<(), ApiFault> {
    let kinds = [
        ("clean", &request.clean_steps),
        ("deploy", &request.deploy_steps),
        ("service", &request.service_steps),
    ];
    for (kind, steps) in kinds {
        let is_raw = |step: &Value| {
            step.get("interface").and_then(Value::as_str) == Some("vendor")
                && step.get("step").and_then(Value::as_str) == Some("send_raw")
        };
        if steps.as_ref().is_some_and(|steps| steps.iter().any(is_raw)) {
            return Err(ApiFault::bad_request(format!(
                "{kind} step 'vendor.send_raw' is not allowed. Disallowed by operator configuration \
                 [api]disallow_{kind}_steps."
            )));
        }
    }
    Ok(())
}

fn check_state(node: &Node, verb: V) -> Result<(), ApiFault> {
    if next(node.provision_state, verb.event(), Actor::User).is_some() {
        return Ok(());
    }
    match &node.reservation {
        Some(host) => Err(ApiFault::node_locked(node.uuid, host)),
        None => Err(ApiFault::invalid_state_requested(
            verb.as_str(),
            node.uuid,
            node.provision_state.as_str(),
        )),
    }
}

fn check_configdrive(
    request: &ProvisionRequest,
    verb: V,
    version: Microversion,
) -> Result<(), ApiFault> {
    let Some(drive) = &request.configdrive else {
        return Ok(());
    };
    let may_rebuild = version >= Microversion::new(35);
    if verb != V::Active && verb != V::Deploy && !(verb == V::Rebuild && may_rebuild) {
        let verbs = if may_rebuild {
            "active, rebuild"
        } else {
            "active"
        };
        return Err(ApiFault::bad_request(format!(
            "Adding a config drive is only supported when setting provision state to {verbs}"
        )));
    }
    match drive {
        Value::String(text) if text.contains("://") || is_base64(text) => Ok(()),
        Value::Object(parts) if version >= Microversion::new(56) => {
            check_configdrive_object(parts, version)
        }
        Value::Object(_) => Err(ApiFault::bad_request(
            "Providing a JSON object for configdrive is only supported starting with API version 1.56",
        )),
        Value::String(_) => Err(ApiFault::bad_request(
            "Invalid configdrive format: it is neither a JSON, nor a URL, nor a base64 string",
        )),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            let shown = repr(drive);
            Err(ApiFault::bad_request(format!(
                "Schema error for configdrive: {shown} is not of type 'object', 'string', 'null'"
            )))
        }
    }
}

fn is_base64(text: &str) -> bool {
    let compact: String = text.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(compact)
        .is_ok()
}

fn check_configdrive_object(parts: &Object, version: Microversion) -> Result<(), ApiFault> {
    for (name, part) in parts {
        let fits = match name.as_str() {
            "meta_data" | "network_data" => part.is_object() || part.is_null(),
            "vendor_data" if version < Microversion::new(59) => {
                return Err(ApiFault::bad_request(
                    "Providing vendor_data in configdrive is only supported starting with API version 1.59",
                ));
            }
            "vendor_data" => part.is_object() || part.is_null(),
            "user_data" => !part.is_boolean() && !part.is_number(),
            _ => {
                return Err(ApiFault::bad_request(format!(
                    "Invalid configdrive format: Additional properties are not allowed ('{name}' was \
                     unexpected)"
                )));
            }
        };
        if !fits {
            return Err(ApiFault::bad_request(format!(
                "Schema error for configdrive: '{name}' has the wrong type"
            )));
        }
    }
    Ok(())
}

fn check_runbook(verb: V, version: Microversion) -> Result<(), ApiFault> {
    if version < Microversion::new(92) {
        return Err(ApiFault::not_acceptable());
    }
    if matches!(verb, V::Clean | V::Service) {
        return Ok(());
    }
    Err(ApiFault::bad_request(
        "\"runbook\" is only valid when setting target provision state to clean or service",
    ))
}

fn check_disable_ramdisk(
    request: &ProvisionRequest,
    verb: V,
    version: Microversion,
) -> Result<(), ApiFault> {
    if request.disable_ramdisk.is_none() {
        return Ok(());
    }
    let since = match verb {
        V::Clean => 70,
        V::Service => 108,
        V::Active
        | V::Deploy
        | V::Rebuild
        | V::Deleted
        | V::Undeploy
        | V::Manage
        | V::Provide
        | V::Inspect
        | V::Abort
        | V::Adopt
        | V::Rescue
        | V::Unrescue
        | V::Unhold => {
            return Err(ApiFault::bad_request(
                "disable_ramdisk is supported only with manual cleaning or servicing",
            ));
        }
    };
    if version < Microversion::new(since) {
        Err(ApiFault::not_acceptable())
    } else {
        Ok(())
    }
}

fn check_steps(request: &ProvisionRequest, verb: V, version: Microversion) -> Result<(), ApiFault> {
    let only = |steps: &str, verbs: &str| {
        Err(ApiFault::bad_request(format!(
            "\"{steps}\" is only valid when setting target provision state to {verbs}"
        )))
    };
    if request.clean_steps.is_some() && verb != V::Clean {
        return only("clean_steps", "clean");
    }
    if request.service_steps.is_some() && verb != V::Service {
        return only("service_steps", "service");
    }
    if request.deploy_steps.as_ref().is_some_and(|s| !s.is_empty()) {
        if version < Microversion::new(69) {
            return Err(ApiFault::new(
                406,
                "Request not acceptable. The minimal required API version should be 1.69",
            ));
        }
        if !matches!(verb, V::Active | V::Deploy | V::Rebuild) {
            return only("deploy_steps", "active or rebuild");
        }
    }
    let missing = |steps: &Option<Vec<Value>>| steps.as_ref().is_none_or(Vec::is_empty);
    if verb == V::Clean && missing(&request.clean_steps) {
        return Err(ApiFault::bad_request(
            "\"clean_steps\" is required when setting target provision state to clean",
        ));
    }
    if verb == V::Service && missing(&request.service_steps) {
        return Err(ApiFault::bad_request(
            "\"service_steps\" or \"runbook\" is required when setting target provision state to \
             service",
        ));
    }
    step_list::check(&request.clean_steps, &step_list::CLEAN)?;
    step_list::check(&request.service_steps, &step_list::SERVICE)?;
    step_list::check(&request.deploy_steps, &step_list::DEPLOY)
}

fn check_password(request: &ProvisionRequest, verb: V) -> Result<(), ApiFault> {
    let text = match (&request.rescue_password, verb) {
        (Some(password), V::Rescue) if !password.trim().is_empty() => return Ok(()),
        (Some(_) | None, V::Rescue) => {
            "A non-empty \"rescue_password\" is required when setting \
                                        target provision state to rescue"
        }
        (Some(_), _) => {
            "\"rescue_password\" is only valid when setting target provision state to \
                         rescue"
        }
        (None, _) => return Ok(()),
    };
    Err(ApiFault::bad_request(text))
}

/// The versions that Ironic looks at last: of `abort` by state, of `unhold` and of `service`.
fn check_late_versions(node: &Node, verb: V, version: Microversion) -> Result<(), ApiFault> {
    let since = match (verb, node.provision_state) {
        (V::Abort, S::InspectWait) => 41,
        (V::Abort, S::DeployWait) => 110,
        _ => verb.since().minor(),
    };
    if version < Microversion::new(since) {
        Err(ApiFault::not_acceptable())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
    use serde_json::json;

    fn node(state: S) -> Node {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.provision_state = state;
        node
    }

    fn checked(node: &Node, body: Value, minor: u16) -> Result<V, u16> {
        let request: ProvisionRequest = serde_json::from_value(body).expect("a request");
        let version = Microversion::new(minor);
        let verb = check_verb(node, &request, version);
        let checked = verb.and_then(|verb| {
            check_first(node, &request, verb, version)?;
            check_rest(node, &request, verb, version)?;
            Ok(verb)
        });
        checked.map_err(|f| f.status)
    }

    #[test]
    fn the_order_of_the_checks() {
        let enroll = node(S::Enroll);
        // The version comes before the state, the state before everything else.
        assert_eq!(checked(&enroll, json!({"target": "provide"}), 3), Err(406));
        assert_eq!(checked(&enroll, json!({"target": "provide"}), 4), Err(400));
        assert_eq!(checked(&enroll, json!({"target": "unhold"}), 84), Err(400));
        assert_eq!(
            checked(&node(S::CleanHold), json!({"target": "unhold"}), 84),
            Err(406)
        );
        assert_eq!(
            checked(&node(S::DeployWait), json!({"target": "abort"}), 109),
            Err(406)
        );
        assert_eq!(
            checked(&node(S::DeployWait), json!({"target": "abort"}), 110),
            Ok(V::Abort)
        );
        assert_eq!(
            checked(&enroll, json!({"target": "explode"}), 115),
            Err(400)
        );
        let mut locked = node(S::Deploying);
        assert_eq!(checked(&locked, json!({"target": "active"}), 115), Err(400));
        locked.reservation = Some("host".to_owned());
        assert_eq!(checked(&locked, json!({"target": "active"}), 115), Err(409));
    }

    #[test]
    fn maintenance_and_protection() {
        let mut available = node(S::Available);
        available.maintenance = true;
        assert_eq!(
            checked(&available, json!({"target": "active"}), 115),
            Err(400)
        );
        assert_eq!(
            checked(&available, json!({"target": "manage"}), 115),
            Ok(V::Manage)
        );
        let mut active = node(S::Active);
        active.protected = true;
        assert_eq!(
            checked(&active, json!({"target": "deleted"}), 115),
            Err(403)
        );
        let mut retired = node(S::Manageable);
        retired.retired = true;
        assert_eq!(
            checked(&retired, json!({"target": "provide"}), 115),
            Err(400)
        );
    }

    #[test]
    fn config_drives() {
        let available = node(S::Available);
        let with = |drive: Value, minor| {
            checked(
                &available,
                json!({"target": "active", "configdrive": drive}),
                minor,
            )
        };
        assert_eq!(with(json!("H4sIAAAA"), 115), Ok(V::Active));
        assert_eq!(with(json!("http://host/drive"), 1), Ok(V::Active));
        assert_eq!(with(json!("not base64!"), 115), Err(400));
        assert_eq!(with(json!({"meta_data": {}}), 55), Err(400));
        assert_eq!(
            with(json!({"meta_data": {}, "user_data": "x"}), 56),
            Ok(V::Active)
        );
        assert_eq!(with(json!({"vendor_data": {}}), 58), Err(400));
        assert_eq!(with(json!({"other": {}}), 115), Err(400));
        let drive = json!({"target": "deleted", "configdrive": "H4sIAAAA"});
        assert_eq!(checked(&node(S::Active), drive, 115), Err(400));
    }

    #[test]
    fn steps_go_with_their_verbs() {
        let manageable = node(S::Manageable);
        let step = json!([{"interface": "deploy", "step": "erase_devices_metadata"}]);
        let clean = |steps: Value| {
            checked(
                &manageable,
                json!({"target": "clean", "clean_steps": steps}),
                115,
            )
        };
        assert_eq!(clean(step.clone()), Ok(V::Clean));
        assert_eq!(clean(json!([])), Err(400));
        assert_eq!(clean(json!([{"interface": "deploy"}])), Err(400));
        assert_eq!(clean(json!([{"interface": "zzz", "step": "x"}])), Err(400));
        assert_eq!(
            clean(json!([{"interface": "vendor", "step": "send_raw"}])),
            Err(400)
        );
        let wrong = json!({"target": "provide", "clean_steps": step});
        assert_eq!(checked(&manageable, wrong, 115), Err(400));
        let ramdisk = json!({"target": "provide", "disable_ramdisk": true});
        assert_eq!(checked(&manageable, ramdisk, 115), Err(400));
        assert_eq!(
            checked(&node(S::Active), json!({"target": "rescue"}), 115),
            Err(400)
        );
        let blank = json!({"target": "rescue", "rescue_password": " "});
        assert_eq!(checked(&node(S::Active), blank, 115), Err(400));
    }
}
