//! What a monitoring system sees.

use cupola_api::node::Node;
use cupola_api::{NodeId, ProvisionState};

use super::*;

async fn text(api: &Api, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = api.router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_and_nodes_are_counted() {
    let api = Api::start().await;
    for state in [
        ProvisionState::Active,
        ProvisionState::Active,
        ProvisionState::Enroll,
    ] {
        let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
        node.provision_state = state;
        node.maintenance = state == ProvisionState::Enroll;
        api.store.create_node(node).await.unwrap();
    }
    assert_eq!(text(&api, "/v1/nodes/nobody").await.0, 404);
    assert_eq!(text(&api, "/v1/nodes").await.0, 200);
    let (status, page) = text(&api, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "cupola_api_requests_total{operation=\"ShowNode\",status=\"404\"} 1",
        "cupola_api_requests_total{operation=\"ListNodes\",status=\"200\"} 1",
        "cupola_api_request_duration_seconds_count{operation=\"ListNodes\"} 1",
        "cupola_nodes{provision_state=\"active\"} 2",
        "cupola_nodes{provision_state=\"enroll\"} 1",
        "cupola_nodes{provision_state=\"deploying\"} 0",
        "cupola_nodes_in_maintenance 1",
    ] {
        assert!(
            page.lines().any(|it| it == line),
            "{line} is not in\n{page}"
        );
    }
    assert!(page.ends_with("# EOF\n"));
}

#[tokio::test]
async fn who_has_no_conductor_is_not_ready() {
    let api = Api::start().await;
    assert_eq!(text(&api, "/healthz").await.0, 200);
    let (status, body) = text(&api, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("no conductor is alive"), "{body}");
}

#[tokio::test]
async fn who_cannot_write_is_not_ready() {
    let api = Api::start().await;
    let node = || Node::new(NodeId::random(), "fake-hardware".to_owned());
    api.store.database().set_read_only(true).await;
    assert!(api.store.create_node(node()).await.is_err());
    let (status, body) = text(&api, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("read-only"), "{body}");
    api.store.database().set_read_only(false).await;
    api.store.create_node(node()).await.unwrap();
    let (_, body) = text(&api, "/readyz").await;
    assert!(!body.contains("read-only"), "{body}");
}
