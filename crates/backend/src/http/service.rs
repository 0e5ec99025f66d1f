//! What the service itself consists of: hardware types, conductors and shards (wire reference §15).

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::raid;
use cupola_api::resource::{Conductor, Driver};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Failure, ok};
use super::call::Call;
use super::paging::{Paging, not_sortable};
use super::repr::repr_list;
use super::text::time_value;

/// Interfaces that came later than `default_X_interface` and `enabled_X_interfaces` themselves.
const LATER_INTERFACES: [(&str, u16); 4] = [
    ("storage", 33),
    ("rescue", 38),
    ("bios", 40),
    ("firmware", 86),
];

/// `GET /v1/drivers`.
pub(super) async fn drivers(call: &mut Call) -> Answer {
    let kind = call.arguments.text("type")?;
    let detail = call.arguments.boolean("detail")?.unwrap_or(false);
    let fields = call.arguments.list("fields");
    if detail && fields.is_some() {
        let text = "Can not specify ?detail=True and fields in the same request.";
        return Err(ApiFault::bad_request(text).into());
    }
    let wanted = match kind.as_deref() {
        None | Some("dynamic") => true,
        Some("classic") => false,
        Some(_) => {
            let text = "\"type\" filter must be one of \"classic\" or \"dynamic\", if specified.";
            return Err(ApiFault::bad_request(text).into());
        }
    };
    let drivers = if wanted {
        call.state.rpc.drivers().await?
    } else {
        Vec::new()
    };
    let mut items = Vec::new();
    for driver in drivers {
        let all = detail || fields.is_some();
        items.push(select(driver_value(call, driver, all), fields.as_deref())?);
    }
    ok(&json!({ "drivers": items }))
}

/// `GET /v1/drivers/{name}`.
pub(super) async fn driver(call: &mut Call, name: &str) -> Answer {
    let fields = call.arguments.list("fields");
    let driver = find_driver(call, name).await?;
    ok(&select(
        driver_value(call, driver, true),
        fields.as_deref(),
    )?)
}

async fn find_driver(call: &Call, name: &str) -> Result<Driver, Failure> {
    let drivers = call.state.rpc.drivers().await?;
    let found = drivers.into_iter().find(|driver| driver.name == name);
    found.ok_or_else(|| {
        ApiFault::not_found(format!(
            "Could not find the following driver(s) or hardware type(s): {name}."
        ))
        .into()
    })
}

/// The same for what is below a driver, which has other words.
async fn find_driver_of(call: &Call, name: &str) -> Result<Driver, Failure> {
    find_driver(call, name)
        .await
        .map_err(|failure| match failure {
            Failure::Fault(fault) if fault.status == 404 => {
                ApiFault::not_found(format!("The driver '{name}' is unknown.")).into()
            }
            other => other,
        })
}

/// `GET /v1/drivers/{name}/properties`.
pub(super) async fn driver_properties(call: &mut Call, name: &str) -> Answer {
    ok(&call.state.rpc.driver_properties(name).await?)
}

fn driver_value(call: &Call, driver: Driver, all: bool) -> Map<String, Value> {
    let (base, name) = (&call.base, &driver.name);
    let links = |tail: &str| {
        json!([
            { "href": format!("{base}/v1/drivers/{name}{tail}"), "rel": "self" },
            { "href": format!("{base}/drivers/{name}{tail}"), "rel": "bookmark" },
        ])
    };
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("hosts".to_owned(), json!(driver.hosts));
    out.insert("links".to_owned(), links(""));
    if call.is_since(14) {
        out.insert("properties".to_owned(), links("/properties"));
    }
    if call.is_since(30) {
        out.insert("type".to_owned(), json!("dynamic"));
    }
    if all {
        for (name, value) in driver.rest {
            if is_visible(&name, call.version) {
                out.insert(name, value);
            }
        }
    }
    out
}

/// Whether the version knows this `default_X_interface` or `enabled_X_interfaces`.
fn is_visible(name: &str, version: Microversion) -> bool {
    let kind = name
        .strip_prefix("default_")
        .or_else(|| name.strip_prefix("enabled_"));
    let Some(kind) = kind.and_then(|k| k.split('_').next()) else {
        return false;
    };
    let since = LATER_INTERFACES
        .iter()
        .find(|(k, _)| *k == kind)
        .map_or(30, |(_, since)| *since);
    version >= Microversion::new(since)
}

/// Cuts an object to the fields asked for, and its links.
fn select(all: Map<String, Value>, fields: Option<&[String]>) -> Result<Value, ApiFault> {
    let Some(fields) = fields else {
        return Ok(Value::Object(all));
    };
    let mut out = Map::new();
    for field in fields {
        let Some(value) = all.get(field) else {
            let known = repr_list(all.keys().map(String::as_str));
            let text = format!("Schema error: '{field}' is not one of {known}");
            return Err(ApiFault::bad_request(text));
        };
        out.insert(field.clone(), value.clone());
    }
    if let Some(links) = all.get("links") {
        out.insert("links".to_owned(), links.clone());
    }
    Ok(Value::Object(out))
}

/// `GET /v1/drivers/{driver}/raid/logical_disk_properties`; 404 where the type has no RAID by default.
pub(super) async fn raid_properties(call: &mut Call, name: &str) -> Answer {
    let driver = find_driver_of(call, name).await?;
    let interface = driver.rest.get("default_raid_interface");
    if interface
        .and_then(Value::as_str)
        .is_none_or(|it| it == "no-raid")
    {
        let text = format!("Driver {name} does not support raid (disabled or not implemented).");
        return Err(ApiFault::not_found(text).into());
    }
    ok(&raid::logical_disk_properties())
}

/// `GET /v1/drivers/{driver}/vendor_passthru/methods`: no hardware type has any.
pub(super) async fn vendor_methods(call: &mut Call, name: &str) -> Answer {
    find_driver_of(call, name).await?;
    ok(&json!({}))
}

/// Any method of `/v1/drivers/{driver}/vendor_passthru/{method}`, or of its parent with `?method=`.
pub(super) async fn call_vendor(call: &mut Call, name: &str, method: &str) -> Answer {
    let argument = call.arguments.text("method")?.unwrap_or_default();
    let method = if method.is_empty() { &argument } else { method };
    find_driver(call, name).await?;
    let text = match method {
        "" => "Method not specified".to_owned(),
        _ => format!("No handler for method {method}"),
    };
    Err(ApiFault::bad_request(text).into())
}

/// `GET /v1/conductors`.
pub(super) async fn conductors(call: &mut Call) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let detail = call.arguments.boolean("detail")?.unwrap_or(false);
    let fields = call.arguments.list("fields");
    if detail && fields.is_some() {
        let text = "Can not specify ?detail=True and fields in the same request.";
        return Err(ApiFault::bad_request(text).into());
    }
    let mut conductors = known(call).await?;
    match paging.sort_key.as_deref() {
        None | Some("id" | "created_at" | "updated_at") => {}
        Some("hostname") => conductors.sort_by(|a, b| a.hostname.cmp(&b.hostname)),
        Some("conductor_group") => {
            conductors.sort_by(|a, b| a.conductor_group.cmp(&b.conductor_group));
        }
        Some(key @ ("alive" | "drivers")) => return Err(not_sortable(key, true).into()),
        Some(key) => return Err(not_sortable(key, false).into()),
    }
    if paging.descending {
        conductors.reverse();
    }
    let conductors = paging
        .cut(conductors, |c| c.hostname.clone())
        .ok_or_else(|| conductor_not_found(paging.marker.as_deref().unwrap_or_default()))?;
    let mut items = Vec::new();
    for conductor in &conductors {
        let all = detail || fields.is_some();
        items.push(select(
            conductor_value(call, conductor, all),
            fields.as_deref(),
        )?);
    }
    let mut body = json!({ "conductors": items });
    let next = conductors.last().and_then(|last| {
        paging.next(
            &call.url(format_args!("conductors")),
            conductors.len(),
            &last.hostname,
        )
    });
    if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
        members.insert("next".to_owned(), Value::from(next));
    }
    ok(&body)
}

/// `GET /v1/conductors/{hostname}`.
pub(super) async fn conductor(call: &mut Call, hostname: &str) -> Answer {
    let fields = call.arguments.list("fields");
    let found = known(call)
        .await?
        .into_iter()
        .find(|c| c.hostname == hostname);
    let found = found.ok_or_else(|| conductor_not_found(hostname))?;
    ok(&select(
        conductor_value(call, &found, true),
        fields.as_deref(),
    )?)
}

/// `GET /v1/shards`: how many nodes are in which shard.
pub(super) async fn shards(call: &mut Call) -> Answer {
    let shards = call.state.store.shards().await?;
    let shown = |(name, count): (Option<String>, i64)| {
        let name = name.unwrap_or_else(|| "None".to_owned());
        json!({ "name": name, "count": count })
    };
    let shards: Vec<Value> = shards.into_iter().map(shown).collect();
    ok(&json!({ "shards": shards }))
}

async fn known(call: &Call) -> Result<Vec<Conductor>, Failure> {
    Ok(call
        .state
        .store
        .conductors(call.state.options.conductor_timeout)
        .await?)
}

fn conductor_not_found(hostname: &str) -> ApiFault {
    ApiFault::not_found(format!("Conductor {hostname} could not be found."))
}

fn conductor_value(call: &Call, conductor: &Conductor, all: bool) -> Map<String, Value> {
    let (base, host) = (&call.base, &conductor.hostname);
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("hostname", json!(host));
    put("conductor_group", json!(conductor.conductor_group));
    put("alive", json!(conductor.alive));
    put(
        "links",
        json!([
            { "href": format!("{base}/v1/conductors/{host}"), "rel": "self" },
            { "href": format!("{base}/conductors/{host}"), "rel": "bookmark" },
        ]),
    );
    if all {
        put("drivers", json!(conductor.drivers));
        put("created_at", time_value(conductor.created_at));
        put("updated_at", time_value(conductor.updated_at));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_by_version() {
        let at = |name, minor| is_visible(name, Microversion::new(minor));
        assert!(!at("default_boot_interface", 29) && at("default_boot_interface", 30));
        assert!(!at("enabled_firmware_interfaces", 85) && at("enabled_firmware_interfaces", 86));
        assert!(!at("password", 115));
    }

    #[test]
    fn selections_keep_the_links() {
        let all = json!({"name": "ipmi", "hosts": [], "links": [1]});
        let all = all.as_object().cloned().unwrap_or_default();
        let some = select(all.clone(), Some(&["name".to_owned()]));
        assert_eq!(some, Ok(json!({"name": "ipmi", "links": [1]})));
        assert!(select(all, Some(&["zz".to_owned()])).is_err());
    }
}
