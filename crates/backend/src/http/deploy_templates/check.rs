//! What a deploy template must look like.

use cupola_api::deploy_template::{DeployTemplate, TemplateStep};
use cupola_api::fault::ApiFault;
use cupola_api::id::DeployTemplateId;
use cupola_api::node::Object;
use serde_json::Value;

use super::super::body::additional;
use super::super::nodes::traits;
use super::super::repr::repr;

/// Interfaces that have deploy steps.
const INTERFACES: [&str; 7] = [
    "bios",
    "deploy",
    "firmware",
    "management",
    "power",
    "raid",
    "vendor",
];

/// Members of a step, all of them required.
const STEP: [&str; 4] = ["interface", "step", "args", "priority"];

fn schema(reason: impl std::fmt::Display) -> ApiFault {
    ApiFault::bad_request(format!("Schema error for deploy template: {reason}"))
}

fn invalid(reason: impl std::fmt::Display) -> ApiFault {
    ApiFault::bad_request(format!("Deploy template invalid: {reason}."))
}

/// The template out of the body that makes it.
///
/// # Errors
/// What is missing, unknown or wrong.
pub(super) fn created(mut given: Object) -> Result<DeployTemplate, ApiFault> {
    // Upstream takes a description and forgets it.
    if given
        .shift_remove("description")
        .is_some_and(|d| !(d.is_string() || d.is_null()))
    {
        return Err(schema("'description' is not of type 'string', 'null'"));
    }
    let known = ["uuid", "name", "steps", "extra"];
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, "deploy template"));
    }
    let uuid = match given.get("uuid") {
        None | Some(Value::Null) => DeployTemplateId::random(),
        Some(value) => value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| schema(format!("{} is not a 'uuid'", repr(value))))?,
    };
    Ok(DeployTemplate {
        uuid,
        name: name(&given)?,
        steps: steps(&given)?,
        extra: extra(&given)?,
        created_at: None,
        updated_at: None,
    })
}

/// The template out of its patched document.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn patched(
    document: Object,
    before: &DeployTemplate,
) -> Result<DeployTemplate, ApiFault> {
    Ok(DeployTemplate {
        name: name(&document)?,
        steps: steps(&document)?,
        extra: extra(&document)?,
        ..before.clone()
    })
}

fn name(given: &Object) -> Result<String, ApiFault> {
    match given.get("name") {
        Some(Value::String(name)) => {
            traits::check(name).map_err(|_| {
                invalid(format!(
                    "the name {name} is no trait: write CUSTOM_ and then A-Z, 0-9 and _, or the name \
                     of a standard trait, at most 255 characters"
                ))
            })?;
            Ok(name.clone())
        }
        Some(Value::Null) | None => Err(schema("'name' is a required property")),
        Some(other) => Err(schema(format!("{} is not of type 'string'", repr(other)))),
    }
}

fn extra(given: &Object) -> Result<Object, ApiFault> {
    match given.get("extra") {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(extra)) => Ok(extra.clone()),
        Some(other) => Err(schema(format!(
            "{} is not of type 'object', 'null'",
            repr(other)
        ))),
    }
}

fn steps(given: &Object) -> Result<Vec<TemplateStep>, ApiFault> {
    let items = match given.get("steps") {
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(Value::Array(_)) => return Err(schema("[] should be non-empty")),
        Some(Value::Null) | None => return Err(schema("'steps' is a required property")),
        Some(other) => {
            return Err(schema(format!("{} is not of type 'array'", repr(other))));
        }
    };
    let mut steps: Vec<TemplateStep> = Vec::with_capacity(items.len());
    for item in items {
        let step = step(item)?;
        let same = |s: &TemplateStep| s.interface == step.interface && s.step == step.step;
        if steps.iter().any(same) {
            return Err(invalid(format!(
                "Duplicate deploy steps for interface {} and step {}; each may be there once",
                step.interface, step.step
            )));
        }
        steps.push(step);
    }
    Ok(steps)
}

fn step(item: &Value) -> Result<TemplateStep, ApiFault> {
    let Value::Object(members) = item else {
        return Err(schema(format!("{} is not of type 'object'", repr(item))));
    };
    if let Some(name) = STEP.iter().find(|name| !members.contains_key(**name)) {
        return Err(schema(format!("'{name}' is a required property of a step")));
    }
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !STEP.contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, "deploy template step"));
    }
    let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
    let interface = text("interface");
    if !INTERFACES.contains(&interface) {
        return Err(schema(format!(
            "'{interface}' is not one of {INTERFACES:?}"
        )));
    }
    let step = text("step");
    if step.is_empty() || step.len() > 255 {
        return Err(schema("'step' must be a text of 1 to 255 characters"));
    }
    let args = match members.get("args") {
        Some(Value::Object(args)) => args.clone(),
        _ => return Err(schema("'args' is not of type 'object'")),
    };
    let priority = match members.get("priority") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(digits)) => digits.parse().ok(),
        _ => None,
    };
    let priority = priority
        .filter(|priority| *priority >= 0)
        .ok_or_else(|| schema("'priority' must be a whole number, 0 or more"))?;
    Ok(TemplateStep {
        interface: interface.to_owned(),
        step: step.to_owned(),
        args,
        priority,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(body: Value) -> Result<DeployTemplate, String> {
        match body {
            Value::Object(given) => created(given).map_err(|fault| fault.message),
            _ => Err("no object".to_owned()),
        }
    }

    fn with(steps: Value) -> Result<DeployTemplate, String> {
        made(json!({"name": "CUSTOM_X", "steps": steps}))
    }

    #[test]
    fn steps_are_checked() {
        let step = json!({"interface": "bios", "step": "a", "args": {}, "priority": "50"});
        let template = with(json!([step])).unwrap();
        assert_eq!(template.steps[0].priority, 50);
        assert!(with(json!([])).is_err());
        assert!(with(json!([step, step])).is_err_and(|e| e.contains("Duplicate")));
        for (key, value) in [
            ("interface", json!("network")),
            ("step", json!("")),
            ("args", json!(null)),
            ("priority", json!(-1)),
            ("priority", json!("x")),
            ("more", json!(1)),
        ] {
            let mut bad = step.clone();
            bad[key] = value;
            assert!(with(json!([bad])).is_err(), "{key}");
        }
    }

    #[test]
    fn the_name_is_a_trait() {
        let step = json!({"interface": "bios", "step": "a", "args": {}, "priority": 1});
        let named = |name: Value| made(json!({"name": name, "steps": [step]}));
        assert!(named(json!("CUSTOM_A_1")).is_ok());
        for bad in [json!("custom"), json!(null), json!(7), json!("")] {
            assert!(named(bad.clone()).is_err(), "{bad}");
        }
    }
}
