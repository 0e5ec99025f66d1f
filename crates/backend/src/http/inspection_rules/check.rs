//! What an inspection rule must look like: its conditions and actions by the tables of the contract.

use cupola_api::fault::ApiFault;
use cupola_api::inspection_rule::{
    ACTIONS, CONDITIONS, HIGHEST_PRIORITY, InspectionRule, MAIN_PHASE, RuleOperation,
};
use cupola_api::node::Object;
use serde_json::Value;

use super::super::repr::{repr, repr_list};
use super::super::schema::fault;

const MULTIPLE: [&str; 4] = ["any", "all", "first", "last"];

/// The conditions and actions of a document, before it is read as a rule.
pub(super) fn operations(document: &Object, what: &str) -> Result<(), ApiFault> {
    each(document, "conditions", what, |members| {
        let op = op(members, what)?;
        let found = RuleOperation::condition(op);
        found.ok_or_else(|| unknown(op, CONDITIONS, what))?;
        match members.get("multiple") {
            None => Ok(()),
            Some(Value::String(how)) if MULTIPLE.contains(&how.as_str()) => Ok(()),
            Some(other) => {
                let known = repr_list(MULTIPLE);
                Err(fault(
                    what,
                    format_args!("{} is not one of {known}", repr(other)),
                ))
            }
        }
    })?;
    each(document, "actions", what, |members| {
        let op = op(members, what)?;
        RuleOperation::action(op).ok_or_else(|| unknown(op, ACTIONS, what))?;
        Ok(())
    })
}

/// Looks at each object of a list; what else the field may be is told with the other fields.
fn each(
    document: &Object,
    field: &str,
    what: &str,
    check: impl Fn(&Object) -> Result<(), ApiFault>,
) -> Result<(), ApiFault> {
    let Some(Value::Array(list)) = document.get(field) else {
        return Ok(());
    };
    for item in list {
        let Value::Object(members) = item else {
            let text = format_args!("{} is not of type 'object'", repr(item));
            return Err(fault(what, text));
        };
        if let Some(name) = ["op", "args"].iter().find(|n| !members.contains_key(**n)) {
            let text = format_args!("'{name}' is a required property");
            return Err(fault(what, text));
        }
        for name in ["args", "loop"] {
            let given = members.get(name);
            if given.is_some_and(|value| !(value.is_array() || value.is_object())) {
                let text = format_args!("'{name}' is not of type 'array', 'object'");
                return Err(fault(what, text));
            }
        }
        check(members)?;
    }
    Ok(())
}

fn op<'m>(members: &'m Object, what: &str) -> Result<&'m str, ApiFault> {
    let op = members.get("op");
    let text = op.and_then(Value::as_str);
    text.ok_or_else(|| fault(what, "'op' is not of type 'string'"))
}

fn unknown(op: &str, table: &[RuleOperation], what: &str) -> ApiFault {
    let known = repr_list(table.iter().map(|operation| operation.name));
    fault(what, format_args!("'{op}' is not one of {known}"))
}

/// A phase that is null is none.
pub(super) fn phase(given: Option<&Value>) -> Result<(), ApiFault> {
    if given == Some(&Value::Null) {
        return Err(ApiFault::bad_request(format!(
            "Invalid phase: None. Valid phases are: {MAIN_PHASE}"
        )));
    }
    Ok(())
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
