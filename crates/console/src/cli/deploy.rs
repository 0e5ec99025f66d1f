//! `cupola deploy`: an image onto nodes.

use clap::Args;
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Common, Failure, Outcome, connect, output, watch};
use crate::effect::Action;
use crate::state::deploy::{action, hash_algorithm};
use crate::{follow, worker};

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Names or UUIDs
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Name of a configured image, or a URL
    #[arg(long, value_name = "NAME|URL")]
    image: String,
    /// Checksum of an image that is given by URL: md5, sha256 or sha512, hexadecimal
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
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Deploys; one node that fails does not stop the others.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common)?;
    let image = image(&client, &arguments).await?;
    let mut tasks = JoinSet::new();
    for name in arguments.nodes.clone() {
        let (client, image) = (client.clone(), image.clone());
        let (drive, wait) = (!arguments.no_config_drive, !arguments.no_wait);
        tasks.spawn(async move {
            let outcome = one(&client, &name, &image, drive, wait).await;
            (name, outcome)
        });
    }
    let mut results = Vec::new();
    let mut failure = None;
    while let Some(done) = tasks.join_next().await {
        let (name, outcome) = done.map_err(|e| Failure::failed(e.to_string()))?;
        let result = match &outcome {
            Ok(node) => {
                output::note(&format!("{name} is {}", node.provision_state));
                json!({ "name": name, "uuid": node.uuid, "provision_state": node.provision_state })
            }
            Err(error) => {
                output::error(&format!("{name}: {error}"));
                json!({ "name": name, "error": error.to_string() })
            }
        };
        results.push(result);
        failure = outcome.err().or(failure);
    }
    if arguments.json {
        output::json(&results)?;
    }
    let failed = results.iter().filter(|r| r.get("error").is_some()).count();
    match failure {
        None => Ok(()),
        Some(failure) if results.len() == 1 => Err(failure),
        Some(_) => Err(Failure::failed(format!(
            "{failed} of {} nodes failed",
            results.len()
        ))),
    }
}

async fn image(client: &Client, arguments: &Arguments) -> Result<Image, Failure> {
    let wanted = &arguments.image;
    if !wanted.contains("://") {
        let images = client.images().await?.images;
        let names: Vec<&str> = images.iter().map(|i| i.name.as_str()).collect();
        let unknown = format!(
            "there is no image {wanted:?}; configured are: {}",
            names.join(", ")
        );
        let found = images.iter().find(|i| i.name == *wanted);
        return found.cloned().ok_or_else(|| Failure::usage(unknown));
    }
    let checksum = arguments
        .checksum
        .clone()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let algorithm = hash_algorithm(&checksum).ok_or_else(|| {
        Failure::usage("an image by URL needs --checksum with 32, 64 or 128 hexadecimal digits")
    })?;
    let by_name = if wanted.ends_with(".qcow2") {
        "qcow2"
    } else {
        "raw"
    };
    Ok(Image {
        name: wanted.rsplit('/').next().unwrap_or_default().to_owned(),
        source: wanted.clone(),
        disk_format: arguments
            .format
            .clone()
            .unwrap_or_else(|| by_name.to_owned()),
        hash_algo: algorithm.to_owned(),
        hash_value: checksum,
        size: None,
    })
}

async fn one(
    client: &Client,
    name: &str,
    image: &Image,
    drive: bool,
    wait: bool,
) -> Result<Node, Failure> {
    let ident = NodeIdent::from(name);
    let before = client.node(&ident).await?;
    let position = follow::position(client, &ident).await;
    let hostname = before.display_name();
    let deploy: Action = action(image, drive.then_some(hostname.as_str()));
    worker::act::act(client, before.uuid, &deploy).await?;
    if !wait {
        return Ok(client.node(&ident).await?);
    }
    let changed = before.provision_updated_at;
    let done = |n: &Node| n.provision_updated_at != changed && follow::is_at_rest(n);
    let tell = |event: &_| watch::note(event, name);
    let node = follow::until(client, &ident, position, done, tell).await?;
    if node.provision_state.is_failed() {
        let error = node.last_error.clone().unwrap_or_default();
        return Err(Failure::failed(format!(
            "{}: {error}",
            node.provision_state
        )));
    }
    Ok(node)
}
