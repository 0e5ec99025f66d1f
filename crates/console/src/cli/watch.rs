//! `cupola watch`: what happens to a node, until it is at rest.

use clap::Args;
use cupola_api::event::{Event, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;

use super::{Common, Failure, Outcome, connect, output};
use crate::{describe, follow};

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name or UUID
    node: String,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Follows the node. The exit code says how it came to rest: 0 well, 1 failed.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common)?;
    let ident = NodeIdent::from(arguments.node.as_str());
    let tell = |event: &Event| print(event, arguments.json);
    let node = follow::until(&client, &ident, None, follow::is_at_rest, tell).await?;
    verdict(&node)
}

/// Prints an event to standard output.
pub(crate) fn print(event: &Event, json: bool) {
    if matches!(event.kind, EventKind::NodeChanged { .. }) {
        return;
    }
    let text = if json {
        serde_json::to_string(event).unwrap_or_default()
    } else {
        describe::line(event)
    };
    // A reader who went away wants no more lines; the end of the work is still waited for.
    let _ = output::line(&text);
}

/// Notes an event on standard error, with its node in front.
pub(crate) fn note(event: &Event, name: &str) {
    if !matches!(event.kind, EventKind::NodeChanged { .. }) {
        output::note(&format!("{name}  {}", describe::line(event)));
    }
}

/// How a node came to rest.
pub(crate) fn verdict(node: &Node) -> Outcome {
    let (name, state) = (node.display_name(), node.provision_state);
    if state.is_failed() {
        let error = node
            .last_error
            .as_deref()
            .unwrap_or("no error was recorded");
        return Err(Failure::failed(format!("{name} is {state}: {error}")));
    }
    output::note(&format!("{name} is {state}"));
    Ok(())
}
