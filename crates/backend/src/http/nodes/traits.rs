//! `/v1/nodes/{node}/traits` (wire reference §8.6).

use std::sync::Arc;

use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::announce::{self, Action};
use super::super::answer::{Answer, empty, located, ok};
use super::super::body::{self, Size};
use super::super::call::{Call, refuse_locked};
use super::super::repr::repr;
use super::super::schema::fault;
use crate::notifications::payload::NODE_CRUD;
use crate::store::{StoreError, StoredNode};

/// How many traits a node may have.
const MAX_TRAITS: usize = 50;

/// What a request gets that names neither one trait in its path nor a list in its body, or both.
const ONE_OR_ALL: &str = "A single node trait may be added via PUT /v1/nodes/<node identifier>/traits/<trait> \
    with no body, or all node traits may be replaced via PUT /v1/nodes/<node identifier>/traits with the list \
    of traits specified in the request body.";

/// Reads, replaces or removes all traits.
pub(in super::super) async fn all(call: &mut Call, node: &str) -> Answer {
    let stored = call.node(node).await?;
    if call.method == Method::GET {
        let mut traits = stored.traits.clone();
        traits.sort();
        return ok(&json!({ "traits": traits }));
    }
    let traits = if call.method == Method::DELETE {
        Vec::new()
    } else {
        let mut body = body::object(call.json(Size::Usual).await?, "body")?;
        let list = body.remove("traits");
        let unknown: Vec<&str> = body.keys().map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(body::additional(&unknown, "body").into());
        }
        read(list)?
    };
    check_change(&stored, traits.len())?;
    let set = call.state.store.set_traits(stored.uuid, &traits);
    changed(call, &stored, traits.clone(), set).await?;
    empty(StatusCode::NO_CONTENT)
}

/// Adds or removes one trait.
pub(in super::super) async fn one(call: &mut Call, node: &str, name: &str) -> Answer {
    let stored = call.node(node).await?;
    let has_it = stored.traits.iter().any(|t| t == name);
    if call.method == Method::DELETE {
        if !has_it {
            let text = format!("Node {} doesn't have a trait '{name}'", stored.uuid);
            return Err(ApiFault::not_found(text).into());
        }
        check_change(&stored, 0)?;
        let left = stored.traits.iter().filter(|t| *t != name).cloned();
        let removed = call.state.store.remove_trait(stored.uuid, name);
        changed(call, &stored, left.collect(), removed).await?;
        return empty(StatusCode::NO_CONTENT);
    }
    let body = body::object(call.json(Size::Usual).await?, "body")?;
    let is_unknown = |name: &&str| *name != "traits";
    let unknown: Vec<&str> = body.keys().map(String::as_str).filter(is_unknown).collect();
    if !unknown.is_empty() {
        return Err(body::additional(&unknown, "body").into());
    }
    if !body.is_empty() {
        return Err(ApiFault::bad_request(ONE_OR_ALL).into());
    }
    if let Some(reason) = reason(name) {
        return Err(fault("trait", reason).into());
    }
    if !has_it {
        check_change(&stored, stored.traits.len() + 1)?;
        let with = stored.traits.iter().cloned().chain([name.to_owned()]);
        let added = call.state.store.add_trait(stored.uuid, name);
        changed(call, &stored, with.collect(), added).await?;
    }
    let location = call.url(format_args!("nodes/{node}/traits/{name}"));
    located(empty(StatusCode::NO_CONTENT), &location)
}

/// Changes the traits and tells of it.
async fn changed(
    call: &Call,
    before: &Node,
    traits: Vec<String>,
    change: impl Future<Output = Result<Arc<StoredNode>, StoreError>>,
) -> Result<(), StoreError> {
    let asked = Node {
        traits,
        ..before.clone()
    };
    let what = (&NODE_CRUD, Action::Update);
    let stored = announce::change(call, what, &asked, change, |stored| Some(&stored.node)).await?;
    call.state.events.node_changed(&stored);
    Ok(())
}

/// Refuses what cannot be: traits belong to a node that somebody may be working on.
fn check_change(before: &Node, count: usize) -> Result<(), ApiFault> {
    if count > MAX_TRAITS {
        return Err(ApiFault::bad_request(format!(
            "Could not modify traits for node {} as it would exceed the maximum number of traits per \
             node ({count} vs. {MAX_TRAITS})",
            before.uuid
        )));
    }
    refuse_locked(&before.reservation, before.uuid)
}

fn read(list: Option<Value>) -> Result<Vec<String>, ApiFault> {
    let Some(list) = list else {
        return Err(ApiFault::bad_request(ONE_OR_ALL));
    };
    let Value::Array(items) = list else {
        return Err(ApiFault::bad_request(format!(
            "Schema error for body: {} is not of type 'array'",
            repr(&list)
        )));
    };
    let mut traits: Vec<String> = Vec::new();
    for item in items {
        let Value::String(name) = item else {
            let shown = repr(&item);
            let text = format!("Schema error for body: {shown} is not of type 'string'");
            return Err(ApiFault::bad_request(text));
        };
        if let Some(reason) = reason(&name) {
            let text = format!("Schema error for body: {reason}");
            return Err(ApiFault::bad_request(text));
        }
        if !traits.contains(&name) {
            traits.push(name);
        }
    }
    Ok(traits)
}

/// Why a name is no trait, in the words of a schema check.
pub(in super::super) fn reason(name: &str) -> Option<String> {
    check(name).is_err().then(|| match name {
        "" => "'' should be non-empty".to_owned(),
        name if name.chars().count() > 255 => format!("'{name}' is too long"),
        name => format!(
            "'{name}' is not valid under any of the given schemas. Possible root cause: '{name}' does not \
             match '^CUSTOM_[A-Z0-9_]+$'"
        ),
    })
}

/// `CUSTOM_…` of capitals, digits and underscores, or the form of a standard trait's name
/// (`HW_CPU_X86_VMX`). Whether a standard one exists is not checked: the list grows every half year.
pub(in super::super) fn check(name: &str) -> Result<(), ApiFault> {
    const FAMILIES: [&str; 8] = [
        "CUSTOM_",
        "HW_",
        "COMPUTE_",
        "MISC_",
        "OWNER_",
        "STORAGE_",
        "HOST_",
        "FORBIDDEN_",
    ];
    let known = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let has_family = FAMILIES
        .iter()
        .any(|f| name.len() > f.len() && name.starts_with(f));
    if name.len() <= 255 && has_family && name.bytes().all(known) {
        return Ok(());
    }
    Err(ApiFault::bad_request(format!(
        "Trait(s) '{name}' are invalid. A valid trait must be no longer than 255 characters. \
         Standard traits are defined in the os_traits library. A custom trait must start with the \
         prefix CUSTOM_ and use the following characters: A-Z, 0-9 and _"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["CUSTOM_A1", "HW_CPU_X86_VMX"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "CUSTOM_", "custom_a", "FOO", "CUSTOM_a", "CUSTOM_Ä"] {
            assert!(check(name).is_err(), "{name}");
        }
        assert!(check(&format!("CUSTOM_{}", "A".repeat(249))).is_err());
        assert_eq!(read(Some(json!(["HW_A", "HW_A"]))).map(|t| t.len()), Ok(1));
        assert!(read(Some(json!("HW_A"))).is_err() && read(None).is_err());
    }
}
