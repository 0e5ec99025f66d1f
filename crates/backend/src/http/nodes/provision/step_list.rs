//! The form of the steps that a provision request brings along (wire reference §10.3), in the words
//! of Ironic's schema checks. Whether a step exists is the conductor's.

use cupola_api::fault::ApiFault;
use cupola_api::node::Object;
use serde_json::Value;

use super::super::super::repr::{repr, repr_list};

/// Interfaces that have steps.
const INTERFACES: [&str; 7] = [
    "vendor",
    "power",
    "management",
    "firmware",
    "deploy",
    "bios",
    "raid",
];

/// What the members of a kind of steps are.
pub(super) struct Form {
    /// The kind, as in `clean_steps`.
    pub(super) kind: &'static str,
    required: &'static [&'static str],
    known: &'static [&'static str],
}

/// Steps of a manual cleaning.
pub(super) const CLEAN: Form = manual("clean");

/// Steps of servicing.
pub(super) const SERVICE: Form = manual("service");

/// Steps added to a deploy.
pub(super) const DEPLOY: Form = Form {
    kind: "deploy",
    required: &["interface", "step", "args", "priority"],
    known: &["interface", "step", "args", "priority"],
};

const fn manual(kind: &'static str) -> Form {
    Form {
        kind,
        required: &["interface", "step"],
        known: &[
            "interface",
            "step",
            "args",
            "order",
            "execute_on_child_nodes",
            "limit_child_node_execution",
        ],
    }
}

/// Checks the steps.
///
/// # Errors
/// The first that is wrong: what lacks members or has too many stands before members that are wrong.
pub(super) fn check(steps: &Option<Vec<Value>>, form: &Form) -> Result<(), ApiFault> {
    let fault =
        |text: String| ApiFault::bad_request(format!("Invalid {}_steps: {text}", form.kind));
    let mut all = Vec::new();
    for step in steps.iter().flatten() {
        let Value::Object(members) = step else {
            return Err(fault(format!("{} is not of type 'object'", repr(step))));
        };
        if let Some(name) = form.required.iter().find(|n| !members.contains_key(**n)) {
            return Err(fault(format!("'{name}' is a required property")));
        }
        let unknown = members
            .keys()
            .find(|name| !form.known.contains(&name.as_str()));
        if let Some(name) = unknown {
            let text = format!("Additional properties are not allowed ('{name}' was unexpected)");
            return Err(fault(text));
        }
        all.push(members);
    }
    all.into_iter()
        .try_for_each(|members| values(members).map_err(fault))
}

fn values(members: &Object) -> Result<(), String> {
    if let Some(interface) = members.get("interface")
        && !interface.as_str().is_some_and(|i| INTERFACES.contains(&i))
    {
        let known = repr_list(INTERFACES);
        return Err(format!("{} is not one of {known}", repr(interface)));
    }
    match members.get("step") {
        Some(Value::String(step)) if step.is_empty() => {
            return Err("'' should be non-empty".to_owned());
        }
        Some(Value::String(_)) | None => {}
        Some(other) => return Err(format!("{} is not of type 'string'", repr(other))),
    }
    // Arguments may hold secrets: one that is no object is not shown when it could.
    if let Some(args) = members.get("args").filter(|args| !args.is_object()) {
        let shown = match args {
            Value::Null | Value::Bool(_) | Value::Number(_) => repr(args),
            Value::String(_) | Value::Array(_) | Value::Object(_) => "'args'".to_owned(),
        };
        return Err(format!("{shown} is not of type 'object'"));
    }
    for name in ["order", "priority"] {
        if let Some(number) = members.get(name).filter(|n| !is_order(n)) {
            let shown = repr(number);
            return Err(format!(
                "{shown} is not valid under any of the given schemas"
            ));
        }
    }
    let child = members.get("execute_on_child_nodes");
    if let Some(other) = child.filter(|c| !c.is_boolean()) {
        return Err(format!("{} is not of type 'boolean'", repr(other)));
    }
    let limit = members.get("limit_child_node_execution");
    if let Some(other) = limit.filter(|l| !l.is_array()) {
        return Err(format!("{} is not of type 'array'", repr(other)));
    }
    Ok(())
}

/// A whole number from 0 on, or its digits.
fn is_order(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some(),
        Value::String(text) => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(step: Value) -> Option<String> {
        check(&Some(vec![step]), &CLEAN).err().map(|f| f.message)
    }

    #[test]
    fn what_is_wrong_is_told_as_ironic_tells_it() {
        assert_eq!(
            refusal(json!({"interface": "bios", "step": "a", "order": "1"})),
            None
        );
        for (step, want) in [
            (json!(5), "5 is not of type 'object'"),
            (json!({"step": "a"}), "'interface' is a required property"),
            (
                json!({"interface": "nope", "step": "a", "foo": 1}),
                "Additional properties are not allowed ('foo' was unexpected)",
            ),
            (
                json!({"interface": "nope", "step": "a"}),
                "'nope' is not one of ['vendor', 'power', 'management', 'firmware', 'deploy', 'bios', \
                 'raid']",
            ),
            (
                json!({"interface": "bios", "step": ""}),
                "'' should be non-empty",
            ),
            (
                json!({"interface": "bios", "step": "a", "args": null}),
                "None is not of type 'object'",
            ),
        ] {
            assert_eq!(refusal(step), Some(format!("Invalid clean_steps: {want}")));
        }
        let secret = json!({"interface": "bios", "step": "a", "args": ["hunter2"]});
        assert!(refusal(secret).is_some_and(|text| !text.contains("hunter2")));
    }
}
