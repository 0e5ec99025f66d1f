//! What an action is on the wire: the requests, in their order. The worker sends them, the log of
//! commands shows them, so that what is shown is what was sent.

use cupola_api::id::NodeId;
use cupola_api::secret::is_secret_key;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::{Value, json};

use crate::effect::{Action, Steps};

/// Stands for a password where a request is shown: a character that no text has.
pub(crate) const PASSWORD: &str = "\u{F8FF}";
/// The indicator that is set when none is known better.
const LED: &str = "led@chassis";

/// Whether a request is sent, or shown with placeholders for what is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// As they are.
    Sent,
    /// As placeholders.
    Hidden,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) enum Method {
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Its name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request. Its body may hold a secret: it is not printed.
#[derive(Clone, PartialEq)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: Method,
    /// The path, from `/v1` on.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Option<Value>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// The requests that an action takes. `indicator` is the locate LED of this node, where it is known.
pub(crate) fn requests(
    id: NodeId,
    action: &Action,
    indicator: Option<&str>,
    secrets: Secrets,
) -> Vec<Request> {
    let to = |method: Method, rest: &str, body: Option<Value>| Request {
        method,
        path: format!("/v1/nodes/{id}{rest}"),
        body,
    };
    let put = |rest: &str, body: Value| vec![to(Method::Put, rest, Some(body))];
    let provision = |body: Value| to(Method::Put, "/states/provision", Some(body));
    match action {
        Action::Provision(verb) => vec![provision(json!({ "target": verb }))],
        Action::Steps {
            verb,
            steps,
            disable_ramdisk,
        } => vec![provision(with_steps(
            *verb,
            steps,
            *disable_ramdisk,
            secrets,
        ))],
        Action::Rescue(password) => {
            let password = match secrets {
                Secrets::Sent => password.expose(),
                Secrets::Hidden => PASSWORD,
            };
            vec![provision(
                json!({ "target": "rescue", "rescue_password": password }),
            )]
        }
        Action::Deploy {
            patch,
            config_drive,
        } => {
            let mut body = json!({ "target": "active" });
            if let (Some(drive), Some(members)) = (config_drive, body.as_object_mut()) {
                members.insert("configdrive".to_owned(), drive.clone());
            }
            vec![to(Method::Patch, "", Some(json!(patch))), provision(body)]
        }
        Action::Power(target) => put("/states/power", json!({ "target": target })),
        Action::Maintenance(true, reason) => put("/maintenance", json!({ "reason": reason })),
        Action::Maintenance(false, _) => vec![to(Method::Delete, "/maintenance", None)],
        Action::BootDevice(device, persistent) => put(
            "/management/boot_device",
            json!({ "boot_device": device, "persistent": persistent }),
        ),
        Action::Nmi => put("/management/inject_nmi", json!({})),
        Action::Locate(on) => put(
            &format!("/management/indicators/{}", indicator.unwrap_or(LED)),
            json!({ "state": if *on { "on" } else { "off" } }),
        ),
        Action::Console(on) => put("/states/console", json!({ "enabled": on })),
        Action::Flag(flag, on) => {
            let path = format!("/{}", flag.name());
            let patch = json!([{ "op": "replace", "path": path, "value": on }]);
            vec![to(Method::Patch, "", Some(patch))]
        }
        Action::Delete => vec![to(Method::Delete, "", None)],
    }
}

/// Hides what is a password by its name.
pub(crate) fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if is_secret_key(key) && !value.is_object() {
                    *value = json!(PASSWORD);
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn with_steps(
    verb: ProvisionVerb,
    steps: &Steps,
    disable_ramdisk: bool,
    secrets: Secrets,
) -> Value {
    let mut body = json!({ "target": verb });
    let Some(members) = body.as_object_mut() else {
        return body;
    };
    match steps {
        Steps::Runbook(name) => members.insert("runbook".to_owned(), json!(name)),
        Steps::Listed(steps) => {
            let mut steps = steps.clone();
            if secrets == Secrets::Hidden {
                steps.iter_mut().for_each(hide);
            }
            let list = match verb {
                ProvisionVerb::Service => "service_steps",
                _ => "clean_steps",
            };
            members.insert(list.to_owned(), json!(steps))
        }
    };
    if disable_ramdisk {
        members.insert("disable_ramdisk".to_owned(), json!(true));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_and_never_shown() {
        let id = crate::testing::nodes(1)[0].uuid;
        let rescue = Action::Rescue("geheim".into());
        let body = |secrets| requests(id, &rescue, None, secrets)[0].body.clone();
        assert!(body(Secrets::Sent).is_some_and(|b| b["rescue_password"] == "geheim"));
        assert!(body(Secrets::Hidden).is_some_and(|b| b["rescue_password"] == PASSWORD));
        let printed = format!(
            "{rescue:?} {:?}",
            requests(id, &rescue, None, Secrets::Sent)
        );
        assert!(!printed.contains("geheim"), "{printed}");
    }
}
