//! Inspection rules at the end of an inspection (wire reference §14.3): those whose conditions hold
//! act, by priority, on a copy of the node, its ports and what was found. The copy is kept when all
//! have run: a rule that fails fails the inspection, and nothing of it stays. Other services are called
//! between the two, so that nobody is told of what was not done.

mod action;
mod call;
mod condition;
mod format;

use cupola_api::event::Severity;
use cupola_api::inspection_rule::{InspectionRule, RuleOperation};
use cupola_api::node::{Node, Object};
use cupola_api::port::Port;
use cupola_api::resource::NodeInventory;
use cupola_api::secret;
use serde_json::Value;

use super::changes::Changes;
use super::error::{WorkError, WorkResult};
use super::work::Work;
use call::Call;
use format::Names;

/// Members of what was found that rules see masked, as upstream's do.
const MASKED: [&str; 3] = ["password", "auth_token", "bmc_password"];

/// What rules act on.
#[derive(Clone, Debug, PartialEq)]
struct Scene {
    node: Value,
    ports: Vec<Value>,
    plugin_data: Value,
    /// What rules say.
    log: Vec<(Severity, String)>,
    /// Whom the rule calls.
    calls: Vec<Call>,
}

/// What rules have made of a node.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The members of the node that differ.
    changes: Changes,
    traits: Option<Vec<String>>,
    ports: Vec<Port>,
    log: Vec<(Severity, String)>,
    /// Whom rules call, in their order, after the title of the rule.
    calls: Vec<(String, Call)>,
}

impl Applied {
    /// Writes what rules have changed over the node as it is then.
    pub(super) fn apply(&self, node: &mut Node) {
        match self.changes.applied_to(node) {
            Ok(merged) => *node = merged,
            // It fitted the node that the rules were applied to.
            Err(fault) => tracing::error!(%fault, node = %node.uuid, "inspection rules were lost"),
        }
    }
}

impl Work {
    /// Applies all rules to a node as the inspection leaves it; what was found is changed at once.
    pub(super) async fn apply_rules(
        &self,
        node: &Node,
        found: &mut NodeInventory,
    ) -> WorkResult<Applied> {
        let store = self.conductor().store();
        let mut rules = store.documents::<InspectionRule>(&[]).await?;
        if rules.is_empty() {
            return Ok(Applied::default());
        }
        // Those of one priority stay in the order of their creation.
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        let ports = store.ports_of(self.id()).await?;
        let applied = applied(&rules, node, &ports, found).map_err(WorkError::failed)?;
        for (title, call) in &applied.calls {
            call.make().await.map_err(|error| {
                let text = format!("inspection rule {title} failed: action api-call: {error}");
                WorkError::failed(text)
            })?;
        }
        Ok(applied)
    }

    /// Keeps what rules have made of traits and ports, and tells what they say.
    pub(super) async fn keep_applied(&self, applied: &Applied) -> WorkResult<()> {
        let store = self.conductor().store();
        for (severity, text) in &applied.log {
            self.log(*severity, text.as_str());
        }
        if let Some(traits) = &applied.traits {
            let stored = store.set_traits(self.id(), traits).await?;
            self.conductor().events().node_changed(&stored);
        }
        for port in &applied.ports {
            store.save_port(port).await?;
        }
        Ok(())
    }
}

fn applied(
    rules: &[InspectionRule],
    node: &Node,
    ports: &[Port],
    found: &mut NodeInventory,
) -> Result<Applied, String> {
    let value = |what: serde_json::Result<Value>| what.map_err(|error| error.to_string());
    let mut scene = Scene {
        node: value(serde_json::to_value(node))?,
        ports: ports
            .iter()
            .map(|port| value(serde_json::to_value(port)))
            .collect::<Result<_, _>>()?,
        plugin_data: Value::Object(found.plugin_data.clone()),
        log: Vec::new(),
        calls: Vec::new(),
    };
    let mut calls = Vec::new();
    let mut inventory = Value::Object(found.inventory.clone());
    mask(&mut inventory);
    for rule in rules {
        let fault = |error: String| format!("inspection rule {} failed: {error}", title(rule));
        // Each is tried on a copy, so that what it changes is whole.
        let mut next = scene.clone();
        if run(rule, &mut next, &inventory).map_err(fault)? {
            let read = serde_json::from_value::<Node>(next.node.clone());
            read.map_err(|error| fault(format!("the node would not be one any more: {error}")))?;
            scene = next;
            let made = scene.calls.drain(..);
            calls.extend(made.map(|call| (title(rule), call)));
        }
    }
    let mut wanted: Node = serde_json::from_value(scene.node).map_err(|e| e.to_string())?;
    wanted.traits.sort();
    wanted.traits.dedup();
    let mut changes = Changes::between(node, &wanted).map_err(|fault| fault.message)?;
    let traits = changes.take("traits").then_some(wanted.traits);
    let mut changed = Vec::new();
    for (before, after) in ports.iter().zip(scene.ports) {
        let after: Port = serde_json::from_value(after)
            .map_err(|e| format!("port {} would not be one any more: {e}", before.uuid))?;
        if after != *before {
            changed.push(after);
        }
    }
    if let Value::Object(plugin_data) = scene.plugin_data {
        found.plugin_data = plugin_data;
    }
    Ok(Applied {
        changes,
        traits,
        ports: changed,
        log: scene.log,
        calls,
    })
}

/// How a rule is called in errors.
fn title(rule: &InspectionRule) -> String {
    match &rule.description {
        Some(description) => format!("{} ({description})", rule.uuid),
        None => rule.uuid.to_string(),
    }
}

/// Whether the conditions held; then the actions have been done.
fn run(rule: &InspectionRule, scene: &mut Scene, inventory: &Value) -> Result<bool, String> {
    for condition in &rule.conditions {
        let plugin_data = masked(&scene.plugin_data);
        let names = Names {
            node: &scene.node,
            inventory,
            plugin_data: &plugin_data,
            item: None,
        };
        let holds = condition::holds(condition, names)
            .map_err(|error| format!("condition {}: {error}", condition.op))?;
        if !holds {
            return Ok(false);
        }
    }
    for action in &rule.actions {
        let fault = |error: String| match action.op.as_str() {
            "fail" => error,
            op => format!("action {op}: {error}"),
        };
        match items(action.items.as_ref()) {
            None => act(action, scene, inventory, None).map_err(fault)?,
            Some(looped) => {
                for item in looped {
                    act(action, scene, inventory, Some(item)).map_err(fault)?;
                }
            }
        }
    }
    Ok(true)
}

fn act(
    action: &cupola_api::inspection_rule::RuleAction,
    scene: &mut Scene,
    inventory: &Value,
    item: Option<&Value>,
) -> Result<(), String> {
    let operation = RuleOperation::action(&action.op)
        .ok_or_else(|| format!("there is no action {}", action.op))?;
    let plugin_data = masked(&scene.plugin_data);
    // What is said is read by many: no secret of the node goes there.
    let is_said = matches!(operation.name, "log" | "fail");
    let node = if is_said {
        let mut members = scene.node.as_object().cloned().unwrap_or_default();
        secret::mask(&mut members);
        Value::Object(members)
    } else {
        scene.node.clone()
    };
    let names = Names {
        node: &node,
        inventory,
        plugin_data: &plugin_data,
        item,
    };
    let args = arguments(operation, &action.args, names, None)?;
    action::perform(operation.name, &args, scene)
}

/// The items of a loop; none when there is no loop. An object is one item.
fn items(looped: Option<&Value>) -> Option<&[Value]> {
    match looped? {
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items),
        Value::Object(members) if members.is_empty() => None,
        other => Some(std::slice::from_ref(other)),
    }
}

/// The arguments with what stands in braces filled in: in a loop in all of them, else in those that
/// the table names.
fn arguments(
    operation: &RuleOperation,
    args: &Value,
    names: Names<'_>,
    missing: Option<&Value>,
) -> Result<Object, String> {
    // Items may have names in them, too.
    let filled = names.item.map(|item| {
        let outer = Names {
            item: None,
            ..names
        };
        outer.fill(item, missing)
    });
    let names = Names {
        item: filled.as_ref(),
        ..names
    };
    let given = operation.arguments(args)?;
    let fill = |(name, value): (String, Value)| {
        let is_filled = names.item.is_some() || operation.formatted.contains(&name.as_str());
        let value = if is_filled {
            names.fill(&value, missing)
        } else {
            value
        };
        (name, value)
    };
    Ok(given.into_iter().map(fill).collect())
}

fn masked(value: &Value) -> Value {
    let mut value = value.clone();
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if MASKED.contains(&name.as_str()) {
                    *member = Value::from("***");
                } else {
                    mask(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
