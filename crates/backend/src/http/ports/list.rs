//! Reading ports: lists, one port, the ports of a node.

use std::collections::HashSet;
use std::sync::Arc;

use cupola_api::fault::ApiFault;
use cupola_api::id::{NodeIdent, PortId};
use cupola_api::port::{ASKED_EARLY, FIELDS, Port};
use cupola_api::portgroup::Portgroup;
use cupola_api::{MacAddress, NodeId};
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, ok};
use super::super::call::Call;
use super::super::paging::{Paging, not_sortable};
use super::super::portgroups;
use super::super::schema::colons;
use super::shape::PortShape;
use crate::store::{NodeFilter, StoreError, StoredNode};

/// `GET /v1/ports`, or `/v1/ports/detail`.
pub(in super::super) async fn list(call: &mut Call, is_detail_path: bool) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let shape = shape(call, is_detail_path)?;
    let ports = select(call).await?;
    let collection = if is_detail_path {
        "ports/detail"
    } else {
        "ports"
    };
    page(call, ports, &paging, &shape, collection)
}

/// `GET /v1/nodes/{node}/ports`, or its `/detail`.
pub(in super::super) async fn of_node(call: &mut Call, node: &str, is_detail_path: bool) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let shape = shape(call, is_detail_path)?;
    // Upstream passes over a second name of the node.
    call.arguments.uuid("node_uuid")?;
    let address = address(call)?;
    let stored = call.node(node).await?;
    let mut ports = call.state.store.ports_of(stored.uuid).await?;
    if let Some(address) = address {
        ports.retain(|port| port.address == address);
    }
    let tail = if is_detail_path { "/detail" } else { "" };
    page(
        call,
        ports,
        &paging,
        &shape,
        &format!("nodes/{node}/ports{tail}"),
    )
}

/// `GET /v1/portgroups/{group}/ports`, or its `/detail`.
pub(in super::super) async fn of_portgroup(
    call: &mut Call,
    group: &str,
    is_detail_path: bool,
) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let shape = shape(call, is_detail_path)?;
    let stored = portgroups::find(call, group).await?;
    let ports = call.state.store.ports_of_portgroup(stored.uuid).await?;
    let tail = if is_detail_path { "/detail" } else { "" };
    let path = format!("portgroups/{group}/ports{tail}");
    page(call, ports, &paging, &shape, &path)
}

/// `GET /v1/ports/{port}`.
pub(in super::super) async fn show(call: &mut Call, port: &str) -> Answer {
    let shape = match call.arguments.list("fields") {
        Some(_) if !call.is_since(8) => return Err(ApiFault::not_acceptable().into()),
        Some(names) => PortShape::selected(&names, call.version)?,
        None => PortShape::full(call.version),
    };
    let port = find(call, port).await?;
    ok(&shape.value(&port, &call.base))
}

/// The port of a path, by UUID or name: the caller may see its node, and passes the route's rule.
pub(super) async fn find(call: &Call, text: &str) -> Result<Port, Failure> {
    let missing = || ApiFault::not_found(format!("Port {text} could not be found."));
    let port = if let Ok(id) = text.parse::<PortId>() {
        match call.state.store.port(id).await {
            Err(StoreError::NotFound { .. }) => return Err(missing().into()),
            other => other?,
        }
    } else {
        by_name(call, text).await?.ok_or_else(missing)?
    };
    call.ask_of(port.node_uuid, missing).await?;
    Ok(port)
}

async fn by_name(call: &Call, text: &str) -> Result<Option<Port>, Failure> {
    if !super::super::name::is_logical(text) {
        let text = format!("Expected UUID or name for port_ident: {text}");
        return Err(ApiFault::bad_request(text).into());
    }
    let ports = call.state.store.ports().await?;
    let named = |name: &str| {
        let found = ports.iter().find(|port| port.name.as_deref() == Some(name));
        found.cloned()
    };
    Ok(named(text).or_else(|| named(call.without_json(text)?)))
}

fn shape(call: &mut Call, is_detail_path: bool) -> Result<PortShape, ApiFault> {
    if is_detail_path {
        return Ok(PortShape::full(call.version));
    }
    let detail = call.arguments.boolean("detail")?.unwrap_or(false);
    if detail && !call.is_since(43) {
        return Err(ApiFault::bad_request(
            "Invalid query parameter ?detail=True received.",
        ));
    }
    match (call.arguments.list("fields"), detail) {
        (Some(_), true) => Err(ApiFault::bad_request(
            "Can not specify ?detail=True and fields in the same request.",
        )),
        (Some(_), false) if !call.is_since(8) => Err(ApiFault::not_acceptable()),
        (Some(names), false) => PortShape::selected(&names, call.version),
        (None, true) => Ok(PortShape::full(call.version)),
        (None, false) => Ok(PortShape::list(call.version)),
    }
}

/// The address that the ports must have.
fn address(call: &mut Call) -> Result<Option<MacAddress>, ApiFault> {
    let Some(text) = call.arguments.one("address", "valid MAC address")? else {
        return Ok(None);
    };
    let bad = || format!("Expected valid MAC address for address: {text}");
    let mac = colons(&text).ok_or_else(|| ApiFault::bad_request(bad()))?;
    Ok(Some(mac))
}

/// The ports that the filters of `GET /v1/ports` ask for, in the order of their creation.
async fn select(call: &mut Call) -> Result<Vec<Port>, Failure> {
    let node = call.arguments.text("node")?;
    let node_uuid = call.arguments.uuid("node_uuid")?;
    let address = address(call)?;
    let portgroup = call.arguments.text("portgroup")?;
    let shards = call.arguments.list("shard");
    let groups = call.arguments.list("conductor_groups");
    let contains = call.arguments.text("description_contains")?;
    let scopes = [portgroup.is_some(), node.is_some(), shards.is_some()];
    if scopes.into_iter().filter(|is_given| *is_given).count() > 1 {
        return Err(ApiFault::new(403, "Operation not permitted.").into());
    }
    let is_narrowed = portgroup.is_some() || node.is_some() || address.is_some();
    if groups.is_some() && is_narrowed {
        return Err(ApiFault::bad_request(
            "Filtering by conductor_groups cannot be combined with node_ident, portgroup_ident, or \
             node address filters.",
        )
        .into());
    }
    let portgroup = match portgroup {
        Some(ident) => Some(portgroups::find_by_argument(call, &ident).await?),
        None => None,
    };
    let node = match (node_uuid, node) {
        (Some(id), _) => Some(call.linked(&NodeIdent::Id(NodeId(id))).await?),
        (None, Some(ident)) => Some(call.node(&ident).await?),
        (None, None) => None,
    };
    let mut ports = match call.only_project() {
        Some(project) => {
            let mut ports = call.state.store.ports_of_project(project).await?;
            ports.retain(|port| address.is_none_or(|address| port.address == address));
            ports
        }
        None => narrowed(call, address, node.as_deref(), portgroup.as_ref()).await?,
    };
    if let Some(group) = &portgroup {
        ports.retain(|port| port.portgroup_uuid == Some(group.uuid.0));
    }
    if let Some(node) = &node {
        ports.retain(|port| port.node_uuid == node.uuid);
    }
    if let Some(text) = contains {
        ports.retain(|port| {
            port.description
                .as_deref()
                .is_some_and(|d| d.contains(&text))
        });
    }
    if shards.is_some() || groups.is_some() {
        retain_by_node(call, &mut ports, shards, groups).await?;
    }
    Ok(ports)
}

/// The ports of an address, else those of a node or a group, else all.
async fn narrowed(
    call: &Call,
    address: Option<MacAddress>,
    node: Option<&StoredNode>,
    portgroup: Option<&Portgroup>,
) -> Result<Vec<Port>, Failure> {
    let store = &call.state.store;
    Ok(match (address, node, portgroup) {
        (Some(mac), ..) => store.port_by_address(mac).await?.into_iter().collect(),
        (None, Some(node), _) => store.ports_of(node.uuid).await?,
        (None, None, Some(group)) => store.ports_of_portgroup(group.uuid).await?,
        (None, None, None) => store.ports().await?,
    })
}

/// Keeps the ports whose nodes are in one of the shards and of one of the conductor groups.
async fn retain_by_node(
    call: &Call,
    ports: &mut Vec<Port>,
    shards: Option<Vec<String>>,
    groups: Option<Vec<String>>,
) -> Result<(), Failure> {
    // A list without anything in it asks for nothing.
    let shards = shards.filter(|shards| !shards.is_empty());
    let mut batches = call.state.store.batches(NodeFilter {
        shards: shards.clone().unwrap_or_default(),
        ..NodeFilter::default()
    });
    let is_wanted = |node: &Arc<StoredNode>| {
        let in_shard = |s: &Vec<String>| node.shard.as_ref().is_some_and(|n| s.contains(n));
        shards.as_ref().is_none_or(in_shard)
            && groups
                .as_ref()
                .is_none_or(|g| g.contains(&node.conductor_group))
    };
    let mut wanted: HashSet<NodeId> = HashSet::new();
    while let Some(nodes) = batches.next().await? {
        wanted.extend(nodes.iter().filter(|node| is_wanted(node)).map(|n| n.uuid));
    }
    ports.retain(|port| wanted.contains(&port.node_uuid));
    Ok(())
}

fn page(
    call: &Call,
    mut ports: Vec<Port>,
    paging: &Paging,
    shape: &PortShape,
    collection: &str,
) -> Answer {
    sort(&mut ports, paging, call)?;
    if let Some(marker) = &paging.marker {
        super::super::arguments::uuid_text("marker", marker)?;
    }
    let ports = paging
        .cut(ports, |port| port.uuid.to_string())
        .ok_or_else(|| {
            let marker = paging.marker.as_deref().unwrap_or_default();
            ApiFault::not_found(format!("Port {marker} could not be found."))
        })?;
    let items: Vec<Value> = ports
        .iter()
        .map(|port| shape.value(port, &call.base))
        .collect();
    let mut body = json!({ "ports": items });
    let next = ports.last().and_then(|last| {
        let collection = call.url(format_args!("{collection}"));
        paging.next(&collection, ports.len(), &last.uuid.to_string())
    });
    if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
        members.insert("next".to_owned(), Value::from(next));
    }
    ok(&body)
}

fn sort(ports: &mut [Port], paging: &Paging, call: &Call) -> Result<(), ApiFault> {
    const NOT_SORTABLE: [&str; 3] = ["extra", "internal_info", "local_link_connection"];
    if let Some(key) = paging.sort_key.as_deref().filter(|key| *key != "id") {
        let field = FIELDS.iter().find(|f| f.name == key);
        if field.is_some_and(|f| call.version < f.since && !ASKED_EARLY.takes(f.name)) {
            return Err(ApiFault::not_acceptable());
        }
        let field = field.filter(|f| !["links", "portgroup_uuid"].contains(&f.name));
        if field.is_none() || NOT_SORTABLE.contains(&key) {
            return Err(not_sortable(key, field.is_some()));
        }
        // Numbers are not among the keys: the order of their texts is the order of the values.
        ports.sort_by_cached_key(|port| {
            let value = serde_json::to_value(port).unwrap_or_default();
            value
                .get(key)
                .filter(|v| !v.is_null())
                .map(Value::to_string)
        });
    }
    if paging.descending {
        ports.reverse();
    }
    Ok(())
}
