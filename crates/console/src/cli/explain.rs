//! `cupola explain`: where a node stands, what it waits for, and what may be wrong.

use clap::Args;
use cupola_api::boot_ladder::Rung;
use cupola_api::diagnosis::{Diagnosis, Explanation};
use cupola_api::id::NodeIdent;
use jiff::Timestamp;

use super::{Common, Outcome, connect, output};
use crate::describe;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name or UUID
    node: String,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the explanation. A node that failed is explained all the same: exit code 0.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common).await?;
    let ident = NodeIdent::from(arguments.node.as_str());
    let explanation = client.explain(&ident).await?;
    if arguments.json {
        return output::json(&explanation);
    }
    for text in lines(&explanation, Timestamp::now()) {
        output::line(&text)?;
    }
    Ok(())
}

/// The explanation as lines for a person.
pub(super) fn lines(explanation: &Explanation, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |label: &str, text: String| lines.push(format!("{label:<12} {text}"));
    let uuid = explanation.uuid.to_string();
    add("Node", explanation.name.clone().unwrap_or(uuid));
    let target = explanation.target_provision_state;
    let target = target.map(|t| format!(" -> {t}")).unwrap_or_default();
    let since = explanation.since.map(|at| describe::since(at, now));
    let since = since.map(|age| format!(", for {age}")).unwrap_or_default();
    let state = explanation.provision_state;
    add("State", format!("{state}{target}{since}"));
    let power = explanation.power_state.map_or("unknown", |p| p.as_str());
    add("Power", power.to_owned());
    if explanation.maintenance {
        let fault = explanation.fault.map(|f| format!(", fault {}", f.as_str()));
        add("Maintenance", format!("yes{}", fault.unwrap_or_default()));
    }
    if let Some(step) = &explanation.step {
        let percent = step.percent.map(|p| format!(", {p}%")).unwrap_or_default();
        let (name, index, total) = (&step.step, step.index, step.total);
        add("Step", format!("{name} ({index} of {total}{percent})"));
    }
    if let Some(waiting) = &explanation.waiting {
        let since = describe::since(waiting.since, now);
        let end = waiting.deadline.map(|at| describe::since(now, at));
        let end = end.map(|left| format!(", gives up in {left}"));
        let end = end.unwrap_or_default();
        add("Waits for", format!("{} (for {since}{end})", waiting.what));
    }
    if let Some(error) = &explanation.last_error {
        add("Last error", error.clone());
    }
    if let Some(diagnosis) = &explanation.diagnosis {
        ladder(diagnosis, explanation.provision_state.is_failed(), &mut add);
    }
    add("Next", explanation.next.clone());
    lines
}

fn ladder(diagnosis: &Diagnosis, broke: bool, add: &mut impl FnMut(&str, String)) {
    let of = Rung::ALL.len();
    if let Some(reached) = &diagnosis.reached {
        let at = reached.at.strftime("%H:%M:%S UTC");
        let (rung, number, seen) = (reached.rung, reached.rung.number(), &reached.seen);
        add(
            "Reached",
            format!("{rung} ({number} of {of}) at {at}: {seen}"),
        );
    }
    let label = if broke { "Broke at" } else { "Stands at" };
    let (rung, number) = (diagnosis.rung, diagnosis.rung.number());
    let expected = &diagnosis.expected;
    add(label, format!("{rung} ({number} of {of}): {expected}"));
    for (number, cause) in (1..).zip(&diagnosis.causes) {
        let label = if number == 1 { "Causes" } else { "" };
        let text = format!("{number}. {}: {}", cause.cause, cause.remedy);
        add(label, text);
    }
}

#[cfg(test)]
mod tests {
    use cupola_api::diagnosis::{Cause, Reached};

    use super::*;

    #[test]
    fn a_failed_node_is_explained_from_its_state_to_what_is_next() {
        let at = Timestamp::UNIX_EPOCH;
        let mut explanation: Explanation = serde_json::from_value(serde_json::json!({
            "uuid": uuid::Uuid::nil(), "name": "n1", "provision_state": "deploy failed",
            "target_provision_state": "active", "last_error": "Timeout.",
            "since": at, "next": "Somebody has to act.",
        }))
        .expect("an explanation");
        explanation.diagnosis = Some(Diagnosis {
            reached: Some(Reached {
                rung: Rung::DhcpAck,
                at,
                seen: "DHCP ack 10.0.0.7".to_owned(),
            }),
            rung: Rung::Loader,
            expected: "the loader goes over".to_owned(),
            causes: vec![Cause {
                cause: "a firewall".to_owned(),
                remedy: "open UDP port 69".to_owned(),
            }],
            unknown: None,
        });
        let text = lines(&explanation, at).join("\n");
        assert_eq!(
            text,
            "Node         n1\n\
             State        deploy failed -> active, for 0s\n\
             Power        unknown\n\
             Last error   Timeout.\n\
             Reached      DHCP ack (6 of 17) at 00:00:00 UTC: DHCP ack 10.0.0.7\n\
             Broke at     boot loader (7 of 17): the loader goes over\n\
             Causes       1. a firewall: open UDP port 69\n\
             Next         Somebody has to act."
        );
    }
}
