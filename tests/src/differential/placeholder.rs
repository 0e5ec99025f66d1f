//! Identifiers that are the same in every run: `$word` is a UUID, `$$word` a name, `$#word` a MAC
//! address, each its own per chapter; `$new`, `$$new` and `$#new` are each case's own.
//!
//! All UUIDs of the script begin with `d1ff`, so that those of the peers' own making can be told
//! apart.

use serde_json::{Map, Value};
use uuid::Uuid;

/// What the UUIDs of the script begin with.
pub const PREFIX: &str = "d1ff";

fn digest(chapter: &str, word: &str) -> [u8; 16] {
    let name = format!("{chapter}/{word}");
    *Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_bytes()
}

/// The UUID of a word.
#[must_use]
pub fn uuid(chapter: &str, word: &str) -> String {
    let mut bytes = digest(chapter, word);
    if let Some([first, second]) = bytes.first_chunk_mut::<2>() {
        (*first, *second) = (0xd1, 0xff);
    }
    Uuid::from_bytes(bytes).to_string()
}

fn mac(chapter: &str, word: &str) -> String {
    let [a, b, c, d, ..] = digest(chapter, word);
    format!("52:54:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn name(chapter: &str, word: &str) -> String {
    if word.contains('/') {
        let [a, b, c, d, ..] = digest(chapter, word);
        return format!("{chapter}-{a:02x}{b:02x}{c:02x}{d:02x}");
    }
    format!("{chapter}-{word}")
}

/// Puts the placeholders of a text in. `case` is the name of the case.
#[must_use]
pub fn fill(text: &str, chapter: &str, case: &str) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut is_name = false;
    for part in parts {
        if part.is_empty() && !is_name {
            // The second dollar of `$$word`: what follows it is a name.
            is_name = true;
            continue;
        }
        let (is_mac, part) = match part.strip_prefix('#') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let end = part
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
            .unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        let own;
        let key = if word == "new" {
            own = format!("new/{case}");
            own.as_str()
        } else {
            word
        };
        out.push_str(&match (is_name, is_mac) {
            (true, _) => name(chapter, key),
            (false, true) => mac(chapter, key),
            (false, false) => uuid(chapter, key),
        });
        out.push_str(rest);
        is_name = false;
    }
    out
}

/// Puts the placeholders of all texts of a value in.
#[must_use]
pub fn fill_value(value: &Value, chapter: &str, case: &str) -> Value {
    match value {
        Value::String(text) => Value::from(fill(text, chapter, case)),
        Value::Array(items) => items.iter().map(|v| fill_value(v, chapter, case)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, v)| (key.clone(), fill_value(v, chapter, case)))
                .collect::<Map<_, _>>(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_form() {
        let filled = fill("/v1/$node/x?n=$$node&m=$#node", "c", "k");
        let (path, query) = filled.split_once('?').expect("a query");
        assert!(
            path.starts_with("/v1/d1ff") && path.ends_with("/x"),
            "{path}"
        );
        assert!(query.starts_with("n=c-node&m=52:54:"), "{query}");
    }

    #[test]
    fn new_is_each_cases_own() {
        assert_ne!(fill("$new", "c", "a"), fill("$new", "c", "b"));
        assert_ne!(fill("$$new", "c", "a"), fill("$$new", "c", "b"));
        assert_eq!(fill("$node", "c", "a"), fill("$node", "c", "b"));
    }
}
