//! Heartbeats: an agent says that it lives and where it is. The answer is given at once; what it
//! causes goes on afterwards (wire reference §16.2).

use cupola_api::Rung;
use cupola_api::agent::Heartbeat;
use cupola_api::event::{BootService, EventKind};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use jiff::Timestamp;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::Conductor;
use super::error::WorkError;
use super::wait::awaits_agent;
use super::work::Work;
use crate::store::StoredNode;

impl Conductor {
    pub(super) async fn take_heartbeat(
        &self,
        id: NodeId,
        heartbeat: Heartbeat,
    ) -> Result<(), ApiFault> {
        let node = self.store().node_by_id(id).await.map_err(WorkError::from)?;
        self.check_heartbeat(&node, &heartbeat)?;
        let work = Work::new(self.clone(), id);
        let first = !node.driver_internal_info.contains_key("agent_url");
        let waits = awaits_agent(node.provision_state);
        let stored = work
            .modify(|node| {
                record(node, &heartbeat);
                // The time-out means "no heartbeat for so long", not "so long in total".
                if awaits_agent(node.provision_state) {
                    node.provision_updated_at = Some(Timestamp::now());
                }
            })
            .await
            .map_err(WorkError::from)?;
        crash_point(CrashPoint::HeartbeatRecorded);
        if first {
            let version = heartbeat.agent_version.as_deref().unwrap_or("unknown");
            let url = heartbeat.callback_url.as_deref().unwrap_or_default();
            work.publish(EventKind::BootContact {
                service: BootService::Heartbeat,
                mac: None,
                message: format!("agent {version} at {url}"),
                ok: true,
                rung: Some(Rung::Heartbeat),
            });
        }
        if waits && !stored.maintenance {
            self.wake_soon(id);
        }
        Ok(())
    }

    fn check_heartbeat(&self, node: &StoredNode, heartbeat: &Heartbeat) -> Result<(), ApiFault> {
        let bad = |text: &str| Err(ApiFault::bad_request(text));
        let url = heartbeat.callback_url.as_deref().unwrap_or_default();
        let parsed = url::Url::parse(url).ok();
        let scheme = parsed.as_ref().map(url::Url::scheme);
        if !url.is_empty() && !matches!(scheme, Some("http" | "https")) {
            return bad("An issue with the supplied \"callback_url\" has been detected.");
        }
        if heartbeat.agent_token.is_none() {
            return bad("Agent token is required for heartbeat processing.");
        }
        if heartbeat.agent_version.is_none() && heartbeat.agent_status.is_none() {
            return bad(
                "Agent did not transmit a version, and a version is required. Please update the \
                 agent being used.",
            );
        }
        let known = node
            .driver_internal_info
            .get("agent_secret_token")
            .and_then(Value::as_str);
        let valid = match (known, &heartbeat.agent_token) {
            (Some(known), Some(given)) => given.matches(known),
            _ => false,
        };
        if !valid {
            return bad("Invalid or missing agent token received.");
        }
        match scheme {
            Some("https") => {}
            Some("http") if !self.options().require_agent_tls => {}
            Some("http") => {
                return bad("Heartbeat requires https when agent.require_tls is set.");
            }
            _ => return bad("callback_url is no http(s) URL."),
        }
        let recorded = node
            .driver_internal_info
            .get("agent_url")
            .and_then(Value::as_str);
        if recorded.is_some_and(|recorded| recorded != url) {
            return bad("Detected change in ramdisk provided \"callback_url\"");
        }
        let pinned = node
            .driver_internal_info
            .get("agent_verify_ca")
            .and_then(Value::as_str);
        if let (Some(pinned), Some(given)) = (pinned, heartbeat.agent_verify_ca.as_deref())
            && !bool::from(pinned.as_bytes().ct_eq(given.as_bytes()))
        {
            return bad("Detected change in ramdisk provided \"agent_verify_ca\"");
        }
        Ok(())
    }
}

fn record(node: &mut Node, heartbeat: &Heartbeat) {
    if matches!(
        node.provision_state,
        ProvisionState::Active | ProvisionState::Rescue | ProvisionState::Deleting
    ) {
        return;
    }
    let info = &mut node.driver_internal_info;
    let mut set = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            info.insert(key.to_owned(), json!(value));
        }
    };
    let now = Timestamp::now()
        .strftime(super::wait::HEARTBEAT_TIME)
        .to_string();
    set("agent_url", heartbeat.callback_url.as_deref());
    set("agent_version", heartbeat.agent_version.as_deref());
    set("agent_last_heartbeat", Some(&now));
    set("agent_verify_ca", heartbeat.agent_verify_ca.as_deref());
    set(
        "agent_status_message",
        heartbeat.agent_status_message.as_deref(),
    );
}
