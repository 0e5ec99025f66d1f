//! Whom the conductor believes to be the agent of a node: the certificate of its heartbeat, else
//! what `driver_info.agent_verify_ca` of the node or `[agent] verify_ca` says.

use std::path::PathBuf;

use cupola_api::node::Node;
use serde_json::Value;

/// How an agent's certificate is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is this one, as PEM text.
    Pinned(String),
    /// An authority of this PEM file has signed it.
    Authorities(PathBuf),
    /// An authority that this host trusts has signed it.
    System,
    /// It may be any: the operator has said so.
    Anybody,
}

impl Trust {
    /// Reads it from the node; `configured` stands where the node says nothing.
    pub(super) fn of(node: &Node, configured: &str) -> Self {
        let pinned = node.driver_internal_info.get("agent_verify_ca");
        if let Some(pem) = pinned.and_then(Value::as_str) {
            return Self::Pinned(pem.to_owned());
        }
        match node.driver_info.get("agent_verify_ca") {
            Some(Value::Bool(true)) => Self::System,
            Some(Value::Bool(false)) => Self::Anybody,
            Some(Value::String(text)) if !text.is_empty() => Self::parse(text),
            _ => Self::parse(configured),
        }
    }

    /// Yes, no, or the path of a file.
    fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "" | "true" | "yes" | "on" | "1" => Self::System,
            "false" | "no" | "off" | "0" => Self::Anybody,
            _ => Self::Authorities(PathBuf::from(text)),
        }
    }
}

/// The file that `[agent] verify_ca` names, where it names one.
#[must_use]
pub fn authorities_file(configured: &str) -> Option<PathBuf> {
    match Trust::parse(configured) {
        Trust::Authorities(path) => Some(path),
        Trust::Pinned(_) | Trust::System | Trust::Anybody => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_heartbeat_comes_before_the_node_and_the_node_before_the_configuration() {
        let mut node = Node::default();
        assert_eq!(Trust::of(&node, "True"), Trust::System);
        assert_eq!(Trust::of(&node, "false"), Trust::Anybody);
        let mut said = |value: Value| {
            node.driver_info.insert("agent_verify_ca".to_owned(), value);
            Trust::of(&node, "true")
        };
        assert_eq!(said(json!(false)), Trust::Anybody);
        assert_eq!(said(json!("")), Trust::System);
        let file = Trust::Authorities("/etc/ssl/agents.pem".into());
        assert_eq!(said(json!("/etc/ssl/agents.pem")), file);
        node.driver_internal_info
            .insert("agent_verify_ca".to_owned(), json!("PEM"));
        assert_eq!(Trust::of(&node, "true"), Trust::Pinned("PEM".to_owned()));
    }
}
