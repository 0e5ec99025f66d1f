//! The whole service over a database that becomes read-only while it works.

use std::time::Duration;

use cupola_api::client::embedded::EmbeddedTransport;
use cupola_api::client::{Client, ClientError};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::ProvisionState as S;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::timeout;

use super::Service;
use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(30);
/// Writes that fail before the database is back.
const FAILURES: u32 = 5;

async fn verb(client: &Client, node: &NodeIdent, target: &str) -> Result<(), ClientError> {
    let request = ProvisionRequest {
        target: target.to_owned(),
        ..ProvisionRequest::default()
    };
    client.provision(node, &request).await
}

async fn reach(client: &Client, node: &NodeIdent, goal: S) -> Node {
    let id = client.node(node).await.unwrap().uuid;
    let mut events = client.events(None, Some(id)).await.unwrap();
    let wait = async {
        loop {
            let now = client.node(node).await.unwrap();
            if now.provision_state == goal && now.reservation.is_none() {
                return now;
            }
            events.next().await.unwrap().unwrap();
        }
    };
    timeout(DEADLINE, wait).await.unwrap()
}

/// What the API says when it is asked to write.
fn refusal<T: std::fmt::Debug>(answer: Result<T, ClientError>) {
    let Err(ClientError::Refused(fault)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(fault.status, 503, "{fault}");
    let parts = [
        "the database is not available: it is read-only",
        "make its file system",
        "Work under way goes on by itself",
    ];
    for part in parts {
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_told_of_and_work_goes_on_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let sets = ["drivers.enabled=[\"fake-hardware\"]".to_owned()];
    let config = Config::load(None, Vec::new(), &sets).unwrap();
    let service = Box::pin(Service::start(config, directory.path(), None));
    let service = service.await.unwrap();
    let client = Client::new(EmbeddedTransport::new(service.router()));
    let body = json!({"driver": "fake-hardware", "name": "n1"});
    let node = NodeIdent::from(client.create_node(&body).await.unwrap().uuid);
    let body = json!({"driver": "fake-hardware", "name": "n2"});
    let id = client.create_node(&body).await.unwrap().uuid;
    let idle = NodeIdent::from(id);
    for (target, goal) in [("manage", S::Manageable), ("provide", S::Available)] {
        verb(&client, &node, target).await.unwrap();
        reach(&client, &node, goal).await;
    }
    let delay = [PatchOperation::add("/driver_info/fake_deploy_delay", "0.2")];
    client.patch_node(&node, &delay).await.unwrap();

    // In the middle of a deploy.
    let database = service.store().database();
    let mut failures = database.failures();
    verb(&client, &node, "active").await.unwrap();
    database.set_read_only(true).await;
    let failed = failures.wait_for(|failures| *failures >= FAILURES);
    timeout(DEADLINE, failed).await.unwrap().unwrap();

    let before = client.node(&node).await.unwrap();
    assert_eq!(before.provision_state, S::Deploying);
    let body = json!({"driver": "fake-hardware", "name": "n3"});
    refusal(client.create_node(&body).await);
    let patch = [PatchOperation::add("/extra/note", "half")];
    refusal(client.patch_node(&idle, &patch).await);
    refusal(client.maintenance(&node, true, None).await);
    let mac = "52:54:00:00:00:01".parse().unwrap();
    refusal(client.create_port(id, mac).await);
    let after = client.node(&node).await.unwrap();
    assert_eq!(after, before, "nothing is half-written");
    assert!(client.node(&idle).await.unwrap().extra.is_empty());
    assert_eq!(client.summaries().await.unwrap().nodes.len(), 2);

    database.set_read_only(false).await;
    let active = reach(&client, &node, S::Active).await;
    assert_eq!(active.last_error, None);
    assert!(!active.maintenance);
    client.patch_node(&idle, &patch).await.unwrap();
    client.create_node(&body).await.unwrap();
    service.stop().await;
}
