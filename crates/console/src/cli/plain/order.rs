//! What a line means: orders are words in the order in which they are said. `manage r01u01 r01u02`,
//! `power-off where state:active`, `deploy r01u01 image debian-12`.

use cupola_api::cupola::NodeSummary;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};

use crate::command::{self, Act, Command};
use crate::summary;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The line is empty.
    Nothing,
    /// What can be typed.
    Help,
    /// The nodes that a filter shows.
    List(String),
    /// The fields of a node.
    Show(String),
    /// Where a node stands, and why.
    Explain(String),
    /// What happened to a node.
    Events(String),
    /// The images that can be deployed.
    Images,
    /// Of whom changes are told.
    Watch(Watch),
    /// Wait until nothing is done to them any more, or until they are in this state.
    Wait(Targets, Option<ProvisionState>),
    /// The enrolment wizard.
    Enrol,
    /// Something is done that needs no more words.
    Act(Act, Targets),
    /// The image of this name, or at this URL, is deployed.
    Deploy(Targets, String),
    /// Into maintenance with a reason, or out of it.
    Maintenance(bool, Targets, Option<String>),
    /// Manual cleaning or servicing by the runbook of this name.
    Runbook(ProvisionVerb, Targets, String),
    /// Leave.
    Quit,
}

/// Which nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    /// Those of these names or UUIDs.
    Named(Vec<String>),
    /// Those that a filter shows.
    Where(String),
}

/// Of which nodes changes are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// Of all.
    All,
    /// Of those that have failed.
    Failures,
    /// Of these, by name or UUID.
    Named(Vec<String>),
    /// Of none.
    Nothing,
}

impl Watch {
    /// Whether a change of this node is told.
    pub(super) fn takes(&self, node: &NodeSummary) -> bool {
        match self {
            Self::All => true,
            Self::Failures => node.provision_state.is_failed() || node.fault.is_some(),
            Self::Named(names) => {
                let (name, id) = (summary::display_name(node), node.uuid.to_string());
                names.iter().any(|wanted| *wanted == name || *wanted == id)
            }
            Self::Nothing => false,
        }
    }
}

/// What can be typed, with what it does.
pub(super) const HELP: &[(&str, &str)] = &[
    (
        "list [FILTER]",
        "the nodes; `list state:active` those that a filter shows",
    ),
    ("show NODE", "its fields and ports"),
    (
        "explain NODE",
        "where it stands, what it waits for, and what may be wrong",
    ),
    ("events NODE", "what happened to it"),
    ("images", "what can be deployed"),
    (
        "watch all | failures | nothing | NODES",
        "of whom changes are told",
    ),
    (
        "wait NODES [until STATE]",
        "until nothing is done to them any more, or they are in this state or have failed",
    ),
    ("enrol", "enrol a machine, question by question"),
    (
        "deploy NODES image NAME",
        "deploy an image; a URL wants `sha256:` and its checksum after it",
    ),
    (
        "maintenance on NODES [because REASON]",
        "put into maintenance",
    ),
    ("maintenance off NODES", "take out of it"),
    (
        "clean NODES runbook NAME",
        "clean by a runbook; service likewise",
    ),
    (
        "VERB NODES",
        "manage, provide, inspect, undeploy, abort, power-on, power-off and so on",
    ),
    ("quit", "leave; what was begun goes on"),
];

/// Reads a line.
///
/// # Errors
/// A text for the person who typed it.
pub(super) fn parse(line: &str) -> Result<Order, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let alone = |order: Order| match rest {
        "" => Ok(order),
        _ => Err(format!("{word} takes nothing after it")),
    };
    match word {
        "" => Ok(Order::Nothing),
        "help" | "?" => alone(Order::Help),
        "quit" | "exit" => alone(Order::Quit),
        "images" => alone(Order::Images),
        "enrol" | "enroll" => alone(Order::Enrol),
        "list" | "nodes" => Ok(Order::List(rest.to_owned())),
        "show" | "node" => one(word, rest).map(Order::Show),
        "explain" | "why" => one(word, rest).map(Order::Explain),
        "events" | "timeline" => one(word, rest).map(Order::Events),
        "wait" => wait(rest),
        "watch" => watch(rest).map(Order::Watch),
        "maintenance" => maintenance(rest),
        _ => act(word, rest),
    }
}

fn one(word: &str, rest: &str) -> Result<String, String> {
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (Some(node), None) => Ok(node.to_owned()),
        _ => Err(format!("{word} wants one node: {word} NODE")),
    }
}

fn targets(word: &str, rest: &str) -> Result<Targets, String> {
    let mut words = rest.split_whitespace();
    match words.next() {
        None => Err(format!(
            "{word} wants nodes: {word} NODE NODE, or {word} where FILTER"
        )),
        Some("where") => {
            let filter = rest.strip_prefix("where").unwrap_or_default().trim();
            match filter {
                "" => Err("where wants a filter after it, such as state:enroll".to_owned()),
                filter => Ok(Targets::Where(filter.to_owned())),
            }
        }
        Some(first) => {
            let names = std::iter::once(first).chain(words);
            Ok(Targets::Named(names.map(str::to_owned).collect()))
        }
    }
}

fn wait(rest: &str) -> Result<Order, String> {
    let (nodes, state) = parted(rest, "until");
    let nodes = targets("wait", &nodes)?;
    let state = state.map(|name| {
        ProvisionState::parse(&name).ok_or_else(|| {
            let all: Vec<&str> = ProvisionState::ALL.iter().map(|s| s.as_str()).collect();
            format!("there is no state {name}; there are {}", all.join(", "))
        })
    });
    Ok(Order::Wait(nodes, state.transpose()?))
}

fn watch(rest: &str) -> Result<Watch, String> {
    Ok(match rest {
        "all" => Watch::All,
        "failures" => Watch::Failures,
        "nothing" | "none" | "off" => Watch::Nothing,
        "" => return Err("watch wants all, failures, nothing, or names of nodes".to_owned()),
        names => Watch::Named(names.split_whitespace().map(str::to_owned).collect()),
    })
}

fn maintenance(rest: &str) -> Result<Order, String> {
    let usage =
        || "say `maintenance on NODES because REASON`, or `maintenance off NODES`".to_owned();
    let (way, rest) = rest.split_once(char::is_whitespace).ok_or_else(usage)?;
    match way {
        "on" => {
            let (nodes, reason) = parted(rest, "because");
            let nodes = targets("maintenance on", &nodes)?;
            Ok(Order::Maintenance(true, nodes, reason))
        }
        "off" => Ok(Order::Maintenance(
            false,
            targets("maintenance off", rest)?,
            None,
        )),
        _ => Err(usage()),
    }
}

/// What stands before a word, and what stands after it where the word is there.
fn parted(text: &str, word: &str) -> (String, Option<String>) {
    let mut before: Vec<&str> = Vec::new();
    let mut words = text.split_whitespace();
    for next in words.by_ref() {
        if next == word {
            break;
        }
        before.push(next);
    }
    let after = words.collect::<Vec<_>>().join(" ");
    (before.join(" "), (!after.is_empty()).then_some(after))
}

/// A verb of the console's table of commands.
fn act(word: &str, rest: &str) -> Result<Order, String> {
    let no_such = || format!("there is no order {word}; `help` tells what can be typed");
    let (entry, _) = command::parse(word).map_err(|why| match why.contains("could be") {
        true => why.replace(':', ""),
        false => no_such(),
    })?;
    let Command::Act(act) = entry.command else {
        return Err(no_such());
    };
    match act {
        Act::Deploy => {
            let (nodes, image) = parted(rest, "image");
            let nodes = targets("deploy", &nodes)?;
            let image = image.ok_or(
                "deploy wants an image: deploy NODES image NAME; `images` tells which there are",
            )?;
            Ok(Order::Deploy(nodes, image))
        }
        Act::Verb(verb @ (ProvisionVerb::Clean | ProvisionVerb::Service)) => {
            let (nodes, runbook) = parted(rest, "runbook");
            let nodes = targets(word, &nodes)?;
            let runbook = runbook.ok_or_else(|| {
                format!("{word} wants a runbook: {word} NODES runbook NAME. Single steps are given on the screen, or by `openstack baremetal node {word}`")
            })?;
            Ok(Order::Runbook(verb, nodes, runbook))
        }
        Act::Maintenance => maintenance(rest),
        act => Ok(Order::Act(act, targets(word, rest)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(names: &[&str]) -> Targets {
        Targets::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn orders_are_words() {
        let manage = Act::Verb(ProvisionVerb::Manage);
        assert_eq!(
            parse(" manage  a b "),
            Ok(Order::Act(manage, named(&["a", "b"])))
        );
        assert_eq!(
            parse("manage where state:enroll rack:r01"),
            Ok(Order::Act(
                manage,
                Targets::Where("state:enroll rack:r01".to_owned())
            ))
        );
        assert_eq!(
            parse("deploy a b image debian-12"),
            Ok(Order::Deploy(named(&["a", "b"]), "debian-12".to_owned()))
        );
        let reason = Some("the fan is loud".to_owned());
        assert_eq!(
            parse("maintenance on a because the fan is loud"),
            Ok(Order::Maintenance(true, named(&["a"]), reason))
        );
        assert_eq!(
            parse("clean imager runbook wipe"),
            Ok(Order::Runbook(
                ProvisionVerb::Clean,
                named(&["imager"]),
                "wipe".to_owned()
            ))
        );
        assert_eq!(
            parse("wait a until clean wait"),
            Ok(Order::Wait(named(&["a"]), Some(ProvisionState::CleanWait)))
        );
        assert_eq!(parse(""), Ok(Order::Nothing));
    }

    #[test]
    fn what_is_missing_is_told() {
        for (line, wanted) in [
            ("manage", "wants nodes"),
            ("deploy a", "wants an image"),
            ("clean a", "wants a runbook"),
            ("rescue", "wants nodes"),
            ("wait a until done", "there is no state done"),
            ("manage where", "wants a filter"),
            ("maintenance a", "maintenance on"),
            ("show a b", "one node"),
            ("frobnicate a", "no order frobnicate"),
            ("sort name", "no order sort"),
            ("quit now", "nothing after"),
        ] {
            let said = parse(line).expect_err(line);
            assert!(said.contains(wanted), "{line}: {said}");
        }
    }

    #[test]
    fn each_order_of_the_help_is_one() {
        for (usage, _) in HELP {
            let word = usage.split_whitespace().next().unwrap_or_default();
            if word != "VERB" {
                let said = parse(word).err().unwrap_or_default();
                assert!(!said.contains("no order"), "{usage}: {said}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_line_is_safe(line in ".*") {
            let _ = parse(&line);
        }
    }
}
