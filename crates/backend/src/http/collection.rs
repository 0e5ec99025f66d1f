//! What all small resources have in common over HTTP: reading a body into one, patching one, and
//! showing one or a page of them, by the table of their collection. What is special about a
//! resource is in the file named after it. Nodes, which are read most, go their own way.

mod shape;

use std::sync::Arc;

use cupola_api::collection::{Collection, Marker, Member, Newer};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use cupola_api::node::{Access, Object};
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::policy::Rule;
use cupola_api::{Microversion, NodeId};
use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Answer, Failure, json, located, ok};
use super::arguments::uuid_text;
use super::body::{self, Size, additional};
use super::call::Call;
use super::name::is_logical;
use super::paging::{Paging, not_sortable};
use super::patch::{self, Patchable};
use super::repr::{plain, repr_list};
use super::schema;
use super::text::{Secrets, unmask};
use crate::policy::Target;
use crate::store::{Cell, Document, Only, StoreError, StoredNode, Window};
pub(super) use shape::{Shape, links};

/// What a list request asks for, besides filters.
#[derive(Debug)]
pub(super) struct ListRequest {
    paging: Paging,
    shape: Shape,
}

impl ListRequest {
    /// Takes the arguments that every list has. A path that ends in `detail` takes no `fields`.
    pub(super) fn take(
        call: &mut Call,
        collection: &'static Collection,
        is_detail_path: bool,
    ) -> Result<Self, ApiFault> {
        let words = &collection.words;
        let max = call.state.options.max_limit;
        let paging = Paging::take_worded(&mut call.arguments, max, words.direction)?;
        if let Some(key) = &paging.sort_key {
            check_sort_key(collection, key, call.version)?;
        }
        let shape = if is_detail_path {
            Shape::full(collection, call.version)
        } else {
            Shape::of_list(&mut call.arguments, collection, call.version)?
        };
        Ok(Self { paging, shape })
    }
}

/// The item that a list goes on after. One that the caller may not see is not there.
async fn marker<D: Document>(
    call: &Call,
    paging: &Paging,
    filters: &[Only],
) -> Result<Option<Uuid>, Failure> {
    let Some(text) = &paging.marker else {
        return Ok(None);
    };
    let Some(uuid) = named_marker::<D>(call, text).await? else {
        return Ok(None);
    };
    if call.only_project().is_some() || !call.may(Rule::NodeListAll, Target::default()) {
        let scopes = filters.iter().filter(|filter| filter.is_scope()).cloned();
        let is = Only::Is("uuid", Cell::text(uuid.to_string()));
        let scopes: Vec<Only> = scopes.chain([is]).collect();
        let seen: Vec<D> = call.state.store.documents(&scopes).await?;
        if seen.is_empty() {
            return Err(missing::<D>(text).into());
        }
    }
    Ok(Some(uuid))
}

async fn named_marker<D: Document>(call: &Call, text: &str) -> Result<Option<Uuid>, Failure> {
    let words = &D::COLLECTION.words;
    match (words.marker, Uuid::try_parse(text)) {
        (_, Ok(uuid)) => Ok(Some(uuid)),
        (Marker::Uuid, Err(_)) => Ok(Some(uuid_text("marker", text)?)),
        (Marker::SchemaUuid, Err(_)) => {
            let reason = format!("{} is not a 'uuid'", repr_list([text]));
            let reason = reason.replace(['[', ']'], "");
            Err(schema::fault("", reason).into())
        }
        (Marker::Any, Err(_)) if text.is_empty() => Ok(None),
        (Marker::Name, Err(_)) if !is_logical(text) => {
            let text = format!("Expected name for marker: {text}");
            Err(ApiFault::bad_request(text).into())
        }
        (Marker::Name, Err(_)) => Ok(Some(find_named::<D>(call, text).await?.uuid())),
        (Marker::Any, Err(_)) => Err(missing::<D>(text).into()),
    }
}

pub(super) fn missing<M: Member>(ident: &str) -> ApiFault {
    let title = M::COLLECTION.title;
    ApiFault::not_found(format!("{title} {ident} could not be found."))
}

fn check_sort_key(
    collection: &Collection,
    key: &str,
    version: Microversion,
) -> Result<(), ApiFault> {
    if key == "id" {
        return Ok(());
    }
    let field = collection
        .field(key)
        .filter(|field| !collection.computed.contains(&field.name))
        .ok_or_else(|| not_sortable(key, false))?;
    let newer = collection.words.newer;
    if version < field.since && newer != Newer::Unknown && !newer.takes(key) {
        return Err(ApiFault::not_acceptable());
    }
    if collection.json.contains(&key) {
        return Err(not_sortable(key, true));
    }
    Ok(())
}

/// One page of what passes the filters; `path` is the one called, for the link to the next page.
pub(super) async fn list<D: Document>(
    call: &Call,
    request: &ListRequest,
    filters: &[Only],
    path: &str,
) -> Answer {
    list_redacted(call, request, filters, path, |_: &mut D| {}).await
}

/// The same, each as `redact` leaves it.
pub(super) async fn list_redacted<D: Document>(
    call: &Call,
    request: &ListRequest,
    filters: &[Only],
    path: &str,
    redact: impl Fn(&mut D),
) -> Answer {
    let paging = &request.paging;
    let marker = marker::<D>(call, paging, filters).await?;
    let mut items: Vec<D> = match paging.sort_key.as_deref() {
        None | Some("id") => {
            let window = Window {
                after: marker,
                descending: paging.descending,
                limit: paging.limit,
            };
            call.state.store.document_page(filters, window).await?
        }
        Some(key) => {
            let mut items = call.state.store.documents(filters).await?;
            items.sort_by_cached_key(|item: &D| sort_value(item, key));
            if paging.descending {
                items.reverse();
            }
            cut(paging, marker, items)?
        }
    };
    items.iter_mut().for_each(redact);
    let shown: Vec<Value> = items
        .iter()
        .map(|item| request.shape.value(item, &call.base))
        .collect();
    let mut answer = Map::new();
    answer.insert(D::COLLECTION.name.to_owned(), Value::Array(shown));
    let next = items.last().and_then(|last| {
        let collection = call.url(format_args!("{path}"));
        paging.next(&collection, items.len(), &last.uuid().to_string())
    });
    if let Some(next) = next {
        answer.insert("next".to_owned(), Value::from(next));
    }
    ok(&answer)
}

fn cut<D: Document>(
    paging: &Paging,
    marker: Option<Uuid>,
    mut items: Vec<D>,
) -> Result<Vec<D>, ApiFault> {
    if let Some(marker) = marker {
        let at = items.iter().position(|item| item.uuid() == marker);
        let at = at.ok_or_else(|| missing::<D>(&marker.to_string()))?;
        items.drain(..=at);
    }
    items.truncate(paging.limit);
    Ok(items)
}

/// A value of a field by which items can be put in order; what is not set comes first.
fn sort_value<M: Member>(item: &M, key: &str) -> (bool, i64, String) {
    let time = match key {
        "created_at" => Some(item.created_at()),
        "updated_at" => Some(item.updated_at()),
        _ => None,
    };
    if let Some(at) = time {
        let micros = at.map(jiff::Timestamp::as_microsecond);
        return (micros.is_some(), micros.unwrap_or_default(), String::new());
    }
    match object(item).ok().and_then(|mut all| all.remove(key)) {
        None | Some(Value::Null) => (false, 0, String::new()),
        Some(Value::Number(number)) => (true, number.as_i64().unwrap_or_default(), String::new()),
        Some(Value::Bool(on)) => (true, i64::from(on), String::new()),
        Some(Value::String(text)) => (true, 0, text),
        Some(other @ (Value::Array(_) | Value::Object(_))) => (true, 0, other.to_string()),
    }
}

/// The resource of this UUID, which came as `argument`.
pub(super) async fn find<D: Document>(
    call: &Call,
    argument: &str,
    uuid: &str,
) -> Result<D, Failure> {
    by_uuid(call, uuid_text(argument, uuid)?, uuid).await
}

/// The resource of this UUID. What is missing is named as it was asked for, as what is hidden is.
async fn by_uuid<D: Document>(call: &Call, uuid: Uuid, ident: &str) -> Result<D, Failure> {
    match call.state.store.document(uuid).await {
        Err(StoreError::NotFound { .. }) => Err(missing::<D>(ident).into()),
        found => Ok(found?),
    }
}

/// The resource of this UUID, or of this name.
pub(super) async fn find_named<D: Document>(call: &Call, ident: &str) -> Result<D, Failure> {
    let store = &call.state.store;
    if let Ok(uuid) = Uuid::try_parse(ident) {
        return by_uuid(call, uuid, ident).await;
    }
    let named = Only::Is("name", Cell::text(ident));
    let argument = D::COLLECTION.words.ident;
    if !argument.is_empty() && !is_logical(ident) {
        let text = format!("Expected UUID or name for {argument}: {ident}");
        return Err(ApiFault::bad_request(text).into());
    }
    let found = store.documents(&[named]).await?.into_iter().next();
    Ok(found.ok_or_else(|| missing::<D>(ident))?)
}

/// The node that a body names: an unknown one is a bad request, not a missing resource.
pub(super) async fn owner(call: &Call, node: NodeId) -> Result<Arc<StoredNode>, Failure> {
    match call.linked(&NodeIdent::Id(node)).await {
        Err(error @ StoreError::NotFound { .. }) => {
            Err(ApiFault::bad_request(error.to_string()).into())
        }
        found => asked(call, found?),
    }
}

/// The node that a patch moves a resource to: one of the same owner as the node that has it now.
pub(super) async fn new_owner(
    call: &Call,
    before: NodeId,
    node: NodeId,
) -> Result<Arc<StoredNode>, Failure> {
    let refused = || not_an_owner(&node.to_string());
    let found = match call.linked(&NodeIdent::Id(node)).await {
        Err(StoreError::NotFound { .. }) => return Err(refused().into()),
        found => asked(call, found?)?,
    };
    if before != node && call.state.store.node_by_id(before).await?.owner != found.owner {
        return Err(refused().into());
    }
    Ok(found)
}

fn asked(call: &Call, node: Arc<StoredNode>) -> Result<Arc<StoredNode>, Failure> {
    call.ask_route(&node)?;
    Ok(node)
}

/// The refusal of a node that cannot be that of a resource.
pub(super) fn not_an_owner(node: &str) -> ApiFault {
    ApiFault::bad_request(format!(
        "Unable to apply the requested node_uuid '{node}'. Requested value was invalid."
    ))
}

/// What a patch gives as a node's UUID and is none.
pub(super) fn bad_owner(patch: &[PatchOperation]) -> Option<String> {
    bad_value(patch, "/node_uuid", |text| Uuid::try_parse(text).is_ok())
}

/// What a patch gives as a name and is none; what says nothing is the schema's to refuse.
pub(super) fn bad_name(patch: &[PatchOperation], is_name: impl Fn(&str) -> bool) -> Option<String> {
    let says_something = |operation: &&PatchOperation| match &operation.value {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Bool(on)) => *on,
        Some(Value::Number(_)) => true,
        Some(Value::Null) | None => false,
    };
    let named: Vec<PatchOperation> = patch.iter().filter(says_something).cloned().collect();
    bad_value(&named, "/name", is_name)
}

/// What a patch gives a field of texts and is none that is good, as Python prints it.
pub(super) fn bad_value(
    patch: &[PatchOperation],
    path: &str,
    is_good: impl Fn(&str) -> bool,
) -> Option<String> {
    let given = patch
        .iter()
        .filter(|operation| operation.path == path && operation.op != PatchVerb::Remove);
    let mut values = given.filter_map(|operation| operation.value.as_ref());
    let bad = values.find(|value| value.as_str().is_none_or(|text| !is_good(text)));
    bad.map(plain)
}

/// The answer that shows one, in the fields asked for.
pub(super) fn show<M: Member>(shape: &Shape, call: &Call, item: &M) -> Answer {
    ok(&shape.value(item, &call.base))
}

/// The answer that shows one whole.
pub(super) fn whole<M: Member>(call: &Call, item: &M) -> Answer {
    show(&Shape::full(M::COLLECTION, call.version), call, item)
}

/// The answer that shows one that was made.
pub(super) fn created<M: Member>(call: &Call, item: &M) -> Answer {
    let shape = Shape::full(M::COLLECTION, call.version);
    let location = call.url(format_args!("{}/{}", M::COLLECTION.path, item.uuid()));
    let shown = shape.value(item, &call.base);
    located(json(StatusCode::CREATED, &shown), &location)
}

/// The resource that the body describes.
pub(super) async fn read<M: Member>(call: &mut Call) -> Result<M, Failure> {
    let given = body::object(call.json(Size::Usual).await?, M::COLLECTION.words.body)?;
    Ok(build(given, call.version)?)
}

/// The resource that these fields describe.
pub(super) fn build<M: Member>(mut given: Object, version: Microversion) -> Result<M, ApiFault> {
    let collection = M::COLLECTION;
    let what = collection.words.body;
    check_names(&given, collection, version)?;
    let names: Vec<String> = given.keys().cloned().collect();
    let names = names.iter().map(String::as_str);
    schema::normalize(&mut given, names, collection.kinds, what)?;
    if given.get("uuid").is_none_or(Value::is_null) {
        let uuid = Uuid::new_v4().to_string();
        given.insert("uuid".to_owned(), Value::from(uuid));
    }
    serde_json::from_value(Value::Object(given)).map_err(|error| schema::fault(what, error))
}

/// Refuses fields that cannot be given, or not at this version, and bodies that lack one.
fn check_names(
    given: &Object,
    collection: &Collection,
    version: Microversion,
) -> Result<(), ApiFault> {
    let words = &collection.words;
    let find = |name: &str| {
        let field = collection.field(name);
        field.filter(|f| matches!(f.access, Access::Create | Access::CreateAndPatch))
    };
    let names = || given.keys().map(String::as_str);
    let mut required = collection.required.iter();
    if let Some(name) = required.find(|name| !given.contains_key(**name)) {
        let text = format_args!("'{name}' is a required property");
        return Err(schema::fault(words.body, text));
    }
    let is_newer = |name: &str| {
        let field = find(name).filter(|field| !words.newer.takes(field.name));
        field.is_some_and(|field| version < field.since)
    };
    let unknown: Vec<&str> = names().filter(|name| find(name).is_none()).collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, words.body));
    }
    if names().any(is_newer) {
        return Err(ApiFault::not_acceptable());
    }
    Ok(())
}

/// The patch of the body, its paths checked.
pub(super) async fn read_patch(
    call: &mut Call,
    collection: &'static Collection,
) -> Result<Vec<PatchOperation>, Failure> {
    let table = Patchable {
        fields: collection.fields,
        extra: &[],
        newer: collection.words.newer,
        what: collection.words.patch,
    };
    let patch = patch::parse(call.json(Size::Usual).await?, call.version, table.what)?;
    patch::check(&patch, table, call.version)?;
    Ok(patch)
}

/// The resource with the patch applied.
pub(super) fn patched<M: Member>(before: &M, patch: &[PatchOperation]) -> Result<M, ApiFault> {
    patched_by(before, patch, |_| Ok(()))
}

/// The resource with the patch applied; `check` looks at what comes of it, before it is read, and may
/// bring it into one form.
pub(super) fn patched_by<M: Member>(
    before: &M,
    patch: &[PatchOperation],
    check: impl FnOnce(&mut Object) -> Result<(), ApiFault>,
) -> Result<M, ApiFault> {
    let collection = M::COLLECTION;
    let stored = object(before)?;
    let mut document = stored.clone();
    patch::apply(&mut document, patch)?;
    let roots = patch.iter().map(|operation| patch::root(&operation.path));
    schema::normalize(&mut document, roots, collection.kinds, "patch")?;
    for name in collection.masked {
        if let (Some(was), Some(is)) = (stored.get(*name), document.get_mut(*name)) {
            let alone = |value: Value| Object::from_iter([((*name).to_owned(), value)]);
            let mut sent = alone(is.take());
            unmask(&mut sent, &alone(was.clone()), Secrets::ByName);
            *is = sent.remove(*name).unwrap_or_default();
        }
    }
    check(&mut document)?;
    serde_json::from_value(Value::Object(document)).map_err(patch::schema)
}

/// Whether a patch touches this field.
pub(super) fn touches(patch: &[PatchOperation], name: &str) -> bool {
    let mut roots = patch.iter().map(|operation| patch::root(&operation.path));
    roots.any(|root| root == name)
}

/// The whole resource as it is stored, secrets included.
pub(super) fn object<M: Member>(item: &M) -> Result<Object, ApiFault> {
    match serde_json::to_value(item) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Ok(Object::new()),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::portgroup::{PORTGROUPS, Portgroup};
    use cupola_api::volume_target::VolumeTarget;
    use serde_json::json;

    fn built<M: Member>(body: Value, minor: u16) -> Result<M, (u16, String)> {
        let given = body.as_object().cloned().unwrap_or_default();
        build(given, Microversion::new(minor)).map_err(|f| (f.status, f.message))
    }

    #[test]
    fn bodies_are_read_by_the_table() {
        let node = NodeId::random();
        let body = json!({"node_uuid": node, "standalone_ports_supported": "no", "extra": null,
                          "uuid": null, "address": "AA:00:00:00:00:01"});
        let group: Portgroup = built(body, 23).expect("good");
        assert!(!group.standalone_ports_supported && group.extra.is_empty());
        assert_eq!(group.node_uuid, node);
        let status = |body: Value, minor| built::<Portgroup>(body, minor).map_err(|e| e.0);
        assert_eq!(status(json!({}), 115).err(), Some(400));
        let newer = json!({"node_uuid": node, "mode": "802.3ad"});
        assert_eq!(status(newer.clone(), 25).err(), Some(406));
        assert!(status(newer, 26).is_ok());
        let early = json!({"node_uuid": node, "category": "fast"});
        assert!(status(early, 23).is_ok());
        let unknown = built::<Portgroup>(json!({"node_uuid": node, "ports": []}), 115);
        assert!(unknown.is_err_and(|(_, text)| text.contains("'ports' was unexpected")));
        let text = json!({"node_uuid": node, "volume_type": "iscsi", "volume_id": "v",
                          "boot_index": "0"});
        let text = built::<VolumeTarget>(text, 115).map(|_| ());
        let want = "Schema error for target: '0' is not of type 'integer'".to_owned();
        assert_eq!(text, Err((400, want)));
    }

    #[test]
    fn masks_that_come_back_keep_the_secret() {
        let mut before = VolumeTarget::new(NodeId::random(), "iscsi", 0, "v");
        let secret = json!({"auth_password": "hunter2"});
        before.properties = secret.as_object().cloned().unwrap_or_default();
        let sent = json!({"auth_password": "******", "target_lun": 1});
        let patch = [PatchOperation::replace("/properties", sent)];
        let after = patched(&before, &patch).expect("good");
        assert_eq!(after.properties["auth_password"], "hunter2");
        let removed = patched(&before, &[PatchOperation::remove("/boot_index")]);
        assert_eq!(
            removed.map(|_| ()).map_err(|f| f.message),
            Err("Schema error for patch: 'boot_index' is a required property".to_owned())
        );
    }

    #[test]
    fn what_can_be_sorted_by() {
        let check = |key: &str, minor| {
            check_sort_key(&PORTGROUPS, key, Microversion::new(minor)).map_err(|f| f.message)
        };
        assert_eq!(check("id", 23), Ok(()));
        assert_eq!(check("name", 23), Ok(()));
        assert_eq!(
            check("extra", 115).err().as_deref(),
            Some("The sort_key value extra is an invalid field for sorting")
        );
        assert_eq!(
            check("zz", 115).err().as_deref(),
            Some("The sort_key value \"zz\" is an invalid field for sorting")
        );
        assert!(check("mode", 25).is_err() && check("mode", 26).is_ok());
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let node = NodeId::random();
        let target = |index| VolumeTarget::new(node, "iscsi", index, "v");
        assert!(sort_value(&target(9), "boot_index") < sort_value(&target(10), "boot_index"));
        let named = |name: Option<&str>| Portgroup {
            name: name.map(str::to_owned),
            ..Portgroup::new(node)
        };
        assert!(sort_value(&named(None), "name") < sort_value(&named(Some("")), "name"));
    }
}
