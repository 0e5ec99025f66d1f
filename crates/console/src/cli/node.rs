//! `cupola node list` and `cupola node show`.

use clap::{Args, Subcommand};
use cupola_api::client::Client;
use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::port::Port;
use serde_json::{Value, json};

use super::output::{self, Table};
use super::{Common, Outcome, connect};
use crate::summary;

/// What to do with nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List all nodes
    List(List),
    /// Show one node with its ports
    Show(Show),
}

/// Arguments of `node list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only nodes in this provision state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `node show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name or UUID
    node: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: Command) -> Outcome {
    let client = connect::client(common)?;
    match command {
        Command::List(arguments) => list(&client, &arguments).await,
        Command::Show(arguments) => show(&client, &arguments).await,
    }
}

async fn list(client: &Client, arguments: &List) -> Outcome {
    let mut nodes = summary::all(client).await?;
    if let Some(state) = &arguments.state {
        nodes.retain(|node| node.provision_state.as_str() == state);
    }
    if arguments.json {
        return output::json(&nodes);
    }
    let mut table = Table::new(&["NAME", "UUID", "POWER", "PROVISION STATE", "MAINT", "DOING"]);
    for node in &nodes {
        table.row(list_row(node));
    }
    Ok(table.print()?)
}

fn list_row(node: &NodeSummary) -> Vec<String> {
    vec![
        node.name.clone().unwrap_or_else(|| "-".to_owned()),
        node.uuid.to_string(),
        summary::power_word(node.power_state).to_owned(),
        node.provision_state.to_string(),
        if node.maintenance { "yes" } else { "no" }.to_owned(),
        summary::activity(node),
    ]
}

async fn show(client: &Client, arguments: &Show) -> Outcome {
    let ident = NodeIdent::from(arguments.node.as_str());
    let node = client.node(&ident).await?;
    let ports = client.ports(&ident).await?;
    if arguments.json {
        return output::json(&json!({ "node": node, "ports": ports }));
    }
    for text in show_lines(&node, &ports) {
        output::line(&text)?;
    }
    Ok(())
}

fn show_lines(node: &Node, ports: &[Port]) -> Vec<String> {
    let mut table = Table::new(&["FIELD", "VALUE"]);
    if let Ok(Value::Object(fields)) = serde_json::to_value(node) {
        for (name, value) in fields {
            if let Some(text) = plain(&value) {
                table.row(vec![name, text]);
            }
        }
    }
    for port in ports {
        let boots = if port.pxe_enabled { " (netboots)" } else { "" };
        table.row(vec!["port".to_owned(), format!("{}{boots}", port.address)]);
    }
    table.lines()
}

/// A value as a person reads it; nothing for what is empty.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(false) => None,
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Object(members) if members.is_empty() => None,
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}
