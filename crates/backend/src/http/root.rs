//! Discovery: `GET /` and `GET /v1` (wire reference §1.1, §3.1).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cupola_api::Microversion;
use cupola_api::contract::ROUTES;
use serde_json::{Map, Value, json};

use super::answer::{Answer, ok};
use super::call::Call;

/// The collections of `/v1`, and the version that brought each.
static COLLECTIONS: LazyLock<BTreeMap<&str, Microversion>> = LazyLock::new(|| {
    let mut collections = BTreeMap::new();
    for route in ROUTES.iter().filter(|route| !route.path.starts_with('/')) {
        let name = route.path.split('/').next().unwrap_or(route.path);
        let since = collections.entry(name).or_insert(route.since);
        *since = route.since.min(*since);
    }
    collections
});

/// `GET /`.
pub(super) fn discovery(call: &mut Call) -> Answer {
    let version = version(call);
    ok(&json!({
        "name": "OpenStack Ironic API",
        "description": "Cupola: bare-metal provisioning with the OpenStack Bare Metal API.",
        "default_version": version,
        "versions": [version],
    }))
}

/// `GET /v1`.
pub(super) fn v1(call: &mut Call) -> Answer {
    let base = &call.base;
    let mut body = Map::new();
    body.insert("id".to_owned(), Value::from("v1"));
    body.insert(
        "links".to_owned(),
        json!([
            { "href": format!("{base}/v1/"), "rel": "self" },
            {
                "href": "https://docs.openstack.org/ironic/latest/contributor/webapi.html",
                "rel": "describedby",
                "type": "text/html",
            },
        ]),
    );
    body.insert(
        "media_types".to_owned(),
        json!({ "base": "application/json", "type": "application/vnd.openstack.ironic.v1+json" }),
    );
    body.insert("version".to_owned(), version(call));
    for (name, since) in &*COLLECTIONS {
        if call.version >= *since {
            let links = json!([
                { "href": format!("{base}/v1/{name}/"), "rel": "self" },
                { "href": format!("{base}/{name}/"), "rel": "bookmark" },
            ]);
            body.insert((*name).to_owned(), links);
        }
    }
    ok(&body)
}

fn version(call: &Call) -> Value {
    json!({
        "id": "v1",
        "links": [{ "href": format!("{}/v1/", call.base), "rel": "self" }],
        "status": "CURRENT",
        "min_version": Microversion::MIN.to_string(),
        "version": Microversion::MAX.to_string(),
    })
}
