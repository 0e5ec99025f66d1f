//! `/v1/inspection_rules` (wire reference §14.3): making, reading, changing, deleting, by UUID only.
//! What a rule does is the conductor's.

mod check;

use cupola_api::fault::ApiFault;
use cupola_api::inspection_rule::{INSPECTION_RULES, InspectionRule};
use cupola_api::patch::PatchVerb;
use http::StatusCode;
use uuid::Uuid;

use super::announce;
use super::answer::{Answer, Failure, empty};
use super::body::{self, Size};
use super::call::Call;
use super::collection::{self, ListRequest, Shape};
use super::repr::repr;
use super::schema::fault;

/// The rule of a path: by its UUID alone.
async fn find(call: &Call, uuid: &str) -> Result<InspectionRule, Failure> {
    if Uuid::try_parse(uuid).is_err() {
        let text = format_args!("{} is not a 'uuid'", repr(&uuid.into()));
        return Err(fault("", text).into());
    }
    collection::find(call, "inspection_rule_uuid", uuid).await
}

/// `GET /v1/inspection_rules`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, &INSPECTION_RULES, false)?;
    // There is one phase; upstream does not filter by it either.
    call.arguments.text("phase")?;
    collection::list::<InspectionRule>(call, &request, &[], INSPECTION_RULES.path).await
}

/// `POST /v1/inspection_rules`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let what = INSPECTION_RULES.words.body;
    let given = body::object(call.json(Size::Usual).await?, what)?;
    check::operations(&given, what)?;
    check::phase(given.get("phase"))?;
    let rule: InspectionRule = collection::build(given, call.version)?;
    check::rule(&rule)?;
    let rule = announce::create(call, rule).await?;
    collection::created(call, &rule)
}

/// `GET /v1/inspection_rules/{uuid}`.
pub(super) async fn show(call: &mut Call, uuid: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &INSPECTION_RULES, call.version)?;
    let rule: InspectionRule = find(call, uuid).await?;
    collection::show(&shape, call, &rule)
}

/// `PATCH /v1/inspection_rules/{uuid}`.
pub(super) async fn update(call: &mut Call, uuid: &str) -> Answer {
    let patch = collection::read_patch(call, &INSPECTION_RULES).await?;
    let before: InspectionRule = find(call, uuid).await?;
    let mut null_phase = patch
        .iter()
        .filter(|o| o.path == "/phase" && o.op != PatchVerb::Remove);
    null_phase.try_for_each(|operation| check::phase(operation.value.as_ref()))?;
    let what = INSPECTION_RULES.words.patch;
    let after: InspectionRule = collection::patched_by(&before, &patch, |document| {
        check::operations(document, what)
    })?;
    if before.sensitive && !after.sensitive {
        let patch = serde_json::to_value(&patch).unwrap_or_default();
        return Err(ApiFault::bad_request(format!(
            "Couldn't apply patch '{}'. Reason: Inspection rules cannot have the sensitive flag \
             unset.",
            repr(&patch)
        ))
        .into());
    }
    check::rule(&after)?;
    if after == before {
        return collection::whole(call, &before);
    }
    let after = announce::save(call, after).await?;
    collection::whole(call, &after)
}

/// `DELETE /v1/inspection_rules/{uuid}`.
pub(super) async fn delete(call: &mut Call, uuid: &str) -> Answer {
    let rule: InspectionRule = find(call, uuid).await?;
    announce::delete(call, &rule).await?;
    empty(StatusCode::NO_CONTENT)
}
