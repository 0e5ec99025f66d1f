//! What an interface's method wants changed on its node: explicit, small, and applied by the
//! conductor to the node as it is then, so that nothing that happened meanwhile is lost.

use cupola_api::bios_setting::BiosSetting;
use cupola_api::node::{Node, Object};
use cupola_api::state::power::PowerState;
use serde_json::Value;

/// Keys of `driver_internal_info` that belong to a running agent and end with it.
const AGENT_KEYS: &[&str] = &[
    "agent_url",
    "agent_verify_ca",
    "agent_secret_token",
    "agent_cached_clean_steps",
    "agent_cached_deploy_steps",
    "agent_cached_service_steps",
    "agent_start_attempted",
    "hardware_manager_version",
];

/// Changes to a node. In the objects, a null removes the key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The power state that was read or reached.
    pub power_state: Option<PowerState>,
    /// The agent that ran is gone: its address, certificate and token are void.
    pub forget_agent: bool,
    /// Keys of `driver_internal_info`.
    pub driver_internal_info: Object,
    /// Keys of `instance_info`.
    pub instance_info: Object,
    /// Keys of `properties`.
    pub properties: Object,
    /// The BIOS settings, all of them. They are kept beside the node: [`Changes::apply`] leaves them
    /// to whoever keeps it.
    pub bios: Option<Vec<BiosSetting>>,
}

impl Changes {
    /// No change.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets or (with null) removes one key of `driver_internal_info`.
    #[must_use]
    pub fn internal(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.driver_internal_info
            .insert(key.to_owned(), value.into());
        self
    }

    /// Sets or (with null) removes one key of `instance_info`.
    #[must_use]
    pub fn instance(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.instance_info.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the power state.
    #[must_use]
    pub fn power(mut self, state: PowerState) -> Self {
        self.power_state = Some(state);
        self
    }

    /// Sets what is known of the BIOS settings.
    #[must_use]
    pub fn bios(mut self, settings: Vec<BiosSetting>) -> Self {
        self.bios = Some(settings);
        self
    }

    /// Voids what is known of the agent.
    #[must_use]
    pub fn without_agent(mut self) -> Self {
        self.forget_agent = true;
        self
    }

    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These changes, then the others.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.power_state = later.power_state.or(self.power_state);
        self.forget_agent |= later.forget_agent;
        self.driver_internal_info.extend(later.driver_internal_info);
        self.instance_info.extend(later.instance_info);
        self.properties.extend(later.properties);
        self.bios = later.bios.or(self.bios);
        self
    }

    /// Makes the changes.
    pub fn apply(&self, node: &mut Node) {
        if let Some(state) = self.power_state {
            node.power_state = Some(state);
        }
        if self.forget_agent {
            for key in AGENT_KEYS {
                node.driver_internal_info.shift_remove(*key);
            }
        }
        merge(&mut node.driver_internal_info, &self.driver_internal_info);
        merge(&mut node.instance_info, &self.instance_info);
        merge(&mut node.properties, &self.properties);
    }
}

fn merge(object: &mut Object, changes: &Object) {
    for (key, value) in changes {
        if value.is_null() {
            object.shift_remove(key);
        } else {
            object.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_removes_and_the_later_wins() {
        let mut node = Node::default();
        node.driver_internal_info
            .insert("agent_secret_token".to_owned(), Value::from("x"));
        node.driver_internal_info
            .insert("kept".to_owned(), Value::from(1));
        let first = Changes::none()
            .internal("a", 1)
            .internal("b", 1)
            .without_agent();
        first
            .then(Changes::none().internal("a", Value::Null))
            .apply(&mut node);
        let keys: Vec<&String> = node.driver_internal_info.keys().collect();
        assert_eq!(keys, ["kept", "b"]);
    }
}
