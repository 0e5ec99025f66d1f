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

/// Checks the fields of `names` in `document` and brings them into one form. `what` is `node`,
/// `port` or `patch`.
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
        if let Some(value) = document.get_mut(name) {
            let given = std::mem::take(value);
            *value = one(name, given, *kind, what)?;
        }
    }
    Ok(())
}

fn one(name: &str, value: Value, kind: Kind, what: &str) -> Result<Value, ApiFault> {
    let fault = |text: String| ApiFault::bad_request(format!("Schema error for {what}: {text}"));
    // In a patch null stands for a field that is removed.
    if value.is_null() && (what == "patch" || stands_for_null(kind).is_some()) {
        let instead = stands_for_null(kind);
        return instead.ok_or_else(|| fault(format!("'{name}' is a required property")));
    }
    match (kind, value) {
        (Kind::OptionalNumber, Value::Number(number)) if number.as_u64() > Some(0) => {
            Ok(Value::Number(number))
        }
        (Kind::OptionalNumber, other) => Err(fault(format!(
            "{} is not of type 'integer', 'null'",
            repr(&other)
        ))),
        (Kind::Any, value) => Ok(value),
        (Kind::Object, Value::Object(members)) => Ok(Value::Object(members)),
        (Kind::Object, other) => Err(fault(format!(
            "{} is not of type 'object', 'null'",
            repr(&other)
        ))),
        (Kind::Boolean(_) | Kind::OptionalBoolean, Value::Bool(value)) => Ok(Value::Bool(value)),
        (Kind::Boolean(_) | Kind::OptionalBoolean, Value::String(word)) => {
            boolean_word(name, &word).map(Value::Bool)
        }
        (Kind::Boolean(_) | Kind::OptionalBoolean, other) => Err(fault(format!(
            "{} is not of type 'string', 'boolean', 'null'",
            repr(&other)
        ))),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Ok(Value::Number(number)),
        (Kind::Integer, other) => Err(fault(format!("{} is not of type 'integer'", repr(&other)))),
        (Kind::List, Value::Array(items)) => Ok(Value::Array(items)),
        (Kind::List, other) => Err(fault(format!(
            "{} is not of type 'array', 'null'",
            repr(&other)
        ))),
        (Kind::FilledList, Value::Array(items)) if items.is_empty() => {
            Err(fault("[] should be non-empty".to_owned()))
        }
        (Kind::FilledList, Value::Array(items)) => Ok(Value::Array(items)),
        (Kind::FilledList, other) => Err(fault(format!("{} is not of type 'array'", repr(&other)))),
        (Kind::Text(max) | Kind::FilledText(max) | Kind::BoundedText(max), Value::String(text)) => {
            if text.chars().count() > max {
                Err(fault(format!(
                    "'{name}' is too long (at most {max} characters)"
                )))
            } else if text.is_empty() && matches!(kind, Kind::FilledText(_)) {
                Err(fault("'' should be non-empty".to_owned()))
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
        (Kind::RequiredText | Kind::BoundedText(_) | Kind::RequiredUuid | Kind::Mac, other) => {
            Err(fault(format!("{} is not of type 'string'", repr(&other))))
        }
        (
            Kind::Text(_)
            | Kind::FilledText(_)
            | Kind::TextOrEmpty
            | Kind::Uuid
            | Kind::OptionalMac,
            other,
        ) => Err(fault(format!(
            "{} is not of type 'string', 'null'",
            repr(&other)
        ))),
    }
}

/// What null means for a field of this kind; none when the field must be there.
fn stands_for_null(kind: Kind) -> Option<Value> {
    match kind {
        Kind::RequiredText
        | Kind::BoundedText(_)
        | Kind::RequiredUuid
        | Kind::Mac
        | Kind::Integer
        | Kind::FilledList => None,
        Kind::Text(_)
        | Kind::FilledText(_)
        | Kind::Uuid
        | Kind::OptionalBoolean
        | Kind::OptionalMac
        | Kind::OptionalNumber
        | Kind::Any => Some(Value::Null),
        Kind::Boolean(default) => Some(Value::Bool(default)),
        Kind::Object => Some(Value::Object(Map::new())),
        Kind::List => Some(Value::Array(Vec::new())),
        Kind::TextOrEmpty => Some(Value::from("")),
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
