//! `cupola node logs`: what the agents in a node's ramdisks have logged, and recorded consoles.

use std::path::{Path, PathBuf};

use clap::Args;
use cupola_api::client::Client;
use cupola_api::cupola::AgentLog;
use cupola_api::id::NodeIdent;
use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;

use super::super::output::{self, Table};
use super::super::{Failure, Outcome};

/// Arguments of `node logs`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name or UUID
    node: String,
    /// List the logs instead
    #[arg(long, conflicts_with_all = ["name", "output"])]
    list: bool,
    /// With --list: print JSON
    #[arg(long, requires = "list")]
    json: bool,
    /// The log of this name, as --list shows it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Save the log as it is, a .tar.gz
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) async fn run(client: &Client, arguments: &Arguments) -> Outcome {
    let node = NodeIdent::from(arguments.node.as_str());
    let logs = client.agent_logs(&node).await?.logs;
    if arguments.list {
        return list(&logs, arguments.json);
    }
    // A recorded serial console is shown when it is named, or is all there is.
    let newest = logs.iter().find(|log| !log.is_recording());
    let name = match (&arguments.name, newest.or(logs.first())) {
        (Some(name), _) => name.clone(),
        (None, Some(newest)) => newest.name.clone(),
        (None, None) => {
            return Err(Failure::failed(format!(
                "{}: no log was collected; that is done when the work of its ramdisk fails",
                arguments.node
            )));
        }
    };
    match &arguments.output {
        Some(path) => save(client, &node, &name, path).await,
        None => print(client, &node, &name).await,
    }
}

fn list(logs: &[AgentLog], json: bool) -> Outcome {
    if json {
        return output::json(&logs);
    }
    let mut table = Table::new(&["COLLECTED", "OF", "BYTES", "NAME"]);
    for log in logs {
        table.row(vec![
            log.collected_at.to_string(),
            log.label.clone(),
            log.size.to_string(),
            log.name.clone(),
        ]);
    }
    Ok(table.print()?)
}

/// Page after page, so that a long log is never in memory as a whole.
async fn print(client: &Client, node: &NodeIdent, name: &str) -> Outcome {
    let mut from = 0;
    loop {
        let page = client.agent_log_lines(node, name, from).await?;
        for line in &page.lines {
            output::line(line)?;
        }
        from += page.lines.len() as u64;
        if page.end || page.lines.is_empty() {
            return Ok(());
        }
    }
}

async fn save(client: &Client, node: &NodeIdent, name: &str, path: &Path) -> Outcome {
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut chunks = client.agent_log(node, name).await?;
    let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
    while let Some(chunk) = chunks.try_next().await? {
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}
