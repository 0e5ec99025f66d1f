//! Secrets that cannot be printed, and the masking of secrets inside free-form JSON objects.
//!
//! What reaches the wire or a log goes through [`mask`]; what must reach a BMC goes through
//! [`Secret::expose`]. There is no third way.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The text that stands for a secret on the wire (wire format of the Bare Metal API).
pub const MASK: &str = "******";

/// A secret text: no `Display`, no `Serialize`, a `Debug` that shows nothing, wiped when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the secret is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Words that make a key a secret's key, compared in lower case and by containment.
const SECRET_WORDS: &[&str] = &[
    "password",
    "adminpass",
    "admin_pass",
    "new_pass",
    "secret",
    "token",
    "sys_pswd",
    "sslkey",
    "private_key",
    "passphrase",
    "cephclusterfsid",
    "kg_key",
    "snmp_auth_key",
    "snmp_priv_key",
];

/// Whether the value under `key` is a secret.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Replaces every secret at any depth by [`MASK`].
pub fn mask(object: &mut Map<String, Value>) {
    for (key, value) in object.iter_mut() {
        mask_value(key, value);
    }
}

/// Masks `instance_info`, in which the config drive and the image URL are secrets too.
pub fn mask_instance_info(object: &mut Map<String, Value>) {
    mask(object);
    for key in ["configdrive", "image_url"] {
        if let Some(value) = object.get_mut(key) {
            *value = Value::from(MASK);
        }
    }
}

fn mask_value(key: &str, value: &mut Value) {
    match value {
        Value::Object(inner) => mask(inner),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_value(key, item)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) if is_secret_key(key) => {
            *value = Value::from(MASK);
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), MASK);
    }

    #[test]
    fn masks_at_any_depth_and_keeps_the_rest() {
        let Value::Object(mut object) = json!({
            "ipmi_address": "10.0.0.1", "ipmi_password": "x", "deep": [{"auth_token": 5, "n": 1}]
        }) else {
            unreachable!()
        };
        mask(&mut object);
        let want = json!({
            "ipmi_address": "10.0.0.1", "ipmi_password": MASK, "deep": [{"auth_token": MASK, "n": 1}]
        });
        assert_eq!(Value::Object(object), want);
    }
}
