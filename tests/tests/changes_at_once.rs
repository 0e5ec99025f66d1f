//! Two who change one node at the same time: what both were told is done is done.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use anyhow::Result;
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_tests::serve::Serve;
use serde_json::json;
use tokio::task::JoinSet;

const WRITERS: usize = 24;
const CHANGES: usize = 5;

/// Adds a key of its own to two objects of the node, again while another one holds the lock.
async fn add(client: &Client, node: &NodeIdent, key: &str) -> Result<()> {
    let patch = [
        PatchOperation::add(format!("/extra/{key}"), json!(key)),
        PatchOperation::add(format!("/driver_info/{key}"), json!(key)),
    ];
    loop {
        let Err(error) = client.patch_node(node, &patch).await else {
            return Ok(());
        };
        anyhow::ensure!(error.status() == Some(409), "{key}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_one_object_that_many_add_are_all_kept() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir()?;
    let fake = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
    let serve = Serve::start(directory.path(), &fake)?;
    let client = Client::new(RemoteTransport::new(serve.url())?);
    let body = json!({"name": "n1", "driver": "fake-hardware", "extra": {"old": 1}});
    client.create_node(&body).await?;
    let node = NodeIdent::Name("n1".to_owned());

    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (client, node) = (client.clone(), node.clone());
        writers.spawn(async move {
            for change in 0..CHANGES {
                add(&client, &node, &format!("w{writer}_{change}")).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }

    let node = client.node(&node).await?;
    for (name, kept, also) in [
        ("extra", &node.extra, 1),
        ("driver_info", &node.driver_info, 0),
    ] {
        assert_eq!(kept.len(), WRITERS * CHANGES + also, "{name}: {kept:?}");
    }
    Ok(())
}
