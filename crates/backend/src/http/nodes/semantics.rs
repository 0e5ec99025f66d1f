//! What a node's values must agree on whether it is created or changed: names, references, the two
//! names of an instance, network data (wire reference §8.1–8.3). What needs the node's lock is the
//! conductor's.

use std::collections::HashSet;

use cupola_api::chassis::Chassis;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use serde_json::Value;

use super::super::answer::Failure;
use super::super::call::Call;
use crate::store::StoreError;

/// Checks the references of a node that `owner` has (before a change of that, as upstream), and
/// replaces the name of a parent by its UUID.
pub(super) async fn check_references(
    call: &Call,
    node: &Node,
    owner: Option<&str>,
    document_parent: Option<&str>,
) -> Result<Option<uuid::Uuid>, Failure> {
    if let Some(chassis) = node.chassis_uuid {
        let found = call.state.store.document::<Chassis>(chassis).await;
        if let Err(error @ StoreError::NotFound { .. }) = found {
            return Err(ApiFault::bad_request(error.to_string()).into());
        }
        found?;
    }
    let Some(parent) = document_parent.filter(|parent| !parent.is_empty()) else {
        return Ok(None);
    };
    match call.linked(&parent.into()).await {
        Ok(found) if found.uuid == node.uuid => {
            Err(ApiFault::bad_request("A node cannot be its own parent_node.").into())
        }
        Ok(found) if found.owner.as_deref() == owner => {
            if descends(call, &found, node.uuid).await? {
                return Err(ApiFault::bad_request(format!(
                    "A node cannot be the child of a node below it: '{parent}' has node {} above it. \
                     Give '{parent}' another parent_node first, or none.",
                    node.uuid
                ))
                .into());
            }
            Ok(Some(found.uuid.0))
        }
        // Of a node of somebody else nothing is told.
        Ok(_) | Err(StoreError::NotFound { .. }) => {
            let text = format!(
                "Unable to apply the requested parent_node '{parent}'. Requested value was invalid."
            );
            Err(ApiFault::bad_request(text).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a node is, through its parents, below another one.
async fn descends(call: &Call, node: &Node, ancestor: NodeId) -> Result<bool, StoreError> {
    let mut seen = HashSet::from([node.uuid.0]);
    let mut above = node.parent_node;
    // Two changes at once may have closed a circle that this one has no part in.
    while let Some(parent) = above.filter(|parent| seen.insert(*parent)) {
        if parent == ancestor.0 {
            return Ok(true);
        }
        above = match call.state.store.node_by_id(parent.into()).await {
            Ok(found) => found.parent_node,
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
    }
    Ok(false)
}

/// A node without an `instance_name` takes it from `instance_info.display_name` when a patch changes
/// `instance_info`; otherwise each is its own, as upstream does it.
pub(super) fn name_instance(before: &Node, node: &mut Node) {
    if node.instance_name.is_none() && node.instance_info != before.instance_info {
        let shown = node.instance_info.get("display_name");
        node.instance_name = shown.and_then(Value::as_str).map(str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(name: Option<&str>, display: Option<&str>) -> Node {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.instance_name = name.map(str::to_owned);
        if let Some(display) = display {
            node.instance_info
                .insert("display_name".to_owned(), json!(display));
        }
        node
    }

    #[test]
    fn a_nameless_instance_is_named_by_what_is_shown_of_it() {
        let before = named(None, None);
        let mut shown = named(None, Some("d"));
        name_instance(&before, &mut shown);
        assert_eq!(shown.instance_name.as_deref(), Some("d"));
        let mut kept = named(Some("a"), Some("c"));
        name_instance(&before, &mut kept);
        assert_eq!(kept.instance_name.as_deref(), Some("a"));
        let mut cleared = named(None, Some("d"));
        name_instance(&shown, &mut cleared);
        assert_eq!(cleared.instance_name, None);
    }
}
