//! The conductor's side of the seam for tests of the API: writes what it is given, moves nothing.

use bytes::Bytes;
use cupola_api::MacAddress;
use cupola_api::agent::{BootMode, Heartbeat, LookupAnswer};
use cupola_api::allocation::Allocation;
use cupola_api::cupola::{AgentLog, LogPage};
use cupola_api::discovery::{DiscoveryReport, DiscoveryRequest};
use cupola_api::fault::ApiFault;
use cupola_api::id::{AllocationId, NodeId};
use cupola_api::node::{Node, Object};
use cupola_api::probe::ProbeReport;
use cupola_api::resource::{
    BootDevice, BootDeviceSetting, Driver, Indicator, ProvisionRequest, Validation, Validations,
    VifRequest, VirtualMedia,
};
use cupola_api::serial::{
    SerialCursor, SerialItem, SerialLink, SerialSend, SerialState, SerialWatcher,
};
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use cupola_drivers::interface::Lamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::conductor::vif;
use crate::events::EventBus;
use crate::rpc::{Rpc, SerialBatch, SerialFollow};
use crate::store::{Store, StoreError};

pub(super) struct TestConductor {
    pub(super) store: Store,
    pub(super) events: EventBus,
}

fn fault(error: StoreError) -> ApiFault {
    match error {
        StoreError::Conflict(_) => ApiFault::conflict(error.to_string()),
        other => ApiFault::internal(other.to_string()),
    }
}

#[async_trait::async_trait]
impl Rpc for TestConductor {
    async fn prepare_node(&self, node: &mut Node) -> Result<(), ApiFault> {
        if node.driver != "fake-hardware" {
            return Err(ApiFault::bad_request("No valid host was found."));
        }
        node.interfaces
            .power_interface
            .get_or_insert_with(|| "fake".to_owned());
        Ok(())
    }

    async fn update_node(
        &self,
        before: &Node,
        after: Node,
        _reset_interfaces: bool,
    ) -> Result<Node, ApiFault> {
        assert_ne!(
            *before, after,
            "the API does not ask for what changes nothing"
        );
        let stored = self.store.save_node(&after).await.map_err(fault)?;
        self.events.node_changed(&stored);
        Ok(stored.node.clone())
    }

    async fn destroy_node(&self, node: NodeId) -> Result<(), ApiFault> {
        self.store.delete_node(node).await.map(drop).map_err(fault)
    }

    async fn provision(
        &self,
        node: NodeId,
        verb: ProvisionVerb,
        _request: ProvisionRequest,
    ) -> Result<(), ApiFault> {
        let note = move |n: &mut Node| {
            n.extra.insert("verb".to_owned(), json!(verb));
        };
        self.store
            .modify_node(node, note)
            .await
            .map(drop)
            .map_err(fault)
    }

    async fn power(
        &self,
        node: NodeId,
        target: PowerTarget,
        _timeout_seconds: Option<u32>,
    ) -> Result<(), ApiFault> {
        let set = move |n: &mut Node| n.power_state = Some(target.reached());
        self.store
            .modify_node(node, set)
            .await
            .map(drop)
            .map_err(fault)
    }

    async fn validate(&self, _node: NodeId) -> Result<Validations, ApiFault> {
        let good = Validation {
            result: Some(true),
            reason: None,
        };
        Ok([("power".to_owned(), good)].into())
    }

    async fn boot_device(&self, _node: NodeId) -> Result<BootDeviceSetting, ApiFault> {
        Ok(BootDeviceSetting {
            boot_device: Some(BootDevice::Pxe),
            persistent: Some(false),
        })
    }

    async fn set_boot_device(
        &self,
        _node: NodeId,
        _device: BootDevice,
        _persistent: bool,
    ) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn supported_boot_devices(&self, _node: NodeId) -> Result<Vec<BootDevice>, ApiFault> {
        Ok(vec![BootDevice::Pxe, BootDevice::Disk])
    }

    async fn virtual_media(&self, _node: NodeId) -> Result<Value, ApiFault> {
        Ok(Value::Null)
    }

    async fn change_virtual_media(
        &self,
        _node: NodeId,
        _media: Option<VirtualMedia>,
    ) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn indicators(&self, _node: NodeId) -> Result<Vec<Indicator>, ApiFault> {
        Ok(Vec::new())
    }

    async fn inject_nmi(&self, _node: NodeId) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn set_boot_mode(&self, _node: NodeId, _mode: BootMode) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn set_secure_boot(&self, _node: NodeId, _on: bool) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn set_target_raid_config(&self, _node: NodeId, _raid: Object) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn console(&self, _node: NodeId) -> Result<Option<Object>, ApiFault> {
        Ok(None)
    }

    async fn set_console(&self, _node: NodeId, _enabled: bool) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn create_allocation(
        &self,
        allocation: Allocation,
        node: Option<NodeId>,
    ) -> Result<Allocation, ApiFault> {
        let mut made = self
            .store
            .create_document(allocation)
            .await
            .map_err(fault)?;
        if let Some(node) = node {
            let node = self.store.node_by_id(node).await.map_err(fault)?;
            let claimed = self.store.claim_node(made.uuid, &node).await;
            claimed.map_err(fault)?;
            made = self.store.document(made.uuid.0).await.map_err(fault)?;
        }
        Ok(made)
    }

    async fn destroy_allocation(&self, allocation: AllocationId) -> Result<(), ApiFault> {
        let deleted = self.store.delete_allocation(allocation).await;
        deleted.map(drop).map_err(fault)
    }

    async fn vifs(&self, node: NodeId) -> Result<Vec<String>, ApiFault> {
        let node = self.store.node_by_id(node).await.map_err(fault)?;
        vif::list(&self.store, &node).await
    }

    async fn attach_vif(&self, node: NodeId, request: VifRequest) -> Result<(), ApiFault> {
        let node = self.store.node_by_id(node).await.map_err(fault)?;
        vif::attach(&self.store, &node, &request).await
    }

    async fn detach_vif(&self, node: NodeId, vif: &str) -> Result<(), ApiFault> {
        let node = self.store.node_by_id(node).await.map_err(fault)?;
        vif::detach(&self.store, &node, vif).await
    }

    async fn vendor_methods(&self, _node: NodeId) -> Result<Object, ApiFault> {
        Ok(Object::new())
    }

    async fn call_vendor(
        &self,
        _node: NodeId,
        method: &str,
        http_method: &str,
        arguments: Object,
    ) -> Result<Option<Value>, ApiFault> {
        let answer = json!([method, http_method, arguments]);
        Ok((method != "later").then_some(answer))
    }

    async fn lookup(
        &self,
        _addresses: &[MacAddress],
        node: Option<NodeId>,
    ) -> Result<LookupAnswer, ApiFault> {
        let node = node.ok_or_else(|| ApiFault::routing(404, ""))?;
        let answer = json!({
            "node": { "uuid": node, "driver_internal_info": { "agent_secret_token": "hunter2" } },
            "config": { "heartbeat_timeout": 300, "agent_token": "first-and-only" },
        });
        serde_json::from_value(answer).map_err(|e| ApiFault::internal(e.to_string()))
    }

    async fn heartbeat(&self, _node: NodeId, heartbeat: Heartbeat) -> Result<(), ApiFault> {
        match heartbeat.agent_token {
            Some(token) if token.matches("good") => Ok(()),
            Some(_) | None => Err(ApiFault::bad_request(
                "Invalid or missing agent token received.",
            )),
        }
    }

    async fn continue_inspection(
        &self,
        node: Option<NodeId>,
        _data: Object,
    ) -> Result<LookupAnswer, ApiFault> {
        self.lookup(&[], node).await
    }

    /// One batch, then nothing any more.
    async fn serial_follow(
        &self,
        _node: NodeId,
        who: SerialFollow,
    ) -> Result<SerialBatch, ApiFault> {
        if who.state > 0 {
            std::future::pending::<()>().await;
        }
        let next = SerialCursor {
            session: 1,
            position: 5,
        };
        let state = SerialState {
            link: SerialLink::Connected,
            watchers: vec![SerialWatcher {
                user: who.user,
                since: jiff::Timestamp::UNIX_EPOCH,
            }],
            recording: false,
        };
        let output = SerialItem::Output {
            next,
            at: jiff::Timestamp::UNIX_EPOCH,
            characters: b"login".to_vec(),
        };
        Ok(SerialBatch {
            items: vec![SerialItem::State(state), output],
            next,
            state: 1,
        })
    }

    async fn serial_leave(&self, _node: NodeId, _watcher: Uuid) {}

    async fn serial_send(&self, _node: NodeId, _send: SerialSend) -> Result<(), ApiFault> {
        Ok(())
    }

    async fn agent_logs(&self, _node: NodeId) -> Result<Vec<AgentLog>, ApiFault> {
        Ok(Vec::new())
    }

    async fn agent_log_lines(
        &self,
        _node: NodeId,
        name: &str,
        from: u64,
        count: usize,
    ) -> Result<LogPage, ApiFault> {
        let mut page = LogPage {
            first: from,
            ..LogPage::default()
        };
        page.lines.resize(count, name.to_owned());
        Ok(page)
    }

    /// Ten chunks of the name.
    async fn agent_log_bytes(
        &self,
        _node: NodeId,
        name: &str,
        offset: u64,
    ) -> Result<Bytes, ApiFault> {
        if name == "missing" {
            return Err(ApiFault::not_found(name));
        }
        let is_over = offset >= 10 * name.len() as u64;
        Ok(Bytes::copy_from_slice(if is_over {
            b""
        } else {
            name.as_bytes()
        }))
    }

    async fn set_indicator(&self, _node: NodeId, lamp: &Lamp<'_>) -> Result<(), ApiFault> {
        match (lamp.component, lamp.state) {
            ("chassis", "on" | "off") => Ok(()),
            (component, state) => Err(ApiFault::bad_request(format!("{component} {state}"))),
        }
    }

    async fn identify(&self, driver: &str, _info: Object, on: bool) -> Result<(), ApiFault> {
        match on {
            true => Ok(()),
            false => Err(ApiFault::bad_request(format!("{driver} stays lit"))),
        }
    }

    async fn discover(&self, request: DiscoveryRequest) -> Result<DiscoveryReport, ApiFault> {
        Ok(DiscoveryReport {
            silent: request.addresses.len(),
            ..DiscoveryReport::default()
        })
    }

    async fn probe(&self, driver: &str, _info: Object) -> Result<ProbeReport, ApiFault> {
        let manufacturer = Some(driver.to_owned());
        Ok(ProbeReport {
            manufacturer,
            ..ProbeReport::default()
        })
    }

    async fn drivers(&self) -> Result<Vec<Driver>, ApiFault> {
        let rest =
            json!({ "default_power_interface": "fake", "enabled_bios_interfaces": ["no-bios"] });
        let rest = rest.as_object().cloned().unwrap_or_default();
        let hosts = vec!["host1".to_owned()];
        Ok(vec![Driver {
            name: "fake-hardware".to_owned(),
            hosts,
            rest,
        }])
    }

    async fn driver_properties(&self, driver: &str) -> Result<Object, ApiFault> {
        Err(ApiFault::not_found(format!(
            "The driver '{driver}' is unknown."
        )))
    }

    fn conductor_of(&self, _node: NodeId, _driver: &str, _group: &str) -> Option<String> {
        Some("host1".to_owned())
    }

    fn assignment_version(&self) -> u64 {
        0
    }
}
