//! What a node's values must agree on whether it is created or changed: names, references, the two
//! names of an instance, network data (wire reference §8.1–8.3). What needs the node's lock is the
//! conductor's.

use cupola_api::chassis::Chassis;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use serde_json::Value;

use super::super::answer::Failure;
use super::super::call::Call;
use crate::store::StoreError;

/// Checks the references of a node, and replaces the name of a parent by its UUID.
pub(super) async fn check_references(
    call: &Call,
    node: &Node,
    document_parent: Option<&str>,
) -> Result<Option<uuid::Uuid>, Failure> {
    if let Some(chassis) = node.chassis_uuid {
        let found = call.state.store.document::<Chassis>(chassis).await;
        if let Err(error @ StoreError::NotFound { .. }) = found {
            return Err(ApiFault::bad_request(error.to_string()).into());
        }
        found?;
    }
    let Some(parent) = document_parent else {
        return Ok(None);
    };
    match call.state.store.node(&parent.into()).await {
        Ok(found) if found.uuid == node.uuid => {
            Err(ApiFault::bad_request("A node cannot be its own parent_node.").into())
        }
        Ok(found) => Ok(Some(found.uuid.0)),
        Err(StoreError::NotFound { .. }) => {
            let text = format!("Node {parent} could not be found.");
            Err(ApiFault::bad_request(text).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks `network_data`: nothing, or at least links and networks as lists.
pub(super) fn check_network_data(data: &Object) -> Result<(), ApiFault> {
    let is_list = |name: &str| data.get(name).is_some_and(Value::is_array);
    for name in ["links", "networks"] {
        if !data.is_empty() && !is_list(name) {
            return Err(ApiFault::bad_request(format!(
                "Invalid network_data: '{name}' is a required property and must be a list"
            )));
        }
    }
    Ok(())
}

/// Keeps `instance_name` and `instance_info.display_name` equal. What changed wins; `before` is
/// none for a new node.
pub(super) fn align_instance_names(before: Option<&Node>, node: &mut Node) {
    let shown = |n: &Node| {
        n.instance_info
            .get("display_name")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let was = before
        .map(|b| (b.instance_name.clone(), shown(b)))
        .unwrap_or_default();
    let (name, display) = (node.instance_name.clone(), shown(node));
    if name != was.0 {
        match name {
            Some(name) => {
                node.instance_info
                    .insert("display_name".to_owned(), Value::from(name));
            }
            None => {
                node.instance_info.remove("display_name");
            }
        }
    } else if display != was.1 && display.is_some() {
        node.instance_name = display;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
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
    fn the_name_that_changed_wins() {
        let before = named(Some("a"), Some("a"));
        let mut renamed = named(Some("b"), Some("a"));
        align_instance_names(Some(&before), &mut renamed);
        assert_eq!(renamed.instance_info.get("display_name"), Some(&json!("b")));
        let mut displayed = named(Some("a"), Some("c"));
        align_instance_names(Some(&before), &mut displayed);
        assert_eq!(displayed.instance_name.as_deref(), Some("c"));
        let mut new = named(None, Some("d"));
        align_instance_names(None, &mut new);
        assert_eq!(new.instance_name.as_deref(), Some("d"));
    }

    #[test]
    fn network_data_is_empty_or_whole() {
        let object = |v: Value| v.as_object().cloned().unwrap_or_default();
        assert!(check_network_data(&Object::new()).is_ok());
        assert!(check_network_data(&object(json!({"links": [], "networks": []}))).is_ok());
        assert!(check_network_data(&object(json!({"links": []}))).is_err());
    }
}
