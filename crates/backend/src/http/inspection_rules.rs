//! `/v1/inspection_rules` (wire reference §14.3): making, reading, changing, deleting, by UUID only.
//! What a rule does is the conductor's.

mod check;

use cupola_api::fault::ApiFault;
use cupola_api::inspection_rule::{INSPECTION_RULES, InspectionRule};
use http::StatusCode;

use super::answer::{Answer, empty};
use super::body::{self, Size};
use super::call::Call;
use super::collection::{self, ListRequest, Shape};

/// What an identifier of the path is called in errors.
const ARGUMENT: &str = "inspection_rule_uuid";

/// `GET /v1/inspection_rules`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, &INSPECTION_RULES, false)?;
    // There is one phase; upstream does not filter by it either.
    call.arguments.text("phase")?;
    collection::list::<InspectionRule>(call, &request, &[], INSPECTION_RULES.path).await
}

/// `POST /v1/inspection_rules`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let given = body::object(call.json(Size::Usual).await?, INSPECTION_RULES.noun)?;
    check::operations(&given)?;
    let rule: InspectionRule = collection::build(given, call.version)?;
    check::rule(&rule)?;
    let rule = call.state.store.create_document(rule).await?;
    collection::created(call, &rule)
}

/// `GET /v1/inspection_rules/{uuid}`.
pub(super) async fn show(call: &mut Call, uuid: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &INSPECTION_RULES, call.version)?;
    let rule: InspectionRule = collection::find(call, ARGUMENT, uuid).await?;
    collection::show(&shape, call, &rule)
}

/// `PATCH /v1/inspection_rules/{uuid}`.
pub(super) async fn update(call: &mut Call, uuid: &str) -> Answer {
    let patch = collection::read_patch(call, &INSPECTION_RULES).await?;
    let before: InspectionRule = collection::find(call, ARGUMENT, uuid).await?;
    let after: InspectionRule =
        collection::patched_by(&before, &patch, |document| check::operations(document))?;
    if before.sensitive && !after.sensitive {
        return Err(ApiFault::bad_request(
            "Couldn't apply patch to /sensitive. Reason: Inspection rules cannot have the sensitive \
             flag unset.",
        )
        .into());
    }
    check::rule(&after)?;
    let after = call.state.store.save_document(after).await?;
    collection::whole(call, &after)
}

/// `DELETE /v1/inspection_rules/{uuid}`.
pub(super) async fn delete(call: &mut Call, uuid: &str) -> Answer {
    let rule: InspectionRule = collection::find(call, ARGUMENT, uuid).await?;
    let store = &call.state.store;
    store.delete_document::<InspectionRule>(rule.uuid.0).await?;
    empty(StatusCode::NO_CONTENT)
}
