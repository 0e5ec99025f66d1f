//! `/v1/chassis` (wire reference §15): making, reading, changing, deleting. Which nodes one holds is
//! the node list's.

use cupola_api::chassis::{CHASSIS, Chassis};
use cupola_api::fault::ApiFault;
use http::StatusCode;
use uuid::Uuid;

use super::announce;
use super::answer::{Answer, empty};
use super::body::Size;
use super::call::Call;
use super::collection::{self, ListRequest, Shape};
use super::patch::{self, Patchable};
use super::repr::repr;

/// Upstream lets a patch name the UUID, as long as it stays what it is.
const PATCHABLE: Patchable = Patchable {
    fields: CHASSIS.fields,
    extra: &["uuid"],
    newer: CHASSIS.words.newer,
    what: CHASSIS.words.patch,
};

/// What an identifier of the path is called in errors.
pub(super) const ARGUMENT: &str = "chassis_uuid";

/// `GET /v1/chassis`, or `/v1/chassis/detail`.
pub(super) async fn list(call: &mut Call, is_detail_path: bool) -> Answer {
    let request = ListRequest::take(call, &CHASSIS, is_detail_path)?;
    let path = if is_detail_path {
        "chassis/detail"
    } else {
        "chassis"
    };
    collection::list::<Chassis>(call, &request, &[], path).await
}

/// `POST /v1/chassis`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let chassis: Chassis = collection::read(call).await?;
    let chassis = announce::create(call, chassis).await?;
    collection::created(call, &chassis)
}

/// `GET /v1/chassis/{uuid}`.
pub(super) async fn show(call: &mut Call, uuid: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &CHASSIS, call.version)?;
    let chassis: Chassis = collection::find(call, ARGUMENT, uuid).await?;
    collection::show(&shape, call, &chassis)
}

/// `PATCH /v1/chassis/{uuid}`.
pub(super) async fn update(call: &mut Call, uuid: &str) -> Answer {
    if Uuid::try_parse(uuid).is_err() {
        let text = format!("Schema error: {} is not a 'uuid'", repr(&uuid.into()));
        return Err(ApiFault::bad_request(text).into());
    }
    let body = call.json(Size::Usual).await?;
    let patch = patch::parse(body, call.version, PATCHABLE.what)?;
    patch::check(&patch, PATCHABLE, call.version)?;
    let before: Chassis = collection::find(call, ARGUMENT, uuid).await?;
    let after = collection::patched(&before, &patch)?;
    if after.uuid != before.uuid {
        let text = "Cannot overwrite UUID for an existing Chassis.";
        return Err(ApiFault::bad_request(text).into());
    }
    if after == before {
        return collection::whole(call, &before);
    }
    let after = announce::save(call, after).await?;
    collection::whole(call, &after)
}

/// `DELETE /v1/chassis/{uuid}`, unless nodes are in it.
pub(super) async fn delete(call: &mut Call, uuid: &str) -> Answer {
    let chassis: Chassis = collection::find(call, ARGUMENT, uuid).await?;
    announce::delete(call, &chassis).await?;
    empty(StatusCode::NO_CONTENT)
}
