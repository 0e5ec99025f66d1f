//! Requests on a node's hardware beside its power: RAID configuration, console, boot mode, Secure
//! Boot, interrupt (wire reference §11.2 to §11.4).

use cupola_api::agent::BootMode;
use cupola_api::fault::ApiFault;
use cupola_api::raid;
use cupola_drivers::interface::Lamp;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, empty, located, ok};
use super::super::arguments::boolean_word;
use super::super::body::Size;
use super::super::call::Call;
use super::super::repr::{plain, repr};

/// `PUT /v1/nodes/{node}/states/raid`.
pub(in super::super) async fn set_raid(call: &mut Call, node: &str) -> Answer {
    let raid = match call.json(Size::Usual).await? {
        Value::Object(raid) => raid,
        other => {
            let text = format!(
                "Expected types <class 'dict'> for target_raid_config: {}",
                plain(&other)
            );
            return Err(ApiFault::bad_request(text).into());
        }
    };
    raid::check(&raid)?;
    let node = call.node(node).await?;
    let kept = call.state.rpc.set_target_raid_config(node.uuid, raid);
    kept.await.map_err(|fault| {
        // All hardware types have the interface, so that one which cannot is a missing resource.
        let is_unsupported = fault.message.ends_with("(disabled or not implemented).");
        if is_unsupported {
            ApiFault::not_found(fault.message)
        } else {
            fault
        }
    })?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET` and `PUT /v1/nodes/{node}/states/console`.
pub(in super::super) async fn console(call: &mut Call, ident: &str) -> Answer {
    if call.method == Method::GET {
        let node = call.node(ident).await?;
        let info = call.state.rpc.console(node.uuid).await?;
        return ok(&json!({ "console_enabled": info.is_some(), "console_info": info }));
    }
    let enabled = boolean(call, "enabled").await?;
    let node = call.node(ident).await?;
    call.state.rpc.set_console(node.uuid, enabled).await?;
    let location = call.url(format_args!("nodes/{ident}/states/console"));
    located(empty(StatusCode::ACCEPTED), &location)
}

/// `PUT /v1/nodes/{node}/states/boot_mode`.
pub(in super::super) async fn boot_mode(call: &mut Call, ident: &str) -> Answer {
    let target = match member(call, "target").await? {
        Value::String(target) => target,
        other => {
            let text = format!("Expected string for target: {}", repr(&other));
            return Err(ApiFault::bad_request(text).into());
        }
    };
    let node = call.node(ident).await?;
    let mode = BootMode::parse(&target).ok_or_else(|| {
        ApiFault::bad_request(format!(
            "Invalid boot mode {target} requested for node. Allowed boot modes are: bios, uefi"
        ))
    })?;
    refuse_moving(&node)?;
    call.state.rpc.set_boot_mode(node.uuid, mode).await?;
    let location = call.url(format_args!("nodes/{ident}/states"));
    located(empty(StatusCode::ACCEPTED), &location)
}

/// `PUT /v1/nodes/{node}/states/secure_boot`.
pub(in super::super) async fn secure_boot(call: &mut Call, ident: &str) -> Answer {
    let on = boolean(call, "target").await?;
    let node = call.node(ident).await?;
    refuse_moving(&node)?;
    call.state.rpc.set_secure_boot(node.uuid, on).await?;
    let location = call.url(format_args!("nodes/{ident}/states"));
    located(empty(StatusCode::ACCEPTED), &location)
}

/// `PUT /v1/nodes/{node}/management/inject_nmi`.
pub(in super::super) async fn inject_nmi(call: &mut Call, node: &str) -> Answer {
    call.members(&[], Size::Usual).await?;
    let node = call.node(node).await?;
    call.state.rpc.inject_nmi(node.uuid).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /v1/nodes/{node}/management/indicators`, or one of them.
pub(in super::super) async fn indicators(call: &mut Call, ident: &str, name: &str) -> Answer {
    let node = call.node(ident).await?;
    let known = call.state.rpc.indicators(node.uuid).await?;
    if !name.is_empty() {
        let (indicator, component) = indicator_name(name)?;
        let found = known
            .iter()
            .find(|it| it.name == indicator && it.component == component)
            .ok_or_else(|| {
                let has_component = known.iter().any(|it| it.component == component);
                ApiFault::bad_request(if has_component {
                    format!("Invalid indicator {indicator} specified.")
                } else {
                    format!("Invalid component {component} specified.")
                })
            })?;
        return ok(&json!({ "state": found.state }));
    }
    let base = &call.base;
    let list: Vec<Value> = known
        .iter()
        .map(|it| {
            let name = format!("{}@{}", it.name, it.component);
            let path = format!("nodes/{ident}/management/indicators/{name}");
            json!({
                "name": name,
                "component": it.component,
                "readonly": it.is_read_only,
                "states": it.states,
                "links": [
                    { "href": format!("{base}/v1/{path}"), "rel": "self" },
                    { "href": format!("{base}/{path}"), "rel": "bookmark" },
                ],
            })
        })
        .collect();
    ok(&json!({ "indicators": list }))
}

/// `PUT /v1/nodes/{node}/management/indicators/{name}`.
pub(in super::super) async fn set_indicator(call: &mut Call, node: &str, name: &str) -> Answer {
    let state = match member(call, "state").await? {
        Value::String(state) => state,
        other => {
            let text = format!("Expected string for state: {}", repr(&other));
            return Err(ApiFault::bad_request(text).into());
        }
    };
    let node = call.node(node).await?;
    let (name, component) = indicator_name(name)?;
    let lamp = Lamp {
        name,
        component,
        state: &state,
    };
    call.state.rpc.set_indicator(node.uuid, &lamp).await?;
    empty(StatusCode::NO_CONTENT)
}

/// The indicator and its component.
fn indicator_name(name: &str) -> Result<(&str, &str), ApiFault> {
    name.split_once('@')
        .ok_or_else(|| ApiFault::bad_request(format!("Malformed indicator name \"{name}\"")))
}

/// What is being changed by a provision action is not changed by anybody else meanwhile.
fn refuse_moving(node: &cupola_api::Node) -> Result<(), ApiFault> {
    let state = node.provision_state;
    if !state.is_working() && !state.is_waiting() {
        return Ok(());
    }
    Err(ApiFault::conflict(format!(
        "Node is in {} state. Since node is transitioning, it will not be changed, as this may \
         interfere with ongoing changes. Try again later.",
        state.as_str()
    )))
}

/// The only member of a body, which may also be an argument.
async fn member(call: &mut Call, name: &str) -> Result<Value, Failure> {
    let argument = call.arguments.text(name)?;
    let mut members = call.members(&[name], Size::Usual).await?;
    let value = members.remove(name).or(argument.map(Value::String));
    let value = value.filter(|value| !value.is_null());
    value
        .ok_or_else(|| ApiFault::bad_request(format!("Missing mandatory parameter: {name}")).into())
}

async fn boolean(call: &mut Call, name: &str) -> Result<bool, Failure> {
    Ok(match member(call, name).await? {
        Value::Bool(value) => value,
        Value::String(word) => boolean_word(name, &word)?,
        other => boolean_word(name, &other.to_string())?,
    })
}
