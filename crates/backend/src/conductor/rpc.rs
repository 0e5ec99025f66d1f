//! The seam's side of the conductor: each call handed to the file that does the work.

use std::time::Duration;

use async_trait::async_trait;
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
    BootDevice, BootDeviceSetting, Driver, Indicator, ProvisionRequest, Validations, VifRequest,
    VirtualMedia,
};
use cupola_api::serial::SerialSend;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use cupola_drivers::interface::Lamp;
use serde_json::Value;
use uuid::Uuid;

use super::error::{WorkError, store_fault};
use super::management::FirmwareChange;
use super::work::Work;
use super::{Conductor, vif};
use crate::rpc::{Rpc, SerialBatch, SerialFollow};

/// How long a BMC may take over a question that somebody waits for.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(50);

#[async_trait]
impl Rpc for Conductor {
    async fn prepare_node(&self, node: &mut Node) -> Result<(), ApiFault> {
        self.choose_interfaces(node)
    }

    async fn update_node(
        &self,
        before: &Node,
        after: Node,
        reset_interfaces: bool,
    ) -> Result<Node, ApiFault> {
        self.change_node(before, after, reset_interfaces).await
    }

    async fn destroy_node(&self, node: NodeId) -> Result<(), ApiFault> {
        self.delete_node(node).await
    }

    async fn provision(
        &self,
        node: NodeId,
        verb: ProvisionVerb,
        request: ProvisionRequest,
    ) -> Result<(), ApiFault> {
        Box::pin(self.start_verb(node, verb, request)).await
    }

    async fn power(
        &self,
        node: NodeId,
        target: PowerTarget,
        timeout_seconds: Option<u32>,
    ) -> Result<(), ApiFault> {
        let timeout = timeout_seconds.map(|s| Duration::from_secs(s.into()));
        self.start_power(node, target, timeout).await
    }

    async fn validate(&self, node: NodeId) -> Result<Validations, ApiFault> {
        self.validate_node(node).await
    }

    async fn boot_device(&self, node: NodeId) -> Result<BootDeviceSetting, ApiFault> {
        let (task, hardware) = Work::new(self.clone(), node).hardware().await?;
        let task = task.within(ANSWER_LIMIT);
        hardware
            .management
            .validate(&task)
            .map_err(WorkError::from)?;
        let read = hardware.management.boot_device(&task).await;
        Ok(read.map_err(WorkError::from)?)
    }

    async fn set_boot_device(
        &self,
        node: NodeId,
        device: BootDevice,
        persistent: bool,
    ) -> Result<(), ApiFault> {
        let held = self.lock(node).await?;
        let set = async {
            let (task, hardware) = held.work.hardware().await?;
            let task = task.within(ANSWER_LIMIT);
            hardware.management.validate(&task)?;
            hardware
                .management
                .set_boot_device(&task, device, persistent)
                .await?;
            Ok::<_, WorkError>(())
        }
        .await;
        self.release(held).await;
        Ok(set?)
    }

    async fn supported_boot_devices(&self, node: NodeId) -> Result<Vec<BootDevice>, ApiFault> {
        let (_, hardware) = Work::new(self.clone(), node).hardware().await?;
        Ok(hardware.management.supported_boot_devices().to_vec())
    }

    async fn virtual_media(&self, node: NodeId) -> Result<Value, ApiFault> {
        let (task, hardware) = Work::new(self.clone(), node).hardware().await?;
        let task = task.within(ANSWER_LIMIT);
        let told = hardware.management.virtual_media(&task).await;
        Ok(told.map_err(WorkError::from)?)
    }

    async fn change_virtual_media(
        &self,
        node: NodeId,
        media: Option<VirtualMedia>,
    ) -> Result<(), ApiFault> {
        self.start_firmware_change(node, FirmwareChange::VirtualMedia(media))
            .await
    }

    async fn indicators(&self, node: NodeId) -> Result<Vec<Indicator>, ApiFault> {
        let (task, hardware) = Work::new(self.clone(), node).hardware().await?;
        let known = hardware
            .management
            .indicators(&task.within(ANSWER_LIMIT))
            .await;
        Ok(known.map_err(WorkError::from)?)
    }

    async fn set_indicator(&self, node: NodeId, lamp: &Lamp<'_>) -> Result<(), ApiFault> {
        self.switch_lamp(node, lamp).await
    }

    async fn identify(&self, driver: &str, driver_info: Object, on: bool) -> Result<(), ApiFault> {
        let mut node = Node::new(NodeId::random(), driver.to_owned());
        self.choose_interfaces(&mut node)?;
        let hardware = self.registry().hardware(&node).map_err(WorkError::from)?;
        let lit = hardware.management.identify(&driver_info, on).await;
        Ok(lit.map_err(WorkError::from)?)
    }

    async fn discover(&self, request: DiscoveryRequest) -> Result<DiscoveryReport, ApiFault> {
        self.look_for_bmcs(request).await
    }

    async fn inject_nmi(&self, node: NodeId) -> Result<(), ApiFault> {
        self.interrupt(node).await
    }

    async fn set_boot_mode(&self, node: NodeId, mode: BootMode) -> Result<(), ApiFault> {
        self.start_firmware_change(node, FirmwareChange::BootMode(mode))
            .await
    }

    async fn set_secure_boot(&self, node: NodeId, on: bool) -> Result<(), ApiFault> {
        self.start_firmware_change(node, FirmwareChange::SecureBoot(on))
            .await
    }

    async fn set_target_raid_config(&self, node: NodeId, raid: Object) -> Result<(), ApiFault> {
        self.keep_raid_target(node, raid).await
    }

    async fn console(&self, node: NodeId) -> Result<Option<Object>, ApiFault> {
        self.console_of(node).await
    }

    async fn set_console(&self, node: NodeId, enabled: bool) -> Result<(), ApiFault> {
        self.switch_console(node, enabled).await
    }

    async fn create_allocation(
        &self,
        allocation: Allocation,
        node: Option<NodeId>,
    ) -> Result<Allocation, ApiFault> {
        match node {
            Some(node) => self.backfill(allocation, node).await,
            None => self.start_allocation(allocation).await,
        }
    }

    async fn destroy_allocation(&self, allocation: AllocationId) -> Result<(), ApiFault> {
        self.remove_allocation(allocation).await
    }

    async fn vifs(&self, node: NodeId) -> Result<Vec<String>, ApiFault> {
        let node = self.store().node_by_id(node).await;
        let node = node.map_err(|error| store_fault(&error))?;
        vif::list(self.store(), &node).await
    }

    async fn attach_vif(&self, node: NodeId, request: VifRequest) -> Result<(), ApiFault> {
        self.attach_to(node, &request).await
    }

    async fn detach_vif(&self, node: NodeId, vif: &str) -> Result<(), ApiFault> {
        self.detach_from(node, vif).await
    }

    async fn vendor_methods(&self, node: NodeId) -> Result<Object, ApiFault> {
        self.methods_of_vendor(node).await
    }

    async fn call_vendor(
        &self,
        node: NodeId,
        method: &str,
        http_method: &str,
        arguments: Object,
    ) -> Result<Option<Value>, ApiFault> {
        self.run_vendor(node, method, http_method, arguments).await
    }

    async fn lookup(
        &self,
        addresses: &[MacAddress],
        node: Option<NodeId>,
    ) -> Result<LookupAnswer, ApiFault> {
        self.look_up(addresses, node).await
    }

    async fn heartbeat(&self, node: NodeId, heartbeat: Heartbeat) -> Result<(), ApiFault> {
        self.take_heartbeat(node, heartbeat).await
    }

    async fn continue_inspection(
        &self,
        node: Option<NodeId>,
        data: Object,
    ) -> Result<LookupAnswer, ApiFault> {
        self.take_inspection(node, data).await
    }

    async fn agent_logs(&self, node: NodeId) -> Result<Vec<AgentLog>, ApiFault> {
        self.logs_of(node).await
    }

    async fn agent_log_lines(
        &self,
        node: NodeId,
        name: &str,
        from: u64,
        count: usize,
    ) -> Result<LogPage, ApiFault> {
        self.log_lines(node, name, from, count).await
    }

    async fn agent_log_bytes(
        &self,
        node: NodeId,
        name: &str,
        offset: u64,
    ) -> Result<Bytes, ApiFault> {
        self.log_bytes(node, name, offset).await
    }

    async fn serial_follow(
        &self,
        node: NodeId,
        who: SerialFollow,
    ) -> Result<SerialBatch, ApiFault> {
        self.follow_serial(node, who).await
    }

    async fn serial_leave(&self, node: NodeId, watcher: Uuid) {
        self.leave_serial(node, watcher);
    }

    async fn serial_send(&self, node: NodeId, send: SerialSend) -> Result<(), ApiFault> {
        self.send_serial(node, send).await
    }

    async fn probe(&self, driver: &str, driver_info: Object) -> Result<ProbeReport, ApiFault> {
        let mut node = Node::new(NodeId::random(), driver.to_owned());
        self.choose_interfaces(&mut node)?;
        let hardware = self.registry().hardware(&node).map_err(WorkError::from)?;
        Ok(hardware.power.probe(&driver_info).await)
    }

    async fn drivers(&self) -> Result<Vec<Driver>, ApiFault> {
        let conductors = self
            .store()
            .conductors(self.options().heartbeat_timeout)
            .await
            .map_err(|error| store_fault(&error))?;
        let mut drivers = Vec::new();
        for name in self.registry().types() {
            let Ok(hardware_type) = self.registry().hardware_type(name) else {
                continue;
            };
            drivers.push(Driver {
                name: name.to_owned(),
                hosts: conductors
                    .iter()
                    .filter(|c| c.alive && c.drivers.iter().any(|d| d == name))
                    .map(|c| c.hostname.clone())
                    .collect(),
                rest: self.registry().describe(hardware_type),
            });
        }
        Ok(drivers)
    }

    async fn driver_properties(&self, driver: &str) -> Result<Object, ApiFault> {
        self.registry()
            .properties(driver)
            .map_err(|_| ApiFault::not_found(format!("The driver '{driver}' is unknown.")))
    }

    fn conductor_of(&self, _: NodeId, driver: &str, group: &str) -> Option<String> {
        let served = self.registry().hardware_type(driver).is_ok()
            && group.eq_ignore_ascii_case(&self.options().group);
        served.then(|| self.host().to_owned())
    }

    fn assignment_version(&self) -> u64 {
        // What this process serves is settled when it starts.
        0
    }
}
