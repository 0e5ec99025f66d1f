//! Rescue: the password that the conductor sends becomes the one of this ramdisk's accounts, and the
//! agent then leaves the machine to whoever logs in. The password arrives as a crypt(5) hash; the
//! agent never sees it in clear, and shows the hash to nobody.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::StepError;

/// A crypt(5) hash, such as `$5$salt$…`. It is not printed: a weak password behind it can be guessed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The text, for a password file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A hash of one of crypt(5)'s methods with a prefix. What could end the field or the line of a
    /// password file is refused.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix('$')?.splitn(2, '$');
        let method = fields.next().filter(|method| !method.is_empty())?;
        let rest = fields.next().filter(|rest| !rest.is_empty())?;
        let clean = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':')
        };
        (clean(method) && clean(rest)).then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(******)")
    }
}

#[derive(Deserialize)]
struct Params {
    rescue_password: String,
    #[serde(default)]
    hashed: bool,
}

/// The password out of the parameters of `rescue.finalize_rescue`.
///
/// # Errors
/// It is missing, in clear, or no crypt(5) hash. The text does not repeat it.
pub(crate) fn password(params: Map<String, Value>) -> Result<PasswordHash, StepError> {
    let refused = |reason: &str| StepError::InvalidParams(format!("finalize_rescue: {reason}"));
    let params = Params::deserialize(Value::Object(params))
        .map_err(|_| refused("rescue_password is missing or no text"))?;
    if !params.hashed {
        return Err(refused(
            "the password is not hashed; send a crypt(5) hash as $5$salt$hash, with hashed=true",
        ));
    }
    PasswordHash::parse(&params.rescue_password)
        .ok_or_else(|| refused("rescue_password is no crypt(5) hash; send it as $5$salt$hash"))
}

/// The lines of a shadow(5) file that give these accounts the password.
pub(crate) fn shadow_file(hash: &PasswordHash, accounts: &[&str]) -> String {
    accounts
        .iter()
        .map(|account| format!("{account}:{}:::::::\n", hash.expose()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(params: &Value) -> Result<PasswordHash, StepError> {
        password(params.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn only_hashes_are_taken_and_none_is_shown() {
        let hash = parse(&json!({"rescue_password": "$5$ab$cd./E", "hashed": true})).unwrap();
        assert_eq!(
            shadow_file(&hash, &["root", "rescue"]),
            "root:$5$ab$cd./E:::::::\nrescue:$5$ab$cd./E:::::::\n"
        );
        assert!(!format!("{hash:?}").contains("cd"));
        for bad in [
            json!({}),
            json!({"rescue_password": 1, "hashed": true}),
            json!({"rescue_password": "hunter2", "hashed": false}),
            json!({"rescue_password": "hunter2", "hashed": true}),
            json!({"rescue_password": "$5$hunter2:x", "hashed": true}),
            json!({"rescue_password": "$5$hunter2\nroot::", "hashed": true}),
        ] {
            let error = parse(&bad).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_hash_stays_in_its_field(text in "\\PC{0,40}") {
            if let Some(hash) = PasswordHash::parse(&text) {
                let line = shadow_file(&hash, &["root"]);
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert_eq!(line.matches(':').count(), 8);
            }
        }
    }
}
