//! Writing JSON straight into a byte buffer, for what is rendered often. Everything else goes
//! through serde values.

use std::io::Write;

use cupola_api::secret::{MASK, is_secret_key};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

/// A time as the Bare Metal API writes it: microseconds and the offset as numbers.
pub(super) fn time(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    let micros = at.subsec_nanosecond() / 1000;
    format!("{}.{micros:06}+00:00", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A time as a JSON value; null when it is not set.
pub(super) fn time_value(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::from(time(at)))
}

/// Writes one value. Values that cannot be JSON become null; ours always can.
pub(super) fn value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

pub(super) fn optional_time(out: &mut Vec<u8>, at: Option<Timestamp>) {
    match at {
        Some(at) => {
            out.push(b'"');
            out.extend_from_slice(time(at).as_bytes());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes `"key":`, with a comma before it unless it is the first member.
pub(super) fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    // Names are those of a table: nothing in them needs escaping.
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Writes formatted text.
pub(super) fn raw(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// Which members of an object are secrets besides those that their names tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// None.
    ByName,
    /// Those of `instance_info`: the config drive and the image's URL.
    InstanceInfo,
}

impl Secrets {
    fn hides(self, name: &str) -> bool {
        is_secret_key(name)
            || (self == Self::InstanceInfo && matches!(name, "configdrive" | "image_url"))
    }
}

/// Writes an object with every secret masked, without a copy of it.
pub(super) fn masked(out: &mut Vec<u8>, object: &Map<String, Value>, secrets: Secrets) {
    out.push(b'{');
    for (name, member) in object {
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        value(out, name);
        out.push(b':');
        masked_value(out, name, member, secrets);
    }
    out.push(b'}');
}

fn masked_value(out: &mut Vec<u8>, name: &str, member: &Value, secrets: Secrets) {
    // The two names of instance_info count whatever is under them: a config drive may be an object.
    let whole = secrets == Secrets::InstanceInfo && matches!(name, "configdrive" | "image_url");
    match member {
        Value::Null => out.extend_from_slice(b"null"),
        _ if whole => value(out, MASK),
        Value::Object(inner) => masked(out, inner, Secrets::ByName),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                masked_value(out, name, item, Secrets::ByName);
            }
            out.push(b']');
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) if secrets.hides(name) => {
            value(out, MASK);
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value(out, member),
    }
}

/// Puts the stored secret back wherever a client sent the mask that it had read.
pub(super) fn unmask(sent: &mut Map<String, Value>, stored: &Map<String, Value>, secrets: Secrets) {
    for (name, member) in sent.iter_mut() {
        if let Some(old) = stored.get(name) {
            unmask_value(name, member, old, secrets);
        }
    }
}

fn unmask_value(name: &str, member: &mut Value, old: &Value, secrets: Secrets) {
    match (&mut *member, old) {
        (Value::String(text), _) if text == MASK && secrets.hides(name) => *member = old.clone(),
        (Value::Object(inner), Value::Object(old)) => unmask(inner, old, Secrets::ByName),
        // In a list of another length it cannot be told whose mask it is.
        (Value::Array(items), Value::Array(old)) if items.len() == old.len() => {
            for (item, old) in items.iter_mut().zip(old) {
                unmask_value(name, item, old, Secrets::ByName);
            }
        }
        (_, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => unreachable!(),
        }
    }

    fn written(value: Value, secrets: Secrets) -> Value {
        let mut out = Vec::new();
        masked(&mut out, &object(value), secrets);
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn masks_within_lists_that_come_back_are_secrets_again() {
        let stored = object(json!({
            "list": [{"auth_token": "hunter2", "n": 1}, [{"password": "hunter3"}]],
            "passwords": ["hunter4", "hunter5"],
        }));
        let mut sent = stored.clone();
        cupola_api::secret::mask(&mut sent);
        assert!(!Value::Object(sent.clone()).to_string().contains("hunter"));
        unmask(&mut sent, &stored, Secrets::ByName);
        assert_eq!(sent, stored);
        // Whose mask it is cannot be told in a list of another length.
        let mut shorter = object(json!({"passwords": ["******"]}));
        unmask(&mut shorter, &stored, Secrets::ByName);
        assert_eq!(shorter, object(json!({"passwords": ["******"]})));
    }

    #[test]
    fn times_have_microseconds_and_an_offset() {
        let at: Timestamp = "2026-11-22T11:33:04.168604Z".parse().expect("a time");
        assert_eq!(time(at), "2026-11-22T11:33:04.168604+00:00");
        let whole: Timestamp = "2026-11-22T11:33:04Z".parse().expect("a time");
        assert_eq!(time(whole), "2026-11-22T11:33:04.000000+00:00");
    }

    #[test]
    fn masks_what_is_secret() {
        let info = json!({"configdrive": {"a": 1}, "image_url": null, "deep": {"configdrive": 1}});
        let want = json!({"configdrive": MASK, "image_url": null, "deep": {"configdrive": 1}});
        assert_eq!(written(info, Secrets::InstanceInfo), want);
        let list = json!({"tokens": ["a", {"x": 1}], "n\"": 2});
        assert_eq!(
            written(list, Secrets::ByName),
            json!({"tokens": [MASK, {"x": 1}], "n\"": 2})
        );
    }

    #[test]
    fn a_mask_that_comes_back_keeps_the_secret() {
        let stored = object(json!({"ipmi_password": "old", "a": {"token": "t"}, "note": "n"}));
        let mut sent = object(
            json!({"ipmi_password": MASK, "a": {"token": MASK}, "note": MASK, "new_pass": MASK}),
        );
        unmask(&mut sent, &stored, Secrets::ByName);
        let want =
            json!({"ipmi_password": "old", "a": {"token": "t"}, "note": MASK, "new_pass": MASK});
        assert_eq!(Value::Object(sent), want);
    }

    proptest! {
        #[test]
        fn masking_agrees_with_the_contract(name in "[a-z_]{0,3}(password|token|x)", text in ".{0,8}") {
            let plain = json!({ name: [text, {"inner": {"secret": 1}}] });
            let mut copy = object(plain.clone());
            cupola_api::secret::mask(&mut copy);
            prop_assert_eq!(written(plain, Secrets::ByName), Value::Object(copy));
        }
    }
}
