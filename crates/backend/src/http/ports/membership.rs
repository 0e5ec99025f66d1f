//! A port in a port group: what must fit between them (wire reference §12).

use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::portgroup::Portgroup;

use super::super::answer::Failure;
use super::super::call::Call;
use crate::store::StoreError;

/// Checks the group of a new port. `boots` says that the body asks for `pxe_enabled`: that it is the
/// default does not count.
pub(super) async fn check_new(call: &Call, port: &Port, boots: bool) -> Result<(), Failure> {
    let Some(group) = group_of(call, port).await? else {
        return Ok(());
    };
    if boots && !group.standalone_ports_supported {
        return Err(ApiFault::conflict(format!(
            "Port group {} doesn't support standalone ports. This port cannot be created as a \
             member of that portgroup as the port's 'pxe_enabled' field was set to True.",
            group.uuid
        ))
        .into());
    }
    check_network(call, port, &group).await
}

/// Checks the group of a port that is changed. `sets_network` says that the patch names the physical
/// network, which from 1.102 on is the group's to say.
pub(super) async fn check_changed(
    call: &Call,
    before: &Port,
    after: &Port,
    node: &Node,
    sets_network: bool,
) -> Result<(), Failure> {
    let Some(group) = group_of(call, after).await? else {
        return Ok(());
    };
    if sets_network && call.is_since(102) {
        return Err(ApiFault::bad_request(
            "physical_network cannot be changed while the port belongs to a portgroup.",
        )
        .into());
    }
    let is_moved = before.portgroup_uuid != after.portgroup_uuid;
    let is_flat = node.interfaces.network_interface.as_deref() == Some("flat");
    let boots_anew = after.pxe_enabled && (is_moved || !before.pxe_enabled);
    if is_flat && boots_anew && !group.standalone_ports_supported {
        return Err(ApiFault::conflict(format!(
            "Port group {} doesn't support standalone ports: port {} cannot be a member of it while \
             its 'pxe_enabled' field is True.",
            group.uuid, after.uuid
        ))
        .into());
    }
    if is_moved || before.physical_network != after.physical_network {
        check_network(call, after, &group).await?;
    }
    Ok(())
}

/// The group that a port names; one that is unknown, or of another node, is a bad request.
async fn group_of(call: &Call, port: &Port) -> Result<Option<Portgroup>, Failure> {
    let Some(id) = port.portgroup_uuid else {
        return Ok(None);
    };
    let group: Portgroup = match call.state.store.document(id).await {
        Err(error @ StoreError::NotFound { .. }) => {
            return Err(ApiFault::bad_request(error.to_string()).into());
        }
        found => found?,
    };
    if group.node_uuid != port.node_uuid {
        // One of a node that the caller may not see is not there.
        let hidden = || {
            let error = StoreError::not_found("Portgroup", id);
            ApiFault::bad_request(error.to_string())
        };
        call.see(group.node_uuid, hidden).await?;
        return Err(ApiFault::bad_request(
            "Port can not be added to a portgroup belonging to a different node.",
        )
        .into());
    }
    Ok(Some(group))
}

/// All ports of a group are in one physical network, or in none: that of the group where it has one,
/// else that of the ports that are there.
async fn check_network(call: &Call, port: &Port, group: &Portgroup) -> Result<(), Failure> {
    let wanted = if group.physical_network.is_some() {
        group.physical_network.clone()
    } else {
        let members = call.state.store.ports_of_portgroup(group.uuid).await?;
        let others = members
            .into_iter()
            .filter(|member| member.uuid != port.uuid);
        match { others }.next() {
            Some(other) => other.physical_network,
            None => return Ok(()),
        }
    };
    if wanted == port.physical_network {
        return Ok(());
    }
    let shown = |network: &Option<String>| network.clone().unwrap_or_else(|| "None".to_owned());
    Err(ApiFault::conflict(format!(
        "Port with physical network {} cannot become a member of port group {} which has ports in \
         physical network {}.",
        shown(&port.physical_network),
        group.uuid,
        shown(&wanted)
    ))
    .into())
}
