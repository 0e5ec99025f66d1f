//! The seam between the API and the conductors: which calls there are, and nothing of how they
//! travel.
//!
//! In one process the API holds the conductor itself as an [`Rpc`]. A message queue between API
//! and conductor processes is another implementation of the same trait; handlers never know.

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
use cupola_api::serial::{SerialCursor, SerialItem, SerialSend};
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use cupola_drivers::interface::Lamp;
use serde_json::Value;
use uuid::Uuid;

/// Who follows a serial console, and where it is.
#[derive(Clone, Debug)]
pub struct SerialFollow {
    /// Who: the same for as long as it follows.
    pub watcher: Uuid,
    /// The user's name, to be shown to others who follow.
    pub user: Option<String>,
    /// The place behind what it has; none for all that is kept.
    pub after: Option<SerialCursor>,
    /// [`SerialBatch::state`] of the last answer, 0 before the first.
    pub state: u64,
    /// Whether the console is taken from another session of the BMC, when it is opened for the first
    /// time.
    pub take_over: bool,
}

/// What is new of a serial console.
#[derive(Clone, Debug)]
pub struct SerialBatch {
    /// The state where it has changed, then the output.
    pub items: Vec<SerialItem>,
    /// The place behind it.
    pub next: SerialCursor,
    /// Which state was told.
    pub state: u64,
}

/// What the API asks of a conductor. Every call answers within a deadline; what takes longer is
/// started by the call and goes on after it.
#[async_trait::async_trait]
pub trait Rpc: Send + Sync + 'static {
    /// Chooses the interfaces of a node that is about to be enrolled, and checks that a live
    /// conductor serves its hardware type. The node is not stored yet.
    async fn prepare_node(&self, node: &mut Node) -> Result<(), ApiFault>;

    /// Applies a change that the API has validated in form: takes the lock, checks the guards that
    /// need it (wire reference §8.3 from `protected` on), stores the node, tells subscribers.
    ///
    /// What differs between `before` (as the API read it) and `after` is written over the node as
    /// it is under the lock, field by field, so that nothing that moved meanwhile is undone. An
    /// interface that is none in `after` stands for the hardware type's default. This also carries
    /// maintenance, with its reason and fault.
    async fn update_node(
        &self,
        before: &Node,
        after: Node,
        reset_interfaces: bool,
    ) -> Result<Node, ApiFault>;

    /// Deletes a node and everything that belongs to it.
    async fn destroy_node(&self, node: NodeId) -> Result<(), ApiFault>;

    /// Starts what a provision verb asks for. Returns when the lock is taken and the work started.
    async fn provision(
        &self,
        node: NodeId,
        verb: ProvisionVerb,
        request: ProvisionRequest,
    ) -> Result<(), ApiFault>;

    /// Starts a power change. Returns when the lock is taken and the work started.
    async fn power(
        &self,
        node: NodeId,
        target: PowerTarget,
        timeout_seconds: Option<u32>,
    ) -> Result<(), ApiFault>;

    /// Asks each interface whether it has what it needs.
    async fn validate(&self, node: NodeId) -> Result<Validations, ApiFault>;

    /// Reads the boot device from the BMC.
    async fn boot_device(&self, node: NodeId) -> Result<BootDeviceSetting, ApiFault>;

    /// Sets the boot device at the BMC.
    async fn set_boot_device(
        &self,
        node: NodeId,
        device: BootDevice,
        persistent: bool,
    ) -> Result<(), ApiFault>;

    /// The boot devices that the node's management interface can set.
    async fn supported_boot_devices(&self, node: NodeId) -> Result<Vec<BootDevice>, ApiFault>;

    /// What is in the virtual drives of a node.
    async fn virtual_media(&self, node: NodeId) -> Result<Value, ApiFault>;

    /// Starts to put an image into a virtual drive, or to empty all of them. What comes of it is
    /// told by `last_error`.
    async fn change_virtual_media(
        &self,
        node: NodeId,
        media: Option<VirtualMedia>,
    ) -> Result<(), ApiFault>;

    /// The lamps of a node's machine.
    async fn indicators(&self, node: NodeId) -> Result<Vec<Indicator>, ApiFault>;

    /// Switches a lamp of a node's machine.
    async fn set_indicator(&self, node: NodeId, lamp: &Lamp<'_>) -> Result<(), ApiFault>;

    /// Lights the locate LED of a machine that has no node yet, or puts it out.
    async fn identify(&self, driver: &str, driver_info: Object, on: bool) -> Result<(), ApiFault>;

    /// Looks for BMCs at these addresses.
    async fn discover(&self, request: DiscoveryRequest) -> Result<DiscoveryReport, ApiFault>;

    /// Sends the machine a non-maskable interrupt.
    async fn inject_nmi(&self, node: NodeId) -> Result<(), ApiFault>;

    /// Starts a change of the boot mode. What comes of it is told by `last_error`.
    async fn set_boot_mode(&self, node: NodeId, mode: BootMode) -> Result<(), ApiFault>;

    /// Starts a change of Secure Boot. What comes of it is told by `last_error`.
    async fn set_secure_boot(&self, node: NodeId, on: bool) -> Result<(), ApiFault>;

    /// Keeps the RAID configuration that the next cleaning shall make; an empty one is none.
    async fn set_target_raid_config(&self, node: NodeId, raid: Object) -> Result<(), ApiFault>;

    /// How to reach the node's console; `None` where it is not enabled.
    async fn console(&self, node: NodeId) -> Result<Option<Object>, ApiFault>;

    /// Enables or disables the node's console.
    async fn set_console(&self, node: NodeId, enabled: bool) -> Result<(), ApiFault>;

    /// Stores an allocation and looks for its node, which goes on after the call; with a node, which
    /// is in use, the allocation is made for that one.
    async fn create_allocation(
        &self,
        allocation: Allocation,
        node: Option<NodeId>,
    ) -> Result<Allocation, ApiFault>;

    /// Deletes an allocation and frees its node.
    async fn destroy_allocation(&self, allocation: AllocationId) -> Result<(), ApiFault>;

    /// The virtual network interfaces (VIFs) that are attached to a node.
    async fn vifs(&self, node: NodeId) -> Result<Vec<String>, ApiFault>;

    /// Attaches a VIF to a free port or port group of a node.
    async fn attach_vif(&self, node: NodeId, request: VifRequest) -> Result<(), ApiFault>;

    /// Detaches a VIF from a node.
    async fn detach_vif(&self, node: NodeId, vif: &str) -> Result<(), ApiFault>;
    /// The methods of a node's vendor interface, each with what is told of it.
    async fn vendor_methods(&self, node: NodeId) -> Result<Object, ApiFault>;

    /// Runs a method of a node's vendor interface; `None` where it goes on after the answer.
    async fn call_vendor(
        &self,
        node: NodeId,
        method: &str,
        http_method: &str,
        arguments: Object,
    ) -> Result<Option<Value>, ApiFault>;

    /// An agent asks which node it runs on.
    async fn lookup(
        &self,
        addresses: &[MacAddress],
        node: Option<NodeId>,
    ) -> Result<LookupAnswer, ApiFault>;

    /// An agent says that it lives. Work that this causes goes on after the call.
    async fn heartbeat(&self, node: NodeId, heartbeat: Heartbeat) -> Result<(), ApiFault>;

    /// An agent hands over what it found; the node is named or found by its ports' addresses.
    async fn continue_inspection(
        &self,
        node: Option<NodeId>,
        data: Object,
    ) -> Result<LookupAnswer, ApiFault>;

    /// The logs that were collected of the node's ramdisks, the newest first.
    async fn agent_logs(&self, node: NodeId) -> Result<Vec<AgentLog>, ApiFault>;

    /// At most `count` lines of such a log from number `from` on, counted from 0.
    async fn agent_log_lines(
        &self,
        node: NodeId,
        name: &str,
        from: u64,
        count: usize,
    ) -> Result<LogPage, ApiFault>;

    /// Bytes of such a log, a gzipped tar archive, from `offset` on: as many as suit the transport,
    /// none at its end.
    async fn agent_log_bytes(
        &self,
        node: NodeId,
        name: &str,
        offset: u64,
    ) -> Result<Bytes, ApiFault>;

    /// What came of a node's serial console behind a place; opens it for the first who follows, and
    /// answers as soon as there is something, at the latest after a few seconds with nothing. Who
    /// follows asks again and again: who does not for a while counts as gone.
    async fn serial_follow(&self, node: NodeId, who: SerialFollow)
    -> Result<SerialBatch, ApiFault>;

    /// Somebody does not follow a serial console any more.
    async fn serial_leave(&self, node: NodeId, watcher: Uuid);

    /// Types into a serial console that is followed, or sends it a break.
    async fn serial_send(&self, node: NodeId, send: SerialSend) -> Result<(), ApiFault>;

    /// Tests a BMC before its node exists.
    async fn probe(&self, driver: &str, driver_info: Object) -> Result<ProbeReport, ApiFault>;

    /// The hardware types that live conductors serve, with their interfaces in
    /// [`Driver::rest`] as `default_X_interface` and `enabled_X_interfaces`.
    async fn drivers(&self) -> Result<Vec<Driver>, ApiFault>;

    /// The `driver_info` keys of a hardware type, each with its description; 404 when unknown.
    async fn driver_properties(&self, driver: &str) -> Result<Object, ApiFault>;

    /// The name of the conductor that manages nodes of this hardware type and group now.
    fn conductor_of(&self, node: NodeId, driver: &str, group: &str) -> Option<String>;

    /// Grows whenever [`Self::conductor_of`] may answer otherwise than before.
    fn assignment_version(&self) -> u64;
}
