//! What a deploy template must look like.

use cupola_api::deploy_template::{DeployTemplate, TemplateStep};
use cupola_api::fault::ApiFault;
use cupola_api::id::DeployTemplateId;
use cupola_api::node::Object;
use serde_json::Value;

use super::super::body::additional;
use super::super::nodes::traits;
use super::super::repr::{repr, repr_list};
use super::super::schema::{count, fault};

/// Interfaces that have deploy steps.
const INTERFACES: [&str; 7] = [
    "vendor",
    "power",
    "management",
    "firmware",
    "deploy",
    "bios",
    "raid",
];

/// Members of a step, all of them required.
const STEP: [&str; 4] = ["interface", "step", "args", "priority"];

/// How long a description may be, in characters.
const DESCRIPTION: usize = 255;

/// The checks of a template, or of a `patch`: the name stands in the errors.
struct Schema(&'static str);

/// The template out of the body that makes it.
///
/// # Errors
/// What is missing, unknown or wrong.
pub(super) fn created(given: &Object) -> Result<DeployTemplate, ApiFault> {
    let schema = Schema("template");
    for name in ["steps", "name"] {
        if !given.contains_key(name) {
            return Err(schema.fault(format!("'{name}' is a required property")));
        }
    }
    let known = ["uuid", "name", "steps", "extra", "description"];
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, schema.0));
    }
    schema.description(given)?;
    let (extra, name, steps) = (
        schema.extra(given)?,
        schema.name(given)?,
        schema.steps(given)?,
    );
    let uuid = match given.get("uuid") {
        None | Some(Value::Null) => DeployTemplateId::random(),
        Some(Value::String(text)) => text
            .parse()
            .map_err(|_| ApiFault::bad_request(format!("Expected UUID for uuid: {text}")))?,
        Some(other) => {
            let shown = repr(other);
            return Err(schema.fault(format!("{shown} is not of type 'string', 'null'")));
        }
    };
    Ok(DeployTemplate {
        uuid,
        name,
        steps,
        extra,
        created_at: None,
        updated_at: None,
    })
}

/// The template out of its patched document.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn patched(
    document: &Object,
    before: &DeployTemplate,
) -> Result<DeployTemplate, ApiFault> {
    let schema = Schema("patch");
    Ok(DeployTemplate {
        extra: schema.extra(document)?,
        name: schema.name(document)?,
        steps: schema.steps(document)?,
        ..before.clone()
    })
}

impl Schema {
    fn fault(&self, reason: impl std::fmt::Display) -> ApiFault {
        fault(self.0, reason)
    }

    fn type_fault(&self, value: &Value, wanted: &str) -> ApiFault {
        self.fault(format!("{} is not of type {wanted}", repr(value)))
    }

    /// Upstream takes a description and forgets it.
    fn description(&self, given: &Object) -> Result<(), ApiFault> {
        match given.get("description") {
            Some(Value::String(text)) if text.chars().count() > DESCRIPTION => {
                Err(self.fault(format!("'{text}' is too long")))
            }
            None | Some(Value::Null | Value::String(_)) => Ok(()),
            Some(other) => Err(self.type_fault(other, "'string', 'null'")),
        }
    }

    fn name(&self, given: &Object) -> Result<String, ApiFault> {
        match given.get("name") {
            Some(Value::String(name)) => match traits::reason(name) {
                None => Ok(name.clone()),
                Some(reason) => Err(self.fault(reason)),
            },
            None => Err(self.fault("'name' is a required property")),
            Some(other) => Err(self.type_fault(other, "'string'")),
        }
    }

    fn extra(&self, given: &Object) -> Result<Object, ApiFault> {
        match given.get("extra") {
            None | Some(Value::Null) => Ok(Object::new()),
            Some(Value::Object(extra)) => Ok(extra.clone()),
            Some(other) => Err(self.type_fault(other, "'object', 'null'")),
        }
    }

    fn steps(&self, given: &Object) -> Result<Vec<TemplateStep>, ApiFault> {
        let items = match given.get("steps") {
            Some(Value::Array(items)) if !items.is_empty() => items,
            Some(Value::Array(_)) => return Err(self.fault("[] should be non-empty")),
            None => return Err(self.fault("'steps' is a required property")),
            Some(other) => return Err(self.type_fault(other, "'array'")),
        };
        let mut steps: Vec<TemplateStep> = Vec::with_capacity(items.len());
        for item in items {
            let step = self.step(item)?;
            let same = |s: &TemplateStep| s.interface == step.interface && s.step == step.step;
            if steps.iter().any(same) {
                return Err(ApiFault::bad_request(format!(
                    "Deploy template invalid: Duplicate deploy steps. A template cannot have multiple \
                     deploy steps with the same interface and step. Duplicates: interface: {}, step: \
                     {}.",
                    step.interface, step.step
                )));
            }
            steps.push(step);
        }
        Ok(steps)
    }

    fn step(&self, item: &Value) -> Result<TemplateStep, ApiFault> {
        let Value::Object(members) = item else {
            return Err(self.type_fault(item, "'object'"));
        };
        if let Some(name) = STEP.iter().find(|name| !members.contains_key(**name)) {
            return Err(self.fault(format!("'{name}' is a required property")));
        }
        let unknown: Vec<&str> = members
            .keys()
            .map(String::as_str)
            .filter(|name| !STEP.contains(name))
            .collect();
        if !unknown.is_empty() {
            return Err(additional(&unknown, self.0));
        }
        // All members are there: what is null here is null in the body.
        let member = |key: &str| members.get(key).unwrap_or(&Value::Null);
        let args = match member("args") {
            Value::Object(args) => args.clone(),
            other => return Err(self.type_fault(other, "'object'")),
        };
        let interface = match member("interface") {
            Value::String(interface) if INTERFACES.contains(&interface.as_str()) => interface,
            other => {
                let known = repr_list(INTERFACES);
                return Err(self.fault(format!("{} is not one of {known}", repr(other))));
            }
        };
        let priority = count(member("priority")).map_err(|reason| self.fault(reason))?;
        let step = match member("step") {
            Value::String(step) if step.is_empty() => {
                return Err(self.fault("'' should be non-empty"));
            }
            Value::String(step) => step,
            other => return Err(self.type_fault(other, "'string'")),
        };
        Ok(TemplateStep {
            interface: interface.clone(),
            step: step.clone(),
            args,
            priority,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(body: Value) -> Result<DeployTemplate, String> {
        match body {
            Value::Object(given) => created(&given).map_err(|fault| fault.message),
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
