//! `/v1/volume`: connectors and targets (wire reference §15). Both are alike but for their fields:
//! every handler is for either.

use cupola_api::NodeId;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::policy::Rule;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState as S;
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;
use http::StatusCode;
use serde_json::json;

use super::announce;
use super::answer::{Answer, Failure, empty, ok};
use super::call::{Call, refuse_locked};
use super::collection::{self, ListRequest, Shape, links};
use crate::policy::Target;
use crate::store::{Cell, Document, Only, StoreError};

/// A connector or a target.
pub(super) trait Volume: Document {
    /// What an identifier of the path is called in errors.
    const ARGUMENT: &'static str;

    /// The node that it belongs to.
    fn node(&self) -> NodeId;

    /// Takes out what needs a right of its own to be seen.
    fn redact(&mut self);
}

impl Volume for VolumeConnector {
    const ARGUMENT: &'static str = "connector_uuid";

    fn node(&self) -> NodeId {
        self.node_uuid
    }

    fn redact(&mut self) {}
}

impl Volume for VolumeTarget {
    const ARGUMENT: &'static str = "target_uuid";

    fn node(&self) -> NodeId {
        self.node_uuid
    }

    fn redact(&mut self) {
        let text = "** Value redacted: Requires permission baremetal:volume:view_target_properties \
                    access. Permission denied. **";
        self.properties.clear();
        self.properties
            .insert("redacted_contents".to_owned(), text.into());
    }
}

/// `GET /v1/volume`: links to the two lists.
pub(super) fn root(call: &mut Call) -> Answer {
    ok(&json!({
        "links": links(&call.base, "volume/"),
        "connectors": links(&call.base, "volume/connectors"),
        "targets": links(&call.base, "volume/targets"),
    }))
}

/// `GET /v1/nodes/{node}/volume`: links to the two lists of a node.
pub(super) async fn root_of_node(call: &mut Call, node: &str) -> Answer {
    call.node(node).await?;
    let links = |part: &str| links(&call.base, &format!("nodes/{node}/volume/{part}"));
    ok(&json!({
        "links": links(""),
        "connectors": links("connectors"),
        "targets": links("targets"),
    }))
}

/// `GET /v1/volume/connectors`, or `targets`.
pub(super) async fn list<V: Volume>(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, V::COLLECTION, false)?;
    let node = call.arguments.text("node")?;
    let mut filters = Vec::new();
    if let Some(node) = node {
        filters.push(of(call.node(&node).await?.uuid));
    }
    filters.extend(call.only_project().map(Only::of_nodes_of));
    page::<V>(call, &request, &filters, V::COLLECTION.path).await
}

async fn page<V: Volume>(
    call: &Call,
    request: &ListRequest,
    filters: &[Only],
    path: &str,
) -> Answer {
    let sees_all = sees_properties(call);
    let redact = |volume: &mut V| {
        if !sees_all {
            volume.redact();
        }
    };
    collection::list_redacted(call, request, filters, path, redact).await
}

fn sees_properties(call: &Call) -> bool {
    call.may(Rule::VolumeViewTargetProperties, Target::default())
}

/// The answer that shows a volume whole, as far as the caller may see it.
fn whole<V: Volume>(call: &Call, mut volume: V) -> Answer {
    if !sees_properties(call) {
        volume.redact();
    }
    collection::whole(call, &volume)
}

/// The volume of a path: the caller may see its node, and passes the route's rule.
async fn find<V: Volume>(call: &Call, uuid: &str) -> Result<V, Failure> {
    let volume: V = collection::find(call, V::ARGUMENT, uuid).await?;
    let title = V::COLLECTION.title;
    let missing = || ApiFault::not_found(format!("{title} {uuid} could not be found."));
    call.ask_of(volume.node(), missing).await?;
    Ok(volume)
}

/// `GET /v1/nodes/{node}/volume/connectors`, or `targets`.
pub(super) async fn of_node<V: Volume>(call: &mut Call, node: &str) -> Answer {
    let request = ListRequest::take(call, V::COLLECTION, false)?;
    let filter = of(call.node(node).await?.uuid);
    let path = format!("nodes/{node}/{}", V::COLLECTION.path);
    page::<V>(call, &request, &[filter], &path).await
}

fn of(node: NodeId) -> Only {
    Only::Is("node_uuid", Cell::text(node.to_string()))
}

/// `POST /v1/volume/connectors`, or `targets`.
pub(super) async fn create<V: Volume>(call: &mut Call) -> Answer {
    let volume: V = collection::read(call).await?;
    let node = volume.node();
    match call.linked(&NodeIdent::Id(node)).await {
        Err(StoreError::NotFound { .. }) => {
            return Err(ApiFault::bad_request(format!(
                "Invalid input for field/attribute node_uuid. Value: '{node}'. "
            ))
            .into());
        }
        found => call.ask_route(&*found?)?,
    }
    let volume = announce::create(call, volume).await?;
    collection::created(call, &volume)
}

/// `GET /v1/volume/connectors/{uuid}`, or of a target.
pub(super) async fn show<V: Volume>(call: &mut Call, uuid: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, V::COLLECTION, call.version)?;
    let mut volume: V = find(call, uuid).await?;
    if !sees_properties(call) {
        volume.redact();
    }
    collection::show(&shape, call, &volume)
}

/// `PATCH /v1/volume/connectors/{uuid}`, or of a target: the machine must be off, because it reads
/// them when it boots.
pub(super) async fn update<V: Volume>(call: &mut Call, uuid: &str) -> Answer {
    let patch = collection::read_patch(call, V::COLLECTION).await?;
    let before: V = find(call, uuid).await?;
    if let Some(bad) = collection::bad_owner(&patch) {
        let text = format!("Expected a UUID for node_uuid, but received {bad}.");
        return Err(ApiFault::bad_request(text).into());
    }
    let after = collection::patched(&before, &patch)?;
    let nodes = [after.node(), before.node()];
    let moves = before.node() != after.node();
    for id in nodes.into_iter().take(1 + usize::from(moves)) {
        let node = collection::new_owner(call, before.node(), id).await?;
        refuse_locked(&node.reservation, id)?;
        check_off::<V>(&node, "update")?;
    }
    if collection::object(&after)? == collection::object(&before)? {
        return whole(call, before);
    }
    let after = announce::save(call, after).await?;
    whole(call, after)
}

/// `DELETE /v1/volume/connectors/{uuid}`, or of a target.
pub(super) async fn delete<V: Volume>(call: &mut Call, uuid: &str) -> Answer {
    let volume: V = find(call, uuid).await?;
    check_delete(call, &volume).await?;
    announce::delete(call, &volume).await?;
    empty(StatusCode::NO_CONTENT)
}

/// A node that is not in use may lose a volume whatever its power state, which may be unknown.
async fn check_delete<V: Volume>(call: &Call, volume: &V) -> Result<(), Failure> {
    let node = call.state.store.node_by_id(volume.node()).await?;
    refuse_locked(&node.reservation, node.uuid)?;
    let is_idle = matches!(
        node.provision_state,
        S::Enroll | S::Manageable | S::AdoptFailed
    );
    if !is_idle {
        check_off::<V>(&node, "deletion")?;
    }
    Ok(())
}

fn check_off<V: Volume>(node: &Node, action: &str) -> Result<(), ApiFault> {
    if node.power_state == Some(PowerState::Off) {
        return Ok(());
    }
    let action = format!("{} {action}", V::COLLECTION.title.to_lowercase());
    let state = node.power_state.map_or("None", PowerState::as_str);
    Err(ApiFault::invalid_state_requested(&action, node.uuid, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_must_be_off() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.power_state = Some(PowerState::On);
        let text = check_off::<VolumeConnector>(&node, "update").map_err(|f| f.message);
        let want = format!(
            "The requested action \"volume connector update\" can not be performed on node \
             \"{}\" while it is in state \"power on\".",
            node.uuid
        );
        assert_eq!(text, Err(want));
        node.power_state = None;
        assert!(check_off::<VolumeTarget>(&node, "update").is_err());
        node.power_state = Some(PowerState::Off);
        assert_eq!(check_off::<VolumeTarget>(&node, "update"), Ok(()));
    }
}
