//! `/v1/allocations` and `/v1/nodes/{node}/allocation` (wire reference §13): making, reading,
//! changing, deleting. Which node one gets is the conductor's.

use std::sync::Arc;

use cupola_api::Microversion;
use cupola_api::allocation::{ALLOCATIONS, Allocation, BACKFILL};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_api::policy::Rule;
use http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::announce::{self, Action};
use super::answer::{Answer, Failure, empty};
use super::body::{self, Size};
use super::call::Call;
use super::collection::{self, ListRequest, Shape};
use super::name;
use super::nodes::traits;
use super::repr::repr;
use super::schema::fault;
use crate::policy::Target;
use crate::store::{Cell, Only, StoreError, StoredNode};

/// `GET /v1/allocations`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, &ALLOCATIONS, false)?;
    let mut filters = Vec::new();
    if let Some(node) = call.arguments.text("node")? {
        let node = named(call, &node).await?.uuid;
        filters.push(Only::Is("node_uuid", Cell::text(node.to_string())));
    }
    for column in ["resource_class", "state"] {
        let given = call.arguments.text(column)?;
        filters.extend(given.map(|value| Only::Is(column, Cell::text(value))));
    }
    let owner = call.arguments.text("owner")?;
    let own = call.only_project().map(str::to_owned);
    if own.is_some() && owner.is_some() && own != owner {
        let what = "allocations of another project";
        call.must(Rule::AllocationListAll, Target::default(), what)?;
    }
    filters.extend(own.or(owner).map(Only::OwnedBy));
    collection::list::<Allocation>(call, &request, &filters, ALLOCATIONS.path).await
}

/// `POST /v1/allocations`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let rule = if call.may(Rule::AllocationCreate, Target::default()) {
        Rule::AllocationCreate
    } else {
        Rule::AllocationCreateRestricted
    };
    call.must(rule, Target::default(), "allocations")?;
    let mut given = body::object(call.json(Size::Usual).await?, ALLOCATIONS.words.body)?;
    let node = backfilled(call, &mut given).await?;
    let resolved = match given.get("candidate_nodes") {
        Some(Value::Array(names)) => Some(candidates(call, names).await?),
        _ => None,
    };
    if let Some(resolved) = resolved {
        given.insert("candidate_nodes".to_owned(), resolved);
    }
    if let Some(instance) = node.as_ref().and_then(|node| node.instance_uuid) {
        let uuid = given.entry("uuid").or_insert(Value::Null);
        if uuid.is_null() {
            *uuid = Value::from(instance.to_string());
        }
    }
    check_traits(&given)?;
    let mut allocation: Allocation = collection::build(given, call.version)?;
    if let Some(name) = allocation.name.as_deref().filter(|name| !is_name(name)) {
        let text = format!("Cannot create allocation with invalid name '{name}'");
        return Err(ApiFault::bad_request(text).into());
    }
    if allocation
        .resource_class
        .as_deref()
        .is_none_or(str::is_empty)
    {
        let text = "The resource_class field is mandatory when not backfilling";
        let node = node.as_ref().ok_or_else(|| ApiFault::bad_request(text))?;
        allocation.resource_class.clone_from(&node.resource_class);
    }
    allocation.owner = allocation.owner.filter(|owner| !owner.is_empty());
    give_owner(call, &mut allocation)?;
    let node = node.map(|node| node.uuid);
    let made = call.state.rpc.create_allocation(allocation.clone(), node);
    let made = announce::small(call, Action::Create, &allocation, made, announce::whole).await?;
    collection::created(call, &made)
}

/// What is asked for by who is of a project is for that project, unless the policy says otherwise.
fn give_owner(call: &Call, allocation: &mut Allocation) -> Result<(), ApiFault> {
    if !call.is_of_project() {
        return Ok(());
    }
    let own = call.own_project();
    let Some(owner) = allocation.owner.as_deref() else {
        allocation.owner = own.map(str::to_owned);
        return Ok(());
    };
    let rule = Rule::AllocationCreateRestricted;
    if Some(owner) == own || call.may(rule, Target::default()) {
        return Ok(());
    }
    let project = own.unwrap_or("None");
    Err(ApiFault::new(
        403,
        format!(
            "Cannot create allocation with an owner Project ID value {owner} not matching the requester \
             Project ID {project}. Policy {} is required for this capability.",
            rule.name()
        ),
    ))
}

/// Refuses who does not pass the route's rule on an allocation; `hidden` is the answer to who may not see
/// it.
fn check_asked(
    call: &Call,
    allocation: &Allocation,
    hidden: impl FnOnce() -> ApiFault,
) -> Result<(), ApiFault> {
    let target = Target {
        allocation_owner: allocation.owner.as_deref(),
        ..Target::default()
    };
    let what = format_args!("allocation {}", allocation.uuid);
    if call.must(Rule::AllocationGet, target, what).is_err() {
        return Err(hidden());
    }
    match call.method {
        Method::DELETE => call.must(Rule::AllocationDelete, target, what),
        Method::PATCH => call.must(Rule::AllocationUpdate, target, what),
        _ => Ok(()),
    }
}

/// Takes the node out of the body for which the allocation is made afterwards.
async fn backfilled(call: &Call, given: &mut Object) -> Result<Option<Arc<StoredNode>>, Failure> {
    match given.shift_remove(BACKFILL.name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) if call.version < BACKFILL.since => {
            Err(body::additional(&[BACKFILL.name], ALLOCATIONS.words.body).into())
        }
        Some(Value::String(node))
            if Uuid::try_parse(&node).is_err() && !name::is_logical(&node) =>
        {
            let text = format!("Expected a logical name or UUID but received {node}.");
            Err(ApiFault::bad_request(text).into())
        }
        Some(Value::String(node)) => Ok(Some(named(call, &node).await?)),
        Some(other) => {
            let text = format_args!("{} is not of type 'string', 'null'", repr(&other));
            Err(fault(ALLOCATIONS.words.body, text).into())
        }
    }
}

/// A node that is named beside the path: an unknown one is a bad request.
async fn named(call: &Call, ident: &str) -> Result<Arc<StoredNode>, Failure> {
    match call.node(ident).await {
        Err(Failure::Fault(mut fault)) if fault.status == 404 => {
            fault.status = 400;
            Err(fault.into())
        }
        found => found,
    }
}

/// The UUIDs of candidates that are given by UUID or name.
async fn candidates(call: &Call, names: &[Value]) -> Result<Value, Failure> {
    let mut found: Vec<NodeId> = Vec::with_capacity(names.len());
    let mut missing = Vec::new();
    for name in names {
        let Value::String(name) = name else {
            let shown = repr(name);
            let text = format_args!(
                "{shown} is not valid under any of the given schemas. Possible root cause: {shown} is \
                 not of type 'string'"
            );
            return Err(fault(ALLOCATIONS.words.body, text).into());
        };
        match call.linked(&name.as_str().into()).await {
            Ok(node) if found.contains(&node.uuid) => {}
            Ok(node) => found.push(node.uuid),
            Err(StoreError::NotFound { .. }) => missing.push(name.as_str()),
            Err(error) => return Err(error.into()),
        }
    }
    if missing.is_empty() {
        let uuids = found.iter().map(|uuid| Value::from(uuid.to_string()));
        return Ok(uuids.collect());
    }
    let missing = missing.join(", ");
    Err(ApiFault::bad_request(format!("Nodes cannot be found: {missing}")).into())
}

/// The rules of node names, as they are since 1.10.
fn is_name(name: &str) -> bool {
    name::is_valid(name, Microversion::new(10))
}

/// The traits of a body must be some.
fn check_traits(given: &Object) -> Result<(), ApiFault> {
    let Some(Value::Array(items)) = given.get("traits") else {
        return Ok(());
    };
    let what = ALLOCATIONS.words.body;
    for item in items {
        let Value::String(name) = item else {
            let text = format_args!("{} is not of type 'string'", repr(item));
            return Err(fault(what, text));
        };
        if let Some(reason) = traits::reason(name) {
            return Err(fault(what, reason));
        }
    }
    Ok(())
}

/// The allocation of a path: by UUID or name.
async fn find(call: &Call, ident: &str) -> Result<Allocation, Failure> {
    if Uuid::try_parse(ident).is_err() && !name::is_logical(ident) {
        let text = format!("Expected a logical name or UUID but received {ident}.");
        return Err(ApiFault::bad_request(text).into());
    }
    let allocation: Allocation = collection::find_named(call, ident).await?;
    check_asked(call, &allocation, || {
        collection::missing::<Allocation>(ident)
    })?;
    if let Some(node) = allocation.node_uuid {
        call.note(node);
    }
    Ok(allocation)
}

/// `GET /v1/allocations/{allocation}`.
pub(super) async fn show(call: &mut Call, ident: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &ALLOCATIONS, call.version)?;
    let allocation = find(call, ident).await?;
    collection::show(&shape, call, &allocation)
}

/// `PATCH /v1/allocations/{allocation}`: its name and notes, whatever becomes of it meanwhile.
pub(super) async fn update(call: &mut Call, ident: &str) -> Answer {
    let patch = collection::read_patch(call, &ALLOCATIONS).await?;
    let before = find(call, ident).await?;
    if let Some(bad) = collection::bad_name(&patch, is_name) {
        let text = format!("Cannot update allocation with invalid name '{bad}'");
        return Err(ApiFault::bad_request(text).into());
    }
    let after = collection::patched(&before, &patch)?;
    let store = &call.state.store;
    let changed = store.modify_allocation(before.uuid, |allocation| {
        allocation.name.clone_from(&after.name);
        allocation.extra.clone_from(&after.extra);
    });
    let changed = announce::small(call, Action::Update, &after, changed, announce::whole).await?;
    collection::whole(call, &changed)
}

/// `DELETE /v1/allocations/{allocation}`.
pub(super) async fn delete(call: &mut Call, ident: &str) -> Answer {
    let allocation = find(call, ident).await?;
    remove(call, &allocation).await
}

async fn remove(call: &Call, allocation: &Allocation) -> Answer {
    let removed = call.state.rpc.destroy_allocation(allocation.uuid);
    announce::small(call, Action::Delete, allocation, removed, |()| None).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /v1/nodes/{node}/allocation`.
pub(super) async fn show_of_node(call: &mut Call, node: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &ALLOCATIONS, call.version)?;
    let allocation = of_node(call, node).await?;
    collection::show(&shape, call, &allocation)
}

/// `DELETE /v1/nodes/{node}/allocation`.
pub(super) async fn delete_of_node(call: &mut Call, node: &str) -> Answer {
    let allocation = of_node(call, node).await?;
    remove(call, &allocation).await
}

async fn of_node(call: &Call, ident: &str) -> Result<Allocation, Failure> {
    let node = named(call, ident).await?;
    let missing = || ApiFault::not_found(format!("Allocation for node {ident} was not found"));
    let id = node.allocation_uuid.ok_or_else(missing)?;
    let allocation: Allocation = match call.state.store.document(id).await {
        Err(StoreError::NotFound { .. }) => return Err(missing().into()),
        found => found?,
    };
    check_asked(call, &allocation, missing)?;
    Ok(allocation)
}
