//! Changes of resources by requests, with what is told of them before and after (see
//! [`crate::notifications`]).

use cupola_api::collection::Member;
use serde::Serialize;

use super::call::Call;
use crate::notifications::Status;
use crate::notifications::payload::Payload;
use crate::store::{Document, StoreError};

/// What becomes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A node's maintenance is set or cleared.
    Maintenance,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Maintenance => "maintenance_set",
        }
    }
}

/// Makes a change and tells of it: that it begins, and how it ended. `resource` is as it shall be,
/// or as it was when it is deleted; at the
/// end `shown` is told, where the change comes to something.
pub(super) async fn change<R: Serialize, T, E>(
    call: &Call,
    (payload, action): (&Payload, Action),
    resource: &R,
    change: impl Future<Output = Result<T, E>>,
    shown: impl FnOnce(&T) -> Option<&R>,
) -> Result<T, E> {
    let notifier = call.state.events.notifier().clone();
    let name = action.as_str();
    notifier.resource(payload, name, Status::Start, resource);
    let changed = change.await;
    match &changed {
        Ok(result) => {
            let shown = shown(result).unwrap_or(resource);
            notifier.resource(payload, name, Status::End, shown);
        }
        Err(_) => notifier.resource(payload, name, Status::Error, resource),
    }
    changed
}

/// What comes of most changes: the resource.
pub(super) const fn whole<T>(resource: &T) -> Option<&T> {
    Some(resource)
}

/// Makes a small resource.
pub(super) async fn create<D: Document>(call: &Call, item: D) -> Result<D, StoreError> {
    let made = call.state.store.create_document(item.clone());
    small(call, Action::Create, &item, made, whole).await
}

/// Changes one.
pub(super) async fn save<D: Document>(call: &Call, item: D) -> Result<D, StoreError> {
    let saved = call.state.store.save_document(item.clone());
    small(call, Action::Update, &item, saved, whole).await
}

/// Deletes one.
pub(super) async fn delete<D: Document>(call: &Call, item: &D) -> Result<(), StoreError> {
    let deleted = call.state.store.delete_document::<D>(item.uuid());
    small(call, Action::Delete, item, deleted, |()| None).await
}

/// Changes a small resource in any other way.
pub(super) async fn small<M: Member, T, E>(
    call: &Call,
    action: Action,
    item: &M,
    made: impl Future<Output = Result<T, E>>,
    shown: impl FnOnce(&T) -> Option<&M>,
) -> Result<T, E> {
    match Payload::of_collection(M::COLLECTION.path) {
        Some(payload) => change(call, (payload, action), item, made, shown).await,
        None => made.await,
    }
}
