//! JSON patch as the Bare Metal API takes it (RFC 6902, restricted; wire reference §7): reading the
//! document, checking its paths against a table of fields, applying it, and Ironic's error texts.
//!
//! What the result must look like is the resource's own schema, not here.

use cupola_api::Microversion;
use cupola_api::collection::Newer;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Access, Field};
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::secret;
use serde_json::{Map, Value};

use super::body::additional;
use super::repr::repr;
use super::schema::fault;

/// What is patched: the table of its fields and its values that stand for "removed".
#[derive(Clone, Copy, Debug)]
pub(super) struct Patchable {
    /// Every field of the resource.
    pub(super) fields: &'static [Field],
    /// Names that may be patched besides those of the table.
    pub(super) extra: &'static [&'static str],
    /// What becomes of fields that are newer than the version.
    pub(super) newer: Newer,
    /// What errors call it: `patch`, or nothing.
    pub(super) what: &'static str,
}

impl Patchable {
    fn find(&self, name: &str) -> Option<&'static Field> {
        self.fields
            .iter()
            .find(|f| f.name == name && matches!(f.access, Access::CreateAndPatch | Access::Patch))
    }

    fn refuse(&self, path: &str, version: Microversion) -> ApiFault {
        let mut names: Vec<&str> = self
            .fields
            .iter()
            .filter(|f| matches!(f.access, Access::CreateAndPatch | Access::Patch))
            .filter(|f| self.newer != Newer::Unknown || f.since <= version)
            .map(|f| f.name)
            .chain(self.extra.iter().copied())
            .map(|n| n.trim_start_matches('/'))
            .collect();
        names.sort_unstable();
        ApiFault::bad_request(format!(
            "Cannot patch {path}. Only the following can be updated: {}",
            names.join(", ")
        ))
    }
}

/// Reads a patch document; `what` is what errors call it. Where they name nothing, as for
/// allocations, the rules are other ones: paths of any characters, but no lists as values.
pub(super) fn parse(
    body: Value,
    version: Microversion,
    what: &'static str,
) -> Result<Vec<PatchOperation>, ApiFault> {
    let Value::Array(items) = body else {
        let text = format_args!("{} is not of type 'array'", repr(&body));
        return Err(fault(what, text));
    };
    items
        .into_iter()
        .map(|item| operation(item, version, what))
        .collect()
}

fn operation(
    item: Value,
    version: Microversion,
    what: &'static str,
) -> Result<PatchOperation, ApiFault> {
    let refused = |text: String| fault(what, text);
    let is_plain = what.is_empty();
    let Value::Object(mut members) = item else {
        return Err(refused(format!("{} is not of type 'object'", repr(&item))));
    };
    for name in ["op", "path"] {
        if !members.contains_key(name) {
            return Err(refused(format!("'{name}' is a required property")));
        }
    }
    let is_unknown = |name: &&str| !["op", "path", "value"].contains(name);
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(is_unknown)
        .collect();
    let unknown = (!unknown.is_empty()).then(|| additional(&unknown, what));
    let (unknown_first, unknown_last) = if is_plain {
        (None, unknown)
    } else {
        (unknown, None)
    };
    if let Some(unknown) = unknown_first {
        return Err(unknown);
    }
    let verb = |op: &str| match op {
        "add" => Some(PatchVerb::Add),
        "replace" => Some(PatchVerb::Replace),
        "remove" => Some(PatchVerb::Remove),
        _ => None,
    };
    let op = match members.remove("op").unwrap_or_default() {
        Value::String(op) => verb(&op).ok_or_else(|| not_an_op(&Value::String(op), what))?,
        other if is_plain => return Err(not_an_op(&other, what)),
        other => return Err(refused(format!("{} is not of type 'string'", repr(&other)))),
    };
    let path = match members.remove("path").unwrap_or_default() {
        Value::String(path) if is_plain && path.starts_with('/') => path,
        Value::String(path) if is_path(&path, version) => path,
        Value::String(path) => {
            let pattern = "^(/[\\\\w-]+)+$";
            return Err(refused(format!("'{path}' does not match '{pattern}'")));
        }
        other => return Err(refused(format!("{} is not of type 'string'", repr(&other)))),
    };
    let value = members.remove("value");
    if let Some(list @ Value::Array(_)) = value.as_ref().filter(|_| is_plain) {
        let known = "'string', 'object', 'null', 'integer', 'boolean'";
        return Err(refused(format!("{} is not of type {known}", repr(list))));
    }
    if let Some(unknown) = unknown_last {
        return Err(unknown);
    }
    Ok(PatchOperation { op, path, value })
}

fn not_an_op(value: &Value, what: &str) -> ApiFault {
    let text = format_args!("{} is not one of ['add', 'replace', 'remove']", repr(value));
    fault(what, text)
}

pub(super) fn schema(reason: impl std::fmt::Display) -> ApiFault {
    fault("patch", reason)
}

/// One or more segments of word characters and `-`; from 1.98 on also `~0` and `~1`.
fn is_path(path: &str, version: Microversion) -> bool {
    let escapes = version >= Microversion::new(98);
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    rest.split('/').all(|segment| {
        let plain = if escapes {
            segment.replace("~0", "_").replace("~1", "_")
        } else {
            segment.to_owned()
        };
        !plain.is_empty()
            && plain
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    })
}

/// The first segment of a path.
pub(super) fn root(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// Refuses paths to fields that cannot be patched, or not at this version.
pub(super) fn check(
    patch: &[PatchOperation],
    table: Patchable,
    version: Microversion,
) -> Result<(), ApiFault> {
    for operation in patch {
        let name = root(&operation.path);
        if table.extra.contains(&name) {
            continue;
        }
        let is_known = |f: &&Field| table.newer != Newer::Unknown || f.since <= version;
        let field = table
            .find(name)
            .filter(is_known)
            .ok_or_else(|| table.refuse(&operation.path, version))?;
        if version < field.since && !table.newer.takes(name) {
            return Err(ApiFault::not_acceptable());
        }
    }
    Ok(())
}

/// Applies the operations one after the other. Which value stands for a root field that
/// is removed is the schema's.
pub(super) fn apply(
    document: &mut Map<String, Value>,
    patch: &[PatchOperation],
) -> Result<(), ApiFault> {
    for operation in patch {
        let is_root = operation.path.trim_start_matches('/').split('/').count() == 1;
        let value = match (operation.op, &operation.value) {
            (PatchVerb::Remove, _) => None,
            (PatchVerb::Add | PatchVerb::Replace, Some(value)) => Some(value.clone()),
            (PatchVerb::Add | PatchVerb::Replace, None) => {
                return Err(refused(
                    operation,
                    "The operation does not contain a 'value' member",
                ));
            }
        };
        if is_root {
            let name = root(&operation.path);
            match value {
                Some(value) => {
                    document.insert(name.to_owned(), value);
                }
                None => {
                    document.shift_remove(name);
                }
            }
        } else {
            apply_inside(document, operation, value)?;
        }
    }
    Ok(())
}

/// Applies one operation below a root field.
fn apply_inside(
    document: &mut Map<String, Value>,
    operation: &PatchOperation,
    value: Option<Value>,
) -> Result<(), ApiFault> {
    let name = root(&operation.path);
    let pointer = operation
        .path
        .strip_prefix('/')
        .and_then(|p| p.strip_prefix(name));
    let pointer = pointer.unwrap_or_default();
    let Some(target) = document.get_mut(name) else {
        return Err(refused(operation, &format!("member '{name}' not found")));
    };
    let path = json_patch::jsonptr::PointerBuf::parse(pointer)
        .map_err(|e| refused(operation, &e.to_string()))?;
    let step = match (operation.op, value) {
        (PatchVerb::Add, Some(value)) => {
            json_patch::PatchOperation::Add(json_patch::AddOperation { path, value })
        }
        (PatchVerb::Replace, Some(value)) => {
            json_patch::PatchOperation::Replace(json_patch::ReplaceOperation { path, value })
        }
        (PatchVerb::Remove | PatchVerb::Add | PatchVerb::Replace, _) => {
            json_patch::PatchOperation::Remove(json_patch::RemoveOperation { path })
        }
    };
    if json_patch::patch(target, &[step]).is_err() {
        let reason = why(name, target, pointer, operation.op);
        return Err(refused(operation, &reason));
    }
    Ok(())
}

/// Why an operation cannot be applied, in the words that clients know.
fn why(root: &str, target: &Value, pointer: &str, verb: PatchVerb) -> String {
    let segments: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|s| s.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some((last, parents)) = segments.split_last() else {
        return "the path is empty".to_owned();
    };
    let (mut here, mut key) = (target, root);
    for segment in parents {
        let next = match here {
            Value::Object(members) => {
                let member = members.get(segment);
                if member.is_some() {
                    key = segment;
                }
                member
            }
            Value::Array(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        match next {
            Some(next) => here = next,
            None => {
                let here = repr(&masked(key, here));
                return format!("member '{segment}' not found in {here}");
            }
        }
    }
    let word = match verb {
        PatchVerb::Add => "add to",
        PatchVerb::Replace => "replace",
        PatchVerb::Remove => "remove",
    };
    match here {
        Value::Array(_) if verb == PatchVerb::Add => "can't insert outside of list".to_owned(),
        Value::Array(_) => format!("can't {word} outside of list"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            format!("can't {word} a non-existent object '{last}'")
        }
    }
}

fn refused(operation: &PatchOperation, reason: &str) -> ApiFault {
    let shown = serde_json::to_value(operation).unwrap_or_default();
    let shown = repr(&hide(shown, &operation.path));
    ApiFault::bad_request(format!("Couldn't apply patch '{shown}'. Reason: {reason}"))
}

/// A secret that is set, by itself or in an object, does not come back in an error.
fn hide(mut shown: Value, path: &str) -> Value {
    let key = path.split('/').find(|segment| is_secret(segment));
    if let Some(value) = shown.get_mut("value") {
        *value = masked(key.unwrap_or_default(), value);
    }
    shown
}

/// Whether what is kept under this name is nobody's to read; in `instance_info` these are more than
/// elsewhere, and one that is hidden in vain does no harm.
fn is_secret(key: &str) -> bool {
    secret::is_secret_key(key) || matches!(key, "configdrive" | "image_url")
}

/// The value under `key` as others may see it.
fn masked(key: &str, value: &Value) -> Value {
    if is_secret(key) {
        return Value::from(secret::MASK);
    }
    let mut shown = value.clone();
    if let Value::Object(members) = &mut shown {
        secret::mask_instance_info(members);
    } else if let Value::Array(items) = &mut shown {
        for members in items.iter_mut().filter_map(Value::as_object_mut) {
            secret::mask_instance_info(members);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::node::FIELDS;
    use proptest::prelude::*;
    use serde_json::json;

    const NODE: Patchable = Patchable {
        fields: FIELDS,
        extra: &[],
        newer: Newer::NotAcceptable,
        what: "patch",
    };
    const V: Microversion = Microversion::MAX;

    fn patched(document: Value, patch: Value) -> Result<Value, String> {
        let Value::Object(mut members) = document else {
            unreachable!()
        };
        let patch = parse(patch, V, "patch").map_err(|f| f.message)?;
        check(&patch, NODE, V).map_err(|f| f.message)?;
        apply(&mut members, &patch).map_err(|f| f.message)?;
        Ok(Value::Object(members))
    }

    fn refusal(patch: Value) -> String {
        patched(json!({"extra": {"list": [1]}, "name": null}), patch).expect_err("refused")
    }

    #[test]
    fn applies_in_order() {
        let got = patched(
            json!({"extra": {"list": [1, 2]}, "name": null}),
            json!([
                {"op": "add", "path": "/extra/list/-", "value": 3},
                {"op": "add", "path": "/extra/list/0", "value": 0},
                {"op": "add", "path": "/extra/new", "value": {}},
                {"op": "add", "path": "/extra/new/deep", "value": true},
                {"op": "add", "path": "/name", "value": "n1"},
                {"op": "remove", "path": "/extra/list/1"},
            ]),
        );
        assert_eq!(
            got,
            Ok(json!({"extra": {"list": [0, 2, 3], "new": {"deep": true}}, "name": "n1"}))
        );
    }

    #[test]
    fn refuses_in_ironics_words() {
        let cases = [
            (
                json!({}),
                "Schema error for patch: {} is not of type 'array'",
            ),
            (
                json!([{"op": "test", "path": "/extra/a", "value": 1}]),
                "Schema error for patch: 'test' is not one of ['add', 'replace', 'remove']",
            ),
            (
                json!([{"op": "replace", "path": "/extra/foo", "value": 1}]),
                "Couldn't apply patch '{'op': 'replace', 'path': '/extra/foo', 'value': 1}'. Reason: \
                 can't replace a non-existent object 'foo'",
            ),
            (
                json!([{"op": "remove", "path": "/extra/foo"}]),
                "Couldn't apply patch '{'op': 'remove', 'path': '/extra/foo'}'. Reason: can't remove a \
                 non-existent object 'foo'",
            ),
            (
                json!([{"op": "add", "path": "/extra/a/b", "value": 1}]),
                "Couldn't apply patch '{'op': 'add', 'path': '/extra/a/b', 'value': 1}'. Reason: member \
                 'a' not found in {'list': [1]}",
            ),
            (
                json!([{"op": "add", "path": "/extra/a"}]),
                "Couldn't apply patch '{'op': 'add', 'path': '/extra/a'}'. Reason: The operation does \
                 not contain a 'value' member",
            ),
        ];
        for (patch, want) in cases {
            assert_eq!(refusal(patch), want);
        }
        assert!(
            refusal(json!([{"op": "add", "path": "/foo", "value": 1}])).starts_with(
                "Cannot patch /foo. Only the following can be updated: automated_clean, "
            )
        );
    }

    #[test]
    fn a_secret_does_not_come_back_in_the_refusal() {
        let document = json!({
            "driver_info": {"ipmi_password": "hunter2", "list": [{"auth_token": "hunter2"}]},
            "instance_info": {"configdrive": "hunter2"},
        });
        for (path, value) in [
            ("/driver_info/new/password", json!("hunter2")),
            ("/driver_info/new/deep", json!({"password": "hunter2"})),
            ("/driver_info/new/deep", json!([{"password": "hunter2"}])),
            ("/driver_info/new/deep", json!(1)),
            ("/driver_info/ipmi_password/a/b", json!(1)),
            ("/driver_info/list/0/a/b", json!(1)),
            ("/driver_info/list/a/b", json!(1)),
            ("/instance_info/a/b", json!(1)),
            ("/instance_info/configdrive/a/b", json!(1)),
        ] {
            let patch = json!([{"op": "replace", "path": path, "value": value}]);
            let text = patched(document.clone(), patch).expect_err("refused");
            assert!(!text.contains("hunter2"), "{path}: {text}");
        }
    }

    #[test]
    fn newer_fields_are_not_acceptable() {
        let patch = parse(
            json!([{"op": "add", "path": "/owner", "value": "x"}]),
            V,
            "patch",
        );
        let patch = patch.unwrap_or_default();
        let fault = check(&patch, NODE, Microversion::new(49)).expect_err("1.50");
        assert_eq!(fault.status, 406);
    }

    #[test]
    fn paths() {
        let old = Microversion::new(97);
        for path in ["/extra", "/extra/a-b_c", "/extra/é"] {
            assert!(is_path(path, old), "{path}");
        }
        for path in [
            "",
            "extra",
            "/",
            "/extra/",
            "/extra//a",
            "/extra/a.b",
            "/extra/a~1b",
        ] {
            assert!(!is_path(path, old), "{path}");
        }
        assert!(is_path("/extra/a~1b~0", V));
        assert!(!is_path("/extra/a~2", V));
    }

    proptest! {
        #[test]
        fn hostile_patches_never_panic(op in "add|replace|remove|x", path in "(/[a-z0-9~-]{0,4}){0,4}", value in ".{0,5}") {
            let _ = patched(
                json!({"extra": {"a": [1, {"b": 2}]}}),
                json!([{"op": op, "path": format!("/extra{path}"), "value": value}]),
            );
        }
    }
}
