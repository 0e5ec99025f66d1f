//! `/v1/deploy_templates` (wire reference §14.1): making, reading, changing, deleting. What a
//! template does to a deploy is the conductor's.

mod check;

use cupola_api::deploy_template::{DEPLOY_TEMPLATES, DeployTemplate};
use http::StatusCode;

use super::announce;
use super::answer::{Answer, empty};
use super::body::{self, Size};
use super::call::Call;
use super::collection::{self, ListRequest, Shape};
use super::patch;

/// `POST /v1/deploy_templates`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let given = body::object(call.json(Size::Usual).await?, "template")?;
    let template = check::created(&given)?;
    let template = announce::create(call, template).await?;
    collection::created(call, &template)
}

/// `GET /v1/deploy_templates`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, &DEPLOY_TEMPLATES, false)?;
    collection::list::<DeployTemplate>(call, &request, &[], DEPLOY_TEMPLATES.path).await
}

/// `GET /v1/deploy_templates/{template}`.
pub(super) async fn show(call: &mut Call, template: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &DEPLOY_TEMPLATES, call.version)?;
    let template: DeployTemplate = collection::find_named(call, template).await?;
    collection::show(&shape, call, &template)
}

/// `PATCH /v1/deploy_templates/{template}`.
pub(super) async fn update(call: &mut Call, template: &str) -> Answer {
    let before: DeployTemplate = collection::find_named(call, template).await?;
    let patch = collection::read_patch(call, &DEPLOY_TEMPLATES).await?;
    let mut document = collection::object(&before)?;
    patch::apply(&mut document, &patch)?;
    let after = check::patched(&document, &before)?;
    if after == before {
        return collection::whole(call, &before);
    }
    let after = announce::save(call, after).await?;
    collection::whole(call, &after)
}

/// `DELETE /v1/deploy_templates/{template}`.
pub(super) async fn delete(call: &mut Call, template: &str) -> Answer {
    let template: DeployTemplate = collection::find_named(call, template).await?;
    announce::delete(call, &template).await?;
    empty(StatusCode::NO_CONTENT)
}
