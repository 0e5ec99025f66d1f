//! What answers at an address: its root document tells.

use http::Method;
use serde_json::Value;

use super::{Client, ClientError};

impl Client {
    /// The newest version of the Bare Metal API that the server has, such as `1.115`. Needs no
    /// login.
    ///
    /// # Errors
    /// As [`Client::nodes`]; [`ClientError::NotBareMetal`] where something else answers.
    pub async fn newest_version(&self) -> Result<String, ClientError> {
        let stranger = |said: String| ClientError::NotBareMetal {
            target: self.target().to_owned(),
            said,
        };
        let root: Value = match self.json(Method::GET, "/", None::<&()>).await {
            Ok(root) => root,
            Err(ClientError::Refused(fault)) if !matches!(fault.status, 401 | 403 | 500..) => {
                return Err(stranger(format!("status {}", fault.status)));
            }
            Err(ClientError::BadAnswer { .. }) => return Err(stranger("no JSON".to_owned())),
            Err(error) => return Err(error),
        };
        let version = root.pointer("/default_version/version");
        let version = version.and_then(Value::as_str).filter(|v| !v.is_empty());
        // Other services of OpenStack have such a document too.
        let is_ours = root.get("name").and_then(Value::as_str);
        let is_ours = is_ours.is_some_and(|name| name.contains("Ironic"));
        match (version, is_ours) {
            (Some(version), true) => Ok(version.to_owned()),
            (_, _) => Err(stranger(
                "a document that names no version of that API".to_owned(),
            )),
        }
    }
}
