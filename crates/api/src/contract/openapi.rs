//! The table of routes as an OpenAPI 3.1 document, for those who generate clients and tests.
//!
//! The document is of the newest microversion: what older ones lack is told in descriptions.

use serde_json::{Map, Value, json};

use super::argument::{Argument, ArgumentKind};
use super::body::{Answer, Body, Resource};
use super::kind::{Kind, Rule};
use super::operation::ROUTES;
use super::route::Route;
use crate::microversion::{HEADER, Microversion};
use crate::node::{Access, Field};

/// A MAC address as the API takes it.
const MAC: &str = "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$";

/// The versions that are served, 1.1 to 1.115, and the word for the newest of them.
const VERSIONS: &str = "^(latest|1\\.([1-9]|[1-9][0-9]|10[0-9]|11[0-5]))$";

/// The document.
#[must_use]
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = if route.path.starts_with('/') {
            route.path.to_owned()
        } else {
            format!("/v1/{}", route.path)
        };
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cupola",
            "summary": "Bare-metal provisioning with the OpenStack Bare Metal API",
            "version": Microversion::MAX.to_string(),
        },
        "paths": paths,
        "components": {
            "schemas": { "error": error(), "patch": patch(), "link": link() },
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = segments(route.path).map(path_parameter).collect();
    let arguments = route.arguments.iter().flat_map(|group| group.iter());
    parameters.extend(arguments.map(query_parameter));
    if !route.path.starts_with('/') {
        parameters.push(version_parameter());
    }
    let mut operation = json!({
        "operationId": route.operation.name(),
        "summary": route.operation.summary(),
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some(members) = operation.as_object_mut() {
        if let Some(body) = body(&route.body) {
            members.insert("requestBody".to_owned(), body);
        }
        if route.since > Microversion::MIN {
            let text = format!("Since microversion {}.", route.since);
            members.insert("description".to_owned(), text.into());
        }
        if !route.policy.is_empty() {
            members.insert("security".to_owned(), json!([{}, { "basic": [] }]));
        }
    }
    operation
}

/// The names of a path's parameters.
fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    let schema = json!({ "type": "string", "minLength": 1 });
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query_parameter(argument: &Argument) -> Value {
    let schema = match argument.kind {
        ArgumentKind::Text => json!({ "type": "string" }),
        ArgumentKind::Number => json!({ "type": "integer", "minimum": 1 }),
        ArgumentKind::Boolean => json!({ "type": "boolean" }),
        ArgumentKind::Uuid => json!({ "type": "string", "format": "uuid" }),
        ArgumentKind::List => json!({ "type": "array", "items": { "type": "string" } }),
    };
    let mut parameter = json!({ "name": argument.name, "in": "query", "schema": schema });
    if let Some(members) = parameter.as_object_mut() {
        if argument.kind == ArgumentKind::List {
            members.insert("explode".to_owned(), false.into());
        }
        if argument.since > Microversion::MIN {
            let text = format!("Since microversion {}.", argument.since);
            members.insert("description".to_owned(), text.into());
        }
    }
    parameter
}

fn version_parameter() -> Value {
    const MIN: Microversion = Microversion::MIN;
    const MAX: Microversion = Microversion::MAX;
    json!({
        "name": HEADER,
        "in": "header",
        "description": format!(
            "The microversion that the client speaks; {MIN} where it is missing. What this document \
             says of bodies is so with {MAX}."
        ),
        "schema": { "type": "string", "pattern": VERSIONS, "default": MIN.to_string() },
        "example": MAX.to_string(),
    })
}

fn body(body: &Body) -> Option<Value> {
    let (schema, is_required) = match body {
        Body::Nothing => return None,
        Body::New(resource) => (new(resource), true),
        Body::Patch(_) => (json!({ "$ref": "#/components/schemas/patch" }), true),
        Body::Members(required, optional) => (members(required, optional), !required.is_empty()),
        Body::Object => (json!({ "type": "object" }), true),
    };
    Some(json!({
        "required": is_required,
        "content": { "application/json": { "schema": schema } },
    }))
}

fn new(resource: &Resource) -> Value {
    let is_given = |field: &&Field| matches!(field.access, Access::Create | Access::CreateAndPatch);
    let fields = resource.fields.iter().filter(is_given);
    let properties: Map<String, Value> = fields
        .map(|field| (field.name.to_owned(), written(resource.rules, field.name)))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": resource.required,
        "additionalProperties": false,
    })
}

fn members(required: &[Rule], optional: &[Rule]) -> Value {
    let properties: Map<String, Value> = required
        .iter()
        .chain(optional)
        .map(|(name, kind)| ((*name).to_owned(), schema(*kind)))
        .collect();
    let required: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What a field may be given as.
fn written(rules: &[Rule], name: &str) -> Value {
    let rule = rules.iter().find(|(known, _)| *known == name);
    rule.map_or_else(|| json!({}), |(_, kind)| schema(*kind))
}

fn schema(kind: Kind) -> Value {
    let text = |max: usize| match u32::try_from(max) {
        Ok(max) => json!({ "type": ["string", "null"], "maxLength": max }),
        Err(_) => json!({ "type": ["string", "null"] }),
    };
    match kind {
        Kind::Text(max) => text(max),
        Kind::FilledText(max) => {
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": max })
        }
        Kind::RequiredText => json!({ "type": "string" }),
        Kind::BoundedText(max) | Kind::TextOr(max, _) => {
            json!({ "type": "string", "maxLength": max })
        }
        Kind::Boolean(_) | Kind::OptionalBoolean | Kind::PlainBoolean(_) => {
            json!({ "type": ["boolean", "null"] })
        }
        Kind::RequiredBoolean(_) => json!({ "type": "boolean" }),
        Kind::Object | Kind::NullOrObject => json!({ "type": ["object", "null"] }),
        Kind::Uuid => json!({ "type": ["string", "null"], "format": "uuid" }),
        Kind::RequiredUuid => json!({ "type": "string", "format": "uuid" }),
        Kind::TextOrEmpty => json!({ "type": ["string", "null"] }),
        Kind::Mac => json!({ "type": "string", "pattern": MAC }),
        Kind::OptionalMac => json!({ "type": ["string", "null"], "pattern": MAC }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::List => json!({ "type": ["array", "null"] }),
        Kind::PlainList => json!({ "type": "array" }),
        Kind::FilledList => json!({ "type": "array", "minItems": 1 }),
        Kind::OptionalNumber => json!({ "type": ["integer", "null"], "minimum": 1 }),
        Kind::Any => json!({}),
    }
}

fn responses(route: &Route) -> Value {
    let (status, content) = match route.answer {
        Answer::Nothing(status) => (status, None),
        Answer::One(status, resource) => (status, Some(one(resource))),
        Answer::Page(resource) => (200, Some(page(resource))),
        Answer::Object(status) => (status, Some(json!({ "type": "object" }))),
        Answer::Other => (200, None),
    };
    let mut answer = json!({ "description": "As asked." });
    if let (Some(schema), Some(members)) = (content, answer.as_object_mut()) {
        let content = json!({ "application/json": { "schema": schema } });
        members.insert("content".to_owned(), content);
    }
    let error = json!({ "$ref": "#/components/schemas/error" });
    json!({
        status.to_string(): answer,
        "4XX": {
            "description": "Refused; the text says why.",
            "content": { "application/json": { "schema": error.clone() } },
        },
        "503": {
            "description": "Not now: no worker is free, or the database is away.",
            "content": { "application/json": { "schema": error } },
        },
    })
}

/// A resource as it is shown: what is asked for, at the version that is spoken.
fn one(resource: &Resource) -> Value {
    let properties: Map<String, Value> = resource
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), shown(resource, field)))
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn shown(resource: &Resource, field: &Field) -> Value {
    match field.name {
        // Those of a sensitive rule are nobody's to read.
        "actions" | "conditions" if resource.name == "inspection_rule" => {
            json!({ "type": ["array", "null"] })
        }
        "links" | "ports" | "states" | "portgroups" | "volume" => {
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/link" } })
        }
        // A list within a list, as upstream's is since ever.
        "nodes" => json!({
            "type": "array",
            "items": { "type": "array", "items": { "$ref": "#/components/schemas/link" } },
        }),
        "created_at" | "updated_at" => json!({ "type": ["string", "null"], "format": "date-time" }),
        name => written(resource.rules, name),
    }
}

fn page(resource: &Resource) -> Value {
    json!({
        "type": "object",
        "properties": {
            resource.collection: { "type": "array", "items": one(resource) },
            "next": { "type": "string", "format": "uri" },
        },
        "required": [resource.collection],
    })
}

fn link() -> Value {
    json!({
        "type": "object",
        "properties": { "href": { "type": "string" }, "rel": { "type": "string" } },
        "required": ["href", "rel"],
    })
}

fn patch() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "op": { "enum": ["add", "replace", "remove"] },
                "path": { "type": "string", "pattern": "^(/[\\w-]+)+$" },
                "value": {},
            },
            "required": ["op", "path"],
            "additionalProperties": false,
        },
    })
}

/// Ironic's error: a text that holds JSON, or what a filter before it says.
fn error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "error_message": {
                "type": "string",
                "contentMediaType": "application/json",
            },
        },
        "required": ["error_message"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_ends_with_the_newest_version() {
        assert_eq!(Microversion::MAX.to_string(), "1.115", "VERSIONS has it");
    }

    #[test]
    fn a_request_without_a_version_is_of_the_one_that_is_told() {
        let told = &version_parameter()["schema"]["default"];
        let none = Microversion::negotiate(None, None).unwrap();
        assert_eq!(told.as_str(), Some(none.to_string().as_str()));
    }

    #[test]
    fn every_route_is_an_operation_of_the_document() {
        let document = openapi();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.values().filter_map(Value::as_object).map(Map::len);
        assert_eq!(operations.sum::<usize>(), ROUTES.len());
        let create = &document["paths"]["/v1/nodes"]["post"];
        let schema = &create["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["required"], json!(["driver"]));
        assert_eq!(schema["properties"]["owner"]["maxLength"], 255);
        assert!(schema["properties"].get("provision_state").is_none());
        assert!(create["responses"]["201"].is_object());
        let trait_of = &document["paths"]["/v1/nodes/{node}/traits/{trait}"]["put"];
        let names: Vec<_> = trait_of["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| &p["name"])
            .collect();
        assert_eq!(names, ["node", "trait", HEADER]);
    }
}
