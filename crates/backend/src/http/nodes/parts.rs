//! What hangs below a node and is empty so far: BIOS settings, firmware, an allocation. Clients read
//! these on their way; writing them is refused like any resource that is not there. Children are
//! real.

use cupola_api::fault::ApiFault;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, empty, ok};
use super::super::body::Size;
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

/// `/v1/nodes/{node}/vifs`: as with the network interface `noop`, attaching succeeds and changes
/// nothing.
pub(in super::super) async fn vifs(call: &mut Call, node: &str) -> Answer {
    call.node(node).await?;
    if call.method == Method::GET {
        return ok(&json!({ "vifs": [] }));
    }
    let body = call.json(Size::Usual).await?;
    match body.get("id") {
        Some(Value::String(id)) if !id.is_empty() => empty(StatusCode::NO_CONTENT),
        Some(_) => Err(ApiFault::bad_request("Expected a non-empty string for id").into()),
        None => {
            let text = "Schema error for VIF: 'id' is a required property";
            Err(ApiFault::bad_request(text).into())
        }
    }
}

/// `DELETE /v1/nodes/{node}/vifs/{vif}`.
pub(in super::super) async fn detach_vif(call: &mut Call, node: &str, _vif: &str) -> Answer {
    call.node(node).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `/v1/nodes/{node}/allocation`: there is none.
pub(in super::super) async fn allocation(call: &mut Call, node: &str) -> Answer {
    call.arguments.list("fields");
    let node = call.node(node).await?;
    let text = format!("Allocation for node {} could not be found.", node.uuid);
    Err(ApiFault::not_found(text).into())
}

/// `GET /v1/nodes/{node}/children`.
pub(in super::super) async fn children(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let filter = NodeFilter {
        parent_node: Some(node.uuid.0),
        ..NodeFilter::default()
    };
    let children = call.state.store.nodes(filter).await?;
    let uuids: Vec<_> = children.iter().map(|child| child.uuid).collect();
    let href = call.url(format_args!("nodes?parent_node={}", node.uuid));
    ok(&json!({ "children": uuids, "links": { "href": href, "rel": "children" } }))
}
