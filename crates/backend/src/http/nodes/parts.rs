//! What hangs below a node and is empty so far: firmware. Clients read it on their way. Children are
//! real.

use cupola_api::fault::ApiFault;
use serde_json::{Map, json};

use super::super::answer::{Answer, ok};
use super::super::call::Call;
use super::super::paging::Paging;
use crate::store::NodeFilter;

/// A collection below a node that has no member.
pub(in super::super) async fn none(call: &mut Call, node: &str, collection: &str) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    call.arguments.boolean("detail")?;
    call.arguments.list("fields");
    call.arguments.text("address")?;
    call.node(node).await?;
    if let Some(marker) = &paging.marker {
        return Err(ApiFault::not_found(format!("Marker {marker} could not be found.")).into());
    }
    let mut body = Map::new();
    body.insert(collection.to_owned(), json!([]));
    ok(&body)
}

/// `GET /v1/nodes/{node}/children`.
pub(in super::super) async fn children(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let filter = NodeFilter {
        parent_node: Some(node.uuid.0),
        project: call.children_project(),
        ..NodeFilter::default()
    };
    let children = call.state.store.nodes(filter).await?;
    let uuids: Vec<_> = children.iter().map(|child| child.uuid).collect();
    let href = call.url(format_args!("nodes?parent_node={}", node.uuid));
    ok(&json!({ "children": uuids, "links": { "href": href, "rel": "children" } }))
}
