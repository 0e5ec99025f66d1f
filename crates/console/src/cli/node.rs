//! `cupola node list` and `cupola node show`; `cupola node logs` is in [`logs`].

mod logs;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use cupola_api::client::Client;
use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::state::provision::ProvisionState;
use serde_json::{Value, json};
use url::Url;

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
    /// Print the log of a node's ramdisk that was collected last
    Logs(logs::Arguments),
}

/// Arguments of `node list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only nodes in this provision state
    #[arg(long, value_name = "STATE", value_parser = states())]
    state: Option<ProvisionState>,
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

fn states() -> impl TypedValueParser<Value = ProvisionState> {
    let names = ProvisionState::ALL.iter().map(|state| state.as_str());
    PossibleValuesParser::new(names)
        .try_map(|name| ProvisionState::parse(&name).ok_or("there is no such state"))
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: Command) -> Outcome {
    let client = connect::client(common).await?;
    match command {
        Command::List(arguments) => list(&client, &arguments).await,
        Command::Show(arguments) => show(&client, &arguments).await,
        Command::Logs(arguments) => logs::run(&client, &arguments).await,
    }
}

async fn list(client: &Client, arguments: &List) -> Outcome {
    let mut nodes = summary::all(client).await?;
    if let Some(state) = arguments.state {
        nodes.retain(|node| node.provision_state == state);
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

/// The fields and ports of a node, as lines for a person.
pub(super) fn show_lines(node: &Node, ports: &[Port]) -> Vec<String> {
    let mut table = Table::new(&["FIELD", "VALUE"]);
    if let Ok(Value::Object(fields)) = serde_json::to_value(node) {
        for (name, value) in fields {
            if let Some(text) =
                plain(&without_credentials(value)).or_else(|| when_empty(&name, node))
            {
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

/// What a person looks for also when there is nothing to tell.
fn when_empty(field: &str, node: &Node) -> Option<String> {
    match field {
        "maintenance" => Some("no".to_owned()),
        "power_state" => Some(summary::power_word(node.power_state).to_owned()),
        "last_error" => Some("-".to_owned()),
        _ => None,
    }
}

/// A value with its URLs as they may be seen over a shoulder: without user, password and query,
/// which hold secrets in signed URLs.
fn without_credentials(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(match Url::parse(&text) {
            Ok(url) if text.contains("://") => shown(url, text),
            Ok(_) | Err(_) => text,
        }),
        Value::Array(items) => items.into_iter().map(without_credentials).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(k, v)| (k, without_credentials(v))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// The URL without what may be secret; as it was written where there is nothing.
fn shown(mut url: Url, written: String) -> String {
    if url.username().is_empty() && url.password().is_none() && url.query().is_none() {
        return written;
    }
    url.set_query(None);
    // Both fail only for URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_images_are_not_shown() {
        let mut node = Node::default();
        let mut set = |key: &str, text: &str| {
            node.instance_info.insert(key.to_owned(), json!(text));
        };
        set(
            "image_source",
            "http://bob:SECRET@h:8080/a%20b.img?sig=SECRET",
        );
        set("image_checksum", "https://h/SHA256SUMS");
        let lines = show_lines(&node, &[]).join("\n");
        assert!(
            !lines.contains("SECRET") && !lines.contains("bob"),
            "{lines}"
        );
        assert!(lines.contains("\"http://h:8080/a%20b.img\""), "{lines}");
        assert!(lines.contains("\"https://h/SHA256SUMS\""), "{lines}");
    }

    #[test]
    fn maintenance_power_and_error_are_shown_also_when_there_is_nothing() {
        let lines = show_lines(&Node::default(), &[]);
        let shown = |field: &str| {
            let line = lines.iter().find(|line| line.starts_with(field));
            line.and_then(|line| line.split_whitespace().nth(1))
        };
        assert_eq!(shown("maintenance "), Some("no"));
        assert_eq!(shown("last_error "), Some("-"));
        assert!(shown("power_state ").is_some());
        assert_eq!(shown("description "), None);
    }
}
