//! What the screens that watch ask for.

mod bundle;
mod sheet;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cupola_api::client::Client;
use cupola_api::id::NodeId;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::sleep;

use crate::event::Answer;
use crate::state::watching::compare::Sheet;
use crate::watching::{Ask, Told};

/// So many nodes are asked about at once.
const AT_ONCE: usize = 4;

/// Does it. Can be dropped at any await.
pub(super) async fn answer(client: Client, ask: Ask) -> Told {
    match ask {
        Ask::Durations => Told::Durations(match client.durations().await {
            Ok(durations) => Ok(Some(durations)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error.to_string()),
        }),
        Ask::Rest(ticket, duration) => {
            sleep(duration).await;
            Told::Rested(ticket)
        }
        Ask::Compare(ticket, nodes) => Told::Compared(ticket, sheets(&client, nodes).await),
        Ask::Save(name, text) => {
            let written = tokio::task::spawn_blocking(move || write_new(&name, text.as_bytes()));
            Told::Saved(written.await.unwrap_or_else(|error| Err(error.to_string())))
        }
        Ask::SaveLog(node, log, name) => Told::Saved(save_log(&client, node, &log, name).await),
        Ask::Bundle(bundle) => Told::Saved(bundle::write(&client, *bundle).await),
    }
}

async fn sheets(client: &Client, nodes: Vec<NodeId>) -> Answer<Vec<Sheet>> {
    let asked = stream::iter(nodes).map(|id| sheet::sheet(client, id));
    let answers: Vec<Answer<Sheet>> = asked.buffered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}

/// Writes a log page by page, so that it is never whole in memory.
async fn save_log(client: &Client, node: NodeId, log: &str, name: String) -> Answer<PathBuf> {
    let path = PathBuf::from(&name);
    let opened = path.clone();
    let created = tokio::task::spawn_blocking(move || create(&opened)).await;
    let mut file = created.unwrap_or_else(|error| Err(error.to_string()))?;
    let mut from = 0;
    loop {
        let page = client.agent_log_lines(&node.into(), log, from).await;
        let page = page.map_err(|error| error.to_string())?;
        from = page.first + page.lines.len() as u64;
        let is_last = page.end || page.lines.is_empty();
        let mut text = page.lines.join("\n");
        text.push('\n');
        let written = tokio::task::spawn_blocking(move || {
            let done = file.write_all(text.as_bytes());
            done.map(|()| file).map_err(|error| error.to_string())
        });
        file = written
            .await
            .unwrap_or_else(|error| Err(error.to_string()))?;
        if is_last {
            return Ok(std::path::absolute(&path).unwrap_or(path));
        }
    }
}

/// A new file that only its owner reads; one that is there already stays as it is.
fn create(path: &Path) -> Answer<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes such a file; where it is.
///
/// # Errors
/// A text for a person.
fn write_new(name: &str, content: &[u8]) -> Answer<PathBuf> {
    let path = Path::new(name);
    let written = create(path)?.write_all(content);
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}
