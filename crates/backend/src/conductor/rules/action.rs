//! The actions of inspection rules (wire reference §14.3). Of a node and its ports they change what a
//! client may change.

use cupola_api::event::Severity;
use cupola_api::node::{self, Access, Field, Object};
use cupola_api::port;
use serde_json::Value;

use super::Scene;
use super::call::Call;
use super::format::shown;

/// Does one action.
///
/// # Errors
/// Why it cannot be done; for `fail` what the rule says.
pub(super) fn perform(name: &str, args: &Object, scene: &mut Scene) -> Result<(), String> {
    let value = args.get("value").unwrap_or(&Value::Null);
    let text = |key: &str| shown(args.get(key).unwrap_or(&Value::Null));
    let is_unique = args
        .get("unique")
        .is_some_and(|unique| *unique == Value::Bool(true));
    match name {
        "fail" => Err(text("msg")),
        "log" => {
            let severity = severity(args.get("level"))?;
            scene.log.push((severity, text("msg")));
            Ok(())
        }
        "set-attribute" | "extend-attribute" | "del-attribute" => {
            let path = path(&text("path"));
            check(&path, node::FIELDS)?;
            change(name, &mut scene.node, &path, value, is_unique)
        }
        "set-port-attribute" | "extend-port-attribute" | "del-port-attribute" => {
            let path = path(&text("path"));
            check(&path, port::FIELDS)?;
            let id = text("port_id");
            let mut ports = scene.ports.iter_mut();
            let port = ports.find(|port| port.get("uuid").and_then(Value::as_str) == Some(&id));
            let port = port.ok_or_else(|| format!("Port {id} could not be found."))?;
            change(name, port, &path, value, is_unique)
        }
        "set-plugin-data" | "extend-plugin-data" | "unset-plugin-data" => {
            let path: Vec<String> = text("path").split('.').map(str::to_owned).collect();
            let data = &mut scene.plugin_data;
            if name == "unset-plugin-data" {
                unset(data, &path);
                return Ok(());
            }
            change(name, data, &path, value, is_unique)
        }
        "set-capability" => capability(scene, &text("name"), Some(&shown(value))),
        "unset-capability" => capability(scene, &text("name"), None),
        "add-trait" | "remove-trait" => traits(scene, name == "add-trait", text("name")),
        "api-call" => {
            scene.calls.push(Call::read(args)?);
            Ok(())
        }
        other => Err(format!("there is no action {other}")),
    }
}

fn severity(level: Option<&Value>) -> Result<Severity, String> {
    let level = level.map_or_else(|| "info".to_owned(), shown);
    match level.to_ascii_lowercase().as_str() {
        "debug" => Ok(Severity::Debug),
        "info" => Ok(Severity::Info),
        "warning" => Ok(Severity::Warning),
        "error" | "critical" => Ok(Severity::Error),
        other => Err(format!(
            "there is no level {other}; write debug, info, warning, error or critical"
        )),
    }
}

/// A path in either way of writing: `extra/rack/unit` or `extra.rack.unit`.
fn path(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains('/') {
        text.trim_matches('/').split('/').collect()
    } else {
        text.split('.').collect()
    };
    parts.into_iter().map(str::to_owned).collect()
}

/// Refuses what clients may not change either.
fn check(path: &[String], fields: &[Field]) -> Result<(), String> {
    let root = path.first().map_or("", String::as_str);
    let field = fields.iter().find(|field| field.name == root);
    let may = |field: &&Field| matches!(field.access, Access::CreateAndPatch | Access::Patch);
    match field {
        None => Err(format!("there is no attribute {root}")),
        Some(field) if may(&field) => Ok(()),
        Some(_) => Err(format!("attribute {root} cannot be changed by a rule")),
    }
}

/// Sets, extends or deletes what is at a path; objects on the way to it are made.
fn change(
    name: &str,
    root: &mut Value,
    path: &[String],
    value: &Value,
    is_unique: bool,
) -> Result<(), String> {
    let shown_path = || path.join("/");
    let (last, way) = path.split_last().ok_or("the path is empty")?;
    let deletes = name.starts_with("del-");
    let mut current = root;
    for part in way {
        let members = current
            .as_object_mut()
            .ok_or_else(|| format!("{} is not in an object", shown_path()))?;
        if deletes && !members.contains_key(part) {
            return Err(format!("there is no {}", shown_path()));
        }
        current = members
            .entry(part.as_str())
            .or_insert_with(|| Value::Object(Object::new()));
    }
    let members = current
        .as_object_mut()
        .ok_or_else(|| format!("{} is not in an object", shown_path()))?;
    if deletes {
        return match members.get_mut(last) {
            None => Err(format!("there is no {}", shown_path())),
            // A field of the node itself stays, empty.
            Some(member) if way.is_empty() => {
                *member = if member.is_object() {
                    Value::Object(Object::new())
                } else {
                    Value::Null
                };
                Ok(())
            }
            Some(_) => {
                members.shift_remove(last);
                Ok(())
            }
        };
    }
    if name.starts_with("set-") {
        members.insert(last.clone(), value.clone());
        return Ok(());
    }
    let list = members
        .entry(last.as_str())
        .or_insert_with(|| Value::Array(Vec::new()));
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    let items = list
        .as_array_mut()
        .ok_or_else(|| format!("{} is no list and cannot be extended", shown_path()))?;
    if !is_unique || !items.contains(value) {
        items.push(value.clone());
    }
    Ok(())
}

/// Takes what is at a path away, and the object that it was alone in.
fn unset(data: &mut Value, path: &[String]) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let mut current = &mut *data;
    for part in way {
        match current.get_mut(part) {
            Some(next) => current = next,
            None => return,
        }
    }
    let Some(members) = current.as_object_mut() else {
        return;
    };
    if members.shift_remove(last).is_some() && members.is_empty() && !way.is_empty() {
        // One level only, as upstream does.
        let mut parent = data;
        if let Some((emptied, above)) = way.split_last() {
            for part in above {
                match parent.get_mut(part) {
                    Some(next) => parent = next,
                    None => return,
                }
            }
            if let Some(members) = parent.as_object_mut() {
                members.shift_remove(emptied);
            }
        }
    }
}

/// Sets or removes a capability, which are kept as `name:value,name:value`.
fn capability(scene: &mut Scene, name: &str, value: Option<&str>) -> Result<(), String> {
    let known = scene
        .node
        .get("properties")
        .and_then(|properties| properties.get("capabilities"));
    let mut pairs: Vec<(String, String)> = match known {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text
            .split(',')
            .filter_map(|pair| pair.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect(),
        Some(_) => {
            return Err(
                "properties/capabilities is no text of the form name:value,name:value; \
                        write it so"
                    .to_owned(),
            );
        }
    };
    let at = pairs.iter().position(|(known, _)| known == name);
    match (at.and_then(|at| pairs.get_mut(at)), value) {
        (Some(pair), Some(value)) => pair.1 = value.to_owned(),
        (None, Some(value)) => pairs.push((name.to_owned(), value.to_owned())),
        (Some(_), None) => pairs.retain(|(known, _)| known != name),
        (None, None) => return Ok(()),
    }
    let text: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}:{v}")).collect();
    let path = ["properties".to_owned(), "capabilities".to_owned()];
    let value = Value::from(text.join(","));
    change("set-attribute", &mut scene.node, &path, &value, false)
}

fn traits(scene: &mut Scene, adds: bool, name: String) -> Result<(), String> {
    if adds && !crate::http::is_trait(&name) {
        return Err(format!(
            "{name} is no trait; write CUSTOM_ and then A-Z, 0-9 and _"
        ));
    }
    let list = scene.node.get_mut("traits").and_then(Value::as_array_mut);
    let list = list.ok_or("the node has no traits")?;
    let name = Value::from(name);
    if !adds {
        list.retain(|known| *known != name);
    } else if !list.contains(&name) {
        list.push(name);
    }
    Ok(())
}
