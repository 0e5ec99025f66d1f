//! What may differ between two answers without meaning anything – where the peer listens, moments,
//! identifiers of its own making – is put into one form here.

use serde_json::{Map, Value};

use super::placeholder::PREFIX;

/// Arrays of texts whose order means nothing.
const UNORDERED: [&str; 6] = [
    "traits",
    "drivers",
    "hosts",
    "shards",
    "candidate_nodes",
    "children",
];

/// A text without the peer's address, moments and identifiers of its own.
#[must_use]
pub fn text(text: &str, base: &str) -> String {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    let text = text.replace(base, "{base}").replace(host, "{host}");
    if is_time(&text) {
        return "{time}".to_owned();
    }
    without_ids(&in_order(text))
}

/// Names that upstream takes out of a set come in another order after every start of it.
fn in_order(text: String) -> String {
    const BEFORE: &str = "Unexpected arguments: ";
    let Some(names) = text.strip_prefix(BEFORE) else {
        return text;
    };
    let mut names: Vec<&str> = names.split(", ").collect();
    names.sort_unstable();
    format!("{BEFORE}{}", names.join(", "))
}

/// The same of all texts of a value.
#[must_use]
pub fn value(value: &Value, base: &str) -> Value {
    named("", value, base)
}

fn named(name: &str, value: &Value, base: &str) -> Value {
    match value {
        Value::String(inner) if name == "error_message" => match serde_json::from_str(inner) {
            Ok(inner @ Value::Object(_)) => named("", &inner, base),
            _ => Value::from(text(inner, base)),
        },
        Value::String(inner) => Value::from(text(inner, base)),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|v| named("", v, base)).collect();
            let is_unordered = UNORDERED.contains(&name) || name.starts_with("enabled_");
            if is_unordered && items.iter().all(Value::is_string) {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            Value::Array(items)
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, v)| (text(key, base), named(key, v, base)))
                .collect::<Map<_, _>>(),
        ),
        Value::Number(_) if name == "duration_seconds" => Value::from("{seconds}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `2026-01-31T12:00:00…`
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    text.len() >= FORM.len()
        && text.len() <= 32
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other || (*other == b'T' && byte == b' '),
        })
}

/// Puts `{uuid}` for each UUID that is not the script's.
fn without_ids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..LENGTH) {
            Some(word) if is_uuid(word) => {
                let is_ours = word.to_ascii_lowercase().starts_with(PREFIX);
                out.push_str(if is_ours { word } else { "{uuid}" });
                rest = rest.get(LENGTH..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

fn is_uuid(word: &str) -> bool {
    word.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_means_nothing_is_taken_out() {
        let base = "http://127.0.0.1:5";
        let made = json!({
            "uuid": "0c5f0d3a-9f1f-4a65-8b56-2a1f3d6c1a10",
            "node": "d1ff0d3a-9f1f-4a65-8b56-2a1f3d6c1a10",
            "created_at": "2026-01-31T12:00:00+00:00",
            "links": [{"href": "http://127.0.0.1:5/v1/x"}],
            "traits": ["B", "A"],
            "error_message": "{\"faultstring\": \"no\"}",
        });
        let want = json!({
            "uuid": "{uuid}",
            "node": "d1ff0d3a-9f1f-4a65-8b56-2a1f3d6c1a10",
            "created_at": "{time}",
            "links": [{"href": "{base}/v1/x"}],
            "traits": ["A", "B"],
            "error_message": {"faultstring": "no"},
        });
        assert_eq!(value(&made, base), want);
    }
}
