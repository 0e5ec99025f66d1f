//! Lookup: an agent asks which node it runs on, and gets its token, once (wire reference §16.1).

use std::collections::BTreeMap;

use cupola_api::agent::token::MASKED;
use cupola_api::agent::{AgentToken, LookupAnswer, LookupConfig, LookupNode};
use cupola_api::event::{BootService, EventKind};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use cupola_api::{MacAddress, Rung};
use cupola_drivers::agent::{fast_track, new_token};
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use serde_json::{Value, json};

use super::Conductor;
use super::error::WorkError;
use super::work::Work;

const TOKEN_KEY: &str = "agent_secret_token";

/// States in which a ramdisk is expected.
const fn expects_ramdisk(state: ProvisionState) -> bool {
    matches!(
        state,
        ProvisionState::Deploying
            | ProvisionState::DeployWait
            | ProvisionState::Cleaning
            | ProvisionState::CleanWait
            | ProvisionState::Inspecting
            | ProvisionState::InspectWait
            | ProvisionState::Rescuing
            | ProvisionState::RescueWait
            | ProvisionState::ServiceWait
    )
}

impl Conductor {
    pub(super) async fn look_up(
        &self,
        addresses: &[MacAddress],
        id: Option<NodeId>,
    ) -> Result<LookupAnswer, ApiFault> {
        let nobody = || ApiFault::not_found("Resource could not be found.");
        let id = self.find_node(addresses, id).await.map_err(|_| nobody())?;
        let node = self.store().node_by_id(id).await.map_err(|_| nobody())?;
        let left_running = matches!(
            node.provision_state,
            ProvisionState::Enroll | ProvisionState::Manageable | ProvisionState::Available
        ) && fast_track::is_able(&node, &self.registry().settings().agent);
        if self.options().restrict_lookup && !expects_ramdisk(node.provision_state) && !left_running
        {
            return Err(nobody());
        }
        let answer = self.lookup_answer(id).await?;
        self.events().publish(
            Some(id),
            EventKind::BootContact {
                service: BootService::Lookup,
                mac: addresses.first().copied(),
                message: "agent asked which node it runs on".to_owned(),
                ok: true,
                rung: Some(Rung::Lookup),
            },
        );
        Ok(answer)
    }

    /// The answer for this node; its token is shown when it was made by this call.
    pub(super) async fn lookup_answer(&self, id: NodeId) -> Result<LookupAnswer, ApiFault> {
        let work = Work::new(self.clone(), id);
        let token = new_token()
            .map_err(|error| ApiFault::internal(format!("no random numbers: {error}")))?;
        let mut made = false;
        let node = work
            .modify(|node| {
                made = !node.driver_internal_info.contains_key(TOKEN_KEY);
                if made {
                    node.driver_internal_info
                        .insert(TOKEN_KEY.to_owned(), Value::from(token.expose()));
                }
            })
            .await
            .map_err(WorkError::from)?;
        crash_point(CrashPoint::TokenIssued);
        let shown = if made {
            self.inner.tokens_told.lock().insert(id);
            token
        } else {
            self.untold_token(&node).unwrap_or_else(|| {
                self.agent_came_anew(id);
                AgentToken::new(MASKED)
            })
        };
        Ok(LookupAnswer {
            node: LookupNode {
                uuid: *id.as_uuid(),
                properties: node.properties.clone(),
                instance_info: node.instance_info.clone(),
                driver_internal_info: node.driver_internal_info.clone(),
                links: Vec::new(),
            },
            config: self.lookup_config(shown),
        })
    }

    /// The token that a process has made which died before it could tell it: as long as no agent
    /// has called with it, this process may tell it, once.
    fn untold_token(&self, node: &Node) -> Option<AgentToken> {
        let info = &node.driver_internal_info;
        let token = info.get(TOKEN_KEY).and_then(Value::as_str)?;
        let untold =
            !info.contains_key("agent_url") && self.inner.tokens_told.lock().insert(node.uuid);
        untold.then(|| AgentToken::new(token))
    }

    fn lookup_config(&self, token: AgentToken) -> LookupConfig {
        let extra = [
            (
                "metrics",
                json!({"backend": "noop", "prepend_host": false, "prepend_uuid": false,
                       "prepend_host_reverse": true, "global_prefix": null}),
            ),
            (
                "metrics_statsd",
                json!({"statsd_host": "localhost", "statsd_port": 8125}),
            ),
            (
                "agent_containers",
                json!({"allow_arbitrary_containers": false, "allowed_containers": [],
                       "container_steps_file": "/etc/ironic-python-agent.d/mysteps.yaml",
                       "runner": "podman", "pull_options": [],
                       "run_options": ["--rm", "--network=host"]}),
            ),
        ];
        let formats = ["raw", "gpt", "qcow2", "iso"];
        LookupConfig {
            heartbeat_timeout: self.options().agent_heartbeat_timeout,
            agent_token: Some(token),
            agent_token_required: true,
            agent_md5_checksum_enable: true,
            disable_deep_image_inspection: false,
            permitted_image_formats: formats.map(str::to_owned).to_vec(),
            agent_skip_bmc_detect: false,
            enable_bios_bootloader_install: false,
            tls_min_version: None,
            tls_cipher_suites: None,
            extra: extra
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}
