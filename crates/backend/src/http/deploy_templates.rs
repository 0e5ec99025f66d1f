//! `/v1/deploy_templates` (wire reference §14.1): making, reading, changing, deleting. What a
//! template does to a deploy is the conductor's.

mod check;

use cupola_api::deploy_template::{DeployTemplate, FIELDS};
use cupola_api::fault::ApiFault;
use cupola_api::id::DeployTemplateId;
use cupola_api::node::Object;
use cupola_api::secret;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Failure, empty, json, located, ok};
use super::body::{self, Size};
use super::call::Call;
use super::paging::{Paging, not_sortable};
use super::patch::{self, Patchable};
use super::repr::repr_list;
use super::text::time_value;

const TEMPLATE: Patchable = Patchable {
    fields: FIELDS,
    extra: &[],
};

/// The fields of a list entry.
const LIST: [&str; 3] = ["uuid", "name", "links"];

/// `POST /v1/deploy_templates`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let given = body::object(call.json(Size::Usual).await?, "deploy template")?;
    let template = check::created(given)?;
    let template = call.state.store.create_deploy_template(template).await?;
    let location = call.url(format_args!("deploy_templates/{}", template.uuid));
    let shown = shown(&template, &call.base, |_| true);
    located(json(StatusCode::CREATED, &shown), &location)
}

/// `GET /v1/deploy_templates`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let detail = call.arguments.boolean("detail")?.unwrap_or(false);
    let fields = selected(call)?;
    if detail && fields.is_some() {
        return Err(ApiFault::bad_request(
            "Can not specify ?detail=True and fields in the same request.",
        )
        .into());
    }
    let mut templates = call.state.store.deploy_templates().await?;
    sort(&mut templates, &paging)?;
    let missing = || {
        let marker = paging.marker.clone().unwrap_or_default();
        ApiFault::not_found(format!("Deploy template {marker} could not be found."))
    };
    let page = paging
        .cut(templates, |template| template.uuid.to_string())
        .ok_or_else(missing)?;
    let wanted = |name: &str| match &fields {
        Some(names) => name == "links" || names.iter().any(|n| n == name),
        None => detail || LIST.contains(&name),
    };
    let items: Vec<Value> = page
        .iter()
        .map(|template| shown(template, &call.base, wanted))
        .collect();
    let last = page.last().map(|t| t.uuid.to_string()).unwrap_or_default();
    let mut answer = Map::new();
    answer.insert("deploy_templates".to_owned(), Value::Array(items));
    let collection = call.url(format_args!("deploy_templates"));
    if let Some(next) = paging.next(&collection, page.len(), &last) {
        answer.insert("next".to_owned(), Value::from(next));
    }
    ok(&answer)
}

/// `GET /v1/deploy_templates/{template}`.
pub(super) async fn show(call: &mut Call, template: &str) -> Answer {
    let fields = selected(call)?;
    let template = call.state.store.deploy_template(template).await?;
    ok(&shown(&template, &call.base, |name| match &fields {
        Some(names) => name == "links" || names.iter().any(|n| n == name),
        None => true,
    }))
}

/// `PATCH /v1/deploy_templates/{template}`.
pub(super) async fn update(call: &mut Call, template: &str) -> Answer {
    let before = call.state.store.deploy_template(template).await?;
    let patch = patch::parse(call.json(Size::Usual).await?, call.version)?;
    patch::check(&patch, TEMPLATE, call.version)?;
    let mut document = object(&before)?;
    patch::apply(&mut document, &patch)?;
    let after = check::patched(document, &before)?;
    let after = call.state.store.save_deploy_template(after).await?;
    ok(&shown(&after, &call.base, |_| true))
}

/// `DELETE /v1/deploy_templates/{template}`.
pub(super) async fn delete(call: &mut Call, template: &str) -> Answer {
    let template = call.state.store.deploy_template(template).await?;
    let id: DeployTemplateId = template.uuid;
    call.state.store.delete_deploy_template(id).await?;
    empty(StatusCode::NO_CONTENT)
}

/// The names of a `fields=` argument.
fn selected(call: &mut Call) -> Result<Option<Vec<String>>, Failure> {
    let Some(names) = call.arguments.list("fields") else {
        return Ok(None);
    };
    let is_unknown = |name: &&str| !FIELDS.iter().any(|field| field.name == *name);
    let unknown: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(is_unknown)
        .collect();
    if unknown.is_empty() {
        return Ok(Some(names));
    }
    let list = repr_list(unknown).replace('\'', "\"");
    let list = list.trim_matches(['[', ']']);
    Err(ApiFault::bad_request(format!("Field(s) {list} are not valid")).into())
}

fn sort(templates: &mut [DeployTemplate], paging: &Paging) -> Result<(), ApiFault> {
    match paging.sort_key.as_deref() {
        None | Some("id") => {}
        Some("uuid") => templates.sort_by_key(|t| t.uuid),
        Some("name") => templates.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("created_at") => templates.sort_by_key(|t| t.created_at),
        Some("updated_at") => templates.sort_by_key(|t| t.updated_at),
        Some(other) => {
            let is_field = FIELDS.iter().any(|field| field.name == other);
            return Err(not_sortable(other, is_field));
        }
    }
    if paging.descending {
        templates.reverse();
    }
    Ok(())
}

fn object(template: &DeployTemplate) -> Result<Object, ApiFault> {
    match serde_json::to_value(template) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Ok(Object::new()),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

/// The fields that are wanted, passwords in arguments of steps masked.
fn shown(template: &DeployTemplate, base: &str, wanted: impl Fn(&str) -> bool) -> Value {
    let mut all = object(template).unwrap_or_default();
    secret::mask(&mut all);
    let mut out = Map::new();
    for name in FIELDS.iter().map(|field| field.name).filter(|n| wanted(n)) {
        let uuid = template.uuid;
        let value = match name {
            "links" => json!([
                { "href": format!("{base}/v1/deploy_templates/{uuid}"), "rel": "self" },
                { "href": format!("{base}/deploy_templates/{uuid}"), "rel": "bookmark" },
            ]),
            "created_at" => time_value(template.created_at),
            "updated_at" => time_value(template.updated_at),
            _ => all.remove(name).unwrap_or_default(),
        };
        out.insert(name.to_owned(), value);
    }
    Value::Object(out)
}
