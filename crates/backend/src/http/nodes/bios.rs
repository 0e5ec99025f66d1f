//! `/v1/nodes/{node}/bios`: the settings that the firmware was last seen to hold (wire reference
//! §11.4). They are read only; steps change them.

use cupola_api::bios_setting::BiosSetting;
use cupola_api::fault::ApiFault;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ok};
use super::super::call::Call;
use super::super::repr::{repr, repr_list};
use super::super::text::time_value;

/// The version that brought everything besides a name and a value.
const WITH_REGISTRY: u16 = 74;
/// What is shown when nothing else is asked for.
const SHORT: &[&str] = &["name", "value"];
/// What firmware says of a setting.
const FULL: &[&str] = &[
    "name",
    "value",
    "attribute_type",
    "allowable_values",
    "lower_bound",
    "max_length",
    "min_length",
    "read_only",
    "reset_required",
    "unique",
    "upper_bound",
];
/// What is always shown, and may be asked for.
const ALWAYS: &[&str] = &["created_at", "updated_at", "links"];

/// `GET /v1/nodes/{node}/bios`.
pub(in super::super) async fn list(call: &mut Call, node: &str) -> Answer {
    let detail = call.arguments.text("detail")?;
    if let Some(given) = detail.as_deref().filter(|_| !call.is_since(WITH_REGISTRY)) {
        let text = format!("Invalid query parameter ?detail={given} received.");
        return Err(ApiFault::bad_request(text).into());
    }
    let detail = match detail.as_deref() {
        Some(word) => super::super::arguments::boolean_word("detail", word)?,
        None => false,
    };
    let asked = call.arguments.list("fields");
    if detail && asked.is_some() {
        let text = "Can not specify ?detail=True and fields in the same request.";
        return Err(ApiFault::bad_request(text).into());
    }
    if let Some(unknown) = asked
        .iter()
        .flatten()
        .find(|name| !FULL.iter().chain(ALWAYS).any(|known| known == name))
    {
        let known = repr_list(FULL.iter().chain(ALWAYS).copied());
        let text = format!(
            "Schema error: {} is not one of {known}",
            repr(&json!(unknown))
        );
        return Err(ApiFault::bad_request(text).into());
    }
    let fields: Vec<&str> = match &asked {
        Some(asked) => asked.iter().map(String::as_str).collect(),
        None if detail => FULL.to_vec(),
        None => SHORT.to_vec(),
    };
    let stored = call.node(node).await?;
    let settings = call.state.store.bios_settings(stored.uuid).await?;
    let items: Vec<Value> = settings
        .iter()
        .map(|setting| shown(call, node, setting, &fields))
        .collect();
    ok(&json!({ "bios": items }))
}

/// `GET /v1/nodes/{node}/bios/{setting}`.
pub(in super::super) async fn show(call: &mut Call, node: &str, name: &str) -> Answer {
    let stored = call.node(node).await?;
    let settings = call.state.store.bios_settings(stored.uuid).await?;
    let setting = settings.iter().find(|setting| setting.name == name);
    let setting = setting.ok_or_else(|| {
        ApiFault::not_found(format!(
            "Node {} doesn't have a BIOS setting '{name}'",
            stored.uuid
        ))
    })?;
    let fields = if call.is_since(WITH_REGISTRY) {
        FULL
    } else {
        SHORT
    };
    let uuid = stored.uuid.to_string();
    ok(&json!({ name: shown(call, &uuid, setting, fields) }))
}

fn shown(call: &Call, node: &str, setting: &BiosSetting, fields: &[&str]) -> Value {
    let base = &call.base;
    let path = format!("nodes/{node}/bios/{}", setting.name);
    let mut out = Map::new();
    out.insert("created_at".to_owned(), time_value(setting.created_at));
    out.insert("updated_at".to_owned(), time_value(setting.updated_at));
    for field in fields {
        let value = match *field {
            "name" => json!(setting.name),
            "value" => json!(setting.value),
            "attribute_type" => json!(setting.attribute_type),
            // As upstream: nothing is an empty list.
            "allowable_values" => json!(setting.allowable_values.as_deref().unwrap_or_default()),
            "lower_bound" => json!(setting.lower_bound),
            "upper_bound" => json!(setting.upper_bound),
            "max_length" => json!(setting.max_length),
            "min_length" => json!(setting.min_length),
            "read_only" => json!(setting.read_only),
            "reset_required" => json!(setting.reset_required),
            "unique" => json!(setting.unique),
            _ => continue,
        };
        out.insert((*field).to_owned(), value);
    }
    out.insert(
        "links".to_owned(),
        json!([
            { "href": format!("{base}/v1/{path}"), "rel": "self" },
            { "href": format!("{base}/{path}"), "rel": "bookmark" },
        ]),
    );
    Value::Object(out)
}
