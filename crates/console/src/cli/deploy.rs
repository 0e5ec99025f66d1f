//! `cupola deploy`: an image onto nodes.

use std::collections::BTreeSet;

use clap::Args;
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use futures_util::StreamExt;
use tokio::task::JoinSet;

use super::tally::Tally;
use super::watch::Patience;
use super::{Common, Failure, Outcome, connect, watch};
use crate::effect::Action;
use crate::follow::{self, Told};
use crate::state::deploy::{action, image_at};
use crate::worker;

/// So many nodes are read at once.
const READS_AT_ONCE: usize = 16;

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Names or UUIDs
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Name of a configured image, or a URL
    #[arg(long, value_name = "NAME|URL")]
    image: String,
    /// Checksum of an image that is given by URL: md5, sha256 or sha512, hexadecimal; file:// needs
    /// none
    #[arg(long, value_name = "HEX")]
    checksum: Option<String>,
    /// Format of an image that is given by URL: raw or qcow2; else by its name
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Do without a config drive that carries the node's name as its hostname
    #[arg(long)]
    no_config_drive: bool,
    /// Return when the deploys have been accepted
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    patience: Patience,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Deploys; one node that fails does not stop the others.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common).await?;
    let image = image(&client, &arguments).await?;
    let names = distinct(&arguments.nodes);
    let (found, lost) = resolve(&client, &names).await;
    let mut tally = Tally::new(found.len() + lost.len());
    for (name, failure) in lost {
        tally.add(&name, Err(failure));
    }
    let mut tasks = JoinSet::new();
    for (name, node) in found {
        let (client, image) = (client.clone(), image.clone());
        let drive = !arguments.no_config_drive;
        let patience = (!arguments.no_wait).then_some(arguments.patience);
        tasks.spawn(async move {
            let outcome = one(&client, &name, &node, &image, drive, patience).await;
            (name, outcome)
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (name, outcome) = done.map_err(|e| Failure::failed(e.to_string()))?;
        tally.add(&name, outcome);
    }
    tally.finish(arguments.json)
}

/// Each name once, in the order given.
fn distinct(names: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let first = names.iter().filter(|name| seen.insert(name.as_str()));
    first.cloned().collect()
}

fn unknown(wanted: &str, images: &[Image]) -> Failure {
    if images.is_empty() {
        return Failure::usage(format!(
            "there is no image {wanted:?}: none are configured. Add an [[images]] table to the \
             service's configuration file, or give --image URL with --checksum HEX"
        ));
    }
    let names: Vec<&str> = images.iter().map(|i| i.name.as_str()).collect();
    Failure::usage(format!(
        "there is no image {wanted:?}; configured are: {}",
        names.join(", ")
    ))
}

type Found = Vec<(String, Node)>;
type NotFound = Vec<(String, Failure)>;

/// The nodes of these names; one that is named by its name and by its UUID comes once.
async fn resolve(client: &Client, names: &[String]) -> (Found, NotFound) {
    let reads = futures_util::stream::iter(names.to_vec()).map(|name| async move {
        let node = client.node(&NodeIdent::from(name.as_str())).await;
        (name, node)
    });
    let mut reads = std::pin::pin!(reads.buffered(READS_AT_ONCE));
    let (mut found, mut lost): (Found, NotFound) = (Vec::new(), Vec::new());
    while let Some((name, node)) = reads.next().await {
        match node {
            Ok(node) if found.iter().any(|(_, other)| other.uuid == node.uuid) => {}
            Ok(node) => found.push((name, node)),
            Err(error) => lost.push((name, error.into())),
        }
    }
    (found, lost)
}

async fn image(client: &Client, arguments: &Arguments) -> Result<Image, Failure> {
    let wanted = &arguments.image;
    if !wanted.contains("://") {
        let images = client.images().await?.images;
        let found = images.iter().find(|i| i.name == *wanted);
        return found.cloned().ok_or_else(|| unknown(wanted, &images));
    }
    let checksum = arguments.checksum.as_deref().unwrap_or_default();
    let by_name = if wanted.ends_with(".qcow2") {
        "qcow2"
    } else {
        "raw"
    };
    let format = arguments.format.as_deref().unwrap_or(by_name);
    image_at(wanted, checksum, format).ok_or_else(|| {
        Failure::usage(
            "an image by URL needs --checksum with 32, 64 or 128 hexadecimal digits; only file:// \
             on the conductor's host needs none",
        )
    })
}

async fn one(
    client: &Client,
    name: &str,
    before: &Node,
    image: &Image,
    drive: bool,
    patience: Option<Patience>,
) -> Result<Node, Failure> {
    let ident = NodeIdent::from(before.uuid);
    let position = follow::position(client, &ident).await;
    let hostname = before.display_name();
    let deploy: Action = action(image, drive.then_some(hostname.as_str()));
    worker::act::act(client, before.uuid, &deploy).await?;
    let Some(patience) = patience else {
        return Ok(client.node(&ident).await?);
    };
    let following = patience.following(position);
    let changed = before.provision_updated_at;
    let done = |n: &Node| n.provision_updated_at != changed && follow::is_at_rest(n);
    let tell = |told: Told<'_>| watch::note(&told, name);
    let node = follow::until(client, &ident, following, done, tell).await?;
    if node.provision_state.is_failed() {
        let error = node.last_error.clone().unwrap_or_default();
        return Err(Failure::failed(format!(
            "{}: {error}",
            node.provision_state
        )));
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_images_it_says_how_to_get_one() {
        let text = unknown("nope", &[]).to_string();
        assert!(text.contains("none are configured"), "{text}");
        assert!(
            text.contains("[[images]]") && text.contains("--checksum"),
            "{text}"
        );
    }

    #[test]
    fn a_node_that_is_named_twice_comes_once() {
        let names = ["b", "a", "b"].map(str::to_owned);
        assert_eq!(distinct(&names), ["b", "a"]);
    }
}
