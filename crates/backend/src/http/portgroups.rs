//! `/v1/portgroups` (wire reference §12.2): making, reading, changing, deleting. Which ports one has
//! is the port list's.

use cupola_api::MacAddress;
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::portgroup::{DEFAULT_MODE, PORTGROUPS, Portgroup};
use cupola_api::state::provision::ProvisionState as S;
use http::StatusCode;
use uuid::Uuid;

use super::announce::{self, Action};
use super::answer::{Answer, Failure, empty};
use super::call::{Call, refuse_locked};
use super::collection::{self, ListRequest, Shape, touches};
use super::name;
use super::schema::{self, colons};
use crate::store::{Cell, Only};

/// `GET /v1/portgroups`, or `/v1/portgroups/detail`.
pub(super) async fn list(call: &mut Call, is_detail_path: bool) -> Answer {
    let request = ListRequest::take(call, &PORTGROUPS, is_detail_path)?;
    let filters = filters(call).await?;
    let path = if is_detail_path {
        "portgroups/detail"
    } else {
        "portgroups"
    };
    collection::list::<Portgroup>(call, &request, &filters, path).await
}

/// `GET /v1/nodes/{node}/portgroups`, or its `/detail`.
pub(super) async fn of_node(call: &mut Call, node: &str, is_detail_path: bool) -> Answer {
    let request = ListRequest::take(call, &PORTGROUPS, is_detail_path)?;
    let stored = call.node(node).await?;
    let filter = Only::Is("node_uuid", Cell::text(stored.uuid.to_string()));
    let tail = if is_detail_path { "/detail" } else { "" };
    let path = format!("nodes/{node}/portgroups{tail}");
    collection::list::<Portgroup>(call, &request, &[filter], &path).await
}

/// The filters of a list, of which only one may be given.
async fn filters(call: &mut Call) -> Result<Vec<Only>, Failure> {
    let node = call.arguments.text("node")?;
    let address = call.arguments.text("address")?;
    let shards = call.arguments.list("shard");
    let groups = call.arguments.list("conductor_groups");
    let mut filters = Vec::new();
    if let Some(node) = node {
        let node = call.node(&node).await?;
        filters.push(Only::Is("node_uuid", Cell::text(node.uuid.to_string())));
    }
    if let Some(text) = address {
        let bad = || schema::fault("", format_args!("'{text}' is not a 'mac-address'"));
        let mac: MacAddress = colons(&text).ok_or_else(bad)?;
        filters.push(Only::Is("address", Cell::text(mac.to_string())));
    }
    filters.extend(shards.map(|shards| Only::OfNodesWith("shard", shards)));
    filters.extend(groups.map(|groups| Only::OfNodesWith("conductor_group", groups)));
    if filters.len() > 1 {
        return Err(ApiFault::bad_request(
            "Filtering by node, address, or shard simultaneously is not supported.",
        )
        .into());
    }
    filters.extend(call.only_project().map(Only::of_nodes_of));
    Ok(filters)
}

/// The port group of a path, by UUID or name: the caller may see its node, and passes the route's rule.
pub(super) async fn find(call: &Call, text: &str) -> Result<Portgroup, Failure> {
    if Uuid::try_parse(text).is_err() && !name::is_logical(text) {
        let text = format!("Expected UUID or name for portgroup: {text}");
        return Err(ApiFault::routing(400, text).into());
    }
    let group: Portgroup = collection::find_named(call, text).await?;
    let missing = || ApiFault::not_found(format!("Portgroup {text} could not be found."));
    call.ask_of(group.node_uuid, missing).await?;
    Ok(group)
}

/// The port group that an argument names.
pub(super) async fn find_by_argument(call: &Call, text: &str) -> Result<Portgroup, Failure> {
    match find(call, text).await {
        Err(Failure::Fault(mut fault)) => {
            fault.routing = false;
            Err(fault.into())
        }
        found => found,
    }
}

/// `POST /v1/portgroups`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let mut group: Portgroup = collection::read(call).await?;
    collection::owner(call, group.node_uuid).await?;
    if let Some(name) = group.name.as_deref().filter(|name| !name::is_logical(name)) {
        let text = format!("Cannot create portgroup with invalid name '{name}'");
        return Err(ApiFault::bad_request(text).into());
    }
    if group.mode.as_deref().is_none_or(str::is_empty) {
        group.mode = Some(DEFAULT_MODE.to_owned());
    }
    let group = announce::create(call, group).await?;
    let text = format!("Port group {} was added.", called(&group));
    let events = &call.state.events;
    events.log(Some(group.node_uuid), Severity::Info, "api", text);
    collection::created(call, &group)
}

/// What a person calls it: its name, else its UUID.
fn called(group: &Portgroup) -> String {
    let name = group.name.clone();
    name.unwrap_or_else(|| group.uuid.to_string())
}

/// `GET /v1/portgroups/{group}`.
pub(super) async fn show(call: &mut Call, group: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &PORTGROUPS, call.version)?;
    let group = find(call, group).await?;
    collection::show(&shape, call, &group)
}

/// `PATCH /v1/portgroups/{group}`. A physical network that is set is that of its ports too.
pub(super) async fn update(call: &mut Call, group: &str) -> Answer {
    let before = find(call, group).await?;
    let patch = collection::read_patch(call, &PORTGROUPS).await?;
    if let Some(bad) = collection::bad_owner(&patch) {
        return Err(collection::not_an_owner(&bad).into());
    }
    let after = changed(&before, &patch, group)?;
    if after.node_uuid != before.node_uuid {
        collection::new_owner(call, before.node_uuid, after.node_uuid).await?;
    }
    let node = call.state.store.node_by_id(before.node_uuid).await?;
    if node.provision_state == S::Inspecting && call.is_since(39) {
        return Err(ApiFault::conflict(format!(
            "Cannot update portgroup \"{}\" on node \"{}\" while it is in state \"inspecting\".",
            before.uuid, node.uuid
        ))
        .into());
    }
    refuse_locked(&node.reservation, node.uuid)?;
    if after == before {
        return collection::whole(call, &before);
    }
    let mut ports = call.state.store.ports_of_portgroup(before.uuid).await?;
    if after.node_uuid != before.node_uuid {
        check_move(&after, &node, ports.is_empty())?;
    }
    if touches(&patch, "physical_network") {
        for port in &mut ports {
            port.physical_network.clone_from(&after.physical_network);
        }
    } else {
        ports.clear();
    }
    let saved = call.state.store.save_portgroup(after.clone(), ports);
    let saved = announce::small(call, Action::Update, &after, saved, announce::whole).await?;
    collection::whole(call, &saved)
}

fn changed(
    before: &Portgroup,
    patch: &[PatchOperation],
    ident: &str,
) -> Result<Portgroup, ApiFault> {
    let removes_mode =
        |operation: &PatchOperation| operation.op == PatchVerb::Remove && operation.path == "/mode";
    if patch.iter().any(removes_mode) {
        return Err(ApiFault::bad_request(
            "'mode' is a mandatory attribute and can not be removed",
        ));
    }
    let is_name = |text: &str| name::is_logical(text) || before.name.as_deref() == Some(text);
    if let Some(bad) = collection::bad_name(patch, is_name) {
        return Err(ApiFault::bad_request(format!(
            "Portgroup {ident}: Cannot change name to invalid name '{bad}'"
        )));
    }
    let after = collection::patched(before, patch)?;
    match &after.name {
        Some(name) if before.name != after.name && !name::is_logical(name) => {
            Err(ApiFault::bad_request(format!(
                "Portgroup {ident}: Cannot change name to invalid name '{name}'"
            )))
        }
        Some(_) | None => Ok(after),
    }
}

/// Whether a group may leave its node for another.
fn check_move(group: &Portgroup, node: &Node, is_empty: bool) -> Result<(), ApiFault> {
    let is_open = matches!(
        node.provision_state,
        S::Enroll | S::Inspecting | S::InspectWait | S::Manageable
    );
    if !is_open && !node.maintenance {
        return Err(ApiFault::conflict(format!(
            "Portgroup {} can not be associated to node {} unless the node is in a enroll, inspecting, \
             inspect wait, manageable state or in maintenance mode.",
            group.uuid, group.node_uuid
        )));
    }
    if !is_empty {
        return Err(ApiFault::bad_request(format!(
            "Portgroup {} can not be associated with node {} because there are ports associated with \
             this portgroup.",
            group.uuid, group.node_uuid
        )));
    }
    Ok(())
}

/// `DELETE /v1/portgroups/{group}`, unless it has ports.
pub(super) async fn delete(call: &mut Call, group: &str) -> Answer {
    let group = find(call, group).await?;
    let node = call.state.store.node_by_id(group.node_uuid).await?;
    refuse_locked(&node.reservation, node.uuid)?;
    announce::delete(call, &group).await?;
    empty(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;

    #[test]
    fn the_mode_stays_and_names_are_checked() {
        let before = Portgroup::new(NodeId::random());
        let text = |patch| {
            changed(&before, &[patch], "pg")
                .map(|_| ())
                .map_err(|f| f.message)
        };
        assert_eq!(
            text(PatchOperation::remove("/mode")),
            Err("'mode' is a mandatory attribute and can not be removed".to_owned())
        );
        assert_eq!(
            text(PatchOperation::add("/name", "a b")),
            Err("Portgroup pg: Cannot change name to invalid name 'a b'".to_owned())
        );
        assert_eq!(text(PatchOperation::add("/name", "bond0")), Ok(()));
    }

    #[test]
    fn only_an_empty_group_of_an_idle_node_moves() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let group = Portgroup::new(node.uuid);
        let status = |node: &Node, is_empty| {
            check_move(&group, node, is_empty).map_err(|fault| fault.status)
        };
        assert_eq!(status(&node, true), Ok(()));
        assert_eq!(status(&node, false), Err(400));
        node.provision_state = S::Active;
        assert_eq!(status(&node, true), Err(409));
        node.maintenance = true;
        assert_eq!(status(&node, true), Ok(()));
    }
}
