//! Checks what clients write into fields against the kinds of the contract, and brings it into one
//! form before a resource is built of it. The texts follow those of Ironic's schema checks.

use cupola_api::contract::kind::{Kind, Rule};
use cupola_api::fault::ApiFault;
use cupola_api::mac::MacAddress;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::arguments::boolean_word;
use super::repr::repr;

pub(super) use cupola_api::contract::kind::{NODE, PORT};

/// The refusal of a body; `what` is the resource or `patch`, empty where none is named.
pub(super) fn fault(what: &str, reason: impl std::fmt::Display) -> ApiFault {
    ApiFault::bad_request(if what.is_empty() {
        format!("Schema error: {reason}")
    } else {
        format!("Schema error for {what}: {reason}")
    })
}

/// Checks the fields of `names` in `document` and brings them into one form; those that a patch has
/// removed get what stands for them. `what` is as for [`fault`].
pub(super) fn normalize<'a>(
    document: &mut Map<String, Value>,
    names: impl IntoIterator<Item = &'a str>,
    rules: &[Rule],
    what: &str,
) -> Result<(), ApiFault> {
    for name in names {
        let Some((_, kind)) = rules.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let value = match document.get_mut(name) {
            Some(value) => {
                let given = std::mem::take(value);
                one(name, given, *kind, what)?
            }
            None => stands_for_removed(*kind)
                .ok_or_else(|| fault(what, format_args!("'{name}' is a required property")))?,
        };
        document.insert(name.to_owned(), value);
    }
    Ok(())
}

fn one(name: &str, value: Value, kind: Kind, what: &str) -> Result<Value, ApiFault> {
    if value.is_null()
        && let Some(instead) = stands_for_null(kind)
    {
        return Ok(instead);
    }
    match (kind, value) {
        (Kind::OptionalNumber, Value::Number(number)) if number.as_u64() > Some(0) => {
            Ok(Value::Number(number))
        }
        (Kind::Any, value) => Ok(value),
        (Kind::Object | Kind::NullOrObject, Value::Object(members)) => Ok(Value::Object(members)),
        (
            Kind::Boolean(_)
            | Kind::OptionalBoolean
            | Kind::PlainBoolean(_)
            | Kind::RequiredBoolean(_),
            Value::Bool(value),
        ) => Ok(Value::Bool(value)),
        (Kind::Boolean(_) | Kind::OptionalBoolean, Value::String(word)) => {
            boolean_word(name, &word).map(Value::Bool)
        }
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Ok(Value::Number(number)),
        (Kind::Count, Value::Number(number)) if number.is_u64() => Ok(Value::Number(number)),
        (Kind::Count, Value::Number(number)) if number.is_i64() => Err(fault(
            what,
            format_args!("{number} is less than the minimum of 0"),
        )),
        (Kind::List | Kind::PlainList, Value::Array(items)) => Ok(Value::Array(items)),
        (Kind::FilledList, Value::Array(items)) if items.is_empty() => {
            Err(fault(what, "[] should be non-empty"))
        }
        (Kind::FilledList, Value::Array(items)) => Ok(Value::Array(items)),
        (
            Kind::Text(max) | Kind::FilledText(max) | Kind::BoundedText(max) | Kind::TextOr(max, _),
            Value::String(text),
        ) => {
            if text.chars().count() > max {
                let text = format_args!("'{name}' is too long (at most {max} characters)");
                Err(fault(what, text))
            } else if text.is_empty() && matches!(kind, Kind::FilledText(_)) {
                Err(fault(what, "'' should be non-empty"))
            } else {
                Ok(Value::String(text))
            }
        }
        (Kind::RequiredText | Kind::TextOrEmpty, Value::String(text)) => Ok(Value::String(text)),
        (Kind::Uuid | Kind::RequiredUuid, Value::String(text)) => Uuid::try_parse(&text)
            .map(|uuid| Value::from(uuid.to_string()))
            .map_err(|_| ApiFault::bad_request(format!("Expected UUID for {name}: {text}"))),
        (Kind::Mac | Kind::OptionalMac, Value::String(text)) => colons(&text)
            .map(|mac| Value::from(mac.to_string()))
            .ok_or_else(|| {
                ApiFault::bad_request(format!("Expected valid MAC address for {name}: {text}"))
            }),
        (kind, other) => Err(fault(
            what,
            format_args!("{} is not of type {}", repr(&other), types(kind)),
        )),
    }
}

/// The types that a field of this kind may have, as a schema names them.
const fn types(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_)
        | Kind::FilledText(_)
        | Kind::TextOr(..)
        | Kind::TextOrEmpty
        | Kind::Uuid
        | Kind::OptionalMac => "'string', 'null'",
        Kind::RequiredText | Kind::BoundedText(_) | Kind::RequiredUuid | Kind::Mac => "'string'",
        Kind::Boolean(_) | Kind::OptionalBoolean => "'string', 'boolean', 'null'",
        Kind::PlainBoolean(_) => "'boolean', 'null'",
        Kind::RequiredBoolean(_) => "'boolean'",
        Kind::Object => "'object', 'null'",
        Kind::NullOrObject => "'null', 'object'",
        Kind::Integer | Kind::Count => "'integer'",
        Kind::OptionalNumber => "'integer', 'null'",
        Kind::List => "'array', 'null'",
        Kind::PlainList | Kind::FilledList => "'array'",
        Kind::Any => "'any'",
    }
}

/// What null means for a field of this kind; none when it is refused.
fn stands_for_null(kind: Kind) -> Option<Value> {
    match kind {
        Kind::RequiredText
        | Kind::BoundedText(_)
        | Kind::TextOr(..)
        | Kind::RequiredUuid
        | Kind::Mac
        | Kind::Integer
        | Kind::Count
        | Kind::RequiredBoolean(_)
        | Kind::PlainList
        | Kind::FilledList => None,
        Kind::Text(_)
        | Kind::FilledText(_)
        | Kind::Uuid
        | Kind::OptionalBoolean
        | Kind::OptionalMac
        | Kind::OptionalNumber
        | Kind::Any => Some(Value::Null),
        Kind::Boolean(default) | Kind::PlainBoolean(default) => Some(Value::Bool(default)),
        Kind::Object | Kind::NullOrObject => Some(Value::Object(Map::new())),
        Kind::List => Some(Value::Array(Vec::new())),
        Kind::TextOrEmpty => Some(Value::from("")),
    }
}

/// What a field of this kind is after a patch has removed it; none when it must be there.
fn stands_for_removed(kind: Kind) -> Option<Value> {
    match kind {
        Kind::RequiredBoolean(default) => Some(Value::Bool(default)),
        Kind::Count => Some(Value::from(0)),
        Kind::TextOr(_, default) => Some(Value::from(default)),
        Kind::PlainList => Some(Value::Array(Vec::new())),
        kind => stands_for_null(kind),
    }
}

/// A whole number of at least 0, or its digits.
///
/// # Errors
/// Why it is none, in the words of a schema.
pub(super) fn count(value: &Value) -> Result<i64, String> {
    let shown = repr(value);
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(number) if number >= 0 => Ok(number),
            Some(_) => Err(format!("{shown} is less than the minimum of 0")),
            None => Err(format!(
                "{shown} is not valid under any of the given schemas. Possible root cause: {shown} is \
                 not of type 'integer'"
            )),
        },
        Value::String(digits) => {
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let number = digits.parse().ok().filter(|_| is_number);
            number.ok_or_else(|| format!("{shown} does not match '^[0-9]+$'"))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(format!(
            "{shown} is not valid under any of the given schemas. Possible root cause: {shown} is not \
             of type 'integer'"
        )),
    }
}

/// The API takes a MAC address with colons only.
pub(super) fn colons(text: &str) -> Option<MacAddress> {
    if text.contains(':') {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn normalized(name: &str, value: Value) -> Result<Value, String> {
        let mut document = Map::new();
        document.insert(name.to_owned(), value);
        let rules = if name == "address" { PORT } else { NODE };
        normalize(&mut document, [name], rules, "node").map_err(|f| f.message)?;
        Ok(document.remove(name).unwrap_or_default())
    }

    #[test]
    fn words_and_nulls_become_values() {
        assert_eq!(normalized("maintenance", json!("Yes")), Ok(json!(true)));
        assert_eq!(normalized("maintenance", json!(null)), Ok(json!(false)));
        assert_eq!(normalized("automated_clean", json!(null)), Ok(json!(null)));
        assert_eq!(normalized("extra", json!(null)), Ok(json!({})));
        assert_eq!(normalized("conductor_group", json!(null)), Ok(json!("")));
        assert_eq!(
            normalized("address", json!("AA:bb:cc:dd:ee:FF")),
            Ok(json!("aa:bb:cc:dd:ee:ff"))
        );
    }

    #[test]
    fn wrong_types_are_named() {
        assert_eq!(
            normalized("extra", json!(5)),
            Err("Schema error for node: 5 is not of type 'object', 'null'".to_owned())
        );
        assert_eq!(
            normalized("driver", json!(null)),
            Err("Schema error for node: None is not of type 'string'".to_owned())
        );
        assert_eq!(
            normalized("instance_uuid", json!("x")),
            Err("Expected UUID for instance_uuid: x".to_owned())
        );
        assert!(normalized("address", json!("aa-bb-cc-dd-ee-ff")).is_err());
        assert!(normalized("resource_class", json!("x".repeat(81))).is_err());
        assert!(normalized("maintenance", json!("maybe")).is_err());
    }
}
