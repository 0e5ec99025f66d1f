//! What an inspection rule must look like: its conditions and actions by the tables of the contract.

use cupola_api::fault::ApiFault;
use cupola_api::inspection_rule::{
    ACTIONS, CONDITIONS, HIGHEST_PRIORITY, InspectionRule, MAIN_PHASE, RuleOperation,
};
use cupola_api::node::Object;
use serde_json::Value;

use super::super::repr::repr;

const MULTIPLE: [&str; 4] = ["any", "all", "first", "last"];

fn schema(reason: impl std::fmt::Display) -> ApiFault {
    ApiFault::bad_request(format!("Schema error for inspection rule: {reason}"))
}

/// The conditions and actions of a document, before it is read as a rule.
pub(super) fn operations(document: &Object) -> Result<(), ApiFault> {
    each(document, "conditions", |members| {
        let op = op(members)?;
        let found = RuleOperation::condition(op);
        found.ok_or_else(|| unknown(op, CONDITIONS))?;
        match members.get("multiple") {
            None => Ok(()),
            Some(Value::String(how)) if MULTIPLE.contains(&how.as_str()) => Ok(()),
            Some(other) => Err(schema(format!(
                "{} is not one of {MULTIPLE:?}",
                repr(other)
            ))),
        }
    })?;
    each(document, "actions", |members| {
        let op = op(members)?;
        RuleOperation::action(op).ok_or_else(|| unknown(op, ACTIONS))?;
        Ok(())
    })
}

/// Looks at each object of a list; what else the field may be is told with the other fields.
fn each(
    document: &Object,
    field: &str,
    check: impl Fn(&Object) -> Result<(), ApiFault>,
) -> Result<(), ApiFault> {
    let Some(Value::Array(list)) = document.get(field) else {
        return Ok(());
    };
    for item in list {
        let Value::Object(members) = item else {
            return Err(schema(format!("{} is not of type 'object'", repr(item))));
        };
        if let Some(name) = ["op", "args"].iter().find(|n| !members.contains_key(**n)) {
            return Err(schema(format!("'{name}' is a required property")));
        }
        for name in ["args", "loop"] {
            let given = members.get(name);
            if given.is_some_and(|value| !(value.is_array() || value.is_object())) {
                return Err(schema(format!("'{name}' is not of type 'array', 'object'")));
            }
        }
        check(members)?;
    }
    Ok(())
}

fn op(members: &Object) -> Result<&str, ApiFault> {
    let op = members.get("op");
    let text = op.and_then(Value::as_str);
    text.ok_or_else(|| schema("'op' is not of type 'string'"))
}

fn unknown(op: &str, table: &[RuleOperation]) -> ApiFault {
    let known: Vec<&str> = table.iter().map(|operation| operation.name).collect();
    schema(format!("'{op}' is not one of {known:?}"))
}

/// The rest of it: phase, priority, and the arguments of conditions and actions.
pub(super) fn rule(rule: &InspectionRule) -> Result<(), ApiFault> {
    if rule.phase != MAIN_PHASE {
        return Err(ApiFault::bad_request(format!(
            "Invalid phase: {}. Valid phases are: {MAIN_PHASE}",
            rule.phase
        )));
    }
    if rule.priority < 0 {
        return Err(ApiFault::bad_request(
            "Priority cannot be negative for user-defined rules.",
        ));
    }
    if rule.priority > HIGHEST_PRIORITY {
        return Err(ApiFault::bad_request(
            "Priority must be between 0 and 9999 for user-defined rules.",
        ));
    }
    let invalid = |kind: &str, op: &str, error: String| {
        ApiFault::bad_request(format!("Invalid parameters for {kind} {op}: {error}"))
    };
    for condition in &rule.conditions {
        if let Some((operation, _)) = RuleOperation::condition(&condition.op)
            && let Err(error) = operation.arguments(&condition.args)
        {
            return Err(invalid("condition operator", &condition.op, error));
        }
    }
    for action in &rule.actions {
        if let Some(operation) = RuleOperation::action(&action.op)
            && let Err(error) = operation.arguments(&action.args)
        {
            return Err(invalid("action operator", &action.op, error));
        }
    }
    Ok(())
}
