//! `DELETE /v1/nodes/{node}` (wire reference §8.4).

use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::policy::Rule;
use cupola_api::state::provision::ProvisionState as S;
use http::StatusCode;

use super::super::announce::{self, Action};
use super::super::answer::{Answer, empty};
use super::super::call::Call;
use crate::notifications::payload::NODE_CRUD;

/// Deletes a node and what belongs to it.
pub(in super::super) async fn delete(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let is_own = call.state.options.self_owned_nodes
        && !call.may_on(Rule::NodeDelete, &node)
        && call.may_on(Rule::NodeDeleteSelfOwnedNode, &node);
    let rule = if is_own {
        Rule::NodeDeleteSelfOwnedNode
    } else {
        Rule::NodeDelete
    };
    call.must_on(rule, &node)?;
    check(&node, call.state.options.may_delete_available)?;
    let deleted = call.state.rpc.destroy_node(node.uuid);
    let what = (&NODE_CRUD, Action::Delete);
    announce::change(call, what, &node.node, deleted, |()| None).await?;
    empty(StatusCode::NO_CONTENT)
}

fn check(node: &Node, may_delete_available: bool) -> Result<(), ApiFault> {
    let uuid = node.uuid;
    if let (Some(instance), false) = (node.instance_uuid, node.maintenance) {
        let text = format!("Node {uuid} is associated with instance {instance}.");
        return Err(ApiFault::conflict(text));
    }
    if node.protected {
        return Err(ApiFault::new(
            403,
            format!("Node {uuid} is protected and cannot be undeployed, rebuilt or deleted"),
        ));
    }
    let mut states = vec![S::Manageable, S::Enroll, S::AdoptFailed];
    if may_delete_available {
        states.push(S::Available);
    }
    if !node.maintenance && !states.contains(&node.provision_state) {
        let names: Vec<String> = states.iter().map(|s| format!("'{s}'")).collect();
        return Err(ApiFault::conflict(format!(
            "Can not delete node \"{uuid}\" while it is in provision state \"{}\". Valid provision \
             states to perform deletion are: \"({})\", or set the node into maintenance mode",
            node.provision_state,
            names.join(", ")
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;

    #[test]
    fn who_may_go() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let status = |node: &Node| check(node, false).map_err(|f| f.status);
        assert_eq!(status(&node), Ok(()));
        node.provision_state = S::Available;
        assert_eq!(status(&node), Err(409));
        assert_eq!(check(&node, true), Ok(()));
        node.provision_state = S::Active;
        assert_eq!(status(&node), Err(409));
        node.maintenance = true;
        node.instance_uuid = Some(uuid::Uuid::new_v4());
        assert_eq!(status(&node), Ok(()));
        node.protected = true;
        assert_eq!(status(&node), Err(403));
    }
}
