//! Fast track: a ramdisk that is running is used for what comes next, instead of a reboot between
//! inspection, cleaning and deployment.

use cupola_api::node::Node;
use cupola_api::state::power::PowerState;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::interface::AgentSettings;

/// Whether the ramdisk of this node is left running between its phases: as the node says, else as
/// it is configured.
#[must_use]
pub fn is_able(node: &Node, settings: &AgentSettings) -> bool {
    match node.driver_info.get("fast_track") {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => {
            matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes")
        }
        _ => settings.fast_track,
    }
}

/// Whether its ramdisk runs and can be used as it is: the machine is on, and its agent has called
/// lately.
#[must_use]
pub fn is_alive(node: &Node, settings: &AgentSettings) -> bool {
    let text = |key: &str| node.driver_internal_info.get(key).and_then(Value::as_str);
    let heard = text("agent_last_heartbeat")
        .and_then(|at| DateTime::strptime("%Y-%m-%dT%H:%M:%S%.f", at).ok())
        .and_then(|at| at.to_zoned(TimeZone::UTC).ok())
        .map(|at| at.timestamp());
    let is_fresh = heard.is_some_and(|at| {
        let age = Timestamp::now().duration_since(at).as_secs();
        u64::try_from(age).is_ok_and(|age| age <= settings.fast_track_timeout.as_secs())
    });
    is_able(node, settings)
        && node.power_state == Some(PowerState::On)
        && text("agent_url").is_some()
        && text("agent_secret_token").is_some()
        && is_fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(heartbeat: Timestamp) -> Node {
        let mut node = Node {
            power_state: Some(PowerState::On),
            ..Node::default()
        };
        let at = heartbeat.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        for (key, value) in [
            ("agent_url", "https://10.0.0.9:9999"),
            ("agent_secret_token", "x"),
            ("agent_last_heartbeat", at.as_str()),
        ] {
            node.driver_internal_info
                .insert(key.to_owned(), Value::from(value));
        }
        node
    }

    #[test]
    fn only_a_machine_that_is_on_and_heard_of_lately_is_used() {
        let settings = AgentSettings {
            fast_track: true,
            ..AgentSettings::default()
        };
        let fresh = node(Timestamp::now());
        assert!(is_alive(&fresh, &settings));
        assert!(!is_alive(&fresh, &AgentSettings::default()));
        let mut off = fresh.clone();
        off.power_state = Some(PowerState::Off);
        assert!(!is_alive(&off, &settings));
        assert!(!is_alive(&node(Timestamp::UNIX_EPOCH), &settings));
        let mut asked = fresh;
        asked
            .driver_info
            .insert("fast_track".to_owned(), Value::from("true"));
        assert!(is_alive(&asked, &AgentSettings::default()));
    }
}
