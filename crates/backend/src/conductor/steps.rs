//! Which steps run, and in which order (wire reference §19). Pure: no store, no hardware.

use cupola_api::agent::StepFlow;
use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_drivers::interface::{CleaningSettings, Retry, Step, StepSource};
use serde_json::Value;

use crate::store::{NewStep, StepRecord};

/// The interface under which the conductor's own steps run. They frame a flow and are no steps of
/// the reference: nodes do not show them.
pub(super) const OWN: &str = "conductor";

/// What is done before a deploy's steps.
pub(super) const PREPARE: &str = "prepare";
/// What is done before cleaning: the ramdisk is started.
pub(super) const START_CLEANING: &str = "start_cleaning";
/// What is done after cleaning: the ramdisk is stopped.
pub(super) const END_CLEANING: &str = "end_cleaning";
/// What is done before servicing: the ramdisk takes the instance's place.
pub(super) const START_SERVICE: &str = "start_service";
/// What is done after servicing: the instance is booted again.
pub(super) const END_SERVICE: &str = "end_service";
/// A reboot that a step has asked for.
pub(super) const REBOOT: &str = "reboot";

/// A step of the conductor's own.
pub(super) fn own(name: &str) -> Step {
    Step {
        abortable: true,
        ..Step::new(OWN, name, 0)
    }
}

/// Whether the step is the conductor's own.
pub(super) fn is_own(step: &Step) -> bool {
    step.interface == OWN
}

/// Whether an agent runs after the step.
pub(super) fn starts_agent(step: &Step) -> bool {
    let starts =
        step.is(OWN, START_CLEANING) || step.is(OWN, START_SERVICE) || step.is("deploy", "deploy");
    starts && step.on_child_nodes.is_none()
}

/// Whether no agent can be asked any more after the step.
pub(super) fn ends_agent(step: &Step) -> bool {
    let ends = step.is(OWN, END_CLEANING)
        || step.is(OWN, END_SERVICE)
        || step.is("deploy", "tear_down_agent");
    ends && step.on_child_nodes.is_none()
}

/// A step that every interface has and the conductor itself runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    /// Power on.
    PowerOn,
    /// Power off.
    PowerOff,
    /// Off and on again.
    Reboot,
    /// Hold the node until a user lets it go on.
    Hold,
    /// Wait for a time, or for the next heartbeat.
    Wait,
}

impl Reserved {
    /// What the step is, when it is such a one.
    pub(super) fn of(step: &Step) -> Option<Self> {
        if is_own(step) {
            return None;
        }
        match step.step.as_str() {
            "power_on" => Some(Self::PowerOn),
            "power_off" => Some(Self::PowerOff),
            "reboot" => Some(Self::Reboot),
            "hold" => Some(Self::Hold),
            "wait" => Some(Self::Wait),
            _ => None,
        }
    }
}

/// A step as it is written down: with everything that running it needs.
pub(super) fn to_stored(step: &Step) -> NewStep {
    let args = match serde_json::to_value(step) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Object::new(),
    };
    NewStep {
        interface: step.interface.clone(),
        step: step.step.clone(),
        args,
        priority: step.priority,
    }
}

/// The step that was written down.
pub(super) fn from_stored(record: &StepRecord) -> Step {
    serde_json::from_value(Value::Object(record.what.args.clone())).unwrap_or_else(|_| Step {
        retry: Retry::Ask,
        ..Step::new(
            &record.what.interface,
            &record.what.step,
            record.what.priority,
        )
    })
}

/// Reads a step that a user asks for.
pub(super) fn requested(value: &Value) -> Result<Step, String> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("step {value} has no {key}"))
    };
    let priority = match value.get("priority") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(digits)) => digits.parse().unwrap_or(0),
        _ => 0,
    };
    let args = match value.get("args") {
        None | Some(Value::Null) => Object::new(),
        Some(Value::Object(args)) => args.clone(),
        Some(other) => return Err(format!("args of a step are an object, not {other}")),
    };
    let step = wanted(&text("interface")?, &text("step")?, args, priority);
    if value.get("execute_on_child_nodes") != Some(&Value::Bool(true)) {
        return Ok(step);
    }
    Ok(Step {
        on_child_nodes: Some(child_nodes(value)?),
        requires_ramdisk: false,
        ..step
    })
}

/// The children that a step is limited to; none for all.
fn child_nodes(step: &Value) -> Result<Vec<NodeId>, String> {
    let named = step.get("limit_child_node_execution");
    let named = named.and_then(Value::as_array).map(Vec::as_slice);
    let id = |entry: &Value| entry.as_str().and_then(|text| text.parse().ok());
    let ids = named.unwrap_or_default().iter().map(|entry| {
        id(entry).ok_or_else(|| format!("limit_child_node_execution has {entry}, which is no UUID"))
    });
    ids.collect()
}

/// A step that is asked for, of which no more is known than that.
pub(super) fn wanted(interface: &str, step: &str, args: Object, priority: i64) -> Step {
    let step = Step {
        args,
        requested: true,
        requires_ramdisk: true,
        retry: Retry::Ask,
        ..Step::new(interface, step, priority)
    };
    match Reserved::of(&step) {
        Some(_) => Step {
            requires_ramdisk: false,
            retry: Retry::Safe,
            ..step
        },
        None => step,
    }
}

/// Steps that a user asks for, described and checked as far as that can be done before a ramdisk
/// runs: what no interface of the node knows may still be a step of the agent, unless there is no
/// ramdisk.
///
/// # Errors
/// Why a step cannot run.
pub(super) fn checked(
    requested: &[Step],
    known: &[Step],
    without_ramdisk: bool,
) -> Result<Vec<Step>, String> {
    let is_known = |step: &Step| known.iter().any(|k| k.is(&step.interface, &step.step));
    let check = |step: &Step| {
        // What a child's interfaces know is looked up there.
        if step.on_child_nodes.is_some() {
            return Ok(step.clone());
        }
        if Reserved::of(step).is_some() {
            return check_reserved(step).map(|()| step.clone());
        }
        let step = described(step, known);
        check_args(&step)?;
        if without_ramdisk && !is_known(&step) {
            return Err(format!(
                "node does not support this step: {}; without a ramdisk there are only those of its \
                 interfaces",
                step.name()
            ));
        }
        if without_ramdisk && step.requires_ramdisk {
            return Err(format!("step {} needs the ramdisk", step.name()));
        }
        Ok(step)
    };
    requested.iter().map(check).collect()
}

fn check_reserved(step: &Step) -> Result<(), String> {
    let may = |name: &str| name == "seconds" && Reserved::of(step) == Some(Reserved::Wait);
    if let Some(unknown) = step.args.keys().find(|name| !may(name)) {
        return Err(format!("step {} has no argument {unknown}", step.name()));
    }
    match step.args.get("seconds") {
        Some(value) if seconds(value).is_none() => Err(format!(
            "argument seconds of step {} is a whole number, 0 or more",
            step.name()
        )),
        _ => Ok(()),
    }
}

/// A number of seconds as a user may write it.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => digits.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The one step of which a request must not change the priority but to leave it out: whatever
/// comes later relies on it.
pub(super) fn check_deploy_step(requested: &[Step]) -> Result<(), String> {
    let moved = |step: &&Step| step.is("deploy", "deploy") && step.priority != 0;
    match requested.iter().find(moved) {
        Some(_) => Err(
            "step deploy.deploy can be left out with priority 0; another priority cannot be given"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

fn rank(interface: &str) -> u8 {
    match interface {
        "vendor" => 7,
        "power" => 6,
        "management" => 5,
        "firmware" => 4,
        "deploy" => 3,
        "bios" => 2,
        "raid" => 1,
        _ => 0,
    }
}

/// Sorts by priority, then by interface; equal ones stay as they are.
pub(super) fn sort(steps: &mut [Step]) {
    steps.sort_by_key(|step| std::cmp::Reverse((step.priority, rank(&step.interface))));
}

/// The list of a deploy or of automated cleaning, from what is known and what a user asks for: a
/// requested step replaces the known one, and removes it with priority 0.
pub(super) fn ordered(known: &[Step], requested: &[Step]) -> Vec<Step> {
    let replaced = |step: &Step| requested.iter().any(|r| r.is(&step.interface, &step.step));
    let mut list: Vec<Step> = known
        .iter()
        .filter(|step| step.priority > 0 && !replaced(step))
        .cloned()
        .collect();
    for wanted in requested.iter().filter(|step| step.priority > 0) {
        list.push(described(wanted, known));
    }
    sort(&mut list);
    list
}

/// A requested step with what is known of it.
fn described(wanted: &Step, known: &[Step]) -> Step {
    match known.iter().find(|k| k.is(&wanted.interface, &wanted.step)) {
        None => wanted.clone(),
        Some(known) => Step {
            priority: wanted.priority,
            args: wanted.args.clone(),
            requested: true,
            ..known.clone()
        },
    }
}

/// The steps that are still to do, once every step is known: requested ones are described and
/// checked, those of the agent join them. Manual cleaning keeps its order and adds nothing.
///
/// # Errors
/// A requested step that nobody knows, or arguments that it does not take.
pub(super) fn completed(
    pending: &[Step],
    done: &[Step],
    known: &[Step],
    manual: bool,
) -> Result<Vec<Step>, String> {
    let mut list = Vec::new();
    for step in pending.iter().filter(|step| !is_own(step)) {
        let described = if step.on_child_nodes.is_some() {
            list.push(step.clone());
            continue;
        } else if step.requested && Reserved::of(step).is_none() {
            if !known.iter().any(|k| k.is(&step.interface, &step.step)) {
                return Err(format!("node does not support this step: {}", step.name()));
            }
            described(step, known)
        } else {
            step.clone()
        };
        check_args(&described)?;
        list.push(described);
    }
    if !manual {
        let there =
            |list: &[Step], step: &Step| list.iter().any(|s| s.is(&step.interface, &step.step));
        for step in known.iter().filter(|step| step.priority > 0) {
            if !there(&list, step) && !there(done, step) {
                list.push(step.clone());
            }
        }
        sort(&mut list);
    }
    list.extend(pending.iter().filter(|step| is_own(step)).cloned());
    Ok(list)
}

fn check_args(step: &Step) -> Result<(), String> {
    let Some(info) = step.argsinfo.as_ref().filter(|_| step.requested) else {
        return Ok(());
    };
    if let Some(unknown) = step.args.keys().find(|key| !info.contains_key(*key)) {
        return Err(format!("step {} has no argument {unknown}", step.name()));
    }
    let missing = info
        .iter()
        .find(|(name, arg)| arg.required && !step.args.contains_key(*name));
    match missing {
        Some((name, _)) => Err(format!("step {} needs the argument {name}", step.name())),
        None => Ok(()),
    }
}

/// Clean steps with the priorities that the configuration wants.
pub(super) fn with_overrides(
    mut steps: Vec<Step>,
    flow: StepFlow,
    settings: &CleaningSettings,
) -> Vec<Step> {
    if flow != StepFlow::Clean {
        return steps;
    }
    for step in &mut steps {
        let of_agent = match (step.interface.as_str(), step.step.as_str()) {
            _ if step.source != StepSource::Agent => None,
            ("deploy", "erase_devices") => settings.erase_devices_priority,
            ("deploy", "erase_devices_metadata") => settings.erase_devices_metadata_priority,
            ("raid", "create_configuration") => settings.create_configuration_priority,
            ("raid", "delete_configuration") => settings.delete_configuration_priority,
            _ => None,
        };
        let of_any = settings.priority_overrides.get(&step.name()).copied();
        step.priority = of_any.or(of_agent).unwrap_or(step.priority);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn names(steps: &[Step]) -> Vec<String> {
        steps.iter().map(Step::name).collect()
    }

    fn wanted(interface: &str, step: &str, priority: i64) -> Step {
        let value = json!({"interface": interface, "step": step, "args": {}, "priority": priority});
        requested(&value).unwrap()
    }

    #[test]
    fn a_user_s_step_replaces_and_removes() {
        let known = [
            Step::new("deploy", "deploy", 100),
            Step::new("deploy", "write_image", 80),
            Step::new("raid", "apply", 0),
        ];
        let list = ordered(
            &known,
            &[
                wanted("deploy", "write_image", 0),
                wanted("raid", "apply", 90),
            ],
        );
        assert_eq!(names(&list), ["deploy.deploy", "raid.apply"]);
    }

    #[test]
    fn equal_priorities_go_by_interface() {
        let known = [
            Step::new("raid", "a", 10),
            Step::new("vendor", "b", 10),
            Step::new("deploy", "c", 10),
        ];
        assert_eq!(
            names(&ordered(&known, &[])),
            ["vendor.b", "deploy.c", "raid.a"]
        );
    }

    #[test]
    fn steps_of_the_agent_join_and_the_frame_stays_last() {
        let pending = [own(END_CLEANING)];
        let agent = [
            Step::new("deploy", "erase_devices", 10),
            Step::new("deploy", "erase_devices_metadata", 99),
            Step::new("deploy", "burnin_cpu", 0),
        ];
        let list = completed(&pending, &[], &agent, false).unwrap();
        assert_eq!(
            names(&list),
            [
                "deploy.erase_devices_metadata",
                "deploy.erase_devices",
                "conductor.end_cleaning"
            ]
        );
    }

    #[test]
    fn a_step_for_child_nodes_does_not_run_on_their_parent() {
        let mut value = json!({"interface": "power", "step": "reboot",
            "execute_on_child_nodes": false});
        assert!(requested(&value).is_ok_and(|step| step.on_child_nodes.is_none()));
        value["execute_on_child_nodes"] = json!(true);
        let all = requested(&value).unwrap();
        assert_eq!(all.on_child_nodes, Some(Vec::new()));
        let child = NodeId::random();
        value["limit_child_node_execution"] = json!([child]);
        assert!(requested(&value).is_ok_and(|step| step.on_child_nodes == Some(vec![child])));
        // The parent's interfaces need not know it, before the ramdisk and after.
        value["step"] = json!("of_children");
        let step = requested(&value).unwrap();
        assert!(checked(std::slice::from_ref(&step), &[], true).is_ok());
        assert_eq!(completed(&[step], &[], &[], true).unwrap().len(), 1);
        value["limit_child_node_execution"] = json!(["child"]);
        assert!(requested(&value).is_err_and(|e| e.contains("no UUID")));
    }

    #[test]
    fn a_manual_step_that_nobody_knows_is_refused() {
        let pending = [wanted("deploy", "nonsense", 0), own(END_CLEANING)];
        let error = completed(&pending, &[], &[], true).unwrap_err();
        assert!(error.contains("deploy.nonsense"), "{error}");
    }

    #[test]
    fn what_is_written_down_reads_back() {
        let mut step = wanted("deploy", "write_image", 80);
        step.args.insert("a".to_owned(), json!({"b": [1, null]}));
        let record = StepRecord {
            index: 1,
            what: to_stored(&step),
            state: crate::store::StepState::Pending,
            started_at: None,
            finished_at: None,
            message: None,
        };
        assert_eq!(from_stored(&record), step);
    }

    proptest! {
        #[test]
        fn lists_are_sorted_and_hold_each_step_once(priorities in proptest::collection::vec(0_i64..200, 0..12)) {
            let known: Vec<Step> = priorities
                .iter()
                .enumerate()
                .map(|(at, priority)| Step::new("deploy", &format!("s{at}"), *priority))
                .collect();
            let list = ordered(&known, &[]);
            prop_assert!(list.windows(2).all(|w| w[0].priority >= w[1].priority));
            prop_assert_eq!(list.len(), priorities.iter().filter(|p| **p > 0).count());
            let completed = completed(&list, &[], &known, false).unwrap();
            prop_assert_eq!(completed, list);
        }
    }
}
