//! What a runbook must look like.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::Object;
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::runbook::{RUNBOOKS, Runbook};
use serde_json::Value;

use super::super::body::additional;
use super::super::name::is_logical_text;
use super::super::nodes::traits;
use super::super::repr::{repr, repr_list};
use super::super::schema::{count, fault};

/// Interfaces that have steps of cleaning and servicing.
const INTERFACES: [&str; 7] = [
    "vendor",
    "power",
    "management",
    "firmware",
    "deploy",
    "bios",
    "raid",
];

/// Members of a step that must be there.
const REQUIRED: [&str; 3] = ["interface", "step", "order"];

/// All members of a step.
const MEMBERS: [&str; 4] = ["interface", "step", "order", "args"];

/// Refuses fields that this version does not know the way Ironic does here: as unknown ones.
pub(super) fn known_names(given: &Object, version: Microversion) -> Result<(), ApiFault> {
    let is_newer = |name: &&str| RUNBOOKS.field(name).is_some_and(|f| version < f.since);
    let newer: Vec<&str> = given.keys().map(String::as_str).filter(is_newer).collect();
    if newer.is_empty() {
        Ok(())
    } else {
        Err(additional(&newer, RUNBOOKS.words.body))
    }
}

/// Before 1.112 the name is the trait of the nodes; since then what can stand in a path.
pub(super) fn name(name: &str, version: Microversion, what: &str) -> Result<(), ApiFault> {
    if version >= Microversion::new(112) {
        return newest_name(name, what);
    }
    traits::reason(name).map_or(Ok(()), |reason| Err(fault(what, reason)))
}

/// The rule of the newest version, by which every name that is kept can be changed.
pub(super) fn newest_name(name: &str, what: &str) -> Result<(), ApiFault> {
    if is_logical_text(name) {
        return Ok(());
    }
    Err(match name {
        "" => fault(what, "'' should be non-empty"),
        name => fault(
            what,
            format_args!("'{name}' does not match '^[A-Za-z0-9\\\\-._~]+$'"),
        ),
    })
}

/// Brings the steps of a document into one form: the order a number, the arguments an object.
pub(super) fn steps(document: &mut Object, what: &str) -> Result<(), ApiFault> {
    let Some(Value::Array(steps)) = document.get_mut("steps") else {
        // What else it may be is told with the other fields.
        return Ok(());
    };
    steps.iter_mut().try_for_each(|item| step(item, what))
}

fn step(item: &mut Value, what: &str) -> Result<(), ApiFault> {
    let schema = |text: String| fault(what, text);
    let Value::Object(members) = item else {
        return Err(schema(format!("{} is not of type 'object'", repr(item))));
    };
    if let Some(name) = REQUIRED.iter().find(|name| !members.contains_key(**name)) {
        return Err(schema(format!("'{name}' is a required property")));
    }
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !MEMBERS.contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, what));
    }
    // What is null here is null in the body; only the arguments may be missing.
    let member = |key: &str| members.get(key).unwrap_or(&Value::Null);
    if let Some(args) = members.get("args").filter(|args| !args.is_object()) {
        return Err(schema(format!("{} is not of type 'object'", repr(args))));
    }
    let interface = member("interface");
    if !interface.as_str().is_some_and(|i| INTERFACES.contains(&i)) {
        let known = repr_list(INTERFACES);
        return Err(schema(format!("{} is not one of {known}", repr(interface))));
    }
    let order = count(member("order")).map_err(schema)?;
    match member("step") {
        Value::String(step) if step.is_empty() => {
            return Err(schema("'' should be non-empty".to_owned()));
        }
        Value::String(_) => {}
        other => return Err(schema(format!("{} is not of type 'string'", repr(other)))),
    }
    members.insert("order".to_owned(), Value::from(order));
    members
        .entry("args")
        .or_insert_with(|| Value::Object(Object::new()));
    Ok(())
}

/// Refuses two steps of one interface and name.
pub(super) fn no_duplicates(runbook: &Runbook) -> Result<(), ApiFault> {
    for (at, step) in runbook.steps.iter().enumerate() {
        let mut earlier = runbook.steps.iter().take(at);
        if earlier.any(|e| e.interface == step.interface && e.step == step.step) {
            return Err(ApiFault::bad_request(format!(
                "Runbook invalid: duplicate steps for interface {} and step {}; each may be there \
                 once.",
                step.interface, step.step
            )));
        }
    }
    Ok(())
}

/// The last value that a patch gives a field.
pub(super) fn given<'p>(patch: &'p [PatchOperation], field: &str) -> Option<&'p Value> {
    let path = format!("/{field}");
    let gives =
        |operation: &&PatchOperation| operation.path == path && operation.op != PatchVerb::Remove;
    patch.iter().rev().find(gives)?.value.as_ref()
}

/// A public runbook is nobody's.
pub(super) fn owner(before: &Runbook, patch: &[PatchOperation]) -> Result<(), ApiFault> {
    if given(patch, "owner").is_none_or(Value::is_null) {
        return Ok(());
    }
    let is_public = match given(patch, "public") {
        Some(value) => *value == Value::Bool(true),
        None => before.public,
    };
    if !is_public {
        return Ok(());
    }
    Err(ApiFault::bad_request(
        "Couldn't apply patch to /owner. Reason: There cannot be an owner for a public runbook",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_are_checked_and_brought_into_one_form() {
        let with = |step: Value| {
            let mut document = Object::new();
            document.insert("steps".to_owned(), json!([step]));
            steps(&mut document, "runbook").map(|()| document["steps"][0].clone())
        };
        let good = json!({"interface": "bios", "step": "a", "order": "2"});
        let read = with(good.clone()).unwrap();
        assert_eq!(read["order"], 2);
        assert_eq!(read["args"], json!({}));
        for (key, value) in [
            ("interface", json!("network")),
            ("step", json!("")),
            ("args", json!(null)),
            ("order", json!(-1)),
            ("order", json!("x")),
            ("priority", json!(1)),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(with(bad).is_err(), "{key}");
        }
        assert!(with(json!({"interface": "bios", "step": "a"})).is_err());
        assert!(with(json!(1)).is_err());
    }

    #[test]
    fn names_by_version() {
        let check = |text: &str, minor| name(text, Microversion::new(minor), "runbook").is_ok();
        assert!(check("CUSTOM_A", 111) && check("CUSTOM_A", 112));
        assert!(!check("erase-disks", 111) && check("erase-disks", 112));
        assert!(!check("a b", 112) && !check("", 112));
    }
}
